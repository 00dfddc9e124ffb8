//! Variables as the real program reads them, and the modes that watch less than everything: each under
//! no more than the chart gives it.

use std::collections::BTreeSet;
use std::path::Path;

use seal_testbed::{AuditLog, Program, ProgramOutput, wait_for};
use serde_json::json;

use super::ground::{APART, Controller, Place, SOON, account, binary, chart, place_of, plane, value};

/// Every variable, a value that it takes and one that it does not.
const VARIABLES: &[(&str, &str, &str)] = &[
    ("KEY_PREFIX", "mine-", "Mine"),
    ("KEY_SIZE", "2048", "1024"),
    ("KEY_TTL", "1h", "-1h"),
    ("KEY_RENEW_PERIOD", "0", "30d"),
    ("ROTATE_PERIOD", "1h", "monthly"),
    ("KEY_ORDER_PRIORITY", "SecretCreationTimestamp", "Newest"),
    ("KEY_CUTOFF_TIME", "Mon, 02 Jan 2006 15:04:05 -0700", "yesterday"),
    ("ACCEPT_DEPRECATED_V1_DATA", "f", "no"),
    ("ALL_NAMESPACES", "T", "yes"),
    ("ADDITIONAL_NAMESPACES", "a,,b", "a/b"),
    ("LABEL_SELECTOR", "a in (b,c),!d", "a within (b)"),
    ("RATE_LIMIT", "10", "0"),
    ("RATE_LIMIT_BURST", "0", "-1"),
    ("PRIVATEKEY_ANNOTATIONS", "a=b", "a"),
    ("PRIVATEKEY_LABELS", "a=b,c=d=e", "a=b,c"),
    ("OLD_GC_BEHAVIOR", "false", "off"),
    ("UPDATE_STATUS", "0", "perhaps"),
    ("WATCH_FOR_SECRETS", "TRUE", "2"),
    ("SKIP_RECREATE", "1", "nope"),
    ("LOG_INFO_STDOUT", "False", "stderr"),
    ("LOG_LEVEL", "warn", "LOUD"),
    ("LOG_FORMAT", "json", "xml"),
    ("MAX_UNSEAL_RETRIES", "-1", "many"),
    ("KUBECLIENT_QPS", "2.5", "fast"),
    ("KUBECLIENT_BURST", "10", "1.5"),
    ("LISTEN_ADDR", "127.0.0.1:0", "8080"),
    ("LISTEN_METRICS_ADDR", ":0", "nowhere"),
    ("READ_TIMEOUT", "2m", "2"),
    ("WRITE_TIMEOUT", "2m", "soon"),
    ("METRICS_OMIT_SECRET_LABELS", "true", "some"),
    ("HTTP_API", "cert-only", "none"),
];

fn run(program: &Path, variable: &str, value: &str) -> ProgramOutput {
    // The version is printed once all is read.
    Program::new(program)
        .arg("--version")
        .env(variable, value)
        .run()
        .unwrap()
}

#[tokio::test]
async fn without_a_cluster_the_one_reason_that_matters_is_told_once() {
    let program = tokio::task::spawn_blocking(binary).await.unwrap().unwrap();
    let listening = ["--listen-addr=127.0.0.1:0", "--listen-metrics-addr=127.0.0.1:0"];
    let output = Program::new(&program)
        .args(listening)
        .env("KUBECONFIG", "/nowhere/config")
        .run()
        .unwrap();
    let said = format!("{}{}", output.out(), output.err());
    assert_ne!(output.code, 0, "{said}");
    assert_eq!(said.matches("/nowhere/config").count(), 1, "{said}");
    assert!(
        said.contains("name one with KUBECONFIG") && !said.contains("in-cluster"),
        "{said}"
    );
}

#[tokio::test]
async fn a_variable_is_read_and_one_that_cannot_be_read_ends_it_with_its_name() {
    let program = tokio::task::spawn_blocking(binary).await.unwrap().unwrap();
    for (name, good, bad) in VARIABLES {
        let variable = format!("SEALED_SECRETS_{name}");
        let output = run(&program, &variable, good);
        assert_eq!(output.code, 0, "{variable}={good}: {}", output.err());
        assert!(output.out().starts_with("controller version: "));
        let output = run(&program, &variable, bad);
        assert_eq!(output.code, 2, "{variable}={bad}");
        assert!(output.err().contains(&variable), "{}", output.err());
        assert!(output.out().is_empty(), "{}", output.out());
        let flag = format!("--{}={bad}", name.replace('_', "-").to_lowercase());
        let output = Program::new(&program).arg(&flag).run().unwrap();
        assert_eq!(output.code, 2, "{flag}");
        assert!(!output.err().contains(&variable), "{}", output.err());
    }
}

/// A controller with these flags that is given what the chart makes of these settings, but for nothing
/// that reaches beyond single namespaces.
async fn narrow(namespace: &str, settings: &[&str], flags: &[&str]) -> Controller {
    let plane = plane().await;
    plane.namespace(namespace).await.unwrap();
    let name = format!("fullnameOverride={namespace}");
    let always = [&name, "serviceAccount.name=seal", "rbac.namespacedRoles=true"];
    let settings: Vec<&str> = always.iter().chain(settings).copied().collect();
    for document in chart(namespace, &settings).unwrap().split("\n---\n") {
        assert!(!document.contains("kind: ClusterRole"), "{document}");
        if document.contains("kind: Role\n") || document.contains("kind: RoleBinding\n") {
            plane.apply(document).await.unwrap();
        }
    }
    plane.rights_count().await.unwrap();
    let kubeconfig = plane.kubeconfig(&account(namespace)).await.unwrap();
    let mut controller = Controller::launch(namespace, flags, &kubeconfig).await.unwrap();
    controller.wait_until_ready().await.unwrap();
    controller
}

/// What it asked for stays in these namespaces, and nothing of it was refused.
async fn stayed_in(controller: &Controller, allowed: &[&str]) {
    let calls: AuditLog = plane().await.audit().all().await.unwrap();
    let calls = calls.user(&account(&controller.namespace));
    assert!(!calls.is_empty());
    let refused = calls.clone().code(403);
    assert!(refused.is_empty(), "{refused}");
    let asked = calls.only(|call| !call.resource.is_empty());
    let namespaces: BTreeSet<&str> = asked.calls.iter().map(|call| call.namespace.as_str()).collect();
    assert!(
        namespaces.iter().all(|namespace| allowed.contains(namespace)),
        "{namespaces:?}"
    );
}

async fn in_namespace(controller: &Controller, namespace: &str) -> Place {
    let mut place = place_of(controller).await;
    place.namespace = namespace.to_owned();
    plane().await.namespace(namespace).await.unwrap();
    place
}

async fn opens(place: &Place, name: &str) {
    place.create(&place.object(name, &[("foo", "bar")])).await;
    assert_eq!(value(&place.secret(name).await, "foo").as_deref(), Some("bar"));
    place.synced(name).await;
}

#[tokio::test]
async fn in_its_own_namespace_alone_it_needs_no_cluster_role_and_looks_nowhere_else() {
    let controller = narrow("own-only", &[], &["--all-namespaces=false"]).await;
    let elsewhere = in_namespace(&controller, "own-only-not").await;
    elsewhere.create(&elsewhere.object("db", &[("foo", "bar")])).await;
    opens(&place_of(&controller).await, "db").await;
    stayed_in(&controller, &["own-only"]).await;
    assert!(elsewhere.secrets().get_opt("db").await.unwrap().is_none());
    let untouched = elsewhere.objects().get("db").await.unwrap();
    assert!(untouched.status.is_none());
}

#[tokio::test]
async fn in_several_namespaces_it_needs_no_cluster_role_and_healing_works_in_each() {
    for namespace in ["several-b", "several-c"] {
        plane().await.namespace(namespace).await.unwrap();
    }
    let settings = ["additionalNamespaces={several-b,several-c}"];
    let flags = ["--additional-namespaces=several-b,several-c"];
    let controller = narrow("several", &settings, &flags).await;
    for namespace in ["several", "several-b", "several-c"] {
        let place = in_namespace(&controller, namespace).await;
        opens(&place, "db").await;
        let uid = place.secret("db").await.metadata.uid;
        place.delete_secret("db").await;
        place.secret_that("db", |secret| secret.metadata.uid != uid).await;
    }
    stayed_in(&controller, &["several", "several-b", "several-c"]).await;
}

#[tokio::test]
async fn a_namespace_that_appears_later_is_served_from_then_on() {
    let flags = ["--additional-namespaces=later-b"];
    let controller = narrow("later", &[], &flags).await;
    let place = in_namespace(&controller, "later-b").await;
    // Until its role stands, everything there is refused; the own namespace is served all the while.
    let own = place_of(&controller).await;
    opens(&own, "own").await;
    super::reencrypting::use_all(&own).await;
    let settings = [
        "fullnameOverride=later",
        "serviceAccount.name=seal",
        "rbac.namespacedRoles=true",
        "additionalNamespaces={later-b}",
    ];
    for document in chart("later", &settings).unwrap().split("\n---\n") {
        if document.contains("namespace: later-b") && document.contains("rbac.authorization") {
            plane().await.apply(document).await.unwrap();
        }
    }
    opens(&place, "db").await;
    super::reencrypting::use_all(&place).await;
}

#[tokio::test]
async fn a_label_selector_leaves_the_others_alone_and_holds_for_the_object_not_for_its_secret() {
    let flags = [
        "--all-namespaces=false",
        "--label-selector=tier in (gold, silver),!paused",
    ];
    let controller = narrow("selected", &[], &flags).await;
    let place = place_of(&controller).await;
    let labelled = |name: &str, labels: &[(&str, &str)]| {
        let mut object = place.object(name, &[("foo", "bar")]);
        let all = labels.iter().chain(&[(APART, "")]);
        object.metadata.labels = Some(
            all.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
        );
        object
    };
    place.create(&labelled("unlabelled", &[])).await;
    place.create(&labelled("bronze", &[("tier", "bronze")])).await;
    place
        .create(&labelled("paused", &[("tier", "gold"), ("paused", "")]))
        .await;
    place.create(&labelled("gold", &[("tier", "gold")])).await;
    place.synced("gold").await;
    // The Secret lacks the label, and is made again all the same.
    let first = place.secret("gold").await;
    assert!(first.metadata.labels.is_none());
    place.delete_secret("gold").await;
    place
        .secret_that("gold", |secret| secret.metadata.uid != first.metadata.uid)
        .await;
    for name in ["unlabelled", "bronze", "paused"] {
        assert!(place.secrets().get_opt(name).await.unwrap().is_none(), "{name}");
        assert!(
            place.objects().get(name).await.unwrap().status.is_none(),
            "{name}"
        );
    }
    // An object that comes to match is served; one that no longer matches keeps what it has.
    place
        .patch_object("paused", json!({"metadata": {"labels": {"paused": null}}}))
        .await;
    place.secret("paused").await;
    place
        .patch_object("gold", json!({"metadata": {"labels": {"tier": null}}}))
        .await;
    place
        .patch_object("bronze", json!({"metadata": {"labels": {"tier": "silver"}}}))
        .await;
    place.synced("bronze").await;
    assert!(place.secrets().get_opt("gold").await.unwrap().is_some());
    stayed_in(&controller, &["selected"]).await;
}

#[tokio::test]
async fn flags_without_effect_are_told_and_the_controller_goes_on() {
    let flags = [
        "--all-namespaces=false",
        "--old-gc-behavior",
        "--max-unseal-retries=0",
        "--kubeclient-qps=-1",
        "--kubeclient-burst=100",
        "--read-timeout=1s",
        "--write-timeout=1s",
        "--watch-for-secrets=false",
    ];
    let controller = narrow("effectless", &[], &flags).await;
    let told = wait_for("word of the flags", SOON, async || {
        let log = controller.process.log();
        let all = flags[1..].iter().all(|flag| {
            let flag = flag.split('=').next().unwrap_or(flag);
            log.contains(&format!("{flag} has no effect: "))
        });
        Ok(all.then_some(()))
    });
    told.await.unwrap();
    opens(&place_of(&controller).await, "db").await;
}
