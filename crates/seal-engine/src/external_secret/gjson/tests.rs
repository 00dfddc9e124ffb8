use proptest::prelude::*;
use serde::Deserialize;

use super::*;

// Made by the real gjson.
const VECTORS: &str = include_str!("../../../vectors/external-secrets/paths.jsonl");

#[derive(Deserialize)]
struct Row {
    #[serde(rename = "in")]
    json: String,
    path: String,
    exists: bool,
    out: String,
}

fn found(json: &str, path: &str) -> Option<String> {
    get(json, path).unwrap().map(|text| text.to_string())
}

#[test]
fn paths_find_what_the_real_gjson_finds() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in VECTORS.lines() {
        let row: Row = serde_json::from_str(line).unwrap();
        let sound = documents(&row.json, Format::Json, &Limits::default()).all(|document| document.is_ok());
        // Settings of the layout, and what is no JSON: the two things that differ.
        if !sound || row.json.is_empty() || row.path.contains("@pretty:") {
            continue;
        }
        count += 1;
        let ours = found(&row.json, &row.path);
        let theirs = row.exists.then_some(row.out);
        if ours != theirs {
            wrong.push(format!("{}\n  ours   {ours:?}\n  theirs {theirs:?}", row.path));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(count > 260);
}

#[test]
fn of_what_is_no_json_nothing_is_found() {
    for json in ["not json", r#"{"a":{"b":"#, r#"{"a":1} x"#, ""] {
        assert_eq!(found(json, "a"), None, "{json}");
    }
}

#[test]
fn a_hostile_path_ends() {
    let list = format!("[{}]", vec!["[1,2,3]"; 2000].join(","));
    for path in [
        "[".repeat(100_000),
        "@this|".repeat(100_000),
        "[@this,@this]|".repeat(80),
        "#.#.".repeat(1000),
        format!("{}0", "#(#(".repeat(50_000)),
        "{a:".repeat(50_000),
        "@dig:".repeat(10_000),
        format!("[{}]", vec!["@this"; 10_000].join(",")),
        "@pretty|".repeat(90),
        "*a".repeat(100_000),
        format!("#(%\"{}\")#", "*a".repeat(10_000)),
    ] {
        let _ = get(&list, &path);
        let _ = get(
            r#"{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab":{"a":1}}"#,
            &path,
        );
    }
    assert!(matches!(get(&list, &"[@this,@this]|".repeat(80)), Err(TooMuch)));
}

proptest! {
    #[test]
    fn no_path_panics(path in r#"[a-c.#|@\[\]{}()"\\*?:!=<>%~0-9é ]{0,40}"#) {
        let json = r#"{"a":{"b":[1,{"c":"x"}],"é":null},"b":[["a"],{"a":"b"}],"c":"\u00e9\"x"}"#;
        let _ = get(json, &path);
        let _ = get("[1,[2],{\"a\":3}]", &path);
    }
}
