//! The controller from its first call to its last: what is started in which order, who listens to
//! whom, and how it ends.
//!
//! What happens to one object is `reconcile`'s.

use std::error::Error;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::Context;
use kube::Config;
use kube::config::InferConfigError;
use seal_cluster::watch::Scope;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::external_secrets::{ExternalSecrets, Part};
use crate::http::{self, Bounds, Shown, api, listen, metrics};
use crate::known::Key;
use crate::leadership::Election;
use crate::metrics::Metrics;
use crate::queue::{Lane, Queue};
use crate::reconcile::{Reconciler, SealedSecretWatches};
use crate::requests::Requests;
use crate::sealing_keys::{Keeper, Keys, Said, SealingKeys};
use crate::settings::{self, Settings};
use crate::watches::Watches;
use crate::workers::Worker;

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
    if settings.namespace_assumed {
        warn!(
            namespace,
            "this is no pod and POD_NAMESPACE is not set: sealing keys and Lease are kept in this namespace"
        );
    }
    let metrics = match settings.metrics_omit_secret_labels {
        true => Metrics::default().nameless(),
        false => Metrics::default(),
    };
    let external = Part::of(&settings);
    let metrics = Arc::new(match &external {
        Some(part) => metrics.and_of_external_secrets(Arc::clone(&part.metrics)),
        None => metrics,
    });
    let config = Config::infer().await.map_err(|error| no_cluster(&error))?;
    let mut election = Election::stand(config, &settings, Arc::clone(&metrics))?;
    let result = run(Arc::clone(&settings), (metrics, external), &mut election, ended).await;
    election.resign().await;
    info!("ended");
    result
}

// The error repeats both of its causes. Where this is no pod, only one of them is anybody's.
fn no_cluster(error: &InferConfigError) -> anyhow::Error {
    let in_pod = std::env::var_os("KUBERNETES_SERVICE_HOST").is_some();
    match error.source() {
        Some(kubeconfig) if !in_pod => anyhow::anyhow!(
            "no cluster to talk to: this is no pod, and there is no kubeconfig to go by: {kubeconfig}; name one with \
             KUBECONFIG"
        ),
        _ => anyhow::anyhow!("no cluster to talk to: {error}"),
    }
}

async fn run(
    settings: Arc<Settings>,
    measured: (Arc<Metrics>, Option<Part>),
    election: &mut Election,
    ended: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let mut ended = pin!(ended);
    let mut running = tokio::select! {
        running = Running::start(settings, measured, election) => running?,
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
    queues: Vec<Arc<Queue<Key>>>,
    external: Option<Arc<ExternalSecrets>>,
    workers: JoinSet<()>,
    others: JoinSet<()>,
    // Says to the HTTP servers that they are to end, and closes when they have.
    closing: watch::Sender<bool>,
}

impl Running {
    async fn start(
        settings: Arc<Settings>,
        (metrics, external): (Arc<Metrics>, Option<Part>),
        election: &Election,
    ) -> anyhow::Result<Self> {
        let told = signal(SignalKind::user_defined1())?;
        for (flag, instead) in settings.without_effect.given() {
            warn!("{flag} has no effect: {instead}");
        }
        let (client, mut leadership) = (election.client.clone(), election.leadership.clone());
        let current = watch::Sender::new(None);
        let queue = Arc::new(Queue::default());
        let ready = Arc::new(AtomicBool::new(false));
        let shown = Shown {
            keys: current.subscribe(),
            ready: external
                .iter()
                .map(|part| &part.ready)
                .chain([&ready])
                .cloned()
                .collect(),
            metrics,
            queues: external
                .iter()
                .flat_map(|part| [&part.queue, &part.validations, &part.spread])
                .chain([&queue])
                .cloned()
                .collect(),
            leadership: leadership.clone(),
        };
        let mut others = JoinSet::new();
        let closing = serve_http(&settings, &shown, &mut others).await?;

        let (keys, installation) =
            SealingKeys::open(client.clone(), Arc::clone(&settings), current, &mut leadership).await?;
        let (keys, installation) = (Arc::new(keys), Arc::new(installation));
        info!("Searching for existing private keys");
        keys.begin(&mut leadership).await.context("the sealing keys")?;
        let reconciler = Arc::new(Reconciler::new(
            client.clone(),
            Arc::clone(&settings),
            Arc::clone(&shown.metrics),
            keys.current(),
            Arc::clone(&installation),
        ));
        let users = {
            let (reconciler, scopes) = (Arc::clone(&reconciler), scopes(&settings));
            Arc::new(move || reconciler.users(&scopes))
        };
        let keeper = Keeper {
            client: client.clone(),
            keys: Arc::clone(&keys),
            settings: Arc::clone(&settings),
            metrics: Arc::clone(&shown.metrics),
            leadership: leadership.clone(),
            users,
            told,
            said: Said::default(),
        };
        others.spawn(keeper.keep());
        others.spawn(retry_with_new_keys(
            keys.current(),
            Arc::clone(&reconciler),
            Arc::clone(&queue),
        ));
        let begin = watch::Sender::new(None);
        let mut workers = JoinSet::new();
        let external = external.map(|part| {
            let here = scopes(&settings);
            let (recovered, heard) = mpsc::unbounded_channel();
            let external = ExternalSecrets::new(client.clone(), &settings, installation, &part, recovered);
            part.start(external, heard, here, &leadership, &mut workers, &mut others)
        });
        let requests = Requests::start(
            client.clone(),
            keys.current(),
            scopes(&settings),
            &settings.label_selector,
            &leadership,
            &mut workers,
            &mut others,
        );
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let worker = Worker {
            reconciler: Arc::clone(&reconciler),
            queue: Arc::clone(&queue),
            begun: begin.subscribe(),
            leadership: leadership.clone(),
        };
        for _ in 0..cores * WORKERS_PER_CORE {
            workers.spawn(worker.clone().work());
        }
        let watches = Watches {
            scopes: scopes(&settings),
            told: SealedSecretWatches {
                client,
                settings,
                reconciler,
            },
            queue: Arc::clone(&queue),
            begin,
            ready,
            leadership,
        };
        others.spawn(watches.listen());
        Ok(Self {
            queues: shown.queues.into_iter().chain([requests]).collect(),
            external,
            workers,
            others,
            closing,
        })
    }

    // Whoever waits for the Lease waits for what is under way, and not for HTTP's clients.
    async fn finish(mut self, election: &mut Election) {
        info!("finishing what is under way");
        self.queues.iter().for_each(|queue| queue.close());
        let workers = async { while self.workers.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, workers).await.is_err() {
            warn!("what was under way did not finish in time");
        }
        election.resign().await;
        if let Some(external) = &self.external {
            external.close().await;
        }
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

fn scopes(settings: &Settings) -> Vec<Scope> {
    match settings.watched() {
        settings::Watched::All => vec![Scope::Cluster],
        settings::Watched::These(all) => all.into_iter().map(Scope::Namespace).collect(),
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
