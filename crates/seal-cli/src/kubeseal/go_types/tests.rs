use seal_document::{DuplicateKeys, Format, JsonStyle, KeyOrder, Limits, Schema};

use super::*;

fn read(text: &str, target: &'static GoStruct) -> (String, bool, Option<String>) {
    let stream = seal_document::parse(text, Format::Yaml, &Limits::default()).unwrap();
    let value = stream.documents()[0]
        .value(Schema::Kubernetes, DuplicateKeys::LastWins)
        .unwrap();
    let reading = target.read(&value);
    let style = JsonStyle {
        order: KeyOrder::Kept,
        ..JsonStyle::COMPACT
    };
    (
        seal_document::to_json(&reading.value, style).unwrap().to_string(),
        reading.filled,
        reading.fault,
    )
}

#[test]
fn fields_come_in_the_structs_order_and_scalars_become_strings() {
    let (json, filled, fault) = read(
        "{type: 5, metadata: {namespace: a, name: n, labels: {z: 1, a: true}}, unknown: 1, StringData: {b: 1.50, a: }}",
        &SECRET,
    );
    assert_eq!(
        json,
        r#"{"metadata":{"name":"false","namespace":"a","labels":{"a":"true","z":"1"}},"stringData":{"a":"","b":"1.5"},"type":"5"}"#
    );
    assert!(filled);
    assert_eq!(fault, None);
}

#[test]
fn complaints_are_worded_as_encoding_json_words_them() {
    for (text, fault) in [
        (
            "data: {foo: 5}",
            "json: cannot unmarshal number into Go struct field Secret.data of type []uint8",
        ),
        (
            "metadata: {name: [x]}",
            "json: cannot unmarshal array into Go struct field ObjectMeta.metadata.name of type string",
        ),
        (
            "kind: [a]",
            "json: cannot unmarshal array into Go struct field Secret.TypeMeta.kind of type string",
        ),
        ("data: {foo: YQ}", "illegal base64 data at input byte 0"),
        (
            "metadata: {generation: 1.5}",
            "json: cannot unmarshal number 1.5 into Go struct field ObjectMeta.metadata.generation of type int64",
        ),
    ] {
        assert_eq!(read(text, &SECRET).2.as_deref(), Some(fault), "{text}");
    }
}

#[test]
fn an_empty_struct_is_told_from_an_empty_map() {
    assert!(!read("metadata: {}", &SECRET).1);
    assert!(!read("not: a secret", &SECRET).1);
    assert!(read("data: {}", &SECRET).1);
    assert!(read("metadata: {finalizers: []}", &SECRET).1);
}

#[test]
fn a_sealed_entry_that_is_no_string_reads_as_empty() {
    let (json, _, fault) = read("spec: {encryptedData: {a: 5, b: AgB}}", &SEALED_SECRET);
    assert_eq!(fault, None);
    assert_eq!(
        json,
        r#"{"metadata":{},"spec":{"template":{"metadata":{}},"encryptedData":{"a":"","b":"AgB"}}}"#
    );
}
