//! A control plane with our controller at kubeseal's default place, users with few rights, and `seal` run
//! against it. It asserts nothing about what `seal` says.

use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::api::core::v1::Event;
use k8s_openapi::api::rbac::v1::{PolicyRule, Role};
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use kube::core::DynamicObject;
use seal_api::SealedSecret;
use seal_core::{Certificate, Scope, SystemRandom, encode_base64, seal};
use seal_testbed::{ADMIN, ControlPlane, Process, Program, ProgramOutput, tool, wait_for};
use seal_tests::built;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

pub(crate) const SOON: Duration = Duration::from_secs(120);
/// Where kubeseal looks.
pub(crate) const HOME: &str = "kube-system";
pub(crate) const SERVICE: &str = "sealed-secrets-controller";
/// May read SealedSecrets in `prod`, and nothing else.
pub(crate) const READER: &str = "reader";
/// May read everything but Secrets.
pub(crate) const DEVELOPER: &str = "developer";
/// The value of every entry: it must come up nowhere.
pub(crate) const VALUE: &str = "hunter2-hunter2";

/// The plane, its controller and its certificate.
pub(crate) struct Ground {
    pub(crate) plane: ControlPlane,
    pub(crate) certificate: Certificate,
    _controller: Process,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

// The objects of the chart by that name in that namespace. Bound to everybody, the service proxy would be
// no permission that anyone can lack.
fn chart(namespace: &str, name: &str, settings: &[&str]) -> Vec<Value> {
    let program = Program::new(tool("helm").unwrap())
        .args(["template", "seal", "--namespace", namespace])
        .arg(format!("--set=fullnameOverride={name}"))
        .arg("--set=rbac.serviceProxier.bind=false")
        .args(settings.iter().map(|setting| format!("--set={setting}")))
        .arg(root().join("deploy/helm/seal"));
    let rendered = program.run().unwrap().success().unwrap().out();
    serde_yaml::Deserializer::from_str(&rendered)
        .map(|document| Value::deserialize(document).unwrap())
        .filter(|object| !object.is_null())
        .collect()
}

// No more than the chart gives: what `seal doctor` asks for must be in it.
fn is_role(object: &Value) -> bool {
    ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"].contains(&object["kind"].as_str().unwrap())
}

/// The one that all tests share.
pub(crate) async fn ground() -> &'static Ground {
    static GROUND: OnceCell<Ground> = OnceCell::const_new();
    GROUND.get_or_init(async || start().await.unwrap()).await
}

async fn start() -> anyhow::Result<Ground> {
    let plane = ControlPlane::builder()
        .own_network()
        .user(READER, &[])
        .user(DEVELOPER, &[])
        .start()
        .await?;
    plane
        .apply(&std::fs::read_to_string(
            root().join("crds/bitnami.com_sealedsecrets.yaml"),
        )?)
        .await?;
    plane.namespace("prod").await?;
    for object in rights() {
        plane.apply(&object.to_string()).await?;
    }
    for object in chart(HOME, SERVICE, &[]).iter().filter(|object| is_role(object)) {
        plane.apply(&object.to_string()).await?;
    }
    plane.rights_count().await?;
    plane.expose(HOME, SERVICE, 8080).await?;
    let program = built("seal-controller", "seal-controller").unwrap();
    let flags = ["--key-size=2048", "--log-format=json"];
    let pod = [
        ("POD_NAME", "pod-a".to_owned()),
        ("POD_NAMESPACE", HOME.to_owned()),
    ];
    let controller = Process::start_as_pod(&plane, (HOME, SERVICE), &program, &flags, pod).await?;
    let served = wait_for(
        "the controller to be ready, and its certificate",
        SOON,
        async || {
            let ask = async |path: &str| {
                let path = format!("/api/v1/namespaces/{HOME}/services/http:{SERVICE}:http/proxy{path}");
                let request = http::Request::get(path).body(Vec::new())?;
                anyhow::Ok(plane.client(ADMIN).await?.request_text(request).await?)
            };
            // It hands out certificates before it takes care of objects.
            ask("/readyz").await?;
            let answer = ask("/v1/cert.pem").await;
            Ok(answer
                .ok()
                .and_then(|pem| Certificate::from_pem(pem.as_bytes()).ok()))
        },
    );
    let certificate = served.await?;
    Ok(Ground {
        plane,
        certificate,
        _controller: controller,
    })
}

fn rights() -> Vec<Value> {
    let binding = |kind: &str, namespace: Option<&str>, role: (&str, &str), subject: Value| {
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind,
            "metadata": {"name": format!("{}-{}", role.1, subject["name"].as_str().unwrap()), "namespace": namespace},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role.0, "name": role.1},
            "subjects": [subject]})
    };
    let user = |name: &str| json!({"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": name});
    let rule = |groups: &[&str], resources: &[&str]| json!({"apiGroups": groups, "resources": resources, "verbs": ["get", "list"]});
    vec![
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "sealed-only"},
            "rules": [rule(&["bitnami.com"], &["sealedsecrets"])]}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "no-secrets"},
        "rules": [
            rule(&["bitnami.com"], &["sealedsecrets"]),
            rule(&[""], &["events", "services", "services/proxy", "configmaps"]),
            rule(&["apps", "coordination.k8s.io", "apiextensions.k8s.io"], &["deployments", "leases", "customresourcedefinitions"]),
        ]}),
        binding(
            "RoleBinding",
            Some("prod"),
            ("ClusterRole", "sealed-only"),
            user(READER),
        ),
        binding(
            "ClusterRoleBinding",
            None,
            ("ClusterRole", "no-secrets"),
            user(DEVELOPER),
        ),
    ]
}

impl Ground {
    /// A SealedSecret `prod/NAME` with one strict entry, to be changed before it is created.
    pub(crate) fn object(&self, name: &str) -> Value {
        sealed_to(&self.certificate, name)
    }

    /// Creates it, and waits until the controller says that.
    pub(crate) async fn create(&self, object: &Value, synced: &str) -> SealedSecret {
        let client = self.plane.client(ADMIN).await.unwrap();
        let objects: Api<SealedSecret> = Api::namespaced(client, "prod");
        let created: SealedSecret = serde_json::from_value(object.clone()).unwrap();
        objects.create(&PostParams::default(), &created).await.unwrap();
        let name = created.metadata.name.unwrap();
        wait_for("the condition", SOON, async || {
            let object = objects.get(&name).await?;
            let conditions = object.status.iter().flat_map(|status| &status.conditions);
            let told = conditions
                .into_iter()
                .any(|condition| condition.kind == "Synced" && condition.status == synced);
            Ok(told.then_some(object))
        })
        .await
        .unwrap()
    }

    /// Applies the chart's roles and its Deployment, which no kubelet runs, by the namespace's name in that
    /// namespace. Returns the arguments that the Deployment has.
    pub(crate) async fn install(&self, namespace: &str, settings: &[&str]) -> Vec<String> {
        self.plane.namespace(namespace).await.unwrap();
        let mut arguments = None;
        for object in chart(namespace, namespace, settings) {
            if object["kind"] == "Deployment" {
                let container = &object["spec"]["template"]["spec"]["containers"][0];
                arguments = Some(serde_json::from_value(container["args"].clone()).unwrap());
            } else if !is_role(&object) {
                continue;
            }
            self.apply(object).await;
        }
        self.plane.rights_count().await.unwrap();
        arguments.unwrap()
    }

    /// Leaves these verbs of those that a Role of the chart gives for that resource.
    pub(crate) async fn narrow(&self, (namespace, name): (&str, &str), resource: &str, verbs: &[&str]) {
        let client = self.plane.client(ADMIN).await.unwrap();
        let roles: Api<Role> = Api::namespaced(client, namespace);
        let mut role = roles.get(name).await.unwrap();
        let of = |rule: &&mut PolicyRule| {
            // What is created cannot be named, and has a rule of its own.
            rule.resources.as_deref() == Some(&[resource.to_owned()]) && rule.verbs != ["create"]
        };
        let mut rules = role.rules.iter_mut().flatten().filter(of);
        rules.next().unwrap().verbs = verbs.iter().map(|verb| (*verb).to_owned()).collect();
        roles.replace(name, &PostParams::default(), &role).await.unwrap();
        self.plane.rights_count().await.unwrap();
    }

    /// Starts our controller as a pod of what is installed there, with these arguments.
    pub(crate) async fn run(&self, namespace: &str, arguments: &[String]) -> Process {
        let program = built("seal-controller", "seal-controller").unwrap();
        let pod = [
            ("POD_NAME", namespace.to_owned()),
            ("POD_NAMESPACE", namespace.to_owned()),
        ];
        Process::start_as_pod(&self.plane, (namespace, namespace), &program, arguments, pod)
            .await
            .unwrap()
    }

    /// Waits for an event about the object with that reason: it is told after the status.
    pub(crate) async fn told(&self, name: &str, reason: &str) {
        let client = self.plane.client(ADMIN).await.unwrap();
        let events: Api<Event> = Api::namespaced(client, "prod");
        let about = ListParams::default().fields(&format!("involvedObject.name={name},reason={reason}"));
        let told = wait_for("the event", SOON, async || {
            let found = events.list(&about).await?;
            Ok((!found.items.is_empty()).then_some(()))
        });
        told.await.unwrap();
    }

    /// Applies an object as an administrator.
    pub(crate) async fn apply(&self, object: Value) {
        self.plane.apply(&object.to_string()).await.unwrap();
    }

    /// Patches the status of an object.
    pub(crate) async fn patch_status(&self, kind: &kube::core::ApiResource, name: &str, status: Value) {
        let client = self.plane.client(ADMIN).await.unwrap();
        let objects: Api<DynamicObject> = Api::namespaced_with(client, HOME, kind);
        let patch = Patch::Merge(json!({"status": status}));
        objects
            .patch_status(name, &PatchParams::default(), &patch)
            .await
            .unwrap();
    }

    /// Runs `seal` with the words of `line` as that user.
    pub(crate) async fn seal(&self, user: &str, line: &str) -> ProgramOutput {
        static BUILT: OnceCell<PathBuf> = OnceCell::const_new();
        let build = async || {
            tokio::task::spawn_blocking(|| built("seal-cli", "seal").unwrap())
                .await
                .unwrap()
        };
        let program = Program::new(BUILT.get_or_init(build).await)
            .args(line.split_whitespace())
            .env(
                "KUBECONFIG",
                self.plane.kubeconfig(user).await.unwrap().display().to_string(),
            );
        let output = tokio::task::spawn_blocking(|| program.run())
            .await
            .unwrap()
            .unwrap();
        for text in [output.out(), output.err()] {
            assert!(!text.contains(VALUE), "a value in: {text}");
        }
        output
    }

    /// The same with JSON asked for, and read.
    pub(crate) async fn asked(&self, user: &str, line: &str) -> (i32, Report) {
        let output = self.seal(user, &format!("{line} -o json")).await;
        let read = serde_json::from_slice(&output.stdout);
        let value = read.unwrap_or_else(|_| panic!("no JSON from {line}: {}", output.err()));
        (output.code, Report(value))
    }
}

/// A SealedSecret `prod/NAME` with one strict entry for that certificate.
pub(crate) fn sealed_to(certificate: &Certificate, name: &str) -> Value {
    let label = Scope::Strict.label(&"prod".parse().unwrap(), &name.parse().unwrap());
    let sealed = seal(VALUE.as_bytes(), certificate.key(), &label, &mut SystemRandom).unwrap();
    json!({"apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "metadata": {"name": name, "namespace": "prod"},
        "spec": {"encryptedData": {"password": encode_base64(&sealed)}}})
}

/// What `seal` printed as JSON.
pub(crate) struct Report(pub(crate) Value);

impl Report {
    /// State, code and words of the check about that.
    pub(crate) fn check(&self, section: &str, about: &str) -> (String, String, String) {
        let checks = self.0["reports"][0]["checks"].as_array().unwrap();
        let found = checks
            .iter()
            .find(|check| check["section"] == section && check["about"].as_str().unwrap().starts_with(about));
        let found = found.unwrap_or_else(|| panic!("no check {section} {about}: {:#}", self.0));
        let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
        (
            text("state"),
            text("code"),
            format!("{}\n{}", text("what"), text("remedy")),
        )
    }

    /// All that was found.
    pub(crate) fn findings(&self) -> Vec<String> {
        let checks = self.0["reports"][0]["checks"].as_array().unwrap();
        let is_finding = |check: &&Value| matches!(check["state"].as_str(), Some("warning" | "failed"));
        checks
            .iter()
            .filter(is_finding)
            .map(ToString::to_string)
            .collect()
    }
}
