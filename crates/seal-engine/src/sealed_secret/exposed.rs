//! What whoever holds a key can read of a sealed text, wherever the text stood.
//!
//! The label of a text holds back the controller, not a thief: who has the key finds the session key whatever
//! the label is. So every label counts that the text may have been sealed for, and not only the one under which
//! it stands. Which texts there are in a history is not decided here.

use seal_api::SealedSecret;
use seal_core::{
    EncryptionLabel, Envelope, KeyRing, Namespace, ObjectName, OpenError, Plaintext, Scope, TrialHints,
};

/// What the holder makes of a text.
pub enum Reading {
    /// The value.
    Opens(Plaintext),
    /// It was sealed to the key; the payload was altered afterwards.
    Altered,
    /// Nothing: another key's, or no sealed text.
    Closed,
}

/// The labels that the texts of `object` may have been sealed for, each once; that of its own scope is the first.
/// `namespaces` are tried where it names none.
pub fn labels(object: &SealedSecret, namespaces: &[Namespace]) -> Vec<EncryptionLabel> {
    let metadata = &object.metadata;
    let template = object
        .spec
        .template
        .as_ref()
        .and_then(|template| template.metadata.as_ref());
    let names: Vec<ObjectName> = [
        metadata.name.as_deref(),
        template.and_then(|metadata| metadata.name.as_deref()),
    ]
    .into_iter()
    .filter_map(|name| name?.parse().ok())
    .collect();
    let namespaces = match metadata.namespace.as_deref().unwrap_or_default() {
        "" => namespaces.to_vec(),
        stated => stated.parse().into_iter().collect(),
    };
    let own = seal_api::annotations::scope(metadata.annotations.as_ref());
    let scopes = std::iter::once(own).chain(Scope::ALL.into_iter().filter(|scope| *scope != own));
    let mut labels = Vec::new();
    for scope in scopes {
        let of_scope: Vec<EncryptionLabel> = match scope {
            Scope::ClusterWide => vec![EncryptionLabel::cluster_wide()],
            Scope::NamespaceWide => namespaces.iter().map(EncryptionLabel::namespace_wide).collect(),
            Scope::Strict => namespaces
                .iter()
                .flat_map(|namespace| names.iter().map(move |name| scope.label(namespace, name)))
                .collect(),
        };
        for label in of_scope {
            if !labels.contains(&label) {
                labels.push(label);
            }
        }
    }
    labels
}

/// The sealed texts of `object` by their entries; the legacy blob has no name.
pub fn texts(object: &SealedSecret) -> impl Iterator<Item = (&str, &str)> {
    let spec = &object.spec;
    let entries = spec
        .encrypted_data
        .iter()
        .filter_map(|(entry, text)| Some((entry.as_str(), text.as_deref()?)));
    entries.chain(spec.data.as_deref().map(|blob| ("", blob)))
}

/// What the keys of `ring` make of `sealed`, under whichever of `labels`.
pub fn read(sealed: &[u8], labels: &[EncryptionLabel], ring: &KeyRing, hints: TrialHints) -> Reading {
    let Ok(envelope) = Envelope::parse(sealed) else {
        return Reading::Closed;
    };
    for label in labels {
        match ring.open(&envelope, label, hints, usize::MAX) {
            Ok(opened) => return Reading::Opens(opened.plaintext),
            Err(OpenError::Tampered { .. }) => return Reading::Altered,
            Err(_) => {}
        }
    }
    Reading::Closed
}

#[cfg(test)]
mod tests {
    use seal_core::decode_base64;

    use super::*;
    use crate::sealed_secret::props::{ring, sealed};

    fn first(object: &SealedSecret) -> Vec<u8> {
        decode_base64(texts(object).next().unwrap().1).unwrap()
    }

    #[test]
    fn whoever_holds_the_key_reads_what_stands_under_another_scope_than_it_was_sealed_for() {
        let ring = ring();
        for scope in Scope::ALL {
            let mut object = sealed(&ring.keys()[0], scope, &[("a", "1")]);
            for stated in Scope::ALL {
                object.metadata.annotations = seal_api::annotations::scope_annotation(stated)
                    .map(|annotation| [(annotation.to_owned(), "true".to_owned())].into());
                let labels = labels(&object, &[]);
                assert_eq!(labels.len(), 3);
                let read = read(&first(&object), &labels, &ring, TrialHints::default());
                assert!(matches!(read, Reading::Opens(value) if value.expose() == b"1"));
            }
        }
    }

    #[test]
    fn an_altered_payload_was_readable_all_the_same_and_another_keys_text_is_not() {
        let (one, other) = (ring(), ring());
        let object = sealed(&one.keys()[0], Scope::Strict, &[("a", "1")]);
        let labels = labels(&object, &[]);
        let mut text = first(&object);
        let read = |text: &[u8], ring: &KeyRing| read(text, &labels, ring, TrialHints::default());
        assert!(matches!(read(&text, &other), Reading::Closed));
        *text.last_mut().unwrap() ^= 1;
        assert!(matches!(read(&text, &one), Reading::Altered));
        assert!(matches!(read(b"no sealed text", &one), Reading::Closed));
    }

    #[test]
    fn where_no_namespace_is_named_those_that_were_handed_in_are_tried() {
        let ring = ring();
        let mut object = sealed(&ring.keys()[0], Scope::Strict, &[("a", "1")]);
        object.metadata.namespace = None;
        let opens = |namespaces: &[Namespace]| {
            let labels = labels(&object, namespaces);
            matches!(
                read(&first(&object), &labels, &ring, TrialHints::default()),
                Reading::Opens(_)
            )
        };
        assert!(!opens(&[]));
        assert!(opens(&["other".parse().unwrap(), "prod".parse().unwrap()]));
    }
}
