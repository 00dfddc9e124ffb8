//! `sealops.dev/v1alpha1`, kind SealingKeyRing: what an administrator asks of the sealing keys, and
//! what the controller says of them.
//!
//! One object, named [`NAME`], in the controller's namespace; without it everything goes by the
//! controller's flags. Whoever may write it may have the keys backed up to himself: no role of ours
//! gives that away.

use kube::CustomResource;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::Condition;
use crate::sealed_secret::never_null;

/// The one name that the controller reads.
pub const NAME: &str = "seal";
/// Whether all that was asked for was done.
pub const READY: &str = "Ready";
/// Whether the backup lacks a key.
pub const BACKUP_STALE: &str = "BackupStale";

/// What is asked of the sealing keys.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "sealops.dev",
    version = "v1alpha1",
    kind = "SealingKeyRing",
    plural = "sealingkeyrings",
    namespaced,
    status = "SealingKeyRingStatus",
    derive = "Default",
    derive = "PartialEq",
    doc = "The controller's sealing keys: which one seals, when to renew, what to retire, to whom to back up.",
    printcolumn = r#"{"name":"Ready", "type":"string", "jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name":"Backup stale", "type":"string", "jsonPath":".status.conditions[?(@.type==\"BackupStale\")].status"}"#,
    printcolumn = r#"{"name":"Age", "type":"date", "jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null, transform = primary_is_not_retired)]
pub struct SealingKeyRingSpec {
    /// The fingerprint of the key that seals. While it stands here no other key seals, and none is made
    /// because of its age.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 50), regex(pattern = r"^SHA256:[A-Za-z0-9+/]{43}$"))]
    pub primary: Option<String>,
    /// Any word: a new key is made once for each that differs from status.renewed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub renew: Option<String>,
    /// Keys that are to open nothing any longer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub retire: Vec<Retire>,
    /// Who can open the backup of the keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<BackupTo>,
}

/// A key to retire.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null)]
pub struct Retire {
    /// Its fingerprint.
    #[schemars(length(max = 50), regex(pattern = r"^SHA256:[A-Za-z0-9+/]{43}$"))]
    pub fingerprint: String,
    /// Retire it although SealedSecrets may need it, and disown what it signed.
    #[serde(default)]
    pub compromised: bool,
}

/// Who can open the backup.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupTo {
    /// age recipients, beside those of the controller's flag.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), inner(regex(pattern = r"^age1[02-9ac-hj-np-z]{58}$")))]
    pub recipients: Vec<String>,
}

/// What the controller says of the keys.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null)]
pub struct SealingKeyRingStatus {
    /// The keys, the newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<KeyStatus>,
    /// The last spec.renew that was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewed: Option<String>,
    /// The `metadata.generation` that all this is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready` and `BackupStale`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// One key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyStatus {
    /// Its fingerprint.
    pub fingerprint: String,
    /// The name of its Secret.
    pub secret: String,
    /// Since when its certificate is valid.
    pub not_before: String,
    /// Until when.
    pub not_after: String,
    /// Whether it is the one that seals.
    pub primary: bool,
    /// Whether it opens nothing any longer.
    pub retired: bool,
    /// Whether the backup holds it.
    pub backed_up: bool,
}

fn primary_is_not_retired(schema: &mut Schema) {
    let rule = "!has(self.primary) || !has(self.retire) || \
                !self.retire.exists(key, key.fingerprint == self.primary)";
    schema.insert(
        "x-kubernetes-validations".to_owned(),
        json!([{"rule": rule, "message": "the primary key cannot be retired"}]),
    );
}
