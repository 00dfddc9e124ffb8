//! `seal check` on manifests and charts of people's own: what it finds there stands in a table, each finding with a
//! judgement, and the test fails when there is one more or one less.
//!
//! How it was judged, and how the table is written anew, stands in `corpus/README.md`.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod corpus {
    pub(crate) mod table;
}

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use corpus::table::{Corpus, Found, Table};
use seal_peers::{CORPUS, Module};
use seal_testbed::{Program, Workspace};
use serde_json::Value;

/// Set, it has the table written anew before it is compared.
const WRITE: &str = "SEAL_CORPUS_WRITE";

fn table() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/expected.json")
}

/// What `seal check` says of a module as it lies in Go's cache.
fn check(module: &Module, binary: &Path, home: &Workspace) -> Found {
    let folder = module.folder().unwrap_or_else(|error| panic!("{error}"));
    // Which files Git ignores everywhere is a person's own affair.
    let output = Program::new(binary)
        .args(["check", "--output", "json"])
        .current_dir(&folder)
        .env("HOME", home.path())
        .env("XDG_CONFIG_HOME", home.path())
        .deadline(Duration::from_secs(300))
        .run()
        .unwrap();
    assert!(
        [0, 1].contains(&output.code),
        "{}: {}",
        module.title(),
        output.err()
    );
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut findings: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for finding in report["findings"].as_array().unwrap() {
        let file = finding["file"].as_str().unwrap();
        let file = file.strip_prefix("./").unwrap_or(file);
        let place = format!("{file}:{}:{}", finding["line"], finding["column"]);
        let rule = finding["rule"].as_str().unwrap().to_owned();
        let is_new = findings.entry(rule).or_default().insert(place);
        assert!(
            is_new,
            "{}: two findings of a rule in one place: {finding}",
            module.title()
        );
    }
    Found {
        files: usize::try_from(report["files"].as_u64().unwrap()).unwrap(),
        findings,
    }
}

#[test]
fn manifests_and_charts_of_the_real_world_bring_no_finding_that_nobody_judged() {
    let binary = seal_tests::built("seal-cli", "seal").unwrap();
    let home = Workspace::new().unwrap();
    let found: Corpus = CORPUS
        .iter()
        .map(|module| (module.title(), check(module, &binary, &home)))
        .collect();
    if std::env::var_os(WRITE).is_some() {
        Table::read(&table()).renewed(&found).write(&table());
    }
    let table = Table::read(&table());
    println!("{}", table.tally());
    let complaints = table.complaints(&found);
    assert!(
        complaints.is_empty(),
        "{} complaints:\n{}\n{WRITE}=1 writes the table anew, and keeps the judgements: tests/suite/tests/corpus/README.md",
        complaints.len(),
        complaints.join("\n")
    );
}

#[test]
fn the_manual_says_how_much_is_found_there_and_how_much_of_it_is_false() {
    let sentence = Table::read(&table()).tally().to_string();
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let manual = std::fs::read_to_string(manual).unwrap();
    let manual: Vec<&str> = manual.split_whitespace().collect();
    assert!(
        manual.join(" ").contains(&sentence),
        "README.md does not say: {sentence}"
    );
}
