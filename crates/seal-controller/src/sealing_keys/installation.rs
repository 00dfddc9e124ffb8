//! The installation's own Secret: the key of the records, which sealing key was chosen, and the number
//! of the next one.
//!
//! Which key that is, and when one is made, is not decided here.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use seal_cluster::call::CallError;
use seal_cluster::installation::{INSTALLATION_SECRET, Installation, Renewal};
use seal_cluster::keys::key_name;
use seal_cluster::secrets::Secrets;
use seal_core::{Fingerprint, InstallationKey, SeededRandom, SystemRandom};

use super::KeysError;

const LOOKS: usize = 3;

/// The installation's Secret as it was read last.
pub(super) struct KeptInstallation {
    secrets: Secrets,
    namespace: String,
    read: Mutex<Installation>,
}

impl KeptInstallation {
    /// Reads it, if it stands.
    ///
    /// # Errors
    /// [`KeysError`].
    pub(super) async fn find(secrets: &Secrets, namespace: &str) -> Result<Option<Self>, KeysError> {
        let found = secrets.find(namespace, INSTALLATION_SECRET).await;
        let found = found.map_err(reading)?;
        found.map(|found| Self::of(found, secrets, namespace)).transpose()
    }

    /// Reads it, or makes it.
    ///
    /// # Errors
    /// [`KeysError`].
    pub(super) async fn find_or_create(secrets: &Secrets, namespace: &str) -> Result<Self, KeysError> {
        if let Some(found) = Self::find(secrets, namespace).await? {
            return Ok(found);
        }
        let made = Installation::create(namespace, &mut SystemRandom)?;
        Self::of(create_or_find(secrets, made).await?, secrets, namespace)
    }

    fn of(secret: seal_api::Secret, secrets: &Secrets, namespace: &str) -> Result<Self, KeysError> {
        Ok(Self {
            secrets: secrets.clone(),
            namespace: namespace.to_owned(),
            read: Mutex::new(Installation::read(secret).ok_or(KeysError::Installation)?),
        })
    }

    /// The key of this installation's records.
    pub(super) fn key(&self) -> InstallationKey {
        self.last().key.clone()
    }

    /// The key that was chosen to seal.
    pub(super) fn primary(&self) -> Option<Fingerprint> {
        self.last().primary.as_ref().and_then(|name| name.parse().ok())
    }

    /// Reads it anew: whoever makes another key primary writes that there. Returns whether it stands;
    /// where it does not, what was read last goes on to count.
    ///
    /// # Errors
    /// [`KeysError`].
    pub(super) async fn refresh(&self) -> Result<bool, KeysError> {
        let found = self.secrets.find(&self.namespace, INSTALLATION_SECRET).await;
        let Some(found) = found.map_err(reading)? else {
            return Ok(false);
        };
        self.take_in(found)?;
        Ok(true)
    }

    /// Reads it anew. Where it was deleted it is made again with the same key: otherwise nothing of
    /// what this installation recorded would count any longer.
    ///
    /// # Errors
    /// [`KeysError`].
    pub(super) async fn heal(&self) -> Result<(), KeysError> {
        if self.refresh().await? {
            return Ok(());
        }
        let anew = self.last().anew();
        self.take_in(create_or_find(&self.secrets, anew).await?)
    }

    /// The number of the next key.
    pub(super) fn epoch(&self) -> u64 {
        self.last().epoch
    }

    /// What makes the name of the next key.
    pub(super) fn next_name(&self) -> SeededRandom {
        self.last().next_name()
    }

    /// Whether `secret` is the name of the next key: it was made, and not noted any more.
    pub(super) fn is_next(&self, prefix: &str, secret: &str) -> bool {
        key_name(prefix, &mut self.next_name()).is_ok_and(|name| name == secret)
    }

    /// The last word for which a key was made, and when somebody was last given one.
    pub(super) fn renewed(&self) -> (Option<String>, Option<Timestamp>) {
        let last = self.last();
        (last.renewed.clone(), last.renewed_at)
    }

    /// Writes down that `fingerprint` seals, unless somebody else named a key meanwhile. Returns whether it
    /// is noted.
    ///
    /// # Errors
    /// [`KeysError`].
    pub(super) async fn remember(&self, fingerprint: Fingerprint) -> Result<bool, KeysError> {
        let name = fingerprint.to_string();
        let before = self.last().primary.clone();
        self.change(|installation| {
            (installation.primary == before).then(|| installation.with_primary(&name))
        })
        .await?;
        Ok(self.primary() == Some(fingerprint))
    }

    /// Writes down that the key of number `epoch` was made, unless that is known already.
    ///
    /// # Errors
    /// [`KeysError`].
    pub(super) async fn note_renewal(&self, epoch: u64, renewal: &Renewal<'_>) -> Result<(), KeysError> {
        self.change(|installation| (installation.epoch == epoch).then(|| installation.with_renewal(renewal)))
            .await
    }

    // Changes what stands; whoever else changed it first is read, and asked again whether it is needed.
    async fn change(
        &self,
        changed: impl Fn(&Installation) -> Option<seal_api::Secret>,
    ) -> Result<(), KeysError> {
        let call = |source| KeysError::Call {
            doing: "noting which key seals",
            source,
        };
        let mut conflict = None;
        for _ in 0..LOOKS {
            let Some(changed) = changed(&self.last()) else {
                return Ok(());
            };
            match self.secrets.replace(&changed).await {
                Ok(secret) => return self.take_in(secret),
                Err(error) if error.is_conflict() || error.is_not_found() => {
                    self.heal().await?;
                    conflict = Some(error);
                }
                Err(error) => return Err(call(error)),
            }
        }
        Err(conflict.map_or(KeysError::None, call))
    }

    fn take_in(&self, secret: seal_api::Secret) -> Result<(), KeysError> {
        *self.last() = Installation::read(secret).ok_or(KeysError::Installation)?;
        Ok(())
    }

    fn last(&self) -> MutexGuard<'_, Installation> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// Two controllers that start together agree on the one that was written first.
async fn create_or_find(secrets: &Secrets, made: seal_api::Secret) -> Result<seal_api::Secret, KeysError> {
    match secrets.create(&made).await {
        Err(error) if error.is_conflict() => {
            let namespace = made.metadata.namespace.as_deref().unwrap_or_default();
            let kept = secrets.find(namespace, INSTALLATION_SECRET).await;
            kept.map_err(reading)?.ok_or_else(|| reading(error))
        }
        made => made.map_err(reading),
    }
}

fn reading(source: CallError) -> KeysError {
    KeysError::Call {
        doing: "reading the installation's Secret",
        source,
    }
}
