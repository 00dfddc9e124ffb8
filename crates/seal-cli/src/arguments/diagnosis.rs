//! The command line of `seal explain` and `seal doctor`. What a target means is settled by the command.

use std::path::PathBuf;

use clap::Args;
use seal_core::Namespace;

use super::{ClusterArguments, KeyArguments, Rendition};

const TARGETS: &str = "\
Targets:
  ss/NAME          the SealedSecret NAME in the cluster; also sealedsecret/NAME
  es/NAME          the ExternalSecret NAME in the cluster; also externalsecret/NAME
  secret/NAME      what makes the Secret NAME
  FILE             either kind in a file, without any cluster; - is standard input
  CODE             a fault of the catalogue, by code or condition reason: not-ours, TargetNotOurs

Exit codes: 0 healthy, 1 findings; else those of `seal --help`. What may not be seen is named with
the permission that it takes, and is no finding.";

const CHECKS: &str = "\
Each check is one line: ok, warning, failed, unknown or a note; what it is about; what was found.
Exit codes: 0 healthy, 1 warnings or failures; else those of `seal --help`.";

/// `seal explain`.
#[derive(Args)]
#[command(after_help = TARGETS)]
pub(crate) struct ExplainArguments {
    /// What to explain: ss/NAME, es/NAME, secret/NAME, FILE or CODE
    #[arg(value_name = "TARGET", required_unless_present = "list")]
    pub(crate) target: Option<String>,
    /// List everything that can go wrong: code, reason, class, sentence, remedy
    #[arg(long, conflicts_with = "target")]
    pub(crate) list: bool,
    /// The object's namespace: in the cluster the context's if not given, in a file that of
    /// objects that name none
    #[arg(short, long, env = "SEAL_NAMESPACE")]
    pub(crate) namespace: Option<Namespace>,
    /// Which object of the file: the number of its document, from 1, or its name
    #[arg(long, value_name = "NUMBER|NAME")]
    pub(crate) document: Option<String>,
    /// How to print the answer
    #[arg(short, long, default_value = "human")]
    pub(crate) output: Rendition,
    /// With private keys it is really opened; nothing of what it holds is shown
    #[command(flatten)]
    pub(crate) keys: KeyArguments,
    #[command(flatten)]
    pub(crate) cluster: ClusterArguments,
}

/// What `seal doctor` looks over.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Subject {
    /// What the cluster uses of external-secrets, and what of that Seal does not do
    ExternalSecrets,
}

/// `seal doctor`.
#[derive(Args)]
#[command(after_help = CHECKS)]
pub(crate) struct DoctorArguments {
    /// What to look over; the installation of SealedSecrets if not given
    #[arg(value_enum, value_name = "SUBJECT", conflicts_with = "cert")]
    pub(crate) subject: Option<Subject>,
    /// The namespace in which your permissions are checked, the controller's where it watches; the
    /// context's if not given
    #[arg(short, long, env = "SEAL_NAMESPACE")]
    pub(crate) namespace: Option<Namespace>,
    /// A certificate that is sealed with, to be compared with the controller's; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: Vec<PathBuf>,
    /// How to print the checks
    #[arg(short, long, default_value = "human")]
    pub(crate) output: Rendition,
    #[command(flatten)]
    pub(crate) cluster: ClusterArguments,
}
