//! Where the tests stand: the control plane, the chart's role, the programs; in the rooms behind it
//! controllers, namespaces and keys. It asserts nothing about the controller.

mod controller;
mod keys;
mod place;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::ensure;
use kube::Client;
use seal_testbed::{ADMIN, ControlPlane, FaultProxy, tool, wait_for};
pub(crate) use seal_tests::built;
use tokio::sync::OnceCell;

pub(crate) use controller::Controller;
pub(crate) use keys::{certificate_of, key_secret, sealing_key};
pub(crate) use place::{Place, condition, place, place_for, place_of, template, value, with_scope};

/// Enough for a controller on two busy cores.
pub(crate) const SOON: Duration = Duration::from_secs(120);
/// The namespace of the controller that serves most tests.
pub(crate) const HOME: &str = "seal";
/// The label of objects that it leaves to another controller.
pub(crate) const APART: &str = "seal-test-apart";

static PLANE: OnceCell<ControlPlane> = OnceCell::const_new();

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The CRD.
pub(crate) fn crd() -> anyhow::Result<String> {
    Ok(std::fs::read_to_string(
        root().join("crds/bitnami.com_sealedsecrets.yaml"),
    )?)
}

/// The CRD of what is asked of sealing keys.
fn our_crd(plural: &str) -> anyhow::Result<String> {
    Ok(std::fs::read_to_string(
        root().join(format!("crds/sealops.dev_{plural}.yaml")),
    )?)
}

/// The plane with the CRD.
pub(crate) async fn plane() -> &'static ControlPlane {
    let start = async || {
        let plane = ControlPlane::builder().controller_manager().start().await?;
        plane.apply(&crd()?).await?;
        for definition in ["sealingkeyrings", "reencryptions"] {
            plane.apply(&our_crd(definition)?).await?;
        }
        anyhow::Ok(plane)
    };
    PLANE
        .get_or_init(async || start().await.expect("a control plane"))
        .await
}

/// A client that may do everything.
pub(crate) async fn admin() -> Client {
    plane().await.client(ADMIN).await.expect("a client")
}

/// The chart's objects, with these settings.
pub(crate) fn chart(namespace: &str, settings: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new(tool("helm")?);
    command
        .args(["template", "seal", "--namespace", namespace])
        .arg(root().join("deploy/helm/seal"));
    for setting in settings {
        command.args(["--set", setting]);
    }
    let output = command.output()?;
    ensure!(
        output.status.success(),
        "helm: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// The user as which a controller of that namespace runs.
pub(crate) fn account(namespace: &str) -> String {
    format!("system:serviceaccount:{namespace}:seal")
}

/// `seal-controller`, built.
pub(crate) fn binary() -> anyhow::Result<PathBuf> {
    built("seal-controller", "seal-controller")
}

/// Gives that namespace's account the chart's role, and nothing else.
pub(crate) async fn grant(namespace: &str) -> anyhow::Result<()> {
    grant_on(plane().await, namespace).await
}

/// The same on another plane.
pub(crate) async fn grant_on(plane: &ControlPlane, namespace: &str) -> anyhow::Result<()> {
    plane.namespace(namespace).await?;
    let name = format!("fullnameOverride={namespace}");
    let rendered = chart(namespace, &[&name, "serviceAccount.name=seal"])?;
    let rbac = [
        "kind: ClusterRole\n",
        "kind: ClusterRoleBinding\n",
        "kind: Role\n",
        "kind: RoleBinding\n",
    ];
    let rights = rendered
        .split("\n---\n")
        .filter(|document| rbac.iter().any(|kind| document.contains(kind)));
    plane.apply(&rights.collect::<Vec<_>>().join("\n---\n")).await?;
    plane.rights_count().await
}

/// Waits until so many requests with `part` in their path have met that fault.
pub(crate) async fn met(proxy: &FaultProxy<'_>, fault: &str, part: &str, times: usize) {
    let what = format!("{times} requests for {part} to meet: {fault}");
    let met = wait_for(&what, SOON, async || {
        let seen = proxy.seen().into_iter();
        let met = seen.filter(|seen| seen.fault == Some(fault) && seen.uri.contains(part));
        Ok((met.count() >= times).then_some(()))
    });
    met.await.expect("the fault");
}
