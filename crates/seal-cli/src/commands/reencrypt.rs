//! `seal reencrypt`: the same values under the newest key, in all files of a checkout. Sealed texts change,
//! and the note which key sealed them; every other byte stays.

mod controller;
mod opener;
mod request;

use std::sync::Arc;

use seal_core::Fingerprint;
use seal_document::{Edits, Mapping, Value};
use seal_engine::sealed_secret::{says_what_sealed_it, sealed_with};

use crate::arguments::{BulkRendition, ReencryptArguments};
use crate::command_error::CommandError;
use crate::input::{self, Source};
use crate::repository::{Account, Outcome, Sealed, SealedFile, Told, account, over};
use crate::terminal::Terminal;
use opener::{Item, Texts};
pub(super) use opener::{OnCluster, Opener};

/// Runs it.
pub(super) fn run(arguments: &ReencryptArguments, terminal: Terminal) -> Result<(), CommandError> {
    let sources = input::repository(&arguments.checkout.paths)?;
    let opener = Opener::settle(arguments)?;
    let work = Work {
        opener: &opener,
        writes: !(arguments.check || arguments.dry_run),
        annotate: arguments.annotate,
        only: None,
    };
    let changes = arguments.dry_run || arguments.check || terminal.is_verbose();
    let items = work.on_all(&sources, arguments.output, changes, terminal)?;
    if arguments.check && items > 0 {
        return Err(CommandError::findings());
    }
    Ok(())
}

/// The same on each file.
pub(super) struct Work<'a> {
    pub(super) opener: &'a Opener,
    /// Whether files are written.
    pub(super) writes: bool,
    /// Whether a note is added where there is none.
    pub(super) annotate: bool,
    /// The one key that will do.
    pub(super) only: Option<Fingerprint>,
}

/// What became of the SealedSecrets of a file: as much as is told, so that memory does not grow with what a
/// thousand files hold.
#[derive(Default)]
struct Done {
    changed: usize,
    all: usize,
    items: Vec<Became>,
}

/// What became of one entry.
struct Became {
    object: Arc<str>,
    entry: String,
    before: Option<Fingerprint>,
    changed: bool,
}

impl Done {
    fn add(&mut self, object: String, items: Vec<Item>, is_told: bool) {
        self.all += items.len();
        self.changed += items.iter().filter(|item| item.text.is_some()).count();
        if is_told {
            let object: Arc<str> = object.into();
            self.items.extend(items.into_iter().map(|item| Became {
                object: Arc::clone(&object),
                changed: item.text.is_some(),
                entry: item.entry,
                before: item.before,
            }));
        }
    }
}

impl Work<'_> {
    /// Does it and tells of it. Returns how many entries changed, or would have.
    pub(super) fn on_all(
        &self,
        sources: &[Source],
        output: BulkRendition,
        changes: bool,
        terminal: Terminal,
    ) -> Result<usize, CommandError> {
        let is_told = changes || output != BulkRendition::Human;
        let progress = terminal.progress(sources.len());
        let rows = over(sources, self.opener.at_once(), |source| {
            let done = self.on(source, is_told);
            progress.advance();
            done
        });
        drop(progress);
        let deed = match self.writes {
            true => "rewritten",
            false => "to rewrite",
        };
        let how = Account {
            output,
            changes,
            deed,
        };
        account(rows, how, terminal)
    }

    fn on(&self, source: &Source, is_told: bool) -> Result<Outcome<Done>, CommandError> {
        let file = SealedFile::read(source)?;
        let (stream, sealed) = match file.parse()? {
            Ok(all) => all,
            Err(why) => return Ok(Outcome::Skipped(why)),
        };
        let mut edits = Edits::new(&stream);
        let mut done = Done::default();
        let mut is_changed = false;
        for one in sealed {
            let texts = self.opener.reencrypt(&one)?;
            if self
                .only
                .is_some_and(|only| !texts.items.is_empty() && texts.key != Some(only))
            {
                return Err(
                    CommandError::key(format!("{}: another key seals meanwhile", one.shown))
                        .remedy("run it again: it goes on towards the newest"),
                );
            }
            is_changed |= self.edit(&mut edits, &one, &texts);
            done.add(one.shown, texts.items, is_told);
        }
        if !is_changed {
            return Ok(Outcome::Unchanged(done));
        }
        if self.writes {
            file.replace(edits)?;
        }
        Ok(Outcome::Changed(done))
    }

    // Whether there is anything to write.
    fn edit(&self, edits: &mut Edits<'_, '_>, sealed: &Sealed, texts: &Texts) -> bool {
        let mut is_changed = false;
        for item in &texts.items {
            if let Some(text) = &item.text {
                sealed.put(edits, &item.entry, text);
                is_changed = true;
            }
        }
        let has_note = says_what_sealed_it(&sealed.object);
        let Some(key) = texts.key.filter(|_| has_note || self.annotate) else {
            return is_changed;
        };
        let note = note(sealed, &texts.items, key);
        if sealed.note() != Some(note.as_str()) {
            sealed.annotate(edits, note);
            is_changed = true;
        }
        is_changed
    }
}

fn note(sealed: &Sealed, items: &[Item], target: Fingerprint) -> String {
    let spec = &sealed.object.spec;
    let standing = |entry: &str| match &spec.data {
        Some(blob) => Some(blob.as_str()),
        None => spec.encrypted_data.get(entry)?.as_deref(),
    };
    sealed_with(items.iter().filter_map(|item| {
        let text = item.text.as_deref().or_else(|| standing(&item.entry))?;
        Some((item.entry.as_str(), target, text))
    }))
}

impl Told for Done {
    fn counts(&self) -> (usize, usize) {
        (self.changed, self.all)
    }

    fn lines(&self) -> Vec<String> {
        let changed = self.items.iter().filter(|item| item.changed);
        let line = |item: &Became| {
            let was = item
                .before
                .map_or_else(String::new, |key| format!(" (was on {key})"));
            format!("{}: {}{was}", item.object, shown(&item.entry))
        };
        changed.map(line).collect()
    }

    fn rows(&self) -> Vec<Value> {
        let row = |item: &Became| {
            let mut row = Mapping::new();
            row.insert("object", &*item.object);
            row.insert("entry", item.entry.as_str());
            row.insert("changed", item.changed);
            let key = |key: Fingerprint| Value::from(key.to_string());
            row.insert("key", item.before.map_or(Value::Null, key));
            Value::Mapping(row)
        };
        self.items.iter().map(row).collect()
    }
}

// How to name it to people: the legacy blob has no name.
fn shown(entry: &str) -> &str {
    match entry {
        "" => "spec.data",
        entry => entry,
    }
}
