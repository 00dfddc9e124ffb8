//! `deploy/external-secrets.md`, done as it is written: what stands there works, on a real store and a real API server.

use seal_testbed::{ADMIN, OpenBao, Program, tool};
use serde_json::json;

use super::ground::{Place, ground, root};

/// The blocks of that language in the section of that heading, in their order.
fn blocks(heading: &str, language: &str) -> Vec<String> {
    let page = std::fs::read_to_string(root().join("deploy/external-secrets.md")).unwrap();
    let section = page
        .split("\n## ")
        .find(|section| section.starts_with(heading))
        .unwrap_or_else(|| panic!("no section {heading}"));
    let mut blocks = Vec::new();
    let mut rest = section;
    while let Some((_, after)) = rest.split_once(&format!("```{language}\n")) {
        let (block, after) = after.split_once("```").unwrap();
        blocks.push(block.to_owned());
        rest = after;
    }
    blocks
}

/// What somebody types who has the store's root token.
fn typed(store: &OpenBao, lines: &str) {
    let bao = tool("bao").unwrap();
    // The program in the cache may have its version in its name.
    let script = format!("set -e\nbao() {{ '{}' \"$@\"; }}\n{lines}", bao.display());
    Program::new("sh")
        .args(["-c", &script])
        .env("BAO_ADDR", store.url())
        .env("BAO_TOKEN", store.root_token())
        .env("HOME", store.dir())
        .run()
        .unwrap()
        .success()
        .unwrap();
}

#[tokio::test]
async fn each_namespace_has_an_identity_of_its_own_as_the_page_tells_it() {
    let plane = &ground().await.plane;
    let store = OpenBao::start().await.unwrap();
    store.enable_auth("kubernetes", "kubernetes").await.unwrap();
    let config = json!({
        "kubernetes_host": plane.url(), "kubernetes_ca_cert": plane.ca_pem(),
        "token_reviewer_jwt": plane.token(ADMIN).await.unwrap(), "disable_local_ca_jwt": true
    });
    store
        .call("POST", "auth/kubernetes/config", &config)
        .await
        .unwrap();
    for (path, password) in [("shop/db", "of the shop"), ("warehouse/db", "of the warehouse")] {
        let value = json!({"password": password});
        store.write("secret", path, &value).await.unwrap();
    }

    let heading = "An identity for each namespace";
    let commands = blocks(heading, "sh");
    assert!(
        commands[0].contains("bao auth enable kubernetes"),
        "done above, with this plane's address"
    );
    typed(&store, &commands[1]);
    let manifests = blocks(heading, "yaml");
    let cluster_store = manifests[0].replace("https://vault.example.org:8200", &store.url());
    plane.apply(&cluster_store).await.unwrap();
    let places = [Place::new("shop").await, Place::new("warehouse").await];
    for place in &places {
        let labelled = json!({"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": place.name, "labels": {"secrets": "vault"}}});
        plane.apply(&labelled.to_string()).await.unwrap();
        plane
            .apply(&manifests[1].replace("shop", &place.name))
            .await
            .unwrap();
    }
    let [shop, warehouse] = &places;
    shop.holds("db", "password", "of the shop").await;
    warehouse.holds("db", "password", "of the warehouse").await;

    // The list says no before the store is asked, and the store's own policy says it without the list.
    let mark = store.audit().mark().unwrap();
    let spec = json!({
        "refreshInterval": "2s", "secretStoreRef": {"name": "vault", "kind": "ClusterSecretStore"},
        "data": [{"secretKey": "password", "remoteRef": {"key": "shop/db", "property": "password"}}],
    });
    warehouse.create("ExternalSecret", "theirs", spec).await;
    let refused = "ClusterSecretStore \"vault\" does not let namespace \"warehouse\" read secret/shop/db";
    warehouse.message_with("theirs", refused).await;
    let asked = store.audit().since(mark).unwrap().path("secret/data/shop/db");
    assert!(asked.is_empty(), "{asked}");
    let logins = store.audit().all().unwrap().logins();
    assert_eq!(logins.len(), 2, "one for each identity: {logins}");
    let without = json!({"metadata": {"annotations": {"sealops.dev/allowed-paths": null}}});
    shop.patch("ClusterSecretStore", "vault", without).await;
    warehouse.message_with("theirs", "permission denied").await;
    assert!(warehouse.secrets().get_opt("theirs").await.unwrap().is_none());
}
