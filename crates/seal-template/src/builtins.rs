//! The functions every Go template has. `and`, `or` and `call` are known to the evaluator, which decides
//! which of their arguments are evaluated at all; the comparisons themselves are `compare`'s.

mod escape;

use crate::compare;
use crate::function::{Arguments, Call, CallFault, Function, Type};
use crate::printf;
use crate::value::{List, Text, Value};

type Result = std::result::Result<Value, CallFault>;

/// Sorted by name.
pub(crate) static BUILTINS: &[Function] = &[
    reflected("and", 1, true, last),
    reflected("call", 1, true, call),
    reflected("eq", 1, true, |arguments, _| {
        compare::equal_to_any(arguments.any(0), arguments.from(1)).map(Value::Bool)
    }),
    reflected("ge", 2, false, |arguments, _| {
        compare::less(arguments.any(0), arguments.any(1)).map(|less| Value::Bool(!less))
    }),
    reflected("gt", 2, false, |arguments, _| {
        compare::less_or_equal(arguments.any(0), arguments.any(1)).map(|less| Value::Bool(!less))
    }),
    printing("html", &[], |arguments, call| {
        escape_all(arguments, call, escape::html)
    }),
    reflected("index", 1, true, index),
    printing("js", &[], |arguments, call| {
        escape_all(arguments, call, escape::javascript)
    }),
    reflected("le", 2, false, |arguments, _| {
        compare::less_or_equal(arguments.any(0), arguments.any(1)).map(Value::Bool)
    }),
    reflected("len", 1, false, length),
    reflected("lt", 2, false, |arguments, _| {
        compare::less(arguments.any(0), arguments.any(1)).map(Value::Bool)
    }),
    reflected("ne", 2, false, |arguments, _| {
        compare::equal_to_any(arguments.any(0), arguments.from(1)).map(|equal| Value::Bool(!equal))
    }),
    reflected("not", 1, false, |arguments, _| {
        Ok(Value::Bool(!arguments.any(0).is_true()))
    }),
    reflected("or", 1, true, last),
    printing("print", &[], |arguments, call| {
        let mut buffer = call.buffer();
        printf::print_all(arguments.all(), &mut buffer)?;
        Ok(buffer.into_text().into())
    }),
    printing("printf", &[Type::Text], |arguments, call| {
        let mut buffer = call.buffer();
        printf::print_format(arguments.text(0)?, arguments.from(1), &mut buffer)?;
        // Long expansions of floats are the slowest bytes there are.
        call.spend(buffer.len() as u64 / 4)?;
        Ok(buffer.into_text().into())
    }),
    printing("println", &[], |arguments, call| {
        let mut buffer = call.buffer();
        printf::print_line(arguments.all(), &mut buffer)?;
        Ok(buffer.into_text().into())
    }),
    reflected("slice", 1, true, slice),
    printing("urlquery", &[], |arguments, call| {
        escape_all(arguments, call, escape::url_query)
    }),
];

const fn reflected(
    name: &'static str,
    count: usize,
    more: bool,
    call: fn(Arguments<'_>, &mut Call<'_>) -> Result,
) -> Function {
    let parameters: &[Type] = if count == 1 {
        &[Type::Reflected]
    } else {
        &[Type::Reflected, Type::Reflected]
    };
    Function {
        name,
        parameters,
        rest: if more { Some(Type::Reflected) } else { None },
        call,
    }
}

const fn printing(
    name: &'static str,
    parameters: &'static [Type],
    call: fn(Arguments<'_>, &mut Call<'_>) -> Result,
) -> Function {
    Function {
        name,
        parameters,
        rest: Some(Type::Any),
        call,
    }
}

/// What `and` and `or` come down to once the evaluator has dealt with the rest.
fn last(arguments: Arguments<'_>, _: &mut Call<'_>) -> Result {
    Ok(arguments.all().last().cloned().unwrap_or(Value::Nil))
}

/// Templates get no function values, so there is never anything to call.
fn call(arguments: Arguments<'_>, _: &mut Call<'_>) -> Result {
    match arguments.any(0) {
        Value::Nil => Err(CallFault::Refused("call of nil")),
        other => Err(CallFault::NotCallable(other.type_name())),
    }
}

fn length(arguments: Arguments<'_>, _: &mut Call<'_>) -> Result {
    let length = match arguments.any(0) {
        Value::Text(text) | Value::Bytes(text) => text.len(),
        Value::List(list) => list.len(),
        Value::Map(map) => map.len(),
        Value::Nil => return Err(CallFault::Refused("len of nil pointer")),
        other => return Err(CallFault::RefusedType("len of type", other.type_name())),
    };
    Ok(Value::Int(length as i64))
}

fn index(arguments: Arguments<'_>, _: &mut Call<'_>) -> Result {
    let mut item = arguments.any(0).clone();
    if matches!(item, Value::Nil) {
        return Err(CallFault::Refused("index of untyped nil"));
    }
    for index in arguments.from(1) {
        item = match &item {
            Value::Text(text) | Value::Bytes(text) => {
                let at = position(index, text.len())?;
                let name = if matches!(item, Value::Text(_)) {
                    "string"
                } else {
                    "slice"
                };
                text.get(at)
                    .map(|byte| Value::Uint8(*byte))
                    .ok_or(past_the_end(name))?
            }
            Value::List(list) => {
                let at = position(index, list.len())?;
                list.items().get(at).cloned().ok_or(past_the_end("slice"))?
            }
            Value::Map(map) => match index {
                Value::Text(key) => map.lookup(key).unwrap_or_else(|| map.zero()),
                Value::Nil => return Err(CallFault::Refused("value is nil; should be of type string")),
                other => return Err(CallFault::WrongType(other.type_name(), "string")),
            },
            Value::Nil => return Err(CallFault::Refused("index of nil pointer")),
            other => {
                return Err(CallFault::RefusedType(
                    "can't index item of type",
                    other.type_name(),
                ));
            }
        };
    }
    Ok(item)
}

fn past_the_end(name: &str) -> CallFault {
    CallFault::Refused(match name {
        "string" => "reflect: string index out of range",
        _ => "reflect: slice index out of range",
    })
}

/// An index of up to and including `length`, as Go checks both indices and slice bounds.
fn position(index: &Value, length: usize) -> std::result::Result<usize, CallFault> {
    let number = match index {
        Value::Int(number) | Value::Int64(number) => *number,
        Value::Uint8(number) => i64::from(*number),
        Value::Uint64(number) => *number as i64,
        Value::Nil => return Err(CallFault::Refused("cannot index slice/array with nil")),
        other => {
            return Err(CallFault::RefusedType(
                "cannot index slice/array with type",
                other.type_name(),
            ));
        }
    };
    let within = usize::try_from(number).ok().filter(|number| *number <= length);
    within.ok_or(CallFault::Refused("index out of range"))
}

fn slice(arguments: Arguments<'_>, _: &mut Call<'_>) -> Result {
    let (item, bounds) = (arguments.any(0), arguments.from(1));
    if matches!(item, Value::Nil) {
        return Err(CallFault::Refused("slice of untyped nil"));
    }
    if bounds.len() > 3 {
        return Err(CallFault::Refused("too many slice indexes"));
    }
    let length = match item {
        Value::Text(_) if bounds.len() == 3 => {
            return Err(CallFault::Refused("cannot 3-index slice a string"));
        }
        Value::Text(text) | Value::Bytes(text) => text.len(),
        Value::List(list) => list.len(),
        other => {
            return Err(CallFault::RefusedType(
                "can't slice item of type",
                other.type_name(),
            ));
        }
    };
    let mut range = [0, length, length];
    for (bound, index) in range.iter_mut().zip(bounds) {
        *bound = position(index, length)?;
    }
    let [from, to, capacity] = range;
    if from > to || to > capacity {
        return Err(CallFault::Refused("invalid slice index"));
    }
    Ok(match item {
        Value::Text(text) => Value::Text(Text::new(&text[from..to])),
        Value::Bytes(bytes) => Value::Bytes(Text::new(&bytes[from..to])),
        Value::List(list) => Value::List(List::of(list.element(), list.items()[from..to].to_vec())),
        _ => Value::Nil,
    })
}

type Escape = fn(&[u8], &mut crate::value::Buffer) -> std::result::Result<(), CallFault>;

/// Escapes what `print` would make of the arguments, except that nothing is `<no value>`.
fn escape_all(arguments: Arguments<'_>, call: &mut Call<'_>, escape: Escape) -> Result {
    let mut escaped = call.buffer();
    if let [Value::Text(text)] = arguments.all() {
        escape(text, &mut escaped)?;
        return Ok(escaped.into_text().into());
    }
    let shown = |value: &Value| match value {
        Value::Nil => Value::from("<no value>"),
        value => value.clone(),
    };
    let values: Vec<Value> = arguments.all().iter().map(shown).collect();
    let mut printed = call.buffer();
    printf::print_all(&values, &mut printed)?;
    escape(printed.as_bytes(), &mut escaped)?;
    Ok(escaped.into_text().into())
}
