//! `time.ParseInLocation`: a text read along a layout. What a field looks like is the layout's; this knows
//! what it may say.

use super::{Field, Pad, next_field};
use crate::sprig::calendar::{MONTHS, Time, WEEKDAYS, Zone, days_in};

/// What a text said, field by field.
struct Parsed {
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    year_day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanosecond: i64,
    after_noon: Option<bool>,
    utc: bool,
    offset: Option<i64>,
    zone: Option<String>,
}

/// `time.ParseInLocation`; `None` when the text does not fit the layout or names no time.
pub(in crate::sprig) fn parse(layout: &[u8], text: &[u8], local: &Zone) -> Option<Time> {
    let mut parsed = Parsed {
        year: 0,
        month: None,
        day: None,
        year_day: None,
        hour: 0,
        minute: 0,
        second: 0,
        nanosecond: 0,
        after_noon: None,
        utc: false,
        offset: None,
        zone: None,
    };
    let (mut layout, mut text) = (layout, text);
    loop {
        let (literal, field, rest) = next_field(layout);
        text = skip_literal(text, literal)?;
        let Some(field) = field else {
            return if text.is_empty() {
                parsed.into_time(local)
            } else {
                None
            };
        };
        layout = rest;
        text = parsed.read(field, text, layout)?;
    }
}

fn skip_literal<'a>(mut text: &'a [u8], mut literal: &[u8]) -> Option<&'a [u8]> {
    let spaces = |bytes: &[u8]| bytes.iter().take_while(|byte| **byte == b' ').count();
    while let [first, rest @ ..] = literal {
        if *first == b' ' {
            if text.first().is_some_and(|byte| *byte != b' ') {
                return None;
            }
            literal = &literal[spaces(literal)..];
            text = &text[spaces(text)..];
            continue;
        }
        text = text.strip_prefix(&[*first])?;
        literal = rest;
    }
    Some(text)
}

/// One or two digits, or just two.
fn one_or_two(text: &[u8], two: bool) -> Option<(i64, &[u8])> {
    match text {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9', rest @ ..] => Some((digit(*tens) * 10 + digit(*ones), rest)),
        [ones @ b'0'..=b'9', rest @ ..] if !two => Some((digit(*ones), rest)),
        _ => None,
    }
}

fn digit(byte: u8) -> i64 {
    i64::from(byte - b'0')
}

fn name_in<'a>(names: &[&str], length: usize, text: &'a [u8]) -> Option<(i64, &'a [u8])> {
    names.iter().zip(0..).find_map(|(name, number)| {
        let name = &name.as_bytes()[..length.min(name.len())];
        let (head, rest) = text.split_at_checked(name.len())?;
        head.eq_ignore_ascii_case(name).then_some((number, rest))
    })
}

impl Parsed {
    fn read<'a>(&mut self, field: Field, text: &'a [u8], layout: &[u8]) -> Option<&'a [u8]> {
        let within = |number: i64, limit: i64| (number < limit).then_some(number);
        let rest = match field {
            Field::ShortYear => {
                let (head, rest) = text.split_at_checked(2)?;
                let year = signed_number(head)?;
                self.year = year + if year >= 69 { 1900 } else { 2000 };
                rest
            }
            Field::LongYear => {
                let (head, rest) = text.split_at_checked(4)?;
                self.year = head
                    .first()
                    .filter(|byte| byte.is_ascii_digit())
                    .and_then(|_| signed_number(head))?;
                rest
            }
            Field::LongMonth | Field::ShortMonth => {
                let (month, rest) = name_in(
                    &MONTHS,
                    if field == Field::LongMonth { usize::MAX } else { 3 },
                    text,
                )?;
                self.month = Some(month + 1);
                rest
            }
            Field::Month { two_digits } => {
                let (month, rest) = one_or_two(text, two_digits)?;
                self.month = Some(within(month, 13).filter(|month| *month > 0)?);
                rest
            }
            Field::LongWeekday => name_in(&WEEKDAYS, usize::MAX, text)?.1,
            Field::ShortWeekday => name_in(&WEEKDAYS, 3, text)?.1,
            Field::Day { pad } => {
                let text = if pad == Pad::Space {
                    text.strip_prefix(b" ").unwrap_or(text)
                } else {
                    text
                };
                let (day, rest) = one_or_two(text, pad == Pad::Zero)?;
                self.day = Some(day);
                rest
            }
            Field::YearDay { spaces } => {
                let mut text = text;
                for _ in 0..2 {
                    text = if spaces {
                        text.strip_prefix(b" ").unwrap_or(text)
                    } else {
                        text
                    };
                }
                let count = text
                    .iter()
                    .take(3)
                    .take_while(|byte| byte.is_ascii_digit())
                    .count();
                if count == 0 || !spaces && count != 3 {
                    return None;
                }
                self.year_day = Some(
                    text[..count]
                        .iter()
                        .fold(0, |number, byte| 10 * number + digit(*byte)),
                );
                &text[count..]
            }
            Field::Hour => {
                let (hour, rest) = one_or_two(text, false)?;
                self.hour = within(hour, 24)?;
                rest
            }
            Field::Hour12 { two_digits } => {
                let (hour, rest) = one_or_two(text, two_digits)?;
                self.hour = within(hour, 13)?;
                rest
            }
            Field::Minute { two_digits } => {
                let (minute, rest) = one_or_two(text, two_digits)?;
                self.minute = within(minute, 60)?;
                rest
            }
            Field::Second { two_digits } => {
                let (second, rest) = one_or_two(text, two_digits)?;
                self.second = within(second, 60)?;
                self.read_unannounced_fraction(rest, layout)
            }
            Field::UpperHalf | Field::LowerHalf => {
                let (head, rest) = text.split_at_checked(2)?;
                self.after_noon = Some(match (field, head) {
                    (Field::UpperHalf, b"PM") | (Field::LowerHalf, b"pm") => true,
                    (Field::UpperHalf, b"AM") | (Field::LowerHalf, b"am") => false,
                    _ => return None,
                });
                rest
            }
            Field::Offset { zulu: true, .. } if text.starts_with(b"Z") => {
                self.utc = true;
                &text[1..]
            }
            Field::Offset { colon, parts, .. } => self.read_offset(text, colon, parts)?,
            Field::ZoneName => match text.strip_prefix(b"UTC") {
                Some(rest) => {
                    self.utc = true;
                    rest
                }
                None => {
                    let (name, rest) = text.split_at(zone_name_length(text)?);
                    self.zone = Some(std::str::from_utf8(name).ok()?.to_owned());
                    rest
                }
            },
            Field::Fraction {
                trimmed: false,
                digits,
                ..
            } => {
                let (head, rest) = text.split_at_checked(1 + digits)?;
                self.nanosecond = nanoseconds(head)?;
                rest
            }
            Field::Fraction { .. } => self.read_fraction(text),
        };
        Some(rest)
    }

    /// A fraction after the seconds is read even if the layout does not show one.
    fn read_unannounced_fraction<'a>(&mut self, text: &'a [u8], layout: &[u8]) -> &'a [u8] {
        match next_field(layout).1 {
            Some(Field::Fraction { .. }) => text,
            _ => self.read_fraction(text),
        }
    }

    fn read_fraction<'a>(&mut self, text: &'a [u8]) -> &'a [u8] {
        let [b'.' | b',', digits @ ..] = text else {
            return text;
        };
        let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        match nanoseconds(&text[..1 + length]) {
            Some(nanosecond) if length > 0 => {
                self.nanosecond = nanosecond;
                &text[1 + length..]
            }
            _ => text,
        }
    }

    fn read_offset<'a>(&mut self, text: &'a [u8], colon: bool, parts: u8) -> Option<&'a [u8]> {
        let (sign, mut rest) = text.split_first()?;
        let mut offset = 0;
        for part in 0..3 {
            offset *= 60;
            if part >= parts {
                continue;
            }
            if colon && part > 0 {
                rest = rest.strip_prefix(b":")?;
            }
            let (number, after) = one_or_two(rest, true)?;
            // 24 hours and 60 minutes are let through, since some people write them.
            if number > if part == 0 { 24 } else { 60 } {
                return None;
            }
            offset += number;
            rest = after;
        }
        self.offset = Some(match sign {
            b'+' => offset,
            b'-' => -offset,
            _ => return None,
        });
        Some(rest)
    }

    fn into_time(mut self, local: &Zone) -> Option<Time> {
        match self.after_noon {
            Some(true) if self.hour < 12 => self.hour += 12,
            Some(false) if self.hour == 12 => self.hour = 0,
            _ => {}
        }
        if let Some(year_day) = self.year_day {
            let (month, day) = month_and_day(self.year, year_day)?;
            if self.month.is_some_and(|other| other != month) || self.day.is_some_and(|other| other != day) {
                return None;
            }
            (self.month, self.day) = (Some(month), Some(day));
        }
        let (month, day) = (self.month.unwrap_or(1), self.day.unwrap_or(1));
        if day < 1 || day > days_in(self.year, month) {
            return None;
        }
        let clock = (self.hour * 60 + self.minute) * 60 + self.second;
        let (year, nanosecond) = (self.year, self.nanosecond);
        let in_zone = |zone: Zone| Time::from_civil(year, month, day, clock, nanosecond, zone);
        if self.utc {
            return Some(in_zone(Zone::Utc));
        }
        if let Some(offset) = self.offset {
            let here = in_zone(Zone::Utc).plus_seconds(-offset).with_zone(local.clone());
            let (name, local_offset) = here.zone_at();
            if local_offset == offset && self.zone.as_ref().is_none_or(|zone| *zone == name) {
                return Some(here);
            }
            return Some(here.with_zone(Zone::Fixed {
                name: self.zone.unwrap_or_default(),
                offset,
            }));
        }
        if let Some(name) = self.zone {
            let here = in_zone(local.clone());
            if here.zone_at().0 == name {
                return Some(here);
            }
            // A name alone says nothing, except `GMT+3`; even that does not move the instant.
            let hours = name
                .strip_prefix("GMT")
                .and_then(|hours| hours.parse::<i64>().ok())
                .unwrap_or(0);
            return Some(in_zone(Zone::Utc).with_zone(Zone::Fixed {
                name,
                offset: hours * 3600,
            }));
        }
        Some(in_zone(local.clone()))
    }
}

/// Two or four characters with an optional sign, as `strconv.Atoi`.
fn signed_number(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// `.5` is 500,000,000; digits after the ninth are dropped.
fn nanoseconds(text: &[u8]) -> Option<i64> {
    let [b'.' | b',', digits @ ..] = text else {
        return None;
    };
    let digits = &digits[..digits.len().min(9)];
    let number: i64 = std::str::from_utf8(digits)
        .ok()
        .filter(|text| !text.starts_with('-'))?
        .parse()
        .ok()?;
    Some(number * 10_i64.pow(9 - digits.len() as u32))
}

fn month_and_day(year: i64, year_day: i64) -> Option<(i64, i64)> {
    let mut day = year_day;
    for month in 1..=12 {
        if (1..=days_in(year, month)).contains(&day) {
            return Some((month, day));
        }
        day -= days_in(year, month);
    }
    None
}

/// How much of the text looks like a time zone's abbreviation.
fn zone_name_length(text: &[u8]) -> Option<usize> {
    if text.starts_with(b"ChST") || text.starts_with(b"MeST") {
        return Some(4);
    }
    if let Some(rest) = text.strip_prefix(b"GMT") {
        return Some(3 + signed_offset_length(rest));
    }
    if text.len() >= 3 && matches!(text[0], b'+' | b'-') {
        return Some(signed_offset_length(text)).filter(|length| *length > 0);
    }
    let capitals = text
        .iter()
        .take(6)
        .take_while(|byte| byte.is_ascii_uppercase())
        .count();
    match capitals {
        3 => Some(3),
        4 if text[3] == b'T' || text.starts_with(b"WITA") => Some(4),
        5 if text[4] == b'T' => Some(5),
        _ => None,
    }
}

fn signed_offset_length(text: &[u8]) -> usize {
    let [b'+' | b'-', digits @ ..] = text else {
        return 0;
    };
    let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let hours = std::str::from_utf8(&digits[..length])
        .ok()
        .and_then(|text| text.parse::<u64>().ok());
    if hours.is_some_and(|hours| hours <= 23) {
        1 + length
    } else {
        0
    }
}
