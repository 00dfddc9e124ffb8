//! The controller's HTTP API through the API server's service proxy, as kubeseal calls it.
//!
//! It owns requests, retries and the wording of failures, which is client-go's. What is sent and what
//! an answer means is the caller's.

use std::error::Error as _;
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, Method, Request, StatusCode};
use kube::client::Body;

use crate::kubeconfig::{Connection, KubeconfigError};

/// The service of a controller, behind the proxy.
pub struct ServiceProxy {
    api: Api,
    namespace: String,
    /// `http:NAME:PORT`.
    name: String,
}

/// A call that failed, in client-go's words.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The API server or the controller answered with a failure.
    #[error("{message}")]
    Status {
        /// The HTTP status code.
        code: u16,
        /// What was said.
        message: String,
    },
    /// No answer.
    #[error("{verb} \"{url}\": {cause}")]
    Transport {
        /// `Get` or `Post`.
        verb: &'static str,
        /// Where, without credentials.
        url: String,
        /// Why.
        cause: String,
    },
    /// The request cannot be made.
    #[error("{0}")]
    Request(String),
    /// Trust or identity cannot be used.
    #[error(transparent)]
    Configuration(#[from] KubeconfigError),
}

impl ProxyError {
    /// The HTTP status code, if there was an answer.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Status { code, .. } => Some(*code),
            _ => None,
        }
    }
}

/// client-go's limit of retries on `Retry-After`.
const MOST_RETRIES: usize = 10;
/// More than any SealedSecret: etcd takes 1.5 MiB.
const MOST_BYTES: usize = 64 << 20;
/// client-go quotes no more of an answer that it does not understand.
const MOST_QUOTED: usize = 2048;

impl ServiceProxy {
    /// Looks up the first port of the service `namespace/name`.
    ///
    /// # Errors
    /// [`ProxyError`], also when the service has no port.
    pub async fn find(connection: Connection, namespace: &str, name: &str) -> Result<Self, ProxyError> {
        if name.is_empty() {
            return Err(ProxyError::Request("resource name may not be empty".to_owned()));
        }
        judge_segment("resource name", name)?;
        judge_segment("namespace", namespace)?;
        let api = Api::new(connection)?;
        let call = Call {
            name,
            ..Call::get(path(namespace, name, ""))
        };
        let body = api.call(&call, "application/json").await?;
        let service: Service = serde_json::from_slice(&body)
            .map_err(|_| ProxyError::Request(format!("the answer to services \"{name}\" is no Service")))?;
        let Some(port) = service.spec.ports.into_iter().next() else {
            return Err(ProxyError::Request(format!("services \"{name}\" has no ports")));
        };
        let name = format!("http:{name}:{}", port.name);
        Ok(Self {
            api,
            namespace: namespace.to_owned(),
            name,
        })
    }

    /// GET of `endpoint` (`/v1/cert.pem`); the body as it came.
    ///
    /// # Errors
    /// [`ProxyError`].
    pub async fn get(&self, endpoint: &str) -> Result<Vec<u8>, ProxyError> {
        let call = Call {
            name: &self.name,
            ..Call::get(path(&self.namespace, &self.name, endpoint))
        };
        self.api.call(&call, "application/x-pem-file, */*").await
    }

    /// POST of `body` to `endpoint` (`/v1/verify`, `/v1/rotate`); the body as it came.
    ///
    /// # Errors
    /// [`ProxyError`].
    pub async fn post(&self, endpoint: &str, body: Vec<u8>) -> Result<Vec<u8>, ProxyError> {
        let call = Call {
            method: Method::POST,
            verb: "Post",
            path: path(&self.namespace, &self.name, endpoint),
            name: &self.name,
            body,
        };
        self.api.call(&call, "application/json, */*").await
    }
}

struct Api {
    client: kube::Client,
    server: String,
    timeout: Option<Duration>,
}

struct Call<'a> {
    method: Method,
    verb: &'static str,
    path: String,
    name: &'a str,
    body: Vec<u8>,
}

impl Call<'_> {
    fn get(path: String) -> Self {
        Self {
            method: Method::GET,
            verb: "Get",
            path,
            name: "",
            body: Vec::new(),
        }
    }
}

impl Api {
    fn new(connection: Connection) -> Result<Self, ProxyError> {
        let Connection {
            config,
            server,
            request_timeout,
        } = connection;
        let client =
            kube::Client::try_from(config).map_err(|error| ProxyError::Request(root_cause(&error)))?;
        Ok(Self {
            client,
            server: without_password(&server),
            timeout: request_timeout,
        })
    }

    async fn call(&self, call: &Call<'_>, accept: &str) -> Result<Vec<u8>, ProxyError> {
        let mut retries = 0;
        loop {
            let (status, headers, body) = self.send(call, accept).await?;
            if status.is_success() {
                return Ok(body);
            }
            match retry_after(status, &headers) {
                Some(pause) if retries < MOST_RETRIES => {
                    retries += 1;
                    tokio::time::sleep(pause).await;
                }
                _ => return Err(failure(call, status, &headers, &body)),
            }
        }
    }

    async fn send(
        &self,
        call: &Call<'_>,
        accept: &str,
    ) -> Result<(StatusCode, HeaderMap, Vec<u8>), ProxyError> {
        let request = Request::builder()
            .method(call.method.clone())
            .uri(&call.path)
            .header(ACCEPT, accept)
            .header(CONTENT_TYPE, "application/json")
            .body(Body::from(call.body.clone()))
            .map_err(|error| ProxyError::Request(error.to_string()))?;
        let exchange = async {
            let response = self
                .client
                .send(request)
                .await
                .map_err(|error| connect_cause(&error, &self.server))?;
            let (parts, body) = response.into_parts();
            let limited = http_body_util::Limited::new(body, MOST_BYTES);
            let body = http_body_util::BodyExt::collect(limited).await.map_err(|error| {
                format!("unexpected error when reading response body. Please retry. Original error: {error}")
            })?;
            Ok((parts.status, parts.headers, body.to_bytes().to_vec()))
        };
        let result = match self.timeout {
            Some(limit) => tokio::time::timeout(limit, exchange).await.unwrap_or_else(|_| {
                Err("net/http: request canceled (Client.Timeout exceeded while awaiting headers)".to_owned())
            }),
            None => exchange.await,
        };
        result.map_err(|cause| {
            let query = self
                .timeout
                .map(|limit| format!("?timeout={}", go_duration(limit)))
                .unwrap_or_default();
            ProxyError::Transport {
                verb: call.verb,
                url: format!("{}{}{query}", self.server, call.path),
                cause,
            }
        })
    }
}

fn path(namespace: &str, name: &str, endpoint: &str) -> String {
    let proxy = if endpoint.is_empty() { "" } else { "/proxy" };
    let scope = if namespace.is_empty() {
        String::new()
    } else {
        format!("/namespaces/{}", escaped(namespace))
    };
    format!("/api/v1{scope}/services/{}{proxy}{endpoint}", escaped(name))
}

fn escaped(segment: &str) -> String {
    let mut out = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        match byte {
            b'a'..=b'z'
            | b'A'..=b'Z'
            | b'0'..=b'9'
            | b'-'
            | b'.'
            | b'_'
            | b'~'
            | b':'
            | b'@'
            | b'$'
            | b'&'
            | b'+'
            | b'=' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn judge_segment(what: &str, segment: &str) -> Result<(), ProxyError> {
    let fault = if matches!(segment, "." | "..") {
        format!("may not be '{segment}'")
    } else if let Some(bad) = segment.chars().find(|character| matches!(character, '/' | '%')) {
        format!("may not contain '{bad}'")
    } else {
        return Ok(());
    };
    Err(ProxyError::Request(format!(
        "invalid {what} \"{segment}\": [{fault}]"
    )))
}

fn retry_after(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    if status != StatusCode::TOO_MANY_REQUESTS && !status.is_server_error() {
        return None;
    }
    headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .parse()
        .ok()
        .map(Duration::from_secs)
}

fn failure(call: &Call<'_>, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> ProxyError {
    let media_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(|value| {
            value
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .to_ascii_lowercase()
        });
    let code = status.as_u16();
    let structured = media_type
        .as_deref()
        .is_none_or(|media_type| media_type == "application/json");
    if structured
        && let Ok(answer) = serde_json::from_slice::<Answer>(body)
        && answer.kind == "Status"
        && answer.status == "Failure"
    {
        let code = answer.code.filter(|code| *code != 0).unwrap_or(code);
        return ProxyError::Status {
            code,
            message: answer.message,
        };
    }
    let is_text = media_type.is_none_or(|media_type| media_type.starts_with("text/"));
    let quoted = &body[..body.len().min(MOST_QUOTED)];
    let said = if is_text {
        String::from_utf8_lossy(quoted).trim().to_owned()
    } else {
        "unknown".to_owned()
    };
    let verb = call.method.as_str().to_lowercase();
    let message = format!("{} ({verb} services {})", generic(code, &said), call.name);
    ProxyError::Status { code, message }
}

// NewGenericServerResponse of k8s.io/apimachinery/pkg/api/errors.
fn generic(code: u16, said: &str) -> String {
    match code {
        400 => "the server rejected our request for an unknown reason".into(),
        401 => "the server has asked for the client to provide credentials".into(),
        403 | 415 => said.into(),
        404 => "the server could not find the requested resource".into(),
        405 => "the server does not allow this method on the requested resource".into(),
        406 if said.is_empty() || said == "unknown" => {
            "the server was unable to respond with a content type that the client supports".into()
        }
        406 => said.into(),
        409 => "the server reported a conflict".into(),
        422 => "the server rejected our request due to an error in our request".into(),
        429 => "the server has received too many requests and has asked us to try again later".into(),
        503 => "the server is currently unable to handle the request".into(),
        504 => "the server was unable to return a response in the time allotted, but may still be processing the request".into(),
        500.. => format!("an error on the server ({said:?}) has prevented the request from succeeding"),
        _ => format!("the server responded with the status code {code} but did not return more information"),
    }
}

#[derive(serde::Deserialize)]
struct Answer {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    message: String,
    code: Option<u16>,
}

#[derive(serde::Deserialize)]
struct Service {
    #[serde(default)]
    spec: ServiceSpec,
}

#[derive(Default, serde::Deserialize)]
struct ServiceSpec {
    #[serde(default)]
    ports: Vec<ServicePort>,
}

#[derive(serde::Deserialize)]
struct ServicePort {
    #[serde(default)]
    name: String,
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

// Go's words for the failures that people meet; any other cause in its own.
fn connect_cause(error: &kube::Error, server: &str) -> String {
    let address = server.split_once("://").map_or(server, |(_, rest)| rest);
    let address = address.split('/').next().unwrap_or_default();
    let address = address.rsplit_once('@').map_or(address, |(_, address)| address);
    let mut cause: Option<&(dyn std::error::Error + 'static)> = error.source();
    while let Some(current) = cause {
        if let Some(io) = current.downcast_ref::<std::io::Error>() {
            match io.kind() {
                std::io::ErrorKind::ConnectionRefused => {
                    return format!("dial tcp {address}: connect: connection refused");
                }
                std::io::ErrorKind::NetworkUnreachable => {
                    return format!("dial tcp {address}: connect: network is unreachable");
                }
                std::io::ErrorKind::HostUnreachable => {
                    return format!("dial tcp {address}: connect: no route to host");
                }
                std::io::ErrorKind::UnexpectedEof => return "EOF".to_owned(),
                _ => {}
            }
        }
        cause = current.source();
    }
    let text = root_cause(error);
    if text.contains("UnknownIssuer") {
        return "tls: failed to verify certificate: x509: certificate signed by unknown authority".to_owned();
    }
    if text.contains("failed to lookup address") {
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        return format!("dial tcp: lookup {host}: no such host");
    }
    text
}

fn without_password(server: &str) -> String {
    let Some((scheme, rest)) = server.split_once("://") else {
        return server.to_owned();
    };
    match rest.split_once('@') {
        Some((user, host)) if !user.contains('/') => match user.split_once(':') {
            Some((name, _)) => format!("{scheme}://{name}:***@{host}"),
            None => server.to_owned(),
        },
        _ => server.to_owned(),
    }
}

// time.Duration.String for what a flag can hold.
fn go_duration(limit: Duration) -> String {
    let nanos = limit.as_nanos();
    let trimmed = |value: f64, unit: &str| format!("{value}{unit}");
    if nanos < 1_000 {
        return format!("{nanos}ns");
    }
    if nanos < 1_000_000 {
        return trimmed(limit.as_secs_f64() * 1e6, "µs");
    }
    if nanos < 1_000_000_000 {
        return trimmed(limit.as_secs_f64() * 1e3, "ms");
    }
    let (hours, minutes) = (limit.as_secs() / 3600, limit.as_secs() / 60 % 60);
    let seconds = trimmed(limit.as_secs_f64() % 60.0, "s");
    match (hours, minutes) {
        (0, 0) => seconds,
        (0, minutes) => format!("{minutes}m{seconds}"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(code: u16, content_type: Option<&str>, body: &str) -> String {
        let mut headers = HeaderMap::new();
        if let Some(content_type) = content_type {
            headers.insert(CONTENT_TYPE, content_type.parse().unwrap());
        }
        let call = Call {
            name: "http:s:http",
            method: Method::POST,
            ..Call::get(String::new())
        };
        failure(
            &call,
            StatusCode::from_u16(code).unwrap(),
            &headers,
            body.as_bytes(),
        )
        .to_string()
    }

    #[test]
    fn failures_are_worded_as_client_go_words_them() {
        assert_eq!(
            failed(500, None, ""),
            "an error on the server (\"\") has prevented the request from succeeding (post services http:s:http)"
        );
        assert_eq!(
            failed(409, None, ""),
            "the server reported a conflict (post services http:s:http)"
        );
        assert_eq!(
            failed(404, Some("text/plain; charset=utf-8"), "404 page not found\n"),
            "the server could not find the requested resource (post services http:s:http)"
        );
        let status =
            r#"{"kind":"Status","status":"Failure","message":"services \"x\" not found","code":404}"#;
        assert_eq!(
            failed(404, Some("application/json"), status),
            "services \"x\" not found"
        );
    }

    #[test]
    fn paths_are_those_of_the_service_proxy() {
        assert_eq!(
            path("kube-system", "http:sealed-secrets:", "/v1/cert.pem"),
            "/api/v1/namespaces/kube-system/services/http:sealed-secrets:/proxy/v1/cert.pem"
        );
        assert_eq!(path("", "s", ""), "/api/v1/services/s");
    }

    #[test]
    fn a_password_in_the_address_is_not_shown() {
        assert_eq!(without_password("https://u:p@h:1/x"), "https://u:***@h:1/x");
        assert_eq!(without_password("https://h:1/x@y:z"), "https://h:1/x@y:z");
    }
}
