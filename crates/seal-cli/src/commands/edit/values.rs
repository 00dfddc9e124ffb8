//! The values that are shown in the editor, where that is asked for (S24): what keys open, or what stands in the
//! cluster and is certainly made of the very ciphertext in the file. What is not certain stays hidden.

use seal_api::{SealedSecret, Secret};
use seal_cluster::status::recorded;
use seal_core::{CiphertextDigest, KeyRing, Plaintext, decode_base64};
use seal_engine::Unveiled;

use super::page::Shown;
use crate::arguments::{ClusterArguments, EditArguments};
use crate::command_error::CommandError;
use crate::{cluster, keys, opening};

/// Where values come from.
pub(super) enum Whence<'a> {
    /// None are shown.
    Nowhere,
    Keys(Box<KeyRing>),
    Cluster(&'a ClusterArguments),
}

impl<'a> Whence<'a> {
    /// As the flags say. Keys are often named by a variable, so that they alone show nothing.
    pub(super) fn settle(arguments: &'a EditArguments) -> Result<Self, CommandError> {
        match (
            arguments.show_values,
            arguments.from_cluster,
            arguments.keys.keys.is_empty(),
        ) {
            (false, ..) => Ok(Self::Nowhere),
            (true, true, _) => Ok(Self::Cluster(&arguments.certificate.cluster)),
            (true, false, false) => Ok(Self::Keys(Box::new(keys::ring(&arguments.keys)?))),
            (true, false, true) => Err(CommandError::usage(
                "--show-values needs to know where the values come from",
            )
            .remedy("name private keys with --keys, or a cluster with --from-cluster --context NAME")),
        }
    }

    /// Has `shown` show what can be shown of it.
    pub(super) fn reveal(&self, shown: &mut Shown) -> Result<(), CommandError> {
        match self {
            Self::Nowhere => {}
            Self::Keys(ring) => {
                for (entry, opened) in opening::each(&shown.target.object, ring) {
                    match opened
                        .as_ref()
                        .map(|unveiled: &Unveiled| unveiled.value_of(&entry))
                    {
                        Ok(value) => {
                            let value = value.expect("the entry that was opened").duplicate();
                            shown.values.insert(entry, value);
                        }
                        Err(fault) => shown.hidden.push(fault.sentence()),
                    }
                }
            }
            Self::Cluster(cluster) => match standing(cluster, &shown.target.object)? {
                Err(why) => shown.hidden.push(why),
                Ok((object, secret)) => {
                    for entry in shown.target.object.spec.encrypted_data.keys() {
                        match certain(entry, &shown.target.object, &object, &secret) {
                            Ok(value) => drop(shown.values.insert(entry.clone(), value.duplicate())),
                            Err(why) => shown.hidden.push(format!("{entry}: {why}")),
                        }
                    }
                }
            },
        }
        Ok(())
    }
}

// The object in the cluster and its Secret, or why they say nothing of the file.
fn standing(
    cluster: &ClusterArguments,
    file: &SealedSecret,
) -> Result<Result<(SealedSecret, Secret), String>, CommandError> {
    let names = (
        file.metadata.namespace.as_deref().map(str::parse),
        file.metadata.name.as_deref().map(str::parse),
    );
    let (Some(Ok(namespace)), Some(Ok(name))) = names else {
        return Ok(Err(
            "without a namespace and a name it is nowhere in the cluster".to_owned()
        ));
    };
    let Some(object) = cluster::sealed_secret(cluster, &namespace, &name)? else {
        return Ok(Err("the cluster has no such SealedSecret".to_owned()));
    };
    let Some(secret) = cluster::secret(cluster, namespace.as_ref(), name.as_ref())? else {
        return Ok(Err("the cluster has no such Secret".to_owned()));
    };
    Ok(made_of(&object, &secret).map(|()| (object, secret)))
}

// Whether `secret` is what the controller made of `object` as it stands, and nobody touched it since.
fn made_of(object: &SealedSecret, secret: &Secret) -> Result<(), String> {
    let why = |why: &str| Err(why.to_owned());
    let status = object.status.as_ref();
    let conditions = status
        .map(|status| status.conditions.as_slice())
        .unwrap_or_default();
    let is_synced = conditions
        .iter()
        .any(|condition| condition.kind == "Synced" && condition.status == "True");
    if !is_synced || status.and_then(|status| status.observed_generation) != object.metadata.generation {
        return why("the controller has not brought the Secret up to this SealedSecret");
    }
    let owners = secret.metadata.owner_references.as_deref().unwrap_or_default();
    let is_ours = |uid: &String| {
        owners
            .iter()
            .any(|owner| owner.uid == *uid && owner.controller == Some(true))
    };
    if !object.metadata.uid.as_ref().is_some_and(is_ours) {
        return why("the Secret in the cluster is not this SealedSecret's");
    }
    let Some(record) = recorded(object) else {
        return why(
            "the controller keeps no record of how it left the Secret, so that it may have been changed",
        );
    };
    let is_left = Some(&record.secret.uid) == secret.metadata.uid.as_ref()
        && Some(&record.secret.resource_version) == secret.metadata.resource_version.as_ref();
    match is_left {
        true => Ok(()),
        false => why("the Secret in the cluster was changed after the controller wrote it"),
    }
}

// The value that `entry` of the file has.
fn certain<'s>(
    entry: &str,
    file: &SealedSecret,
    object: &SealedSecret,
    secret: &'s Secret,
) -> Result<&'s Plaintext, &'static str> {
    let digest = |of: &SealedSecret| {
        let text = of.spec.encrypted_data.get(entry)?.as_deref()?;
        Some(CiphertextDigest::of(&decode_base64(text).ok()?))
    };
    if digest(file).is_none() || digest(file) != digest(object) {
        return Err("the cluster has another ciphertext");
    }
    let template = object
        .spec
        .template
        .as_ref()
        .and_then(|template| template.data.as_ref());
    if template.is_some_and(|data| data.contains_key(entry)) {
        return Err("in the Secret stands what the template makes of it");
    }
    secret
        .data
        .get(entry)
        .ok_or("the Secret in the cluster has no such entry")
}
