use serde_json::json;

use super::ground::{Place, ground, value};

fn entry(key: &str, path: &str, property: &str) -> serde_json::Value {
    json!({"secretKey": key, "remoteRef": {"key": path, "property": property}})
}

#[tokio::test]
async fn case_1_a_property_becomes_an_entry_of_a_secret_with_upstreams_marks() {
    let place = Place::new("first").await;
    place
        .write("app", &json!({"user": "ada", "password": "hunter2"}))
        .await;
    let data = [
        entry("user", "first/app", "user"),
        entry("password", "first/app", "password"),
    ];
    place.external("app", json!({"data": data})).await;
    let secret = place.holds("app", "password", "hunter2").await;
    assert_eq!(value(&secret, "user").as_deref(), Some("ada"));
    let labels = secret.metadata.labels.clone().unwrap();
    assert_eq!(labels["reconcile.external-secrets.io/managed"], "true");
    assert!(labels.contains_key("reconcile.external-secrets.io/created-by"));
    let annotations = secret.metadata.annotations.clone().unwrap();
    assert!(annotations.contains_key("reconcile.external-secrets.io/data-hash"));
    let owner = &secret.metadata.owner_references.clone().unwrap()[0];
    assert_eq!(
        (&*owner.kind, &*owner.name, owner.controller),
        ("ExternalSecret", "app", Some(true))
    );
    let managers: Vec<_> = secret
        .metadata
        .managed_fields
        .iter()
        .flatten()
        .map(|fields| fields.manager.clone())
        .collect();
    assert_eq!(
        managers,
        [Some("externalsecrets.external-secrets.io/app".to_owned())]
    );
    assert_eq!(
        place.ready("app", "True").await,
        ("SecretSynced".to_owned(), "secret synced".to_owned())
    );
    let object = place.objects().get("app").await.unwrap();
    assert!(object.metadata.finalizers.is_none());
    let status = object.status.unwrap();
    assert_eq!(status.binding.unwrap().name, "app");
    assert!(status.synced_resource_version.unwrap().starts_with("1-"));
}

#[tokio::test]
async fn case_18_and_19_a_changed_value_arrives_and_a_secret_that_is_tampered_with_is_restored_at_once() {
    let place = Place::new("changing").await;
    place.write("app", &json!({"a": "one"})).await;
    let data = [entry("a", "changing/app", "a")];
    place
        .external("app", json!({"refreshInterval": "2s", "data": data}))
        .await;
    place.holds("app", "a", "one").await;
    place.write("app", &json!({"a": "two"})).await;
    place.holds("app", "a", "two").await;
    place.external("rare", json!({"data": data})).await;
    let before = place.holds("rare", "a", "two").await;
    place.delete_secret("rare").await;
    let after = place.holds("rare", "a", "two").await;
    assert_ne!(before.metadata.uid, after.metadata.uid);
}

#[tokio::test]
async fn a_path_that_is_not_there_is_told_with_its_cause_and_a_later_value_arrives() {
    let place = Place::new("missing").await;
    place
        .external(
            "app",
            json!({"refreshInterval": "2s", "data": [entry("a", "missing/app", "a")]}),
        )
        .await;
    let (reason, message) = place.ready("app", "False").await;
    assert_eq!(reason, "SecretSyncedError");
    assert!(
        message.starts_with("could not get secret data from provider: error processing spec.data[0] (key: missing/app), err: Secret does not exist"),
        "{message}"
    );
    place.write("app", &json!({"a": "one"})).await;
    place.holds("app", "a", "one").await;
    assert_eq!(place.ready("app", "True").await.0, "SecretSynced");
}

#[tokio::test]
async fn twenty_entries_of_one_path_are_one_read() {
    let place = Place::new("many").await;
    let values: serde_json::Map<_, _> = (0..20)
        .map(|number| (format!("k{number}"), json!(format!("v{number}"))))
        .collect();
    place.write("app", &values.into()).await;
    let data: Vec<_> = (0..20)
        .map(|number| entry(&format!("k{number}"), "many/app", &format!("k{number}")))
        .collect();
    place.external("app", json!({"data": data})).await;
    place.holds("app", "k19", "v19").await;
    let reads = ground()
        .await
        .store
        .audit()
        .all()
        .unwrap()
        .operation("read")
        .path("secret/data/many/app");
    assert_eq!(reads.len(), 1);
}

#[tokio::test]
async fn case_15_and_16_templates_make_entries_and_win_over_values() {
    let place = Place::new("templates").await;
    place
        .write("app", &json!({"user": "ada", "password": "hunter2"}))
        .await;
    let template = json!({
        "type": "Opaque",
        "metadata": {"labels": {"team": "{{ .user }}"}},
        "data": {"url": "https://{{ .user }}:{{ .password | upper }}@db"},
    });
    let spec = json!({"target": {"template": template}, "dataFrom": [{"extract": {"key": "templates/app"}}]});
    place.external("app", spec).await;
    let secret = place.holds("app", "url", "https://ada:HUNTER2@db").await;
    assert_eq!(secret.data.as_ref().unwrap().len(), 1, "raw values stay out");
    assert_eq!(secret.metadata.labels.unwrap()["team"], "ada");
}

#[tokio::test]
async fn a_store_that_refuses_the_token_is_told_in_words_and_recovers_when_it_is_replaced() {
    let place = Place::new("refused").await;
    place.token("nonsense").await;
    place.write("app", &json!({"a": "one"})).await;
    place
        .external("app", json!({"data": [entry("a", "refused/app", "a")]}))
        .await;
    let (_, message) = place.ready("app", "False").await;
    assert!(
        message.contains("SecretStore \"vault\"") && message.contains("403"),
        "{message}"
    );
    assert!(!message.contains("nonsense"));
    place.token(ground().await.store.root_token()).await;
    place.holds("app", "a", "one").await;
    assert_eq!(place.ready("app", "True").await.0, "SecretSynced");
}
