//! Templates on a real API server: cases 15 to 17, and what no template may make of a Secret.

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::ground::{Place, value};

fn data(path: &str) -> Value {
    json!([{"secretKey": "a", "remoteRef": {"key": path, "property": "a"}}])
}

#[tokio::test]
async fn case_15_data_wins_over_template_from_which_wins_over_values_and_a_missing_key_changes_nothing() {
    let place = Place::new("case-15").await;
    place.write("app", &json!({"a": "one"})).await;
    place
        .config_map(
            "texts",
            json!({"a": "from the map", "b": "from the map", "c": "{{ .a }}!"}),
        )
        .await;
    let items: Vec<_> = ["a", "b", "c"].iter().map(|key| json!({"key": key})).collect();
    let template = json!({
        "mergePolicy": "Merge",
        "templateFrom": [{"configMap": {"name": "texts", "items": items}}],
        "data": {"b": "from data"},
    });
    let spec = json!({"target": {"template": template}, "data": [
        {"secretKey": "a", "remoteRef": {"key": "case-15/app", "property": "a"}},
        {"secretKey": "raw", "remoteRef": {"key": "case-15/app", "property": "a"}},
    ]});
    place.external("app", spec).await;
    let secret = place.holds("app", "c", "one!").await;
    let entries = ["a", "b", "raw"].map(|entry| value(&secret, entry).unwrap());
    assert_eq!(entries, ["from the map", "from data", "one"]);

    let missing = json!({"spec": {"target": {"template": {"data": {"b": "{{ .nope }}"}}}}});
    place.patch("ExternalSecret", "app", missing).await;
    let (reason, message) = place.ready("app", "False").await;
    assert_eq!(reason, "SecretSyncedError");
    assert!(message.starts_with("could not update secret"), "{message}");
    let after = place.secrets().get("app").await.unwrap();
    assert_eq!(after.metadata.resource_version, secret.metadata.resource_version);
}

#[tokio::test]
async fn case_16_keys_and_values_of_a_config_map_are_rendered_and_so_are_labels_and_annotations() {
    let place = Place::new("case-16").await;
    place.write("app", &json!({"a": "one"})).await;
    let both = "key-{{ .a }}: value-{{ .a }}\nother: x\n";
    place
        .config_map("texts", json!({"both": both, "labels": "team: {{ .a }}"}))
        .await;
    let from = |key: &str, target: &str| json!({"target": target, "configMap": {"name": "texts", "items": [{"key": key, "templateAs": "KeysAndValues"}]}});
    let template = json!({"templateFrom": [from("both", "Data"), from("labels", "Labels"), from("labels", "Annotations")]});
    place
        .external(
            "app",
            json!({"target": {"template": template}, "data": data("case-16/app")}),
        )
        .await;
    let secret = place.holds("app", "key-one", "value-one").await;
    assert_eq!(value(&secret, "other").as_deref(), Some("x"));
    assert_eq!(secret.metadata.labels.unwrap()["team"], "one");
    assert_eq!(secret.metadata.annotations.unwrap()["team"], "one");
}

#[tokio::test]
async fn case_17_what_a_template_makes_no_longer_goes_and_what_others_wrote_stays() {
    let place = Place::new("case-17").await;
    place.write("app", &json!({"a": "one"})).await;
    // Upstream forgets about the labels of names between 28 and 63 characters.
    for name in ["short", "name-of-forty-characters-aaaaaaaaaaaaaaaa"] {
        let template = json!({
            "metadata": {"labels": {"ours": "x", "stays": "x"}, "annotations": {"ours": "x"}},
            "data": {"x": "{{ .a }}", "y": "{{ .a }}"},
        });
        place
            .external(
                name,
                json!({"target": {"template": template}, "data": data("case-17/app")}),
            )
            .await;
        place.holds(name, "y", "one").await;
        place
            .patch_secret(name, json!({"metadata": {"labels": {"theirs": "x"}}}))
            .await;
        let fewer = json!({"spec": {"target": {"template": {
            "metadata": {"labels": {"ours": null}, "annotations": {"ours": null}}, "data": {"y": null},
        }}}});
        place.patch("ExternalSecret", name, fewer).await;
        let secret = place
            .secret_that(name, |secret| value(secret, "y").is_none())
            .await;
        assert_eq!(value(&secret, "x").as_deref(), Some("one"));
        let labels = secret.metadata.labels.unwrap();
        assert!(!labels.contains_key("ours"), "{labels:?}");
        assert_eq!((&*labels["stays"], &*labels["theirs"]), ("x", "x"));
        assert!(!secret.metadata.annotations.unwrap().contains_key("ours"));
    }
}

/// S15 and the replays behind case 30 (CVE-2026-42876, GHSA-77v3-r3jw-j2v2).
#[tokio::test]
async fn no_template_makes_a_token_of_an_account_or_of_a_bootstrap_or_looks_into_the_cluster() {
    let place = Place::new("dangerous").await;
    place.write("app", &json!({"a": "default"})).await;
    place.make_secret("nearby", &[("x", "theirs")]).await;
    let account = "kubernetes.io/service-account.name";
    let annotations_from =
        json!([{"target": "Annotations", "literal": format!("{account}: \"{{{{ .a }}}}\"")}]);
    let templates = [
        (
            "named",
            json!({"type": "kubernetes.io/service-account-token", "metadata": {"annotations": {account: "default"}}}),
        ),
        (
            "rendered",
            json!({"type": "kubernetes.io/service-account-token", "templateFrom": annotations_from}),
        ),
        ("bootstrap", json!({"type": "bootstrap.kubernetes.io/token"})),
        (
            "lookup",
            json!({"data": {"x": "{{ lookup \"v1\" \"Secret\" \"dangerous\" \"nearby\" }}"}}),
        ),
        ("environment", json!({"data": {"x": "{{ env \"KUBECONFIG\" }}"}})),
        (
            "host",
            json!({"data": {"x": "{{ getHostByName \"localhost\" }}"}}),
        ),
    ];
    for (name, template) in &templates {
        let spec = json!({"target": {"template": template}, "data": data("dangerous/app")});
        place.external(name, spec).await;
    }
    for (name, _) in &templates {
        let (reason, _) = place.ready(name, "False").await;
        assert_eq!(reason, "SecretSyncedError", "{name}");
        assert!(place.secrets().get_opt(name).await.unwrap().is_none(), "{name}");
    }
    // The marks of a sealing key are nobody's to give either (S4).
    let template =
        json!({"metadata": {"labels": {"sealedsecrets.bitnami.com/sealed-secrets-key": "active"}}});
    let spec = json!({"target": {"template": template}, "data": data("dangerous/app")});
    place.external("key", spec).await;
    place.ready("key", "False").await;
    assert!(place.secrets().get_opt("key").await.unwrap().is_none());
}

/// S17: what is random is drawn once for the same inputs.
#[tokio::test]
async fn what_a_template_draws_stays_the_same_over_refreshes_and_drift() {
    let place = Place::new("drawn").await;
    place.write("app", &json!({"a": "one"})).await;
    let template = json!({"data": {"x": "{{ randAlphaNum 20 }}", "y": "{{ now | unixEpoch }}"}});
    let spec = json!({"refreshInterval": "1s", "target": {"template": template}, "data": data("drawn/app")});
    place.external("app", spec).await;
    let first = place
        .secret_that("app", |secret| value(secret, "x").is_some())
        .await;
    place.time_passes(3).await;
    let later = place.secrets().get("app").await.unwrap();
    assert_eq!(later.metadata.resource_version, first.metadata.resource_version);
    place
        .patch_secret("app", json!({"stringData": {"x": "forged"}}))
        .await;
    let drawn = value(&first, "x").unwrap();
    place.holds("app", "x", &drawn).await;
    // Upstream's own client would apply as an administrator: nothing of that is ours to undo.
    let labelled = json!({"metadata": {"labels": {"theirs": "x"}}});
    let params = PatchParams::default();
    place
        .secrets()
        .patch("app", &params, &Patch::Merge(labelled))
        .await
        .unwrap();
    let secret = place
        .secret_that("app", |secret| {
            secret
                .metadata
                .labels
                .as_ref()
                .is_some_and(|labels| labels.contains_key("theirs"))
        })
        .await;
    assert_eq!(value(&secret, "x"), Some(drawn));
}

/// S17: a template that would never end, or grow without bounds, is refused while a neighbour is served.
#[tokio::test]
async fn templates_that_never_end_are_refused_and_keep_nobody_waiting() {
    let place = Place::new("bombs").await;
    place.write("app", &json!({"a": "one"})).await;
    let bombs = [
        "{{ range until 1000000000 }}x{{ end }}",
        "{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}",
        "{{ repeat 1000000000 .a }}",
        "{{ define \"t\" }}{{ template \"t\" . }}{{ end }}{{ template \"t\" . }}",
        "{{ $x := .a }}{{ range until 60 }}{{ $x = print $x $x }}{{ end }}{{ $x }}",
        "{{ randAlphaNum 2000000000 }}",
        "{{ derivePassword 1 \"long\" (repeat 1000000 .a) \"u\" \"s\" }}{{ range until 100000 }}{{ derivePassword 1 \"long\" .a \"u\" \"s\" }}{{ end }}",
        "{{ range until 100000 }}{{ bcrypt $.a }}{{ end }}",
        "{{ genPrivateKey \"rsa\" }}{{ range until 100000 }}{{ genPrivateKey \"rsa\" }}{{ end }}",
    ];
    for (number, bomb) in bombs.iter().enumerate() {
        let template = json!({"data": {"x": bomb}});
        let spec = json!({"target": {"template": template}, "data": data("bombs/app")});
        place.external(&format!("bomb-{number}"), spec).await;
    }
    place
        .external("neighbour", json!({"data": data("bombs/app")}))
        .await;
    place.holds("neighbour", "a", "one").await;
    for number in 0..bombs.len() {
        let name = format!("bomb-{number}");
        let (_, message) = place.ready(&name, "False").await;
        assert!(
            message.starts_with("could not update secret"),
            "{name}: {message}"
        );
        assert!(place.secrets().get_opt(&name).await.unwrap().is_none(), "{name}");
    }
}
