//! The chart's role, both ways: nothing that the controller asks for is refused, and nothing that it
//! is given goes unused.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::ground::{Controller, account, chart, place, place_of, plane, value};

/// Group, resource and verb of every rule that the chart gives to the controller.
fn granted() -> BTreeSet<(String, String, String)> {
    let mut all = BTreeSet::new();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    for document in serde_yaml::Deserializer::from_str(&chart("seal", &[]).unwrap()) {
        let document = Value::deserialize(document).unwrap();
        // These are people's.
        if [
            "seal-service-proxier",
            "seal-key-administrator",
            "seal-reencrypter",
        ]
        .iter()
        .any(|name| document["metadata"]["name"] == *name)
        {
            continue;
        }
        for rule in document["rules"].as_array().into_iter().flatten() {
            assert!(rule.get("nonResourceURLs").is_none());
            for group in rule["apiGroups"].as_array().unwrap() {
                for resource in rule["resources"].as_array().unwrap() {
                    for verb in rule["verbs"].as_array().unwrap() {
                        all.insert((text(group), text(resource), text(verb)));
                    }
                }
            }
        }
    }
    all
}

#[tokio::test]
async fn every_granted_verb_is_used_and_every_call_is_granted() {
    let controller = Controller::start(
        "verbs",
        &["--additional-namespaces=verbs", "--key-renew-period=0"],
    )
    .await
    .unwrap();
    super::key_ring::use_all("verbs").await;
    let place = place_of(&controller).await;
    super::reencrypting::use_all(&place).await;
    let good = place.object("db", &[("foo", "bar")]);
    place.create(&good).await;
    place.synced("db").await;
    place
        .patch_object("db", json!({"spec": {"encryptedData": {"foo": "AAAA"}}}))
        .await;
    place.failed("db").await;
    place
        .patch_object("db", json!({"spec": {"encryptedData": good.spec.encrypted_data}}))
        .await;
    place.synced("db").await;
    place.patch_secret("db", json!({"data": {"foo": "eA=="}})).await;
    place
        .secret_that("db", |secret| value(secret, "foo").as_deref() == Some("bar"))
        .await;
    let counted = seal_testbed::wait_for("the event to be counted", super::ground::SOON, async || {
        let events = place.events("db").await;
        Ok(events.iter().any(|event| event.count == Some(2)).then_some(()))
    });
    counted.await.unwrap();
    // It lets go of its Lease, for which another replica has been waiting.
    let flags = ["--additional-namespaces=verbs", "--key-renew-period=0"];
    let standby = Controller::start("verbs", &flags).await.unwrap();
    controller.process.terminate(super::ground::SOON).await.unwrap();
    standby.process.terminate(super::ground::SOON).await.unwrap();
    let calls = plane().await.audit().all().await.unwrap().user(&account("verbs"));
    let resource = |call: &seal_testbed::AuditCall| match call.subresource.as_str() {
        "" => call.resource.clone(),
        part => format!("{}/{part}", call.resource),
    };
    let used: BTreeSet<_> = calls
        .calls
        .iter()
        .filter(|call| !call.resource.is_empty())
        .map(|call| (call.group.clone(), resource(call), call.verb.clone()))
        .collect();
    assert_eq!(used, granted());
    let refused = plane().await.audit().all().await.unwrap().code(403);
    // Those are refused something on purpose.
    let meant = |user: &str| {
        [":unarmed:", ":leaseless:", ":later:", ":without-lease:"]
            .iter()
            .any(|name| user.contains(name))
    };
    let refused = refused.only(|call| call.user.ends_with(":seal") && !meant(&call.user));
    assert!(refused.is_empty(), "{refused}");
}

#[tokio::test]
async fn what_is_not_granted_is_told_by_verb_and_resource() {
    let mut rendered = chart(
        "unarmed",
        &["fullnameOverride=unarmed", "serviceAccount.name=seal"],
    )
    .unwrap();
    rendered = rendered.replace(
        "verbs: [get, list, watch, create, update]",
        "verbs: [get, list, watch, create]",
    );
    super::ground::grant("unarmed").await.unwrap();
    let controller = Controller::start("unarmed", &["--all-namespaces=false", "--key-renew-period=0"])
        .await
        .unwrap();
    let place = place_of(&controller).await;
    place.create(&place.object("db", &[("foo", "bar")])).await;
    place.synced("db").await;
    let role = rendered
        .split("\n---\n")
        .find(|document| document.contains("kind: ClusterRole\n"))
        .unwrap();
    plane().await.apply(role).await.unwrap();
    plane().await.rights_count().await.unwrap();
    let changed = place.object("db", &[("foo", "new")]);
    place
        .patch_object(
            "db",
            json!({"spec": {"encryptedData": changed.spec.encrypted_data}}),
        )
        .await;
    let (reason, message) = place.failed("db").await;
    assert_eq!(reason, "Forbidden");
    assert_eq!(
        message,
        "failed update: the API server forbids it: update secrets"
    );
}

#[tokio::test]
async fn the_chart_passes_the_restricted_standard() {
    // The API server itself judges the Pod of the Deployment.
    let place = place("restricted").await;
    let enforced = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": place.namespace,
        "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}});
    plane().await.apply(&enforced.to_string()).await.unwrap();
    // It hears of the label a moment later. What stands is not judged again, so each try has its name.
    let tries = std::cell::Cell::new(0);
    let judges = seal_testbed::wait_for("the API server to judge", super::ground::SOON, async || {
        tries.set(tries.get() + 1);
        let name = format!("privileged-{}", tries.get());
        let privileged = json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": place.namespace},
            "spec": {"hostNetwork": true, "containers": [{"name": "a", "image": "a"}]}});
        let refused = plane().await.apply(&privileged.to_string()).await.err();
        Ok(refused.filter(|error| format!("{error:#}").contains("violates PodSecurity")))
    });
    judges.await.unwrap();
    for document in serde_yaml::Deserializer::from_str(&chart(&place.namespace, &[]).unwrap()) {
        let document = Value::deserialize(document).unwrap();
        if document["kind"] != "Deployment" {
            continue;
        }
        let mut pod = document["spec"]["template"].clone();
        pod["apiVersion"] = json!("v1");
        pod["kind"] = json!("Pod");
        pod["metadata"]["name"] = json!("probe");
        pod["metadata"]["namespace"] = json!(place.namespace);
        plane().await.apply(&pod.to_string()).await.unwrap();
    }
}

#[test]
fn whoever_seals_may_reach_the_controllers_service_and_no_other() {
    let name = "fullnameOverride=sealed-secrets-controller";
    let documents = chart("kube-system", &[name, "rbac.serviceProxier.bind=true"]).unwrap();
    let mut kinds = Vec::new();
    for document in serde_yaml::Deserializer::from_str(&documents) {
        let document = Value::deserialize(document).unwrap();
        if document["metadata"]["name"] != "sealed-secrets-controller-service-proxier" {
            continue;
        }
        assert_eq!(document["metadata"]["namespace"], "kube-system");
        for rule in document["rules"].as_array().into_iter().flatten() {
            let names = rule["resourceNames"].as_array().unwrap();
            let ours = |name: &Value| {
                let name = name.as_str().unwrap();
                // The certificates are everybody's.
                name == "seal-certificates" || name.split(':').any(|part| part == "sealed-secrets-controller")
            };
            match rule["resources"][0].as_str() {
                Some("configmaps") => assert_eq!(*names, ["seal-certificates"]),
                _ => assert!(!names.is_empty() && names.iter().all(ours), "{rule}"),
            }
        }
        if document["kind"] == "RoleBinding" {
            assert_eq!(document["subjects"][0]["name"], "system:authenticated");
        }
        kinds.push(document["kind"].as_str().unwrap().to_owned());
    }
    assert_eq!(kinds, ["Role", "RoleBinding"]);
}

#[test]
fn nobody_may_reach_it_unless_somebody_is_asked_for() {
    let bound = |settings: &[&str]| -> Option<Value> {
        let documents = chart("kube-system", settings).unwrap();
        let mut documents = serde_yaml::Deserializer::from_str(&documents)
            .map(|document| Value::deserialize(document).unwrap());
        documents
            .find(|document| {
                document["kind"] == "RoleBinding" && document["metadata"]["name"] == "seal-service-proxier"
            })
            .map(|binding| binding["subjects"][0]["name"].clone())
    };
    let team =
        r"rbac.serviceProxier.subjects=- {kind: Group\, name: team\, apiGroup: rbac.authorization.k8s.io}";
    assert_eq!(bound(&[]), None);
    assert_eq!(
        bound(&["rbac.serviceProxier.bind=true"]),
        Some(json!("system:authenticated"))
    );
    assert_eq!(bound(&[team]), Some(json!("team")));
    assert_eq!(
        bound(&[team, "rbac.serviceProxier.bind=true"]),
        Some(json!("team"))
    );
    assert_eq!(bound(&[team, "rbac.serviceProxier.bind=false"]), None);
}
