//! What is wrong with an ExternalSecret as it is written, whatever its store holds. Most of it the API server
//! refuses already; objects from before our definition, and what no rule can find cheaply, come here.

use std::collections::HashSet;

use seal_api::external_secrets::{CreationPolicy, DeletionPolicy, ExternalSecretSpec, GoDuration};

use super::needs::{store_of_item, store_of_source};
use super::refresh::MOST_WINDOWS;
use crate::catalogue;
use crate::fault::Fault;

const TEMPLATE_TARGETS: [&str; 4] = ["", "data", "annotations", "labels"];

/// Everything that is wrong with `spec`.
pub fn faults(spec: &ExternalSecretSpec) -> Vec<Fault> {
    let mut faults = Vec::new();
    policies(spec, &mut faults);
    if spec.data.is_empty() && spec.data_from.is_empty() {
        faults.push(Fault::new(&catalogue::NOTHING_ASKED));
    }
    data_from(spec, &mut faults);
    data(spec, &mut faults);
    times(spec, &mut faults);
    templates(spec, &mut faults);
    faults
}

fn policies(spec: &ExternalSecretSpec, faults: &mut Vec<Fault>) {
    use CreationPolicy::{CreateOrMerge, Merge, None};
    match (spec.deletion_policy(), spec.creation_policy()) {
        (DeletionPolicy::Delete, Merge | None | CreateOrMerge) => {
            faults.push(Fault::new(&catalogue::DELETE_UNOWNED));
        }
        (DeletionPolicy::Merge, None) => faults.push(Fault::new(&catalogue::MERGE_INTO_NONE)),
        _ => {}
    }
    if spec
        .target
        .as_ref()
        .is_some_and(|target| target.manifest.is_some())
    {
        faults.push(Fault::new(&catalogue::MANIFEST_TARGET));
    }
}

fn data_from(spec: &ExternalSecretSpec, faults: &mut Vec<Fault>) {
    for (index, from) in spec.data_from.iter().enumerate() {
        let field = format!("spec.dataFrom[{index}]");
        let generator = from
            .source_ref
            .as_ref()
            .and_then(|source| source.generator_ref.as_ref());
        let sources = [from.extract.is_some(), from.find.is_some(), generator.is_some()];
        let count = sources.into_iter().filter(|there| *there).count();
        if count != 1 {
            faults.push(Fault::new(&catalogue::NOT_ONE_SOURCE).field(field));
        } else if generator.is_none() && store_of_source(spec, from).is_none() {
            faults.push(Fault::new(&catalogue::NO_STORE).field(field));
        }
    }
}

fn data(spec: &ExternalSecretSpec, faults: &mut Vec<Fault>) {
    let mut seen = HashSet::new();
    for (index, item) in spec.data.iter().enumerate() {
        let field = format!("spec.data[{index}]");
        let entry = &item.secret_key;
        let generator = item
            .source_ref
            .as_ref()
            .and_then(|source| source.generator_ref.as_ref());
        if generator.is_some() {
            faults.push(
                Fault::new(&catalogue::GENERATOR_IN_DATA)
                    .field(&field)
                    .entry(entry),
            );
        } else if store_of_item(spec, item).is_none() {
            faults.push(Fault::new(&catalogue::NO_STORE).field(&field).entry(entry));
        }
        // Upstream's webhook looks only where no entry may be missing.
        if !seen.insert(entry) && spec.deletion_policy() == DeletionPolicy::Retain {
            let fault = Fault::new(&catalogue::DUPLICATE_KEY).field(field);
            faults.push(fault.entry(entry).fact("key", entry));
        }
    }
}

fn times(spec: &ExternalSecretSpec, faults: &mut Vec<Fault>) {
    let mut judge = |field: String, duration: &GoDuration| {
        if duration.nanoseconds().is_err() {
            faults.push(Fault::new(&catalogue::NOT_A_DURATION).field(field));
        }
    };
    if let Some(interval) = &spec.refresh_interval {
        judge("spec.refreshInterval".to_owned(), interval);
    }
    let windows = spec.sync_windows.iter().flat_map(|windows| &windows.windows);
    for (index, window) in windows.clone().enumerate() {
        judge(
            format!("spec.syncWindows.windows[{index}].duration"),
            &window.duration,
        );
    }
    let count = windows.count();
    if count > MOST_WINDOWS {
        let fault = Fault::new(&catalogue::TOO_MANY_WINDOWS).fact("count", count);
        faults.push(fault.fact("most", MOST_WINDOWS));
    }
}

fn templates(spec: &ExternalSecretSpec, faults: &mut Vec<Fault>) {
    let from = spec
        .template()
        .into_iter()
        .flat_map(|template| &template.template_from);
    for (index, from) in from.enumerate() {
        let target = from.target.as_deref().unwrap_or_default();
        if !TEMPLATE_TARGETS
            .iter()
            .any(|known| target.eq_ignore_ascii_case(known))
        {
            let field = format!("spec.target.template.templateFrom[{index}]");
            faults.push(Fault::new(&catalogue::TEMPLATE_TARGET).field(field));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fault::summary;

    fn told(spec: Value) -> Vec<(&'static str, Option<String>)> {
        let spec = serde_json::from_value(spec).unwrap();
        let faults = faults(&spec);
        // Every sentence is filled in.
        assert!(!summary(&faults).contains('?'), "{}", summary(&faults));
        faults
            .into_iter()
            .map(|fault| (fault.kind.code, fault.place.field))
            .collect()
    }

    fn codes(spec: Value) -> Vec<&'static str> {
        told(spec).into_iter().map(|(code, _)| code).collect()
    }

    fn with_target(target: Value) -> Value {
        json!({"secretStoreRef": {"name": "s"}, "data": [{"secretKey": "a", "remoteRef": {"key": "k"}}], "target": target})
    }

    #[test]
    fn a_sound_object_has_no_faults() {
        assert!(
            codes(with_target(
                json!({"creationPolicy": "Orphan", "deletionPolicy": "Delete"})
            ))
            .is_empty()
        );
        assert!(
            codes(json!({"dataFrom": [{"sourceRef": {"generatorRef": {"kind": "UUID", "name": "u"}}}]}))
                .is_empty()
        );
    }

    #[test]
    fn policies_that_do_not_go_together_are_told_in_upstreams_words() {
        for (deletion, creation, code) in [
            ("Delete", "Merge", "delete-unowned"),
            ("Delete", "None", "delete-unowned"),
            ("Delete", "CreateOrMerge", "delete-unowned"),
            ("Merge", "None", "merge-into-none"),
        ] {
            let target = json!({"creationPolicy": creation, "deletionPolicy": deletion});
            assert_eq!(codes(with_target(target)), [code]);
        }
        let manifest = json!({"manifest": {"apiVersion": "v1", "kind": "ConfigMap"}});
        assert_eq!(codes(with_target(manifest)), ["manifest-target"]);
    }

    #[test]
    fn sources_are_told_by_their_field() {
        assert_eq!(codes(json!({})), ["nothing-asked"]);
        let generator = json!({"generatorRef": {"kind": "UUID", "name": "u"}});
        let spec = json!({"dataFrom": [{}, {"extract": {"key": "k"}}, {"extract": {"key": "k"}, "find": {}},
            {"find": {}, "sourceRef": generator}], "data": [{"secretKey": "a", "remoteRef": {"key": "k"}, "sourceRef": generator}]});
        let expected = [
            ("not-one-source", "spec.dataFrom[0]"),
            ("no-store", "spec.dataFrom[1]"),
            ("not-one-source", "spec.dataFrom[2]"),
            ("not-one-source", "spec.dataFrom[3]"),
            ("generator-in-data", "spec.data[0]"),
        ];
        assert_eq!(
            told(spec),
            expected.map(|(code, field)| (code, Some(field.to_owned())))
        );
    }

    #[test]
    fn an_entry_that_stands_twice_is_told_where_none_may_be_missing() {
        let item = json!({"secretKey": "a", "remoteRef": {"key": "k"}});
        for (policy, expected) in [("Retain", &["duplicate-key"][..]), ("Merge", &[])] {
            let spec = json!({"secretStoreRef": {"name": "s"}, "data": [item, item], "target": {"deletionPolicy": policy}});
            assert_eq!(codes(spec), expected, "{policy}");
        }
    }

    #[test]
    fn times_and_targets_that_cannot_be_read_are_told() {
        let mut spec = with_target(json!({"template": {"templateFrom": [
            {"literal": "a: b", "target": "LABELS"}, {"literal": "a: b", "target": "spec"}]}}));
        spec["refreshInterval"] = json!("often");
        let mut windows = vec![json!({"schedule": "@daily", "duration": "1h"}); 300];
        windows[7]["duration"] = json!("long");
        spec["syncWindows"] = json!({"kind": "allow", "windows": windows});
        let fields: Vec<_> = told(spec)
            .into_iter()
            .map(|(code, field)| (code, field.unwrap_or_default()))
            .collect();
        let expected = [
            ("not-a-duration", "spec.refreshInterval"),
            ("not-a-duration", "spec.syncWindows.windows[7].duration"),
            ("too-many-windows", ""),
            ("template-target", "spec.target.template.templateFrom[1]"),
        ];
        assert_eq!(fields, expected.map(|(code, field)| (code, field.to_owned())));
    }
}
