//! `seal check --staged` and `seal git install`, on real checkouts, hostile ones among them.

use std::path::Path;

use super::checkout::Checkout;
use super::harness::{Bench, done, program, refused, secret};

impl Checkout {
    /// Codes and files, as staged.
    fn found(&self) -> Vec<String> {
        let said = self.seal(&["check", "--staged", "--output", "json"]);
        assert!(matches!(said.code, 0 | 1), "{}", said.err());
        let report: serde_json::Value = serde_json::from_str(&said.out()).unwrap();
        let findings = report["findings"].as_array().unwrap().iter();
        findings
            .map(|one| {
                format!(
                    "{} {}",
                    one["rule"].as_str().unwrap(),
                    one["file"].as_str().unwrap()
                )
            })
            .collect()
    }
}

#[test]
fn what_is_staged_counts_and_not_what_stands_in_the_folder() {
    let checkout = Checkout::new();
    assert_eq!(checkout.found(), [""; 0]);
    checkout.write("a/db.yaml", secret("a: b"));
    assert_eq!(checkout.found(), [""; 0], "nothing is staged yet");
    assert!(checkout.git("add -A"));
    checkout.write("a/db.yaml", "kind: ConfigMap\n");
    assert_eq!(checkout.found(), ["plaintext-secret a/db.yaml"]);
    assert!(checkout.git("add -A"));
    checkout.write("a/db.yaml", secret("a: b"));
    assert_eq!(
        checkout.found(),
        [""; 0],
        "the plain one is not staged any longer"
    );
}

#[test]
fn before_the_first_commit_everything_is_new() {
    let bench = Bench::new();
    bench.write("r/db.yaml", secret("a: b"));
    let checkout = Checkout { bench };
    assert!(checkout.git("init -q") && checkout.git("add -A"));
    assert_eq!(checkout.found(), ["plaintext-secret db.yaml"]);
    refused(
        &checkout.bench.seal("check --staged"),
        3,
        "there is no Git checkout here",
    );
}

#[test]
fn a_scope_that_is_wider_than_the_committed_one_is_found() {
    let checkout = Checkout::new();
    let strict = checkout.bench.sealed(&secret("a: b"));
    let wide = strict.replacen(
        "metadata:\n",
        "metadata:\n  annotations:\n    sealedsecrets.bitnami.com/cluster-wide: \"true\"\n",
        1,
    );
    checkout.write("db.yaml", &strict);
    checkout.write("wide.yaml", &wide);
    checkout.commit();
    checkout.write("db.yaml", &wide);
    checkout.write("wide.yaml", format!("# one more\n{wide}"));
    assert!(checkout.git("add -A"));
    assert_eq!(checkout.found(), ["scope-widened db.yaml"]);
    checkout.write(
        "db.yaml",
        format!("# seal:allow scope-widened all may have it\n{wide}"),
    );
    assert!(checkout.git("add -A"));
    assert_eq!(checkout.found(), [""; 0]);
}

#[test]
fn kustomizations_and_files_of_the_index_say_what_becomes_of_what_is_staged() {
    let checkout = Checkout::new();
    checkout.write(
        "over/kustomization.yaml",
        "namespace: other\nresources: [../base]\n",
    );
    checkout.write("base/kustomization.yaml", "resources: [db.yaml]\n");
    checkout.write("base/.env", "A=b\n");
    checkout.commit();
    checkout.write("base/db.yaml", checkout.bench.sealed(&secret("a: b")));
    checkout.write(
        "gen/kustomization.yaml",
        "secretGenerator:\n- envs: [../base/.env, new.env]\n",
    );
    checkout.write("gen/new.env", "A=b\n");
    assert!(checkout.git("add base gen/kustomization.yaml"));
    let expected = [
        "kustomize-renames base/db.yaml",
        "plaintext-generator-file gen/kustomization.yaml",
    ];
    assert_eq!(checkout.found(), expected);
}

#[test]
fn the_hook_refuses_a_commit_and_an_other_hook_is_left_alone() {
    let checkout = Checkout::new();
    done(&checkout.seal(&["git", "install"]));
    done(&checkout.seal(&["git", "install"]));
    checkout.write("db.yaml", secret("a: b"));
    assert!(checkout.git("add -A"));
    assert!(
        !checkout.git("commit -q -m plain"),
        "the hook lets a plain Secret pass"
    );
    checkout.write("db.yaml", checkout.bench.sealed(&secret("a: b")));
    assert!(
        !checkout.git("commit -q -m plain"),
        "what is staged is still plain"
    );
    assert!(checkout.git("add -A") && checkout.git("commit -q -m sealed"));

    checkout.write(".git/hooks/pre-commit", "#!/bin/sh\nexit 0\n");
    refused(
        &checkout.seal(&["git", "install"]),
        3,
        "there is a pre-commit hook already",
    );
    assert!(checkout.git("config core.hooksPath ../hooks"));
    refused(&checkout.seal(&["git", "install"]), 3, "outside of this checkout");
    assert!(!checkout.bench.folder.path().join("hooks").exists());
}

// A checkout whose configuration names programs: none may run (S22).
#[cfg(unix)]
#[test]
fn nothing_that_a_hostile_checkout_names_is_run() {
    let checkout = Checkout::new();
    let folder = checkout.bench.folder.path().to_owned();
    let ran = |what: &str| folder.join(format!("ran-{what}"));
    for what in ["fsmonitor", "external", "textconv", "filter", "pager", "hook"] {
        let script = format!("#!/bin/sh\ntouch {}\ncat\n", ran(what).display());
        checkout.bench.write(&format!("{what}.sh"), script);
        let path = folder.join(format!("{what}.sh"));
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let evil = |what: &str| folder.join(format!("{what}.sh")).display().to_string();
    checkout.write("db.yaml", "kind: ConfigMap\n");
    checkout.write(".gitattributes", "*.yaml diff=evil filter=evil\n");
    checkout.commit();
    let name = "--output=x\n.yaml";
    checkout.write("db.yaml", secret("a: b"));
    checkout.write(name, secret("a: b"));
    assert!(checkout.git("add -A"));
    for (key, value) in [
        ("core.fsmonitor", evil("fsmonitor")),
        ("diff.external", evil("external")),
        ("diff.evil.textconv", evil("textconv")),
        ("diff.evil.command", evil("external")),
        ("filter.evil.clean", evil("filter")),
        ("filter.evil.smudge", evil("filter")),
        ("core.pager", evil("pager")),
        ("core.hooksPath", folder.display().to_string()),
    ] {
        assert!(checkout.git_with(&["config", key, &value]));
    }
    let found = checkout.found();
    let expected = [
        format!("plaintext-secret {name}"),
        "plaintext-secret db.yaml".to_owned(),
    ];
    assert_eq!(found, expected);
    for what in ["fsmonitor", "external", "textconv", "filter", "pager", "hook"] {
        assert!(!ran(what).exists(), "{what} ran");
    }
    // The props are sound: git itself runs one of them.
    checkout.git("diff HEAD");
    assert!(ran("external").exists() || ran("textconv").exists() || ran("fsmonitor").exists());
    assert!(!Path::new("x").exists());
}

#[cfg(unix)]
#[test]
fn links_are_not_followed_out_of_a_checkout() {
    let checkout = Checkout::new();
    checkout
        .bench
        .write("outside.yaml", secret("a: b"))
        .write("far/x.yaml", secret("a: b"));
    std::os::unix::fs::symlink("../outside.yaml", checkout.at().join("in.yaml")).unwrap();
    std::os::unix::fs::symlink("../far", checkout.at().join("folder")).unwrap();
    checkout.write(
        "kustomization.yaml",
        "secretGenerator:\n- files: [../outside.yaml, folder/x.yaml, in.yaml]\n",
    );
    assert!(checkout.git("add -A"));
    assert_eq!(checkout.found(), [""; 0]);
    let said = checkout.seal(&["check"]);
    assert_eq!((said.code, said.out()), (0, String::new()), "{}", said.err());
}

const SETTINGS: &str = "environments:\n  prod:\n    paths: [prod/**]\n    certificate: prod.pem\n    allowed-scopes: [strict, namespace-wide]\n  dev:\n    paths: [dev/**]\n    certificate: dev.pem\n    fingerprints: [PIN]\n    allowed-scopes: [cluster-wide]\ncheck:\n  allow:\n  - rule: plaintext-secret\n    paths: [dev/**]\n    reason: examples\n";

fn pin(checkout: &Checkout, certificate: &str) -> String {
    let shown = done(
        &checkout
            .bench
            .seal(&format!("cert show --cert {certificate} --output json")),
    );
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    shown["fingerprint"].as_str().unwrap().to_owned()
}

#[test]
fn settings_say_what_is_allowed_where_in_the_folder_and_in_the_index() {
    let checkout = Checkout::new();
    let line = "seal --cert cert.pem --scope cluster-wide";
    let wide = done(&checkout.bench.seal_with(line, secret("a: b")));
    let pin = pin(&checkout, "cert.pem");
    checkout.write(".seal.yaml", SETTINGS.replace("PIN", &pin));
    checkout.write("prod/db.yaml", &wide);
    checkout.write("dev/db.yaml", &wide);
    checkout.write("other/db.yaml", &wide);
    checkout.write("dev/plain.yaml", secret("a: b"));
    assert!(checkout.git("add -A"));
    let expected = ["scope-too-wide other/db.yaml", "scope-too-wide prod/db.yaml"];
    assert_eq!(checkout.found(), expected);
    let said = checkout.seal(&["check"]);
    let out = said.out();
    assert!(out.contains("prod/db.yaml:5:5: error: SealedSecret prod/db: the scope is cluster-wide, and allowed is strict or namespace-wide"), "{out}");
    assert!(
        !out.contains("plaintext-secret") && !out.contains("unused"),
        "{out}"
    );
    std::fs::remove_file(checkout.at().join("dev/plain.yaml")).unwrap();
    let said = checkout.seal(&["check"]);
    assert!(
        said.out()
            .contains(".seal.yaml:13:5: warning: plaintext-secret is suppressed and not found"),
        "{}",
        said.out()
    );
    let said = done(&checkout.seal(&["config", "explain", "dev/new.yaml"]));
    for part in [
        "environment     dev",
        "certificate     dev.pem",
        &pin,
        "allowed scopes  cluster-wide",
        "check allows    plaintext-secret: examples",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // Whoever changes a folder below takes no pins and scopes away (S3, S20).
    checkout.write("dev/.seal.yaml", "allowed-scopes: [strict]\n");
    assert_eq!(done(&checkout.seal(&["config", "explain", "dev/new.yaml"])), said);
    for (nonsense, complaint) in [
        (
            "environments: [dev]\n",
            "it is a mapping of names to environments",
        ),
        ("check: {allow: {rule: x}}\n", "it is a list"),
    ] {
        checkout.write(".seal.yaml", nonsense);
        refused(&checkout.seal(&["config", "explain", "x.yaml"]), 3, complaint);
    }
    checkout.write(".seal.yaml", "enviroments: {}\n");
    refused(
        &checkout.seal(&["config", "explain", "x.yaml"]),
        3,
        "1:1: there is no setting enviroments",
    );
}

#[test]
fn set_takes_certificate_pins_and_scope_from_the_environment() {
    let checkout = Checkout::new();
    let line = "seal --cert cert.pem --scope cluster-wide";
    let wide = done(&checkout.bench.seal_with(line, secret("a: b")));
    checkout.write(".seal.yaml", SETTINGS.replace("PIN", &pin(&checkout, "cert.pem")));
    checkout.write("prod/db.yaml", checkout.bench.sealed(&secret("a: b")));
    checkout.write("dev/db.yaml", &wide);
    checkout.write("prod.pem", checkout.bench.read("other-cert.pem"));
    checkout.write("dev.pem", checkout.bench.read("cert.pem"));
    let set = |file: &str| {
        program(&checkout.at())
            .args(["set", file, "x"])
            .stdin("new")
            .run()
            .unwrap()
    };
    done(&set("prod/db.yaml"));
    done(&set("dev/db.yaml"));
    let opens =
        |file: &str, key: &str| checkout.bench.seal(&format!("verify --keys {key} r/{file}")).code == 0;
    assert!(opens("dev/db.yaml", "key.pem"));
    assert!(!opens("prod/db.yaml", "key.pem") && opens("prod/db.yaml", "key.pem --keys other.pem"));
    // Another key under the same name is not what is pinned.
    checkout.write("dev.pem", checkout.bench.read("other-cert.pem"));
    let before = checkout.bench.read("r/dev/db.yaml");
    refused(&set("dev/db.yaml"), 5, "nothing proves that it follows");
    assert_eq!(checkout.bench.read("r/dev/db.yaml"), before);
    checkout.write("prod/db.yaml", &wide);
    refused(
        &set("prod/db.yaml"),
        3,
        "its scope is cluster-wide, wider than namespace-wide",
    );
}

#[test]
fn git_merges_and_rebases_by_entry_and_shows_no_ciphertext() {
    let checkout = Checkout::new();
    let sealed = |entries: &str| checkout.bench.sealed(&secret(entries));
    let base = sealed("a: one\nb: two\nc: three");
    checkout.write("db.yaml", &base);
    assert!(checkout.git("add -A") && checkout.git("commit -q -m base --no-verify"));
    done(&checkout.seal(&["git", "install"]));
    // Two branches change neighbouring entries; line by line they would conflict.
    let line = |text: &str, entry: &str| {
        let start = format!("    {entry}: ");
        text.lines()
            .find(|line| line.starts_with(&start))
            .unwrap()
            .to_owned()
    };
    let other = sealed("a: uno\nb: due\nc: tre");
    let with = |entry: &str| base.replace(&line(&base, entry), &line(&other, entry));
    for (branch, entry) in [("left", "a"), ("right", "b")] {
        assert!(checkout.git(&format!("checkout -q -b {branch} main")));
        checkout.write("db.yaml", with(entry));
        assert!(checkout.git("commit -q -a -m x --no-verify"));
    }
    assert!(checkout.git("merge -q --no-edit left"));
    let merged = checkout.bench.read("r/db.yaml");
    assert_eq!(merged, with("a").replace(&line(&base, "b"), &line(&other, "b")));
    assert!(checkout.git("checkout -q left") && checkout.git("rebase -q right~1"));
    // A cherry-pick of a change to the same entry: a marker on that line alone.
    assert!(checkout.git("checkout -q -b third main"));
    checkout.write(
        "db.yaml",
        with("a").replace(&line(&other, "a"), &line(&sealed("a: un"), "a")),
    );
    assert!(checkout.git("commit -q -a -m x --no-verify"));
    assert!(!checkout.git("cherry-pick left"));
    let torn = checkout.bench.read("r/db.yaml");
    assert_eq!(torn.matches("<<<<<<< ours\n    a: ").count(), 1, "{torn}");
    assert!(
        torn.contains(&line(&base, "b")) && torn.lines().count() == base.lines().count() + 4,
        "{torn}"
    );
    assert!(checkout.git("cherry-pick --abort"));

    let shown = checkout.seal(&["git", "textconv", "db.yaml"]);
    let shown = done(&shown);
    assert!(shown.contains("    a: sealed, ciphertext "), "{shown}");
    // A digest may hold these two letters, too.
    assert!(!shown.contains(": AQ"), "{shown}");
}
