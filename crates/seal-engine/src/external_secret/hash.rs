//! The digests and names by which external-secrets knows its own: SHA3-224 (FIPS 202) over the text that Go's
//! `%+v` makes of a map. Unkeyed, and therefore used where its contract needs them and nowhere else (S14).

use std::collections::BTreeMap;
use std::fmt::Write;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use seal_core::Plaintext;
use sha3::digest::Update;
use sha3::{Digest, Sha3_224};
use zeroize::Zeroizing;

/// Where Kubernetes ends the name of a field manager, as upstream remembers it.
const LONGEST_MANAGER: usize = 63;
// Bytes whose text is hashed at once.
const BLOCK: usize = 1024;
const MANAGER: &str = "externalsecrets.external-secrets.io/";

/// The value of the annotation `data-hash` on a Secret with this data.
pub fn data_hash(data: &BTreeMap<String, Plaintext>) -> String {
    let mut text = Text::default();
    text.add("map[");
    for (index, (entry, value)) in data.iter().enumerate() {
        text.separate(index);
        text.add(entry);
        text.add(":[");
        text.bytes(value.expose());
        text.add("]");
    }
    text.add("]");
    text.finish()
}

/// The value of the label `created-by` on a Secret that the ExternalSecret `namespace/name` owns.
pub fn created_by(namespace: &str, name: &str) -> String {
    let mut text = Text::default();
    text.add(namespace);
    text.add("/");
    text.add(name);
    text.finish()
}

/// `status.syncedResourceVersion` of an object with this metadata: any change of generation, labels or
/// annotations changes it.
pub fn synced_resource_version(metadata: &ObjectMeta) -> String {
    let mut text = Text::default();
    text.add("{annotations:");
    text.map(metadata.annotations.as_ref());
    text.add(" labels:");
    text.map(metadata.labels.as_ref());
    text.add("}");
    format!("{}-{}", metadata.generation.unwrap_or_default(), text.finish())
}

/// The field manager in whose name the ExternalSecret `name` writes: what it wrote before is found by it.
pub fn field_manager(name: &str) -> String {
    let plain = format!("{MANAGER}{name}");
    if plain.len() <= LONGEST_MANAGER {
        return plain;
    }
    let mut text = Text::default();
    text.add(name);
    format!("{MANAGER}sha3/{}", text.finish())
}

// What Go would print, piece by piece: it is as secret as the values, and is never in one place.
#[derive(Default)]
struct Text(Sha3_224);

impl Text {
    fn add(&mut self, piece: &str) {
        Update::update(&mut self.0, piece.as_bytes());
    }

    fn separate(&mut self, index: usize) {
        if index > 0 {
            self.add(" ");
        }
    }

    // By the block: a call for each byte would take ten times as long.
    fn bytes(&mut self, bytes: &[u8]) {
        let mut block = Zeroizing::new(Vec::with_capacity(4 * BLOCK));
        for (index, byte) in bytes.iter().enumerate() {
            if index > 0 {
                block.push(b' ');
            }
            block.extend_from_slice(DECIMALS[usize::from(*byte)].as_bytes());
            if block.len() > 4 * (BLOCK - 1) {
                Update::update(&mut self.0, &block);
                block.clear();
            }
        }
        Update::update(&mut self.0, &block);
    }

    fn map(&mut self, map: Option<&BTreeMap<String, String>>) {
        self.add("map[");
        for (index, (key, value)) in map.into_iter().flatten().enumerate() {
            self.separate(index);
            self.add(key);
            self.add(":");
            self.add(value);
        }
        self.add("]");
    }

    fn finish(self) -> String {
        let mut hex = String::with_capacity(2 * 28);
        for byte in self.0.finalize() {
            write!(hex, "{byte:02x}").expect("a String takes everything");
        }
        hex
    }
}

// The 256 numbers as text: formatting each byte of a large value would take longer than hashing it.
static DECIMALS: [Decimal; 256] = {
    let mut table = [Decimal {
        digits: [0; 3],
        from: 0,
    }; 256];
    let mut byte = 0;
    while byte < 256 {
        let digits = [
            b'0' + (byte / 100) as u8,
            b'0' + (byte / 10 % 10) as u8,
            b'0' + (byte % 10) as u8,
        ];
        let from = if byte >= 100 {
            0
        } else if byte >= 10 {
            1
        } else {
            2
        };
        table[byte] = Decimal { digits, from };
        byte += 1;
    }
    table
};

#[derive(Clone, Copy)]
struct Decimal {
    digits: [u8; 3],
    from: usize,
}

impl Decimal {
    fn as_bytes(&self) -> &[u8] {
        &self.digits[self.from..]
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    // Made by the real library.
    const VECTORS: &str = include_str!("../../vectors/external-secrets/hashes.jsonl");

    #[derive(Deserialize)]
    struct Row {
        data: Option<BTreeMap<String, String>>,
        text: Option<String>,
        #[serde(default)]
        generation: i64,
        labels: Option<BTreeMap<String, String>>,
        annotations: Option<BTreeMap<String, String>>,
        hash: String,
    }

    #[test]
    fn hashes_are_those_of_the_real_library() {
        let (mut data, mut texts, mut metadata) = (0, 0, 0);
        for line in VECTORS.lines() {
            let row: Row = serde_json::from_str(line).unwrap();
            if let Some(text) = row.text {
                texts += 1;
                let mut hashed = Text::default();
                hashed.add(&text);
                assert_eq!(hashed.finish(), row.hash, "{text}");
            } else if row.hash.contains('-') {
                metadata += 1;
                let object = ObjectMeta {
                    generation: Some(row.generation),
                    labels: row.labels,
                    annotations: row.annotations,
                    ..ObjectMeta::default()
                };
                assert_eq!(synced_resource_version(&object), row.hash, "{line}");
            } else {
                data += 1;
                let values = row.data.unwrap_or_default();
                let values = values.into_iter().map(|(entry, value)| {
                    let bytes = seal_core::decode_base64(&value).unwrap();
                    (entry, Plaintext::new(bytes))
                });
                assert_eq!(data_hash(&values.collect()), row.hash, "{line}");
            }
        }
        assert!(data > 8 && texts > 6 && metadata > 4);
    }

    // Of live objects of the real controller, 0.20.4.
    #[test]
    fn names_are_those_of_the_real_controller() {
        for (name, hash) in [
            (
                "c-tok",
                "f85d56fd30f53ca995585cda3de1e7c8c6a8fa2f342a76bfe8499be9",
            ),
            (
                "c-k8s",
                "ba163635c0a2d5dfad486f3a1a5dd16858b3ef743df603357287476b",
            ),
            ("vec1", "c3c2077e27ac85ce630cb205da0e61b41afed76a5e6e14299c631ae1"),
            ("vec2", "6eb8eaaf169451fb56cd57c488a2efd8c4fb0768136bf938378bfb27"),
        ] {
            assert_eq!(created_by("es1", name), hash, "{name}");
        }
        let seventy = format!("name-of-seventy-characters-{}", "a".repeat(44));
        for (name, manager) in [
            ("short-name", "short-name"),
            (
                "name-of-forty-characters-aaaaaaaaaaaaaaaa",
                "sha3/53865dcbe6cbafe0ed483b775075f30091ac30281cc3f67537895a76",
            ),
            (
                seventy.as_str(),
                "sha3/b4afd400a2945cd7f27f0f71d314ad451177311f2302bf8200ffdb3b",
            ),
        ] {
            assert_eq!(
                field_manager(name),
                format!("externalsecrets.external-secrets.io/{manager}")
            );
        }
    }

    #[test]
    fn a_field_managers_name_is_hashed_beyond_63_characters() {
        let fits = "a".repeat(63 - MANAGER.len());
        assert_eq!(field_manager(&fits).len(), 63);
        assert!(!field_manager(&fits).contains("sha3"));
        assert!(field_manager(&format!("{fits}a")).contains("sha3/"));
    }
}
