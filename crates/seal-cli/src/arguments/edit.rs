//! `seal edit`.

use clap::Args;

use super::{AllowedScope, CertificateArguments, KeyArguments, TargetArguments};

const HELP: &str = "\
The editor is $SEAL_EDITOR, $VISUAL, $EDITOR or vi, with the arguments that the variable has. An entry that is
left as <sealed:…> keeps its ciphertext, byte for byte; so does one that is given another name with it. A value
in its place is sealed, a line taken out takes the entry out, a new one adds one: text under stringData, base64
under data. Labels, annotations, type and immutable are the template's. What is wrong opens the editor again;
closed without a change, it gives up. What you type stands in a folder in memory only, yours alone, and is wiped.

With --show-values the values stand there, too: of the entries that --keys open, or with --from-cluster of those
whose Secret in the cluster is certainly made of this very ciphertext; the others stay placeholders, and a comment
says why.";

/// `seal edit`.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct EditArguments {
    #[command(flatten)]
    pub(crate) target: TargetArguments,
    /// Show the values in the editor, not placeholders: with --keys or --from-cluster
    #[arg(long)]
    pub(crate) show_values: bool,
    /// Take the values from the Secrets in the cluster that --context names
    #[arg(long, requires_all = ["show_values", "context"])]
    pub(crate) from_cluster: bool,
    #[command(flatten)]
    pub(crate) allowed: AllowedScope,
    #[command(flatten)]
    pub(crate) certificate: CertificateArguments,
    #[command(flatten)]
    pub(crate) keys: KeyArguments,
}
