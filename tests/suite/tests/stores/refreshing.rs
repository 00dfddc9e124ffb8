//! When values are fetched again, and what is written then: cases 18 to 22 and 30.

use kube::api::PatchParams;
use seal_api::external_secrets::ExternalSecret;
use serde_json::{Value, json};

use super::ground::{CONTROLLER, Place, ground, value};

fn data(path: &str) -> Value {
    json!([{"secretKey": "a", "remoteRef": {"key": path, "property": "a"}}])
}

fn synced(object: &ExternalSecret) -> Option<String> {
    object.status.as_ref()?.synced_resource_version.clone()
}

#[tokio::test]
async fn case_18_and_22_what_did_not_change_is_not_written() {
    let place = Place::new("case-18").await;
    place.write("app", &json!({"a": "one"})).await;
    place.make_secret("shared", &[("b", "theirs")]).await;
    let own = json!({"refreshInterval": "1s", "data": data("case-18/app")});
    place.external("own", own.clone()).await;
    let mut merged = own;
    merged["target"] = json!({"name": "shared", "creationPolicy": "Merge"});
    place.external("merged", merged).await;
    let own = place.holds("own", "a", "one").await;
    let shared = place.holds("shared", "a", "one").await;
    place.ready("own", "True").await;
    let first = place.objects().get("own").await.unwrap();
    let first = first.status.unwrap().refresh_time;
    let reads = place.reads("app").await;
    place
        .object_that("own", |object| {
            object
                .status
                .as_ref()
                .is_some_and(|status| status.refresh_time > first)
        })
        .await;
    place.time_passes(3).await;
    assert!(place.reads("app").await > reads);
    for (name, before) in [("own", own), ("shared", shared)] {
        let after = place.secrets().get(name).await.unwrap();
        assert_eq!(
            after.metadata.resource_version, before.metadata.resource_version,
            "{name}"
        );
    }
    let shared = place.secrets().get("shared").await.unwrap();
    assert_eq!(value(&shared, "b").as_deref(), Some("theirs"));
    let labels = shared.metadata.labels.unwrap();
    assert!(!labels.contains_key("reconcile.external-secrets.io/created-by"));
    let managers: Vec<_> = shared
        .metadata
        .managed_fields
        .unwrap()
        .into_iter()
        .filter_map(|of| of.manager)
        .collect();
    assert!(
        managers.len() > 1,
        "whoever made it keeps his entries: {managers:?}"
    );
    // The hash is over all that is in it, as upstream's is: a=one, b=theirs.
    let hash = seal_engine::external_secret::hash::data_hash(
        &[
            ("a".to_owned(), seal_core::Plaintext::copied(b"one")),
            ("b".to_owned(), seal_core::Plaintext::copied(b"theirs")),
        ]
        .into(),
    );
    assert_eq!(
        shared.metadata.annotations.unwrap()["reconcile.external-secrets.io/data-hash"],
        hash
    );
}

#[tokio::test]
async fn case_19_an_orphan_is_restored_when_it_is_due_and_an_owned_one_at_once() {
    let place = Place::new("case-19").await;
    place.write("app", &json!({"a": "one"})).await;
    let orphan = |interval: &str| json!({"refreshInterval": interval, "target": {"creationPolicy": "Orphan"}, "data": data("case-19/app")});
    place.external("due", orphan("2s")).await;
    place.external("rare", orphan("1h")).await;
    place
        .external("owned", json!({"data": data("case-19/app")}))
        .await;
    for name in ["due", "rare", "owned"] {
        let secret = place.holds(name, "a", "one").await;
        assert_eq!(secret.metadata.owner_references.is_some(), name == "owned");
        place.ready(name, "True").await;
        place
            .patch_secret(name, json!({"stringData": {"a": "forged"}}))
            .await;
    }
    place.holds("owned", "a", "one").await;
    place.holds("due", "a", "one").await;
    place.time_passes(2).await;
    let rare = place.secrets().get("rare").await.unwrap();
    assert_eq!(value(&rare, "a").as_deref(), Some("forged"));
    place.delete_object("rare").await;
    assert!(place.secrets().get_opt("rare").await.unwrap().is_some());
}

/// Unlike upstream, which never looks at such an object again: a difference with a switch.
#[tokio::test]
async fn case_20_an_interval_of_zero_hears_of_changes_and_of_nothing_else() {
    let place = Place::new("case-20").await;
    place.write("app", &json!({"a": "one"})).await;
    place
        .external(
            "app",
            json!({"refreshInterval": "0", "data": data("case-20/app")}),
        )
        .await;
    place.holds("app", "a", "one").await;
    place.ready("app", "True").await;
    place.write("app", &json!({"a": "two"})).await;
    place.time_passes(2).await;
    assert_eq!(place.reads("app").await, 1);
    let forced = json!({"metadata": {"annotations": {"force-sync": "1"}}});
    place.patch("ExternalSecret", "app", forced).await;
    place.holds("app", "a", "two").await;
}

#[tokio::test]
async fn case_21_on_change_and_created_once_mean_what_they_say() {
    let place = Place::new("case-21").await;
    place.write("app", &json!({"a": "one"})).await;
    let of =
        |policy: &str| json!({"refreshPolicy": policy, "refreshInterval": "1s", "data": data("case-21/app")});
    place.external("changing", of("OnChange")).await;
    place.external("once", of("CreatedOnce")).await;
    for name in ["changing", "once"] {
        place.holds(name, "a", "one").await;
        place.ready(name, "True").await;
    }
    let reads = place.reads("app").await;
    place.write("app", &json!({"a": "two"})).await;
    place.time_passes(2).await;
    assert_eq!(place.reads("app").await, reads);
    let label = json!({"metadata": {"labels": {"touched": "x"}}});
    for name in ["changing", "once"] {
        place.patch("ExternalSecret", name, label.clone()).await;
    }
    place.holds("changing", "a", "two").await;
    place.time_passes(2).await;
    let once = place.secrets().get("once").await.unwrap();
    assert_eq!(value(&once, "a").as_deref(), Some("one"));
    place.delete_object("once").await;
    place.external("once", of("CreatedOnce")).await;
    place.holds("once", "a", "two").await;
}

/// And the first fault that was not known before: upstream adds a finalizer by an update that rewrites the spec.
#[tokio::test]
async fn case_30_nothing_of_an_object_is_written_but_its_status_and_that_once() {
    let place = Place::new("case-30").await;
    place.write("app", &json!({"a": "one"})).await;
    let spec =
        json!({"refreshInterval": "1h", "secretStoreRef": {"name": "vault"}, "data": data("case-30/app")});
    let object = json!({"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "metadata": {"name": "app"}, "spec": spec});
    let applied = kube::api::Patch::Apply(&object);
    place
        .objects()
        .patch("app", &PatchParams::apply("gitops"), &applied)
        .await
        .unwrap();
    place.holds("app", "a", "one").await;
    let before = place.object_that("app", |object| synced(object).is_some()).await;
    place.time_passes(3).await;
    let after = place.objects().get("app").await.unwrap();
    assert_eq!(after.metadata.resource_version, before.metadata.resource_version);
    assert_eq!(after.metadata.generation, Some(1));
    assert!(after.metadata.finalizers.is_none());
    assert_eq!(
        serde_json::to_value(&after.spec).unwrap()["refreshInterval"],
        "1h"
    );
    for fields in after.metadata.managed_fields.unwrap() {
        let (manager, part) = (fields.manager.unwrap(), fields.subresource);
        assert!(
            manager == "gitops" || part.as_deref() == Some("status"),
            "{manager}"
        );
    }
    // Whoever applies it again meets no conflict.
    place
        .objects()
        .patch("app", &PatchParams::apply("gitops"), &applied)
        .await
        .unwrap();
    let calls = ground()
        .await
        .plane
        .audit()
        .all()
        .await
        .unwrap()
        .user(CONTROLLER)
        .writes();
    let ours = calls.namespace("case-30").name("app");
    let told: Vec<String> = ours
        .calls
        .iter()
        .map(|call| format!("{} {}/{}", call.verb, call.resource, call.subresource))
        .collect();
    assert_eq!(told, ["create secrets/", "patch externalsecrets/status"]);
}
