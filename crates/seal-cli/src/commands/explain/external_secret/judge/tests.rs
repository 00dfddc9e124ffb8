//! Facts in, checks out: each station of the walk failing by itself.

use serde_json::{Value, json};

use super::*;
use crate::commands::explain::external_secret::{Credential, StoreFacts};
use seal_api::external_secrets::{ReferredKind, SecretStore, StoreProvider};
use seal_cluster::look::{Access, StoreSeen, Wanted};
use seal_engine::external_secret::{StoreId, stores};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn object(ready: Option<(&str, &str)>) -> ExternalSecret {
    let conditions: Vec<Value> = ready
        .iter()
        .map(|(status, message)| {
            let reason = if *status == "True" {
                "SecretSynced"
            } else {
                "SecretSyncedError"
            };
            json!({"type": "Ready", "status": status, "reason": reason, "message": message})
        })
        .collect();
    serde_json::from_value(json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": "db", "namespace": "prod", "generation": 3, "uid": "u"},
        "spec": {"secretStoreRef": {"name": "vault"}, "target": {"template": {"data": {"url": "{{ .a }}"}}}, "data": [
            {"secretKey": "a", "remoteRef": {"key": "app", "property": "p"}},
            {"secretKey": "b", "remoteRef": {"key": "other", "version": "2"}}]},
        "status": {"conditions": conditions, "syncedResourceVersion": "3-x"},
    }))
    .unwrap()
}

fn store(ready: Option<(&str, &str)>) -> StoreFacts {
    let conditions: Vec<Value> = ready
        .iter()
        .map(|(status, message)| json!({"type": "Ready", "status": status, "message": message}))
        .collect();
    let store: SecretStore = serde_json::from_value(json!({
        "apiVersion": "external-secrets.io/v1", "kind": "SecretStore", "metadata": {"name": "vault"},
        "spec": {"provider": {"vault": {"server": "https://vault", "auth": {"tokenSecretRef": {"name": "t", "key": "token"}}}}},
        "status": {"conditions": conditions},
    }))
    .unwrap();
    let reference = store.spec.provider.references().remove(0);
    StoreFacts {
        id: stores(&object(None).spec).remove(0),
        seen: Seen::Found(StoreSeen {
            metadata: store.metadata,
            spec: Some(store.spec),
            status: store.status,
        }),
        labels: Seen::Found(Default::default()),
        credentials: vec![Credential {
            reference,
            namespace: Ok("prod".to_owned()),
            seen: Seen::Found(Some(BTreeSet::from(["token".to_owned()]))),
            may: None,
        }],
    }
}

fn healthy() -> Facts {
    let standing = json!({"name": "db", "namespace": "prod", "uid": "s", "ownerReferences": [
        {"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "name": "db", "uid": "u", "controller": true}]});
    Facts {
        object: object(Some(("True", "secret synced"))),
        surroundings: Some(Surroundings {
            stores: vec![store(Some(("True", "store validated")))],
            templates: Vec::new(),
            target: Seen::Found(serde_json::from_value(standing).unwrap()),
            events: Seen::Found(Vec::new()),
            installation: Seen::Absent,
            external: None,
        }),
    }
}

fn around(facts: &mut Facts) -> &mut Surroundings {
    facts.surroundings.as_mut().unwrap()
}

/// State, code and words of a check.
fn check(report: &Report, section: &str, about: &str) -> (State, String, String) {
    let section = report
        .sections
        .iter()
        .find(|found| found.title == section)
        .unwrap();
    let found = section.checks.iter().find(|check| check.about.starts_with(about));
    let found = found.unwrap_or_else(|| panic!("no {about} in {:?}", section.checks));
    let remedy = found.remedy.clone().unwrap_or_default();
    (
        found.state,
        found.code.clone().unwrap_or_default(),
        format!("{}\n{remedy}", found.what),
    )
}

fn judged(facts: &Facts) -> Report {
    report("ExternalSecret prod/db".to_owned(), facts, NOW)
}

#[test]
fn what_is_healthy_has_no_finding_and_breaks_nowhere() {
    let report = judged(&healthy());
    assert_eq!(report.findings(), 0, "{:?}", report.checks().collect::<Vec<_>>());
    assert!(!report.checks().any(|check| check.about == "breaks at"));
    assert_eq!(
        check(&report, "Values", "data[0] a").2,
        "app, property p: fetched\n"
    );
    assert_eq!(
        check(&report, "Values", "data[1] b").2,
        "other, version 2: fetched\n"
    );
    for (section, about) in [
        ("Store", "provider"),
        ("Credentials", "vault.auth.tokenSecretRef"),
        ("Template", "template"),
        ("Secret", "ownership"),
    ] {
        assert_eq!(check(&report, section, about).0, State::Ok, "{section}");
    }
}

#[test]
fn each_station_that_fails_is_the_one_where_it_breaks() {
    type Break = fn(&mut Facts);
    let cases: [(&str, &str, &str, Break); 9] = [
        ("Store", "store", "store-absent", |facts| {
            around(facts).stores[0].seen = Seen::Absent;
        }),
        ("Store", "provider", "store-settings", |facts| {
            let Seen::Found(store) = &mut around(facts).stores[0].seen else {
                unreachable!()
            };
            store.spec.as_mut().unwrap().provider = StoreProvider::new("aws", json!({}));
        }),
        ("Store", "Ready", "store-refused", |facts| {
            let said = "unable to validate store: error processing the store itself, err: SecretStore \"vault\": cannot check the token at auth/token/lookup-self: the store answered 403: permission denied (it said no)\ngive the store's identity what it needs in the store's policies; it is tried again at the next interval or change";
            around(facts).stores = vec![store(Some(("False", said)))];
        }),
        ("Store", "namespace", "store-closed", |facts| {
            let store = &mut around(facts).stores[0];
            store.id = StoreId {
                cluster: true,
                name: "vault".to_owned(),
            };
            let Seen::Found(seen) = &mut store.seen else {
                unreachable!()
            };
            let condition = serde_json::from_value(json!({"namespaces": ["staging"]})).unwrap();
            seen.spec.as_mut().unwrap().conditions = vec![condition];
        }),
        ("Credentials", "vault.auth", "credential-absent", |facts| {
            // The store is not ready because of that.
            around(facts).stores = vec![store(Some(("False", "unable to validate store: x")))];
            around(facts).stores[0].credentials[0].seen = Seen::Absent;
        }),
        ("Credentials", "vault.auth", "credential-entry-absent", |facts| {
            around(facts).stores[0].credentials[0].seen = Seen::Found(Some(BTreeSet::new()));
        }),
        ("Credentials", "vault.auth", "forbidden", |facts| {
            let access = Access {
                verb: "get",
                group: "",
                resource: "secrets",
                namespace: "prod".to_owned(),
                name: "t".to_owned(),
            };
            around(facts).stores[0].credentials[0].may = Some((access, Seen::Found(false)));
        }),
        ("Secret", "ownership", "owned-by-another", |facts| {
            let Seen::Found(standing) = &mut around(facts).target else {
                unreachable!()
            };
            standing.owner_references.as_mut().unwrap()[0].name = "other".to_owned();
        }),
        ("Template", "template", "template-failed", |facts| {
            facts.object = object(Some((
                "False",
                "could not update secret: template: url:1:3: executing \"url\" at <.a>: map has no entry for key \"a\" (url)",
            )));
        }),
    ];
    for (section, about, code, breaks) in cases {
        let mut facts = healthy();
        breaks(&mut facts);
        let report = judged(&facts);
        let (state, told, what) = check(&report, section, about);
        assert_eq!((state, told.as_str()), (State::Failed, code), "{what}");
        let place = check(&report, "", "breaks at").2;
        assert!(place.starts_with(section), "{code}: {place}");
    }
}

#[test]
fn a_cause_is_told_at_the_entry_that_it_is_about() {
    let mut facts = healthy();
    let said = "could not get secret data from provider: error processing spec.data[0] (key: app), err: cannot find secret data for key: \"p\"\nmend the property: a key of the value, or a gjson path into it";
    facts.object = object(Some(("False", said)));
    let report = judged(&facts);
    let (state, code, what) = check(&report, "Values", "data[0] a");
    assert_eq!((state, code.as_str()), (State::Failed, "property-missing"));
    assert!(
        what.starts_with("app, property p: cannot find secret data"),
        "{what}"
    );
    assert_eq!(check(&report, "Values", "data[1] b").0, State::Note);
    let (_, code, what) = check(&report, "", "Ready");
    assert_eq!(code, "property-missing");
    assert!(
        what.ends_with("\nmend the property: a key of the value, or a gjson path into it"),
        "{what}"
    );
    assert_eq!(check(&report, "", "breaks at").2, "Values: data[0] a\n");
}

#[test]
fn where_upstream_tells_no_cause_its_last_event_does() {
    let mut facts = healthy();
    facts.object = object(Some(("False", "could not get secret data from provider")));
    let event = |message: &str, second: u8| -> Event {
        serde_json::from_value(
            json!({"metadata": {}, "involvedObject": {}, "reason": "UpdateFailed", "message": message,
            "lastTimestamp": format!("2026-01-01T00:00:0{second}Z")}),
        )
        .unwrap()
    };
    let said = "error processing spec.data[1] (key: other), err: Secret does not exist";
    around(&mut facts).events = Seen::Found(vec![event(said, 2), event("an older one", 1)]);
    let report = judged(&facts);
    assert_eq!(check(&report, "Values", "data[1] b").1, "source-missing");
}

#[test]
fn what_may_not_be_seen_is_named_and_no_finding() {
    let mut facts = healthy();
    let wanted = |resource| Wanted {
        verb: "get",
        resource,
        namespace: "prod".to_owned(),
    };
    let around = around(&mut facts);
    around.stores[0].credentials[0].seen = Seen::Forbidden(wanted("secrets"));
    around.stores[0].seen = Seen::Forbidden(wanted("secretstores.external-secrets.io"));
    around.target = Seen::Forbidden(wanted("secrets"));
    around.events = Seen::Forbidden(wanted("events"));
    let report = judged(&facts);
    assert_eq!(report.findings(), 0);
    for (section, about, wanted) in [
        (
            "Store",
            "store",
            "get secretstores.external-secrets.io in namespace prod",
        ),
        ("Credentials", "vault", "get secrets in namespace prod"),
        ("Secret", "ownership", "get secrets in namespace prod"),
    ] {
        let (state, code, what) = check(&report, section, about);
        assert_eq!((state, code.as_str()), (State::Unknown, "forbidden"));
        assert!(what.contains(wanted), "{what}");
    }
}

#[test]
fn an_object_in_a_file_is_judged_by_what_is_written() {
    let mut object = object(None);
    object.status = None;
    object.spec.secret_store_ref = None;
    let facts = Facts {
        object,
        surroundings: None,
    };
    let report = judged(&facts);
    assert_eq!(check(&report, "Values", "data[0] a").1, "no-store");
    assert!(!report.sections.iter().any(|section| section.title == "Secret"));
}

#[test]
fn nobody_looking_and_a_controller_that_does_not_are_told_apart() {
    let mut facts = healthy();
    facts.object.status = None;
    assert_eq!(check(&judged(&facts), "", "Ready").1, "not-seen");
    around(&mut facts).external = Some(External::Off);
    assert_eq!(check(&judged(&facts), "", "Ready").1, "external-secrets-off");
    assert!(matches!(
        around(&mut facts).stores[0].credentials[0].reference.kind,
        ReferredKind::Secret
    ));
}
