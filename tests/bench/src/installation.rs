//! A control plane with sealing keys and SealedSecrets on it, and the controllers that are set upon
//! them. What is measured there is for others.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::Context;
use futures::StreamExt;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ListParams, PostParams};
use kube::core::PartialObjectMeta;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, ResourceExt};
use seal_api::SealedSecret;
use seal_core::{Envelope, Scope, TrialHints, decode_base64};
use seal_testbed::{
    ADMIN, AuditLog, AuditMark, ControlPlane, Process, UpstreamController, sealed_secrets_crd, wait_for,
};
use serde_json::json;

use crate::fixture::{self, Keys};
use crate::processor::processor_time;

pub(crate) const NAMESPACE: &str = "prod";
pub(crate) const ENTRIES: usize = 5;
const HOME: &str = "kube-system";
const ACCOUNT: &str = "seal-controller";
const DEADLINE: Duration = Duration::from_secs(1_200);

/// Keys, and objects that were sealed to them.
pub(crate) struct Load<'a> {
    pub(crate) keys: &'a Keys,
    pub(crate) objects: Vec<SealedSecret>,
}

/// A control plane with such a load.
pub(crate) struct Installation {
    pub(crate) plane: ControlPlane,
}

/// What a controller has cost.
pub(crate) struct Measured {
    pub(crate) wall: Duration,
    pub(crate) processor: Duration,
    pub(crate) calls: usize,
}

impl<'a> Load<'a> {
    /// So many objects, each under one key, spread evenly over all keys.
    pub(crate) fn spread(keys: &'a Keys, objects: usize) -> anyhow::Result<Self> {
        Self::make(keys, objects, |index| index % keys.all().len())
    }

    /// So many objects, all under the newest key.
    pub(crate) fn newest(keys: &'a Keys, objects: usize) -> anyhow::Result<Self> {
        Self::make(keys, objects, |_| keys.all().len() - 1)
    }

    fn make(keys: &'a Keys, objects: usize, key: impl Fn(usize) -> usize) -> anyhow::Result<Self> {
        let object =
            |index| fixture::sealed(NAMESPACE, &name(index), ENTRIES, keys.all()[key(index)].public());
        let objects = (0..objects).map(object).collect::<anyhow::Result<_>>()?;
        Ok(Self { keys, objects })
    }

    /// How many private operations it takes to open all of them in the order of the ring, nothing being
    /// known beforehand.
    pub(crate) fn private_operations(&self) -> anyhow::Result<usize> {
        let ring = self.keys.ring(self.keys.all().len())?;
        let mut operations = 0;
        for object in &self.objects {
            let name = object.metadata.name.as_deref().context("a name")?;
            let label = Scope::Strict.label(&NAMESPACE.parse()?, &name.parse()?);
            let mut hints = TrialHints::default();
            for text in object.spec.encrypted_data.values().flatten() {
                let bytes = decode_base64(text)?;
                let opened = ring.open(&Envelope::parse(&bytes)?, &label, hints, usize::MAX)?;
                hints.last_good = Some(opened.key);
                operations += opened.asked;
            }
        }
        Ok(operations)
    }

    /// The names of its objects.
    pub(crate) fn names(&self) -> HashSet<String> {
        self.objects
            .iter()
            .filter_map(|object| object.metadata.name.clone())
            .collect()
    }
}

/// The name of the object at `index`.
pub(crate) fn name(index: usize) -> String {
    format!("db-{index:04}")
}

impl Installation {
    /// With the objects of `load`, and no keys.
    pub(crate) async fn keyless(load: &Load<'_>) -> anyhow::Result<Self> {
        let plane = ControlPlane::builder().own_network().start().await?;
        plane.apply(&sealed_secrets_crd()?).await?;
        plane.namespace(NAMESPACE).await?;
        plane.namespace(HOME).await?;
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": ACCOUNT},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "namespace": HOME, "name": ACCOUNT}],
        });
        plane.apply(&binding.to_string()).await?;
        let installation = Self { plane };
        let api = installation.objects().await?;
        let established = async || Ok(api.list(&ListParams::default().limit(1)).await.ok());
        wait_for("the CRD", Duration::from_secs(30), established).await?;
        for object in &load.objects {
            api.create(&PostParams::default(), object).await?;
        }
        Ok(installation)
    }

    /// With the keys and objects of `load`.
    pub(crate) async fn filled(load: &Load<'_>) -> anyhow::Result<Self> {
        let installation = Self::keyless(load).await?;
        for index in 0..load.keys.all().len() {
            let key = load.keys.secret(index, HOME)?.to_string();
            installation.plane.apply(&key).await?;
        }
        Ok(installation)
    }

    pub(crate) async fn objects(&self) -> anyhow::Result<Api<SealedSecret>> {
        Ok(Api::namespaced(self.plane.client(ADMIN).await?, NAMESPACE))
    }

    /// Starts one of our controllers.
    pub(crate) async fn start_ours(&self, controller: &Path, flags: &[&str]) -> anyhow::Result<Process> {
        let environment = [("POD_NAMESPACE", HOME.to_owned())];
        Process::start_as_pod(&self.plane, (HOME, ACCOUNT), controller, flags, environment).await
    }

    /// Starts upstream's, as fast as it goes.
    pub(crate) async fn start_upstream(&self) -> anyhow::Result<UpstreamController> {
        let flags = ["--kubeclient-qps=-1", "--key-renew-period=0"];
        UpstreamController::start(&self.plane, HOME, &flags).await
    }

    /// What a run of ours costs until all objects of `load` are synced.
    pub(crate) async fn run_ours(
        &self,
        controller: &Path,
        load: &Load<'_>,
    ) -> anyhow::Result<(Process, Measured)> {
        let mark = self.plane.audit().mark().await?;
        let begin = Instant::now();
        let process = self.start_ours(controller, &[]).await?;
        self.wait_until_synced(load.names(), DEADLINE).await?;
        let measured = Measured {
            wall: begin.elapsed(),
            processor: processor_time(process.pid())?,
            calls: self.calls(mark, ACCOUNT).await?.len(),
        };
        Ok((process, measured))
    }

    /// What a run of upstream's costs until all objects of `load` are synced; after `most`, what it
    /// would cost if it went on like that.
    pub(crate) async fn run_upstream(&self, load: &Load<'_>, most: Duration) -> anyhow::Result<Measured> {
        let mark = self.plane.audit().mark().await?;
        let begin = Instant::now();
        let process = self.start_upstream().await?;
        let done = self.wait_until_synced(load.names(), most).await?;
        anyhow::ensure!(
            done > 0,
            "upstream's controller did nothing in {} s",
            most.as_secs()
        );
        let share = load.objects.len() as f64 / done as f64;
        let calls = self.calls(mark, "sealed-secrets-controller").await?.len();
        Ok(Measured {
            wall: begin.elapsed().mul_f64(share),
            processor: processor_time(process.pid())?.mul_f64(share),
            calls: (calls as f64 * share) as usize,
        })
    }

    /// The calls of that account since `mark`.
    pub(crate) async fn calls(&self, mark: AuditMark, account: &str) -> anyhow::Result<AuditLog> {
        let log = self.plane.audit().since(mark).await?;
        Ok(log.user(&format!("{HOME}:{account}")))
    }

    /// Those of our controllers.
    pub(crate) async fn calls_of_ours(&self, mark: AuditMark) -> anyhow::Result<AuditLog> {
        self.calls(mark, ACCOUNT).await
    }

    // How many of them were synced when all were, or the time was over. By a watch: lists would cost the
    // API server more than the controller does.
    async fn wait_until_synced(&self, mut waiting: HashSet<String>, most: Duration) -> anyhow::Result<usize> {
        let all = waiting.len();
        let mut changes = pin!(
            watcher(self.objects().await?, watcher::Config::default())
                .default_backoff()
                .applied_objects()
        );
        let all_synced = async {
            while !waiting.is_empty() {
                let object = changes.next().await.context("a watch does not end")?;
                // One that breaks off is taken up again.
                if let Ok(object) = object
                    && is_synced(&object)
                {
                    waiting.remove(&object.name_any());
                }
            }
            anyhow::Ok(())
        };
        match tokio::time::timeout(most, all_synced).await {
            Ok(synced) => synced?,
            Err(_) => anyhow::ensure!(most < DEADLINE, "not all objects were synced"),
        }
        Ok(all - waiting.len())
    }

    /// When each of these Secrets was seen to be made; one that still has its `old` uid does not count.
    pub(crate) async fn made(
        &self,
        mut names: HashSet<String>,
        old: &HashMap<String, String>,
    ) -> anyhow::Result<HashMap<String, Instant>> {
        let mut changes = pin!(
            watcher(self.secrets().await?, watcher::Config::default())
                .default_backoff()
                .applied_objects()
        );
        let mut made = HashMap::new();
        let all = async {
            while !names.is_empty() {
                let Ok(secret) = changes.next().await.context("a watch does not end")? else {
                    continue;
                };
                let name = secret.name_any();
                if old.get(&name) != secret.uid().as_ref() && names.remove(&name) {
                    made.insert(name, Instant::now());
                }
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(DEADLINE, all)
            .await
            .context("not all Secrets were made")??;
        Ok(made)
    }

    /// The metadata of the Secrets.
    pub(crate) async fn secrets(&self) -> anyhow::Result<Api<PartialObjectMeta<Secret>>> {
        Ok(Api::namespaced(self.plane.client(ADMIN).await?, NAMESPACE))
    }
}

fn is_synced(object: &SealedSecret) -> bool {
    let conditions = object.status.iter().flat_map(|status| &status.conditions);
    conditions
        .into_iter()
        .any(|condition| condition.kind == "Synced" && condition.status == "True")
}
