//! Looking through a store: what is found, by how many calls, and what is not told.

use std::{collections::BTreeMap, sync::Arc};

use seal_providers::{By, Find, SecretsClient, vault::KvVersion};
use seal_testbed::OpenBao;
use serde_json::{Value, json};

use super::ground::{anybody, client, found, only, root, root_at, settings, store, token};

/// Secrets in folders, two of them tagged, one of those deleted.
async fn filled() -> OpenBao {
    let store = store().await;
    for path in ["top", "dev/config", "dev/db/user", "dev/db/admin", "prod/db/user"] {
        store
            .write("secret", path, &json!({"at": path}))
            .await
            .expect("the store takes it");
    }
    for path in ["dev/db/user", "prod/db/user", "top"] {
        let tags = json!({"custom_metadata": {"kind": "database", "for": path}});
        store
            .call("POST", &format!("secret/metadata/{path}"), &tags)
            .await
            .expect("the store takes it");
    }
    store
        .call("DELETE", "secret/data/top", &Value::Null)
        .await
        .expect("the store takes it");
    store
}

fn named(path: Option<&str>, part: &'static str) -> Find {
    Find {
        path: path.map(str::to_owned),
        by: By::Name(Arc::new(move |name| name.contains(part))),
    }
}

fn tagged(path: Option<&str>, tags: &[(&str, &str)]) -> Find {
    let tags = tags
        .iter()
        .map(|(tag, value)| ((*tag).to_owned(), (*value).to_owned()));
    Find {
        path: path.map(str::to_owned),
        by: By::Tags(tags.collect()),
    }
}

/// A client that may read and list, but not scan.
async fn without_scan(store: &OpenBao) -> seal_providers::vault::VaultClient {
    store
        .policy("lister", r#"path "secret/*" { capabilities = ["read", "list"] }"#)
        .await
        .expect("the store takes it");
    let lister = store.token(&["lister"], "1h").await.expect("the store takes it");
    client(settings(store, token(&lister)))
}

#[tokio::test]
async fn names_are_found_by_one_scan_and_one_read_each() {
    let store = filled().await;
    let mark = store.audit().mark().unwrap();

    let hits = found(root(&store).find(&anybody(), &named(None, "user")).await);

    assert_eq!(
        hits,
        json!({"dev/db/user": {"at": "dev/db/user"}, "prod/db/user": {"at": "prod/db/user"}})
    );
    let log = store.audit().since(mark).unwrap();
    assert_eq!(log.clone().operation("scan").len(), 1, "{log}");
    assert_eq!(log.clone().operation("read").len(), 2, "{log}");
    assert_eq!(log.len(), 3, "{log}");
}

#[tokio::test]
async fn without_scan_each_folder_is_listed_and_scan_is_not_tried_again() {
    let store = filled().await;
    let client = without_scan(&store).await;
    let expected = json!({"dev/db/user": {"at": "dev/db/user"}, "prod/db/user": {"at": "prod/db/user"}});
    for round in 0..2 {
        let mark = store.audit().mark().unwrap();
        assert_eq!(
            found(client.find(&anybody(), &named(None, "user")).await),
            expected
        );
        let log = store.audit().since(mark).unwrap();
        assert_eq!(log.clone().operation("scan").len(), 1 - round, "{log}");
        // The root, dev, dev/db, prod, prod/db.
        assert_eq!(log.clone().operation("list").len(), 5, "{log}");
    }
}

#[tokio::test]
async fn keys_are_relative_to_the_mount_below_a_path_too() {
    let store = filled().await;
    for client in [root(&store), without_scan(&store).await] {
        for path in ["dev", "/dev/", "secret/dev"] {
            let hits = found(client.find(&anybody(), &named(Some(path), "config")).await);
            let key = format!("{}/config", path.trim_matches('/'));
            assert_eq!(hits, json!({key: {"at": "dev/config"}}), "{path}");
        }
    }
    let unnamed = root_at(&store, KvVersion::V2, None);
    let hits = found(
        unnamed
            .find(&anybody(), &named(Some("secret/data/dev"), "config"))
            .await,
    );
    assert_eq!(hits, json!({"secret/data/dev/config": {"at": "dev/config"}}));
}

#[tokio::test]
async fn tags_are_found_by_one_scan_where_it_tells_them_and_by_asking_each_elsewhere() {
    let store = filled().await;
    let expected = json!({"dev/db/user": {"at": "dev/db/user"}, "prod/db/user": {"at": "prod/db/user"}});
    let (scanning, asking) = (root(&store), without_scan(&store).await);
    for (client, calls) in [(&scanning, 1 + 3), (&asking, 1 + 1 + 5 + 5 + 3)] {
        let mark = store.audit().mark().unwrap();
        let hits = found(
            client
                .find(&anybody(), &tagged(None, &[("kind", "database")]))
                .await,
        );
        // The third is deleted: read, and skipped.
        assert_eq!(hits, expected);
        let log = store.audit().since(mark).unwrap();
        assert_eq!(log.len(), calls, "{log}");
    }
    for client in [&scanning, &asking] {
        let both = tagged(None, &[("kind", "database"), ("for", "dev/db/user")]);
        let hits = found(client.find(&anybody(), &both).await);
        assert_eq!(hits, json!({"dev/db/user": {"at": "dev/db/user"}}));
        assert_eq!(
            found(client.find(&anybody(), &tagged(None, &[("kind", "data")])).await),
            json!({})
        );
    }
}

#[tokio::test]
async fn version_1_has_names_and_no_tags() {
    let store = store().await;
    store
        .mount("one", &json!({"type": "kv", "options": {"version": "1"}}))
        .await
        .unwrap();
    for path in ["top", "dev/db"] {
        store
            .call("POST", &format!("one/{path}"), &json!({"at": path}))
            .await
            .unwrap();
    }
    let client = root_at(&store, KvVersion::V1, Some("one"));
    let hits = found(client.find(&anybody(), &named(None, "")).await);
    assert_eq!(hits, json!({"dev/db": {"at": "dev/db"}, "top": {"at": "top"}}));
    let refused = client
        .find(&anybody(), &tagged(None, &[("a", "b")]))
        .await
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "there are no tags in version 1 of the key/value engine"
    );
}

#[tokio::test]
async fn nothing_there_and_no_engine_are_told_apart() {
    let store = filled().await;
    for client in [root(&store), without_scan(&store).await] {
        let nothing = found(client.find(&anybody(), &named(Some("nowhere"), "")).await);
        assert_eq!(nothing, "Missing");
        let none_wanted = found(client.find(&anybody(), &named(None, "no such name")).await);
        assert_eq!(none_wanted, json!({}));
    }
    let client = root_at(&store, KvVersion::V2, Some("unmounted"));
    for find in [named(None, ""), tagged(None, &[("a", "b")])] {
        assert_eq!(
            found(client.find(&anybody(), &find).await),
            "MountMissing(NoEngine)"
        );
    }
}

#[tokio::test]
async fn what_the_asker_may_not_read_is_neither_listed_nor_told() {
    let store = filled().await;
    let asker = only(&["secret/dev/**"]);
    for client in [root(&store), without_scan(&store).await] {
        for find in [named(None, "user"), tagged(None, &[("kind", "database")])] {
            let mark = store.audit().mark().unwrap();
            let hits = found(client.find(&asker, &find).await);
            assert_eq!(hits, json!({"dev/db/user": {"at": "dev/db/user"}}));
            let log = store.audit().since(mark).unwrap();
            assert!(
                log.clone().only(|call| call.path.contains("prod")).is_empty(),
                "{log}"
            );
        }
        let refused = client.find(&asker, &named(Some("prod"), "")).await.unwrap_err();
        assert!(refused.to_string().contains("not among the paths"), "{refused}");
    }
}

#[tokio::test]
async fn many_folders_are_looked_through_in_parallel_and_completely() {
    let store = store().await;
    let mut expected = BTreeMap::new();
    for folder in 0..20 {
        for secret in 0..10 {
            let path = format!("f{folder}/g/s{secret}");
            store.write("secret", &path, &json!({"at": path})).await.unwrap();
            expected.insert(path.clone(), json!({"at": path}));
        }
    }
    for client in [root(&store), without_scan(&store).await] {
        let hits = found(client.find(&anybody(), &named(None, "")).await);
        assert_eq!(hits, json!(expected));
    }
}
