//! One call of the API server: bounded in time and size, its answer in a buffer that is wiped, its
//! refusals reduced to what cannot hold a value (S5, S26).
//!
//! Watches are not calls; they are kube's.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use seal_engine::{Fault, catalogue};
use serde::Deserialize;
use zeroize::{Zeroize, Zeroizing};

use crate::fence::NotLeading;

// A call that takes longer has failed; the API server itself gives up after 60 s.
const TIMEOUT: Duration = Duration::from_secs(60);
// A Secret holds at most 1 MiB, a third more as base64, and its metadata 256 KiB and managed fields.
const MOST_BYTES: usize = 8 << 20;
const MOST_FIELD: usize = 200;
const MOST_FIELDS: usize = 8;

/// A call that did not yield what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The API server refused it.
    #[error("the API server answered {code} {reason}{}", listed(.fields))]
    Refused {
        /// The HTTP status.
        code: u16,
        /// The reason, one CamelCase word.
        reason: String,
        /// The paths of the fields at fault.
        fields: Vec<String>,
        /// Whether the namespace is being deleted.
        terminating: bool,
    },
    /// There was no answer.
    #[error("no answer from the API server")]
    Unreachable(#[source] Box<kube::Error>),
    /// The answer broke off.
    #[error("the API server's answer broke off")]
    Broken,
    /// There was no answer in time.
    #[error("no answer from the API server in time")]
    Late,
    /// The answer is larger than any object.
    #[error("the API server's answer is too large")]
    TooLarge,
    /// The answer is not what was asked for.
    #[error(transparent)]
    Malformed(#[from] seal_api::MalformedSecret),
    /// The answer is something else.
    #[error("the API server's answer is not what was asked for")]
    Unexpected,
    /// A write of a replica that does not lead. Nothing is wrong: the one that leads does it.
    #[error(transparent)]
    NotLeading(#[from] NotLeading),
    /// A defect: the request could not be built.
    #[error("a request could not be built")]
    Request(#[from] http::Error),
}

/// What a call was about, as RBAC writes it.
#[derive(Clone, Copy, Debug)]
pub struct Deed {
    /// `create`, `update`, `patch`, …
    pub verb: &'static str,
    /// `secrets`, `sealedsecrets/status`, …
    pub resource: &'static str,
}

/// A request's body whose bytes are wiped when the connection has no more use for them.
pub fn wiped(bytes: Zeroizing<Vec<u8>>) -> Body {
    struct Wiped(Zeroizing<Vec<u8>>);
    impl AsRef<[u8]> for Wiped {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    Body::from(Bytes::from_owner(Wiped(bytes)))
}

/// Sends `request` and returns the body of a good answer.
///
/// # Errors
/// [`CallError`], which holds nothing of what was sent or answered.
pub async fn send(client: &Client, request: http::Request<Body>) -> Result<Zeroizing<Vec<u8>>, CallError> {
    tokio::time::timeout(TIMEOUT, exchange(client, request))
        .await
        .map_err(|_| CallError::Late)?
}

/// Bounds a call that kube makes, and sorts its errors as ours.
pub(crate) async fn bounded<T>(call: impl Future<Output = kube::Result<T>>) -> Result<T, CallError> {
    let answer = tokio::time::timeout(TIMEOUT, call)
        .await
        .map_err(|_| CallError::Late)?;
    answer.map_err(|error| match error {
        kube::Error::Api(status) => refusal(status.code, serde_json::to_vec(&*status).unwrap_or_default()),
        other => unanswered(other),
    })
}

/// The object `name` of a kind that is in no namespace, if there is one.
///
/// # Errors
/// [`CallError`].
pub async fn get<K>(client: &Client, name: &str) -> Result<Option<K>, CallError>
where
    K: kube::Resource<DynamicType = (), Scope = kube::core::ClusterResourceScope>,
    K: serde::de::DeserializeOwned + Clone + std::fmt::Debug,
{
    bounded(kube::Api::<K>::all(client.clone()).get_opt(name)).await
}

/// The object `name` of that kind in `namespace`, or in none where that is empty, if there is one; there is none
/// where its definition does not stand.
///
/// # Errors
/// [`CallError`].
pub async fn find_dynamic(
    client: &Client,
    resource: &kube::core::ApiResource,
    namespace: &str,
    name: &str,
) -> Result<Option<kube::core::DynamicObject>, CallError> {
    let objects: kube::Api<kube::core::DynamicObject> = match namespace.is_empty() {
        true => kube::Api::all_with(client.clone(), resource),
        false => kube::Api::namespaced_with(client.clone(), namespace, resource),
    };
    bounded(objects.get_opt(name)).await
}

fn unanswered(error: kube::Error) -> CallError {
    match error {
        kube::Error::Service(cause) if cause.is::<NotLeading>() => NotLeading.into(),
        other => CallError::Unreachable(Box::new(other)),
    }
}

async fn exchange(client: &Client, request: http::Request<Body>) -> Result<Zeroizing<Vec<u8>>, CallError> {
    let response = client.send(request).await.map_err(unanswered)?;
    let status = response.status();
    let mut body = response.into_body();
    let mut read = Zeroizing::new(Vec::new());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| CallError::Broken)?;
        let Some(part) = frame.data_ref() else { continue };
        if read.len() + part.len() > MOST_BYTES {
            return Err(CallError::TooLarge);
        }
        append(&mut read, part);
    }
    if status.is_success() {
        return Ok(read);
    }
    Err(refusal(status.as_u16(), read.to_vec()))
}

// A vector that grows by itself leaves its old self behind, unwiped.
fn append(read: &mut Zeroizing<Vec<u8>>, part: &[u8]) {
    if read.capacity() < read.len() + part.len() {
        let mut larger = Vec::with_capacity((read.len() + part.len()).next_power_of_two().max(16 << 10));
        larger.extend_from_slice(read);
        let mut old = std::mem::replace(&mut **read, larger);
        old.zeroize();
    }
    read.extend_from_slice(part);
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    reason: String,
    details: Option<Details>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Details {
    causes: Vec<Cause>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Cause {
    reason: String,
    field: String,
}

// The message of a refusal may quote the object (`Invalid value: "…"`); the reason and the field
// paths cannot.
fn refusal(code: u16, body: Vec<u8>) -> CallError {
    let status: Status = serde_json::from_slice(&body).unwrap_or_default();
    drop(Zeroizing::new(body));
    let word = |text: &str| {
        let word: String = text
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .take(64)
            .collect();
        if word.is_empty() {
            "Unknown".to_owned()
        } else {
            word
        }
    };
    let causes = status.details.unwrap_or_default().causes;
    let terminating = causes.iter().any(|cause| cause.reason == "NamespaceTerminating");
    let shown = |cause: Cause| -> Option<String> {
        let field: String = cause
            .field
            .chars()
            .filter(char::is_ascii_graphic)
            .take(MOST_FIELD)
            .collect();
        (!field.is_empty()).then_some(field)
    };
    let fields = causes.into_iter().filter_map(shown).take(MOST_FIELDS).collect();
    CallError::Refused {
        code,
        reason: word(&status.reason),
        fields,
        terminating,
    }
}

fn listed(fields: &[String]) -> String {
    if fields.is_empty() {
        String::new()
    } else {
        format!(" at {}", fields.join(", "))
    }
}

impl CallError {
    /// Whether somebody else wrote first, or the object is gone.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused { code: 409, .. })
    }

    /// Whether there is no such object.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { code: 404, .. })
    }

    /// Whether this replica may not write.
    pub fn is_not_leading(&self) -> bool {
        matches!(self, Self::NotLeading(_))
    }

    /// The fault that this is, for an object whose Secret `deed` was about.
    pub fn fault(&self, deed: Deed) -> Fault {
        match self {
            Self::Refused {
                terminating: true, ..
            } => Fault::new(&catalogue::TERMINATING),
            // Nothing can be created in a namespace that is gone.
            Self::Refused { code: 404, .. } if deed.verb == "create" => Fault::new(&catalogue::TERMINATING),
            Self::Refused { code: 404 | 409, .. } => Fault::new(&catalogue::CONFLICT),
            Self::Refused { code: 403, .. } => Fault::new(&catalogue::FORBIDDEN)
                .fact("verb", deed.verb)
                .fact("resource", deed.resource),
            Self::Refused {
                code: 400 | 405 | 413 | 415 | 422,
                reason,
                fields,
                ..
            } => Fault::new(&catalogue::REFUSED)
                .fact("reason", reason)
                .fact("fields", listed(fields)),
            other => Fault::new(&catalogue::UNAVAILABLE).fact("reason", other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRETS: Deed = Deed {
        verb: "update",
        resource: "secrets",
    };

    fn refused(code: u16, body: &str) -> CallError {
        refusal(code, body.as_bytes().to_vec())
    }

    #[test]
    fn a_refusal_tells_reason_and_field_and_never_the_message() {
        let error = refused(
            422,
            r#"{"reason":"Invalid","message":"Secret \"x\" is invalid: data: hunter2","details":{"causes":[
                {"reason":"FieldValueInvalid","message":"Invalid value: hunter2","field":"data[a b]"}]}}"#,
        );
        let fault = error.fault(SECRETS);
        assert_eq!(fault.kind.code, "refused");
        assert_eq!(
            fault.sentence(),
            "the API server refuses the Secret: Invalid at data[ab]"
        );
        assert!(!format!("{error:?} {error}").contains("hunter2"));
    }

    #[test]
    fn each_answer_has_its_fault() {
        let terminating =
            r#"{"reason":"Forbidden","details":{"causes":[{"reason":"NamespaceTerminating"}]}}"#;
        for (code, body, fault) in [
            (403, r#"{"reason":"Forbidden"}"#, "forbidden"),
            (403, terminating, "terminating"),
            (409, r#"{"reason":"Conflict"}"#, "conflict"),
            (404, "{}", "conflict"),
            (413, "", "refused"),
            (401, "", "unavailable"),
            (429, "", "unavailable"),
            (500, "not json: hunter2", "unavailable"),
        ] {
            assert_eq!(
                refused(code, body).fault(SECRETS).kind.code,
                fault,
                "{code} {body}"
            );
            assert!(!refused(code, body).fault(SECRETS).sentence().contains("hunter2"));
        }
    }

    #[test]
    fn a_growing_answer_keeps_its_bytes() {
        let mut read = Zeroizing::new(Vec::new());
        for byte in 0..=255u8 {
            append(&mut read, &[byte; 300]);
        }
        assert_eq!(read.len(), 256 * 300);
        assert!(
            read.chunks(300)
                .enumerate()
                .all(|(byte, part)| part.iter().all(|found| usize::from(*found) == byte))
        );
    }
}
