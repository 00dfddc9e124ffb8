//! `external-secrets.io/v1`, kind ClusterExternalSecret: the type and, derived from it, the CRD. Which namespaces
//! it selects is decided elsewhere.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::external_secrets::duration::GoDuration;
use crate::external_secrets::external_secret::ExternalSecretSpec;
use crate::external_secrets::schema::{label_selector, null_is_nothing, object_name};
use crate::sealed_secret::never_null;

/// One ExternalSecret, to stand in many namespaces.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "external-secrets.io",
    version = "v1",
    kind = "ClusterExternalSecret",
    plural = "clusterexternalsecrets",
    status = "ClusterExternalSecretStatus",
    derive = "Default",
    derive = "PartialEq",
    doc = "One ExternalSecret, made in each of many namespaces.",
    shortname = "ces",
    category = "external-secrets",
    label("external-secrets.io/component", "controller"),
    printcolumn = r#"{"name":"Store", "type":"string", "jsonPath":".spec.externalSecretSpec.secretStoreRef.name"}"#,
    printcolumn = r#"{"name":"Refresh Interval", "type":"string", "jsonPath":".spec.refreshTime"}"#,
    printcolumn = r#"{"name":"Ready", "type":"string", "jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null)]
pub struct ClusterExternalSecretSpec {
    /// What the ExternalSecrets are.
    pub external_secret_spec: ExternalSecretSpec,
    /// Their name; that of the ClusterExternalSecret when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "object_name")]
    pub external_secret_name: Option<String>,
    /// Their labels and annotations: these and no others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_secret_metadata: Option<ExternalSecretMetadata>,
    /// Namespaces by label. Deprecated: use `namespaceSelectors`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "label_selector")]
    pub namespace_selector: Option<LabelSelector>,
    /// Namespaces by label: those that any of these selects.
    #[serde(
        default,
        deserialize_with = "null_is_nothing",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "label_selectors")]
    pub namespace_selectors: Vec<LabelSelector>,
    /// Namespaces by name, besides those that are selected. Deprecated: use `namespaceSelectors`.
    #[serde(
        default,
        deserialize_with = "null_is_nothing",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "namespace_names")]
    pub namespaces: Vec<String>,
    /// After what time namespaces are looked at again, whatever happened; an hour when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_time: Option<GoDuration>,
}

/// Labels and annotations of ExternalSecrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = never_null)]
pub struct ExternalSecretMetadata {
    /// Annotations.
    #[serde(
        default,
        deserialize_with = "null_is_nothing",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
    /// Labels.
    #[serde(
        default,
        deserialize_with = "null_is_nothing",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub labels: BTreeMap<String, String>,
}

/// What the controller says of the object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null)]
pub struct ClusterExternalSecretStatus {
    /// The name that the ExternalSecrets have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_secret_name: Option<String>,
    /// The namespaces without one, and why.
    #[serde(default, deserialize_with = "null_is_nothing")]
    pub failed_namespaces: Vec<NamespaceFailure>,
    /// The namespaces with one.
    #[serde(default, deserialize_with = "null_is_nothing")]
    pub provisioned_namespaces: Vec<String>,
    /// `Ready`.
    #[serde(
        default,
        deserialize_with = "null_is_nothing",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub conditions: Vec<ClusterCondition>,
}

/// A namespace without its ExternalSecret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = never_null)]
pub struct NamespaceFailure {
    /// Its name.
    pub namespace: String,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A condition as upstream has it here: without reason and time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = never_null)]
pub struct ClusterCondition {
    /// What it is about.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True` or `False`.
    pub status: String,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl ClusterExternalSecret {
    /// The name of the ExternalSecrets.
    pub fn external_secret_name(&self) -> &str {
        let named = self.spec.external_secret_name.as_deref();
        let own = self.metadata.name.as_deref();
        named.filter(|name| !name.is_empty()).or(own).unwrap_or_default()
    }
}

fn label_selectors(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": label_selector(generator) })
}

fn namespace_names(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": crate::external_secrets::schema::namespace_name(generator)
    })
}
