//! What happens while no controller looks, or while its watch is broken, is found and mended after.

use seal_testbed::{ADMIN, ControlPlane, Fault, FaultProxy, Rule, sealed_secrets_crd};
use serde_json::json;

use super::ground::{Controller, SOON, account, condition, grant_on, met, place_of, plane, value};

const FLAGS: [&str; 2] = ["--all-namespaces=false", "--key-renew-period=0"];

#[tokio::test]
async fn what_was_altered_or_deleted_meanwhile_is_healed_and_the_rest_is_not_touched() {
    let controller = Controller::start("downtime", &FLAGS).await.unwrap();
    let place = place_of(&controller).await;
    for name in ["altered", "deleted", "untouched"] {
        place.create(&place.object(name, &[("foo", "bar")])).await;
        place.synced(name).await;
    }
    let untouched = place.secret("untouched").await.metadata.resource_version;
    assert_eq!(controller.process.terminate(SOON).await.unwrap(), 0);
    place
        .patch_secret("altered", json!({"data": {"foo": "eA=="}}))
        .await;
    place.delete_secret("deleted").await;
    let mark = plane().await.audit().mark().await.unwrap();

    let controller = Controller::start("downtime", &FLAGS).await.unwrap();
    for name in ["altered", "deleted"] {
        place
            .secret_that(name, |secret| value(secret, "foo").as_deref() == Some("bar"))
            .await;
    }
    controller.has_looked_at(&["untouched"]).await;
    assert_eq!(
        place.secret("untouched").await.metadata.resource_version,
        untouched
    );
    let calls = plane()
        .await
        .audit()
        .since(mark)
        .await
        .unwrap()
        .user(&account("downtime"));
    let touched = calls.only(|call| call.name == "untouched");
    assert!(touched.is_empty(), "{touched}");
}

#[tokio::test]
async fn a_secret_that_is_deleted_while_the_watch_is_broken_is_made_again() {
    let proxy = FaultProxy::start(plane().await).await.unwrap();
    let controller = Controller::behind(&proxy, "unwatched", &FLAGS).await.unwrap();
    let place = place_of(&controller).await;
    place.create(&place.object("db", &[("foo", "bar")])).await;
    place.synced("db").await;
    let first = place.secret("db").await.metadata.uid;
    // The watch breaks, and where it was is known no longer: nobody tells of the deletion itself.
    let secrets = "/api/v1/namespaces/unwatched/secrets";
    proxy.inject(Rule::on("watch", secrets, Fault::ServerError));
    proxy.cut_all();
    // Both watches of Secrets: of all, and of keys.
    met(&proxy, "server error", secrets, 2).await;
    place.delete_secret("db").await;
    proxy.clear();
    proxy.inject(Rule::on("watch", secrets, Fault::Expired).times(2));
    place
        .secret_that("db", |secret| secret.metadata.uid != first)
        .await;
    met(&proxy, "expired", secrets, 1).await;
    assert_eq!(controller.get("/healthz").await.0, 200);
}

#[tokio::test]
async fn where_upstreams_crd_is_installed_a_restart_opens_nothing_again() {
    let plane = ControlPlane::start().await.unwrap();
    plane.apply(&sealed_secrets_crd().unwrap()).await.unwrap();
    grant_on(&plane, "seal").await.unwrap();
    let kubeconfig = plane.kubeconfig(&account("seal")).await.unwrap();
    let controller = Controller::start_on(&plane, "seal", &FLAGS, &kubeconfig)
        .await
        .unwrap();
    let mut place = place_of(&controller).await;
    place.client = plane.client(ADMIN).await.unwrap();
    place.create(&place.object("db", &[("foo", "bar")])).await;
    let object = place.synced("db").await;
    assert_ne!(
        condition(&object, "sealops.dev/Recorded").0,
        "",
        "upstream's schema kept the record"
    );
    assert_eq!(controller.process.terminate(SOON).await.unwrap(), 0);

    let controller = Controller::start_on(&plane, "seal", &FLAGS, &kubeconfig)
        .await
        .unwrap();
    place.create(&place.object("neighbour", &[("foo", "bar")])).await;
    place.synced("neighbour").await;
    controller.has_looked_at(&["db"]).await;
    let metrics = controller.metrics().await;
    assert!(
        metrics.contains("sealed_secrets_controller_unseal_requests_total 1\n"),
        "the neighbour only: {metrics}"
    );
    place.delete_secret("db").await;
    place.secret("db").await;
}
