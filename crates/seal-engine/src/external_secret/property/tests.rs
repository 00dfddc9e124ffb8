use serde::Deserialize;

use super::*;

fn whole(text: &str) -> Plaintext {
    Plaintext::copied(text.as_bytes())
}

fn shown(value: &Plaintext) -> String {
    String::from_utf8(value.expose().to_vec()).unwrap()
}

fn selected(dialect: Dialect, json: &str, property: &str) -> Result<String, Unselected> {
    one(dialect, Content::Whole(&whole(json)), property).map(|value| shown(&value))
}

fn all(
    dialect: Dialect,
    content: Content<'_>,
    property: &str,
) -> Result<BTreeMap<String, String>, Unselected> {
    let members = members(dialect, content, property)?;
    Ok(members
        .iter()
        .map(|(name, value)| (name.clone(), shown(value)))
        .collect())
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn vaults_properties_are_those_of_the_real_library() {
    #[derive(Deserialize)]
    struct Row {
        #[serde(rename = "in")]
        json: String,
        property: String,
        out: String,
        #[serde(default)]
        missing: bool,
    }
    const VECTORS: &str = include_str!("../../../vectors/external-secrets/properties.jsonl");
    let mut count = 0;
    for line in VECTORS.lines() {
        let row: Row = serde_json::from_str(line).unwrap();
        let expected = if row.missing {
            Err(Unselected::NoProperty)
        } else {
            Ok(row.out)
        };
        assert_eq!(
            selected(Dialect::Vault, &row.json, &row.property),
            expected,
            "{line}"
        );
        count += 1;
    }
    assert!(count > 70);
}

#[test]
fn vaults_members_are_those_of_the_real_library() {
    #[derive(Deserialize)]
    struct Row {
        #[serde(rename = "in")]
        json: String,
        out: Option<BTreeMap<String, String>>,
    }
    const VECTORS: &str = include_str!("../../../vectors/external-secrets/extracts.jsonl");
    for line in VECTORS.lines() {
        let row: Row = serde_json::from_str(line).unwrap();
        assert_eq!(
            floats(&row.json).ok().map(|members| {
                let shown = members.iter().map(|(name, value)| (name.clone(), shown(value)));
                shown.collect()
            }),
            row.out,
            "{line}"
        );
    }
}

#[test]
fn members_of_a_property_are_those_of_the_object_that_it_means() {
    let value = whole(r#"{"foo":{"nested":{"bar":"a","baz":[1]}},"text":"x"}"#);
    let content = Content::Whole(&value);
    assert_eq!(
        all(Dialect::Vault, content, "foo.nested"),
        Ok(map(&[("bar", "a"), ("baz", "[1]")]))
    );
    assert_eq!(all(Dialect::Vault, content, "text"), Err(Unselected::NoObject));
    assert_eq!(all(Dialect::Vault, content, "none"), Err(Unselected::NoProperty));
    assert_eq!(selected(Dialect::Vault, "[1]", ""), Err(Unselected::NoObject));
}

#[test]
fn a_fake_value_is_text_and_a_missing_property_a_value_that_does_not_exist() {
    let json = r#" {"a": 1.50, "b": {"c" : "d"}, "n": null, "s": "t\u00e9"} "#;
    assert_eq!(selected(Dialect::Fake, json, ""), Ok(json.to_owned()));
    assert_eq!(selected(Dialect::Fake, json, "b.c"), Ok("d".to_owned()));
    assert_eq!(selected(Dialect::Fake, json, "b.x"), Err(Unselected::Missing));
    assert_eq!(selected(Dialect::Fake, "plain", "x"), Err(Unselected::Missing));
    assert_eq!(
        all(Dialect::Fake, Content::Whole(&whole(json)), ""),
        Ok(map(&[
            ("a", "1.50"),
            ("b", r#"{"c" : "d"}"#),
            ("n", ""),
            ("s", "té")
        ]))
    );
    assert_eq!(
        all(Dialect::Fake, Content::Whole(&whole("plain")), ""),
        Err(Unselected::NoObject)
    );
}

fn secret() -> BTreeMap<String, Plaintext> {
    [
        ("file.json", &br#"{"a":"<b>"}"#[..]),
        ("cfg", br#"{"a":{"b":"c"},"n":1.50,"s":"<t>"}"#),
        ("bin", b"\xff\x00"),
    ]
    .map(|(name, value)| (name.to_owned(), Plaintext::copied(value)))
    .into()
}

#[test]
fn of_a_secret_a_property_is_an_entry_or_a_path_in_one() {
    let entries = secret();
    let one = |property| {
        one(Dialect::Kubernetes, Content::Entries(&entries), property).map(|value| value.expose().to_vec())
    };
    assert_eq!(one("file.json"), Ok(br#"{"a":"<b>"}"#.to_vec()));
    assert_eq!(one("cfg.a.b"), Ok(b"c".to_vec()));
    assert_eq!(one("bin"), Ok(b"\xff\x00".to_vec()));
    for absent in ["none", "cfg.x", "cfg.", ".cfg", "bin.a"] {
        assert_eq!(one(absent), Err(Unselected::NoProperty), "{absent}");
    }
    assert_eq!(
        one(""),
        Ok(br#"{"bin":"\ufffd\u0000","cfg":"{\"a\":{\"b\":\"c\"},\"n\":1.50,\"s\":\"<t>\"}","file.json":"{\"a\":\"<b>\"}"}"#.to_vec())
    );
}

#[test]
fn of_a_secret_all_entries_keep_their_bytes_and_members_of_one_stay_json() {
    let entries = secret();
    let content = Content::Entries(&entries);
    let found = members(Dialect::Kubernetes, content, "").unwrap();
    assert_eq!(found["bin"].expose(), b"\xff\x00");
    assert_eq!(
        all(Dialect::Kubernetes, content, "cfg"),
        Ok(map(&[("a", r#"{"b":"c"}"#), ("n", "1.5"), ("s", r#""<t>""#)]))
    );
    assert_eq!(
        all(Dialect::Kubernetes, content, "file.json"),
        Ok(map(&[("a", r#""<b>""#)]))
    );
    assert_eq!(
        all(Dialect::Kubernetes, content, "f*"),
        Ok(map(&[("a", r#""<b>""#)]))
    );
    assert_eq!(
        all(Dialect::Kubernetes, content, "none"),
        Err(Unselected::NoProperty)
    );
    assert_eq!(
        all(Dialect::Kubernetes, content, "bin"),
        Err(Unselected::NoObject)
    );
}

#[test]
fn of_a_secrets_metadata_labels_and_annotations_can_be_asked() {
    let json = r#"{"annotations":{"note":"{\"a\":{\"b\":1}}"},"labels":{"app":"x<"}}"#;
    for (property, expected) in [
        ("", Ok(json)),
        ("labels", Ok(r#"{"app":"x<"}"#)),
        ("labels.app", Ok("x<")),
        ("annotations.note.a", Ok(r#"{"b":1}"#)),
        ("annotations.none", Err(Unselected::NoProperty)),
        ("name", Err(Unselected::NoProperty)),
    ] {
        let expected = expected.map(str::to_owned);
        assert_eq!(
            selected(Dialect::Kubernetes, json, property),
            expected,
            "{property}"
        );
    }
    assert_eq!(
        all(Dialect::Kubernetes, Content::Whole(&whole(json)), ""),
        Ok(map(&[
            ("annotations", r#"{"note":"{\"a\":{\"b\":1}}"}"#),
            ("labels", r#"{"app":"x<"}"#)
        ]))
    );
}

#[test]
fn a_webhooks_answer_is_the_value_and_an_object_within_text_is_an_object() {
    assert_eq!(
        selected(Dialect::Webhook, "plain", "ignored"),
        Ok("plain".to_owned())
    );
    let wrapped = whole(r#""{\"a\":1.50}""#);
    assert_eq!(
        all(Dialect::Webhook, Content::Whole(&wrapped), "ignored"),
        Ok(map(&[("a", "1.5")]))
    );
    assert_eq!(
        all(Dialect::Webhook, Content::Whole(&whole("[1]")), ""),
        Err(Unselected::NoObject)
    );
}
