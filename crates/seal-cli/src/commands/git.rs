//! `seal git`: what ties a checkout to seal. The hook runs `seal check`; how Git merges and shows SealedSecrets
//! stands in the rooms beside this one.

mod drivers;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use crate::arguments::GitCommand;
use crate::command_error::CommandError;
use crate::file_system::normal;
use crate::repository::Git;
use crate::terminal::Terminal;

const LINE: &str = "seal check --staged";

/// Runs it.
pub(super) fn run(command: &GitCommand, terminal: Terminal) -> Result<(), CommandError> {
    match command {
        GitCommand::Install => install(terminal),
        GitCommand::Merge {
            base,
            ours,
            theirs,
            path,
        } => drivers::merge([base, ours, theirs], path.as_deref(), terminal),
        GitCommand::Textconv { file } => drivers::textconv(file),
    }
}

fn install(terminal: Terminal) -> Result<(), CommandError> {
    let git = Git::of(Path::new("."))?;
    drivers::install(&git, terminal)?;
    hook(&git, terminal)
}

fn hook(git: &Git, terminal: Terminal) -> Result<(), CommandError> {
    let folder = git.hooks()?;
    let top = fs::canonicalize(git.top()).unwrap_or_else(|_| git.top().to_owned());
    let common = fs::canonicalize(&folder).unwrap_or_else(|_| normal(&folder));
    // A folder of hooks for all checkouts of a user is nobody's to fill from within one of them.
    if !common.starts_with(&top) && !common.components().any(|part| part.as_os_str() == ".git") {
        return Err(
            CommandError::input("core.hooksPath names a folder outside of this checkout")
                .remedy(format!("add `{LINE}` to the pre-commit hook there")),
        );
    }
    let hook = folder.join("pre-commit");
    if let Ok(standing) = fs::read_to_string(&hook) {
        if standing.contains(LINE) {
            terminal.tell("the pre-commit hook runs `seal check` already");
            return Ok(());
        }
        return Err(CommandError::input("there is a pre-commit hook already")
            .remedy(format!("add a line to it: {LINE} || exit 1")));
    }
    let failed = |error: io::Error| CommandError::file("write", &hook, &error);
    fs::create_dir_all(&folder).map_err(failed)?;
    let mut file = executable(&hook).map_err(failed)?;
    let text = format!(
        "#!/bin/sh\n# Installed by `seal git install`: no commit with a value in plain text.\nexec {LINE}\n"
    );
    file.write_all(text.as_bytes()).map_err(failed)?;
    terminal.tell("the pre-commit hook runs `seal check --staged` from now on");
    Ok(())
}

fn executable(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o777);
    options.open(path)
}
