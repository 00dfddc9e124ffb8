//! Puts manifests in the places of others: a whole document is written fresh, a list's item is spliced
//! into the list. Finding what is to be replaced is the parent's.

use std::ops::Range;

use seal_document::{
    CollectionStyle, Document, DuplicateKeys, Format, JsonStyle, KeyOrder, Limits, Node, NodeKind, Schema,
    Stream, Value, to_json, to_yaml,
};
use zeroize::Zeroizing;

use super::comments::Comments;
use super::{Found, Place};
use crate::command_error::CommandError;

/// A manifest and the place it is for.
pub(crate) struct Replacement {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

struct Splice {
    range: Range<usize>,
    text: Zeroizing<String>,
}

/// The text of `stream` with `replacements`, which are in the order of the text, in their places.
pub(crate) fn rewrite(
    stream: &Stream<'_>,
    replacements: &[Replacement],
    keep_comments: bool,
) -> Result<Zeroizing<String>, CommandError> {
    let mut splices = Vec::new();
    let mut lists = false;
    for group in replacements.chunk_by(|one, next| one.place.document == next.place.document) {
        let document = &stream.documents()[group[0].place.document];
        match group {
            [
                Replacement {
                    place: Place { item: None, .. },
                    value,
                },
            ] => {
                splices.push(whole(document, value, keep_comments)?);
            }
            items => {
                lists = true;
                list(document, items, keep_comments, &mut splices)?;
            }
        }
    }
    let text = apply(stream.text(), &splices);
    if lists {
        prove(stream, &text, replacements)?;
    }
    Ok(text)
}

/// One manifest as a text of its own; in YAML it begins with `---`.
pub(crate) fn render(value: &Value, format: Format) -> Result<Zeroizing<String>, CommandError> {
    Ok(match format {
        Format::Yaml => joined(&["---\n", &yaml(value)?]),
        Format::Json => joined(&[&json(value, 2)?, "\n"]),
    })
}

/// The nodes of a list's items.
pub(super) fn list_items<'n, 't>(root: &'n Node<'t>) -> Option<&'n [Node<'t>]> {
    match root.get("items")?.kind() {
        NodeKind::Sequence { items, .. } => Some(items),
        _ => None,
    }
}

fn whole(document: &Document<'_>, value: &Value, keep_comments: bool) -> Result<Splice, CommandError> {
    let root = document.root().expect("an object was found in it");
    let source = document.source();
    if document.format() == Format::Json {
        return Ok(Splice {
            range: root.span(),
            text: json_like(value, source)?,
        });
    }
    let mut head = String::new();
    if source.starts_with('\u{feff}') {
        head.push('\u{feff}');
    }
    // Directives and the marker stay; comments and what stands between do not.
    let before = &source[..root.span().start - document.span().start];
    for line in before.trim_start_matches('\u{feff}').lines() {
        if line.starts_with('%') {
            head.push_str(line.trim_end());
            head.push('\n');
        } else if is_marker(line, "---") {
            head.push_str("---\n");
        }
    }
    let behind = &source[root.span().end - document.span().start..];
    let tail = if behind.lines().any(|line| is_marker(line, "...")) {
        "...\n"
    } else {
        ""
    };
    let comments = keep_comments.then(|| Comments::gather(source, document.span().start, root));
    let is_flow = matches!(
        root.kind(),
        NodeKind::Mapping {
            style: CollectionStyle::Flow,
            ..
        }
    );
    let body = if is_flow {
        joined(&[&json_like(value, source)?, "\n"])
    } else {
        yaml(value)?
    };
    let body = match &comments {
        Some(comments) => comments.insert_into(&body),
        None => body,
    };
    let text = with_line_breaks_of(source, joined(&[&head, &body, tail]));
    Ok(Splice {
        range: document.span(),
        text,
    })
}

fn list(
    document: &Document<'_>,
    replacements: &[Replacement],
    keep_comments: bool,
    splices: &mut Vec<Splice>,
) -> Result<(), CommandError> {
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
        let list = Zeroizing::new(if quoted { "\"List\"" } else { "List" }.to_owned());
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
                splices,
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
    Ok(())
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
                text: Zeroizing::default(),
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
                text: Zeroizing::default(),
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

fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r']))
}

fn apply(text: &str, splices: &[Splice]) -> Zeroizing<String> {
    let mut ordered: Vec<&Splice> = splices.iter().collect();
    ordered.sort_by_key(|splice| splice.range.start);
    let grown: usize = ordered.iter().map(|splice| splice.text.len()).sum();
    let mut result = Zeroizing::new(String::with_capacity(text.len() + grown));
    let mut done = 0;
    for Splice { range, text: new } in ordered {
        // Two neighbours may both claim the comment between them.
        result.push_str(&text[done..range.start.max(done)]);
        result.push_str(new);
        done = range.end.max(done);
    }
    result.push_str(&text[done..]);
    result
}

/// A list's items may lean on each other by anchors, and its text was cut in the middle: nothing is
/// handed out unless it reads as it should.
fn prove(stream: &Stream<'_>, text: &str, replacements: &[Replacement]) -> Result<(), CommandError> {
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

fn yaml(value: &Value) -> Result<Zeroizing<String>, CommandError> {
    to_yaml(value, KeyOrder::Sorted).map_err(|error| CommandError::input(error.to_string()))
}

fn json(value: &Value, indent: usize) -> Result<Zeroizing<String>, CommandError> {
    let style = JsonStyle {
        indent,
        escape_html: false,
        order: if indent == 0 {
            KeyOrder::Sorted
        } else {
            KeyOrder::Kept
        },
    };
    to_json(value, style).map_err(|error| CommandError::input(error.to_string()))
}

// On one line or several, as the surroundings are.
fn json_like(value: &Value, source: &str) -> Result<Zeroizing<String>, CommandError> {
    let indent = source.lines().skip(1).find_map(|line| {
        let width = line.len() - line.trim_start_matches(' ').len();
        (width > 0).then_some(width.min(8))
    });
    let text = match indent {
        Some(indent) => json(value, indent)?,
        None if source.trim().contains('\n') => json(value, 2)?,
        None => {
            let style = JsonStyle {
                indent: 0,
                escape_html: false,
                order: KeyOrder::Kept,
            };
            to_json(value, style).map_err(|error| CommandError::input(error.to_string()))?
        }
    };
    Ok(with_line_breaks_of(source, text))
}

fn with_line_breaks_of(source: &str, text: Zeroizing<String>) -> Zeroizing<String> {
    if source.contains("\r\n") && !text.contains('\r') {
        return Zeroizing::new(text.replace('\n', "\r\n"));
    }
    text
}

fn indented(text: &str, columns: usize) -> Zeroizing<String> {
    let margin = " ".repeat(columns);
    let text = text.trim_end_matches('\n');
    let lines = text.matches('\n').count();
    let mut result = Zeroizing::new(String::with_capacity(text.len() + lines * columns));
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

fn joined(parts: &[&str]) -> Zeroizing<String> {
    let mut whole = Zeroizing::new(String::with_capacity(parts.iter().map(|part| part.len()).sum()));
    parts.iter().for_each(|part| whole.push_str(part));
    whole
}

impl Found {
    /// This object's place taken by `value`.
    pub(crate) fn replaced_by(&self, value: Value) -> Replacement {
        Replacement {
            place: self.place,
            value,
        }
    }
}
