//! `seal diff`: what differs by entry, by value where there are keys, and what is no difference.

use serde_json::Value;

use super::harness::{Bench, done, refused, secret};

/// The exit code, and what was printed without file, line and object.
fn differences(bench: &Bench, line: &str) -> (i32, Vec<String>) {
    let output = bench.seal(&format!("diff {line}"));
    assert!(output.code <= 1, "{line}: {}", output.err());
    let text = output.out();
    let told = |line: &str| line.split_once("prod/db: ").unwrap().1.to_owned();
    (output.code, text.lines().map(told).collect())
}

fn texts(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

#[test]
fn entries_that_came_went_and_were_sealed_anew_are_named_and_keys_tell_by_value() {
    let bench = Bench::new();
    bench.write(
        "a.yaml",
        bench.sealed(&secret("same: x\nother: x\ngone: x\nstays: x")),
    );
    let stays = bench.read("a.yaml");
    let stays = stays.lines().find(|line| line.contains("stays:")).unwrap();
    let new = bench.sealed(&secret("same: x\nother: z\nadded: x\nstays: x"));
    let is_stays = |line: &&str| line.contains("stays:");
    let old_line = new.lines().find(is_stays).unwrap();
    bench.write("b.yaml", format!("# moved\n{}", new.replace(old_line, stays)));

    assert_eq!(
        differences(&bench, "a.yaml b.yaml"),
        (
            1,
            texts(&[
                "added: added",
                "gone: removed",
                "other: sealed anew",
                "same: sealed anew"
            ])
        )
    );
    assert_eq!(
        differences(&bench, "a.yaml b.yaml --keys key.pem"),
        (
            1,
            texts(&[
                "added: added",
                "gone: removed",
                "other: another value",
                "same: sealed anew, the same value"
            ])
        )
    );
    assert_eq!(differences(&bench, "a.yaml a.yaml"), (0, Vec::new()));
    refused(&bench.seal("diff a.yaml b.yaml --keys other.pem"), 5, "other");
    assert!(
        !bench
            .seal("diff a.yaml b.yaml --keys other.pem")
            .err()
            .contains("stays")
    );
}

#[test]
fn what_was_only_sealed_anew_is_no_difference_to_who_has_the_keys() {
    let bench = Bench::new();
    bench.write("a.yaml", bench.sealed(&secret("a: x")));
    bench.write("b.yaml", bench.sealed(&secret("a: x")));
    assert_eq!(
        differences(&bench, "a.yaml b.yaml"),
        (1, texts(&["a: sealed anew"]))
    );
    assert_eq!(
        differences(&bench, "a.yaml b.yaml --keys key.pem"),
        (0, texts(&["a: sealed anew, the same value"]))
    );
}

#[test]
fn what_values_are_bound_to_and_used_as_is_named_and_what_says_nothing_is_not() {
    let bench = Bench::new();
    let text = bench.sealed(&secret("a: x"));
    bench.write("a.yaml", &text);
    let metadata = "  name: db\n  namespace: prod\n";
    let other = text
        .replacen(
            metadata,
            "  name: db\n  namespace: prod\n  creationTimestamp: null\n  labels: {}\n",
            1,
        )
        .trim_end()
        .to_owned();
    assert_ne!(other, text.trim_end());
    bench.write("b.yaml", &other);
    assert_eq!(differences(&bench, "a.yaml b.yaml"), (0, Vec::new()));

    let annotated = text.replacen(
        metadata,
        "  name: db\n  namespace: prod\n  annotations:\n    sealedsecrets.bitnami.com/namespace-wide: \"true\"\n",
        1,
    );
    let annotated = annotated.replacen("  template:\n", "  template:\n    type: kubernetes.io/tls\n    data:\n      c: canary-in-a-template\n      left-out: null\n", 1);
    bench.write("c.yaml", annotated);
    assert_eq!(
        differences(&bench, "a.yaml c.yaml"),
        (
            1,
            texts(&[
                "scope: strict → namespace-wide",
                "spec.template.type: Opaque → kubernetes.io/tls",
                "metadata.annotations[\"sealedsecrets.bitnami.com/namespace-wide\"]: added",
                "spec.template.data.c: added",
                "spec.template.data.left-out: added",
            ])
        )
    );
    let json = bench.seal("diff a.yaml c.yaml --output json");
    assert!(!json.out().contains("canary"), "{}", json.out());
    let json: Value = serde_json::from_str(&json.out()).unwrap();
    assert_eq!(json["changed"], 1);
    assert_eq!(
        json["files"][0]["items"][0],
        serde_json::json!({
            "object": "c.yaml:1:1: SealedSecret prod/db", "field": "scope",
            "change": "changed", "before": "strict", "after": "namespace-wide",
        })
    );
}

#[test]
fn folders_are_compared_by_path_and_documents_by_name() {
    let bench = Bench::new();
    let db = bench.sealed(&secret("a: x"));
    let named = |name: &str| bench.sealed(&secret("a: x").replace("name: db", &format!("name: {name}")));
    let (two, three) = (named("two"), named("three"));
    bench
        .write("old/x/all.yaml", format!("{db}---\n{two}"))
        .write("old/gone.yaml", &three)
        .write("old/plain.yaml", "kind: ConfigMap\n")
        // The same objects, the other way round.
        .write("new/x/all.yaml", format!("{two}---\n{db}"))
        .write("new/came.yaml", &three);
    let output = bench.seal("diff old new --output jsonl");
    assert_eq!(output.code, 1, "{}", output.err());
    let rows: Vec<Value> = output
        .out()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let told = |row: &Value| {
        let items = row["items"].as_array().unwrap().iter();
        let changes: Vec<&str> = items.map(|item| item["change"].as_str().unwrap()).collect();
        format!(
            "{} {} {}",
            row["file"].as_str().unwrap(),
            row["outcome"].as_str().unwrap(),
            changes.join(" ")
        )
    };
    assert_eq!(
        rows.iter().map(told).collect::<Vec<_>>(),
        [
            "new/came.yaml changed added added",
            "old/gone.yaml changed removed removed",
            "new/x/all.yaml unchanged unchanged unchanged",
        ]
    );
    assert!(
        output
            .err()
            .contains("2 files different (2 of 4 entries), 1 unchanged, 1 skipped"),
        "{}",
        output.err()
    );
}

#[test]
fn one_object_in_each_of_two_files_is_compared_whatever_it_is_called() {
    let bench = Bench::new();
    bench.write("prod.yaml", bench.sealed(&secret("a: x\nb: z")));
    let staging = secret("a: x").replace("namespace: prod", "namespace: staging");
    bench.write("staging.yaml", bench.sealed(&staging));
    assert_eq!(
        differences(&bench, "staging.yaml prod.yaml --keys key.pem"),
        (
            1,
            texts(&[
                "metadata.namespace: staging → prod",
                "spec.template.metadata.namespace: changed",
                "a: sealed anew, the same value",
                "b: added",
            ])
        )
    );
}

#[test]
fn trouble_is_no_difference() {
    let bench = Bench::new();
    bench
        .write("a.yaml", bench.sealed(&secret("a: x")))
        .write("broken.yaml", "kind: SealedSecret\n  x: [\n")
        .write("folder/a.yaml", bench.sealed(&secret("a: x")));
    refused(&bench.seal("diff a.yaml"), 2, "two files or two folders");
    refused(
        &bench.seal("diff a.yaml folder"),
        2,
        "a file cannot be compared with a folder",
    );
    refused(&bench.seal("diff - -"), 2, "standard input");
    refused(&bench.seal("diff a.yaml broken.yaml"), 3, "broken.yaml");
    refused(&bench.seal("diff a.yaml none.yaml"), 3, "none.yaml");
    let piped = bench.seal_with("diff - a.yaml", bench.read("a.yaml"));
    assert_eq!(done(&piped), "");
}
