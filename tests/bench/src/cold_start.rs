//! A controller that starts before SealedSecrets and 61 keys: ours, upstream's, and the floor, which is
//! the private operations that the ring's order needs and the API calls that must be made.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use k8s_openapi::api::core::v1::Secret;
use seal_api::SealedSecret;
use seal_testbed::{ADMIN, Process};

use crate::command::build;
use crate::fixture::{self, Keys};
use crate::floor::Calls;
use crate::installation::{ENTRIES, Installation, Load, Measured, NAMESPACE};
use crate::report::Row;
use crate::unseal::busy_operation;

const OBJECTS: usize = 200;
const KEYS: usize = 61;
const DEADLINE: Duration = Duration::from_secs(1_199);

pub(crate) fn measure() -> anyhow::Result<Vec<Row>> {
    let controller = build("seal-controller", "seal-controller")?;
    eprintln!("  making {KEYS} keys and {OBJECTS} objects …");
    let keys = Keys::generate(KEYS)?;
    let load = Load::spread(&keys, OBJECTS)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let what = format!("cold start: {OBJECTS} SealedSecrets × {ENTRIES} entries, {KEYS} keys");
    let (_, _, ours, mut rows) = runtime.block_on(beside_the_floor(&what, &controller, &load))?;
    let theirs = runtime.block_on(beside_upstream(&load, DEADLINE))?;
    let share = |processor: Duration| processor.as_secs_f64() / OBJECTS as f64;
    rows.insert(0, compared(what.clone(), &theirs, &ours));
    rows.push(Row {
        what: format!("{what}: CPU-s per object"),
        peer: format!("{:.3}", share(theirs.processor)),
        ours: format!("{:.3}", share(ours.processor)),
        ratio: theirs.processor.as_secs_f64() / ours.processor.as_secs_f64(),
        target: "≥ 10×",
    });
    Ok(rows)
}

/// Both runs side by side.
pub(crate) fn compared(what: String, theirs: &Measured, ours: &Measured) -> Row {
    let seconds = |measured: &Measured| {
        format!(
            "{:.1} s, {:.0} CPU-s, {} API calls",
            measured.wall.as_secs_f64(),
            measured.processor.as_secs_f64(),
            measured.calls
        )
    };
    Row {
        what,
        peer: format!("sealed-secrets {}", seconds(theirs)),
        ours: seconds(ours),
        ratio: theirs.wall.as_secs_f64() / ours.wall.as_secs_f64(),
        target: "≥ 10×",
    }
}

/// Upstream's controller set upon `load`, for at most that long.
pub(crate) async fn beside_upstream(load: &Load<'_>, most: Duration) -> anyhow::Result<Measured> {
    eprintln!("  upstream's controller (at most {} s) …", most.as_secs());
    Installation::filled(load).await?.run_upstream(load, most).await
}

/// Our controller set upon `load`, still running, and the row that holds it against the floor.
pub(crate) async fn beside_the_floor(
    what: &str,
    controller: &Path,
    load: &Load<'_>,
) -> anyhow::Result<(Installation, Process, Measured, Vec<Row>)> {
    let operations = load.private_operations()?;
    let newest = load.keys.all().last().context("a key")?;
    let raw = busy_operation(newest)?;
    let api = api_floor(load).await?;
    eprintln!("  our controller …");
    let installation = Installation::filled(load).await?;
    let (process, ours) = installation.run_ours(controller, load).await?;
    let floor = raw * u32::try_from(operations)? + api;
    let row = Row {
        what: format!(
            "{what}: the floor ({operations} private operations, {:.1} s of API calls)",
            api.as_secs_f64()
        ),
        peer: format!("{:.1} s", floor.as_secs_f64()),
        ours: format!("{:.1} s", ours.wall.as_secs_f64()),
        ratio: floor.as_secs_f64() / ours.wall.as_secs_f64(),
        target: "≥ 0.8",
    };
    Ok((installation, process, ours, vec![row]))
}

// The calls that nobody can leave out; no work beside.
async fn api_floor(load: &Load<'_>) -> anyhow::Result<Duration> {
    let installation = Installation::keyless(load).await?;
    let secret = |object: &SealedSecret| {
        let name = object.metadata.name.as_deref().context("a name")?;
        let plain = fixture::secret(NAMESPACE, name, ENTRIES).to_json();
        Ok(serde_json::from_slice(&plain)?)
    };
    let secrets = load
        .objects
        .iter()
        .map(secret)
        .collect::<anyhow::Result<Vec<Secret>>>()?;
    let calls = Calls {
        client: installation.plane.client(ADMIN).await?,
        namespace: NAMESPACE,
        condition: "Synced",
        looks: true,
    };
    calls.take::<SealedSecret>(secrets).await
}
