//! What the metrics tell of ExternalSecrets and stores, and that a series ends with what it is about.

use anyhow::ensure;
use kube::api::DeleteParams;
use seal_testbed::wait_for;
use seal_tests::metrics::{Described, listed, served};
use serde_json::{Value, json};

use super::ground::{Place, SOON, ground};

/// The text that the shared controller serves.
async fn metrics() -> anyhow::Result<String> {
    let log = ground().await.controller.log();
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut serving = lines.filter(|line| line["message"] == "HTTP server serving");
    let address = serving
        .nth(1)
        .map(|line| line["address"].as_str().unwrap().to_owned());
    let Some(address) = address else {
        anyhow::bail!("no address is told yet");
    };
    let client = reqwest::Client::builder().no_proxy().build()?;
    let answer = client.get(format!("http://{address}/metrics")).send().await?;
    Ok(answer.text().await?)
}

async fn told(line: &str) {
    let what = format!("the metrics to tell {line}");
    let found = wait_for(&what, SOON, async || {
        Ok(metrics().await?.lines().any(|told| told == line).then_some(()))
    });
    found.await.unwrap();
}

fn of_external_secrets(served: Described) -> Described {
    let listed = listed("metrics");
    served
        .into_iter()
        .filter(|(name, _)| !listed.contains_key(name))
        .collect()
}

fn vault(server: &str, namespace: Option<&str>) -> Value {
    json!({"provider": {"vault": {"server": server, "path": "secret", "version": "v2",
        "auth": {"tokenSecretRef": {"name": "vault-token", "key": "token", "namespace": namespace}}}}})
}

#[tokio::test]
async fn metrics_tell_of_objects_and_stores_as_the_table_lists_and_forget_what_is_gone() {
    let place = Place::new("measured").await;
    place.write("app", &json!({"a": "one"})).await;
    let of = |path: &str| json!({"data": [{"secretKey": "a", "remoteRef": {"key": path, "property": "a"}}]});
    place.external("app", of("measured/app")).await;
    place.external("bad", of("measured/nothing")).await;
    let store = &ground().await.store;
    place
        .create(
            "ClusterSecretStore",
            "measured",
            vault(&store.url(), Some("measured")),
        )
        .await;
    let nowhere = json!({"externalSecretSpec": of("measured/app"), "namespaceSelectors": [{"matchLabels": {"measured": "none"}}]});
    place.create("ClusterExternalSecret", "measured", nowhere).await;
    // Nothing listens there.
    place
        .create("SecretStore", "down", vault("http://127.0.0.1:9", None))
        .await;
    for line in [
        r#"externalsecret_status_condition{name="app",namespace="measured",condition="Ready",status="True"} 1"#,
        r#"externalsecret_status_condition{name="bad",namespace="measured",condition="Ready",status="False"} 1"#,
        r#"secretstore_status_condition{name="vault",namespace="measured",condition="Ready",status="True"} 1"#,
        r#"secretstore_status_condition{name="down",namespace="measured",condition="Ready",status="False"} 1"#,
        r#"secretstore_down{kind="SecretStore",namespace="measured",name="down"} 1"#,
        r#"clustersecretstore_status_condition{name="measured",namespace="",condition="Ready",status="True"} 1"#,
        r#"clusterexternalsecret_status_condition{name="measured",namespace="",condition="Ready",status="True"} 1"#,
    ] {
        told(line).await;
    }
    let listed = listed("externalSecrets");
    let served = wait_for("all listed metrics to be served", SOON, async || {
        let served = of_external_secrets(served(&metrics().await?)?);
        let missing: Vec<_> = listed.keys().filter(|name| !served.contains_key(*name)).collect();
        ensure!(missing.is_empty(), "the controller does not serve {missing:?}");
        Ok(Some(served))
    });
    assert_eq!(served.await.unwrap(), listed);
    let value = |text: &str, name: &str| -> f64 {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap().parse().unwrap()
    };
    assert!(value(&metrics().await.unwrap(), "externalsecret_overdue") >= 1.0);

    for (kind, names) in [
        ("ExternalSecret", &["app", "bad"][..]),
        ("SecretStore", &["vault", "down"]),
        ("ClusterSecretStore", &["measured"]),
        ("ClusterExternalSecret", &["measured"]),
    ] {
        for name in names {
            let gone = place.dynamic(kind).delete(name, &DeleteParams::default()).await;
            gone.unwrap();
        }
    }
    let forgotten = wait_for("the series to end", SOON, async || {
        let text = metrics().await?;
        let left: Vec<_> = text
            .lines()
            .filter(|line| line.contains("\"measured\""))
            .collect();
        ensure!(left.is_empty(), "still told: {left:?}");
        Ok(Some(()))
    });
    forgotten.await.unwrap();
}
