//! Writes the status of a SealedSecret and reads the record out of it.
//!
//! The write names uid and resourceVersion, so it cannot overwrite what was not seen. What the
//! status says is the engine's.

use kube::api::{ObjectMeta, Patch, PatchParams};
use kube::core::PartialObjectMeta;
use kube::{Api, Client};
use seal_api::{SealedSecret, SealedSecretStatus};
use seal_engine::{RECORD_CONDITION, Record};
use serde_json::json;

use crate::call::{CallError, Deed, bounded};

/// What writing a status takes.
pub const STATUS: Deed = Deed {
    verb: "patch",
    resource: "sealedsecrets/status",
};

/// Replaces the status of the SealedSecret with this metadata, as it was seen; returns its metadata
/// as it then stands.
///
/// # Errors
/// [`CallError`]; a conflict when the object changed since.
pub async fn write_status(
    client: &Client,
    metadata: &ObjectMeta,
    status: &SealedSecretStatus,
) -> Result<ObjectMeta, CallError> {
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    let name = metadata.name.as_deref().unwrap_or_default();
    // The answer is metadata only: the object may be one that cannot be read.
    let objects: Api<PartialObjectMeta<SealedSecret>> = Api::namespaced(client.clone(), namespace);
    let patch = Patch::Merge(json!({
        "metadata": {"uid": metadata.uid, "resourceVersion": metadata.resource_version},
        "status": status,
    }));
    Ok(
        bounded(objects.patch_status(name, &PatchParams::default(), &patch))
            .await?
            .metadata,
    )
}

/// The record that `object` carries. It may be anybody's: only the engine can tell whether it is ours.
pub fn recorded(object: &SealedSecret) -> Option<Record> {
    let conditions = &object.status.as_ref()?.conditions;
    let kept = conditions
        .iter()
        .find(|condition| condition.kind == RECORD_CONDITION)?;
    serde_json::from_str(kept.message.as_deref()?).ok()
}
