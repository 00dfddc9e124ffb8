//! The objects that an explanation asks for, one method each. Names are the caller's, and validated there.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Event, Service};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::core::{ObjectList, ObjectMeta};
use seal_api::annotations::KEY_LABEL;
use seal_api::sealing_key_ring::NAME;
use seal_api::{SealedSecret, SealingKeyRing, Secret};
use seal_core::InstallationKey;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Look, Seen, Wanted, seen};
use crate::call::CallError;
use crate::installation::{INSTALLATION_SECRET, Installation};
use crate::pages;
use crate::secrets::Secrets;
use crate::watch::Watched;

/// A SealedSecret, or the metadata of something that cannot be read as one.
pub type SealedSecretSeen = Result<SealedSecret, Box<ObjectMeta>>;

pub(super) fn wanted(verb: &'static str, resource: &'static str, namespace: &str) -> Wanted {
    Wanted {
        verb,
        resource,
        namespace: namespace.to_owned(),
    }
}

pub(super) fn core(namespace: &str, resource: &str, name: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/{resource}/{name}")
}

impl Look {
    /// The API server's version.
    pub async fn version(&self) -> Seen<String> {
        #[derive(Deserialize)]
        struct Version {
            #[serde(rename = "gitVersion")]
            version: String,
        }
        self.get::<Version>("/version", wanted("get", "/version", ""))
            .await
            .map(|found| found.version)
    }

    /// A SealedSecret.
    pub async fn sealed_secret(&self, namespace: &str, name: &str) -> Seen<SealedSecretSeen> {
        let path = format!("/apis/bitnami.com/v1alpha1/namespaces/{namespace}/sealedsecrets/{name}");
        self.get::<Watched>(&path, wanted("get", "sealedsecrets.bitnami.com", namespace))
            .await
            .map(readable)
    }

    /// All SealedSecrets of a namespace, or of all if it is empty.
    pub async fn sealed_secrets(&self, namespace: &str) -> Seen<Vec<SealedSecretSeen>> {
        let base = match namespace {
            "" => "/apis/bitnami.com/v1alpha1/sealedsecrets".to_owned(),
            namespace => format!("/apis/bitnami.com/v1alpha1/namespaces/{namespace}/sealedsecrets"),
        };
        let wanted = wanted("list", "sealedsecrets.bitnami.com", namespace);
        let all: Seen<Vec<Watched>> = self.all(&base, wanted).await;
        all.map(|all| all.into_iter().map(readable).collect())
    }

    /// All objects of a list, page by page.
    pub(super) async fn all<T: DeserializeOwned + Clone>(&self, base: &str, wanted: Wanted) -> Seen<Vec<T>> {
        let ask = |page: String| async move {
            self.bytes(
                http::Method::GET,
                &page,
                super::WHOLE,
                kube::client::Body::empty(),
            )
            .await
        };
        let listed = pages::all(base, ask, |answer| {
            let list: ObjectList<T> = serde_json::from_slice(&answer).map_err(|_| CallError::Unexpected)?;
            Ok((list.items, list.metadata.continue_))
        });
        seen(listed.await, wanted)
    }

    /// The metadata of a Secret; RBAC has no permission for less than the whole, but no more is sent.
    pub async fn secret_metadata(&self, namespace: &str, name: &str) -> Seen<ObjectMeta> {
        self.metadata(
            &core(namespace, "secrets", name),
            wanted("get", "secrets", namespace),
        )
        .await
    }

    /// The events about an object of that kind.
    pub async fn events(&self, namespace: &str, kind: &str, name: &str) -> Seen<Vec<Event>> {
        let path = format!(
            "/api/v1/namespaces/{namespace}/events?fieldSelector=involvedObject.kind%3D{kind}%2CinvolvedObject.name%3D{name}"
        );
        self.get::<ObjectList<Event>>(&path, wanted("list", "events", namespace))
            .await
            .map(|list| list.items)
    }

    /// A Service.
    pub async fn service(&self, namespace: &str, name: &str) -> Seen<Service> {
        self.get(
            &core(namespace, "services", name),
            wanted("get", "services", namespace),
        )
        .await
    }

    /// The Services anywhere that look like a controller's: upstream's name, or the label of either chart.
    pub async fn controller_services(&self) -> Seen<Vec<Service>> {
        let path =
            "/api/v1/services?labelSelector=app.kubernetes.io%2Fname%20in%20%28seal%2Csealed-secrets%29";
        self.get::<ObjectList<Service>>(path, wanted("list", "services", ""))
            .await
            .map(|list| list.items)
    }

    /// A ConfigMap.
    pub async fn config_map(&self, namespace: &str, name: &str) -> Seen<ConfigMap> {
        self.get(
            &core(namespace, "configmaps", name),
            wanted("get", "configmaps", namespace),
        )
        .await
    }

    /// A Lease.
    pub async fn lease(&self, namespace: &str, name: &str) -> Seen<Lease> {
        let path = format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name}");
        self.get(&path, wanted("get", "leases.coordination.k8s.io", namespace))
            .await
    }

    /// A Deployment.
    pub async fn deployment(&self, namespace: &str, name: &str) -> Seen<Deployment> {
        let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments/{name}");
        self.get(&path, wanted("get", "deployments.apps", namespace))
            .await
    }

    /// What is asked of the sealing keys in that namespace, and the controller's answer.
    pub async fn sealing_key_ring(&self, namespace: &str) -> Seen<SealingKeyRing> {
        let path = format!("/apis/sealops.dev/v1alpha1/namespaces/{namespace}/sealingkeyrings/{NAME}");
        self.get(&path, wanted("get", "sealingkeyrings.sealops.dev", namespace))
            .await
    }

    /// The CRD of SealedSecrets.
    pub async fn definition(&self) -> Seen<CustomResourceDefinition> {
        let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/sealedsecrets.bitnami.com";
        self.get(
            path,
            wanted("get", "customresourcedefinitions.apiextensions.k8s.io", ""),
        )
        .await
    }

    /// The key of the installation's records, for those who may read it: with it a record is proven, and
    /// a forged one is none (S19).
    pub async fn installation_key(&self, namespace: &str) -> Seen<InstallationKey> {
        let path = core(namespace, "secrets", INSTALLATION_SECRET);
        let answer = self
            .bytes(
                http::Method::GET,
                &path,
                super::WHOLE,
                kube::client::Body::empty(),
            )
            .await;
        seen(answer, wanted("get", "secrets", namespace)).and(|bytes| {
            let installation = Secret::from_json(&bytes).ok().and_then(Installation::read);
            installation.map_or_else(
                || Seen::Unknown(format!("{INSTALLATION_SECRET} holds no key")),
                |installation| Seen::Found(installation.key),
            )
        })
    }

    /// The Secrets with the label of sealing keys, the installation's own among them.
    pub async fn key_secrets(&self, namespace: &str) -> Seen<Vec<Secret>> {
        let listed = Secrets::new(self.client.clone())
            .labelled(namespace, KEY_LABEL)
            .await;
        seen(listed, wanted("list", "secrets", namespace))
    }
}

fn readable(object: Watched) -> SealedSecretSeen {
    object.0.map_err(|invalid| Box::new(invalid.metadata))
}
