//! Durations as Go writes, reads and rounds them: `1h2m3.5s`.
//! The functions `duration` and `durationRound` are in `dates`.

use std::fmt;

use crate::sprig::calendar::Duration;

impl Duration {
    /// `time.ParseDuration`.
    pub(super) fn parse(text: &[u8]) -> Option<Duration> {
        let (negative, mut rest) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        if rest == b"0" {
            return Some(Duration(0));
        }
        if rest.is_empty() {
            return None;
        }
        let mut total = 0_u64;
        while !rest.is_empty() {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let whole = number(&rest[..digits]).filter(|whole| *whole <= 1 << 63)?;
            rest = &rest[digits..];
            let (mut fraction, mut scale, mut fraction_digits) = (0_u64, 1.0, 0);
            if let Some(after) = rest.strip_prefix(b".") {
                fraction_digits = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
                // Digits that no longer fit are ignored.
                for digit in &after[..fraction_digits] {
                    let Some(longer) = fraction
                        .checked_mul(10)
                        .map(|longer| longer + u64::from(digit - b'0'))
                        .filter(|longer| *longer < 1 << 63)
                    else {
                        break;
                    };
                    fraction = longer;
                    scale *= 10.0;
                }
                rest = &after[fraction_digits..];
            }
            if digits == 0 && fraction_digits == 0 {
                return None;
            }
            let letters = rest
                .iter()
                .take_while(|byte| **byte != b'.' && !byte.is_ascii_digit())
                .count();
            let unit = unit_of(&rest[..letters])?;
            rest = &rest[letters..];
            let mut part = whole.checked_mul(unit).filter(|part| *part <= 1 << 63)?;
            if fraction > 0 {
                part += (fraction as f64 * (unit as f64 / scale)) as u64;
            }
            total = total.checked_add(part).filter(|total| *total <= 1 << 63)?;
        }
        if negative {
            Some(Duration(total.wrapping_neg().cast_signed()))
        } else {
            i64::try_from(total).ok().map(Duration)
        }
    }

    /// Half away from zero, as far as a duration reaches.
    pub(super) fn round(self, unit: Duration) -> Duration {
        if unit.0 <= 0 {
            return self;
        }
        let over = self.0 % unit.0;
        let towards_zero = self.0 - over;
        if over.unsigned_abs() < unit.0.unsigned_abs() - over.unsigned_abs() {
            return Duration(towards_zero);
        }
        Duration(if self.0 < 0 {
            towards_zero.saturating_sub(unit.0)
        } else {
            towards_zero.saturating_add(unit.0)
        })
    }

    /// Towards zero.
    pub(super) fn truncate(self, unit: Duration) -> Duration {
        if unit.0 <= 0 {
            self
        } else {
            Duration(self.0 - self.0 % unit.0)
        }
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |number, digit| {
        number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    })
}

fn unit_of(letters: &[u8]) -> Option<u64> {
    Some(match std::str::from_utf8(letters).ok()? {
        "ns" => 1,
        // The micro sign and the Greek letter look alike.
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// `Duration.String`: below a second in the unit that fits, else hours, minutes and seconds.
impl fmt::Display for Duration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanoseconds = self.0.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        let with_fraction = |unit: u64, digits: usize| {
            let fraction = format!("{:0digits$}", nanoseconds % unit);
            let fraction = fraction.trim_end_matches('0');
            (
                nanoseconds / unit,
                if fraction.is_empty() {
                    String::new()
                } else {
                    format!(".{fraction}")
                },
            )
        };
        write!(formatter, "{sign}")?;
        match nanoseconds {
            0 => write!(formatter, "0s"),
            1..1_000 => write!(formatter, "{nanoseconds}ns"),
            1_000..1_000_000 => {
                let (whole, fraction) = with_fraction(1_000, 3);
                write!(formatter, "{whole}{fraction}\u{b5}s")
            }
            1_000_000..1_000_000_000 => {
                let (whole, fraction) = with_fraction(1_000_000, 6);
                write!(formatter, "{whole}{fraction}ms")
            }
            _ => {
                let (seconds, fraction) = with_fraction(1_000_000_000, 9);
                if seconds >= 3600 {
                    write!(formatter, "{}h", seconds / 3600)?;
                }
                if seconds >= 60 {
                    write!(formatter, "{}m", seconds / 60 % 60)?;
                }
                write!(formatter, "{}{fraction}s", seconds % 60)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_print_as_go_prints_them() {
        for (nanoseconds, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5\u{b5}s"),
            (2_000_000, "2ms"),
            (61_000_000_000, "1m1s"),
            (-3_600_500_000_000, "-1h0m0.5s"),
            (i64::MIN, "-2562047h47m16.854775808s"),
        ] {
            assert_eq!(Duration(nanoseconds).to_string(), text);
        }
    }
}
