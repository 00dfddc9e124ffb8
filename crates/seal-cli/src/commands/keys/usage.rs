//! `seal keys usage`: which key sealed what in a checkout, proven by private keys or as the SealedSecrets
//! themselves say. It changes nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use seal_core::{Fingerprint, KeyRing};
use seal_document::{Mapping, Value};
use seal_engine::sealed_secret::{Answers, SealedWith, keys_of};

use crate::arguments::{Rendition, UsageArguments};
use crate::command_error::CommandError;
use crate::input::{self, Source};
use crate::report::pretty;
use crate::repository::{Outcome, Row, Sealed, SealedFile, over};
use crate::terminal::Terminal;
use crate::{cores, keys, output};

/// Runs it.
pub(super) fn run(arguments: &UsageArguments, terminal: Terminal) -> Result<(), CommandError> {
    let ring = match arguments.keys.keys.is_empty() {
        true => None,
        false => Some(keys::ring(&arguments.keys)?),
    };
    let sources = input::repository(&arguments.checkout.paths)?;
    let progress = terminal.progress(sources.len());
    let rows = over(&sources, cores::count(), |source| {
        let seen = look(source, ring.as_ref());
        progress.advance();
        seen
    });
    drop(progress);
    let mut usage = Usage::default();
    let mut failed: Option<CommandError> = None;
    for Row { file, outcome } in rows {
        match outcome {
            Outcome::Changed(entries) | Outcome::Unchanged(entries) => usage.add(&file, entries),
            Outcome::Skipped(why) => terminal.detail(&format!("{file}: skipped: {why}")),
            Outcome::Failed(error) => CommandError::gather(&mut failed, error),
        }
    }
    output::print(&match arguments.output {
        Rendition::Human => usage.table(ring.as_ref()),
        Rendition::Json => usage.json(ring.is_some()),
    })?;
    if ring.is_none() && !usage.0.is_empty() {
        terminal.tell("as the SealedSecrets themselves say; private keys (--keys) prove it");
    }
    failed.map_or(Ok(()), Err)
}

/// An entry and its key, where one is known.
struct Entry {
    object: String,
    entry: String,
    key: Option<Fingerprint>,
}

fn look(source: &Source, ring: Option<&KeyRing>) -> Result<Outcome<Vec<Entry>>, CommandError> {
    let file = SealedFile::read(source)?;
    let (_, sealed) = match file.parse()? {
        Ok(all) => all,
        Err(why) => return Ok(Outcome::Skipped(why)),
    };
    let mut entries = Vec::new();
    for sealed in sealed {
        entries.extend(match ring {
            Some(ring) => proven(&sealed, ring)?,
            None => said(&sealed),
        });
    }
    Ok(Outcome::Unchanged(entries))
}

fn proven(sealed: &Sealed, ring: &KeyRing) -> Result<Vec<Entry>, CommandError> {
    let answers = Answers {
        sealing_keys: Some(ring),
    };
    let keys =
        keys_of(&sealed.object, &answers).map_err(|faults| CommandError::faults(&sealed.shown, &faults))?;
    let entry = |(entry, key)| Entry {
        object: sealed.shown.clone(),
        entry,
        key: Some(key),
    };
    Ok(keys.into_iter().map(entry).collect())
}

fn said(sealed: &Sealed) -> Vec<Entry> {
    let notes = SealedWith::of(&sealed.object);
    let spec = &sealed.object.spec;
    let blob = spec.data.as_ref().map(|_| "");
    let entries = spec.encrypted_data.keys().map(String::as_str).chain(blob);
    entries
        .map(|entry| Entry {
            object: sealed.shown.clone(),
            entry: entry.to_owned(),
            key: notes.key_of(entry),
        })
        .collect()
}

/// Entries by their keys; what nobody knows comes first.
#[derive(Default)]
struct Usage(BTreeMap<Option<Fingerprint>, Used>);

#[derive(Default)]
struct Used {
    files: Vec<String>,
    entries: Vec<Entry>,
}

impl Usage {
    fn add(&mut self, file: &str, entries: Vec<Entry>) {
        for entry in entries {
            let used = self.0.entry(entry.key).or_default();
            if used.files.last().map(String::as_str) != Some(file) {
                used.files.push(file.to_owned());
            }
            used.entries.push(entry);
        }
    }

    // The newest key first, as far as it is known which one that is; keys that nothing needs as well.
    fn order(&self, ring: Option<&KeyRing>) -> Vec<Option<Fingerprint>> {
        let held = ring
            .into_iter()
            .flat_map(KeyRing::keys)
            .map(|key| Some(key.fingerprint()));
        let mut order: Vec<_> = held.collect();
        let rest: Vec<_> = self
            .0
            .keys()
            .rev()
            .filter(|key| !order.contains(*key))
            .copied()
            .collect();
        order.extend(rest);
        order
    }

    fn table(&self, ring: Option<&KeyRing>) -> String {
        let mut text = format!("{:<50}  {:>7}  {:>7}\n", "KEY", "ENTRIES", "FILES");
        for key in self.order(ring) {
            let (entries, files) = self
                .0
                .get(&key)
                .map_or((0, 0), |used| (used.entries.len(), used.files.len()));
            let name = key.map_or_else(|| "unknown".to_owned(), |key| key.to_string());
            writeln!(text, "{name:<50}  {entries:>7}  {files:>7}").expect("a String takes everything");
        }
        text
    }

    fn json(&self, proven: bool) -> String {
        let mut rows = Vec::new();
        for (key, used) in &self.0 {
            for entry in &used.entries {
                let mut row = Mapping::new();
                row.insert("object", entry.object.as_str());
                row.insert("entry", entry.entry.as_str());
                row.insert("key", key.map_or(Value::Null, |key| Value::from(key.to_string())));
                rows.push(Value::Mapping(row));
            }
        }
        let mut report = Mapping::new();
        report.insert("proven", proven);
        report.insert("entries", rows);
        pretty(&Value::Mapping(report))
    }
}
