//! Whose Secret it is and what may happen to it: creation and deletion policies, over the object and the Secret that
//! stands. What is then written is `plan`'s affair.
//!
//! Stricter than upstream in one thing: nothing is deleted that this ExternalSecret does not control, whatever its
//! labels say.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use seal_api::Secret;
use seal_api::external_secrets::{CreationPolicy, DeletionPolicy, ExternalSecret, names};

use super::hash::{created_by, data_hash};
use crate::catalogue;
use crate::fault::Fault;
use crate::ownership::{Onto, Ownership, controller};

/// What is to be done with a target, once there are values for it.
#[derive(Debug)]
pub enum Target {
    /// Write to it, or make it, with these rights.
    Write(Ownership),
    /// Wait: there is none, and this object makes none.
    Wait,
    /// Nothing, ever.
    Nothing,
    /// It is somebody else's.
    Refuse(Fault),
}

/// What is to be done with a target when there is not one value for it.
#[derive(Debug)]
pub enum Emptied {
    /// Delete it.
    Delete,
    /// Nothing: there is none of ours to delete.
    Gone,
    /// Leave it as it is.
    Retain,
    /// Go on: what this object put into it is to be taken out.
    Write,
    /// It is not ours to delete.
    Refuse(Fault),
}

/// The reference by which a Secret names `object` as its controller.
pub fn owner_reference(object: &ExternalSecret) -> OwnerReference {
    OwnerReference {
        api_version: names::API_VERSION.to_owned(),
        kind: names::EXTERNAL_SECRET.to_owned(),
        name: object.metadata.name.clone().unwrap_or_default(),
        uid: object.metadata.uid.clone().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

impl Ownership {
    /// The external-secrets dialect (house.md §6), where the policy lets the Secret be written at all. Foreign
    /// labels and annotations stay, on a Secret that is taken over as well.
    pub fn of_external_secret(policy: CreationPolicy) -> Option<Self> {
        let (onto, owner_reference) = match policy {
            CreationPolicy::Owner => (Onto::Replace, true),
            CreationPolicy::Orphan => (Onto::Replace, false),
            CreationPolicy::Merge | CreationPolicy::CreateOrMerge => (Onto::Merge, false),
            CreationPolicy::None => return None,
        };
        Some(Self {
            onto,
            owner_reference,
        })
    }
}

/// What is to be done with the target of `object`, which now looks like `standing`.
pub fn target(object: &ExternalSecret, standing: Option<&Secret>) -> Target {
    let policy = object.spec.creation_policy();
    let Some(ownership) = Ownership::of_external_secret(policy) else {
        return Target::Nothing;
    };
    match standing {
        None if policy == CreationPolicy::Merge => Target::Wait,
        None => Target::Write(ownership),
        Some(standing) => match owned_by_another(object, standing, policy) {
            Some(fault) => Target::Refuse(fault),
            None => Target::Write(ownership),
        },
    }
}

// Another ExternalSecret's is never written to: the two would fight. Another controller's is, by those who ask for no
// reference of their own.
fn owned_by_another(object: &ExternalSecret, standing: &Secret, policy: CreationPolicy) -> Option<Fault> {
    let owner = controller(standing)?;
    let told = |fault: Fault| {
        let fault = fault.fact("name", object.target_name());
        fault.fact("owner", &owner.name)
    };
    if is_external_secret(owner) {
        let another = Some(&owner.name) != object.metadata.name.as_ref();
        return another.then(|| told(Fault::new(&catalogue::OWNED_BY_ANOTHER)));
    }
    let refused = policy == CreationPolicy::Owner;
    refused.then(|| told(Fault::new(&catalogue::CONTROLLED_BY_ANOTHER)).fact("kind", &owner.kind))
}

// Of whatever version of the group.
fn is_external_secret(owner: &OwnerReference) -> bool {
    let group = owner.api_version.split('/').next();
    owner.kind == names::EXTERNAL_SECRET && group == Some(names::GROUP)
}

/// What is to be done with the target of `object` when the store has not one of its values.
pub fn emptied(object: &ExternalSecret, standing: Option<&Secret>) -> Emptied {
    let policy = object.spec.creation_policy();
    match object.spec.deletion_policy() {
        DeletionPolicy::Retain => return Emptied::Retain,
        DeletionPolicy::Merge => return Emptied::Write,
        DeletionPolicy::Delete => {}
    }
    if policy != CreationPolicy::Owner {
        let fault = Fault::new(&catalogue::DELETE_REFUSED).fact("name", object.target_name());
        return Emptied::Refuse(fault.fact("policy", policy));
    }
    let Some(standing) = standing else {
        return Emptied::Gone;
    };
    if let Some(fault) = owned_by_another(object, standing, policy) {
        return Emptied::Refuse(fault);
    }
    match controls(object, &standing.metadata) {
        true => Emptied::Delete,
        false => Emptied::Gone,
    }
}

/// Whether the Secret with this metadata is one that `object` made under a name that it has no longer, and is to
/// be deleted.
pub fn is_left_over(object: &ExternalSecret, secret: &ObjectMeta) -> bool {
    let own = &object.metadata;
    let namespace = own.namespace.as_deref().unwrap_or_default();
    let label = created_by(namespace, own.name.as_deref().unwrap_or_default());
    let labelled = secret
        .labels
        .as_ref()
        .and_then(|labels| labels.get(names::CREATED_BY))
        == Some(&label);
    labelled
        && object.spec.creation_policy() == CreationPolicy::Owner
        && secret.name.as_deref() != Some(object.target_name())
        && secret.namespace == own.namespace
        && controls(object, secret)
}

// By uid: a label is anybody's to write, and a name may have been another object's.
fn controls(object: &ExternalSecret, secret: &ObjectMeta) -> bool {
    let owners = secret.owner_references.iter().flatten();
    let mut controllers = owners.filter(|owner| owner.controller == Some(true));
    controllers.any(|owner| is_external_secret(owner) && Some(&owner.uid) == object.metadata.uid.as_ref())
}

/// Whether the Secret that stands is as it was left, as far as upstream's marks tell: a value that somebody changed
/// changes the hash. One of the policy `Orphan` always is, and one of `None` is nobody's.
pub fn is_as_left(object: &ExternalSecret, standing: Option<&Secret>) -> bool {
    let policy = object.spec.creation_policy();
    if matches!(policy, CreationPolicy::Orphan | CreationPolicy::None) {
        return true;
    }
    let Some(standing) = standing else {
        return false;
    };
    let labels = standing.metadata.labels.as_ref();
    let managed = labels.and_then(|labels| labels.get(names::MANAGED));
    managed.map(String::as_str) == Some(names::MANAGED_VALUE) && holds_what_was_left(standing)
}

/// Whether the values of the Secret that stands are those that were left in it.
pub fn holds_what_was_left(standing: &Secret) -> bool {
    let annotations = standing.metadata.annotations.as_ref();
    let hash = annotations.and_then(|annotations| annotations.get(names::DATA_HASH));
    hash == Some(&data_hash(&standing.data))
}

#[cfg(test)]
mod tests;
