//! The metrics that a controller serves: which there are, by the table that is shown to people, and when
//! a series begins and ends. What each of them says is told beside what it is about.

use anyhow::ensure;
use seal_testbed::wait_for;
use seal_tests::metrics::{listed, served};

use super::ground::{Controller, SOON, place};

#[tokio::test]
async fn what_is_served_is_what_the_table_of_metrics_lists_no_more_and_no_less() {
    // A family without a series is not served: something opens, something fails, somebody asks.
    let place = place("listed").await;
    place.create(&place.object("db", &[("foo", "bar")])).await;
    place.synced("db").await;
    let mut broken = place.object("broken", &[]);
    broken
        .spec
        .encrypted_data
        .insert("foo".to_owned(), Some("AAAA".to_owned()));
    place.create(&broken).await;
    place.failed("broken").await;
    let (controller, listed) = (Controller::shared().await, listed("metrics"));
    // An object's series comes after its status.
    let served = wait_for("all listed metrics to be served", SOON, async || {
        let served = served(&controller.metrics().await)?;
        let missing: Vec<_> = listed.keys().filter(|name| !served.contains_key(*name)).collect();
        ensure!(missing.is_empty(), "the controller does not serve {missing:?}");
        Ok(Some(served))
    });
    assert_eq!(served.await.unwrap(), listed);
}

#[tokio::test]
async fn the_metrics_tell_the_condition_and_forget_the_object() {
    let place = place("measured").await;
    let mut object = place.object("db", &[("foo", "bar")]);
    object.metadata.labels = Some([("app.kubernetes.io/instance".to_owned(), "shop".to_owned())].into());
    place.create(&object).await;
    place.synced("db").await;
    let controller = Controller::shared().await;
    let series = format!(
        "name=\"db\",namespace=\"{}\",ss_app_kubernetes_io_instance=\"shop\"}} 1",
        place.namespace
    );
    let told = async |present: bool| {
        let what = format!("the series to be there: {present}");
        let found = wait_for(&what, SOON, async || {
            Ok((controller.metrics().await.contains(&series) == present).then_some(()))
        });
        found.await.unwrap();
    };
    told(true).await;
    place.objects().delete("db", &Default::default()).await.unwrap();
    told(false).await;
    assert!(
        controller
            .metrics()
            .await
            .contains("sealed_secrets_controller_unseal_requests_total")
    );
    assert_eq!(controller.get("/healthz").await, (200, "ok\n".to_owned()));
    assert_eq!(controller.get("/nope").await.0, 404);
}
