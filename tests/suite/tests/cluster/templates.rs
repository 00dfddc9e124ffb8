//! Templates: what they see, what they make, and how they fail.

use seal_testbed::wait_for;
use serde_json::json;

use super::ground::{SOON, place, template, value};

#[tokio::test]
async fn case_10_values_go_into_text_and_json() {
    let place = place("rendered").await;
    let mut object = place.object("db", &[("foo", "bar"), ("password", "hunter2'\"=")]);
    object.spec.template = Some(template(&[
        ("text", "secret {{ index . \"foo\" }} !"),
        ("json", "{\"p\": {{ toJson .password }}}"),
    ]));
    place.create(&object).await;
    let secret = place.secret("db").await;
    assert_eq!(value(&secret, "text").as_deref(), Some("secret bar !"));
    let parsed: serde_json::Value = serde_json::from_str(&value(&secret, "json").unwrap()).unwrap();
    assert_eq!(parsed["p"], "hunter2'\"=");
}

#[tokio::test]
async fn case_12_a_sealed_value_wins_over_its_template_and_null_leaves_it_out() {
    let place = place("precedence").await;
    let mut object =
        serde_json::to_value(place.object("db", &[("foo", "sealed"), ("hidden", "inner")])).unwrap();
    object["spec"]["template"] =
        json!({"data": {"foo": "template", "hidden": null, "uses": "{{ .hidden }}"}});
    place.create_json(&object).await.unwrap();
    let secret = place.secret("db").await;
    assert_eq!(value(&secret, "foo").as_deref(), Some("sealed"));
    assert_eq!(value(&secret, "hidden"), None);
    assert_eq!(value(&secret, "uses").as_deref(), Some("inner"));
}

#[tokio::test]
async fn faults_name_line_column_and_function_and_never_a_value() {
    let place = place("faults").await;
    for (name, text, reason, told) in [
        (
            "env",
            "{{ env \"HOME\" }}",
            "TemplateInvalid",
            "function \"env\" not defined",
        ),
        ("open", "{{ .foo ", "TemplateInvalid", "unclosed action"),
        ("fails", "\n {{ fail .foo }}", "TemplateFailed", "x:2:"),
        ("field", "{{ .foo.bar }}", "TemplateFailed", "x:1:"),
    ] {
        let mut object = place.object(name, &[("foo", "hunter2")]);
        object.spec.template = Some(template(&[("x", text)]));
        place.create(&object).await;
        let (found, message) = place.failed(name).await;
        assert_eq!(found, reason, "{message}");
        assert!(message.contains(told) && message.contains("(x)"), "{message}");
        assert!(!message.contains("hunter2"), "{message}");
        assert!(place.secrets().get_opt(name).await.unwrap().is_none());
        // Repaired, it is tried again without another word.
        let repaired = json!({"spec": {"template": {"data": {"x": "<{{ .foo }}>"}}}});
        place.patch_object(name, repaired).await;
        place.synced(name).await;
        assert_eq!(
            value(&place.secret(name).await, "x").as_deref(),
            Some("<hunter2>")
        );
    }
}

#[tokio::test]
async fn random_and_timely_values_are_made_once_and_survive_drift_and_deletion() {
    let place = place("once").await;
    let mut object = place.object("db", &[("foo", "bar")]);
    object.spec.template = Some(template(&[
        ("password", "{{ randAlphaNum 20 }}"),
        ("made", "{{ now | date \"15:04:05.000\" }}"),
    ]));
    place.create(&object).await;
    place.synced("db").await;
    let first = place.secret("db").await;
    let made = |secret| (value(secret, "password"), value(secret, "made"));
    assert_eq!(value(&first, "password").unwrap().len(), 20);
    place
        .patch_secret("db", json!({"data": {"password": "eA=="}}))
        .await;
    let healed = place
        .secret_that("db", |secret| value(secret, "password") != Some("x".to_owned()))
        .await;
    assert_eq!(made(&healed), made(&first));
    place.delete_secret("db").await;
    let again = place
        .secret_that("db", |secret| secret.metadata.uid != first.metadata.uid)
        .await;
    assert_eq!(made(&again), made(&first));
    // A change of the object is a new rendering.
    place
        .patch_object(
            "db",
            json!({"spec": {"template": {"metadata": {"labels": {"a": "b"}}}}}),
        )
        .await;
    place
        .secret_that("db", |secret| {
            value(secret, "password") != value(&first, "password")
        })
        .await;
}

#[tokio::test]
async fn a_template_bomb_fails_while_its_neighbour_is_served() {
    let place = place("bomb").await;
    let mut bomb = place.object("bomb", &[("foo", "bar")]);
    bomb.spec.template = Some(template(&[(
        "x",
        "{{ range until 100000000 }}{{ repeat 1000000 $.foo }}{{ end }}",
    )]));
    place.create(&bomb).await;
    place.create(&place.object("neighbour", &[("foo", "bar")])).await;
    place.synced("neighbour").await;
    assert_eq!(place.failed("bomb").await.0, "TemplateFailed");
    let gone = async || Ok(place.secrets().get_opt("bomb").await?.is_none().then_some(()));
    wait_for("no Secret", SOON, gone).await.unwrap();
}
