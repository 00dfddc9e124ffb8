//! A store that answers what its settings say: for trying things out and for tests. It is on no network.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    pin::Pin,
    sync::Arc,
};

use seal_core::Plaintext;
use tokio::sync::watch;

use crate::{
    Answer, Asker, By, Content, Find, Found, Health, Hit, Pending, RemotePath, SecretValue, SecretsClient,
    StoreError, Validity,
};

/// One value of a store that answers what it is told.
pub struct FakeSecret {
    /// Its key.
    pub key: String,
    /// Its version; empty where there is one only.
    pub version: String,
    /// The value.
    pub value: Plaintext,
}

/// What such a store says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FakeValidity {
    /// That it is as it should be.
    #[default]
    Valid,
    /// That it cannot tell.
    Unknown,
    /// That it is not.
    Invalid,
}

/// A store that answers what it is told.
pub struct FakeClient {
    secrets: HashMap<(String, String), Arc<SecretValue>>,
    validity: FakeValidity,
    health: watch::Sender<Health>,
}

impl FakeClient {
    /// With these values; of two with one key and version the later one counts.
    pub fn new(secrets: impl IntoIterator<Item = FakeSecret>, validity: FakeValidity) -> Self {
        let secrets = secrets.into_iter().map(|secret| {
            let value = SecretValue {
                content: Content::Whole(secret.value),
                version: None,
            };
            ((secret.key, secret.version), Arc::new(value))
        });
        Self {
            secrets: secrets.collect(),
            validity,
            health: watch::Sender::new(Health::Up),
        }
    }

    fn permits(asker: &Asker, key: &str) -> bool {
        let segments: Vec<&str> = key.split('/').collect();
        asker.allowed.permits(&asker.namespace, &segments)
    }

    fn answer(&self, asker: &Asker, path: &RemotePath) -> Result<Answer, StoreError> {
        if !Self::permits(asker, &path.key) {
            return Err(StoreError::NotAllowed {
                path: path.key.clone(),
                namespace: asker.namespace.clone(),
            });
        }
        let version = path.version.clone().unwrap_or_default();
        let value = self.secrets.get(&(path.key.clone(), version));
        Ok(value.map_or(Answer::Missing, |value| Answer::Value(Arc::clone(value))))
    }

    fn hits(&self, asker: &Asker, find: &Find) -> Result<Found, StoreError> {
        let By::Name(is_wanted) = &find.by else {
            return Err(StoreError::Unsupported("a fake store has no tags"));
        };
        let mut newest: BTreeMap<&String, (&String, &Arc<SecretValue>)> = BTreeMap::new();
        for ((key, version), value) in &self.secrets {
            if !is_wanted(key) || !Self::permits(asker, key) {
                continue;
            }
            let known = newest.entry(key).or_insert((version, value));
            // As text, so that "10" comes before "9": upstream's way.
            if known.0 < version {
                *known = (version, value);
            }
        }
        let hits = newest.into_iter().map(|(key, (_, value))| Hit {
            key: key.clone(),
            value: Arc::clone(value),
        });
        Ok(Found::Hits(hits.collect()))
    }
}

impl fmt::Debug for FakeClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("FakeClient").finish_non_exhaustive()
    }
}

impl SecretsClient for FakeClient {
    fn read<'a>(&'a self, asker: &'a Asker, path: &'a RemotePath) -> Pending<'a, Answer> {
        Box::pin(async move { self.answer(asker, path) })
    }

    fn metadata<'a>(&'a self, _: &'a Asker, _: &'a RemotePath) -> Pending<'a, Answer> {
        Box::pin(async { Err(StoreError::Unsupported("a fake store has no metadata")) })
    }

    fn find<'a>(&'a self, asker: &'a Asker, find: &'a Find) -> Pending<'a, Found> {
        Box::pin(async move { self.hits(asker, find) })
    }

    fn validate(&self) -> Pending<'_, Validity> {
        let validity = match self.validity {
            FakeValidity::Valid => Ok(Validity::Valid),
            FakeValidity::Unknown => Ok(Validity::Unknown),
            FakeValidity::Invalid => {
                let fault = "the fake store's settings say that it is invalid";
                Err(StoreError::Settings(fault.to_owned()))
            }
        };
        Box::pin(async { validity })
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {})
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;
    use crate::Allowed;

    fn store() -> FakeClient {
        let secret = |key: &str, version: &str, value: &str| FakeSecret {
            key: key.to_owned(),
            version: version.to_owned(),
            value: Plaintext::copied(value.as_bytes()),
        };
        let secrets = [
            secret("/app", "", "plain"),
            secret("/app", "v1", "one"),
            secret("/app", "v2", "two"),
            secret("/other", "", "third"),
        ];
        FakeClient::new(secrets, FakeValidity::default())
    }

    fn asker(allowed: Allowed) -> Asker {
        Asker {
            namespace: "team-a".to_owned(),
            allowed: Arc::new(allowed),
        }
    }

    fn text(value: &SecretValue) -> String {
        let Content::Whole(text) = &value.content else {
            panic!("entries")
        };
        String::from_utf8(text.expose().to_vec()).unwrap()
    }

    fn read(path: &RemotePath) -> String {
        let asker = asker(Allowed::everything());
        match store().read(&asker, path).now_or_never().unwrap().unwrap() {
            Answer::Value(value) => text(&value),
            other => format!("{other:?}"),
        }
    }

    fn found(asker: &Asker) -> Vec<(String, String)> {
        let all = Find {
            path: None,
            by: By::Name(Arc::new(|_| true)),
        };
        let found = store().find(asker, &all).now_or_never().unwrap().unwrap();
        let Found::Hits(hits) = found else {
            panic!("{found:?}")
        };
        hits.into_iter().map(|hit| (hit.key, text(&hit.value))).collect()
    }

    #[test]
    fn versions_are_exact_and_none_is_one() {
        assert_eq!(read(&RemotePath::of("/app")), "plain");
        assert_eq!(read(&RemotePath::of("/app").at_version("v1")), "one");
        assert_eq!(read(&RemotePath::of("/app").at_version("v9")), "Missing");
        assert_eq!(read(&RemotePath::of("/none")), "Missing");
    }

    #[test]
    fn newest_of_each_name_is_found() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let found = found(&asker(Allowed::everything()));
        assert_eq!(found, [pair("/app", "two"), pair("/other", "third")]);
    }

    #[test]
    fn paths_that_are_not_allowed_are_neither_read_nor_found() {
        let nobody = asker(Allowed::only([]).unwrap());
        let refused = store().read(&nobody, &RemotePath::of("/app")).now_or_never();
        assert!(matches!(refused, Some(Err(StoreError::NotAllowed { .. }))));
        assert_eq!(found(&nobody), []);
    }
}
