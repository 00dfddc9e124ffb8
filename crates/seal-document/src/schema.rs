//! From syntax to meaning: scalars, aliases, merge keys, duplicate keys. What a plain scalar
//! resolves to stands in `resolve`.

use std::collections::HashMap;

use zeroize::Zeroizing;

use crate::format::Format;
use crate::node::{Node, NodeKind, ScalarStyle};
use crate::number;
use crate::resolve::{self, Resolved, ScalarTag};
use crate::stream::Document;
use crate::text::Position;
use crate::value::{Mapping, Value};
use crate::wiped::WipedText;

/// Whose reading of YAML applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Schema {
    /// What `sigs.k8s.io/yaml`, and with it kubectl and the API server, reads: YAML 1.1 by go-yaml v2.
    Kubernetes,
}

/// What two entries with one key in a mapping mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DuplicateKeys {
    /// A fault.
    Error,
    /// The last one counts, as in Kubernetes' lenient readers.
    LastWins,
}

/// A document that parses but means nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("document {number} at {position}: {fault}", number = .document + 1)]
pub struct ValueError {
    /// Which document of the text, from zero.
    pub document: usize,
    /// Where in the whole text.
    pub position: Position,
    /// What is wrong.
    pub fault: ValueFault,
}

/// What is wrong with a document that parses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueFault {
    /// Two entries with one key.
    #[error("the key stands twice in its mapping")]
    DuplicateKey,
    /// A key that is null, a list, a mapping, or a whole number above `i64::MAX`.
    #[error("the key cannot be a string")]
    UnsupportedKey,
    /// `!!int x` and the like.
    #[error("the value does not fit its tag")]
    TagMismatch,
    /// `!!binary` without base64.
    #[error("the value is tagged !!binary but is no base64")]
    InvalidBinary,
    /// `<<` over something else than mappings.
    #[error("<< needs a mapping or a list of mappings")]
    MergeNeedsMapping,
    /// An anchor inside itself.
    #[error("an alias stands inside what it repeats")]
    CyclicAlias,
    /// More than [`crate::Limits::aliased_nodes`].
    #[error("the aliases repeat more than {limit} nodes")]
    TooManyAliases {
        /// The bound that was crossed.
        limit: usize,
    },
    /// A JSON number beyond 64-bit floats.
    #[error("the number is too large")]
    NumberTooLarge,
}

/// Aliases of aliases nest deeper than any text; the value's own walks recurse.
const DEPTH: usize = 1000;

pub(crate) fn value(
    document: &Document<'_>,
    schema: Schema,
    duplicates: DuplicateKeys,
) -> Result<Value, ValueError> {
    let Schema::Kubernetes = schema;
    document
        .root()
        .map_or(Ok(Value::Null), |root| node_value(document, root, duplicates))
}

/// What one node of a document means.
pub(crate) fn node_value(
    document: &Document<'_>,
    node: &Node<'_>,
    duplicates: DuplicateKeys,
) -> Result<Value, ValueError> {
    let mut anchors = HashMap::new();
    if let Some(root) = document.root().filter(|_| document.has_anchors) {
        collect_anchors(root, &mut anchors);
    }
    let mut reader = Reader {
        json: document.format == Format::Json,
        duplicates,
        anchors,
        active: Vec::new(),
        allowance: document.aliased_nodes,
        limit: document.aliased_nodes,
        depth: 0,
    };
    reader.value(node).map_err(|Fault(position, fault)| ValueError {
        document: document.index,
        position,
        fault,
    })
}

/// Whether a scalar says nothing.
pub(crate) fn is_null(node: &Node<'_>, json: bool) -> bool {
    matches!(&node.kind, NodeKind::Scalar { text, style: ScalarStyle::Plain }
        if node.tag.is_none() && if json { &**text == "null" } else { resolve::untagged(text) == Resolved::Null })
}

/// The key that a node means, if it is a scalar that can be one.
pub(crate) fn key_name(node: &Node<'_>, json: bool) -> Option<String> {
    let NodeKind::Scalar { text, style } = &node.kind else {
        return None;
    };
    let value = if json {
        json_scalar(node, text, *style)
    } else {
        scalar(node, text, *style)
    };
    value.ok().and_then(key_text)
}

fn collect_anchors<'d, 't>(node: &'d Node<'t>, anchors: &mut HashMap<usize, &'d Node<'t>>) {
    if node.anchor != 0 {
        anchors.insert(node.anchor, node);
    }
    match &node.kind {
        NodeKind::Mapping { entries, .. } => {
            for (key, value) in entries {
                collect_anchors(key, anchors);
                collect_anchors(value, anchors);
            }
        }
        NodeKind::Sequence { items, .. } => items.iter().for_each(|item| collect_anchors(item, anchors)),
        NodeKind::Scalar { .. } | NodeKind::Alias(_) => {}
    }
}

struct Fault(Position, ValueFault);

/// A key, its value, and where the key stands unless a merge brought it.
type Entry = (WipedText, Value, Option<Position>);

struct Reader<'d, 't> {
    json: bool,
    duplicates: DuplicateKeys,
    anchors: HashMap<usize, &'d Node<'t>>,
    active: Vec<usize>,
    allowance: usize,
    limit: usize,
    depth: usize,
}

impl<'d, 't> Reader<'d, 't> {
    fn value(&mut self, node: &'d Node<'t>) -> Result<Value, Fault> {
        self.charge(node)?;
        self.depth += 1;
        let value = match &node.kind {
            NodeKind::Scalar { text, style } if self.json => json_scalar(node, text, *style),
            NodeKind::Scalar { text, style } => scalar(node, text, *style),
            NodeKind::Sequence { items, .. } => items
                .iter()
                .map(|item| self.value(item))
                .collect::<Result<_, _>>()
                .map(Value::Sequence),
            NodeKind::Mapping { entries, .. } => self.mapping(entries).map(Value::Mapping),
            NodeKind::Alias(anchor) => self.alias(node, *anchor, Self::value),
        };
        self.depth -= 1;
        value
    }

    /// Everything below an alias is paid for, long texts by their length.
    fn charge(&mut self, node: &Node<'_>) -> Result<(), Fault> {
        let too_many = Fault(node.position, ValueFault::TooManyAliases { limit: self.limit });
        if self.depth >= DEPTH {
            return Err(too_many);
        }
        if !self.active.is_empty() {
            let cost = 1 + node.as_str().map_or(0, str::len) / 64;
            self.allowance = self.allowance.checked_sub(cost).ok_or(too_many)?;
        }
        Ok(())
    }

    fn alias<T>(
        &mut self,
        node: &Node<'_>,
        anchor: usize,
        read: impl FnOnce(&mut Self, &'d Node<'t>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        if self.active.contains(&anchor) || self.active.len() >= DEPTH {
            return Err(Fault(node.position, ValueFault::CyclicAlias));
        }
        let target = *self
            .anchors
            .get(&anchor)
            .ok_or(Fault(node.position, ValueFault::CyclicAlias))?;
        self.active.push(anchor);
        let read = read(self, target);
        self.active.pop();
        read
    }

    fn mapping(&mut self, entries: &'d [(Node<'t>, Node<'t>)]) -> Result<Mapping, Fault> {
        let mut read = Vec::with_capacity(entries.len());
        self.entries(entries, &mut read)?;
        if self.duplicates == DuplicateKeys::Error {
            refuse_duplicates(&read)?;
        }
        Ok(Mapping::from_entries(
            read.into_iter().map(|(key, value, _)| (key, value)).collect(),
        ))
    }

    /// A merge counts where it stands: entries before it are overridden, entries after it override.
    /// That is go-yaml v2, not the YAML type repository.
    fn entries(&mut self, entries: &'d [(Node<'t>, Node<'t>)], read: &mut Vec<Entry>) -> Result<(), Fault> {
        for (key, value) in entries {
            if !self.json && is_merge(key) {
                self.merge(value, read)?;
            } else {
                let name = self.key(key)?;
                read.push((name, self.value(value)?, Some(key.position)));
            }
        }
        Ok(())
    }

    fn merge(&mut self, node: &'d Node<'t>, read: &mut Vec<Entry>) -> Result<(), Fault> {
        match &node.kind {
            // Earlier mappings of a list take precedence.
            NodeKind::Sequence { items, .. } => {
                items.iter().rev().try_for_each(|item| self.merge_one(item, read))
            }
            _ => self.merge_one(node, read),
        }
    }

    fn merge_one(&mut self, node: &'d Node<'t>, read: &mut Vec<Entry>) -> Result<(), Fault> {
        self.charge(node)?;
        match &node.kind {
            NodeKind::Mapping { entries, .. } => {
                self.depth += 1;
                let mut merged = Vec::new();
                let result = self.entries(entries, &mut merged);
                self.depth -= 1;
                result?;
                if self.duplicates == DuplicateKeys::Error {
                    refuse_duplicates(&merged)?;
                }
                read.extend(merged.into_iter().map(|(key, value, _)| (key, value, None)));
                Ok(())
            }
            NodeKind::Alias(anchor) => self.alias(node, *anchor, |reader, target| match &target.kind {
                NodeKind::Mapping { .. } => reader.merge_one(target, read),
                _ => Err(Fault(node.position, ValueFault::MergeNeedsMapping)),
            }),
            _ => Err(Fault(node.position, ValueFault::MergeNeedsMapping)),
        }
    }

    fn key(&mut self, node: &'d Node<'t>) -> Result<WipedText, Fault> {
        let key = self.value(node)?;
        key_text(key)
            .map(WipedText::new)
            .ok_or(Fault(node.position, ValueFault::UnsupportedKey))
    }
}

/// The string that `sigs.k8s.io/yaml` makes of a key.
fn key_text(key: Value) -> Option<String> {
    Some(match key {
        Value::String(mut key) => std::mem::take(&mut *key),
        Value::Bool(truth) => truth.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) if number.is_nan() => ".nan".to_owned(),
        Value::Float(number) => match number::format_short(number).as_str() {
            "+Inf" => ".inf".to_owned(),
            "-Inf" => "-.inf".to_owned(),
            key => key.to_owned(),
        },
        Value::Null | Value::Unsigned(_) | Value::Sequence(_) | Value::Mapping(_) => return None,
    })
}

/// Keys that only a merge repeats are what merges are for.
fn refuse_duplicates(entries: &[Entry]) -> Result<(), Fault> {
    let mut own: Vec<(&str, Position)> = entries
        .iter()
        .filter_map(|(key, _, at)| Some((key.as_str(), (*at)?)))
        .collect();
    own.sort_unstable();
    let twice = own
        .windows(2)
        .filter(|pair| pair[0].0 == pair[1].0)
        .map(|pair| pair[1].1)
        .min();
    twice.map_or(Ok(()), |position| Err(Fault(position, ValueFault::DuplicateKey)))
}

fn is_merge(key: &Node<'_>) -> bool {
    matches!(&key.kind, NodeKind::Scalar { text, style } if &**text == "<<"
        && (key.tag().is_none() && *style == ScalarStyle::Plain || key.tag() == Some("tag:yaml.org,2002:merge")))
}

fn scalar(node: &Node<'_>, text: &str, style: ScalarStyle) -> Result<Value, Fault> {
    let resolved = match node.tag() {
        None if style == ScalarStyle::Plain => resolve::untagged(text),
        None => Resolved::String,
        Some("tag:yaml.org,2002:binary") => {
            let bytes = decode_base64(text).ok_or(Fault(node.position, ValueFault::InvalidBinary))?;
            return Ok(Value::String(replace_invalid(&bytes)));
        }
        Some(tag) => match ScalarTag::of(tag) {
            Some(tag) => resolve::tagged(tag, text).ok_or(Fault(node.position, ValueFault::TagMismatch))?,
            None => Resolved::String,
        },
    };
    Ok(match resolved {
        Resolved::Null => Value::Null,
        Resolved::Bool(truth) => Value::Bool(truth),
        Resolved::Integer(number) => Value::Integer(number),
        Resolved::Unsigned(number) => Value::Unsigned(number),
        Resolved::Float(number) => Value::Float(number),
        Resolved::Timestamp | Resolved::String => Value::from(text),
    })
}

fn json_scalar(node: &Node<'_>, text: &str, style: ScalarStyle) -> Result<Value, Fault> {
    Ok(match text {
        _ if style != ScalarStyle::Plain => Value::from(text),
        "null" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        number => match (number.parse(), number.parse()) {
            (Ok(number), _) => Value::Integer(number),
            (_, Ok(number)) => Value::Unsigned(number),
            _ => Value::Float(
                number::parse_float(number).ok_or(Fault(node.position, ValueFault::NumberTooLarge))?,
            ),
        },
    })
}

/// Standard base64 with padding; line breaks inside are skipped, as Go does.
fn decode_base64(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() / 4 * 3 + 3));
    let (mut bits, mut count, mut padding) = (0_u32, 0, 0);
    for symbol in text.bytes().filter(|symbol| !matches!(symbol, b'\r' | b'\n')) {
        let six = match symbol {
            b'A'..=b'Z' => symbol - b'A',
            b'a'..=b'z' => symbol - b'a' + 26,
            b'0'..=b'9' => symbol - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                padding += 1;
                continue;
            }
            _ => return None,
        };
        if padding > 0 {
            return None;
        }
        bits = bits << 6 | u32::from(six);
        count += 1;
        if count % 4 == 0 {
            bytes.extend_from_slice(&bits.to_be_bytes()[1..]);
        }
    }
    match (count % 4, padding) {
        (0, 0) => {}
        (2, 2) => bytes.push((bits >> 4).to_be_bytes()[3]),
        (3, 1) => bytes.extend_from_slice(&(bits >> 2).to_be_bytes()[2..]),
        _ => return None,
    }
    Some(bytes)
}

/// Each byte that is no UTF-8 becomes U+FFFD, as `encoding/json` does.
fn replace_invalid(bytes: &[u8]) -> WipedText {
    let mut text = WipedText::with_capacity(bytes.len() * 3);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        chunk
            .invalid()
            .iter()
            .for_each(|_| text.push(char::REPLACEMENT_CHARACTER));
    }
    text
}
