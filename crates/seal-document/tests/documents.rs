//! Streams, spans, positions and limits, on texts as people and attackers write them.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use seal_document::{
    DuplicateKeys, Format, Limits, NodeKind, ParseFault, Path, ScalarStyle, Schema, Value, ValueFault,
    documents, parse,
};

fn value(text: &str) -> Result<Value, ValueFault> {
    let stream = parse(text, Format::Yaml, &Limits::default()).unwrap();
    stream.documents()[0]
        .value(Schema::Kubernetes, DuplicateKeys::Error)
        .map_err(|error| error.fault)
}

#[test]
fn a_broken_document_does_not_hide_its_neighbours() {
    let text = "a: 1\n---\nb: [\n---\nc: 3\n";
    let read: Vec<_> = documents(text, Format::Yaml, &Limits::default()).collect();
    assert_eq!(read.len(), 3);
    assert_eq!(read[0].as_ref().unwrap().source(), "a: 1\n");
    let error = read[1].as_ref().unwrap_err();
    assert_eq!((error.document(), &text[error.span()]), (1, "---\nb: [\n"));
    assert_eq!(
        read[2].as_ref().unwrap().root().unwrap().position().to_string(),
        "5:1"
    );
    assert_eq!(
        parse(text, Format::Yaml, &Limits::default())
            .unwrap_err()
            .document(),
        1
    );
}

#[test]
fn a_syntax_error_names_line_and_column_of_the_whole_text_and_no_content() {
    let text = "a: 1\n---\nb: canary: x\n";
    let error = parse(text, Format::Yaml, &Limits::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "document 2 at 3:10: a colon starts a mapping where none is allowed; should the value be quoted?"
    );
}

#[test]
fn documents_without_content_have_no_root() {
    let text = "# only a comment\n---\n---\n~\n---\na: 1\n...\n# end\n";
    let stream = parse(text, Format::Yaml, &Limits::default()).unwrap();
    let empty: Vec<bool> = stream
        .documents()
        .iter()
        .map(|document| document.root().is_none())
        .collect();
    assert_eq!(empty, [true, false, false]);
    assert_eq!(stream.documents()[2].source(), "---\na: 1\n...\n# end\n");
    assert!(
        parse("", Format::Yaml, &Limits::default())
            .unwrap()
            .documents()
            .is_empty()
    );
}

#[test]
fn spans_hold_quotes_headers_and_brackets_but_no_line_after_them() {
    let text = "\u{FEFF}a: &x !!str 'q'\r\nb: |- # c\r\n  l1\r\n  l2\r\n\r\nc: {d: [1]}\r\ne:\r\nf: >+\r\n  g\r\n\r\nh: *x\r\n";
    let stream = parse(text, Format::Yaml, &Limits::default()).unwrap();
    let root = stream.documents()[0].root().unwrap();
    let slice = |path: &str| &text[root.at(&path.parse::<Path>().unwrap()).unwrap().span()];
    assert_eq!(slice(".a"), "'q'");
    assert_eq!(slice(".b"), "|- # c\r\n  l1\r\n  l2");
    assert_eq!(slice(".c"), "{d: [1]}");
    assert_eq!(slice(".c.d"), "[1]");
    assert_eq!(slice(".e"), "");
    assert_eq!(slice(".f"), ">+\r\n  g\r\n");
    assert_eq!(slice(".h"), "*x");
    let at = |key: &str| root.get(key).unwrap().position().to_string();
    assert_eq!([at("a"), at("b"), at("f")], ["1:13", "2:4", "8:4"]);
    let (a, h) = (root.get("a").unwrap(), root.get("h").unwrap());
    assert_eq!(a.tag(), Some("tag:yaml.org,2002:str"));
    assert!(matches!(h.kind(), NodeKind::Alias(anchor) if Some(*anchor) == a.anchor()));
    let styles = ["a", "b", "f"].map(|key| match root.get(key).unwrap().kind() {
        NodeKind::Scalar { style, .. } => *style,
        _ => ScalarStyle::Plain,
    });
    assert_eq!(
        styles,
        [
            ScalarStyle::SingleQuoted,
            ScalarStyle::Literal,
            ScalarStyle::Folded
        ]
    );
}

#[test]
fn laughing_a_billion_times_is_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let inner = format!("*a{}, ", level - 1).repeat(9);
        text += &format!("a{level}: &a{level} [{}]\n", inner.trim_end_matches(", "));
    }
    assert_eq!(
        value(&text).unwrap_err(),
        ValueFault::TooManyAliases { limit: 400_000 }
    );
}

#[test]
fn one_long_text_repeated_by_aliases_is_refused() {
    let text = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), "*a,".repeat(100));
    assert_eq!(
        value(&text).unwrap_err(),
        ValueFault::TooManyAliases { limit: 400_000 }
    );
}

#[test]
fn an_alias_inside_what_it_repeats_is_refused() {
    assert_eq!(value("&a [*a]\n").unwrap_err(), ValueFault::CyclicAlias);
    assert_eq!(value("&a {<<: *a}\n").unwrap_err(), ValueFault::CyclicAlias);
}

#[test]
fn limits_are_kept() {
    let fault = |text: &str, limits: Limits| parse(text, Format::Yaml, &limits).unwrap_err().fault();
    let limits = Limits::default();
    assert_eq!(
        fault("a: b\n", Limits { bytes: 4, ..limits }),
        ParseFault::TooLong { limit: 4 }
    );
    assert_eq!(
        fault("[[[a]]]\n", Limits { depth: 2, ..limits }),
        ParseFault::TooDeep { limit: 2 }
    );
    assert_eq!(
        fault("a:\n  b:\n    c: d\n", Limits { depth: 2, ..limits }),
        ParseFault::TooDeep { limit: 2 }
    );
    assert_eq!(
        fault("[a, b, c]\n", Limits { nodes: 3, ..limits }),
        ParseFault::TooManyNodes { limit: 3 }
    );
    assert_eq!(
        fault(&"[".repeat(100_000), limits),
        ParseFault::TooDeep { limit: 128 }
    );
    assert_eq!(
        fault(&"- ".repeat(100_000), limits),
        ParseFault::TooDeep { limit: 128 }
    );
    assert_eq!(fault("a: *b\n", limits), ParseFault::UnknownAnchor);
}

#[test]
fn json_is_read_by_its_own_rules() {
    let text = r#"{"yes": "no", "n": 1.50, "big": 18446744073709551615, "a": 1, "a": 2}"#;
    let stream = parse(text, Format::Json, &Limits::default()).unwrap();
    let document = &stream.documents()[0];
    let error = document
        .value(Schema::Kubernetes, DuplicateKeys::Error)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "document 1 at 1:63: the key stands twice in its mapping"
    );
    let value = document
        .value(Schema::Kubernetes, DuplicateKeys::LastWins)
        .unwrap();
    assert_eq!(value.get("yes").and_then(Value::as_str), Some("no"));
    assert_eq!(value.get("a").and_then(Value::as_integer), Some(2));
    assert!(matches!(value.get("big"), Some(Value::Unsigned(u64::MAX))));
    assert_eq!(
        value
            .get("n")
            .and_then(Value::stringify)
            .as_deref()
            .map(String::as_str),
        Some("1.5")
    );
}

#[test]
fn nothing_shows_what_it_holds() {
    let text = "password: canary\n";
    let stream = parse(text, Format::Yaml, &Limits::default()).unwrap();
    let document = &stream.documents()[0];
    let value = document.value(Schema::Kubernetes, DuplicateKeys::Error).unwrap();
    let shown = format!(
        "{stream:?} {document:?} {:?} {value:?} {:?}",
        document.root(),
        value.as_mapping()
    );
    assert!(
        !shown.contains("canary") && !shown.contains("password"),
        "{shown}"
    );
}
