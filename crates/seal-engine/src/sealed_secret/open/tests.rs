use jiff::Timestamp;
use seal_core::{KeySize, PrivateKey, RingKey, SystemRandom};

use super::*;
use crate::fault::FaultClass;
use crate::sealed_secret::{Need, needs, seal};

struct Cluster {
    ring: KeyRing,
}

fn keys() -> &'static [PrivateKey; 2] {
    use std::sync::OnceLock;
    static KEYS: OnceLock<[PrivateKey; 2]> = OnceLock::new();
    KEYS.get_or_init(|| [0, 1].map(|_| PrivateKey::generate(KeySize::Bits2048).unwrap()))
}

impl Cluster {
    fn with(keys: &[&PrivateKey]) -> Self {
        let copy = |key: &&PrivateKey| {
            RingKey::new(
                PrivateKey::from_pem(key.to_pkcs1_pem().as_bytes()).unwrap(),
                Timestamp::UNIX_EPOCH,
            )
        };
        Self {
            ring: KeyRing::new(keys.iter().map(copy).collect()).unwrap(),
        }
    }

    fn open(&self, object: &SealedSecret) -> Result<Vec<Unveiled>, Vec<Fault>> {
        let how = Opening {
            accept_legacy: true,
            diagnose_scope: true,
            hints: None,
        };
        open(
            object,
            &Answers {
                sealing_keys: Some(&self.ring),
            },
            &how,
        )
    }

    fn refusals(&self, object: &SealedSecret) -> Vec<&'static str> {
        self.open(object)
            .err()
            .unwrap()
            .iter()
            .map(|fault| fault.kind.code)
            .collect()
    }
}

fn sealed(scope: Scope, entries: &[(&str, &str)]) -> SealedSecret {
    let mut secret = Secret::default();
    secret.metadata.name = Some("db".to_owned());
    secret.metadata.namespace = Some("prod".to_owned());
    for (entry, value) in entries {
        secret
            .data
            .insert((*entry).to_owned(), Plaintext::copied(value.as_bytes()));
    }
    seal(&secret, keys()[0].public(), scope, true, &mut SystemRandom).unwrap()
}

#[test]
fn an_object_needs_the_sealing_keys_and_nothing_else() {
    assert_eq!(needs(&Answers::default()), [Need::SealingKeys]);
    let cluster = Cluster::with(&[&keys()[0]]);
    assert!(
        needs(&Answers {
            sealing_keys: Some(&cluster.ring)
        })
        .is_empty()
    );
}

#[test]
fn what_was_sealed_opens_and_names_its_key() {
    let cluster = Cluster::with(&[&keys()[1], &keys()[0]]);
    let unveiled = cluster
        .open(&sealed(Scope::Strict, &[("a", "1"), ("b", "")]))
        .ok()
        .unwrap()
        .remove(0);
    assert_eq!(unveiled.value_of("a").unwrap().expose(), b"1");
    assert_eq!(unveiled.value_of("b").unwrap().expose(), b"");
    assert_eq!(unveiled.key_of("a"), Some(keys()[0].public().fingerprint()));
}

#[test]
fn strict_secret_does_not_open_in_another_namespace_or_under_another_name() {
    let cluster = Cluster::with(&[&keys()[0]]);
    let mut moved = sealed(Scope::Strict, &[("a", "1")]);
    moved.metadata.namespace = Some("staging".to_owned());
    assert_eq!(cluster.refusals(&moved), ["another-key-or-name"]);
    let mut renamed = sealed(Scope::Strict, &[("a", "1")]);
    renamed.metadata.name = Some("other".to_owned());
    renamed.spec.template = None;
    assert_eq!(cluster.refusals(&renamed), ["another-key-or-name"]);
}

#[test]
fn a_scope_that_the_author_could_have_set_is_named() {
    let cluster = Cluster::with(&[&keys()[0]]);
    for scope in [Scope::NamespaceWide, Scope::ClusterWide] {
        let mut object = sealed(scope, &[("a", "1"), ("b", "2")]);
        object.metadata.annotations = None;
        let faults = cluster.open(&object).err().unwrap();
        assert_eq!(faults[0].kind.code, "another-scope");
        assert!(
            faults[0]
                .sentence()
                .contains(&format!("sealed {scope}, and the object says strict"))
        );
        assert_eq!(faults[0].kind.class, FaultClass::User);
    }
    let mut renamed = sealed(Scope::Strict, &[("a", "1")]);
    renamed.metadata.name = Some("other".to_owned());
    let fault = cluster.open(&renamed).err().unwrap().remove(0);
    assert!(fault.sentence().contains("strict for the name db"), "{fault}");
}

#[test]
fn a_foreign_blob_yields_one_sentence_whatever_its_origin() {
    let cluster = Cluster::with(&[&keys()[0]]);
    let stranger = Cluster::with(&[&keys()[1]]);
    let victim = sealed(Scope::Strict, &[("a", "1")]);
    let mut stolen = victim.clone();
    stolen.metadata.namespace = Some("attacker".to_owned());
    let of_another_namespace = cluster.open(&stolen).err().unwrap().remove(0).sentence();
    let of_another_key = stranger.open(&victim).err().unwrap().remove(0).sentence();
    assert_eq!(of_another_namespace, of_another_key);
    // Both orders, with the victim opened in between: nothing is remembered (S7).
    assert!(cluster.open(&victim).is_ok());
    assert_eq!(
        cluster.open(&stolen).err().unwrap().remove(0).sentence(),
        of_another_key
    );
}

#[test]
fn a_namespace_wide_value_cannot_claim_a_strict_label_by_its_namespace() {
    let cluster = Cluster::with(&[&keys()[0]]);
    let mut object = sealed(Scope::Strict, &[("a", "1")]);
    object.metadata.namespace = Some("prod/db".to_owned());
    object.metadata.annotations = Some([(annotations::NAMESPACE_WIDE.to_owned(), "true".to_owned())].into());
    assert_eq!(cluster.refusals(&object), ["invalid-name"]);
}

#[test]
fn a_cluster_wide_value_opens_without_a_namespace_and_no_other_does() {
    let cluster = Cluster::with(&[&keys()[0]]);
    for scope in Scope::ALL {
        let mut object = sealed(scope, &[("a", "1")]);
        object.metadata.namespace = None;
        if scope == Scope::ClusterWide {
            assert!(cluster.open(&object).is_ok());
        } else {
            assert_eq!(cluster.refusals(&object), ["invalid-name"], "{scope}");
        }
    }
    // Without a namespace there is no other scope to name.
    let mut claimed = sealed(Scope::Strict, &[("a", "1")]);
    claimed.metadata.namespace = None;
    claimed.metadata.annotations = Some([(annotations::CLUSTER_WIDE.to_owned(), "true".to_owned())].into());
    assert_eq!(cluster.refusals(&claimed), ["another-key-or-name"]);
}

#[test]
fn a_value_that_was_not_asked_of_every_key_is_not_called_bad() {
    let older: Vec<PrivateKey> = (0..4)
        .map(|_| PrivateKey::generate(KeySize::Bits2048).unwrap())
        .collect();
    let at = |second: usize| Timestamp::from_second(i64::try_from(second).unwrap()).unwrap();
    let label = Scope::Strict.label(&"prod".parse().unwrap(), &"db".parse().unwrap());
    // A number that is below every modulus of this size, so that no key can be left out.
    let good = std::iter::repeat_with(|| {
        seal_core::seal(b"1", older[0].public(), &label, &mut SystemRandom).unwrap()
    })
    .find(|bytes| bytes[2] < 0x80)
    .unwrap();
    let ring = older
        .into_iter()
        .enumerate()
        .map(|(second, key)| RingKey::new(key, at(second)));
    let cluster = Cluster {
        ring: KeyRing::new(ring.collect()).unwrap(),
    };
    let mut object = sealed(Scope::Strict, &[("foreign", "2")]);
    let good = Some(seal_core::encode_base64(&good));
    object.spec.encrypted_data.insert("good".to_owned(), good);
    assert_eq!(cluster.refusals(&object), ["another-key-or-name", "not-tried"]);
    object.spec.encrypted_data.remove("foreign");
    assert!(cluster.open(&object).is_ok());
}

#[test]
fn each_kind_of_damage_has_its_own_reason_and_good_entries_do_not_hide_it() {
    let cluster = Cluster::with(&[&keys()[0]]);
    let good = sealed(Scope::Strict, &[("good", "1")]);
    let text = good.spec.encrypted_data["good"].clone().unwrap();
    let bytes = decode_base64(&text).unwrap();
    let encoded = |bytes: &[u8]| Some(seal_core::encode_base64(bytes));
    let flipped = |at: usize| {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        encoded(&bytes)
    };
    let mut larger = vec![2, 0];
    larger.resize(2 + 512 + 16, 7);
    let cases: [(Option<String>, &str); 9] = [
        (None, "not-text"),
        (Some("*".to_owned()), "not-base64"),
        (Some(String::new()), "truncated"),
        (encoded(b"\0\0abcdefghijklmnopqrstuvwxyz"), "malformed"),
        (encoded(b"plain text, base64 encoded by mistake"), "malformed"),
        (encoded(&bytes[..bytes.len() - 20]), "truncated"),
        (flipped(bytes.len() - 1), "tampered"),
        (flipped(50), "another-key-or-name"),
        (encoded(&larger), "no-key-of-this-size"),
    ];
    for (text, code) in cases {
        let mut object = good.clone();
        object.spec.encrypted_data.insert("bad".to_owned(), text);
        let faults = cluster.open(&object).err().unwrap();
        assert_eq!(
            faults.iter().map(|fault| fault.kind.code).collect::<Vec<_>>(),
            [code]
        );
        assert_eq!(faults[0].place.entry.as_deref(), Some("bad"));
    }
}

#[test]
fn every_truncation_of_a_sealed_value_is_refused_without_a_panic() {
    let cluster = Cluster::with(&[&keys()[0]]);
    let mut object = sealed(Scope::Strict, &[("a", "value")]);
    let bytes = decode_base64(object.spec.encrypted_data["a"].as_deref().unwrap()).unwrap();
    for length in 0..bytes.len() {
        let cut = seal_core::encode_base64(&bytes[..length]);
        object.spec.encrypted_data.insert("a".to_owned(), Some(cut));
        let how = Opening {
            accept_legacy: true,
            diagnose_scope: false,
            hints: None,
        };
        assert!(
            open(
                &object,
                &Answers {
                    sealing_keys: Some(&cluster.ring)
                },
                &how
            )
            .is_err(),
            "{length}"
        );
    }
}

#[test]
fn a_legacy_blob_opens_with_its_metadata_and_can_be_switched_off() {
    let cluster = Cluster::with(&[&keys()[0]]);
    let json = br#"{"kind":"Secret","metadata":{"name":"x","labels":{"l":"1"}},"type":"example.com/t","data":{"a":"YmFy"},"stringData":{"b":"text"}}"#;
    let label = Scope::Strict.label(&"prod".parse().unwrap(), &"db".parse().unwrap());
    let blob = seal_core::seal(json, keys()[0].public(), &label, &mut SystemRandom).unwrap();
    let mut object = sealed(Scope::Strict, &[]);
    object.spec.data = Some(seal_core::encode_base64(&blob));
    let unveiled = cluster.open(&object).ok().unwrap().remove(0);
    assert_eq!(unveiled.value_of("a").unwrap().expose(), b"bar");
    assert_eq!(unveiled.value_of("b").unwrap().expose(), b"text");
    assert_eq!(unveiled.hidden.unwrap().kind.as_deref(), Some("example.com/t"));

    let off = Opening {
        accept_legacy: false,
        diagnose_scope: false,
        hints: None,
    };
    let faults = open(
        &object,
        &Answers {
            sealing_keys: Some(&cluster.ring),
        },
        &off,
    )
    .err()
    .unwrap();
    assert!(faults[0].sentence().contains("deprecated"));
    object.spec.encrypted_data = sealed(Scope::Strict, &[("a", "1")]).spec.encrypted_data;
    let faults = cluster.open(&object).err().unwrap();
    assert!(faults[0].sentence().contains("at the same time"));
}
