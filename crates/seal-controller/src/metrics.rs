//! The metrics, under upstream's names.
//!
//! A label never holds what an object's author could make endlessly many of, but for the object's
//! own name: its series ends with it.

pub(crate) mod external_secrets;

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use seal_api::{SealedSecret, SealedSecretStatus, annotations};
use seal_cluster::keys::KeyState;

use self::external_secrets::ExternalSecretMetrics;
use crate::known::Key;
use crate::queue::Backlog;
use crate::sealing_keys::ListedKey;

// The default buckets of Prometheus' Go client.
const BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Why an attempt failed, in upstream's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorReason {
    /// It did not open, or its templates failed.
    Unseal,
    /// The Secret is somebody else's.
    Unmanaged,
    /// The Secret could not be written.
    Update,
    /// The status could not be written.
    Status,
    /// The object could not be read.
    Fetch,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ErrorLabels {
    namespace: String,
    reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ConditionLabels {
    condition: String,
    name: String,
    namespace: String,
    ss_app_kubernetes_io_instance: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    code: String,
    method: String,
    path: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DurationLabels {
    method: String,
    path: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BuildLabels {
    revision: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KeyLabels {
    fingerprint: String,
}

/// All metrics.
pub(crate) struct Metrics {
    registry: Registry,
    unseal_requests: Counter,
    unseal_errors: Family<ErrorLabels, Counter>,
    conditions: Family<ConditionLabels, Gauge>,
    told: Mutex<HashMap<Key, ConditionLabels>>,
    nameless: bool,
    requests: Family<RequestLabels, Counter>,
    durations: Family<DurationLabels, Histogram>,
    leader: Gauge,
    leader_transitions: Counter,
    queue_depth: Gauge,
    queue_oldest: Gauge<f64, AtomicU64>,
    last_progress: Gauge<f64, AtomicU64>,
    not_before: Family<KeyLabels, Gauge>,
    not_after: Family<KeyLabels, Gauge>,
    backup_stale: Gauge,
    of_external_secrets: Option<Arc<ExternalSecretMetrics>>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("sealed_secrets_controller");
        let build = Family::<BuildLabels, Gauge>::default();
        build
            .get_or_create(&BuildLabels {
                revision: env!("CARGO_PKG_VERSION"),
            })
            .set(1);
        let metrics = Self {
            registry: Registry::default(),
            unseal_requests: Counter::default(),
            unseal_errors: Family::default(),
            conditions: Family::default(),
            told: Mutex::default(),
            nameless: false,
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            leader: Gauge::default(),
            leader_transitions: Counter::default(),
            queue_depth: Gauge::default(),
            queue_oldest: Gauge::default(),
            last_progress: Gauge::default(),
            not_before: Family::default(),
            not_after: Family::default(),
            backup_stale: Gauge::default(),
            of_external_secrets: None,
        };
        registry.register("build_info", "Build information", build);
        registry.register(
            "unseal_requests",
            "Total number of sealed secret unseal requests",
            metrics.unseal_requests.clone(),
        );
        registry.register(
            "unseal_errors",
            "Total number of sealed secret unseal errors by reason and namespace",
            metrics.unseal_errors.clone(),
        );
        registry.register(
            "condition_info",
            "Current SealedSecret condition status: -1 for false, 0 for unknown, 1 for true",
            metrics.conditions.clone(),
        );
        registry.register(
            "http_requests",
            "A counter for requests to the HTTP API",
            metrics.requests.clone(),
        );
        registry.register(
            "http_request_duration_seconds",
            "Latencies of requests to the HTTP API",
            metrics.durations.clone(),
        );
        registry.register("leader", "Whether this replica leads", metrics.leader.clone());
        registry.register(
            "leader_transitions",
            "How often this replica began to lead",
            metrics.leader_transitions.clone(),
        );
        registry.register(
            "queue_depth",
            "How many objects are due and not being looked at",
            metrics.queue_depth.clone(),
        );
        registry.register(
            "queue_oldest_due_seconds",
            "For how long the oldest of them, or what is under way, has been due",
            metrics.queue_oldest.clone(),
        );
        registry.register(
            "last_progress_seconds",
            "When this replica last finished a due piece of work, or had none (Unix time)",
            metrics.last_progress.clone(),
        );
        registry.register(
            "key_not_before_seconds",
            "Since when the certificate of a key in use is valid, in seconds since 1970",
            metrics.not_before.clone(),
        );
        registry.register(
            "key_not_after_seconds",
            "Until when the certificate of a key in use is valid, in seconds since 1970",
            metrics.not_after.clone(),
        );
        registry.register(
            "backup_stale",
            "1 where a backup of the keys is asked for and is not up to date",
            metrics.backup_stale.clone(),
        );
        Self { registry, ..metrics }
    }
}

impl Metrics {
    /// Names no object, so that who reads the metrics does not learn which there are.
    pub(crate) fn nameless(self) -> Self {
        Self {
            nameless: true,
            ..self
        }
    }

    /// The same with those of ExternalSecrets.
    pub(crate) fn and_of_external_secrets(self, those: Arc<ExternalSecretMetrics>) -> Self {
        Self {
            of_external_secrets: Some(those),
            ..self
        }
    }

    /// An object is about to be opened.
    pub(crate) fn unseal_begins(&self) {
        self.unseal_requests.inc();
    }

    /// An attempt in `namespace` failed.
    pub(crate) fn unseal_failed(&self, namespace: &str, reason: ErrorReason) {
        let reason = match reason {
            ErrorReason::Unseal => "unseal",
            ErrorReason::Unmanaged => "unmanaged",
            ErrorReason::Update => "update",
            ErrorReason::Status => "status",
            ErrorReason::Fetch => "fetch",
        };
        let labels = ErrorLabels {
            namespace: namespace.to_owned(),
            reason: reason.to_owned(),
        };
        self.unseal_errors.get_or_create(&labels).inc();
    }

    /// What the status of `object` says.
    pub(crate) fn condition(&self, key: &Key, object: &SealedSecret, status: &SealedSecretStatus) {
        if self.nameless {
            return;
        }
        let Some(condition) = status
            .conditions
            .iter()
            .find(|condition| condition.kind == "Synced")
        else {
            return;
        };
        let labels = object.metadata.labels.as_ref();
        let instance = labels.and_then(|labels| labels.get(annotations::INSTANCE_LABEL));
        let labels = ConditionLabels {
            condition: condition.kind.clone(),
            name: key.name.to_string(),
            namespace: key.namespace.to_string(),
            ss_app_kubernetes_io_instance: instance.cloned().unwrap_or_default(),
        };
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = told
            .insert(key.clone(), labels.clone())
            .filter(|old| *old != labels)
        {
            self.conditions.remove(&old);
        }
        self.conditions
            .get_or_create(&labels)
            .set(match condition.status.as_str() {
                "True" => 1,
                "False" => -1,
                _ => 0,
            });
    }

    /// The object is no more.
    pub(crate) fn forget(&self, key: &Key) {
        if let Some(labels) = self
            .told
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(key)
        {
            self.conditions.remove(&labels);
        }
    }

    /// These are the keys, and this is how their backup stands.
    pub(crate) fn keys(&self, keys: &[ListedKey], backup_stale: bool) {
        self.not_before.clear();
        self.not_after.clear();
        for key in keys.iter().filter(|key| key.state == KeyState::Active) {
            let labels = KeyLabels {
                fingerprint: key.fingerprint.to_string(),
            };
            let (begin, end) = (key.not_before.as_second(), key.not_after.as_second());
            self.not_before.get_or_create(&labels).set(begin);
            self.not_after.get_or_create(&labels).set(end);
        }
        self.backup_stale.set(i64::from(backup_stale));
    }

    /// A request to one of the paths of the API was answered.
    pub(crate) fn answered(&self, path: &'static str, method: &str, code: u16, took: Duration) {
        let method = method.to_lowercase();
        self.durations
            .get_or_create(&DurationLabels {
                method: method.clone(),
                path,
            })
            .observe(took.as_secs_f64());
        self.requests
            .get_or_create(&RequestLabels {
                code: code.to_string(),
                method,
                path,
            })
            .inc();
    }

    /// Whether this replica leads.
    pub(crate) fn leads(&self, leads: bool) {
        if leads && self.leader.get() == 0 {
            self.leader_transitions.inc();
        }
        self.leader.set(i64::from(leads));
        // What it last saw of an object is no longer kept up to date: the next leader tells.
        if !leads {
            self.told.lock().unwrap_or_else(PoisonError::into_inner).clear();
            self.conditions.clear();
            if let Some(those) = &self.of_external_secrets {
                those.leads_no_longer();
            }
        }
    }

    /// How the work stands at `now`.
    pub(crate) fn backlog(&self, backlog: &Backlog, now: Timestamp) {
        self.queue_depth
            .set(i64::try_from(backlog.depth).unwrap_or(i64::MAX));
        self.queue_oldest.set(backlog.oldest.as_secs_f64());
        self.last_progress
            .set(now.as_duration().as_secs_f64() - backlog.stalled.as_secs_f64());
    }

    /// The OpenMetrics text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let written =
            encode_registry(&mut text, &self.registry).and_then(|()| match &self.of_external_secrets {
                Some(those) => those.write(&mut text),
                None => Ok(()),
            });
        if written.is_err() {
            text.clear();
        }
        encode_eof(&mut text).expect("a String takes any text");
        text
    }
}

#[cfg(test)]
mod tests {
    use seal_api::Condition;

    use super::*;

    fn status(synced: &str) -> SealedSecretStatus {
        let condition = Condition {
            last_transition_time: None,
            last_update_time: None,
            message: None,
            reason: None,
            status: synced.to_owned(),
            kind: "Synced".to_owned(),
        };
        SealedSecretStatus {
            conditions: vec![condition],
            observed_generation: None,
        }
    }

    #[test]
    fn names_are_upstreams_and_a_series_ends_with_its_object() {
        let metrics = Metrics::default();
        let key = Key {
            namespace: "prod".into(),
            name: "db".into(),
        };
        metrics.unseal_begins();
        metrics.unseal_failed("prod", ErrorReason::Unmanaged);
        metrics.condition(&key, &SealedSecret::default(), &status("False"));
        metrics.answered("/v1/cert.pem", "GET", 200, Duration::from_millis(1));
        let text = metrics.text();
        for line in [
            "sealed_secrets_controller_unseal_requests_total 1",
            "sealed_secrets_controller_unseal_errors_total{namespace=\"prod\",reason=\"unmanaged\"} 1",
            "sealed_secrets_controller_condition_info{condition=\"Synced\",name=\"db\",namespace=\"prod\",ss_app_kubernetes_io_instance=\"\"} -1",
            "sealed_secrets_controller_http_requests_total{code=\"200\",method=\"get\",path=\"/v1/cert.pem\"} 1",
            "sealed_secrets_controller_http_request_duration_seconds_bucket{le=\"0.005\",method=\"get\",path=\"/v1/cert.pem\"} 1",
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
        assert!(text.contains("sealed_secrets_controller_build_info{revision="));
        metrics.condition(&key, &SealedSecret::default(), &status("True"));
        assert!(metrics.text().contains("ss_app_kubernetes_io_instance=\"\"} 1\n"));
        metrics.forget(&key);
        assert!(!metrics.text().contains("condition_info{"));
    }

    #[test]
    fn where_names_are_left_out_there_is_no_series_of_an_object() {
        let metrics = Metrics::default().nameless();
        let key = Key {
            namespace: "prod".into(),
            name: "db".into(),
        };
        metrics.condition(&key, &SealedSecret::default(), &status("True"));
        metrics.forget(&key);
        assert!(!metrics.text().contains("prod"), "{}", metrics.text());
    }

    #[test]
    fn who_leads_no_longer_tells_of_no_object() {
        let metrics = Metrics::default();
        let key = Key {
            namespace: "prod".into(),
            name: "db".into(),
        };
        metrics.leads(true);
        metrics.condition(&key, &SealedSecret::default(), &status("False"));
        metrics.leads(false);
        assert!(!metrics.text().contains("condition_info{"));
        metrics.leads(true);
        metrics.condition(&key, &SealedSecret::default(), &status("True"));
        let text = metrics.text();
        assert!(
            text.contains("condition_info{") && text.contains("leader_transitions_total 2\n"),
            "{text}"
        );
    }
}
