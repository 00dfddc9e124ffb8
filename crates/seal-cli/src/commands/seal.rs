//! `seal seal`: the Secrets of manifests become SealedSecrets, everything else stays as it is.
//!
//! All input is read and sealed before the first byte is written. How a Secret becomes a SealedSecret is
//! the engine's.

use std::path::{Path, PathBuf};

use seal_api::{Secret, annotations};
use seal_core::{Certificate, Plaintext, Scope, SystemRandom};
use seal_document::{Format, Schema, Stream, Value, WipedText};
use seal_engine::sealed_secret;

use crate::arguments::{DestinationArguments, FormatArgument, SealArguments};
use crate::certificate::CertificateSource;
use crate::command_error::CommandError;
use crate::cores;
use crate::input::{self, Source};
use crate::manifests::{self, Found, Kind, ManifestFile, Replacement};
use crate::output;
use crate::terminal::Terminal;

/// Runs it.
pub(super) fn run(arguments: &SealArguments, terminal: Terminal) -> Result<(), CommandError> {
    let source = CertificateSource::settle(&arguments.certificate)?;
    let sources = input::sources(&arguments.input.paths, terminal)?;
    let destination = Destination::settle(&arguments.destination, &sources)?;
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
    // Without a Secret no certificate is needed.
    let sealed = match secrets.is_empty() {
        true => Vec::new(),
        false => seal_all(&secrets, &source.usable(terminal)?, arguments.allow_empty_data)?,
    };
    for (job, object) in secrets.iter().zip(&sealed) {
        warn_of_sizes(job, object.bytes, terminal);
    }

    let mut results: Vec<Vec<Replacement>> = files.iter().map(|_| Vec::new()).collect();
    for (job, object) in secrets.iter().zip(sealed) {
        results[job.file].push(job.found.replaced_by(object.manifest));
    }
    let mut texts = Vec::with_capacity(files.len());
    for ((file, stream), replacements) in files.iter().zip(&streams).zip(&results) {
        let text = result(file, stream, replacements, arguments)
            .map_err(|error| error.about(&file.source.shown()))?;
        texts.push(text);
    }
    destination.write(&files, &texts, &results, terminal)
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
        let object = sealed_secret::seal(&job.secret, key, job.scope, allow_empty, &mut SystemRandom)
            .map_err(|fault| CommandError::from(fault).about(&job.place))?;
        Ok(Sealed {
            manifest: object.to_value(),
            bytes: object
                .spec
                .encrypted_data
                .values()
                .flatten()
                .map(|text| text.len() + 8)
                .sum(),
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

/// Where the results go, known before anything is sealed.
enum Destination<'a> {
    File(Option<&'a Path>),
    InPlace,
    Folder(&'a Path),
}

impl<'a> Destination<'a> {
    fn settle(arguments: &'a DestinationArguments, sources: &[Source]) -> Result<Self, CommandError> {
        if arguments.in_place {
            if sources.contains(&Source::Stdin) {
                return Err(CommandError::usage(
                    "--in-place needs files, and standard input is none",
                ));
            }
            return Ok(Self::InPlace);
        }
        if let Some(folder) = &arguments.out_dir {
            if sources.contains(&Source::Stdin) {
                return Err(CommandError::usage(
                    "--out-dir needs files, and standard input is none",
                ));
            }
            let mut names: Vec<_> = sources.iter().filter_map(relative).collect();
            names.sort_unstable();
            if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
                return Err(CommandError::usage(format!(
                    "two inputs would become {}",
                    pair[0].display()
                )));
            }
            return Ok(Self::Folder(folder));
        }
        if sources.len() > 1 {
            return Err(
                CommandError::usage(format!("there are {} inputs, and one output", sources.len()))
                    .remedy("replace the files with --in-place, or write others with --out-dir"),
            );
        }
        Ok(Self::File(arguments.out_file.as_deref()))
    }

    fn write(
        &self,
        files: &[ManifestFile],
        texts: &[WipedText],
        changes: &[Vec<Replacement>],
        terminal: Terminal,
    ) -> Result<(), CommandError> {
        let mut targets: Vec<(PathBuf, &[u8])> = Vec::new();
        for ((file, text), changes) in files.iter().zip(texts).zip(changes) {
            let source = &file.source;
            match self {
                Self::File(path) => return output::write_public(*path, text),
                Self::InPlace if changes.is_empty() => {
                    terminal.detail(&format!("{}: nothing to seal", source.shown()))
                }
                Self::InPlace => {
                    terminal.detail(&format!("{}: {} sealed", source.shown(), changes.len()));
                    targets.extend(source.path().map(|path| (path.to_owned(), text.as_bytes())));
                }
                Self::Folder(folder) => {
                    let path = folder.join(relative(source).expect("only files get here"));
                    let parent = path.parent().unwrap_or(folder);
                    std::fs::create_dir_all(parent)
                        .map_err(|error| CommandError::file("make", parent, &error))?;
                    targets.push((path, text.as_bytes()));
                }
            }
        }
        output::replace_all(targets)
    }
}

fn relative(source: &Source) -> Option<&Path> {
    match source {
        Source::Stdin => None,
        Source::File { relative, .. } => Some(relative),
    }
}
