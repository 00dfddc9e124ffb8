//! The definitions of ExternalSecrets and stores on a real API server, without a controller: what is refused
//! and in which words, what is kept, what is filled in. How objects are judged is tested elsewhere.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

use std::path::Path;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::PostParams;
use kube::core::{ApiResource, DynamicObject};
use kube::{Api, Client};
use seal_api::external_secrets::{
    ClusterSecretStore, ExternalSecret, Provider, ProviderFault, SecretStore, names,
};
use seal_testbed::{ADMIN, ControlPlane};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

const KINDS: [&str; 3] = ["clustersecretstores", "externalsecrets", "secretstores"];
// What upstream's 0.20.4 ships, all kinds in all versions.
const UPSTREAMS_BYTES: usize = 1_649_565;

static PLANE: OnceCell<ControlPlane> = OnceCell::const_new();

fn definition(plural: &str) -> String {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../crds/{}_{plural}.yaml", names::GROUP));
    std::fs::read_to_string(path).unwrap()
}

async fn client() -> Client {
    let start = async || {
        let plane = ControlPlane::start().await?;
        for kind in KINDS {
            plane.apply(&definition(kind)).await?;
        }
        // Until they are served: a kind that an earlier document defines is waited for.
        let store = json!({"apiVersion": names::API_VERSION, "kind": "SecretStore", "metadata": {"name": "first"},
            "spec": {"provider": {"fake": {"data": []}}}});
        plane.apply(&store.to_string()).await?;
        anyhow::Ok(plane)
    };
    let plane = PLANE
        .get_or_init(async || start().await.expect("a control plane"))
        .await;
    plane.client(ADMIN).await.unwrap()
}

async fn create(kind: &str, spec: Value) -> Result<Value, String> {
    let client = client().await;
    let resource = match kind {
        "ExternalSecret" => ApiResource::erase::<ExternalSecret>(&()),
        "SecretStore" => ApiResource::erase::<SecretStore>(&()),
        _ => ApiResource::erase::<ClusterSecretStore>(&()),
    };
    let objects: Api<DynamicObject> = match kind {
        "ClusterSecretStore" => Api::all_with(client, &resource),
        _ => Api::namespaced_with(client, "default", &resource),
    };
    let object = json!({"apiVersion": names::API_VERSION, "kind": kind, "metadata": {"generateName": "x-"}, "spec": spec});
    let object: DynamicObject = serde_json::from_value(object).unwrap();
    match objects.create(&PostParams::default(), &object).await {
        Ok(object) => Ok(serde_json::to_value(object).unwrap()),
        Err(error) => Err(error.to_string()),
    }
}

fn with_target(target: Value) -> Value {
    json!({"data": [{"secretKey": "a", "remoteRef": {"key": "k"}}], "target": target})
}

fn with_data_from(item: Value) -> Value {
    json!({"dataFrom": [item]})
}

#[tokio::test]
async fn what_upstreams_webhook_refuses_is_refused_in_its_words() {
    let key = || json!({"key": "k"});
    let generator = || json!({"generatorRef": {"kind": "UUID", "name": "u"}});
    let delete = "deletionPolicy=Delete must not be used when the controller doesn't own the secret. Please set creationPolicy=Owner";
    let merge =
        "deletionPolicy=Merge must not be used with creationPolicy=None. There is no Secret to merge with";
    let together = "extract, find, or generatorRef cannot be set at the same time";
    for (spec, words) in [
        (json!({}), "either data or dataFrom should be specified"),
        (
            json!({"data": [], "dataFrom": []}),
            "either data or dataFrom should be specified",
        ),
        (
            with_target(json!({"deletionPolicy": "Delete", "creationPolicy": "Merge"})),
            delete,
        ),
        (
            with_target(json!({"deletionPolicy": "Delete", "creationPolicy": "None"})),
            delete,
        ),
        (
            with_target(json!({"deletionPolicy": "Delete", "creationPolicy": "CreateOrMerge"})),
            delete,
        ),
        (
            with_target(json!({"deletionPolicy": "Merge", "creationPolicy": "None"})),
            merge,
        ),
        (with_data_from(json!({"extract": key(), "find": {}})), together),
        (
            with_data_from(json!({"extract": key(), "sourceRef": generator()})),
            together,
        ),
        (
            with_data_from(json!({"find": {}, "sourceRef": generator()})),
            together,
        ),
        (
            with_data_from(json!({"rewrite": [{"transform": {"template": "{{.value}}"}}]})),
            "either extract, find, or sourceRef must be set to dataFrom",
        ),
        (
            with_data_from(json!({"extract": key(), "sourceRef": {}})),
            "spec.dataFrom[0].sourceRef",
        ),
        (
            with_target(json!({"creationPolicy": "Sometimes"})),
            "spec.target.creationPolicy",
        ),
        (
            json!({"data": [{"secretKey": "a/b", "remoteRef": {"key": "k"}}]}),
            "spec.data[0].secretKey",
        ),
    ] {
        let refused = create("ExternalSecret", spec.clone()).await.unwrap_err();
        assert!(refused.contains(words), "{spec}: {refused}");
    }
}

#[tokio::test]
async fn what_upstream_takes_is_taken() {
    for spec in [
        with_target(json!({"deletionPolicy": "Delete", "creationPolicy": "Orphan"})),
        with_target(json!({"deletionPolicy": "Merge", "creationPolicy": "CreateOrMerge"})),
        with_target(json!({"template": {"templateFrom": [{"literal": "a: b", "target": "annotations"}]}})),
        with_target(json!({"manifest": {"apiVersion": "v1", "kind": "ConfigMap"},
            "template": {"templateFrom": [{"literal": "a: b", "target": "spec.a"}]}})),
        with_data_from(json!({"sourceRef": {"generatorRef": {"kind": "MFA", "name": "m"}}})),
        with_data_from(json!({"extract": {"key": "k"}, "sourceRef": {"storeRef": {"name": "s"}}})),
        json!({"refreshInterval": "0", "syncWindows": {"kind": "deny", "windows": [{"schedule": "@daily", "duration": "1h"}]},
            "dataFrom": [{"find": {"name": {"regexp": "a.*"}, "tags": {"a": "b"}}}]}),
        // Twice the same entry, and entries without end: no rule may count them.
        json!({"data": vec![json!({"secretKey": "a", "remoteRef": {"key": "k"}}); 2000]}),
    ] {
        let made = create("ExternalSecret", spec.clone()).await;
        let made = made.unwrap_or_else(|refused| panic!("{spec}: {refused}"));
        let read: ExternalSecret = serde_json::from_value(made.clone()).unwrap();
        // What was read is what stands there, nothing dropped and nothing filled in.
        assert_eq!(serde_json::to_value(&read.spec).unwrap(), made["spec"]);
    }
}

#[tokio::test]
async fn only_the_defaults_are_filled_in_that_upstreams_controller_needs() {
    let made = create(
        "ExternalSecret",
        json!({
            "data": [{"secretKey": "a", "remoteRef": {"key": "k"}}],
            "dataFrom": [{"extract": {"key": "k"}}, {"find": {}}, {"sourceRef": {"generatorRef": {"kind": "UUID", "name": "u"}}},
                {"extract": {"key": "k"}, "rewrite": [{"merge": {}}]}],
            "target": {"template": {"templateFrom": [{"configMap": {"name": "c", "items": [{"key": "k"}]}}]}},
        }),
    )
    .await
    .unwrap();
    let expected = json!({
        "refreshInterval": "1h0m0s",
        "data": [{"secretKey": "a", "remoteRef": {"key": "k"}}],
        "dataFrom": [
            {"extract": {"key": "k", "conversionStrategy": "Default"}},
            {"find": {"conversionStrategy": "Default"}},
            {"sourceRef": {"generatorRef": {"apiVersion": "generators.external-secrets.io/v1alpha1", "kind": "UUID", "name": "u"}}},
            {"extract": {"key": "k", "conversionStrategy": "Default"}, "rewrite": [{"merge": {}}]},
        ],
        "target": {"creationPolicy": "Owner", "deletionPolicy": "Retain", "template": {"engineVersion": "v2",
            "templateFrom": [{"target": "Data", "configMap": {"name": "c", "items": [{"key": "k", "templateAs": "Values"}]}}]}},
    });
    assert_eq!(made["spec"], expected);

    let auth = json!({"appRole": {"secretRef": {}}, "kubernetes": {"role": "r"}, "ldap": {"username": "u"}, "jwt": {},
        "cert": {}, "userPass": {"username": "u"}, "iam": {"region": "r"}});
    let vault = json!({"vault": {"server": "http://v", "auth": auth}});
    let made = create("SecretStore", json!({"provider": vault})).await.unwrap();
    let vault = &made["spec"]["provider"]["vault"];
    assert_eq!(vault["version"], "v2");
    for (method, field, path) in [
        ("appRole", "path", "approle"),
        ("kubernetes", "mountPath", "kubernetes"),
        ("ldap", "path", "ldap"),
        ("jwt", "path", "jwt"),
        ("cert", "path", "cert"),
        ("userPass", "path", "userpass"),
    ] {
        assert_eq!(vault["auth"][method][field], path, "{method}");
    }
    assert_eq!(vault["auth"]["iam"], json!({"region": "r"}));
    let store: SecretStore = serde_json::from_value(made).unwrap();
    assert!(matches!(store.spec.provider.read(), Ok(Provider::Vault(_))));

    let made = create(
        "ClusterSecretStore",
        json!({"provider": {"kubernetes": {"server": {}}}}),
    )
    .await;
    let kubernetes = &made.unwrap()["spec"]["provider"]["kubernetes"];
    assert_eq!(kubernetes["remoteNamespace"], "default");
    assert_eq!(kubernetes["server"]["url"], "kubernetes.default");
}

#[tokio::test]
async fn a_provider_that_we_have_not_is_kept_whole_and_a_misspelt_field_of_ours_is_not() {
    for kind in ["SecretStore", "ClusterSecretStore"] {
        let block = json!({"gcpsm": {"projectID": "p", "auth": {"workloadIdentity": {"clusterName": "c"}}}});
        let spec = json!({"provider": block, "refreshInterval": 60});
        let made = create(kind, spec.clone()).await.unwrap();
        assert_eq!(made["spec"], spec);
        // The two specs are one type.
        let store: SecretStore = serde_json::from_value(made).unwrap();
        let fault = store.spec.provider.read().unwrap_err();
        assert_eq!(fault, ProviderFault::Unsupported("gcpsm".to_owned()));

        let spec =
            json!({"provider": {"vault": {"server": "http://v", "paht": "secret"}}, "refreshInterval": "5m"});
        let made = create(kind, spec).await.unwrap();
        assert_eq!(made["spec"]["provider"]["vault"].get("paht"), None);
        assert_eq!(made["spec"]["refreshInterval"], "5m");

        for (provider, words) in [
            (json!({}), "spec.provider"),
            (
                json!({"vault": {"server": "http://v"}, "fake": {"data": []}}),
                "spec.provider",
            ),
            (json!({"vault": {}}), "spec.provider.vault.server"),
            (
                json!({"vault": {"server": "http://v", "version": "v3"}}),
                "spec.provider.vault.version",
            ),
            (
                json!({"kubernetes": {"auth": {"token": {}, "cert": {}}}}),
                "spec.provider.kubernetes.auth",
            ),
        ] {
            let refused = create(kind, json!({"provider": provider})).await.unwrap_err();
            assert!(refused.contains(words), "{refused}");
        }
    }
}

#[tokio::test]
async fn they_are_listed_and_selected_as_upstreams_are() {
    let crds: Api<CustomResourceDefinition> = Api::all(client().await);
    for (plural, short, columns, selectable) in [
        (
            "externalsecrets",
            "es",
            &[
                "StoreType",
                "Store",
                "Refresh Interval",
                "Status",
                "Ready",
                "Last Sync",
            ][..],
            &[
                ".spec.secretStoreRef.name",
                ".spec.secretStoreRef.kind",
                ".spec.target.name",
                ".spec.refreshInterval",
            ][..],
        ),
        (
            "secretstores",
            "ss",
            &["AGE", "Status", "Capabilities", "Ready"],
            &[],
        ),
        (
            "clustersecretstores",
            "css",
            &["AGE", "Status", "Capabilities", "Ready"],
            &[],
        ),
    ] {
        let crd = crds.get(&format!("{plural}.{}", names::GROUP)).await.unwrap();
        assert_eq!(
            crd.metadata.labels.unwrap()["external-secrets.io/component"],
            "controller"
        );
        assert_eq!(crd.spec.names.short_names.unwrap(), [short]);
        assert_eq!(crd.spec.names.categories.unwrap(), ["external-secrets"]);
        let version = &crd.spec.versions[0];
        assert!(version.name == "v1" && version.served && version.storage);
        let shown: Vec<&str> = version
            .additional_printer_columns
            .iter()
            .flatten()
            .map(|column| column.name.as_str())
            .collect();
        assert_eq!(shown, columns);
        let fields = version.selectable_fields.iter().flatten();
        let fields: Vec<&str> = fields.map(|field| field.json_path.as_str()).collect();
        assert_eq!(fields, selectable);
    }
}

#[tokio::test]
async fn they_take_the_place_of_definitions_that_stored_objects_in_the_version_before() {
    let plane = ControlPlane::start().await.unwrap();
    let mut before: Value = serde_yaml::from_str(&definition("externalsecrets")).unwrap();
    let versions = before["spec"]["versions"].as_array_mut().unwrap();
    versions[0]["storage"] = json!(false);
    versions[1]["storage"] = json!(true);
    versions[1]["served"] = json!(true);
    plane.apply(&before.to_string()).await.unwrap();
    let object = json!({"apiVersion": "external-secrets.io/v1beta1", "kind": "ExternalSecret", "metadata": {"name": "old"},
        "spec": {"data": [{"secretKey": "a", "remoteRef": {"key": "k"}}]}});
    plane.apply(&object.to_string()).await.unwrap();

    plane.apply(&definition("externalsecrets")).await.unwrap();
    let objects: Api<ExternalSecret> = Api::namespaced(plane.client(ADMIN).await.unwrap(), "default");
    let old = objects.get("old").await.unwrap();
    assert_eq!(old.spec.data[0].remote_ref.key, "k");
}

#[test]
fn they_are_a_tenth_of_upstreams() {
    let ours: usize = KINDS.iter().map(|plural| definition(plural).len()).sum();
    assert!(ours * 10 < UPSTREAMS_BYTES, "{ours} bytes");
}

#[test]
fn both_kinds_of_store_have_the_same_schema() {
    let spec = |plural: &str| -> Value {
        let definition: Value = serde_yaml::from_str(&definition(plural)).unwrap();
        let mut spec =
            definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"].clone();
        spec.as_object_mut().unwrap().remove("description");
        spec
    };
    assert_eq!(spec("secretstores"), spec("clustersecretstores"));
}
