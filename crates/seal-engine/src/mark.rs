//! The mark of a Secret of ours that has no owner reference to say so: written along with it, so that whoever is
//! killed before the record is written, or leads next, knows it again.
//!
//! Like an owner reference it names one object and can be copied within its name only; unlike that it cannot be
//! made up (S14).

use seal_api::annotations::MADE_FOR;
use seal_api::{SealedSecret, Secret};
use seal_core::{InstallationKey, Mac};

/// Marks `secret` as made for `object`.
pub fn mark(secret: &mut Secret, object: &SealedSecret, installation: &InstallationKey) {
    let text = made_for(object, installation).to_text();
    let annotations = secret.metadata.annotations.get_or_insert_default();
    annotations.insert(MADE_FOR.to_owned(), text);
}

/// Whether `secret` was made for `object`.
pub fn is_marked(secret: &Secret, object: &SealedSecret, installation: &InstallationKey) -> bool {
    let annotations = secret.metadata.annotations.as_ref();
    let text = annotations.and_then(|all| all.get(MADE_FOR));
    text.is_some_and(|text| made_for(object, installation).matches(text))
}

fn made_for(object: &SealedSecret, installation: &InstallationKey) -> Mac {
    let metadata = &object.metadata;
    let parts = [&metadata.namespace, &metadata.name, &metadata.uid];
    let parts = parts.map(|part| part.as_deref().unwrap_or_default().as_bytes());
    installation.mac("seal made for 1", parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(namespace: &str, name: &str, uid: &str) -> SealedSecret {
        let mut object = SealedSecret::default();
        object.metadata.namespace = Some(namespace.to_owned());
        object.metadata.name = Some(name.to_owned());
        object.metadata.uid = Some(uid.to_owned());
        object
    }

    #[test]
    fn a_mark_is_about_one_object_and_of_one_installation() {
        let [ours, theirs] = [1, 2].map(|byte| InstallationKey::from_bytes(&[byte; 32]).unwrap());
        let made = object("prod", "db", "u1");
        let mut secret = Secret::default();
        assert!(!is_marked(&secret, &made, &ours));
        mark(&mut secret, &made, &ours);
        assert!(is_marked(&secret, &made, &ours) && !is_marked(&secret, &made, &theirs));
        for other in [
            object("dev", "db", "u1"),
            object("prod", "api", "u1"),
            object("prod", "db", "u2"),
        ] {
            assert!(!is_marked(&secret, &other, &ours));
        }
    }
}
