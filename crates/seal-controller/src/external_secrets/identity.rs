//! What two objects must have in common to share a client, and with it a login and what is read (S11): the store as it is
//! written now, the namespace that asks where that matters, and every credential at the version that was read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use seal_engine::SecretVersion;

use super::dependents::Thing;
use super::stores::Store;
use crate::known::Key;

// What nobody watches is read again now and then.
const UNWATCHED: Duration = Duration::from_secs(300);

/// Whose client it is. Who asks matters only where a ClusterSecretStore takes its credentials from the asker's namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Identity {
    pub(super) store: Key,
    pub(super) asker: Arc<str>,
}

/// Which text of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edition {
    uid: Option<String>,
    generation: Option<i64>,
}

impl Edition {
    /// As it is written now.
    pub(super) fn of(store: &Store) -> Self {
        Self {
            uid: store.metadata.uid.clone(),
            generation: store.metadata.generation,
        }
    }
}

/// What is known now of something that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Nothing: it is as it was read.
    Nothing,
    /// That it is no more.
    Gone,
    /// That it is this.
    Version(SecretVersion),
}

/// What a client was made of, and when.
#[derive(Clone, Debug)]
pub(super) struct Basis {
    pub(super) edition: Edition,
    /// Each at the version that was read; without one what was not there.
    pub(super) things: BTreeMap<Thing, Option<SecretVersion>>,
    pub(super) made: Instant,
}

impl Basis {
    /// Whether a client for `edition` would be made of the same.
    pub(super) fn stands(&self, edition: &Edition, told: impl Fn(&Thing) -> Told) -> bool {
        let fresh = !self.things.keys().any(Thing::is_unwatched) || self.made.elapsed() < UNWATCHED;
        let unchanged = |(thing, read): (&Thing, &Option<SecretVersion>)| match told(thing) {
            Told::Nothing => true,
            Told::Gone => read.is_none(),
            Told::Version(version) => read.as_ref() == Some(&version),
        };
        self.edition == *edition && fresh && self.things.iter().all(unchanged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(namespace: &str, name: &str) -> Key {
        Key {
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    fn version(uid: &str, resource_version: &str) -> SecretVersion {
        SecretVersion {
            uid: uid.to_owned(),
            resource_version: resource_version.to_owned(),
        }
    }

    fn edition(uid: &str, generation: i64) -> Edition {
        Edition {
            uid: Some(uid.to_owned()),
            generation: Some(generation),
        }
    }

    #[test]
    fn who_differs_in_one_thing_is_somebody_else() {
        let identity = |store: Key, asker: &str| Identity {
            store,
            asker: asker.into(),
        };
        let all = [
            identity(key("", "vault"), ""),
            identity(key("", "vault"), "prod"),
            identity(key("", "vault"), "dev"),
            identity(key("", "other"), ""),
            identity(key("prod", "vault"), ""),
            identity(key("dev", "vault"), ""),
        ];
        for (one, first) in all.iter().enumerate() {
            for (other, second) in all.iter().enumerate() {
                assert_eq!(first == second, one == other, "{first:?} {second:?}");
            }
        }
    }

    #[test]
    fn a_client_is_shared_until_one_thing_that_it_was_made_of_is_another() {
        let (token, password) = (
            Thing::Secret(key("prod", "token")),
            Thing::Secret(key("prod", "password")),
        );
        let read = [
            (token.clone(), Some(version("a", "1"))),
            // It was not there.
            (password.clone(), None),
        ];
        let basis = Basis {
            edition: edition("store", 1),
            things: read.into(),
            made: Instant::now(),
        };
        let same = |thing: &Thing| match *thing == token {
            true => Told::Version(version("a", "1")),
            false => Told::Gone,
        };
        assert!(basis.stands(&edition("store", 1), same));
        assert!(basis.stands(&edition("store", 1), |_| Told::Nothing));
        // Written anew, or made anew under the same name.
        assert!(!basis.stands(&edition("store", 2), same));
        assert!(!basis.stands(&edition("another", 1), same));
        let changes = [
            (&token, Told::Version(version("a", "2"))),
            (&token, Told::Version(version("b", "1"))),
            (&token, Told::Gone),
            (&password, Told::Version(version("c", "1"))),
        ];
        for (changed, now) in changes {
            let told = |thing: &Thing| match thing == changed {
                true => now.clone(),
                false => same(thing),
            };
            assert!(!basis.stands(&edition("store", 1), told), "{changed:?} {now:?}");
        }
    }

    #[test]
    fn what_nobody_watches_is_read_again_after_a_while() {
        let certificates = Thing::ConfigMap(key("prod", "ca"));
        let made = |made| Basis {
            edition: edition("store", 1),
            things: [(certificates.clone(), Some(version("a", "1")))].into(),
            made,
        };
        let told = |_: &Thing| Told::Nothing;
        assert!(made(Instant::now()).stands(&edition("store", 1), told));
        let Some(before) = Instant::now().checked_sub(UNWATCHED) else {
            return;
        };
        assert!(!made(before).stands(&edition("store", 1), told));
    }
}
