//! An HTTP service of a test's own on loopback: it answers what the test says, and keeps what it was asked and when.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a request was.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) at: Instant,
    /// Method, path and query, headers.
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Status line, headers if any, and body.
type Says = dyn Fn(&Asked) -> (String, String) + Send + Sync;

/// The service; it ends with the runtime of its test.
pub(crate) struct Service {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Service {
    pub(crate) async fn start(
        says: impl Fn(&Asked) -> (String, String) + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (says, heard): (Arc<Says>, _) = (Arc::new(says), Arc::clone(&asked));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&says), Arc::clone(&heard)));
            }
        });
        Ok(Self { url, asked })
    }

    /// All requests so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn answer(mut stream: TcpStream, says: Arc<Says>, heard: Arc<Mutex<Vec<Asked>>>) {
    let mut request = Vec::new();
    let asked = loop {
        let mut part = [0; 4096];
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => return,
            Ok(read) => request.extend_from_slice(&part[..read]),
        }
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            break Asked {
                at: Instant::now(),
                head: head.to_owned(),
                body: body.to_owned(),
            };
        }
    };
    heard.lock().unwrap().push(asked.clone());
    let (status, body) = says(&asked);
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    // Whoever has gone does not want it.
    drop(stream.write_all(format!("{head}{body}").as_bytes()).await);
}
