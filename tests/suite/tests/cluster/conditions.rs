//! Status and events in upstream's shape, and what becomes of objects that cannot be read.

use seal_testbed::{ADMIN, ControlPlane};
use serde_json::json;

use super::ground::{condition, place};

#[tokio::test]
async fn case_21_status_begins_with_synced_and_its_times_tell_changes_apart() {
    let place = place("status").await;
    place.create(&place.object("db", &[("foo", "bar")])).await;
    let object = place.synced("db").await;
    let status = object.status.clone().unwrap();
    assert_eq!(status.observed_generation, Some(1));
    let synced = &status.conditions[0];
    assert_eq!((synced.kind.as_str(), synced.status.as_str()), ("Synced", "True"));
    assert_eq!((&synced.message, &synced.reason), (&None, &None), "as upstream");
    assert_eq!(synced.last_transition_time, synced.last_update_time);
    assert_eq!(condition(&object, "Ready").0, "True");
    // The API server keeps whole seconds.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let changed = place.object("db", &[("foo", "new")]);
    place
        .patch_object(
            "db",
            json!({"spec": {"encryptedData": changed.spec.encrypted_data}}),
        )
        .await;
    let object = place
        .object_that("db", |object| object.metadata.generation == Some(2))
        .await;
    let status = object.status.unwrap();
    assert_eq!(status.observed_generation, Some(2));
    assert_ne!(status.conditions[0].last_update_time, synced.last_update_time);
    assert_eq!(
        status.conditions[0].last_transition_time,
        synced.last_transition_time
    );
}

#[tokio::test]
async fn events_have_upstreams_shape_and_repetition_is_a_count() {
    let place = place("events").await;
    let good = place.object("db", &[("foo", "bar")]);
    place.create(&good).await;
    place.synced("db").await;
    let event = place.event("db", "Unsealed").await;
    assert_eq!(
        event.message.as_deref(),
        Some("SealedSecret unsealed successfully")
    );
    assert_eq!((event.type_.as_deref(), event.count), (Some("Normal"), Some(1)));
    assert_eq!(event.source.unwrap().component.as_deref(), Some("sealed-secrets"));
    assert_eq!(event.reporting_component.as_deref(), Some("sealed-secrets"));
    assert_eq!(
        event.involved_object.api_version.as_deref(),
        Some("bitnami.com/v1alpha1")
    );
    assert!(event.metadata.name.unwrap().starts_with("db."));
    for _ in 0..2 {
        place
            .patch_object("db", json!({"spec": {"encryptedData": {"foo": "AAAA"}}}))
            .await;
        place.failed("db").await;
        place
            .patch_object("db", json!({"spec": {"encryptedData": good.spec.encrypted_data}}))
            .await;
        place.synced("db").await;
    }
    let counted = seal_testbed::wait_for("the events to be counted", super::ground::SOON, async || {
        let events = place.events("db").await;
        let counts: Vec<_> = events
            .iter()
            .map(|event| (event.reason.clone().unwrap(), event.count.unwrap()))
            .collect();
        Ok((counts == [("Unsealed".to_owned(), 3), ("ErrUnsealFailed".to_owned(), 2)]).then_some(()))
    });
    counted.await.unwrap();
}

#[tokio::test]
async fn a_changed_error_is_told_though_the_object_was_failing_already() {
    let place = place("errors").await;
    let mut object = place.object("db", &[]);
    object
        .spec
        .encrypted_data
        .insert("foo".to_owned(), Some("not base64".to_owned()));
    place.create(&object).await;
    assert_eq!(
        place.failed("db").await.1,
        "illegal base64 data at input byte 3 (foo)"
    );
    place
        .patch_object("db", json!({"spec": {"encryptedData": {"bar": "AA=="}}}))
        .await;
    let object = place
        .object_that("db", |object| object.metadata.generation == Some(2))
        .await;
    let (_, _, message) = condition(&object, "Synced");
    assert!(
        message.contains("byte 3 (foo)") && message.contains("(bar)"),
        "{message}"
    );
    assert!(
        condition(&object, "Ready").2.contains("seal the value again"),
        "the remedy"
    );
}

#[tokio::test]
async fn a_malformed_object_is_told_so_and_its_neighbours_are_served() {
    // A CRD without a schema lets in what ours refuses; it needs a plane of its own.
    let plane = ControlPlane::start().await.unwrap();
    let crd =
        std::fs::read_to_string(super::ground::root().join("crds/bitnami.com_sealedsecrets.yaml")).unwrap();
    let (before, _) = crd.split_once("    schema:\n").unwrap();
    let loose = "    schema:\n      openAPIV3Schema:\n        type: object\n        x-kubernetes-preserve-unknown-fields: true\n    served: true\n    storage: true\n    subresources:\n      status: {}\n";
    plane.apply(&format!("{before}{loose}")).await.unwrap();
    plane.namespace("seal").await.unwrap();
    let broken = json!({
        "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret",
        "metadata": {"name": "broken", "namespace": "default"},
        "spec": {"encryptedData": {}, "template": {"immutable": "hunter2"}},
    });
    plane.apply(&broken.to_string()).await.unwrap();
    let odd = json!({
        "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret",
        "metadata": {"name": "odd", "namespace": "default"},
        "spec": {"encryptedData": {"n": 5}},
    });
    plane.apply(&odd.to_string()).await.unwrap();
    let good = json!({
        "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret",
        "metadata": {"name": "good", "namespace": "default"},
        "spec": {"encryptedData": {}, "template": {"data": {"foo": "bar"}}},
    });
    plane.apply(&good.to_string()).await.unwrap();
    let binary = tokio::task::spawn_blocking(super::ground::binary)
        .await
        .unwrap()
        .unwrap();
    let environment = [
        (
            "KUBECONFIG",
            plane.kubeconfig(ADMIN).await.unwrap().display().to_string(),
        ),
        ("POD_NAMESPACE", "seal".to_owned()),
    ];
    let flags = [
        "--listen-addr=127.0.0.1:0",
        "--listen-metrics-addr=127.0.0.1:0",
        "--key-size=2048",
        "--log-level=trace",
    ];
    let process = seal_testbed::Process::start_in(&plane, &binary, flags, environment).unwrap();
    let client = plane.client(ADMIN).await.unwrap();
    let secrets: kube::Api<k8s_openapi::api::core::v1::Secret> =
        kube::Api::namespaced(client.clone(), "default");
    let made = async || Ok(secrets.get_opt("good").await?);
    seal_testbed::wait_for("the good one's Secret", super::ground::SOON, made)
        .await
        .unwrap();
    let kind = kube::core::ApiResource::erase::<seal_api::SealedSecret>(&());
    let objects: kube::Api<kube::core::DynamicObject> = kube::Api::namespaced_with(client, "default", &kind);
    for (name, reason) in [("broken", "Unreadable"), ("odd", "Malformed")] {
        let told = seal_testbed::wait_for(name, super::ground::SOON, async || {
            let object = objects.get(name).await?;
            let found = object.data.pointer("/status/conditions/0/reason").cloned();
            Ok(found.filter(|found| found == reason))
        });
        told.await.unwrap();
    }
    assert!(!process.log().contains("hunter2"));
}
