//! The second half, on a throwaway control plane: the chart's CRD and role, the controller under that role, the
//! SealedSecret of the first half becoming a native Secret, and a second key. It decides nothing about secrets.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Container, EnvVar},
};
use kube::{Api, api::ListParams};
use seal_testbed::{ADMIN, ControlPlane, Process, wait_for};

use crate::{
    narrator::Narrator,
    peers::{self, Clients},
    stage::{self, Stage},
};

/// Where the chart goes, and where `seal` looks for the controller unless told otherwise.
const NAMESPACE: &str = "kube-system";
/// Named as `seal` and `kubeseal` look for it, in the words of upstream's handbook.
const RELEASE: &str = "sealed-secrets deploy/helm/seal --set fullnameOverride=sealed-secrets-controller";
const DEADLINE: Duration = Duration::from_secs(180);
/// How much of its log is told when the controller did not do its work.
const LAST_LINES: usize = 12;

/// Another Secret, for the second key.
const SECRET: &str = "\
apiVersion: v1
kind: Secret
metadata:
  name: mail
  namespace: default
stringData:
  token: a second secret
";

pub(crate) async fn show(mut stage: Stage<'_>, keep: bool) -> anyhow::Result<()> {
    let plane = raise(&mut stage).await?;
    let controller = install(&stage, &plane).await?;
    tell_log(unseal(&stage).await, &controller)?;
    tell_log(renew(&stage).await, &controller)?;
    match keep {
        true => leave_up(stage, plane, controller),
        false => {
            let narrator = stage.narrator;
            // Said afterwards, so that it is true.
            drop((stage, controller, plane));
            farewell(narrator)
        }
    }
}

async fn raise(stage: &mut Stage<'_>) -> anyhow::Result<ControlPlane> {
    stage.narrator.step(
        "A throwaway control plane",
        "A real etcd and a real API server on loopback, in a folder that goes when the demo ends.",
    )?;
    let Clients { kubectl, helm } = Clients::gather(stage).await?;
    let begin = Instant::now();
    let plane = ControlPlane::start().await?;
    stage.provide("kubectl", kubectl);
    stage.provide("helm", helm);
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

async fn install(stage: &Stage<'_>, plane: &ControlPlane) -> anyhow::Result<Process> {
    stage.narrator.step(
        "Install",
        "The CRD, the chart with its service account and its least role, and the key of step 1. Where the\n\
         controller finds no key, it makes one.",
    )?;
    for folder in ["crds", "deploy"] {
        std::os::unix::fs::symlink(peers::checkout().join(folder), stage.path().join(folder))?;
    }
    stage
        .run("kubectl apply -f crds/bitnami.com_sealedsecrets.yaml")
        .await?;
    stage
        .run(&format!(
            "helm template {RELEASE} --namespace {NAMESPACE} > chart.yaml"
        ))
        .await?;
    stage.run("kubectl apply -f chart.yaml").await?;
    stage.run("kubectl apply -f key.yaml").await?;

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

async fn unseal(stage: &Stage<'_>) -> anyhow::Result<()> {
    stage.narrator.step(
        "From Git into the cluster",
        "The file of step 3, as your GitOps tool applies it. The controller makes the native Secret.",
    )?;
    stage.run("kubectl apply -f sealed.yaml").await?;
    stage
        .run("kubectl wait sealedsecret/db --for=condition=Synced --timeout=60s")
        .await?;
    stage.run("kubectl get secret db -o yaml").await?;
    stage
        .run("kubectl get secret db -o go-template='{{.data.password | base64decode}}'")
        .await?;

    stage.narrator.step(
        "What it says about it",
        "Conditions for programs and people, events for those who watch.",
    )?;
    stage.run("kubectl get sealedsecret db").await?;
    let conditions = r#"'{range .status.conditions[*]}{.type}={.status} {.reason}{"\n"}{end}'"#;
    stage
        .run(&format!("kubectl get sealedsecret db -o jsonpath={conditions}"))
        .await?;
    // Status comes after the deed, and the event after the status.
    let event = "kubectl get events --field-selector involvedObject.name=db,reason=Unsealed -o name";
    let told = async || Ok(stage.ask(event).await?.filter(|names| !names.is_empty()));
    wait_for("the event", DEADLINE, told).await?;
    stage.run("kubectl events --for sealedsecret/db").await
}

async fn renew(stage: &Stage<'_>) -> anyhow::Result<()> {
    stage.narrator.step(
        "A second key",
        "A new Secret is sealed with the new key. What the old one sealed still opens: its Secret comes back.",
    )?;
    stage
        .run("seal keygen --name sealed-secrets-key-2 --manifest key-2.yaml --cert-file cert-2.pem")
        .await?;
    stage.run("kubectl apply -f key-2.yaml").await?;
    stage.write("mail.yaml", SECRET)?;
    stage
        .run("seal seal mail.yaml --cert cert-2.pem -w mail-sealed.yaml")
        .await?;
    stage.run("kubectl apply -f mail-sealed.yaml").await?;
    stage.run("kubectl delete secret db").await?;
    let back = async || stage.ask("kubectl get secret db").await;
    wait_for("the Secret db to come back", DEADLINE, back).await?;
    stage
        .run("kubectl wait sealedsecret/db sealedsecret/mail --for=condition=Synced --timeout=60s")
        .await?;
    stage.run("kubectl get sealedsecrets,secrets").await
}

fn leave_up(stage: Stage<'_>, plane: ControlPlane, controller: Process) -> anyhow::Result<()> {
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
    narrator.commands(&[
        &format!("export KUBECONFIG={}", kubeconfig.display()),
        &format!("export PATH={}:$PATH", parent(&programs).display()),
        &format!("cd {}", folder.display()),
    ])?;
    narrator.words("Removing its folder ends it and all that runs there:")?;
    narrator.commands(&[&format!("rm -r {}", plane.display())])?;
    Ok(())
}

fn farewell(narrator: &Narrator) -> anyhow::Result<()> {
    narrator.heading("What next")?;
    narrator.words("The control plane is gone again, with everything on it.")?;
    narrator.suggestions(&[
        ("one that stays up", "cargo xtask demo --keep"),
        (
            "a cluster of yours",
            "kubectl apply -f crds/bitnami.com_sealedsecrets.yaml",
        ),
        ("", &format!("helm install {RELEASE} --namespace {NAMESPACE}")),
        (
            "a secret of yours",
            "seal my-secret.yaml -w my-sealed-secret.yaml",
        ),
        ("all the rest", "seal --help, README.md"),
    ])?;
    Ok(())
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

/// What went wrong in the cluster is told best by the controller.
fn tell_log(outcome: anyhow::Result<()>, controller: &Process) -> anyhow::Result<()> {
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
