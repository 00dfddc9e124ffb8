//! Real releases on a real API server: every set of values that people choose is taken by it, and a release's
//! end leaves what users own.

use serde_json::json;

use super::ground::{Shell, object, objects, ours, plane, root};

/// Sets of values, each with something that Kubernetes judges.
const MATRIX: &[(&str, &[&str])] = &[
    ("default", &[]),
    (
        "single",
        &[
            "replicas=1",
            "leaderElection.enabled=false",
            "pdb.create=false",
            "serviceAccount.create=false",
        ],
    ),
    (
        "narrow",
        &[
            "rbac.namespacedRoles=true",
            "additionalNamespaces={narrow-b}",
            "httpApi=cert-only",
        ],
    ),
    (
        "exposed",
        &[
            "service.type=NodePort",
            "service.nodePort=30123",
            "ingress.enabled=true",
            "ingress.tls=true",
            "ingress.selfSigned=true",
            "ingress.extraHosts[0].name=other.local",
            "networkPolicy.enabled=true",
            "networkPolicy.egress.enabled=true",
            "networkPolicy.egress.kubeapiCidr=10.0.0.1/32",
            "networkPolicy.egress.kubeapiPort=6443",
            "rbac.serviceProxier.bind=true",
        ],
    ),
    (
        "tuned",
        &[
            "startupProbe.enabled=true",
            "hostUsers=false",
            "priorityClassName=system-cluster-critical",
            "pdb.minAvailable=50%",
            "updateStrategy.type=RollingUpdate",
            "updateStrategy.rollingUpdate.maxSurge=2",
            "topologySpreadConstraints[0].maxSkew=1",
            "topologySpreadConstraints[0].topologyKey=topology.kubernetes.io/zone",
            "topologySpreadConstraints[0].whenUnsatisfiable=DoNotSchedule",
            "tolerations[0].operator=Exists",
            "additionalVolumes[0].name=a",
            "additionalVolumes[0].emptyDir.medium=Memory",
            "additionalVolumeMounts[0].name=a",
            "additionalVolumeMounts[0].mountPath=/a",
            "backupRecipients={age1a,age1b}",
            "requireExistingKey=true",
            "privateKeyLabels.a=b",
            r#"commonLabels={"team": "of-{{ .Release.Name }}"}"#,
            r#"extraDeploy=[{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "extra",
                "labels": {"app.kubernetes.io/instance": "{{ .Release.Name }}"}}}]"#,
            "metrics.dashboards.create=true",
        ],
    ),
];

#[tokio::test]
async fn each_set_of_values_installs_upgrades_and_goes_without_a_trace() {
    let shell = Shell::on(plane().await).await;
    let chart = ours();
    let chart = chart.to_str().unwrap();
    for namespace in ["narrow-b", "matrix"] {
        shell.plane.namespace(namespace).await.unwrap();
    }
    for (name, settings) in MATRIX {
        let release = |verb: &'static str| {
            let mut arguments = vec![verb, name, chart, "--namespace", "matrix"];
            for setting in *settings {
                arguments.extend([
                    if setting.contains('"') {
                        "--set-json"
                    } else {
                        "--set"
                    },
                    setting,
                ]);
            }
            let output = shell.helm(&arguments).success();
            output
                .unwrap_or_else(|error| panic!("{verb} {name}: {error}"))
                .out()
        };
        assert!(release("install").contains("STATUS: deployed"), "{name}");
        assert!(release("upgrade").contains("REVISION: 2"), "{name}");
        shell
            .helm(&["uninstall", name, "--namespace", "matrix"])
            .success()
            .unwrap();
        let kinds = "deployments,services,serviceaccounts,roles,rolebindings,configmaps,ingresses,\
                     networkpolicies,poddisruptionbudgets,secrets,clusterroles,clusterrolebindings";
        let selector = format!("app.kubernetes.io/instance={name}");
        let left = shell.read(&["--all-namespaces", "--selector", &selector, kinds]);
        assert_eq!(left["items"], json!([]), "{name}");
    }
}

#[tokio::test]
async fn the_crds_outlive_the_release_and_belong_to_no_other() {
    let shell = Shell::on(plane().await).await;
    let chart = ours();
    let chart = chart.to_str().unwrap();
    shell.plane.namespace("crds").await.unwrap();
    shell
        .helm(&[
            "install",
            "seal",
            chart,
            "--namespace",
            "crds",
            "--set",
            "rbac.create=false",
        ])
        .success()
        .unwrap();
    shell.kubectl_reading(&["apply", "--namespace", "crds", "--filename", "-"], SEALED);
    shell
        .helm(&["uninstall", "seal", "--namespace", "crds"])
        .success()
        .unwrap();
    let carried = shell.helm(&["show", "crds", chart]).success().unwrap().out();
    for crd in objects(&carried) {
        let name = crd["metadata"]["name"].as_str().unwrap();
        let standing = shell.read(&["crd", name]);
        for mark in ["labels", "annotations"] {
            assert!(!standing["metadata"][mark].to_string().contains("helm"), "{name}");
        }
    }
    assert_eq!(
        shell.read(&["sealedsecret", "db", "--namespace", "crds"])["spec"]["encryptedData"]["a"],
        "AAAA"
    );
    // The next release takes them as they stand.
    shell
        .helm(&[
            "install",
            "again",
            chart,
            "--namespace",
            "crds",
            "--set",
            "rbac.create=false",
        ])
        .success()
        .unwrap();
}

#[tokio::test]
async fn the_plain_manifests_apply_as_they_are() {
    let plane = plane().await;
    for file in ["controller.yaml", "controller-norbac.yaml"] {
        let text = std::fs::read_to_string(root().join("deploy/manifests").join(file)).unwrap();
        assert!(!text.contains("Helm") && !text.contains("helm.sh"), "{file}");
        let all = objects(&text);
        assert!(object(&all, "Deployment", "sealed-secrets-controller").is_some());
        assert_eq!(
            all.iter().any(|object| object["kind"] == "ClusterRole"),
            file == "controller.yaml"
        );
        plane.apply(&text).await.unwrap();
    }
}

#[tokio::test]
async fn the_chart_passes_helms_lint() {
    let shell = Shell::on(plane().await).await;
    let lint = shell.helm(&["lint", "--strict", ours().to_str().unwrap()]);
    assert!(lint.success().unwrap().out().contains("0 chart(s) failed"));
}

/// Owned by a user.
pub(crate) const SEALED: &str = "\
apiVersion: bitnami.com/v1alpha1
kind: SealedSecret
metadata:
  name: db
spec:
  encryptedData:
    a: AAAA
  template:
    data:
      a: null
      b: text
";
