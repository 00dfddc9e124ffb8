//! Stores that are down, and who tries them. Those who wait come back after pauses that grow, so that a long outage
//! costs nothing; one of them after the other is sent ahead, and all follow when it has been answered.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::known::Key;

/// Which stores are down.
#[derive(Default)]
pub(crate) struct Outages {
    by_store: Mutex<HashMap<Key, Outage>>,
}

#[derive(Default)]
struct Outage {
    /// How many of its clients find it down.
    clients: usize,
    /// Who was sent ahead last.
    last: Option<Key>,
}

impl Outages {
    /// One more client finds `store` down.
    pub(crate) fn begin(&self, store: &Key) {
        self.lock().entry(store.clone()).or_default().clients += 1;
    }

    /// One fewer does.
    pub(crate) fn end(&self, store: &Key) {
        let mut outages = self.lock();
        if let Some(outage) = outages.get_mut(store) {
            outage.clients -= 1;
            if outage.clients == 0 {
                outages.remove(store);
            }
        }
    }

    /// Who of `dependents` is sent ahead where `store` is down: each who `waits`, in turn.
    pub(crate) fn scout(
        &self,
        store: &Key,
        dependents: &BTreeSet<Key>,
        waits: impl Fn(&Key) -> bool,
    ) -> Option<Key> {
        let last = self.lock().get(store)?.last.clone();
        let after = last.clone().map_or(Bound::Unbounded, Bound::Excluded);
        let next = dependents
            .range((after, Bound::Unbounded))
            .chain(dependents)
            .find(|key| waits(key))
            .cloned();
        if let (Some(outage), Some(_)) = (self.lock().get_mut(store), &next) {
            outage.last.clone_from(&next);
        }
        next
    }

    /// Whether one of its clients finds `store` down.
    pub(crate) fn is_down(&self, store: &Key) -> bool {
        self.lock().contains_key(store)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Outage>> {
        self.by_store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key {
            namespace: "prod".into(),
            name: name.into(),
        }
    }

    #[test]
    fn each_who_waits_is_sent_ahead_in_turn() {
        let (outages, store) = (Outages::default(), key("vault"));
        let dependents: BTreeSet<Key> = ["a", "b", "c"].map(key).into();
        let scout = || outages.scout(&store, &dependents, |key| &*key.name != "b");
        assert_eq!(scout(), None);
        outages.begin(&store);
        let sent = [scout(), scout(), scout()];
        assert_eq!(sent, [Some(key("a")), Some(key("c")), Some(key("a"))]);
        assert_eq!(outages.scout(&store, &dependents, |_| false), None);
    }

    #[test]
    fn a_store_is_down_as_long_as_one_client_finds_it_so() {
        let (outages, store) = (Outages::default(), key("vault"));
        outages.begin(&store);
        outages.begin(&store);
        outages.end(&store);
        assert!(outages.is_down(&store));
        outages.end(&store);
        assert!(!outages.is_down(&store));
        outages.end(&store);
        assert!(outages.lock().is_empty());
    }
}
