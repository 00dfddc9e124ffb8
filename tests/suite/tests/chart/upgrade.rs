//! From upstream's release to ours in place, and back: the real chart of upstream on a plane of its own, as
//! Helm 3 left it (applied by the client) and as Helm 4 does (applied by the server).

use std::fs;

use seal_testbed::{ControlPlane, Program, sealed_secrets_chart};
use serde_json::{Value, json};

use super::ground::{Shell, object, objects, ours, plane, rendered_as};
use super::releases::SEALED;

const NAMESPACE: &str = "kube-system";
const RELEASE: &str = "sealed-secrets";
/// What upstream's controller made: it is nobody's release.
const KEY: &str = "\
apiVersion: v1
kind: Secret
metadata:
  name: sealed-secrets-keyabcde
  labels:
    sealedsecrets.bitnami.com/sealed-secrets-key: active
type: Opaque
stringData:
  tls.key: kept
";
/// What keeps its identity, so that addresses, tokens and pods' owners go on.
const SAME: [&str; 4] = [
    "deployment/sealed-secrets",
    "service/sealed-secrets",
    "service/sealed-secrets-metrics",
    "serviceaccount/sealed-secrets",
];

fn home(shell: &Shell<'_>, name: &str) -> Value {
    shell.read(&[name, "--namespace", NAMESPACE])
}

fn helm(shell: &Shell<'_>, arguments: &[&str]) -> String {
    let whole: Vec<&str> = arguments
        .iter()
        .copied()
        .chain(["--namespace", NAMESPACE])
        .collect();
    let output = shell.helm(&whole).success();
    output
        .unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
        .out()
}

/// Names of all roles and bindings of the release.
fn rights(shell: &Shell<'_>) -> Vec<String> {
    let kinds = "clusterroles,clusterrolebindings,roles,rolebindings";
    let selector = format!("app.kubernetes.io/instance={RELEASE}");
    let all = shell.read(&["--all-namespaces", "--selector", &selector, kinds]);
    let name = |object: &Value| {
        let text = |part: &Value| part.as_str().unwrap().to_owned();
        format!("{} {}", text(&object["kind"]), text(&object["metadata"]["name"]))
    };
    let mut names: Vec<String> = all["items"].as_array().unwrap().iter().map(name).collect();
    names.sort();
    names
}

#[tokio::test]
async fn upstreams_release_becomes_ours_in_place_and_goes_back() {
    let plane = ControlPlane::start().await.unwrap();
    let shell = Shell::on(&plane).await;
    let (upstreams, ours) = (sealed_secrets_chart().unwrap(), ours());
    let (upstreams, ours) = (upstreams.to_str().unwrap(), ours.to_str().unwrap());
    for server_side in ["--server-side=false", "--server-side=true"] {
        // A user's setting, which lives in the release.
        helm(
            &shell,
            &[
                "install",
                RELEASE,
                upstreams,
                server_side,
                "--set",
                "keyrenewperiod=48h",
            ],
        );
        shell.kubectl_reading(&["apply", "--namespace", NAMESPACE, "--filename", "-"], KEY);
        shell.kubectl_reading(&["apply", "--filename", "-"], SEALED);
        let crd = shell.read(&["crd", "sealedsecrets.bitnami.com"]);
        let owned = [
            home(&shell, "secret/sealed-secrets-keyabcde"),
            shell.read(&["sealedsecret/db"]),
        ];
        let before = SAME.map(|name| home(&shell, name)["metadata"]["uid"].clone());
        let upstreams_rights = rights(&shell);

        expect_refusals(&shell, ours);
        let name = "nameOverride=sealed-secrets";
        helm(
            &shell,
            &[
                "upgrade",
                RELEASE,
                ours,
                "--reset-then-reuse-values",
                "--set",
                name,
            ],
        );
        let after = SAME.map(|name| home(&shell, name)["metadata"]["uid"].clone());
        assert_eq!(before, after, "{server_side}");
        expect_as_freshly_installed(&shell, &[name, "keyrenewperiod=48h"]);
        let now = rights(&shell);
        assert!(now.iter().all(|name| name.contains(RELEASE)), "{now:?}");
        assert!(
            !now.contains(&"RoleBinding sealed-secrets-service-proxier".to_owned()),
            "{now:?}"
        );
        assert_eq!(
            crd,
            shell.read(&["crd", "sealedsecrets.bitnami.com"]),
            "Helm upgrades no CRD"
        );
        let still = [
            home(&shell, "secret/sealed-secrets-keyabcde"),
            shell.read(&["sealedsecret/db"]),
        ];
        assert_eq!(owned, still);

        helm(&shell, &["rollback", RELEASE, "1"]);
        assert_eq!(rights(&shell), upstreams_rights);
        let back = home(&shell, SAME[0]);
        assert_eq!(
            back["spec"]["template"]["spec"]["containers"][0]["command"],
            json!(["controller"])
        );
        assert_eq!(before[0], back["metadata"]["uid"]);
        helm(&shell, &["uninstall", RELEASE]);
    }
    upgrade_the_crds(&shell, ours);
}

#[tokio::test]
async fn a_release_that_owns_the_crd_does_not_take_it_along() {
    let plane = ControlPlane::start().await.unwrap();
    let shell = Shell::on(&plane).await;
    // As upstream's charts before 2.0 were.
    let folder = tempfile::tempdir().unwrap();
    let older = folder.path().join("older");
    let copied = Program::new("cp")
        .arg("-r")
        .arg(sealed_secrets_chart().unwrap())
        .arg(&older);
    copied.run().unwrap().success().unwrap();
    // A module's files are read-only.
    Program::new("chmod")
        .args(["-R", "u+w"])
        .arg(&older)
        .run()
        .unwrap()
        .success()
        .unwrap();
    let crd = "bitnami.com_sealedsecrets.yaml";
    fs::rename(older.join("crds").join(crd), older.join("templates").join(crd)).unwrap();
    let (older, ours) = (older.to_str().unwrap(), ours());
    let ours = ours.to_str().unwrap();
    helm(&shell, &["install", RELEASE, older]);
    shell.kubectl_reading(&["apply", "--filename", "-"], SEALED);
    let uid = || shell.read(&["sealedsecret/db"])["metadata"]["uid"].clone();
    let before = uid();

    let upgrade = [
        "upgrade",
        RELEASE,
        ours,
        "--reset-then-reuse-values",
        "--set",
        "nameOverride=sealed-secrets",
    ];
    let refused = shell.helm(&[&upgrade[..], &["--namespace", NAMESPACE]].concat());
    let words = refused.err();
    let (_, remedy) = words.split_once("all its objects: kubectl ").unwrap();
    let remedy: Vec<&str> = remedy.lines().next().unwrap().split(' ').collect();
    shell.kubectl(&remedy);
    helm(&shell, &upgrade);
    assert_eq!(uid(), before);
}

/// What would break on the way is found out before the first step.
fn expect_refusals(shell: &Shell<'_>, ours: &str) {
    let service = home(shell, SAME[1]);
    let upgrade = ["upgrade", RELEASE, ours, "--namespace", NAMESPACE];
    for (arguments, words) in [
        (
            ["--reset-then-reuse-values", "--set", "replicas=2"],
            "--set nameOverride=sealed-secrets",
        ),
        (
            ["--reuse-values", "--set", "nameOverride=sealed-secrets"],
            "--reset-then-reuse-values instead",
        ),
    ] {
        let refused = shell.helm(&[&upgrade[..], &arguments[..]].concat());
        assert_ne!(refused.code, 0);
        assert!(refused.err().contains(words), "{}", refused.err());
    }
    assert_eq!(home(shell, SAME[1]), service);
}

#[tokio::test]
async fn a_deployment_of_another_release_is_told_from_one_that_a_value_makes_ours() {
    let shell = Shell::on(plane().await).await;
    let (chart, namespace) = (ours(), "standing");
    let chart = chart.to_str().unwrap();
    shell.plane.namespace(namespace).await.unwrap();
    let selectors: [(Value, Option<&str>); 3] = [
        // As upstream's chart and its plain manifests leave it, and as ours under another release's name.
        (
            json!({"app.kubernetes.io/name": "sealed-secrets", "app.kubernetes.io/instance": "seal"}),
            Some("--set nameOverride=sealed-secrets, or delete it first"),
        ),
        (json!({"name": "sealed-secrets-controller"}), None),
        (
            json!({"app.kubernetes.io/name": "seal", "app.kubernetes.io/instance": "sealed-secrets"}),
            None,
        ),
    ];
    for (labels, helps) in selectors {
        let name = "sealed-secrets-controller";
        let deployment = json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "selector": {"matchLabels": &labels},
                "template": {
                    "metadata": {"labels": &labels},
                    "spec": {"containers": [{"name": "controller", "image": "nobody.invalid/none"}]},
                },
            },
        });
        shell.kubectl_reading(&["apply", "--filename", "-"], &deployment.to_string());
        let full_name = format!("fullnameOverride={name}");
        let refused = shell.helm(&[
            "install",
            "seal",
            chart,
            "--namespace",
            namespace,
            "--set",
            &full_name,
        ]);
        assert_ne!(refused.code, 0);
        let said = refused.err();
        match helps {
            Some(helps) => assert!(said.contains(helps), "{said}"),
            None => assert!(
                said.contains("is not of the release seal") && !said.contains("nameOverride="),
                "{said}"
            ),
        }
        let delete = format!("kubectl delete deployment {name} -n {namespace}");
        assert!(said.contains(&delete), "{said}");
        shell.kubectl(&["delete", "deployment", name, "--namespace", namespace]);
    }
}

/// Nothing of upstream's pod is left in ours.
fn expect_as_freshly_installed(shell: &Shell<'_>, settings: &[&str]) {
    let sets = settings.iter().flat_map(|setting| ["--set", setting]);
    let others = ["--set", "fullnameOverride=fresh", "--namespace", NAMESPACE];
    let text = rendered_as(RELEASE, &sets.chain(others).collect::<Vec<&str>>());
    let fresh = objects(&text);
    let fresh = object(&fresh, "Deployment", "fresh").unwrap();
    shell.kubectl_reading(&["apply", "--filename", "-"], &fresh.to_string());
    let (upgraded, fresh) = (home(shell, SAME[0]), home(shell, "deployment/fresh"));
    shell.kubectl(&["delete", "deployment/fresh", "--namespace", NAMESPACE]);
    let plain = |deployment: &Value| {
        deployment["spec"]
            .to_string()
            .replace("\"fresh\"", "\"sealed-secrets\"")
    };
    assert_eq!(plain(&upgraded), plain(&fresh));
}

/// The way that the notes and the README name.
fn upgrade_the_crds(shell: &Shell<'_>, ours: &str) {
    // What upstream's CRD drops and ours keeps.
    let nulls = || {
        let crd = shell.read(&["crd", "sealedsecrets.bitnami.com"]);
        let at = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/template/properties/data\
                  /additionalProperties/nullable";
        crd.pointer(at).is_some_and(|nullable| *nullable == json!(true))
    };
    let object = shell.read(&["sealedsecret/db"]);
    assert!(!nulls());
    let carried = shell.helm(&["show", "crds", ours]).success().unwrap().out();
    let apply = ["apply", "--server-side", "--force-conflicts", "--filename", "-"];
    shell.kubectl_reading(&apply, &carried);
    assert!(nulls());
    assert_eq!(shell.read(&["sealedsecret/db"]), object);
}
