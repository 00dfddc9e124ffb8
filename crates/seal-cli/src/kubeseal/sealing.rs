//! From a Secret's manifest to a SealedSecret's, as upstream shapes it; and the sealing of one raw value.
//!
//! Reading, writing and the certificate are others' business.

use seal_api::annotations;
use seal_core::{EncryptionLabel, Namespace, ObjectName, Plaintext, PublicKey, Scope, SystemRandom};
use seal_document::{Mapping, Value};

use super::failure::Failure;
use super::namespace::NamespaceSource;
use crate::cores;

/// What flags and target demand of every document.
pub(super) struct Demands<'a> {
    pub(super) scope: Scope,
    pub(super) allow_empty_data: bool,
    pub(super) name: &'a str,
    /// Replaces the document's; the target's when merging.
    pub(super) namespace: &'a str,
    pub(super) namespace_source: &'a NamespaceSource<'a>,
}

/// A SealedSecret whose values are still to be sealed.
pub(super) struct Prepared {
    object: Value,
    label: EncryptionLabel,
    entries: Vec<(String, Plaintext)>,
}

const READ_ONLY: [&str; 7] = [
    "selfLink",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
];

/// Judges and shapes one Secret, a value that went through [`super::go_types::SECRET`].
pub(super) fn prepare(mut secret: Value, demands: &Demands<'_>) -> Result<Prepared, Failure> {
    let fields = secret.as_mapping_mut().expect("a Go struct is a mapping");
    let data = fields.remove("data");
    let string_data = fields.remove("stringData");
    if data.is_none() && string_data.is_none() && !demands.allow_empty_data {
        return Err(Failure::EmptyData);
    }
    let mut metadata = match fields.remove("metadata") {
        Some(Value::Mapping(metadata)) => metadata,
        _ => Mapping::new(),
    };
    if !demands.name.is_empty() {
        put(&mut metadata, "name", demands.name);
    }
    let name = text(&metadata, "name");
    if name.is_empty() {
        return Err(Failure::MissingName);
    }
    if !demands.namespace.is_empty() {
        put(&mut metadata, "namespace", demands.namespace);
    }
    if demands.scope != Scope::default() {
        spell_scope(&mut metadata, demands.scope);
    }
    let scope = scope_of(&metadata);
    if scope != Scope::ClusterWide {
        settle_namespace(&mut metadata, demands.namespace_source)?;
    }
    for field in READ_ONLY {
        metadata.remove(field);
    }
    let namespace = text(&metadata, "namespace");
    if scope != Scope::ClusterWide && namespace.is_empty() {
        return Err(Failure::MissingNamespace);
    }
    let label = label(scope, &namespace, &name)?;
    metadata.remove("ownerReferences");
    drop_annotations(&mut metadata, &annotations::LAST_APPLIED);

    let mut template = Mapping::new();
    template.insert("metadata", Value::Mapping(in_go_order(metadata)));
    for field in ["type", "immutable"] {
        if let Some(value) = fields.remove(field) {
            template.insert(field, value);
        }
    }
    let object = object(&name, &namespace, scope, template);
    Ok(Prepared {
        object,
        label,
        entries: entries(data, string_data)?,
    })
}

// One public RSA operation takes a tenth of a millisecond.
const JOBS_PER_THREAD: usize = 16;

/// Seals everything, on all cores, and hands the finished objects back in order.
pub(super) fn seal_all(prepared: Vec<Prepared>, key: &PublicKey) -> Result<Vec<Value>, Failure> {
    let jobs: Vec<(&Plaintext, &EncryptionLabel)> = prepared
        .iter()
        .flat_map(|object| object.entries.iter().map(|(_, value)| (value, &object.label)))
        .collect();
    let mut sealed = cores::share(&jobs, JOBS_PER_THREAD, |(value, label)| {
        seal_value(value, key, label)
    })?
    .into_iter();
    let mut objects = Vec::with_capacity(prepared.len());
    for Prepared {
        mut object, entries, ..
    } in prepared
    {
        let items: Mapping = entries
            .into_iter()
            .map(|(entry, _)| entry)
            .zip(sealed.by_ref())
            .collect();
        let spec = object
            .as_mapping_mut()
            .and_then(|object| object.get_mut("spec")?.as_mapping_mut());
        spec.expect("it was made with a spec")
            .insert("encryptedData", Value::Mapping(items));
        objects.push(object);
    }
    Ok(objects)
}

/// One value, base64.
pub(super) fn seal_value(
    value: &Plaintext,
    key: &PublicKey,
    label: &EncryptionLabel,
) -> Result<String, Failure> {
    let sealed = seal_core::seal(value.expose(), key, label, &mut SystemRandom)?;
    Ok(seal_core::encode_base64(&sealed))
}

/// The label of `scope`; names that Kubernetes would refuse never get into one (S7).
pub(super) fn label(scope: Scope, namespace: &str, name: &str) -> Result<EncryptionLabel, Failure> {
    Ok(match scope {
        Scope::ClusterWide => EncryptionLabel::cluster_wide(),
        Scope::NamespaceWide => EncryptionLabel::namespace_wide(&namespace.parse::<Namespace>()?),
        Scope::Strict => scope.label(&namespace.parse()?, &name.parse::<ObjectName>()?),
    })
}

/// The scope that the annotations in `metadata` spell.
pub(super) fn scope_of(metadata: &Mapping) -> Scope {
    let is_set = |annotation| {
        let value = metadata
            .get("annotations")
            .and_then(|annotations| annotations.get(annotation)?.as_str());
        value == Some("true")
    };
    if is_set(annotations::CLUSTER_WIDE) {
        Scope::ClusterWide
    } else if is_set(annotations::NAMESPACE_WIDE) {
        Scope::NamespaceWide
    } else {
        Scope::Strict
    }
}

/// The text of `field`, empty where there is none.
pub(super) fn text(mapping: &Mapping, field: &str) -> String {
    mapping
        .get(field)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn settle_namespace(metadata: &mut Mapping, source: &NamespaceSource<'_>) -> Result<(), Failure> {
    let found = text(metadata, "namespace");
    match source.choice() {
        Ok(choice) if choice.explicit && !found.is_empty() && found != choice.name => {
            Err(Failure::NamespaceMismatch {
                found,
                wanted: choice.name.clone(),
            })
        }
        Ok(choice) if found.is_empty() => {
            put(metadata, "namespace", &choice.name);
            Ok(())
        }
        // Without a usable kubeconfig the document alone names the namespace.
        _ => Ok(()),
    }
}

fn put(metadata: &mut Mapping, field: &str, value: &str) {
    if value.is_empty() {
        metadata.remove(field);
    } else {
        metadata.insert(field, value);
    }
}

fn spell_scope(metadata: &mut Mapping, scope: Scope) {
    drop_annotations(
        metadata,
        &[annotations::CLUSTER_WIDE, annotations::NAMESPACE_WIDE],
    );
    let Some(annotation) = annotations::scope_annotation(scope) else {
        return;
    };
    let mut all = match metadata.remove("annotations") {
        Some(Value::Mapping(all)) => all,
        _ => Mapping::new(),
    };
    all.insert(annotation, "true");
    metadata.insert("annotations", Value::Mapping(by_key(all)));
}

fn drop_annotations(metadata: &mut Mapping, names: &[&str]) {
    let Some(all) = metadata.get_mut("annotations").and_then(Value::as_mapping_mut) else {
        return;
    };
    for name in names {
        all.remove(name);
    }
    if all.is_empty() {
        metadata.remove("annotations");
    }
}

fn entries(data: Option<Value>, string_data: Option<Value>) -> Result<Vec<(String, Plaintext)>, Failure> {
    let mut entries = std::collections::BTreeMap::new();
    for (key, value) in data
        .as_ref()
        .and_then(Value::as_mapping)
        .into_iter()
        .flat_map(Mapping::iter)
    {
        let value = seal_core::decode_base64(value.as_str().unwrap_or_default())
            .map_err(|error| Failure::Decoding(error.to_string()))?;
        entries.insert(key.to_owned(), Plaintext::new(value));
    }
    for (key, value) in string_data
        .as_ref()
        .and_then(Value::as_mapping)
        .into_iter()
        .flat_map(Mapping::iter)
    {
        entries.insert(
            key.to_owned(),
            Plaintext::copied(value.as_str().unwrap_or_default().as_bytes()),
        );
    }
    Ok(entries.into_iter().collect())
}

fn object(name: &str, namespace: &str, scope: Scope, template: Mapping) -> Value {
    let mut metadata = Mapping::new();
    metadata.insert("name", name);
    if !namespace.is_empty() {
        metadata.insert("namespace", namespace);
    }
    spell_scope(&mut metadata, scope);
    let mut spec = Mapping::new();
    spec.insert("template", Value::Mapping(template));
    let mut object = Mapping::new();
    object.insert("kind", "SealedSecret");
    object.insert("apiVersion", "bitnami.com/v1alpha1");
    object.insert("metadata", Value::Mapping(metadata));
    object.insert("spec", Value::Mapping(spec));
    Value::Mapping(object)
}

// Fields that were added stand last; Go prints them where the struct has them.
fn in_go_order(mut metadata: Mapping) -> Mapping {
    const FIRST: [&str; 5] = ["name", "generateName", "namespace", "labels", "annotations"];
    let mut ordered = Mapping::new();
    for field in FIRST {
        if let Some(value) = metadata.remove(field) {
            ordered.insert(field, value);
        }
    }
    for (field, value) in metadata {
        ordered.insert(field.as_str(), value);
    }
    ordered
}

fn by_key(mapping: Mapping) -> Mapping {
    let mut entries: Vec<_> = mapping
        .into_iter()
        .map(|(key, value)| (key.to_string(), value))
        .collect();
    entries.sort_by(|left, right| left.0.cmp(&right.0));
    entries.into_iter().collect()
}
