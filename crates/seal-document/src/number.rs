//! Numbers as Go's `strconv` reads and writes them. Which texts are numbers at all is the schema's word.

/// A whole number in text form.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Whole {
    Signed(i64),
    Unsigned(u64),
}

/// `ParseInt` and then `ParseUint` with base 0: the prefix tells the base, a leading zero octal.
pub(crate) fn parse_whole(text: &str) -> Option<Whole> {
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let bytes = unsigned.as_bytes();
    let (base, digits) = match bytes {
        [b'0', b'b' | b'B', _, ..] => (2, &unsigned[2..]),
        [b'0', b'o' | b'O', _, ..] => (8, &unsigned[2..]),
        [b'0', b'x' | b'X', _, ..] => (16, &unsigned[2..]),
        [b'0', _, ..] => (8, &unsigned[1..]),
        [_, ..] => (10, unsigned),
        [] => return None,
    };
    let signed = text.len() > unsigned.len();
    parse_digits(digits, base, negative).filter(|whole| !signed || matches!(whole, Whole::Signed(_)))
}

/// `ParseInt` and then `ParseUint` with base 2, which allows a sign of its own.
pub(crate) fn parse_binary(text: &str) -> Option<Whole> {
    match text.as_bytes().first()? {
        b'-' => parse_digits(&text[1..], 2, true),
        b'+' => parse_digits(&text[1..], 2, false).filter(|whole| matches!(whole, Whole::Signed(_))),
        _ => parse_digits(text, 2, false),
    }
}

fn parse_digits(digits: &str, base: u32, negative: bool) -> Option<Whole> {
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(base)) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, base).ok()?;
    match (negative, i64::try_from(magnitude)) {
        (false, Ok(number)) => Some(Whole::Signed(number)),
        (false, Err(_)) => Some(Whole::Unsigned(magnitude)),
        (true, Ok(number)) => Some(Whole::Signed(-number)),
        (true, Err(_)) => (magnitude == i64::MIN.unsigned_abs()).then_some(Whole::Signed(i64::MIN)),
    }
}

/// A decimal float, `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, if it is finite.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    fn digits(text: &str) -> (usize, &str) {
        let rest = text.trim_start_matches(|digit: char| digit.is_ascii_digit());
        (text.len() - rest.len(), rest)
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, mut rest) = digits(unsigned);
    let mut fraction = 0;
    if let Some(after) = rest.strip_prefix('.') {
        (fraction, rest) = digits(after);
    }
    if whole + fraction == 0 {
        return None;
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let (length, after) = digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent));
        if length == 0 {
            return None;
        }
        rest = after;
    }
    if !rest.is_empty() {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// `FormatFloat(number, 'g', -1, 64)`.
pub(crate) fn format_general(number: f64) -> String {
    if !number.is_finite() {
        return not_finite(number);
    }
    general(&format!("{number:e}"), || number.to_string())
}

/// `FormatFloat(number, 'g', -1, 32)`: what `sigs.k8s.io/yaml` makes of a float that must be text.
pub(crate) fn format_short(number: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "Go rounds to 32 bits here too")]
    let short = number as f32;
    if !short.is_finite() {
        return not_finite(f64::from(short));
    }
    general(&format!("{short:e}"), || short.to_string())
}

/// What `encoding/json` writes for a finite float.
pub(crate) fn format_json(number: f64) -> String {
    let magnitude = number.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let scientific = format!("{number:e}");
        return match scientific.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
            _ => scientific,
        };
    }
    number.to_string()
}

fn not_finite(number: f64) -> String {
    if number.is_nan() {
        "NaN".to_owned()
    } else if number > 0.0 {
        "+Inf".to_owned()
    } else {
        "-Inf".to_owned()
    }
}

/// Go turns to an exponent below -4 and, where the digits are the shortest possible, from 6 on.
fn general(scientific: &str, plain: impl Fn() -> String) -> String {
    let (digits, exponent) = scientific.split_once('e').expect("`{:e}` writes an exponent");
    let exponent: i32 = exponent.parse().expect("`{:e}` writes a number");
    if (-4..6).contains(&exponent) {
        return plain();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_tells_the_base() {
        for (text, number) in [
            ("0", 0),
            ("-0", 0),
            ("0755", 493),
            ("0o17", 15),
            ("+0x1F", 31),
            ("-0b101", -5),
        ] {
            assert_eq!(parse_whole(text), Some(Whole::Signed(number)), "{text}");
        }
        for text in ["", "-", "0x", "08", "0b2", "1e3", "--1", "+9223372036854775808"] {
            assert_eq!(parse_whole(text), None, "{text}");
        }
        assert_eq!(parse_whole("9223372036854775808"), Some(Whole::Unsigned(1 << 63)));
        assert_eq!(parse_whole("-9223372036854775808"), Some(Whole::Signed(i64::MIN)));
    }

    #[test]
    fn a_float_too_large_is_none() {
        assert_eq!(parse_float("1e308"), Some(1e308));
        assert_eq!(parse_float("1e309"), None);
    }
}
