//! From a store's block `fake` to a client: it refers to nothing.

use seal_api::external_secrets::FakeProvider;
use seal_core::Plaintext;
use seal_providers::fake::{FakeClient, FakeSecret, FakeValidity};

/// A client for `provider`.
pub(super) fn client(provider: &FakeProvider) -> FakeClient {
    let secrets = provider.data.iter().map(|entry| FakeSecret {
        key: entry.key.clone(),
        version: entry.version.clone(),
        value: Plaintext::copied(entry.value.as_bytes()),
    });
    // Numbers of upstream's own.
    let validity = match provider.validation_result {
        Some(1) => FakeValidity::Invalid,
        Some(2) => FakeValidity::Unknown,
        _ => FakeValidity::Valid,
    };
    FakeClient::new(secrets, validity)
}
