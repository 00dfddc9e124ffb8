//! The two HTTP servers: health, the certificate, verifying and rotating on one port, metrics on the
//! other.
//!
//! Nothing here asks who calls: what is served is public, and what is done for callers is rationed.

mod connections;
mod rate_limit;
mod sealed_secrets;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, get};
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::watch;

pub(crate) use self::connections::{Bounds, serve};
use self::rate_limit::{RateLimit, limited};
use self::sealed_secrets::{Desk, MOST_BYTES, rotate, verify};
use crate::known::Key;
use crate::leadership::Leadership;
use crate::metrics::Metrics;
use crate::queue::{Backlog, Queue};
use crate::sealing_keys::Keys;
use crate::settings::{HttpApi, Settings};

// No attempt takes that long: each of its calls ends after a minute.
const STALLED: Duration = Duration::from_secs(900);
const CERTIFICATE_PATH: &str = "/v1/cert.pem";
const VERIFY_PATH: &str = "/v1/verify";
const ROTATE_PATH: &str = "/v1/rotate";

/// What the servers show.
#[derive(Clone)]
pub(crate) struct Shown {
    /// The keys.
    pub(crate) keys: watch::Receiver<Option<Arc<Keys>>>,
    /// Whether objects are being taken care of, by kind.
    pub(crate) ready: Vec<Arc<AtomicBool>>,
    /// The metrics.
    pub(crate) metrics: Arc<Metrics>,
    /// What is due, by kind.
    pub(crate) queues: Vec<Arc<Queue<Key>>>,
    /// Whether it is due here.
    pub(crate) leadership: Leadership,
}

impl Shown {
    // What is due is the leader's to do.
    fn backlog(&self) -> Backlog {
        let term = self.leadership.term();
        let backlogs = term.map(|term| self.queues.iter().map(move |queue| queue.backlog(term)));
        backlogs
            .into_iter()
            .flatten()
            .fold(Backlog::default(), Backlog::and)
    }
}

/// Listens on `address`. Where there is no IPv6, the unspecified address means IPv4's.
///
/// # Errors
/// When the address cannot be had.
pub(crate) async fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Err(_) if address.ip().is_unspecified() && address.is_ipv6() => {
            TcpListener::bind((IpAddr::V4(Ipv4Addr::UNSPECIFIED), address.port())).await
        }
        bound => bound,
    }
}

/// Health, the certificate, and, unless the settings say otherwise, what is done with the objects of
/// strangers.
pub(crate) fn api(shown: Shown, settings: &Settings) -> Router {
    let always = Router::new()
        .route("/healthz", any(health))
        .route("/readyz", get(readiness))
        .route(CERTIFICATE_PATH, any(certificate));
    let routes = match settings.http_api {
        HttpApi::CertOnly => always,
        HttpApi::Compat => always.merge(for_strangers(&shown, settings)),
    };
    routes
        .layer(from_fn_with_state(shown.clone(), measured))
        .fallback(not_found)
        .with_state(shown)
}

fn for_strangers(shown: &Shown, settings: &Settings) -> Router<Shown> {
    let desk = Desk::new(shown.keys.clone(), settings.accept_deprecated_v1_data);
    let desk = Arc::new(desk);
    let rationed = |route: MethodRouter<Arc<Desk>>| -> MethodRouter<Shown> {
        let limit = RateLimit::new(settings.rate_limit, settings.rate_limit_burst);
        route
            .layer(DefaultBodyLimit::max(MOST_BYTES))
            .layer(from_fn_with_state(Arc::new(limit), limited))
            .with_state(Arc::clone(&desk))
    };
    Router::new()
        .route(VERIFY_PATH, rationed(any(verify)))
        .route(ROTATE_PATH, rationed(any(rotate)))
}

/// The metrics.
pub(crate) fn metrics(shown: Shown) -> Router {
    Router::new()
        .route("/metrics", get(measurements))
        .fallback(not_found)
        .with_state(shown)
}

// A cluster that does not answer is no reason to start again: each attempt ends and counts as progress.
async fn health(State(shown): State<Shown>) -> Response {
    let stalled = shown.backlog().stalled;
    if stalled < STALLED {
        return "ok\n".into_response();
    }
    let seconds = stalled.as_secs();
    let complaint = format!("due work has made no progress for {seconds} s\n");
    (StatusCode::SERVICE_UNAVAILABLE, complaint).into_response()
}

async fn readiness(State(shown): State<Shown>) -> Response {
    if shown.ready.iter().all(|ready| ready.load(Ordering::Relaxed)) {
        (StatusCode::OK, "ok\n").into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n").into_response()
    }
}

async fn certificate(State(shown): State<Shown>) -> Response {
    let pem = shown
        .keys
        .borrow()
        .as_ref()
        .map(|keys| keys.certificate.pem().to_owned());
    match pem {
        Some(pem) => ([(header::CONTENT_TYPE, "application/x-pem-file")], pem).into_response(),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn measurements(State(shown): State<Shown>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    shown.metrics.backlog(&shown.backlog(), Timestamp::now());
    ([(header::CONTENT_TYPE, kind)], shown.metrics.text()).into_response()
}

async fn not_found() -> Response {
    let nosniff = [(header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (StatusCode::NOT_FOUND, nosniff, "404 page not found\n").into_response()
}

async fn measured(State(shown): State<Shown>, request: Request, next: Next) -> Response {
    let counted = [CERTIFICATE_PATH, VERIFY_PATH, ROTATE_PATH]
        .into_iter()
        .find(|path| request.uri().path() == *path);
    // A stranger's method would be a label of its own.
    let method = match request.method().as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known.to_owned(),
        _ => "other".to_owned(),
    };
    let begin = Instant::now();
    let response = next.run(request).await;
    if let Some(path) = counted {
        let code = response.status().as_u16();
        shown.metrics.answered(path, &method, code, begin.elapsed());
    }
    response
}

#[cfg(test)]
mod tests;
