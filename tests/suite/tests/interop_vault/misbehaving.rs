//! What a store gets from us, and what its users are told, when it is slow, sealed, limited, broken or somebody else.

use std::{sync::Mutex, time::Duration};

use seal_providers::{
    Blame, Health, Reach, RemotePath, SecretsClient, StoreError, Timeouts, Trust,
    vault::{VaultClient, VaultSettings},
};
use seal_testbed::{Canary, Fault, FaultProxy, Gate, OpenBao, Rule, wait_for};
use serde_json::json;
use tokio::net::TcpListener;

use super::ground::{
    anybody, approle, approle_login, client, read, settings, settings_at, text, token, with_secret,
};

const SOON: Duration = Duration::from_secs(30);
const VALUE: &str = r#"{"x":"1"}"#;
const SECRETS: &str = "/v1/secret/data/*";

fn through(store: &OpenBao, proxy: &FaultProxy<'_>, word: &str) -> VaultClient {
    client(settings_at(store, &proxy.url(), token(word)))
}

fn answer(code: u16, body: impl ToString) -> Fault {
    Fault::Answer {
        code,
        headers: Vec::new(),
        body: body.to_string(),
    }
}

#[tokio::test]
async fn what_the_store_says_brings_no_credential_and_no_value_back() {
    let store = with_secret().await;
    let proxy = FaultProxy::before_store(&store).await.unwrap();
    let canary = Canary::new().unwrap();
    let word = canary.text().split('"').next().unwrap().to_owned();
    let client = through(&store, &proxy, &word);
    let secret = client_with_secret_id(&store, &proxy, &word).await;
    for fault in [
        answer(
            403,
            json!({"errors": [format!("token {word} is not allowed to {word}")]}),
        ),
        answer(
            500,
            json!({"errors": [word.clone(), "a", format!("{word}{word}")]}),
        ),
        answer(400, json!({"errors": [], "data": {"password": word}})),
        answer(403, format!("<html>{word}</html>")),
        answer(404, json!({"errors": [format!("nothing at {word}")]})),
        answer(404, format!("{{\"errors\":[\"{word}")),
        answer(200, format!("{{\"data\":{{\"data\":{{\"a\":\"{word}\"")),
        answer(200, json!({"data": {"data": word}})),
        answer(200, json!({"auth": {"client_token": [word]}})),
        Fault::Malformed { text: word.clone() },
    ] {
        proxy.clear();
        proxy.inject(Rule::on("*", "/v1/*", fault.clone()));
        for client in [&client, &secret] {
            let metadata = client.metadata(&anybody(), &RemotePath::of("app")).await;
            for refused in [
                read(client, "app").await.unwrap_err(),
                metadata.unwrap_err(),
                client.validate().await.err().unwrap_or(StoreError::Closed),
            ] {
                let said = format!("{refused} {refused:?} {client:?}");
                assert!(canary.find_in(said.as_bytes()).is_empty(), "{fault:?}: {said}");
            }
        }
    }
}

/// One whose login would carry the canary.
async fn client_with_secret_id(store: &OpenBao, proxy: &FaultProxy<'_>, word: &str) -> VaultClient {
    let (role, _) = approle(store, &json!({"token_ttl": "1h"})).await;
    client(settings_at(store, &proxy.url(), approle_login(&role, word)))
}

#[tokio::test]
async fn answer_that_leads_to_another_host_takes_no_token_there() {
    let store = with_secret().await;
    let proxy = FaultProxy::before_store(&store).await.unwrap();
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = through(&store, &proxy, store.root_token());
    for code in [301, 302, 303, 307, 308] {
        for location in [
            format!("http://{}/v1/secret/data/app", elsewhere.local_addr().unwrap()),
            // On the same host the gate would still be passed by.
            "/v1/sys/mounts".to_owned(),
        ] {
            proxy.clear();
            let headers = vec![("location", location)];
            let body = String::new();
            proxy.inject(Rule::on("get", SECRETS, Fault::Answer { code, headers, body }));
            let refused = read(&client, "app").await.unwrap_err();
            assert_eq!((refused.blame(), refused.status()), (Blame::Nonsense, Some(code)));
        }
    }
    let reached = tokio::time::timeout(Duration::from_millis(100), elsewhere.accept()).await;
    assert!(reached.is_err(), "somebody else was asked");
    let asked: Vec<String> = proxy.seen().into_iter().map(|seen| seen.uri).collect();
    assert!(asked.iter().all(|uri| uri == "/v1/secret/data/app"), "{asked:?}");
}

#[tokio::test]
async fn store_of_an_authority_that_is_not_trusted_gets_nothing() {
    let store = with_secret().await;
    let mark = store.audit().mark().unwrap();
    let other = OpenBao::start().await.unwrap();
    let stranger = client(VaultSettings {
        trust: Trust::Authorities(other.ca_pem().as_bytes().to_vec()),
        ..settings(&store, token(store.root_token()))
    });
    let refused = read(&stranger, "app").await.unwrap_err().to_string();
    assert!(refused.contains("authority that is not trusted"), "{refused}");

    let plain = store.url().replace("http:", "https:");
    let refused = read(&client(settings_at(&store, &plain, token("x"))), "app").await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("does not speak TLS"), "{refused}");
    assert!(store.audit().since(mark).unwrap().is_empty());
}

#[tokio::test]
async fn store_on_this_machine_is_for_those_who_say_so() {
    let store = with_secret().await;
    let mark = store.audit().mark().unwrap();
    let outside = client(VaultSettings {
        reach: Reach::Network,
        ..settings(&store, token(store.root_token()))
    });
    let refused = read(&outside, "app").await.unwrap_err().to_string();
    assert!(refused.contains("no store may be"), "{refused}");
    assert!(store.audit().since(mark).unwrap().is_empty());
}

/// A real limit of the real server, which says for how long.
#[tokio::test]
async fn store_that_asks_for_fewer_requests_is_left_alone_for_so_long() {
    let store = with_secret().await;
    let headers = json!({"enable_rate_limit_response_headers": true});
    store.call("POST", "sys/quotas/config", &headers).await.unwrap();
    let proxy = FaultProxy::before_store(&store).await.unwrap();
    let client = through(&store, &proxy, store.root_token());
    let quota = json!({"path": "secret/", "rate": 2, "interval": "3s"});
    store
        .call("POST", "sys/quotas/rate-limit/ours", &quota)
        .await
        .unwrap();

    let refused = wait_for("the limit", SOON, async || Ok(read(&client, "app").await.err()))
        .await
        .unwrap();
    assert_eq!((refused.status(), refused.blame()), (Some(429), Blame::Down));
    let wait = refused.retry_after().unwrap();
    assert!(wait <= Duration::from_secs(3), "{wait:?}");

    let before = proxy.seen().len();
    for _ in 0..100 {
        let told = read(&client, "app").await.unwrap_err();
        assert!(matches!(told, StoreError::Throttled { .. }), "{told}");
    }
    assert_eq!(proxy.seen().len(), before, "it was asked all the same");
    wait_for("the limit to be over", SOON, async || {
        Ok(read(&client, "app").await.ok())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn sealed_store_is_tried_once_a_second_and_used_when_it_is_unsealed() {
    let store = with_secret().await;
    let proxy = FaultProxy::before_store(&store).await.unwrap();
    let client = through(&store, &proxy, store.root_token());
    assert_eq!(text(read(&client, "app").await), VALUE);
    let mut health = client.health();
    let begin = proxy.seen().len();

    store.seal().await.unwrap();
    let sealed = std::time::Instant::now();
    let told = Mutex::new(Vec::new());
    wait_for("three tries of a store that rests", SOON, async || {
        let refused = read(&client, "app").await.unwrap_err().to_string();
        told.lock().unwrap().push(refused);
        Ok((proxy.seen().len() - begin >= 6).then_some(()))
    })
    .await
    .unwrap();
    // Three until it was known, then one a second.
    let mut told = told.into_inner().unwrap();
    let asked = proxy.seen().len() - begin;
    assert!(
        asked <= 4 + usize::try_from(sealed.elapsed().as_secs()).unwrap(),
        "{asked}"
    );
    assert!(told.len() > asked, "nobody was told without asking");
    told.dedup();
    assert_eq!(
        told,
        ["cannot read secret/data/app: the store answered 503: Vault is sealed"]
    );
    assert_eq!(*health.borrow_and_update(), Health::Down);

    store.unseal().await.unwrap();
    wait_for("the value", SOON, async || Ok(read(&client, "app").await.ok()))
        .await
        .unwrap();
    assert_eq!(*health.borrow_and_update(), Health::Up);
}

#[tokio::test]
async fn connection_that_broke_while_it_was_idle_is_nobodys_error() {
    let store = with_secret().await;
    let proxy = FaultProxy::before_store(&store).await.unwrap();
    let client = through(&store, &proxy, store.root_token());
    for _ in 0..5 {
        assert_eq!(text(read(&client, "app").await), VALUE);
        proxy.cut_all();
    }
}

#[tokio::test]
async fn connection_that_breaks_instead_of_an_answer_is_told_and_passes() {
    let store = with_secret().await;
    let proxy = FaultProxy::before_store(&store).await.unwrap();
    for fault in [Fault::Cut, Fault::LoseAnswer] {
        // A new one each time: on a new connection nothing is asked a second time.
        let client = through(&store, &proxy, store.root_token());
        proxy.inject(Rule::on("get", SECRETS, fault).times(1));
        let refused = read(&client, "app").await.unwrap_err();
        assert_eq!(refused.blame(), Blame::Down, "{refused}");
        assert!(matches!(refused, StoreError::Unreachable { .. }), "{refused}");
        assert_eq!(text(read(&client, "app").await), VALUE);
    }
}

#[tokio::test]
async fn store_that_does_not_answer_is_given_up_in_time() {
    let store = with_secret().await;
    let proxy = FaultProxy::before_store(&store).await.unwrap();
    let impatient = client(VaultSettings {
        timeouts: Timeouts {
            request: Duration::from_millis(200),
            ..Timeouts::default()
        },
        ..settings_at(&store, &proxy.url(), token(store.root_token()))
    });
    let gate = Gate::default();
    proxy.inject(Rule::on("get", SECRETS, Fault::Hold(gate.clone())));
    let refused = read(&impatient, "app").await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "cannot read secret/data/app: no answer in time"
    );
    gate.open();
}

#[tokio::test]
async fn answer_larger_than_any_value_is_not_taken_in() {
    let store = with_secret().await;
    let proxy = FaultProxy::before_store(&store).await.unwrap();
    let client = through(&store, &proxy, store.root_token());
    let large = json!({"data": {"data": {"x": "y".repeat(9 << 20)}}});
    proxy.inject(Rule::on("get", SECRETS, answer(200, large)));
    let refused = read(&client, "app").await.unwrap_err();
    assert_eq!(refused.blame(), Blame::Nonsense);
    assert!(refused.to_string().contains("larger than any value"), "{refused}");
}

#[tokio::test]
async fn engine_that_vanishes_while_it_is_looked_through_is_no_empty_one() {
    use seal_providers::{By, Find, Found};
    let store = with_secret().await;
    let proxy = FaultProxy::before_store(&store).await.unwrap();
    let client = through(&store, &proxy, store.root_token());
    let unmounted = json!({"errors": ["no handler for route \"secret/data/app\". route entry not found."]});
    proxy.inject(Rule::on("get", SECRETS, answer(404, unmounted)));
    let all = Find {
        path: None,
        by: By::Name(std::sync::Arc::new(|_| true)),
    };
    let found = client.find(&anybody(), &all).await.unwrap();
    assert!(matches!(found, Found::MountMissing(_)), "{found:?}");

    proxy.clear();
    proxy.inject(Rule::on(
        "get",
        SECRETS,
        answer(503, json!({"errors": ["Vault is sealed"]})),
    ));
    assert_eq!(
        client.find(&anybody(), &all).await.unwrap_err().status(),
        Some(503)
    );
}
