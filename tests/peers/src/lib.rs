//! The pinned peers and servers that tests, benchmarks and the demo run: which they are, where they rest, how they
//! are built, and the proof that a cached one is still what was built; and the modules whose manifests tests read. It
//! never runs any of it beyond asking programs for their version.
//!
//! ```no_run
//! let kubeseal = seal_peers::path("kubeseal")?;
//! # Ok::<(), seal_peers::PeerError>(())
//! ```

mod build;
mod cache;
mod corpus;
mod digest;
mod error;
mod prerequisite;
mod table;

use std::path::PathBuf;

pub use cache::{Cache, State};
pub use corpus::{CORPUS, Module};
pub use error::PeerError;
pub use prerequisite::Prerequisite;
pub use table::{Group, PEERS, Peer, Proof, Source, estimate, find};

/// The verified path of the peer called `name`, from the cache that the environment names.
///
/// Guarantees: a cached program is the one that was built and proven, bit for bit, as of this call.
///
/// # Errors
/// Unknown names, a peer that is not there (the error says how to get it), and a program that was altered.
pub fn path(name: &str) -> Result<PathBuf, PeerError> {
    let peer = find(name).ok_or_else(|| PeerError::Unknown {
        name: name.to_owned(),
    })?;
    Cache::open()?.locate(peer)
}
