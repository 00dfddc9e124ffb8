//! The real sealed-secrets controller as a peer, in a pod's clothes: it takes in-cluster configuration only.
//! It installs no CRD; which one stands there is the test's choice.

use std::{ops::Deref, time::Duration};

use anyhow::{Context, ensure};
use serde_json::json;

use crate::{ADMIN, ControlPlane, Process, tool, wait_for};

const NAME: &str = "sealed-secrets-controller";
const PORT: u16 = 8080;
const READY_DEADLINE: Duration = Duration::from_secs(180);

/// A running upstream controller with the rights of an administrator; ends when it is dropped.
pub struct UpstreamController {
    process: Process,
    namespace: String,
}

impl UpstreamController {
    /// Starts it in that namespace with those flags, and waits until it hands out its certificate through the
    /// service proxy (which is where `kubeseal` looks). One at a time on a plane: its port is fixed.
    pub async fn start(plane: &ControlPlane, namespace: &str, flags: &[&str]) -> anyhow::Result<Self> {
        ensure!(
            plane.has_own_network(),
            "upstream's controller needs ControlPlaneBuilder::own_network"
        );
        let program = tool(NAME)?;
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": format!("{namespace}-{NAME}")},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "namespace": namespace, "name": NAME}],
        });
        plane.apply(&binding.to_string()).await?;
        plane.expose(namespace, NAME, PORT).await?;
        let account = (namespace, NAME);
        let process = Process::start_as_pod(plane, account, &program, flags, []).await?;
        let controller = Self {
            process,
            namespace: namespace.to_owned(),
        };
        controller.wait_until_ready(plane).await?;
        Ok(controller)
    }

    async fn wait_until_ready(&self, plane: &ControlPlane) -> anyhow::Result<()> {
        let client = plane.client(ADMIN).await?;
        let path = format!(
            "/api/v1/namespaces/{}/services/http:{NAME}:http/proxy/v1/cert.pem",
            self.namespace
        );
        wait_for(
            "upstream's controller to hand out its certificate",
            READY_DEADLINE,
            async || {
                if let Some(code) = self.process.exit_code()? {
                    let log = self.process.log();
                    return Ok(Some(Err(anyhow::anyhow!(
                        "ended with {code}: {}",
                        log.lines().last().unwrap_or_default()
                    ))));
                }
                let request = http::Request::get(&path)
                    .body(Vec::new())
                    .context("a path of ours")?;
                let certificate = client.request_text(request).await?;
                Ok(certificate.contains("BEGIN CERTIFICATE").then_some(Ok(())))
            },
        )
        .await?
    }
}

impl Deref for UpstreamController {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}
