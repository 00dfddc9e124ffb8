//! The one place that turns what went wrong into what people see: a complaint, a remedy, an exit code.
//!
//! No value ever gets here: every error below names the fault and the place only.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use seal_api::ManifestError;
use seal_cluster::kubeconfig::KubeconfigError;
use seal_cluster::service_proxy::ProxyError;
use seal_core::{CertificateError, PrivateKeyError};
use seal_document::{EditError, ParseError, ValueError};
use seal_engine::sealed_secret::SealFault;
use seal_engine::{Fault, FaultClass};

/// The exit code of whoever a signal ended, as a shell tells of Ctrl-C.
pub(crate) const INTERRUPTED: u8 = 130;

/// Why the command does not end with exit code 0.
#[derive(Debug)]
pub(crate) struct CommandError {
    blame: Blame,
    complaints: Vec<Complaint>,
}

/// A sentence, and what to do about it.
#[derive(Debug)]
pub(crate) struct Complaint {
    pub(crate) what: String,
    pub(crate) remedy: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blame {
    /// Everything has been said in the result itself.
    Findings,
    Usage,
    /// Ctrl-C.
    Interrupted,
    Fault(FaultClass),
}

impl CommandError {
    /// The result holds findings.
    pub(crate) fn findings() -> Self {
        Self {
            blame: Blame::Findings,
            complaints: Vec::new(),
        }
    }

    /// The command line asks for something that makes no sense.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(Blame::Usage, what)
    }

    /// Ctrl-C came before it was done.
    pub(crate) fn interrupted(what: impl Into<String>) -> Self {
        Self::new(Blame::Interrupted, what)
    }

    /// A file, manifest or value is not as it should be.
    pub(crate) fn input(what: impl Into<String>) -> Self {
        Self::new(Blame::Fault(FaultClass::User), what)
    }

    /// A key or certificate is missing, wrong or expired.
    pub(crate) fn key(what: impl Into<String>) -> Self {
        Self::new(Blame::Fault(FaultClass::Key), what)
    }

    /// The cluster, or the way to it.
    pub(crate) fn cluster(what: impl Into<String>) -> Self {
        Self::new(Blame::Fault(FaultClass::Cluster), what)
    }

    /// A defect of ours.
    pub(crate) fn bug(what: impl Into<String>) -> Self {
        Self::new(Blame::Fault(FaultClass::Bug), what).remedy("please report it")
    }

    fn new(blame: Blame, what: impl Into<String>) -> Self {
        Self {
            blame,
            complaints: vec![Complaint {
                what: what.into(),
                remedy: None,
            }],
        }
    }

    /// A file that could not be read, written or found.
    pub(crate) fn file(deed: &str, path: &Path, error: &io::Error) -> Self {
        let why = match error.kind() {
            io::ErrorKind::NotFound if deed == "write" => "there is no such folder".to_owned(),
            io::ErrorKind::NotFound => "there is no such file".to_owned(),
            io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
            io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
            io::ErrorKind::AlreadyExists => "it exists already".to_owned(),
            _ => error.to_string(),
        };
        Self::input(format!("cannot {deed} {}: {why}", path.display()))
    }

    /// Faults of the engine. The gravest class decides the exit code: the one that no edit of the
    /// manifest would mend.
    pub(crate) fn faults(place: &str, faults: &[Fault]) -> Self {
        let class = faults
            .iter()
            .map(|fault| fault.kind.class)
            .max()
            .unwrap_or(FaultClass::Bug);
        let complaints = faults.iter().map(|fault| Complaint {
            what: format!("{place}: {}", fault.sentence()),
            remedy: Some(fault.remedy()),
        });
        Self {
            blame: Blame::Fault(class),
            complaints: complaints.collect(),
        }
    }

    /// The same with a remedy.
    #[must_use]
    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        if let Some(last) = self.complaints.last_mut() {
            last.remedy = Some(remedy.into());
        }
        self
    }

    /// The same about this file or object.
    #[must_use]
    pub(crate) fn about(mut self, place: &str) -> Self {
        for complaint in &mut self.complaints {
            complaint.what = format!("{place}: {}", complaint.what);
        }
        self
    }

    /// This and another, for input of which several parts are wrong.
    #[must_use]
    pub(crate) fn and(mut self, other: Self) -> Self {
        if let (Blame::Fault(one), Blame::Fault(another)) = (self.blame, other.blame) {
            self.blame = Blame::Fault(one.max(another));
        }
        self.complaints.extend(other.complaints);
        self
    }

    /// Puts `error` with those of `all`.
    pub(crate) fn gather(all: &mut Option<Self>, error: Self) {
        *all = Some(match all.take() {
            None => error,
            Some(before) => before.and(error),
        });
    }

    /// What to print on standard error.
    pub(crate) fn complaints(&self) -> &[Complaint] {
        &self.complaints
    }

    /// The exit code.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self.blame {
            Blame::Findings => 1,
            Blame::Usage => 2,
            // As shells write the end by a signal: 128 and its number.
            Blame::Interrupted => INTERRUPTED,
            Blame::Fault(class) => class.exit_code(),
        })
    }
}

impl From<ParseError> for CommandError {
    fn from(error: ParseError) -> Self {
        Self::input(error.to_string())
            .remedy("mend the document; templates of Helm and the like must be rendered first")
    }
}

impl From<ValueError> for CommandError {
    fn from(error: ValueError) -> Self {
        Self::input(error.to_string())
    }
}

impl From<ManifestError> for CommandError {
    fn from(error: ManifestError) -> Self {
        Self::input(error.to_string())
    }
}

impl From<EditError> for CommandError {
    fn from(error: EditError) -> Self {
        Self::input(error.to_string()).remedy("change this place by hand, or write the manifest anew")
    }
}

impl From<SealFault> for CommandError {
    fn from(fault: SealFault) -> Self {
        match &fault {
            SealFault::NoName => {
                Self::input("the Secret has no metadata.name").remedy("give it one, or use --name")
            }
            SealFault::NoNamespace => Self::input("the Secret has no metadata.namespace")
                .remedy("give it one, use --namespace, or seal it cluster-wide"),
            SealFault::Empty => {
                Self::input("the Secret has no entries").remedy("use --allow-empty-data if that is meant")
            }
            SealFault::Name(error) => Self::input(error.to_string()),
            SealFault::Entry { source, .. } => Self::key(format!("{fault}: {source}")),
        }
    }
}

impl From<CertificateError> for CommandError {
    fn from(error: CertificateError) -> Self {
        Self::key(error.to_string())
    }
}

impl From<PrivateKeyError> for CommandError {
    fn from(error: PrivateKeyError) -> Self {
        Self::key(error.to_string())
    }
}

impl From<KubeconfigError> for CommandError {
    fn from(error: KubeconfigError) -> Self {
        Self::cluster(error.to_string()).remedy("name a kubeconfig with --kubeconfig or KUBECONFIG")
    }
}

impl From<ProxyError> for CommandError {
    fn from(error: ProxyError) -> Self {
        Self::cluster(error.to_string())
    }
}
