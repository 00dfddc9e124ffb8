//! Floating-point numbers as Go's strconv and fmt write them: `%e %f %g %b %x`, shortest or to a precision.
//! Digits come from Rust's formatter, which is exact; the layout is Go's.

use std::fmt::Write;

use zeroize::Zeroizing;

use super::format::Format;
use crate::function::CallFault;

/// No float64 has more digits than this behind its point; what is asked beyond is zeros.
const EXACT_DIGITS: usize = 1_100;

impl Format<'_> {
    /// Any of the float verbs.
    pub(super) fn float(&mut self, number: f64, verb: char) -> Result<(), CallFault> {
        let (layout, default) = match verb {
            'v' => ('g', None),
            'F' => ('f', Some(6)),
            'f' | 'e' | 'E' => (verb, Some(6)),
            verb => (verb, None),
        };
        let precision = self.flags.precision().or(default);
        let flags = self.flags;
        let negative = number.is_sign_negative() && !number.is_nan();
        let sign = match negative {
            true => "-",
            false if flags.plus => "+",
            false if flags.space => " ",
            false => "",
        };
        if !number.is_finite() {
            // Infinity always has a sign, NaN shows one only on demand; neither is padded with zeros.
            let sign = match sign {
                "" if number.is_infinite() => "+",
                sign => sign,
            };
            let name = if number.is_nan() { "NaN" } else { "Inf" };
            return self.pad_with_spaces(format!("{sign}{name}").as_bytes());
        }
        let mut digits = layout_number(number.abs(), layout, precision);
        if flags.sharp && layout != 'b' {
            restore_zeros(&mut digits, verb, precision);
        }
        let width = sign.len() + digits.len();
        if !sign.is_empty() && flags.zero && !flags.minus && flags.width() > width {
            // The sign goes before the zeros.
            self.into.extend(sign)?;
            self.padding(flags.width() - width)?;
            return self.into.extend(digits.as_bytes());
        }
        let mut text = self.into.sibling();
        text.extend(sign)?;
        text.extend(digits.as_bytes())?;
        self.pad(text.as_bytes())
    }
}

/// `strconv.FormatFloat` of a finite number that is not negative.
fn layout_number(number: f64, layout: char, precision: Option<usize>) -> Zeroizing<String> {
    let upper = layout.is_ascii_uppercase();
    let mut text = match layout.to_ascii_lowercase() {
        'b' => binary(number),
        'x' => hexadecimal(number, precision),
        'e' => {
            let (digits, exponent) = decimal(number, precision);
            scientific(
                &digits,
                exponent,
                precision.map_or(digits.len(), |precision| precision.saturating_add(1)),
            )
        }
        'f' => fixed(number, precision.unwrap_or(6)),
        _ => general(number, precision),
    };
    if upper {
        text.make_ascii_uppercase();
    }
    text
}

fn general(number: f64, precision: Option<usize>) -> Zeroizing<String> {
    let significant = precision.map(|precision| precision.max(1));
    let (mut digits, exponent) = decimal(number, significant.map(|significant| significant - 1));
    while digits.len() > 1 && digits.ends_with('0') {
        digits.pop();
    }
    let count = digits.len() as i64;
    let mut threshold = significant.map_or(6, |significant| significant as i64);
    if significant.is_some() && threshold > count && count > exponent {
        threshold = count;
    }
    if exponent < -4 || exponent >= threshold {
        return scientific(&digits, exponent, digits.len());
    }
    let mut text = Zeroizing::new(String::with_capacity(digits.len() + 32));
    if exponent < 0 {
        text.push_str("0.");
        (1..-exponent).for_each(|_| text.push('0'));
        text.push_str(&digits);
        return text;
    }
    let whole = exponent as usize + 1;
    text.push_str(&digits[..whole.min(digits.len())]);
    (digits.len()..whole).for_each(|_| text.push('0'));
    if digits.len() > whole {
        text.push('.');
        text.push_str(&digits[whole..]);
    }
    text
}

/// Decimal digits and the exponent of the first; `None` for as few digits as tell the number apart.
fn decimal(number: f64, behind_point: Option<usize>) -> (Zeroizing<String>, i64) {
    let mut text = Zeroizing::new(String::with_capacity(EXACT_DIGITS + 16));
    let written = match behind_point {
        Some(precision) => write!(text, "{number:.*e}", precision.min(EXACT_DIGITS)),
        None => write!(text, "{number:e}"),
    };
    written.expect("writing to a string cannot fail");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let mut digits = Zeroizing::new(String::with_capacity(mantissa.len()));
    digits.extend(mantissa.chars().filter(char::is_ascii_digit));
    (digits, exponent.parse().unwrap_or(0))
}

fn scientific(digits: &str, exponent: i64, count: usize) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(count.max(digits.len()) + 8));
    text.push_str(&digits[..1]);
    if count > 1 {
        text.push('.');
        text.push_str(&digits[1..]);
        (digits.len()..count).for_each(|_| text.push('0'));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    write!(text, "e{sign}{:02}", exponent.abs()).expect("writing to a string cannot fail");
    text
}

fn fixed(number: f64, precision: usize) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(400 + precision));
    write!(text, "{number:.*}", precision.min(EXACT_DIGITS)).expect("writing to a string cannot fail");
    (EXACT_DIGITS..precision).for_each(|_| text.push('0'));
    text
}

/// The mantissa as an integer and the exponent of two that it is multiplied by.
fn parts(number: f64) -> (u64, i64) {
    let bits = number.to_bits();
    let (fraction, exponent) = (bits & ((1 << 52) - 1), (bits >> 52 & 0x7ff) as i64);
    if exponent == 0 {
        (fraction, -1074)
    } else {
        (fraction | 1 << 52, exponent - 1075)
    }
}

fn binary(number: f64) -> Zeroizing<String> {
    let (mantissa, exponent) = parts(number);
    Zeroizing::new(format!("{mantissa}p{exponent:+}"))
}

/// `h.hhhp±dd`, with as many hexadecimal digits as asked for, rounded half to even.
fn hexadecimal(number: f64, precision: Option<usize>) -> Zeroizing<String> {
    let (mut mantissa, mut exponent) = parts(number);
    if mantissa == 0 {
        exponent = 0;
    } else {
        // One bit before the point, 60 behind it.
        let shift = mantissa.leading_zeros() as i64 - 3;
        mantissa <<= shift;
        exponent += 60 - shift;
    }
    if let Some(precision) = precision.filter(|precision| *precision < 15) {
        let dropped = 60 - 4 * precision;
        let (extra, half) = (mantissa & ((1 << dropped) - 1), 1 << (dropped - 1));
        mantissa >>= dropped;
        if extra > half || extra == half && mantissa & 1 == 1 {
            mantissa += 1;
        }
        mantissa <<= dropped;
        if mantissa & 1 << 61 != 0 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    let mut text = Zeroizing::new(String::with_capacity(precision.unwrap_or(15) + 16));
    text.push_str(if mantissa == 0 { "0x0" } else { "0x1" });
    let fraction = Zeroizing::new(format!("{:015x}", mantissa & ((1 << 60) - 1)));
    let fraction = match precision {
        None => fraction.trim_end_matches('0'),
        Some(precision) => &fraction[..precision.min(15)],
    };
    if precision.unwrap_or(fraction.len()) > 0 {
        text.push('.');
        text.push_str(fraction);
        (fraction.len()..precision.unwrap_or(0)).for_each(|_| text.push('0'));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    write!(text, "p{sign}{:02}", exponent.abs()).expect("writing to a string cannot fail");
    text
}

/// The sharp flag: a decimal point always, and the zeros that `%g` had cut off.
fn restore_zeros(text: &mut Zeroizing<String>, verb: char, precision: Option<usize>) {
    let mut digits = match verb {
        'v' | 'g' | 'G' | 'x' => precision.map_or(6, |precision| precision as i64),
        _ => 0,
    };
    let is_hexadecimal = matches!(verb, 'x' | 'X');
    let split =
        text.find(|mark: char| matches!(mark, 'p' | 'P') || !is_hexadecimal && matches!(mark, 'e' | 'E'));
    let split = split.unwrap_or(text.len());
    let tail = Zeroizing::new(text.split_off(split));
    let mut significant = false;
    let mut has_point = false;
    for character in text.chars() {
        has_point |= character == '.';
        significant |= !matches!(character, '.' | '0');
        digits -= i64::from(significant && character != '.');
    }
    if !has_point {
        digits -= i64::from(text.as_str() == "0");
        text.push('.');
    }
    (0..digits).for_each(|_| text.push('0'));
    text.push_str(&tail);
}
