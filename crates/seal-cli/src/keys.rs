//! Private keys out of files: PEM, key Secrets in manifests, and age-encrypted backups of either.
//! Listing and keeping them is the command's.

mod backup;

use std::io::BufReader;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use seal_api::Secret;
use seal_core::{Certificate, KeyRing, PrivateKey, RingKey};
use seal_document::{Format, Limits};
use zeroize::Zeroizing;

use crate::arguments::KeyArguments;
use crate::command_error::CommandError;
use crate::input::{KEY_FILE_LIMIT, Source};
use crate::manifests::{self, Kind};

pub(crate) use backup::{Recipients, is_encrypted, open, seal};

/// A private key and what is known of it.
pub(crate) struct StoredKey {
    pub(crate) private: PrivateKey,
    pub(crate) certificate: Option<Certificate>,
    /// The key Secret that it came in.
    pub(crate) secret: Option<Secret>,
    /// File, or namespace and name.
    pub(crate) whence: String,
}

impl StoredKey {
    /// When it counts as made: upstream orders keys by their certificates' begin.
    pub(crate) fn since(&self) -> Timestamp {
        self.certificate
            .as_ref()
            .map_or(Timestamp::UNIX_EPOCH, Certificate::not_before)
    }
}

/// The ring of all keys that the flags name.
pub(crate) fn ring(arguments: &KeyArguments) -> Result<KeyRing, CommandError> {
    let keys = read(arguments)?;
    let keys = keys.into_iter().map(|key| {
        let since = key.since();
        RingKey::new(key.private, since)
    });
    KeyRing::new(keys.collect()).ok_or_else(|| {
        CommandError::usage("no private key is named").remedy("name a key file or backup with --keys")
    })
}

/// All keys that the flags name.
pub(crate) fn read(arguments: &KeyArguments) -> Result<Vec<StoredKey>, CommandError> {
    let mut keys = Vec::new();
    for path in &arguments.keys {
        let source = Source::of(path);
        let bytes = source.read(KEY_FILE_LIMIT)?;
        let found = of_bytes(&bytes, &source.shown(), &arguments.identity)?;
        if found.is_empty() {
            return Err(CommandError::key(format!("{}: no private key found", source.shown())).remedy(
                "name a PEM file with RSA PRIVATE KEY or PRIVATE KEY, a key Secret's manifest, or a backup",
            ));
        }
        keys.extend(found);
    }
    Ok(keys)
}

/// All keys in `bytes`, whatever they are written in.
pub(crate) fn of_bytes(
    bytes: &[u8],
    whence: &str,
    identities: &[PathBuf],
) -> Result<Vec<StoredKey>, CommandError> {
    if is_encrypted(bytes) {
        let opened = open(bytes, identities).map_err(|error| error.about(whence))?;
        return of_bytes(&opened, whence, &[]);
    }
    let text = seal_document::decode(bytes).map_err(|error| CommandError::from(error).about(whence))?;
    if text
        .trim_start_matches('\u{feff}')
        .trim_start()
        .starts_with("-----BEGIN ")
        || has_pem_line_only(text)
    {
        return of_pem(text, whence);
    }
    of_manifests(text, whence)
}

/// The key in a key Secret, if it is one.
pub(crate) fn of_secret(secret: Secret, whence: String) -> Result<Option<StoredKey>, CommandError> {
    let Some(pem) = secret.data.get("tls.key") else {
        return Ok(None);
    };
    let private =
        PrivateKey::from_pem(pem.expose()).map_err(|error| CommandError::from(error).about(&whence))?;
    let certificate = secret
        .data
        .get("tls.crt")
        .and_then(|pem| Certificate::from_pem(pem.expose()).ok());
    Ok(Some(StoredKey {
        private,
        certificate,
        secret: Some(secret),
        whence,
    }))
}

// `openssl` writes a heading of attributes before a block.
fn has_pem_line_only(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("-----BEGIN ")) && !text.contains("kind")
}

fn of_pem(text: &str, whence: &str) -> Result<Vec<StoredKey>, CommandError> {
    let mut certificates = Vec::new();
    let mut keys = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("-----BEGIN ") {
        let block = &rest[start..];
        let end = block
            .find("-----END ")
            .map(|at| at + block[at..].find('\n').unwrap_or(block[at..].len()));
        let Some(end) = end else {
            return Err(CommandError::key(format!("{whence}: a PEM block has no end")));
        };
        let (block, after) = block.split_at(end);
        rest = after;
        let first = block.lines().next().unwrap_or_default();
        if first.contains("CERTIFICATE") {
            certificates.extend(Certificate::from_pem(block.as_bytes()).ok());
        } else if first.contains("ENCRYPTED") || block.contains("\nProc-Type:") {
            return Err(
                CommandError::key(format!("{whence}: the PEM key is protected by a pass phrase"))
                    .remedy("remove it with `openssl rsa`, or keep keys in an age-encrypted backup"),
            );
        } else if first.contains("PRIVATE KEY") {
            let private = PrivateKey::from_pem(block.as_bytes())
                .map_err(|error| CommandError::from(error).about(whence))?;
            keys.push(StoredKey {
                private,
                certificate: None,
                secret: None,
                whence: whence.to_owned(),
            });
        }
    }
    for key in &mut keys {
        let fingerprint = key.private.public().fingerprint();
        let own = certificates
            .iter()
            .position(|certificate| certificate.fingerprint() == fingerprint);
        key.certificate = own.map(|at| certificates.swap_remove(at));
    }
    Ok(keys)
}

fn of_manifests(text: &str, whence: &str) -> Result<Vec<StoredKey>, CommandError> {
    let place = |error: CommandError| error.about(whence);
    let stream = seal_document::parse(text, Format::detect(None, text), &Limits::default())
        .map_err(|error| place(error.into()))?;
    let mut keys = Vec::new();
    for found in manifests::find(&stream).map_err(place)? {
        if found.kind == Kind::Secret {
            let secret = Secret::from_value(&found.value).map_err(|error| place(error.into()))?;
            let name = secret.metadata.name.clone().unwrap_or_default();
            keys.extend(of_secret(secret, format!("{whence}: {name}"))?);
        }
    }
    Ok(keys)
}

/// The age identities in `paths`.
fn identities(paths: &[PathBuf]) -> Result<Vec<Box<dyn age::Identity + Send + Sync>>, CommandError> {
    let mut identities = Vec::new();
    for path in paths {
        let bytes = Source::of(path).read(KEY_FILE_LIMIT)?;
        identities.extend(identities_in(&bytes, path)?);
    }
    Ok(identities)
}

fn identities_in(
    bytes: &Zeroizing<Vec<u8>>,
    path: &Path,
) -> Result<Vec<Box<dyn age::Identity + Send + Sync>>, CommandError> {
    // age's own errors may quote a line of the file.
    let unreadable = || CommandError::key(format!("{}: not a file of age identities", path.display()));
    let file = age::IdentityFile::from_buffer(BufReader::new(bytes.as_slice())).map_err(|_| unreadable())?;
    file.into_identities().map_err(|_| unreadable())
}
