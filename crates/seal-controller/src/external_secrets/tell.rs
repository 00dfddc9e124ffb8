//! What came of an ExternalSecret, told in status and events, and remembered until the watch tells it back.

use std::collections::HashMap;
use std::sync::{Arc, MutexGuard, PoisonError};

use jiff::Timestamp;
use seal_api::external_secrets::ExternalSecret;
use seal_cluster::call::CallError;
use seal_cluster::status::write_status;
use seal_engine::Record;
use seal_engine::external_secret::failed_entries;
use seal_engine::external_secret::hash::synced_resource_version;
use seal_engine::external_secret::outcome::{Done, Kept, Outcome, event_of_failure, status};
use tracing::{debug, info, warn};

use super::reconcile::Attempt;
use super::{ExternalSecrets, Memory, Seen};
use crate::known::Key;
use crate::queue::Lane;

impl ExternalSecrets {
    /// The object with the status that was written last, which the watch may not have told yet.
    pub(super) fn as_remembered(&self, key: &Key, object: &ExternalSecret) -> ExternalSecret {
        let mut object = object.clone();
        if let Some(status) = self.memory().get(key).and_then(|memory| memory.status.clone())
            && object.status.is_none()
        {
            object.status = Some(status);
        }
        object
    }

    /// What is remembered of it. The one in memory first: it is newer where the status could not be written.
    pub(super) fn authentic_record(&self, key: &Key, object: &ExternalSecret) -> Option<Record> {
        let told = object.status.as_ref().and_then(|status| status.record.as_deref());
        let told = told.and_then(|record| serde_json::from_str(record).ok());
        let remembered = self.memory().get(key).and_then(|memory| memory.record.clone());
        let records = [remembered, told];
        records
            .into_iter()
            .flatten()
            .find(|record: &Record| record.is_authentic(object, &self.installation))
    }

    /// Remembers what upstream left right.
    pub(super) async fn take_over(
        &self,
        key: &Key,
        seen: &Arc<Seen>,
        record: Record,
        lane: Lane,
        now: Timestamp,
    ) {
        let mut attempt = Attempt::of(Outcome::Done(Done::Synced));
        attempt.record = Some(record);
        attempt.stands = true;
        self.tell(key, seen, &attempt, lane, now).await;
    }

    /// Status after the deed, events after status. Whether it worked.
    pub(super) async fn tell(
        &self,
        key: &Key,
        seen: &Arc<Seen>,
        attempt: &Attempt,
        lane: Lane,
        now: Timestamp,
    ) -> bool {
        let object = &seen.object;
        let previous = object.status.as_ref();
        let kept = Kept {
            record: attempt.record.as_ref(),
            refreshed: attempt.fetched.then_some(now),
            synced_version: attempt.fetched.then(|| synced_resource_version(&object.metadata)),
            binding: attempt.stands.then(|| object.target_name()),
            failed_entries: match &attempt.outcome {
                Outcome::Failed(_, faults) => failed_entries(&object.spec, faults),
                Outcome::Done(_) => Vec::new(),
            },
        };
        let current = status(previous, &attempt.outcome, kept, now);
        if let Some(record) = &attempt.record {
            self.memory().entry(key.clone()).or_default().record = Some(record.clone());
        }
        let _turn = match previous != Some(&current) || !attempt.news.is_empty() {
            true => Some(self.turns.call(lane).await),
            false => None,
        };
        if previous != Some(&current) {
            match write_status::<ExternalSecret>(&self.client, &object.metadata, &current).await {
                Ok(metadata) => {
                    let mut object = object.clone();
                    object.metadata = metadata;
                    object.metadata.managed_fields = None;
                    object.status = Some(current.clone());
                    let readable = seen.readable;
                    self.objects.update(key, Arc::new(Seen { object, readable }));
                    self.memory().remove(key);
                }
                // Gone, or changed: the watch brings it up again; its record is in memory.
                Err(error) if error.is_not_found() => return true,
                Err(CallError::NotLeading(_)) => return false,
                Err(error) => {
                    warn!(key = %key, %error, "the status could not be written");
                    return false;
                }
            }
        }
        let failure = match &attempt.outcome {
            Outcome::Failed(_, faults) => event_of_failure(previous, &current, faults),
            Outcome::Done(_) => None,
        };
        for news in attempt.news.iter().chain(&failure) {
            if news.warning {
                warn!(key = %key, reason = news.reason, "{}", news.message);
            } else {
                info!(key = %key, reason = news.reason, "{}", news.message);
            }
            if let Err(error) = self.events.tell(object, news, now).await {
                debug!(key = %key, %error, "an event was not told");
            }
        }
        true
    }

    /// What no watch has told yet.
    pub(super) fn memory(&self) -> MutexGuard<'_, HashMap<Key, Memory>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
