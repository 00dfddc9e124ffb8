//! `generators.external-secrets.io/v1alpha1`: the generators that need nobody else, and ClusterGenerator. The types
//! and, derived from them, the CRDs; what is made of them is the engine's affair.

use std::collections::BTreeMap;
use std::fmt;

use kube::CustomResource;
use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::external_secrets::schema::null_is_nothing;
use crate::external_secrets::words::words;
use crate::sealed_secret::never_null;

/// The kind of [`Uuid`] on the wire.
pub const UUID_KIND: &str = "UUID";

/// What passwords are made of.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "generators.external-secrets.io",
    version = "v1alpha1",
    kind = "Password",
    plural = "passwords",
    namespaced,
    derive = "PartialEq",
    doc = "A password, another one with each refresh.",
    category = "external-secrets",
    category = "external-secrets-generators",
    label("external-secrets.io/component", "controller")
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null)]
pub struct PasswordSpec {
    /// How many characters it has, before it is encoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 24))]
    pub length: Option<i64>,
    /// How many of them are digits; a quarter when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digits: Option<i64>,
    /// How many of them are symbols; a quarter when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symbols: Option<i64>,
    /// What symbols there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symbol_characters: Option<String>,
    /// Whether upper-case letters stay away.
    #[serde(default, deserialize_with = "null_is_nothing")]
    #[schemars(extend("default" = false))]
    pub no_upper: bool,
    /// Whether a character may come twice.
    #[serde(default, deserialize_with = "null_is_nothing")]
    #[schemars(extend("default" = false))]
    pub allow_repeat: bool,
    /// How it is encoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "raw"))]
    pub encoding: Option<PasswordEncoding>,
    /// The entries that get a password each; `password` when absent.
    #[serde(
        default,
        deserialize_with = "null_is_nothing",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(extend("minItems" = 1))]
    pub secret_keys: Vec<String>,
}

words! {
    /// How a password is encoded.
    PasswordEncoding {
        /// Base64 (RFC 4648 §4).
        Base64 = "base64",
        /// Base64 for URLs (RFC 4648 §5), with padding.
        Base64Url = "base64url",
        /// Base32 (RFC 4648 §6).
        Base32 = "base32",
        /// Hexadecimal, lower case.
        Hex = "hex",
        /// Not at all.
        #[default]
        Raw = "raw",
    }
}

/// Nothing can be chosen.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "generators.external-secrets.io",
    version = "v1alpha1",
    kind = "UUID",
    plural = "uuids",
    root = "Uuid",
    namespaced,
    derive = "PartialEq",
    doc = "A random UUID, another one with each refresh.",
    category = "external-secrets",
    category = "external-secrets-generators",
    label("external-secrets.io/component", "controller")
)]
pub struct UuidSpec {}

/// What key pairs are made.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "generators.external-secrets.io",
    version = "v1alpha1",
    kind = "SSHKey",
    plural = "sshkeys",
    root = "SshKey",
    namespaced,
    derive = "PartialEq",
    doc = "An SSH key pair, another one with each refresh.",
    category = "external-secrets",
    category = "external-secrets-generators",
    label("external-secrets.io/component", "controller")
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null)]
pub struct SshKeySpec {
    /// Its type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "rsa"))]
    pub key_type: Option<SshKeyType>,
    /// Its size in bits: 2048 (the default), 3072, 4096 or 8192 for rsa; 256 (the default), 384 or 521 for ecdsa.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 256, max = 8192))]
    pub key_size: Option<i64>,
    /// The comment behind the key.
    #[serde(
        default,
        deserialize_with = "null_is_nothing",
        skip_serializing_if = "String::is_empty"
    )]
    pub comment: String,
}

words! {
    /// The type of an SSH key.
    SshKeyType {
        /// RSA.
        #[default]
        Rsa = "rsa",
        /// A curve of NIST's.
        Ecdsa = "ecdsa",
        /// Ed25519.
        Ed25519 = "ed25519",
    }
}

/// Values that are always the same, for trials.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "generators.external-secrets.io",
    version = "v1alpha1",
    kind = "Fake",
    plural = "fakes",
    namespaced,
    derive = "PartialEq",
    doc = "Values that are always the same, for trials.",
    category = "external-secrets",
    category = "external-secrets-generators",
    label("external-secrets.io/component", "controller")
)]
#[schemars(transform = never_null)]
pub struct FakeSpec {
    /// The class of the controller that it is for; for all when absent or empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controller: Option<String>,
    /// The values.
    #[serde(
        default,
        deserialize_with = "null_is_nothing",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub data: BTreeMap<String, String>,
}

/// A generator of any kind, as if it stood in each namespace.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "generators.external-secrets.io",
    version = "v1alpha1",
    kind = "ClusterGenerator",
    plural = "clustergenerators",
    derive = "PartialEq",
    doc = "A generator that all namespaces may use.",
    category = "external-secrets",
    category = "external-secrets-generators",
    label("external-secrets.io/component", "controller")
)]
pub struct ClusterGeneratorSpec {
    /// The kind of generator.
    #[schemars(extend("enum" = KINDS))]
    pub kind: String,
    /// Its spec.
    pub generator: GeneratorSpecs,
}

/// The spec of a generator, under the name of its kind. Those of kinds that we do not have are kept as they are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null, transform = one_and_any_other)]
pub struct GeneratorSpecs {
    /// A Password's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_spec: Option<PasswordSpec>,
    /// A UUID's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid_spec: Option<UuidSpec>,
    /// An SSHKey's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh_key_spec: Option<SshKeySpec>,
    /// A Fake's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fake_spec: Option<FakeSpec>,
}

/// A generator that we have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Generator {
    /// Passwords.
    Password(PasswordSpec),
    /// UUIDs.
    Uuid,
    /// SSH key pairs.
    SshKey(SshKeySpec),
    /// Values that are always the same.
    Fake(FakeSpec),
}

/// Why a generator cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GeneratorFault {
    /// One of a kind that we do not have.
    #[error("generator {0} is not supported yet")]
    Unsupported(String),
    /// A ClusterGenerator that says two different things.
    #[error("invalid ClusterGenerator: when kind is {0}, {0}Spec must be set")]
    OtherSpec(String),
    /// It is not as its kind wants it.
    #[error("unable to parse spec: the spec is not that of a {0}")]
    Unreadable(String),
}

impl Generator {
    /// The generator of that kind with this spec, which may be absent. A ClusterGenerator's is the one in it.
    ///
    /// # Errors
    /// When there is none such, or it cannot be read. The words hold nothing of the spec but its kind.
    pub fn read(kind: &str, spec: &Value) -> Result<Self, GeneratorFault> {
        match kind {
            "Password" => read(kind, spec).map(Self::Password),
            UUID_KIND => Ok(Self::Uuid),
            "SSHKey" => read(kind, spec).map(Self::SshKey),
            "Fake" => read(kind, spec).map(Self::Fake),
            "ClusterGenerator" => Self::of_cluster(read(kind, spec)?),
            _ => Err(GeneratorFault::Unsupported(kind.to_owned())),
        }
    }

    fn of_cluster(spec: ClusterGeneratorSpec) -> Result<Self, GeneratorFault> {
        let ClusterGeneratorSpec { kind, generator } = spec;
        let found = match kind.as_str() {
            "Password" => generator.password_spec.map(Self::Password),
            UUID_KIND => generator.uuid_spec.map(|_| Self::Uuid),
            "SSHKey" => generator.ssh_key_spec.map(Self::SshKey),
            "Fake" => generator.fake_spec.map(Self::Fake),
            _ => return Err(GeneratorFault::Unsupported(kind)),
        };
        found.ok_or(GeneratorFault::OtherSpec(kind))
    }

    /// Whether a controller of that class takes care of what uses it.
    pub fn is_of_class(&self, class: &str) -> bool {
        let named = match self {
            Self::Fake(spec) => spec.controller.as_deref(),
            Self::Password(_) | Self::Uuid | Self::SshKey(_) => None,
        };
        named.is_none_or(|named| named.is_empty() || named == class)
    }
}

impl fmt::Display for Generator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Password(_) => "Password",
            Self::Uuid => UUID_KIND,
            Self::SshKey(_) => "SSHKey",
            Self::Fake(_) => "Fake",
        })
    }
}

fn read<T: DeserializeOwned>(kind: &str, spec: &Value) -> Result<T, GeneratorFault> {
    let none = json!({});
    let spec = if spec.is_null() { &none } else { spec };
    T::deserialize(spec).map_err(|_| GeneratorFault::Unreadable(kind.to_owned()))
}

// Those of upstream's 2.9 that a ClusterGenerator may be.
const KINDS: [&str; 17] = [
    "ACRAccessToken",
    "BeyondtrustWorkloadCredentialsDynamicSecret",
    "CloudsmithAccessToken",
    "ECRAuthorizationToken",
    "Fake",
    "GCRAccessToken",
    "GithubAccessToken",
    "GitlabDeployToken",
    "Grafana",
    "MFA",
    "Password",
    "QuayAccessToken",
    "SSHKey",
    "STSSessionToken",
    "UUID",
    "VaultDynamicSecret",
    "Webhook",
];

fn one_and_any_other(schema: &mut Schema) {
    crate::external_secrets::schema::exactly_one(schema);
    schema.insert("x-kubernetes-preserve-unknown-fields".to_owned(), true.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generator_without_a_spec_is_one_with_defaults() {
        assert_eq!(Generator::read("UUID", &Value::Null), Ok(Generator::Uuid));
        let password = Generator::read("Password", &Value::Null);
        assert_eq!(password, Ok(Generator::Password(PasswordSpec::default())));
    }

    #[test]
    fn a_cluster_generator_is_the_one_in_it_and_says_one_thing_only() {
        let of = |spec| Generator::read("ClusterGenerator", &spec);
        let fake =
            json!({"kind": "Fake", "generator": {"fakeSpec": {"controller": "theirs", "data": {"a": "b"}}}});
        let fake = of(fake).unwrap();
        assert!(!fake.is_of_class("ours") && fake.is_of_class("theirs"));
        let other = of(json!({"kind": "UUID", "generator": {"passwordSpec": {}}})).unwrap_err();
        assert_eq!(
            other.to_string(),
            "invalid ClusterGenerator: when kind is UUID, UUIDSpec must be set"
        );
        let unknown = of(json!({"kind": "MFA", "generator": {"mfaSpec": {"secret": {}}}})).unwrap_err();
        assert_eq!(unknown, GeneratorFault::Unsupported("MFA".to_owned()));
        let garbled = Generator::read("Password", &json!({"length": "hunter2"})).unwrap_err();
        assert_eq!(
            garbled.to_string(),
            "unable to parse spec: the spec is not that of a Password"
        );
    }
}
