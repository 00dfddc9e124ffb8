//! What the watches have told so far: SealedSecrets whole, of Secrets their versions only.
//!
//! Answers to our own writes are entered as well, so that an event that is still on its way cannot
//! make what we did look like somebody else's work; and an answer that was on its way cannot bring
//! back what has been deleted since.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kube::api::ObjectMeta;
use kube::runtime::watcher::Event;
use seal_api::SealedSecret;
use seal_cluster::watch::Scope;
use seal_engine::SecretVersion;

use crate::queue::Grouped;

/// Namespace and name; no key comes before the empty one.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    /// The namespace.
    pub(crate) namespace: Arc<str>,
    /// The name, of the object and of its Secret.
    pub(crate) name: Arc<str>,
}

impl Key {
    /// Of the object with this metadata.
    pub(crate) fn of(metadata: &ObjectMeta) -> Self {
        Self {
            namespace: metadata.namespace.as_deref().unwrap_or_default().into(),
            name: metadata.name.as_deref().unwrap_or_default().into(),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.namespace, self.name)
    }
}

impl Grouped for Key {
    type Group = Arc<str>;

    fn group(&self) -> Arc<str> {
        Arc::clone(&self.namespace)
    }
}

/// Something that has a resourceVersion.
pub(crate) trait Versioned {
    /// It.
    fn resource_version(&self) -> &str;
}

impl Versioned for SecretVersion {
    fn resource_version(&self) -> &str {
        &self.resource_version
    }
}

/// A SealedSecret as it was last seen.
pub(crate) struct Seen {
    /// The object; its metadata only where the rest cannot be read.
    pub(crate) object: SealedSecret,
    /// Whether the rest could be read.
    pub(crate) readable: bool,
}

impl Versioned for Arc<Seen> {
    fn resource_version(&self) -> &str {
        self.object
            .metadata
            .resource_version
            .as_deref()
            .unwrap_or_default()
    }
}

/// Objects of one kind, by key.
pub(crate) struct Known<T> {
    state: Mutex<State<T>>,
}

struct State<T> {
    all: HashMap<Key, T>,
    // By watch: what it has listed since it began anew, ours or not yet. Digests, since that is all of the cluster.
    listing: HashMap<Scope, HashSet<u64>>,
    digests: RandomState,
    listed: HashSet<Scope>,
    // The last versions of what is gone, for answers that come late; the oldest first.
    gone: HashMap<Key, u64>,
    graves: VecDeque<Key>,
}

// An answer comes within a minute; so many deletions pass in that time at most.
const MOST_GRAVES: usize = 8192;

impl<T> Default for Known<T> {
    fn default() -> Self {
        let state = State {
            all: HashMap::new(),
            listing: HashMap::new(),
            digests: RandomState::new(),
            listed: HashSet::new(),
            gone: HashMap::new(),
            graves: VecDeque::new(),
        };
        Self {
            state: Mutex::new(state),
        }
    }
}

impl<T: Versioned + Clone> Known<T> {
    /// What is known under `key`.
    pub(crate) fn find(&self, key: &Key) -> Option<T> {
        self.lock().all.get(key).cloned()
    }

    /// Whether it was told that there is none any longer.
    pub(crate) fn is_gone(&self, key: &Key) -> bool {
        let state = self.lock();
        state.gone.contains_key(key) && !state.all.contains_key(key)
    }

    /// All that is known.
    pub(crate) fn all(&self) -> Vec<(Key, T)> {
        let state = self.lock();
        let all = state.all.iter();
        all.map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// All keys.
    pub(crate) fn keys(&self) -> Vec<Key> {
        self.lock().all.keys().cloned().collect()
    }

    /// Whether each of `scopes` has been listed whole.
    pub(crate) fn has_listed(&self, scopes: &[Scope]) -> bool {
        let state = self.lock();
        scopes.iter().all(|scope| state.listed.contains(scope))
    }

    /// From now on nothing counts as listed until it is listed again; what is known stays known.
    pub(crate) fn list_anew(&self) {
        self.lock().listed.clear();
    }

    /// Enters what a call of ours was answered, unless that is gone since: nobody would tell of it a
    /// second time.
    pub(crate) fn enter(&self, key: &Key, value: T) {
        let mut state = self.lock();
        let late = |gone: &u64| number(value.resource_version()) <= *gone;
        if !state.gone.get(key).is_some_and(late) {
            state.enter(key, value);
        }
    }

    /// The same where it is known already. At the same version it counts for more than what the watch told: it has
    /// what a definition without our fields prunes, which would else be written again and again.
    pub(crate) fn update(&self, key: &Key, value: T) {
        let mut state = self.lock();
        let newer = |known: &T| number(known.resource_version()) > number(value.resource_version());
        if state.all.get(key).is_some_and(|known| !newer(known)) {
            state.all.insert(key.clone(), value);
        }
    }

    /// Nobody asks for `key` any longer.
    pub(crate) fn forget(&self, key: &Key) {
        self.lock().all.remove(key);
    }

    /// Takes in what the watch of `scope` tells of what is `ours`; returns the keys for which it is news.
    /// What we wrote ourselves, or what a new list repeats, is none.
    pub(crate) fn take_in(
        &self,
        scope: &Scope,
        event: Event<(Key, T)>,
        ours: impl Fn(&Key) -> bool,
    ) -> Vec<Key> {
        let ours = match &event {
            Event::InitApply((key, _)) | Event::Apply((key, _)) | Event::Delete((key, _)) => ours(key),
            Event::Init | Event::InitDone => true,
        };
        if !ours && matches!(event, Event::Apply(_)) {
            return Vec::new();
        }
        let mut state = self.lock();
        match event {
            Event::Init => {
                state.listing.insert(scope.clone(), HashSet::new());
                Vec::new()
            }
            Event::InitApply((key, value)) => {
                let digest = state.digests.hash_one(&key);
                state.listing.entry(scope.clone()).or_default().insert(digest);
                let news = ours && state.enter(&key, value);
                news.then_some(key).into_iter().collect()
            }
            Event::InitDone => state.settle(scope),
            Event::Apply((key, value)) => state.enter(&key, value).then_some(key).into_iter().collect(),
            // A Secret is deleted after its object: what is ours no longer has to go all the same.
            Event::Delete((key, value)) => {
                // A deletion carries the version at which it happened: what is newer was made since.
                let newer = |known: &T| number(known.resource_version()) > number(value.resource_version());
                if !state.all.get(&key).is_some_and(newer) {
                    state.all.remove(&key);
                    if ours {
                        state.bury(&key, number(value.resource_version()));
                    }
                }
                ours.then_some(key).into_iter().collect()
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Versioned> State<T> {
    // Whether it was news.
    fn enter(&mut self, key: &Key, value: T) -> bool {
        let stale = |known: &T| {
            let (new, old) = (value.resource_version(), known.resource_version());
            new == old || number(new) < number(old)
        };
        if self.all.get(key).is_some_and(stale) {
            return false;
        }
        self.all.insert(key.clone(), value);
        true
    }

    fn bury(&mut self, key: &Key, version: u64) {
        if self.gone.insert(key.clone(), version).is_none() {
            self.graves.push_back(key.clone());
        }
        while self.graves.len() > MOST_GRAVES {
            if let Some(oldest) = self.graves.pop_front() {
                self.gone.remove(&oldest);
            }
        }
    }

    // What was not listed again is gone.
    fn settle(&mut self, scope: &Scope) -> Vec<Key> {
        let present = self.listing.remove(scope).unwrap_or_default();
        self.listed.insert(scope.clone());
        let within = |key: &Key| match scope {
            Scope::Cluster => true,
            Scope::Namespace(namespace) => **namespace == *key.namespace,
        };
        let gone: Vec<Key> = self
            .all
            .keys()
            .filter(|key| within(key) && !present.contains(&self.digests.hash_one(key)))
            .cloned()
            .collect();
        for key in &gone {
            if let Some(last) = self.all.remove(key) {
                self.bury(key, number(last.resource_version()));
            }
        }
        gone
    }
}

// Versions of one resource grow; only where they are not numbers nobody can tell.
fn number(resource_version: &str) -> u64 {
    resource_version.parse().unwrap_or_default()
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

    fn all(_: &Key) -> bool {
        true
    }

    fn at(resource_version: &str) -> SecretVersion {
        SecretVersion {
            uid: "u".to_owned(),
            resource_version: resource_version.to_owned(),
        }
    }

    #[test]
    fn an_event_that_was_on_its_way_does_not_undo_our_own_write() {
        let known = Known::default();
        known.enter(&key("a"), at("9"));
        assert!(
            known
                .take_in(&Scope::Cluster, Event::Apply((key("a"), at("7"))), all)
                .is_empty()
        );
        assert!(
            known
                .take_in(&Scope::Cluster, Event::Apply((key("a"), at("9"))), all)
                .is_empty()
        );
        assert_eq!(known.find(&key("a")), Some(at("9")));
        known.take_in(&Scope::Cluster, Event::Delete((key("a"), at("8"))), all);
        assert_eq!(known.find(&key("a")), Some(at("9")), "it was made again since");
        known.take_in(&Scope::Cluster, Event::Delete((key("a"), at("10"))), all);
        assert_eq!(known.find(&key("a")), None);
    }

    #[test]
    fn what_was_deleted_is_gone_and_what_nobody_told_of_is_not() {
        let known = Known::default();
        assert!(!known.is_gone(&key("a")));
        known.take_in(&Scope::Cluster, Event::Apply((key("a"), at("7"))), all);
        assert!(!known.is_gone(&key("a")));
        known.take_in(&Scope::Cluster, Event::Delete((key("a"), at("8"))), all);
        assert!(known.is_gone(&key("a")));
        known.take_in(&Scope::Cluster, Event::Apply((key("a"), at("9"))), all);
        assert!(!known.is_gone(&key("a")));
    }

    #[test]
    fn the_answer_to_a_change_does_not_bring_back_what_was_deleted_meanwhile() {
        let known = Known::default();
        known.take_in(&Scope::Cluster, Event::Apply((key("a"), at("7"))), all);
        known.update(&key("a"), at("8"));
        assert_eq!(known.find(&key("a")), Some(at("8")));
        known.take_in(&Scope::Cluster, Event::Delete((key("a"), at("10"))), all);
        known.update(&key("a"), at("9"));
        assert_eq!(known.find(&key("a")), None);
    }

    #[test]
    fn the_answer_to_a_change_counts_for_more_than_what_the_watch_told_of_the_same_version() {
        let other = |resource_version: &str| SecretVersion {
            uid: "ours".to_owned(),
            ..at(resource_version)
        };
        let known = Known::default();
        known.take_in(&Scope::Cluster, Event::Apply((key("a"), at("8"))), all);
        known.update(&key("a"), other("8"));
        assert_eq!(known.find(&key("a")), Some(other("8")));
        known.take_in(&Scope::Cluster, Event::Apply((key("a"), at("8"))), all);
        assert_eq!(known.find(&key("a")), Some(other("8")));
        known.take_in(&Scope::Cluster, Event::Apply((key("a"), at("9"))), all);
        known.update(&key("a"), other("8"));
        assert_eq!(known.find(&key("a")), Some(at("9")));
    }

    #[test]
    fn what_a_new_list_leaves_out_is_gone_in_its_scope_only() {
        let known = Known::default();
        let (prod, dev) = (
            Scope::Namespace("prod".to_owned()),
            Scope::Namespace("dev".to_owned()),
        );
        known.take_in(&prod, Event::Init, all);
        known.take_in(&prod, Event::InitApply((key("a"), at("1"))), all);
        known.take_in(&prod, Event::InitDone, all);
        known.enter(
            &Key {
                namespace: "dev".into(),
                name: "b".into(),
            },
            at("2"),
        );
        assert!(
            known.has_listed(std::slice::from_ref(&prod)) && !known.has_listed(std::slice::from_ref(&dev))
        );
        known.take_in(&prod, Event::Init, all);
        assert_eq!(known.take_in(&prod, Event::InitDone, all), [key("a")]);
        assert!(
            known
                .find(&Key {
                    namespace: "dev".into(),
                    name: "b".into()
                })
                .is_some()
        );
    }

    #[test]
    fn an_answer_that_comes_after_the_deletion_does_not_bring_back_what_it_answers_for() {
        let known = Known::default();
        known.take_in(&Scope::Cluster, Event::Apply((key("a"), at("9"))), all);
        known.take_in(&Scope::Cluster, Event::Delete((key("a"), at("10"))), all);
        known.enter(&key("a"), at("9"));
        assert_eq!(known.find(&key("a")), None);
        known.enter(&key("a"), at("11"));
        assert_eq!(known.find(&key("a")), Some(at("11")), "it was made again");
        known.take_in(&Scope::Cluster, Event::Init, all);
        assert_eq!(known.take_in(&Scope::Cluster, Event::InitDone, all), [key("a")]);
        known.enter(&key("a"), at("11"));
        assert_eq!(known.find(&key("a")), None, "a new list left it out");
    }

    #[test]
    fn graves_are_not_kept_for_ever() {
        let known = Known::default();
        for number in 0..MOST_GRAVES + 10 {
            let key = key(&number.to_string());
            known.take_in(&Scope::Cluster, Event::Delete((key, at("10"))), all);
        }
        let state = known.lock();
        assert_eq!((state.gone.len(), state.graves.len()), (MOST_GRAVES, MOST_GRAVES));
    }

    #[test]
    fn a_secret_that_goes_after_its_object_leaves_no_trace() {
        let known = Known::default();
        let nothing = |_: &Key| false;
        known.take_in(&Scope::Cluster, Event::Apply((key("a"), at("7"))), all);
        known.enter(&key("b"), at("8"));
        for (name, version) in [("a", "6"), ("b", "9")] {
            let event = Event::Delete((key(name), at(version)));
            assert!(known.take_in(&Scope::Cluster, event, nothing).is_empty());
        }
        assert_eq!(known.keys(), [key("a")], "made again since");
    }

    #[test]
    fn what_is_found_ours_while_it_is_being_listed_stays_known() {
        let known = Known::default();
        known.take_in(&Scope::Cluster, Event::Init, all);
        known.take_in(&Scope::Cluster, Event::InitApply((key("a"), at("7"))), |_| false);
        known.enter(&key("a"), at("7"));
        assert!(known.take_in(&Scope::Cluster, Event::InitDone, all).is_empty());
        assert_eq!(known.find(&key("a")), Some(at("7")));
    }

    #[test]
    fn what_is_not_ours_leaves_no_trace() {
        let known = Known::default();
        let ours = |key: &Key| &*key.name == "a";
        for name in ["a", "b"] {
            known.take_in(&Scope::Cluster, Event::InitApply((key(name), at("1"))), ours);
        }
        assert_eq!(known.find(&key("b")), None);
        assert!(
            known
                .take_in(&Scope::Cluster, Event::Apply((key("b"), at("2"))), ours)
                .is_empty()
        );
        assert!(
            known
                .take_in(&Scope::Cluster, Event::Delete((key("b"), at("3"))), ours)
                .is_empty()
        );
        known.take_in(&Scope::Cluster, Event::InitDone, all);
        let state = known.lock();
        let traces = (state.all.len(), state.gone.len(), state.listing.len());
        assert_eq!(traces, (1, 0, 0));
    }
}
