//! Whom a store's certificate must come from, and the certificate that we show. All of it from memory: no file that
//! settings could name is read.

use std::sync::{Arc, OnceLock};

use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore,
    client::WantsClientCert,
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use zeroize::Zeroizing;

use crate::StoreError;

/// Which authorities are trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Trust {
    /// The machine's own.
    #[default]
    System,
    /// These and no others, as PEM.
    Authorities(Vec<u8>),
}

/// What we show to a store that asks who we are.
pub struct ClientCertificate {
    /// The certificate and those between it and its authority, as PEM.
    pub chain: Vec<u8>,
    /// Its private key, as PEM.
    pub key: Zeroizing<Vec<u8>>,
}

pub(super) fn config(
    trust: &Trust,
    identity: Option<&ClientCertificate>,
) -> Result<ClientConfig, StoreError> {
    let roots = match trust {
        Trust::System => system_roots()?,
        Trust::Authorities(pem) => Arc::new(roots(pem)?),
    };
    let builder = trusting(roots)?;
    let Some(identity) = identity else {
        return Ok(builder.with_no_client_auth());
    };
    let refused = |what| StoreError::Settings(format!("the client certificate for the store {what}"));
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&identity.chain).collect();
    let chain = chain.map_err(|_| refused("is not PEM"))?;
    if chain.is_empty() {
        return Err(refused("holds no certificate"));
    }
    let key =
        PrivateKeyDer::from_pem_slice(&identity.key).map_err(|_| refused("has no private key in PEM"))?;
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|_| refused("and its private key do not fit together"))
}

/// Trusts nobody: for connections that are not encrypted.
pub(super) fn none() -> Result<ClientConfig, StoreError> {
    Ok(trusting(Arc::new(RootCertStore::empty()))?.with_no_client_auth())
}

fn trusting(roots: Arc<RootCertStore>) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, StoreError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| StoreError::Settings("there is no TLS".to_owned()))?;
    Ok(builder.with_root_certificates(roots))
}

fn roots(pem: &[u8]) -> Result<RootCertStore, StoreError> {
    let refused = |what: &str| StoreError::Settings(format!("the store's CA {what}"));
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| refused("is not PEM"))?;
        roots
            .add(certificate)
            .map_err(|_| refused("holds a certificate that cannot be read"))?;
    }
    if roots.is_empty() {
        return Err(refused("holds no certificate"));
    }
    Ok(roots)
}

/// Read once: the machine's authorities do not change under a running program.
fn system_roots() -> Result<Arc<RootCertStore>, StoreError> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let roots = ROOTS.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        // What cannot be read is left out, as every other client does.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(roots)
    });
    if roots.is_empty() {
        return Err(StoreError::Settings(
            "this machine trusts no authority at all; give the store's CA".to_owned(),
        ));
    }
    Ok(Arc::clone(roots))
}
