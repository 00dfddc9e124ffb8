//! What was looked at and what was found: lines of checks, for people and for programs. What is judged to
//! be what is the commands'.

use std::collections::HashSet;

use jiff::Timestamp;
use seal_cluster::look::Seen;
use seal_document::{JsonStyle, KeyOrder, Mapping, Value, to_json};
use seal_engine::Fault;

use crate::arguments::Rendition;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// As it should be.
    Ok,
    /// It works, and will not for long, or not for all.
    Warning,
    /// It does not work.
    Failed,
    /// It could not be found out.
    Unknown,
    /// Neither good nor bad.
    Note,
}

/// One line: what, how it is, what to do.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    pub(crate) state: State,
    pub(crate) about: String,
    pub(crate) what: String,
    pub(crate) code: Option<String>,
    pub(crate) remedy: Option<String>,
    /// Lines to look at, such as a template's.
    excerpt: Option<String>,
    /// More for programs.
    facts: Vec<(&'static str, String)>,
}

/// Checks that belong together.
pub(crate) struct Section {
    /// What they are about, always the same word; none for what concerns the whole.
    pub(crate) title: &'static str,
    /// Which one, or what holds for all of them.
    pub(crate) detail: String,
    pub(crate) checks: Vec<Check>,
}

/// All that there is to say about one thing.
pub(crate) struct Report {
    pub(crate) about: String,
    pub(crate) sections: Vec<Section>,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Note => "note",
        }
    }
}

impl Check {
    fn new(state: State, about: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            state,
            about: about.into(),
            what: what.into(),
            code: None,
            remedy: None,
            excerpt: None,
            facts: Vec::new(),
        }
    }

    /// As it should be.
    pub(crate) fn ok(about: impl Into<String>, what: impl Into<String>) -> Self {
        Self::new(State::Ok, about, what)
    }

    /// To be mended some day.
    pub(crate) fn warning(about: impl Into<String>, what: impl Into<String>) -> Self {
        Self::new(State::Warning, about, what)
    }

    /// To be mended now.
    pub(crate) fn failed(about: impl Into<String>, what: impl Into<String>) -> Self {
        Self::new(State::Failed, about, what)
    }

    /// Not to be found out.
    pub(crate) fn unknown(about: impl Into<String>, what: impl Into<String>) -> Self {
        Self::new(State::Unknown, about, what)
    }

    /// Neither good nor bad.
    pub(crate) fn note(about: impl Into<String>, what: impl Into<String>) -> Self {
        Self::new(State::Note, about, what)
    }

    /// A fault of the engine.
    pub(crate) fn fault(about: impl Into<String>, fault: &Fault) -> Self {
        Self::failed(about, fault.sentence())
            .code(fault.kind.code)
            .remedy(fault.remedy())
    }

    /// What was not found, whatever it was sought for.
    pub(crate) fn unseen<T>(about: impl Into<String>, seen: &Seen<T>, absent: &str) -> Self {
        match seen {
            Seen::Forbidden(wanted) => Self::unknown(about, format!("you are not allowed to {wanted}"))
                .code("forbidden")
                .remedy("ask for that permission, or have it run by somebody who has it"),
            Seen::Unknown(why) => Self::unknown(about, why.clone()),
            Seen::Absent | Seen::Found(_) => Self::unknown(about, absent),
        }
    }

    /// The same with a second line.
    #[must_use]
    pub(crate) fn also(mut self, line: &str) -> Self {
        self.what = format!("{}\n{line}", self.what);
        self
    }

    /// The same with a code for programs.
    #[must_use]
    pub(crate) fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// The same with what to do about it.
    #[must_use]
    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// The same with lines to look at.
    #[must_use]
    pub(crate) fn excerpt(mut self, lines: Option<String>) -> Self {
        self.excerpt = lines;
        self
    }

    /// The same with a fact.
    #[must_use]
    pub(crate) fn fact(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.facts.push((name, value.into()));
        self
    }

    /// Whether it asks for something to be done.
    pub(crate) fn is_finding(&self) -> bool {
        matches!(self.state, State::Warning | State::Failed)
    }

    // Advice is given once, however many checks have it.
    fn human<'r>(&'r self, width: usize, advised: &mut HashSet<&'r str>, text: &mut String) {
        let margin = " ".repeat(11);
        let gap = " ".repeat(width - self.about.chars().count());
        let what = match &self.code {
            Some(code) => format!("{} [{code}]", self.what.trim_end()),
            None => self.what.clone(),
        };
        let state = self.state.as_str();
        for (index, line) in what.lines().enumerate() {
            text.push_str(&match index {
                0 => format!("  {state:<8} {}{gap}  {line}\n", self.about),
                _ => format!("{margin}{line}\n"),
            });
        }
        for line in self.excerpt.iter().flat_map(|lines| lines.lines()) {
            text.push_str(&format!("{margin}| {line}\n"));
        }
        let remedy = self.remedy.as_deref().filter(|remedy| advised.insert(remedy));
        for (index, line) in remedy.iter().flat_map(|remedy| remedy.lines().enumerate()) {
            let lead = if index == 0 { "try: " } else { "     " };
            text.push_str(&format!("{margin}{lead}{line}\n"));
        }
    }

    fn value(&self, section: &str) -> Value {
        let mut row = Mapping::new();
        let text = |text: &Option<String>| text.as_deref().map_or(Value::Null, Value::from);
        row.insert("section", section);
        row.insert("state", self.state.as_str());
        row.insert("about", self.about.as_str());
        row.insert("what", self.what.as_str());
        row.insert("code", text(&self.code));
        row.insert("remedy", text(&self.remedy));
        let mut facts = Mapping::new();
        for (name, value) in &self.facts {
            facts.insert(*name, value.as_str());
        }
        row.insert("facts", Value::Mapping(facts));
        Value::Mapping(row)
    }
}

impl Report {
    /// How many checks ask for something to be done.
    pub(crate) fn findings(&self) -> usize {
        self.checks().filter(|check| check.is_finding()).count()
    }

    /// All checks.
    pub(crate) fn checks(&self) -> impl Iterator<Item = &Check> {
        self.sections.iter().flat_map(|section| &section.checks)
    }
}

/// `reports` as they are printed.
pub(crate) fn printed(reports: &[Report], rendition: Rendition) -> String {
    match rendition {
        Rendition::Human => reports.iter().map(human).collect::<Vec<_>>().join("\n"),
        Rendition::Json => json(reports),
    }
}

fn human(report: &Report) -> String {
    let mut text = format!("{}\n", report.about);
    let mut advised = HashSet::new();
    for section in report
        .sections
        .iter()
        .filter(|section| !section.checks.is_empty())
    {
        match (section.title, section.detail.as_str()) {
            ("", _) => {}
            (title, "") => text.push_str(&format!("\n{title}\n")),
            (title, detail) => text.push_str(&format!("\n{title}: {detail}\n")),
        }
        let widths = section.checks.iter().map(|check| check.about.chars().count());
        let width = widths.max().unwrap_or_default();
        for check in &section.checks {
            check.human(width, &mut advised, &mut text);
        }
    }
    text
}

fn json(reports: &[Report]) -> String {
    let row = |report: &Report| {
        let mut row = Mapping::new();
        row.insert("about", report.about.as_str());
        let checks = report
            .sections
            .iter()
            .flat_map(|section| section.checks.iter().map(|check| check.value(section.title)));
        row.insert("checks", checks.collect::<Vec<_>>());
        Value::Mapping(row)
    };
    let mut all = Mapping::new();
    all.insert("healthy", reports.iter().all(|report| report.findings() == 0));
    all.insert("reports", reports.iter().map(row).collect::<Vec<_>>());
    pretty(&Value::Mapping(all))
}

/// How long before `now` that was.
pub(crate) fn ago(now: Timestamp, then: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    match seconds {
        ..=119 => format!("{seconds} s ago"),
        120..=7_199 => format!("{} min ago", seconds / 60),
        7_200..=172_799 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

/// JSON as the commands print it.
pub(crate) fn pretty(value: &Value) -> String {
    written(value, JsonStyle::PRETTY)
}

/// The same without line breaks in it, for JSON Lines.
pub(crate) fn on_one_line(value: &Value) -> String {
    written(value, JsonStyle::COMPACT)
}

fn written(value: &Value, like: JsonStyle) -> String {
    let style = JsonStyle {
        order: KeyOrder::Kept,
        escape_html: false,
        ..like
    };
    format!(
        "{}\n",
        *to_json(value, style).expect("a report's numbers are finite")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let checks = vec![
            Check::ok("entry a", "opens").fact("key", "SHA256:x"),
            Check::failed("entry long", "one\ntwo")
                .code("malformed")
                .remedy("seal again"),
        ];
        let section = Section {
            title: "Entries",
            detail: String::new(),
            checks,
        };
        Report {
            about: "SealedSecret prod/db".to_owned(),
            sections: vec![section],
        }
    }

    #[test]
    fn a_check_is_a_line_with_its_remedy_below() {
        let expected = "SealedSecret prod/db\n\nEntries\n  ok       entry a     opens\n  failed   entry long  one\n           two [malformed]\n           try: seal again\n";
        assert_eq!(printed(&[report()], Rendition::Human), expected);
        assert_eq!(report().findings(), 1);
    }

    #[test]
    fn programs_get_every_part_by_name() {
        let text = printed(&[report()], Rendition::Json);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["healthy"], false);
        assert_eq!(value["reports"][0]["checks"][0]["facts"]["key"], "SHA256:x");
        assert_eq!(value["reports"][0]["checks"][1]["code"], "malformed");
        assert_eq!(value["reports"][0]["checks"][1]["state"], "failed");
    }

    #[test]
    fn what_may_not_be_seen_is_no_finding_and_names_the_permission() {
        let wanted = seal_cluster::look::Wanted {
            verb: "get",
            resource: "secrets",
            namespace: "prod".to_owned(),
        };
        let check = Check::unseen("Secret", &Seen::<()>::Forbidden(wanted), "");
        assert_eq!(check.what, "you are not allowed to get secrets in namespace prod");
        assert!(!check.is_finding());
    }
}
