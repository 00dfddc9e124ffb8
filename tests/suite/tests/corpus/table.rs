//! The table of findings and what a person says of each; how it differs from what is found now. It runs nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// What is found in one module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    pub(crate) files: usize,
    /// Places by rule.
    pub(crate) findings: BTreeMap<String, BTreeSet<String>>,
}

/// What is found in all, by path and version.
pub(crate) type Corpus = BTreeMap<String, Found>;

/// What was found, by module, and judged.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(transparent)]
pub(crate) struct Table(BTreeMap<String, Row>);

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Row {
    files: usize,
    findings: BTreeMap<String, Judged>,
}

/// The findings of one rule: each place with the reason for the judgement.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Judged {
    found: usize,
    #[serde(rename = "false")]
    false_alarms: usize,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    rightly: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    falsely: BTreeMap<String, String>,
    /// At these nobody has looked yet.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    unjudged: BTreeSet<String>,
}

/// The table in three numbers; as text, what the manual says of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    files: usize,
    findings: usize,
    false_alarms: usize,
}

impl Table {
    /// The committed one.
    pub(crate) fn read(path: &Path) -> Self {
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    /// Commits it to the file.
    pub(crate) fn write(&self, path: &Path) {
        std::fs::write(path, serde_json::to_string_pretty(self).unwrap() + "\n").unwrap();
    }

    /// The table of what is `found` now: whatever is still there keeps its judgement, what is new has none.
    pub(crate) fn renewed(&self, found: &Corpus) -> Self {
        let judgement = |module: &str, rule: &str| self.0.get(module)?.findings.get(rule).cloned();
        let rows = found.iter().map(|(module, found)| {
            let findings = found.findings.iter().map(|(rule, places)| {
                let before = judgement(module, rule).unwrap_or_default();
                (rule.clone(), before.kept_to(places))
            });
            let row = Row {
                files: found.files,
                findings: findings.collect(),
            };
            (module.clone(), row)
        });
        Self(rows.collect())
    }

    /// What is wrong with the table by what is `found` now.
    pub(crate) fn complaints(&self, found: &Corpus) -> Vec<String> {
        let mut complaints = Vec::new();
        for (module, row) in &self.0 {
            for (rule, judged) in &row.findings {
                complaints.extend(judged.faults().map(|fault| format!("{module}: {rule}: {fault}")));
            }
        }
        let (nothing, none) = (Row::default(), Found::default());
        let modules: BTreeSet<&String> = self.0.keys().chain(found.keys()).collect();
        for module in modules {
            let row = self.0.get(module).unwrap_or(&nothing);
            let found = found.get(module).unwrap_or(&none);
            if row.files != found.files {
                let (before, now) = (row.files, found.files);
                complaints.push(format!(
                    "{module}: {now} files looked at, {before} in the table: what is looked at has changed, or \
                     a .gitignore above Go's cache hides some; in the first case write the table anew"
                ));
            }
            let rules: BTreeSet<&String> = row.findings.keys().chain(found.findings.keys()).collect();
            for rule in rules {
                let before = row.findings.get(rule).map(Judged::places).unwrap_or_default();
                let now = found.findings.get(rule).cloned().unwrap_or_default();
                complaints.extend(now.difference(&before).map(|place| {
                    format!("{module}: {place}: [{rule}] is new: mend the rule, or judge it in the table")
                }));
                complaints.extend(
                    before.difference(&now).map(|place| {
                        format!("{module}: {place}: [{rule}] is found no longer: lower the table")
                    }),
                );
            }
        }
        complaints
    }

    /// Its numbers.
    pub(crate) fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for row in self.0.values() {
            tally.files += row.files;
            tally.findings += row.findings.values().map(|judged| judged.found).sum::<usize>();
            let of_row = row.findings.values().map(|judged| judged.false_alarms);
            tally.false_alarms += of_row.sum::<usize>();
        }
        tally
    }
}

impl Judged {
    fn places(&self) -> BTreeSet<String> {
        let judged = self.rightly.keys().chain(self.falsely.keys());
        judged.chain(&self.unjudged).cloned().collect()
    }

    fn kept_to(mut self, places: &BTreeSet<String>) -> Self {
        self.rightly.retain(|place, _| places.contains(place));
        self.falsely.retain(|place, _| places.contains(place));
        let is_judged =
            |place: &&String| self.rightly.contains_key(*place) || self.falsely.contains_key(*place);
        self.unjudged = places.iter().filter(|place| !is_judged(place)).cloned().collect();
        self.found = places.len();
        self.false_alarms = self.falsely.len();
        self
    }

    fn faults(&self) -> impl Iterator<Item = String> {
        let miscounted = (self.found, self.false_alarms) != (self.places().len(), self.falsely.len())
            || self.rightly.keys().any(|place| self.falsely.contains_key(place));
        let miscounted = miscounted.then(|| "the numbers do not agree with the places".to_owned());
        let unjudged = self.unjudged.iter();
        miscounted
            .into_iter()
            .chain(unjudged.map(|place| format!("{place} is not judged")))
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            files,
            findings,
            false_alarms,
        } = self;
        write!(
            f,
            "{files} files: {findings} findings, {false_alarms} of them false"
        )
    }
}

mod tests {
    use super::*;

    fn found(places: &[&str]) -> Corpus {
        let places = places.iter().map(|place| (*place).to_owned()).collect();
        let found = Found {
            files: 2,
            findings: BTreeMap::from([("private-key".to_owned(), places)]),
        };
        Corpus::from([("a@v1".to_owned(), found)])
    }

    fn judged() -> Table {
        let mut table = Table::default().renewed(&found(&["x.yaml:1:1", "y.yaml:1:1"]));
        let rule = table
            .0
            .get_mut("a@v1")
            .unwrap()
            .findings
            .get_mut("private-key")
            .unwrap();
        rule.unjudged.clear();
        rule.rightly
            .insert("x.yaml:1:1".to_owned(), "it is one".to_owned());
        rule.falsely
            .insert("y.yaml:1:1".to_owned(), "it is none".to_owned());
        rule.false_alarms = 1;
        table
    }

    #[test]
    fn a_finding_more_and_a_finding_less_are_complained_of() {
        assert_eq!(
            judged().complaints(&found(&["x.yaml:1:1", "y.yaml:1:1"])),
            [""; 0]
        );
        let complaints = judged().complaints(&found(&["x.yaml:1:1", "z.yaml:1:1"]));
        let [new, gone] = complaints.as_slice() else {
            panic!("{complaints:?}")
        };
        assert!(new.starts_with("a@v1: z.yaml:1:1: [private-key] is new"), "{new}");
        assert!(
            gone.starts_with("a@v1: y.yaml:1:1: [private-key] is found no longer: lower"),
            "{gone}"
        );
    }

    #[test]
    fn another_number_of_files_is_complained_of() {
        let mut now = found(&["x.yaml:1:1", "y.yaml:1:1"]);
        now.get_mut("a@v1").unwrap().files = 1;
        let complaints = judged().complaints(&now);
        assert!(
            complaints.len() == 1 && complaints[0].starts_with("a@v1: 1 files looked at, 2 in the table")
        );
    }

    #[test]
    fn a_new_table_keeps_judgements_and_what_has_none_is_complained_of() {
        let now = found(&["x.yaml:1:1", "z.yaml:1:1"]);
        let renewed = judged().renewed(&now);
        let rule = &renewed.0["a@v1"].findings["private-key"];
        assert_eq!(rule.rightly["x.yaml:1:1"], "it is one");
        assert_eq!((rule.found, rule.false_alarms), (2, 0));
        assert_eq!(
            renewed.complaints(&now),
            ["a@v1: private-key: z.yaml:1:1 is not judged"]
        );
    }

    #[test]
    fn numbers_that_do_not_agree_with_the_places_are_complained_of() {
        let mut table = judged();
        let row = table.0.get_mut("a@v1").unwrap();
        row.findings.get_mut("private-key").unwrap().false_alarms = 0;
        let complaints = table.complaints(&found(&["x.yaml:1:1", "y.yaml:1:1"]));
        assert_eq!(
            complaints,
            ["a@v1: private-key: the numbers do not agree with the places"]
        );
    }
}
