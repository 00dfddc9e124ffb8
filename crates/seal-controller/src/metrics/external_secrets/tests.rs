use super::*;
use crate::metrics::Metrics;

fn key(name: &str) -> Key {
    Key {
        namespace: "prod".into(),
        name: name.into(),
    }
}

fn labelled() -> ObjectMeta {
    ObjectMeta {
        labels: Some([("app.kubernetes.io/part-of".to_owned(), "shop".to_owned())].into()),
        ..ObjectMeta::default()
    }
}

fn text(metrics: &ExternalSecretMetrics) -> String {
    let mut text = String::new();
    metrics.write(&mut text).unwrap();
    text
}

const MOMENT: Duration = Duration::from_millis(2);

#[test]
fn names_and_labels_are_upstreams_and_all_series_end_with_their_object() {
    let metrics = ExternalSecretMetrics::new(Naming::Named);
    metrics.looked_at(&key("db"), &labelled(), Some(false), (Look::Failed, MOMENT), None);
    metrics.looked_at(&key("db"), &labelled(), Some(true), (Look::Synced, MOMENT), None);
    metrics.validated(&key("vault"), &labelled(), Some(false), MOMENT);
    metrics
        .meter(&key("vault"), "HashiCorp/Vault")
        .asked("log in at", Some(Blame::Refused), MOMENT);
    metrics.meter(&key("hook"), "Webhook").asked("read", None, MOMENT);
    metrics
        .meter(&key("other"), "Kubernetes")
        .asked("read", None, MOMENT);
    let of_cluster = Key {
        namespace: "".into(),
        name: "all".into(),
    };
    metrics.validated(&of_cluster, &labelled(), Some(true), MOMENT);
    metrics.spread(&of_cluster, &labelled(), Some(false), MOMENT);
    let told = text(&metrics);
    for line in [
        "# TYPE externalsecret_sync_calls counter",
        "externalsecret_sync_calls_total{name=\"db\",namespace=\"prod\"} 2",
        "# TYPE externalsecret_sync_calls_error unknown",
        "externalsecret_sync_calls_error{name=\"db\",namespace=\"prod\"} 1",
        "externalsecret_reconcile_duration{name=\"db\",namespace=\"prod\"} 2000000",
        "externalsecret_status_condition{name=\"db\",namespace=\"prod\",condition=\"Ready\",status=\"True\"} 1",
        "externalsecret_status_condition{name=\"db\",namespace=\"prod\",condition=\"Ready\",status=\"False\"} 0",
        "secretstore_status_condition{name=\"vault\",namespace=\"prod\",condition=\"Ready\",status=\"False\"} 1",
        "secretstore_reconcile_duration{name=\"vault\",namespace=\"prod\"} 2000000",
        "clustersecretstore_status_condition{name=\"all\",namespace=\"\",condition=\"Ready\",status=\"True\"} 1",
        "clustersecretstore_reconcile_duration{name=\"all\",namespace=\"\"} 2000000",
        "clusterexternalsecret_status_condition{name=\"all\",namespace=\"\",condition=\"Ready\",status=\"False\"} 1",
        "clusterexternalsecret_reconcile_duration{name=\"all\",namespace=\"\"} 2000000",
        "externalsecret_provider_api_calls_count{provider=\"HashiCorp/Vault\",call=\"Login\",status=\"error\"} 1",
        "externalsecret_provider_api_calls_count{provider=\"Webhook\",call=\"HTTPRequest\",status=\"success\"} 1",
        "externalsecret_provider_api_calls_count{provider=\"Kubernetes\",call=\"GetSecret\",status=\"success\"} 1",
        "secretstore_request_seconds_count{kind=\"SecretStore\",namespace=\"prod\",name=\"vault\",outcome=\"refused\"} 1",
        "externalsecret_reconcile_seconds_count{outcome=\"synced\"} 1",
    ] {
        assert!(
            told.lines().any(|told| told == line),
            "{line} is missing in\n{told}"
        );
    }
    metrics.forget(&key("db"));
    for store in ["vault", "hook", "other"] {
        metrics.forget_store(&key(store));
    }
    metrics.forget_store(&of_cluster);
    metrics.forget_spread(&of_cluster);
    let told = text(&metrics);
    assert!(!told.contains("prod") && !told.contains("name=\"all\""), "{told}");
}

#[test]
fn recommended_labels_are_shown_where_they_are_asked_for() {
    let metrics = ExternalSecretMetrics::new(Naming::Extended);
    metrics.looked_at(&key("db"), &labelled(), Some(true), (Look::Synced, MOMENT), None);
    let told = text(&metrics);
    let line = told
        .lines()
        .find(|line| line.starts_with("externalsecret_status_condition{"))
        .unwrap();
    assert!(
        line.contains("app_kubernetes_io_part_of=\"shop\"") && line.contains("app_kubernetes_io_name=\"\""),
        "{line}"
    );
}

#[test]
fn an_object_is_late_from_when_it_was_due_until_it_is_fetched_however_often_it_is_tried() {
    let metrics = ExternalSecretMetrics::new(Naming::Named);
    let now = Timestamp::now();
    let ago = |seconds: i64| Timestamp::from_second(now.as_second() - seconds).unwrap();
    let look = |name: &str, look, due| {
        metrics.looked_at(&key(name), &labelled(), None, (look, MOMENT), Some(due));
    };
    let gauge = |name: &str| -> f64 {
        let text = text(&metrics);
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap().parse().unwrap()
    };
    look("later", Look::Synced, ago(-600));
    assert_eq!(gauge("externalsecret_overdue"), 0.0);
    look("late", Look::Nothing, ago(900));
    look("late", Look::Failed, ago(5));
    look("also", Look::Failed, ago(7));
    assert_eq!(gauge("externalsecret_overdue"), 2.0);
    assert!(gauge("externalsecret_oldest_due_seconds") >= 900.0);
    look("late", Look::Synced, ago(-600));
    assert_eq!(gauge("externalsecret_overdue"), 1.0);
    assert!(gauge("externalsecret_oldest_due_seconds") < 900.0);
}

#[test]
fn a_store_is_down_while_one_of_its_clients_finds_it_so() {
    let metrics = ExternalSecretMetrics::new(Naming::Named);
    let (one, other) = (
        metrics.meter(&key("vault"), "HashiCorp/Vault"),
        metrics.meter(&key("vault"), "HashiCorp/Vault"),
    );
    metrics.validated(&key("vault"), &labelled(), Some(true), MOMENT);
    let down = |expected: u8| {
        let line = format!(
            "secretstore_down{{kind=\"SecretStore\",namespace=\"prod\",name=\"vault\"}} {expected}\n"
        );
        let told = text(&metrics);
        assert!(told.contains(&line), "{line}: {told}");
    };
    down(0);
    one.is_down(true);
    other.is_down(true);
    one.is_down(false);
    down(1);
    other.is_down(false);
    down(0);
}

#[test]
fn where_names_are_left_out_and_where_another_replica_leads_there_is_no_series_of_an_object() {
    let fill = |metrics: &ExternalSecretMetrics| {
        metrics.looked_at(&key("db"), &labelled(), Some(true), (Look::Synced, MOMENT), None);
        metrics.validated(&key("vault"), &labelled(), Some(true), MOMENT);
        metrics.spread(&key("all"), &labelled(), Some(true), MOMENT);
        metrics
            .meter(&key("vault"), "HashiCorp/Vault")
            .asked("read", None, MOMENT);
    };
    let nameless = ExternalSecretMetrics::new(Naming::Nameless);
    fill(&nameless);
    let told = text(&nameless);
    assert!(!told.contains("prod") && !told.contains("vault"), "{told}");
    assert!(told.contains("outcome=\"answered\"} 1"), "{told}");
    let named = Arc::new(ExternalSecretMetrics::new(Naming::Named));
    let all = Metrics::default().and_of_external_secrets(Arc::clone(&named));
    fill(&named);
    assert!(all.text().contains("name=\"db\"") && all.text().ends_with("# EOF\n"));
    all.leads(true);
    all.leads(false);
    assert!(!all.text().contains("prod"), "{}", all.text());
}
