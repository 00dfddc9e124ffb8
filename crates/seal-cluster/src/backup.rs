//! Backups of sealing keys: text encrypted to age recipients, armoured, so that `age -d` opens it as
//! well, and the proof that an installation wrote one. What is in a backup, and where it is kept, is its
//! caller's affair; opening one is the CLI's.
//! Here and not in the core: age brings files and futures along.

use std::io::Write;
use std::str::FromStr;

use age::Encryptor;
use age::armor::{ArmoredWriter, Format};
use k8s_openapi::api::core::v1::ConfigMap;
use seal_api::annotations::{BACKED_UP_KEYS, BACKED_UP_RETIRED, BACKUP_PROOF, BACKUP_RECIPIENTS};
use seal_core::{InstallationKey, Mac};

use crate::config_maps::BACKUP_FILE;

/// Someone who can open a backup.
#[derive(Clone)]
pub struct Recipient(age::x25519::Recipient);

/// Text that is no recipient. It is not repeated: it may be an identity, given by mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an age recipient: those begin with age1, as `age-keygen -y` prints them")]
pub struct InvalidRecipient;

/// A backup that could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackupError {
    /// Nobody could open it.
    #[error("a backup needs a recipient")]
    NoRecipient,
    /// age failed.
    #[error("the backup could not be encrypted")]
    Encryption,
}

impl FromStr for Recipient {
    type Err = InvalidRecipient;

    fn from_str(text: &str) -> Result<Self, InvalidRecipient> {
        text.parse().map(Self).map_err(|_| InvalidRecipient)
    }
}

impl std::fmt::Display for Recipient {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

impl std::fmt::Debug for Recipient {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, formatter)
    }
}

/// Encrypts `text` to all of `recipients`.
///
/// # Errors
/// [`BackupError`], which never quotes the text.
pub fn back_up(text: &[u8], recipients: &[Recipient]) -> Result<String, BackupError> {
    if recipients.is_empty() {
        return Err(BackupError::NoRecipient);
    }
    let failed = |_: std::io::Error| BackupError::Encryption;
    let all = recipients
        .iter()
        .map(|recipient| &recipient.0 as &dyn age::Recipient);
    let encryptor = Encryptor::with_recipients(all).map_err(|_| BackupError::Encryption)?;
    let mut sealed = Vec::with_capacity(text.len() * 3 / 2 + 1024);
    let armor = ArmoredWriter::wrap_output(&mut sealed, Format::AsciiArmor).map_err(failed)?;
    let mut writer = encryptor.wrap_output(armor).map_err(failed)?;
    writer.write_all(text).map_err(failed)?;
    writer.finish().and_then(ArmoredWriter::finish).map_err(failed)?;
    String::from_utf8(sealed).map_err(|_| BackupError::Encryption)
}

/// The digest of the backup in `map` and of what its annotations say of it. Whoever may write ConfigMaps can
/// put anything there; this he cannot make (S14).
pub fn proof(map: &ConfigMap, installation: &InstallationKey) -> Mac {
    let file = map.data.as_ref().and_then(|data| data.get(BACKUP_FILE));
    let annotations = map.metadata.annotations.as_ref();
    let said = [BACKED_UP_KEYS, BACKED_UP_RETIRED, BACKUP_RECIPIENTS]
        .map(|annotation| annotations.and_then(|all| all.get(annotation)));
    let parts = std::iter::once(file).chain(said);
    installation.mac(
        "seal key backup 1",
        parts.map(|part| part.map_or(&[][..], |text| text.as_bytes())),
    )
}

/// Whether the installation wrote the backup in `map` as it stands.
pub fn is_proven(map: &ConfigMap, installation: &InstallationKey) -> bool {
    let annotations = map.metadata.annotations.as_ref();
    let told = annotations.and_then(|all| all.get(BACKUP_PROOF));
    told.is_some_and(|told| proof(map, installation).matches(told))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_installation_wrote_is_proven_and_only_as_it_wrote_it() {
        let key = |byte| InstallationKey::from_bytes(&[byte; InstallationKey::LENGTH]).unwrap();
        let file = |text: &str| Some([(BACKUP_FILE.to_owned(), text.to_owned())].into());
        let mut map = ConfigMap {
            data: file("file"),
            ..ConfigMap::default()
        };
        map.metadata.annotations = Some([(BACKED_UP_KEYS.to_owned(), "SHA256:a".to_owned())].into());
        assert!(!is_proven(&map, &key(1)));
        let annotate = |map: &mut ConfigMap, name: &str, text: String| {
            map.metadata
                .annotations
                .get_or_insert_default()
                .insert(name.to_owned(), text)
        };
        let told = proof(&map, &key(1)).to_text();
        annotate(&mut map, BACKUP_PROOF, told);
        assert!(is_proven(&map, &key(1)) && !is_proven(&map, &key(2)));
        for (annotation, text) in [
            (BACKED_UP_KEYS, "SHA256:a,SHA256:b"),
            (BACKED_UP_RETIRED, "SHA256:b"),
            (BACKUP_RECIPIENTS, "age1x"),
        ] {
            let mut other = map.clone();
            annotate(&mut other, annotation, text.to_owned());
            assert!(!is_proven(&other, &key(1)), "{annotation}");
        }
        map.data = file("garbage");
        assert!(!is_proven(&map, &key(1)));
    }

    #[test]
    fn a_backup_is_armoured_and_holds_nothing_of_the_text() {
        let recipient: Recipient = age::x25519::Identity::generate()
            .to_public()
            .to_string()
            .parse()
            .unwrap();
        let backup = back_up(b"hunter2 hunter2 hunter2", std::slice::from_ref(&recipient)).unwrap();
        assert!(backup.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n"));
        assert!(!backup.contains("hunter2"));
        assert!(recipient.to_string().starts_with("age1"));
    }

    #[test]
    fn a_backup_for_nobody_or_for_a_misspelt_recipient_is_not_made() {
        assert_eq!(back_up(b"x", &[]), Err(BackupError::NoRecipient));
        assert_eq!("age1nobody".parse::<Recipient>().err(), Some(InvalidRecipient));
    }
}
