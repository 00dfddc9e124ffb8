//! An API server that refuses, stalls, lies and breaks off: what is due is done in the end.

use std::time::Duration;

use kube::api::ListParams;
use seal_api::annotations;
use seal_testbed::{Canary, Fault, FaultProxy, Rule, Seen, wait_for};
use serde_json::json;

use super::ground::{Controller, SOON, met, place_of, plane, value};

const SECRETS: &str = "/api/v1/namespaces/*/secrets*";

async fn proxied(namespace: &str) -> (FaultProxy<'static>, Controller) {
    let proxy = FaultProxy::start(plane().await).await.unwrap();
    let flags = [
        "--all-namespaces=false",
        "--key-renew-period=0",
        "--log-level=trace",
    ];
    let controller = Controller::behind(&proxy, namespace, &flags).await.unwrap();
    (proxy, controller)
}

#[tokio::test]
async fn conflicts_throttling_and_errors_pass_and_the_secret_is_made() {
    let (proxy, controller) = proxied("refusing").await;
    let place = place_of(&controller).await;
    for (name, fault) in [
        ("conflict", Fault::Conflict),
        (
            "busy",
            Fault::TooManyRequests {
                retry_after: Duration::from_secs(1),
            },
        ),
        ("error", Fault::ServerError),
        ("lost", Fault::LoseAnswer),
        ("slow", Fault::Latency(Duration::from_millis(500))),
    ] {
        proxy.inject(Rule::on("create", SECRETS, fault).times(1));
        place.create(&place.object(name, &[("foo", "bar")])).await;
        assert_eq!(value(&place.secret(name).await, "foo").as_deref(), Some("bar"));
        place.synced(name).await;
        proxy.clear();
    }
    for fault in [
        "conflict",
        "too many requests",
        "server error",
        "lose answer",
        "latency",
    ] {
        met(&proxy, fault, "/secrets", 1).await;
    }
}

#[tokio::test]
async fn a_conflict_on_an_update_is_looked_at_again() {
    let (proxy, controller) = proxied("updating").await;
    let place = place_of(&controller).await;
    place.create(&place.object("db", &[("foo", "one")])).await;
    place.synced("db").await;
    proxy.inject(Rule::on("update", SECRETS, Fault::Conflict).times(2));
    let changed = place.object("db", &[("foo", "two")]);
    place
        .patch_object(
            "db",
            json!({"spec": {"encryptedData": changed.spec.encrypted_data}}),
        )
        .await;
    place
        .secret_that("db", |secret| value(secret, "foo").as_deref() == Some("two"))
        .await;
    place.synced("db").await;
    met(&proxy, "conflict", "/secrets/db", 2).await;
}

#[tokio::test]
async fn a_status_that_conflicts_is_told_in_the_end_without_opening_again() {
    let (proxy, controller) = proxied("status-conflict").await;
    let place = place_of(&controller).await;
    proxy.inject(Rule::on("patch", "*/sealedsecrets/*/status", Fault::Conflict).times(3));
    place.create(&place.object("db", &[("foo", "bar")])).await;
    place.synced("db").await;
    let metrics = controller.metrics().await;
    assert!(
        metrics.contains("sealed_secrets_controller_unseal_requests_total 1\n"),
        "{metrics}"
    );
    assert!(metrics.contains("reason=\"status\""), "{metrics}");
}

#[tokio::test]
async fn a_watch_that_breaks_off_misses_nothing() {
    let (proxy, controller) = proxied("breaking").await;
    let place = place_of(&controller).await;
    place.create(&place.object("before", &[("foo", "bar")])).await;
    place.synced("before").await;
    // A watch that stands is not asked for again: it has to end to meet them.
    for path in ["/apis/bitnami.com/v1alpha1/*sealedsecrets", "/api/v1/*secrets"] {
        proxy.inject(Rule::on("watch", path, Fault::DropWatch { after_events: 1 }).times(2));
    }
    proxy.cut_all();
    for number in 0..4 {
        place
            .create(&place.object(&format!("db{number}"), &[("foo", "bar")]))
            .await;
    }
    place.delete_secret("before").await;
    for number in 0..4 {
        place.synced(&format!("db{number}")).await;
    }
    place.secret("before").await;
    for part in ["/sealedsecrets", "/secrets"] {
        met(&proxy, "drop watch", part, 1).await;
    }
}

#[tokio::test]
async fn an_answer_that_is_no_secret_is_told_without_a_word_of_it() {
    let (proxy, controller) = proxied("lying").await;
    let place = place_of(&controller).await;
    place.create(&place.object("db", &[("foo", "one")])).await;
    place.synced("db").await;
    let canary = Canary::new().unwrap();
    let lie = Fault::Malformed {
        text: canary.text().replace(['"', '\\', '\n'], "-"),
    };
    for verb in ["get", "update"] {
        proxy.inject(Rule::on(verb, "/api/v1/namespaces/lying/secrets/db", lie.clone()));
        let changed = place.object("db", &[("foo", verb)]);
        place
            .patch_object(
                "db",
                json!({"spec": {"encryptedData": changed.spec.encrypted_data}}),
            )
            .await;
        let (reason, message) = place.failed("db").await;
        assert_eq!(reason, "Unavailable", "{message}");
        assert_eq!(canary.find_in(message.as_bytes()), []);
        proxy.clear();
        place
            .secret_that("db", |secret| value(secret, "foo").as_deref() == Some(verb))
            .await;
        place.synced("db").await;
    }
    assert_eq!(canary.find_below(controller.process.log_path()).unwrap(), []);
    let settled = async || {
        Ok(controller
            .metrics()
            .await
            .contains("reason=\"update\"")
            .then_some(()))
    };
    wait_for("the errors to be counted", SOON, settled).await.unwrap();
}

#[tokio::test]
async fn a_key_that_was_made_but_not_read_seals_in_the_end_and_no_second_one_is_made() {
    let (proxy, controller) = proxied("renewing").await;
    let before = controller.certificate().await;
    // Before that, lists are for the watch.
    let watches = wait_for("the watch of key Secrets", SOON, async || {
        let watch = |seen: &Seen| seen.verb == "watch" && seen.uri.contains("sealed-secrets-key");
        Ok(proxy.seen().iter().any(watch).then_some(()))
    });
    watches.await.unwrap();
    // One answer for the request: the others come from nobody's prompting.
    proxy.inject(Rule::on("list", SECRETS, Fault::ServerError).times(3));
    let pid = rustix::process::Pid::from_raw(i32::try_from(controller.process.pid()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::USR1).unwrap();
    let renewed = async || Ok((controller.certificate().await.pem() != before.pem()).then_some(()));
    wait_for("the new key", SOON, renewed).await.unwrap();
    let secrets = place_of(&controller).await.secrets();
    let active = format!("{}={}", annotations::KEY_LABEL, annotations::KEY_ACTIVE);
    let keys = secrets
        .list(&ListParams::default().labels(&active))
        .await
        .unwrap();
    assert_eq!(keys.items.len(), 2);
    let log = controller.process.log();
    assert_eq!(log.matches("could not be brought up to date").count(), 3, "{log}");
}

#[tokio::test]
async fn a_controller_that_starts_while_nobody_answers_waits_and_begins_when_somebody_does() {
    let proxy = FaultProxy::start(plane().await).await.unwrap();
    proxy.inject(Rule::on("*", "*", Fault::Cut));
    super::ground::grant("early").await.unwrap();
    let kubeconfig = proxy.kubeconfig(&super::ground::account("early")).await.unwrap();
    let flags = [
        "--all-namespaces=false",
        "--key-renew-period=0",
        "--leader-elect=false",
    ];
    let mut controller = Controller::launch("early", &flags, &kubeconfig).await.unwrap();
    let waits = wait_for("it to say that it waits", SOON, async || {
        let log = controller.process.log();
        Ok((log.matches("not ready, and tried again").count() > 1).then_some(()))
    });
    waits.await.unwrap();
    proxy.clear();
    controller.wait_until_ready().await.unwrap();
    let place = place_of(&controller).await;
    place.create(&place.object("db", &[("foo", "bar")])).await;
    place.synced("db").await;
}
