//! A running installation of upstream's with everything that people do to it, replaced by ours while it stands, and
//! back, and ours again: no Secret is written, no uid and no version moves, every status is right.

use seal_testbed::AuditLog;
use serde_json::{Value, json};

use super::cases::{Case, good, others};
use super::ground::{Cluster, Definitions};

fn in_upstreams_words(case: &Case, message: &str) -> bool {
    message == case.told.2
}

/// Upstream's words, and the cause behind them where it failed.
fn in_our_words(case: &Case, message: &str) -> bool {
    match case.told.0 {
        "False" => message.starts_with(&format!("{}: ", case.told.2)),
        _ => message == case.told.2,
    }
}

fn no_secret_was_written(calls: &AuditLog) {
    let writes = calls.clone().resource("secrets").writes();
    assert!(writes.is_empty(), "{writes}");
}

// Upstream copies them to Secrets; what we make of the object has none of them, and yet they are no reason to write.
fn bookkeeping() -> Value {
    json!({"note": "hello world", "argocd.argoproj.io/tracking-id": "prod:x"})
}

async fn changes_hands(definitions: Definitions) {
    let cluster = Cluster::start(definitions).await.unwrap();
    let (upstream, _) = cluster.upstream().await;
    let (good, others) = (good(), others());
    for case in good.iter().chain(&others) {
        // The Secret that it wants must be another one's already.
        if case.name == "second" {
            cluster.told("upstream", &[&good[0]], in_upstreams_words).await;
        }
        cluster.create(case, bookkeeping()).await;
    }
    let all: Vec<&Case> = good.iter().chain(&others).collect();
    cluster.told("upstream", &all, in_upstreams_words).await;
    drop(upstream);
    let before = cluster.versions().await;
    assert!(before.len() >= good.len(), "{before:?}");

    let (controller, mark) = cluster.ours().await;
    cluster.looked_at(&controller, &all).await;
    cluster.told("us", &all, in_our_words).await;
    cluster.end(controller).await;
    let calls = cluster.calls_of_ours(mark).await;
    no_secret_was_written(&calls);
    let read = calls.resource("secrets").verb("get");
    assert!(read.len() >= good.len() / 2, "{read}");
    assert_eq!(cluster.versions().await, before);

    // Life goes on under ours: a value changes, and objects come.
    let (controller, mark) = cluster.ours().await;
    cluster.looked_at(&controller, &all).await;
    cluster.change("one", &json!({"k": "other"})).await;
    let patch = json!({"metadata": {"labels": {"app": "y"}}});
    for name in ["merged-values", "merged-json"] {
        let patch = kube::api::Patch::Merge(&patch);
        let params = kube::api::PatchParams::default();
        cluster.objects().patch(name, &params, &patch).await.unwrap();
    }
    let late: Vec<Case> = good.iter().filter_map(later).collect();
    for case in &late {
        cluster.create(case, json!({"note": "late"})).await;
    }
    let all: Vec<&Case> = all.into_iter().chain(&late).collect();
    cluster.told("us", &all, in_our_words).await;
    let changed = seal_testbed::wait_for("the change", std::time::Duration::from_secs(300), async || {
        let secret = cluster.secrets().get("merged-values").await?;
        let value = secret.data.unwrap_or_default().remove("k");
        let labels = secret.metadata.labels.unwrap_or_default();
        Ok((value.is_some_and(|value| value.0 == b"other") && labels["app"] == "y").then_some(()))
    });
    changed.await.unwrap();
    cluster.end(controller).await;
    let writes = cluster.calls_of_ours(mark).await.resource("secrets").writes();
    let of_late = |name: &str| late.iter().any(|case| case.name == name);
    let of_standing = writes.only(|call| !of_late(&call.name) && call.verb != "create");
    assert_eq!(of_standing.len(), 2, "{of_standing}");
    let before = cluster.versions().await;

    let (upstream, mark) = cluster.upstream().await;
    let settled: Vec<&Case> = good.iter().chain(&late).collect();
    cluster.read_by_upstream(mark, &settled).await;
    cluster.told("upstream", &all, in_upstreams_words).await;
    drop(upstream);
    no_secret_was_written(&cluster.calls_of_upstream(mark).await);
    assert_eq!(cluster.versions().await, before);

    let (controller, mark) = cluster.ours().await;
    cluster.looked_at(&controller, &all).await;
    cluster.told("us", &all, in_our_words).await;
    cluster.end(controller).await;
    no_secret_was_written(&cluster.calls_of_ours(mark).await);
    assert_eq!(cluster.versions().await, before);
}

// The same under another name, where no other object is meant.
fn later(case: &Case) -> Option<Case> {
    let wanted = [
        "plain",
        "orphan",
        "extracted",
        "found",
        "rewritten",
        "templated",
        "typed",
        "decoded",
    ];
    wanted.contains(&case.name.as_str()).then(|| Case {
        name: format!("{}-late", case.name),
        spec: case.spec.clone(),
        told: case.told,
    })
}

#[tokio::test]
async fn an_installation_changes_hands_and_back_under_upstreams_definitions_and_no_secret_is_written() {
    changes_hands(Definitions::Upstreams).await;
}

#[tokio::test]
async fn an_installation_changes_hands_and_back_under_our_definitions_and_no_secret_is_written() {
    changes_hands(Definitions::Ours).await;
}
