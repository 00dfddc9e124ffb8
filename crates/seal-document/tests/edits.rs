//! Splices on texts as people write them: what is asked for changes, every other byte stays.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use seal_document::{EditError, EditFault, Edits, Format, Limits, Mapping, Path, Value, parse};

fn format_of(text: &str) -> Format {
    if text == "{}\n" {
        Format::Yaml
    } else {
        Format::detect(None, text)
    }
}

fn try_edit(text: &str, edit: impl FnOnce(&mut Edits<'_, '_>)) -> Result<String, EditError> {
    let stream = parse(text, format_of(text), &Limits::default()).unwrap();
    let mut edits = Edits::new(&stream);
    edit(&mut edits);
    edits.apply().map(|text| text.to_string())
}

fn path(path: &str) -> Path {
    path.parse().unwrap()
}

#[track_caller]
fn sets(text: &str, at: &str, value: impl Into<Value>, expected: &str) {
    assert_eq!(
        try_edit(text, |edits| edits.set(0, &path(at), value.into())).as_deref(),
        Ok(expected)
    );
}

#[track_caller]
fn removes(text: &str, at: &[&str], expected: &str) {
    let edited = try_edit(text, |edits| at.iter().for_each(|at| edits.remove(0, &path(at))));
    assert_eq!(edited.as_deref(), Ok(expected));
}

#[track_caller]
fn refuses(text: &str, fault: EditFault, edit: impl FnOnce(&mut Edits<'_, '_>)) {
    assert_eq!(try_edit(text, edit).unwrap_err().fault, fault);
}

#[test]
fn a_scalar_keeps_its_quotes() {
    sets("a: b # c\n", ".a", "x", "a: x # c\n");
    sets("a: b # c\n", ".a", "yes", "a: \"yes\" # c\n");
    sets("a: 'b' # c\n", ".a", "it's", "a: 'it''s' # c\n");
    sets("a: \"b\" # c\n", ".a", "x\ny", "a: \"x\\ny\" # c\n");
    sets("a: b # c\n", ".a", "x\ny\n", "a: | # c\n  x\n  y\n");
    sets("a: 'b'\n", ".a", "x\ny\n", "a: |\n  x\n  y\n");
    sets(
        "a: [b, 'c', {d: e}]\n",
        ".a[2].d",
        "x",
        "a: [b, 'c', {d: \"x\"}]\n",
    );
    sets("a: b\n", ".a", 5, "a: 5\n");
    sets("a: b\n", ".a", Value::Null, "a: null\n");
}

#[test]
fn block_scalars_give_way_with_their_header_and_leave_its_comment() {
    sets(
        "a: | # c\n  x\n  y\n\n# d\nb: 1\n",
        ".a",
        "z",
        "a: z # c\n\n# d\nb: 1\n",
    );
    sets(
        "a: |- # c\n  x\n\nb: 1\n",
        ".a",
        "z\nw\n",
        "a: | # c\n  z\n  w\n\nb: 1\n",
    );
    sets(
        "a:\n    b: >\n        x\n",
        ".a.b",
        "z\nw",
        "a:\n    b: |-\n        z\n        w\n",
    );
    sets("a: |\n  x", ".a", "z\n", "a: |\n  z\n");
    sets("a: |+\n  x\n\n\nb: 1\n", ".a", "z", "a: z\nb: 1\n");
    sets("- |\n x\n- b\n", "[0]", "z\ny", "- |-\n  z\n  y\n- b\n");
    sets("a: |\n\nb: 1\n", ".a", "x", "a: x\n\nb: 1\n");
}

#[test]
fn a_value_is_put_where_none_is_written() {
    sets("a:\nb: 1\n", ".a", "x", "a: x\nb: 1\n");
    sets("a: # c\nb: 1\n", ".a", "x", "a: x # c\nb: 1\n");
    sets("a: &y\nb: *y\n", ".a", "x", "a: &y x\nb: *y\n");
    sets("a: ~\n", ".a", "x", "a: x\n");
    sets("a: !!str\nb: c\n", ".a", "x", "a: !!str x\nb: c\n");
}

#[test]
fn a_new_entry_comes_last_and_looks_like_its_neighbours() {
    sets("a: 1\nb: 2 # c\n# d\n", ".e", "x", "a: 1\nb: 2 # c\ne: x\n# d\n");
    sets("a: 1", ".e", "x", "a: 1\ne: x");
    sets(
        "a: 1\r\nb:\r\n    c: 2\r\n",
        ".b.d",
        "x\ny\n",
        "a: 1\r\nb:\r\n    c: 2\r\n    d: |\r\n        x\r\n        y\r\n",
    );
    sets("\u{FEFF}a: 1\n", ".e", "x", "\u{FEFF}a: 1\ne: x\n");
    sets(
        "- a: 1\n  b:\n  - 2\n- c\n",
        "[0].d",
        "x",
        "- a: 1\n  b:\n  - 2\n  d: x\n- c\n",
    );
    sets(
        "a:\n  b: |+\n    x\n\n\nc: 1\n",
        ".a.d",
        "w",
        "a:\n  b: |+\n    x\n\n\n  d: w\nc: 1\n",
    );
    sets("a: {b: 1}\n", ".a.c", "x", "a: {b: 1, \"c\": \"x\"}\n");
    sets(
        "a: {\n  b: 1 # c\n}\n",
        ".a.c",
        "x",
        "a: {\n  b: 1,\n  \"c\": \"x\" # c\n}\n",
    );
    sets("a: 1\n---\nb: 2\n", ".no", "x", "a: 1\n\"no\": x\n---\nb: 2\n");
    sets("a:\n  b:\n", ".a.c", "x", "a:\n  b:\n  c: x\n");
}

#[test]
fn missing_mappings_are_made() {
    sets(
        "spec:\n  encryptedData: {} # c\n",
        ".spec.encryptedData.a",
        "x",
        "spec:\n  encryptedData: # c\n    a: x\n",
    );
    sets(
        "spec:\n    x: {}\n    y:\n        z: 1\n",
        ".spec.x.a",
        "b",
        "spec:\n    x:\n        a: b\n    y:\n        z: 1\n",
    );
    sets(
        "spec:\n  a:\nb: 1\n",
        ".spec.a.c",
        "x",
        "spec:\n  a:\n    c: x\nb: 1\n",
    );
    sets("spec: null", ".spec.a.b", "x", "spec:\n  a:\n    b: x");
    sets("a: 1\n", ".b.c", "x", "a: 1\nb:\n  c: x\n");
    sets("{}\n", ".a", "x", "a: x\n");
    sets("--- {}\n", ".a", "x", "---\na: x\n");
    sets("- {}\n- b\n", "[0].a", "x", "- a: x\n- b\n");
    sets("a: [{}]\n", ".a[0].b", "x", "a: [{\"b\": \"x\"}]\n");
    let value = Value::from(Mapping::from_iter([
        ("x", Value::from("1")),
        ("w", vec![Value::from("z")].into()),
    ]));
    sets("a: 1\n", ".b", value, "a: 1\nb:\n  x: \"1\"\n  w:\n  - z\n");
}

#[test]
fn many_changes_are_made_at_once() {
    let text = "spec:\n  data:\n    a: 1\n    b: 2\n    c: 3\n  empty: {}\n---\nx: y\n";
    let edited = try_edit(text, |edits| {
        edits.set(0, &path(".spec.data.d"), "4".into());
        edits.set(1, &path(".x"), "z".into());
        edits.remove(0, &path(".spec.data.b"));
        edits.set(0, &path(".spec.data.a"), "first".into());
        edits.set(0, &path(".spec.data.a"), "last".into());
        edits.set(0, &path(".spec.empty.e"), "5".into());
        edits.set(0, &path(".spec.empty.f"), "6".into());
        edits.set(0, &path(".spec.data.g"), "7".into());
    });
    let expected = "spec:\n  data:\n    a: last\n    c: 3\n    d: \"4\"\n    g: \"7\"\n  empty:\n    e: \"5\"\n    f: \"6\"\n---\nx: z\n";
    assert_eq!(edited.as_deref(), Ok(expected));
}

#[test]
fn a_removed_entry_takes_its_lines_along() {
    removes("a: 1\n# c\nb: 2 # d\nc: 3\n", &[".b"], "a: 1\n# c\nc: 3\n");
    removes("a: 1\nb: |\n  x\n\nc: 3\n", &[".b"], "a: 1\n\nc: 3\n");
    removes("a: 1\nb: 2", &[".b"], "a: 1");
    removes("a: 1\r\nb:\r\n  c: 2\r\n", &[".b"], "a: 1\r\n");
    removes("a: 1\nb: 2\na: 3\n", &[".a"], "b: 2\n");
    removes("- a: 1\n  b: 2\n", &["[0].a"], "- b: 2\n");
    removes("- a: 1\n  b: 2\n", &["[0].b"], "- a: 1\n");
    removes("a:\n  b: 1\nc: 2\n", &[".a.b"], "a: {}\nc: 2\n");
    removes("a:\n  b: 1\n  c: 2\n", &[".a.b", ".a.c"], "a: {}\n");
    removes("a: 1\n", &[".a"], "{}\n");
    removes("a: 1", &[".a"], "{}");
    removes("- a: 1\n- b\n", &["[0].a"], "- {}\n- b\n");
    removes("a: {b: 1, c: 2, d: 3}\n", &[".a.b", ".a.d"], "a: {c: 2}\n");
    removes("a: {b: 1}\n", &[".a.b"], "a: {}\n");
    removes(
        "a:\n  b: 1\n\n  # about c\n  c: 2\nd: 3\n",
        &[".a.c"],
        "a:\n  b: 1\n\n  # about c\nd: 3\n",
    );
}

#[test]
fn json_keeps_its_layout() {
    sets(
        "{\"a\":1,\"b\":\"x\"}",
        ".b",
        "y\"<",
        "{\"a\":1,\"b\":\"y\\\"<\"}",
    );
    sets("{\"a\":1}\n", ".b", "x", "{\"a\":1,\"b\":\"x\"}\n");
    sets("{\"a\": 1}", ".b", "x", "{\"a\": 1, \"b\": \"x\"}");
    let pretty = "{\n    \"a\": {},\n    \"b\": {\n        \"c\": null\n    }\n}\n";
    sets(
        pretty,
        ".a.x.y",
        "z",
        "{\n    \"a\": {\n        \"x\": {\n            \"y\": \"z\"\n        }\n    },\n    \"b\": {\n        \"c\": null\n    }\n}\n",
    );
    sets(
        pretty,
        ".b.d",
        "z",
        "{\n    \"a\": {},\n    \"b\": {\n        \"c\": null,\n        \"d\": \"z\"\n    }\n}\n",
    );
    sets(
        pretty,
        ".b.c.d",
        "z",
        "{\n    \"a\": {},\n    \"b\": {\n        \"c\": {\n            \"d\": \"z\"\n        }\n    }\n}\n",
    );
    removes(
        pretty,
        &[".a"],
        "{\n    \"b\": {\n        \"c\": null\n    }\n}\n",
    );
    removes(pretty, &[".b"], "{\n    \"a\": {}\n}\n");
    removes(pretty, &[".b.c"], "{\n    \"a\": {},\n    \"b\": {}\n}\n");
    sets("{}{\"a\":1}", ".x", "y", "{\"x\": \"y\"}{\"a\":1}");
    sets(
        "{\r\n\t\"a\": 1\r\n}",
        ".b.c",
        "x",
        "{\r\n\t\"a\": 1,\r\n\t\"b\": {\r\n\t\t\"c\": \"x\"\r\n\t}\r\n}",
    );
}

#[test]
fn what_would_do_damage_is_refused() {
    refuses("a: 1\n", EditFault::Missing, |edits| edits.remove(0, &path(".b")));
    refuses("a: 1\n", EditFault::Missing, |edits| {
        edits.set(1, &path(".b"), "x".into())
    });
    refuses("# c\n", EditFault::Missing, |edits| {
        edits.set(0, &path(".b"), "x".into())
    });
    refuses("a: 1\n", EditFault::NotScalar, |edits| {
        edits.set(0, &path(".a.b"), "x".into())
    });
    refuses("a: {b: 1}\n", EditFault::NotScalar, |edits| {
        edits.set(0, &path(".a"), "x".into())
    });
    refuses("a: &x {b: 1}\nc: *x\n", EditFault::Alias, |edits| {
        edits.set(0, &path(".c.b"), "x".into())
    });
    refuses("a: !!int 1\n", EditFault::Tagged, |edits| {
        edits.set(0, &path(".a"), "x".into())
    });
    refuses("a: &x 1\nb: *x\n", EditFault::Damage, |edits| {
        edits.remove(0, &path(".a"))
    });
    refuses("? a\n: 1\n? b\n: 2\n", EditFault::Unsupported, |edits| {
        edits.remove(0, &path(".b"))
    });
    refuses("a: [1]\n", EditFault::Missing, |edits| {
        edits.set(0, &path(".a[1]"), "x".into())
    });
    refuses("a: [1]\n", EditFault::Unsupported, |edits| {
        edits.remove(0, &path(".a[0]"))
    });
    refuses("a: {b: 1}\n", EditFault::Conflict, |edits| {
        edits.set(0, &path(".a.b"), "x".into());
        edits.set(0, &path(".a"), "x".into());
    });
    refuses(
        "a: 1\n",
        EditFault::NotWritable(seal_document::WriteError),
        |edits| {
            edits.set(0, &path(".a"), Value::Float(f64::NAN));
        },
    );
    refuses("{a: 1, # c\n b: 2}\n", EditFault::Unsupported, |edits| {
        edits.remove(0, &path(".a"))
    });
}

#[test]
fn an_error_names_the_place() {
    let error = try_edit("a:\n  b: {c: *x}\n".replace("*x", "1").as_str(), |edits| {
        edits.remove(0, &path(".a.b.d"))
    });
    assert_eq!(
        error.unwrap_err().to_string(),
        "document 1 at .a.b.d: there is nothing at this place"
    );
}

#[test]
fn a_key_is_found_by_what_it_means() {
    sets("yes: 1\n", ".true", "x", "yes: x\n");
    sets("yes: 1\n", ".yes", "x", "yes: 1\n\"yes\": x\n");
}
