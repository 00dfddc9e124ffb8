//! What five thousand Secrets of ours cost in memory, and five thousand large ones that are not ours.

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::PostParams;
use serde_json::json;

use super::field::{DEADLINE, Field, Load, Who};
use super::large;
use super::quiet::restart;
use crate::floor::at_once;
use crate::processor::resident;
use crate::report::Row;

const LOAD: Load = Load {
    interval: "1h0m0s",
    ..large::LOAD
};
const FOREIGN: usize = 5_000;
const FOREIGN_BYTES: usize = 100_000;

pub(crate) fn measure() -> anyhow::Result<Vec<Row>> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let field = Field::new().await?;
        field.installed(Who::Ours).await?;
        field.fill(&LOAD).await?;
        let running = field.start(Who::Ours, &[]).await?;
        field.ready(LOAD.names(), DEADLINE).await?;
        let synced = resident(running.process().pid())?;
        eprintln!("  {} bytes; {FOREIGN} foreign Secrets …", synced);
        field.plane.namespace("elsewhere").await?;
        let api: Api<Secret> = Api::namespaced(field.client(), "elsewhere");
        let value = "x".repeat(FOREIGN_BYTES);
        at_once((0..FOREIGN).collect(), async |index| {
            let name = format!("foreign-{index}");
            let secret = json!({"metadata": {"name": name}, "stringData": {"value": value}});
            api.create(&PostParams::default(), &serde_json::from_value(secret)?)
                .await?;
            Ok(())
        })
        .await?;
        let watched = resident(running.process().pid())?;
        let (running, _) = restart(&field, Who::Ours, running, &LOAD).await?;
        let listed = resident(running.process().pid())?;
        running.end().await?;
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        let most = megabytes(synced.max(watched).max(listed));
        Ok(vec![Row {
            what: format!(
                "memory: {} managed Secrets of 4 kB; with {FOREIGN} foreign ones of 100 kB; after a restart",
                LOAD.objects
            ),
            peer: "not measured here".to_owned(),
            ours: format!(
                "{:.1} MB; {:.1} MB; {:.1} MB",
                megabytes(synced),
                megabytes(watched),
                megabytes(listed)
            ),
            ratio: 60.0 / most,
            target: "< 60 MB, flat",
        }])
    })
}
