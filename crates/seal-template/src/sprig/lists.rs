//! Lists: ends, slices, joins, membership. Every function makes a new list; upstream does the same.
//! The `must` functions are the same functions: upstream's differ in how they panic, which nobody sees.

use crate::function::{Arguments, Call, CallFault};
use crate::sprig::Outcome;
use crate::sprig::cast::to_int;
use crate::sprig::defaults::{NIL_POINTER, equal, is_empty};
use crate::value::{Element, List, Value};

/// The elements of any slice; `refusal` names what was asked of something else.
fn elements(value: &Value, refusal: &'static str, call: &mut Call<'_>) -> Result<List, CallFault> {
    match value {
        Value::List(list) => {
            call.spend(list.len() as u64)?;
            Ok(list.clone())
        }
        Value::Bytes(bytes) => {
            call.admit(bytes.len().saturating_mul(size_of::<Value>()))?;
            call.spend(bytes.len() as u64)?;
            Ok(List::new(bytes.iter().map(|byte| Value::Uint8(*byte)).collect()))
        }
        Value::Nil => Err(NIL_POINTER),
        other => Err(CallFault::RefusedType(refusal, other.kind())),
    }
}

/// A `[]interface {}`, refused when it is too large.
fn listed(items: Vec<Value>, call: &Call<'_>) -> Outcome {
    call.admit(items.len().saturating_mul(size_of::<Value>()))?;
    Ok(List::new(items).into())
}

pub(super) fn list(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    if arguments.all().is_empty() {
        return Ok(List::new(Vec::new()).into());
    }
    listed(arguments.all().to_vec(), call)
}

pub(super) fn append(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let mut items = elements(arguments.any(0), "Cannot push on type", call)?
        .items()
        .to_vec();
    items.push(arguments.any(1).clone());
    listed(items, call)
}

pub(super) fn prepend(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let list = elements(arguments.any(0), "Cannot prepend on type", call)?;
    let mut items = Vec::with_capacity(list.len() + 1);
    items.push(arguments.any(1).clone());
    items.extend_from_slice(list.items());
    listed(items, call)
}

pub(super) fn concat(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let mut items = Vec::new();
    for argument in arguments.all() {
        items.extend_from_slice(elements(argument, "Cannot concat as list type", call)?.items());
        call.admit(items.len().saturating_mul(size_of::<Value>()))?;
    }
    Ok(if items.is_empty() {
        List::nil(Element::Any)
    } else {
        List::new(items)
    }
    .into())
}

pub(super) fn first(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let list = elements(arguments.any(0), "Cannot find first on type", call)?;
    Ok(list.items().first().cloned().unwrap_or(Value::Nil))
}

pub(super) fn last(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let list = elements(arguments.any(0), "Cannot find last on type", call)?;
    Ok(list.items().last().cloned().unwrap_or(Value::Nil))
}

pub(super) fn rest(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let list = elements(arguments.any(0), "Cannot find rest on type", call)?;
    Ok(list
        .items()
        .get(1..)
        .map_or(List::nil(Element::Any), |items| List::new(items.to_vec()))
        .into())
}

pub(super) fn initial(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let list = elements(arguments.any(0), "Cannot find initial on type", call)?;
    Ok(list
        .items()
        .split_last()
        .map_or(List::nil(Element::Any), |(_, items)| List::new(items.to_vec()))
        .into())
}

pub(super) fn reverse(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let list = elements(arguments.any(0), "Cannot find reverse on type", call)?;
    listed(list.items().iter().rev().cloned().collect(), call)
}

pub(super) fn compact(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let list = elements(arguments.any(0), "Cannot compact on type", call)?;
    listed(
        list.items()
            .iter()
            .filter(|item| !is_empty(item))
            .cloned()
            .collect(),
        call,
    )
}

pub(super) fn uniq(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let list = elements(arguments.any(0), "Cannot find uniq on type", call)?;
    let mut items: Vec<Value> = Vec::new();
    for item in list.items() {
        if !holds(&items, item, call)? {
            items.push(item.clone());
        }
    }
    listed(items, call)
}

pub(super) fn without(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let list = elements(arguments.any(0), "Cannot find without on type", call)?;
    let mut items = Vec::new();
    for item in list.items() {
        if !holds(arguments.from(1), item, call)? {
            items.push(item.clone());
        }
    }
    listed(items, call)
}

pub(super) fn has(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    if matches!(arguments.any(1), Value::Nil) {
        return Ok(false.into());
    }
    let list = elements(arguments.any(1), "Cannot find has on type", call)?;
    Ok(holds(list.items(), arguments.any(0), call)?.into())
}

fn holds(items: &[Value], wanted: &Value, call: &mut Call<'_>) -> Result<bool, CallFault> {
    for item in items {
        if equal(wanted, item, call)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Keeps the element type: a slice of a `[]string` is a `[]string`.
pub(super) fn slice(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let list = elements(
        arguments.any(0),
        "list should be type of slice or array but",
        call,
    )?;
    if list.is_empty() {
        return Ok(Value::Nil);
    }
    let start = arguments.from(1).first().map_or(0, to_int);
    let end = arguments.from(2).first().map_or(list.len() as i64, to_int);
    let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
    let items = range
        .and_then(|(start, end)| list.items().get(start..end))
        .ok_or(CallFault::Refused(
            "reflect.Value.Slice: slice index out of bounds",
        ))?;
    Ok(List::of(list.element(), items.to_vec()).into())
}

pub(super) fn chunk(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let size = arguments.int(0)?;
    let list = elements(arguments.any(1), "Cannot chunk type", call)?;
    let size = match usize::try_from(size) {
        Ok(size) if size > 0 => size,
        // Upstream's arithmetic on a negative size: mostly a panic, sometimes no chunks at all.
        Err(_) if list.len() == 1 && size < -1 => 1,
        Err(_) if list.len() > 1 && list.len() as u64 - 1 <= size.unsigned_abs() => {
            return Ok(List::of(Element::List, Vec::new()).into());
        }
        _ => return Err(CallFault::Refused("runtime error: makeslice: len out of range")),
    };
    let chunks = list
        .items()
        .chunks(size)
        .map(|items| List::new(items.to_vec()).into())
        .collect();
    Ok(List::of(Element::List, chunks).into())
}
