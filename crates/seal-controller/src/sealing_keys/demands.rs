//! What is asked of the keys, done: by the SealingKeyRing, by a signal, by their age. What cannot be done
//! is a complaint, and the rest is done all the same.
//!
//! Whether a deed is due is judged in the rooms beside this one; when all this runs, `keep` knows.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use seal_api::{Retire, SealingKeyRing};
use seal_cluster::backup::Recipient;
use seal_cluster::config_maps::BACKUP;
use seal_cluster::installation::Demand;

use super::keep::{Asked, Keeper};
use super::renewal::{self, Occasion, Verdict};
use super::report::{self, Backup, Complaint};
use super::retirement::{self, Unlisted, User};
use super::{Keys, KeysError, ListedKey, backup};

/// The backup after a pass: what it says of itself, and how it stands.
pub(super) struct Kept {
    pub(super) held: backup::Standing,
    pub(super) backup: Backup,
}

impl Keeper {
    /// What is to be said of a key that was lost.
    pub(super) fn missing(&self, ring: Option<&SealingKeyRing>) -> Option<Complaint> {
        // Whoever names the key that seals has seen that it is another one.
        let named = ring.and_then(|ring| ring.spec.primary.as_deref());
        let sealing = self.keys.sealing().map(|key| key.to_string());
        if named.is_some() && named == sealing.as_deref() {
            self.keys.let_go();
        }
        let lost = self.keys.missing()?;
        Some(Complaint {
            reason: "PrimaryMissing",
            message: format!(
                "the key {lost} sealed until its Secret was gone or broken, and another one was made: restore \
                 it (`seal keys restore`), or nothing opens that was sealed with it; if it shall be gone, name the \
                 key that seals now (`seal keys primary`), and this is said no longer"
            ),
        })
    }

    /// Lets the key seal that is named.
    ///
    /// # Errors
    /// [`KeysError`].
    pub(super) async fn pin(
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

    /// Makes a key where one is wanted. Returns how long somebody who asked has to wait.
    ///
    /// # Errors
    /// [`KeysError`]; done again, it makes no second key.
    pub(super) async fn renew(
        &self,
        ring: Option<&SealingKeyRing>,
        asked: &mut Asked,
        complaints: &mut Vec<Complaint>,
    ) -> Result<Option<Duration>, KeysError> {
        let (renewed, last) = self.keys.installation.renewed();
        asked.signal.take_if(|signal| signal.last != last);
        let word = ring.and_then(|ring| ring.spec.renew.as_deref());
        // Where the installation's Secret was lost, the status still tells which word was done.
        let renewed = renewed.or_else(|| report::renewed(ring));
        let word = word.filter(|word| renewed.as_deref() != Some(word));
        // What the last look was about: if somebody else makes that key meanwhile, it is found made.
        let epoch = self.keys.installation.epoch();
        let now = Timestamp::now();
        let occasion = Occasion {
            interrupted: self.keys.was_interrupted(),
            aged: self.keys.due_in(now) == Some(Duration::ZERO) || asked.cutoff && self.keys.is_cut_off(),
            pinned: ring.is_some_and(|ring| ring.spec.primary.is_some()),
            word,
            signalled: asked.signal.is_some(),
            last,
        };
        match renewal::judge(&occasion, now) {
            Verdict::Nothing => {
                asked.cutoff = false;
                Ok(None)
            }
            Verdict::Wait(left) => {
                let asking = word.map_or("SIGUSR1", |_| "spec.renew");
                complaints.push(Complaint {
                    reason: "RenewalWaits",
                    message: format!(
                        "{asking}: another key was asked for just now; this one follows within a minute"
                    ),
                });
                Ok(Some(left))
            }
            Verdict::Make { asked: wanted } => {
                let demand = wanted.then_some(Demand { word, now });
                self.keys.make(epoch, !occasion.pinned, demand).await?;
                asked.cutoff = false;
                self.keys.look().await?;
                Ok(None)
            }
        }
    }

    /// Retires those that may be. Returns whether to think again soon.
    ///
    /// # Errors
    /// [`KeysError`].
    pub(super) async fn retire(
        &self,
        wanted: &[Retire],
        complaints: &mut Vec<Complaint>,
    ) -> Result<bool, KeysError> {
        let keys = self.keys.current.borrow().clone().ok_or(KeysError::None)?;
        let pending: Vec<(&Retire, Vec<&ListedKey>)> = wanted
            .iter()
            .map(|wanted| (wanted, retirement::pending(wanted, &keys.listed)))
            .filter(|(_, secrets)| !secrets.is_empty())
            .collect();
        let users = match pending.iter().all(|(wanted, _)| wanted.compromised) {
            true => Ok(Vec::new()),
            false => self.users().await?,
        };
        let mut refused = false;
        for (wanted, secrets) in pending {
            let users = match &users {
                Err(unlisted) if !wanted.compromised => {
                    refused = true;
                    complaints.push(Complaint {
                        reason: "RetireWaits",
                        message: format!("spec.retire: {unlisted}"),
                    });
                    continue;
                }
                users => users.as_deref().unwrap_or_default(),
            };
            let sealing = self.keys.sealing();
            match retirement::judge(secrets[0].fingerprint, sealing, wanted.compromised, users) {
                Ok(()) => {
                    for key in secrets {
                        self.keys.relabel(&key.secret, retirement::state(wanted)).await?;
                    }
                }
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

    // Each object's record is proven anew, which takes a core.
    async fn users(&self) -> Result<Result<Vec<User>, Unlisted>, KeysError> {
        let users = Arc::clone(&self.users);
        Ok(tokio::task::spawn_blocking(move || users()).await?)
    }

    /// Brings the backup up to date, if somebody is to have one.
    pub(super) async fn back_up(&self, ring: Option<&SealingKeyRing>, keys: &Keys) -> Kept {
        let namespace = &self.settings.namespace;
        let recipients = self.recipients(ring);
        let nobody = recipients.as_ref().is_ok_and(Vec::is_empty);
        let unread = |backup| Kept {
            held: backup::Standing::default(),
            backup,
        };
        if nobody && ring.is_none() {
            return unread(Backup::NotConfigured);
        }
        let installation = self.keys.installation.key();
        let (map, held) = match backup::find(&self.client, namespace, &installation).await {
            Ok(standing) => standing,
            // Under a role of upstream's there is none to be seen.
            Err(_) if nobody => return unread(Backup::NotConfigured),
            Err(error) => return unread(Backup::Failed(error)),
        };
        let recipients = match recipients {
            Ok(recipients) if recipients.is_empty() => {
                let backup = Backup::NotConfigured;
                return Kept { held, backup };
            }
            Ok(recipients) => recipients,
            Err(complaint) => {
                let backup = Backup::Stale(complaint);
                return Kept { held, backup };
            }
        };
        let desired = backup::Standing::of(&keys.listed, &recipients);
        if held == desired {
            let backup = Backup::Fresh;
            return Kept { held, backup };
        }
        if let Some(complaint) = only_there(&held, keys) {
            let backup = Backup::Stale(complaint);
            return Kept { held, backup };
        }
        let writing = backup::Writing {
            client: &self.client,
            namespace,
            keys: &keys.listed,
            recipients,
            installation,
        };
        match writing.write(&desired, map.as_ref()).await {
            Ok(()) => Kept {
                held: desired,
                backup: Backup::Fresh,
            },
            Err(error) => Kept {
                held,
                backup: Backup::Failed(error),
            },
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
}

// Whoever wrote it anew now would lose them.
fn only_there(held: &backup::Standing, keys: &Keys) -> Option<Complaint> {
    let names = held.only_here(&keys.listed);
    (!names.is_empty()).then(|| Complaint {
        reason: "KeyMissing",
        message: format!(
            "these keys have no Secret any longer, or a broken one, and the backup is left as it is so that \
             they are not lost with it: {}; `seal keys restore --from-cluster` brings them back, and if they \
             shall go, delete the ConfigMap {BACKUP}; newer keys are in no backup until then",
            names.join(", ")
        ),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use axum::http::{Method, StatusCode};
    use seal_cluster::keys::KeyState;
    use seal_cluster::secrets::Secrets;
    use seal_core::{Certificate, KeyRing, KeySize, PrivateKey, RingKey, SelfSigned, SystemRandom};
    use tokio::signal::unix::{SignalKind, signal};
    use tokio::sync::watch;

    use super::*;
    use crate::leadership::Leadership;
    use crate::metrics::Metrics;
    use crate::sealing_keys::installation::KeptInstallation;
    use crate::sealing_keys::{Said, SealingKeys};
    use crate::settings::Settings;

    fn key() -> (PrivateKey, ListedKey) {
        let key = PrivateKey::generate(KeySize::Bits2048).unwrap();
        let listed = ListedKey {
            fingerprint: key.public().fingerprint(),
            secret: "key".to_owned(),
            state: KeyState::Active,
            may_seal: true,
            certificate_pem: String::new(),
            not_before: Timestamp::UNIX_EPOCH,
            not_after: Timestamp::UNIX_EPOCH,
            follows: None,
        };
        (key, listed)
    }

    // Of a ring of these keys, whose first one seals. The cluster has nothing, and takes what is created.
    async fn keeper(keys: Vec<(PrivateKey, ListedKey)>, users: Arc<super::super::keep::Users>) -> Keeper {
        let cluster = Router::new().fallback(async |method: Method, body: String| match method {
            Method::POST => (StatusCode::CREATED, body),
            _ => (StatusCode::NOT_FOUND, "{}".to_owned()),
        });
        let client = kube::Client::new(cluster, "seal");
        let secrets = Secrets::new(client.clone());
        let settings = Arc::new(Settings::read(["seal-controller".into()]).unwrap());
        let certificate = SelfSigned {
            common_name: "",
            not_before: Timestamp::now(),
            lifetime: Duration::from_secs(3600),
        };
        let certificate = Certificate::self_signed(&keys[0].0, &certificate, &mut SystemRandom).unwrap();
        let (ring, listed): (Vec<_>, Vec<_>) = keys
            .into_iter()
            .map(|(key, listed)| (RingKey::new(key, Timestamp::UNIX_EPOCH), listed))
            .unzip();
        let keys = Keys {
            ring: KeyRing::new(ring).unwrap(),
            certificate,
            generation: 1,
            listed,
        };
        Keeper {
            client,
            keys: Arc::new(SealingKeys {
                installation: KeptInstallation::find_or_create(&secrets, "seal").await.unwrap(),
                secrets,
                settings: Arc::clone(&settings),
                current: watch::Sender::new(Some(Arc::new(keys))),
                read: Default::default(),
                lost: Default::default(),
            }),
            settings,
            metrics: Arc::new(Metrics::default()),
            leadership: Leadership::alone(),
            users,
            told: signal(SignalKind::user_defined1()).unwrap(),
            said: Said::default(),
        }
    }

    #[tokio::test]
    async fn however_many_keys_are_to_be_retired_the_objects_are_asked_once() {
        let keys = [(); 4].map(|()| key());
        let wanted: Vec<Retire> = keys[1..]
            .iter()
            .map(|(_, listed)| Retire {
                fingerprint: listed.fingerprint.to_string(),
                compromised: false,
            })
            .collect();
        let asked = Arc::new(AtomicUsize::new(0));
        let users = {
            let asked = Arc::clone(&asked);
            move || {
                asked.fetch_add(1, Ordering::Relaxed);
                let user = User {
                    name: "a/b".to_owned(),
                    keys: None,
                };
                Ok(vec![user])
            }
        };
        let keeper = keeper(keys.into(), Arc::new(users)).await;
        let mut complaints = Vec::new();
        assert!(keeper.retire(&wanted, &mut complaints).await.unwrap());
        let reasons: Vec<&str> = complaints.iter().map(|complaint| complaint.reason).collect();
        assert_eq!(reasons, ["RetireRefused"; 3]);
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        // What is done needs nobody's word.
        assert!(!keeper.retire(&[], &mut complaints).await.unwrap());
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }
}
