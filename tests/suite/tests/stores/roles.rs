//! What the chart gives where some namespaces are named: Roles, and no right on the cluster. Both ways: nothing that the
//! controller asks for is refused, and nothing that it is given for ExternalSecrets goes unused.

use std::collections::BTreeSet;

use kube::api::DeleteParams;
use seal_testbed::{AuditCall, AuditLog, OpenBao, Process, Program, tool, wait_for};
use serde::Deserialize;
use serde_json::{Value, json};

use super::ground::{Ground, SOON, bare, binary, place_on, root};

/// Group, resource and verb.
pub(super) type Right = (String, String, String);

const HOME: &str = "roles";
const NAMED: &str = "roles-named";
const OTHER: &str = "roles-other";

/// What the chart renders to for that controller, with these settings besides.
fn chart(more: &[&str]) -> Vec<Value> {
    let named = format!("additionalNamespaces={{{NAMED}}}");
    let settings = ["fullnameOverride=seal", "rbac.namespacedRoles=true", &named];
    let mut helm = Program::new(tool("helm").unwrap())
        .args(["template", "seal", "--namespace", HOME])
        .arg(root().join("deploy/helm/seal"));
    for setting in settings.iter().chain(more) {
        helm = helm.args(["--set", setting]);
    }
    let rendered = helm.run().unwrap().success().unwrap().out();
    serde_yaml::Deserializer::from_str(&rendered)
        .map(|document| Value::deserialize(document).unwrap())
        .filter(|object| !object.is_null())
        .collect()
}

/// All that the roles among these objects give.
pub(super) fn rights(objects: &[Value]) -> BTreeSet<Right> {
    let texts = |value: &Value| -> Vec<String> {
        let all = value.as_array().into_iter().flatten();
        all.map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let rules = objects.iter().flat_map(|object| object["rules"].as_array());
    let mut all = BTreeSet::new();
    for rule in rules.flatten() {
        for group in texts(&rule["apiGroups"]) {
            for resource in texts(&rule["resources"]) {
                let verbs = texts(&rule["verbs"]).into_iter();
                all.extend(verbs.map(|verb| (group.clone(), resource.clone(), verb)));
            }
        }
    }
    all
}

/// What a call takes.
/// Whether it is for generators or ClusterExternalSecrets, which `generator_roles` is about.
pub(super) fn is_for_generators((group, resource, verb): &Right) -> bool {
    let spreads = resource.starts_with("clusterexternalsecrets")
        || (resource == "externalsecrets" && ["create", "update", "delete"].contains(&verb.as_str()));
    group == "generators.external-secrets.io" || (group == "external-secrets.io" && spreads)
}

pub(super) fn right(call: &AuditCall) -> Right {
    let resource = match call.subresource.as_str() {
        "" => call.resource.clone(),
        part => format!("{}/{part}", call.resource),
    };
    (call.group.clone(), resource, call.verb.clone())
}

/// A controller with the chart's rights and flags; its ports are its own, and the store is on this machine.
async fn installed() -> Ground {
    let plane = bare().await.unwrap();
    for namespace in [HOME, NAMED, OTHER] {
        plane.namespace(namespace).await.unwrap();
    }
    let objects = chart(&["externalSecrets.enabled=true"]);
    for object in &objects {
        let kind = object["kind"].as_str().unwrap();
        assert!(!kind.starts_with("Cluster"), "{object}");
        if ["Role", "RoleBinding", "ServiceAccount"].contains(&kind) {
            plane.apply(&object.to_string()).await.unwrap();
        }
    }
    plane.rights_count().await.unwrap();
    let pod = objects.iter().find(|object| object["kind"] == "Deployment");
    let given = pod.unwrap()["spec"]["template"]["spec"]["containers"][0]["args"].clone();
    let given: Vec<String> = serde_json::from_value(given).unwrap();
    let flags = given.into_iter().filter(|flag| !flag.starts_with("--listen-"));
    let own = ["--listen-addr=127.0.0.1:0", "--listen-metrics-addr=127.0.0.1:0"];
    let own = own.into_iter().chain(["--key-size=2048", "--stores-on-loopback"]);
    let kubeconfig = plane.kubeconfig(&account()).await.unwrap();
    let environment = [
        ("KUBECONFIG", kubeconfig.display().to_string()),
        ("POD_NAMESPACE", HOME.to_owned()),
    ];
    let flags = flags.chain(own.map(str::to_owned));
    let controller = Process::start_in(&plane, &binary().unwrap(), flags, environment).unwrap();
    Ground {
        plane,
        store: OpenBao::start().await.unwrap(),
        controller,
    }
}

fn account() -> String {
    format!("system:serviceaccount:{HOME}:seal")
}

async fn calls(ground: &Ground) -> AuditLog {
    ground.plane.audit().all().await.unwrap().user(&account())
}

#[tokio::test]
async fn external_secrets_need_no_right_on_the_cluster_where_their_namespaces_are_named() {
    let ground = installed().await;
    let other = place_on(&ground, OTHER).await;
    let place = place_on(&ground, NAMED).await;
    for path in ["app", "gone"] {
        let path = format!("{NAMED}/{path}");
        ground
            .store
            .write("secret", &path, &json!({"a": "one"}))
            .await
            .unwrap();
    }
    let data = |path: &str| json!([{"secretKey": "a", "remoteRef": {"key": format!("{NAMED}/{path}"), "property": "a"}}]);
    // Nobody looks here.
    other.external("app", json!({"data": data("app")})).await;

    // A text of a template, a token for a store, and what upstream's controller left on an object.
    let text = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "texts", "namespace": NAMED},
        "data": {"b": "{{ .a }}!"}});
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "app", "namespace": NAMED}});
    for object in [text, account] {
        ground.plane.apply(&object.to_string()).await.unwrap();
    }
    let from = json!({"templateFrom": [{"configMap": {"name": "texts", "items": [{"key": "b"}]}}]});
    place
        .external("app", json!({"target": {"template": from}, "data": data("app")}))
        .await;
    place.holds("app", "b", "one!").await;
    let kubernetes = json!({"provider": {"vault": {"server": ground.store.url(), "path": "secret",
        "auth": {"kubernetes": {"mountPath": "kubernetes", "role": "app", "serviceAccountRef": {"name": "app"}}}}}});
    place.create("SecretStore", "by-token", kubernetes).await;
    let by_token = json!({"secretStoreRef": {"name": "by-token"}, "data": data("app")});
    place.external("by-token", by_token).await;
    // Nobody has told the store of this method, but the token was minted.
    place.ready("by-token", "False").await;
    let finalizer = "externalsecrets.external-secrets.io/externalsecret-cleanup";
    let finalizers = json!({"metadata": {"finalizers": [finalizer]}});
    place.patch("ExternalSecret", "by-token", finalizers).await;
    let gone = DeleteParams::default();
    place.objects().delete("by-token", &gone).await.unwrap();
    wait_for("the object to go", SOON, async || {
        Ok(place.objects().get_opt("by-token").await?.is_none().then_some(()))
    })
    .await
    .unwrap();

    // A value that changes, and one that goes with its Secret.
    let spec = json!({"refreshInterval": "1s", "target": {"deletionPolicy": "Delete"}, "data": data("gone")});
    place.external("gone", spec).await;
    place.holds("gone", "a", "one").await;
    let path = format!("{NAMED}/gone");
    ground
        .store
        .write("secret", &path, &json!({"a": "two"}))
        .await
        .unwrap();
    place.holds("gone", "a", "two").await;
    let metadata = format!("secret/metadata/{path}");
    ground.store.call("DELETE", &metadata, &json!({})).await.unwrap();
    place.reason("gone", "SecretDeleted").await;
    assert!(place.secrets().get_opt("gone").await.unwrap().is_none());

    // What belongs to the cluster is out of its sight, and it says so.
    let spec = json!({"provider": {"fake": {"data": []}}});
    place.create("ClusterSecretStore", "wide", spec).await;
    let wide = json!({"secretStoreRef": {"name": "wide", "kind": "ClusterSecretStore"}, "data": data("app")});
    place.external("wide", wide).await;
    let (_, message) = place.ready("wide", "False").await;
    assert!(
        message.contains("ClusterSecretStore \"wide\" is out of sight"),
        "{message}"
    );

    // Events are counted with a PATCH.
    let counted = wait_for("every right to be used", SOON, async || {
        let used: BTreeSet<Right> = calls(&ground).await.calls.iter().map(right).collect();
        let with = rights(&chart(&["externalSecrets.enabled=true"]));
        let without = rights(&chart(&[]));
        let unused: Vec<&Right> = with
            .difference(&without)
            .filter(|right| !used.contains(*right) && !is_for_generators(right))
            .collect();
        anyhow::ensure!(unused.is_empty(), "granted and not used: {unused:?}");
        Ok(Some(()))
    });
    counted.await.unwrap();
    let all = calls(&ground).await;
    let refused = all.clone().code(403);
    assert!(refused.is_empty(), "{refused}");
    let elsewhere = all.only(|call| !["", HOME, NAMED].contains(&call.namespace.as_str()));
    assert!(elsewhere.is_empty(), "{elsewhere}");
    assert!(other.secrets().get_opt("app").await.unwrap().is_none());
    assert!(other.objects().get("app").await.unwrap().status.is_none());
}
