//! The same values under one key of the ring, by text: what that key already opens stays as it is.
//!
//! Each text that is made is opened again and compared, so that the target's private half is proven before
//! anybody writes anything (S3). What is unchanged is found by opening, whatever the object says of itself
//! (S19). No template is rendered.

use seal_api::SealedSecret;
use seal_core::{Envelope, Fingerprint, KeyRing, RandomSource, RingKey, TrialHints, encode_base64};

use super::open::{Names, open_texts};
use super::sealed_with::SealedWith;
use super::{Answers, Opening};
use crate::catalogue;
use crate::fault::Fault;

/// What became of one sealed text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reencrypted {
    /// Its entry; empty for the legacy blob.
    pub entry: String,
    /// The key that opens the text that stands.
    pub before: Fingerprint,
    /// The new text, in base64; none where the target opens the one that stands.
    pub text: Option<String>,
}

/// Which key opens each text of `object`, in the order of the entries.
///
/// # Errors
/// A fault for each that does not open.
pub fn keys_of(
    object: &SealedSecret,
    answers: &Answers<'_>,
) -> Result<Vec<(String, Fingerprint)>, Vec<Fault>> {
    let names = Names::of(object).map_err(|fault| vec![fault])?;
    let opened = opened(object, &names, answers)?;
    Ok(opened
        .into_iter()
        .map(|(entry, opened)| (entry, opened.key))
        .collect())
}

/// Every text of `object` under the key `target`, one of the ring's.
///
/// # Errors
/// A fault for each text that does not open; nothing is returned then.
pub fn reencrypt(
    object: &SealedSecret,
    answers: &Answers<'_>,
    target: Fingerprint,
    random: &mut dyn RandomSource,
) -> Result<Vec<Reencrypted>, Vec<Fault>> {
    let names = Names::of(object).map_err(|fault| vec![fault])?;
    let opened = opened(object, &names, answers)?;
    let ring = answers.sealing_keys.ok_or_else(unanswered)?;
    let key = ring
        .find(target)
        .ok_or_else(|| defect("the target is not in the ring"))?;
    let mut all = Vec::with_capacity(opened.len());
    for (entry, opened) in opened {
        let text = match opened.key == target {
            true => None,
            false => {
                let sealed = seal_core::seal(
                    opened.plaintext.expose(),
                    key.private().public(),
                    &names.label(),
                    random,
                )
                .map_err(|fault| defect(&format!("what opened cannot be sealed: {fault}")))?;
                if !holds(&sealed, key, ring, &names, opened.plaintext.expose()) {
                    return Err(defect("what was sealed anew does not open to the same value"));
                }
                Some(encode_base64(&sealed))
            }
        };
        all.push(Reencrypted {
            entry,
            before: opened.key,
            text,
        });
    }
    Ok(all)
}

fn opened(
    object: &SealedSecret,
    names: &Names,
    answers: &Answers<'_>,
) -> Result<std::collections::BTreeMap<String, seal_core::Opened>, Vec<Fault>> {
    let said = SealedWith::of(object);
    let how = Opening {
        accept_legacy: true,
        diagnose_scope: false,
        hints: Some(&said),
    };
    open_texts(object, names, answers.sealing_keys.ok_or_else(unanswered)?, &how)
}

fn holds(sealed: &[u8], key: &RingKey, ring: &KeyRing, names: &Names, value: &[u8]) -> bool {
    let Ok(envelope) = Envelope::parse(sealed) else {
        return false;
    };
    let hints = TrialHints {
        recorded: Some(key.fingerprint()),
        last_good: None,
    };
    let opened = ring.open(&envelope, &names.label(), hints, 1);
    opened.is_ok_and(|opened| opened.key == key.fingerprint() && opened.plaintext.matches(value))
}

fn unanswered() -> Vec<Fault> {
    defect("a SealedSecret was opened before its needs were answered")
}

fn defect(what: &str) -> Vec<Fault> {
    vec![Fault::new(&catalogue::DEFECT).fact("what", what)]
}

#[cfg(test)]
mod tests {
    use seal_api::annotations;
    use seal_core::{Scope, SystemRandom};

    use super::*;
    use crate::sealed_secret::props::{ring, sealed};
    use crate::sealed_secret::{open, sealed_with};

    const ENTRIES: &[(&str, &str)] = &[("a", "1"), ("b", "")];

    #[test]
    fn what_the_target_opens_stays_and_the_rest_is_sealed_to_it() {
        let ring = ring();
        let answers = Answers {
            sealing_keys: Some(&ring),
        };
        let (new, old) = (&ring.keys()[0], &ring.keys()[1]);
        for scope in Scope::ALL {
            let mut object = sealed(old, scope, ENTRIES);
            let fresh = sealed(new, scope, ENTRIES)
                .spec
                .encrypted_data
                .remove("b")
                .unwrap();
            object.spec.encrypted_data.insert("b".to_owned(), fresh);
            let mut done = reencrypt(&object, &answers, new.fingerprint(), &mut SystemRandom).unwrap();
            assert_eq!(
                done.pop(),
                Some(Reencrypted {
                    entry: "b".to_owned(),
                    before: new.fingerprint(),
                    text: None,
                })
            );
            let Some(Reencrypted {
                before,
                text: Some(text),
                ..
            }) = done.pop()
            else {
                panic!("a is not sealed anew")
            };
            assert_eq!(before, old.fingerprint());
            object.spec.encrypted_data.insert("a".to_owned(), Some(text));
            let how = Opening {
                accept_legacy: false,
                diagnose_scope: false,
                hints: None,
            };
            let unveiled = open(&object, &answers, &how).ok().unwrap().remove(0);
            assert_eq!(unveiled.value_of("a").unwrap().expose(), b"1");
            assert_eq!(unveiled.key_of("a"), Some(new.fingerprint()));
        }
    }

    #[test]
    fn a_forged_claim_skips_nothing() {
        let ring = ring();
        let answers = Answers {
            sealing_keys: Some(&ring),
        };
        let (new, old) = (&ring.keys()[0], &ring.keys()[1]);
        let mut object = sealed(old, Scope::Strict, ENTRIES);
        let claim = |(entry, text): (&String, &Option<String>)| {
            sealed_with([(entry.as_str(), new.fingerprint(), text.as_deref().unwrap())])
        };
        let forged = object.spec.encrypted_data.iter().map(claim).next().unwrap();
        object.metadata.annotations = Some([(annotations::SEALED_WITH.to_owned(), forged)].into());
        let done = reencrypt(&object, &answers, new.fingerprint(), &mut SystemRandom).unwrap();
        assert!(done.iter().all(|text| text.text.is_some()));
    }

    #[test]
    fn one_text_that_does_not_open_and_nothing_is_handed_out() {
        let ring = ring();
        let answers = Answers {
            sealing_keys: Some(&ring),
        };
        let mut object = sealed(&ring.keys()[1], Scope::Strict, ENTRIES);
        object
            .spec
            .encrypted_data
            .insert("c".to_owned(), Some("AAAA".to_owned()));
        let target = ring.keys()[0].fingerprint();
        let faults = reencrypt(&object, &answers, target, &mut SystemRandom).unwrap_err();
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].place.entry.as_deref(), Some("c"));
    }
}
