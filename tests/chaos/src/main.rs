//! Chaos around real controllers: acts drawn from a seed, a judge of every Secret that is seen meanwhile,
//! and a look at everything when it is over. What is right is `judge`'s and `ending`'s to say.

#![expect(
    clippy::print_stdout,
    reason = "the log of acts is for people and for the next run"
)]

mod act;
mod ending;
mod judge;
mod keys;
mod observer;
mod perform;
mod place;
mod replica;
mod script;
mod stage;
mod stores;
mod usage;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Parser;
use jiff::SignedDuration;
use seal_testbed::OpenBao;

use crate::observer::Bench;
use crate::perform::Performer;
use crate::script::Script;
use crate::stage::{REPLICAS, Stage};
use crate::stores::Stores;

/// Lets a control plane and its controllers suffer, and judges every Secret meanwhile.
#[derive(Parser)]
#[command(name = "cargo xtask chaos")]
struct Arguments {
    /// How long; acts that are under way are finished, then everything must come to rest
    #[arg(long = "for", value_name = "TIME", default_value = "10m", value_parser = time)]
    time: Duration,
    /// Draws the same acts again; without it, a new one is drawn
    #[arg(long)]
    seed: Option<u64>,
    /// Goes on beyond that time until so many Secrets were judged, for ten times as long at most
    #[arg(long, value_name = "N", default_value_t = 0)]
    judged: usize,
    /// Has a store suffer too, with ExternalSecrets that use it
    #[arg(long)]
    stores: bool,
}

fn time(text: &str) -> anyhow::Result<Duration> {
    let time: SignedDuration = text.parse().context("a time such as 90s, 10m or 8h")?;
    Ok(Duration::try_from(time)?)
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let Arguments {
        time,
        seed,
        judged,
        stores,
    } = Arguments::parse();
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("seed {seed}, for {} s, {REPLICAS} replica(s)", time.as_secs());
    let plane = stage::plane(stores).await?;
    let store = match stores {
        true => Some(OpenBao::start().await?),
        false => None,
    };
    let flags: &[&str] = if stores { &stores::FLAGS } else { &[] };
    let stage = Stage::set(&plane, flags).await?;
    let stores = match &store {
        Some(store) => Some(Stores::set(store, stage.client.clone()).await?),
        None => None,
    };
    let run = run(stage, stores, seed, time, judged).await;
    let right = matches!(run, Ok(0));
    if !right {
        plane.keep_logs()?;
        println!(
            "logs: {}; again: --seed {seed}",
            plane.dir().join("logs").display()
        );
    }
    run?;
    Ok(if right {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The whole run; how many violations it found.
async fn run<'a>(
    stage: Stage<'a>,
    stores: Option<Stores<'a>>,
    seed: u64,
    time: Duration,
    judged: usize,
) -> anyhow::Result<usize> {
    let bench = Bench::default();
    let _watches = bench.observe(&stage.client);
    let mut script = Script::new(seed, REPLICAS, stores.is_some());
    let mut performer = Performer::enter(stage, bench, stores).await?;
    performer.begin().await?;

    let mut log = Log::default();
    let enough = |performer: &Performer<'_>, begin: Instant| {
        let time = if performer.bench.judge().judged() < judged {
            time * 10
        } else {
            time
        };
        begin.elapsed() >= time
    };
    while !enough(&performer, log.begin) {
        let pause = script.pause();
        let act = script.next();
        log.act(&mut performer, &act).await?;
        tokio::time::sleep(pause).await;
    }
    for act in script.last() {
        log.act(&mut performer, &act).await?;
    }

    let (differences, took) = ending::come_to_rest(&mut performer, &script).await?;
    log.say(&format!("at rest after {:.1} s", took.as_secs_f64()));
    log.violations(differences);
    performer.bench.is_up_to_date(&performer.stage.client).await?;
    log.collect(&mut performer);
    log.violations(ending::forbidden_calls(&performer).await?);
    let (usages, leaks) = ending::leaks(&mut performer).await?;
    usages.iter().for_each(|usage| log.say(usage));
    log.violations(leaks);
    log.say(&format!(
        "replicas that ended by themselves: {}",
        performer.stage.ended
    ));
    let judge = performer.bench.judge();
    let (words, signals) = judge.renewals.demands();
    log.say(&format!(
        "keys were asked for with {words} words and {signals} signals"
    ));
    println!(
        "{} acts, {} Secrets judged, {} keys made, {} violations",
        log.acts,
        judge.judged(),
        judge.renewals.made(),
        log.violations
    );
    Ok(log.violations)
}

/// What is printed, and what is counted.
struct Log {
    begin: Instant,
    acts: usize,
    violations: usize,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            begin: Instant::now(),
            acts: 0,
            violations: 0,
        }
    }
}

impl Log {
    async fn act(&mut self, performer: &mut Performer<'_>, act: &act::Act) -> anyhow::Result<()> {
        self.acts += 1;
        self.say(&format!("#{} {act}", self.acts));
        let remark = performer
            .perform(act)
            .await
            .with_context(|| format!("#{} {act}", self.acts))?;
        performer.open_gates(false);
        let news = performer.stage.tend(false).await?;
        remark
            .iter()
            .chain(&news)
            .for_each(|line| self.say(&format!("   {line}")));
        self.collect(performer);
        Ok(())
    }

    fn collect(&mut self, performer: &mut Performer<'_>) {
        let found = performer.bench.judge().take_violations();
        self.violations(found);
    }

    fn violations(&mut self, found: Vec<String>) {
        self.violations += found.len();
        for violation in found {
            self.say(&format!("VIOLATION: {violation}"));
        }
    }

    fn say(&self, line: &str) {
        println!("{:9.3} {line}", self.begin.elapsed().as_secs_f64());
    }
}
