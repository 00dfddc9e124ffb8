//! Secrets on the API server, read and written by our own small path (S26): kube's typed decoding
//! logs the whole body when it fails, and k8s-openapi's values outlive their use.
//!
//! What is to be written is decided elsewhere.

use http::{Method, Request};
use kube::Client;
use kube::client::Body;
use seal_api::Secret;
use zeroize::Zeroizing;

use crate::call::{CallError, send, wiped};

// How many Secrets are asked for at once: fewer where those are too large for one answer.
const PAGES: [usize; 3] = [100, 10, 1];

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

    /// The Secrets in `namespace` whose labels `selector` selects.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn labelled(&self, namespace: &str, selector: &str) -> Result<Vec<Secret>, CallError> {
        let mut pages = PAGES.into_iter().peekable();
        let (mut all, mut rest) = (Vec::new(), String::new());
        loop {
            let limit = pages.peek().copied().unwrap_or(1);
            let selector = encoded(selector);
            let path = format!(
                "{}?labelSelector={selector}&limit={limit}{rest}",
                path(namespace, "")
            );
            let answer = match self.answer(Method::GET, &path, None).await {
                Err(CallError::TooLarge) if limit > 1 => {
                    pages.next();
                    continue;
                }
                answer => answer?,
            };
            let (page, next) = Secret::page_from_json(&answer)?;
            all.extend(page);
            match next {
                Some(token) => rest = format!("&continue={}", encoded(&token)),
                None => return Ok(all),
            }
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
        Ok(Secret::from_json(&self.answer(method, path, secret).await?)?)
    }

    async fn answer(
        &self,
        method: Method,
        path: &str,
        secret: Option<&Secret>,
    ) -> Result<Zeroizing<Vec<u8>>, CallError> {
        let body = secret.map_or_else(Body::empty, |secret| wiped(secret.to_json()));
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::ACCEPT, "application/json")
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(body)?;
        send(&self.client, request).await
    }
}

fn path(namespace: &str, name: &str) -> String {
    let slash = if name.is_empty() { "" } else { "/" };
    format!("/api/v1/namespaces/{namespace}/secrets{slash}{name}")
}

// For a query: all but unreserved characters (RFC 3986, 2.3) as percent and two digits.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte))
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_travel_whole() {
        assert_eq!(encoded("a.b/c in (x,y)"), "a.b%2Fc%20in%20%28x%2Cy%29");
    }
}
