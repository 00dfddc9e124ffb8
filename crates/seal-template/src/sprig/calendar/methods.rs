//! The methods that Go's times, months, weekdays and durations have in templates. The arithmetic behind them is
//! `calendar`'s and `durations`'.

use std::any::Any;

use super::{Duration, MONTHS, Month, Time, WEEKDAYS, Weekday, ZERO, Zone};
use crate::function::{Call, CallFault};
use crate::sprig::Outcome;
use crate::sprig::layout;
use crate::value::{Object, Text, Value};

fn argument_count(arguments: &[Value], want: usize) -> Result<(), CallFault> {
    if arguments.len() == want {
        Ok(())
    } else {
        Err(CallFault::ArgumentCount {
            want,
            got: arguments.len(),
        })
    }
}

fn time_argument(value: &Value) -> Result<&Time, CallFault> {
    value
        .downcast::<Time>()
        .ok_or(CallFault::WrongType(value.type_name(), "time.Time"))
}

fn duration_argument(value: &Value) -> Result<Duration, CallFault> {
    match value {
        Value::Int(nanoseconds) => Ok(Duration(*nanoseconds)),
        other => other
            .downcast()
            .copied()
            .ok_or(CallFault::WrongType(other.type_name(), "time.Duration")),
    }
}

fn int_argument(value: &Value) -> Result<i64, CallFault> {
    match value {
        Value::Int(number) => Ok(*number),
        other => Err(CallFault::WrongType(other.type_name(), "int")),
    }
}

impl Object for Time {
    fn type_name(&self) -> &'static str {
        "time.Time"
    }

    /// Without the reading of the monotonic clock that Go appends to `now`.
    fn text(&self) -> Option<Text> {
        Some(Text::new(
            self.formatted(b"2006-01-02 15:04:05.999999999 -0700 MST"),
        ))
    }

    fn method(&self, name: &str, arguments: &[Value], call: &mut Call<'_>) -> Option<Outcome> {
        let want = match name {
            "AddDate" => 3,
            "Format" | "Add" | "Sub" | "Equal" | "Before" | "After" | "Compare" | "Truncate" | "Round" => 1,
            "Year" | "Month" | "Day" | "Hour" | "Minute" | "Second" | "Nanosecond" | "YearDay"
            | "Weekday" | "Unix" | "UnixMilli" | "UnixMicro" | "UnixNano" | "UTC" | "Local" | "IsZero"
            | "String" => 0,
            _ => return None,
        };
        if let Err(fault) = argument_count(arguments, want) {
            return Some(Err(fault));
        }
        Some(if want == 0 {
            Ok(self.answer(name, call))
        } else {
            self.compute(name, arguments, call)
        })
    }

    fn equal(&self, other: &dyn Object) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref::<Time>().is_some_and(|other| {
            self.nanoseconds() == other.nanoseconds() && self.zone_at() == other.zone_at()
        })
    }
}

impl Time {
    fn answer(&self, name: &str, call: &Call<'_>) -> Value {
        let civil = self.civil();
        let since_epoch = |unit: i128| Value::Int64(self.nanoseconds().div_euclid(unit) as i64);
        match name {
            "Year" => Value::Int(civil.year),
            "Month" => Value::object(Month(civil.month)),
            "Day" => Value::Int(civil.day),
            "Hour" => Value::Int(civil.hour),
            "Minute" => Value::Int(civil.minute),
            "Second" => Value::Int(civil.second),
            "Nanosecond" => Value::Int(self.nanosecond),
            "YearDay" => Value::Int(civil.year_day),
            "Weekday" => Value::object(Weekday(civil.weekday)),
            "Unix" => Value::Int64(self.seconds),
            "UnixMilli" => since_epoch(1_000_000),
            "UnixMicro" => since_epoch(1_000),
            "UnixNano" => since_epoch(1),
            "UTC" => Value::object(self.clone().with_zone(Zone::Utc)),
            "Local" => Value::object(self.clone().with_zone(Zone::Named(call.local_zone()))),
            "IsZero" => (self.seconds == ZERO && self.nanosecond == 0).into(),
            _ => self.text().map_or(Value::Nil, Value::Text),
        }
    }

    fn compute(&self, name: &str, arguments: &[Value], call: &mut Call<'_>) -> Outcome {
        Ok(match name {
            "AddDate" => Value::object(self.add_date(
                int_argument(&arguments[0])?,
                int_argument(&arguments[1])?,
                int_argument(&arguments[2])?,
            )),
            "Format" => {
                let Value::Text(layout) = &arguments[0] else {
                    return Err(CallFault::WrongType(arguments[0].type_name(), "string"));
                };
                let mut buffer = call.buffer();
                layout::format(self, layout, &mut buffer)?;
                buffer.into_text().into()
            }
            "Add" => Value::object(self.plus(duration_argument(&arguments[0])?)),
            "Truncate" => Value::object(self.rounded(duration_argument(&arguments[0])?, false)),
            "Round" => Value::object(self.rounded(duration_argument(&arguments[0])?, true)),
            "Sub" => Value::object(self.since(time_argument(&arguments[0])?)),
            _ => {
                let order = self
                    .nanoseconds()
                    .cmp(&time_argument(&arguments[0])?.nanoseconds());
                match name {
                    "Equal" => order.is_eq().into(),
                    "Before" => order.is_lt().into(),
                    "After" => order.is_gt().into(),
                    _ => Value::Int(order as i64),
                }
            }
        })
    }
}

/// The methods of a type that has `String` only.
fn string_method(object: &dyn Object, name: &str, arguments: &[Value]) -> Option<Outcome> {
    let text = (name == "String").then(|| object.text())??;
    Some(argument_count(arguments, 0).map(|()| text.into()))
}

impl Object for Month {
    fn type_name(&self) -> &'static str {
        "time.Month"
    }

    fn kind(&self) -> &'static str {
        "int"
    }

    fn text(&self) -> Option<Text> {
        Some(Text::from(MONTHS[self.0 as usize - 1]))
    }

    fn method(&self, name: &str, arguments: &[Value], _: &mut Call<'_>) -> Option<Outcome> {
        string_method(self, name, arguments)
    }

    fn equal(&self, other: &dyn Object) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref() == Some(self)
    }
}

impl Object for Weekday {
    fn type_name(&self) -> &'static str {
        "time.Weekday"
    }

    fn kind(&self) -> &'static str {
        "int"
    }

    fn text(&self) -> Option<Text> {
        Some(Text::from(WEEKDAYS[self.0 as usize]))
    }

    fn method(&self, name: &str, arguments: &[Value], _: &mut Call<'_>) -> Option<Outcome> {
        string_method(self, name, arguments)
    }

    fn equal(&self, other: &dyn Object) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref() == Some(self)
    }
}

impl Object for Duration {
    fn type_name(&self) -> &'static str {
        "time.Duration"
    }

    fn kind(&self) -> &'static str {
        "int64"
    }

    fn text(&self) -> Option<Text> {
        Some(Text::new(self.to_string()))
    }

    fn method(&self, name: &str, arguments: &[Value], _: &mut Call<'_>) -> Option<Outcome> {
        let float = |unit: i64| Value::Float((self.0 / unit) as f64 + (self.0 % unit) as f64 / unit as f64);
        let answer = match name {
            "Hours" => float(3_600_000_000_000),
            "Minutes" => float(60_000_000_000),
            "Seconds" => float(1_000_000_000),
            "Milliseconds" => Value::Int64(self.0 / 1_000_000),
            "Microseconds" => Value::Int64(self.0 / 1_000),
            "Nanoseconds" => Value::Int64(self.0),
            "Abs" => Value::object(Duration(self.0.saturating_abs())),
            "Round" | "Truncate" => {
                return Some(argument_count(arguments, 1).and_then(|()| {
                    let unit = duration_argument(&arguments[0])?;
                    Ok(Value::object(if name == "Round" {
                        self.round(unit)
                    } else {
                        self.truncate(unit)
                    }))
                }));
            }
            _ => return string_method(self, name, arguments),
        };
        Some(argument_count(arguments, 0).map(|()| answer))
    }

    fn equal(&self, other: &dyn Object) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref() == Some(self)
    }
}
