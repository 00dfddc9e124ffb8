//! `seal check`: what should not be in a repository, or will not work once it is applied. It asks no cluster
//! unless it is told to, and runs nothing that the checkout names (S22). Findings are the result; exit code 1 says
//! that there are some.

mod certificates;
mod file;
mod finding;
mod fix;
mod kustomize;
mod leftovers;
mod plaintext;
mod prefilter;
mod private_keys;
mod report;
mod rules;
mod sealed;
mod staged;
mod suppression;
mod together;

use std::collections::BTreeSet;
use std::path::Path;

use seal_api::annotations::{KEY_COMPROMISED, KEY_LABEL, KEY_RETIRED};
use seal_core::{KeyRing, RingKey};

use crate::arguments::CheckArguments;
use crate::command_error::CommandError;
use crate::commands::reencrypt::OnCluster;
use crate::input::{self, MANIFEST_LIMIT, Source, Walk};
use crate::keys::{self, StoredKey};
use crate::output;
use crate::repository::{Outcome, over};
use crate::terminal::Terminal;
use crate::{arguments::KeyArguments, cores};
use report::Report;
use sealed::Evidence;
use staged::Index;
use together::Together;

const WALK: Walk = Walk {
    ignored: false,
    hidden: true,
    wanted: |path| {
        input::is_manifest(path) || kustomize::is_kustomization(path) || leftovers::leftover(path).is_some()
    },
};

/// Runs it.
pub(super) fn run(arguments: &CheckArguments, terminal: Terminal) -> Result<(), CommandError> {
    let mut evidence = settle(&arguments.keys)?;
    if arguments.online {
        evidence.controller = Some(OnCluster::settle(&arguments.cluster, arguments.via, false)?);
    }
    let about_certificate = match &arguments.cert {
        None => None,
        Some(path) => {
            let source = Source::of(path);
            let (certificate, finding) = certificates::judge(&source)?;
            evidence.key_bits = Some(certificate.key().bits());
            finding.map(|finding| (source.shown(), finding))
        }
    };
    let staged = arguments.staged.then(Index::read).transpose()?;
    let here = [Path::new(".").to_owned()];
    let sources = match (&staged, arguments.paths.as_slice()) {
        (Some(staged), _) => staged.sources(),
        (None, []) => input::checkout(&here, &WALK)?,
        (None, paths) => input::checkout(paths, &WALK)?,
    };
    if arguments.fix && sources.contains(&Source::Stdin) {
        return Err(CommandError::usage("--fix mends files; standard input is none"));
    }
    let mut fixed = Vec::new();
    let (mut report, failed) = loop {
        let (report, mut failed) = look(arguments, &evidence, &sources, staged.as_ref(), terminal)?;
        let round = match arguments.fix {
            true => fix::round(&report, &sources),
            false => fix::Round::default(),
        };
        if round.done.is_empty() {
            round.refused.iter().for_each(|why| terminal.warn(why));
            if let Some(error) = round.failed {
                CommandError::gather(&mut failed, error);
            }
            break (report, failed);
        }
        fixed.extend(round.done);
    };
    report.findings.splice(0..0, about_certificate);
    report.fixed = fixed.len();
    output::print(&report::printed(&report, arguments.output))?;
    fixed.iter().for_each(|what| terminal.tell(what));
    terminal.tell(&report.summary());
    match failed {
        Some(error) => Err(error),
        None if report.counts(arguments.deny_warnings) => Err(CommandError::findings()),
        None => Ok(()),
    }
}

// What is found, and why some files could not be looked at.
fn look(
    arguments: &CheckArguments,
    evidence: &Evidence,
    sources: &[Source],
    staged: Option<&Index>,
    terminal: Terminal,
) -> Result<(Report, Option<CommandError>), CommandError> {
    let progress = terminal.progress(sources.len());
    let at_once = match evidence.controller {
        Some(_) => OnCluster::AT_ONCE,
        None => cores::count(),
    };
    let rows = over(sources, at_once, |source| {
        let path = source.path().unwrap_or(Path::new("-"));
        let judged = match staged {
            Some(staged) => staged.judge(path, evidence),
            None => file::judge(path, &source.read(MANIFEST_LIMIT)?, evidence),
        };
        progress.advance();
        Ok(match judged {
            Some(seen) => Outcome::Unchanged(seen),
            None => Outcome::Skipped("nothing in it concerns us"),
        })
    });
    drop(progress);
    let opens = evidence.ring.is_some() || evidence.controller.is_some();
    let mut together = Together::new(arguments.allow_scope, opens, staged);
    let mut failed: Option<CommandError> = None;
    for (source, row) in sources.iter().zip(rows) {
        match row.outcome {
            Outcome::Changed(mut seen) | Outcome::Unchanged(mut seen) => {
                if let Some(error) = seen.failed.take() {
                    CommandError::gather(&mut failed, error.about(&row.file));
                }
                if seen.templates > 0 {
                    let (file, count) = (&row.file, seen.templates);
                    terminal.detail(&format!(
                        "{file}: {count} documents skipped: templates that are not rendered"
                    ));
                }
                together.add(source.path().unwrap_or(Path::new("-")), seen)?;
            }
            Outcome::Skipped(_) => {}
            Outcome::Failed(error) => CommandError::gather(&mut failed, error),
        }
    }
    let mut report = Report {
        files: sources.len(),
        ..Report::default()
    };
    together.judge(sources, &mut report)?;
    Ok((report, failed))
}

fn settle(arguments: &KeyArguments) -> Result<Evidence, CommandError> {
    let stored = keys::read(arguments)?;
    let is_retired = |key: &&StoredKey| {
        let labels = key
            .secret
            .as_ref()
            .and_then(|secret| secret.metadata.labels.as_ref());
        let label = labels.and_then(|labels| labels.get(KEY_LABEL));
        label.is_some_and(|label| [KEY_RETIRED, KEY_COMPROMISED].contains(&label.as_str()))
    };
    let retired: BTreeSet<_> = stored
        .iter()
        .filter(is_retired)
        .map(|key| key.private.public().fingerprint())
        .collect();
    let keys = stored.into_iter().map(|key| {
        let since = key.since();
        RingKey::new(key.private, since)
    });
    Ok(Evidence {
        ring: KeyRing::new(keys.collect()),
        retired,
        key_bits: None,
        controller: None,
    })
}
