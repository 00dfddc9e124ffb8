//! The command under its own name: reads the command line, runs it, says what went wrong.
//! The other names the binary answers to are not its business.

use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser};

use crate::arguments::Arguments;
use crate::commands;
use crate::terminal::Terminal;

/// Runs as `seal`; `arguments` do not contain the name.
pub(crate) fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let (arguments, first) = spelt_out(arguments.into_iter().collect(), io::stdin().is_terminal());
    let arguments = match Arguments::try_parse_from(std::iter::once("seal".into()).chain(arguments)) {
        Ok(arguments) => arguments,
        Err(error) => {
            let error = advised(error);
            // Help and version are no errors; clap knows which stream is whose.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let terminal = Terminal::new(arguments.manner);
    match commands::run(arguments.command, terminal) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let error = match first.is_some_and(|first| is_no_file(&first)) {
                true => error.remedy("name a file, or a command: `seal --help` lists them"),
                false => error,
            };
            terminal.complain(&error);
            error.exit_code()
        }
    }
}

// clap takes a flag that it does not know for a file's name.
fn advised(mut error: clap::Error) -> clap::Error {
    if error.kind() != ErrorKind::UnknownArgument {
        return error;
    }
    error.remove(ContextKind::Suggested);
    let is_scope = matches!(
        error.get(ContextKind::InvalidArg),
        Some(ContextValue::String(flag)) if flag == "--scope"
    );
    if is_scope {
        let advice = "the SealedSecret itself says its scope; --allow-scope says how wide it may be";
        error.insert(
            ContextKind::Suggested,
            ContextValue::StyledStrs(vec![advice.to_owned().into()]),
        );
    }
    error
}

// What was meant as a command is a single word.
fn is_no_file(first: &OsStr) -> bool {
    let word = first.to_string_lossy();
    !word.starts_with('-') && !word.contains(['.', '/']) && !Path::new(first).exists()
}

/// `seal FILE` and `… | seal` mean `seal seal`. Also what was taken for a file by that.
fn spelt_out(mut arguments: Vec<OsString>, stdin_is_terminal: bool) -> (Vec<OsString>, Option<OsString>) {
    let mut at = 0;
    while let Some(argument) = arguments.get(at).and_then(|argument| argument.to_str()) {
        match argument {
            "-q" | "--quiet" | "-v" | "--verbose" => at += 1,
            "--color" => at += 2,
            argument if argument.starts_with("--color=") => at += 1,
            _ => break,
        }
    }
    let at = at.min(arguments.len());
    let spelt = match arguments.get(at).map(|argument| argument.to_string_lossy()) {
        None => stdin_is_terminal,
        Some(first) => {
            matches!(first.as_ref(), "-h" | "--help" | "-V" | "--version")
                || Arguments::command()
                    .get_subcommands()
                    .any(|command| command.get_name() == first)
        }
    };
    if spelt {
        return (arguments, None);
    }
    let first = arguments.get(at).cloned();
    arguments.insert(at, "seal".into());
    (arguments, first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelt(arguments: &[&str], stdin_is_terminal: bool) -> Vec<OsString> {
        spelt_out(arguments.iter().map(OsString::from).collect(), stdin_is_terminal).0
    }

    #[test]
    fn a_file_or_a_pipe_means_sealing() {
        assert_eq!(spelt(&["a.yaml"], true), ["seal", "a.yaml"]);
        assert_eq!(
            spelt(&["--cert", "c", "a.yaml"], true),
            ["seal", "--cert", "c", "a.yaml"]
        );
        assert_eq!(spelt(&[], false), ["seal"]);
        assert_eq!(
            spelt(&["-v", "--color", "never"], false),
            ["-v", "--color", "never", "seal"]
        );
        assert_eq!(spelt(&["-q", "verify", "x"], false), ["-q", "verify", "x"]);
        assert_eq!(spelt(&["--help"], false), ["--help"]);
        assert!(spelt(&[], true).is_empty());
    }

    #[test]
    fn the_arguments_are_sound() {
        Arguments::command().debug_assert();
    }
}
