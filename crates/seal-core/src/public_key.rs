//! The public half of a sealing key: what a certificate carries and what seals.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey as ParsedKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::{EncryptionLabel, Fingerprint};

/// A public key that cannot seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublicKeyError {
    /// The key is of another algorithm.
    #[error("expected an RSA public key")]
    NotRsa,
    /// aws-lc takes 2048 to 8192 bits.
    #[error("an RSA key of {bits} bits is not supported: 2048 to 8192 bits are")]
    UnsupportedSize {
        /// The modulus' length in bits.
        bits: usize,
    },
    /// The bytes are no SubjectPublicKeyInfo (RFC 5280 §4.1.2.7).
    #[error("the public key cannot be read")]
    Malformed,
}

/// An RSA public key, ready to seal.
#[derive(Debug)]
pub struct PublicKey {
    key: OaepPublicEncryptingKey,
    fingerprint: Fingerprint,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl PublicKey {
    /// Reads the DER of a SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// When it is malformed, of another algorithm, or of a size that is not supported.
    pub fn from_der(der: &[u8]) -> Result<Self, PublicKeyError> {
        let (_, info) = SubjectPublicKeyInfo::from_der(der).map_err(|_| PublicKeyError::Malformed)?;
        let ParsedKey::RSA(parts) = info.parsed().map_err(|_| PublicKeyError::Malformed)? else {
            return Err(PublicKeyError::NotRsa);
        };
        let first = parts
            .modulus
            .iter()
            .position(|byte| *byte != 0)
            .ok_or(PublicKeyError::Malformed)?;
        let modulus = parts.modulus[first..].to_vec();
        let unsupported = || PublicKeyError::UnsupportedSize {
            bits: modulus.len() * 8,
        };
        let key = PublicEncryptingKey::from_der(der).map_err(|_| unsupported())?;
        let key = OaepPublicEncryptingKey::new(key).map_err(|_| unsupported())?;
        let fingerprint = Fingerprint::of_rsa(&modulus, parts.exponent);
        Ok(Self {
            key,
            fingerprint,
            modulus,
            exponent: parts.exponent.to_vec(),
        })
    }

    pub(crate) fn of_private(key: &aws_lc_rs::rsa::PrivateDecryptingKey) -> Result<Self, PublicKeyError> {
        let der: PublicKeyX509Der<'_> = key.public_key().as_der().map_err(|_| PublicKeyError::Malformed)?;
        Self::from_der(der.as_ref())
    }

    /// The key's public name.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The modulus' length in bits.
    pub fn bits(&self) -> usize {
        self.key.key_size_bits()
    }

    /// The modulus, unsigned big-endian, without leading zero bytes.
    pub(crate) fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    /// The public exponent, unsigned big-endian.
    pub(crate) fn exponent(&self) -> &[u8] {
        &self.exponent
    }

    /// RSAES-OAEP-ENCRYPT (RFC 8017 §7.1.1) with SHA-256 for hash and mask.
    pub(crate) fn wrap(&self, session_key: &[u8], label: &EncryptionLabel) -> Option<Vec<u8>> {
        let mut wrapped = vec![0; self.key.ciphertext_size()];
        let label = Some(label.as_bytes()).filter(|label| !label.is_empty());
        let length = self
            .key
            .encrypt(&OAEP_SHA256_MGF1SHA256, session_key, &mut wrapped, label)
            .ok()?
            .len();
        wrapped.truncate(length);
        Some(wrapped)
    }
}
