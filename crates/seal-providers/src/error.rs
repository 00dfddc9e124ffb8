//! Why a store gave no answer, by whose fault it is. What is shown is stable from one try to the next, so that it can
//! stand in a status; it never holds a value, and of the store's own words only what [`crate::words`] lets through.

use std::{fmt, sync::Arc, time::Duration};

/// Whose fault an error is: what follows for retries differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// What was asked cannot be asked: a key, a setting, something this backend has not. Waits for a change.
    User,
    /// The store cannot be reached, is sealed, overloaded or broken. Passes by itself.
    Down,
    /// The store heard and said no. Waits for a change there.
    Refused,
    /// The store answered what no such store answers; often it is something else that listens there.
    Nonsense,
}

/// What was asked of a store, without host and query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// `read`, `list`, `log in at`, …: goes on with the path.
    pub verb: &'static str,
    /// The path as people write it: `secret/data/app`.
    pub path: String,
}

impl fmt::Display for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.verb, self.path)
    }
}

/// Why there was no answer. Cheap to clone: those who wait for one call share its outcome.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The key is none that may go into a URL.
    #[error("the key {fault}")]
    Key {
        /// What is wrong with it; goes on after "the key".
        fault: &'static str,
    },
    /// The store's path list does not let this namespace read there.
    #[error("{path} is not among the paths that this store allows namespace {namespace}")]
    NotAllowed {
        /// The path, without `data` and `metadata`.
        path: String,
        /// Who asked.
        namespace: String,
    },
    /// The store's settings contradict themselves or cannot be used.
    #[error("{0}")]
    Settings(String),
    /// This backend has no such thing.
    #[error("{0}")]
    Unsupported(&'static str),
    /// A credential could not be had, before the store was asked.
    #[error("{0}")]
    Credentials(String),
    /// There was no connection, or it broke.
    #[error("no connection to {host}: {cause}")]
    Unreachable {
        /// Host and port.
        host: String,
        /// In a few words that stay the same.
        cause: String,
    },
    /// There was no answer in time.
    #[error("cannot {call}: no answer in time")]
    Late {
        /// What was asked.
        call: Call,
    },
    /// The store answered with a status that is not success.
    #[error("cannot {call}: the store answered {status}{}", colon(.words))]
    Answered {
        /// What was asked.
        call: Call,
        /// The HTTP status.
        status: u16,
        /// The store's words, harmless; may be empty.
        words: String,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// The store answered with something else than such stores do.
    #[error("cannot {call}: {what}")]
    Nonsense {
        /// What was asked.
        call: Call,
        /// What is wrong with the answer.
        what: &'static str,
    },
    /// Not asked: the store wanted to be left alone for a while.
    #[error("the store asked for fewer requests")]
    Throttled {
        /// How long it still wants that.
        retry_after: Duration,
    },
    /// Not asked: too many requests of ours wait already.
    #[error("too many requests to this store wait already")]
    Busy {
        /// When to come back.
        retry_after: Duration,
    },
    /// Not asked: the store is down, and somebody else tries once a second.
    #[error("{last}")]
    Resting {
        /// What the last one that asked met.
        last: Arc<StoreError>,
        /// When to come back.
        retry_after: Duration,
    },
    /// Not asked: the client was closed.
    #[error("the store's client is closed")]
    Closed,
}

impl StoreError {
    /// Whose fault it is.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Key { .. } | Self::NotAllowed { .. } | Self::Settings(_) | Self::Unsupported(_) => {
                Blame::User
            }
            Self::Answered { status, words, .. } => blame_of(*status, words),
            Self::Nonsense { .. } => Blame::Nonsense,
            Self::Credentials(_) => Blame::Refused,
            Self::Unreachable { .. }
            | Self::Late { .. }
            | Self::Throttled { .. }
            | Self::Busy { .. }
            | Self::Resting { .. }
            | Self::Closed => Blame::Down,
        }
    }

    /// The HTTP status that it answered, if it did.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Answered { status, .. } => Some(*status),
            Self::Resting { last, .. } => last.status(),
            _ => None,
        }
    }

    /// When to come back at the earliest, where that is known. Not shown: it differs from one try to the next.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Answered { retry_after, .. } => *retry_after,
            Self::Throttled { retry_after }
            | Self::Busy { retry_after }
            | Self::Resting { retry_after, .. } => Some(*retry_after),
            _ => None,
        }
    }

    /// The words of the store, or nothing.
    pub fn words(&self) -> &str {
        match self {
            Self::Answered { words, .. } => words,
            Self::Resting { last, .. } => last.words(),
            _ => "",
        }
    }
}

fn blame_of(status: u16, words: &str) -> Blame {
    match status {
        // A KV engine that has just been mounted says this for a moment.
        400 if words.starts_with("Upgrading from non-versioned") => Blame::Down,
        // 412: a standby that has not seen our token yet; 472 and 473: standbys.
        408 | 412 | 425 | 429 | 472 | 473 | 500.. => Blame::Down,
        300..400 => Blame::Nonsense,
        _ => Blame::Refused,
    }
}

fn colon(words: &str) -> String {
    if words.is_empty() {
        String::new()
    } else {
        format!(": {words}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, words: &str) -> StoreError {
        StoreError::Answered {
            call: Call {
                verb: "read",
                path: "secret/data/app".to_owned(),
            },
            status,
            words: words.to_owned(),
            retry_after: None,
        }
    }

    #[test]
    fn status_says_whose_fault_it_is() {
        for (status, words, blame) in [
            (403, "permission denied", Blame::Refused),
            (400, "invalid role ID", Blame::Refused),
            (
                400,
                "Upgrading from non-versioned to versioned data.",
                Blame::Down,
            ),
            (412, "", Blame::Down),
            (429, "rate limit quota exceeded", Blame::Down),
            (500, "", Blame::Down),
            (503, "Vault is sealed", Blame::Down),
            (307, "", Blame::Nonsense),
        ] {
            assert_eq!(answered(status, words).blame(), blame, "{status} {words}");
        }
    }

    #[test]
    fn sentence_names_path_status_and_the_stores_words() {
        assert_eq!(
            answered(403, "permission denied").to_string(),
            "cannot read secret/data/app: the store answered 403: permission denied"
        );
        assert_eq!(
            answered(502, "").to_string(),
            "cannot read secret/data/app: the store answered 502"
        );
    }

    #[test]
    fn sentence_stays_the_same_while_a_store_rests() {
        let last = answered(503, "Vault is sealed");
        let resting = |seconds| StoreError::Resting {
            last: Arc::new(last.clone()),
            retry_after: Duration::from_secs(seconds),
        };
        assert_eq!(resting(1).to_string(), last.to_string());
        assert_eq!(resting(1).to_string(), resting(7).to_string());
        assert_eq!(resting(7).retry_after(), Some(Duration::from_secs(7)));
        assert_eq!(resting(7).status(), Some(503));
    }
}
