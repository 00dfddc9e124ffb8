//! One HTTP client for every backend: bounded in time and size, answers in memory that is wiped, connections only
//! where a store may be, no redirects to elsewhere (S6), nothing from the environment: no proxy variables either.
//!
//! Residue (S26): what passes through hyper's and rustls' own buffers is not wiped.

mod address;
mod cause;
mod connect;
mod exchange;
mod tls;

pub use address::Address;
pub use connect::Reach;
pub(crate) use exchange::{Exchange, Http, Redirects, Reply, secret_header};
pub use tls::{ClientCertificate, Trust};

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use zeroize::Zeroizing;

use crate::StoreError;

/// Makes a token of somebody's, such as a service account's. Called when one is needed, since such tokens are
/// short-lived; its errors are [`StoreError::Credentials`].
pub type JwtSource = Arc<dyn Fn() -> BoxFuture<'static, Result<Zeroizing<String>, StoreError>> + Send + Sync>;

/// How long each step may take. Every outward call of this crate is bounded by these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For one address to take a connection.
    pub connect: Duration,
    /// From the beginning of a request to the last byte of its answer, connecting included.
    pub request: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            request: Duration::from_secs(20),
        }
    }
}

/// All but unreserved characters (RFC 3986, 2.3) as percent and two digits.
pub(crate) fn encode(text: &str, target: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                target.push(char::from(byte));
            }
            _ => target.push_str(&format!("%{byte:02X}")),
        }
    }
}
