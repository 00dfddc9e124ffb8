//! An installation looked over: healthy, with the usual things wrong, and with few permissions.

use kube::core::{ApiResource, GroupVersionKind};
use seal_testbed::ADMIN;
use serde_json::json;

use super::ground::{DEVELOPER, Ground, HOME, READER, SERVICE, ground, sealed_to};

/// What the chart would have put there, and no kubelet runs: a Deployment whose Pod is ready.
async fn deployed(ground: &Ground) {
    ground
        .apply(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": SERVICE, "namespace": HOME},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}},
                "spec": {"serviceAccountName": SERVICE, "containers": [{"name": "controller", "image": "seal:0.1"}]}}}}))
        .await;
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", "Deployment"));
    ground
        .patch_status(&kind, SERVICE, json!({"replicas": 1, "readyReplicas": 1}))
        .await;
}

async fn backed_up(ground: &Ground, keys: &str) {
    ground
        .apply(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "seal-key-backup", "namespace": HOME,
            "annotations": {"sealops.dev/keys": keys}}}))
        .await;
}

// One test, since what is wrong is wrong for the whole installation.
#[tokio::test(flavor = "multi_thread")]
async fn an_installation_is_healthy_until_something_is_wrong() {
    let ground = ground().await;
    let served = ground.certificate.fingerprint().to_string();
    deployed(ground).await;
    backed_up(ground, &served).await;
    let about_the_installation = |report: &super::ground::Report| -> Vec<String> {
        // The other tests' objects fail on purpose.
        let theirs = |finding: &String| finding.contains("\"section\":\"SealedSecrets\"");
        report
            .findings()
            .into_iter()
            .filter(|finding| !theirs(finding))
            .collect()
    };
    let (_, report) = ground.asked(ADMIN, "doctor -n prod").await;
    assert_eq!(about_the_installation(&report), Vec::<String>::new());
    for (section, about) in [
        ("Running", "API server"),
        ("Running", "controller"),
        ("Running", "replicas"),
        ("Running", "lease"),
        ("Running", "names"),
        ("Permissions", "you, to ask"),
        ("Permissions", "you, at work"),
        ("Permissions", "controller"),
        ("Permissions", "controller, keys"),
        ("Permissions", "controller, at home"),
        ("CRD", "CRD"),
        ("Sealing keys", "keys"),
        ("Sealing keys", "primary"),
        ("Sealing keys", "backup"),
        ("Certificates", "certificate"),
    ] {
        assert_eq!(report.check(section, about).0, "ok", "{about}");
    }

    backed_up(ground, "SHA256:another").await;
    let (code, report) = ground.asked(ADMIN, "doctor -n prod").await;
    assert_eq!(
        (code, report.check("Sealing keys", "backup").1.as_str()),
        (1, "backup-stale")
    );
    backed_up(ground, &served).await;

    ground
        .apply(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "broken-key", "namespace": HOME,
            "labels": {"sealedsecrets.bitnami.com/sealed-secrets-key": "active"}}, "stringData": {"tls.key": "x"}}))
        .await;
    let folder = tempfile::tempdir().unwrap();
    let foreign = folder.path().join("foreign.pem");
    let key = seal_core::PrivateKey::generate(seal_core::KeySize::Bits2048).unwrap();
    let contents = seal_core::SelfSigned {
        common_name: "",
        not_before: jiff::Timestamp::now(),
        lifetime: std::time::Duration::from_secs(86_400),
    };
    let other = seal_core::Certificate::self_signed(&key, &contents, &mut seal_core::SystemRandom).unwrap();
    std::fs::write(&foreign, other.pem()).unwrap();
    ground.create(&sealed_to(&other, "counted"), "False").await;
    let line = format!("doctor -n prod --cert {}", foreign.display());
    let (code, report) = ground.asked(ADMIN, &line).await;
    assert_eq!(code, 1);
    let (state, fault, _) = report.check("Sealing keys", "broken-key");
    assert_eq!((state.as_str(), fault.as_str()), ("warning", "unusable-key"));
    assert_eq!(
        report.check("Certificates", &foreign.display().to_string()).1,
        "certificate-foreign"
    );
    let (state, _, what) = report.check("SealedSecrets", "SealedForAnother");
    assert_eq!(state, "failed");
    assert!(
        what.contains("seal explain ss/") && what.contains("-n prod"),
        "{what}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn few_permissions_are_named_and_nothing_is_claimed() {
    let ground = ground().await;
    let (_, report) = ground.asked(DEVELOPER, "doctor -n prod").await;
    assert_eq!(report.check("Running", "controller").0, "ok");
    let (state, _, what) = report.check("Sealing keys", "keys");
    assert_eq!(state, "unknown");
    assert!(what.contains("list secrets in namespace kube-system"), "{what}");
    let (state, fault, what) = report.check("Permissions", "you, at work");
    assert_eq!((state.as_str(), fault.as_str()), ("warning", "forbidden"));
    assert!(what.contains("create sealedsecrets.bitnami.com"), "{what}");
    assert_eq!(report.check("Permissions", "you, to ask").0, "ok");

    let (_, report) = ground.asked(READER, "doctor -n prod").await;
    for (section, about) in [
        ("Running", "controller"),
        ("CRD", "CRD"),
        ("Certificates", "certificate"),
    ] {
        let (state, fault, _) = report.check(section, about);
        assert_eq!(
            (state.as_str(), fault.as_str()),
            ("unknown", "forbidden"),
            "{about}"
        );
    }
    assert!(
        report
            .check("SealedSecrets", "objects")
            .2
            .contains("in namespace prod")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_under_another_name_is_found_and_named() {
    let ground = ground().await;
    ground.plane.namespace("elsewhere").await.unwrap();
    ground
        .apply(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "seal", "namespace": "elsewhere",
            "labels": {"app.kubernetes.io/name": "seal"}}, "spec": {"ports": [{"name": "http", "port": 80}]}}))
        .await;
    let (code, report) = ground
        .asked(
            ADMIN,
            "doctor -n prod --controller-namespace elsewhere --controller-name nope",
        )
        .await;
    assert_eq!(code, 1);
    let (state, fault, what) = report.check("Running", "names");
    assert_eq!((state.as_str(), fault.as_str()), ("failed", "another-name"));
    assert!(what.contains("elsewhere/seal"), "{what}");
    let (_, report) = ground
        .asked(
            ADMIN,
            "doctor -n prod --controller-namespace elsewhere --controller-name seal",
        )
        .await;
    assert_eq!(report.check("Running", "names").1, "two-controllers");
    let (_, fault, what) = report.check("Running", "controller");
    assert_eq!(fault, "no-endpoint", "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_api_server_it_ends_with_the_clusters_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config");
    std::fs::write(
        &config,
        "apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {}}]\ncurrent-context: c\n",
    )
    .unwrap();
    let ground = ground().await;
    for line in ["doctor", "explain ss/db -n prod"] {
        let output = ground
            .seal(ADMIN, &format!("{line} --kubeconfig {}", config.display()))
            .await;
        assert_eq!((output.code, output.out().as_str()), (7, ""), "{}", output.err());
        assert!(
            output.err().contains("no answer from the API server"),
            "{}",
            output.err()
        );
    }
}
