//! Lists and maps. Lists never change; maps do (`set`, `unset`) and are shared, as in Go.
//! A map never contains itself: Go dies printing such a map, and here it would never be freed.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::{Text, Value};
use crate::function::CallFault;
use crate::limits::Limit;

/// How many containers an insertion looks through for the map itself before it refuses.
const SEARCHED_CONTAINERS: usize = 10_000;

/// The static type of a container's elements.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// `interface {}`
    Any,
    /// `string`
    Text,
    /// `int`
    Int,
    /// `[]interface {}`
    List,
}

/// A slice: `[]interface {}` or one of the typed slices that sprig returns.
#[derive(Clone)]
pub struct List {
    element: Element,
    items: Option<Arc<Items>>,
}

struct Items(Vec<Value>);

/// A map with string keys: `map[string]interface {}` or `map[string]string`.
#[derive(Clone)]
pub struct Map {
    element: Element,
    entries: Arc<Entries>,
}

struct Entries(RwLock<BTreeMap<Text, Value>>);

impl List {
    /// A `[]interface {}`.
    pub fn new(items: Vec<Value>) -> Self {
        List::of(Element::Any, items)
    }

    /// A `[]string`.
    pub fn texts(items: impl IntoIterator<Item = Text>) -> Self {
        List::of(Element::Text, items.into_iter().map(Value::Text).collect())
    }

    /// A slice whose elements are all of that type.
    pub fn of(element: Element, items: Vec<Value>) -> Self {
        List {
            element,
            items: Some(Arc::new(Items(items))),
        }
    }

    /// A nil slice: empty in every way, but JSON writes `null`.
    pub fn nil(element: Element) -> Self {
        List { element, items: None }
    }

    /// Whether this is a nil slice.
    pub fn is_nil(&self) -> bool {
        self.items.is_none()
    }

    /// The static type of its elements.
    pub fn element(&self) -> Element {
        self.element
    }

    /// The elements.
    pub fn items(&self) -> &[Value] {
        self.items.as_ref().map_or(&[], |items| &items.0)
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.items().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.items().is_empty()
    }

    pub(crate) fn is_unshared(&self) -> bool {
        self.items
            .as_ref()
            .is_some_and(|items| Arc::strong_count(items) == 1)
    }

    /// Go's name of the type.
    pub fn type_name(&self) -> &'static str {
        match self.element {
            Element::Any => "[]interface {}",
            Element::Text => "[]string",
            Element::Int => "[]int",
            Element::List => "[][]interface {}",
        }
    }
}

impl Map {
    /// A `map[string]interface {}`.
    pub fn new(entries: impl IntoIterator<Item = (Text, Value)>) -> Self {
        Map::of(Element::Any, entries)
    }

    /// A `map[string]string`.
    pub fn texts(entries: impl IntoIterator<Item = (Text, Text)>) -> Self {
        Map::of(
            Element::Text,
            entries.into_iter().map(|(key, text)| (key, Value::Text(text))),
        )
    }

    /// A map whose values are all of that type.
    pub(crate) fn of(element: Element, entries: impl IntoIterator<Item = (Text, Value)>) -> Self {
        Map {
            element,
            entries: Arc::new(Entries(RwLock::new(entries.into_iter().collect()))),
        }
    }

    /// The static type of its values.
    pub fn element(&self) -> Element {
        self.element
    }

    /// The value of a key.
    pub fn lookup(&self, key: &[u8]) -> Option<Value> {
        self.read().get(key).cloned()
    }

    /// What an absent key yields when indexed: the zero of the value type.
    pub fn zero(&self) -> Value {
        match self.element {
            Element::Text => Value::text(""),
            Element::Int => Value::Int(0),
            Element::List => Value::List(List::nil(Element::Any)),
            Element::Any => Value::Nil,
        }
    }

    /// Sets a key, for everyone who shares this map.
    ///
    /// # Errors
    /// When the map would come to contain itself, or `value` is too entangled to find out.
    pub fn insert(&self, key: Text, value: Value) -> Result<(), CallFault> {
        if self.is_within(&value)? {
            return Err(CallFault::Refused("a map cannot contain itself"));
        }
        self.write().insert(key, value);
        Ok(())
    }

    /// Removes a key, for everyone who shares this map.
    pub fn remove(&self, key: &[u8]) {
        self.write().remove(key);
    }

    /// The entries in sorted key order, as they stand now.
    pub fn entries(&self) -> Vec<(Text, Value)> {
        self.read()
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Go's name of the type.
    pub fn type_name(&self) -> &'static str {
        match self.element {
            Element::Any => "map[string]interface {}",
            Element::Text => "map[string]string",
            Element::Int => "map[string]int",
            Element::List => "map[string][]interface {}",
        }
    }

    pub(crate) fn is_unshared(&self) -> bool {
        Arc::strong_count(&self.entries) == 1
    }

    /// Whether both names stand for one and the same map.
    pub fn is_same(&self, other: &Map) -> bool {
        Arc::ptr_eq(&self.entries, &other.entries)
    }

    fn is_within(&self, value: &Value) -> Result<bool, CallFault> {
        let mut seen = HashSet::new();
        let mut pending = vec![value.clone()];
        while let Some(value) = pending.pop() {
            let first_visit = match &value {
                Value::Map(map) if map.is_same(self) => return Ok(true),
                Value::Map(map) => seen.insert(Arc::as_ptr(&map.entries).addr()),
                Value::List(List {
                    items: Some(items), ..
                }) => seen.insert(Arc::as_ptr(items).addr()),
                _ => false,
            };
            if seen.len() > SEARCHED_CONTAINERS {
                return Err(CallFault::Exceeded(Limit::Nesting));
            }
            match value {
                Value::Map(map) if first_visit => {
                    pending.extend(map.read().values().filter(is_container).cloned())
                }
                Value::List(list) if first_visit => {
                    pending.extend(list.items().iter().filter(is_container).cloned())
                }
                _ => {}
            }
        }
        Ok(false)
    }

    // No code that could panic runs under the lock, so a poisoned one still holds a whole map.
    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<Text, Value>> {
        self.entries.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<Text, Value>> {
        self.entries.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_container(value: &&Value) -> bool {
    matches!(value, Value::Map(_) | Value::List(_))
}

// Dropping a list of a list of a list … recursively would overflow the stack: take children out first.
impl Drop for Items {
    fn drop(&mut self) {
        drop_flat(std::mem::take(&mut self.0));
    }
}

impl Drop for Entries {
    fn drop(&mut self) {
        let entries = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        drop_flat(std::mem::take(entries).into_values().collect());
    }
}

fn drop_flat(mut pending: Vec<Value>) {
    pending.retain(|value| is_container(&value));
    while let Some(value) = pending.pop() {
        match value {
            Value::List(List {
                items: Some(items), ..
            }) => {
                if let Some(mut items) = Arc::into_inner(items) {
                    pending.append(&mut items.0);
                }
            }
            Value::Map(Map { entries, .. }) => {
                if let Some(mut entries) = Arc::into_inner(entries) {
                    let entries = entries.0.get_mut().unwrap_or_else(PoisonError::into_inner);
                    pending.extend(std::mem::take(entries).into_values());
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_lists_within_each_other_are_dropped_without_overflowing_the_stack() {
        let mut value = Value::Nil;
        for _ in 0..1_000_000 {
            value = List::new(vec![value]).into();
        }
        drop(value);
        let innermost = Map::new([]);
        let mut map = innermost.clone();
        for _ in 0..100_000 {
            let inner = Map::new([]);
            assert!(map.insert("x".into(), inner.clone().into()).is_ok());
            map = inner;
        }
        drop(map);
        drop(innermost);
    }

    #[test]
    fn a_map_refuses_to_contain_itself_directly_or_through_others() {
        let map = Map::new([]);
        assert!(map.insert("self".into(), map.clone().into()).is_err());
        let around = Map::new([("inner".into(), List::new(vec![map.clone().into()]).into())]);
        assert!(map.insert("around".into(), around.into()).is_err());
    }
}
