//! What can be done to a cluster to make it suffer, in words that a log can repeat. It does nothing.

use std::fmt;
use std::time::Duration;

use seal_testbed::{Fault, Gate, Rule};

use crate::place::Place;
use crate::stores::act::StoreAct;

/// One thing that is done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Act {
    /// A SealedSecret is created.
    Create(Sealing),
    /// All its entries are replaced.
    Change(Sealing),
    /// All its entries are replaced, and one of them was sealed for another object.
    Break(Sealing),
    /// A SealedSecret is deleted.
    Remove(Place),
    /// The Secret of a SealedSecret is deleted.
    DeleteSecret(Place),
    /// Somebody else writes to the Secret of a SealedSecret.
    Tamper(Place, Tampering),
    /// The Secret of this key is created.
    KeyComes(usize),
    /// The Secret of this key, which nothing needs, is deleted.
    KeyGoes(usize),
    /// The SealingKeyRing asks for a new key with this word.
    RenewByWord {
        /// Its number.
        word: usize,
        /// Whether the key need not wait for its minute since the one before.
        at_once: bool,
    },
    /// The leader is asked for a new key by a signal.
    RenewBySignal,
    /// The leader is killed and started again, with a monotonic clock that is this many hours ahead.
    Kill {
        /// None for the machine's own clock.
        clock_ahead: Option<u32>,
    },
    /// The leader stands still for a while.
    Pause(Duration),
    /// The API server is killed and started again.
    RestartServer {
        /// Whether the leader is killed meanwhile.
        and_leader: bool,
    },
    /// The connection of a replica is bad for a while.
    Disturb(usize, Disturbance),
    /// All connections of a replica break off.
    CutAll(usize),
    /// Something that has to do with the store.
    Store(StoreAct),
}

/// A version of an object and the key that it is sealed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sealing {
    pub(crate) place: Place,
    pub(crate) version: u64,
    pub(crate) key: usize,
}

/// How a Secret is tampered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tampering {
    /// One entry says something else.
    Replace,
    /// One entry is missing.
    Drop,
    /// All entries say again what the first version said.
    PutBack,
}

/// Which requests meet what, and for how long.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Disturbance {
    pub(crate) verb: &'static str,
    pub(crate) path: &'static str,
    pub(crate) trouble: Trouble,
    pub(crate) lasting: Duration,
}

/// What a request meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    Latency(Duration),
    /// It arrives after this time, even when its sender has given it up.
    Hold(Duration),
    Cut,
    LoseAnswer,
    DropWatch(usize),
    Conflict,
    TooManyRequests,
    ServerError,
    Expired,
    Malformed,
}

impl Disturbance {
    /// The proxy's rule, from now on; what it holds passes when the gate is opened.
    pub(crate) fn rule(&self, gate: &Gate) -> Rule {
        let fault = match self.trouble {
            Trouble::Latency(delay) => Fault::Latency(delay),
            Trouble::Hold(_) => Fault::Hold(gate.clone()),
            Trouble::Cut => Fault::Cut,
            Trouble::LoseAnswer => Fault::LoseAnswer,
            Trouble::DropWatch(after_events) => Fault::DropWatch { after_events },
            Trouble::Conflict => Fault::Conflict,
            Trouble::TooManyRequests => Fault::TooManyRequests {
                retry_after: Duration::from_secs(1),
            },
            Trouble::ServerError => Fault::ServerError,
            Trouble::Expired => Fault::Expired,
            Trouble::Malformed => Fault::Malformed {
                text: "chaos".to_owned(),
            },
        };
        Rule::on(self.verb, self.path, fault).lasting(self.lasting)
    }
}

impl fmt::Display for Act {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create(sealing) => write!(formatter, "create {sealing}"),
            Self::Change(sealing) => write!(formatter, "change {sealing}"),
            Self::Break(sealing) => write!(formatter, "break {sealing}"),
            Self::Remove(place) => write!(formatter, "remove {place}"),
            Self::DeleteSecret(place) => write!(formatter, "delete the Secret {place}"),
            Self::Tamper(place, how) => write!(formatter, "tamper with the Secret {place}: {how:?}"),
            Self::KeyComes(key) => write!(formatter, "key {key} comes"),
            Self::KeyGoes(key) => write!(formatter, "key {key} goes"),
            Self::RenewByWord { word, at_once: true } => {
                write!(formatter, "word {word} asks for a new key, at once")
            }
            Self::RenewByWord { word, at_once: false } => write!(formatter, "word {word} asks for a new key"),
            Self::RenewBySignal => formatter.write_str("signal the leader for a new key"),
            Self::Kill { clock_ahead: None } => formatter.write_str("kill the leader"),
            Self::Kill {
                clock_ahead: Some(hours),
            } => {
                write!(
                    formatter,
                    "kill the leader; its monotonic clock comes back {hours} h ahead"
                )
            }
            Self::Pause(time) => write!(formatter, "stop the leader for {} s", time.as_secs()),
            Self::RestartServer { and_leader: false } => formatter.write_str("kill the API server"),
            Self::RestartServer { and_leader: true } => {
                formatter.write_str("kill the API server and the leader")
            }
            Self::Disturb(replica, disturbance) => write!(formatter, "replica {replica}: {disturbance}"),
            Self::CutAll(replica) => write!(formatter, "replica {replica}: all connections break"),
            Self::Store(act) => write!(formatter, "{act}"),
        }
    }
}

impl fmt::Display for Sealing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, version, key } = self;
        write!(formatter, "{place} at version {version} with key {key}")
    }
}

impl fmt::Display for Disturbance {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            verb,
            path,
            trouble,
            lasting,
        } = self;
        write!(
            formatter,
            "{trouble:?} on {verb} {path} for {} ms",
            lasting.as_millis()
        )
    }
}
