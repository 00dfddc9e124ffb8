//! Go's durations as text: `1h30m`. Kept as they are written, since a text that is none must not hide its
//! object; read when they are needed.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

const SECOND: u64 = 1_000_000_000;
const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", SECOND),
    ("m", 60 * SECOND),
    ("h", 3600 * SECOND),
];

/// A duration as `time.ParseDuration` reads it, not read yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GoDuration(String);

/// A text that Go does not take for a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a duration such as 1h30m")]
pub struct InvalidDuration;

impl GoDuration {
    /// Takes a text, unread.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// In nanoseconds.
    ///
    /// # Errors
    /// When it is no duration, or one of more than 292 years.
    pub fn nanoseconds(&self) -> Result<i64, InvalidDuration> {
        parse(&self.0).ok_or(InvalidDuration)
    }
}

impl fmt::Display for GoDuration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl JsonSchema for GoDuration {
    fn schema_name() -> Cow<'static, str> {
        "GoDuration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

fn parse(text: &str) -> Option<i64> {
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if unsigned == "0" {
        return Some(0);
    }
    let mut rest = unsigned;
    let mut sum: u64 = 0;
    loop {
        let part;
        (part, rest) = component(rest)?;
        sum = sum.checked_add(part).filter(|sum| *sum <= 1 << 63)?;
        if rest.is_empty() {
            break;
        }
    }
    if negative {
        return Some(0_i64.wrapping_sub_unsigned(sum));
    }
    i64::try_from(sum).ok()
}

// One number with its unit.
fn component(text: &str) -> Option<(u64, &str)> {
    let (whole, after) = digits(text);
    let (fraction, after) = match after.strip_prefix('.') {
        Some(after) => digits(after),
        None => ("", after),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let end = after
        .find(|letter: char| letter == '.' || letter.is_ascii_digit())
        .unwrap_or(after.len());
    let (unit, rest) = after.split_at(end);
    let scale = UNITS.iter().find(|(name, _)| *name == unit)?.1;
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let whole = whole
        .checked_mul(scale)
        .filter(|nanoseconds| *nanoseconds <= 1 << 63)?;
    Some((whole + of_fraction(fraction, scale), rest))
}

fn digits(text: &str) -> (&str, &str) {
    let end = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at(end)
}

// Digits beyond what an integer holds are left out, and what is left is a float's product, as Go has it.
fn of_fraction(fraction: &str, scale: u64) -> u64 {
    let (mut value, mut divisor) = (0_u64, 1.0_f64);
    for digit in fraction.bytes() {
        let next = value
            .checked_mul(10)
            .and_then(|value| value.checked_add(u64::from(digit - b'0')))
            .filter(|next| *next <= 1 << 63);
        let Some(next) = next else {
            break;
        };
        value = next;
        divisor *= 10.0;
    }
    (value as f64 * (scale as f64 / divisor)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<i64> {
        GoDuration::new(text).nanoseconds().ok()
    }

    #[test]
    fn what_go_reads_is_read() {
        let second = SECOND as i64;
        for (text, nanoseconds) in [
            ("1h", 3600 * second),
            ("1h0m0s", 3600 * second),
            ("0", 0),
            ("-0", 0),
            ("+5s", 5 * second),
            ("-1.5h", -5400 * second),
            (".5s", second / 2),
            ("1.s", second),
            ("1h15m30.918273645s", 4_530_918_273_645),
            ("39h9m14.425s", 140_954_425_000_000),
            ("12\u{b5}s", 12_000),
            ("12\u{3bc}s", 12_000),
            ("9223372036854775807ns", i64::MAX),
            ("-9223372036854775808ns", i64::MIN),
            ("0.3333333333333333333h", 1200 * second),
            ("0.100000000000000000000h", 360 * second),
        ] {
            assert_eq!(read(text), Some(nanoseconds), "{text}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for text in [
            "",
            "3",
            "-",
            "s",
            ".",
            "-.",
            ".s",
            "+.s",
            "1d",
            "1h ",
            " 1h",
            "1H",
            "1h-1m",
            "3000000h",
            "9223372036854775808ns",
            "9223372036854775.808us",
            "1e3s",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_is_written_stays_as_it_is_written() {
        let duration: GoDuration = serde_json::from_str(r#""1h""#).unwrap();
        assert_eq!(serde_json::to_string(&duration).unwrap(), r#""1h""#);
    }
}
