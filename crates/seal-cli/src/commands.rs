//! What the native commands do, one file each; here only which of them runs.

mod cert;
mod check;
mod completion;
mod config;
mod diff;
mod doctor;
mod edit;
mod explain;
mod exposed;
mod git;
mod keygen;
mod keys;
mod merge;
mod reencrypt;
mod render;
mod rotate;
mod seal;
mod set;
mod target;
mod unseal;
mod verify;

use crate::arguments::Command;
use crate::command_error::CommandError;
use crate::terminal::Terminal;

/// Runs `command`.
pub(crate) fn run(command: Command, terminal: Terminal) -> Result<(), CommandError> {
    match command {
        Command::Seal(arguments) => seal::run(&arguments, terminal),
        Command::Unseal(arguments) => unseal::run(&arguments, terminal),
        Command::Verify(arguments) => verify::run(&arguments, terminal),
        Command::Render(arguments) => render::run(&arguments, terminal),
        Command::Explain(arguments) => explain::run(&arguments, terminal),
        Command::Doctor(arguments) => doctor::run(&arguments, terminal),
        Command::Set(arguments) => set::set(&arguments, terminal),
        Command::Unset(arguments) => set::unset(&arguments, terminal),
        Command::Edit(arguments) => edit::run(&arguments, terminal),
        Command::Merge(arguments) => merge::run(&arguments, terminal),
        Command::Reencrypt(arguments) => reencrypt::run(&arguments, terminal),
        Command::Rotate(arguments) => rotate::run(&arguments, terminal),
        Command::Exposed(arguments) => exposed::run(&arguments, terminal),
        Command::Check(arguments) => check::run(&arguments, terminal),
        Command::Diff(arguments) => diff::run(&arguments, terminal),
        Command::Git(arguments) => git::run(&arguments.command, terminal),
        Command::Config(arguments) => config::run(&arguments.command),
        Command::Cert(arguments) => cert::run(&arguments.command, terminal),
        Command::Keygen(arguments) => keygen::run(&arguments, terminal),
        Command::Keys(arguments) => keys::run(&arguments.command, terminal),
        Command::Completion { shell } => completion::script(shell),
        Command::Man { dir } => completion::manual(dir.as_deref()),
    }
}
