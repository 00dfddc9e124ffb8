//! Values that nobody wrote anywhere: when they are new, and when they must stay what they are.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::PostParams;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use seal_api::external_secrets::names;
use serde_json::{Value, json};

use super::ground::{Place, SOON, launch, place_on, start, value};

async fn generator(place: &Place, kind: &str, name: &str, spec: Value) {
    let gvk = GroupVersionKind::gvk(names::GENERATORS_GROUP, "v1alpha1", kind);
    let resource = ApiResource::from_gvk_with_plural(&gvk, &format!("{}s", kind.to_lowercase()));
    let all: Api<DynamicObject> = match kind {
        names::CLUSTER_GENERATOR => Api::all_with(place.client.clone(), &resource),
        _ => Api::namespaced_with(place.client.clone(), &place.name, &resource),
    };
    let object = json!({"apiVersion": names::GENERATORS_API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec});
    let object: DynamicObject = serde_json::from_value(object).unwrap();
    all.create(&PostParams::default(), &object).await.unwrap();
}

fn from(kind: &str, name: &str) -> Value {
    json!({"sourceRef": {"generatorRef": {"kind": kind, "name": name}}})
}

fn values(secret: &Secret) -> BTreeMap<String, Vec<u8>> {
    let data = secret.data.clone().unwrap_or_default();
    data.into_iter().map(|(entry, bytes)| (entry, bytes.0)).collect()
}

async fn first(place: &Place, name: &str, entries: usize) -> Secret {
    place
        .secret_that(name, |secret| values(secret).len() == entries)
        .await
}

#[tokio::test]
async fn each_refresh_makes_new_values() {
    let place = Place::new("refreshed").await;
    generator(&place, "Password", "password", json!({})).await;
    generator(&place, "UUID", "uuid", json!({})).await;
    let data_from = [from("Password", "password"), from("UUID", "uuid")];
    place
        .external("app", json!({"refreshInterval": "2s", "dataFrom": data_from}))
        .await;
    let before = values(&first(&place, "app", 2).await);
    assert_eq!((before["password"].len(), before["uuid"].len()), (24, 36));
    place
        .secret_that("app", |secret| {
            let now = values(secret);
            now["password"] != before["password"] && now["uuid"] != before["uuid"]
        })
        .await;
    assert_eq!(place.ready("app", "True").await.0, "SecretSynced");
}

#[tokio::test]
async fn between_refreshes_values_stay_whatever_happens_to_the_secret() {
    let place = Place::new("steady").await;
    generator(&place, "Password", "password", json!({"secretKeys": ["a", "b"]})).await;
    generator(&place, "UUID", "uuid", json!({})).await;
    generator(
        &place,
        "SSHKey",
        "key",
        json!({"keyType": "ed25519", "comment": "ada"}),
    )
    .await;
    let data_from = [
        from("Password", "password"),
        from("UUID", "uuid"),
        from("SSHKey", "key"),
    ];
    place.external("app", json!({"dataFrom": data_from})).await;
    let made = first(&place, "app", 5).await;
    let before = values(&made);
    assert_ne!(before["a"], before["b"]);
    place.ready("app", "True").await;

    place
        .patch_secret("app", json!({"stringData": {"a": "tampered", "more": "x"}}))
        .await;
    place.secret_that("app", |secret| values(secret) == before).await;
    place
        .patch_secret("app", json!({"metadata": {"labels": {names::MANAGED: null}}}))
        .await;
    let labelled = |secret: &Secret| {
        let labels = secret.metadata.labels.as_ref();
        labels.is_some_and(|labels| labels.contains_key(names::MANAGED))
    };
    let repaired = place.secret_that("app", labelled).await;
    assert_eq!(values(&repaired), before);
    place.delete_secret("app").await;
    let again = place
        .secret_that("app", |secret| secret.metadata.uid != made.metadata.uid)
        .await;
    assert_eq!(values(&again), before);

    // Somebody asks for new ones.
    let asked = json!({"metadata": {"annotations": {names::FORCE_SYNC: "now"}}});
    place.patch("ExternalSecret", "app", asked).await;
    place
        .secret_that("app", |secret| {
            let now = values(secret);
            before.iter().all(|(entry, value)| now[entry] != *value)
        })
        .await;
}

#[tokio::test]
async fn an_rsa_key_stays_while_labels_are_put_right() {
    let place = Place::new("rsa").await;
    generator(&place, "SSHKey", "key", json!({"keySize": 2048})).await;
    place
        .external("app", json!({"dataFrom": [from("SSHKey", "key")]}))
        .await;
    let before = values(&first(&place, "app", 2).await);
    place.ready("app", "True").await;
    let unlabelled = json!({"metadata": {"labels": {names::CREATED_BY: null}}});
    place.patch_secret("app", unlabelled).await;
    let repaired = place
        .secret_that("app", |secret| {
            let labels = secret.metadata.labels.as_ref();
            labels.is_some_and(|labels| labels.contains_key(names::CREATED_BY))
        })
        .await;
    assert_eq!(values(&repaired), before);
    // Nobody can make it again: as upstream, there is another one where it was damaged.
    place
        .patch_secret("app", json!({"stringData": {"privateKey": "tampered"}}))
        .await;
    place
        .secret_that("app", |secret| {
            let now = values(secret);
            now["privateKey"].starts_with(b"-----BEGIN OPENSSH") && now["publicKey"] != before["publicKey"]
        })
        .await;
}

#[tokio::test]
async fn case_21_a_label_makes_new_values_under_on_change_and_none_under_created_once() {
    let place = Place::new("policies-generated").await;
    generator(&place, "UUID", "uuid", json!({})).await;
    for (name, policy) in [("once", "CreatedOnce"), ("changes", "OnChange")] {
        let spec = json!({"refreshPolicy": policy, "dataFrom": [from("UUID", "uuid")]});
        place.external(name, spec).await;
    }
    let once = values(&first(&place, "once", 1).await);
    let changes = values(&first(&place, "changes", 1).await);
    place.ready("once", "True").await;
    place.ready("changes", "True").await;
    for name in ["once", "changes"] {
        let labelled = json!({"metadata": {"labels": {"a": "b"}}});
        place.patch("ExternalSecret", name, labelled).await;
    }
    place
        .secret_that("changes", |secret| values(secret) != changes)
        .await;
    let kept = first(&place, "once", 1).await;
    assert_eq!(values(&kept), once);
}

#[tokio::test]
async fn a_cluster_generator_makes_each_namespace_its_own_values() {
    let (one, other) = (Place::new("tenant-one").await, Place::new("tenant-other").await);
    let spec =
        json!({"kind": "Password", "generator": {"passwordSpec": {"length": 30, "allowRepeat": true}}});
    generator(&one, names::CLUSTER_GENERATOR, "everybodys", spec).await;
    let mut made = Vec::new();
    for place in [&one, &other] {
        let spec = json!({"dataFrom": [from(names::CLUSTER_GENERATOR, "everybodys")]});
        place.external("app", spec).await;
        made.push(values(&first(place, "app", 1).await));
    }
    assert_eq!(made[0]["password"].len(), 30);
    assert_ne!(made[0], made[1]);
}

#[tokio::test]
async fn a_generator_that_is_not_there_is_told_and_waited_for() {
    let (place, elsewhere) = (Place::new("absent").await, Place::new("elsewhere").await);
    // One of another namespace is nobody's here.
    generator(&elsewhere, "Password", "password", json!({})).await;
    place
        .external("app", json!({"dataFrom": [from("Password", "password")]}))
        .await;
    let (reason, message) = place.ready("app", "False").await;
    assert_eq!(reason, "SecretSyncedError");
    let told = "could not get secret data from provider: error processing spec.dataFrom[0].sourceRef.generatorRef, \
                err: unable to get generator: Password.generators.external-secrets.io \"password\" not found";
    assert!(message.starts_with(told), "{message}");
    generator(&place, "Password", "password", json!({})).await;
    first(&place, "app", 1).await;
    assert_eq!(place.ready("app", "True").await.0, "SecretSynced");
}

#[tokio::test]
async fn what_no_generator_can_make_is_told() {
    let place = Place::new("impossible").await;
    generator(
        &place,
        "Password",
        "short",
        json!({"length": 4, "digits": 3, "symbols": 2}),
    )
    .await;
    for (name, source, told) in [
        (
            "short",
            from("Password", "short"),
            "error using generator: number of digits and symbols must be less than total length",
        ),
        (
            "mfa",
            from("MFA", "mfa"),
            "unable to get generator: generator MFA is not supported yet",
        ),
    ] {
        place.external(name, json!({"dataFrom": [source]})).await;
        let (_, message) = place.ready(name, "False").await;
        assert!(message.contains(told), "{message}");
    }
}

#[tokio::test]
async fn values_are_rewritten_and_a_fake_of_another_class_is_left_to_its_controller() {
    let place = Place::new("classes").await;
    let data = json!({"user": "ada"});
    generator(
        &place,
        "Fake",
        "theirs",
        json!({"controller": "theirs", "data": data}),
    )
    .await;
    generator(
        &place,
        "Fake",
        "ours",
        json!({"controller": "default", "data": data}),
    )
    .await;
    place
        .external("theirs", json!({"dataFrom": [from("Fake", "theirs")]}))
        .await;
    let mut source = from("Fake", "ours");
    source["rewrite"] = json!([{"regexp": {"source": "^", "target": "db_"}}]);
    place.external("ours", json!({"dataFrom": [source]})).await;
    let secret = place.holds("ours", "db_user", "ada").await;
    assert_eq!(value(&secret, "user"), None);
    let theirs = place.objects().get("theirs").await.unwrap();
    assert!(theirs.status.is_none());
}

#[tokio::test]
async fn a_restart_changes_no_value() {
    let mut ground = start().await.unwrap();
    let place = place_on(&ground, "restarted").await;
    generator(&place, "Password", "password", json!({})).await;
    place
        .external("app", json!({"dataFrom": [from("Password", "password")]}))
        .await;
    let before = values(&first(&place, "app", 1).await);
    place.ready("app", "True").await;
    assert_eq!(ground.controller.terminate(SOON).await.unwrap(), 0);
    ground.controller = launch(&ground.plane, &[]).await.unwrap();
    place
        .external("next", json!({"dataFrom": [from("Password", "password")]}))
        .await;
    first(&place, "next", 1).await;
    let after = first(&place, "app", 1).await;
    assert_eq!(values(&after), before);
    // It knows how to make it again, too.
    place.delete_secret("app").await;
    let again = place
        .secret_that("app", |secret| secret.metadata.uid != after.metadata.uid)
        .await;
    assert_eq!(values(&again), before);
}
