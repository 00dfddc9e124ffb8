//! Bytes of strangers as a sealed value, with a real key behind them.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use seal_core::{EncryptionLabel, Envelope, KeyRing, PrivateKey, RingKey, TrialHints};

static RING: LazyLock<KeyRing> = LazyLock::new(|| {
    let key = PrivateKey::from_pem(include_bytes!("../../vectors/keys/2048.pkcs1.pem")).expect("a key");
    KeyRing::new(vec![RingKey::new(key, jiff::Timestamp::UNIX_EPOCH)]).expect("not empty")
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(envelope) = Envelope::parse(bytes) else {
        return;
    };
    assert!(envelope.key_bits() > 0 && envelope.key_bits() / 8 + 18 <= bytes.len());
    if let Ok(opened) = RING.open(
        &envelope,
        &EncryptionLabel::cluster_wide(),
        TrialHints::default(),
        1,
    ) {
        assert_eq!(opened.plaintext.len() + envelope.key_bits() / 8 + 18, bytes.len());
    }
});
