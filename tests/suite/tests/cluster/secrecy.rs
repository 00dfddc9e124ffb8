//! A value that nobody else has goes through every path at trace level; it may come up in its Secret
//! only (S5, S26).

use kube::api::ListParams;
use seal_testbed::Canary;
use serde_json::json;

use super::ground::{Controller, place_of, template, value};

#[tokio::test]
async fn a_value_comes_up_in_its_secret_and_nowhere_else() {
    let flags = [
        "--all-namespaces=false",
        "--key-renew-period=0",
        "--log-level=trace",
    ];
    let controller = Controller::start("silent", &flags).await.unwrap();
    let place = place_of(&controller).await;
    let canary = Canary::new().unwrap();
    let text = canary.text();

    place.create(&place.object("plain", &[("foo", text)])).await;
    assert_eq!(value(&place.secret("plain").await, "foo").as_deref(), Some(text));
    let mut object = place.object("rendered", &[("foo", text)]);
    object.spec.template = Some(template(&[("x", "{{ toJson .foo }}{{ .foo | b64enc }}")]));
    place.create(&object).await;
    place.synced("rendered").await;
    // Every way for a template to fail on the value, and for the API server to refuse it.
    for (name, text) in [
        ("fail", "{{ fail .foo }}"),
        ("index", "{{ index .foo .foo }}"),
        ("field", "{{ .foo.bar }}"),
        ("compare", "{{ lt .foo 1 }}"),
        ("regex", "{{ mustRegexMatch .foo .foo }}"),
        ("json", "{{ mustFromJson .foo }}"),
        ("date", "{{ mustToDate .foo .foo }}"),
        ("semver", "{{ semver .foo }}"),
        ("decode", "{{ decryptAES .foo .foo }}"),
    ] {
        let mut object = place.object(name, &[("foo", canary.text())]);
        object.spec.template = Some(template(&[("x", text)]));
        place.create(&object).await;
        place.object_that(name, |_| true).await;
    }
    let mut refused = serde_json::to_value(place.object("refused", &[("foo", text)])).unwrap();
    refused["spec"]["template"] =
        json!({"metadata": {"labels": {"not a label": "x"}}, "type": "kubernetes.io/tls"});
    place.create_json(&refused).await.unwrap();
    let (reason, message) = place.failed("refused").await;
    assert_eq!(reason, "Refused", "{message}");
    assert!(message.contains("metadata.labels"), "{message}");
    place
        .create_secret(json!({"metadata": {"name": "theirs"}, "stringData": {"foo": text}}))
        .await;
    place.create(&place.object("theirs", &[("foo", text)])).await;
    place.failed("theirs").await;
    place
        .patch_secret("plain", json!({"data": {"foo": "eA=="}}))
        .await;
    place
        .secret_that("plain", |secret| value(secret, "foo").as_deref() == Some(text))
        .await;

    assert_eq!(canary.find_below(controller.process.log_path()).unwrap(), []);
    assert_eq!(canary.find_in(controller.metrics().await.as_bytes()), []);
    let objects = place.objects().list(&ListParams::default()).await.unwrap().items;
    let statuses: Vec<_> = objects.into_iter().map(|object| object.status).collect();
    assert_eq!(canary.find_in(&serde_json::to_vec(&statuses).unwrap()), []);
    let events: kube::Api<k8s_openapi::api::core::v1::Event> =
        kube::Api::namespaced(place.client.clone(), &place.namespace);
    let events = events.list(&ListParams::default()).await.unwrap().items;
    assert!(!events.is_empty());
    assert_eq!(canary.find_in(&serde_json::to_vec(&events).unwrap()), []);
}
