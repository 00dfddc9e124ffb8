//! `external-secrets.io/v1`, kind ExternalSecret: the type and, derived from it, the CRD.
//!
//! The schema refuses what upstream's schema and its admission webhook refuse, and two things less, which no
//! rule can find cheaply in lists without end: an entry that stands twice in `data`, and an unknown target in
//! `templateFrom`. These are told in a condition.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::CustomResource;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::external_secrets::conditions::{LocalReference, StatusCondition};
use crate::external_secrets::duration::GoDuration;
use crate::external_secrets::references::StoreRef;
use crate::external_secrets::rules::{asks_for_something, policies_agree};
use crate::external_secrets::schema::{nothing_is_null, null_is_nothing, nullable_date_time, object_name};
use crate::external_secrets::sources::{DataFrom, DataItem};
use crate::external_secrets::template::Template;
use crate::external_secrets::words::words;
use crate::sealed_secret::never_null;

/// The interval of an object that names none, spelt as Go spells it: upstream's controller writes the
/// whole object back, and would otherwise change it.
pub const DEFAULT_REFRESH_INTERVAL: &str = "1h0m0s";

/// Which values to fetch from which store, how often, and what Secret to make of them.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "external-secrets.io",
    version = "v1",
    kind = "ExternalSecret",
    plural = "externalsecrets",
    namespaced,
    status = "ExternalSecretStatus",
    derive = "Default",
    derive = "PartialEq",
    doc = "A Secret whose values are fetched from a store.",
    shortname = "es",
    category = "external-secrets",
    label("external-secrets.io/component", "controller"),
    selectable = ".spec.secretStoreRef.name",
    selectable = ".spec.secretStoreRef.kind",
    selectable = ".spec.target.name",
    selectable = ".spec.refreshInterval",
    printcolumn = r#"{"name":"StoreType", "type":"string", "jsonPath":".spec.secretStoreRef.kind"}"#,
    printcolumn = r#"{"name":"Store", "type":"string", "jsonPath":".spec.secretStoreRef.name"}"#,
    printcolumn = r#"{"name":"Refresh Interval", "type":"string", "jsonPath":".spec.refreshInterval"}"#,
    printcolumn = r#"{"name":"Status", "type":"string", "jsonPath":".status.conditions[?(@.type==\"Ready\")].reason"}"#,
    printcolumn = r#"{"name":"Ready", "type":"string", "jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name":"Last Sync", "type":"date", "jsonPath":".status.refreshTime"}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null, transform = asks_for_something)]
pub struct ExternalSecretSpec {
    /// The store of all values that name no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_store_ref: Option<StoreRef>,
    /// The Secret to be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = json!({"creationPolicy": "Owner", "deletionPolicy": "Retain"})))]
    pub target: Option<Target>,
    /// When values are fetched again; `Periodic` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_policy: Option<RefreshPolicy>,
    /// After what time values are fetched again, such as `1h0m0s`; never again when zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = DEFAULT_REFRESH_INTERVAL))]
    pub refresh_interval: Option<GoDuration>,
    /// Times, in UTC, at which values are fetched again or not; what the object's change asks for is
    /// always done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync_windows: Option<SyncWindows>,
    /// Single values, each for an entry. They win over those of `dataFrom`.
    #[serde(
        default,
        deserialize_with = "null_is_nothing",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub data: Vec<DataItem>,
    /// Several values at once, in order: a later one wins.
    #[serde(
        default,
        deserialize_with = "null_is_nothing",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub data_from: Vec<DataFrom>,
}

/// The Secret to be made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null, transform = policies_agree)]
pub struct Target {
    /// Its name; that of the ExternalSecret when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "object_name")]
    pub name: Option<String>,
    /// Who makes the Secret, and whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "Owner"))]
    pub creation_policy: Option<CreationPolicy>,
    /// What happens when the store has a value no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "Retain"))]
    pub deletion_policy: Option<DeletionPolicy>,
    /// What the Secret gets beside, or instead of, the values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Template>,
    /// Another kind of object than a Secret. Not supported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<ManifestTarget>,
    /// Whether the Secret can never change once it stands.
    #[serde(
        default,
        deserialize_with = "null_is_nothing",
        skip_serializing_if = "std::ops::Not::not"
    )]
    pub immutable: bool,
}

words! {
    /// Who makes the Secret, and whose it is.
    CreationPolicy {
        /// It is made, and goes with the ExternalSecret.
        #[default]
        Owner = "Owner",
        /// It is made, and stays.
        Orphan = "Orphan",
        /// Values are merged into one that stands.
        Merge = "Merge",
        /// It is not made.
        None = "None",
        /// It is made where there is none, and values are merged into one that stands.
        CreateOrMerge = "CreateOrMerge",
    }
}

words! {
    /// What happens when the store has a value no longer.
    DeletionPolicy {
        /// The entry goes, and with the last one the Secret.
        Delete = "Delete",
        /// The entry goes.
        Merge = "Merge",
        /// The Secret stays as it is, and the ExternalSecret is not ready.
        #[default]
        Retain = "Retain",
    }
}

words! {
    /// When values are fetched again.
    RefreshPolicy {
        /// Never.
        CreatedOnce = "CreatedOnce",
        /// After each interval, and when the ExternalSecret changes.
        #[default]
        Periodic = "Periodic",
        /// When the ExternalSecret changes.
        OnChange = "OnChange",
    }
}

/// Another kind of object than a Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManifestTarget {
    /// Its group and version.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
}

/// Times at which values are fetched again or not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SyncWindows {
    /// Whether they are fetched in these times only, or at all others.
    pub kind: SyncWindowKind,
    /// The times.
    pub windows: Vec<SyncWindow>,
}

words! {
    /// What windows mean.
    SyncWindowKind {
        /// Only while one is open.
        #[default]
        Allow = "allow",
        /// Only while none is open.
        Deny = "deny",
    }
}

/// Times of equal length.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SyncWindow {
    /// When one begins: five fields as for cron, or `@daily` and the like, or `@every 1h`.
    #[schemars(extend("pattern" = SCHEDULE))]
    pub schedule: String,
    /// How long it is open.
    pub duration: GoDuration,
}

/// What the controller says of the object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null, transform = known_conditions)]
pub struct ExternalSecretStatus {
    /// When values were last fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "nullable_date_time")]
    pub refresh_time: Option<Time>,
    /// The state of the object that this is about: generation, labels and annotations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub synced_resource_version: Option<String>,
    /// `Ready`.
    #[serde(
        default,
        deserialize_with = "null_is_nothing",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub conditions: Vec<StatusCondition>,
    /// The Secret, for service bindings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binding: Option<LocalReference>,
    /// The entries that failed at the last attempt, at most fifty; none where all is well. Ours: under upstream's
    /// definition, which prunes it, the message of `Ready` tells all of it.
    // A merge patch takes away what it names as null, and nothing that it leaves out.
    #[serde(
        default,
        deserialize_with = "null_is_nothing",
        serialize_with = "nothing_is_null"
    )]
    pub failed_entries: Vec<FailedEntry>,
    /// What the controller remembers of the Secret, for itself. Upstream's definition, which prunes it, allows no
    /// condition of ours either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
}

/// An entry that failed, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null)]
pub struct FailedEntry {
    /// Where it stands: `spec.data[0]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The entry of the Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key: Option<String>,
    /// The store that was to be asked: `SecretStore/vault`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// What it was to be asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// A stable name of the fault, for `seal explain`.
    pub code: String,
    /// What happened.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl ExternalSecretSpec {
    /// The target's creation policy.
    pub fn creation_policy(&self) -> CreationPolicy {
        let policy = self.target.as_ref().and_then(|target| target.creation_policy);
        policy.unwrap_or_default()
    }

    /// The target's deletion policy.
    pub fn deletion_policy(&self) -> DeletionPolicy {
        let policy = self.target.as_ref().and_then(|target| target.deletion_policy);
        policy.unwrap_or_default()
    }

    /// The template, if there is one: one without content is one, too.
    pub fn template(&self) -> Option<&Template> {
        self.target.as_ref()?.template.as_ref()
    }

    /// Whether the Secret can never change once it stands.
    pub fn immutable(&self) -> bool {
        self.target.as_ref().is_some_and(|target| target.immutable)
    }
}

impl ExternalSecret {
    /// The name of the Secret.
    pub fn target_name(&self) -> &str {
        let named = self
            .spec
            .target
            .as_ref()
            .and_then(|target| target.name.as_deref());
        let own = self.metadata.name.as_deref();
        named.filter(|name| !name.is_empty()).or(own).unwrap_or_default()
    }
}

const SCHEDULE: &str =
    r"^(@(annually|yearly|monthly|weekly|daily|midnight|hourly)|@every [^\s]+.*|[^\s]+( [^\s]+){4})$";

// Upstream's schema refuses any other, so one written under ours would stop upstream's controller.
fn known_conditions(schema: &mut Schema) {
    if let Some(kind) = schema.pointer_mut("/properties/conditions/items/properties/type")
        && let Some(kind) = kind.as_object_mut()
    {
        kind.insert("enum".to_owned(), json!(["Ready", "Deleted"]));
    }
}
