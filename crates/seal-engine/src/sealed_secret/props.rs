//! Keys and objects for the tests of this kind. It asserts nothing.

use jiff::Timestamp;
use seal_api::{SealedSecret, Secret};
use seal_core::{KeyRing, KeySize, Plaintext, PrivateKey, RingKey, Scope, SystemRandom};

use super::seal;

/// Two keys, the newest first.
pub(super) fn ring() -> KeyRing {
    let key = || PrivateKey::generate(KeySize::Bits2048).unwrap();
    let at = |second| Timestamp::from_second(second).unwrap();
    KeyRing::new(vec![RingKey::new(key(), at(1)), RingKey::new(key(), at(2))]).unwrap()
}

/// `prod/db` with these entries, sealed to that key.
pub(super) fn sealed(key: &RingKey, scope: Scope, entries: &[(&str, &str)]) -> SealedSecret {
    let mut secret = Secret::default();
    secret.metadata.name = Some("db".to_owned());
    secret.metadata.namespace = Some("prod".to_owned());
    for (entry, value) in entries {
        secret
            .data
            .insert((*entry).to_owned(), Plaintext::copied(value.as_bytes()));
    }
    seal(&secret, key.private().public(), scope, false, &mut SystemRandom).unwrap()
}
