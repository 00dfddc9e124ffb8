//! When rights count: the API server hears of roles and bindings by watches of its own, a moment after they
//! were written. It gives nobody any right.

use std::time::Duration;

use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use kube::{Api, api::PostParams};
use serde_json::{Value, json};

use super::{ADMIN, ControlPlane};
use crate::{random, wait_for};

const DEADLINE: Duration = Duration::from_secs(60);
const GROUP: &str = "testbed.invalid";

impl ControlPlane {
    /// Returns when the API server judges by all roles and bindings that were written, changed or deleted
    /// before: each kind has a watch, whose news keep their order, so a right that is given now comes last.
    pub async fn rights_count(&self) -> anyhow::Result<()> {
        let name = format!("testbed-{}", random::hex(8)?);
        let rights = rights(&name).map(|object| object.to_string());
        self.apply(&rights.join("\n---\n")).await?;
        let reviews: Api<SubjectAccessReview> = Api::all(self.client(ADMIN).await?);
        for (resource, namespace) in [("everywhere", ""), ("somewhere", "default")] {
            let review: SubjectAccessReview = serde_json::from_value(json!({"metadata": {}, "spec": {
                "user": name,
                "resourceAttributes": {"group": GROUP, "resource": resource, "verb": "get", "namespace": namespace},
            }}))?;
            wait_for("rights to count", DEADLINE, async || {
                let judged = reviews.create(&PostParams::default(), &review).await?;
                let allowed = judged.status.is_some_and(|status| status.allowed);
                Ok(allowed.then_some(()))
            })
            .await?;
        }
        Ok(())
    }
}

fn rights(name: &str) -> [Value; 4] {
    let api = "rbac.authorization.k8s.io";
    let everywhere = json!({"name": name});
    let somewhere = json!({"name": name, "namespace": "default"});
    let role = |kind: &str, metadata: &Value, resource: &str| {
        json!({"apiVersion": format!("{api}/v1"), "kind": kind, "metadata": metadata,
            "rules": [{"apiGroups": [GROUP], "resources": [resource], "verbs": ["get"]}]})
    };
    let binding = |kind: &str, metadata: &Value, role: &str| {
        json!({"apiVersion": format!("{api}/v1"), "kind": kind, "metadata": metadata,
            "roleRef": {"apiGroup": api, "kind": role, "name": name},
            "subjects": [{"apiGroup": api, "kind": "User", "name": name}]})
    };
    [
        role("ClusterRole", &everywhere, "everywhere"),
        binding("ClusterRoleBinding", &everywhere, "ClusterRole"),
        role("Role", &somewhere, "somewhere"),
        binding("RoleBinding", &somewhere, "Role"),
    ]
}
