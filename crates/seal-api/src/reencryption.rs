//! `sealops.dev/v1alpha1`, kind Reencryption: a request to seal the same values to the newest key. It holds
//! ciphertexts only; the controller answers in the status, and deletes it some minutes later.
//!
//! What is opened and sealed is bound to the request's own namespace, so that whoever may create one in a
//! namespace learns of that namespace only whether a ciphertext opens there (S9). No values are told.

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::sealed_secret::never_null;

/// The most entries of one request.
pub const MOST_ENTRIES: usize = 200;
/// The most bytes of all its ciphertexts: the answer is as long, and etcd takes 1.5 MiB for both.
pub const MOST_BYTES: usize = 600 << 10;

/// Sealed texts of one SealedSecret.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "sealops.dev",
    version = "v1alpha1",
    kind = "Reencryption",
    plural = "reencryptions",
    namespaced,
    status = "ReencryptionStatus",
    derive = "Default",
    derive = "PartialEq",
    doc = "A request to seal the same values to the newest sealing key. Answered in its status, deleted minutes later.",
    printcolumn = r#"{"name":"State", "type":"string", "jsonPath":".status.state"}"#,
    printcolumn = r#"{"name":"Age", "type":"date", "jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null, transform = immutable)]
pub struct ReencryptionSpec {
    /// The name of the SealedSecret; its namespace is the request's own.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Its scope: strict, namespace-wide or cluster-wide.
    #[schemars(regex(pattern = r"^(strict|namespace-wide|cluster-wide)$"))]
    pub scope: String,
    /// The sealed texts, in base64, by entry.
    #[schemars(extend("minProperties" = 1, "maxProperties" = MOST_ENTRIES))]
    pub entries: BTreeMap<String, String>,
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null)]
pub struct ReencryptionStatus {
    /// `Done`, `Failed` or `Refused`.
    pub state: String,
    /// Since when, as RFC 3339 has it.
    pub answered: String,
    /// The digest of the spec that this is about.
    pub input: String,
    /// The key that opens all entries from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// New texts; an entry that is not among them is under that key already.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub entries: BTreeMap<String, String>,
    /// The key that each entry was under.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub before: BTreeMap<String, String>,
    /// Why it failed, by entry; what concerns all of it has no name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub faults: BTreeMap<String, String>,
}

/// All is under the newest key.
pub const DONE: &str = "Done";
/// An entry does not open; nothing was sealed.
pub const FAILED: &str = "Failed";
/// The request is not one.
pub const REFUSED: &str = "Refused";

// A request that was changed after it was read would be answered with another's texts.
fn immutable(schema: &mut Schema) {
    schema.insert(
        "x-kubernetes-validations".to_owned(),
        json!([{"rule": "self == oldSelf", "message": "a request cannot be changed: create another one"}]),
    );
}
