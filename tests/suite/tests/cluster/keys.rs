//! Sealing keys: taken over as they are, the newest first, broken ones passed by, new ones at once.

use base64::Engine;
use k8s_openapi::api::core::v1::Secret as CoreSecret;
use kube::api::{ListParams, PostParams};
use kube::{Api, Client};
use seal_api::annotations;
use seal_core::{Certificate, Scope, encode_base64};
use seal_testbed::wait_for;
use serde_json::{Value, json};

use super::ground::{
    Controller, SOON, account, admin, certificate_of, grant, key_secret, place_of, plane, sealing_key, value,
};

async fn put(client: &Client, namespace: &str, secret: &Value) {
    let secrets: Api<CoreSecret> = Api::namespaced(client.clone(), namespace);
    let secret = serde_json::from_value(secret.clone()).unwrap();
    secrets.create(&PostParams::default(), &secret).await.unwrap();
}

async fn keys(namespace: &str) -> Vec<CoreSecret> {
    let secrets: Api<CoreSecret> = Api::namespaced(admin().await, namespace);
    let active = format!("{}={}", annotations::KEY_LABEL, annotations::KEY_ACTIVE);
    secrets
        .list(&ListParams::default().labels(&active))
        .await
        .unwrap()
        .items
}

fn pkcs8(pkcs1_pem: &str) -> String {
    // RFC 5208 around RFC 8017: version, rsaEncryption with NULL, the key as an octet string.
    let pkcs1 = pem::parse(pkcs1_pem).unwrap().into_contents();
    let tlv = |tag: u8, content: &[u8]| {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82], length.as_slice(), content].concat()
    };
    let algorithm = [0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
    let info = [[2, 1, 0].as_slice(), &algorithm, &tlv(4, &pkcs1)].concat();
    let text = base64::engine::general_purpose::STANDARD.encode(tlv(0x30, &info));
    format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
}

const NO_RENEWAL: &[&str] = &["--all-namespaces=false", "--key-renew-period=0"];

#[tokio::test]
async fn the_first_key_is_made_in_upstreams_shape_and_an_installation_key_beside_it() {
    let flags = [
        "--all-namespaces=false",
        "--my-cn=example",
        "--privatekey-labels=team=a",
        "--privatekey-annotations=note=b",
    ];
    let controller = Controller::start("first-key", &flags).await.unwrap();
    let [key] = <[CoreSecret; 1]>::try_from(keys("first-key").await).unwrap();
    assert!(
        key.metadata
            .name
            .as_ref()
            .unwrap()
            .starts_with("sealed-secrets-key")
    );
    assert_eq!(key.type_.as_deref(), Some("kubernetes.io/tls"));
    assert!(
        value(&key, "tls.key")
            .unwrap()
            .starts_with("-----BEGIN RSA PRIVATE KEY-----")
    );
    assert_eq!(key.metadata.labels.as_ref().unwrap()["team"], "a");
    assert_eq!(key.metadata.annotations.as_ref().unwrap()["note"], "b");
    assert_eq!(
        value(&key, "tls.crt").unwrap(),
        controller.get("/v1/cert.pem").await.1
    );
    let secrets: Api<CoreSecret> = Api::namespaced(admin().await, "first-key");
    let installation = secrets.get("seal-installation-key").await.unwrap();
    assert_eq!(installation.data.unwrap()["key"].0.len(), 32);
}

#[tokio::test]
async fn case_8_and_25_keys_are_taken_over_as_they_are_and_the_newest_certificate_is_served() {
    let (namespace, client) = ("take-over", admin().await);
    plane().await.namespace(namespace).await.unwrap();
    let made = [
        ("newest", "2024-01-01T00:00:00Z"),
        ("oldest", "2020-01-01T00:00:00Z"),
        ("sealed-secrets-key", "2022-01-01T00:00:00Z"),
        ("future", "2099-01-01T00:00:00Z"),
    ]
    .map(|(name, since)| (name, sealing_key(since)));
    for (name, (key, certificate)) in &made {
        let pem = key.to_pkcs1_pem();
        let pem = if *name == "oldest" {
            pkcs8(&pem)
        } else {
            pem.to_string()
        };
        let mut secret = key_secret(name, &pem, certificate.pem());
        if *name == "sealed-secrets-key" {
            secret["metadata"]["labels"] = Value::Null;
        }
        put(&client, namespace, &secret).await;
    }
    // None of these may stop it.
    let (_, other) = sealing_key("2023-01-01T00:00:00Z");
    let pem = made[0].1.0.to_pkcs1_pem();
    put(&client, namespace, &key_secret("garbage", "hunter2", other.pem())).await;
    put(&client, namespace, &key_secret("no-certificate", &pem, "")).await;
    let controller = Controller::start(namespace, NO_RENEWAL).await.unwrap();
    assert_eq!(
        controller.certificate().await.pem(),
        made[0].1.1.pem(),
        "the newest of those that are valid"
    );
    assert_eq!(keys(namespace).await.len(), 5, "none was made");
    assert!(
        controller.process.log().contains("Error reading key")
            && !controller.process.log().contains("hunter2")
    );

    let place = place_of(&controller).await;
    let mut object = place.object("db", &[]);
    for (name, (_, certificate)) in &made {
        let sealed = seal_core::seal(
            name.as_bytes(),
            certificate.key(),
            &Scope::Strict.label(&namespace.parse().unwrap(), &"db".parse().unwrap()),
            &mut seal_core::SystemRandom,
        );
        object
            .spec
            .encrypted_data
            .insert((*name).to_owned(), Some(encode_base64(&sealed.unwrap())));
    }
    place.create(&object).await;
    let secret = place.secret("db").await;
    for (name, _) in &made {
        assert_eq!(
            value(&secret, name).as_deref(),
            Some(*name),
            "case 7 and 8: each entry under its own key"
        );
    }
}

#[tokio::test]
async fn case_25_the_order_may_follow_the_secrets_instead() {
    let (namespace, client) = ("by-creation", admin().await);
    plane().await.namespace(namespace).await.unwrap();
    let (newer, older) = (
        sealing_key("2024-01-01T00:00:00Z"),
        sealing_key("2020-01-01T00:00:00Z"),
    );
    put(
        &client,
        namespace,
        &key_secret("a", &newer.0.to_pkcs1_pem(), newer.1.pem()),
    )
    .await;
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    put(
        &client,
        namespace,
        &key_secret("b", &older.0.to_pkcs1_pem(), older.1.pem()),
    )
    .await;
    let flags = [NO_RENEWAL, &["--key-order-priority=SecretCreationTimestamp"]].concat();
    let controller = Controller::start(namespace, &flags).await.unwrap();
    assert_eq!(controller.certificate().await.pem(), older.1.pem());
}

#[tokio::test]
async fn case_25_a_key_older_than_the_cutoff_or_the_renewal_period_is_followed_by_a_new_one() {
    for (namespace, flag) in [
        ("cutoff", "--key-cutoff-time=Mon, 01 Jan 2024 00:00:00 +0000"),
        ("overdue", "--key-renew-period=720h"),
    ] {
        plane().await.namespace(namespace).await.unwrap();
        let old = sealing_key("2020-01-01T00:00:00Z");
        put(
            &admin().await,
            namespace,
            &key_secret("old", &old.0.to_pkcs1_pem(), old.1.pem()),
        )
        .await;
        let renewal: &[&str] = if namespace == "cutoff" {
            &["--key-renew-period=0"]
        } else {
            &[]
        };
        let flags = [&["--all-namespaces=false", flag], renewal].concat();
        let controller = Controller::start(namespace, &flags).await.unwrap();
        let renewed = async || Ok((controller.certificate().await.pem() != old.1.pem()).then_some(()));
        wait_for("a new key", SOON, renewed).await.unwrap();
        assert_eq!(keys(namespace).await.len(), 2, "{namespace}");
    }
}

#[tokio::test]
async fn case_25_a_new_key_is_made_when_asked_for_and_old_values_still_open() {
    let controller = Controller::start("asked", NO_RENEWAL).await.unwrap();
    let place = place_of(&controller).await;
    let before = controller.certificate().await;
    let old = place.object("old", &[("foo", "bar")]);
    let pid = rustix::process::Pid::from_raw(i32::try_from(controller.process.pid()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::USR1).unwrap();
    let renewed = async || Ok((controller.certificate().await.pem() != before.pem()).then_some(()));
    wait_for("a new key", SOON, renewed).await.unwrap();
    place.create(&old).await;
    assert_eq!(value(&place.secret("old").await, "foo").as_deref(), Some("bar"));
}

#[tokio::test]
async fn a_restored_key_opens_what_waited_for_it_and_does_not_become_the_one_that_seals() {
    let controller = Controller::start("restored", NO_RENEWAL).await.unwrap();
    let place = place_of(&controller).await;
    let served = controller.certificate().await;
    // Newer than what is served: the take-over of a key that somebody planted would begin like this.
    let (key, _) = sealing_key("2020-01-01T00:00:00Z");
    let now = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(1);
    let certificate = certificate_of(&key, &now.to_string());
    let label = Scope::Strict.label(&place.namespace.parse().unwrap(), &"db".parse().unwrap());
    let sealed = seal_core::seal(b"bar", certificate.key(), &label, &mut seal_core::SystemRandom).unwrap();
    let mut object = place.object("db", &[]);
    object
        .spec
        .encrypted_data
        .insert("foo".to_owned(), Some(encode_base64(&sealed)));
    place.create(&object).await;
    assert_eq!(place.failed("db").await.0, "SealedForAnother");
    put(
        &admin().await,
        "restored",
        &key_secret("restored", &key.to_pkcs1_pem(), certificate.pem()),
    )
    .await;
    assert_eq!(value(&place.secret("db").await, "foo").as_deref(), Some("bar"));
    assert_eq!(controller.certificate().await.pem(), served.pem());
    // Marked as compromised it opens no more.
    let secrets: Api<CoreSecret> = Api::namespaced(admin().await, "restored");
    let patch = json!({"metadata": {"labels": {annotations::KEY_LABEL: "compromised"}}});
    secrets
        .patch("restored", &Default::default(), &kube::api::Patch::Merge(patch))
        .await
        .unwrap();
    let number = std::sync::atomic::AtomicUsize::new(0);
    let closed = wait_for("the key to be gone", SOON, async || {
        let name = format!(
            "late-{}",
            number.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
        );
        let label = Scope::Strict.label(&place.namespace.parse()?, &name.parse()?);
        let sealed = seal_core::seal(b"bar", certificate.key(), &label, &mut seal_core::SystemRandom)?;
        let mut object = place.object(&name, &[]);
        object
            .spec
            .encrypted_data
            .insert("foo".to_owned(), Some(encode_base64(&sealed)));
        place.create(&object).await;
        let object = place.object_that(&name, |_| true).await;
        Ok((super::ground::condition(&object, "Synced").1 == "SealedForAnother").then_some(()))
    });
    closed.await.unwrap();
}

#[tokio::test]
async fn a_key_that_is_made_primary_seals_at_once_and_a_deleted_installation_comes_back_as_it_was() {
    let (namespace, client) = ("primary", admin().await);
    plane().await.namespace(namespace).await.unwrap();
    let [older, newer] = ["2023-01-01T00:00:00Z", "2024-01-01T00:00:00Z"].map(sealing_key);
    for (name, (key, certificate)) in [("older", &older), ("newer", &newer)] {
        let secret = key_secret(name, &key.to_pkcs1_pem(), certificate.pem());
        put(&client, namespace, &secret).await;
    }
    let controller = Controller::start(namespace, NO_RENEWAL).await.unwrap();
    assert_eq!(controller.certificate().await.pem(), newer.1.pem());
    let secrets: Api<CoreSecret> = Api::namespaced(client, namespace);
    let name = "seal-installation-key";
    let patch = json!({"stringData": {"primary": older.1.fingerprint().to_string()}});
    let made_primary = secrets
        .patch(name, &Default::default(), &kube::api::Patch::Merge(patch))
        .await
        .unwrap();
    let seals = async || Ok((controller.certificate().await.pem() == older.1.pem()).then_some(()));
    wait_for("the other key to seal", SOON, seals).await.unwrap();
    secrets.delete(name, &Default::default()).await.unwrap();
    let again = wait_for("the installation's Secret", SOON, async || {
        Ok(secrets.get_opt(name).await?)
    });
    assert_eq!(again.await.unwrap().data, made_primary.data);
    assert_eq!(controller.certificate().await.pem(), older.1.pem());
}

#[tokio::test]
async fn a_certificate_of_another_key_opens_and_does_not_seal() {
    let namespace = "mismatched";
    plane().await.namespace(namespace).await.unwrap();
    let (one, other) = (
        sealing_key("2024-01-01T00:00:00Z"),
        sealing_key("2025-01-01T00:00:00Z"),
    );
    put(
        &admin().await,
        namespace,
        &key_secret("mixed", &one.0.to_pkcs1_pem(), other.1.pem()),
    )
    .await;
    let controller = Controller::start(namespace, NO_RENEWAL).await.unwrap();
    let served: Certificate = controller.certificate().await;
    assert_ne!(
        served.pem(),
        other.1.pem(),
        "what is sealed for it could not be opened"
    );
    assert_eq!(keys(namespace).await.len(), 2);
}

#[tokio::test]
async fn a_setting_that_cannot_be_read_ends_it() {
    grant("misspelt").await.unwrap();
    let kubeconfig = plane().await.kubeconfig(&account("misspelt")).await.unwrap();
    let controller = Controller::launch("misspelt", &["--key-size=512"], &kubeconfig)
        .await
        .unwrap();
    let ended = async || controller.process.exit_code();
    assert_eq!(wait_for("its end", SOON, ended).await.unwrap(), 2);
}
