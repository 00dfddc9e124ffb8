//! The command line of `seal exposed`. What it amounts to is the command's.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use seal_core::Namespace;

use super::KeyArguments;

/// How it is printed what a key could read.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExposedRendition {
    /// For people.
    Human,
    /// For programs.
    Json,
    /// For spreadsheets.
    Csv,
    /// For issues and pages: a table.
    Markdown,
}

/// `seal exposed`.
#[derive(Args)]
pub(crate) struct ExposedArguments {
    /// Files or folders, also such as are there no longer; none are all manifests of the repository
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// The private key that leaked, in PEM, in key Secrets, or in an age-encrypted backup; all that are in
    /// the file count as leaked; may be repeated
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) key: Vec<PathBuf>,
    /// Begin with what this commit holds, instead of with the first commits: what no later commit holds is
    /// left out
    #[arg(long, value_name = "REV")]
    pub(crate) since: Option<String>,
    /// A namespace that SealedSecrets may be for that name none; may be repeated
    #[arg(short, long)]
    pub(crate) namespace: Vec<Namespace>,
    /// How to print what the key could read; values are never printed
    #[arg(long, default_value = "human")]
    pub(crate) output: ExposedRendition,
    /// Other private keys tell whether what was sealed anew has the same value
    #[command(flatten)]
    pub(crate) keys: KeyArguments,
}
