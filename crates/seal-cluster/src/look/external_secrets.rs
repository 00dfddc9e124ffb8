//! What an explanation of ExternalSecrets asks for. Of a Secret it learns the names of entries from the metadata, which
//! say who wrote which, and never a value.

use std::collections::{BTreeMap, BTreeSet};

use kube::core::ObjectMeta;
use seal_api::external_secrets::{
    ClusterSecretStore, ExternalSecret, SecretStore, SecretStoreSpec, SecretStoreStatus, StoreKind,
};

use super::objects::{core, wanted};
use super::{Look, Seen};
use crate::watch::Watched;

/// An ExternalSecret, or the metadata of something that cannot be read as one.
pub type ExternalSecretSeen = Result<ExternalSecret, Box<ObjectMeta>>;

/// A store of either kind.
#[derive(Clone, Debug)]
pub struct StoreSeen {
    /// Its metadata.
    pub metadata: ObjectMeta,
    /// What it is; nothing where it cannot be read.
    pub spec: Option<SecretStoreSpec>,
    /// What is said about it.
    pub status: Option<SecretStoreStatus>,
}

const API: &str = "/apis/external-secrets.io/v1";

impl Look {
    /// An ExternalSecret.
    pub async fn external_secret(&self, namespace: &str, name: &str) -> Seen<ExternalSecretSeen> {
        let path = format!("{API}/namespaces/{namespace}/externalsecrets/{name}");
        let wanted = wanted("get", "externalsecrets.external-secrets.io", namespace);
        let seen = self.get::<Watched<ExternalSecret>>(&path, wanted).await;
        seen.map(|object| object.0.map_err(|invalid| Box::new(invalid.metadata)))
    }

    /// The store of that kind that an object in `namespace` names.
    pub async fn store(&self, kind: StoreKind, namespace: &str, name: &str) -> Seen<StoreSeen> {
        match kind {
            StoreKind::SecretStore => {
                let path = format!("{API}/namespaces/{namespace}/secretstores/{name}");
                let wanted = wanted("get", "secretstores.external-secrets.io", namespace);
                let seen = self.get::<Watched<SecretStore>>(&path, wanted).await;
                seen.map(StoreSeen::of_namespace)
            }
            StoreKind::ClusterSecretStore => {
                let path = format!("{API}/clustersecretstores/{name}");
                let wanted = wanted("get", "clustersecretstores.external-secrets.io", "");
                let seen = self.get::<Watched<ClusterSecretStore>>(&path, wanted).await;
                seen.map(StoreSeen::of_cluster)
            }
        }
    }

    /// The labels of a namespace.
    pub async fn namespace_labels(&self, name: &str) -> Seen<BTreeMap<String, String>> {
        let path = format!("/api/v1/namespaces/{name}");
        let seen = self.metadata(&path, wanted("get", "namespaces", "")).await;
        seen.map(|metadata| metadata.labels.unwrap_or_default())
    }

    /// The metadata of a ServiceAccount.
    pub async fn service_account(&self, namespace: &str, name: &str) -> Seen<ObjectMeta> {
        let wanted = wanted("get", "serviceaccounts", namespace);
        self.metadata(&core(namespace, "serviceaccounts", name), wanted)
            .await
    }

    /// The metadata of a ConfigMap.
    pub async fn config_map_metadata(&self, namespace: &str, name: &str) -> Seen<ObjectMeta> {
        let wanted = wanted("get", "configmaps", namespace);
        self.metadata(&core(namespace, "configmaps", name), wanted).await
    }
}

impl StoreSeen {
    /// A SecretStore as a list or a watch tells of it.
    pub fn of_namespace(seen: Watched<SecretStore>) -> Self {
        match seen.0 {
            Ok(store) => Self {
                metadata: store.metadata,
                spec: Some(store.spec),
                status: store.status,
            },
            Err(invalid) => Self::unreadable(invalid.metadata),
        }
    }

    /// A ClusterSecretStore as a list or a watch tells of it.
    pub fn of_cluster(seen: Watched<ClusterSecretStore>) -> Self {
        match seen.0 {
            Ok(store) => Self {
                metadata: store.metadata,
                spec: Some(store.spec.store),
                status: store.status,
            },
            Err(invalid) => Self::unreadable(invalid.metadata),
        }
    }

    fn unreadable(metadata: ObjectMeta) -> Self {
        Self {
            metadata,
            spec: None,
            status: None,
        }
    }
}

/// The names of the entries of a Secret or ConfigMap, as its metadata say who wrote which; nothing where they do not.
pub fn entry_names(metadata: &ObjectMeta) -> Option<BTreeSet<String>> {
    let mut names = None;
    for fields in metadata.managed_fields.iter().flatten() {
        let Some(fields) = fields.fields_v1.as_ref() else {
            continue;
        };
        for part in ["f:data", "f:stringData", "f:binaryData"] {
            let Some(written) = fields.0.get(part).and_then(serde_json::Value::as_object) else {
                continue;
            };
            let written = written.keys().filter_map(|name| name.strip_prefix("f:"));
            names
                .get_or_insert_with(BTreeSet::new)
                .extend(written.map(str::to_owned));
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(fields: serde_json::Value) -> ObjectMeta {
        serde_json::from_value(serde_json::json!({"managedFields": fields})).unwrap()
    }

    #[test]
    fn entries_are_known_by_who_wrote_them_and_by_nothing_else() {
        let written = metadata(serde_json::json!([
            {"manager": "a", "operation": "Update", "fieldsV1": {"f:data": {".": {}, "f:token": {}}, "f:type": {}}},
            {"manager": "b", "operation": "Apply", "fieldsV1": {"f:stringData": {"f:user": {}}}},
        ]));
        let expected = ["token", "user"].map(str::to_owned);
        assert_eq!(entry_names(&written), Some(BTreeSet::from(expected)));
        assert_eq!(entry_names(&metadata(serde_json::json!([]))), None);
        let other = metadata(serde_json::json!([{"manager": "a", "fieldsV1": {"f:metadata": {}}}]));
        assert_eq!(entry_names(&other), None, "somebody may have removed what told");
    }
}
