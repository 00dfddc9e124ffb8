//! `seal rotate`: one new key, files under it, the cluster's own word before anything is retired; and that a
//! kill at any moment leaves nothing but the rest to do.

use std::process::{Command, Stdio};
use std::time::Duration;

use seal_testbed::ADMIN;

use super::ground::{Controller, Place, built, place_of, plane};
use super::key_ring::{keys, rings};
use super::reencrypting::seal;

const NO_RENEWAL: &[&str] = &["--all-namespaces=false", "--key-renew-period=0"];
const FILES: usize = 12;

async fn repository(place: &Place) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..FILES {
        let name = format!("db{number}");
        let object = place.object(&name, &[("foo", "bar"), ("goo", "baz")]);
        place.create(&object).await;
        let text = format!("# of the team\n{}", serde_yaml::to_string(&object).unwrap());
        std::fs::write(folder.path().join(format!("{name}.yaml")), text).unwrap();
    }
    for number in 0..FILES {
        place.synced(&format!("db{number}")).await;
    }
    folder
}

async fn apply(place: &Place, folder: &tempfile::TempDir) {
    for number in 0..FILES {
        let name = format!("db{number}");
        let text = std::fs::read_to_string(folder.path().join(format!("{name}.yaml"))).unwrap();
        let object: serde_json::Value = serde_yaml::from_str(&text).unwrap();
        place
            .patch_object(&name, serde_json::json!({"spec": object["spec"]}))
            .await;
    }
}

#[tokio::test]
async fn a_repository_is_rotated_and_the_old_key_goes_once_the_cluster_has_it() {
    let namespace = "rotates";
    let controller = Controller::start(namespace, NO_RENEWAL).await.unwrap();
    let place = place_of(&controller).await;
    let folder = repository(&place).await;
    let words = |more: &str| format!("rotate . --controller-namespace {namespace}{more}");
    let first = controller.certificate().await.fingerprint();

    let said = seal(&folder, ADMIN, &words(" --plan")).await;
    assert_eq!(said.code, 0, "{}", said.err());
    assert!(said.err().contains("1. make a new key"), "{}", said.err());
    assert!(
        said.err()
            .contains(&format!("0 files to rewrite (0 of {} entries)", 2 * FILES)),
        "{}",
        said.err()
    );
    let said = seal(&folder, ADMIN, &words(" --retire")).await;
    assert_eq!(said.code, 2, "{}", said.err());
    assert_eq!(controller.certificate().await.fingerprint(), first);

    let said = seal(&folder, ADMIN, &words("")).await;
    assert_eq!(said.code, 0, "{}", said.err());
    assert!(
        said.err().contains(&format!(
            "{FILES} files rewritten ({0} of {0} entries)",
            2 * FILES
        )),
        "{}",
        said.err()
    );
    assert!(
        said.err()
            .contains(&format!("the cluster has 0 of {FILES} SealedSecrets")),
        "{}",
        said.err()
    );
    let second = controller.certificate().await.fingerprint();
    assert_ne!(first, second);
    // It is the same rotation, and the cluster does not have it yet.
    let said = seal(&folder, ADMIN, &words(" --retire")).await;
    assert_eq!(said.code, 1, "{}", said.err());
    assert!(
        said.err().contains("run the same with --retire"),
        "{}",
        said.err()
    );
    assert_eq!(controller.certificate().await.fingerprint(), second);

    apply(&place, &folder).await;
    seal_testbed::wait_for("the cluster to have it", super::ground::SOON, async || {
        let said = seal(&folder, ADMIN, &words("")).await;
        Ok(said
            .err()
            .contains(&format!("nothing needs {first} any longer"))
            .then_some(()))
    })
    .await
    .unwrap();
    let said = seal(&folder, ADMIN, &words(" --retire")).await;
    assert_eq!(said.code, 0, "{}", said.err());
    assert!(
        said.err().contains(&format!("{first} opens nothing any longer")),
        "{}",
        said.err()
    );
    assert_eq!(keys(namespace).await.len(), 2);
    // That rotation is over: the next one is another.
    let said = seal(&folder, ADMIN, &words("")).await;
    assert_eq!(said.code, 0, "{}", said.err());
    assert!(!said.err().contains("no new key is made"), "{}", said.err());
    assert_eq!(keys(namespace).await.len(), 3);
    let said = seal(&folder, ADMIN, &words("")).await;
    assert!(said.err().contains("no new key is made"), "{}", said.err());
    assert_eq!(keys(namespace).await.len(), 3);
    place.delete_secret("db3").await;
    place.secret("db3").await;
}

#[tokio::test]
async fn a_kill_at_any_moment_of_a_rotation_leaves_the_rest_to_do_and_makes_one_key() {
    let namespace = "rotates-on";
    let controller = Controller::start(namespace, NO_RENEWAL).await.unwrap();
    let place = place_of(&controller).await;
    let folder = repository(&place).await;
    let kubeconfig = plane().await.kubeconfig(ADMIN).await.unwrap();
    let binary = tokio::task::spawn_blocking(|| built("seal-cli", "seal"))
        .await
        .unwrap()
        .unwrap();
    for step in 1..=8 {
        let mut run = Command::new(&binary)
            .args(["rotate", ".", "--controller-namespace", namespace])
            .env("KUBECONFIG", &kubeconfig)
            .current_dir(folder.path())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Where each finds it differs by machine; what must hold does not.
        tokio::time::sleep(Duration::from_millis(150 * step)).await;
        run.kill().unwrap();
        run.wait().unwrap();
        for number in 0..FILES {
            let text = std::fs::read_to_string(folder.path().join(format!("db{number}.yaml"))).unwrap();
            let object: serde_json::Value = serde_yaml::from_str(&text).unwrap();
            assert_eq!(object["spec"]["encryptedData"].as_object().unwrap().len(), 2);
        }
    }
    let words = format!("rotate . --controller-namespace {namespace}");
    let said = seal(&folder, ADMIN, &words).await;
    assert_eq!(said.code, 0, "{}", said.err());
    assert!(said.err().contains("3. all files are under it"), "{}", said.err());
    assert_eq!(keys(namespace).await.len(), 2);
    assert!(
        rings(namespace)
            .await
            .get("seal")
            .await
            .unwrap()
            .spec
            .renew
            .unwrap()
            .starts_with("rotation-")
    );
    apply(&place, &folder).await;
    for number in 0..FILES {
        place.synced(&format!("db{number}")).await;
    }
}
