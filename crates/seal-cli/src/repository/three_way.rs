//! Two versions of a file of SealedSecrets brought together, by entry and without a key. What is not an entry is
//! merged as text, by whoever is handed in.
//!
//! An entry is sealed for a name, a namespace and a scope, and is used as type and template say: these are one
//! unit. Where one side changes them and the other an entry, nobody but a person can tell (S21).

use std::collections::{BTreeMap, BTreeSet};

use seal_api::{SealedSecret, annotations};
use seal_document::{Edits, Format, Limits, Path, Value, parse};
use seal_engine::sealed_secret::{Provenance, says_what_sealed_it};

use crate::command_error::CommandError;
use crate::manifests::{self, Kind, Place};

/// Base, ours, theirs.
type Three<T> = [T; 3];

/// The merged text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Merged {
    pub(crate) text: String,
    /// How many places are left to a person.
    pub(crate) conflicts: usize,
}

type Name = (Option<String>, Option<String>);

/// Merges `texts` (base, ours, theirs); `merge_text` merges what is left of them.
///
/// # Errors
/// Where one cannot be read, or holds an object twice: they are texts then, and no more.
pub(crate) fn merge(
    texts: Three<&str>,
    labels: [&str; 2],
    merge_text: impl FnOnce(Three<&str>) -> Result<Merged, CommandError>,
) -> Result<Merged, CommandError> {
    let sides = [
        Side::read(texts[0])?,
        Side::read(texts[1])?,
        Side::read(texts[2])?,
    ];
    let names: BTreeSet<&Name> = sides.iter().flat_map(|side| side.objects.keys()).collect();
    let mut plan = Plan::default();
    for name in names {
        plan.object(name, &sides);
    }
    let [base, ours, theirs] = texts.map(|text| plan.stripped(text));
    let (base, ours, theirs) = (base?, ours?, theirs?);
    let Merged { text, conflicts } = merge_text([&base, &ours, &theirs])?;
    if conflicts > 0 {
        // Its markers are in the way of entries: they are put where they stood, as text.
        let text = plan.fill(text, labels);
        return Ok(Merged {
            text,
            conflicts: conflicts + plan.conflicts.len(),
        });
    }
    let text = plan.restored(&text)?;
    Ok(Merged {
        text: plan.fill(text, labels),
        conflicts: plan.conflicts.len(),
    })
}

struct Side {
    objects: BTreeMap<Name, (Place, SealedSecret)>,
}

impl Side {
    fn read(text: &str) -> Result<Self, CommandError> {
        let stream = parse(text, Format::detect(None, text), &Limits::default())?;
        let mut objects = BTreeMap::new();
        for found in manifests::find(&stream)? {
            if found.kind != Kind::SealedSecret {
                continue;
            }
            let object = SealedSecret::from_value(&found.value)?;
            let name = (object.metadata.namespace.clone(), object.metadata.name.clone());
            if objects.insert(name, (found.place, object)).is_some() {
                return Err(CommandError::input("an object stands in it twice"));
            }
        }
        Ok(Self { objects })
    }
}

/// What stands in an entry's place until all else is merged.
#[derive(Default)]
struct Plan {
    /// By object and entry: what it becomes, and which marker stands for it meanwhile.
    chosen: Vec<(Name, String, String)>,
    /// Entries that only come in after the merge.
    added: Vec<(Name, String, String)>,
    /// Entries that go, before the merge, from whichever side has them.
    gone: Vec<(Name, String)>,
    /// For a marker: what each side has.
    conflicts: Vec<(Name, String, [Option<String>; 2])>,
    notes: Vec<(Name, String)>,
}

impl Plan {
    fn object(&mut self, name: &Name, sides: &Three<Side>) {
        let found = [0, 1, 2].map(|side| sides[side].objects.get(name).map(|(_, object)| object));
        // An object that one side made or took away is text.
        let [Some(base), Some(ours), Some(theirs)] = found else {
            return;
        };
        let is_changed = |object: &SealedSecret| object.spec.encrypted_data != base.spec.encrypted_data;
        let frames = [unit(base), unit(ours), unit(theirs)];
        let torn =
            (frames[1] != frames[0] && is_changed(theirs)) || (frames[2] != frames[0] && is_changed(ours));
        let all = [base, ours, theirs];
        let entries: BTreeSet<&String> = all
            .iter()
            .flat_map(|object| object.spec.encrypted_data.keys())
            .collect();
        let mut kept = BTreeMap::new();
        for entry in entries {
            let [base, ours, theirs] =
                all.map(|object| object.spec.encrypted_data.get(entry).cloned().flatten());
            let verdict = match (torn, &base, &ours, &theirs) {
                (_, base, ours, theirs) if ours == theirs || theirs == base && !torn => Ok(ours.clone()),
                (false, base, ours, theirs) if ours == base => Ok(theirs.clone()),
                (true, base, ours, theirs) if ours == base && theirs == base => Ok(ours.clone()),
                _ => Err([ours.clone(), theirs.clone()]),
            };
            let place = (name.clone(), entry.clone());
            let stands = [base.is_some(), ours.is_some(), theirs.is_some()];
            match verdict {
                Ok(None) => self.gone.push(place),
                Ok(Some(text)) => {
                    kept.insert(entry.clone(), text.clone());
                    match stands {
                        [true, true, true] => self.chosen.push((place.0, place.1, text)),
                        // Ours alone: it stays where it is.
                        [false, true, false] => {}
                        _ => {
                            self.gone.push(place.clone());
                            self.added.push((place.0, place.1, text));
                        }
                    }
                }
                Err(versions) => self.conflicts.push((place.0, place.1, versions)),
            }
        }
        if let Some(note) = note(&[ours, theirs], &kept) {
            self.notes.push((name.clone(), note));
        }
    }

    // The text of a side with markers for what was decided, so that all sides say the same there.
    fn stripped(&self, text: &str) -> Result<String, CommandError> {
        let stream = parse(text, Format::detect(None, text), &Limits::default())?;
        let objects = Side::read(text)?.objects;
        let mut edits = Edits::new(&stream);
        let mut set = |name: &Name, entry: &str, value: Option<String>| {
            let Some((place, object)) = objects.get(name) else {
                return;
            };
            let path = entries(*place).key(entry);
            match value {
                Some(value) => edits.set(place.document, &path, Value::from(value)),
                None if object.spec.encrypted_data.contains_key(entry) => edits.remove(place.document, &path),
                None => {}
            }
        };
        for (index, (name, entry, _)) in self.chosen.iter().enumerate() {
            set(name, entry, Some(marker("chosen", index)));
        }
        for (name, entry) in &self.gone {
            set(name, entry, None);
        }
        for (index, (name, entry, _)) in self.conflicts.iter().enumerate() {
            set(name, entry, Some(marker("conflict", index)));
        }
        for (name, _) in &self.notes {
            if let Some((place, _)) = objects.get(name) {
                edits.set(
                    place.document,
                    &annotation(*place),
                    Value::from(marker("note", 0)),
                );
            }
        }
        Ok(edits.apply()?.to_string())
    }

    fn restored(&self, text: &str) -> Result<String, CommandError> {
        let stream = parse(text, Format::detect(None, text), &Limits::default())?;
        let objects = Side::read(text)?.objects;
        let mut edits = Edits::new(&stream);
        for (name, entry, sealed) in self.chosen.iter().chain(&self.added) {
            if let Some((place, _)) = objects.get(name) {
                edits.set(
                    place.document,
                    &entries(*place).key(entry.as_str()),
                    Value::from(sealed.as_str()),
                );
            }
        }
        for (name, note) in &self.notes {
            if let Some((place, _)) = objects.get(name) {
                edits.set(place.document, &annotation(*place), Value::from(note.as_str()));
            }
        }
        Ok(edits.apply()?.to_string())
    }

    // Markers of conflicts become both versions, on that entry's line alone; what is left of the others, their texts.
    fn fill(&self, text: String, labels: [&str; 2]) -> String {
        let mut lines = Vec::new();
        for line in text.split('\n') {
            let conflict = self
                .conflicts
                .iter()
                .enumerate()
                .find(|(index, _)| line.contains(&marker("conflict", *index)));
            match conflict {
                None => lines.push(line.to_owned()),
                Some((index, (_, _, versions))) => {
                    let version = |text: &Option<String>| {
                        text.as_ref()
                            .map(|text| line.replace(&marker("conflict", index), text))
                    };
                    lines.push(format!("<<<<<<< {}", labels[0]));
                    lines.extend(version(&versions[0]));
                    lines.push("=======".to_owned());
                    lines.extend(version(&versions[1]));
                    lines.push(format!(">>>>>>> {}", labels[1]));
                }
            }
        }
        let mut text = lines.join("\n");
        for (index, (_, _, sealed)) in self.chosen.iter().enumerate() {
            text = text.replace(&marker("chosen", index), sealed);
        }
        text
    }
}

// A text that no ciphertext is, and that no other one begins with.
fn marker(kind: &str, index: usize) -> String {
    format!("seal-merges-{kind}-{index:06}")
}

fn entries(place: Place) -> Path {
    place.path().key("spec").key("encryptedData")
}

fn annotation(place: Place) -> Path {
    place
        .path()
        .key("metadata")
        .key("annotations")
        .key(annotations::SEALED_WITH)
}

// Name and namespace are what the objects are told apart by.
fn unit(object: &SealedSecret) -> impl PartialEq + use<> {
    let scope = annotations::scope(object.metadata.annotations.as_ref());
    (scope, object.spec.template.clone(), object.spec.data.clone())
}

// What the sides note of the texts that are kept.
fn note(sides: &[&SealedSecret; 2], kept: &BTreeMap<String, String>) -> Option<String> {
    let stands = sides.iter().any(|side| says_what_sealed_it(side));
    let texts = kept.iter().map(|(entry, text)| (entry.as_str(), text.as_str()));
    stands.then(|| Provenance::of(sides.iter().copied()).note(texts))
}

#[cfg(test)]
mod tests;
