//! `seal keygen`: a sealing key and its certificate, as two PEM files or as a key Secret. A private key
//! is never written over another file, and its file is its owner's alone from the first byte.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use seal_api::{Secret, annotations};
use seal_core::{Certificate, Plaintext, PrivateKey, SelfSigned, SystemRandom};
use seal_document::Format;

use crate::arguments::KeygenArguments;
use crate::command_error::CommandError;
use crate::file_system::{Access, Replacement};
use crate::terminal::Terminal;
use crate::{manifests, output};

/// Runs it.
pub(super) fn run(arguments: &KeygenArguments, terminal: Terminal) -> Result<(), CommandError> {
    if arguments.manifest.is_some() {
        output::guard_values(arguments.manifest.as_deref(), arguments.show_values)?;
    }
    for path in [&arguments.key_file, &arguments.cert_file, &arguments.manifest]
        .into_iter()
        .flatten()
    {
        if path.as_os_str() != "-" && path.exists() {
            return Err(
                CommandError::file("write", path, &std::io::ErrorKind::AlreadyExists.into())
                    .remedy("keys are never replaced: name another file"),
            );
        }
    }
    let key = PrivateKey::generate(arguments.bits)?;
    let contents = SelfSigned {
        common_name: &arguments.common_name,
        not_before: Timestamp::now(),
        lifetime: Duration::from_secs(u64::from(arguments.days) * 24 * 3600),
    };
    let certificate = Certificate::self_signed(&key, &contents, &mut SystemRandom)?;
    let pem = key.to_pkcs1_pem();
    match (&arguments.manifest, &arguments.key_file, &arguments.cert_file) {
        (Some(path), _, cert_file) => {
            let secret = key_secret(arguments, &pem, &certificate);
            let text = manifests::render(&secret.to_value(), Format::Yaml)?;
            if path.as_os_str() == "-" {
                output::print(&text)?;
            } else {
                Replacement::prepare(path, text.as_bytes(), Access::Private)?.commit_new()?;
            }
            if let Some(path) = cert_file {
                Replacement::prepare(path, certificate.pem().as_bytes(), Access::Public)?.commit_new()?;
            }
        }
        (None, Some(key_file), Some(cert_file)) => write_pair(key_file, &pem, cert_file, &certificate)?,
        (None, ..) => {
            return Err(CommandError::usage(
                "name both --key-file and --cert-file, or --manifest",
            ));
        }
    }
    terminal.tell(&format!(
        "sealing key {}, valid until {}",
        certificate.fingerprint(),
        certificate.not_after()
    ));
    Ok(())
}

fn write_pair(
    key_file: &Path,
    pem: &str,
    cert_file: &Path,
    certificate: &Certificate,
) -> Result<(), CommandError> {
    let key = Replacement::prepare(key_file, pem.as_bytes(), Access::Private)?;
    let certificate = Replacement::prepare(cert_file, certificate.pem().as_bytes(), Access::Public)?;
    key.commit_new()?;
    certificate.commit_new()
}

fn key_secret(arguments: &KeygenArguments, pem: &str, certificate: &Certificate) -> Secret {
    let mut secret = Secret {
        kind: Some("kubernetes.io/tls".to_owned()),
        ..Secret::default()
    };
    secret.metadata.name = Some(arguments.name.to_string());
    secret.metadata.namespace = Some(arguments.namespace.to_string());
    secret.metadata.labels = Some(
        [(
            annotations::KEY_LABEL.to_owned(),
            annotations::KEY_ACTIVE.to_owned(),
        )]
        .into(),
    );
    secret
        .data
        .insert("tls.key".to_owned(), Plaintext::copied(pem.as_bytes()));
    secret.data.insert(
        "tls.crt".to_owned(),
        Plaintext::copied(certificate.pem().as_bytes()),
    );
    secret
}
