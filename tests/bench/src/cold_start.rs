//! A controller that starts before 200 SealedSecrets and 61 keys: ours, upstream's, and the floor,
//! which is the private operations that the ring's order needs and the API calls that must be made.

use std::collections::HashSet;
use std::path::Path;
use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::Context;
use futures::StreamExt;
use k8s_openapi::api::core::v1::{Event, ObjectReference, Secret};
use kube::ResourceExt;
use kube::api::{Api, ListParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::core::PartialObjectMeta;
use kube::runtime::{WatchStreamExt, watcher};
use seal_api::SealedSecret;
use seal_core::{Envelope, Scope, TrialHints, decode_base64};
use seal_testbed::{
    ADMIN, AuditMark, ControlPlane, Process, UpstreamController, sealed_secrets_crd, wait_for,
};
use serde_json::json;

use crate::command::build;
use crate::fixture::{self, Keys};
use crate::report::Row;
use crate::unseal::busy_operation;

const OBJECTS: usize = 200;
const ENTRIES: usize = 5;
const KEYS: usize = 61;
const NAMESPACE: &str = "prod";
const HOME: &str = "kube-system";
const DEADLINE: Duration = Duration::from_secs(1_200);

struct Load {
    keys: Keys,
    objects: Vec<SealedSecret>,
}

struct Measured {
    wall: Duration,
    processor: Duration,
    calls: usize,
}

pub(crate) fn measure() -> anyhow::Result<Vec<Row>> {
    let controller = build("seal-controller", "seal-controller")?;
    let load = Load::make()?;
    let operations = load.private_operations()?;
    let raw = busy_operation(&load.keys.all()[0])?;
    let runtime = tokio::runtime::Runtime::new()?;
    let (ours, api) = runtime.block_on(async {
        let api = load.api_floor().await?;
        anyhow::Ok((load.run_ours(&controller).await?, api))
    })?;
    let theirs = runtime.block_on(load.run_upstream())?;

    let floor = raw * u32::try_from(operations)? + api;
    let seconds = |measured: &Measured| {
        format!(
            "{:.1} s, {:.0} CPU-s, {} API calls",
            measured.wall.as_secs_f64(),
            measured.processor.as_secs_f64(),
            measured.calls
        )
    };
    let what = format!("cold start: {OBJECTS} SealedSecrets × {ENTRIES} entries, {KEYS} keys");
    let share = |processor: Duration| processor.as_secs_f64() / OBJECTS as f64;
    Ok(vec![
        Row {
            what: what.clone(),
            peer: format!("sealed-secrets {}", seconds(&theirs)),
            ours: seconds(&ours),
            ratio: theirs.wall.as_secs_f64() / ours.wall.as_secs_f64(),
            target: "≥ 10×",
        },
        Row {
            what: format!("{what}: CPU-s per object"),
            peer: format!("{:.3}", share(theirs.processor)),
            ours: format!("{:.3}", share(ours.processor)),
            ratio: theirs.processor.as_secs_f64() / ours.processor.as_secs_f64(),
            target: "≥ 10×",
        },
        Row {
            what: format!(
                "{what}: the floor ({operations} private operations, {:.1} s of API calls)",
                api.as_secs_f64()
            ),
            peer: format!("{:.1} s", floor.as_secs_f64()),
            ours: format!("{:.1} s", ours.wall.as_secs_f64()),
            ratio: floor.as_secs_f64() / ours.wall.as_secs_f64(),
            target: "≥ 0.8",
        },
    ])
}

impl Load {
    fn make() -> anyhow::Result<Self> {
        eprintln!("  making {KEYS} keys and {OBJECTS} objects …");
        let keys = Keys::generate(KEYS)?;
        let object = |index: usize| {
            fixture::sealed(
                NAMESPACE,
                &format!("db-{index:03}"),
                ENTRIES,
                keys.all()[index % KEYS].public(),
            )
        };
        let objects = (0..OBJECTS).map(object).collect::<anyhow::Result<_>>()?;
        Ok(Self { keys, objects })
    }

    // As the ring orders them, nothing being known beforehand.
    fn private_operations(&self) -> anyhow::Result<usize> {
        let ring = self.keys.ring(KEYS)?;
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

    async fn plane(&self) -> anyhow::Result<ControlPlane> {
        let plane = ControlPlane::builder().own_network().start().await?;
        plane.apply(&sealed_secrets_crd()?).await?;
        plane.namespace(NAMESPACE).await?;
        plane.namespace(HOME).await?;
        Ok(plane)
    }

    async fn filled(&self) -> anyhow::Result<ControlPlane> {
        let plane = self.plane().await?;
        for index in 0..KEYS {
            plane.apply(&self.keys.secret(index, HOME)?.to_string()).await?;
        }
        self.create_objects(&plane).await?;
        Ok(plane)
    }

    async fn create_objects(&self, plane: &ControlPlane) -> anyhow::Result<()> {
        let api: Api<SealedSecret> = Api::namespaced(plane.client(ADMIN).await?, NAMESPACE);
        let established = async || Ok(api.list(&ListParams::default().limit(1)).await.ok());
        wait_for("the CRD", Duration::from_secs(30), established).await?;
        for object in &self.objects {
            api.create(&PostParams::default(), object).await?;
        }
        Ok(())
    }

    async fn run_upstream(&self) -> anyhow::Result<Measured> {
        eprintln!("  upstream's controller (some minutes) …");
        let plane = self.filled().await?;
        let mark = plane.audit().mark().await?;
        let begin = Instant::now();
        let flags = ["--kubeclient-qps=-1", "--key-renew-period=0"];
        let process = UpstreamController::start(&plane, HOME, &flags).await?;
        self.synced(&plane, &process, "sealed-secrets-controller", (mark, begin))
            .await
    }

    async fn run_ours(&self, controller: &Path) -> anyhow::Result<Measured> {
        eprintln!("  our controller …");
        let plane = self.filled().await?;
        let account = "seal-controller";
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": account},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "namespace": HOME, "name": account}],
        });
        plane.apply(&binding.to_string()).await?;
        let mark = plane.audit().mark().await?;
        let begin = Instant::now();
        let environment = [("POD_NAMESPACE", HOME.to_owned())];
        let process =
            Process::start_as_pod(&plane, (HOME, account), controller, [""; 0], environment).await?;
        self.synced(&plane, &process, account, (mark, begin)).await
    }

    // What `process` has cost since it began, once its work is done.
    async fn synced(
        &self,
        plane: &ControlPlane,
        process: &Process,
        account: &str,
        (mark, begin): (AuditMark, Instant),
    ) -> anyhow::Result<Measured> {
        self.wait_until_synced(plane).await?;
        let wall = begin.elapsed();
        let calls = plane
            .audit()
            .since(mark)
            .await?
            .user(&format!("{HOME}:{account}"));
        Ok(Measured {
            wall,
            processor: processor_time(process.pid())?,
            calls: calls.len(),
        })
    }

    // By a watch: lists would cost the API server more than the controller does.
    async fn wait_until_synced(&self, plane: &ControlPlane) -> anyhow::Result<()> {
        let api: Api<SealedSecret> = Api::namespaced(plane.client(ADMIN).await?, NAMESPACE);
        let mut waiting: HashSet<String> = self
            .objects
            .iter()
            .filter_map(|object| object.metadata.name.clone())
            .collect();
        let mut changes = pin!(
            watcher(api, watcher::Config::default())
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
            Ok(())
        };
        tokio::time::timeout(DEADLINE, all_synced)
            .await
            .context("not all objects were synced")?
    }

    // The calls that nobody can leave out: look, create, tell the status, tell an event; no work beside.
    async fn api_floor(&self) -> anyhow::Result<Duration> {
        eprintln!("  the floor of API calls …");
        let plane = self.plane().await?;
        self.create_objects(&plane).await?;
        let client = plane.client(ADMIN).await?;
        let secrets: Api<Secret> = Api::namespaced(client.clone(), NAMESPACE);
        let objects: Api<SealedSecret> = Api::namespaced(client.clone(), NAMESPACE);
        let events: Api<Event> = Api::namespaced(client, NAMESPACE);
        let begin = Instant::now();
        let mut calls = tokio::task::JoinSet::new();
        for object in &self.objects {
            if calls.len() >= 8 {
                calls.join_next().await.context("a call")???;
            }
            let (secrets, objects, events) = (secrets.clone(), objects.clone(), events.clone());
            let name = object.metadata.name.clone().context("a name")?;
            calls.spawn(async move {
                let _: Option<PartialObjectMeta<Secret>> = secrets.get_metadata_opt(&name).await?;
                let plain = fixture::secret(NAMESPACE, &name, ENTRIES).to_json();
                secrets
                    .create(&PostParams::default(), &serde_json::from_slice(&plain)?)
                    .await?;
                let status = json!({"status": {"conditions": [{"type": "Synced", "status": "True"}]}});
                objects
                    .patch_status(&name, &PatchParams::default(), &Patch::Merge(status))
                    .await?;
                let metadata = ObjectMeta {
                    generate_name: Some(name),
                    ..ObjectMeta::default()
                };
                let involved_object = ObjectReference {
                    namespace: Some(NAMESPACE.to_owned()),
                    ..ObjectReference::default()
                };
                events
                    .create(
                        &PostParams::default(),
                        &Event {
                            metadata,
                            involved_object,
                            ..Event::default()
                        },
                    )
                    .await?;
                anyhow::Ok(())
            });
        }
        while let Some(call) = calls.join_next().await {
            call??;
        }
        Ok(begin.elapsed())
    }
}

fn is_synced(object: &SealedSecret) -> bool {
    let conditions = object.status.iter().flat_map(|status| &status.conditions);
    conditions
        .into_iter()
        .any(|condition| condition.kind == "Synced" && condition.status == "True")
}

// User and system time (proc(5): fields 14 and 15, in hundredths of a second).
fn processor_time(process: u32) -> anyhow::Result<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, rest) = text.rsplit_once(')').context("proc(5)")?;
    let field = |index: usize| -> anyhow::Result<u64> {
        Ok(rest.split_whitespace().nth(index).context("proc(5)")?.parse()?)
    };
    Ok(Duration::from_millis((field(11)? + field(12)?) * 10))
}
