//! Failures in client-go's words, which scripts match. It sends nothing and reads no more of an answer
//! than it must.

use std::error::Error as _;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};

use super::ProxyError;

/// client-go quotes no more of an answer that it does not understand.
const MOST_QUOTED: usize = 2048;

/// What an answer that is no success says.
pub(super) fn failure(
    method: &str,
    name: &str,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> ProxyError {
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
    let verb = method.to_lowercase();
    let message = format!("{} ({verb} services {})", generic(code, &said), name);
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

/// The innermost cause, in its own words.
pub(super) fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// Go's words for the failures that people meet; any other cause in its own.
pub(super) fn connect_cause(error: &kube::Error, server: &str) -> String {
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

/// An address to be shown.
pub(super) fn without_password(server: &str) -> String {
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

/// `time.Duration.String` for what a flag can hold.
pub(super) fn go_duration(limit: Duration) -> String {
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
        failure(
            "POST",
            "http:s:http",
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
    fn a_password_in_the_address_is_not_shown() {
        assert_eq!(without_password("https://u:p@h:1/x"), "https://u:***@h:1/x");
        assert_eq!(without_password("https://h:1/x@y:z"), "https://h:1/x@y:z");
    }
}
