//! The store is what its methods say, counts what it is asked, and dies with the test.

use seal_testbed::{Fault, FaultProxy, OpenBao, Rule, StoreRefusal, wait_for};
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn secret_that_was_written_is_read_over_tls_and_counted() {
    let store = OpenBao::start().await.unwrap();
    store.write("secret", "a", &json!({"x": "1"})).await.unwrap();
    let mark = store.audit().mark().unwrap();

    let authority = reqwest::Certificate::from_pem(store.ca_pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([authority])
        .build()
        .unwrap();
    let answer = client
        .get(format!("{}/v1/secret/data/a", store.tls_url()))
        .header("X-Vault-Token", store.root_token())
        .send()
        .await
        .unwrap();

    assert_eq!(answer.status().as_u16(), 200);
    assert!(answer.text().await.unwrap().contains(r#"{"x":"1"}"#));
    let log = store.audit().since(mark).unwrap();
    assert_eq!(
        log.clone().operation("read").path("secret/data/a").len(),
        1,
        "{log}"
    );
    assert_eq!(log.len(), 1, "{log}");
}

#[tokio::test]
async fn token_may_do_what_its_policy_says_and_no_more() {
    let store = OpenBao::start().await.unwrap();
    store.write("secret", "a", &json!({"x": "1"})).await.unwrap();
    store
        .policy("reader", r#"path "secret/data/a" { capabilities = ["read"] }"#)
        .await
        .unwrap();
    let token = store.token(&["reader"], "1h").await.unwrap();
    let get = async |path: &str| {
        let request = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = request.get(format!("{}/v1/{path}", store.url()));
        let answer = request.header("X-Vault-Token", &token).send().await.unwrap();
        answer.status().as_u16()
    };

    assert_eq!(get("secret/data/a").await, 200);
    assert_eq!(get("secret/data/b").await, 403);
}

#[tokio::test]
async fn sealed_store_answers_503_until_it_is_unsealed() {
    let store = OpenBao::start().await.unwrap();
    store.seal().await.unwrap();

    let refused = store
        .call("GET", "secret/data/a", &Value::Null)
        .await
        .unwrap_err();
    assert_eq!(refused.downcast_ref::<StoreRefusal>().unwrap().code, 503);

    store.unseal().await.unwrap();
    store.write("secret", "a", &json!({"x": "1"})).await.unwrap();
}

#[tokio::test]
async fn store_and_its_folder_go_with_its_owner() {
    let store = OpenBao::start().await.unwrap();
    let (dir, pid) = (store.dir().to_owned(), store.process().pid());
    drop(store);

    wait_for("the store to be gone", Duration::from_secs(120), async || {
        let there = dir.exists() || std::path::Path::new(&format!("/proc/{pid}")).exists();
        Ok((!there).then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn fault_proxy_stands_before_a_store_too() {
    let store = OpenBao::start().await.unwrap();
    let proxy = FaultProxy::before_store(&store).await.unwrap();
    proxy.inject(
        Rule::on(
            "get",
            "/v1/secret/data/*",
            Fault::Answer {
                code: 429,
                headers: vec![("retry-after", "7".to_owned())],
                body: r#"{"errors":["slower"]}"#.to_owned(),
            },
        )
        .times(1),
    );
    store.write("secret", "a", &json!({"x": "1"})).await.unwrap();
    let authority = reqwest::Certificate::from_pem(store.ca_pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([authority])
        .build()
        .unwrap();
    let get = async || {
        let request = client.get(format!("{}/v1/secret/data/a", proxy.url()));
        let request = request.header("X-Vault-Token", store.root_token());
        request.send().await.unwrap()
    };

    let mark = store.audit().mark().unwrap();
    let refused = get().await;
    assert_eq!(refused.status().as_u16(), 429);
    assert_eq!(refused.headers()["retry-after"], "7");
    assert_eq!(get().await.status().as_u16(), 200);
    let log = store.audit().since(mark).unwrap();
    assert_eq!(
        log.len(),
        1,
        "the answer of the proxy's own was carried out: {log}"
    );
}
