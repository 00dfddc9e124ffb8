//! Secrets of another cluster, read from a real API server. Needs what `cargo xtask test --tier interop` checks for.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::{FutureExt, future::BoxFuture};
use k8s_openapi::api::{authentication::v1::TokenRequest, core::v1::ServiceAccount};
use kube::{Api, api::PostParams};
use seal_core::Plaintext;
use seal_providers::{
    Allowed, Answer, Asker, Blame, By, Content, Find, Found, JwtSource, Limits, Reach, RemotePath,
    SecretsClient, StoreError, Timeouts, Trust, Validity,
    kubernetes::{KubernetesClient, KubernetesIdentity, KubernetesSettings},
};
use seal_testbed::{ADMIN, Canary, ControlPlane, Fault, FaultProxy, Rule};
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

/// One plane for all: each test reads, and what it changes is its own.
static PLANE: OnceCell<ControlPlane> = OnceCell::const_new();

/// With Secrets in `remote`, a reader of that namespace and a stranger.
async fn plane() -> &'static ControlPlane {
    PLANE
        .get_or_init(async || {
            let plane = ControlPlane::start().await.expect("a plane");
            for namespace in ["remote", "home"] {
                plane.namespace(namespace).await.expect("a namespace");
            }
            let secret = |name: &str, kind: &str, data: Value| {
                json!({
                    "apiVersion": "v1", "kind": "Secret",
                    "metadata": {"name": name, "namespace": "remote", "labels": {"kind": kind}},
                    "data": data
                })
            };
            let role = json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
                "metadata": {"name": "reader", "namespace": "remote"},
                "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"]}]
            });
            let binding = |name: &str| {
                json!({
                    "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
                    "metadata": {"name": name, "namespace": "remote"},
                    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
                    "subjects": [{"kind": "ServiceAccount", "namespace": "home", "name": name}]
                })
            };
            for object in [
                secret("app-db", "database", json!({"user": "YW5u", "file.p12": "AP8="})),
                secret("app-web", "web", json!({"user": "Ym9i"})),
                secret("other", "database", json!({})),
                role,
                binding("reader"),
                binding("again"),
            ] {
                plane.apply(&object.to_string()).await.expect("an object");
            }
            plane
        })
        .await
}

async fn settings(plane: &ControlPlane, url: &str, account: &str) -> KubernetesSettings {
    let account = format!("system:serviceaccount:home:{account}");
    let token = plane.token(&account).await.expect("a token");
    settings_as(
        plane,
        url,
        KubernetesIdentity::Token(Plaintext::copied(token.as_bytes())),
    )
}

fn settings_as(plane: &ControlPlane, url: &str, identity: KubernetesIdentity) -> KubernetesSettings {
    KubernetesSettings {
        address: url.parse().expect("a URL"),
        trust: Trust::Authorities(plane.ca_pem().as_bytes().to_vec()),
        identity,
        namespace: "remote".to_owned(),
        reach: Reach::AlsoLoopback,
        timeouts: Timeouts::default(),
        limits: Limits::default(),
        meter: None,
    }
}

async fn reader(plane: &ControlPlane) -> KubernetesClient {
    KubernetesClient::new(settings(plane, &plane.url(), "reader").await).expect("settings")
}

fn asker(allowed: Allowed) -> Asker {
    Asker {
        namespace: "team-a".to_owned(),
        allowed: Arc::new(allowed),
    }
}

async fn read(client: &KubernetesClient, name: &str) -> Result<Answer, StoreError> {
    client
        .read(&asker(Allowed::everything()), &RemotePath::of(name))
        .await
}

fn entries(answer: &Answer) -> BTreeMap<&str, &[u8]> {
    let Answer::Value(value) = answer else {
        panic!("{answer:?}")
    };
    let Content::Entries(entries) = &value.content else {
        panic!("no entries")
    };
    entries
        .iter()
        .map(|(entry, value)| (entry.as_str(), value.expose()))
        .collect()
}

fn found(found: Result<Found, StoreError>) -> Vec<String> {
    match found.expect("an answer") {
        Found::Hits(hits) => hits.into_iter().map(|hit| hit.key).collect(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn entries_come_as_they_are_and_what_is_not_there_is_missing() {
    let client = reader(plane().await).await;
    assert_eq!(client.validate().await, Ok(Validity::Valid));
    let answer = read(&client, "app-db").await.unwrap();
    let expected: BTreeMap<&str, &[u8]> =
        BTreeMap::from([("user", &b"ann"[..]), ("file.p12", &b"\x00\xff"[..])]);
    assert_eq!(entries(&answer), expected);
    assert!(matches!(read(&client, "never").await, Ok(Answer::Missing)));
    assert!(matches!(
        read(&client, "../configmaps/x").await,
        Err(StoreError::Key { .. })
    ));

    let everybody = asker(Allowed::everything());
    let metadata = client
        .metadata(&everybody, &RemotePath::of("app-db"))
        .await
        .unwrap();
    let Answer::Value(value) = &metadata else {
        panic!("{metadata:?}")
    };
    let Content::Whole(text) = &value.content else {
        panic!("entries")
    };
    let metadata: Value = serde_json::from_slice(text.expose()).unwrap();
    assert_eq!(metadata["labels"]["kind"], "database");
}

#[tokio::test]
async fn names_and_labels_are_found_as_far_as_they_are_allowed() {
    let client = reader(plane().await).await;
    let named = Find {
        path: None,
        by: By::Name(Arc::new(|name| name.starts_with("app"))),
    };
    let labelled = Find {
        path: None,
        by: By::Tags(BTreeMap::from([("kind".to_owned(), "database".to_owned())])),
    };
    let everybody = asker(Allowed::everything());
    assert_eq!(
        found(client.find(&everybody, &named).await),
        ["app-db", "app-web"]
    );
    assert_eq!(
        found(client.find(&everybody, &labelled).await),
        ["app-db", "other"]
    );
    let some = asker(Allowed::only(["remote/app-*"]).unwrap());
    assert_eq!(found(client.find(&some, &labelled).await), ["app-db"]);
    assert!(matches!(
        client.read(&some, &RemotePath::of("other")).await,
        Err(StoreError::NotAllowed { .. })
    ));
}

#[tokio::test]
async fn stranger_is_refused_and_told_the_reason_alone() {
    let plane = plane().await;
    let stranger = KubernetesClient::new(settings(plane, &plane.url(), "stranger").await).unwrap();
    let refused = read(&stranger, "app-db").await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "cannot read Secret remote/app-db: the store answered 403: Forbidden"
    );
    assert_eq!(refused.blame(), Blame::Refused);
    assert_eq!(stranger.validate().await.unwrap_err().status(), Some(403));

    let canary = Canary::new().unwrap();
    let word = canary.text().split('"').next().unwrap();
    let nobody = KubernetesIdentity::Token(Plaintext::copied(word.as_bytes()));
    let nobody = KubernetesClient::new(settings_as(plane, &plane.url(), nobody)).unwrap();
    let refused = read(&nobody, "app-db").await.unwrap_err();
    assert_eq!(refused.status(), Some(401));
    assert!(
        canary
            .find_in(format!("{refused} {refused:?} {nobody:?}").as_bytes())
            .is_empty()
    );
}

#[tokio::test]
async fn kubeconfig_out_of_a_secret_is_enough() {
    let plane = plane().await;
    let file = plane
        .kubeconfig("system:serviceaccount:home:reader")
        .await
        .unwrap();
    let text = std::fs::read(file).unwrap();
    let client = KubernetesClient::new(KubernetesSettings {
        reach: Reach::AlsoLoopback,
        ..KubernetesSettings::from_kubeconfig(&text, "remote").unwrap()
    })
    .unwrap();
    assert_eq!(
        entries(&read(&client, "app-web").await.unwrap()),
        BTreeMap::from([("user", &b"bob"[..])])
    );
}

/// Counts how often it makes a token.
fn minting(
    make: impl Fn() -> BoxFuture<'static, String> + Send + Sync + 'static,
) -> (JwtSource, Arc<AtomicUsize>) {
    let minted = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&minted);
    let source: JwtSource = Arc::new(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        make().map(|token| Ok(Zeroizing::new(token))).boxed()
    });
    (source, minted)
}

#[tokio::test]
async fn minted_token_is_used_again_until_the_client_is_closed() {
    let plane = plane().await;
    plane.token("system:serviceaccount:home:again").await.unwrap();
    let accounts: Api<ServiceAccount> = Api::namespaced(plane.client(ADMIN).await.unwrap(), "home");
    let (source, minted) = minting(move || {
        let accounts = accounts.clone();
        async move {
            let (params, request) = (PostParams::default(), TokenRequest::default());
            let made = accounts.create_token_request("again", &params, &request);
            made.await.expect("a token").status.expect("a token").token
        }
        .boxed()
    });
    let settings = settings_as(plane, &plane.url(), KubernetesIdentity::Minted(source));
    let client = KubernetesClient::new(settings).unwrap();
    for _ in 0..5 {
        assert_eq!(entries(&read(&client, "app-web").await.unwrap()).len(), 1);
    }
    assert_eq!(minted.load(Ordering::SeqCst), 1);
    client.close().await;
    assert_eq!(read(&client, "app-web").await.unwrap_err(), StoreError::Closed);
}

#[tokio::test]
async fn minted_token_that_is_refused_is_not_made_anew_by_everybody() {
    let plane = plane().await;
    let (source, minted) = minting(|| async { "not.any.more".to_owned() }.boxed());
    let settings = settings_as(plane, &plane.url(), KubernetesIdentity::Minted(source));
    let client = KubernetesClient::new(settings).unwrap();
    for _ in 0..20 {
        assert_eq!(read(&client, "app-web").await.unwrap_err().status(), Some(401));
    }
    // Once in ten seconds.
    assert!(minted.load(Ordering::SeqCst) <= 2);
}

#[tokio::test]
async fn broken_and_foreign_answers_are_neither_missing_nor_quoted() {
    let plane = plane().await;
    let proxy = FaultProxy::start(plane).await.unwrap();
    let client = KubernetesClient::new(settings(plane, &proxy.url(), "reader").await).unwrap();
    let canary = Canary::new().unwrap();
    let word = canary.text().split('"').next().unwrap().to_owned();
    let answer = |code, body: String| Fault::Answer {
        code,
        headers: Vec::new(),
        body,
    };
    for fault in [
        Fault::Malformed { text: word.clone() },
        answer(404, format!("404 page not found {word}")),
        answer(
            404,
            json!({"kind": "Status", "reason": "NotFound", "message": word}).to_string(),
        ),
        answer(
            403,
            json!({"kind": "Status", "reason": word, "message": word}).to_string(),
        ),
        answer(200, json!({"kind": "Secret", "data": {"a": word}}).to_string()),
        answer(307, word.clone()),
    ] {
        proxy.clear();
        proxy.inject(Rule::on(
            "get",
            "/api/v1/namespaces/remote/secrets/*",
            fault.clone(),
        ));
        let refused = read(&client, "app-db").await.unwrap_err();
        let said = format!("{refused} {refused:?}");
        assert!(canary.find_in(said.as_bytes()).is_empty(), "{fault:?}: {said}");
    }
    proxy.clear();
    assert_eq!(entries(&read(&client, "app-db").await.unwrap()).len(), 2);
}

#[tokio::test]
async fn api_server_is_not_asked_without_encryption() {
    let plane = plane().await;
    let url = plane.url().replace("https:", "http:");
    let refused = KubernetesClient::new(settings(plane, &url, "reader").await)
        .err()
        .unwrap();
    assert_eq!(refused.blame(), Blame::User);
}
