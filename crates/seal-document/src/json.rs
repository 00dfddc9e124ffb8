//! JSON documents, one after another, into syntax trees with spans (RFC 8259; strings as Go reads
//! them). Numbers stay text here.

use std::borrow::Cow;

use crate::error::{ParseError, ParseFault};
use crate::format::Format;
use crate::limits::Limits;
use crate::node::{CollectionStyle, Node, NodeKind, ScalarStyle, Text};
use crate::stream::Document;
use crate::text::Walk;

/// Iterates over the documents of a text; after a fault there is nothing more.
pub(crate) struct Documents<'t> {
    text: &'t str,
    limits: Limits,
    walk: Walk<'t>,
    at: usize,
    index: usize,
    nodes: usize,
    done: bool,
}

/// The documents of `text`. White space after a document belongs to it.
pub(crate) fn documents<'t>(text: &'t str, limits: &Limits) -> Documents<'t> {
    Documents {
        text,
        limits: *limits,
        walk: Walk::new(text),
        at: 0,
        index: 0,
        nodes: 0,
        done: false,
    }
}

struct Fault(usize, ParseFault);

fn syntax<T>(at: usize, words: &'static str) -> Result<T, Fault> {
    Err(Fault(at, ParseFault::Syntax(words)))
}

impl<'t> Iterator for Documents<'t> {
    type Item = Result<Document<'t>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done || self.at == self.text.len() {
            return None;
        }
        let start = self.at;
        self.nodes = 0;
        match self.document() {
            Ok(root) => {
                let document = Document {
                    text: self.text,
                    index: self.index,
                    format: Format::Json,
                    span: start..self.at,
                    root,
                    has_anchors: false,
                    aliased_nodes: 0,
                };
                self.index += 1;
                Some(Ok(document))
            }
            Err(Fault(at, fault)) => {
                self.done = true;
                let position = Walk::new(self.text).position(at);
                Some(Err(ParseError::new(
                    self.index,
                    position,
                    fault,
                    start..self.text.len(),
                )))
            }
        }
    }
}

/// A collection whose end has not come yet, and the key that waits for its value.
struct Open<'t> {
    node: Node<'t>,
    key: Option<Node<'t>>,
}

impl<'t> Documents<'t> {
    fn document(&mut self) -> Result<Option<Node<'t>>, Fault> {
        if self.at == 0 && self.text.starts_with('\u{FEFF}') {
            self.at = '\u{FEFF}'.len_utf8();
        }
        self.blanks();
        if self.at == self.text.len() {
            return Ok(None);
        }
        let root = self.value()?;
        self.blanks();
        Ok(Some(root))
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.at += 1;
        }
    }

    fn node(&mut self, start: usize, kind: NodeKind<'t>) -> Result<Node<'t>, Fault> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes {
            return Err(Fault(
                start,
                ParseFault::TooManyNodes {
                    limit: self.limits.nodes,
                },
            ));
        }
        Ok(Node {
            span: start..self.at,
            position: self.walk.position(start),
            tag: None,
            anchor: 0,
            kind,
        })
    }

    /// One value with all that it holds, without recursion.
    fn value(&mut self) -> Result<Node<'t>, Fault> {
        let mut open: Vec<Open<'t>> = Vec::new();
        loop {
            self.blanks();
            let start = self.at;
            let mut node = match self.peek() {
                Some(bracket @ (b'{' | b'[')) => {
                    if open.len() >= self.limits.depth {
                        return Err(Fault(
                            start,
                            ParseFault::TooDeep {
                                limit: self.limits.depth,
                            },
                        ));
                    }
                    self.at += 1;
                    let style = CollectionStyle::Flow;
                    let kind = match bracket {
                        b'{' => NodeKind::Mapping {
                            entries: Vec::new(),
                            style,
                        },
                        _ => NodeKind::Sequence {
                            items: Vec::new(),
                            style,
                        },
                    };
                    let node = self.node(start, kind)?;
                    self.blanks();
                    if self.peek() == Some(if bracket == b'{' { b'}' } else { b']' }) {
                        self.at += 1;
                        Node {
                            span: start..self.at,
                            ..node
                        }
                    } else {
                        let key = if bracket == b'{' { Some(self.key()?) } else { None };
                        open.push(Open { node, key });
                        continue;
                    }
                }
                Some(b'"') => self.string()?,
                Some(_) => self.word()?,
                None => return syntax(start, "the text breaks off"),
            };
            // Close what ends here; the last one closed is the root.
            loop {
                let Some(mut parent) = open.pop() else {
                    return Ok(node);
                };
                match &mut parent.node.kind {
                    NodeKind::Mapping { entries, .. } => {
                        entries.push((parent.key.take().expect("a key was read before its value"), node));
                    }
                    NodeKind::Sequence { items, .. } => items.push(node),
                    NodeKind::Scalar { .. } | NodeKind::Alias(_) => {}
                }
                let mapping = matches!(parent.node.kind, NodeKind::Mapping { .. });
                self.blanks();
                match (self.peek(), mapping) {
                    (Some(b','), _) => {
                        self.at += 1;
                        if mapping {
                            self.blanks();
                            parent.key = Some(self.key()?);
                        }
                        open.push(parent);
                        break;
                    }
                    (Some(b'}'), true) | (Some(b']'), false) => {
                        self.at += 1;
                        parent.node.span.end = self.at;
                        node = parent.node;
                    }
                    (None, _) => return syntax(self.at, "the text breaks off"),
                    (_, true) => return syntax(self.at, "expected a comma or a closing brace"),
                    (_, false) => return syntax(self.at, "expected a comma or a closing bracket"),
                }
            }
        }
    }

    fn key(&mut self) -> Result<Node<'t>, Fault> {
        if self.peek() != Some(b'"') {
            return syntax(self.at, "expected a key in double quotes");
        }
        let key = self.string()?;
        self.blanks();
        if self.peek() != Some(b':') {
            return syntax(self.at, "expected a colon after the key");
        }
        self.at += 1;
        Ok(key)
    }

    fn string(&mut self) -> Result<Node<'t>, Fault> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut escaped = false;
        self.at += 1;
        loop {
            match bytes.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.at += 2;
                }
                Some(byte) if *byte < 0x20 => {
                    return syntax(self.at, "a control character stands in a string");
                }
                Some(_) => self.at += 1,
                None => return syntax(start, "a quote is not closed"),
            }
        }
        let raw = &self.text[start + 1..self.at];
        self.at += 1;
        let text = if escaped {
            Text::new(Cow::Owned(unescape(raw, start + 1)?))
        } else {
            Text::new(Cow::Borrowed(raw))
        };
        self.node(
            start,
            NodeKind::Scalar {
                text,
                style: ScalarStyle::DoubleQuoted,
            },
        )
    }

    fn word(&mut self) -> Result<Node<'t>, Fault> {
        let start = self.at;
        let rest = &self.text[start..];
        let end =
            rest.find(|byte: char| !matches!(byte, '0'..='9' | 'a'..='z' | 'A'..='Z' | '+' | '-' | '.'));
        let word = &rest[..end.unwrap_or(rest.len())];
        if !matches!(word, "true" | "false" | "null") && !is_number(word) {
            return syntax(start, "expected a value");
        }
        self.at += word.len();
        self.node(
            start,
            NodeKind::Scalar {
                text: Text::new(Cow::Borrowed(word)),
                style: ScalarStyle::Plain,
            },
        )
    }
}

/// RFC 8259, section 6.
fn is_number(word: &str) -> bool {
    fn digits(text: &str) -> Option<&str> {
        let rest = text.trim_start_matches(|digit: char| digit.is_ascii_digit());
        (rest.len() < text.len()).then_some(rest)
    }
    let unsigned = word.strip_prefix('-').unwrap_or(word);
    let Some(mut rest) = (if let Some(rest) = unsigned.strip_prefix('0') {
        Some(rest)
    } else {
        digits(unsigned)
    }) else {
        return false;
    };
    if let Some(fraction) = rest.strip_prefix('.') {
        let Some(after) = digits(fraction) else {
            return false;
        };
        rest = after;
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let Some(after) = digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)) else {
            return false;
        };
        rest = after;
    }
    rest.is_empty()
}

/// Half a surrogate pair becomes U+FFFD, as in Go.
fn unescape(raw: &str, offset: usize) -> Result<String, Fault> {
    let malformed = |at: usize| Fault(offset + at, ParseFault::Syntax("a backslash escape is malformed"));
    let hex = |at: usize| {
        let digits = raw
            .get(at..at + 4)
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        digits.and_then(|digits| u32::from_str_radix(digits, 16).ok())
    };
    // An escape is never longer than what it stands for, so this never grows and leaves no copy.
    let mut text = String::with_capacity(raw.len());
    let mut at = 0;
    while let Some(length) = raw[at..].find('\\') {
        text.push_str(&raw[at..at + length]);
        let start = at + length;
        at = start + 2;
        text.push(match raw.as_bytes().get(start + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{C}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let unit = hex(at).ok_or_else(|| malformed(start))?;
                at += 4;
                let low = if raw[at..].starts_with("\\u") {
                    hex(at + 2)
                } else {
                    None
                };
                match (unit, low) {
                    (0xD800..=0xDBFF, Some(low @ 0xDC00..=0xDFFF)) => {
                        at += 6;
                        let code = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
                        char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
                    }
                    _ => char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER),
                }
            }
            _ => return Err(malformed(start)),
        });
    }
    text.push_str(&raw[at..]);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        let error = documents(text, &Limits::default()).find_map(Result::err);
        error.map_or("sound".to_owned(), |error| error.to_string())
    }

    #[test]
    fn documents_follow_each_other_without_separator() {
        let text = "\u{FEFF}{\"a\": 1}{}\n [true]\n";
        let spans: Vec<_> = documents(text, &Limits::default())
            .map(|document| document.unwrap().span())
            .collect();
        assert_eq!(
            spans.iter().map(|span| &text[span.clone()]).collect::<Vec<_>>(),
            ["\u{FEFF}{\"a\": 1}", "{}\n ", "[true]\n"]
        );
    }

    #[test]
    fn faults_are_placed() {
        for (text, words) in [
            (
                "{\"a\": 1,}",
                "document 1 at 1:9: expected a key in double quotes",
            ),
            (
                "{}\n{\"a\" 1}",
                "document 2 at 2:6: expected a colon after the key",
            ),
            (
                "[1 2]",
                "document 1 at 1:4: expected a comma or a closing bracket",
            ),
            ("{\"a\": \"b", "document 1 at 1:7: a quote is not closed"),
            (
                "{\"a\": \"b\nc\"}",
                "document 1 at 1:9: a control character stands in a string",
            ),
            ("[01]", "document 1 at 1:2: expected a value"),
            ("[1.]", "document 1 at 1:2: expected a value"),
            ("[\"\\x\"]", "document 1 at 1:3: a backslash escape is malformed"),
            (
                "[\"\\u12\"]",
                "document 1 at 1:3: a backslash escape is malformed",
            ),
            ("{\"a\":", "document 1 at 1:6: the text breaks off"),
            ("{]", "document 1 at 1:2: expected a key in double quotes"),
        ] {
            assert_eq!(fault(text), words, "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_without_recursion() {
        assert_eq!(
            fault(&"[".repeat(100_000)),
            "document 1 at 1:129: the document nests deeper than 128 levels"
        );
    }

    #[test]
    fn escapes_are_read_as_go_reads_them() {
        let text = r#"["\u0041\n\ud83d\ude00\ud83dx\/"]"#;
        let document = documents(text, &Limits::default()).next().unwrap().unwrap();
        let NodeKind::Sequence { items, .. } = document.root().unwrap().kind() else {
            panic!("a sequence")
        };
        assert_eq!(items[0].as_str(), Some("A\n😀\u{FFFD}x/"));
    }
}
