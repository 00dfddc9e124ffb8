//! What one program seals, the other opens: every scope, format and kind of key file.

use super::harness::{Case, fixtures, ours, real};

#[test]
fn each_opens_what_the_other_sealed() {
    let folder = fixtures();
    for scope in ["strict", "namespace-wide", "cluster-wide"] {
        for format in ["json", "yaml"] {
            for (sealer, opener) in [(real(), ours()), (ours(), real())] {
                let sealed = format!("out.{format}");
                let seal = Case::new(&format!(
                    "--cert cert.pem --scope {scope} -f full.yaml -w {sealed}"
                ));
                let done = seal.run_in(&sealer, &folder);
                assert_eq!(done.code, Some(0), "{done:?}");
                let open = |program| {
                    let case = Case::new(&format!(
                        "--recovery-unseal --recovery-private-key key.pem -f {sealed} -o yaml"
                    ));
                    case.run_in(program, &folder)
                };
                let (opened, same) = (open(&opener), open(&sealer));
                assert_eq!(opened.code, Some(0), "{scope} {format}: {opened:?}");
                assert!(opened.stdout.contains("foo: d2lu"), "{}", opened.stdout);
                assert_eq!(opened, same);
            }
        }
    }
}

#[test]
fn a_raw_value_opens_under_its_label_only() {
    let folder = fixtures();
    for (scope, name, namespace, opens) in [
        ("strict", "a", "b", true),
        ("strict", "other", "b", false),
        ("namespace-wide", "other", "b", true),
        ("namespace-wide", "a", "other", false),
        ("cluster-wide", "other", "other", true),
    ] {
        let raw = Case::new(&format!(
            "--raw --cert cert.pem --name a -n b --scope {scope} -w raw.txt"
        ))
        .stdin("value");
        assert_eq!(raw.run_in(&ours(), &folder).code, Some(0));
        let sealed = std::fs::read_to_string(folder.path().join("raw.txt")).unwrap();
        let manifest = format!(
            "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata:\n  name: {name}\n  namespace: {namespace}\n  \
             annotations: {{sealedsecrets.bitnami.com/{scope}: \"true\"}}\nspec: {{encryptedData: {{x: {sealed}}}}}\n"
        );
        for program in [real(), ours()] {
            let open = Case::new("--recovery-unseal --recovery-private-key key.pem").stdin(&manifest);
            assert_eq!(
                open.run_in(&program, &folder).code == Some(0),
                opens,
                "{scope} {namespace}/{name}"
            );
        }
    }
}
