//! What `sigs.k8s.io/yaml` 1.6.0 reads and writes, made by `vectors/generate`, against what we do.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads its vectors and may panic"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use seal_document::{
    DuplicateKeys, Format, JsonStyle, KeyOrder, Limits, Mapping, Schema, Value, documents, parse, to_json,
    to_yaml,
};

/// The rows of a vector file. A file that nothing asks for fails the last test here.
fn rows(name: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(name);
    let text = fs::read_to_string(&path).unwrap();
    let rows = documents(&text, Format::Json, &Limits::default())
        .map(|row| {
            row.unwrap()
                .value(Schema::Kubernetes, DuplicateKeys::Error)
                .unwrap()
        })
        .collect::<Vec<_>>();
    assert!(rows.len() > 10, "{name} has {} rows", rows.len());
    rows
}

fn text<'r>(row: &'r Value, field: &str) -> Option<&'r str> {
    row.get(field).unwrap().as_str()
}

const COMPACT: JsonStyle = JsonStyle::COMPACT;

fn read(yaml: &str, duplicates: DuplicateKeys) -> Option<Value> {
    // The engine reads the first document only.
    match documents(yaml, Format::Yaml, &Limits::default()).next() {
        None => Some(Value::Null),
        Some(document) => document.ok()?.value(Schema::Kubernetes, duplicates).ok(),
    }
}

/// Sound YAML 1.2 that go-yaml v2, a reader of YAML 1.1, refuses; we take it.
const WE_TAKE: &[&str] = &[
    "\"a\\/b\"",
    "a: \"\\ud83d\\ude00\"\n",
    "%YAML 1.2\n---\na: 1\n",
    "...\n",
    "\ta: 1\n",
    "a: b\n  \n\t\nc: d\n",
];

fn report(name: &str, differences: &[String]) {
    assert!(
        differences.is_empty(),
        "{name}: {} differ\n{}",
        differences.len(),
        differences.join("\n")
    );
}

#[test]
fn scalars_mean_what_they_mean_to_kubernetes() {
    let mut differences = Vec::new();
    for row in rows("scalars.jsonl") {
        let input = text(&row, "in").unwrap();
        let value = read(&format!("v: {input}\n"), DuplicateKeys::LastWins);
        let value = value.as_ref().and_then(|value| value.get("v"));
        let json = value.and_then(|value| to_json(value, COMPACT).ok());
        let string = value.and_then(Value::stringify);
        let keyed = read(&format!("? {input}\n: v\n"), DuplicateKeys::LastWins);
        let key = keyed
            .as_ref()
            .and_then(Value::as_mapping)
            .and_then(|mapping| mapping.keys().next());
        for (field, ours) in [
            ("json", json.as_deref().map(String::as_str)),
            ("string", string.as_deref().map(String::as_str)),
            ("key", key),
        ] {
            // encoding/json spells out what it replaced.
            let theirs = text(&row, field).map(|text| text.replace("\\ufffd", "\u{FFFD}"));
            let taken = theirs.is_none() && WE_TAKE.contains(&input);
            if theirs.as_deref() != ours && !taken {
                differences.push(format!(
                    "{input:?} {field}: Go {:?}, we {ours:?}",
                    text(&row, field)
                ));
            }
        }
    }
    report("scalars", &differences);
}

#[test]
fn documents_mean_what_they_mean_to_kubernetes() {
    let mut differences = Vec::new();
    for row in rows("documents.jsonl") {
        let input = text(&row, "in").unwrap();
        for (field, duplicates) in [
            ("json", DuplicateKeys::LastWins),
            ("strict", DuplicateKeys::Error),
        ] {
            let ours = read(input, duplicates).and_then(|value| to_json(&value, COMPACT).ok());
            let theirs = text(&row, field);
            // go-yaml's strict reader also refuses what a merge is for: to be overridden.
            let merge = field == "strict" && input.contains("<<: ");
            let taken = theirs.is_none() && (merge || WE_TAKE.contains(&input));
            if theirs != ours.as_deref().map(String::as_str) && !taken {
                differences.push(format!(
                    "{input:?} {field}: Go {:?}, we {ours:?}",
                    text(&row, field)
                ));
            }
        }
    }
    report("documents", &differences);
}

#[test]
fn texts_are_written_byte_for_byte_as_kubernetes_writes_them() {
    fn map(key: &str, value: impl Into<Value>) -> Value {
        Value::from(Mapping::from_iter([(key, value.into())]))
    }
    let mut differences = Vec::new();
    for row in rows("texts.jsonl") {
        let input = text(&row, "in").unwrap();
        let list = vec![input.into(), vec![Value::from(input)].into(), map("a", input)];
        for (field, value) in [
            ("value", map("k", input)),
            ("key", map(input, "v")),
            ("item", map("k", list)),
            ("deep", map("a", map("b", map("c", map(input, input))))),
            ("root", Value::from(input)),
        ] {
            let ours = to_yaml(&value, KeyOrder::Sorted).unwrap();
            let theirs = text(&row, field).unwrap();
            if theirs != ours.as_str() {
                differences.push(format!(
                    "{input:?} {field}:\nGo {theirs:?}\nwe {:?}",
                    ours.as_str()
                ));
            }
            let again = read(&ours, DuplicateKeys::Error).map(|value| to_json(&value, COMPACT).unwrap());
            if again.as_deref() != Some(&*to_json(&value, COMPACT).unwrap()) {
                differences.push(format!(
                    "{input:?} {field}: {:?} is read back as {again:?}",
                    ours.as_str()
                ));
            }
        }
    }
    report("texts", &differences);
}

#[test]
fn values_are_written_byte_for_byte_as_go_writes_them() {
    let mut differences = Vec::new();
    for row in rows("values.jsonl") {
        let input = text(&row, "in").unwrap();
        let stream = parse(input, Format::Json, &Limits::default()).unwrap();
        let value = stream.documents()[0]
            .value(Schema::Kubernetes, DuplicateKeys::Error)
            .unwrap();
        let plain = JsonStyle {
            escape_html: false,
            ..COMPACT
        };
        for (field, ours) in [
            ("yaml", to_yaml(&value, KeyOrder::Sorted).unwrap()),
            ("compact", to_json(&value, COMPACT).unwrap()),
            ("pretty", to_json(&value, JsonStyle::PRETTY).unwrap()),
            ("plain", to_json(&value, plain).unwrap()),
        ] {
            let theirs = text(&row, field).unwrap();
            if theirs != ours.as_str() {
                differences.push(format!("{input:?} {field}:\nGo {theirs}\nwe {}", ours.as_str()));
            }
        }
    }
    report("values", &differences);
}

#[test]
fn no_vector_file_is_forgotten() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let files: BTreeSet<_> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().file_name())
        .collect();
    let read = [
        "documents.jsonl",
        "generate",
        "scalars.jsonl",
        "texts.jsonl",
        "values.jsonl",
    ];
    assert_eq!(files, read.into_iter().map(Into::into).collect());
}
