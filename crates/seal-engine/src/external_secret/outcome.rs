//! What one attempt at an ExternalSecret came to, and how its status and events tell it.
//!
//! Texts and reasons are upstream's; what upstream tells in logs and events only follows behind them.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use seal_api::external_secrets::names::{
    READY, SECRET_DELETED, SECRET_MISSING, SECRET_SYNCED, SECRET_SYNCED_ERROR,
};
use seal_api::external_secrets::{ExternalSecretStatus, FailedEntry, LocalReference, StatusCondition};

use crate::due::Record;
use crate::fault::{Fault, summary};
use crate::outcome::{Event, bounded, remedies};

/// What one attempt came to.
pub enum Outcome {
    /// It is as it should be.
    Done(Done),
    /// It is not, for these reasons: at least one.
    Failed(Stage, Vec<Fault>),
}

/// How it is as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// The Secret stands, or none is asked for.
    Synced,
    /// The store has nothing any more, and the Secret stays.
    Retained,
    /// The store has nothing any more, and the Secret is gone.
    Deleted,
    /// The Secret to be merged into does not stand.
    Missing,
}

/// Where an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Fetching.
    Data,
    /// Deleting what the store has no longer.
    Deletion,
    /// Deleting what is called otherwise now.
    Orphans,
    /// Shaping or writing the Secret.
    Update,
    /// The Secret that stands can never be changed.
    Immutable,
    /// It belongs to another ExternalSecret.
    Ownership,
}

/// What of an attempt the status is to keep.
#[derive(Default)]
pub struct Kept<'a> {
    /// What to remember.
    pub record: Option<&'a Record>,
    /// When the values were fetched, if they were.
    pub refreshed: Option<Timestamp>,
    /// The state of the object that they were fetched for.
    pub synced_version: Option<String>,
    /// The Secret, if one stands.
    pub binding: Option<&'a str>,
    /// The entries that failed.
    pub failed_entries: Vec<FailedEntry>,
}

impl Done {
    fn reason(self) -> &'static str {
        match self {
            Self::Synced | Self::Retained => SECRET_SYNCED,
            Self::Deleted => SECRET_DELETED,
            Self::Missing => SECRET_MISSING,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Synced => "secret synced",
            Self::Retained => "secret retained due to DeletionPolicy=Retain",
            Self::Deleted => "secret deleted due to DeletionPolicy=Delete",
            Self::Missing => "secret will not be created due to CreationPolicy=Merge",
        }
    }
}

impl Stage {
    fn text(self) -> &'static str {
        match self {
            Self::Data => "could not get secret data from provider",
            Self::Deletion => "could not delete secret",
            Self::Orphans => "could not delete orphaned secrets",
            Self::Update => "could not update secret",
            Self::Immutable => "could not update secret, target is immutable",
            Self::Ownership => "target is owned by another ExternalSecret",
        }
    }
}

/// The status that tells `outcome`, given what it said before. Equal to `previous` when there is nothing new to
/// tell, down to the time stamps: no attempt makes a write by itself (upstream's loop, #5222).
pub fn status(
    previous: Option<&ExternalSecretStatus>,
    outcome: &Outcome,
    kept: Kept<'_>,
    now: Timestamp,
) -> ExternalSecretStatus {
    let mut status = previous.cloned().unwrap_or_default();
    let (holds, reason, message) = match outcome {
        Outcome::Done(done) => (true, done.reason(), done.text().to_owned()),
        Outcome::Failed(stage, faults) => {
            let cause = bounded(format!("{}: {}", stage.text(), summary(faults)));
            (
                false,
                SECRET_SYNCED_ERROR,
                format!("{cause}\n{}", bounded(remedies(faults))),
            )
        }
    };
    let mut ready = StatusCondition {
        kind: READY.to_owned(),
        status: if holds { "True" } else { "False" }.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message),
        last_transition_time: seconds(now),
    };
    let old = status.conditions.iter().position(|old| old.kind == READY);
    match old {
        Some(at) => {
            let old = &status.conditions[at];
            if old.status == ready.status && old.last_transition_time.is_some() {
                ready.last_transition_time.clone_from(&old.last_transition_time);
            }
            status.conditions[at] = ready;
        }
        None => status.conditions.push(ready),
    }
    if let Some(record) = kept.record {
        status.record = Some(serde_json::to_string(record).expect("a record has string keys only"));
    }
    if let Some(refreshed) = kept.refreshed {
        status.refresh_time = seconds(refreshed);
    }
    if kept.synced_version.is_some() {
        status.synced_resource_version = kept.synced_version;
    }
    status.failed_entries = kept.failed_entries;
    let name = kept.binding.map(str::to_owned);
    let gone = matches!(outcome, Outcome::Done(Done::Deleted));
    match (name, gone) {
        (Some(name), _) => status.binding = Some(LocalReference { name }),
        (None, true) if status.binding.is_some() => status.binding = Some(LocalReference::default()),
        (None, _) => {}
    }
    status
}

/// What a write of the Secret is told as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It was made.
    Created,
    /// It was changed.
    Updated,
    /// It was deleted.
    Deleted,
}

/// The event that tells of a write.
pub fn event_of(written: Written) -> Event {
    let (reason, message) = match written {
        Written::Created => ("Created", "secret created"),
        Written::Updated => ("Updated", "secret updated"),
        Written::Deleted => ("Deleted", Done::Deleted.text()),
    };
    Event {
        warning: false,
        reason,
        message: message.to_owned(),
    }
}

/// The event that tells of a failure; `None` when the status before it told the same.
pub fn event_of_failure(
    previous: Option<&ExternalSecretStatus>,
    current: &ExternalSecretStatus,
    faults: &[Fault],
) -> Option<Event> {
    let told = |status: &ExternalSecretStatus| {
        let ready = status
            .conditions
            .iter()
            .find(|condition| condition.kind == READY)?;
        Some((ready.status.clone(), ready.message.clone()))
    };
    if previous.and_then(told) == told(current) {
        return None;
    }
    Some(Event {
        warning: true,
        reason: "UpdateFailed",
        message: summary(faults),
    })
}

// The API server keeps whole seconds.
pub(super) fn seconds(time: Timestamp) -> Option<Time> {
    Some(Time(Timestamp::from_second(time.as_second()).unwrap_or(time)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn synced(now: i64) -> ExternalSecretStatus {
        let kept = Kept {
            refreshed: Some(at(now)),
            synced_version: Some("1-a".to_owned()),
            binding: Some("db"),
            ..Kept::default()
        };
        status(None, &Outcome::Done(Done::Synced), kept, at(now))
    }

    fn failed() -> Outcome {
        Outcome::Failed(Stage::Update, vec![Fault::new(&catalogue::IMMUTABLE)])
    }

    #[test]
    fn upstreams_words_come_first_and_the_cause_follows() {
        let told = status(None, &failed(), Kept::default(), at(1));
        let ready = &told.conditions[0];
        assert_eq!(
            (&*ready.status, ready.reason.as_deref()),
            ("False", Some("SecretSyncedError"))
        );
        let message = ready.message.as_deref().unwrap();
        assert!(message.starts_with("could not update secret: "), "{message}");
        assert!(message.contains('\n'), "the remedy follows: {message}");
        let ready = &synced(1).conditions[0];
        assert_eq!(ready.message.as_deref(), Some("secret synced"));
    }

    #[test]
    fn the_same_failure_again_is_the_same_status_and_no_event() {
        let first = status(Some(&synced(1)), &failed(), Kept::default(), at(10));
        let again = status(Some(&first), &failed(), Kept::default(), at(99));
        assert_eq!(first, again);
        let Outcome::Failed(_, faults) = failed() else {
            unreachable!()
        };
        assert!(event_of_failure(Some(&first), &again, &faults).is_none());
        assert!(event_of_failure(Some(&synced(1)), &first, &faults).is_some_and(|event| event.warning));
    }

    #[test]
    fn a_failure_leaves_what_was_last_fetched_and_bound() {
        let told = status(Some(&synced(1)), &failed(), Kept::default(), at(10));
        assert_eq!(told.refresh_time, synced(1).refresh_time);
        assert_eq!(told.binding, synced(1).binding);
        assert_eq!(told.conditions[0].last_transition_time, seconds(at(10)));
    }

    #[test]
    fn nothing_is_bound_once_the_secret_is_deleted() {
        let told = status(
            Some(&synced(1)),
            &Outcome::Done(Done::Deleted),
            Kept::default(),
            at(10),
        );
        assert_eq!(told.binding, Some(LocalReference::default()));
        assert_eq!(told.conditions[0].reason.as_deref(), Some("SecretDeleted"));
        assert_eq!(
            told.conditions[0].last_transition_time,
            seconds(at(1)),
            "it was ready before"
        );
    }
}
