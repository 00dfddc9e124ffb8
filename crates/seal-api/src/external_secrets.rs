//! `external-secrets.io/v1`: ExternalSecret, ClusterExternalSecret, SecretStore and ClusterSecretStore, and
//! `generators.external-secrets.io/v1alpha1`, wire-compatible with the external-secrets operator.
//!
//! What upstream reads is read: a duration that is none, a provider that we do not have and a block that
//! is not as its provider wants it stay as they are written, and whoever needs them learns what is wrong.
//! What the words mean is `seal-engine`'s.

mod cluster_external_secret;
mod conditions;
mod duration;
mod external_secret;
mod generators;
pub mod names;
mod provider;
mod references;
mod rules;
mod schema;
mod secret_store;
mod sources;
mod template;
mod words;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

pub use cluster_external_secret::{
    ClusterCondition, ClusterExternalSecret, ClusterExternalSecretSpec, ClusterExternalSecretStatus,
    ExternalSecretMetadata, NamespaceFailure,
};
pub use conditions::{LocalReference, StatusCondition};
pub use duration::{GoDuration, InvalidDuration};
pub use external_secret::{
    CreationPolicy, DEFAULT_REFRESH_INTERVAL, DeletionPolicy, ExternalSecret, ExternalSecretSpec,
    ExternalSecretStatus, FailedEntry, ManifestTarget, RefreshPolicy, SyncWindow, SyncWindowKind,
    SyncWindows, Target,
};
pub use generators::{
    ClusterGenerator, ClusterGeneratorSpec, Fake, FakeSpec, Generator, GeneratorFault, GeneratorSpecs,
    Password, PasswordEncoding, PasswordSpec, SshKey, SshKeySpec, SshKeyType, UUID_KIND, Uuid, UuidSpec,
};
pub use provider::{
    AppRoleAuth, CertificateAuth, CheckAndSet, ClientTls, FakeEntry, FakeProvider, JwtAuth, KubernetesAuth,
    KubernetesCertificate, KubernetesProvider, KubernetesServer, KubernetesToken, KvVersion, NtlmAuth,
    PasswordAuth, Provider, ProviderFault, Referred, ReferredKind, ServiceAccountToken, StoreProvider,
    VaultAuth, VaultAuthMethod, VaultKubernetesAuth, VaultProvider, WebhookAuth, WebhookProvider,
    WebhookResult, WebhookSecret,
};
pub use references::{
    ByteString, CaProvider, CaProviderKind, SecretKeySelector, ServiceAccountSelector, StoreKind, StoreRef,
};
pub use secret_store::{
    Capabilities, ClusterSecretStore, ClusterSecretStoreSpec, NamespaceCondition, RetrySettings, SecretStore,
    SecretStoreSpec, SecretStoreStatus, StoreInterval,
};
pub use sources::{
    ConflictPolicy, ConversionStrategy, DataFrom, DataFromSource, DataItem, DataSource, DecodingStrategy,
    Find, FindName, GeneratorRef, MergeStrategy, MetadataPolicy, NullBytePolicy, PriorityPolicy, RemoteRef,
    Rewrite, RewriteMerge, RewriteRegexp, RewriteTransform,
};
pub use template::{
    EngineVersion, MergePolicy, Template, TemplateAs, TemplateFrom, TemplateItem, TemplateMeta, TemplateRef,
};

/// The definitions of all kinds in these groups that we have.
pub fn definitions() -> [CustomResourceDefinition; 9] {
    [
        ClusterExternalSecret::crd(),
        ClusterSecretStore::crd(),
        ExternalSecret::crd(),
        SecretStore::crd(),
        ClusterGenerator::crd(),
        Fake::crd(),
        Password::crd(),
        SshKey::crd(),
        Uuid::crd(),
    ]
}
