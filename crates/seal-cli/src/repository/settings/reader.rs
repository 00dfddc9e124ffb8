//! The fields of `.seal.yaml`, one by one: what each must be, and the place of one that is not so.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path};

use ignore::gitignore::GitignoreBuilder;
use seal_core::{Fingerprint, Scope};
use seal_document::{Node, Position, Value};

use super::Globs;
use crate::command_error::CommandError;

/// Reads fields, and says where one stands that is not as it should be.
pub(super) struct Reader<'a> {
    pub(super) root: &'a Path,
    pub(super) node: &'a Node<'a>,
}

impl Reader<'_> {
    /// The place of what stands there, or as near to it as the text goes.
    pub(super) fn position(&self, at: &[&str]) -> Position {
        let mut node = self.node;
        let mut position = node.position();
        for key in at {
            let Some((name, value)) = node.entry(key) else {
                break;
            };
            (node, position) = (value, name.position());
        }
        position
    }

    pub(super) fn error(&self, at: &[&str], what: &str) -> CommandError {
        CommandError::input(format!("{}: {what}", self.position(at)))
    }

    pub(super) fn known<'v>(
        &self,
        value: &'v Value,
        at: &[&str],
        keys: &[&str],
    ) -> Result<&'v Value, CommandError> {
        let Some(mapping) = value.as_mapping() else {
            return Err(self.error(at, &format!("a mapping is expected here, not a {}", value.kind())));
        };
        if let Some(key) = mapping.keys().find(|key| !keys.contains(key)) {
            let at: Vec<&str> = at.iter().copied().chain([key]).collect();
            let error = self.error(&at, &format!("there is no setting {key}"));
            return Err(match nearest(key, keys) {
                Some(meant) => error.remedy(format!("did you mean {meant}?")),
                None => error.remedy(format!("there are {}", keys.join(", "))),
            });
        }
        Ok(value)
    }

    pub(super) fn texts(
        &self,
        value: &Value,
        at: &[&str],
        field: &str,
    ) -> Result<Option<Vec<String>>, CommandError> {
        let Some(value) = value.get(field) else {
            return Ok(None);
        };
        let at: Vec<&str> = at.iter().copied().chain([field]).collect();
        let list = value
            .as_sequence()
            .map(|items| items.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
        match list.flatten() {
            Some(texts) => Ok(Some(texts.into_iter().map(str::to_owned).collect())),
            None => Err(self.error(&at, &format!("{field} must be a list of texts"))),
        }
    }

    pub(super) fn scopes(&self, value: &Value, at: &[&str]) -> Result<Option<BTreeSet<Scope>>, CommandError> {
        let field = "allowed-scopes";
        let Some(texts) = self.texts(value, at, field)? else {
            return Ok(None);
        };
        let scopes = texts.iter().map(|text| text.parse());
        let at: Vec<&str> = at.iter().copied().chain([field]).collect();
        let scopes: Result<BTreeSet<Scope>, _> = scopes.collect();
        match scopes {
            Ok(scopes) if !scopes.is_empty() => Ok(Some(scopes)),
            _ => Err(self.error(
                &at,
                &format!("{field} must name strict, namespace-wide or cluster-wide"),
            )),
        }
    }

    pub(super) fn fingerprints(&self, value: &Value, at: &[&str]) -> Result<Vec<Fingerprint>, CommandError> {
        let field = "fingerprints";
        let texts = self.texts(value, at, field)?.unwrap_or_default();
        let at: Vec<&str> = at.iter().copied().chain([field]).collect();
        let parsed: Result<Vec<Fingerprint>, _> = texts.iter().map(|text| text.parse()).collect();
        parsed.map_err(|_| {
            self.error(
                &at,
                "a fingerprint is written SHA256:…, as `seal cert show` prints it",
            )
        })
    }

    pub(super) fn certificate(&self, value: &Value, at: &[&str]) -> Result<Option<String>, CommandError> {
        let field = "certificate";
        let Some(whence) = value.get(field) else {
            return Ok(None);
        };
        let at: Vec<&str> = at.iter().copied().chain([field]).collect();
        let text = whence.as_str().unwrap_or_default();
        let is_beneath = Path::new(text)
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        let is_url = text.starts_with("https://");
        if text.is_empty() || !is_url && (!is_beneath || text.contains("://")) {
            return Err(self.error(
                &at,
                "a certificate is a file beneath this folder, or an https URL",
            ));
        }
        // A link in the checkout could lead out of it.
        if !is_url && let Ok(place) = fs::canonicalize(self.root.join(text)) {
            let root = fs::canonicalize(self.root).unwrap_or_else(|_| self.root.to_owned());
            if !place.starts_with(root) {
                return Err(self.error(&at, "the certificate is a link that leads out of this folder"));
            }
        }
        Ok(Some(text.to_owned()))
    }

    pub(super) fn globs(&self, value: &Value, at: &[&str]) -> Result<Globs, CommandError> {
        let field = "paths";
        let texts = self.texts(value, at, field)?.unwrap_or_default();
        let at: Vec<&str> = at.iter().copied().chain([field]).collect();
        let wrong = || {
            self.error(
                &at,
                "paths must be globs from this folder, such as clusters/prod/**",
            )
        };
        if texts.is_empty() {
            return Err(wrong());
        }
        let mut globs = GitignoreBuilder::new("");
        for text in texts {
            // Without a slash Git's rules take the name in any folder; an exclusion would hide the others.
            if text.trim().is_empty() || text.starts_with(['!', '#']) || text.contains("..") {
                return Err(wrong());
            }
            globs.add_line(None, &text).map_err(|_| wrong())?;
        }
        Ok(Globs(globs.build().map_err(|_| wrong())?))
    }
}

/// The known key that is at most two slips of the keyboard away.
pub(super) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let near = known.iter().map(|one| (slips(word, one), *one)).min()?;
    (near.0 <= 2).then_some(near.1)
}

fn slips(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.chars().enumerate() {
        let mut before = std::mem::replace(&mut row[0], at + 1);
        for (index, another) in other.iter().enumerate() {
            let changed = before + usize::from(letter != *another);
            before = row[index + 1];
            row[index + 1] = changed.min(before + 1).min(row[index] + 1);
        }
    }
    row[other.len()]
}
