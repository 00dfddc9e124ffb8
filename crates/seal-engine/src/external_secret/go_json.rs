//! JSON as Go's `encoding/json` writes it after reading it: keys sorted, the last of equal ones, numbers as they
//! stood or through a float. Values stay in wiped memory.

use seal_core::Plaintext;
use seal_document::{
    Format, JsonStyle, Limits, Node, NodeKind, ScalarStyle, Value, WipedText, parse, to_json,
};

use super::gjson;

/// What becomes of numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbers {
    /// They stay as they are written (`json.Number`).
    Verbatim,
    /// They pass through 64 bits, as in a map of `any`.
    Floats,
}

/// How a value is written.
#[derive(Clone, Copy)]
pub(super) struct Style {
    pub(super) numbers: Numbers,
    /// Whether `<`, `>` and `&` are escaped.
    pub(super) escape_html: bool,
}

impl Style {
    /// `json.Marshal` of what was read with `UseNumber`.
    pub(super) const VERBATIM: Self = Self {
        numbers: Numbers::Verbatim,
        escape_html: true,
    };
    /// `json.Marshal` of what was read into `any`.
    pub(super) const FLOATS: Self = Self {
        numbers: Numbers::Floats,
        escape_html: true,
    };
}

/// Reads `json` and hands its root on. `None` where it is not one sound document.
pub(super) fn read<T>(json: &str, then: impl FnOnce(&Node<'_>) -> T) -> Option<T> {
    let stream = parse(json, Format::Json, &Limits::default()).ok()?;
    let [document] = stream.documents() else {
        return None;
    };
    document.root().map(then)
}

/// The members of an object, each key once, by key. `None` where it is none; null has none.
pub(super) fn members<'n, 't>(root: &'n Node<'t>) -> Option<Vec<(&'n str, &'n Node<'t>)>> {
    let NodeKind::Mapping { entries, .. } = root.kind() else {
        return is_plain(root, "null").then(Vec::new);
    };
    let mut all: Vec<(&str, &Node<'t>)> = entries
        .iter()
        .filter_map(|(key, value)| Some((key.as_str()?, value)))
        .collect();
    // Stable, so that of equal keys the last stands last.
    all.sort_by(|left, right| left.0.cmp(right.0));
    all.reverse();
    all.dedup_by(|later, kept| later.0 == kept.0);
    all.reverse();
    Some(all)
}

/// Whether every number fits into 64 bits: Go reads none that does not.
pub(super) fn is_finite(node: &Node<'_>) -> bool {
    match node.kind() {
        NodeKind::Scalar { text, style } => {
            *style != ScalarStyle::Plain || !is_number(text) || float(text).is_finite()
        }
        NodeKind::Mapping { entries, .. } => entries.iter().all(|(_, value)| is_finite(value)),
        NodeKind::Sequence { items, .. } => items.iter().all(is_finite),
        NodeKind::Alias(_) => true,
    }
}

/// A value as the entry of a Secret: strings as they are, all else as text.
pub(super) fn bytes(node: &Node<'_>, style: Style) -> Plaintext {
    match node.kind() {
        NodeKind::Scalar { text, style: quotes } if *quotes == ScalarStyle::DoubleQuoted => {
            Plaintext::copied(text.as_bytes())
        }
        NodeKind::Scalar { text, .. } => match &**text {
            "null" => Plaintext::new(Vec::new()),
            number if style.numbers == Numbers::Floats && is_number(number) => {
                Plaintext::new(gjson::without_exponent(float(number)).into_bytes())
            }
            other => Plaintext::copied(other.as_bytes()),
        },
        _ => plaintext(text(node, style)),
    }
}

/// A value as JSON, without blanks.
pub(super) fn text(node: &Node<'_>, style: Style) -> WipedText {
    let mut out = WipedText::default();
    write(&mut out, node, style);
    out
}

fn write(out: &mut WipedText, node: &Node<'_>, style: Style) {
    match node.kind() {
        NodeKind::Scalar { text, style: quotes } => match quotes {
            ScalarStyle::DoubleQuoted => quote(out, text.as_bytes(), style.escape_html),
            _ if style.numbers == Numbers::Floats && is_number(text) => {
                let number = to_json(&Value::Float(float(text)), JsonStyle::COMPACT);
                out.append(number.as_ref().map_or("null", |number| number.as_str()));
            }
            _ => out.append(text),
        },
        NodeKind::Sequence { items, .. } => {
            out.append("[");
            for (index, item) in items.iter().enumerate() {
                out.append(if index > 0 { "," } else { "" });
                write(out, item, style);
            }
            out.append("]");
        }
        NodeKind::Mapping { .. } => {
            out.append("{");
            for (index, (key, value)) in members(node).into_iter().flatten().enumerate() {
                out.append(if index > 0 { "," } else { "" });
                quote(out, key.as_bytes(), style.escape_html);
                out.append(":");
                write(out, value, style);
            }
            out.append("}");
        }
        NodeKind::Alias(_) => {}
    }
}

/// Bytes as a string in quotes. What is not UTF-8 becomes `\ufffd`, byte by byte.
pub(super) fn quote(out: &mut WipedText, bytes: &[u8], escape_html: bool) {
    let style = JsonStyle {
        escape_html,
        ..JsonStyle::COMPACT
    };
    out.append("\"");
    for chunk in bytes.utf8_chunks() {
        let mut copy = WipedText::with_capacity(chunk.valid().len());
        copy.append(chunk.valid());
        let quoted = to_json(&Value::String(copy), style).expect("a string can be written");
        out.append(&quoted[1..quoted.len() - 1]);
        chunk.invalid().iter().for_each(|_| out.append("\\ufffd"));
    }
    out.append("\"");
}

/// The text as a value, without a copy.
pub(super) fn plaintext(mut text: WipedText) -> Plaintext {
    Plaintext::new(std::mem::take(&mut *text).into_bytes())
}

fn is_plain(node: &Node<'_>, word: &str) -> bool {
    matches!(node.kind(), NodeKind::Scalar { text, style: ScalarStyle::Plain } if &**text == word)
}

fn is_number(text: &str) -> bool {
    text.starts_with(|letter: char| letter == '-' || letter.is_ascii_digit())
}

fn float(text: &str) -> f64 {
    text.parse().unwrap_or(f64::INFINITY)
}
