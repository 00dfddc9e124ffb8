//! A `v1/Secret` whose values are wiped: the form in which one is read, desired and written.
//!
//! k8s-openapi's `Secret` is not used: its values outlive their use in freed memory (S26).

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ListMeta, ObjectMeta};
use seal_core::{Plaintext, decode_base64};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use zeroize::Zeroizing;

/// A Secret. `stringData` has been folded into `data`, where it wins.
#[derive(Default)]
pub struct Secret {
    /// Name, namespace, labels, annotations, owners.
    pub metadata: ObjectMeta,
    /// `type`; the API server reads an absent one as `Opaque`.
    pub kind: Option<String>,
    /// Whether it can be changed.
    pub immutable: Option<bool>,
    /// The values.
    pub data: BTreeMap<String, Plaintext>,
}

/// The type of a Secret that names none.
pub const OPAQUE: &str = "Opaque";

impl Secret {
    /// Its type, spelt out.
    pub fn kind_or_opaque(&self) -> &str {
        self.kind
            .as_deref()
            .filter(|kind| !kind.is_empty())
            .unwrap_or(OPAQUE)
    }

    /// Whether `other` has the same entries with the same values.
    pub fn same_data(&self, other: &Self) -> bool {
        self.data.len() == other.data.len()
            && self.data.iter().all(|(entry, value)| {
                other
                    .data
                    .get(entry)
                    .is_some_and(|theirs| value.matches(theirs.expose()))
            })
    }

    /// A second copy, values included, wiped on its own.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self {
            metadata: self.metadata.clone(),
            kind: self.kind.clone(),
            immutable: self.immutable,
            data: self
                .data
                .iter()
                .map(|(entry, value)| (entry.clone(), value.duplicate()))
                .collect(),
        }
    }

    /// The Secret as JSON for the API server, in a buffer that is wiped.
    pub fn to_json(&self) -> Zeroizing<Vec<u8>> {
        let size: usize = self
            .data
            .iter()
            .map(|(entry, value)| entry.len() + value.len() * 4 / 3 + 16)
            .sum();
        let mut body = Zeroizing::new(Vec::with_capacity(size + 4096));
        body.extend_from_slice(br#"{"apiVersion":"v1","kind":"Secret","metadata":"#);
        body.extend_from_slice(&json(&self.metadata));
        if let Some(kind) = &self.kind {
            body.extend_from_slice(b",\"type\":");
            body.extend_from_slice(&json(kind));
        }
        if let Some(immutable) = self.immutable {
            body.extend_from_slice(format!(",\"immutable\":{immutable}").as_bytes());
        }
        if !self.data.is_empty() {
            body.extend_from_slice(b",\"data\":{");
            for (index, (entry, value)) in self.data.iter().enumerate() {
                if index > 0 {
                    body.push(b',');
                }
                body.extend_from_slice(&json(entry));
                body.extend_from_slice(b":\"");
                let encoded = Zeroizing::new(seal_core::encode_base64(value.expose()));
                body.extend_from_slice(encoded.as_bytes());
                body.push(b'"');
            }
            body.push(b'}');
        }
        body.push(b'}');
        body
    }

    /// Reads a Secret from JSON: the API server's, or the legacy blob's, which may have `stringData`.
    ///
    /// # Errors
    /// When it is no Secret. The error names the place and never quotes the text.
    pub fn from_json(body: &[u8]) -> Result<Self, MalformedSecret> {
        // serde takes a list for a struct, the fields in their order.
        if !body.trim_ascii_start().starts_with(b"{") {
            return Err(MalformedSecret { line: 1, column: 1 });
        }
        let read: Read = serde_json::from_slice(body)?;
        Ok(read.into())
    }

    /// Reads a page of a `v1/List` of Secrets, and the token of the next page, if there is one.
    ///
    /// # Errors
    /// [`MalformedSecret`], which never quotes the text.
    pub fn page_from_json(body: &[u8]) -> Result<(Vec<Self>, Option<String>), MalformedSecret> {
        #[derive(serde::Deserialize)]
        struct Page {
            #[serde(default)]
            metadata: ListMeta,
            items: Vec<Read>,
        }
        let page: Page = serde_json::from_slice(body)?;
        let next = page.metadata.continue_.filter(|token| !token.is_empty());
        Ok((page.items.into_iter().map(Self::from).collect(), next))
    }
}

impl From<Read> for Secret {
    fn from(read: Read) -> Self {
        let Values(mut data) = read.data.unwrap_or_default();
        data.extend(read.string_data.unwrap_or_default().0);
        Self {
            metadata: read.metadata,
            kind: read.kind,
            immutable: read.immutable,
            data,
        }
    }
}

impl From<serde_json::Error> for MalformedSecret {
    fn from(error: serde_json::Error) -> Self {
        Self {
            line: error.line(),
            column: error.column(),
        }
    }
}

/// JSON that is not a Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the reply is not a Secret (line {line}, column {column})")]
pub struct MalformedSecret {
    line: usize,
    column: usize,
}

fn json<T: serde::Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("metadata and names have string keys only")
}

#[derive(serde::Deserialize)]
struct Read {
    #[serde(default)]
    metadata: ObjectMeta,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    immutable: Option<bool>,
    #[serde(default)]
    data: Option<Values<BASE64>>,
    #[serde(default, rename = "stringData")]
    string_data: Option<Values<PLAIN>>,
}

const BASE64: bool = true;
const PLAIN: bool = false;

// Values by entry, in base64 or as plain text.
#[derive(Default)]
struct Values<const ENCODED: bool>(BTreeMap<String, Plaintext>);

impl<'de, const ENCODED: bool> Deserialize<'de> for Values<ENCODED> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<const ENCODED: bool>;
        impl<'de, const ENCODED: bool> Visitor<'de> for Entries<ENCODED> {
            type Value = Values<ENCODED>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a map of values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Values<ENCODED>, A::Error> {
                let mut values = BTreeMap::new();
                while let Some(entry) = map.next_key::<String>()? {
                    let Value::<ENCODED>(value) = map.next_value()?;
                    values.insert(entry, value);
                }
                Ok(Values(values))
            }
        }
        deserializer.deserialize_map(Entries::<ENCODED>)
    }
}

struct Value<const ENCODED: bool>(Plaintext);

impl<'de, const ENCODED: bool> Deserialize<'de> for Value<ENCODED> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text<const ENCODED: bool>;
        impl<const ENCODED: bool> Visitor<'_> for Text<ENCODED> {
            type Value = Value<ENCODED>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                if !ENCODED {
                    return Ok(Value(Plaintext::copied(text.as_bytes())));
                }
                let bytes = decode_base64(text).map_err(|_| E::custom("not base64"))?;
                Ok(Value(Plaintext::new(bytes)))
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(Value(Plaintext::new(Vec::new())))
            }
        }
        deserializer.deserialize_any(Text::<ENCODED>)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_survives_writing_and_reading() {
        let mut secret = Secret {
            kind: Some("kubernetes.io/tls".to_owned()),
            ..Secret::default()
        };
        secret.metadata.name = Some("a".to_owned());
        secret.immutable = Some(true);
        secret
            .data
            .insert("quote\"d".to_owned(), Plaintext::copied(b"\x00\xffbytes"));
        secret.data.insert("empty".to_owned(), Plaintext::copied(b""));
        let again = Secret::from_json(&secret.to_json()).unwrap();
        assert!(secret.same_data(&again));
        assert_eq!(again.kind, secret.kind);
        assert_eq!(again.immutable, Some(true));
        assert_eq!(again.metadata, secret.metadata);
    }

    #[test]
    fn a_list_is_no_secret() {
        assert!(Secret::from_json(b"[]").is_err());
        assert!(Secret::from_json(br#" [{}, "Opaque"]"#).is_err());
    }

    #[test]
    fn an_error_names_the_place_and_not_the_text() {
        let error = Secret::from_json(br#"{"data":{"a":"canary!"}}"#)
            .err()
            .unwrap()
            .to_string();
        assert!(!error.contains("canary"), "{error}");
        let error = Secret::from_json(br#"{"data":{"a":"canary"#)
            .err()
            .unwrap()
            .to_string();
        assert!(!error.contains("canary"), "{error}");
    }

    #[test]
    fn a_page_of_a_list_reads_back_and_tells_where_the_next_one_begins() {
        let page = br#"{"kind": "SecretList", "metadata": {"continue": "next"}, "items": [
            {"metadata": {"name": "a"}, "data": {"k": "dg=="}}, {"metadata": {"name": "b"}}]}"#;
        let (all, next) = Secret::page_from_json(page).unwrap();
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].data["k"].expose(), b"v");
        assert_eq!(next.as_deref(), Some("next"));
        let (all, next) = Secret::page_from_json(br#"{"metadata": {"continue": ""}, "items": []}"#).unwrap();
        assert!(all.is_empty() && next.is_none());
        let malformed = Secret::page_from_json(br#"{"items": [{"data": {"k": "hunter2!"}}]}"#)
            .err()
            .unwrap();
        assert!(!malformed.to_string().contains("hunter2"));
    }
}
