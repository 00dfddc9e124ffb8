//! The command line of what ties a checkout to Git and to its settings.

use std::path::PathBuf;

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

/// `seal config`.
#[derive(Args)]
pub(crate) struct ConfigArguments {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

/// What to do.
#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say which settings of .seal.yaml hold for a file, and why
    Explain {
        /// The file, which need not be there yet
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}
