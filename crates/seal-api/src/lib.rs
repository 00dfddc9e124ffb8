//! Custom resources and manifests as types: what stands in Git and on the API server.
//!
//! Owns the shapes and their names, and the reading of a scope from annotations. It makes no client
//! calls, and decides nothing: deciding is `seal-engine`'s.

pub mod annotations;
pub mod external_secrets;
mod manifest;
pub mod reencryption;
pub mod sealed_secret;
pub mod sealing_key_ring;
mod secret;

pub use manifest::ManifestError;
pub use reencryption::{Reencryption, ReencryptionSpec, ReencryptionStatus};
pub use sealed_secret::{
    Condition, SealedSecret, SealedSecretSpec, SealedSecretStatus, SecretTemplate, TemplateMetadata,
};
pub use sealing_key_ring::{
    BackupTo, KeyStatus, Retire, SealingKeyRing, SealingKeyRingSpec, SealingKeyRingStatus,
};
pub use secret::{MalformedSecret, OPAQUE, Secret};

/// The API group and domain of what is ours alone: annotations, conditions, request objects.
pub const OUR_DOMAIN: &str = "sealops.dev";
