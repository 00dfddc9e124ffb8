//! What the real upstream controller answers over HTTP, through the API server's service proxy, and that
//! ours says the same with the same keys; where it does not, the row says what upstream does instead.

use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use seal_core::Scope;
use seal_testbed::{ADMIN, ControlPlane, UpstreamController};
use serde_json::{Value, json};

use super::ground::{HOME, SERVICE, our_controller, plane, served_certificate};
use super::hand_over::sealed_by_engine;

const FLAGS: &[&str] = &[
    "--key-size=2048",
    "--key-renew-period=0",
    "--rate-limit=1000",
    "--rate-limit-burst=1000",
];

/// Of an answer, what a caller goes by.
#[derive(Debug, PartialEq)]
struct Answer {
    status: u16,
    kind: Option<String>,
    limit: Option<String>,
    // Ciphertexts differ each time.
    body: String,
}

/// How ours compares.
#[derive(Clone, Copy)]
enum Ours {
    /// The same.
    Same,
    /// Another status, where upstream's is this one.
    Instead(u16, u16),
    /// The same status, and JSON that is called JSON.
    Json,
}

use Ours::{Instead, Json, Same};

struct Row(&'static str, &'static str, String, Ours);

fn rows(good: &Value) -> Vec<Row> {
    let with = |place: &str, value: Value| {
        let mut object = good.clone();
        *object.pointer_mut(place).expect("a place that stands") = value;
        object.to_string()
    };
    let text = good.to_string();
    let yaml = serde_yaml::to_string(good).expect("YAML");
    let mut oracle = good.clone();
    oracle["spec"]["template"]["data"] = json!({"x": "{{ fail .user }}"});
    let mut both = good.clone();
    both["spec"]["data"] = "AgAA".into();
    let mut unknown = good.clone();
    unknown["spec"]["unknown"] = json!({"a": [1]});
    let two = format!("{yaml}---\n{yaml}");
    let verify = |method, body: &str, ours| Row(method, "/v1/verify", body.to_owned(), ours);
    let rotate = |method, body: &str, ours| Row(method, "/v1/rotate", body.to_owned(), ours);
    let plain = |method, path| Row(method, path, String::new(), Same);
    vec![
        plain("GET", "/healthz"),
        plain("POST", "/healthz"),
        plain("HEAD", "/healthz"),
        plain("GET", "/readyz"),
        plain("GET", "/v1/cert.pem"),
        plain("POST", "/v1/cert.pem"),
        plain("DELETE", "/v1/cert.pem"),
        plain("GET", "/nope"),
        plain("GET", "/metrics"),
        plain("GET", "/v1/verify/"),
        plain("GET", "/v1/verify"),
        plain("GET", "/v1/rotate"),
        verify("POST", "", Same),
        verify("POST", &text, Same),
        verify("PUT", &text, Same),
        verify("POST", &yaml, Same),
        verify("POST", &oracle.to_string(), Same),
        verify("POST", &unknown.to_string(), Same),
        verify("POST", &both.to_string(), Same),
        verify("POST", &with("/spec/encryptedData", json!({})), Same),
        verify("POST", &with("/spec/encryptedData/user", "!".into()), Same),
        verify("POST", &with("/spec/encryptedData/user", "".into()), Same),
        verify("POST", &with("/spec/encryptedData/user", 5.into()), Same),
        verify("POST", &with("/metadata/namespace", "staging".into()), Same),
        verify("POST", &with("/metadata/name", "other".into()), Same),
        verify("POST", &with("/kind", "Secret".into()), Same),
        verify("POST", &with("/kind", "SealedSecretList".into()), Same),
        verify("POST", &with("/apiVersion", "bitnami.com/v2".into()), Same),
        verify("POST", "[]", Same),
        verify("POST", "\0", Same),
        verify("POST", &two, Same),
        // Upstream's handler panics, and the proxy has no answer to pass on.
        verify("POST", "a: {", Instead(503, 500)),
        rotate("POST", "", Same),
        rotate("POST", "a: {", Same),
        rotate("POST", &with("/metadata/namespace", "staging".into()), Same),
        rotate("POST", &with("/spec/encryptedData/user", "!".into()), Same),
        rotate("POST", &with("/kind", "Secret".into()), Same),
        rotate("POST", &text, Json),
        rotate("PUT", &yaml, Json),
        rotate("POST", &oracle.to_string(), Json),
        // Upstream loses the second document.
        rotate("POST", &two, Instead(200, 500)),
    ]
}

/// A client that takes a 503 for an answer.
async fn asking_once(plane: &ControlPlane) -> anyhow::Result<Client> {
    let kubeconfig = Kubeconfig::read_from(plane.kubeconfig(ADMIN).await?)?;
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    config.proxy_url = None;
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}

async fn ask(client: &Client, Row(method, path, body, _): &Row) -> anyhow::Result<Answer> {
    let uri = format!("/api/v1/namespaces/{HOME}/services/http:{SERVICE}:http/proxy{path}");
    let request = http::Request::builder().method(*method).uri(uri);
    let answer = client
        .send(request.body(Body::from(body.clone().into_bytes()))?)
        .await?;
    let header = |name: &str| Some(answer.headers().get(name)?.to_str().ok()?.to_owned());
    let (status, kind, limit) = (
        answer.status().as_u16(),
        header("content-type"),
        header("x-ratelimit-limit"),
    );
    let body = answer.into_body().collect_bytes().await?;
    Ok(Answer {
        status,
        kind,
        limit,
        body: String::from_utf8(body.to_vec())?,
    })
}

async fn answers(client: &Client, rows: &[Row]) -> Vec<Answer> {
    let mut answers = Vec::new();
    for row in rows {
        let place = || format!("{} {} {}", row.0, row.1, row.2);
        answers.push(
            ask(client, row)
                .await
                .unwrap_or_else(|error| panic!("{}: {error:#}", place())),
        );
    }
    answers
}

#[tokio::test]
async fn ours_answers_what_upstream_answers() {
    let plane = plane().await.unwrap();
    let client = asking_once(&plane).await.unwrap();
    let upstream = UpstreamController::start(&plane, HOME, FLAGS).await.unwrap();
    let certificate = served_certificate(&plane).await.unwrap();
    let good = serde_json::to_value(sealed_by_engine("db", certificate.key(), Scope::Strict)).unwrap();
    let rows = rows(&good);
    let theirs = answers(&client, &rows).await;
    drop(upstream);
    let controller = our_controller(&plane, FLAGS).await.unwrap();
    let ours = answers(&client, &rows).await;
    drop(controller);
    for ((Row(method, path, body, expected), theirs), ours) in rows.iter().zip(theirs).zip(ours) {
        let place = format!("{method} {path} {body}");
        match expected {
            Same => assert_eq!(ours, theirs, "{place}"),
            Instead(upstreams, own) => {
                assert_eq!((theirs.status, ours.status), (*upstreams, *own), "{place}");
                assert!(ours.body.is_empty(), "{place}");
            }
            Json => {
                assert_eq!((theirs.status, ours.status), (200, 200), "{place}");
                assert_eq!(
                    theirs.kind.as_deref(),
                    Some("text/plain; charset=utf-8"),
                    "{place}"
                );
                assert_eq!(ours.kind.as_deref(), Some("application/json"), "{place}");
                assert_eq!(theirs.limit, ours.limit, "{place}");
                let entries = |answer: &Answer| {
                    let object: Value = serde_json::from_str(&answer.body).unwrap();
                    let entries = object["spec"]["encryptedData"].as_object().unwrap();
                    entries.keys().cloned().collect::<Vec<_>>()
                };
                let known: Vec<String> = good["spec"]["encryptedData"]
                    .as_object()
                    .unwrap()
                    .keys()
                    .cloned()
                    .collect();
                assert_eq!(
                    (entries(&theirs), entries(&ours)),
                    (known.clone(), known),
                    "{place}"
                );
            }
        }
    }
}
