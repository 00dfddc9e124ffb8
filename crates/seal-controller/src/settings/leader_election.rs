//! What the controller was told about its election, under the names that Kubernetes' own components
//! use. The election itself is `seal-cluster`'s.

use std::time::Duration;

use clap::Args;
use seal_cluster::lease::{DEFAULT_NAME, InvalidTerms, Terms};

use super::go_values::{GoDuration, boolean};

/// How the one replica that writes is found.
#[derive(Clone, Debug, Args)]
pub struct LeaderElection {
    /// Whether only the replica that holds a Lease writes; without it there must be one replica only
    #[arg(long = "leader-elect", env = "SEALED_SECRETS_LEADER_ELECT", default_value = "true", value_parser = boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub leader_elect: bool,
    /// How long the others wait for a leader that no longer renews its Lease (whole seconds)
    #[arg(
        long,
        env = "SEALED_SECRETS_LEADER_ELECT_LEASE_DURATION",
        default_value = "15s"
    )]
    leader_elect_lease_duration: GoDuration,
    /// How long a leader that cannot renew goes on writing
    #[arg(
        long,
        env = "SEALED_SECRETS_LEADER_ELECT_RENEW_DEADLINE",
        default_value = "10s"
    )]
    leader_elect_renew_deadline: GoDuration,
    /// How often it renews
    #[arg(long, env = "SEALED_SECRETS_LEADER_ELECT_RETRY_PERIOD", default_value = "2s")]
    leader_elect_retry_period: GoDuration,
    /// Name of the Lease, in the controller's own namespace
    #[arg(
        long,
        env = "SEALED_SECRETS_LEADER_ELECT_RESOURCE_NAME",
        default_value = DEFAULT_NAME
    )]
    pub leader_elect_resource_name: String,
}

impl LeaderElection {
    /// The terms of a lead.
    ///
    /// # Errors
    /// [`InvalidTerms`] when two could lead at once.
    pub fn terms(&self) -> Result<Terms, InvalidTerms> {
        let duration = |given: &GoDuration| -> Duration { given.0 };
        Terms::new(
            duration(&self.leader_elect_lease_duration),
            duration(&self.leader_elect_renew_deadline),
            duration(&self.leader_elect_retry_period),
        )
    }
}
