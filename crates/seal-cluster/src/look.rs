//! A look at what stands in the cluster, for those who explain it: found, absent, forbidden, or not to be
//! known, each with what was asked for. One answer that is missing spoils no other.
//!
//! It judges nothing and writes nothing; of other people's Secrets it asks for the metadata only.

use std::fmt;
use std::time::Duration;

use http::{Method, Request};
use kube::Client;
use kube::client::Body;
use kube::core::ObjectMeta;
use seal_core::Certificate;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::call::{CallError, send};

mod access;
mod external_secrets;
mod objects;
mod surroundings;

pub use access::{Access, Who};
pub use external_secrets::{ExternalSecretSeen, StoreSeen, entry_names};
pub use objects::SealedSecretSeen;
pub use surroundings::Served;

const WHOLE: &str = "application/json";
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
// The controller answers at once or not at all; the API server's own patience with it is a minute.
const PROXY_TIMEOUT: Duration = Duration::from_secs(10);

/// What one look yielded.
#[derive(Clone, Debug)]
pub enum Seen<T> {
    /// This.
    Found(T),
    /// It does not stand.
    Absent,
    /// Whoever looked may not see it.
    Forbidden(Wanted),
    /// There was no answer, or none that can be read: why.
    Unknown(String),
}

/// What permission it takes, as RBAC writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// `get` or `list`.
    pub verb: &'static str,
    /// The resource, with its group behind a dot unless it is the core's.
    pub resource: &'static str,
    /// Where; everywhere, or where no namespace counts, if empty.
    pub namespace: String,
}

impl fmt::Display for Wanted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.verb, self.resource)?;
        match (self.namespace.as_str(), self.verb) {
            ("", "list") => formatter.write_str(" in all namespaces"),
            // It belongs to no namespace.
            ("", _) => Ok(()),
            (namespace, _) => write!(formatter, " in namespace {namespace}"),
        }
    }
}

impl<T> Seen<T> {
    /// What was found.
    pub fn found(&self) -> Option<&T> {
        match self {
            Self::Found(found) => Some(found),
            _ => None,
        }
    }

    /// The same of what `read` makes of it.
    pub fn map<U>(self, read: impl FnOnce(T) -> U) -> Seen<U> {
        self.and(|found| Seen::Found(read(found)))
    }

    /// The same of what `read` makes of it, which may be nothing.
    pub fn and<U>(self, read: impl FnOnce(T) -> Seen<U>) -> Seen<U> {
        match self {
            Self::Found(found) => read(found),
            Self::Absent => Seen::Absent,
            Self::Forbidden(wanted) => Seen::Forbidden(wanted),
            Self::Unknown(why) => Seen::Unknown(why),
        }
    }
}

/// What the controller says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It takes care of SealedSecrets.
    Ready,
    /// It runs, and does not yet.
    NotReady,
    /// Nothing runs behind its Service.
    NoEndpoint,
}

/// Looks through one connection.
pub struct Look {
    client: Client,
}

impl Look {
    /// Through `client`.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Whether the controller behind that port of a Service is ready. Absent: it has no such answer.
    pub async fn readiness(&self, namespace: &str, service: &str, port: &str) -> Seen<Readiness> {
        match self.served(namespace, service, port, "/readyz").await {
            // The API server gives reasons; the controller's own refusal is a bare line.
            Err(CallError::Refused { code, reason, .. })
                if matches!(
                    (code, reason.as_str()),
                    (503, "ServiceUnavailable") | (404, "NotFound")
                ) =>
            {
                Seen::Found(Readiness::NoEndpoint)
            }
            Err(CallError::Refused { code: 503, .. }) => Seen::Found(Readiness::NotReady),
            answer => seen(answer, proxied(namespace)).map(|_| Readiness::Ready),
        }
    }

    /// The certificate that the controller behind that port of a Service hands out.
    pub async fn certificate(&self, namespace: &str, service: &str, port: &str) -> Seen<Certificate> {
        let answer = self.served(namespace, service, port, "/v1/cert.pem").await;
        seen(answer, proxied(namespace)).and(|pem| match Certificate::from_pem(&pem) {
            Ok(certificate) => Seen::Found(certificate),
            Err(error) => Seen::Unknown(format!("the controller's answer: {error}")),
        })
    }

    // Through the API server's service proxy, as kubeseal asks.
    async fn served(
        &self,
        namespace: &str,
        service: &str,
        port: &str,
        path: &str,
    ) -> Result<Zeroizing<Vec<u8>>, CallError> {
        let path = format!("/api/v1/namespaces/{namespace}/services/http:{service}:{port}/proxy{path}");
        let asked = self.bytes(Method::GET, &path, "*/*", Body::empty());
        tokio::time::timeout(PROXY_TIMEOUT, asked)
            .await
            .map_err(|_| CallError::Late)?
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, wanted: Wanted) -> Seen<T> {
        self.read(Method::GET, path, WHOLE, Body::empty(), wanted).await
    }

    async fn metadata(&self, path: &str, wanted: Wanted) -> Seen<ObjectMeta> {
        #[derive(Deserialize)]
        struct Partial {
            metadata: ObjectMeta,
        }
        self.read::<Partial>(Method::GET, path, METADATA, Body::empty(), wanted)
            .await
            .map(|partial| partial.metadata)
    }

    async fn read<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        accept: &str,
        body: Body,
        wanted: Wanted,
    ) -> Seen<T> {
        let answer = self.bytes(method, path, accept, body).await;
        seen(answer, wanted).and(|bytes| match serde_json::from_slice(&bytes) {
            Ok(read) => Seen::Found(read),
            // serde's own words would quote it.
            Err(_) => Seen::Unknown("the API server's answer cannot be read".to_owned()),
        })
    }

    async fn bytes(
        &self,
        method: Method,
        path: &str,
        accept: &str,
        body: Body,
    ) -> Result<Zeroizing<Vec<u8>>, CallError> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::ACCEPT, accept)
            .header(http::header::CONTENT_TYPE, WHOLE)
            .body(body)?;
        send(&self.client, request).await
    }
}

fn proxied(namespace: &str) -> Wanted {
    Wanted {
        verb: "get",
        resource: "services/proxy",
        namespace: namespace.to_owned(),
    }
}

fn seen<T>(answer: Result<T, CallError>, wanted: Wanted) -> Seen<T> {
    match answer {
        Ok(found) => Seen::Found(found),
        Err(CallError::Refused { code: 403, .. }) => Seen::Forbidden(wanted),
        Err(error) if error.is_not_found() => Seen::Absent,
        Err(error) => Seen::Unknown(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_named_by_verb_resource_and_place() {
        let wanted = |namespace: &str| Wanted {
            verb: "list",
            resource: "sealedsecrets.bitnami.com",
            namespace: namespace.to_owned(),
        };
        assert_eq!(
            wanted("prod").to_string(),
            "list sealedsecrets.bitnami.com in namespace prod"
        );
        assert_eq!(
            wanted("").to_string(),
            "list sealedsecrets.bitnami.com in all namespaces"
        );
    }

    #[test]
    fn refusals_are_told_apart() {
        let refused = |code| {
            Err::<(), _>(CallError::Refused {
                code,
                reason: "X".to_owned(),
                fields: Vec::new(),
                terminating: false,
            })
        };
        let wanted = Wanted {
            verb: "get",
            resource: "secrets",
            namespace: String::new(),
        };
        assert!(matches!(seen(refused(403), wanted.clone()), Seen::Forbidden(_)));
        assert!(matches!(seen(refused(404), wanted.clone()), Seen::Absent));
        assert!(matches!(seen(refused(500), wanted), Seen::Unknown(_)));
    }
}
