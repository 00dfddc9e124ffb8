//! What a document means: a tree that is wiped when it is dropped and never shows what it holds.
//! It knows no spans and no comments.

use std::fmt;

use crate::number;
use crate::path::{Path, Step};
use crate::wiped::WipedText;

/// A value as Kubernetes sees it. No `Debug` of contents, no comparison: it may hold secrets.
#[derive(Clone, Default)]
pub enum Value {
    /// Nothing.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number that fits.
    Integer(i64),
    /// A whole number above [`i64::MAX`].
    Unsigned(u64),
    /// Any other number.
    Float(f64),
    /// Text.
    String(WipedText),
    /// A list.
    Sequence(Vec<Value>),
    /// Entries by key.
    Mapping(Mapping),
}

impl Value {
    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// True or false, if that is what it is.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The number, if it is whole and fits.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The entries of a mapping.
    pub fn as_mapping(&self) -> Option<&Mapping> {
        match self {
            Self::Mapping(mapping) => Some(mapping),
            _ => None,
        }
    }

    /// The entries of a mapping, to change them.
    pub fn as_mapping_mut(&mut self) -> Option<&mut Mapping> {
        match self {
            Self::Mapping(mapping) => Some(mapping),
            _ => None,
        }
    }

    /// The items of a sequence.
    pub fn as_sequence(&self) -> Option<&[Self]> {
        match self {
            Self::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// Whether this is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The value under `key`, if this is a mapping and has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_mapping()?.get(key)
    }

    /// The value at `path`.
    pub fn at(&self, path: &Path) -> Option<&Self> {
        path.steps().iter().try_fold(self, |value, step| match step {
            Step::Key(key) => value.get(key),
            Step::Index(index) => value.as_sequence()?.get(*index),
        })
    }

    /// The text that `sigs.k8s.io/yaml` puts into a Go `string` field for this scalar: `5` for 5,
    /// `true`, `1.5` for 1.50, nothing for null. None for mappings and sequences, which it refuses.
    ///
    /// Floats pass through 32 bits on the way, as they do there.
    pub fn stringify(&self) -> Option<WipedText> {
        Some(WipedText::new(match self {
            Self::Null => String::new(),
            Self::Bool(truth) => truth.to_string(),
            Self::Integer(number) => number.to_string(),
            Self::Unsigned(number) => number.to_string(),
            Self::Float(number) => number::format_short(*number),
            Self::String(text) => return Some(text.clone()),
            Self::Sequence(_) | Self::Mapping(_) => return None,
        }))
    }

    /// About how many bytes a text of this takes: enough that a writer's buffer seldom has to grow.
    pub(crate) fn size_hint(&self) -> usize {
        const LAYOUT: usize = 24;
        LAYOUT
            + match self {
                Self::String(text) => text.len(),
                Self::Sequence(items) => items.iter().map(Self::size_hint).sum(),
                Self::Mapping(mapping) => mapping
                    .iter()
                    .map(|(key, value)| key.len() + value.size_hint())
                    .sum(),
                _ => 0,
            }
    }

    /// What this is, in one word, for error messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Integer(_) | Self::Unsigned(_) | Self::Float(_) => "number",
            Self::String(_) => "string",
            Self::Sequence(_) => "list",
            Self::Mapping(_) => "mapping",
        }
    }
}

impl fmt::Debug for Value {
    /// The kind only.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Value({})", self.kind())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(WipedText::new(text.to_owned()))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(WipedText::new(text))
    }
}

impl From<WipedText> for Value {
    fn from(text: WipedText) -> Self {
        Self::String(text)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<Vec<Value>> for Value {
    fn from(items: Vec<Value>) -> Self {
        Self::Sequence(items)
    }
}

impl From<Mapping> for Value {
    fn from(mapping: Mapping) -> Self {
        Self::Mapping(mapping)
    }
}

/// Entries in the order in which they came, each key once.
#[derive(Clone, Default)]
pub struct Mapping(Vec<(WipedText, Value)>);

impl Mapping {
    /// No entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value under `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0
            .iter()
            .find(|(name, _)| name.as_str() == key)
            .map(|(_, value)| value)
    }

    /// The value under `key`, to change it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.0
            .iter_mut()
            .find(|(name, _)| name.as_str() == key)
            .map(|(_, value)| value)
    }

    /// Whether there is an entry under `key`.
    pub fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Puts a value under `key`: in place of the one that is there, which is returned, else last.
    ///
    /// Looks through all entries; to make a large mapping, collect it.
    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<Value>) -> Option<Value> {
        let key = WipedText::new(key.into());
        match self.get_mut(&key) {
            Some(place) => Some(std::mem::replace(place, value.into())),
            None => {
                self.0.push((key, value.into()));
                None
            }
        }
    }

    /// Takes out the entry under `key`.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let at = self.0.iter().position(|(name, _)| name.as_str() == key)?;
        Some(self.0.remove(at).1)
    }

    /// The entries in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The keys in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_str())
    }

    /// Keeps the last entry of each key, at the place of the first.
    pub(crate) fn from_entries(mut entries: Vec<(WipedText, Value)>) -> Self {
        let mut order: Vec<usize> = (0..entries.len()).collect();
        order.sort_by(|left, right| entries[*left].0.as_str().cmp(&entries[*right].0));
        let mut dropped = vec![false; entries.len()];
        let runs: Vec<&[usize]> = order
            .chunk_by(|left, right| entries[*left].0.as_str() == entries[*right].0.as_str())
            .collect();
        let repeated: Vec<(usize, usize)> = runs
            .iter()
            .filter(|run| run.len() > 1)
            .inspect(|run| run[1..].iter().for_each(|at| dropped[*at] = true))
            .map(|run| (run[0], run[run.len() - 1]))
            .collect();
        for (first, last) in repeated {
            entries[first].1 = std::mem::take(&mut entries[last].1);
        }
        let mut at = 0;
        entries.retain(|_| {
            at += 1;
            !dropped[at - 1]
        });
        Self(entries)
    }
}

impl fmt::Debug for Mapping {
    /// How many entries there are, no more.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Mapping({} entries)", self.0.len())
    }
}

impl<K: Into<String>, V: Into<Value>> FromIterator<(K, V)> for Mapping {
    /// Of entries with one key the last counts.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let entries = entries
            .into_iter()
            .map(|(key, value)| (WipedText::new(key.into()), value.into()));
        Self::from_entries(entries.collect())
    }
}

impl IntoIterator for Mapping {
    type Item = (WipedText, Value);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_equal_keys_the_last_value_stands_at_the_first_place() {
        let mapping: Mapping = [("a", 1), ("b", 2), ("a", 3), ("c", 4), ("a", 5)]
            .into_iter()
            .collect();
        assert_eq!(mapping.keys().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(mapping.get("a").and_then(Value::as_integer), Some(5));
    }

    #[test]
    fn debugging_shows_no_contents() {
        let value = Value::from(Mapping::from_iter([("password", "canary")]));
        assert_eq!(
            format!("{value:?} {:?}", value.as_mapping().unwrap()),
            "Value(mapping) Mapping(1 entries)"
        );
    }
}
