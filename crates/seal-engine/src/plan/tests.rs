use seal_core::Plaintext;

use super::*;
use crate::ownership::Onto;

fn owner() -> OwnerReference {
    OwnerReference {
        api_version: "bitnami.com/v1alpha1".to_owned(),
        kind: "SealedSecret".to_owned(),
        name: "db".to_owned(),
        uid: "ours".to_owned(),
        controller: Some(true),
        block_owner_deletion: None,
    }
}

fn secret(data: &[(&str, &str)], labels: &[(&str, &str)]) -> Secret {
    let mut secret = Secret::default();
    secret.metadata.name = Some("db".to_owned());
    secret.metadata.labels = Some(
        labels
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
    );
    secret.data = data
        .iter()
        .map(|(entry, value)| ((*entry).to_owned(), Plaintext::copied(value.as_bytes())))
        .collect();
    secret
}

fn standing(data: &[(&str, &str)], labels: &[(&str, &str)]) -> Secret {
    let mut standing = secret(data, labels);
    standing.metadata.uid = Some("secret".to_owned());
    standing.metadata.resource_version = Some("7".to_owned());
    standing.metadata.owner_references = Some(vec![owner()]);
    standing.kind = Some("Opaque".to_owned());
    standing
}

fn by(onto: Onto) -> Ownership {
    Ownership {
        onto,
        owner_reference: true,
    }
}

fn replacement(step: Step) -> Secret {
    match step {
        Step::Replace(secret) => secret,
        Step::Create(_) => panic!("created"),
        Step::Leave => panic!("left"),
        Step::Refuse(fault) => panic!("refused: {fault}"),
    }
}

fn refusal(step: Step) -> &'static str {
    match step {
        Step::Refuse(fault) => fault.kind.code,
        _ => panic!("not refused"),
    }
}

#[test]
fn what_is_as_it_should_be_is_left_alone() {
    let standing = standing(&[("a", "1")], &[("team", "x"), ("foreign", "kept")]);
    let desired = secret(&[("a", "1")], &[("team", "x")]);
    assert!(matches!(
        plan(desired, Some(&standing), &owner(), by(Onto::Replace), &[]),
        Step::Leave
    ));
}

#[test]
fn a_replacement_keeps_foreign_labels_drops_stale_ones_and_says_what_it_looked_at() {
    let standing = standing(
        &[("a", "1"), ("gone", "2")],
        &[("foreign", "kept"), ("old", "ours")],
    );
    let managed = ["label:old".to_owned()];
    let step = plan(
        secret(&[("a", "3")], &[("new", "y")]),
        Some(&standing),
        &owner(),
        by(Onto::Replace),
        &managed,
    );
    let target = replacement(step);
    assert_eq!(target.data.keys().collect::<Vec<_>>(), ["a"]);
    let labels = target.metadata.labels.unwrap();
    assert_eq!(labels.keys().collect::<Vec<_>>(), ["foreign", "new"]);
    assert_eq!(target.metadata.uid.as_deref(), Some("secret"));
    assert_eq!(target.metadata.resource_version.as_deref(), Some("7"));
}

#[test]
fn an_adoption_replaces_labels_annotations_and_owners_whole() {
    let mut theirs = standing(&[("a", "1")], &[("foreign", "gone")]);
    let other = OwnerReference {
        uid: "other".to_owned(),
        ..owner()
    };
    theirs.metadata.owner_references = Some(vec![other]);
    let step = plan(
        secret(&[("a", "1")], &[("new", "y")]),
        Some(&theirs),
        &owner(),
        by(Onto::Adopt),
        &[],
    );
    let target = replacement(step);
    assert_eq!(
        target.metadata.labels.unwrap().keys().collect::<Vec<_>>(),
        ["new"]
    );
    let owners = target.metadata.owner_references.unwrap();
    assert_eq!(
        owners.iter().map(|owner| owner.uid.as_str()).collect::<Vec<_>>(),
        ["ours"]
    );
}

#[test]
fn a_merge_keeps_entries_that_are_not_ours_and_the_type_that_stands() {
    let mut theirs = standing(&[("a", "1"), ("theirs", "2")], &[]);
    theirs.kind = Some("example.com/theirs".to_owned());
    theirs.metadata.owner_references = None;
    let ownership = Ownership {
        onto: Onto::Merge,
        owner_reference: false,
    };
    let target = replacement(plan(
        secret(&[("a", "3")], &[]),
        Some(&theirs),
        &owner(),
        ownership,
        &[],
    ));
    assert_eq!(target.data.keys().collect::<Vec<_>>(), ["a", "theirs"]);
    assert_eq!(target.data["a"].expose(), b"3");
    assert_eq!(target.kind.as_deref(), Some("example.com/theirs"));
    assert_eq!(target.metadata.owner_references, None);
}

#[test]
fn somebody_elses_secret_an_immutable_one_and_another_type_are_refused_each_with_its_reason() {
    let changed = || secret(&[("a", "2")], &[]);
    let mut there = standing(&[("a", "1")], &[]);
    assert_eq!(
        refusal(plan(changed(), Some(&there), &owner(), by(Onto::Refuse), &[])),
        "not-ours"
    );
    there.immutable = Some(true);
    assert_eq!(
        refusal(plan(changed(), Some(&there), &owner(), by(Onto::Replace), &[])),
        "immutable"
    );
    let mut typed = secret(&[("a", "1")], &[]);
    typed.kind = Some("kubernetes.io/tls".to_owned());
    assert_eq!(
        refusal(plan(typed, Some(&there), &owner(), by(Onto::Replace), &[])),
        "type-fixed"
    );
    let same = secret(&[("a", "1")], &[]);
    assert!(matches!(
        plan(same, Some(&there), &owner(), by(Onto::Replace), &[]),
        Step::Leave
    ));
}

#[test]
fn a_lost_owner_reference_is_drift_and_an_unwanted_one_is_removed() {
    let mut orphan = standing(&[("a", "1")], &[]);
    orphan.metadata.owner_references = None;
    let same = || secret(&[("a", "1")], &[]);
    let target = replacement(plan(same(), Some(&orphan), &owner(), by(Onto::Replace), &[]));
    assert_eq!(target.metadata.owner_references, Some(vec![owner()]));
    let skip = Ownership {
        onto: Onto::Replace,
        owner_reference: false,
    };
    let owned = standing(&[("a", "1")], &[]);
    let target = replacement(plan(same(), Some(&owned), &owner(), skip, &[]));
    assert_eq!(target.metadata.owner_references, None);
}
