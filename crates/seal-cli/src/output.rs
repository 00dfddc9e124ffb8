//! Where results go: standard output in one piece, or files that are replaced whole. Nothing is written
//! before everything has succeeded. Messages to people are `terminal`'s.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use crate::command_error::CommandError;
use crate::file_system::{Access, Replacement, is_character_device};
use crate::terminal::printable;

/// Writes a result that may be seen by anyone.
pub(crate) fn print(result: &str) -> Result<(), CommandError> {
    let stdout = io::stdout();
    let text = if stdout.is_terminal() {
        printable(result)
    } else {
        result.into()
    };
    let mut stdout = stdout.lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        // The reader has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(CommandError::file("write", Path::new("standard output"), &error)),
        Ok(()) => Ok(()),
    }
}

/// Refuses to show values on a terminal unless that is asked for (S24).
pub(crate) fn guard_values(out_file: Option<&Path>, show_values: bool) -> Result<(), CommandError> {
    let to_terminal = match out_file.filter(|path| path.as_os_str() != "-") {
        None => io::stdout().is_terminal(),
        // By another name, such as /dev/stdout or /dev/tty.
        Some(path) => {
            is_character_device(path)
                && fs::File::options()
                    .append(true)
                    .open(path)
                    .is_ok_and(|device| device.is_terminal())
        }
    };
    if to_terminal && !show_values {
        return Err(CommandError::usage(
            "the result holds values in plain text, and standard output is a terminal",
        )
        .remedy("pipe it, write it with --out-file, or add --show-values"));
    }
    Ok(())
}

/// Writes a result that holds values: to standard output, or to a file that its owner alone can read.
pub(crate) fn write_private(out_file: Option<&Path>, result: &str) -> Result<(), CommandError> {
    match out_file.filter(|path| path.as_os_str() != "-") {
        None => print(result),
        Some(path) => Replacement::prepare(path, result.as_bytes(), Access::Private)?.commit(),
    }
}

/// Writes a result that anyone may read: to standard output or to a file.
pub(crate) fn write_public(out_file: Option<&Path>, result: &str) -> Result<(), CommandError> {
    match out_file.filter(|path| path.as_os_str() != "-") {
        None => print(result),
        Some(path) => Replacement::prepare(path, result.as_bytes(), Access::Public)?.commit(),
    }
}

/// Replaces several files: all are on disk beside their targets before the first is moved into place.
pub(crate) fn replace_all(files: Vec<(PathBuf, &[u8])>) -> Result<(), CommandError> {
    let prepared = files
        .into_iter()
        .map(|(path, content)| Replacement::prepare(&path, content, Access::Public))
        .collect::<Result<Vec<_>, _>>()?;
    prepared.into_iter().try_for_each(Replacement::commit)
}
