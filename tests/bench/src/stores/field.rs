//! A control plane, a store and ExternalSecrets on them, and the controllers that are set upon them. What is measured
//! there is for others.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures::StreamExt;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ListParams, PostParams};
use kube::core::{ApiResource, DynamicObject};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use seal_api::external_secrets::{ClusterSecretStore, ExternalSecret, names};
use seal_testbed::{
    ADMIN, AuditLog, AuditMark, ControlPlane, ExternalSecretsController, OpenBao, Process, StoreLog,
    StoreMark, external_secrets_crds, wait_for,
};
use serde_json::{Value, json};

use crate::ONLY;
use crate::command::build;
use crate::floor::at_once;
use crate::processor::{Beside, processor_time, resident};

pub(crate) const NAMESPACE: &str = "prod";
/// The ClusterSecretStore that logs in as a ServiceAccount.
pub(crate) const BY_ACCOUNT: &str = "by-account";
/// The ClusterSecretStore with a token.
pub(crate) const BY_TOKEN: &str = "by-token";
pub(crate) const DEADLINE: Duration = Duration::from_secs(600);
const HOME: &str = "seal";
const USER: &str = "controller";

/// Who is measured.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Who {
    /// Upstream's as it is installed.
    Default,
    /// Upstream's with the settings that its users find out about: `--concurrent=50` and 200 calls a second.
    Tuned,
    Ours,
}

impl Who {
    pub(crate) const TUNED_AND_OURS: [Self; 2] = [Self::Tuned, Self::Ours];

    /// Those of `all` who were asked for: `--only=ours` leaves the others out.
    pub(crate) fn of(all: &[Self]) -> Vec<Self> {
        let only = std::env::args().find_map(|argument| Some(argument.strip_prefix(ONLY)?.to_owned()));
        let is_asked = |who: &&Self| {
            only.as_ref()
                .is_none_or(|only| only.split(',').any(|name| name == who.name()))
        };
        all.iter().filter(is_asked).copied().collect()
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Tuned => "tuned",
            Self::Ours => "ours",
        }
    }
}

/// So many objects with so many entries of one path each.
#[derive(Clone)]
pub(crate) struct Load {
    pub(crate) prefix: &'static str,
    pub(crate) objects: usize,
    pub(crate) entries: usize,
    pub(crate) bytes: usize,
    pub(crate) store: &'static str,
    pub(crate) interval: &'static str,
}

impl Load {
    pub(crate) fn name(&self, index: usize) -> String {
        format!("{}-{index:04}", self.prefix)
    }

    pub(crate) fn names(&self) -> HashSet<String> {
        (0..self.objects).map(|index| self.name(index)).collect()
    }

    fn object(&self, index: usize) -> anyhow::Result<DynamicObject> {
        let name = self.name(index);
        let item = |entry: usize| {
            let property = format!("k{entry}");
            json!({"secretKey": property, "remoteRef": {"key": name, "property": property}})
        };
        let data: Vec<Value> = (0..self.entries).map(item).collect();
        Ok(serde_json::from_value(json!({
            "apiVersion": names::API_VERSION, "kind": names::EXTERNAL_SECRET, "metadata": {"name": name},
            "spec": {
                "refreshInterval": self.interval, "data": data,
                "secretStoreRef": {"kind": "ClusterSecretStore", "name": self.store},
            },
        }))?)
    }

    fn values(&self, index: usize) -> Value {
        let value = |entry: usize| {
            let value = format!("{index}-{entry}-{}", "x".repeat(self.bytes));
            (format!("k{entry}"), Value::from(value))
        };
        Value::Object((0..self.entries).map(value).collect())
    }
}

pub(crate) struct Field {
    pub(crate) plane: ControlPlane,
    pub(crate) store: OpenBao,
    client: Client,
}

/// A controller at work.
pub(crate) struct Running {
    process: RunningProcess,
    pub(crate) begun: Instant,
    calls: AuditMark,
    store_calls: StoreMark,
    beside: Beside,
}

enum RunningProcess {
    Theirs(ExternalSecretsController),
    Ours(Process),
}

/// What a controller has cost.
pub(crate) struct Cost {
    pub(crate) processor: Duration,
    pub(crate) resident: u64,
    pub(crate) calls: AuditLog,
    pub(crate) store_calls: StoreLog,
    /// What the others cost meanwhile.
    pub(crate) beside: String,
}

impl Field {
    /// With both stores, and no object.
    pub(crate) async fn new() -> anyhow::Result<Self> {
        let plane = ControlPlane::builder()
            .controller_manager()
            .user(USER, &["system:masters"])
            .start()
            .await?;
        for definition in external_secrets_crds()? {
            plane.apply(&definition).await?;
        }
        let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../crds"));
        for file in std::fs::read_dir(root)? {
            plane.apply(&std::fs::read_to_string(file?.path())?).await?;
        }
        for namespace in [HOME, NAMESPACE] {
            plane.namespace(namespace).await?;
        }
        let store = OpenBao::start().await?;
        let client = plane.client(ADMIN).await?;
        let field = Self { plane, store, client };
        field.furnish().await?;
        Ok(field)
    }

    async fn furnish(&self) -> anyhow::Result<()> {
        let account = "reader";
        self.plane.service_account(HOME, account).await?;
        self.store
            .policy("reader", r#"path "secret/*" { capabilities = ["read", "list"] }"#)
            .await?;
        self.store.enable_auth("kubernetes", "kubernetes").await?;
        let config = json!({
            "kubernetes_host": self.plane.url(), "kubernetes_ca_cert": self.plane.ca_pem(),
            "token_reviewer_jwt": self.plane.token(ADMIN).await?, "disable_local_ca_jwt": true,
        });
        self.store.call("POST", "auth/kubernetes/config", &config).await?;
        let role = json!({
            "bound_service_account_names": account, "bound_service_account_namespaces": HOME,
            "token_policies": "reader", "token_ttl": "1h",
        });
        self.store
            .call("POST", "auth/kubernetes/role/reader", &role)
            .await?;
        self.token_of("vault-token", self.store.root_token()).await?;
        let by_account = json!({"kubernetes": {"mountPath": "kubernetes", "role": "reader",
            "serviceAccountRef": {"name": account, "namespace": HOME}}});
        self.store_object(BY_ACCOUNT, &self.store.url(), by_account)
            .await?;
        self.store_object(BY_TOKEN, &self.store.url(), by_token("vault-token"))
            .await
    }

    /// A Secret with a token for the store.
    pub(crate) async fn token_of(&self, name: &str, token: &str) -> anyhow::Result<()> {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": HOME},
            "stringData": {"token": token}});
        self.plane.apply(&secret.to_string()).await
    }

    /// A ClusterSecretStore at that address.
    pub(crate) async fn store_object(&self, name: &str, url: &str, auth: Value) -> anyhow::Result<()> {
        let bundle = seal_core::encode_base64(self.store.ca_pem().as_bytes());
        let store = json!({
            "apiVersion": names::API_VERSION, "kind": "ClusterSecretStore", "metadata": {"name": name},
            "spec": {"provider": {"vault": {
                "server": url, "path": "secret", "version": "v2", "caBundle": bundle, "auth": auth,
            }}},
        });
        let established = async || Ok(self.plane.apply(&store.to_string()).await.ok());
        wait_for("the CRDs", DEADLINE, established).await
    }

    /// Writes the values of a load and creates its objects.
    pub(crate) async fn fill(&self, load: &Load) -> anyhow::Result<()> {
        self.fill_store(load).await?;
        let objects = (0..load.objects).map(|index| load.object(index));
        let api = self.dynamic();
        at_once(objects.collect::<anyhow::Result<Vec<_>>>()?, async |object| {
            api.create(&PostParams::default(), &object).await?;
            Ok(())
        })
        .await
    }

    pub(crate) async fn fill_store(&self, load: &Load) -> anyhow::Result<()> {
        at_once((0..load.objects).collect(), async |index| {
            self.store
                .write("secret", &load.name(index), &load.values(index))
                .await
        })
        .await
    }

    /// Creates one object of a load whose values stand already, and says when.
    pub(crate) async fn create(&self, load: &Load, index: usize) -> anyhow::Result<Instant> {
        let begin = Instant::now();
        self.dynamic()
            .create(&PostParams::default(), &load.object(index)?)
            .await?;
        Ok(begin)
    }

    fn dynamic(&self) -> Api<DynamicObject> {
        let kind = ApiResource::erase::<ExternalSecret>(&());
        Api::namespaced_with(self.client.clone(), NAMESPACE, &kind)
    }

    pub(crate) fn objects(&self) -> Api<ExternalSecret> {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }

    pub(crate) fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }

    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    /// Has a controller run here before there is anything to do: what it makes for itself stands when it is measured.
    pub(crate) async fn installed(&self, who: Who) -> anyhow::Result<()> {
        let stores: Api<ClusterSecretStore> = Api::all(self.client());
        let running = self.start(who, &[]).await?;
        let valid = async || {
            let all = stores.list(&ListParams::default()).await?;
            let told = |store: &ClusterSecretStore| {
                let status = store.status.as_ref();
                status.is_some_and(|status| !status.conditions.is_empty())
            };
            Ok(all.iter().all(told).then_some(()))
        };
        wait_for("the stores to be validated", DEADLINE, valid).await?;
        running.end().await
    }

    /// Sets a controller upon what stands.
    pub(crate) async fn start(&self, who: Who, more: &[&str]) -> anyhow::Result<Running> {
        let calls = self.plane.audit().mark().await?;
        let store_calls = self.store.audit().mark()?;
        let controller = match who {
            Who::Ours => Some(build("seal-controller", "seal-controller")?),
            Who::Default | Who::Tuned => None,
        };
        let begun = Instant::now();
        let process = match (who, controller) {
            (Who::Default, _) => {
                RunningProcess::Theirs(ExternalSecretsController::start(&self.plane, USER, more).await?)
            }
            (Who::Tuned, _) => {
                let tuned = ["--concurrent=50", "--client-qps=200", "--client-burst=400"];
                let flags = [&tuned[..], more].concat();
                RunningProcess::Theirs(ExternalSecretsController::start(&self.plane, USER, &flags).await?)
            }
            (Who::Ours, controller) => {
                let controller = controller.context("it was built")?;
                let kubeconfig = self.plane.kubeconfig(USER).await?;
                let own = [
                    "--listen-addr=127.0.0.1:0",
                    "--listen-metrics-addr=127.0.0.1:0",
                    "--external-secrets",
                    "--stores-on-loopback",
                ];
                let environment = [
                    ("KUBECONFIG", kubeconfig.display().to_string()),
                    ("POD_NAMESPACE", HOME.to_owned()),
                ];
                let flags = own.iter().chain(more);
                RunningProcess::Ours(Process::start_in(&self.plane, &controller, flags, environment)?)
            }
        };
        Ok(Running {
            process,
            begun,
            calls,
            store_calls,
            beside: self.beside()?,
        })
    }

    /// The processor time of all but the controller, from here on.
    pub(crate) fn beside(&self) -> anyhow::Result<Beside> {
        let store = ("bao", self.store.pid());
        Beside::begin(self.plane.processes().into_iter().chain([store]).collect())
    }

    /// What it has cost since it was started.
    pub(crate) async fn cost(&self, running: &Running) -> anyhow::Result<Cost> {
        let pid = running.process().pid();
        let (processor, resident) = (processor_time(pid)?, resident(pid)?);
        Ok(Cost {
            beside: running.beside.told()?,
            processor,
            resident,
            calls: self.calls_since(running.calls).await?,
            store_calls: self.store.audit().since(running.store_calls)?,
        })
    }

    /// What the controllers asked the API server for; watches and leases left out.
    pub(crate) async fn calls_since(&self, mark: AuditMark) -> anyhow::Result<AuditLog> {
        let calls = self.plane.audit().since(mark).await?.user(USER);
        Ok(calls.only(|call| call.verb != "watch" && call.resource != "leases"))
    }

    /// When each of these objects was seen to be ready for the first time, until all are or the time is over. By a
    /// watch: lists would cost the API server more than a controller does.
    pub(crate) async fn ready(
        &self,
        names: HashSet<String>,
        most: Duration,
    ) -> anyhow::Result<HashMap<String, Instant>> {
        self.seen(names, most, is_ready).await
    }

    /// The same for what a caller's own words pick.
    pub(crate) async fn seen(
        &self,
        mut names: HashSet<String>,
        most: Duration,
        picks: impl Fn(&ExternalSecret) -> bool,
    ) -> anyhow::Result<HashMap<String, Instant>> {
        // Of one among many, no list of all.
        let config = match names.iter().collect::<Vec<_>>()[..] {
            [name] => watcher::Config::default().fields(&format!("metadata.name={name}")),
            _ => watcher::Config::default(),
        };
        let mut changes = pin!(
            watcher(self.objects(), config)
                .default_backoff()
                .applied_objects()
        );
        let mut seen = HashMap::new();
        let all = async {
            while !names.is_empty() {
                let Ok(object) = changes.next().await.context("a watch does not end")? else {
                    continue;
                };
                if picks(&object) && names.remove(&object.name_any()) {
                    seen.insert(object.name_any(), Instant::now());
                }
            }
            anyhow::Ok(())
        };
        if let Ok(ended) = tokio::time::timeout(most, all).await {
            ended?;
        }
        ensure!(
            !seen.is_empty(),
            "not one object was seen in {} s",
            most.as_secs()
        );
        Ok(seen)
    }

    /// Waits for the first object that `picks` picks.
    pub(crate) async fn seen_first(
        &self,
        most: Duration,
        picks: impl Fn(&ExternalSecret) -> bool,
    ) -> anyhow::Result<()> {
        let mut changes = pin!(
            watcher(self.objects(), watcher::Config::default())
                .default_backoff()
                .applied_objects()
        );
        let first = async {
            loop {
                if picks(&changes.next().await.context("a watch does not end")??) {
                    return anyhow::Ok(());
                }
            }
        };
        tokio::time::timeout(most, first)
            .await
            .context("no object was seen")?
    }

    /// How many events of that reason arrived.
    pub(crate) async fn events(&self, reason: &str) -> anyhow::Result<usize> {
        let api: Api<k8s_openapi::api::core::v1::Event> = Api::namespaced(self.client(), NAMESPACE);
        let params = ListParams::default().fields(&format!("reason={reason}"));
        Ok(api.list(&params).await?.items.len())
    }
}

impl Running {
    pub(crate) fn process(&self) -> &Process {
        match &self.process {
            RunningProcess::Theirs(process) => process,
            RunningProcess::Ours(process) => process,
        }
    }

    /// Ends it and waits.
    pub(crate) async fn end(self) -> anyhow::Result<()> {
        self.process().terminate(DEADLINE).await.map(drop)
    }
}

pub(crate) fn by_token(secret: &str) -> Value {
    json!({"tokenSecretRef": {"name": secret, "namespace": HOME, "key": "token"}})
}

pub(crate) fn is_ready(object: &ExternalSecret) -> bool {
    let conditions = object.status.iter().flat_map(|status| &status.conditions);
    conditions
        .into_iter()
        .any(|condition| condition.kind == "Ready" && condition.status == "True")
}

/// The median and the worst but one per cent, in seconds.
pub(crate) fn spread(mut took: Vec<Duration>) -> (f64, f64) {
    took.sort_unstable();
    let at = |share: usize| {
        let index = (took.len() * share / 100).min(took.len().saturating_sub(1));
        took.get(index).copied().unwrap_or_default().as_secs_f64()
    };
    (at(50), at(99))
}
