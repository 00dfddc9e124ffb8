use std::collections::BTreeMap;

use seal_api::SealedSecret;
use seal_core::InstallationKey;

use super::*;
use crate::catalogue;
use crate::due::SecretVersion;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn synced() -> Outcome {
    let key = InstallationKey::from_bytes(&[1; 32]).unwrap();
    let secret = SecretVersion {
        uid: "s".to_owned(),
        resource_version: "1".to_owned(),
    };
    Outcome::Synced(Record::new(
        &SealedSecret::default(),
        secret,
        at(0),
        &BTreeMap::new(),
        Vec::new(),
        &key,
    ))
}

fn failed() -> Outcome {
    let fault = || Fault::new(&catalogue::ANOTHER_KEY_OR_NAME);
    Outcome::Failed(vec![
        fault().entry("goo"),
        fault().entry("aaa"),
        fault().entry("foo"),
    ])
}

#[test]
fn success_is_told_as_upstream_tells_it_with_ours_behind() {
    let told = status(None, &synced(), Some(1), at(10));
    let kinds: Vec<_> = told
        .conditions
        .iter()
        .map(|condition| condition.kind.as_str())
        .collect();
    assert_eq!(kinds, ["Synced", "Ready", RECORD_CONDITION]);
    assert_eq!(told.conditions[0].message, None);
    assert_eq!(told.conditions[0].reason, None);
    assert_eq!(told.observed_generation, Some(1));
    assert_eq!(event(None, &synced(), &told).unwrap().reason, "Unsealed");
}

#[test]
fn the_same_outcome_again_changes_neither_status_nor_events() {
    for outcome in [synced(), failed()] {
        let first = status(None, &outcome, Some(1), at(10));
        let second = status(Some(&first), &outcome, Some(1), at(99));
        assert_eq!(first, second);
        assert_eq!(event(Some(&first), &outcome, &second), None);
    }
}

#[test]
fn a_new_generation_moves_the_update_time_and_leaves_the_transition_time() {
    let first = status(None, &synced(), Some(1), at(10));
    let second = status(Some(&first), &synced(), Some(2), at(20));
    assert_eq!(second.conditions[0].last_transition_time, Some(Time(at(10))));
    assert_eq!(second.conditions[0].last_update_time, Some(Time(at(20))));
    assert_eq!(second.observed_generation, Some(2));
}

#[test]
fn a_failure_lists_its_entries_in_order_and_says_what_to_do() {
    let first = status(None, &synced(), Some(1), at(10));
    let told = status(Some(&first), &failed(), Some(2), at(20));
    let message = told.conditions[0].message.as_deref().unwrap();
    assert!(
        message.starts_with("no key could decrypt secret (aaa, foo, goo)"),
        "{message}"
    );
    assert_eq!(told.conditions[0].reason.as_deref(), Some("SealedForAnother"));
    assert!(
        told.conditions[1]
            .message
            .as_deref()
            .unwrap()
            .contains("seal the value again")
    );
    assert!(
        told.conditions
            .iter()
            .any(|condition| condition.kind == RECORD_CONDITION),
        "the record is kept"
    );
    let event = event(Some(&first), &failed(), &told).unwrap();
    assert_eq!((event.warning, event.reason), (true, "ErrUnsealFailed"));
    assert!(
        event
            .message
            .starts_with("Failed to unseal: no key could decrypt secret (aaa, foo, goo)")
    );
}

#[test]
fn a_fault_about_the_target_is_told_with_upstreams_words() {
    let outcome = Outcome::Failed(vec![Fault::new(&catalogue::NOT_OURS).fact("name", "x15")]);
    let told = status(None, &outcome, Some(1), at(10));
    let text = "Resource \"x15\" already exists and is not managed by SealedSecret";
    assert_eq!(
        told.conditions[0].message.as_deref(),
        Some(format!("failed update: {text}").as_str())
    );
    let event = event(None, &outcome, &told).unwrap();
    assert_eq!((event.reason, event.message.as_str()), ("ErrUpdateFailed", text));
}

#[test]
fn conditions_of_others_stay() {
    let mut first = status(None, &synced(), Some(1), at(10));
    let theirs = Condition {
        kind: "example.com/Theirs".to_owned(),
        ..first.conditions[0].clone()
    };
    first.conditions.push(theirs.clone());
    let second = status(Some(&first), &failed(), Some(2), at(20));
    assert!(second.conditions.contains(&theirs));
}

#[test]
fn a_thousand_faults_still_fit_into_a_condition() {
    let fault =
        |index| Fault::new(&catalogue::TEMPLATE_FAILED).fact("error", format!("{index} {}", "ä".repeat(200)));
    let outcome = Outcome::Failed((0..1000).map(fault).collect());
    let told = status(None, &outcome, Some(1), at(10));
    for condition in &told.conditions {
        let message = condition.message.as_deref().unwrap();
        assert!(message.len() <= 32 * 1024, "{}", message.len());
    }
    assert!(told.conditions[0].message.as_deref().unwrap().ends_with('…'));
    assert!(
        told.conditions[1]
            .message
            .as_deref()
            .unwrap()
            .contains("mend the template")
    );
}
