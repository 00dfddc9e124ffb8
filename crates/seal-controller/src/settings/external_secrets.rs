//! What the controller was told about ExternalSecrets.

use clap::Args;

use super::go_values::boolean;

/// Whether ExternalSecrets are taken care of, and how.
#[derive(Clone, Debug, Args)]
pub struct ExternalSecrets {
    /// Take care of ExternalSecrets (external-secrets.io/v1) and their stores too; stores: Vault and OpenBao
    #[arg(long = "external-secrets", env = "SEALED_SECRETS_EXTERNAL_SECRETS", default_value = "false", value_parser = boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub external_secrets: bool,
    /// Take care of ClusterExternalSecrets too, where all namespaces are watched and ExternalSecrets are taken care of
    #[arg(long, env = "SEALED_SECRETS_CLUSTER_EXTERNAL_SECRETS", default_value = "true", value_parser = boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub cluster_external_secrets: bool,
    /// Which stores are this controller's: those that name this class in spec.controller, and those that name none
    #[arg(long, env = "SEALED_SECRETS_CONTROLLER_CLASS", default_value = "default")]
    pub controller_class: String,
    /// Show the recommended labels of objects (app.kubernetes.io/name, instance, ...) in their metrics too
    #[arg(long = "enable-extended-metric-labels", env = "SEALED_SECRETS_ENABLE_EXTENDED_METRIC_LABELS", default_value = "false", value_parser = boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub extended_metric_labels: bool,
    /// Let stores be on the controller's own machine: for sidecars and trials
    #[arg(long, env = "SEALED_SECRETS_STORES_ON_LOOPBACK", default_value = "false", value_parser = boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub stores_on_loopback: bool,
    /// Refuse stores whose serviceAccountRef names no audience: without one, the API server takes the token too
    #[arg(long, env = "SEALED_SECRETS_REQUIRE_TOKEN_AUDIENCE", default_value = "false", value_parser = boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub require_token_audience: bool,
    /// Let namespaceRegexes of a ClusterSecretStore match any part of a namespace's name, as upstream does
    #[arg(long, env = "SEALED_SECRETS_UNANCHORED_NAMESPACE_REGEXES", default_value = "false", value_parser = boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub unanchored_namespace_regexes: bool,
    /// Copy annotations that GitOps tools keep for themselves from an ExternalSecret to its Secret, as upstream does
    #[arg(long, env = "SEALED_SECRETS_COPY_BOOKKEEPING_ANNOTATIONS", default_value = "false", value_parser = boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub copy_bookkeeping_annotations: bool,
    /// Never look at an ExternalSecret with refreshInterval 0 again once it is synced, as upstream does
    #[arg(long, env = "SEALED_SECRETS_ZERO_INTERVAL_IS_NEVER", default_value = "false", value_parser = boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub zero_interval_is_never: bool,
}
