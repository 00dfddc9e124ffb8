//! ExternalSecrets: values from stores, as native Secrets. What is known of them, and who looks after them.
//!
//! What should be done is the engine's to say, how a store is asked `seal-providers`' to know.

mod bring;
mod clients;
mod cluster;
mod credentials;
mod dependents;
mod fake;
mod gather;
mod generators;
mod identity;
mod kubernetes;
mod outages;
mod prepare;
mod reconcile;
mod rooms;
mod start;
mod stores;
mod tell;
mod turns;
mod validate;
mod vault;
mod watched;
mod webhook;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use k8s_openapi::api::core::v1::Namespace;
use kube::{Client, ResourceExt};
use seal_api::external_secrets::{ExternalSecret, ExternalSecretStatus, StoreKind, StoreRef};
use seal_cluster::events::Events;
use seal_cluster::installation::INSTALLATION_SECRET;
use seal_cluster::secrets::Secrets;
use seal_core::InstallationKey;
use seal_engine::external_secret::boundary::Anchoring;
use seal_engine::external_secret::shape::Templating;
use seal_engine::{Fault, Record, SecretVersion};
use seal_providers::{Health, Reach};
use tokio::sync::mpsc::UnboundedSender;

use crate::known::{Key, Known, Versioned};
use crate::metrics::external_secrets::ExternalSecretMetrics;
use crate::queue::{Lane, Queue};
use crate::settings::{Settings, Watched};
use clients::Clients;
use credentials::Audience;
use dependents::Dependents;
use generators::Generators;
use rooms::Rooms;
pub(crate) use start::Part;
use stores::Stores;
use turns::Turns;

/// Who tells, in events.
const COMPONENT: &str = "external-secrets";

/// What can be chosen about them.
#[derive(Clone, Debug)]
struct Choices {
    /// Which stores are ours: those of this class, and those of none.
    class: String,
    /// How namespace patterns of ClusterSecretStores are read.
    anchoring: Anchoring,
    /// Whether `refreshInterval: 0` ignores changes too, as upstream does.
    zero_is_never: bool,
    /// Whether stores of the whole cluster are looked at: not by whom only some namespaces concern.
    stores_of_cluster: bool,
    /// Whether ClusterExternalSecrets are taken care of.
    spreads: bool,
    /// Namespace and names of the Secrets that no target may be.
    reserved: (String, Vec<String>),
}

/// Everything about ExternalSecrets.
pub(crate) struct ExternalSecrets {
    client: Client,
    choices: Arc<Choices>,
    templating: Arc<Templating>,
    installation: Arc<InstallationKey>,
    secrets_api: Secrets,
    events: Events,
    store_events: Events,
    cluster_store_events: Events,
    /// The objects, as the watch tells.
    objects: Known<Arc<Seen>>,
    /// The stores, as the watches tell.
    stores: Stores,
    /// The generators, as the watches tell.
    generators: Generators,
    /// The versions of the Secrets that somebody looks at, as the watch tells.
    secrets: Arc<Known<SecretVersion>>,
    dependents: Dependents,
    store_dependents: Dependents,
    clients: Clients,
    metrics: Arc<ExternalSecretMetrics>,
    /// Objects to be looked at.
    queue: Arc<Queue<Key>>,
    /// Who waits for which store.
    rooms: Arc<Rooms>,
    /// Stores to be validated.
    validations: Arc<Queue<Key>>,
    memory: Mutex<HashMap<Key, Memory>>,
    turns: Turns,
    /// Who hears of objects that something happened to, if anybody does.
    changed: Option<UnboundedSender<Key>>,
}

/// An ExternalSecret as it was last seen.
pub(crate) struct Seen {
    /// The object; its metadata only where the rest cannot be read.
    object: ExternalSecret,
    /// Whether the rest could be read.
    readable: bool,
}

impl Seen {
    /// The key of its Secret.
    fn target(&self) -> Key {
        Key {
            namespace: self.object.namespace().unwrap_or_default().into(),
            name: self.object.target_name().into(),
        }
    }
}

impl Versioned for Arc<Seen> {
    fn resource_version(&self) -> &str {
        self.object
            .metadata
            .resource_version
            .as_deref()
            .unwrap_or_default()
    }
}

// What the last attempt came to, where the status could not be written or is not seen yet.
#[derive(Default)]
struct Memory {
    record: Option<Record>,
    status: Option<ExternalSecretStatus>,
}

impl ExternalSecrets {
    /// One that has not seen anything yet.
    pub(crate) fn new(
        client: Client,
        settings: &Settings,
        installation: Arc<InstallationKey>,
        part: &Part,
        told: UnboundedSender<(Key, Health)>,
    ) -> Self {
        let chosen = &settings.external_secrets;
        let reach = match chosen.stores_on_loopback {
            true => Reach::AlsoLoopback,
            false => Reach::Network,
        };
        let audience = match chosen.require_token_audience {
            true => Audience::Named,
            false => Audience::Anybody,
        };
        let secrets = Arc::new(Known::default());
        Self {
            choices: Arc::new(Choices {
                class: chosen.controller_class.clone(),
                anchoring: match chosen.unanchored_namespace_regexes {
                    true => Anchoring::Part,
                    false => Anchoring::Whole,
                },
                zero_is_never: chosen.zero_interval_is_never,
                stores_of_cluster: settings.watched() == Watched::All,
                spreads: chosen.cluster_external_secrets,
                reserved: (
                    settings.namespace.clone(),
                    vec![settings.key_prefix.clone(), INSTALLATION_SECRET.to_owned()],
                ),
            }),
            templating: Arc::new(Templating {
                functions: seal_template::external_secrets::functions(),
                delimiters: seal_template::Delimiters::default(),
                copy_bookkeeping: chosen.copy_bookkeeping_annotations,
            }),
            secrets_api: Secrets::new(client.clone()),
            events: Events::new(client.clone(), COMPONENT),
            store_events: Events::new(client.clone(), "secret-store"),
            cluster_store_events: Events::new(client.clone(), "cluster-secret-store"),
            objects: Known::default(),
            stores: Stores::default(),
            generators: Generators::default(),
            dependents: Dependents::default(),
            store_dependents: Dependents::default(),
            clients: Clients::new(
                client.clone(),
                reach,
                audience,
                Arc::clone(&secrets),
                told,
                Arc::clone(&part.metrics),
            ),
            metrics: Arc::clone(&part.metrics),
            secrets,
            queue: Arc::clone(&part.queue),
            rooms: Rooms::new(Arc::clone(&part.queue)),
            validations: Arc::clone(&part.validations),
            memory: Mutex::default(),
            turns: Turns::new(),
            changed: None,
            client,
            installation,
        }
    }

    /// Gives back what the stores handed out.
    pub(crate) async fn close(&self) {
        self.clients.close().await;
    }

    // Only where a condition asks for labels; what nobody may read counts as having none.
    async fn namespace_labels(
        &self,
        reference: &StoreRef,
        namespace: &str,
    ) -> Result<BTreeMap<String, String>, Fault> {
        if reference.kind.unwrap_or_default() != StoreKind::ClusterSecretStore {
            return Ok(BTreeMap::new());
        }
        let store = self.stores.find(&stores::key_of(reference, namespace));
        let conditions = store
            .iter()
            .filter_map(|store| store.spec.as_ref())
            .flat_map(|spec| &spec.conditions);
        if !conditions
            .into_iter()
            .any(|condition| condition.namespace_selector.is_some())
        {
            return Ok(BTreeMap::new());
        }
        let found = seal_cluster::call::get::<Namespace>(&self.client, namespace).await;
        let found = found.map_err(|error| {
            error.fault(seal_cluster::call::Deed {
                verb: "get",
                resource: "namespaces",
            })
        })?;
        Ok(found.and_then(|found| found.metadata.labels).unwrap_or_default())
    }

    // Those who use the store look again.
    fn wake(&self, store: &Key, lane: Lane) {
        for key in self.dependents.of(&dependents::Thing::Store(store.clone())) {
            self.queue.add(key, lane);
        }
    }
}
