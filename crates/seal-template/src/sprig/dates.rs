//! The date functions: now, formatting, parsing, shifting, and how long ago.
//! A value that is no date is read as now, as upstream; every time comes from the environment.

use crate::function::{Arguments, Call, CallFault};
use crate::sprig::Outcome;
use crate::sprig::calendar::{Duration, Time, Zone};
use crate::sprig::cast::parse_int;
use crate::sprig::layout;
use crate::value::Value;

const HTML_DATE: &[u8] = b"2006-01-02";
const SECOND: i64 = 1_000_000_000;

pub(super) fn now(_: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    Ok(Value::object(current(call)))
}

fn current(call: &Call<'_>) -> Time {
    Time::at(call.now(), call.local_zone())
}

/// A time, or seconds since 1970; anything else is now.
fn time_of(value: &Value, call: &Call<'_>) -> Time {
    match value {
        Value::Int(seconds) | Value::Int64(seconds) => Time::new(*seconds, 0, Zone::Named(call.local_zone())),
        other => other.downcast::<Time>().cloned().unwrap_or_else(|| current(call)),
    }
}

fn time_argument(arguments: Arguments<'_>, position: usize) -> Result<&Time, CallFault> {
    let value = arguments.any(position);
    value
        .downcast()
        .ok_or(CallFault::WrongType(value.type_name(), "time.Time"))
}

/// An unknown zone is UTC.
fn zone_of(name: &[u8], call: &Call<'_>) -> Zone {
    match name {
        b"" | b"UTC" => Zone::Utc,
        b"Local" => Zone::Named(call.local_zone()),
        name => std::str::from_utf8(name)
            .ok()
            .and_then(|name| call.zone(name))
            .map_or(Zone::Utc, Zone::Named),
    }
}

fn show(time: Time, zone: Zone, layout: &[u8], call: &mut Call<'_>) -> Outcome {
    call.spend(layout.len() as u64)?;
    let mut buffer = call.buffer();
    layout::format(&time.with_zone(zone), layout, &mut buffer)?;
    Ok(buffer.into_text().into())
}

pub(super) fn date(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let time = time_of(arguments.any(1), call);
    show(time, Zone::Named(call.local_zone()), arguments.text(0)?, call)
}

pub(super) fn date_in_zone(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let (time, zone) = (time_of(arguments.any(1), call), zone_of(arguments.text(2)?, call));
    show(time, zone, arguments.text(0)?, call)
}

pub(super) fn html_date(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let time = time_of(arguments.any(0), call);
    show(time, Zone::Named(call.local_zone()), HTML_DATE, call)
}

pub(super) fn html_date_in_zone(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let (time, zone) = (time_of(arguments.any(0), call), zone_of(arguments.text(1)?, call));
    show(time, zone, HTML_DATE, call)
}

/// A duration that cannot be read changes nothing.
pub(super) fn date_modify(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    let time = time_argument(arguments, 1)?;
    Ok(Value::object(match Duration::parse(arguments.text(0)?) {
        Some(duration) => time.plus(duration),
        None => time.clone(),
    }))
}

pub(super) fn must_date_modify(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    let time = time_argument(arguments, 1)?;
    let duration = Duration::parse(arguments.text(0)?).ok_or(CallFault::Refused("time: invalid duration"))?;
    Ok(Value::object(time.plus(duration)))
}

fn parse(arguments: Arguments<'_>, call: &mut Call<'_>) -> Result<Option<Time>, CallFault> {
    let (layout, text) = (arguments.text(0)?, arguments.text(1)?);
    call.spend((layout.len() + text.len()) as u64)?;
    Ok(layout::parse(layout, text, &Zone::Named(call.local_zone())))
}

/// A text that does not fit its layout is the year 1.
pub(super) fn to_date(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    Ok(Value::object(parse(arguments, call)?.unwrap_or_else(Time::zero)))
}

pub(super) fn must_to_date(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    parse(arguments, call)?
        .map(Value::object)
        .ok_or(CallFault::Refused("the time does not fit the layout"))
}

pub(super) fn unix_epoch(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    Ok(Value::text(time_argument(arguments, 0)?.unix().to_string()))
}

pub(super) fn ago(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let passed = current(call).since(&time_of(arguments.any(0), call));
    Ok(Value::text(passed.round(Duration(SECOND)).to_string()))
}

/// Seconds from a string or an `int64`; anything else, even an `int`, is zero.
pub(super) fn duration(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    let seconds = match arguments.any(0) {
        Value::Text(text) => parse_int(text, 10).unwrap_or_else(|fault| fault.ignored()),
        Value::Int64(seconds) => *seconds,
        _ => 0,
    };
    Ok(Value::text(Duration(seconds.wrapping_mul(SECOND)).to_string()))
}

/// Only the largest unit, and only once there is more than one of it.
pub(super) fn duration_round(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let duration = match arguments.any(0) {
        Value::Text(text) => Duration::parse(text).unwrap_or(Duration(0)),
        Value::Int64(nanoseconds) => Duration(*nanoseconds),
        other => other
            .downcast::<Time>()
            .map_or(Duration(0), |time| current(call).since(time)),
    };
    let magnitude = duration.0.unsigned_abs();
    let units = [
        (31_536_000, "y"),
        (2_592_000, "mo"),
        (86_400, "d"),
        (3_600, "h"),
        (60, "m"),
        (1, "s"),
    ];
    let text = units.into_iter().find_map(|(seconds, name)| {
        let unit = seconds * SECOND.unsigned_abs();
        (magnitude > unit).then(|| format!("{}{name}", magnitude / unit))
    });
    Ok(Value::text(text.unwrap_or_else(|| "0s".to_owned())))
}
