//! `external-secrets.io/v1`, kinds SecretStore and ClusterSecretStore: the types and, derived from them,
//! the CRDs. Their specs are one type. Whether a store may be used from a namespace is decided elsewhere.

use std::ops::Deref;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::external_secrets::conditions::StatusCondition;
use crate::external_secrets::duration::GoDuration;
use crate::external_secrets::provider::StoreProvider;
use crate::external_secrets::schema::{label_selector, null_is_nothing};
use crate::external_secrets::words::words;
use crate::sealed_secret::never_null;

/// Where a store is and how to get in.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "external-secrets.io",
    version = "v1",
    kind = "SecretStore",
    plural = "secretstores",
    namespaced,
    status = "SecretStoreStatus",
    derive = "Default",
    derive = "PartialEq",
    doc = "A store of secrets, for the ExternalSecrets of its namespace.",
    shortname = "ss",
    category = "external-secrets",
    label("external-secrets.io/component", "controller"),
    printcolumn = r#"{"name":"AGE", "type":"date", "jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"Status", "type":"string", "jsonPath":".status.conditions[?(@.type==\"Ready\")].reason"}"#,
    printcolumn = r#"{"name":"Capabilities", "type":"string", "jsonPath":".status.capabilities"}"#,
    printcolumn = r#"{"name":"Ready", "type":"string", "jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null)]
pub struct SecretStoreSpec {
    /// The class of the controller that it is for; for all when absent or empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controller: Option<String>,
    /// The provider.
    pub provider: StoreProvider,
    /// How often a call is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_settings: Option<RetrySettings>,
    /// After what time it is looked at again: a duration or a number of seconds. As the controller has it
    /// when zero or absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "number_or_text")]
    pub refresh_interval: Option<StoreInterval>,
    /// In a ClusterSecretStore: the namespaces that may use it, all that one of these allows; all there are
    /// when absent.
    #[serde(
        default,
        deserialize_with = "null_is_nothing",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub conditions: Vec<NamespaceCondition>,
}

/// The same for a store of the whole cluster.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "external-secrets.io",
    version = "v1",
    kind = "ClusterSecretStore",
    plural = "clustersecretstores",
    status = "SecretStoreStatus",
    derive = "Default",
    derive = "PartialEq",
    doc = "A store of secrets, for the ExternalSecrets of all namespaces.",
    shortname = "css",
    category = "external-secrets",
    label("external-secrets.io/component", "controller"),
    printcolumn = r#"{"name":"AGE", "type":"date", "jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"Status", "type":"string", "jsonPath":".status.conditions[?(@.type==\"Ready\")].reason"}"#,
    printcolumn = r#"{"name":"Capabilities", "type":"string", "jsonPath":".status.capabilities"}"#,
    printcolumn = r#"{"name":"Ready", "type":"string", "jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#
)]
#[serde(transparent)]
#[schemars(inline)]
pub struct ClusterSecretStoreSpec {
    /// What it is.
    pub store: SecretStoreSpec,
}

impl Deref for ClusterSecretStoreSpec {
    type Target = SecretStoreSpec;

    fn deref(&self) -> &SecretStoreSpec {
        &self.store
    }
}

/// Namespaces: those of any of the three.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null, transform = names_of_namespaces)]
pub struct NamespaceCondition {
    /// By label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "label_selector")]
    pub namespace_selector: Option<LabelSelector>,
    /// By name.
    #[serde(
        default,
        deserialize_with = "null_is_nothing",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub namespaces: Vec<String>,
    /// By regular expression.
    #[serde(
        default,
        deserialize_with = "null_is_nothing",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub namespace_regexes: Vec<String>,
}

/// How often a call is tried again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null)]
pub struct RetrySettings {
    /// So often; not at all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_retries: Option<i32>,
    /// After so long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_interval: Option<GoDuration>,
}

/// A number of seconds, or a duration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum StoreInterval {
    /// Seconds.
    Seconds(i64),
    /// A duration.
    Duration(GoDuration),
}

/// What the controller says of a store.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = never_null)]
pub struct SecretStoreStatus {
    /// `Ready`.
    #[serde(
        default,
        deserialize_with = "null_is_nothing",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub conditions: Vec<StatusCondition>,
    /// What can be done with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any_text")]
    pub capabilities: Option<Capabilities>,
}

words! {
    /// What can be done with a store.
    Capabilities {
        /// Read.
        #[default]
        ReadOnly = "ReadOnly",
        /// Write.
        WriteOnly = "WriteOnly",
        /// Both.
        ReadWrite = "ReadWrite",
    }
}

fn number_or_text(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "x-kubernetes-int-or-string": true })
}

fn any_text(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string" })
}

fn names_of_namespaces(schema: &mut Schema) {
    if let Some(items) = schema.pointer_mut("/properties/namespaces/items") {
        *items = serde_json::json!({
            "type": "string",
            "minLength": 1,
            "maxLength": 63,
            "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
        });
    }
}
