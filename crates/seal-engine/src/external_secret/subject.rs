//! What a record of an ExternalSecret is about: the spec, and labels and annotations, since a change of those makes it
//! fetch anew.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use seal_api::external_secrets::ExternalSecret;
use seal_api::external_secrets::names::EXTERNAL_SECRET;

use crate::due::Subject;

impl Subject for ExternalSecret {
    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn inputs(&self) -> Vec<Vec<u8>> {
        let text = |part: &Option<String>| part.clone().unwrap_or_default().into_bytes();
        let json = |part: serde_json::Result<Vec<u8>>| part.expect("an object has string keys only");
        vec![
            EXTERNAL_SECRET.as_bytes().to_vec(),
            text(&self.metadata.namespace),
            text(&self.metadata.name),
            text(&self.metadata.uid),
            json(serde_json::to_vec(&self.metadata.labels)),
            json(serde_json::to_vec(&self.metadata.annotations)),
            json(serde_json::to_vec(&self.spec)),
        ]
    }
}
