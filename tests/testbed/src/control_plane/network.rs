//! Where a plane listens: on this machine's loopback, or in a network namespace of its own that is reached
//! through a listener made here and served in there (a socket stays in the namespace it was made in).
//! It starts no process.

use std::{ffi::OsString, net::TcpListener};

/// The address inside a namespace that is not a loopback one; the supervisor assigns it.
pub(crate) const ADDRESS: &str = "10.99.0.1";

/// Ports and addresses of a plane.
pub(crate) enum Network {
    /// Ports that were free a moment ago; whoever starts something there tries again when it was too late.
    Loopback { api: u16, etcd: u16, etcd_peer: u16 },
    /// Everything is free in there; the API server takes the port of the outer listener, so that one URL
    /// serves both sides.
    Own { port: u16 },
}

impl Network {
    pub(crate) fn loopback() -> anyhow::Result<Self> {
        // Held together, so that they differ.
        let held: Vec<_> = (0..3)
            .map(|_| TcpListener::bind("127.0.0.1:0"))
            .collect::<Result<_, _>>()?;
        let mut ports = Vec::new();
        for listener in &held {
            ports.push(listener.local_addr()?.port());
        }
        Ok(Self::Loopback {
            api: ports[0],
            etcd: ports[1],
            etcd_peer: ports[2],
        })
    }

    pub(crate) fn port(&self) -> u16 {
        match self {
            Self::Loopback { api, .. } => *api,
            Self::Own { port } => *port,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port())
    }

    /// etcd's port for clients and its port for peers.
    pub(crate) fn etcd_ports(&self) -> (u16, u16) {
        match self {
            Self::Loopback { etcd, etcd_peer, .. } => (*etcd, *etcd_peer),
            // Below the range that the outer listener's port comes from.
            Self::Own { .. } => (2379, 2380),
        }
    }

    /// The API server's bind and advertised addresses.
    pub(crate) fn addresses(&self) -> (&'static str, &'static str) {
        match self {
            Self::Loopback { .. } => ("127.0.0.1", "127.0.0.1"),
            Self::Own { .. } => ("0.0.0.0", ADDRESS),
        }
    }

    /// The prefix that makes the namespace. Root needs no user namespace around it.
    pub(crate) fn create(&self) -> Vec<OsString> {
        match self {
            Self::Loopback { .. } => Vec::new(),
            Self::Own { .. } if is_root() => words(&["unshare", "--net"]),
            Self::Own { .. } => words(&["unshare", "--user", "--map-root-user", "--net"]),
        }
    }

    /// The prefix that enters the namespace of the process that made it.
    pub(crate) fn enter(&self, keeper: u32) -> Vec<OsString> {
        let target = keeper.to_string();
        match self {
            Self::Loopback { .. } => Vec::new(),
            Self::Own { .. } if is_root() => words(&["nsenter", "--target", &target, "--net"]),
            Self::Own { .. } => words(&[
                "nsenter",
                "--target",
                &target,
                "--user",
                "--preserve-credentials",
                "--net",
            ]),
        }
    }

    /// The prefix for a mount namespace; within a user namespace of ours we are root already.
    pub(crate) fn own_mounts(&self) -> Vec<OsString> {
        match self {
            Self::Loopback { .. } if !is_root() => {
                words(&["unshare", "--user", "--map-root-user", "--mount"])
            }
            _ => words(&["unshare", "--mount"]),
        }
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}
