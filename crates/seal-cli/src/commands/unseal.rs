//! `seal unseal`: prints the Secrets in SealedSecrets, and nothing else of the manifests.

use seal_document::Format;

use super::render::{in_one, join, opened};
use crate::arguments::{FormatArgument, UnsealArguments};
use crate::command_error::CommandError;
use crate::input;
use crate::manifests::{self, ManifestFile};
use crate::terminal::Terminal;
use crate::{keys, output};

/// Runs it.
pub(super) fn run(arguments: &UnsealArguments, terminal: Terminal) -> Result<(), CommandError> {
    output::guard_values(arguments.out_file.as_deref(), arguments.show_values)?;
    let ring = keys::ring(&arguments.keys)?;
    let mut outputs = Vec::new();
    let mut faulty: Option<CommandError> = None;
    for source in input::sources(&arguments.input.paths, terminal)? {
        let file = ManifestFile::read(source)?;
        let format = match arguments.format {
            Some(FormatArgument::Yaml) => Format::Yaml,
            Some(FormatArgument::Json) => Format::Json,
            None => file.parse()?.format(),
        };
        match opened(&file, &ring) {
            Ok(secrets) => {
                for secret in &secrets {
                    outputs.push((format, manifests::render(&secret.value, format)?));
                }
            }
            Err(error) => faulty = Some(join(faulty, error)),
        }
    }
    if let Some(error) = faulty {
        return Err(error);
    }
    if outputs.is_empty() {
        return Err(CommandError::input("there is no SealedSecret in the input"));
    }
    output::write_private(arguments.out_file.as_deref(), &in_one(&outputs)?)
}
