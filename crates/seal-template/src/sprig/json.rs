//! `encoding/json` for templates: reading into Go's generic values, writing compact, raw and pretty.
//! Reads by itself, since a parser that keeps copies or quotes its input in errors may not see secrets.

use crate::function::{Arguments, Call, CallFault};
use crate::limits::Limit;
use crate::sprig::calendar::{Duration, Month, Time, Weekday};
use crate::sprig::certificates::Certificate;
use crate::sprig::versions::Version;
use crate::sprig::{Outcome, VALUE_DEPTH};
use crate::value::{Buffer, List, Map, Text, Value};

const INVALID: CallFault = CallFault::Refused("invalid JSON");
const UNSUPPORTED: CallFault = CallFault::Refused("json: unsupported value");

/// Bad JSON is nil; so is each number too large for a float.
pub(super) fn from_json(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    match read(arguments.text(0)?, call) {
        Ok((value, _)) => Ok(value),
        Err(INVALID) => Ok(Value::Nil),
        Err(other) => Err(other),
    }
}

pub(super) fn must_from_json(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    match read(arguments.text(0)?, call)? {
        (_, true) => Err(CallFault::Refused("json: number out of range")),
        (value, false) => Ok(value),
    }
}

/// The value, and whether a number did not fit.
fn read(text: &[u8], call: &mut Call<'_>) -> Result<(Value, bool), CallFault> {
    let mut reader = Reader {
        rest: text,
        overflowed: false,
        call,
    };
    let value = reader.value(VALUE_DEPTH)?;
    reader.skip_space();
    if reader.rest.is_empty() {
        Ok((value, reader.overflowed))
    } else {
        Err(INVALID)
    }
}

/// What cannot be written (NaN, infinities) makes the whole output empty.
pub(super) fn to_json(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    empty_if_unsupported(must_to_json(arguments, call))
}

pub(super) fn must_to_json(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    write(
        arguments.any(0),
        Style {
            escape_html: true,
            pretty: false,
        },
        call,
    )
}

pub(super) fn to_pretty_json(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    empty_if_unsupported(must_to_pretty_json(arguments, call))
}

pub(super) fn must_to_pretty_json(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    write(
        arguments.any(0),
        Style {
            escape_html: true,
            pretty: true,
        },
        call,
    )
}

/// Unlike `toJson`, `toRawJson` panics on what cannot be written.
pub(super) fn to_raw_json(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    write(
        arguments.any(0),
        Style {
            escape_html: false,
            pretty: false,
        },
        call,
    )
}

fn empty_if_unsupported(outcome: Outcome) -> Outcome {
    match outcome {
        Err(UNSUPPORTED) => Ok("".into()),
        other => other,
    }
}

struct Reader<'a, 'c, 'e> {
    rest: &'a [u8],
    overflowed: bool,
    call: &'c mut Call<'e>,
}

impl Reader<'_, '_, '_> {
    fn skip_space(&mut self) {
        let space = self
            .rest
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
            .count();
        self.rest = &self.rest[space..];
    }

    fn take(&mut self, expected: &[u8]) -> bool {
        match self.rest.strip_prefix(expected) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// The next punctuation, with white space before it.
    fn next_is(&mut self, expected: u8) -> bool {
        self.skip_space();
        self.take(&[expected])
    }

    fn value(&mut self, depth: usize) -> Outcome {
        self.call.spend(1)?;
        let depth = depth.checked_sub(1).ok_or(CallFault::Exceeded(Limit::Nesting))?;
        self.skip_space();
        match self.rest.first() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => Ok(self.string()?.into()),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ if self.take(b"true") => Ok(true.into()),
            _ if self.take(b"false") => Ok(false.into()),
            _ if self.take(b"null") => Ok(Value::Nil),
            _ => Err(INVALID),
        }
    }

    fn object(&mut self, depth: usize) -> Outcome {
        let mut entries = Vec::new();
        self.take(b"{");
        if !self.next_is(b'}') {
            loop {
                self.skip_space();
                let key = self.string()?;
                if !self.next_is(b':') {
                    return Err(INVALID);
                }
                entries.push((key, self.value(depth)?));
                self.call
                    .admit(entries.len().saturating_mul(4 * size_of::<Value>()))?;
                if self.next_is(b'}') {
                    break;
                }
                if !self.next_is(b',') {
                    return Err(INVALID);
                }
            }
        }
        Ok(Map::new(entries).into())
    }

    fn array(&mut self, depth: usize) -> Outcome {
        let mut items = Vec::new();
        self.take(b"[");
        if !self.next_is(b']') {
            loop {
                items.push(self.value(depth)?);
                self.call.admit(items.len().saturating_mul(size_of::<Value>()))?;
                if self.next_is(b']') {
                    break;
                }
                if !self.next_is(b',') {
                    return Err(INVALID);
                }
            }
        }
        Ok(List::new(items).into())
    }

    fn number(&mut self) -> Outcome {
        let text = self.rest;
        let digits = |reader: &mut Self| {
            let count = reader
                .rest
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count();
            reader.rest = &reader.rest[count..];
            count > 0
        };
        self.take(b"-");
        let whole = self.take(b"0") || digits(self);
        let fraction = !self.take(b".") || digits(self);
        let exponent = if self.take(b"e") || self.take(b"E") {
            let _ = self.take(b"+") || self.take(b"-");
            digits(self)
        } else {
            true
        };
        if !(whole && fraction && exponent) {
            return Err(INVALID);
        }
        let text = &text[..text.len() - self.rest.len()];
        let number: f64 = std::str::from_utf8(text)
            .ok()
            .and_then(|text| text.parse().ok())
            .ok_or(INVALID)?;
        self.overflowed |= !number.is_finite();
        Ok(if number.is_finite() {
            Value::Float(number)
        } else {
            Value::Nil
        })
    }

    fn string(&mut self) -> Result<Text, CallFault> {
        if !self.take(b"\"") {
            return Err(INVALID);
        }
        let mut buffer = self.call.buffer();
        loop {
            let plain = self
                .rest
                .iter()
                .take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1f))
                .count();
            let (head, rest) = self.rest.split_at(plain);
            for chunk in head.utf8_chunks() {
                buffer.extend(chunk.valid())?;
                for _ in chunk.invalid() {
                    buffer.push_char(char::REPLACEMENT_CHARACTER)?;
                }
            }
            self.rest = rest;
            if self.take(b"\"") {
                self.call.spend(buffer.len() as u64 / 8)?;
                return Ok(buffer.into_text());
            }
            let character = self.escape()?;
            buffer.push_char(character)?;
        }
    }

    fn escape(&mut self) -> Result<char, CallFault> {
        let [b'\\', letter, rest @ ..] = self.rest else {
            return Err(INVALID);
        };
        self.rest = rest;
        Ok(match letter {
            b'"' | b'\\' | b'/' => char::from(*letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.four_digits().ok_or(INVALID)?;
                self.character_of(first)
            }
            _ => return Err(INVALID),
        })
    }

    /// Joins surrogates; a lone one is U+FFFD and what follows it stays.
    fn character_of(&mut self, first: u32) -> char {
        if (0xd800..0xdc00).contains(&first) {
            let before = self.rest;
            if self.take(b"\\u")
                && let Some(second) = self
                    .four_digits()
                    .filter(|second| (0xdc00..0xe000).contains(second))
            {
                let joined = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return char::from_u32(joined).unwrap_or(char::REPLACEMENT_CHARACTER);
            }
            self.rest = before;
        }
        char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER)
    }

    fn four_digits(&mut self) -> Option<u32> {
        let (digits, rest) = self.rest.split_at_checked(4)?;
        let number = digits
            .iter()
            .try_fold(0, |sum, digit| Some(sum << 4 | char::from(*digit).to_digit(16)?))?;
        self.rest = rest;
        Some(number)
    }
}

#[derive(Clone, Copy)]
struct Style {
    escape_html: bool,
    pretty: bool,
}

fn write(value: &Value, style: Style, call: &mut Call<'_>) -> Outcome {
    let mut writer = Writer {
        buffer: call.buffer(),
        style,
        call,
    };
    writer.value(value, 0)?;
    Ok(writer.buffer.into_text().into())
}

struct Writer<'c, 'e> {
    buffer: Buffer,
    style: Style,
    call: &'c mut Call<'e>,
}

impl Writer<'_, '_> {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), CallFault> {
        self.call.spend(1)?;
        if depth >= VALUE_DEPTH {
            return Err(CallFault::Exceeded(Limit::Nesting));
        }
        match value {
            Value::Nil => self.buffer.extend("null"),
            Value::Bool(flag) => self.buffer.extend(if *flag { "true" } else { "false" }),
            Value::Int(number) | Value::Int64(number) => self.buffer.extend(number.to_string()),
            Value::Uint8(number) => self.buffer.extend(number.to_string()),
            Value::Uint64(number) => self.buffer.extend(number.to_string()),
            Value::Float(number) => self.float(*number),
            Value::Complex(..) => Err(UNSUPPORTED),
            Value::Text(text) => self.string(text),
            Value::Bytes(bytes) => {
                let encoded = super::encodings::encode_base64(bytes, self.call)?;
                self.string(&encoded)
            }
            Value::List(list) if list.is_nil() => self.buffer.extend("null"),
            Value::List(list) => self.sequence(b"[]", list.items(), depth, |writer, item| {
                writer.value(item, depth + 1)
            }),
            Value::Map(map) => self.map(&map.entries(), depth),
            Value::Object(_) => self.object(value, depth),
        }
    }

    fn map(&mut self, entries: &[(Text, Value)], depth: usize) -> Result<(), CallFault> {
        self.sequence(b"{}", entries, depth, |writer, (key, value)| {
            writer.string(key)?;
            writer
                .buffer
                .extend(if writer.style.pretty { ": " } else { ":" })?;
            writer.value(value, depth + 1)
        })
    }

    fn sequence<T>(
        &mut self,
        brackets: &[u8; 2],
        items: &[T],
        depth: usize,
        write: impl Fn(&mut Self, &T) -> Result<(), CallFault>,
    ) -> Result<(), CallFault> {
        self.buffer.push(brackets[0])?;
        for (position, item) in items.iter().enumerate() {
            if position > 0 {
                self.buffer.push(b',')?;
            }
            self.line(depth + 1)?;
            write(self, item)?;
        }
        if !items.is_empty() {
            self.line(depth)?;
        }
        self.buffer.push(brackets[1])
    }

    fn line(&mut self, depth: usize) -> Result<(), CallFault> {
        if self.style.pretty {
            self.buffer.push(b'\n')?;
            self.buffer.fill(b' ', 2 * depth)?;
        }
        Ok(())
    }

    fn object(&mut self, value: &Value, depth: usize) -> Result<(), CallFault> {
        if let Some(time) = value.downcast::<Time>() {
            return match time.rfc3339() {
                Some(text) => self.string(text.as_bytes()),
                None => Err(UNSUPPORTED),
            };
        }
        if let Some(version) = value.downcast::<Version>() {
            return self.string(version.to_string().as_bytes());
        }
        if let Some(month) = value.downcast::<Month>() {
            return self.buffer.extend(month.0.to_string());
        }
        if let Some(day) = value.downcast::<Weekday>() {
            return self.buffer.extend(day.0.to_string());
        }
        if let Some(duration) = value.downcast::<Duration>() {
            return self.buffer.extend(duration.0.to_string());
        }
        if let Some(certificate) = value.downcast::<Certificate>() {
            return self.map(&certificate.entries(), depth);
        }
        Err(UNSUPPORTED)
    }

    /// Exponents below 1e-6 and from 1e21 on, as ECMAScript.
    fn float(&mut self, number: f64) -> Result<(), CallFault> {
        if !number.is_finite() {
            return Err(UNSUPPORTED);
        }
        let magnitude = number.abs();
        if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
            let text = format!("{number:e}");
            return self.buffer.extend(if magnitude >= 1e21 {
                text.replace('e', "e+")
            } else {
                text
            });
        }
        self.buffer.extend(number.to_string())
    }

    fn string(&mut self, text: &[u8]) -> Result<(), CallFault> {
        self.call.spend(text.len() as u64 / 8)?;
        self.buffer.push(b'"')?;
        for chunk in text.utf8_chunks() {
            for character in chunk.valid().chars() {
                self.character(character)?;
            }
            for _ in chunk.invalid() {
                self.buffer.extend("\\ufffd")?;
            }
        }
        self.buffer.push(b'"')
    }

    fn character(&mut self, character: char) -> Result<(), CallFault> {
        match character {
            '"' => self.buffer.extend("\\\""),
            '\\' => self.buffer.extend("\\\\"),
            '\u{8}' => self.buffer.extend("\\b"),
            '\u{c}' => self.buffer.extend("\\f"),
            '\n' => self.buffer.extend("\\n"),
            '\r' => self.buffer.extend("\\r"),
            '\t' => self.buffer.extend("\\t"),
            '\0'..='\u{1f}' | '\u{2028}' | '\u{2029}' => self.unicode_escape(character),
            '<' | '>' | '&' if self.style.escape_html => self.unicode_escape(character),
            _ => self.buffer.push_char(character),
        }
    }

    fn unicode_escape(&mut self, character: char) -> Result<(), CallFault> {
        self.buffer.extend(format!("\\u{:04x}", u32::from(character)))
    }
}
