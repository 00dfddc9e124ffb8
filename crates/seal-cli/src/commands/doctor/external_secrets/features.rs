//! What the objects use that Seal does not do: kinds, providers, ways to log in, generators, fields. Names only; of what
//! stands in a field nothing is told.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps,
};
use seal_api::external_secrets::{
    ExternalSecretSpec, Generator, GeneratorFault, Provider, ProviderFault, SecretStoreSpec, VaultAuth,
    VaultAuthMethod, definitions,
};
use serde::Deserialize;
use serde_json::Value;

use super::Listed;
use crate::report::Check;

const MOST_NAMED: usize = 3;

/// A line for each kind, and for each thing that is not supported.
pub(super) fn judge(listed: &[Listed]) -> Vec<Check> {
    let mut checks = Vec::new();
    for kind in listed {
        let objects = match &kind.objects {
            seal_cluster::look::Seen::Found(objects) => objects,
            other => {
                checks.push(Check::unseen(&kind.kind, other, "they are not served"));
                continue;
            }
        };
        if let Some(schema) = schema(&kind.kind) {
            checks.extend(of_kind(kind, objects, &schema));
        } else if !objects.is_empty() {
            let names: Vec<String> = objects.iter().map(name).collect();
            checks.push(
                Check::warning(
                    &kind.kind,
                    format!("{}, and Seal does not take care of this kind", listing(&names)),
                )
                .code("unsupported-kind")
                .remedy("keep the controller that does: it can run beside Seal")
                .fact("count", names.len().to_string()),
            );
        }
    }
    if listed.is_empty() {
        checks.push(Check::note(
            "objects",
            "none: no kind of external-secrets is served",
        ));
    }
    checks
}

fn of_kind(kind: &Listed, objects: &[Value], schema: &JSONSchemaProps) -> Vec<Check> {
    let mut used: BTreeMap<Feature, Vec<String>> = BTreeMap::new();
    let described = |field| schema.properties.as_ref()?.get(field);
    let (spec, has_status) = (described("spec"), described("status").is_some());
    let mut not_ready = Vec::new();
    for object in objects {
        let features = match kind.kind.as_str() {
            "ExternalSecret" => of_object(object),
            "SecretStore" | "ClusterSecretStore" => of_store(object),
            "ClusterExternalSecret" => of_spread(object),
            generator => of_generator(generator, object),
        };
        let unknown = spec.into_iter().flat_map(|spec| unknown_fields(object, spec));
        for feature in features.into_iter().chain(unknown.map(Feature::Field)) {
            used.entry(feature).or_default().push(name(object));
        }
        if has_status && is_not_ready(object) {
            not_ready.push(name(object));
        }
    }
    let count = objects.len();
    let all = format!("{count} {}", kind.place);
    let mut checks = vec![match not_ready.as_slice() {
        [] => Check::ok(&kind.kind, all),
        some => Check::note(&kind.kind, format!("{all}; not ready: {}", listing(some))),
    }];
    checks.extend(used.into_iter().map(|(feature, names)| {
        Check::warning(
            feature.about(&kind.kind),
            format!("{}: {}", listing(&names), feature.what()),
        )
        .code(feature.code())
        .remedy(feature.remedy())
        .fact("count", names.len().to_string())
    }));
    checks
}

/// Something that is used and not supported.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Feature {
    Provider(String),
    Login(String),
    Generator(String),
    Manifest,
    Field(String),
    Unreadable,
}

impl Feature {
    fn about(&self, kind: &str) -> String {
        match self {
            Self::Provider(name) => format!("provider {name}"),
            Self::Login(name) => format!("vault.auth.{name}"),
            Self::Generator(name) => format!("generator {name}"),
            Self::Manifest => "spec.target.manifest".to_owned(),
            Self::Field(path) => path.clone(),
            Self::Unreadable => kind.to_owned(),
        }
    }

    fn what(&self) -> &'static str {
        match self {
            Self::Provider(_) => "Seal cannot ask such stores",
            Self::Login(_) => "Seal cannot log in that way",
            Self::Generator(_) => "Seal has no such generator",
            Self::Manifest => "Seal makes Secrets only",
            Self::Field(_) => "Seal does not know this field, and its CRD drops it",
            Self::Unreadable => "the object does not have the shape of its kind",
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Provider(_) => "unsupported-provider",
            Self::Login(_) => "unsupported-login",
            Self::Generator(_) => "unsupported-generator",
            Self::Manifest => "unsupported-target",
            Self::Field(_) => "unknown-field",
            Self::Unreadable => "unreadable",
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::Provider(_) | Self::Generator(_) | Self::Manifest => {
                "leave these to the other controller: name its class in spec.controller of their stores"
            }
            Self::Login(_) => "use another method, such as kubernetes or appRole",
            Self::Field(_) => "see what the field is for; under Seal it has no effect",
            Self::Unreadable => "mend the object",
        }
    }
}

fn of_object(object: &Value) -> BTreeSet<Feature> {
    of_spec(&object["spec"])
}

// One ExternalSecret in many namespaces.
fn of_spread(object: &Value) -> BTreeSet<Feature> {
    of_spec(&object["spec"]["externalSecretSpec"])
}

fn of_spec(spec: &Value) -> BTreeSet<Feature> {
    let Ok(spec) = ExternalSecretSpec::deserialize(spec) else {
        return [Feature::Unreadable].into();
    };
    let mut used = BTreeSet::new();
    if spec
        .target
        .as_ref()
        .is_some_and(|target| target.manifest.is_some())
    {
        used.insert(Feature::Manifest);
    }
    let generators = spec.data_from.iter().filter_map(|from| {
        let source = from.source_ref.as_ref()?;
        source.generator_ref.as_ref()
    });
    for generator in generators {
        if let Err(GeneratorFault::Unsupported(kind)) = Generator::read(&generator.kind, &Value::Null) {
            used.insert(Feature::Generator(kind));
        }
    }
    used
}

fn of_generator(kind: &str, object: &Value) -> BTreeSet<Feature> {
    match Generator::read(kind, &object["spec"]) {
        Ok(_) => BTreeSet::new(),
        Err(GeneratorFault::Unsupported(kind)) => [Feature::Generator(kind)].into(),
        Err(GeneratorFault::OtherSpec(_) | GeneratorFault::Unreadable(_)) => [Feature::Unreadable].into(),
    }
}

fn of_store(object: &Value) -> BTreeSet<Feature> {
    let Ok(spec) = SecretStoreSpec::deserialize(&object["spec"]) else {
        return [Feature::Unreadable].into();
    };
    match spec.provider.read() {
        Err(ProviderFault::Unsupported(name)) => [Feature::Provider(name)].into(),
        Err(_) => [Feature::Unreadable].into(),
        Ok(Provider::Vault(vault)) => match vault.auth.as_ref().and_then(VaultAuth::method) {
            Some(VaultAuthMethod::Unsupported(name)) => [Feature::Login(name.to_owned())].into(),
            _ => BTreeSet::new(),
        },
        Ok(_) => BTreeSet::new(),
    }
}

// Of the objects, if the kind is one of ours.
fn schema(kind: &str) -> Option<JSONSchemaProps> {
    let is_it = |definition: &CustomResourceDefinition| definition.spec.names.kind == kind;
    let mut definition = definitions().into_iter().find(is_it)?;
    let version = definition.spec.versions.swap_remove(0);
    version.schema?.open_api_v3_schema
}

// The fields of the spec that our schema neither describes nor keeps, each once, without the numbers of list items.
fn unknown_fields(object: &Value, schema: &JSONSchemaProps) -> BTreeSet<String> {
    let mut unknown = BTreeSet::new();
    if let Some(spec) = object.get("spec") {
        walk(spec, schema, "spec", &mut unknown);
    }
    unknown
}

fn walk(value: &Value, schema: &JSONSchemaProps, path: &str, unknown: &mut BTreeSet<String>) {
    use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
        JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
    };
    match value {
        Value::Object(map) => {
            let properties = schema.properties.as_ref();
            for (name, inner) in map {
                let path = format!("{path}.{name}");
                let described = properties.and_then(|properties| properties.get(name));
                match (described, &schema.additional_properties) {
                    (Some(described), _) => walk(inner, described, &path, unknown),
                    (None, Some(JSONSchemaPropsOrBool::Schema(each))) => walk(inner, each, &path, unknown),
                    (None, Some(JSONSchemaPropsOrBool::Bool(true))) => {}
                    (None, _) if schema.x_kubernetes_preserve_unknown_fields == Some(true) => {}
                    (None, _) => drop(unknown.insert(path)),
                }
            }
        }
        Value::Array(items) => {
            if let Some(JSONSchemaPropsOrArray::Schema(each)) = &schema.items {
                for item in items {
                    walk(item, each, path, unknown);
                }
            }
        }
        _ => {}
    }
}

fn is_not_ready(object: &Value) -> bool {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    let mut ready = conditions
        .into_iter()
        .flatten()
        .filter(|condition| condition["type"] == "Ready");
    ready.next().is_none_or(|ready| ready["status"] != "True")
}

fn name(object: &Value) -> String {
    let text = |field: &str| object.pointer(field).and_then(Value::as_str).unwrap_or_default();
    match text("/metadata/namespace") {
        "" => text("/metadata/name").to_owned(),
        namespace => format!("{namespace}/{}", text("/metadata/name")),
    }
}

fn listing(names: &[String]) -> String {
    let more = match names.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let shown: Vec<&str> = names.iter().take(MOST_NAMED).map(String::as_str).collect();
    format!("{} ({}{more})", names.len(), shown.join(", "))
}

#[cfg(test)]
mod tests {
    use seal_cluster::look::Seen;
    use serde_json::json;

    use super::*;
    use crate::report::State;

    fn listed(kind: &str, specs: &[Value]) -> Listed {
        let objects = specs.iter().enumerate().map(|(number, spec)| {
            json!({"metadata": {"name": format!("o{number}"), "namespace": "prod"}, "spec": spec,
                "status": {"conditions": [{"type": "Ready", "status": "True"}]}})
        });
        Listed {
            kind: kind.to_owned(),
            place: "in all namespaces".to_owned(),
            objects: Seen::Found(objects.collect()),
        }
    }

    fn told(listed: Listed) -> Vec<(State, String, Option<String>)> {
        let checks = judge(&[listed]).into_iter();
        checks
            .map(|check| (check.state, check.about, check.code))
            .collect()
    }

    fn warned(about: &str, code: &str) -> (State, String, Option<String>) {
        (State::Warning, about.to_owned(), Some(code.to_owned()))
    }

    #[test]
    fn kinds_that_seal_does_not_have_are_counted_where_there_are_objects() {
        assert_eq!(
            told(listed("PushSecret", &[json!({})])),
            [warned("PushSecret", "unsupported-kind")]
        );
        assert_eq!(told(listed("PushSecret", &[])), []);
    }

    #[test]
    fn providers_logins_targets_and_fields_that_seal_does_not_have_are_named_and_never_quoted() {
        let aws = json!({"provider": {"aws": {"region": "canary"}}});
        let iam =
            json!({"provider": {"vault": {"server": "http://a", "auth": {"iam": {"region": "canary"}}}}});
        let new = json!({"provider": {"vault": {"server": "http://a", "brandNew": "canary"}}, "alsoNew": {"a": "canary"}});
        let checks = told(listed("SecretStore", &[aws.clone(), iam, new]));
        assert!(
            checks.contains(&warned("provider aws", "unsupported-provider")),
            "{checks:?}"
        );
        assert!(
            checks.contains(&warned("vault.auth.iam", "unsupported-login")),
            "{checks:?}"
        );
        for field in ["spec.provider.vault.brandNew", "spec.alsoNew"] {
            assert!(checks.contains(&warned(field, "unknown-field")), "{checks:?}");
        }
        let shown = format!("{:?}", judge(&[listed("SecretStore", &[aws])]));
        assert!(!shown.contains("canary"), "{shown}");
        let manifest = json!({"target": {"manifest": {"apiVersion": "v1", "kind": "ConfigMap"}},
            "dataFrom": [{"sourceRef": {"generatorRef": {"kind": "VaultDynamicSecret", "name": "v"}}}]});
        let checks = told(listed("ExternalSecret", &[manifest]));
        assert!(
            checks.contains(&warned("spec.target.manifest", "unsupported-target")),
            "{checks:?}"
        );
        let generator = warned("generator VaultDynamicSecret", "unsupported-generator");
        assert!(checks.contains(&generator), "{checks:?}");
    }

    #[test]
    fn every_kind_and_provider_that_seal_has_is_counted_and_generators_are_never_unready() {
        let generators = [
            ("Password", json!({"length": 8})),
            (
                "ClusterGenerator",
                json!({"kind": "Fake", "generator": {"fakeSpec": {"data": {"a": "b"}}}}),
            ),
        ];
        for (kind, spec) in generators {
            let object = json!({"metadata": {"name": "g"}, "spec": spec});
            let checks = judge(&[Listed {
                objects: Seen::Found(vec![object]),
                ..listed(kind, &[])
            }]);
            let [check] = checks.as_slice() else {
                panic!("{checks:?}")
            };
            assert_eq!((check.state, check.about.as_str()), (State::Ok, kind));
        }
        let spread = json!({"externalSecretSpec": {"dataFrom": [{"sourceRef": {"generatorRef": {"kind": "MFA", "name": "m"}}}]},
            "namespaceSelectors": [{"matchLabels": {"a": "b"}}]});
        assert_eq!(
            told(listed("ClusterExternalSecret", &[spread])),
            [
                (State::Ok, "ClusterExternalSecret".to_owned(), None),
                warned("generator MFA", "unsupported-generator")
            ]
        );
        let fake = json!({"provider": {"fake": {"data": [{"key": "a", "value": "b"}]}}});
        let hook = json!({"provider": {"webhook": {"url": "http://a", "result": {"jsonPath": "$.a"}}}});
        let other = json!({"provider": {"kubernetes": {"remoteNamespace": "a"}}});
        assert_eq!(
            told(listed("SecretStore", &[fake, hook, other])),
            [(State::Ok, "SecretStore".to_owned(), None)]
        );
    }

    #[test]
    fn an_object_that_uses_what_seal_has_is_just_counted() {
        let vault = json!({"provider": {"vault": {"server": "http://a", "path": "secret", "version": "v2",
            "auth": {"kubernetes": {"mountPath": "kubernetes", "role": "r", "serviceAccountRef": {"name": "s"}}}}},
            "refreshInterval": 30, "conditions": [{"namespaceSelector": {"matchLabels": {"a": "b"}}}]});
        assert_eq!(
            told(listed("ClusterSecretStore", &[vault])),
            [(State::Ok, "ClusterSecretStore".to_owned(), None)]
        );
        let object = json!({"refreshInterval": "1h", "secretStoreRef": {"name": "v", "kind": "SecretStore"},
            "target": {"name": "t", "creationPolicy": "Owner", "template": {"engineVersion": "v2", "metadata": {"labels": {"a": "b"}}, "data": {"a": "{{ .a }}"}}},
            "data": [{"secretKey": "a", "remoteRef": {"key": "k", "property": "p", "conversionStrategy": "Default"}}]});
        assert_eq!(
            told(listed("ExternalSecret", &[object])),
            [(State::Ok, "ExternalSecret".to_owned(), None)]
        );
    }
}
