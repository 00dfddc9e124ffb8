//! Watches all Secrets of the objects' namespaces, past the proxies, and shows them to the judge.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Secret;
use kube::api::ListParams;
use kube::runtime::watcher::{Config, Event, watcher};
use kube::{Api, Client};
use seal_testbed::wait_for;
use tokio::task::JoinSet;

use crate::judge::{Judge, Seen};
use crate::place::NAMESPACES;

/// The annotation that tells a tampered Secret.
pub(crate) const TAMPERING: &str = "seal-chaos/tampering";
const BETWEEN_TRIES: Duration = Duration::from_millis(100);
const SOON: Duration = Duration::from_secs(60);

/// The judge, shared by those who act and those who look.
#[derive(Clone, Default)]
pub(crate) struct Bench(Arc<Mutex<Judge>>);

impl Bench {
    /// The judge.
    pub(crate) fn judge(&self) -> MutexGuard<'_, Judge> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks on, until what is returned is dropped.
    pub(crate) fn observe(&self, client: &Client) -> JoinSet<()> {
        let mut watches = JoinSet::new();
        for namespace in NAMESPACES {
            let secrets = Api::namespaced(client.clone(), namespace);
            watches.spawn(observe(self.clone(), secrets, namespace));
        }
        watches
    }

    /// Returns when all that stands now has been seen.
    pub(crate) async fn is_up_to_date(&self, client: &Client) -> anyhow::Result<()> {
        wait_for("the watch to tell all", SOON, async || {
            let mut listed = HashSet::new();
            for namespace in NAMESPACES {
                let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
                let all = secrets.list(&ListParams::default()).await?;
                listed.extend(all.into_iter().map(|secret| version(&seen(secret))));
            }
            let known: HashSet<_> = self.judge().standing().map(version).collect();
            Ok((known == listed).then_some(()))
        })
        .await
    }
}

async fn observe(bench: Bench, secrets: Api<Secret>, namespace: &'static str) {
    let mut events = pin!(watcher(secrets, Config::default()));
    let mut listed = HashSet::new();
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => listed.clear(),
            Ok(Event::InitApply(secret)) => {
                let seen = seen(secret);
                listed.insert(seen.name.clone());
                bench.judge().see(&seen);
            }
            Ok(Event::InitDone) => bench.judge().only(namespace, &listed),
            Ok(Event::Apply(secret)) => bench.judge().see(&seen(secret)),
            Ok(Event::Delete(secret)) => bench.judge().gone(&seen(secret)),
            // The API server is down; the watch goes on where it was.
            Err(_) => tokio::time::sleep(BETWEEN_TRIES).await,
        }
    }
}

fn version(seen: &Seen) -> (String, String) {
    (seen.uid.clone(), seen.resource_version.clone())
}

fn seen(secret: Secret) -> Seen {
    let metadata = secret.metadata;
    let owners = metadata.owner_references.unwrap_or_default();
    let owner = owners.into_iter().find(|owner| owner.controller == Some(true));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let entries = secret.data.unwrap_or_default();
    Seen {
        namespace: metadata.namespace.unwrap_or_default(),
        name: metadata.name.unwrap_or_default(),
        uid: metadata.uid.unwrap_or_default(),
        resource_version: metadata.resource_version.unwrap_or_default(),
        owner: owner.map(|owner| owner.uid),
        tampering: metadata.annotations.and_then(|mut all| all.remove(TAMPERING)),
        entries: entries
            .into_iter()
            .map(|(entry, value)| (entry, text(&value.0)))
            .collect(),
    }
}
