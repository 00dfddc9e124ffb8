//! JSON as Go's `encoding/json` writes it, and YAML's bracketed collections, which are the same but
//! for quotes and commas. Numbers that JSON does not know are refused.

use std::fmt::Write;

use crate::buffer::Buffer;
use crate::number;
use crate::value::Value;
use crate::wiped::WipedText;
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
pub fn to_json(value: &Value, style: JsonStyle) -> Result<WipedText, WriteError> {
    let unit = " ".repeat(style.indent);
    let writer = FlowWriter {
        unit: (style.indent > 0).then_some(&unit),
        margin: "",
        comma: ",",
        colon: if style.indent > 0 { ": " } else { ":" },
        line_break: "\n",
        quote: if style.escape_html { quote_html } else { quote },
        order: style.order,
    };
    writer.write(value)
}

/// A string as JSON, with its quotes.
pub(crate) fn quote(out: &mut Buffer, text: &str) {
    escape(out, text, false);
}

fn quote_html(out: &mut Buffer, text: &str) {
    escape(out, text, true);
}

fn escape(out: &mut Buffer, text: &str, html: bool) {
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
            '<' | '>' | '&' if html => "",
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

/// Writes values in brackets.
pub(crate) struct FlowWriter<'s> {
    /// White space per level; without one everything stands on one line.
    pub(crate) unit: Option<&'s str>,
    /// White space before each line but the first.
    pub(crate) margin: &'s str,
    pub(crate) comma: &'s str,
    pub(crate) colon: &'s str,
    pub(crate) line_break: &'s str,
    pub(crate) quote: fn(&mut Buffer, &str),
    pub(crate) order: KeyOrder,
}

impl FlowWriter<'_> {
    pub(crate) fn write(&self, value: &Value) -> Result<WipedText, WriteError> {
        let mut out = Buffer::with_capacity(value.size_hint());
        self.value(&mut out, value, 1)?;
        Ok(out.finish())
    }

    fn value(&self, out: &mut Buffer, value: &Value, level: usize) -> Result<(), WriteError> {
        match value {
            Value::Null => out.push_str("null"),
            Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
            Value::Integer(number) => out.push_str(&number.to_string()),
            Value::Unsigned(number) => out.push_str(&number.to_string()),
            Value::Float(number) if !number.is_finite() => return Err(WriteError),
            Value::Float(number) => out.push_str(&number::format_json(*number)),
            Value::String(text) => (self.quote)(out, text),
            Value::Sequence(items) if items.is_empty() => out.push_str("[]"),
            Value::Mapping(mapping) if mapping.is_empty() => out.push_str("{}"),
            Value::Sequence(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    self.separate(out, index, level);
                    self.value(out, item, level + 1)?;
                }
                self.line(out, level - 1);
                out.push(']');
            }
            Value::Mapping(mapping) => {
                out.push('{');
                for (index, (key, value)) in order::entries(mapping, self.order, order::by_bytes)
                    .iter()
                    .enumerate()
                {
                    self.separate(out, index, level);
                    (self.quote)(out, key);
                    out.push_str(self.colon);
                    self.value(out, value, level + 1)?;
                }
                self.line(out, level - 1);
                out.push('}');
            }
        }
        Ok(())
    }

    fn separate(&self, out: &mut Buffer, index: usize, level: usize) {
        if index > 0 {
            out.push_str(if self.unit.is_some() { "," } else { self.comma });
        }
        self.line(out, level);
    }

    fn line(&self, out: &mut Buffer, level: usize) {
        if let Some(unit) = self.unit {
            out.push_str(self.line_break);
            out.push_str(self.margin);
            (0..level).for_each(|_| out.push_str(unit));
        }
    }
}
