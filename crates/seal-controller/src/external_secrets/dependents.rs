//! Which objects look at which things, so that a change of one thing brings up those objects and no others.
//!
//! What an object looks at is found out when it is reconciled, and told here.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::known::Key;

/// Something that an object may look at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Thing {
    /// A Secret: a target, credentials, a template. In the order of things, none comes before these.
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

// Both ways, in one tree each: nearly all sets are of one or two, and a tree for each would be mostly room for more.
#[derive(Default)]
struct State {
    by_thing: BTreeSet<(Thing, Key)>,
    by_key: BTreeSet<(Key, Thing)>,
}

impl Dependents {
    /// From now on the object of `key` looks at these things and no others.
    pub(crate) fn looks_at(&self, key: &Key, things: BTreeSet<Thing>) {
        let mut state = self.lock();
        if state.things(key).eq(&things) {
            return;
        }
        state.forget(key);
        things.into_iter().for_each(|thing| state.insert(key, thing));
    }

    /// The object of `key` looks at this thing too.
    pub(crate) fn also_looks_at(&self, key: &Key, thing: Thing) {
        self.lock().insert(key, thing);
    }

    /// The objects that look at `thing`.
    pub(crate) fn of(&self, thing: &Thing) -> BTreeSet<Key> {
        self.lock().keys(thing).cloned().collect()
    }

    /// Whether the object of `key` looks at something that nobody watches.
    pub(crate) fn looks_at_unwatched(&self, key: &Key) -> bool {
        self.lock().things(key).any(Thing::is_unwatched)
    }

    /// Whether anybody looks at `thing`.
    pub(crate) fn concerns(&self, thing: &Thing) -> bool {
        self.lock().keys(thing).next().is_some()
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
    fn insert(&mut self, key: &Key, thing: Thing) {
        self.by_thing.insert((thing.clone(), key.clone()));
        self.by_key.insert((key.clone(), thing));
    }

    fn keys<'a>(&'a self, thing: &'a Thing) -> impl Iterator<Item = &'a Key> {
        let of_thing = self.by_thing.range((thing.clone(), Key::default())..);
        of_thing
            .take_while(move |(other, _)| other == thing)
            .map(|(_, key)| key)
    }

    fn things<'a>(&'a self, key: &'a Key) -> impl Iterator<Item = &'a Thing> {
        let of_key = self.by_key.range((key.clone(), Thing::Secret(Key::default()))..);
        of_key
            .take_while(move |(other, _)| other == key)
            .map(|(_, thing)| thing)
    }

    fn forget(&mut self, key: &Key) {
        let things: Vec<Thing> = self.things(key).cloned().collect();
        for thing in things {
            let pair = (thing, key.clone());
            self.by_thing.remove(&pair);
            self.by_key.remove(&(pair.1, pair.0));
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
        assert!(state.by_thing.is_empty() && state.by_key.is_empty());
    }
}
