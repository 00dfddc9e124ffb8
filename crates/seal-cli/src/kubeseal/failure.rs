//! What kubeseal mode complains about: upstream's sentences, word for word, and ours where upstream
//! would have lost data. All of them end the command with exit code 1.

use std::io;

use seal_cluster::kubeconfig::KubeconfigError;
use seal_cluster::service_proxy::ProxyError;
use seal_core::{CertificateError, InvalidName, SealError};

use super::go_text::{quoted, system_error};

/// Why the command fails.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("--from-file requires --raw")]
    FromFileWithoutRaw,
    #[error("Could not read file specified with --secret-file")]
    SecretFile,
    #[error("{operation} {path}: {cause}")]
    File {
        operation: &'static str,
        path: String,
        cause: String,
    },
    #[error("no secrets found. Ensure the input is valid and UTF-8 encoded")]
    NoSecrets,
    #[error("no sealed secrets found. Ensure the input is valid and UTF-8 encoded")]
    NoSealedSecrets,
    /// The text is that of Go's decoder.
    #[error("{0}")]
    Decoding(String),
    /// Ours: upstream drops such a document without a word.
    #[error(
        "{0}\nNothing was written: without this document the result would be incomplete. Repair or remove it."
    )]
    BrokenDocument(String),
    #[error(
        "secret.data is empty in input Secret, assuming this is an error and aborting. To work with empty data, --allow-empty-data can be used"
    )]
    EmptyData,
    #[error("missing metadata.name in input Secret")]
    MissingName,
    #[error("secret must declare a namespace")]
    MissingNamespace,
    #[error("namespace mismatch: input secret is in namespace {} but {} was specified", quoted(.found), quoted(.wanted))]
    NamespaceMismatch { found: String, wanted: String },
    #[error("must provide the --{flag} flag with --raw and --scope {scope}")]
    RawNeeds {
        flag: &'static str,
        scope: seal_core::Scope,
    },
    #[error("must provide only one --from-file when encrypting a single item with --raw")]
    SeveralFiles,
    #[error("unsupported output format: {0}")]
    Format(String),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error("failed to encrypt using an expired certificate on {0}")]
    ExpiredCertificate(String),
    #[error("parse {}: {fault}", quoted(.url))]
    Url { url: String, fault: String },
    #[error("cannot fetch {}: {status}", quoted(.url))]
    FetchStatus { url: String, status: String },
    #[error("Get {}: {cause}", quoted(.url))]
    Fetch { url: String, cause: String },
    #[error(transparent)]
    Name(#[from] InvalidName),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Kubeconfig(#[from] KubeconfigError),
    #[error(
        "cannot get sealed secret service: {0}.\nPlease, use the flag --controller-name and --controller-namespace to set up the name and namespace of the sealed secrets controller"
    )]
    Service(ProxyError),
    #[error("cannot fetch certificate: {0}")]
    FetchFromCluster(ProxyError),
    #[error("unable to decrypt sealed secret: {0}")]
    Undecryptable(String),
    #[error("cannot validate sealed secret: {0}")]
    Validate(ProxyError),
    #[error("unable to rotate secret")]
    Rotate,
    #[error("cannot re-encrypt secret: {0}")]
    Reencrypt(ProxyError),
    #[error("cannot re-encrypt secret: the controller's answer is no SealedSecret")]
    ReencryptAnswer,
    #[error("secret must contain a 'tls.data' key")]
    KeyMissing,
    #[error("unexpected private key type *ecdsa.PrivateKey")]
    KeyType,
    #[error("data does not contain a valid RSA or ECDSA private key")]
    NoKey,
    /// One line for each fault, as upstream joins them.
    #[error("{0}")]
    Unseal(String),
    /// Ours: one file, several SealedSecrets, and the input names none of them.
    #[error("{path} has {count} SealedSecrets and none is named {name}: nothing was merged")]
    MergeTarget {
        path: String,
        count: usize,
        name: String,
    },
    /// Ours: upstream would seal under one scope what the file opens under another.
    #[error("--scope {asked} does not fit {path}, whose items are {found}: nothing was merged")]
    MergeScope {
        path: String,
        asked: seal_core::Scope,
        found: seal_core::Scope,
    },
    #[error("{path}: {fault}")]
    Splice { path: String, fault: String },
    #[error("the system's asynchronous runtime could not be started: {0}")]
    Runtime(io::Error),
}

impl Failure {
    /// A failed operation on a file, as Go words it.
    pub(super) fn file(operation: &'static str, path: &str, error: &io::Error) -> Self {
        Self::File {
            operation,
            path: path.to_owned(),
            cause: system_error(error),
        }
    }
}
