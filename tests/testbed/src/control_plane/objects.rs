//! What a test needs to put on a plane before it begins: manifests, accounts, a service with an endpoint.
//! Looking at objects afterwards is the test's own business.

use std::time::Duration;

use anyhow::{Context, ensure};
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
};
use kube::{
    Api,
    api::{DynamicObject, Patch, PatchParams, PostParams},
    core::GroupVersionKind,
    discovery::{self, Scope},
};
use serde::Deserialize;
use serde_json::json;

use super::{ADMIN, ControlPlane, network};
use crate::wait_for;

const DEADLINE: Duration = Duration::from_secs(60);
const FIELD_MANAGER: &str = "seal-testbed";

impl ControlPlane {
    /// Applies a stream of YAML documents as [`ADMIN`], in their order; a kind that an earlier document
    /// defines is waited for. `status` is applied too, where it is given.
    pub async fn apply(&self, manifests: &str) -> anyhow::Result<()> {
        let client = self.client(ADMIN).await?;
        // All are read before the first is applied: a typing error must not leave half of them behind.
        for object in read(manifests)? {
            let types = object
                .types
                .clone()
                .context("an object without apiVersion and kind")?;
            let name = object.metadata.name.clone().context("an object without a name")?;
            let kind = GroupVersionKind::try_from(&types)?;
            let what = format!("the API server to know {}", types.kind);
            let (resource, capabilities) = wait_for(&what, DEADLINE, async || {
                Ok(Some(discovery::pinned_kind(&client, &kind).await?))
            })
            .await?;
            let api: Api<DynamicObject> = match capabilities.scope {
                Scope::Cluster => Api::all_with(client.clone(), &resource),
                Scope::Namespaced => {
                    let namespace = object.metadata.namespace.as_deref().unwrap_or("default");
                    Api::namespaced_with(client.clone(), namespace, &resource)
                }
            };
            let how = PatchParams::apply(FIELD_MANAGER).force();
            let place = || format!("{} {name}", types.kind);
            api.patch(&name, &how, &Patch::Apply(&object))
                .await
                .with_context(place)?;
            if object.data.get("status").is_some() {
                api.patch_status(&name, &how, &Patch::Apply(&object))
                    .await
                    .with_context(place)?;
            }
        }
        Ok(())
    }

    /// A token of that account, valid for a day; makes the account and its namespace where they are missing.
    pub async fn service_account(&self, namespace: &str, name: &str) -> anyhow::Result<String> {
        let metadata = json!({"name": name, "namespace": namespace});
        let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata});
        self.namespace(namespace).await?;
        self.apply(&account.to_string()).await?;
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client(ADMIN).await?, namespace);
        let spec = TokenRequestSpec {
            expiration_seconds: Some(86_400),
            ..TokenRequestSpec::default()
        };
        let request = TokenRequest {
            spec,
            ..TokenRequest::default()
        };
        let made = accounts
            .create_token_request(name, &PostParams::default(), &request)
            .await?;
        made.status
            .map(|status| status.token)
            .context("a token request without an answer")
    }

    /// Makes the namespace where it is missing.
    pub async fn namespace(&self, name: &str) -> anyhow::Result<()> {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        self.apply(&namespace.to_string()).await
    }

    /// A Service whose only endpoint is that port in the plane's own network, so that the API server's
    /// service proxy reaches what listens there. The endpoint names a Pod, which stands for it.
    pub async fn expose(&self, namespace: &str, service: &str, port: u16) -> anyhow::Result<()> {
        ensure!(
            self.has_own_network(),
            "the service proxy refuses loopback: ControlPlaneBuilder::own_network"
        );
        self.namespace(namespace).await?;
        let metadata = json!({"name": service, "namespace": namespace});
        let ports = json!([{"name": "http", "port": port}]);
        let pod = json!({"kind": "Pod", "name": service, "namespace": namespace});
        let objects = [
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata,
                "spec": {"containers": [{"name": "process", "image": "none"}]},
                "status": {"phase": "Running", "podIP": network::ADDRESS, "podIPs": [{"ip": network::ADDRESS}]}}),
            json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": ports}}),
            json!({"apiVersion": "v1", "kind": "Endpoints", "metadata": metadata,
                "subsets": [{"addresses": [{"ip": network::ADDRESS, "targetRef": pod}], "ports": ports}]}),
        ];
        for object in objects {
            self.apply(&object.to_string()).await?;
        }
        Ok(())
    }
}

fn read(manifests: &str) -> anyhow::Result<Vec<DynamicObject>> {
    let mut objects = Vec::new();
    for document in serde_yaml::Deserializer::from_str(manifests) {
        let document = serde_json::Value::deserialize(document).context("not YAML")?;
        if !document.is_null() {
            objects.push(serde_json::from_value(document).context("not a Kubernetes object")?);
        }
    }
    Ok(objects)
}
