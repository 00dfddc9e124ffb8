//! `seal render`: SealedSecrets in manifests become the Secrets that the controller would make of them,
//! everything else passes through. One that does not open leaves no output at all.

use seal_api::SealedSecret;
use seal_document::{Format, Limits, WipedText};

use crate::arguments::RenderArguments;
use crate::command_error::CommandError;
use crate::input;
use crate::manifests::{self, Kind, ManifestFile, Replacement};
use crate::terminal::Terminal;
use crate::{keys, opening, output};

/// Runs it.
pub(super) fn run(arguments: &RenderArguments, terminal: Terminal) -> Result<(), CommandError> {
    output::guard_values(arguments.out_file.as_deref(), arguments.show_values)?;
    let ring = keys::ring(&arguments.keys)?;
    let mut outputs = Vec::new();
    let mut faulty: Option<CommandError> = None;
    for source in input::sources(&arguments.input.paths, terminal)? {
        let file = ManifestFile::read(source)?;
        match rendered(&file, &ring) {
            Ok(output) => outputs.push(output),
            Err(error) => faulty = Some(join(faulty, error)),
        }
    }
    match faulty {
        Some(error) => Err(error),
        None => output::write_private(arguments.out_file.as_deref(), &in_one(&outputs)?),
    }
}

/// The Secrets for all SealedSecrets of `file`, each with its place; or all that is wrong with them.
pub(super) fn opened(
    file: &ManifestFile,
    ring: &seal_core::KeyRing,
) -> Result<Vec<Replacement>, CommandError> {
    let stream = file.parse()?;
    let found = manifests::find(&stream).map_err(|error| error.about(&file.source.shown()))?;
    let mut secrets = Vec::new();
    let mut faulty: Option<CommandError> = None;
    for found in found.iter().filter(|found| found.kind == Kind::SealedSecret) {
        let place = file.name_of(found);
        let opened = SealedSecret::from_value(&found.value)
            .map_err(|error| CommandError::from(error).about(&place))
            .and_then(|object| {
                opening::secret(&object, ring).map_err(|faults| CommandError::faults(&place, &faults))
            });
        match opened {
            Ok(secret) => secrets.push(found.replaced_by(secret.to_value())),
            Err(error) => faulty = Some(join(faulty, error)),
        }
    }
    faulty.map_or(Ok(secrets), Err)
}

/// Both errors, or the one that there is.
pub(super) fn join(earlier: Option<CommandError>, error: CommandError) -> CommandError {
    match earlier {
        Some(earlier) => earlier.and(error),
        None => error,
    }
}

/// The outputs in one text that reads back as all their documents. JSON alone stays JSON, which needs
/// nothing in between; with YAML, every document of it becomes one of YAML.
pub(super) fn in_one(outputs: &[(Format, WipedText)]) -> Result<WipedText, CommandError> {
    let only_json = outputs.iter().all(|(format, _)| *format == Format::Json);
    let mut parts: Vec<&str> = Vec::new();
    for (format, text) in outputs {
        if only_json || *format == Format::Yaml {
            push(&mut parts, text, !only_json);
            continue;
        }
        let stream = seal_document::parse(text, Format::Json, &Limits::default())?;
        for document in stream.documents() {
            push(&mut parts, document.source().trim(), true);
            parts.push("\n");
        }
    }
    Ok(manifests::joined(&parts))
}

fn push<'t>(parts: &mut Vec<&'t str>, text: &'t str, is_yaml: bool) {
    let Some(last) = parts.last() else {
        parts.extend((!text.is_empty()).then_some(text));
        return;
    };
    // Only a text's first character may be a byte-order mark.
    let text = text.trim_start_matches('\u{feff}');
    if text.trim().is_empty() {
        return;
    }
    if !last.ends_with('\n') {
        parts.push("\n");
    }
    if is_yaml && text.starts_with('%') {
        // Directives count only behind a document that has been closed.
        parts.push("...\n");
    } else if is_yaml && !text.starts_with("---") {
        parts.push("---\n");
    }
    parts.push(text);
}

fn rendered(file: &ManifestFile, ring: &seal_core::KeyRing) -> Result<(Format, WipedText), CommandError> {
    let secrets = opened(file, ring)?;
    let stream = file.parse()?;
    let text =
        manifests::rewrite(&stream, &secrets, false).map_err(|error| error.about(&file.source.shown()))?;
    Ok((stream.format(), text))
}
