//! Sealing keys that a test brings along.

use std::time::Duration;

use jiff::Timestamp;
use seal_api::annotations;
use seal_core::{Certificate, PrivateKey, SelfSigned, SystemRandom};
use serde_json::{Value, json};

/// A sealing key as its users keep it: private key in PEM, certificate.
pub(crate) fn sealing_key(not_before: &str) -> (PrivateKey, Certificate) {
    let key = PrivateKey::generate(seal_core::KeySize::Bits2048).expect("a key");
    let certificate = certificate_of(&key, not_before);
    (key, certificate)
}

/// Its certificate from that time on.
pub(crate) fn certificate_of(key: &PrivateKey, not_before: &str) -> Certificate {
    let not_before: Timestamp = not_before.parse().expect("a time");
    let lifetime = Duration::from_secs(20 * 365 * 86_400);
    let contents = SelfSigned {
        common_name: "",
        not_before,
        lifetime,
    };
    Certificate::self_signed(key, &contents, &mut SystemRandom).expect("a certificate")
}

/// The Secret of a sealing key.
pub(crate) fn key_secret(name: &str, key_pem: &str, certificate_pem: &str) -> Value {
    json!({
        "metadata": {"name": name, "labels": {annotations::KEY_LABEL: annotations::KEY_ACTIVE}},
        "type": "kubernetes.io/tls",
        "stringData": {"tls.key": key_pem, "tls.crt": certificate_pem},
    })
}
