//! The audit log counts what was really called.

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{
    Api,
    api::{ListParams, PostParams},
};
use seal_testbed::{ADMIN, ControlPlane};

#[tokio::test]
async fn audit_counts_calls_by_user_verb_and_resource_since_a_mark() {
    let plane = ControlPlane::builder()
        .user("dora", &["system:masters"])
        .start()
        .await
        .unwrap();
    let maps: Api<ConfigMap> = Api::namespaced(plane.client("dora").await.unwrap(), "default");
    let secrets: Api<Secret> = Api::default_namespaced(plane.client(ADMIN).await.unwrap());
    let mut map = ConfigMap::default();
    map.metadata.name = Some("one".to_owned());
    maps.create(&PostParams::default(), &map).await.unwrap();

    let mark = plane.audit().mark().await.unwrap();
    for _ in 0..20 {
        maps.get("one").await.unwrap();
    }
    map.metadata.name = Some("two".to_owned());
    maps.create(&PostParams::default(), &map).await.unwrap();
    maps.create(&PostParams::default(), &map).await.unwrap_err();
    secrets.list(&ListParams::default()).await.unwrap();
    let log = plane.audit().since(mark).await.unwrap();

    let dora = log.clone().user("dora");
    assert_eq!(dora.len(), 22, "\n{dora}");
    assert_eq!(
        dora.clone()
            .verb("get")
            .resource("configmaps")
            .name("one")
            .code(200)
            .len(),
        20
    );
    assert_eq!(dora.clone().verb("create").code(201).len(), 1);
    assert_eq!(dora.clone().writes().code(409).len(), 1);
    assert_eq!(
        log.clone()
            .user(ADMIN)
            .verb("list")
            .resource("secrets")
            .namespace("default")
            .len(),
        1
    );
    assert_eq!(log.user("dora").resource("configmaps/status").len(), 0);
    assert!(
        plane.audit().all().await.unwrap().user("dora").len() > 22,
        "what was before the mark is not lost"
    );
}

#[tokio::test]
async fn audit_log_holds_no_bodies() {
    let plane = ControlPlane::start().await.unwrap();
    let canary = seal_testbed::Canary::new().unwrap();
    let secrets: Api<Secret> = Api::namespaced(plane.client(ADMIN).await.unwrap(), "default");
    let mut secret = Secret::default();
    secret.metadata.name = Some("hidden".to_owned());
    secret.string_data = Some([("password".to_owned(), canary.text().to_owned())].into());

    secrets.create(&PostParams::default(), &secret).await.unwrap();

    assert_eq!(
        plane
            .audit()
            .all()
            .await
            .unwrap()
            .resource("secrets")
            .name("hidden")
            .code(201)
            .len(),
        1
    );
    assert_eq!(canary.find_below(&plane.dir().join("logs")).unwrap(), []);
    assert!(
        !canary.find_below(&plane.dir().join("etcd")).unwrap().is_empty(),
        "it is found where it must be"
    );
}
