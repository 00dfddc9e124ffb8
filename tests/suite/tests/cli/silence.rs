//! A canary plaintext through every command, at every verbosity: it may surface where it was asked for
//! and nowhere else, neither in what is said nor in files that stay behind.

use seal_testbed::{Canary, ProgramOutput, Workspace};

use super::harness::{Bench, done, program, secret};

fn loud(bench: &Bench, line: &str, stdin: &str) -> ProgramOutput {
    program(bench.folder.path())
        .env("RUST_LOG", "trace")
        .env("RUST_BACKTRACE", "full")
        // Puts this file in place of what it is to edit.
        .env("SEAL_EDITOR", "cp page.yaml")
        .args(line.split_whitespace())
        .arg("-v")
        .stdin(stdin)
        .run()
        .unwrap()
}

fn silent(canary: &Canary, line: &str, output: &ProgramOutput, may_print: bool) {
    assert_eq!(
        canary.find_in(&output.stderr),
        [],
        "stderr of {line}: {}",
        output.err()
    );
    if !may_print {
        assert_eq!(canary.find_in(&output.stdout), [], "stdout of {line}");
    }
}

#[test]
fn a_plaintext_surfaces_only_where_it_was_asked_for() {
    let bench = Bench::new();
    let canary = Canary::new().unwrap();
    let quoted = serde_json::to_string(canary.text()).unwrap();
    let plain = format!(
        "# {comment}\napiVersion: v1\nkind: Secret\nmetadata:\n  name: db\n  namespace: prod\n  annotations:\n    kubectl.kubernetes.io/last-applied-configuration: {quoted}\nstringData:\n  a: {quoted}\ndata:\n  b: {base64}\n",
        comment = canary.text().replace('\n', " "),
        base64 = canary.base64(),
    );
    let sealed = loud(&bench, "seal --cert cert.pem", &plain);
    silent(&canary, "seal", &sealed, false);
    bench.write("sealed.yaml", done(&sealed));
    bench.write("before.yaml", bench.sealed(&secret("a: x")));

    bench.write("page.yaml", plain.replace("metadata:", "unknown: {}\nmetadata:"));
    for line in [
        "edit sealed.yaml --cert cert.pem",
        "edit sealed.yaml --cert cert.pem --show-values --keys key.pem",
    ] {
        let output = loud(&bench, line, "");
        assert_eq!(output.code, 3, "{line}: {}", output.err());
        silent(&canary, line, &output, false);
    }
    bench.write("page.yaml", "");

    for (line, stdin, may_print) in [
        ("verify --keys key.pem sealed.yaml", "", false),
        ("verify --keys other.pem sealed.yaml", "", false),
        ("explain --keys key.pem sealed.yaml", "", false),
        ("explain --keys other.pem sealed.yaml -o json", "", false),
        ("render --keys key.pem sealed.yaml", "", true),
        ("render --keys other.pem sealed.yaml", "", false),
        ("unseal --keys key.pem sealed.yaml", "", true),
        ("set sealed.yaml c --cert cert.pem", canary.text(), false),
        ("merge sealed.yaml - --cert cert.pem", &plain, false),
        (
            "merge sealed.yaml - --cert cert.pem --keys key.pem",
            &plain,
            false,
        ),
        ("diff before.yaml sealed.yaml", "", false),
        (
            "diff before.yaml sealed.yaml --keys key.pem --output json",
            "",
            false,
        ),
        ("unset sealed.yaml c", "", false),
        ("seal -w out.yaml --cert cert.pem", &plain, false),
    ] {
        let output = loud(&bench, line, stdin);
        assert!(matches!(output.code, 0 | 1 | 5), "{line}: {}", output.err());
        silent(&canary, line, &output, may_print);
    }
    assert_eq!(canary.find_below(bench.folder.path()).unwrap(), []);
}

#[test]
fn a_plaintext_in_the_wrong_place_is_not_quoted_by_the_complaint() {
    let bench = Bench::new();
    let canary = Canary::new().unwrap();
    let quoted = serde_json::to_string(canary.text()).unwrap();
    let word = canary.text().split('"').next().unwrap().to_owned();
    let metadata = "metadata: {name: db, namespace: prod}";
    bench.write("sealed.yaml", bench.sealed(&secret("a: b")));
    for plain in [
        format!("apiVersion: v1\nkind: Secret\n{metadata}\ndata: {{a: {quoted}}}\n"),
        format!("apiVersion: v1\nkind: Secret\n{metadata}\ndata: {quoted}\n"),
        format!("apiVersion: v1\nkind: Secret\n{metadata}\nstringData: [{quoted}]\n"),
        format!("apiVersion: v1\nkind: Secret\n{metadata}\nimmutable: {quoted}\n"),
        format!("apiVersion: v1\nkind: Secret\n{metadata}\nstringData: {{a: !!int {quoted}}}\n"),
        format!("apiVersion: v1\nkind: Secret\nmetadata: {quoted}\n"),
        format!("apiVersion: v1\nkind: Secret\n{metadata}\nstringData: {{a: {quoted}\n"),
        format!("apiVersion: v1\nkind: Secret\n{metadata}\nstringData:\n  a: b\n {word}: : x\n"),
        format!("apiVersion: v1\nkind: Secret\n{metadata}\nstringData: {{a: *{word}}}\n"),
        format!("{{\"apiVersion\": \"v1\", \"kind\": \"Secret\", \"stringData\": {{\"a\": {quoted}}}"),
    ] {
        let output = loud(&bench, "seal --cert cert.pem", &plain);
        assert_eq!(
            (output.code, output.out().as_str()),
            (3, ""),
            "{plain}\n{}",
            output.err()
        );
        silent(&canary, &plain, &output, false);
        bench.write("page.yaml", &plain);
        let output = loud(&bench, "edit sealed.yaml --cert cert.pem", "");
        assert_eq!(
            (output.code, output.out().as_str()),
            (3, ""),
            "{plain}\n{}",
            output.err()
        );
        silent(&canary, &plain, &output, false);
    }
    // A sealed object with plain text where sealed text belongs.
    let object = format!(
        "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\n{metadata}\nspec: {{encryptedData: {{a: {quoted}}}}}\n"
    );
    for line in [
        "verify --keys key.pem",
        "verify",
        "render --keys key.pem",
        "unseal --keys key.pem",
    ] {
        let output = loud(&bench, line, &object);
        assert!(matches!(output.code, 1 | 4), "{line}: {}", output.err());
        silent(&canary, line, &output, false);
    }
}

#[test]
fn a_private_key_is_not_quoted_by_any_complaint() {
    let bench = Bench::new();
    let pem = bench.read("key.pem");
    let line = pem.lines().nth(3).unwrap().to_owned();
    bench
        .write("broken.pem", pem.replacen("MII", "MIX", 1))
        .write("cut.pem", &pem[..pem.len() / 2]);
    for file in ["broken.pem", "cut.pem"] {
        for command in ["keys ls --keys", "verify --keys"] {
            let output = loud(&bench, &format!("{command} {file}"), "");
            assert_eq!(output.code, 5, "{file}: {}", output.err());
            assert!(
                !output.err().contains(&line) && !output.out().contains(&line),
                "{}",
                output.err()
            );
        }
    }
    let files = Workspace::files(&bench.folder).unwrap();
    assert!(
        files
            .iter()
            .all(|file| !file.to_string_lossy().contains(".seal-")),
        "{files:?}"
    );
}
