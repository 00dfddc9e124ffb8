//! Stores that are down, or want to be left alone: how often they are asked meanwhile, and what comes after.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use seal_testbed::wait_for;
use serde_json::{Value, json};

use super::ground::{Place, SOON, place_on};
use super::providers::loud;
use super::service::{Asked, Service};

const OBJECTS: usize = 10;

async fn hooked(place: &Place, service: &Service) {
    let url = format!("{}/{{{{ .remoteRef.key }}}}", service.url);
    place
        .create(
            "SecretStore",
            "hook",
            json!({"provider": {"webhook": {"url": url}}}),
        )
        .await;
}

async fn many(place: &Place, store: &str, interval: &str, key: impl Fn(usize) -> Value) {
    for number in 0..OBJECTS {
        let data = json!([{"secretKey": "a", "remoteRef": key(number)}]);
        let spec = json!({"refreshInterval": interval, "secretStoreRef": {"name": store}, "data": data});
        place.external(&format!("app-{number}"), spec).await;
    }
}

async fn all_hold(place: &Place, text: &str) {
    for number in 0..OBJECTS {
        place.holds(&format!("app-{number}"), "a", text).await;
    }
}

/// The first `count` requests.
async fn asked(service: &Service, count: usize) -> Vec<Asked> {
    let found = wait_for("requests to the service", SOON, async || {
        let asked = service.asked();
        Ok((asked.len() >= count).then(|| asked[..count].to_vec()))
    });
    found.await.unwrap()
}

#[tokio::test]
async fn a_store_that_is_down_is_probed_once_a_second_whoever_waits_and_all_is_fresh_after_its_return() {
    let place = place_on(loud().await, "broken").await;
    // Up, then down for so many requests, then up with another value.
    let (up, down) = (OBJECTS, OBJECTS + 5);
    let count = AtomicUsize::new(0);
    let service = Service::start(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        number if number < up => ("200 OK".to_owned(), "one".to_owned()),
        number if number < up + down => ("503 Service Unavailable".to_owned(), String::new()),
        _ => ("200 OK".to_owned(), "two".to_owned()),
    });
    let service = service.await.unwrap();
    hooked(&place, &service).await;
    many(
        &place,
        "hook",
        "1s",
        |number| json!({"key": format!("k{number}")}),
    )
    .await;
    all_hold(&place, "two").await;
    let asked = asked(&service, up + down).await;
    // Before the breaker closes the way, each of those who were on it may fail. From then on they come one by one.
    let probes = &asked[up + OBJECTS..];
    let all = probes[probes.len() - 1].at - probes[0].at;
    let least = Duration::from_millis(900) * u32::try_from(probes.len() - 1).unwrap();
    assert!(all >= least, "{} probes in {all:?}", probes.len());
}

#[tokio::test]
async fn who_waits_alone_is_sent_ahead_and_need_not_wait_out_its_growing_pauses() {
    let place = place_on(loud().await, "alone").await;
    // The pause before so many tries would be minutes.
    let refusals = 12;
    let count = AtomicUsize::new(0);
    let service = Service::start(move |_| match count.fetch_add(1, Ordering::SeqCst) < refusals {
        true => ("503 Service Unavailable".to_owned(), String::new()),
        false => ("200 OK".to_owned(), "one".to_owned()),
    });
    let service = service.await.unwrap();
    hooked(&place, &service).await;
    let data = json!([{"secretKey": "a", "remoteRef": {"key": "k"}}]);
    place
        .external("app", json!({"secretStoreRef": {"name": "hook"}, "data": data}))
        .await;
    place.holds("app", "a", "one").await;
}

#[tokio::test]
async fn a_store_that_asks_for_a_pause_is_given_it() {
    let place = place_on(loud().await, "throttled").await;
    let count = Arc::new(AtomicUsize::new(0));
    let service = Service::start(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => (
            "429 Too Many Requests\r\nretry-after: 5".to_owned(),
            String::new(),
        ),
        _ => ("200 OK".to_owned(), "one".to_owned()),
    });
    let service = service.await.unwrap();
    hooked(&place, &service).await;
    // One finds out; the others come when it is known.
    let data = json!([{"secretKey": "a", "remoteRef": {"key": "first"}}]);
    place
        .external("first", json!({"secretStoreRef": {"name": "hook"}, "data": data}))
        .await;
    asked(&service, 1).await;
    let (_, message) = place.ready("first", "False").await;
    assert!(
        message.contains("429") || message.contains("fewer requests"),
        "{message}"
    );
    many(
        &place,
        "hook",
        "1h",
        |number| json!({"key": format!("k{number}")}),
    )
    .await;
    all_hold(&place, "one").await;
    place.holds("first", "a", "one").await;
    let asked = service.asked();
    let pause = asked[1].at - asked[0].at;
    assert!(pause >= Duration::from_millis(4900), "{pause:?}");
    // Nobody who waited has asked in vain.
    assert_eq!(asked.len(), OBJECTS + 2);
}

#[tokio::test]
async fn a_vault_that_is_sealed_and_comes_back_finds_nobody_waiting_for_the_next_hour() {
    let ground = loud().await;
    let place = place_on(ground, "returning").await;
    ground
        .store
        .write("secret", "returning/app", &json!({"a": "one"}))
        .await
        .unwrap();
    let reference = |_| json!({"key": "returning/app", "property": "a"});
    place
        .external(
            "seen",
            json!({"refreshInterval": "1s", "data": [{"secretKey": "a", "remoteRef": reference(0)}]}),
        )
        .await;
    place.holds("seen", "a", "one").await;
    ground.store.seal().await.unwrap();
    let (_, message) = place.ready("seen", "False").await;
    assert!(message.contains("503") && message.contains("sealed"), "{message}");
    // These have an hour until they are due again; the store's return wakes them.
    many(&place, "vault", "1h", reference).await;
    place.ready("app-9", "False").await;
    assert!(place.secrets().get_opt("app-9").await.unwrap().is_none());
    // A Secret that was there stays as it was.
    place.holds("seen", "a", "one").await;
    let mark = ground.store.audit().mark().unwrap();
    ground.store.unseal().await.unwrap();
    all_hold(&place, "one").await;
    assert_eq!(place.ready("seen", "True").await.0, "SecretSynced");
    let log = ground.store.audit().since(mark).unwrap();
    let reads = log.operation("read").path("secret/data/returning/app");
    assert!(!reads.is_empty());
}
