//! One SealedSecret, from what is known of it to one [`Outcome`], told in status and events.
//!
//! Deciding is the engine's and sending `seal-cluster`'s; this is the order in which they are asked,
//! and what is remembered between two times.

mod memory;
mod prepare;
mod watched;

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use kube::Client;
use seal_api::{SealedSecret, annotations};
use seal_cluster::apply::{Applied, apply, version};
use seal_cluster::call::Deed;
use seal_cluster::events::Events;
use seal_cluster::secrets::Secrets;
use seal_cluster::status::{recorded, write_status};
use seal_cluster::watch::Scope;
use seal_core::InstallationKey;
use seal_engine::sealed_secret::owner_reference;
use seal_engine::{
    Due, Fault, FaultClass, Onto, Outcome, Ownership, Record, Retry, SecretVersion, catalogue, due, event,
    inputs, is_marked, mark, plan, status,
};
use tokio::sync::{Semaphore, watch};
use tracing::{debug, info, warn};

use crate::diagnosis::Diagnoses;
use crate::known::{Key, Known, Seen};
use crate::metrics::{ErrorReason, Metrics};
use crate::queue::{Again, Lane};
use crate::sealing_keys::{Keys, Unlisted, User};
use crate::settings::Settings;
use crate::workers::Reconcile;
use memory::{Attempt, Memories};
use prepare::{Prepared, prepare};
pub(crate) use watched::SealedSecretWatches;

// Who tells, in events.
const COMPONENT: &str = "sealed-secrets";
// Between looking and writing somebody else may write; more often than this is a quarrel.
const LOOKS: usize = 4;

/// Reconciles.
pub(crate) struct Reconciler {
    /// SealedSecrets, as the watch tells.
    pub(crate) objects: Known<Arc<Seen>>,
    /// The versions of all Secrets, as the watch tells.
    pub(crate) standing: Known<SecretVersion>,
    client: Client,
    secrets: Secrets,
    events: Events,
    metrics: Arc<Metrics>,
    keys: watch::Receiver<Option<Arc<Keys>>>,
    installation: Arc<InstallationKey>,
    settings: Arc<Settings>,
    diagnoses: Diagnoses,
    cores: Semaphore,
    backlog: Semaphore,
    memories: Memories,
}

impl Reconciler {
    /// One that has not seen anything yet.
    pub(crate) fn new(
        client: Client,
        settings: Arc<Settings>,
        metrics: Arc<Metrics>,
        keys: watch::Receiver<Option<Arc<Keys>>>,
        installation: Arc<InstallationKey>,
    ) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            objects: Known::default(),
            standing: Known::default(),
            secrets: Secrets::new(client.clone()),
            events: Events::new(client.clone(), COMPONENT),
            client,
            metrics,
            keys,
            installation,
            settings,
            diagnoses: Diagnoses::default(),
            cores: Semaphore::new(cores),
            // One more than there are cores, so that none is idle: what is new waits behind one only.
            backlog: Semaphore::new(cores + 1),
            memories: Memories::default(),
        }
    }

    /// Those that a new key may help.
    pub(crate) fn waiting_for_a_key(&self) -> Vec<Key> {
        self.memories.waiting_for_a_key()
    }

    /// The SealedSecrets and the keys that each needs.
    ///
    /// # Errors
    /// Those of `scopes` that are not known yet.
    pub(crate) fn users(&self, scopes: &[Scope]) -> Result<Vec<User>, Unlisted> {
        let listed = |scope: &&Scope| self.objects.has_listed(std::slice::from_ref(*scope));
        let unlisted: Vec<Scope> = scopes.iter().filter(|scope| !listed(scope)).cloned().collect();
        if !unlisted.is_empty() {
            return Err(Unlisted(unlisted));
        }
        let user = |(key, seen): (Key, Arc<Seen>)| {
            let records = self.records(&key, &seen.object);
            let record = records
                .iter()
                .find(|record| record.is_about(&seen.object, &self.installation));
            User {
                name: key.to_string(),
                keys: record.map(|record| record.keys().collect()),
            }
        };
        let mut users: Vec<User> = self.objects.all().into_iter().map(user).collect();
        users.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(users)
    }

    fn forget(&self, key: &Key) {
        self.memories.forget(key);
        self.standing.forget(key);
        self.metrics.forget(key);
    }

    async fn settle(&self, key: &Key, object: &SealedSecret, lane: Lane, now: Timestamp) -> Outcome {
        let digest = inputs(object, &self.installation).to_text();
        let period = self.memories.period();
        let attempt = |standing, generation, result| Attempt {
            period,
            inputs: digest.clone(),
            standing,
            generation,
            result,
        };
        let records = self.records(key, object);
        let mut standing = match self.settings.skip_recreate {
            true => self
                .kept(&records, object, None)
                .map(|record| record.secret.clone()),
            false => self.standing.find(key),
        };
        let kept = self.kept(&records, object, standing.as_ref());
        if let Some(record) = kept
            && due(object, Some(record), standing.as_ref(), &self.installation) == Due::Nothing
        {
            debug!(key = %key, "nothing is due");
            self.memories.add(key, attempt(standing, 0, Ok(record.clone())));
            return Outcome::Synced(record.clone());
        }
        let Some(keys) = self.keys.borrow().clone() else {
            let what = "an object came up before there were keys";
            return Outcome::Failed(vec![Fault::new(&catalogue::DEFECT).fact("what", what)]);
        };
        if let Some(faults) = self
            .memories
            .same_again(key, &digest, standing.as_ref(), keys.generation)
        {
            return Outcome::Failed(faults);
        }
        info!(key = %key, "Updating");
        let generation = keys.generation;
        let known = (records.as_slice(), &mut standing);
        let result = self.attempt(key, object, lane, keys, known, now).await;
        if let Err(faults) = &result {
            self.metrics.unseal_failed(&key.namespace, reason(faults));
        }
        self.memories
            .add(key, attempt(standing, generation, result.clone()));
        match result {
            Ok(record) => Outcome::Synced(record),
            Err(faults) => Outcome::Failed(faults),
        }
    }

    async fn attempt(
        &self,
        key: &Key,
        object: &SealedSecret,
        lane: Lane,
        keys: Arc<Keys>,
        (records, standing): (&[Record], &mut Option<SecretVersion>),
        now: Timestamp,
    ) -> Result<Record, Vec<Fault>> {
        self.metrics.unseal_begins();
        let kept = self.kept(records, object, standing.as_ref()).cloned();
        let prepared = self.prepared(key, object, lane, keys, kept, now).await?;
        let owner = owner_reference(object);
        let template = object
            .spec
            .template
            .as_ref()
            .and_then(|template| template.metadata.as_ref());
        let skip = annotations::is_set(
            template.and_then(|metadata| metadata.annotations.as_ref()),
            annotations::SKIP_SET_OWNER_REFERENCES,
        );
        let managed = records
            .first()
            .map_or(&[][..], |record| record.managed.as_slice());
        // Where the watch knows of no Secret there is none to read; if that is outdated, creating tells.
        let mut look = self.settings.skip_recreate || standing.is_some();
        let mut outdated = None;
        for _ in 0..LOOKS {
            let there = if look { self.look(key).await? } else { None };
            look = true;
            // What is found out here counts as known: if it is this that is in the way, its end is news.
            *standing = there.as_ref().map(version);
            if let Some(standing) = standing {
                self.enter(key, standing.clone());
            }
            let ours = there.as_ref().and_then(|there| self.made(object, records, there));
            let ownership = Ownership::of_sealed_secret(&owner, skip, ours, there.as_ref());
            let mut desired = prepared.desired.duplicate();
            let becomes_ours = there.is_none() || ownership.onto == Onto::Adopt;
            if skip && becomes_ours {
                mark(&mut desired, object, &self.installation);
            }
            let step = plan(desired, there.as_ref(), &owner, ownership, managed);
            match apply(&self.secrets, step, there.as_ref()).await {
                Applied::Done(version) => {
                    self.enter(key, version.clone());
                    let Prepared {
                        opened,
                        rendered,
                        managed,
                        ..
                    } = &prepared;
                    let managed = managed.clone();
                    return Ok(Record::new(
                        object,
                        version,
                        *rendered,
                        opened,
                        managed,
                        &self.installation,
                    ));
                }
                Applied::Outdated(fault) => outdated = Some(fault),
                Applied::Failed(fault) => return Err(vec![fault]),
            }
        }
        Err(vec![outdated.unwrap_or_else(|| Fault::new(&catalogue::CONFLICT))])
    }

    // Nobody would tell of its end where Secrets are not watched.
    fn enter(&self, key: &Key, version: SecretVersion) {
        if !self.settings.skip_recreate {
            self.standing.enter(key, version);
        }
    }

    async fn look(&self, key: &Key) -> Result<Option<seal_api::Secret>, Vec<Fault>> {
        let deed = Deed {
            verb: "get",
            resource: "secrets",
        };
        self.secrets
            .find(&key.namespace, &key.name)
            .await
            .map_err(|error| vec![error.fault(deed)])
    }

    // Private operations belong to the cores, not to the asynchronous tasks.
    async fn prepared(
        &self,
        key: &Key,
        object: &SealedSecret,
        lane: Lane,
        keys: Arc<Keys>,
        kept: Option<Record>,
        now: Timestamp,
    ) -> Result<Prepared, Vec<Fault>> {
        let defect = |what: &str| vec![Fault::new(&catalogue::DEFECT).fact("what", what)];
        let closed = |_| defect("the cores are closed");
        let _turn = match lane {
            Lane::Backlog => Some(self.backlog.acquire().await.map_err(closed)?),
            Lane::News => None,
        };
        let _core = self.cores.acquire().await.map_err(closed)?;
        let diagnose = self.diagnoses.allow(&key.namespace, Instant::now());
        let (object, settings) = (object.clone(), Arc::clone(&self.settings));
        let installation = Arc::clone(&self.installation);
        let worker = tokio::task::spawn_blocking(move || {
            prepare(
                &object,
                &keys.ring,
                kept.as_ref(),
                diagnose,
                &settings,
                &installation,
                now,
            )
        });
        let prepared = worker.await.map_err(|_| defect("opening ended early"))?;
        // What opens needed no diagnosis; a thousand such objects must not use up what the next one needs.
        if diagnose && prepared.is_ok() {
            self.diagnoses.give_back(&key.namespace);
        }
        prepared
    }

    // The latest first.
    fn records(&self, key: &Key, object: &SealedSecret) -> Vec<Record> {
        let mut records = self.memories.records(key, recorded(object));
        records.dedup();
        records.retain(|record| record.is_authentic(object, &self.installation));
        records
    }

    // The one that tells of the Secret as it stands, if any does; else the latest about the object as it is.
    fn kept<'a>(
        &self,
        records: &'a [Record],
        object: &SealedSecret,
        standing: Option<&SecretVersion>,
    ) -> Option<&'a Record> {
        if let [] | [_] = records {
            return records.first();
        }
        let about = records
            .iter()
            .filter(|record| record.is_about(object, &self.installation));
        let exact = about.clone().find(|record| Some(&record.secret) == standing);
        exact.or_else(|| about.clone().next()).or(records.first())
    }

    // The uid of the Secret that stands there, if we made it. Any record is proof of that: whoever led before may have
    // made another one since. Where there was no time to write one, the mark is.
    fn made<'a>(
        &self,
        object: &SealedSecret,
        records: &[Record],
        there: &'a seal_api::Secret,
    ) -> Option<&'a str> {
        let uid = there.metadata.uid.as_deref()?;
        let recorded = records.iter().any(|record| record.secret.uid == uid);
        (recorded || is_marked(there, object, &self.installation)).then_some(uid)
    }

    // Status after the deed, event after status, and both on change only. Whether it worked.
    async fn tell(&self, key: &Key, seen: &Arc<Seen>, outcome: &Outcome, now: Timestamp) -> bool {
        let object = &seen.object;
        let previous = object.status.clone().or_else(|| self.memories.status(key));
        let current = status(previous.as_ref(), outcome, object.metadata.generation, now);
        if self.settings.update_status && previous.as_ref() != Some(&current) {
            match write_status::<SealedSecret>(&self.client, &object.metadata, &current).await {
                Ok(metadata) => {
                    let object = SealedSecret {
                        metadata,
                        spec: object.spec.clone(),
                        status: Some(current.clone()),
                    };
                    self.objects.update(
                        key,
                        Arc::new(Seen {
                            object,
                            readable: seen.readable,
                        }),
                    );
                }
                // Gone, or changed: the watch brings it up again; its record is in memory.
                Err(error) if error.is_not_found() => return true,
                // The one that leads tells it.
                Err(error) if error.is_not_leading() => return false,
                Err(error) => {
                    self.metrics.unseal_failed(&key.namespace, ErrorReason::Status);
                    warn!(key = %key, %error, "Error updating SealedSecret status");
                    return false;
                }
            }
        }
        if self.settings.update_status {
            self.metrics.condition(key, object, &current);
        }
        self.memories.set_status(key, current.clone());
        if let Some(news) = event(previous.as_ref(), outcome, &current) {
            if news.warning {
                warn!(key = %key, reason = news.reason, "{}", news.message);
            } else {
                info!(key = %key, reason = news.reason, "{}", news.message);
            }
            if let Err(error) = self.events.tell(object, &news, now).await {
                debug!(key = %key, %error, "an event was not told");
            }
        }
        true
    }
}

impl Reconcile for Reconciler {
    // Brings the Secret of `key` into line and tells what came of it.
    async fn reconcile(&self, key: &Key, lane: Lane) -> Again {
        let Some(seen) = self.objects.find(key) else {
            self.forget(key);
            return Again::Never;
        };
        // On its way out: the garbage collector takes the Secret along.
        if seen.object.metadata.deletion_timestamp.is_some() {
            return Again::OnChange;
        }
        let now = Timestamp::now();
        let outcome = if seen.readable {
            self.settle(key, &seen.object, lane, now).await
        } else {
            self.metrics.unseal_failed(&key.namespace, ErrorReason::Fetch);
            Outcome::Failed(vec![Fault::new(&catalogue::UNREADABLE)])
        };
        let told = self.tell(key, &seen, &outcome, now).await;
        if told { again(&outcome) } else { Again::AfterAPause }
    }
}

fn again(outcome: &Outcome) -> Again {
    let wants_retry = |fault: &Fault| fault.kind.class.retry() == Retry::Backoff;
    match outcome {
        Outcome::Failed(faults) if faults.iter().any(wants_retry) => Again::AfterAPause,
        Outcome::Failed(_) | Outcome::Synced(_) => Again::OnChange,
    }
}

fn reason(faults: &[Fault]) -> ErrorReason {
    let about =
        |kind: &'static seal_engine::FaultKind| faults.iter().any(|fault| std::ptr::eq(fault.kind, kind));
    if about(&catalogue::NOT_OURS) {
        ErrorReason::Unmanaged
    } else if faults
        .iter()
        .any(|fault| fault.kind.about_target || fault.kind.class == FaultClass::Cluster)
    {
        ErrorReason::Update
    } else {
        ErrorReason::Unseal
    }
}
