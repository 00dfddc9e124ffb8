//! What is remembered of each object between two looks at it: what the last attempt came to, and from
//! what, and which status was told.
//!
//! It lasts as long as the process. What another leader did in between, the object's own record tells
//! better.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use seal_api::SealedSecretStatus;
use seal_engine::{Fault, Record, Retry, SecretVersion};

use crate::known::Key;

/// Everything remembered.
#[derive(Default)]
pub(super) struct Memories {
    all: Mutex<HashMap<Key, Memory>>,
    period: AtomicU64,
}

/// An attempt: what it came to, and from what.
pub(super) struct Attempt {
    /// When it began.
    pub(super) period: Period,
    /// The digest of the object's inputs.
    pub(super) inputs: String,
    /// The Secret as it was known.
    pub(super) standing: Option<SecretVersion>,
    /// Which generation of keys there was.
    pub(super) generation: u64,
    /// What it came to.
    pub(super) result: Result<Record, Vec<Fault>>,
}

/// The time between two leads of other replicas, as far as anybody can tell.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Period(u64);

struct Memory {
    last: Attempt,
    status: SealedSecretStatus,
}

impl Memories {
    /// From now on another leader may have seen to any of the objects.
    pub(super) fn begin_anew(&self) {
        self.period.fetch_add(1, Ordering::Relaxed);
    }

    /// This one.
    pub(super) fn period(&self) -> Period {
        Period(self.period.load(Ordering::Relaxed))
    }

    /// The last attempt at `key`.
    pub(super) fn add(&self, key: &Key, last: Attempt) {
        let mut all = self.lock();
        let status = all.remove(key).map(|memory| memory.status).unwrap_or_default();
        all.insert(key.clone(), Memory { last, status });
    }

    /// What was remembered of an object that is no more.
    pub(super) fn forget(&self, key: &Key) {
        self.lock().remove(key);
    }

    /// The records that there are of `key`, the latest first, where `told` is the object's own. Ours is later than
    /// that if its status could not be written; but not if another one may have led since.
    pub(super) fn records(&self, key: &Key, told: Option<Record>) -> Vec<Record> {
        let all = self.lock();
        let last = all.get(key).map(|memory| &memory.last);
        let ours = last.and_then(|last| last.result.as_ref().ok().cloned());
        let records = match last.is_some_and(|last| last.period == self.period()) {
            true => [ours, told],
            false => [told, ours],
        };
        records.into_iter().flatten().collect()
    }

    /// The faults of the last attempt, if another one would come to the same. Faults that stay as long as nothing
    /// changes are not found out again: neither a touched label nor our own status is worth another round of
    /// private operations.
    pub(super) fn same_again(
        &self,
        key: &Key,
        inputs: &str,
        standing: Option<&SecretVersion>,
        generation: u64,
    ) -> Option<Vec<Fault>> {
        let all = self.lock();
        let last = &all.get(key)?.last;
        let faults = last.result.as_ref().err()?;
        let stays = |fault: &Fault| match fault.kind.class.retry() {
            Retry::OnChange => true,
            Retry::OnChangeOrNewKey => last.generation == generation,
            Retry::Backoff => false,
        };
        let same = last.inputs == inputs && last.standing.as_ref() == standing && faults.iter().all(stays);
        same.then(|| faults.clone())
    }

    /// Those that a new key may help.
    pub(super) fn waiting_for_a_key(&self) -> Vec<Key> {
        let helps = |fault: &Fault| fault.kind.class.retry() == Retry::OnChangeOrNewKey;
        let waits = |memory: &Memory| {
            let faults = memory.last.result.as_ref().err();
            faults.is_some_and(|faults| faults.iter().any(helps))
        };
        let all = self.lock();
        let waiting = all.iter().filter(|(_, memory)| waits(memory));
        waiting.map(|(key, _)| key.clone()).collect()
    }

    /// The status that was told of `key`.
    pub(super) fn status(&self, key: &Key) -> Option<SealedSecretStatus> {
        let status = self.lock().get(key).map(|memory| memory.status.clone());
        status.filter(|status| *status != SealedSecretStatus::default())
    }

    /// Which status was told of `key`.
    pub(super) fn set_status(&self, key: &Key, status: SealedSecretStatus) {
        if let Some(memory) = self.lock().get_mut(key) {
            memory.status = status;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Memory>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;
    use seal_api::SealedSecret;
    use seal_core::InstallationKey;

    use super::*;

    fn record(secret: &str) -> Record {
        let version = SecretVersion {
            uid: secret.to_owned(),
            resource_version: "7".to_owned(),
        };
        let key = InstallationKey::from_bytes(&[1; 32]).unwrap();
        let (now, opened) = (Timestamp::UNIX_EPOCH, BTreeMap::new());
        Record::new(&SealedSecret::default(), version, now, &opened, Vec::new(), &key)
    }

    #[test]
    fn what_was_not_told_is_later_than_what_was_until_another_one_may_have_led() {
        let key = Key {
            namespace: "prod".into(),
            name: "db".into(),
        };
        let memories = Memories::default();
        let (ours, told) = (record("ours"), record("told"));
        assert_eq!(
            memories.records(&key, Some(told.clone())),
            std::slice::from_ref(&told)
        );
        let attempt = |period| Attempt {
            period,
            inputs: String::new(),
            standing: None,
            generation: 1,
            result: Ok(ours.clone()),
        };
        let period = memories.period();
        memories.add(&key, attempt(period));
        assert_eq!(
            memories.records(&key, Some(told.clone())),
            [ours.clone(), told.clone()]
        );
        memories.begin_anew();
        assert_eq!(
            memories.records(&key, Some(told.clone())),
            [told.clone(), ours.clone()]
        );
        // An attempt that began before and ends only now.
        memories.add(&key, attempt(period));
        assert_eq!(memories.records(&key, Some(told.clone())), [told, ours.clone()]);
        assert_eq!(memories.records(&key, None), [ours]);
    }
}
