//! Starts those who look after ExternalSecrets and stores.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use seal_cluster::watch::Scope;
use seal_providers::Health;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::ExternalSecrets;
use super::cluster::ClusterExternalSecrets;
use super::validate::Validator;
use super::watched::ExternalSecretWatches;
use crate::known::Key;
use crate::leadership::Leadership;
use crate::metrics::external_secrets::{ExternalSecretMetrics, Naming};
use crate::queue::{Lane, Queue};
use crate::settings::Settings;
use crate::watches::Watches;
use crate::workers::Worker;

// They wait for stores, and hold no core meanwhile; how many may wait where is bounded by rooms.
const WORKERS: usize = super::rooms::ALL;
const VALIDATORS: usize = 8;

/// What others see of this part of the controller.
#[derive(Clone)]
pub(crate) struct Part {
    /// Objects to be looked at.
    pub(crate) queue: Arc<Queue<Key>>,
    /// Stores to be validated.
    pub(crate) validations: Arc<Queue<Key>>,
    /// ClusterExternalSecrets to be looked at.
    pub(crate) spread: Arc<Queue<Key>>,
    /// Whether objects are being taken care of.
    pub(crate) ready: Arc<AtomicBool>,
    /// What is measured of it.
    pub(crate) metrics: Arc<ExternalSecretMetrics>,
}

impl Part {
    /// Of a controller with these settings, if it is to have one.
    pub(crate) fn of(settings: &Settings) -> Option<Self> {
        let chosen = &settings.external_secrets;
        let naming = match (settings.metrics_omit_secret_labels, chosen.extended_metric_labels) {
            (true, _) => Naming::Nameless,
            (false, true) => Naming::Extended,
            (false, false) => Naming::Named,
        };
        chosen.external_secrets.then(|| Self {
            queue: Arc::default(),
            validations: Arc::default(),
            spread: Arc::default(),
            ready: Arc::default(),
            metrics: Arc::new(ExternalSecretMetrics::new(naming)),
        })
    }

    /// Starts workers and watches.
    pub(crate) fn start(
        self,
        mut external: ExternalSecrets,
        mut told: UnboundedReceiver<(Key, Health)>,
        scopes: Vec<Scope>,
        leadership: &Leadership,
        workers: &mut JoinSet<()>,
        others: &mut JoinSet<()>,
    ) -> Arc<ExternalSecrets> {
        // Whoever may look into some namespaces only cannot know which are meant.
        let spreads = external.choices.spreads && scopes.contains(&Scope::Cluster);
        let changed = spreads.then(|| {
            let (changed, heard) = mpsc::unbounded_channel();
            external.changed = Some(changed);
            heard
        });
        let external = Arc::new(external);
        if let Some(changed) = changed {
            let (external, queue) = (Arc::clone(&external), self.spread);
            ClusterExternalSecrets::start(external, changed, queue, leadership, workers, others);
        }
        others.spawn({
            let external = Arc::clone(&external);
            async move {
                while let Some((store, health)) = told.recv().await {
                    external.validations.add(store.clone(), Lane::News);
                    if health == Health::Up {
                        external.wake(&store, Lane::Backlog);
                    }
                }
            }
        });
        let begin = watch::Sender::new(None);
        let worker = Worker {
            reconciler: Arc::clone(&external),
            queue: Arc::clone(&self.queue),
            begun: begin.subscribe(),
            leadership: leadership.clone(),
        };
        for _ in 0..WORKERS {
            workers.spawn(worker.clone().work());
        }
        let validator = Worker {
            reconciler: Arc::new(Validator(Arc::clone(&external))),
            queue: self.validations,
            begun: begin.subscribe(),
            leadership: leadership.clone(),
        };
        for _ in 0..VALIDATORS {
            workers.spawn(validator.clone().work());
        }
        let watches = Watches {
            scopes,
            told: ExternalSecretWatches(Arc::clone(&external)),
            queue: self.queue,
            begin,
            ready: self.ready,
            leadership: leadership.clone(),
        };
        others.spawn(watches.listen());
        external
    }
}
