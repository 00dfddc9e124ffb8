//! The template of the Secret to be made, as it stands in the object. Nothing is rendered here.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::external_secrets::schema::{entry_name, null_is_nothing, object_name};
use crate::external_secrets::sources::DecodingStrategy;
use crate::external_secrets::words::words;
use crate::sealed_secret::never_null;

/// What the Secret gets beside, or instead of, the values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null)]
pub struct Template {
    /// The Secret's type; that of the standing one when absent.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Which engine runs the templates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "v2"))]
    pub engine_version: Option<EngineVersion>,
    /// Labels, annotations and finalizers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<TemplateMeta>,
    /// Whether the values themselves stay beside what is rendered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge_policy: Option<MergePolicy>,
    /// Entries made from templates.
    #[serde(
        default,
        deserialize_with = "null_is_nothing",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub data: BTreeMap<String, String>,
    /// Templates that stand elsewhere, in order.
    #[serde(
        default,
        deserialize_with = "null_is_nothing",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub template_from: Vec<TemplateFrom>,
}

words! {
    /// Which engine runs the templates.
    EngineVersion {
        /// The only one.
        #[default]
        V2 = "v2",
    }
}

words! {
    /// Whether the values themselves stay beside what is rendered.
    MergePolicy {
        /// They go.
        #[default]
        Replace = "Replace",
        /// They stay.
        Merge = "Merge",
    }
}

/// Labels, annotations and finalizers of the Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = never_null)]
pub struct TemplateMeta {
    /// Annotations; their values are templates.
    #[serde(
        default,
        deserialize_with = "null_is_nothing",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
    /// Labels; their values are templates.
    #[serde(
        default,
        deserialize_with = "null_is_nothing",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub labels: BTreeMap<String, String>,
    /// Finalizers.
    #[serde(
        default,
        deserialize_with = "null_is_nothing",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub finalizers: Vec<String>,
}

/// Templates that stand elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null)]
pub struct TemplateFrom {
    /// In a ConfigMap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map: Option<TemplateRef>,
    /// In a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<TemplateRef>,
    /// What the results become: `Data`, `Annotations` or `Labels`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "Data"))]
    pub target: Option<String>,
    /// One template, which renders to a map in YAML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub literal: Option<String>,
    /// How the results are decoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values_decoding_strategy: Option<DecodingStrategy>,
}

/// A ConfigMap or Secret with templates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TemplateRef {
    /// Its name.
    #[schemars(schema_with = "object_name")]
    pub name: String,
    /// Its entries that are templates.
    pub items: Vec<TemplateItem>,
}

/// One template in a ConfigMap or Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null)]
pub struct TemplateItem {
    /// The entry.
    #[schemars(schema_with = "entry_name")]
    pub key: String,
    /// What it renders to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "Values"))]
    pub template_as: Option<TemplateAs>,
}

words! {
    /// What a template renders to.
    TemplateAs {
        /// The value of an entry of the same name.
        #[default]
        Values = "Values",
        /// A map of entries, in YAML.
        KeysAndValues = "KeysAndValues",
    }
}
