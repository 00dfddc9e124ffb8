//! What differs between two versions of one SealedSecret: by entry, by value where there are keys, and by key
//! path for everything else. No value and no ciphertext is part of what it says, nor anything derived from them
//! (S23).

use std::collections::BTreeSet;

use seal_api::{SealedSecret, annotations};
use seal_core::KeyRing;
use seal_document::{JsonStyle, Path, to_json};
use seal_engine::{Fault, Unveiled};
use serde_json::Value;

use crate::opening;
use crate::repository::{Sealed, is_same_text};

/// One version.
pub(super) struct Side {
    pub(super) object: SealedSecret,
    tree: Value,
}

/// One thing that may differ.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) what: What,
    pub(super) change: Change,
    /// Before and after, where these are words that may be told.
    pub(super) words: Option<[String; 2]>,
}

/// What it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum What {
    Object,
    /// The legacy blob has no name.
    Entry(String),
    Field(String),
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Unchanged,
    Added,
    Removed,
    Changed,
    /// Another ciphertext; whether of another value, nobody can tell without keys.
    SealedAnew,
    /// Another ciphertext of the same value, as keys prove.
    SameValue,
    /// Another value, as keys prove.
    OtherValue,
    /// The cluster has it as it is, and its controller has made no Secret of it yet.
    NotOpened,
    /// In the cluster a Secret of somebody else's stands in its place.
    InTheWay,
}

impl Change {
    /// For programs.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
            Self::SealedAnew => "sealed-anew",
            Self::SameValue => "same-value",
            Self::OtherValue => "other-value",
            Self::NotOpened => "not-opened",
            Self::InTheWay => "secret-in-the-way",
        }
    }

    /// Whether it is a difference.
    pub(super) fn counts(self) -> bool {
        !matches!(self, Self::Unchanged | Self::SameValue)
    }
}

impl Side {
    /// As it stands in a file, with fields that no controller knows.
    pub(super) fn in_file(sealed: &Sealed) -> Self {
        let json = to_json(&sealed.value, JsonStyle::COMPACT).ok();
        let tree = json.and_then(|json| serde_json::from_str(&json).ok());
        Self {
            object: sealed.object.clone(),
            tree: tree.unwrap_or_default(),
        }
    }

    /// As the API server keeps it, which drops fields that its definition does not name.
    pub(super) fn applied(object: SealedSecret) -> Self {
        let tree = serde_json::to_value(&object).unwrap_or_default();
        Self { object, tree }
    }

    fn text(&self, entry: &str) -> Option<&str> {
        let spec = &self.object.spec;
        match entry {
            "" => spec.data.as_deref(),
            entry => spec.encrypted_data.get(entry)?.as_deref(),
        }
    }

    /// Its entries; the legacy blob has no name.
    pub(super) fn entries(&self) -> Vec<&str> {
        let spec = &self.object.spec;
        let blob = spec.data.as_ref().map(|_| "");
        blob.into_iter()
            .chain(spec.encrypted_data.keys().map(String::as_str))
            .collect()
    }

    // Where its values open.
    fn label(&self) -> (seal_core::Scope, Option<&str>, Option<&str>) {
        let metadata = &self.object.metadata;
        let scope = annotations::scope(metadata.annotations.as_ref());
        (scope, metadata.namespace.as_deref(), metadata.name.as_deref())
    }

    // Only what differs is opened.
    fn opened(&self, entry: &str, ring: &KeyRing) -> Result<Unveiled, Fault> {
        let mut alone = self.object.clone();
        alone.spec.encrypted_data.retain(|name, _| name == entry);
        let mut opened = opening::each(&alone, ring);
        opened.next().expect("the entry was found").1
    }
}

/// All that differs, and the entries that do not.
///
/// # Errors
/// A fault for each entry that has to be opened and does not.
pub(super) fn compare(before: &Side, after: &Side, ring: Option<&KeyRing>) -> Result<Vec<Item>, Vec<Fault>> {
    let mut items = words(before, after);
    fields(Some(&before.tree), Some(&after.tree), &Path::root(), &mut items);
    let entries: BTreeSet<&str> = before.entries().into_iter().chain(after.entries()).collect();
    let is_elsewhere = before.label() != after.label();
    let mut faults = Vec::new();
    for entry in entries {
        let change = match (before.text(entry), after.text(entry)) {
            (None, _) if !before.entries().contains(&entry) => Change::Added,
            (_, None) if !after.entries().contains(&entry) => Change::Removed,
            (Some(one), Some(other)) if is_same_text(one, other) && (!is_elsewhere || ring.is_none()) => {
                Change::Unchanged
            }
            (None, None) => Change::Unchanged,
            _ => match ring.map(|ring| by_value(before, after, entry, ring)) {
                None => Change::SealedAnew,
                Some(Ok(true)) => Change::SameValue,
                Some(Ok(false)) => Change::OtherValue,
                Some(Err(fault)) => {
                    faults.push(fault);
                    continue;
                }
            },
        };
        items.push(Item::entry(entry, change));
    }
    match faults.is_empty() {
        true => Ok(items),
        false => Err(faults),
    }
}

impl Item {
    /// What became of an entry.
    pub(super) fn entry(entry: &str, change: Change) -> Self {
        Self {
            what: What::Entry(entry.to_owned()),
            change,
            words: None,
        }
    }

    /// What became of the object.
    pub(super) fn object(change: Change) -> Self {
        Self {
            what: What::Object,
            change,
            words: None,
        }
    }

    /// In words, for people.
    pub(super) fn line(&self) -> String {
        let change = match (&self.words, self.change) {
            (Some([before, after]), _) => return format!("{}: {before} → {after}", self.name()),
            (None, Change::SealedAnew) => "sealed anew",
            (None, Change::SameValue) => "sealed anew, the same value",
            (None, Change::OtherValue) => "another value",
            (None, Change::NotOpened) => "there, and no controller has opened it yet",
            (None, Change::InTheWay) => "a Secret of that name stands there and is not handed over",
            (None, change) => change.word(),
        };
        match self.what {
            What::Object => change.to_owned(),
            _ => format!("{}: {change}", self.name()),
        }
    }

    fn name(&self) -> &str {
        match &self.what {
            What::Object => "object",
            What::Entry(entry) if entry.is_empty() => "spec.data",
            What::Entry(name) => name,
            What::Field(path) => path.trim_start_matches('.'),
        }
    }
}

// Whether both are of one value.
fn by_value(before: &Side, after: &Side, entry: &str, ring: &KeyRing) -> Result<bool, Fault> {
    let (one, other) = (before.opened(entry, ring)?, after.opened(entry, ring)?);
    // What the legacy blob hides beside the values is used like a template.
    let hidden = |unveiled: &Unveiled| {
        let secret = unveiled.hidden.as_ref()?;
        let metadata = &secret.metadata;
        Some((
            secret.kind.clone(),
            metadata.labels.clone(),
            metadata.annotations.clone(),
        ))
    };
    let same = one.entries.len() == other.entries.len()
        && one.entries.iter().all(|(name, value)| {
            let there = other.value_of(name);
            there.is_some_and(|there| there.matches(value.expose()))
        });
    Ok(same && hidden(&one) == hidden(&other))
}

// What values are bound to and used as, before all else (S21).
fn words(before: &Side, after: &Side) -> Vec<Item> {
    let kind = |side: &Side| {
        let template = side.object.spec.template.as_ref();
        let kind = template.and_then(|template| template.kind.clone());
        kind.filter(|kind| !kind.is_empty())
            .unwrap_or_else(|| seal_api::OPAQUE.to_owned())
    };
    let all = |side: &Side| {
        let (scope, namespace, name) = side.label();
        let text = |part: Option<&str>| part.unwrap_or("none").to_owned();
        [
            ("scope", scope.to_string()),
            (NAMESPACE, text(namespace)),
            (NAME, text(name)),
            (TYPE, kind(side)),
        ]
    };
    let pairs = all(before).into_iter().zip(all(after));
    let differ = pairs.filter(|((_, one), (_, other))| one != other);
    differ
        .map(|((name, one), (_, other))| Item {
            what: What::Field(name.to_owned()),
            change: Change::Changed,
            words: Some([one, other]),
        })
        .collect()
}

const NAMESPACE: &str = ".metadata.namespace";
const NAME: &str = ".metadata.name";
const TYPE: &str = ".spec.template.type";

// Told otherwise, of no consequence, or written by the cluster.
fn is_passed_by(path: &str) -> bool {
    const ELSEWHERE: [&str; 6] = [
        NAMESPACE,
        NAME,
        TYPE,
        ".spec.encryptedData",
        ".spec.data",
        ".status",
    ];
    let note = Path::root()
        .key("metadata")
        .key("annotations")
        .key(annotations::SEALED_WITH);
    ELSEWHERE.contains(&path) || path == note.to_string()
}

fn fields(before: Option<&Value>, after: Option<&Value>, at: &Path, items: &mut Vec<Item>) {
    let path = at.to_string();
    let is_void = |value| is_void(value, &path);
    if is_passed_by(&path) || before == after || is_void(before) && is_void(after) {
        return;
    }
    // A whole mapping that came or went is told by what is in it.
    let empty = serde_json::Map::new();
    let or_empty = |value| match is_void(value) {
        true => Some(&empty),
        false => value.and_then(Value::as_object),
    };
    if [before, after].into_iter().flatten().any(Value::is_object)
        && let (Some(before), Some(after)) = (or_empty(before), or_empty(after))
    {
        let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for key in keys {
            fields(before.get(key), after.get(key), &at.key(key.as_str()), items);
        }
        return;
    }
    let change = match (is_void(before), is_void(after)) {
        (true, _) => Change::Added,
        (_, true) => Change::Removed,
        _ => Change::Changed,
    };
    items.push(Item {
        what: What::Field(path),
        change,
        words: None,
    });
}

// What Kubernetes takes for nothing. A template that is null leaves its entry out of the Secret.
fn is_void(value: Option<&Value>, path: &str) -> bool {
    match value {
        None => true,
        Some(Value::Null) => !path.starts_with(".spec.template.data"),
        Some(Value::Object(mapping)) => mapping.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(_) => false,
    }
}
