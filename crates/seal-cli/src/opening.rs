//! From a SealedSecret in a file to the Secret that the controller would make of it, through the same
//! engine: open, shape, desired.

use jiff::Timestamp;
use seal_api::{SealedSecret, Secret};
use seal_core::KeyRing;
use seal_engine::sealed_secret::{Answers, Opening, functions, open};
use seal_engine::{Fault, Material, Policy, Unveiled, desired, shape};
use seal_template::Env;

use crate::template_world::{SystemTimeZones, TemplateRandom};

/// As much as can be opened and found out: whoever has the keys may know.
const ALL: Opening<'_> = Opening {
    accept_legacy: true,
    diagnose_scope: true,
    record: None,
};

/// Opens all entries.
pub(crate) fn unveil(object: &SealedSecret, ring: &KeyRing) -> Result<Unveiled, Vec<Fault>> {
    unveil_as(object, ring, &ALL)
}

fn unveil_as(object: &SealedSecret, ring: &KeyRing, how: &Opening<'_>) -> Result<Unveiled, Vec<Fault>> {
    let answers = Answers {
        sealing_keys: Some(ring),
    };
    let unveiled = open(object, &answers, how)?;
    Ok(unveiled
        .into_iter()
        .next()
        .expect("a SealedSecret opens to one Secret"))
}

/// What `object` becomes, before it has a name: values and metadata, through its templates.
pub(crate) fn material(
    object: &SealedSecret,
    ring: &KeyRing,
    how: &Opening<'_>,
) -> Result<Material, Vec<Fault>> {
    let unveiled = unveil_as(object, ring, how)?;
    let zones = SystemTimeZones;
    let mut random = TemplateRandom;
    let mut env = Env {
        now: Timestamp::now(),
        zones: &zones,
        random: &mut random,
    };
    shape(unveiled, object.spec.template.as_ref(), &functions(), &mut env)
}

/// The Secret that `object` asks for.
pub(crate) fn secret(object: &SealedSecret, ring: &KeyRing) -> Result<Secret, Vec<Fault>> {
    let material = material(object, ring, &ALL)?;
    let name = |field: &Option<String>| field.clone().unwrap_or_default();
    desired(
        material,
        &name(&object.metadata.namespace),
        &name(&object.metadata.name),
        &Policy::default(),
    )
}
