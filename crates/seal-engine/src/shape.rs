//! From opened values and a template to the Secret that should be.
//!
//! `shape` makes neutral material, which may as well become a file; `desired` makes a Secret of it
//! and refuses what no Secret of ours may be (S4, S15). Neither knows what stands in the cluster.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use seal_api::{Secret, SecretTemplate, annotations};
use seal_core::{Fingerprint, Plaintext};
use seal_template::value::{Map, Text};
use seal_template::{Budget, Env, Functions, Limits, Template, Value};

use crate::catalogue;
use crate::fault::Fault;

/// What one opened object holds.
pub struct Unveiled {
    /// The values.
    pub entries: BTreeMap<String, Plaintext>,
    /// The key that opened each.
    pub keys: BTreeMap<String, Fingerprint>,
    /// Metadata and type, where these were sealed too (the legacy blob).
    pub hidden: Option<Secret>,
}

/// Values and what is said about them, not yet bound to a Kubernetes Secret.
pub struct Material {
    /// The values, templates rendered.
    pub entries: BTreeMap<String, Plaintext>,
    /// The Secret's type, if one is asked for.
    pub kind: Option<String>,
    /// Whether it may change later.
    pub immutable: Option<bool>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// Finalizers.
    pub finalizers: Vec<String>,
}

/// What no Secret of ours may be called.
#[derive(Clone, Copy, Default)]
pub struct Policy<'a> {
    /// Namespace and name of Secrets that count by their names alone.
    pub reserved_names: &'a [(&'a str, &'a str)],
}

// The API server's limit on the sum of all values (core/v1 MaxSecretSize).
const MOST_BYTES: usize = 1024 * 1024;
const MOST_ENTRY_NAME: usize = 253;
const DANGEROUS_TYPES: [&str; 2] = [
    "kubernetes.io/service-account-token",
    "bootstrap.kubernetes.io/token",
];

/// Applies `template` to what was opened. An opened value wins over a template of the same name
/// (which is still run), and `null` leaves it out (sealed-secrets 0.37 and 0.40).
///
/// # Errors
/// A fault for each template that cannot be read or run.
pub fn shape(
    unveiled: Unveiled,
    template: Option<&SecretTemplate>,
    functions: &Functions,
    env: &mut Env<'_>,
) -> Result<Material, Vec<Fault>> {
    let Unveiled {
        mut entries, hidden, ..
    } = unveiled;
    if let Some(hidden) = hidden {
        return Ok(hidden_material(entries, hidden));
    }
    let absent = SecretTemplate::default();
    let template = template.unwrap_or(&absent);
    if let Some(templates) = template.data.as_ref().filter(|templates| !templates.is_empty()) {
        let rendered = render(&entries, templates, functions, env, &mut Budget::default())?;
        for (entry, value) in rendered {
            entries.entry(entry).or_insert(value);
        }
        for (entry, _) in templates.iter().filter(|(_, source)| source.is_none()) {
            entries.remove(entry);
        }
    }
    let metadata = template.metadata.clone().unwrap_or_default();
    Ok(Material {
        entries,
        kind: template.kind.clone().filter(|kind| !kind.is_empty()),
        immutable: template.immutable,
        labels: metadata.labels.unwrap_or_default(),
        annotations: metadata.annotations.unwrap_or_default(),
        finalizers: metadata.finalizers.unwrap_or_default(),
    })
}

fn hidden_material(entries: BTreeMap<String, Plaintext>, hidden: Secret) -> Material {
    Material {
        entries,
        kind: hidden.kind,
        immutable: hidden.immutable,
        labels: hidden.metadata.labels.unwrap_or_default(),
        annotations: hidden.metadata.annotations.unwrap_or_default(),
        finalizers: hidden.metadata.finalizers.unwrap_or_default(),
    }
}

// Each template is on its own; all see the opened values and, unrendered, their siblings.
fn render(
    entries: &BTreeMap<String, Plaintext>,
    templates: &BTreeMap<String, Option<String>>,
    functions: &Functions,
    env: &mut Env<'_>,
    budget: &mut Budget,
) -> Result<BTreeMap<String, Plaintext>, Vec<Fault>> {
    let text = |bytes: &[u8]| Text::new(bytes);
    let siblings = templates
        .iter()
        .filter_map(|(entry, source)| Some((entry, source.as_ref()?)));
    let mut context: BTreeMap<&str, Text> = siblings
        .clone()
        .map(|(entry, source)| (entry.as_str(), text(source.as_bytes())))
        .collect();
    context.extend(
        entries
            .iter()
            .map(|(entry, value)| (entry.as_str(), text(value.expose()))),
    );
    let pairs = context
        .into_iter()
        .map(|(entry, value)| (text(entry.as_bytes()), value));
    let dot = Value::Map(Map::texts(pairs));

    let mut rendered = BTreeMap::new();
    let mut faults = Vec::new();
    for (entry, source) in siblings {
        match render_one(entry, source, functions, &dot, env, budget) {
            Ok(value) => {
                rendered.insert(entry.clone(), value);
            }
            Err(fault) => faults.push(fault.entry(entry)),
        }
    }
    if faults.is_empty() {
        Ok(rendered)
    } else {
        Err(faults)
    }
}

fn parse(entry: &str, source: &str, functions: &Functions) -> Result<Template, Fault> {
    Template::parse(entry, source, functions).map_err(|error| {
        Fault::new(&catalogue::TEMPLATE_UNREADABLE)
            .at(error.line, 1)
            .fact("error", error)
    })
}

/// What is wrong with `template` whatever the values are: those of its texts that cannot be read, and
/// what no Secret of ours may be. `entries` are the names of the values.
pub(crate) fn visible_faults<'a>(
    entries: impl Iterator<Item = &'a String>,
    template: &'a SecretTemplate,
    functions: &Functions,
) -> Vec<Fault> {
    let texts = template.data.iter().flatten();
    let mut faults: Vec<Fault> = texts
        .clone()
        .filter_map(|(entry, source)| {
            let fault = parse(entry, source.as_ref()?, functions).err()?;
            Some(fault.entry(entry))
        })
        .collect();
    let names = entries.chain(texts.map(|(entry, _)| entry));
    let metadata = template.metadata.clone().unwrap_or_default();
    let material = Material {
        entries: names
            .map(|entry| (entry.clone(), Plaintext::new(Vec::new())))
            .collect(),
        kind: template.kind.clone(),
        immutable: None,
        labels: metadata.labels.unwrap_or_default(),
        annotations: BTreeMap::new(),
        finalizers: Vec::new(),
    };
    faults.extend(
        desired(material, "", "", &Policy::default())
            .err()
            .unwrap_or_default(),
    );
    faults
}

fn render_one(
    entry: &str,
    source: &str,
    functions: &Functions,
    dot: &Value,
    env: &mut Env<'_>,
    budget: &mut Budget,
) -> Result<Plaintext, Fault> {
    let template = parse(entry, source, functions)?;
    template
        .render_within(dot, env, &Limits::default(), budget)
        .map(Plaintext::from)
        .map_err(|error| {
            let (line, column) = (error.place.line, error.place.column + 1);
            Fault::new(&catalogue::TEMPLATE_FAILED)
                .at(line, column)
                .fact("error", error)
        })
}

/// The Secret `namespace/name` that `material` asks for.
///
/// # Errors
/// When a Secret cannot hold it, or must not be made by us.
pub fn desired(
    material: Material,
    namespace: &str,
    name: &str,
    policy: &Policy<'_>,
) -> Result<Secret, Vec<Fault>> {
    let mut faults = Vec::new();
    if policy.reserved_names.contains(&(namespace, name)) {
        faults.push(Fault::new(&catalogue::RESERVED).fact("what", format!("the name {name}")));
    }
    if material.labels.contains_key(annotations::KEY_LABEL) {
        let what = format!("the label {}", annotations::KEY_LABEL);
        faults.push(Fault::new(&catalogue::RESERVED).fact("what", what));
    }
    if let Some(kind) = material
        .kind
        .as_deref()
        .filter(|kind| DANGEROUS_TYPES.contains(kind))
    {
        faults.push(Fault::new(&catalogue::DANGEROUS_TYPE).fact("type", kind));
    }
    for entry in material.entries.keys().filter(|entry| !is_entry_name(entry)) {
        faults.push(Fault::new(&catalogue::INVALID_ENTRY).entry(entry));
    }
    let size: usize = material.entries.values().map(Plaintext::len).sum();
    if size > MOST_BYTES {
        faults.push(
            Fault::new(&catalogue::TOO_LARGE)
                .fact("size", size)
                .fact("most", MOST_BYTES),
        );
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let Material {
        entries,
        kind,
        immutable,
        labels,
        annotations,
        finalizers,
    } = material;
    let metadata = ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(namespace.to_owned()),
        labels: Some(labels).filter(|labels| !labels.is_empty()),
        annotations: Some(annotations).filter(|annotations| !annotations.is_empty()),
        finalizers: Some(finalizers).filter(|finalizers| !finalizers.is_empty()),
        ..ObjectMeta::default()
    };
    Ok(Secret {
        metadata,
        kind,
        immutable,
        data: entries,
    })
}

// Kubernetes' IsConfigMapKey.
fn is_entry_name(entry: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !entry.is_empty()
        && entry.len() <= MOST_ENTRY_NAME
        && entry.bytes().all(allowed)
        && entry != "."
        && !entry.starts_with("..")
}

#[cfg(test)]
mod tests;
