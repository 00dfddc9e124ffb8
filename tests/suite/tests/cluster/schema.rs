//! Our CRD beside upstream's, as the API server understands both.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use seal_testbed::{ADMIN, ControlPlane};
use serde_json::{Value, json};

use super::ground::{place, root};

async fn understood(plane: &ControlPlane) -> Value {
    let crds: Api<CustomResourceDefinition> = Api::all(plane.client(ADMIN).await.unwrap());
    let crd = crds.get("sealedsecrets.bitnami.com").await.unwrap();
    let mut spec = serde_json::to_value(crd.spec).unwrap();
    without_words(&mut spec);
    // What every kind has, said or unsaid.
    let root = spec
        .pointer_mut("/versions/0/schema/openAPIV3Schema")
        .and_then(Value::as_object_mut)
        .unwrap();
    root.remove("title");
    let properties = root["properties"].as_object_mut().unwrap();
    properties.retain(|name, _| matches!(name.as_str(), "spec" | "status"));
    spec
}

fn without_words(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if map.get("description").is_some_and(Value::is_string) {
                map.remove("description");
            }
            map.values_mut().for_each(without_words);
        }
        Value::Array(all) => all.iter_mut().for_each(without_words),
        _ => {}
    }
}

#[tokio::test]
async fn our_schema_is_upstreams_but_for_the_null_that_leaves_an_entry_out() {
    let plane = ControlPlane::start().await.unwrap();
    plane
        .apply(&seal_testbed::sealed_secrets_crd().unwrap())
        .await
        .unwrap();
    let theirs = understood(&plane).await;
    // Over theirs, as a user who moves does it.
    plane
        .apply(&std::fs::read_to_string(root().join("crds/bitnami.com_sealedsecrets.yaml")).unwrap())
        .await
        .unwrap();
    let mut ours = understood(&plane).await;
    let entry = "/versions/0/schema/openAPIV3Schema/properties/spec/properties/template/properties/data/additionalProperties";
    assert_eq!(
        ours.pointer_mut(entry)
            .unwrap()
            .as_object_mut()
            .unwrap()
            .remove("nullable"),
        Some(json!(true))
    );
    assert_eq!(ours, theirs);
}

#[tokio::test]
async fn what_upstreams_schema_refuses_is_refused() {
    let place = place("schema").await;
    let object = |spec: Value| json!({"apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "metadata": {"name": "x"}, "spec": spec});
    for (spec, field) in [
        (json!({}), "spec.encryptedData"),
        (json!({"encryptedData": {"n": 5}}), "spec.encryptedData.n"),
        (json!({"encryptedData": {}, "data": "not base64!"}), "spec.data"),
    ] {
        let refused = place.create_json(&object(spec)).await.unwrap_err().to_string();
        assert!(refused.contains(field), "{refused}");
    }
    for spec in [
        json!({"encryptedData": {}, "template": null}),
        json!({"encryptedData": {}, "template": {"metadata": null, "data": null}}),
    ] {
        let mut object = object(spec);
        object["metadata"] = json!({"generateName": "x-"});
        place.create_json(&object).await.unwrap();
    }
}
