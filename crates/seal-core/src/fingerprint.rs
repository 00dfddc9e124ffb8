//! The public name of a sealing key: its OpenSSH SHA-256 fingerprint (RFC 4253 §6.6 encoding).
//!
//! Upstream uses the same name internally; it says nothing about the private half.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// `SHA256:` and the unpadded base64 of SHA-256 over the `ssh-rsa` encoding of the public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

/// Text that is no fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is SHA256: and 43 base64 characters, as `ssh-keygen -l` prints it")]
pub struct InvalidFingerprint;

const PREFIX: &str = "SHA256:";

impl Fingerprint {
    /// Of the RSA key with this modulus and public exponent, unsigned big-endian.
    pub(crate) fn of_rsa(modulus: &[u8], exponent: &[u8]) -> Self {
        let mut context = Context::new(&SHA256);
        update_string(&mut context, b"ssh-rsa");
        update_mpint(&mut context, exponent);
        update_mpint(&mut context, modulus);
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        Self(digest)
    }
}

fn update_string(context: &mut Context, bytes: &[u8]) {
    context.update(
        &u32::try_from(bytes.len())
            .expect("an RSA key is far below 4 GiB")
            .to_be_bytes(),
    );
    context.update(bytes);
}

// RFC 4251 §5: no leading zero bytes but the one that keeps a positive number positive.
fn update_mpint(context: &mut Context, number: &[u8]) {
    let first = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
    let digits = &number[first..];
    let sign = usize::from(digits.first().is_some_and(|byte| byte & 0x80 != 0));
    let length = u32::try_from(digits.len() + sign).expect("an RSA key is far below 4 GiB");
    context.update(&length.to_be_bytes());
    context.update(&[0][..sign]);
    context.update(digits);
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{PREFIX}{}", STANDARD_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Fingerprint {
    type Err = InvalidFingerprint;

    fn from_str(text: &str) -> Result<Self, InvalidFingerprint> {
        let encoded = text.strip_prefix(PREFIX).ok_or(InvalidFingerprint)?;
        let digest = STANDARD_NO_PAD.decode(encoded).map_err(|_| InvalidFingerprint)?;
        digest.try_into().map(Self).map_err(|_| InvalidFingerprint)
    }
}
