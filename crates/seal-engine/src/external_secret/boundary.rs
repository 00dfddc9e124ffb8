//! Which namespace may use what of which: the one place that decides it (the advisories of 2025 and 2026 were each a
//! boundary that one of several places forgot).
//!
//! Nothing is read from here; whoever reads asks here first, and reads from the namespace that he is told.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use regex::Regex;
use seal_api::external_secrets::names::{CLUSTER_GENERATOR, GENERATORS_API_VERSION, GENERATORS_GROUP};
use seal_api::external_secrets::{ClusterExternalSecretSpec, GeneratorRef, NamespaceCondition, StoreKind};

use crate::catalogue;
use crate::fault::Fault;

/// Where a store is, and for whom it is asked.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Of which kind it is.
    pub kind: StoreKind,
    /// Its own namespace; nothing for a ClusterSecretStore.
    pub namespace: &'a str,
    /// The namespace of the object that uses it; nothing while the store is only validated.
    pub asker: &'a str,
}

/// Where something that a store refers to is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// This namespace, whoever asks.
    Fixed(String),
    /// The asker's own namespace: each has an identity of its own.
    Asker(String),
    /// The asker's own namespace, and nobody asks: the store cannot be validated by itself.
    Nobody,
}

/// How a regular expression of a ClusterSecretStore's conditions is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Anchoring {
    /// It must match the whole name: `team-a` does not let in `team-abc`.
    #[default]
    Whole,
    /// It may match any part of it, as upstream has it.
    Part,
}

/// The namespace from which a reference of a store is read: a Secret, a ConfigMap, a ServiceAccount.
///
/// # Errors
/// When a SecretStore names another namespace than its own.
pub fn read_from(store: Place<'_>, named: Option<&str>) -> Result<From, Fault> {
    let named = named.filter(|named| !named.is_empty());
    match (store.kind, named) {
        (StoreKind::SecretStore, Some(named)) if named != store.namespace => {
            Err(Fault::new(&catalogue::STORE_REACHES_OUT).fact("namespace", named))
        }
        (StoreKind::SecretStore, _) => Ok(From::Fixed(store.namespace.to_owned())),
        (StoreKind::ClusterSecretStore, Some(named)) => Ok(From::Fixed(named.to_owned())),
        (StoreKind::ClusterSecretStore, None) if store.asker.is_empty() => Ok(From::Nobody),
        (StoreKind::ClusterSecretStore, None) => Ok(From::Asker(store.asker.to_owned())),
    }
}

/// Whether a ClusterSecretStore with these conditions lets `namespace` in: any of them will do, and none lets all in.
///
/// # Errors
/// When one of them cannot be read, and none of the others lets it in.
pub fn lets_in(
    conditions: &[NamespaceCondition],
    namespace: &str,
    labels: &BTreeMap<String, String>,
    anchoring: Anchoring,
) -> Result<bool, Fault> {
    if conditions.is_empty() {
        return Ok(true);
    }
    let mut unreadable = None;
    for condition in conditions {
        match fulfils(condition, namespace, labels, anchoring) {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(fault) => unreadable = Some(fault),
        }
    }
    unreadable.map_or(Ok(false), Err)
}

/// A generator, where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratorPlace {
    /// Its kind.
    pub kind: String,
    /// Its namespace; nothing for a ClusterGenerator.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// Where the generator stands that an object in the namespace `asker` refers to: in that namespace, unless it is one
/// that all namespaces may use.
///
/// # Errors
/// When the reference is to something that is no generator.
pub fn generator(reference: &GeneratorRef, asker: &str) -> Result<GeneratorPlace, Fault> {
    let named = reference.api_version.as_deref().filter(|named| !named.is_empty());
    let named = named.unwrap_or(GENERATORS_API_VERSION);
    if named != GENERATORS_API_VERSION {
        let group = named.split_once('/').map_or("", |(group, _)| group);
        let what = match group == GENERATORS_GROUP {
            true => format!(
                "generatorRef references unknown GVK {named}, Kind={}",
                reference.kind
            ),
            false => format!("generatorRef may only reference the generators group, but got {group}"),
        };
        return Err(Fault::new(&catalogue::GENERATOR_UNUSABLE).fact("what", what));
    }
    let namespace = match reference.kind == CLUSTER_GENERATOR {
        true => "",
        false => asker,
    };
    Ok(GeneratorPlace {
        kind: reference.kind.clone(),
        namespace: namespace.to_owned(),
        name: reference.name.clone(),
    })
}

/// Whether a ClusterExternalSecret puts its ExternalSecret into `namespace`: by name, or by any of its selectors. One
/// that selects nothing puts it nowhere.
///
/// # Errors
/// When a selector cannot be read: nobody can tell then.
pub fn is_selected(
    spec: &ClusterExternalSecretSpec,
    namespace: &str,
    labels: &BTreeMap<String, String>,
) -> Result<bool, Fault> {
    let mut selected = spec.namespaces.iter().any(|name| name == namespace);
    for selector in spec.namespace_selector.iter().chain(&spec.namespace_selectors) {
        let unreadable = |_| Fault::new(&catalogue::NAMESPACE_SELECTOR_UNREADABLE);
        selected |= selects(selector, labels).map_err(unreadable)?;
    }
    Ok(selected)
}

// A namespace has to fulfil one part of a condition only, as upstream has it.
fn fulfils(
    condition: &NamespaceCondition,
    namespace: &str,
    labels: &BTreeMap<String, String>,
    anchoring: Anchoring,
) -> Result<bool, Fault> {
    if condition.namespaces.iter().any(|name| name == namespace) {
        return Ok(true);
    }
    if let Some(selector) = &condition.namespace_selector
        && selects(selector, labels)?
    {
        return Ok(true);
    }
    for pattern in &condition.namespace_regexes {
        if regex(pattern, anchoring)?.is_match(namespace) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn regex(pattern: &str, anchoring: Anchoring) -> Result<Regex, Fault> {
    let compiled = Regex::new(pattern).and_then(|part| match anchoring {
        Anchoring::Part => Ok(part),
        Anchoring::Whole => Regex::new(&format!("^(?:{pattern})$")),
    });
    compiled.map_err(|_| Fault::new(&catalogue::STORE_CONDITION_UNREADABLE).fact("what", "namespaceRegexes"))
}

fn selects(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> Result<bool, Fault> {
    let equal = selector.match_labels.iter().flatten();
    if !equal
        .into_iter()
        .all(|(key, value)| labels.get(key) == Some(value))
    {
        return Ok(false);
    }
    for requirement in selector.match_expressions.iter().flatten() {
        if !meets(requirement, labels)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn meets(requirement: &LabelSelectorRequirement, labels: &BTreeMap<String, String>) -> Result<bool, Fault> {
    let value = labels.get(&requirement.key);
    let among = |value: &String| {
        requirement
            .values
            .iter()
            .flatten()
            .any(|allowed| allowed == value)
    };
    match requirement.operator.as_str() {
        "In" => Ok(value.is_some_and(among)),
        "NotIn" => Ok(!value.is_some_and(among)),
        "Exists" => Ok(value.is_some()),
        "DoesNotExist" => Ok(value.is_none()),
        _ => Err(Fault::new(&catalogue::STORE_CONDITION_UNREADABLE).fact("what", "namespaceSelector")),
    }
}

#[cfg(test)]
mod tests;
