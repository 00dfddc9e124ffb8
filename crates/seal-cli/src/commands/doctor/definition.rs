//! The CRD that is installed, held against ours: whether objects are served, whether a status is kept, and
//! which of our fields the API server would drop.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionVersion, JSONSchemaProps, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;
use seal_api::SealedSecret;
use seal_cluster::look::Seen;

use crate::report::Check;

const VERSION: &str = "v1alpha1";
const INSTALL: &str = "kubectl apply --server-side -f crds/bitnami.com_sealedsecrets.yaml";

/// What is to be said of it.
pub(super) fn judge(seen: &Seen<CustomResourceDefinition>) -> Vec<Check> {
    let about = "CRD";
    let definition = match seen {
        Seen::Found(definition) => definition,
        Seen::Absent => {
            let check = Check::failed(about, "there is no CRD sealedsecrets.bitnami.com")
                .code("no-crd")
                .remedy(INSTALL);
            return vec![check];
        }
        other => return vec![Check::unseen(about, other, "")],
    };
    let Some(installed) = version(definition).filter(|version| version.served) else {
        let check = Check::failed(about, format!("it does not serve {VERSION}"))
            .code("not-served")
            .remedy(INSTALL);
        return vec![check];
    };
    let names: Vec<&str> = definition
        .spec
        .versions
        .iter()
        .filter(|version| version.served)
        .map(|version| version.name.as_str())
        .collect();
    let served = format!("serves {}", names.join(", "));
    let keeps_status = installed
        .subresources
        .as_ref()
        .is_some_and(|subresources| subresources.status.is_some());
    let mut checks = Vec::new();
    if !keeps_status {
        let check = Check::failed(
            "status",
            "it has no status subresource: no condition can be written",
        )
        .code("no-status")
        .remedy(INSTALL);
        checks.push(check);
    }
    let ours = SealedSecret::crd();
    let ours = schema(version(&ours).expect("our CRD has our version")).expect("our CRD has a schema");
    match schema(installed) {
        None => checks.push(Check::ok(about, format!("{served}, without a schema"))),
        Some(theirs) => {
            let mut lacking = Vec::new();
            dropped(ours, theirs, "", &mut lacking);
            if lacking.is_empty() {
                checks.push(Check::ok(about, format!("Seal's, {served}")));
            } else {
                let check = Check::warning(
                    about,
                    format!(
                        "not Seal's, {served}; what the API server drops: {}",
                        lacking.join(", ")
                    ),
                )
                .code("fields-dropped")
                .remedy(format!(
                    "objects work as with sealed-secrets; for Seal's own: {INSTALL}"
                ));
                checks.push(check);
            }
        }
    }
    checks
}

fn version(definition: &CustomResourceDefinition) -> Option<&CustomResourceDefinitionVersion> {
    let mut versions = definition.spec.versions.iter();
    versions.find(|version| version.name == VERSION)
}

fn schema(version: &CustomResourceDefinitionVersion) -> Option<&JSONSchemaProps> {
    version.schema.as_ref()?.open_api_v3_schema.as_ref()
}

// Paths that `ours` describes and `theirs` would prune; `null` where only the null is lost.
fn dropped(ours: &JSONSchemaProps, theirs: &JSONSchemaProps, path: &str, lacking: &mut Vec<String>) {
    for (name, ours) in ours.properties.iter().flatten() {
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        match theirs
            .properties
            .as_ref()
            .and_then(|properties| properties.get(name))
        {
            Some(theirs) => dropped(ours, theirs, &path, lacking),
            None if theirs.x_kubernetes_preserve_unknown_fields == Some(true) => {}
            None if theirs.additional_properties.is_some() => {}
            // Every object has these.
            None if matches!(path.as_str(), "apiVersion" | "kind" | "metadata") => {}
            None => lacking.push(path),
        }
    }
    let null = |schema: &JSONSchemaProps| match &schema.additional_properties {
        Some(JSONSchemaPropsOrBool::Schema(values)) => values.nullable == Some(true),
        _ => false,
    };
    if null(ours) && !null(theirs) && theirs.additional_properties.is_some() {
        lacking.push(format!("null in {path}"));
    }
    if let (Some(ours), Some(theirs)) = (items(ours), items(theirs)) {
        dropped(ours, theirs, &format!("{path}[]"), lacking);
    }
}

fn items(schema: &JSONSchemaProps) -> Option<&JSONSchemaProps> {
    use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaPropsOrArray;
    match schema.items.as_ref()? {
        JSONSchemaPropsOrArray::Schema(item) => Some(item),
        JSONSchemaPropsOrArray::Schemas(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::State;

    fn judged(change: impl FnOnce(&mut serde_json::Value)) -> Vec<(State, String)> {
        let mut definition = serde_json::to_value(SealedSecret::crd()).unwrap();
        change(&mut definition);
        let seen = Seen::Found(serde_json::from_value(definition).unwrap());
        judge(&seen)
            .into_iter()
            .map(|check| (check.state, check.code.unwrap_or(check.what)))
            .collect()
    }

    #[test]
    fn ours_is_recognised_and_what_others_drop_is_named() {
        assert_eq!(
            judged(|_| {}),
            [(State::Ok, "Seal's, serves v1alpha1".to_owned())]
        );
        let template =
            "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/template/properties";
        let upstreams = |definition: &mut serde_json::Value| {
            let data = definition
                .pointer_mut(&format!("{template}/data/additionalProperties"))
                .unwrap();
            data.as_object_mut().unwrap().remove("nullable");
            definition
                .pointer_mut(template)
                .unwrap()
                .as_object_mut()
                .unwrap()
                .remove("immutable");
        };
        assert_eq!(judged(upstreams), [(State::Warning, "fields-dropped".to_owned())]);
        let mut definition = serde_json::to_value(SealedSecret::crd()).unwrap();
        upstreams(&mut definition);
        let check = judge(&Seen::Found(serde_json::from_value(definition).unwrap())).remove(0);
        assert!(
            check
                .what
                .ends_with("null in spec.template.data, spec.template.immutable"),
            "{}",
            check.what
        );
    }

    #[test]
    fn without_status_or_version_nothing_works() {
        let without_status = judged(|definition| {
            definition
                .pointer_mut("/spec/versions/0")
                .unwrap()
                .as_object_mut()
                .unwrap()
                .remove("subresources");
        });
        assert_eq!(without_status[0], (State::Failed, "no-status".to_owned()));
        let unserved = judged(|definition| {
            definition["spec"]["versions"][0]["served"] = false.into();
        });
        assert_eq!(unserved, [(State::Failed, "not-served".to_owned())]);
        assert_eq!(judge(&Seen::Absent)[0].code.as_deref(), Some("no-crd"));
    }
}
