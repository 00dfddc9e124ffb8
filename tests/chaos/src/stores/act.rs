//! What can be done to a store, the way to it and those who use it, in words that a log can repeat.

use std::fmt;
use std::time::Duration;

use seal_testbed::{Fault, Rule};

use crate::place::Place;

/// One thing that is done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum StoreAct {
    /// A value gets its next version; all its entries say so.
    Publish {
        /// Which value.
        source: Place,
        /// Its version.
        version: u64,
    },
    /// A value is deleted, with all its versions.
    Withdraw(Place),
    /// An ExternalSecret is created.
    Order(Place),
    /// An ExternalSecret is deleted.
    Cancel(Place),
    /// The store's token is replaced, and the old one revoked.
    Rotate,
    /// The way to the store is bad for a while.
    Disturb(StoreDisturbance),
    /// All connections to the store break.
    CutAll,
    /// The store is away from now on.
    Begin(Outage),
    /// It is back.
    End,
}

/// How a store is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outage {
    /// It answers 503.
    Sealed,
    /// It takes connections, and never answers (SIGSTOP).
    Still,
    /// The engine is mounted elsewhere.
    Unmounted,
}

/// Which requests to the store meet what, and for how long.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StoreDisturbance {
    pub(crate) path: &'static str,
    pub(crate) trouble: StoreTrouble,
    pub(crate) lasting: Duration,
}

/// What a request to the store meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreTrouble {
    Latency(Duration),
    Cut,
    LoseAnswer,
    TooManyRequests,
    Forbidden,
    ServerError,
    Unavailable,
    /// No JSON.
    Malformed,
    /// An answer without anything in it.
    Empty,
    /// JSON of another shape.
    OtherShape,
    /// A page of something that stands before the store.
    Page,
}

impl StoreDisturbance {
    /// The proxy's rule, from now on.
    pub(crate) fn rule(&self) -> Rule {
        let answer = |code: u16, body: &str| Fault::Answer {
            code,
            headers: vec![("content-type", "application/json".to_owned())],
            body: body.to_owned(),
        };
        let fault = match self.trouble {
            StoreTrouble::Latency(delay) => Fault::Latency(delay),
            StoreTrouble::Cut => Fault::Cut,
            StoreTrouble::LoseAnswer => Fault::LoseAnswer,
            StoreTrouble::TooManyRequests => Fault::TooManyRequests {
                retry_after: Duration::from_secs(1),
            },
            StoreTrouble::Forbidden => answer(403, r#"{"errors":["permission denied"]}"#),
            StoreTrouble::ServerError => answer(500, r#"{"errors":["internal error"]}"#),
            StoreTrouble::Unavailable => answer(503, r#"{"errors":["Vault is sealed"]}"#),
            StoreTrouble::Malformed => Fault::Malformed {
                text: "chaos".to_owned(),
            },
            StoreTrouble::Empty => answer(200, "{}"),
            StoreTrouble::OtherShape => answer(200, r#"{"data":{"data":["chaos"]}}"#),
            StoreTrouble::Page => answer(404, "<html>chaos</html>"),
        };
        Rule::on("*", self.path, fault).lasting(self.lasting)
    }
}

impl fmt::Display for StoreAct {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Publish { source, version } => write!(formatter, "publish {source} at version {version}"),
            Self::Withdraw(source) => write!(formatter, "withdraw {source}"),
            Self::Order(place) => write!(formatter, "order {place}"),
            Self::Cancel(place) => write!(formatter, "cancel {place}"),
            Self::Rotate => formatter.write_str("replace the store's token"),
            Self::Disturb(StoreDisturbance {
                path,
                trouble,
                lasting,
            }) => {
                let lasting = lasting.as_millis();
                write!(formatter, "store: {trouble:?} on {path} for {lasting} ms")
            }
            Self::CutAll => formatter.write_str("store: all connections break"),
            Self::Begin(outage) => write!(formatter, "the store is away: {outage:?}"),
            Self::End => formatter.write_str("the store is back"),
        }
    }
}
