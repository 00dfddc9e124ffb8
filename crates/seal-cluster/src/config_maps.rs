//! ConfigMaps on the API server: read, and put in the place of what was seen there.
//!
//! What is in them is decided elsewhere.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::PostParams;
use kube::{Api, Client};

use crate::call::{CallError, bounded};

/// The certificates, for everybody to seal with.
pub const CERTIFICATES: &str = "seal-certificates";
/// Its entry with the certificate of the key that seals.
pub const CERTIFICATE: &str = "certificate.pem";
/// Its entry with the certificates of all keys in use, the newest first.
pub const ALL_CERTIFICATES: &str = "certificates.pem";
/// Its entry with the statements which key follows which: a list of texts, in JSON.
pub const HISTORY: &str = "history.json";
/// The backup of the keys.
pub const BACKUP: &str = "seal-key-backup";
/// Its entry: an age file in armour, inside it a List of key Secrets.
pub const BACKUP_FILE: &str = "backup.age";

/// The ConfigMap `namespace/name`, if it stands.
///
/// # Errors
/// [`CallError`].
pub async fn find(client: &Client, namespace: &str, name: &str) -> Result<Option<ConfigMap>, CallError> {
    let all: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    bounded(all.get_opt(name)).await
}

/// Puts `desired` in the place of `standing`, or creates it where nothing stood.
///
/// # Errors
/// [`CallError`]; a conflict when something else stands there now.
pub async fn put(
    client: &Client,
    mut desired: ConfigMap,
    standing: Option<&ConfigMap>,
) -> Result<ConfigMap, CallError> {
    let namespace = desired.metadata.namespace.clone().unwrap_or_default();
    let all: Api<ConfigMap> = Api::namespaced(client.clone(), &namespace);
    let how = PostParams::default();
    let Some(standing) = standing else {
        return bounded(all.create(&how, &desired)).await;
    };
    desired.metadata.uid.clone_from(&standing.metadata.uid);
    desired
        .metadata
        .resource_version
        .clone_from(&standing.metadata.resource_version);
    let name = desired.metadata.name.clone().unwrap_or_default();
    bounded(all.replace(&name, &how, &desired)).await
}
