//! ExternalSecrets as they are written in many namespaces at once. What they are to be is the engine's to say.

use kube::api::{DeleteParams, PostParams, Preconditions};
use kube::{Api, Client};
use seal_api::external_secrets::ExternalSecret;

use crate::call::{CallError, bounded};

// Upstream's, so that a swap finds its own.
const MANAGER: &str = "external-secrets";

/// Makes it.
///
/// # Errors
/// [`CallError`]; a conflict where one stands.
pub async fn create(client: &Client, object: &ExternalSecret) -> Result<(), CallError> {
    bounded(all(client, object).create(&params(), object))
        .await
        .map(drop)
}

/// Replaces the one that was seen.
///
/// # Errors
/// [`CallError`]; a conflict when it changed since.
pub async fn replace(client: &Client, object: &ExternalSecret) -> Result<(), CallError> {
    let name = object.metadata.name.as_deref().unwrap_or_default();
    bounded(all(client, object).replace(name, &params(), object))
        .await
        .map(drop)
}

/// Deletes the one that was seen, and none of that name that came since.
///
/// # Errors
/// [`CallError`].
pub async fn delete(client: &Client, object: &ExternalSecret) -> Result<(), CallError> {
    let name = object.metadata.name.as_deref().unwrap_or_default();
    let params = DeleteParams {
        preconditions: Some(Preconditions {
            uid: object.metadata.uid.clone(),
            resource_version: None,
        }),
        ..DeleteParams::default()
    };
    bounded(all(client, object).delete(name, &params)).await.map(drop)
}

fn all(client: &Client, object: &ExternalSecret) -> Api<ExternalSecret> {
    Api::namespaced(
        client.clone(),
        object.metadata.namespace.as_deref().unwrap_or_default(),
    )
}

fn params() -> PostParams {
    PostParams {
        field_manager: Some(MANAGER.to_owned()),
        ..PostParams::default()
    }
}
