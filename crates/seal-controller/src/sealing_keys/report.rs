//! What is said of the keys: the status of the SealingKeyRing. It decides nothing.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use seal_api::sealing_key_ring::{BACKUP_STALE, READY};
use seal_api::{Condition, KeyStatus, SealingKeyRing, SealingKeyRingStatus};
use seal_cluster::keys::KeyState;

use super::backup::Standing;
use super::{Keys, KeysError, ListedKey};

/// Something that was asked for and not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Complaint {
    /// One CamelCase word.
    pub(super) reason: &'static str,
    /// Why, and what helps.
    pub(super) message: String,
}

/// How the backup stands.
#[derive(Debug)]
pub(super) enum Backup {
    /// Nobody is to have one.
    NotConfigured,
    /// It holds all keys.
    Fresh,
    /// It does not, and somebody else has to do something about it.
    Stale(Complaint),
    /// It could not be read or written, which is tried again.
    Failed(KeysError),
}

impl Backup {
    /// Whether a key could be lost for good although there should be a backup.
    pub(super) fn is_stale(&self) -> bool {
        self.complaint().is_some()
    }

    /// What is to be said of it.
    pub(super) fn complaint(&self) -> Option<Complaint> {
        match self {
            Self::NotConfigured | Self::Fresh => None,
            Self::Stale(complaint) => Some(complaint.clone()),
            Self::Failed(error) => Some(Complaint {
                reason: match error {
                    KeysError::TooLarge { .. } => "TooLarge",
                    _ => "NotWritten",
                },
                // What was being done, and why it failed.
                message: match std::error::Error::source(error) {
                    Some(source) => format!("{error}: {source}"),
                    None => error.to_string(),
                },
            }),
        }
    }

    /// Whether it is to be tried again.
    ///
    /// # Errors
    /// What failed.
    pub(super) fn done(self) -> Result<(), KeysError> {
        match self {
            Self::NotConfigured | Self::Fresh | Self::Stale(_) => Ok(()),
            Self::Failed(error) => Err(error),
        }
    }
}

/// All that the status tells.
pub(super) struct Report<'a> {
    pub(super) keys: &'a Keys,
    pub(super) renewed: Option<String>,
    pub(super) held: &'a Standing,
    pub(super) backup: &'a Backup,
    pub(super) complaints: &'a [Complaint],
}

/// The word that was done last, as the status of `ring` tells it.
pub(super) fn renewed(ring: Option<&SealingKeyRing>) -> Option<String> {
    ring?.status.as_ref()?.renewed.clone()
}

/// The status of `ring`; a condition's times move only with the condition.
pub(super) fn status(ring: &SealingKeyRing, report: &Report<'_>, now: Timestamp) -> SealingKeyRingStatus {
    let before = ring.status.as_ref().map_or(&[][..], |status| &status.conditions);
    let pinned = ring.spec.primary.is_some();
    let (ready, reason, message) = match report.complaints {
        [] if pinned => (
            "True",
            "PrimaryPinned",
            Some("spec.primary says which key seals: none is made because of its age".to_owned()),
        ),
        [] => ("True", "Ready", None),
        [first, ..] => {
            let all = report
                .complaints
                .iter()
                .map(|complaint| complaint.message.as_str());
            ("False", first.reason, Some(all.collect::<Vec<_>>().join("; ")))
        }
    };
    let (stale, stale_reason, stale_message) = match (report.backup, report.backup.complaint()) {
        (_, Some(complaint)) => ("True", complaint.reason, Some(complaint.message)),
        (Backup::NotConfigured, None) => ("Unknown", "NoRecipients", None),
        (_, None) => ("False", "BackedUp", None),
    };
    SealingKeyRingStatus {
        keys: report.keys.listed.iter().map(|key| of_key(key, report)).collect(),
        renewed: report.renewed.clone(),
        observed_generation: ring.metadata.generation,
        conditions: vec![
            condition(before, READY, ready, reason, message, now),
            condition(before, BACKUP_STALE, stale, stale_reason, stale_message, now),
        ],
    }
}

fn of_key(key: &ListedKey, report: &Report<'_>) -> KeyStatus {
    KeyStatus {
        fingerprint: key.fingerprint.to_string(),
        secret: key.secret.clone(),
        not_before: key.not_before.to_string(),
        not_after: key.not_after.to_string(),
        primary: key.may_seal && key.fingerprint == report.keys.certificate.fingerprint(),
        retired: key.state != KeyState::Active,
        backed_up: report.held.holds(key),
    }
}

fn condition(
    before: &[Condition],
    kind: &str,
    status: &str,
    reason: &str,
    message: Option<String>,
    now: Timestamp,
) -> Condition {
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let mut condition = Condition {
        last_transition_time: Some(Time(now)),
        last_update_time: Some(Time(now)),
        message,
        reason: Some(reason.to_owned()),
        status: status.to_owned(),
        kind: kind.to_owned(),
    };
    if let Some(last) = before.iter().find(|last| last.kind == kind) {
        if last.status == condition.status {
            condition
                .last_transition_time
                .clone_from(&last.last_transition_time);
        }
        let same = (&last.status, &last.reason, &last.message)
            == (&condition.status, &condition.reason, &condition.message);
        if same {
            condition.last_update_time.clone_from(&last.last_update_time);
        }
    }
    condition
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_of_a_condition_move_only_with_it() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let told = |before: &[Condition], status, message: &str, second| {
            condition(before, READY, status, "Why", Some(message.to_owned()), at(second))
        };
        let times = |condition: &Condition| {
            let second = |time: &Option<Time>| time.as_ref().map(|time| time.0.as_second());
            (
                second(&condition.last_transition_time),
                second(&condition.last_update_time),
            )
        };
        let first = told(&[], "False", "a", 10);
        assert_eq!(times(&first), (Some(10), Some(10)));
        let same = told(std::slice::from_ref(&first), "False", "a", 20);
        assert_eq!(same, first);
        let other = told(&[first], "False", "b", 30);
        assert_eq!(times(&other), (Some(10), Some(30)));
        assert_eq!(times(&told(&[other], "True", "b", 40)), (Some(40), Some(40)));
    }
}
