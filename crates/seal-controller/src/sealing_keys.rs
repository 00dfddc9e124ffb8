//! The ring of sealing keys as it stands in the controller's namespace, which of them seals, and when
//! a new one is due.
//!
//! A key that somebody else puts there unseals at once, but seals only when the installation says so
//! (S4); only the first choice is made in upstream's order. Opening is not done here.

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
        let kept = installation(&secrets, &settings.namespace).await?;
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

    // The key that the installation names; else the newest, which is then remembered. What is not
    // valid yet, or carries another key's certificate, does not seal.
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
        if let Some(at) = found
            .iter()
            .position(|key| seals(key) && Some(fingerprint(key)) == named)
        {
            return Ok(Some(at));
        }
        let mut newest: Option<usize> = None;
        for (at, key) in found.iter().enumerate() {
            if !seals(key) || key.certificate.not_before() > now {
                continue;
            }
            let order = |at: usize| (self.since(&found[at]), std::cmp::Reverse(found[at].created));
            if newest.is_none_or(|newest| order(newest) < order(at)) {
                newest = Some(at);
            }
        }
        if let Some(at) = newest {
            self.remember(fingerprint(&found[at])).await?;
        }
        Ok(newest)
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
        for _ in 0..3 {
            let changed = self.installation().with_primary(&fingerprint.to_string());
            match self.secrets.replace(&changed).await {
                Ok(secret) => {
                    *self.installation() = Installation::read(secret).ok_or(KeysError::Installation)?;
                    return Ok(());
                }
                Err(error) if error.is_conflict() || error.is_not_found() => {
                    let fresh = installation(&self.secrets, &self.settings.namespace).await?;
                    *self.installation() = Installation::read(fresh).ok_or(KeysError::Installation)?;
                }
                Err(error) => return Err(call(error)),
            }
        }
        Err(KeysError::Installation)
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

// Two controllers that start together agree on the one that was written first.
async fn installation(secrets: &Secrets, namespace: &str) -> Result<seal_api::Secret, KeysError> {
    let call = |source| KeysError::Call {
        doing: "reading the installation's Secret",
        source,
    };
    if let Some(kept) = secrets.find(namespace, INSTALLATION_SECRET).await.map_err(call)? {
        return Ok(kept);
    }
    match secrets
        .create(&Installation::create(namespace, &mut SystemRandom)?)
        .await
    {
        Ok(made) => Ok(made),
        Err(error) if error.is_conflict() => {
            let kept = secrets.find(namespace, INSTALLATION_SECRET).await.map_err(call)?;
            kept.ok_or(KeysError::Installation)
        }
        Err(error) => Err(call(error)),
    }
}
