//! Backups of sealing keys: to whom, and opened again. How they are encrypted is `seal-cluster`'s, what is
//! in them the caller's.

use std::io::Read;
use std::iter;
use std::path::PathBuf;

use age::armor::ArmoredReader;
use age::{DecryptError, Decryptor};
use seal_cluster::backup::{Recipient, back_up};
use zeroize::Zeroizing;

use crate::command_error::CommandError;
use crate::input::{KEY_FILE_LIMIT, Source};

/// Those who can open a backup: at least one.
pub(crate) struct Recipients(Vec<Recipient>);

impl Recipients {
    /// Reads recipients from flags and files.
    pub(crate) fn settle(named: &[String], files: &[PathBuf]) -> Result<Self, CommandError> {
        let mut recipients = Vec::new();
        for (at, text) in named.iter().enumerate() {
            recipients.push(parse(text, &format!("--recipient {}", at + 1))?);
        }
        for path in files {
            let source = Source::of(path);
            let bytes = source.read(KEY_FILE_LIMIT)?;
            let text = seal_document::decode(&bytes)
                .map_err(|error| CommandError::from(error).about(&source.shown()))?;
            for (line, text) in text.lines().enumerate() {
                let text = text.trim();
                if !text.is_empty() && !text.starts_with('#') {
                    recipients.push(parse(text, &format!("{}:{}", source.shown(), line + 1))?);
                }
            }
        }
        if recipients.is_empty() {
            return Err(
                CommandError::usage("there is no recipient").remedy("name one with --recipient age1…")
            );
        }
        Ok(Self(recipients))
    }
}

// An identity given by mistake must not be repeated, so the text itself is never shown.
fn parse(text: &str, place: &str) -> Result<Recipient, CommandError> {
    text.parse().map_err(|_| {
        CommandError::usage(format!("{place}: not an age recipient"))
            .remedy("recipients begin with age1; `age-keygen -y` prints them")
    })
}

/// Whether `bytes` are an age file.
pub(crate) fn is_encrypted(bytes: &[u8]) -> bool {
    bytes.starts_with(b"age-encryption.org/")
        || bytes
            .trim_ascii_start()
            .starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----")
}

/// Encrypts `text` to all of `recipients`.
pub(crate) fn seal(text: &str, recipients: &Recipients) -> Result<String, CommandError> {
    back_up(text.as_bytes(), &recipients.0).map_err(|error| CommandError::bug(error.to_string()))
}

/// Opens an age file.
pub(crate) fn open(bytes: &[u8], identities: &[PathBuf]) -> Result<Zeroizing<Vec<u8>>, CommandError> {
    if identities.is_empty() {
        return Err(
            CommandError::key("the backup is encrypted").remedy("name an age identity with --identity")
        );
    }
    let identities = super::identities(identities)?;
    let decryptor = Decryptor::new(ArmoredReader::new(bytes)).map_err(|error| refused(&error))?;
    let mut reader = decryptor
        .decrypt(
            identities
                .iter()
                .map(|identity| &**identity as &dyn age::Identity),
        )
        .map_err(|error| refused(&error))?;
    let mut opened = Zeroizing::new(Vec::with_capacity(bytes.len()));
    let mut chunk = Zeroizing::new([0; 16 * 1024]);
    loop {
        match reader.read(chunk.as_mut_slice()) {
            Ok(0) => return Ok(opened),
            // What opens is shorter than what was read: the buffer never grows and leaves no copy.
            Ok(read) => opened.extend(iter::zip(chunk.iter(), 0..read).map(|(byte, _)| *byte)),
            Err(_) => return Err(CommandError::key("the backup is damaged or cut short")),
        }
    }
}

fn refused(error: &DecryptError) -> CommandError {
    match error {
        DecryptError::NoMatchingKeys => CommandError::key("none of the identities opens the backup"),
        _ => CommandError::key("the backup is damaged, or no age file of a kind that can be opened here"),
    }
}
