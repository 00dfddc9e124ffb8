//! How a document is laid out, so that what is added looks as if it had been there. It changes nothing.

use crate::node::{CollectionStyle, Node, NodeKind};
use crate::stream::Document;
use crate::write::{KeyOrder, Layout};

/// The habits of one document.
pub(crate) struct Style<'t> {
    pub(crate) line_break: &'static str,
    /// Spaces per level of block collections.
    pub(crate) step: usize,
    /// What one level of bracketed collections adds to a line, if they are laid out over lines.
    pub(crate) unit: Option<&'t str>,
    pub(crate) comma: &'static str,
    pub(crate) colon: &'static str,
}

impl<'t> Style<'t> {
    pub(crate) fn of(document: &Document<'t>) -> Self {
        let text = document.text;
        let crlf = text.find('\n').is_some_and(|at| text[..at].ends_with('\r'));
        let root = document.root();
        let flow = root.and_then(first_flow);
        let tight = flow.is_some_and(|entry| {
            text[entry.0.span.end..].starts_with(":")
                && !text[entry.0.span.end + 1..].starts_with([' ', '\t', '\n', '\r'])
        });
        let json = document.format() == crate::Format::Json;
        Self {
            line_break: if crlf { "\r\n" } else { "\n" },
            step: root.and_then(step).unwrap_or(2).clamp(1, 9),
            unit: root.and_then(|root| unit(text, root)),
            comma: if json && tight { "," } else { ", " },
            colon: if json && tight { ":" } else { ": " },
        }
    }

    pub(crate) fn layout(&self) -> Layout {
        Layout {
            step: self.step,
            width: usize::MAX,
            line_break: self.line_break,
            order: KeyOrder::Kept,
        }
    }
}

/// How much further in a mapping stands than the mapping around it.
fn step(node: &Node<'_>) -> Option<usize> {
    match &node.kind {
        NodeKind::Mapping {
            entries,
            style: CollectionStyle::Block,
        } => entries.iter().find_map(|(key, value)| {
            let inner = match &value.kind {
                NodeKind::Mapping {
                    entries,
                    style: CollectionStyle::Block,
                } => entries.first(),
                _ => None,
            };
            let deeper = inner.and_then(|(inner, _)| inner.position.column.checked_sub(key.position.column));
            deeper.filter(|step| *step > 0).or_else(|| step(value))
        }),
        NodeKind::Sequence { items, .. } => items.iter().find_map(step),
        _ => None,
    }
}

/// The first entry of the first bracketed mapping that has one.
fn first_flow<'n, 't>(node: &'n Node<'t>) -> Option<&'n (Node<'t>, Node<'t>)> {
    match &node.kind {
        NodeKind::Mapping {
            entries,
            style: CollectionStyle::Flow,
        } => entries
            .first()
            .or_else(|| entries.iter().find_map(|(_, value)| first_flow(value))),
        NodeKind::Mapping { entries, .. } => entries.iter().find_map(|(_, value)| first_flow(value)),
        NodeKind::Sequence { items, .. } => items.iter().find_map(first_flow),
        _ => None,
    }
}

/// The white space by which the first thing on a line inside brackets stands further in.
fn unit<'t>(text: &'t str, root: &Node<'_>) -> Option<&'t str> {
    let first = match &root.kind {
        NodeKind::Mapping { entries, .. } => &entries.first()?.0,
        NodeKind::Sequence { items, .. } => items.first()?,
        _ => return None,
    };
    let inner = indentation_of(text, first.span.start)?;
    let outer = indentation(text, root.span.start);
    inner.strip_prefix(outer).filter(|unit| !unit.is_empty())
}

/// The white space before `at`, if there is nothing else on its line before it.
pub(crate) fn indentation_of(text: &str, at: usize) -> Option<&str> {
    let before = &text[..at];
    let line = &before[before.rfind(['\n', '\r'])? + 1..];
    line.bytes()
        .all(|byte| matches!(byte, b' ' | b'\t'))
        .then_some(line)
}

/// The white space that opens the line of `at`.
pub(crate) fn indentation(text: &str, at: usize) -> &str {
    let before = &text[..at];
    let line = &before[before.rfind(['\n', '\r']).map_or(0, |at| at + 1)..];
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}
