//! The SealingKeyRing of an installation: read, and its status written.
//!
//! What it asks for is done elsewhere.

use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use seal_api::sealing_key_ring::NAME;
use seal_api::{SealingKeyRing, SealingKeyRingStatus};
use serde_json::{Value, json};

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
        "status": in_place_of(ring.status.as_ref(), status),
    }));
    bounded(all.patch_status(NAME, &PatchParams::default(), &patch)).await?;
    Ok(())
}

// A merge leaves what it does not name: what stood there and is no more has to be named as nothing.
fn in_place_of(standing: Option<&SealingKeyRingStatus>, status: &SealingKeyRingStatus) -> Value {
    let (standing, mut patch) = (json!(standing), json!(status));
    for field in standing.as_object().into_iter().flat_map(|fields| fields.keys()) {
        if patch.get(field).is_none() {
            patch[field] = Value::Null;
        }
    }
    patch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_more_is_taken_out_of_the_status() {
        let standing = SealingKeyRingStatus {
            renewed: Some("now".to_owned()),
            observed_generation: Some(1),
            ..SealingKeyRingStatus::default()
        };
        let status = SealingKeyRingStatus {
            observed_generation: Some(2),
            ..SealingKeyRingStatus::default()
        };
        let patch = json!({"renewed": null, "observedGeneration": 2});
        assert_eq!(in_place_of(Some(&standing), &status), patch);
        assert_eq!(in_place_of(None, &status), json!({"observedGeneration": 2}));
    }
}
