//! Any value that a document yields is written as YAML and JSON and read back the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use seal_document::{
    DuplicateKeys, Format, JsonStyle, KeyOrder, Limits, Schema, Value, decode, parse, to_json, to_yaml,
};

const KEPT: JsonStyle = JsonStyle {
    order: KeyOrder::Kept,
    ..JsonStyle::COMPACT
};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = decode(bytes) else { return };
    let limits = Limits {
        aliased_nodes: 10_000,
        ..Limits::default()
    };
    let Ok(stream) = parse(text, Format::detect(None, text), &limits) else {
        return;
    };
    for document in stream.documents() {
        let Ok(value) = document.value(Schema::Kubernetes, DuplicateKeys::LastWins) else {
            continue;
        };
        let Ok(json) = to_json(&value, KEPT) else { continue };
        let yaml = to_yaml(&value, KeyOrder::Kept).expect("JSON could be written");
        for (written, format) in [(&json, Format::Json), (&yaml, Format::Yaml)] {
            let read = read(written, format);
            let again = to_json(&read, KEPT).expect("it was read");
            // Go writes the float as -0 and reads that as the whole number 0.
            let settled = |text: &str| text.replace("-0", "0");
            assert_eq!(settled(&again), settled(&json), "through {format:?}");
        }
    }
});

fn read(text: &str, format: Format) -> Value {
    let limits = Limits {
        depth: 255,
        ..Limits::default()
    };
    let stream = parse(text, format, &limits).expect("what is written parses");
    stream.documents()[0]
        .value(Schema::Kubernetes, DuplicateKeys::Error)
        .expect("what is written is read")
}
