//! What `range` iterates over: numbers, slices, bytes, maps in key order; and the variables it sets.

use super::{Execution, Outcome, Slot};
use crate::fault::FaultKind;
use crate::node::Branch;
use crate::value::{Element, List, Text, Value};

pub(super) enum Items {
    Numbers {
        next: u64,
        end: u64,
        of: fn(u64) -> Value,
    },
    List {
        list: List,
        next: usize,
    },
    Bytes {
        bytes: Text,
        next: usize,
    },
    Map {
        entries: std::vec::IntoIter<(Text, Value)>,
        element: Element,
    },
}

impl Iterator for Items {
    type Item = (Slot, Slot);

    fn next(&mut self) -> Option<(Slot, Slot)> {
        match self {
            Items::Numbers { next, end, of } => {
                let number = (*next < *end).then_some(*next)?;
                *next += 1;
                Some((Slot::plain(Value::Nil), Slot::plain(of(number))))
            }
            Items::List { list, next } => {
                let item = list.items().get(*next)?.clone();
                *next += 1;
                Some((
                    Slot::plain(Value::Int(*next as i64 - 1)),
                    Slot::element(item, list.element()),
                ))
            }
            Items::Bytes { bytes, next } => {
                let byte = *bytes.get(*next)?;
                *next += 1;
                Some((
                    Slot::plain(Value::Int(*next as i64 - 1)),
                    Slot::plain(Value::Uint8(byte)),
                ))
            }
            Items::Map { entries, element } => {
                let (key, value) = entries.next()?;
                Some((Slot::plain(Value::Text(key)), Slot::element(value, *element)))
            }
        }
    }
}

impl<'t> Execution<'t, '_> {
    /// What to iterate over; `None` when there is nothing and `else` is due.
    pub(super) fn items(&mut self, value: &Value, branch: &Branch) -> Outcome<Option<Items>> {
        let numbers = |end: u64, of: fn(u64) -> Value| {
            if branch.pipe.variables.len() > 1 {
                return Err(FaultKind::TooManyVariables);
            }
            Ok((end > 0).then_some(Items::Numbers { next: 0, end, of }))
        };
        match value {
            Value::Nil => Ok(None),
            Value::Int(end) => numbers(u64::try_from(*end).unwrap_or(0), |number| {
                Value::Int(number as i64)
            }),
            Value::Int64(end) => numbers(u64::try_from(*end).unwrap_or(0), |number| {
                Value::Int64(number as i64)
            }),
            Value::Uint8(end) => numbers(u64::from(*end), |number| Value::Uint8(number as u8)),
            Value::Uint64(end) => numbers(*end, Value::Uint64),
            Value::List(list) => Ok((!list.is_empty()).then(|| Items::List {
                list: list.clone(),
                next: 0,
            })),
            Value::Bytes(bytes) => Ok((!bytes.is_empty()).then(|| Items::Bytes {
                bytes: bytes.clone(),
                next: 0,
            })),
            Value::Map(map) => {
                self.spend(map.len() as u64)?;
                let entries = map.entries();
                let element = map.element();
                Ok((!entries.is_empty()).then(|| Items::Map {
                    entries: entries.into_iter(),
                    element,
                }))
            }
            other => Err(FaultKind::NotIterable(other.type_name())),
        }
    }

    /// Sets the loop's variables: with two, the first is the index.
    pub(super) fn bind(&mut self, branch: &'t Branch, index: Slot, element: &Slot) -> Outcome<()> {
        let names = &branch.pipe.variables;
        let values = match names.as_slice() {
            [] => return Ok(()),
            [_] => vec![element.clone()],
            _ => vec![index, element.clone()],
        };
        if branch.pipe.assigns {
            return names
                .iter()
                .zip(values)
                .try_for_each(|(name, value)| self.assign(name, value));
        }
        let first = self.variables.len() - values.len();
        for ((_, slot), value) in self.variables[first..].iter_mut().zip(values) {
            *slot = value;
        }
        Ok(())
    }
}
