//! `seal exposed` on real repositories: what the key could read, from which commit to which, and what of it stands
//! today.

use std::collections::HashMap;
use std::process::Command;

use seal_testbed::ProgramOutput;
use serde_json::Value;

use super::checkout::Checkout;
use super::harness::{Bench, done, refused, secret};

impl Checkout {
    /// Commits everything under this subject.
    pub(crate) fn commit_as(&self, subject: &str) {
        assert!(self.git("add -A"));
        assert!(self.git_with(&["commit", "-q", "--allow-empty", "--no-verify", "-m", subject]));
    }

    pub(crate) fn head(&self) -> String {
        std::fs::read_to_string(self.at().join(".git/refs/heads/main"))
            .unwrap()
            .trim()
            .to_owned()
    }

    pub(crate) fn sealed(&self, entries: &str) -> String {
        self.bench.sealed(&secret(entries))
    }

    pub(crate) fn sealed_to_another(&self, entries: &str) -> String {
        done(
            &self
                .bench
                .seal_with("seal --cert other-cert.pem", secret(entries)),
        )
    }

    pub(crate) fn exposed(&self, line: &str) -> ProgramOutput {
        let line = format!("exposed --key ../key.pem {line}");
        self.seal(&line.split_whitespace().collect::<Vec<_>>())
    }

    pub(crate) fn report(&self, line: &str) -> Value {
        let said = self.exposed(&format!("{line} --output json"));
        assert!(matches!(said.code, 0 | 1), "{}", said.err());
        serde_json::from_str(&said.out()).unwrap()
    }

    /// `FILE ENTRY FIRST..LAST HEAD WORK-TREE`, commits by their subjects.
    pub(crate) fn rows(&self, line: &str) -> Vec<String> {
        let log = Command::new("git")
            .current_dir(self.at())
            .args(["log", "--all", "--format=%H %s"])
            .output()
            .unwrap();
        let log = String::from_utf8(log.stdout).unwrap();
        let subjects: HashMap<&str, &str> = log.lines().filter_map(|line| line.split_once(' ')).collect();
        let subject = |commit: &Value| subjects[commit["commit"].as_str().unwrap()];
        let today = |today: &Value| {
            let elsewhere = today["file"].as_str().map(|file| format!(" in {file}"));
            format!(
                "{}{}",
                today["state"].as_str().unwrap(),
                elsewhere.unwrap_or_default()
            )
        };
        let report = self.report(line);
        let rows = report["entries"].as_array().unwrap().iter().map(|row| {
            format!(
                "{} {} {}..{} {} {}",
                row["file"].as_str().unwrap(),
                row["entry"].as_str().unwrap(),
                subject(&row["first"]),
                subject(&row["last"]),
                today(&row["head"]),
                today(&row["workTree"]),
            )
        });
        rows.collect()
    }
}

#[test]
fn an_entry_is_exposed_from_the_commit_that_brought_it_to_the_last_that_had_it() {
    let checkout = Checkout::new();
    let both = checkout.sealed("a: one\nb: two");
    checkout.write("apps/db.yaml", &both);
    checkout.commit_as("both");
    checkout.write("other", "x");
    checkout.commit_as("nothing");
    let (only_a, _) = both.split_once("    b:").unwrap();
    let rest = both.split_once("  template:").unwrap().1;
    checkout.write("apps/db.yaml", format!("{only_a}  template:{rest}"));
    checkout.commit_as("without b");
    assert_eq!(
        checkout.rows(""),
        [
            "apps/db.yaml a both..without b exposed exposed",
            "apps/db.yaml b both..nothing gone gone",
        ]
    );
    let said = checkout.exposed("");
    assert_eq!(said.code, 1);
    assert!(
        said.err()
            .contains("2 entries could be read: 1 still exposed, 1 no longer there"),
        "{}",
        said.err()
    );
    assert!(said.out().contains("apps/db.yaml  prod/db  a"), "{}", said.out());
}

#[test]
fn what_was_changed_or_sealed_anew_is_told_apart_as_far_as_it_can_be() {
    let checkout = Checkout::new();
    checkout.write("db.yaml", checkout.sealed("a: one\nb: two\nc: three"));
    checkout.commit_as("old");
    checkout.write("db.yaml", checkout.sealed_to_another("a: one\nb: new\nc: three"));
    checkout.commit_as("new");
    assert_eq!(
        checkout.rows(""),
        ["a", "b", "c"].map(|entry| format!("db.yaml {entry} old..old unknown unknown"))
    );
    let known = |line: &str| {
        checkout
            .rows(line)
            .iter()
            .map(|row| row.split(' ').rev().take(2).collect::<Vec<_>>().join(" "))
            .collect::<Vec<_>>()
    };
    let states = [
        "same-value same-value",
        "changed changed",
        "same-value same-value",
    ];
    assert_eq!(known("--keys ../other.pem"), states);
    // A backup holds the leaked one as well.
    assert_eq!(known("--keys ../other.pem --keys ../key.pem"), states);
    assert_eq!(checkout.exposed("--keys ../other.pem").code, 1);

    checkout.write("db.yaml", checkout.sealed_to_another("a: four\nb: new\nc: five"));
    checkout.commit_as("all changed");
    assert_eq!(known("--keys ../other.pem"), ["changed changed"; 3]);
    assert_eq!(
        checkout.exposed("--keys ../other.pem").code,
        0,
        "nothing is left to do"
    );
    assert_eq!(checkout.exposed("").code, 1, "nobody knows that");
}

#[test]
fn a_value_that_came_back_is_exposed_and_one_that_only_stands_in_the_folder_is_told_apart() {
    let checkout = Checkout::new();
    checkout.write("db.yaml", checkout.sealed("a: one"));
    checkout.commit_as("one");
    checkout.write("db.yaml", checkout.sealed("a: two"));
    checkout.commit_as("two");
    checkout.write("db.yaml", checkout.sealed_to_another("a: one"));
    assert_eq!(checkout.rows(""), ["db.yaml a one..two exposed unknown"]);
    assert_eq!(
        checkout.rows("--keys ../other.pem"),
        ["db.yaml a one..two exposed same-value"]
    );
    let said = checkout.exposed("");
    assert!(
        said.out()
            .contains("still exposed; in the work tree sealed anew, value unknown"),
        "{}",
        said.out()
    );
    checkout.commit_as("one again");
    assert_eq!(
        checkout.rows("--keys ../other.pem"),
        ["db.yaml a one..two same-value same-value"]
    );
    // On the leaked key, and not yet in any commit.
    checkout.write("db.yaml", checkout.sealed("a: three"));
    assert_eq!(checkout.rows(""), ["db.yaml a one..two unknown exposed"]);
}

#[test]
fn a_renamed_file_is_found_under_both_names_and_judged_where_its_object_stands() {
    let checkout = Checkout::new();
    checkout.write("old.yaml", checkout.sealed("a: one"));
    checkout.commit_as("old");
    assert!(checkout.git("mv old.yaml new.yaml"));
    checkout.commit_as("renamed");
    assert_eq!(
        checkout.rows(""),
        [
            "new.yaml a renamed..renamed exposed exposed",
            "old.yaml a old..old exposed in new.yaml exposed in new.yaml",
        ]
    );
    // Sealed anew and moved at once.
    std::fs::remove_file(checkout.at().join("new.yaml")).unwrap();
    checkout.write("last.yaml", checkout.sealed_to_another("a: two"));
    checkout.commit_as("moved");
    assert_eq!(
        checkout.rows("--keys ../other.pem old.yaml last.yaml"),
        ["old.yaml a old..old changed in last.yaml changed in last.yaml"]
    );
}

#[test]
fn branches_tags_and_merges_are_history_and_a_packed_repository_is_no_other() {
    let checkout = Checkout::new();
    checkout.write("db.yaml", checkout.sealed("a: base"));
    checkout.commit_as("base");
    assert!(checkout.git("checkout -q -b side"));
    checkout.write("side.yaml", checkout.sealed("a: side"));
    checkout.write("db.yaml", checkout.sealed_to_another("a: x"));
    checkout.commit_as("side");
    assert!(checkout.git("checkout -q main"));
    checkout.write("main.yaml", "kind: ConfigMap\n");
    checkout.commit_as("main");
    // The branch is merged, and what it did to one file is not.
    assert!(checkout.git("merge -q --no-commit --no-ff side") && checkout.git("rm -q -f side.yaml"));
    checkout.write("evil.yaml", checkout.sealed("e: evil"));
    checkout.commit_as("merge");
    assert!(checkout.git("checkout -q -b lost HEAD~1"));
    checkout.write("lost.yaml", checkout.sealed("a: lost"));
    checkout.commit_as("lost");
    assert!(checkout.git("tag kept") && checkout.git("checkout -q main"));
    assert!(checkout.git("branch -q -D lost") && checkout.git("branch -q -D side"));
    let rows = [
        "db.yaml a base..lost unknown unknown",
        "evil.yaml e merge..merge exposed exposed",
        "lost.yaml a lost..lost gone gone",
        "side.yaml a side..side gone gone",
    ];
    assert_eq!(checkout.rows(""), rows);
    assert!(checkout.git("gc -q --prune=now"));
    assert_eq!(checkout.rows(""), rows);
}

#[test]
fn since_begins_with_what_that_commit_holds() {
    let checkout = Checkout::new();
    checkout.write("gone.yaml", checkout.sealed("a: gone"));
    checkout.write("stays.yaml", checkout.sealed("a: stays"));
    checkout.commit_as("first");
    std::fs::remove_file(checkout.at().join("gone.yaml")).unwrap();
    checkout.write("ends.yaml", checkout.sealed("a: ends"));
    checkout.commit_as("second");
    assert!(checkout.git("tag here"));
    std::fs::remove_file(checkout.at().join("ends.yaml")).unwrap();
    checkout.write("new.yaml", checkout.sealed("a: new"));
    checkout.commit_as("third");
    assert_eq!(
        checkout.rows("--since here"),
        [
            "ends.yaml a second..second changed in new.yaml changed in new.yaml",
            "new.yaml a third..third exposed exposed",
            "stays.yaml a second..third exposed exposed",
        ]
    );
    assert_eq!(checkout.rows("--since HEAD").len(), 2);
    assert_eq!(checkout.rows("--since here~2"), checkout.rows(""));
    refused(
        &checkout.exposed("--since nowhere"),
        3,
        "nowhere names no commit of this repository",
    );
    refused(
        &checkout.exposed("--since=--all"),
        3,
        "--all names no commit of this repository",
    );
}

#[test]
fn paths_narrow_it_down_also_those_that_are_there_no_longer() {
    let checkout = Checkout::new();
    for name in [
        "a/db.yaml",
        "ab.yaml",
        "b/db.yaml",
        "b/note.txt",
        "a*.yaml",
        ".hidden/db.yaml",
    ] {
        checkout.write(name, checkout.sealed(&format!("a: {name}")));
    }
    checkout.commit_as("all");
    std::fs::remove_dir_all(checkout.at().join("b")).unwrap();
    checkout.commit_as("without b");
    let files = |line: &str| {
        checkout
            .rows(line)
            .iter()
            .map(|row| row.split(' ').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(files("a b"), ["a/db.yaml", "b/db.yaml"]);
    assert_eq!(
        files("b/note.txt"),
        ["b/note.txt"],
        "whoever names a file means it"
    );
    assert_eq!(files("a*.yaml"), ["a*.yaml"]);
    assert_eq!(files("b/../a"), ["a/db.yaml"]);
    assert_eq!(
        files(""),
        [".hidden/db.yaml", "a*.yaml", "a/db.yaml", "ab.yaml", "b/db.yaml"]
    );
    let hidden = checkout.rows(".hidden");
    assert_eq!(hidden, [".hidden/db.yaml a all..without b exposed exposed"]);
    refused(
        &checkout.exposed("../key.pem"),
        3,
        "there is no Git checkout here",
    );
    refused(
        &checkout.exposed("a ../key.pem"),
        2,
        "../key.pem is not in this repository",
    );
    refused(
        &checkout.bench.seal("exposed --key key.pem"),
        3,
        "there is no Git checkout here",
    );
}

#[test]
fn a_namespace_can_be_named_for_objects_that_name_none() {
    let checkout = Checkout::new();
    checkout.write(
        "db.yaml",
        checkout.sealed("a: one").replace("  namespace: prod\n", ""),
    );
    checkout.commit_as("old");
    assert_eq!(checkout.rows(""), [""; 0]);
    assert_eq!(
        checkout.rows("--namespace staging --namespace prod"),
        ["db.yaml a old..old exposed exposed"]
    );
}

#[test]
fn each_content_is_read_once_and_each_sealed_text_is_tried_once() {
    let checkout = Checkout::new();
    let (one, other) = (
        checkout.sealed("a: one\nb: two"),
        checkout.sealed_to_another("c: x"),
    );
    checkout.write("db.yaml", &one);
    checkout.write("copy.yaml", &one);
    checkout.commit_as("one");
    for round in 0..3 {
        checkout.write("db.yaml", format!("# {round}\n{one}---\n{other}"));
        checkout.commit_as("more");
    }
    checkout.write("db.yaml", &one);
    checkout.commit_as("back");
    let said = checkout.exposed("-v");
    for part in ["4 contents of files read", "3 different sealed texts tried"] {
        assert!(said.err().contains(part), "{}", said.err());
    }
}

#[test]
fn nothing_is_found_where_another_key_leaked() {
    let checkout = Checkout::new();
    refused(
        &{
            let bench = Bench::new();
            bench.write("r/x", "");
            let empty = Checkout { bench };
            assert!(empty.git("init -q"));
            empty.exposed("")
        },
        3,
        "there is no commit yet",
    );
    checkout.write("db.yaml", checkout.sealed_to_another("a: one"));
    checkout.commit_as("one");
    let said = checkout.exposed("");
    assert_eq!(done(&said), "");
    assert!(
        said.err()
            .contains("nothing in this history could be read with that key")
    );
    refused(&checkout.seal(&["exposed"]), 2, "");
    refused(
        &checkout.seal(&["exposed", "--key", "README"]),
        5,
        "README: no private key found",
    );
}
