//! `seal keys ls`: the keys, and what the cluster says of them. It changes nothing.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use seal_api::SealedSecret;
use seal_api::annotations::{BACKED_UP_KEYS, BACKED_UP_RETIRED, KEY_LABEL};
use seal_cluster::config_maps::BACKUP;
use seal_cluster::installation::{INSTALLATION_SECRET, Installation};
use seal_cluster::keys::KeyState;
use seal_cluster::status::recorded;
use seal_document::{Mapping, Value};

use crate::arguments::ClusterArguments;
use crate::cluster;
use crate::command_error::CommandError;
use crate::keys::StoredKey;
use crate::report::pretty;
use crate::terminal::Terminal;

/// What a cluster says of its keys; of keys in files there is nothing to say.
#[derive(Default)]
pub(super) struct Facts {
    primary: Option<String>,
    backed_up: Option<Vec<String>>,
    objects: Option<BTreeMap<String, usize>>,
}

impl Facts {
    /// Asks the cluster. What one may not ask stays open.
    pub(super) fn of_cluster(cluster: &ClusterArguments, terminal: Terminal) -> Self {
        let namespace = cluster.controller_namespace.as_ref();
        let installation = told(cluster::secret(cluster, namespace, INSTALLATION_SECRET), terminal);
        let installation = installation.flatten().and_then(Installation::read);
        let backup = told(cluster::config_map(cluster, BACKUP), terminal);
        let objects = told(cluster::sealed_secrets(cluster), terminal);
        Self {
            primary: installation.and_then(|installation| installation.primary),
            backed_up: backup.map(|map| held(map.unwrap_or_default())),
            objects: objects.map(|all| counted(&all)),
        }
    }

    fn state(&self, key: &StoredKey) -> &'static str {
        let labels = key
            .secret
            .as_ref()
            .and_then(|secret| secret.metadata.labels.as_ref());
        let label = labels
            .and_then(|labels| labels.get(KEY_LABEL))
            .map(String::as_str);
        match label.map(KeyState::of_label) {
            Some(Some(KeyState::Active)) if self.primary == Some(name(key)) => "primary",
            Some(Some(state)) => state.label(),
            _ => "-",
        }
    }

    fn backed_up(&self, key: &StoredKey) -> Option<bool> {
        let held = self.backed_up.as_ref()?;
        Some(held.contains(&name(key)))
    }

    fn objects(&self, key: &StoredKey) -> Option<usize> {
        let counts = self.objects.as_ref()?;
        Some(counts.get(&name(key)).copied().unwrap_or_default())
    }
}

fn told<T>(answer: Result<T, CommandError>, terminal: Terminal) -> Option<T> {
    answer
        .inspect_err(|error| {
            for complaint in error.complaints() {
                terminal.detail(&complaint.what);
            }
        })
        .ok()
}

fn held(backup: ConfigMap) -> Vec<String> {
    let annotations = backup.metadata.annotations.unwrap_or_default();
    let lists = [BACKED_UP_KEYS, BACKED_UP_RETIRED].map(|name| annotations.get(name));
    let names = lists.into_iter().flatten().flat_map(|list| list.split(','));
    names.map(str::to_owned).collect()
}

/// How many objects need each key, as their records say: only the controller can tell whether they are its own.
pub(in crate::commands) fn counted(objects: &[SealedSecret]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for key in objects
        .iter()
        .filter_map(recorded)
        .flat_map(|record| record.keys().collect::<Vec<_>>())
    {
        *counts.entry(key.to_string()).or_default() += 1;
    }
    counts
}

fn name(key: &StoredKey) -> String {
    key.private.public().fingerprint().to_string()
}

fn age(since: Timestamp) -> String {
    format!("{}d", Timestamp::now().duration_since(since).as_hours() / 24)
}

/// For people.
pub(super) fn table(keys: &[StoredKey], facts: &Facts) -> String {
    let mut text = format!(
        "{:50}  {:>4}  {:20}  {:20}  {:>5}  {:11}  {:6}  {:>7}  {}\n",
        "FINGERPRINT", "BITS", "NOT BEFORE", "NOT AFTER", "AGE", "STATE", "BACKUP", "OBJECTS", "FROM"
    );
    for (index, key) in keys.iter().enumerate() {
        let public = key.private.public();
        let time = |time: Option<Timestamp>| time.map_or_else(|| "-".to_owned(), |time| time.to_string());
        let (begin, end) = validity(key);
        let newest = if index == 0 && begin.is_some() {
            "  (newest)"
        } else {
            ""
        };
        text.push_str(&format!(
            "{:50}  {:>4}  {:20}  {:20}  {:>5}  {:11}  {:6}  {:>7}  {}{newest}\n",
            public.fingerprint().to_string(),
            public.bits(),
            time(begin),
            time(end),
            begin.map_or_else(|| "-".to_owned(), age),
            facts.state(key),
            facts
                .backed_up(key)
                .map_or("-", |held| if held { "yes" } else { "no" }),
            facts
                .objects(key)
                .map_or_else(|| "-".to_owned(), |count| count.to_string()),
            key.whence
        ));
    }
    text
}

/// For programs.
pub(super) fn json(keys: &[StoredKey], facts: &Facts) -> String {
    let rows = keys.iter().enumerate().map(|(index, key)| {
        let public = key.private.public();
        let time = |time: Option<Timestamp>| time.map_or(Value::Null, |time| Value::from(time.to_string()));
        let (begin, end) = validity(key);
        let mut row = Mapping::new();
        row.insert("fingerprint", public.fingerprint().to_string());
        row.insert("bits", i64::try_from(public.bits()).unwrap_or(i64::MAX));
        row.insert("newest", index == 0 && begin.is_some());
        row.insert("notBefore", time(begin));
        row.insert("notAfter", time(end));
        row.insert("state", facts.state(key));
        row.insert("backedUp", facts.backed_up(key).map_or(Value::Null, Value::from));
        let objects = facts
            .objects(key)
            .map(|count| i64::try_from(count).unwrap_or(i64::MAX));
        row.insert("objects", objects.map_or(Value::Null, Value::from));
        row.insert("from", key.whence.as_str());
        Value::Mapping(row)
    });
    pretty(&Value::Sequence(rows.collect()))
}

fn validity(key: &StoredKey) -> (Option<Timestamp>, Option<Timestamp>) {
    let certificate = key.certificate.as_ref();
    (
        certificate.map(|certificate| certificate.not_before()),
        certificate.map(|certificate| certificate.not_after()),
    )
}
