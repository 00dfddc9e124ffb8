//! The clients of stores: one for each store and identity, shared by all who ask as that identity, and made anew when
//! the store or something that it refers to changes. Who shares a client shares its token and its answers, and nobody
//! else does (S11).

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use kube::Client;
use seal_api::external_secrets::Provider;
use seal_engine::external_secret::boundary::Place;
use seal_engine::{Fault, SecretVersion, catalogue};
use seal_providers::vault::VaultClient;
use seal_providers::{Health, Meter, Reach, SecretsClient, StoreError};
use seal_template::Functions;
use tokio::sync::Mutex as AsyncMutex;
use tokio::sync::mpsc::UnboundedSender;

use super::credentials::{Audience, Credentials, Interest, Lacking};
use super::dependents::Thing;
use super::identity::{Basis, Edition, Identity, Told};
use super::outages::Outages;
use super::stores::Store;
use super::{fake, kubernetes, vault, webhook};
use crate::known::{Key, Known};
use crate::metrics::external_secrets::{ExternalSecretMetrics, StoreMeter};

// More often than this nobody changes credentials at a stretch.
const READINGS: usize = 3;

/// All clients.
pub(crate) struct Clients {
    cluster: Client,
    reach: Reach,
    audience: Audience,
    /// What templates of webhooks may call.
    functions: Functions,
    /// The versions of the Secrets that stores refer to.
    secrets: Arc<Known<SecretVersion>>,
    interest: Interest,
    /// Who hears of stores that answer no longer, or again.
    told: UnboundedSender<(Key, Health)>,
    metrics: Arc<ExternalSecretMetrics>,
    /// The stores that are somebody else to each namespace, as they were last seen.
    askers_own: Mutex<HashMap<Key, Edition>>,
    outages: Arc<Outages>,
    all: Mutex<HashMap<Identity, Arc<AsyncMutex<Option<Made>>>>>,
}

struct Made {
    basis: Basis,
    client: Arc<dyn SecretsClient>,
}

impl Clients {
    /// None yet.
    pub(crate) fn new(
        cluster: Client,
        reach: Reach,
        audience: Audience,
        secrets: Arc<Known<SecretVersion>>,
        told: UnboundedSender<(Key, Health)>,
        metrics: Arc<ExternalSecretMetrics>,
    ) -> Self {
        Self {
            cluster,
            reach,
            audience,
            functions: seal_template::external_secrets::functions(),
            secrets,
            interest: Interest::default(),
            told,
            metrics,
            askers_own: Mutex::default(),
            outages: Arc::default(),
            all: Mutex::default(),
        }
    }

    /// The client of `store` for an object in the namespace `asker`; for the store itself where that is empty. What
    /// was looked at for it is noted in `looked_at`, above all where something is lacking: its coming is waited for.
    ///
    /// # Errors
    /// When the store cannot be used as it is, or only on somebody's behalf.
    pub(crate) async fn of(
        &self,
        store: &Store,
        asker: &str,
        looked_at: &mut BTreeSet<Thing>,
    ) -> Result<Arc<dyn SecretsClient>, Lacking> {
        let spec = store.spec.as_ref();
        let provider =
            spec.ok_or_else(|| Fault::new(&catalogue::STORE_UNREADABLE).fact("store", store.name()))?;
        let provider = provider.provider.read();
        let provider =
            provider.map_err(|fault| Fault::new(&catalogue::STORE_SETTINGS).fact("what", fault))?;
        // Whether a store takes anything from whoever asks is found out by reading on nobody's behalf, rather than
        // from a list of its references, which could forget one and share a client across namespaces (S11).
        if !self.is_askers_own(store) {
            match self.shared(store, &provider, "", looked_at).await {
                Err(Lacking::Asker) => self.note_as_askers_own(store),
                outcome => return outcome,
            }
        }
        match asker {
            "" => Err(Lacking::Asker),
            asker => self.shared(store, &provider, asker, looked_at).await,
        }
    }

    /// Which stores are down.
    pub(crate) fn outages(&self) -> &Outages {
        &self.outages
    }

    async fn shared(
        &self,
        store: &Store,
        provider: &Provider,
        asker: &str,
        looked_at: &mut BTreeSet<Thing>,
    ) -> Result<Arc<dyn SecretsClient>, Lacking> {
        let identity = Identity {
            store: Key::of(&store.metadata),
            asker: asker.into(),
        };
        let place = Arc::clone(self.lock().entry(identity).or_default());
        // Whoever comes second waits for the first one's client.
        let mut place = place.lock().await;
        if let Some(made) = place.as_ref().filter(|made| self.is_current(made, store)) {
            looked_at.extend(made.basis.things.keys().cloned());
            return Ok(Arc::clone(&made.client));
        }
        if let Some(outdated) = place.take() {
            tokio::spawn(async move { outdated.client.close().await });
        }
        let mut made = self.make(store, provider, asker, looked_at).await?;
        // What changed while it was read.
        for _ in 0..READINGS {
            if self.is_current(&made, store) {
                break;
            }
            let outdated = std::mem::replace(&mut made, self.make(store, provider, asker, looked_at).await?);
            outdated.client.close().await;
        }
        Ok(Arc::clone(&place.insert(made).client))
    }

    /// Whether some store refers to `thing`.
    pub(crate) fn concerns(&self, thing: &Thing) -> bool {
        self.interest.has(thing)
    }

    /// The store of `key` is no more: what it handed out is given back.
    pub(crate) fn forget(&self, key: &Key) {
        self.askers_own().remove(key);
        let mut all = self.lock();
        let gone: Vec<Identity> = all
            .keys()
            .filter(|identity| identity.store == *key)
            .cloned()
            .collect();
        for identity in gone {
            if let Some(place) = all.remove(&identity) {
                tokio::spawn(async move {
                    if let Some(made) = place.lock().await.take() {
                        made.client.close().await;
                    }
                });
            }
        }
    }

    /// Gives everything back, at the end.
    pub(crate) async fn close(&self) {
        let places: Vec<_> = self.lock().drain().map(|(_, place)| place).collect();
        for place in places {
            if let Some(made) = place.lock().await.take() {
                made.client.close().await;
            }
        }
    }

    async fn make(
        &self,
        store: &Store,
        provider: &Provider,
        asker: &str,
        looked_at: &mut BTreeSet<Thing>,
    ) -> Result<Made, Lacking> {
        let place = Place {
            kind: store.kind,
            namespace: store.namespace(),
            asker,
        };
        let mut credentials = Credentials::new(&self.cluster, place, &self.interest, self.audience);
        let key = Key::of(&store.metadata);
        let meter = self.metrics.meter(&key, upstreams_name(provider));
        let client = self.connect(provider, &mut credentials, &meter).await;
        let things = credentials.into_things();
        looked_at.extend(things.keys().cloned());
        let client = client?;
        self.listen(key, client.as_ref(), meter);
        Ok(Made {
            basis: Basis {
                edition: Edition::of(store),
                things,
                made: Instant::now(),
            },
            client,
        })
    }

    async fn connect(
        &self,
        provider: &Provider,
        credentials: &mut Credentials<'_>,
        meter: &Arc<StoreMeter>,
    ) -> Result<Arc<dyn SecretsClient>, Lacking> {
        let meter: Option<Arc<dyn Meter>> = Some(Arc::<StoreMeter>::clone(meter));
        Ok(match provider {
            Provider::Vault(vault) => {
                let mut settings = vault::settings(vault, credentials, self.reach).await?;
                settings.meter = meter;
                Arc::new(VaultClient::new(settings).map_err(|error| refused(&error))?)
            }
            Provider::Kubernetes(block) => {
                Arc::new(kubernetes::client(block, credentials, self.reach, meter).await?)
            }
            Provider::Webhook(block) => {
                Arc::new(webhook::client(block, credentials, self.reach, meter, &self.functions).await?)
            }
            Provider::Fake(block) => Arc::new(fake::client(block)),
        })
    }

    // Those who wait for a store that is down are not left to their own pauses, and that it is down is told before its
    // next validation. Ends with the client.
    fn listen(&self, store: Key, client: &dyn SecretsClient, meter: Arc<StoreMeter>) {
        let (mut health, told) = (client.health(), self.told.clone());
        let outages = Arc::clone(&self.outages);
        let note = move |store: &Key, is_down: bool| {
            meter.is_down(is_down);
            match is_down {
                true => outages.begin(store),
                false => outages.end(store),
            }
        };
        tokio::spawn(async move {
            let mut is_down = false;
            while health.changed().await.is_ok() {
                let news = *health.borrow_and_update();
                let now = news == Health::Down;
                if now != is_down {
                    is_down = now;
                    note(&store, now);
                }
                if told.send((store.clone(), news)).is_err() {
                    return;
                }
            }
            if is_down {
                note(&store, false);
            }
        });
    }

    fn is_current(&self, made: &Made, store: &Store) -> bool {
        made.basis
            .stands(&Edition::of(store), |thing| self.told_of(thing))
    }

    fn told_of(&self, thing: &Thing) -> Told {
        let Thing::Secret(key) = thing else {
            return Told::Nothing;
        };
        match self.secrets.find(key) {
            Some(version) => Told::Version(version),
            None if self.secrets.is_gone(key) => Told::Gone,
            // The watch may not have come that far.
            None => Told::Nothing,
        }
    }

    fn is_askers_own(&self, store: &Store) -> bool {
        self.askers_own().get(&Key::of(&store.metadata)) == Some(&Edition::of(store))
    }

    fn note_as_askers_own(&self, store: &Store) {
        self.askers_own()
            .insert(Key::of(&store.metadata), Edition::of(store));
    }

    fn askers_own(&self) -> MutexGuard<'_, HashMap<Key, Edition>> {
        self.askers_own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Identity, Arc<AsyncMutex<Option<Made>>>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// In metrics.
fn upstreams_name(provider: &Provider) -> &'static str {
    match provider {
        Provider::Vault(_) => "HashiCorp/Vault",
        Provider::Kubernetes(_) => "Kubernetes",
        Provider::Webhook(_) => "Webhook",
        Provider::Fake(_) => "Fake",
    }
}

fn refused(error: &StoreError) -> Lacking {
    Lacking::Fault(Fault::new(&catalogue::STORE_SETTINGS).fact("what", error))
}
