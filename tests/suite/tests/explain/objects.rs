//! One object explained: healthy, somebody else's Secret, a template that fails, a key that is not there,
//! and with few permissions.

use seal_core::{Certificate, KeySize, PrivateKey, SelfSigned, SystemRandom};
use seal_testbed::ADMIN;
use serde_json::json;

use super::ground::{DEVELOPER, READER, ground, sealed_to};

fn stranger() -> Certificate {
    let key = PrivateKey::generate(KeySize::Bits2048).unwrap();
    let contents = SelfSigned {
        common_name: "",
        not_before: jiff::Timestamp::now(),
        lifetime: std::time::Duration::from_secs(86_400),
    };
    Certificate::self_signed(&key, &contents, &mut SystemRandom).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_object_has_no_finding_and_its_key_is_proven() {
    let ground = ground().await;
    ground.create(&ground.object("healthy"), "True").await;
    ground.told("healthy", "Unsealed").await;
    for target in ["ss/healthy", "sealedsecret/healthy", "secret/healthy"] {
        let (code, report) = ground.asked(ADMIN, &format!("explain {target} -n prod")).await;
        assert_eq!((code, report.findings()), (0, vec![]), "{target}");
        let (state, _, what) = report.check("Entries", "password");
        assert_eq!(state, "ok");
        assert!(
            what.contains(&ground.certificate.fingerprint().to_string()),
            "{what}"
        );
        assert_eq!(report.check("Secret", "ownership").0, "ok");
        assert_eq!(report.check("Controller", "controller").0, "ok");
        assert_eq!(report.check("Controller", "certificate").0, "ok");
        assert_eq!(report.check("Events", "Unsealed").0, "note");
    }
    let shown = ground.seal(ADMIN, "explain ss/healthy -n prod").await;
    assert!(
        shown.out().starts_with("SealedSecret prod/healthy\n"),
        "{}",
        shown.out()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_elses_secret_is_named_with_its_owner_and_handed_over_by_the_remedy() {
    let ground = ground().await;
    ground
        .apply(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "taken", "namespace": "prod",
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop", "uid": "u", "controller": true}]},
            "stringData": {"password": super::ground::VALUE}}))
        .await;
    ground.create(&ground.object("taken"), "False").await;
    let (code, report) = ground.asked(ADMIN, "explain ss/taken -n prod").await;
    assert_eq!(code, 1);
    let (state, fault, what) = report.check("Secret", "ownership");
    assert_eq!((state.as_str(), fault.as_str()), ("failed", "not-ours"));
    for part in [
        "controlled by Deployment shop",
        "kubectl annotate secret taken -n prod sealedsecrets.bitnami.com/managed=true",
        "sealedsecrets.bitnami.com/patch=true",
    ] {
        assert!(what.contains(part), "{part}: {what}");
    }
    assert_eq!(report.check("", "Synced").1, "not-ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_error_is_shown_at_its_line_and_column() {
    let ground = ground().await;
    let mut object = ground.object("templated");
    object["spec"]["template"] = json!({"data": {"url": "first\nx: {{ .password | fail }}"}});
    ground.create(&object, "False").await;
    let output = ground.seal(DEVELOPER, "explain ss/templated -n prod").await;
    assert_eq!(output.code, 1, "{}", output.err());
    let text = output.out();
    assert!(text.contains("url, line 2:19"), "{text}");
    assert!(text.contains("| x: {{ .password | fail }}\n"), "{text}");
    assert!(text.contains("[template-failed]"), "{text}");
    // Templates run over what was opened.
    assert!(text.contains("ok       password  opened"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_a_finding_of_the_entry_and_no_key_is_guessed() {
    let ground = ground().await;
    let stranger = stranger();
    ground.create(&sealed_to(&stranger, "foreign"), "False").await;
    let (code, report) = ground.asked(ADMIN, "explain ss/foreign -n prod").await;
    assert_eq!(code, 1);
    let (state, _, what) = report.check("Entries", "password");
    assert_eq!(state, "failed");
    assert!(
        what.contains("which one is unknown") && !what.contains("SHA256:"),
        "{what}"
    );
    assert_eq!(report.check("", "Synced").1, "another-key-or-name");
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_permissions_are_named_and_the_rest_is_shown() {
    let ground = ground().await;
    ground.create(&ground.object("guarded"), "True").await;
    let (code, report) = ground.asked(READER, "explain ss/guarded -n prod").await;
    assert_eq!((code, report.findings()), (0, vec![]));
    assert_eq!(report.check("", "Synced").0, "ok");
    for (section, about, wanted) in [
        ("Secret", "ownership", "get secrets in namespace prod"),
        ("Events", "events", "list events in namespace prod"),
        (
            "Controller",
            "controller",
            "get services in namespace kube-system",
        ),
        (
            "Controller",
            "lease",
            "get leases.coordination.k8s.io in namespace kube-system",
        ),
    ] {
        let (state, code, what) = report.check(section, about);
        assert_eq!(
            (state.as_str(), code.as_str()),
            ("unknown", "forbidden"),
            "{what}"
        );
        assert!(what.contains(wanted), "{what}");
    }
    // The key is not claimed by a record that cannot be proven.
    let what = report.check("Entries", "password").2;
    assert!(
        !what.contains("SHA256:") && what.contains("get secrets in namespace kube-system"),
        "{what}"
    );
    // Not even the object: what is left is shown, and it is no success.
    let output = ground.seal(READER, "explain ss/guarded -n kube-system").await;
    assert_eq!(output.code, 7, "{}", output.err());
    assert!(
        output
            .err()
            .contains("get sealedsecrets.bitnami.com in namespace kube-system")
    );
    assert!(
        output
            .out()
            .contains("Controller: kube-system/sealed-secrets-controller")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_not_there_is_no_finding_but_an_error() {
    let ground = ground().await;
    let output = ground.seal(ADMIN, "explain ss/nowhere -n prod").await;
    assert_eq!((output.code, output.out().as_str()), (3, ""));
    assert!(
        output.err().contains("there is no SealedSecret prod/nowhere"),
        "{}",
        output.err()
    );
}
