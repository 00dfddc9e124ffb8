//! Stores that refuse, break and talk nonsense, and stores that let nobody in: cases 26 and 28.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kube::api::{Patch, PatchParams};
use seal_testbed::{Fault, FaultProxy, Rule};
use serde_json::{Value, json};

use super::ground::{Place, ground};

fn data(path: &str) -> Value {
    json!([{"secretKey": "a", "remoteRef": {"key": path, "property": "a"}}])
}

fn answer(code: u16, body: &str) -> Fault {
    Fault::Answer {
        code,
        headers: vec![("content-type", "application/json".to_owned())],
        body: body.to_owned(),
    }
}

#[tokio::test]
async fn case_26_whatever_a_store_says_but_that_the_value_is_gone_deletes_nothing() {
    let place = Place::new("case-26").await;
    let store = &ground().await.store;
    let proxy = FaultProxy::before_store(store).await.unwrap();
    let vault = json!({"server": proxy.url(), "path": "secret", "caBundle": STANDARD.encode(store.ca_pem()),
        "auth": {"tokenSecretRef": {"name": "vault-token", "key": "token"}}});
    place
        .create("SecretStore", "bad", json!({"provider": {"vault": vault}}))
        .await;
    place.write("app", &json!({"a": "one"})).await;
    let mut before = Vec::new();
    for policy in ["Delete", "Merge", "Retain"] {
        let spec = json!({"refreshInterval": "1s", "secretStoreRef": {"name": "bad"},
            "target": {"deletionPolicy": policy}, "data": data("case-26/app")});
        place.external(&policy.to_lowercase(), spec).await;
        before.push(place.holds(&policy.to_lowercase(), "a", "one").await);
    }
    let errors = |words: &str| format!("{{\"errors\":[\"{words}\"]}}");
    for (what, fault) in [
        ("403", answer(403, &errors("permission denied"))),
        (
            "429",
            Fault::TooManyRequests {
                retry_after: std::time::Duration::from_secs(1),
            },
        ),
        ("500", answer(500, &errors("internal error"))),
        ("503", answer(503, &errors("Vault is sealed"))),
        ("a page of a proxy", answer(404, "<html>nobody lives here</html>")),
        (
            "404 of something else",
            answer(404, "{\"message\":\"no Route matched with those values\"}"),
        ),
        (
            "no route",
            answer(
                404,
                &errors("no handler for route \\\"secret/data/case-26/app\\\". route entry not found."),
            ),
        ),
        ("nothing", answer(200, "")),
        ("an empty object", answer(200, "{}")),
        ("an empty answer", answer(204, "")),
        ("a list", answer(200, "{\"data\":[]}")),
        (
            "data of another shape",
            answer(200, "{\"data\":{\"data\":\"one\"}}"),
        ),
        ("no JSON", Fault::Malformed { text: "x".to_owned() }),
        ("a redirect", answer(302, "")),
        ("cut off", Fault::Cut),
    ] {
        proxy.inject(Rule::on("*", "/v1/secret/data/case-26/app", fault));
        for secret in &before {
            let name = secret.metadata.name.as_deref().unwrap();
            let (reason, message) = place.ready(name, "False").await;
            assert_eq!(reason, "SecretSyncedError", "{what}: {message}");
            let after = place.secrets().get(name).await.unwrap();
            assert_eq!(
                after.metadata.resource_version, secret.metadata.resource_version,
                "{what}"
            );
        }
        proxy.clear();
        for secret in &before {
            place
                .ready(secret.metadata.name.as_deref().unwrap(), "True")
                .await;
        }
    }
    for secret in &before {
        let after = place
            .secrets()
            .get(secret.metadata.name.as_deref().unwrap())
            .await
            .unwrap();
        assert_eq!(after.metadata.resource_version, secret.metadata.resource_version);
    }
}

#[tokio::test]
async fn case_28_a_store_of_another_class_is_left_alone_with_all_who_use_it() {
    let place = Place::new("case-28").await;
    place.write("app", &json!({"a": "one"})).await;
    let vault = json!({"server": ground().await.store.url(), "path": "secret",
        "auth": {"tokenSecretRef": {"name": "vault-token", "key": "token"}}});
    place
        .create(
            "SecretStore",
            "theirs",
            json!({"controller": "theirs", "provider": {"vault": vault}}),
        )
        .await;
    place
        .external(
            "app",
            json!({"secretStoreRef": {"name": "theirs"}, "data": data("case-28/app")}),
        )
        .await;
    place.time_passes(2).await;
    assert!(place.objects().get("app").await.unwrap().status.is_none());
    assert!(place.store("theirs").await.unwrap().status.is_none());
    assert_eq!(place.reads("app").await, 0);
    place
        .patch("SecretStore", "theirs", json!({"spec": {"controller": null}}))
        .await;
    place.holds("app", "a", "one").await;
}

#[tokio::test]
async fn case_28_a_cluster_store_lets_in_whom_one_of_its_conditions_names_as_soon_as_it_does() {
    let place = Place::new("case-28-in").await;
    place.write("app", &json!({"a": "one"})).await;
    let conditions = json!([
        {"namespaces": ["nobody"]},
        {"namespaceRegexes": ["case-28"]},
        {"namespaceSelector": {"matchLabels": {"case": "28"}}},
    ]);
    let vault = json!({"server": ground().await.store.url(), "path": "secret",
        "auth": {"tokenSecretRef": {"name": "vault-token", "key": "token"}}});
    place
        .create(
            "ClusterSecretStore",
            "case-28",
            json!({"conditions": conditions, "provider": {"vault": vault}}),
        )
        .await;
    let store = json!({"name": "case-28", "kind": "ClusterSecretStore"});
    for name in ["app", "other"] {
        place
            .external(
                name,
                json!({"secretStoreRef": store, "data": data("case-28-in/app")}),
            )
            .await;
    }
    let (_, message) = place.ready("app", "False").await;
    let denied = "using cluster store \"case-28\" is not allowed from namespace \"case-28-in\": denied by spec.condition";
    assert!(message.contains(denied), "{message}");
    assert_eq!(place.reads("app").await, 0, "who is not let in is not read for");
    // Nobody touches the object or the store: it is the namespace that changes.
    let namespaces: kube::Api<k8s_openapi::api::core::v1::Namespace> = kube::Api::all(place.client.clone());
    let label = json!({"metadata": {"labels": {"case": "28"}}});
    let params = PatchParams::default();
    namespaces
        .patch("case-28-in", &params, &Patch::Merge(label))
        .await
        .unwrap();
    place.holds("app", "a", "one").await;
    place.holds("other", "a", "one").await;
}

/// CVE-2026-42875, GHSA-fcxq-v2r3-cc8h and GHSA-77v3-r3jw-j2v2 by their kind: a SecretStore that reaches out of its
/// namespace, with whatever it can refer to (S1, S2).
#[tokio::test]
async fn no_reference_of_a_secret_store_leaves_its_namespace_and_no_store_is_shown_our_own_identity() {
    let neighbour = Place::new("neighbour").await;
    neighbour
        .config_map("authority", json!({"ca.crt": ground().await.store.ca_pem()}))
        .await;
    let place = Place::new("reaching").await;
    let theirs = |name: &str| json!({"name": name, "namespace": "neighbour", "key": "token"});
    let own = json!({"name": "vault-token", "key": "token"});
    let account = json!({"name": "default", "namespace": "neighbour"});
    let auths = [
        ("token", json!({"tokenSecretRef": theirs("vault-token")})),
        (
            "role",
            json!({"appRole": {"path": "approle", "roleId": "x", "secretRef": theirs("vault-token")}}),
        ),
        (
            "role-id",
            json!({"appRole": {"path": "approle", "roleRef": theirs("vault-token"), "secretRef": own}}),
        ),
        (
            "account",
            json!({"kubernetes": {"mountPath": "kubernetes", "role": "app", "serviceAccountRef": account}}),
        ),
        (
            "account-token",
            json!({"kubernetes": {"mountPath": "kubernetes", "role": "app", "secretRef": theirs("vault-token")}}),
        ),
        (
            "nobody",
            json!({"kubernetes": {"mountPath": "kubernetes", "role": "app"}}),
        ),
        (
            "user",
            json!({"userPass": {"path": "userpass", "username": "x", "secretRef": theirs("vault-token")}}),
        ),
        (
            "directory",
            json!({"ldap": {"path": "ldap", "username": "x", "secretRef": theirs("vault-token")}}),
        ),
        (
            "signed",
            json!({"jwt": {"path": "jwt", "role": "x", "secretRef": theirs("vault-token")}}),
        ),
        (
            "minted",
            json!({"jwt": {"path": "jwt", "role": "x", "kubernetesServiceAccountToken": {"serviceAccountRef": account}}}),
        ),
        (
            "certificate",
            json!({"cert": {"clientCert": theirs("vault-token"), "secretRef": own}}),
        ),
        (
            "certificate-key",
            json!({"cert": {"clientCert": own, "secretRef": theirs("vault-token")}}),
        ),
    ];
    let url = ground().await.store.url();
    let store_calls = ground().await.store.audit().mark().unwrap();
    let calls = ground().await.plane.audit().mark().await.unwrap();
    let mut names: Vec<String> = Vec::new();
    for (name, auth) in auths {
        let vault = json!({"server": url, "path": "secret", "auth": auth});
        place
            .create("SecretStore", name, json!({"provider": {"vault": vault}}))
            .await;
        names.push(name.to_owned());
    }
    let authority =
        json!({"type": "ConfigMap", "name": "authority", "namespace": "neighbour", "key": "ca.crt"});
    let vault =
        json!({"server": url, "path": "secret", "caProvider": authority, "auth": {"tokenSecretRef": own}});
    place
        .create("SecretStore", "trust", json!({"provider": {"vault": vault}}))
        .await;
    let tls = json!({"certSecretRef": theirs("vault-token"), "keySecretRef": own});
    let vault = json!({"server": url, "path": "secret", "tls": tls, "auth": {"tokenSecretRef": own}});
    place
        .create("SecretStore", "mutual", json!({"provider": {"vault": vault}}))
        .await;
    names.extend(["trust".to_owned(), "mutual".to_owned()]);
    for name in &names {
        let spec = json!({"secretStoreRef": {"name": name}, "data": data("neighbour/app")});
        place.external(name, spec).await;
    }
    for name in &names {
        let (_, message) = place.ready(name, "False").await;
        let told = match name.as_str() {
            "nobody" => "does not show its own identity",
            _ => "may only refer to its own",
        };
        assert!(message.contains(told), "{name}: {message}");
    }
    let logins = ground().await.store.audit().since(store_calls).unwrap().logins();
    assert!(logins.is_empty(), "{logins}");
    let log = ground()
        .await
        .plane
        .audit()
        .since(calls)
        .await
        .unwrap()
        .user(super::ground::CONTROLLER);
    let strayed = log
        .namespace("neighbour")
        .only(|call| call.verb == "get" || call.subresource == "token");
    let strayed = strayed.only(|call| call.resource != "secrets" || call.name == "authority");
    assert!(strayed.is_empty(), "{strayed}");
}
