//! Which entries of an ExternalSecret failed and why, one by one, for programs and people who look for theirs. The
//! condition's message tells the same in one text.
//!
//! It is bounded, holds no value, and is the same for the same faults: no attempt makes a write by itself.

use seal_api::external_secrets::{DataFrom, DataItem, ExternalSecretSpec, FailedEntry};

use super::needs::{StoreId, store_of_item, store_of_source};
use crate::fault::Fault;

// More than anybody reads; an object may have thousands of entries, and all of them fail with their store.
const MOST_ENTRIES: usize = 50;
const MOST_TEXT: usize = 512;

/// What `faults` say of the entries of `spec`: those that it names first, in its order.
pub fn failed_entries(spec: &ExternalSecretSpec, faults: &[Fault]) -> Vec<FailedEntry> {
    let about = |field: &str| {
        let faults = faults.iter();
        let of_field = faults.filter(|fault| fault.place.field.as_deref() == Some(field));
        of_field.collect::<Vec<_>>()
    };
    let mut failed = Vec::new();
    for (index, item) in spec.data.iter().enumerate() {
        let about = about(&format!("spec.data[{index}]"));
        failed.extend(about.into_iter().map(|fault| of_item(spec, item, fault)));
    }
    for (index, from) in spec.data_from.iter().enumerate() {
        let about = about(&format!("spec.dataFrom[{index}]"));
        failed.extend(about.into_iter().map(|fault| of_source(spec, from, fault)));
    }
    // Those of templates, which have an entry of the Secret and no field.
    let of_entries = faults.iter().filter(|fault| fault.place.field.is_none());
    failed.extend(of_entries.filter(|fault| fault.place.entry.is_some()).map(told));
    failed.truncate(MOST_ENTRIES);
    failed
}

fn of_item(spec: &ExternalSecretSpec, item: &DataItem, fault: &Fault) -> FailedEntry {
    FailedEntry {
        secret_key: Some(cut(&item.secret_key)),
        store: store_of_item(spec, item).map(|store| name(&store)),
        path: Some(cut(&item.remote_ref.key)),
        ..told(fault)
    }
}

fn of_source(spec: &ExternalSecretSpec, from: &DataFrom, fault: &Fault) -> FailedEntry {
    let extracted = from.extract.as_ref().map(|extract| extract.key.as_str());
    let searched = || from.find.as_ref().and_then(|find| find.path.as_deref());
    FailedEntry {
        store: store_of_source(spec, from).map(|store| name(&store)),
        path: extracted.or_else(searched).map(cut),
        ..told(fault)
    }
}

fn told(fault: &Fault) -> FailedEntry {
    let sentence = fault.sentence();
    // Where it is stands beside it.
    let cause = sentence
        .strip_prefix("error processing ")
        .and_then(|rest| rest.split_once(", err: "))
        .map_or(sentence.as_str(), |(_, cause)| cause);
    FailedEntry {
        field: fault.place.field.as_deref().map(cut),
        secret_key: fault.place.entry.as_deref().map(cut),
        store: None,
        path: None,
        code: fault.kind.code.to_owned(),
        message: cut(cause),
        remedy: cut(&fault.remedy()),
    }
}

fn name(store: &StoreId) -> String {
    cut(&format!("{}/{}", store.kind(), store.name))
}

fn cut(text: &str) -> String {
    match text.len() > MOST_TEXT {
        true => format!("{}…", &text[..text.floor_char_boundary(MOST_TEXT)]),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::catalogue;

    fn spec(spec: Value) -> ExternalSecretSpec {
        serde_json::from_value(spec).unwrap()
    }

    fn refused(at: &str) -> Fault {
        Fault::new(&catalogue::STORE_REFUSED)
            .field(at)
            .fact("at", format!("{at} (key: app)"))
            .fact("store", "SecretStore \"vault\"")
            .fact("error", "cannot read secret/data/app: the store answered 403")
    }

    #[test]
    fn each_failed_entry_has_its_place_store_path_and_cause() {
        let other = json!({"storeRef": {"name": "other", "kind": "ClusterSecretStore"}});
        let spec = spec(json!({
            "secretStoreRef": {"name": "vault"},
            "data": [
                {"secretKey": "good", "remoteRef": {"key": "good"}},
                {"secretKey": "bad", "remoteRef": {"key": "app", "property": "a"}},
            ],
            "dataFrom": [
                {"extract": {"key": "whole"}, "sourceRef": other},
                {"find": {"path": "folder", "name": {"regexp": "."}}},
            ],
        }));
        let faults = [
            refused("spec.dataFrom[1]"),
            Fault::new(&catalogue::SOURCE_MISSING)
                .field("spec.dataFrom[0]")
                .fact("at", "spec.dataFrom[0].extract"),
            refused("spec.data[1]").entry("bad"),
            Fault::new(&catalogue::TEMPLATE_FAILED).entry("url"),
        ];
        let failed = failed_entries(&spec, &faults);
        let shown: Vec<_> = failed
            .iter()
            .map(|entry| {
                let text = |text: &Option<String>| text.clone().unwrap_or_default();
                [
                    text(&entry.field),
                    text(&entry.secret_key),
                    text(&entry.store),
                    text(&entry.path),
                    entry.code.clone(),
                ]
                .join(" ")
            })
            .collect();
        assert_eq!(
            shown,
            [
                "spec.data[1] bad SecretStore/vault app store-refused",
                "spec.dataFrom[0]  ClusterSecretStore/other whole source-missing",
                "spec.dataFrom[1]  SecretStore/vault folder store-refused",
                " url   template-failed",
            ]
        );
        assert_eq!(failed[1].message, "Secret does not exist");
        assert!(failed.iter().all(|entry| !entry.remedy.is_empty()));
        assert_eq!(failed, failed_entries(&spec, &faults), "the same again");
    }

    #[test]
    fn thousands_of_long_ones_are_cut() {
        let long = "é".repeat(5000);
        let data: Vec<_> = (0..2000)
            .map(|_| json!({"secretKey": "a", "remoteRef": {"key": long}}))
            .collect();
        let spec = spec(json!({"secretStoreRef": {"name": "s"}, "data": data}));
        let faults: Vec<_> = (0..2000)
            .map(|index| refused(&format!("spec.data[{index}]")).entry(&long))
            .collect();
        let told = serde_json::to_string(&failed_entries(&spec, &faults)).unwrap();
        assert!(told.len() < 150_000, "{}", told.len());
    }

    #[test]
    fn an_object_without_faults_has_none() {
        assert!(failed_entries(&spec(json!({})), &[]).is_empty());
    }
}
