//! A short public name of a sealed value: what is said about a value is bound to its ciphertext by it.
//!
//! Ciphertexts are public and each is random, so the digest tells nothing of a value. What it is good for
//! is the caller's.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const LENGTH: usize = 16;

/// The first 16 bytes of SHA-256 over a sealed value. To find a second ciphertext with the same digest takes
/// 2^128 trials; two with the same digest, 2^64, and whoever makes both knows what is in them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CiphertextDigest([u8; LENGTH]);

impl CiphertextDigest {
    /// Of a sealed value, decoded from its base64: how the text is folded does not count.
    pub fn of(sealed: &[u8]) -> Self {
        let whole = digest(&SHA256, sealed);
        let mut short = [0; LENGTH];
        short.copy_from_slice(&whole.as_ref()[..LENGTH]);
        Self(short)
    }
}

/// 22 characters of base64url.
impl fmt::Display for CiphertextDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for CiphertextDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_beginning_of_sha_256() {
        // SHA-256("abc"), FIPS 180-4.
        assert_eq!(CiphertextDigest::of(b"abc").to_string(), "ungWv48Bz-pBQUDeXa4iIw");
    }
}
