//! `seal completion` and `seal man`: what the command line's own description yields.

use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::arguments::Arguments;
use crate::command_error::CommandError;
use crate::output::print;

/// Prints the completion script for `shell`.
pub(super) fn script(shell: Shell) -> Result<(), CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "seal", &mut script);
    print(&String::from_utf8_lossy(&script))
}

/// Prints the manual page, or writes one page for each command into `folder`.
pub(super) fn manual(folder: Option<&Path>) -> Result<(), CommandError> {
    let Some(folder) = folder else {
        return print(&page(Arguments::command())?);
    };
    std::fs::create_dir_all(folder).map_err(|error| CommandError::file("make", folder, &error))?;
    clap_mangen::generate_to(Arguments::command(), folder)
        .map_err(|error| CommandError::file("write pages into", folder, &error))
}

fn page(command: clap::Command) -> Result<String, CommandError> {
    let mut page = Vec::new();
    Man::new(command)
        .render(&mut page)
        .map_err(|error| CommandError::bug(format!("the manual page was not made: {error}")))?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}
