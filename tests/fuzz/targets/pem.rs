//! PEM of strangers as a private key and as a certificate.

#![no_main]

use libfuzzer_sys::fuzz_target;
use seal_core::{Certificate, PrivateKey};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(key) = PrivateKey::from_pem(bytes) {
        let again = PrivateKey::from_pem(key.to_pkcs1_pem().as_bytes()).expect("what is written is read");
        assert_eq!(again.public().fingerprint(), key.public().fingerprint());
    }
    if let Ok(certificate) = Certificate::from_pem(bytes) {
        let again = Certificate::from_pem(certificate.pem().as_bytes()).expect("what is written is read");
        assert_eq!(again.fingerprint(), certificate.fingerprint());
    }
});
