//! `seal merge`: the entries of a plain Secret, sealed into a SealedSecret. Entries that it does not
//! name stay; with the private keys, so do those whose value is the same.

use seal_api::Secret;

use super::target::{self, Changed, Target, judge_entry};
use crate::arguments::MergeArguments;
use crate::certificate::CertificateSource;
use crate::command_error::CommandError;
use crate::input::Source;
use crate::manifests::{self, Kind, ManifestFile};
use crate::repository::settings;
use crate::terminal::Terminal;
use crate::{keys, opening};

/// Runs it.
pub(super) fn run(arguments: &MergeArguments, terminal: Terminal) -> Result<(), CommandError> {
    let certificate = settings::with_environment(&arguments.certificate, &arguments.target.file)?;
    let source = CertificateSource::settle(&certificate)?;
    let allowed = settings::widest_scope(arguments.allowed.allow_scope, &arguments.target.file)?;
    let secret = plain(arguments)?;
    // Read first: they may come through a pipe.
    let ring = match arguments.keys.keys.is_empty() {
        true => None,
        false => Some(keys::ring(&arguments.keys)?),
    };
    let told = target::change(&arguments.target, |change| {
        let target = change.target;
        judge_names(&secret, target)?;
        let label = target.label(allowed)?;
        let standing = match &ring {
            None => None,
            Some(ring) => Some(
                opening::unveil(&target.object, ring)
                    .map_err(|faults| CommandError::faults(target.shown(), &faults))?,
            ),
        };
        let changed: Vec<_> = secret
            .data
            .iter()
            .filter(|(entry, value)| {
                let old = standing.as_ref().and_then(|standing| standing.value_of(entry));
                !old.is_some_and(|old| old.matches(value.expose()))
            })
            .collect();
        if changed.is_empty() {
            return Ok(Changed::Nothing);
        }
        let certificate = source.usable(terminal)?;
        for (entry, value) in &changed {
            judge_entry(entry)?;
            change.seal(entry, value.expose(), certificate.key(), &label)?;
        }
        Ok(Changed::Entries(format!("{} entries sealed", changed.len())))
    })?;
    terminal.detail(&told);
    Ok(())
}

fn judge_names(secret: &Secret, target: &Target) -> Result<(), CommandError> {
    for (what, theirs, ours) in [
        ("name", &secret.metadata.name, &target.object.metadata.name),
        (
            "namespace",
            &secret.metadata.namespace,
            &target.object.metadata.namespace,
        ),
    ] {
        if theirs.is_some() && theirs != ours {
            return Err(CommandError::input(format!(
                "{}: the plain Secret has another {what}",
                target.shown()
            ))
            .remedy("merge only what is meant for this object, or leave the field out of the plain Secret"));
        }
    }
    Ok(())
}

fn plain(arguments: &MergeArguments) -> Result<Secret, CommandError> {
    let file = ManifestFile::read(Source::of(&arguments.plain))?;
    let stream = file.parse()?;
    let place = |error: CommandError| error.about(&file.source.shown());
    let mut secrets = manifests::find(&stream).map_err(place)?;
    secrets.retain(|found| found.kind == Kind::Secret);
    match secrets.as_slice() {
        [found] => Secret::from_value(&found.value).map_err(|error| place(error.into())),
        [] => Err(place(CommandError::input("there is no Secret"))),
        several => Err(place(CommandError::input(format!(
            "there are {} Secrets, and one is merged",
            several.len()
        )))),
    }
}
