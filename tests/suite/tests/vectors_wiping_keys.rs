//! Private keys and passwords that templates have handled are nowhere in this process's memory once all that was
//! given and made is dropped. What is sought is kept masked, so that the search does not find itself. It is a net,
//! not a proof: what the allocator has handed out again since is not seen.

#![cfg(target_os = "linux")]

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;

use seal_template::environment::{Random, UtcOnly};
use seal_template::value::{Map, Text};
use seal_template::{Delimiters, Env, Limits, external_secrets};
use zeroize::Zeroizing;

const MASK: u8 = 0xa5;
const CERTIFICATE: &str = include_str!("../../vectors/keys/2048.crt");
const VALUES: &str = include_str!("../../../crates/seal-template/vectors/external-secrets/values.json");

struct Zeros;

impl Random for Zeros {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

/// Bytes to look for, each of them masked.
struct Sought {
    what: &'static str,
    masked: Vec<u8>,
}

impl Sought {
    fn new(what: &'static str, bytes: &[u8]) -> Self {
        let masked = bytes.iter().map(|byte| byte ^ MASK).collect();
        Self { what, masked }
    }

    fn stands_in(&self, memory: &[u8]) -> usize {
        let length = self.masked.len();
        let first = self.masked[0] ^ MASK;
        memory
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == first)
            .filter_map(|(at, _)| memory.get(at..at + length))
            .filter(|seen| {
                seen.iter()
                    .zip(&self.masked)
                    .all(|(seen, masked)| seen ^ MASK == *masked)
            })
            .count()
    }
}

/// Looks through memory with a buffer that is there before anything is freed, so that looking fills no gap.
struct Search {
    memory: File,
    maps: String,
    window: Vec<u8>,
}

impl Search {
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            memory: File::open("/proc/self/mem")?,
            maps: String::with_capacity(1 << 18),
            window: vec![0; 1 << 20],
        })
    }

    /// How often each of `sought` stands in the memory that this process can write to.
    fn sightings(&mut self, sought: &[Sought]) -> anyhow::Result<Vec<usize>> {
        let longest = sought.iter().map(|sought| sought.masked.len()).max().unwrap_or(0);
        let mut found = vec![0; sought.len()];
        self.maps.clear();
        File::open("/proc/self/maps")?.read_to_string(&mut self.maps)?;
        let own = self.window.as_ptr() as u64;
        for line in self.maps.lines() {
            let range = line
                .split_once(" rw")
                .and_then(|(range, _)| range.split_once('-'));
            let Some((start, end)) = range else {
                continue;
            };
            let (mut start, end) = (u64::from_str_radix(start, 16)?, u64::from_str_radix(end, 16)?);
            if (start..end).contains(&own) {
                continue;
            }
            while start < end {
                let length = usize::try_from(end - start)?.min(self.window.len());
                let window = &mut self.window[..length];
                if self.memory.read_exact_at(window, start).is_err() {
                    break;
                }
                for (count, sought) in found.iter_mut().zip(sought) {
                    *count += sought.stands_in(window);
                }
                // Windows overlap, so that nothing hides on their edge.
                start += u64::try_from(length)?;
                if start < end {
                    start -= u64::try_from(longest)?;
                }
            }
        }
        Ok(found)
    }
}

fn render(source: &str, entries: &[(&str, &[u8])]) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let functions = external_secrets::functions();
    let template = external_secrets::parse("t", source, &functions, &Delimiters::default())?;
    let mut env = Env {
        now: jiff::Timestamp::UNIX_EPOCH,
        zones: &UtcOnly,
        random: &mut Zeros,
    };
    let dot = Map::texts(
        entries
            .iter()
            .map(|(name, value)| (Text::from(*name), Text::new(value))),
    );
    Ok(template.render(&dot.into(), &mut env, &Limits::default())?)
}

/// A value of the vectors, out of their text: a JSON parser would leave copies behind.
fn value(name: &str) -> Zeroizing<Vec<u8>> {
    let start = VALUES
        .find(&format!("\n  \"{name}\": \""))
        .map(|at| at + name.len() + 8)
        .unwrap_or_default();
    let mut value = Zeroizing::new(Vec::with_capacity(16 << 10));
    let mut characters = VALUES[start..].bytes();
    while let Some(byte) = characters.next().filter(|byte| *byte != b'"') {
        value.push(match byte {
            b'\\' => match characters.next() {
                Some(b'n') => b'\n',
                other => other.unwrap_or_default(),
            },
            byte => byte,
        });
    }
    value
}

const PASSWORD: &[u8] = b"c0rrect-h0rse-battery-staple";

/// One function each, and little else, since what is made afterwards fills what was freed.
const TEMPLATES: [&str; 10] = [
    "{{ filterPEM `none` .key }}",
    "{{ filterPEM `private key` .key | len }}",
    "{{ pemToPkcs12Pass .certificate .key .password | len }}",
    "{{ fullPemToPkcs12Pass .certificate .sec1 .password | len }}",
    "{{ pkcs12keyPass .password .archive | len }}",
    "{{ pkcs12keyPass `another` .archive | len }}",
    "{{ jwkPrivateKeyPem .jwk | len }}",
    "{{ rsaDecrypt `RSA-OAEP` `SHA256` (b64dec .ciphertext) .key | len }}",
    "{{ toYaml (dict `k` .key `p` .password) | len }}",
    "{{ (fromYaml (printf `k: |\n%s\np: %s` (indent 2 .key) .password)).k | len }}",
];

#[test]
fn keys_and_passwords_are_gone_when_a_template_is_done() -> anyhow::Result<()> {
    let mut search = Search::new()?;
    let line = |pem: &[u8], number: usize| pem.split(|byte| *byte == b'\n').nth(number).map(<[u8]>::to_vec);
    let (key, sec1, jwk) = (value("key_rsa"), value("key_p384_sec1"), value("jwk_rsa"));
    let decoded = |text: &[u8]| render("{{ b64dec .text }}", &[("text", text)]);
    let masked = |what: &'static str, bytes: Option<&[u8]>| bytes.map(|bytes| Sought::new(what, bytes));
    let text = Zeroizing::new(line(&key, 14).unwrap_or_default());
    let short = Zeroizing::new(line(&sec1, 1).unwrap_or_default());
    let utf16: Vec<u8> = PASSWORD.iter().flat_map(|byte| [0, *byte]).collect();
    let wide = Zeroizing::new(utf16);
    let field = jwk
        .windows(5)
        .position(|window| window == b"\"d\":\"")
        .map(|at| &jwk[at + 5..at + 45]);
    let sought: Vec<Sought> = [
        // Past the modulus, which is public, of a key of 2048 bits.
        masked("a line of the RSA key", text.get(..40)),
        masked("numbers of the RSA key", decoded(&text)?.get(..24)),
        masked("a line of the key on a curve", short.get(16..48)),
        masked("the scalar of the key on a curve", decoded(&short)?.get(12..36)),
        masked("the private exponent of the JSON Web Key", field),
        masked("the password", Some(PASSWORD)),
        masked("the password in UTF-16", Some(&wide)),
    ]
    .into_iter()
    .flatten()
    .collect();
    assert_eq!(sought.len(), 7);
    let whole = search.sightings(&sought)?;
    for (name, at) in [("a line", 0), ("a line", 2), ("a field", 4), ("the password", 6)] {
        assert!(whole[at] > 0, "{name} is there and not seen: {whole:?}");
    }
    let archive = {
        let entries = [
            ("certificate", CERTIFICATE.as_bytes()),
            ("key", &key[..]),
            ("password", PASSWORD),
        ];
        render(
            "{{ fullPemToPkcs12Pass .certificate .key .password | b64dec }}",
            &entries,
        )?
    };
    drop((key, sec1, jwk, text, short, wide));

    let mut faults = Vec::new();
    for template in TEMPLATES {
        let values = [
            value("key_rsa"),
            value("key_p384_sec1"),
            value("jwk_rsa"),
            value("oaep_base64"),
        ];
        let entries = [
            ("certificate", CERTIFICATE.as_bytes()),
            ("key", &values[0][..]),
            ("sec1", &values[1]),
            ("jwk", &values[2]),
            ("ciphertext", &values[3]),
            ("archive", &archive),
            ("password", PASSWORD),
        ];
        let rendered = render(template, &entries);
        let refused = template.contains("another");
        assert_eq!(rendered.is_err(), refused, "{template}: {:?}", rendered.err());
        drop((rendered, values));
        let found = search.sightings(&sought)?;
        let left = sought.iter().zip(found).filter(|(_, count)| *count > 0);
        faults.extend(left.map(|(sought, count)| format!("{template}: {}, {count} times", sought.what)));
    }
    assert!(faults.is_empty(), "still in memory:\n{}", faults.join("\n"));
    Ok(())
}
