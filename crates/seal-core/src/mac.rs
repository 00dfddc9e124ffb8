//! Keyed digests over what the controller remembers, and random bytes that are the same each time.
//!
//! An unkeyed hash of a secret is a dictionary oracle and an equality oracle (S14); these are HMAC-SHA256
//! (RFC 2104) under a key of the installation. Where that key is kept is not decided here.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use zeroize::Zeroizing;

use crate::{RandomSource, RandomnessUnavailable};

/// The installation's key. Only those who read the controller's own Secrets know it.
#[derive(Clone)]
pub struct InstallationKey(hmac::Key);

/// A keyed digest.
#[derive(Clone, Copy)]
pub struct Mac([u8; 32]);

/// A key must have 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the installation key must have {} bytes", InstallationKey::LENGTH)]
pub struct InvalidInstallationKey;

impl InstallationKey {
    /// The length of the key in bytes.
    pub const LENGTH: usize = 32;

    /// Takes a key that was kept.
    ///
    /// # Errors
    /// When it has another length.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidInstallationKey> {
        if bytes.len() != Self::LENGTH {
            return Err(InvalidInstallationKey);
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, bytes)))
    }

    /// HMAC over `purpose` and `parts`, each with its length in front, so that no two lists of parts
    /// give the same bytes.
    pub fn mac<'a>(&self, purpose: &'a str, parts: impl IntoIterator<Item = &'a [u8]>) -> Mac {
        let mut context = hmac::Context::with_key(&self.0);
        for part in std::iter::once(purpose.as_bytes()).chain(parts) {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.sign().as_ref());
        Mac(digest)
    }

    /// Random bytes that only `seed` and this installation determine: a template that makes a
    /// password makes the same one for the same inputs (S17).
    pub fn seeded(&self, seed: &Mac) -> SeededRandom {
        let key = Zeroizing::new(self.mac("seal seeded random", [seed.0.as_slice()]).0);
        SeededRandom {
            key: hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()),
            counter: 0,
        }
    }
}

impl Mac {
    /// Unpadded base64.
    pub fn to_text(&self) -> String {
        STANDARD_NO_PAD.encode(self.0)
    }

    /// Whether `text` is this digest, in constant time.
    pub fn matches(&self, text: &str) -> bool {
        use subtle::ConstantTimeEq;
        self.to_text().as_bytes().ct_eq(text.as_bytes()).into()
    }
}

/// HMAC-SHA256 in counter mode (NIST SP 800-108 §4.1).
pub struct SeededRandom {
    key: hmac::Key,
    counter: u64,
}

impl RandomSource for SeededRandom {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), RandomnessUnavailable> {
        for block in buffer.chunks_mut(32) {
            let bytes = hmac::sign(&self.key, &self.counter.to_be_bytes());
            block.copy_from_slice(&bytes.as_ref()[..block.len()]);
            self.counter += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> InstallationKey {
        InstallationKey::from_bytes(&[byte; 32]).unwrap()
    }

    #[test]
    fn equal_values_give_unequal_macs_under_another_purpose_object_or_installation() {
        let parts = |parts: &[&'static [u8]]| parts.to_vec();
        let mac = key(1).mac("data", parts(&[b"ns", b"name", b"value"]));
        assert!(mac.matches(&key(1).mac("data", parts(&[b"ns", b"name", b"value"])).to_text()));
        assert!(!mac.matches(&key(1).mac("spec", parts(&[b"ns", b"name", b"value"])).to_text()));
        assert!(!mac.matches(&key(1).mac("data", parts(&[b"nsn", b"ame", b"value"])).to_text()));
        assert!(!mac.matches(&key(2).mac("data", parts(&[b"ns", b"name", b"value"])).to_text()));
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_the_stream_does_not_repeat() {
        let seed = key(1).mac("seed", [b"object".as_slice()]);
        let (mut first, mut second) = ([0; 100], [0; 100]);
        key(1).seeded(&seed).fill(&mut first).unwrap();
        key(1).seeded(&seed).fill(&mut second).unwrap();
        assert_eq!(first, second);
        assert_ne!(first[..32], first[32..64]);
        key(2).seeded(&seed).fill(&mut second).unwrap();
        assert_ne!(first, second);
    }
}
