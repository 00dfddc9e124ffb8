//! Which key sealed which entry, as the object itself says in an annotation.
//!
//! Anybody who can edit the file can write it, and a text that was pasted in leaves it stale: a claim counts
//! only for the very ciphertext that it was made about, and even then orders trials and fills lists; it is
//! never a reason to skip or to retire anything (S19).

use std::collections::BTreeMap;

use seal_api::{SealedSecret, annotations};
use seal_core::{CiphertextDigest, Fingerprint, decode_base64};

use super::open::KeyHints;

/// The claims that are about the ciphertexts as they stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SealedWith(BTreeMap<String, Fingerprint>);

impl SealedWith {
    /// What `object` says of its own entries. What cannot be read is no claim.
    pub fn of(object: &SealedSecret) -> Self {
        let annotations = object.metadata.annotations.as_ref();
        let Some(text) = annotations.and_then(|all| all.get(annotations::SEALED_WITH)) else {
            return Self::default();
        };
        let Ok(claims) = serde_json::from_str::<BTreeMap<String, String>>(text) else {
            return Self::default();
        };
        let holds = |(entry, claim): (String, String)| {
            let (key, digest) = claim.rsplit_once('.')?;
            (digest_of(text_of(object, &entry)?)?.to_string() == digest).then_some(())?;
            Some((entry, key.parse().ok()?))
        };
        Self(claims.into_iter().filter_map(holds).collect())
    }

    /// The key that is said to have sealed `entry`.
    pub fn key_of(&self, entry: &str) -> Option<Fingerprint> {
        self.0.get(entry).copied()
    }
}

impl KeyHints for SealedWith {
    fn key_of(&self, entry: &str) -> Option<Fingerprint> {
        Self::key_of(self, entry)
    }
}

/// Whether `object` carries the annotation, whatever it says.
pub fn says_what_sealed_it(object: &SealedSecret) -> bool {
    let annotations = object.metadata.annotations.as_ref();
    annotations.is_some_and(|all| all.contains_key(annotations::SEALED_WITH))
}

/// Half of what Kubernetes allows all annotations of an object to take, in bytes.
const NOTE_LIMIT: usize = 128 << 10;

/// Notes on `object` that `key` sealed every entry of it, but for one that has none, or more than a note can name.
pub fn note(object: &mut SealedSecret, key: Fingerprint) {
    let texts = object.spec.encrypted_data.iter();
    let entries = texts.filter_map(|(entry, text)| Some((entry.as_str(), key, text.as_deref()?)));
    let note = sealed_with(entries);
    if !object.spec.encrypted_data.is_empty() && note.len() <= NOTE_LIMIT {
        let all = object.metadata.annotations.get_or_insert_default();
        all.insert(annotations::SEALED_WITH.to_owned(), note);
    }
}

/// The annotation's text for entries, each with its key and its ciphertext in base64: a JSON object, sorted,
/// of `SHA256:….DIGEST`: no space, so that no YAML writer folds it.
pub fn sealed_with<'a>(entries: impl IntoIterator<Item = (&'a str, Fingerprint, &'a str)>) -> String {
    let claims: BTreeMap<&str, String> = entries
        .into_iter()
        .filter_map(|(entry, key, text)| Some((entry, format!("{key}.{}", digest_of(text)?))))
        .collect();
    serde_json::to_string(&claims).expect("texts are always JSON")
}

/// Which key sealed which ciphertext, in whichever entry it stands.
#[derive(Clone, Debug, Default)]
pub struct Provenance(BTreeMap<CiphertextDigest, Fingerprint>);

impl Provenance {
    /// What these say of their own entries; whoever says it first is believed.
    pub fn of<'a>(objects: impl IntoIterator<Item = &'a SealedSecret>) -> Self {
        let mut all = Self::default();
        for object in objects {
            for (entry, key) in SealedWith::of(object).0 {
                if let Some(digest) = text_of(object, &entry).and_then(digest_of) {
                    all.0.entry(digest).or_insert(key);
                }
            }
        }
        all
    }

    /// That `key` sealed `text`, in base64.
    pub fn add(&mut self, text: &str, key: Fingerprint) {
        self.0.extend(digest_of(text).map(|digest| (digest, key)));
    }

    /// The annotation's text for entries and their ciphertexts, as far as something is known of them.
    pub fn note<'a>(&self, entries: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
        let known = |(entry, text)| Some((entry, *self.0.get(&digest_of(text)?)?, text));
        sealed_with(entries.into_iter().filter_map(known))
    }
}

fn digest_of(text: &str) -> Option<CiphertextDigest> {
    Some(CiphertextDigest::of(&decode_base64(text).ok()?))
}

pub(super) fn text_of<'a>(object: &'a SealedSecret, entry: &str) -> Option<&'a str> {
    match (&object.spec.data, entry) {
        (Some(blob), "") => Some(blob),
        (Some(_), _) => None,
        (None, entry) => object.spec.encrypted_data.get(entry)?.as_deref(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDGJpUwCy4GXyDnV2U";

    fn object(annotation: String) -> SealedSecret {
        let mut object = SealedSecret::new("db", seal_api::SealedSecretSpec::default());
        object
            .spec
            .encrypted_data
            .insert("a".to_owned(), Some("AAAA".to_owned()));
        object
            .spec
            .encrypted_data
            .insert("b".to_owned(), Some("BBBB".to_owned()));
        object.metadata.annotations = Some([(annotations::SEALED_WITH.to_owned(), annotation)].into());
        object
    }

    fn claims() -> String {
        let key = KEY.parse().unwrap();
        sealed_with([("a", key, "AAAA"), ("b", key, "BBBB")])
    }

    #[test]
    fn a_claim_counts_for_the_ciphertext_that_it_was_made_about_only() {
        let mut standing = object(claims());
        assert_eq!(SealedWith::of(&standing).key_of("a"), Some(KEY.parse().unwrap()));
        // Swapped: each ciphertext is somebody's, and neither is this entry's.
        standing
            .spec
            .encrypted_data
            .insert("a".to_owned(), Some("BBBB".to_owned()));
        let said = SealedWith::of(&standing);
        assert_eq!(said.key_of("a"), None);
        assert!(said.key_of("b").is_some());
    }

    #[test]
    fn base64_that_is_folded_anew_is_the_same_ciphertext() {
        let mut standing = object(claims());
        standing
            .spec
            .encrypted_data
            .insert("a".to_owned(), Some("AA\nAA\n".to_owned()));
        assert!(SealedWith::of(&standing).key_of("a").is_some());
    }

    #[test]
    fn what_would_not_fit_into_annotations_is_not_noted() {
        let mut object = SealedSecret::new("db", seal_api::SealedSecretSpec::default());
        note(&mut object, KEY.parse().unwrap());
        assert!(!says_what_sealed_it(&object));
        let entries = |count: usize| (0..count).map(|entry| (entry.to_string(), Some("AAAA".to_owned())));
        object.spec.encrypted_data = entries(1_000).collect();
        note(&mut object, KEY.parse().unwrap());
        assert!(SealedWith::of(&object).key_of("999").is_some());
        object.metadata.annotations = None;
        object.spec.encrypted_data = entries(2_000).collect();
        note(&mut object, KEY.parse().unwrap());
        assert!(!says_what_sealed_it(&object));
    }

    #[test]
    fn what_is_known_of_a_ciphertext_goes_with_it_to_another_entry() {
        let key = KEY.parse().unwrap();
        let mut known = Provenance::of([&object(claims())]);
        known.add("CCCC", key);
        let note = known.note([("a", "BBBB"), ("c", "CC\nCC"), ("d", "DDDD")]);
        assert_eq!(note, sealed_with([("a", key, "BBBB"), ("c", key, "CCCC")]));
    }

    #[test]
    fn nonsense_is_no_claim() {
        for text in [
            "",
            "{",
            "[]",
            "{\"a\": 1}",
            "{\"a\":\"SHA256:x y\"}",
            "{\"a\":\"\"}",
            "null",
        ] {
            assert_eq!(
                SealedWith::of(&object(text.to_owned())),
                SealedWith::default(),
                "{text}"
            );
            assert!(says_what_sealed_it(&object(text.to_owned())));
        }
    }
}
