//! The metrics that a controller serves, against the table that is shown to people.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::ensure;
use serde_json::Value;

/// Kind and labels of each metric, by its name.
pub type Described = BTreeMap<String, (String, BTreeSet<String>)>;

/// What a part of the table (`metrics` or `externalSecrets`) says that there is.
pub fn listed(part: &str) -> Described {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/metrics.yaml");
    let table = std::fs::read_to_string(file).unwrap();
    let table: Value = serde_yaml::from_str(&table).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let prefix = match part {
        "metrics" => text(&table["prefix"]),
        _ => String::new(),
    };
    let metrics = table[part].as_array().unwrap().iter();
    let described = metrics.map(|metric| {
        let labels = metric["labels"].as_array().into_iter().flatten();
        let name = format!("{prefix}{}", text(&metric["name"]));
        (name, (text(&metric["kind"]), labels.map(text).collect()))
    });
    described.collect()
}

/// What the text that is served says that there is.
///
/// # Errors
/// When one of them is not explained.
pub fn served(metrics: &str) -> anyhow::Result<Described> {
    let mut served = Described::new();
    for line in metrics.lines() {
        let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|line| line.split_once(' ')) else {
            continue;
        };
        ensure!(metrics.contains(&format!("# HELP {name} ")), "{name} has no help");
        // As Prometheus stores them: a counter's series has another name than its family.
        let (stored, series) = match kind {
            "counter" => (format!("{name}_total"), format!("{name}_total{{")),
            "histogram" => (name.to_owned(), format!("{name}_count{{")),
            _ => (name.to_owned(), format!("{name}{{")),
        };
        let labels = metrics
            .lines()
            .filter_map(|line| line.strip_prefix(&series)?.rsplit_once('}'));
        let labels = labels.flat_map(|(labels, _)| labels.split(','));
        let labels = labels.filter_map(|label| Some(label.split_once('=')?.0.to_owned()));
        served.insert(stored, (kind.to_owned(), labels.collect()));
    }
    Ok(served)
}
