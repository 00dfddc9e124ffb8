//! The ring of sealing keys as it stands in the controller's namespace, which of them seals, and when
//! a new one is due.
//!
//! A key that somebody else puts there unseals at once, but seals only when the installation says so
//! (S4); only the first choice is made in upstream's order. Opening is not done here.

mod installation;
mod keep;
mod renewal;
mod ring;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::Client;
use seal_cluster::call::CallError;
use seal_cluster::keys::{INSTALLATION_SECRET, SealingKey};
use seal_cluster::secrets::Secrets;
use seal_core::{
    Certificate, CertificateError, Fingerprint, InstallationKey, KeyRing, PrivateKeyError,
    RandomnessUnavailable, RingKey,
};
use tokio::sync::watch;
use tracing::info;

use crate::leadership::Leadership;
use crate::settings::Settings;
use installation::KeptInstallation;

pub(crate) use keep::keep;

// How often a standby looks for what the leader has to make first.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// The keys in use.
pub(crate) struct Keys {
    /// All that can open.
    pub(crate) ring: KeyRing,
    /// The certificate of the one that seals.
    pub(crate) certificate: Certificate,
    /// Grows with every change of the ring.
    pub(crate) generation: u64,
}

/// Keys that cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeysError {
    /// The API server did not do as it was asked.
    #[error("{doing}")]
    Call {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        source: CallError,
    },
    /// kube could not list.
    #[error("listing key Secrets")]
    List(#[source] Box<kube::Error>),
    /// The installation's Secret is damaged.
    #[error(
        "the Secret {INSTALLATION_SECRET} holds no key of {} bytes; delete it to have it made anew",
        InstallationKey::LENGTH
    )]
    Installation,
    /// A key could not be made.
    #[error("a sealing key could not be made")]
    Key(#[from] PrivateKeyError),
    /// A certificate could not be made.
    #[error("a certificate could not be made")]
    Certificate(#[from] CertificateError),
    /// No randomness.
    #[error(transparent)]
    Randomness(#[from] RandomnessUnavailable),
    /// A defect.
    #[error("reading keys ended early")]
    Worker(#[from] tokio::task::JoinError),
    /// A defect.
    #[error("no key although one was made")]
    None,
}

impl KeysError {
    fn is_not_leading(&self) -> bool {
        matches!(self, Self::Call { source, .. } if source.is_not_leading())
    }
}

/// Keeps the keys.
pub(crate) struct SealingKeys {
    client: Client,
    secrets: Secrets,
    settings: Arc<Settings>,
    installation: KeptInstallation,
    current: watch::Sender<Option<Arc<Keys>>>,
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
        let secrets = Secrets::new(client.clone());
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
                client,
                secrets,
                settings,
                installation,
                current,
            },
            key,
        ))
    }

    /// Reads the keys; the leader makes the first one where there is none, and the others wait for that.
    ///
    /// # Errors
    /// [`KeysError`].
    pub(crate) async fn begin(&self, leadership: &mut Leadership) -> Result<(), KeysError> {
        until_there(leadership, async |leads| {
            self.bring_up_to_date(leads).await?;
            Ok(self.sealing().map(drop))
        })
        .await
    }

    /// Reads all keys anew; as the leader, also does what that shows to be due.
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
        let found = self.read().await?;
        match self.primary(&found) {
            Some(primary) => self.publish(found, primary),
            None => Ok(()),
        }
    }

    /// Reads all keys anew; makes one where there is none, and at the first reading also where the one
    /// in use is older than the cutoff. Heals the installation's Secret and writes down the choice.
    ///
    /// # Errors
    /// [`KeysError`]; the keys stay as they were.
    async fn settle(&self) -> Result<(), KeysError> {
        self.installation.heal().await?;
        let mut found = self.read().await?;
        let first = self.current.borrow().is_none();
        let primary = self.primary(&found);
        let order = self.settings.key_order_priority;
        let old = match (primary, self.settings.key_cutoff_time()) {
            (Some(primary), Some(cutoff)) if first => ring::since(&found[primary], order) < cutoff,
            _ => false,
        };
        let primary = match primary {
            Some(primary) if !old => {
                let chosen = found[primary].private.public().fingerprint();
                if self.installation.primary() != Some(chosen) {
                    self.installation.remember(chosen).await?;
                }
                primary
            }
            _ => {
                found.push(self.make().await?);
                found.len() - 1
            }
        };
        self.publish(found, primary)
    }

    /// Makes a new key and seals with it from now on.
    ///
    /// # Errors
    /// [`KeysError`]; the keys stay as they were.
    async fn renew(&self) -> Result<(), KeysError> {
        self.make().await?;
        self.look().await
    }

    /// The key that seals.
    pub(crate) fn sealing(&self) -> Option<Fingerprint> {
        let current = self.current.borrow();
        current.as_ref().map(|keys| keys.certificate.fingerprint())
    }

    /// How long until a new key is due; `None` for never.
    fn due_in(&self, now: Timestamp) -> Option<Duration> {
        let period = self.settings.key_renew_period()?;
        let since = self.current.borrow().as_ref()?.certificate.not_before();
        let due = since.checked_add(period).ok()?;
        Some(Duration::try_from(due.duration_since(now)).unwrap_or_default())
    }

    async fn read(&self) -> Result<Vec<SealingKey>, KeysError> {
        ring::read(&self.client, &self.secrets, &self.settings).await
    }

    async fn make(&self) -> Result<SealingKey, KeysError> {
        renewal::make(&self.secrets, &self.settings, &self.installation).await
    }

    fn primary(&self, found: &[SealingKey]) -> Option<usize> {
        let preferred = [self.installation.primary(), self.sealing()];
        ring::primary(
            found,
            preferred,
            self.settings.key_order_priority,
            Timestamp::now(),
        )
    }

    fn publish(&self, found: Vec<SealingKey>, primary: usize) -> Result<(), KeysError> {
        let mut certificate = None;
        let mut ring = Vec::with_capacity(found.len());
        for (at, key) in found.into_iter().enumerate() {
            let since = ring::since(&key, self.settings.key_order_priority);
            let fingerprint = key.private.public().fingerprint();
            info!(secretname = key.secret, %fingerprint, seals = at == primary, "registered private key");
            ring.push(RingKey::new(key.private, since));
            if at == primary {
                certificate = Some(key.certificate);
            }
        }
        let (Some(certificate), Some(ring)) = (certificate, KeyRing::new(ring)) else {
            return Err(KeysError::None);
        };
        self.current.send_modify(|current| {
            let generation = current.as_ref().map_or(1, |keys| keys.generation + 1);
            *current = Some(Arc::new(Keys {
                ring,
                certificate,
                generation,
            }));
        });
        Ok(())
    }
}

// What `find` finds, once it is there. It is told whether this replica leads, and so may make it.
async fn until_there<T>(
    leadership: &mut Leadership,
    find: impl AsyncFn(bool) -> Result<Option<T>, KeysError>,
) -> Result<T, KeysError> {
    loop {
        let leads = leadership.leads();
        match find(leads).await {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => {}
            Err(error) if error.is_not_leading() => {}
            Err(error) => return Err(error),
        }
        tokio::select! {
            () = leadership.turns(leads) => {}
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
    }
}
