//! The fault catalogue in print: all of it as a table, or single rows in full. Its rows are the engine's.

use seal_document::{Mapping, Value};
use seal_engine::{FaultKind, Retry};

use crate::arguments::Rendition;
use crate::report::pretty;

/// A table of all `kinds`: a line each, and what to do below it.
pub(super) fn list(kinds: &[&FaultKind], rendition: Rendition) -> String {
    if matches!(rendition, Rendition::Json) {
        return json(kinds);
    }
    let headings = ["CODE", "REASON", "CLASS", "EXIT", "RETRY"].map(str::to_owned);
    let cells = |kind: &&FaultKind| {
        [
            kind.code.to_owned(),
            kind.reason.to_owned(),
            kind.class.as_str().to_owned(),
            kind.class.exit_code().to_string(),
            retry(kind).to_owned(),
        ]
    };
    let rows: Vec<_> = std::iter::once(headings).chain(kinds.iter().map(cells)).collect();
    let mut widths = [0; 5];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; 5]| -> String {
        let cells = row.iter().zip(widths);
        cells.map(|(cell, width)| format!("{cell:<width$}  ")).collect()
    };
    let mut text = format!("{}SENTENCE\n", line(&rows[0]));
    for (row, kind) in rows[1..].iter().zip(kinds) {
        text.push_str(&format!("{}{}\n", line(row), readable(kind.sentence)));
        text.push_str(&format!("  try: {}\n", readable(kind.remedy)));
    }
    text
}

/// Each of `kinds` in full.
pub(super) fn described(kinds: &[&FaultKind], rendition: Rendition) -> String {
    if matches!(rendition, Rendition::Json) {
        return json(kinds);
    }
    let one = |kind: &&FaultKind| {
        let class = kind.class;
        format!(
            "{}\n  reason     {}\n  class      {}\n  sentence   {}\n  remedy     {}\n  retry      {}\n  exit code  {}\n",
            kind.code,
            kind.reason,
            class.as_str(),
            readable(kind.sentence),
            readable(kind.remedy),
            retry(kind),
            class.exit_code(),
        )
    };
    kinds.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn json(kinds: &[&FaultKind]) -> String {
    let row = |kind: &&FaultKind| {
        let mut row = Mapping::new();
        row.insert("code", kind.code);
        row.insert("reason", kind.reason);
        row.insert("class", kind.class.as_str());
        row.insert("sentence", readable(kind.sentence));
        row.insert("remedy", readable(kind.remedy));
        row.insert("retry", retry(kind));
        row.insert("exitCode", i64::from(kind.class.exit_code()));
        Value::Mapping(row)
    };
    pretty(&Value::from(kinds.iter().map(row).collect::<Vec<_>>()))
}

fn retry(kind: &FaultKind) -> &'static str {
    match kind.class.retry() {
        Retry::OnChange => "on change",
        Retry::OnChangeOrNewKey => "on change or a new key",
        Retry::Backoff => "again and again",
    }
}

// `{fact}` stands for what only a case knows; entries are told where there are any.
fn readable(text: &str) -> String {
    text.replace("{entries}", "")
        .replace("{error}", "<what Go says of the template, with line and column>")
        .replace('{', "<")
        .replace('}', ">")
}

#[cfg(test)]
mod tests {
    use seal_engine::catalogue::CATALOGUE;

    use super::*;

    #[test]
    fn every_fault_has_a_line_and_no_line_has_a_brace() {
        let text = list(CATALOGUE, Rendition::Human);
        for kind in CATALOGUE {
            let of = |line: &&str| line.starts_with(kind.code) && line.contains(kind.reason);
            assert_eq!(text.lines().filter(of).count(), 1, "{}", kind.code);
        }
        assert!(!text.contains(['{', '}']), "{text}");
    }

    #[test]
    fn one_fault_is_told_in_full() {
        let text = described(&seal_engine::catalogue::named("not-ours"), Rendition::Human);
        for part in [
            "TargetNotOurs",
            "user",
            "on change",
            "managed: \"true\"",
            "exit code  3",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let text = described(&seal_engine::catalogue::named("not-ours"), Rendition::Json);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value[0]["exitCode"], 3);
    }
}
