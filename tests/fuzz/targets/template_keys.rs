//! Archives, keys, certificates and YAML of strangers in templates: read within limits, what is read can be written
//! and read again, and no fault holds a value.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use seal_template::environment::{Random, UtcOnly};
use seal_template::value::{Map, Text};
use seal_template::{Delimiters, Env, Limits, Template, Value, external_secrets};

// No input can spell it, so a fault that holds it took it from the data.
const CANARY: &str = "\u{1f426}kanarienvogel\u{1f426}";

/// Each makes one text of the input, `.x`, or a fault.
const READERS: [&str; 12] = [
    "{{ pkcs12key .x }}",
    "{{ pkcs12keyPass `secret` .x }}",
    "{{ pkcs12cert .x }}",
    "{{ filterPEM `CERTIFICATE` .x }}",
    "{{ filterCertChain `leaf` .x }}",
    "{{ certSANs .x }}",
    "{{ jwkPublicKeyPem .x }}",
    "{{ jwkPrivateKeyPem .x }}",
    "{{ pemTruststoreToPKCS12 .x }}",
    "{{ fullPemToPkcs12Pass .x .x `secret` }}",
    "{{ rsaDecrypt `RSA-OAEP` .canary .x .x }}",
    "{{ hexdec .x }}",
];

/// What is opened can be put together, and opens to the same.
const AGAIN: &str = "{{ $key := pkcs12key .x }}{{ $certificates := pkcs12cert .x }}\
    {{ $again := fullPemToPkcs12Pass $certificates $key `other` | b64dec }}\
    {{ eq $key (pkcs12keyPass `other` $again) }}{{ eq $certificates (pkcs12certPass `other` $again) }}";

/// YAML that is read is written, and read to the same; the last line break, which `toYaml` takes off, is put back.
const YAML: &str = "{{ $value := fromYaml .x }}{{ if hasKey $value `Error` }}{{ else }}\
    {{ eq (toJson $value) (fromYaml (printf `%s\n` (toYaml $value)) | toJson) }}{{ end }}";

static TEMPLATES: LazyLock<Vec<Template>> = LazyLock::new(|| {
    let functions = external_secrets::functions();
    READERS
        .into_iter()
        .chain([AGAIN, YAML])
        .map(|source| external_secrets::parse("t", source, &functions, &Delimiters::default()).expect(source))
        .collect()
});

struct Zeros;

impl Random for Zeros {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

fuzz_target!(|bytes: &[u8]| {
    if bytes.windows(13).any(|window| window == b"kanarienvogel") {
        return;
    }
    let dot: Value = Map::texts([
        (Text::from("x"), Text::new(bytes)),
        (Text::from("canary"), Text::from(CANARY)),
    ])
    .into();
    let limits = Limits {
        fuel: 200_000,
        output: 1 << 18,
        intermediate: 1 << 18,
        depth: 100,
    };
    for (index, template) in TEMPLATES.iter().enumerate() {
        let mut env = Env {
            now: jiff::Timestamp::UNIX_EPOCH,
            zones: &UtcOnly,
            random: &mut Zeros,
        };
        match template.render(&dot, &mut env, &limits) {
            Err(fault) => assert!(!fault.to_string().contains("kanarienvogel"), "{fault}"),
            Ok(output) if index >= READERS.len() => {
                let output = String::from_utf8_lossy(&output);
                assert!(!output.contains("false"), "{index}: {output}");
            }
            Ok(_) => {}
        }
    }
    if let Err(fault) = external_secrets::entries(bytes) {
        assert!(!fault.to_string().contains("kanarienvogel"));
    }
});
