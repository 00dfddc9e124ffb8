//! A key for a word: one, whatever happens meanwhile, and it follows the one before it.

use k8s_openapi::api::core::v1::Secret as CoreSecret;
use kube::Api;
use kube::api::{Patch, PatchParams};
use seal_cluster::installation::{INSTALLATION_SECRET, RENEWED_AT};
use seal_core::Fingerprint;
use seal_core::succession::proves;
use seal_testbed::{Fault, FaultProxy, Gate, Rule, wait_for};
use serde_json::json;

use super::super::ground::{Controller, SOON, admin, met, plane};
use super::{NO_RENEWAL, ask, certificates, history, keys, reason, rings, told};

#[tokio::test]
async fn a_key_is_made_once_for_each_word_and_follows_the_one_before_it() {
    let namespace = "ring-renew";
    let controller = Controller::start(namespace, NO_RENEWAL).await.unwrap();
    let before = controller.certificate().await;
    assert!(history(namespace, 0).await.is_empty());
    ask(namespace, json!({"renew": "one"})).await;
    let status = told(namespace, |status| status.renewed.as_deref() == Some("one")).await;
    let after = controller.certificate().await;
    assert_ne!(after.pem(), before.pem());
    assert_eq!(status.keys.len(), 2);
    let sealing: Vec<&str> = status
        .keys
        .iter()
        .filter(|key| key.primary)
        .map(|key| key.fingerprint.as_str())
        .collect();
    assert_eq!(sealing, [after.fingerprint().to_string()]);
    assert_eq!(reason(&status, "Ready").0, "Ready");
    let chain = history(namespace, 1).await;
    assert!(proves(&chain, &[before.fingerprint()], after.fingerprint()));
    assert!(!proves(&chain, &[after.fingerprint()], before.fingerprint()));
    certificates(namespace, "certificate.pem", |text| text == after.pem()).await;
    let all = format!("{}{}", after.pem(), before.pem());
    let both = certificates(namespace, "certificates.pem", |text| text.len() == all.len()).await;
    assert!(both.contains(before.pem()) && both.contains(after.pem()));

    // The same word again, after a restart and without its status: nothing. Another one: not yet.
    drop(controller);
    let rings = rings(namespace).await;
    let forgotten = Patch::Merge(json!({"status": {"renewed": null}}));
    rings
        .patch_status("seal", &PatchParams::default(), &forgotten)
        .await
        .unwrap();
    let controller = Controller::start(namespace, NO_RENEWAL).await.unwrap();
    told(namespace, |status| status.renewed.as_deref() == Some("one")).await;
    assert_eq!(keys(namespace).await.len(), 2);
    // However long all that took, the last one was made just now.
    let now = jiff::Timestamp::now().as_second().to_string();
    let secrets: Api<CoreSecret> = Api::namespaced(admin().await, namespace);
    let just_now = Patch::Merge(json!({"stringData": {RENEWED_AT: now}}));
    secrets
        .patch(INSTALLATION_SECRET, &PatchParams::default(), &just_now)
        .await
        .unwrap();
    ask(namespace, json!({"renew": "two"})).await;
    let status = told(namespace, |status| reason(status, "Ready").0 != "Ready").await;
    assert_eq!(reason(&status, "Ready").0, "RenewalWaits");
    assert_eq!(keys(namespace).await.len(), 2);
    assert_eq!(controller.certificate().await.pem(), after.pem());
    let metrics = controller.metrics().await;
    for key in [&before, &after] {
        let line = format!(
            "sealed_secrets_controller_key_not_after_seconds{{fingerprint=\"{}\"}} {}",
            key.fingerprint(),
            key.not_after().as_second()
        );
        assert!(metrics.contains(&line), "{line} is missing in\n{metrics}");
    }
}

#[tokio::test]
async fn a_kill_at_any_step_of_a_renewal_makes_one_key_and_loses_none() {
    let secrets = |name: &str| format!("/api/v1/namespaces/{name}/secrets");
    for (namespace, verb, suffix, lost) in [
        ("kill-before-key", "create", "", false),
        ("kill-after-key", "create", "", true),
        ("kill-before-note", "update", "/seal-installation-key", false),
        ("kill-after-note", "update", "/seal-installation-key", true),
    ] {
        let proxy = FaultProxy::start(plane().await).await.unwrap();
        let controller = Controller::behind(&proxy, namespace, NO_RENEWAL).await.unwrap();
        let before = controller.certificate().await;
        let gate = Gate::default();
        let path = format!("{}{suffix}", secrets(namespace));
        let fault = match lost {
            true => Fault::LoseAnswer,
            false => Fault::Hold(gate.clone()),
        };
        proxy.inject(Rule::on(verb, &path, fault).times(1));
        ask(namespace, json!({"renew": "now"})).await;
        // Done, or about to be done; nobody has heard of it.
        if lost {
            met(&proxy, "lose answer", namespace, 1).await;
        } else {
            gate.is_holding().await;
        }
        controller.process.kill();
        let controller = Controller::start(namespace, NO_RENEWAL).await.unwrap();
        let status = told(namespace, |status| status.renewed.as_deref() == Some("now")).await;
        if !lost {
            // What the killed one had sent arrives late.
            gate.open();
            let late = wait_for("the late write", SOON, async || {
                let seen = proxy.seen();
                Ok(seen.into_iter().find(|seen| seen.fault == Some("hold")))
            });
            assert_eq!(late.await.unwrap().code, Some(409), "{namespace}");
        }
        assert_eq!(status.keys.len(), 2, "{namespace}");
        assert_eq!(keys(namespace).await.len(), 2, "{namespace}");
        let after = controller.certificate().await;
        assert_ne!(after.pem(), before.pem(), "{namespace}");
        let trusted: [Fingerprint; 1] = [before.fingerprint()];
        assert!(
            proves(&history(namespace, 1).await, &trusted, after.fingerprint()),
            "{namespace}"
        );
    }
}
