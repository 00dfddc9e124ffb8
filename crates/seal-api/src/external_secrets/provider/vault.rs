//! The provider `vault`: HashiCorp Vault and OpenBao. Which paths a key means is not decided here.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::external_secrets::references::{
    ByteString, CaProvider, SecretKeySelector, ServiceAccountSelector,
};
use crate::external_secrets::schema::{anything, null_is_nothing};
use crate::external_secrets::words::words;
use crate::sealed_secret::never_null;

/// A Vault or OpenBao server, or an agent or proxy before one.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null)]
pub struct VaultProvider {
    /// How to get in; not at all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<VaultAuth>,
    /// Its address.
    pub server: String,
    /// Where the engine is mounted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The version of the engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "v2"))]
    pub version: Option<KvVersion>,
    /// The namespace within Vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The certificates of the server's authority, as PEM in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<ByteString>,
    /// Where they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_provider: Option<CaProvider>,
    /// The certificate to show when connecting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<ClientTls>,
    /// Reads see what was written before.
    #[serde(
        default,
        deserialize_with = "null_is_nothing",
        skip_serializing_if = "std::ops::Not::not"
    )]
    pub read_your_writes: bool,
    /// A standby asks the active node.
    #[serde(
        default,
        deserialize_with = "null_is_nothing",
        skip_serializing_if = "std::ops::Not::not"
    )]
    pub forward_inconsistent: bool,
    /// Headers of every call.
    #[serde(
        default,
        deserialize_with = "null_is_nothing",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub headers: BTreeMap<String, String>,
    /// How values are written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check_and_set: Option<CheckAndSet>,
}

impl fmt::Debug for VaultProvider {
    /// Where it is, no more: people write credentials into headers.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("VaultProvider")
            .field("path", &self.path)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

words! {
    /// The version of the engine.
    KvVersion {
        /// Without versions of values.
        V1 = "v1",
        /// With versions of values.
        #[default]
        V2 = "v2",
    }
}

/// The certificate to show when connecting.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null)]
pub struct ClientTls {
    /// The certificate, by default in the entry `tls.crt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert_secret_ref: Option<SecretKeySelector>,
    /// Its key, by default in the entry `tls.key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_secret_ref: Option<SecretKeySelector>,
}

/// How values are written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = never_null)]
pub struct CheckAndSet {
    /// Whether a write says which version it replaces.
    #[serde(
        default,
        deserialize_with = "null_is_nothing",
        skip_serializing_if = "std::ops::Not::not"
    )]
    pub required: bool,
}

/// How to get in. Of several the first counts, in the order of [`VaultAuth::method`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null, transform = mounted)]
pub struct VaultAuth {
    /// The namespace to log in to; that of the values when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// With a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_secret_ref: Option<SecretKeySelector>,
    /// By AppRole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_role: Option<AppRoleAuth>,
    /// As a ServiceAccount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<VaultKubernetesAuth>,
    /// With a user and a password of LDAP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ldap: Option<PasswordAuth>,
    /// With a token that somebody else signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwt: Option<JwtAuth>,
    /// With a certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert: Option<CertificateAuth>,
    /// With a user and a password of Vault's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_pass: Option<PasswordAuth>,
    /// With AWS. Kept, and not supported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "anything")]
    pub iam: Option<Value>,
    /// With Google Cloud. Kept, and not supported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "anything")]
    pub gcp: Option<Value>,
}

/// The way in that counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum VaultAuthMethod<'a> {
    /// With a token.
    Token(&'a SecretKeySelector),
    /// By AppRole.
    AppRole(&'a AppRoleAuth),
    /// As a ServiceAccount.
    Kubernetes(&'a VaultKubernetesAuth),
    /// With a user and a password of LDAP.
    Ldap(&'a PasswordAuth),
    /// With a user and a password of Vault's own.
    UserPass(&'a PasswordAuth),
    /// With a token that somebody else signed.
    Jwt(&'a JwtAuth),
    /// With a certificate.
    Certificate(&'a CertificateAuth),
    /// One that we do not have.
    Unsupported(&'static str),
}

impl VaultAuth {
    /// The way in that counts: the first, in upstream's order.
    pub fn method(&self) -> Option<VaultAuthMethod<'_>> {
        None.or(self.token_secret_ref.as_ref().map(VaultAuthMethod::Token))
            .or(self.app_role.as_ref().map(VaultAuthMethod::AppRole))
            .or(self.kubernetes.as_ref().map(VaultAuthMethod::Kubernetes))
            .or(self.ldap.as_ref().map(VaultAuthMethod::Ldap))
            .or(self.user_pass.as_ref().map(VaultAuthMethod::UserPass))
            .or(self.jwt.as_ref().map(VaultAuthMethod::Jwt))
            .or(self.cert.as_ref().map(VaultAuthMethod::Certificate))
            .or(self.iam.as_ref().map(|_| VaultAuthMethod::Unsupported("iam")))
            .or(self.gcp.as_ref().map(|_| VaultAuthMethod::Unsupported("gcp")))
    }
}

/// By AppRole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null)]
pub struct AppRoleAuth {
    /// Where the method is mounted.
    #[schemars(extend("default" = "approle"))]
    pub path: String,
    /// The role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_id: Option<String>,
    /// Where the role is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_ref: Option<SecretKeySelector>,
    /// Where the role's secret is.
    pub secret_ref: SecretKeySelector,
}

/// As a ServiceAccount.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null)]
pub struct VaultKubernetesAuth {
    /// Where the method is mounted.
    #[schemars(extend("default" = "kubernetes"))]
    pub mount_path: String,
    /// The ServiceAccount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account_ref: Option<ServiceAccountSelector>,
    /// Where a token is, by default in the entry `token`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretKeySelector>,
    /// The role.
    pub role: String,
}

/// With a user and a password.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null)]
pub struct PasswordAuth {
    /// Where the method is mounted.
    pub path: String,
    /// The user.
    pub username: String,
    /// Where the password is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretKeySelector>,
}

/// With a token that somebody else signed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null)]
pub struct JwtAuth {
    /// Where the method is mounted.
    #[schemars(extend("default" = "jwt"))]
    pub path: String,
    /// The role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Where the token is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretKeySelector>,
    /// The ServiceAccount whose token it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes_service_account_token: Option<ServiceAccountToken>,
}

/// A token of a ServiceAccount.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null)]
pub struct ServiceAccountToken {
    /// The ServiceAccount.
    pub service_account_ref: ServiceAccountSelector,
    /// For whom it is, beside those of the reference; `vault` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audiences: Option<Vec<String>>,
    /// How long it lives, in seconds; 600 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiration_seconds: Option<i64>,
}

/// With a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null)]
pub struct CertificateAuth {
    /// Where the method is mounted; `cert` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "cert"))]
    pub path: Option<String>,
    /// The role within the method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault_role: Option<String>,
    /// Where the certificate is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_cert: Option<SecretKeySelector>,
    /// Where its key is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretKeySelector>,
}

// Two methods share a type, and are mounted at different places.
fn mounted(schema: &mut schemars::Schema) {
    for (method, path) in [("ldap", "ldap"), ("userPass", "userpass")] {
        let property = format!("/properties/{method}/properties/path");
        if let Some(property) = schema.pointer_mut(&property).and_then(Value::as_object_mut) {
            property.insert("default".to_owned(), path.into());
        }
    }
}
