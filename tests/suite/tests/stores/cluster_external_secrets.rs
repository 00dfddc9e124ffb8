//! One ExternalSecret in many namespaces, with the real garbage collector. Their values come from a generator, so that
//! no store is needed.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use seal_api::external_secrets::{ClusterExternalSecret, ClusterExternalSecretStatus, ExternalSecret, names};
use seal_testbed::{ADMIN, wait_for};
use serde_json::{Value, json};

use super::ground::{SOON, ground};

// A label that nobody else's namespaces have.
struct Spread {
    client: kube::Client,
    name: &'static str,
}

impl Spread {
    async fn new(name: &'static str, namespaces: &[&str]) -> Self {
        let client = ground().await.plane.client(ADMIN).await.unwrap();
        let this = Self { client, name };
        for namespace in namespaces {
            let namespace = json!({"metadata": {"name": namespace, "labels": {"spread": name}}});
            let namespace: Namespace = serde_json::from_value(namespace).unwrap();
            this.namespaces()
                .create(&PostParams::default(), &namespace)
                .await
                .unwrap();
        }
        this
    }

    fn namespaces(&self) -> Api<Namespace> {
        Api::all(self.client.clone())
    }

    fn objects(&self) -> Api<ClusterExternalSecret> {
        Api::all(self.client.clone())
    }

    fn children(&self, namespace: &str) -> Api<ExternalSecret> {
        Api::namespaced(self.client.clone(), namespace)
    }

    async fn create(&self, more: Value) {
        let mut spec = json!({
            "externalSecretSpec": {"dataFrom": [{"sourceRef": {"generatorRef": {"kind": "Fake", "name": "none"}}}]},
            "namespaceSelectors": [{"matchLabels": {"spread": self.name}}],
        });
        spec.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let object = json!({"metadata": {"name": self.name}, "spec": spec});
        let object: ClusterExternalSecret = serde_json::from_value(object).unwrap();
        self.objects()
            .create(&PostParams::default(), &object)
            .await
            .unwrap();
    }

    async fn patch(&self, patch: Value) {
        let patch = Patch::Merge(patch);
        self.objects()
            .patch(self.name, &PatchParams::default(), &patch)
            .await
            .unwrap();
    }

    async fn label(&self, namespace: &str, value: Value) {
        let patch = Patch::Merge(json!({"metadata": {"labels": {"spread": value}}}));
        self.namespaces()
            .patch(namespace, &PatchParams::default(), &patch)
            .await
            .unwrap();
    }

    async fn status_that(
        &self,
        holds: impl Fn(&ClusterExternalSecretStatus) -> bool,
    ) -> ClusterExternalSecretStatus {
        let told = wait_for("the status", SOON, async || {
            let status = self.objects().get(self.name).await?.status;
            Ok(status.filter(|status| holds(status)))
        });
        match told.await {
            Ok(status) => status,
            Err(error) => {
                let status = self.objects().get(self.name).await.unwrap().status;
                panic!("{error}: {status:?}; {}", ground().await.controller.log())
            }
        }
    }

    async fn provisioned(&self, namespaces: &[&str]) -> ClusterExternalSecretStatus {
        self.status_that(|status| status.provisioned_namespaces == namespaces)
            .await
    }

    async fn child_that(
        &self,
        namespace: &str,
        name: &str,
        holds: impl Fn(&ExternalSecret) -> bool,
    ) -> ExternalSecret {
        let found = wait_for("the ExternalSecret", SOON, async || {
            Ok(self
                .children(namespace)
                .get_opt(name)
                .await?
                .filter(|found| holds(found)))
        });
        found.await.unwrap()
    }

    async fn gone(&self, namespace: &str, name: &str) {
        let gone = wait_for("the ExternalSecret to go", SOON, async || {
            let found = self.children(namespace).get_opt(name).await?;
            Ok(found.is_none().then_some(()))
        });
        gone.await.unwrap();
    }
}

fn ready(status: &ClusterExternalSecretStatus) -> (&str, Option<&str>) {
    let ready = status
        .conditions
        .iter()
        .find(|condition| condition.kind == "Ready")
        .unwrap();
    (&ready.status, ready.message.as_deref())
}

#[tokio::test]
async fn namespaces_get_one_while_they_are_selected() {
    let spread = Spread::new("selected", &["selected-a", "selected-b", "selected-c"]).await;
    spread.label("selected-c", Value::Null).await;
    spread
        .create(json!({"externalSecretMetadata": {"labels": {"team": "a"}}}))
        .await;
    let status = spread.provisioned(&["selected-a", "selected-b"]).await;
    assert_eq!(ready(&status), ("True", None));
    assert_eq!(status.external_secret_name.as_deref(), Some("selected"));
    let child = spread.child_that("selected-a", "selected", |_| true).await;
    assert_eq!(child.metadata.labels.unwrap()["team"], "a");
    let owner = &child.metadata.owner_references.unwrap()[0];
    assert_eq!(
        (&*owner.kind, owner.controller),
        ("ClusterExternalSecret", Some(true))
    );

    spread.label("selected-a", Value::Null).await;
    spread.label("selected-c", json!("selected")).await;
    spread.gone("selected-a", "selected").await;
    spread.child_that("selected-c", "selected", |_| true).await;
    spread.provisioned(&["selected-b", "selected-c"]).await;
    for namespace in ["selected-a", "selected-b", "selected-c"] {
        let namespace = spread.namespaces().get(namespace).await.unwrap();
        assert_eq!(
            namespace.metadata.finalizers, None,
            "namespaces are never touched"
        );
    }
    let object = spread.objects().get("selected").await.unwrap();
    assert_eq!(object.metadata.finalizers, None);
}

#[tokio::test]
async fn the_external_secrets_that_are_made_make_their_secrets() {
    let spread = Spread::new("complete", &["complete-a"]).await;
    let generator = json!({"apiVersion": names::GENERATORS_API_VERSION, "kind": "ClusterGenerator",
        "metadata": {"name": "complete"}, "spec": {"kind": "UUID", "generator": {"uuidSpec": {}}}});
    ground().await.plane.apply(&generator.to_string()).await.unwrap();
    let source = json!({"sourceRef": {"generatorRef": {"kind": "ClusterGenerator", "name": "complete"}}});
    spread
        .create(json!({"externalSecretSpec": {"dataFrom": [source], "target": {"name": "made"}}}))
        .await;
    let secrets: Api<k8s_openapi::api::core::v1::Secret> =
        Api::namespaced(spread.client.clone(), "complete-a");
    let made = wait_for("the Secret", SOON, async || Ok(secrets.get_opt("made").await?));
    assert!(made.await.unwrap().data.unwrap().contains_key("uuid"));
    // A namespace that comes later, and one that goes.
    let later = Spread {
        client: spread.client.clone(),
        name: "complete",
    };
    let namespace = json!({"metadata": {"name": "complete-b", "labels": {"spread": "complete"}}});
    let namespace: Namespace = serde_json::from_value(namespace).unwrap();
    later
        .namespaces()
        .create(&PostParams::default(), &namespace)
        .await
        .unwrap();
    later.provisioned(&["complete-a", "complete-b"]).await;
    later
        .namespaces()
        .delete("complete-a", &DeleteParams::default())
        .await
        .unwrap();
    later.provisioned(&["complete-b"]).await;
}

#[tokio::test]
async fn somebody_elses_external_secret_is_told_and_left_alone() {
    let spread = Spread::new("foreign", &["foreign-a", "foreign-b"]).await;
    let theirs =
        json!({"metadata": {"name": "foreign"}, "spec": {"dataFrom": [{"extract": {"key": "theirs"}}]}});
    let theirs: ExternalSecret = serde_json::from_value(theirs).unwrap();
    let made = spread
        .children("foreign-a")
        .create(&PostParams::default(), &theirs)
        .await
        .unwrap();
    spread.create(json!({})).await;
    let status = spread
        .status_that(|status| !status.failed_namespaces.is_empty())
        .await;
    assert_eq!(ready(&status), ("False", Some("one or more namespaces failed")));
    assert_eq!(status.provisioned_namespaces, ["foreign-b"]);
    let failure = &status.failed_namespaces[0];
    assert_eq!(failure.namespace, "foreign-a");
    assert_eq!(
        failure.reason.as_deref(),
        Some("external secret already exists in namespace")
    );
    let stands = spread.children("foreign-a").get("foreign").await.unwrap();
    assert_eq!((stands.metadata.uid, stands.spec), (made.metadata.uid, made.spec));

    spread
        .children("foreign-a")
        .delete("foreign", &DeleteParams::default())
        .await
        .unwrap();
    let status = spread.provisioned(&["foreign-a", "foreign-b"]).await;
    assert_eq!(ready(&status), ("True", None));
}

#[tokio::test]
async fn what_is_tampered_with_is_put_right_and_what_is_renamed_goes() {
    let spread = Spread::new("changed", &["changed-a"]).await;
    spread.create(json!({})).await;
    let before = spread.child_that("changed-a", "changed", |_| true).await;
    let tampered =
        Patch::Merge(json!({"metadata": {"labels": {"x": "y"}}, "spec": {"refreshInterval": "7s"}}));
    spread
        .children("changed-a")
        .patch("changed", &PatchParams::default(), &tampered)
        .await
        .unwrap();
    let right = |child: &ExternalSecret| child.spec == before.spec && child.metadata.labels.is_none();
    spread.child_that("changed-a", "changed", right).await;
    spread
        .children("changed-a")
        .delete("changed", &DeleteParams::default())
        .await
        .unwrap();
    let uid = before.metadata.uid.clone();
    spread
        .child_that("changed-a", "changed", |child| child.metadata.uid != uid)
        .await;

    spread
        .patch(json!({"metadata": {"annotations": {names::FORCE_SYNC: "7"}}}))
        .await;
    let asked = |child: &ExternalSecret| {
        let annotations = child.metadata.annotations.as_ref();
        annotations.is_some_and(|all| all.get(names::FORCE_SYNC).map(String::as_str) == Some("7"))
    };
    spread.child_that("changed-a", "changed", asked).await;
    spread.patch(json!({"spec": {"externalSecretName": "new"}})).await;
    spread.child_that("changed-a", "new", |_| true).await;
    spread.gone("changed-a", "changed").await;
    let status = spread
        .status_that(|status| status.external_secret_name.as_deref() == Some("new"))
        .await;
    assert_eq!(status.provisioned_namespaces, ["changed-a"]);
}

#[tokio::test]
async fn what_it_made_goes_with_it_also_past_upstreams_finalizer() {
    let spread = Spread::new("deleted", &["deleted-a"]).await;
    spread.create(json!({})).await;
    spread.child_that("deleted-a", "deleted", |_| true).await;
    let finalizers = json!([names::CLUSTER_EXTERNAL_SECRET_FINALIZER]);
    spread
        .patch(json!({"metadata": {"finalizers": finalizers}}))
        .await;
    spread
        .objects()
        .delete("deleted", &DeleteParams::default())
        .await
        .unwrap();
    spread.gone("deleted-a", "deleted").await;
    let gone = wait_for("it to go", SOON, async || {
        Ok(spread.objects().get_opt("deleted").await?.is_none().then_some(()))
    });
    gone.await.unwrap();
}

#[tokio::test]
async fn a_selector_that_means_nothing_is_told_and_deletes_nothing() {
    let spread = Spread::new("unreadable", &["unreadable-a"]).await;
    spread.create(json!({})).await;
    spread.provisioned(&["unreadable-a"]).await;
    let selectors = json!([{"matchExpressions": [{"key": "spread", "operator": "Resembles"}]}]);
    spread
        .patch(json!({"spec": {"namespaceSelectors": selectors}}))
        .await;
    let status = spread
        .status_that(|status| !status.failed_namespaces.is_empty())
        .await;
    assert_eq!(status.failed_namespaces[0].namespace, "unknown");
    assert_eq!(status.provisioned_namespaces, ["unreadable-a"]);
    let children: BTreeSet<_> = spread
        .children("unreadable-a")
        .list(&Default::default())
        .await
        .unwrap()
        .into_iter()
        .filter_map(|child| child.metadata.name)
        .collect();
    assert_eq!(children, ["unreadable".to_owned()].into());
}
