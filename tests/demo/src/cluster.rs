//! The second half, on a throwaway control plane: the chart's CRD and role, the controller under that role, the
//! SealedSecret of the first half becoming a native Secret, and a second key. It decides nothing about secrets.

use seal_testbed::{ControlPlane, Process, wait_for};

use crate::{
    narrator::Narrator,
    peers::Clients,
    plane::{self, DEADLINE, NAMESPACE, tell_log},
    stage::Stage,
};

/// Named as `seal` and `kubeseal` look for it, in the words of upstream's handbook.
const RELEASE: &str = "sealed-secrets deploy/helm/seal --set fullnameOverride=sealed-secrets-controller";

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
        true => plane::leave_up(stage, plane, controller, Default::default()),
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
    let clients = Clients::gather(stage, &[]).await?;
    plane::raise(stage, clients).await
}

async fn install(stage: &Stage<'_>, plane: &ControlPlane) -> anyhow::Result<Process> {
    stage.narrator.step(
        "Install",
        "The CRD, the chart with its service account and its least role, and the key of step 1. Where the\n\
         controller finds no key, it makes one.",
    )?;
    plane::link_folders(stage)?;
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

    plane::start(stage, plane).await
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
