//! The ground that chaos comes over: the plane with the CRD and the chart's role, the replicas, what
//! stands there from the beginning. What is done to them is `perform`'s.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::PostParams;
use kube::{Api, Client};
use seal_testbed::{ADMIN, ControlPlane, Program, tool};
use serde_json::json;

use crate::place::NAMESPACES;
use crate::replica::{Replica, demand_clocks};

/// The controller's namespace.
pub(crate) const HOME: &str = "seal";
/// As which the replicas run.
pub(crate) const USER: &str = "system:serviceaccount:seal:seal";
/// How many replicas there are.
pub(crate) const REPLICAS: usize = 2;
const LEASE: &str = "seal-controller";
// A lead that changes often: what is far apart in a cluster happens within a minute.
const FLAGS: [&str; 8] = [
    "--listen-addr=127.0.0.1:0",
    "--listen-metrics-addr=127.0.0.1:0",
    "--log-format=json",
    "--key-size=2048",
    "--key-renew-period=0",
    "--leader-elect-lease-duration=5s",
    "--leader-elect-renew-deadline=3s",
    "--leader-elect-retry-period=500ms",
];

/// The plane with the CRD, the role and the namespaces.
pub(crate) async fn plane(stores: bool) -> anyhow::Result<ControlPlane> {
    let plane = ControlPlane::builder().controller_manager().start().await?;
    for crd in std::fs::read_dir(root().join("crds"))? {
        let path = crd?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            plane.apply(&std::fs::read_to_string(path)?).await?;
        }
    }
    for namespace in NAMESPACES.into_iter().chain([HOME]) {
        plane.namespace(namespace).await?;
    }
    let chart = Program::new(tool("helm")?)
        .args(["template", "seal", "--namespace", HOME])
        .args([
            "--set",
            "fullnameOverride=seal-chaos",
            "--set",
            "serviceAccount.name=seal",
            "--set",
            &format!("externalSecrets.enabled={stores}"),
        ])
        .arg(root().join("deploy/helm/seal"))
        .run()?
        .success()?
        .out();
    let rbac = [
        "kind: ClusterRole\n",
        "kind: ClusterRoleBinding\n",
        "kind: Role\n",
        "kind: RoleBinding\n",
    ];
    for document in chart.split("\n---\n") {
        if rbac.iter().any(|kind| document.contains(kind)) {
            plane.apply(document).await?;
        }
    }
    Ok(plane)
}

/// The replicas on a plane.
pub(crate) struct Stage<'a> {
    pub(crate) plane: &'a ControlPlane,
    pub(crate) client: Client,
    pub(crate) replicas: Vec<Replica<'a>>,
    /// How often a replica ended by itself.
    pub(crate) ended: usize,
    flags: Vec<&'static str>,
}

impl<'a> Stage<'a> {
    /// Puts everything there; starts nothing yet.
    pub(crate) async fn set(plane: &'a ControlPlane, more_flags: &[&'static str]) -> anyhow::Result<Self> {
        demand_clocks()?;
        let client = plane.client(ADMIN).await?;
        for namespace in NAMESPACES {
            let bystander = json!({"metadata": {"name": "bystander"}, "stringData": {"a": "nobody's"}});
            let secrets: Api<k8s_openapi::api::core::v1::Secret> = Api::namespaced(client.clone(), namespace);
            secrets
                .create(&PostParams::default(), &serde_json::from_value(bystander)?)
                .await?;
        }
        let binary = controller()?;
        let mut replicas = Vec::new();
        for number in 0..REPLICAS {
            replicas.push(Replica::prepare(plane, number, USER, &binary).await?);
        }
        Ok(Self {
            plane,
            client,
            replicas,
            ended: 0,
            flags: FLAGS.iter().chain(more_flags).copied().collect(),
        })
    }

    /// Starts all replicas.
    pub(crate) async fn start(&mut self) -> anyhow::Result<()> {
        for replica in &mut self.replicas {
            replica.start(&self.flags, None).await?;
        }
        Ok(())
    }

    /// Starts one replica again.
    pub(crate) async fn start_again(&mut self, at: usize, clock_ahead: Option<u32>) -> anyhow::Result<()> {
        self.replicas[at].start(&self.flags, clock_ahead).await
    }

    /// Does what a kubelet does, and lets replicas go on whose time has come (or all, at once). Tells of
    /// those that ended by themselves.
    pub(crate) async fn tend(&mut self, at_once: bool) -> anyhow::Result<Vec<String>> {
        let mut news = Vec::new();
        for at in 0..self.replicas.len() {
            if let Some(code) = self.replicas[at].tend(at_once)? {
                self.ended += 1;
                news.push(format!(
                    "{} ended by itself with {code} and is started again",
                    self.replicas[at].pod
                ));
            }
            if !self.replicas[at].is_alive() {
                self.start_again(at, None).await?;
            }
        }
        Ok(news)
    }

    /// The replica that leads; the first where nobody does or can be asked.
    pub(crate) async fn leader(&self) -> usize {
        let leases: Api<Lease> = Api::namespaced(self.client.clone(), HOME);
        let holder = leases
            .get_opt(LEASE)
            .await
            .ok()
            .flatten()
            .and_then(|lease| lease.spec)
            .and_then(|spec| spec.holder_identity)
            .unwrap_or_default();
        let leads = |replica: &Replica| holder.starts_with(&replica.pod);
        self.replicas.iter().position(leads).unwrap_or_default()
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

// Compiled with this program and lying beside it.
fn controller() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let binary = own.parent().context("a folder")?.join("seal-controller");
    ensure!(
        binary.is_file(),
        "{} is not there: run `cargo xtask chaos`, which compiles it",
        binary.display()
    );
    Ok(binary)
}
