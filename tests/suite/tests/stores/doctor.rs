//! `seal doctor external-secrets` on a cluster with what another installation left, and what Seal does not do.

use seal_testbed::wait_for;
use serde_json::{Value, json};

use super::explained::seal;
use super::ground::{Place, SOON, ground};

async fn apply(object: Value) {
    ground().await.plane.apply(&object.to_string()).await.unwrap();
}

/// PushSecrets, which another controller defined.
async fn push_secrets() {
    let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
    apply(
        json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "pushsecrets.external-secrets.io"},
        "spec": {"group": "external-secrets.io", "scope": "Namespaced",
            "names": {"kind": "PushSecret", "plural": "pushsecrets", "singular": "pushsecret"},
            "versions": [{"name": "v1alpha1", "served": true, "storage": true, "schema": schema}]}}),
    )
    .await;
    let made = wait_for("a PushSecret", SOON, async || {
        let object = json!({"apiVersion": "external-secrets.io/v1alpha1", "kind": "PushSecret",
            "metadata": {"name": "out", "namespace": "doctor"}, "spec": {}});
        ground().await.plane.apply(&object.to_string()).await?;
        Ok(Some(()))
    });
    made.await.unwrap();
}

#[tokio::test]
async fn what_is_used_and_not_supported_and_what_is_left_behind_is_named() {
    let place = Place::new("doctor").await;
    place
        .create(
            "SecretStore",
            "aws",
            json!({"provider": {"aws": {"service": "SecretsManager", "region": "canary"}}}),
        )
        .await;
    push_secrets().await;
    // It judges nothing that any test writes.
    apply(json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "secretstore-validate"}, "webhooks": [{"name": "validate.pushsecret.external-secrets.io",
            "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Fail",
            "clientConfig": {"service": {"namespace": "external-secrets", "name": "external-secrets-webhook"}},
            "namespaceSelector": {"matchLabels": {"never": "there"}},
            "rules": [{"apiGroups": ["external-secrets.io"], "apiVersions": ["v1alpha1"], "operations": ["CREATE"], "resources": ["pushsecrets"]}]}]}))
    .await;
    apply(
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "doctor-held",
        "finalizers": ["externalsecrets.external-secrets.io/ces-all"]}}),
    )
    .await;
    let labels = json!({"app.kubernetes.io/name": "external-secrets"});
    apply(json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "external-secrets", "namespace": "doctor", "labels": labels},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels},
            "spec": {"containers": [{"name": "external-secrets", "image": "eso:1", "args": ["--concurrent=1"]}]}}}}))
    .await;

    let (code, checks) = seal(&["doctor", "external-secrets"], "seal-controller").await;
    assert_eq!(code, 1);
    for (section, about, state, code) in [
        ("CRDs", "externalsecrets", "ok", ""),
        ("CRDs", "secretstores", "ok", ""),
        ("Objects", "provider aws", "warning", "unsupported-provider"),
        ("Objects", "PushSecret", "warning", "unsupported-kind"),
        (
            "Webhooks",
            "validate.pushsecret.external-secrets.io",
            "failed",
            "webhook-without-service",
        ),
        ("Controllers", "Seal", "ok", ""),
        ("Controllers", "upstream", "failed", "two-controllers"),
        ("Namespaces", "doctor-held", "warning", "namespace-finalizer"),
        ("Permissions", "controller", "ok", ""),
    ] {
        let [told, why, what] = checks.of(section, about);
        assert_eq!((told, why), (state, code), "{section} {about}: {what}");
        assert!(!what.contains("canary"), "{what}");
    }
    assert!(checks.of("CRDs", "externalsecrets")[2].starts_with("Seal's, serves v1"));
    assert!(checks.of("Objects", "PushSecret")[2].contains("doctor/out"));
    let [state, code, what] = seal(&["doctor", "external-secrets"], "poor")
        .await
        .1
        .of("Permissions", "controller")
        .map(str::to_owned);
    assert_eq!((state.as_str(), code.as_str()), ("failed", "forbidden"));
    for right in [
        "list externalsecrets.external-secrets.io",
        "create serviceaccounts/token",
        "delete secrets",
    ] {
        assert!(what.contains(right), "{right}: {what}");
    }
}
