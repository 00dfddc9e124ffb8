//! Faults of the upstream controller that running it brought to light, and case 27: none of them is ours.

use seal_testbed::{OpenBao, wait_for};
use serde_json::{Value, json};

use super::ground::{Place, SOON, ground, value};

fn data(path: &str) -> Value {
    json!([{"secretKey": "a", "remoteRef": {"key": path, "property": "a"}}])
}

#[tokio::test]
async fn case_27_an_immutable_secret_stays_and_that_it_is_outdated_is_told() {
    let place = Place::new("case-27").await;
    place.write("app", &json!({"a": "one"})).await;
    let spec = json!({"refreshInterval": "1s", "target": {"immutable": true}, "data": data("case-27/app")});
    place.external("app", spec).await;
    let before = place.holds("app", "a", "one").await;
    assert_eq!(before.immutable, Some(true));
    place.ready("app", "True").await;
    place.write("app", &json!({"a": "two"})).await;
    let (reason, message) = place.ready("app", "False").await;
    assert_eq!(reason, "SecretSyncedError");
    assert!(
        message.starts_with("could not update secret, target is immutable: "),
        "{message}"
    );
    let after = place.secrets().get("app").await.unwrap();
    assert_eq!(after.metadata.resource_version, before.metadata.resource_version);
    // Once somebody deletes it, it is made again from what the store has now.
    place.delete_secret("app").await;
    place.holds("app", "a", "two").await;
    place.ready("app", "True").await;
}

#[tokio::test]
async fn an_immutable_secret_of_somebody_else_is_not_touched_and_outlives_the_object() {
    let place = Place::new("immutable").await;
    place.write("app", &json!({"a": "one"})).await;
    place.make_secret("app", &[("a", "theirs")]).await;
    place.patch_secret("app", json!({"immutable": true})).await;
    let before = place.secrets().get("app").await.unwrap();
    place
        .external("app", json!({"data": data("immutable/app")}))
        .await;
    let (_, message) = place.ready("app", "False").await;
    assert!(
        message.starts_with("could not update secret, target is immutable: "),
        "{message}"
    );
    place.delete_object("app").await;
    let after = place.secrets().get("app").await.unwrap();
    assert_eq!(after.metadata.resource_version, before.metadata.resource_version);
}

#[tokio::test]
async fn a_mark_that_is_taken_away_comes_back_and_the_secret_stays_watched() {
    let place = Place::new("unmarked").await;
    place.write("app", &json!({"a": "one"})).await;
    place.external("app", json!({"data": data("unmarked/app")})).await;
    let first = place.holds("app", "a", "one").await;
    place.ready("app", "True").await;
    let managed = "reconcile.external-secrets.io/managed";
    place
        .patch_secret("app", json!({"metadata": {"labels": {managed: null}}}))
        .await;
    let marked = place
        .secret_that("app", |secret| {
            secret
                .metadata
                .labels
                .as_ref()
                .is_some_and(|labels| labels.contains_key(managed))
        })
        .await;
    assert_eq!(marked.metadata.uid, first.metadata.uid);
    // And where it is deleted in the same breath.
    place
        .patch_secret("app", json!({"metadata": {"labels": {managed: null}}}))
        .await;
    place.delete_secret("app").await;
    let again = place.holds("app", "a", "one").await;
    assert_ne!(again.metadata.uid, first.metadata.uid);
}

#[tokio::test]
async fn what_the_store_has_no_longer_is_taken_out_where_the_policy_says_merge() {
    let place = Place::new("emptied").await;
    place.write("app", &json!({"a": "one"})).await;
    place.write("rest", &json!({"a": "two"})).await;
    let both = json!([
        {"secretKey": "a", "remoteRef": {"key": "emptied/app", "property": "a"}},
        {"secretKey": "b", "remoteRef": {"key": "emptied/rest", "property": "a"}},
    ]);
    place
        .external(
            "app",
            json!({"refreshInterval": "1s", "target": {"deletionPolicy": "Merge"}, "data": both}),
        )
        .await;
    let before = place.holds("app", "b", "two").await;
    let store = &ground().await.store;
    store
        .call("DELETE", "secret/metadata/emptied/app", &json!({}))
        .await
        .unwrap();
    let fewer = place
        .secret_that("app", |secret| value(secret, "a").is_none())
        .await;
    assert_eq!(value(&fewer, "b").as_deref(), Some("two"));
    assert_eq!(fewer.metadata.uid, before.metadata.uid);
    store
        .call("DELETE", "secret/metadata/emptied/rest", &json!({}))
        .await
        .unwrap();
    let emptied = place
        .secret_that("app", |secret| value(secret, "b").is_none())
        .await;
    assert_eq!(emptied.metadata.uid, before.metadata.uid);
    // As upstream has it, down to the hash of nothing.
    let hash = "74a974446e359fb3e6baff9bd0058950e6edd0f040888d9989b0a11b";
    assert_eq!(
        emptied.metadata.annotations.unwrap()["reconcile.external-secrets.io/data-hash"],
        hash
    );
    assert_eq!(place.ready("app", "True").await.0, "SecretSynced");
    let missing = "secret does not exist at provider using spec.data[1] (key=emptied/rest)";
    place.told("app", "MissingProviderSecret", missing).await;
}

#[tokio::test]
async fn labels_and_annotations_are_copied_only_without_a_template_and_never_those_of_gitops_tools() {
    let place = Place::new("copied").await;
    place.write("app", &json!({"a": "one"})).await;
    for (name, target) in [
        ("plain", json!({})),
        ("typed", json!({"template": {"type": "Opaque"}})),
    ] {
        place
            .external(name, json!({"target": target, "data": data("copied/app")}))
            .await;
        place.holds(name, "a", "one").await;
        let marks = json!({"metadata": {"labels": {"l": "x"}, "annotations": {"a": "x", "argocd.argoproj.io/tracking-id": "x"}}});
        place.patch("ExternalSecret", name, marks).await;
    }
    let plain = place
        .secret_that("plain", |secret| {
            secret
                .metadata
                .labels
                .as_ref()
                .is_some_and(|labels| labels.contains_key("l"))
        })
        .await;
    let annotations = plain.metadata.annotations.unwrap();
    assert!(annotations.contains_key("a") && !annotations.contains_key("argocd.argoproj.io/tracking-id"));
    let fresh = |object: &seal_api::external_secrets::ExternalSecret| {
        let synced = object
            .status
            .as_ref()
            .and_then(|status| status.synced_resource_version.clone());
        synced
            == Some(seal_engine::external_secret::hash::synced_resource_version(
                &object.metadata,
            ))
    };
    place.object_that("typed", fresh).await;
    let typed = place.secrets().get("typed").await.unwrap();
    assert!(!typed.metadata.labels.unwrap().contains_key("l"));
}

#[tokio::test]
async fn many_objects_share_few_connections_to_their_store() {
    let place = Place::new("connected").await;
    let names: Vec<String> = (0..20).map(|number| format!("app-{number}")).collect();
    for name in &names {
        place.write(name, &json!({"a": name})).await;
        place
            .external(name, json!({"data": data(&format!("connected/{name}"))}))
            .await;
        place.holds(name, "a", name).await;
    }
    let log = ground().await.store.audit().all().unwrap();
    let reads = log.operation("read").below("secret/data/connected/app");
    assert_eq!(reads.len(), names.len());
    let ports: std::collections::BTreeSet<u16> = reads.calls().iter().map(|call| call.port).collect();
    assert!(ports.len() < names.len() / 2, "{ports:?}");
}

/// As GitOps tools bring things: in any order.
#[tokio::test]
async fn a_store_works_as_soon_as_its_credentials_come() {
    let place = Place::new("credentials").await;
    place.write("app", &json!({"a": "one"})).await;
    let vault = json!({"server": ground().await.store.url(), "path": "secret",
        "auth": {"tokenSecretRef": {"name": "later", "key": "token"}}});
    let spec = json!({"provider": {"vault": vault}});
    place.create("SecretStore", "late", spec.clone()).await;
    place.create("ClusterSecretStore", "credentials", spec).await;
    let stores = [
        ("late", json!({"name": "late"})),
        (
            "shared",
            json!({"name": "credentials", "kind": "ClusterSecretStore"}),
        ),
    ];
    for (name, store) in &stores {
        place
            .external(
                name,
                json!({"secretStoreRef": store, "data": data("credentials/app")}),
            )
            .await;
        let (_, message) = place.ready(name, "False").await;
        assert!(message.contains("credentials/later"), "{message}");
    }
    place.make_secret("later", &[("other", "x")]).await;
    for (name, _) in &stores {
        let told = place.object_that(name, |object| {
            let conditions = object.status.iter().flat_map(|status| &status.conditions);
            conditions.into_iter().any(|condition| {
                condition
                    .message
                    .as_deref()
                    .is_some_and(|message| message.contains("no such key"))
            })
        });
        told.await;
    }
    let token = ground().await.store.root_token();
    place
        .patch_secret("later", json!({"stringData": {"token": token}}))
        .await;
    for (name, _) in &stores {
        place.holds(name, "a", "one").await;
    }
}

#[tokio::test]
async fn a_store_that_trusts_an_authority_which_comes_later_works_then() {
    let place = Place::new("authority").await;
    place.write("app", &json!({"a": "one"})).await;
    let store = &ground().await.store;
    let vault = json!({"server": store.tls_url(), "path": "secret",
        "caProvider": {"type": "ConfigMap", "name": "authority", "key": "ca.crt"},
        "auth": {"tokenSecretRef": {"name": "vault-token", "key": "token"}}});
    place
        .create("SecretStore", "trusting", json!({"provider": {"vault": vault}}))
        .await;
    place
        .external(
            "app",
            json!({"secretStoreRef": {"name": "trusting"}, "data": data("authority/app")}),
        )
        .await;
    let (_, message) = place.ready("app", "False").await;
    assert!(message.contains("ConfigMap authority/authority"), "{message}");
    // However long it is away.
    place.time_passes(2).await;
    place
        .config_map("authority", json!({"ca.crt": store.ca_pem()}))
        .await;
    place.holds("app", "a", "one").await;
}

#[tokio::test]
async fn a_dead_store_is_told_to_be_dead_before_anybody_validates_it_again() {
    let store = OpenBao::start().await.unwrap();
    store.write("secret", "app", &json!({"a": "one"})).await.unwrap();
    let place = Place::new("dead").await;
    place
        .make_secret("their-token", &[("token", store.root_token())])
        .await;
    let vault = json!({"server": store.url(), "path": "secret", "auth": {"tokenSecretRef": {"name": "their-token", "key": "token"}}});
    place
        .create("SecretStore", "mortal", json!({"provider": {"vault": vault}}))
        .await;
    place
        .external(
            "app",
            json!({"refreshInterval": "1s", "secretStoreRef": {"name": "mortal"}, "data": data("app")}),
        )
        .await;
    place.holds("app", "a", "one").await;
    let ready = async |status: &str| {
        let what = format!("the store to be Ready={status}");
        let told = wait_for(&what, SOON, async || {
            let store = place.store("mortal").await?;
            let conditions = store.status.into_iter().flat_map(|status| status.conditions);
            let told = conditions
                .into_iter()
                .any(|condition| condition.kind == "Ready" && condition.status == status);
            Ok(told.then_some(()))
        });
        told.await.unwrap();
    };
    ready("True").await;
    store.seal().await.unwrap();
    place.ready("app", "False").await;
    ready("False").await;
    // Somebody else's store is asked meanwhile, however many wait for this one.
    place.time_passes(2).await;
    store.unseal().await.unwrap();
    ready("True").await;
    place.ready("app", "True").await;
}

/// Head-of-line blocking: a store that takes connections and never answers holds nobody up but those who ask it.
#[tokio::test]
async fn a_new_object_is_synced_while_more_objects_than_workers_wait_for_a_store_that_never_answers() {
    let store = OpenBao::start().await.unwrap();
    let place = Place::new("hanging").await;
    place
        .make_secret("their-token", &[("token", store.root_token())])
        .await;
    let vault = json!({"server": store.url(), "path": "secret", "auth": {"tokenSecretRef": {"name": "their-token", "key": "token"}}});
    place
        .create("SecretStore", "hanging", json!({"provider": {"vault": vault}}))
        .await;
    place.write("app", &json!({"a": "one"})).await;
    store.process().pause().await.unwrap();
    for number in 0..300 {
        let name = format!("stuck-{number}");
        let spec =
            json!({"refreshInterval": "1s", "secretStoreRef": {"name": "hanging"}, "data": data(&name)});
        place.external(&name, spec).await;
    }
    let healthy = json!({"data": data("hanging/app")});
    place.external("healthy", healthy).await;
    place.holds("healthy", "a", "one").await;
    // It did not have to wait until those before it had given up: most of them were never begun.
    let log = ground().await.controller.log();
    let before = log.lines().take_while(|line| !line.contains("hanging/healthy"));
    let begun: std::collections::BTreeSet<&str> = before
        .filter(|line| line.contains("Fetching"))
        .filter_map(|line| line.split("hanging/stuck-").nth(1))
        .collect();
    assert!(begun.len() < 200, "{} were begun before it", begun.len());
    place.ready("stuck-0", "False").await;
    store.process().resume().unwrap();
}

/// S14: upstream's hash is nobody's proof, since anybody can work it out.
#[tokio::test]
async fn an_older_value_that_is_put_back_with_its_hash_is_replaced_and_a_forged_record_proves_nothing() {
    let place = Place::new("replayed").await;
    for (name, text) in [("app", "one"), ("other", "x")] {
        place.write(name, &json!({"a": text})).await;
        let path = format!("replayed/{name}");
        place.external(name, json!({"data": data(&path)})).await;
        place.holds(name, "a", text).await;
    }
    let old = place.secrets().get("app").await.unwrap();
    place.write("app", &json!({"a": "two"})).await;
    let force = |number: &str| json!({"metadata": {"annotations": {"force-sync": number}}});
    place.patch("ExternalSecret", "app", force("1")).await;
    place.holds("app", "a", "two").await;
    let hash = "reconcile.external-secrets.io/data-hash";
    let annotations = old.metadata.annotations.unwrap();
    let put_back = json!({"data": old.data, "metadata": {"annotations": {hash: annotations[hash]}}});
    place.patch_secret("app", put_back.clone()).await;
    place.holds("app", "a", "two").await;

    // The record of another object, and its own with another Secret in it.
    place.ready("other", "True").await;
    let other = place.objects().get("other").await.unwrap().status.unwrap();
    let params = kube::api::PatchParams::default();
    let forged = json!({"status": {"record": other.record}});
    let forged = kube::api::Patch::Merge(forged);
    place
        .objects()
        .patch_status("app", &params, &forged)
        .await
        .unwrap();
    place.patch_secret("app", put_back).await;
    place.holds("app", "a", "two").await;
}
