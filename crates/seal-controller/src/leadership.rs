//! Whether this replica leads: asked by everything that writes, and awaited by everything that must.
//!
//! How a leader is found is `seal-cluster`'s; what it does is for those who ask.

use std::sync::Arc;
use std::time::Duration;

use kube::{Client, Config};
use seal_cluster::call::CallError;
use seal_cluster::fence::{Fence, fenced};
use seal_cluster::lease::{Candidate, Standing};
use seal_core::{RandomSource, SystemRandom};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::metrics::Metrics;
use crate::settings::Settings;

// The Lease is released in one call; a cluster that does not answer lets it run out.
const RELEASE: Duration = Duration::from_secs(5);

/// How the election stands. Clones tell the same.
#[derive(Clone)]
pub(crate) struct Leadership {
    standing: watch::Receiver<Standing>,
}

/// This replica's part in the election, until it resigns.
pub(crate) struct Election {
    /// How it stands.
    pub(crate) leadership: Leadership,
    /// What to reach the cluster with: its writes go out only while this replica leads.
    pub(crate) client: Client,
    part: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Leadership {
    /// That of the only replica there is.
    pub(crate) fn alone() -> Self {
        Self {
            standing: watch::Sender::new(Standing::Leads { term: 1 }).subscribe(),
        }
    }

    /// As it is told there.
    #[cfg(test)]
    pub(crate) fn of(standing: watch::Receiver<Standing>) -> Self {
        Self { standing }
    }

    /// Whether this replica leads right now.
    pub(crate) fn leads(&self) -> bool {
        self.term().is_some()
    }

    /// Which of its leads this is, if it leads.
    pub(crate) fn term(&self) -> Option<u64> {
        term(&self.standing.borrow())
    }

    /// Returns when it leads or waits: at once, but at the very beginning.
    pub(crate) async fn is_decided(&mut self) {
        self.until(|standing| *standing != Standing::Undecided).await;
    }

    /// Returns when this replica leads.
    pub(crate) async fn begins(&mut self) {
        self.begins_anew(None).await;
    }

    /// Returns when it leads, in another term than this one.
    pub(crate) async fn begins_anew(&mut self, last: Option<u64>) {
        self.until(|standing| term(standing).is_some_and(|term| Some(term) != last))
            .await;
    }

    /// Returns when this term of it is over.
    pub(crate) async fn ends(&mut self, led: u64) {
        self.until(|standing| term(standing) != Some(led)).await;
    }

    /// Returns when whether it leads is not what `led` says. A lead that was lost and won again meanwhile is not told.
    pub(crate) async fn turns(&mut self, led: bool) {
        self.until(|standing| term(standing).is_some() != led).await;
    }

    // Nothing ever changes where there is no election.
    async fn until(&mut self, holds: impl FnMut(&Standing) -> bool) {
        if self.standing.wait_for(holds).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Election {
    /// Stands for election, if there is to be one; leads at once if not.
    ///
    /// # Errors
    /// When two could lead at once, or the cluster's settings cannot be used.
    pub(crate) fn stand(config: Config, settings: &Settings, metrics: Arc<Metrics>) -> anyhow::Result<Self> {
        let election = &settings.leader_election;
        if !election.leader_elect {
            metrics.leads(true);
            return Ok(Self {
                leadership: Leadership::alone(),
                client: Client::try_from(config)?,
                part: None,
            });
        }
        let fence = Fence::closed();
        let client = fenced(config.clone(), &fence)?;
        let identity = identity(&settings.pod_name)?;
        let candidate = Candidate::new(
            Client::try_from(config)?,
            &settings.namespace,
            &election.leader_elect_resource_name,
            identity,
            election.terms()?,
            fence,
        );
        let standing = candidate.standing();
        tokio::spawn(tell(standing.clone(), metrics));
        let (resign, resigned) = oneshot::channel();
        let part = tokio::spawn(candidate.run(async { drop(resigned.await) }, complain));
        Ok(Self {
            leadership: Leadership { standing },
            client,
            part: Some((resign, part)),
        })
    }

    /// Leads no longer, and lets another replica take over at once.
    pub(crate) async fn resign(&mut self) {
        let Some((resign, part)) = self.part.take() else {
            return;
        };
        drop(resign);
        if tokio::time::timeout(RELEASE, part).await.is_err() {
            warn!("the Lease could not be released: it will run out");
        }
    }
}

fn term(standing: &Standing) -> Option<u64> {
    match standing {
        Standing::Leads { term } => Some(*term),
        Standing::Waits { .. } | Standing::Undecided => None,
    }
}

async fn tell(mut standing: watch::Receiver<Standing>, metrics: Arc<Metrics>) {
    loop {
        let now = standing.borrow_and_update().clone();
        metrics.leads(term(&now).is_some());
        info!("this replica {now}");
        if standing.changed().await.is_err() {
            return;
        }
    }
}

fn complain(error: &CallError) {
    match error {
        CallError::Refused { code: 403, .. } => warn!(
            %error,
            "the Lease is out of reach: grant get, list, watch, create and update on leases in the controller's \
             namespace, or run one replica with --leader-elect=false"
        ),
        _ => warn!(%error, "the Lease is out of reach"),
    }
}

// A process that starts again under its pod's name is not the one that held the Lease.
fn identity(pod: &str) -> anyhow::Result<String> {
    let mut bytes = [0; 8];
    SystemRandom.fill(&mut bytes)?;
    Ok(format!("{pod}_{:016x}", u64::from_be_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn without_an_election_the_only_replica_leads_and_that_never_ends() {
        let mut alone = Leadership::alone();
        assert!(alone.leads());
        alone.begins().await;
        assert_eq!(alone.ends(1).now_or_never(), None);
        assert_eq!(alone.turns(true).now_or_never(), None);
    }

    #[tokio::test]
    async fn a_replica_learns_of_both_turns() {
        let sender = watch::Sender::new(Standing::Waits { holder: None });
        let mut leadership = Leadership {
            standing: sender.subscribe(),
        };
        assert_eq!(leadership.begins().now_or_never(), None);
        sender.send_replace(Standing::Leads { term: 1 });
        assert_eq!(leadership.turns(false).now_or_never(), Some(()));
        assert_eq!(leadership.ends(1).now_or_never(), None);
        sender.send_replace(Standing::Waits { holder: None });
        assert_eq!(leadership.ends(1).now_or_never(), Some(()));
    }

    #[test]
    fn nothing_is_decided_before_the_first_try() {
        let sender = watch::Sender::new(Standing::Undecided);
        let mut leadership = Leadership::of(sender.subscribe());
        assert_eq!(leadership.is_decided().now_or_never(), None);
        for decided in [Standing::Waits { holder: None }, Standing::Leads { term: 1 }] {
            sender.send_replace(decided);
            assert_eq!(leadership.is_decided().now_or_never(), Some(()));
        }
        assert_eq!(Leadership::alone().is_decided().now_or_never(), Some(()));
    }

    #[test]
    fn a_lead_that_was_lost_and_won_again_unseen_is_another_one() {
        let sender = watch::Sender::new(Standing::Leads { term: 1 });
        let mut leadership = Leadership {
            standing: sender.subscribe(),
        };
        assert_eq!(leadership.begins_anew(Some(1)).now_or_never(), None);
        sender.send_replace(Standing::Waits { holder: None });
        sender.send_replace(Standing::Leads { term: 2 });
        assert_eq!(leadership.ends(1).now_or_never(), Some(()));
        assert_eq!(leadership.begins_anew(Some(1)).now_or_never(), Some(()));
    }

    #[test]
    fn a_process_that_starts_again_in_its_pod_has_another_name() {
        let (first, second) = (identity("pod").unwrap(), identity("pod").unwrap());
        assert!(first.starts_with("pod_") && first != second, "{first} {second}");
    }
}
