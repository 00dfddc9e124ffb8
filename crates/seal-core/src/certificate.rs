//! The certificate that carries a sealing key's public half (RFC 5280), read and made.
//!
//! Upstream checks neither chain, names, usage nor signature of it, and neither do we: what makes a
//! certificate trusted is where it came from. Fetching one is not done here.

use std::time::Duration;

use aws_lc_rs::rand::SystemRandom as SigningRandom;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyUsagePurpose, PKCS_RSA_SHA256,
    PublicKeyData, SerialNumber, SignatureAlgorithm, SigningKey,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::pem_blocks::{blocks, encode};
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
        let (rest, parsed) = X509Certificate::from_der(der).map_err(|_| CertificateError::Malformed)?;
        if !rest.is_empty() {
            return Err(CertificateError::Malformed);
        }
        let time = |seconds| Timestamp::from_second(seconds).map_err(|_| CertificateError::Malformed);
        let validity = parsed.validity();
        Ok(Self {
            pem: encode("CERTIFICATE", der).to_string(),
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

        let signer = RsaKeyPair::from_pkcs8(key.pkcs8_der()).map_err(|_| CertificateError::Making)?;
        let certificate = parameters
            .self_signed(&Signer(signer))
            .map_err(|_| CertificateError::Making)?;
        Self::from_der(certificate.der())
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

// rcgen's own signer keeps a copy of the private key that nobody wipes.
struct Signer(RsaKeyPair);

impl PublicKeyData for Signer {
    fn der_bytes(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_RSA_SHA256
    }
}

impl SigningKey for Signer {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0
            .sign(&RSA_PKCS1_SHA256, &SigningRandom::new(), message, &mut signature)
            .map_err(|_| rcgen::Error::RemoteKeyError)?;
        Ok(signature)
    }
}

fn offset_time(time: Timestamp) -> Result<time::OffsetDateTime, CertificateError> {
    time::OffsetDateTime::from_unix_timestamp(time.as_second()).map_err(|_| CertificateError::Making)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    use super::*;
    use crate::{KeySize, SystemRandom};

    fn made(key: &PrivateKey) -> Certificate {
        let contents = SelfSigned {
            common_name: "",
            not_before: Timestamp::UNIX_EPOCH,
            lifetime: Duration::from_secs(60),
        };
        Certificate::self_signed(key, &contents, &mut SystemRandom).unwrap()
    }

    #[test]
    fn a_certificate_carries_its_key_its_period_and_a_signature_that_holds() {
        let key = PrivateKey::generate(KeySize::Bits2048).unwrap();
        let certificate = made(&key);
        assert_eq!(certificate.fingerprint(), key.public().fingerprint());
        assert_eq!(certificate.not_before(), Timestamp::UNIX_EPOCH);
        assert_eq!(certificate.not_after().as_second(), 60);
        let der = blocks(certificate.pem().as_bytes()).remove(0).der;
        let (_, parsed) = X509Certificate::from_der(&der).unwrap();
        let public = parsed.public_key().subject_public_key.data.as_ref();
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public)
            .verify(parsed.tbs_certificate.as_ref(), &parsed.signature_value.data)
            .unwrap();
    }

    #[test]
    fn bytes_behind_a_certificate_are_no_certificate_as_in_go() {
        let certificate = made(&PrivateKey::generate(KeySize::Bits2048).unwrap());
        let mut der = blocks(certificate.pem().as_bytes()).remove(0).der;
        der.push(0);
        let error = Certificate::from_pem(encode("CERTIFICATE", &der).as_bytes()).unwrap_err();
        assert_eq!(error, CertificateError::Malformed);
    }
}
