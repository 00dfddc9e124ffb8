//! From the Secret that should be and the one that stands to the step between them.
//!
//! A step carries the uid and resourceVersion that were looked at, so that it cannot overwrite what
//! nobody saw (S15). Nothing is sent from here.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use seal_api::Secret;

use crate::catalogue;
use crate::fault::Fault;
use crate::ownership::{Onto, Ownership};

/// What to do about one target.
pub enum Step {
    /// Nothing stands there: make it.
    Create(Secret),
    /// Put this in its place; uid and resourceVersion are preconditions.
    Replace(Secret),
    /// It is as it should be.
    Leave,
    /// It is not ours to change, or cannot be changed.
    Refuse(Fault),
}

pub(crate) type Metadata = Option<BTreeMap<String, String>>;

/// The step that makes `standing` what `desired` says, as far as `ownership` allows. `managed` names
/// the labels and annotations that an earlier state of the object set (`label:` or `annotation:` in
/// front): those that it no longer sets are removed.
pub fn plan(
    desired: Secret,
    standing: Option<&Secret>,
    owner: &OwnerReference,
    ownership: Ownership,
    managed: &[String],
) -> Step {
    let Some(standing) = standing else {
        let mut secret = desired;
        secret.metadata.owner_references = ownership.owner_reference.then(|| vec![owner.clone()]);
        return Step::Create(secret);
    };
    let target = match ownership.onto {
        Onto::Refuse => {
            let name = desired.metadata.name.clone().unwrap_or_default();
            return Step::Refuse(Fault::new(&catalogue::NOT_OURS).fact("name", name));
        }
        Onto::Merge => merged(desired, standing),
        Onto::Adopt => adopted(desired, standing),
        Onto::Replace => replaced(desired, standing, managed),
    };
    let target = with_owner(target, standing, owner, ownership);
    settle(target, standing)
}

fn replaced(desired: Secret, standing: &Secret, managed: &[String]) -> Secret {
    let metadata = ObjectMeta {
        labels: overlaid(
            &standing.metadata.labels,
            desired.metadata.labels,
            &stale(managed, "label:"),
        ),
        annotations: overlaid(
            &standing.metadata.annotations,
            desired.metadata.annotations,
            &stale(managed, "annotation:"),
        ),
        ..standing.metadata.clone()
    };
    Secret { metadata, ..desired }
}

fn adopted(desired: Secret, standing: &Secret) -> Secret {
    let metadata = ObjectMeta {
        labels: desired.metadata.labels,
        annotations: desired.metadata.annotations,
        owner_references: None,
        ..standing.metadata.clone()
    };
    Secret { metadata, ..desired }
}

fn merged(desired: Secret, standing: &Secret) -> Secret {
    let mut target = standing.duplicate();
    target.metadata.labels = overlaid(&standing.metadata.labels, desired.metadata.labels, &[]);
    target.metadata.annotations = overlaid(&standing.metadata.annotations, desired.metadata.annotations, &[]);
    target.data.extend(desired.data);
    // Without a type of its own, what is merged takes that of the standing Secret.
    target.kind = desired.kind.or(target.kind);
    target
}

pub(crate) fn with_owner(
    mut target: Secret,
    standing: &Secret,
    owner: &OwnerReference,
    ownership: Ownership,
) -> Secret {
    let mut references = target.metadata.owner_references.take().unwrap_or_default();
    if ownership.owner_reference {
        references.retain(|reference| reference.uid != owner.uid && reference.controller != Some(true));
        references.push(owner.clone());
    } else if ownership.onto != Onto::Merge {
        references.retain(|reference| reference.uid != owner.uid);
    }
    target.metadata.owner_references = (!references.is_empty()).then_some(references);
    // Not ours to send, and large.
    target.metadata.managed_fields = None;
    target.metadata.uid = standing.metadata.uid.clone();
    target.metadata.resource_version = standing.metadata.resource_version.clone();
    target
}

/// The step from `standing` to `target`, which has its uid and resourceVersion already.
pub(crate) fn settle(mut target: Secret, standing: &Secret) -> Step {
    if target.kind_or_opaque() != standing.kind_or_opaque() {
        return Step::Refuse(
            Fault::new(&catalogue::TYPE_FIXED)
                .fact("standing", standing.kind_or_opaque())
                .fact("desired", target.kind_or_opaque()),
        );
    }
    target.kind = standing.kind.clone();
    let same_data = target.same_data(standing);
    if standing.immutable == Some(true) {
        if !same_data {
            return Step::Refuse(Fault::new(&catalogue::IMMUTABLE));
        }
        target.immutable = Some(true);
    }
    let same_metadata = present(&target.metadata.labels) == present(&standing.metadata.labels)
        && present(&target.metadata.annotations) == present(&standing.metadata.annotations)
        && same_owners(&target.metadata, &standing.metadata)
        && target.metadata.finalizers == standing.metadata.finalizers;
    let same_mutability = target.immutable.unwrap_or_default() == standing.immutable.unwrap_or_default();
    if same_data && same_metadata && same_mutability {
        return Step::Leave;
    }
    Step::Replace(target)
}

fn same_owners(left: &ObjectMeta, right: &ObjectMeta) -> bool {
    let sorted = |metadata: &ObjectMeta| {
        let mut owners: Vec<_> = metadata
            .owner_references
            .iter()
            .flatten()
            .map(|owner| (owner.uid.clone(), owner.controller.unwrap_or_default()))
            .collect();
        owners.sort();
        owners
    };
    sorted(left) == sorted(right)
}

fn present(metadata: &Metadata) -> Option<&BTreeMap<String, String>> {
    metadata.as_ref().filter(|all| !all.is_empty())
}

fn stale<'a>(managed: &'a [String], kind: &str) -> Vec<&'a str> {
    managed
        .iter()
        .filter_map(|name| name.strip_prefix(kind))
        .collect()
}

pub(crate) fn overlaid(standing: &Metadata, desired: Metadata, stale: &[&str]) -> Metadata {
    let mut all = standing.clone().unwrap_or_default();
    all.retain(|name, _| !stale.contains(&name.as_str()));
    all.extend(desired.unwrap_or_default());
    (!all.is_empty()).then_some(all)
}

/// The labels and annotations that `desired` sets, as the record keeps them for the next [`plan`].
pub fn managed(desired: &Secret) -> Vec<String> {
    let names = |kind: &str, all: &Metadata| -> Vec<String> {
        all.iter()
            .flatten()
            .map(|(name, _)| format!("{kind}{name}"))
            .collect()
    };
    let mut all = names("label:", &desired.metadata.labels);
    all.extend(names("annotation:", &desired.metadata.annotations));
    all
}

#[cfg(test)]
mod tests;
