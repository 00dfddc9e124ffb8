//! The command line as it is typed: flags, variables and their help. What they amount to is settled by
//! the commands, from `settings`.

mod check;
mod diagnosis;
mod diff;
mod edit;
mod exposed;
mod git;
mod keys;
mod repository;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use seal_core::{Fingerprint, KeySize, Namespace, ObjectName, Scope};

pub(crate) use check::{CheckArguments, CheckRendition};
pub(crate) use diagnosis::{DoctorArguments, ExplainArguments, Subject};
pub(crate) use diff::DiffArguments;
pub(crate) use edit::EditArguments;
pub(crate) use exposed::{ExposedArguments, ExposedRendition};
pub(crate) use git::{ConfigArguments, ConfigCommand, GitArguments, GitCommand};
pub(crate) use keys::{KeysArguments, KeysCommand};
pub(crate) use repository::{BulkRendition, ReencryptArguments, RotateArguments, UsageArguments, Way};

const EXIT_CODES: &str = "\
Exit codes:
  0   done
  1   findings or differences
  2   the command line
  3   the input: a manifest, a file, a value
  4   a sealed value that is damaged
  5   a key or certificate: missing, wrong, expired
  6   a secret store or key service
  7   the cluster
  70  a defect in seal
  130 interrupted (Ctrl-C)

`seal FILE` and `… | seal` mean `seal seal`. Called as `kubeseal`, or as `seal kubeseal`, it takes
kubeseal's flags and keeps kubeseal's exit codes.";

/// Secrets that are safe to keep in Git.
#[derive(Parser)]
#[command(name = "seal", version, after_help = EXIT_CODES, propagate_version = true, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) manner: Manner,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How the command speaks.
#[derive(Args, Clone, Copy)]
pub(crate) struct Manner {
    /// Say nothing but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more: which certificate, which key, which file
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
    /// Colour in messages
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
}

/// When to colour messages.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Color {
    /// On terminals, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Seal the Secrets in manifests; leave everything else as it is
    Seal(SealArguments),
    /// Open SealedSecrets and print the Secrets
    Unseal(UnsealArguments),
    /// Judge SealedSecrets without showing what they hold
    Verify(VerifyArguments),
    /// Replace the SealedSecrets in manifests by their Secrets, as the controller would make them
    Render(RenderArguments),
    /// Say why a SealedSecret opens or does not, and what to do about it
    Explain(Box<ExplainArguments>),
    /// Look over the installation: names, permissions, keys, certificates, backup, objects
    Doctor(DoctorArguments),
    /// Seal one entry into a SealedSecret; leave the rest of the file as it is
    Set(SetArguments),
    /// Take entries out of a SealedSecret; leave the rest of the file as it is
    Unset(UnsetArguments),
    /// Edit the SealedSecrets of a file as the Secrets that they become; no key is needed
    Edit(Box<EditArguments>),
    /// Seal the entries of a plain Secret into a SealedSecret
    Merge(MergeArguments),
    /// Seal the same values to the newest key, in all files of a repository
    Reencrypt(Box<ReencryptArguments>),
    /// Renew the sealing key, bring a repository under it, and retire the old ones once the cluster has it
    Rotate(RotateArguments),
    /// A sealing key leaked: list what it could read in the history of a repository, and what is still in use
    Exposed(ExposedArguments),
    /// Look a repository over: plain Secrets, SealedSecrets that cannot work, keys, leftovers
    Check(CheckArguments),
    /// Compare SealedSecrets by entry: two files or folders, or files and the cluster
    Diff(Box<DiffArguments>),
    /// Tie a checkout to seal: a hook that checks what is committed
    Git(GitArguments),
    /// Look at the settings in .seal.yaml
    Config(ConfigArguments),
    /// Fetch or show the certificate to seal with
    Cert(CertArguments),
    /// Make a sealing key and its certificate
    Keygen(KeygenArguments),
    /// List, renew, retire, back up and restore sealing keys
    Keys(KeysArguments),
    /// Print a completion script
    Completion {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, or write all pages into a folder
    Man {
        /// The folder
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

/// Which cluster and which controller.
#[derive(Args, Clone)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct ClusterArguments {
    /// The kubeconfig to use instead of $KUBECONFIG and ~/.kube/config
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<String>,
    /// The kubeconfig's context
    #[arg(long)]
    pub(crate) context: Option<String>,
    /// The controller's namespace
    #[arg(
        long,
        value_name = "NAMESPACE",
        env = "SEAL_CONTROLLER_NAMESPACE",
        default_value = "kube-system"
    )]
    pub(crate) controller_namespace: Namespace,
    /// The name of the controller's service
    #[arg(
        long,
        value_name = "NAME",
        env = "SEAL_CONTROLLER_NAME",
        default_value = "sealed-secrets-controller"
    )]
    pub(crate) controller_name: ObjectName,
}

/// Which certificate.
#[derive(Args, Clone)]
#[command(next_help_heading = "Certificate")]
pub(crate) struct CertificateArguments {
    /// The certificate: a PEM file or an https URL. Without it the controller is asked, through the API
    /// server, and its answer is kept for a day
    #[arg(long, visible_alias = "from", value_name = "FILE|URL", env = "SEAL_CERT")]
    pub(crate) cert: Option<String>,
    /// Accept only a certificate with this key (SHA256:…), or with one that the controller can prove to
    /// follow it; may be repeated
    #[arg(
        long,
        visible_alias = "pin",
        value_name = "FINGERPRINT",
        env = "SEAL_FINGERPRINT",
        value_delimiter = ','
    )]
    pub(crate) fingerprint: Vec<Fingerprint>,
    /// Ask the controller even if its certificate is kept
    #[arg(long)]
    pub(crate) refresh: bool,
    #[command(flatten)]
    pub(crate) cluster: ClusterArguments,
}

/// Private keys from files.
#[derive(Args, Clone)]
#[command(next_help_heading = "Keys")]
pub(crate) struct KeyArguments {
    /// Private keys: PEM, key Secrets (YAML or JSON), or an age-encrypted backup; may be repeated
    #[arg(
        long,
        alias = "private-key",
        value_name = "FILE",
        env = "SEAL_KEYS",
        value_delimiter = ','
    )]
    pub(crate) keys: Vec<PathBuf>,
    /// The age identity that opens an encrypted backup
    #[arg(long, short = 'I', value_name = "FILE", env = "SEAL_IDENTITY")]
    pub(crate) identity: Vec<PathBuf>,
}

/// Manifests to read.
#[derive(Args, Clone)]
pub(crate) struct InputArguments {
    /// Files or folders; none or - is standard input. Folders are walked for .yaml, .yml and .json
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
}

/// Where changed manifests go.
#[derive(Args, Clone)]
#[command(next_help_heading = "Output")]
pub(crate) struct DestinationArguments {
    /// Replace the files that were read
    #[arg(short, long, conflicts_with_all = ["out_file", "out_dir"])]
    pub(crate) in_place: bool,
    /// Write to this file instead of standard output
    #[arg(short = 'w', long, value_name = "FILE", conflicts_with = "out_dir")]
    pub(crate) out_file: Option<PathBuf>,
    /// Write one file for each that was read into this folder
    #[arg(short = 'd', long, value_name = "DIR")]
    pub(crate) out_dir: Option<PathBuf>,
}

/// YAML or JSON.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatArgument {
    /// YAML.
    Yaml,
    /// JSON.
    Json,
}

/// How data is printed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rendition {
    /// For people.
    Human,
    /// For programs.
    Json,
}

/// `seal seal`.
#[derive(Args)]
pub(crate) struct SealArguments {
    #[command(flatten)]
    pub(crate) input: InputArguments,
    /// Where the values open: strict, namespace-wide or cluster-wide. Without it each Secret's
    /// annotations tell; strict if there are none
    #[arg(long)]
    pub(crate) scope: Option<Scope>,
    /// The namespace of Secrets that name none
    #[arg(short, long, env = "SEAL_NAMESPACE")]
    pub(crate) namespace: Option<Namespace>,
    /// The name of the Secret, instead of its own
    #[arg(long)]
    pub(crate) name: Option<ObjectName>,
    /// The format of the result; that of the input if not given
    #[arg(long)]
    pub(crate) format: Option<FormatArgument>,
    /// Keep the comments of Secrets: they end up in Git
    #[arg(long)]
    pub(crate) keep_comments: bool,
    /// Seal Secrets without a single entry, too
    #[arg(long)]
    pub(crate) allow_empty_data: bool,
    /// Seal for these environments of .seal.yaml, each with its own certificate, into its own folder: the one
    /// of its paths, or DIR/NAME, or DIR with {env} in it, of --out-dir DIR
    #[arg(long = "env", value_name = "NAME", value_delimiter = ',', conflicts_with_all = ["in_place", "out_file"])]
    pub(crate) environments: Vec<String>,
    #[command(flatten)]
    pub(crate) destination: DestinationArguments,
    #[command(flatten)]
    pub(crate) certificate: CertificateArguments,
}

/// `seal unseal`.
#[derive(Args)]
pub(crate) struct UnsealArguments {
    #[command(flatten)]
    pub(crate) input: InputArguments,
    /// Show values on a terminal
    #[arg(long)]
    pub(crate) show_values: bool,
    /// Write to this file, readable by you alone, instead of standard output
    #[arg(short = 'w', long, value_name = "FILE")]
    pub(crate) out_file: Option<PathBuf>,
    /// The format of the result; that of the input if not given
    #[arg(long)]
    pub(crate) format: Option<FormatArgument>,
    #[command(flatten)]
    pub(crate) keys: KeyArguments,
}

/// `seal verify`.
#[derive(Args)]
pub(crate) struct VerifyArguments {
    #[command(flatten)]
    pub(crate) input: InputArguments,
    /// How to print the findings
    #[arg(long, default_value = "human")]
    pub(crate) output: Rendition,
    /// Without keys: check that the values were sealed with a key of this certificate's size
    #[arg(long, value_name = "FILE", env = "SEAL_CERT")]
    pub(crate) cert: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) keys: KeyArguments,
}

/// `seal render`.
#[derive(Args)]
pub(crate) struct RenderArguments {
    #[command(flatten)]
    pub(crate) input: InputArguments,
    /// Show values on a terminal
    #[arg(long)]
    pub(crate) show_values: bool,
    /// Write to this file, readable by you alone, instead of standard output
    #[arg(short = 'w', long, value_name = "FILE")]
    pub(crate) out_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) keys: KeyArguments,
}

/// The SealedSecret to change.
#[derive(Args)]
pub(crate) struct TargetArguments {
    /// The file with the SealedSecret
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Which SealedSecret of the file, by name
    #[arg(long)]
    pub(crate) name: Option<ObjectName>,
    /// Which SealedSecret of the file, by namespace
    #[arg(short, long)]
    pub(crate) namespace: Option<Namespace>,
}

/// How wide a value may be sealed.
#[derive(Args)]
pub(crate) struct AllowedScope {
    /// The widest scope that is acceptable; if not given, what .seal.yaml says, else strict. The target says
    /// what its scope is; whoever can edit the file can widen it, so anything wider than this is refused
    #[arg(long, value_name = "SCOPE", env = "SEAL_ALLOW_SCOPE")]
    pub(crate) allow_scope: Option<Scope>,
}

/// `seal set`.
#[derive(Args)]
pub(crate) struct SetArguments {
    #[command(flatten)]
    pub(crate) target: TargetArguments,
    /// The entry of the Secret's data
    pub(crate) entry: String,
    /// Read the value from this file; - is standard input, which is also the default when it is not a
    /// terminal. On a terminal you are asked. The value itself is never an argument
    #[arg(long, value_name = "FILE")]
    pub(crate) from_file: Option<PathBuf>,
    /// Drop one line break at the value's end
    #[arg(long)]
    pub(crate) trim_newline: bool,
    /// Take an empty value from standard input or the prompt
    #[arg(long)]
    pub(crate) allow_empty: bool,
    #[command(flatten)]
    pub(crate) allowed: AllowedScope,
    #[command(flatten)]
    pub(crate) certificate: CertificateArguments,
}

/// `seal unset`.
#[derive(Args)]
pub(crate) struct UnsetArguments {
    #[command(flatten)]
    pub(crate) target: TargetArguments,
    /// The entries to take out
    #[arg(required = true, value_name = "ENTRY")]
    pub(crate) entries: Vec<String>,
}

/// `seal merge`.
#[derive(Args)]
pub(crate) struct MergeArguments {
    #[command(flatten)]
    pub(crate) target: TargetArguments,
    /// A manifest with the plain Secret; - is standard input
    #[arg(value_name = "PLAIN")]
    pub(crate) plain: PathBuf,
    #[command(flatten)]
    pub(crate) allowed: AllowedScope,
    #[command(flatten)]
    pub(crate) certificate: CertificateArguments,
    /// With the private keys, entries whose value has not changed are left as they are
    #[command(flatten)]
    pub(crate) keys: KeyArguments,
}

/// `seal cert`.
#[derive(Args)]
pub(crate) struct CertArguments {
    #[command(subcommand)]
    pub(crate) command: CertCommand,
}

/// What to do with a certificate.
#[derive(Subcommand)]
pub(crate) enum CertCommand {
    /// Print the certificate as PEM
    Fetch {
        /// Write to this file instead of standard output
        #[arg(short = 'w', long, value_name = "FILE")]
        out_file: Option<PathBuf>,
        #[command(flatten)]
        certificate: CertificateArguments,
    },
    /// Show fingerprint, size and validity
    Show {
        /// The certificate, instead of the one that --cert or its variable names
        #[arg(value_name = "FILE|URL")]
        file: Option<String>,
        /// How to print them
        #[arg(long, default_value = "human")]
        output: Rendition,
        #[command(flatten)]
        certificate: CertificateArguments,
    },
}

/// `seal keygen`.
#[derive(Args)]
pub(crate) struct KeygenArguments {
    /// The key's size: 2048, 3072, 4096 or 8192
    #[arg(long, default_value = "4096", value_parser = key_size)]
    pub(crate) bits: KeySize,
    /// How long the certificate is valid
    #[arg(long, value_name = "DAYS", default_value_t = 3650, value_parser = clap::value_parser!(u32).range(1..=36500))]
    pub(crate) days: u32,
    /// The certificate's common name
    #[arg(long, default_value = "")]
    pub(crate) common_name: String,
    /// Where the private key goes, readable by you alone; an existing file is never replaced
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "manifest",
        requires = "cert_file"
    )]
    pub(crate) key_file: Option<PathBuf>,
    /// Where the certificate goes
    #[arg(long, value_name = "FILE")]
    pub(crate) cert_file: Option<PathBuf>,
    /// Write a key Secret for the controller to this file instead, readable by you alone; - is standard
    /// output
    #[arg(long, value_name = "FILE", conflicts_with = "key_file")]
    pub(crate) manifest: Option<PathBuf>,
    /// The name of the key Secret
    #[arg(long, default_value = "sealed-secrets-key")]
    pub(crate) name: ObjectName,
    /// The namespace of the key Secret
    #[arg(short, long, env = "SEAL_CONTROLLER_NAMESPACE", default_value = "kube-system")]
    pub(crate) namespace: Namespace,
    /// Show the private key on a terminal
    #[arg(long)]
    pub(crate) show_values: bool,
}

fn key_size(text: &str) -> Result<KeySize, String> {
    let bits: u32 = text.parse().map_err(|_| "expected a number of bits".to_owned())?;
    KeySize::try_from(bits).map_err(|error| error.to_string())
}
