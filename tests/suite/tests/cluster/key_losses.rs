//! Sealing keys that are lost, and what must not be lost with them: their backup, the say over which key
//! seals.

use k8s_openapi::api::core::v1::{ConfigMap, Secret as CoreSecret};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use seal_api::{SealingKeyRingStatus, annotations};
use seal_core::succession::{Statement, proves};
use seal_testbed::{ADMIN, Program, tool, wait_for};
use serde_json::{Value, json};

use super::ground::{Controller, SOON, admin, built, key_secret, plane, sealing_key};
use super::key_ring::backup::identity;
use super::key_ring::{ask, keys, maps, told};

pub(super) const NO_RENEWAL: &[&str] = &[
    "--all-namespaces=false",
    "--key-renew-period=0",
    "--leader-elect-lease-duration=12s",
    "--leader-elect-renew-deadline=9s",
    "--leader-elect-retry-period=300ms",
];

pub(super) fn reason(status: &SealingKeyRingStatus, kind: &str) -> (String, String) {
    let condition = status.conditions.iter().find(|condition| condition.kind == kind);
    condition.map_or_else(Default::default, |condition| {
        let text = |part: &Option<String>| part.clone().unwrap_or_default();
        (text(&condition.reason), text(&condition.message))
    })
}

pub(super) async fn secrets(namespace: &str) -> Api<CoreSecret> {
    Api::namespaced(admin().await, namespace)
}

/// What can be created once more.
fn bare(mut secret: CoreSecret) -> CoreSecret {
    secret.metadata = kube::api::ObjectMeta {
        name: secret.metadata.name,
        labels: secret.metadata.labels,
        annotations: secret.metadata.annotations,
        ..Default::default()
    };
    secret
}

async fn backup(namespace: &str) -> ConfigMap {
    maps(namespace).await.get("seal-key-backup").await.unwrap()
}

/// The private keys in the backup.
fn opened(folder: &tempfile::TempDir, backup: &ConfigMap) -> Vec<Value> {
    let file = &backup.data.as_ref().unwrap()["backup.age"];
    std::fs::write(folder.path().join("backup.age"), file).unwrap();
    let opened = Program::new(tool("age").unwrap())
        .args(["-d", "-i", "id.txt", "backup.age"])
        .current_dir(folder.path())
        .run();
    let opened: Value = serde_json::from_slice(&opened.unwrap().success().unwrap().stdout).unwrap();
    let items = opened["items"].as_array().unwrap();
    items.iter().map(|item| item["data"]["tls.key"].clone()).collect()
}

#[tokio::test]
async fn a_key_whose_secret_is_deleted_or_broken_stays_in_the_backup_until_somebody_lets_it_go() {
    let namespace = "loss-backup";
    let (folder, recipient) = identity();
    let backup_to = format!("--backup-recipients={recipient}");
    let flags = [NO_RENEWAL, &[&backup_to]].concat();
    let controller = Controller::start(namespace, &flags).await.unwrap();
    let first = controller.certificate().await.fingerprint().to_string();
    ask(namespace, json!({"renew": "now"})).await;
    let whole = |status: &SealingKeyRingStatus| {
        status.keys.len() == 2 && reason(status, "BackupStale").0 == "BackedUp"
    };
    let status = told(namespace, whole).await;
    let held = status.keys.iter().find(|key| key.fingerprint == first).unwrap();
    let secrets = secrets(namespace).await;
    let lost = secrets.get(&held.secret).await.unwrap();
    let before = backup(namespace).await;

    let missing = |status: &SealingKeyRingStatus| {
        let (reason, message) = reason(status, "BackupStale");
        reason == "KeyMissing" && message.contains(&first)
    };
    secrets
        .delete(&held.secret, &DeleteParams::default())
        .await
        .unwrap();
    told(namespace, missing).await;
    assert!(
        controller
            .metrics()
            .await
            .contains("sealed_secrets_controller_backup_stale 1")
    );
    drop(controller);
    // Whoever begins anew knows it from the backup only, and a new key is not in there.
    secrets
        .delete("seal-installation-key", &DeleteParams::default())
        .await
        .unwrap();
    ask(namespace, json!({"renew": "again"})).await;
    let controller = Controller::start(namespace, &flags).await.unwrap();
    told(namespace, |status| {
        status.renewed.as_deref() == Some("again") && missing(status)
    })
    .await;
    let after = backup(namespace).await;
    assert_eq!(before.data, after.data);
    assert_eq!(opened(&folder, &after).len(), 2);
    assert!(
        controller
            .process
            .log()
            .contains(&format!("not lost with it: {first}"))
    );

    let key = secrets.create(&PostParams::default(), &bare(lost)).await.unwrap();
    told(namespace, |status| {
        status.keys.len() == 3 && reason(status, "BackupStale").0 == "BackedUp"
    })
    .await;
    let name = key.metadata.name.as_deref().unwrap();
    let broken = Patch::Merge(json!({"stringData": {"tls.key": "broken"}}));
    secrets
        .patch(name, &PatchParams::default(), &broken)
        .await
        .unwrap();
    told(namespace, missing).await;
    let all = opened(&folder, &backup(namespace).await);
    assert!(all.contains(&json!(key.data.unwrap()["tls.key"])) && all.len() == 3);

    // Without the ConfigMap there is nothing to lose.
    maps(namespace)
        .await
        .delete("seal-key-backup", &DeleteParams::default())
        .await
        .unwrap();
    told(namespace, |status| {
        status.keys.len() == 2 && reason(status, "BackupStale").0 == "BackedUp"
    })
    .await;
    assert_eq!(opened(&folder, &backup(namespace).await).len(), 2);
}

#[tokio::test]
async fn a_key_that_seals_and_goes_missing_is_followed_by_a_new_one_and_not_by_what_somebody_planted() {
    let namespace = "loss-primary";
    let controller = Controller::start(namespace, NO_RENEWAL).await.unwrap();
    ask(namespace, json!({})).await;
    let first = controller.certificate().await;
    let secrets = secrets(namespace).await;
    let [own] = <[CoreSecret; 1]>::try_from(keys(namespace).await).unwrap();
    let now = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(1);
    for (name, since) in [
        ("planted", now.to_string()),
        ("older", "2024-01-01T00:00:00Z".to_owned()),
    ] {
        let (key, certificate) = sealing_key(&since);
        let secret = key_secret(name, &key.to_pkcs1_pem(), certificate.pem());
        let secret = serde_json::from_value(secret).unwrap();
        secrets.create(&PostParams::default(), &secret).await.unwrap();
    }
    told(namespace, |status| status.keys.len() == 3).await;
    let delete = async |secret: &str| secrets.delete(secret, &DeleteParams::default()).await.unwrap();
    delete(own.metadata.name.as_ref().unwrap()).await;
    let fingerprint = first.fingerprint().to_string();
    let lost = |status: &SealingKeyRingStatus| {
        let (reason, message) = reason(status, "Ready");
        reason == "PrimaryMissing" && message.contains(&fingerprint)
    };
    let status = told(namespace, lost).await;
    let sealing = |status: &SealingKeyRingStatus| {
        let key = status.keys.iter().find(|key| key.primary);
        key.map(|key| key.secret.clone()).unwrap()
    };
    let planted = ["planted".to_owned(), "older".to_owned()];
    let second = sealing(&status);
    assert!(status.keys.len() == 3 && !planted.contains(&second), "{status:?}");
    assert_ne!(controller.certificate().await.pem(), first.pem());
    // Whoever trusts the one that is lost still follows.
    let history = maps(namespace).await.get("seal-certificates").await.unwrap();
    let history: Vec<String> = serde_json::from_str(&history.data.unwrap()["history.json"]).unwrap();
    let history: Vec<Statement> = history.iter().map(|text| text.parse().unwrap()).collect();
    let served = controller.certificate().await.fingerprint();
    assert!(proves(&history, &[first.fingerprint()], served));

    // The same where nobody was there to see it go.
    drop(controller);
    delete(&second).await;
    let controller = Controller::start(namespace, NO_RENEWAL).await.unwrap();
    let status = told(namespace, |status| {
        reason(status, "Ready").0 == "PrimaryMissing" && !status.keys.iter().any(|key| key.secret == second)
    })
    .await;
    assert!(
        status.keys.len() == 3 && !planted.contains(&sealing(&status)),
        "{status:?}"
    );
    let served = controller.certificate().await;

    // Whoever names the key that seals has seen it, and need not restart anything to be told no more.
    let seals = served.fingerprint().to_string();
    ask(namespace, json!({"primary": seals})).await;
    told(namespace, |status| reason(status, "Ready").0 != "PrimaryMissing").await;
    ask(namespace, json!({"primary": null})).await;

    // The one that was lost opens again, and does not seal.
    secrets.create(&PostParams::default(), &bare(own)).await.unwrap();
    told(namespace, |status| status.keys.len() == 4).await;
    assert_eq!(controller.certificate().await.pem(), served.pem());
}

#[tokio::test]
async fn a_word_that_was_done_is_not_done_again_where_all_secrets_were_lost_and_the_keys_restored() {
    let namespace = "loss-all";
    let flags = [NO_RENEWAL, &["--require-existing-key=true"]].concat();
    let controller = Controller::start(namespace, NO_RENEWAL).await.unwrap();
    ask(namespace, json!({"renew": "one"})).await;
    told(namespace, |status| status.renewed.as_deref() == Some("one")).await;
    drop(controller);
    let secrets = secrets(namespace).await;
    let saved = keys(namespace).await;
    assert_eq!(saved.len(), 2);
    for key in &saved {
        let name = key.metadata.name.as_ref().unwrap();
        secrets.delete(name, &DeleteParams::default()).await.unwrap();
    }
    secrets
        .delete("seal-installation-key", &DeleteParams::default())
        .await
        .unwrap();
    for key in saved {
        secrets.create(&PostParams::default(), &bare(key)).await.unwrap();
    }
    for pass in ["first", "after a restart"] {
        let controller = Controller::start(namespace, &flags).await.unwrap();
        // Whatever is asked is seen in the same pass.
        let backup = json!({"renew": "one", "backup": {"recipients": [identity().1]}});
        ask(namespace, backup).await;
        let status = told(namespace, |status| reason(status, "BackupStale").0 == "BackedUp").await;
        assert_eq!(status.renewed.as_deref(), Some("one"), "{pass}");
        assert_eq!(keys(namespace).await.len(), 2, "{pass}");
        drop(controller);
    }
    // Another word counts.
    let _controller = Controller::start(namespace, &flags).await.unwrap();
    ask(namespace, json!({"renew": "two"})).await;
    told(namespace, |status| status.renewed.as_deref() == Some("two")).await;
    assert_eq!(keys(namespace).await.len(), 3);
}

#[tokio::test]
async fn a_key_that_seals_and_is_said_to_be_compromised_by_hand_is_followed_without_a_complaint() {
    let namespace = "loss-relabelled";
    let controller = Controller::start(namespace, NO_RENEWAL).await.unwrap();
    ask(namespace, json!({})).await;
    let first = controller.certificate().await;
    let [own] = <[CoreSecret; 1]>::try_from(keys(namespace).await).unwrap();
    let (key, certificate) = sealing_key("2024-01-01T00:00:00Z");
    let older = key_secret("older", &key.to_pkcs1_pem(), certificate.pem());
    let secrets = secrets(namespace).await;
    let older = serde_json::from_value(older).unwrap();
    secrets.create(&PostParams::default(), &older).await.unwrap();
    told(namespace, |status| status.keys.len() == 2).await;
    let label = Patch::Merge(json!({"metadata": {"labels": {annotations::KEY_LABEL: "compromised"}}}));
    let name = own.metadata.name.as_deref().unwrap();
    secrets
        .patch(name, &PatchParams::default(), &label)
        .await
        .unwrap();
    let status = told(namespace, |status| status.keys.len() == 3).await;
    assert_eq!(reason(&status, "Ready").0, "Ready", "{status:?}");
    let served = controller.certificate().await;
    assert!(served.pem() != first.pem() && served.pem() != certificate.pem());
}

#[tokio::test]
async fn a_backup_that_somebody_else_wrote_is_written_anew_whatever_it_says_of_itself() {
    let namespace = "loss-forged";
    let (folder, recipient) = identity();
    let backup_to = format!("--backup-recipients={recipient}");
    let flags = [NO_RENEWAL, &[&backup_to]].concat();
    let controller = Controller::start(namespace, &flags).await.unwrap();
    ask(namespace, json!({})).await;
    let whole = |status: &SealingKeyRingStatus| status.keys.iter().all(|key| key.backed_up);
    told(namespace, whole).await;
    let own = opened(&folder, &backup(namespace).await);
    let maps = maps(namespace).await;
    let forged = Patch::Merge(json!({"data": {"backup.age": "of no use"}}));
    let forge = async || {
        maps.patch("seal-key-backup", &PatchParams::default(), &forged)
            .await
            .unwrap()
    };
    forge().await;
    let healed = wait_for("the backup", SOON, async || {
        let map = maps.get("seal-key-backup").await?;
        Ok((map.data.as_ref().unwrap()["backup.age"] != "of no use").then_some(map))
    });
    assert_eq!(opened(&folder, &healed.await.unwrap()), own);

    // While nobody is there to write it anew, whoever restores is told.
    let binary = tokio::task::spawn_blocking(|| built("seal-cli", "seal"));
    let binary = binary.await.unwrap().unwrap();
    let kubeconfig = plane().await.kubeconfig(ADMIN).await.unwrap();
    let restore = async || {
        let program = Program::new(binary.clone())
            .args(["keys", "restore", "--from-cluster", "-I", "id.txt"])
            .env("KUBECONFIG", &kubeconfig)
            .env("SEAL_CONTROLLER_NAMESPACE", namespace)
            .deadline(SOON)
            .current_dir(folder.path());
        let ran = tokio::task::spawn_blocking(|| program.run());
        ran.await.unwrap().unwrap()
    };
    const WARNING: &str = "is not as the installation wrote it";
    drop(controller);
    let said = restore().await;
    assert!(said.code == 0 && !said.err().contains(WARNING), "{}", said.err());
    // His own keys, encrypted to the same recipient.
    let (key, certificate) = sealing_key("2024-01-01T00:00:00Z");
    let list = key_secret("planted", &key.to_pkcs1_pem(), certificate.pem());
    let list = json!({"apiVersion": "v1", "kind": "Secret", "metadata": list["metadata"],
        "type": list["type"], "stringData": list["stringData"]});
    std::fs::write(folder.path().join("list.json"), list.to_string()).unwrap();
    let made = Program::new(tool("age").unwrap())
        .args(["-a", "-r", &recipient, "-o", "forged.age", "list.json"])
        .current_dir(folder.path())
        .run();
    made.unwrap().success().unwrap();
    let file = std::fs::read_to_string(folder.path().join("forged.age")).unwrap();
    let swapped = Patch::Merge(json!({"data": {"backup.age": file}}));
    maps.patch("seal-key-backup", &PatchParams::default(), &swapped)
        .await
        .unwrap();
    let said = restore().await;
    assert!(said.code == 0 && said.err().contains(WARNING), "{}", said.err());
}

#[tokio::test]
async fn a_backup_too_large_for_a_config_map_says_so_and_the_one_before_it_stays() {
    let namespace = "loss-large";
    let (folder, recipient) = identity();
    let backup_to = format!("--backup-recipients={recipient}");
    let flags = [NO_RENEWAL, &[&backup_to]].concat();
    let controller = Controller::start(namespace, &flags).await.unwrap();
    ask(namespace, json!({})).await;
    told(namespace, |status| reason(status, "BackupStale").0 == "BackedUp").await;
    let secrets = secrets(namespace).await;
    for name in ["a", "b", "c", "d"] {
        let (key, certificate) = sealing_key("2024-01-01T00:00:00Z");
        let mut secret = key_secret(name, &key.to_pkcs1_pem(), certificate.pem());
        // What many keys would bring along.
        secret["metadata"]["annotations"] = json!({"example.com/note": "x".repeat(200 << 10)});
        let secret = serde_json::from_value(secret).unwrap();
        secrets.create(&PostParams::default(), &secret).await.unwrap();
    }
    let status = told(namespace, |status| {
        status.keys.len() == 5 && reason(status, "BackupStale").0 == "TooLarge"
    })
    .await;
    let (_, message) = reason(&status, "BackupStale");
    assert!(
        message.contains("of 5 keys") && message.contains("takes 1048576"),
        "{message}"
    );
    let logged = async || Ok(controller.process.log().contains("of 5 keys").then_some(()));
    wait_for("the log to say so", SOON, logged).await.unwrap();
    // With what came before it was too large.
    let held = opened(&folder, &backup(namespace).await);
    assert!((1..5).contains(&held.len()));
}
