//! Where ours departs from kubeseal: each test shows both behaviours, so that a row of the table
//! disappears when upstream repairs its side.

use std::os::unix::fs::{PermissionsExt, symlink};

use super::harness::{Case, Done, fixtures, ours, real, web_server};

fn both(case: &Case) -> (Done, Done) {
    (case.run_real(), case.run_ours())
}

const GOOD: &str = "metadata: {name: a, namespace: n}\nstringData: {a: b}\n";

#[test]
fn a_broken_document_among_good_ones_is_an_error_and_not_left_out() {
    for broken in [
        "a: [\n",
        "- list\n",
        "scalar\n",
        "metadata: {name: x}\nstringData: {a: *nowhere}\n",
    ] {
        for input in [format!("{GOOD}---\n{broken}"), format!("{broken}---\n{GOOD}")] {
            let (real, ours) = both(&Case::new("--cert cert.pem -o yaml").stdin(&input));
            assert_eq!(real.code, Some(0), "{input}");
            assert_eq!((ours.code, ours.stdout.as_str()), (Some(1), ""), "{input}");
            assert!(
                ours.stderr.contains("error: document ") || ours.stderr.contains("json: "),
                "{}",
                ours.stderr
            );
        }
    }
}

#[test]
fn a_name_that_kubernetes_refuses_never_becomes_a_label() {
    for arguments in [
        "--raw --name x -n a/b",
        "--raw --name a/b -n x",
        "--raw --scope namespace-wide -n a/b",
    ] {
        let (real, ours) = both(&Case::new(&format!("--cert cert.pem {arguments}")).stdin("v"));
        assert_eq!(real.code, Some(0));
        assert_eq!((ours.code, ours.stdout.as_str()), (Some(1), ""));
    }
}

#[test]
fn a_line_separator_inside_a_text_is_not_damaged() {
    let input = "metadata: {name: x, namespace: y, annotations: {a: \"b\\u2028c\"}}\nstringData: {a: b}\n";
    let (real, ours) = both(&Case::new("--cert cert.pem -o yaml").stdin(input));
    assert!(real.stdout.contains("b\u{2028}  "), "{}", real.stdout);
    assert!(ours.stdout.contains("a: \"b\\Lc\"\n"), "{}", ours.stdout);
}

#[test]
fn a_rename_that_fails_is_an_error() {
    for program in [real(), ours()] {
        let folder = fixtures();
        std::fs::create_dir_all(folder.path().join("out.json/full")).unwrap();
        let done = Case::new("--cert cert.pem -f secret.yaml -w out.json").run_in(&program, &folder);
        assert_eq!(done.code, Some(if program == real() { 0 } else { 1 }));
        if program == ours() {
            assert!(done.stderr.starts_with("error: rename "), "{}", done.stderr);
            assert!(done.files.is_empty(), "{:?}", done.files);
        }
    }
}

#[test]
fn nothing_stays_behind_after_a_failure() {
    let (real, ours) = both(&Case::new("--cert cert.pem -w out.json -f no-key.yaml -o xml"));
    assert_eq!((real.code, ours.code), (Some(1), Some(1)));
    assert!(ours.files.is_empty(), "{:?}", ours.files);
}

#[test]
fn validating_does_not_touch_the_output_file() {
    let (_, ours) = both(&Case::new("--validate -w two.yaml --server http://127.0.0.1:1").stdin(GOOD));
    assert!(ours.files.is_empty());
}

fn merged(target: &str, content: &str, arguments: &str, input: &str) -> (Done, String) {
    let folder = fixtures();
    let path = folder.path().join(target);
    std::fs::write(&path, content).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let case = Case::new(&format!("--cert cert.pem --merge-into {target} {arguments}")).stdin(input);
    let done = case.run_in(&ours(), &folder);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o640, "the file keeps its mode");
    let result = std::fs::read_to_string(&path).unwrap();
    if done.code == Some(0) {
        let open = Case::new(&format!(
            "--recovery-unseal --recovery-private-key key.pem -f {target}"
        ));
        let opened = open.run_in(&ours(), &folder);
        assert_eq!(opened.code, Some(0), "{opened:?}\n{result}");
    }
    (done, result)
}

#[test]
fn merging_splices_new_items_and_leaves_the_rest() {
    let sealed = std::fs::read_to_string(super::harness::vectors().join("sealed.yaml")).unwrap();
    let target = format!(
        "# ours\n{sealed}# end\n---\napiVersion: v1\nkind: ConfigMap # other\nmetadata: {{name: c}}\n"
    );
    let (done, result) = merged(
        "target.yaml",
        &target,
        "",
        "metadata: {name: ignored, labels: {new: label}}\nstringData: {added: x, foo: changed}\n",
    );
    assert_eq!(
        (done.code, done.stdout.as_str(), done.stderr.as_str()),
        (Some(0), "", "")
    );
    let changed: Vec<&str> = result
        .lines()
        .filter(|line| !target.lines().any(|before| before == *line))
        .collect();
    assert_eq!(changed.len(), 3, "{changed:#?}");
    assert!(result.starts_with("# ours\n") && result.contains("kind: ConfigMap # other"));
}

#[test]
fn merging_into_json_keeps_json() {
    let target = std::fs::read_to_string(super::harness::vectors().join("sealed.json")).unwrap();
    let (done, result) = merged(
        "target.json",
        &target,
        "-o yaml",
        "stringData: {added: x}\nmetadata: {name: x}\n",
    );
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(result.starts_with("{\n  \"kind\": \"SealedSecret\",") && result.contains("\"added\": \""));
}

#[test]
fn merging_seals_with_the_scope_of_the_target() {
    let target = std::fs::read_to_string(super::harness::vectors().join("sealed-cluster.yaml")).unwrap();
    let (done, _) = merged(
        "target.yaml",
        &target,
        "",
        "stringData: {added: x}\nmetadata: {name: x}\n",
    );
    assert_eq!(done.code, Some(0), "{done:?}");
    // Also where the scope that is asked for is the default.
    let (done, result) = merged(
        "target.yaml",
        &target,
        "--scope strict",
        "stringData: {added: x}\nmetadata: {name: x}\n",
    );
    assert_eq!(
        (done.code, result.as_str()),
        (Some(1), target.as_str()),
        "{done:?}"
    );
    let strict = std::fs::read_to_string(super::harness::vectors().join("sealed.yaml")).unwrap();
    let (done, result) = merged(
        "target.yaml",
        &strict,
        "--scope cluster-wide",
        "stringData: {added: x}\nmetadata: {name: x}\n",
    );
    assert_eq!(done.code, Some(1));
    assert_eq!(result, strict);
}

#[test]
fn merging_never_panics_where_the_target_lacks_something() {
    let bare = "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata:\n  name: a\n  namespace: b\n";
    let input = "metadata: {name: x, labels: {l: m}, annotations: {o: p}}\nstringData: {added: x}\n";
    for target in [
        bare.to_owned(),
        format!("{bare}spec: {{}}\n"),
        format!("{bare}spec:\n  encryptedData: {{}}\n"),
    ] {
        let (done, result) = merged("target.yaml", &target, "", input);
        assert_eq!(done.code, Some(0), "{done:?}\n{target}");
        assert!(
            result.contains("added: ") && result.contains("l: m") && result.contains("o: p"),
            "{result}"
        );
    }
    for target in ["", "# nothing\n", "apiVersion: v1\nkind: Secret\n", "a: [\n"] {
        let (done, result) = merged("target.yaml", target, "", input);
        assert_eq!((done.code, result.as_str()), (Some(1), target), "{done:?}");
    }
}

#[test]
fn every_document_merges_into_the_one_of_its_name() {
    let target = std::fs::read_to_string(super::harness::vectors().join("sealed-two.yaml")).unwrap();
    let folder = fixtures();
    std::fs::write(folder.path().join("t.yaml"), &target).unwrap();
    let input = "metadata: {name: two}\nstringData: {t: x}\n---\nmetadata: {name: one}\nstringData: {o: x}\n";
    let done = Case::new("--cert cert.pem --merge-into t.yaml")
        .stdin(input)
        .run_in(&ours(), &folder);
    assert_eq!(done.code, Some(0), "{done:?}");
    let opened = Case::new("--recovery-unseal --recovery-private-key key.pem -f t.yaml -o yaml")
        .run_in(&ours(), &folder);
    assert_eq!(opened.code, Some(0), "{opened:?}");
    assert_eq!(opened.stdout.matches("kind: Secret\n").count(), 2);
    let done = Case::new("--cert cert.pem --merge-into t.yaml")
        .stdin("metadata: {name: three}\nstringData: {t: x}\n")
        .run_in(&ours(), &folder);
    assert_eq!(done.code, Some(1), "{done:?}");
}

#[test]
fn merging_through_a_link_keeps_the_link() {
    let folder = fixtures();
    symlink("sealed.yaml", folder.path().join("link.yaml")).unwrap();
    let done = Case::new("--cert cert.pem --merge-into link.yaml")
        .stdin("metadata: {name: x}\nstringData: {added: x}\n")
        .run_in(&ours(), &folder);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(folder.path().join("link.yaml").is_symlink());
    assert!(
        std::fs::read_to_string(folder.path().join("sealed.yaml"))
            .unwrap()
            .contains("added: ")
    );
}

#[test]
fn recovery_opens_every_document_and_refuses_an_empty_input() {
    let case = Case::new("--recovery-unseal --recovery-private-key key.pem -f sealed-two.yaml -o yaml");
    let (real, ours) = both(&case);
    assert_eq!(
        (real.code, real.stdout.matches("kind: Secret\n").count()),
        (Some(0), 1)
    );
    assert_eq!(
        (ours.code, ours.stdout.matches("kind: Secret\n").count()),
        (Some(0), 2)
    );
    let (real, ours) = both(&Case::new("--recovery-unseal --recovery-private-key key.pem"));
    assert_eq!((real.code, ours.code), (Some(0), Some(1)));
}

#[test]
fn no_error_quotes_the_input() {
    let canary = "canary-7f3a";
    for input in [
        format!("metadata: {{name: x}}\nstringData: {{a: {canary}"),
        format!("metadata: {{name: x}}\ndata: {{a: {canary}}}\n"),
        format!("{{\"stringData\": {{\"a\": \"{canary}\"}}"),
        format!("stringData: {{a: [{canary}]}}\n"),
        format!("kind: Secret\nstringData: {{a: {canary}}}\n"),
        format!("kind: SealedSecret\nspec: {{a: {canary}}}\n"),
    ] {
        for arguments in [
            "--cert cert.pem",
            "--recovery-unseal --recovery-private-key key.pem",
            "--cert cert.pem --merge-into sealed.yaml",
        ] {
            let done = Case::new(arguments).stdin(&input).run_ours();
            assert!(
                !done.stderr.contains(canary) && !done.stdout.contains(canary),
                "{arguments} {input}: {done:?}"
            );
        }
    }
}

#[test]
fn a_certificate_over_plain_http_is_used_with_a_warning() {
    let fetch = Case::new("--cert http://certificates.invalid/cert.pem --fetch-cert")
        .env("HTTP_PROXY", &web_server());
    let (real, ours) = both(&fetch);
    assert_eq!((real.code, &real.stdout), (ours.code, &ours.stdout), "{ours:?}");
    assert_eq!(real.stderr, "");
    assert!(
        ours.stderr
            .starts_with("warning: the certificate comes over plain HTTP"),
        "{}",
        ours.stderr
    );
}
