//! The ring as it stands: key Secrets read into keys, and which of them seals.
//!
//! Reading only: nothing here writes. What is made, and when, is `renewal`'s.

use std::cmp::Reverse;

use jiff::Timestamp;
use seal_api::Secret;
use seal_api::annotations::{KEY_ACTIVE, KEY_COMPROMISED, KEY_LABEL, KEY_RETIRED};
use seal_cluster::keys::{KeyState, SealingKey, read_key};
use seal_cluster::secrets::{Secrets, Version};
use seal_core::Fingerprint;
use tracing::warn;

use super::KeysError;
use crate::settings::{KeyOrder, Settings};

/// The Secrets of all keys, also of those that are retired.
///
/// # Errors
/// [`KeysError`].
pub(super) async fn list(secrets: &Secrets, settings: &Settings) -> Result<Vec<Version>, KeysError> {
    let failed = |source| KeysError::Call {
        doing: "listing the key Secrets",
        source,
    };
    let namespace = &settings.namespace;
    let listed = secrets.versions(namespace, &selector()).await;
    let mut versions = listed.map_err(failed)?;
    // Before 0.9, upstream had one key of just that name and without a label.
    let oldest = &settings.key_prefix;
    if !versions.iter().any(|version| version.name == *oldest) {
        versions.extend(secrets.version(namespace, oldest).await.map_err(failed)?);
    }
    Ok(versions)
}

// Keys, whatever their state.
fn selector() -> String {
    let states = [KEY_ACTIVE, KEY_RETIRED, KEY_COMPROMISED].join(",");
    format!("{KEY_LABEL} in ({states})")
}

/// The keys in those Secrets, which were listed just now.
///
/// # Errors
/// [`KeysError`]; a Secret that holds no usable key is reported and passed by.
pub(super) async fn read(
    secrets: &Secrets,
    namespace: &str,
    listed: &[Version],
) -> Result<Vec<SealingKey>, KeysError> {
    let call = |source| KeysError::Call {
        doing: "reading the key Secrets",
        source,
    };
    let mut held = secrets.labelled(namespace, &selector()).await.map_err(call)?;
    let name = |secret: &Secret| secret.metadata.name.clone().unwrap_or_default();
    let labelled: Vec<String> = held.iter().map(name).collect();
    for version in listed.iter().filter(|version| !labelled.contains(&version.name)) {
        held.extend(secrets.find(namespace, &version.name).await.map_err(call)?);
    }
    Ok(tokio::task::spawn_blocking(move || {
        let usable = |secret| {
            read_key(secret)
                .inspect_err(|error| {
                    let name = secret.metadata.name.as_deref().unwrap_or_default();
                    warn!(secretname = name, %error, "Error reading key");
                })
                .ok()
        };
        held.iter().filter_map(usable).collect()
    })
    .await?)
}

/// Since when `key` counts, which is what makes it the newest.
pub(super) fn since(key: &SealingKey, order: KeyOrder) -> Timestamp {
    match order {
        KeyOrder::CertNotBefore => key.certificate.not_before(),
        KeyOrder::SecretCreationTimestamp => key.created,
    }
}

/// Whether `key` is in use and its certificate its own.
pub(super) fn may_seal(key: &SealingKey) -> bool {
    key.state == KeyState::Active && key.certificate.fingerprint() == key.fingerprint()
}

/// Which of `found` seals: the first of `preferred` that is there; the newest that is valid, if nobody is
/// preferred. None where all that were preferred are gone.
pub(super) fn primary(
    found: &[SealingKey],
    preferred: [Option<Fingerprint>; 2],
    order: KeyOrder,
    now: Timestamp,
) -> Option<usize> {
    let candidates: Vec<Candidate> = found
        .iter()
        .map(|key| Candidate {
            fingerprint: key.fingerprint(),
            seals: may_seal(key),
            not_before: key.certificate.not_before(),
            order: (since(key, order), Reverse(key.created)),
        })
        .collect();
    choose(&candidates, preferred, now)
}

// What choosing the key that seals goes by.
struct Candidate {
    fingerprint: Fingerprint,
    seals: bool,
    not_before: Timestamp,
    order: (Timestamp, Reverse<Timestamp>),
}

// The first of `preferred` that is there; for the first choice the newest, as upstream. What is not valid
// yet, or carries another key's certificate, does not seal. Where a choice was made and its key is gone, the
// newest may be what somebody planted for just this moment (S4), and else it is an old one.
fn choose(candidates: &[Candidate], preferred: [Option<Fingerprint>; 2], now: Timestamp) -> Option<usize> {
    let standing = |wanted: Fingerprint| {
        candidates
            .iter()
            .position(|key| key.seals && key.fingerprint == wanted)
    };
    if let Some(at) = preferred.into_iter().flatten().find_map(standing) {
        return Some(at);
    }
    if preferred.iter().any(Option::is_some) {
        return None;
    }
    let usable = candidates
        .iter()
        .enumerate()
        .filter(|(_, key)| key.seals && key.not_before <= now);
    // Of equals the first.
    usable.rev().max_by_key(|(_, key)| key.order).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use seal_core::{KeySize, PrivateKey};

    use super::*;

    #[test]
    fn the_named_key_seals_then_the_one_in_use_and_the_newest_only_where_there_was_none() {
        let made = || {
            PrivateKey::generate(KeySize::Bits2048)
                .unwrap()
                .public()
                .fingerprint()
        };
        let at = |second| Timestamp::from_second(second).unwrap();
        let candidate = |seals, second| Candidate {
            fingerprint: made(),
            seals,
            not_before: at(second),
            order: (at(second), Reverse(at(0))),
        };
        let all = [
            candidate(true, 10),
            candidate(true, 20),
            candidate(false, 30),
            candidate(true, 2000),
        ];
        let [old, newest, mismatched, future] = [0, 1, 2, 3].map(|at| Some(all[at].fingerprint));
        let (now, gone) = (at(1000), Some(made()));
        for (preferred, chosen) in [
            ([None, None], Some(1)),
            ([old, newest], Some(0)),
            ([gone, old], Some(0)),
            ([gone, None], None),
            ([None, gone], None),
            ([mismatched, gone], None),
            ([future, None], Some(3)),
        ] {
            assert_eq!(choose(&all, preferred, now), chosen);
        }
        assert_eq!(choose(&all[2..], [None, None], now), None);
    }

    #[test]
    fn of_keys_of_the_same_moment_the_one_that_was_created_first_seals() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let candidate = |created| Candidate {
            fingerprint: PrivateKey::generate(KeySize::Bits2048)
                .unwrap()
                .public()
                .fingerprint(),
            seals: true,
            not_before: at(10),
            order: (at(10), Reverse(at(created))),
        };
        let all = [candidate(3), candidate(2), candidate(2)];
        assert_eq!(choose(&all, [None, None], at(1000)), Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn an_api_server_that_never_answers_holds_up_no_listing_for_ever() {
        let silent = axum::Router::new().fallback(std::future::pending::<http::StatusCode>);
        let secrets = Secrets::new(kube::Client::new(silent, "default"));
        let settings = Settings::read(["seal-controller".into()]).unwrap();
        let asked = list(&secrets, &settings);
        let hour = std::time::Duration::from_secs(3600);
        let answer = tokio::time::timeout(hour, asked).await.expect("given up");
        assert!(answer.unwrap_err().is_of_the_cluster());
    }
}
