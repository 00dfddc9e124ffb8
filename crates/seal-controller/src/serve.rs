//! The controller from its first call to its last: what is started in which order, who listens to
//! whom, and how it ends.
//!
//! What happens to one object is `reconcile`'s.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use futures::StreamExt;
use kube::runtime::watcher::Event;
use kube::{Client, Config, ResourceExt};
use seal_api::SealedSecret;
use seal_cluster::watch::{Scope, SecretMetadata, Watched, sealed_secrets, secrets};
use seal_engine::SecretVersion;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::http::{Shown, api, listen, metrics};
use crate::known::{Key, Seen};
use crate::metrics::Metrics;
use crate::queue::Queue;
use crate::reconcile::Reconciler;
use crate::sealing_keys::{self, Keys, SealingKeys};
use crate::settings::{self, Settings};

// Many wait for the API server while few compute.
const WORKERS_PER_CORE: usize = 8;
// Kubernetes kills after thirty seconds; what is under way gets most of them.
const GRACE: Duration = Duration::from_secs(20);

/// Runs the controller until it is told to end.
///
/// # Errors
/// When it cannot begin.
pub async fn serve(settings: Settings) -> anyhow::Result<()> {
    let mut end = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut ended = std::pin::pin!(async move {
        tokio::select! {
            _ = end.recv() => {}
            _ = interrupt.recv() => {}
        }
    });
    let mut running = tokio::select! {
        running = Running::start(Arc::new(settings)) => running?,
        () = &mut ended => return Ok(()),
    };
    // A controller that lives on without its watches or keys would look healthy and do nothing.
    let result = tokio::select! {
        () = &mut ended => Ok(()),
        Some(_) = running.others.join_next() => Err(anyhow::anyhow!("a part of the controller ended by itself")),
    };
    running.finish().await;
    result
}

/// All that runs.
struct Running {
    queue: Arc<Queue<Key>>,
    workers: JoinSet<()>,
    others: JoinSet<()>,
}

impl Running {
    async fn start(settings: Arc<Settings>) -> anyhow::Result<Self> {
        let (namespace, version) = (&settings.namespace, env!("CARGO_PKG_VERSION"));
        info!(namespace, version, "Starting sealed-secrets controller");
        if settings.old_gc_behavior {
            warn!("--old-gc-behavior has no effect: Kubernetes' garbage collector deletes Secrets");
        }
        let client = Client::try_from(Config::infer().await.context("no cluster to talk to")?)?;
        let (keys, installation) = SealingKeys::open(client.clone(), Arc::clone(&settings)).await?;
        let keys = Arc::new(keys);
        let metrics = match settings.metrics_omit_secret_labels {
            true => Metrics::default().nameless(),
            false => Metrics::default(),
        };
        let shown = Shown {
            keys: keys.current(),
            ready: Arc::new(AtomicBool::new(false)),
            metrics: Arc::new(metrics),
        };
        let mut others = JoinSet::new();
        serve_http(&settings, &shown, &mut others).await?;

        info!("Searching for existing private keys");
        keys.settle().await.context("the sealing keys")?;
        let reconciler = Arc::new(Reconciler::new(
            client.clone(),
            Arc::clone(&settings),
            Arc::clone(&shown.metrics),
            keys.current(),
            installation,
        ));
        let queue = Arc::new(Queue::default());
        others.spawn(sealing_keys::keep(
            client.clone(),
            Arc::clone(&keys),
            Arc::clone(&settings),
        ));
        others.spawn(retry_with_new_keys(
            keys.current(),
            Arc::clone(&reconciler),
            Arc::clone(&queue),
        ));
        let (begin, begun) = watch::channel(false);
        let mut workers = JoinSet::new();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..cores * WORKERS_PER_CORE {
            workers.spawn(work(Arc::clone(&reconciler), Arc::clone(&queue), begun.clone()));
        }
        let watches = Watches {
            settings,
            reconciler,
            queue: Arc::clone(&queue),
            begin,
            ready: shown.ready,
        };
        others.spawn(watches.listen(client));
        Ok(Self {
            queue,
            workers,
            others,
        })
    }

    async fn finish(mut self) {
        info!("finishing what is under way");
        self.queue.close();
        let workers = async { while self.workers.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, workers).await.is_err() {
            warn!("what was under way did not finish in time");
        }
        self.others.shutdown().await;
        info!("ended");
    }
}

async fn serve_http(settings: &Settings, shown: &Shown, tasks: &mut JoinSet<()>) -> anyhow::Result<()> {
    let servers = [
        (settings.listen(), api(shown.clone(), settings)),
        (settings.listen_metrics(), metrics(shown.clone())),
    ];
    for (address, router) in servers {
        let listener = listen(address)
            .await
            .with_context(|| format!("cannot listen on {address}"))?;
        info!(address = %listener.local_addr()?, "HTTP server serving");
        tasks.spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                warn!(%error, "an HTTP server ended");
            }
        });
    }
    Ok(())
}

async fn work(reconciler: Arc<Reconciler>, queue: Arc<Queue<Key>>, mut begun: watch::Receiver<bool>) {
    // Without the list of Secrets, everything would look as if it had to be made anew.
    if begun.wait_for(|begun| *begun).await.is_err() {
        return;
    }
    while let Some(key) = queue.next().await {
        // A task of its own, so that a panic ends that and not the worker.
        let attempt = tokio::spawn({
            let (reconciler, key) = (Arc::clone(&reconciler), key.clone());
            async move { reconciler.reconcile(&key).await }
        });
        let retry = attempt.await.unwrap_or(true);
        queue.done(&key, retry);
        if reconciler.objects.find(&key).is_none() {
            queue.forget(&key);
        }
    }
}

/// Those who listen to the watches.
struct Watches {
    settings: Arc<Settings>,
    reconciler: Arc<Reconciler>,
    queue: Arc<Queue<Key>>,
    begin: watch::Sender<bool>,
    ready: Arc<AtomicBool>,
}

impl Watches {
    async fn listen(self, client: Client) {
        let scopes = match self.settings.watched() {
            settings::Watched::All => vec![Scope::Cluster],
            settings::Watched::These(all) => all.into_iter().map(Scope::Namespace).collect(),
        };
        let mut objects = sealed_secrets(&client, &scopes, &self.settings.label_selector);
        let mut standing = match self.settings.skip_recreate {
            true => futures::stream::pending().boxed(),
            false => secrets(&client, &scopes),
        };
        loop {
            let news = tokio::select! {
                Some((scope, event)) = objects.next() => {
                    event.map(|event| self.reconciler.objects.take_in(&scope, mapped(event, seen)))
                }
                Some((scope, event)) = standing.next() => event.map(|event| {
                    let mut keys = self.reconciler.standing.take_in(&scope, mapped(event, version));
                    // Secrets of no SealedSecret are none of our business.
                    keys.retain(|key| self.reconciler.objects.find(key).is_some());
                    keys
                }),
                else => return,
            };
            match news {
                Ok(keys) => keys.into_iter().for_each(|key| self.queue.add(key)),
                Err(error) => warn!(%error, "a watch is taken up again"),
            }
            self.begin_when_listed(&scopes);
        }
    }

    fn begin_when_listed(&self, scopes: &[Scope]) {
        let listed = self.reconciler.objects.has_listed(scopes)
            && (self.settings.skip_recreate || self.reconciler.standing.has_listed(scopes));
        if listed && !self.begin.send_replace(true) {
            self.ready.store(true, Ordering::Relaxed);
            info!("ready");
        }
    }
}

fn seen(watched: Watched) -> (Key, Arc<Seen>) {
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

fn mapped<K, T>(event: Event<K>, map: fn(K) -> T) -> Event<T> {
    match event {
        Event::Init => Event::Init,
        Event::InitApply(object) => Event::InitApply(map(object)),
        Event::InitDone => Event::InitDone,
        Event::Apply(object) => Event::Apply(map(object)),
        Event::Delete(object) => Event::Delete(map(object)),
    }
}

async fn retry_with_new_keys(
    mut keys: watch::Receiver<Option<Arc<Keys>>>,
    reconciler: Arc<Reconciler>,
    queue: Arc<Queue<Key>>,
) {
    while keys.changed().await.is_ok() {
        reconciler
            .waiting_for_a_key()
            .into_iter()
            .for_each(|key| queue.add(key));
    }
}
