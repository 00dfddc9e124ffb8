//! Keeps the sealing keys as they are asked for: listens for what may have changed, looks at all of it
//! and does what is missing. Only the leader does; the others look.
//!
//! Each pass looks for itself, so that it does not matter which news was missed. What each deed is,
//! stands in the rooms beside this one.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use kube::Client;
use kube::runtime::watcher::Event;
use seal_api::{Retire, SealingKeyRing};
use seal_cluster::call::CallError;
use seal_cluster::config_maps::{BACKUP, CERTIFICATES};
use seal_cluster::installation::Demand;
use seal_cluster::keys::KeyState;
use seal_cluster::{sealing_key_ring, watch};
use seal_core::{Fingerprint, Recipient};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;
use tracing::warn;

use super::renewal::{self, Occasion, Verdict};
use super::report::{self, Backup, Complaint, Report};
use super::retirement::{self, User};
use super::{Keys, KeysError, SealingKeys, backup, certificates};
use crate::leadership::Leadership;
use crate::metrics::Metrics;
use crate::settings::Settings;

const LONGEST_NAP: Duration = Duration::from_secs(3600);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
// What was refused because of other objects may be granted when those have changed.
const SECOND_THOUGHT: Duration = Duration::from_secs(30);

/// Who needs which key; `None` until all SealedSecrets are known.
pub(crate) type Users = dyn Fn() -> Option<Vec<User>> + Send + Sync;

/// What keeping the keys takes.
pub(crate) struct Keeper {
    pub(crate) client: Client,
    pub(crate) keys: Arc<SealingKeys>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) leadership: Leadership,
    pub(crate) users: Box<Users>,
}

// What somebody asked of this process since the last pass that succeeded.
#[derive(Default)]
struct Asked {
    // The key to be replaced, told by a signal: once another one seals, that is done.
    replace: Option<Fingerprint>,
    // Whether the key may be older than the cutoff: asked once, at the beginning.
    cutoff: bool,
}

// How the backup stands after a pass.
struct Kept {
    held: backup::Standing,
    backup: Backup,
    result: Result<(), KeysError>,
}

impl Kept {
    fn failed(held: backup::Standing, error: KeysError) -> Self {
        let complaint = Complaint {
            reason: "NotWritten",
            message: error.to_string(),
        };
        Self {
            held,
            backup: Backup::Stale(complaint),
            result: Err(error),
        }
    }
}

impl Keeper {
    /// Keeps them until the process ends. What fails is tried again without waiting for news.
    pub(crate) async fn keep(mut self) {
        let Ok(mut told) = signal(SignalKind::user_defined1()) else {
            return;
        };
        let namespace = self.settings.namespace.clone();
        let mut secrets = watch::key_secrets(&self.client, &namespace);
        let mut others = futures::stream::select_all([
            watch::sealing_key_rings(&self.client, &namespace),
            watch::config_map(&self.client, &namespace, CERTIFICATES),
            watch::config_map(&self.client, &namespace, BACKUP),
        ]);
        let mut asked = Asked {
            replace: None,
            cutoff: true,
        };
        let (mut failures, mut wake) = (0_u32, Instant::now());
        let mut leads = self.leadership.leads();
        loop {
            tokio::select! {
                Some((_, event)) = secrets.next() => match event {
                    Ok(Event::Init | Event::InitApply(_)) => continue,
                    Ok(_) => {}
                    Err(error) => {
                        warn!(%error, "the watch of key Secrets is taken up again");
                        continue;
                    }
                },
                Some(()) = others.next() => {}
                _ = told.recv() => asked.replace = self.keys.sealing(),
                () = self.leadership.turns(leads) => {}
                () = tokio::time::sleep_until(wake) => {}
            }
            leads = self.leadership.leads();
            let passed = match leads {
                true => self.pass(&asked).await,
                false => self.look().await,
            };
            let nap = match passed {
                Ok(nap) => {
                    failures = 0;
                    asked.cutoff &= !leads;
                    if !leads || asked.replace != self.keys.sealing() {
                        asked.replace = None;
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
    async fn pass(&self, asked: &Asked) -> Result<Duration, KeysError> {
        self.keys.settle().await?;
        let ring = self.ring().await?;
        let mut complaints = Vec::new();
        self.pin(ring.as_ref(), &mut complaints).await?;
        let waits = self.renew(ring.as_ref(), asked, &mut complaints).await?;
        let retire = ring.as_ref().map_or(&[][..], |ring| &ring.spec.retire);
        let refused = self.retire(retire, &mut complaints).await?;
        let keys = self.keys.current.borrow().clone().ok_or(KeysError::None)?;
        let namespace = &self.settings.namespace;
        let certificates = certificates::heal(&self.client, namespace, &keys).await;
        let kept = self.back_up(ring.as_ref(), &keys).await;
        self.metrics.keys(&keys.listed, kept.backup.is_stale());
        if let Some(ring) = &ring {
            let report = Report {
                keys: &keys,
                renewed: self.keys.installation.renewed().0,
                held: &kept.held,
                backup: &kept.backup,
                complaints: &complaints,
            };
            self.tell(ring, &report).await?;
        }
        // Told first: whoever reads the status learns why.
        certificates?;
        kept.result?;
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

    async fn pin(
        &self,
        ring: Option<&SealingKeyRing>,
        complaints: &mut Vec<Complaint>,
    ) -> Result<(), KeysError> {
        let Some(named) = ring.and_then(|ring| ring.spec.primary.as_deref()) else {
            return Ok(());
        };
        let known = self.keys.current.borrow().clone();
        let key = known.and_then(|keys| {
            let found = keys
                .listed
                .iter()
                .find(|key| key.fingerprint.to_string() == named);
            found.filter(|key| key.may_seal).map(|key| key.fingerprint)
        });
        match key {
            Some(key) if self.keys.sealing() == Some(key) => Ok(()),
            Some(key) => self.keys.promote(key).await,
            None => {
                complaints.push(Complaint {
                    reason: "PrimaryUnknown",
                    message: format!(
                        "spec.primary: there is no key {named} in use; `seal keys ls` shows which there are"
                    ),
                });
                Ok(())
            }
        }
    }

    // Returns how long somebody who asked has to wait.
    async fn renew(
        &self,
        ring: Option<&SealingKeyRing>,
        asked: &Asked,
        complaints: &mut Vec<Complaint>,
    ) -> Result<Option<Duration>, KeysError> {
        let (renewed, last) = self.keys.installation.renewed();
        let word = ring.and_then(|ring| ring.spec.renew.as_deref());
        let word = word.filter(|word| renewed.as_deref() != Some(word));
        // What the last look was about: if somebody else makes that key meanwhile, it is found made.
        let epoch = self.keys.installation.epoch();
        let now = Timestamp::now();
        let occasion = Occasion {
            interrupted: self.keys.was_interrupted(),
            aged: self.keys.due_in(now) == Some(Duration::ZERO) || asked.cutoff && self.keys.is_cut_off(),
            pinned: ring.is_some_and(|ring| ring.spec.primary.is_some()),
            word,
            signalled: asked.replace.is_some() && asked.replace == self.keys.sealing(),
            last,
        };
        match renewal::judge(&occasion, now) {
            Verdict::Nothing => Ok(None),
            Verdict::Wait(left) => {
                complaints.push(Complaint {
                    reason: "RenewalWaits",
                    message: format!(
                        "spec.renew: another key was asked for just now; this one follows in {} s",
                        left.as_secs() + 1
                    ),
                });
                Ok(Some(left))
            }
            Verdict::Make { asked } => {
                let demand = asked.then_some(Demand { word, now });
                self.keys.renew(epoch, !occasion.pinned, demand).await?;
                Ok(None)
            }
        }
    }

    // Returns whether to think again soon.
    async fn retire(&self, wanted: &[Retire], complaints: &mut Vec<Complaint>) -> Result<bool, KeysError> {
        let keys = self.keys.current.borrow().clone().ok_or(KeysError::None)?;
        let mut refused = false;
        for wanted in wanted {
            let state = match wanted.compromised {
                true => KeyState::Compromised,
                false => KeyState::Retired,
            };
            let key = keys.listed.iter().find(|key| {
                let open = key.state == KeyState::Active;
                key.fingerprint.to_string() == wanted.fingerprint && (open || wanted.compromised)
            });
            let Some(key) = key.filter(|key| key.state != state) else {
                continue;
            };
            let users = match (self.users)() {
                None if !wanted.compromised => {
                    refused = true;
                    complaints.push(Complaint {
                        reason: "RetireWaits",
                        message: "spec.retire: not all SealedSecrets are known yet".to_owned(),
                    });
                    continue;
                }
                users => users.unwrap_or_default(),
            };
            let sealing = self.keys.sealing();
            match retirement::judge(key.fingerprint, sealing, wanted.compromised, &users) {
                Ok(()) => self.keys.relabel(&key.secret, state).await?,
                Err(refusal) => {
                    refused = true;
                    complaints.push(Complaint {
                        reason: "RetireRefused",
                        message: format!("spec.retire: {refusal}"),
                    });
                }
            }
        }
        Ok(refused)
    }

    async fn back_up(&self, ring: Option<&SealingKeyRing>, keys: &Keys) -> Kept {
        let namespace = &self.settings.namespace;
        let recipients = self.recipients(ring);
        let standing = backup::find(&self.client, namespace).await;
        let (map, held) = match standing {
            Ok(standing) => standing,
            Err(error) => return Kept::failed(backup::Standing::default(), error),
        };
        let recipients = match recipients {
            Ok(recipients) => recipients,
            Err(complaint) => {
                return Kept {
                    held,
                    backup: Backup::Stale(complaint),
                    result: Ok(()),
                };
            }
        };
        let desired = backup::Standing::of(&keys.listed, &recipients);
        if recipients.is_empty() || held == desired {
            let backup = match recipients.is_empty() {
                true => Backup::NotConfigured,
                false => Backup::Fresh,
            };
            return Kept {
                held,
                backup,
                result: Ok(()),
            };
        }
        let writing = backup::Writing {
            client: &self.client,
            namespace,
            keys: &keys.listed,
            recipients,
        };
        match writing.write(&desired, map.as_ref()).await {
            Ok(()) => Kept {
                held: desired,
                backup: Backup::Fresh,
                result: Ok(()),
            },
            Err(error) => Kept::failed(held, error),
        }
    }

    // A recipient that cannot be read is no reason to leave the others without their backup written
    // earlier, but one to write none that lacks him.
    fn recipients(&self, ring: Option<&SealingKeyRing>) -> Result<Vec<Recipient>, Complaint> {
        let mut recipients = self.settings.backup_recipients();
        let asked = ring.and_then(|ring| ring.spec.backup.as_ref());
        for (at, text) in asked
            .into_iter()
            .flat_map(|backup| &backup.recipients)
            .enumerate()
        {
            let recipient = text.parse().map_err(|error| Complaint {
                reason: "InvalidRecipient",
                message: format!("spec.backup.recipients[{at}]: {error}"),
            })?;
            recipients.push(recipient);
        }
        Ok(recipients)
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

fn pause(failures: u32) -> Duration {
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
