//! What a command over many files tells: rows for programs, a summary for people, and one error for all
//! that failed.

use std::collections::BTreeMap;

use seal_document::{Mapping, Value};

use super::{Outcome, Row};
use crate::arguments::BulkRendition;
use crate::command_error::CommandError;
use crate::output;
use crate::report::{on_one_line, pretty};
use crate::terminal::{Terminal, one_line};

/// What a command has to say of one file.
pub(crate) trait Told {
    /// How many items changed, and how many there are.
    fn counts(&self) -> (usize, usize);
    /// A line for each item that changed, for people.
    fn lines(&self) -> Vec<String>;
    /// The same for programs.
    fn rows(&self) -> Vec<Value>;
}

/// How it is told.
#[derive(Clone, Copy)]
pub(crate) struct Account {
    pub(crate) output: BulkRendition,
    /// Whether each change is told to people, and not their number only.
    pub(crate) changes: bool,
    /// What was done to the files that changed: `rewritten`, `to rewrite`.
    pub(crate) deed: &'static str,
}

/// Tells `rows`. Returns how many items changed.
///
/// # Errors
/// All that failed, together.
pub(crate) fn account<T: Told>(
    rows: Vec<Row<T>>,
    how: Account,
    terminal: Terminal,
) -> Result<usize, CommandError> {
    let mut sums = Sums::default();
    let mut failed: Option<CommandError> = None;
    let mut text = String::new();
    let mut values = Vec::new();
    for Row { file, outcome } in rows {
        let (word, detail) = match &outcome {
            Outcome::Changed(told) => ("changed", Some(told)),
            Outcome::Unchanged(told) => ("unchanged", Some(told)),
            Outcome::Skipped(why) => {
                *sums.skipped.entry(why).or_default() += 1;
                terminal.detail(&format!("{file}: skipped: {why}"));
                ("skipped", None)
            }
            Outcome::Failed(_) => ("failed", None),
        };
        if let Some(told) = detail {
            let (changed, all) = told.counts();
            sums.items += changed;
            sums.all += all;
            match outcome {
                Outcome::Changed(_) => sums.changed += 1,
                _ => sums.unchanged += 1,
            }
            if how.changes && how.output == BulkRendition::Human {
                told.lines()
                    .iter()
                    .for_each(|line| text.push_str(&format!("{}\n", one_line(line))));
            }
        }
        // What is none of its business would bury the rest.
        if how.output != BulkRendition::Human && !matches!(outcome, Outcome::Skipped(_)) {
            let mut row = Mapping::new();
            row.insert("file", file.as_str());
            row.insert("outcome", word);
            row.insert("items", detail.map(Told::rows).unwrap_or_default());
            if let Outcome::Failed(error) = &outcome {
                row.insert(
                    "errors",
                    error
                        .complaints()
                        .iter()
                        .map(|one| Value::from(one.what.as_str()))
                        .collect::<Vec<_>>(),
                );
            }
            values.push(Value::Mapping(row));
        }
        if let Outcome::Failed(error) = outcome {
            sums.failed += 1;
            CommandError::gather(&mut failed, error);
        }
    }
    match how.output {
        BulkRendition::Human => {}
        BulkRendition::Json => text = pretty(&sums.with(values)),
        BulkRendition::Jsonl => text = values.iter().map(on_one_line).collect(),
    }
    output::print(&text)?;
    terminal.tell(&sums.sentence(how.deed));
    match failed {
        None => Ok(sums.items),
        Some(error) => Err(error),
    }
}

#[derive(Default)]
struct Sums {
    changed: usize,
    unchanged: usize,
    skipped: BTreeMap<&'static str, usize>,
    failed: usize,
    items: usize,
    all: usize,
}

impl Sums {
    fn sentence(&self, deed: &str) -> String {
        let files = |count: usize| format!("{count} {}", if count == 1 { "file" } else { "files" });
        let mut parts = vec![format!(
            "{} {deed} ({} of {} entries)",
            files(self.changed),
            self.items,
            self.all
        )];
        if self.unchanged > 0 {
            parts.push(format!("{} unchanged", self.unchanged));
        }
        for (why, count) in &self.skipped {
            parts.push(format!("{count} skipped ({why})"));
        }
        if self.failed > 0 {
            parts.push(format!("{} failed", self.failed));
        }
        parts.join(", ")
    }

    fn with(&self, rows: Vec<Value>) -> Value {
        let mut report = Mapping::new();
        for (name, count) in [
            ("changed", self.changed),
            ("unchanged", self.unchanged),
            ("skipped", self.skipped.values().sum()),
            ("failed", self.failed),
        ] {
            report.insert(name, i64::try_from(count).unwrap_or(i64::MAX));
        }
        report.insert("files", rows);
        Value::Mapping(report)
    }
}
