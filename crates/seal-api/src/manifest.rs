//! From a document's value to a typed manifest and back, values kept in wiping memory all the way.
//!
//! Strict where Kubernetes' API server is: a number under `stringData` is a fault and not a guess at
//! its spelling. Which documents are manifests at all is decided by the caller.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use seal_core::{Plaintext, decode_base64, encode_base64};
use seal_document::{
    DuplicateKeys, Format, JsonStyle, KeyOrder, Limits, Mapping, Schema, Value, parse, to_json,
};

use crate::{SealedSecret, Secret, annotations};

/// A document that is not the manifest it claims to be. Names the place, never what stands there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// A field of another type.
    #[error("{place} must be {expected}, and is a {found}")]
    Type {
        /// Which field.
        place: String,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// A value under `data` that is not base64.
    #[error("data[{entry:?}] is not base64 (byte {offset})")]
    NotBase64 {
        /// The entry.
        entry: String,
        /// The byte where it stops being base64.
        offset: usize,
    },
    /// A field that Kubernetes would not accept, in a part where none can be named.
    #[error("{part} is not as Kubernetes has it")]
    Malformed {
        /// Which part of the manifest.
        part: &'static str,
    },
}

impl Secret {
    /// Reads a `v1/Secret`. `stringData` wins over `data`, as on the API server; annotations that hold
    /// whole manifests are left out.
    ///
    /// # Errors
    /// [`ManifestError`] at the first field that Kubernetes would refuse.
    pub fn from_value(value: &Value) -> Result<Self, ManifestError> {
        let mut data = BTreeMap::new();
        for (entry, value) in entries(value, "data")? {
            let text = scalar_text(value, || format!("data[{entry:?}]"))?;
            let bytes = decode_base64(text).map_err(|error| ManifestError::NotBase64 {
                entry: entry.to_owned(),
                offset: error.offset,
            })?;
            data.insert(entry.to_owned(), Plaintext::new(bytes));
        }
        for (entry, value) in entries(value, "stringData")? {
            let text = scalar_text(value, || format!("stringData[{entry:?}]"))?;
            data.insert(entry.to_owned(), Plaintext::copied(text.as_bytes()));
        }
        let kind = match value.get("type") {
            None | Some(Value::Null) => None,
            Some(kind) => Some(scalar_text(kind, || "type".to_owned())?.to_owned()),
        };
        let immutable = match value.get("immutable") {
            None | Some(Value::Null) => None,
            Some(Value::Bool(immutable)) => Some(*immutable),
            Some(other) => return Err(mismatch("immutable".to_owned(), "true or false", other)),
        };
        Ok(Self {
            metadata: metadata(value)?,
            kind,
            immutable,
            data,
        })
    }

    /// The manifest, its fields in the order of Kubernetes' own type.
    pub fn to_value(&self) -> Value {
        let mut object = Mapping::new();
        object.insert("apiVersion", "v1");
        object.insert("kind", "Secret");
        object.insert("metadata", value_of(&self.metadata));
        if let Some(kind) = &self.kind {
            object.insert("type", kind.as_str());
        }
        if let Some(immutable) = self.immutable {
            object.insert("immutable", immutable);
        }
        if !self.data.is_empty() {
            let entries = self
                .data
                .iter()
                .map(|(entry, value)| (entry.as_str(), encode_base64(value.expose())));
            object.insert("data", Value::Mapping(entries.collect()));
        }
        Value::Mapping(object)
    }
}

impl SealedSecret {
    /// Reads a `bitnami.com/v1alpha1` SealedSecret.
    ///
    /// # Errors
    /// [`ManifestError`]; an entry that is no string is no error here, it reads as `None`.
    pub fn from_value(value: &Value) -> Result<Self, ManifestError> {
        for (path, null) in [
            (&["metadata", "labels"][..], Null::Refused),
            (&["metadata", "annotations"], Null::Refused),
            (&["spec", "template", "metadata", "labels"], Null::Refused),
            (&["spec", "template", "metadata", "annotations"], Null::Refused),
            (&["spec", "template", "data"], Null::Means),
        ] {
            let found = path.iter().try_fold(value, |value, field| value.get(field));
            string_map(found, &path.join("."), null)?;
        }
        let json =
            to_json(value, AS_IT_STANDS).map_err(|_| ManifestError::Malformed { part: "the manifest" })?;
        serde_json::from_str(&json).map_err(|_| ManifestError::Malformed {
            part: "the SealedSecret",
        })
    }

    /// The manifest, its fields in the order of the type.
    pub fn to_value(&self) -> Value {
        // Sealed text is most of a manifest: it does not take the way through JSON.
        let mut bare = self.clone();
        let sealed = std::mem::take(&mut bare.spec.encrypted_data);
        let mut value = value_of(&bare);
        let place = value
            .as_mapping_mut()
            .and_then(|object| object.get_mut("spec")?.as_mapping_mut()?.get_mut("encryptedData"));
        if let Some(place) = place {
            let text = |text: Option<String>| text.map_or(Value::Null, Value::from);
            *place = Value::Mapping(
                sealed
                    .into_iter()
                    .map(|(entry, item)| (entry, text(item)))
                    .collect(),
            );
        }
        value
    }
}

const AS_IT_STANDS: JsonStyle = JsonStyle {
    order: KeyOrder::Kept,
    ..JsonStyle::COMPACT
};

fn entries<'v>(
    value: &'v Value,
    field: &str,
) -> Result<impl Iterator<Item = (&'v str, &'v Value)> + use<'v>, ManifestError> {
    let mapping = match value.get(field) {
        None | Some(Value::Null) => None,
        Some(Value::Mapping(mapping)) => Some(mapping),
        Some(other) => return Err(mismatch(field.to_owned(), "a mapping", other)),
    };
    Ok(mapping.into_iter().flat_map(Mapping::iter))
}

// null is the empty text, as for Go's decoder.
fn scalar_text(value: &Value, place: impl Fn() -> String) -> Result<&str, ManifestError> {
    match value {
        Value::String(text) => Ok(text),
        Value::Null => Ok(""),
        other => Err(not_a_string(place(), other)),
    }
}

fn not_a_string(place: String, found: &Value) -> ManifestError {
    mismatch(place, "a string (put it in quotes)", found)
}

fn mismatch(place: String, expected: &'static str, found: &Value) -> ManifestError {
    ManifestError::Type {
        place,
        expected,
        found: found.kind(),
    }
}

// Whether a null in a map of strings says something, or is what kubectl's validation refuses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Null {
    Means,
    Refused,
}

fn string_map(value: Option<&Value>, place: &str, null: Null) -> Result<(), ManifestError> {
    match value {
        None | Some(Value::Null) => Ok(()),
        Some(Value::Mapping(mapping)) => mapping.iter().try_for_each(|(key, value)| match value {
            Value::String(_) => Ok(()),
            Value::Null if null == Null::Means => Ok(()),
            other => Err(not_a_string(format!("{place}[{key:?}]"), other)),
        }),
        Some(other) => Err(mismatch(place.to_owned(), "a mapping", other)),
    }
}

fn metadata(value: &Value) -> Result<ObjectMeta, ManifestError> {
    let mut metadata = match value.get("metadata") {
        None | Some(Value::Null) => return Ok(ObjectMeta::default()),
        Some(Value::Mapping(metadata)) => metadata.clone(),
        Some(other) => return Err(mismatch("metadata".to_owned(), "a mapping", other)),
    };
    // They repeat the values; a typed copy would not be wiped.
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_mapping_mut) {
        for name in annotations::LAST_APPLIED {
            annotations.remove(name);
        }
    }
    for field in ["labels", "annotations"] {
        string_map(metadata.get(field), &format!("metadata.{field}"), Null::Refused)?;
    }
    for field in ["name", "namespace"] {
        if let Some(name) = metadata.get(field) {
            scalar_text(name, || format!("metadata.{field}"))?;
        }
    }
    let malformed = ManifestError::Malformed { part: "metadata" };
    let json = to_json(&Value::Mapping(metadata), AS_IT_STANDS).map_err(|_| malformed.clone())?;
    serde_json::from_str(&json).map_err(|_| malformed)
}

fn value_of<T: serde::Serialize>(object: &T) -> Value {
    const WRITES_JSON: &str = "serde_json writes JSON, and what is typed is not that deep";
    // Sealing moves parts of a manifest deeper and makes them longer: what came in within limits may
    // leave beyond them.
    let ours = Limits {
        bytes: usize::MAX,
        depth: 255,
        nodes: usize::MAX,
        ..Limits::default()
    };
    let json = serde_json::to_string(object).expect("manifests have string keys only");
    let stream = parse(&json, Format::Json, &ours).expect(WRITES_JSON);
    stream.documents()[0]
        .value(Schema::Kubernetes, DuplicateKeys::LastWins)
        .expect(WRITES_JSON)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(yaml: &str) -> Value {
        let stream = parse(yaml, Format::Yaml, &Limits::default()).unwrap();
        stream.documents()[0]
            .value(Schema::Kubernetes, DuplicateKeys::Error)
            .unwrap()
    }

    #[test]
    fn string_data_wins_over_data() {
        let secret = Secret::from_value(&value(
            "metadata: {name: a}\ndata: {x: b2xk, w: eQ==, z: }\nstringData: {x: new}\n",
        ))
        .unwrap();
        assert!(secret.data["x"].matches(b"new"));
        assert!(secret.data["w"].matches(b"y"));
        assert!(secret.data["z"].is_empty());
    }

    #[test]
    fn a_number_is_refused_and_not_spelt_anew() {
        let error = Secret::from_value(&value("stringData: {pin: 0755}"))
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.starts_with("stringData[\"pin\"] must be a string"),
            "{error}"
        );
        assert!(!error.contains("755") && !error.contains("493"), "{error}");
    }

    #[test]
    fn annotations_with_whole_manifests_are_not_read() {
        let secret = Secret::from_value(&value(
            "metadata: {annotations: {kubectl.kubernetes.io/last-applied-configuration: canary, a: b}}",
        ))
        .unwrap();
        assert_eq!(
            secret.metadata.annotations,
            Some([("a".to_owned(), "b".to_owned())].into())
        );
    }

    #[test]
    fn a_secret_survives_its_manifest() {
        let mut secret = Secret {
            kind: Some("Opaque".to_owned()),
            ..Secret::default()
        };
        secret.metadata.name = Some("a".to_owned());
        secret.data.insert("x".to_owned(), Plaintext::copied(b"\x00\xff"));
        let again = Secret::from_value(&secret.to_value()).unwrap();
        assert!(again.same_data(&secret));
        assert_eq!(again.metadata, secret.metadata);
    }

    #[test]
    fn a_label_that_is_no_string_is_named() {
        let sealed = value("kind: SealedSecret\nspec: {template: {metadata: {labels: {a: true}}}}");
        let error = SealedSecret::from_value(&sealed).unwrap_err().to_string();
        assert!(
            error.starts_with("spec.template.metadata.labels[\"a\"] must be a string"),
            "{error}"
        );
    }

    #[test]
    fn a_label_without_a_value_is_named_and_a_template_without_one_is_read() {
        let error = Secret::from_value(&value("metadata: {labels: {a: }}"))
            .err()
            .unwrap();
        assert!(
            error
                .to_string()
                .starts_with("metadata.labels[\"a\"] must be a string"),
            "{error}"
        );
        let sealed = SealedSecret::from_value(&value(
            "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {}\nspec: {encryptedData: {}, template: {data: {a: }}}",
        ));
        assert_eq!(sealed.unwrap().spec.template.unwrap().data.unwrap()["a"], None);
    }

    #[test]
    fn what_was_read_within_the_limits_is_written_though_sealing_moved_it_deeper() {
        let mut nested = serde_json::Value::Bool(true);
        for _ in 0..130 {
            nested = serde_json::Value::Array(vec![nested]);
        }
        let mut sealed = SealedSecret::default();
        let mut metadata = crate::TemplateMetadata::default();
        metadata.other.insert("managedFields".to_owned(), nested);
        sealed.spec.template = Some(crate::SecretTemplate {
            metadata: Some(metadata),
            ..crate::SecretTemplate::default()
        });
        assert!(sealed.to_value().get("spec").is_some());
    }
}
