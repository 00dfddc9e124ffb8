//! `--env`: the same Secrets for several environments of `.seal.yaml`, each to its own key and in its own folder.
//!
//! A file must belong to the environment that it is sealed for: the other commands tell by its path to which key
//! it is sealed.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use super::Passage;
use super::destination::{Destination, judge_names, relative};
use crate::arguments::SealArguments;
use crate::command_error::CommandError;
use crate::file_system::real_place;
use crate::input::Source;
use crate::repository::settings::{Environment, NAME, Settings};

/// In the name of a folder, what an environment's name is put for.
const PLACE: &str = "{env}";

/// A passage for each environment that is named.
pub(super) fn passages<'a>(
    arguments: &'a SealArguments,
    sources: &[Source],
) -> Result<Vec<Passage<'a>>, CommandError> {
    judge_names(sources, "--env")?;
    let certificate = &arguments.certificate;
    if certificate.cert.is_some() || !certificate.fingerprint.is_empty() {
        return Err(CommandError::usage(
            "--env takes certificates and pins from .seal.yaml, and others are named by --cert, --fingerprint or \
             their variables",
        )
        .remedy("drop these (SEAL_CERT, SEAL_FINGERPRINT), or seal for one environment without --env"));
    }
    let settings = settings(sources)?;
    let mut names: Vec<&str> = Vec::new();
    for name in &arguments.environments {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names
        .into_iter()
        .map(|name| {
            let environment = settings.named(name)?;
            let about = |error: CommandError| error.about(&format!("environment {name}"));
            passage(name, environment, &settings, arguments, sources).map_err(about)
        })
        .collect()
}

fn settings(sources: &[Source]) -> Result<Settings, CommandError> {
    let mut found: Option<Settings> = None;
    for path in sources.iter().filter_map(Source::path) {
        let Some(settings) = Settings::of(path)? else {
            return Err(CommandError::input(format!(
                "{}: there is no {NAME} in its folder or above, which would say what an environment is",
                path.display()
            ))
            .remedy("write one at the top of the checkout, or name a certificate with --cert"));
        };
        if found.as_ref().is_some_and(|found| found.root != settings.root) {
            return Err(CommandError::usage(format!(
                "the files belong to several {NAME}; seal them one after the other"
            )));
        }
        found = Some(settings);
    }
    found.ok_or_else(|| CommandError::usage("--env needs files"))
}

fn passage<'a>(
    name: &'a str,
    environment: &Environment,
    settings: &Settings,
    arguments: &'a SealArguments,
    sources: &[Source],
) -> Result<Passage<'a>, CommandError> {
    // The controller of whichever context is current would seal for every environment.
    if environment.certificate.is_none() && environment.fingerprints.is_empty() {
        return Err(CommandError::input(format!(
            "{NAME} names neither a certificate nor fingerprints for it"
        ))
        .remedy("name one of both: else nothing tells whose key it is"));
    }
    let folder = match (&arguments.destination.out_dir, &environment.folder) {
        (Some(folder), _) => folder_for(folder, name)?,
        (None, Some(folder)) => settings.root.join(folder),
        (None, None) => {
            return Err(
                CommandError::usage("its paths in .seal.yaml are not those of one folder")
                    .remedy("say with --out-dir where its files go; {env} in it is the environment's name"),
            );
        }
    };
    let mut allowed = None;
    for source in sources {
        let file = folder.join(relative(source).expect("standard input was refused"));
        let within = judge(&file, name, settings)?;
        let is_source = |path: &Path| led_to(path) == led_to(&file);
        if sources.iter().filter_map(Source::path).any(is_source) {
            return Err(CommandError::usage(format!(
                "{} would be replaced, from which other environments are sealed",
                file.display()
            ))
            .remedy("keep the plain Secret elsewhere, and out of Git"));
        }
        let scopes = settings.allowed(&within);
        allowed = Some(match allowed {
            None => scopes,
            Some(before) => &scopes & &before,
        });
    }
    Ok(Passage {
        environment: Some((name, allowed.unwrap_or_default())),
        certificate: Cow::Owned(settings.filled(&arguments.certificate, environment)),
        destination: Destination::Folder(folder),
    })
}

fn folder_for(folder: &Path, name: &str) -> Result<PathBuf, CommandError> {
    let Some(text) = folder.to_str() else {
        return Err(CommandError::usage("--out-dir is not UTF-8"));
    };
    Ok(match text.contains(PLACE) {
        true => text.replace(PLACE, name).into(),
        false => folder.join(name),
    })
}

fn led_to(path: &Path) -> PathBuf {
    let place = fs::canonicalize(path).ok().or_else(|| real_place(path));
    place.unwrap_or_else(|| path.to_owned())
}

// The path of `file` from the settings' folder, if it is that environment's.
fn judge(file: &Path, name: &str, settings: &Settings) -> Result<PathBuf, CommandError> {
    let whose = |what: String| {
        CommandError::input(format!("{}: this file would belong to {what}", file.display())).remedy(format!(
            "say with --out-dir where its files go ({PLACE} in it is the environment's name), or change its paths in \
             {NAME}"
        ))
    };
    // A link that stands there would be followed (S22).
    let Some(relative) = settings.relative(&led_to(file)) else {
        return Err(whose(format!(
            "no environment, being outside of {}",
            settings.root.display()
        )));
    };
    match settings.environment(&relative) {
        Some(found) if found.name == name => Ok(relative),
        Some(found) => Err(whose(format!("environment {}", found.name))),
        None => Err(whose("no environment".to_owned())),
    }
}
