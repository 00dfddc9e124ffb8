//! `seal check`: what it finds in a checkout, where, and that it never shows it.

use seal_testbed::{Canary, ProgramOutput};
use serde_json::Value;

use super::harness::{Bench, done, secret};

fn findings(bench: &Bench, line: &str) -> Vec<Value> {
    let said = bench.seal(&format!("check --output json {line}"));
    assert!(matches!(said.code, 0 | 1), "{}", said.err());
    let report: Value = serde_json::from_str(&said.out()).unwrap();
    report["findings"].as_array().unwrap().clone()
}

/// `rule file:line:column`, in the order of the report.
fn found(bench: &Bench, line: &str) -> Vec<String> {
    let place = |finding: &Value| {
        let text = |field: &str| finding[field].as_str().unwrap().to_owned();
        format!(
            "{} {}:{}:{}",
            text("rule"),
            text("file"),
            finding["line"],
            finding["column"]
        )
    };
    findings(bench, line).iter().map(place).collect()
}

fn counts(output: &ProgramOutput, code: i32) {
    assert_eq!(output.code, code, "{}{}", output.out(), output.err());
}

#[test]
fn plain_secrets_are_found_in_documents_lists_json_and_generators() {
    let bench = Bench::new();
    let plain = secret("user: u\npassword: p");
    let item = plain.trim_end().replace('\n', "\n  ");
    bench
        .write("a/many.yaml", format!("kind: ConfigMap\n---\n# one\n{plain}---\n{plain}"))
        .write("a/list.yaml", format!("apiVersion: v1\nkind: List\nitems:\n- {item}\n"))
        .write("a/one.json", r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"x"},"data":{"a":"eA=="}}"#)
        .write("a/empty.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ndata: {}\n")
        .write("a/flux.yaml", secret("password: ${PASSWORD}"))
        .write("a/.hidden.yaml", &plain)
        .write("a/.env", "PASSWORD=x\n")
        .write("a/ignored.txt", "x\n")
        .write(
            "a/kustomization.yaml",
            "resources: []\nsecretGenerator:\n- name: x\n  literals:\n  - a=b\n  - c=\n  files:\n  - k=.env\n  - missing\n  - ../key.pem\n",
        );
    let expected = [
        "plaintext-secret a/.hidden.yaml:7:3",
        "plaintext-generator a/kustomization.yaml:5:5",
        "plaintext-generator-file a/kustomization.yaml:8:5",
        "plaintext-secret a/list.yaml:10:5",
        "plaintext-secret a/many.yaml:10:3",
        "plaintext-secret a/many.yaml:19:3",
        "plaintext-secret a/one.json:1:68",
    ];
    assert_eq!(found(&bench, "a"), expected);
    let said = bench.seal("check a/one.json");
    counts(&said, 1);
    assert_eq!(
        said.out(),
        "a/one.json:1:68: error: Secret x: a Secret holds values in plain text: a [plaintext-secret]\n  | a: ***\n  \
         why: base64 hides nothing: whoever can read the repository, now or later, can read the values\n  \
         try: seal it with `seal seal --in-place`; change the values if they were ever pushed\n"
    );
    assert!(said.err().contains("1 file looked at: 1 error"), "{}", said.err());
}

#[test]
fn what_is_sealed_and_what_git_ignores_is_no_finding() {
    let bench = Bench::new();
    bench
        .write("a/db.yaml", bench.sealed(&secret("a: b")))
        .write("a/plain.yaml", secret("a: b"))
        .write("a/.gitignore", "plain.yaml\n")
        .write("a/.git/config", secret("a: b"))
        .write(
            "a/chart/templates/t.yaml",
            "kind: Secret\nmetadata: {{ .Values.x }}\nstringData: {a: b}\n",
        );
    let said = bench.seal("check a -v");
    counts(&said, 0);
    assert_eq!(said.out(), "");
    assert!(
        said.err().contains("t.yaml: 1 documents skipped: templates"),
        "{}",
        said.err()
    );
    assert!(
        said.err().contains("2 files looked at: nothing found"),
        "{}",
        said.err()
    );
    // Whoever names it, means it.
    assert_eq!(
        found(&bench, "a/plain.yaml"),
        ["plaintext-secret a/plain.yaml:7:3"]
    );
}

#[test]
fn sealed_secrets_that_cannot_work_are_found_without_a_key() {
    let bench = Bench::new();
    let good = bench.sealed(&secret("a: b"));
    let wide = "sealedsecrets.bitnami.com/cluster-wide";
    let at = |needle: &str, text: &str| {
        let line = text.lines().position(|line| line.contains(needle)).unwrap();
        line + 1
    };
    let cases = [
        (
            "wrong-version",
            good.replace("bitnami.com/v1alpha1", "bitnami.com/v1"),
            "bitnami.com/v1",
        ),
        ("cannot-open", good.replace("    a: AQ", "    a: '!!AQ"), "a: '!!"),
        (
            "template-string-data",
            good.replace("  template:\n", "  template:\n    stringData: {x: y}\n"),
            "stringData",
        ),
        (
            "scope-mismatch",
            good.replace(
                "    metadata:\n",
                &format!("    metadata:\n      annotations: {{{wide}: \"true\"}}\n"),
            ),
            wide,
        ),
        (
            "scope-ignored",
            good.replacen(
                "metadata:\n",
                &format!("metadata:\n  annotations:\n    {wide}: \"True\"\n"),
                1,
            ),
            wide,
        ),
        (
            "malformed",
            "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: db, namespace: prod}\nspec: 5\n".to_owned(),
            "apiVersion",
        ),
        (
            "duplicate-key",
            good.replacen("metadata:\n", "metadata:\n  name: db\n", 1),
            "name: db\n  name",
        ),
    ];
    for (rule, mut text, needle) in cases {
        if rule == "cannot-open" {
            text = text
                .lines()
                .map(|line| match line.contains("'!!") {
                    true => format!("{line}'\n"),
                    false => format!("{line}\n"),
                })
                .collect();
        }
        bench.write("db.yaml", &text);
        let line = match rule {
            "duplicate-key" => at("name: db", &text) + 1,
            _ => at(needle, &text),
        };
        let all = found(&bench, "db.yaml");
        let begins = format!("{rule} db.yaml:{line}:");
        assert!(
            all.len() == 1 && all[0].starts_with(&begins),
            "{begins}: {all:?}\n{text}"
        );
    }
}

#[test]
fn scope_version_and_size_are_held_to_what_the_flags_say() {
    let bench = Bench::new();
    bench.write(
        "db.yaml",
        done(&bench.seal_with("seal --cert cert.pem --scope cluster-wide", secret("a: b"))),
    );
    assert_eq!(found(&bench, "db.yaml"), [""; 0]);
    assert_eq!(found(&bench, "db.yaml --allow-scope cluster-wide"), [""; 0]);
    assert_eq!(found(&bench, "db.yaml --allow-scope namespace-wide").len(), 1);
    assert_eq!(
        findings(&bench, "db.yaml --allow-scope strict")[0]["rule"],
        "scope-too-wide"
    );
    let made = bench.seal("keygen --bits 3072 --days 1 --key-file k3.pem --cert-file c3.pem");
    counts(&made, 0);
    let said = findings(&bench, "db.yaml --cert c3.pem");
    assert_eq!(
        (&said[0]["rule"], &said[0]["file"]),
        (&"certificate-expires".into(), &"c3.pem".into())
    );
    assert_eq!(
        (&said[1]["rule"], &said[1]["fault"]),
        (&"cannot-open".into(), &"no-key-of-this-size".into())
    );
    counts(&bench.seal("check --cert c3.pem cert.pem"), 0);
    counts(&bench.seal("check --cert c3.pem cert.pem --deny-warnings"), 1);
}

#[test]
fn certificates_of_environments_are_judged_where_they_are_named() {
    let bench = Bench::new();
    counts(
        &bench.seal("keygen --bits 2048 --days 1 --key-file old.key --cert-file old.pem"),
        0,
    );
    let pin = bench.seal("cert show --cert other-cert.pem --output json").out();
    let pin: Value = serde_json::from_str(&pin).unwrap();
    let settings = format!(
        "environments:\n  a: {{paths: [a/**], certificate: old.pem}}\n  b: {{paths: [b/**], certificate: none.pem}}\n  \
         c: {{paths: [c/**], certificate: good.pem, fingerprints: [{}]}}\n  \
         d: {{paths: [d/**], certificate: good.pem}}\n  e: {{paths: [e/**], certificate: 'https://example.com/c'}}\n",
        pin["fingerprint"]
    );
    bench.write("r/old.pem", bench.read("old.pem"));
    bench.write("r/good.pem", bench.read("cert.pem"));
    bench.write("r/.seal.yaml", settings);
    let expected = [
        "certificate-expires r/.seal.yaml:2:3",
        "certificate-unusable r/.seal.yaml:3:3",
        "certificate-unusable r/.seal.yaml:4:3",
    ];
    assert_eq!(found(&bench, "r"), expected);
    let missing = &findings(&bench, "r")[1]["message"];
    assert_eq!(
        missing,
        "an environment's certificate cannot be used: cannot read r/none.pem: there is no such file"
    );
    // In one checkout the settings above count, and are told of once.
    bench.write("top/.git/HEAD", "x\n");
    bench.write(
        "top/.seal.yaml",
        "environments:\n  a: {paths: [a/**], certificate: none.pem}\n",
    );
    bench.write(
        "top/below/.seal.yaml",
        "environments:\n  b: {paths: [b/**], certificate: none.pem}\n",
    );
    assert_eq!(found(&bench, "top"), ["certificate-unusable top/.seal.yaml:2:3"]);
}

#[test]
fn a_kustomization_that_renames_what_is_strict_is_found_from_a_folder_and_from_the_file_alone() {
    let bench = Bench::new();
    bench
        .write("r/.git/HEAD", "x\n")
        .write("r/base/db.yaml", bench.sealed(&secret("a: b")))
        .write(
            "r/base/kustomization.yaml",
            "resources:\n- db.yaml\nnamePrefix: x-\n",
        )
        .write(
            "r/over/kustomization.yaml",
            "namespace: other\nresources:\n- ../base\n",
        );
    let all = findings(&bench, "r");
    assert_eq!(all.len(), 1);
    assert_eq!(all[0]["rule"], "kustomize-renames");
    assert_eq!(
        all[0]["message"],
        "r/over/kustomization.yaml sets namespace other, and the values open in another one"
    );
    let alone = findings(&bench, "r/base/db.yaml");
    assert_eq!(
        alone[0]["message"],
        "r/base/kustomization.yaml sets namePrefix x-, and the values open under another name"
    );
}

#[test]
fn private_keys_and_leftovers_are_found_and_certificates_are_not() {
    let bench = Bench::new();
    let pem = bench.read("key.pem");
    let indented = pem.replace('\n', "\n    ");
    bench
        .write(
            "a/map.yaml",
            format!("kind: ConfigMap\ndata:\n  key: |\n    {indented}\n"),
        )
        .write(
            "a/secret.yaml",
            secret(&format!("key: |\n  {}", pem.replace('\n', "\n  "))),
        )
        .write(
            "a/cert.yaml",
            format!(
                "kind: ConfigMap\ndata:\n  crt: |\n    {}\n",
                bench.read("cert.pem").replace('\n', "\n    ")
            ),
        )
        .write("a/values.yaml.dec", "password: x\n")
        .write(
            "a/.db.yaml.swp",
            b"b0VIM\0kind: Secret\0stringData:\0  a: b".as_slice(),
        )
        .write("a/db.yaml~", bench.sealed(&secret("a: b")));
    let expected = [
        "plaintext-leftover a/.db.yaml.swp:1:20",
        "private-key a/map.yaml:4:5",
        "plaintext-secret a/secret.yaml:7:3",
        "plaintext-leftover a/values.yaml.dec:1:1",
    ];
    assert_eq!(found(&bench, "a"), expected);
}

#[test]
fn a_suppression_holds_for_its_rule_and_place_and_is_reported_when_nothing_is_there() {
    let bench = Bench::new();
    let plain = secret("a: b");
    bench
        .write(
            "one.yaml",
            format!("# seal:allow plaintext-secret an example of the manual\n{plain}"),
        )
        .write(
            "two.yaml",
            plain.replace("  a: b", "  a: b # seal:allow plaintext-secret a test's"),
        )
        .write(
            "none.yaml",
            "# seal:allow private-key once there was one\nkind: ConfigMap\n",
        )
        .write("bad.yaml", format!("# seal:allow plaintext-secret\n{plain}"));
    let said = bench.seal("check one.yaml two.yaml");
    counts(&said, 0);
    assert!(
        said.err()
            .contains("2 files looked at: nothing found, 2 suppressed"),
        "{}",
        said.err()
    );
    assert_eq!(found(&bench, "none.yaml"), ["unused-suppression none.yaml:1:1"]);
    counts(&bench.seal("check none.yaml"), 0);
    let bad = ["bad-suppression bad.yaml:1:1", "plaintext-secret bad.yaml:8:3"];
    assert_eq!(found(&bench, "bad.yaml"), bad);
}

#[test]
fn with_keys_every_entry_must_open_with_one_that_is_not_retired() {
    let bench = Bench::new();
    let key = |label: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: k\n  labels:\n    sealedsecrets.bitnami.com/sealed-secrets-key: {label}\nstringData:\n  tls.key: |\n    {}\n",
            bench.read("key.pem").replace('\n', "\n    ")
        )
    };
    bench
        .write("a/db.yaml", bench.sealed(&secret("a: b")))
        .write("k.yaml", key("retired"));
    assert_eq!(found(&bench, "a --keys key.pem"), [""; 0]);
    let other = findings(&bench, "a --keys other.pem");
    assert_eq!(
        (&other[0]["rule"], &other[0]["fault"]),
        (&"does-not-open".into(), &"another-key-or-name".into())
    );
    let retired = findings(&bench, "a --keys k.yaml --keys other.pem");
    assert_eq!(retired[0]["rule"], "retired-key");
    let template = "  template:\n    data:\n      url: '{{ index .a 99 }}'\n";
    bench.write(
        "a/db.yaml",
        bench.sealed(&secret("a: b")).replace("  template:\n", template),
    );
    let failing = findings(&bench, "a --keys key.pem");
    assert_eq!(
        (&failing[0]["fault"], &failing[0]["field"]),
        (&"template-failed".into(), &"spec.encryptedData.url".into())
    );
    assert_eq!(found(&bench, "k.yaml"), ["sealing-key k.yaml:8:3"]);
}

#[test]
fn no_output_shows_a_value_or_a_digest_of_one() {
    let bench = Bench::new();
    let canary = Canary::new().unwrap();
    let quoted = serde_json::to_string(canary.text()).unwrap();
    let base64 = canary.base64();
    let last = "kubectl.kubernetes.io/last-applied-configuration";
    bench
        .write("a/secret.yaml", format!("# {}\napiVersion: v1\nkind: Secret\nmetadata:\n  name: x\n  annotations:\n    {last}: {quoted}\nstringData:\n  a: {quoted}\n  a: {quoted}\ndata:\n  b: {base64}\n", canary.text().replace('\n', " ")))
        .write("a/broken.yaml", format!("kind: Secret\nstringData:\n  a: {quoted}\n : [{quoted}\n"))
        .write("a/values.yaml.dec", canary.text())
        .write("a/sealed.yaml", format!("apiVersion: bitnami.com/v1\nkind: SealedSecret\nmetadata: {{name: x}}\nspec:\n  encryptedData: {{a: {quoted}}}\n  template: {{stringData: {{a: {quoted}}}, metadata: {{annotations: {{sealedsecrets.bitnami.com/cluster-wide: {quoted}}}}}}}\n"))
        .write("a/kustomization.yaml", format!("secretGenerator:\n- literals:\n  - {quoted}\n  - a={base64}\n"))
        .write("a/key.yaml", format!("kind: ConfigMap\ndata: {}\n", serde_json::to_string(&bench.read("key.pem")).unwrap()));
    let key = bench.read("key.pem");
    let middle = key.lines().nth(5).unwrap();
    for output in ["human", "json", "sarif", "github"] {
        let said = bench.seal(&format!("check a -v --output {output}"));
        counts(&said, 1);
        for stream in [&said.stdout, &said.stderr] {
            assert_eq!(canary.find_in(stream), [], "{output}: {}", said.out());
        }
        let all = said.out();
        assert!(
            all.contains("plaintext-secret") && all.contains("plaintext-generator"),
            "{output}: {all}"
        );
        assert!(!all.contains(middle), "{output}: {all}");
        assert!(!all.contains("cluster-wide: \"\\\""), "{output}: {all}");
        for digest in digests(canary.text().as_bytes()) {
            assert!(!all.to_lowercase().contains(&digest), "{output}: {digest}");
        }
    }
}

// What a report could carry to tell values apart, in hex.
fn digests(value: &[u8]) -> Vec<String> {
    use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA512, digest};
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    [&SHA1_FOR_LEGACY_USE_ONLY, &SHA256, &SHA512]
        .map(|algorithm| hex(digest(algorithm, value).as_ref())[..16].to_owned())
        .to_vec()
}

#[test]
fn sarif_is_what_its_schema_asks_for() {
    let mut schema: Value = serde_json::from_str(include_str!("../check/sarif-2.1.0.json")).unwrap();
    // The engine refuses the schema's pattern for languages (one bracket too many); we name no language.
    for kind in ["run", "toolComponent"] {
        let language = schema
            .pointer_mut(&format!("/definitions/{kind}/properties/language"))
            .unwrap();
        language.as_object_mut().unwrap().remove("pattern").unwrap();
    }
    let schema = jsonschema::validator_for(&schema).unwrap();
    let bench = Bench::new();
    let valid = |code: i32, rules: &[&str]| {
        let said = bench.seal("check a --output sarif");
        counts(&said, code);
        let log: Value = serde_json::from_str(&said.out()).unwrap();
        let faults: Vec<String> = schema.iter_errors(&log).map(|error| error.to_string()).collect();
        assert_eq!(faults, [""; 0]);
        let run = &log["runs"][0];
        let results = run["results"].as_array().unwrap();
        assert_eq!(
            results.iter().map(|result| &result["ruleId"]).collect::<Vec<_>>(),
            rules
        );
        for result in results {
            let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(run["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
        }
    };
    bench.write("a/x.yaml", "kind: ConfigMap\n");
    valid(0, &[]);
    bench
        .write("a/db.yaml", secret("a: b"))
        .write("a/b c.yaml.dec", "password: x\n");
    valid(1, &["plaintext-leftover", "plaintext-secret"]);
}

#[cfg(unix)]
#[test]
fn every_output_encodes_names_for_where_it_ends_up() {
    let bench = Bench::new();
    let name = "::error file=x::y\n::set-output name=a::b\u{1b}[2J,%.yaml";
    bench.write(name, secret("\"k\\e[2J\\n::error::x\": b"));
    let run = |output: &str| {
        let said = super::harness::program(bench.folder.path())
            .args(["check", "--output", output, name])
            .run()
            .unwrap();
        counts(&said, 1);
        assert!(!said.out().contains('\u{1b}'), "{output}");
        said.out()
    };
    let human = run("human");
    assert!(
        human.lines().all(|line| !line.trim_start().starts_with("::")),
        "{human}"
    );
    let github = run("github");
    assert_eq!(github.lines().count(), 1, "{github}");
    assert!(
        github.starts_with("::error file=%3A%3Aerror file=x%3A%3Ay%0A%3A%3Aset-output"),
        "{github}"
    );
    let sarif: Value = serde_json::from_str(&run("sarif")).unwrap();
    let uri = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    assert!(
        uri.as_str().unwrap().starts_with("%3A%3Aerror%20file%3Dx"),
        "{uri}"
    );
    run("json");
}
