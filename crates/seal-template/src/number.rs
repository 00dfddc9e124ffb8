//! Number and character literals: Go's ideal constants, parsed under every kind that can hold them.
//! Which kind a literal becomes is decided where it is used, by `exec`.

use crate::quote::{Unit, quoted, unquote_character};

/// A literal and all that it can be.
pub(crate) struct Number {
    /// As written in the template.
    pub(crate) source: String,
    pub(crate) int: Option<i64>,
    pub(crate) uint: Option<u64>,
    pub(crate) float: Option<f64>,
    pub(crate) complex: Option<(f64, f64)>,
}

impl Number {
    /// A character constant, quotes included. The error is Go's text.
    pub(crate) fn character(source: &str) -> Result<Self, String> {
        let (unit, tail) = unquote_character(&source[1..], '\'').ok_or("invalid syntax")?;
        if tail != "'" {
            return Err(format!("malformed character constant: {source}"));
        }
        let code = match unit {
            Unit::Character(character) => u32::from(character),
            Unit::Byte(byte) => u32::from(byte),
        };
        Ok(Number {
            source: source.to_owned(),
            int: Some(code.into()),
            uint: Some(code.into()),
            float: Some(code.into()),
            complex: None,
        })
    }

    /// A sum of a real and an imaginary literal, `1+2i`.
    pub(crate) fn complex(source: &str) -> Result<Self, String> {
        let exponent_mark = |byte: u8| matches!(byte, b'e' | b'E' | b'p' | b'P');
        let bytes = source.as_bytes();
        let split = (1..bytes.len())
            .rev()
            .find(|&at| matches!(bytes[at], b'+' | b'-') && !exponent_mark(bytes[at - 1]))
            .ok_or("syntax error scanning complex number")?;
        let (real, imaginary) = source.split_at(split);
        match (parse_float(real), parse_float(imaginary.trim_end_matches('i'))) {
            (Some(real), Some(imaginary)) => Ok(Number::from_complex(source, real, imaginary)),
            _ => Err("syntax error scanning complex number".to_owned()),
        }
    }

    /// An integer, floating-point or imaginary literal.
    pub(crate) fn parse(source: &str) -> Result<Self, String> {
        if let Some(imaginary) = source.strip_suffix('i').and_then(parse_float) {
            return Ok(Number::from_complex(source, 0.0, imaginary));
        }
        let mut uint = parse_unsigned(source);
        let int = parse_signed(source);
        if int == Some(0) {
            uint = Some(0);
        }
        let mut number = Number {
            source: source.to_owned(),
            int,
            uint,
            float: None,
            complex: None,
        };
        number.float = match (int, uint) {
            (Some(int), _) => Some(int as f64),
            (None, Some(uint)) => Some(uint as f64),
            (None, None) => {
                let float = parse_float(source)
                    .ok_or_else(|| format!("illegal number syntax: {}", quoted(source)))?;
                if !source.contains(['.', 'e', 'E', 'p', 'P']) {
                    return Err(format!("integer overflow: {}", quoted(source)));
                }
                number.int = whole_signed(float);
                number.uint = whole_unsigned(float);
                Some(float)
            }
        };
        Ok(number)
    }

    fn from_complex(source: &str, real: f64, imaginary: f64) -> Self {
        let float = (imaginary == 0.0).then_some(real);
        Number {
            source: source.to_owned(),
            int: float.and_then(whole_signed),
            uint: float.and_then(whole_unsigned),
            float,
            complex: Some((real, imaginary)),
        }
    }
}

fn whole_signed(float: f64) -> Option<i64> {
    let in_range = (-(2f64.powi(63))..2f64.powi(63)).contains(&float);
    (in_range && float.trunc() == float).then_some(float as i64)
}

fn whole_unsigned(float: f64) -> Option<u64> {
    let in_range = (0.0..2f64.powi(64)).contains(&float);
    (in_range && float.trunc() == float).then_some(float as u64)
}

fn parse_signed(source: &str) -> Option<i64> {
    let (negative, magnitude) = match source.as_bytes().first()? {
        b'-' => (true, &source[1..]),
        b'+' => (false, &source[1..]),
        _ => (false, source),
    };
    let magnitude = i128::from(parse_unsigned(magnitude)?);
    i64::try_from(if negative { -magnitude } else { magnitude }).ok()
}

fn parse_unsigned(source: &str) -> Option<u64> {
    let bytes = source.as_bytes();
    let (radix, digits) = match bytes {
        [b'0', b'b' | b'B', _, ..] => (2, &source[2..]),
        [b'0', b'o' | b'O', _, ..] => (8, &source[2..]),
        [b'0', b'x' | b'X', _, ..] => (16, &source[2..]),
        [b'0', _, ..] => (8, &source[1..]),
        [] => return None,
        _ => (10, source),
    };
    if !underscores_are_fine(source) {
        return None;
    }
    let mut number: u64 = 0;
    for character in digits.chars().filter(|character| *character != '_') {
        number = number
            .checked_mul(radix.into())?
            .checked_add(character.to_digit(radix)?.into())?;
    }
    Some(number)
}

/// `strconv.ParseFloat` for what the lexer lets through; overflow is a failure, as in Go.
fn parse_float(source: &str) -> Option<f64> {
    if !underscores_are_fine(source) {
        return None;
    }
    let plain: String = source.chars().filter(|character| *character != '_').collect();
    let unsigned = plain.trim_start_matches(['+', '-']);
    let float = if unsigned.starts_with("0x") || unsigned.starts_with("0X") {
        let magnitude = parse_hexadecimal_float(&unsigned[2..])?;
        if plain.starts_with('-') {
            -magnitude
        } else {
            magnitude
        }
    } else if plain
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'))
    {
        plain.parse().ok()?
    } else {
        return None;
    };
    float.is_finite().then_some(float)
}

/// `h.hhp±d`, the part behind `0x`; the exponent is mandatory.
fn parse_hexadecimal_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let mut exponent: i32 = exponent.parse::<i32>().ok()?.clamp(-100_000, 100_000);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut bits: u64 = 0;
    for (place, character) in whole.chars().chain(fraction.chars()).enumerate() {
        let digit = u64::from(character.to_digit(16)?);
        if bits >> 60 == 0 {
            bits = bits << 4 | digit;
        } else {
            // A sticky bit keeps rounding right for digits that no longer fit.
            bits |= u64::from(digit != 0);
            exponent = exponent.saturating_add(4);
        }
        if place >= whole.len() {
            exponent = exponent.saturating_sub(4);
        }
    }
    let mut value = bits as f64;
    while exponent != 0 && value != 0.0 && value.is_finite() {
        let step = exponent.clamp(-500, 500);
        value *= 2f64.powi(step);
        exponent -= step;
    }
    Some(value)
}

/// Go's `underscoreOK`: underscores stand between digits, or between a base prefix and a digit.
fn underscores_are_fine(source: &str) -> bool {
    let unsigned = source.strip_prefix(['+', '-']).unwrap_or(source).as_bytes();
    let prefixed = matches!(unsigned, [b'0', b'b' | b'B' | b'o' | b'O' | b'x' | b'X', ..]);
    let hexadecimal = matches!(unsigned, [b'0', b'x' | b'X', ..]);
    let mut previous = if prefixed { b'0' } else { b'^' };
    for byte in &unsigned[if prefixed { 2 } else { 0 }..] {
        previous = match byte {
            b'0'..=b'9' => b'0',
            b'a'..=b'f' | b'A'..=b'F' if hexadecimal => b'0',
            b'_' if previous != b'0' => return false,
            b'_' => b'_',
            _ if previous == b'_' => return false,
            _ => b'!',
        };
    }
    previous != b'_'
}
