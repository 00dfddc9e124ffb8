//! What a SealingKeyRing asks for: which key seals, that there are certificates, that no key is made; in the
//! rooms behind it renewal, retirement and backup.

pub(crate) mod backup;
mod renewal;
mod retirement;

use k8s_openapi::api::core::v1::{ConfigMap, Secret as CoreSecret};
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use seal_api::{SealingKeyRing, SealingKeyRingSpec, SealingKeyRingStatus, annotations};
use seal_core::succession::Statement;
use seal_testbed::wait_for;
use serde_json::{Value, json};

use super::ground::{Controller, SOON, account, admin, grant, key_secret, plane, sealing_key};

// What a killed controller led, another one leads soon.
const NO_RENEWAL: &[&str] = &[
    "--all-namespaces=false",
    "--key-renew-period=0",
    "--leader-elect-lease-duration=12s",
    "--leader-elect-renew-deadline=9s",
    "--leader-elect-retry-period=300ms",
];

pub(crate) async fn rings(namespace: &str) -> Api<SealingKeyRing> {
    Api::namespaced(admin().await, namespace)
}

pub(crate) async fn ask(namespace: &str, spec: Value) {
    let rings = rings(namespace).await;
    if rings.get_opt("seal").await.unwrap().is_none() {
        let ring = SealingKeyRing::new("seal", SealingKeyRingSpec::default());
        rings.create(&PostParams::default(), &ring).await.unwrap();
    }
    let patch = Patch::Merge(json!({"spec": spec}));
    rings
        .patch("seal", &PatchParams::default(), &patch)
        .await
        .unwrap();
}

/// The status once it is about the object as it stands, and as asked.
pub(crate) async fn told(
    namespace: &str,
    holds: impl Fn(&SealingKeyRingStatus) -> bool,
) -> SealingKeyRingStatus {
    let rings = rings(namespace).await;
    let found = wait_for("the status of the SealingKeyRing", SOON, async || {
        let ring = rings.get("seal").await?;
        let status = ring.status.clone().unwrap_or_default();
        let current = status.observed_generation == ring.metadata.generation;
        Ok((current && holds(&status)).then_some(status))
    });
    found.await.unwrap()
}

fn reason(status: &SealingKeyRingStatus, kind: &str) -> (String, String) {
    let condition = status.conditions.iter().find(|condition| condition.kind == kind);
    let condition = condition.unwrap();
    (
        condition.reason.clone().unwrap(),
        condition.message.clone().unwrap_or_default(),
    )
}

pub(crate) async fn keys(namespace: &str) -> Vec<CoreSecret> {
    let secrets: Api<CoreSecret> = Api::namespaced(admin().await, namespace);
    let key = ListParams::default().labels(annotations::KEY_LABEL);
    let mut all = secrets.list(&key).await.unwrap().items;
    all.retain(|secret| secret.metadata.name.as_deref() != Some("seal-installation-key"));
    all
}

pub(crate) async fn maps(namespace: &str) -> Api<ConfigMap> {
    Api::namespaced(admin().await, namespace)
}

/// That entry of the certificates' ConfigMap once it is as asked.
async fn certificates(namespace: &str, entry: &str, holds: impl Fn(&str) -> bool) -> String {
    let maps = maps(namespace).await;
    let found = wait_for("the certificates", SOON, async || {
        let map = maps.get_opt("seal-certificates").await?;
        let text = map.and_then(|map| map.data?.remove(entry));
        Ok(text.filter(|text| holds(text)))
    });
    found.await.unwrap()
}

async fn history(namespace: &str, links: usize) -> Vec<Statement> {
    let parsed = |text: &str| serde_json::from_str::<Vec<String>>(text).unwrap();
    let text = certificates(namespace, "history.json", |text| parsed(text).len() == links).await;
    parsed(&text).iter().map(|text| text.parse().unwrap()).collect()
}

/// Has a controller do all that it may do about keys.
pub(crate) async fn use_all(namespace: &str) {
    ask(namespace, json!({})).await;
    told(namespace, |_| true).await;
    certificates(namespace, "certificate.pem", |_| true).await;
    let swapped = Patch::Merge(json!({"data": {"certificate.pem": ""}}));
    let maps = maps(namespace).await;
    maps.patch("seal-certificates", &PatchParams::default(), &swapped)
        .await
        .unwrap();
    certificates(namespace, "certificate.pem", |text| !text.is_empty()).await;
}

#[tokio::test]
async fn the_key_that_is_named_seals_and_no_other_is_made_because_of_age() {
    let namespace = "ring-primary";
    plane().await.namespace(namespace).await.unwrap();
    let [old, new] = ["2020-01-01T00:00:00Z", "2024-01-01T00:00:00Z"].map(sealing_key);
    let secrets: Api<CoreSecret> = Api::namespaced(admin().await, namespace);
    for (name, (key, certificate)) in [("old", &old), ("new", &new)] {
        let secret = key_secret(name, &key.to_pkcs1_pem(), certificate.pem());
        let secret = serde_json::from_value(secret).unwrap();
        secrets.create(&PostParams::default(), &secret).await.unwrap();
    }
    let fingerprint = old.1.fingerprint().to_string();
    ask(namespace, json!({"primary": fingerprint})).await;
    // Both keys are far older than the period.
    let controller = Controller::start(namespace, &["--all-namespaces=false"])
        .await
        .unwrap();
    let status = told(namespace, |status| status.keys.iter().any(|key| key.primary)).await;
    assert_eq!(reason(&status, "Ready").0, "PrimaryPinned");
    assert_eq!(controller.certificate().await.pem(), old.1.pem());
    ask(namespace, json!({"primary": new.1.fingerprint().to_string()})).await;
    told(namespace, |status| status.keys[0].primary).await;
    assert_eq!(controller.certificate().await.pem(), new.1.pem());
    assert_eq!(keys(namespace).await.len(), 2);
    let nobody = sealing_key("2024-01-01T00:00:00Z").1.fingerprint().to_string();
    ask(namespace, json!({"primary": nobody})).await;
    let status = told(namespace, |status| reason(status, "Ready").0 == "PrimaryUnknown").await;
    assert!(reason(&status, "Ready").1.contains(&nobody));
    assert_eq!(controller.certificate().await.pem(), new.1.pem());
    // Without a name its age counts again.
    ask(namespace, json!({"primary": null})).await;
    told(namespace, |status| {
        status.keys.len() == 3 && reason(status, "Ready").0 == "Ready"
    })
    .await;
    assert_ne!(controller.certificate().await.pem(), new.1.pem());
}

#[tokio::test]
async fn certificates_that_somebody_else_writes_or_deletes_come_back() {
    let namespace = "ring-certificates";
    let controller = Controller::start(namespace, NO_RENEWAL).await.unwrap();
    let served = controller.certificate().await;
    let own = |text: &str| text == served.pem();
    certificates(namespace, "certificate.pem", own).await;
    let maps = maps(namespace).await;
    let (_, other) = sealing_key("2024-01-01T00:00:00Z");
    let swapped = Patch::Merge(json!({"data": {"certificate.pem": other.pem()}}));
    maps.patch("seal-certificates", &PatchParams::default(), &swapped)
        .await
        .unwrap();
    certificates(namespace, "certificate.pem", own).await;
    maps.delete("seal-certificates", &DeleteParams::default())
        .await
        .unwrap();
    certificates(namespace, "certificate.pem", own).await;
}

#[tokio::test]
async fn where_a_key_must_exist_none_is_made_and_the_controller_waits_for_one() {
    let namespace = "ring-existing";
    grant(namespace).await.unwrap();
    let kubeconfig = plane().await.kubeconfig(&account(namespace)).await.unwrap();
    let flags = [NO_RENEWAL, &["--require-existing-key"]].concat();
    let mut controller = Controller::launch(namespace, &flags, &kubeconfig).await.unwrap();
    let said = wait_for("its complaint", SOON, async || {
        Ok(controller
            .process
            .log()
            .contains("--require-existing-key forbids")
            .then_some(()))
    });
    said.await.unwrap();
    assert!(keys(namespace).await.is_empty());
    let (key, certificate) = sealing_key("2020-01-01T00:00:00Z");
    let secret = key_secret("restored", &key.to_pkcs1_pem(), certificate.pem());
    let secrets: Api<CoreSecret> = Api::namespaced(admin().await, namespace);
    secrets
        .create(&PostParams::default(), &serde_json::from_value(secret).unwrap())
        .await
        .unwrap();
    controller.wait_until_ready().await.unwrap();
    assert_eq!(controller.certificate().await.pem(), certificate.pem());
    assert_eq!(keys(namespace).await.len(), 1);
}
