//! What is sealed and printed: Secrets, all that could be one, single values, and files in place.

use super::harness::{Case, SECRET, compare_all, run, seal};

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

#[test]
fn sealing_prints_what_kubeseal_prints() {
    compare_all(sealing());
}

#[test]
fn documents_are_understood_and_refused_as_kubeseal_does() {
    compare_all(documents());
}

#[test]
fn raw_values_are_sealed_as_kubeseal_does() {
    compare_all(raw());
}

#[test]
fn files_are_written_as_kubeseal_writes_them() {
    compare_all(files());
}
