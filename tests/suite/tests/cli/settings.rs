//! `.seal.yaml` and its schema: what the one takes the other takes, and what the one refuses, so does the other.

use serde_json::Value;

use super::harness::{Bench, done};

const FINGERPRINT: &str = "SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDGJpUwCy4GXyDnV2U";

/// Texts, and whether they are settings.
fn texts() -> Vec<(String, bool)> {
    let environment = |more: &str| format!("environments: {{prod: {{paths: ['clusters/prod/**'], {more}}}}}");
    let allow = |row: &str| format!("check: {{allow: [{row}]}}");
    let paths = |paths: &str| format!("environments: {{a: {{paths: {paths}}}}}");
    let certificate = |whence: &str| environment(&format!("certificate: '{whence}'"));
    let rows = [
        ("{}".to_owned(), true),
        ("environments: null".to_owned(), true),
        ("environments: {}".to_owned(), true),
        ("check: {}".to_owned(), true),
        ("check: {allow: null}".to_owned(), true),
        (
            "allowed-scopes: [strict, namespace-wide, cluster-wide]".to_owned(),
            true,
        ),
        (environment("allowed-scopes: [strict]"), true),
        (environment(&format!("fingerprints: ['{FINGERPRINT}']")), true),
        (environment("fingerprints: []"), true),
        (certificate("keys/prod.pem"), true),
        (certificate("a..b/c.pem"), true),
        (certificate("https://host/v1/cert.pem"), true),
        (allow("{rule: x, reason: why, paths: [x]}"), true),
        (paths("['*.prod.yaml', 'a/[bc]/**', ' x']"), true),
        ("[]".to_owned(), false),
        ("unknown: 1".to_owned(), false),
        ("allowed-scopes: strict".to_owned(), false),
        ("allowed-scopes: null".to_owned(), false),
        ("allowed-scopes: []".to_owned(), false),
        ("allowed-scopes: [wide]".to_owned(), false),
        ("environments: []".to_owned(), false),
        ("environments: {a: null}".to_owned(), false),
        ("environments: {a: {}}".to_owned(), false),
        ("check: null".to_owned(), false),
        ("check: {allow: {}}".to_owned(), false),
        ("check: {deny: []}".to_owned(), false),
        (environment("path: [x]"), false),
        (environment("fingerprints: [x]"), false),
        (environment(&format!("fingerprints: ['{FINGERPRINT}=']")), false),
        // Bits that stand for nothing are set.
        (
            environment(&format!(
                "fingerprints: ['{}V']",
                FINGERPRINT.trim_end_matches('U')
            )),
            false,
        ),
        (environment(&format!("fingerprints: '{FINGERPRINT}'")), false),
        (environment("certificate: null"), false),
        (environment("certificate: 1"), false),
        (certificate(""), false),
        (certificate("/etc/x.pem"), false),
        (certificate("../x.pem"), false),
        (certificate("a/../x.pem"), false),
        (certificate("./x.pem"), false),
        (certificate("."), false),
        (certificate("http://host/x"), false),
        (allow("{rule: x, reason: why}"), false),
        (allow("{rule: x, paths: [x]}"), false),
        (allow("{reason: x, paths: [x]}"), false),
        (allow("{rule: x, reason: ' ', paths: [x]}"), false),
        (allow("{rule: x, reason: why, paths: [x], more: z}"), false),
        (allow("x"), false),
        (paths("[]"), false),
        (paths("x"), false),
        (paths("[1]"), false),
        (paths("['']"), false),
        (paths("[' ']"), false),
        (paths("['!x']"), false),
        (paths("['#x']"), false),
        (paths("['../x']"), false),
        (paths("['a/b..c']"), false),
    ];
    rows.into()
}

#[test]
fn the_schema_takes_what_the_command_takes_and_refuses_what_it_refuses() {
    let bench = Bench::new();
    let schema: Value = serde_json::from_str(&done(&bench.seal("config schema"))).unwrap();
    assert!(jsonschema::meta::is_valid(&schema));
    let schema = jsonschema::validator_for(&schema).unwrap();
    for (text, is_sound) in texts() {
        bench.write(".seal.yaml", &text);
        let said = bench.seal("config explain x.yaml");
        let code = if is_sound { 0 } else { 3 };
        assert_eq!(said.code, code, "the command, of {text}: {}", said.err());
        let settings: Value = serde_yaml::from_str(&text).unwrap();
        assert_eq!(schema.is_valid(&settings), is_sound, "the schema, of {text}");
    }
}
