//! Laws that hold for any text and any value, tried on generated ones.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::Config;
use seal_document::{
    DuplicateKeys, Edits, Format, JsonStyle, KeyOrder, Limits, Mapping, NodeKind, Path, ScalarStyle, Schema,
    Value, decode, documents, parse, to_json, to_yaml,
};

const KEPT: JsonStyle = JsonStyle {
    order: KeyOrder::Kept,
    ..JsonStyle::COMPACT
};

fn show(value: &Value) -> String {
    to_json(value, KEPT).unwrap().to_string()
}

fn read(text: &str, format: Format) -> Value {
    let stream = parse(text, format, &Limits::default()).unwrap();
    assert_eq!(stream.documents().len(), 1);
    stream.documents()[0]
        .value(Schema::Kubernetes, DuplicateKeys::Error)
        .unwrap()
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{0,6}",
        "[ -~\n\t]{0,20}",
        "\\PC{0,10}",
        any::<String>(),
        prop::sample::select(vec![
            "yes",
            "0x1",
            "1e3",
            "null",
            "2001-01-01",
            "- a",
            "a: b",
            " #",
            "<<",
            "...",
            "\u{85}",
            "\u{2028}"
        ])
        .prop_map(str::to_owned),
        "([a-z]{1,9} ){10,30}[a-z]",
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec((text(), inner), 0..5).prop_map(|entries| Value::from(Mapping::from_iter(entries))),
        ]
    })
}

/// Pieces of YAML, sound together more often than not.
fn yaml() -> impl Strategy<Value = String> {
    let line = prop::sample::select(vec![
        "a: b",
        "c: 'd' # e",
        "f:",
        "  g: h",
        "  i: |",
        "    j",
        "  k: [l, {m: n}]",
        "- o",
        "- p: q",
        "  r: s",
        "# t",
        "",
        "---",
        "u: &v w",
        "x: *v",
        "y: {}",
        "  z: \"1\\n2\"",
        "? a1",
        ": b1",
        "c1: >-",
        "\u{FEFF}d1: e1",
        "\tf1",
        "\"g1\": ~",
    ]);
    (
        vec(line, 0..14),
        prop::sample::select(vec!["\n", "\r\n"]),
        any::<bool>(),
    )
        .prop_map(|(lines, line_break, last)| lines.join(line_break) + if last { line_break } else { "" })
}

/// The paths of all scalars of a tree that a splice can reach.
fn scalars(node: &seal_document::Node<'_>, path: &Path, found: &mut Vec<Path>) {
    match node.kind() {
        NodeKind::Scalar { .. } => found.push(path.clone()),
        NodeKind::Mapping { entries, .. } => {
            for (key, value) in entries {
                if let NodeKind::Scalar {
                    text,
                    style: ScalarStyle::Plain,
                } = key.kind()
                {
                    scalars(value, &path.key(&**text), found);
                }
            }
        }
        NodeKind::Sequence { items, .. } => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, item)| scalars(item, &path.index(index), found));
        }
        NodeKind::Alias(_) => {}
    }
}

proptest! {
    #![proptest_config(Config { cases: 200, failure_persistence: None, ..Config::default() })]

    #[test]
    fn what_is_written_is_read_back(value in value()) {
        let kept = to_yaml(&value, KeyOrder::Kept).unwrap();
        prop_assert_eq!(show(&read(&kept, Format::Yaml)), show(&value), "{}", &*kept);
        for style in [KEPT, JsonStyle { order: KeyOrder::Kept, ..JsonStyle::PRETTY }] {
            let json = to_json(&value, style).unwrap();
            prop_assert_eq!(show(&read(&json, Format::Json)), show(&value));
        }
    }

    #[test]
    fn no_bytes_make_the_parser_panic(bytes in vec(any::<u8>(), 0..200)) {
        if let Ok(text) = decode(&bytes) {
            for format in [Format::Yaml, Format::Json] {
                documents(text, format, &Limits::default()).for_each(drop);
            }
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic_and_documents_are_the_whole_text(text in prop_oneof![yaml(), text()]) {
        let mut end = 0;
        for document in documents(&text, Format::Yaml, &Limits::default()) {
            let span = match &document {
                Ok(document) => {
                    let _ = document.value(Schema::Kubernetes, DuplicateKeys::LastWins);
                    document.span()
                }
                Err(error) => error.span(),
            };
            prop_assert_eq!(span.start, end);
            end = span.end;
        }
        prop_assert_eq!(end, text.len());
        documents(&text, Format::Json, &Limits::default()).for_each(drop);
    }

    #[test]
    fn a_replaced_scalar_leaves_all_else_as_it_was(text in yaml(), new in text(), pick in any::<prop::sample::Index>()) {
        let Ok(stream) = parse(&text, Format::Yaml, &Limits::default()) else { return Ok(()) };
        let mut paths = Vec::new();
        for document in stream.documents() {
            let mut found = Vec::new();
            document.root().into_iter().for_each(|root| scalars(root, &Path::root(), &mut found));
            paths.extend(found.into_iter().filter(|path| !path.steps().is_empty()).map(|path| (document.index(), path)));
        }
        if paths.is_empty() {
            return Ok(());
        }
        let (document, path) = pick.get(&paths);
        let mut edits = Edits::new(&stream);
        edits.set(*document, path, Value::from(new.as_str()));
        // `apply` proves the tree; what is left to prove is that only one stretch of bytes changed.
        if let Ok(edited) = edits.apply() {
            let changed = parse(&edited, Format::Yaml, &Limits::default()).unwrap();
            let node = changed.documents()[*document].root().and_then(|root| root.at(path));
            prop_assert_eq!(node.and_then(|node| node.as_str()), Some(new.as_str()));
            let comments = |text: &str| text.matches(" # e").count();
            prop_assert!(comments(&edited) >= comments(&text));
        }
    }

    #[test]
    fn a_new_entry_that_is_removed_again_leaves_the_text_as_it_was(text in yaml(), new in "[a-z]{1,9}") {
        let Ok(stream) = parse(&text, Format::Yaml, &Limits::default()) else { return Ok(()) };
        let path = Path::root().key("new");
        for document in 0..stream.documents().len() {
            let mut edits = Edits::new(&stream);
            edits.set(document, &path, Value::from(new.as_str()));
            let Ok(added) = edits.apply() else { continue };
            if stream.documents()[document].root().is_none_or(|root| matches!(root.kind(), NodeKind::Scalar { .. })) {
                continue;
            }
            let again = parse(&added, Format::Yaml, &Limits::default()).unwrap();
            let mut edits = Edits::new(&again);
            edits.remove(document, &path);
            let removed = edits.apply().unwrap();
            prop_assert_eq!(&*removed, text.as_str(), "{:?}", &*added);
        }
    }
}
