//! The metrics of ExternalSecrets and stores: upstream's names and labels, and some of ours beside them.
//!
//! What is known of an object is one small row, of which its series are made when somebody asks; with the row they
//! all end.

mod shown;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use kube::core::ObjectMeta;
use prometheus_client::encoding::text::encode_registry;
use prometheus_client::encoding::{EncodeLabelSet, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::{MetricType, TypedMetric};
use prometheus_client::registry::Registry;
use seal_providers::{Blame, Meter};

use super::BUCKETS;
use crate::known::Key;

/// All of them.
pub(crate) struct ExternalSecretMetrics {
    registry: Registry,
    naming: Naming,
    table: Arc<Table>,
    calls: Family<CallLabels, Count>,
    looks: Family<LookLabels, Histogram>,
}

/// What series say of an object besides what they are about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Naming {
    /// Nothing: who reads the metrics does not learn which there are.
    Nameless,
    /// Namespace and name.
    #[default]
    Named,
    /// And Kubernetes' recommended labels, as upstream's `--enable-extended-metric-labels`.
    Extended,
}

/// What a look at an object came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Nothing was due.
    Nothing,
    /// It is as it should be.
    Synced,
    /// It is not.
    Failed,
}

/// The recommended labels that upstream shows, and what they are called there.
const RECOMMENDED: [(&str, &str); 6] = [
    ("app.kubernetes.io/name", "app_kubernetes_io_name"),
    ("app.kubernetes.io/instance", "app_kubernetes_io_instance"),
    ("app.kubernetes.io/version", "app_kubernetes_io_version"),
    ("app.kubernetes.io/component", "app_kubernetes_io_component"),
    ("app.kubernetes.io/part-of", "app_kubernetes_io_part_of"),
    ("app.kubernetes.io/managed-by", "app_kubernetes_io_managed_by"),
];

/// Their values, in that order.
type Recommended = Box<[String; 6]>;

#[derive(Default)]
struct Table {
    objects: Mutex<HashMap<Key, Row>>,
    stores: Mutex<HashMap<Key, StoreRow>>,
    /// ClusterExternalSecrets.
    spread: Mutex<HashMap<Key, Looked>>,
    naming: Naming,
}

#[derive(Default)]
struct Row {
    looks: u64,
    failures: u64,
    took: Duration,
    ready: Option<bool>,
    /// When values are due next, or since when they have been.
    due: Option<Timestamp>,
    recommended: Option<Recommended>,
}

/// What came of the last look at something.
struct Looked {
    took: Duration,
    ready: Option<bool>,
    recommended: Option<Recommended>,
}

#[derive(Default)]
struct StoreRow {
    /// Nothing is told of a store that this replica has not looked at since it leads.
    looked: Option<Looked>,
    meter: Option<Arc<StoreMeter>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    provider: &'static str,
    call: &'static str,
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LookLabels {
    outcome: &'static str,
}

/// A counter whose name upstream chose without `_total`: OpenMetrics knows it by no type.
#[derive(Clone, Debug, Default)]
struct Count(Counter);

impl TypedMetric for Count {
    const TYPE: MetricType = MetricType::Unknown;
}

impl EncodeMetric for Count {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        encoder.encode_gauge(&self.0.get())
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

/// Counts what one store is asked, whoever asks.
pub(crate) struct StoreMeter {
    provider: &'static str,
    calls: Family<CallLabels, Count>,
    /// By outcome, as [`OUTCOMES`].
    requests: [Histogram; 4],
    /// How many of its clients find it down.
    down: AtomicI64,
}

/// What a request may come to.
const OUTCOMES: [&str; 4] = ["answered", "refused", "down", "nonsense"];

impl Meter for StoreMeter {
    fn asked(&self, verb: &'static str, fault: Option<Blame>, took: Duration) {
        let outcome = match fault {
            None => 0,
            Some(Blame::Refused | Blame::User) => 1,
            Some(Blame::Down) => 2,
            Some(Blame::Nonsense) => 3,
        };
        self.requests[outcome].observe(took.as_secs_f64());
        let labels = CallLabels {
            provider: self.provider,
            call: upstreams(self.provider, verb),
            status: if fault.is_none() { "success" } else { "error" },
        };
        self.calls.get_or_create(&labels).0.inc();
    }
}

impl StoreMeter {
    /// One more of its clients finds it down, or one fewer.
    pub(crate) fn is_down(&self, down: bool) {
        self.down.fetch_add(if down { 1 } else { -1 }, Ordering::Relaxed);
    }
}

// What upstream calls it. Where it has no such call, the name is made as its own are.
fn upstreams(provider: &str, verb: &'static str) -> &'static str {
    match (provider, verb) {
        ("Webhook", _) => "HTTPRequest",
        ("Kubernetes", "read") => "GetSecret",
        // The one for access, which follows where this does not tell, has no name of its own there.
        ("Kubernetes", "create a") => "CreateSelfSubjectRulesReview",
        (_, "log in at") => "Login",
        (_, "check the token at") => "LookupSelf",
        (_, "renew the token at") => "RenewSelf",
        (_, "revoke the token at") => "RevokeSelf",
        (_, "read") => "ReadSecretData",
        (_, "list" | "scan") => "ListSecrets",
        (_, "ask") => "Ask",
        (_, other) => other,
    }
}

impl ExternalSecretMetrics {
    /// None yet.
    pub(crate) fn new(naming: Naming) -> Self {
        let table = Arc::new(Table {
            naming,
            ..Table::default()
        });
        let metrics = Self {
            registry: Registry::default(),
            naming,
            table: Arc::clone(&table),
            calls: Family::default(),
            looks: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
        };
        let mut registry = Registry::default();
        registry.register(
            "externalsecret_provider_api_calls_count",
            "Number of API calls towards the secret provider",
            metrics.calls.clone(),
        );
        registry.register(
            "externalsecret_reconcile_seconds",
            "How long looks at ExternalSecrets took, by what they came to",
            metrics.looks.clone(),
        );
        registry.register_collector(Box::new(table));
        Self { registry, ..metrics }
    }

    /// The object of `key` was looked at. `due` is when its values are due next; now, if they still are.
    pub(crate) fn looked_at(
        &self,
        key: &Key,
        metadata: &ObjectMeta,
        ready: Option<bool>,
        (look, took): (Look, Duration),
        due: Option<Timestamp>,
    ) {
        let outcome = match look {
            Look::Nothing => "nothing-due",
            Look::Synced => "synced",
            Look::Failed => "failed",
        };
        self.looks
            .get_or_create(&LookLabels { outcome })
            .observe(took.as_secs_f64());
        let mut objects = self.table.objects();
        let row = objects.entry(key.clone()).or_default();
        row.looks += 1;
        row.failures += u64::from(look == Look::Failed);
        row.took = took;
        row.ready = ready;
        row.recommended = self.recommended(metadata);
        // It does not become less late by being looked at in vain.
        row.due = match (row.due, due) {
            (Some(since), Some(due)) if look == Look::Failed => Some(since.min(due)),
            (_, due) => due,
        };
    }

    /// The object is no more, or no longer ours.
    pub(crate) fn forget(&self, key: &Key) {
        self.table.objects().remove(key);
    }

    /// The store of `key` was looked at; one without a namespace is a ClusterSecretStore.
    pub(crate) fn validated(&self, key: &Key, metadata: &ObjectMeta, ready: Option<bool>, took: Duration) {
        let mut stores = self.table.stores();
        let row = stores.entry(self.shown(key)).or_default();
        row.looked = Some(self.looked(metadata, ready, took));
    }

    /// The store is no more, or no longer ours.
    pub(crate) fn forget_store(&self, key: &Key) {
        if self.naming != Naming::Nameless {
            self.table.stores().remove(key);
        }
    }

    /// The ClusterExternalSecret of `key` was looked at.
    pub(crate) fn spread(&self, key: &Key, metadata: &ObjectMeta, ready: Option<bool>, took: Duration) {
        let looked = self.looked(metadata, ready, took);
        self.table.spread().insert(key.clone(), looked);
    }

    /// It is no more.
    pub(crate) fn forget_spread(&self, key: &Key) {
        self.table.spread().remove(key);
    }

    /// Who counts what that store is asked.
    pub(crate) fn meter(&self, key: &Key, provider: &'static str) -> Arc<StoreMeter> {
        let mut stores = self.table.stores();
        let row = stores.entry(self.shown(key)).or_default();
        let known = row.meter.as_ref().filter(|meter| meter.provider == provider);
        let meter = known.cloned().unwrap_or_else(|| {
            Arc::new(StoreMeter {
                provider,
                calls: self.calls.clone(),
                requests: std::array::from_fn(|_| Histogram::new(BUCKETS)),
                down: AtomicI64::new(0),
            })
        });
        row.meter = Some(Arc::clone(&meter));
        meter
    }

    /// What this replica last saw is no longer kept up to date: the next leader tells.
    pub(super) fn leads_no_longer(&self) {
        self.table.objects().clear();
        self.table.spread().clear();
        // Its clients live on, and count on.
        self.table.stores().retain(|_, row| {
            row.looked = None;
            row.meter.is_some()
        });
    }

    /// Their OpenMetrics text, without an end.
    pub(super) fn write(&self, text: &mut String) -> fmt::Result {
        encode_registry(text, &self.registry)
    }

    // All stores are one where none is to be named.
    fn shown(&self, key: &Key) -> Key {
        match self.naming {
            Naming::Nameless => Key {
                namespace: "".into(),
                name: "".into(),
            },
            Naming::Named | Naming::Extended => key.clone(),
        }
    }

    fn looked(&self, metadata: &ObjectMeta, ready: Option<bool>, took: Duration) -> Looked {
        Looked {
            took,
            ready,
            recommended: self.recommended(metadata),
        }
    }

    fn recommended(&self, metadata: &ObjectMeta) -> Option<Recommended> {
        (self.naming == Naming::Extended).then(|| {
            let labels = metadata.labels.as_ref();
            let value = |(label, _)| labels.and_then(|labels| labels.get(label)).cloned();
            Box::new(RECOMMENDED.map(|label| value(label).unwrap_or_default()))
        })
    }
}

impl Table {
    fn objects(&self) -> MutexGuard<'_, HashMap<Key, Row>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spread(&self) -> MutexGuard<'_, HashMap<Key, Looked>> {
        self.spread.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stores(&self) -> MutexGuard<'_, HashMap<Key, StoreRow>> {
        self.stores.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
