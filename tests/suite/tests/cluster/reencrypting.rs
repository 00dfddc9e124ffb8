//! Requests to reencrypt: `seal reencrypt` with nothing but the right to ask, what an answer is bound to, and
//! that requests do not stay.

use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use seal_api::annotations;
use seal_api::reencryption::{DONE, FAILED};
use seal_api::{Reencryption, ReencryptionSpec, ReencryptionStatus};
use seal_core::Scope;
use seal_engine::sealed_secret::request::input_digest;
use seal_testbed::{Program, ProgramOutput, wait_for};
use serde_json::json;

use super::ground::{Controller, Place, SOON, admin, built, place_of, plane};
use super::key_ring::{ask, told};

const NO_RENEWAL: &[&str] = &["--all-namespaces=false", "--key-renew-period=0"];

fn requests(place: &Place) -> Api<Reencryption> {
    Api::namespaced(place.client.clone(), &place.namespace)
}

fn asked(place: &Place, name: &str, scope: Scope, text: String) -> Reencryption {
    let mut request = Reencryption::new(
        &format!("{name}-{scope}"),
        ReencryptionSpec {
            name: name.to_owned(),
            scope: scope.to_string(),
            entries: [("foo".to_owned(), text)].into(),
        },
    );
    request.metadata.namespace = Some(place.namespace.clone());
    request.metadata.labels = place.object(name, &[]).metadata.labels;
    request
}

async fn create(place: &Place, request: &Reencryption) -> String {
    let made = requests(place)
        .create(&PostParams::default(), request)
        .await
        .unwrap();
    made.metadata.name.unwrap()
}

async fn answer(place: &Place, name: &str) -> ReencryptionStatus {
    wait_for("an answer", SOON, async || {
        Ok(requests(place).get(name).await?.status)
    })
    .await
    .unwrap()
}

async fn gone(place: &Place, name: &str) {
    wait_for("the request to go", SOON, async || {
        let standing = requests(place).get_opt(name).await?;
        Ok(standing.is_none().then_some(()))
    })
    .await
    .unwrap();
}

/// One request from its creation until the controller takes it away.
pub(crate) async fn use_all(place: &Place) {
    let text = place.sealed("db", Scope::Strict, b"bar");
    let name = create(place, &asked(place, "db", Scope::Strict, text)).await;
    assert_eq!(answer(place, &name).await.state, DONE);
    // As if it had been answered long ago.
    let past = json!({"status": {"answered": "2000-01-01T00:00:00Z"}});
    let all = requests(place);
    all.patch_status(&name, &PatchParams::default(), &Patch::Merge(past))
        .await
        .unwrap();
    gone(place, &name).await;
}

/// A user who may ask in that namespace, and nothing else.
async fn asker(namespace: &str) -> String {
    let user = format!("system:serviceaccount:{namespace}:asker");
    let role = Role {
        metadata: kube::core::ObjectMeta {
            name: Some("asker".to_owned()),
            ..Default::default()
        },
        rules: Some(vec![PolicyRule {
            api_groups: Some(vec!["sealops.dev".to_owned()]),
            resources: Some(vec!["reencryptions".to_owned()]),
            verbs: ["create", "get", "delete"].map(str::to_owned).to_vec(),
            ..PolicyRule::default()
        }]),
    };
    let binding = RoleBinding {
        metadata: role.metadata.clone(),
        role_ref: RoleRef {
            api_group: "rbac.authorization.k8s.io".to_owned(),
            kind: "Role".to_owned(),
            name: "asker".to_owned(),
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name: "asker".to_owned(),
            namespace: Some(namespace.to_owned()),
            api_group: None,
        }]),
    };
    let client = admin().await;
    let all: Api<Role> = Api::namespaced(client.clone(), namespace);
    all.create(&PostParams::default(), &role).await.unwrap();
    let all: Api<RoleBinding> = Api::namespaced(client, namespace);
    all.create(&PostParams::default(), &binding).await.unwrap();
    plane().await.rights_count().await.unwrap();
    user
}

/// `seal WORDS` in the folder, as that user.
pub(crate) async fn seal(folder: &tempfile::TempDir, user: &str, words: &str) -> ProgramOutput {
    let kubeconfig = plane().await.kubeconfig(user).await.unwrap();
    let binary = tokio::task::spawn_blocking(|| built("seal-cli", "seal"));
    let program = Program::new(binary.await.unwrap().unwrap())
        .args(words.split(' '))
        .env("KUBECONFIG", &kubeconfig)
        .deadline(SOON)
        .current_dir(folder.path());
    tokio::task::spawn_blocking(|| program.run())
        .await
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn files_come_under_the_newest_key_by_the_right_to_ask_alone_and_no_request_stays() {
    let namespace = "reencrypts";
    let controller = Controller::start(namespace, NO_RENEWAL).await.unwrap();
    let place = place_of(&controller).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("f.yaml");
    let mut text = "# ours\n".to_owned();
    for scope in Scope::ALL {
        let name = scope.as_str();
        let mut object = place.object(name, &[]);
        object.metadata.annotations =
            annotations::scope_annotation(scope).map(|mark| [(mark.to_owned(), "true".to_owned())].into());
        let sealed = place.sealed(name, scope, b"bar");
        object.spec.encrypted_data.insert("foo".to_owned(), Some(sealed));
        text.push_str(&format!("---\n{}", serde_yaml::to_string(&object).unwrap()));
    }
    std::fs::write(&file, &text).unwrap();
    let first = controller.certificate().await.fingerprint().to_string();
    ask(namespace, json!({"renew": "one"})).await;
    told(namespace, |status| status.renewed.as_deref() == Some("one")).await;
    let second = controller.certificate().await.fingerprint().to_string();

    let user = asker(namespace).await;
    let words = "reencrypt f.yaml --via request";
    let said = seal(&folder, &user, &format!("{words} --check --output json")).await;
    assert_eq!(said.code, 1, "{}", said.err());
    let report: serde_json::Value = serde_json::from_str(&said.out()).unwrap();
    assert_eq!(report["files"][0]["items"][0]["key"], json!(first));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);

    let said = seal(&folder, &user, &format!("{words} --annotate")).await;
    assert_eq!(said.code, 0, "{}", said.err());
    assert!(
        said.err().contains("1 file rewritten (3 of 3 entries)"),
        "{}",
        said.err()
    );
    let after = std::fs::read_to_string(&file).unwrap();
    assert_eq!(after.matches(&second).count(), 3, "{after}");
    assert!(after.starts_with("# ours\n---\n"));
    for document in after.split("---\n").skip(1) {
        place
            .create_json(&serde_yaml::from_str(document).unwrap())
            .await
            .unwrap();
    }
    for scope in Scope::ALL {
        place.synced(scope.as_str()).await;
    }
    // Nothing is left to do, and nothing of it is left on the cluster.
    let said = seal(&folder, &user, &format!("{words} --check")).await;
    assert_eq!(said.code, 0, "{}", said.err());
    assert_eq!(
        requests(&place)
            .list(&Default::default())
            .await
            .unwrap()
            .items
            .len(),
        0
    );

    // The same right tells what opens, and what does not: nobody sealed this for that name.
    let said = seal(&folder, &user, "check f.yaml --online").await;
    assert_eq!(said.code, 0, "{}{}", said.out(), said.err());
    std::fs::write(&file, after.replace("  name: strict", "  name: other")).unwrap();
    let said = seal(&folder, &user, "check f.yaml --online --output json").await;
    assert_eq!(said.code, 1, "{}", said.err());
    let report: serde_json::Value = serde_json::from_str(&said.out()).unwrap();
    let finding = &report["findings"][0];
    assert_eq!(finding["rule"], "does-not-open");
    assert_eq!(finding["field"], "spec.encryptedData.foo");
    assert_eq!(report["findings"].as_array().unwrap().len(), 1);

    // In another namespace he may not ask.
    std::fs::write(&file, after.replace(namespace, "default")).unwrap();
    let said = seal(&folder, &user, "check f.yaml --online").await;
    assert_eq!(said.code, 7, "{}", said.err());
    let said = seal(&folder, &user, words).await;
    assert_eq!(said.code, 7, "{}", said.err());
    assert!(
        said.err().contains("you may not ask for it in namespace default"),
        "{}",
        said.err()
    );
}

#[tokio::test]
async fn an_answer_is_bound_to_the_namespace_and_a_request_cannot_be_changed() {
    let namespace = "reencrypts-here";
    let controller = Controller::start(namespace, NO_RENEWAL).await.unwrap();
    let place = place_of(&controller).await;
    // What was sealed for elsewhere, or for a narrower label than is said, is not sealed anew.
    let elsewhere = place.sealed_for("elsewhere", "db", Scope::Strict, b"bar");
    let name = create(&place, &asked(&place, "db", Scope::Strict, elsewhere)).await;
    assert_eq!(answer(&place, &name).await.state, FAILED);
    let strict = place.sealed("db", Scope::Strict, b"bar");
    let request = asked(&place, "db", Scope::ClusterWide, strict);
    let name = create(&place, &request).await;
    assert_eq!(answer(&place, &name).await.state, FAILED);

    let other = json!({"spec": {"name": "other"}});
    let refused = requests(&place)
        .patch(&name, &PatchParams::default(), &Patch::Merge(other))
        .await;
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("a request cannot be changed")
    );

    // A status that somebody forged before the controller looked is about something else.
    requests(&place)
        .delete(&name, &DeleteParams::default())
        .await
        .unwrap();
    let forged = json!({"status": {"state": DONE, "answered": "2000-01-01T00:00:00Z", "input": "x"}});
    let name = create(
        &place,
        &asked(
            &place,
            "db",
            Scope::NamespaceWide,
            place.sealed("db", Scope::NamespaceWide, b"x"),
        ),
    )
    .await;
    let patched = requests(&place)
        .patch_status(&name, &PatchParams::default(), &Patch::Merge(forged))
        .await
        .unwrap();
    let input = input_digest(&patched.spec);
    wait_for("the controller's own answer", SOON, async || {
        let standing = requests(&place).get(&name).await?.status;
        Ok(standing
            .is_some_and(|status| status.input == input && status.state == DONE)
            .then_some(()))
    })
    .await
    .unwrap();
}
