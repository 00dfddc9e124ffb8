//! The sealing keys when the chaos is over: which stand, which one seals, and whether all who tell of them
//! tell the same.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client};
use seal_api::sealing_key_ring::{NAME, READY};
use seal_api::{SealingKeyRing, SealingKeyRingStatus};
use seal_cluster::config_maps::{CERTIFICATE, CERTIFICATES};
use seal_core::Certificate;

use crate::judge::renewals::{Key, MADE, Notes};
use crate::keys::Keys;
use crate::observer::keys_and_notes;
use crate::stage::HOME;

/// What is not as it should be, where of the script's keys `present` should stand, and one was last asked for
/// with `word`.
pub(super) async fn differences(
    client: &Client,
    present: &[usize],
    word: Option<&str>,
) -> anyhow::Result<Vec<String>> {
    let (keys, notes) = keys_and_notes(client).await?;
    let rings: Api<SealingKeyRing> = Api::namespaced(client.clone(), HOME);
    let ring = rings.get(NAME).await?;
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), HOME);
    let map = maps.get_opt(CERTIFICATES).await?;
    let handed_out = map.and_then(|map| map.data?.remove(CERTIFICATE));
    let handed_out = handed_out.and_then(|pem| Certificate::from_pem(pem.as_bytes()).ok());
    let handed_out = handed_out.map(|certificate| certificate.fingerprint().to_string());

    let mut all = standing(&keys, present, &notes);
    if notes.word.as_deref() != word {
        all.push(format!(
            "a key was asked for with {word:?}, and made for {:?}",
            notes.word
        ));
    }
    if notes.primary.is_none() || handed_out != notes.primary {
        let primary = &notes.primary;
        all.push(format!(
            "{primary:?} seals, and the certificate of {handed_out:?} is handed out"
        ));
    }
    let status = ring.status.unwrap_or_default();
    if status.observed_generation == ring.metadata.generation {
        all.extend(told(&status, &keys, &notes));
    } else {
        all.push("the SealingKeyRing's status is about an older generation".to_owned());
    }
    Ok(all)
}

fn standing(keys: &[Key], present: &[usize], notes: &Notes) -> Vec<String> {
    let (made, planted): (Vec<&Key>, Vec<&Key>) = keys.iter().partition(|key| key.name.starts_with(MADE));
    let planted: BTreeSet<String> = planted.into_iter().map(|key| key.name.clone()).collect();
    let expected: BTreeSet<String> = present.iter().map(|key| Keys::name(*key)).collect();
    let mut all = Vec::new();
    if planted != expected {
        all.push(format!(
            "of the script's keys {planted:?} stand, and not {expected:?}"
        ));
    }
    if made.len() as u64 != notes.made {
        all.push(format!(
            "{} keys were noted, and {} stand",
            notes.made,
            made.len()
        ));
    }
    all
}

fn told(status: &SealingKeyRingStatus, keys: &[Key], notes: &Notes) -> Vec<String> {
    let mut all = Vec::new();
    let told: BTreeSet<&str> = status.keys.iter().map(|key| key.fingerprint.as_str()).collect();
    let stand: BTreeSet<&str> = keys.iter().map(|key| key.fingerprint.as_str()).collect();
    if told != stand {
        all.push(format!(
            "the SealingKeyRing tells of the keys {told:?}, and {stand:?} stand"
        ));
    }
    let primary = status.keys.iter().filter(|key| key.primary);
    let primary: Vec<&str> = primary.map(|key| key.fingerprint.as_str()).collect();
    if !primary.iter().copied().eq(notes.primary.as_deref()) {
        all.push(format!(
            "the SealingKeyRing says that {primary:?} seal, and {:?} does",
            notes.primary
        ));
    }
    let ready = status.conditions.iter().find(|condition| condition.kind == READY);
    if status.renewed != notes.word || ready.is_none_or(|ready| ready.status != "True") {
        let (renewed, ready) = (&status.renewed, ready.and_then(|ready| ready.reason.as_ref()));
        all.push(format!(
            "the SealingKeyRing tells of the word {renewed:?} and is {ready:?}"
        ));
    }
    all
}
