//! What else stands in a cluster beside the objects of one controller: which kinds it serves, objects of whatever kind,
//! webhooks and what is behind them, controllers of somebody else's.

use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIResourceList;
use kube::core::{ObjectList, ObjectMeta, PartialObjectMeta};
use serde_json::Value;

use super::objects::wanted;
use super::{Look, Seen};

/// A kind that is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// Its name.
    pub kind: String,
    /// As it stands in paths.
    pub plural: String,
}

impl Look {
    /// The kinds of a group's version, such as `external-secrets.io/v1`; whoever is known may ask. Absent: it is not
    /// served.
    pub async fn kinds(&self, version: &str) -> Seen<Vec<Served>> {
        let path = format!("/apis/{version}");
        let list = self
            .get::<APIResourceList>(&path, wanted("get", "/apis", ""))
            .await;
        list.map(|list| {
            let own = list.resources.into_iter().filter(|one| !one.name.contains('/'));
            own.map(|one| Served {
                kind: one.kind,
                plural: one.name,
            })
            .collect()
        })
    }

    /// The objects of a kind, as they are written, of a namespace or of all if it is empty. Not for Secrets.
    pub async fn written(&self, version: &str, plural: &str, namespace: &str) -> Seen<Vec<Value>> {
        let path = match namespace {
            "" => format!("/apis/{version}/{plural}"),
            namespace => format!("/apis/{version}/namespaces/{namespace}/{plural}"),
        };
        let resource = match plural {
            "externalsecrets" => "externalsecrets.external-secrets.io",
            "secretstores" => "secretstores.external-secrets.io",
            "clustersecretstores" => "clustersecretstores.external-secrets.io",
            _ => "all kinds of external-secrets.io and generators.external-secrets.io",
        };
        self.all(&path, wanted("list", resource, namespace)).await
    }

    /// The definition of a kind, by its whole name.
    pub async fn definition_of(&self, name: &str) -> Seen<CustomResourceDefinition> {
        let path = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}");
        let wanted = wanted("get", "customresourcedefinitions.apiextensions.k8s.io", "");
        self.get(&path, wanted).await
    }

    /// All webhooks that may refuse a write.
    pub async fn validating_webhooks(&self) -> Seen<Vec<ValidatingWebhookConfiguration>> {
        let resource = "validatingwebhookconfigurations.admissionregistration.k8s.io";
        let path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
        let list = self.get::<ObjectList<_>>(path, wanted("list", resource, ""));
        list.await.map(|list| list.items)
    }

    /// Whether something is ready behind that Service.
    pub async fn answers(&self, namespace: &str, service: &str) -> Seen<bool> {
        let path = format!(
            "/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3D{service}"
        );
        let wanted = wanted("list", "endpointslices.discovery.k8s.io", namespace);
        let list = self.get::<ObjectList<EndpointSlice>>(&path, wanted).await;
        list.map(|list| {
            let mut endpoints = list.items.iter().flat_map(|slice| &slice.endpoints);
            endpoints.any(|endpoint| {
                let conditions = endpoint.conditions.as_ref();
                conditions.and_then(|conditions| conditions.ready) != Some(false)
            })
        })
    }

    /// All namespaces; of each the metadata.
    pub async fn namespaces(&self) -> Seen<Vec<ObjectMeta>> {
        let all =
            self.all::<PartialObjectMeta<Namespace>>("/api/v1/namespaces", wanted("list", "namespaces", ""));
        all.await
            .map(|all| all.into_iter().map(|one| one.metadata).collect())
    }

    /// The Deployments anywhere with that value of the label `app.kubernetes.io/name`.
    pub async fn deployments_named(&self, name: &str) -> Seen<Vec<Deployment>> {
        let path = format!("/apis/apps/v1/deployments?labelSelector=app.kubernetes.io%2Fname%3D{name}");
        let list = self
            .get::<ObjectList<Deployment>>(&path, wanted("list", "deployments.apps", ""))
            .await;
        list.map(|list| list.items)
    }
}
