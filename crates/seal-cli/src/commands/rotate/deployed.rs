//! Whether the cluster has what the files say: the same ciphertexts, opened. It changes nothing.

use std::collections::HashMap;

use seal_api::SealedSecret;

use crate::command_error::CommandError;
use crate::cores;
use crate::input::Source;
use crate::repository::{Outcome, SealedFile, over};

/// The objects of the files, and those of which the cluster has another state.
pub(super) struct Deployed {
    all: usize,
    missing: Vec<String>,
}

impl Deployed {
    /// Compares files and cluster.
    pub(super) fn of(sources: &[Source], standing: &[SealedSecret]) -> Result<Self, CommandError> {
        let standing: HashMap<_, _> = standing.iter().map(|object| (place(object), object)).collect();
        let rows = over(sources, cores::count(), |source| {
            let file = SealedFile::read(source)?;
            let (_, sealed) = match file.parse()? {
                Ok(all) => all,
                Err(why) => return Ok(Outcome::Skipped(why)),
            };
            let judged = |one: crate::repository::Sealed| {
                let found = standing.get(&place(&one.object)).copied();
                (
                    one.shown,
                    found.is_some_and(|found| is_deployed(&one.object, found)),
                )
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

fn place(object: &SealedSecret) -> (Option<String>, Option<String>) {
    (object.metadata.namespace.clone(), object.metadata.name.clone())
}

// Opened, that is, as the controller says of this very generation.
fn is_deployed(file: &SealedSecret, standing: &SealedSecret) -> bool {
    let bare = |text: &Option<String>| {
        text.as_deref()
            .map(|text| text.split_whitespace().collect::<String>())
    };
    let (ours, theirs) = (&file.spec.encrypted_data, &standing.spec.encrypted_data);
    let same = ours.len() == theirs.len()
        && ours
            .iter()
            .all(|(entry, text)| theirs.get(entry).is_some_and(|there| bare(there) == bare(text)));
    let status = standing.status.as_ref();
    let seen = status.and_then(|status| status.observed_generation) == standing.metadata.generation;
    let mut conditions = status.into_iter().flat_map(|status| &status.conditions);
    let opened = conditions.any(|condition| condition.kind == "Synced" && condition.status == "True");
    same && file.spec.data == standing.spec.data && seen && opened
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
    fn the_same_texts_seen_and_opened_are_deployed() {
        let file = object("AAAA", 0, "False");
        assert!(is_deployed(&file, &object("AA\nAA", 2, "True")));
        assert!(!is_deployed(&file, &object("BBBB", 2, "True")));
        assert!(!is_deployed(&file, &object("AAAA", 1, "True")));
        assert!(!is_deployed(&file, &object("AAAA", 2, "False")));
    }
}
