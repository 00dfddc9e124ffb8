//! The backup: all key Secrets, encrypted to those who may open it, in a ConfigMap beside them.
//!
//! Written when the ring, its labels or the recipients change. Opening it is the command's.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Client;
use kube::api::ObjectMeta;
use seal_api::Secret;
use seal_api::annotations::{BACKED_UP_KEYS, BACKED_UP_RETIRED, BACKUP_PROOF, BACKUP_RECIPIENTS};
use seal_cluster::backup::{Recipient, back_up, is_proven, proof};
use seal_cluster::call::CallError;
use seal_cluster::config_maps::{self, BACKUP, BACKUP_FILE};
use seal_cluster::keys::{KeyState, read_key};
use seal_cluster::secrets::Secrets;
use seal_core::{Fingerprint, InstallationKey};
use seal_document::{Mapping, Value};
use tracing::info;
use zeroize::Zeroizing;

use super::{KeysError, ListedKey};

/// What a ConfigMap takes (core/v1 MaxSecretSize).
pub(super) const MOST_BYTES: usize = 1 << 20;

/// What is known of the backup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    keys: Vec<String>,
    retired: Vec<String>,
    recipients: Vec<String>,
    // Whether this installation wrote it as it stands: anybody who may edit it can say the rest.
    proven: bool,
}

impl Standing {
    /// What a backup of `keys` to `recipients` would say of itself.
    pub(super) fn of(keys: &[ListedKey], recipients: &[Recipient]) -> Self {
        let names = |wanted: fn(KeyState) -> bool| {
            let mut names: Vec<String> = keys
                .iter()
                .filter(|key| wanted(key.state))
                .map(|key| key.fingerprint.to_string())
                .collect();
            names.sort();
            names.dedup();
            names
        };
        let mut recipients: Vec<String> = recipients.iter().map(ToString::to_string).collect();
        recipients.sort();
        recipients.dedup();
        Self {
            keys: names(|state| state == KeyState::Active),
            retired: names(|state| state != KeyState::Active),
            recipients,
            proven: true,
        }
    }

    /// Whether the backup holds this key.
    pub(super) fn holds(&self, key: &ListedKey) -> bool {
        let name = key.fingerprint.to_string();
        self.proven && (self.keys.contains(&name) || self.retired.contains(&name))
    }

    /// The keys that it says it holds as keys in use, and that nobody has any longer: whoever wrote it anew
    /// would lose them. Retired ones may go. Without proof as well: the installation's key is lost together
    /// with the others.
    pub(super) fn only_here(&self, keys: &[ListedKey]) -> Vec<&str> {
        let known: Vec<String> = keys.iter().map(|key| key.fingerprint.to_string()).collect();
        let held = self.keys.iter().filter(|name| !known.contains(name));
        held.map(String::as_str).collect()
    }

    fn read(map: &ConfigMap, installation: &InstallationKey) -> Self {
        let whole = map
            .data
            .as_ref()
            .is_some_and(|data| data.contains_key(BACKUP_FILE));
        let annotations = map.metadata.annotations.as_ref().filter(|_| whole);
        let list = |annotation| {
            let text = annotations.and_then(|all| all.get(annotation));
            let names = text.map(String::as_str).unwrap_or_default().split(',');
            names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
        };
        Self {
            keys: list(BACKED_UP_KEYS),
            retired: list(BACKED_UP_RETIRED),
            recipients: list(BACKUP_RECIPIENTS),
            proven: is_proven(map, installation),
        }
    }

    fn annotations(&self) -> BTreeMap<String, String> {
        let all = [
            (BACKED_UP_KEYS, &self.keys),
            (BACKED_UP_RETIRED, &self.retired),
            (BACKUP_RECIPIENTS, &self.recipients),
        ];
        all.map(|(annotation, names)| (annotation.to_owned(), names.join(",")))
            .into()
    }
}

/// The backup as it stands, and what it says of itself.
///
/// # Errors
/// [`KeysError`].
pub(super) async fn find(
    client: &Client,
    namespace: &str,
    installation: &InstallationKey,
) -> Result<(Option<ConfigMap>, Standing), KeysError> {
    let map = config_maps::find(client, namespace, BACKUP)
        .await
        .map_err(calling)?;
    let standing = map.as_ref().map(|map| Standing::read(map, installation));
    Ok((map, standing.unwrap_or_default()))
}

/// What writing a backup takes.
pub(super) struct Writing<'a> {
    pub(super) client: &'a Client,
    pub(super) namespace: &'a str,
    pub(super) keys: &'a [ListedKey],
    pub(super) recipients: Vec<Recipient>,
    pub(super) installation: InstallationKey,
}

impl Writing<'_> {
    /// Writes the backup that says `desired` of itself in the place of `standing`.
    ///
    /// # Errors
    /// [`KeysError`]; what stood there stays.
    pub(super) async fn write(
        self,
        desired: &Standing,
        standing: Option<&ConfigMap>,
    ) -> Result<(), KeysError> {
        let secrets = Secrets::new(self.client.clone());
        let mut held = Vec::with_capacity(self.keys.len());
        for key in self.keys {
            let found = secrets.find(self.namespace, &key.secret).await.map_err(calling)?;
            held.push((key.fingerprint, bare(found.ok_or(KeysError::Changed)?)));
        }
        let count = held.len();
        let recipients = self.recipients;
        let file = tokio::task::spawn_blocking(move || {
            // Since they were listed somebody may have changed them.
            let is = |(fingerprint, secret): &(Fingerprint, Secret)| {
                read_key(secret).is_ok_and(|key| key.fingerprint() == *fingerprint)
            };
            if !held.iter().all(is) {
                return Err(KeysError::Changed);
            }
            let secrets: Vec<Secret> = held.into_iter().map(|(_, secret)| secret).collect();
            fitting(back_up(&list(&secrets), &recipients)?, count)
        })
        .await??;
        let mut backup = ConfigMap::default();
        backup.metadata.namespace = Some(self.namespace.to_owned());
        backup.metadata.name = Some(BACKUP.to_owned());
        backup.metadata.annotations = Some(desired.annotations());
        backup.data = Some([(BACKUP_FILE.to_owned(), file)].into());
        let proof = proof(&backup, &self.installation).to_text();
        backup
            .metadata
            .annotations
            .get_or_insert_default()
            .insert(BACKUP_PROOF.to_owned(), proof);
        config_maps::put(self.client, backup, standing)
            .await
            .map_err(calling)?;
        info!(keys = count, "the backup of the keys was written");
        Ok(())
    }
}

// The API server would not say what is wrong.
fn fitting(file: String, keys: usize) -> Result<String, KeysError> {
    match file.len() + BACKUP_FILE.len() {
        bytes if bytes > MOST_BYTES => Err(KeysError::TooLarge { keys, bytes }),
        _ => Ok(file),
    }
}

fn calling(source: CallError) -> KeysError {
    KeysError::Call {
        doing: "bringing the ConfigMap seal-key-backup up to date",
        source,
    }
}

// Without what belongs to one cluster only.
fn bare(mut secret: Secret) -> Secret {
    secret.metadata = ObjectMeta {
        namespace: secret.metadata.namespace,
        name: secret.metadata.name,
        labels: secret.metadata.labels,
        annotations: secret.metadata.annotations,
        ..ObjectMeta::default()
    };
    secret
}

fn list(secrets: &[Secret]) -> Zeroizing<Vec<u8>> {
    let items: Vec<Value> = secrets.iter().map(Secret::to_value).collect();
    let mut list = Mapping::new();
    list.insert("apiVersion", "v1");
    list.insert("kind", "List");
    list.insert("items", items);
    let style = seal_document::JsonStyle::PRETTY;
    let text = seal_document::to_json(&Value::Mapping(list), style).expect("sizes are finite");
    Zeroizing::new(text.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_without_its_file_or_for_others_is_not_the_one_that_is_wanted() {
        let wanted = Standing {
            keys: vec!["SHA256:a".to_owned(), "SHA256:b".to_owned()],
            retired: Vec::new(),
            recipients: vec!["age1x".to_owned()],
            proven: true,
        };
        let installation = InstallationKey::from_bytes(&[1; InstallationKey::LENGTH]).unwrap();
        let read = |map: &ConfigMap| Standing::read(map, &installation);
        let mut map = ConfigMap::default();
        map.metadata.annotations = Some(wanted.annotations());
        assert_eq!(read(&map), Standing::default());
        map.data = Some([(BACKUP_FILE.to_owned(), "x".to_owned())].into());
        let unproven = Standing {
            proven: false,
            ..wanted.clone()
        };
        assert_eq!(read(&map), unproven);
        let told = proof(&map, &installation).to_text();
        let annotations = map.metadata.annotations.as_mut().unwrap();
        annotations.insert(BACKUP_PROOF.to_owned(), told);
        assert_eq!(read(&map), wanted);
        let other = |change: fn(&mut Standing)| {
            let mut other = wanted.clone();
            change(&mut other);
            other
        };
        for other in [
            other(|standing| drop(standing.keys.pop())),
            other(|standing| standing.retired.extend(standing.keys.pop())),
            other(|standing| standing.recipients.push("age1y".to_owned())),
        ] {
            assert_ne!(read(&map), other);
        }
    }

    #[test]
    fn a_key_in_use_that_is_in_the_backup_only_is_named_and_a_retired_one_is_not() {
        let listed = |state| {
            let key = seal_core::PrivateKey::generate(seal_core::KeySize::Bits2048).unwrap();
            ListedKey {
                fingerprint: key.public().fingerprint(),
                secret: String::new(),
                state,
                may_seal: state == KeyState::Active,
                certificate_pem: String::new(),
                not_before: jiff::Timestamp::UNIX_EPOCH,
                not_after: jiff::Timestamp::UNIX_EPOCH,
                follows: None,
            }
        };
        let all = [KeyState::Active, KeyState::Active, KeyState::Retired].map(listed);
        let held = Standing::of(&all, &[]);
        assert!(held.only_here(&all).is_empty());
        assert!(held.only_here(&all[..2]).is_empty());
        let [mut lost, other] = [all[0].clone(), all[1].clone()];
        assert_eq!(
            held.only_here(std::slice::from_ref(&other)),
            [lost.fingerprint.to_string()]
        );
        lost.state = KeyState::Compromised;
        assert!(held.only_here(&[other, lost]).is_empty());
    }

    // SECURITY.md says so.
    #[test]
    fn a_config_map_takes_ninety_keys_of_the_default_size_with_what_each_signed_about_the_next() {
        use seal_api::annotations::FOLLOWS;
        use seal_cluster::keys::{KeySecretShape, key_secret};
        use seal_core::{Certificate, KeySize, PrivateKey, SelfSigned, SystemRandom, succession::Statement};

        let key = PrivateKey::generate(KeySize::Bits4096).unwrap();
        let contents = SelfSigned {
            common_name: "",
            not_before: jiff::Timestamp::now(),
            lifetime: std::time::Duration::from_secs(3600),
        };
        let certificate = Certificate::self_signed(&key, &contents, &mut SystemRandom).unwrap();
        let mut shape = KeySecretShape {
            prefix: "sealed-secrets-key".to_owned(),
            ..KeySecretShape::default()
        };
        let follows = Statement::sign(key.public().fingerprint(), &key).unwrap();
        shape.annotations.insert(FOLLOWS.to_owned(), follows.to_string());
        let secret = || key_secret("sealed-secrets", &key, &certificate, &shape, &mut SystemRandom).unwrap();
        let recipient: Recipient = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"
            .parse()
            .unwrap();
        let file = |keys: usize| {
            let secrets: Vec<Secret> = (0..keys).map(|_| secret()).collect();
            back_up(&list(&secrets), std::slice::from_ref(&recipient)).unwrap()
        };
        assert!(fitting(file(90), 90).is_ok());
        let error = fitting(file(91), 91).unwrap_err().to_string();
        assert!(error.contains("of 91 keys"), "{error}");
    }
}
