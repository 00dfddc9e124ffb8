//! What is made of the table of metrics (`deploy/metrics.yaml`): the chart's alerts and dashboard, and the
//! page about them. Which metrics there are is the controller's affair; a test compares it with the table.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const TABLE: &str = "deploy/metrics.yaml";
const MADE_OF: &str = "Generated from deploy/metrics.yaml by `cargo xtask generate`. Do not edit.";

/// The table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[serde(rename_all = "camelCase")]
struct Table {
    prefix: String,
    metrics: Vec<Metric>,
    external_secrets: Vec<Metric>,
    alerts: Vec<Alert>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metric {
    name: String,
    kind: Kind,
    #[serde(default)]
    labels: Vec<String>,
    help: String,
    panel: Panel,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Counter,
    Gauge,
    Histogram,
    /// A counter by a name that OpenMetrics gives to none.
    Unknown,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Panel {
    title: String,
    query: String,
    legend: String,
    unit: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Alert {
    alert: String,
    query: String,
    #[serde(rename = "for")]
    lasting: String,
    severity: String,
    summary: String,
    remedy: String,
    /// The chart's value whose default the threshold fits.
    assumes: Option<String>,
}

/// A rule as Prometheus reads it.
#[derive(Serialize)]
struct Rule<'a> {
    alert: &'a str,
    expr: String,
    #[serde(rename = "for")]
    lasting: &'a str,
    labels: Value,
    annotations: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    assumes: Option<&'a str>,
}

/// Every file that is made of the table, by its path from `root`.
pub(crate) fn generated(root: &Path) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let table = std::fs::read_to_string(root.join(TABLE)).context(TABLE)?;
    let table: Table = serde_yaml::from_str(&table).context(TABLE)?;
    let files = Path::new("deploy/helm/seal/files");
    Ok(vec![
        (files.join("alerts.yaml"), table.alerts()?),
        (files.join("dashboard.json"), table.dashboard()?),
        ("deploy/metrics.md".into(), table.page()?),
    ])
}

impl Table {
    fn alerts(&self) -> anyhow::Result<String> {
        let rules: Vec<Rule<'_>> = self
            .alerts
            .iter()
            .map(|alert| {
                Ok(Rule {
                    alert: &alert.alert,
                    expr: self.expanded(&alert.query)?,
                    lasting: &alert.lasting,
                    labels: json!({"severity": alert.severity}),
                    annotations: json!({"summary": alert.summary, "description": alert.remedy}),
                    assumes: alert.assumes.as_deref(),
                })
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(format!("# {MADE_OF}\n{}", serde_yaml::to_string(&rules)?))
    }

    fn dashboard(&self) -> anyhow::Result<String> {
        let mut panels = self.panels(&self.metrics, 0)?;
        // Not everybody has these: they are looked at when somebody opens them.
        let first = panels.len() + 1;
        panels.push(json!({
            "id": first,
            "type": "row",
            "title": "ExternalSecrets",
            "collapsed": true,
            "gridPos": {"h": 1, "w": 24, "x": 0, "y": first.div_ceil(2) * 8},
            "panels": self.panels(&self.external_secrets, first)?,
        }));
        let dashboard = json!({
            "uid": "sealops-seal",
            "title": "Seal",
            "description": MADE_OF,
            "tags": ["seal", "sealed-secrets"],
            "schemaVersion": 39,
            "editable": true,
            "refresh": "1m",
            "time": {"from": "now-6h", "to": "now"},
            "templating": {"list": [{
                "name": "datasource",
                "label": "Data source",
                "type": "datasource",
                "query": "prometheus",
            }]},
            "panels": panels,
        });
        Ok(serde_json::to_string_pretty(&dashboard)? + "\n")
    }

    // Two beside each other, numbered from behind `before`.
    fn panels(&self, metrics: &[Metric], before: usize) -> anyhow::Result<Vec<Value>> {
        let datasource = json!({"type": "prometheus", "uid": "${datasource}"});
        let top = before.div_ceil(2) * 8 + usize::from(before > 0);
        metrics
            .iter()
            .enumerate()
            .map(|(number, Metric { help, panel, .. })| {
                Ok(json!({
                    "id": before + number + 1,
                    "type": "timeseries",
                    "title": panel.title,
                    "description": help,
                    "datasource": datasource,
                    "gridPos": {"h": 8, "w": 12, "x": number % 2 * 12, "y": top + number / 2 * 8},
                    "fieldConfig": {"defaults": {"unit": panel.unit.as_deref().unwrap_or("short"), "min": 0}, "overrides": []},
                    "targets": [{
                        "refId": "A",
                        "datasource": datasource,
                        "expr": self.expanded(&panel.query)?,
                        "legendFormat": panel.legend,
                    }],
                }))
            })
            .collect()
    }

    fn page(&self) -> anyhow::Result<String> {
        let mut page = format!(
            "<!-- {MADE_OF} -->\n# Metrics\n\nAt `/metrics` of port `metrics`, each name after `{}`.\n\n",
            self.prefix
        );
        described(&self.metrics, &mut page)?;
        page.push_str(
            "\n# Metrics of ExternalSecrets\n\nWhere they are taken care of, by their whole names. Upstream's names \
             and labels are kept; `externalSecrets.extendedMetricLabels` adds the recommended labels of objects. \
             Series of an object end with it, and `metrics.omitSecretLabels` leaves them out. What is *unknown* \
             counts, under names that OpenMetrics gives to no counter.\n\n",
        );
        described(&self.external_secrets, &mut page)?;
        page.push_str(
            "\n# Alerts\n\n`metrics.prometheusRule.enabled=true` installs them; `…disabled={NAME}` leaves one out, and \
             `…groups` takes yours instead.\n\n| name | after | severity | what to do |\n|---|---|---|---|\n",
        );
        for alert in &self.alerts {
            let Alert {
                alert: name,
                lasting,
                severity,
                summary,
                remedy,
                assumes,
                ..
            } = alert;
            // Prometheus' templates, as a sentence reads them.
            let plain = |text: &str| text.replace("{{ $labels.", "*").replace(" }}", "*");
            let (summary, remedy) = (plain(summary), plain(remedy));
            let unless = assumes
                .as_ref()
                .map_or_else(String::new, |value| format!(" (left out where `{value}` is set)"));
            writeln!(
                page,
                "| `{name}` | {lasting} | {severity} | {summary}. {remedy}{unless} |"
            )?;
        }
        Ok(page)
    }

    /// The query with each `@NAME` in full.
    fn expanded(&self, query: &str) -> anyhow::Result<String> {
        let mut parts = query.split('@');
        let mut whole = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let end = part
                .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
                .unwrap_or(part.len());
            let name = &part[..end];
            let is_it = |metrics: &[Metric]| metrics.iter().any(|metric| metric.has_series(name));
            let prefix = match (is_it(&self.metrics), is_it(&self.external_secrets)) {
                (true, _) => self.prefix.as_str(),
                (false, true) => "",
                (false, false) => bail!("{TABLE}: @{name} in a query is no metric of the table"),
            };
            write!(whole, "{prefix}{part}")?;
        }
        Ok(whole)
    }
}

fn described(metrics: &[Metric], page: &mut String) -> anyhow::Result<()> {
    page.push_str("| name | kind | labels | what it says |\n|---|---|---|---|\n");
    for Metric {
        name,
        kind,
        labels,
        help,
        ..
    } in metrics
    {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
            Kind::Unknown => "unknown",
        };
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        writeln!(page, "| `{name}` | {kind} | {} | {help} |", labels.join(", "))?;
    }
    Ok(())
}

impl Metric {
    fn has_series(&self, name: &str) -> bool {
        let Some(suffix) = name.strip_prefix(self.name.as_str()) else {
            return false;
        };
        match self.kind {
            Kind::Counter | Kind::Gauge | Kind::Unknown => suffix.is_empty(),
            Kind::Histogram => ["_bucket", "_sum", "_count"].contains(&suffix),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let panel = || Panel {
            title: String::new(),
            query: String::new(),
            legend: String::new(),
            unit: None,
        };
        let metric = |name: &str, kind| Metric {
            name: name.to_owned(),
            kind,
            labels: Vec::new(),
            help: String::new(),
            panel: panel(),
        };
        Table {
            prefix: "seal_".to_owned(),
            metrics: vec![metric("depth", Kind::Gauge), metric("took", Kind::Histogram)],
            external_secrets: vec![metric("externalsecret_late", Kind::Gauge)],
            alerts: Vec::new(),
        }
    }

    #[test]
    fn a_query_is_written_out_with_full_names() {
        let whole = table()
            .expanded("rate(@took_bucket[5m]) > @depth{a=\"b\"} or @externalsecret_late")
            .unwrap();
        assert_eq!(
            whole,
            "rate(seal_took_bucket[5m]) > seal_depth{a=\"b\"} or externalsecret_late"
        );
    }

    #[test]
    fn what_a_waiting_pod_says_about_work_is_never_taken_for_the_leaders() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let table: Table = serde_yaml::from_str(&std::fs::read_to_string(root.join(TABLE)).unwrap()).unwrap();
        let metrics = table.metrics.iter().chain(&table.external_secrets);
        let panels = metrics.map(|metric| &metric.panel.query);
        let alerts = table.alerts.iter().map(|alert| &alert.query);
        for query in panels.chain(alerts).flat_map(|query| query.split(" and ")) {
            if query.contains("@queue_") || query.contains("@last_progress_") {
                assert!(query.contains("* on (instance) @leader)"), "{query}");
            }
        }
    }

    #[test]
    fn a_query_about_a_metric_that_the_table_lacks_is_refused_by_name() {
        for query in ["@deep > 0", "@took > 0", "@depth_bucket"] {
            let error = table().expanded(query).unwrap_err().to_string();
            assert!(error.contains(query.split(' ').next().unwrap()), "{error}");
        }
    }
}
