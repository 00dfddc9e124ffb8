//! `seal edit --show-values --from-cluster`: the values of Secrets that the controller left as they stand (S24).

use seal_testbed::{ADMIN, Program, ProgramOutput};
use serde_json::json;

use super::ground::{Controller, SOON, built, place_of, plane};

const FLAGS: &[&str] = &["--all-namespaces=false", "--key-renew-period=0"];

/// Edits `f.yaml` with a script that first copies what it is given to `seen`.
async fn edit(folder: &tempfile::TempDir, script: &str) -> (ProgramOutput, String) {
    let kubeconfig = plane().await.kubeconfig(ADMIN).await.unwrap();
    let binary = tokio::task::spawn_blocking(|| built("seal-cli", "seal"));
    let editor = format!("#!/bin/sh\ncp \"$1\" seen\n{script}\n");
    std::fs::write(folder.path().join("editor"), editor).unwrap();
    let words = "edit f.yaml --cert cert.pem --show-values --from-cluster --context testbed";
    let program = Program::new(binary.await.unwrap().unwrap())
        .args(words.split(' '))
        .env("KUBECONFIG", &kubeconfig)
        .env("SEAL_EDITOR", "sh editor")
        .deadline(SOON)
        .current_dir(folder.path());
    let output = tokio::task::spawn_blocking(|| program.run());
    let output = output.await.unwrap().unwrap();
    let seen = std::fs::read_to_string(folder.path().join("seen")).unwrap_or_default();
    (output, seen)
}

#[tokio::test]
async fn values_are_those_the_controller_left_and_never_those_of_a_secret_that_drifted() {
    let controller = Controller::start("edits", FLAGS).await.unwrap();
    let place = place_of(&controller).await;
    let object = place.object("db", &[("foo", "bar"), ("goo", "baz")]);
    place.create(&object).await;
    place.synced("db").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("f.yaml");
    std::fs::write(
        &file,
        format!("# ours\n{}", serde_yaml::to_string(&object).unwrap()),
    )
    .unwrap();
    std::fs::write(
        folder.path().join("cert.pem"),
        controller.certificate().await.pem(),
    )
    .unwrap();
    let before = std::fs::read_to_string(&file).unwrap();

    let (output, seen) = edit(&folder, "sed -i 's/^  foo: bar$/  foo: new/' \"$1\"").await;
    assert_eq!(output.code, 0, "{}", output.err());
    assert!(seen.contains("  foo: bar\n  goo: baz\n"), "{seen}");
    let after = std::fs::read_to_string(&file).unwrap();
    let changed: Vec<(&str, &str)> = before
        .lines()
        .zip(after.lines())
        .filter(|(old, new)| old != new)
        .collect();
    assert_eq!(before.lines().count(), after.lines().count());
    assert!(
        matches!(changed.as_slice(), [(old, _)] if old.trim_start().starts_with("foo: ")),
        "{after}"
    );
    // The cluster does not have it yet: that entry is nobody's to show.
    let (output, seen) = edit(&folder, ":").await;
    assert_eq!(output.code, 0, "{}", output.err());
    assert!(
        seen.contains("foo: the cluster has another ciphertext") && seen.contains("  goo: baz\n"),
        "{seen}"
    );
    let object: serde_json::Value = serde_yaml::from_str(&after).unwrap();
    place.patch_object("db", json!({"spec": object["spec"]})).await;
    place
        .secret_that("db", |secret| {
            super::ground::value(secret, "foo").as_deref() == Some("new")
        })
        .await;
    place.synced("db").await;

    // Nobody is there to heal what somebody alters now.
    assert_eq!(controller.process.terminate(SOON).await.unwrap(), 0);
    let (_, seen) = edit(&folder, ":").await;
    assert!(seen.contains("  foo: new\n"), "{seen}");
    place
        .patch_secret("db", json!({"data": {"goo": "ZHJpZnRlZA=="}}))
        .await;
    let (output, seen) = edit(&folder, ":").await;
    assert_eq!(output.code, 0, "{}", output.err());
    assert!(
        seen.contains("was changed after the controller wrote it"),
        "{seen}"
    );
    assert!(
        !seen.contains("drifted") && seen.contains("  goo: <sealed:"),
        "{seen}"
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), after);
}
