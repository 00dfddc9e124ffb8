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
    #[arg(long, requires = "keys", conflicts_with = "dry_run")]
    pub(crate) check: bool,
    /// Write nothing, and print which entries would change
    #[arg(long, requires = "keys")]
    pub(crate) dry_run: bool,
    /// Note in each SealedSecret which key sealed which entry, also where that is not noted yet
    #[arg(long, requires = "keys")]
    pub(crate) annotate: bool,
    /// How to print what was done
    #[arg(long, default_value = "human")]
    pub(crate) output: BulkRendition,
    /// The private keys: the old ones and the new one. Without them the controller is asked to do it, and
    /// every entry is sealed anew
    #[command(flatten)]
    pub(crate) keys: KeyArguments,
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
