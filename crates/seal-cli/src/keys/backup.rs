//! Backups of sealing keys: encrypted to age recipients, as text, so that `age -d` opens them as well.
//! What is in a backup is its caller's affair.

use std::io::{Read, Write};
use std::iter;
use std::path::PathBuf;

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::{DecryptError, Decryptor, Encryptor};
use zeroize::Zeroizing;

use crate::command_error::CommandError;
use crate::input::{KEY_FILE_LIMIT, Source};

/// Those who can open a backup: at least one.
pub(crate) struct Recipients(Vec<age::x25519::Recipient>);

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
fn parse(text: &str, place: &str) -> Result<age::x25519::Recipient, CommandError> {
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
    let failed = |_: std::io::Error| CommandError::bug("the backup could not be encrypted");
    let encryptor = Encryptor::with_recipients(
        recipients
            .0
            .iter()
            .map(|recipient| recipient as &dyn age::Recipient),
    )
    .map_err(|_| CommandError::usage("the recipients cannot be used together"))?;
    let mut sealed = Vec::with_capacity(text.len() * 3 / 2 + 1024);
    let armor = ArmoredWriter::wrap_output(&mut sealed, Format::AsciiArmor).map_err(failed)?;
    let mut writer = encryptor.wrap_output(armor).map_err(failed)?;
    writer.write_all(text.as_bytes()).map_err(failed)?;
    writer.finish().and_then(ArmoredWriter::finish).map_err(failed)?;
    String::from_utf8(sealed).map_err(|_| CommandError::bug("the backup is no text"))
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
