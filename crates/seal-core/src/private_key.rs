//! The private half of a sealing key: read, generated, written; opens session keys.
//!
//! The parsed key is kept: aws-lc checks a key when it reads it, which costs about as much as using it.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{
    KeyPair, KeySize as LibrarySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey,
};
use x509_parser::asn1_rs::{Any, FromDer, OctetString, Sequence};
use zeroize::Zeroizing;

use crate::pem_blocks::{blocks, encode};
use crate::{EncryptionLabel, PublicKey};

/// A private key that cannot unseal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrivateKeyError {
    /// There is no `RSA PRIVATE KEY` or `PRIVATE KEY` block.
    #[error("no PEM private key found")]
    NoPem,
    /// The block is for another algorithm, broken, encrypted, or of a size that aws-lc refuses.
    #[error("the private key is not an RSA key of 2048 to 8192 bits, or is damaged")]
    Rejected,
    /// Key generation failed.
    #[error("the key could not be generated")]
    Generation,
}

/// The sizes in which aws-lc makes keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeySize {
    /// 2048 bits.
    Bits2048,
    /// 3072 bits.
    Bits3072,
    /// 4096 bits, upstream's default.
    #[default]
    Bits4096,
    /// 8192 bits.
    Bits8192,
}

/// A number of bits in which no key is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key size of {0} bits is not supported: 2048, 3072, 4096 and 8192 are")]
pub struct UnsupportedKeySize(pub u32);

impl TryFrom<u32> for KeySize {
    type Error = UnsupportedKeySize;

    fn try_from(bits: u32) -> Result<Self, UnsupportedKeySize> {
        match bits {
            2048 => Ok(Self::Bits2048),
            3072 => Ok(Self::Bits3072),
            4096 => Ok(Self::Bits4096),
            8192 => Ok(Self::Bits8192),
            other => Err(UnsupportedKeySize(other)),
        }
    }
}

/// An RSA private key, ready to unseal.
pub struct PrivateKey {
    key: OaepPrivateDecryptingKey,
    der: Pkcs8V1Der<'static>,
    public: PublicKey,
}

// A wrapped key may have lost leading zero bytes on its way (upstream accepts that); more than a few
// cannot happen by chance, and trying would make every larger key answer for every smaller one.
const STRIPPED_ZEROS: usize = 4;

impl PrivateKey {
    /// Generates a key. Takes seconds for the larger sizes: not for an asynchronous task.
    ///
    /// # Errors
    /// [`PrivateKeyError::Generation`] when aws-lc fails.
    pub fn generate(size: KeySize) -> Result<Self, PrivateKeyError> {
        let size = match size {
            KeySize::Bits2048 => LibrarySize::Rsa2048,
            KeySize::Bits3072 => LibrarySize::Rsa3072,
            KeySize::Bits4096 => LibrarySize::Rsa4096,
            KeySize::Bits8192 => LibrarySize::Rsa8192,
        };
        let key = PrivateDecryptingKey::generate(size).map_err(|_| PrivateKeyError::Generation)?;
        Self::from_library(key)
    }

    /// Reads the first private key in `text` that can unseal: PKCS#1 (RFC 8017 A.1.2) or PKCS#8
    /// (RFC 5208).
    ///
    /// # Errors
    /// [`PrivateKeyError`], which never quotes the text.
    pub fn from_pem(text: &[u8]) -> Result<Self, PrivateKeyError> {
        let mut refusal = PrivateKeyError::NoPem;
        for block in blocks(text) {
            let read = match block.tag {
                "RSA PRIVATE KEY" => Self::from_pkcs1(&block.der),
                "PRIVATE KEY" => Self::from_pkcs8(&block.der),
                _ => continue,
            };
            match read {
                Ok(key) => return Ok(key),
                Err(error) => refusal = error,
            }
        }
        Err(refusal)
    }

    fn from_pkcs1(der: &[u8]) -> Result<Self, PrivateKeyError> {
        let pair = KeyPair::from_der(der).map_err(|_| PrivateKeyError::Rejected)?;
        let pkcs8: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| PrivateKeyError::Rejected)?;
        Self::from_pkcs8(pkcs8.as_ref())
    }

    fn from_pkcs8(der: &[u8]) -> Result<Self, PrivateKeyError> {
        Self::from_library(PrivateDecryptingKey::from_pkcs8(der).map_err(|_| PrivateKeyError::Rejected)?)
    }

    fn from_library(key: PrivateDecryptingKey) -> Result<Self, PrivateKeyError> {
        let public = PublicKey::of_private(&key).map_err(|_| PrivateKeyError::Rejected)?;
        let der = key.as_der().map_err(|_| PrivateKeyError::Rejected)?;
        let key = OaepPrivateDecryptingKey::new(key).map_err(|_| PrivateKeyError::Rejected)?;
        Ok(Self { key, der, public })
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The key as PKCS#8 DER, for signing its own certificate.
    pub(crate) fn pkcs8_der(&self) -> &[u8] {
        self.der.as_ref()
    }

    /// The key as upstream stores it: PKCS#1 in a PEM block `RSA PRIVATE KEY`, lines of 64.
    pub fn to_pkcs1_pem(&self) -> Zeroizing<String> {
        let pkcs1 = pkcs1_of(self.der.as_ref()).expect("aws-lc writes PKCS#8 with an RSAPrivateKey inside");
        encode("RSA PRIVATE KEY", pkcs1)
    }

    /// Whether a session key wrapped as `wrapped` can belong to this key at all: no longer than the
    /// modulus, and as a number below it. Costs nothing beside a private operation.
    pub(crate) fn may_open(&self, wrapped: &[u8]) -> bool {
        let modulus = self.public.modulus();
        match modulus.len().checked_sub(wrapped.len()) {
            Some(0) => wrapped < modulus,
            Some(stripped) => stripped <= STRIPPED_ZEROS,
            None => false,
        }
    }

    /// RSAES-OAEP-DECRYPT (RFC 8017 §7.1.2) with SHA-256 for hash and mask. `None` tells nothing of
    /// the cause, and takes the same time for each.
    pub(crate) fn unwrap_session_key(
        &self,
        wrapped: &[u8],
        label: &EncryptionLabel,
    ) -> Option<Zeroizing<Vec<u8>>> {
        let size = self.key.key_size_bytes();
        let mut padded = Vec::new();
        let wrapped = if wrapped.len() < size {
            padded.resize(size - wrapped.len(), 0);
            padded.extend_from_slice(wrapped);
            padded.as_slice()
        } else {
            wrapped
        };
        let mut session_key = Zeroizing::new(vec![0; self.key.min_output_size()]);
        let label = Some(label.as_bytes()).filter(|label| !label.is_empty());
        let length = self
            .key
            .decrypt(&OAEP_SHA256_MGF1SHA256, wrapped, &mut session_key, label)
            .ok()?
            .len();
        session_key.truncate(length);
        Some(session_key)
    }
}

// PrivateKeyInfo ::= SEQUENCE { version, algorithm, privateKey OCTET STRING } (RFC 5208 §5).
pub(crate) fn pkcs1_of(pkcs8: &[u8]) -> Option<&[u8]> {
    let (_, info) = Sequence::from_der(pkcs8).ok()?;
    let std::borrow::Cow::Borrowed(content) = info.content else {
        return None;
    };
    let (rest, _version) = Any::from_der(content).ok()?;
    let (rest, _algorithm) = Any::from_der(rest).ok()?;
    let (_, key) = OctetString::from_der(rest).ok()?;
    match key.into_cow() {
        std::borrow::Cow::Borrowed(key) => Some(key),
        std::borrow::Cow::Owned(_) => None,
    }
}
