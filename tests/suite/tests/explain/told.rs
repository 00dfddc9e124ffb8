//! What the chart tells a controller by flags and variables, and what `seal doctor` makes of it: the Lease
//! that it looks for, the permissions that it asks about.

use seal_testbed::{ADMIN, wait_for};
use serde_json::json;

use super::ground::{Ground, Report, SOON, ground};

async fn looked_over(ground: &Ground, namespace: &str) -> Report {
    let line = format!("doctor -n prod --controller-namespace {namespace} --controller-name {namespace}");
    ground.asked(ADMIN, &line).await.1
}

/// A Lease that its holder gave up without a word.
async fn abandoned(ground: &Ground, namespace: &str, name: &str) {
    ground
        .apply(json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name, "namespace": namespace},
            "spec": {"holderIdentity": "gone", "leaseDurationSeconds": 15, "renewTime": "2024-01-01T00:00:00.000000Z"}}))
        .await;
}

// What the chart renders is what the controller runs with: both must mean the same Lease.
#[tokio::test(flavor = "multi_thread")]
async fn the_lease_that_is_judged_is_the_one_that_the_controller_was_told() {
    let ground = ground().await;
    let namespace = "doctor-lease";
    let arguments = ground
        .install(
            namespace,
            &[
                "leaderElection.resourceName=of-another-name",
                "rbac.namespacedRoles=true",
                "containerPorts.http=8090",
                "containerPorts.metrics=8091",
                "extraArgs[0]=--key-size=2048",
            ],
        )
        .await;
    abandoned(ground, namespace, "seal-controller").await;
    let (state, code, _) = looked_over(ground, namespace).await.check("Running", "lease");
    assert_eq!((state.as_str(), code.as_str()), ("warning", "lease-missing"));
    let controller = ground.run(namespace, &arguments).await;
    let judged = wait_for("the controller to lead", SOON, async || {
        let report = looked_over(ground, namespace).await;
        Ok((report.check("Running", "lease").0 == "ok").then_some(report))
    });
    let report = judged
        .await
        .unwrap_or_else(|error| panic!("{error}: {}", controller.log()));
    let (_, _, what) = report.check("Running", "lease");
    assert!(what.contains(&format!("{namespace}_")), "{what}");
    let (state, _, what) = report.check("Permissions", "controller, at home");
    assert_eq!(state, "ok", "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_election_no_lease_is_expected_and_no_right_to_one() {
    let ground = ground().await;
    for (namespace, settings) in [
        (
            "doctor-alone",
            &["leaderElection.enabled=false", "replicas=1"][..],
        ),
        (
            "doctor-alone-by-variable",
            &[
                "replicas=1",
                "extraEnv[0].name=SEALED_SECRETS_LEADER_ELECT",
                "extraEnv[0].value=F",
            ],
        ),
    ] {
        ground.install(namespace, settings).await;
        abandoned(ground, namespace, "seal-controller").await;
        let report = looked_over(ground, namespace).await;
        let (state, _, what) = report.check("Running", "lease");
        assert_eq!(state, "ok", "{what}");
        assert!(what.contains("--leader-elect=false"), "{what}");
        let (state, _, what) = report.check("Permissions", "controller, at home");
        assert_eq!(state, "ok", "{what}");
    }
    // What one cannot read may say anything.
    let namespace = "doctor-unclear";
    let source = "extraEnv[0].valueFrom.configMapKeyRef";
    let (map, entry) = (format!("{source}.name=any"), format!("{source}.key=any"));
    let name = "extraEnv[0].name=SEALED_SECRETS_LEADER_ELECT_RESOURCE_NAME";
    ground.install(namespace, &[name, &map, &entry]).await;
    abandoned(ground, namespace, "seal-controller").await;
    let (state, _, what) = looked_over(ground, namespace).await.check("Running", "lease");
    assert_eq!(state, "unknown", "{what}");
    assert!(what.contains("--leader-elect-resource-name"), "{what}");
}
