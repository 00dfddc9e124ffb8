//! `unseal`, `render` and `verify`: what opens, what does not, and what is said about it.

use seal_testbed::Program;

use super::harness::{Bench, binary, done, refused, secret, without_note};

#[test]
fn unseal_prints_secrets_and_nothing_else_of_the_manifests() {
    let bench = Bench::new();
    let sealed = bench.sealed(&format!(
        "apiVersion: v1\nkind: ConfigMap\n---\n{}",
        secret("a: hello")
    ));
    let unsealed = done(&bench.seal_with("unseal --keys key.pem", sealed));
    assert!(
        unsealed.starts_with("---\napiVersion: v1\ndata:\n  a: aGVsbG8=\nkind: Secret\n"),
        "{unsealed}"
    );
    assert!(!unsealed.contains("ConfigMap"), "{unsealed}");
}

#[test]
fn values_reach_a_terminal_only_when_asked_for() {
    let bench = Bench::new();
    bench.write("s.yaml", bench.sealed(&secret("a: hello")));
    // script(1) is the terminal.
    let on_terminal = |line: &str| {
        let command = format!("{} {line} --keys key.pem s.yaml", binary().display());
        let run = Program::new("script")
            .args(["-qec", &command, "/dev/null"])
            .current_dir(bench.folder.path());
        run.run().unwrap()
    };
    for command in ["unseal", "render"] {
        let output = on_terminal(command);
        assert_eq!(output.code, 2, "{}", output.out());
        assert!(
            output.out().contains("--show-values") && !output.out().contains("aGVsbG8"),
            "{}",
            output.out()
        );
        let output = on_terminal(&format!("{command} --show-values"));
        assert!(
            output.code == 0 && output.out().contains("aGVsbG8="),
            "{}",
            output.out()
        );
    }
}

#[test]
fn what_a_terminal_would_obey_is_not_sent_to_one() {
    let bench = Bench::new();
    bench.write(
        "m.yaml",
        "apiVersion: v1\nkind: ConfigMap\ndata: {a: \"\u{202e}2J\"} # \u{202e}\n",
    );
    let command = format!("{} seal --cert cert.pem m.yaml", binary().display());
    let run = Program::new("script")
        .args(["-qec", &command, "/dev/null"])
        .current_dir(bench.folder.path());
    let shown = run.run().unwrap().out();
    assert!(
        shown.contains("\\u{202e}") && !shown.contains('\u{202e}'),
        "{shown:?}"
    );
    let piped = done(&bench.seal("seal --cert cert.pem m.yaml"));
    assert_eq!(piped, bench.read("m.yaml"));
}

#[test]
fn the_wrong_key_is_a_fault_of_the_key_and_leaves_no_output() {
    let bench = Bench::new();
    let other = "apiVersion: v1\nkind: ConfigMap\n---\n";
    let sealed = bench.sealed(&format!("{other}{}", secret("a: b\nc: d")));
    for command in ["render", "unseal"] {
        let output = bench.seal_with(&format!("{command} --keys other.pem"), sealed.clone());
        refused(
            &output,
            5,
            "SealedSecret prod/db: no key could decrypt secret (a)",
        );
        assert!(
            output.err().contains("try: seal the value again"),
            "{}",
            output.err()
        );
    }
}

#[test]
fn a_truncated_or_altered_value_is_a_fault_of_the_ciphertext() {
    let bench = Bench::new();
    let sealed = bench.sealed(&secret("a: b"));
    let value = sealed
        .split("    a: ")
        .nth(1)
        .unwrap()
        .lines()
        .next()
        .unwrap()
        .to_owned();
    let cut = sealed.replace(&value, &value[..200]);
    refused(&bench.seal_with("render --keys key.pem", cut), 4, "truncated");
    let flipped = format!("{}AAAA", &value[..value.len() - 4]);
    refused(
        &bench.seal_with("render --keys key.pem", sealed.replace(&value, &flipped)),
        4,
        "altered after it was sealed",
    );
    refused(
        &bench.seal_with("render --keys key.pem", sealed.replace(&value, "aGVsbG8=")),
        4,
        "not a sealed value",
    );
}

#[test]
fn another_scope_is_told_apart_from_another_key() {
    let bench = Bench::new();
    let sealed = done(&bench.seal_with("seal --cert cert.pem --scope namespace-wide", secret("a: b")));
    let strict = without_note(&sealed).replace(
        "  annotations:\n    sealedsecrets.bitnami.com/namespace-wide: \"true\"\n",
        "",
    );
    refused(
        &bench.seal_with("render --keys key.pem", strict),
        3,
        "sealed namespace-wide, and the object says strict",
    );
}

#[test]
fn render_runs_templates_as_the_controller_does() {
    let bench = Bench::new();
    let sealed = bench.sealed(&secret("user: u\npassword: p"));
    let templated = sealed.replace(
        "  template:\n",
        "  template:\n    data:\n      url: 'db://{{ .user }}:{{ .password | upper }}@h'\n      user: null\n",
    );
    let rendered = bench.rendered(&templated);
    assert!(rendered.contains("  url: ZGI6Ly91OlBAaA==\n"), "{rendered}");
    assert!(!rendered.contains("  user:"), "{rendered}");
    let failing = sealed.replace(
        "  template:\n",
        "  template:\n    data:\n      url: '{{ fail .password }}'\n",
    );
    refused(&bench.seal_with("render --keys key.pem", failing), 3, "(url)");
}

#[test]
fn verify_says_which_entry_why_and_what_to_do() {
    let bench = Bench::new();
    let sealed = bench.sealed(&secret("a: b\nc: d"));
    let output = bench.seal_with("verify --keys key.pem", sealed.clone());
    assert_eq!((output.code, output.out().as_str()), (0, ""));
    assert_eq!(output.err(), "1 SealedSecret, it opens\n");

    let output = bench.seal_with("verify --keys other.pem", sealed.clone());
    assert_eq!((output.code, output.err().as_str()), (1, ""));
    assert!(
        output.out().contains("[another-key-or-name]\n  try: "),
        "{}",
        output.out()
    );

    let output = bench.seal_with("verify --keys other.pem --output json", sealed);
    assert_eq!(output.code, 1);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["checked"], 1);
    assert_eq!(report["findings"][0]["entry"], "a");
    assert_eq!(report["findings"][0]["reason"], "SealedForAnother");
}

#[test]
fn verify_does_not_advise_to_seal_a_sealing_key() {
    let bench = Bench::new();
    done(&bench.seal("keygen --bits 2048 --manifest key.yaml --cert-file own.pem"));
    let output = bench.seal("verify key.yaml");
    let said = output.out();
    assert_eq!(output.code, 1, "{said}");
    assert!(
        said.contains("private sealing key") && said.contains("[not-sealed]"),
        "{said}"
    );
    assert!(!said.contains("`seal seal`"), "{said}");
}

#[test]
fn verify_without_keys_judges_what_shows_from_outside() {
    let bench = Bench::new();
    let sealed = bench.sealed(&secret("a: b"));
    assert_eq!(bench.seal_with("verify", sealed.clone()).code, 0);
    assert_eq!(bench.seal_with("verify --cert cert.pem", sealed.clone()).code, 0);
    let broken = sealed.replace("    a: A", "    n: null\n    p: cGxhaW4=\n    a: ?");
    let output = bench.seal_with("verify", broken);
    assert_eq!(output.code, 1);
    for finding in [
        "not a string [not-text]",
        "not a sealed value [malformed]",
        "illegal base64 data at input byte 0",
    ] {
        assert!(output.out().contains(finding), "{}", output.out());
    }
    let large = "keygen --bits 3072 --key-file large.pem --cert-file large-cert.pem";
    done(&bench.seal(large));
    let output = bench.seal_with("verify --cert large-cert.pem", sealed);
    assert!(
        output.code == 1 && output.out().contains("a key of 2048 bits"),
        "{}",
        output.out()
    );
}

#[test]
fn every_faulty_object_is_told_not_only_the_first() {
    let bench = Bench::new();
    let one = bench.sealed(&secret("a: b"));
    let manifests = format!("{one}---\n{}", one.replace("name: db", "name: other"));
    let output = bench.seal_with("render --keys other.pem", manifests);
    refused(&output, 5, "SealedSecret prod/db");
    assert!(
        output.err().contains("SealedSecret prod/other"),
        "{}",
        output.err()
    );
}

#[test]
fn verify_finds_plain_secrets_and_the_absence_of_sealed_ones() {
    let bench = Bench::new();
    bench
        .write("plain.yaml", secret("a: b"))
        .write("sealed.yaml", bench.sealed(&secret("a: b")))
        .write(
            "empty.yaml",
            "apiVersion: v1\nkind: Secret\nmetadata: {name: token}\n",
        )
        .write("config.yaml", "apiVersion: v1\nkind: ConfigMap\n");
    let output = bench.seal("verify sealed.yaml plain.yaml");
    assert_eq!(output.code, 1);
    assert!(
        output
            .out()
            .starts_with("plain.yaml:1:1: Secret prod/db: is not sealed [not-sealed]\n  try: ")
            && output.out().contains("seal seal")
            && !output.out().contains("no SealedSecret"),
        "{}",
        output.out()
    );
    assert_eq!(bench.seal("verify sealed.yaml empty.yaml config.yaml").code, 0);

    let output = bench.seal("verify config.yaml");
    assert_eq!(output.code, 1);
    assert!(
        output.out().contains("no SealedSecret found [nothing-sealed]"),
        "{}",
        output.out()
    );

    let output = bench.seal("verify plain.yaml --output json");
    assert_eq!(output.code, 1);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["checked"], 0);
    assert_eq!(report["findings"][0]["reason"], "NotSealed");
    assert_eq!(report["findings"][1]["reason"], "NothingSealed");
}

#[test]
fn a_folder_of_yaml_and_json_comes_out_as_one_text_that_reads_back() {
    let bench = Bench::new();
    let yaml = bench.sealed(&secret("a: b"));
    let json = done(&bench.seal_with("seal --cert cert.pem --format json", secret("c: d")));
    let folder = bench.folder.path().join("mixed");
    std::fs::create_dir(&folder).unwrap();
    let files = [
        ("a.json", format!("{json}{json}")),
        ("b.yaml", yaml.trim_end().to_owned()),
        ("c.json", json.clone()),
        ("d.yaml", yaml),
    ];
    for command in ["render", "unseal"] {
        for first in 0..files.len() {
            // From JSON on and from YAML on.
            for (name, text) in &files {
                std::fs::remove_file(folder.join(name)).unwrap_or_default();
                if *name >= files[first].0 {
                    std::fs::write(folder.join(name), text).unwrap();
                }
            }
            let text = done(&bench.seal(&format!("{command} --keys key.pem mixed")));
            let output = bench.seal_with("verify", text.clone());
            let expected = [5, 3, 2, 1][first];
            assert_eq!(output.out().matches("is not sealed").count(), expected, "{text}");
        }
    }
    std::fs::write(folder.join("d.yaml"), "apiVersion: v1\nkind: ConfigMap").unwrap();
    std::fs::write(folder.join("e.json"), &json).unwrap();
    let text = done(&bench.seal("render --keys key.pem mixed"));
    assert!(text.contains("kind: ConfigMap\n---\n{"), "{text}");

    std::fs::remove_file(folder.join("d.yaml")).unwrap();
    std::fs::write(folder.join("d.json"), &json).unwrap();
    let text = done(&bench.seal("unseal --keys key.pem mixed --format json"));
    let count = serde_json::Deserializer::from_str(&text).into_iter::<serde_json::Value>();
    assert_eq!(count.map(Result::unwrap).count(), 2, "{text}");
}
