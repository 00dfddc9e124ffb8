//! Values from a store: an OpenBao beside the control plane, who may read what in it, an ExternalSecret that becomes a
//! native Secret, and a change that follows. It decides nothing about secrets.

use std::{path::PathBuf, time::Instant};

use seal_testbed::{ADMIN, ControlPlane, OpenBao, Process, tool, wait_for};
use serde_json::json;

use crate::{
    narrator::Narrator,
    peers::Clients,
    plane::{self, DEADLINE, NAMESPACE, tell_log},
    stage::Stage,
};

/// Stores on the controller's own machine are refused unless asked for.
const RELEASE: &str =
    "seal deploy/helm/seal --set externalSecrets.enabled=true --set 'extraArgs={--stores-on-loopback}'";

/// What the store holds, before and after. The values are written plainly since they are nobody's.
const BEFORE: &str = "{\"username\": \"shop\", \"password\": \"correct horse battery staple\"}\n";
const AFTER: &str = "{\"username\": \"shop\", \"password\": \"a password of today\"}\n";
const PASSWORD_OF_TODAY: &str = "a password of today";

const POLICY: &str = "\
path \"secret/data/shop/*\" { capabilities = [\"read\"] }
";

const ROLE: &str = "bao write auth/kubernetes/role/shop bound_service_account_names=shop \
                    bound_service_account_namespaces=default token_policies=shop audience=vault";

const FAILED: &str = r#"kubectl get externalsecret typo -o go-template='{{range .status.failedEntries}}{{.field}} ({{.secretKey}}), {{.path}} of {{.store}}: {{.message}}{{"\n"}}{{.remedy}}{{"\n"}}{{end}}'"#;

const ENTRY: &str = "kubectl get secret db -o go-template='{{.data.password | base64decode}}'";

/// The SecretStore says where the store is and as whom it is asked.
fn store(url: &str) -> String {
    format!(
        "\
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata:
  name: vault
spec:
  provider:
    vault:
      server: {url}
      path: secret
      auth:
        kubernetes:
          mountPath: kubernetes
          role: shop
          serviceAccountRef: {{name: shop, audiences: [vault]}}
"
    )
}

/// An ExternalSecret of one entry.
fn external_secret(name: &str, property: &str) -> String {
    format!(
        "\
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata:
  name: {name}
spec:
  refreshInterval: 5s
  secretStoreRef: {{name: vault}}
  data:
    - secretKey: password
      remoteRef: {{key: shop/db, property: {property}}}
"
    )
}

pub(crate) async fn show(mut stage: Stage<'_>, keep: bool) -> anyhow::Result<()> {
    stage.narrator.step(
        "A throwaway control plane, and a store",
        "A real etcd, a real API server and a real OpenBao on loopback; all of it goes when the demo ends.\n\
         OpenBao is Vault's open successor and speaks Vault's API; a Vault is asked in the same way.",
    )?;
    let clients = Clients::gather(&stage, &["bao"]).await?;
    let plane = plane::raise(&mut stage, clients).await?;
    let vault = open(&mut stage, &plane).await?;
    let controller = install(&stage, &plane).await?;
    fill(&stage).await?;
    tell_log(fetch(&stage, &vault).await, &controller)?;
    tell_log(follow(&stage).await, &controller)?;
    tell_log(fail(&stage).await, &controller)?;
    match keep {
        true => leave_up(stage, plane, controller, vault),
        false => {
            let narrator = stage.narrator;
            // Said afterwards, so that it is true.
            drop((stage, controller, plane, vault));
            farewell(narrator)
        }
    }
}

/// A store that knows this cluster's service accounts.
async fn open(stage: &mut Stage<'_>, plane: &ControlPlane) -> anyhow::Result<OpenBao> {
    let begin = Instant::now();
    let vault = OpenBao::start().await?;
    stage.narrator.aside(&format!(
        "OpenBao, unsealed after {:.1} s at {}",
        begin.elapsed().as_secs_f64(),
        vault.url()
    ))?;
    stage.provide("bao", tool("bao")?)?;
    stage.set("BAO_ADDR", PathBuf::from(vault.url()));
    stage.set("BAO_TOKEN", PathBuf::from(vault.root_token()));
    // In a pod it would find all of this by itself.
    vault.enable_auth("kubernetes", "kubernetes").await?;
    let cluster = json!({
        "kubernetes_host": plane.url(), "kubernetes_ca_cert": plane.ca_pem(),
        "token_reviewer_jwt": plane.token(ADMIN).await?, "disable_local_ca_jwt": true,
    });
    vault.call("POST", "auth/kubernetes/config", &cluster).await?;
    Ok(vault)
}

async fn install(stage: &Stage<'_>, plane: &ControlPlane) -> anyhow::Result<Process> {
    stage.narrator.step(
        "Install",
        "The definitions and the chart, with ExternalSecrets switched on.",
    )?;
    plane::link_folders(stage)?;
    stage.run("kubectl apply --server-side -f crds/").await?;
    // Established a moment after they are applied; whoever types is slower than that.
    let established = "kubectl wait crd --all --for=condition=Established --timeout=60s";
    wait_for("the definitions to be served", DEADLINE, async || {
        stage.ask(established).await
    })
    .await?;
    let render = format!("helm template {RELEASE} --namespace {NAMESPACE} > chart.yaml");
    stage.run(&render).await?;
    stage.run("kubectl apply -f chart.yaml").await?;
    plane::start(stage, plane).await
}

async fn fill(stage: &Stage<'_>) -> anyhow::Result<()> {
    stage.narrator.step(
        "A secret in the store, and who may read it",
        "The store lets the service account shop of the namespace default read what lies below shop/. That it knows\n\
         this cluster's accounts is its administrator's doing, once: bao auth enable kubernetes, and\n\
         bao write auth/kubernetes/config with the API server's address. The demo has done it.",
    )?;
    stage.write("db.json", BEFORE)?;
    stage.run("bao kv put -mount=secret shop/db @db.json").await?;
    stage.write("shop.hcl", POLICY)?;
    stage.run("bao policy write shop shop.hcl").await?;
    stage.run(ROLE).await?;
    stage.run("kubectl create serviceaccount shop").await
}

async fn fetch(stage: &Stage<'_>, vault: &OpenBao) -> anyhow::Result<()> {
    stage.narrator.step(
        "From the store into the cluster",
        "What you commit: where the store is, and which of its values become which entries. No value, no password.",
    )?;
    stage.write("vault.yaml", &store(&vault.url()))?;
    stage.write("db.yaml", &external_secret("db", "password"))?;
    stage.run("kubectl apply -f vault.yaml -f db.yaml").await?;
    stage
        .run("kubectl wait externalsecret/db --for=condition=Ready --timeout=60s")
        .await?;
    stage
        .run("kubectl get secretstores,externalsecrets,secrets")
        .await?;
    stage.run(ENTRY).await
}

async fn follow(stage: &Stage<'_>) -> anyhow::Result<()> {
    stage.narrator.step(
        "The value changes",
        "Somebody writes a new password to the store. Nothing else is done: the ExternalSecret is looked at every\n\
         five seconds here (an hour, unless you say otherwise).",
    )?;
    stage.write("db.json", AFTER)?;
    stage.run("bao kv put -mount=secret shop/db @db.json").await?;
    let begin = Instant::now();
    let followed = async || {
        let said = stage.ask(ENTRY).await?;
        Ok(said.filter(|said| said == PASSWORD_OF_TODAY))
    };
    wait_for("the Secret to follow", DEADLINE, followed).await?;
    stage.narrator.aside(&format!(
        "\nThe Secret had it {:.1} s later.",
        begin.elapsed().as_secs_f64()
    ))?;
    stage.run(ENTRY).await
}

async fn fail(stage: &Stage<'_>) -> anyhow::Result<()> {
    stage.narrator.step(
        "When something is wrong",
        "A property that is not there. The status names the entry, the path and what to do.",
    )?;
    stage.write("typo.yaml", &external_secret("typo", "pasword"))?;
    stage.run("kubectl apply -f typo.yaml").await?;
    stage
        .run("kubectl wait externalsecret/typo --for=condition=Ready=False --timeout=60s")
        .await?;
    stage.run(FAILED).await
}

fn leave_up(
    stage: Stage<'_>,
    plane: ControlPlane,
    controller: Process,
    vault: OpenBao,
) -> anyhow::Result<()> {
    // A development server's own token, as that prints it: it ends with the server.
    let variables = vec![
        format!("BAO_ADDR={}", vault.url()),
        format!("BAO_TOKEN={}", vault.root_token()),
    ];
    let narrator = stage.narrator;
    let folder = vault.detach()?;
    plane::leave_up(stage, plane, controller, (variables, vec![folder]))?;
    narrator.words("Change db.json, write it to the store again, and look at the Secret:")?;
    narrator.commands(&["bao kv put -mount=secret shop/db @db.json", ENTRY])?;
    Ok(())
}

fn farewell(narrator: &Narrator) -> anyhow::Result<()> {
    narrator.heading("What next")?;
    narrator.words("The control plane and the store are gone again, with everything in them.")?;
    narrator.suggestions(&[
        ("one that stays up", "cargo xtask demo vault --keep"),
        (
            "your store, your cluster",
            "README.md, \"Values from Vault and OpenBao\"",
        ),
        ("several teams, one store", "deploy/external-secrets.md"),
        (
            "coming from external-secrets",
            "deploy/external-secrets.md: what differs, and its switches",
        ),
    ])?;
    Ok(())
}
