//! Sealing keys as Secrets, in upstream's exact shape: read and made.
//!
//! Which key seals, and when a new one is due, is decided elsewhere.

use std::collections::BTreeMap;

use jiff::Timestamp;
use seal_api::Secret;
use seal_api::annotations::{FOLLOWS, KEY_ACTIVE, KEY_COMPROMISED, KEY_LABEL, KEY_RETIRED};
use seal_core::succession::Statement;
use seal_core::{
    Certificate, CertificateError, Fingerprint, Plaintext, PrivateKey, PrivateKeyError, RandomSource,
    RandomnessUnavailable,
};

const CERTIFICATE: &str = "tls.crt";
const PRIVATE_KEY: &str = "tls.key";
const TLS: &str = "kubernetes.io/tls";

// `generateName` as the API server does it: without vowels and without digits that look like letters.
const SUFFIX_LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
const SUFFIX_LENGTH: usize = 5;

/// A sealing key as it stands on the cluster.
pub struct SealingKey {
    /// The name of its Secret.
    pub secret: String,
    /// When that Secret was created.
    pub created: Timestamp,
    /// The private key.
    pub private: PrivateKey,
    /// The certificate that is handed out.
    pub certificate: Certificate,
    /// Whether it opens.
    pub state: KeyState,
    /// What the key before it signed about it, if it holds.
    pub follows: Option<Statement>,
}

impl SealingKey {
    /// The key's public name.
    pub fn fingerprint(&self) -> Fingerprint {
        self.private.public().fingerprint()
    }
}

/// What the label of a key Secret says of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// It opens.
    Active,
    /// It opens nothing any longer.
    Retired,
    /// The same, and somebody else may hold it.
    Compromised,
}

impl KeyState {
    /// The value of the label; `None` for one that says nothing about a key.
    pub fn of_label(value: &str) -> Option<Self> {
        match value {
            KEY_ACTIVE => Some(Self::Active),
            KEY_RETIRED => Some(Self::Retired),
            KEY_COMPROMISED => Some(Self::Compromised),
            _ => None,
        }
    }

    /// That value.
    pub fn label(self) -> &'static str {
        match self {
            Self::Active => KEY_ACTIVE,
            Self::Retired => KEY_RETIRED,
            Self::Compromised => KEY_COMPROMISED,
        }
    }
}

/// A Secret with the key label that holds no usable key. It is reported and passed by.
#[derive(Debug, thiserror::Error)]
pub enum UnusableKey {
    /// `tls.key` or `tls.crt` is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// `tls.key` is no key that can unseal.
    #[error("tls.key: {0}")]
    PrivateKey(#[from] PrivateKeyError),
    /// `tls.crt` is no certificate that can seal.
    #[error("tls.crt: {0}")]
    Certificate(#[from] CertificateError),
}

/// What is special about the Secret of a new key.
#[derive(Clone, Debug, Default)]
pub struct KeySecretShape {
    /// The beginning of its name.
    pub prefix: String,
    /// Labels beside the one that makes it a key.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
}

/// Whether `labels` make a Secret an active sealing key.
pub fn is_active(labels: Option<&BTreeMap<String, String>>) -> bool {
    labels
        .and_then(|labels| labels.get(KEY_LABEL))
        .is_some_and(|value| value == KEY_ACTIVE)
}

/// Reads the key in `secret`: PKCS#1 or PKCS#8, and the first certificate. Parsing takes about a
/// millisecond: not for an asynchronous task.
///
/// # Errors
/// [`UnusableKey`], which never quotes the Secret.
pub fn read_key(secret: &Secret) -> Result<SealingKey, UnusableKey> {
    let part = |name| {
        secret
            .data
            .get(name)
            .filter(|part| !part.is_empty())
            .ok_or(UnusableKey::Missing(name))
    };
    let private = PrivateKey::from_pem(part(PRIVATE_KEY)?.expose())?;
    let certificate = Certificate::from_pem(part(CERTIFICATE)?.expose())?;
    let created = secret
        .metadata
        .creation_timestamp
        .as_ref()
        .map_or(Timestamp::UNIX_EPOCH, |time| time.0);
    let labels = secret.metadata.labels.as_ref();
    // Upstream's oldest key has no label at all.
    let state = labels.and_then(|labels| labels.get(KEY_LABEL));
    let state = state.map_or(Some(KeyState::Active), |value| KeyState::of_label(value));
    let follows = secret.metadata.annotations.as_ref();
    let follows = follows.and_then(|all| all.get(FOLLOWS)?.parse().ok());
    let own = private.public().fingerprint();
    Ok(SealingKey {
        secret: secret.metadata.name.clone().unwrap_or_default(),
        created,
        private,
        certificate,
        state: state.unwrap_or(KeyState::Retired),
        follows: follows.filter(|statement: &Statement| statement.new_key() == own && statement.holds()),
    })
}

/// The Secret of a new key.
///
/// # Errors
/// When there is no randomness for its name.
pub fn key_secret(
    namespace: &str,
    key: &PrivateKey,
    certificate: &Certificate,
    shape: &KeySecretShape,
    random: &mut dyn RandomSource,
) -> Result<Secret, RandomnessUnavailable> {
    let mut secret = Secret {
        kind: Some(TLS.to_owned()),
        ..Secret::default()
    };
    secret.metadata.namespace = Some(namespace.to_owned());
    secret.metadata.name = Some(key_name(&shape.prefix, random)?);
    let mut labels = shape.labels.clone();
    labels.insert(KEY_LABEL.to_owned(), KEY_ACTIVE.to_owned());
    secret.metadata.labels = Some(labels);
    secret.metadata.annotations = Some(shape.annotations.clone()).filter(|all| !all.is_empty());
    secret.data.insert(
        PRIVATE_KEY.to_owned(),
        Plaintext::copied(key.to_pkcs1_pem().as_bytes()),
    );
    secret.data.insert(
        CERTIFICATE.to_owned(),
        Plaintext::copied(certificate.pem().as_bytes()),
    );
    Ok(secret)
}

/// A name for a key Secret.
///
/// # Errors
/// When there is no randomness.
pub fn key_name(prefix: &str, random: &mut dyn RandomSource) -> Result<String, RandomnessUnavailable> {
    let mut bytes = [0; SUFFIX_LENGTH];
    random.fill(&mut bytes)?;
    let letter = |byte: u8| char::from(SUFFIX_LETTERS[usize::from(byte) % SUFFIX_LETTERS.len()]);
    Ok(prefix.chars().chain(bytes.map(letter)).collect())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use seal_core::{KeySize, SelfSigned, SystemRandom};

    use super::*;

    fn made() -> (PrivateKey, Certificate) {
        let key = PrivateKey::generate(KeySize::Bits2048).unwrap();
        let contents = SelfSigned {
            common_name: "",
            not_before: Timestamp::from_second(1_700_000_000).unwrap(),
            lifetime: Duration::from_secs(3600),
        };
        let certificate = Certificate::self_signed(&key, &contents, &mut SystemRandom).unwrap();
        (key, certificate)
    }

    #[test]
    fn a_new_key_has_upstreams_shape_and_reads_back() {
        let (key, certificate) = made();
        let shape = KeySecretShape {
            prefix: "sealed-secrets-key".to_owned(),
            ..KeySecretShape::default()
        };
        let secret = key_secret("seal", &key, &certificate, &shape, &mut SystemRandom).unwrap();
        let name = secret.metadata.name.clone().unwrap();
        assert_eq!(
            (name.len(), name.starts_with("sealed-secrets-key")),
            (23, true),
            "{name}"
        );
        assert_eq!(secret.kind.as_deref(), Some("kubernetes.io/tls"));
        assert!(is_active(secret.metadata.labels.as_ref()));
        assert_eq!(secret.metadata.annotations, None);
        assert!(
            secret.data["tls.key"]
                .expose()
                .starts_with(b"-----BEGIN RSA PRIVATE KEY-----\n")
        );
        let read = read_key(&secret).unwrap();
        assert_eq!(read.private.public().fingerprint(), certificate.fingerprint());
        assert_eq!(read.certificate.pem(), certificate.pem());
    }

    #[test]
    fn labels_of_the_user_cannot_unmake_a_key() {
        let (key, certificate) = made();
        let labels = [
            (KEY_LABEL.to_owned(), "x".to_owned()),
            ("a".to_owned(), "b".to_owned()),
        ]
        .into();
        let shape = KeySecretShape {
            prefix: "k".to_owned(),
            labels,
            ..KeySecretShape::default()
        };
        let secret = key_secret("seal", &key, &certificate, &shape, &mut SystemRandom).unwrap();
        assert!(is_active(secret.metadata.labels.as_ref()));
        assert_eq!(secret.metadata.labels.unwrap()["a"], "b");
    }

    #[test]
    fn what_is_no_key_is_named_and_not_quoted() {
        let (key, certificate) = made();
        let shape = KeySecretShape::default();
        let whole = || key_secret("seal", &key, &certificate, &shape, &mut SystemRandom).unwrap();
        let fault = |change: fn(&mut Secret)| {
            let mut secret = whole();
            change(&mut secret);
            read_key(&secret).err().expect("no key").to_string()
        };
        let missing = fault(|secret| drop(secret.data.remove("tls.crt")));
        assert_eq!(missing, "tls.crt is missing");
        let garbage = fault(|secret| {
            drop(
                secret
                    .data
                    .insert("tls.key".to_owned(), Plaintext::copied(b"hunter2")),
            )
        });
        assert_eq!(garbage, "tls.key: no PEM private key found");
        let swapped = fault(|secret| {
            let key = secret.data.remove("tls.key").unwrap();
            secret.data.insert("tls.crt".to_owned(), key.duplicate());
            secret.data.insert("tls.key".to_owned(), key);
        });
        assert!(swapped.starts_with("tls.crt: "), "{swapped}");
    }
}
