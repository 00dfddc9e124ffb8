//! A tenant's own server in the place of a store: what it gets to see, and what that is worth (S1, S2).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use seal_testbed::wait_for;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::ground::{CONTROLLER, Ground, Place, SOON, ground, place_on, start_with};

/// Writes down everything that it is sent, and refuses it.
struct Capture {
    url: String,
    seen: Arc<Mutex<Vec<u8>>>,
}

impl Capture {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let all = Arc::clone(&all);
                tokio::spawn(async move {
                    let mut buffer = vec![0; 64 << 10];
                    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                        all.lock().unwrap().extend_from_slice(&buffer[..count]);
                        let body = "{\"errors\":[\"permission denied\"]}";
                        let head =
                            format!("HTTP/1.1 403 Forbidden\r\ncontent-length: {}\r\n\r\n", body.len());
                        if stream
                            .write_all(format!("{head}{body}").as_bytes())
                            .await
                            .is_err()
                        {
                            return;
                        }
                    }
                });
            }
        });
        Self { url, seen }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap()).into_owned()
    }

    /// The claims of the signed tokens that arrived, and the tokens.
    fn tokens(&self) -> Vec<(String, Value)> {
        let text = self.text();
        let words = text.split(|char: char| !char.is_ascii_alphanumeric() && !"-_.".contains(char));
        let signed = words.filter(|word| word.starts_with("eyJ") && word.matches('.').count() == 2);
        signed
            .map(|token| {
                let claims = token.split('.').nth(1).unwrap();
                let claims = URL_SAFE_NO_PAD.decode(claims).unwrap();
                (token.to_owned(), serde_json::from_slice(&claims).unwrap())
            })
            .collect()
    }
}

fn data() -> Value {
    json!([{"secretKey": "a", "remoteRef": {"key": "app", "property": "a"}}])
}

fn account(audiences: &[&str]) -> Value {
    json!({"kubernetes": {"mountPath": "kubernetes", "role": "app",
        "serviceAccountRef": {"name": "app", "audiences": audiences}}})
}

async fn ask(place: &Place, server: &str, name: &str, auth: Option<Value>) {
    let mut vault = json!({"server": server, "path": "secret"});
    if let Some(auth) = auth {
        vault["auth"] = auth;
    }
    place
        .create("SecretStore", name, json!({"provider": {"vault": vault}}))
        .await;
    place
        .external(name, json!({"secretStoreRef": {"name": name}, "data": data()}))
        .await;
}

#[tokio::test]
async fn a_server_of_a_tenant_sees_what_his_store_names_and_nothing_of_ours() {
    let capture = Capture::start().await;
    let place = Place::new("captured").await;
    ground()
        .await
        .plane
        .service_account("captured", "app")
        .await
        .unwrap();
    let own = json!({"name": "own", "key": "x"});
    place.make_secret("own", &[("x", "named-by-the-tenant")]).await;
    let auths = [
        ("agent", None),
        ("token", Some(json!({"tokenSecretRef": own}))),
        (
            "role",
            Some(json!({"appRole": {"path": "approle", "roleId": "r", "secretRef": own}})),
        ),
        ("account", Some(account(&["vault"]))),
        (
            "fixed",
            Some(json!({"kubernetes": {"mountPath": "kubernetes", "role": "app", "secretRef": own}})),
        ),
        (
            "nothing",
            Some(json!({"kubernetes": {"mountPath": "kubernetes", "role": "app"}})),
        ),
        ("empty", Some(json!({}))),
        (
            "user",
            Some(json!({"userPass": {"path": "userpass", "username": "u", "secretRef": own}})),
        ),
        (
            "directory",
            Some(json!({"ldap": {"path": "ldap", "username": "u", "secretRef": own}})),
        ),
        (
            "signed",
            Some(json!({"jwt": {"path": "jwt", "role": "r", "secretRef": own}})),
        ),
        (
            "minted",
            Some(
                json!({"jwt": {"path": "jwt", "role": "r", "kubernetesServiceAccountToken": {"serviceAccountRef": {"name": "app"}}}}),
            ),
        ),
    ];
    for (name, auth) in &auths {
        ask(&place, &capture.url, name, auth.clone()).await;
    }
    // A store of the whole cluster is shown no more.
    let vault = json!({"server": capture.url, "path": "secret", "auth": {"kubernetes": {"mountPath": "kubernetes", "role": "app"}}});
    place
        .create(
            "ClusterSecretStore",
            "captured",
            json!({"provider": {"vault": vault}}),
        )
        .await;
    let store = json!({"name": "captured", "kind": "ClusterSecretStore"});
    place
        .external("cluster", json!({"secretStoreRef": store, "data": data()}))
        .await;
    for (name, _) in auths.iter().chain([&("cluster", None)]) {
        place.ready(name, "False").await;
    }
    let text = capture.text();
    let ours = ground().await.plane.token(CONTROLLER).await.unwrap();
    assert!(text.contains("named-by-the-tenant"), "it was asked");
    assert!(!text.contains(&ours) && !text.contains("/v1/auth/kubernetes/login\r\n\r\n"));
    let tokens = capture.tokens();
    assert!(!tokens.is_empty());
    for (_, claims) in &tokens {
        assert_eq!(claims["sub"], "system:serviceaccount:captured:app");
        assert_eq!(claims["aud"], json!(["vault"]));
        let lifetime = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
        assert!(lifetime <= 600, "{claims}");
    }
}

/// Whether the API server takes that token.
async fn is_taken(ground: &Ground, token: &str) -> bool {
    let http = reqwest::Client::builder()
        .no_proxy()
        .danger_accept_invalid_certs(true)
        .build()
        .unwrap();
    let url = format!(
        "{}/apis/authentication.k8s.io/v1/selfsubjectreviews",
        ground.plane.url()
    );
    let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let request = http
        .post(url)
        .bearer_auth(token)
        .header("content-type", "application/json");
    let answer = request.body(body.to_string()).send().await.unwrap();
    answer.status().is_success()
}

#[tokio::test]
async fn a_token_without_an_audience_is_worth_something_and_is_refused_where_that_is_asked_for() {
    let capture = Capture::start().await;
    let place = Place::new("unbounded").await;
    ground()
        .await
        .plane
        .service_account("unbounded", "app")
        .await
        .unwrap();
    for (name, audiences) in [("open", &[][..]), ("bound", &["vault"][..])] {
        ask(&place, &capture.url, name, Some(account(audiences))).await;
        let what = format!("the token of {name}");
        let token = wait_for(&what, SOON, async || {
            let bound = |claims: &Value| claims["aud"] == json!(["vault"]);
            let mut tokens = capture.tokens().into_iter();
            Ok(tokens.find(|(_, claims)| bound(claims) != audiences.is_empty()))
        });
        let (token, _) = token.await.unwrap();
        assert_eq!(
            is_taken(ground().await, &token).await,
            audiences.is_empty(),
            "{name}"
        );
    }

    let strict = start_with(&["--require-token-audience"]).await.unwrap();
    let capture = Capture::start().await;
    let place = place_on(&strict, "strict-audience").await;
    strict
        .plane
        .service_account("strict-audience", "app")
        .await
        .unwrap();
    for (name, audiences) in [("open", &[][..]), ("bound", &["vault"][..])] {
        ask(&place, &capture.url, name, Some(account(audiences))).await;
    }
    let (_, message) = place.ready("open", "False").await;
    assert!(message.contains("--require-token-audience"), "{message}");
    place.ready("bound", "False").await;
    for (token, _) in capture.tokens() {
        assert!(!is_taken(&strict, &token).await);
    }
}
