//! What becomes of a value between the store and its entry: cases 2 to 14.

use serde_json::{Value, json};

use super::ground::{Place, ground, value};

fn of(key: &str, more: Value) -> Value {
    let mut reference = json!({"key": key});
    reference
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    json!({"secretKey": "a", "remoteRef": reference})
}

#[tokio::test]
async fn case_2_a_long_name_is_the_secrets_own_and_its_mark_fits_a_label() {
    let place = Place::new("case-2").await;
    place.write("app", &json!({"a": "one"})).await;
    let name = format!("name-of-seventy-characters-{}", "a".repeat(43));
    place
        .external(
            &name,
            json!({"data": [of("case-2/app", json!({"property": "a"}))]}),
        )
        .await;
    let secret = place.holds(&name, "a", "one").await;
    let label = &secret.metadata.labels.unwrap()["reconcile.external-secrets.io/created-by"];
    assert_eq!(label.len(), 56);
    let manager = secret.metadata.managed_fields.unwrap()[0]
        .manager
        .clone()
        .unwrap();
    assert!(
        manager.starts_with("externalsecrets.external-secrets.io/sha3/"),
        "{manager}"
    );
}

#[tokio::test]
async fn cases_3_to_6_a_whole_value_is_sorted_json_a_literal_key_wins_and_members_keep_their_text() {
    let place = Place::new("case-3").await;
    let whole = json!({"z": null, "b": true, "n": 1.5, "foo": {"nested": {"baz": 2, "bar": "x"}}, "foo.nested.bar": "literal"});
    place.write("app", &whole).await;
    place
        .external("whole", json!({"data": [of("case-3/app", json!({}))]}))
        .await;
    let text =
        r#"{"b":true,"foo":{"nested":{"bar":"x","baz":2}},"foo.nested.bar":"literal","n":1.5,"z":null}"#;
    place.holds("whole", "a", text).await;
    let literal = of("case-3/app", json!({"property": "foo.nested.bar"}));
    place.external("literal", json!({"data": [literal]})).await;
    place.holds("literal", "a", "literal").await;
    let nested = of("case-3/app", json!({"property": "foo.nested.baz"}));
    place.external("nested", json!({"data": [nested]})).await;
    place.holds("nested", "a", "2").await;

    place
        .external("all", json!({"dataFrom": [{"extract": {"key": "case-3/app"}}]}))
        .await;
    let all = place
        .holds("all", "foo", r#"{"nested":{"bar":"x","baz":2}}"#)
        .await;
    let entries = ["b", "n", "z"].map(|entry| value(&all, entry).unwrap());
    assert_eq!(entries, ["true", "1.5", ""]);
    let members = json!({"extract": {"key": "case-3/app", "property": "foo.nested"}});
    place.external("members", json!({"dataFrom": [members]})).await;
    let members = place.holds("members", "bar", "x").await;
    assert_eq!(value(&members, "baz").as_deref(), Some("2"));
    assert_eq!(members.data.unwrap().len(), 2);
}

#[tokio::test]
async fn case_7_every_way_to_write_a_path_leads_to_the_same_value() {
    let place = Place::new("case-7").await;
    place.write("app", &json!({"a": "one"})).await;
    let vault = json!({"server": ground().await.store.url(),
        "auth": {"tokenSecretRef": {"name": "vault-token", "key": "token"}}});
    place
        .create("SecretStore", "anywhere", json!({"provider": {"vault": vault}}))
        .await;
    for (number, (store, key)) in [
        ("vault", "case-7/app"),
        ("vault", "secret/case-7/app"),
        ("vault", "secret/data/case-7/app"),
        ("anywhere", "secret/case-7/app"),
        ("anywhere", "secret/data/case-7/app"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("app-{number}");
        let spec = json!({"secretStoreRef": {"name": store}, "data": [of(key, json!({"property": "a"}))]});
        place.external(&name, spec).await;
        place.holds(&name, "a", "one").await;
    }
}

#[tokio::test]
async fn case_8_and_14_a_version_is_the_one_that_is_named_and_metadata_is_what_the_store_says() {
    let place = Place::new("case-8").await;
    place.write("app", &json!({"a": "one"})).await;
    place.write("app", &json!({"a": "two"})).await;
    let old = of("case-8/app", json!({"property": "a", "version": "1"}));
    place.external("old", json!({"data": [old]})).await;
    place.holds("old", "a", "one").await;
    let told = of(
        "case-8/app",
        json!({"metadataPolicy": "Fetch", "property": "current_version"}),
    );
    place.external("told", json!({"data": [told]})).await;
    place.holds("told", "a", "2").await;
}

#[tokio::test]
async fn case_9_names_are_found_in_folders_and_two_that_become_one_are_an_error() {
    let place = Place::new("case-9").await;
    place.write("found/one/db", &json!({"a": "1"})).await;
    place.write("found/two/db", &json!({"a": "2"})).await;
    place.write("found/two/other", &json!({"a": "3"})).await;
    let find = |path: &str| json!({"dataFrom": [{"find": {"path": path, "name": {"regexp": "db$"}}}]});
    place.external("found", find("case-9/found")).await;
    let found = place.holds("found", "case-9_found_one_db", r#"{"a":"1"}"#).await;
    let entries: Vec<_> = found.data.unwrap().into_keys().collect();
    assert_eq!(entries, ["case-9_found_one_db", "case-9_found_two_db"]);

    place.write("same/x/db", &json!({"a": "1"})).await;
    place.write("same/x+db", &json!({"a": "2"})).await;
    place.external("same", find("case-9/same")).await;
    let (reason, message) = place.ready("same", "False").await;
    assert_eq!(reason, "SecretSyncedError", "{message}");
}

#[tokio::test]
async fn case_10_tags_are_found_where_the_engine_has_them() {
    let place = Place::new("case-10").await;
    let store = &ground().await.store;
    for (name, team) in [("ours", "a"), ("theirs", "b"), ("gone", "a")] {
        place.write(name, &json!({"x": name})).await;
        let metadata = json!({"custom_metadata": {"team": team}});
        let path = format!("secret/metadata/case-10/{name}");
        store.call("POST", &path, &metadata).await.unwrap();
    }
    store
        .call("DELETE", "secret/data/case-10/gone", &Value::Null)
        .await
        .unwrap();
    let find = json!({"dataFrom": [{"find": {"path": "case-10", "tags": {"team": "a"}}}]});
    place.external("tagged", find.clone()).await;
    let tagged = place.holds("tagged", "case-10_ours", r#"{"x":"ours"}"#).await;
    assert_eq!(
        tagged.data.unwrap().len(),
        1,
        "neither another team's nor a deleted one"
    );

    store
        .mount("case-10-old", &json!({"type": "kv", "options": {"version": "1"}}))
        .await
        .unwrap();
    let vault = json!({"server": store.url(), "path": "case-10-old", "version": "v1",
        "auth": {"tokenSecretRef": {"name": "vault-token", "key": "token"}}});
    place
        .create("SecretStore", "old", json!({"provider": {"vault": vault}}))
        .await;
    let mut spec = find;
    spec["secretStoreRef"] = json!({"name": "old"});
    place.external("old", spec).await;
    let (_, message) = place.ready("old", "False").await;
    assert!(message.contains("tags"), "{message}");
}

#[tokio::test]
async fn case_11_and_12_keys_are_rewritten_and_then_stay_as_they_are() {
    let place = Place::new("case-11").await;
    place.write("found/db", &json!({"host": "h1", "port": 1})).await;
    place.write("found/web", &json!({"host": "h2"})).await;
    let find = json!({"path": "case-11/found", "name": {"regexp": "."}});
    let with = |rewrite: Value| json!({"dataFrom": [{"find": find, "rewrite": rewrite}]});
    let short = json!([{"regexp": {"source": "^case-11/found/", "target": "app-"}}]);
    place.external("short", with(short)).await;
    place.holds("short", "app-web", r#"{"host":"h2"}"#).await;
    // Whoever rewrites keys has to make them right himself.
    let wrong = json!([{"regexp": {"source": "found/", "target": ""}}]);
    place.external("wrong", with(wrong)).await;
    let (_, message) = place.ready("wrong", "False").await;
    assert!(message.contains("invalid secret key"), "{message}");

    place.external("strict", with(json!([{"merge": {}}]))).await;
    let (_, message) = place.ready("strict", "False").await;
    assert!(message.contains("merge failed with conflicts"), "{message}");
    let last = json!([{"merge": {"conflictPolicy": "Ignore"}}]);
    place.external("last", with(last)).await;
    let last = place.holds("last", "host", "h2").await;
    assert_eq!(value(&last, "port").as_deref(), Some("1"));
    let first = json!([{"merge": {"conflictPolicy": "Ignore", "priority": ["case-11/found/db"]}}]);
    place.external("first", with(first)).await;
    place.holds("first", "host", "h1").await;
}

#[tokio::test]
async fn case_13_what_is_not_encoded_stays_as_it_is_where_the_strategy_is_auto() {
    let place = Place::new("case-13").await;
    place
        .write(
            "app",
            &json!({"encoded": "aGVsbG8gd29ybGQ=", "url": "-_-_", "plain": "not at all!"}),
        )
        .await;
    let extract = json!({"extract": {"key": "case-13/app", "decodingStrategy": "Auto"}});
    place.external("app", json!({"dataFrom": [extract]})).await;
    let secret = place.holds("app", "encoded", "hello world").await;
    assert_eq!(value(&secret, "plain").as_deref(), Some("not at all!"));
    assert_eq!(secret.data.unwrap()["url"].0, [0xfb, 0xff, 0xbf]);
}
