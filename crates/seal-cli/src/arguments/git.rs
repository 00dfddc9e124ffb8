//! The command line of what ties a checkout to Git.

use clap::{Args, Subcommand};

/// `seal git`.
#[derive(Args)]
pub(crate) struct GitArguments {
    #[command(subcommand)]
    pub(crate) command: GitCommand,
}

/// What to do.
#[derive(Subcommand)]
pub(crate) enum GitCommand {
    /// Check what is staged before each commit of this checkout, by a pre-commit hook
    Install,
}
