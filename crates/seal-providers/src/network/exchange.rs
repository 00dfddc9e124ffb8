//! One request and its answer. What the status means is the backend's to say.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use zeroize::{Zeroize, Zeroizing};

use super::{Address, ClientCertificate, Reach, Timeouts, Trust, cause::cause, connect::Connector, tls};
use crate::{Call, StoreError};

/// A list of many names is large; values are a megabyte at most.
const MOST_BYTES: usize = 8 << 20;
const MOST_REDIRECTS: usize = 3;
/// So many old connections may turn out to be closed, one after the other.
const MOST_STALE: usize = 3;
const IDLE: std::time::Duration = std::time::Duration::from_secs(50);

/// A client of one address.
pub(crate) struct Http {
    client: Client<HttpsConnector<Connector>, Full<Bytes>>,
    /// Connections made so far.
    made: Arc<AtomicU64>,
    address: Address,
    timeouts: Timeouts,
}

/// What is asked.
pub(crate) struct Exchange<'a> {
    pub(crate) method: Method,
    /// Path and query, encoded, below the address.
    pub(crate) target: &'a str,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Zeroizing<Vec<u8>>,
    pub(crate) redirects: Redirects,
}

/// What happens when the answer is that it lies elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Redirects {
    /// It is the answer.
    Refuse,
    /// It is asked for there, on the same scheme, host and port.
    #[cfg_attr(
        not(any(feature = "webhook", test)),
        expect(dead_code, reason = "of webhooks only")
    )]
    WithinOrigin,
}

/// What is answered.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

impl Http {
    /// A client of `address`; nothing is sent.
    pub(crate) fn new(
        address: Address,
        trust: &Trust,
        identity: Option<&ClientCertificate>,
        reach: Reach,
        timeouts: Timeouts,
        connections: usize,
    ) -> Result<Self, StoreError> {
        let connector = Connector::new(reach, timeouts.connect);
        let made = connector.made();
        // Whom to trust matters to those who encrypt; a machine without authorities can do without them.
        let tls = match address.is_encrypted() {
            true => tls::config(trust, identity)?,
            false => tls::none()?,
        };
        let connector = HttpsConnector::from((connector, tls));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            // Load balancers drop what was idle for a minute.
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(connections)
            .build(connector);
        Ok(Self {
            client,
            made,
            address,
            timeouts,
        })
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Sends it and reads the answer to its end.
    pub(crate) async fn send(&self, call: &Call, exchange: Exchange<'_>) -> Result<Reply, StoreError> {
        tokio::time::timeout(self.timeouts.request, self.follow(call, exchange))
            .await
            .map_err(|_| StoreError::Late { call: call.clone() })?
    }

    async fn follow(&self, call: &Call, exchange: Exchange<'_>) -> Result<Reply, StoreError> {
        let body = wiped(exchange.body);
        let (mut method, mut uri) = (exchange.method, self.address.uri(exchange.target)?);
        for _ in 0..=MOST_REDIRECTS {
            let body = match method {
                Method::GET | Method::HEAD => Bytes::new(),
                _ => body.clone(),
            };
            let mut request = http::Request::new(Full::new(body));
            *request.method_mut() = method.clone();
            *request.uri_mut() = uri.clone();
            *request.headers_mut() = exchange.headers.clone();
            let reply = self.once(call, request).await?;
            if exchange.redirects == Redirects::Refuse || !reply.status.is_redirection() {
                return Ok(reply);
            }
            let Some(next) = self.destination(&uri, &reply) else {
                return Ok(reply);
            };
            if !self.address.is_origin_of(&next) {
                let what = "the answer leads to another host, which is not followed";
                return Err(nonsense(call, what));
            }
            // RFC 9110, 15.4: 307 and 308 keep the method; the others are fetched.
            if !matches!(reply.status.as_u16(), 307 | 308) {
                method = Method::GET;
            }
            uri = next;
        }
        Err(nonsense(call, "the answer leads from one place to the next"))
    }

    async fn once(&self, call: &Call, request: http::Request<Full<Bytes>>) -> Result<Reply, StoreError> {
        let response = self.answered(request).await?;
        let (parts, body) = response.into_parts();
        Ok(Reply {
            status: parts.status,
            headers: parts.headers,
            body: self.read(call, body).await?,
        })
    }

    /// The head of the answer. A server may close a connection at the moment in which we take it up again; what
    /// changes nothing is then asked once more (RFC 9110, 9.2.2).
    async fn answered(&self, request: http::Request<Full<Bytes>>) -> Result<Response<Incoming>, StoreError> {
        let may_be_repeated = only_reads(request.method());
        for _ in 0..MOST_STALE {
            let made = self.made.load(Ordering::SeqCst);
            match self.client.request(request.clone()).await {
                // Nobody has connected since, so it was an old connection.
                Err(error)
                    if may_be_repeated && !error.is_connect() && self.made.load(Ordering::SeqCst) == made => {
                }
                outcome => return outcome.map_err(|error| self.unreachable(&error)),
            }
        }
        self.client
            .request(request)
            .await
            .map_err(|error| self.unreachable(&error))
    }

    async fn read(&self, call: &Call, mut body: Incoming) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let mut read = Zeroizing::new(Vec::new());
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| self.unreachable(&error))?;
            let Some(part) = frame.data_ref() else { continue };
            if read.len() + part.len() > MOST_BYTES {
                return Err(nonsense(call, "the answer is larger than any value"));
            }
            append(&mut read, part);
        }
        Ok(read)
    }

    /// Where a redirect leads, if it says so: absolute, or a path on the same host.
    fn destination(&self, from: &http::Uri, reply: &Reply) -> Option<http::Uri> {
        let location = reply.headers.get(header::LOCATION)?.to_str().ok()?;
        if location.starts_with('/') && !location.starts_with("//") {
            let mut parts = from.clone().into_parts();
            parts.path_and_query = Some(location.parse().ok()?);
            return http::Uri::from_parts(parts).ok();
        }
        location.parse().ok()
    }

    fn unreachable(&self, error: &(dyn std::error::Error + 'static)) -> StoreError {
        StoreError::Unreachable {
            host: self.address.host_and_port(),
            cause: cause(error),
        }
    }
}

impl Reply {
    /// When the store wants to be asked again, in seconds or as a date (RFC 9110, 10.2.3).
    pub(crate) fn retry_after(&self) -> Option<std::time::Duration> {
        let text = self.headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
        if let Ok(seconds) = text.parse() {
            return Some(std::time::Duration::from_secs(seconds));
        }
        let then = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
        let wait = then.duration_since(jiff::Timestamp::now());
        Some(wait.try_into().unwrap_or_default())
    }
}

/// A header's value that no log of a library shows, in memory that is wiped.
pub(crate) fn secret_header(value: &[u8]) -> Option<HeaderValue> {
    let bytes = Bytes::from_owner(Owned(Zeroizing::new(value.to_vec())));
    let mut value = HeaderValue::from_maybe_shared(bytes).ok()?;
    value.set_sensitive(true);
    Some(value)
}

struct Owned(Zeroizing<Vec<u8>>);

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

fn wiped(body: Zeroizing<Vec<u8>>) -> Bytes {
    Bytes::from_owner(Owned(body))
}

// A vector that grows by itself leaves its old self behind, unwiped.
fn append(read: &mut Zeroizing<Vec<u8>>, part: &[u8]) {
    if read.capacity() < read.len() + part.len() {
        let mut larger = Vec::with_capacity((read.len() + part.len()).next_power_of_two().max(4 << 10));
        larger.extend_from_slice(read);
        let mut old = std::mem::replace(&mut **read, larger);
        old.zeroize();
    }
    read.extend_from_slice(part);
}

fn nonsense(call: &Call, what: &'static str) -> StoreError {
    StoreError::Nonsense {
        call: call.clone(),
        what,
    }
}

// The safe ones of RFC 9110, and the two of Vault's own.
fn only_reads(method: &Method) -> bool {
    method.is_safe() || matches!(method.as_str(), "LIST" | "SCAN")
}

#[cfg(test)]
mod tests;
