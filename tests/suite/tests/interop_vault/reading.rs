//! Where keys lead, and what is there, on the real server.

use seal_providers::{
    Answer, Blame, MountFault, RemotePath, SecretsClient, StoreError,
    vault::{KvVersion, VaultSettings},
};
use serde_json::{Value, json};

use super::ground::{anybody, client, only, read, root, root_at, settings, store, text, token};

#[tokio::test]
async fn every_row_of_the_path_table_leads_to_its_secret() {
    use KvVersion::{V1, V2};
    let store = store().await;
    store
        .mount("kv/path", &json!({"type": "kv", "options": {"version": "2"}}))
        .await
        .unwrap();
    store
        .mount("one/path", &json!({"type": "kv", "options": {"version": "1"}}))
        .await
        .unwrap();
    store
        .write("secret", "test/big/path", &json!({"is": "dev"}))
        .await
        .unwrap();
    store
        .write("kv/path", "test", &json!({"is": "two"}))
        .await
        .unwrap();
    store
        .call("POST", "one/path/test", &json!({"is": "one"}))
        .await
        .unwrap();

    for (version, mount, key, path, value) in [
        (V2, Some("kv/path"), "test", "kv/path/data/test", "two"),
        (V2, Some("kv/path"), "kv/path/test", "kv/path/data/test", "two"),
        (
            V2,
            Some("kv/path"),
            "kv/path/data/test",
            "kv/path/data/test",
            "two",
        ),
        (
            V2,
            None,
            "secret/test/big/path",
            "secret/data/test/big/path",
            "dev",
        ),
        (V2, None, "kv/path/data/test", "kv/path/data/test", "two"),
        (V1, Some("one/path"), "test", "one/path/test", "one"),
        (V1, Some("one/path"), "one/path/test", "one/path/test", "one"),
        (V1, None, "one/path/test", "one/path/test", "one"),
        (V2, Some("kv/path"), "/test", "kv/path/data/test", "two"),
    ] {
        let client = root_at(&store, version, mount);
        let mark = store.audit().mark().unwrap();
        let row = format!("{version:?} {mount:?} {key}");
        assert_eq!(
            text(read(&client, key).await),
            format!(r#"{{"is":"{value}"}}"#),
            "{row}"
        );
        let log = store.audit().since(mark).unwrap();
        assert_eq!(
            (log.len(), log.calls()[0].path.as_str()),
            (1, path),
            "{row}: {log}"
        );
    }
    for (mount, key) in [
        (Some("kv/path"), "test"),
        (Some("kv/path"), "kv/path/test"),
        (Some("kv/path"), "kv/path/data/test"),
        (None, "kv/path/data/test"),
    ] {
        let client = root_at(&store, V2, mount);
        let mark = store.audit().mark().unwrap();
        let answer = client.metadata(&anybody(), &RemotePath::of(key)).await;
        let metadata: Value = serde_json::from_str(&text(answer)).unwrap();
        assert_eq!(metadata["current_version"], "1");
        let log = store.audit().since(mark).unwrap();
        assert_eq!(log.calls()[0].path, "kv/path/metadata/test", "{mount:?} {key}");
    }
}

#[tokio::test]
async fn key_of_any_characters_is_one_key() {
    let store = store().await;
    for (key, encoded) in [
        ("a b/c", "a%20b/c"),
        ("ü", "%C3%BC"),
        ("q?version=9", "q%3Fversion%3D9"),
        ("h#x", "h%23x"),
        ("a+b&c=d;e:f@g", "a%2Bb%26c%3Dd%3Be%3Af%40g"),
    ] {
        store.write("secret", encoded, &json!({"is": key})).await.unwrap();
        let answer = text(read(&root(&store), key).await);
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer, json!({"is": key}));
    }
}

#[tokio::test]
async fn value_comes_as_its_engine_has_it_with_its_version() {
    let store = store().await;
    store.write("secret", "app", &json!({"n": 1})).await.unwrap();
    let data = json!({"z": 1.5, "a": {"b": [true, null]}, "u": "<é>"});
    store.write("secret", "app", &data).await.unwrap();
    let client = root(&store);

    let newest = client.read(&anybody(), &RemotePath::of("app")).await.unwrap();
    let Answer::Value(value) = &newest else {
        panic!("{newest:?}")
    };
    assert_eq!(value.version, Some(2));
    // As the server writes it: not parsed and written anew.
    assert_eq!(
        text(Ok(newest)),
        r#"{"a":{"b":[true,null]},"u":"\u003cé\u003e","z":1.5}"#
    );

    let first = RemotePath::of("app").at_version("1");
    assert_eq!(text(client.read(&anybody(), &first).await), r#"{"n":1}"#);
    let none = RemotePath::of("app").at_version("9");
    assert_eq!(text(client.read(&anybody(), &none).await), "Missing");
    let nonsense = RemotePath::of("app").at_version("latest");
    assert_eq!(
        client.read(&anybody(), &nonsense).await.unwrap_err().blame(),
        Blame::User
    );
}

#[tokio::test]
async fn what_is_gone_is_missing() {
    let store = store().await;
    for path in ["soft", "destroyed", "wiped"] {
        store.write("secret", path, &json!({"x": "1"})).await.unwrap();
    }
    store
        .call("DELETE", "secret/data/soft", &Value::Null)
        .await
        .unwrap();
    store
        .call("PUT", "secret/destroy/destroyed", &json!({"versions": [1]}))
        .await
        .unwrap();
    store
        .call("DELETE", "secret/metadata/wiped", &Value::Null)
        .await
        .unwrap();
    let client = root(&store);
    for key in ["soft", "destroyed", "wiped", "never"] {
        assert_eq!(text(read(&client, key).await), "Missing", "{key}");
    }
    let metadata = async |key| text(client.metadata(&anybody(), &RemotePath::of(key)).await);
    assert_eq!(metadata("never").await, "Missing");
    assert!(metadata("soft").await.contains("current_version"));
}

#[tokio::test]
async fn missing_engine_is_never_a_missing_secret() {
    let store = store().await;
    store
        .mount("gone", &json!({"type": "kv", "options": {"version": "2"}}))
        .await
        .unwrap();
    store.write("gone", "app", &json!({"x": "1"})).await.unwrap();
    let client_of_gone = root_at(&store, KvVersion::V2, Some("gone"));
    assert_eq!(text(read(&client_of_gone, "app").await), r#"{"x":"1"}"#);

    store.unmount("gone").await.unwrap();

    let no_engine = MountFault::NoEngine;
    let answer = read(&client_of_gone, "app").await.unwrap();
    assert!(
        matches!(answer, Answer::MountMissing(fault) if fault == no_engine),
        "{answer:?}"
    );
    let answer = client_of_gone.metadata(&anybody(), &RemotePath::of("app")).await;
    assert_eq!(text(answer), "MountMissing(NoEngine)");
    for (version, mount) in [
        (KvVersion::V1, Some("gone")),
        (KvVersion::V1, None),
        (KvVersion::V2, None),
    ] {
        let client = root_at(&store, version, mount);
        assert_eq!(text(read(&client, "gone/app").await), "MountMissing(NoEngine)");
    }

    let elsewhere = client(VaultSettings {
        namespace: Some("nowhere".to_owned()),
        ..settings(&store, token(store.root_token()))
    });
    assert_eq!(text(read(&elsewhere, "app").await), "MountMissing(NoNamespace)");
}

#[tokio::test]
async fn engine_of_the_other_version_is_never_a_missing_secret() {
    let store = store().await;
    store
        .mount("one", &json!({"type": "kv", "options": {"version": "1"}}))
        .await
        .unwrap();
    store.call("POST", "one/app", &json!({"x": "1"})).await.unwrap();
    store.write("secret", "app", &json!({"x": "1"})).await.unwrap();

    let as_two = root_at(&store, KvVersion::V2, Some("one"));
    assert_eq!(text(read(&as_two, "app").await), "MountMissing(OtherEngine)");
    let as_one = root_at(&store, KvVersion::V1, Some("secret"));
    assert_eq!(text(read(&as_one, "app").await), "MountMissing(OtherEngine)");

    // Asked about once, however much is missing; and a right one is not suspected.
    let mark = store.audit().mark().unwrap();
    for key in ["a", "b", "c"] {
        assert_eq!(text(read(&as_two, key).await), "MountMissing(OtherEngine)");
    }
    let right = root(&store);
    for key in ["a", "b", "c"] {
        assert_eq!(text(read(&right, key).await), "Missing");
    }
    let log = store.audit().since(mark).unwrap();
    assert_eq!(log.clone().below("sys/internal/ui/mounts/").len(), 1, "{log}");
}

#[tokio::test]
async fn refusal_says_path_status_and_words_and_is_no_missing_secret() {
    let store = store().await;
    store.write("secret", "app", &json!({"x": "1"})).await.unwrap();
    let stranger = store.token(&["default"], "1h").await.unwrap();
    let stranger = client(settings(&store, token(&stranger)));
    let refused = read(&stranger, "app").await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "cannot read secret/data/app: the store answered 403: 1 error occurred: * permission denied"
    );
    assert_eq!((refused.blame(), refused.status()), (Blame::Refused, Some(403)));
    // A path that is not there is forbidden as well: nothing is learnt about it.
    assert_eq!(read(&stranger, "never").await.unwrap_err().status(), Some(403));
}

#[tokio::test]
async fn any_path_is_read_as_it_is() {
    let store = store().await;
    store.mount("totp", &json!({"type": "totp"})).await.unwrap();
    let key = json!({"key": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"});
    store.call("POST", "totp/keys/app", &key).await.unwrap();
    let client = root_at(&store, KvVersion::V1, None);

    let answer = text(read(&client, "totp/code/app").await);
    let code: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(code["code"].as_str().unwrap().len(), 6);

    // The token's own record is a path as well.
    let refused = read(&client, "auth/token/lookup-self").await.unwrap_err();
    assert!(matches!(refused, StoreError::Key { .. }));
}

/// S12: whatever is asked for, what arrives at the server lies where the asker may read.
#[tokio::test]
async fn no_key_leads_out_of_the_allowed_paths() {
    let store = store().await;
    store
        .write("secret", "team-a/db", &json!({"x": "mine"}))
        .await
        .unwrap();
    store
        .write("secret", "team-b/db", &json!({"x": "theirs"}))
        .await
        .unwrap();
    let asker = only(&["secret/{{namespace}}/**"]);
    let parts = [
        "team-a",
        "team-b",
        "secret",
        "data",
        "metadata",
        "..",
        ".",
        "",
        "%2e%2e",
        "%2f",
        "..;",
        "db",
        "sys",
        "\\",
        "..\\",
        "\u{2024}\u{2024}",
        "．．",
        "team-a%00",
        "team-a ",
        "TEAM-B",
        "*",
        "{{namespace}}",
        "?x",
        "#",
    ];
    let mut random = fastrand::Rng::with_seed(5);
    let mark = store.audit().mark().unwrap();
    let mut passed = 0;
    for (version, mount) in [
        (KvVersion::V2, Some("secret")),
        (KvVersion::V2, None),
        (KvVersion::V1, Some("secret")),
        (KvVersion::V1, None),
    ] {
        let client = root_at(&store, version, mount);
        for _ in 0..500 {
            let own: &[&str] = match random.usize(0..3) {
                0 => &["team-a"],
                1 => &["secret", "team-a"],
                _ => &[],
            };
            let more = (0..random.usize(1..5)).map(|_| parts[random.usize(0..parts.len())]);
            let words: Vec<&str> = own.iter().copied().chain(more).collect();
            let path = RemotePath::of(words.join("/"));
            let answer = text(client.read(&asker, &path).await);
            assert!(!answer.contains("theirs"), "{version:?} {mount:?} {path:?}");
            passed += usize::from(!answer.starts_with("User"));
            drop(client.metadata(&asker, &path).await);
        }
    }
    let log = store.audit().since(mark).unwrap();
    let strays = log.clone().only(|call| {
        let path = call
            .path
            .replacen("/data/", "/", 1)
            .replacen("/metadata/", "/", 1);
        let is_ours =
            path.starts_with("secret/team-a/") || call.path.starts_with("sys/internal/ui/mounts/secret");
        !is_ours
    });
    assert!(strays.is_empty(), "{strays}");
    assert!(
        passed > 100 && log.len() > 100,
        "{passed} of the keys, {} calls",
        log.len()
    );
}
