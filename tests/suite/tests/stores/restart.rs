use seal_testbed::wait_for;
use serde_json::json;

use super::ground::{CONTROLLER, SOON, launch, place_on, start};

#[tokio::test]
async fn a_restart_with_nothing_due_reads_no_store_and_writes_nothing_and_what_was_tampered_with_meanwhile_is_restored()
 {
    let mut ground = start().await.unwrap();
    let place = place_on(&ground, "resting").await;
    let many: Vec<String> = (0..10).map(|number| format!("app-{number}")).collect();
    for name in &many {
        ground
            .store
            .write("secret", &format!("resting/{name}"), &json!({"a": "one"}))
            .await
            .unwrap();
        let data =
            json!([{"secretKey": "a", "remoteRef": {"key": format!("resting/{name}"), "property": "a"}}]);
        place.external(name, json!({"data": data})).await;
    }
    for name in &many {
        place.holds(name, "a", "one").await;
        place.ready(name, "True").await;
    }
    assert_eq!(ground.controller.terminate(SOON).await.unwrap(), 0);
    let tampered = json!({"stringData": {"a": "forged"}});
    place.patch_secret("app-3", tampered).await;
    let store = ground.store.audit().mark().unwrap();
    let cluster = ground.plane.audit().mark().await.unwrap();
    ground.controller = launch(&ground.plane, &[]).await.unwrap();
    place.holds("app-3", "a", "one").await;
    let looked = wait_for("the controller to be ready", SOON, async || {
        Ok(ground.controller.log().contains("Fetching").then_some(()))
    });
    looked.await.unwrap();
    let reads = ground
        .store
        .audit()
        .since(store)
        .unwrap()
        .operation("read")
        .below("secret/data/resting");
    assert_eq!(reads.len(), 1, "{reads:?}");
    let calls = ground
        .plane
        .audit()
        .since(cluster)
        .await
        .unwrap()
        .user(CONTROLLER);
    let of_secrets = calls.only(|call| call.uri.contains("/namespaces/resting/secrets"));
    let touched: Vec<String> = of_secrets
        .calls
        .iter()
        .map(|call| format!("{} {}", call.verb, call.uri))
        .collect();
    let known = |call: &String| {
        call.contains("/app-3") || call == "get /api/v1/namespaces/resting/secrets/vault-token"
    };
    assert!(touched.iter().all(known), "{touched:?}");
}
