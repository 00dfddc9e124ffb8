//! `--request-timeout` as client-go reads it: whole seconds or Go's duration syntax.

use std::time::Duration;

/// The limit; `Some(None)` is none, `None` is no duration.
pub(super) fn parse(text: &str) -> Option<Option<Duration>> {
    if text.is_empty() {
        return Some(None);
    }
    if let Ok(seconds) = text.parse::<i64>()
        && let Ok(seconds) = u64::try_from(seconds)
    {
        return Some(Some(Duration::from_secs(seconds)).filter(|limit| !limit.is_zero()));
    }
    let seconds = go_duration(text)?;
    let limit = Duration::try_from_secs_f64(seconds.max(0.0)).ok()?;
    Some(Some(limit).filter(|limit| !limit.is_zero()))
}

fn go_duration(text: &str) -> Option<f64> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0.0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|character: char| !character.is_ascii_digit() && character != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        rest = &rest[end..];
        let end = rest
            .find(|character: char| character.is_ascii_digit() || character == '.')
            .unwrap_or(rest.len());
        let unit = match &rest[..end] {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        total += number * unit;
        rest = &rest[end..];
    }
    Some(sign * total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_go_durations_are_read() {
        assert_eq!(parse("0"), Some(None));
        assert_eq!(parse("5"), Some(Some(Duration::from_secs(5))));
        assert_eq!(parse("1m30s"), Some(Some(Duration::from_secs(90))));
        assert_eq!(parse("1.5s"), Some(Some(Duration::from_millis(1500))));
        for bad in ["5x", "s", "1 s", "-", "1.2.3s"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
