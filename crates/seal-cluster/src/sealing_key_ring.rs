//! The SealingKeyRing of an installation: read, and its status written.
//!
//! What it asks for is done elsewhere.

use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use seal_api::sealing_key_ring::NAME;
use seal_api::{SealingKeyRing, SealingKeyRingStatus};
use serde_json::json;

use crate::call::{CallError, bounded};

/// The object, if it stands; a cluster without its definition has none.
///
/// # Errors
/// [`CallError`].
pub async fn find(client: &Client, namespace: &str) -> Result<Option<SealingKeyRing>, CallError> {
    let all: Api<SealingKeyRing> = Api::namespaced(client.clone(), namespace);
    match bounded(all.get(NAME)).await {
        Err(error) if error.is_not_found() => Ok(None),
        found => found.map(Some),
    }
}

/// Replaces the status of `ring` as it was seen.
///
/// # Errors
/// [`CallError`]; a conflict when the object changed since.
pub async fn write_status(
    client: &Client,
    ring: &SealingKeyRing,
    status: &SealingKeyRingStatus,
) -> Result<(), CallError> {
    let namespace = ring.metadata.namespace.as_deref().unwrap_or_default();
    let all: Api<SealingKeyRing> = Api::namespaced(client.clone(), namespace);
    let patch = Patch::Merge(json!({
        "metadata": {"uid": ring.metadata.uid, "resourceVersion": ring.metadata.resource_version},
        "status": status,
    }));
    bounded(all.patch_status(NAME, &PatchParams::default(), &patch)).await?;
    Ok(())
}
