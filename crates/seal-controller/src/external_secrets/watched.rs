//! What is watched for ExternalSecrets: stores and generators, then themselves, then the versions of the Secrets that they make
//! or look at.

use std::sync::Arc;

use futures::stream::select;
use futures::{StreamExt, stream};
use kube::ResourceExt;
use kube::runtime::watcher::Event;
use seal_api::external_secrets::{ClusterSecretStore, ExternalSecret, SecretStore};
use seal_cluster::watch::{Scope, SecretMetadata, Watched, cluster_objects, objects, secrets};
use seal_engine::SecretVersion;

use super::dependents::Thing;
use super::stores::Store;
use super::{ExternalSecrets, Seen};
use crate::known::{Key, Known};
use crate::watches::{Changes, Told, changes, mapped};

/// The watches of ExternalSecrets.
pub(crate) struct ExternalSecretWatches(pub(crate) Arc<ExternalSecrets>);

const STORES: usize = 0;
const OBJECTS: usize = 1;
const SECRETS: usize = 2;

impl Told for ExternalSecretWatches {
    fn list_anew(&self) {
        let Self(this) = self;
        this.stores.of_namespaces.list_anew();
        this.stores.of_cluster.list_anew();
        this.generators.list_anew();
        this.objects.list_anew();
        this.secrets.list_anew();
    }

    fn open(&self, stage: usize, scopes: &[Scope]) -> Option<Changes> {
        let (this, client) = (Arc::clone(&self.0), &self.0.client);
        match stage {
            STORES => {
                let of_namespaces = {
                    let this = Arc::clone(&this);
                    changes(objects::<SecretStore>(client, scopes, ""), move |scope, event| {
                        this.hear_of_stores(
                            &this.stores.of_namespaces,
                            scope,
                            mapped(event, Store::of_namespace),
                        )
                    })
                };
                // Whoever may look into some namespaces only has no use for what belongs to all.
                let of_cluster = match scopes.contains(&Scope::Cluster) {
                    false => stream::empty().boxed(),
                    true => changes(
                        cluster_objects::<ClusterSecretStore>(client),
                        move |scope, event| {
                            this.hear_of_stores(
                                &this.stores.of_cluster,
                                scope,
                                mapped(event, Store::of_cluster),
                            )
                        },
                    ),
                };
                let stores = select(of_namespaces, of_cluster);
                Some(select(stores, ExternalSecrets::generator_changes(&self.0, scopes)).boxed())
            }
            OBJECTS => Some(changes(
                objects::<ExternalSecret>(client, scopes, ""),
                move |scope, event| this.hear_of_objects(scope, mapped(event, seen)),
            )),
            SECRETS => Some(changes(secrets(client, scopes), move |scope, event| {
                this.hear_of_secrets(scope, mapped(event, version))
            })),
            _ => None,
        }
    }

    fn has_listed(&self, stage: usize, scopes: &[Scope]) -> bool {
        let Self(this) = self;
        match stage {
            STORES => {
                let of_cluster =
                    !scopes.contains(&Scope::Cluster) || this.stores.of_cluster.has_listed(scopes);
                this.stores.of_namespaces.has_listed(scopes) && of_cluster
            }
            OBJECTS => this.objects.has_listed(scopes),
            _ => this.secrets.has_listed(scopes),
        }
    }

    fn resume(&self, term: u64) {
        self.0.validations.resume(term);
    }

    fn keys(&self) -> Vec<Key> {
        self.0.objects.keys()
    }

    fn forget_gone(&self, key: &Key) -> bool {
        let gone = self.0.objects.find(key).is_none();
        if gone {
            self.0.forget(key);
        }
        gone
    }
}

impl ExternalSecrets {
    // A store that changed is validated, and those who use it look again.
    fn hear_of_stores(
        &self,
        known: &Known<Arc<Store>>,
        scope: &Scope,
        event: Event<(Key, Arc<Store>)>,
    ) -> Vec<Key> {
        let changed = known.take_in(scope, event, |_| true);
        let mut concerned = Vec::new();
        for store in changed {
            if known.find(&store).is_none() {
                self.clients.forget(&store);
                self.metrics.forget_store(&store);
            }
            concerned.extend(self.dependents.of(&Thing::Store(store.clone())));
            self.validations.add(store, crate::queue::Lane::News);
        }
        concerned
    }

    fn hear_of_objects(&self, scope: &Scope, event: Event<(Key, Arc<Seen>)>) -> Vec<Key> {
        let changed = self.objects.take_in(scope, event, |_| true);
        for key in &changed {
            // Whoever has gone listens no longer.
            let heard = self.changed.as_ref().map(|heard| heard.send(key.clone()));
            drop(heard);
            // Its Secret concerns it from now on; what else does, reconciling finds out.
            match self.objects.find(key) {
                Some(seen) => self.dependents.also_looks_at(key, Thing::Secret(seen.target())),
                None => self.dependents.forget(key),
            }
        }
        changed
    }

    fn hear_of_secrets(&self, scope: &Scope, event: Event<(Key, SecretVersion)>) -> Vec<Key> {
        let concerns = |key: &Key| {
            let thing = Thing::Secret(key.clone());
            self.dependents.concerns(&thing) || self.clients.concerns(&thing)
        };
        let mut concerned = Vec::new();
        for secret in self.secrets.take_in(scope, event, concerns) {
            let gone = self.secrets.find(&secret).is_none();
            let thing = Thing::Secret(secret);
            for store in self.store_dependents.of(&thing) {
                // Whoever takes a credential away means it.
                if gone {
                    self.clients.forget(&store);
                }
                self.validations.add(store, crate::queue::Lane::News);
            }
            concerned.extend(self.dependents.of(&thing));
        }
        concerned
    }
}

fn seen(watched: Watched<ExternalSecret>) -> (Key, Arc<Seen>) {
    let (mut object, readable) = match watched.0 {
        Ok(object) => (object, true),
        Err(invalid) => {
            let object = ExternalSecret {
                metadata: invalid.metadata,
                ..ExternalSecret::default()
            };
            (object, false)
        }
    };
    // Large, and of no use here.
    object.metadata.managed_fields = None;
    (Key::of(&object.metadata), Arc::new(Seen { object, readable }))
}

fn version(metadata: SecretMetadata) -> (Key, SecretVersion) {
    let version = SecretVersion {
        uid: metadata.uid().unwrap_or_default(),
        resource_version: metadata.resource_version().unwrap_or_default(),
    };
    (Key::of(&metadata.metadata), version)
}
