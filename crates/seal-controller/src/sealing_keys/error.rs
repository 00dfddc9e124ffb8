//! Why keys cannot be had. What is then said or tried again is for those who asked for them.

use seal_cluster::backup::BackupError;
use seal_cluster::call::CallError;
use seal_cluster::installation::INSTALLATION_SECRET;
use seal_core::succession::SigningFailed;
use seal_core::{CertificateError, InstallationKey, PrivateKeyError, RandomnessUnavailable};

use super::backup::MOST_BYTES;

/// Keys that cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeysError {
    /// The API server did not do as it was asked.
    #[error("{doing}")]
    Call {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        source: CallError,
    },
    /// The installation's Secret is damaged.
    #[error(
        "the Secret {INSTALLATION_SECRET} holds no key of {} bytes; delete it to have it made anew",
        InstallationKey::LENGTH
    )]
    Installation,
    /// There is no key, and the first one must not be made here.
    #[error(
        "there is no sealing key and --require-existing-key forbids to make the first one; restore one \
         with `seal keys restore`, or start without that flag"
    )]
    NoneToBegin,
    /// A key could not be made.
    #[error("a sealing key could not be made")]
    Key(#[from] PrivateKeyError),
    /// A certificate could not be made.
    #[error("a certificate could not be made")]
    Certificate(#[from] CertificateError),
    /// The key before it could not vouch for it.
    #[error(transparent)]
    Signing(#[from] SigningFailed),
    /// The backup could not be made.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// There are too many keys for one backup.
    #[error(
        "the backup of {keys} keys has {bytes} bytes, and a ConfigMap takes {MOST_BYTES}: delete the Secrets \
         of retired keys that nothing needs, and renew less often; `seal keys backup` makes a file of any size"
    )]
    TooLarge {
        /// How many.
        keys: usize,
        /// What they take.
        bytes: usize,
    },
    /// What should have become keys stands there already and is none.
    #[error("the names of the next keys are taken by Secrets that are no keys in use: delete those")]
    NamesTaken,
    /// Somebody changed a key Secret meanwhile.
    #[error("a key Secret changed while the backup was made")]
    Changed,
    /// No randomness.
    #[error(transparent)]
    Randomness(#[from] RandomnessUnavailable),
    /// A defect.
    #[error("reading keys ended early")]
    Worker(#[from] tokio::task::JoinError),
    /// A defect.
    #[error("no key although one was made")]
    None,
}

impl KeysError {
    /// Whether the role does not cover it.
    pub(super) fn is_forbidden(&self) -> bool {
        matches!(
            self,
            Self::Call {
                source: CallError::Refused { code: 403, .. },
                ..
            }
        )
    }

    /// Whether the cluster did not do as it was asked, which may pass.
    pub(super) fn is_of_the_cluster(&self) -> bool {
        matches!(self, Self::Call { .. })
    }

    /// Whether another replica leads.
    pub(super) fn is_not_leading(&self) -> bool {
        matches!(self, Self::Call { source, .. } if source.is_not_leading())
    }
}
