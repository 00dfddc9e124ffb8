//! Which objects look at which things, so that a change of one thing brings up those objects and no others.
//!
//! What an object looks at is found out when it is reconciled, and told here.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::known::Key;

/// Something that an object may look at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Thing {
    /// A Secret: a target, credentials, a template.
    Secret(Key),
    /// A ConfigMap: a template, certificates.
    ConfigMap(Key),
    /// A SecretStore; a ClusterSecretStore where the namespace is empty.
    Store(Key),
    /// A generator of that kind; a ClusterGenerator where the namespace is empty.
    Generator(&'static str, Key),
}

impl Thing {
    /// Whether nobody tells when it changes.
    pub(crate) fn is_unwatched(&self) -> bool {
        matches!(self, Self::ConfigMap(_))
    }
}

/// Who looks at what.
#[derive(Default)]
pub(crate) struct Dependents {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    by_thing: HashMap<Thing, BTreeSet<Key>>,
    of: HashMap<Key, BTreeSet<Thing>>,
}

impl Dependents {
    /// From now on the object of `key` looks at these things and no others.
    pub(crate) fn looks_at(&self, key: &Key, things: BTreeSet<Thing>) {
        let mut state = self.lock();
        if state.of.get(key) == Some(&things) {
            return;
        }
        state.forget(key);
        for thing in &things {
            state
                .by_thing
                .entry(thing.clone())
                .or_default()
                .insert(key.clone());
        }
        if !things.is_empty() {
            state.of.insert(key.clone(), things);
        }
    }

    /// The object of `key` looks at this thing too.
    pub(crate) fn also_looks_at(&self, key: &Key, thing: Thing) {
        let mut state = self.lock();
        state
            .by_thing
            .entry(thing.clone())
            .or_default()
            .insert(key.clone());
        state.of.entry(key.clone()).or_default().insert(thing);
    }

    /// The objects that look at `thing`.
    pub(crate) fn of(&self, thing: &Thing) -> BTreeSet<Key> {
        self.lock().by_thing.get(thing).cloned().unwrap_or_default()
    }

    /// Whether the object of `key` looks at something that nobody watches.
    pub(crate) fn looks_at_unwatched(&self, key: &Key) -> bool {
        let state = self.lock();
        state
            .of
            .get(key)
            .is_some_and(|things| things.iter().any(Thing::is_unwatched))
    }

    /// Whether anybody looks at `thing`.
    pub(crate) fn concerns(&self, thing: &Thing) -> bool {
        self.lock().by_thing.contains_key(thing)
    }

    /// The object of `key` is no more.
    pub(crate) fn forget(&self, key: &Key) {
        self.lock().forget(key);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn forget(&mut self, key: &Key) {
        for thing in self.of.remove(key).unwrap_or_default() {
            if let Some(keys) = self.by_thing.get_mut(&thing) {
                keys.remove(key);
                if keys.is_empty() {
                    self.by_thing.remove(&thing);
                }
            }
        }
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
    fn a_change_brings_up_those_who_look_at_it_now() {
        let dependents = Dependents::default();
        let (old, new) = (Thing::Secret(key("old")), Thing::Secret(key("new")));
        dependents.looks_at(&key("a"), [old.clone()].into());
        dependents.looks_at(&key("b"), [old.clone(), new.clone()].into());
        assert_eq!(dependents.of(&old), [key("a"), key("b")].into());
        dependents.looks_at(&key("b"), [new.clone()].into());
        assert_eq!(
            (dependents.of(&old), dependents.of(&new)),
            ([key("a")].into(), [key("b")].into())
        );
        assert!(dependents.of(&Thing::ConfigMap(key("new"))).is_empty());
    }

    #[test]
    fn whoever_is_gone_leaves_nothing_behind() {
        let dependents = Dependents::default();
        let thing = Thing::Store(key("vault"));
        dependents.looks_at(&key("a"), [thing.clone()].into());
        dependents.forget(&key("a"));
        assert!(!dependents.concerns(&thing));
        let state = dependents.lock();
        assert!(state.by_thing.is_empty() && state.of.is_empty());
    }
}
