//! The provider of a store: one of those that we have, or another one's block, kept as it is written.
//!
//! Read on demand: a store whose provider cannot be read is a store that says so, and not an object that
//! nobody sees.

mod fake;
mod kubernetes;
mod references;
mod vault;
mod webhook;

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use fake::{FakeEntry, FakeProvider};
pub use kubernetes::{
    KubernetesAuth, KubernetesCertificate, KubernetesProvider, KubernetesServer, KubernetesToken,
};
pub use references::{Referred, ReferredKind};
pub use vault::{
    AppRoleAuth, CertificateAuth, CheckAndSet, ClientTls, JwtAuth, KvVersion, PasswordAuth,
    ServiceAccountToken, VaultAuth, VaultAuthMethod, VaultKubernetesAuth, VaultProvider,
};
pub use webhook::{NtlmAuth, WebhookAuth, WebhookProvider, WebhookResult, WebhookSecret};

/// `spec.provider` as it is written: exactly one block, by the schema.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StoreProvider(Map<String, Value>);

/// A provider that we have.
#[derive(Clone, Debug, PartialEq)]
pub enum Provider {
    /// HashiCorp Vault and OpenBao.
    Vault(Box<VaultProvider>),
    /// Secrets of another namespace or cluster.
    Kubernetes(Box<KubernetesProvider>),
    /// Any HTTP service.
    Webhook(Box<WebhookProvider>),
    /// Values that stand in the store itself.
    Fake(FakeProvider),
}

/// Why there is no provider.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderFault {
    /// None is named.
    #[error("no provider is named")]
    None,
    /// Several are.
    #[error("several providers are named: {}", .0.join(", "))]
    Several(Vec<String>),
    /// One that we do not have.
    #[error("provider {0} is not supported")]
    Unsupported(String),
    /// One that we have, with a block that is not as it wants it.
    #[error("the block of provider {0} cannot be read")]
    Malformed(&'static str),
}

const VAULT: &str = "vault";
const KUBERNETES: &str = "kubernetes";
const WEBHOOK: &str = "webhook";
const FAKE: &str = "fake";

impl StoreProvider {
    /// A provider's block under its name.
    pub fn new(name: &str, block: Value) -> Self {
        Self(Map::from_iter([(name.to_owned(), block)]))
    }

    /// The name of the provider: the first, should there be several.
    pub fn name(&self) -> Option<&str> {
        self.0.keys().next().map(String::as_str)
    }

    /// The provider.
    ///
    /// # Errors
    /// [`ProviderFault`], which never quotes what stands in a block.
    pub fn read(&self) -> Result<Provider, ProviderFault> {
        let mut blocks = self.0.iter();
        let (name, block) = blocks.next().ok_or(ProviderFault::None)?;
        if blocks.next().is_some() {
            return Err(ProviderFault::Several(self.0.keys().cloned().collect()));
        }
        match name.as_str() {
            VAULT => typed(VAULT, block).map(Provider::Vault),
            KUBERNETES => typed(KUBERNETES, block).map(Provider::Kubernetes),
            WEBHOOK => typed(WEBHOOK, block).map(Provider::Webhook),
            FAKE => typed(FAKE, block).map(Provider::Fake),
            _ => Err(ProviderFault::Unsupported(name.clone())),
        }
    }
}

// The cause is dropped: serde quotes values.
fn typed<T: DeserializeOwned>(name: &'static str, block: &Value) -> Result<T, ProviderFault> {
    T::deserialize(block).map_err(|_| ProviderFault::Malformed(name))
}

impl fmt::Debug for StoreProvider {
    /// The names only.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.0.keys()).finish()
    }
}

impl JsonSchema for StoreProvider {
    fn schema_name() -> Cow<'static, str> {
        "StoreProvider".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": "The provider: exactly one. One that is not described here is kept, and the \
                            condition says that it is not supported.",
            "x-kubernetes-preserve-unknown-fields": true,
            "minProperties": 1,
            "maxProperties": 1,
            "properties": {
                "fake": generator.subschema_for::<FakeProvider>(),
                "kubernetes": generator.subschema_for::<KubernetesProvider>(),
                "vault": generator.subschema_for::<VaultProvider>(),
                "webhook": generator.subschema_for::<WebhookProvider>()
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn provider(value: Value) -> StoreProvider {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_provider_that_we_have_not_is_kept_and_named() {
        let block = json!({"aws": {"service": "SecretsManager", "region": "eu-central-1"}});
        let aws = provider(block.clone());
        assert_eq!(aws.read(), Err(ProviderFault::Unsupported("aws".to_owned())));
        assert_eq!(
            aws.read().unwrap_err().to_string(),
            "provider aws is not supported"
        );
        assert_eq!(serde_json::to_value(&aws).unwrap(), block);
    }

    #[test]
    fn none_and_several_are_no_provider() {
        assert_eq!(provider(json!({})).read(), Err(ProviderFault::None));
        let both = json!({"vault": {"server": "http://a"}, "fake": {"data": []}});
        assert!(matches!(provider(both).read(), Err(ProviderFault::Several(names)) if names.len() == 2));
    }

    #[test]
    fn a_block_that_cannot_be_read_is_not_quoted() {
        let fault = provider(json!({"vault": {"server": {"canary": 1}}}))
            .read()
            .unwrap_err();
        assert_eq!(fault, ProviderFault::Malformed("vault"));
        let shown = format!("{fault} {:?}", provider(json!({"fake": {"data": ["canary"]}})));
        assert!(!shown.contains("canary"), "{shown}");
    }

    #[test]
    fn what_only_upstream_knows_in_a_block_does_not_hide_it() {
        let block = json!({"vault": {"server": "http://a", "auth": {"iam": {"region": "x"}}, "new": 1}});
        let Ok(Provider::Vault(vault)) = provider(block).read() else {
            panic!("a Vault");
        };
        assert_eq!(vault.server, "http://a");
        assert!(matches!(
            vault.auth.unwrap().method(),
            Some(VaultAuthMethod::Unsupported("iam"))
        ));
    }
}
