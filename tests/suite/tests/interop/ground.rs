//! A control plane where kubeseal finds a controller, and the programs under test. It asserts nothing
//! about either side.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::Client;
use kube::api::{Api, ListParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use seal_api::annotations::{KEY_ACTIVE, KEY_LABEL};
use seal_api::{Condition, SealedSecret, Secret};
use seal_cluster::keys::{SealingKey, read_key};
use seal_core::{Certificate, KeyRing, PrivateKey, RingKey, Scope};
use seal_testbed::{ADMIN, ControlPlane, Process, Program, sealed_secrets_crd, tool, wait_for};
use seal_tests::built;

/// Where kubeseal looks for a controller.
pub(crate) const HOME: &str = "kube-system";
/// The controller's service and account.
pub(crate) const SERVICE: &str = "sealed-secrets-controller";
pub(crate) const SOON: Duration = Duration::from_secs(180);

/// A plane with a network of its own, upstream's CRD and the namespaces of the tests.
pub(crate) async fn plane() -> anyhow::Result<ControlPlane> {
    let plane = ControlPlane::builder().own_network().start().await?;
    plane.apply(&sealed_secrets_crd()?).await?;
    for namespace in [HOME, "prod", "staging"] {
        plane.namespace(namespace).await?;
    }
    Ok(plane)
}

/// Our controller where upstream's was: same namespace, account, service and port.
pub(crate) async fn our_controller(plane: &ControlPlane, flags: &[&str]) -> anyhow::Result<Process> {
    our_controller_as(plane, SERVICE, flags).await
}

/// The same under another account.
pub(crate) async fn our_controller_as(
    plane: &ControlPlane,
    account: &str,
    flags: &[&str],
) -> anyhow::Result<Process> {
    let program = built("seal-controller", "seal-controller")?;
    let process = Process::start_as_pod(plane, (HOME, account), &program, flags, []).await?;
    wait_for(
        "our controller to be ready and hand out its certificate",
        SOON,
        async || {
            if let Some(code) = process.exit_code()? {
                return Ok(Some(Err(anyhow::anyhow!("ended with {code}: {}", process.log()))));
            }
            // It hands out certificates before it takes care of objects.
            let ready = process.log().lines().any(|line| line.ends_with("INFO ready"));
            let served = served_certificate(plane).await.ok().filter(|_| ready);
            Ok(served.map(|_| Ok(())))
        },
    )
    .await??;
    Ok(process)
}

/// Gives that account the chart's roles, and nothing else.
pub(crate) async fn grant(plane: &ControlPlane, account: &str) -> anyhow::Result<()> {
    let name = format!("serviceAccount.name={account}");
    let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/helm/seal");
    let helm =
        Program::new(tool("helm")?).args(["template", "seal", "--namespace", HOME, "--set", &name, chart]);
    let rendered = tokio::task::spawn_blocking(|| helm.run())
        .await??
        .success()?
        .out();
    for document in rendered.split("\n---\n") {
        let kind = document.lines().find_map(|line| line.strip_prefix("kind: "));
        if kind.is_some_and(|kind| kind.contains("Role")) {
            plane.apply(document).await?;
        }
    }
    Ok(())
}

/// A condition of the object's status.
pub(crate) fn condition<'a>(object: &'a SealedSecret, kind: &str) -> Option<&'a Condition> {
    let conditions = &object.status.as_ref()?.conditions;
    conditions.iter().find(|condition| condition.kind == kind)
}

/// What the controller hands out through the service proxy.
pub(crate) async fn served_certificate(plane: &ControlPlane) -> anyhow::Result<Certificate> {
    let path = format!("/api/v1/namespaces/{HOME}/services/http:{SERVICE}:http/proxy/v1/cert.pem");
    let request = http::Request::get(path).body(Vec::new())?;
    let pem = plane.client(ADMIN).await?.request_text(request).await?;
    Ok(Certificate::from_pem(pem.as_bytes())?)
}

/// Runs a sealing program on a Secret in namespace `prod`, and reads what it printed.
pub(crate) async fn seal_with(
    plane: &ControlPlane,
    program: &Path,
    arguments: &[&str],
    name: &str,
    entries: &[(&str, &str)],
) -> anyhow::Result<SealedSecret> {
    let values: serde_json::Map<_, _> = entries
        .iter()
        .map(|(entry, value)| ((*entry).to_owned(), (*value).into()))
        .collect();
    let secret = serde_json::json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "prod"}, "stringData": values,
    });
    let kubeconfig = plane.kubeconfig(ADMIN).await?;
    let program = Program::new(program)
        .args(arguments)
        .env("KUBECONFIG", kubeconfig)
        .stdin(secret.to_string());
    let done = tokio::task::spawn_blocking(|| program.run()).await??.success()?;
    Ok(serde_json::from_slice(&done.stdout)?)
}

/// The real kubeseal.
pub(crate) fn kubeseal() -> anyhow::Result<PathBuf> {
    tool("kubeseal")
}

/// The arguments for a scope.
pub(crate) fn scope_flag(scope: Scope) -> String {
    format!("--scope={scope}")
}

/// Applies the object under another name and namespace, as its scope allows.
pub(crate) async fn apply_as(
    plane: &ControlPlane,
    object: &SealedSecret,
    namespace: &str,
    name: &str,
) -> anyhow::Result<()> {
    let mut object = object.clone();
    object.metadata.namespace = Some(namespace.to_owned());
    object.metadata.name = Some(name.to_owned());
    plane.apply(&serde_json::to_string(&object)?).await
}

/// The Secret, once it holds exactly these entries.
pub(crate) async fn secret_with(
    client: &Client,
    namespace: &str,
    name: &str,
    entries: &[(&str, &str)],
) -> anyhow::Result<Secret> {
    let what = format!("the Secret {namespace}/{name} with its values");
    let path = format!("/api/v1/namespaces/{namespace}/secrets/{name}");
    wait_for(&what, SOON, async || {
        let text = client
            .request_text(http::Request::get(&path).body(Vec::new())?)
            .await?;
        let secret = Secret::from_json(text.as_bytes())?;
        let same = secret.data.len() == entries.len()
            && entries.iter().all(|(entry, value)| {
                secret
                    .data
                    .get(*entry)
                    .is_some_and(|stands| stands.matches(value.as_bytes()))
            });
        Ok(same.then_some(secret))
    })
    .await
}

/// The active sealing keys on the cluster, read as our controller reads them.
pub(crate) async fn sealing_keys(client: &Client) -> anyhow::Result<Vec<SealingKey>> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Secret"));
    let secrets: Api<DynamicObject> = Api::namespaced_with(client.clone(), HOME, &resource);
    let active = ListParams::default().labels(&format!("{KEY_LABEL}={KEY_ACTIVE}"));
    let mut keys = Vec::new();
    for secret in secrets.list(&active).await? {
        let secret = Secret::from_json(&serde_json::to_vec(&secret)?)?;
        keys.push(read_key(&secret)?);
    }
    Ok(keys)
}

/// A ring of them.
pub(crate) fn ring(keys: Vec<SealingKey>) -> KeyRing {
    let key = |key: SealingKey| RingKey::new(key.private, key.certificate.not_before());
    KeyRing::new(keys.into_iter().map(key).collect()).expect("a cluster has a key")
}

/// A throwaway key of `tests/vectors/keys`, and its certificate.
pub(crate) fn vector_key(name: &str) -> anyhow::Result<(PrivateKey, Certificate)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/keys");
    let read = |file: String| std::fs::read(folder.join(file));
    let key = PrivateKey::from_pem(&read(format!("{name}.pkcs1.pem"))?)?;
    Ok((key, Certificate::from_pem(&read(format!("{name}.crt"))?)?))
}
