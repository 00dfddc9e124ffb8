//! Go templates' comparisons: `eq` on basic kinds and structs, order on numbers and strings.
//! Integers compare by value whatever their sign and size; no other kinds mix.

use crate::function::CallFault;
use crate::value::Value;

const NOT_ORDERED: CallFault = CallFault::Refused("invalid type for comparison");

#[derive(PartialEq)]
enum Basic<'v> {
    Bool(bool),
    /// Both Go's int kinds and its uint kinds: all fit.
    Integer(i128),
    Float(f64),
    Complex(f64, f64),
    Text(&'v [u8]),
}

fn basic(value: &Value) -> Option<Basic<'_>> {
    Some(match value {
        Value::Bool(value) => Basic::Bool(*value),
        Value::Int(number) | Value::Int64(number) => Basic::Integer((*number).into()),
        Value::Uint8(number) => Basic::Integer((*number).into()),
        Value::Uint64(number) => Basic::Integer((*number).into()),
        Value::Float(number) => Basic::Float(*number),
        Value::Complex(real, imaginary) => Basic::Complex(*real, *imaginary),
        Value::Text(text) => Basic::Text(text),
        _ => return None,
    })
}

/// `first == a || first == b || …`
pub(crate) fn equal_to_any(first: &Value, others: &[Value]) -> Result<bool, CallFault> {
    if others.is_empty() {
        return Err(CallFault::Refused("missing argument for comparison"));
    }
    for other in others {
        if equal(first, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn equal(left: &Value, right: &Value) -> Result<bool, CallFault> {
    match (basic(left), basic(right)) {
        (Some(first), Some(second)) => {
            if std::mem::discriminant(&first) != std::mem::discriminant(&second) {
                return Err(CallFault::Incomparable(left.type_name(), right.type_name()));
            }
            Ok(first == second)
        }
        (None, None) => equal_compound(left, right),
        _ if matches!(left, Value::Nil) || matches!(right, Value::Nil) => Ok(false),
        _ => Err(CallFault::Incomparable(left.type_name(), right.type_name())),
    }
}

fn equal_compound(left: &Value, right: &Value) -> Result<bool, CallFault> {
    let is_nil = |value: &Value| match value {
        Value::Nil => true,
        Value::List(list) => list.is_nil(),
        _ => false,
    };
    let either_untyped = matches!(left, Value::Nil) || matches!(right, Value::Nil);
    if !either_untyped && left.kind() != right.kind() {
        return Err(CallFault::RefusedType("non-comparable types", left.type_name()));
    }
    if is_nil(left) || is_nil(right) {
        return Ok(is_nil(left) && is_nil(right));
    }
    match (left, right) {
        (Value::Object(first), Value::Object(second)) => {
            Ok(first.type_name() == second.type_name() && first.equal(second.as_ref()))
        }
        _ => Err(CallFault::RefusedType("non-comparable type", right.type_name())),
    }
}

/// `left < right`
pub(crate) fn less(left: &Value, right: &Value) -> Result<bool, CallFault> {
    let (first, second) = (basic(left).ok_or(NOT_ORDERED)?, basic(right).ok_or(NOT_ORDERED)?);
    match (first, second) {
        (Basic::Integer(first), Basic::Integer(second)) => Ok(first < second),
        (Basic::Float(first), Basic::Float(second)) => Ok(first < second),
        (Basic::Text(first), Basic::Text(second)) => Ok(first < second),
        (Basic::Bool(_), Basic::Bool(_)) | (Basic::Complex(..), Basic::Complex(..)) => Err(NOT_ORDERED),
        _ => Err(CallFault::Incomparable(left.type_name(), right.type_name())),
    }
}

/// `left <= right`, which Go computes as less or equal: with NaN neither holds.
pub(crate) fn less_or_equal(left: &Value, right: &Value) -> Result<bool, CallFault> {
    Ok(less(left, right)? || equal(left, right)?)
}
