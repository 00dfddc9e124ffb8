//! Text of strangers as a document: parse, read under every schema, walk all spans.

#![no_main]

use libfuzzer_sys::fuzz_target;
use seal_document::{DuplicateKeys, Format, Limits, Schema, decode, documents, parse};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = decode(bytes) else { return };
    for format in [Format::Yaml, Format::Json, Format::detect(None, text)] {
        let limits = Limits {
            aliased_nodes: 10_000,
            ..Limits::default()
        };
        let each = documents(text, format, &limits)
            .take(1_000)
            .filter(Result::is_err)
            .count();
        let Ok(stream) = parse(text, format, &limits) else {
            assert!(each > 0, "read whole it is refused, read one by one it is not");
            continue;
        };
        for document in stream.documents() {
            assert!(text.get(document.span()).is_some());
            for duplicates in [DuplicateKeys::Error, DuplicateKeys::LastWins] {
                drop(document.value(Schema::Kubernetes, duplicates));
            }
        }
    }
});
