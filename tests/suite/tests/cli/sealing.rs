//! `seal seal`: what becomes of Secrets, and that nothing else changes by a byte.

use super::harness::{Bench, done, refused, secret};

const CONFIG_MAP: &str =
    "# config\napiVersion: v1\nkind:   ConfigMap # odd spacing\nmetadata: {name: c}\ndata:\n    pi: 3.14\n";

#[test]
fn a_secret_that_was_sealed_renders_to_the_same_values() {
    let bench = Bench::new();
    let sealed = bench.sealed(&secret("password: hunter2\nempty: ''\nlong: \"é\\n\\t\\\"\""));
    assert!(
        sealed.starts_with("apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\n"),
        "{sealed}"
    );
    assert!(!sealed.contains("hunter2"));
    let rendered = bench.rendered(&sealed);
    for line in [
        "  empty: \"\"\n",
        "  long: w6kKCSI=\n",
        "  password: aHVudGVyMg==\n",
    ] {
        assert!(rendered.contains(line), "{rendered}");
    }
}

#[test]
fn documents_of_other_kinds_pass_through_byte_for_byte() {
    let bench = Bench::new();
    let tail = "---\n# nothing here\n---\nkind: Secret\napiVersion: example.org/v1\nx: 1\n...\n";
    let manifests = format!("{CONFIG_MAP}---\n{}{tail}", secret("a: b"));
    let sealed = bench.sealed(&manifests);
    assert!(
        sealed.starts_with(&format!("{CONFIG_MAP}---\napiVersion: bitnami.com/v1alpha1\n")),
        "{sealed}"
    );
    assert!(sealed.ends_with(tail), "{sealed}");
    let untouched = format!("{CONFIG_MAP}{tail}");
    assert_eq!(bench.sealed(&untouched), untouched);
}

#[test]
fn line_breaks_and_the_byte_order_mark_stay_what_they_are() {
    let bench = Bench::new();
    let manifests = format!("\u{feff}{CONFIG_MAP}---\n{}", secret("a: b")).replace('\n', "\r\n");
    let sealed = bench.sealed(&manifests);
    assert!(
        sealed.starts_with(&format!("\u{feff}{}", CONFIG_MAP.replace('\n', "\r\n"))),
        "{sealed:?}"
    );
    assert_eq!(sealed.matches('\n').count(), sealed.matches("\r\n").count());
    let alone = bench.sealed(&format!("\u{feff}{}", secret("a: b")));
    assert!(alone.starts_with("\u{feff}apiVersion: bitnami"), "{alone:?}");
}

#[test]
fn a_sealed_secret_passes_through_and_sealing_twice_changes_nothing() {
    let bench = Bench::new();
    let once = bench.sealed(&format!("{CONFIG_MAP}---\n{}", secret("a: b")));
    assert_eq!(bench.sealed(&once), once);
}

#[test]
fn comments_of_a_secret_do_not_reach_git() {
    let bench = Bench::new();
    let manifests = format!(
        "{CONFIG_MAP}--- # was: canary1\n# was: canary2\n{}# was: canary4\n",
        secret("a: b # was: canary3")
    );
    let sealed = bench.sealed(&manifests);
    assert!(!sealed.contains("canary"), "{sealed}");
    assert!(sealed.contains("# config"), "{sealed}");
}

#[test]
fn comments_are_kept_on_demand_beside_their_entries() {
    let bench = Bench::new();
    let manifests = format!("# head\n{}", secret("# the user\nuser: u\npassword: p # monthly"));
    let sealed = done(&bench.seal_with("seal --cert cert.pem --keep-comments", manifests));
    let lines: Vec<&str> = sealed
        .lines()
        .map(|line| line.split(": Ag").next().unwrap())
        .collect();
    let place = |text: &str| {
        lines
            .iter()
            .position(|line| line.starts_with(text))
            .unwrap_or_else(|| panic!("{sealed}"))
    };
    assert_eq!(place("# head"), 0);
    assert!(
        lines[place("    # the user") + 1].starts_with("    user"),
        "{sealed}"
    );
    assert!(
        lines[place("    # monthly") + 1].starts_with("    password"),
        "{sealed}"
    );
    assert_eq!(bench.rendered(&sealed).matches("apiVersion: v1").count(), 1);
}

#[test]
fn a_list_is_kept_and_its_secrets_are_sealed_in_place() {
    let bench = Bench::new();
    let manifests = "\
# all
apiVersion: v1
items: # two kinds
# was: canary1
- apiVersion: v1
  kind: Secret
  metadata:
    name: a
    namespace: p
  data:
    x: eA== # was: canary2
    w: |
      eQ==
  # was: canary3
# about c
- apiVersion: v1
  kind: ConfigMap   # stays
  metadata: {name: c}
-   # was: canary4
    apiVersion: v1
    kind: Secret
    metadata: {name: b, namespace: p}
    stringData: {z: z}
kind: List
";
    let sealed = bench.sealed(manifests);
    assert!(!sealed.contains("canary"), "{sealed}");
    assert!(
        sealed.starts_with("# all\napiVersion: v1\nitems: # two kinds\n- apiVersion: bitnami"),
        "{sealed}"
    );
    let kept = "# about c\n- apiVersion: v1\n  kind: ConfigMap   # stays\n  metadata: {name: c}\n-";
    assert!(sealed.contains(kept), "{sealed}");
    assert!(sealed.ends_with("\nkind: List\n"), "{sealed}");
    let rendered = bench.rendered(&sealed);
    for line in ["    x: eA==\n", "    w: eQ==\n", "      z: eg==\n"] {
        assert!(rendered.contains(line), "{rendered}");
    }
}

#[test]
fn a_secret_list_becomes_a_list() {
    let bench = Bench::new();
    let sealed = bench.sealed(
        "apiVersion: v1\nkind: SecretList\nitems:\n- metadata: {name: a, namespace: p}\n  data: {x: eA==}\n",
    );
    assert!(
        sealed.starts_with("apiVersion: v1\nkind: List\nitems:\n- apiVersion: bitnami"),
        "{sealed}"
    );
}

#[test]
fn items_that_lean_on_each_other_are_refused_and_not_broken() {
    let bench = Bench::new();
    let list = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Secret\n  metadata: &m {name: a, namespace: p}\n  data: {x: eA==}\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: *m\n";
    refused(
        &bench.seal_with("seal --cert cert.pem", list),
        3,
        "without touching its neighbours",
    );
}

#[test]
fn json_stays_json_in_its_own_layout() {
    let bench = Bench::new();
    let compact = r#"{"apiVersion":"v1","kind":"ConfigMap"} {"apiVersion":"v1","kind":"Secret","metadata":{"name":"a","namespace":"p"},"data":{"x":"eA=="}}"#;
    let sealed = bench.sealed(compact);
    let start = r#"{"apiVersion":"v1","kind":"ConfigMap"} {"apiVersion":"bitnami.com/v1alpha1","kind":"SealedSecret","#;
    assert!(sealed.starts_with(start) && !sealed.contains('\n'), "{sealed}");
    let pretty = "{\n    \"apiVersion\": \"v1\",\n    \"items\": [\n        {\"kind\": \"Other\"},\n        {\"apiVersion\": \"v1\", \"kind\": \"Secret\", \"metadata\": {\"name\": \"a\", \"namespace\": \"p\"}, \"data\": {\"x\": \"eA==\"}}\n    ],\n    \"kind\": \"List\"\n}\n";
    let sealed = bench.sealed(pretty);
    assert!(
        sealed.starts_with(
            "{\n    \"apiVersion\": \"v1\",\n    \"items\": [\n        {\"kind\": \"Other\"},\n        {"
        ),
        "{sealed}"
    );
    assert!(bench.rendered(&sealed).contains("\"x\": \"eA==\""));
}

#[test]
fn the_format_changes_only_on_demand() {
    let bench = Bench::new();
    let json = done(&bench.seal_with("seal --cert cert.pem --format json", secret("a: b")));
    assert!(
        json.starts_with("{\n  \"apiVersion\": \"bitnami.com/v1alpha1\""),
        "{json}"
    );
    let yaml = done(&bench.seal_with("seal --cert cert.pem --format yaml", json));
    assert!(yaml.starts_with("---\napiVersion: bitnami"), "{yaml}");
}

#[test]
fn annotations_decide_the_scope_and_a_flag_overrides_them() {
    let bench = Bench::new();
    let wide = secret("a: b").replace(
        "  name: db\n",
        "  name: db\n  annotations: {sealedsecrets.bitnami.com/cluster-wide: \"true\"}\n",
    );
    let sealed = bench.sealed(&wide);
    assert!(
        sealed.contains("sealedsecrets.bitnami.com/cluster-wide: \"true\""),
        "{sealed}"
    );
    bench.rendered(
        &sealed
            .replace("  name: db", "  name: elsewhere")
            .replace("namespace: prod", "namespace: other"),
    );

    let strict = done(&bench.seal_with("seal --cert cert.pem --scope strict", wide));
    assert!(!strict.contains("cluster-wide"), "{strict}");
    let moved = strict.replace("namespace: prod", "namespace: other");
    refused(
        &bench.seal_with("render --keys key.pem", moved),
        5,
        "another name or namespace",
    );
}

#[test]
fn a_strict_secret_needs_a_namespace_and_never_takes_it_from_elsewhere() {
    let bench = Bench::new();
    let manifest = secret("a: b").replace("  namespace: prod\n", "");
    refused(
        &bench.seal_with("seal --cert cert.pem", manifest.clone()),
        3,
        "has no metadata.namespace",
    );
    let sealed = done(&bench.seal_with("seal --cert cert.pem --namespace prod", manifest.clone()));
    assert!(sealed.contains("  namespace: prod\n"), "{sealed}");
    bench.rendered(&sealed);
    done(&bench.seal_with("seal --cert cert.pem --scope cluster-wide", manifest));
    let conflict = bench.seal_with("seal --cert cert.pem --namespace test", secret("a: b"));
    refused(&conflict, 3, "is in namespace prod, and --namespace says test");
}

#[test]
fn a_number_is_refused_with_its_place_and_without_its_value() {
    let bench = Bench::new();
    let output = bench.seal_with("seal --cert cert.pem", secret("pin: 0755"));
    refused(
        &output,
        3,
        "Secret prod/db: stringData[\"pin\"] must be a string (put it in quotes)",
    );
    assert!(
        !output.err().contains("755") && !output.err().contains("493"),
        "{}",
        output.err()
    );
}

#[test]
fn a_secret_that_cannot_be_understood_is_never_passed_on() {
    let bench = Bench::new();
    for (manifest, complaint) in [
        ("kind: Secret\nstringData: {a: b}\n", "without apiVersion"),
        ("apiVersion: v1\nkind: Secret\nkind: Secret\n", "twice"),
        (
            "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: p}\ndata: {x: '!'}\n",
            "is not base64",
        ),
        (
            "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: p/q}\ndata: {x: eA==}\n",
            "not a valid name",
        ),
        (
            "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: p}\n",
            "has no entries",
        ),
        (
            "apiVersion: v1\nkind: Secret\nstringData: {a: {{ .Values.password }}}\n",
            "document 1 at 3:",
        ),
        (
            "apiVersion: v1\nkind: Secret\nstringData: {a: \"open\n",
            "document 1 at",
        ),
    ] {
        refused(&bench.seal_with("seal --cert cert.pem", manifest), 3, complaint);
    }
}

#[test]
fn utf_16_from_a_windows_shell_is_named() {
    let bench = Bench::new();
    let utf16: Vec<u8> = "\u{feff}kind: Secret"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    refused(&bench.seal_with("seal --cert cert.pem", utf16), 3, "UTF-16");
}

#[test]
fn what_kubernetes_would_refuse_later_is_said_now() {
    let bench = Bench::new();
    let big = |size: usize| secret(&format!("a: {}", "x".repeat(size)));
    let said = |size| {
        let output = bench.seal_with("seal --cert cert.pem", big(size));
        done(&output);
        output.err()
    };
    assert_eq!(said(1000), "");
    assert!(said(250_000).contains("--server-side"), "{}", said(250_000));
    let most = said(1_200_000);
    assert!(
        most.contains("etcd allows") && most.contains("Kubernetes allows"),
        "{most}"
    );
}

#[test]
fn a_merge_key_cannot_hide_a_secret() {
    let bench = Bench::new();
    let manifest = "x: &x {apiVersion: v1, kind: Secret}\n<<: *x\nmetadata: {name: a, namespace: p}\nstringData: {a: canary}\n";
    let sealed = bench.sealed(manifest);
    assert!(
        !sealed.contains("canary") && sealed.contains("kind: SealedSecret"),
        "{sealed}"
    );
}

#[test]
fn a_kind_in_the_wrong_case_is_refused_and_nothing_is_written() {
    let bench = Bench::new();
    let listed = "apiVersion: v1\nkind: list\nitems: []\n";
    for (manifest, complaint) in [
        (
            secret("a: b").replace("kind: Secret", "kind: secret"),
            "line 1: kind secret: did you mean Secret?",
        ),
        (
            secret("a: b")
                .replace("kind: Secret", "kind: SECRET")
                .replace("apiVersion: v1\n", ""),
            "kind SECRET: did you mean Secret?",
        ),
        (
            "apiVersion: bitnami.com/v1alpha1\nkind: Sealedsecret\n".to_owned(),
            "kind Sealedsecret: did you mean SealedSecret?",
        ),
        (listed.to_owned(), "kind list: did you mean List?"),
        (
            "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: secret, data: {a: Yg==}}\n"
                .to_owned(),
            "line 4: kind secret: did you mean Secret?",
        ),
    ] {
        bench.write("s.yaml", manifest);
        refused(
            &bench.seal("seal s.yaml --cert cert.pem -w out.yaml"),
            3,
            complaint,
        );
        assert!(!bench.folder.path().join("out.yaml").exists());
    }
    let other = "apiVersion: example.org/v1\nkind: secret\n";
    assert_eq!(bench.sealed(other), other);
}

#[test]
fn empty_standard_input_is_a_pipe_that_broke() {
    let bench = Bench::new();
    for line in [
        "seal --cert cert.pem",
        "unseal --keys key.pem",
        "render --keys key.pem",
        "verify",
    ] {
        for input in ["", "# nothing\n", "---\n"] {
            let output = bench.seal_with(line, input);
            refused(&output, 3, "standard input: there is no document");
            assert!(output.err().contains("try: "), "{}", output.err());
        }
    }
}
