//! All sealing keys that can open something, and the order in which they are tried.
//!
//! A trial with the wrong key costs as much as one with the right key, so order is everything. Keys
//! that cannot have made a ciphertext (size, or number not below the modulus) are never asked.
//! Which key seals is not decided here.

use std::cmp::Reverse;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;

use crate::envelope::open_payload;
use crate::{EncryptionLabel, Envelope, Fingerprint, Plaintext, PrivateKey};

/// A key in the ring.
pub struct RingKey {
    key: PrivateKey,
    since: Timestamp,
    opened: AtomicU64,
}

/// One or more private keys, the newest first, none twice.
pub struct KeyRing(Vec<RingKey>);

/// What is known beforehand of the key that sealed a value. Hints only order the trials: a wrong one
/// costs an attempt and changes nothing else (S7).
#[derive(Clone, Copy, Debug, Default)]
pub struct TrialHints {
    /// The key that the record names for this entry.
    pub recorded: Option<Fingerprint>,
    /// The key that opened this object's previous entry.
    pub last_good: Option<Fingerprint>,
}

/// A value that opened.
pub struct Opened {
    /// The value.
    pub plaintext: Plaintext,
    /// The key that opened it.
    pub key: Fingerprint,
    /// How many keys were asked: one private operation each.
    pub asked: usize,
}

/// A value that did not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// No key in the ring has the size of the key that sealed it.
    #[error("it was sealed with a key of {bits} bits, of which there is none")]
    NoKeyOfThisSize {
        /// The size of the key that sealed it.
        bits: usize,
    },
    /// Another key sealed it, or another label; the two cannot be told apart.
    #[error("no key could decrypt it")]
    NoKey {
        /// How many keys were asked.
        asked: usize,
        /// How many more might have opened it and were not asked.
        left: usize,
    },
    /// The session key opened, the payload did not: it was altered or cut.
    #[error("its payload was altered")]
    Tampered {
        /// The key to which it was sealed.
        key: Fingerprint,
    },
}

// A quarter: at most four keys come forward.
const GOOD_PART: u64 = 4;

impl RingKey {
    /// A key that counts as made at `since`.
    pub fn new(key: PrivateKey, since: Timestamp) -> Self {
        Self {
            key,
            since,
            opened: AtomicU64::new(0),
        }
    }

    /// The key's public name.
    pub fn fingerprint(&self) -> Fingerprint {
        self.key.public().fingerprint()
    }

    /// The key.
    pub fn private(&self) -> &PrivateKey {
        &self.key
    }

    /// When it was made.
    pub fn since(&self) -> Timestamp {
        self.since
    }
}

impl KeyRing {
    /// A ring of `keys` in any order; `None` if there is no key at all.
    pub fn new(mut keys: Vec<RingKey>) -> Option<Self> {
        keys.sort_by_key(|key| (Reverse(key.since), key.fingerprint()));
        let mut seen = std::collections::HashSet::new();
        keys.retain(|key| seen.insert(key.fingerprint()));
        (!keys.is_empty()).then_some(Self(keys))
    }

    /// The keys, the newest first.
    pub fn keys(&self) -> &[RingKey] {
        &self.0
    }

    /// The key of this name.
    pub fn find(&self, fingerprint: Fingerprint) -> Option<&RingKey> {
        self.0.iter().find(|key| key.fingerprint() == fingerprint)
    }

    /// Opens `envelope` with the first key that can, of at most `most` keys.
    ///
    /// # Errors
    /// [`OpenError`], which tells what an outsider could tell as well, and nothing of the value.
    pub fn open(
        &self,
        envelope: &Envelope<'_>,
        label: &EncryptionLabel,
        hints: TrialHints,
        most: usize,
    ) -> Result<Opened, OpenError> {
        let candidates = self.candidates(envelope, hints);
        if candidates.is_empty() {
            return Err(self.none_fits(envelope));
        }
        let (asked, left) = (candidates.len().min(most), candidates.len().saturating_sub(most));
        for (index, candidate) in candidates.into_iter().take(most).enumerate() {
            let Some(session_key) = candidate.key.unwrap_session_key(envelope.wrapped_key, label) else {
                continue;
            };
            let key = candidate.fingerprint();
            let plaintext =
                open_payload(envelope.payload, &session_key).ok_or(OpenError::Tampered { key })?;
            candidate.opened.fetch_add(1, Ordering::Relaxed);
            return Ok(Opened {
                plaintext,
                key,
                asked: index + 1,
            });
        }
        Err(OpenError::NoKey { asked, left })
    }

    /// Which of `labels` would have opened `envelope`: its index. The session key is dropped, nothing
    /// is opened. The caller hands in only such labels as the object's author could have set (S8).
    pub fn label_that_fits(&self, envelope: &Envelope<'_>, labels: &[EncryptionLabel]) -> Option<usize> {
        let candidates = self.candidates(envelope, TrialHints::default());
        labels.iter().position(|label| {
            candidates.iter().any(|candidate| {
                candidate
                    .key
                    .unwrap_session_key(envelope.wrapped_key, label)
                    .is_some()
            })
        })
    }

    // Recorded, last good, newest, then the most successful.
    fn candidates(&self, envelope: &Envelope<'_>, hints: TrialHints) -> Vec<&RingKey> {
        let mut fitting: Vec<&RingKey> = self
            .0
            .iter()
            .filter(|key| key.key.may_open(envelope.wrapped_key))
            .collect();
        // Only a key that opens a good part of everything comes forward: where values are spread evenly,
        // the keys just used are the least likely. Each count is read once: other threads raise them
        // meanwhile, and sorting panics where an order contradicts itself.
        if let Some((_newest, older)) = fitting.split_first_mut() {
            let all: u64 = self.0.iter().map(|key| key.opened.load(Ordering::Relaxed)).sum();
            older.sort_by_cached_key(|key| {
                let opened = key.opened.load(Ordering::Relaxed);
                Reverse(if opened * GOOD_PART >= all { opened } else { 0 })
            });
        }
        let rank = |key: &RingKey| {
            let name = Some(key.fingerprint());
            (name != hints.recorded, name != hints.last_good)
        };
        fitting.sort_by_key(|key| rank(key));
        fitting
    }

    fn none_fits(&self, envelope: &Envelope<'_>) -> OpenError {
        let size = envelope.wrapped_key.len();
        if self.0.iter().any(|key| key.key.public().modulus().len() == size) {
            return OpenError::NoKey { asked: 0, left: 0 };
        }
        OpenError::NoKeyOfThisSize {
            bits: envelope.key_bits(),
        }
    }
}

#[cfg(test)]
mod tests;
