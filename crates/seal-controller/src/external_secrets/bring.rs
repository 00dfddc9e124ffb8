//! The Secret of an ExternalSecret, made what it should be, taken away, or left: each step with what stands in hand.
//!
//! What it should be is worked out elsewhere; what came of it is told elsewhere.

use jiff::Timestamp;
use kube::ResourceExt;
use seal_api::Secret;
use seal_api::external_secrets::names::EXTERNAL_SECRET_FINALIZER;
use seal_api::external_secrets::{CreationPolicy, DeletionPolicy, ExternalSecret};
use seal_cluster::apply::{Applied, apply, version};
use seal_cluster::call::Deed;
use seal_cluster::finalizers::{FINALIZER, remove_finalizer};
use seal_engine::external_secret::hash::field_manager;
use seal_engine::external_secret::outcome::{Done, Outcome, Stage, Written, event_of};
use seal_engine::external_secret::{Emptied, Target, emptied, is_left_over, plan, target as target_of};
use seal_engine::{Fault, Record, Step, catalogue};

use super::ExternalSecrets;
use super::reconcile::Attempt;
use crate::known::Key;

// Between looking and writing somebody else may write; more often than this is a quarrel.
const LOOKS: usize = 4;

impl ExternalSecrets {
    /// We put no finalizer on anything. Upstream did, and waits for nobody else to take it off.
    pub(super) async fn let_go(&self, object: &ExternalSecret) -> Result<(), Fault> {
        let finalizers = object.metadata.finalizers.iter().flatten();
        if !finalizers
            .into_iter()
            .any(|finalizer| finalizer == EXTERNAL_SECRET_FINALIZER)
        {
            return Ok(());
        }
        if object.spec.deletion_policy() == DeletionPolicy::Delete {
            let standing = self.look(&target(object)).await?;
            if let (Emptied::Delete, Some(standing)) = (emptied(object, standing.as_ref()), standing) {
                self.delete(&standing).await?;
            }
        }
        let removed =
            remove_finalizer::<ExternalSecret>(&self.client, &object.metadata, EXTERNAL_SECRET_FINALIZER);
        match removed.await {
            Err(error) if !error.is_not_found() => Err(error.fault(FINALIZER)),
            _ => Ok(()),
        }
    }

    async fn delete(&self, secret: &Secret) -> Result<(), Fault> {
        match self.secrets_api.delete(secret).await {
            Err(error) if !error.is_not_found() => Err(error.fault(Deed {
                verb: "delete",
                resource: "secrets",
            })),
            _ => Ok(()),
        }
    }

    /// What it was called before goes, once what it is called now stands.
    pub(super) async fn clear_away(&self, object: &ExternalSecret) -> Result<(), Fault> {
        let bound = object.status.as_ref().and_then(|status| status.binding.as_ref());
        let former = bound.map(|binding| binding.name.as_str()).unwrap_or_default();
        if former.is_empty() || former == object.target_name() {
            return Ok(());
        }
        let key = Key {
            name: former.into(),
            ..target(object)
        };
        match self.look(&key).await? {
            Some(secret) if is_left_over(object, &secret.metadata) => self.delete(&secret).await,
            _ => Ok(()),
        }
    }

    /// Makes the Secret what it should be.
    pub(super) async fn bring(
        &self,
        object: &ExternalSecret,
        desired: Secret,
        record: Option<Record>,
        rendered: Timestamp,
    ) -> Attempt {
        let target = target(object);
        let standing = self.secrets.find(&target);
        // What the store has is what was left, and nobody touched it since.
        if let (Some(record), Some(standing)) = (&record, &standing)
            && record.secret == *standing
            && record.is_about(object, &self.installation)
            && record.has_content_of(&desired, object, &self.installation)
        {
            let mut attempt = Attempt::of(Outcome::Done(Done::Synced));
            attempt.stands = true;
            return attempt;
        }
        let secrets = self
            .secrets_api
            .clone()
            .as_manager(&field_manager(&object.name_any()));
        // Where the watch knows of no Secret there is none to read; if that is outdated, creating tells. Of one that
        // stood before anybody took an interest in it, the watch does not tell either, and merging creates nothing.
        let mut look = standing.is_some() || object.spec.creation_policy() == CreationPolicy::Merge;
        let mut outdated = None;
        for _ in 0..LOOKS {
            let there = match look {
                true => match self.look(&target).await {
                    Ok(there) => there,
                    Err(fault) => return Attempt::failed(Stage::Update, vec![fault]),
                },
                false => None,
            };
            look = true;
            let step = match target_of(object, there.as_ref()) {
                Target::Write(ownership) => plan(object, desired.duplicate(), there.as_ref(), ownership),
                Target::Wait => return Attempt::of(Outcome::Done(Done::Missing)),
                Target::Nothing => return Attempt::of(Outcome::Done(Done::Synced)),
                Target::Refuse(fault) => Step::Refuse(fault),
            };
            if let Step::Refuse(fault) = step {
                return Attempt::failed(stage_of(&fault), vec![fault]);
            }
            let written = match &step {
                Step::Create(_) => Some(Written::Created),
                Step::Replace(_) => Some(Written::Updated),
                Step::Leave | Step::Refuse(_) => None,
            };
            match apply(&secrets, step, there.as_ref()).await {
                Applied::Done(version) => {
                    self.secrets.enter(&target, version.clone());
                    let record = self.record(object, version, rendered);
                    let mut attempt = Attempt::of(Outcome::Done(Done::Synced));
                    attempt.record = Some(record.of_content(&desired, object, &self.installation));
                    attempt.stands = true;
                    attempt.news.extend(written.map(event_of));
                    return attempt;
                }
                Applied::Outdated(fault) => outdated = Some(fault),
                Applied::Failed(fault) => return Attempt::failed(Stage::Update, vec![fault]),
            }
        }
        let fault = outdated.unwrap_or_else(|| Fault::new(&catalogue::CONFLICT));
        Attempt::failed(Stage::Update, vec![fault])
    }

    /// The store has nothing any more.
    pub(super) async fn without(&self, object: &ExternalSecret) -> Attempt {
        let standing = match self.look(&target(object)).await {
            Ok(standing) => standing,
            Err(fault) => return Attempt::failed(Stage::Deletion, vec![fault]),
        };
        let mut attempt = Attempt::of(Outcome::Done(Done::Deleted));
        match (emptied(object, standing.as_ref()), standing) {
            (Emptied::Retain | Emptied::Write, standing) => {
                attempt.outcome = Outcome::Done(Done::Retained);
                attempt.stands = standing.is_some();
            }
            (Emptied::Refuse(fault), _) => return Attempt::failed(Stage::Deletion, vec![fault]),
            (Emptied::Delete, Some(standing)) => {
                if let Err(fault) = self.delete(&standing).await {
                    return Attempt::failed(Stage::Deletion, vec![fault]);
                }
                attempt.news.push(event_of(Written::Deleted));
            }
            (Emptied::Gone | Emptied::Delete, _) => {}
        }
        attempt
    }

    /// What stands there; the watch knows of it from now on.
    pub(super) async fn look(&self, target: &Key) -> Result<Option<Secret>, Fault> {
        let deed = Deed {
            verb: "get",
            resource: "secrets",
        };
        let found = self.secrets_api.find(&target.namespace, &target.name).await;
        let found = found.map_err(|error| error.fault(deed))?;
        if let Some(found) = &found {
            self.secrets.enter(target, version(found));
        }
        Ok(found)
    }
}

fn stage_of(fault: &Fault) -> Stage {
    let is = |kind: &'static seal_engine::FaultKind| std::ptr::eq(fault.kind, kind);
    if is(&catalogue::STANDING_IMMUTABLE) {
        Stage::Immutable
    } else if is(&catalogue::OWNED_BY_ANOTHER) {
        Stage::Ownership
    } else {
        Stage::Update
    }
}

/// Where the Secret of `object` stands.
pub(super) fn target(object: &ExternalSecret) -> Key {
    Key {
        namespace: object.namespace().unwrap_or_default().into(),
        name: object.target_name().into(),
    }
}
