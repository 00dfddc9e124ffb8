//! `check --fix`: what it mends, that no other byte changes, and what it leaves to people.

use serde_json::Value;

use super::harness::{Bench, refused, secret};

const APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
const WIDE: &str = "sealedsecrets.bitnami.com/cluster-wide";

/// What a run finds, by rule, and how much it mended.
fn check(bench: &Bench, line: &str) -> (Vec<String>, u64) {
    let report: Value = serde_json::from_str(&bench.seal(&format!("{line} --output json")).out()).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let rule = |finding: &Value| finding["rule"].as_str().unwrap().to_owned();
    (
        findings.iter().map(rule).collect(),
        report["fixed"].as_u64().unwrap(),
    )
}

#[test]
fn what_can_be_mended_is_and_no_other_byte_changes() {
    let bench = Bench::new();
    let good = bench.sealed(&secret("a: b"));
    let head = "# head\nkind:   ConfigMap\n---\n";
    let broken = good.replace("bitnami.com/v1alpha1", "'bitnami.com/v1' # new").replacen(
        "metadata:\n",
        &format!("metadata:\n  annotations:\n    # left by kubectl\n    {APPLIED}: |\n      {{}}\n    {WIDE}: \"True\"\n"),
        1,
    );
    let mended = good.replace("bitnami.com/v1alpha1", "'bitnami.com/v1alpha1' # new");
    let allow = "# seal:allow plaintext-secret,cannot-open not any more\n";
    bench.write("all.yaml", format!("{head}{allow}{broken}{allow}"));
    let list = format!(
        "{{\"kind\": \"List\", \"apiVersion\": \"v1\", \"items\": [ {{\"kind\": \"Secret\", \"apiVersion\": \"v1\",   \"metadata\": \
         {{\"name\": \"x\", \"annotations\": {{\"{APPLIED}\": \"{{}}\", \"b\": \"c\"}}}}}}]}}\n"
    );
    bench.write("list.json", &list);
    let (found, _) = check(&bench, "check all.yaml list.json");
    let rules = [
        "wrong-version",
        "last-applied",
        "scope-ignored",
        "unused-suppression",
    ];
    for rule in rules {
        assert!(found.iter().any(|found| found == rule), "{rule}: {found:?}");
    }
    let said = bench.seal("check all.yaml list.json --fix");
    assert_eq!(said.code, 0, "{}{}", said.out(), said.err());
    assert!(said.err().contains("all.yaml:5:1: fixed: "), "{}", said.err());
    let after = bench.read("all.yaml");
    assert_eq!(after, format!("{head}{mended}"));
    assert_eq!(
        bench.read("list.json"),
        list.replace(&format!("\"{APPLIED}\": \"{{}}\", "), "")
    );
    assert_eq!(check(&bench, "check all.yaml list.json --fix"), (Vec::new(), 0));
    assert_eq!(bench.read("all.yaml"), after);
    assert!(bench.rendered(&after).contains("  a: Yg==\n"));
}

#[test]
fn what_needs_somebody_who_decides_is_left_alone() {
    let bench = Bench::new();
    let sealed = bench.sealed(&secret("a: b"));
    // A text that only looks like a comment; no text at all; another's annotations through an alias.
    let embedded = "kind: ConfigMap\ndata:\n  a: |\n    x: y\n    # seal:allow private-key why\n";
    let unquoted = sealed.replacen(
        "metadata:\n",
        &format!("metadata:\n  annotations:\n    {WIDE}: True\n"),
        1,
    );
    let shared = sealed
        .replacen("metadata:\n", "metadata:\n  annotations: *shared\n", 1)
        .replace(
            "apiVersion: bitnami.com",
            &format!("x-shared: &shared\n  {APPLIED}: '{{}}'\napiVersion: bitnami.com"),
        );
    let plain = secret("a: b");
    let template = format!(
        "{}---\na: {{{{ .b }}}}: c\n",
        sealed.replace("bitnami.com/v1alpha1", "bitnami.com/v1")
    );
    // What is rendered before it is applied; another project's kind; annotations that stand twice.
    let with = |annotations: &str| sealed.replacen("metadata:\n", &format!("metadata:\n{annotations}"), 1);
    let substituted = with(&format!("  annotations:\n    {WIDE}: \"${{CLUSTER_WIDE}}\"\n"));
    let foreign = sealed.replacen("bitnami.com/v1alpha1", "secrets.example.com/v1", 1);
    let twice = with(&format!(
        "  annotations:\n    keep: me\n  annotations:\n    {WIDE}: \"True\"\n"
    ));
    for (name, text) in [
        ("substituted.yaml", substituted.as_str()),
        ("foreign.yaml", &foreign),
        ("twice.yaml", &twice),
        ("embedded.yaml", embedded),
        ("unquoted.yaml", &unquoted),
        ("shared.yaml", &shared),
        ("plain.yaml", &plain),
        ("template.yaml", &template),
    ] {
        bench.write(name, text);
        let before = check(&bench, &format!("check {name}"));
        assert!(!before.0.is_empty(), "{name}");
        assert_eq!(check(&bench, &format!("check {name} --fix")), before, "{name}");
        assert_eq!(bench.read(name), *text, "{name}");
    }
    let settings = "check:\n  allow:\n  - {rule: plaintext-secret, paths: ['none/**'], reason: gone}\n";
    bench
        .write("repository/.seal.yaml", settings)
        .write("repository/a.yaml", &sealed);
    let unused = (vec!["unused-suppression".to_owned()], 0);
    assert_eq!(check(&bench, "check repository --fix"), unused);
    let said = bench.seal("check embedded.yaml --fix");
    assert!(said.err().contains("part of a value"), "{}", said.err());
    refused(
        &bench.seal_with("check - --fix", plain.as_str()),
        2,
        "standard input",
    );
    refused(&bench.seal("check --staged --fix"), 2, "--staged");
}
