//! What the chart's role lets the controller do with generators and ClusterExternalSecrets: enough, and no verb more.

use std::collections::BTreeSet;

use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use seal_api::external_secrets::{ClusterExternalSecret, ExternalSecret, names};
use seal_testbed::{ADMIN, ControlPlane, Program, tool, wait_for};
use serde::Deserialize;
use serde_json::{Value, json};

use super::ground::{SOON, apply_definitions, launch_as, root};

const ACCOUNT: &str = "system:serviceaccount:seal:seal";

fn rights(settings: &[&str]) -> Vec<Value> {
    let settings = settings.iter().flat_map(|setting| ["--set", setting]);
    let helm = Program::new(tool("helm").unwrap().to_str().unwrap())
        .args(["template", "seal", "deploy/helm/seal", "--namespace", "seal"])
        .args([
            "--set",
            "fullnameOverride=seal",
            "--set",
            "externalSecrets.enabled=true",
        ])
        .args(settings.collect::<Vec<_>>())
        .current_dir(&root());
    let rendered = helm.run().unwrap();
    assert_eq!(rendered.code, 0, "{}", rendered.err());
    let text = rendered.out();
    let documents =
        serde_yaml::Deserializer::from_str(&text).map(|document| Value::deserialize(document).unwrap());
    let rights = ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"];
    documents
        .filter(|document| rights.iter().any(|kind| document["kind"] == *kind))
        .collect()
}

// Of what concerns this page: group, resource and verb.
fn granted(rights: &[Value]) -> BTreeSet<(String, String, String)> {
    let mut all = BTreeSet::new();
    let texts = |value: &Value| -> Vec<String> { serde_json::from_value(value.clone()).unwrap() };
    let roles = rights
        .iter()
        .filter(|role| role["metadata"]["name"] == "seal-unsealer");
    for rule in roles.flat_map(|role| role["rules"].as_array().into_iter().flatten()) {
        for group in texts(&rule["apiGroups"]) {
            for resource in texts(&rule["resources"]) {
                for verb in texts(&rule["verbs"]) {
                    all.insert((group.clone(), resource.clone(), verb));
                }
            }
        }
    }
    all.retain(|(group, resource, verb)| ours(group, resource, verb));
    all
}

fn ours(group: &str, resource: &str, verb: &str) -> bool {
    let children = resource == "externalsecrets" && ["create", "update", "delete"].contains(&verb);
    let namespaces = resource == "namespaces" && verb != "get";
    group == names::GENERATORS_GROUP
        || resource.starts_with("clusterexternalsecrets")
        || children
        || namespaces
}

#[tokio::test]
async fn every_verb_is_used_and_none_is_missing() {
    let plane = ControlPlane::builder()
        .controller_manager()
        .start()
        .await
        .unwrap();
    apply_definitions(&plane).await.unwrap();
    plane.namespace("seal").await.unwrap();
    let rights = rights(&[]);
    let documents: Vec<String> = rights.iter().map(Value::to_string).collect();
    plane.apply(&documents.join("\n---\n")).await.unwrap();
    plane.rights_count().await.unwrap();
    let controller = launch_as(&plane, ACCOUNT, &[]).await.unwrap();

    let client = plane.client(ADMIN).await.unwrap();
    let children: Api<ExternalSecret> = Api::namespaced(client.clone(), "default");
    let objects: Api<ClusterExternalSecret> = Api::all(client.clone());
    let group = names::GENERATORS_API_VERSION;
    let kinds = ["Password", "UUID", "SSHKey", "Fake"].map(|kind| {
        let spec = if kind == "SSHKey" {
            json!({"keyType": "ed25519"})
        } else {
            json!({})
        };
        json!({"apiVersion": group, "kind": kind, "metadata": {"name": "g"}, "spec": spec})
    });
    let everybodys = json!({"apiVersion": group, "kind": names::CLUSTER_GENERATOR, "metadata": {"name": "g"},
        "spec": {"kind": "UUID", "generator": {"uuidSpec": {}}}});
    let sources: Vec<Value> = ["Password", "UUID", "SSHKey", "Fake", names::CLUSTER_GENERATOR]
        .map(|kind| json!({"sourceRef": {"generatorRef": {"kind": kind, "name": "g"}}}))
        .into();
    // The generators come later: each is asked for.
    let spread = json!({"apiVersion": names::API_VERSION, "kind": names::CLUSTER_EXTERNAL_SECRET,
        "metadata": {"name": "spread", "finalizers": [names::CLUSTER_EXTERNAL_SECRET_FINALIZER]},
        "spec": {"namespaces": ["default"], "externalSecretSpec": {"refreshInterval": "1s", "dataFrom": sources}}});
    plane.apply(&spread.to_string()).await.unwrap();
    let told = wait_for("the missing generators to be told", SOON, async || {
        let child = children.get_opt("spread").await?;
        Ok(child.filter(|child| child.status.is_some()).map(drop))
    });
    if let Err(error) = told.await {
        panic!("{error}; {}", controller.log());
    }
    for generator in kinds.iter().chain([&everybodys]) {
        plane.apply(&generator.to_string()).await.unwrap();
    }
    let secrets: Api<k8s_openapi::api::core::v1::Secret> = Api::namespaced(client, "default");
    let made = wait_for("the Secret", SOON, async || Ok(secrets.get_opt("spread").await?));
    if let Err(error) = made.await {
        panic!("{error}; {}", controller.log());
    }
    let patch = Patch::Merge(json!({"spec": {"externalSecretMetadata": {"labels": {"a": "b"}}}}));
    objects
        .patch("spread", &PatchParams::default(), &patch)
        .await
        .unwrap();
    let labelled = wait_for("the label", SOON, async || {
        let child = children.get("spread").await?;
        Ok(child.metadata.labels.map(drop))
    });
    labelled.await.unwrap();
    let patch = Patch::Merge(json!({"spec": {"namespaces": []}}));
    objects
        .patch("spread", &PatchParams::default(), &patch)
        .await
        .unwrap();
    let gone = wait_for("it to go", SOON, async || {
        Ok(children.get_opt("spread").await?.is_none().then_some(()))
    });
    gone.await.unwrap();
    objects.delete("spread", &DeleteParams::default()).await.unwrap();
    let gone = wait_for("it to go", SOON, async || {
        Ok(objects.get_opt("spread").await?.is_none().then_some(()))
    });
    gone.await.unwrap();

    let calls = plane.audit().all().await.unwrap().user(ACCOUNT);
    let used: BTreeSet<_> = calls
        .calls
        .iter()
        .map(|call| {
            let resource = match call.subresource.as_str() {
                "" => call.resource.clone(),
                part => format!("{}/{part}", call.resource),
            };
            (call.group.clone(), resource, call.verb.clone())
        })
        .filter(|(group, resource, verb)| ours(group, resource, verb))
        .collect();
    assert_eq!(used, granted(&rights));
    let refused = calls.code(403);
    assert!(refused.is_empty(), "{refused}");
}

#[test]
fn what_is_switched_off_or_has_no_place_is_not_granted() {
    let of_generators = |rights: &[Value]| {
        granted(rights)
            .into_iter()
            .all(|(group, _, _)| group == names::GENERATORS_GROUP)
    };
    assert!(!of_generators(&rights(&[])));
    assert!(of_generators(&rights(&[
        "externalSecrets.clusterExternalSecrets=false"
    ])));
    assert!(of_generators(&rights(&["rbac.namespacedRoles=true"])));
}
