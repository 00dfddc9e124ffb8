//! Reads what Secrets and ConfigMaps hold, for those who refer to their entries: templates, credentials, certificates.
//!
//! Whether an object may refer to another one is the engine's to say.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client};
use seal_core::Plaintext;
use seal_engine::SecretVersion;

use crate::apply::version;
use crate::call::{CallError, bounded};
use crate::secrets::Secrets;

/// What kind of object holds entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holder {
    /// A Secret.
    Secret,
    /// A ConfigMap.
    ConfigMap,
}

impl Holder {
    /// Its kind.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Secret => "Secret",
            Self::ConfigMap => "ConfigMap",
        }
    }

    /// As RBAC names it.
    pub fn resource(self) -> &'static str {
        match self {
            Self::Secret => "secrets",
            Self::ConfigMap => "configmaps",
        }
    }
}

/// What an object held when it was read.
pub struct Held {
    /// Its entries.
    pub entries: BTreeMap<String, Plaintext>,
    /// Its labels: some who refer to it want one.
    pub labels: BTreeMap<String, String>,
    /// The version that was read.
    pub version: SecretVersion,
}

/// What the object `namespace/name` holds, if it stands.
///
/// # Errors
/// [`CallError`].
pub async fn entries(
    client: &Client,
    holder: Holder,
    namespace: &str,
    name: &str,
) -> Result<Option<Held>, CallError> {
    match holder {
        Holder::Secret => {
            let secret = Secrets::new(client.clone()).find(namespace, name).await?;
            Ok(secret.map(|secret| Held {
                version: version(&secret),
                labels: secret.metadata.labels.unwrap_or_default(),
                entries: secret.data,
            }))
        }
        Holder::ConfigMap => {
            let all: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
            let Some(map) = bounded(all.get_opt(name)).await? else {
                return Ok(None);
            };
            let texts = map.data.unwrap_or_default().into_iter();
            let texts = texts.map(|(entry, text)| (entry, Plaintext::new(text.into_bytes())));
            let bytes = map.binary_data.unwrap_or_default().into_iter();
            let bytes = bytes.map(|(entry, bytes)| (entry, Plaintext::new(bytes.0)));
            Ok(Some(Held {
                entries: texts.chain(bytes).collect(),
                labels: map.metadata.labels.unwrap_or_default(),
                version: SecretVersion {
                    uid: map.metadata.uid.unwrap_or_default(),
                    resource_version: map.metadata.resource_version.unwrap_or_default(),
                },
            }))
        }
    }
}
