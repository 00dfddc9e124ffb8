//! Secrets on the API server, read and written by our own small path (S26): kube's typed decoding
//! logs the whole body when it fails, and k8s-openapi's values outlive their use.
//!
//! What is to be written is decided elsewhere.

use http::{Method, Request};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Client;
use kube::client::Body;
use kube::core::ObjectList;
use seal_api::{MalformedSecret, Secret};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::call::{CallError, send, wiped};
use crate::pages::{self, encoded};

const WHOLE: &str = "application/json";
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
const ALL_METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/// One state of one Secret, without its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its name.
    pub name: String,
    uid: Option<String>,
    resource_version: Option<String>,
}

// Metadata and no more, as the API server sends it when asked for so little.
#[derive(Clone, Deserialize)]
struct Listed {
    metadata: ObjectMeta,
}

impl From<Listed> for Version {
    fn from(listed: Listed) -> Self {
        let metadata = listed.metadata;
        Self {
            name: metadata.name.unwrap_or_default(),
            uid: metadata.uid,
            resource_version: metadata.resource_version,
        }
    }
}

/// Access to Secrets.
#[derive(Clone)]
pub struct Secrets {
    client: Client,
    /// In whose name fields are written; nothing for the API server's own choice.
    manager: Option<String>,
}

impl Secrets {
    /// Through `client`.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            manager: None,
        }
    }

    /// The same, which writes in the name of that field manager.
    #[must_use]
    pub fn as_manager(mut self, manager: &str) -> Self {
        self.manager = Some(manager.to_owned());
        self
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

    /// The Secrets in `namespace` whose labels `selector` selects.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn labelled(&self, namespace: &str, selector: &str) -> Result<Vec<Secret>, CallError> {
        self.pages(namespace, selector, WHOLE, Secret::page_from_json)
            .await
    }

    /// The states of those Secrets.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn versions(&self, namespace: &str, selector: &str) -> Result<Vec<Version>, CallError> {
        let read = |answer: &[u8]| {
            let page: ObjectList<Listed> = serde_json::from_slice(answer)?;
            let items = page.items.into_iter().map(Version::from).collect();
            Ok((items, page.metadata.continue_))
        };
        self.pages(namespace, selector, ALL_METADATA, read).await
    }

    /// The state of the Secret `namespace/name`, if it stands.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn version(&self, namespace: &str, name: &str) -> Result<Option<Version>, CallError> {
        let path = path(namespace, name);
        match self.answer(Method::GET, &path, METADATA, None).await {
            Ok(answer) => {
                let listed: Listed = serde_json::from_slice(&answer).map_err(MalformedSecret::from)?;
                Ok(Some(listed.into()))
            }
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    // All that `selector` selects, page by page, each read by `read`, which also says where the next one begins.
    async fn pages<T>(
        &self,
        namespace: &str,
        selector: &str,
        accept: &str,
        read: impl Fn(&[u8]) -> Result<(Vec<T>, Option<String>), MalformedSecret>,
    ) -> Result<Vec<T>, CallError> {
        let list = format!("{}?labelSelector={}", path(namespace, ""), encoded(selector));
        let ask = |page: String| async move { self.answer(Method::GET, &page, accept, None).await };
        pages::all(&list, ask, |answer| Ok(read(&answer)?)).await
    }

    /// Creates `secret` in its namespace.
    ///
    /// # Errors
    /// [`CallError`]; a conflict when one of that name stands there.
    pub async fn create(&self, secret: &Secret) -> Result<Secret, CallError> {
        let namespace = secret.metadata.namespace.as_deref().unwrap_or_default();
        self.call(Method::POST, &self.managed(path(namespace, "")), Some(secret))
            .await
    }

    /// Puts `secret` in the place of the one with its uid and resourceVersion.
    ///
    /// # Errors
    /// [`CallError`]; a conflict when that one is no more.
    pub async fn replace(&self, secret: &Secret) -> Result<Secret, CallError> {
        let namespace = secret.metadata.namespace.as_deref().unwrap_or_default();
        let name = secret.metadata.name.as_deref().unwrap_or_default();
        self.call(Method::PUT, &self.managed(path(namespace, name)), Some(secret))
            .await
    }

    /// Deletes the Secret of that uid and resourceVersion.
    ///
    /// # Errors
    /// [`CallError`]; a conflict when that one is no more as it was.
    pub async fn delete(&self, secret: &Secret) -> Result<(), CallError> {
        let namespace = secret.metadata.namespace.as_deref().unwrap_or_default();
        let name = secret.metadata.name.as_deref().unwrap_or_default();
        let options = serde_json::json!({
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {
                "uid": secret.metadata.uid,
                "resourceVersion": secret.metadata.resource_version,
            },
        });
        let request = Request::builder()
            .method(Method::DELETE)
            .uri(path(namespace, name))
            .header(http::header::ACCEPT, "application/json")
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(wiped(Zeroizing::new(options.to_string().into_bytes())))?;
        send(&self.client, request).await.map(drop)
    }

    fn managed(&self, path: String) -> String {
        match &self.manager {
            Some(manager) => format!("{path}?fieldManager={}", encoded(manager)),
            None => path,
        }
    }

    async fn call(&self, method: Method, path: &str, secret: Option<&Secret>) -> Result<Secret, CallError> {
        Ok(Secret::from_json(
            &self.answer(method, path, WHOLE, secret).await?,
        )?)
    }

    async fn answer(
        &self,
        method: Method,
        path: &str,
        accept: &str,
        secret: Option<&Secret>,
    ) -> Result<Zeroizing<Vec<u8>>, CallError> {
        let body = secret.map_or_else(Body::empty, |secret| wiped(secret.to_json()));
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::ACCEPT, accept)
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(body)?;
        send(&self.client, request).await
    }
}

fn path(namespace: &str, name: &str) -> String {
    let slash = if name.is_empty() { "" } else { "/" };
    format!("/api/v1/namespaces/{namespace}/secrets{slash}{name}")
}
