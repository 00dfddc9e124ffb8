//! A new sealing key: when one is wanted, and how it is made so that whoever is killed half-way, or
//! does it beside another, makes no second one.
//!
//! Each key has a number, and a name that follows from it (S18). It is written under that name first
//! and noted as made second: until it is noted, every attempt finds the same key.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use seal_api::Secret;
use seal_api::annotations::FOLLOWS;
use seal_cluster::installation::{Demand, Renewal};
use seal_cluster::keys::{KeySecretShape, SealingKey, key_name, key_secret, read_key};
use seal_cluster::secrets::Secrets;
use seal_core::succession::Statement;
use seal_core::{Certificate, PrivateKey, SelfSigned, SystemRandom};
use tracing::{info, warn};

use super::installation::KeptInstallation;
use super::{Keys, KeysError, ring};
use crate::settings::Settings;

/// At least this long lies between two keys that somebody asked for (S4): the ring is no place to fill.
const PAUSE: Duration = Duration::from_secs(60);
// A name that is taken by what is no key is passed over; three in a row are no accident.
const TRIES: usize = 3;

/// What speaks for a new key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Occasion<'a> {
    /// One was made and not noted.
    pub(super) interrupted: bool,
    /// The one that seals is too old.
    pub(super) aged: bool,
    /// The SealingKeyRing says which one seals.
    pub(super) pinned: bool,
    /// The word in the SealingKeyRing, where none was made for it yet.
    pub(super) word: Option<&'a str>,
    /// The process was told to by a signal.
    pub(super) signalled: bool,
    /// When somebody was last given one.
    pub(super) last: Option<Timestamp>,
}

/// What is to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing.
    Nothing,
    /// A key is to be made, because somebody asked or for other reasons.
    Make {
        /// Whether somebody asked.
        asked: bool,
    },
    /// Not before this time.
    Wait(Duration),
}

/// Whether a new key is to be made.
pub(super) fn judge(occasion: &Occasion<'_>, now: Timestamp) -> Verdict {
    let asked = occasion.word.is_some() || occasion.signalled;
    if occasion.interrupted {
        return Verdict::Make { asked };
    }
    if asked {
        let since = occasion.last.map(|last| now.duration_since(last));
        let since = since.and_then(|since| Duration::try_from(since).ok());
        return match since.map(|since| PAUSE.saturating_sub(since)) {
            Some(left) if !left.is_zero() => Verdict::Wait(left),
            _ => Verdict::Make { asked: true },
        };
    }
    match occasion.aged && !occasion.pinned {
        true => Verdict::Make { asked: false },
        false => Verdict::Nothing,
    }
}

/// What making a key takes.
pub(super) struct Making<'a> {
    pub(super) secrets: &'a Secrets,
    pub(super) settings: &'a Settings,
    pub(super) installation: &'a KeptInstallation,
    /// The keys so far; the one that seals vouches for the new one.
    pub(super) before: Option<Arc<Keys>>,
}

impl Making<'_> {
    /// Makes the key of number `epoch` and notes it.
    ///
    /// # Errors
    /// [`KeysError`]; the next attempt goes on where this one ended.
    pub(super) async fn make(
        &self,
        mut epoch: u64,
        promote: bool,
        demand: Option<Demand<'_>>,
    ) -> Result<(), KeysError> {
        for _ in 0..TRIES {
            if self.installation.epoch() != epoch {
                return Ok(());
            }
            let standing = self.find_or_create().await?;
            let name = standing.metadata.name.clone().unwrap_or_default();
            let key = read(standing).await?;
            let usable = key.filter(ring::may_seal);
            let made = usable.is_some();
            let renewal = match usable {
                Some(key) => Renewal {
                    primary: promote.then(|| key.fingerprint().to_string()),
                    demand,
                },
                None => Renewal {
                    primary: None,
                    demand: None,
                },
            };
            self.installation.note_renewal(epoch, &renewal).await?;
            if made {
                return Ok(());
            }
            warn!(
                secretname = name,
                "the name of the next key is taken by what is no key in use: passed over"
            );
            epoch += 1;
        }
        Err(KeysError::NamesTaken)
    }

    async fn find_or_create(&self) -> Result<Secret, KeysError> {
        let call = |source| KeysError::Call {
            doing: "writing a new key",
            source,
        };
        let namespace = &self.settings.namespace;
        let name = key_name(&self.settings.key_prefix, &mut self.installation.next_name())?;
        if let Some(standing) = self.secrets.find(namespace, &name).await.map_err(call)? {
            return Ok(standing);
        }
        let secret = self.generate().await?;
        match self.secrets.create(&secret).await {
            Ok(written) => {
                info!(namespace, secretname = name, "New key written");
                Ok(written)
            }
            Err(error) if error.is_conflict() => {
                let standing = self.secrets.find(namespace, &name).await.map_err(call)?;
                standing.ok_or_else(|| call(error))
            }
            Err(error) => Err(call(error)),
        }
    }

    async fn generate(&self) -> Result<Secret, KeysError> {
        let (size, common_name) = (self.settings.key_size, self.settings.my_cn.clone());
        let lifetime = self.settings.key_ttl();
        let mut shape = KeySecretShape {
            prefix: self.settings.key_prefix.clone(),
            labels: self.settings.key_labels(),
            annotations: self.settings.key_annotations(),
        };
        let namespace = self.settings.namespace.clone();
        let (before, mut name) = (self.before.clone(), self.installation.next_name());
        tokio::task::spawn_blocking(move || {
            let key = PrivateKey::generate(size)?;
            let now = Timestamp::now();
            let contents = SelfSigned {
                common_name: &common_name,
                not_before: Timestamp::from_second(now.as_second()).unwrap_or(now),
                lifetime,
            };
            let certificate = Certificate::self_signed(&key, &contents, &mut SystemRandom)?;
            let fingerprint = key.public().fingerprint();
            let sealing = before.as_ref().and_then(|keys| {
                let own = keys.certificate.fingerprint();
                keys.ring.find(own)
            });
            if let Some(sealing) = sealing {
                let statement = Statement::sign(fingerprint, sealing.private())?;
                shape
                    .annotations
                    .insert(FOLLOWS.to_owned(), statement.to_string());
            }
            info!(%fingerprint, "Certificate generated\n{}", certificate.pem());
            Ok(key_secret(&namespace, &key, &certificate, &shape, &mut name)?)
        })
        .await?
    }
}

async fn read(secret: Secret) -> Result<Option<SealingKey>, KeysError> {
    Ok(tokio::task::spawn_blocking(move || read_key(&secret).ok()).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_for_each_reason_and_not_more_often_than_once_a_minute_for_those_who_ask() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let nothing = Occasion {
            interrupted: false,
            aged: false,
            pinned: false,
            word: None,
            signalled: false,
            last: None,
        };
        let aged = Occasion {
            aged: true,
            ..nothing
        };
        let word = Occasion {
            word: Some("now"),
            ..nothing
        };
        let last = |second| Some(at(second));
        let (asked, unasked) = (Verdict::Make { asked: true }, Verdict::Make { asked: false });
        for (occasion, verdict) in [
            (nothing, Verdict::Nothing),
            (aged, unasked),
            (Occasion { pinned: true, ..aged }, Verdict::Nothing),
            (
                Occasion {
                    last: last(999),
                    ..aged
                },
                unasked,
            ),
            (word, asked),
            (Occasion { pinned: true, ..word }, asked),
            (
                Occasion {
                    signalled: true,
                    ..nothing
                },
                asked,
            ),
            (
                Occasion {
                    signalled: true,
                    pinned: true,
                    last: last(940),
                    ..nothing
                },
                asked,
            ),
            (
                Occasion {
                    last: last(940),
                    ..word
                },
                asked,
            ),
            (
                Occasion {
                    last: last(950),
                    ..word
                },
                Verdict::Wait(Duration::from_secs(10)),
            ),
            // A clock that went back holds nobody up.
            (
                Occasion {
                    last: last(2000),
                    ..word
                },
                asked,
            ),
            (
                Occasion {
                    interrupted: true,
                    ..nothing
                },
                unasked,
            ),
            (
                Occasion {
                    interrupted: true,
                    last: last(999),
                    ..word
                },
                asked,
            ),
        ] {
            assert_eq!(judge(&occasion, at(1000)), verdict, "{occasion:?}");
        }
    }
}
