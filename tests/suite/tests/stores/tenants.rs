use serde_json::{Value, json};

use super::ground::{Place, ground, value};

const LIST: &str = "sealops.dev/allowed-paths";

/// A ClusterSecretStore on the KV engine at `secret`, with a token that may read everything and a list.
async fn store_with_list(name: &str, list: &str, home: &Place) {
    let store = json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ClusterSecretStore",
        "metadata": {"name": name, "annotations": {LIST: list}},
        "spec": {"provider": {"vault": {
            "server": ground().await.store.url(), "path": "secret",
            "auth": {"tokenSecretRef": {"name": "vault-token", "key": "token", "namespace": home.name}},
        }}},
    });
    ground().await.plane.apply(&store.to_string()).await.unwrap();
}

async fn ask(place: &Place, name: &str, store: &str, more: Value) {
    let mut spec =
        json!({"refreshInterval": "2s", "secretStoreRef": {"name": store, "kind": "ClusterSecretStore"}});
    spec.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    place.create("ExternalSecret", name, spec).await;
}

fn entry(path: &str) -> Value {
    json!({"data": [{"secretKey": "a", "remoteRef": {"key": path, "property": "a"}}]})
}

#[tokio::test]
async fn a_namespace_reads_what_the_list_of_a_cluster_store_allows_it_and_is_told_of_the_rest() {
    let place = Place::new("listed-a").await;
    let other = Place::new("listed-b").await;
    place.write("db", &json!({"a": "ours"})).await;
    other.write("db", &json!({"a": "theirs"})).await;
    let store = &ground().await.store;
    store
        .write("secret", "shared/ca", &json!({"a": "shared"}))
        .await
        .unwrap();
    store_with_list("listed", "secret/{{namespace}}/**\nsecret/shared/*\n", &place).await;
    let mark = store.audit().mark().unwrap();

    ask(&place, "own", "listed", entry("listed-a/db")).await;
    ask(&place, "shared", "listed", entry("shared/ca")).await;
    ask(
        &place,
        "found",
        "listed",
        json!({"dataFrom": [{"find": {"name": {"regexp": "^listed-.*/db$"}}}]}),
    )
    .await;
    place.holds("own", "a", "ours").await;
    place.holds("shared", "a", "shared").await;
    let found = place.holds("found", "listed-a_db", r#"{"a":"ours"}"#).await;
    assert_eq!(found.data.unwrap().len(), 1);

    let told = |path: &str| {
        format!(
            "err: ClusterSecretStore \"listed\" does not let namespace \"listed-a\" read {path}: \
             it allows secret/{{{{namespace}}}}/**, secret/shared/*\n"
        )
    };
    let metadata =
        json!({"data": [{"secretKey": "a", "remoteRef": {"key": "listed-b/db", "metadataPolicy": "Fetch"}}]});
    let find = json!({"dataFrom": [{"find": {"path": "listed-b", "name": {"regexp": "."}}}]});
    for (name, asked, path) in [
        ("theirs", entry("listed-b/db"), "secret/listed-b/db"),
        ("again", entry("secret/data/listed-b/db"), "secret/listed-b/db"),
        (
            "extracted",
            json!({"dataFrom": [{"extract": {"key": "listed-b/db"}}]}),
            "secret/listed-b/db",
        ),
        ("metadata", metadata, "secret/listed-b/db"),
        ("searched", find, "secret/listed-b"),
    ] {
        ask(&place, name, "listed", asked).await;
        let (_, message) = place.ready(name, "False").await;
        assert!(message.contains(&told(path)), "{name}: {message}");
        assert!(message.contains(LIST), "what to do: {message}");
        assert!(place.secrets().get_opt(name).await.unwrap().is_none(), "{name}");
    }
    let log = store.audit().since(mark).unwrap();
    for part in ["data", "metadata"] {
        let strays = log.clone().below(&format!("secret/{part}/listed-b"));
        assert!(strays.is_empty(), "{strays}");
    }
}

#[tokio::test]
async fn a_list_that_is_changed_counts_from_the_next_refresh_on_and_one_with_a_mistake_deletes_nothing() {
    let place = Place::new("narrowed").await;
    place.write("db", &json!({"a": "one"})).await;
    store_with_list("narrowed", "secret/{{namespace}}/**", &place).await;
    let find = json!({"target": {"deletionPolicy": "Delete"},
        "dataFrom": [{"find": {"name": {"regexp": "^narrowed/"}}}]});
    let mut read = entry("narrowed/db");
    read["target"] = json!({"deletionPolicy": "Delete"});
    ask(&place, "found", "narrowed", find).await;
    ask(&place, "read", "narrowed", read).await;
    place.holds("read", "a", "one").await;
    let entries = |secret: &k8s_openapi::api::core::v1::Secret| value(secret, "narrowed_db").is_some();
    place.secret_that("found", entries).await;

    for (list, told) in [
        ("secret/other/**", "it allows secret/other/**"),
        ("", "it allows nothing"),
        (
            "secret/{{team}}/**",
            "the allowed path \"secret/{{team}}/**\" has a placeholder that is not {{namespace}} as a whole segment",
        ),
    ] {
        let patch = json!({"metadata": {"annotations": {LIST: list}}});
        place.patch("ClusterSecretStore", "narrowed", patch).await;
        for name in ["found", "read"] {
            let message = place.message_with(name, told).await;
            assert!(
                message.starts_with("could not get secret data from provider: "),
                "{message}"
            );
        }
    }
    for name in ["found", "read"] {
        assert!(place.secrets().get_opt(name).await.unwrap().is_some(), "{name}");
    }
    let patch = json!({"metadata": {"annotations": {LIST: "secret/{{namespace}}/*"}}});
    place.patch("ClusterSecretStore", "narrowed", patch).await;
    for name in ["found", "read"] {
        assert_eq!(place.ready(name, "True").await.0, "SecretSynced");
    }
}
