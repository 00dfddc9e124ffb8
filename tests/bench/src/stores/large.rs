//! Five thousand ExternalSecrets in one namespace: the first sync, a restart, and somebody who waits while all
//! of them are refreshed.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::ensure;
use seal_api::external_secrets::ExternalSecret;

use super::field::{BY_TOKEN, DEADLINE, Field, Load, Running, Who};
use super::quiet::restart;
use crate::report::{Row, ratio, told};

pub(super) const LOAD: Load = Load {
    prefix: "app",
    objects: 5_000,
    entries: 3,
    bytes: 1_300,
    store: BY_TOKEN,
    interval: "2m0s",
};
const PROBES: Load = Load {
    prefix: "probe",
    objects: 20,
    ..LOAD
};
const THEIRS: Duration = Duration::from_secs(60);

struct Synced {
    wall: f64,
    processor: f64,
    resident: f64,
    events: usize,
    share: f64,
}

impl Synced {
    fn told(&self) -> String {
        format!(
            "{:.1} s, {:.1} CPU-s, {:.0} MB, {} events",
            self.wall, self.processor, self.resident, self.events
        )
    }
}

pub(crate) fn measure() -> anyhow::Result<Vec<Row>> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let mut theirs = None;
        if !Who::of(&[Who::Tuned]).is_empty() {
            let field = Field::new().await?;
            let (running, synced) = synced(&field, Who::Tuned, THEIRS).await?;
            running.end().await?;
            theirs = Some(synced);
        }
        let mut ours = None;
        let mut rows = Vec::new();
        if !Who::of(&[Who::Ours]).is_empty() {
            let field = Field::new().await?;
            let (running, synced) = synced(&field, Who::Ours, DEADLINE).await?;
            ours = Some(synced);
            let (running, restarted) = restart(&field, Who::Ours, running, &LOAD).await?;
            rows.push(Row {
                what: format!("a restart with nothing due, {}", LOAD.objects),
                peer: "not measured here".to_owned(),
                ours: restarted.told(),
                ratio: 10.0 / restarted.wall,
                target: "< 10 s, 0 GETs, 0 reads",
            });
            rows.push(waiting(&field).await?);
            running.end().await?;
        }
        let (theirs, ours) = (theirs.as_ref(), ours.as_ref());
        let first = Row {
            what: format!(
                "{} ExternalSecrets × 3 of 4 kB in one namespace, token (tuned for {} s, extrapolated)",
                LOAD.objects,
                THEIRS.as_secs()
            ),
            peer: told(theirs, Synced::told),
            ours: told(ours, Synced::told),
            ratio: ratio(theirs, ours, |synced| synced.wall),
            target: "< 45 s, ≤ 10 CPU-s, every event",
        };
        rows.insert(0, first);
        Ok(rows)
    })
}

async fn synced(field: &Field, who: Who, most: Duration) -> anyhow::Result<(Running, Synced)> {
    eprintln!("  {} objects, {} …", LOAD.objects, who.name());
    field.installed(who).await?;
    field.fill(&LOAD).await?;
    let running = field.start(who, &[]).await?;
    let ready = field.ready(LOAD.names(), most).await?;
    let wall = running.begun.elapsed().as_secs_f64();
    let cost = field.cost(&running).await?;
    let share = LOAD.objects as f64 / ready.len() as f64;
    // The last ones are under way.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let synced = Synced {
        wall: wall * share,
        processor: cost.processor.as_secs_f64() * share,
        resident: cost.resident as f64 / 1e6,
        events: field.events("Created").await?,
        share,
    };
    eprintln!("    {} (× {:.1})", synced.told(), synced.share);
    Ok((running, synced))
}

// Their interval ends, so that all are fetched anew; meanwhile objects come.
async fn waiting(field: &Field) -> anyhow::Result<Row> {
    eprintln!("  new objects while all are refreshed …");
    field.fill_store(&PROBES).await?;
    let begun = jiff::Timestamp::now().as_second();
    let refreshed = |object: &ExternalSecret| {
        let time = object
            .status
            .as_ref()
            .and_then(|status| status.refresh_time.clone());
        time.is_some_and(|time| time.0.as_second() > begun)
    };
    field.seen_first(DEADLINE, refreshed).await?;
    let mark = field.store.audit().mark()?;
    let probes = async {
        let mut took = Vec::new();
        for index in 0..PROBES.objects {
            let name = HashSet::from([PROBES.name(index)]);
            let begun = field.create(&PROBES, index).await?;
            let ready = field.ready(name, DEADLINE).await?;
            took.extend(ready.values().map(|ready| ready.duration_since(begun)));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::Ok(took)
    };
    let mut took = probes.await?;
    let meanwhile = field
        .store
        .audit()
        .since(mark)?
        .operation("read")
        .below("secret/data");
    let meanwhile = meanwhile.len() - PROBES.objects;
    ensure!(meanwhile > 0, "the refresh was over before an object came");
    took.sort_unstable();
    let (median, worst) = (
        took[took.len() / 2].as_secs_f64(),
        took[took.len() - 1].as_secs_f64(),
    );
    eprintln!("    {median:.2} s, {worst:.2} s, {meanwhile} read meanwhile");
    Ok(Row {
        what: format!(
            "a new object while {} are refreshed, the slowest of {}",
            LOAD.objects, PROBES.objects
        ),
        peer: "not measured here".to_owned(),
        ours: format!("{worst:.2} s (median {median:.2} s)"),
        ratio: 1.0 / worst,
        target: "< 1 s",
    })
}
