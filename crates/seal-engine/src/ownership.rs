//! Who may write to the Secret that stands where ours should be: a function of the object and the
//! standing Secret, one type for all dialects. What is then written is `plan`'s affair.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use seal_api::{Secret, annotations};

/// What may be done to one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ownership {
    /// Onto a Secret that stands there.
    pub onto: Onto,
    /// Whether ours carries an owner reference to the object, as its controller.
    pub owner_reference: bool,
}

/// What to do with a standing Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Onto {
    /// It is ours: data replaced whole, foreign labels and annotations kept.
    Replace,
    /// It becomes ours: data, labels, annotations and owners replaced whole.
    Adopt,
    /// Ours is merged into it; entries that are not ours stay.
    Merge,
    /// It is somebody else's: not touched.
    Refuse,
}

impl Ownership {
    /// The sealed-secrets dialect (house.md §6). `owner` is the SealedSecret; `recorded` is the uid of
    /// the Secret that the record proves to be of our making (S15), which serves where the template
    /// asks for no owner reference.
    pub fn of_sealed_secret(
        owner: &OwnerReference,
        skip_owner_reference: bool,
        recorded: Option<&str>,
        standing: Option<&Secret>,
    ) -> Self {
        let Some(standing) = standing else {
            return Self {
                onto: Onto::Replace,
                owner_reference: !skip_owner_reference,
            };
        };
        let controller = controller(standing);
        let ours = match controller {
            Some(reference) => reference.uid == owner.uid,
            None => recorded.is_some() && recorded == standing.metadata.uid.as_deref(),
        };
        let marks = standing.metadata.annotations.as_ref();
        let managed = annotations::is_set(marks, annotations::MANAGED);
        let patch = annotations::is_set(marks, annotations::PATCH);
        let onto = match (patch, managed, ours) {
            (true, ..) => Onto::Merge,
            (false, _, true) => Onto::Replace,
            (false, true, false) => Onto::Adopt,
            (false, false, false) => Onto::Refuse,
        };
        // A merge takes ownership only where the Secret is handed over as well.
        let owner_reference = !skip_owner_reference && (!patch || managed);
        Self {
            onto,
            owner_reference,
        }
    }
}

/// The owner reference of `secret` that says who controls it.
pub(crate) fn controller(secret: &Secret) -> Option<&OwnerReference> {
    secret
        .metadata
        .owner_references
        .iter()
        .flatten()
        .find(|reference| reference.controller == Some(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(uid: &str) -> OwnerReference {
        OwnerReference {
            uid: uid.to_owned(),
            controller: Some(true),
            ..OwnerReference::default()
        }
    }

    fn standing(uid: Option<&str>, marks: &[&str]) -> Secret {
        let mut secret = Secret::default();
        secret.metadata.uid = Some("secret".to_owned());
        secret.metadata.owner_references = uid.map(|uid| vec![owner(uid)]);
        secret.metadata.annotations = Some(
            marks
                .iter()
                .map(|mark| ((*mark).to_owned(), "true".to_owned()))
                .collect(),
        );
        secret
    }

    #[test]
    fn the_table_of_the_sealed_secrets_dialect() {
        use Onto::{Adopt, Merge, Refuse, Replace};
        use annotations::{MANAGED, PATCH};
        type Row<'a> = (Option<&'a str>, &'a [&'a str], bool, Option<&'a str>, Onto, bool);
        #[rustfmt::skip]
        let rows: &[Row<'_>] = &[
            // owned by        marks             skip   recorded        →onto    reference
            (None,             &[],              false, None,           Refuse,  true),
            (Some("other"),    &[],              false, None,           Refuse,  true),
            (Some("ours"),     &[],              false, None,           Replace, true),
            (None,             &[MANAGED],       false, None,           Adopt,   true),
            (Some("other"),    &[MANAGED],       false, None,           Adopt,   true),
            (Some("ours"),     &[MANAGED],       false, None,           Replace, true),
            (None,             &[PATCH],         false, None,           Merge,   false),
            (Some("other"),    &[PATCH],         false, None,           Merge,   false),
            (Some("ours"),     &[PATCH],         false, None,           Merge,   false),
            (None,             &[PATCH, MANAGED], false, None,          Merge,   true),
            (Some("other"),    &[PATCH, MANAGED], false, None,          Merge,   true),
            (None,             &[],              true,  None,           Refuse,  false),
            (None,             &[],              true,  Some("secret"), Replace, false),
            (None,             &[],              true,  Some("older"),  Refuse,  false),
            (Some("other"),    &[],              true,  Some("secret"), Refuse,  false),
            (None,             &[MANAGED],       true,  None,           Adopt,   false),
        ];
        for (owned_by, marks, skip, recorded, onto, owner_reference) in rows {
            let found = Ownership::of_sealed_secret(
                &owner("ours"),
                *skip,
                *recorded,
                Some(&standing(*owned_by, marks)),
            );
            let expected = Ownership {
                onto: *onto,
                owner_reference: *owner_reference,
            };
            assert_eq!(
                found, expected,
                "{owned_by:?} {marks:?} skip={skip} recorded={recorded:?}"
            );
        }
        assert!(Ownership::of_sealed_secret(&owner("ours"), false, None, None).owner_reference);
        assert!(!Ownership::of_sealed_secret(&owner("ours"), true, None, None).owner_reference);
    }
}
