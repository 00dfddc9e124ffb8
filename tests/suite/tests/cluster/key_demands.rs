//! What is asked of the sealing keys when things are not as usual: a pin, a key in two places, a signal at
//! the wrong time, somebody else's hand in between.

use kube::api::{Patch, PatchParams, PostParams};
use seal_cluster::installation::{Installation, Renewal};
use seal_cluster::keys::key_name;
use seal_testbed::{Fault, FaultProxy, Gate, Process, Rule, wait_for};
use serde_json::json;

use super::ground::{Controller, SOON, account, grant, key_secret, place_of, plane, sealing_key};
use super::key_losses::{NO_RENEWAL, reason, secrets};
use super::key_ring::backup::identity;
use super::key_ring::{ask, keys, told};

fn signal(process: &Process) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(process.pid()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::USR1).unwrap();
}

#[tokio::test]
async fn a_signal_makes_one_key_also_where_another_one_is_pinned() {
    let namespace = "demand-signal";
    let controller = Controller::start(namespace, NO_RENEWAL).await.unwrap();
    let first = controller.certificate().await;
    ask(namespace, json!({"primary": first.fingerprint().to_string()})).await;
    told(namespace, |status| reason(status, "Ready").0 == "PrimaryPinned").await;
    signal(&controller.process);
    told(namespace, |status| status.keys.len() == 2).await;
    // The next pass has nothing to do, not even later.
    ask(namespace, json!({"backup": {}})).await;
    let status = told(namespace, |_| true).await;
    assert_eq!(reason(&status, "Ready").0, "PrimaryPinned", "{status:?}");
    assert_eq!(keys(namespace).await.len(), 2);
    assert_eq!(controller.certificate().await.pem(), first.pem());
}

#[tokio::test]
async fn a_key_in_two_secrets_is_retired_in_both() {
    let namespace = "demand-twice";
    let controller = Controller::start(namespace, NO_RENEWAL).await.unwrap();
    let first = controller.certificate().await.fingerprint().to_string();
    let secrets = secrets(namespace).await;
    let [own] = <[_; 1]>::try_from(keys(namespace).await).unwrap();
    for name in ["a-copy", "z-copy"] {
        let copy = json!({
            "metadata": {"name": name, "labels": own.metadata.labels}, "type": own.type_, "data": own.data,
        });
        let copy = serde_json::from_value(copy).unwrap();
        secrets.create(&PostParams::default(), &copy).await.unwrap();
    }
    ask(namespace, json!({"renew": "now"})).await;
    told(namespace, |status| status.keys.len() == 4).await;
    let retire = |compromised| json!({"retire": [{"fingerprint": first, "compromised": compromised}]});
    for (compromised, word) in [(false, "retired"), (true, "compromised")] {
        ask(namespace, retire(compromised)).await;
        told(namespace, |status| {
            let of_it = |key: &&seal_api::KeyStatus| key.fingerprint == first;
            let all = status.keys.iter().filter(of_it).all(|key| key.retired);
            all && reason(status, "Ready").0 == "Ready"
        })
        .await;
        let labels = keys(namespace)
            .await
            .into_iter()
            .filter(|key| key.data == own.data);
        let labels: Vec<String> = labels
            .map(|key| key.metadata.labels.unwrap()[seal_api::annotations::KEY_LABEL].clone())
            .collect();
        assert_eq!(labels, [word; 3]);
    }
}

#[tokio::test]
async fn no_object_makes_the_installations_secret() {
    let namespace = "demand-reserved";
    let controller = Controller::start(namespace, NO_RENEWAL).await.unwrap();
    let place = place_of(&controller).await;
    let name = "seal-installation-key";
    place.create(&place.object(name, &[("key", "planted")])).await;
    let (reason, message) = place.failed(name).await;
    assert_eq!(reason, "Reserved");
    assert!(message.contains(name), "{message}");
}

#[tokio::test]
async fn names_of_keys_that_are_all_taken_are_told_as_such() {
    let namespace = "demand-names";
    let controller = Controller::start(namespace, NO_RENEWAL).await.unwrap();
    let secrets = secrets(namespace).await;
    let standing = secrets.get("seal-installation-key").await.unwrap();
    let standing = serde_json::to_vec(&standing).unwrap();
    let mut installation = Installation::read(seal_api::Secret::from_json(&standing).unwrap()).unwrap();
    for _ in 0..3 {
        let name = key_name("sealed-secrets-key", &mut installation.next_name()).unwrap();
        let taken = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
        secrets.create(&PostParams::default(), &taken).await.unwrap();
        let passed_over = Renewal {
            primary: None,
            demand: None,
        };
        installation = Installation::read(installation.with_renewal(&passed_over)).unwrap();
    }
    signal(&controller.process);
    let told = wait_for("its complaint", SOON, async || {
        let log = controller.process.log();
        Ok(log.contains("the names of the next keys are taken").then_some(()))
    });
    told.await.unwrap();
    // The fourth is free, and what was asked for is not forgotten.
    let made = async || Ok((keys(namespace).await.len() == 2).then_some(()));
    wait_for("the key", SOON, made).await.unwrap();
}

#[tokio::test]
async fn a_cutoff_that_is_yet_to_come_makes_one_key_whatever_fails_afterwards() {
    let namespace = "demand-cutoff";
    let (_folder, recipient) = identity();
    let proxy = FaultProxy::start(plane().await).await.unwrap();
    let path = format!("/api/v1/namespaces/{namespace}/configmaps");
    proxy.inject(Rule::on("create", &path, Fault::ServerError));
    let backup_to = format!("--backup-recipients={recipient}");
    let cutoff = "--key-cutoff-time=Thu, 01 Jan 2099 00:00:00 +0000";
    let flags = [NO_RENEWAL, &[&backup_to, cutoff]].concat();
    let _controller = Controller::behind(&proxy, namespace, &flags).await.unwrap();
    let passes = wait_for("three passes", SOON, async || {
        let seen = proxy.seen();
        let failed = seen.iter().filter(|seen| seen.code == Some(500));
        // Certificates and backup in each.
        Ok((failed.count() >= 6).then_some(()))
    });
    passes.await.unwrap();
    assert_eq!(
        keys(namespace).await.len(),
        2,
        "the first, and the one for the cutoff"
    );
}

#[tokio::test]
async fn a_key_that_is_named_while_the_controller_notes_its_own_choice_is_the_one_that_seals() {
    let namespace = "demand-between";
    plane().await.namespace(namespace).await.unwrap();
    let secrets = secrets(namespace).await;
    let [older, newer] = ["2023-01-01T00:00:00Z", "2024-01-01T00:00:00Z"].map(sealing_key);
    for (name, (key, certificate)) in [("older", &older), ("newer", &newer)] {
        let secret = key_secret(name, &key.to_pkcs1_pem(), certificate.pem());
        let secret = serde_json::from_value(secret).unwrap();
        secrets.create(&PostParams::default(), &secret).await.unwrap();
    }
    let proxy = FaultProxy::start(plane().await).await.unwrap();
    let gate = Gate::default();
    let path = format!("/api/v1/namespaces/{namespace}/secrets/seal-installation-key");
    proxy.inject(Rule::on("update", &path, Fault::Hold(gate.clone())).times(1));
    grant(namespace).await.unwrap();
    let kubeconfig = proxy.kubeconfig(&account(namespace)).await.unwrap();
    let mut controller = Controller::launch(namespace, NO_RENEWAL, &kubeconfig)
        .await
        .unwrap();
    gate.is_holding().await;
    let named = Patch::Merge(json!({"stringData": {"primary": older.1.fingerprint().to_string()}}));
    secrets
        .patch("seal-installation-key", &PatchParams::default(), &named)
        .await
        .unwrap();
    gate.open();
    controller.wait_until_ready().await.unwrap();
    assert_eq!(controller.certificate().await.pem(), older.1.pem());
}

#[tokio::test]
async fn a_signal_before_there_is_a_key_ends_nothing_and_is_heard_later() {
    let namespace = "demand-early";
    grant(namespace).await.unwrap();
    let kubeconfig = plane().await.kubeconfig(&account(namespace)).await.unwrap();
    let flags = [NO_RENEWAL, &["--require-existing-key"]].concat();
    let mut controller = Controller::launch(namespace, &flags, &kubeconfig).await.unwrap();
    let waits = wait_for("its complaint", SOON, async || {
        let log = controller.process.log();
        Ok(log.contains("--require-existing-key forbids").then_some(()))
    });
    waits.await.unwrap();
    signal(&controller.process);
    let (key, certificate) = sealing_key("2020-01-01T00:00:00Z");
    let secret = key_secret("restored", &key.to_pkcs1_pem(), certificate.pem());
    let secret = serde_json::from_value(secret).unwrap();
    let secrets = secrets(namespace).await;
    secrets.create(&PostParams::default(), &secret).await.unwrap();
    controller.wait_until_ready().await.unwrap();
    let made = async || Ok((keys(namespace).await.len() == 2).then_some(()));
    wait_for("the key that was asked for", SOON, made).await.unwrap();
}
