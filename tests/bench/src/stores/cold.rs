//! A thousand ExternalSecrets that wait when a controller starts, and the floor: what the API server itself needs for
//! the calls that nobody can leave out.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{Event, ObjectReference};
use kube::Api;
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use serde_json::json;

use super::field::{BY_ACCOUNT, DEADLINE, Field, Load, NAMESPACE, Who, at_once};
use crate::report::{Row, median};

const LOAD: Load = Load {
    prefix: "app",
    objects: 1_000,
    entries: 3,
    bytes: 8,
    store: BY_ACCOUNT,
    interval: "1h0m0s",
};
const THEIRS: Duration = Duration::from_secs(60);
const ROUNDS: usize = 3;

struct Run {
    wall: Duration,
    processor: Duration,
    resident: u64,
    calls: f64,
    reads: f64,
    logins: usize,
    made_up: bool,
}

pub(crate) fn measure() -> anyhow::Result<Vec<Row>> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let (mut floors, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            floors.push(floor().await?);
            ours.push(run(Who::Ours).await?);
        }
        let floor = median(&mut floors);
        ours.sort_by_key(|run| run.wall);
        let ours = &ours[ROUNDS / 2];
        let mut rows = Vec::new();
        for (who, target) in [(Who::Default, "≥ 10×"), (Who::Tuned, "≥ 2.5×")] {
            let theirs = run(who).await?;
            rows.push(Row {
                what: format!(
                    "{} ExternalSecrets × {}, Kubernetes authentication, all Ready; beside {}{}",
                    LOAD.objects,
                    LOAD.entries,
                    who.name(),
                    if theirs.made_up { " (extrapolated)" } else { "" },
                ),
                peer: theirs.told(),
                ours: ours.told(),
                ratio: theirs.wall.as_secs_f64() / ours.wall.as_secs_f64(),
                target,
            });
        }
        let row = |what: &str, peer: String, ours: String, ratio, target| Row {
            what: format!("that: {what}"),
            peer,
            ours,
            ratio,
            target,
        };
        let seconds = |time: Duration| format!("{:.2} s", time.as_secs_f64());
        rows.push(row(
            "the API server's own time for three calls each",
            seconds(floor),
            seconds(ours.wall),
            floor.as_secs_f64() / ours.wall.as_secs_f64(),
            "≥ 0.7",
        ));
        let processor = ours.processor.as_secs_f64();
        rows.push(row(
            "processor time",
            "–".to_owned(),
            format!("{processor:.2} CPU-s"),
            2.0 / processor,
            "≤ 2 CPU-s",
        ));
        let megabytes = ours.resident as f64 / 1e6;
        rows.push(row(
            "memory",
            "–".to_owned(),
            format!("{megabytes:.1} MB"),
            40.0 / megabytes,
            "< 40 MB",
        ));
        Ok(rows)
    })
}

impl Run {
    fn told(&self) -> String {
        format!(
            "{:.1} s, {:.1} CPU-s, {:.0} MB, {:.2} calls and {:.2} reads each, {} logins",
            self.wall.as_secs_f64(),
            self.processor.as_secs_f64(),
            self.resident as f64 / 1e6,
            self.calls,
            self.reads,
            self.logins
        )
    }
}

async fn run(who: Who) -> anyhow::Result<Run> {
    eprintln!("  {} objects, {} …", LOAD.objects, who.name());
    let field = Field::new().await?;
    field.installed(who).await?;
    field.fill(&LOAD).await?;
    let running = field.start(who, &[]).await?;
    let most = match who {
        Who::Default => THEIRS,
        Who::Tuned | Who::Ours => DEADLINE,
    };
    let ready = field.ready(LOAD.names(), most).await?;
    let wall = running.begun.elapsed();
    let cost = field.cost(&running).await?;
    let share = LOAD.objects as f64 / ready.len() as f64;
    let of_objects = cost.calls.namespace(NAMESPACE).len();
    let run = Run {
        wall: wall.mul_f64(share),
        processor: cost.processor.mul_f64(share),
        resident: cost.resident,
        calls: of_objects as f64 / ready.len() as f64,
        reads: cost
            .store_calls
            .clone()
            .operation("read")
            .below("secret/data")
            .len() as f64
            / ready.len() as f64,
        logins: cost.store_calls.logins().len(),
        made_up: share > 1.0,
    };
    eprintln!("    {}", run.told());
    Ok(run)
}

// One Secret, one status, one event each, as many at a time as the server has any use for, and nothing else.
async fn floor() -> anyhow::Result<Duration> {
    let field = Field::new().await?;
    field.fill(&LOAD).await?;
    let (secrets, objects) = (field.secrets(), field.objects());
    let events: Api<Event> = Api::namespaced(field.client(), NAMESPACE);
    let begin = Instant::now();
    at_once((0..LOAD.objects).collect(), async |index| {
        let name = LOAD.name(index);
        let secret = json!({"metadata": {"name": name}, "stringData": {"k0": name, "k1": name, "k2": name}});
        secrets
            .create(&PostParams::default(), &serde_json::from_value(secret)?)
            .await?;
        let status = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}});
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
        let event = Event {
            metadata,
            involved_object,
            ..Event::default()
        };
        events.create(&PostParams::default(), &event).await?;
        Ok(())
    })
    .await?;
    let took = begin.elapsed();
    eprintln!("    the floor: {:.2} s", took.as_secs_f64());
    Ok(took)
}
