//! Secret stores behind one joint, [`SecretsClient`]: one module and one feature per backend. A client is given
//! resolved credentials and answers with values that are wiped; it knows no Kubernetes object, reads no environment
//! variable and no file, and decides nothing about deletion or retries.
//!
//! | room | what it owns |
//! |---|---|
//! | `client` | the joint and its words: [`Asker`], [`RemotePath`], [`Answer`], [`Found`] |
//! | `error`, `words` | [`StoreError`] by whose fault it is; a store's words made harmless |
//! | `meter` | who counts requests |
//! | `allowed` | which paths a namespace may read |

mod allowed;
mod client;
mod error;
#[cfg(feature = "fake")]
pub mod fake;
#[cfg(feature = "network")]
mod governor;
#[cfg(feature = "kubernetes")]
pub mod kubernetes;
#[cfg(feature = "network")]
mod meter;
#[cfg(feature = "network")]
mod network;
#[cfg(feature = "network")]
mod single_flight;
#[cfg(feature = "vault")]
pub mod vault;
#[cfg(feature = "webhook")]
pub mod webhook;
mod words;

pub use allowed::{Allowed, InvalidPattern};
pub use client::{
    Answer, Asker, By, Content, Find, Found, Health, Hit, MountFault, Pending, RemotePath, SecretValue,
    SecretsClient, Validity,
};
pub use error::{Blame, Call, StoreError};
#[cfg(feature = "network")]
pub use governor::Limits;
#[cfg(feature = "network")]
pub use meter::Meter;
#[cfg(feature = "network")]
pub use network::{Address, ClientCertificate, JwtSource, Reach, Timeouts, Trust};
