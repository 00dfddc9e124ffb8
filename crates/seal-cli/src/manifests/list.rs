//! Puts manifests in the places of a list's items: the list around them stays byte for byte, the comments
//! that belong to a replaced item go with it. Whole documents are `rewrite`'s.

use seal_document::{
    CollectionStyle, Document, DuplicateKeys, Format, Limits, Node, NodeKind, Schema, Stream, Value,
    WipedText,
};

use super::comments::Comments;
use super::rewrite::{Replacement, Splice, joined, json, json_like, with_line_breaks_of, yaml};
use crate::command_error::CommandError;

/// The nodes of a list's items.
pub(super) fn list_items<'n, 't>(root: &'n Node<'t>) -> Option<&'n [Node<'t>]> {
    match root.get("items")?.kind() {
        NodeKind::Sequence { items, .. } => Some(items),
        _ => None,
    }
}

/// Splices for `replacements`, items of the one list that `document` is.
pub(super) fn splice_items(
    document: &Document<'_>,
    replacements: &[Replacement],
    keep_comments: bool,
) -> Result<Vec<Splice>, CommandError> {
    let mut splices = Vec::with_capacity(replacements.len() + 1);
    let root = document.root().expect("a list was found in it");
    let source = document.source();
    let offset = document.span().start;
    let unsupported = || {
        CommandError::input("the list's items stand behind an alias or a merge")
            .remedy("write the items out, or as documents of their own")
    };
    let (Some(nodes), Some((key, items))) = (list_items(root), root.entry("items")) else {
        return Err(unsupported());
    };
    let is_block = document.format() == Format::Yaml
        && matches!(
            items.kind(),
            NodeKind::Sequence {
                style: CollectionStyle::Block,
                ..
            }
        );
    if let Some(kind) = root
        .get("kind")
        .filter(|kind| matches!(kind.as_str(), Some("SecretList")))
    {
        // Items name their own kind now, and it is no longer the list's.
        let quoted = source[kind.span().start - offset..].starts_with(['"', '\'']);
        let list = WipedText::new(if quoted { "\"List\"" } else { "List" }.to_owned());
        splices.push(Splice {
            range: kind.span(),
            text: list,
        });
    }
    for Replacement { place, value } in replacements {
        let index = place
            .item
            .ok_or_else(|| CommandError::bug("a list was to be replaced whole"))?;
        let node = nodes
            .get(index)
            .filter(|node| !matches!(node.kind(), NodeKind::Alias(_)))
            .ok_or_else(unsupported)?;
        if !is_block {
            splices.push(Splice {
                range: node.span(),
                text: json_like(value, source)?,
            });
            continue;
        }
        let is_flow = matches!(
            node.kind(),
            NodeKind::Mapping {
                style: CollectionStyle::Flow,
                ..
            }
        );
        let text = if is_flow {
            json_like(value, source)?
        } else {
            yaml(value)?
        };
        if keep_comments {
            let own = &source[node.span().start - offset..node.span().end - offset];
            let body = Comments::gather(own, node.span().start, node).insert_into(&text);
            let text = indented(&body, node.position().column - 1);
            let text = if source[..node.span().end - offset].ends_with('\n') {
                joined(&[&text, "\n"])
            } else {
                text
            };
            splices.push(Splice {
                range: node.span(),
                text: with_line_breaks_of(source, text),
            });
            continue;
        }
        let text = indented(&text, node.position().column - 1);
        // Comments before the item's dash, behind its lines and below them go with it.
        let before = match index.checked_sub(1) {
            Some(previous) => line_end(source, nodes[previous].span().end - offset),
            None => line_end(source, key.span().end - offset),
        };
        let dash = before
            + without_comments(
                &source[before..node.span().start - offset],
                &mut splices,
                before + offset,
            );
        let dash_column = column_of(source, dash);
        let end = node.span().end - offset;
        let limit = nodes
            .get(index + 1)
            .map_or(source.len(), |next| next.span().start - offset);
        let whole_lines = source[..end].ends_with('\n');
        let after = end + trailing_comments(&source[end..limit], dash_column, whole_lines);
        let text = if whole_lines { joined(&[&text, "\n"]) } else { text };
        splices.push(Splice {
            range: node.span().start..offset + after,
            text: with_line_breaks_of(source, text),
        });
    }
    Ok(splices)
}

// Cuts comment lines between two items; the answer is where the dash stands.
fn without_comments(between: &str, splices: &mut Vec<Splice>, offset: usize) -> usize {
    let mut at = 0;
    let mut dash = between.find('-').unwrap_or(0);
    for line in between.split_inclusive('\n') {
        let content = line.trim_start();
        if content.starts_with('#') {
            splices.push(Splice {
                range: offset + at..offset + at + line.len(),
                text: WipedText::default(),
            });
        } else if content
            .strip_prefix('-')
            .is_some_and(|rest| rest.trim_start().starts_with('#'))
        {
            // `- # comment` before an item that begins on the next line.
            let start = at + line.len() - content.len() + 1;
            let end = at + line.trim_end_matches(['\r', '\n']).len();
            splices.push(Splice {
                range: offset + start..offset + end,
                text: WipedText::default(),
            });
        }
        if content.starts_with('-') {
            dash = at + line.len() - content.len();
        }
        at += line.len();
    }
    dash
}

// The end of an item's last line, and of the comment lines below that are indented further than its dash.
// A block scalar ends behind its line break: what follows it is a line of its own.
fn trailing_comments(behind: &str, dash_column: usize, whole_lines: bool) -> usize {
    let rest = if whole_lines {
        0
    } else {
        behind.find(['\r', '\n']).unwrap_or(behind.len())
    };
    let mut end = if behind[..rest].trim_start().starts_with('#') {
        rest
    } else {
        0
    };
    let mut at = rest;
    for line in behind[rest..].split_inclusive('\n') {
        let content = line.trim_start();
        let column = line.len() - content.len();
        if content.starts_with('#') && column > dash_column {
            end = at
                + if whole_lines {
                    line.len()
                } else {
                    line.trim_end_matches(['\r', '\n']).len()
                };
        } else if !content.is_empty() {
            break;
        }
        at += line.len();
    }
    end
}

fn column_of(source: &str, at: usize) -> usize {
    at - source[..at].rfind('\n').map_or(0, |start| start + 1)
}

fn line_end(source: &str, at: usize) -> usize {
    if source[..at].ends_with('\n') {
        return at;
    }
    source[at..]
        .find('\n')
        .map_or(source.len(), |length| at + length + 1)
}

/// A list's items may lean on each other by anchors, and its text was cut in the middle: nothing is
/// handed out unless it reads as it should.
pub(super) fn prove(
    stream: &Stream<'_>,
    text: &str,
    replacements: &[Replacement],
) -> Result<(), CommandError> {
    let damaged = || {
        CommandError::input("an item cannot be replaced without touching its neighbours")
            .remedy("write the list without anchors, or its items as documents of their own")
    };
    let changed = seal_document::parse(text, stream.format(), &Limits::default()).map_err(|_| damaged())?;
    if changed.documents().len() != stream.documents().len() {
        return Err(damaged());
    }
    for group in replacements.chunk_by(|one, next| one.place.document == next.place.document) {
        let index = group[0].place.document;
        let read = |stream: &Stream<'_>| {
            stream.documents()[index]
                .value(Schema::Kubernetes, DuplicateKeys::Error)
                .map_err(|_| damaged())
        };
        let (old, new) = (read(stream)?, read(&changed)?);
        if group[0].place.item.is_none() {
            continue;
        }
        let items = |value: &Value| {
            value
                .get("items")
                .and_then(Value::as_sequence)
                .map(<[Value]>::to_vec)
        };
        let (old, new) = (items(&old).unwrap_or_default(), items(&new).unwrap_or_default());
        let same = |one: &Value, other: &Value| match (json(one, 0), json(other, 0)) {
            (Ok(one), Ok(other)) => *one == *other,
            _ => false,
        };
        let expected = |at: usize| {
            let replaced = group
                .iter()
                .find(|replacement| replacement.place.item == Some(at));
            replaced.map_or(&old[at], |replacement| &replacement.value)
        };
        if old.len() != new.len() || !(0..new.len()).all(|at| same(expected(at), &new[at])) {
            return Err(damaged());
        }
    }
    Ok(())
}

fn indented(text: &str, columns: usize) -> WipedText {
    let margin = " ".repeat(columns);
    let text = text.trim_end_matches('\n');
    let lines = text.matches('\n').count();
    let mut result = WipedText::with_capacity(text.len() + lines * columns);
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            result.push('\n');
            if !line.is_empty() {
                result.push_str(&margin);
            }
        }
        result.push_str(line);
    }
    result
}
