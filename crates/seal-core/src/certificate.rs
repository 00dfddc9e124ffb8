//! The certificate that carries a sealing key's public half (RFC 5280), read and made.
//!
//! Upstream checks neither chain, names, usage nor signature of it, and neither do we: what makes a
//! certificate trusted is where it came from. Fetching one is not done here.

use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_RSA_SHA256, SerialNumber,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::pem_blocks::blocks;
use crate::{Fingerprint, PrivateKey, PublicKey, PublicKeyError, RandomSource, RandomnessUnavailable};

/// A certificate that cannot be used to seal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// There is no `CERTIFICATE` block without headers. The sentence is upstream's.
    #[error("data does not contain any valid RSA or ECDSA certificates")]
    NoPem,
    /// The block does not hold an X.509 certificate.
    #[error("the certificate cannot be read")]
    Malformed,
    /// It carries a key that cannot seal.
    #[error(transparent)]
    Key(#[from] PublicKeyError),
    /// No random bytes for the serial number.
    #[error(transparent)]
    Randomness(#[from] RandomnessUnavailable),
    /// Signing failed, or the validity period cannot be written.
    #[error("the certificate could not be made")]
    Making,
}

/// A certificate with an RSA key.
#[derive(Debug)]
pub struct Certificate {
    pem: String,
    key: PublicKey,
    not_before: Timestamp,
    not_after: Timestamp,
}

/// What a self-signed certificate says beside its key.
#[derive(Clone, Debug)]
pub struct SelfSigned<'a> {
    /// Issuer and subject; empty (upstream's default) leaves both names empty.
    pub common_name: &'a str,
    /// Begin of the validity period: now.
    pub not_before: Timestamp,
    /// Its length: upstream's default is 87600 h.
    pub lifetime: Duration,
}

impl Certificate {
    /// Reads the first certificate in PEM `text`; what stands beside it is ignored.
    ///
    /// # Errors
    /// [`CertificateError`] when there is none or it carries no usable RSA key.
    pub fn from_pem(text: &[u8]) -> Result<Self, CertificateError> {
        let block = blocks(text)
            .into_iter()
            .find(|block| block.tag == "CERTIFICATE" && !block.has_headers)
            .ok_or(CertificateError::NoPem)?;
        Self::from_der(&block.der)
    }

    fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let (_, parsed) = X509Certificate::from_der(der).map_err(|_| CertificateError::Malformed)?;
        let time = |seconds| Timestamp::from_second(seconds).map_err(|_| CertificateError::Malformed);
        let validity = parsed.validity();
        let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
        Ok(Self {
            pem: pem::encode_config(&pem::Pem::new("CERTIFICATE", der), config),
            key: PublicKey::from_der(parsed.public_key().raw)?,
            not_before: time(validity.not_before.timestamp())?,
            not_after: time(validity.not_after.timestamp())?,
        })
    }

    /// Makes the certificate of `key` as upstream does: CA, key usage encipherOnly, both critical;
    /// a random serial of 128 bits; SHA-256 with RSA.
    ///
    /// # Errors
    /// [`CertificateError`] when there is no randomness or the period is out of range.
    pub fn self_signed(
        key: &PrivateKey,
        contents: &SelfSigned<'_>,
        random: &mut dyn RandomSource,
    ) -> Result<Self, CertificateError> {
        let making = |_| CertificateError::Making;
        let not_after = contents
            .not_before
            .checked_add(contents.lifetime)
            .map_err(|_| CertificateError::Making)?;
        let mut serial = [0; 16];
        random.fill(&mut serial)?;

        let mut parameters = CertificateParams::default();
        parameters.distinguished_name = DistinguishedName::new();
        if !contents.common_name.is_empty() {
            parameters
                .distinguished_name
                .push(DnType::CommonName, contents.common_name);
        }
        parameters.not_before = offset_time(contents.not_before)?;
        parameters.not_after = offset_time(not_after)?;
        parameters.serial_number = Some(SerialNumber::from_slice(&serial));
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::EncipherOnly];

        let signer = KeyPair::from_pkcs8_der_and_sign_algo(&key.pkcs8_der().into(), &PKCS_RSA_SHA256)
            .map_err(making)?;
        Self::from_der(parameters.self_signed(&signer).map_err(making)?.der())
    }

    /// The certificate as one PEM block, ending with a line break.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The key that it carries.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The key's public name.
    pub fn fingerprint(&self) -> Fingerprint {
        self.key.fingerprint()
    }

    /// Begin of the validity period; upstream orders keys by it and judges by it nothing else.
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// End of the validity period: sealing with an expired certificate is refused.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }
}

fn offset_time(time: Timestamp) -> Result<time::OffsetDateTime, CertificateError> {
    time::OffsetDateTime::from_unix_timestamp(time.as_second()).map_err(|_| CertificateError::Making)
}
