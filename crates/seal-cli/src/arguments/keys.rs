//! The command line of `seal keys`. What it amounts to is the command's.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use seal_core::{Fingerprint, Namespace};

use super::{ClusterArguments, KeyArguments, Rendition, UsageArguments};

/// `seal keys`.
#[derive(Args)]
pub(crate) struct KeysArguments {
    #[command(subcommand)]
    pub(crate) command: KeysCommand,
}

/// What to do with keys.
#[derive(Subcommand)]
pub(crate) enum KeysCommand {
    /// List sealing keys, the newest first, from files or from the cluster: which one seals, which are
    /// retired or backed up, how many SealedSecrets say that they need them
    Ls {
        /// How to print them
        #[arg(long, default_value = "human")]
        output: Rendition,
        #[command(flatten)]
        keys: KeyArguments,
        #[command(flatten)]
        cluster: ClusterArguments,
    },
    /// Say which key sealed what in the files of a repository
    Usage(UsageArguments),
    /// Have the controller make a new key that seals from now on; old ones still open
    Renew {
        #[command(flatten)]
        cluster: ClusterArguments,
    },
    /// Have a key seal that is there already. It stays so until another one is named: none is made
    /// because of its age
    Primary {
        /// The key
        #[arg(required_unless_present = "release")]
        fingerprint: Option<Fingerprint>,
        /// Name none: the key that seals goes on to, until it is renewed
        #[arg(long, conflicts_with = "fingerprint")]
        release: bool,
        #[command(flatten)]
        cluster: ClusterArguments,
    },
    /// Have a key open nothing any longer; refused while a SealedSecret may need it. Its Secret stays
    Retire {
        /// The key
        fingerprint: Fingerprint,
        /// Somebody else may hold it: retire it whoever needs it, and disown what it signed
        #[arg(long)]
        compromised: bool,
        #[command(flatten)]
        cluster: ClusterArguments,
    },
    /// Write all sealing keys, encrypted to age recipients, from files or from the cluster
    Backup {
        /// An age recipient (age1…); may be repeated
        #[arg(
            short,
            long,
            value_name = "RECIPIENT",
            required_unless_present = "recipients_file"
        )]
        recipient: Vec<String>,
        /// A file with age recipients, one a line
        #[arg(short = 'R', long, value_name = "FILE")]
        recipients_file: Vec<PathBuf>,
        /// Write to this file instead of standard output
        #[arg(short = 'w', long, value_name = "FILE")]
        out_file: Option<PathBuf>,
        #[command(flatten)]
        keys: KeyArguments,
        #[command(flatten)]
        cluster: ClusterArguments,
    },
    /// Open a backup: show its fingerprints, then write its key Secrets or create them in the cluster
    Restore {
        /// The backup, or the ConfigMap that the controller keeps it in
        #[arg(value_name = "FILE", required_unless_present = "from_cluster")]
        backup: Option<PathBuf>,
        /// Take the backup that the controller keeps in its namespace
        #[arg(long, conflicts_with = "backup")]
        from_cluster: bool,
        /// The age identity that opens it
        #[arg(
            long,
            short = 'I',
            value_name = "FILE",
            env = "SEAL_IDENTITY",
            required = true
        )]
        identity: Vec<PathBuf>,
        /// Create the key Secrets in the cluster; those that are there stay as they are
        #[arg(long, conflicts_with = "out_file")]
        apply: bool,
        /// Write the key Secrets to this file, readable by you alone; - is standard output
        #[arg(short = 'w', long, value_name = "FILE")]
        out_file: Option<PathBuf>,
        /// The namespace where the keys go, if not to the one they come from
        #[arg(long, value_name = "NAMESPACE")]
        into: Option<Namespace>,
        /// Show private keys on a terminal
        #[arg(long)]
        show_values: bool,
        #[command(flatten)]
        cluster: ClusterArguments,
    },
}
