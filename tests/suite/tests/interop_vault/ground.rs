//! A store for each test, clients of it, and what they answer as text. It asserts nothing about either.

use std::sync::Arc;

use seal_core::Plaintext;
use seal_providers::{
    Allowed, Answer, Asker, Content, Found, Reach, RemotePath, SecretsClient, StoreError, Trust,
    vault::{KvVersion, Login, VaultClient, VaultSettings},
};
use seal_testbed::OpenBao;
use serde_json::{Value, json};

pub(crate) async fn store() -> OpenBao {
    OpenBao::start().await.expect("an OpenBao")
}

/// Settings for a store over TLS, with the given login.
pub(crate) fn settings(store: &OpenBao, login: Login) -> VaultSettings {
    settings_at(store, &store.tls_url(), login)
}

/// The same for a proxy before it.
pub(crate) fn settings_at(store: &OpenBao, url: &str, login: Login) -> VaultSettings {
    VaultSettings {
        mount: Some("secret".to_owned()),
        trust: Trust::Authorities(store.ca_pem().as_bytes().to_vec()),
        reach: Reach::AlsoLoopback,
        ..VaultSettings::new(url.parse().expect("a URL"), login)
    }
}

pub(crate) fn token(token: &str) -> Login {
    Login::Token(Plaintext::copied(token.as_bytes()))
}

pub(crate) fn client(settings: VaultSettings) -> VaultClient {
    VaultClient::new(settings).expect("settings")
}

/// One that may do everything.
pub(crate) fn root(store: &OpenBao) -> VaultClient {
    client(settings(store, token(store.root_token())))
}

/// The same for another engine.
pub(crate) fn root_at(store: &OpenBao, version: KvVersion, mount: Option<&str>) -> VaultClient {
    client(VaultSettings {
        version,
        mount: mount.map(str::to_owned),
        ..settings(store, token(store.root_token()))
    })
}

/// Somebody in namespace `team-a` who may ask for everything.
pub(crate) fn anybody() -> Asker {
    Asker {
        namespace: "team-a".to_owned(),
        allowed: Arc::new(Allowed::everything()),
    }
}

pub(crate) fn only(patterns: &[&str]) -> Asker {
    Asker {
        allowed: Arc::new(Allowed::only(patterns.iter().copied()).expect("patterns")),
        ..anybody()
    }
}

pub(crate) async fn read(client: &VaultClient, key: &str) -> Result<Answer, StoreError> {
    client.read(&anybody(), &RemotePath::of(key)).await
}

/// The text of a value, or the name of the answer.
pub(crate) fn text(answer: Result<Answer, StoreError>) -> String {
    match answer {
        Ok(Answer::Value(value)) => match &value.content {
            Content::Whole(text) => String::from_utf8(text.expose().to_vec()).expect("text"),
            Content::Entries(_) => panic!("entries of a store without entries"),
        },
        Ok(other) => format!("{other:?}"),
        Err(fault) => format!("{:?}: {fault}", fault.blame()),
    }
}

/// What was found, as one JSON object.
pub(crate) fn found(found: Result<Found, StoreError>) -> Value {
    match found {
        Ok(Found::Hits(hits)) => hits
            .into_iter()
            .map(|hit| {
                let value: Value = serde_json::from_str(&text(Ok(Answer::Value(hit.value)))).expect("JSON");
                (hit.key, value)
            })
            .collect::<serde_json::Map<String, Value>>()
            .into(),
        Ok(other) => json!(format!("{other:?}")),
        Err(fault) => json!(format!("{:?}: {fault}", fault.blame())),
    }
}

/// With one secret, and a policy `reader` for it.
pub(crate) async fn with_secret() -> OpenBao {
    let store = store().await;
    store
        .write("secret", "app", &json!({"x": "1"}))
        .await
        .expect("a secret");
    let rules = r#"path "secret/data/*" { capabilities = ["read"] }"#;
    store.policy("reader", rules).await.expect("a policy");
    store
}

/// The method and a role of these settings with the policy `reader`; its id and a secret for it.
pub(crate) async fn approle(store: &OpenBao, role: &Value) -> (String, String) {
    store.enable_auth("approle", "approle").await.expect("a method");
    change_role(store, role).await;
    credentials(store).await
}

/// The role's id, and one more secret for it.
pub(crate) async fn credentials(store: &OpenBao) -> (String, String) {
    let id = store
        .call("GET", "auth/approle/role/app/role-id", &Value::Null)
        .await
        .expect("an id");
    let secret = store
        .call("POST", "auth/approle/role/app/secret-id", &json!({}))
        .await
        .expect("a secret");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    (text(&id["data"]["role_id"]), text(&secret["data"]["secret_id"]))
}

pub(crate) async fn change_role(store: &OpenBao, role: &Value) {
    let mut role = role.clone();
    if role["token_policies"].is_null() {
        role["token_policies"] = json!("reader");
    }
    store
        .call("POST", "auth/approle/role/app", &role)
        .await
        .expect("a role");
}

pub(crate) fn approle_login(role: &str, secret: &str) -> Login {
    Login::AppRole {
        mount: "approle".to_owned(),
        role_id: plain(role),
        secret_id: plain(secret),
    }
}

pub(crate) fn plain(text: &str) -> Plaintext {
    Plaintext::copied(text.as_bytes())
}
