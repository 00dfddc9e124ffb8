//! The command line of `seal diff`. What it amounts to is the command's.

use std::path::PathBuf;

use clap::Args;

use super::{BulkRendition, ClusterArguments, KeyArguments};

/// `seal diff`.
#[derive(Args)]
#[command(
    after_help = "Exit code 0 if nothing differs, 1 if something does; more is trouble, see `seal --help`."
)]
pub(crate) struct DiffArguments {
    /// The two files or folders to compare, - is standard input; with --cluster the files or folders that are to
    /// be there
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// Compare with what stands in the cluster, and say what would come of applying the files
    #[arg(long = "cluster", alias = "against-cluster")]
    pub(crate) with_cluster: bool,
    /// How to print the differences
    #[arg(long, default_value = "human")]
    pub(crate) output: BulkRendition,
    /// With private keys entries are compared by value: what was sealed anew with the same value is no difference.
    /// No value is printed
    #[command(flatten)]
    pub(crate) keys: KeyArguments,
    #[command(flatten)]
    pub(crate) cluster: ClusterArguments,
}
