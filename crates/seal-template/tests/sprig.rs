//! Sprig against what the real one made of `vectors/sprig/templates.txt`, and properties of what is random.
//! The language itself has its own vectors.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use seal_template::environment::{Random, TimeZones};
use seal_template::value::{List, Map, Text};
use seal_template::{Env, Functions, Limits, Template, Value, sprig};
use serde_json::Value as Json;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// Templates whose output differs from upstream's on purpose: each is a row of the difference table.
const DIFFERENT: &[(&str, &str)] = &[
    (
        r#"{{ $l := splitList "," "c,a,b" }}{{ sortAlpha $l }}{{ $l }}"#,
        "lists never change, not even when sorted",
    ),
    (r#"{{ set nil "a" 1 }}"#, "a nil where a map belongs is a new map"),
    (r#"{{ genPrivateKey "dsa" | trunc 31 }}"#, "no DSA keys"),
];

struct Zones(TimeZoneDatabase);

impl TimeZones for Zones {
    fn named(&self, name: &str) -> Option<TimeZone> {
        self.0.get(name).ok()
    }
}

/// SplitMix64: good enough to draw from, and the same each time.
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

fn evaluate(source: &str, dot: &Value, limits: &Limits) -> Result<Vec<u8>, String> {
    let template = Template::parse("t", source, &Functions::builtin().with(sprig::FUNCTIONS))
        .map_err(|fault| format!("parse {fault}"))?;
    let mut random = Sequence(7);
    let mut env = Env {
        now: "2000-01-01T00:00:00Z".parse::<Timestamp>().expect("a timestamp"),
        zones: &Zones(TimeZoneDatabase::bundled()),
        random: &mut random,
    };
    template
        .render(dot, &mut env, limits)
        .map(|bytes| bytes.to_vec())
        .map_err(|fault| format!("run {fault}"))
}

fn render(source: &str) -> String {
    let output =
        evaluate(source, &dot(), &Limits::default()).unwrap_or_else(|fault| panic!("{source}: {fault}"));
    String::from_utf8(output).expect("the output is text")
}

fn fault(source: &str) -> String {
    evaluate(source, &dot(), &Limits::default()).expect_err(source)
}

const EXPECTED: &str = include_str!("../vectors/sprig/expected.jsonl");
const NAMES: &str = include_str!("../vectors/sprig/names.jsonl");
const DOT: &str = include_str!("../vectors/sprig/dot.json");

fn dot() -> Value {
    value_of(&serde_json::from_str(DOT).expect("dot.json is JSON"))
}

fn value_of(json: &Json) -> Value {
    match json {
        Json::Null => Value::Nil,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(number) => Value::Float(number.as_f64().expect("a number")),
        Json::String(text) => Value::text(text),
        Json::Array(items) => List::new(items.iter().map(value_of).collect()).into(),
        Json::Object(entries) => Map::new(
            entries
                .iter()
                .map(|(key, value)| (Text::new(key), value_of(value))),
        )
        .into(),
    }
}

#[test]
fn templates_come_out_as_the_real_sprig_makes_them() {
    let expected = EXPECTED;
    let dot_json: Json = serde_json::from_str(DOT).unwrap();
    let mut failures = Vec::new();
    let mut count = 0;
    for line in expected.lines() {
        let vector: Json = serde_json::from_str(line).unwrap();
        let template = vector["template"].as_str().unwrap();
        if DIFFERENT.iter().any(|(different, _)| *different == template) {
            continue;
        }
        count += 1;
        let actual = evaluate(template, &value_of(&dot_json), &Limits::default());
        let wrong = match (vector["fault"].as_str(), &actual) {
            // Where no value can enter, the words are upstream's too.
            (Some("parse"), Err(fault)) => fault.strip_prefix("parse ") != vector["message"].as_str(),
            (Some(kind), Err(fault)) => !fault.starts_with(kind),
            (None, Ok(output)) => match vector["output"].as_str() {
                Some(text) => output != text.as_bytes(),
                None => *output != decode_base64(vector["bytes"].as_str().unwrap()),
            },
            _ => true,
        };
        if wrong {
            let actual = actual.map(|output| String::from_utf8_lossy(&output).into_owned());
            failures.push(format!("{template}\n  expected {vector}\n  actual   {actual:?}"));
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {count} fail:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert!(count >= 1600, "only {count} vectors were found");
}

fn decode_base64(text: &str) -> Vec<u8> {
    evaluate(&format!("{{{{ b64dec {text:?} }}}}"), &dot(), &Limits::default()).expect("valid base64")
}

#[test]
fn every_name_of_sprig_is_a_function_or_excluded() {
    let names: BTreeSet<String> = NAMES
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let known: BTreeSet<String> = sprig::FUNCTIONS
        .iter()
        .map(|function| function.name)
        .chain(sprig::EXCLUDED.iter().copied())
        .map(str::to_owned)
        .collect();
    assert_eq!(names, known);
    for name in sprig::EXCLUDED {
        assert!(
            fault(&format!("{{{{ {name} }}}}")).contains("not defined"),
            "{name}"
        );
    }
}

#[test]
fn differences_from_upstream_still_differ() {
    let expected = EXPECTED;
    for (template, reason) in DIFFERENT {
        let line = expected
            .lines()
            .map(|line| serde_json::from_str::<Json>(line).unwrap())
            .find(|vector| vector["template"].as_str() == Some(template))
            .unwrap_or_else(|| panic!("no vector for {template}: {reason}"));
        let same = evaluate(template, &dot(), &Limits::default()).ok().as_deref()
            == line["output"].as_str().map(str::as_bytes);
        assert!(!same, "{template} no longer differs: {reason}");
    }
}

#[test]
fn a_canary_given_to_every_function_never_shows_in_a_fault() {
    let canary = "kanarienvogel";
    let dot = Map::new([
        (Text::from("c"), Value::text(canary)),
        (Text::new(canary), Value::text(canary)),
    ]);
    let mut faults = 0;
    for function in sprig::FUNCTIONS {
        for arguments in [
            ".c",
            ".c .c",
            ".c .c .c",
            "1 .c",
            "1 2 .c",
            ". .c",
            ".c .",
            "(list .c) .c",
            "1 .c .c .c .c",
        ] {
            let source = format!("{{{{ {} {arguments} }}}}", function.name);
            if let Err(fault) = evaluate(&source, &dot.clone().into(), &Limits::default()) {
                assert!(!fault.contains(canary), "{source}: {fault}");
                faults += 1;
            }
        }
    }
    assert!(faults > 500, "only {faults} calls failed");
}

#[test]
fn the_message_of_fail_is_withheld() {
    assert!(
        !fault(r#"{{ fail "hush" }}"#)
            .trim_start_matches("run ")
            .replace(r#"<fail "hush">"#, "")
            .contains("hush")
    );
    assert!(!fault("{{ fail .s }}").contains("Hello, World"));
}

#[test]
fn bombs_are_refused_before_they_cost_anything() {
    for bomb in [
        r#"{{ repeat 100000000 "ab" }}"#,
        "{{ until 100000000 }}",
        "{{ untilStep 0 9223372036854775807 1 }}",
        "{{ seq 100000000 }}",
        "{{ seq -9223372036854775807 }}",
        r#"{{ indent 100000000 "a" }}"#,
        "{{ randAlphaNum 100000000 }}",
        "{{ randBytes 100000000 }}",
        r#"{{ range until 100000 }}{{ $_ := regexMatch "\\pL{999}" "a" }}{{ end }}"#,
        r#"{{ $t := repeat 1000000 "a" }}{{ range until 1000 }}{{ $_ := regexMatch "(a?){100}b" $t }}{{ end }}"#,
        r#"{{ range until 100 }}{{ $_ := genCA "x" 1 }}{{ end }}"#,
        r#"{{ range until 100 }}{{ bcrypt "x" }}{{ end }}"#,
        r#"{{ range until 100 }}{{ derivePassword 1 "pin" "a" "b" "c" }}{{ end }}"#,
        r#"{{ $l := list 1 }}{{ range until 64 }}{{ $l = list $l $l }}{{ end }}{{ toJson $l }}"#,
        r#"{{ $l := list 1 }}{{ range until 64 }}{{ $l = list $l $l }}{{ end }}{{ deepCopy $l }}"#,
        r#"{{ $l := list 1 }}{{ range until 2000 }}{{ $l = list $l }}{{ end }}{{ toJson $l }}"#,
        r#"{{ $a := list 1 }}{{ $b := list 1 }}{{ range until 2000 }}{{ $a = list $a }}{{ $b = list $b }}{{ end }}{{ deepEqual $a $b }}"#,
        r#"{{ fromJson (repeat 5000 "[") }}"#,
        r#"{{ $x := until 20000 }}{{ uniq $x }}"#,
    ] {
        // Hashing without optimisation is slow; what counts is that the fuel runs out.
        let limits = Limits {
            fuel: 1_500_000,
            ..Limits::default()
        };
        let fault = evaluate(bomb, &dot(), &limits).expect_err(bomb);
        let limit = [
            "too many steps",
            "too large",
            "nested too deeply",
            "too expensive",
        ];
        assert!(limit.iter().any(|limit| fault.contains(limit)), "{bomb}: {fault}");
    }
}

fn certificate_of(pem: &str) -> Vec<u8> {
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    decode_base64(&body)
}

#[test]
fn a_signed_certificate_is_what_was_asked_for_and_verifies_against_its_authority() {
    for kind in ["ecdsa", "ed25519", "rsa"] {
        let key = if kind == "rsa" {
            "(genCA \"x\" 1).Key".to_owned()
        } else {
            format!("(genPrivateKey \"{kind}\")")
        };
        let output = render(&format!(
            r#"{{{{ $ca := genCAWithKey "Prüf CA" 365 {key} -}}}}
            {{{{ $c := genSignedCertWithKey "server" (list "10.0.0.1" "::1") (list "a.example") 30 $ca (genPrivateKey "ecdsa") -}}}}
            {{{{ $ca.Cert }}}}={{{{ $c.Cert }}}}={{{{ $c.Key }}}}"#
        ));
        let parts: Vec<&str> = output.split("=-----").collect();
        let (authority, certificate) = (
            certificate_of(parts[0]),
            certificate_of(&format!("-----{}", parts[1])),
        );
        let (_, authority) = X509Certificate::from_der(&authority).unwrap();
        let (_, certificate) = X509Certificate::from_der(&certificate).unwrap();
        authority.verify_signature(None).unwrap();
        certificate
            .verify_signature(Some(authority.public_key()))
            .unwrap();
        assert!(authority.is_ca() && !certificate.is_ca());
        assert_eq!(certificate.issuer().as_raw(), authority.subject().as_raw());
        assert_eq!(
            authority
                .subject()
                .iter_common_name()
                .next()
                .unwrap()
                .as_str()
                .unwrap(),
            "Prüf CA"
        );
        assert_eq!(certificate.subject().to_string(), "CN=server");
        assert_eq!(certificate.validity().not_before.timestamp(), 946_684_800);
        assert_eq!(
            certificate.validity().not_after.timestamp(),
            946_684_800 + 30 * 86_400
        );
        let usage = certificate.key_usage().unwrap().unwrap().value;
        assert!(usage.digital_signature() && usage.key_encipherment() && !usage.key_cert_sign());
        let names = &certificate
            .subject_alternative_name()
            .unwrap()
            .unwrap()
            .value
            .general_names;
        assert!(names.contains(&GeneralName::DNSName("a.example")));
        assert!(names.contains(&GeneralName::IPAddress(&[10, 0, 0, 1])) && names.len() == 3);
    }
}

#[test]
fn generated_keys_are_read_back_and_serve_again() {
    for kind in ["ecdsa", "ed25519", ""] {
        let output = render(&format!(
            r#"{{{{ $k := genPrivateKey "{kind}" }}}}{{{{ eq $k (genCAWithKey "x" 1 $k).Key }}}}"#
        ));
        assert_eq!(output, "true", "{kind}");
    }
}

#[test]
fn bcrypt_hashes_verify_and_random_draws_differ() {
    let hash = render(r#"{{ bcrypt "secret" }}"#);
    assert!(bcrypt::verify("secret", &hash).unwrap() && !bcrypt::verify("Secret", &hash).unwrap());
    let draws =
        render("{{ uuidv4 }} {{ uuidv4 }} {{ randAlphaNum 32 }} {{ randAlphaNum 32 }} {{ randBytes 16 }}");
    let distinct: BTreeSet<&str> = draws.split(' ').collect();
    assert_eq!(distinct.len(), 5);
    let digits = render("{{ randNumeric 5000 }}");
    assert_eq!(digits.chars().collect::<BTreeSet<_>>().len(), 10);
}
