use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use seal_cluster::look::Wanted;
use seal_core::{KeyRing, KeySize, PrivateKey, RingKey, Scope, SystemRandom, encode_base64, seal};
use seal_engine::{RECORD_CONDITION, SecretVersion};
use serde_json::{Value, json};

use super::*;
use crate::opening;
use crate::report::State;

const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

fn key() -> PrivateKey {
    PrivateKey::generate(KeySize::Bits2048).unwrap()
}

fn sealed(key: &PrivateKey, scope: Scope) -> String {
    let label = scope.label(&"prod".parse().unwrap(), &"db".parse().unwrap());
    encode_base64(&seal(b"hunter2", key.public(), &label, &mut SystemRandom).unwrap())
}

/// `prod/db` with this spec and these conditions, all at generation 1.
fn object(spec: Value, conditions: Value) -> SealedSecret {
    serde_json::from_value(json!({
        "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret",
        "metadata": {"name": "db", "namespace": "prod", "uid": "u1", "generation": 1},
        "spec": spec, "status": {"observedGeneration": 1, "conditions": conditions},
    }))
    .unwrap()
}

fn failed(reason: Option<&str>, message: &str, remedy: &str) -> Value {
    json!([
        {"type": "Synced", "status": "False", "reason": reason, "message": message},
        {"type": "Ready", "status": "False", "reason": reason, "message": format!("{message}\n{remedy}")},
    ])
}

fn synced() -> Value {
    json!([{"type": "Synced", "status": "True"}])
}

fn around(secret: Seen<ObjectMeta>) -> Option<Surroundings> {
    Some(Surroundings {
        secret,
        events: Seen::Found(Vec::new()),
        installation: Seen::Absent,
        disused: Vec::new(),
    })
}

fn ours() -> ObjectMeta {
    let owner = OwnerReference {
        kind: "SealedSecret".to_owned(),
        name: "db".to_owned(),
        uid: "u1".to_owned(),
        controller: Some(true),
        ..OwnerReference::default()
    };
    ObjectMeta {
        uid: Some("s1".to_owned()),
        resource_version: Some("7".to_owned()),
        owner_references: Some(vec![owner]),
        ..ObjectMeta::default()
    }
}

fn forbidden<T>() -> Seen<T> {
    Seen::Forbidden(Wanted {
        verb: "get",
        resource: "secrets",
        namespace: "prod".to_owned(),
    })
}

fn judged(facts: &Facts) -> Report {
    report("SealedSecret prod/db".to_owned(), facts, NOW)
}

/// State, code and words of the check about that.
fn check<'a>(report: &'a Report, about: &str) -> &'a Check {
    let mut checks = report.checks();
    let found = checks.find(|check| check.about.starts_with(about));
    found.unwrap_or_else(|| {
        panic!(
            "no check about {about}: {:?}",
            report.checks().collect::<Vec<_>>()
        )
    })
}

#[test]
fn a_healthy_object_has_no_finding_and_its_key_is_named_only_when_the_record_is_proven() {
    let key = key();
    let fingerprint = key.public().fingerprint();
    let spec = json!({"encryptedData": {"a": sealed(&key, Scope::Strict)}});
    let installation = || InstallationKey::from_bytes(&[1; 32]).unwrap();
    let version = SecretVersion {
        uid: "s1".to_owned(),
        resource_version: "7".to_owned(),
    };
    let opened = BTreeMap::from([("a".to_owned(), fingerprint)]);
    let mut kept = object(spec.clone(), synced());
    let record = Record::new(&kept, version, NOW, &opened, Vec::new(), &installation());
    let record = json!({"type": RECORD_CONDITION, "status": "True", "message": serde_json::to_string(&record).unwrap()});
    let conditions = &mut kept.status.as_mut().unwrap().conditions;
    conditions.push(serde_json::from_value(record).unwrap());
    let with = |object: SealedSecret, installation: Seen<InstallationKey>, secret: ObjectMeta| Facts {
        object,
        opening: None,
        surroundings: Some(Surroundings {
            secret: Seen::Found(secret),
            events: Seen::Found(Vec::new()),
            installation,
            disused: Vec::new(),
        }),
    };
    // A key that is out of use is named as such, while all is well and when it is not.
    for (state, code) in [
        (KeyState::Retired, "retired-key"),
        (KeyState::Compromised, "compromised-key"),
    ] {
        let mut facts = with(kept.clone(), Seen::Found(installation()), ours());
        facts.surroundings.as_mut().unwrap().disused = vec![(fingerprint, state)];
        let report = judged(&facts);
        let found = check(&report, "a");
        assert_eq!(
            (found.state, found.code.as_deref()),
            (State::Warning, Some(code)),
            "{}",
            found.what
        );
        let conditions = &mut facts.object.status.as_mut().unwrap().conditions;
        let record = conditions.last().unwrap().clone();
        let message = "no key could decrypt secret (a): sealed with a key that is not here";
        *conditions = serde_json::from_value(failed(None, message, "")).unwrap();
        conditions.push(record);
        let report = judged(&facts);
        let found = check(&report, "a");
        assert_eq!(
            (found.state, found.code.as_deref()),
            (State::Failed, Some(code)),
            "{}",
            found.what
        );
        assert!(found.what.contains(&fingerprint.to_string()), "{}", found.what);
    }
    let proven = judged(&with(kept.clone(), Seen::Found(installation()), ours()));
    assert_eq!(proven.findings(), 0, "{:?}", proven.checks().collect::<Vec<_>>());
    assert!(check(&proven, "a").what.contains(&fingerprint.to_string()));
    // A forged record, a record of another spec, and one that cannot be proven name no key.
    let forged = InstallationKey::from_bytes(&[2; 32]).unwrap();
    let mut changed = kept.clone();
    changed
        .spec
        .encrypted_data
        .insert("b".to_owned(), changed.spec.encrypted_data["a"].clone());
    for (object, installation) in [
        (kept.clone(), Seen::Found(forged)),
        (changed, Seen::Found(installation())),
        (kept.clone(), forbidden()),
        (kept.clone(), Seen::Absent),
    ] {
        let report = judged(&with(object, installation, ours()));
        let check = check(&report, "a");
        assert!(check.what.contains("unknown"), "{}", check.what);
        assert!(!check.what.contains(&fingerprint.to_string()), "{}", check.what);
    }
    let mut drifted = ours();
    drifted.resource_version = Some("9".to_owned());
    let report = judged(&with(kept, Seen::Found(installation()), drifted));
    assert_eq!(check(&report, "content").code.as_deref(), Some("drift"));
}

#[test]
fn conditions_are_told_in_plain_words_with_what_to_do() {
    let spec = json!({"encryptedData": {"a": sealed(&key(), Scope::Strict)}});
    let upstream = "no key could decrypt secret (a)";
    let ours = "no key could decrypt secret (a): sealed namespace-wide, and the object says strict";
    for (conditions, state, code, remedy) in [
        (
            json!([]),
            State::Warning,
            "not-seen",
            "see that a controller runs",
        ),
        (
            failed(Some("SealedForAnotherScope"), ours, "annotate it"),
            State::Failed,
            "another-scope",
            "annotate it",
        ),
        (
            failed(None, upstream, ""),
            State::Failed,
            "another-key-or-name",
            "seal the value again",
        ),
        (
            failed(
                Some("TargetNotOurs"),
                "failed update: Resource \"db\" already exists and is not managed by SealedSecret",
                "",
            ),
            State::Failed,
            "not-ours",
            "delete or rename",
        ),
        (
            failed(Some("Novel"), "something new", ""),
            State::Failed,
            "Novel",
            "",
        ),
    ] {
        let facts = Facts {
            object: object(spec.clone(), conditions),
            opening: None,
            surroundings: around(Seen::Absent),
        };
        let report = judged(&facts);
        let check = check(&report, "Synced");
        assert_eq!(
            (check.state, check.code.as_deref()),
            (state, Some(code)),
            "{}",
            check.what
        );
        let said = check.remedy.clone().unwrap_or_default();
        assert!(said.starts_with(remedy), "{said}");
    }
}

#[test]
fn a_status_about_an_earlier_state_is_a_warning() {
    let mut stale = object(json!({"encryptedData": {}}), synced());
    stale.metadata.generation = Some(2);
    let facts = Facts {
        object: stale,
        opening: None,
        surroundings: around(Seen::Found(ours())),
    };
    assert_eq!(check(&judged(&facts), "Synced").code.as_deref(), Some("not-seen"));
}

#[test]
fn private_keys_tell_which_key_opens_and_why_another_does_not() {
    let (good, other) = (key(), key());
    let fingerprint = good.public().fingerprint();
    let spec = json!({"encryptedData": {
        "opens": sealed(&good, Scope::Strict),
        "scope": sealed(&good, Scope::NamespaceWide),
        "stranger": sealed(&other, Scope::Strict),
        "plain": "aHVudGVyMg==",
    }});
    let object = object(spec, json!([]));
    let ring = KeyRing::new(vec![RingKey::new(good, NOW)]).unwrap();
    let facts = Facts {
        opening: Some(opening::examine(&object, &ring)),
        object,
        surroundings: None,
    };
    let report = judged(&facts);
    let of = |about: &str| {
        let check = check(&report, about);
        (check.state, check.code.clone().unwrap_or_default())
    };
    assert_eq!(of("opens"), (State::Ok, String::new()));
    assert!(check(&report, "opens").what.contains(&fingerprint.to_string()));
    assert_eq!(of("scope"), (State::Failed, "another-scope".to_owned()));
    assert_eq!(of("stranger"), (State::Failed, "another-key-or-name".to_owned()));
    assert_eq!(of("plain"), (State::Failed, "malformed".to_owned()));
    assert_eq!(report.findings(), 3);
    let text = crate::report::printed(&[report], crate::arguments::Rendition::Human);
    assert!(
        !text.contains("hunter2") && !text.contains("aHVudGVyMg"),
        "{text}"
    );
}

#[test]
fn without_keys_only_the_outside_is_told_and_nothing_is_a_finding() {
    let facts = Facts {
        object: object(
            json!({"encryptedData": {"a": sealed(&key(), Scope::Strict)}}),
            json!([]),
        ),
        opening: None,
        surroundings: None,
    };
    let report = judged(&facts);
    assert_eq!(report.findings(), 0);
    let check = check(&report, "a");
    assert_eq!(check.state, State::Unknown);
    assert!(check.what.contains("2048 bits"), "{}", check.what);
    assert!(
        report
            .sections
            .iter()
            .any(|section| section.detail == "strict, they open as prod/db only")
    );
}

#[test]
fn a_standing_secret_is_ours_handed_over_merged_into_or_somebody_elses() {
    let marked = |marks: &[&str]| ObjectMeta {
        annotations: Some(
            marks
                .iter()
                .map(|mark| ((*mark).to_owned(), "true".to_owned()))
                .collect(),
        ),
        ..ObjectMeta::default()
    };
    let mut theirs = ours();
    theirs.owner_references.as_mut().unwrap()[0].uid = "u2".to_owned();
    for (secret, state, word) in [
        (Seen::Found(ours()), State::Ok, "belongs"),
        (
            Seen::Found(marked(&[annotations::MANAGED])),
            State::Ok,
            "handed over",
        ),
        (Seen::Found(marked(&[annotations::PATCH])), State::Ok, "merged"),
        (Seen::Found(marked(&[])), State::Failed, "controlled by nobody"),
        (
            Seen::Found(theirs),
            State::Failed,
            "controlled by SealedSecret db",
        ),
        (Seen::Absent, State::Warning, "gone"),
        (
            forbidden(),
            State::Unknown,
            "not allowed to get secrets in namespace prod",
        ),
    ] {
        let facts = Facts {
            object: object(json!({"encryptedData": {}}), synced()),
            opening: None,
            surroundings: around(secret),
        };
        let report = judged(&facts);
        let section = report
            .sections
            .iter()
            .find(|section| section.title == "Secret")
            .unwrap();
        let check = &section.checks[0];
        assert_eq!(check.state, state, "{}", check.what);
        assert!(check.what.contains(word), "{}", check.what);
    }
}

#[test]
fn a_secret_without_owner_reference_is_not_called_foreign_when_the_record_cannot_be_proven() {
    let spec = json!({"encryptedData": {}, "template": {"metadata": {"annotations": {annotations::SKIP_SET_OWNER_REFERENCES: "true"}}}});
    let facts = Facts {
        object: object(spec, synced()),
        opening: None,
        surroundings: around(Seen::Found(ObjectMeta::default())),
    };
    assert_eq!(check(&judged(&facts), "ownership").state, State::Unknown);
}

#[test]
fn a_template_error_is_shown_at_its_line_and_column() {
    let spec = |text: &str| json!({"encryptedData": {"a": sealed(&key(), Scope::Strict)}, "template": {"data": {"url": text, "fine": "x"}}});
    // Unreadable: seen without anybody's help.
    let facts = Facts {
        object: object(spec("x\n{{ .a | nothing }}"), json!([])),
        opening: None,
        surroundings: None,
    };
    let report = judged(&facts);
    let found = check(&report, "url, line 2");
    assert_eq!(found.code.as_deref(), Some("template-unreadable"));
    // Failing: the controller's words.
    let message = "template: url:1:6: executing \"url\" at <fail .a>: error calling fail (url)";
    let facts = Facts {
        object: object(
            spec("u: {{ fail .a }}"),
            failed(Some("TemplateFailed"), message, "mend it"),
        ),
        opening: None,
        surroundings: around(Seen::Absent),
    };
    let report = judged(&facts);
    assert_eq!(
        check(&report, "url, line 1:7").code.as_deref(),
        Some("template-failed")
    );
    let text = crate::report::printed(&[report], crate::arguments::Rendition::Human);
    assert!(
        text.contains("| u: {{ fail .a }}\n           |       ^"),
        "{text}"
    );
}

#[test]
fn words_about_a_value_blame_no_template_of_its_name_and_the_other_way_round() {
    let spec =
        |value: &str| json!({"encryptedData": {"url": value}, "template": {"data": {"url": "{{ .url }}"}}});
    let told = |value: &str, reason: &str, message: &str| {
        let facts = Facts {
            object: object(spec(value), failed(Some(reason), message, "")),
            opening: None,
            surroundings: around(Seen::Absent),
        };
        let report = judged(&facts);
        let row = |title: &str| {
            let section = report.sections.iter().find(|section| section.title == title);
            let check = section.unwrap().checks.first().unwrap();
            (check.state, check.code.clone())
        };
        let code = check(&report, "Synced").code.clone();
        (code, row("Entries"), row("Templates"))
    };
    let code = |code: &str| Some(code.to_owned());
    let message = "no key could decrypt secret (url): this is not a sealed value";
    let (synced, entry, template) = told("YQ==", "Malformed", message);
    assert_eq!(synced, code("malformed"));
    assert_eq!(entry.0, State::Failed);
    assert_eq!(template, (State::Ok, None));
    let message = "template: url:1:6: executing \"url\" at <fail>: error calling fail (url)";
    let (synced, entry, template) = told(&sealed(&key(), Scope::Strict), "TemplateFailed", message);
    assert_eq!(synced, code("template-failed"));
    assert_ne!(entry.0, State::Failed);
    assert_eq!(template, (State::Failed, code("template-failed")));
}

#[test]
fn news_is_told_newest_first_and_is_no_finding() {
    let event = |reason: &str, seconds: i64| -> Event {
        let time = (NOW - jiff::SignedDuration::from_secs(seconds)).to_string();
        serde_json::from_value(
            json!({"metadata": {}, "involvedObject": {}, "type": "Warning", "reason": reason,
            "message": "m", "count": 3, "lastTimestamp": time}),
        )
        .unwrap()
    };
    let told = events(&Seen::Found(vec![event("Old", 600), event("New", 30)]), NOW);
    assert_eq!(told[0].about, "New");
    assert_eq!(told[0].what, "3 times, last 30 s ago: m");
    assert_eq!(told[1].what, "3 times, last 10 min ago: m");
    assert!(told.iter().all(|check| check.state == State::Note));
}

#[test]
fn each_fault_is_told_once_and_where_it_belongs() {
    let key = key();
    let value = || sealed(&key, Scope::Strict);
    let told = |spec: Value| -> Vec<(String, String)> {
        let facts = Facts {
            object: object(spec, json!([])),
            opening: None,
            surroundings: None,
        };
        let report = judged(&facts);
        let failed = report.checks().filter(|check| check.state == State::Failed);
        let row = |check: &Check| (check.about.clone(), check.code.clone().unwrap_or_default());
        failed.map(row).collect()
    };
    let row = |about: &str, code: &str| vec![(about.to_owned(), code.to_owned())];
    for (spec, rows) in [
        (
            json!({"encryptedData": {"a b": value()}}),
            row("a b", "invalid-entry"),
        ),
        (json!({"encryptedData": {"a": 5}}), row("a", "not-text")),
        (
            json!({"encryptedData": {}, "data": "!"}),
            row("spec.data (legacy)", "not-base64"),
        ),
        (
            json!({"encryptedData": {"a": value()}, "data": value()}),
            row("object", "legacy-and-items"),
        ),
        (
            json!({"encryptedData": {"a": value()}, "template": {"data": {"a": "{{"}}}),
            row("a, line 1", "template-unreadable"),
        ),
        (
            json!({"encryptedData": {}, "template": {"type": "bootstrap.kubernetes.io/token"}}),
            row("object", "dangerous-type"),
        ),
    ] {
        assert_eq!(told(spec.clone()), rows, "{spec}");
    }
}
