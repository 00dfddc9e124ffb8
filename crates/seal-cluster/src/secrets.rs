//! Secrets on the API server, read and written by our own small path (S26): kube's typed decoding
//! logs the whole body when it fails, and k8s-openapi's values outlive their use.
//!
//! What is to be written is decided elsewhere.

use http::{Method, Request};
use kube::Client;
use kube::client::Body;
use seal_api::Secret;

use crate::call::{CallError, send, wiped};

/// Access to Secrets.
#[derive(Clone)]
pub struct Secrets {
    client: Client,
}

impl Secrets {
    /// Through `client`.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// The Secret `namespace/name`, if it stands.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn find(&self, namespace: &str, name: &str) -> Result<Option<Secret>, CallError> {
        match self.call(Method::GET, &path(namespace, name), None).await {
            Ok(secret) => Ok(Some(secret)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates `secret` in its namespace.
    ///
    /// # Errors
    /// [`CallError`]; a conflict when one of that name stands there.
    pub async fn create(&self, secret: &Secret) -> Result<Secret, CallError> {
        let namespace = secret.metadata.namespace.as_deref().unwrap_or_default();
        self.call(Method::POST, &path(namespace, ""), Some(secret)).await
    }

    /// Puts `secret` in the place of the one with its uid and resourceVersion.
    ///
    /// # Errors
    /// [`CallError`]; a conflict when that one is no more.
    pub async fn replace(&self, secret: &Secret) -> Result<Secret, CallError> {
        let namespace = secret.metadata.namespace.as_deref().unwrap_or_default();
        let name = secret.metadata.name.as_deref().unwrap_or_default();
        self.call(Method::PUT, &path(namespace, name), Some(secret)).await
    }

    async fn call(&self, method: Method, path: &str, secret: Option<&Secret>) -> Result<Secret, CallError> {
        let body = secret.map_or_else(Body::empty, |secret| wiped(secret.to_json()));
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::ACCEPT, "application/json")
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(body)?;
        let answer = send(&self.client, request).await?;
        Ok(Secret::from_json(&answer)?)
    }
}

fn path(namespace: &str, name: &str) -> String {
    let slash = if name.is_empty() { "" } else { "/" };
    format!("/api/v1/namespaces/{namespace}/secrets{slash}{name}")
}
