//! `seal exposed` on repositories that strangers wrote or that do not hold everything: nothing is run, hidden, leaked,
//! or passed over in silence.

use seal_testbed::Canary;

use super::checkout::Checkout;

#[test]
fn names_are_nothing_that_a_terminal_a_table_or_a_spreadsheet_obeys() {
    let checkout = Checkout::new();
    let names = [
        "=cmd|x.yaml",
        "a\nb.yaml",
        "\u{1b}[2J\u{202e}.yaml",
        "::stop::x.yaml",
        "\"q\"`.yaml",
        "ü.yaml",
    ];
    for name in names {
        checkout.write(name, checkout.sealed("a: one"));
    }
    checkout.commit_as("all");
    let rows = checkout.rows("");
    assert_eq!(rows.len(), names.len());
    for name in names {
        assert!(
            rows.iter()
                .any(|row| row.starts_with(&format!("{name} a all..all"))),
            "{rows:?}"
        );
    }
    for output in ["human", "csv", "markdown"] {
        let said = checkout.exposed(&format!("--output {output}"));
        let text = said.out();
        let heading = if output == "markdown" { 2 } else { 1 };
        assert_eq!(text.lines().count(), heading + names.len(), "{text}");
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
        assert!(
            !text
                .lines()
                .any(|line| line.starts_with("::") || output == "csv" && line.starts_with('=')),
            "{text}"
        );
        assert!(text.contains("\u{fc}.yaml"), "{text}");
        if output == "markdown" {
            assert!(text.lines().all(|line| line.matches('|').count() == 10), "{text}");
        }
    }
}

#[test]
fn a_hostile_checkout_runs_nothing_and_hides_nothing() {
    let checkout = Checkout::new();
    checkout.write("db.yaml", checkout.sealed("a: one"));
    checkout.write(".gitattributes", "*.yaml filter=evil diff=evil\n");
    checkout.commit_as("exposed");
    let exposed = checkout.head();
    // What git would show in place of the commit, of the file, and of what was before.
    checkout.commit_as("more");
    assert!(checkout.git("replace HEAD~1 HEAD~2") && checkout.git("replace HEAD:db.yaml HEAD:README"));
    let grafted = format!("{}\n", checkout.head());
    checkout.write(".git/info/grafts", grafted);
    let ran = checkout.bench.folder.path().join("ran");
    let evil = format!("touch {}", ran.display());
    for name in [
        "core.fsmonitor",
        "diff.external",
        "diff.evil.command",
        "diff.evil.textconv",
        "filter.evil.clean",
        "filter.evil.smudge",
        "filter.evil.process",
        "gpg.program",
        "core.pager",
        "core.sshCommand",
        "uploadpack.packObjectsHook",
    ] {
        assert!(checkout.git_with(&["config", name, &evil]));
    }
    for (name, value) in [
        ("log.showSignature", "true"),
        ("log.showRoot", "false"),
        ("core.quotePath", "true"),
    ] {
        assert!(checkout.git_with(&["config", name, value]));
    }
    let report = checkout.report("");
    assert_eq!(report["entries"][0]["first"]["commit"], exposed.as_str());
    assert_eq!(report["complete"], true);
    assert!(!ran.exists());
}

#[test]
fn what_was_not_seen_is_said() {
    let checkout = Checkout::new();
    checkout.write("db.yaml", checkout.sealed("a: one"));
    checkout.commit_as("old");
    checkout.write("db.yaml", checkout.sealed("a: two"));
    checkout.write("t.yaml", "kind: SealedSecret\nmetadata: {{ .Values.x }}\n");
    checkout.write("broken.yaml", "kind: SealedSecret\na: [\n");
    let homeless = checkout
        .sealed_to_another("a: one")
        .replace("  namespace: prod\n", "");
    checkout.write("homeless.yaml", homeless);
    checkout.commit_as("new");
    let said = checkout.exposed("-v");
    for part in [
        "1 contents are templates that are not rendered",
        "t.yaml: skipped: a template that is not rendered",
        "1 contents with SealedSecrets cannot be read",
        "broken.yaml",
        "1 sealed texts name no namespace and did not open",
    ] {
        assert!(said.err().contains(part), "{part}: {}", said.err());
    }
    assert_eq!(checkout.report("")["complete"], false);
    // Broken in the folder only: nobody knows what became of it.
    checkout.write("db.yaml", "kind: SealedSecret\na: [\n");
    assert_eq!(checkout.rows("db.yaml"), ["db.yaml a old..new exposed unknown"]);

    let bare = format!("file://{}", checkout.at().display());
    let clone = checkout.bench.folder.path().join("shallow");
    let clone = clone.to_str().unwrap();
    assert!(checkout.git_with(&["clone", "-q", "--depth", "1", &bare, clone]));
    let said = checkout.bench.seal("exposed --key key.pem shallow");
    assert!(said.err().contains("this clone is shallow"), "{}", said.err());
    assert_eq!(said.out().matches("db.yaml").count(), 1, "{}", said.out());
    let clone = checkout.bench.folder.path().join("partial");
    let clone = clone.to_str().unwrap();
    assert!(checkout.git("config uploadpack.allowFilter true"));
    assert!(checkout.git_with(&["clone", "-q", "--filter=blob:none", "--no-checkout", &bare, clone]));
    let said = checkout.bench.seal("exposed --key key.pem partial");
    // Newer gits say what they lack, older ones end.
    assert!(said.err().contains("made without"), "{}", said.err());
}

#[test]
fn no_value_and_no_digest_of_one_is_printed() {
    let checkout = Checkout::new();
    let canary = Canary::new().unwrap();
    let quoted = serde_json::to_string(canary.text()).unwrap();
    checkout.write("db.yaml", checkout.sealed(&format!("a: {quoted}")));
    checkout.commit_as("old");
    checkout.write("db.yaml", checkout.sealed_to_another(&format!("a: {quoted}")));
    checkout.commit_as("new");
    for output in ["human", "json", "csv", "markdown"] {
        let said = checkout.exposed(&format!("-v --keys ../other.pem --output {output}"));
        assert!(said.out().contains("db.yaml"), "{}", said.err());
        assert_eq!(canary.find_in(&said.stdout), []);
        assert_eq!(canary.find_in(&said.stderr), []);
        for digest in canary_digests(canary.text()) {
            assert!(!said.out().contains(&digest) && !said.err().contains(&digest));
        }
    }
}

// The usual ones, as a command line tool writes them.
fn canary_digests(text: &str) -> Vec<String> {
    ["md5sum", "sha1sum", "sha256sum", "sha512sum"]
        .iter()
        .filter_map(|tool| {
            let hashed = seal_testbed::Program::new(tool).stdin(text).run().ok()?;
            Some(hashed.out().split(' ').next()?.to_owned())
        })
        .collect()
}
