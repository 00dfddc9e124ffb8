//! What can be wrong with a peer: each complaint names the place and ends with its remedy. It does not print.

use std::{error::Error, fmt, io, path::PathBuf};

use crate::table::{Peer, Source};

/// Why a peer cannot be had.
#[derive(Debug)]
#[non_exhaustive]
pub enum PeerError {
    /// No row of the table has this name.
    Unknown {
        /// The name asked for.
        name: String,
    },
    /// None of the variables that lead to the cache is set.
    NoCache,
    /// Others may write to the cache.
    Exposed {
        /// The cache folder.
        root: PathBuf,
    },
    /// It was never built here.
    Missing {
        /// The peer.
        peer: &'static Peer,
    },
    /// It was built from other sums or options than this checkout's.
    Stale {
        /// The peer.
        peer: &'static Peer,
    },
    /// Its bytes are not those that were built and proven.
    Altered {
        /// The peer.
        peer: &'static Peer,
        /// The program.
        path: PathBuf,
    },
    /// `KUBEBUILDER_ASSETS` names a folder without it.
    NotInAssets {
        /// The peer.
        peer: &'static Peer,
        /// Where it should be.
        path: PathBuf,
    },
    /// Its build failed.
    Build {
        /// The peer.
        peer: &'static Peer,
        /// The whole log.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// It ran, but does not say what it must.
    Unproven {
        /// The peer.
        peer: &'static Peer,
        /// What its answer should contain.
        expected: String,
        /// Its answer, shortened.
        answer: String,
    },
    /// A module of the corpus cannot be had, or is not the one that was pinned.
    Module {
        /// Its path and version.
        module: String,
        /// What is wrong.
        complaint: String,
    },
    /// A file or process of the cache could not be used.
    Io {
        /// The file, folder or program.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl PeerError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}

impl fmt::Display for PeerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name } => {
                write!(
                    f,
                    "there is no peer called {name}; `cargo xtask tools --list` names them"
                )
            }
            Self::NoCache => f.write_str("no folder for tools; set SEAL_TOOLS_DIR, XDG_CACHE_HOME or HOME"),
            Self::Exposed { root } => write!(
                f,
                "{} is open to other users, who could replace the tools in it; look what is there, then run `chmod 700 {0}`",
                root.display()
            ),
            Self::Missing { peer } => match peer.source {
                Source::System { package } => {
                    write!(
                        f,
                        "{} is not on PATH; `apt-get install {package}`, or your system's like",
                        peer.name
                    )
                }
                Source::Go { .. } | Source::Cargo | Source::Wheel { .. } => {
                    write!(
                        f,
                        "{} is not in the cache; run `cargo xtask tools {}`",
                        peer.title(' '),
                        peer.name
                    )
                }
            },
            Self::Stale { peer } => write!(
                f,
                "{} was built from other sums or options than this checkout's; run `cargo xtask tools {}`",
                peer.title(' '),
                peer.name
            ),
            Self::Altered { peer, path } => write!(
                f,
                "{} is not what was built: its SHA-256 differs from the one recorded beside it, so it is refused; \
                 find out who wrote to it, then remove that folder and run `cargo xtask tools {}`",
                path.display(),
                peer.name
            ),
            Self::NotInAssets { peer, path } => write!(
                f,
                "KUBEBUILDER_ASSETS is set, but {} is missing; put it there, or unset the variable and run \
                 `cargo xtask tools {}`",
                path.display(),
                peer.name
            ),
            Self::Build { peer, log, tail } => write!(
                f,
                "{} was not built; the end of {}:\n{tail}\nwhat was done is kept: `cargo xtask tools {}` goes on from there",
                peer.title(' '),
                log.display(),
                peer.name
            ),
            Self::Unproven {
                peer,
                expected,
                answer,
            } => write!(
                f,
                "{} ran, but does not say \"{expected}\"; it said: {answer}",
                peer.title(' ')
            ),
            Self::Module { module, complaint } => write!(f, "{module}: {complaint}"),
            Self::Io { path, .. } => write!(f, "{} cannot be used", path.display()),
        }
    }
}

impl Error for PeerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
