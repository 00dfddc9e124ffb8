//! JSON as Go's `encoding/json` writes it. Numbers that JSON does not know are refused.

use std::fmt::Write;

use zeroize::Zeroizing;

use crate::buffer::Buffer;
use crate::number;
use crate::value::Value;
use crate::write::{KeyOrder, WriteError, order};

/// How JSON is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonStyle {
    /// Spaces per level; with none everything stands on one line, as `json.Marshal` does.
    pub indent: usize,
    /// Whether `<`, `>` and `&` become `\u003c` and so on, Go's default.
    pub escape_html: bool,
    /// In which order entries are written.
    pub order: KeyOrder,
}

impl JsonStyle {
    /// One line, as `json.Marshal` writes.
    pub const COMPACT: Self = Self {
        indent: 0,
        escape_html: true,
        order: KeyOrder::Sorted,
    };
    /// Two spaces, as `json.MarshalIndent(value, "", "  ")` writes.
    pub const PRETTY: Self = Self {
        indent: 2,
        ..Self::COMPACT
    };
}

/// A value as JSON, without a final line break.
///
/// # Errors
/// Where the value holds a number that is infinite or none.
pub fn to_json(value: &Value, style: JsonStyle) -> Result<Zeroizing<String>, WriteError> {
    let mut writer = Writer {
        out: Buffer::default(),
        style,
        margin: 0,
        level: 0,
    };
    writer.value(value)?;
    Ok(writer.out.finish())
}

/// A value as JSON for a place inside a text: `margin` spaces before each line but the first.
pub(crate) fn to_json_at(
    value: &Value,
    style: JsonStyle,
    margin: usize,
) -> Result<Zeroizing<String>, WriteError> {
    let mut writer = Writer {
        out: Buffer::default(),
        style,
        margin,
        level: 0,
    };
    writer.value(value)?;
    Ok(writer.out.finish())
}

/// A string as JSON, with its quotes.
pub(crate) fn quote(out: &mut Buffer, text: &str, escape_html: bool) {
    out.push('"');
    let mut done = 0;
    for (at, character) in text.char_indices() {
        let short = match character {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\u{8}' => "\\b",
            '\u{C}' => "\\f",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '<' | '>' | '&' if escape_html => "",
            '\u{2028}' | '\u{2029}' | '\0'..='\u{1F}' => "",
            _ => continue,
        };
        out.push_str(&text[done..at]);
        out.push_str(short);
        if short.is_empty() {
            let mut escape = String::with_capacity(6);
            write!(escape, "\\u{:04x}", u32::from(character)).expect("a String takes everything");
            out.push_str(&escape);
        }
        done = at + character.len_utf8();
    }
    out.push_str(&text[done..]);
    out.push('"');
}

struct Writer {
    out: Buffer,
    style: JsonStyle,
    margin: usize,
    level: usize,
}

impl Writer {
    fn value(&mut self, value: &Value) -> Result<(), WriteError> {
        match value {
            Value::Null => self.out.push_str("null"),
            Value::Bool(truth) => self.out.push_str(if *truth { "true" } else { "false" }),
            Value::Integer(number) => self.out.push_str(&number.to_string()),
            Value::Unsigned(number) => self.out.push_str(&number.to_string()),
            Value::Float(number) if !number.is_finite() => return Err(WriteError),
            Value::Float(number) => self.out.push_str(&number::format_json(*number)),
            Value::String(text) => quote(&mut self.out, text, self.style.escape_html),
            Value::Sequence(items) if items.is_empty() => self.out.push_str("[]"),
            Value::Sequence(items) => {
                self.open("[");
                for (index, item) in items.iter().enumerate() {
                    self.item(index);
                    self.value(item)?;
                }
                self.close("]");
            }
            Value::Mapping(mapping) if mapping.is_empty() => self.out.push_str("{}"),
            Value::Mapping(mapping) => {
                self.open("{");
                for (index, (key, value)) in order::entries(mapping, self.style.order, order::by_bytes)
                    .iter()
                    .enumerate()
                {
                    self.item(index);
                    quote(&mut self.out, key, self.style.escape_html);
                    self.out.push_str(if self.style.indent > 0 { ": " } else { ":" });
                    self.value(value)?;
                }
                self.close("}");
            }
        }
        Ok(())
    }

    fn open(&mut self, bracket: &str) {
        self.out.push_str(bracket);
        self.level += 1;
    }

    fn item(&mut self, index: usize) {
        if index > 0 {
            self.out.push(',');
        }
        self.line();
    }

    fn close(&mut self, bracket: &str) {
        self.level -= 1;
        self.line();
        self.out.push_str(bracket);
    }

    fn line(&mut self) {
        if self.style.indent > 0 {
            self.out.push('\n');
            for _ in 0..self.margin + self.level * self.style.indent {
                self.out.push(' ');
            }
        }
    }
}
