//! One ExternalSecret, from what is known of it to what came of it, told in status and events.
//!
//! Deciding is the engine's and sending `seal-cluster`'s; this is the order in which they are asked.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt;
use seal_api::external_secrets::names::{READY, SECRET_DELETED};
use seal_api::external_secrets::{CreationPolicy, DeletionPolicy, ExternalSecret, StoreRef};
use seal_cluster::apply::version;
use seal_engine::external_secret::outcome::{Done, Outcome, Stage};
use seal_engine::external_secret::{Refresh, RefreshRules, faults as faults_of, is_as_left, refresh, stores};
use seal_engine::{Event, Fault, FaultClass, Record, Retry, SecretVersion, catalogue};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::bring::target;
use super::dependents::Thing;
use super::generators::{self, Refreshed};
use super::prepare::{Preparation, Prepared};
use super::stores::key_of;
use super::{ExternalSecrets, Seen};
use crate::known::Key;
use crate::metrics::external_secrets::Look;
use crate::queue::{Again, Lane};
use crate::workers::Reconcile;

// However short an interval its author writes down, an object is not looked at more often than this.
pub(super) const SHORTEST: Duration = Duration::from_secs(1);

/// What one attempt came to.
pub(super) struct Attempt {
    /// As it is told.
    pub(super) outcome: Outcome,
    /// What is to be remembered.
    pub(super) record: Option<Record>,
    /// Whether values were fetched.
    pub(super) fetched: bool,
    /// Whether a Secret stands.
    pub(super) stands: bool,
    /// What happened on the way.
    pub(super) news: Vec<Event>,
}

impl Attempt {
    pub(super) fn of(outcome: Outcome) -> Self {
        Self {
            outcome,
            record: None,
            fetched: false,
            stands: false,
            news: Vec::new(),
        }
    }

    pub(super) fn failed(stage: Stage, faults: Vec<Fault>) -> Self {
        Self::of(Outcome::Failed(stage, faults))
    }
}

impl Reconcile for ExternalSecrets {
    async fn reconcile(&self, key: &Key, lane: Lane) -> Again {
        let begin = Instant::now();
        let (again, look) = self.look_after(key, lane).await;
        match (look, self.objects.find(key)) {
            (Some(look), Some(seen)) => self.measure(key, &seen.object, look, begin.elapsed()),
            _ => self.metrics.forget(key),
        }
        again
    }
}

impl ExternalSecrets {
    // When to look again, and what the look came to, if it is for us to look.
    async fn look_after(&self, key: &Key, lane: Lane) -> (Again, Option<Look>) {
        let claimed = self.rooms.claim(key);
        let Some(seen) = self.objects.find(key) else {
            self.forget(key);
            return (Again::Never, None);
        };
        if !self.is_ours(&seen.object) {
            // Its store may become ours.
            let of = |reference| Thing::Store(key_of(&reference, &key.namespace));
            let mut things: BTreeSet<Thing> = references(&seen.object).map(of).collect();
            things.insert(Thing::Secret(seen.target()));
            self.dependents.looks_at(key, things);
            return (Again::OnChange, None);
        }
        if !Box::pin(self.generators_are_ours(key, &seen.object)).await {
            return (Again::OnChange, None);
        }
        // On its way out: the garbage collector takes the Secret along.
        if seen.object.metadata.deletion_timestamp.is_some() {
            return match Box::pin(self.let_go(&seen.object)).await {
                Ok(()) => (Again::OnChange, None),
                Err(fault) => {
                    warn!(key = %key, "cannot be let go: {}", fault.sentence());
                    (Again::AfterAPause, Some(Look::Failed))
                }
            };
        }
        let now = Timestamp::now();
        let rules = self.rules();
        let attempt = if !seen.readable {
            Attempt::failed(Stage::Data, vec![Fault::new(&catalogue::UNREADABLE)])
        } else {
            let object = self.as_remembered(key, &seen.object);
            let due = refresh(&object, now, rules);
            let record = self.authentic_record(key, &seen.object);
            match Box::pin(self.standing_as_left(&object, record.as_ref(), lane)).await {
                Ok(Some(taken_over)) if !matches!(due, Refresh::Now(_)) && is_ready(&object) => {
                    let Some(record) = taken_over else {
                        debug!(key = %key, "nothing is due");
                        return (appointment(due, now), Some(Look::Nothing));
                    };
                    // Upstream left it right: only what we remember is written.
                    info!(key = %key, "Taking over");
                    Box::pin(self.take_over(key, &seen, record, lane, now)).await;
                    return (appointment(due, now), Some(Look::Nothing));
                }
                Ok(_) => {
                    let of = |reference| key_of(&reference, &key.namespace);
                    let stores = references(&seen.object).map(of);
                    let Some(_stay) = self.rooms.enter(stores, claimed.as_ref(), key, lane) else {
                        return (Again::OnChange, Some(Look::Nothing));
                    };
                    let due = matches!(due, Refresh::Now(_));
                    let refreshed = Refreshed::of(record.as_ref(), due, now);
                    // Boxed: a thousand may be on their way to find that they have to wait.
                    Box::pin(self.attempt(key, &seen, record, lane, &refreshed)).await
                }
                Err(fault) => Attempt::failed(Stage::Update, vec![fault]),
            }
        };
        let told = Box::pin(self.tell(key, &seen, &attempt, lane, now)).await;
        let look = match attempt.outcome {
            Outcome::Done(_) => Look::Synced,
            Outcome::Failed(..) => Look::Failed,
        };
        let Some(seen) = self.objects.find(key).filter(|_| told) else {
            return (Again::AfterAPause, Some(look));
        };
        let due = refresh(&self.as_remembered(key, &seen.object), Timestamp::now(), rules);
        let again = match attempt.outcome {
            Outcome::Done(_) => appointment(due, now),
            Outcome::Failed(_, faults)
                if faults.iter().all(waits_for_a_change) && !self.dependents.looks_at_unwatched(key) =>
            {
                let interval = seal_engine::external_secret::interval(&seen.object);
                let interval = u64::try_from(interval).ok().filter(|interval| *interval > 0);
                interval.map_or(Again::OnChange, |interval| {
                    Again::At(Instant::now() + Duration::from_nanos(interval).max(SHORTEST))
                })
            }
            Outcome::Failed(..) => Again::AfterAPause,
        };
        (again, Some(look))
    }

    fn rules(&self) -> RefreshRules {
        RefreshRules {
            zero_is_never: self.choices.zero_is_never,
        }
    }

    /// Whether the object of `key` wants something of its stores now.
    pub(super) fn is_due(&self, key: &Key) -> bool {
        self.objects.find(key).is_some_and(|seen| {
            let object = self.as_remembered(key, &seen.object);
            matches!(refresh(&object, Timestamp::now(), self.rules()), Refresh::Now(_))
        })
    }

    fn measure(&self, key: &Key, object: &ExternalSecret, look: Look, took: Duration) {
        let now = Timestamp::now();
        let object = self.as_remembered(key, object);
        let due = match refresh(&object, now, self.rules()) {
            Refresh::Now(_) => Some(now),
            Refresh::At(time) => Some(time),
            Refresh::OnChange | Refresh::Never => None,
        };
        let ready = object.status.is_some().then(|| is_ready(&object));
        self.metrics
            .looked_at(key, &object.metadata, ready, (look, took), due);
    }
}

// A change brings it up, or the next refresh; what nobody watches is tried again before.
fn waits_for_a_change(fault: &Fault) -> bool {
    // Labels of namespaces are not watched.
    if std::ptr::eq(fault.kind, &catalogue::STORE_CLOSED) {
        return false;
    }
    let refused = std::ptr::eq(fault.kind, &catalogue::STORE_REFUSED);
    let mount = std::ptr::eq(fault.kind, &catalogue::MOUNT_MISSING);
    refused || mount || fault.kind.class == FaultClass::User || fault.kind.class.retry() == Retry::OnChange
}

fn appointment(due: Refresh, now: Timestamp) -> Again {
    match due {
        Refresh::Now(_) => Again::At(Instant::now() + SHORTEST),
        Refresh::At(time) => {
            let wait = Duration::try_from(time.duration_since(now)).unwrap_or_default();
            Again::At(Instant::now() + wait.max(SHORTEST))
        }
        Refresh::OnChange | Refresh::Never => Again::OnChange,
    }
}

fn references(object: &ExternalSecret) -> impl Iterator<Item = StoreRef> {
    stores(&object.spec).into_iter().map(|id| StoreRef {
        kind: Some(id.kind()),
        name: id.name,
    })
}

fn is_ready(object: &ExternalSecret) -> bool {
    let conditions = object.status.iter().flat_map(|status| &status.conditions);
    conditions
        .into_iter()
        .any(|condition| condition.kind == READY && condition.status == "True")
}

impl ExternalSecrets {
    pub(super) fn forget(&self, key: &Key) {
        self.memory().remove(key);
        self.dependents.forget(key);
        self.rooms.forget(key);
    }

    // One store of another class is enough to leave all of it to that class's controller.
    fn is_ours(&self, object: &ExternalSecret) -> bool {
        let namespace = object.namespace().unwrap_or_default();
        references(object).all(|reference| {
            let store = self.stores.find(&key_of(&reference, &namespace));
            store.is_none_or(|store| store.is_of_class(&self.choices.class))
        })
    }

    // Whether the Secret is as it was left. Where we remember nothing of it, and upstream's marks say so, what there
    // is to remember is returned.
    async fn standing_as_left(
        &self,
        object: &ExternalSecret,
        record: Option<&Record>,
        lane: Lane,
    ) -> Result<Option<Option<Record>>, Fault> {
        let target = target(object);
        let standing = self.secrets.find(&target);
        match object.spec.creation_policy() {
            CreationPolicy::None | CreationPolicy::Orphan => return Ok(Some(None)),
            CreationPolicy::Merge if standing.is_none() => return Ok(Some(None)),
            CreationPolicy::Owner | CreationPolicy::Merge | CreationPolicy::CreateOrMerge => {}
        }
        let Some(standing) = standing else {
            // It was deleted by the deletion policy, or by somebody.
            let gone = object.spec.deletion_policy() == DeletionPolicy::Delete && is_deleted(object);
            return Ok(gone.then_some(None));
        };
        match record {
            Some(record) => {
                // What changed about the object since is for its refresh policy to judge.
                Ok((record.secret == standing).then_some(None))
            }
            None if object.status.is_none() => Ok(None),
            // A record that is none of ours may have been forged, and then the hash is no proof either: anybody can work
            // it out (S14).
            None if object
                .status
                .as_ref()
                .is_some_and(|status| status.record.is_some()) =>
            {
                Ok(None)
            }
            None => {
                let _turn = self.turns.call(lane).await;
                let Some(found) = self.look(&target).await? else {
                    return Ok(None);
                };
                let right = is_as_left(object, Some(&found));
                Ok(right.then(|| Some(self.record(object, version(&found), Timestamp::now()))))
            }
        }
    }

    /// What is to be remembered of a Secret, without its content.
    pub(super) fn record(&self, object: &ExternalSecret, secret: SecretVersion, now: Timestamp) -> Record {
        let none = std::collections::BTreeMap::new();
        Record::new(object, secret, now, &none, Vec::new(), &self.installation)
    }

    async fn attempt(
        &self,
        key: &Key,
        seen: &Arc<Seen>,
        record: Option<Record>,
        lane: Lane,
        refreshed: &Refreshed,
    ) -> Attempt {
        let object = &seen.object;
        let wrong = faults_of(&object.spec);
        if !wrong.is_empty() {
            return Attempt::failed(Stage::Data, wrong);
        }
        info!(key = %key, "Fetching");
        let namespace = object.namespace().unwrap_or_default();
        let mut gathered = self.gather(&object.spec, &namespace).await;
        let mut things: BTreeSet<Thing> = std::mem::take(&mut gathered.things);
        things.insert(Thing::Secret(target(object)));
        let _turn = self.turns.call(lane).await;
        let texts = self.texts(object, &mut things).await;
        self.dependents.looks_at(key, things);
        let fetched = match texts {
            Ok(fetched) => fetched,
            Err(faults) => return Attempt::failed(Stage::Update, faults),
        };
        let lost = generators::lost(&gathered.said, refreshed);
        let generates = gathered.generates();
        let mut preparation = Preparation {
            seen: Arc::clone(seen),
            gathered,
            fetched,
            choices: Arc::clone(&self.choices),
            templating: Arc::clone(&self.templating),
            installation: Arc::clone(&self.installation),
        };
        if generates {
            let since = refreshed.since;
            let generated = move || {
                preparation.generate(since);
                preparation
            };
            preparation = match self.turns.work(generated).await {
                Ok(preparation) => preparation,
                Err(fault) => return Attempt::failed(Stage::Update, vec![fault]),
            };
        }
        let preparation = Arc::new(preparation);
        let prepare_as_of = async |time| {
            let preparation = Arc::clone(&preparation);
            let prepared = self.turns.work(move || preparation.as_of(time)).await;
            prepared.unwrap_or_else(|fault| Err((Stage::Update, vec![fault])))
        };
        // What is the same as before was rendered then, and stays what it was: a template that says `now` is no reason
        // to write at each refresh (S17).
        let before = record
            .as_ref()
            .filter(|record| record.is_about(object, &self.installation));
        let then = before.and_then(|record| Timestamp::from_second(record.rendered).ok());
        let mut rendered = then.unwrap_or(refreshed.since);
        let mut prepared = prepare_as_of(rendered).await;
        if let (Some(before), Ok(Prepared::Secret(secret, _))) = (before, &prepared)
            && !before.has_content_of(secret, object, &self.installation)
        {
            rendered = refreshed.since;
            prepared = prepare_as_of(rendered).await;
        }
        let mut prepared = match prepared {
            Ok(prepared) => prepared,
            Err((stage, faults)) => return Attempt::failed(stage, faults),
        };
        if let (true, Prepared::Secret(secret, _)) = (lost, &mut prepared) {
            match self.look(&target(object)).await {
                Ok(standing) => generators::keep(secret, standing.as_ref()),
                Err(fault) => return Attempt::failed(Stage::Update, vec![fault]),
            }
        }
        let (mut attempt, missing) = match prepared {
            Prepared::Secret(secret, missing) if object.spec.creation_policy() != CreationPolicy::None => {
                (self.bring(object, *secret, record, rendered).await, missing)
            }
            Prepared::Secret(_, missing) => (Attempt::of(Outcome::Done(Done::Synced)), missing),
            Prepared::Nothing(missing) => (self.without(object).await, missing),
        };
        if attempt.stands
            && let Err(fault) = self.clear_away(object).await
        {
            return Attempt::failed(Stage::Orphans, vec![fault]);
        }
        attempt.fetched = matches!(attempt.outcome, Outcome::Done(_));
        let told = missing.iter().map(|source| Event {
            warning: false,
            reason: "MissingProviderSecret",
            message: match &source.key {
                Some(key) => format!(
                    "secret does not exist at provider using {} (key={key})",
                    source.field
                ),
                None => format!("secret does not exist at provider using {}", source.field),
            },
        });
        attempt.news.splice(0..0, told);
        attempt
    }
}

fn is_deleted(object: &ExternalSecret) -> bool {
    let conditions = object.status.iter().flat_map(|status| &status.conditions);
    conditions
        .into_iter()
        .any(|condition| condition.reason.as_deref() == Some(SECRET_DELETED))
}
