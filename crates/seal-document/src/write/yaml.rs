//! YAML byte for byte as `sigs.k8s.io/yaml` marshals it: go-yaml v2's emitter, a port of libyaml's.
//! The few texts that it would damage are quoted here instead; see [`Analysis`].

use crate::buffer::Buffer;
use crate::node::ScalarStyle;
use crate::number;
use crate::resolve::{self, Resolved};
use crate::value::{Mapping, Value};
use crate::wiped::WipedText;
use crate::write::{KeyOrder, WriteError, order};

/// A value as YAML, with a final line break and without `---`.
///
/// # Errors
/// Where the value holds a number that is infinite or none, which Go refuses as well.
pub fn to_yaml(value: &Value, order: KeyOrder) -> Result<WipedText, WriteError> {
    let layout = Layout {
        step: 2,
        width: 80,
        line_break: "\n",
        order,
    };
    let mut emitter = Emitter::new(layout);
    emitter.out = Buffer::with_capacity(value.size_hint());
    emitter.node(value, Context::Root)?;
    emitter.line();
    Ok(emitter.out.finish())
}

/// How wide, how deep, and with which line breaks.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    /// Spaces per level, one to nine.
    pub(crate) step: usize,
    /// The column after which a line is folded at the next space.
    pub(crate) width: usize,
    pub(crate) line_break: &'static str,
    pub(crate) order: KeyOrder,
}

/// What a node is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Context {
    Root,
    Item,
    /// A value in a mapping, or a key after `?`.
    Entry,
    SimpleKey,
}

/// Writes nodes in block style. The two flags are libyaml's: whether the last character written
/// was white space, and whether the line holds nothing but indentation and its indicators.
pub(crate) struct Emitter {
    out: Buffer,
    layout: Layout,
    /// The indentation of the innermost collection; none at the root.
    indent: Option<usize>,
    column: usize,
    whitespace: bool,
    indention: bool,
}

impl Emitter {
    pub(crate) fn new(layout: Layout) -> Self {
        Self {
            out: Buffer::default(),
            layout,
            indent: None,
            column: 0,
            whitespace: true,
            indention: true,
        }
    }

    /// Lines for `entries` of a mapping that is indented by `indent`, the last without line break.
    pub(crate) fn entries_at(mut self, indent: usize, entries: &Mapping) -> Result<WipedText, WriteError> {
        self.indent = Some(indent);
        self.entries(entries)?;
        Ok(self.out.finish())
    }

    /// A scalar for a place in a block collection that is indented by `indent`, in the quotes of
    /// `style` where the text allows. A literal ends with its line break.
    pub(crate) fn scalar_at(
        mut self,
        indent: Option<usize>,
        value: &Value,
        style: ScalarStyle,
    ) -> Result<WipedText, WriteError> {
        self.indent = indent;
        match (style, value) {
            (ScalarStyle::DoubleQuoted, Value::String(text)) => self.double_quoted(text, false),
            (ScalarStyle::SingleQuoted, Value::String(text))
                if !text.contains('\n') && Analysis::of(text).single_quoted =>
            {
                self.single_quoted(text, false);
            }
            _ => self.node(value, Context::Entry)?,
        }
        Ok(self.out.finish())
    }

    /// A text in double quotes on one line.
    pub(crate) fn quote(out: &mut Buffer, text: &str) {
        let layout = Layout {
            step: 2,
            width: usize::MAX,
            line_break: "\n",
            order: KeyOrder::Kept,
        };
        let mut emitter = Self::new(layout);
        emitter.double_quoted(text, false);
        out.push_str(emitter.out.as_str());
    }

    fn node(&mut self, value: &Value, context: Context) -> Result<(), WriteError> {
        match value {
            Value::Null => self.word("null"),
            Value::Bool(truth) => self.word(if *truth { "true" } else { "false" }),
            Value::Integer(number) => self.word(&number.to_string()),
            Value::Unsigned(number) => self.word(&number.to_string()),
            Value::Float(number) => self.word(&float(*number)?),
            Value::String(text) => self.string(text, context),
            Value::Sequence(items) if items.is_empty() => self.empty("[", "]"),
            Value::Mapping(mapping) if mapping.is_empty() => self.empty("{", "}"),
            Value::Sequence(items) => {
                let outer = self.indent;
                // A list under a key stands below it, not further in.
                let level = context == Context::Entry && !self.indention;
                self.indent =
                    Some(outer.map_or(0, |indent| if level { indent } else { indent + self.layout.step }));
                for item in items {
                    self.line();
                    self.indicator("-", true, false, true);
                    self.node(item, Context::Item)?;
                }
                self.indent = outer;
            }
            Value::Mapping(mapping) => {
                let outer = self.indent;
                self.indent = Some(outer.map_or(0, |indent| indent + self.layout.step));
                self.entries(mapping)?;
                self.indent = outer;
            }
        }
        Ok(())
    }

    fn entries(&mut self, mapping: &Mapping) -> Result<(), WriteError> {
        for (key, value) in order::entries(mapping, self.layout.order, order::natural) {
            self.line();
            if key.len() <= 128 && !key.contains(is_break) {
                self.string(key, Context::SimpleKey);
                self.indicator(":", false, false, false);
            } else {
                self.indicator("?", true, false, true);
                self.string(key, Context::Entry);
                self.line();
                self.indicator(":", true, false, true);
            }
            self.node(value, Context::Entry)?;
        }
        Ok(())
    }

    fn empty(&mut self, open: &str, close: &str) {
        self.indicator(open, true, true, false);
        self.indicator(close, false, false, false);
    }

    fn string(&mut self, text: &str, context: Context) {
        let analysis = Analysis::of(text);
        let key = context == Context::SimpleKey;
        let bare = resolve::untagged(text) == Resolved::String && !is_base_60(text) && !(key && text == "<<");
        let outer = self.indent;
        self.indent = Some(outer.map_or(self.layout.step, |indent| indent + self.layout.step));
        if text.contains('\n') && analysis.literal && !key {
            self.literal(text);
        } else if text.contains('\n') || !bare || !analysis.single_quoted {
            self.double_quoted(text, !key);
        } else if analysis.plain {
            self.folded(text, !key);
        } else {
            self.single_quoted(text, !key);
        }
        self.indent = outer;
    }

    /// A word that needs no quotes and no folding.
    fn word(&mut self, text: &str) {
        self.folded(text, false);
    }

    fn folded(&mut self, text: &str, fold: bool) {
        if !self.whitespace {
            self.put(' ');
        }
        if !text.contains(' ') {
            self.put_all(text);
            self.whitespace = false;
            self.indention = false;
            return;
        }
        let mut spaces = false;
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            let space = character == ' ';
            let foldable = space && fold && !spaces && self.column > self.layout.width;
            if foldable && characters.peek() != Some(&' ') {
                self.line();
            } else {
                self.put(character);
            }
            spaces = space;
        }
        self.whitespace = false;
        self.indention = false;
    }

    fn single_quoted(&mut self, text: &str, fold: bool) {
        self.indicator("'", true, false, false);
        let mut spaces = false;
        let mut characters = text.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            let space = character == ' ';
            let inside = at > 0 && at + 1 < text.len();
            let foldable = space && fold && !spaces && inside && self.column > self.layout.width;
            if foldable && characters.peek().is_some_and(|(_, next)| *next != ' ') {
                self.line();
            } else {
                if character == '\'' {
                    self.put('\'');
                }
                self.put(character);
            }
            if !space {
                self.indention = false;
            }
            spaces = space;
        }
        self.indicator("'", false, false, false);
    }

    fn double_quoted(&mut self, text: &str, fold: bool) {
        self.indicator("\"", true, false, false);
        // go-yaml looks for the byte-order mark at the start of the text whatever the character is.
        let marked = text.starts_with('\u{FEFF}');
        let mut spaces = false;
        let mut characters = text.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            let space = character == ' ' && !marked;
            if marked || !is_printable(character) || is_break(character) || matches!(character, '"' | '\\') {
                self.escape(character);
            } else if space
                && fold
                && !spaces
                && self.column > self.layout.width
                && at > 0
                && at + 1 < text.len()
            {
                self.line();
                if characters.peek().is_some_and(|(_, next)| *next == ' ') {
                    self.put('\\');
                }
            } else {
                self.put(character);
            }
            spaces = space;
        }
        self.indicator("\"", false, false, false);
    }

    fn escape(&mut self, character: char) {
        let short = match character {
            '\0' => '0',
            '\u{7}' => 'a',
            '\u{8}' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\u{B}' => 'v',
            '\u{C}' => 'f',
            '\r' => 'r',
            '\u{1B}' => 'e',
            '"' => '"',
            '\\' => '\\',
            '\u{85}' => 'N',
            '\u{A0}' => '_',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            _ => {
                let code = u32::from(character);
                let escape = match code {
                    0..=0xFF => format!("\\x{code:02X}"),
                    0x100..=0xFFFF => format!("\\u{code:04X}"),
                    _ => format!("\\U{code:08X}"),
                };
                return escape.chars().for_each(|character| self.put(character));
            }
        };
        self.put('\\');
        self.put(short);
    }

    fn literal(&mut self, text: &str) {
        self.indicator("|", true, false, false);
        if text.starts_with([' ', '\n']) {
            self.indicator(&self.layout.step.to_string(), false, false, false);
        }
        if !text.ends_with('\n') {
            self.indicator("-", false, false, false);
        } else if text == "\n" || text.ends_with("\n\n") {
            self.indicator("+", false, false, false);
        }
        self.put_break();
        self.indention = true;
        self.whitespace = true;
        for line in text.split_inclusive('\n') {
            let content = line.strip_suffix('\n').unwrap_or(line);
            if !content.is_empty() {
                self.line();
                self.put_all(content);
                self.indention = false;
            }
            if line.len() > content.len() {
                self.put_break();
                self.indention = true;
            }
        }
    }

    /// Goes to the indentation of the innermost collection, on a new line if need be.
    fn line(&mut self) {
        let indent = self.indent.unwrap_or(0);
        if !self.indention || self.column > indent || self.column == indent && !self.whitespace {
            self.put_break();
        }
        while self.column < indent {
            self.put(' ');
        }
        self.whitespace = true;
        self.indention = true;
    }

    fn indicator(&mut self, indicator: &str, needs_space: bool, whitespace: bool, indention: bool) {
        if needs_space && !self.whitespace {
            self.put(' ');
        }
        self.put_all(indicator);
        self.whitespace = whitespace;
        self.indention &= indention;
    }

    fn put(&mut self, character: char) {
        self.out.push(character);
        self.column += 1;
    }

    fn put_all(&mut self, text: &str) {
        self.out.push_str(text);
        self.column += text.chars().count();
    }

    fn put_break(&mut self) {
        self.out.push_str(self.layout.line_break);
        self.column = 0;
    }
}

/// A float passes through JSON on its way, which makes 3.0 a whole number.
fn float(number: f64) -> Result<String, WriteError> {
    if !number.is_finite() {
        return Err(WriteError);
    }
    let json = number::format_json(number);
    Ok(match resolve::untagged(&json) {
        Resolved::Integer(whole) => whole.to_string(),
        Resolved::Unsigned(whole) => whole.to_string(),
        _ => number::format_general(number),
    })
}

/// `^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$`: YAML 1.1 has numbers to base 60.
fn is_base_60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (sixties, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let mut parts = sixties.split(':');
    let first = parts.next().unwrap_or_default();
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    let rest: Vec<&str> = parts.collect();
    first.starts_with(|digit: char| digit.is_ascii_digit())
        && digits(first)
        && digits(fraction)
        && !rest.is_empty()
        && rest.iter().all(|part| match part.as_bytes() {
            [digit] => digit.is_ascii_digit(),
            [ten @ b'0'..=b'5', digit] => ten.is_ascii_digit() && digit.is_ascii_digit(),
            _ => false,
        })
}

/// What libyaml calls a line break.
fn is_break(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// What go-yaml writes as it is; characters beyond 16 bits are escaped.
fn is_printable(character: char) -> bool {
    matches!(character, '\n' | ' '..='~' | '\u{A0}'..='\u{FEFE}' | '\u{FF00}'..='\u{FFFD}')
}

/// The styles that a text allows in block context.
///
/// U+0085, U+2028 and U+2029 are line breaks in YAML 1.1 and characters in 1.2. go-yaml writes the
/// last two raw and turns the first into a space; here all three are escaped, so that every reader
/// agrees.
struct Analysis {
    plain: bool,
    single_quoted: bool,
    literal: bool,
}

impl Analysis {
    fn of(text: &str) -> Self {
        let mut indicators = text.starts_with("---") || text.starts_with("...");
        let mut special = false;
        let (mut space_break, mut break_space) = (false, false);
        let mut previous = None;
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            let blank_follows = characters.peek().is_none_or(|next| matches!(next, ' ' | '\t'));
            indicators |= match (previous, character) {
                (
                    None,
                    '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@'
                    | '`',
                ) => true,
                (None, '?' | ':' | '-') | (Some(_), ':') => blank_follows,
                (Some(before), '#') => matches!(before, ' ' | '\t' | '\0') || is_break(before),
                _ => false,
            };
            special |= !is_printable(character) || character != '\n' && is_break(character);
            space_break |= character == '\n' && previous == Some(' ');
            break_space |= character == ' ' && previous.is_some_and(is_break);
            previous = Some(character);
        }
        let edges = text.starts_with([' ', '\n']) || text.ends_with([' ', '\n']);
        Self {
            plain: !(indicators || special || edges || text.contains('\n')),
            single_quoted: !(special || space_break || break_space),
            literal: !(special || space_break || text.ends_with(' ')),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: Value) -> String {
        to_yaml(&value, KeyOrder::Sorted).unwrap().to_string()
    }

    #[test]
    fn breaks_of_yaml_1_1_are_escaped_where_go_writes_them_raw_or_loses_them() {
        assert_eq!(
            written("a\u{85}b\u{2028}c\u{2029}d\n".into()),
            "\"a\\Nb\\Lc\\Pd\\n\"\n"
        );
    }

    #[test]
    fn characters_that_go_refuses_are_escaped() {
        assert_eq!(written("\u{7F}\u{9F}\u{FFFE}".into()), "\"\\x7F\\x9F\\uFFFE\"\n");
    }

    #[test]
    fn a_key_that_would_be_read_as_a_merge_is_quoted() {
        assert_eq!(
            written(Value::from(Mapping::from_iter([("<<", "<<")]))),
            "\"<<\": <<\n"
        );
    }

    #[test]
    fn numbers_that_are_none_are_refused() {
        assert_eq!(
            to_yaml(&Value::Float(f64::INFINITY), KeyOrder::Sorted).unwrap_err(),
            WriteError
        );
    }

    #[test]
    fn entries_keep_their_order_when_asked() {
        let mapping = Mapping::from_iter([("kind", "Secret"), ("apiVersion", "v1")]);
        let kept = to_yaml(&mapping.into(), KeyOrder::Kept).unwrap();
        assert_eq!(*kept, "kind: Secret\napiVersion: v1\n");
    }
}
