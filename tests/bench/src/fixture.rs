//! Keys, certificates, Secrets and SealedSecrets to measure with. Made once a run, never kept.

use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use seal_api::{SealedSecret, Secret};
use seal_core::{
    Certificate, KeyRing, KeySize, Plaintext, PrivateKey, PublicKey, RingKey, Scope, SelfSigned, SystemRandom,
};
use seal_engine::sealed_secret::seal;

/// The keys of one installation, the oldest first.
pub(crate) struct Keys(Vec<PrivateKey>);

impl Keys {
    /// Generates `count` keys of 4096 bits on all cores.
    pub(crate) fn generate(count: usize) -> anyhow::Result<Self> {
        let cores = std::thread::available_parallelism()?.get();
        let share = |core: usize| count / cores + usize::from(core < count % cores);
        let made: Result<Vec<Vec<PrivateKey>>, _> = std::thread::scope(|scope| {
            let spawn = |core| {
                scope.spawn(move || {
                    (0..share(core))
                        .map(|_| PrivateKey::generate(KeySize::Bits4096))
                        .collect::<Result<Vec<_>, _>>()
                })
            };
            let threads: Vec<_> = (0..cores).map(spawn).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("key generation does not panic"))
                .collect()
        });
        Ok(Self(made.context("keys")?.into_iter().flatten().collect()))
    }

    pub(crate) fn all(&self) -> &[PrivateKey] {
        &self.0
    }

    /// A ring of the first `count` keys.
    pub(crate) fn ring(&self, count: usize) -> anyhow::Result<KeyRing> {
        let copy = |(index, key): (usize, &PrivateKey)| -> anyhow::Result<RingKey> {
            let key = PrivateKey::from_pem(key.to_pkcs1_pem().as_bytes())?;
            Ok(RingKey::new(key, not_before(index)?))
        };
        let keys = self
            .0
            .iter()
            .take(count)
            .enumerate()
            .map(copy)
            .collect::<anyhow::Result<Vec<_>>>()?;
        KeyRing::new(keys).context("a ring has a key")
    }

    /// The certificate of the key at `index`, a month younger than the one before it.
    pub(crate) fn certificate(&self, index: usize) -> anyhow::Result<Certificate> {
        let lifetime = Duration::from_secs(10 * 365 * 86_400);
        let contents = SelfSigned {
            common_name: "",
            not_before: not_before(index)?,
            lifetime,
        };
        Ok(Certificate::self_signed(
            &self.0[index],
            &contents,
            &mut SystemRandom,
        )?)
    }

    /// The key Secret of the key at `index`, as upstream stores it.
    pub(crate) fn secret(&self, index: usize, namespace: &str) -> anyhow::Result<serde_json::Value> {
        let certificate = self.certificate(index)?;
        let key = self.0[index].to_pkcs1_pem();
        Ok(serde_json::json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
            "metadata": {
                "name": format!("sealed-secrets-key{index:03}"), "namespace": namespace,
                "labels": {"sealedsecrets.bitnami.com/sealed-secrets-key": "active"},
            },
            "stringData": {"tls.crt": certificate.pem(), "tls.key": key.as_str()},
        }))
    }
}

// One key a month, the newest made an hour ago.
fn not_before(index: usize) -> anyhow::Result<Timestamp> {
    const MONTH: i64 = 30 * 86_400;
    let months = 60_i64.saturating_sub(i64::try_from(index)?).max(0);
    Ok(Timestamp::from_second(
        Timestamp::now().as_second() - 3_600 - months * MONTH,
    )?)
}

/// A Secret with `entries` values of 32 bytes.
pub(crate) fn secret(namespace: &str, name: &str, entries: usize) -> Secret {
    let mut secret = Secret {
        kind: Some("Opaque".to_owned()),
        ..Secret::default()
    };
    secret.metadata.name = Some(name.to_owned());
    secret.metadata.namespace = Some(namespace.to_owned());
    for entry in 0..entries {
        let value = Plaintext::new(format!("value-{entry:04}-of-{name:_<20}").into_bytes());
        secret.data.insert(format!("entry-{entry:03}"), value);
    }
    secret
}

/// The same, sealed to `key`.
pub(crate) fn sealed(
    namespace: &str,
    name: &str,
    entries: usize,
    key: &PublicKey,
) -> anyhow::Result<SealedSecret> {
    Ok(seal(
        &secret(namespace, name, entries),
        key,
        Scope::Strict,
        false,
        &mut SystemRandom,
    )?)
}
