//! The test bed's own authority and what it signs. Not what the tested programs use as sealing keys.

use anyhow::Context;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// An authority that lives as long as the plane or the store.
pub(crate) struct Certificates {
    pub(crate) authority_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its private key.
pub(crate) struct SignedPair {
    pub(crate) certificate: rcgen::Certificate,
    pub(crate) key: KeyPair,
}

impl Certificates {
    pub(crate) fn make() -> anyhow::Result<Self> {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign];
        parameters
            .distinguished_name
            .push(DnType::CommonName, "seal-testbed");
        let key = KeyPair::generate()?;
        let authority_pem = parameters.self_signed(&key)?.pem();
        Ok(Self {
            authority_pem,
            issuer: Issuer::new(parameters, key),
        })
    }

    /// For every address that the API server or a proxy before it answers at.
    pub(crate) fn serving(&self) -> anyhow::Result<SignedPair> {
        let names = [
            "localhost",
            "kubernetes.default.svc",
            "127.0.0.1",
            "10.0.0.1",
            super::network::ADDRESS,
        ];
        let mut parameters = CertificateParams::new(names.map(str::to_owned))?;
        parameters
            .distinguished_name
            .push(DnType::CommonName, "kube-apiserver");
        // Go refuses a leaf whose authority it cannot match to the right key when two carry one name.
        parameters.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = parameters.signed_by(&key, &self.issuer).context("cannot sign")?;
        Ok(SignedPair { certificate, key })
    }

    /// For a client of that name.
    pub(crate) fn client(&self, name: &str) -> anyhow::Result<SignedPair> {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        parameters.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = parameters.signed_by(&key, &self.issuer).context("cannot sign")?;
        Ok(SignedPair { certificate, key })
    }
}
