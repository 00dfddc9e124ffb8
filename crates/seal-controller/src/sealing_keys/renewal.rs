//! A new sealing key: generated, named as the one that seals, written.
//!
//! When one is due is `SealingKeys`' to say.

use jiff::Timestamp;
use seal_cluster::keys::{KeySecretShape, SealingKey, key_secret};
use seal_cluster::secrets::Secrets;
use seal_core::{Certificate, PrivateKey, SelfSigned, SystemRandom};
use tracing::info;

use super::KeysError;
use super::installation::KeptInstallation;
use crate::settings::Settings;

/// Makes a key that seals from now on.
///
/// # Errors
/// [`KeysError`].
pub(super) async fn make(
    secrets: &Secrets,
    settings: &Settings,
    installation: &KeptInstallation,
) -> Result<SealingKey, KeysError> {
    let (key, certificate) = generate(settings).await?;
    let shape = KeySecretShape {
        prefix: settings.key_prefix.clone(),
        labels: settings.key_labels(),
        annotations: settings.key_annotations(),
    };
    let secret = key_secret(&settings.namespace, &key, &certificate, &shape, &mut SystemRandom)?;
    // Named first: a key that is named and was never written is passed over; a key that was written
    // and never named would be taken for somebody else's.
    installation.remember(key.public().fingerprint()).await?;
    let call = |source| KeysError::Call {
        doing: "writing a new key",
        source,
    };
    let written = secrets.create(&secret).await.map_err(call)?;
    let name = written.metadata.name.unwrap_or_default();
    let fingerprint = key.public().fingerprint();
    info!(namespace = settings.namespace, secretname = name, %fingerprint, "New key written");
    info!("Certificate generated\n{}", certificate.pem());
    let created = written
        .metadata
        .creation_timestamp
        .map_or_else(Timestamp::now, |time| time.0);
    Ok(SealingKey {
        secret: name,
        created,
        private: key,
        certificate,
    })
}

async fn generate(settings: &Settings) -> Result<(PrivateKey, Certificate), KeysError> {
    let (size, common_name) = (settings.key_size, settings.my_cn.clone());
    let lifetime = settings.key_ttl();
    tokio::task::spawn_blocking(move || {
        let key = PrivateKey::generate(size)?;
        let now = Timestamp::now();
        let not_before = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let contents = SelfSigned {
            common_name: &common_name,
            not_before,
            lifetime,
        };
        let certificate = Certificate::self_signed(&key, &contents, &mut SystemRandom)?;
        Ok::<_, KeysError>((key, certificate))
    })
    .await?
}
