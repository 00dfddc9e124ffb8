//! A request to reencrypt: judged, worked on and answered. It knows ciphertexts and names; the watch, the
//! write and the time are its caller's.

use std::collections::BTreeMap;

use jiff::Timestamp;
use seal_api::reencryption::{DONE, FAILED, MOST_BYTES, MOST_ENTRIES, REFUSED};
use seal_api::{ReencryptionSpec, ReencryptionStatus, SealedSecret, SealedSecretSpec, annotations};
use seal_core::{CiphertextDigest, Fingerprint, RandomSource, Scope};

use super::{Answers, reencrypt};

// What Kubernetes allows for a key of a Secret.
const LONGEST_NAME: usize = 253;

/// What a request is known by: whoever reads the answer compares it with what he asked.
pub fn input_digest(spec: &ReencryptionSpec) -> String {
    let text = serde_json::to_vec(spec).expect("texts are always JSON");
    CiphertextDigest::of(&text).to_string()
}

/// The answer to `spec` in `namespace`.
pub fn answer(
    spec: &ReencryptionSpec,
    namespace: &str,
    answers: &Answers<'_>,
    target: Fingerprint,
    random: &mut dyn RandomSource,
    now: Timestamp,
) -> ReencryptionStatus {
    let status = ReencryptionStatus {
        state: DONE.to_owned(),
        answered: now.to_string(),
        input: input_digest(spec),
        ..ReencryptionStatus::default()
    };
    let object = match object(spec, namespace) {
        Ok(object) => object,
        Err(why) => {
            return ReencryptionStatus {
                state: REFUSED.to_owned(),
                faults: BTreeMap::from([(String::new(), why)]),
                ..status
            };
        }
    };
    match reencrypt(&object, answers, target, random) {
        Ok(done) => ReencryptionStatus {
            key: Some(target.to_string()),
            before: done
                .iter()
                .map(|one| (one.entry.clone(), one.before.to_string()))
                .collect(),
            entries: done
                .into_iter()
                .filter_map(|one| Some((one.entry, one.text?)))
                .collect(),
            ..status
        },
        Err(faults) => ReencryptionStatus {
            state: FAILED.to_owned(),
            faults: faults
                .iter()
                .map(|fault| (fault.place.entry.clone().unwrap_or_default(), fault.sentence()))
                .collect(),
            ..status
        },
    }
}

// The label is made of the request's own namespace, whatever it asks for (S9).
fn object(spec: &ReencryptionSpec, namespace: &str) -> Result<SealedSecret, String> {
    let bytes: usize = spec
        .entries
        .iter()
        .map(|(entry, text)| entry.len() + text.len())
        .sum();
    let is_long = |entry: &String| entry.len() > LONGEST_NAME;
    let (count, longest) = (spec.entries.len(), spec.entries.keys().any(is_long));
    if count == 0 || count > MOST_ENTRIES || bytes > MOST_BYTES || longest {
        return Err(format!(
            "a request has 1 to {MOST_ENTRIES} entries, at most {MOST_BYTES} bytes of them, and no name longer than \
             {LONGEST_NAME}"
        ));
    }
    let scope: Scope = spec
        .scope
        .parse()
        .map_err(|error: seal_core::InvalidScope| error.to_string())?;
    let mut object = SealedSecret::new(&spec.name, SealedSecretSpec::default());
    object.metadata.namespace = Some(namespace.to_owned());
    object.metadata.annotations = annotations::scope_annotation(scope)
        .map(|annotation| BTreeMap::from([(annotation.to_owned(), "true".to_owned())]));
    // The blob of old has no name.
    if let (1, Some(blob)) = (count, spec.entries.get("")) {
        object.spec.data = Some(blob.clone());
        return Ok(object);
    }
    let entries = spec.entries.iter();
    object.spec.encrypted_data = entries
        .map(|(entry, text)| (entry.clone(), Some(text.clone())))
        .collect();
    Ok(object)
}

#[cfg(test)]
mod tests {
    use seal_core::{KeyRing, SystemRandom};

    use super::*;
    use crate::sealed_secret::props::{ring, sealed};
    use crate::sealed_secret::{Opening, open};

    fn asked(ring: &KeyRing, scope: Scope) -> ReencryptionSpec {
        let oldest = ring.keys().last().unwrap();
        let entries = sealed(oldest, scope, &[("a", "1")])
            .spec
            .encrypted_data
            .into_iter();
        ReencryptionSpec {
            name: "db".to_owned(),
            scope: scope.to_string(),
            entries: entries.map(|(entry, text)| (entry, text.unwrap())).collect(),
        }
    }

    fn answered(spec: &ReencryptionSpec, namespace: &str, ring: &KeyRing) -> ReencryptionStatus {
        let answers = Answers {
            sealing_keys: Some(ring),
        };
        let target = ring.keys()[0].fingerprint();
        answer(
            spec,
            namespace,
            &answers,
            target,
            &mut SystemRandom,
            Timestamp::UNIX_EPOCH,
        )
    }

    #[test]
    fn each_scope_is_answered_and_the_answer_opens_under_the_same_label() {
        let ring = ring();
        for scope in Scope::ALL {
            let mut spec = asked(&ring, scope);
            let status = answered(&spec, "prod", &ring);
            assert_eq!(
                (status.state.as_str(), status.entries.len()),
                (DONE, 1),
                "{:?}",
                status.faults
            );
            assert_eq!(status.input, input_digest(&spec));
            spec.entries.clone_from(&status.entries);
            let object = object(&spec, "prod").unwrap();
            let how = Opening {
                accept_legacy: false,
                diagnose_scope: false,
                hints: None,
            };
            let answers = Answers {
                sealing_keys: Some(&ring),
            };
            let unveiled = open(&object, &answers, &how).ok().unwrap().remove(0);
            assert_eq!(unveiled.value_of("a").unwrap().expose(), b"1");
            // And again: nothing is left to do.
            assert!(answered(&spec, "prod", &ring).entries.is_empty());
        }
    }

    #[test]
    fn a_ciphertext_of_another_namespace_or_name_is_not_sealed_anew() {
        let ring = ring();
        for scope in [Scope::Strict, Scope::NamespaceWide] {
            let status = answered(&asked(&ring, scope), "staging", &ring);
            assert_eq!((status.state.as_str(), status.entries.len()), (FAILED, 0));
        }
        let other = ReencryptionSpec {
            name: "other".to_owned(),
            ..asked(&ring, Scope::Strict)
        };
        assert_eq!(answered(&other, "prod", &ring).state, FAILED);
        // Nor does a wider label come of a narrower one.
        let wider = ReencryptionSpec {
            scope: Scope::ClusterWide.to_string(),
            ..asked(&ring, Scope::Strict)
        };
        assert_eq!(answered(&wider, "prod", &ring).state, FAILED);
    }

    #[test]
    fn what_is_too_much_is_refused() {
        let ring = ring();
        let mut spec = asked(&ring, Scope::Strict);
        let text = spec.entries["a"].clone();
        spec.entries = (0..=MOST_ENTRIES)
            .map(|n| (n.to_string(), text.clone()))
            .collect();
        assert_eq!(answered(&spec, "prod", &ring).state, REFUSED);
        spec.entries = BTreeMap::from([("a".to_owned(), "A".repeat(MOST_BYTES + 1))]);
        assert_eq!(answered(&spec, "prod", &ring).state, REFUSED);
        spec.entries = BTreeMap::from([("n".repeat(LONGEST_NAME + 1), "AAAA".to_owned())]);
        let status = answered(&spec, "prod", &ring);
        assert_eq!(status.state, REFUSED);
        assert!(
            !format!("{:?}", status.faults).contains("nnn"),
            "it would be too large to be told"
        );
        spec.entries.clear();
        assert_eq!(answered(&spec, "prod", &ring).state, REFUSED);
        let spec = ReencryptionSpec {
            scope: "wide".to_owned(),
            ..asked(&ring, Scope::Strict)
        };
        assert_eq!(answered(&spec, "prod", &ring).state, REFUSED);
    }
}
