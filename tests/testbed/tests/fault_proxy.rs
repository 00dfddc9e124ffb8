//! Each fault arrives at a real client as what it pretends to be, and at the API server as what it is.

use std::time::{Duration, Instant};

use futures::TryStreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Error,
    api::{Patch, PatchParams, PostParams, WatchEvent, WatchParams},
};
use seal_testbed::{ADMIN, Canary, ControlPlane, Fault, FaultProxy, Gate, Rule};
use tokio::sync::OnceCell;

/// One plane for all: each test has an object of its own.
static PLANE: OnceCell<ControlPlane> = OnceCell::const_new();

const SOON: Duration = Duration::from_secs(60);
const MAPS: &str = "/api/v1/namespaces/default/configmaps*";

async fn proxy() -> FaultProxy<'static> {
    let plane = PLANE
        .get_or_init(async || ControlPlane::start().await.expect("a plane"))
        .await;
    FaultProxy::start(plane).await.expect("a proxy")
}

async fn maps(proxy: &FaultProxy<'_>) -> Api<ConfigMap> {
    Api::namespaced(proxy.client(ADMIN).await.expect("a client"), "default")
}

fn map(name: &str) -> ConfigMap {
    let mut map = ConfigMap::default();
    map.metadata.name = Some(name.to_owned());
    map
}

fn code(result: Result<ConfigMap, Error>) -> u16 {
    match result {
        Err(Error::Api(status)) => status.code,
        other => panic!("no answer of the API: {other:?}"),
    }
}

#[tokio::test]
async fn everything_passes_without_rules() {
    let proxy = proxy().await;
    let maps = maps(&proxy).await;

    maps.create(&PostParams::default(), &map("passes")).await.unwrap();

    assert_eq!(
        maps.get("passes").await.unwrap().metadata.name.as_deref(),
        Some("passes")
    );
    let seen: Vec<_> = proxy
        .seen()
        .into_iter()
        .map(|seen| (seen.verb, seen.fault, seen.code))
        .collect();
    assert_eq!(
        seen,
        [
            ("create".to_owned(), None, Some(201)),
            ("get".to_owned(), None, Some(200))
        ]
    );
}

#[tokio::test]
async fn second_write_meets_a_conflict_and_the_third_passes() {
    let proxy = proxy().await;
    let maps = maps(&proxy).await;
    proxy.inject(Rule::on("patch", MAPS, Fault::Conflict).from_nth(2).times(1));

    let write = async || {
        let apply = PatchParams::apply("test");
        let patch =
            serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "conflict"}});
        maps.patch("conflict", &apply, &Patch::Apply(patch)).await
    };

    write().await.unwrap();
    assert_eq!(code(write().await), 409);
    write().await.unwrap();
}

#[tokio::test]
async fn server_error_arrives_as_500() {
    let proxy = proxy().await;
    proxy.inject(Rule::on("create", MAPS, Fault::ServerError));
    let result = maps(&proxy)
        .await
        .create(&PostParams::default(), &map("error"))
        .await;
    assert_eq!(code(result), 500);
    proxy.clear();
    maps(&proxy)
        .await
        .create(&PostParams::default(), &map("error"))
        .await
        .unwrap();
}

#[tokio::test]
async fn too_many_requests_says_how_long_to_stay_away() {
    let proxy = proxy().await;
    let fault = Fault::TooManyRequests {
        retry_after: Duration::from_secs(1),
    };
    proxy.inject(Rule::on("create", MAPS, fault).times(1));

    let start = Instant::now();
    // This client heeds Retry-After by itself.
    maps(&proxy)
        .await
        .create(&PostParams::default(), &map("busy"))
        .await
        .unwrap();

    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    let seen: Vec<_> = proxy
        .seen()
        .into_iter()
        .map(|seen| (seen.fault, seen.code))
        .collect();
    assert_eq!(seen, [(Some("too many requests"), Some(429)), (None, Some(201))]);
}

#[tokio::test]
async fn latency_delays_what_then_passes() {
    let proxy = proxy().await;
    proxy.inject(Rule::on(
        "create",
        MAPS,
        Fault::Latency(Duration::from_millis(300)),
    ));
    let start = Instant::now();
    maps(&proxy)
        .await
        .create(&PostParams::default(), &map("late"))
        .await
        .unwrap();
    assert!(start.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn malformed_answer_carries_the_canary() {
    let proxy = proxy().await;
    let canary = Canary::new().unwrap();
    proxy.inject(Rule::on(
        "get",
        MAPS,
        Fault::Malformed {
            text: canary.text().to_owned(),
        },
    ));

    let client = proxy.client(ADMIN).await.unwrap();
    let request = http::Request::get("/api/v1/namespaces/default/configmaps/any")
        .body(Vec::new())
        .unwrap();
    let text = client.request_text(request).await.unwrap();

    assert_eq!(canary.find_in(text.as_bytes()).len(), 1);
    assert!(matches!(
        maps(&proxy).await.get("any").await,
        Err(Error::SerdeError(_))
    ));
}

#[tokio::test]
async fn held_write_is_not_done_until_its_gate_opens() {
    let proxy = proxy().await;
    let maps = maps(&proxy).await;
    let gate = Gate::default();
    proxy.inject(Rule::on("create", MAPS, Fault::Hold(gate.clone())));

    let writer = tokio::spawn({
        let maps = maps.clone();
        async move { maps.create(&PostParams::default(), &map("held")).await }
    });
    gate.is_holding().await;

    assert!(maps.get_opt("held").await.unwrap().is_none());
    gate.open();
    writer.await.unwrap().unwrap();
    assert!(maps.get_opt("held").await.unwrap().is_some());
}

#[tokio::test]
async fn write_whose_answer_is_lost_has_been_done() {
    let proxy = proxy().await;
    let maps = maps(&proxy).await;
    proxy.inject(Rule::on("create", MAPS, Fault::LoseAnswer).times(1));

    let result = maps.create(&PostParams::default(), &map("lost")).await;

    assert!(!matches!(result, Ok(_) | Err(Error::Api(_))), "{result:?}");
    assert!(maps.get_opt("lost").await.unwrap().is_some());
}

#[tokio::test]
async fn watch_breaks_in_the_middle_of_the_event_after_the_first() {
    let proxy = proxy().await;
    let maps = maps(&proxy).await;
    proxy.inject(Rule::on("watch", MAPS, Fault::DropWatch { after_events: 1 }));
    maps.create(&PostParams::default(), &map("watched-1"))
        .await
        .unwrap();
    let version = maps
        .create(&PostParams::default(), &map("watched-2"))
        .await
        .unwrap();
    let version = version.metadata.resource_version.unwrap();
    let only = WatchParams::default().fields("metadata.name=watched-2");

    let mut events = Box::pin(maps.watch(&only, &version).await.unwrap());
    let change = async |text: &str| {
        let patch = serde_json::json!({"data": {"text": text}});
        maps.patch("watched-2", &PatchParams::default(), &Patch::Merge(patch))
            .await
            .unwrap();
    };
    change("one").await;
    let first = events.try_next().await.unwrap();
    assert!(matches!(first, Some(WatchEvent::Modified(_))), "{first:?}");
    change("two").await;

    let broken = tokio::time::timeout(SOON, events.try_next());
    let broken = broken.await.expect("the watch breaks");
    assert!(
        !matches!(broken, Ok(Some(_))),
        "no whole event may arrive: {broken:?}"
    );
}

#[tokio::test]
async fn request_that_is_cut_has_not_been_done() {
    let proxy = proxy().await;
    let maps = maps(&proxy).await;
    proxy.inject(Rule::on("create", MAPS, Fault::Cut).times(1));

    let result = maps.create(&PostParams::default(), &map("cut")).await;

    assert!(!matches!(result, Ok(_) | Err(Error::Api(_))), "{result:?}");
    assert!(maps.get_opt("cut").await.unwrap().is_none());
}

#[tokio::test]
async fn watch_that_expired_is_told_so() {
    let proxy = proxy().await;
    proxy.inject(Rule::on("watch", MAPS, Fault::Expired).times(1));

    let begun = maps(&proxy).await.watch(&WatchParams::default(), "1").await;

    let Some(Error::Api(status)) = begun.as_ref().map(drop).err() else {
        panic!("no answer of the API");
    };
    assert_eq!((status.code, status.reason.as_str()), (410, "Expired"));
}

#[tokio::test]
async fn cutting_all_breaks_a_watch_and_leaves_later_requests_alone() {
    let proxy = proxy().await;
    let maps = maps(&proxy).await;
    let none = WatchParams::default()
        .fields("metadata.name=never")
        .disable_bookmarks();
    let mut events = Box::pin(maps.watch(&none, "0").await.unwrap());

    proxy.cut_all();

    let broken = tokio::time::timeout(SOON, events.try_next());
    let broken = broken.await.expect("the watch breaks");
    assert!(!matches!(broken, Ok(Some(_))), "{broken:?}");
    maps.create(&PostParams::default(), &map("after-the-cut"))
        .await
        .unwrap();
}
