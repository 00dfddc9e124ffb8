//! Whether a store can be used, and how its status and events tell it, in upstream's words first.

use jiff::Timestamp;
use seal_api::external_secrets::names::{READY, STORE_INVALID, STORE_UNKNOWN, STORE_VALID};
use seal_api::external_secrets::{Capabilities, SecretStoreStatus, StatusCondition};

use super::outcome::seconds;
use super::property::Dialect;
use crate::fault::{Fault, summary};
use crate::outcome::{Event, bounded, remedies};

/// How a store is.
pub enum StoreState {
    /// It takes our credentials.
    Valid,
    /// Nobody can tell until somebody asks for something: it is another store to each namespace.
    Unknown,
    /// It cannot be used.
    Invalid(Fault),
}

impl StoreState {
    fn reason(&self) -> &'static str {
        match self {
            Self::Valid => STORE_VALID,
            Self::Unknown => STORE_UNKNOWN,
            Self::Invalid(_) => STORE_INVALID,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Valid => "store validated".to_owned(),
            Self::Unknown => "could not determine validation status".to_owned(),
            Self::Invalid(fault) => {
                let faults = std::slice::from_ref(fault);
                let cause = bounded(format!("unable to validate store: {}", summary(faults)));
                format!("{cause}\n{}", bounded(remedies(faults)))
            }
        }
    }
}

/// The status that tells `state` and what can be done with such a store, given what it said before; equal to that when there is nothing new to tell.
pub fn store_status(
    previous: Option<&SecretStoreStatus>,
    state: &StoreState,
    capabilities: Capabilities,
    now: Timestamp,
) -> SecretStoreStatus {
    let mut status = previous.cloned().unwrap_or_default();
    let holds = !matches!(state, StoreState::Invalid(_));
    let mut ready = StatusCondition {
        kind: READY.to_owned(),
        status: if holds { "True" } else { "False" }.to_owned(),
        reason: Some(state.reason().to_owned()),
        message: Some(state.message()),
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
    if holds {
        status.capabilities = Some(capabilities);
    }
    status
}

/// What upstream says can be done with a store of that kind.
pub fn capabilities(dialect: Option<Dialect>) -> Capabilities {
    match dialect {
        Some(Dialect::Webhook) => Capabilities::ReadOnly,
        Some(Dialect::Vault | Dialect::Kubernetes | Dialect::Fake) | None => Capabilities::ReadWrite,
    }
}

/// Whether the status of a store says that it can be used.
pub fn is_usable(status: Option<&SecretStoreStatus>) -> bool {
    let conditions = status
        .map(|status| status.conditions.as_slice())
        .unwrap_or_default();
    conditions
        .iter()
        .any(|condition| condition.kind == READY && condition.status == "True")
}

/// The event that tells of `state`; `None` where the status before it told the same.
pub fn store_event(
    previous: Option<&SecretStoreStatus>,
    current: &SecretStoreStatus,
    state: &StoreState,
) -> Option<Event> {
    let told = |status: &SecretStoreStatus| {
        let ready = status
            .conditions
            .iter()
            .find(|condition| condition.kind == READY)?;
        Some((ready.reason.clone(), ready.message.clone()))
    };
    if previous.and_then(told) == told(current) {
        return None;
    }
    let message = match state {
        StoreState::Invalid(fault) => summary(std::slice::from_ref(fault)),
        StoreState::Valid | StoreState::Unknown => state.message(),
    };
    Some(Event {
        warning: !matches!(state, StoreState::Valid),
        reason: state.reason(),
        message,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn a_store_that_fails_again_in_the_same_way_is_told_once() {
        let invalid = || StoreState::Invalid(Fault::new(&catalogue::STORE_OWN_IDENTITY));
        let both = Capabilities::ReadWrite;
        let first = store_status(None, &invalid(), both, at(1));
        let again = store_status(Some(&first), &invalid(), both, at(9));
        assert_eq!(first, again);
        assert!(!is_usable(Some(&first)) && first.capabilities.is_none());
        assert!(store_event(None, &first, &invalid()).is_some_and(|event| event.warning));
        assert!(store_event(Some(&first), &again, &invalid()).is_none());
        let valid = store_status(Some(&again), &StoreState::Valid, both, at(20));
        assert!(is_usable(Some(&valid)));
        assert_eq!(valid.conditions[0].message.as_deref(), Some("store validated"));
        assert_eq!(valid.conditions[0].last_transition_time, seconds(at(20)));
    }
}
