//! Connections on loopback that say too little, too late, or never leave.

use std::net::SocketAddr;

use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::*;

const SOON: Duration = Duration::from_secs(20);
const PATIENT: Bounds = Bounds {
    connections: 256,
    silence: Duration::from_secs(600),
    grace: SOON,
};
const ASK: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

struct Server {
    address: SocketAddr,
    closing: watch::Sender<bool>,
    // A request for `/slow` has arrived; it may be answered.
    arrived: Arc<Notify>,
    go_on: Arc<Notify>,
}

async fn start(bounds: Bounds) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (arrived, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (arriving, going_on) = (Arc::clone(&arrived), Arc::clone(&go_on));
    let slow = async move || {
        arriving.notify_one();
        going_on.notified().await;
        "late\n"
    };
    let router = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/slow", get(slow));
    let (closing, closed) = watch::channel(false);
    tokio::spawn(serve(listener, router, bounds, closed));
    Server {
        address,
        closing,
        arrived,
        go_on,
    }
}

async fn saying(address: SocketAddr, words: &[u8]) -> TcpStream {
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(words).await.unwrap();
    connection
}

/// All that comes until the other side closes.
async fn to_the_end(connection: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset is an end as well.
    let _ = timeout(SOON, connection.read_to_end(&mut answer))
        .await
        .expect("an end");
    String::from_utf8(answer).unwrap()
}

/// One answer on a connection that stays open.
async fn ask(connection: &mut TcpStream) -> String {
    connection.write_all(ASK).await.unwrap();
    let (mut answer, mut some) = (String::new(), [0; 1024]);
    while !answer.ends_with("ok\n") {
        let read = timeout(SOON, connection.read(&mut some)).await.unwrap().unwrap();
        assert_ne!(read, 0, "closed after {answer:?}");
        answer.push_str(std::str::from_utf8(&some[..read]).unwrap());
    }
    answer
}

#[tokio::test]
async fn a_head_that_does_not_end_and_a_connection_that_says_nothing_are_cut_off() {
    let silence = Duration::from_millis(200);
    let server = start(Bounds { silence, ..PATIENT }).await;
    for words in [&b""[..], b"GET /healthz HTTP/1.1\r\nX-Slow: "] {
        let begin = Instant::now();
        let mut connection = saying(server.address, words).await;
        let answer = to_the_end(&mut connection).await;
        assert!(!answer.contains("200"), "{answer}");
        assert!(begin.elapsed() >= silence, "{:?}", begin.elapsed());
    }
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_has_no_more_time_than_another() {
    let silence = Duration::from_millis(200);
    let server = start(Bounds { silence, ..PATIENT }).await;
    let mut connection = saying(server.address, b"GET /healthz HTTP/1.1\r\n").await;
    let (mut reading, mut writing) = connection.split();
    let dripping = async {
        while writing.write_all(b"A: b\r\n").await.is_ok() {
            tokio::time::sleep(silence / 20).await;
        }
    };
    let mut answer = Vec::new();
    let closed = async { drop(reading.read_to_end(&mut answer).await) };
    tokio::select! {
        () = dripping => {}
        () = closed => {}
        () = tokio::time::sleep(SOON) => panic!("still listened to"),
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_one_that_goes_on_asking_is_not() {
    let silence = Duration::from_secs(1);
    let server = start(Bounds { silence, ..PATIENT }).await;
    let begin = Instant::now();
    let mut busy = TcpStream::connect(server.address).await.unwrap();
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    ask(&mut idle).await;
    let mut closed = std::pin::pin!(to_the_end(&mut idle));
    // It outlives the other, asking all the time.
    loop {
        ask(&mut busy).await;
        if timeout(silence / 20, closed.as_mut()).await.is_ok() {
            break;
        }
    }
    assert!(begin.elapsed() >= silence);
    ask(&mut busy).await;
}

#[tokio::test]
async fn three_hundred_silent_connections_do_not_stop_a_health_check() {
    let server = start(PATIENT).await;
    let mut silent = Vec::new();
    for number in 0..300 {
        let words: &[u8] = if number % 2 == 0 { b"" } else { b"GET /healthz" };
        silent.push(saying(server.address, words).await);
    }
    for _ in 0..10 {
        let mut probe = TcpStream::connect(server.address).await.unwrap();
        assert!(ask(&mut probe).await.starts_with("HTTP/1.1 200 OK\r\n"));
        silent.push(probe);
    }
    // Those that came first had to leave, the last are still there.
    assert_eq!(to_the_end(&mut silent[0]).await, "");
    ask(silent.last_mut().unwrap()).await;
}

#[tokio::test]
async fn a_full_house_shows_out_the_silent_and_never_one_that_is_being_served() {
    let bounds = Bounds {
        connections: 2,
        ..PATIENT
    };
    let server = start(bounds).await;
    let mut slow = saying(
        server.address,
        b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    )
    .await;
    timeout(SOON, server.arrived.notified()).await.unwrap();
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let mut probe = TcpStream::connect(server.address).await.unwrap();
    ask(&mut probe).await;
    assert_eq!(to_the_end(&mut silent).await, "");
    server.go_on.notify_one();
    let answer = to_the_end(&mut slow).await;
    assert!(answer.ends_with("late\n"), "{answer}");
}

#[tokio::test]
async fn where_all_are_being_served_the_next_one_is_turned_away() {
    let bounds = Bounds {
        connections: 1,
        ..PATIENT
    };
    let server = start(bounds).await;
    let mut slow = saying(server.address, b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
    timeout(SOON, server.arrived.notified()).await.unwrap();
    let mut next = saying(server.address, ASK).await;
    assert_eq!(to_the_end(&mut next).await, "");
    server.go_on.notify_one();
    ask(&mut slow).await;
}

#[tokio::test]
async fn at_the_end_what_is_being_answered_is_finished_and_nothing_else_is_waited_for() {
    let server = start(PATIENT).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    ask(&mut idle).await;
    let mut slow = saying(server.address, b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
    timeout(SOON, server.arrived.notified()).await.unwrap();
    server.closing.send_replace(true);
    assert_eq!(to_the_end(&mut idle).await, "");
    server.go_on.notify_one();
    let answer = to_the_end(&mut slow).await;
    assert!(answer.ends_with("late\n"), "{answer}");
    timeout(SOON, server.closing.closed()).await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn what_does_not_finish_in_time_is_given_up() {
    let bounds = Bounds {
        grace: Duration::from_millis(50),
        ..PATIENT
    };
    let server = start(bounds).await;
    let mut slow = saying(server.address, b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
    timeout(SOON, server.arrived.notified()).await.unwrap();
    server.closing.send_replace(true);
    timeout(SOON, server.closing.closed()).await.unwrap();
    assert_eq!(to_the_end(&mut slow).await, "");
}

#[tokio::test]
async fn a_head_without_measure_is_refused() {
    let server = start(PATIENT).await;
    let mut words = b"GET /healthz HTTP/1.1\r\nX: ".to_vec();
    words.resize(MOST_HEAD_BYTES + 1, b'x');
    let mut connection = TcpStream::connect(server.address).await.unwrap();
    let _ = connection.write_all(&words).await;
    let answer = to_the_end(&mut connection).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431 "),
        "{answer}"
    );
}
