//! Writes the status of an object, and reads the record out of a SealedSecret's.
//!
//! The write names uid and resourceVersion, so it cannot overwrite what was not seen. What the
//! status says is the engine's.

use kube::api::{ObjectMeta, Patch, PatchParams};
use kube::core::{PartialObjectMeta, Request};
use kube::{Client, Resource};
use seal_api::SealedSecret;
use seal_engine::{RECORD_CONDITION, Record};
use serde::Serialize;
use serde_json::json;

use crate::call::{CallError, Deed, bounded};

/// What writing a status takes.
pub const STATUS: Deed = Deed {
    verb: "patch",
    resource: "sealedsecrets/status",
};

/// Replaces the status of the object with this metadata, as it was seen; returns its metadata as it then stands.
///
/// # Errors
/// [`CallError`]; a conflict when the object changed since.
pub async fn write_status<K: Resource<DynamicType = ()>>(
    client: &Client,
    metadata: &ObjectMeta,
    status: &impl Serialize,
) -> Result<ObjectMeta, CallError> {
    let name = metadata.name.as_deref().unwrap_or_default();
    let all = Request::new(K::url_path(&(), metadata.namespace.as_deref()));
    let patch = Patch::Merge(json!({
        "metadata": {"uid": metadata.uid, "resourceVersion": metadata.resource_version},
        "status": status,
    }));
    let answer = async {
        let request = all.patch_subresource("status", name, &PatchParams::default(), &patch);
        // Of the answer the metadata only: the object may be one that cannot be read.
        client
            .request::<PartialObjectMeta<K>>(request.map_err(kube::Error::BuildRequest)?)
            .await
    };
    Ok(bounded(answer).await?.metadata)
}

/// The record that `object` carries. It may be anybody's: only the engine can tell whether it is ours.
pub fn recorded(object: &SealedSecret) -> Option<Record> {
    let conditions = &object.status.as_ref()?.conditions;
    let kept = conditions
        .iter()
        .find(|condition| condition.kind == RECORD_CONDITION)?;
    serde_json::from_str(kept.message.as_deref()?).ok()
}
