//! One control plane, one OpenBao, and either controller on them; each is a user of its own in the audit log.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::ensure;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ListParams, PostParams};
use kube::core::{ApiResource, DynamicObject, PartialObjectMeta};
use kube::{Api, Client, ResourceExt};
use seal_api::external_secrets::{ExternalSecret, names};
use seal_testbed::{
    ADMIN, AuditLog, AuditMark, ControlPlane, ExternalSecretsController, OpenBao, Process,
    external_secrets_crds, wait_for,
};
use seal_tests::built;
use serde_json::{Value, json};

use super::cases::{Case, standing, stored};

pub(crate) const PLACE: &str = "prod";
/// Long enough for a busy machine; waits end as soon as they may.
const SOON: Duration = Duration::from_secs(300);
const HOME: &str = "seal";
const OURS: &str = "ours";
const UPSTREAM: &str = "upstream";
const MOUNT: &str = "secret";

/// Whose definitions stand.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Definitions {
    Upstreams,
    /// Ours, and upstream's for the kinds that we have none of.
    Ours,
}

/// Uid and version of each Secret.
pub(crate) type Versions = BTreeMap<String, (Option<String>, Option<String>)>;

pub(crate) struct Cluster {
    plane: ControlPlane,
    client: Client,
    store: OpenBao,
}

impl Cluster {
    pub(crate) async fn start(definitions: Definitions) -> anyhow::Result<Self> {
        let plane = ControlPlane::builder()
            .controller_manager()
            .user(OURS, &["system:masters"])
            .user(UPSTREAM, &["system:masters"])
            .start()
            .await?;
        for definition in external_secrets_crds()? {
            plane.apply(&definition).await?;
        }
        for file in std::fs::read_dir(root().join("crds"))? {
            let file = file?;
            let upstreams = file.file_name().to_string_lossy().contains(names::GROUP);
            if !upstreams || definitions == Definitions::Ours {
                plane.apply(&std::fs::read_to_string(file.path())?).await?;
            }
        }
        let store = OpenBao::start().await?;
        for (path, values) in stored() {
            store.write(MOUNT, path, &values).await?;
        }
        for namespace in [HOME, PLACE] {
            plane.namespace(namespace).await?;
        }
        let client = plane.client(ADMIN).await?;
        let cluster = Self { plane, client, store };
        cluster.furnish().await?;
        Ok(cluster)
    }

    async fn furnish(&self) -> anyhow::Result<()> {
        let token = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "vault-token"},
            "stringData": {"token": self.store.root_token()}});
        let store = json!({"apiVersion": names::API_VERSION, "kind": "SecretStore", "metadata": {"name": "vault"},
            "spec": {"provider": {"vault": {"server": self.store.url(), "path": MOUNT, "version": "v2",
                "auth": {"tokenSecretRef": {"name": "vault-token", "key": "token"}}}}}});
        for mut object in standing().into_iter().chain([token, store]) {
            object["metadata"]["namespace"] = PLACE.into();
            let established = async || Ok(self.plane.apply(&object.to_string()).await.ok());
            wait_for("the definitions to be served", SOON, established).await?;
        }
        Ok(())
    }

    /// With labels and annotations, some of which a GitOps tool keeps for itself.
    pub(crate) async fn create(&self, case: &Case, annotations: Value) {
        let mut spec = json!({"refreshInterval": "1h0m0s", "secretStoreRef": {"name": "vault"}});
        let all = spec.as_object_mut().unwrap();
        all.extend(case.spec.as_object().unwrap().clone());
        let metadata = json!({"name": case.name, "labels": {"app": "x"}, "annotations": annotations});
        let object = json!({"apiVersion": names::API_VERSION, "kind": names::EXTERNAL_SECRET,
            "metadata": metadata, "spec": spec});
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        let kind = ApiResource::erase::<ExternalSecret>(&());
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), PLACE, &kind);
        api.create(&PostParams::default(), &object).await.unwrap();
    }

    pub(crate) async fn change(&self, path: &str, values: &Value) {
        self.store.write(MOUNT, path, values).await.unwrap();
    }

    pub(crate) fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.client.clone(), PLACE)
    }

    pub(crate) fn objects(&self) -> Api<ExternalSecret> {
        Api::namespaced(self.client.clone(), PLACE)
    }

    pub(crate) async fn upstream(&self) -> (ExternalSecretsController, AuditMark) {
        let mark = self.plane.audit().mark().await.unwrap();
        let flags = ["--concurrent=4", "--client-qps=200", "--client-burst=400"];
        let process = ExternalSecretsController::start(&self.plane, UPSTREAM, &flags).await;
        (process.unwrap(), mark)
    }

    pub(crate) async fn ours(&self) -> (Process, AuditMark) {
        let mark = self.plane.audit().mark().await.unwrap();
        (launch(&self.plane).await.unwrap(), mark)
    }

    /// Ends ours, so that nothing of it is under way any longer.
    pub(crate) async fn end(&self, controller: Process) {
        assert_eq!(controller.terminate(SOON).await.unwrap(), 0);
    }

    /// Waits until every object is told as its case says.
    pub(crate) async fn told(&self, who: &str, cases: &[&Case], right: impl Fn(&Case, &str) -> bool) {
        let what = format!("every status to be right under {who}");
        let settled = wait_for(&what, SOON, async || {
            let objects = self.objects().list(&ListParams::default()).await?.items;
            for case in cases {
                let object = objects.iter().find(|object| object.name_any() == case.name);
                let status = object
                    .and_then(|object| object.status.clone())
                    .unwrap_or_default();
                let ready = status.conditions.iter().find(|told| told.kind == "Ready");
                let (word, reason, _) = case.told;
                let right = ready.is_some_and(|ready| {
                    let message = ready.message.as_deref().unwrap_or_default();
                    ready.status == word && ready.reason.as_deref() == Some(reason) && right(case, message)
                });
                ensure!(right, "{}: {:?}", case.name, status.conditions);
            }
            Ok(Some(()))
        });
        settled.await.unwrap();
    }

    /// Waits until ours has looked at all of these.
    pub(crate) async fn looked_at(&self, controller: &Process, cases: &[&Case]) {
        let looked = wait_for("every object to be looked at by us", SOON, async || {
            let log = controller.log();
            let seen: BTreeSet<&str> = log
                .lines()
                .filter_map(|line| line.split(&format!("{PLACE}/")).nth(1)?.split('"').next())
                .collect();
            for case in cases {
                ensure!(seen.contains(case.name.as_str()), "{} was not", case.name);
            }
            Ok(Some(()))
        });
        looked.await.unwrap();
    }

    /// Waits until upstream's has read the Secrets of all of these.
    pub(crate) async fn read_by_upstream(&self, mark: AuditMark, cases: &[&Case]) {
        let read = wait_for("every Secret to be read by upstream", SOON, async || {
            let read = self.calls(UPSTREAM, mark).await?.resource("secrets").verb("get");
            let read: BTreeSet<String> = read.calls.into_iter().map(|call| call.name).collect();
            for case in cases {
                let target = case.spec["target"]["name"].as_str().unwrap_or(&case.name);
                ensure!(read.contains(target), "{target} was not");
            }
            Ok(Some(()))
        });
        read.await.unwrap();
    }

    async fn calls(&self, user: &str, mark: AuditMark) -> anyhow::Result<AuditLog> {
        let calls = self.plane.audit().since(mark).await?.user(user);
        Ok(calls.namespace(PLACE))
    }

    /// What ours asked for since then, in the namespace of the objects.
    pub(crate) async fn calls_of_ours(&self, mark: AuditMark) -> AuditLog {
        self.calls(OURS, mark).await.unwrap()
    }

    /// What upstream's asked for since then.
    pub(crate) async fn calls_of_upstream(&self, mark: AuditMark) -> AuditLog {
        self.calls(UPSTREAM, mark).await.unwrap()
    }

    pub(crate) async fn versions(&self) -> Versions {
        let secrets: Api<PartialObjectMeta<Secret>> = Api::namespaced(self.client.clone(), PLACE);
        let all = secrets.list_metadata(&ListParams::default()).await.unwrap();
        let versions = all.items.into_iter().map(|secret| {
            let version = (secret.uid(), secret.resource_version());
            (secret.name_any(), version)
        });
        versions.collect()
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

async fn launch(plane: &ControlPlane) -> anyhow::Result<Process> {
    let binary = tokio::task::spawn_blocking(|| built("seal-controller", "seal-controller")).await??;
    let kubeconfig = plane.kubeconfig(OURS).await?;
    let flags = [
        "--listen-addr=127.0.0.1:0",
        "--listen-metrics-addr=127.0.0.1:0",
        "--log-format=json",
        "--log-level=DEBUG",
        "--key-size=2048",
        "--external-secrets",
        "--stores-on-loopback",
    ];
    let environment = [
        ("KUBECONFIG", kubeconfig.display().to_string()),
        ("POD_NAMESPACE", HOME.to_owned()),
    ];
    Process::start_in(plane, &binary, flags, environment)
}
