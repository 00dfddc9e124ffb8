//! How sprig turns any value into a number or a string: spf13/cast and strconv, quirks included.
//! Never fails on content: what cannot be read as a number is zero, as upstream.

use crate::function::{Call, CallFault};
use crate::printf;
use crate::sprig::calendar::{Month, Weekday};
use crate::value::{Buffer, List, Text, Value};

/// `cast.ToInt64`, and `cast.ToInt` too, since both are 64 bits wide.
pub(super) fn to_int(value: &Value) -> i64 {
    match value {
        Value::Int(number) | Value::Int64(number) => *number,
        Value::Uint8(number) => i64::from(*number),
        Value::Uint64(number) => number.cast_signed(),
        Value::Float(number) => truncate(*number),
        Value::Bool(flag) => i64::from(*flag),
        Value::Text(text) => parse_int(without_zero_decimals(text), 0).unwrap_or(0),
        Value::Object(_) => enumeration(value).unwrap_or(0),
        Value::Nil | Value::Complex(..) | Value::Bytes(_) | Value::List(_) | Value::Map(_) => 0,
    }
}

/// `cast.ToFloat64`.
pub(super) fn to_float(value: &Value) -> f64 {
    match value {
        Value::Int(number) | Value::Int64(number) => *number as f64,
        Value::Uint8(number) => f64::from(*number),
        Value::Uint64(number) => *number as f64,
        Value::Float(number) => *number,
        Value::Bool(flag) => f64::from(u8::from(*flag)),
        Value::Text(text) => parse_float(text).unwrap_or(0.0),
        Value::Object(_) => enumeration(value).map_or(0.0, |number| number as f64),
        Value::Nil | Value::Complex(..) | Value::Bytes(_) | Value::List(_) | Value::Map(_) => 0.0,
    }
}

/// Month and weekday are the only named integers that cast knows.
fn enumeration(value: &Value) -> Option<i64> {
    match (value.downcast::<Month>(), value.downcast::<Weekday>()) {
        (Some(month), _) => Some(month.0),
        (_, Some(day)) => Some(day.0),
        _ => None,
    }
}

/// Go's conversion on amd64: towards zero; what does not fit becomes the smallest integer.
fn truncate(number: f64) -> i64 {
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number) {
        number as i64
    } else {
        i64::MIN
    }
}

/// `5.00` reads as 5, but `5.50` and `5.` do not.
fn without_zero_decimals(text: &[u8]) -> &[u8] {
    let mut found_zero = false;
    for (position, byte) in text.iter().enumerate().rev() {
        match byte {
            b'.' if found_zero => return &text[..position],
            b'.' => {}
            b'0' => found_zero = true,
            _ => return text,
        }
    }
    text
}

/// Why `strconv` refused an integer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum IntegerFault {
    Syntax,
    /// Out of range; the nearest integer that is not.
    Range(i64),
}

impl IntegerFault {
    /// What callers that ignore the error get.
    pub(super) fn ignored(self) -> i64 {
        match self {
            IntegerFault::Syntax => 0,
            IntegerFault::Range(nearest) => nearest,
        }
    }
}

/// `strconv.ParseInt(text, base, 64)`; base 0 reads Go's prefixes and underscores.
pub(super) fn parse_int(text: &[u8], base: u64) -> Result<i64, IntegerFault> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let limit = if negative { 1 << 63 } else { (1 << 63) - 1 };
    let nearest = if negative { i64::MIN } else { i64::MAX };
    let magnitude = match parse_unsigned(digits, base) {
        Ok(Some(magnitude)) if magnitude <= limit => magnitude,
        Ok(_) => return Err(IntegerFault::Range(nearest)),
        Err(fault) => return Err(fault),
    };
    Ok(if negative {
        magnitude.wrapping_neg()
    } else {
        magnitude
    }
    .cast_signed())
}

/// `None` when the number needs more than 64 bits.
pub(super) fn parse_unsigned(text: &[u8], base: u64) -> Result<Option<u64>, IntegerFault> {
    if text.is_empty() {
        return Err(IntegerFault::Syntax);
    }
    let prefixed = base == 0;
    let (base, digits) = match text {
        _ if !prefixed => (base, text),
        [b'0', b'b' | b'B', digits @ ..] if !digits.is_empty() => (2, digits),
        [b'0', b'o' | b'O', digits @ ..] if !digits.is_empty() => (8, digits),
        [b'0', b'x' | b'X', digits @ ..] if !digits.is_empty() => (16, digits),
        [b'0', digits @ ..] => (8, digits),
        digits => (10, digits),
    };
    let mut magnitude = Some(0_u64);
    let mut underscores = false;
    for byte in digits {
        if *byte == b'_' && prefixed {
            underscores = true;
            continue;
        }
        let digit = u64::from(char::from(*byte).to_digit(36).ok_or(IntegerFault::Syntax)?);
        if digit >= base {
            return Err(IntegerFault::Syntax);
        }
        magnitude = magnitude.and_then(|sum| sum.checked_mul(base)?.checked_add(digit));
    }
    if underscores && !underscores_separate_digits(text) {
        Err(IntegerFault::Syntax)
    } else {
        Ok(magnitude)
    }
}

/// Whether each underscore stands between digits, or between the base prefix and a digit.
fn underscores_separate_digits(text: &[u8]) -> bool {
    let text = text
        .strip_prefix(b"-")
        .or(text.strip_prefix(b"+"))
        .unwrap_or(text);
    let prefixed = matches!(text, [b'0', b'b' | b'B' | b'o' | b'O' | b'x' | b'X', ..]);
    let hexadecimal = prefixed && matches!(text[1], b'x' | b'X');
    let mut before = if prefixed { b'0' } else { b'^' };
    for byte in &text[if prefixed { 2 } else { 0 }..] {
        before = match byte {
            b'_' if before != b'0' => return false,
            b'_' => b'_',
            byte if byte.is_ascii_digit() || hexadecimal && byte.is_ascii_hexdigit() => b'0',
            _ if before == b'_' => return false,
            _ => b'!',
        };
    }
    before != b'_'
}

/// `strconv.ParseFloat(text, 64)`; `None` for bad syntax and for what overflows.
pub(super) fn parse_float(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned.eq_ignore_ascii_case("inf") || unsigned.eq_ignore_ascii_case("infinity") {
        return Some(if text.starts_with('-') {
            f64::NEG_INFINITY
        } else {
            f64::INFINITY
        });
    }
    if text.eq_ignore_ascii_case("nan") {
        return Some(f64::NAN);
    }
    if !unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        || text.contains('_') && !underscores_separate_digits(text.as_bytes())
    {
        return None;
    }
    let digits = unsigned.replace('_', "");
    let magnitude = match digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        Some(hexadecimal) => parse_hexadecimal_float(hexadecimal)?,
        None => digits.parse().ok()?,
    };
    let signed = if text.starts_with('-') {
        -magnitude
    } else {
        magnitude
    };
    signed.is_finite().then_some(signed)
}

fn parse_hexadecimal_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let mut exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut bits = 0_u64;
    for (position, digit) in whole.chars().chain(fraction.chars()).enumerate() {
        let digit = u64::from(digit.to_digit(16)?);
        let fractional = position >= whole.len();
        if bits >> 60 == 0 {
            bits = bits << 4 | digit;
            exponent = exponent.saturating_sub(if fractional { 4 } else { 0 });
        } else {
            // Beyond 60 bits a digit can only break a tie.
            bits |= u64::from(digit != 0);
            exponent = exponent.saturating_add(if fractional { 0 } else { 4 });
        }
    }
    Some(bits as f64 * 2_f64.powi(exponent))
}

/// `strval`: strings and bytes as they are, `String()` where there is one, else `%v`.
pub(super) fn to_text(value: &Value, call: &Call<'_>) -> Result<Text, CallFault> {
    match value {
        Value::Text(text) | Value::Bytes(text) => Ok(text.clone()),
        other => print(other, call),
    }
}

/// `%v`.
pub(super) fn print(value: &Value, call: &Call<'_>) -> Result<Text, CallFault> {
    let mut buffer = call.buffer();
    printf::print(value, &mut buffer)?;
    Ok(buffer.into_text())
}

/// `%q`.
pub(super) fn quote(text: &[u8], buffer: &mut Buffer) -> Result<(), CallFault> {
    crate::quote::quote(text, '"', false, buffer)
}

/// `strslice`: any value as strings, nils left out.
pub(super) fn to_texts(value: &Value, call: &mut Call<'_>) -> Result<Vec<Text>, CallFault> {
    match value {
        Value::Nil => Ok(Vec::new()),
        Value::List(list) => texts_of(list, call),
        Value::Bytes(bytes) => {
            call.admit(bytes.len().saturating_mul(size_of::<Value>()))?;
            call.spend(bytes.len() as u64)?;
            Ok(bytes.iter().map(|byte| Text::new(byte.to_string())).collect())
        }
        other => Ok(vec![to_text(other, call)?]),
    }
}

fn texts_of(list: &List, call: &mut Call<'_>) -> Result<Vec<Text>, CallFault> {
    call.spend(list.len() as u64)?;
    list.items()
        .iter()
        .filter(|item| !matches!(item, Value::Nil))
        .map(|item| to_text(item, call))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_floats_read_as_go_reads_them() {
        assert_eq!(parse_float(b"0x1.8p1"), Some(3.0));
        assert_eq!(parse_float(b"-0x10p-4"), Some(-1.0));
        assert_eq!(parse_float(b"0x1"), None);
        assert_eq!(parse_float(b"0xp1"), None);
        assert_eq!(parse_float(b"0x_1p0"), Some(1.0));
    }

    #[test]
    fn floats_beyond_an_integer_become_the_smallest_one() {
        assert_eq!(to_int(&Value::Float(1e30)), i64::MIN);
        assert_eq!(to_int(&Value::Float(f64::NAN)), i64::MIN);
        assert_eq!(to_int(&Value::Float(-3.9)), -3);
    }
}
