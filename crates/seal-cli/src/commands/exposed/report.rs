//! What was found, for people, programs, spreadsheets and issues: names, which strangers wrote, so that each of
//! these gets them in a form that it does not obey (S22).

use std::fmt::Write as _;

use jiff::Timestamp;
use seal_document::{Mapping, Value};

use super::today::{State, Today};
use crate::arguments::ExposedRendition;
use crate::report::pretty;
use crate::repository::Commit;
use crate::terminal::one_line;

/// An entry that the key could read.
pub(super) struct Finding {
    pub(super) file: String,
    pub(super) object: String,
    /// Empty for the legacy blob.
    pub(super) entry: String,
    pub(super) first: Commit,
    pub(super) last: Commit,
    /// In HEAD.
    pub(super) head: Today,
    /// In the folder.
    pub(super) work_tree: Today,
}

impl Finding {
    /// Whether somebody has something to do.
    pub(super) fn is_open(&self) -> bool {
        self.head.state.is_open() || self.work_tree.state.is_open()
    }
}

/// All that was found.
pub(super) struct Report {
    pub(super) keys: Vec<String>,
    /// Whether all that there is was seen.
    pub(super) is_complete: bool,
    pub(super) findings: Vec<Finding>,
}

const COLUMNS: [&str; 9] = [
    "file",
    "object",
    "entry",
    "first",
    "first date",
    "last",
    "last date",
    "head",
    "work tree",
];

impl Report {
    /// As it is printed.
    pub(super) fn rendered(&self, output: ExposedRendition) -> String {
        match output {
            ExposedRendition::Human => self.table(),
            ExposedRendition::Json => self.json(),
            ExposedRendition::Csv => self.csv(),
            ExposedRendition::Markdown => self.markdown(),
        }
    }

    /// What there is to do, in one line.
    pub(super) fn sentence(&self) -> String {
        let count = |state| {
            let worst = |finding: &&Finding| finding.head.state.max(finding.work_tree.state) == state;
            self.findings.iter().filter(worst).count()
        };
        let states = [
            State::Exposed,
            State::SameValue,
            State::Unknown,
            State::Changed,
            State::Gone,
        ];
        let parts = states.map(|state| (count(state), state.sentence()));
        let parts: Vec<String> = parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, sentence)| format!("{count} {sentence}"))
            .collect();
        match parts.is_empty() {
            true => "nothing in this history could be read with that key".to_owned(),
            false => format!(
                "{} could be read: {}",
                entries(self.findings.len()),
                parts.join(", ")
            ),
        }
    }

    fn table(&self) -> String {
        let rows = self.findings.iter().map(|finding| {
            let today = match finding.head == finding.work_tree {
                true => told(&finding.head),
                false => format!(
                    "{}; in the work tree {}",
                    told(&finding.head),
                    told(&finding.work_tree)
                ),
            };
            [
                one_line(&finding.file),
                one_line(&finding.object),
                one_line(shown(&finding.entry)),
                brief(&finding.first),
                brief(&finding.last),
                today,
            ]
        });
        let heading = ["FILE", "OBJECT", "ENTRY", "FIRST", "LAST", "TODAY"].map(str::to_owned);
        let rows: Vec<[String; 6]> = std::iter::once(heading).chain(rows).collect();
        let width = |column: usize| {
            let widths = rows.iter().map(|row| row[column].chars().count());
            widths.max().unwrap_or_default()
        };
        let widths: [usize; 6] = std::array::from_fn(width);
        if rows.len() == 1 {
            return String::new();
        }
        let mut text = String::new();
        for row in &rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(widths) {
                write!(line, "{cell:<width$}  ").expect("a String takes everything");
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    fn json(&self) -> String {
        let mut report = Mapping::new();
        let keys: Vec<Value> = self.keys.iter().map(|key| Value::from(key.as_str())).collect();
        report.insert("keys", keys);
        report.insert("complete", self.is_complete);
        let rows: Vec<Value> = self.findings.iter().map(row).collect();
        report.insert("entries", rows);
        pretty(&Value::Mapping(report))
    }

    fn csv(&self) -> String {
        let mut text = format!("{}\r\n", COLUMNS.join(","));
        for finding in &self.findings {
            let cells = cells(finding).map(|cell| field(&cell));
            text.push_str(&cells.join(","));
            text.push_str("\r\n");
        }
        text
    }

    fn markdown(&self) -> String {
        let mut text = format!("| {} |\n", COLUMNS.join(" | "));
        text.push_str(&format!("|{}\n", " --- |".repeat(COLUMNS.len())));
        for finding in &self.findings {
            let cells = cells(finding).map(|cell| code(&cell));
            text.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
        text
    }
}

/// So many of them.
pub(super) fn entries(count: usize) -> String {
    match count {
        1 => "1 entry".to_owned(),
        count => format!("{count} entries"),
    }
}

fn row(finding: &Finding) -> Value {
    let commit = |commit: &Commit| {
        let mut row = Mapping::new();
        row.insert("commit", commit.id.as_str());
        row.insert("date", date(commit));
        Value::Mapping(row)
    };
    let today = |today: &Today| {
        let mut row = Mapping::new();
        row.insert("state", today.state.word());
        if let Some(path) = &today.elsewhere {
            row.insert("file", path.to_string_lossy().into_owned());
        }
        Value::Mapping(row)
    };
    let mut row = Mapping::new();
    row.insert("file", finding.file.as_str());
    row.insert("object", finding.object.as_str());
    row.insert("entry", finding.entry.as_str());
    row.insert("first", commit(&finding.first));
    row.insert("last", commit(&finding.last));
    row.insert("head", today(&finding.head));
    row.insert("workTree", today(&finding.work_tree));
    Value::Mapping(row)
}

fn cells(finding: &Finding) -> [String; COLUMNS.len()] {
    [
        finding.file.clone(),
        finding.object.clone(),
        shown(&finding.entry).to_owned(),
        finding.first.id.clone(),
        date(&finding.first),
        finding.last.id.clone(),
        date(&finding.last),
        told(&finding.head),
        told(&finding.work_tree),
    ]
}

fn shown(entry: &str) -> &str {
    match entry {
        "" => "spec.data",
        entry => entry,
    }
}

fn told(today: &Today) -> String {
    let sentence = today.state.sentence();
    match &today.elsewhere {
        None => sentence.to_owned(),
        Some(path) => format!("{sentence} in {}", one_line(&path.to_string_lossy())),
    }
}

fn date(commit: &Commit) -> String {
    // Whoever makes a commit says when, and may say anything.
    let at = Timestamp::from_second(commit.at).unwrap_or(Timestamp::UNIX_EPOCH);
    at.strftime("%Y-%m-%d").to_string()
}

fn brief(commit: &Commit) -> String {
    let id = commit.id.get(..12).unwrap_or(&commit.id);
    format!("{id} {}", date(commit))
}

/// One field of RFC 4180. Spreadsheets take what begins with one of these for a formula.
fn field(text: &str) -> String {
    let text = one_line(text);
    let is_formula = text
        .trim_start()
        .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠', '|', '%']);
    let text = match is_formula {
        true => format!("'{text}"),
        false => text,
    };
    match text.contains(['"', ',', ';', '\'']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

/// One cell of a table, as code, in which nothing means anything (GFM §6.1), no link and nobody's name.
fn code(text: &str) -> String {
    // A bar ends the cell even there.
    let text = one_line(text).replace('|', "\\u{7c}");
    let longest = text
        .split(|character| character != '`')
        .map(str::len)
        .max()
        .unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    match text.is_empty() || text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) {
        true => format!("{fence} {text} {fence}"),
        false => format!("{fence}{text}{fence}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_spreadsheet_takes_a_name_for_a_formula() {
        for (text, written) in [
            ("apps/db.yaml", "apps/db.yaml"),
            ("=1+1", "\"'=1+1\""),
            ("  +A1", "\"'  +A1\""),
            ("\t@SUM(A1)", "\"' @SUM(A1)\""),
            ("\r-1", "\\u{d}-1"),
            ("a,\"b\"\nc", "\"a,\"\"b\"\" c\""),
            ("＝cmd", "\"'＝cmd\""),
        ] {
            assert_eq!(field(text), written, "{text:?}");
        }
    }

    #[test]
    fn no_name_leaves_its_cell() {
        for (text, written) in [
            ("a.yaml", "`a.yaml`"),
            ("a|b", "`a\\u{7c}b`"),
            ("<img src=x>", "`<img src=x>`"),
            ("``x`", "``` ``x` ```"),
            ("a\nb\u{1b}[2J", "`a b\\u{1b}[2J`"),
            ("", "`  `"),
        ] {
            assert_eq!(code(text), written, "{text:?}");
        }
    }

    #[test]
    fn a_commit_of_any_age_has_a_date() {
        let commit = |at| Commit {
            id: String::new(),
            at,
        };
        assert_eq!(date(&commit(1_700_000_000)), "2023-11-14");
        assert_eq!(date(&commit(i64::MAX)), "1970-01-01");
    }
}
