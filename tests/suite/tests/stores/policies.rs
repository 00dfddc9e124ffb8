use kube::api::DeleteParams;
use serde_json::json;

use super::ground::{Place, SOON, ground, value};
use seal_testbed::wait_for;

fn data(path: &str) -> serde_json::Value {
    json!([{"secretKey": "a", "remoteRef": {"key": path, "property": "a"}}])
}

async fn forget(path: &str) {
    let path = format!("secret/metadata/{path}");
    ground()
        .await
        .store
        .call("DELETE", &path, &json!({}))
        .await
        .unwrap();
}

#[tokio::test]
async fn case_25_what_the_store_has_no_longer_is_deleted_only_where_the_policy_says_so() {
    let place = Place::new("deleting").await;
    for name in ["kept", "deleted"] {
        place.write(name, &json!({"a": "one"})).await;
    }
    let of = |policy: &str, name: &str| json!({"refreshInterval": "2s", "target": {"deletionPolicy": policy}, "data": data(&format!("deleting/{name}"))});
    place.external("kept", of("Retain", "kept")).await;
    place.external("deleted", of("Delete", "deleted")).await;
    place.holds("kept", "a", "one").await;
    place.holds("deleted", "a", "one").await;
    forget("deleting/kept").await;
    forget("deleting/deleted").await;
    let (reason, _) = place.ready("kept", "False").await;
    assert_eq!(reason, "SecretSyncedError");
    let gone = wait_for("the Secret to go", SOON, async || {
        let there = place.secrets().get_opt("deleted").await?;
        Ok(there.is_none().then_some(()))
    });
    gone.await.unwrap();
    place.reason("deleted", "SecretDeleted").await;
    assert!(place.secrets().get_opt("kept").await.unwrap().is_some());
    let missing = "secret does not exist at provider using spec.data[0] (key=deleting/deleted)";
    place.told("deleted", "MissingProviderSecret", missing).await;
    place.write("deleted", &json!({"a": "two"})).await;
    place.holds("deleted", "a", "two").await;
}

#[tokio::test]
async fn case_26_an_engine_that_is_not_mounted_deletes_nothing() {
    let place = Place::new("unmounted").await;
    let store = &ground().await.store;
    store
        .mount("passing", &json!({"type": "kv", "options": {"version": "2"}}))
        .await
        .unwrap();
    store.write("passing", "app", &json!({"a": "one"})).await.unwrap();
    let spec = json!({"provider": {"vault": {"server": store.url(), "path": "passing",
        "auth": {"tokenSecretRef": {"name": "vault-token", "key": "token"}}}}});
    place.create("SecretStore", "passing", spec).await;
    place
        .external(
            "app",
            json!({
                "refreshInterval": "2s", "secretStoreRef": {"name": "passing"},
                "target": {"deletionPolicy": "Delete"}, "data": data("app"),
            }),
        )
        .await;
    let before = place.holds("app", "a", "one").await;
    store.unmount("passing").await.unwrap();
    let (_, message) = place.ready("app", "False").await;
    assert!(
        message.contains("no secrets engine is mounted there"),
        "{message}"
    );
    let after = place.secrets().get("app").await.unwrap();
    assert_eq!(after.metadata.resource_version, before.metadata.resource_version);
}

#[tokio::test]
async fn case_22_what_is_merged_keeps_what_others_wrote_and_waits_for_its_target() {
    let place = Place::new("merging").await;
    place.write("app", &json!({"a": "one"})).await;
    let spec = json!({"target": {"name": "shared", "creationPolicy": "Merge"}, "data": data("merging/app"), "refreshInterval": "2s"});
    place.external("app", spec).await;
    place.reason("app", "SecretMissing").await;
    place.make_secret("shared", &[("b", "theirs")]).await;
    let merged = place.holds("shared", "a", "one").await;
    assert_eq!(value(&merged, "b").as_deref(), Some("theirs"));
    assert!(merged.metadata.owner_references.is_none());
    place
        .objects()
        .delete("app", &DeleteParams::default())
        .await
        .unwrap();
    assert!(place.secrets().get_opt("shared").await.unwrap().is_some());
}

#[tokio::test]
async fn case_23_and_24_a_secret_of_another_one_is_left_alone_and_a_former_name_is_cleared_away() {
    let place = Place::new("names").await;
    place.write("app", &json!({"a": "one"})).await;
    place
        .external(
            "first",
            json!({"target": {"name": "taken"}, "data": data("names/app")}),
        )
        .await;
    place.holds("taken", "a", "one").await;
    place
        .external(
            "second",
            json!({"target": {"name": "taken"}, "data": data("names/app")}),
        )
        .await;
    let (_, message) = place.ready("second", "False").await;
    assert!(
        message.starts_with("target is owned by another ExternalSecret: "),
        "{message}"
    );
    place
        .patch(
            "ExternalSecret",
            "first",
            json!({"spec": {"target": {"name": "free"}}}),
        )
        .await;
    place.holds("free", "a", "one").await;
    // The other one takes the name as soon as it is free.
    let theirs = |secret: &k8s_openapi::api::core::v1::Secret| {
        let owners = secret.metadata.owner_references.iter().flatten();
        owners.into_iter().any(|owner| owner.name == "second")
    };
    place.secret_that("taken", theirs).await;
    assert_eq!(place.ready("second", "True").await.0, "SecretSynced");
}
