//! A certificate by URL: bounded, without credentials, never led from https to http.
//! Whether plain http is acceptable at all is the caller's decision.

use std::time::Duration;

use reqwest::redirect::Policy;

use crate::cluster::block_on;
use crate::command_error::CommandError;

/// A certificate has some two thousand bytes.
const MOST_BYTES: usize = 1 << 20;
const MOST_REDIRECTS: usize = 5;
const TIMEOUT: Duration = Duration::from_secs(20);

/// Whether `url` leads to this machine.
pub(crate) fn is_loopback(url: &str) -> bool {
    let Ok(url) = url.parse::<http::Uri>() else {
        return false;
    };
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// What `url` holds.
pub(super) fn get(url: &str) -> Result<Vec<u8>, CommandError> {
    block_on(fetch(url))
}

async fn fetch(url: &str) -> Result<Vec<u8>, CommandError> {
    let failed =
        |why: &str| CommandError::cluster(format!("cannot fetch {}: {why}", without_credentials(url)));
    let policy = Policy::custom(|attempt| {
        if attempt.url().scheme() != "https" {
            attempt.error("a redirect to plain http is not followed")
        } else if attempt.previous().len() > MOST_REDIRECTS {
            attempt.error("too many redirects")
        } else {
            attempt.follow()
        }
    });
    let client = builder(url).redirect(policy).timeout(TIMEOUT).build();
    let client = client.map_err(|error| failed(&root_cause(&error)))?;
    let mut response = client
        .get(url)
        .send()
        .await
        .map_err(|error| failed(&root_cause(&error)))?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(failed(&format!("the server answered {}", response.status())));
    }
    let mut content = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| failed(&root_cause(&error)))?
    {
        if content.len() + chunk.len() > MOST_BYTES {
            return Err(failed("the answer is too long for a certificate"));
        }
        content.extend_from_slice(&chunk);
    }
    Ok(content)
}

/// A client for `url`. What leads to this machine goes past the environment's proxies: otherwise
/// another machine would answer where plain http is trusted because it stays here.
pub(crate) fn builder(url: &str) -> reqwest::ClientBuilder {
    let builder = reqwest::Client::builder();
    if is_loopback(url) {
        builder.no_proxy()
    } else {
        builder
    }
}

/// `url` as it may be shown.
pub(super) fn without_credentials(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let authority = rest.find('/').unwrap_or(rest.len());
            let host = rest[..authority].rfind('@').map_or(0, |at| at + 1);
            format!("{scheme}://{}", &rest[host..])
        }
        None => url.to_owned(),
    }
}

/// The innermost of an error's causes.
pub(crate) fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_trusted_over_plain_http() {
        for url in ["http://localhost:8080/x", "http://127.0.0.9", "http://[::1]:1/"] {
            assert!(is_loopback(url), "{url}");
        }
        for url in [
            "http://localhost.example",
            "http://10.0.0.1/",
            "http://localhost@h/",
            "x",
        ] {
            assert!(!is_loopback(url), "{url}");
        }
    }

    #[test]
    fn a_url_is_shown_without_its_credentials() {
        assert_eq!(without_credentials("https://u:p@h/x@y"), "https://h/x@y");
        assert_eq!(without_credentials("https://u:p@h"), "https://h");
    }
}
