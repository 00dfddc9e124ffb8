//! The controller from its first call to its last: what is started in which order, who listens to
//! whom, and how it ends.
//!
//! What happens to one object is `reconcile`'s.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use futures::StreamExt;
use kube::runtime::watcher::Event;
use kube::{Client, Config, ResourceExt};
use seal_api::SealedSecret;
use seal_cluster::watch::{News, Scope, SecretMetadata, Watched, sealed_secrets, secrets};
use seal_engine::SecretVersion;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::http::{self, Bounds, Shown, api, listen, metrics};
use crate::known::{Key, Seen};
use crate::leadership::{Election, Leadership};
use crate::metrics::Metrics;
use crate::queue::{Lane, Queue};
use crate::reconcile::Reconciler;
use crate::sealing_keys::{Keeper, Keys, SealingKeys};
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
    let ended = async {
        tokio::select! {
            _ = end.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let settings = Arc::new(settings);
    let (namespace, version) = (&settings.namespace, env!("CARGO_PKG_VERSION"));
    info!(namespace, version, "Starting sealed-secrets controller");
    let metrics = Arc::new(match settings.metrics_omit_secret_labels {
        true => Metrics::default().nameless(),
        false => Metrics::default(),
    });
    let config = Config::infer().await.context("no cluster to talk to")?;
    let mut election = Election::stand(config, &settings, Arc::clone(&metrics))?;
    let result = run(Arc::clone(&settings), metrics, &mut election, ended).await;
    election.resign().await;
    info!("ended");
    result
}

async fn run(
    settings: Arc<Settings>,
    metrics: Arc<Metrics>,
    election: &mut Election,
    ended: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let mut ended = pin!(ended);
    let mut running = tokio::select! {
        running = Running::start(settings, metrics, election) => running?,
        () = &mut ended => return Ok(()),
    };
    // A controller that lives on without its watches or keys would look healthy and do nothing.
    let result = tokio::select! {
        () = &mut ended => Ok(()),
        Some(_) = running.others.join_next() => Err(anyhow::anyhow!("a part of the controller ended by itself")),
    };
    running.finish(election).await;
    result
}

/// All that runs.
struct Running {
    queue: Arc<Queue<Key>>,
    leadership: Leadership,
    workers: JoinSet<()>,
    others: JoinSet<()>,
    // Says to the HTTP servers that they are to end, and closes when they have.
    closing: watch::Sender<bool>,
}

impl Running {
    async fn start(
        settings: Arc<Settings>,
        metrics: Arc<Metrics>,
        election: &Election,
    ) -> anyhow::Result<Self> {
        for (flag, instead) in settings.without_effect.given() {
            warn!("{flag} has no effect: {instead}");
        }
        let (client, mut leadership) = (election.client.clone(), election.leadership.clone());
        let current = watch::Sender::new(None);
        let queue = Arc::new(Queue::default());
        let shown = Shown {
            keys: current.subscribe(),
            ready: Arc::new(AtomicBool::new(false)),
            metrics,
            queue: Arc::clone(&queue),
            leadership: leadership.clone(),
        };
        let mut others = JoinSet::new();
        let closing = serve_http(&settings, &shown, &mut others).await?;

        let (keys, installation) =
            SealingKeys::open(client.clone(), Arc::clone(&settings), current, &mut leadership).await?;
        let keys = Arc::new(keys);
        info!("Searching for existing private keys");
        keys.begin(&mut leadership).await.context("the sealing keys")?;
        let reconciler = Arc::new(Reconciler::new(
            client.clone(),
            Arc::clone(&settings),
            Arc::clone(&shown.metrics),
            keys.current(),
            installation,
        ));
        let users = {
            let (reconciler, scopes) = (Arc::clone(&reconciler), scopes(&settings));
            Box::new(move || reconciler.users(&scopes))
        };
        let keeper = Keeper {
            client: client.clone(),
            keys: Arc::clone(&keys),
            settings: Arc::clone(&settings),
            metrics: Arc::clone(&shown.metrics),
            leadership: leadership.clone(),
            users,
            told_forbidden: AtomicBool::new(false),
        };
        others.spawn(keeper.keep());
        others.spawn(retry_with_new_keys(
            keys.current(),
            Arc::clone(&reconciler),
            Arc::clone(&queue),
        ));
        let (begin, begun) = watch::channel(None);
        let mut workers = JoinSet::new();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let worker = Worker {
            reconciler: Arc::clone(&reconciler),
            queue: Arc::clone(&queue),
            begun,
            leadership: leadership.clone(),
        };
        for _ in 0..cores * WORKERS_PER_CORE {
            workers.spawn(worker.clone().work());
        }
        let watches = Watches {
            settings,
            reconciler,
            queue: Arc::clone(&queue),
            begin,
            ready: shown.ready,
            leadership: leadership.clone(),
        };
        others.spawn(watches.listen(client));
        Ok(Self {
            queue,
            leadership,
            workers,
            others,
            closing,
        })
    }

    // Whoever waits for the Lease waits for what is under way, and not for HTTP's clients.
    async fn finish(mut self, election: &mut Election) {
        info!("finishing what is under way");
        self.queue.close();
        if !self.leadership.leads() {
            self.workers.abort_all();
        }
        let workers = async { while self.workers.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, workers).await.is_err() {
            warn!("what was under way did not finish in time");
        }
        election.resign().await;
        self.closing.send_replace(true);
        self.closing.closed().await;
        self.others.shutdown().await;
    }
}

async fn serve_http(
    settings: &Settings,
    shown: &Shown,
    tasks: &mut JoinSet<()>,
) -> anyhow::Result<watch::Sender<bool>> {
    let closing = watch::Sender::new(false);
    let servers = [
        (settings.listen(), api(shown.clone(), settings)),
        (settings.listen_metrics(), metrics(shown.clone())),
    ];
    for (address, router) in servers {
        let listener = listen(address)
            .await
            .with_context(|| format!("cannot listen on {address}"))?;
        info!(address = %listener.local_addr()?, "HTTP server serving");
        tasks.spawn(http::serve(
            listener,
            router,
            Bounds::default(),
            closing.subscribe(),
        ));
    }
    Ok(closing)
}

/// Those who look at objects.
#[derive(Clone)]
struct Worker {
    reconciler: Arc<Reconciler>,
    queue: Arc<Queue<Key>>,
    begun: watch::Receiver<Option<u64>>,
    leadership: Leadership,
}

impl Worker {
    async fn work(mut self) {
        loop {
            self.leadership.begins().await;
            let Some(term) = self.leadership.term() else {
                continue;
            };
            // Without the list of Secrets, everything would look as if it had to be made anew; and what the
            // watches told while another one led may be older than what that one wrote (S18).
            tokio::select! {
                begun = self.begun.wait_for(|begun| *begun == Some(term)) => if begun.is_err() { return },
                () = self.leadership.ends(term) => continue,
            }
            // A standby keeps its queue: when it leads, it begins with what the watches have told.
            self.queue.resume();
            if self.lead(term).await.is_none() {
                return;
            }
        }
    }

    // Works until this term is over; `None` when there will be no more work.
    async fn lead(&mut self, term: u64) -> Option<()> {
        loop {
            let next = tokio::select! {
                next = self.queue.next() => next,
                () = self.leadership.ends(term) => return Some(()),
            };
            let (key, lane) = next?;
            // A task of its own, so that a panic ends that and not the worker.
            let mut attempt = tokio::spawn({
                let (reconciler, key) = (Arc::clone(&self.reconciler), key.clone());
                async move { reconciler.reconcile(&key, lane).await }
            });
            let retry = tokio::select! {
                retry = &mut attempt => retry.unwrap_or(true),
                () = self.leadership.ends(term) => {
                    // What it has read is of this term, and must not be written in the next one.
                    attempt.abort();
                    drop(attempt.await);
                    self.queue.put_back(key, lane);
                    return Some(());
                }
            };
            if self.leadership.term() != Some(term) {
                // Whether it worked or not, the next leader looks at it; and so do we, should it be us.
                self.queue.put_back(key, lane);
                return Some(());
            }
            self.queue.done(&key, retry);
            if self.reconciler.objects.find(&key).is_none() {
                self.queue.forget(&key);
            }
        }
    }
}

/// Those who listen to the watches.
struct Watches {
    settings: Arc<Settings>,
    reconciler: Arc<Reconciler>,
    queue: Arc<Queue<Key>>,
    // The term that began with the lists that are known.
    begin: watch::Sender<Option<u64>>,
    ready: Arc<AtomicBool>,
    leadership: Leadership,
}

impl Watches {
    // A lead begins with new lists: whoever led before may have seen more than our watches have told.
    async fn listen(self, client: Client) {
        let scopes = scopes(&self.settings);
        let mut leadership = self.leadership.clone();
        loop {
            let term = leadership.term();
            self.reconciler.objects.list_anew();
            self.reconciler.standing.list_anew();
            tokio::select! {
                () = self.follow(&client, &scopes, term) => return,
                () = leadership.begins_anew(term) => {}
            }
        }
    }

    async fn follow(&self, client: &Client, scopes: &[Scope], term: Option<u64>) {
        let mut objects = sealed_secrets(client, scopes, &self.settings.label_selector);
        // Only once it is known what is ours: of all other Secrets nothing is kept.
        let mut standing: News<SecretMetadata> = futures::stream::pending().boxed();
        let mut awaited = !self.settings.skip_recreate;
        let mut expected = scopes.to_vec();
        loop {
            let (scope, news) = tokio::select! {
                Some((scope, event)) = objects.next() => {
                    let news = event.map(|event| {
                        let lane = lane(&event);
                        (self.reconciler.objects.take_in(&scope, mapped(event, seen), |_| true), lane)
                    });
                    (scope, news)
                }
                Some((scope, event)) = standing.next() => {
                    let news = event.map(|event| {
                        let (lane, ours) = (lane(&event), |key: &Key| self.reconciler.objects.find(key).is_some());
                        (self.reconciler.standing.take_in(&scope, mapped(event, version), ours), lane)
                    });
                    (scope, news)
                }
                else => return,
            };
            match news {
                Ok((keys, lane)) => keys.into_iter().for_each(|key| self.queue.add(key, lane)),
                Err(error) => {
                    let namespace = scope.namespace();
                    warn!(namespace, %error, "a watch is taken up again");
                    // One namespace that nobody granted yet must not hold up the others, unless it is ours.
                    if error.forbidden && scopes.first() != Some(&scope) {
                        expected.retain(|known| *known != scope);
                    }
                }
            }
            if awaited && self.reconciler.objects.has_listed(&expected) {
                awaited = false;
                standing = secrets(client, scopes);
            }
            self.begin_when_listed(&expected, term);
        }
    }

    fn begin_when_listed(&self, scopes: &[Scope], term: Option<u64>) {
        let listed = self.reconciler.objects.has_listed(scopes)
            && (self.settings.skip_recreate || self.reconciler.standing.has_listed(scopes));
        if !listed {
            return;
        }
        let begins = self
            .begin
            .send_if_modified(|begun| std::mem::replace(begun, term) != term);
        if begins {
            // Each object once, also what has not changed since: whoever leads tells of all of them.
            for key in self.reconciler.objects.keys() {
                self.queue.add(key, Lane::Backlog);
            }
        }
        if !self.ready.swap(true, Ordering::Relaxed) {
            info!("ready");
        }
    }
}

// A change that is seen as it happens has somebody waiting for it.
fn lane<K>(event: &Event<K>) -> Lane {
    match event {
        Event::Init | Event::InitApply(_) | Event::InitDone => Lane::Backlog,
        Event::Apply(_) | Event::Delete(_) => Lane::News,
    }
}

fn scopes(settings: &Settings) -> Vec<Scope> {
    match settings.watched() {
        settings::Watched::All => vec![Scope::Cluster],
        settings::Watched::These(all) => all.into_iter().map(Scope::Namespace).collect(),
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
            .for_each(|key| queue.add(key, Lane::Backlog));
    }
}
