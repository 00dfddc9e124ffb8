//! `encoding/json` for templates: reading into Go's generic values, writing compact, raw and pretty.
//! The grammar is in `read` and `write`.

mod read;
mod write;

pub(crate) use read::read;
pub(crate) use write::{Style, write};

use crate::function::{Arguments, Call, CallFault};
use crate::sprig::Outcome;
use crate::value::Value;

const INVALID: CallFault = CallFault::Refused("invalid JSON");
pub(crate) const UNSUPPORTED: CallFault = CallFault::Refused("json: unsupported value");

/// Bad JSON is nil; so is each number too large for a float.
pub(super) fn from_json(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    match read(arguments.text(0)?, call) {
        Ok((value, _)) => Ok(value),
        Err(INVALID) => Ok(Value::Nil),
        Err(other) => Err(other),
    }
}

pub(super) fn must_from_json(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    match read(arguments.text(0)?, call)? {
        (_, true) => Err(CallFault::Refused("json: number out of range")),
        (value, false) => Ok(value),
    }
}

/// What cannot be written (NaN, infinities) makes the whole output empty.
pub(super) fn to_json(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    empty_if_unsupported(must_to_json(arguments, call))
}

pub(super) fn must_to_json(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    write(
        arguments.any(0),
        Style {
            escape_html: true,
            pretty: false,
        },
        call,
    )
}

pub(super) fn to_pretty_json(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    empty_if_unsupported(must_to_pretty_json(arguments, call))
}

pub(super) fn must_to_pretty_json(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    write(
        arguments.any(0),
        Style {
            escape_html: true,
            pretty: true,
        },
        call,
    )
}

/// Unlike `toJson`, `toRawJson` panics on what cannot be written.
pub(super) fn to_raw_json(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    write(
        arguments.any(0),
        Style {
            escape_html: false,
            pretty: false,
        },
        call,
    )
}

fn empty_if_unsupported(outcome: Outcome) -> Outcome {
    match outcome {
        Err(UNSUPPORTED) => Ok("".into()),
        other => other,
    }
}
