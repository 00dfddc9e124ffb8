//! `bitnami.com/v1alpha1`, kind SealedSecret: the type and, derived from it, the CRD.
//!
//! Wire-compatible with upstream's; our schema differs in one point only: a template entry may be
//! `null` (upstream's schema lets the API server drop it, so that its meaning never arrives).

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

/// What a SealedSecret asks for: entries that only the controller can open, and the rest of the
/// Secret in plain text.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "bitnami.com",
    version = "v1alpha1",
    kind = "SealedSecret",
    plural = "sealedsecrets",
    namespaced,
    status = "SealedSecretStatus",
    derive = "Default",
    derive = "PartialEq",
    doc = "A Secret whose values are sealed to a controller's key, safe to keep in Git.",
    printcolumn = r#"{"name":"Status", "type":"string", "jsonPath":".status.conditions[0].message"}"#,
    printcolumn = r#"{"name":"Synced", "type":"string", "jsonPath":".status.conditions[0].status"}"#,
    printcolumn = r#"{"name":"Age", "type":"date", "jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null, transform = entries_required)]
pub struct SealedSecretSpec {
    /// The legacy form: one sealed value that holds a whole Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "byte_string")]
    pub data: Option<String>,
    /// Sealed values by entry, base64. A value that is not a string reads as `None`: one such entry
    /// must not hide the whole object from its watcher.
    #[serde(default, deserialize_with = "items")]
    #[schemars(schema_with = "string_map")]
    pub encrypted_data: BTreeMap<String, Option<String>>,
    /// What the Secret gets beside the sealed values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<SecretTemplate>,
}

/// The plain part of the Secret to be made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null)]
pub struct SecretTemplate {
    /// Entries made from Go templates; the sealed values are their data. `null` leaves a sealed
    /// entry out of the Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "nullable_string_map")]
    pub data: Option<BTreeMap<String, Option<String>>>,
    /// Whether the Secret can be changed once it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub immutable: Option<bool>,
    /// Labels, annotations and finalizers of the Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "template_metadata")]
    pub metadata: Option<TemplateMetadata>,
    /// The Secret's type; `Opaque` when absent.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

/// The metadata that travels into the Secret. Name and namespace are the SealedSecret's, whatever
/// stands here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TemplateMetadata {
    /// The name as sealed; not used when opening.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The namespace as sealed; not used when opening.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Labels of the Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Annotations of the Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// Finalizers that the Secret is created with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finalizers: Option<Vec<String>>,
    /// What else stood there when it was sealed (`generateName`, `managedFields`): kept, not used.
    #[serde(flatten)]
    pub other: serde_json::Map<String, Value>,
}

/// What the controller says of the object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null)]
pub struct SealedSecretStatus {
    /// `Synced` first, as upstream's printer columns expect; `Ready` and ours after it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// The `metadata.generation` that the conditions are about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

/// One condition, with upstream's two time stamps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null)]
pub struct Condition {
    /// When `status` last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "date_time")]
    pub last_transition_time: Option<Time>,
    /// When the condition was last written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "date_time")]
    pub last_update_time: Option<Time>,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Why, in one CamelCase word of the fault catalogue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// `Synced` or `Ready`.
    #[serde(rename = "type")]
    pub kind: String,
}

fn items<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Option<String>>, D::Error> {
    let values: Option<BTreeMap<String, Value>> = Option::deserialize(deserializer)?;
    let text = |value| match value {
        Value::String(text) => Some(text),
        _ => None,
    };
    Ok(values
        .unwrap_or_default()
        .into_iter()
        .map(|(entry, value)| (entry, text(value)))
        .collect())
}

fn byte_string(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "format": "byte",
        "description": "The legacy form: one sealed value that holds a whole Secret. Use encryptedData."
    })
}

fn string_map(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "additionalProperties": { "type": "string" },
        "x-kubernetes-preserve-unknown-fields": true,
        "description": "Sealed values by entry."
    })
}

fn nullable_string_map(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "nullable": true,
        "additionalProperties": { "type": "string", "nullable": true },
        "description": "Entries made from Go templates over the sealed values; null leaves a sealed entry out."
    })
}

fn template_metadata(_: &mut SchemaGenerator) -> Schema {
    let strings = json_schema!({ "type": "object", "additionalProperties": { "type": "string" } });
    json_schema!({
        "type": "object",
        "nullable": true,
        "x-kubernetes-preserve-unknown-fields": true,
        "description": "Labels, annotations and finalizers of the Secret.",
        "properties": {
            "annotations": strings,
            "finalizers": { "type": "array", "items": { "type": "string" } },
            "labels": strings,
            "name": { "type": "string" },
            "namespace": { "type": "string" }
        }
    })
}

fn date_time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "date-time" })
}

// Upstream's schema does not allow null for what may be absent; the API server drops such a null.
pub(crate) fn never_null(schema: &mut Schema) {
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    for property in properties.values_mut().filter_map(Value::as_object_mut) {
        if let Some(Value::Array(types)) = property.get_mut("type") {
            types.retain(|name| name != "null");
            if let [only] = types.as_slice() {
                let only = only.clone();
                property.insert("type".to_owned(), only);
            }
        }
        if let Some(Value::Array(words)) = property.get_mut("enum") {
            words.retain(|word| !word.is_null());
        }
        if let Some(Value::Array(mut choices)) = property.remove("anyOf") {
            choices.retain(|choice| choice.get("type").is_none_or(|name| name != "null"));
            property.extend(
                choices
                    .into_iter()
                    .filter_map(|choice| choice.as_object().cloned())
                    .flatten(),
            );
        }
    }
}

// What is read leniently is still asked for.
fn entries_required(schema: &mut Schema) {
    if let Some(entries) = schema
        .pointer_mut("/properties/encryptedData")
        .and_then(Value::as_object_mut)
    {
        entries.remove("default");
    }
    schema.insert("required".to_owned(), json!(["encryptedData"]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_that_is_no_string_does_not_hide_the_object() {
        let object: SealedSecret = serde_json::from_value(serde_json::json!({
            "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "metadata": {"name": "a"},
            "spec": {"encryptedData": {"good": "AgA=", "bad": 5, "none": null}}
        }))
        .unwrap();
        assert_eq!(object.spec.encrypted_data["good"].as_deref(), Some("AgA="));
        assert_eq!(object.spec.encrypted_data["bad"], None);
        assert_eq!(object.spec.encrypted_data["none"], None);
    }

    #[test]
    fn a_template_of_nulls_reads_as_absent() {
        let spec: SealedSecretSpec = serde_json::from_value(serde_json::json!({
            "encryptedData": null,
            "template": {"data": {"gone": null}, "metadata": null}
        }))
        .unwrap();
        let template = spec.template.unwrap();
        assert_eq!(template.data.unwrap()["gone"], None);
        assert_eq!(template.metadata, None);
    }
}
