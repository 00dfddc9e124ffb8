//! A thousand ExternalSecrets that wait when a controller starts, and the floor: what the API server itself needs for
//! the calls that nobody can leave out.

use std::time::Duration;

use seal_api::external_secrets::ExternalSecret;
use serde_json::json;

use super::field::{BY_ACCOUNT, DEADLINE, Field, Load, NAMESPACE, Who};
use crate::floor::Calls;
use crate::report::{Row, median, ratio, told};

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
        let (mut floors, mut runs) = (Vec::new(), Vec::new());
        if !Who::of(&[Who::Ours]).is_empty() {
            for _ in 0..ROUNDS {
                floors.push(floor().await?);
                runs.push(run(Who::Ours).await?);
            }
        }
        runs.sort_by_key(|run| run.wall);
        let ours = runs.get(ROUNDS / 2);
        let mut rows = Vec::new();
        for (who, target) in [(Who::Default, "≥ 10×"), (Who::Tuned, "≥ 2.5×")] {
            let theirs = match Who::of(&[who]).is_empty() {
                true => None,
                false => Some(run(who).await?),
            };
            let made_up = theirs.as_ref().is_some_and(|theirs| theirs.made_up);
            rows.push(Row {
                what: format!(
                    "{} ExternalSecrets × {}, Kubernetes authentication, all Ready; beside {}{}",
                    LOAD.objects,
                    LOAD.entries,
                    who.name(),
                    if made_up { " (extrapolated)" } else { "" },
                ),
                peer: told(theirs.as_ref(), Run::told),
                ours: told(ours, Run::told),
                ratio: ratio(theirs.as_ref(), ours, |run| run.wall.as_secs_f64()),
                target,
            });
        }
        if let Some(ours) = ours {
            rows.extend(ours.beside_bounds(median(&mut floors)));
        }
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

    fn beside_bounds(&self, floor: Duration) -> [Row; 3] {
        let row = |what: &str, peer: String, ours: String, ratio, target| Row {
            what: format!("that: {what}"),
            peer,
            ours,
            ratio,
            target,
        };
        let seconds = |time: Duration| format!("{:.2} s", time.as_secs_f64());
        let processor = self.processor.as_secs_f64();
        let megabytes = self.resident as f64 / 1e6;
        [
            row(
                "the API server's own time for three calls each",
                seconds(floor),
                seconds(self.wall),
                floor.as_secs_f64() / self.wall.as_secs_f64(),
                "≥ 0.7",
            ),
            row(
                "processor time",
                "–".to_owned(),
                format!("{processor:.2} CPU-s"),
                2.0 / processor,
                "≤ 2 CPU-s",
            ),
            row(
                "memory",
                "–".to_owned(),
                format!("{megabytes:.1} MB"),
                40.0 / megabytes,
                "< 40 MB",
            ),
        ]
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
    let first = ready
        .values()
        .min()
        .map(|first| first.duration_since(running.begun));
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
    eprintln!(
        "    {}\n    {}; the first after {first:.1?}",
        run.told(),
        cost.beside
    );
    Ok(run)
}

// One Secret, one status, one event each, and nothing else.
async fn floor() -> anyhow::Result<Duration> {
    let field = Field::new().await?;
    field.fill(&LOAD).await?;
    let secret = |index| {
        let name = LOAD.name(index);
        let values = json!({"k0": name, "k1": name, "k2": name});
        Ok(serde_json::from_value(
            json!({"metadata": {"name": name}, "stringData": values}),
        )?)
    };
    let secrets = (0..LOAD.objects).map(secret).collect::<anyhow::Result<_>>()?;
    let calls = Calls {
        client: field.client(),
        namespace: NAMESPACE,
        condition: "Ready",
        looks: false,
    };
    let beside = field.beside()?;
    // Watched as a controller is watched: that costs the API server the same.
    let (took, _) = tokio::try_join!(
        calls.take::<ExternalSecret>(secrets),
        field.ready(LOAD.names(), DEADLINE),
    )?;
    eprintln!("    {}", beside.told()?);
    Ok(took)
}
