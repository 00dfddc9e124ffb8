//! What anybody may have done with a SealedSecret that he brings along: `/v1/verify` says whether it
//! opens, `/v1/rotate` gives it back under the newest key.
//!
//! No template is rendered, no wider scope is tried and no record is looked up: the answers tell
//! nothing of a value, and not why one does not open.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use seal_api::SealedSecret;
use seal_core::SystemRandom;
use seal_document::{DuplicateKeys, Format, JsonStyle, Limits, Schema, Value, decode, parse, to_json};
use seal_engine::Answers;
use seal_engine::sealed_secret::{self, Opening, kube_names};
use tokio::sync::{Semaphore, watch};
use tracing::debug;

use super::rate_limit::too_many;
use crate::sealing_keys::Keys;

/// Above what the API server would store.
pub(super) const MOST_BYTES: usize = 4 << 20;
const MOST_NODES: usize = 100_000;
// Bodies that are held in memory; one of them is worked on.
const MOST_AT_ONCE: usize = 8;
const READ_DEADLINE: Duration = Duration::from_secs(10);

/// Where strangers hand in their objects. Together they get one core.
pub(super) struct Desk {
    keys: watch::Receiver<Option<Arc<Keys>>>,
    accept_legacy: bool,
    places: Arc<Semaphore>,
    core: Arc<Semaphore>,
}

/// Why an object was not looked at.
enum Refusal {
    Busy,
    Body(StatusCode),
    Unreadable,
    NoKeys,
    Defect,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Busy => too_many(Duration::from_secs(1)),
            Self::Body(status) => status.into_response(),
            Self::Unreadable | Self::NoKeys | Self::Defect => {
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

impl Desk {
    pub(super) fn new(keys: watch::Receiver<Option<Arc<Keys>>>, accept_legacy: bool) -> Self {
        Self {
            keys,
            accept_legacy,
            places: Arc::new(Semaphore::new(MOST_AT_ONCE)),
            core: Arc::new(Semaphore::new(1)),
        }
    }

    async fn work<T: Send + 'static>(
        &self,
        request: Request,
        work: fn(&SealedSecret, &Keys, &Opening<'_>) -> T,
    ) -> Result<T, Refusal> {
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| Refusal::Busy)?;
        let body = tokio::time::timeout(READ_DEADLINE, Bytes::from_request(request, &()))
            .await
            .map_err(|_| Refusal::Body(StatusCode::REQUEST_TIMEOUT))?
            .map_err(|rejection| Refusal::Body(rejection.status()))?;
        let core = Arc::clone(&self.core)
            .acquire_owned()
            .await
            .expect("it is never closed");
        let keys = self.keys.borrow().clone().ok_or(Refusal::NoKeys)?;
        let accept_legacy = self.accept_legacy;
        let done = tokio::task::spawn_blocking(move || {
            // They end with the work, even where nobody waits for it any longer.
            let _held = (place, core);
            let object = read(&body).ok_or(Refusal::Unreadable)?;
            let how = Opening {
                accept_legacy,
                diagnose_scope: false,
                hints: None,
            };
            Ok(work(&object, &keys, &how))
        });
        done.await.unwrap_or(Err(Refusal::Defect))
    }
}

/// 200 where all opens, 409 where something does not, 500 for what is no SealedSecret.
pub(super) async fn verify(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    let opens = desk.work(request, |object, keys, how| {
        sealed_secret::verify(object, &answers(keys), how).is_ok()
    });
    match opens.await {
        Ok(true) => StatusCode::OK.into_response(),
        Ok(false) => StatusCode::CONFLICT.into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

/// 200 with the object, else 500.
pub(super) async fn rotate(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    match desk.work(request, rotated).await {
        Ok(Some(json)) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        Ok(None) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

fn answers(keys: &Keys) -> Answers<'_> {
    Answers {
        sealing_keys: Some(&keys.ring),
    }
}

fn rotated(object: &SealedSecret, keys: &Keys, how: &Opening<'_>) -> Option<Vec<u8>> {
    let key = keys.certificate.key();
    let rotated = sealed_secret::rotate(object, &answers(keys), how, key, &mut SystemRandom).ok()?;
    let json = to_json(&rotated.to_value(), JsonStyle::COMPACT).ok()?;
    Some(json.as_bytes().to_vec())
}

// One document of this one kind. What a reader could take for two things is neither.
fn read(body: &[u8]) -> Option<SealedSecret> {
    let limits = Limits {
        bytes: MOST_BYTES,
        nodes: MOST_NODES,
        aliased_nodes: MOST_NODES,
        ..Limits::default()
    };
    let text = decode(body).ok()?;
    let stream = parse(text, Format::Json, &limits)
        .or_else(|_| parse(text, Format::Yaml, &limits))
        .inspect_err(|error| debug!(%error, "an object that was handed in cannot be read"))
        .ok()?;
    let mut filled = stream
        .documents()
        .iter()
        .filter(|document| document.root().is_some());
    let (Some(document), None) = (filled.next(), filled.next()) else {
        return None;
    };
    let value = document.value(Schema::Kubernetes, DuplicateKeys::Error).ok()?;
    let says = |field, expected: &str| match value.get(field) {
        Some(Value::String(said)) => said.as_str() == expected,
        _ => false,
    };
    if !says("apiVersion", kube_names::API_VERSION) || !says("kind", kube_names::KIND) {
        return None;
    }
    SealedSecret::from_value(&value)
        .inspect_err(|error| debug!(%error, "an object that was handed in cannot be read"))
        .ok()
}

#[cfg(test)]
pub(super) mod tests;
