//! When a key may be retired, and that it is, whatever happens meanwhile.

use kube::api::{Patch, PatchParams};
use seal_api::{SealingKeyRingStatus, annotations};
use seal_testbed::{Fault, FaultProxy, Gate, Rule};
use serde_json::json;

use super::super::ground::{Controller, met, place_of, plane, value};
use super::{NO_RENEWAL, ask, history, keys, reason, rings, told};

#[tokio::test]
async fn a_key_is_retired_once_no_object_needs_it_or_at_once_when_it_is_compromised() {
    let namespace = "ring-retire";
    let controller = Controller::start(namespace, NO_RENEWAL).await.unwrap();
    let place = place_of(&controller).await;
    let first = controller.certificate().await.fingerprint().to_string();
    place.create(&place.object("db", &[("foo", "bar")])).await;
    place.synced("db").await;
    let retire = |compromised| json!({"retire": [{"fingerprint": first, "compromised": compromised}]});
    ask(namespace, retire(true)).await;
    let status = told(namespace, |status| reason(status, "Ready").0 == "RetireRefused").await;
    assert!(
        reason(&status, "Ready")
            .1
            .contains("make another key primary first"),
        "{status:?}"
    );
    ask(namespace, json!({"renew": "now", "retire": null})).await;
    told(namespace, |status| status.keys.len() == 2).await;
    ask(namespace, retire(false)).await;
    let status = told(namespace, |status| reason(status, "Ready").0 == "RetireRefused").await;
    assert!(
        reason(&status, "Ready")
            .1
            .contains("1 SealedSecret: ring-retire/db;"),
        "{status:?}"
    );
    assert!(status.keys.iter().all(|key| !key.retired));

    // Sealed anew it needs the key no longer. The Secret stays.
    let place = place_of(&controller).await;
    let anew = place.object("db", &[("foo", "new")]);
    place
        .patch_object("db", json!({"spec": {"encryptedData": anew.spec.encrypted_data}}))
        .await;
    place
        .secret_that("db", |secret| value(secret, "foo").as_deref() == Some("new"))
        .await;
    let retired = |status: &SealingKeyRingStatus| {
        let key = status.keys.iter().find(|key| key.fingerprint == first).unwrap();
        key.retired
    };
    told(namespace, |status| {
        retired(status) && reason(status, "Ready").0 == "Ready"
    })
    .await;
    let labels: Vec<String> = keys(namespace)
        .await
        .into_iter()
        .map(|secret| secret.metadata.labels.unwrap()[annotations::KEY_LABEL].clone())
        .collect();
    assert!(
        labels.contains(&"retired".to_owned()) && labels.len() == 2,
        "{labels:?}"
    );
    assert!(!controller.metrics().await.contains(&first));
    assert_eq!(history(namespace, 1).await.len(), 1);
    // Compromised on top: what it signed counts no longer.
    ask(namespace, retire(true)).await;
    history(namespace, 0).await;
    let spec = json!({"primary": first, "retire": [{"fingerprint": first}]});
    let rings = rings(namespace).await;
    let refused = rings
        .patch(
            "seal",
            &PatchParams::default(),
            &Patch::Merge(json!({"spec": spec})),
        )
        .await;
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("the primary key cannot be retired")
    );
}

#[tokio::test]
async fn a_kill_while_a_key_is_retired_leaves_it_to_be_retired() {
    for (namespace, lost) in [("kill-before-retire", false), ("kill-after-retire", true)] {
        let proxy = FaultProxy::start(plane().await).await.unwrap();
        let controller = Controller::behind(&proxy, namespace, NO_RENEWAL).await.unwrap();
        let first = controller.certificate().await.fingerprint().to_string();
        ask(namespace, json!({"renew": "now"})).await;
        told(namespace, |status| status.keys.len() == 2).await;
        let gate = Gate::default();
        let fault = match lost {
            true => Fault::LoseAnswer,
            false => Fault::Hold(gate.clone()),
        };
        let path = format!("/api/v1/namespaces/{namespace}/secrets/sealed-secrets-key*");
        proxy.inject(Rule::on("update", &path, fault).times(1));
        ask(namespace, json!({"retire": [{"fingerprint": first}]})).await;
        if lost {
            met(&proxy, "lose answer", namespace, 1).await;
        } else {
            gate.is_holding().await;
        }
        controller.process.kill();
        let _controller = Controller::start(namespace, NO_RENEWAL).await.unwrap();
        let retired = |status: &SealingKeyRingStatus| {
            let is = |key: &seal_api::KeyStatus| key.retired == (key.fingerprint == first);
            status.keys.len() == 2 && status.keys.iter().all(is)
        };
        told(namespace, retired).await;
        assert_eq!(keys(namespace).await.len(), 2, "{namespace}");
    }
}
