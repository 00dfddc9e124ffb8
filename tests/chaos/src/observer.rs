//! Watches all Secrets of the objects' namespaces and the sealing keys, past the proxies, and shows them to
//! the judge.

use std::collections::{BTreeMap, HashSet};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Secret;
use kube::api::ListParams;
use kube::runtime::watcher::{Config, Event, watcher};
use kube::{Api, Client, ResourceExt};
use seal_api::annotations::{KEY_ACTIVE, KEY_LABEL};
use seal_cluster::installation::{INSTALLATION_SECRET, Installation};
use seal_core::Certificate;
use seal_testbed::wait_for;
use tokio::task::JoinSet;

use crate::judge::renewals::{Key, Notes, Renewals};
use crate::judge::{Judge, Seen};
use crate::place::NAMESPACES;
use crate::stage::HOME;

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
        watches.spawn(observe_keys(self.clone(), Api::namespaced(client.clone(), HOME)));
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
            let (keys, notes) = keys_and_notes(client).await?;
            let judge = self.judge();
            let known: HashSet<_> = judge.standing().map(version).collect();
            let same_keys = judge.renewals.standing().eq(&keys) && *judge.renewals.notes() == notes;
            Ok((known == listed && same_keys).then_some(()))
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

async fn observe_keys(bench: Bench, secrets: Api<Secret>) {
    let mut events = pin!(watcher(secrets, Config::default().labels(KEY_LABEL)));
    let mut listed = Vec::new();
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => listed.clear(),
            Ok(Event::InitApply(secret)) => listed.push(secret),
            Ok(Event::InitDone) => {
                // Noted is what was made before.
                listed.sort_by_key(is_installation);
                let names = listed.iter().map(ResourceExt::name_any).collect();
                let renewals = &mut bench.judge().renewals;
                renewals.only(&names);
                listed.drain(..).for_each(|secret| show(renewals, secret));
                renewals.weigh();
            }
            Ok(Event::Apply(secret)) => {
                let renewals = &mut bench.judge().renewals;
                show(renewals, secret);
                renewals.weigh();
            }
            Ok(Event::Delete(secret)) => {
                let renewals = &mut bench.judge().renewals;
                renewals.gone(&secret.name_any());
                renewals.weigh();
            }
            Err(_) => tokio::time::sleep(BETWEEN_TRIES).await,
        }
    }
}

fn show(renewals: &mut Renewals, secret: Secret) {
    match is_installation(&secret) {
        true => renewals.note(notes(secret)),
        false => renewals.see(key(secret)),
    }
}

/// The keys as they stand, by name, and what is noted of them.
pub(crate) async fn keys_and_notes(client: &Client) -> anyhow::Result<(Vec<Key>, Notes)> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), HOME);
    let all = secrets.list(&ListParams::default().labels(KEY_LABEL)).await?;
    let (installation, keys): (Vec<_>, Vec<_>) = all.into_iter().partition(is_installation);
    let mut keys: Vec<Key> = keys.into_iter().map(key).collect();
    keys.sort_by(|one, other| one.name.cmp(&other.name));
    Ok((
        keys,
        installation.into_iter().map(notes).next().unwrap_or_default(),
    ))
}

fn is_installation(secret: &Secret) -> bool {
    secret.name_any() == INSTALLATION_SECRET
}

fn key(secret: Secret) -> Key {
    let label = secret.labels().get(KEY_LABEL).map(String::as_str);
    let active = label == Some(KEY_ACTIVE);
    let (name, uid) = (secret.name_any(), secret.uid().unwrap_or_default());
    let contents = secret.data.unwrap_or_default().into_iter();
    let contents: BTreeMap<_, _> = contents.map(|(entry, bytes)| (entry, bytes.0)).collect();
    let certificate = contents
        .get("tls.crt")
        .and_then(|pem| Certificate::from_pem(pem).ok());
    let fingerprint = certificate.map(|certificate| certificate.fingerprint().to_string());
    Key {
        name,
        uid,
        fingerprint: fingerprint.unwrap_or_default(),
        active,
        contents,
    }
}

fn notes(secret: Secret) -> Notes {
    let text = serde_json::to_vec(&secret).ok();
    let secret = text.and_then(|text| seal_api::Secret::from_json(&text).ok());
    let installation = secret.and_then(Installation::read);
    installation.map_or_else(Notes::default, |installation| Notes {
        made: installation.epoch,
        word: installation.renewed,
        primary: installation.primary,
    })
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
