//! The installation's own Secret: the key of its records, which sealing key was chosen, and how many
//! keys it has made.
//!
//! What is to be noted there is decided elsewhere.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use seal_api::Secret;
use seal_api::annotations::KEY_LABEL;
use seal_core::{InstallationKey, Plaintext, RandomSource, RandomnessUnavailable, SeededRandom};

/// Its name.
pub const INSTALLATION_SECRET: &str = "seal-installation-key";
/// The value of the key label on it: upstream, which looks for `active` only, passes it by.
pub const INSTALLATION: &str = "installation";
/// The entry with the fingerprint of the key that seals.
pub const PRIMARY: &str = "primary";
/// The entry with the time at which somebody was last given a key, in seconds since 1970.
pub const RENEWED_AT: &str = "renewed-at";
const INSTALLATION_KEY: &str = "key";
const EPOCH: &str = "epoch";
const RENEWED: &str = "renewed";

/// What the installation keeps for itself.
pub struct Installation {
    /// The key of its records.
    pub key: InstallationKey,
    /// The fingerprint of the key that seals, once that was settled.
    pub primary: Option<String>,
    /// How many keys were made: the number of the next one, from which its name follows.
    pub epoch: u64,
    /// The last word for which a key was made.
    pub renewed: Option<String>,
    /// When a key was last made because somebody asked.
    pub renewed_at: Option<Timestamp>,
    secret: Secret,
}

/// That a key was made.
pub struct Renewal<'a> {
    /// Its fingerprint, if it seals from now on.
    pub primary: Option<String>,
    /// Who asked for it, if anybody did.
    pub demand: Option<Demand<'a>>,
}

/// That somebody asked for a key.
#[derive(Clone, Copy)]
pub struct Demand<'a> {
    /// The word with which he did.
    pub word: Option<&'a str>,
    /// When that was done.
    pub now: Timestamp,
}

impl Installation {
    /// The Secret of a new installation.
    ///
    /// # Errors
    /// When there is no randomness for its key.
    pub fn create(namespace: &str, random: &mut dyn RandomSource) -> Result<Secret, RandomnessUnavailable> {
        let mut bytes = vec![0; InstallationKey::LENGTH];
        random.fill(&mut bytes)?;
        let mut secret = Secret::default();
        secret.metadata.namespace = Some(namespace.to_owned());
        secret.metadata.name = Some(INSTALLATION_SECRET.to_owned());
        secret.metadata.labels = Some([(KEY_LABEL.to_owned(), INSTALLATION.to_owned())].into());
        secret
            .data
            .insert(INSTALLATION_KEY.to_owned(), Plaintext::new(bytes));
        Ok(secret)
    }

    /// Reads it; `None` when its key is missing or has another length.
    pub fn read(secret: Secret) -> Option<Self> {
        let key = InstallationKey::from_bytes(secret.data.get(INSTALLATION_KEY)?.expose()).ok()?;
        let text = |name| {
            let value = secret.data.get(name)?;
            Some(std::str::from_utf8(value.expose()).ok()?.to_owned())
        };
        let number = |name| text(name)?.parse::<u64>().ok();
        let renewed_at = number(RENEWED_AT).and_then(|seconds| i64::try_from(seconds).ok());
        Some(Self {
            key,
            primary: text(PRIMARY),
            epoch: number(EPOCH).unwrap_or_default(),
            renewed: text(RENEWED),
            renewed_at: renewed_at.and_then(|seconds| Timestamp::from_second(seconds).ok()),
            secret,
        })
    }

    /// What makes the name of the next key: for one number the same name each time, which nobody else
    /// can foresee. Whoever tries to make that key a second time finds it made (S18).
    pub fn next_name(&self) -> SeededRandom {
        let namespace = self.secret.metadata.namespace.as_deref().unwrap_or_default();
        let parts = [namespace.as_bytes(), &self.epoch.to_be_bytes()];
        self.key.seeded(&self.key.mac("seal key name 1", parts))
    }

    /// The Secret to be created where it stands no longer.
    pub fn anew(&self) -> Secret {
        let mut secret = self.secret.duplicate();
        secret.metadata = ObjectMeta {
            namespace: secret.metadata.namespace,
            name: secret.metadata.name,
            labels: secret.metadata.labels,
            annotations: secret.metadata.annotations,
            ..ObjectMeta::default()
        };
        secret
    }

    /// The Secret with `fingerprint` as the key that seals.
    pub fn with_primary(&self, fingerprint: &str) -> Secret {
        self.with([(PRIMARY, fingerprint.to_owned())])
    }

    /// The Secret once the key of this number was made.
    pub fn with_renewal(&self, renewal: &Renewal<'_>) -> Secret {
        let mut entries = vec![(EPOCH, (self.epoch + 1).to_string())];
        entries.extend(renewal.primary.clone().map(|name| (PRIMARY, name)));
        if let Some(demand) = renewal.demand {
            entries.push((RENEWED_AT, demand.now.as_second().to_string()));
            entries.extend(demand.word.map(|word| (RENEWED, word.to_owned())));
        }
        self.with(entries)
    }

    fn with(&self, entries: impl IntoIterator<Item = (&'static str, String)>) -> Secret {
        let mut secret = self.secret.duplicate();
        secret.metadata.managed_fields = None;
        for (entry, text) in entries {
            secret
                .data
                .insert(entry.to_owned(), Plaintext::copied(text.as_bytes()));
        }
        secret
    }
}

#[cfg(test)]
mod tests {
    use seal_core::SystemRandom;

    use super::*;
    use crate::keys::{is_active, key_name};

    #[test]
    fn an_installation_reads_back_and_is_no_sealing_key() {
        let secret = Installation::create("seal", &mut SystemRandom).unwrap();
        assert!(!is_active(secret.metadata.labels.as_ref()));
        let read = Installation::read(secret).unwrap();
        assert_eq!(read.primary, None);
        let read = Installation::read(read.with_primary("SHA256:x")).unwrap();
        assert_eq!(read.primary.as_deref(), Some("SHA256:x"));
        assert!(Installation::read(Secret::default()).is_none());
    }

    #[test]
    fn an_installation_that_was_deleted_is_made_again_with_its_key_and_its_choice() {
        let mut secret = Installation::create("seal", &mut SystemRandom).unwrap();
        secret.metadata.uid = Some("u".to_owned());
        secret.metadata.resource_version = Some("7".to_owned());
        let kept = secret.data[INSTALLATION_KEY].expose().to_vec();
        let read = Installation::read(Installation::read(secret).unwrap().with_primary("SHA256:x"));
        let anew = read.unwrap().anew();
        assert_eq!(anew.data[INSTALLATION_KEY].expose(), kept);
        assert_eq!(anew.data[PRIMARY].expose(), b"SHA256:x");
        assert_eq!(anew.metadata.name.as_deref(), Some(INSTALLATION_SECRET));
        assert_eq!(anew.metadata.labels.unwrap()[KEY_LABEL], INSTALLATION);
        assert_eq!((anew.metadata.uid, anew.metadata.resource_version), (None, None));
    }

    #[test]
    fn each_number_has_its_name_and_another_installation_another_one() {
        let made = || Installation::read(Installation::create("seal", &mut SystemRandom).unwrap()).unwrap();
        let name = |installation: &Installation| key_name("k", &mut installation.next_name()).unwrap();
        let first = made();
        assert_eq!(name(&first), name(&first));
        assert_eq!(name(&first).len(), 6);
        assert_ne!(name(&first), name(&made()));
        let demand = Demand {
            word: Some("please"),
            now: Timestamp::from_second(1_700_000_000).unwrap(),
        };
        let renewal = Renewal {
            primary: Some("SHA256:x".to_owned()),
            demand: Some(demand),
        };
        let second = Installation::read(first.with_renewal(&renewal)).unwrap();
        assert_ne!(name(&first), name(&second));
        assert_eq!((first.epoch, second.epoch), (0, 1));
        assert_eq!(second.renewed.as_deref(), Some("please"));
        assert_eq!(second.renewed_at, Some(demand.now));
        let renewal = Renewal {
            primary: None,
            demand: None,
        };
        let third = Installation::read(second.with_renewal(&renewal)).unwrap();
        assert_eq!(
            (third.epoch, third.primary, third.renewed),
            (2, second.primary, second.renewed)
        );
    }
}
