//! Upstream's flags that change nothing here, so that a command line goes on working, and why they do
//! not. Flags with an effect are the parent's.

use clap::Args;

use super::go_values::{GoDuration, boolean};

/// What is taken and not used.
#[derive(Clone, Debug, Args)]
pub struct WithoutEffect {
    /// Without effect: key Secrets are always watched
    #[arg(long, env = "SEALED_SECRETS_WATCH_FOR_SECRETS", hide = true, value_parser = boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    watch_for_secrets: Option<bool>,
    /// Without effect: what may pass is tried again without end
    #[arg(
        long,
        env = "SEALED_SECRETS_MAX_UNSEAL_RETRIES",
        hide = true,
        allow_negative_numbers = true
    )]
    max_unseal_retries: Option<i64>,
    /// Without effect: the API server's own fairness bounds its callers
    #[arg(
        long,
        env = "SEALED_SECRETS_KUBECLIENT_QPS",
        hide = true,
        allow_negative_numbers = true
    )]
    kubeclient_qps: Option<f64>,
    /// Without effect, as --kubeclient-qps
    #[arg(
        long,
        env = "SEALED_SECRETS_KUBECLIENT_BURST",
        hide = true,
        allow_negative_numbers = true
    )]
    kubeclient_burst: Option<i64>,
    /// Without effect: Kubernetes deletes the Secret of a deleted SealedSecret
    #[arg(long, env = "SEALED_SECRETS_OLD_GC_BEHAVIOR", hide = true, value_parser = boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    old_gc_behavior: Option<bool>,
    /// Without effect: a request's head has ten seconds, its body as many
    #[arg(long, env = "SEALED_SECRETS_READ_TIMEOUT", hide = true)]
    read_timeout: Option<GoDuration>,
    /// Without effect: answers are small, and whoever does not take them makes room for others
    #[arg(long, env = "SEALED_SECRETS_WRITE_TIMEOUT", hide = true)]
    write_timeout: Option<GoDuration>,
}

impl WithoutEffect {
    /// Each that was given and asks for something else than what is done, and what is done.
    pub fn given(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let Self {
            watch_for_secrets,
            max_unseal_retries,
            kubeclient_qps,
            kubeclient_burst,
            old_gc_behavior,
            read_timeout,
            write_timeout,
        } = self;
        let fairness = "the API server's own fairness bounds its callers";
        [
            (
                *watch_for_secrets == Some(false),
                "--watch-for-secrets",
                "key Secrets are always watched",
            ),
            (
                max_unseal_retries.is_some(),
                "--max-unseal-retries",
                "what may pass is tried again without end",
            ),
            (kubeclient_qps.is_some(), "--kubeclient-qps", fairness),
            (kubeclient_burst.is_some(), "--kubeclient-burst", fairness),
            (
                *old_gc_behavior == Some(true),
                "--old-gc-behavior",
                "Kubernetes' garbage collector deletes Secrets",
            ),
            (
                read_timeout.is_some(),
                "--read-timeout",
                "a request's head has ten seconds, its body as many",
            ),
            (
                write_timeout.is_some(),
                "--write-timeout",
                "whoever does not take his answer makes room for others",
            ),
        ]
        .into_iter()
        .filter_map(|(given, flag, instead)| given.then_some((flag, instead)))
    }
}
