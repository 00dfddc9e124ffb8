//! What one attempt came to, and how the object's status and events tell it.
//!
//! Status after the deed, event after status and only on change: both are worked out here and sent
//! elsewhere.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use seal_api::{Condition, SealedSecretStatus};

use crate::due::Record;
use crate::fault::{Fault, summary};

/// What one attempt came to.
pub enum Outcome {
    /// The Secret is as it should be, and this is what to remember.
    Synced(Record),
    /// It is not, for these reasons: at least one.
    Failed(Vec<Fault>),
}

/// The condition that keeps the [`Record`]: a Secret's annotation would change Secrets that need no
/// change at a take-over, and upstream's CRD prunes every other field of the status.
pub const RECORD_CONDITION: &str = "sealops.dev/Recorded";

const SYNCED: &str = "Synced";
const READY: &str = "Ready";
// Half of what Kubernetes allows a condition's message; an object's faults are as many as its author likes.
const MOST_TEXT: usize = 16 * 1024;

/// An event to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Whether it is bad news.
    pub warning: bool,
    /// Upstream's reason.
    pub reason: &'static str,
    /// The text.
    pub message: String,
}

/// The status that tells `outcome`, given what it said before. Equal to `previous` when there is
/// nothing new to tell, down to the time stamps.
pub fn status(
    previous: Option<&SealedSecretStatus>,
    outcome: &Outcome,
    generation: Option<i64>,
    now: Timestamp,
) -> SealedSecretStatus {
    let empty = SealedSecretStatus::default();
    let previous = previous.unwrap_or(&empty);
    let wanted = match outcome {
        Outcome::Synced(record) => {
            let kept = serde_json::to_string(record).expect("a record has string keys only");
            vec![
                bare(SYNCED, true, None, None),
                bare(READY, true, Some("Unsealed"), None),
                bare(RECORD_CONDITION, true, Some("Recorded"), Some(kept)),
            ]
        }
        Outcome::Failed(faults) => {
            let reason = faults.first().map_or("Unknown", |fault| fault.kind.reason);
            let message = summary(faults);
            let message = match faults.iter().any(|fault| fault.kind.about_target) {
                true => format!("failed update: {message}"),
                false => message,
            };
            let message = bounded(message);
            let advised = format!("{message}\n{}", bounded(remedies(faults)));
            vec![
                bare(SYNCED, false, Some(reason), Some(message)),
                bare(READY, false, Some(reason), Some(advised)),
            ]
        }
    };
    let same_generation = previous.observed_generation == generation;
    let mut conditions: Vec<Condition> = wanted
        .into_iter()
        .map(|condition| stamped(condition, previous, same_generation, now))
        .collect();
    // The record outlives a failure: it still tells which keys the standing Secret needs. Conditions
    // of others are not ours to drop.
    let others = previous
        .conditions
        .iter()
        .filter(|old| conditions.iter().all(|new| new.kind != old.kind));
    let others: Vec<Condition> = others.cloned().collect();
    conditions.extend(others);
    SealedSecretStatus {
        conditions,
        observed_generation: generation,
    }
}

/// The event that tells `outcome`, as upstream words it; `None` when it tells nothing new.
pub fn event(
    previous: Option<&SealedSecretStatus>,
    outcome: &Outcome,
    current: &SealedSecretStatus,
) -> Option<Event> {
    let told = |status: &SealedSecretStatus| {
        let synced = status
            .conditions
            .iter()
            .find(|condition| condition.kind == SYNCED)?;
        Some((
            synced.status.clone(),
            synced.message.clone(),
            status.observed_generation,
        ))
    };
    if previous.and_then(told) == told(current) {
        return None;
    }
    Some(match outcome {
        Outcome::Synced(_) => Event {
            warning: false,
            reason: "Unsealed",
            message: "SealedSecret unsealed successfully".to_owned(),
        },
        Outcome::Failed(faults) if faults.iter().any(|fault| fault.kind.about_target) => Event {
            warning: true,
            reason: "ErrUpdateFailed",
            message: summary(faults),
        },
        Outcome::Failed(faults) => Event {
            warning: true,
            reason: "ErrUnsealFailed",
            message: format!("Failed to unseal: {}", summary(faults)),
        },
    })
}

pub(crate) fn bounded(mut text: String) -> String {
    if text.len() > MOST_TEXT {
        text.truncate(text.floor_char_boundary(MOST_TEXT));
        text.push('…');
    }
    text
}

pub(crate) fn remedies(faults: &[Fault]) -> String {
    let mut all: Vec<String> = faults.iter().map(Fault::remedy).collect();
    all.sort();
    all.dedup();
    all.join("\n")
}

fn bare(kind: &str, holds: bool, reason: Option<&str>, message: Option<String>) -> Condition {
    Condition {
        kind: kind.to_owned(),
        status: if holds { "True" } else { "False" }.to_owned(),
        reason: reason.map(str::to_owned),
        message,
        last_transition_time: None,
        last_update_time: None,
    }
}

fn stamped(
    mut condition: Condition,
    previous: &SealedSecretStatus,
    same_generation: bool,
    now: Timestamp,
) -> Condition {
    // The API server keeps whole seconds.
    let now = Some(Time(Timestamp::from_second(now.as_second()).unwrap_or(now)));
    let old = previous.conditions.iter().find(|old| old.kind == condition.kind);
    let same_status = old.is_some_and(|old| old.status == condition.status);
    let same = same_status
        && same_generation
        && old.is_some_and(|old| old.reason == condition.reason && old.message == condition.message);
    let kept = |keep: bool, time: fn(&Condition) -> &Option<Time>| {
        old.filter(|_| keep)
            .and_then(|old| time(old).clone())
            .or_else(|| now.clone())
    };
    condition.last_transition_time = kept(same_status, |old| &old.last_transition_time);
    condition.last_update_time = kept(same, |old| &old.last_update_time);
    condition
}

#[cfg(test)]
mod tests;
