//! Who opens and seals anew: private keys from files, or a controller, which is asked by request objects where
//! the cluster knows them and over HTTP where it does not.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use seal_api::SealedSecret;
use seal_core::{Fingerprint, KeyRing, SystemRandom};
use seal_engine::sealed_secret::{Answers, Reencrypted, reencrypt};

use tokio::runtime;

use super::controller::Controller;
use super::request::Requests;
use crate::arguments::{ClusterArguments, ReencryptArguments, Way};
use crate::command_error::CommandError;
use crate::repository::Sealed;
use crate::{cluster, cores, keys};

/// One sealed text.
pub(in crate::commands) struct Item {
    /// Its entry; empty for the legacy blob.
    pub(super) entry: String,
    /// The key that sealed the text that stands, where that is known.
    pub(super) before: Option<Fingerprint>,
    /// The text that takes its place; none where it stays.
    pub(super) text: Option<String>,
}

/// The texts of one SealedSecret.
#[derive(Default)]
pub(in crate::commands) struct Texts {
    /// The key that all of them are under now, where that is known.
    pub(super) key: Option<Fingerprint>,
    /// Each of them.
    pub(super) items: Vec<Item>,
}

/// Why entries of a SealedSecret do not open as they stand; what concerns all of it has no name.
pub(in crate::commands) type Faults = BTreeMap<String, String>;

/// Who does it.
pub(in crate::commands) enum Opener {
    /// Private keys in this process.
    Keys { ring: KeyRing, target: Fingerprint },
    /// A controller.
    OnCluster(Box<OnCluster>),
}

/// How a controller is asked.
pub(in crate::commands) enum OnCluster {
    /// By request objects.
    Requests(Requests),
    /// Over its HTTP API.
    Http(Controller),
}

impl Opener {
    /// By what the flags name.
    pub(super) fn settle(arguments: &ReencryptArguments) -> Result<Self, CommandError> {
        if arguments.keys.keys.is_empty() {
            let changes_nothing = arguments.check || arguments.dry_run || arguments.annotate;
            return OnCluster::settle(&arguments.cluster, arguments.via, changes_nothing).map(Self::from);
        }
        let ring = keys::ring(&arguments.keys)?;
        let target = match arguments.to {
            Some(target) if ring.find(target).is_some() => target,
            // What nobody here can open would be lost, or another's (S3).
            Some(target) => {
                return Err(
                    CommandError::key(format!("the private key of {target} is not among the keys"))
                        .remedy("name the file that holds it with --keys, too"),
                );
            }
            None => newest(&ring)?,
        };
        Ok(Self::Keys { ring, target })
    }

    /// How many files are worked on at once.
    pub(in crate::commands) fn at_once(&self) -> usize {
        match self {
            Self::Keys { .. } => cores::count(),
            Self::OnCluster(_) => OnCluster::AT_ONCE,
        }
    }

    /// The texts of `sealed`, under the target.
    pub(in crate::commands) fn reencrypt(&self, sealed: &Sealed) -> Result<Texts, CommandError> {
        match self {
            Self::OnCluster(controller) => controller.reencrypt(sealed),
            Self::Keys { ring, target } => {
                let answers = Answers {
                    sealing_keys: Some(ring),
                };
                let items = reencrypt(&sealed.object, &answers, *target, &mut SystemRandom)
                    .map_err(|faults| CommandError::faults(&sealed.shown, &faults))?;
                Ok(Texts {
                    key: Some(*target),
                    items: items.into_iter().map(Item::from).collect(),
                })
            }
        }
    }
}

impl OnCluster {
    /// How many ask at once: who computes needs a core, who asks waits.
    pub(in crate::commands) const AT_ONCE: usize = 8;

    /// The one that the flags name. `exactly` is whether it has to say which entries were under which key.
    pub(in crate::commands) fn settle(
        cluster: &ClusterArguments,
        via: Option<Way>,
        exactly: bool,
    ) -> Result<Self, CommandError> {
        let by_request = match via {
            Some(Way::Request) => true,
            Some(Way::Http) => false,
            None => cluster::knows(cluster, "reencryptions")?,
        };
        if !by_request && exactly {
            return Err(CommandError::usage(
                "over HTTP a controller seals everything anew, and does not say which key it took",
            )
            .remedy("name private keys with --keys, or apply crds/sealops.dev_reencryptions.yaml"));
        }
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| CommandError::bug(format!("the asynchronous runtime did not start: {error}")))?;
        if !by_request {
            return Controller::find(runtime, cluster).map(Self::Http);
        }
        let elsewhere = cluster::context_namespace(cluster)?;
        let client = {
            // Its workers run there.
            let _entered = runtime.enter();
            cluster::client(cluster)?
        };
        Ok(Self::Requests(Requests {
            runtime,
            client,
            elsewhere,
            gave_up: AtomicBool::new(false),
        }))
    }

    fn reencrypt(&self, sealed: &Sealed) -> Result<Texts, CommandError> {
        match self {
            Self::Requests(requests) => requests.reencrypt(sealed),
            Self::Http(controller) => controller.reencrypt(sealed),
        }
    }

    /// Why `object`, named `shown` in errors, does not open as it stands; nothing if it does.
    pub(in crate::commands) fn faults(
        &self,
        object: &SealedSecret,
        shown: &str,
    ) -> Result<Faults, CommandError> {
        match self {
            Self::Requests(requests) => requests.faults(object, shown),
            Self::Http(controller) => controller.faults(object, shown),
        }
    }
}

impl From<OnCluster> for Opener {
    fn from(controller: OnCluster) -> Self {
        Self::OnCluster(Box::new(controller))
    }
}

impl From<Reencrypted> for Item {
    fn from(item: Reencrypted) -> Self {
        let Reencrypted { entry, before, text } = item;
        Self {
            entry,
            before: Some(before),
            text,
        }
    }
}

// Keys without a certificate have no age.
fn newest(ring: &KeyRing) -> Result<Fingerprint, CommandError> {
    match ring.keys() {
        [first, second, ..] if first.since() == second.since() => {
            Err(CommandError::usage("several of the keys are equally new")
                .remedy("say with --to which one to seal to: `seal keys ls --keys FILE` lists them"))
        }
        keys => Ok(keys[0].fingerprint()),
    }
}
