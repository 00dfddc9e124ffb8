//! How findings are told: to people, to programs, to code scanning, to a pull request. Each encodes for where
//! it ends up: names of files and entries are a stranger's words (S22).

use serde_json::{Map, Value, json};

use super::finding::Finding;
use super::rules::{RULES, Severity};
use crate::arguments::CheckRendition;
use crate::terminal::{one_line, printable};

/// All that there is to say.
#[derive(Default)]
pub(super) struct Report {
    pub(super) findings: Vec<(String, Finding)>,
    pub(super) files: usize,
    pub(super) suppressed: usize,
    /// What `--fix` mended; it is no finding any more.
    pub(super) fixed: usize,
}

impl Report {
    /// Whether something is found that must not be.
    pub(super) fn counts(&self, warnings: bool) -> bool {
        let least = if warnings {
            Severity::Warning
        } else {
            Severity::Error
        };
        self.findings
            .iter()
            .any(|(_, finding)| finding.rule.severity >= least)
    }

    /// One line.
    pub(super) fn summary(&self) -> String {
        let of = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let mut parts = Vec::new();
        for severity in [Severity::Error, Severity::Warning, Severity::Note] {
            let is_so = |(_, finding): &&(String, Finding)| finding.rule.severity == severity;
            match self.findings.iter().filter(is_so).count() {
                0 => {}
                count => parts.push(of(count, severity.as_str())),
            }
        }
        if parts.is_empty() {
            parts.push("nothing found".to_owned());
        }
        if self.suppressed > 0 {
            parts.push(format!("{} suppressed", self.suppressed));
        }
        if self.fixed > 0 {
            parts.push(format!("{} fixed", self.fixed));
        }
        format!("{} looked at: {}", of(self.files, "file"), parts.join(", "))
    }
}

/// `report` as it is printed.
pub(super) fn printed(report: &Report, rendition: CheckRendition) -> String {
    match rendition {
        CheckRendition::Human => human(report),
        CheckRendition::Github => report.findings.iter().map(github).collect(),
        CheckRendition::Json => pretty(&json(report)),
        CheckRendition::Sarif => pretty(&sarif(report)),
    }
}

fn human(report: &Report) -> String {
    let mut text = String::new();
    let mut advised = Vec::new();
    for (file, finding) in &report.findings {
        let Finding { rule, position, .. } = finding;
        let object = match finding.object.as_str() {
            "" => String::new(),
            object => format!("{object}: "),
        };
        let (severity, what, code) = (rule.severity.as_str(), &finding.what, rule.code);
        text.push_str(&line(&format!(
            "{}:{position}: {severity}: {object}{what} [{code}]",
            at_home(file)
        )));
        if !finding.snippet.is_empty() {
            text.push_str(&format!("  | {}", line(&finding.snippet)));
        }
        // Advice is given once, however many findings have it.
        let advice = (rule.why, &finding.remedy);
        if !advised.contains(&advice) {
            text.push_str(&format!(
                "  why: {}  try: {}",
                line(rule.why),
                line(&finding.remedy)
            ));
            advised.push(advice);
        }
    }
    text
}

// Nothing that a terminal obeys, and one line: logs of pipelines obey what stands at the beginning of one.
fn line(text: &str) -> String {
    format!("{}\n", one_line(text))
}

fn at_home(file: &str) -> String {
    let is_command = file.trim_start().starts_with("::") || file.trim_start().starts_with("##[");
    if is_command {
        format!("./{file}")
    } else {
        file.to_owned()
    }
}

fn github((file, finding): &(String, Finding)) -> String {
    let data = |text: &str| {
        let text = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
        printable(&text).into_owned()
    };
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    let command = match finding.rule.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    };
    let (position, rule) = (finding.position, finding.rule);
    let message = format!(
        "{}: {}. Why: {}. Try: {}",
        finding.object, finding.what, rule.why, finding.remedy
    );
    format!(
        "::{command} file={},line={},col={},title={}::{}\n",
        property(file.strip_prefix("./").unwrap_or(file)),
        position.line,
        position.column,
        property(&format!("seal check: {}", rule.code)),
        data(message.trim_start_matches(": ")),
    )
}

fn json(report: &Report) -> Value {
    let findings = report.findings.iter().map(|(file, finding)| {
        json!({
            "rule": finding.rule.code,
            "severity": finding.rule.severity.as_str(),
            "file": file,
            "line": finding.position.line,
            "column": finding.position.column,
            "object": finding.object,
            "field": finding.field,
            "snippet": finding.snippet,
            "message": finding.what,
            "why": finding.rule.why,
            "remedy": finding.remedy,
            "fault": finding.fault,
        })
    });
    json!({
        "files": report.files,
        "suppressed": report.suppressed,
        "fixed": report.fixed,
        "findings": findings.collect::<Vec<_>>(),
    })
}

fn sarif(report: &Report) -> Value {
    let rules = RULES.iter().map(|rule| {
        json!({
            "id": rule.code,
            "shortDescription": { "text": rule.sentence },
            "fullDescription": { "text": format!("{}: {}.", rule.sentence, rule.why) },
            "help": { "text": rule.remedy },
            "defaultConfiguration": { "level": rule.severity.as_str() },
        })
    });
    let results = report.findings.iter().map(|(file, finding)| {
        let index = RULES.iter().position(|rule| rule.code == finding.rule.code);
        let mut region = Map::new();
        region.insert("startLine".to_owned(), finding.position.line.into());
        region.insert("startColumn".to_owned(), finding.position.column.into());
        if !finding.snippet.is_empty() {
            region.insert("snippet".to_owned(), json!({ "text": finding.snippet }));
        }
        let mut location = json!({
            "physicalLocation": { "artifactLocation": { "uri": uri(file) }, "region": region },
        });
        if !finding.object.is_empty() {
            let name = format!("{} {}", finding.object, finding.field);
            location["logicalLocations"] = json!([{ "fullyQualifiedName": name.trim_end() }]);
        }
        json!({
            "ruleId": finding.rule.code,
            "ruleIndex": index,
            "level": finding.rule.severity.as_str(),
            "message": { "text": format!("{}. Try: {}", finding.what, finding.remedy) },
            "locations": [location],
            // Rule, file and place in the structure, and nothing that a value could be guessed from (S23).
            "partialFingerprints": {
                "place/v1": format!("{} {} {} {}", finding.rule.code, uri(file), finding.object, finding.field),
            },
        })
    });
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {
                "driver": {
                    "name": "seal",
                    "semanticVersion": env!("CARGO_PKG_VERSION"),
                    "rules": rules.collect::<Vec<_>>(),
                },
            },
            "columnKind": "unicodeCodePoints",
            "results": results.collect::<Vec<_>>(),
        }],
    })
}

// A path as a reference (RFC 3986): one that begins with a scheme's look-alike stays a path.
fn uri(file: &str) -> String {
    let file = file.strip_prefix("./").unwrap_or(file);
    let mut text = String::with_capacity(file.len());
    for byte in file.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                text.push(char::from(byte))
            }
            b'\\' if cfg!(windows) => text.push('/'),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
