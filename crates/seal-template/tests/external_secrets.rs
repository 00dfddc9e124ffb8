//! The functions of external-secrets' template engine against what the real one, 0.20.4, made of
//! `vectors/external-secrets/templates.txt`. Sprig and the language itself have their own vectors.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use seal_template::environment::{Random, UtcOnly};
use seal_template::value::{Map, Text};
use seal_template::{Delimiters, Env, Limits, Value, external_secrets, sprig};
use serde_json::Value as Json;

/// Templates whose outcome differs from 0.20.4's on purpose: each is a row of the difference table.
const DIFFERENT: &[(&str, &str)] = &[
    ("{{ .p12_p224 | pkcs12key }}", P224),
    ("{{ .p12_p224 | pkcs12cert }}", P224),
    ("{{ pemToPkcs12 .cert_leaf .key_p224 }}", P224),
    ("{{ fullPemToPkcs12 .chain_blank_end .key_rsa }}", BLANK_END),
    ("{{ pemTruststoreToPKCS12 .chain_blank_end }}", BLANK_END),
    (r#"{{ filterPEM "CERTIFICATE" .junk_before }}"#, PREFACE),
    (r#"{{ filterPEM "CERTIFICATE" .chain_indented }}"#, PREFACE),
    (r#"{{ filterPEM "private key" .chain_indented }}"#, PREFACE),
    (
        "{{ filterPEM \"A\" `x-----BEGIN A-----\nAAAA\n-----END A-----\n` }}",
        PREFACE,
    ),
    ("{{ jwkPrivateKeyPem .jwk_rsa_without_crt }}", INCOMPLETE),
    ("{{ jwkPrivateKeyPem .jwk_rsa_without_qi }}", INCOMPLETE),
    (
        "{{ jwkPrivateKeyPem .jwk_p256_other_d }}",
        "a scalar and a point that do not belong together are no key",
    ),
    (
        "{{ jwkPublicKeyPem .jwk_ed_short_x }}",
        "an Ed25519 key has 32 bytes",
    ),
    (
        r#"{{ jwkPublicKeyPem (cat .jwk_rsa_public "x") }}"#,
        "a key with text behind it is not JSON",
    ),
    (
        r#"{{ .key_rsa_1024 | rsaDecrypt "RSA-OAEP" "SHA256" .oaep_1024 }}"#,
        "aws-lc decrypts with no key of fewer than 2048 bits",
    ),
    (r#"{{ toYaml ("del\x7f") }}"#, DAMAGED),
    (r#"{{ toYaml ("nel\u0085x") }}"#, DAMAGED),
    (r#"{{ toYaml ("ls\u2028x") }}"#, DAMAGED),
    (
        r#"{{ toYaml (dict "yes" 1 "5" 2 "" 3 "a b" 4 "a:b" 5 "<<" 6) }}"#,
        DAMAGED,
    ),
    (r#"{{ toYaml (dict (repeat 1100 "k") 1) }}"#, DAMAGED),
    ("{{ .p12_modern | toYaml | len }}", DAMAGED),
    ("{{ fromYaml `a: b: c` | toJson }}", SCANNER),
    ("{{ fromYaml `a: 'x` | toJson }}", SCANNER),
    ("{{ fromYaml `1: a\ntrue: b\n1.5: c\n~: d` | toJson }}", SCANNER),
    ("{{ fromYaml `? [a]\n: b` | toJson }}", SCANNER),
    ("{{ fromYaml `a: @b` | toJson }}", SCANNER),
    ("{{ fromYaml `a: %b` | toJson }}", SCANNER),
    (r#"{{ fromYaml "a: `b" | toJson }}"#, SCANNER),
    ("{{ fromYaml `\ta: 1` | toJson }}", LENIENT),
    ("{{ fromYaml `%YAML 1.2\n---\na: 1` | toJson }}", LENIENT),
    ("\t", LENIENT),
    ("...", LENIENT),
];

const P224: &str = "aws-lc-rs has no P-224, which keys are hardly ever on";
const BLANK_END: &str = "upstream dies of white space behind the last certificate";
const PREFACE: &str = "2.9 passes over what stands before the first block, and so do we";
const INCOMPLETE: &str =
    "a private RSA key comes with all its numbers (RFC 7518); no wiped arithmetic would work them out";
const DAMAGED: &str = "upstream loses or changes this text on its way through YAML; here it is quoted";
const SCANNER: &str = "the words for broken YAML are ours, and quote nothing of it";
const LENIENT: &str = "more is read as YAML than by upstream, of texts that say one thing only";

/// Where upstream's words hold values or numbers, or are those of a crash, and which words stand for them here.
const WORDS: &[(&str, &str)] = &[
    ("error calling fail: ", "error calling fail"),
    (
        "runtime error: invalid memory address or nil pointer dereference",
        "failed to decode PEM block",
    ),
    ("error reading P12 data: ", "error reading P12 data"),
    (
        "error decrypting PKCS#8 shrouded key bag: pkcs12: decryption error, incorrect padding",
        "decryption error, incorrect padding",
    ),
    (
        "error decrypting PKCS#8 shrouded key bag: pkcs12: pbes2 algorithm ",
        "the archive's encryption is not supported",
    ),
    (
        "MAC digest algorithm not supported: ",
        "MAC digest algorithm not supported",
    ),
    ("failed to parse certificate: ", "failed to parse certificate"),
    ("x509: malformed tbs certificate", "x509: malformed certificate"),
    (
        "failed to unmarshal JSON into key hint: ",
        "failed to unmarshal JSON into key hint",
    ),
    (
        "failed to unmarshal JSON into key (",
        "failed to unmarshal JSON into key",
    ),
    ("invalid key type from JSON (", "invalid key type from JSON"),
    ("invalid curve algorithm ", "invalid curve algorithm"),
    ("crypto/rsa: invalid CRT exponent", NOT_TOGETHER),
    ("input overflows the modulus size", NOT_TOGETHER),
    (
        "x509: failed to marshal EC private key while building PKCS#8: ",
        NOT_TOGETHER,
    ),
    // What is said first differs where two things are wrong.
    (
        "failed to build public key: invalid x value given d value",
        NOT_TOGETHER,
    ),
    (
        "failed to build public key: invalid x value given d value",
        "x509: unsupported public key type: ed25519.PrivateKey",
    ),
    (
        "modulus must be > 1",
        "the key lacks p, q, dp, dq or qi, which RFC 7518 asks for together",
    ),
    ("decryption scheme ", "decryption scheme is not supported"),
    (
        "yaml: mapping values are not allowed in this context",
        "yaml: line 1: a colon starts a mapping where none is allowed; should the value be quoted?",
    ),
    (
        "yaml: found unexpected end of stream",
        "yaml: line 1: a quote is not closed",
    ),
    (
        "unsupported map key of type: ",
        "yaml: line 1: the key cannot be a string",
    ),
    // The engine's caller names the template; upstream's takes the text for a name.
    (
        "unable to execute template at key {{ .nope }}: 1: ",
        "template: t:1:3: executing \"t\" at <.nope>: map has no entry for key \"nope\"",
    ),
];

const NOT_TOGETHER: &str = "failed to build key: its numbers do not belong together";

/// SplitMix64, as the generator has it.
struct Sequence(u64);

impl Random for Sequence {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = self.0;
            mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(mixed ^ mixed >> 31).to_le_bytes()[..chunk.len()]);
        }
    }
}

const EXPECTED: &str = include_str!("../vectors/external-secrets/expected.jsonl");
const NAMES: &str = include_str!("../vectors/external-secrets/names.jsonl");
const SPRIG_DIFFERS: &str = include_str!("../vectors/external-secrets/sprig-differs.jsonl");
const VALUES: &str = include_str!("../vectors/external-secrets/values.json");

fn values() -> Vec<(String, Vec<u8>)> {
    let values: BTreeMap<String, Json> = serde_json::from_str(VALUES).expect("values.json is JSON");
    values
        .into_iter()
        .map(|(name, value)| {
            let bytes = match value.as_str() {
                Some(text) => text.as_bytes().to_vec(),
                None => decode_base64(value["base64"].as_str().expect("text or base64")),
            };
            (name, bytes)
        })
        .collect()
}

fn dot() -> Value {
    let entries = values()
        .into_iter()
        .map(|(name, bytes)| (Text::from(name.as_str()), Text::new(bytes)));
    Map::texts(entries).into()
}

fn evaluate_with(
    source: &str,
    delimiters: &Delimiters,
    dot: &Value,
    limits: &Limits,
) -> Result<Vec<u8>, String> {
    let template = external_secrets::parse("t", source, &external_secrets::functions(), delimiters)
        .map_err(|fault| format!("parse {fault}"))?;
    let mut env = Env {
        now: Timestamp::UNIX_EPOCH,
        zones: &UtcOnly,
        random: &mut Sequence(7),
    };
    template
        .render(dot, &mut env, limits)
        .map(|bytes| bytes.to_vec())
        .map_err(|fault| format!("run {fault}"))
}

fn evaluate(source: &str, dot: &Value) -> Result<Vec<u8>, String> {
    evaluate_with(source, &Delimiters::default(), dot, &Limits::default())
}

fn decode_base64(text: &str) -> Vec<u8> {
    evaluate(&format!("{{{{ b64dec {text:?} }}}}"), &Map::new([]).into()).expect("valid base64")
}

/// What became of a template, as the vectors put it.
fn outcome(vector: &Json, dot: &Value) -> Json {
    let text = |key: &str| vector[key].as_str().unwrap_or_default();
    let source = text("template");
    let delimiters = Delimiters::new(text("left"), text("right"));
    let rendered = evaluate_with(source, &delimiters, dot, &Limits::default());
    let mut outcome = serde_json::Map::new();
    match rendered {
        Err(fault) => {
            let (kind, message) = fault.split_once(' ').expect("a kind and a message");
            outcome.insert("fault".into(), kind.into());
            outcome.insert("message".into(), message.into());
        }
        Ok(output) if text("scope") == "KeysAndValues" => match external_secrets::entries(&output) {
            Err(fault) => {
                outcome.insert("fault".into(), "entries".into());
                outcome.insert("message".into(), fault.to_string().into());
            }
            Ok(entries) => {
                let entries: BTreeMap<String, String> = entries
                    .into_iter()
                    .map(|(key, value)| (key, String::from_utf8_lossy(&value).into_owned()))
                    .collect();
                outcome.insert("output".into(), serde_json::to_value(entries).expect("a map"));
            }
        },
        Ok(output) => match String::from_utf8(output) {
            Ok(text) => drop(outcome.insert("output".into(), text.into())),
            Err(error) => drop(outcome.insert("output".into(), error.as_bytes().into())),
        },
    }
    outcome.into()
}

fn expected(vector: &Json) -> Json {
    let mut expected = serde_json::Map::new();
    if let Some(fault) = vector["fault"].as_str() {
        expected.insert("fault".into(), fault.into());
        expected.insert("message".into(), vector["message"].clone());
    } else if vector["scope"] == "KeysAndValues" {
        let entries = vector
            .get("entries")
            .cloned()
            .unwrap_or_else(|| Json::Object(Default::default()));
        expected.insert("output".into(), entries);
    } else if let Some(bytes) = vector["bytes"].as_str() {
        expected.insert("output".into(), decode_base64(bytes).into());
    } else {
        expected.insert("output".into(), vector["output"].clone());
    }
    expected.into()
}

/// Whether both are the same, or are faults of one place, and what upstream says there is said in our words.
fn agree(actual: &Json, expected: &Json) -> bool {
    if actual["fault"].is_null() || actual["fault"] != expected["fault"] {
        return actual == expected;
    }
    let (ours, theirs) = (
        actual["message"].as_str().expect("a message"),
        expected["message"].as_str().expect("a message"),
    );
    ours == theirs
        || WORDS.iter().any(|(upstream, own)| {
            let before = theirs.split_once(upstream).map(|(before, _)| before);
            before.is_some_and(|before| ours.strip_prefix(before) == Some(own))
        })
}

fn vectors() -> Vec<Json> {
    EXPECTED
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line is JSON"))
        .collect()
}

#[test]
fn templates_come_out_as_the_real_engine_makes_them() {
    let dot = dot();
    let mut failures = Vec::new();
    let mut count = 0;
    for vector in vectors() {
        let template = vector["template"].as_str().unwrap();
        if DIFFERENT.iter().any(|(different, _)| *different == template) {
            continue;
        }
        count += 1;
        let (actual, expected) = (outcome(&vector, &dot), expected(&vector));
        if !agree(&actual, &expected) {
            failures.push(format!("{template}\n  expected {expected}\n  actual   {actual}"));
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {count} fail:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert!(count >= 600, "only {count} vectors were found");
}

#[test]
fn differences_from_upstream_still_differ() {
    let dot = dot();
    for (template, reason) in DIFFERENT {
        let vector = vectors()
            .into_iter()
            .find(|vector| vector["template"].as_str() == Some(template))
            .unwrap_or_else(|| panic!("no vector for {template}: {reason}"));
        let same = agree(&outcome(&vector, &dot), &expected(&vector));
        assert!(!same, "{template} no longer differs: {reason}");
    }
    let said: Vec<(Json, Json)> = vectors()
        .iter()
        .filter(|vector| vector["fault"].is_string())
        .map(|vector| (expected(vector), outcome(vector, &dot)))
        .collect();
    for (upstream, own) in WORDS {
        let has = |message: &Json, words: &str| message.as_str().is_some_and(|text| text.contains(words));
        let is_said = said
            .iter()
            .any(|(theirs, ours)| has(&theirs["message"], upstream) && has(&ours["message"], own));
        assert!(is_said, "no vector has {upstream:?} where we say {own:?}");
    }
}

#[test]
fn every_name_of_the_real_function_map_is_a_function_or_left_out_for_a_reason() {
    // Of later versions: certSANs and hexdec are the engine's own, sha512sum came with a newer sprig.
    const LATER: [&str; 3] = ["certSANs", "hexdec", "sha512sum"];
    let theirs: BTreeSet<String> = NAMES
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(LATER.iter().all(|name| !theirs.contains(*name)));
    let excluded = external_secrets::EXCLUDED.iter().map(|(name, _)| *name);
    let known: BTreeSet<String> = sprig::FUNCTIONS
        .iter()
        .chain(external_secrets::FUNCTIONS)
        .map(|function| function.name)
        .filter(|name| !LATER.contains(name))
        .chain(excluded)
        .map(str::to_owned)
        .collect();
    assert_eq!(theirs, known);
    let undefined = external_secrets::EXCLUDED
        .iter()
        .map(|(name, _)| *name)
        .chain(sprig::EXCLUDED.iter().copied());
    for name in undefined {
        let fault = evaluate(&format!("{{{{ {name} }}}}"), &dot()).expect_err(name);
        assert!(fault.contains("not defined"), "{fault}");
    }
    for name in LATER {
        let fault = evaluate(&format!("{{{{ {name} }}}}"), &dot()).expect_err(name);
        assert!(fault.contains("wrong number of args"), "{fault}");
    }
}

#[test]
fn of_sprig_itself_only_what_is_known_differs_in_their_copy() {
    const CAST: &str = "their newer cast library cuts fractions off texts; sealed-secrets' does not, and there \
        is one sprig here";
    const KNOWN: [(&str, &str); 5] = [
        (
            "{{ camelcase ",
            "0.20.4 writes the first letter small; sprig and 2.9 write it large",
        ),
        (r#"{{ int "5.5" }}"#, CAST),
        (r#"{{ int "5." }}"#, CAST),
        (r#"{{ int "1.050" }}"#, CAST),
        ("{{ sha512sum ", "came with a newer sprig"),
    ];
    // Left out there, or not sprig's.
    const NOT_SPRIG: [&str; 2] = [r#"{{ getHostByName "localhost" }}"#, "{{ toYaml . }}"];
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for line in SPRIG_DIFFERS.lines() {
        let vector: Json = serde_json::from_str(line).unwrap();
        let template = vector["template"].as_str().unwrap();
        if NOT_SPRIG.contains(&template) {
            continue;
        }
        let known = KNOWN.iter().find(|(known, _)| template.starts_with(known));
        assert!(
            known.is_some(),
            "{template} is something else in external-secrets' sprig"
        );
        seen.extend(known.map(|(known, _)| known));
    }
    assert_eq!(seen.len(), KNOWN.len());
}
