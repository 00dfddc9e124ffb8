//! `seal render`: SealedSecrets in manifests become the Secrets that the controller would make of them,
//! everything else passes through. One that does not open leaves no output at all.

use seal_api::SealedSecret;
use zeroize::Zeroizing;

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
    let mut result = Zeroizing::new(String::new());
    let mut faulty: Option<CommandError> = None;
    for source in input::sources(&arguments.input.paths, terminal)? {
        let file = ManifestFile::read(source)?;
        match rendered(&file, &ring) {
            Ok(text) => append(&mut result, &text),
            Err(error) => faulty = Some(join(faulty, error)),
        }
    }
    match faulty {
        Some(error) => Err(error),
        None => output::write_private(arguments.out_file.as_deref(), &result),
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

/// Adds a text to `result` so that its documents stay apart, without leaving a copy behind.
pub(super) fn append(result: &mut Zeroizing<String>, text: &str) {
    let separator = match result.as_str() {
        "" => "",
        _ if text.trim_start_matches('\u{feff}').starts_with("---") || text.trim_start().starts_with('{') => {
            ""
        }
        _ => "---\n",
    };
    let gap = if result.is_empty() || result.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    let mut longer = Zeroizing::new(String::with_capacity(result.len() + text.len() + 8));
    [result.as_str(), gap, separator, text]
        .iter()
        .for_each(|part| longer.push_str(part));
    *result = longer;
}

fn rendered(file: &ManifestFile, ring: &seal_core::KeyRing) -> Result<Zeroizing<String>, CommandError> {
    let secrets = opened(file, ring)?;
    let stream = file.parse()?;
    manifests::rewrite(&stream, &secrets, false).map_err(|error| error.about(&file.source.shown()))
}
