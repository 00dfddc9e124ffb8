use std::collections::HashSet;

use proptest::prelude::*;
use seal_api::external_secrets::{ExternalSecret, PasswordSpec};
use seal_core::{SeededRandom, encode_base64};
use serde_json::{Value, json};

use super::*;
use crate::SecretVersion;

fn key() -> InstallationKey {
    InstallationKey::from_bytes(&[7; 32]).unwrap()
}

fn random(seed: &str) -> SeededRandom {
    key().seeded(&key().mac("test", [seed.as_bytes()]))
}

fn made(kind: &str, spec: Value, seed: &str) -> Result<BTreeMap<String, String>, String> {
    let generator = Generator::read(kind, &spec).unwrap();
    let made =
        generate(&generator, &mut random(seed)).map_err(|fault| fault.fact("at", "here").sentence())?;
    let text = |value: &Plaintext| String::from_utf8(value.expose().to_vec()).unwrap();
    Ok(made
        .iter()
        .map(|(entry, value)| (entry.clone(), text(value)))
        .collect())
}

fn password(spec: Value) -> Result<String, String> {
    let mut made = made("Password", spec, "password")?;
    assert_eq!(made.len(), 1);
    Ok(made.remove("password").unwrap())
}

fn count(text: &str, of: &str) -> usize {
    text.chars().filter(|letter| of.contains(*letter)).count()
}

const SYMBOLS: &str = "~!@#$%^&*()_+`-={}|[]\\:\"<>?,./";

#[test]
fn a_password_is_made_as_its_spec_says() {
    let default = password(json!({})).unwrap();
    assert_eq!(default.len(), 24);
    assert_eq!((count(&default, "0123456789"), count(&default, SYMBOLS)), (6, 6));
    let letters: HashSet<char> = default.chars().collect();
    assert_eq!(letters.len(), 24, "no character comes twice");

    let spec = json!({"length": 40, "digits": 0, "symbols": 8, "symbolCharacters": "-_", "noUpper": true, "allowRepeat": true});
    let chosen = password(spec).unwrap();
    assert_eq!((chosen.len(), count(&chosen, "-_")), (40, 8));
    assert!(!chosen.contains(|letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit()));
    assert_eq!(
        password(json!({"length": 0, "symbolCharacters": ""}))
            .unwrap()
            .len(),
        24
    );
}

#[test]
fn what_cannot_be_is_told_in_upstreams_words() {
    let repeats = "and repeats are not allowed";
    for (spec, words) in [
        (
            json!({"length": 4, "digits": 3, "symbols": 2}),
            "number of digits and symbols must be less than total length",
        ),
        (
            json!({"length": 53, "digits": 0, "symbols": 0}),
            "number of letters exceeds available letters and repeats are not allowed",
        ),
        (
            json!({"length": 24, "digits": 11}),
            "number of digits exceeds available digits and repeats are not allowed",
        ),
        // Upstream tries these for ever.
        (json!({"symbolCharacters": "!!!!!!!!"}), repeats),
        (json!({"digits": 10, "symbolCharacters": "0123456789"}), repeats),
        (
            json!({"secretKeys": ["a", "a"]}),
            "secretKeys must be non-empty and unique",
        ),
        (
            json!({"secretKeys": [""]}),
            "secretKeys must be non-empty and unique",
        ),
        (
            json!({"length": 1_000_000_000, "allowRepeat": true}),
            "no more than 65536 characters",
        ),
    ] {
        let told = password(spec.clone()).unwrap_err();
        assert!(
            told.starts_with("error processing here, err: error using generator: "),
            "{told}"
        );
        assert!(told.contains(words), "{spec}: {told}");
    }
}

#[test]
fn passwords_are_encoded_and_each_entry_has_its_own() {
    let raw = password(json!({})).unwrap();
    let encoded = |encoding: &str| password(json!({"encoding": encoding})).unwrap();
    assert_eq!(encoded("base64"), encode_base64(raw.as_bytes()));
    assert_eq!(
        encoded("base64url"),
        encode_base64(raw.as_bytes()).replace('+', "-").replace('/', "_")
    );
    let hex: String = raw.bytes().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(encoded("hex"), hex);
    assert_eq!(encoded("base32").len(), 40);
    // RFC 4648 §10.
    for (length, text) in [
        (1, "MY======"),
        (2, "MZXQ===="),
        (3, "MZXW6==="),
        (4, "MZXW6YQ="),
        (5, "MZXW6YTB"),
    ] {
        assert_eq!(
            String::from_utf8(password::base32(&b"fooba"[..length])).unwrap(),
            text
        );
    }
    let keys = made("Password", json!({"secretKeys": ["user", "admin"]}), "s").unwrap();
    assert_eq!(keys.keys().collect::<Vec<_>>(), ["admin", "user"]);
    assert_ne!(keys["admin"], keys["user"]);
}

#[test]
fn a_uuid_is_one_of_version_4() {
    let uuid = &made("UUID", Value::Null, "s").unwrap()["uuid"];
    let groups: Vec<usize> = uuid.split('-').map(str::len).collect();
    assert_eq!(groups, [8, 4, 4, 4, 12]);
    assert_eq!(&uuid[14..15], "4");
    assert!("89ab".contains(&uuid[19..20]), "{uuid}");
}

#[test]
fn ssh_keys_are_of_the_type_and_size_that_are_asked_for() {
    for (spec, begin) in [
        (json!({"keyType": "ed25519", "comment": "ada"}), "ssh-ed25519 "),
        (json!({"keyType": "ecdsa"}), "ecdsa-sha2-nistp256 "),
        (
            json!({"keyType": "ecdsa", "keySize": 521}),
            "ecdsa-sha2-nistp521 ",
        ),
        (
            json!({"keyType": "ecdsa", "keySize": 300}),
            "ecdsa-sha2-nistp256 ",
        ),
        (json!({}), "ssh-rsa "),
    ] {
        let pair = made("SSHKey", spec.clone(), "s").unwrap();
        assert!(pair["publicKey"].starts_with(begin) && pair["publicKey"].ends_with('\n'));
        assert!(pair["privateKey"].starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n"));
        let generator = Generator::read("SSHKey", &spec).unwrap();
        assert_eq!(is_repeatable(&generator), begin != "ssh-rsa ", "{spec}");
    }
    for spec in [
        json!({"keySize": 1024}),
        json!({"keyType": "ed25519", "comment": "a\nssh-rsa AAAA"}),
    ] {
        let told = made("SSHKey", spec, "s").unwrap_err();
        assert!(
            told.contains("error using generator: unable to generate SSH key: "),
            "{told}"
        );
    }
}

#[test]
fn a_fake_is_what_it_says() {
    let spec = json!({"data": {"a": "b"}});
    assert_eq!(
        made("Fake", spec, "s").unwrap(),
        [("a".to_owned(), "b".to_owned())].into()
    );
}

fn object() -> ExternalSecret {
    let mut object = ExternalSecret::default();
    object.metadata.namespace = Some("prod".to_owned());
    object.metadata.name = Some("db".to_owned());
    object.metadata.uid = Some("u1".to_owned());
    object
}

#[test]
fn values_belong_to_a_refresh_an_object_and_an_entry() {
    let text = |object: &ExternalSecret, refreshed, index, key: &InstallationKey| {
        seed(&object.metadata, refreshed, index, key).to_text()
    };
    let first = text(&object(), 1, 0, &key());
    let mut labelled = object();
    labelled.metadata.labels = Some([("a".to_owned(), "b".to_owned())].into());
    assert_eq!(first, text(&labelled, 1, 0, &key()));
    let mut another = object();
    another.metadata.uid = Some("u2".to_owned());
    let others = [
        text(&object(), 2, 0, &key()),
        text(&object(), 1, 1, &key()),
        text(&another, 1, 0, &key()),
        text(&object(), 1, 0, &InstallationKey::from_bytes(&[8; 32]).unwrap()),
    ];
    let all: HashSet<&String> = others.iter().chain([&first]).collect();
    assert_eq!(all.len(), 5);
}

#[test]
fn what_is_put_right_between_refreshes_is_what_stood_there() {
    let version = SecretVersion {
        uid: "s".to_owned(),
        resource_version: "7".to_owned(),
    };
    let then = jiff::Timestamp::from_second(1000).unwrap();
    let record = Record::new(&object(), version, then, &BTreeMap::new(), Vec::new(), &key());
    assert_eq!(refreshed(Some(&record), false, 2000), 1000);
    assert_eq!(refreshed(Some(&record), true, 2000), 2000);
    assert_eq!(refreshed(None, false, 2000), 2000);
    // Somebody asks for new values within the second, or a clock was put back.
    assert_eq!(refreshed(Some(&record), true, 1000), 1001);
    assert_eq!(refreshed(Some(&record), true, 900), 1001);
}

proptest! {
    #[test]
    fn any_password_has_the_characters_that_were_asked_for(
        length in 1i64..80, digits in proptest::option::of(0i64..30), symbols in proptest::option::of(0i64..30),
        no_upper: bool, allow_repeat: bool, seed: u32,
    ) {
        let spec = PasswordSpec { length: Some(length), digits, symbols, no_upper, allow_repeat, ..PasswordSpec::default() };
        let made = generate(&Generator::Password(spec), &mut random(&seed.to_string()));
        if let Ok(made) = made {
            let text = String::from_utf8(made["password"].expose().to_vec()).unwrap();
            prop_assert_eq!(text.len() as i64, length);
            prop_assert_eq!(count(&text, "0123456789") as i64, digits.unwrap_or(length / 4));
            prop_assert_eq!(count(&text, SYMBOLS) as i64, symbols.unwrap_or(length / 4));
            let different: HashSet<char> = text.chars().collect();
            prop_assert!(allow_repeat || different.len() == text.len());
            prop_assert!(!no_upper || !text.contains(|letter: char| letter.is_ascii_uppercase()));
        } else {
            prop_assert!(!allow_repeat || digits.unwrap_or(length / 4) + symbols.unwrap_or(length / 4) > length);
        }
    }
}
