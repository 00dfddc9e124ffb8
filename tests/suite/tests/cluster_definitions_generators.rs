//! The definitions of generators and ClusterExternalSecrets on a real API server, without a controller: what is
//! refused, what is kept, what is filled in.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

use std::path::Path;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::PostParams;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client};
use seal_api::external_secrets::{Generator, PasswordSpec, names};
use seal_testbed::{ADMIN, ControlPlane};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

const GENERATORS: [&str; 5] = ["clustergenerators", "fakes", "passwords", "sshkeys", "uuids"];

static PLANE: OnceCell<ControlPlane> = OnceCell::const_new();

fn definition(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../crds/{name}.yaml"));
    std::fs::read_to_string(path).unwrap()
}

async fn client() -> Client {
    let start = async || {
        let plane = ControlPlane::start().await?;
        for kind in GENERATORS {
            let name = format!("{}_{kind}", names::GENERATORS_GROUP);
            plane.apply(&definition(&name)).await?;
        }
        plane
            .apply(&definition("external-secrets.io_clusterexternalsecrets"))
            .await?;
        // Until they are served: a kind that an earlier document defines is waited for.
        let first = json!({"apiVersion": names::API_VERSION, "kind": "ClusterExternalSecret", "metadata": {"name": "first"},
            "spec": {"externalSecretSpec": {"dataFrom": [{"extract": {"key": "k"}}]}}});
        plane.apply(&first.to_string()).await?;
        let first = json!({"apiVersion": names::GENERATORS_API_VERSION, "kind": "UUID", "metadata": {"name": "first"}});
        plane.apply(&first.to_string()).await?;
        anyhow::Ok(plane)
    };
    let plane = PLANE
        .get_or_init(async || start().await.expect("a control plane"))
        .await;
    plane.client(ADMIN).await.unwrap()
}

async fn create(kind: &str, plural: &str, rest: Value) -> Result<Value, String> {
    let client = client().await;
    let (group, version) = match kind {
        "ClusterExternalSecret" => (names::GROUP, "v1"),
        _ => (names::GENERATORS_GROUP, "v1alpha1"),
    };
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural);
    let objects: Api<DynamicObject> = match kind.starts_with("Cluster") {
        true => Api::all_with(client, &resource),
        false => Api::namespaced_with(client, "default", &resource),
    };
    let mut object =
        json!({"apiVersion": format!("{group}/{version}"), "kind": kind, "metadata": {"generateName": "x-"}});
    object
        .as_object_mut()
        .unwrap()
        .extend(rest.as_object().unwrap().clone());
    let object: DynamicObject = serde_json::from_value(object).unwrap();
    match objects.create(&PostParams::default(), &object).await {
        Ok(object) => Ok(serde_json::to_value(object).unwrap()),
        Err(error) => Err(error.to_string()),
    }
}

#[tokio::test]
async fn a_password_gets_the_defaults_that_upstreams_controller_needs() {
    let made = create("Password", "passwords", json!({"spec": {}}))
        .await
        .unwrap();
    let expected = json!({"length": 24, "noUpper": false, "allowRepeat": false, "encoding": "raw"});
    assert_eq!(made["spec"], expected);
    let read = Generator::read("Password", &made["spec"]).unwrap();
    let Generator::Password(PasswordSpec { length, .. }) = read else {
        panic!("a password");
    };
    assert_eq!(length, Some(24));
    let made = create("SSHKey", "sshkeys", json!({"spec": {}})).await.unwrap();
    assert_eq!(made["spec"], json!({"keyType": "rsa"}));
}

#[tokio::test]
async fn a_generator_may_have_no_spec_at_all() {
    for (kind, plural) in [
        ("UUID", "uuids"),
        ("Password", "passwords"),
        ("SSHKey", "sshkeys"),
    ] {
        let made = create(kind, plural, json!({})).await.unwrap();
        assert!(Generator::read(kind, &made["spec"]).is_ok(), "{kind}");
    }
}

#[tokio::test]
async fn what_upstreams_schema_refuses_is_refused() {
    let secret_spec = || json!({"dataFrom": [{"extract": {"key": "k"}}]});
    for (kind, plural, spec, words) in [
        (
            "Password",
            "passwords",
            json!({"encoding": "rot13"}),
            "spec.encoding",
        ),
        (
            "Password",
            "passwords",
            json!({"secretKeys": []}),
            "spec.secretKeys",
        ),
        ("Password", "passwords", json!({"length": "24"}), "spec.length"),
        ("SSHKey", "sshkeys", json!({"keyType": "dsa"}), "spec.keyType"),
        ("SSHKey", "sshkeys", json!({"keySize": 128}), "spec.keySize"),
        ("SSHKey", "sshkeys", json!({"keySize": 16384}), "spec.keySize"),
        (
            "ClusterGenerator",
            "clustergenerators",
            json!({"kind": "Dice", "generator": {"uuidSpec": {}}}),
            "spec.kind",
        ),
        (
            "ClusterGenerator",
            "clustergenerators",
            json!({"kind": "UUID", "generator": {}}),
            "spec.generator",
        ),
        (
            "ClusterGenerator",
            "clustergenerators",
            json!({"kind": "UUID", "generator": {"uuidSpec": {}, "fakeSpec": {}}}),
            "spec.generator",
        ),
        (
            "ClusterExternalSecret",
            "clusterexternalsecrets",
            json!({"externalSecretSpec": {}}),
            "either data or dataFrom should be specified",
        ),
        (
            "ClusterExternalSecret",
            "clusterexternalsecrets",
            json!({"externalSecretSpec": secret_spec(), "namespaces": ["A"]}),
            "spec.namespaces",
        ),
        (
            "ClusterExternalSecret",
            "clusterexternalsecrets",
            json!({"externalSecretSpec": secret_spec(), "externalSecretName": "a_b"}),
            "spec.externalSecretName",
        ),
    ] {
        let refused = create(kind, plural, json!({"spec": spec})).await.unwrap_err();
        assert!(refused.contains(words), "{kind} {spec}: {refused}");
    }
}

#[tokio::test]
async fn a_cluster_generator_of_a_kind_that_we_have_not_is_kept_whole() {
    let spec = json!({"kind": "MFA", "generator": {"mfaSpec": {"secret": {"name": "s", "key": "k"}}}});
    let made = create("ClusterGenerator", "clustergenerators", json!({"spec": spec}))
        .await
        .unwrap();
    assert_eq!(made["spec"], spec);
}

#[tokio::test]
async fn a_cluster_external_secret_fills_in_what_an_external_secret_does() {
    let spec = json!({"externalSecretSpec": {"dataFrom": [{"extract": {"key": "k"}}]},
        "namespaceSelectors": [{"matchLabels": {"a": "b"}}, {}], "refreshTime": "1m",
        "externalSecretMetadata": {"labels": {"x": "y"}}});
    let made = create(
        "ClusterExternalSecret",
        "clusterexternalsecrets",
        json!({"spec": spec}),
    )
    .await
    .unwrap();
    let mut expected = spec;
    expected["externalSecretSpec"] = json!({
        "refreshInterval": "1h0m0s",
        "dataFrom": [{"extract": {"key": "k", "conversionStrategy": "Default"}}],
        "target": {"creationPolicy": "Owner", "deletionPolicy": "Retain"},
    });
    assert_eq!(made["spec"], expected);
}

#[tokio::test]
async fn they_are_listed_as_upstreams_are() {
    let crds: Api<CustomResourceDefinition> = Api::all(client().await);
    for kind in GENERATORS {
        let crd = crds
            .get(&format!("{kind}.{}", names::GENERATORS_GROUP))
            .await
            .unwrap();
        let categories = crd.spec.names.categories.unwrap();
        assert_eq!(categories, ["external-secrets", "external-secrets-generators"]);
        let labels = crd.metadata.labels.unwrap();
        assert_eq!(labels["external-secrets.io/component"], "controller");
        let scope = if kind == "clustergenerators" {
            "Cluster"
        } else {
            "Namespaced"
        };
        assert_eq!(crd.spec.scope, scope);
    }
    let name = format!("clusterexternalsecrets.{}", names::GROUP);
    let crd = crds.get(&name).await.unwrap();
    assert_eq!(crd.spec.names.short_names.unwrap(), ["ces"]);
    let columns = crd.spec.versions[0].additional_printer_columns.iter().flatten();
    let columns: Vec<_> = columns
        .map(|column| (column.name.as_str(), column.json_path.as_str()))
        .collect();
    let ready = r#".status.conditions[?(@.type=="Ready")].status"#;
    let expected = [
        ("Store", ".spec.externalSecretSpec.secretStoreRef.name"),
        ("Refresh Interval", ".spec.refreshTime"),
        ("Ready", ready),
    ];
    assert_eq!(columns, expected);
}
