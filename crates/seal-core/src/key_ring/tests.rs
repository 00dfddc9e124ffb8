use super::*;
use crate::{KeySize, Namespace, ObjectName, RandomSource, RandomnessUnavailable, Scope, SystemRandom, seal};

fn key() -> PrivateKey {
    PrivateKey::generate(KeySize::Bits2048).unwrap()
}

fn label() -> EncryptionLabel {
    Scope::Strict.label(
        &"prod".parse::<Namespace>().unwrap(),
        &"db".parse::<ObjectName>().unwrap(),
    )
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn sealed_by(key: &PrivateKey, value: &[u8]) -> Vec<u8> {
    seal(value, key.public(), &label(), &mut SystemRandom).unwrap()
}

#[test]
fn every_key_of_the_ring_opens_what_it_sealed_and_is_named() {
    let keys = [key(), key(), key()];
    let sealed: Vec<_> = keys
        .iter()
        .map(|key| (sealed_by(key, b"value"), key.public().fingerprint()))
        .collect();
    let ring = KeyRing::new(
        keys.into_iter()
            .enumerate()
            .map(|(at_second, key)| RingKey::new(key, at(at_second as i64)))
            .collect(),
    )
    .unwrap();
    for (bytes, name) in sealed {
        let opened = ring
            .open(
                &Envelope::parse(&bytes).unwrap(),
                &label(),
                TrialHints::default(),
                usize::MAX,
            )
            .unwrap();
        assert_eq!(opened.plaintext.expose(), b"value");
        assert_eq!(opened.key, name);
    }
}

#[test]
fn the_recorded_key_is_tried_first_then_the_last_good_then_the_newest() {
    let keys: Vec<_> = (0..4).map(|second| RingKey::new(key(), at(second))).collect();
    let names: Vec<_> = keys.iter().map(RingKey::fingerprint).collect();
    let ring = KeyRing::new(keys).unwrap();
    // A number below every modulus of that size: no key can be left out.
    let mut bytes = vec![1, 0];
    bytes.resize(2 + 256 + 16, 0);
    let envelope = Envelope::parse(&bytes).unwrap();
    let hints = TrialHints {
        recorded: Some(names[1]),
        last_good: Some(names[0]),
    };
    let order: Vec<_> = ring
        .candidates(&envelope, hints)
        .iter()
        .map(|key| key.fingerprint())
        .collect();
    assert_eq!(order, [names[1], names[0], names[3], names[2]]);
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "two threads are what this test is about"
)]
fn counts_that_rise_while_keys_are_put_in_order_do_no_harm() {
    let pem = key().to_pkcs1_pem();
    let copy = || RingKey::new(PrivateKey::from_pem(pem.as_bytes()).unwrap(), at(0));
    let ring = KeyRing((0..40).map(|_| copy()).collect());
    let mut bytes = vec![1, 0];
    bytes.resize(2 + 256 + 16, 0);
    let envelope = Envelope::parse(&bytes).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut turn = 1_usize;
            while !done.load(Ordering::Relaxed) {
                turn = turn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                ring.0[(turn >> 33) % 40].opened.fetch_add(1, Ordering::Relaxed);
            }
        });
        let ordered = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for _ in 0..5_000 {
                assert_eq!(ring.candidates(&envelope, TrialHints::default()).len(), 40);
            }
        }));
        done.store(true, Ordering::Relaxed);
        assert!(ordered.is_ok());
    });
}

#[test]
fn keys_beyond_the_limit_are_counted_and_not_asked() {
    let ring = KeyRing::new((0..3).map(|second| RingKey::new(key(), at(second))).collect()).unwrap();
    let bytes = {
        let mut bytes = vec![1, 0];
        bytes.resize(2 + 256 + 16, 0);
        bytes
    };
    let error = ring
        .open(
            &Envelope::parse(&bytes).unwrap(),
            &label(),
            TrialHints::default(),
            2,
        )
        .err();
    assert_eq!(error, Some(OpenError::NoKey { asked: 2, left: 1 }));
}

#[test]
fn a_flipped_bit_in_the_payload_is_tampering_and_one_in_the_session_key_is_no_key() {
    let private = key();
    let name = private.public().fingerprint();
    let mut bytes = sealed_by(&private, b"value");
    let ring = KeyRing::new(vec![RingKey::new(private, at(0))]).unwrap();
    let open = |bytes: &[u8]| {
        ring.open(
            &Envelope::parse(bytes).unwrap(),
            &label(),
            TrialHints::default(),
            usize::MAX,
        )
        .err()
    };
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    assert_eq!(open(&bytes), Some(OpenError::Tampered { key: name }));
    bytes[last] ^= 1;
    bytes[100] ^= 1;
    assert_eq!(open(&bytes), Some(OpenError::NoKey { asked: 1, left: 0 }));
}

#[test]
fn a_value_sealed_for_a_larger_key_names_that_size() {
    let bytes = {
        let mut bytes = vec![2, 0];
        bytes.resize(2 + 512 + 16, 0);
        bytes
    };
    let ring = KeyRing::new(vec![RingKey::new(key(), at(0))]).unwrap();
    let error = ring
        .open(
            &Envelope::parse(&bytes).unwrap(),
            &label(),
            TrialHints::default(),
            usize::MAX,
        )
        .err();
    assert_eq!(error, Some(OpenError::NoKeyOfThisSize { bits: 4096 }));
}

#[test]
fn a_number_above_the_modulus_costs_no_private_operation() {
    let mut bytes = vec![1, 0];
    bytes.resize(2 + 256, 0xff);
    bytes.resize(2 + 256 + 16, 0);
    let ring = KeyRing::new(vec![RingKey::new(key(), at(0))]).unwrap();
    let envelope = Envelope::parse(&bytes).unwrap();
    assert!(ring.candidates(&envelope, TrialHints::default()).is_empty());
    let error = ring
        .open(&envelope, &label(), TrialHints::default(), usize::MAX)
        .err();
    assert_eq!(error, Some(OpenError::NoKey { asked: 0, left: 0 }));
}

#[test]
fn only_the_label_that_fits_is_named() {
    let private = key();
    let namespace: Namespace = "prod".parse().unwrap();
    let bytes = seal(
        b"v",
        private.public(),
        &EncryptionLabel::namespace_wide(&namespace),
        &mut SystemRandom,
    )
    .unwrap();
    let ring = KeyRing::new(vec![RingKey::new(private, at(0))]).unwrap();
    let envelope = Envelope::parse(&bytes).unwrap();
    let labels = [
        EncryptionLabel::cluster_wide(),
        EncryptionLabel::namespace_wide(&namespace),
    ];
    assert_eq!(ring.label_that_fits(&envelope, &labels), Some(1));
    assert_eq!(ring.label_that_fits(&envelope, &labels[..1]), None);
}

#[test]
fn sealing_without_randomness_returns_nothing() {
    struct Broken;
    impl RandomSource for Broken {
        fn fill(&mut self, _: &mut [u8]) -> Result<(), RandomnessUnavailable> {
            Err(RandomnessUnavailable)
        }
    }
    assert!(seal(b"v", key().public(), &label(), &mut Broken).is_err());
}

#[test]
fn a_key_that_opens_most_comes_forward_and_keys_used_evenly_do_not() {
    let keys: Vec<_> = (0..4).map(|second| RingKey::new(key(), at(second))).collect();
    let names: Vec<_> = keys.iter().map(RingKey::fingerprint).collect();
    let ring = KeyRing::new(keys).unwrap();
    let mut bytes = vec![1, 0];
    bytes.resize(2 + 256 + 16, 0);
    let envelope = Envelope::parse(&bytes).unwrap();
    let order = || -> Vec<_> {
        let candidates = ring.candidates(&envelope, TrialHints::default());
        candidates.iter().map(|key| key.fingerprint()).collect()
    };
    let opened = |name, count| ring.find(name).unwrap().opened.store(count, Ordering::Relaxed);
    opened(names[0], 1);
    opened(names[1], 2);
    opened(names[3], 20);
    assert_eq!(order(), [names[3], names[2], names[1], names[0]]);
    opened(names[0], 40);
    assert_eq!(order(), [names[3], names[0], names[2], names[1]]);
}
