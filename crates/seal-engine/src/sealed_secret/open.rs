//! From sealed values to values: every entry opens or has its own fault; one fault and nothing is
//! handed on, as upstream has it.
//!
//! Work is bounded: a wrong key costs as much as a right one, so once an entry has failed with every
//! key, the object cannot succeed, and some of the other entries are asked of the likely keys only.
//! Those that do not open then are not called bad: nobody knows.

use std::collections::BTreeMap;

use seal_api::{SealedSecret, Secret, annotations};
use seal_core::{
    EncryptionLabel, Envelope, EnvelopeError, Fingerprint, KeyRing, Namespace, ObjectName, OpenError, Opened,
    Plaintext, Scope, TrialHints, decode_base64,
};

use crate::catalogue;
use crate::due::Record;
use crate::fault::Fault;
use crate::sealed_secret::Answers;
use crate::shape::Unveiled;

/// How to open.
#[derive(Clone, Copy)]
pub struct Opening<'a> {
    /// Whether the legacy field `data` is read.
    pub accept_legacy: bool,
    /// Whether to find out under which other scope a value would have opened: as many private
    /// operations again. The caller limits how often (S8).
    pub diagnose_scope: bool,
    /// Which keys are likely; orders the trials.
    pub hints: Option<&'a dyn KeyHints>,
}

/// The key that is likely to open an entry. A wrong one costs an attempt (S7).
pub trait KeyHints: Sync {
    /// The likely key of `entry`; that of the legacy blob, which has no name.
    fn key_of(&self, entry: &str) -> Option<Fingerprint>;
}

impl KeyHints for Record {
    fn key_of(&self, entry: &str) -> Option<Fingerprint> {
        Self::key_of(self, entry)
    }
}

// Recorded, last good, newest.
const LIKELY_KEYS: usize = 3;
// Of a hopeless object so many further entries are asked of the likely keys: about a third of a second
// per core, however many entries a stranger writes.
const ENTRIES_OF_THE_HOPELESS: usize = 20;

/// Opens all of `object`. A SealedSecret is always one Secret; other kinds may be several.
///
/// # Errors
/// A fault for each entry that does not open, in the order of their names.
pub fn open(
    object: &SealedSecret,
    answers: &Answers<'_>,
    how: &Opening<'_>,
) -> Result<Vec<Unveiled>, Vec<Fault>> {
    let Some(ring) = answers.sealing_keys else {
        let what = "a SealedSecret was opened before its needs were answered";
        return Err(vec![Fault::new(&catalogue::DEFECT).fact("what", what)]);
    };
    let names = Names::of(object).map_err(|fault| vec![fault])?;
    match &object.spec.data {
        Some(_) if !how.accept_legacy => Err(vec![Fault::new(&catalogue::LEGACY_DISABLED)]),
        Some(_) if !object.spec.encrypted_data.is_empty() => {
            Err(vec![Fault::new(&catalogue::LEGACY_AND_ITEMS)])
        }
        Some(blob) => open_legacy(blob, &names, ring, how)
            .map(|one| vec![one])
            .map_err(|fault| vec![fault]),
        None => open_entries(object, &names, ring, how).map(|one| vec![one]),
    }
}

// Names and scope as the object's own metadata states them; what the template says does not count.
pub(super) struct Names {
    // Absent only where the scope needs none: kubeseal writes cluster-wide files without it.
    namespace: Option<Namespace>,
    name: ObjectName,
    template_name: Option<ObjectName>,
    scope: Scope,
}

impl Names {
    pub(super) fn of(object: &SealedSecret) -> Result<Self, Fault> {
        let invalid = |what| Fault::new(&catalogue::INVALID_NAME).fact("what", what);
        let metadata = &object.metadata;
        let template = object
            .spec
            .template
            .as_ref()
            .and_then(|template| template.metadata.as_ref());
        let scope = annotations::scope(metadata.annotations.as_ref());
        let namespace = match metadata.namespace.as_deref().unwrap_or_default() {
            "" if scope == Scope::ClusterWide => None,
            namespace => Some(namespace.parse().map_err(|_| invalid("namespace"))?),
        };
        Ok(Self {
            namespace,
            name: metadata
                .name
                .as_deref()
                .unwrap_or_default()
                .parse()
                .map_err(|_| invalid("name"))?,
            template_name: template.and_then(|metadata| metadata.name.as_ref()?.parse().ok()),
            scope,
        })
    }

    pub(super) fn label(&self) -> EncryptionLabel {
        match &self.namespace {
            Some(namespace) => self.scope.label(namespace, &self.name),
            None => EncryptionLabel::cluster_wide(),
        }
    }
}

fn open_entries(
    object: &SealedSecret,
    names: &Names,
    ring: &KeyRing,
    how: &Opening<'_>,
) -> Result<Unveiled, Vec<Fault>> {
    let mut unveiled = Unveiled {
        entries: BTreeMap::new(),
        keys: BTreeMap::new(),
        hidden: None,
    };
    for (entry, opened) in open_items(object, names, ring, how)? {
        unveiled.keys.insert(entry.clone(), opened.key);
        unveiled.entries.insert(entry, opened.plaintext);
    }
    Ok(unveiled)
}

// Every sealed text of the object: its entries, or the legacy blob under an empty name.
pub(super) fn open_texts(
    object: &SealedSecret,
    names: &Names,
    ring: &KeyRing,
    how: &Opening<'_>,
) -> Result<BTreeMap<String, Opened>, Vec<Fault>> {
    match &object.spec.data {
        Some(_) if !object.spec.encrypted_data.is_empty() => {
            Err(vec![Fault::new(&catalogue::LEGACY_AND_ITEMS)])
        }
        Some(blob) => open_blob(blob, names, ring, how)
            .map(|opened| BTreeMap::from([(String::new(), opened)]))
            .map_err(|fault| vec![fault]),
        None => open_items(object, names, ring, how),
    }
}

fn open_items(
    object: &SealedSecret,
    names: &Names,
    ring: &KeyRing,
    how: &Opening<'_>,
) -> Result<BTreeMap<String, Opened>, Vec<Fault>> {
    let label = names.label();
    let mut items = BTreeMap::new();
    let mut faults = Vec::new();
    let mut last_good = None;
    let mut hopeless = None;
    for (entry, text) in &object.spec.encrypted_data {
        let hints = TrialHints {
            recorded: how.hints.and_then(|hints| hints.key_of(entry)),
            last_good,
        };
        let most = match &mut hopeless {
            None => usize::MAX,
            Some(0) => 0,
            Some(left) => {
                *left -= 1;
                LIKELY_KEYS
            }
        };
        // The diagnosis tries all keys as well, and one entry tells for all.
        let diagnose = how.diagnose_scope && hopeless.is_none();
        match open_item(text.as_deref(), names, &label, ring, hints, most, diagnose) {
            Ok(opened) => {
                last_good = Some(opened.key);
                items.insert(entry.clone(), opened);
            }
            Err((fault, exhausted)) => {
                if exhausted {
                    hopeless.get_or_insert(ENTRIES_OF_THE_HOPELESS);
                }
                faults.push(fault.entry(entry));
            }
        }
    }
    if faults.is_empty() { Ok(items) } else { Err(faults) }
}

fn open_blob(blob: &str, names: &Names, ring: &KeyRing, how: &Opening<'_>) -> Result<Opened, Fault> {
    let hints = TrialHints {
        recorded: how.hints.and_then(|hints| hints.key_of("")),
        last_good: None,
    };
    let (label, all) = (names.label(), usize::MAX);
    open_item(Some(blob), names, &label, ring, hints, all, how.diagnose_scope).map_err(|(fault, _)| fault)
}

fn open_legacy(blob: &str, names: &Names, ring: &KeyRing, how: &Opening<'_>) -> Result<Unveiled, Fault> {
    let opened = open_blob(blob, names, ring, how)?;
    let secret =
        Secret::from_json(opened.plaintext.expose()).map_err(|_| Fault::new(&catalogue::LEGACY_MALFORMED))?;
    let keys = BTreeMap::from([(String::new(), opened.key)]);
    let Secret {
        metadata,
        kind,
        immutable,
        data,
    } = secret;
    let hidden = Secret {
        metadata,
        kind,
        immutable,
        data: BTreeMap::new(),
    };
    Ok(Unveiled {
        entries: data,
        keys,
        hidden: Some(hidden),
    })
}

// The second part of the error: whether every key was asked in vain.
fn open_item(
    text: Option<&str>,
    names: &Names,
    label: &EncryptionLabel,
    ring: &KeyRing,
    hints: TrialHints,
    most: usize,
    diagnose: bool,
) -> Result<Opened, (Fault, bool)> {
    let cheap = |fault| (fault, false);
    let text = text.ok_or_else(|| cheap(Fault::new(&catalogue::NOT_TEXT)))?;
    let bytes = decode_base64(text)
        .map_err(|error| cheap(Fault::new(&catalogue::NOT_BASE64).fact("offset", error.offset)))?;
    let envelope = Envelope::parse(&bytes).map_err(|error| cheap(layout_fault(error)))?;
    ring.open(&envelope, label, hints, most)
        .map_err(|error| match error {
            OpenError::NoKeyOfThisSize { bits } if !is_key_size(bits) => {
                cheap(Fault::new(&catalogue::MALFORMED))
            }
            OpenError::NoKeyOfThisSize { bits } => {
                cheap(Fault::new(&catalogue::NO_KEY_OF_THIS_SIZE).fact("bits", bits))
            }
            OpenError::Tampered { key } => cheap(Fault::new(&catalogue::TAMPERED).fact("key", key)),
            OpenError::NoKey { left: 1.., .. } => cheap(Fault::new(&catalogue::NOT_TRIED)),
            OpenError::NoKey { .. } => {
                let fault = if diagnose {
                    scope_fault(&envelope, names, ring)
                } else {
                    None
                };
                (
                    fault.unwrap_or_else(|| Fault::new(&catalogue::ANOTHER_KEY_OR_NAME)),
                    true,
                )
            }
        })
}

// What aws-lc can hold; anything else in the length prefix was never a key.
pub(super) fn is_key_size(bits: usize) -> bool {
    (1024..=16384).contains(&bits) && bits.is_multiple_of(64)
}

pub(super) fn layout_fault(error: EnvelopeError) -> Fault {
    match error {
        // Plain text that happens to be base64 claims a key of any size.
        EnvelopeError::Truncated { found, needed } if needed < 16384 / 8 + 64 => {
            Fault::new(&catalogue::TRUNCATED)
                .fact("found", found)
                .fact("needed", needed)
        }
        EnvelopeError::Truncated { .. } | EnvelopeError::NoSessionKey => Fault::new(&catalogue::MALFORMED),
    }
}

// Only labels that the object's author could have set himself (S8): everything else is one sentence.
fn scope_fault(envelope: &Envelope<'_>, names: &Names, ring: &KeyRing) -> Option<Fault> {
    let namespace = names.namespace.as_ref()?;
    let renamed = names.template_name.clone().filter(|name| *name != names.name);
    let mut tries: Vec<(Scope, Option<&ObjectName>)> = Scope::ALL
        .into_iter()
        .filter(|scope| *scope != names.scope)
        .map(|scope| (scope, None))
        .collect();
    if let Some(name) = &renamed {
        tries.push((Scope::Strict, Some(name)));
    }
    let labels: Vec<EncryptionLabel> = tries
        .iter()
        .map(|(scope, name)| scope.label(namespace, name.unwrap_or(&names.name)))
        .collect();
    let (scope, name) = tries[ring.label_that_fits(envelope, &labels)?];
    let sealed = match name {
        Some(name) => format!("strict for the name {name}"),
        None => scope.to_string(),
    };
    let advice = match (name, annotations::scope_annotation(scope)) {
        (Some(name), _) => format!("name the SealedSecret {name}, or seal the value again for this name"),
        (None, Some(annotation)) => {
            format!(
                "annotate the SealedSecret with {annotation}: \"true\", or seal the value again with this scope"
            )
        }
        (None, None) => {
            "remove the scope annotation from the SealedSecret, or seal the value again with this scope"
                .to_owned()
        }
    };
    let fault = Fault::new(&catalogue::ANOTHER_SCOPE)
        .fact("scope", sealed)
        .fact("stated", names.scope);
    Some(fault.fact("advice", advice))
}

/// The values and who opened them, for callers that only look.
impl Unveiled {
    /// The key that opened `entry`.
    pub fn key_of(&self, entry: &str) -> Option<Fingerprint> {
        self.keys.get(entry).copied()
    }

    /// The value of `entry`.
    pub fn value_of(&self, entry: &str) -> Option<&Plaintext> {
        self.entries.get(entry)
    }
}

#[cfg(test)]
mod tests;
