use serde_json::{Value, json};

use super::*;
use crate::fault::summary;

fn object(target: Value) -> ExternalSecret {
    serde_json::from_value(json!({
        "apiVersion": names::API_VERSION, "kind": names::EXTERNAL_SECRET,
        "metadata": {"name": "ours", "namespace": "prod", "uid": "u1"},
        "spec": {"target": target},
    }))
    .unwrap()
}

fn of(creation: &str, deletion: &str) -> ExternalSecret {
    object(json!({"creationPolicy": creation, "deletionPolicy": deletion}))
}

fn owner(api_version: &str, kind: &str, name: &str, uid: &str) -> OwnerReference {
    OwnerReference {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        name: name.to_owned(),
        uid: uid.to_owned(),
        controller: Some(true),
        block_owner_deletion: None,
    }
}

fn standing(owner: Option<OwnerReference>) -> Secret {
    let mut secret = Secret::default();
    secret.metadata.name = Some("ours".to_owned());
    secret.metadata.namespace = Some("prod".to_owned());
    secret.metadata.owner_references = owner.map(|owner| vec![owner]);
    secret
}

fn verdict(target: &Target) -> String {
    match target {
        Target::Write(ownership) => format!("{:?} {}", ownership.onto, ownership.owner_reference),
        Target::Wait => "wait".to_owned(),
        Target::Nothing => "nothing".to_owned(),
        Target::Refuse(fault) => fault.kind.code.to_owned(),
    }
}

// house.md §6, and upstream's rule that another ExternalSecret's Secret is nobody else's.
#[test]
fn the_table_of_the_external_secrets_dialect() {
    let ours = || owner("external-secrets.io/v1", "ExternalSecret", "ours", "u1");
    let ours_before = || owner("external-secrets.io/v1beta1", "ExternalSecret", "ours", "u0");
    let theirs = || owner("external-secrets.io/v1", "ExternalSecret", "theirs", "u2");
    let foreign = || owner("bitnami.com/v1alpha1", "SealedSecret", "ours", "u3");
    let (another, controlled) = ("owned-by-another", "controlled-by-another");
    #[rustfmt::skip]
    let rows = [
        // policy          absent            un-owned         ours              ours, made anew   another ES  another's
        ("Owner",         ["Replace true",  "Replace true",  "Replace true",  "Replace true",  another,    controlled]),
        ("Orphan",        ["Replace false", "Replace false", "Replace false", "Replace false", another,    "Replace false"]),
        ("Merge",         ["wait",          "Merge false",   "Merge false",   "Merge false",   another,    "Merge false"]),
        ("CreateOrMerge", ["Merge false",   "Merge false",   "Merge false",   "Merge false",   another,    "Merge false"]),
        ("None",          ["nothing"; 6]),
    ];
    for (policy, expected) in rows {
        let object = of(policy, "Retain");
        let found = [
            None,
            Some(standing(None)),
            Some(standing(Some(ours()))),
            Some(standing(Some(ours_before()))),
            Some(standing(Some(theirs()))),
            Some(standing(Some(foreign()))),
        ]
        .map(|standing| verdict(&target(&object, standing.as_ref())));
        assert_eq!(found, expected, "{policy}");
    }
}

#[test]
fn refusals_say_whose_it_is_in_upstreams_words() {
    let told = |owner| match target(&of("Owner", "Retain"), Some(&standing(Some(owner)))) {
        Target::Refuse(fault) => summary(&[fault]),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        told(owner("external-secrets.io/v1", "ExternalSecret", "theirs", "u2")),
        "unable to mutate secret ours: secret is owned by another ExternalSecret: theirs"
    );
    assert_eq!(
        told(owner("apps/v1", "Deployment", "web", "u2")),
        "unable to mutate secret ours: could not set controller reference on secret: it is controlled by Deployment web"
    );
}

#[test]
fn without_values_the_deletion_policy_decides_and_only_what_is_ours_is_deleted() {
    let ours = || {
        Some(standing(Some(owner(
            "external-secrets.io/v1",
            "ExternalSecret",
            "ours",
            "u1",
        ))))
    };
    let before = || {
        Some(standing(Some(owner(
            "external-secrets.io/v1",
            "ExternalSecret",
            "ours",
            "u0",
        ))))
    };
    let theirs = || {
        Some(standing(Some(owner(
            "external-secrets.io/v1",
            "ExternalSecret",
            "theirs",
            "u2",
        ))))
    };
    let found = |creation, deletion, standing: Option<Secret>| match emptied(
        &of(creation, deletion),
        standing.as_ref(),
    ) {
        Emptied::Delete => "delete",
        Emptied::Gone => "gone",
        Emptied::Retain => "retain",
        Emptied::Write => "write",
        Emptied::Refuse(fault) => fault.kind.code,
    };
    assert_eq!(found("Owner", "Delete", ours()), "delete");
    assert_eq!(found("Owner", "Delete", None), "gone");
    assert_eq!(found("Owner", "Delete", Some(standing(None))), "gone");
    assert_eq!(found("Owner", "Delete", before()), "gone");
    assert_eq!(found("Owner", "Delete", theirs()), "owned-by-another");
    assert_eq!(found("Orphan", "Delete", ours()), "delete-refused");
    for standing in [ours, theirs, || None] {
        assert_eq!(found("Owner", "Retain", standing()), "retain");
        assert_eq!(found("Owner", "Merge", standing()), "write");
    }
}

#[test]
fn only_what_this_object_made_under_another_name_is_left_over() {
    let object = object(json!({"name": "new"}));
    let mut secret = standing(Some(owner(
        "external-secrets.io/v1",
        "ExternalSecret",
        "ours",
        "u1",
    )))
    .metadata;
    assert!(!is_left_over(&object, &secret));
    let label = (names::CREATED_BY.to_owned(), created_by("prod", "ours"));
    secret.labels = Some([label].into());
    assert!(is_left_over(&object, &secret));
    let changes: [fn(&mut ObjectMeta); 4] = [
        |secret| secret.name = Some("new".to_owned()),
        |secret| secret.namespace = Some("staging".to_owned()),
        // Whoever may label a Secret may not have it deleted.
        |secret| secret.owner_references = None,
        |secret| secret.owner_references.as_mut().unwrap()[0].uid = "u2".to_owned(),
    ];
    for change in changes {
        let mut secret = secret.clone();
        change(&mut secret);
        assert!(!is_left_over(&object, &secret));
    }
}

#[test]
fn a_changed_value_a_lost_label_and_a_lost_secret_are_seen() {
    let whole = || {
        let mut secret = standing(None);
        secret
            .data
            .insert("a".to_owned(), seal_core::Plaintext::copied(b"1"));
        secret.metadata.labels = Some([(names::MANAGED.to_owned(), "true".to_owned())].into());
        let hash = data_hash(&secret.data);
        secret.metadata.annotations = Some([(names::DATA_HASH.to_owned(), hash)].into());
        secret
    };
    let object = of("Owner", "Retain");
    assert!(is_as_left(&object, Some(&whole())));
    let changes: [fn(&mut Secret); 4] = [
        |secret| {
            secret
                .data
                .insert("a".to_owned(), seal_core::Plaintext::copied(b"2"));
        },
        |secret| secret.data.clear(),
        |secret| secret.metadata.labels = None,
        |secret| secret.metadata.annotations = None,
    ];
    for change in changes {
        let mut secret = whole();
        change(&mut secret);
        assert!(!is_as_left(&object, Some(&secret)));
        assert!(is_as_left(&of("Orphan", "Retain"), Some(&secret)));
    }
    assert!(!is_as_left(&object, None) && is_as_left(&of("Orphan", "Retain"), None));
}
