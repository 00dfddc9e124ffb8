//! From the Secret that should be and the one that stands to the step between them, with upstream's marks: what this
//! ExternalSecret wrote before is known by its field manager, and goes when it is wanted no longer.
//!
//! An immutable Secret whose values would have to change is refused before anything of it is touched.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use seal_api::Secret;
use seal_api::external_secrets::{ExternalSecret, names};
use serde_json::Value;

use super::hash::{created_by, data_hash, field_manager};
use super::policy::owner_reference;
use crate::catalogue;
use crate::fault::Fault;
use crate::ownership::{Onto, Ownership};
use crate::plan::{Metadata, Step, overlaid, settle, with_owner};

/// What an ExternalSecret wrote to a Secret before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Managed {
    /// Entries.
    pub entries: BTreeSet<String>,
    /// Labels.
    pub labels: BTreeSet<String>,
    /// Annotations.
    pub annotations: BTreeSet<String>,
}

impl Managed {
    /// What the ExternalSecret `name` wrote, by the field managers in the Secret's metadata.
    pub fn of(secret: &ObjectMeta, name: &str) -> Self {
        let manager = field_manager(name);
        let mut managed = Self::default();
        let fields = secret.managed_fields.iter().flatten();
        for fields in fields.filter(|fields| fields.manager.as_deref() == Some(&manager)) {
            let Some(fields) = fields.fields_v1.as_ref().map(|fields| &fields.0) else {
                continue;
            };
            managed.entries.extend(owned(fields, "/f:data"));
            managed.labels.extend(owned(fields, "/f:metadata/f:labels"));
            managed
                .annotations
                .extend(owned(fields, "/f:metadata/f:annotations"));
        }
        managed
    }
}

fn owned<'f>(fields: &'f Value, at: &str) -> impl Iterator<Item = String> + use<'f> {
    let fields = fields.pointer(at).and_then(Value::as_object);
    let names = fields.into_iter().flat_map(|fields| fields.keys());
    names
        .filter_map(|name| name.strip_prefix("f:"))
        .map(str::to_owned)
}

/// The step that makes `standing` what `desired` says, as far as `ownership` allows.
pub fn plan(
    object: &ExternalSecret,
    desired: Secret,
    standing: Option<&Secret>,
    ownership: Ownership,
) -> Step {
    let owner = owner_reference(object);
    let Some(standing) = standing else {
        let mut secret = marked(object, desired, ownership);
        secret.metadata.owner_references = ownership.owner_reference.then(|| vec![owner]);
        return Step::Create(secret);
    };
    let managed = Managed::of(&standing.metadata, &owner.name);
    let mut target = standing.duplicate();
    target.metadata.labels = without(
        &standing.metadata.labels,
        &managed.labels,
        desired.metadata.labels,
    );
    target.metadata.annotations = without(
        &standing.metadata.annotations,
        &managed.annotations,
        desired.metadata.annotations,
    );
    target.metadata.finalizers = joined(&standing.metadata.finalizers, desired.metadata.finalizers);
    match ownership.onto {
        Onto::Merge => target.data.retain(|entry, _| !managed.entries.contains(entry)),
        Onto::Replace | Onto::Adopt | Onto::Refuse => target.data.clear(),
    }
    target.data.extend(desired.data);
    target.kind = desired.kind.or(target.kind);
    if object.spec.immutable() {
        target.immutable = Some(true);
    }
    if standing.immutable == Some(true) && !target.same_data(standing) {
        let fault = Fault::new(&catalogue::STANDING_IMMUTABLE);
        return Step::Refuse(fault.fact("name", object.target_name()));
    }
    // Who owned it, and owns it no longer, leaves no reference behind.
    if let Some(references) = &mut target.metadata.owner_references {
        references.retain(|reference| reference.uid != owner.uid);
    }
    let target = with_owner(marked(object, target, ownership), standing, &owner, ownership);
    settle(target, standing)
}

// With the marks by which upstream finds what it wrote. The hash is over all that is in the Secret.
fn marked(object: &ExternalSecret, mut secret: Secret, ownership: Ownership) -> Secret {
    let labels = secret.metadata.labels.get_or_insert_default();
    labels.insert(names::MANAGED.to_owned(), names::MANAGED_VALUE.to_owned());
    if ownership.owner_reference {
        let own = &object.metadata;
        let (namespace, name) = (own.namespace.as_deref(), own.name.as_deref());
        let hash = created_by(namespace.unwrap_or_default(), name.unwrap_or_default());
        labels.insert(names::CREATED_BY.to_owned(), hash);
    } else {
        labels.remove(names::CREATED_BY);
    }
    let annotations = secret.metadata.annotations.get_or_insert_default();
    annotations.insert(names::DATA_HASH.to_owned(), data_hash(&secret.data));
    if object.spec.immutable() {
        secret.immutable = Some(true);
    }
    secret
}

fn without(standing: &Metadata, managed: &BTreeSet<String>, desired: Metadata) -> Metadata {
    let stale: Vec<&str> = managed.iter().map(String::as_str).collect();
    overlaid(standing, desired, &stale)
}

fn joined(standing: &Option<Vec<String>>, desired: Option<Vec<String>>) -> Option<Vec<String>> {
    let mut all = standing.clone().unwrap_or_default();
    for finalizer in desired.unwrap_or_default() {
        if !all.contains(&finalizer) {
            all.push(finalizer);
        }
    }
    (!all.is_empty()).then_some(all)
}

#[cfg(test)]
mod tests;
