//! What a SealingKeyRing asks for: renewal, the key that seals, retirement, certificates, backup. And
//! that a kill at any step makes no second key.

use k8s_openapi::api::core::v1::{ConfigMap, Secret as CoreSecret};
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use seal_api::{SealingKeyRing, SealingKeyRingSpec, SealingKeyRingStatus, annotations};
use seal_core::Fingerprint;
use seal_core::succession::{Statement, proves};
use seal_testbed::{Fault, FaultProxy, Gate, Program, Rule, tool, wait_for};
use serde_json::{Value, json};

use super::ground::{
    Controller, SOON, account, admin, grant, key_secret, place_of, plane, sealing_key, value,
};

// What a killed controller led, another one leads soon.
const NO_RENEWAL: &[&str] = &[
    "--all-namespaces=false",
    "--key-renew-period=0",
    "--leader-elect-lease-duration=3s",
    "--leader-elect-renew-deadline=2s",
    "--leader-elect-retry-period=300ms",
];

async fn rings(namespace: &str) -> Api<SealingKeyRing> {
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
async fn a_key_is_made_once_for_each_word_and_follows_the_one_before_it() {
    let namespace = "ring-renew";
    let controller = Controller::start(namespace, NO_RENEWAL).await.unwrap();
    let before = controller.certificate().await;
    assert!(history(namespace, 0).await.is_empty());
    ask(namespace, json!({"renew": "one"})).await;
    let status = told(namespace, |status| status.renewed.as_deref() == Some("one")).await;
    let after = controller.certificate().await;
    assert_ne!(after.pem(), before.pem());
    assert_eq!(status.keys.len(), 2);
    let sealing: Vec<&str> = status
        .keys
        .iter()
        .filter(|key| key.primary)
        .map(|key| key.fingerprint.as_str())
        .collect();
    assert_eq!(sealing, [after.fingerprint().to_string()]);
    assert_eq!(reason(&status, "Ready").0, "Ready");
    let chain = history(namespace, 1).await;
    assert!(proves(&chain, &[before.fingerprint()], after.fingerprint()));
    assert!(!proves(&chain, &[after.fingerprint()], before.fingerprint()));
    certificates(namespace, "certificate.pem", |text| text == after.pem()).await;
    let all = format!("{}{}", after.pem(), before.pem());
    let both = certificates(namespace, "certificates.pem", |text| text.len() == all.len()).await;
    assert!(both.contains(before.pem()) && both.contains(after.pem()));

    // The same word again, after a restart and without its status: nothing. Another one: not yet.
    drop(controller);
    let rings = rings(namespace).await;
    let forgotten = Patch::Merge(json!({"status": {"renewed": null}}));
    rings
        .patch_status("seal", &PatchParams::default(), &forgotten)
        .await
        .unwrap();
    let controller = Controller::start(namespace, NO_RENEWAL).await.unwrap();
    told(namespace, |status| status.renewed.as_deref() == Some("one")).await;
    assert_eq!(keys(namespace).await.len(), 2);
    ask(namespace, json!({"renew": "two"})).await;
    let status = told(namespace, |status| reason(status, "Ready").0 != "Ready").await;
    assert_eq!(reason(&status, "Ready").0, "RenewalWaits");
    assert_eq!(keys(namespace).await.len(), 2);
    assert_eq!(controller.certificate().await.pem(), after.pem());
    let metrics = controller.metrics().await;
    for key in [&before, &after] {
        let line = format!(
            "sealed_secrets_controller_key_not_after_seconds{{fingerprint=\"{}\"}} {}",
            key.fingerprint(),
            key.not_after().as_second()
        );
        assert!(metrics.contains(&line), "{line} is missing in\n{metrics}");
    }
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
            .contains("1 SealedSecrets: ring-retire/db;"),
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

/// An age identity in a folder of its own, and its recipient.
pub(crate) fn identity() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let made = Program::new(tool("age-keygen").unwrap())
        .arg("-o")
        .arg(folder.path().join("id.txt"))
        .run();
    made.unwrap().success().unwrap();
    let text = std::fs::read_to_string(folder.path().join("id.txt")).unwrap();
    let recipient = text
        .lines()
        .find_map(|line| line.strip_prefix("# public key: "))
        .unwrap();
    (folder, recipient.to_owned())
}

#[tokio::test]
async fn every_key_is_in_the_backup_which_age_opens_and_a_misspelt_recipient_is_told() {
    let namespace = "ring-backup";
    let (folder, recipient) = identity();
    let backup_to = format!("--backup-recipients={recipient}");
    let flags = [NO_RENEWAL, &[&backup_to]].concat();
    let controller = Controller::start(namespace, &flags).await.unwrap();
    let maps = maps(namespace).await;
    let backup = async |wanted: usize| {
        let found = wait_for("the backup", SOON, async || {
            let map = maps.get_opt("seal-key-backup").await?;
            Ok(map.filter(|map| {
                map.metadata.annotations.as_ref().unwrap()["sealops.dev/keys"]
                    .split(',')
                    .count()
                    == wanted
            }))
        });
        found.await.unwrap()
    };
    backup(1).await;
    ask(namespace, json!({"renew": "now"})).await;
    let map = backup(2).await;
    let status = told(namespace, |status| {
        status.keys.len() == 2 && status.keys.iter().all(|key| key.backed_up)
    })
    .await;
    assert_eq!(reason(&status, "BackupStale").0, "BackedUp");
    std::fs::write(folder.path().join("backup.age"), &map.data.unwrap()["backup.age"]).unwrap();
    let opened = Program::new(tool("age").unwrap())
        .args(["-d", "-i", "id.txt", "backup.age"])
        .current_dir(folder.path())
        .run();
    let opened: Value = serde_json::from_slice(&opened.unwrap().success().unwrap().stdout).unwrap();
    let held: Vec<&Value> = opened["items"].as_array().unwrap().iter().collect();
    let standing = keys(namespace).await;
    assert_eq!(held.len(), 2);
    for key in &standing {
        let same = held
            .iter()
            .find(|held| held["metadata"]["name"] == json!(key.metadata.name))
            .unwrap();
        assert_eq!(
            same["data"]["tls.key"],
            json!(key.data.as_ref().unwrap()["tls.key"])
        );
        assert_eq!(same["metadata"].get("uid"), None);
    }
    // Deleted, it comes back.
    maps.delete("seal-key-backup", &DeleteParams::default())
        .await
        .unwrap();
    backup(2).await;
    assert!(
        controller
            .metrics()
            .await
            .contains("sealed_secrets_controller_backup_stale 0")
    );
    // A recipient with a letter exchanged looks like one; the old backup stays.
    let end = if recipient.ends_with('q') { "p" } else { "q" };
    let misspelt = format!("{}{end}", &recipient[..recipient.len() - 1]);
    ask(namespace, json!({"backup": {"recipients": [misspelt]}})).await;
    let status = told(namespace, |status| {
        reason(status, "BackupStale").0 == "InvalidRecipient"
    })
    .await;
    assert!(!reason(&status, "BackupStale").1.contains(&misspelt));
    assert!(
        controller
            .metrics()
            .await
            .contains("sealed_secrets_controller_backup_stale 1")
    );
    backup(2).await;
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

/// Waits until an answer was lost.
async fn lost_one(proxy: &FaultProxy<'_>) {
    let done = wait_for("the step", SOON, async || {
        let seen = proxy.seen();
        let lost = seen.iter().any(|seen| seen.fault == Some("lose answer"));
        Ok(lost.then_some(()))
    });
    done.await.unwrap();
}

#[tokio::test]
async fn a_kill_at_any_step_of_a_renewal_makes_one_key_and_loses_none() {
    let secrets = |name: &str| format!("/api/v1/namespaces/{name}/secrets");
    for (namespace, verb, suffix, lost) in [
        ("kill-before-key", "create", "", false),
        ("kill-after-key", "create", "", true),
        ("kill-before-note", "update", "/seal-installation-key", false),
        ("kill-after-note", "update", "/seal-installation-key", true),
    ] {
        let proxy = FaultProxy::start(plane().await).await.unwrap();
        let controller = Controller::behind(&proxy, namespace, NO_RENEWAL).await.unwrap();
        let before = controller.certificate().await;
        let gate = Gate::default();
        let path = format!("{}{suffix}", secrets(namespace));
        let fault = match lost {
            true => Fault::LoseAnswer,
            false => Fault::Hold(gate.clone()),
        };
        proxy.inject(Rule::on(verb, &path, fault).times(1));
        ask(namespace, json!({"renew": "now"})).await;
        // Done, or about to be done; nobody has heard of it.
        if lost {
            lost_one(&proxy).await;
        } else {
            gate.is_holding().await;
        }
        controller.process.kill();
        let controller = Controller::start(namespace, NO_RENEWAL).await.unwrap();
        let status = told(namespace, |status| status.renewed.as_deref() == Some("now")).await;
        if !lost {
            // What the killed one had sent arrives late.
            gate.open();
            let late = wait_for("the late write", SOON, async || {
                let seen = proxy.seen();
                Ok(seen.into_iter().find(|seen| seen.fault == Some("hold")))
            });
            assert_eq!(late.await.unwrap().code, Some(409), "{namespace}");
        }
        assert_eq!(status.keys.len(), 2, "{namespace}");
        assert_eq!(keys(namespace).await.len(), 2, "{namespace}");
        let after = controller.certificate().await;
        assert_ne!(after.pem(), before.pem(), "{namespace}");
        let trusted: [Fingerprint; 1] = [before.fingerprint()];
        assert!(
            proves(&history(namespace, 1).await, &trusted, after.fingerprint()),
            "{namespace}"
        );
    }
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
            lost_one(&proxy).await;
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
