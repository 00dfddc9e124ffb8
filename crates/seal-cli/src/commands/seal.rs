//! `seal seal`: the Secrets of manifests become SealedSecrets, everything else stays as it is.
//!
//! All input is read and sealed before the first byte is written. How a Secret becomes a SealedSecret is
//! the engine's.

mod destination;
mod environments;

use std::borrow::Cow;
use std::collections::BTreeSet;

use seal_api::{Secret, annotations};
use seal_core::{Certificate, Plaintext, Scope, SystemRandom};
use seal_document::{Format, Schema, Stream, Value, WipedText};
use seal_engine::sealed_secret;

use crate::arguments::{CertificateArguments, FormatArgument, SealArguments};
use crate::certificate::CertificateSource;
use crate::command_error::CommandError;
use crate::cores;
use crate::input::{self, Source};
use crate::manifests::{self, Found, Kind, ManifestFile, Replacement};
use crate::terminal::Terminal;
use destination::Destination;

/// Runs it.
pub(super) fn run(arguments: &SealArguments, terminal: Terminal) -> Result<(), CommandError> {
    let sources = input::sources(&arguments.input.paths, terminal)?;
    let passages = passages(arguments, &sources)?;
    let certificates = passages
        .iter()
        .map(|passage| CertificateSource::settle(&passage.certificate))
        .collect::<Result<Vec<_>, _>>()?;
    let files = sources
        .into_iter()
        .map(ManifestFile::read)
        .collect::<Result<Vec<_>, _>>()?;

    let streams = files
        .iter()
        .map(ManifestFile::parse)
        .collect::<Result<Vec<_>, _>>()?;
    let mut secrets = Vec::new();
    for (index, (file, stream)) in files.iter().zip(&streams).enumerate() {
        let found = manifests::find(stream).map_err(|error| error.about(&file.source.shown()))?;
        for found in found.into_iter().filter(|found| found.kind == Kind::Secret) {
            let place = file.name_of(&found);
            let job = Job::settle(index, found, arguments).map_err(|error| error.about(&place))?;
            secrets.push(Job { place, ..job });
        }
    }
    if arguments.name.is_some() && secrets.len() > 1 {
        return Err(CommandError::usage(format!(
            "--name names one Secret, and there are {}",
            secrets.len()
        )));
    }
    if secrets.is_empty() {
        terminal.warn("there is no Secret in the input; it is passed on as it is");
    }
    let mut results = Vec::with_capacity(passages.len());
    for (passage, source) in passages.iter().zip(&certificates) {
        let sealed = || {
            passage.judge(&secrets)?;
            // Without a Secret no certificate is needed.
            let sealed = match secrets.is_empty() {
                true => Vec::new(),
                false => seal_all(&secrets, &source.usable(terminal)?, arguments.allow_empty_data)?,
            };
            written(&files, &streams, &secrets, sealed, arguments, terminal)
        };
        results.push(sealed().map_err(|error| passage.about(error))?);
    }
    // All are sealed before the first is written.
    destination::write(&passages, &files, &results, terminal)
}

/// One way through the run: to which key, and where to.
struct Passage<'a> {
    /// The environment's name and its scopes, if it is for one.
    environment: Option<(&'a str, BTreeSet<Scope>)>,
    certificate: Cow<'a, CertificateArguments>,
    destination: Destination<'a>,
}

fn passages<'a>(arguments: &'a SealArguments, sources: &[Source]) -> Result<Vec<Passage<'a>>, CommandError> {
    if !arguments.environments.is_empty() {
        return environments::passages(arguments, sources);
    }
    Ok(vec![Passage {
        environment: None,
        certificate: Cow::Borrowed(&arguments.certificate),
        destination: Destination::settle(&arguments.destination, sources)?,
    }])
}

impl Passage<'_> {
    // What its environment does not allow is not sealed for it (S20).
    fn judge(&self, secrets: &[Job]) -> Result<(), CommandError> {
        let Some((_, allowed)) = &self.environment else {
            return Ok(());
        };
        match secrets.iter().find(|job| !allowed.contains(&job.scope)) {
            None => Ok(()),
            Some(job) => Err(CommandError::input(format!(
                "{}: its scope is {}, which allowed-scopes does not have",
                job.place, job.scope
            ))
            .remedy("seal it with another --scope, or allow this one in .seal.yaml")),
        }
    }

    fn about(&self, error: CommandError) -> CommandError {
        match &self.environment {
            Some((name, _)) => error.about(&format!("environment {name}")),
            None => error,
        }
    }
}

/// The texts of all files, and how many Secrets of each were sealed.
struct Written {
    texts: Vec<WipedText>,
    changes: Vec<usize>,
}

fn written(
    files: &[ManifestFile],
    streams: &[Stream<'_>],
    secrets: &[Job],
    sealed: Vec<Sealed>,
    arguments: &SealArguments,
    terminal: Terminal,
) -> Result<Written, CommandError> {
    let mut replacements: Vec<Vec<Replacement>> = files.iter().map(|_| Vec::new()).collect();
    for (job, object) in secrets.iter().zip(sealed) {
        warn_of_sizes(job, object.bytes, terminal);
        replacements[job.file].push(job.found.replaced_by(object.manifest));
    }
    let mut texts = Vec::with_capacity(files.len());
    for ((file, stream), replacements) in files.iter().zip(streams).zip(&replacements) {
        let text = result(file, stream, replacements, arguments)
            .map_err(|error| error.about(&file.source.shown()))?;
        texts.push(text);
    }
    let changes = replacements.iter().map(Vec::len).collect();
    Ok(Written { texts, changes })
}

/// A Secret on its way.
struct Job {
    file: usize,
    place: String,
    found: Found,
    secret: Secret,
    scope: Scope,
}

impl Job {
    fn settle(file: usize, found: Found, arguments: &SealArguments) -> Result<Self, CommandError> {
        let mut secret = Secret::from_value(&found.value)?;
        let metadata = &mut secret.metadata;
        if let Some(name) = &arguments.name {
            metadata.name = Some(name.to_string());
        }
        if let Some(wanted) = &arguments.namespace {
            match metadata.namespace.as_deref().filter(|found| !found.is_empty()) {
                Some(found) if found != wanted.as_ref() => {
                    return Err(CommandError::input(format!(
                        "the Secret is in namespace {found}, and --namespace says {wanted}"
                    ))
                    .remedy("drop the flag, or change the manifest"));
                }
                _ => metadata.namespace = Some(wanted.to_string()),
            }
        }
        let scope = match arguments.scope {
            None => annotations::scope(metadata.annotations.as_ref()),
            Some(scope) => {
                if let Some(marks) = &mut metadata.annotations {
                    marks.retain(|mark, _| {
                        ![annotations::CLUSTER_WIDE, annotations::NAMESPACE_WIDE].contains(&mark.as_str())
                    });
                }
                scope
            }
        };
        Ok(Self {
            file,
            place: String::new(),
            found,
            secret,
            scope,
        })
    }
}

/// A Secret that has arrived.
struct Sealed {
    manifest: Value,
    /// What its values take up.
    bytes: usize,
}

// One public RSA operation takes a tenth of a millisecond: worth a thread from a few dozen on.
const JOBS_PER_THREAD: usize = 16;

fn seal_all(jobs: &[Job], certificate: &Certificate, allow_empty: bool) -> Result<Vec<Sealed>, CommandError> {
    cores::share(jobs, JOBS_PER_THREAD, |job| {
        let key = certificate.key();
        let mut object = sealed_secret::seal(&job.secret, key, job.scope, allow_empty, &mut SystemRandom)
            .map_err(|fault| CommandError::from(fault).about(&job.place))?;
        sealed_secret::note(&mut object, key.fingerprint());
        let texts = object.spec.encrypted_data.values().flatten();
        Ok(Sealed {
            bytes: texts.map(|text| text.len() + 8).sum(),
            manifest: object.to_value(),
        })
    })
}

/// What the API server allows for all values of a Secret.
const SECRET_LIMIT: usize = 1 << 20;
/// What etcd allows for an object.
const OBJECT_LIMIT: usize = 3 << 19;
/// What the API server allows for all annotations; `kubectl apply` writes the whole object into one.
const ANNOTATION_LIMIT: usize = 256 << 10;

fn warn_of_sizes(job: &Job, sealed: usize, terminal: Terminal) {
    let plain: usize = job.secret.data.values().map(Plaintext::len).sum();
    let place = &job.place;
    if plain > SECRET_LIMIT {
        terminal.warn(&format!(
            "{place}: {plain} bytes of values; Kubernetes allows {SECRET_LIMIT} in a Secret"
        ));
    }
    if sealed > OBJECT_LIMIT {
        terminal.warn(&format!(
            "{place}: {sealed} bytes when sealed; etcd allows {OBJECT_LIMIT} for an object"
        ));
    } else if sealed > ANNOTATION_LIMIT {
        terminal.warn(&format!(
            "{place}: {sealed} bytes when sealed; `kubectl apply` needs --server-side above {ANNOTATION_LIMIT}"
        ));
    }
}

fn result(
    file: &ManifestFile,
    stream: &Stream<'_>,
    replacements: &[Replacement],
    arguments: &SealArguments,
) -> Result<WipedText, CommandError> {
    let wanted = arguments.format.map(format_of);
    let text = manifests::rewrite(stream, replacements, arguments.keep_comments)?;
    let text = match wanted.filter(|wanted| *wanted != stream.format()) {
        None => text,
        Some(wanted) => converted(&text, stream.format(), wanted)?,
    };
    let most = 3 * file.bytes.len() + (50 << 20);
    if text.len() > most {
        return Err(
            CommandError::input(format!("the result would be longer than {most} bytes"))
                .remedy("split the input; sealing makes short values much longer"),
        );
    }
    Ok(text)
}

fn format_of(format: FormatArgument) -> Format {
    match format {
        FormatArgument::Yaml => Format::Yaml,
        FormatArgument::Json => Format::Json,
    }
}

fn converted(text: &str, format: Format, wanted: Format) -> Result<WipedText, CommandError> {
    let stream = seal_document::parse(text, format, &seal_document::Limits::default())?;
    let mut converted = WipedText::with_capacity(text.len() * 2);
    for document in stream
        .documents()
        .iter()
        .filter(|document| document.root().is_some())
    {
        let value = document.value(Schema::Kubernetes, seal_document::DuplicateKeys::Error)?;
        converted.push_str(&manifests::render(&value, wanted)?);
    }
    Ok(converted)
}
