//! Every way to say who we are, taken and refused by the real server.

use std::sync::Arc;

use futures::FutureExt;
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
};
use kube::{Api, api::PostParams};
use seal_providers::{
    Blame, ClientCertificate, Reach, RemotePath, SecretsClient, Trust, Validity,
    vault::{JwtSource, Login, VaultClient, VaultSettings},
};
use seal_testbed::{ADMIN, Canary, ControlPlane, StoreProxy};
use serde_json::json;
use zeroize::Zeroizing;

use super::ground::{
    anybody, approle, approle_login, client, plain, read, settings, text, token, with_secret,
};

async fn reads(client: &VaultClient) {
    assert_eq!(client.validate().await, Ok(Validity::Valid));
    assert_eq!(text(read(client, "app").await), r#"{"x":"1"}"#);
}

/// A login that is refused says so, and the credential is nowhere in what it says.
async fn is_refused(client: &VaultClient, credential: &Canary, words: &str) {
    for refused in [
        client.validate().await.expect_err("a refusal"),
        read(client, "app").await.expect_err("a refusal"),
    ] {
        let said = format!("{refused} {refused:?} {client:?}");
        assert_eq!(refused.blame(), Blame::Refused, "{said}");
        assert!(said.contains(words), "{said}");
        assert!(credential.find_in(said.as_bytes()).is_empty(), "{said}");
    }
}

/// A canary without the characters that no header and no token has.
fn canary() -> (Canary, String) {
    let canary = Canary::new().expect("a canary");
    let word = canary.text().split('"').next().unwrap_or_default().to_owned();
    (canary, word)
}

#[tokio::test]
async fn token_is_taken_as_it_comes_and_a_wrong_one_refused() {
    let store = with_secret().await;
    let good = store.token(&["reader"], "1h").await.unwrap();
    reads(&client(settings(&store, token(&good)))).await;
    // As it comes out of a file.
    reads(&client(settings(&store, token(&format!("{good}\n"))))).await;

    let (canary, word) = canary();
    let bad = client(settings(&store, token(&word)));
    is_refused(&bad, &canary, "403: ").await;
}

#[tokio::test]
async fn role_and_secret_id_are_taken_and_wrong_ones_refused() {
    let store = with_secret().await;
    let (role, secret) = approle(&store, &json!({"token_ttl": "1h"})).await;
    reads(&client(settings(&store, approle_login(&role, &secret)))).await;

    let (canary, word) = canary();
    let bad = client(settings(&store, approle_login(&role, &word)));
    is_refused(
        &bad,
        &canary,
        "cannot log in at auth/approle/login: the store answered 400: invalid",
    )
    .await;
}

#[tokio::test]
async fn login_that_rides_along_makes_no_token_at_the_store() {
    let store = with_secret().await;
    let (role, secret) = approle(&store, &json!({"token_ttl": "1h"})).await;
    let inline = |login| {
        client(VaultSettings {
            inline: true,
            ..settings(&store, login)
        })
    };
    let mark = store.audit().mark().unwrap();
    let good = inline(approle_login(&role, &secret));
    for _ in 0..3 {
        assert_eq!(text(read(&good, "app").await), r#"{"x":"1"}"#);
    }
    assert_eq!(good.validate().await, Ok(Validity::Valid));
    good.close().await;
    let log = store.audit().since(mark).unwrap();
    assert_eq!(log.clone().path("secret/data/app").len(), 3, "{log}");
    assert!(log.clone().below("auth/token/re").is_empty(), "{log}");

    let (canary, word) = canary();
    let bad = inline(approle_login(&role, &word));
    is_refused(
        &bad,
        &canary,
        "cannot log in at auth/approle/login: the store answered 400",
    )
    .await;
}

/// OpenBao ships no LDAP method any more; its login is that of `userpass` word for word, at another mount.
#[tokio::test]
async fn name_and_password_are_taken_and_wrong_ones_refused() {
    let store = with_secret().await;
    for mount in ["userpass", "ldap", "people/of/ours"] {
        store.enable_auth(mount, "userpass").await.unwrap();
        let user = json!({"password": "right \"one\"", "token_policies": "reader"});
        let path = format!("auth/{mount}/users/ann.lee");
        store.call("POST", &path, &user).await.unwrap();
        let login = |password: &str| Login::Password {
            mount: mount.to_owned(),
            user: "ann.lee".to_owned(),
            password: plain(password),
        };
        reads(&client(settings(&store, login("right \"one\"")))).await;
        let (canary, _) = canary();
        let bad = client(settings(&store, login(canary.text())));
        is_refused(&bad, &canary, "invalid username or password").await;
    }
}

#[tokio::test]
async fn client_certificate_is_taken_and_a_strangers_refused() {
    let store = with_secret().await;
    store.enable_auth("cert", "cert").await.unwrap();
    let role = json!({
        "certificate": store.ca_pem(), "allowed_common_names": "app", "token_policies": "reader"
    });
    store.call("POST", "auth/cert/certs/web", &role).await.unwrap();
    let shown = |name: &str, role: &str| {
        let (chain, key) = store.client_certificate(name).unwrap();
        let login = Login::Certificate {
            mount: "cert".to_owned(),
            role: role.to_owned(),
        };
        client(VaultSettings {
            client_certificate: Some(ClientCertificate {
                chain: chain.into_bytes(),
                key: Zeroizing::new(key.into_bytes()),
            }),
            ..settings(&store, login)
        })
    };
    reads(&shown("app", "web")).await;
    reads(&shown("app", "")).await;
    let stranger = read(&shown("stranger", "web"), "app").await.unwrap_err();
    assert_eq!(stranger.blame(), Blame::Refused, "{stranger}");
}

#[tokio::test]
async fn signed_token_of_a_service_account_is_taken_for_its_audience() {
    let store = with_secret().await;
    let plane = ControlPlane::start().await.unwrap();
    plane
        .kubeconfig("system:serviceaccount:default:app")
        .await
        .unwrap();
    let accounts: Api<ServiceAccount> = Api::namespaced(plane.client(ADMIN).await.unwrap(), "default");

    store.enable_auth("jwt", "jwt").await.unwrap();
    let key = std::fs::read_to_string(plane.dir().join("accounts.pub")).unwrap();
    let config = json!({"jwt_validation_pubkeys": [key], "bound_issuer": "https://kubernetes.default.svc"});
    store.call("POST", "auth/jwt/config", &config).await.unwrap();
    let role = json!({
        "role_type": "jwt", "bound_audiences": ["vault"], "user_claim": "sub", "token_policies": "reader"
    });
    store.call("POST", "auth/jwt/role/app", &role).await.unwrap();

    store.enable_auth("kubernetes", "kubernetes").await.unwrap();
    let config = json!({
        "kubernetes_host": plane.url(), "kubernetes_ca_cert": plane.ca_pem(),
        "token_reviewer_jwt": plane.token(ADMIN).await.unwrap(), "disable_local_ca_jwt": true
    });
    store
        .call("POST", "auth/kubernetes/config", &config)
        .await
        .unwrap();
    let role = json!({
        "bound_service_account_names": "app", "bound_service_account_namespaces": "default",
        "audience": "vault", "token_policies": "reader"
    });
    store
        .call("POST", "auth/kubernetes/role/app", &role)
        .await
        .unwrap();

    // Minted anew for each login, with that audience.
    let minted = |audience: &'static str| -> JwtSource {
        let accounts = accounts.clone();
        Arc::new(move || {
            let accounts = accounts.clone();
            async move {
                let request = TokenRequest {
                    spec: TokenRequestSpec {
                        audiences: vec![audience.to_owned()],
                        expiration_seconds: Some(600),
                        ..TokenRequestSpec::default()
                    },
                    ..TokenRequest::default()
                };
                let answer = accounts
                    .create_token_request("app", &PostParams::default(), &request)
                    .await
                    .expect("a token");
                Ok(Zeroizing::new(answer.status.expect("a token").token))
            }
            .boxed()
        })
    };
    for mount in ["jwt", "kubernetes"] {
        let login = |audience| Login::Jwt {
            mount: mount.to_owned(),
            role: "app".to_owned(),
            jwt: minted(audience),
        };
        reads(&client(settings(&store, login("vault")))).await;
        let refused = read(&client(settings(&store, login("other"))), "app")
            .await
            .unwrap_err();
        assert_eq!(refused.blame(), Blame::Refused, "{mount}: {refused}");
    }
    // What the store says of a token that it cannot read does not bring the token back.
    let (canary, word) = canary();
    let word: JwtSource = Arc::new(move || {
        let word = word.clone();
        async move { Ok(Zeroizing::new(word)) }.boxed()
    });
    for mount in ["jwt", "kubernetes"] {
        let login = Login::Jwt {
            mount: mount.to_owned(),
            role: "app".to_owned(),
            jwt: Arc::clone(&word),
        };
        is_refused(&client(settings(&store, login)), &canary, "auth/").await;
    }
}

#[tokio::test]
async fn proxy_that_logs_in_by_itself_is_asked_without_a_token() {
    let store = with_secret().await;
    let good = store.token(&["reader"], "1h").await.unwrap();
    let proxy = StoreProxy::start(&store, &good).await.unwrap();
    let mark = store.audit().mark().unwrap();
    let nobody = client(VaultSettings {
        mount: Some("secret".to_owned()),
        reach: Reach::AlsoLoopback,
        trust: Trust::System,
        ..VaultSettings::new(proxy.url().parse().unwrap(), Login::Nobody)
    });
    reads(&nobody).await;
    nobody.close().await;
    let log = store.audit().since(mark).unwrap();
    assert!(log.clone().below("auth/").is_empty(), "{log}");
}

#[tokio::test]
async fn namespaces_of_secrets_and_of_the_login_are_two_things() {
    let store = with_secret().await;
    store
        .call("POST", "sys/namespaces/team", &json!({}))
        .await
        .unwrap();
    let engine = json!({"type": "kv", "options": {"version": "2"}});
    store
        .call_in("team", "POST", "sys/mounts/secret", &engine)
        .await
        .unwrap();
    let data = json!({"data": {"x": "of the team"}});
    // The engine upgrades itself for a moment.
    seal_testbed::wait_for("the engine", std::time::Duration::from_secs(60), async || {
        store
            .call_in("team", "POST", "secret/data/app", &data)
            .await
            .map(Some)
    })
    .await
    .unwrap();
    let rules = r#"path "team/secret/data/*" { capabilities = ["read"] }"#;
    store.policy("reader", rules).await.unwrap();
    let (role, secret) = approle(&store, &json!({"token_ttl": "1h"})).await;

    let apart = client(VaultSettings {
        namespace: Some("team".to_owned()),
        login_namespace: Some(String::new()),
        ..settings(&store, approle_login(&role, &secret))
    });
    assert_eq!(apart.validate().await, Ok(Validity::Valid));
    assert_eq!(text(read(&apart, "app").await), r#"{"x":"of the team"}"#);
    let mark = store.audit().mark().unwrap();
    apart.close().await;
    let log = store.audit().since(mark).unwrap();
    assert_eq!(log.clone().path("auth/token/revoke-self").len(), 1, "{log}");
    assert_eq!(log.calls()[0].namespace, "", "{log}");

    let together = client(VaultSettings {
        namespace: Some("team".to_owned()),
        ..settings(&store, approle_login(&role, &secret))
    });
    let refused = read(&together, "app").await.unwrap_err();
    assert!(refused.to_string().contains("auth/approle/login"), "{refused}");
    assert_eq!(
        refused.blame(),
        Blame::Refused,
        "a login at a method that is not there: {refused}"
    );
}

#[tokio::test]
async fn headers_and_consistency_are_sent_as_the_settings_say() {
    let store = with_secret().await;
    store
        .call(
            "POST",
            "sys/config/auditing/request-headers/X-Tenant",
            &json!({"hmac": false}),
        )
        .await
        .unwrap();
    store
        .call(
            "POST",
            "sys/config/auditing/request-headers/X-Vault-Inconsistent",
            &json!({"hmac": false}),
        )
        .await
        .unwrap();
    let good = store.token(&["reader"], "1h").await.unwrap();
    for (own, forward, sent) in [(true, true, true), (true, false, false), (false, true, false)] {
        let client = client(VaultSettings {
            headers: vec![(
                http::HeaderName::from_static("x-tenant"),
                http::HeaderValue::from_static("ours"),
            )],
            read_your_writes: own,
            forward_inconsistent: forward,
            ..settings(&store, token(&good))
        });
        let before = store.audit().text().unwrap().len();
        assert_eq!(
            text(client.read(&anybody(), &RemotePath::of("app")).await),
            r#"{"x":"1"}"#
        );
        let audit = store.audit().text().unwrap().split_off(before);
        assert!(audit.contains(r#""x-tenant":["ours"]"#), "{audit}");
        assert_eq!(
            audit.contains(r#""x-vault-inconsistent":["forward-active-node"]"#),
            sent,
            "{audit}"
        );
    }
}
