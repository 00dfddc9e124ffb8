//! An independent pair of implementations, the `rsa` crate and aws-lc's AES, opens what we seal and
//! seals what we open; x509-parser reads the certificates that we make.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rsa::pkcs1::DecodeRsaPrivateKey;
use rsa::pkcs8::DecodePrivateKey;
use rsa::rand_core::OsRng;
use rsa::{Oaep, RsaPrivateKey, RsaPublicKey};
use seal_core::{
    Certificate, EncryptionLabel, Envelope, KeyRing, PrivateKey, RingKey, Scope, SelfSigned, SystemRandom,
    TrialHints, seal,
};
use sha2::Sha256;
use x509_parser::prelude::{FromDer, ParsedExtension, X509Certificate};

use super::files::key_text;

const SIZES: [&str; 4] = ["2048", "3072", "4096", "8192"];

fn labels() -> [(EncryptionLabel, &'static str); 3] {
    let label = |scope: Scope| scope.label(&"prod".parse().unwrap(), &"app".parse().unwrap());
    [
        (label(Scope::Strict), "prod/app"),
        (label(Scope::NamespaceWide), "prod"),
        (label(Scope::ClusterWide), ""),
    ]
}

fn values() -> [Vec<u8>; 4] {
    [
        Vec::new(),
        b"bar".to_vec(),
        vec![0; 16],
        (0..100_000).map(|at: u32| at as u8).collect(),
    ]
}

fn padding(label: &str) -> Oaep {
    Oaep::new_with_label::<Sha256, _>(label)
}

fn cipher(session_key: &[u8]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, session_key).unwrap())
}

fn zeros() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

#[test]
fn what_we_seal_the_oracle_opens_with_every_size_and_label() {
    for size in SIZES {
        let key = RsaPrivateKey::from_pkcs1_pem(&key_text(&format!("{size}.pkcs1.pem"))).unwrap();
        let certificate = Certificate::from_pem(key_text(&format!("{size}.crt")).as_bytes()).unwrap();
        for (label, text) in labels() {
            for value in values() {
                let sealed = seal(&value, certificate.key(), &label, &mut SystemRandom).unwrap();
                let wrapped = usize::from(u16::from_be_bytes([sealed[0], sealed[1]]));
                assert_eq!(wrapped * 8, size.parse::<usize>().unwrap());
                assert_eq!(sealed.len(), 2 + wrapped + value.len() + 16);
                let (wrapped, payload) = sealed[2..].split_at(wrapped);
                let session_key = key.decrypt(padding(text), wrapped).unwrap();
                assert_eq!(session_key.len(), 32);
                let mut payload = payload.to_vec();
                let opened = cipher(&session_key).open_in_place(zeros(), Aad::empty(), &mut payload);
                assert_eq!(opened.unwrap(), value, "{size} bits, label {text:?}");
                if size == "2048" {
                    let other = if text.is_empty() { "prod" } else { "" };
                    assert!(
                        key.decrypt(padding(other), wrapped).is_err(),
                        "opens under {other:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn what_the_oracle_seals_we_open_with_every_size_label_and_form_of_key() {
    for size in SIZES {
        let text = key_text(&format!("{size}.pkcs8.pem"));
        let public = RsaPublicKey::from(&RsaPrivateKey::from_pkcs8_pem(&text).unwrap());
        for form in ["pkcs1", "pkcs8"] {
            let key = PrivateKey::from_pem(key_text(&format!("{size}.{form}.pem")).as_bytes()).unwrap();
            let ring = KeyRing::new(vec![RingKey::new(key, jiff::Timestamp::UNIX_EPOCH)]).unwrap();
            for (label, text) in labels() {
                for value in values() {
                    let session_key = [7; 32];
                    let wrapped = public.encrypt(&mut OsRng, padding(text), &session_key).unwrap();
                    let mut payload = value.clone();
                    let sealing = cipher(&session_key);
                    sealing
                        .seal_in_place_append_tag(zeros(), Aad::empty(), &mut payload)
                        .unwrap();
                    let length = u16::try_from(wrapped.len()).unwrap().to_be_bytes();
                    let sealed = [&length[..], &wrapped, &payload].concat();
                    let envelope = Envelope::parse(&sealed).unwrap();
                    let opened = ring.open(&envelope, &label, TrialHints::default(), 1);
                    assert_eq!(
                        opened.ok().unwrap().plaintext.expose(),
                        value,
                        "{size} bits, label {text:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_key_that_we_write_is_read_by_the_oracle() {
    for size in SIZES {
        let text = key_text(&format!("{size}.pkcs8.pem"));
        let ours = PrivateKey::from_pem(text.as_bytes()).unwrap().to_pkcs1_pem();
        let read = RsaPrivateKey::from_pkcs1_pem(&ours).unwrap();
        assert!(
            read == RsaPrivateKey::from_pkcs8_pem(&text).unwrap(),
            "{size} bits"
        );
        assert_eq!(
            *ours,
            key_text(&format!("{size}.pkcs1.pem")),
            "Go writes the same {size} bits otherwise"
        );
    }
}

/// The certificate of a key of the vectors, as a fresh controller would make it.
pub(crate) fn self_signed(size: &str, common_name: &str) -> Certificate {
    let key = PrivateKey::from_pem(key_text(&format!("{size}.pkcs1.pem")).as_bytes()).unwrap();
    let contents = SelfSigned {
        common_name,
        not_before: "2026-01-02T03:04:05Z".parse().unwrap(),
        lifetime: std::time::Duration::from_hours(87_600),
    };
    Certificate::self_signed(&key, &contents, &mut SystemRandom).unwrap()
}

#[test]
fn certificates_that_we_make_are_shaped_like_upstreams() {
    let mut serials = std::collections::HashSet::new();
    for (size, common_name) in [("2048", ""), ("4096", ""), ("2048", "my-cn")] {
        let (ours, theirs) = (self_signed(size, common_name), key_text(&format!("{size}.crt")));
        let (ours, theirs) = (pem::parse(ours.pem()).unwrap(), pem::parse(theirs).unwrap());
        let (_, ours) = X509Certificate::from_der(ours.contents()).unwrap();
        let (_, theirs) = X509Certificate::from_der(theirs.contents()).unwrap();

        ours.verify_signature(None).unwrap();
        assert_eq!(ours.version(), theirs.version());
        assert_eq!(
            ours.signature_algorithm.algorithm,
            theirs.signature_algorithm.algorithm
        );
        assert_eq!(ours.public_key().raw, theirs.public_key().raw);
        assert_eq!(ours.subject().as_raw(), ours.issuer().as_raw());
        if common_name.is_empty() {
            assert_eq!(ours.subject().as_raw(), theirs.subject().as_raw());
        } else {
            assert_eq!(ours.subject().to_string(), format!("CN={common_name}"));
        }
        assert_eq!(extensions(&ours), extensions(&theirs));
        let serial = ours.serial.to_bytes_be();
        assert!(
            (13..=16).contains(&serial.len()),
            "a serial of {} bytes",
            serial.len()
        );
        assert!(serials.insert(serial), "a serial twice");
        assert_eq!(ours.validity().not_before.timestamp(), 1_767_323_045);
        let length = ours.validity().not_after.timestamp() - ours.validity().not_before.timestamp();
        assert_eq!(length, 87_600 * 3600);
    }
}

fn extensions(certificate: &X509Certificate<'_>) -> std::collections::BTreeMap<String, (bool, String)> {
    let shown = |parsed: &ParsedExtension<'_>| match parsed {
        // How it is derived is left open by RFC 5280 §4.2.1.2; the issuer's and the subject's are one.
        ParsedExtension::SubjectKeyIdentifier(_) => "subject key identifier".to_owned(),
        other => format!("{other:?}"),
    };
    let all = certificate.extensions().iter();
    all.map(|one| (one.oid.to_string(), (one.critical, shown(one.parsed_extension()))))
        .collect()
}
