//! What becomes of a SealedSecret: upstream's cases by number, and what differs from them on purpose.

use seal_api::annotations;
use seal_core::{Scope, encode_base64};
use seal_testbed::wait_for;
use serde_json::json;

use super::ground::{Controller, SOON, place, place_for, place_of, value, with_scope};

#[tokio::test]
async fn case_1_what_was_sealed_for_name_and_namespace_opens_there() {
    let place = place("strict").await;
    place.create(&place.object("db", &[("foo", "bar")])).await;
    let secret = place.secret("db").await;
    assert_eq!(value(&secret, "foo").as_deref(), Some("bar"));
    assert_eq!(secret.type_.as_deref(), Some("Opaque"));
    let owner = &secret.metadata.owner_references.unwrap()[0];
    let object = place.synced("db").await;
    assert_eq!(
        (owner.api_version.as_str(), owner.kind.as_str()),
        ("bitnami.com/v1alpha1", "SealedSecret")
    );
    assert_eq!(
        (Some(&owner.uid), owner.controller),
        (object.metadata.uid.as_ref(), Some(true))
    );
    assert_eq!(owner.block_owner_deletion, None);
}

#[tokio::test]
async fn case_2_under_another_name_or_in_another_namespace_it_does_not_open_and_no_secret_appears() {
    let place = place("other").await;
    let mut renamed = place.object("renamed", &[]);
    let sealed = place.sealed("db", Scope::Strict, b"bar");
    renamed.spec.encrypted_data.insert("foo".to_owned(), Some(sealed));
    place.create(&renamed).await;
    let mut moved = place.object("db", &[]);
    let sealed = place.sealed_for("elsewhere", "db", Scope::Strict, b"bar");
    moved.spec.encrypted_data.insert("foo".to_owned(), Some(sealed));
    place.create(&moved).await;
    for name in ["renamed", "db"] {
        let (reason, message) = place.failed(name).await;
        assert_eq!(reason, "SealedForAnother");
        assert!(
            message.starts_with("no key could decrypt secret (foo)"),
            "{message}"
        );
        let event = place.event(name, "ErrUnsealFailed").await;
        assert!(
            event
                .message
                .unwrap()
                .starts_with("Failed to unseal: no key could decrypt secret (foo)")
        );
        assert_eq!(event.type_.as_deref(), Some("Warning"));
        assert!(place.secrets().get_opt(name).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn case_3_namespace_wide_may_be_renamed_and_not_moved() {
    let place = place("nswide").await;
    let sealed = |namespace: &str| place.sealed_for(namespace, "any", Scope::NamespaceWide, b"bar");
    for (name, namespace) in [("renamed", place.namespace.as_str()), ("moved", "elsewhere")] {
        let mut object = with_scope(place.object(name, &[]), Scope::NamespaceWide);
        object
            .spec
            .encrypted_data
            .insert("foo".to_owned(), Some(sealed(namespace)));
        place.create(&object).await;
    }
    assert_eq!(
        value(&place.secret("renamed").await, "foo").as_deref(),
        Some("bar")
    );
    assert_eq!(place.failed("moved").await.0, "SealedForAnother");
}

#[tokio::test]
async fn case_4_cluster_wide_opens_everywhere_and_wins_over_namespace_wide() {
    let place = place("clusterwide").await;
    let mut object = with_scope(place.object("any", &[]), Scope::ClusterWide);
    object = with_scope(object, Scope::NamespaceWide);
    let sealed = place.sealed_for("elsewhere", "other", Scope::ClusterWide, b"bar");
    object.spec.encrypted_data.insert("foo".to_owned(), Some(sealed));
    place.create(&object).await;
    assert_eq!(value(&place.secret("any").await, "foo").as_deref(), Some("bar"));
}

#[tokio::test]
async fn case_5_only_the_word_true_counts_and_mending_the_annotation_alone_is_enough() {
    let place = place("words").await;
    for (name, word) in [("a", "false"), ("b", "TRUE"), ("c", "")] {
        let mut object = place.object(name, &[]);
        let sealed = place.sealed(name, Scope::ClusterWide, b"bar");
        object.spec.encrypted_data.insert("foo".to_owned(), Some(sealed));
        object.metadata.annotations = Some([(annotations::CLUSTER_WIDE.to_owned(), word.to_owned())].into());
        place.create(&object).await;
    }
    for name in ["a", "b", "c"] {
        let (reason, message) = place.failed(name).await;
        assert_eq!(reason, "SealedForAnotherScope", "{message}");
        assert!(message.contains("sealed cluster-wide"), "{message}");
    }
    place
        .patch_object(
            "a",
            json!({"metadata": {"annotations": {annotations::CLUSTER_WIDE: "true"}}}),
        )
        .await;
    assert_eq!(value(&place.secret("a").await, "foo").as_deref(), Some("bar"));
    place.synced("a").await;
}

#[tokio::test]
async fn case_6_an_entry_may_be_renamed() {
    let place = place("entries").await;
    let mut object = place.object("db", &[("foo", "bar")]);
    let sealed = object.spec.encrypted_data.remove("foo").unwrap();
    object.spec.encrypted_data.insert("renamed".to_owned(), sealed);
    place.create(&object).await;
    let secret = place.secret("db").await;
    assert_eq!(
        (value(&secret, "renamed").as_deref(), value(&secret, "foo")),
        (Some("bar"), None)
    );
}

#[tokio::test]
async fn case_11_a_secret_may_come_from_templates_alone_and_empty_entries_make_an_empty_secret() {
    let place = place("templates-only").await;
    let mut object = place.object("made", &[]);
    object.spec.template = Some(super::ground::template(&[("a", "x{{ .nope }}")]));
    place.create(&object).await;
    assert_eq!(
        value(&place.secret("made").await, "a").as_deref(),
        Some("x<no value>")
    );
    place.create(&place.object("empty", &[])).await;
    assert!(place.secret("empty").await.data.unwrap_or_default().is_empty());
    place.synced("empty").await;
}

#[tokio::test]
async fn case_13_what_is_not_base64_is_named_and_decryption_is_not_mentioned() {
    let place = place("base64").await;
    let mut object = place.object("db", &[("good", "x")]);
    object
        .spec
        .encrypted_data
        .insert("bad".to_owned(), Some("NOT VALID BASE64".to_owned()));
    place.create(&object).await;
    let (reason, message) = place.failed("db").await;
    assert_eq!(
        (reason.as_str(), message.as_str()),
        ("Malformed", "illegal base64 data at input byte 3 (bad)")
    );
}

#[tokio::test]
async fn case_14_the_legacy_form_opens_and_not_beside_entries() {
    let place = place("legacy").await;
    let inner = json!({
        "kind": "Secret", "apiVersion": "v1", "type": "example.com/kind",
        "metadata": {"name": "ignored", "labels": {"a": "b"}, "annotations": {"c": "d"}},
        "data": {"foo": encode_base64(b"bar")},
    });
    let legacy = |name: &str| place.sealed(name, Scope::Strict, inner.to_string().as_bytes());
    let mut object = place.object("old", &[]);
    object.spec.data = Some(legacy("old"));
    place.create(&object).await;
    let secret = place.secret("old").await;
    assert_eq!(value(&secret, "foo").as_deref(), Some("bar"));
    assert_eq!(secret.type_.as_deref(), Some("example.com/kind"));
    assert_eq!(secret.metadata.labels.unwrap()["a"], "b");
    let mut both = place.object("both", &[("foo", "bar")]);
    both.spec.data = Some(legacy("both"));
    place.create(&both).await;
    let (_, message) = place.failed("both").await;
    assert!(message.contains("at the same time"), "{message}");
}

#[tokio::test]
async fn case_14_the_legacy_form_is_refused_where_it_is_switched_off() {
    let controller = Controller::start(
        "no-legacy",
        &["--accept-deprecated-v1-data=false", "--all-namespaces=false"],
    );
    let controller = controller.await.unwrap();
    let place = place_of(&controller).await;
    let mut object = place.object("old", &[]);
    object.spec.data = Some(place.sealed("old", Scope::Strict, b"{}"));
    place.create(&object).await;
    let seen = wait_for("word of the deprecated field", SOON, async || {
        let events = place.events("old").await;
        let text = |event: k8s_openapi::api::core::v1::Event| event.message.unwrap_or_default();
        Ok(events
            .into_iter()
            .map(text)
            .find(|message| message.contains("deprecated")))
    });
    seen.await.unwrap();
}

#[tokio::test]
async fn case_20_the_type_is_kept_and_labels_annotations_and_finalizers_travel() {
    let place = place("types").await;
    let mut object = serde_json::to_value(place.object("typed", &[(".dockerconfigjson", "{}")])).unwrap();
    object["spec"]["template"] = json!({
        "type": "kubernetes.io/dockerconfigjson",
        "metadata": {"name": "ignored", "namespace": "ignored", "labels": {"a": "b"}, "annotations": {"c": "d"},
            "finalizers": ["example.com/hold"]},
    });
    place.create_json(&object).await.unwrap();
    let secret = place.secret("typed").await;
    assert_eq!(secret.type_.as_deref(), Some("kubernetes.io/dockerconfigjson"));
    assert_eq!(secret.metadata.labels.unwrap()["a"], "b");
    assert_eq!(secret.metadata.annotations.unwrap()["c"], "d");
    assert_eq!(secret.metadata.finalizers.unwrap(), ["example.com/hold"]);
    place
        .patch_secret("typed", json!({"metadata": {"finalizers": null}}))
        .await;
}

#[tokio::test]
async fn altered_cut_and_foreign_texts_each_have_their_reason_and_good_entries_do_not_help() {
    let place = place("adversary").await;
    let whole = place.sealed("cut", Scope::Strict, b"bar");
    let mut flipped = seal_core::decode_base64(&place.sealed("flipped", Scope::Strict, b"bar")).unwrap();
    *flipped.last_mut().unwrap() ^= 1;
    let huge = seal_core::PrivateKey::generate(seal_core::KeySize::Bits3072).unwrap();
    let huge = super::ground::certificate_of(&huge, "2020-01-01T00:00:00Z");
    let elsewhere = place_for("elsewhere", huge).await;
    let foreign = elsewhere.sealed_for(&place.namespace, "foreign", Scope::Strict, b"bar");
    for (name, text, expected) in [
        ("cut", whole[..200].to_owned(), "Truncated"),
        ("flipped", encode_base64(&flipped), "Tampered"),
        ("foreign", foreign, "NoKeyOfThisSize"),
        (
            "plain",
            encode_base64(b"\x00\x00just a password that is no sealed value"),
            "Malformed",
        ),
    ] {
        let mut object = place.object(name, &[("good", "x")]);
        object.spec.encrypted_data.insert("bad".to_owned(), Some(text));
        place.create(&object).await;
        let (reason, message) = place.failed(name).await;
        assert_eq!(reason, expected, "{name}: {message}");
        assert!(
            message.contains("(bad)") && !message.contains("good"),
            "{message}"
        );
        assert!(place.secrets().get_opt(name).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn an_object_that_goes_takes_its_secret_along() {
    let place = place("gone").await;
    place.create(&place.object("db", &[("foo", "bar")])).await;
    place.synced("db").await;
    place.objects().delete("db", &Default::default()).await.unwrap();
    let gone = async || Ok(place.secrets().get_opt("db").await?.is_none().then_some(()));
    wait_for("the Secret to be collected", SOON, gone).await.unwrap();
}

#[tokio::test]
async fn an_object_made_again_gets_its_secret_though_the_old_one_still_stood() {
    let place = place("again").await;
    place.create(&place.object("db", &[("foo", "one")])).await;
    let first = place.synced("db").await.metadata.uid;
    place.objects().delete("db", &Default::default()).await.unwrap();
    let recreated = wait_for("the name to be free", SOON, async || {
        let made = place
            .objects()
            .create(&Default::default(), &place.object("db", &[("foo", "two")]))
            .await;
        Ok(Some(made?))
    });
    assert_ne!(recreated.await.unwrap().metadata.uid, first);
    place
        .secret_that("db", |secret| value(secret, "foo").as_deref() == Some("two"))
        .await;
    place.synced("db").await;
}
