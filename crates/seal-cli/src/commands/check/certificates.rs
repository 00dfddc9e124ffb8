//! Certificates that are sealed with: the one that a flag names, and those that `.seal.yaml` gives environments.

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use seal_core::Certificate;
use seal_document::Position;

use super::finding::Finding;
use super::rules;
use crate::command_error::CommandError;
use crate::input::{KEY_FILE_LIMIT, Source};
use crate::repository::settings::{Environment, Settings};

const SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The certificate in `source`, and what its age gives occasion to say.
pub(super) fn judge(source: &Source) -> Result<(Certificate, Option<Finding>), CommandError> {
    let certificate = Certificate::from_pem(&source.read(KEY_FILE_LIMIT)?)
        .map_err(|error| CommandError::from(error).about(&source.shown()))?;
    let left = certificate.not_after().duration_since(Timestamp::now());
    let rule = match left {
        left if left.is_negative() => Some(&rules::CERTIFICATE_EXPIRED),
        left if left < SOON => Some(&rules::CERTIFICATE_EXPIRES),
        _ => None,
    };
    let finding = rule.map(|rule| {
        let when = certificate.not_after().strftime("%Y-%m-%d");
        Finding::new(rule, Position::START)
            .snippet("-----BEGIN CERTIFICATE-----")
            .what(format!("{}: it is valid until {when}", rule.sentence))
    });
    Ok((certificate, finding))
}

/// What there is to say of the certificates of `settings`, whose file is `path`. Those behind a URL nobody asks for.
pub(super) fn judge_all(path: &str, settings: &Settings) -> Vec<(PathBuf, Finding)> {
    let path = Path::new(path);
    let of = |environment| Some((path.to_owned(), judge_one(path, environment)?));
    settings.environments.iter().filter_map(of).collect()
}

fn judge_one(path: &Path, environment: &Environment) -> Option<Finding> {
    let named = environment
        .certificate
        .as_ref()
        .filter(|named| !named.contains("://"))?;
    let finding = match judge(&Source::of(&path.with_file_name(named))) {
        Err(error) => unusable(&error.complaints().first()?.what),
        Ok((certificate, _)) if !is_pinned(&certificate, environment) => unusable(&format!(
            "its key is {}, which fingerprints does not name",
            certificate.fingerprint()
        )),
        Ok((_, finding)) => finding?,
    };
    Some(
        Finding {
            position: environment.position,
            ..finding
        }
        .field(format!("environments.{}.certificate", environment.name))
        .snippet(format!("certificate: {named}")),
    )
}

fn is_pinned(certificate: &Certificate, environment: &Environment) -> bool {
    environment.fingerprints.is_empty() || environment.fingerprints.contains(&certificate.fingerprint())
}

fn unusable(why: &str) -> Finding {
    let rule = &rules::CERTIFICATE_UNUSABLE;
    Finding::new(rule, Position::START).what(format!("{}: {why}", rule.sentence))
}
