//! What the chart's ClusterRole gives for ExternalSecrets, against the API server's own log, both ways: nothing that
//! the controller asks for is refused, and nothing that it is given goes unused.

use std::collections::BTreeSet;
use std::path::Path;

use kube::api::DeleteParams;
use seal_testbed::{AuditLog, ControlPlane, Process, Program, tool, wait_for};
use serde::Deserialize;
use serde_json::{Value, json};

use super::ground::{SOON, built, place_on, start};
use super::roles::{Right, is_for_generators, right, rights};

const ACCOUNT: &str = "system:serviceaccount:seal:seal";
const NAME: &str = "granted";

fn chart(settings: &[&str]) -> Vec<Value> {
    let mut helm = Program::new(tool("helm").unwrap())
        .args(["template", "seal", "--namespace", "seal"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/helm/seal"));
    for setting in settings {
        helm = helm.args(["--set", setting]);
    }
    let rendered = helm.run().unwrap().success().unwrap().out();
    serde_yaml::Deserializer::from_str(&rendered)
        .map(|document| Value::deserialize(document).unwrap())
        .filter(|object| !object.is_null())
        .collect()
}

async fn calls(plane: &ControlPlane) -> anyhow::Result<AuditLog> {
    Ok(plane.audit().all().await?.user(ACCOUNT))
}

/// A controller as the chart runs it, but for its ports and that the store is on this machine.
async fn installed(plane: &ControlPlane, objects: &[Value]) -> Process {
    for object in objects {
        let kind = object["kind"].as_str().unwrap();
        if [
            "ServiceAccount",
            "ClusterRole",
            "ClusterRoleBinding",
            "Role",
            "RoleBinding",
        ]
        .contains(&kind)
        {
            plane.apply(&object.to_string()).await.unwrap();
        }
    }
    plane.rights_count().await.unwrap();
    let deployment = objects.iter().find(|object| object["kind"] == "Deployment");
    let flags = deployment.unwrap()["spec"]["template"]["spec"]["containers"][0]["args"].clone();
    let flags: Vec<String> = serde_json::from_value(flags).unwrap();
    let flags = flags.into_iter().filter(|flag| !flag.starts_with("--listen-"));
    let own = [
        "--listen-addr=127.0.0.1:0",
        "--listen-metrics-addr=127.0.0.1:0",
        "--key-size=2048",
        "--stores-on-loopback",
    ];
    let environment = [
        (
            "KUBECONFIG",
            plane.kubeconfig(ACCOUNT).await.unwrap().display().to_string(),
        ),
        ("POD_NAMESPACE", "seal".to_owned()),
    ];
    let binary = built("seal-controller", "seal-controller").unwrap();
    Process::start_in(plane, &binary, flags.chain(own.map(str::to_owned)), environment).unwrap()
}

#[tokio::test]
async fn every_right_for_external_secrets_is_used_and_every_call_is_granted() {
    let mut ground = start().await.unwrap();
    ground.controller.terminate(SOON).await.unwrap();
    let objects = chart(&["externalSecrets.enabled=true"]);
    ground.controller = installed(&ground.plane, &objects).await;
    let place = place_on(&ground, NAME).await;
    let namespace =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAME, "labels": {"team": "a"}}});
    let texts = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "texts", "namespace": NAME}, "data": {"b": "{{ .a }}!"}});
    let account =
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "app", "namespace": NAME}});
    for object in [namespace, texts, account] {
        ground.plane.apply(&object.to_string()).await.unwrap();
    }
    let path = format!("{NAME}/app");
    let write = async |value: &str| {
        let value = json!({"a": value});
        ground.store.write("secret", &path, &value).await.unwrap();
    };
    write("one").await;
    let data = json!([{"secretKey": "a", "remoteRef": {"key": path, "property": "a"}}]);

    // A store of the cluster for the namespaces with a label, and a text from a ConfigMap.
    let spec = json!({"conditions": [{"namespaceSelector": {"matchLabels": {"team": "a"}}}], "provider": {"vault": {
        "server": ground.store.url(), "path": "secret",
        "auth": {"tokenSecretRef": {"name": "vault-token", "key": "token", "namespace": NAME}}}}});
    place.create("ClusterSecretStore", "wide", spec).await;
    let wide = json!({"name": "wide", "kind": "ClusterSecretStore"});
    let from = json!({"templateFrom": [{"configMap": {"name": "texts", "items": [{"key": "b"}]}}]});
    let object = json!({"secretStoreRef": wide, "target": {"template": from}, "data": data});
    place.external("wide", object).await;
    place.holds("wide", "b", "one!").await;

    // A token for a store, which nobody has told of this method; and what upstream's controller left on an object.
    let by_token = json!({"provider": {"vault": {"server": ground.store.url(), "path": "secret",
        "auth": {"kubernetes": {"mountPath": "kubernetes", "role": "app", "serviceAccountRef": {"name": "app"}}}}}});
    place.create("SecretStore", "by-token", by_token).await;
    place
        .external(
            "by-token",
            json!({"secretStoreRef": {"name": "by-token"}, "data": data}),
        )
        .await;
    place.ready("by-token", "False").await;
    let finalizer = "externalsecrets.external-secrets.io/externalsecret-cleanup";
    place
        .patch(
            "ExternalSecret",
            "by-token",
            json!({"metadata": {"finalizers": [finalizer]}}),
        )
        .await;
    place
        .objects()
        .delete("by-token", &DeleteParams::default())
        .await
        .unwrap();

    // A value that goes, and its Secret with it.
    let gone = json!({"refreshInterval": "1s", "target": {"deletionPolicy": "Delete"}, "data": data});
    place.external("gone", gone).await;
    place.holds("gone", "a", "one").await;
    write("two").await;
    place.holds("gone", "a", "two").await;
    let metadata = format!("secret/metadata/{path}");
    ground.store.call("DELETE", &metadata, &json!({})).await.unwrap();
    place.reason("gone", "SecretDeleted").await;

    let given = rights(&objects);
    let before = rights(&chart(&[]));
    let all_used = wait_for("every right to be used", SOON, async || {
        let used: BTreeSet<Right> = calls(&ground.plane).await?.calls.iter().map(right).collect();
        let more = given.difference(&before);
        let idle: Vec<&Right> = more
            .filter(|right| !used.contains(*right) && !is_for_generators(right))
            .collect();
        anyhow::ensure!(idle.is_empty(), "granted and not used: {idle:?}");
        Ok(Some(used))
    });
    let used = all_used.await.unwrap();
    let calls = calls(&ground.plane).await.unwrap();
    let refused = calls.code(403);
    assert!(refused.is_empty(), "{refused}");
    let beyond: Vec<&Right> = used
        .difference(&given)
        .filter(|(_, resource, _)| !resource.is_empty())
        .collect();
    assert!(beyond.is_empty(), "used and not granted by the chart: {beyond:?}");
}
