//! Which texts go-yaml takes for timestamps. They stay text; the writer must quote them.

/// Whether one of go-yaml's four layouts fits, by the rules of Go's `time.Parse`.
pub(crate) fn is_timestamp(text: &str) -> bool {
    let leading = text.bytes().take_while(u8::is_ascii_digit).count();
    if leading != 4 || text.as_bytes().get(4) != Some(&b'-') {
        return false;
    }
    let Some(rest) = date(text) else { return false };
    if rest.is_empty() {
        return true;
    }
    // `T` and `t` need a zone; a space forbids one.
    if let Some(rest) = rest.strip_prefix(['T', 't']) {
        return time(rest).and_then(zone) == Some("");
    }
    rest.starts_with(' ') && time(rest.trim_start_matches(' ')) == Some("")
}

fn date(text: &str) -> Option<&str> {
    let year: u32 = text[..4].parse().ok()?;
    let (month, rest) = number(&text[5..])?;
    let (day, rest) = number(rest.strip_prefix('-')?)?;
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => return None,
    };
    (1..=days).contains(&day).then_some(rest)
}

fn time(text: &str) -> Option<&str> {
    let (hour, rest) = number(text)?;
    let (minute, rest) = number(rest.strip_prefix(':')?)?;
    let (second, rest) = number(rest.strip_prefix(':')?)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // A fraction needs a digit; without one, what follows is not ours.
    let fraction = rest
        .strip_prefix(['.', ','])
        .filter(|rest| rest.starts_with(|digit: char| digit.is_ascii_digit()));
    Some(fraction.map_or(rest, |rest| {
        rest.trim_start_matches(|digit: char| digit.is_ascii_digit())
    }))
}

fn zone(text: &str) -> Option<&str> {
    if let Some(rest) = text.strip_prefix('Z') {
        return Some(rest);
    }
    let offset = text.strip_prefix(['+', '-'])?;
    let bytes = offset.as_bytes().get(..5)?;
    let pair = |at: usize| {
        let digits = bytes
            .get(at..at + 2)
            .filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
        Some((digits[0] - b'0') * 10 + (digits[1] - b'0'))
    };
    // Go takes 24 hours and 60 minutes too, "as some people do write".
    (bytes[2] == b':' && pair(0)? <= 24 && pair(3)? <= 60).then(|| &offset[5..])
}

/// One or two digits.
fn number(text: &str) -> Option<(u32, &str)> {
    let digits = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    Some((text[..digits].parse().ok()?, &text[digits..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_and_calendar_decide() {
        for text in [
            "2001-01-01",
            "2001-1-2",
            "2000-02-29",
            "2001-1-1T1:2:3Z",
            "2001-01-01t01:02:03.5+24:60",
        ] {
            assert!(is_timestamp(text), "{text}");
        }
        for text in ["2001-1-1 1:2:3", "2001-01-01   01:02:03,25"] {
            assert!(is_timestamp(text), "{text}");
        }
        for text in [
            "2001-02-29",
            "2001-13-01",
            "2001-01-01T01:02:03",
            "2001-01-01 01:02:03Z",
            "2001-01-01 ",
            "20010-1-1",
        ] {
            assert!(!is_timestamp(text), "{text}");
        }
    }
}
