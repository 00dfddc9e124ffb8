//! The joint: what every store can be asked, and what it answers. Selecting a property, decoding and rewriting are
//! the caller's, so that one read of a path serves many entries.

use std::{collections::BTreeMap, fmt, pin::Pin, sync::Arc};

use seal_core::Plaintext;

use crate::{Allowed, StoreError};

/// What a call is awaited as. Boxed, so that stores of different kinds can stand in one table; a box costs nothing
/// beside a network's round trip.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// A store, as one identity sees it: who shares a client, shares its token, its answers and its limits. A client is
/// therefore made per (store, identity), never per store.
pub trait SecretsClient: Send + Sync {
    /// The value at a path, whole.
    fn read<'a>(&'a self, asker: &'a Asker, path: &'a RemotePath) -> Pending<'a, Answer>;

    /// What the store says about a value, as the text of a JSON object.
    fn metadata<'a>(&'a self, asker: &'a Asker, path: &'a RemotePath) -> Pending<'a, Answer>;

    /// Every value below a path that is wanted and that the asker may read.
    fn find<'a>(&'a self, asker: &'a Asker, find: &'a Find) -> Pending<'a, Found>;

    /// Whether the store takes the credentials.
    fn validate(&self) -> Pending<'_, Validity>;

    /// Gives back what the store handed out, such as a token; from then on it is not asked. Best effort, bounded.
    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    /// Whether the store answers, as far as that is known without asking. Changes wake the receiver.
    fn health(&self) -> tokio::sync::watch::Receiver<Health>;
}

/// On whose behalf a store is asked. It is judged before an answer that somebody else waits for is shared.
#[derive(Clone, Debug)]
pub struct Asker {
    /// The namespace of the object.
    pub namespace: String,
    /// What the store lets this namespace read.
    pub allowed: Arc<Allowed>,
}

/// Where a value lies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct RemotePath {
    /// The backend's name for it.
    pub key: String,
    /// Which version; the newest otherwise.
    pub version: Option<String>,
    /// A webhook puts it into its request. Nobody else looks at it.
    pub property: Option<String>,
}

impl RemotePath {
    /// The newest version at `key`.
    pub fn of(key: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            ..Self::default()
        }
    }

    /// A certain version of it.
    #[must_use]
    pub fn at_version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }
}

/// What is looked for.
#[derive(Clone)]
pub struct Find {
    /// Where; everywhere otherwise.
    pub path: Option<String>,
    /// Which.
    pub by: By,
}

/// What makes a value wanted.
#[derive(Clone)]
pub enum By {
    /// Its name, below the mount. A function, so that the dialect of regular expressions stays with the caller.
    Name(Arc<dyn Fn(&str) -> bool + Send + Sync>),
    /// All of these tags, with exactly these values.
    Tags(BTreeMap<String, String>),
}

/// What a store says about one path.
#[derive(Clone)]
pub enum Answer {
    /// There is a value.
    Value(Arc<SecretValue>),
    /// There is none, and the store is as it should be.
    Missing,
    /// There is nothing that could hold one: a fault, and never a reason to delete anything.
    MountMissing(MountFault),
}

/// What a store says about what is looked for.
#[derive(Clone)]
pub enum Found {
    /// All that is wanted, sorted by key; perhaps nothing.
    Hits(Vec<Hit>),
    /// There is nothing at all at that path.
    Missing,
    /// As in [`Answer::MountMissing`].
    MountMissing(MountFault),
}

/// One value that was found.
#[derive(Clone)]
pub struct Hit {
    /// A key with which it could be read, relative to the mount.
    pub key: String,
    /// The value.
    pub value: Arc<SecretValue>,
}

/// Why a path cannot hold a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MountFault {
    /// Nothing is mounted there.
    NoEngine,
    /// The store has no such namespace.
    NoNamespace,
    /// An engine of another kind or version than the settings say.
    OtherEngine,
}

impl fmt::Display for MountFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NoEngine => "no secrets engine is mounted there",
            Self::NoNamespace => "the store has no such namespace",
            Self::OtherEngine => {
                "the secrets engine there is of another kind or version than the store's settings say"
            }
        })
    }
}

/// A value as it came, in memory that is wiped. It has no `Debug` that shows anything.
pub struct SecretValue {
    /// The value.
    pub content: Content,
    /// The version that it is, where the backend counts them.
    pub version: Option<u64>,
}

/// What a value consists of.
pub enum Content {
    /// Bytes; from a key/value engine the text of a JSON object.
    Whole(Plaintext),
    /// Named values of any bytes, as in a Kubernetes Secret, which as JSON would be bent into text.
    Entries(BTreeMap<String, Plaintext>),
}

/// Whether a store takes the credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// It does.
    Valid,
    /// It cannot tell.
    Unknown,
}

/// Whether a store answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It does, or has not been asked yet.
    Up,
    /// It does not, and is tried once a second by whoever comes.
    Down,
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("SecretValue");
        shown.field("version", &self.version).finish_non_exhaustive()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => value.fmt(formatter),
            Self::Missing => formatter.write_str("Missing"),
            Self::MountMissing(fault) => write!(formatter, "MountMissing({fault:?})"),
        }
    }
}

impl fmt::Debug for Found {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hits(hits) => formatter
                .debug_list()
                .entries(hits.iter().map(|hit| &hit.key))
                .finish(),
            Self::Missing => formatter.write_str("Missing"),
            Self::MountMissing(fault) => write!(formatter, "MountMissing({fault:?})"),
        }
    }
}

impl fmt::Debug for Find {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by: &dyn fmt::Debug = match &self.by {
            By::Name(_) => &"name",
            By::Tags(tags) => tags,
        };
        let mut shown = formatter.debug_struct("Find");
        shown.field("path", &self.path).field("by", by).finish()
    }
}
