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

async fn permissions(ground: &Ground, namespace: &str, about: &str) -> (String, String) {
    let (state, _, what) = looked_over(ground, namespace).await.check("Permissions", about);
    (state, what)
}

// Its own namespace is one of those that it watches, and the user's is not.
#[tokio::test(flavor = "multi_thread")]
async fn with_roles_only_the_controller_is_judged_where_it_watches() {
    let ground = ground().await;
    let (namespace, one, other) = ("doctor-roles", "doctor-roles-a", "doctor-roles-b");
    for namespace in [one, other] {
        ground.plane.namespace(namespace).await.unwrap();
    }
    let watched = format!("additionalNamespaces={{{one},{other}}}");
    let settings = ["rbac.namespacedRoles=true", watched.as_str()];
    ground.install(namespace, &settings).await;
    let (state, what) = permissions(ground, namespace, "controller").await;
    assert_eq!(state, "ok", "{what}");
    assert!(
        what.contains(&format!("in namespaces {namespace}, {one}, {other}")),
        "{what}"
    );
    let report = looked_over(ground, namespace).await.0.to_string();
    assert!(report.contains("nothing in namespace prod is opened"), "{report}");

    for elsewhere in [one, other] {
        let role = (elsewhere, "doctor-roles-unsealer");
        ground
            .narrow(role, "secrets", &["get", "list", "watch", "create"])
            .await;
    }
    let (state, what) = permissions(ground, namespace, "controller").await;
    assert_eq!(state, "failed", "{what}");
    let refused = format!("may not update secrets in namespaces {one}, {other}\n");
    assert!(what.starts_with(&refused), "{what}");
    let (state, what) = permissions(ground, namespace, "controller, keys").await;
    assert_eq!(state, "ok", "{what}");

    let role = (namespace, "doctor-roles-unsealer");
    ground.narrow(role, "secrets", &["get", "watch", "create"]).await;
    let (state, what) = permissions(ground, namespace, "controller, keys").await;
    assert_eq!(state, "failed", "{what}");
    let refused = format!("may not list secrets, update secrets in namespace {namespace}\n");
    assert!(what.starts_with(&refused), "{what}");
    let (state, what) = permissions(ground, namespace, "controller").await;
    assert_eq!(state, "failed", "{what}");
    assert!(
        what.contains(&format!(
            "list secrets, update secrets in namespace {namespace}; update secrets in namespaces"
        )),
        "{what}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_that_watches_everything_needs_its_permissions_everywhere() {
    let ground = ground().await;
    let namespace = "doctor-everywhere";
    ground
        .install(
            namespace,
            &["rbac.namespacedRoles=true", "args[0]=--all-namespaces"],
        )
        .await;
    // Those in the user's own namespace are not enough.
    let line =
        format!("doctor -n {namespace} --controller-namespace {namespace} --controller-name {namespace}");
    let (_, report) = ground.asked(ADMIN, &line).await;
    let (state, _, what) = report.check("Permissions", "controller");
    assert_eq!(state, "failed", "{what}");
    assert!(
        what.contains("list sealedsecrets.bitnami.com") && what.contains("in all namespaces"),
        "{what}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_at_home_is_watched_there() {
    let ground = ground().await;
    let namespace = "doctor-home";
    ground.install(namespace, &[]).await;
    let (state, what) = permissions(ground, namespace, "controller, at home").await;
    assert_eq!(state, "ok", "{what}");
    for (role, resource, refused) in [
        ("leader", "leases", "leases.coordination.k8s.io seal-controller"),
        ("keys", "configmaps", "configmaps seal-key-backup"),
        ("keys", "sealingkeyrings", "sealingkeyrings.sealops.dev seal"),
    ] {
        let role = format!("{namespace}-{role}");
        ground
            .narrow((namespace, role.as_str()), resource, &["get", "update"])
            .await;
        let (state, what) = permissions(ground, namespace, "controller, at home").await;
        assert_eq!(state, "warning", "{what}");
        for verb in ["list", "watch"] {
            assert!(what.contains(&format!("{verb} {refused}")), "{what}");
        }
    }
}
