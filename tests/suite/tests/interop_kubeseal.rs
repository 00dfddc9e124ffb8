//! kubeseal mode against the real kubeseal: both run side by side on the same arguments, input,
//! environment and files, and must agree in exit code, both outputs and every file they leave.
//!
//! Ciphertexts are masked by length; that they open is tested by opening them with the other program.
//! Departures on purpose are tested one by one in `kubeseal/differences.rs`.

#![expect(clippy::unwrap_used, reason = "a test may end where its props fail")]

mod kubeseal {
    pub(crate) mod cluster;
    pub(crate) mod differences;
    pub(crate) mod harness;
    pub(crate) mod interop;
}

use kubeseal::harness::{Case, compare_all, web_server};

/// A case without input.
fn run(arguments: &str) -> Case {
    Case::new(arguments)
}

/// A case that seals what it reads.
fn seal(input: &str) -> Case {
    Case::new("--cert cert.pem -o yaml -n myns").stdin(input)
}

const SECRET: &str = include_str!("../../vectors/kubeseal/secret.yaml");

fn flags() -> Vec<Case> {
    let faulty = [
        "--bogus",
        "--bogus=1",
        "-x",
        "-ox -y",
        "-é",
        "--",
        "---",
        "--=",
        "--=x",
        "--cert",
        "--scope",
        "--scope bogus",
        "--scope=",
        "-o",
        "-n",
        "-f",
        "--raw=maybe",
        "--raw=",
        "--allow-empty-data=yes",
        "--fetch-cert=2",
        "-v",
        "-v=abc",
        "-v=99999999999",
        "--v=-1 --version",
        "--stderrthreshold=bad",
        "--stderrthreshold=warning --version",
        "--log_backtrace_at=x",
        "--log_backtrace_at=a.go:0",
        "--log_backtrace_at=a.go:1 --version",
        "--vmodule=a",
        "--vmodule=a=-1",
        "--vmodule=a=1,b=2 --version",
        "--log_file_max_size=x",
        "--log_file_max_size=1 --version",
        "--logtostderr=maybe",
        "--logtostderr=false --version",
        "--add_dir_header --version",
        "--from-file=\"a",
        "--from-file=a\"b",
        "--help=maybe",
        "--version=true",
        "--version=false --help=false --from-file x",
        "-test.foo --version",
        "positional --version",
        "-- --version",
        "--version --bogus",
        "-w",
        "-wo --version",
        "--as-group=a --as-group b --version",
        "--namespace=ns/x --version",
        "--insecure-skip-tls-verify=0 --version",
        "--disable-compression --version",
        "--rotate=maybe",
        "--rotate --from-file x",
        "--rotate --rotate --from-file x",
        "--request-timeout --version",
    ];
    let mut cases: Vec<Case> = faulty.into_iter().map(run).collect();
    cases.push(run("--help").stdout_begins());
    cases.push(run("-h").stdout_begins());
    cases.push(run("-h=1").stdout_begins());
    cases.push(run("--help --version"));
    cases
}

fn sealing() -> Vec<Case> {
    let mut cases: Vec<Case> = [
        "--cert cert.pem",
        "--cert cert.pem -o yaml",
        "--cert cert.pem -oyaml",
        "--cert cert.pem -o=yaml",
        "--cert cert.pem --format YAML",
        "--cert cert.pem -o ''",
        "--cert cert.pem -o JSON",
        "--cert cert.pem -o xml",
        "--cert cert.pem --scope strict",
        "--cert cert.pem --scope namespace-wide -o yaml",
        "--cert cert.pem --scope cluster-wide -o yaml",
        "--cert cert.pem --scope cluster-wide",
        "--cert cert.pem --name other",
        "--cert cert.pem -n myns",
        "--cert cert.pem -n other",
        "--cert cert.pem --namespace=namespaces/myns",
        "--cert cert.pem -n NS/other",
        "--cert cert.pem -n other --scope cluster-wide",
        "--cert cert.pem -n other --scope namespace-wide",
        "--cert cert.pem --allow-empty-data",
        "--cert key-and-cert.pem",
        "--cert other-cert.pem extra arguments",
        "--cert cert.pem --context nope",
        "--cert cert.pem --kubeconfig nope",
        "--cert cert.pem --kubeconfig kubeconfig",
    ]
    .into_iter()
    .map(|arguments| run(arguments).stdin(SECRET))
    .collect();
    cases.extend(
        [
            "--cert cert.pem -f full.yaml",
            "--cert cert.pem -f full.yaml -o yaml",
            "--cert cert.pem -f full.yaml --scope cluster-wide",
            "--cert cert.pem -f two.yaml -o yaml",
            "--cert cert.pem -f two.yaml",
            "--cert cert.pem -f two.yaml --name x",
            "--cert cert.pem -f nope.yaml",
            "--cert cert.pem -f two.yaml -n other",
            "--cert cert.pem -f full.yaml --name renamed -o yaml",
        ]
        .map(run),
    );
    cases
}

fn documents() -> Vec<Case> {
    let mut cases: Vec<Case> = [
        "", "\n", "# only a comment\n", "---\n---\n", "foo", "5", "- a\n- b\n", "{}", "not: a secret\n", "a: [\n", "\u{feff}",
        "data: {}\n", "metadata: {name: x}\n", "metadata: {name: x}\ndata: {}\n", "metadata: {}\nstringData: {a: b}\n",
        "stringData: {a: b}\n", "metadata: {name: x}\ndata: {foo: 5}\n", "metadata: {name: x}\ndata: {foo: [a]}\n",
        "metadata: {name: x}\ndata: foo\n", "metadata: {name: x}\ndata: {foo: null}\n", "metadata: {name: x}\ndata: {foo: YQ}\n",
        "metadata: {name: x}\ndata: {foo: 'Y Q='}\n", "metadata: {name: x}\ndata: {foo: \"YQ\\n==\"}\n",
        "metadata: {name: x}\nstringData: {foo: [a]}\n", "metadata: {name: x}\nstringData: {foo: {a: b}}\n",
        "metadata: {name: [x]}\nstringData: {foo: a}\n", "metadata: foo\nstringData: {foo: a}\n",
        "metadata: {name: 5, labels: {a: 1, b: true, c: null, d: 1e3}, annotations: {x: 1.50}}\nstringData: {foo: null}\n",
        "metadata: {name: x, generation: foo}\nstringData: {foo: a}\n", "metadata: {name: x, generation: 1.5}\nstringData: {foo: a}\n",
        "metadata: {name: x, creationTimestamp: foo}\nstringData: {foo: a}\n",
        "metadata: {name: x, creationTimestamp: null}\nstringData: {foo: a}\n",
        "immutable: \"yes\"\nmetadata: {name: x}\nstringData: {foo: a}\n", "immutable: yes\ntype: 5\nMetadata: {Name: x}\nStringData: {foo: a}\n",
        "immutable: false\nmetadata: {name: x}\nstringData: {foo: a}\n", "immutable: null\ntype: null\nmetadata: {name: x}\nstringData: {foo: a}\n",
        "metadata: {name: x, finalizers: a}\nstringData: {foo: a}\n", "metadata: {name: x, finalizers: []}\nstringData: {foo: a}\n",
        "metadata: {name: x, labels: [a]}\nstringData: {foo: a}\n", "metadata: {name: x, labels: {}}\nstringData: {foo: a}\n",
        "metadata: {name: x, ownerReferences: [{name: 5}]}\nstringData: {foo: a}\n",
        "metadata: {name: x, managedFields: [{manager: 5, time: 5, fieldsV1: 5}]}\nstringData: {foo: a}\n",
        "metadata: {name: x, managedFields: [{manager: 5, time: \"2020-01-01T00:00:00+02:00\", fieldsV1: {b: 1, a: [z]}}]}\nstringData: {foo: a}\n",
        "kind: [a]\nmetadata: {name: x}\nstringData: {foo: a}\n", "kind: ConfigMap\nmetadata: {name: x}\ndata: {foo: YQ==}\n",
        "kind: List\napiVersion: v1\nitems: []\n", "metadata: {name: x}\nstringData: {5: b, true: c, 1.5: d}\n",
        "metadata: {name: x}\nstringData: {foo: !!binary YQ==, baz: 2020-01-01}\n", "metadata: {name: n}\nstringData: {n: y, y: n}\n",
        "metadata: {name: x}\nstringData: {a: 5, b: true, c: 1.50, d: 0x10, e: 0o7, f: 010, g: 1_000, h: ~, i: on, j: 'on'}\n",
        "metadata: {name: x}\nstringData: {foo: a, foo: b}\n", "metadata: {name: x}\r\nstringData:\r\n  foo: a\r\n",
        "\u{feff}metadata: {name: x}\nstringData: {foo: a}\n", "metadata: {name: x}\nstringData:\n  foo: |\n    a\n    b\n",
        "metadata: {name: x}\ndata: {foo: YQ==, bar: Yg==}\nstringData: {foo: zz}\n", "metadata: &m {name: x}\nstringData: {foo: a}\nother: *m\n",
        "{\"metadata\": {\"name\": 5}, \"stringData\": {\"foo\": \"a\"}}", "{\"metadata\": {\"name\": \"a\"}, \"stringData\": {\"foo\": 5}}",
        "{\"metadata\": {\"name\": \"a\"}, \"data\": {\"foo\": \"%%\"}}",
        "{\"metadata\": {\"name\": \"a\"}, \"stringData\": {\"foo\": \"b\"}}{\"metadata\": {\"name\": \"b\"}, \"stringData\": {\"foo\": \"b\"}}",
        "{\"metadata\": {\"name\": \"a\"}, \"stringData\": {\"foo\": \"b\"}}\n---\nmetadata: {name: c}\nstringData: {foo: a}\n",
        "metadata: {name: a}\nstringData: {a: b}\n---\nmetadata: {name: b}\n", "metadata: {name: a}\nstringData: {a: b}\n---\nstringData: {a: b}\n",
        "---\n\n---\nmetadata: {name: a}\nstringData: {a: b}\n---\n# end\n", "--- # first\nmetadata: {name: a}\nstringData: {a: b}\n",
        "metadata: {name: a}\nstringData: {a: b}\n---\nnot: a secret\n",
        "metadata: {name: a, annotations: {sealedsecrets.bitnami.com/cluster-wide: \"true\"}}\nstringData: {a: b}\n",
        "metadata: {name: a, annotations: {sealedsecrets.bitnami.com/namespace-wide: \"true\"}}\nstringData: {a: b}\n",
        "metadata: {name: a, annotations: {sealedsecrets.bitnami.com/cluster-wide: \"true\", sealedsecrets.bitnami.com/namespace-wide: \"true\"}}\nstringData: {a: b}\n",
        "metadata: {name: a, annotations: {sealedsecrets.bitnami.com/cluster-wide: \"TRUE\"}}\nstringData: {a: b}\n",
        "metadata: {name: a, annotations: {sealedsecrets.bitnami.com/cluster-wide: true}}\nstringData: {a: b}\n",
        "metadata: {name: a, annotations: {kubectl.kubernetes.io/last-applied-configuration: x}}\nstringData: {a: b}\n",
        "type: <a>\nmetadata: {name: a, annotations: {x: \"<&>é\", y: 'yes', z: '1', w: ' a', long: 'aaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbbbbb ccccccccccccccccccccccc dddddddddddddddddddd'}}\nstringData: {a: b}\n",
    ]
    .into_iter()
    .flat_map(|input| [seal(input), Case::new("--cert cert.pem -n myns").stdin(input)])
    .collect();
    cases.push(seal("").stdin_bytes(&[0xff, 0xfe, b'a', 0, b':', 0]));
    cases.push(seal("").stdin_bytes(b"metadata: {name: x}\nstringData: {a: \"\xff\"}\n"));
    cases.push(
        Case::new("--cert cert.pem --allow-empty-data -o yaml").stdin("metadata: {name: x, namespace: y}\n"),
    );
    cases.push(
        Case::new("--cert cert.pem --allow-empty-data")
            .stdin("metadata: {name: x, namespace: y}\ndata: {}\n"),
    );
    cases
}

fn namespaces() -> Vec<Case> {
    let bare = "metadata: {name: x}\nstringData: {a: b}\n";
    let mut cases = vec![
        Case::new("--cert cert.pem").stdin(bare),
        Case::new("--cert cert.pem -n given").stdin(bare),
        Case::new("--cert cert.pem --scope cluster-wide").stdin(bare),
        Case::new("--cert cert.pem --scope cluster-wide -n zz").stdin(bare),
        Case::new("--cert cert.pem --kubeconfig kubeconfig").stdin(bare),
        Case::new("--cert cert.pem --kubeconfig kubeconfig --context two").stdin(bare),
        Case::new("--cert cert.pem --kubeconfig kubeconfig --context nope").stdin(bare),
        Case::new("--cert cert.pem --kubeconfig nope").stdin(bare),
        Case::new("--cert cert.pem")
            .stdin(bare)
            .env("KUBECONFIG", "kubeconfig"),
        Case::new("--cert cert.pem")
            .stdin(bare)
            .env("KUBECONFIG", "nope:kubeconfig"),
        Case::new("--cert cert.pem").stdin(bare).env("KUBECONFIG", "nope"),
        Case::new("--cert cert.pem --server http://127.0.0.1:1").stdin(bare),
        Case::new("--cert cert.pem --user u").stdin(bare),
    ];
    for (arguments, environment) in [
        ("", None),
        ("-n ''", None),
        ("-n myns", None),
        ("-n myns --name x", None),
        ("--name x", None),
        ("--name x", Some("kubeconfig")),
        ("", Some("kubeconfig")),
        ("--scope namespace-wide", Some("kubeconfig")),
        ("--scope namespace-wide -n myns", None),
        ("--scope namespace-wide", None),
        ("--scope cluster-wide", None),
        ("--scope cluster-wide --name a/b", None),
        ("--kubeconfig nope --name x", None),
        ("--context nope --name x", Some("kubeconfig")),
        ("--cluster nope --name x", Some("kubeconfig")),
        ("--user nope --name x", Some("kubeconfig")),
        ("--cluster nope --name x", None),
        ("--certificate-authority nope --server https://h --name x", None),
    ] {
        let case = Case::new(&format!("--raw --cert cert.pem {arguments}")).stdin("value");
        cases.push(match environment {
            Some(path) => case.env("KUBECONFIG", path),
            None => case,
        });
    }
    cases
}

fn raw() -> Vec<Case> {
    [
        "--raw --cert cert.pem -n a --name b --from-file secret.yaml",
        "--raw --cert cert.pem -n a --name b --from-file key=secret.yaml",
        "--raw --cert cert.pem -n a --name b --from-file /dev/stdin",
        "--raw --cert cert.pem -n a --name b --from-file secret.yaml,two.yaml",
        "--raw --cert cert.pem -n a --name b --from-file secret.yaml --from-file two.yaml",
        "--raw --cert cert.pem -n a --name b --from-file nope",
        "--raw --cert cert.pem -n a --name b --from-file .",
        "--raw --cert cert.pem -n a --name b -o xml",
        "--raw --cert cert.pem -n a --name b -f two.yaml",
        "--raw --cert cert.pem -n a --name b -f nope",
        "--raw --cert cert.pem -n a --name b -w out.txt",
        "--raw --cert nope -n a --name b",
        "--from-file secret.yaml --cert cert.pem",
        "--from-file= --cert cert.pem --raw -n a --name b",
    ]
    .into_iter()
    .flat_map(|arguments| [run(arguments), run(arguments).stdin("some value\n")])
    .collect()
}

fn environment() -> Vec<Case> {
    let case = |variables: &[(&str, &str)], arguments: &str| {
        let mut case = Case::new(arguments).stdin(SECRET);
        for (name, value) in variables {
            case = case.env(&format!("SEALED_SECRETS_{name}"), value);
        }
        case
    };
    vec![
        case(&[("CERT", "cert.pem")], ""),
        case(&[("CERT", "cert.pem"), ("FORMAT", "yaml")], ""),
        case(&[("CERT", "cert.pem"), ("FORMAT", "yaml")], "-o json"),
        case(&[("CERT", "cert.pem"), ("NAMESPACE", "other")], ""),
        case(&[("CERT", "cert.pem"), ("NAMESPACE", "ns/myns")], ""),
        case(&[("CERT", "cert.pem"), ("N", "other")], ""),
        case(&[("CERT", "cert.pem"), ("SCOPE", "cluster-wide")], ""),
        case(
            &[("CERT", "cert.pem"), ("SCOPE", "cluster-wide")],
            "--scope strict",
        ),
        case(&[("CERT", "cert.pem"), ("SCOPE", "bogus")], ""),
        case(&[("CERT", "cert.pem"), ("ALLOW_EMPTY_DATA", "bogus")], ""),
        case(
            &[
                ("CERT", "cert.pem"),
                ("RAW", "1"),
                ("NAME", "x"),
                ("NAMESPACE", "y"),
            ],
            "",
        ),
        case(&[("VERSION", "true")], ""),
        case(&[("VERSION", "bogus"), ("CERT", "cert.pem")], ""),
        case(&[("V", "bogus"), ("CERT", "cert.pem")], ""),
        case(
            &[("RAW", "true"), ("CERT", "cert.pem"), ("FROM_FILE", "two.yaml")],
            "-n a --name b --from-file secret.yaml",
        ),
        case(
            &[("RAW", "true"), ("CERT", "cert.pem"), ("FROM_FILE", "two.yaml")],
            "-n a --name b",
        ),
        case(&[("FROM_FILE", "two.yaml"), ("CERT", "cert.pem")], ""),
        case(&[("SECRET_FILE", "two.yaml"), ("CERT", "cert.pem")], ""),
        case(&[("SEALED_SECRET_FILE", "out.json"), ("CERT", "cert.pem")], ""),
        case(
            &[("RECOVERY_UNSEAL", "true"), ("RECOVERY_PRIVATE_KEY", "key.pem")],
            "-f sealed.yaml",
        ),
        case(
            &[("CONTEXT", "nope"), ("CERT", "cert.pem"), ("RAW", "true")],
            "--kubeconfig kubeconfig --name x",
        ),
    ]
}

fn certificates() -> Vec<Case> {
    [
        "nope.pem",
        "public.pem",
        "key.pem",
        "ec-key.pem",
        "secret.yaml",
        "expired.pem",
        "key-and-cert.pem",
        "%zz",
        "a:b",
        "file:///nope",
        "ftp://x/y",
        "http://127.0.0.1:1/x",
        "https://127.0.0.1:1/x",
        "':x'",
        "'ht tp://x'",
    ]
    .into_iter()
    .flat_map(|source| {
        [
            run(&format!("--cert {source}")).stdin(SECRET),
            run(&format!("--cert {source} --fetch-cert")),
        ]
    })
    .chain(
        [
            "--cert cert.pem --fetch-cert -f nope",
            "--cert cert.pem --fetch-cert -w out.pem",
        ]
        .map(run),
    )
    .collect()
}

fn files() -> Vec<Case> {
    [
        "--cert cert.pem -w out.json",
        "--cert cert.pem -w out.yaml",
        "--cert cert.pem -w out.yml -o json",
        "--cert cert.pem -w out.json -o yaml",
        "--cert cert.pem -w out.txt -o xml",
        "--cert cert.pem -w nodir/out.json",
        "--cert cert.pem -w secret.yaml -f secret.yaml",
        "--cert cert.pem -w two.yaml",
        "--cert nope.pem -w out.json",
        "--cert cert.pem -w .yaml",
        "--cert cert.pem -w out",
    ]
    .into_iter()
    .map(|arguments| run(arguments).stdin(SECRET))
    .collect()
}

fn recovery() -> Vec<Case> {
    let mut cases: Vec<Case> = [
        "--recovery-private-key key.pem -f sealed.yaml",
        "--recovery-private-key key.pem -f sealed.yaml -o yaml",
        "--recovery-private-key key8.pem -f sealed.json",
        "--recovery-private-key key-secret.yaml -f sealed.yaml -o yaml",
        "--recovery-private-key key-secrets.yaml -f sealed.yaml",
        "--recovery-private-key key-list.json -f sealed.yaml",
        "--recovery-private-key other-key.pem,key.pem -f sealed.yaml",
        "--recovery-private-key other-key.pem --recovery-private-key key.pem -f sealed.yaml",
        "--recovery-private-key other-key.pem -f sealed.yaml",
        "--recovery-private-key ec-key.pem -f sealed.yaml",
        "--recovery-private-key secret.yaml -f sealed.yaml",
        "--recovery-private-key no-key.yaml -f sealed.yaml",
        "--recovery-private-key nope -f sealed.yaml",
        "--recovery-private-key . -f sealed.yaml",
        "-f sealed.yaml",
        "--recovery-private-key cert.pem -f sealed.yaml",
        "--recovery-private-key key.pem -f sealed-cluster.yaml -o yaml",
        "--recovery-private-key key.pem -f templated.yaml",
        "--recovery-private-key key.pem -f templated.yaml -o yaml",
        "--recovery-private-key key.pem -f template-fault.yaml",
        "--recovery-private-key key.pem -f secret.yaml",
        "--recovery-private-key key.pem -f sealed.yaml -o xml",
        "--recovery-private-key key.pem -f sealed.yaml -w out.yaml",
        "--recovery-private-key key.pem -f nope",
        "--recovery-private-key key.pem -f sealed.yaml --validate --fetch-cert",
    ]
    .into_iter()
    .map(|arguments| run(&format!("--recovery-unseal {arguments}")))
    .collect();
    for input in [
        "apiVersion: bitnami.com/v1alpha1\nkind: Foo\n",
        "apiVersion: apps/v1\nkind: Deployment\n",
        "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: a, namespace: b}\nspec: {encryptedData: {}}\n",
        "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: a, namespace: b}\nspec: {encryptedData: {x: '!'}}\n",
        "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: a, namespace: b}\nspec: {encryptedData: {x: AgB}}\n",
        "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: a, namespace: b}\nspec: {encryptedData: {x: AgAA, y: AgAA}}\n",
        "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: a, namespace: b}\nspec: {encryptedData: {}, data: AgAA}\n",
        "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: a, namespace: b}\nspec: {encryptedData: {}, template: {data: {x: 'a{{ 1 }}', e: ''}, type: foo/bar, immutable: false}}\n",
        "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: a, namespace: b, uid: u}\nspec: {encryptedData: {}, template: {metadata: {name: z, annotations: {sealedsecrets.bitnami.com/skip-set-owner-references: 'true'}}}}\n",
    ] {
        cases.push(run("--recovery-unseal --recovery-private-key key.pem").stdin(input));
        cases.push(run("--recovery-unseal --recovery-private-key key.pem -o yaml").stdin(input));
    }
    cases
}

fn without_a_cluster() -> Vec<Case> {
    let refused = "--server http://127.0.0.1:1";
    let mut cases: Vec<Case> = [
        "--fetch-cert",
        "--validate",
        "--re-encrypt",
        "--rotate",
        "--validate --cert nope",
        "--re-encrypt --validate",
        "",
        "--fetch-cert --controller-name=",
        "--fetch-cert --controller-namespace=",
        "--fetch-cert --controller-name=a/b",
        "--fetch-cert --controller-name=..",
        "--fetch-cert --controller-namespace=a%b",
        "--fetch-cert --controller-name=x --controller-namespace y",
    ]
    .into_iter()
    .flat_map(|arguments| {
        [
            run(arguments).stdin(SECRET),
            run(&format!("{arguments} {refused}")).stdin(SECRET),
        ]
    })
    .collect();
    cases.extend(
        [
            "--fetch-cert --kubeconfig nope",
            "--fetch-cert --kubeconfig .",
            "--fetch-cert --kubeconfig kubeconfig",
            "--fetch-cert --kubeconfig kubeconfig --context nope",
            "--fetch-cert --kubeconfig kubeconfig --cluster nope",
            "--fetch-cert --kubeconfig kubeconfig --user nope",
            "--fetch-cert --kubeconfig kubeconfig --request-timeout 5x",
            "--fetch-cert --kubeconfig kubeconfig --request-timeout 5s",
            "--fetch-cert --kubeconfig kubeconfig --request-timeout 90",
            "--fetch-cert --server 127.0.0.1:1",
            "--fetch-cert --server http://127.0.0.1:1/foo/",
            "--fetch-cert --server https://127.0.0.1:1 --token x",
            "--fetch-cert --server https://127.0.0.1:1 --token x --username y",
            "--fetch-cert --server https://127.0.0.1:1 --client-certificate nope",
            "--fetch-cert --server https://127.0.0.1:1 --client-certificate cert.pem --client-key key.pem",
            "--fetch-cert --server https://127.0.0.1:1 --certificate-authority nope",
            "--fetch-cert --server https://127.0.0.1:1 --proxy-url foo://x",
            "--fetch-cert --server https://127.0.0.1:1 --token x --as-group g",
            "--fetch-cert --certificate-authority cert.pem",
            "--fetch-cert --insecure-skip-tls-verify",
            "--fetch-cert --server https://127.0.0.1:1 --token x --insecure-skip-tls-verify",
            "--fetch-cert -w out.pem",
            "--re-encrypt -f sealed.yaml",
            "--re-encrypt -f nope",
            "--validate -f nope",
        ]
        .map(run),
    );
    cases.push(run("--fetch-cert").env("KUBECONFIG", "kubeconfig"));
    cases.push(run("--fetch-cert").env("KUBECONFIG", "nope"));
    cases
}

#[test]
fn flags_are_read_and_refused_as_kubeseal_does() {
    compare_all(flags());
}

#[test]
fn sealing_prints_what_kubeseal_prints() {
    compare_all(sealing());
}

#[test]
fn documents_are_understood_and_refused_as_kubeseal_does() {
    compare_all(documents());
}

#[test]
fn namespaces_come_from_where_kubeseal_takes_them() {
    compare_all(namespaces());
}

#[test]
fn raw_values_are_sealed_as_kubeseal_does() {
    compare_all(raw());
}

#[test]
fn variables_mean_what_they_mean_to_kubeseal() {
    compare_all(environment());
}

#[test]
fn certificates_are_found_and_refused_as_kubeseal_does() {
    compare_all(certificates());
}

#[test]
fn certificates_are_fetched_over_http_as_kubeseal_does() {
    let server = web_server();
    let cases = ["cert.pem", "moved", "missing"]
        .into_iter()
        .flat_map(|path| {
            let source = format!("--cert {server}/{path}");
            [run(&source).stdin(SECRET), run(&format!("{source} --fetch-cert"))]
        })
        .collect();
    compare_all(cases);
}

#[test]
fn files_are_written_as_kubeseal_writes_them() {
    compare_all(files());
}

#[test]
fn recovery_prints_the_secrets_that_kubeseal_prints() {
    compare_all(recovery());
}

#[test]
fn without_a_cluster_the_complaints_are_kubeseals() {
    compare_all(without_a_cluster());
}
