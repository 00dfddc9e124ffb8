//! Stores: whether each can be asked, told in its status. A store that cannot is tried again within seconds, and
//! whoever waits for it is woken when it can.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use seal_api::external_secrets::{ClusterSecretStore, SecretStore, StoreKind};
use seal_cluster::call::CallError;
use seal_cluster::status::write_status;
use seal_engine::Retry;
use seal_engine::external_secret::store_outcome::{
    StoreState, capabilities, is_usable, store_event, store_status,
};
use seal_providers::{Blame, Validity};
use tokio::time::Instant;
use tracing::{info, warn};

use super::ExternalSecrets;
use super::credentials::Lacking;
use super::dependents::Thing;
use super::gather::fault;
use super::stores::Store;
use crate::known::Key;
use crate::queue::{Again, Lane};
use crate::workers::Reconcile;

// Upstream's default.
const INTERVAL: Duration = Duration::from_secs(300);
const WHILE_DOWN: Duration = Duration::from_secs(2);
const WHILE_REFUSED: Duration = Duration::from_secs(4);

/// Validates stores.
pub(crate) struct Validator(pub(crate) Arc<ExternalSecrets>);

impl Reconcile for Validator {
    async fn reconcile(&self, key: &Key, _: Lane) -> Again {
        let Self(this) = self;
        let begin = Instant::now();
        let Some(store) = this.stores.find(key) else {
            this.store_dependents.forget(key);
            this.metrics.forget_store(key);
            return Again::Never;
        };
        if !store.is_of_class(&this.choices.class) || store.metadata.deletion_timestamp.is_some() {
            this.metrics.forget_store(key);
            return Again::OnChange;
        }
        let (state, mut after) = this.validated(key, &store).await;
        // Nothing was asked of it, so somebody who wants something must find out.
        if matches!(state, StoreState::Unknown) && this.clients.outages().is_down(key) {
            this.send_ahead(key);
            after = Some(WHILE_DOWN);
        }
        let ready = !matches!(state, StoreState::Invalid(_));
        this.metrics
            .validated(key, &store.metadata, Some(ready), begin.elapsed());
        let told = this.tell_of_store(&store, &state).await;
        let was_valid = is_usable(store.status.as_ref());
        if !was_valid && ready {
            this.wake(key, Lane::News);
        }
        match (told, after) {
            (false, _) => Again::AfterAPause,
            (true, Some(after)) => Again::At(Instant::now() + after),
            (true, None) => Again::OnChange,
        }
    }
}

impl ExternalSecrets {
    // One of those who wait for a store that is down.
    fn send_ahead(&self, store: &Key) {
        let dependents = self.dependents.of(&Thing::Store(store.clone()));
        let outages = self.clients.outages();
        if let Some(key) = outages.scout(store, &dependents, |key| self.is_due(key)) {
            self.queue.add(key, Lane::News);
        }
    }

    // How the store is, and when to look again.
    async fn validated(&self, key: &Key, store: &Store) -> (StoreState, Option<Duration>) {
        if let Err(fault) = store.allowed() {
            return (StoreState::Invalid(fault), None);
        }
        let mut things = BTreeSet::new();
        let client = self.clients.of(store, "", &mut things).await;
        let unwatched = things.iter().any(Thing::is_unwatched);
        self.store_dependents.looks_at(key, things);
        let client = match client {
            Ok(client) => client,
            // Each namespace is somebody else to it.
            Err(Lacking::Asker) => return (StoreState::Unknown, None),
            Err(Lacking::Fault(fault)) => {
                let after = match fault.kind.class.retry() {
                    Retry::Backoff => Some(WHILE_DOWN),
                    _ => unwatched.then_some(WHILE_REFUSED),
                };
                return (StoreState::Invalid(fault), after);
            }
        };
        match client.validate().await {
            Ok(Validity::Valid) => (StoreState::Valid, Some(INTERVAL)),
            Ok(Validity::Unknown) => (StoreState::Unknown, Some(INTERVAL)),
            Err(error) => {
                let after = match error.blame() {
                    Blame::User => None,
                    Blame::Down => Some(WHILE_DOWN),
                    Blame::Refused | Blame::Nonsense => Some(WHILE_REFUSED),
                };
                (
                    StoreState::Invalid(fault(&error, &store.name()).fact("at", "the store itself")),
                    after,
                )
            }
        }
    }

    // Whether it worked.
    async fn tell_of_store(&self, store: &Store, state: &StoreState) -> bool {
        let now = Timestamp::now();
        let current = store_status(store.status.as_ref(), state, capabilities(store.dialect()), now);
        if store.status.as_ref() == Some(&current) {
            return true;
        }
        let written = match store.kind {
            StoreKind::SecretStore => {
                write_status::<SecretStore>(&self.client, &store.metadata, &current).await
            }
            StoreKind::ClusterSecretStore => {
                write_status::<ClusterSecretStore>(&self.client, &store.metadata, &current).await
            }
        };
        match written {
            Ok(metadata) => self.stores.update(store, metadata, current.clone()),
            Err(error) if error.is_not_found() => return true,
            Err(CallError::NotLeading(_)) => return false,
            // It changed meanwhile: the watch brings it up again.
            Err(error) if error.is_conflict() => return true,
            Err(error) => {
                warn!(store = store.name(), %error, "the status of a store could not be written");
                return false;
            }
        }
        if let Some(event) = store_event(store.status.as_ref(), &current, state) {
            info!(store = store.name(), reason = event.reason, "{}", event.message);
            let told = match store.kind {
                StoreKind::SecretStore => {
                    let object = SecretStore {
                        metadata: store.metadata.clone(),
                        ..SecretStore::default()
                    };
                    self.store_events.tell(&object, &event, now).await
                }
                StoreKind::ClusterSecretStore => {
                    let object = ClusterSecretStore {
                        metadata: store.metadata.clone(),
                        ..ClusterSecretStore::default()
                    };
                    self.cluster_store_events.tell(&object, &event, now).await
                }
            };
            drop(told);
        }
        true
    }
}
