//! One sealed value, byte for byte as sealed-secrets writes it.
//!
//! ```text
//! L: u16 big-endian ‖ RSA-OAEP-SHA256(session key, label): L bytes ‖ AES-256-GCM(plaintext): n + 16 bytes
//! ```
//! The session key is fresh for each value, so the nonce is twelve zero bytes and there is no
//! additional data (NIST SP 800-38D §8.2: one message per key). Base64 is the caller's affair.

use aes_gcm::aead::{Aead, KeyInit};
use aes_gcm::aes::Aes192;
use aes_gcm::{Aes128Gcm, Aes256Gcm, AesGcm};
use zeroize::Zeroizing;

use crate::{EncryptionLabel, Plaintext, PublicKey, RandomSource, RandomnessUnavailable};

const LENGTH_PREFIX: usize = 2;
const TAG: usize = 16;
const SESSION_KEY: usize = 32;

/// The two parts of a sealed value.
#[derive(Clone, Copy)]
pub struct Envelope<'a> {
    /// The session key under RSA-OAEP.
    pub(crate) wrapped_key: &'a [u8],
    /// AES-GCM ciphertext and tag.
    pub(crate) payload: &'a [u8],
}

/// Bytes that are no envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Fewer bytes than the length prefix promises or the tag needs.
    #[error("truncated: {found} bytes of at least {needed}")]
    Truncated {
        /// Bytes that there are.
        found: usize,
        /// Bytes that there must be at the least.
        needed: usize,
    },
    /// The length prefix is zero.
    #[error("malformed: it carries no session key")]
    NoSessionKey,
}

/// Sealing failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// No random bytes for the session key.
    #[error(transparent)]
    Randomness(#[from] RandomnessUnavailable),
    /// The RSA operation failed.
    #[error("the sealing key refused to encrypt")]
    Wrap,
    /// AES-GCM takes at most 2^36 − 32 bytes.
    #[error("the value is too large to seal")]
    TooLarge,
}

impl<'a> Envelope<'a> {
    /// Splits `bytes` without judging what only a key can judge.
    ///
    /// # Errors
    /// [`EnvelopeError`] when the layout cannot be that of a sealed value.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, EnvelopeError> {
        let found = bytes.len();
        let Some((prefix, rest)) = bytes.split_first_chunk::<LENGTH_PREFIX>() else {
            return Err(EnvelopeError::Truncated {
                found,
                needed: LENGTH_PREFIX + 1 + TAG,
            });
        };
        let wrapped = usize::from(u16::from_be_bytes(*prefix));
        if wrapped == 0 {
            return Err(EnvelopeError::NoSessionKey);
        }
        if rest.len() < wrapped + TAG {
            return Err(EnvelopeError::Truncated {
                found,
                needed: LENGTH_PREFIX + wrapped + TAG,
            });
        }
        let (wrapped_key, payload) = rest.split_at(wrapped);
        Ok(Self { wrapped_key, payload })
    }

    /// The length of the RSA part in bits: the size of the key that sealed it.
    pub fn key_bits(&self) -> usize {
        self.wrapped_key.len() * 8
    }
}

/// Seals `plaintext` for the holder of the private half of `key`, to be opened under `label` only.
///
/// # Errors
/// [`SealError`]; nothing is returned then.
pub fn seal(
    plaintext: &[u8],
    key: &PublicKey,
    label: &EncryptionLabel,
    random: &mut dyn RandomSource,
) -> Result<Vec<u8>, SealError> {
    let mut session_key = Zeroizing::new([0; SESSION_KEY]);
    random.fill(session_key.as_mut_slice())?;
    let wrapped = key.wrap(session_key.as_slice(), label).ok_or(SealError::Wrap)?;
    let cipher = Aes256Gcm::new_from_slice(session_key.as_slice()).expect("the session key has 32 bytes");
    let payload = cipher
        .encrypt(&Default::default(), plaintext)
        .map_err(|_| SealError::TooLarge)?;
    let length = u16::try_from(wrapped.len()).map_err(|_| SealError::Wrap)?;
    Ok([&length.to_be_bytes(), wrapped.as_slice(), payload.as_slice()].concat())
}

/// AES-GCM with the key length that the session key has: 32 bytes are written, 16 and 24 are read
/// too since upstream reads them. `None` when the key has another length or the tag does not fit.
pub(crate) fn open_payload(payload: &[u8], session_key: &[u8]) -> Option<Plaintext> {
    let nonce = Default::default();
    let opened = match session_key.len() {
        32 => Aes256Gcm::new_from_slice(session_key)
            .ok()?
            .decrypt(&nonce, payload),
        24 => AesGcm::<Aes192, _>::new_from_slice(session_key)
            .ok()?
            .decrypt(&nonce, payload),
        16 => Aes128Gcm::new_from_slice(session_key)
            .ok()?
            .decrypt(&nonce, payload),
        _ => return None,
    };
    opened.ok().map(Plaintext::new)
}
