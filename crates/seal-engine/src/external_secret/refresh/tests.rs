use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use seal_api::external_secrets::ExternalSecretStatus;
use serde_json::{Value, json};

use super::*;

const HOUR: i64 = 3600;

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn object(spec: Value) -> ExternalSecret {
    let mut object: ExternalSecret = serde_json::from_value(json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": "a", "namespace": "n", "uid": "u", "generation": 1}, "spec": spec,
    }))
    .unwrap();
    object.spec.data.clear();
    object
}

// As it is after a refresh at that time.
fn refreshed(spec: Value, at: &str) -> ExternalSecret {
    let mut object = object(spec);
    object.status = Some(ExternalSecretStatus {
        refresh_time: Some(Time(time(at))),
        synced_resource_version: Some(synced_resource_version(&object.metadata)),
        ..ExternalSecretStatus::default()
    });
    object
}

fn asked(object: &ExternalSecret, now: &str) -> Refresh {
    refresh(object, time(now), RefreshRules::default())
}

#[test]
fn what_was_never_fetched_is_due_whatever_the_policy() {
    for policy in ["Periodic", "OnChange", "CreatedOnce"] {
        let mut object = object(json!({"refreshPolicy": policy, "refreshInterval": "0"}));
        let first = Refresh::Now(Occasion::First);
        assert_eq!(asked(&object, "2026-01-01T00:00:00Z"), first, "{policy}");
        object.status = Some(ExternalSecretStatus {
            synced_resource_version: Some("1-x".to_owned()),
            ..ExternalSecretStatus::default()
        });
        assert_eq!(asked(&object, "2026-01-01T00:00:00Z"), first, "{policy}");
    }
}

#[test]
fn a_change_of_generation_label_or_annotation_is_an_occasion() {
    let changes: [fn(&mut ObjectMeta); 3] = [
        |metadata| metadata.generation = Some(2),
        |metadata| metadata.labels = Some([("a".to_owned(), "b".to_owned())].into()),
        |metadata| metadata.annotations = Some([("force-sync".to_owned(), "1".to_owned())].into()),
    ];
    for change in changes {
        for (spec, expected) in [
            (json!({}), Refresh::Now(Occasion::Change)),
            (
                json!({"refreshPolicy": "OnChange"}),
                Refresh::Now(Occasion::Change),
            ),
            (json!({"refreshInterval": "0"}), Refresh::Now(Occasion::Change)),
            (json!({"refreshPolicy": "CreatedOnce"}), Refresh::Never),
        ] {
            let mut object = refreshed(spec.clone(), "2026-01-01T00:00:00Z");
            change(&mut object.metadata);
            assert_eq!(asked(&object, "2026-01-01T00:00:01Z"), expected, "{spec}");
        }
    }
}

#[test]
fn zero_is_never_for_those_who_want_what_upstream_does() {
    let mut object = refreshed(json!({"refreshInterval": "0s"}), "2026-01-01T00:00:00Z");
    object.metadata.generation = Some(2);
    let rules = RefreshRules { zero_is_never: true };
    assert_eq!(
        refresh(&object, time("2027-01-01T00:00:00Z"), rules),
        Refresh::Never
    );
    assert_eq!(
        asked(
            &refreshed(json!({"refreshInterval": "0s"}), "2026-01-01T00:00:00Z"),
            "2027-01-01T00:00:00Z"
        ),
        Refresh::OnChange
    );
}

#[test]
fn it_is_due_before_the_interval_is_over_and_not_much_before() {
    let start = time("2026-01-01T00:00:00Z");
    let mut dues = Vec::new();
    for number in 0..200 {
        let mut object = refreshed(json!({}), "2026-01-01T00:00:00Z");
        object.metadata.uid = Some(format!("uid-{number}"));
        let Refresh::At(due) = refresh(&object, start, RefreshRules::default()) else {
            panic!("a time");
        };
        let after = due.duration_since(start).as_secs();
        assert!((HOUR * 9 / 10..=HOUR).contains(&after), "{after}");
        // The same when asked again, and due at that moment.
        assert_eq!(
            refresh(&object, due, RefreshRules::default()),
            Refresh::Now(Occasion::Interval)
        );
        dues.push(after);
    }
    dues.sort_unstable();
    dues.dedup();
    assert!(dues.len() > 100, "spread over {} seconds only", dues.len());
}

#[test]
fn a_time_in_the_future_is_not_believed() {
    let object = refreshed(json!({}), "2030-01-01T00:00:00Z");
    assert_eq!(
        asked(&object, "2026-01-01T00:00:00Z"),
        Refresh::Now(Occasion::Interval)
    );
}

#[test]
fn an_interval_that_cannot_be_read_is_the_default() {
    let object = refreshed(json!({"refreshInterval": "often"}), "2026-01-01T00:00:00Z");
    assert_eq!(interval(&object), HOUR * 1_000_000_000);
    assert!(matches!(asked(&object, "2026-01-01T00:00:01Z"), Refresh::At(_)));
}

fn with_windows(windows: Value) -> ExternalSecret {
    refreshed(json!({"syncWindows": windows}), "2026-05-01T00:00:00Z")
}

// What the real controller's own table says (2.x): daily at 22:00 for two hours, both ends inside.
#[test]
fn windows_are_open_from_their_first_second_to_their_last() {
    let window = json!({"schedule": "0 22 * * *", "duration": "2h"});
    let unreadable = json!({"schedule": "not-a-cron", "duration": "2h"});
    for (now, inside) in [
        ("2026-06-01T22:00:00Z", true),
        ("2026-06-01T22:30:00Z", true),
        ("2026-06-02T00:00:00Z", true),
        ("2026-06-02T00:00:01Z", false),
        ("2026-06-01T21:00:00Z", false),
        ("2026-06-02T03:00:00Z", false),
        ("2026-06-02T22:30:00Z", true),
    ] {
        for (kind, windows, expected) in [
            ("allow", json!([window]), inside),
            ("deny", json!([window]), !inside),
            ("allow", json!([unreadable, window]), inside),
            ("deny", json!([unreadable]), true),
            ("allow", json!([unreadable]), false),
            ("allow", json!([]), true),
        ] {
            let object = with_windows(json!({"kind": kind, "windows": windows}));
            let due = asked(&object, now) == Refresh::Now(Occasion::Interval);
            assert_eq!(due, expected, "{kind} {windows} at {now}");
        }
    }
}

#[test]
fn a_closed_window_says_when_it_opens_and_objects_are_spread_over_its_beginning() {
    let window = json!({"schedule": "0 22 * * *", "duration": "2h"});
    let allow = with_windows(json!({"kind": "allow", "windows": [window]}));
    let Refresh::At(opens) = asked(&allow, "2026-06-01T12:00:00Z") else {
        panic!("a time");
    };
    let (from, to) = (time("2026-06-01T22:00:00Z"), time("2026-06-01T22:12:00Z"));
    assert!(from <= opens && opens <= to, "{opens}");
    assert_eq!(
        refresh(&allow, opens, RefreshRules::default()),
        Refresh::Now(Occasion::Interval)
    );

    let after = json!({"schedule": "30 23 * * *", "duration": "1h"});
    let deny = with_windows(json!({"kind": "deny", "windows": [window, after]}));
    let Refresh::At(closes) = asked(&deny, "2026-06-01T22:10:00Z") else {
        panic!("a time");
    };
    let (from, to) = (time("2026-06-02T00:30:01Z"), time("2026-06-02T00:36:01Z"));
    assert!(from <= closes && closes <= to, "{closes}");
    assert_eq!(
        refresh(&deny, closes, RefreshRules::default()),
        Refresh::Now(Occasion::Interval)
    );
}

#[test]
fn windows_without_end_leave_only_changes() {
    let every = json!({"schedule": "@every 1h", "duration": "2h"});
    let object = with_windows(json!({"kind": "deny", "windows": [every]}));
    assert_eq!(asked(&object, "2026-06-01T22:10:00Z"), Refresh::OnChange);
    let never = json!({"schedule": "0 0 30 2 *", "duration": "2h"});
    let object = with_windows(json!({"kind": "allow", "windows": [never]}));
    assert_eq!(asked(&object, "2026-06-01T22:10:00Z"), Refresh::OnChange);
}

#[test]
fn a_change_is_done_in_a_closed_window_too() {
    let window = json!({"schedule": "0 22 * * *", "duration": "2h"});
    let mut object = with_windows(json!({"kind": "allow", "windows": [window]}));
    object.metadata.generation = Some(2);
    assert_eq!(
        asked(&object, "2026-06-01T12:00:00Z"),
        Refresh::Now(Occasion::Change)
    );
}
