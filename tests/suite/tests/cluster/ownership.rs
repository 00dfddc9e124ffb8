//! Whose Secret it is: taken over, merged into, left alone, kept as it should be.

use seal_api::{SealedSecret, annotations};
use seal_testbed::wait_for;
use serde_json::{Value, json};

use super::ground::{Controller, Place, SOON, place, place_of, value};

fn theirs(name: &str, marks: &[&str]) -> Value {
    let marks: serde_json::Map<String, Value> = marks
        .iter()
        .map(|mark| ((*mark).to_owned(), json!("true")))
        .collect();
    json!({"metadata": {"name": name, "annotations": marks, "labels": {"theirs": "1"}}, "stringData": {"foo": "theirs", "kept": "theirs"}})
}

async fn with_template(place: &Place, object: &SealedSecret, template: Value) {
    let mut object = serde_json::to_value(object).unwrap();
    object["spec"]["template"] = template;
    place.create_json(&object).await.unwrap();
}

#[tokio::test]
async fn case_15_somebody_elses_secret_is_not_touched_until_it_goes() {
    let place = place("unmanaged").await;
    let before = place.create_secret(theirs("db", &[])).await;
    place.create(&place.object("db", &[("foo", "bar")])).await;
    let (reason, message) = place.failed("db").await;
    assert_eq!(reason, "TargetNotOurs");
    assert_eq!(
        message,
        "failed update: Resource \"db\" already exists and is not managed by SealedSecret"
    );
    let event = place.event("db", "ErrUpdateFailed").await;
    assert_eq!(
        event.message.as_deref(),
        Some("Resource \"db\" already exists and is not managed by SealedSecret")
    );
    let now = place.secret("db").await;
    assert_eq!(now.metadata.resource_version, before.metadata.resource_version);
    // Upstream forgets the object here until it changes or the controller starts anew.
    place.delete_secret("db").await;
    place
        .secret_that("db", |secret| value(secret, "foo").as_deref() == Some("bar"))
        .await;
    place.synced("db").await;
}

#[tokio::test]
async fn case_16_a_managed_secret_is_taken_over_whole() {
    let place = place("managed").await;
    place.create_secret(theirs("db", &[annotations::MANAGED])).await;
    place.create(&place.object("db", &[("foo", "bar")])).await;
    let object = place.synced("db").await;
    let secret = place.secret("db").await;
    assert_eq!(
        (value(&secret, "foo").as_deref(), value(&secret, "kept")),
        (Some("bar"), None)
    );
    assert_eq!(
        (secret.metadata.labels, secret.metadata.annotations),
        (None, None)
    );
    assert_eq!(
        Some(&secret.metadata.owner_references.unwrap()[0].uid),
        object.metadata.uid.as_ref()
    );
}

#[tokio::test]
async fn case_17_a_patched_secret_is_merged_into_and_owned_only_when_managed_too() {
    let place = place("patched").await;
    for (name, marks, owned) in [
        ("merged", &[annotations::PATCH][..], false),
        ("both", &[annotations::PATCH, annotations::MANAGED][..], true),
    ] {
        place.create_secret(theirs(name, marks)).await;
        place.create(&place.object(name, &[("foo", "bar")])).await;
        place.synced(name).await;
        let secret = place.secret(name).await;
        assert_eq!(value(&secret, "foo").as_deref(), Some("bar"));
        assert_eq!(value(&secret, "kept").as_deref(), Some("theirs"));
        assert_eq!(secret.metadata.labels.as_ref().unwrap()["theirs"], "1");
        assert_eq!(secret.metadata.owner_references.is_some(), owned, "{name}");
    }
    place
        .create_secret(json!({"metadata": {"name": "bare", "annotations": {annotations::PATCH: "true"}}}))
        .await;
    place.create(&place.object("bare", &[("foo", "bar")])).await;
    place
        .secret_that("bare", |secret| value(secret, "foo").as_deref() == Some("bar"))
        .await;
}

#[tokio::test]
async fn case_18_a_deleted_secret_is_made_again() {
    let place = place("recreated").await;
    place.create(&place.object("db", &[("foo", "bar")])).await;
    place.synced("db").await;
    let first = place.secret("db").await.metadata.uid;
    place.delete_secret("db").await;
    place
        .secret_that("db", |secret| secret.metadata.uid != first)
        .await;
}

#[tokio::test]
async fn case_18_a_deleted_secret_stays_away_where_secrets_are_not_watched() {
    let controller = Controller::start("no-watch", &["--skip-recreate", "--all-namespaces=false"])
        .await
        .unwrap();
    let place = place_of(&controller).await;
    place.create(&place.object("db", &[("foo", "bar")])).await;
    place.synced("db").await;
    place.delete_secret("db").await;
    // What comes after it has been done, and it has not.
    place.create(&place.object("later", &[("foo", "bar")])).await;
    place.synced("later").await;
    assert!(place.secrets().get_opt("db").await.unwrap().is_none());
    let audit = super::ground::plane().await.audit();
    let watches = audit
        .all()
        .await
        .unwrap()
        .user("no-watch:seal")
        .resource("secrets")
        .verb("watch");
    let keys_only = watches
        .calls
        .iter()
        .all(|call| call.uri.contains("labelSelector="));
    assert!(keys_only && !watches.is_empty(), "{watches}");
}

#[tokio::test]
async fn case_19_an_immutable_secret_is_left_and_said_so_once() {
    let place = place("immutable").await;
    with_template(
        &place,
        &place.object("db", &[("foo", "bar")]),
        json!({"immutable": true}),
    )
    .await;
    place.synced("db").await;
    assert_eq!(place.secret("db").await.immutable, Some(true));
    let changed = place.object("db", &[("foo", "new")]);
    place
        .patch_object(
            "db",
            json!({"spec": {"encryptedData": changed.spec.encrypted_data}}),
        )
        .await;
    let (reason, message) = place.failed("db").await;
    assert_eq!(reason, "TargetImmutable");
    assert!(message.contains("the target Secret is immutable"), "{message}");
    let event = place.event("db", "ErrUpdateFailed").await;
    assert!(event.message.unwrap().contains("the target Secret is immutable"));
    assert_eq!(event.count, Some(1));
    assert_eq!(place.failed("db").await.0, "TargetImmutable");
    let object = place.objects().get("db").await.unwrap();
    assert_eq!(object.status.unwrap().observed_generation, Some(2));
    assert_eq!(value(&place.secret("db").await, "foo").as_deref(), Some("bar"));
    // Following the remedy.
    place.delete_secret("db").await;
    place
        .secret_that("db", |secret| value(secret, "foo").as_deref() == Some("new"))
        .await;
}

#[tokio::test]
async fn a_change_of_type_is_told_and_not_tried_against_the_api_server() {
    let place = place("retyped").await;
    place.create(&place.object("db", &[("foo", "bar")])).await;
    place.synced("db").await;
    place
        .patch_object("db", json!({"spec": {"template": {"type": "example.com/other"}}}))
        .await;
    assert_eq!(place.failed("db").await.0, "TargetTypeFixed");
    assert_eq!(place.secret("db").await.type_.as_deref(), Some("Opaque"));
}

#[tokio::test]
async fn without_owner_reference_the_secret_stays_ours_through_changes() {
    let place = place("ownerless").await;
    let template = json!({"metadata": {"annotations": {annotations::SKIP_SET_OWNER_REFERENCES: "true"}}});
    with_template(&place, &place.object("db", &[("foo", "one")]), template).await;
    // Upstream reports a failure on the Secret that it has just made.
    place.synced("db").await;
    assert_eq!(place.secret("db").await.metadata.owner_references, None);
    let changed = place.object("db", &[("foo", "two")]);
    place
        .patch_object(
            "db",
            json!({"spec": {"encryptedData": changed.spec.encrypted_data}}),
        )
        .await;
    place
        .secret_that("db", |secret| value(secret, "foo").as_deref() == Some("two"))
        .await;
    place.synced("db").await;
}

#[tokio::test]
async fn drift_in_data_labels_and_owner_is_healed_and_foreign_metadata_is_kept() {
    let place = place("drift").await;
    let template = json!({"metadata": {"labels": {"ours": "1"}, "annotations": {"ours": "1"}}});
    with_template(&place, &place.object("db", &[("foo", "bar")]), template).await;
    place.synced("db").await;
    let foreign = json!({"metadata": {"labels": {"foreign": "1"}, "annotations": {"foreign": "1"}}});
    place.patch_secret("db", foreign).await;
    place
        .patch_secret("db", json!({"data": {"foo": "aGFja2Vk", "more": "eA=="}}))
        .await;
    let healed = |secret: &k8s_openapi::api::core::v1::Secret| {
        value(secret, "foo").as_deref() == Some("bar") && value(secret, "more").is_none()
    };
    let secret = place.secret_that("db", healed).await;
    assert_eq!(secret.metadata.labels.unwrap()["foreign"], "1");
    assert_eq!(secret.metadata.annotations.unwrap()["foreign"], "1");
    place
        .patch_secret(
            "db",
            json!({"metadata": {"labels": {"ours": "2"}, "ownerReferences": null}}),
        )
        .await;
    let secret = place.secret_that("db", |secret| {
        secret
            .metadata
            .labels
            .as_ref()
            .is_some_and(|labels| labels["ours"] == "1")
            && secret.metadata.owner_references.is_some()
    });
    assert_eq!(secret.await.metadata.labels.unwrap()["foreign"], "1");
    // What the object no longer names goes; what others put there stays.
    place
        .patch_object(
            "db",
            json!({"spec": {"template": {"metadata": {"labels": null}}}}),
        )
        .await;
    let secret = place.secret_that("db", |secret| {
        secret
            .metadata
            .labels
            .as_ref()
            .is_some_and(|labels| !labels.contains_key("ours"))
    });
    assert_eq!(secret.await.metadata.labels.unwrap()["foreign"], "1");
}

#[tokio::test]
async fn sealing_keys_and_dangerous_types_are_never_made() {
    let place = place("reserved").await;
    let key = json!({"metadata": {"labels": {annotations::KEY_LABEL: "active"}}});
    with_template(&place, &place.object("key", &[("tls.key", "x")]), key).await;
    assert_eq!(place.failed("key").await.0, "Reserved");
    let token = json!({"type": "kubernetes.io/service-account-token",
        "metadata": {"annotations": {"kubernetes.io/service-account.name": "default"}}});
    with_template(&place, &place.object("token", &[]), token).await;
    assert_eq!(place.failed("token").await.0, "DangerousType");
    for name in ["key", "token"] {
        assert!(place.secrets().get_opt(name).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn nobody_is_troubled_by_what_does_not_concern_a_sealed_secret() {
    let place = place("unconcerned").await;
    Controller::shared().await;
    let audit = super::ground::plane().await.audit();
    let mark = audit.mark().await.unwrap();
    place.create_secret(json!({"metadata": {"name": "theirs"}})).await;
    place.delete_secret("theirs").await;
    place.create(&place.object("ours", &[("foo", "bar")])).await;
    place.synced("ours").await;
    let quiet = wait_for("the audit log", SOON, async || Ok(Some(audit.since(mark).await?)))
        .await
        .unwrap();
    let calls = quiet.user("seal:seal").namespace(&place.namespace).name("theirs");
    assert!(calls.is_empty(), "{calls}");
}
