//! The command line of `seal check`. What it amounts to is the command's.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use seal_core::Scope;

use super::{ClusterArguments, KeyArguments, Way};

/// How findings are printed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckRendition {
    /// For people.
    Human,
    /// For programs.
    Json,
    /// SARIF 2.1.0, for code scanning and editors.
    Sarif,
    /// Workflow commands of GitHub Actions, which annotate a pull request.
    Github,
}

/// `seal check`.
#[derive(Args)]
pub(crate) struct CheckArguments {
    /// Files or folders; - is standard input, none is the folder it runs in. Folders are walked for
    /// manifests and for what tools leave behind, without what Git ignores
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Check what is staged in Git, as it is staged, instead of files
    #[arg(long, conflicts_with = "paths")]
    pub(crate) staged: bool,
    /// Mend in the files what nothing can be lost by: suppressions of what is not found, annotations that repeat
    /// the manifest or count for nothing, a SealedSecret's wrong version
    #[arg(long, conflicts_with = "staged")]
    pub(crate) fix: bool,
    /// How to print the findings
    #[arg(long, default_value = "human")]
    pub(crate) output: CheckRendition,
    /// Warnings count, too: exit code 1 if there is one
    #[arg(long)]
    pub(crate) deny_warnings: bool,
    /// The widest scope that is acceptable; if not given, what .seal.yaml says, else every scope is
    #[arg(long, value_name = "SCOPE", env = "SEAL_ALLOW_SCOPE")]
    pub(crate) allow_scope: Option<Scope>,
    /// A certificate: whether it has expired, and whether the values fit its key's size
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: Option<PathBuf>,
    /// With private keys: whether every entry opens, under which key, and whether the templates render
    #[command(flatten)]
    pub(crate) keys: KeyArguments,
    /// Ask the controller whether every entry opens: by request objects, or over HTTP as upstream's knows it. It is sent
    /// ciphertexts, and no value comes back; whether templates render is for --keys to say
    #[arg(long)]
    pub(crate) online: bool,
    /// How the controller is asked; if not given, by objects where the cluster knows them
    #[arg(long, requires = "online")]
    pub(crate) via: Option<Way>,
    #[command(flatten)]
    pub(crate) cluster: ClusterArguments,
}
