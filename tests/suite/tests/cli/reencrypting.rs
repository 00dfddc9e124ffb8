//! `reencrypt` and `keys usage`: a checkout under one key, and nothing else of it changed.

use serde_json::Value;

use super::harness::{Bench, done, refused, secret, without_note};

/// A checkout with comments, a list, JSON, foreign files, a template; one object is sealed to the other key.
fn bench() -> Bench {
    let bench = Bench::new();
    let old = bench.sealed(&secret("a: old-a\nb: old-b"));
    let new = without_note(&done(
        &bench.seal_with("seal --cert other-cert.pem", secret("a: new-a")),
    ));
    let indented = |text: &str| text.trim_start_matches("---\n").trim_end().replace('\n', "\n  ");
    let list = format!(
        "apiVersion: v1\nkind: List\nitems:\n# the first\n- {}\n- {}\n",
        indented(&old),
        indented(&new)
    );
    bench
        .write(
            "apps/db.yaml",
            format!("# head\nkind:   ConfigMap\n---\n{old}# tail\r\n"),
        )
        .write("apps/new.yaml", &new)
        .write("apps/list.yml", list)
        .write(
            "apps/one.json",
            done(&bench.seal_with("seal --cert cert.pem --format json", secret("a: old-a"))),
        )
        .write("apps/plain.yaml", "kind: Deployment\n")
        .write(
            "apps/templates/t.yaml",
            "kind: SealedSecret\nmetadata: {{ .Values.x }}\n",
        )
        .write("apps/note.txt", &old);
    bench
}

const BOTH: &str = "--keys key.pem --keys other.pem";

fn target(bench: &Bench) -> String {
    let shown = done(&bench.seal("cert show --cert other-cert.pem --output json"));
    let shown: Value = serde_json::from_str(&shown).unwrap();
    shown["fingerprint"].as_str().unwrap().to_owned()
}

// Lines without what is sealed in them, and the note; 2048 bits begin so in base64.
fn sealed_lines(text: &str) -> Vec<&str> {
    text.split('\n')
        .map(|line| line.split_once("SHA256:").map_or(line, |(before, _)| before))
        .map(|line| line.split_once("AQ").map_or(line, |(before, _)| before))
        .collect()
}

#[test]
fn what_is_on_another_key_is_sealed_to_the_target_and_no_other_byte_changes() {
    let bench = bench();
    let files = [
        "apps/db.yaml",
        "apps/list.yml",
        "apps/one.json",
        "apps/new.yaml",
        "apps/plain.yaml",
        "apps/note.txt",
    ];
    let before = files.map(|file| bench.read(file));
    let said = bench.seal(&format!("reencrypt apps {BOTH} --to {}", target(&bench)));
    done(&said);
    assert!(
        said.err().contains(
            "3 files rewritten (5 of 7 entries), 1 unchanged, 1 skipped (a template that is not rendered), \
                 1 skipped (no SealedSecret in it)"
        ),
        "{}",
        said.err()
    );
    for (file, before) in files.iter().zip(&before).take(3) {
        let after = bench.read(file);
        assert_ne!(after, *before, "{file}");
        assert_eq!(sealed_lines(&after), sealed_lines(before), "{file}");
    }
    for (file, before) in files.iter().zip(&before).skip(3) {
        assert_eq!(bench.read(file), *before, "{file}");
    }
    let rendered = done(&bench.seal("render --keys other.pem apps/db.yaml"));
    assert!(
        rendered.contains("  a: b2xkLWE=") && rendered.contains("  b: b2xkLWI="),
        "{rendered}"
    );
    // The second run has nothing to do.
    let said = bench.seal(&format!("reencrypt apps {BOTH} --to {} --check", target(&bench)));
    done(&said);
    assert!(
        said.err()
            .contains("0 files to rewrite (0 of 7 entries), 4 unchanged"),
        "{}",
        said.err()
    );
}

#[test]
fn check_and_dry_run_write_nothing_and_name_entries_without_a_value() {
    let bench = bench();
    let before = bench.read("apps/db.yaml");
    let to = target(&bench);
    let said = bench.seal(&format!("reencrypt apps/db.yaml {BOTH} --to {to} --check"));
    assert_eq!(said.code, 1);
    assert!(
        said.out().contains("SealedSecret prod/db: a (was on SHA256:"),
        "{}",
        said.out()
    );
    let said = bench.seal(&format!(
        "reencrypt apps/db.yaml {BOTH} --to {to} --dry-run --output json"
    ));
    let report: Value = serde_json::from_str(&done(&said)).unwrap();
    assert_eq!(report["changed"], 1);
    assert_eq!(report["files"][0]["items"][1]["entry"], "b");
    assert_eq!(report["files"][0]["items"][1]["changed"], true);
    assert_eq!(bench.read("apps/db.yaml"), before);
}

#[test]
fn a_file_that_fails_stays_as_it_is_and_stops_no_other() {
    let bench = bench();
    let broken = bench.read("apps/new.yaml").replace("a: AQ", "a: AQx");
    bench.write("apps/broken.yaml", &broken);
    let said = bench.seal(&format!("reencrypt apps {BOTH} --to {}", target(&bench)));
    assert_eq!(said.code, 4, "{}", said.err());
    assert!(said.err().contains("apps/broken.yaml:"), "{}", said.err());
    assert!(
        said.err().contains(
            "3 files rewritten (5 of 7 entries), 1 unchanged, 1 skipped (a template that is not rendered), \
                 1 skipped (no SealedSecret in it), 1 failed"
        ),
        "{}",
        said.err()
    );
    assert_eq!(bench.read("apps/broken.yaml"), broken);
}

#[test]
fn nothing_is_sealed_to_a_key_whose_private_half_is_not_here() {
    let bench = bench();
    let before = bench.read("apps/db.yaml");
    let to = target(&bench);
    refused(
        &bench.seal(&format!("reencrypt apps --keys key.pem --to {to}")),
        5,
        "the private key of SHA256:",
    );
    // Two PEM files without certificates: nobody can tell which is the newest.
    refused(&bench.seal(&format!("reencrypt apps {BOTH}")), 2, "equally new");
    assert_eq!(bench.read("apps/db.yaml"), before);
}

#[test]
fn the_note_follows_what_is_sealed_anew_and_usage_tells_by_it_and_by_proof() {
    let bench = bench();
    let to = target(&bench);
    let count = |line: &str, key: &str| {
        let table = done(&bench.seal(line));
        let row = table
            .lines()
            .find(|row| row.starts_with(key))
            .unwrap_or_else(|| panic!("{key}: {table}"))
            .to_owned();
        row.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap()
    };
    let proof = format!("keys usage apps {BOTH}");
    assert_eq!((count(&proof, &to), count("keys usage apps", "unknown")), (2, 6));
    done(&bench.seal(&format!("reencrypt apps {BOTH} --to {to} --annotate")));
    assert_eq!((count(&proof, &to), count("keys usage apps", &to)), (7, 7));
    // Somebody pastes a text: its note is about another one.
    let pasted = done(&bench.seal_with("seal --cert cert.pem", secret("a: pasted")));
    let text = pasted
        .lines()
        .find_map(|line| line.trim().strip_prefix("a: "))
        .unwrap();
    let new = bench.read("apps/new.yaml");
    let old = new
        .lines()
        .find_map(|line| line.trim().strip_prefix("a: "))
        .unwrap();
    bench.write("apps/new.yaml", new.replace(old, text));
    assert_eq!((count(&proof, &to), count("keys usage apps", "unknown")), (6, 1));
    // What has a note keeps it right without being asked.
    done(&bench.seal(&format!("reencrypt apps {BOTH} --to {to}")));
    assert_eq!(count("keys usage apps", &to), 7);
}

#[test]
fn what_git_ignores_and_links_that_lead_elsewhere_are_left_alone() {
    let bench = bench();
    let old = bench.read("apps/db.yaml");
    bench
        .write("elsewhere/db.yaml", &old)
        .write("apps/secret/db.yaml", &old)
        .write("apps/.gitignore", "secret/\n");
    std::fs::create_dir(bench.folder.path().join("apps/.git")).unwrap();
    std::os::unix::fs::symlink("../elsewhere", bench.folder.path().join("apps/link")).unwrap();
    std::os::unix::fs::symlink("../elsewhere/db.yaml", bench.folder.path().join("apps/link.yaml")).unwrap();
    done(&bench.seal(&format!("reencrypt apps {BOTH} --to {}", target(&bench))));
    for file in ["elsewhere/db.yaml", "apps/secret/db.yaml"] {
        assert_eq!(bench.read(file), old, "{file}");
    }
    assert_ne!(bench.read("apps/db.yaml"), old);
}
