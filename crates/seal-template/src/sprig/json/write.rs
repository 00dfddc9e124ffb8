//! Values as JSON, as Go's encoder writes them. What cannot be written is the caller's to judge.

use super::UNSUPPORTED;
use crate::function::{Call, CallFault};
use crate::limits::Limit;
use crate::sprig::calendar::{Duration, Month, Time, Weekday};
use crate::sprig::certificates::Certificate;
use crate::sprig::encodings::encode_base64;
use crate::sprig::versions::Version;
use crate::sprig::{Outcome, VALUE_DEPTH};
use crate::value::{Buffer, Text, Value};

#[derive(Clone, Copy)]
pub(crate) struct Style {
    pub(crate) escape_html: bool,
    pub(crate) pretty: bool,
}

pub(crate) fn write(value: &Value, style: Style, call: &mut Call<'_>) -> Outcome {
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
                let encoded = encode_base64(bytes, self.call)?;
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
