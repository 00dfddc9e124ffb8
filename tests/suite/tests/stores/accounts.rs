//! ServiceAccounts as identities: TokenRequests of the API server, taken by OpenBao's Kubernetes authentication, which
//! asks the same API server what they are worth.

use seal_testbed::ADMIN;
use serde_json::{Value, json};

use super::ground::{CONTROLLER, Place, ground};

fn data(path: &str) -> Value {
    json!([{"secretKey": "a", "remoteRef": {"key": path, "property": "a"}}])
}

/// A role `name` for the ServiceAccount `app` of that namespace, which may read below the namespace's folder.
async fn role(mount: &str, name: &str, namespace: &str, audience: Option<&str>) {
    let store = &ground().await.store;
    let rules = format!("path \"secret/data/{namespace}/*\" {{ capabilities = [\"read\"] }}");
    store.policy(namespace, &rules).await.unwrap();
    let mut role = json!({
        "bound_service_account_names": "app", "bound_service_account_namespaces": namespace,
        "token_policies": namespace, "token_ttl": "1h",
    });
    if let Some(audience) = audience {
        role["audience"] = json!(audience);
    }
    store
        .call("POST", &format!("auth/{mount}/role/{name}"), &role)
        .await
        .unwrap();
}

async fn kubernetes(mount: &str) {
    let ground = ground().await;
    ground.store.enable_auth(mount, "kubernetes").await.unwrap();
    let config = json!({
        "kubernetes_host": ground.plane.url(), "kubernetes_ca_cert": ground.plane.ca_pem(),
        "token_reviewer_jwt": ground.plane.token(ADMIN).await.unwrap(), "disable_local_ca_jwt": true,
    });
    ground
        .store
        .call("POST", &format!("auth/{mount}/config"), &config)
        .await
        .unwrap();
}

#[tokio::test]
async fn many_objects_of_one_account_are_one_login_with_a_token_of_ten_minutes() {
    kubernetes("accounts").await;
    let place = Place::new("account").await;
    let ground = ground().await;
    ground.plane.service_account("account", "app").await.unwrap();
    role("accounts", "app", "account", Some("vault")).await;
    let account = json!({"name": "app", "audiences": ["vault"]});
    let vault = json!({"server": ground.store.url(), "path": "secret",
        "auth": {"kubernetes": {"mountPath": "accounts", "role": "app", "serviceAccountRef": account}}});
    let names: Vec<String> = (0..10).map(|number| format!("app-{number}")).collect();
    for name in &names {
        place.write(name, &json!({"a": name})).await;
        let spec = json!({"secretStoreRef": {"name": "account"}, "data": data(&format!("account/{name}"))});
        place.external(name, spec).await;
    }
    place
        .create("SecretStore", "account", json!({"provider": {"vault": vault}}))
        .await;
    for name in &names {
        place.holds(name, "a", name).await;
    }
    let log = ground.store.audit().all().unwrap();
    assert_eq!(log.clone().logins().path("auth/accounts/login").len(), 1);
    assert_eq!(
        log.operation("read").below("secret/data/account/app").len(),
        names.len()
    );
    let tokens = ground.plane.audit().all().await.unwrap().user(CONTROLLER);
    let tokens = tokens
        .namespace("account")
        .only(|call| call.subresource == "token");
    assert_eq!(tokens.len(), 1, "{tokens}");
}

/// The documented default of several tenants: one ClusterSecretStore, and each namespace its own account.
#[tokio::test]
async fn each_namespace_is_itself_to_a_store_of_the_cluster_and_reads_no_other_ones_values() {
    kubernetes("tenants").await;
    let ground = ground().await;
    let mut places = Vec::new();
    for name in ["tenant-a", "tenant-b"] {
        let place = Place::new(name).await;
        ground.plane.service_account(name, "app").await.unwrap();
        place.write("app", &json!({"a": name})).await;
        places.push(place);
    }
    role("tenants", "tenant-a", "tenant-a", Some("vault")).await;
    role("tenants", "tenant-b", "tenant-b", Some("vault")).await;
    // One role for both would be one policy for both; the store names a role, so each has its mount's alias.
    let rules = "path \"secret/data/{{identity.entity.aliases.ACCESSOR.metadata.service_account_namespace}}/*\" { capabilities = [\"read\"] }";
    let mounts = ground.store.call("GET", "sys/auth", &Value::Null).await.unwrap();
    let accessor = mounts["tenants/"]["accessor"]
        .as_str()
        .or_else(|| mounts["data"]["tenants/"]["accessor"].as_str())
        .unwrap();
    ground
        .store
        .policy("own-folder", &rules.replace("ACCESSOR", accessor))
        .await
        .unwrap();
    let both = json!({
        "bound_service_account_names": "app", "bound_service_account_namespaces": "tenant-a,tenant-b",
        "audience": "vault", "token_policies": "own-folder", "token_ttl": "1h",
    });
    ground
        .store
        .call("POST", "auth/tenants/role/both", &both)
        .await
        .unwrap();
    let account = json!({"name": "app", "audiences": ["vault"]});
    let vault = json!({"server": ground.store.url(), "path": "secret",
        "auth": {"kubernetes": {"mountPath": "tenants", "role": "both", "serviceAccountRef": account}}});
    places[0]
        .create(
            "ClusterSecretStore",
            "tenants",
            json!({"provider": {"vault": vault}}),
        )
        .await;
    let store = json!({"name": "tenants", "kind": "ClusterSecretStore"});
    for place in &places {
        let own = json!({"secretStoreRef": store, "data": data(&format!("{}/app", place.name))});
        place.external("own", own).await;
        let other = if place.name == "tenant-a" {
            "tenant-b"
        } else {
            "tenant-a"
        };
        let theirs = json!({"secretStoreRef": store, "data": data(&format!("{other}/app"))});
        place.external("theirs", theirs).await;
    }
    for place in &places {
        place.holds("own", "a", &place.name).await;
        let (_, message) = place.ready("theirs", "False").await;
        assert!(message.contains("403"), "{message}");
        assert!(place.secrets().get_opt("theirs").await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_login_that_is_refused_is_told_without_the_token_and_is_not_a_flood() {
    kubernetes("strict").await;
    let place = Place::new("strict").await;
    let ground = ground().await;
    ground.plane.service_account("strict", "app").await.unwrap();
    place.write("app", &json!({"a": "one"})).await;
    role("strict", "app", "strict", Some("vault")).await;
    let account = json!({"name": "app", "audiences": ["other"]});
    let vault = json!({"server": ground.store.url(), "path": "secret",
        "auth": {"kubernetes": {"mountPath": "strict", "role": "app", "serviceAccountRef": account}}});
    place
        .create("SecretStore", "strict", json!({"provider": {"vault": vault}}))
        .await;
    for number in 0..10 {
        let spec = json!({"secretStoreRef": {"name": "strict"}, "data": data("strict/app")});
        place.external(&format!("app-{number}"), spec).await;
    }
    for number in 0..10 {
        let (_, message) = place.ready(&format!("app-{number}"), "False").await;
        assert!(
            message.contains("auth/strict/login") && !message.contains("eyJ"),
            "{message}"
        );
    }
    let logins = ground
        .store
        .audit()
        .all()
        .unwrap()
        .logins()
        .path("auth/strict/login");
    assert!(logins.len() < 10, "{logins}");
    // The audience is mended in the store, and all go on.
    let mended = json!({"spec": {"provider": {"vault": {"auth": {"kubernetes": {"serviceAccountRef": {"audiences": ["vault"]}}}}}}});
    place.patch("SecretStore", "strict", mended).await;
    for number in 0..10 {
        place.holds(&format!("app-{number}"), "a", "one").await;
    }
    assert!(
        !ground.controller.log().contains("eyJ"),
        "a token of an account stands in the log"
    );
}
