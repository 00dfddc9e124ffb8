//! A proxy in front of the API server or a store that injects faults by rule and remembers what it saw, bodies
//! excepted. It changes nothing that no rule names, and knows no kind of object.

mod rule;

use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, bail};
use axum::{
    body::{Body, Bytes},
    http::{HeaderName, Method, Request, Response, StatusCode, header},
    serve::Listener,
};
use futures::{Stream, StreamExt, stream};
use kube::Client;
use serde_json::json;
use tokio::{
    io::{DuplexStream, copy, duplex, split},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs::default_provider,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
    server::TlsStream,
};

pub use self::rule::{Fault, Gate, Rule};
use self::rule::{Rules, verb_of};
use crate::{
    ControlPlane, OpenBao,
    control_plane::{certificates::Certificates, client_of},
};

const BUFFER: usize = 64 << 10;
const REQUEST_LIMIT: usize = 16 << 20;

/// Meant for the connection itself, so never passed on; `content-length` follows from the body.
const OF_THE_HOP: [HeaderName; 6] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::HOST,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// A running proxy whose certificate is of the same authority as that of what it stands before: only the URL
/// differs. It belongs to the runtime that started it, and listens on this machine's loopback: processes of a
/// plane with its own network do not reach it.
pub struct FaultProxy<'a> {
    /// Where it stands before one.
    plane: Option<&'a ControlPlane>,
    address: SocketAddr,
    state: Arc<State>,
    cut: watch::Sender<()>,
    server: JoinHandle<()>,
}

/// One request as the proxy saw it.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// As in the audit log: `get`, `list`, `watch`, `create`, …
    pub verb: String,
    /// Path and query.
    pub uri: String,
    /// The name of the fault that was injected.
    pub fault: Option<&'static str>,
    /// What the caller was answered; none when it was left without an answer.
    pub code: Option<u16>,
}

struct State {
    target: String,
    http: reqwest::Client,
    rules: Mutex<Rules>,
    seen: Mutex<Vec<Seen>>,
}

impl<'a> FaultProxy<'a> {
    /// Starts on a free port, with no rules: everything passes.
    pub async fn start(plane: &'a ControlPlane) -> anyhow::Result<Self> {
        let target = plane.url();
        Self::stand(Some(plane), target, plane.certificates()).await
    }

    /// The same before a store.
    pub async fn before_store(store: &'a OpenBao) -> anyhow::Result<Self> {
        let target = store.tls_url();
        Self::stand(None, target, store.certificates()).await
    }

    async fn stand(
        plane: Option<&'a ControlPlane>,
        target: String,
        certificates: &Certificates,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let acceptor = TlsAcceptor::from(Arc::new(tls(certificates)?));
        let authority = reqwest::Certificate::from_pem(certificates.authority_pem.as_bytes())?;
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .tls_certs_only([authority])
            .build()?;
        let state = Arc::new(State {
            target,
            http,
            rules: Mutex::default(),
            seen: Mutex::default(),
        });
        let router = axum::Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&state));
        let cut = watch::Sender::new(());
        let connections = Encrypted {
            listener,
            acceptor,
            cut: cut.subscribe(),
        };
        let server = tokio::spawn(async move { drop(axum::serve(connections, router).await) });
        Ok(Self {
            plane,
            address,
            state,
            cut,
            server,
        })
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Like [`ControlPlane::kubeconfig`], through the proxy.
    pub async fn kubeconfig(&self, user: &str) -> anyhow::Result<PathBuf> {
        let Some(plane) = self.plane else {
            bail!("there is no kubeconfig for a store");
        };
        let token = plane.token(user).await?;
        plane.write_kubeconfig(user, &self.url(), &token)
    }

    /// Like [`ControlPlane::client`], through the proxy.
    pub async fn client(&self, user: &str) -> anyhow::Result<Client> {
        client_of(&self.kubeconfig(user).await?).await
    }

    /// From now on; where several rules match a request, the oldest one acts.
    pub fn inject(&self, rule: Rule) {
        lock(&self.state.rules).add(rule);
    }

    /// From now on everything passes again.
    pub fn clear(&self) {
        lock(&self.state.rules).clear();
    }

    /// Now: every connection breaks, whether a watch, a request or nothing is under way in it. A request that
    /// waits for its answer may have been carried out.
    pub fn cut_all(&self) {
        self.cut.send_replace(());
    }

    /// All requests so far, in the order in which they were answered.
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.state.seen).clone()
    }
}

impl Drop for FaultProxy<'_> {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    request: Request<Body>,
) -> Response<Body> {
    let verb = verb_of(request.method(), request.uri());
    let uri = request
        .uri()
        .path_and_query()
        .map(ToString::to_string)
        .unwrap_or_default();
    let fault = lock(&state.rules).pick(verb, request.uri().path());
    let name = fault.as_ref().map(Fault::name);
    let note = {
        let state = Arc::clone(&state);
        move |code| {
            lock(&state.seen).push(Seen {
                verb: verb.to_owned(),
                uri: uri.clone(),
                fault: name,
                code,
            })
        }
    };
    let response = match fault {
        None => forward(&state, request).await,
        Some(Fault::Latency(delay)) => {
            tokio::time::sleep(delay).await;
            forward(&state, request).await
        }
        Some(Fault::Hold(gate)) => {
            let held = tokio::spawn(hold(Arc::clone(&state), request, gate, note.clone()));
            return held
                .await
                .unwrap_or_else(|_| unreached(&anyhow::anyhow!("it fell over")));
        }
        Some(Fault::Cut) => {
            note(None);
            return cut_off(stream::empty());
        }
        Some(Fault::LoseAnswer) => {
            drop(forward(&state, request).await);
            note(None);
            return cut_off(stream::empty());
        }
        Some(Fault::DropWatch { after_events }) => forward(&state, request)
            .await
            .map(|passed| cut_within_event(passed, after_events)),
        Some(Fault::Conflict) => Ok(status(StatusCode::CONFLICT, "Conflict", None)),
        Some(Fault::TooManyRequests { retry_after }) => Ok(status(
            StatusCode::TOO_MANY_REQUESTS,
            "TooManyRequests",
            Some(retry_after),
        )),
        Some(Fault::ServerError) => Ok(status(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", None)),
        Some(Fault::Expired) => Ok(status(StatusCode::GONE, "Expired", None)),
        Some(Fault::Answer { code, headers, body }) => own_answer(code, &headers, body),
        Some(Fault::Malformed { text }) => Ok(as_json(
            StatusCode::OK,
            format!("{{\"kind\":\"Secret\",\"data\":{{\"a\":\"{text}\",}} "),
        )),
    };
    let response = response.unwrap_or_else(|fault| unreached(&fault));
    note(Some(response.status().as_u16()));
    response
}

// What is held goes on its way in the end, even when its sender has gone away meanwhile: that is how a
// write arrives late.
async fn hold(
    state: Arc<State>,
    request: Request<Body>,
    gate: Gate,
    note: impl Fn(Option<u16>),
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let response = match axum::body::to_bytes(body, REQUEST_LIMIT).await {
        Ok(body) => {
            gate.hold().await;
            forward(&state, Request::from_parts(parts, Body::from(body))).await
        }
        Err(error) => Err(error.into()),
    };
    let response = response.unwrap_or_else(|fault| unreached(&fault));
    note(Some(response.status().as_u16()));
    response
}

// The message names addresses and causes, never a header or a body.
fn unreached(fault: &anyhow::Error) -> Response<Body> {
    let message = format!("the proxy did not reach what it stands before: {fault:#}");
    Response::builder()
        .status(StatusCode::BAD_GATEWAY)
        .body(Body::from(message))
        .expect("a plain answer")
}

async fn forward(state: &State, request: Request<Body>) -> anyhow::Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, REQUEST_LIMIT)
        .await
        .context("the request's body")?;
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut outgoing = state
        .http
        .request(parts.method.clone(), format!("{}{path}", state.target));
    for (name, value) in parts
        .headers
        .iter()
        .filter(|(name, _)| !OF_THE_HOP.contains(name))
    {
        outgoing = outgoing.header(name, value);
    }
    if parts.method != Method::GET {
        outgoing = outgoing.body(body);
    }
    let incoming = outgoing.send().await?;
    let mut response = Response::builder().status(incoming.status());
    for (name, value) in incoming
        .headers()
        .iter()
        .filter(|(name, _)| !OF_THE_HOP.contains(name))
    {
        response = response.header(name, value);
    }
    let chunks = stream::unfold(incoming, |mut incoming| async {
        let chunk = incoming.chunk().await.map_err(io::Error::other).transpose()?;
        Some((chunk, incoming))
    });
    Ok(response.body(Body::from_stream(chunks))?)
}

/// Passes that many events and half of the next one, then breaks the connection.
fn cut_within_event(passed: Response<Body>, events: usize) -> Response<Body> {
    let (mut parts, body) = passed.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    let chunks = stream::unfold(Some((body.into_data_stream(), events)), |state| async {
        let (mut chunks, left) = state?;
        let chunk = chunks.next().await?.ok()?;
        let newlines = chunk
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'\n')
            .map(|(at, _)| at);
        let mut ends = newlines.skip(left);
        let Some(end) = ends.next() else {
            let passed = chunk.iter().filter(|byte| **byte == b'\n').count();
            return Some((chunk, Some((chunks, left - passed))));
        };
        // This chunk ends the event that must not arrive; nothing further is waited for.
        let begin = chunk[..end]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |newline| newline + 1);
        Some((chunk.slice(..begin + (end - begin) / 2), None))
    });
    let mut response = cut_off(chunks);
    *response.status_mut() = parts.status;
    *response.headers_mut() = parts.headers;
    response
}

/// Ends in an error, at which the server breaks the connection instead of ending the body.
fn cut_off(chunks: impl Stream<Item = Bytes> + Send + 'static) -> Response<Body> {
    let broken = stream::iter([Err(io::Error::from(io::ErrorKind::ConnectionReset))]);
    Response::new(Body::from_stream(chunks.map(Ok).chain(broken)))
}

fn status(code: StatusCode, reason: &str, retry_after: Option<Duration>) -> Response<Body> {
    let seconds = retry_after.map(|delay| delay.as_secs());
    // Clients that read strictly take a null for a Status that they cannot read.
    let details = seconds.map_or_else(|| json!({}), |seconds| json!({"retryAfterSeconds": seconds}));
    let body = json!({
        "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure", "code": code.as_u16(),
        "reason": reason, "message": "injected by the fault proxy", "details": details,
    });
    let mut response = as_json(code, body.to_string());
    if let Some(seconds) = seconds {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

fn as_json(code: StatusCode, body: String) -> Response<Body> {
    let response = Response::builder()
        .status(code)
        .header(header::CONTENT_TYPE, "application/json");
    response
        .body(Body::from(body))
        .expect("a status and one header of ours")
}

fn own_answer(code: u16, headers: &[(&'static str, String)], body: String) -> anyhow::Result<Response<Body>> {
    let response = Response::builder().status(code);
    let response = headers
        .iter()
        .fold(response, |response, (name, value)| response.header(*name, value));
    Ok(response.body(Body::from(body))?)
}

fn tls(certificates: &Certificates) -> anyhow::Result<ServerConfig> {
    let pair = certificates.serving()?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pair.key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![pair.certificate.der().clone()], key)?;
    Ok(config)
}

/// Accepts TLS; a caller that fails the handshake does not keep others waiting for long.
struct Encrypted {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    cut: watch::Receiver<()>,
}

impl Listener for Encrypted {
    type Io = DuplexStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            let handshake = tokio::time::timeout(Duration::from_secs(5), self.acceptor.accept(stream));
            if let Ok(Ok(stream)) = handshake.await {
                return (until_cut(stream, self.cut.clone()), address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// The plain side of a connection that ends without a word when it is cut, or when either side ends.
fn until_cut(stream: TlsStream<TcpStream>, mut cut: watch::Receiver<()>) -> DuplexStream {
    let (plain, near) = duplex(BUFFER);
    cut.mark_unchanged();
    tokio::spawn(async move {
        let ((mut far_in, mut far_out), (mut near_in, mut near_out)) = (split(stream), split(near));
        tokio::select! {
            _ = copy(&mut far_in, &mut near_out) => {}
            _ = copy(&mut near_in, &mut far_out) => {}
            _ = cut.changed() => {}
        }
    });
    plain
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
