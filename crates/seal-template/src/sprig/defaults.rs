//! Choosing between values by emptiness, and asking values for their type or equality.
//! `if`, `and`, `eq` and their like are Go's own.

use crate::function::{Arguments, Call, CallFault};
use crate::limits::Limit;
use crate::sprig::{Outcome, VALUE_DEPTH};
use crate::value::Value;

/// What Go's `reflect` does to a nil that a function did not expect.
pub(super) const NIL_POINTER: CallFault =
    CallFault::Refused("runtime error: invalid memory address or nil pointer dereference");

pub(super) fn default(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    let given = arguments.any(1);
    Ok(if is_empty(given) { arguments.any(0) } else { given }.clone())
}

pub(super) fn empty(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    Ok(is_empty(arguments.any(0)).into())
}

/// Templates' truth, turned round.
pub(super) fn is_empty(value: &Value) -> bool {
    !value.is_true()
}

pub(super) fn coalesce(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    Ok(arguments
        .all()
        .iter()
        .find(|value| !is_empty(value))
        .cloned()
        .unwrap_or(Value::Nil))
}

pub(super) fn all(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    Ok((!arguments.all().iter().any(is_empty)).into())
}

pub(super) fn any(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    Ok((!arguments.all().iter().all(is_empty)).into())
}

pub(super) fn ternary(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    Ok(arguments.any(if arguments.bool(2)? { 0 } else { 1 }).clone())
}

/// The message may hold a secret, so it is withheld.
pub(super) fn fail(_: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    Err(CallFault::Failed)
}

pub(super) fn type_of(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    Ok(arguments.any(0).type_name().into())
}

pub(super) fn type_is(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    Ok((arguments.text(0)?.as_bytes() == arguments.any(1).type_name().as_bytes()).into())
}

/// As `typeIs`, but a pointer to the type will do.
pub(super) fn type_is_like(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    let name = arguments.any(1).type_name();
    let target = arguments.text(0)?.as_bytes();
    Ok((target == name.as_bytes()
        || name
            .strip_prefix('*')
            .is_some_and(|name| target == name.as_bytes()))
    .into())
}

pub(super) fn kind_of(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    Ok(arguments.any(0).kind().into())
}

pub(super) fn kind_is(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    Ok((arguments.text(0)?.as_bytes() == arguments.any(1).kind().as_bytes()).into())
}

pub(super) fn deep_equal(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    Ok(equal(arguments.any(0), arguments.any(1), call)?.into())
}

/// `reflect.DeepEqual`: of one type and alike all the way down; a nil slice differs from an empty one.
pub(super) fn equal(left: &Value, right: &Value, call: &mut Call<'_>) -> Result<bool, CallFault> {
    equal_at(left, right, VALUE_DEPTH, call)
}

fn equal_at(left: &Value, right: &Value, depth: usize, call: &mut Call<'_>) -> Result<bool, CallFault> {
    call.spend(1)?;
    let depth = depth.checked_sub(1).ok_or(CallFault::Exceeded(Limit::Nesting))?;
    Ok(match (left, right) {
        (Value::Nil, Value::Nil) => true,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Int(left), Value::Int(right)) | (Value::Int64(left), Value::Int64(right)) => left == right,
        (Value::Uint8(left), Value::Uint8(right)) => left == right,
        (Value::Uint64(left), Value::Uint64(right)) => left == right,
        (Value::Float(left), Value::Float(right)) => left == right,
        (Value::Complex(left, left_imaginary), Value::Complex(right, right_imaginary)) => {
            left == right && left_imaginary == right_imaginary
        }
        (Value::Text(left), Value::Text(right)) | (Value::Bytes(left), Value::Bytes(right)) => {
            call.spend(left.len() as u64 / 8)?;
            left == right
        }
        (Value::List(left), Value::List(right)) => {
            if left.type_name() != right.type_name()
                || left.is_nil() != right.is_nil()
                || left.len() != right.len()
            {
                return Ok(false);
            }
            for (left, right) in left.items().iter().zip(right.items()) {
                if !equal_at(left, right, depth, call)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Map(left), Value::Map(right)) => {
            if left.type_name() != right.type_name() || left.len() != right.len() {
                return Ok(false);
            }
            if left.is_same(right) {
                return Ok(true);
            }
            for (key, left) in left.entries() {
                call.spend(1)?;
                match right.lookup(&key) {
                    Some(right) if equal_at(&left, &right, depth, call)? => {}
                    _ => return Ok(false),
                }
            }
            true
        }
        (Value::Object(left_object), Value::Object(right_object)) => {
            left_object.type_name() == right_object.type_name() && left_object.equal(right_object.as_ref())
        }
        _ => false,
    })
}
