//! The series that are made of the rows of objects and stores when somebody asks.

use std::fmt;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabel, EncodeLabelSet, EncodeMetric, LabelSetEncoder, MetricEncoder, NoLabelSet,
};
use prometheus_client::metrics::MetricType;

use super::{Looked, Naming, OUTCOMES, RECOMMENDED, Recommended, Row, Table};
use crate::known::Key;

impl fmt::Debug for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Table").finish_non_exhaustive()
    }
}

impl Collector for Table {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.overdue(&mut encoder)?;
        if self.naming != Naming::Nameless {
            self.of_objects(&mut encoder)?;
            self.of_stores(&mut encoder)?;
            let spread = self.spread();
            looks(
                &mut encoder,
                "clusterexternalsecret",
                "ClusterExternalSecret",
                &spread.iter().collect::<Vec<_>>(),
            )?;
        }
        self.requests(&mut encoder)
    }
}

impl Table {
    fn overdue(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let now = Timestamp::now();
        let objects = self.objects();
        let late = objects.values().filter_map(|row| row.due);
        let late: Vec<Duration> = late
            .filter_map(|due| Duration::try_from(now.duration_since(due)).ok())
            .filter(|late| !late.is_zero())
            .collect();
        drop(objects);
        let (count, oldest) = (late.len() as u64, late.iter().max().copied().unwrap_or_default());
        encoder
            .encode_descriptor(
                "externalsecret_overdue",
                "How many ExternalSecrets should have been fetched by now and were not",
                None,
                MetricType::Gauge,
            )?
            .encode_gauge(&count)?;
        encoder
            .encode_descriptor(
                "externalsecret_oldest_due_seconds",
                "For how long the one of them that waits longest has been due",
                None,
                MetricType::Gauge,
            )?
            .encode_gauge(&oldest.as_secs_f64())
    }

    fn of_objects(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let objects = self.objects();
        if objects.is_empty() {
            return Ok(());
        }
        type Write = fn(&Row, MetricEncoder<'_>) -> fmt::Result;
        let each: [(&str, &str, MetricType, Write); 3] = [
            (
                "externalsecret_sync_calls",
                "Total number of the External Secret sync calls",
                MetricType::Counter,
                |row, mut series| series.encode_counter::<NoLabelSet, _, u64>(&row.looks, None),
            ),
            (
                "externalsecret_sync_calls_error",
                "Total number of the External Secret sync errors",
                MetricType::Unknown,
                |row, mut series| series.encode_gauge(&row.failures),
            ),
            (
                "externalsecret_reconcile_duration",
                "The duration time to reconcile the External Secret",
                MetricType::Gauge,
                |row, mut series| series.encode_gauge(&nanoseconds(row.took)),
            ),
        ];
        for (name, help, kind, write) in each {
            let mut family = encoder.encode_descriptor(name, help, None, kind)?;
            for (key, row) in objects.iter() {
                let labels = Labels::of(key, row.recommended.as_ref());
                write(row, family.encode_family(&labels)?)?;
            }
        }
        let family = encoder.encode_descriptor(
            "externalsecret_status_condition",
            "The status condition of a specific External Secret",
            None,
            MetricType::Gauge,
        )?;
        let rows = objects
            .iter()
            .map(|(key, row)| (key, row.ready, row.recommended.as_ref()));
        conditions(family, rows)
    }

    fn of_stores(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let stores = self.stores();
        let seen = stores
            .iter()
            .filter_map(|(key, row)| Some((key, row.looked.as_ref()?)));
        let (of_cluster, of_namespaces): (Vec<_>, Vec<_>) =
            seen.partition(|(key, _)| key.namespace.is_empty());
        looks(encoder, "secretstore", "store", &of_namespaces)?;
        looks(encoder, "clustersecretstore", "store", &of_cluster)
    }

    fn requests(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let stores = self.stores();
        let metered = || {
            let seen = stores.iter().filter(|(_, row)| row.looked.is_some());
            seen.filter_map(|(key, row)| Some((key, row.meter.as_ref()?)))
        };
        if metered().next().is_none() {
            return Ok(());
        }
        let mut family = encoder.encode_descriptor(
            "secretstore_down",
            "Whether a store counts as down and is only tried once a second",
            None,
            MetricType::Gauge,
        )?;
        for (key, meter) in metered() {
            let down = u64::from(meter.down.load(Ordering::Relaxed) > 0);
            family
                .encode_family(&self.store(key, None))?
                .encode_gauge(&down)?;
        }
        let mut family = encoder.encode_descriptor(
            "secretstore_request_seconds",
            "How long stores took to answer, by what came of it",
            None,
            MetricType::Histogram,
        )?;
        for (key, meter) in metered() {
            for (histogram, outcome) in meter.requests.iter().zip(OUTCOMES) {
                let labels = self.store(key, Some(outcome));
                histogram.encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    // Of which kind a store is cannot be told where none is named.
    fn store<'a>(&self, key: &'a Key, outcome: Option<&'static str>) -> StoreLabels<'a> {
        let kind = match (self.naming, key.namespace.is_empty()) {
            (Naming::Nameless, _) => "",
            (_, true) => "ClusterSecretStore",
            (_, false) => "SecretStore",
        };
        StoreLabels { kind, key, outcome }
    }
}

fn looks(
    encoder: &mut DescriptorEncoder<'_>,
    kind: &str,
    called: &str,
    rows: &[(&Key, &Looked)],
) -> fmt::Result {
    if rows.is_empty() {
        return Ok(());
    }
    let (name, help) = (
        format!("{kind}_status_condition"),
        format!("The status condition of a specific {called}"),
    );
    let family = encoder.encode_descriptor(&name, &help, None, MetricType::Gauge)?;
    let told = rows
        .iter()
        .map(|(key, row)| (*key, row.ready, row.recommended.as_ref()));
    conditions(family, told)?;
    let (name, help) = (
        format!("{kind}_reconcile_duration"),
        format!("The duration time to reconcile the {called}"),
    );
    let mut family = encoder.encode_descriptor(&name, &help, None, MetricType::Gauge)?;
    for (key, row) in rows {
        let labels = Labels::of(key, row.recommended.as_ref());
        family
            .encode_family(&labels)?
            .encode_gauge(&nanoseconds(row.took))?;
    }
    Ok(())
}

// As upstream: what a condition is not, is told too.
fn conditions<'a>(
    mut family: MetricEncoder<'_>,
    rows: impl Iterator<Item = (&'a Key, Option<bool>, Option<&'a Recommended>)>,
) -> fmt::Result {
    for (key, ready, recommended) in rows {
        for (status, holds) in [("True", true), ("False", false)] {
            let Some(ready) = ready else { continue };
            let labels = Labels {
                status: Some(status),
                ..Labels::of(key, recommended)
            };
            family
                .encode_family(&labels)?
                .encode_gauge(&u64::from(ready == holds))?;
        }
    }
    Ok(())
}

// Upstream's own unit.
fn nanoseconds(took: Duration) -> u64 {
    u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)
}

struct Labels<'a> {
    key: &'a Key,
    recommended: Option<&'a Recommended>,
    status: Option<&'static str>,
}

impl<'a> Labels<'a> {
    fn of(key: &'a Key, recommended: Option<&'a Recommended>) -> Self {
        Self {
            key,
            recommended,
            status: None,
        }
    }
}

impl EncodeLabelSet for Labels<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        let named = [("name", &*self.key.name), ("namespace", &*self.key.namespace)];
        named.encode(encoder)?;
        if let Some(status) = self.status {
            [("condition", "Ready"), ("status", status)].encode(encoder)?;
        }
        for (value, (_, label)) in self
            .recommended
            .iter()
            .flat_map(|all| all.iter())
            .zip(RECOMMENDED)
        {
            (label, value.as_str()).encode(encoder.encode_label())?;
        }
        Ok(())
    }
}

struct StoreLabels<'a> {
    kind: &'static str,
    key: &'a Key,
    outcome: Option<&'static str>,
}

impl EncodeLabelSet for StoreLabels<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        let named = [
            ("kind", self.kind),
            ("namespace", &*self.key.namespace),
            ("name", &*self.key.name),
        ];
        named.encode(encoder)?;
        match self.outcome {
            Some(outcome) => ("outcome", outcome).encode(encoder.encode_label()),
            None => Ok(()),
        }
    }
}
