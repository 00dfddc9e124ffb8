//! Stores that fail: who else waits, how soon everything is fresh when one returns, how often it was asked meanwhile.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use anyhow::Context;
use seal_testbed::{Fault, FaultProxy, Rule};

use super::field::{BY_TOKEN, DEADLINE, Field, Load, Who, by_token, is_ready};
use crate::report::{Row, ratio, told};

const BROKEN: &str = "broken";
const FAILING: Load = Load {
    prefix: "failing",
    objects: 20,
    entries: 3,
    bytes: 8,
    store: BROKEN,
    interval: "1h0m0s",
};
const PROBE: Load = Load {
    prefix: "probe",
    objects: 1,
    store: BY_TOKEN,
    ..FAILING
};
const FRESH: Load = Load {
    prefix: "fresh",
    objects: 200,
    interval: "15s",
    ..FAILING
};
const OUTAGE: Duration = Duration::from_secs(120);
const BOUND: Duration = Duration::from_secs(150);

type Took = HashMap<Who, f64>;

pub(crate) fn bystander() -> anyhow::Result<Vec<Row>> {
    let took = tokio::runtime::Runtime::new()?.block_on(beside_the_broken())?;
    Ok(vec![row(
        format!(
            "a new object on a healthy store while {} fail on another one (default)",
            FAILING.objects
        ),
        (took.get(&Who::Default), took.get(&Who::Ours)),
        |took| format!("{took:.2} s"),
        |took| *took,
        "< 1 s",
    )])
}

pub(crate) fn returning() -> anyhow::Result<Vec<Row>> {
    let told = tokio::runtime::Runtime::new()?.block_on(down_and_up())?;
    Ok(vec![row(
        format!(
            "store down for {} s, {} at 15 s: fresh after its return (tuned)",
            OUTAGE.as_secs(),
            FRESH.objects
        ),
        (told.get(&Who::Tuned), told.get(&Who::Ours)),
        Returned::told,
        |returned| returned.fresh,
        "< 5 s, ≤ 1 probe/s, all told",
    )])
}

pub(crate) fn refused() -> anyhow::Result<Vec<Row>> {
    let took = tokio::runtime::Runtime::new()?.block_on(invalid_and_valid())?;
    Ok(vec![row(
        format!(
            "store invalid, then valid again: {} ready (tuned; at most {} s)",
            FAILING.objects,
            BOUND.as_secs()
        ),
        (took.get(&Who::Tuned), took.get(&Who::Ours)),
        |took| format!("{took:.1} s"),
        |took| *took,
        "< 5 s",
    )])
}

fn row<T>(
    what: String,
    (theirs, ours): (Option<&T>, Option<&T>),
    words: impl Fn(&T) -> String,
    number: impl Fn(&T) -> f64,
    target: &'static str,
) -> Row {
    Row {
        what,
        peer: told(theirs, &words),
        ours: told(ours, &words),
        ratio: ratio(theirs, ours, number),
        target,
    }
}

fn sealed() -> Rule {
    Rule::on(
        "*",
        "*",
        Fault::Answer {
            code: 503,
            headers: Vec::new(),
            body: r#"{"errors":["Vault is sealed"]}"#.to_owned(),
        },
    )
}

// A new object on a healthy store, beside twenty on one that fails.
async fn beside_the_broken() -> anyhow::Result<Took> {
    let mut took = Took::new();
    for who in Who::of(&[Who::Default, Who::Ours]) {
        eprintln!(
            "  a new object beside {} on a broken store, {} …",
            FAILING.objects,
            who.name()
        );
        let field = Field::new().await?;
        let proxy = FaultProxy::before_store(&field.store).await?;
        field
            .store_object(BROKEN, &proxy.url(), by_token("vault-token"))
            .await?;
        // The store is valid when the controller asks for the first time: theirs asks those that are not no longer.
        let running = field.start(who, &[]).await?;
        field.fill_store(&PROBE).await?;
        let stores: kube::Api<seal_api::external_secrets::ClusterSecretStore> =
            kube::Api::all(field.client());
        let valid = async || {
            let store = stores.get(BROKEN).await?;
            Ok(store
                .status
                .is_some_and(|status| !status.conditions.is_empty())
                .then_some(()))
        };
        seal_testbed::wait_for("a valid store", DEADLINE, valid).await?;
        proxy.inject(sealed());
        field.fill(&FAILING).await?;
        let begun = field.create(&PROBE, 0).await?;
        let ready = field.ready(PROBE.names(), BOUND).await?;
        let last = ready.values().max().context("the object was not ready")?;
        let last = last.duration_since(begun).as_secs_f64();
        eprintln!("    {last:.2} s");
        took.insert(who, last);
        running.end().await?;
    }
    Ok(took)
}

struct Returned {
    fresh: f64,
    asked: usize,
    told: usize,
}

// Down for two minutes, with two hundred objects that are refreshed every fifteen seconds.
async fn down_and_up() -> anyhow::Result<HashMap<Who, Returned>> {
    let mut all = HashMap::new();
    for who in Who::of(&Who::TUNED_AND_OURS) {
        eprintln!(
            "  a store that is down for {} s, {} …",
            OUTAGE.as_secs(),
            who.name()
        );
        let field = Field::new().await?;
        let proxy = FaultProxy::before_store(&field.store).await?;
        field
            .store_object(BROKEN, &proxy.url(), by_token("vault-token"))
            .await?;
        field.fill(&FRESH).await?;
        let running = field.start(who, &[]).await?;
        field.ready(FRESH.names(), DEADLINE).await?;
        tokio::time::sleep(Duration::from_secs(5)).await;
        proxy.inject(Rule::on("*", "*", Fault::Cut));
        proxy.cut_all();
        let before = proxy.seen().len();
        tokio::time::sleep(OUTAGE).await;
        let asked = proxy.seen().len() - before;
        let objects = field.objects().list(&kube::api::ListParams::default()).await?;
        let failed = objects.iter().filter(|object| !is_ready(object)).count();
        proxy.clear();
        let begun = Instant::now();
        let back = jiff::Timestamp::now();
        let fresh = |object: &seal_api::external_secrets::ExternalSecret| {
            let refreshed = object
                .status
                .as_ref()
                .and_then(|status| status.refresh_time.clone());
            is_ready(object) && refreshed.is_some_and(|time| time.0.as_second() >= back.as_second())
        };
        let seen = field.seen(FRESH.names(), DEADLINE, fresh).await?;
        let last = seen
            .values()
            .max()
            .map_or(Duration::ZERO, |last| last.duration_since(begun));
        let returned = Returned {
            fresh: last.as_secs_f64(),
            asked,
            told: failed,
        };
        eprintln!("    {}", returned.told());
        all.insert(who, returned);
        running.end().await?;
    }
    Ok(all)
}

impl Returned {
    fn told(&self) -> String {
        format!(
            "{:.1} s, asked {} times, {} of {} told",
            self.fresh, self.asked, self.told, FRESH.objects
        )
    }
}

// Its token is refused for half a minute, and then is not.
async fn invalid_and_valid() -> anyhow::Result<Took> {
    let mut took = Took::new();
    for who in Who::of(&Who::TUNED_AND_OURS) {
        eprintln!("  a store that is invalid, then valid, {} …", who.name());
        let field = Field::new().await?;
        field.token_of("refused", "nonsense").await?;
        field
            .store_object(BROKEN, &field.store.url(), by_token("refused"))
            .await?;
        field.fill(&FAILING).await?;
        let running = field.start(who, &[]).await?;
        let failed = |object: &seal_api::external_secrets::ExternalSecret| {
            let status = object.status.as_ref();
            status.is_some_and(|status| !status.conditions.is_empty()) && !is_ready(object)
        };
        field.seen(FAILING.names(), DEADLINE, failed).await?;
        tokio::time::sleep(Duration::from_secs(30)).await;
        field.token_of("refused", field.store.root_token()).await?;
        let begun = Instant::now();
        let names: HashSet<String> = FAILING.names();
        let all = names.len();
        let ready = field.ready(names, BOUND).await.unwrap_or_default();
        let last = ready.values().max().map(|last| last.duration_since(begun));
        let last = last.filter(|_| ready.len() == all).unwrap_or(BOUND).as_secs_f64();
        eprintln!("    {last:.1} s, {} of {all} ready", ready.len());
        took.insert(who, last);
        running.end().await?;
    }
    Ok(took)
}
