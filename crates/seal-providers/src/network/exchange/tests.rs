//! Against servers of a few lines that say what no decent one says.

use std::{sync::atomic::AtomicUsize, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

/// Answers every connection's first request with `answer`, and tells what it was sent.
async fn server(answer: String) -> (String, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (seen, requests) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = vec![0; 64 << 10];
            let read = stream.read(&mut buffer).await.unwrap_or(0);
            drop(seen.send(String::from_utf8_lossy(&buffer[..read]).into_owned()));
            drop(stream.write_all(answer.as_bytes()).await);
        }
    });
    (address, requests)
}

fn http(address: &str) -> Http {
    let timeouts = Timeouts {
        connect: Duration::from_secs(5),
        request: Duration::from_secs(5),
    };
    let address = address.parse().unwrap();
    Http::new(address, &Trust::System, None, Reach::AlsoLoopback, timeouts, 4).unwrap()
}

fn call() -> Call {
    Call {
        verb: "read",
        path: "secret/data/app".to_owned(),
    }
}

async fn get(address: &str, redirects: Redirects) -> Result<Reply, StoreError> {
    let exchange = Exchange {
        method: Method::GET,
        target: "/v1/secret/data/app",
        headers: HeaderMap::from_iter([(
            http::HeaderName::from_static("x-vault-token"),
            secret_header(b"hvs.canary").unwrap(),
        )]),
        body: Zeroizing::default(),
        redirects,
    };
    http(address).send(&call(), exchange).await
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

#[tokio::test]
async fn answer_and_its_status_arrive_whole() {
    let (address, mut requests) = server(answer("404 Not Found", "", r#"{"errors":[]}"#)).await;
    let reply = get(&address, Redirects::Refuse).await.unwrap();
    assert_eq!(reply.status, 404);
    assert_eq!(&**reply.body, br#"{"errors":[]}"#);
    let request = requests.recv().await.unwrap();
    assert!(
        request.starts_with("GET /v1/secret/data/app HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(request.contains("x-vault-token: hvs.canary"), "{request}");
}

/// Answers the first request of each connection, and closes it at the second one. Counts what it reads.
async fn forgetful() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&requests);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = vec![0; 64 << 10];
            for answer in ["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", ""] {
                if stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                    counted.fetch_add(1, Ordering::SeqCst);
                    drop(stream.write_all(answer.as_bytes()).await);
                }
            }
        }
    });
    (address, requests)
}

#[tokio::test]
async fn what_may_change_something_is_never_sent_twice() {
    for (method, sent) in [("GET", 3), ("LIST", 3), ("POST", 2), ("PUT", 2)] {
        let (address, requests) = forgetful().await;
        let http = http(&address);
        let ask = async || {
            let exchange = Exchange {
                method: method.parse().unwrap(),
                target: "/v1/secret/data/app",
                headers: HeaderMap::new(),
                body: Zeroizing::default(),
                redirects: Redirects::Refuse,
            };
            http.send(&call(), exchange).await
        };
        assert_eq!(ask().await.unwrap().status, 200);
        let again = ask().await;
        assert_eq!(again.is_ok(), sent == 3, "{method}: {:?}", again.err());
        assert_eq!(requests.load(Ordering::SeqCst), sent, "{method}");
    }
}

#[tokio::test]
async fn redirect_to_another_host_gets_nothing() {
    let (other, mut reached) = server(answer("200 OK", "", "{}")).await;
    let (address, _requests) = server(answer("307 Away", &format!("location: {other}/x\r\n"), "")).await;

    let refused = get(&address, Redirects::WithinOrigin).await.err().unwrap();
    assert!(matches!(refused, StoreError::Nonsense { .. }), "{refused}");
    assert_eq!(get(&address, Redirects::Refuse).await.unwrap().status, 307);

    assert!(reached.try_recv().is_err(), "the token went elsewhere");
}

#[tokio::test]
async fn redirect_within_the_origin_is_followed_but_not_for_ever() {
    let (address, mut requests) = server(answer("302 Found", "location: /elsewhere?x=1\r\n", "")).await;
    let refused = get(&address, Redirects::WithinOrigin).await.err().unwrap();
    assert!(matches!(refused, StoreError::Nonsense { .. }), "{refused}");
    assert!(
        requests
            .recv()
            .await
            .unwrap()
            .starts_with("GET /v1/secret/data/app ")
    );
    for _ in 0..MOST_REDIRECTS {
        assert!(requests.recv().await.unwrap().starts_with("GET /elsewhere?x=1 "));
    }
    assert!(requests.try_recv().is_err());
}

#[tokio::test]
async fn answer_without_end_is_cut_off() {
    let body = "x".repeat(MOST_BYTES + 1);
    let (address, _requests) = server(answer("200 OK", "", &body)).await;
    let refused = get(&address, Redirects::Refuse).await.err().unwrap();
    assert!(refused.to_string().contains("larger than any value"), "{refused}");
}

#[tokio::test]
async fn server_that_is_not_there_is_said_so_in_words_that_stay_the_same() {
    let free = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let refused = get(&format!("http://{free}"), Redirects::Refuse)
        .await
        .err()
        .unwrap();
    assert_eq!(
        refused.to_string(),
        format!("no connection to {free}: connection refused")
    );
    assert_eq!(refused.blame(), crate::Blame::Down);
}

#[tokio::test]
async fn server_that_speaks_something_else_is_told_from_one_that_is_down() {
    for (said, words) in [
        ("SSH-2.0-x\r\n", "does not speak HTTP"),
        ("", "broke off before the answer"),
    ] {
        let (address, _requests) = server(said.to_owned()).await;
        let refused = get(&address, Redirects::Refuse).await.err().unwrap();
        assert!(refused.to_string().contains(words), "{refused}");
    }
}

#[tokio::test]
async fn server_that_says_nothing_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let mut http = http(&address);
    http.timeouts.request = Duration::from_millis(50);
    let exchange = Exchange {
        method: Method::GET,
        target: "/",
        headers: HeaderMap::new(),
        body: Zeroizing::default(),
        redirects: Redirects::Refuse,
    };
    let refused = http.send(&call(), exchange).await.err().unwrap();
    assert_eq!(refused, StoreError::Late { call: call() });
}

#[tokio::test]
async fn store_on_this_machine_is_for_those_who_say_so() {
    let (address, mut reached) = server(answer("200 OK", "", "{}")).await;
    let http = Http::new(
        address.parse().unwrap(),
        &Trust::System,
        None,
        Reach::Network,
        Timeouts::default(),
        4,
    )
    .unwrap();
    let exchange = Exchange {
        method: Method::GET,
        target: "/",
        headers: HeaderMap::new(),
        body: Zeroizing::default(),
        redirects: Redirects::Refuse,
    };
    let refused = http.send(&call(), exchange).await.err().unwrap();
    assert!(refused.to_string().contains("no store may be"), "{refused}");
    assert!(reached.try_recv().is_err());
}

#[test]
fn wait_is_told_in_seconds_or_as_a_date() {
    let reply = |value: &'static str| Reply {
        status: StatusCode::TOO_MANY_REQUESTS,
        headers: HeaderMap::from_iter([(header::RETRY_AFTER, HeaderValue::from_static(value))]),
        body: Zeroizing::default(),
    };
    assert_eq!(reply("7").retry_after(), Some(Duration::from_secs(7)));
    assert_eq!(
        reply("Wed, 21 Oct 2015 07:28:00 GMT").retry_after(),
        Some(Duration::ZERO)
    );
    let soon = reply("Fri, 01 Jan 2100 00:00:00 GMT").retry_after().unwrap();
    assert!(soon > Duration::from_secs(3600));
    assert_eq!(reply("soon").retry_after(), None);
}

#[test]
fn secret_header_shows_nothing() {
    let value = secret_header(b"hvs.canary").unwrap();
    assert!(!format!("{value:?}").contains("canary"));
    assert!(secret_header(b"two\r\nlines").is_none());
}

#[test]
fn growing_answer_keeps_its_bytes() {
    let mut read = Zeroizing::new(Vec::new());
    for byte in 0..=255u8 {
        append(&mut read, &[byte; 300]);
    }
    assert_eq!(read.len(), 256 * 300);
    let parts = read.chunks(300).enumerate();
    assert!(
        parts
            .into_iter()
            .all(|(byte, part)| part.iter().all(|found| usize::from(*found) == byte))
    );
}
