//! Whether a mount is what the settings say it is. An engine of version 1 that is asked as if it were of version 2 has
//! simply nothing at every path, so "missing" is believed only of an engine that is not known to be another.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde::Deserialize;
use tokio::time::Instant;

use crate::network::Reply;

/// So long a mount's kind is remembered: engines change by somebody's hand only.
const REMEMBERED: Duration = Duration::from_secs(60);
const MOST: usize = 256;

/// What is known about mounts, by path.
#[derive(Default)]
pub(super) struct Mounts(Mutex<HashMap<String, (Instant, bool)>>);

impl Mounts {
    /// Whether the mount is another engine than one of version 2, if that was seen lately.
    pub(super) fn known(&self, mount: &str) -> Option<bool> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, is_other) = known.get(mount)?;
        (at.elapsed() < REMEMBERED).then_some(*is_other)
    }

    pub(super) fn remember(&self, mount: &str, is_other: bool) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(mount.to_owned(), (Instant::now(), is_other));
    }
}

/// Whether the server's record of a mount says for sure that it is no key/value engine of version 2. One that may not
/// be read, or says nothing, says nothing against it.
pub(super) fn is_other(reply: &Reply) -> bool {
    #[derive(Deserialize)]
    struct Body {
        data: Record,
    }
    #[derive(Deserialize)]
    struct Record {
        #[serde(rename = "type")]
        kind: String,
        #[serde(default)]
        options: Option<Options>,
    }
    #[derive(Deserialize)]
    struct Options {
        #[serde(default)]
        version: Option<String>,
    }
    if !reply.status.is_success() {
        return false;
    }
    let Ok(Body { data }) = serde_json::from_slice(&reply.body) else {
        return false;
    };
    let version = data.options.and_then(|options| options.version);
    match (data.kind.as_str(), version.as_deref()) {
        ("kv" | "generic", None | Some("1")) => true,
        ("kv", _) => false,
        // Plugins have names of their own, and mounts to plain engines do not.
        (kind, _) => matches!(
            kind,
            "pki" | "transit" | "database" | "ssh" | "totp" | "cubbyhole"
        ),
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};
    use zeroize::Zeroizing;

    use super::*;

    fn says(status: u16, body: &str) -> bool {
        is_other(&Reply {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Zeroizing::new(body.as_bytes().to_vec()),
        })
    }

    #[test]
    fn only_a_record_that_says_so_is_believed() {
        assert!(says(200, r#"{"data":{"type":"kv","options":{"version":"1"}}}"#));
        assert!(says(200, r#"{"data":{"type":"kv","options":null}}"#));
        assert!(says(200, r#"{"data":{"type":"pki","options":null}}"#));
        assert!(!says(200, r#"{"data":{"type":"kv","options":{"version":"2"}}}"#));
        assert!(!says(200, r#"{"data":{"type":"our-kv-plugin"}}"#));
        assert!(!says(404, r#"{"data":{"type":"kv","options":{"version":"1"}}}"#));
        assert!(!says(200, "{}"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_seen_is_remembered_for_a_minute() {
        let mounts = Mounts::default();
        assert_eq!(mounts.known("/secret"), None);
        mounts.remember("/secret", true);
        assert_eq!(mounts.known("/secret"), Some(true));
        tokio::time::advance(REMEMBERED).await;
        assert_eq!(mounts.known("/secret"), None);
    }
}
