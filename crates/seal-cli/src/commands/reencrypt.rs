//! `seal reencrypt`: the same values under the newest key, in all files of a checkout. Sealed texts change,
//! and the note which key sealed them; every other byte stays.

mod controller;
mod opener;
mod request;

use seal_core::Fingerprint;
use seal_document::{Edits, Mapping, Value};
use seal_engine::sealed_secret::{says_what_sealed_it, sealed_with};

use crate::arguments::{BulkRendition, ReencryptArguments};
use crate::command_error::CommandError;
use crate::input::{self, Source};
use crate::repository::{Account, Outcome, Sealed, SealedFile, Told, account, over};
use crate::terminal::Terminal;
pub(super) use opener::Opener;
use opener::{Item, Texts};

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

/// What became of the SealedSecrets of a file.
struct Done(Vec<(String, Vec<Item>)>);

impl Work<'_> {
    /// Does it and tells of it. Returns how many entries changed, or would have.
    pub(super) fn on_all(
        &self,
        sources: &[Source],
        output: BulkRendition,
        changes: bool,
        terminal: Terminal,
    ) -> Result<usize, CommandError> {
        let rows = over(sources, self.opener.at_once(), |source| self.on(source));
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

    fn on(&self, source: &Source) -> Result<Outcome<Done>, CommandError> {
        let file = SealedFile::read(source)?;
        let (stream, sealed) = match file.parse()? {
            Ok(all) => all,
            Err(why) => return Ok(Outcome::Skipped(why)),
        };
        let mut edits = Edits::new(&stream);
        let mut done = Vec::with_capacity(sealed.len());
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
            done.push((one.shown, texts.items));
        }
        if !is_changed {
            return Ok(Outcome::Unchanged(Done(done)));
        }
        if self.writes {
            file.replace(edits)?;
        }
        Ok(Outcome::Changed(Done(done)))
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
        let all = || self.0.iter().flat_map(|(_, items)| items);
        (all().filter(|item| item.text.is_some()).count(), all().count())
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (object, items) in &self.0 {
            for item in items.iter().filter(|item| item.text.is_some()) {
                let was = item
                    .before
                    .map_or_else(String::new, |key| format!(" (was on {key})"));
                lines.push(format!("{object}: {}{was}", item.shown()));
            }
        }
        lines
    }

    fn rows(&self) -> Vec<Value> {
        let mut rows = Vec::new();
        for (object, items) in &self.0 {
            for item in items {
                let mut row = Mapping::new();
                row.insert("object", object.as_str());
                row.insert("entry", item.entry.as_str());
                row.insert("changed", item.text.is_some());
                let key = |key: Fingerprint| Value::from(key.to_string());
                row.insert("key", item.before.map_or(Value::Null, key));
                rows.push(Value::Mapping(row));
            }
        }
        rows
    }
}
