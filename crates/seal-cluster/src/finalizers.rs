//! Takes finalizers off objects that are on their way out, and touches nothing else of them.
//!
//! When that may be done is the caller's to judge.

use kube::api::{ObjectMeta, Patch, PatchParams};
use kube::core::{PartialObjectMeta, Request};
use kube::{Client, Resource};
use serde_json::json;

use crate::call::{CallError, Deed, bounded};

/// What taking one off takes.
pub const FINALIZER: Deed = Deed {
    verb: "patch",
    resource: "externalsecrets",
};

/// Takes `finalizer` off the object with this metadata, as it was seen.
///
/// # Errors
/// [`CallError`]; a conflict when the object changed since.
pub async fn remove_finalizer<K: Resource<DynamicType = ()>>(
    client: &Client,
    metadata: &ObjectMeta,
    finalizer: &str,
) -> Result<(), CallError> {
    let others: Vec<&String> = metadata
        .finalizers
        .iter()
        .flatten()
        .filter(|other| *other != finalizer)
        .collect();
    let patch = Patch::Merge(json!({
        "metadata": {
            "uid": metadata.uid,
            "resourceVersion": metadata.resource_version,
            "finalizers": others,
        },
    }));
    let name = metadata.name.as_deref().unwrap_or_default();
    let all = Request::new(K::url_path(&(), metadata.namespace.as_deref()));
    let answer = async {
        let request = all.patch(name, &PatchParams::default(), &patch);
        client
            .request::<PartialObjectMeta<K>>(request.map_err(kube::Error::BuildRequest)?)
            .await
    };
    bounded(answer).await.map(drop)
}
