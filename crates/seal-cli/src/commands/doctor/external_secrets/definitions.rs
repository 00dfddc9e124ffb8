//! The CRDs of external-secrets: whose they are, which versions they serve, and in which ones objects are stored.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use seal_cluster::look::{Look, Seen, Served};

use crate::report::Check;

/// Those whose shape matters to us, by plural.
const OURS: [&str; 3] = ["externalsecrets", "secretstores", "clustersecretstores"];
const GROUP: &str = "external-secrets.io";

/// What stands.
pub(super) struct Definitions {
    pub(super) all: Vec<(&'static str, Seen<CustomResourceDefinition>)>,
}

impl Definitions {
    /// Asks.
    pub(super) async fn gather(look: &Look) -> Self {
        let mut all = Vec::new();
        for plural in OURS {
            all.push((plural, look.definition_of(&format!("{plural}.{GROUP}")).await));
        }
        Self { all }
    }

    /// A line for each, and what is served where they may not be seen.
    pub(super) fn judge(&self, served: &[(&str, Seen<Vec<Served>>)]) -> Vec<Check> {
        let mut checks: Vec<Check> = self.all.iter().map(|(plural, seen)| of(plural, seen)).collect();
        for (version, kinds) in served {
            checks.push(match kinds {
                Seen::Found(kinds) => {
                    let names: Vec<&str> = kinds.iter().map(|kind| kind.kind.as_str()).collect();
                    Check::note(*version, format!("serves {}", names.join(", ")))
                }
                Seen::Absent => Check::note(*version, "is not served"),
                other => Check::unseen(*version, other, ""),
            });
        }
        checks
    }
}

fn of(plural: &str, seen: &Seen<CustomResourceDefinition>) -> Check {
    let install = format!("kubectl apply --server-side -f crds/{GROUP}_{plural}.yaml");
    let definition = match seen {
        Seen::Found(definition) => definition,
        Seen::Absent => {
            return Check::warning(plural, "there is no such CRD")
                .code("no-crd")
                .remedy(install);
        }
        other => return Check::unseen(plural, other, ""),
    };
    let versions = &definition.spec.versions;
    let Some(v1) = versions
        .iter()
        .find(|version| version.name == "v1" && version.served)
    else {
        return Check::failed(plural, "it does not serve v1")
            .code("not-served")
            .remedy("upgrade external-secrets to 0.16 or later first: it moves the objects to v1");
    };
    let served: Vec<&str> = versions
        .iter()
        .filter(|version| version.served)
        .map(|version| version.name.as_str())
        .collect();
    let stored = definition.status.as_ref();
    let stored = stored.and_then(|status| status.stored_versions.as_ref());
    let stored = stored.map(|versions| versions.join(", ")).unwrap_or_default();
    let whose = match is_ours(plural, v1) {
        Some(true) => "Seal's",
        Some(false) => "upstream's",
        // Stores have no field of ours.
        None => match definition.metadata.annotations.as_ref() {
            Some(marks) if marks.contains_key("controller-gen.kubebuilder.io/version") => "upstream's",
            _ => "Seal's",
        },
    };
    let what = format!(
        "{whose}, serves {}, objects are stored as {stored}",
        served.join(", ")
    );
    Check::ok(plural, what)
}

// By the field in which the controller notes what it has done.
fn is_ours(
    plural: &str,
    v1: &k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinitionVersion,
) -> Option<bool> {
    if plural != "externalsecrets" {
        return None;
    }
    let schema = v1.schema.as_ref()?.open_api_v3_schema.as_ref()?;
    let status = schema.properties.as_ref()?.get("status")?;
    Some(status.properties.as_ref()?.contains_key("record"))
}

#[cfg(test)]
mod tests {
    use kube::CustomResourceExt;
    use seal_api::external_secrets::{ExternalSecret, SecretStore};

    use super::*;
    use crate::report::State;

    #[test]
    fn whose_a_definition_is_and_what_it_serves_is_told() {
        let mut ours = ExternalSecret::crd();
        let check = of("externalsecrets", &Seen::Found(ours.clone()));
        assert!(check.what.starts_with("Seal's, serves v1"), "{}", check.what);
        let schema = ours.spec.versions[0].schema.as_mut().unwrap();
        let schema = schema.open_api_v3_schema.as_mut().unwrap();
        let status = schema.properties.as_mut().unwrap().get_mut("status").unwrap();
        status.properties.as_mut().unwrap().remove("record");
        let check = of("externalsecrets", &Seen::Found(ours.clone()));
        assert!(check.what.starts_with("upstream's"), "{}", check.what);
        ours.spec.versions[0].name = "v1beta1".to_owned();
        let check = of("externalsecrets", &Seen::Found(ours));
        assert_eq!(
            (check.state, check.code.as_deref()),
            (State::Failed, Some("not-served"))
        );
        assert_eq!(
            of("externalsecrets", &Seen::Absent).code.as_deref(),
            Some("no-crd")
        );
        let mut store = SecretStore::crd();
        assert!(
            of("secretstores", &Seen::Found(store.clone()))
                .what
                .starts_with("Seal's")
        );
        let mark = (
            "controller-gen.kubebuilder.io/version".to_owned(),
            "v0.19.0".to_owned(),
        );
        store.metadata.annotations = Some([mark].into());
        assert!(
            of("secretstores", &Seen::Found(store))
                .what
                .starts_with("upstream's")
        );
    }
}
