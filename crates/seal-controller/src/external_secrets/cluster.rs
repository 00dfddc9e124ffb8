//! ClusterExternalSecrets: one ExternalSecret in many namespaces. What is to stand where is the engine's to say; here
//! it is brought about, from what the watches have told, and told in the status.
//!
//! Namespaces are looked at and never touched: they carry no finalizer of ours.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::Namespace as CoreNamespace;
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::Event;
use seal_api::external_secrets::names::{CLUSTER_EXTERNAL_SECRET_FINALIZER, READY};
use seal_api::external_secrets::{ClusterExternalSecret, ClusterExternalSecretStatus};
use seal_cluster::call::{CallError, Deed};
use seal_cluster::external_secrets::{create, delete, replace};
use seal_cluster::finalizers::remove_finalizer;
use seal_cluster::status::write_status;
use seal_cluster::watch::{Scope, Watched, cluster_objects_once_served, namespaces};
use seal_engine::cluster_external_secret::{
    Namespace, Step, interval, is_left_over, selected, status, status_of_unreadable, step,
};
use seal_engine::{Fault, Retry, catalogue};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{info, warn};

use super::ExternalSecrets;
use crate::known::{Key, Known, Versioned};
use crate::leadership::Leadership;
use crate::queue::{Again, Lane, Queue};
use crate::watches::{Changes, Told, Watches, changes, mapped};
use crate::workers::{Reconcile, Worker};

const WORKERS: usize = 4;
// So many namespaces at once.
const ABREAST: usize = 8;

/// Everything about ClusterExternalSecrets.
pub(crate) struct ClusterExternalSecrets {
    external: Arc<ExternalSecrets>,
    objects: Known<Arc<Seen>>,
    namespaces: Known<Arc<SeenNamespace>>,
}

/// A ClusterExternalSecret as it was last seen.
struct Seen {
    object: ClusterExternalSecret,
    readable: bool,
}

struct SeenNamespace {
    resource_version: String,
    namespace: Namespace,
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

impl Versioned for Arc<SeenNamespace> {
    fn resource_version(&self) -> &str {
        &self.resource_version
    }
}

// What came of one namespace.
enum Came {
    Stands,
    Failed(Fault),
    // Somebody wrote meanwhile: the watch will tell what.
    Outdated,
}

impl ClusterExternalSecrets {
    /// Starts workers and watches; `changed` are the ExternalSecrets that something happened to.
    pub(super) fn start(
        external: Arc<ExternalSecrets>,
        mut changed: UnboundedReceiver<Key>,
        queue: Arc<Queue<Key>>,
        leadership: &Leadership,
        workers: &mut JoinSet<()>,
        others: &mut JoinSet<()>,
    ) {
        let this = Arc::new(Self {
            external,
            objects: Known::default(),
            namespaces: Known::default(),
        });
        others.spawn({
            let (this, queue, leadership) = (Arc::clone(&this), Arc::clone(&queue), leadership.clone());
            async move {
                while let Some(child) = changed.recv().await {
                    if leadership.leads() {
                        let concerned = this.makers_of(&child.name);
                        concerned.into_iter().for_each(|key| queue.add(key, Lane::News));
                    }
                }
            }
        });
        let begin = watch::Sender::new(None);
        let worker = Worker {
            reconciler: Arc::clone(&this),
            queue: Arc::clone(&queue),
            begun: begin.subscribe(),
            leadership: leadership.clone(),
        };
        for _ in 0..WORKERS {
            workers.spawn(worker.clone().work());
        }
        let watches = Watches {
            scopes: vec![Scope::Cluster],
            told: ClusterWatches(this),
            queue,
            begin,
            // Their definition need not stand: nobody waits for it.
            ready: Arc::new(AtomicBool::new(true)),
            leadership: leadership.clone(),
        };
        others.spawn(watches.listen());
    }

    fn makers_of(&self, name: &str) -> Vec<Key> {
        let all = self.objects.all().into_iter();
        let makers = all.filter(|(_, seen)| seen.object.external_secret_name() == name);
        makers.map(|(key, _)| key).collect()
    }

    fn hear_of_namespaces(&self, scope: &Scope, event: Event<(Key, Arc<SeenNamespace>)>) -> Vec<Key> {
        // Most of what happens to a namespace changes nothing here.
        if let Event::Apply((key, seen)) = &event
            && self
                .namespaces
                .find(key)
                .is_some_and(|before| before.namespace == seen.namespace)
        {
            self.namespaces.take_in(scope, event, |_| true);
            return Vec::new();
        }
        match self.namespaces.take_in(scope, event, |_| true).is_empty() {
            true => Vec::new(),
            false => self.objects.keys(),
        }
    }

    async fn look_after(&self, key: &Key, object: &ClusterExternalSecret) -> Again {
        let all = self.namespaces.all();
        let known = all.iter().map(|(key, seen)| (&*key.name, &seen.namespace));
        let selected = match selected(object, known) {
            Ok(selected) => selected,
            Err(fault) => {
                return match self.tell(key, object, status_of_unreadable(object, &fault)).await {
                    true => Again::OnChange,
                    false => Again::AfterAPause,
                };
            }
        };
        let terminating: BTreeSet<&str> = all
            .iter()
            .filter(|(_, seen)| seen.namespace.terminating)
            .map(|(key, _)| &*key.name)
            .collect();
        let mut came = self.clear_away(object, &selected).await;
        let mut open: Vec<String> = selected.into_iter().collect();
        open.retain(|name| !terminating.contains(name.as_str()));
        let brought = open.into_iter().map(|name| async {
            let came = self.bring(object, &name).await;
            (name, came)
        });
        came.extend(
            stream::iter(brought)
                .buffer_unordered(ABREAST)
                .collect::<Vec<_>>()
                .await,
        );
        if came.iter().any(|(_, came)| matches!(came, Came::Outdated)) {
            return Again::AfterAPause;
        }
        let (mut provisioned, mut failed) = (BTreeSet::new(), BTreeMap::new());
        for (namespace, came) in came {
            match came {
                Came::Failed(fault) => {
                    warn!(key = %key, namespace, "no ExternalSecret here: {}", fault.sentence());
                    failed.insert(namespace, fault);
                }
                Came::Stands | Came::Outdated => {
                    provisioned.insert(namespace);
                }
            }
        }
        provisioned.retain(|namespace| !failed.contains_key(namespace));
        let again = failed
            .values()
            .any(|fault| fault.kind.class.retry() == Retry::Backoff);
        let told = self.tell(key, object, status(object, provisioned, &failed)).await;
        match (told && !again, interval(object)) {
            (false, _) => Again::AfterAPause,
            (true, Some(time)) => Again::At(Instant::now() + time.max(super::reconcile::SHORTEST)),
            (true, None) => Again::OnChange,
        }
    }

    async fn bring(&self, object: &ClusterExternalSecret, namespace: &str) -> Came {
        let child = Key {
            namespace: namespace.into(),
            name: object.external_secret_name().into(),
        };
        let standing = self.external.objects.find(&child);
        let client = &self.external.client;
        let (written, verb) = match step(object, namespace, standing.as_ref().map(|seen| &seen.object)) {
            Step::Leave => return Came::Stands,
            Step::Refuse(fault) => return Came::Failed(fault),
            Step::Create(desired) => (create(client, &desired).await, "create"),
            Step::Replace(desired) => (replace(client, &desired).await, "update"),
        };
        match written {
            Ok(()) => {
                info!(
                    namespace,
                    name = &*child.name,
                    verb,
                    "an ExternalSecret was written"
                );
                Came::Stands
            }
            Err(error) => self.failed(&error, verb),
        }
    }

    // What is selected no longer, or is called otherwise now.
    async fn clear_away(
        &self,
        object: &ClusterExternalSecret,
        selected: &BTreeSet<String>,
    ) -> Vec<(String, Came)> {
        let mut came = Vec::new();
        for (child, seen) in self.external.objects.all() {
            let metadata = &seen.object.metadata;
            if metadata.deletion_timestamp.is_some() || !is_left_over(object, metadata, selected) {
                continue;
            }
            match delete(&self.external.client, &seen.object).await {
                Ok(()) => info!(key = %child, "an ExternalSecret was deleted"),
                Err(error) if error.is_not_found() => {}
                Err(error) => came.push((child.namespace.to_string(), self.failed(&error, "delete"))),
            }
        }
        came
    }

    fn failed(&self, error: &CallError, verb: &'static str) -> Came {
        if error.is_conflict() || error.is_not_leading() {
            return Came::Outdated;
        }
        Came::Failed(error.fault(Deed {
            verb,
            resource: "externalsecrets",
        }))
    }

    // Whether it worked.
    async fn tell(
        &self,
        key: &Key,
        object: &ClusterExternalSecret,
        current: ClusterExternalSecretStatus,
    ) -> bool {
        if object.status.as_ref() == Some(&current) {
            return true;
        }
        let client = &self.external.client;
        match write_status::<ClusterExternalSecret>(client, &object.metadata, &current).await {
            Ok(metadata) => {
                let mut object = object.clone();
                object.metadata = metadata;
                object.metadata.managed_fields = None;
                object.status = Some(current);
                self.objects.update(
                    key,
                    Arc::new(Seen {
                        object,
                        readable: true,
                    }),
                );
                true
            }
            // Gone, or changed: the watch brings it up again.
            Err(error) if error.is_not_found() || error.is_conflict() => true,
            Err(error) if error.is_not_leading() => false,
            Err(error) => {
                warn!(key = %key, %error, "the status could not be written");
                false
            }
        }
    }
}

impl Reconcile for ClusterExternalSecrets {
    async fn reconcile(&self, key: &Key, _: Lane) -> Again {
        let begin = Instant::now();
        let again = self.look_at(key).await;
        let metrics = &self.external.metrics;
        match self.objects.find(key) {
            // As it was told last.
            Some(seen) => metrics.spread(
                key,
                &seen.object.metadata,
                is_ready(&seen.object),
                begin.elapsed(),
            ),
            None => metrics.forget_spread(key),
        }
        again
    }
}

impl ClusterExternalSecrets {
    async fn look_at(&self, key: &Key) -> Again {
        let Some(seen) = self.objects.find(key) else {
            return Again::Never;
        };
        let object = &seen.object;
        // On its way out: the garbage collector takes along what it owns. Upstream put a finalizer on it.
        if object.metadata.deletion_timestamp.is_some() {
            let finalizers = object.metadata.finalizers.iter().flatten();
            if !finalizers
                .into_iter()
                .any(|one| one == CLUSTER_EXTERNAL_SECRET_FINALIZER)
            {
                return Again::OnChange;
            }
            let (client, metadata) = (&self.external.client, &object.metadata);
            let removed = remove_finalizer::<ClusterExternalSecret>(
                client,
                metadata,
                CLUSTER_EXTERNAL_SECRET_FINALIZER,
            );
            return match removed.await {
                Err(error) if !error.is_not_found() => Again::AfterAPause,
                _ => Again::OnChange,
            };
        }
        // What stands is known from another watch.
        if !self.external.objects.has_listed(&[Scope::Cluster]) {
            return Again::AfterAPause;
        }
        if !seen.readable {
            let fault = Fault::new(&catalogue::CLUSTER_EXTERNAL_SECRET_UNREADABLE);
            self.tell(key, object, status_of_unreadable(object, &fault)).await;
            return Again::OnChange;
        }
        self.look_after(key, object).await
    }
}

// Nothing before it is known.
fn is_ready(object: &ClusterExternalSecret) -> Option<bool> {
    let status = object.status.as_ref()?;
    let mut ready = status
        .conditions
        .iter()
        .filter(|condition| condition.kind == READY);
    ready.next().map(|condition| condition.status == "True")
}

struct ClusterWatches(Arc<ClusterExternalSecrets>);

impl Told for ClusterWatches {
    fn list_anew(&self) {
        self.0.objects.list_anew();
        self.0.namespaces.list_anew();
    }

    fn open(&self, stage: usize, _: &[Scope]) -> Option<Changes> {
        let this = Arc::clone(&self.0);
        let client = &self.0.external.client;
        match stage {
            0 => Some(changes(
                cluster_objects_once_served::<ClusterExternalSecret>(client),
                move |scope, event| this.objects.take_in(scope, mapped(event, seen), |_| true),
            )),
            1 => Some(changes(namespaces(client), move |scope, event| {
                this.hear_of_namespaces(scope, mapped(event, namespace))
            })),
            _ => None,
        }
    }

    fn has_listed(&self, stage: usize, scopes: &[Scope]) -> bool {
        match stage {
            0 => self.0.objects.has_listed(scopes),
            _ => self.0.namespaces.has_listed(scopes),
        }
    }

    fn keys(&self) -> Vec<Key> {
        self.0.objects.keys()
    }

    fn forget_gone(&self, key: &Key) -> bool {
        self.0.objects.find(key).is_none()
    }
}

fn seen(watched: Watched<ClusterExternalSecret>) -> (Key, Arc<Seen>) {
    let (mut object, readable) = match watched.0 {
        Ok(object) => (object, true),
        Err(invalid) => {
            let object = ClusterExternalSecret {
                metadata: invalid.metadata,
                ..ClusterExternalSecret::default()
            };
            (object, false)
        }
    };
    // Large, and of no use here.
    object.metadata.managed_fields = None;
    (Key::of(&object.metadata), Arc::new(Seen { object, readable }))
}

fn namespace(metadata: PartialObjectMeta<CoreNamespace>) -> (Key, Arc<SeenNamespace>) {
    let metadata = metadata.metadata;
    let key = Key::of(&metadata);
    let seen = SeenNamespace {
        resource_version: metadata.resource_version.unwrap_or_default(),
        namespace: Namespace {
            labels: metadata.labels.unwrap_or_default(),
            terminating: metadata.deletion_timestamp.is_some(),
        },
    };
    (key, Arc::new(seen))
}
