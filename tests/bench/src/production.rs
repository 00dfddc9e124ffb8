//! A controller in production: a thousand objects at start, a restart with nothing changed, somebody who
//! waits meanwhile, memory, a leader that goes, and everything deleted at once.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures::future::try_join;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::{Api, ResourceExt};
use seal_testbed::{ADMIN, Process, wait_for};
use serde_json::json;

use crate::cold_start::{beside_the_floor, beside_upstream, compared};
use crate::command::build;
use crate::fixture::{self, Keys};
use crate::installation::{ENTRIES, Installation, Load, NAMESPACE, name};
use crate::processor::resident;
use crate::report::Row;

const OBJECTS: usize = 1_000;
const KEYS: usize = 61;
const UPSTREAM: Duration = Duration::from_secs(100);
const PROBES: usize = 50;
const FOREIGN: usize = 5_000;
const FOREIGN_BYTES: usize = 20_000;
const FAILOVERS: usize = 3;
const SOON: Duration = Duration::from_secs(300);
// A second replica in the same network.
const BESIDE: [&str; 2] = ["--listen-addr=127.0.0.1:0", "--listen-metrics-addr=127.0.0.1:0"];

pub(crate) fn measure() -> anyhow::Result<Vec<Row>> {
    let controller = build("seal-controller", "seal-controller")?;
    eprintln!("  making {KEYS} keys and {OBJECTS} objects …");
    let keys = Keys::generate(KEYS)?;
    tokio::runtime::Runtime::new()?.block_on(all(&controller, &keys))
}

async fn all(controller: &Path, keys: &Keys) -> anyhow::Result<Vec<Row>> {
    let mut rows = cold_starts(controller, keys).await?;
    let load = Load::newest(keys, OBJECTS)?;
    let what = format!("cold start: {OBJECTS} × {ENTRIES}, {KEYS} keys, all under the newest");
    let (installation, process, _, floor) = beside_the_floor(&what, controller, &load).await?;
    rows.extend(floor);
    let site = Site {
        installation,
        controller,
        keys,
    };
    let (process, restarted) = site.restart(process).await?;
    rows.extend(site.deletions().await?);
    let (process, memory) = site.memory(process).await?;
    rows.push(memory);
    rows.extend(site.failover(process).await?);
    rows.push(site.beside_upstreams_restart(restarted).await?);
    Ok(rows)
}

async fn cold_starts(controller: &Path, keys: &Keys) -> anyhow::Result<Vec<Row>> {
    let load = Load::spread(keys, OBJECTS)?;
    let what = format!("cold start: {OBJECTS} × {ENTRIES}, {KEYS} keys, spread evenly");
    let (_, _, ours, mut rows) = beside_the_floor(&what, controller, &load).await?;
    let theirs = beside_upstream(&load, UPSTREAM).await?;
    let what = format!("{what} (upstream for {} s, extrapolated)", UPSTREAM.as_secs());
    rows.insert(0, compared(what, &theirs, &ours));
    rows.push(while_starting(controller, &load).await?);
    Ok(rows)
}

// Somebody creates one object after the other while the controller is busy with what it found.
async fn while_starting(controller: &Path, load: &Load<'_>) -> anyhow::Result<Row> {
    eprintln!("  new objects during a cold start …");
    let installation = Installation::filled(load).await?;
    let probes = probes(load.keys, OBJECTS, PROBES)?;
    let api = installation.objects().await?;
    let _process = installation.start_ours(controller, &[]).await?;
    // It is under way when something stands.
    let begun = installation.secrets().await?;
    let some = async || {
        Ok((!begun
            .list_metadata(&ListParams::default())
            .await?
            .items
            .is_empty())
        .then_some(()))
    };
    wait_for("the first of all Secrets", SOON, some).await?;
    let names = probes.iter().map(ResourceExt::name_any).collect();
    let old = HashMap::new();
    let (asked, made) = try_join(
        async {
            let mut asked = HashMap::new();
            for probe in &probes {
                asked.insert(probe.name_any(), Instant::now());
                api.create(&PostParams::default(), probe).await?;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Ok(asked)
        },
        installation.made(names, &old),
    )
    .await?;
    let left = installation
        .secrets()
        .await?
        .list_metadata(&ListParams::default())
        .await?;
    ensure!(
        left.items.len() < OBJECTS + PROBES,
        "the cold start was over before the last new object came"
    );
    let mut took: Vec<Duration> = asked
        .iter()
        .filter_map(|(name, asked)| Some(made.get(name)?.duration_since(*asked)))
        .collect();
    took.sort_unstable();
    let worst = took.last().copied().context("a probe")?;
    Ok(Row {
        what: format!("a new object during that cold start, the slowest of {PROBES}"),
        peer: "not measured here (minutes)".to_owned(),
        ours: format!(
            "{:.2} s (median {:.2} s)",
            worst.as_secs_f64(),
            took[took.len() / 2].as_secs_f64()
        ),
        ratio: 1.0 / worst.as_secs_f64(),
        target: "< 1 s",
    })
}

fn probes(keys: &Keys, from: usize, count: usize) -> anyhow::Result<Vec<seal_api::SealedSecret>> {
    let newest = keys.all().last().context("a key")?.public();
    (from..from + count)
        .map(|index| fixture::sealed(NAMESPACE, &name(index), ENTRIES, newest))
        .collect()
}

struct Site<'a> {
    installation: Installation,
    controller: &'a Path,
    keys: &'a Keys,
}

struct Restarted {
    wall: Duration,
    calls: usize,
    writes: usize,
    opened: usize,
}

impl Site<'_> {
    // Ends it and starts it again, until it has looked at everything.
    async fn restart(&self, process: Process) -> anyhow::Result<(Process, Restarted)> {
        eprintln!("  a restart with nothing changed …");
        process.terminate(SOON).await?;
        let mark = self.installation.plane.audit().mark().await?;
        let begin = Instant::now();
        let process = self
            .installation
            .start_ours(self.controller, &["--log-level=DEBUG"])
            .await?;
        let looked = async || {
            let log = process.log();
            Ok((log.matches("nothing is due").count() >= OBJECTS).then(|| log.matches("Updating").count()))
        };
        let opened = wait_for("all to be looked at", SOON, looked).await?;
        let wall = begin.elapsed();
        let calls = self.installation.calls_of_ours(mark).await?;
        let restarted = Restarted {
            wall,
            calls: calls.len(),
            writes: calls.writes().only(|call| call.resource != "leases").len(),
            opened,
        };
        Ok((process, restarted))
    }

    // For upstream's it is the same work again: it reads every Secret that it has opened anew.
    async fn beside_upstreams_restart(&self, ours: Restarted) -> anyhow::Result<Row> {
        eprintln!(
            "  upstream's controller on what is there ({} s) …",
            UPSTREAM.as_secs()
        );
        let mark = self.installation.plane.audit().mark().await?;
        let begin = Instant::now();
        let _process = self.installation.start_upstream().await?;
        tokio::time::sleep(UPSTREAM.saturating_sub(begin.elapsed())).await;
        let calls = self.installation.calls(mark, "sealed-secrets-controller").await?;
        let read = calls.clone().resource("secrets").verb("get").namespace(NAMESPACE);
        let looked: HashSet<String> = read.calls.iter().map(|call| call.name.clone()).collect();
        ensure!(!looked.is_empty(), "upstream's controller looked at nothing");
        let share = OBJECTS as f64 / looked.len() as f64;
        let theirs = calls.len() as f64 * share;
        Ok(Row {
            what: format!(
                "restart, nothing changed, {OBJECTS} × {ENTRIES} (upstream for {} s, extrapolated): API calls",
                UPSTREAM.as_secs()
            ),
            peer: format!(
                "sealed-secrets {theirs:.0} calls, {:.0} s",
                UPSTREAM.as_secs_f64() * share
            ),
            ours: format!(
                "{} calls, {} writes, {} opened, {:.1} s",
                ours.calls,
                ours.writes,
                ours.opened,
                ours.wall.as_secs_f64()
            ),
            ratio: theirs / ours.calls as f64,
            target: "≥ 50×, 0 writes, 0 opened, < 3 s",
        })
    }

    async fn deletions(&self) -> anyhow::Result<Vec<Row>> {
        eprintln!("  Secrets deleted …");
        let first = ListParams::default().fields(&format!("metadata.name={}", name(0)));
        let (_, one) = self.deleted(&first).await?;
        let (count, all) = self.deleted(&ListParams::default()).await?;
        let row = |what: String, took: Duration, most: f64, target| Row {
            what,
            peer: "–".to_owned(),
            ours: format!("{:.2} s", took.as_secs_f64()),
            ratio: most / took.as_secs_f64(),
            target,
        };
        Ok(vec![
            row(
                "an owned Secret deleted, until it stands again".to_owned(),
                one,
                1.0,
                "< 1 s",
            ),
            row(
                format!("{count} owned Secrets deleted at once, until all stand again"),
                all,
                15.0,
                "< 15 s",
            ),
        ])
    }

    // How many Secrets that was, and how long it took until all of them stood again.
    async fn deleted(&self, which: &ListParams) -> anyhow::Result<(usize, Duration)> {
        let secrets = self.installation.secrets().await?;
        let standing = secrets.list_metadata(which).await?;
        let old: HashMap<String, String> = standing
            .items
            .iter()
            .filter_map(|secret| Some((secret.name_any(), secret.uid()?)))
            .collect();
        let begin = Instant::now();
        let (_, made) = try_join(
            async { Ok(secrets.delete_collection(&DeleteParams::default(), which).await?) },
            self.installation.made(old.keys().cloned().collect(), &old),
        )
        .await?;
        let last = made.values().max().context("a Secret")?.duration_since(begin);
        Ok((old.len(), last))
    }

    async fn memory(&self, process: Process) -> anyhow::Result<(Process, Row)> {
        let (process, _) = self.restart(process).await?;
        let alone = resident(process.pid())?;
        eprintln!("  {FOREIGN} foreign Secrets …");
        self.installation.plane.namespace("elsewhere").await?;
        let api: Api<Secret> = Api::namespaced(self.installation.plane.client(ADMIN).await?, "elsewhere");
        let value = "x".repeat(FOREIGN_BYTES);
        let mut calls = tokio::task::JoinSet::new();
        for index in 0..FOREIGN {
            if calls.len() >= 8 {
                calls.join_next().await.context("a call")???;
            }
            let secret: Secret = serde_json::from_value(json!({
                "metadata": {"name": format!("foreign-{index}")}, "stringData": {"value": value},
            }))?;
            let api = api.clone();
            calls.spawn(async move { api.create(&PostParams::default(), &secret).await.map(drop) });
        }
        while let Some(call) = calls.join_next().await {
            call??;
        }
        let watched = resident(process.pid())?;
        let (process, _) = self.restart(process).await?;
        let listed = resident(process.pid())?;
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        let most = megabytes(watched.max(listed));
        let row = Row {
            what: format!("memory: {OBJECTS} objects and {FOREIGN} foreign Secrets of 20 kB"),
            peer: "not measured here (60 MB without the foreign ones)".to_owned(),
            ours: format!("{most:.1} MB ({:.1} MB without them)", megabytes(alone)),
            ratio: 40.0 / most,
            target: "< 40 MB, flat",
        };
        Ok((process, row))
    }

    async fn failover(&self, process: Process) -> anyhow::Result<Vec<Row>> {
        eprintln!("  leaders that go …");
        let mut leader = process;
        let (mut killed, mut ended) = (Vec::new(), Vec::new());
        for round in 0..FAILOVERS {
            for (ends, took) in [(true, &mut ended), (false, &mut killed)] {
                let standby = self.installation.start_ours(self.controller, &BESIDE).await?;
                let ready = async || {
                    Ok(standby
                        .log()
                        .lines()
                        .any(|line| line.ends_with(" ready"))
                        .then_some(()))
                };
                wait_for("the standby", SOON, ready).await?;
                let index = OBJECTS + PROBES + 2 * round + usize::from(ends);
                let probe = probes(self.keys, index, 1)?.remove(0);
                let begin = Instant::now();
                if ends {
                    leader.terminate(SOON).await?;
                } else {
                    leader.kill();
                }
                self.installation
                    .objects()
                    .await?
                    .create(&PostParams::default(), &probe)
                    .await?;
                let made = self
                    .installation
                    .made(HashSet::from([probe.name_any()]), &HashMap::new())
                    .await?;
                took.push(made[&probe.name_any()].duration_since(begin));
                leader = standby;
            }
        }
        leader.terminate(SOON).await?;
        let row = |what: &str, took: &[Duration], most: f64, target| {
            let worst = took.iter().max().copied().unwrap_or_default().as_secs_f64();
            Row {
                what: format!("{what} → next unseal, the slowest of {FAILOVERS}"),
                peer: "no failover".to_owned(),
                ours: format!("{worst:.2} s"),
                ratio: most / worst,
                target,
            }
        };
        Ok(vec![
            row("leader killed (lease of 15 s)", &killed, 16.0, "< 16 s"),
            row("leader ends", &ended, 1.0, "< 1 s"),
        ])
    }
}
