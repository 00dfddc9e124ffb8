//! From a SealedSecret in a file to the Secret that the controller would make of it, through the same
//! engine: open, shape, desired.

use std::collections::BTreeMap;
use std::mem;

use jiff::Timestamp;
use seal_api::{SealedSecret, Secret};
use seal_core::{Fingerprint, KeyRing};
use seal_engine::sealed_secret::{Answers, Opening, functions, open};
use seal_engine::{Fault, Material, Policy, Unveiled, desired, shape};
use seal_template::Env;

use crate::template_world::{SystemTimeZones, TemplateRandom};

/// As much as can be opened and found out: whoever has the keys may know.
const ALL: Opening<'_> = Opening {
    accept_legacy: true,
    diagnose_scope: true,
    hints: None,
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

/// Opens each entry on its own, so that one that fails hides nothing of the others. The legacy blob has no name.
pub(crate) fn each(
    object: &SealedSecret,
    ring: &KeyRing,
) -> impl Iterator<Item = (String, Result<Unveiled, Fault>)> {
    let is_blob = object.spec.data.is_some();
    let mut bare = object.clone();
    let texts = match is_blob {
        true => [(String::new(), None)].into(),
        false => mem::take(&mut bare.spec.encrypted_data),
    };
    texts.into_iter().map(move |(entry, text)| {
        let mut alone = bare.clone();
        if !is_blob {
            alone.spec.encrypted_data.insert(entry.clone(), text);
        }
        let opened = unveil(&alone, ring).map_err(|mut faults| faults.swap_remove(0));
        (entry, opened)
    })
}

/// What private keys make of an object, entry by entry.
pub(crate) struct Examined {
    /// The key that opens each, or why none does. The legacy blob has no name.
    pub(crate) entries: BTreeMap<String, Result<Fingerprint, Fault>>,
    /// What is wrong with the whole, once all entries open.
    pub(crate) whole: Vec<Fault>,
}

/// Opens each entry on its own, then the whole. No value outlives the call.
pub(crate) fn examine(object: &SealedSecret, ring: &KeyRing) -> Examined {
    let keys = |(entry, opened): (String, Result<Unveiled, Fault>)| {
        let key = opened.map(|unveiled| unveiled.key_of(&entry).expect("what opened, a key opened"));
        (entry, key)
    };
    let entries: BTreeMap<_, _> = each(object, ring).map(keys).collect();
    let whole = match entries.values().all(Result::is_ok) {
        true => secret(object, ring).err().unwrap_or_default(),
        false => Vec::new(),
    };
    Examined { entries, whole }
}
