//! `seal diff`: SealedSecrets compared by entry instead of by line, in two files or folders, or in files and in
//! the cluster. It changes nothing, and prints no value.

mod compare;
mod deployed;

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;

use seal_core::KeyRing;
use seal_document::{Mapping, Value};

use crate::arguments::{BulkRendition, DiffArguments};
use crate::command_error::CommandError;
use crate::input::{self, Source};
use crate::repository::{Account, Outcome, Row, Sealed, SealedFile, Told, account, over};
use crate::terminal::Terminal;
use crate::{cores, keys};
use compare::{Change, Item, Side, What, compare};

/// Runs it.
pub(super) fn run(arguments: &DiffArguments, terminal: Terminal) -> Result<(), CommandError> {
    let ring = match arguments.keys.keys.is_empty() {
        true => None,
        false => Some(keys::ring(&arguments.keys)?),
    };
    let rows = match (arguments.with_cluster, arguments.paths.as_slice()) {
        (true, paths) => deployed::rows(paths, &arguments.cluster, ring.as_ref(), terminal)?,
        (false, [before, after]) => in_files(before, after, ring.as_ref())?,
        (false, _) => {
            return Err(CommandError::usage("two files or two folders are compared")
                .remedy("name two, or add --cluster to compare with what stands in the cluster"));
        }
    };
    told(rows, arguments.output, terminal)
}

/// What differs in the SealedSecrets of a file.
struct Differences(Vec<(String, Vec<Item>)>);

/// The file before and after, where it stands.
type Pair = (Option<Source>, Option<Source>);

fn in_files(
    before: &PathBuf,
    after: &PathBuf,
    ring: Option<&KeyRing>,
) -> Result<Vec<Row<Differences>>, CommandError> {
    let pairs = pairs(before, after)?;
    let shown = |pair: &Pair| pair.1.clone().or_else(|| pair.0.clone());
    let sources: Vec<Source> = pairs.iter().filter_map(shown).collect();
    let pairs: BTreeMap<String, Pair> = sources.iter().map(Source::shown).zip(pairs).collect();
    Ok(over(&sources, cores::count(), |source| {
        let (before, after) = &pairs[&source.shown()];
        between(before.as_ref(), after.as_ref(), ring)
    }))
}

// Files of the same path in both folders, or the two files, whatever they are called.
fn pairs(before: &PathBuf, after: &PathBuf) -> Result<Vec<Pair>, CommandError> {
    match (before.is_dir(), after.is_dir()) {
        (false, false) if before == after && before.as_os_str() == "-" => {
            Err(CommandError::usage("only one of the two can be standard input"))
        }
        (false, false) => Ok(vec![(Some(Source::of(before)), Some(Source::of(after)))]),
        (true, true) => {
            let mut pairs: BTreeMap<PathBuf, Pair> = BTreeMap::new();
            for source in input::repository(std::slice::from_ref(before))? {
                let path = relative(&source);
                pairs.entry(path).or_default().0 = Some(source);
            }
            for source in input::repository(std::slice::from_ref(after))? {
                let path = relative(&source);
                pairs.entry(path).or_default().1 = Some(source);
            }
            Ok(pairs.into_values().collect())
        }
        _ => Err(CommandError::usage("a file cannot be compared with a folder")
            .remedy("name two files or two folders")),
    }
}

fn relative(source: &Source) -> PathBuf {
    match source {
        Source::Stdin => PathBuf::new(),
        Source::File { relative, .. } => relative.clone(),
    }
}

fn between(
    before: Option<&Source>,
    after: Option<&Source>,
    ring: Option<&KeyRing>,
) -> Result<Outcome<Differences>, CommandError> {
    let read = |source: Option<&Source>| match source {
        None => Ok(Err("it is not there")),
        Some(source) => objects(source),
    };
    let (before, after) = match (read(before)?, read(after)?) {
        (Err(_), Err(why)) => return Ok(Outcome::Skipped(why)),
        (before, after) => (before.unwrap_or_default(), after.unwrap_or_default()),
    };
    let mut all = Vec::new();
    for (before, after) in matched(before, after) {
        all.push(match (&before, &after) {
            (Some(before), Some(after)) => {
                let items = compare(&Side::in_file(before), &Side::in_file(after), ring)
                    .map_err(|faults| CommandError::faults(&after.shown, &faults))?;
                (after.shown.clone(), items)
            }
            (Some(gone), None) => (gone.shown.clone(), whole(&Side::in_file(gone), Change::Removed)),
            (None, Some(new)) => (new.shown.clone(), whole(&Side::in_file(new), Change::Added)),
            (None, None) => continue,
        });
    }
    Ok(outcome(all))
}

/// The SealedSecrets of a file, or why it has none.
fn objects(source: &Source) -> Result<Result<Vec<Sealed>, &'static str>, CommandError> {
    let file = SealedFile::read(source)?;
    Ok(file.parse()?.map(|(_, sealed)| sealed))
}

// By namespace and name, in the order of the new file; what went comes last. Of two files with one object each
// the objects are meant, whatever they are called.
fn matched(before: Vec<Sealed>, after: Vec<Sealed>) -> Vec<(Option<Sealed>, Option<Sealed>)> {
    if before.len() == 1 && after.len() == 1 {
        return before
            .into_iter()
            .map(Some)
            .zip(after.into_iter().map(Some))
            .collect();
    }
    let name = |sealed: &Sealed| {
        let metadata = &sealed.object.metadata;
        (metadata.namespace.clone(), metadata.name.clone())
    };
    let mut before: VecDeque<Sealed> = before.into();
    let mut pairs = Vec::new();
    for sealed in after {
        let at = before.iter().position(|one| name(one) == name(&sealed));
        pairs.push((at.and_then(|at| before.remove(at)), Some(sealed)));
    }
    pairs.extend(before.into_iter().map(|gone| (Some(gone), None)));
    pairs
}

// An object that came or went, with all of its entries.
fn whole(side: &Side, change: Change) -> Vec<Item> {
    let entries = side.entries();
    let mut items = vec![Item::object(change)];
    items.extend(entries.into_iter().map(|entry| Item::entry(entry, change)));
    items
}

fn outcome(all: Vec<(String, Vec<Item>)>) -> Outcome<Differences> {
    let differs = all
        .iter()
        .flat_map(|(_, items)| items)
        .any(|item| item.change.counts());
    match differs {
        true => Outcome::Changed(Differences(all)),
        false => Outcome::Unchanged(Differences(all)),
    }
}

fn told(rows: Vec<Row<Differences>>, output: BulkRendition, terminal: Terminal) -> Result<(), CommandError> {
    let differs = rows.iter().any(|row| matches!(row.outcome, Outcome::Changed(_)));
    let how = Account {
        output,
        changes: true,
        deed: "different",
    };
    account(rows, how, terminal)?;
    match differs {
        true => Err(CommandError::findings()),
        false => Ok(()),
    }
}

impl Told for Differences {
    fn counts(&self) -> (usize, usize) {
        let entries = || {
            let items = self.0.iter().flat_map(|(_, items)| items);
            items.filter(|item| matches!(item.what, What::Entry(_)))
        };
        (
            entries().filter(|item| item.change.counts()).count(),
            entries().count(),
        )
    }

    fn lines(&self) -> Vec<String> {
        let lines = self.0.iter().flat_map(|(object, items)| {
            let told = items.iter().filter(|item| item.change != Change::Unchanged);
            told.map(move |item| format!("{object}: {}", item.line()))
        });
        lines.collect()
    }

    fn rows(&self) -> Vec<Value> {
        let mut rows = Vec::new();
        for (object, items) in &self.0 {
            for item in items {
                let mut row = Mapping::new();
                row.insert("object", object.as_str());
                match &item.what {
                    What::Object => None,
                    What::Entry(entry) => row.insert("entry", entry.as_str()),
                    What::Field(path) => row.insert("field", path.trim_start_matches('.')),
                };
                row.insert("change", item.change.word());
                if let Some([before, after]) = &item.words {
                    row.insert("before", before.as_str());
                    row.insert("after", after.as_str());
                }
                rows.push(Value::Mapping(row));
            }
        }
        rows
    }
}
