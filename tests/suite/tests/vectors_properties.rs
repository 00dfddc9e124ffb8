//! Laws that hold for any object and any name, tried on generated ones: what is sealed opens for its
//! scope only, and hostile objects end in faults that hold nothing secret (S5, S7, S8).

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use proptest::collection::btree_map;
use proptest::prelude::*;
use proptest::test_runner::Config;
use seal_api::{SealedSecret, Secret, SecretTemplate, annotations};
use seal_core::{KeyRing, Plaintext, PrivateKey, RingKey, Scope, SystemRandom};
use seal_engine::sealed_secret::{Opening, open, seal};
use seal_engine::{Answers, Fault, Policy, desired, shape, summary};
use seal_template::environment::{Random, UtcOnly};
use seal_template::{Env, Functions};
use seal_testbed::Canary;

static RING: LazyLock<KeyRing> = LazyLock::new(|| {
    let keys = ["2048", "2048-other"].map(|name| {
        let path = format!("{}/../vectors/keys/{name}.pkcs1.pem", env!("CARGO_MANIFEST_DIR"));
        let key = PrivateKey::from_pem(&std::fs::read(path).unwrap()).unwrap();
        RingKey::new(key, jiff::Timestamp::UNIX_EPOCH)
    });
    KeyRing::new(keys.into()).unwrap()
});
static FUNCTIONS: LazyLock<Functions> =
    LazyLock::new(|| Functions::builtin().with(seal_template::sprig::FUNCTIONS));

struct Zeros;

impl Random for Zeros {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

const HOW: Opening<'static> = Opening {
    accept_legacy: true,
    diagnose_scope: true,
    hints: None,
};

fn secret(namespace: &str, name: &str, data: &BTreeMap<String, Vec<u8>>) -> Secret {
    let mut secret = Secret::default();
    secret.metadata.namespace = Some(namespace.to_owned());
    secret.metadata.name = Some(name.to_owned());
    let data = data.iter();
    secret.data = data
        .map(|(entry, value)| (entry.clone(), Plaintext::copied(value)))
        .collect();
    secret
}

fn sealed(secret: &Secret, scope: Scope, key: usize) -> SealedSecret {
    let key = RING.keys()[key].private().public();
    seal(secret, key, scope, true, &mut SystemRandom).unwrap()
}

/// Open, shape, desired; the object's own template.
fn unsealed(object: &SealedSecret) -> Result<Secret, Vec<Fault>> {
    let answers = Answers {
        sealing_keys: Some(&RING),
    };
    let mut opened = open(object, &answers, &HOW)?;
    let mut env = Env {
        now: jiff::Timestamp::UNIX_EPOCH,
        zones: &UtcOnly,
        random: &mut Zeros,
    };
    let material = shape(
        opened.remove(0),
        object.spec.template.as_ref(),
        &FUNCTIONS,
        &mut env,
    )?;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let (namespace, name) = (text(&object.metadata.namespace), text(&object.metadata.name));
    desired(material, &namespace, &name, &Policy::default())
}

fn scope() -> impl Strategy<Value = Scope> {
    prop::sample::select(&Scope::ALL[..])
}

fn name() -> impl Strategy<Value = String> {
    "[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?"
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..64),
        (0usize..70_000).prop_map(|size| vec![b'x'; size]),
    ]
}

fn config(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    }
}

proptest! {
    #![proptest_config(config(96))]

    #[test]
    fn what_is_sealed_opens_where_its_scope_lets_it_and_nowhere_else(
        data in btree_map("[A-Za-z0-9_-][A-Za-z0-9._-]{0,20}", value(), 1..4),
        (namespace, other_namespace) in (name(), name()),
        (name, other_name) in (name(), name()),
        scope in scope(),
        key in 0usize..2,
    ) {
        let object = sealed(&secret(&namespace, &name, &data), scope, key);
        for (to_namespace, to_name) in [
            (&namespace, &name), (&namespace, &other_name), (&other_namespace, &name), (&other_namespace, &other_name),
        ] {
            let mut moved = object.clone();
            moved.metadata.namespace = Some(to_namespace.clone());
            moved.metadata.name = Some(to_name.clone());
            let opens = match scope {
                Scope::Strict => *to_namespace == namespace && *to_name == name,
                Scope::NamespaceWide => *to_namespace == namespace,
                Scope::ClusterWide => true,
            };
            match unsealed(&moved) {
                Ok(secret) => {
                    prop_assert!(opens);
                    prop_assert!(secret.data.len() == data.len());
                    for (entry, value) in &data {
                        prop_assert!(secret.data[entry].matches(value));
                    }
                }
                Err(faults) => {
                    prop_assert!(!opens, "{}", summary(&faults));
                    prop_assert!(faults.iter().all(|fault| fault.kind.code == "another-key-or-name"
                        || fault.kind.code == "another-scope"));
                }
            }
        }
    }

    #[test]
    fn a_namespace_with_a_slash_never_becomes_a_label(namespace in "[a-z]{1,5}/[a-z]{1,5}", scope in scope()) {
        // Otherwise `prod/db`, namespace-wide, would have the label of `db` in `prod` (S7).
        let (outer, inner) = namespace.split_once('/').unwrap();
        let data = BTreeMap::from([("x".to_owned(), b"v".to_vec())]);
        let mut object = sealed(&secret(outer, inner, &data), Scope::Strict, 0);
        object.metadata.namespace = Some(namespace.clone());
        object.metadata.annotations = annotations::scope_annotation(scope)
            .map(|annotation| BTreeMap::from([(annotation.to_owned(), "true".to_owned())]));
        let codes: Vec<_> = unsealed(&object).err().unwrap().iter().map(|fault| fault.kind.code).collect();
        prop_assert_eq!(codes, ["invalid-name"]);
    }

    #[test]
    fn an_altered_value_ends_in_a_fault_and_never_in_another_value(
        at in any::<prop::sample::Index>(), bit in 0u8..8, size in 0usize..40,
    ) {
        let data = BTreeMap::from([("x".to_owned(), vec![b'v'; size])]);
        let mut object = sealed(&secret("prod", "app", &data), Scope::Strict, 0);
        let text = object.spec.encrypted_data["x"].clone().unwrap();
        let mut bytes = seal_core::decode_base64(&text).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        object.spec.encrypted_data.insert("x".to_owned(), Some(seal_core::encode_base64(&bytes)));
        prop_assert!(unsealed(&object).is_err());
    }
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        ".{0,12}".prop_map(serde_json::Value::from),
        "[A-Za-z0-9+/]{0,40}={0,2}".prop_map(serde_json::Value::from),
        "\\{\\{[ a-z.|\"0-9()$:=-]{0,20}\\}\\}".prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            btree_map(key(), inner, 0..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    const KNOWN: &[&str] = &[
        "apiVersion",
        "kind",
        "metadata",
        "name",
        "namespace",
        "annotations",
        "labels",
        "spec",
        "data",
        "encryptedData",
        "template",
        "type",
        "immutable",
        "finalizers",
        "status",
        "conditions",
        "sealedsecrets.bitnami.com/cluster-wide",
        "sealedsecrets.bitnami.com/namespace-wide",
    ];
    prop_oneof![4 => prop::sample::select(KNOWN).prop_map(str::to_owned), 1 => ".{0,8}"]
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn no_object_makes_the_engine_panic(
        metadata in json(), items in json(), template in json(), blob in prop::option::of(json()), whole in json(),
    ) {
        let mut spec = serde_json::json!({"encryptedData": items, "template": template});
        if let Some(blob) = blob {
            spec["data"] = blob;
        }
        let shaped = serde_json::json!({
            "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "metadata": metadata, "spec": spec,
        });
        let named = serde_json::json!({
            "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret",
            "metadata": {"name": "app", "namespace": "prod"}, "spec": spec,
        });
        for object in [shaped, named, whole] {
            let Ok(object) = serde_json::from_value::<SealedSecret>(object) else { continue };
            if let Err(faults) = unsealed(&object) {
                prop_assert!(!faults.is_empty());
                prop_assert!(faults.iter().all(|fault| !fault.sentence().is_empty() && !fault.remedy().is_empty()));
            }
        }
    }
}

/// A template for every function, with the canary as every argument of every kind that it can have.
fn probes() -> Vec<String> {
    let mut probes = Vec::new();
    let arguments = [
        ".c",
        "(list .c)",
        "(dict .c .c)",
        "(dict \"k\" .c)",
        "(atoi .c)",
        "(list .c .c | first)",
        "(b64enc .c)",
        "(cat .c .c)",
        "(printf \"%s\" .c)",
        "(index .n .c)",
    ];
    let mut names: Vec<&str> = seal_template::sprig::FUNCTIONS
        .iter()
        .map(|function| function.name)
        .collect();
    names.extend([
        "and", "or", "not", "len", "index", "slice", "print", "printf", "println", "html", "js", "urlquery",
        "eq", "ne", "lt", "le", "gt", "ge", "call",
    ]);
    for name in names {
        for argument in arguments {
            for count in 1..=4 {
                probes.push(format!("{{{{ {name} {} }}}}", vec![argument; count].join(" ")));
            }
            probes.push(format!("{{{{ {argument} | {name} 1 \"x\" }}}}"));
            probes.push(format!("{{{{ {name} \"x\" 1 {argument} }}}}"));
        }
    }
    for source in [
        "{{ range .c }}{{ end }}",
        "{{ .c.d }}",
        "{{ (index .n .c).d }}",
        "{{ template .c }}",
        "{{ with .c.x }}{{ end }}",
        "{{ if eq .c 1 }}{{ end }}",
        "{{ fail .c }}",
        "{{ .c | fail }}",
        "{{ fail (printf \"%v\" .) }}",
        "{{ index . .c .c }}",
        "{{ (dict .c 1).x.y }}",
        "{{ mustFromJson .c }}",
        "{{ .d.e.f }}",
        "{{ $x := .c }}{{ $x.y }}",
        "{{ toDate .c .c }}",
        "{{ mustToDate .c .c }}",
        "{{ semver .c }}",
        "{{ printf .c 1 | fail }}",
    ] {
        probes.push(source.to_owned());
    }
    probes
}

#[test]
fn no_fault_of_the_engine_holds_a_sealed_value_in_any_form() {
    let canary = Canary::new().unwrap();
    let data = BTreeMap::from([
        ("c".to_owned(), canary.text().as_bytes().to_vec()),
        ("n".to_owned(), b"1".to_vec()),
    ]);
    let object = sealed(&secret("prod", "app", &data), Scope::Strict, 0);
    let answers = Answers {
        sealing_keys: Some(&RING),
    };
    let (mut faults, mut count) = (0, 0);
    for chunk in probes().chunks(200) {
        let mut entries = BTreeMap::new();
        for (number, source) in chunk.iter().enumerate() {
            entries.insert(format!("t{number}"), Some(source.clone()));
        }
        let template = SecretTemplate {
            data: Some(entries),
            ..SecretTemplate::default()
        };
        let opened = open(&object, &answers, &HOW).unwrap().remove(0);
        let mut env = Env {
            now: jiff::Timestamp::UNIX_EPOCH,
            zones: &UtcOnly,
            random: &mut Zeros,
        };
        count += chunk.len();
        let Err(found) = shape(opened, Some(&template), &FUNCTIONS, &mut env) else {
            continue;
        };
        faults += found.len();
        for fault in &found {
            let texts = [
                fault.sentence(),
                fault.remedy(),
                format!("{fault:?}"),
                format!("{fault}"),
            ];
            for text in &texts {
                let source = &template.data.as_ref().unwrap()[fault.place.entry.as_ref().unwrap()];
                assert!(canary.find_in(text.as_bytes()).is_empty(), "{source:?}: {text}");
            }
        }
        assert!(canary.find_in(summary(&found).as_bytes()).is_empty());
    }
    assert!(
        count > 5_000 && faults > 2_000,
        "{faults} faults of {count} templates"
    );
}

#[test]
fn no_parser_of_the_engine_repeats_what_it_could_not_read() {
    let canary = Canary::new().unwrap();
    let text = canary.text();
    let quoted = serde_json::to_string(text).unwrap();
    let mut said = Vec::new();
    for body in [
        format!("{{\"data\": {{\"a\": {quoted}}}}}"),
        format!("{{\"data\": {quoted}}}"),
        format!("{{\"metadata\": {quoted}}}"),
        format!("{{\"immutable\": {quoted}}}"),
        format!("{{\"type\": [{quoted}]}}"),
        format!("{{\"stringData\": {{\"a\": [{quoted}]}}}}"),
        format!("{{{quoted}"),
        text.to_owned(),
    ] {
        said.extend(
            Secret::from_json(body.as_bytes())
                .err()
                .map(|error| format!("{error} {error:?}")),
        );
    }
    said.extend(
        PrivateKey::from_pem(text.as_bytes())
            .err()
            .map(|error| format!("{error} {error:?}")),
    );
    let pem = format!(
        "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n",
        canary.base64()
    );
    said.extend(
        PrivateKey::from_pem(pem.as_bytes())
            .err()
            .map(|error| format!("{error} {error:?}")),
    );
    let certificate =
        seal_core::Certificate::from_pem(pem.replace("RSA PRIVATE KEY", "CERTIFICATE").as_bytes());
    said.extend(certificate.err().map(|error| format!("{error} {error:?}")));
    said.extend(
        seal_core::decode_base64(text)
            .err()
            .map(|error| format!("{error} {error:?}")),
    );
    said.extend(
        seal_core::Envelope::parse(&text.as_bytes()[..20])
            .err()
            .map(|error| format!("{error} {error:?}")),
    );
    for source in [
        format!("a: [{text}"),
        format!("{{\"a\": {text}"),
        format!("a: {quoted}\nb: !!int {quoted}\na: 1\n"),
    ] {
        let parsed = seal_document::parse(
            &source,
            seal_document::Format::Yaml,
            &seal_document::Limits::default(),
        );
        match parsed {
            Err(error) => said.push(format!("{error} {error:?}")),
            Ok(stream) => {
                let read = stream.documents()[0].value(
                    seal_document::Schema::Kubernetes,
                    seal_document::DuplicateKeys::Error,
                );
                said.extend(read.err().map(|error| format!("{error} {error:?}")));
            }
        }
    }
    // Legacy blobs and entries that hold something else than they should.
    let data = BTreeMap::from([("x".to_owned(), format!("[{quoted}]").into_bytes())]);
    let mut object = sealed(&secret("prod", "app", &data), Scope::Strict, 0);
    object.spec.data = object.spec.encrypted_data.remove("x").unwrap();
    said.push(summary(&unsealed(&object).err().unwrap()));
    object.spec.data = Some(text.to_owned());
    said.push(summary(&unsealed(&object).err().unwrap()));
    object.spec.data = None;
    object.spec.encrypted_data = BTreeMap::from([("x".to_owned(), Some(text.to_owned()))]);
    said.push(summary(&unsealed(&object).err().unwrap()));
    assert!(said.len() >= 16, "only {} faults", said.len());
    for text in said {
        assert!(canary.find_in(text.as_bytes()).is_empty(), "{text}");
    }
}
