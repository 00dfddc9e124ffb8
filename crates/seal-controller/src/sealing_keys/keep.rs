//! Keeps the sealing keys as they are asked for: listens for what may have changed, looks at all of it
//! and does what is missing. Only the leader does; the others look.
//!
//! Each pass looks for itself, so that it does not matter which news was missed. What each deed is,
//! stands in the rooms beside this one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use kube::Client;
use kube::runtime::watcher::Event;
use seal_api::SealingKeyRing;
use seal_cluster::call::CallError;
use seal_cluster::config_maps::{BACKUP, CERTIFICATES};
use seal_cluster::{sealing_key_ring, watch};
use tokio::signal::unix::Signal;
use tokio::time::Instant;
use tracing::warn;

use super::report::{self, Backup, Complaint, Report};
use super::retirement::{Unlisted, User};
use super::{KeysError, SealingKeys, certificates};
use crate::leadership::Leadership;
use crate::metrics::Metrics;
use crate::settings::Settings;

const LONGEST_NAP: Duration = Duration::from_secs(3600);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
// News come in flocks, our own writes among them.
const GATHER: Duration = Duration::from_millis(100);
// What was refused because of other objects may be granted when those have changed.
const SECOND_THOUGHT: Duration = Duration::from_secs(30);

/// Who needs which key; until all SealedSecrets are known, where they are not.
pub(crate) type Users = dyn Fn() -> Result<Vec<User>, Unlisted> + Send + Sync;

/// What keeping the keys takes.
pub(crate) struct Keeper {
    pub(crate) client: Client,
    pub(crate) keys: Arc<SealingKeys>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) leadership: Leadership,
    pub(crate) users: Arc<Users>,
    /// SIGUSR1, listened for since the process began: whoever does not listen is ended by it.
    pub(crate) told: Signal,
    pub(crate) said: Said,
}

/// What was said already: it is not said again at each pass.
#[derive(Default)]
pub(crate) struct Said {
    forbidden: AtomicBool,
    stale: Mutex<Option<Complaint>>,
}

/// What somebody asked of this process since the last pass that succeeded.
pub(super) struct Asked {
    /// That a signal asked for a key.
    pub(super) signal: Option<Signalled>,
    /// Whether the key may be older than the cutoff: asked once, by the first pass that looks, whatever
    /// fails after it. A cutoff that is yet to come would ask for ever.
    pub(super) cutoff: bool,
}

/// A signal that asked for a key. Which one seals afterwards is no answer to it: another one may be
/// pinned.
pub(super) struct Signalled {
    /// When somebody was last given a key before the signal came: once that has changed, it is done.
    pub(super) last: Option<Timestamp>,
}

impl Keeper {
    /// Keeps them until the process ends. What fails is tried again without waiting for news.
    pub(crate) async fn keep(mut self) {
        let namespace = self.settings.namespace.clone();
        let mut secrets = watch::key_secrets(&self.client, &namespace);
        let mut others = futures::stream::select_all([
            watch::sealing_key_rings(&self.client, &namespace),
            watch::config_map(&self.client, &namespace, CERTIFICATES),
            watch::config_map(&self.client, &namespace, BACKUP),
        ]);
        let mut asked = Asked {
            signal: None,
            cutoff: true,
        };
        let (mut failures, mut wake) = (0_u32, Instant::now());
        let mut leads = self.leadership.leads();
        loop {
            let soon = wake.min(Instant::now() + GATHER);
            tokio::select! {
                Some((_, event)) = secrets.next() => {
                    match event {
                        Ok(Event::Init | Event::InitApply(_)) => {}
                        Ok(_) => wake = soon,
                        Err(error) => warn!(%error, "the watch of key Secrets is taken up again"),
                    }
                    continue;
                }
                Some(()) = others.next() => {
                    wake = soon;
                    continue;
                }
                _ = self.told.recv() => {
                    let (_, last) = self.keys.installation.renewed();
                    asked.signal = Some(Signalled { last });
                }
                () = self.leadership.turns(leads) => {}
                () = tokio::time::sleep_until(wake) => {}
            }
            leads = self.leadership.leads();
            let passed = match leads {
                true => self.pass(&mut asked).await,
                false => self.look().await,
            };
            let nap = match passed {
                Ok(nap) => {
                    failures = 0;
                    if !leads {
                        asked.signal = None;
                    }
                    nap
                }
                Err(error) => {
                    if !error.is_not_leading() {
                        let error = anyhow::Error::new(error);
                        let error = format!("{error:#}");
                        warn!(error, "the sealing keys could not be brought up to date");
                    }
                    failures += 1;
                    pause(failures - 1)
                }
            };
            wake = Instant::now() + nap.min(LONGEST_NAP);
        }
    }

    async fn look(&self) -> Result<Duration, KeysError> {
        self.keys.look().await?;
        if let Some(keys) = &*self.keys.current.borrow() {
            self.metrics.keys(&keys.listed, false);
        }
        Ok(LONGEST_NAP)
    }

    // Returns when to look again if nothing is heard.
    async fn pass(&self, asked: &mut Asked) -> Result<Duration, KeysError> {
        self.keys.settle().await?;
        let ring = self.ring().await?;
        let mut complaints: Vec<Complaint> = self.missing(ring.as_ref()).into_iter().collect();
        self.pin(ring.as_ref(), &mut complaints).await?;
        let waits = self.renew(ring.as_ref(), asked, &mut complaints).await?;
        let retire = ring.as_ref().map_or(&[][..], |ring| &ring.spec.retire);
        let refused = self.retire(retire, &mut complaints).await?;
        let keys = self.keys.current.borrow().clone().ok_or(KeysError::None)?;
        let namespace = &self.settings.namespace;
        let certificates = certificates::heal(&self.client, namespace, &keys).await;
        let kept = self.back_up(ring.as_ref(), &keys).await;
        self.metrics.keys(&keys.listed, kept.backup.is_stale());
        self.say_once(&kept.backup);
        if let Some(ring) = &ring {
            let report = Report {
                keys: &keys,
                renewed: self
                    .keys
                    .installation
                    .renewed()
                    .0
                    .or_else(|| report::renewed(Some(ring))),
                held: &kept.held,
                backup: &kept.backup,
                complaints: &complaints,
            };
            self.tell(ring, &report).await?;
        }
        // Told first: whoever reads the status learns why.
        self.unless_forbidden(certificates)?;
        kept.backup.done()?;
        let due = self.keys.due_in(Timestamp::now());
        let due = due.filter(|_| ring.is_none_or(|ring| ring.spec.primary.is_none()));
        let next = [due, waits, refused.then_some(SECOND_THOUGHT)];
        Ok(next.into_iter().flatten().min().unwrap_or(LONGEST_NAP))
    }

    // Where the role does not cover it, it cannot ask for anything.
    async fn ring(&self) -> Result<Option<SealingKeyRing>, KeysError> {
        match sealing_key_ring::find(&self.client, &self.settings.namespace).await {
            Err(CallError::Refused { code: 403, .. }) => Ok(None),
            found => found.map_err(|source| KeysError::Call {
                doing: "reading the SealingKeyRing",
                source,
            }),
        }
    }

    // Under a role of upstream's there are no certificates for all: said once, and the keys are kept.
    fn unless_forbidden(&self, done: Result<(), KeysError>) -> Result<(), KeysError> {
        let Err(error) = done else { return Ok(()) };
        if !error.is_forbidden() {
            return Err(error);
        }
        if !self.said.forbidden.swap(true, Ordering::Relaxed) {
            warn!(
                "the ConfigMap seal-certificates is not kept: grant get, list, watch, create and update on \
                 configmaps in the controller's namespace"
            );
        }
        Ok(())
    }

    // There may be no SealingKeyRing to tell it, and the alert about it points to the log.
    fn say_once(&self, backup: &Backup) {
        let stale = match backup {
            Backup::Stale(complaint) => Some(complaint.clone()),
            // What failed is logged at each attempt.
            Backup::NotConfigured | Backup::Fresh | Backup::Failed(_) => None,
        };
        let mut said = self.said.stale.lock().unwrap_or_else(PoisonError::into_inner);
        if *said == stale {
            return;
        }
        if let Some(Complaint { reason, message }) = &stale {
            warn!(reason, "the backup of the keys is stale: {message}");
        }
        *said = stale;
    }

    async fn tell(&self, ring: &SealingKeyRing, report: &Report<'_>) -> Result<(), KeysError> {
        let status = report::status(ring, report, Timestamp::now());
        if ring.status.as_ref() == Some(&status) {
            return Ok(());
        }
        match sealing_key_ring::write_status(&self.client, ring, &status).await {
            // Gone or changed: the watch tells.
            Err(error) if error.is_conflict() || error.is_not_found() => Ok(()),
            written => written.map_err(|source| KeysError::Call {
                doing: "writing the status of the SealingKeyRing",
                source,
            }),
        }
    }
}

pub(super) fn pause(failures: u32) -> Duration {
    let seconds = 1_u64.checked_shl(failures).unwrap_or(u64::MAX);
    Duration::from_secs(seconds).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_half_a_minute_and_stay_there() {
        let seconds: Vec<u64> = (0..7).map(|failures| pause(failures).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(pause(u32::MAX), LONGEST_PAUSE);
    }
}
