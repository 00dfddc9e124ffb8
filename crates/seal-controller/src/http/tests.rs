//! What upstream answers to whom, row by row over real sockets, and that nobody's word about himself
//! changes an answer.

use std::collections::BTreeMap;

use seal_cluster::lease::Standing;
use seal_core::Scope;

use super::sealed_secrets::tests::{Server, json, yaml};
use super::*;
use crate::queue::{Again, Lane};

/// A request's body.
#[derive(Clone, Copy)]
enum Body {
    None,
    Text(&'static str),
    Json,
    Yaml,
    Elsewhere,
    Two,
}

/// A request, and status, headers and body of its answer. A header without a value is not there.
struct Row(
    &'static str,
    Body,
    u16,
    &'static [(&'static str, Option<&'static str>)],
    &'static str,
);

const TEXT: (&str, Option<&str>) = ("Content-Type", Some("text/plain; charset=utf-8"));
const FOUND: &[(&str, Option<&str>)] = &[TEXT, ("Content-Length", Some("3"))];
const NOT_FOUND: &[(&str, Option<&str>)] = &[TEXT, ("X-Content-Type-Options", Some("nosniff"))];
const RATIONED: &[(&str, Option<&str>)] = &[
    ("Content-Length", Some("0")),
    ("Content-Type", None),
    ("X-Ratelimit-Limit", Some("1001")),
    ("X-Ratelimit-Reset", Some("1")),
];
const LOST: &str = "404 page not found\n";

const ROWS: &[Row] = &[
    Row("GET /healthz", Body::None, 200, FOUND, "ok\n"),
    Row("POST /healthz", Body::Text("x"), 200, FOUND, "ok\n"),
    Row("DELETE /healthz", Body::None, 200, FOUND, "ok\n"),
    Row("HEAD /healthz", Body::None, 200, FOUND, ""),
    Row("GET /readyz", Body::None, 200, FOUND, "ok\n"),
    Row("GET /healthz/", Body::None, 404, NOT_FOUND, LOST),
    Row("GET /", Body::None, 404, NOT_FOUND, LOST),
    Row("GET /metrics", Body::None, 404, NOT_FOUND, LOST),
    Row("GET /v1/cert.pem/", Body::None, 404, NOT_FOUND, LOST),
    Row("GET /v1", Body::None, 404, NOT_FOUND, LOST),
    Row("GET //v1/cert.pem", Body::None, 404, NOT_FOUND, LOST),
    Row("POST /v1/verify/", Body::Json, 404, NOT_FOUND, LOST),
    Row("POST /v1/rotate/", Body::Json, 404, NOT_FOUND, LOST),
    Row("POST /v1/verify", Body::Json, 200, RATIONED, ""),
    Row("POST /v1/verify", Body::Yaml, 200, RATIONED, ""),
    Row("PUT /v1/verify?dry=run", Body::Json, 200, RATIONED, ""),
    Row("POST /v1/verify", Body::Elsewhere, 409, RATIONED, ""),
    Row("POST /v1/verify", Body::None, 500, RATIONED, ""),
    Row("GET /v1/verify", Body::None, 500, RATIONED, ""),
    Row("POST /v1/verify", Body::Two, 500, RATIONED, ""),
    // Upstream's handler panics on these; ours answers.
    Row("POST /v1/verify", Body::Text("a: {"), 500, RATIONED, ""),
    Row("POST /v1/verify", Body::Text("a: \"b"), 500, RATIONED, ""),
    Row("POST /v1/verify", Body::Text("\0"), 500, RATIONED, ""),
    Row(
        "POST /v1/verify",
        Body::Text("apiVersion: v1\nkind: Secret\n"),
        500,
        RATIONED,
        "",
    ),
    Row(
        "POST /v1/verify",
        Body::Text(
            "{\"apiVersion\":\"bitnami.com/v1alpha1\",\"kind\":\"SealedSecret\",\"unknown\":1,\
             \"metadata\":{\"name\":\"a\",\"namespace\":\"b\"},\"spec\":{}}",
        ),
        200,
        RATIONED,
        "",
    ),
    Row("POST /v1/rotate", Body::Elsewhere, 500, RATIONED, ""),
    Row("GET /v1/rotate", Body::None, 500, RATIONED, ""),
    Row("POST /v1/rotate", Body::Text("a: {"), 500, RATIONED, ""),
    // Upstream answers with the first of the two and loses the other.
    Row("POST /v1/rotate", Body::Two, 500, RATIONED, ""),
];

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    // As it is capitalised: some scripts look for upstream's very letters.
    head.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

impl Body {
    fn of(self, server: &Server) -> Vec<u8> {
        let object = server.sealed(Scope::Strict);
        match self {
            Self::None => Vec::new(),
            Self::Text(text) => text.as_bytes().to_vec(),
            Self::Json => json(&object),
            Self::Yaml => yaml(&object),
            Self::Elsewhere => {
                let mut object = object;
                object.metadata.namespace = Some("staging".to_owned());
                json(&object)
            }
            Self::Two => [&yaml(&object)[..], b"---\n", &yaml(&object)].concat(),
        }
    }
}

#[tokio::test]
async fn every_request_is_answered_as_upstream_does_or_better() {
    let server = Server::patient().await;
    for Row(request, body, status, headers, expected) in ROWS {
        let (head, answer) = server.ask(request, &body.of(&server)).await;
        assert!(
            head.starts_with(&format!("HTTP/1.1 {status} ")),
            "{request}: {head}"
        );
        for (name, value) in *headers {
            assert_eq!(header(&head, name), *value, "{request}: {name}: {head}");
        }
        assert_eq!(answer, *expected, "{request}");
    }
}

#[tokio::test]
async fn the_certificate_is_had_by_any_method_without_a_bucket_and_is_500_before_there_is_one() {
    let server = Server::start(&["--rate-limit=1", "--rate-limit-burst=0"]).await;
    for method in ["GET", "POST", "PUT", "DELETE", "HEAD", "PROPFIND"] {
        let (head, pem) = server.ask(&format!("{method} /v1/cert.pem"), b"x").await;
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{method}: {head}");
        assert_eq!(header(&head, "Content-Type"), Some("application/x-pem-file"));
        let certificates = usize::from(method != "HEAD");
        assert_eq!(pem.matches("BEGIN CERTIFICATE").count(), certificates, "{method}");
        assert!(!pem.contains("PRIVATE"));
    }
    server.current.send_replace(None);
    let (head, answer) = server.ask("GET /v1/cert.pem", b"").await;
    assert!(head.starts_with("HTTP/1.1 500 "), "{head}");
    assert!(answer.is_empty());
    assert_eq!(server.status("POST /v1/verify", b"{}").await, 500);
    assert_eq!(server.status("GET /healthz", b"").await, 200);
}

#[tokio::test]
async fn with_cert_only_nothing_is_opened_for_strangers() {
    let server = Server::start(&["--http-api=cert-only"]).await;
    let body = json(&server.sealed(Scope::Strict));
    for method in ["GET", "POST", "PUT"] {
        for path in ["/v1/verify", "/v1/rotate"] {
            let (head, answer) = server.ask(&format!("{method} {path}"), &body).await;
            assert!(head.starts_with("HTTP/1.1 404 "), "{head}");
            assert_eq!(header(&head, "X-Ratelimit-Limit"), None);
            assert_eq!(answer, LOST);
        }
    }
    for path in ["/v1/cert.pem", "/healthz", "/readyz"] {
        assert_eq!(server.status(&format!("GET {path}"), b"").await, 200);
    }
}

/// What proxies and attackers say about a caller.
const CLAIMS: &[&str] = &[
    "X-Forwarded-For: 10.0.0.1",
    "X-Forwarded-For: 127.0.0.1, 10.0.0.1",
    "Forwarded: for=10.0.0.1;host=localhost",
    "X-Real-IP: 127.0.0.1",
    "X-Client-IP: 127.0.0.1",
    "True-Client-IP: 127.0.0.1",
    "CF-Connecting-IP: 127.0.0.1",
    "X-Forwarded-Host: localhost",
    "X-Forwarded-User: system:admin",
    "X-Forwarded-Client-Cert: Subject=\"CN=admin\"",
    "X-Remote-User: system:admin",
    "X-Remote-Group: system:masters",
    "Impersonate-User: system:admin",
    "Impersonate-Group: system:masters",
    "Authorization: Bearer canary",
    "Authorization: Basic YWRtaW46YWRtaW4=",
    "Cookie: session=canary",
    "X-HTTP-Method-Override: GET",
    "X-Original-URL: /healthz",
    "X-Rewrite-URL: /healthz",
];

#[tokio::test]
async fn no_header_about_the_caller_opens_a_bucket_of_its_own_or_changes_an_answer() {
    let saying = |request: &str, claim: &str| format!("{request} HTTP/1.1\r\n{claim}\r\nX-Rest:");
    for path in ["/v1/verify", "/v1/rotate"] {
        let server = Server::start(&["--rate-limit=1", "--rate-limit-burst=0"]).await;
        let request = format!("POST {path}");
        let elsewhere = Body::Elsewhere.of(&server);
        let refused = if path == "/v1/verify" { 409 } else { 500 };
        assert_eq!(server.status(&request, &elsewhere).await, refused);
        // All within a moment, while the bucket gives one a second.
        let mut turned_away = 0;
        for claim in CLAIMS {
            let status = server.status(&saying(&request, claim), &elsewhere).await;
            assert!(status == 429 || status == refused, "{claim}: {status}");
            turned_away += usize::from(status == 429);
        }
        assert!(turned_away > 0, "every claim had a bucket of its own");
    }
    let server = Server::patient().await;
    let bodies: BTreeMap<u16, Vec<u8>> = [(200, Body::Json), (409, Body::Elsewhere), (500, Body::None)]
        .into_iter()
        .map(|(status, body)| (status, body.of(&server)))
        .collect();
    for claim in CLAIMS {
        for (status, body) in &bodies {
            let (head, answer) = server.ask(&saying("POST /v1/verify", claim), body).await;
            assert!(
                head.starts_with(&format!("HTTP/1.1 {status} ")),
                "{claim}: {head}"
            );
            assert!(!head.contains("canary") && answer.is_empty(), "{claim}: {head}");
        }
        assert_eq!(server.status(&saying("POST /metrics", claim), b"").await, 404);
    }
}

#[tokio::test]
async fn the_metrics_port_serves_the_metrics_and_nothing_else() {
    let server = Server::of_metrics().await;
    assert_eq!(server.status("GET /metrics", b"").await, 200);
    for path in ["/", "/healthz", "/v1/cert.pem", "/v1/verify", "/metrics/"] {
        let (head, answer) = server.ask(&format!("GET {path}"), b"").await;
        assert!(head.starts_with("HTTP/1.1 404 "), "{head}");
        assert_eq!(header(&head, "X-Content-Type-Options"), Some("nosniff"));
        assert_eq!(answer, LOST);
    }
}

#[tokio::test(start_paused = true)]
async fn who_becomes_the_leader_is_healthy_however_long_its_lists_take() {
    let standing = watch::Sender::new(Standing::Waits { holder: None });
    let shown = Shown {
        keys: watch::Sender::new(None).subscribe(),
        ready: Vec::new(),
        metrics: Arc::default(),
        queues: vec![Arc::default()],
        leadership: Leadership::of(standing.subscribe()),
    };
    let key = Key {
        namespace: "prod".into(),
        name: "db".into(),
    };
    shown.queues[0].add(key, Lane::News);
    tokio::time::advance(STALLED * 4).await;
    standing.send_replace(Standing::Leads { term: 1 });
    assert_eq!(health(State(shown.clone())).await.status(), StatusCode::OK);
    tokio::time::advance(STALLED * 4).await;
    assert_eq!(health(State(shown.clone())).await.status(), StatusCode::OK);
    shown.queues[0].resume(1);
    assert_eq!(health(State(shown.clone())).await.status(), StatusCode::OK);
    tokio::time::advance(STALLED).await;
    // Somebody is to look at it, and does not.
    assert_eq!(
        health(State(shown)).await.status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
}

#[tokio::test(start_paused = true)]
async fn work_of_one_kind_that_stands_still_is_noticed_while_another_moves() {
    let key = |name: &str| Key {
        namespace: "prod".into(),
        name: name.into(),
    };
    let [moving, stuck]: [Arc<Queue<Key>>; 2] = Default::default();
    let shown = Shown {
        keys: watch::Sender::new(None).subscribe(),
        ready: Vec::new(),
        metrics: Arc::default(),
        queues: vec![Arc::clone(&moving), Arc::clone(&stuck)],
        leadership: Leadership::alone(),
    };
    let term = shown.leadership.term().unwrap();
    [&moving, &stuck].iter().for_each(|queue| queue.resume(term));
    stuck.add(key("due"), Lane::News);
    for (status, name) in [(StatusCode::OK, "a"), (StatusCode::SERVICE_UNAVAILABLE, "b")] {
        moving.add(key(name), Lane::News);
        tokio::time::advance(STALLED / 2).await;
        moving.next().await.unwrap();
        moving.done(&key(name), Again::OnChange);
        assert_eq!(health(State(shown.clone())).await.status(), status);
    }
}

#[tokio::test]
async fn not_ready_is_503_and_alive_all_the_same() {
    let server = Server::start(&[]).await;
    server.ready.store(false, Ordering::Relaxed);
    let (head, answer) = server.ask("GET /readyz", b"").await;
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    assert_eq!(answer, "not ready\n");
    assert_eq!(server.status("GET /healthz", b"").await, 200);
}
