//! Sealed-secrets envelopes, sealing keys and the key ring: bytes in, bytes out.
//!
//! Pure: no files, clock, network or environment. Session keys come from the [`RandomSource`] handed
//! in; OAEP padding, blinding and key generation use aws-lc's own generator. Kubernetes objects are
//! the business of `seal-api`, what to do with them that of `seal-engine`.

mod certificate;
mod ciphertext_digest;
mod envelope;
mod fingerprint;
mod key_ring;
mod lenient_base64;
mod mac;
mod names;
mod pem_blocks;
mod plaintext;
mod private_key;
mod public_key;
mod random;
mod scope;
mod ssh_key;
pub mod succession;

pub use certificate::{Certificate, CertificateError, SelfSigned};
pub use ciphertext_digest::CiphertextDigest;
pub use envelope::{Envelope, EnvelopeError, SealError, seal};
pub use fingerprint::{Fingerprint, InvalidFingerprint};
pub use key_ring::{KeyRing, OpenError, Opened, RingKey, TrialHints};
pub use lenient_base64::{InvalidBase64, decode_base64, encode_base64};
pub use mac::{InstallationKey, InvalidInstallationKey, Mac, SeededRandom};
pub use names::{InvalidName, Namespace, ObjectName};
pub use plaintext::Plaintext;
pub use private_key::{KeySize, PrivateKey, PrivateKeyError, UnsupportedKeySize};
pub use public_key::{PublicKey, PublicKeyError};
pub use random::{RandomSource, RandomnessUnavailable, SystemRandom};
pub use scope::{EncryptionLabel, InvalidScope, Scope};
pub use ssh_key::{SshCurve, SshKeyError, SshKeyKind, SshKeyPair};
