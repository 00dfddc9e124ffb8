//! The life of a client's token, and what is shared while it lives: counted at the real server.

use std::time::Duration;

use futures::future::join_all;
use seal_providers::{Blame, RemotePath, SecretsClient, StoreError, vault::VaultClient};
use seal_testbed::{Fault, FaultProxy, Gate, OpenBao, Rule, StoreLog, wait_for};
use serde_json::{Value, json};

use super::ground::{
    anybody, approle, approle_login, change_role, client, credentials, read, settings, settings_at, text,
    with_secret,
};

const SOON: Duration = Duration::from_secs(30);
const VALUE: &str = r#"{"x":"1"}"#;

/// A client that logs in to a role of these settings, and a mark of the moment before it does.
async fn of_role(store: &OpenBao, role: &Value) -> VaultClient {
    let (role, secret) = approle(store, role).await;
    client(settings(store, approle_login(&role, &secret)))
}

/// The calls of our clients, without the test's own.
fn ours(store: &OpenBao) -> StoreLog {
    let log = store.audit().all().expect("the log");
    log.only(|call| call.caller == "approle" || call.path == "auth/approle/login")
}

fn renewals(store: &OpenBao) -> usize {
    ours(store).path("auth/token/renew-self").len()
}

#[tokio::test]
async fn fifty_who_come_at_once_share_one_login() {
    let store = with_secret().await;
    let client = of_role(&store, &json!({"token_ttl": "1h"})).await;
    let keys: Vec<String> = (0..50).map(|number| format!("none-{number}")).collect();

    let answers = join_all(keys.iter().map(|key| read(&client, key))).await;

    assert!(answers.into_iter().all(|answer| text(answer) == "Missing"));
    assert_eq!(text(read(&client, "app").await), VALUE);
    let log = ours(&store);
    assert_eq!(log.clone().logins().len(), 1, "{log}");
    assert_eq!(log.clone().below("secret/data/").len(), 51, "{log}");
}

#[tokio::test]
async fn those_who_read_one_version_of_one_path_at_once_share_one_read() {
    let store = with_secret().await;
    store.write("secret", "app", &json!({"x": "2"})).await.unwrap();
    let client = of_role(&store, &json!({"token_ttl": "1h"})).await;
    let (role, secret) = credentials(&store).await;
    let other = self::client(settings(&store, approle_login(&role, &secret)));
    let (newest, first) = (RemotePath::of("app"), RemotePath::of("app").at_version("1"));
    let asker = anybody();

    let newest = join_all((0..50).map(|_| client.read(&asker, &newest)));
    let first = join_all((0..50).map(|_| client.read(&asker, &first)));
    let (newest, first) = futures::join!(newest, first);

    assert!(newest.into_iter().all(|answer| text(answer) == r#"{"x":"2"}"#));
    assert!(first.into_iter().all(|answer| text(answer) == VALUE));
    let log = ours(&store).path("secret/data/app");
    assert_eq!(log.len(), 2, "{log}");

    // Nothing is kept, and nobody shares with another identity.
    let both = futures::join!(read(&client, "app"), read(&other, "app"));
    assert!(both.0.is_ok() && both.1.is_ok());
    let log = ours(&store).path("secret/data/app");
    assert_eq!(log.len(), 4, "{log}");
}

#[tokio::test]
async fn one_connection_serves_one_read_after_another() {
    let store = with_secret().await;
    let client = of_role(&store, &json!({"token_ttl": "1h"})).await;
    for _ in 0..20 {
        assert_eq!(text(read(&client, "app").await), VALUE);
    }
    let log = ours(&store);
    let mut ports: Vec<u16> = log.calls().iter().map(|call| call.port).collect();
    ports.dedup();
    assert_eq!(ports.len(), 1, "{ports:?}");
}

#[tokio::test]
async fn token_is_renewed_while_it_is_used_and_nobody_logs_in_again() {
    let store = with_secret().await;
    let client = of_role(&store, &json!({"token_ttl": "3s"})).await;
    wait_for("two renewals", SOON, async || {
        assert_eq!(text(read(&client, "app").await), VALUE);
        Ok((renewals(&store) >= 2).then_some(()))
    })
    .await
    .unwrap();
    let log = ours(&store);
    assert_eq!(log.clone().logins().len(), 1, "{log}");
    // At two thirds of its life, not with every read.
    assert!(renewals(&store) <= 3, "{log}");
}

#[tokio::test]
async fn token_whose_longest_life_ends_is_replaced_before_anybody_is_refused() {
    let store = with_secret().await;
    let client = of_role(&store, &json!({"token_ttl": "3s", "token_max_ttl": "5s"})).await;
    wait_for("two more logins", SOON, async || {
        assert_eq!(text(read(&client, "app").await), VALUE);
        Ok((ours(&store).logins().len() >= 3).then_some(()))
    })
    .await
    .unwrap();
    // Those that were replaced were given back.
    let revoked = ours(&store).path("auth/token/revoke-self");
    assert!(!revoked.is_empty(), "{}", ours(&store));
}

#[tokio::test]
async fn token_that_cannot_be_renewed_is_replaced_and_one_that_cannot_be_revoked_is_not() {
    let store = with_secret().await;
    let client = of_role(&store, &json!({"token_ttl": "3s", "token_type": "batch"})).await;
    wait_for("another login", SOON, async || {
        assert_eq!(text(read(&client, "app").await), VALUE);
        Ok((ours(&store).logins().len() >= 2).then_some(()))
    })
    .await
    .unwrap();
    client.close().await;
    let log = ours(&store);
    assert!(log.clone().below("auth/token/").is_empty(), "{log}");
}

#[tokio::test]
async fn token_that_was_revoked_is_replaced_once_a_minute() {
    let store = with_secret().await;
    let client = of_role(&store, &json!({"token_ttl": "1h"})).await;
    let revoke_all = async || {
        let prefix = "sys/leases/revoke-prefix/auth/approle";
        store.call("PUT", prefix, &json!({})).await.unwrap();
    };
    assert_eq!(text(read(&client, "app").await), VALUE);

    revoke_all().await;
    let answers = join_all((0..20).map(|_| read(&client, "app"))).await;
    assert!(answers.into_iter().all(|answer| text(answer) == VALUE));
    let log = ours(&store);
    assert_eq!(log.clone().logins().len(), 2, "{log}");

    revoke_all().await;
    for _ in 0..5 {
        assert_eq!(read(&client, "app").await.unwrap_err().status(), Some(403));
    }
    let log = ours(&store);
    assert_eq!(log.clone().logins().len(), 2, "{log}");
}

#[tokio::test]
async fn path_that_is_forbidden_is_no_reason_to_log_in_again_and_again() {
    let store = with_secret().await;
    let client = of_role(&store, &json!({"token_ttl": "1h", "token_policies": "default"})).await;
    for _ in 0..20 {
        let refused = read(&client, "app").await.unwrap_err();
        assert_eq!((refused.blame(), refused.status()), (Blame::Refused, Some(403)));
    }
    let log = ours(&store);
    assert_eq!(log.clone().logins().len(), 2, "{log}");
    // The one that was replaced has been given back.
    wait_for("the old token to be given back", SOON, async || {
        Ok((ours(&store).path("auth/token/revoke-self").len() == 1).then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn role_that_gets_more_rights_is_believed_at_the_next_refusal() {
    let store = with_secret().await;
    let role = json!({"token_ttl": "1h", "token_policies": "default"});
    let client = of_role(&store, &role).await;
    assert_eq!(client.validate().await.map(drop), Ok(()));

    change_role(&store, &json!({"token_ttl": "1h"})).await;

    assert_eq!(text(read(&client, "app").await), VALUE);
}

#[tokio::test]
async fn closed_client_has_given_its_token_back_and_asks_no_more() {
    let store = with_secret().await;
    let client = of_role(&store, &json!({"token_ttl": "1h"})).await;
    assert_eq!(text(read(&client, "app").await), VALUE);

    client.close().await;

    let mark = store.audit().mark().unwrap();
    assert_eq!(read(&client, "app").await.unwrap_err(), StoreError::Closed);
    client.close().await;
    let since = store.audit().since(mark).unwrap();
    assert!(since.is_empty(), "{since}");
    let log = ours(&store);
    assert_eq!(log.clone().path("auth/token/revoke-self").len(), 1, "{log}");
    // The test's own token is the only one left.
    let left = store
        .call("LIST", "auth/token/accessors", &Value::Null)
        .await
        .unwrap();
    assert_eq!(left["data"]["keys"].as_array().unwrap().len(), 1, "{left}");
}

#[tokio::test]
async fn token_that_arrives_after_the_end_is_given_back_too() {
    let store = with_secret().await;
    let (role, secret) = approle(&store, &json!({"token_ttl": "1h"})).await;
    let proxy = FaultProxy::before_store(&store).await.unwrap();
    let client = client(settings_at(&store, &proxy.url(), approle_login(&role, &secret)));
    let gate = Gate::default();
    proxy.inject(Rule::on("*", "/v1/auth/approle/login", Fault::Hold(gate.clone())));

    let (outcome, ()) = futures::join!(read(&client, "app"), async {
        gate.is_holding().await;
        client.close().await;
        gate.open();
    });

    assert_eq!(outcome.unwrap_err(), StoreError::Closed);
    let log = ours(&store);
    assert_eq!(log.clone().path("auth/token/revoke-self").len(), 1, "{log}");
}

#[tokio::test]
async fn login_that_is_refused_is_not_repeated_by_everybody() {
    let store = with_secret().await;
    let (role, _) = approle(&store, &json!({"token_ttl": "1h"})).await;
    let stranger = client(settings(&store, approle_login(&role, "wrong")));
    let mut said = Vec::new();
    for _ in 0..100 {
        said.push(read(&stranger, "app").await.unwrap_err().to_string());
    }
    said.dedup();
    assert_eq!(said.len(), 1, "{said:?}");
    let log = ours(&store);
    // Those that fell within two seconds.
    assert!(log.clone().logins().len() <= 3, "{log}");
}

#[tokio::test]
async fn token_that_was_handed_in_is_neither_renewed_nor_revoked() {
    let store = with_secret().await;
    let token = store.token(&["reader"], "2s").await.unwrap();
    let mark = store.audit().mark().unwrap();
    let client = client(settings(&store, super::ground::token(&token)));
    assert_eq!(text(read(&client, "app").await), VALUE);
    wait_for("the token's end", SOON, async || {
        Ok(read(&client, "app")
            .await
            .err()
            .filter(|error| error.status() == Some(403)))
    })
    .await
    .unwrap();
    client.close().await;
    let log = store.audit().since(mark).unwrap();
    assert!(log.clone().below("auth/token/re").is_empty(), "{log}");
}
