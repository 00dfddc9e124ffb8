//! Where values come from: `data`, `dataFrom` and what is done to what they find. Words that are absent
//! stay absent: a default written back is a difference that GitOps tools see for ever.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::external_secrets::names;
use crate::external_secrets::references::StoreRef;
use crate::external_secrets::rules::one_source;
use crate::external_secrets::schema::{entry_name, exactly_one, null_is_nothing, object_name};
use crate::external_secrets::words::words;
use crate::sealed_secret::never_null;

/// One entry of the Secret and the value for it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null)]
pub struct DataItem {
    /// The entry's name.
    #[schemars(schema_with = "entry_name")]
    pub secret_key: String,
    /// Where its value is.
    pub remote_ref: RemoteRef,
    /// Another store than `spec.secretStoreRef`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ref: Option<DataSource>,
}

/// A value in a store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null)]
pub struct RemoteRef {
    /// Its path or name in the store.
    pub key: String,
    /// Whether its metadata is meant instead of the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata_policy: Option<MetadataPolicy>,
    /// A key in the value, or a gjson path.
    #[serde(
        default,
        deserialize_with = "null_is_nothing",
        skip_serializing_if = "String::is_empty"
    )]
    pub property: String,
    /// A version; the latest when absent.
    #[serde(
        default,
        deserialize_with = "null_is_nothing",
        skip_serializing_if = "String::is_empty"
    )]
    pub version: String,
    /// What becomes of characters that an entry's name cannot have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversion_strategy: Option<ConversionStrategy>,
    /// How the value is decoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decoding_strategy: Option<DecodingStrategy>,
    /// Whether a value may hold a null byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub null_byte_policy: Option<NullBytePolicy>,
}

words! {
    /// Value or metadata.
    MetadataPolicy {
        /// The value.
        #[default]
        None = "None",
        /// The metadata.
        Fetch = "Fetch",
    }
}

words! {
    /// What becomes of characters that an entry's name cannot have.
    ConversionStrategy {
        /// Each becomes `_`.
        #[default]
        Default = "Default",
        /// Each becomes `_U` and its code and `_`.
        Unicode = "Unicode",
    }
}

words! {
    /// How a value is decoded.
    DecodingStrategy {
        /// Base64 if it is, else base64 for URLs if it is, else not at all.
        Auto = "Auto",
        /// Base64.
        Base64 = "Base64",
        /// Base64 for URLs.
        Base64Url = "Base64URL",
        /// Not at all.
        #[default]
        None = "None",
    }
}

words! {
    /// Whether a value may hold a null byte.
    NullBytePolicy {
        /// It may.
        #[default]
        Ignore = "Ignore",
        /// It may not.
        Fail = "Fail",
    }
}

/// Another store for one value. Upstream takes a generator here, and does nothing with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null, transform = exactly_one)]
pub struct DataSource {
    /// The store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_ref: Option<StoreRef>,
    /// Not implemented, as upstream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator_ref: Option<GeneratorRef>,
}

/// Several values at once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null, transform = one_source, transform = converts)]
pub struct DataFrom {
    /// All members of one value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extract: Option<RemoteRef>,
    /// All values that match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub find: Option<Find>,
    /// Changes to the names of what was found, in order.
    #[serde(
        default,
        deserialize_with = "null_is_nothing",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub rewrite: Vec<Rewrite>,
    /// Another store than `spec.secretStoreRef`, or a generator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ref: Option<DataFromSource>,
}

/// Another store, or a generator.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null, transform = exactly_one)]
pub struct DataFromSource {
    /// The store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_ref: Option<StoreRef>,
    /// The generator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator_ref: Option<GeneratorRef>,
}

/// An object that makes values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null)]
pub struct GeneratorRef {
    /// Its group and version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = names::GENERATORS_API_VERSION))]
    pub api_version: Option<String>,
    /// Its kind.
    #[schemars(extend("enum" = GENERATORS))]
    pub kind: String,
    /// Its name.
    #[schemars(schema_with = "object_name")]
    pub name: String,
}

/// Values that match a name or tags.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null)]
pub struct Find {
    /// Where to begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// By name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<FindName>,
    /// By tags; not looked at where there is a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<BTreeMap<String, String>>,
    /// What becomes of characters that an entry's name cannot have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "Default"))]
    pub conversion_strategy: Option<ConversionStrategy>,
    /// How values are decoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decoding_strategy: Option<DecodingStrategy>,
    /// Whether values may hold a null byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub null_byte_policy: Option<NullBytePolicy>,
}

/// A name to find.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = never_null)]
pub struct FindName {
    /// A regular expression, which matches anywhere in a name.
    #[serde(
        default,
        deserialize_with = "null_is_nothing",
        skip_serializing_if = "String::is_empty"
    )]
    pub regexp: String,
}

/// One change to names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = never_null, transform = exactly_one)]
pub struct Rewrite {
    /// Values that are JSON objects become one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge: Option<RewriteMerge>,
    /// Replace what matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regexp: Option<RewriteRegexp>,
    /// Run a template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform: Option<RewriteTransform>,
}

/// Values that are JSON objects become one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null)]
pub struct RewriteMerge {
    /// The name of the entry, with the strategy `JSON`.
    #[serde(
        default,
        deserialize_with = "null_is_nothing",
        skip_serializing_if = "String::is_empty"
    )]
    pub into: String,
    /// The names that win over all others, the last over those before it.
    #[serde(
        default,
        deserialize_with = "null_is_nothing",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub priority: Vec<String>,
    /// What if a name in `priority` is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority_policy: Option<PriorityPolicy>,
    /// What if two objects have the same member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflict_policy: Option<ConflictPolicy>,
    /// What becomes of the members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<MergeStrategy>,
}

words! {
    /// What if a name in `priority` is not there.
    PriorityPolicy {
        /// It is left out.
        IgnoreNotFound = "IgnoreNotFound",
        /// It is an error.
        #[default]
        Strict = "Strict",
    }
}

words! {
    /// What if two objects have the same member.
    ConflictPolicy {
        /// The later wins.
        Ignore = "Ignore",
        /// It is an error.
        #[default]
        Error = "Error",
    }
}

words! {
    /// What becomes of merged members.
    MergeStrategy {
        /// Each is an entry.
        #[default]
        Extract = "Extract",
        /// All are one more entry, as a JSON object.
        Json = "JSON",
    }
}

/// Replace what matches in names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RewriteRegexp {
    /// The regular expression.
    pub source: String,
    /// What stands there afterwards; `$1` is the first group.
    pub target: String,
}

/// Run a template over each name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RewriteTransform {
    /// The template; the name is `.value`.
    pub template: String,
}

// Those of upstream's 2.9; what we do not have is told in a condition.
const GENERATORS: [&str; 18] = [
    "ACRAccessToken",
    "BeyondtrustWorkloadCredentialsDynamicSecret",
    "ClusterGenerator",
    "CloudsmithAccessToken",
    "ECRAuthorizationToken",
    "Fake",
    "GCRAccessToken",
    "GithubAccessToken",
    "GitlabDeployToken",
    "QuayAccessToken",
    "Password",
    "SSHKey",
    "STSSessionToken",
    "UUID",
    "VaultDynamicSecret",
    "Webhook",
    "Grafana",
    "MFA",
];

// Upstream's 0.20 converts names only where the schema has said so.
fn converts(schema: &mut Schema) {
    if let Some(strategy) = schema.pointer_mut("/properties/extract/properties/conversionStrategy")
        && let Some(strategy) = strategy.as_object_mut()
    {
        strategy.insert("default".to_owned(), json!("Default"));
    }
}
