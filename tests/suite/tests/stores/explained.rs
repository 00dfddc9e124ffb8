//! `seal explain es/…` against real objects: each station of the walk is broken in turn, and named as the one.

use std::collections::BTreeMap;
use std::path::PathBuf;

use seal_testbed::{ADMIN, Program, wait_for};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::ground::{Place, SOON, built, ground};

/// Deployments that say what a controller is told and as whom it runs; nothing runs behind them.
pub(crate) async fn deployments() {
    static MADE: OnceCell<()> = OnceCell::const_new();
    let make = async || {
        let plane = &ground().await.plane;
        for (name, account) in [("seal-controller", "trusted"), ("poor", "poor")] {
            let labels = json!({"app": name});
            let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "seal"},
                "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {
                    "serviceAccountName": account,
                    "containers": [{"name": "controller", "image": "seal:1", "args": ["--external-secrets"]}]}}}});
            plane.apply(&deployment.to_string()).await.unwrap();
        }
        let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "trusted"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "name": "trusted", "namespace": "seal"}]});
        plane.apply(&binding.to_string()).await.unwrap();
        plane.rights_count().await.unwrap();
    };
    MADE.get_or_init(make).await;
}

/// What `seal explain` says of a target in `namespace`, by section and subject; and its exit code.
async fn explained(target: &str, namespace: &str, controller: &str) -> (i32, Checks) {
    seal(&["explain", target, "-n", namespace], controller).await
}

/// What `seal` says with these words about the cluster and that controller.
pub(crate) async fn seal(words: &[&str], controller: &str) -> (i32, Checks) {
    static BUILT: OnceCell<PathBuf> = OnceCell::const_new();
    deployments().await;
    let kubeconfig = ground().await.plane.kubeconfig(ADMIN).await.unwrap();
    let build = async || {
        tokio::task::spawn_blocking(|| built("seal-cli", "seal").unwrap())
            .await
            .unwrap()
    };
    let program = Program::new(BUILT.get_or_init(build).await)
        .args(words)
        .args(["-o", "json", "--controller-namespace", "seal"])
        .args(["--controller-name", controller])
        .env("KUBECONFIG", kubeconfig.display().to_string());
    let output = tokio::task::spawn_blocking(move || program.run())
        .await
        .unwrap()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", output.err()));
    let checks = report["reports"][0]["checks"].as_array().unwrap().iter();
    let text = |check: &Value, field: &str| check[field].as_str().unwrap_or_default().to_owned();
    let checks = checks.map(|check| {
        let key = (text(check, "section"), text(check, "about"));
        let told = ["state", "code", "what"].map(|field| text(check, field));
        (key, told)
    });
    (output.code, Checks(checks.collect()))
}

/// State, code and words of each check.
pub(crate) struct Checks(BTreeMap<(String, String), [String; 3]>);

impl Checks {
    pub(crate) fn of(&self, section: &str, about: &str) -> [&str; 3] {
        let key = (section.to_owned(), about.to_owned());
        let found = self.0.get(&key);
        let found = found.unwrap_or_else(|| panic!("no {section} {about}: {:#?}", self.0));
        [&found[0], &found[1], &found[2]]
    }

    /// Findings but those about the controller, behind whose Deployment nothing runs.
    fn findings(&self) -> Vec<&(String, String)> {
        let is_finding = |state: &str| state == "failed" || state == "warning";
        let findings = self
            .0
            .iter()
            .filter(|((section, _), told)| section != "Controller" && is_finding(&told[0]));
        findings.map(|(key, _)| key).collect()
    }
}

fn entry(path: &str) -> Value {
    json!({"data": [{"secretKey": "a", "remoteRef": {"key": path, "property": "a"}}]})
}

#[tokio::test]
async fn what_is_healthy_is_walked_from_its_store_to_its_secret() {
    let place = Place::new("walked").await;
    place.write("app", &json!({"a": "hunter2-hunter2"})).await;
    place.external("app", entry("walked/app")).await;
    place.ready("app", "True").await;
    for target in ["es/app", "externalsecret/app", "secret/app"] {
        let (_, checks) = explained(target, "walked", "seal-controller").await;
        assert_eq!(checks.findings(), Vec::<&(String, String)>::new(), "{target}");
        assert_eq!(checks.of("Store", "Ready")[0], "ok");
        let [state, _, what] = checks.of("Credentials", "vault.auth.tokenSecretRef");
        assert_eq!(
            (state, what),
            ("ok", "Secret walked/vault-token has the key token")
        );
        assert_eq!(
            checks.of("Values", "data[0] a")[2],
            "walked/app, property a: fetched"
        );
        assert_eq!(checks.of("Secret", "ownership")[0], "ok");
        assert_eq!(checks.of("Secret", "content")[0], "ok", "the record is proven");
        assert_eq!(checks.of("Events", "Created")[0], "note");
    }
    // Whoever runs as somebody without rights reads no credentials.
    let (code, checks) = explained("es/app", "walked", "poor").await;
    assert_eq!(code, 1);
    let [state, code, what] = checks.of("Credentials", "vault.auth.tokenSecretRef");
    assert_eq!((state, code), ("failed", "forbidden"));
    assert!(
        what.ends_with("the controller may not get secrets in namespace walked"),
        "{what}"
    );
}

#[tokio::test]
async fn each_station_that_breaks_is_named_as_the_one() {
    let place = Place::new("broken").await;
    let server = ground().await.store.url();
    let vault = |secret: &str, key: &str| {
        json!({"provider": {"vault": {"server": server, "path": "secret", "version": "v2",
            "auth": {"tokenSecretRef": {"name": secret, "key": key, "namespace": null}}}}})
    };
    place.write("app", &json!({"a": "one"})).await;
    place
        .create("SecretStore", "keyless", vault("vault-token", "nothing"))
        .await;
    place
        .create("SecretStore", "tokenless", vault("nobody", "token"))
        .await;
    let mut closed = vault("vault-token", "token");
    closed["provider"]["vault"]["auth"]["tokenSecretRef"]["namespace"] = json!("broken");
    closed["conditions"] = json!([{"namespaces": ["elsewhere"]}]);
    place.create("ClusterSecretStore", "broken-closed", closed).await;
    place
        .create(
            "SecretStore",
            "foreign",
            json!({"provider": {"aws": {"service": "SecretsManager", "region": "x"}}}),
        )
        .await;
    let from = |name: &str, kind: &str| {
        let mut object = entry("broken/app");
        object["secretStoreRef"] = json!({"name": name, "kind": kind});
        object
    };
    place.external("owner", entry("broken/app")).await;
    place.ready("owner", "True").await;
    let mut rival = entry("broken/app");
    rival["target"] = json!({"name": "owner"});
    let mut template = entry("broken/app");
    template["target"] = json!({"template": {"data": {"url": "{{ .nope }}"}}});
    let mut property = entry("broken/app");
    property["data"][0]["remoteRef"]["property"] = json!("zzz");
    for (name, object, section, about, code) in [
        (
            "nostore",
            from("nostore", "SecretStore"),
            "Store",
            "store",
            "store-absent",
        ),
        (
            "foreign",
            from("foreign", "SecretStore"),
            "Store",
            "provider",
            "store-settings",
        ),
        (
            "closed",
            from("broken-closed", "ClusterSecretStore"),
            "Store",
            "namespace",
            "store-closed",
        ),
        (
            "tokenless",
            from("tokenless", "SecretStore"),
            "Credentials",
            "vault.auth.tokenSecretRef",
            "credential-absent",
        ),
        (
            "keyless",
            from("keyless", "SecretStore"),
            "Credentials",
            "vault.auth.tokenSecretRef",
            "credential-entry-absent",
        ),
        (
            "path",
            entry("broken/none"),
            "Values",
            "data[0] a",
            "source-missing",
        ),
        ("property", property, "Values", "data[0] a", "property-missing"),
        ("template", template, "Template", "template", "template-failed"),
        ("rival", rival, "Secret", "ownership", "owned-by-another"),
    ] {
        place.external(name, object).await;
        place.ready(name, "False").await;
        let what = format!("{name} to break at {section} {about} by {code}");
        // A store tells of itself a moment later.
        let found = wait_for(&what, SOON, async || {
            let (exit, checks) = explained(&format!("es/{name}"), "broken", "seal-controller").await;
            anyhow::ensure!(exit == 1, "exit code {exit}");
            let [state, told, words] = checks.of(section, about);
            let place = checks.of("", "breaks at")[2];
            anyhow::ensure!(
                state == "failed" && told == code && place.starts_with(section),
                "{state} {told} {words}; it breaks at {place}"
            );
            Ok(Some(()))
        });
        found.await.unwrap();
    }
}
