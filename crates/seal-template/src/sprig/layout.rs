//! Go's time layouts: `Mon Jan 2 15:04:05 MST 2006` as a picture of what to print or, in `parse`, to read.
//! Knows the fields of a time, not what an instant is; that is `calendar`'s.

mod parse;

pub(super) use parse::parse;

use crate::function::CallFault;
use crate::sprig::calendar::{MONTHS, Time, WEEKDAYS};
use crate::value::Buffer;

/// One element of a layout.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    LongYear,
    ShortYear,
    LongMonth,
    ShortMonth,
    Month {
        two_digits: bool,
    },
    LongWeekday,
    ShortWeekday,
    Day {
        pad: Pad,
    },
    YearDay {
        spaces: bool,
    },
    Hour,
    Hour12 {
        two_digits: bool,
    },
    Minute {
        two_digits: bool,
    },
    Second {
        two_digits: bool,
    },
    UpperHalf,
    LowerHalf,
    Offset {
        zulu: bool,
        colon: bool,
        parts: u8,
    },
    ZoneName,
    Fraction {
        trimmed: bool,
        digits: usize,
        separator: u8,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pad {
    None,
    Space,
    Zero,
}

/// Layout texts, longest first where one begins another.
const FIELDS: [(&[u8], Field); 33] = [
    (b"January", Field::LongMonth),
    (b"Jan", Field::ShortMonth),
    (b"Monday", Field::LongWeekday),
    (b"Mon", Field::ShortWeekday),
    (b"MST", Field::ZoneName),
    (b"01", Field::Month { two_digits: true }),
    (b"02", Field::Day { pad: Pad::Zero }),
    (b"03", Field::Hour12 { two_digits: true }),
    (b"04", Field::Minute { two_digits: true }),
    (b"05", Field::Second { two_digits: true }),
    (b"06", Field::ShortYear),
    (b"002", Field::YearDay { spaces: false }),
    (b"15", Field::Hour),
    (b"1", Field::Month { two_digits: false }),
    (b"2006", Field::LongYear),
    (b"2", Field::Day { pad: Pad::None }),
    (b"_2", Field::Day { pad: Pad::Space }),
    (b"__2", Field::YearDay { spaces: true }),
    (b"3", Field::Hour12 { two_digits: false }),
    (b"4", Field::Minute { two_digits: false }),
    (b"5", Field::Second { two_digits: false }),
    (b"PM", Field::UpperHalf),
    (b"pm", Field::LowerHalf),
    (
        b"-070000",
        Field::Offset {
            zulu: false,
            colon: false,
            parts: 3,
        },
    ),
    (
        b"-07:00:00",
        Field::Offset {
            zulu: false,
            colon: true,
            parts: 3,
        },
    ),
    (
        b"-0700",
        Field::Offset {
            zulu: false,
            colon: false,
            parts: 2,
        },
    ),
    (
        b"-07:00",
        Field::Offset {
            zulu: false,
            colon: true,
            parts: 2,
        },
    ),
    (
        b"-07",
        Field::Offset {
            zulu: false,
            colon: false,
            parts: 1,
        },
    ),
    (
        b"Z070000",
        Field::Offset {
            zulu: true,
            colon: false,
            parts: 3,
        },
    ),
    (
        b"Z07:00:00",
        Field::Offset {
            zulu: true,
            colon: true,
            parts: 3,
        },
    ),
    (
        b"Z0700",
        Field::Offset {
            zulu: true,
            colon: false,
            parts: 2,
        },
    ),
    (
        b"Z07:00",
        Field::Offset {
            zulu: true,
            colon: true,
            parts: 2,
        },
    ),
    (
        b"Z07",
        Field::Offset {
            zulu: true,
            colon: false,
            parts: 1,
        },
    ),
];

/// The literal before the next field, the field, and what follows.
fn next_field(layout: &[u8]) -> (&[u8], Option<Field>, &[u8]) {
    for position in 0..layout.len() {
        let rest = &layout[position..];
        // `_2006` is an underscore and a year.
        if rest.starts_with(b"_2006") {
            return (
                &layout[..=position],
                Some(Field::LongYear),
                &layout[position + 5..],
            );
        }
        if let [separator @ (b'.' | b','), digit @ (b'0' | b'9'), ..] = rest {
            let digits = rest[1..].iter().take_while(|byte| *byte == digit).count();
            // The digits must end here: only a fraction of a second is all of one digit.
            if !rest.get(1 + digits).is_some_and(u8::is_ascii_digit) {
                let field = Field::Fraction {
                    trimmed: *digit == b'9',
                    digits,
                    separator: *separator,
                };
                return (&layout[..position], Some(field), &rest[1 + digits..]);
            }
        }
        let found = FIELDS.iter().find(|(text, field)| {
            // `Janus` and `Money` are words, not months and days.
            let word = matches!(field, Field::ShortMonth | Field::ShortWeekday)
                && rest.get(3).is_some_and(u8::is_ascii_lowercase);
            rest.starts_with(text) && !word
        });
        if let Some((text, field)) = found {
            return (&layout[..position], Some(*field), &rest[text.len()..]);
        }
    }
    (layout, None, b"")
}

/// `Time.Format`.
pub(super) fn format(time: &Time, layout: &[u8], buffer: &mut Buffer) -> Result<(), CallFault> {
    let (zone, offset) = time.zone_at();
    let civil = time.civil();
    let mut layout = layout;
    while !layout.is_empty() {
        let (literal, field, rest) = next_field(layout);
        buffer.extend(literal)?;
        let Some(field) = field else {
            break;
        };
        layout = rest;
        let hour12 = if civil.hour % 12 == 0 { 12 } else { civil.hour % 12 };
        let number = |number: i64, width: usize| {
            let sign = if number < 0 { "-" } else { "" };
            format!("{sign}{:0width$}", number.unsigned_abs())
        };
        let width = |two_digits: bool| if two_digits { 2 } else { 0 };
        let text = match field {
            Field::LongYear => number(civil.year, 4),
            Field::ShortYear => number(civil.year.abs() % 100, 2),
            Field::LongMonth => MONTHS[civil.month as usize - 1].to_owned(),
            Field::ShortMonth => MONTHS[civil.month as usize - 1][..3].to_owned(),
            Field::Month { two_digits } => number(civil.month, width(two_digits)),
            Field::LongWeekday => WEEKDAYS[civil.weekday as usize].to_owned(),
            Field::ShortWeekday => WEEKDAYS[civil.weekday as usize][..3].to_owned(),
            Field::Day { pad: Pad::Space } => format!("{:2}", civil.day),
            Field::Day { pad } => number(civil.day, width(pad == Pad::Zero)),
            Field::YearDay { spaces: true } => format!("{:3}", civil.year_day),
            Field::YearDay { spaces: false } => number(civil.year_day, 3),
            Field::Hour => number(civil.hour, 2),
            Field::Hour12 { two_digits } => number(hour12, width(two_digits)),
            Field::Minute { two_digits } => number(civil.minute, width(two_digits)),
            Field::Second { two_digits } => number(civil.second, width(two_digits)),
            Field::UpperHalf => if civil.hour >= 12 { "PM" } else { "AM" }.to_owned(),
            Field::LowerHalf => if civil.hour >= 12 { "pm" } else { "am" }.to_owned(),
            Field::Offset { zulu: true, .. } if offset == 0 => "Z".to_owned(),
            Field::Offset { colon, parts, .. } => offset_text(offset, colon, parts),
            Field::ZoneName if zone.is_empty() => offset_text(offset, false, 2),
            Field::ZoneName => zone.clone(),
            Field::Fraction {
                trimmed,
                digits,
                separator,
            } => {
                let all = format!("{:09}", time.nanosecond());
                let kept = &all[..digits.min(9)];
                let kept = if trimmed { kept.trim_end_matches('0') } else { kept };
                if trimmed && kept.is_empty() {
                    String::new()
                } else {
                    format!("{}{kept}", char::from(separator))
                }
            }
        };
        buffer.extend(text)?;
    }
    Ok(())
}

fn offset_text(offset: i64, colon: bool, parts: u8) -> String {
    // Go cuts to minutes first, then takes the sign from those.
    let minutes = offset / 60;
    let (sign, minutes) = if minutes < 0 {
        ('-', -minutes)
    } else {
        ('+', minutes)
    };
    let colon = if colon { ":" } else { "" };
    let mut text = format!("{sign}{:02}", minutes / 60);
    if parts > 1 {
        text += &format!("{colon}{:02}", minutes % 60);
    }
    if parts > 2 {
        text += &format!("{colon}{:02}", offset.abs() % 60);
    }
    text
}
