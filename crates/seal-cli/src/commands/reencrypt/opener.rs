//! Who opens and seals anew: private keys from files, or a controller.

use seal_core::{Fingerprint, KeyRing, SystemRandom};
use seal_engine::sealed_secret::{Answers, Reencrypted, reencrypt};

use super::controller::Controller;
use crate::arguments::ReencryptArguments;
use crate::command_error::CommandError;
use crate::keys;
use crate::repository::Sealed;

/// One sealed text.
pub(super) struct Item {
    /// Its entry; empty for the legacy blob.
    pub(super) entry: String,
    /// The key that sealed the text that stands, where that is known.
    pub(super) before: Option<Fingerprint>,
    /// The text that takes its place; none where it stays.
    pub(super) text: Option<String>,
}

impl Item {
    /// How to name it to people.
    pub(super) fn shown(&self) -> &str {
        match self.entry.as_str() {
            "" => "spec.data",
            entry => entry,
        }
    }
}

/// Who does it.
pub(super) enum Opener {
    /// Private keys in this process.
    Keys { ring: KeyRing, target: Fingerprint },
    /// The controller, over its HTTP API.
    Controller(Controller),
}

impl Opener {
    /// By what the flags name.
    pub(super) fn settle(arguments: &ReencryptArguments) -> Result<Self, CommandError> {
        if arguments.keys.keys.is_empty() {
            return Controller::find(&arguments.cluster).map(Self::Controller);
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

    /// The key that everything is sealed to, where that is known beforehand.
    pub(super) fn target(&self) -> Option<Fingerprint> {
        match self {
            Self::Keys { target, .. } => Some(*target),
            Self::Controller(_) => None,
        }
    }

    /// The texts of `sealed`, under the target.
    pub(super) fn reencrypt(&self, sealed: &Sealed) -> Result<Vec<Item>, CommandError> {
        match self {
            Self::Controller(controller) => controller.reencrypt(sealed),
            Self::Keys { ring, target } => {
                let answers = Answers {
                    sealing_keys: Some(ring),
                };
                let items = reencrypt(&sealed.object, &answers, *target, &mut SystemRandom)
                    .map_err(|faults| CommandError::faults(&sealed.shown, &faults))?;
                Ok(items.into_iter().map(Item::from).collect())
            }
        }
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
