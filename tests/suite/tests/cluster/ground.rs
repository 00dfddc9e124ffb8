//! Where the tests stand: the control plane, the chart's role, controllers, namespaces, and what is
//! asked of them all the time. It asserts nothing about the controller.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, Secret as CoreSecret};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::core::DynamicObject;
use kube::{Api, Client};
use seal_api::{SealedSecret, SealedSecretSpec, SecretTemplate, annotations};
use seal_core::{
    Certificate, Namespace, ObjectName, PrivateKey, Scope, SelfSigned, SystemRandom, encode_base64, seal,
};
use seal_testbed::{ADMIN, ControlPlane, FaultProxy, Process, tool, wait_for};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

/// Enough for a controller on two busy cores.
pub(crate) const SOON: Duration = Duration::from_secs(120);
/// The namespace of the controller that serves most tests.
pub(crate) const HOME: &str = "seal";
/// The label of objects that it leaves to another controller.
pub(crate) const APART: &str = "seal-test-apart";

static PLANE: OnceCell<ControlPlane> = OnceCell::const_new();
static SHARED: OnceCell<Controller> = OnceCell::const_new();
static NUMBER: AtomicUsize = AtomicUsize::new(1);

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
fn key_ring_crd() -> anyhow::Result<String> {
    Ok(std::fs::read_to_string(
        root().join("crds/sealops.dev_sealingkeyrings.yaml"),
    )?)
}

/// The plane with the CRD.
pub(crate) async fn plane() -> &'static ControlPlane {
    let start = async || {
        let plane = ControlPlane::builder().controller_manager().start().await?;
        plane.apply(&crd()?).await?;
        plane.apply(&key_ring_crd()?).await?;
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

/// A binary of that package, built.
pub(crate) fn built(package: &str, program: &str) -> anyhow::Result<PathBuf> {
    // The folder of this test's own binary is `deps` below the one that is wanted.
    let here = std::env::current_exe()?;
    let folder = here.parent().and_then(Path::parent).context("a target folder")?;
    let mut build = Command::new(env!("CARGO"));
    build
        .args(["build", "--quiet", "--package", package, "--bin", program])
        .current_dir(root());
    if folder.ends_with("release") {
        build.arg("--release");
    }
    ensure!(build.status()?.success(), "{program} does not build");
    Ok(folder.join(program))
}

/// `seal-controller`, built.
pub(crate) fn binary() -> anyhow::Result<PathBuf> {
    built("seal-controller", "seal-controller")
}

/// A running controller and where it listens.
pub(crate) struct Controller {
    pub(crate) process: Process,
    pub(crate) namespace: String,
    api: String,
    metrics: String,
}

/// Gives that namespace's account the chart's role, and nothing else.
pub(crate) async fn grant(namespace: &str) -> anyhow::Result<()> {
    grant_on(plane().await, namespace).await
}

/// The same on another plane.
pub(crate) async fn grant_on(plane: &ControlPlane, namespace: &str) -> anyhow::Result<()> {
    plane.namespace(namespace).await?;
    for document in chart(
        namespace,
        &[
            &format!("fullnameOverride={namespace}"),
            "serviceAccount.name=seal",
        ],
    )?
    .split("\n---\n")
    {
        let rbac = [
            "kind: ClusterRole\n",
            "kind: ClusterRoleBinding\n",
            "kind: Role\n",
            "kind: RoleBinding\n",
        ];
        if rbac.iter().any(|kind| document.contains(kind)) {
            plane.apply(document).await?;
        }
    }
    Ok(())
}

impl Controller {
    /// The one that serves most tests.
    pub(crate) async fn shared() -> &'static Self {
        SHARED
            .get_or_init(async || {
                Self::start(HOME, &[&format!("--label-selector=!{APART}")])
                    .await
                    .expect("a controller")
            })
            .await
    }

    /// One with these flags in a namespace of its own.
    pub(crate) async fn start(namespace: &str, flags: &[&str]) -> anyhow::Result<Self> {
        grant(namespace).await?;
        let kubeconfig = plane().await.kubeconfig(&account(namespace)).await?;
        Self::start_with(namespace, flags, &kubeconfig).await
    }

    /// The same behind a proxy.
    pub(crate) async fn behind(
        proxy: &FaultProxy<'_>,
        namespace: &str,
        flags: &[&str],
    ) -> anyhow::Result<Self> {
        grant(namespace).await?;
        Self::start_with(namespace, flags, &proxy.kubeconfig(&account(namespace)).await?).await
    }

    async fn start_with(namespace: &str, flags: &[&str], kubeconfig: &Path) -> anyhow::Result<Self> {
        Self::start_on(plane().await, namespace, flags, kubeconfig).await
    }

    /// One on another plane, whose loopback addresses are the test's own.
    pub(crate) async fn start_on(
        plane: &ControlPlane,
        namespace: &str,
        flags: &[&str],
        kubeconfig: &Path,
    ) -> anyhow::Result<Self> {
        let mut controller = Self::launch_on(plane, namespace, flags, kubeconfig).await?;
        controller.wait_until_ready().await?;
        Ok(controller)
    }

    /// Starts it without waiting for anything.
    pub(crate) async fn launch(namespace: &str, flags: &[&str], kubeconfig: &Path) -> anyhow::Result<Self> {
        Self::launch_on(plane().await, namespace, flags, kubeconfig).await
    }

    async fn launch_on(
        plane: &ControlPlane,
        namespace: &str,
        flags: &[&str],
        kubeconfig: &Path,
    ) -> anyhow::Result<Self> {
        static BUILT: OnceCell<PathBuf> = OnceCell::const_new();
        let binary = BUILT
            .get_or_try_init(async || tokio::task::spawn_blocking(binary).await?)
            .await?;
        let ports = [
            "--listen-addr=127.0.0.1:0",
            "--listen-metrics-addr=127.0.0.1:0",
            "--log-format=json",
        ];
        // Small keys first: a flag of the test's own wins.
        let sizes: &[&str] = if flags.iter().any(|flag| flag.starts_with("--key-size")) {
            &[]
        } else {
            &["--key-size=2048"]
        };
        let flags = ports.iter().chain(sizes).chain(flags);
        let environment = [
            ("KUBECONFIG", kubeconfig.display().to_string()),
            ("POD_NAMESPACE", namespace.to_owned()),
        ];
        let process = Process::start_in(plane, binary, flags, environment)?;
        Ok(Self {
            process,
            namespace: namespace.to_owned(),
            api: String::new(),
            metrics: String::new(),
        })
    }

    /// Waits until it takes care of SealedSecrets.
    pub(crate) async fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let process = &mut self.process;
        let listening = wait_for("the controller to be ready", SOON, async || {
            if let Some(code) = process.exit_code()? {
                return Ok(Some(Err(anyhow::anyhow!("ended with {code}: {}", process.log()))));
            }
            let lines = process.log();
            let lines = lines
                .lines()
                .filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let serving = lines.filter(|line| line["message"] == "HTTP server serving");
            let urls: Vec<String> = serving
                .filter_map(|line| Some(format!("http://{}", line["address"].as_str()?)))
                .collect();
            let Ok([api, metrics]) = <[String; 2]>::try_from(urls) else {
                return Ok(None);
            };
            let (code, _) = http(&format!("{api}/readyz")).await?;
            Ok((code == 200).then_some(Ok((api, metrics))))
        });
        (self.api, self.metrics) = listening.await??;
        Ok(())
    }

    /// What it answers on its API port.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        http(&format!("{}{path}", self.api)).await.expect("an answer")
    }

    /// The same, where an object is handed in.
    pub(crate) async fn post(&self, path: &str, object: &SealedSecret) -> (u16, String) {
        let body = serde_json::to_vec(object).expect("an object");
        let request = client().expect("a client").post(format!("{}{path}", self.api));
        let answer = request.body(body).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a text"))
    }

    /// Its metrics.
    pub(crate) async fn metrics(&self) -> String {
        http(&format!("{}/metrics", self.metrics))
            .await
            .expect("metrics")
            .1
    }

    /// The certificate that it hands out.
    pub(crate) async fn certificate(&self) -> Certificate {
        let (code, pem) = self.get("/v1/cert.pem").await;
        assert_eq!(code, 200);
        Certificate::from_pem(pem.as_bytes()).expect("a certificate")
    }
}

fn client() -> anyhow::Result<reqwest::Client> {
    Ok(reqwest::Client::builder().no_proxy().build()?)
}

async fn http(url: &str) -> anyhow::Result<(u16, String)> {
    let response = client()?.get(url).send().await?;
    Ok((response.status().as_u16(), response.text().await?))
}

/// A namespace of a test's own, and the certificate to seal for.
pub(crate) struct Place {
    pub(crate) namespace: String,
    pub(crate) client: Client,
    certificate: Certificate,
    apart: bool,
}

/// The namespace of a controller that serves no other, and its certificate.
pub(crate) async fn place_of(controller: &Controller) -> Place {
    let certificate = controller.certificate().await;
    Place {
        namespace: controller.namespace.clone(),
        client: admin().await,
        certificate,
        apart: true,
    }
}

/// A namespace that the shared controller serves.
pub(crate) async fn place(name: &str) -> Place {
    let certificate = Controller::shared().await.certificate().await;
    place_for(name, certificate).await
}

/// A namespace to seal in for that certificate.
pub(crate) async fn place_for(name: &str, certificate: Certificate) -> Place {
    let namespace = format!("{name}-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    plane().await.namespace(&namespace).await.expect("a namespace");
    Place {
        namespace,
        client: admin().await,
        certificate,
        apart: false,
    }
}

impl Place {
    /// The value sealed for this object.
    pub(crate) fn sealed(&self, name: &str, scope: Scope, value: &[u8]) -> String {
        self.sealed_for(&self.namespace, name, scope, value)
    }

    /// The value sealed for an object elsewhere.
    pub(crate) fn sealed_for(&self, namespace: &str, name: &str, scope: Scope, value: &[u8]) -> String {
        let (namespace, name): (Namespace, ObjectName) = (namespace.parse().unwrap(), name.parse().unwrap());
        let label = scope.label(&namespace, &name);
        encode_base64(&seal(value, self.certificate.key(), &label, &mut SystemRandom).unwrap())
    }

    /// A strict SealedSecret with these values.
    pub(crate) fn object(&self, name: &str, values: &[(&str, &str)]) -> SealedSecret {
        let mut object = SealedSecret::new(name, SealedSecretSpec::default());
        object.metadata.namespace = Some(self.namespace.clone());
        object.metadata.labels = self.apart.then(|| [(APART.to_owned(), String::new())].into());
        for (entry, value) in values {
            let sealed = self.sealed(name, Scope::Strict, value.as_bytes());
            object
                .spec
                .encrypted_data
                .insert((*entry).to_owned(), Some(sealed));
        }
        object
    }

    pub(crate) fn objects(&self) -> Api<SealedSecret> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub(crate) fn secrets(&self) -> Api<CoreSecret> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub(crate) async fn create(&self, object: &SealedSecret) -> SealedSecret {
        self.objects()
            .create(&PostParams::default(), object)
            .await
            .expect("created")
    }

    /// Creates from JSON what the type cannot say.
    pub(crate) async fn create_json(&self, object: &Value) -> Result<DynamicObject, kube::Error> {
        let kind = kube::core::ApiResource::erase::<SealedSecret>(&());
        let objects: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), &self.namespace, &kind);
        objects
            .create(
                &PostParams::default(),
                &serde_json::from_value(object.clone()).unwrap(),
            )
            .await
    }

    pub(crate) async fn patch_object(&self, name: &str, patch: Value) -> SealedSecret {
        self.objects()
            .patch(name, &PatchParams::default(), &Patch::Merge(patch))
            .await
            .expect("patched")
    }

    pub(crate) async fn patch_secret(&self, name: &str, patch: Value) -> CoreSecret {
        self.secrets()
            .patch(name, &PatchParams::default(), &Patch::Merge(patch))
            .await
            .expect("patched")
    }

    pub(crate) async fn create_secret(&self, secret: Value) -> CoreSecret {
        let secret = serde_json::from_value(secret).expect("a Secret");
        self.secrets()
            .create(&PostParams::default(), &secret)
            .await
            .expect("created")
    }

    pub(crate) async fn delete_secret(&self, name: &str) {
        self.secrets()
            .delete(name, &DeleteParams::default())
            .await
            .expect("deleted");
    }

    /// The Secret once it is as asked.
    pub(crate) async fn secret_that(&self, name: &str, holds: impl Fn(&CoreSecret) -> bool) -> CoreSecret {
        let what = format!("the Secret {name}");
        let found = wait_for(&what, SOON, async || {
            Ok(self.secrets().get_opt(name).await?.filter(|secret| holds(secret)))
        });
        found.await.expect("the Secret")
    }

    /// The Secret once it stands.
    pub(crate) async fn secret(&self, name: &str) -> CoreSecret {
        self.secret_that(name, |_| true).await
    }

    /// The object once its status is as asked.
    pub(crate) async fn object_that(
        &self,
        name: &str,
        holds: impl Fn(&SealedSecret) -> bool,
    ) -> SealedSecret {
        let what = format!("the SealedSecret {name}");
        let found = wait_for(&what, SOON, async || {
            let object = self.objects().get_opt(name).await?;
            let settled = object.as_ref().is_some_and(|object| {
                let observed = object
                    .status
                    .as_ref()
                    .and_then(|status| status.observed_generation);
                observed.is_some() && observed == object.metadata.generation
            });
            Ok(object.filter(|object| settled && holds(object)))
        });
        found.await.expect("the SealedSecret")
    }

    /// The object once it is synced.
    pub(crate) async fn synced(&self, name: &str) -> SealedSecret {
        self.object_that(name, |object| condition(object, "Synced").0 == "True")
            .await
    }

    /// Status message and reason of the object once it has failed.
    pub(crate) async fn failed(&self, name: &str) -> (String, String) {
        let object = self
            .object_that(name, |object| condition(object, "Synced").0 == "False")
            .await;
        let (_, reason, message) = condition(&object, "Synced");
        (reason, message)
    }

    /// The events about the object, the oldest first.
    pub(crate) async fn events(&self, name: &str) -> Vec<Event> {
        let events: Api<Event> = Api::namespaced(self.client.clone(), &self.namespace);
        let about = ListParams::default().fields(&format!("involvedObject.name={name}"));
        let mut all = events.list(&about).await.expect("events").items;
        all.sort_by_key(|event| event.first_timestamp.clone().map(|time| time.0));
        all
    }

    /// The event with that reason, once it is told.
    pub(crate) async fn event(&self, name: &str, reason: &str) -> Event {
        let what = format!("the event {reason}");
        let found = wait_for(&what, SOON, async || {
            Ok(self
                .events(name)
                .await
                .into_iter()
                .find(|event| event.reason.as_deref() == Some(reason)))
        });
        found.await.expect("the event")
    }
}

/// Status, reason and message of a condition.
pub(crate) fn condition(object: &SealedSecret, kind: &str) -> (String, String, String) {
    let conditions = object.status.iter().flat_map(|status| &status.conditions);
    let found = conditions.into_iter().find(|condition| condition.kind == kind);
    found.map_or_else(Default::default, |found| {
        let text = |part: &Option<String>| part.clone().unwrap_or_default();
        (found.status.clone(), text(&found.reason), text(&found.message))
    })
}

/// An entry of a Secret as text.
pub(crate) fn value(secret: &CoreSecret, entry: &str) -> Option<String> {
    let bytes = secret.data.as_ref()?.get(entry)?;
    Some(String::from_utf8_lossy(&bytes.0).into_owned())
}

/// A template with these entries.
pub(crate) fn template(entries: &[(&str, &str)]) -> SecretTemplate {
    let data = entries
        .iter()
        .map(|(entry, text)| ((*entry).to_owned(), Some((*text).to_owned())))
        .collect();
    SecretTemplate {
        data: Some(data),
        ..SecretTemplate::default()
    }
}

/// Annotates the object with its scope.
pub(crate) fn with_scope(mut object: SealedSecret, scope: Scope) -> SealedSecret {
    let annotation = annotations::scope_annotation(scope).expect("a scope with an annotation");
    object
        .metadata
        .annotations
        .get_or_insert_default()
        .insert(annotation.to_owned(), "true".to_owned());
    object
}

/// A sealing key as its users keep it: private key in PEM, certificate.
pub(crate) fn sealing_key(not_before: &str) -> (PrivateKey, Certificate) {
    let key = PrivateKey::generate(seal_core::KeySize::Bits2048).expect("a key");
    let certificate = certificate_of(&key, not_before);
    (key, certificate)
}

/// Its certificate from that time on.
pub(crate) fn certificate_of(key: &PrivateKey, not_before: &str) -> Certificate {
    let not_before: Timestamp = not_before.parse().expect("a time");
    let lifetime = Duration::from_secs(20 * 365 * 86_400);
    let contents = SelfSigned {
        common_name: "",
        not_before,
        lifetime,
    };
    Certificate::self_signed(key, &contents, &mut SystemRandom).expect("a certificate")
}

/// The Secret of a sealing key.
pub(crate) fn key_secret(name: &str, key_pem: &str, certificate_pem: &str) -> Value {
    json!({
        "metadata": {"name": name, "labels": {annotations::KEY_LABEL: annotations::KEY_ACTIVE}},
        "type": "kubernetes.io/tls",
        "stringData": {"tls.key": key_pem, "tls.crt": certificate_pem},
    })
}
