//! The names of the external-secrets contract: group, labels, annotations, finalizers, condition types and
//! reasons. How the values beside them are made is the engine's.

/// The API group of stores and ExternalSecrets.
pub const GROUP: &str = "external-secrets.io";
/// Group and version.
pub const API_VERSION: &str = "external-secrets.io/v1";
/// The API group and version of generators.
pub const GENERATORS_API_VERSION: &str = "generators.external-secrets.io/v1alpha1";
/// The kind of ExternalSecrets.
pub const EXTERNAL_SECRET: &str = "ExternalSecret";
/// The kind of what makes ExternalSecrets in many namespaces.
pub const CLUSTER_EXTERNAL_SECRET: &str = "ClusterExternalSecret";
/// The API group of generators.
pub const GENERATORS_GROUP: &str = "generators.external-secrets.io";
/// The kind of generators that all namespaces may use.
pub const CLUSTER_GENERATOR: &str = "ClusterGenerator";

/// On every Secret that an ExternalSecret writes to: [`MANAGED_VALUE`].
pub const MANAGED: &str = "reconcile.external-secrets.io/managed";
/// The one value of [`MANAGED`].
pub const MANAGED_VALUE: &str = "true";
/// On a Secret that an ExternalSecret owns: a hash of the owner's namespace and name.
pub const CREATED_BY: &str = "reconcile.external-secrets.io/created-by";
/// The annotation with the hash of a Secret's data.
pub const DATA_HASH: &str = "reconcile.external-secrets.io/data-hash";
/// By convention, the annotation whose change asks for a refresh; any other label or annotation does, too.
pub const FORCE_SYNC: &str = "external-secrets.io/force-sync";
/// On a store: no warnings about providers that nobody maintains.
pub const IGNORE_MAINTENANCE_CHECKS: &str = "external-secrets.io/ignore-maintenance-checks";
/// The label of Secrets that a webhook's templates may use: [`TYPE_WEBHOOK`].
pub const TYPE: &str = "external-secrets.io/type";
/// The value of [`TYPE`].
pub const TYPE_WEBHOOK: &str = "webhook";

/// Upstream's finalizer on every ExternalSecret.
pub const EXTERNAL_SECRET_FINALIZER: &str = "externalsecrets.external-secrets.io/externalsecret-cleanup";
/// Upstream's finalizer on every ClusterExternalSecret.
pub const CLUSTER_EXTERNAL_SECRET_FINALIZER: &str =
    "externalsecrets.external-secrets.io/clusterexternalsecret-cleanup";
/// Upstream puts it, with the name of a ClusterExternalSecret behind it, on Namespaces.
pub const NAMESPACE_FINALIZER: &str = "externalsecrets.external-secrets.io/ces-";
/// Upstream's finalizer on a store that a PushSecret still needs.
pub const STORE_FINALIZER: &str = "secretstore.externalsecrets.io/finalizer";

/// The type of the condition that tells how it went.
pub const READY: &str = "Ready";
/// Reason: the Secret is as it should be.
pub const SECRET_SYNCED: &str = "SecretSynced";
/// Reason: it is not.
pub const SECRET_SYNCED_ERROR: &str = "SecretSyncedError";
/// Reason: it is gone, since the store has none of its values any longer.
pub const SECRET_DELETED: &str = "SecretDeleted";
/// Reason: there is none to merge into.
pub const SECRET_MISSING: &str = "SecretMissing";
/// Reason: the store was reached.
pub const STORE_VALID: &str = "Valid";
/// Reason: nobody can tell, since credentials depend on who asks.
pub const STORE_UNKNOWN: &str = "ValidationUnknown";
/// Reason: the store was not reached, or cannot be.
pub const STORE_INVALID: &str = "InvalidProviderConfig";
