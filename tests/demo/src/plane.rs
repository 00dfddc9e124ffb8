//! The throwaway control plane of both demos with a cluster: raising it, starting in it what the chart's Deployment
//! would, and leaving it up. What is shown on it is theirs.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Container, EnvVar},
};
use kube::{Api, api::ListParams};
use seal_testbed::{ADMIN, ControlPlane, Process};

use crate::{
    peers::{self, Clients},
    stage::{self, BIN, Stage},
};

/// Where the chart goes, and where `seal` looks for the controller unless told otherwise.
pub(crate) const NAMESPACE: &str = "kube-system";
pub(crate) const DEADLINE: Duration = Duration::from_secs(180);
/// How much of its log is told when the controller did not do its work.
const LAST_LINES: usize = 12;

/// A plane, and the programs to type with.
pub(crate) async fn raise(stage: &mut Stage<'_>, clients: Clients) -> anyhow::Result<ControlPlane> {
    let begin = Instant::now();
    let plane = ControlPlane::start().await?;
    stage.provide("kubectl", clients.kubectl)?;
    stage.provide("helm", clients.helm)?;
    stage.set("KUBECONFIG", plane.kubeconfig(ADMIN).await?);
    let version = plane.client(ADMIN).await?.apiserver_version().await?;
    stage.narrator.aside(&format!(
        "Kubernetes {}, ready after {:.1} s at {}",
        version.git_version,
        begin.elapsed().as_secs_f64(),
        plane.url()
    ))?;
    Ok(plane)
}

/// The folders that lines of the demos name.
pub(crate) fn link_folders(stage: &Stage<'_>) -> anyhow::Result<()> {
    for folder in ["crds", "deploy"] {
        std::os::unix::fs::symlink(peers::checkout().join(folder), stage.path().join(folder))?;
    }
    Ok(())
}

/// Starts what the chart's Deployment would.
pub(crate) async fn start(stage: &Stage<'_>, plane: &ControlPlane) -> anyhow::Result<Process> {
    let pod = Pod::read(plane).await?;
    let user = format!("system:serviceaccount:{NAMESPACE}:{}", pod.account);
    let kubeconfig = plane.kubeconfig(&user).await?.display().to_string();
    let environment = pod
        .environment
        .iter()
        .map(|(name, value)| (name.as_str(), value.clone()));
    let process = Process::start_in(
        plane,
        &stage::our("seal-controller")?,
        &pod.arguments,
        environment.chain([("KUBECONFIG", kubeconfig)]),
    )?;
    stage.narrator.words(&format!(
        "\nNo kubelet runs here, so the demo starts what the Deployment would: seal-controller, process {},\n\
         as {user}, with that account's rights and no others.",
        process.pid()
    ))?;
    Ok(process)
}

/// Tells how to go on with what stays up; `more` are further variables, and further folders that end with it.
pub(crate) fn leave_up(
    stage: Stage<'_>,
    plane: ControlPlane,
    controller: Process,
    more: (Vec<String>, Vec<PathBuf>),
) -> anyhow::Result<()> {
    let (variables, others) = more;
    let narrator = stage.narrator;
    let kubeconfig = stage
        .variable("KUBECONFIG")
        .context("a plane came up")?
        .to_owned();
    let programs = stage::our("seal")?;
    let folder = plane.dir().join("demo");
    stage.keep_as(&folder)?;
    let plane = plane.detach([controller])?;
    narrator.heading("It stays up")?;
    let mut lines = vec![
        format!("export KUBECONFIG={}", kubeconfig.display()),
        format!(
            "export PATH={}:{}:$PATH",
            parent(&programs).display(),
            folder.join(BIN).display()
        ),
    ];
    lines.extend(variables.iter().map(|variable| format!("export {variable}")));
    lines.push(format!("cd {}", folder.display()));
    narrator.commands(&lines.iter().map(String::as_str).collect::<Vec<_>>())?;
    narrator
        .words("Nothing runs as a Pod here: where a certificate is wanted, name it with --cert cert.pem.")?;
    let folders: Vec<String> = [plane]
        .iter()
        .chain(&others)
        .map(|folder| folder.display().to_string())
        .collect();
    narrator.words(match others.is_empty() {
        true => "Removing its folder ends it and all that runs there:",
        false => "Removing its folders ends it and all that runs there:",
    })?;
    // It removes itself as soon as it notices, and is quicker here and there.
    narrator.commands(&[&format!("rm -rf {}", folders.join(" "))])?;
    Ok(())
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

/// What went wrong in the cluster is told best by the controller.
pub(crate) fn tell_log(outcome: anyhow::Result<()>, controller: &Process) -> anyhow::Result<()> {
    outcome.with_context(|| {
        let log = controller.log();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n");
        format!("the controller's last words:\n{last}\n")
    })
}

/// What the chart's Deployment would run.
struct Pod {
    account: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Pod {
    async fn read(plane: &ControlPlane) -> anyhow::Result<Self> {
        let deployments: Api<Deployment> = Api::namespaced(plane.client(ADMIN).await?, NAMESPACE);
        let found = deployments.list(&ListParams::default()).await?.items;
        let [deployment] = found.as_slice() else {
            anyhow::bail!("the chart has {} Deployments, and one was expected", found.len());
        };
        let pod = deployment
            .spec
            .as_ref()
            .and_then(|spec| spec.template.spec.as_ref())
            .context("a pod")?;
        let account = pod
            .service_account_name
            .clone()
            .context("the chart's pod has no service account")?;
        let container = pod
            .containers
            .first()
            .context("the chart's pod has no container")?;
        ensure!(
            pod.containers.len() == 1,
            "the chart's pod has more than one container"
        );
        Ok(Self {
            account,
            arguments: arguments(container),
            environment: environment(container),
        })
    }
}

/// Its ports are a pod's own; this machine's may be taken.
fn arguments(container: &Container) -> Vec<String> {
    let given = container.args.clone().unwrap_or_default();
    given
        .into_iter()
        .filter(|argument| !argument.starts_with("--listen-"))
        .collect()
}

fn environment(container: &Container) -> Vec<(String, String)> {
    let value = |variable: &EnvVar| {
        let field = variable
            .value_from
            .as_ref()
            .and_then(|source| source.field_ref.as_ref());
        match field.map(|field| field.field_path.as_str()) {
            Some("metadata.namespace") => Some(NAMESPACE.to_owned()),
            Some("metadata.name") => Some("demo".to_owned()),
            _ => variable.value.clone(),
        }
    };
    let given = container.env.iter().flatten();
    let mut environment: Vec<(String, String)> = given
        .filter_map(|variable| Some((variable.name.clone(), value(variable)?)))
        .collect();
    for listener in ["SEALED_SECRETS_LISTEN_ADDR", "SEALED_SECRETS_LISTEN_METRICS_ADDR"] {
        environment.push((listener.to_owned(), "127.0.0.1:0".to_owned()));
    }
    environment
}
