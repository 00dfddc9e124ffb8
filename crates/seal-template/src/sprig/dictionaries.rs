//! Dictionaries: lookups, changes in place, selections, merging, copying.
//! Keys and values come in sorted order, where upstream's order is random.

use std::collections::BTreeSet;

use crate::function::{Arguments, Call, CallFault};
use crate::limits::Limit;
use crate::sprig::cast::to_text;
use crate::sprig::defaults::{NIL_POINTER, is_empty};
use crate::sprig::{Outcome, VALUE_DEPTH};
use crate::value::{Element, List, Map, Text, Value};

/// A map argument; nil stands for Go's nil map, which reads as empty.
fn map_at<'a>(arguments: Arguments<'a>, position: usize) -> Option<&'a Map> {
    match arguments.any(position) {
        Value::Map(map) => Some(map),
        _ => None,
    }
}

fn maps_from(arguments: Arguments<'_>, position: usize) -> impl Iterator<Item = &Map> {
    arguments.from(position).iter().filter_map(|value| match value {
        Value::Map(map) => Some(map),
        _ => None,
    })
}

pub(super) fn dict(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let mut entries = Vec::with_capacity(arguments.all().len().div_ceil(2));
    for pair in arguments.all().chunks(2) {
        entries.push((
            to_text(&pair[0], call)?,
            pair.get(1).cloned().unwrap_or_else(|| "".into()),
        ));
    }
    Ok(Map::new(entries).into())
}

pub(super) fn get(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    let key = arguments.text(1)?;
    Ok(map_at(arguments, 0)
        .and_then(|map| map.lookup(key))
        .unwrap_or_else(|| "".into()))
}

pub(super) fn set(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let map = map_at(arguments, 0).ok_or(CallFault::Refused("assignment to entry in nil map"))?;
    call.admit((map.len() + 1).saturating_mul(4 * size_of::<Value>()))?;
    map.insert(arguments.text(1)?.clone(), arguments.any(2).clone())?;
    Ok(map.clone().into())
}

pub(super) fn unset(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    let key = arguments.text(1)?;
    Ok(match map_at(arguments, 0) {
        Some(map) => {
            map.remove(key);
            map.clone()
        }
        None => Map::new([]),
    }
    .into())
}

pub(super) fn has_key(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    let key = arguments.text(1)?;
    Ok(map_at(arguments, 0)
        .is_some_and(|map| map.lookup(key).is_some())
        .into())
}

pub(super) fn pluck(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    let key = arguments.text(0)?;
    Ok(List::new(
        maps_from(arguments, 1)
            .filter_map(|map| map.lookup(key))
            .collect(),
    )
    .into())
}

pub(super) fn keys(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let mut keys = Vec::new();
    for map in maps_from(arguments, 0) {
        call.spend(map.len() as u64)?;
        keys.extend(map.entries().into_iter().map(|(key, _)| key));
    }
    Ok(List::texts(keys).into())
}

pub(super) fn values(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let entries = map_at(arguments, 0).map(Map::entries).unwrap_or_default();
    call.spend(entries.len() as u64)?;
    Ok(List::new(entries.into_iter().map(|(_, value)| value).collect()).into())
}

pub(super) fn pick(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    let mut entries = Vec::new();
    for position in 1..arguments.all().len() {
        let key = arguments.text(position)?;
        if let Some(value) = map_at(arguments, 0).and_then(|map| map.lookup(key)) {
            entries.push((key.clone(), value));
        }
    }
    Ok(Map::new(entries).into())
}

pub(super) fn omit(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let mut omitted: BTreeSet<&Text> = BTreeSet::new();
    for position in 1..arguments.all().len() {
        omitted.insert(arguments.text(position)?);
    }
    let entries = map_at(arguments, 0).map(Map::entries).unwrap_or_default();
    call.spend(entries.len() as u64)?;
    Ok(Map::new(entries.into_iter().filter(|(key, _)| !omitted.contains(key))).into())
}

pub(super) fn dig(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    let [keys @ .., fallback, start] = arguments.all() else {
        return Err(CallFault::Refused("dig needs at least three arguments"));
    };
    if keys.is_empty() {
        return Err(CallFault::Refused("dig needs at least three arguments"));
    }
    let mut keys = keys.iter().map(|key| match key {
        Value::Text(key) => Ok(key),
        other => Err(CallFault::WrongType(other.type_name(), "string")),
    });
    // All keys are looked at before any is followed, as upstream does.
    let keys = keys.by_ref().collect::<Result<Vec<_>, _>>()?;
    let mut step = start.clone();
    for key in keys {
        match step {
            Value::Map(map) if map.element() == Element::Any => match map.lookup(key) {
                Some(value) => step = value,
                None => return Ok(fallback.clone()),
            },
            other => return Err(CallFault::WrongType(other.type_name(), "map[string]interface {}")),
        }
    }
    Ok(step)
}

/// `merge`, `mustMerge`: fills what is empty in the first dictionary.
pub(super) fn merge(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    merge_all(arguments, false, call)
}

/// `mergeOverwrite`, `mustMergeOverwrite`: later dictionaries win.
pub(super) fn merge_overwrite(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    merge_all(arguments, true, call)
}

fn merge_all(arguments: Arguments<'_>, overwrite: bool, call: &mut Call<'_>) -> Outcome {
    let target = map_at(arguments, 0).cloned().unwrap_or_else(|| Map::new([]));
    for source in maps_from(arguments, 1) {
        merge_into(&target, source, overwrite, VALUE_DEPTH, call)?;
    }
    Ok(target.into())
}

/// mergo's `deepMerge` for maps of anything. Its errors concern Go types that templates cannot make.
fn merge_into(
    target: &Map,
    source: &Map,
    overwrite: bool,
    depth: usize,
    call: &mut Call<'_>,
) -> Result<(), CallFault> {
    let depth = depth.checked_sub(1).ok_or(CallFault::Exceeded(Limit::Nesting))?;
    if target.is_same(source) {
        return Ok(());
    }
    for (key, incoming) in source.entries() {
        call.spend(1)?;
        let standing = target.lookup(&key);
        if matches!(incoming, Value::Nil) {
            if overwrite {
                insert(target, key, incoming, call)?;
            }
            continue;
        }
        if let (Some(Value::Map(standing)), Value::Map(incoming)) = (&standing, &incoming) {
            merge_into(standing, incoming, overwrite, depth, call)?;
        }
        let stands = standing.as_ref().is_some_and(|standing| !is_empty(standing));
        let merged = matches!((&standing, &incoming), (Some(Value::Map(_)), Value::Map(_)));
        if stands && (merged || !overwrite) {
            continue;
        }
        // Go's reflection refuses to put even a string from a map of anything into a map[string]string.
        if target.element() == Element::Text && source.element() != Element::Text {
            return Err(CallFault::WrongType(source.type_name(), target.type_name()));
        }
        insert(target, key, incoming, call)?;
    }
    Ok(())
}

fn insert(target: &Map, key: Text, value: Value, call: &Call<'_>) -> Result<(), CallFault> {
    call.admit((target.len() + 1).saturating_mul(4 * size_of::<Value>()))?;
    target.insert(key, value)
}

pub(super) fn deep_copy(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    match arguments.any(0) {
        Value::Nil => Err(NIL_POINTER),
        value => copy(value, VALUE_DEPTH, call),
    }
}

fn copy(value: &Value, depth: usize, call: &mut Call<'_>) -> Outcome {
    call.spend(1)?;
    let depth = depth.checked_sub(1).ok_or(CallFault::Exceeded(Limit::Nesting))?;
    Ok(match value {
        Value::List(list) if !list.is_nil() => {
            let items = list
                .items()
                .iter()
                .map(|item| copy(item, depth, call))
                .collect::<Result<_, _>>()?;
            List::of(list.element(), items).into()
        }
        Value::Map(map) => {
            let mut entries = Vec::with_capacity(map.len());
            for (key, value) in map.entries() {
                entries.push((key, copy(&value, depth, call)?));
            }
            Map::of(map.element(), entries).into()
        }
        other => other.clone(),
    })
}
