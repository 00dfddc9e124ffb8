//! What differs from upstream on purpose, and the switches that take it back: `deploy/external-secrets.md` has the table.

use seal_testbed::wait_for;
use serde_json::{Value, json};

use super::ground::{Ground, Place, SOON, bare, ground, launch, place_on};

const BOOKKEEPING: [&str; 4] = [
    "argocd.argoproj.io/tracking-id",
    "kubectl.kubernetes.io/last-applied-configuration",
    "meta.helm.sh/release-name",
    "kustomize.toolkit.fluxcd.io/checksum",
];

fn data(path: &str) -> Value {
    json!([{"secretKey": "a", "remoteRef": {"key": path, "property": "a"}}])
}

/// Which of the annotations that tools keep for themselves are on the Secret.
async fn copied(ground: &Ground, place: &Place) -> usize {
    let kept: serde_json::Map<_, _> = BOOKKEEPING
        .into_iter()
        .chain(["team"])
        .map(|name| (name.to_owned(), json!("x")))
        .collect();
    let object = json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": "annotated", "namespace": place.name, "annotations": kept},
        "spec": {"secretStoreRef": {"name": "vault"}, "data": data("switches/app")},
    });
    ground.plane.apply(&object.to_string()).await.unwrap();
    let secret = place.holds("annotated", "a", "one").await;
    let annotations = secret.metadata.annotations.unwrap();
    assert_eq!(annotations["team"], "x");
    BOOKKEEPING
        .iter()
        .filter(|name| annotations.contains_key(**name))
        .count()
}

/// Whether a namespace is let in whose name has the pattern in its midst.
async fn let_in(ground: &Ground, place: &Place) -> bool {
    let part = &place.name[1..place.name.len() - 1];
    let store = json!({"conditions": [{"namespaceRegexes": [part]}], "provider": {"vault": {
        "server": ground.store.url(), "path": "secret",
        "auth": {"tokenSecretRef": {"name": "vault-token", "key": "token", "namespace": place.name}},
    }}});
    place.create("ClusterSecretStore", &place.name, store).await;
    let spec = json!({"secretStoreRef": {"name": place.name, "kind": "ClusterSecretStore"}, "data": data("switches/app")});
    place.external("within", spec).await;
    let (ready, _, message) = place.ready_as("within", &["True", "False"]).await;
    let ready = ready == "True";
    assert!(ready || message.contains("denied by spec.condition"), "{message}");
    ready
}

/// Asks by annotation for a value again that is fetched once; its path.
async fn force_sync(ground: &Ground, place: &Place) -> String {
    let path = format!("switches/{}", place.name);
    ground
        .store
        .write("secret", &path, &json!({"a": "one"}))
        .await
        .unwrap();
    place
        .external("once", json!({"refreshInterval": "0s", "data": data(&path)}))
        .await;
    place.holds("once", "a", "one").await;
    place.ready("once", "True").await;
    let force = json!({"metadata": {"annotations": {"force-sync": "now"}}});
    place.patch("ExternalSecret", "once", force).await;
    path
}

fn reads(ground: &Ground, path: &str) -> usize {
    let log = ground.store.audit().all().unwrap().operation("read");
    log.path(&format!("secret/data/{path}")).len()
}

#[tokio::test]
async fn what_differs_on_purpose_does_so_without_being_asked() {
    let ground = ground().await;
    ground
        .store
        .write("secret", "switches/app", &json!({"a": "one"}))
        .await
        .unwrap();
    let place = Place::new("switches").await;
    assert_eq!(copied(ground, &place).await, 0);
    assert!(!let_in(ground, &place).await);
    let path = force_sync(ground, &place).await;
    let again = async || Ok((reads(ground, &path) == 2).then_some(()));
    wait_for("the value to be read again", SOON, again).await.unwrap();
}

#[tokio::test]
async fn each_switch_takes_back_what_differs() {
    let plane = bare().await.unwrap();
    plane.namespace("seal").await.unwrap();
    let switches = [
        "--copy-bookkeeping-annotations",
        "--unanchored-namespace-regexes",
        "--zero-interval-is-never",
    ];
    let controller = launch(&plane, &switches).await.unwrap();
    let store = seal_testbed::OpenBao::start().await.unwrap();
    let ground = Ground {
        plane,
        store,
        controller,
    };
    ground
        .store
        .write("secret", "switches/app", &json!({"a": "one"}))
        .await
        .unwrap();
    let place = place_on(&ground, "switched").await;
    assert_eq!(copied(&ground, &place).await, BOOKKEEPING.len());
    assert!(let_in(&ground, &place).await);
    let path = force_sync(&ground, &place).await;
    // Whoever reacted to it would have done so before what came later.
    place
        .external("later", json!({"data": data("switches/app")}))
        .await;
    place.ready("later", "True").await;
    assert_eq!(reads(&ground, &path), 1);
}
