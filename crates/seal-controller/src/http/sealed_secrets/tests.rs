//! The two paths over a real connection on loopback.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use jiff::Timestamp;
use seal_api::{Secret, SecretTemplate};
use seal_core::{
    Certificate, KeyRing, KeySize, Plaintext, PrivateKey, RingKey, Scope, SelfSigned, encode_base64,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::http::{Bounds, Shown, api, listen, metrics, serve};
use crate::metrics::Metrics;
use crate::settings::Settings;

/// The API with one key, as it is served.
pub(in crate::http) struct Server {
    pub(in crate::http) address: std::net::SocketAddr,
    keys: Arc<Keys>,
    metrics: Arc<Metrics>,
    pub(in crate::http) ready: Arc<AtomicBool>,
    /// While it lives, the keys can be seen.
    pub(in crate::http) current: watch::Sender<Option<Arc<Keys>>>,
    // While it lives, the server goes on.
    _open: watch::Sender<bool>,
}

fn keys() -> Keys {
    let key = PrivateKey::generate(KeySize::Bits2048).unwrap();
    let contents = SelfSigned {
        common_name: "",
        not_before: Timestamp::UNIX_EPOCH,
        lifetime: Duration::from_secs(86_400),
    };
    Keys {
        listed: Vec::new(),
        certificate: Certificate::self_signed(&key, &contents, &mut SystemRandom).unwrap(),
        ring: KeyRing::new(vec![RingKey::new(key, Timestamp::UNIX_EPOCH)]).unwrap(),
        generation: 1,
    }
}

impl Server {
    pub(in crate::http) async fn start(flags: &[&str]) -> Self {
        let arguments = ["seal-controller"].iter().chain(flags);
        let settings = Settings::read(arguments.map(Into::into)).unwrap();
        Self::serving(|shown| api(shown, &settings)).await
    }

    pub(in crate::http) async fn of_metrics() -> Self {
        Self::serving(metrics).await
    }

    async fn serving(router: impl FnOnce(Shown) -> axum::Router) -> Self {
        let keys = Arc::new(keys());
        let current = watch::Sender::new(Some(Arc::clone(&keys)));
        let shown = Shown {
            keys: current.subscribe(),
            ready: vec![Arc::new(AtomicBool::new(true))],
            metrics: Arc::new(Metrics::default()),
            queues: Vec::new(),
            leadership: crate::leadership::Leadership::alone(),
        };
        let (metrics, ready) = (Arc::clone(&shown.metrics), Arc::clone(&shown.ready[0]));
        let listener = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (open, closed) = watch::channel(false);
        tokio::spawn(serve(listener, router(shown), Bounds::default(), closed));
        Self {
            address,
            keys,
            metrics,
            ready,
            current,
            _open: open,
        }
    }

    pub(in crate::http) async fn patient() -> Self {
        Self::start(&["--rate-limit=1000", "--rate-limit-burst=1000"]).await
    }

    /// Head and body of the answer.
    pub(in crate::http) async fn ask(&self, request: &str, body: &[u8]) -> (String, String) {
        let mut connection = TcpStream::connect(self.address).await.unwrap();
        let head = format!(
            "{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        connection.write_all(head.as_bytes()).await.unwrap();
        // Who is turned away by the length alone is not read to the end.
        let _ = connection.write_all(body).await;
        let mut answer = Vec::new();
        let _ = connection.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    pub(in crate::http) async fn status(&self, request: &str, body: &[u8]) -> u16 {
        let (head, _) = self.ask(request, body).await;
        head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    pub(in crate::http) fn sealed(&self, scope: Scope) -> SealedSecret {
        let mut secret = Secret::default();
        secret.metadata.name = Some("db".to_owned());
        secret.metadata.namespace = Some("prod".to_owned());
        secret.data.insert("a".to_owned(), Plaintext::copied(b"canary"));
        let key = self.keys.certificate.key();
        sealed_secret::seal(&secret, key, scope, false, &mut SystemRandom).unwrap()
    }
}

pub(in crate::http) fn json(object: &SealedSecret) -> Vec<u8> {
    let json = to_json(&object.to_value(), JsonStyle::COMPACT).unwrap();
    json.as_bytes().to_vec()
}

pub(in crate::http) fn yaml(object: &SealedSecret) -> Vec<u8> {
    let yaml = seal_document::to_yaml(&object.to_value(), seal_document::KeyOrder::Sorted).unwrap();
    yaml.as_bytes().to_vec()
}

#[tokio::test]
async fn what_opens_is_200_and_empty_whatever_the_method_and_the_format() {
    let server = Server::patient().await;
    let object = server.sealed(Scope::Strict);
    for method in ["POST", "PUT", "GET"] {
        for body in [json(&object), yaml(&object)] {
            let (head, answer) = server.ask(&format!("{method} /v1/verify"), &body).await;
            assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
            assert!(head.contains("Content-Length: 0"), "{head}");
            assert!(!head.contains("Content-Type") && answer.is_empty(), "{head}");
        }
    }
    let metrics = server.metrics.text();
    assert!(
        metrics.contains("http_requests_total{code=\"200\",method=\"put\",path=\"/v1/verify\"} 2"),
        "{metrics}"
    );
}

#[tokio::test]
async fn what_does_not_open_is_409_for_verify_and_500_for_rotate_and_both_are_empty() {
    let server = Server::patient().await;
    let sealed = server.sealed(Scope::Strict);
    let mut elsewhere = sealed.clone();
    elsewhere.metadata.namespace = Some("staging".to_owned());
    let mut nonsense = sealed.clone();
    nonsense
        .spec
        .encrypted_data
        .insert("a".to_owned(), Some("!".to_owned()));
    let mut both = sealed.clone();
    both.spec.data = Some("AgAA".to_owned());
    let mut no_text = sealed.clone();
    no_text.spec.encrypted_data.insert("a".to_owned(), None);
    for object in [elsewhere, nonsense, both, no_text] {
        let (head, answer) = server.ask("POST /v1/verify", &json(&object)).await;
        assert!(head.starts_with("HTTP/1.1 409 Conflict\r\n"), "{head}");
        assert!(answer.is_empty());
        let (head, answer) = server.ask("POST /v1/rotate", &json(&object)).await;
        assert!(head.starts_with("HTTP/1.1 500 "), "{head}");
        assert!(answer.is_empty());
    }
}

#[tokio::test]
async fn what_is_no_sealed_secret_is_500_and_nothing_ends_the_connection_without_an_answer() {
    let server = Server::patient().await;
    let good = String::from_utf8(yaml(&server.sealed(Scope::Strict))).unwrap();
    for bad in [
        String::new(),
        "a: {".to_owned(),
        "'".to_owned(),
        "\0".to_owned(),
        "[]".to_owned(),
        "apiVersion: v1\nkind: Secret\nstringData: {a: b}\n".to_owned(),
        good.replace("kind: SealedSecret", "kind: SealedSecretList"),
        good.replace("bitnami.com/v1alpha1", "bitnami.com/v1"),
        format!("{good}---\n{good}"),
        format!("{good}kind: SealedSecret\n"),
        format!("{}{}", "[".repeat(200_000), "]".repeat(200_000)),
        "- 1\n".repeat(150_000),
    ] {
        for path in ["/v1/verify", "/v1/rotate"] {
            let (head, answer) = server.ask(&format!("POST {path}"), bad.as_bytes()).await;
            assert!(head.starts_with("HTTP/1.1 500 "), "{head}");
            assert!(answer.is_empty());
        }
    }
    assert_eq!(server.status("GET /v1/verify", b"").await, 500);
    assert_eq!(server.status("POST /v1/verify/", b"").await, 404);
    let nothing_sealed = b"apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: a, namespace: b}\nspec: {x: y}\n";
    assert_eq!(server.status("POST /v1/verify", nothing_sealed).await, 200);
}

#[tokio::test]
async fn a_body_beyond_the_bound_is_413() {
    let server = Server::patient().await;
    let body = vec![b' '; MOST_BYTES + 1];
    assert_eq!(server.status("POST /v1/verify", &body).await, 413);
    assert_eq!(server.status("POST /v1/rotate", &body).await, 413);
    assert_eq!(server.status("POST /v1/verify", &body[1..]).await, 500);
}

#[tokio::test]
async fn the_fourth_of_a_burst_waits_whoever_it_says_it_is() {
    let server = Server::start(&[]).await;
    let body = json(&server.sealed(Scope::Strict));
    let spoofed = |number| format!("POST /v1/verify HTTP/1.1\r\nX-Forwarded-For: 10.0.0.{number}\r\nX-Rest:");
    for left in ["2", "1", "0"] {
        let (head, _) = server.ask(&spoofed(left), &body).await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert!(head.contains("X-Ratelimit-Limit: 3"), "{head}");
        assert!(head.contains(&format!("X-Ratelimit-Remaining: {left}")), "{head}");
    }
    let (head, answer) = server.ask(&spoofed("9"), &body).await;
    assert!(head.starts_with("HTTP/1.1 429 "), "{head}");
    for header in [
        "Retry-After: 1",
        "X-Ratelimit-Remaining: 0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Length: 15",
    ] {
        assert!(head.contains(header), "{head}");
    }
    assert_eq!(answer, "limit exceeded\n");
    assert_eq!(
        server.status("POST /v1/rotate", &body).await,
        200,
        "a bucket of its own"
    );
    assert_eq!(server.status("GET /v1/cert.pem", b"").await, 200, "no bucket");
}

#[tokio::test]
async fn rotated_is_the_same_object_as_json_with_nothing_lost_and_nothing_in_the_clear() {
    let server = Server::patient().await;
    let mut object = server.sealed(Scope::Strict);
    object.metadata.labels = Some([("own".to_owned(), "label".to_owned())].into());
    let template = object.spec.template.get_or_insert_default();
    template.data = Some(BTreeMap::from([(
        "joined".to_owned(),
        Some("{{ .a }}".to_owned()),
    )]));
    let (head, answer) = server.ask("POST /v1/rotate", &yaml(&object)).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(head.contains("Content-Type: application/json"), "{head}");
    assert!(!answer.contains("canary") && !answer.contains(&encode_base64(b"canary")));
    let rotated = read(answer.as_bytes()).unwrap();
    assert_eq!(rotated.metadata, object.metadata);
    assert_eq!(rotated.spec.template, object.spec.template);
    assert_ne!(rotated.spec.encrypted_data, object.spec.encrypted_data);
    assert_eq!(server.status("POST /v1/verify", answer.as_bytes()).await, 200);
}

#[tokio::test]
async fn the_legacy_form_is_read_where_the_flag_says_so() {
    let label = Scope::Strict.label(&"prod".parse().unwrap(), &"db".parse().unwrap());
    for (flag, codes) in [("true", [200, 200]), ("false", [409, 500])] {
        let flag = format!("--accept-deprecated-v1-data={flag}");
        let server = Server::start(&[&flag]).await;
        let mut object = server.sealed(Scope::Strict);
        let key = server.keys.certificate.key();
        let inner = br#"{"metadata":{"labels":{"inner":"label"}},"type":"x/y","data":{"a":"YmFy"}}"#;
        let blob = seal_core::seal(inner, key, &label, &mut SystemRandom).unwrap();
        object.spec.encrypted_data.clear();
        object.spec.data = Some(encode_base64(&blob));
        let body = json(&object);
        assert_eq!(server.status("POST /v1/verify", &body).await, codes[0]);
        let (head, answer) = server.ask("POST /v1/rotate", &body).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {} ", codes[1])), "{head}");
        if codes[1] != 200 {
            assert!(answer.is_empty());
            continue;
        }
        // It comes back in today's form, with all that the blob hid but its values.
        let rotated = read(answer.as_bytes()).unwrap();
        assert!(rotated.spec.data.is_none() && rotated.spec.encrypted_data.contains_key("a"));
        let template = rotated.spec.template.unwrap();
        assert_eq!(template.kind.as_deref(), Some("x/y"));
        assert!(answer.contains(r#""labels":{"inner":"label"}"#), "{answer}");
        assert!(!answer.contains("YmFy"));
    }
}

#[tokio::test]
async fn templates_that_fail_on_a_value_change_neither_answer() {
    let server = Server::patient().await;
    let mut object = server.sealed(Scope::Strict);
    for guess in ["c", "x"] {
        let oracle = format!("{{{{ if hasPrefix {guess:?} .a }}}}{{{{ fail \"yes\" }}}}{{{{ end }}}}");
        object.spec.template = Some(SecretTemplate {
            data: Some(BTreeMap::from([("b".to_owned(), Some(oracle))])),
            ..SecretTemplate::default()
        });
        for path in ["/v1/verify", "/v1/rotate"] {
            assert_eq!(server.status(&format!("POST {path}"), &json(&object)).await, 200);
        }
    }
}

#[tokio::test]
async fn without_a_free_place_the_next_one_is_told_to_come_again() {
    let server = Server::patient().await;
    let head = format!("POST /v1/verify HTTP/1.1\r\nHost: x\r\nContent-Length: {MOST_BYTES}\r\n\r\nx");
    let mut slow = Vec::new();
    for _ in 0..MOST_AT_ONCE {
        let mut connection = TcpStream::connect(server.address).await.unwrap();
        connection.write_all(head.as_bytes()).await.unwrap();
        slow.push(connection);
    }
    let body = json(&server.sealed(Scope::Strict));
    let wait = async |code| {
        let asked = async { while server.status("POST /v1/verify", &body).await != code {} };
        tokio::time::timeout(Duration::from_secs(20), asked)
            .await
            .unwrap();
    };
    wait(429).await;
    drop(slow);
    wait(200).await;
}
