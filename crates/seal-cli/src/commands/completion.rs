//! `seal completion` and `seal man`: what the command line's own description yields.

use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::arguments::Arguments;
use crate::command_error::CommandError;
use crate::output::{print, write_public};

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
    let mut command = Arguments::command();
    command.build();
    write_pages(&command, "seal", folder)
}

fn write_pages(command: &clap::Command, name: &str, folder: &Path) -> Result<(), CommandError> {
    let page = page(command.clone().name(name.to_owned()))?;
    write_public(Some(&folder.join(format!("{name}.1"))), &page)?;
    command
        .get_subcommands()
        .try_for_each(|command| write_pages(command, &format!("{name}-{}", command.get_name()), folder))
}

fn page(command: clap::Command) -> Result<String, CommandError> {
    let mut page = Vec::new();
    Man::new(command)
        .render(&mut page)
        .map_err(|error| CommandError::bug(format!("the manual page was not made: {error}")))?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}
