//! The kind SealedSecret in the one middle: what it needs, how it opens, how one is made.
//!
//! Everything after opening is common to all kinds.

pub mod exposed;
mod inspect;
mod open;
#[cfg(test)]
mod props;
mod reencrypt;
pub mod request;
mod rotate;
mod seal;
mod sealed_with;

pub use inspect::{inspect, stated_key_bits};
pub use open::{KeyHints, Opening, open};
pub use reencrypt::{Reencrypted, keys_of, reencrypt};
pub use rotate::{rotate, verify};
pub use seal::{SealFault, seal};
pub use sealed_with::{Provenance, SealedWith, note, says_what_sealed_it, sealed_with};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube_names::{API_VERSION, KIND};
use seal_api::SealedSecret;
use seal_core::KeyRing;
use seal_template::{Functions, sprig};

/// What an object needs before it opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The ring of sealing keys.
    SealingKeys,
}

/// What was gathered.
#[derive(Clone, Copy, Default)]
pub struct Answers<'a> {
    /// The ring of sealing keys.
    pub sealing_keys: Option<&'a KeyRing>,
}

/// What `object` still needs, given `answers`.
pub fn needs(answers: &Answers<'_>) -> Vec<Need> {
    if answers.sealing_keys.is_none() {
        vec![Need::SealingKeys]
    } else {
        Vec::new()
    }
}

/// What templates of this kind may call: Go's built-ins and sprig's generic functions without those
/// that reach out of the template (`env`, `expandenv`, `getHostByName`).
pub fn functions() -> Functions {
    Functions::builtin().with(sprig::FUNCTIONS)
}

/// The reference by which a Secret names `object` as its controller; upstream sets no
/// `blockOwnerDeletion`.
pub fn owner_reference(object: &SealedSecret) -> OwnerReference {
    OwnerReference {
        api_version: API_VERSION.to_owned(),
        kind: KIND.to_owned(),
        name: object.metadata.name.clone().unwrap_or_default(),
        uid: object.metadata.uid.clone().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: None,
    }
}

/// How the kind is called on the API server.
pub mod kube_names {
    /// Group and version.
    pub const API_VERSION: &str = "bitnami.com/v1alpha1";
    /// Kind.
    pub const KIND: &str = "SealedSecret";
}
