//! From a SealedSecret in a file to the Secret that the controller would make of it, through the same
//! engine: open, shape, desired.

use jiff::Timestamp;
use seal_api::{SealedSecret, Secret};
use seal_core::KeyRing;
use seal_engine::sealed_secret::{Answers, Opening, functions, open};
use seal_engine::{Fault, Policy, Unveiled, desired, shape};
use seal_template::Env;

use crate::template_world::{SystemTimeZones, TemplateRandom};

/// Opens all entries.
pub(crate) fn unveil(object: &SealedSecret, ring: &KeyRing) -> Result<Unveiled, Vec<Fault>> {
    let answers = Answers {
        sealing_keys: Some(ring),
    };
    let how = Opening {
        accept_legacy: true,
        diagnose_scope: true,
        record: None,
    };
    let unveiled = open(object, &answers, &how)?;
    Ok(unveiled
        .into_iter()
        .next()
        .expect("a SealedSecret opens to one Secret"))
}

/// The Secret that `object` asks for.
pub(crate) fn secret(object: &SealedSecret, ring: &KeyRing) -> Result<Secret, Vec<Fault>> {
    let unveiled = unveil(object, ring)?;
    let zones = SystemTimeZones;
    let mut random = TemplateRandom;
    let mut env = Env {
        now: Timestamp::now(),
        zones: &zones,
        random: &mut random,
    };
    let material = shape(unveiled, object.spec.template.as_ref(), &functions(), &mut env)?;
    let name = |field: &Option<String>| field.clone().unwrap_or_default();
    desired(
        material,
        &name(&object.metadata.namespace),
        &name(&object.metadata.name),
        &Policy::default(),
    )
}
