//! The ring of sealing keys as it stands in the controller's namespace, and which of them seals.
//!
//! A key that somebody else puts there unseals at once, but seals only when the installation says so
//! (S4); only the first choice is made in upstream's order. [`SealingKeys::look`] reads and writes
//! nothing; whatever makes or changes something is for one controller at a time. Opening is not done
//! here.

mod backup;
mod certificates;
mod demands;
mod error;
mod installation;
mod keep;
mod renewal;
mod report;
mod retirement;
mod ring;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use kube::Client;
use seal_cluster::installation::Demand;
use seal_cluster::keys::{KeyState, SealingKey};
use seal_cluster::secrets::{Secrets, Version};
use seal_core::succession::Statement;
use seal_core::{Certificate, Fingerprint, InstallationKey, KeyRing, RingKey};
use tokio::sync::watch;
use tracing::{error, info, warn};

use crate::leadership::Leadership;
use crate::settings::Settings;
use installation::KeptInstallation;

pub(crate) use error::KeysError;
pub(crate) use keep::{Keeper, Said};
pub(crate) use retirement::{Unlisted, User};

// How often one looks for what somebody else has to make first.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// The keys in use.
pub(crate) struct Keys {
    /// All that can open.
    pub(crate) ring: KeyRing,
    /// The certificate of the one that seals.
    pub(crate) certificate: Certificate,
    /// Grows with every change of the ring.
    pub(crate) generation: u64,
    /// All that there are, the newest first.
    pub(crate) listed: Vec<ListedKey>,
}

/// What may be told of a key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ListedKey {
    /// Its public name.
    pub(crate) fingerprint: Fingerprint,
    /// The name of its Secret.
    pub(crate) secret: String,
    /// Whether it opens.
    pub(crate) state: KeyState,
    /// Whether it could seal: it is in use and its certificate its own.
    pub(crate) may_seal: bool,
    /// Its certificate.
    pub(crate) certificate_pem: String,
    /// Since when that is valid.
    pub(crate) not_before: Timestamp,
    /// Until when.
    pub(crate) not_after: Timestamp,
    /// What the key before it signed about it.
    pub(crate) follows: Option<Statement>,
}

/// Keeps the keys.
pub(crate) struct SealingKeys {
    secrets: Secrets,
    settings: Arc<Settings>,
    installation: KeptInstallation,
    current: watch::Sender<Option<Arc<Keys>>>,
    // The Secrets that `current` was read from: as long as they stand so, nothing is read again.
    read: Mutex<Vec<Version>>,
    // The key that sealed until it was gone, and another one was made because of that.
    lost: Mutex<Option<Fingerprint>>,
}

impl SealingKeys {
    /// Reads the installation's own Secret; the leader makes it where there is none, and the others wait
    /// for that. No key is read yet; those that are go to `current`.
    ///
    /// # Errors
    /// [`KeysError`].
    pub(crate) async fn open(
        client: Client,
        settings: Arc<Settings>,
        current: watch::Sender<Option<Arc<Keys>>>,
        leadership: &mut Leadership,
    ) -> Result<(Self, InstallationKey), KeysError> {
        let secrets = Secrets::new(client);
        let namespace = &settings.namespace;
        let installation = until_there(leadership, async |leads| match leads {
            true => KeptInstallation::find_or_create(&secrets, namespace)
                .await
                .map(Some),
            false => KeptInstallation::find(&secrets, namespace).await,
        })
        .await?;
        let key = installation.key();
        Ok((
            Self {
                secrets,
                settings,
                installation,
                current,
                read: Mutex::default(),
                lost: Mutex::default(),
            },
            key,
        ))
    }

    /// Reads the keys; the leader makes the first one where there is none, and the others wait for that.
    /// Where the first key must not be made, all wait until one appears.
    ///
    /// # Errors
    /// [`KeysError`].
    pub(crate) async fn begin(&self, leadership: &mut Leadership) -> Result<(), KeysError> {
        let told = AtomicBool::new(false);
        until_there(leadership, async |leads| {
            match self.bring_up_to_date(leads).await {
                Err(error @ KeysError::NoneToBegin) => {
                    if !told.swap(true, Ordering::Relaxed) {
                        error!(%error, "not ready");
                    }
                }
                done => done?,
            }
            Ok(self.sealing().map(drop))
        })
        .await
    }

    /// Reads all keys anew; as the leader, also makes the first one where there is none.
    ///
    /// # Errors
    /// [`KeysError`]; the keys stay as they were.
    async fn bring_up_to_date(&self, leads: bool) -> Result<(), KeysError> {
        match leads {
            true => self.settle().await,
            false => self.look().await,
        }
    }

    /// The keys, whenever they change.
    pub(crate) fn current(&self) -> watch::Receiver<Option<Arc<Keys>>> {
        self.current.subscribe()
    }

    /// Reads all keys anew and shows them; writes nothing. Where there is no key, what was shown
    /// stays.
    ///
    /// # Errors
    /// [`KeysError`]; the keys stay as they were.
    async fn look(&self) -> Result<(), KeysError> {
        self.installation.refresh().await?;
        let Some((listed, found)) = self.read().await? else {
            return Ok(());
        };
        match self.primary(&found) {
            Some(primary) => self.publish(listed, found, primary),
            None => Ok(()),
        }
    }

    /// Reads all keys anew and makes one where none seals: the first, or the next where the one that was
    /// chosen is gone. Heals the installation's Secret and writes down the choice.
    ///
    /// # Errors
    /// [`KeysError`]; the keys stay as they were.
    async fn settle(&self) -> Result<(), KeysError> {
        self.installation.heal().await?;
        let epoch = self.installation.epoch();
        let Some((listed, found)) = self.read().await? else {
            return Ok(());
        };
        if let Some(primary) = self.primary(&found) {
            let chosen = found[primary].fingerprint();
            let noted = self.installation.primary() == Some(chosen);
            if !noted && !self.installation.remember(chosen).await? {
                return self.look().await;
            }
            self.publish(listed, found, primary)?;
            // Somebody else made a key meanwhile: what was read does not know of it yet.
            return match self.installation.epoch() == epoch {
                true => Ok(()),
                false => self.look().await,
            };
        }
        if self.settings.require_existing_key && !found.iter().any(ring::may_seal) {
            return Err(KeysError::NoneToBegin);
        }
        let lost = self.installation.primary().or_else(|| self.sealing());
        if let Some(fingerprint) = lost {
            error!(%fingerprint, "the key that seals is gone, broken or taken out by hand: another one is made in its place");
            *self.lost() = lost;
        }
        self.make(epoch, true, None).await?;
        self.look().await
    }

    /// The key that sealed until it was gone, as long as it is.
    fn missing(&self) -> Option<Fingerprint> {
        let current = self.current.borrow();
        let stands = |lost: &Fingerprint| {
            let listed = current.as_ref().map_or(&[][..], |keys| &keys.listed);
            listed.iter().any(|key| key.fingerprint == *lost)
        };
        self.lost().filter(|lost| !stands(lost))
    }

    /// No key counts as lost any longer.
    fn let_go(&self) {
        *self.lost() = None;
    }

    /// Lets the key `fingerprint` seal, which is known to be able to.
    ///
    /// # Errors
    /// [`KeysError`]; the keys stay as they were.
    async fn promote(&self, fingerprint: Fingerprint) -> Result<(), KeysError> {
        if self.installation.remember(fingerprint).await? {
            info!(%fingerprint, "this key seals from now on: the SealingKeyRing says so");
        }
        self.look().await
    }

    /// Changes what the label of a key Secret says; the Secret stays.
    ///
    /// # Errors
    /// [`KeysError`]; the keys stay as they were.
    async fn relabel(&self, secret: &str, state: KeyState) -> Result<(), KeysError> {
        retirement::relabel(&self.secrets, &self.settings.namespace, secret, state).await?;
        self.look().await
    }

    /// The key that seals.
    pub(crate) fn sealing(&self) -> Option<Fingerprint> {
        let current = self.current.borrow();
        current.as_ref().map(|keys| keys.certificate.fingerprint())
    }

    /// How long until a new key is due because of the age of the one that seals; `None` for never.
    fn due_in(&self, now: Timestamp) -> Option<Duration> {
        let period = self.settings.key_renew_period()?;
        let since = self.current.borrow().as_ref()?.certificate.not_before();
        let due = since.checked_add(period).ok()?;
        Some(Duration::try_from(due.duration_since(now)).unwrap_or_default())
    }

    /// Whether the key that seals is older than the cutoff.
    fn is_cut_off(&self) -> bool {
        let current = self.current.borrow();
        let since = current.as_ref().and_then(|keys| {
            let own = keys.certificate.fingerprint();
            Some(keys.ring.find(own)?.since())
        });
        since < self.settings.key_cutoff_time() && since.is_some()
    }

    /// Whether a key was made and its making not noted: whoever made it was killed.
    fn was_interrupted(&self) -> bool {
        let current = self.current.borrow();
        let prefix = &self.settings.key_prefix;
        current.as_ref().is_some_and(|keys| {
            keys.listed
                .iter()
                .any(|key| key.may_seal && self.installation.is_next(prefix, &key.secret))
        })
    }

    // Nothing where all is as it was read last, and the key that seals the one that was chosen.
    async fn read(&self) -> Result<Option<(Vec<Version>, Vec<SealingKey>)>, KeysError> {
        let listed = ring::list(&self.secrets, &self.settings).await?;
        let sealing = self.sealing();
        if sealing.is_some() && sealing == self.installation.primary() && *self.last_read() == listed {
            return Ok(None);
        }
        let found = ring::read(&self.secrets, &self.settings.namespace, &listed).await?;
        Ok(Some((listed, found)))
    }

    fn last_read(&self) -> MutexGuard<'_, Vec<Version>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lost(&self) -> MutexGuard<'_, Option<Fingerprint>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the key of number `epoch`, unless somebody has made it already; [`Self::look`] shows it.
    /// `promote` says whether it seals from now on.
    ///
    /// # Errors
    /// [`KeysError`]; the same call makes no second key.
    async fn make(&self, epoch: u64, promote: bool, demand: Option<Demand<'_>>) -> Result<(), KeysError> {
        let before = self.current.borrow().clone();
        let making = renewal::Making {
            secrets: &self.secrets,
            settings: &self.settings,
            installation: &self.installation,
            before,
        };
        making.make(epoch, promote, demand).await
    }

    fn primary(&self, found: &[SealingKey]) -> Option<usize> {
        let preferred = [self.installation.primary(), self.sealing()];
        let order = self.settings.key_order_priority;
        ring::primary(found, preferred, order, Timestamp::now())
    }

    fn publish(
        &self,
        versions: Vec<Version>,
        mut found: Vec<SealingKey>,
        primary: usize,
    ) -> Result<(), KeysError> {
        let order = self.settings.key_order_priority;
        let seals = found[primary].fingerprint();
        found.sort_by_key(|key| (std::cmp::Reverse(ring::since(key, order)), key.fingerprint()));
        let listed: Vec<ListedKey> = found.iter().map(ListedKey::of).collect();
        let before = self.current.borrow().clone();
        let known = before.as_ref().map_or(&[][..], |keys| keys.listed.as_slice());
        if known == listed && self.sealing() == Some(seals) {
            *self.last_read() = versions;
            return Ok(());
        }
        let mut certificate = None;
        let mut ring = Vec::with_capacity(found.len());
        for key in found.into_iter().filter(|key| key.state == KeyState::Active) {
            let (since, fingerprint) = (ring::since(&key, order), key.fingerprint());
            if !known.contains(&ListedKey::of(&key)) {
                info!(secretname = key.secret, %fingerprint, seals = fingerprint == seals, "registered private key");
            }
            if !ring::may_seal(&key) {
                warn!(
                    secretname = key.secret,
                    "tls.crt does not belong to tls.key: this key opens, but does not seal"
                );
            } else if fingerprint == seals {
                certificate = Some(key.certificate);
            }
            ring.push(RingKey::new(key.private, since));
        }
        let (Some(certificate), Some(ring)) = (certificate, KeyRing::new(ring)) else {
            return Err(KeysError::None);
        };
        *self.last_read() = versions;
        self.current.send_modify(|current| {
            let generation = current.as_ref().map_or(1, |keys| keys.generation + 1);
            *current = Some(Arc::new(Keys {
                ring,
                certificate,
                generation,
                listed,
            }));
        });
        Ok(())
    }
}

impl ListedKey {
    fn of(key: &SealingKey) -> Self {
        Self {
            fingerprint: key.fingerprint(),
            secret: key.secret.clone(),
            state: key.state,
            may_seal: ring::may_seal(key),
            certificate_pem: key.certificate.pem().to_owned(),
            not_before: key.certificate.not_before(),
            not_after: key.certificate.not_after(),
            follows: key.follows.clone(),
        }
    }
}

// What `find` finds, once it is there. It is told whether this replica leads, and so may make it. A
// cluster that does not answer yet, or a role that is not granted yet, is no reason to end: whoever
// starts a controller again does so after ever longer pauses.
async fn until_there<T>(
    leadership: &mut Leadership,
    find: impl AsyncFn(bool) -> Result<Option<T>, KeysError>,
) -> Result<T, KeysError> {
    let mut failures = 0;
    loop {
        let leads = leadership.leads();
        let nap = match find(leads).await {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => LOOK_AGAIN,
            Err(error) if error.is_not_leading() => LOOK_AGAIN,
            Err(error) if error.is_of_the_cluster() => {
                let error = anyhow::Error::new(error);
                warn!(error = format!("{error:#}"), "not ready, and tried again");
                failures += 1;
                keep::pause(failures - 1)
            }
            Err(error) => return Err(error),
        };
        tokio::select! {
            () = leadership.turns(leads) => {}
            () = tokio::time::sleep(nap) => {}
        }
    }
}
