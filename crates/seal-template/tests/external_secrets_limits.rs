//! Hostile keys, archives and YAML: whatever they hold, the functions end soon, within bounds, and their faults hold
//! nothing of what they were given.

use jiff::Timestamp;
use seal_template::environment::{Random, UtcOnly};
use seal_template::fault::FaultKind;
use seal_template::limits::Limit;
use seal_template::value::{Map, Text};
use seal_template::{Delimiters, Env, Fault, Limits, Value, external_secrets};
use serde_json::Value as Json;

const CANARY: &str = "kanarienvogel";
const VALUES: &str = include_str!("../vectors/external-secrets/values.json");

struct Zeros;

impl Random for Zeros {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

fn render(source: &str, dot: &[(&str, &[u8])], limits: &Limits) -> Result<Vec<u8>, Fault> {
    let functions = external_secrets::functions();
    let template = external_secrets::parse("t", source, &functions, &Delimiters::default())
        .unwrap_or_else(|fault| panic!("{source}: {fault}"));
    let mut env = Env {
        now: Timestamp::UNIX_EPOCH,
        zones: &UtcOnly,
        random: &mut Zeros,
    };
    let entries = dot
        .iter()
        .map(|(name, bytes)| (Text::from(*name), Text::new(bytes)));
    let dot: Value = Map::texts(entries).into();
    template
        .render(&dot, &mut env, limits)
        .map(|output| output.to_vec())
}

#[track_caller]
fn exceeds(source: &str, value: &[u8], limits: &Limits, limit: Limit) {
    let fault = render(source, &[("x", value)], limits).expect_err("the limit is met");
    assert_eq!(fault.kind, FaultKind::Exceeded(limit), "{source}: {fault}");
}

fn value(name: &str) -> String {
    let values: Json = serde_json::from_str(VALUES).expect("values.json is JSON");
    values[name].as_str().expect("a text").to_owned()
}

/// A DER element.
fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let inside = parts.concat();
    let length = u32::try_from(inside.len()).expect("short").to_be_bytes();
    let header = match inside.len() {
        0..0x80 => vec![tag, length[3]],
        _ => {
            let significant = &length[length.iter().take_while(|byte| **byte == 0).count()..];
            [&[tag, 0x80 | significant.len() as u8], significant].concat()
        }
    };
    [header, inside].concat()
}

fn integer(number: u32) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count().min(3);
    let significant = &bytes[zeros..];
    match significant[0] {
        0..0x80 => element(2, &[significant]),
        _ => element(2, &[&[0], significant]),
    }
}

fn identifier(inside: &[u8]) -> Vec<u8> {
    element(6, &[inside])
}

const DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
const ENCRYPTED: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x06";
const SHA1: &[u8] = b"\x2b\x0e\x03\x02\x1a";
const PBMAC1: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0e";
const PBES2: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d";
const PBKDF2: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c";
const HMAC_SHA256: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x02\x09";
const AES_256: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x01\x2a";
const RC2_40: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x06";

fn content(kind: &[u8], inside: &[u8]) -> Vec<u8> {
    element(0x30, &[&identifier(kind), &element(0xa0, &[inside])])
}

/// An archive of these contents, with a MacData or without.
fn archive(contents: &[u8], mac: &[u8]) -> Vec<u8> {
    let safe = element(4, &[&element(0x30, &[contents])]);
    element(0x30, &[&integer(3), &content(DATA, &safe), mac])
}

fn mac(algorithm: &[&[u8]], salt: &[u8], iterations: u32) -> Vec<u8> {
    let digest = element(0x30, &[&element(0x30, algorithm), &element(4, &[&[0; 20]])]);
    element(0x30, &[&digest, &element(4, &[salt]), &integer(iterations)])
}

fn pbkdf2(iterations: u32, length: &[u8]) -> Vec<u8> {
    let function = element(0x30, &[&identifier(HMAC_SHA256)]);
    let parameters = element(
        0x30,
        &[&element(4, &[b"salt"]), &integer(iterations), length, &function],
    );
    element(0x30, &[&identifier(PBKDF2), &parameters])
}

fn encrypted(algorithm: &[u8]) -> Vec<u8> {
    let inside = element(0x30, &[&identifier(DATA), algorithm, &element(0x80, &[&[0; 16]])]);
    content(ENCRYPTED, &element(0x30, &[&integer(0), &inside]))
}

/// Archives that ask for so many iterations, one for each place where they can.
fn demanding(iterations: u32) -> [(&'static str, Vec<u8>); 4] {
    let scheme = element(0x30, &[&identifier(AES_256), &element(4, &[&[0; 16]])]);
    let pbes2 = element(
        0x30,
        &[
            &identifier(PBES2),
            &element(0x30, &[&pbkdf2(iterations, &[]), &scheme]),
        ],
    );
    let own = element(
        0x30,
        &[
            &identifier(RC2_40),
            &element(0x30, &[&element(4, &[b"salt"]), &integer(iterations)]),
        ],
    );
    let hmac = element(0x30, &[&identifier(HMAC_SHA256)]);
    let pbmac1 = element(0x30, &[&pbkdf2(iterations, &integer(32)), &hmac]);
    [
        (
            "MAC",
            archive(&[], &mac(&[&identifier(SHA1)], b"salt", iterations)),
        ),
        (
            "PBMAC1",
            archive(&[], &mac(&[&identifier(PBMAC1), &pbmac1], b"", 1)),
        ),
        ("PBES2", archive(&encrypted(&pbes2), &[])),
        ("PKCS#12's own encryption", archive(&encrypted(&own), &[])),
    ]
}

#[test]
fn an_archive_cannot_ask_for_more_iterations_than_there_is_fuel_for() {
    for (place, archive) in demanding(i32::MAX as u32) {
        let fault = render("{{ pkcs12key .x }}", &[("x", &archive)], &Limits::default()).expect_err(place);
        assert_eq!(fault.kind, FaultKind::Exceeded(Limit::Cost), "{place}: {fault}");
    }
    let limits = Limits {
        fuel: 400_000,
        ..Limits::default()
    };
    for (place, archive) in demanding(500_000) {
        let fault = render("{{ pkcs12cert .x }}", &[("x", &archive)], &limits).expect_err(place);
        assert_eq!(fault.kind, FaultKind::Exceeded(Limit::Fuel), "{place}: {fault}");
    }
    // What is asked for in good faith is done, and found wanting for another reason.
    for (place, archive) in demanding(20_000) {
        let fault = render("{{ pkcs12cert .x }}", &[("x", &archive)], &limits).expect_err(place);
        assert!(
            matches!(fault.kind, FaultKind::Calling { .. }),
            "{place}: {fault}"
        );
    }
}

#[test]
fn an_archive_cannot_choose_a_key_of_any_length() {
    let hmac = element(0x30, &[&identifier(HMAC_SHA256)]);
    let parameters = element(0x30, &[&pbkdf2(1, &integer(1 << 30)), &hmac]);
    let archive = archive(&[], &mac(&[&identifier(PBMAC1), &parameters], b"", 1));
    exceeds("{{ pkcs12key .x }}", &archive, &Limits::default(), Limit::Cost);
}

#[test]
fn archives_and_keys_in_a_loop_run_out_of_fuel() {
    let limits = Limits {
        fuel: 500_000,
        ..Limits::default()
    };
    let names = [
        "cert_root",
        "key_rsa",
        "key_p256",
        "chain",
        "jwk_p256",
        "oaep_base64",
    ];
    let texts = names.map(value);
    let dot: Vec<(&str, &[u8])> = names
        .into_iter()
        .zip(texts.iter().map(|text| text.as_bytes()))
        .collect();
    for work in [
        "pemToPkcs12 $.cert_root $.key_p256",
        "pemTruststoreToPKCS12 $.chain",
        "filterCertChain `leaf` $.chain",
        "filterPEM `CERTIFICATE` $.chain",
        "certSANs $.cert_root",
        "jwkPrivateKeyPem $.jwk_p256",
        "rsaDecrypt `RSA-OAEP` `SHA256` (b64dec $.oaep_base64) $.key_rsa",
        "fromYaml `a: 1`",
        "toYaml $",
        "hexdec `00`",
    ] {
        let source = format!("{{{{ range until 100000 }}}}{{{{ $x := {work} }}}}{{{{ end }}}}");
        let fault = render(&source, &dot, &limits).expect_err(work);
        assert_eq!(fault.kind, FaultKind::Exceeded(Limit::Fuel), "{work}: {fault}");
    }
}

#[test]
fn an_rsa_key_of_16384_bits_is_refused_before_it_is_used() {
    let number = element(2, &[&[0], &[0xff; 2048]]);
    let key = element(
        0x30,
        &[
            &integer(0),
            &number,
            &integer(65_537),
            &number,
            &number,
            &number,
            &number,
            &number,
            &number,
        ],
    );
    let limits = Limits::default();
    let template =
        "{{ pemToPkcs12 .certificate (printf `-----BEGIN A-----\n%s\n-----END A-----\n` (b64enc .x)) }}";
    let certificate = value("cert_root");
    let dot = [("certificate", certificate.as_bytes()), ("x", &key[..])];
    let fault = render(template, &dot, &limits).expect_err("the key is too long");
    assert_eq!(fault.kind, FaultKind::Exceeded(Limit::Cost), "{fault}");
}

#[test]
fn yaml_cannot_unfold_or_nest_without_end() {
    let limits = Limits::default();
    let laughs = (0..20).fold(
        "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned(),
        |text, level| {
            let next = level + 1;
            let aliases = vec![format!("*a{level}"); 10].join(", ");
            text + &format!("a{next}: &a{next} [{aliases}]\n")
        },
    );
    exceeds(
        "{{ fromYaml .x }}",
        laughs.as_bytes(),
        &limits,
        Limit::Intermediate,
    );
    exceeds(
        "{{ fromYaml .x }}",
        "[".repeat(5_000).as_bytes(),
        &limits,
        Limit::Nesting,
    );
    let wide = format!("a: [{}]", "1,".repeat(1_000_000));
    exceeds("{{ fromYaml .x }}", wide.as_bytes(), &limits, Limit::Intermediate);
    assert!(external_secrets::entries(laughs.as_bytes()).is_err());
    assert!(external_secrets::entries("[".repeat(5_000).as_bytes()).is_err());
    // Each item stands on a line of its own behind 500 spaces.
    let deep = "{{ $l := until 40000 }}{{ range until 250 }}{{ $l = list $l }}{{ end }}{{ toYaml $l }}";
    exceeds(deep, b"", &limits, Limit::Intermediate);
    let deeper = "{{ $l := list }}{{ range until 300 }}{{ $l = list $l }}{{ end }}{{ toYaml $l }}";
    exceeds(deeper, b"", &limits, Limit::Nesting);
    let lines =
        "{{ $l := repeat 100000 `a\n` }}{{ range until 100 }}{{ $l = list $l }}{{ end }}{{ toYaml $l }}";
    exceeds(lines, b"", &limits, Limit::Intermediate);
}

#[test]
fn a_canary_in_whatever_it_is_given_shows_in_no_fault() {
    let block = |label: &str, body: &str| format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
    let canary_base64 = "a2FuYXJpZW52b2dlbA==";
    let inputs = [
        CANARY.to_owned(),
        block("CERTIFICATE", canary_base64),
        block(CANARY, canary_base64),
        block("PRIVATE KEY", CANARY),
        value("cert_root") + CANARY,
        value("key_rsa") + CANARY,
        format!(r#"{{"kty":"{CANARY}"}}"#),
        format!(r#"{{"kty":"RSA","n":"{CANARY}","e":"{CANARY}","d":"{CANARY}"}}"#),
        format!(r#"{{"kty":"EC","crv":"{CANARY}","x":"{CANARY}","y":"{CANARY}","d":"{CANARY}"}}"#),
        format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{CANARY}","d":"{CANARY}"}}"#),
        format!("{CANARY}: [{CANARY}"),
        format!("- {CANARY}"),
        format!("{CANARY}: {CANARY}: {CANARY}"),
        format!("{CANARY}: {{{CANARY}: 1}}"),
        format!("*{CANARY}"),
        String::from_utf8_lossy(&archive(CANARY.as_bytes(), &mac(&[&identifier(SHA1)], b"", 1))).into_owned(),
    ];
    let mut faults = 0;
    for function in external_secrets::FUNCTIONS {
        for input in &inputs {
            for arguments in [
                ".x",
                ".x .x",
                ".x .x .x",
                ".x .x .x .x",
                "`RSA-OAEP` .x .x .x",
                "1 .x",
                ".",
                ". .x",
            ] {
                let source = format!("{{{{ {} {arguments} }}}}", function.name);
                if let Err(fault) = render(&source, &[("x", input.as_bytes())], &Limits::default()) {
                    let (shown, hidden) = (fault.to_string(), format!("{fault:?}"));
                    assert!(
                        !shown.contains(CANARY) && !hidden.contains(CANARY),
                        "{source} of {input}: {fault}"
                    );
                    faults += 1;
                }
            }
        }
    }
    assert!(faults > 1_000, "only {faults} calls failed");
    for input in &inputs {
        if let Err(fault) = external_secrets::entries(input.as_bytes()) {
            assert!(!fault.to_string().contains(CANARY), "{input}: {fault}");
        }
        let error = "{{ with fromYaml .x }}{{ with index . `Error` }}{{ . }}{{ end }}{{ end }}";
        let said = render(error, &[("x", input.as_bytes())], &Limits::default());
        let said = said.map(|said| String::from_utf8_lossy(&said).into_owned());
        assert!(
            !said.as_ref().is_ok_and(|said| said.contains(CANARY)),
            "{input}: {said:?}"
        );
    }
}

#[test]
fn equal_draws_make_equal_archives_and_others_make_others() {
    struct Count(u8);
    impl Random for Count {
        fn fill(&mut self, bytes: &mut [u8]) {
            bytes.iter_mut().for_each(|byte| {
                self.0 = self.0.wrapping_add(1);
                *byte = self.0;
            });
        }
    }
    let functions = external_secrets::functions();
    let source = "{{ pemToPkcs12 .certificate .key }}";
    let template = external_secrets::parse("t", source, &functions, &Delimiters::default()).unwrap();
    let dot: Value = Map::texts([
        (Text::from("certificate"), Text::new(value("cert_root"))),
        (Text::from("key"), Text::new(value("key_p256"))),
    ])
    .into();
    let made = |start| {
        let mut env = Env {
            now: Timestamp::UNIX_EPOCH,
            zones: &UtcOnly,
            random: &mut Count(start),
        };
        template
            .render(&dot, &mut env, &Limits::default())
            .unwrap()
            .to_vec()
    };
    assert_eq!(made(1), made(1));
    assert_ne!(made(1), made(2));
}
