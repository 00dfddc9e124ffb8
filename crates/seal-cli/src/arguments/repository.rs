//! The command line of what works on a whole checkout. What it amounts to is the commands'.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use seal_core::Fingerprint;

use super::{ClusterArguments, KeyArguments};

/// How a command over many files prints what it did.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BulkRendition {
    /// For people.
    Human,
    /// For programs, in one piece.
    Json,
    /// For programs, a line for each file.
    Jsonl,
}

/// How a controller is asked.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Way {
    /// By objects on the API server.
    Request,
    /// By its HTTP API, through the service proxy.
    Http,
}

/// The files of a checkout.
#[derive(Args, Clone)]
pub(crate) struct CheckoutArguments {
    /// Files or folders. Folders are walked for .yaml, .yml and .json, without what Git ignores
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
}

/// `seal reencrypt`.
#[derive(Args)]
pub(crate) struct ReencryptArguments {
    #[command(flatten)]
    pub(crate) checkout: CheckoutArguments,
    /// The key to seal to, by its fingerprint; the newest of the keys that are named if not given
    #[arg(long, value_name = "FINGERPRINT", requires = "keys")]
    pub(crate) to: Option<Fingerprint>,
    /// Write nothing; exit code 1 if an entry is not on that key
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) check: bool,
    /// Write nothing, and print which entries would change
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Note in each SealedSecret which key sealed which entry, also where that is not noted yet
    #[arg(long)]
    pub(crate) annotate: bool,
    /// How to print what was done
    #[arg(long, default_value = "human")]
    pub(crate) output: BulkRendition,
    /// How the controller is asked where no private keys are named: by request objects, which our
    /// controller answers, or over HTTP, which upstream's answers, too, and which seals every entry anew.
    /// Requests where the cluster knows them
    #[arg(long, value_name = "WAY", conflicts_with = "keys")]
    pub(crate) via: Option<Way>,
    #[command(flatten)]
    pub(crate) keys: KeyArguments,
    #[command(flatten)]
    pub(crate) cluster: ClusterArguments,
}

/// `seal rotate`.
#[derive(Args)]
pub(crate) struct RotateArguments {
    #[command(flatten)]
    pub(crate) checkout: CheckoutArguments,
    /// Begin another rotation, although the last one is not over
    #[arg(long)]
    pub(crate) new: bool,
    /// Say what would be done, and do nothing
    #[arg(long, conflicts_with = "retire")]
    pub(crate) plan: bool,
    /// Once the cluster has the new files: retire the keys that nothing needs any longer
    #[arg(long, conflicts_with = "new")]
    pub(crate) retire: bool,
    /// Note in each SealedSecret which key sealed which entry, also where that is not noted yet
    #[arg(long)]
    pub(crate) annotate: bool,
    #[command(flatten)]
    pub(crate) cluster: ClusterArguments,
}

/// `seal keys usage`.
#[derive(Args)]
pub(crate) struct UsageArguments {
    #[command(flatten)]
    pub(crate) checkout: CheckoutArguments,
    /// How to print it
    #[arg(long, default_value = "human")]
    pub(crate) output: super::Rendition,
    /// Private keys prove which one opens what; without them the SealedSecrets' own notes are taken for it
    #[command(flatten)]
    pub(crate) keys: KeyArguments,
}
