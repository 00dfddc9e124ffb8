use seal_core::Plaintext;
use serde_json::{Value, json};

use super::super::policy::{Target, target};
use super::*;

fn object(target: Value) -> ExternalSecret {
    serde_json::from_value(json!({
        "apiVersion": names::API_VERSION, "kind": names::EXTERNAL_SECRET,
        "metadata": {"name": "c-tok", "namespace": "es1", "uid": "u1"},
        "spec": {"target": target},
    }))
    .unwrap()
}

fn secret(value: Value) -> Secret {
    let mut secret = Secret::from_json(value.to_string().as_bytes()).unwrap();
    secret.metadata.namespace = Some("es1".to_owned());
    secret
}

fn desired(entries: &[(&str, &str)]) -> Secret {
    let mut desired = Secret::default();
    desired.metadata.name = Some("c-tok".to_owned());
    desired.metadata.namespace = Some("es1".to_owned());
    for (entry, value) in entries {
        desired
            .data
            .insert((*entry).to_owned(), Plaintext::copied(value.as_bytes()));
    }
    desired
}

fn planned(object: &ExternalSecret, desired: Secret, standing: Option<&Secret>) -> Step {
    match target(object, standing) {
        Target::Write(ownership) => plan(object, desired, standing, ownership),
        other => panic!("{other:?}"),
    }
}

fn written(step: Step) -> Secret {
    match step {
        Step::Create(secret) | Step::Replace(secret) => secret,
        Step::Leave => panic!("left"),
        Step::Refuse(fault) => panic!("{fault}"),
    }
}

// As the API server has it after a write of ours.
fn stored(mut secret: Secret, name: &str) -> Secret {
    let entries: serde_json::Map<String, Value> = secret
        .data
        .keys()
        .map(|entry| (format!("f:{entry}"), json!({})))
        .collect();
    let names = |all: &Metadata| -> Value {
        all.iter()
            .flatten()
            .map(|(name, _)| (format!("f:{name}"), json!({})))
            .collect()
    };
    let fields = json!({"f:data": entries, "f:metadata": {"f:labels": names(&secret.metadata.labels), "f:annotations": names(&secret.metadata.annotations)}});
    secret.metadata.managed_fields = serde_json::from_value(
        json!([{"manager": field_manager(name), "operation": "Update", "fieldsV1": fields}]),
    )
    .unwrap();
    secret.metadata.uid = Some("s1".to_owned());
    secret.metadata.resource_version = Some("7".to_owned());
    secret.kind = Some("Opaque".to_owned());
    secret
}

const THREE: &[(&str, &str)] = &[("a", "va1"), ("b", "vb1"), ("c", "vc1")];

// The marks of a live Secret of the real controller.
#[test]
fn a_secret_that_is_owned_gets_the_marks_of_the_real_controller() {
    let made = written(planned(&object(json!({})), desired(THREE), None));
    let labels = made.metadata.labels.unwrap();
    assert_eq!(labels[names::MANAGED], "true");
    assert_eq!(
        labels[names::CREATED_BY],
        "f85d56fd30f53ca995585cda3de1e7c8c6a8fa2f342a76bfe8499be9"
    );
    let annotations = made.metadata.annotations.unwrap();
    assert_eq!(
        annotations[names::DATA_HASH],
        "ceb3ea1a6578ba168c1aaa7c3910157b6ba85418d68d1e2fb9857920"
    );
    let owners = serde_json::to_value(made.metadata.owner_references).unwrap();
    assert_eq!(
        owners,
        json!([{"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "name": "c-tok", "uid": "u1",
            "controller": true, "blockOwnerDeletion": true}])
    );
}

#[test]
fn orphans_and_merged_secrets_have_no_owner() {
    for policy in ["Orphan", "CreateOrMerge"] {
        let made = written(planned(
            &object(json!({"creationPolicy": policy})),
            desired(THREE),
            None,
        ));
        let labels = made.metadata.labels.unwrap();
        assert!(labels.contains_key(names::MANAGED) && !labels.contains_key(names::CREATED_BY));
        assert!(made.metadata.owner_references.is_none());
    }
}

#[test]
fn what_is_as_it_should_be_is_left_under_every_policy() {
    for policy in ["Owner", "Orphan", "CreateOrMerge"] {
        let object = object(json!({"creationPolicy": policy}));
        let standing = stored(written(planned(&object, desired(THREE), None)), "c-tok");
        assert!(
            matches!(planned(&object, desired(THREE), Some(&standing)), Step::Leave),
            "{policy}"
        );
    }
}

#[test]
fn merging_keeps_foreign_entries_and_its_hash_is_over_all() {
    let object = object(json!({"creationPolicy": "Merge"}));
    let standing = stored(
        secret(json!({"metadata": {"name": "c-tok", "labels": {"theirs": "l"}}, "data": {"x": "MQ=="}})),
        "another",
    );
    let merged = written(planned(&object, desired(THREE), Some(&standing)));
    assert_eq!(merged.data.len(), 4);
    assert_eq!(merged.metadata.labels.as_ref().unwrap()["theirs"], "l");
    assert_eq!(
        merged.metadata.annotations.as_ref().unwrap()[names::DATA_HASH],
        "12943a2af0508b1db6e1c1a13d0999892779d6f339a34094922aa575"
    );
    assert_eq!(merged.metadata.resource_version.as_deref(), Some("7"));
}

#[test]
fn what_was_written_before_and_is_wanted_no_longer_goes() {
    for (policy, kept) in [("Owner", false), ("Merge", true)] {
        let object = object(json!({"creationPolicy": policy}));
        let mut first = desired(THREE);
        first.metadata.labels = Some([("old".to_owned(), "1".to_owned())].into());
        first.metadata.annotations = Some([("old".to_owned(), "1".to_owned())].into());
        let mut standing = secret(json!({"metadata": {"name": "c-tok"}}));
        standing = stored(written(planned(&object, first, Some(&standing))), "c-tok");
        standing
            .data
            .insert("foreign".to_owned(), Plaintext::copied(b"f"));
        standing
            .metadata
            .labels
            .as_mut()
            .unwrap()
            .insert("theirs".to_owned(), "l".to_owned());
        let second = written(planned(&object, desired(&[("a", "va1")]), Some(&standing)));
        let entries: Vec<_> = second.data.keys().map(String::as_str).collect();
        assert_eq!(
            entries,
            if kept { vec!["a", "foreign"] } else { vec!["a"] },
            "{policy}"
        );
        let labels = second.metadata.labels.unwrap();
        assert!(labels.contains_key("theirs") && !labels.contains_key("old"));
        assert!(!second.metadata.annotations.unwrap().contains_key("old"));
    }
}

// Upstream looks for labels under another name than it writes them, if the name has 28 to 63 characters.
#[test]
fn stale_labels_go_for_names_of_every_length() {
    for name in ["a".repeat(10), "a".repeat(40), "a".repeat(70)] {
        let metadata = stored(
            secret(json!({"metadata": {"name": "x", "labels": {"old": "1"}}})),
            &name,
        )
        .metadata;
        assert!(Managed::of(&metadata, &name).labels.contains("old"), "{name}");
    }
    let metadata = stored(secret(json!({"metadata": {"labels": {"old": "1"}}})), "another").metadata;
    assert_eq!(Managed::of(&metadata, "mine"), Managed::default());
}

#[test]
fn who_owns_it_no_longer_takes_reference_and_label_away() {
    let standing = stored(
        written(planned(&object(json!({})), desired(THREE), None)),
        "c-tok",
    );
    for policy in ["Orphan", "Merge", "CreateOrMerge"] {
        let changed = written(planned(
            &object(json!({"creationPolicy": policy})),
            desired(THREE),
            Some(&standing),
        ));
        assert!(changed.metadata.owner_references.is_none(), "{policy}");
        assert!(
            !changed.metadata.labels.unwrap().contains_key(names::CREATED_BY),
            "{policy}"
        );
    }
}

#[test]
fn a_secret_that_is_taken_over_loses_foreign_entries_and_keeps_foreign_labels() {
    let standing = stored(
        secret(
            json!({"metadata": {"name": "c-tok", "labels": {"theirs": "l"}}, "data": {"x": "MQ==", "a": "MQ=="}}),
        ),
        "another",
    );
    let taken = written(planned(&object(json!({})), desired(THREE), Some(&standing)));
    assert_eq!(taken.data.len(), 3);
    assert_eq!(taken.metadata.labels.unwrap()["theirs"], "l");
    assert_eq!(taken.metadata.owner_references.unwrap().len(), 1);
}

#[test]
fn an_immutable_secret_is_refused_before_anything_of_it_is_touched() {
    for own in [json!({}), json!({"immutable": true})] {
        let mut standing = stored(
            secret(json!({"metadata": {"name": "c-tok"}, "data": {"a": "MQ=="}})),
            "another",
        );
        standing.immutable = Some(true);
        let Step::Refuse(fault) = planned(&object(own), desired(THREE), Some(&standing)) else {
            panic!("refused");
        };
        assert_eq!(
            fault.to_string(),
            "unable to update secret c-tok: secret is immutable"
        );
    }
}

#[test]
fn an_immutable_secret_with_the_right_values_gets_its_marks_and_is_then_left() {
    let object = object(json!({"immutable": true}));
    let made = written(planned(&object, desired(THREE), None));
    assert_eq!(made.immutable, Some(true));
    let standing = stored(made, "c-tok");
    assert!(matches!(
        planned(&object, desired(THREE), Some(&standing)),
        Step::Leave
    ));
    let mut unmarked = standing.duplicate();
    unmarked.metadata.labels = None;
    assert!(
        written(planned(&object, desired(THREE), Some(&unmarked)))
            .metadata
            .labels
            .is_some()
    );
}

#[test]
fn finalizers_of_the_template_are_added_and_foreign_ones_stay() {
    let mut wanted = desired(THREE);
    wanted.metadata.finalizers = Some(vec!["ours/f".to_owned()]);
    let standing = stored(
        secret(json!({"metadata": {"name": "c-tok", "finalizers": ["theirs/f"]}})),
        "another",
    );
    let changed = written(planned(&object(json!({})), wanted, Some(&standing)));
    assert_eq!(changed.metadata.finalizers.unwrap(), ["theirs/f", "ours/f"]);
}

#[test]
fn a_type_cannot_change_and_an_absent_one_is_that_of_the_standing_secret() {
    let mut standing = stored(secret(json!({"metadata": {"name": "c-tok"}})), "another");
    standing.kind = Some("kubernetes.io/tls".to_owned());
    let kept = written(planned(&object(json!({})), desired(THREE), Some(&standing)));
    assert_eq!(kept.kind.as_deref(), Some("kubernetes.io/tls"));
    let mut wanted = desired(THREE);
    wanted.kind = Some("Opaque".to_owned());
    assert!(
        matches!(planned(&object(json!({})), wanted, Some(&standing)), Step::Refuse(fault) if fault.kind.code == "type-fixed")
    );
}
