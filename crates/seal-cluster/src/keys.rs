//! Sealing keys as Secrets, in upstream's exact shape: read, made, and the installation's own Secret
//! beside them.
//!
//! Which key seals, and when a new one is due, is decided elsewhere.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use seal_api::Secret;
use seal_api::annotations::{KEY_ACTIVE, KEY_LABEL};
use seal_core::{
    Certificate, CertificateError, InstallationKey, Plaintext, PrivateKey, PrivateKeyError, RandomSource,
    RandomnessUnavailable,
};

const CERTIFICATE: &str = "tls.crt";
const PRIVATE_KEY: &str = "tls.key";
const TLS: &str = "kubernetes.io/tls";

/// The Secret with what the installation keeps for itself.
pub const INSTALLATION_SECRET: &str = "seal-installation-key";
/// The value of the key label on it: upstream, which looks for `active` only, passes it by.
pub const INSTALLATION: &str = "installation";
const INSTALLATION_KEY: &str = "key";
const PRIMARY: &str = "primary";

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
    Ok(SealingKey {
        secret: secret.metadata.name.clone().unwrap_or_default(),
        created,
        private,
        certificate,
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
    secret.metadata.name = Some(format!("{}{}", shape.prefix, suffix(random)?));
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

fn suffix(random: &mut dyn RandomSource) -> Result<String, RandomnessUnavailable> {
    let mut bytes = [0; SUFFIX_LENGTH];
    random.fill(&mut bytes)?;
    Ok(bytes
        .iter()
        .map(|byte| char::from(SUFFIX_LETTERS[usize::from(*byte) % SUFFIX_LETTERS.len()]))
        .collect())
}

/// What the installation keeps for itself.
pub struct Installation {
    /// The key of its records.
    pub key: InstallationKey,
    /// The fingerprint of the key that seals, once that was settled.
    pub primary: Option<String>,
    secret: Secret,
}

impl Installation {
    /// The Secret of a new installation.
    ///
    /// # Errors
    /// When there is no randomness for its key.
    pub fn create(namespace: &str, random: &mut dyn RandomSource) -> Result<Secret, RandomnessUnavailable> {
        let mut bytes = vec![0; InstallationKey::LENGTH];
        random.fill(&mut bytes)?;
        let mut secret = Secret::default();
        secret.metadata.namespace = Some(namespace.to_owned());
        secret.metadata.name = Some(INSTALLATION_SECRET.to_owned());
        secret.metadata.labels = Some([(KEY_LABEL.to_owned(), INSTALLATION.to_owned())].into());
        secret
            .data
            .insert(INSTALLATION_KEY.to_owned(), Plaintext::new(bytes));
        Ok(secret)
    }

    /// Reads it; `None` when its key is missing or has another length.
    pub fn read(secret: Secret) -> Option<Self> {
        let key = InstallationKey::from_bytes(secret.data.get(INSTALLATION_KEY)?.expose()).ok()?;
        let primary = secret.data.get(PRIMARY);
        let primary = primary
            .and_then(|name| std::str::from_utf8(name.expose()).ok())
            .map(str::to_owned);
        Some(Self { key, primary, secret })
    }

    /// The Secret to be created where it stands no longer.
    pub fn anew(&self) -> Secret {
        let mut secret = self.secret.duplicate();
        secret.metadata = ObjectMeta {
            namespace: secret.metadata.namespace,
            name: secret.metadata.name,
            labels: secret.metadata.labels,
            annotations: secret.metadata.annotations,
            ..ObjectMeta::default()
        };
        secret
    }

    /// The Secret with `fingerprint` as the key that seals.
    pub fn with_primary(&self, fingerprint: &str) -> Secret {
        let mut secret = self.secret.duplicate();
        secret.metadata.managed_fields = None;
        secret
            .data
            .insert(PRIMARY.to_owned(), Plaintext::copied(fingerprint.as_bytes()));
        secret
    }
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

    #[test]
    fn an_installation_reads_back_and_is_no_sealing_key() {
        let secret = Installation::create("seal", &mut SystemRandom).unwrap();
        assert!(!is_active(secret.metadata.labels.as_ref()));
        let read = Installation::read(secret).unwrap();
        assert_eq!(read.primary, None);
        let read = Installation::read(read.with_primary("SHA256:x")).unwrap();
        assert_eq!(read.primary.as_deref(), Some("SHA256:x"));
        assert!(Installation::read(Secret::default()).is_none());
    }

    #[test]
    fn an_installation_that_was_deleted_is_made_again_with_its_key_and_its_choice() {
        let mut secret = Installation::create("seal", &mut SystemRandom).unwrap();
        secret.metadata.uid = Some("u".to_owned());
        secret.metadata.resource_version = Some("7".to_owned());
        let kept = secret.data[INSTALLATION_KEY].expose().to_vec();
        let read = Installation::read(Installation::read(secret).unwrap().with_primary("SHA256:x"));
        let anew = read.unwrap().anew();
        assert_eq!(anew.data[INSTALLATION_KEY].expose(), kept);
        assert_eq!(anew.data[PRIMARY].expose(), b"SHA256:x");
        assert_eq!(anew.metadata.name.as_deref(), Some(INSTALLATION_SECRET));
        assert_eq!(anew.metadata.labels.unwrap()[KEY_LABEL], INSTALLATION);
        assert_eq!((anew.metadata.uid, anew.metadata.resource_version), (None, None));
    }
}
