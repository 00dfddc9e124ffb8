//! Controllers that have synced what there is: what a refresh costs, many entries of one path, a restart, and Secrets
//! that somebody tampers with.

use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::Context;
use futures::StreamExt;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::json;

use super::field::{BY_ACCOUNT, BY_TOKEN, DEADLINE, Field, Load, NAMESPACE, Running, Who, spread};
use crate::report::{Row, ratio, told as words};

const REFRESHED: Load = Load {
    prefix: "fresh",
    objects: 20,
    entries: 3,
    bytes: 8,
    store: BY_TOKEN,
    interval: "10s",
};
const REFRESHES: usize = 3;
const ONE_PATH: Load = Load {
    prefix: "path",
    objects: 100,
    entries: 20,
    bytes: 8,
    store: BY_ACCOUNT,
    interval: "1h0m0s",
};
const STANDING: Load = Load {
    prefix: "app",
    objects: 1_000,
    entries: 3,
    bytes: 8,
    store: BY_TOKEN,
    interval: "1h0m0s",
};
const TAMPERED: usize = 100;

pub(crate) fn measure() -> anyhow::Result<Vec<Row>> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let mut rows = vec![refreshes().await?, one_path().await?];
        rows.extend(standing().await?);
        Ok(rows)
    })
}

async fn refreshes() -> anyhow::Result<Row> {
    let mut told = HashMap::new();
    for who in Who::of(&Who::TUNED_AND_OURS) {
        eprintln!("  unchanged refreshes, {} …", who.name());
        let field = Field::new().await?;
        field.fill(&REFRESHED).await?;
        let running = field.start(who, &[]).await?;
        field.ready(REFRESHED.names(), DEADLINE).await?;
        let (calls, store_calls) = (field.plane.audit().mark().await?, field.store.audit().mark()?);
        let refreshed = refreshed(&field, REFRESHED.objects * REFRESHES).await?;
        let calls = field.calls_since(calls).await?.namespace(NAMESPACE);
        let writes = calls.clone().resource("secrets").writes().len();
        let store_calls = field.store.audit().since(store_calls)?.operation("read");
        let each = |count: usize| count as f64 / refreshed as f64;
        let store_calls = store_calls.below("secret/data").len();
        let counts = (each(calls.len()), each(store_calls), writes);
        eprintln!("    {counts:?}");
        told.insert(who, counts);
        running.end().await?;
    }
    let (theirs, ours) = (told.get(&Who::Tuned), told.get(&Who::Ours));
    let text = |(calls, reads, writes): &(f64, f64, usize)| {
        format!("{calls:.1} Kubernetes and {reads:.1} store calls, {writes} Secret writes")
    };
    Ok(Row {
        what: "an unchanged refresh".to_owned(),
        peer: words(theirs, text),
        ours: words(ours, text),
        ratio: ratio(theirs, ours, |(calls, reads, _)| calls + reads),
        target: "1 and 1, 0 writes",
    })
}

// Waits until that many refreshes were told, and counts them.
async fn refreshed(field: &Field, wanted: usize) -> anyhow::Result<usize> {
    let mut changes = pin!(
        watcher(field.objects(), watcher::Config::default())
            .default_backoff()
            .applied_objects()
    );
    let (mut times, mut count) = (HashMap::new(), 0);
    let counted = async {
        while count < wanted {
            let object = changes.next().await.context("a watch does not end")??;
            let status = object.status.as_ref();
            let time = status
                .and_then(|status| status.refresh_time.clone())
                .map(|time| time.0);
            let before = times.insert(object.name_any(), time);
            if before.is_some_and(|before| before != time) {
                count += 1;
            }
        }
        anyhow::Ok(count)
    };
    tokio::time::timeout(DEADLINE, counted)
        .await
        .context("no refresh")?
}

async fn one_path() -> anyhow::Result<Row> {
    let mut told = HashMap::new();
    for who in Who::of(&Who::TUNED_AND_OURS) {
        eprintln!("  {} entries of one path, {} …", ONE_PATH.entries, who.name());
        let field = Field::new().await?;
        field.fill(&ONE_PATH).await?;
        let running = field.start(who, &[]).await?;
        field.ready(ONE_PATH.names(), DEADLINE).await?;
        let wall = running.begun.elapsed().as_secs_f64();
        let cost = field.cost(&running).await?;
        let reads = cost
            .store_calls
            .clone()
            .operation("read")
            .below("secret/data")
            .len();
        let all = cost.store_calls.only(|call| call.caller != "root").len();
        eprintln!("    {reads} reads of {all} calls, {wall:.1} s");
        told.insert(who, (reads, all, wall));
        running.end().await?;
    }
    let (theirs, ours) = (told.get(&Who::Tuned), told.get(&Who::Ours));
    let text = |(reads, all, wall): &(usize, usize, f64)| {
        format!(
            "{reads} reads, {} calls for tokens, {wall:.1} s",
            all.saturating_sub(*reads)
        )
    };
    Ok(Row {
        what: format!("{} entries of one path × {}", ONE_PATH.entries, ONE_PATH.objects),
        peer: words(theirs, text),
        ours: words(ours, text),
        ratio: ratio(theirs, ours, |(reads, ..)| *reads as f64),
        target: "100 reads",
    })
}

/// What a restart costs: when everything was looked at, GETs of Secrets and reads of the store.
pub(super) struct Restarted {
    pub(super) wall: f64,
    gets: usize,
    reads: usize,
}

impl Restarted {
    pub(super) fn told(&self) -> String {
        format!(
            "{:.1} s, {} GETs, {} store reads",
            self.wall, self.gets, self.reads
        )
    }
}

/// Ends a controller and starts it again, until it has looked at every object of `load`.
pub(super) async fn restart(
    field: &Field,
    who: Who,
    running: Running,
    load: &Load,
) -> anyhow::Result<(Running, Restarted)> {
    running.end().await?;
    let mark = field.plane.audit().mark().await?;
    let running = match who {
        Who::Ours => field.start(who, &["--log-level=DEBUG"]).await?,
        Who::Default | Who::Tuned => field.start(who, &[]).await?,
    };
    // Theirs reads each Secret, ours says of each that nothing is due.
    loop {
        let looked = match who {
            Who::Ours => {
                let log = running.process().log();
                log.matches("nothing is due").count() + log.matches("Fetching").count()
            }
            Who::Default | Who::Tuned => {
                tokio::time::sleep(Duration::from_millis(900)).await;
                let calls = field.calls_since(mark).await?.resource("secrets").verb("get");
                let calls = calls.namespace(NAMESPACE).calls.into_iter();
                calls.map(|call| call.name).collect::<HashSet<_>>().len()
            }
        };
        if looked >= load.objects {
            break;
        }
        anyhow::ensure!(running.begun.elapsed() < DEADLINE, "only {looked} were looked at");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let wall = running.begun.elapsed().as_secs_f64();
    let cost = field.cost(&running).await?;
    let restarted = Restarted {
        wall,
        gets: cost
            .calls
            .resource("secrets")
            .verb("get")
            .namespace(NAMESPACE)
            .len(),
        reads: cost.store_calls.operation("read").below("secret/data").len(),
    };
    eprintln!("    restart: {}", restarted.told());
    Ok((running, restarted))
}

struct Standing {
    restarted: Restarted,
    repaired: (f64, f64),
    reads: usize,
}

async fn standing() -> anyhow::Result<Vec<Row>> {
    let mut told = HashMap::new();
    for who in Who::of(&Who::TUNED_AND_OURS) {
        eprintln!("  {} that stand, {} …", STANDING.objects, who.name());
        let field = Field::new().await?;
        field.fill(&STANDING).await?;
        let running = field.start(who, &[]).await?;
        field.ready(STANDING.names(), DEADLINE).await?;
        // Their second look at each is over.
        tokio::time::sleep(Duration::from_secs(5)).await;
        let (running, restarted) = restart(&field, who, running, &STANDING).await?;
        let mark = field.store.audit().mark()?;
        let repaired = tampered(&field).await?;
        let reads = field.store.audit().since(mark)?.operation("read");
        let reads = reads.below("secret/data").len();
        eprintln!("    repaired: {repaired:?}, {reads} reads");
        running.end().await?;
        let standing = Standing {
            restarted,
            repaired,
            reads,
        };
        told.insert(who, standing);
    }
    let (theirs, ours) = (told.get(&Who::Tuned), told.get(&Who::Ours));
    let repair = |standing: &Standing| {
        let (median, worst) = standing.repaired;
        format!("{median:.2}/{worst:.2} s, {} store reads", standing.reads)
    };
    Ok(vec![
        Row {
            what: format!("a restart with nothing due, {}", STANDING.objects),
            peer: words(theirs, |standing| standing.restarted.told()),
            ours: words(ours, |standing| standing.restarted.told()),
            ratio: ratio(theirs, ours, |standing| standing.restarted.wall),
            target: "< 3 s, 0 GETs, 0 reads",
        },
        Row {
            what: format!("{TAMPERED} Secrets tampered with: repaired (median/99 %)"),
            peer: words(theirs, repair),
            ours: words(ours, repair),
            ratio: ratio(theirs, ours, |standing| standing.repaired.0),
            target: "< 0.3/1 s, ≤ 100 reads",
        },
    ])
}

async fn tampered(field: &Field) -> anyhow::Result<(f64, f64)> {
    let secrets = field.secrets();
    let mut changes = pin!(
        watcher(secrets.clone(), watcher::Config::default())
            .default_backoff()
            .applied_objects()
    );
    let names: HashSet<String> = (0..TAMPERED).map(|index| STANDING.name(index)).collect();
    let mut forged: HashMap<String, Instant> = HashMap::new();
    let mut took = Vec::new();
    let forge = async {
        for name in &names {
            let patch = Patch::Merge(json!({"stringData": {"k0": "forged"}}));
            secrets.patch(name, &PatchParams::default(), &patch).await?;
        }
        anyhow::Ok(())
    };
    let watch = async {
        while took.len() < TAMPERED {
            let secret = changes.next().await.context("a watch does not end")??;
            let name = secret.name_any();
            let value = secret.data.as_ref().and_then(|data| data.get("k0"));
            if value.is_some_and(|value| value.0 == b"forged") {
                forged.insert(name, Instant::now());
            } else if let Some(since) = forged.remove(&name) {
                took.push(since.elapsed());
            }
        }
        anyhow::Ok(())
    };
    let both = futures::future::try_join(forge, watch);
    tokio::time::timeout(DEADLINE, both)
        .await
        .context("not all were repaired")??;
    Ok(spread(took))
}
