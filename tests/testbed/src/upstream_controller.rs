//! The real sealed-secrets controller as a peer, in a pod's clothes: it takes in-cluster configuration only.
//! It installs no CRD; which one stands there is the test's choice.

use std::{
    ffi::OsString,
    fs,
    ops::{Deref, DerefMut},
    time::Duration,
};

use anyhow::{Context, ensure};
use serde_json::json;

use crate::{ADMIN, ControlPlane, Process, newest_tool, process::SUPERVISOR, wait_for};

const NAME: &str = "sealed-secrets-controller";
const PORT: u16 = 8080;
const READY_DEADLINE: Duration = Duration::from_secs(60);

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
        let program = newest_tool(NAME)?;
        let token = plane.service_account(namespace, NAME).await?;
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": format!("{namespace}-{NAME}")},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "namespace": namespace, "name": NAME}],
        });
        plane.apply(&binding.to_string()).await?;
        plane.expose(namespace, NAME, PORT).await?;
        let log = plane.new_log(&program);
        let credentials = plane.dir().join(format!("kubeconfigs/{namespace}-{NAME}"));
        fs::create_dir_all(&credentials)?;
        for (file, content) in [
            ("token", token.as_str()),
            ("ca.crt", plane.ca_pem()),
            ("namespace", namespace),
        ] {
            fs::write(credentials.join(file), content)?;
        }
        let mut command: Vec<OsString> = ["unshare", "--mount", SUPERVISOR, "pod"]
            .map(OsString::from)
            .into();
        command.extend([credentials.into(), OsString::from("--"), program.into()]);
        command.extend(flags.iter().map(OsString::from));
        let (host, port) = (plane.address().to_owned(), plane.port().to_string());
        let environment = [
            ("KUBERNETES_SERVICE_HOST", host),
            ("KUBERNETES_SERVICE_PORT", port),
        ];
        let process = Process::start(log, plane.enter(), command.into_iter(), environment)?;
        let mut controller = Self {
            process,
            namespace: namespace.to_owned(),
        };
        controller.wait_until_ready(plane).await?;
        Ok(controller)
    }

    async fn wait_until_ready(&mut self, plane: &ControlPlane) -> anyhow::Result<()> {
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

impl DerefMut for UpstreamController {
    fn deref_mut(&mut self) -> &mut Process {
        &mut self.process
    }
}
