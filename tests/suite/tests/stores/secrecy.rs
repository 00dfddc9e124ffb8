//! A value that nobody else has goes from a real store through every path at trace level; it may come up in its Secret
//! only (S5, S6, S26).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::Event;
use kube::Api;
use kube::api::ListParams;
use seal_testbed::{Canary, Fault, FaultProxy, Rule};
use serde_json::{Value, json};

use super::ground::{Place, ground, place_on, start_with, value};

fn data(path: &str) -> Value {
    json!([{"secretKey": "foo", "remoteRef": {"key": path, "property": "foo"}}])
}

#[tokio::test]
async fn a_value_of_a_store_comes_up_in_its_secret_and_nowhere_else() {
    let ground = start_with(&["--log-level=trace"]).await.unwrap();
    let place = place_on(&ground, "silent").await;
    let canary = Canary::new().unwrap();
    let text = canary.text();
    let json_of_it = json!({"foo": text}).to_string();
    let whole = json!({"foo": text, "nested": {"deep": text}, "json": json_of_it});
    ground.store.write("secret", "silent/app", &whole).await.unwrap();

    place.external("plain", json!({"data": data("silent/app")})).await;
    let secret = place
        .secret_that("plain", |secret| value(secret, "foo").is_some())
        .await;
    assert_eq!(value(&secret, "foo").as_deref(), Some(text));
    place
        .external("all", json!({"dataFrom": [{"extract": {"key": "silent/app"}}]}))
        .await;
    place
        .external(
            "found",
            json!({"dataFrom": [{"find": {"path": "silent", "name": {"regexp": "."}}}]}),
        )
        .await;
    let template = json!({"data": {"x": "{{ toJson .foo }}{{ .foo | b64enc }}"}});
    place
        .external(
            "rendered",
            json!({"target": {"template": template}, "data": data("silent/app")}),
        )
        .await;
    for name in ["all", "found", "rendered"] {
        place.ready(name, "True").await;
    }
    // Every way to fail on the value.
    let mut failing = Vec::new();
    let mut fails = async |name: &str, spec: Value| {
        place.external(name, spec).await;
        failing.push(name.to_owned());
    };
    for (name, text) in [
        ("fail", "{{ fail .foo }}"),
        ("index", "{{ index .foo .foo }}"),
        ("field", "{{ .foo.bar }}"),
        ("compare", "{{ lt .foo 1 }}"),
        ("regex", "{{ mustRegexMatch .foo .foo }}"),
        ("semver", "{{ semver .foo }}"),
        ("decode", "{{ decryptAES .foo .foo }}"),
        ("yaml", "{{ fromYaml .foo }}{{ fail \"x\" }}"),
        ("jwk", "{{ jwkPublicKeyPem .foo }}"),
        ("pkcs12", "{{ pkcs12key .foo }}"),
        ("pem", "{{ filterPEM .foo .foo }}"),
        ("sans", "{{ certSANs .foo }}"),
        ("rsa", "{{ rsaDecrypt .foo .foo .foo .foo }}"),
        ("hex", "{{ hexdec .foo }}"),
    ] {
        fails(
            name,
            json!({"target": {"template": {"data": {"x": text}}}, "data": data("silent/app")}),
        )
        .await;
    }
    let keys_and_values = json!({"literal": "{{ .foo }}", "target": "Labels"});
    for (name, target) in [
        (
            "label",
            json!({"template": {"metadata": {"labels": {"x": "{{ .foo }}"}}}}),
        ),
        ("labels", json!({"template": {"templateFrom": [keys_and_values]}})),
        (
            "typed",
            json!({"template": {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": "{{ .foo }}"}}}),
        ),
    ] {
        fails(name, json!({"target": target, "data": data("silent/app")})).await;
    }
    let reference = |more: Value| {
        let mut reference = json!({"key": "silent/app", "property": "foo"});
        reference
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({"data": [{"secretKey": "foo", "remoteRef": reference}]})
    };
    fails("base64", reference(json!({"decodingStrategy": "Base64"}))).await;
    fails("property", reference(json!({"property": "foo.bar.baz"}))).await;
    fails(
        "member",
        json!({"dataFrom": [{"extract": {"key": "silent/app", "property": "foo"}}]}),
    )
    .await;
    let rewrite =
        |rewrite: Value| json!({"dataFrom": [{"extract": {"key": "silent/app"}, "rewrite": [rewrite]}]});
    fails("merge", rewrite(json!({"merge": {}}))).await;
    fails(
        "transform",
        rewrite(json!({"transform": {"template": "{{ fail .value }}"}})),
    )
    .await;

    // Answers that carry the value and are not what they should be.
    let proxy = FaultProxy::before_store(&ground.store).await.unwrap();
    let vault = json!({"server": proxy.url(), "path": "secret", "caBundle": STANDARD.encode(ground.store.ca_pem()),
        "auth": {"tokenSecretRef": {"name": "vault-token", "key": "token"}}});
    place
        .create("SecretStore", "bad", json!({"provider": {"vault": vault}}))
        .await;
    let answer = |code: u16, body: String| Fault::Answer {
        code,
        headers: Vec::new(),
        body,
    };
    let json_text = serde_json::to_string(text).unwrap();
    for (name, fault) in [
        (
            "malformed",
            Fault::Malformed {
                text: text.to_owned(),
            },
        ),
        ("not-an-object", answer(200, json_text.clone())),
        (
            "other-shape",
            answer(200, json!({"data": {"data": text}}).to_string()),
        ),
        (
            "other-version",
            answer(
                200,
                json!({"data": {"data": {"foo": text}, "metadata": {"version": text}}}).to_string(),
            ),
        ),
        (
            "bad-escape",
            answer(
                200,
                format!("{{\"data\":{{\"data\":{{\"foo\":{json_text},\"bar\":\"\\x\"}}}}}}"),
            ),
        ),
        (
            "twice",
            answer(
                200,
                format!("{{\"data\":{{\"data\":{{\"foo\":{json_text}}}}}}}{json_text}"),
            ),
        ),
        (
            "elsewhere",
            Fault::Answer {
                code: 302,
                headers: vec![("location", format!("https://127.0.0.1:1/{}", canary.base64()))],
                body: text.to_owned(),
            },
        ),
        ("page", answer(502, format!("<html>{text}</html>"))),
        (
            "warning",
            answer(400, json!({"warnings": [text], "message": text}).to_string()),
        ),
    ] {
        ground
            .store
            .write("secret", &format!("silent/{name}"), &json!({"foo": "x"}))
            .await
            .unwrap();
        proxy.inject(Rule::on("*", &format!("/v1/secret/data/silent/{name}"), fault));
        let spec = json!({"secretStoreRef": {"name": "bad"}, "data": data(&format!("silent/{name}"))});
        fails(name, spec).await;
    }
    let failing = failing.clone();
    for name in failing
        .iter()
        .filter(|name| !["yaml", "hex", "regex"].contains(&name.as_str()))
    {
        place.ready(name, "False").await;
    }
    // Somebody tampers with it, and it is made what it was.
    place
        .patch_secret("plain", json!({"data": {"foo": "eA=="}}))
        .await;
    place
        .secret_that("plain", |secret| value(secret, "foo").as_deref() == Some(text))
        .await;

    let token = ground.store.root_token();
    let log = ground.controller.log();
    assert!(log.contains("DEBUG"), "it told more than it does by default");
    assert!(!log.contains(token), "the store's token stands in the log");
    assert_eq!(canary.find_below(ground.controller.log_path()).unwrap(), []);
    let objects = place.objects().list(&ListParams::default()).await.unwrap().items;
    let statuses: Vec<_> = objects.into_iter().map(|object| object.status).collect();
    let told = serde_json::to_string(&statuses).unwrap();
    assert_eq!(canary.find_in(told.as_bytes()), []);
    let events: Api<Event> = Api::namespaced(place.client.clone(), &place.name);
    let events = events.list(&ListParams::default()).await.unwrap().items;
    assert!(!events.is_empty());
    let events = serde_json::to_string(&events).unwrap();
    assert_eq!(canary.find_in(events.as_bytes()), []);
    assert!(!told.contains(token) && !events.contains(token));
}

/// S6: of what a store says, only the words of its errors come back, short and in one line, and never the token that
/// it was shown.
#[tokio::test]
async fn what_a_store_says_comes_back_bounded_and_without_what_it_was_shown() {
    let place = Place::new("echo").await;
    let store = &ground().await.store;
    let proxy = FaultProxy::before_store(store).await.unwrap();
    let vault = json!({"server": proxy.url(), "path": "secret", "caBundle": STANDARD.encode(store.ca_pem()),
        "auth": {"tokenSecretRef": {"name": "vault-token", "key": "token"}}});
    place
        .create("SecretStore", "echo", json!({"provider": {"vault": vault}}))
        .await;
    let token = store.root_token();
    let words = format!("you showed me {token}\u{1b}[31m\n{}", "x".repeat(5_000));
    let body = json!({"errors": [words], "data": {"data": {"foo": "read-back"}}}).to_string();
    let fault = Fault::Answer {
        code: 400,
        headers: Vec::new(),
        body,
    };
    proxy.inject(Rule::on("*", "/v1/secret/data/echo/app", fault));
    place
        .external(
            "app",
            json!({"secretStoreRef": {"name": "echo"}, "data": data("echo/app")}),
        )
        .await;
    let (_, message) = place.ready("app", "False").await;
    assert!(message.contains("you showed me"), "{message}");
    assert!(
        !message.contains(token) && !message.contains('\u{1b}') && !message.contains("read-back"),
        "{message}"
    );
    assert!(message.len() < 2_000, "{}", message.len());
}
