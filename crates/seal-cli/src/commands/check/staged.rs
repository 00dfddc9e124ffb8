//! What is staged: judged as it stands in the index, not as it stands in the folder, since that is what the
//! next commit takes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use seal_document::{DuplicateKeys, Format, Limits, Schema};
use zeroize::Zeroizing;

use super::file::{self, Seen};
use super::finding::Finding;
use super::kustomize::{Kustomization, Overlays, is_kustomization};
use super::leftovers::is_encrypted;
use super::sealed::{Evidence, Sealed};
use super::{WALK, rules};
use crate::command_error::CommandError;
use crate::input::Source;
use crate::repository::{Git, SETTINGS, Settings, Staged};

/// The staged files that concern us.
pub(super) struct Index {
    git: Git,
    staged: Vec<Staged>,
    contents: HashMap<PathBuf, Zeroizing<Vec<u8>>>,
}

impl Index {
    /// Reads it.
    pub(super) fn read() -> Result<Self, CommandError> {
        let git = Git::of(Path::new("."))?;
        let mut staged = git.staged()?;
        staged.retain(|file| (WALK.wanted)(&file.path));
        let contents = git.contents(staged.iter().map(|file| file.blob.as_str()))?;
        let paths = staged.iter().map(|file| file.path.clone());
        let contents = paths.zip(contents).collect();
        Ok(Self {
            git,
            staged,
            contents,
        })
    }

    /// Its files, by their paths from the checkout's top.
    pub(super) fn sources(&self) -> Vec<Source> {
        let source = |file: &Staged| Source::File {
            path: file.path.clone(),
            relative: file.path.clone(),
        };
        self.staged.iter().map(source).collect()
    }

    /// Judges one of them.
    pub(super) fn judge(&self, path: &Path, evidence: &Evidence) -> Option<Seen> {
        file::judge(path, self.contents.get(path)?, evidence)
    }

    /// Those of `paths` that would be in the next commit in plain text.
    pub(super) fn in_plain(&self, paths: &BTreeSet<PathBuf>) -> Result<BTreeSet<PathBuf>, CommandError> {
        let files = self.git.index(|path| paths.contains(path))?;
        let contents = self.git.contents(files.values().map(String::as_str))?;
        let plain = files
            .into_keys()
            .zip(contents)
            .filter(|(_, bytes)| !is_encrypted(bytes));
        Ok(plain.map(|(path, _)| path).collect())
    }

    /// Adds the kustomizations that are not staged anew: one of them may be about a file that is.
    pub(super) fn kustomizations(&self, overlays: &mut Overlays) -> Result<(), CommandError> {
        let mut files = self.git.index(is_kustomization)?;
        files.retain(|path, _| !self.contents.contains_key(path));
        let contents = self.git.contents(files.values().map(String::as_str))?;
        for (path, content) in files.keys().zip(contents) {
            let Ok(text) = seal_document::decode(&content) else {
                continue;
            };
            let Ok(stream) = seal_document::parse(text, Format::Yaml, &Limits::default()) else {
                continue;
            };
            let value = stream
                .documents()
                .first()
                .and_then(|document| document.value(Schema::Kubernetes, DuplicateKeys::LastWins).ok());
            if let Some(value) = value {
                overlays.add(path, &path.display().to_string(), Kustomization::of(&value));
            }
        }
        Ok(())
    }

    /// The checkout's settings, as they are staged.
    pub(super) fn settings(&self) -> Result<Option<Settings>, CommandError> {
        let file = self.git.index(|path| path == Path::new(SETTINGS))?;
        let contents = self.git.contents(file.values().map(String::as_str))?;
        let read = |bytes: &Zeroizing<Vec<u8>>| {
            Settings::read(bytes, self.git.top()).map_err(|error| error.about(SETTINGS))
        };
        contents.first().map(read).transpose()
    }

    /// The SealedSecrets whose scope is wider than in what is committed (S20).
    pub(super) fn widened(
        &self,
        sealed: &BTreeMap<PathBuf, Vec<Sealed>>,
    ) -> Result<Vec<(PathBuf, Finding)>, CommandError> {
        let changed = self.staged.iter().filter_map(|file| {
            let before = file.before.as_deref()?;
            Some((&file.path, sealed.get(&file.path)?, before))
        });
        let changed: Vec<_> = changed.collect();
        let before = self.git.contents(changed.iter().map(|(_, _, before)| *before))?;
        let mut found = Vec::new();
        for ((path, now, _), before) in changed.into_iter().zip(before) {
            let before = file::judge(path, &before, &Evidence::default()).map(|seen| seen.sealed);
            for (one, before) in now.iter().filter_map(|one| {
                let same = |before: &&Sealed| before.object == one.object;
                Some((one, before.iter().flatten().find(same)?))
            }) {
                if one.scope > before.scope {
                    let finding = Finding::new(&rules::SCOPE_WIDENED, one.scope_at)
                        .about(&one.object)
                        .field("scope")
                        .snippet(format!("sealedsecrets.bitnami.com/{}: \"true\"", one.scope))
                        .what(format!(
                            "the scope is {}, and what is committed is {}",
                            one.scope, before.scope
                        ));
                    found.push((path.clone(), finding));
                }
            }
        }
        Ok(found)
    }
}
