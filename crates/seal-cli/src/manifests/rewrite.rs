//! Puts manifests in the places of others: a whole document is written fresh. Items of a list are `list`'s,
//! finding what is to be replaced is the parent's.

use std::ops::Range;

use seal_document::{
    CollectionStyle, Document, Format, JsonStyle, KeyOrder, NodeKind, Stream, Value, WipedText, to_json,
    to_yaml,
};

use super::comments::Comments;
use super::{Found, Place, list};
use crate::command_error::CommandError;
use crate::cores;

/// A manifest and the place it is for.
pub(crate) struct Replacement {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// A text for a range of bytes.
pub(super) struct Splice {
    pub(super) range: Range<usize>,
    pub(super) text: WipedText,
}

// Writing a document takes some ten microseconds.
const DOCUMENTS_PER_THREAD: usize = 100;

/// The text of `stream` with `replacements`, which are in the order of the text, in their places.
pub(crate) fn rewrite(
    stream: &Stream<'_>,
    replacements: &[Replacement],
    keep_comments: bool,
) -> Result<WipedText, CommandError> {
    let groups: Vec<&[Replacement]> = replacements
        .chunk_by(|one, next| one.place.document == next.place.document)
        .collect();
    let splices = cores::share(&groups, DOCUMENTS_PER_THREAD, |group| {
        let document = &stream.documents()[group[0].place.document];
        match group {
            [
                Replacement {
                    place: Place { item: None, .. },
                    value,
                },
            ] => Ok(vec![whole(document, value, keep_comments)?]),
            items => list::splice_items(document, items, keep_comments),
        }
    })?;
    let splices: Vec<Splice> = splices.into_iter().flatten().collect();
    let lists = replacements
        .iter()
        .any(|replacement| replacement.place.item.is_some());
    let text = apply(stream.text(), &splices);
    if lists {
        list::prove(stream, &text, replacements)?;
    }
    Ok(text)
}

/// One manifest as a text of its own; in YAML it begins with `---`.
pub(crate) fn render(value: &Value, format: Format) -> Result<WipedText, CommandError> {
    Ok(match format {
        Format::Yaml => joined(&["---\n", &yaml(value)?]),
        Format::Json => joined(&[&json(value, 2)?, "\n"]),
    })
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

fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r']))
}

fn apply(text: &str, splices: &[Splice]) -> WipedText {
    let mut ordered: Vec<&Splice> = splices.iter().collect();
    ordered.sort_by_key(|splice| splice.range.start);
    let grown: usize = ordered.iter().map(|splice| splice.text.len()).sum();
    let mut result = WipedText::with_capacity(text.len() + grown);
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

pub(super) fn yaml(value: &Value) -> Result<WipedText, CommandError> {
    to_yaml(value, KeyOrder::Sorted).map_err(|error| CommandError::input(error.to_string()))
}

pub(super) fn json(value: &Value, indent: usize) -> Result<WipedText, CommandError> {
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
pub(super) fn json_like(value: &Value, source: &str) -> Result<WipedText, CommandError> {
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

pub(super) fn with_line_breaks_of(source: &str, text: WipedText) -> WipedText {
    if source.contains("\r\n") && !text.contains('\r') {
        return WipedText::new(text.replace('\n', "\r\n"));
    }
    text
}

/// All of it in one piece, without leaving a copy behind.
pub(crate) fn joined(parts: &[&str]) -> WipedText {
    let mut whole = WipedText::with_capacity(parts.iter().map(|part| part.len()).sum());
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
