//! The ring of sealing keys as it stands in the controller's namespace, which of them seals, and when
//! a new one is due.
//!
//! A key that somebody else puts there unseals at once, but seals only when the installation says so
//! (S4); only the first choice is made in upstream's order. Opening is not done here.

use std::cmp::Reverse;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret as CoreSecret;
use kube::api::ListParams;
use kube::core::PartialObjectMeta;
use kube::{Api, Client};
use seal_api::annotations::{KEY_ACTIVE, KEY_LABEL};
use seal_cluster::call::CallError;
use seal_cluster::keys::{
    INSTALLATION_SECRET, Installation, KeySecretShape, SealingKey, key_secret, read_key,
};
use seal_cluster::secrets::Secrets;
use seal_core::{
    Certificate, CertificateError, Fingerprint, InstallationKey, KeyRing, PrivateKey, PrivateKeyError,
    RandomnessUnavailable, RingKey, SelfSigned, SystemRandom,
};
use tokio::sync::watch;
use tracing::{info, warn};

use crate::settings::{KeyOrder, Settings};

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

/// Keeps the keys.
pub(crate) struct SealingKeys {
    client: Client,
    secrets: Secrets,
    settings: Arc<Settings>,
    installation: Mutex<Installation>,
    current: watch::Sender<Option<Arc<Keys>>>,
}

impl SealingKeys {
    /// Reads the installation's own Secret, or makes it. No key is read yet.
    ///
    /// # Errors
    /// [`KeysError`].
    pub(crate) async fn open(
        client: Client,
        settings: Arc<Settings>,
    ) -> Result<(Self, InstallationKey), KeysError> {
        let secrets = Secrets::new(client.clone());
        let made = || Ok(Installation::create(&settings.namespace, &mut SystemRandom)?);
        let kept = find_or_create(&secrets, &settings.namespace, made).await?;
        let key = Installation::read(kept.duplicate())
            .ok_or(KeysError::Installation)?
            .key;
        let installation = Mutex::new(Installation::read(kept).ok_or(KeysError::Installation)?);
        Ok((
            Self {
                client,
                secrets,
                settings,
                installation,
                current: watch::Sender::new(None),
            },
            key,
        ))
    }

    /// The keys, whenever they change.
    pub(crate) fn current(&self) -> watch::Receiver<Option<Arc<Keys>>> {
        self.current.subscribe()
    }

    /// Reads all keys anew; makes one where there is none, and at the first reading also where the one
    /// in use is older than the cutoff.
    ///
    /// # Errors
    /// [`KeysError`]; the keys stay as they were.
    pub(crate) async fn reload(&self) -> Result<(), KeysError> {
        self.read_installation().await?;
        let mut found = self.read().await?;
        let first = self.current.borrow().is_none();
        let primary = self.primary(&found, Timestamp::now()).await?;
        let old = match (primary, self.settings.key_cutoff_time()) {
            (Some(primary), Some(cutoff)) if first => self.since(&found[primary]) < cutoff,
            _ => false,
        };
        let primary = match primary {
            Some(primary) if !old => primary,
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
    pub(crate) async fn renew(&self) -> Result<(), KeysError> {
        self.make().await?;
        self.reload().await
    }

    /// The key that seals.
    pub(crate) fn sealing(&self) -> Option<Fingerprint> {
        let current = self.current.borrow();
        current.as_ref().map(|keys| keys.certificate.fingerprint())
    }

    /// How long until a new key is due; `None` for never.
    pub(crate) fn due_in(&self, now: Timestamp) -> Option<Duration> {
        let period = self.settings.key_renew_period()?;
        let since = self.current.borrow().as_ref()?.certificate.not_before();
        let due = since.checked_add(period).ok()?;
        Some(Duration::try_from(due.duration_since(now)).unwrap_or_default())
    }

    async fn read(&self) -> Result<Vec<SealingKey>, KeysError> {
        let namespace = &self.settings.namespace;
        let listed: Api<PartialObjectMeta<CoreSecret>> = Api::namespaced(self.client.clone(), namespace);
        let active = ListParams::default().labels(&format!("{KEY_LABEL}={KEY_ACTIVE}"));
        let listed = listed
            .list_metadata(&active)
            .await
            .map_err(|error| KeysError::List(Box::new(error)))?;
        let mut names: Vec<String> = listed
            .items
            .into_iter()
            .filter_map(|item| item.metadata.name)
            .collect();
        // Before 0.9, upstream had one key of just that name and without a label.
        if !names.contains(&self.settings.key_prefix) {
            names.push(self.settings.key_prefix.clone());
        }
        let mut held = Vec::new();
        for name in names {
            let call = |source| KeysError::Call {
                doing: "reading a key Secret",
                source,
            };
            held.extend(self.secrets.find(namespace, &name).await.map_err(call)?);
        }
        Ok(tokio::task::spawn_blocking(move || {
            let usable = |secret| {
                read_key(secret)
                    .inspect_err(|error| {
                        let name = secret.metadata.name.as_deref().unwrap_or_default();
                        warn!(secretname = name, %error, "Error reading key");
                    })
                    .ok()
            };
            held.iter().filter_map(usable).collect()
        })
        .await?)
    }

    fn since(&self, key: &SealingKey) -> Timestamp {
        match self.settings.key_order_priority {
            KeyOrder::CertNotBefore => key.certificate.not_before(),
            KeyOrder::SecretCreationTimestamp => key.created,
        }
    }

    // What was chosen is remembered where the installation does not name it yet.
    async fn primary(&self, found: &[SealingKey], now: Timestamp) -> Result<Option<usize>, KeysError> {
        let fingerprint = |key: &SealingKey| key.private.public().fingerprint();
        let seals = |key: &SealingKey| key.certificate.fingerprint() == fingerprint(key);
        for key in found.iter().filter(|key| !seals(key)) {
            warn!(
                secretname = key.secret,
                "tls.crt does not belong to tls.key: this key opens, but does not seal"
            );
        }
        let named = self.installation().primary.clone();
        let named = named.and_then(|name| name.parse::<Fingerprint>().ok());
        let candidates: Vec<Candidate> = found
            .iter()
            .map(|key| Candidate {
                fingerprint: fingerprint(key),
                seals: seals(key),
                not_before: key.certificate.not_before(),
                order: (self.since(key), Reverse(key.created)),
            })
            .collect();
        let chosen = choose(&candidates, [named, self.sealing()], now);
        if let Some(at) = chosen
            && named != Some(candidates[at].fingerprint)
        {
            self.remember(candidates[at].fingerprint).await?;
        }
        Ok(chosen)
    }

    async fn make(&self) -> Result<SealingKey, KeysError> {
        let (size, common_name) = (self.settings.key_size, self.settings.my_cn.clone());
        let lifetime = self.settings.key_ttl();
        let (key, certificate) = tokio::task::spawn_blocking(move || {
            let key = PrivateKey::generate(size)?;
            let now = Timestamp::now();
            let not_before = Timestamp::from_second(now.as_second()).unwrap_or(now);
            let contents = SelfSigned {
                common_name: &common_name,
                not_before,
                lifetime,
            };
            let certificate = Certificate::self_signed(&key, &contents, &mut SystemRandom)?;
            Ok::<_, KeysError>((key, certificate))
        })
        .await??;
        let shape = KeySecretShape {
            prefix: self.settings.key_prefix.clone(),
            labels: self.settings.key_labels(),
            annotations: self.settings.key_annotations(),
        };
        let secret = key_secret(
            &self.settings.namespace,
            &key,
            &certificate,
            &shape,
            &mut SystemRandom,
        )?;
        // Named first: a key that is named and was never written is passed over; a key that was written
        // and never named would be taken for somebody else's.
        self.remember(key.public().fingerprint()).await?;
        let call = |source| KeysError::Call {
            doing: "writing a new key",
            source,
        };
        let written = self.secrets.create(&secret).await.map_err(call)?;
        let name = written.metadata.name.unwrap_or_default();
        let fingerprint = key.public().fingerprint();
        info!(namespace = self.settings.namespace, secretname = name, %fingerprint, "New key written");
        info!("Certificate generated\n{}", certificate.pem());
        let created = written
            .metadata
            .creation_timestamp
            .map_or_else(Timestamp::now, |time| time.0);
        Ok(SealingKey {
            secret: name,
            created,
            private: key,
            certificate,
        })
    }

    async fn remember(&self, fingerprint: Fingerprint) -> Result<(), KeysError> {
        let call = |source| KeysError::Call {
            doing: "noting which key seals",
            source,
        };
        let mut conflict = None;
        for _ in 0..3 {
            let changed = self.installation().with_primary(&fingerprint.to_string());
            match self.secrets.replace(&changed).await {
                Ok(secret) => {
                    *self.installation() = Installation::read(secret).ok_or(KeysError::Installation)?;
                    return Ok(());
                }
                Err(error) if error.is_conflict() || error.is_not_found() => {
                    self.read_installation().await?;
                    conflict = Some(error);
                }
                Err(error) => return Err(call(error)),
            }
        }
        Err(conflict.map_or(KeysError::None, call))
    }

    // Whoever makes another key primary writes that there. Where it was deleted it is made again with
    // the same key: otherwise nothing of what this installation recorded would count any longer.
    async fn read_installation(&self) -> Result<(), KeysError> {
        let anew = self.installation().anew();
        let fresh = find_or_create(&self.secrets, &self.settings.namespace, || Ok(anew)).await?;
        *self.installation() = Installation::read(fresh).ok_or(KeysError::Installation)?;
        Ok(())
    }

    fn publish(&self, found: Vec<SealingKey>, primary: usize) -> Result<(), KeysError> {
        let mut certificate = None;
        let mut ring = Vec::with_capacity(found.len());
        for (at, key) in found.into_iter().enumerate() {
            let since = self.since(&key);
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

    fn installation(&self) -> std::sync::MutexGuard<'_, Installation> {
        self.installation.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// What choosing the key that seals goes by.
struct Candidate {
    fingerprint: Fingerprint,
    seals: bool,
    not_before: Timestamp,
    order: (Timestamp, Reverse<Timestamp>),
}

// The first of `preferred` that is there; without any the newest, as upstream. What is not valid yet,
// or carries another key's certificate, does not seal. The key in use is preferred to the newest: a
// renewal that failed half-way must not promote a key that somebody else put there.
fn choose(candidates: &[Candidate], preferred: [Option<Fingerprint>; 2], now: Timestamp) -> Option<usize> {
    let standing = |wanted: Fingerprint| {
        candidates
            .iter()
            .position(|key| key.seals && key.fingerprint == wanted)
    };
    if let Some(at) = preferred.into_iter().flatten().find_map(standing) {
        return Some(at);
    }
    let usable = candidates
        .iter()
        .enumerate()
        .filter(|(_, key)| key.seals && key.not_before <= now);
    // Of equals the first.
    usable.rev().max_by_key(|(_, key)| key.order).map(|(at, _)| at)
}

// Two controllers that start together agree on the one that was written first.
async fn find_or_create(
    secrets: &Secrets,
    namespace: &str,
    made: impl FnOnce() -> Result<seal_api::Secret, KeysError>,
) -> Result<seal_api::Secret, KeysError> {
    let call = |source| KeysError::Call {
        doing: "reading the installation's Secret",
        source,
    };
    if let Some(kept) = secrets.find(namespace, INSTALLATION_SECRET).await.map_err(call)? {
        return Ok(kept);
    }
    match secrets.create(&made()?).await {
        Ok(made) => Ok(made),
        Err(error) if error.is_conflict() => {
            let kept = secrets.find(namespace, INSTALLATION_SECRET).await.map_err(call)?;
            kept.ok_or_else(|| call(error))
        }
        Err(error) => Err(call(error)),
    }
}

#[cfg(test)]
mod tests {
    use seal_core::KeySize;

    use super::*;

    #[test]
    fn the_named_key_seals_then_the_one_in_use_and_only_then_the_newest_that_is_valid() {
        let made = || {
            PrivateKey::generate(KeySize::Bits2048)
                .unwrap()
                .public()
                .fingerprint()
        };
        let at = |second| Timestamp::from_second(second).unwrap();
        let candidate = |seals, second| Candidate {
            fingerprint: made(),
            seals,
            not_before: at(second),
            order: (at(second), Reverse(at(0))),
        };
        let all = [
            candidate(true, 10),
            candidate(true, 20),
            candidate(false, 30),
            candidate(true, 2000),
        ];
        let [old, newest, mismatched, future] = [0, 1, 2, 3].map(|at| Some(all[at].fingerprint));
        let (now, gone) = (at(1000), Some(made()));
        for (preferred, chosen) in [
            ([None, None], Some(1)),
            ([old, newest], Some(0)),
            ([gone, old], Some(0)),
            ([gone, None], Some(1)),
            ([mismatched, gone], Some(1)),
            ([future, None], Some(3)),
        ] {
            assert_eq!(choose(&all, preferred, now), chosen);
        }
        assert_eq!(choose(&all[2..], [gone, None], now), None);
    }

    #[test]
    fn of_keys_of_the_same_moment_the_one_that_was_created_first_seals() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let candidate = |created| Candidate {
            fingerprint: PrivateKey::generate(KeySize::Bits2048)
                .unwrap()
                .public()
                .fingerprint(),
            seals: true,
            not_before: at(10),
            order: (at(10), Reverse(at(created))),
        };
        let all = [candidate(3), candidate(2), candidate(2)];
        assert_eq!(choose(&all, [None, None], at(1000)), Some(1));
    }
}
