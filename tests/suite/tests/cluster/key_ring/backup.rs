//! The backup of the keys that a controller keeps, as age opens it.

use kube::api::DeleteParams;
use seal_testbed::{Program, tool, wait_for};
use serde_json::{Value, json};

use super::super::ground::{Controller, SOON};
use super::{NO_RENEWAL, ask, keys, maps, reason, told};

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
