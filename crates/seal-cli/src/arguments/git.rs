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
    /// Check what is staged before each commit of this checkout, by a pre-commit hook; merge and show
    /// SealedSecrets by their entries
    Install,
    /// Merge two versions of a file, SealedSecrets by entry and without a key; for Git to call
    Merge {
        /// What both sides began with (%O)
        base: PathBuf,
        /// Our version, and where the result goes (%A)
        ours: PathBuf,
        /// Their version (%B)
        theirs: PathBuf,
        /// What the file is called (%P)
        path: Option<PathBuf>,
    },
    /// Print a file with its sealed texts named instead of shown; for Git to call
    Textconv {
        /// The file
        file: PathBuf,
    },
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
    /// Print the JSON schema of .seal.yaml, for editors
    Schema,
}
