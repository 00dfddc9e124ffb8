//! The stores that there are, as their watches tell: SecretStores and ClusterSecretStores under one roof, which of them
//! an ExternalSecret may use, and what it may read of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::api::ObjectMeta;
use seal_api::annotations::ALLOWED_PATHS;
use seal_api::external_secrets::{
    ClusterSecretStore, SecretStore, SecretStoreSpec, SecretStoreStatus, StoreKind, StoreRef,
};
use seal_cluster::watch::Watched;
use seal_engine::external_secret::Dialect;
use seal_engine::external_secret::boundary::{Anchoring, lets_in};
use seal_engine::{Fault, catalogue};
use seal_providers::{Allowed, InvalidPattern};

use crate::known::{Key, Known, Versioned};

/// All stores, by kind: each kind has a watch of its own.
#[derive(Default)]
pub(crate) struct Stores {
    /// SecretStores.
    pub(crate) of_namespaces: Known<Arc<Store>>,
    /// ClusterSecretStores; their keys have no namespace.
    pub(crate) of_cluster: Known<Arc<Store>>,
}

impl Stores {
    /// What a write of the status of `store` was answered.
    pub(crate) fn update(&self, store: &Store, mut metadata: ObjectMeta, status: SecretStoreStatus) {
        metadata.managed_fields = None;
        let key = Key::of(&metadata);
        let written = Arc::new(Store {
            kind: store.kind,
            allowed: allowed(&metadata),
            metadata,
            spec: store.spec.clone(),
            status: Some(status),
        });
        match store.kind {
            StoreKind::SecretStore => self.of_namespaces.update(&key, written),
            StoreKind::ClusterSecretStore => self.of_cluster.update(&key, written),
        }
    }

    /// The store of that key.
    pub(crate) fn find(&self, key: &Key) -> Option<Arc<Store>> {
        match key.namespace.is_empty() {
            true => self.of_cluster.find(key),
            false => self.of_namespaces.find(key),
        }
    }
}

/// A store as it was last seen.
#[derive(Debug)]
pub(crate) struct Store {
    /// Of which kind.
    pub(crate) kind: StoreKind,
    /// Its metadata.
    pub(crate) metadata: ObjectMeta,
    /// What it is; nothing where it cannot be read.
    pub(crate) spec: Option<SecretStoreSpec>,
    /// What is said about it.
    pub(crate) status: Option<SecretStoreStatus>,
    /// Which of its paths may be read; nobody knows where the list cannot be read.
    allowed: Result<Arc<Allowed>, InvalidPattern>,
}

impl Store {
    /// The store that a watch of SecretStores tells of.
    pub(crate) fn of_namespace(watched: Watched<SecretStore>) -> (Key, Arc<Self>) {
        let (metadata, spec, status) = match watched.0 {
            Ok(store) => (store.metadata, Some(store.spec), store.status),
            Err(invalid) => (invalid.metadata, None, None),
        };
        Self::seen(StoreKind::SecretStore, metadata, spec, status)
    }

    /// The store that a watch of ClusterSecretStores tells of.
    pub(crate) fn of_cluster(watched: Watched<ClusterSecretStore>) -> (Key, Arc<Self>) {
        let (metadata, spec, status) = match watched.0 {
            Ok(store) => (store.metadata, Some(store.spec.store), store.status),
            Err(invalid) => (invalid.metadata, None, None),
        };
        Self::seen(StoreKind::ClusterSecretStore, metadata, spec, status)
    }

    fn seen(
        kind: StoreKind,
        mut metadata: ObjectMeta,
        spec: Option<SecretStoreSpec>,
        status: Option<SecretStoreStatus>,
    ) -> (Key, Arc<Self>) {
        // Large, and of no use here.
        metadata.managed_fields = None;
        let key = Key::of(&metadata);
        let store = Self {
            kind,
            allowed: allowed(&metadata),
            metadata,
            spec,
            status,
        };
        (key, Arc::new(store))
    }

    /// Its kind and name, for sentences.
    pub(crate) fn name(&self) -> String {
        format!(
            "{} \"{}\"",
            self.kind,
            self.metadata.name.as_deref().unwrap_or_default()
        )
    }

    /// How its provider means what it answers; nothing where that cannot be read.
    pub(crate) fn dialect(&self) -> Option<Dialect> {
        let provider = self.spec.as_ref()?.provider.read().ok()?;
        Some(Dialect::of(&provider))
    }

    /// Its namespace; nothing for a ClusterSecretStore.
    pub(crate) fn namespace(&self) -> &str {
        self.metadata.namespace.as_deref().unwrap_or_default()
    }

    /// Which of its paths may be read.
    ///
    /// # Errors
    /// When its list cannot be read: then none may.
    pub(crate) fn allowed(&self) -> Result<Arc<Allowed>, Fault> {
        self.allowed.clone().map_err(|invalid| {
            Fault::new(&catalogue::STORE_PATHS_UNREADABLE)
                .fact("store", self.name())
                .fact("what", invalid)
        })
    }

    /// Whether a controller of that class takes care of it. One that cannot be read is everybody's.
    pub(crate) fn is_of_class(&self, class: &str) -> bool {
        let named = self.spec.as_ref().and_then(|spec| spec.controller.as_deref());
        named.is_none_or(|named| named.is_empty() || named == class)
    }
}

impl Versioned for Arc<Store> {
    fn resource_version(&self) -> &str {
        self.metadata.resource_version.as_deref().unwrap_or_default()
    }
}

// Of either kind: whoever limits a store of his own namespace means it, too.
fn allowed(metadata: &ObjectMeta) -> Result<Arc<Allowed>, InvalidPattern> {
    let annotations = metadata.annotations.as_ref();
    let list = annotations.and_then(|all| all.get(ALLOWED_PATHS));
    let allowed = list.map_or_else(|| Ok(Allowed::everything()), |list| Allowed::listed(list));
    allowed.map(Arc::new)
}

/// The key under which a store is known that an object in `namespace` refers to.
pub(crate) fn key_of(reference: &StoreRef, namespace: &str) -> Key {
    let namespace = match reference.kind.unwrap_or_default() {
        StoreKind::SecretStore => namespace,
        StoreKind::ClusterSecretStore => "",
    };
    Key {
        namespace: namespace.into(),
        name: reference.name.as_str().into(),
    }
}

/// The store that an object in `namespace`, which has these labels, refers to, if it may use it.
///
/// # Errors
/// When there is none, or none for this namespace.
pub(crate) fn usable(
    stores: &Stores,
    reference: &StoreRef,
    namespace: &str,
    labels: &BTreeMap<String, String>,
    anchoring: Anchoring,
) -> Result<Arc<Store>, Fault> {
    let absent = || {
        Fault::new(&catalogue::STORE_ABSENT)
            .fact("kind", reference.kind.unwrap_or_default())
            .fact("name", &reference.name)
    };
    let store = stores.find(&key_of(reference, namespace)).ok_or_else(absent)?;
    let Some(spec) = &store.spec else {
        return Err(Fault::new(&catalogue::STORE_UNREADABLE).fact("store", store.name()));
    };
    if store.kind == StoreKind::ClusterSecretStore
        && !lets_in(&spec.conditions, namespace, labels, anchoring)?
    {
        return Err(Fault::new(&catalogue::STORE_CLOSED)
            .fact("name", &reference.name)
            .fact("namespace", namespace));
    }
    Ok(store)
}
