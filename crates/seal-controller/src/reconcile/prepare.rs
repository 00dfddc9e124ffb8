//! From an object to the Secret that should stand: opening, shaping, all that takes a core.
//!
//! It runs on a blocking thread and asks nobody.

use std::collections::BTreeMap;

use jiff::Timestamp;
use seal_api::{SealedSecret, Secret};
use seal_cluster::installation::INSTALLATION_SECRET;
use seal_core::{Fingerprint, InstallationKey, KeyRing};
use seal_engine::sealed_secret::{KeyHints, Opening, functions, open};
use seal_engine::{Answers, Fault, Policy, Record, Unveiled, catalogue, desired, inputs, managed, shape};
use seal_template::Env;

use crate::rendering::{BundledZones, TemplateRandom};
use crate::settings::Settings;

/// What should stand, and how it came about.
pub(super) struct Prepared {
    /// The Secret.
    pub(super) desired: Secret,
    /// Which key opened which entry.
    pub(super) opened: BTreeMap<String, Fingerprint>,
    /// What `now` was in its templates.
    pub(super) rendered: Timestamp,
    /// The labels and annotations that come from the object.
    pub(super) managed: Vec<String>,
}

/// Opens `object` and shapes its Secret. Templates see the same time and the same random bytes as
/// long as the object stays what it is (S17).
pub(super) fn prepare(
    object: &SealedSecret,
    ring: &KeyRing,
    kept: Option<&Record>,
    diagnose_scope: bool,
    settings: &Settings,
    installation: &InstallationKey,
    now: Timestamp,
) -> Result<Prepared, Vec<Fault>> {
    let answers = Answers {
        sealing_keys: Some(ring),
    };
    let how = Opening {
        accept_legacy: settings.accept_deprecated_v1_data,
        diagnose_scope,
        hints: kept.map(|record| record as &dyn KeyHints),
    };
    let mut all = open(object, &answers, &how)?;
    let Some(unveiled) = all.pop().filter(|_| all.is_empty()) else {
        let what = "a SealedSecret opened to other than one Secret";
        return Err(vec![Fault::new(&catalogue::DEFECT).fact("what", what)]);
    };
    let opened = unveiled.keys.clone();
    let same = kept.filter(|record| record.is_about(object, installation));
    let rendered = same.map_or(now.as_second(), |record| record.rendered);
    let rendered = Timestamp::from_second(rendered).unwrap_or(now);
    let desired = shaped(object, unveiled, rendered, settings, installation)?;
    let managed = managed(&desired);
    Ok(Prepared {
        desired,
        opened,
        rendered,
        managed,
    })
}

fn shaped(
    object: &SealedSecret,
    unveiled: Unveiled,
    now: Timestamp,
    settings: &Settings,
    installation: &InstallationKey,
) -> Result<Secret, Vec<Fault>> {
    let mut random = TemplateRandom::of(installation.seeded(&inputs(object, installation)));
    let mut env = Env {
        now,
        zones: &BundledZones,
        random: &mut random,
    };
    let material = shape(unveiled, object.spec.template.as_ref(), &functions(), &mut env)?;
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    let name = object.metadata.name.as_deref().unwrap_or_default();
    // The key that is read without a label; and the key of the records, which would be believed if it
    // appeared in the place of one that is lost.
    let reserved = [settings.key_prefix.as_str(), INSTALLATION_SECRET];
    let reserved = reserved.map(|name| (settings.namespace.as_str(), name));
    desired(
        material,
        namespace,
        name,
        &Policy {
            reserved_names: &reserved,
        },
    )
}
