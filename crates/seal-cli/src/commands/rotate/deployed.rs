//! Whether the cluster has what the files say: the same ciphertexts, opened, under whatever name and in whatever
//! namespace an overlay put them. It changes nothing.

use std::collections::HashMap;

use seal_api::SealedSecret;

use crate::command_error::CommandError;
use crate::cores;
use crate::input::Source;
use crate::repository::{Outcome, SealedFile, is_same_text, over};

/// The objects of the files, and those of which the cluster has another state.
pub(super) struct Deployed {
    all: usize,
    missing: Vec<String>,
}

impl Deployed {
    /// Compares files and cluster.
    pub(super) fn of(sources: &[Source], standing: &[SealedSecret]) -> Result<Self, CommandError> {
        let standing = Standing::of(standing);
        let rows = over(sources, cores::count(), |source| {
            let file = SealedFile::read(source)?;
            let (_, sealed) = match file.parse()? {
                Ok(all) => all,
                Err(why) => return Ok(Outcome::Skipped(why)),
            };
            let judged = |one: crate::repository::Sealed| {
                let there = standing.has(&one.object);
                (one.shown, there)
            };
            Ok(Outcome::Unchanged(
                sealed.into_iter().map(judged).collect::<Vec<_>>(),
            ))
        });
        let (mut all, mut missing) = (0, Vec::new());
        for row in rows {
            match row.outcome {
                Outcome::Changed(judged) | Outcome::Unchanged(judged) => {
                    all += judged.len();
                    missing.extend(
                        judged
                            .into_iter()
                            .filter(|(_, there)| !there)
                            .map(|(shown, _)| shown),
                    );
                }
                Outcome::Skipped(_) => {}
                Outcome::Failed(error) => return Err(error),
            }
        }
        Ok(Self { all, missing })
    }

    /// Whether the cluster has all of it.
    pub(super) fn is_whole(&self) -> bool {
        self.missing.is_empty()
    }

    /// In words.
    pub(super) fn told(&self) -> String {
        format!(
            "the cluster has {} of {} SealedSecrets as the files say",
            self.all - self.missing.len(),
            self.all
        )
    }

    /// What it does not have.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        self.missing.iter().map(|shown| format!("   not yet: {shown}"))
    }
}

// What stands in the cluster. No two objects have a ciphertext in common unless both were made of one text.
struct Standing<'a>(HashMap<Mark, Vec<&'a SealedSecret>>);

// What to look for an object by: one of its ciphertexts, or its place where it has none.
#[derive(PartialEq, Eq, Hash)]
enum Mark {
    Text(String),
    Place(Option<String>, Option<String>),
}

impl<'a> Standing<'a> {
    fn of(objects: &'a [SealedSecret]) -> Self {
        let mut all: HashMap<_, Vec<_>> = HashMap::new();
        for object in objects {
            all.entry(Mark::of(object)).or_default().push(object);
        }
        Self(all)
    }

    fn has(&self, file: &SealedSecret) -> bool {
        let alike = self.0.get(&Mark::of(file)).into_iter().flatten();
        alike.into_iter().any(|standing| is_deployed(file, standing))
    }
}

impl Mark {
    fn of(object: &SealedSecret) -> Self {
        let (spec, metadata) = (&object.spec, &object.metadata);
        let text = spec.encrypted_data.values().flatten().chain(&spec.data).next();
        match text {
            Some(text) => Self::Text(bare(text)),
            None => Self::Place(metadata.namespace.clone(), metadata.name.clone()),
        }
    }
}

// Base64 may be broken into lines.
fn bare(text: &str) -> String {
    text.split_whitespace().collect()
}

fn is_deployed(file: &SealedSecret, standing: &SealedSecret) -> bool {
    let same_text = |one: &Option<String>, other: &Option<String>| match (one, other) {
        (Some(one), Some(other)) => is_same_text(one, other),
        (one, other) => one == other,
    };
    let (ours, theirs) = (&file.spec.encrypted_data, &standing.spec.encrypted_data);
    let same = ours.len() == theirs.len()
        && ours
            .iter()
            .all(|(entry, text)| theirs.get(entry).is_some_and(|there| same_text(there, text)));
    same && same_text(&file.spec.data, &standing.spec.data) && is_opened(standing)
}

/// Whether the controller says of this very generation that it opened it.
pub(in crate::commands) fn is_opened(standing: &SealedSecret) -> bool {
    let status = standing.status.as_ref();
    let seen = status.and_then(|status| status.observed_generation) == standing.metadata.generation;
    let mut conditions = status.into_iter().flat_map(|status| &status.conditions);
    seen && conditions.any(|condition| condition.kind == "Synced" && condition.status == "True")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(text: &str, generation: i64, synced: &str) -> SealedSecret {
        serde_json::from_value(json!({
            "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret",
            "metadata": {"name": "db", "namespace": "prod", "generation": 2},
            "spec": {"encryptedData": {"a": text}},
            "status": {"observedGeneration": generation, "conditions": [{"type": "Synced", "status": synced}]},
        }))
        .unwrap()
    }

    #[test]
    fn what_an_overlay_renamed_or_put_into_a_namespace_is_found_by_its_texts() {
        let there = [object("AAAA", 2, "True"), object("BBBB", 2, "False")];
        let standing = Standing::of(&there);
        let base = |text| {
            let mut file = object(text, 0, "False");
            (file.metadata.namespace, file.metadata.name) = (None, Some("base-db".to_owned()));
            file
        };
        assert!(standing.has(&base("AAAA")));
        assert!(!standing.has(&base("BBBB")), "it did not open there");
        assert!(!standing.has(&base("CCCC")));
        let mut templates_only = object("", 2, "True");
        templates_only.spec.encrypted_data.clear();
        assert!(!standing.has(&templates_only));
        assert!(Standing::of(std::slice::from_ref(&templates_only)).has(&templates_only));
    }

    #[test]
    fn the_same_texts_seen_and_opened_are_deployed() {
        let file = object("AAAA", 0, "False");
        assert!(is_deployed(&file, &object("AA\nAA", 2, "True")));
        assert!(!is_deployed(&file, &object("BBBB", 2, "True")));
        assert!(!is_deployed(&file, &object("AAAA", 1, "True")));
        assert!(!is_deployed(&file, &object("AAAA", 2, "False")));
    }
}
