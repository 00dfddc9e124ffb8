//! Requests to reencrypt on the API server: read, and taken away when they have been answered long enough.
//!
//! What the answer is, is the engine's.

use kube::api::{DeleteParams, Preconditions};
use kube::{Api, Client};
use seal_api::Reencryption;

use crate::call::{CallError, bounded};

/// The request, if it stands.
///
/// # Errors
/// [`CallError`].
pub async fn find(client: &Client, namespace: &str, name: &str) -> Result<Option<Reencryption>, CallError> {
    let all: Api<Reencryption> = Api::namespaced(client.clone(), namespace);
    bounded(all.get_opt(name)).await
}

/// Takes this very request away.
///
/// # Errors
/// [`CallError`]; not when it is gone already.
pub async fn remove(client: &Client, request: &Reencryption) -> Result<(), CallError> {
    let namespace = request.metadata.namespace.as_deref().unwrap_or_default();
    let name = request.metadata.name.as_deref().unwrap_or_default();
    let all: Api<Reencryption> = Api::namespaced(client.clone(), namespace);
    let this_one = DeleteParams::default().preconditions(Preconditions {
        uid: request.metadata.uid.clone(),
        resource_version: None,
    });
    match bounded(all.delete(name, &this_one)).await {
        Err(error) if error.is_not_found() || error.is_conflict() => Ok(()),
        removed => removed.map(drop),
    }
}
