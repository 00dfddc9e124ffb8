//! `seal keys` against a controller and a real API server: asked, waited for, refused; backups restored
//! where they were and elsewhere.

use std::path::{Path, PathBuf};

use kube::api::{DeleteParams, Patch, PatchParams};
use seal_testbed::{ADMIN, Fault, FaultProxy, Gate, Process, Program, ProgramOutput, Rule, wait_for};
use serde_json::{Value, json};

use super::ground::{Controller, SOON, admin, built, place_of, plane};
use super::key_ring::backup::identity;
use super::key_ring::{ask, keys, maps, told};

const NO_RENEWAL: &[&str] = &["--all-namespaces=false", "--key-renew-period=0"];

async fn binary() -> PathBuf {
    let built = tokio::task::spawn_blocking(|| built("seal-cli", "seal"));
    built.await.unwrap().unwrap()
}

/// `seal WORDS` in the folder, with an administrator's kubeconfig and a cache of its own.
async fn seal(folder: &Path, namespace: &str, words: &str) -> ProgramOutput {
    let kubeconfig = plane().await.kubeconfig(ADMIN).await.unwrap();
    let program = Program::new(binary().await)
        .args(words.split(' '))
        .env("KUBECONFIG", &kubeconfig)
        .env("SEAL_CONTROLLER_NAMESPACE", namespace)
        .env("SEAL_CACHE_DIR", folder.join("cache"))
        .deadline(SOON)
        .current_dir(folder);
    tokio::task::spawn_blocking(|| program.run())
        .await
        .unwrap()
        .unwrap()
}

#[track_caller]
fn done(output: &ProgramOutput) -> String {
    assert_eq!(output.code, 0, "{}", output.err());
    format!("{}{}", output.out(), output.err())
}

#[track_caller]
fn refused(output: &ProgramOutput, code: i32, why: &str) {
    assert_eq!(
        (output.code, output.err().contains(why)),
        (code, true),
        "{}",
        output.err()
    );
}

#[tokio::test]
async fn keys_are_renewed_named_and_retired_and_the_list_shows_it() {
    let namespace = "commands";
    let folder = tempfile::tempdir().unwrap();
    let controller = Controller::start(namespace, NO_RENEWAL).await.unwrap();
    let place = place_of(&controller).await;
    place.create(&place.object("db", &[("foo", "bar")])).await;
    place.synced("db").await;
    let first = controller.certificate().await.fingerprint().to_string();
    let run = async |words: &str| seal(folder.path(), namespace, words).await;
    let said = done(&run("keys renew").await);
    let second = controller.certificate().await.fingerprint().to_string();
    assert_ne!(first, second);
    assert!(
        said.contains(&format!("{second} was made and seals from now on")),
        "{said}"
    );
    refused(
        &run(&format!("keys retire {first}")).await,
        5,
        "may be needed by 1 SealedSecret: commands/db",
    );
    let listed = done(&run("keys ls --output json").await);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let row = |fingerprint: &str| {
        let rows = listed.as_array().unwrap();
        rows.iter()
            .find(|row| row["fingerprint"] == fingerprint)
            .unwrap()
            .clone()
    };
    assert_eq!(
        (&row(&first)["state"], &row(&first)["objects"]),
        (&json!("active"), &json!(1))
    );
    assert_eq!(
        (&row(&second)["state"], &row(&second)["objects"]),
        (&json!("primary"), &json!(0))
    );
    assert_eq!(row(&first)["backedUp"], json!(false));

    done(&run(&format!("keys primary {first}")).await);
    assert_eq!(controller.certificate().await.fingerprint().to_string(), first);
    refused(
        &run(&format!("keys retire {first} --compromised")).await,
        5,
        "is the key that is named to seal",
    );
    done(&run(&format!("keys primary {second}")).await);
    done(&run("keys primary --release").await);
    done(&run(&format!("keys retire {first} --compromised")).await);
    let listed = done(&run("keys ls").await);
    let line = listed.lines().find(|line| line.starts_with(&first)).unwrap();
    assert!(line.contains(" compromised "), "{listed}");
    let nobody = first.replace(&first[7..12], "AAAAA");
    refused(&run(&format!("keys retire {nobody}")).await, 5, "there is no key");
    refused(
        &run(&format!("keys primary {nobody}")).await,
        5,
        "there is no key",
    );
    let ring = told(namespace, |_| true).await;
    assert_eq!(ring.keys.iter().filter(|key| key.retired).count(), 1);

    // Behind a complaint about something else a refusal is found all the same, and taken back.
    ask(namespace, json!({"primary": nobody})).await;
    let output = run(&format!("keys retire {second}")).await;
    refused(&output, 5, "make another key primary first");
    refused(&output, 5, "take it back: kubectl patch");
    let rings: kube::Api<seal_api::SealingKeyRing> = kube::Api::namespaced(admin().await, namespace);
    let asked = rings.get("seal").await.unwrap().spec.retire;
    assert!(
        asked.iter().all(|retire| retire.fingerprint != second),
        "{asked:?}"
    );
    let output = seal(folder.path(), "nowhere", "keys renew").await;
    refused(&output, 7, "in namespace nowhere: 404");
}

#[tokio::test]
async fn the_controllers_backup_is_restored_whole_also_after_a_kill_and_makes_nothing_primary() {
    let namespace = "restoring";
    let (folder, recipient) = identity();
    let backup_to = format!("--backup-recipients={recipient}");
    let flags = [NO_RENEWAL, &[&backup_to]].concat();
    let controller = Controller::start(namespace, &flags).await.unwrap();
    let before = controller.certificate().await;
    ask(namespace, json!({"renew": "now"})).await;
    told(namespace, |status| {
        status.keys.len() == 2 && status.keys.iter().all(|key| key.backed_up)
    })
    .await;
    let run = async |words: &str| seal(folder.path(), namespace, words).await;
    let shown = done(&run("keys restore --from-cluster -I id.txt").await);
    assert!(
        shown.contains(&before.fingerprint().to_string()) && shown.contains("nothing is written"),
        "{shown}"
    );

    // The namespace loses its keys while nobody is there.
    controller.process.kill();
    let map = maps(namespace).await.get("seal-key-backup").await.unwrap();
    std::fs::write(
        folder.path().join("map.json"),
        serde_json::to_vec(&json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": map.data,
        }))
        .unwrap(),
    )
    .unwrap();
    let standing = keys(namespace).await;
    let place = kube::Api::<k8s_openapi::api::core::v1::Secret>::namespaced(admin().await, namespace);
    for key in &standing {
        place
            .delete(key.metadata.name.as_ref().unwrap(), &DeleteParams::default())
            .await
            .unwrap();
    }
    // Killed when the first is there and the second on its way.
    let proxy = FaultProxy::start(plane().await).await.unwrap();
    let gate = Gate::default();
    let path = format!("/api/v1/namespaces/{namespace}/secrets");
    proxy.inject(Rule::on("create", &path, Fault::Hold(gate.clone())).from_nth(2));
    let words = ["keys", "restore", "map.json", "-I", "id.txt", "--apply"];
    let words = words.map(|word| match word {
        "map.json" | "id.txt" => folder.path().join(word).display().to_string(),
        word => word.to_owned(),
    });
    let kubeconfig = proxy.kubeconfig(ADMIN).await.unwrap().display().to_string();
    let environment = [
        ("KUBECONFIG", kubeconfig),
        ("SEAL_CONTROLLER_NAMESPACE", namespace.to_owned()),
    ];
    let process = Process::start_in(plane().await, &binary().await, words, environment).unwrap();
    gate.is_holding().await;
    process.kill();
    assert_eq!(keys(namespace).await.len(), 1);
    let again = done(&run("keys restore map.json -I id.txt --apply").await);
    assert!(
        again.contains("stands already") && again.contains("created"),
        "{again}"
    );
    let names = |keys: &[k8s_openapi::api::core::v1::Secret]| {
        let mut names: Vec<_> = keys
            .iter()
            .map(|key| (key.metadata.name.clone(), key.data.clone()))
            .collect();
        names.sort_by(|one, other| one.0.cmp(&other.0));
        names
    };
    assert_eq!(names(&keys(namespace).await), names(&standing));

    // Elsewhere they open, and the key there goes on to seal.
    let elsewhere = "restored-to";
    let other = Controller::start(elsewhere, NO_RENEWAL).await.unwrap();
    let served = other.certificate().await;
    done(
        &run(&format!(
            "keys restore map.json -I id.txt --apply --into {elsewhere}"
        ))
        .await,
    );
    let metrics = wait_for("the keys to be taken in", SOON, async || {
        let metrics = other.metrics().await;
        Ok((metrics.matches("key_not_after_seconds{").count() == 3).then_some(metrics))
    });
    assert!(metrics.await.unwrap().contains(&before.fingerprint().to_string()));
    assert_eq!(other.certificate().await.pem(), served.pem());
}

#[tokio::test]
async fn a_pinned_key_is_followed_to_its_signed_successor_and_to_no_other() {
    let namespace = "pinning";
    let folder = tempfile::tempdir().unwrap();
    let controller = Controller::start(namespace, NO_RENEWAL).await.unwrap();
    let first = controller.certificate().await.fingerprint();
    ask(namespace, json!({"renew": "now"})).await;
    told(namespace, |status| status.keys.len() == 2).await;
    let second = controller.certificate().await;
    // Nothing serves HTTP behind a Service here: the ConfigMap is what there is, and a pin vouches for it.
    let pinned = format!("cert fetch --refresh --pin {first}");
    let run = async |words: &str| seal(folder.path(), namespace, words).await;
    assert_eq!(done(&run(&pinned).await).trim(), second.pem().trim());
    refused(&run("cert fetch --refresh").await, 7, "");
    // Somebody else's certificate, written while the controller is not there to heal it.
    controller.process.kill();
    let (_, other) = super::ground::sealing_key("2024-01-01T00:00:00Z");
    let swapped = Patch::Merge(json!({"data": {"certificate.pem": other.pem()}}));
    maps(namespace)
        .await
        .patch("seal-certificates", &PatchParams::default(), &swapped)
        .await
        .unwrap();
    let output = run(&pinned).await;
    refused(&output, 5, &first.to_string());
    refused(&output, 5, &other.fingerprint().to_string());
}

/// `seal keys retire` on its way: what it asks for stands in the object.
async fn retiring(kubeconfig: &Path, namespace: &str, name: &str) -> Process {
    let environment = [
        ("KUBECONFIG", kubeconfig.display().to_string()),
        ("SEAL_CONTROLLER_NAMESPACE", namespace.to_owned()),
    ];
    let words = ["keys", "retire", name];
    let process = Process::start_in(plane().await, &binary().await, words, environment).unwrap();
    wait_for("the demand", SOON, async || {
        Ok(process.log().contains("asked for").then_some(()))
    })
    .await
    .unwrap();
    process
}

async fn ended(process: &Process) -> String {
    let code = wait_for("the command to end", SOON, async || process.exit_code());
    assert_eq!(code.await.unwrap(), 130, "{}", process.log());
    process.log()
}

async fn to_retire(namespace: &str) -> Vec<String> {
    let rings: kube::Api<seal_api::SealingKeyRing> = kube::Api::namespaced(admin().await, namespace);
    let retire = rings.get("seal").await.unwrap().spec.retire;
    retire.into_iter().map(|retire| retire.fingerprint).collect()
}

async fn taken_back(namespace: &str) {
    wait_for("the demand to be gone", SOON, async || {
        Ok(to_retire(namespace).await.is_empty().then_some(()))
    })
    .await
    .unwrap();
}

/// How many keys are labelled so.
async fn labelled(namespace: &str, state: &str) -> usize {
    let is = |key: &k8s_openapi::api::core::v1::Secret| {
        let labels = key.metadata.labels.as_ref().unwrap();
        labels[seal_api::annotations::KEY_LABEL] == state
    };
    keys(namespace).await.iter().filter(|key| is(key)).count()
}

#[tokio::test]
async fn an_interrupted_retirement_is_taken_back() {
    let namespace = "retire-interrupted";
    let controller = Controller::start(namespace, NO_RENEWAL).await.unwrap();
    let first = controller.certificate().await.fingerprint().to_string();
    ask(namespace, json!({"renew": "now"})).await;
    told(namespace, |status| status.keys.len() == 2).await;
    // Somebody else writes the object at the very moment when it is taken back.
    let proxy = FaultProxy::start(plane().await).await.unwrap();
    let path = format!("/apis/sealops.dev/v1alpha1/namespaces/{namespace}/sealingkeyrings/seal");
    proxy.inject(Rule::on("patch", &path, Fault::Conflict).from_nth(2).times(1));
    let kubeconfig = proxy.kubeconfig(ADMIN).await.unwrap();

    controller.process.pause().await.unwrap();
    let command = retiring(&kubeconfig, namespace, &first).await;
    assert_eq!(to_retire(namespace).await, std::slice::from_ref(&first));
    command.interrupt().unwrap();
    taken_back(namespace).await;
    controller.process.resume().unwrap();
    let said = ended(&command).await;
    assert!(
        said.contains(&format!(
            "interrupted: it was taken back, and {first} is not retired"
        )),
        "{said}"
    );
    told(namespace, |_| true).await;
    assert_eq!(labelled(namespace, "active").await, 2);

    // Where nobody is there to tell, nothing is claimed.
    controller.process.kill();
    let command = retiring(&kubeconfig, namespace, &first).await;
    command.interrupt().unwrap();
    let said = ended(&command).await;
    assert!(said.contains("the controller does not tell"), "{said}");
    assert_eq!(to_retire(namespace).await, [""; 0]);
}

#[tokio::test]
async fn an_interruption_that_comes_too_late_is_told_so() {
    let namespace = "retire-too-late";
    let proxy = FaultProxy::start(plane().await).await.unwrap();
    let controller = Controller::behind(&proxy, namespace, NO_RENEWAL).await.unwrap();
    let first = controller.certificate().await.fingerprint().to_string();
    ask(namespace, json!({"renew": "now"})).await;
    told(namespace, |status| status.keys.len() == 2).await;
    // It has done it, and has not told yet.
    let gate = Gate::default();
    let path = format!("/apis/sealops.dev/v1alpha1/namespaces/{namespace}/sealingkeyrings/seal/status");
    proxy.inject(Rule::on("patch", &path, Fault::Hold(gate.clone())).times(1));
    let kubeconfig = plane().await.kubeconfig(ADMIN).await.unwrap();
    let command = retiring(&kubeconfig, namespace, &first).await;
    gate.is_holding().await;
    command.interrupt().unwrap();
    taken_back(namespace).await;
    gate.open();
    let said = ended(&command).await;
    assert!(
        said.contains(&format!("interrupted too late: {first} is retired already")),
        "{said}"
    );
    assert_eq!(labelled(namespace, "retired").await, 1);
}
