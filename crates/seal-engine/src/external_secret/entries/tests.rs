use jiff::Timestamp;
use seal_template::environment::{Random, UtcOnly};
use seal_template::{Budget, Env, Functions, sprig};
use serde_json::{Value, json};

use super::super::needs::SearchBy;
use super::*;
use crate::fault::summary;

struct Zeros;

impl Random for Zeros {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

// A store of a test: values by key, in one dialect.
struct Store {
    dialect: Dialect,
    values: BTreeMap<String, Plaintext>,
    mounted: bool,
    generated: BTreeMap<String, Plaintext>,
}

impl Store {
    fn of(dialect: Dialect, values: &[(&str, &str)]) -> Self {
        Self {
            dialect,
            values: plain(values),
            mounted: true,
            generated: BTreeMap::new(),
        }
    }

    fn vault(values: &[(&str, &str)]) -> Self {
        Self::of(Dialect::Vault, values)
    }
}

fn plain(values: &[(&str, &str)]) -> BTreeMap<String, Plaintext> {
    let values = values.iter();
    values
        .map(|(name, value)| ((*name).to_owned(), Plaintext::copied(value.as_bytes())))
        .collect()
}

impl Answers for Store {
    fn dialect(&self, _: &StoreId) -> Dialect {
        self.dialect
    }

    fn read(&self, read: &Read) -> Reply<Content<'_>> {
        if !self.mounted {
            return Reply::MountMissing("no secrets engine is mounted there".to_owned());
        }
        let key = match &read.version {
            Some(version) => format!("{}@{version}", read.key),
            None if read.metadata => format!("{}#metadata", read.key),
            None => read.key.clone(),
        };
        self.values
            .get(&key)
            .map_or(Reply::Missing, |value| Reply::Value(Content::Whole(value)))
    }

    fn search(&self, search: &Search) -> Reply<Vec<(&str, Content<'_>)>> {
        let SearchBy::Name(expression) = &search.by else {
            return Reply::Missing;
        };
        let pattern = super::super::Pattern::parse(expression).unwrap();
        let hits = self.values.iter().filter(|(name, _)| pattern.matches(name));
        Reply::Value(
            hits.map(|(name, value)| (name.as_str(), Content::Whole(value)))
                .collect(),
        )
    }

    fn generated(&self, _: usize, _: &GeneratorRef) -> Reply<&BTreeMap<String, Plaintext>> {
        Reply::Value(&self.generated)
    }
}

fn opened(spec: Value, store: &Store) -> Result<Opened, Vec<Fault>> {
    let mut spec: ExternalSecretSpec = serde_json::from_value(spec).unwrap();
    spec.secret_store_ref = serde_json::from_value(json!({"name": "s"})).unwrap();
    let functions = Functions::builtin().with(sprig::FUNCTIONS);
    let mut tools = Tools {
        functions: &functions,
        env: &mut Env {
            now: Timestamp::UNIX_EPOCH,
            zones: &UtcOnly,
            random: &mut Zeros,
        },
        budget: &mut Budget::default(),
    };
    open(&spec, store, &mut tools)
}

fn values(spec: Value, store: &Store) -> Value {
    let opened = opened(spec, store).unwrap_or_else(|faults| panic!("{}", summary(&faults)));
    let shown = |value: &Plaintext| String::from_utf8(value.expose().to_vec()).unwrap();
    let entries = opened.unveiled.entries.iter();
    entries
        .map(|(name, value)| (name.clone(), json!(shown(value))))
        .collect()
}

fn told(spec: Value, store: &Store) -> String {
    let faults = opened(spec, store).err().expect("a fault");
    summary(&faults)
}

fn item(entry: &str, mut reference: Value) -> Value {
    if reference.get("key").is_none() {
        reference["key"] = json!("app");
    }
    json!({"secretKey": entry, "remoteRef": reference})
}

const APP: &str =
    r#"{"foo":{"nested":{"bar":"b","baz":"z"}},"foo.nested.bar":"literal","n":1.50,"t":true,"z":null}"#;

#[test]
fn single_values_are_whole_literal_or_a_path() {
    let store = Store::vault(&[
        ("app", APP),
        ("app@1", r#"{"n":"old"}"#),
        ("app#metadata", r#"{"current_version":"7"}"#),
    ]);
    let found = values(
        json!({"data": [
            item("whole", json!({})), item("literal", json!({"property": "foo.nested.bar"})), item("path", json!({"property": "foo.nested.baz"})),
            item("number", json!({"property": "n"})), item("null", json!({"property": "z"})),
            item("old", json!({"property": "n", "version": "1"})),
            item("meta", json!({"property": "current_version", "metadataPolicy": "Fetch"})),
        ]}),
        &store,
    );
    let whole =
        r#"{"foo":{"nested":{"bar":"b","baz":"z"}},"foo.nested.bar":"literal","n":1.50,"t":true,"z":null}"#;
    let expected = json!({"whole": whole, "literal": "literal", "path": "z", "number": "1.50", "null": "", "old": "old", "meta": "7"});
    assert_eq!(found, expected);
}

#[test]
fn later_entries_of_data_from_win_and_data_wins_over_all() {
    let store = Store::vault(&[
        ("one", r#"{"a":"1","b":"1","c":"1"}"#),
        ("two", r#"{"b":"2","c":"2"}"#),
        ("app", r#"{"x":"3"}"#),
    ]);
    let from = json!([{"extract": {"key": "one"}}, {"extract": {"key": "two"}}]);
    let data = json!([item("c", json!({"property": "x"}))]);
    assert_eq!(
        values(json!({"data": data, "dataFrom": from}), &store),
        json!({"a": "1", "b": "2", "c": "3"})
    );
}

#[test]
fn members_of_an_object_are_entries_and_those_of_a_property_too() {
    let store = Store::vault(&[(
        "app",
        r#"{"foo":{"nested":{"bar":"b","baz":[1]}},"n":1.50,"b":true,"z":null}"#,
    )]);
    let from = |extract: Value| json!({"dataFrom": [{"extract": extract}]});
    assert_eq!(
        values(from(json!({"key": "app"})), &store),
        json!({"foo": r#"{"nested":{"bar":"b","baz":[1]}}"#, "n": "1.5", "b": "true", "z": ""})
    );
    assert_eq!(
        values(from(json!({"key": "app", "property": "foo.nested"})), &store),
        json!({"bar": "b", "baz": "[1]"})
    );
}

#[test]
fn found_names_are_converted_unless_they_are_rewritten() {
    let store = Store::vault(&[
        ("dev/a", r#"{"x":"1"}"#),
        ("dev/b", r#"{"x":"2"}"#),
        ("prod/a", r#"{"x":"3"}"#),
    ]);
    let find = |more: Value| {
        let mut from = json!({"find": {"name": {"regexp": "^dev/"}}});
        from.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({"dataFrom": [from]})
    };
    assert_eq!(
        values(find(json!({})), &store),
        json!({"dev_a": r#"{"x":"1"}"#, "dev_b": r#"{"x":"2"}"#})
    );
    let unicode = json!({"dataFrom": [{"find": {"name": {"regexp": "a"}, "conversionStrategy": "Unicode"}}]});
    assert_eq!(
        values(unicode, &store),
        json!({"dev_U002f_a": r#"{"x":"1"}"#, "prod_U002f_a": r#"{"x":"3"}"#})
    );
    let renamed = json!({"rewrite": [{"regexp": {"source": "dev/", "target": ""}}]});
    assert_eq!(
        values(find(renamed), &store),
        json!({"a": r#"{"x":"1"}"#, "b": r#"{"x":"2"}"#})
    );
    // With a rewrite nothing is converted by itself.
    let kept = json!({"rewrite": [{"regexp": {"source": "none", "target": ""}}]});
    let words = told(find(kept), &store);
    assert!(
        words.starts_with(
            "error processing spec.dataFrom[0].find, err: invalid secret keys (TIP: use rewrite"
        ),
        "{words}"
    );
    assert!(words.ends_with(": dev/a"), "{words}");
    let merged = json!({"rewrite": [{"merge": {"conflictPolicy": "Ignore"}}]});
    assert_eq!(values(find(merged), &store), json!({"x": "2"}));
}

#[test]
fn two_names_that_become_one_are_a_fault() {
    let store = Store::vault(&[("a/b", "{}"), ("a_b", "{}")]);
    let words = told(json!({"dataFrom": [{"find": {"name": {"regexp": "."}}}]}), &store);
    assert!(
        words.contains("secret name collision during conversion: a_b"),
        "{words}"
    );
}

#[test]
fn a_fake_stores_names_are_converted_before_they_are_rewritten() {
    let store = Store::of(Dialect::Fake, &[("a/b", "1")]);
    let rewrite = json!([{"regexp": {"source": "^a_", "target": "x"}}]);
    let spec = json!({"dataFrom": [{"find": {"name": {"regexp": "a"}}, "rewrite": rewrite}]});
    assert_eq!(values(spec, &store), json!({"xb": "1"}));
}

#[test]
fn values_are_decoded_after_their_names_are_judged() {
    let store = Store::vault(&[("app", r#"{"coded":"aGVsbG8=","plain":"hello!"}"#)]);
    let from =
        |strategy: &str| json!({"dataFrom": [{"extract": {"key": "app", "decodingStrategy": strategy}}]});
    assert_eq!(
        values(from("Auto"), &store),
        json!({"coded": "hello", "plain": "hello!"})
    );
    let words = told(from("Base64"), &store);
    let expected = "error processing spec.dataFrom[0].extract, err: error applying decoding strategy Base64 to data: illegal base64 data at input byte 5";
    assert_eq!(words, expected);
    let item = item("a", json!({"property": "plain", "decodingStrategy": "Base64URL"}));
    let words = told(json!({"data": [item]}), &store);
    assert!(
        words.starts_with(
            "error processing spec.data[0] (key: app), err: error applying decoding strategy Base64URL"
        ),
        "{words}"
    );
}

#[test]
fn what_is_missing_is_a_fault_or_left_out_by_policy() {
    let store = Store::vault(&[("app", r#"{"a":"1"}"#)]);
    let spec = |policy: &str| {
        json!({"target": {"deletionPolicy": policy}, "dataFrom": [{"extract": {"key": "none"}}],
            "data": [item("a", json!({"property": "a"})), item("b", json!({"key": "none"}))]})
    };
    assert_eq!(
        told(spec("Retain"), &store),
        "error processing spec.dataFrom[0].extract, err: Secret does not exist\n\
         error processing spec.data[1] (key: none), err: Secret does not exist"
    );
    for policy in ["Delete", "Merge"] {
        assert_eq!(values(spec(policy), &store), json!({"a": "1"}));
        let missing = opened(spec(policy), &store).ok().unwrap().missing;
        let missing: Vec<_> = missing
            .iter()
            .map(|source| (source.field.as_str(), source.key.as_deref()))
            .collect();
        assert_eq!(
            missing,
            [("spec.dataFrom[0]", Some("none")), ("spec.data[1]", Some("none"))]
        );
    }
}

#[test]
fn a_missing_property_is_a_fault_whatever_the_policy_but_in_a_fake_store() {
    let spec =
        || json!({"target": {"deletionPolicy": "Delete"}, "data": [item("a", json!({"property": "zzz"}))]});
    let words = told(spec(), &Store::vault(&[("app", "{}")]));
    assert_eq!(
        words,
        r#"error processing spec.data[0] (key: app), err: cannot find secret data for key: "zzz""#
    );
    assert_eq!(
        values(spec(), &Store::of(Dialect::Fake, &[("app", "{}")])),
        json!({})
    );
}

#[test]
fn what_could_hold_no_value_is_a_fault_whatever_the_policy() {
    for policy in ["Retain", "Delete", "Merge"] {
        let mut store = Store::vault(&[("app", "{}")]);
        store.mounted = false;
        let spec = json!({"target": {"deletionPolicy": policy}, "data": [item("a", json!({}))]});
        let faults = opened(spec, &store).err().unwrap();
        assert_eq!(faults[0].kind.code, "mount-missing");
        assert_eq!(faults[0].place.field.as_deref(), Some("spec.data[0]"));
        assert_eq!(faults[0].place.entry.as_deref(), Some("a"));
        assert_eq!(
            summary(&faults),
            "error processing spec.data[0] (key: app), err: no secrets engine is mounted there"
        );
    }
}

#[test]
fn generated_values_are_rewritten_and_judged() {
    let mut store = Store::vault(&[]);
    store.generated = plain(&[("password", "p")]);
    let from = |rewrite: Value| json!({"dataFrom": [{"sourceRef": {"generatorRef": {"kind": "Password", "name": "p"}}, "rewrite": rewrite}]});
    assert_eq!(values(from(json!([])), &store), json!({"password": "p"}));
    let renamed = json!([{"transform": {"template": "db-{{ .value }}"}}]);
    assert_eq!(values(from(renamed), &store), json!({"db-password": "p"}));
    let spoilt = json!([{"transform": {"template": "db/{{ .value }}"}}]);
    assert!(
        told(from(spoilt), &store).starts_with(
            "error processing spec.dataFrom[0].sourceRef.generatorRef, err: invalid secret keys"
        )
    );
}

#[test]
fn every_entry_that_fails_is_told() {
    let store = Store::vault(&[("app", r#"{"a":"\u0000"}"#)]);
    let faults = opened(
        json!({"data": [item("a", json!({"property": "x"})), item("b", json!({"property": "a", "nullBytePolicy": "Fail"})),
            item("c", json!({"key": "none"})), item("d", json!({"property": "[@this,@this]|".repeat(80)}))],
            "dataFrom": [{"extract": {"key": "app", "property": "a"}}, {"extract": {"key": "app"}, "rewrite": [{"regexp": {"source": "(", "target": ""}}]}]}),
        &store,
    );
    let codes: Vec<_> = faults
        .err()
        .unwrap()
        .iter()
        .map(|fault| fault.kind.code)
        .collect();
    assert_eq!(
        codes,
        [
            "not-an-object",
            "rewrite-failed",
            "property-missing",
            "null-byte",
            "source-missing",
            "property-too-much"
        ]
    );
}

#[test]
fn no_fault_tells_what_stood_in_a_value() {
    let canary = "c4n4ry";
    let store = Store::vault(&[
        (
            "app",
            r#"{"c4n4ry/1":"c4n4ry","c4n4ry_1":"c4n4ry!","o":{"c4n4ry":"c4n4ry"}}"#,
        ),
        ("list", r#"["c4n4ry"]"#),
        ("text", "c4n4ry"),
        ("two", r#"{"a":{"c4n4ry":1},"b":{"c4n4ry":2}}"#),
    ]);
    let extract = |key: &str, rewrite: Value| json!({"extract": {"key": key, "decodingStrategy": "Base64"}, "rewrite": rewrite});
    let find = |rewrite: Value| json!({"find": {"name": {"regexp": "two|app"}}, "rewrite": rewrite});
    let merge = || json!([{"merge": {}}]);
    for from in [
        extract("app", json!([])),
        extract("app", json!([{"regexp": {"source": "x", "target": ""}}])),
        extract("app", merge()),
        extract("two", merge()),
        extract("list", json!([])),
        extract("text", json!([])),
        extract("app", json!([{"transform": {"template": "{{ fail .value }}"}}])),
        extract(
            "app",
            json!([{"transform": {"template": "{{ .value | atoi | add1 | nosuch }}"}}]),
        ),
        find(json!([{"merge": {"conflictPolicy": "Ignore"}}])),
    ] {
        let words = told(json!({"dataFrom": [from]}), &store);
        assert!(!words.contains(canary), "{from}: {words}");
    }
    for reference in [
        json!({"key": "list"}),
        json!({"key": "text"}),
        json!({"property": "o", "decodingStrategy": "Base64"}),
    ] {
        let words = told(json!({"data": [item("a", reference.clone())]}), &store);
        assert!(!words.contains(canary), "{reference}: {words}");
    }
}
