//! What is watched for SealedSecrets: themselves, whole, and then the versions of their Secrets.

use std::sync::Arc;

use kube::{Client, ResourceExt};
use seal_api::SealedSecret;
use seal_cluster::watch::{Scope, SecretMetadata, Watched, objects, secrets};
use seal_engine::SecretVersion;

use super::Reconciler;
use crate::known::{Key, Seen};
use crate::settings::Settings;
use crate::watches::{Changes, Told, changes, mapped};

/// The watches of SealedSecrets.
pub(crate) struct SealedSecretWatches {
    /// Where they are.
    pub(crate) client: Client,
    /// Which of them are watched, and whether their Secrets are.
    pub(crate) settings: Arc<Settings>,
    /// Who keeps what they tell.
    pub(crate) reconciler: Arc<Reconciler>,
}

// The stages: only once it is known what is ours are Secrets listed, and of all others nothing is kept.
const OBJECTS: usize = 0;
const STANDING: usize = 1;

impl Told for SealedSecretWatches {
    fn list_anew(&self) {
        self.reconciler.memories.begin_anew();
        self.reconciler.objects.list_anew();
        self.reconciler.standing.list_anew();
    }

    fn open(&self, stage: usize, scopes: &[Scope]) -> Option<Changes> {
        let reconciler = Arc::clone(&self.reconciler);
        match stage {
            OBJECTS => Some(changes(
                objects(&self.client, scopes, &self.settings.label_selector),
                move |scope, event| reconciler.objects.take_in(scope, mapped(event, seen), |_| true),
            )),
            STANDING if !self.settings.skip_recreate => {
                Some(changes(secrets(&self.client, scopes), move |scope, event| {
                    let ours = |key: &Key| reconciler.objects.find(key).is_some();
                    reconciler.standing.take_in(scope, mapped(event, version), ours)
                }))
            }
            _ => None,
        }
    }

    fn has_listed(&self, stage: usize, scopes: &[Scope]) -> bool {
        match stage {
            OBJECTS => self.reconciler.objects.has_listed(scopes),
            _ => self.reconciler.standing.has_listed(scopes),
        }
    }

    fn keys(&self) -> Vec<Key> {
        self.reconciler.objects.keys()
    }

    fn forget_gone(&self, key: &Key) -> bool {
        let gone = self.reconciler.objects.find(key).is_none();
        if gone {
            self.reconciler.forget(key);
        }
        gone
    }
}

fn seen(watched: Watched<SealedSecret>) -> (Key, Arc<Seen>) {
    let (mut object, readable) = match watched.0 {
        Ok(object) => (object, true),
        // Its text may quote the object; the status tells the rest.
        Err(invalid) => {
            let metadata = invalid.metadata;
            (
                SealedSecret {
                    metadata,
                    ..SealedSecret::default()
                },
                false,
            )
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
