//! The same values under another key: only sealed text changes.
//!
//! Neither this nor checking renders a template: whether one fails would tell a stranger one bit of
//! a value per request (sealed-secrets #2019, #2049). The scope is that of the object's own
//! metadata, whatever its template claims (CVE-2026-22728).

use seal_api::{SealedSecret, Secret, annotations};
use seal_core::{PublicKey, RandomSource, encode_base64};

use crate::catalogue;
use crate::fault::Fault;
use crate::sealed_secret::open::{Names, open};
use crate::sealed_secret::seal::seal;
use crate::sealed_secret::{Answers, Opening};

/// Whether every value of `object` opens.
///
/// # Errors
/// A fault for each that does not.
pub fn verify(object: &SealedSecret, answers: &Answers<'_>, how: &Opening<'_>) -> Result<(), Vec<Fault>> {
    open(object, answers, how).map(drop)
}

/// `object` with every value sealed to `key` and without its status. Template, labels and
/// annotations stay as they are; the legacy form becomes the current one.
///
/// # Errors
/// A fault for each value that does not open; nothing is returned then.
pub fn rotate(
    object: &SealedSecret,
    answers: &Answers<'_>,
    how: &Opening<'_>,
    key: &PublicKey,
    random: &mut dyn RandomSource,
) -> Result<SealedSecret, Vec<Fault>> {
    let defect = |what: String| vec![Fault::new(&catalogue::DEFECT).fact("what", what)];
    let opened = open(object, answers, how)?;
    let names = Names::of(object).map_err(|fault| vec![fault])?;
    let mut rotated = object.clone();
    rotated.status = None;
    for unveiled in opened {
        if let Some(hidden) = unveiled.hidden {
            let mut secret = Secret {
                data: unveiled.entries,
                ..hidden
            };
            secret.metadata.name = object.metadata.name.clone();
            secret.metadata.namespace = object.metadata.namespace.clone();
            let scope = annotations::scope(object.metadata.annotations.as_ref());
            rotated.spec = seal(&secret, key, scope, true, random)
                .map_err(|fault| defect(format!("what opened cannot be sealed: {fault}")))?
                .spec;
            continue;
        }
        for (entry, value) in &unveiled.entries {
            let sealed = seal_core::seal(value.expose(), key, &names.label(), random)
                .map_err(|fault| defect(format!("what opened cannot be sealed: {fault}")))?;
            rotated
                .spec
                .encrypted_data
                .insert(entry.clone(), Some(encode_base64(&sealed)));
        }
    }
    Ok(rotated)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use seal_api::TemplateMetadata;
    use seal_core::{KeyRing, Plaintext, Scope, SystemRandom};

    use super::*;
    use crate::sealed_secret::props::ring;

    const HOW: Opening<'static> = Opening {
        accept_legacy: true,
        diagnose_scope: false,
        hints: None,
    };

    fn sealed(ring: &KeyRing, scope: Scope) -> SealedSecret {
        let mut secret = Secret::default();
        secret.metadata.name = Some("db".to_owned());
        secret.metadata.namespace = Some("prod".to_owned());
        secret.metadata.labels = Some([("team".to_owned(), "x".to_owned())].into());
        secret.data.insert("a".to_owned(), Plaintext::copied(b"1"));
        let oldest = ring.keys().last().unwrap().private().public();
        seal(&secret, oldest, scope, false, &mut SystemRandom).unwrap()
    }

    fn claim_cluster_wide(object: &mut SealedSecret) {
        let template = object.spec.template.as_mut().unwrap();
        let metadata = template.metadata.get_or_insert_with(TemplateMetadata::default);
        metadata.annotations = Some([(annotations::CLUSTER_WIDE.to_owned(), "true".to_owned())].into());
    }

    #[test]
    fn only_sealed_text_changes_and_the_newest_key_opens_it() {
        let ring = ring();
        let answers = Answers {
            sealing_keys: Some(&ring),
        };
        let mut object = sealed(&ring, Scope::NamespaceWide);
        object.metadata.labels = Some([("own".to_owned(), "label".to_owned())].into());
        let key = ring.keys()[0].private().public();
        let rotated = rotate(&object, &answers, &HOW, key, &mut SystemRandom).unwrap();
        let unveiled = open(&rotated, &answers, &HOW).ok().unwrap().remove(0);
        assert_eq!(unveiled.key_of("a"), Some(key.fingerprint()));
        assert_eq!(unveiled.value_of("a").unwrap().expose(), b"1");
        assert_eq!(rotated.metadata, object.metadata);
        assert_eq!(rotated.spec.template, object.spec.template);
        assert_ne!(rotated.spec.encrypted_data, object.spec.encrypted_data);
    }

    #[test]
    fn a_template_that_claims_cluster_wide_does_not_widen_a_strict_secret() {
        let ring = ring();
        let answers = Answers {
            sealing_keys: Some(&ring),
        };
        let mut object = sealed(&ring, Scope::Strict);
        claim_cluster_wide(&mut object);
        let key = ring.keys()[0].private().public();
        let mut rotated = rotate(&object, &answers, &HOW, key, &mut SystemRandom).unwrap();
        assert!(verify(&rotated, &answers, &HOW).is_ok());
        // The attacker carries it elsewhere, as cluster-wide.
        rotated.metadata.namespace = Some("attacker".to_owned());
        rotated.metadata.annotations =
            Some([(annotations::CLUSTER_WIDE.to_owned(), "true".to_owned())].into());
        assert!(verify(&rotated, &answers, &HOW).is_err());
        // Claiming the scope before rotating fails at opening.
        object.metadata.annotations = rotated.metadata.annotations.clone();
        assert!(rotate(&object, &answers, &HOW, key, &mut SystemRandom).is_err());
    }

    #[test]
    fn a_template_that_fails_on_one_bit_of_a_value_changes_neither_answer() {
        let ring = ring();
        let answers = Answers {
            sealing_keys: Some(&ring),
        };
        let mut object = sealed(&ring, Scope::Strict);
        for guess in ["0", "1"] {
            let oracle = format!("{{{{ if hasPrefix {guess:?} .a }}}}{{{{ fail \"yes\" }}}}{{{{ end }}}}");
            object.spec.template.as_mut().unwrap().data =
                Some(BTreeMap::from([("b".to_owned(), Some(oracle))]));
            assert!(verify(&object, &answers, &HOW).is_ok());
            let key = ring.keys()[0].private().public();
            assert!(rotate(&object, &answers, &HOW, key, &mut SystemRandom).is_ok());
        }
    }

    #[test]
    fn a_legacy_blob_becomes_entries_with_the_metadata_that_was_sealed_with_them() {
        let ring = ring();
        let answers = Answers {
            sealing_keys: Some(&ring),
        };
        let mut object = sealed(&ring, Scope::Strict);
        let label = Scope::Strict.label(&"prod".parse().unwrap(), &"db".parse().unwrap());
        let json = br#"{"metadata":{"labels":{"l":"1"}},"type":"example.com/t","data":{"a":"YmFy"}}"#;
        let key = ring.keys()[0].private().public();
        let blob = seal_core::seal(json, key, &label, &mut SystemRandom).unwrap();
        object.spec.encrypted_data.clear();
        object.spec.data = Some(encode_base64(&blob));
        let rotated = rotate(&object, &answers, &HOW, key, &mut SystemRandom).unwrap();
        assert_eq!(rotated.spec.data, None);
        let template = rotated.spec.template.clone().unwrap();
        assert_eq!(template.kind.as_deref(), Some("example.com/t"));
        assert_eq!(template.metadata.unwrap().labels.unwrap()["l"], "1");
        let unveiled = open(&rotated, &answers, &HOW).ok().unwrap().remove(0);
        assert_eq!(unveiled.value_of("a").unwrap().expose(), b"bar");
    }
}
