//! `seal set` and `seal unset`: one entry of a SealedSecret, sealed anew or taken out. The value comes
//! from standard input, a file or a prompt, never from the command line.

use std::io::{self, IsTerminal};
use std::mem;
use std::path::Path;

use seal_core::Plaintext;
use zeroize::Zeroizing;

use super::target::{self, Changed, judge_entry};
use crate::arguments::{SetArguments, UnsetArguments};
use crate::certificate::CertificateSource;
use crate::command_error::CommandError;
use crate::input::{Source, VALUE_LIMIT};
use crate::prompt;
use crate::repository::settings;
use crate::terminal::Terminal;

/// Runs `seal set`.
pub(super) fn set(arguments: &SetArguments, terminal: Terminal) -> Result<(), CommandError> {
    let entry = &arguments.entry;
    judge_entry(entry)?;
    let certificate = settings::with_environment(&arguments.certificate, &arguments.target.file)?;
    let source = CertificateSource::settle(&certificate)?;
    let allowed = settings::widest_scope(arguments.allowed.allow_scope, &arguments.target.file)?;
    // Nobody is asked for a value that would then be refused.
    target::inspect(&arguments.target, |target| target.label(allowed))?;
    let certificate = source.usable(terminal)?;
    let value = value(arguments, terminal)?;
    let told = target::change(&arguments.target, |change| {
        let label = change.target.label(allowed)?;
        change.seal(entry, value.expose(), certificate.key(), &label)?;
        Ok(Changed::Entries(format!("{entry} sealed")))
    })?;
    terminal.detail(&told);
    Ok(())
}

/// Runs `seal unset`.
pub(super) fn unset(arguments: &UnsetArguments, terminal: Terminal) -> Result<(), CommandError> {
    let mut entries = arguments.entries.clone();
    entries.sort();
    entries.dedup();
    let told = target::change(&arguments.target, |change| {
        let target = change.target;
        for entry in &entries {
            if !target.object.spec.encrypted_data.contains_key(entry) {
                return Err(CommandError::input(format!(
                    "{}: there is no entry {entry}",
                    target.shown()
                )));
            }
            change.take_out(entry);
        }
        Ok(Changed::Entries(format!("{} taken out", entries.join(", "))))
    })?;
    terminal.detail(&told);
    Ok(())
}

fn value(arguments: &SetArguments, terminal: Terminal) -> Result<Plaintext, CommandError> {
    let from_stdin = arguments
        .from_file
        .as_deref()
        .is_none_or(|path| path.as_os_str() == "-");
    let prompts = arguments.from_file.is_none() && io::stdin().is_terminal();
    let mut bytes = if prompts {
        let prompt = format!("value of {}: ", arguments.entry);
        let mut text = prompt::ask(prompt)?;
        Zeroizing::new(mem::take(&mut *text).into_bytes())
    } else {
        let path = arguments.from_file.as_deref().unwrap_or(Path::new("-"));
        Source::of(path).read(VALUE_LIMIT)?
    };
    let trimmed = bytes
        .strip_suffix(b"\r\n")
        .or_else(|| bytes.strip_suffix(b"\n"))
        .map(<[u8]>::len);
    match trimmed {
        Some(length) if arguments.trim_newline => bytes.truncate(length),
        // `echo` adds one, and few passwords end in one.
        Some(_) if from_stdin => {
            terminal
                .warn("the value ends with a line break, which is sealed with it; --trim-newline drops it");
        }
        _ => {}
    }
    if let Some(whence) = nothing(bytes.is_empty(), from_stdin, prompts).filter(|_| !arguments.allow_empty) {
        return Err(CommandError::input(format!("the value {whence} is empty"))
            .remedy("if that is meant, say --allow-empty"));
    }
    Ok(Plaintext::from(bytes))
}

// What a command that failed leaves in a pipe, and a key that was hit too early at a prompt; an empty file
// was named by somebody.
fn nothing(is_empty: bool, from_stdin: bool, prompts: bool) -> Option<&'static str> {
    match (is_empty, prompts, from_stdin) {
        (true, true, _) => Some("that was typed"),
        (true, false, true) => Some("on standard input"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_at_a_prompt_or_in_a_pipe_is_no_value() {
        assert_eq!(nothing(true, true, true), Some("that was typed"));
        assert_eq!(nothing(true, true, false), Some("on standard input"));
        assert_eq!(nothing(true, false, false), None);
        assert_eq!(nothing(false, true, true), None);
    }
}
