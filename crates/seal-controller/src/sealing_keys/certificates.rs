//! The ConfigMap with the certificates: what belongs in it, written where it is not so.
//!
//! Whoever may read it can seal and can prove that a new key follows one he trusts (S3). Nobody's
//! changes there last. Private keys are not in reach here.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Client;
use seal_cluster::config_maps::{self, ALL_CERTIFICATES, CERTIFICATE, CERTIFICATES, HISTORY};
use seal_cluster::keys::KeyState;
use seal_core::Fingerprint;
use seal_core::succession::Statement;
use tracing::info;

use super::{Keys, KeysError, ListedKey};

/// Puts the certificates where they are not as they should be.
///
/// # Errors
/// [`KeysError`].
pub(super) async fn heal(client: &Client, namespace: &str, keys: &Keys) -> Result<(), KeysError> {
    let call = |source| KeysError::Call {
        doing: "writing the ConfigMap seal-certificates",
        source,
    };
    let standing = config_maps::find(client, namespace, CERTIFICATES).await;
    let standing = standing.map_err(call)?;
    let desired = desired(namespace, &keys.listed, keys.certificate.pem());
    if standing.as_ref().is_some_and(|standing| {
        standing.data == desired.data && standing.binary_data.as_ref().is_none_or(|data| data.is_empty())
    }) {
        return Ok(());
    }
    config_maps::put(client, desired, standing.as_ref())
        .await
        .map_err(call)?;
    info!(namespace, "the certificates were written");
    Ok(())
}

fn desired(namespace: &str, keys: &[ListedKey], primary: &str) -> ConfigMap {
    let all = keys.iter().filter(|key| key.may_seal);
    let all: String = all.map(|key| key.certificate_pem.as_str()).collect();
    let history: Vec<String> = history(keys).map(ToString::to_string).collect();
    let history = serde_json::to_string_pretty(&history).unwrap_or_default();
    let mut map = ConfigMap::default();
    map.metadata.namespace = Some(namespace.to_owned());
    map.metadata.name = Some(CERTIFICATES.to_owned());
    let entries = [
        (CERTIFICATE, primary.to_owned()),
        (ALL_CERTIFICATES, all),
        (HISTORY, history),
    ];
    map.data = Some(entries.map(|(entry, text)| (entry.to_owned(), text)).into());
    map
}

// What a key said that somebody else may hold counts no longer.
fn history(keys: &[ListedKey]) -> impl Iterator<Item = &Statement> {
    let disowned = |old: Fingerprint| {
        keys.iter()
            .any(|key| key.fingerprint == old && key.state == KeyState::Compromised)
    };
    keys.iter()
        .filter_map(|key| key.follows.as_ref())
        .filter(move |statement| !disowned(statement.old()))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use seal_core::succession::proves;
    use seal_core::{KeySize, PrivateKey};

    use super::*;

    #[test]
    fn the_map_shows_keys_in_use_and_the_chain_through_retired_ones_but_not_compromised_ones() {
        let [one, two, three] = [(); 3].map(|()| PrivateKey::generate(KeySize::Bits2048).unwrap());
        let listed = |key: &PrivateKey, pem: &str, state, before: Option<&PrivateKey>| {
            let fingerprint = key.public().fingerprint();
            ListedKey {
                fingerprint,
                secret: String::new(),
                state,
                may_seal: state == KeyState::Active,
                certificate_pem: pem.to_owned(),
                not_before: Timestamp::UNIX_EPOCH,
                not_after: Timestamp::UNIX_EPOCH,
                follows: before.map(|before| Statement::sign(fingerprint, before).unwrap()),
            }
        };
        for (state, proven) in [(KeyState::Retired, true), (KeyState::Compromised, false)] {
            let keys = [
                listed(&three, "3\n", KeyState::Active, Some(&two)),
                listed(&two, "2\n", state, Some(&one)),
                listed(&one, "1\n", KeyState::Active, None),
            ];
            let data = desired("seal", &keys, "3\n").data.unwrap();
            assert_eq!(
                (data[CERTIFICATE].as_str(), data[ALL_CERTIFICATES].as_str()),
                ("3\n", "3\n1\n")
            );
            let history: Vec<String> = serde_json::from_str(&data[HISTORY]).unwrap();
            let history: Vec<Statement> = history.iter().map(|text| text.parse().unwrap()).collect();
            let trusted = [one.public().fingerprint()];
            assert_eq!(proves(&history, &trusted, three.public().fingerprint()), proven);
        }
    }
}
