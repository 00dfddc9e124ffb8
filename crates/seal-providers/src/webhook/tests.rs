use std::sync::Mutex;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::{Allowed, Blame};

/// Answers each connection once, in turn, and keeps what it was asked.
async fn server(answers: Vec<String>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&asked);
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            let ends = |request: &[u8]| {
                let text = String::from_utf8_lossy(request).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else {
                    return false;
                };
                let length = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: "));
                body.len() >= length.map_or(0, |length| length.parse().unwrap())
            };
            while !ends(&request) {
                let mut part = [0; 1024];
                let read = stream.read(&mut part).await.unwrap();
                assert_ne!(read, 0, "a request that breaks off");
                request.extend_from_slice(&part[..read]);
            }
            heard.lock().unwrap().push(String::from_utf8(request).unwrap());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (url, asked)
}

fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
}

fn client(origin: &str, method: Method, url: String, json_path: &'static str) -> WebhookClient {
    let rendering: Rendering = Arc::new(move |asker, path| {
        Ok(WebhookRequest {
            url: Zeroizing::new(url.replace("KEY", &path.key)),
            headers: vec![(
                "x-who".to_owned(),
                Zeroizing::new(asker.namespace.clone().into_bytes()),
            )],
            body: Zeroizing::new(b"asked".to_vec()),
            json_path: Zeroizing::new(json_path.to_owned()),
        })
    });
    WebhookClient::new(WebhookSettings {
        origin: origin.parse().unwrap(),
        method,
        rendering,
        trust: Trust::System,
        reach: Reach::AlsoLoopback,
        timeouts: Timeouts::default(),
        limits: Limits::default(),
        meter: None,
    })
    .unwrap()
}

async fn read(client: &WebhookClient, key: &str) -> Result<String, StoreError> {
    let asker = Asker {
        namespace: "team-a".to_owned(),
        allowed: Arc::new(Allowed::everything()),
    };
    Ok(match client.read(&asker, &RemotePath::of(key)).await? {
        Answer::Value(value) => match &value.content {
            Content::Whole(text) => String::from_utf8(text.expose().to_vec()).unwrap(),
            Content::Entries(_) => panic!("entries"),
        },
        other => format!("{other:?}"),
    })
}

#[tokio::test]
async fn request_is_sent_as_it_is_rendered_and_the_value_is_what_the_path_selects() {
    let (url, asked) = server(vec![answer("200 OK", r#"{"data":{"v":"value"}}"#)]).await;
    let client = client(&url, Method::POST, format!("{url}/v1/KEY?x=1"), "$.data.v");
    assert_eq!(read(&client, "app").await.unwrap(), "value");
    let asked = asked.lock().unwrap().remove(0);
    assert!(asked.starts_with("POST /v1/app?x=1 HTTP/1.1\r\n"), "{asked}");
    assert!(
        asked.contains("x-who: team-a\r\n") && asked.ends_with("\r\n\r\nasked"),
        "{asked}"
    );
}

#[tokio::test]
async fn missing_is_404_alone_and_words_of_the_service_are_not_told() {
    let answers = vec![
        answer("404 Not Found", "canary"),
        answer("403 Forbidden", "canary"),
        answer("304 Not Modified", ""),
        answer("302 Found\r\nlocation: http://canary.example/", "canary"),
        answer("429 Too Many Requests\r\nretry-after: 7", "canary"),
    ];
    let (url, asked) = server(answers).await;
    let client = client(&url, Method::GET, format!("{url}/KEY"), "");
    assert_eq!(read(&client, "app").await.unwrap(), "Missing");
    let mut errors = Vec::new();
    for _ in 0..4 {
        errors.push(read(&client, "app").await.unwrap_err());
    }
    assert!(!format!("{errors:?}").contains("canary"), "{errors:?}");
    assert_eq!(errors[0].to_string(), "cannot read app: the store answered 403");
    assert_eq!(errors[2].blame(), Blame::Nonsense);
    assert_eq!(errors[3].retry_after(), Some(std::time::Duration::from_secs(7)));
    // What it asked for is kept: the next one is not sent.
    assert!(matches!(
        read(&client, "app").await,
        Err(StoreError::Throttled { .. })
    ));
    assert_eq!(asked.lock().unwrap().len(), 5);
}

#[tokio::test]
async fn rendered_address_leads_to_the_stores_host_and_folder_only() {
    let own = "http://127.0.0.1:9";
    for url in [
        "http://127.0.0.1:8/KEY",
        "https://127.0.0.1:9/KEY",
        "http://elsewhere.example/KEY",
        "http://127.0.0.1:9@elsewhere.example/KEY",
        "http://user:canary@127.0.0.1:9/KEY",
        "/KEY",
        "http://127.0.0.1:9/folder/../KEY",
    ] {
        let client = client(own, Method::GET, url.to_owned(), "");
        let refused = read(&client, "app").await.unwrap_err();
        assert_eq!(refused.blame(), Blame::User, "{url}: {refused}");
        assert!(!refused.to_string().contains("canary"));
    }
    let client = client(own, Method::GET, format!("{own}/v1/KEY"), "");
    assert!(matches!(read(&client, "..").await, Err(StoreError::Key { .. })));
    client.close().await;
    assert_eq!(read(&client, "app").await.unwrap_err(), StoreError::Closed);
}
