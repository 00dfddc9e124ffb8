//! Where `--cert` gets its bytes from: a file, or an http(s) or file URL, told apart as upstream does.
//!
//! It says nothing about who is to be trusted (S3): a certificate fetched over plain HTTP is used, as
//! upstream does, with a warning.

use std::time::Duration;

use super::failure::Failure;
use super::go_text::quoted;
use crate::certificate::download::{builder, is_loopback, root_cause};

/// The bytes that `source` names.
pub(super) fn read(source: &str) -> Result<Vec<u8>, Failure> {
    match scheme(source)? {
        None => read_file(source),
        Some("file") => read_file_url(source),
        Some(scheme @ ("http" | "https")) => {
            if scheme == "http" && !is_loopback(source) {
                super::warn(
                    "the certificate comes over plain HTTP: whoever answers can read what is sealed with it. \
                     Compare its fingerprint, or use https.",
                );
            }
            super::cluster::block_on(fetch(source))?
        }
        Some(scheme) => Err(Failure::Fetch {
            url: source.to_owned(),
            cause: format!("unsupported protocol scheme {}", quoted(scheme)),
        }),
    }
}

fn read_file(path: &str) -> Result<Vec<u8>, Failure> {
    let mut file = std::fs::File::open(path).map_err(|error| Failure::file("open", path, &error))?;
    let mut content = Vec::new();
    std::io::Read::read_to_end(&mut file, &mut content)
        .map_err(|error| Failure::file("read", path, &error))?;
    Ok(content)
}

fn read_file_url(url: &str) -> Result<Vec<u8>, Failure> {
    let rest = url.split_once(':').map_or("", |(_, rest)| rest);
    let path = match rest.strip_prefix("//") {
        Some(rest) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        None => rest,
    };
    std::fs::read(unescaped(path)).map_err(|_| Failure::FetchStatus {
        url: url.to_owned(),
        status: "404 Not Found".to_owned(),
    })
}

fn unescaped(path: &str) -> String {
    let mut out = Vec::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let digits = [bytes.next().unwrap_or_default(), bytes.next().unwrap_or_default()];
                let value = std::str::from_utf8(&digits)
                    .ok()
                    .and_then(|text| u8::from_str_radix(text, 16).ok());
                out.push(value.unwrap_or(byte));
            }
            b'?' | b'#' => break,
            other => out.push(other),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The scheme of a URL; nothing for a file. The faults are those of Go's `url.Parse`, which upstream
/// runs over file names too.
fn scheme(source: &str) -> Result<Option<&str>, Failure> {
    let fault = |fault: String| Failure::Url {
        url: source.to_owned(),
        fault,
    };
    if source.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
        return Err(fault("net/url: invalid control character in URL".to_owned()));
    }
    let (scheme, rest) = match source
        .find(|character: char| !(character.is_ascii_alphanumeric() || matches!(character, '+' | '-' | '.')))
    {
        Some(0) if source.starts_with(':') => return Err(fault("missing protocol scheme".to_owned())),
        Some(end)
            if source[end..].starts_with(':')
                && source.starts_with(|first: char| first.is_ascii_alphabetic()) =>
        {
            (Some(&source[..end]), &source[end + 1..])
        }
        _ => (None, source),
    };
    // A Windows drive.
    if scheme.is_some_and(|scheme| scheme.len() == 1) {
        return Ok(None);
    }
    let path = rest.split(['#', '?']).next().unwrap_or_default();
    if scheme.is_none()
        && path
            .split('/')
            .next()
            .is_some_and(|segment| segment.contains(':'))
    {
        return Err(fault("first path segment in URL cannot contain colon".to_owned()));
    }
    for (at, _) in path.match_indices('%') {
        let escape: String = path[at..].chars().take(3).collect();
        if escape.len() != 3 || !escape[1..].bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(fault(format!("invalid URL escape {}", quoted(&escape))));
        }
    }
    Ok(scheme)
}

/// A certificate has some two thousand bytes.
const MOST_BYTES: usize = 1 << 20;
const TIMEOUT: Duration = Duration::from_secs(60);

async fn fetch(url: &str) -> Result<Vec<u8>, Failure> {
    let failed = |cause: String| Failure::Fetch {
        url: url.to_owned(),
        cause,
    };
    let policy = reqwest::redirect::Policy::custom(|attempt| {
        let was_secure = attempt
            .previous()
            .last()
            .is_some_and(|previous| previous.scheme() == "https");
        if was_secure && attempt.url().scheme() != "https" {
            attempt.error("a redirect from https to http is not followed")
        } else if attempt.previous().len() >= 10 {
            attempt.error("stopped after 10 redirects")
        } else {
            attempt.follow()
        }
    });
    let client = builder(url).redirect(policy).timeout(TIMEOUT).build();
    let client = client.map_err(|error| failed(root_cause(&error)))?;
    let mut response = client
        .get(url)
        .send()
        .await
        .map_err(|error| failed(connect_cause(&error, url)))?;
    if response.status() != reqwest::StatusCode::OK {
        let status = response.status();
        let status = format!(
            "{} {}",
            status.as_u16(),
            status.canonical_reason().unwrap_or_default()
        );
        return Err(Failure::FetchStatus {
            url: url.to_owned(),
            status: status.trim_end().to_owned(),
        });
    }
    let mut content = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| failed(root_cause(&error)))?
    {
        if content.len() + chunk.len() > MOST_BYTES {
            return Err(failed("the answer is too long for a certificate".to_owned()));
        }
        content.extend_from_slice(&chunk);
    }
    Ok(content)
}

fn connect_cause(error: &reqwest::Error, url: &str) -> String {
    let uri: http::Uri = url.parse().unwrap_or_default();
    let host = uri.host().unwrap_or_default();
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") {
        443
    } else {
        80
    });
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(io) = current.downcast_ref::<std::io::Error>()
            && io.kind() == std::io::ErrorKind::ConnectionRefused
        {
            return format!("dial tcp {host}:{port}: connect: connection refused");
        }
        cause = current.source();
    }
    let text = root_cause(error);
    if text.contains("failed to lookup address") {
        format!("dial tcp: lookup {host}: no such host")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_urls_are_told_apart_as_go_does() {
        assert_eq!(scheme("a/b.pem").unwrap(), None);
        assert_eq!(scheme("C:\\cert.pem").unwrap(), None);
        assert_eq!(scheme("https://h/x").unwrap(), Some("https"));
        let fault = |source| scheme(source).unwrap_err().to_string();
        assert_eq!(
            fault("ht tp://x"),
            "parse \"ht tp://x\": first path segment in URL cannot contain colon"
        );
        assert_eq!(fault("%zz"), "parse \"%zz\": invalid URL escape \"%zz\"");
        assert_eq!(fault(":x"), "parse \":x\": missing protocol scheme");
    }
}
