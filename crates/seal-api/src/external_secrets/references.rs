//! References to other objects: stores, Secrets, service accounts, certificates. Whether a reference may
//! cross into another namespace is decided elsewhere.

use schemars::JsonSchema;
use seal_core::{InvalidBase64, decode_base64};
use serde::{Deserialize, Serialize};

use crate::external_secrets::schema::{entry_name, namespace_name, null_is_nothing, object_name};
use crate::external_secrets::words::words;
use crate::sealed_secret::never_null;

/// Which store; empty where the ExternalSecret names none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = never_null)]
pub struct StoreRef {
    /// Its name.
    #[serde(
        default,
        deserialize_with = "null_is_nothing",
        skip_serializing_if = "String::is_empty"
    )]
    #[schemars(schema_with = "object_name")]
    pub name: String,
    /// Its kind; `SecretStore` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<StoreKind>,
}

words! {
    /// The two kinds of store.
    StoreKind {
        /// In the namespace of the ExternalSecret.
        #[default]
        SecretStore = "SecretStore",
        /// For all namespaces.
        ClusterSecretStore = "ClusterSecretStore",
    }
}

/// An entry of a Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = never_null)]
pub struct SecretKeySelector {
    /// The Secret's name.
    #[serde(
        default,
        deserialize_with = "null_is_nothing",
        skip_serializing_if = "String::is_empty"
    )]
    #[schemars(schema_with = "object_name")]
    pub name: String,
    /// Its namespace, in a ClusterSecretStore; when absent, that of the ExternalSecret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "namespace_name")]
    pub namespace: Option<String>,
    /// The entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "entry_name")]
    pub key: Option<String>,
}

/// A ServiceAccount to ask for tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = never_null)]
pub struct ServiceAccountSelector {
    /// Its name.
    #[schemars(schema_with = "object_name")]
    pub name: String,
    /// Its namespace, in a ClusterSecretStore; when absent, that of the ExternalSecret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "namespace_name")]
    pub namespace: Option<String>,
    /// For whom its tokens are.
    #[serde(
        default,
        deserialize_with = "null_is_nothing",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub audiences: Vec<String>,
}

/// Where the certificates of a server's authority are.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = never_null)]
pub struct CaProvider {
    /// In a Secret or a ConfigMap.
    #[serde(rename = "type")]
    pub kind: CaProviderKind,
    /// Its name.
    #[schemars(schema_with = "object_name")]
    pub name: String,
    /// The entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "entry_name")]
    pub key: Option<String>,
    /// Its namespace; in a ClusterSecretStore only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "namespace_name")]
    pub namespace: Option<String>,
}

words! {
    /// What holds certificates.
    CaProviderKind {
        /// A Secret.
        #[default]
        Secret = "Secret",
        /// A ConfigMap.
        ConfigMap = "ConfigMap",
    }
}

/// Bytes as base64, unread.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline, transform = bytes)]
pub struct ByteString(pub String);

impl ByteString {
    /// The bytes.
    ///
    /// # Errors
    /// When it is not base64.
    pub fn decode(&self) -> Result<Vec<u8>, InvalidBase64> {
        decode_base64(&self.0)
    }
}

fn bytes(schema: &mut schemars::Schema) {
    schema.insert("format".to_owned(), "byte".into());
}
