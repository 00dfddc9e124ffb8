//! The controller's HTTP API through the API server's service proxy, as kubeseal calls it.
//!
//! It owns requests, retries and the wording of failures, which is client-go's. What is sent and what
//! an answer means is the caller's.

use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, Method, Request, StatusCode};
use kube::client::Body;

use crate::kubeconfig::{Connection, KubeconfigError};

mod wording;

use wording::{connect_cause, failure, go_duration, root_cause, without_password};

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
                _ => return Err(failure(call.method.as_str(), call.name, status, &headers, &body)),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_service_proxy() {
        assert_eq!(
            path("kube-system", "http:sealed-secrets:", "/v1/cert.pem"),
            "/api/v1/namespaces/kube-system/services/http:sealed-secrets:/proxy/v1/cert.pem"
        );
        assert_eq!(path("", "s", ""), "/api/v1/services/s");
    }
}
