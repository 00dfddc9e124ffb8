//! Cuts a YAML text into its documents by line, so that a broken one cannot hide its neighbours.
//! It looks at no content: `---` at the start of a line ends whatever came before (YAML 1.2, 9.1.2).

use crate::text::Span;

/// One document's bytes: from its first directive, comment or `---` up to the next document.
pub(crate) struct Piece {
    pub(crate) span: Span,
    /// The line, from zero, on which the piece starts.
    pub(crate) line: usize,
}

/// The pieces of `text`; together they are the text, without gaps.
pub(crate) fn split(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut start = Cut { offset: 0, line: 0 };
    let mut ended: Option<Cut> = None;
    let mut begun = false;
    let mut here = Cut { offset: 0, line: 0 };
    while here.offset < text.len() {
        let line = line_at(text, here.offset);
        let next = Cut {
            offset: here.offset + line.len(),
            line: here.line + 1,
        };
        let content = line.strip_prefix('\u{FEFF}').unwrap_or(line);
        let separator = is_marker(content, "---");
        let trimmed = content.trim_start_matches([' ', '\t']);
        let significant = !trimmed.trim_end_matches(['\r', '\n']).is_empty() && !trimmed.starts_with('#');

        // What follows `...` belongs to the next document only if there is one.
        if significant && let Some(end) = ended.take() {
            pieces.push(Piece {
                span: start.offset..end.offset,
                line: start.line,
            });
            start = end;
            begun = false;
        }
        if separator {
            if begun {
                pieces.push(Piece {
                    span: start.offset..here.offset,
                    line: start.line,
                });
                start = here;
            }
            begun = true;
        } else if is_marker(content, "...") {
            ended = Some(next);
            begun = true;
        } else if significant && (begun || !content.starts_with('%')) {
            begun = true;
        }
        here = next;
    }
    if start.offset < text.len() {
        pieces.push(Piece {
            span: start.offset..text.len(),
            line: start.line,
        });
    }
    pieces
}

#[derive(Clone, Copy)]
struct Cut {
    offset: usize,
    line: usize,
}

/// The line that starts at `offset`, with its break.
fn line_at(text: &str, offset: usize) -> &str {
    let rest = &text[offset..];
    let bytes = rest.as_bytes();
    let end = match bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
        Some(at) if bytes[at] == b'\r' && bytes.get(at + 1) == Some(&b'\n') => at + 2,
        Some(at) => at + 1,
        None => bytes.len(),
    };
    &rest[..end]
}

fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<&str> {
        split(text).into_iter().map(|piece| &text[piece.span]).collect()
    }

    #[test]
    fn comments_before_the_first_separator_belong_to_the_first_document() {
        assert_eq!(
            pieces("# head\n---\na: 1\n# foot\n---\nb: 2\n"),
            ["# head\n---\na: 1\n# foot\n", "---\nb: 2\n"]
        );
    }

    #[test]
    fn an_end_marker_and_directives_open_a_document() {
        assert_eq!(
            pieces("a\n...\n# next\n%YAML 1.2\n---\nb\n...\n# end\n"),
            ["a\n...\n", "# next\n%YAML 1.2\n---\nb\n...\n# end\n"]
        );
    }

    #[test]
    fn only_a_separator_alone_at_the_start_of_a_line_separates() {
        assert_eq!(pieces("a: |\n  ---\n ---\n---x\n"), ["a: |\n  ---\n ---\n---x\n"]);
        assert_eq!(pieces("--- a\n--- b"), ["--- a\n", "--- b"]);
        assert_eq!(pieces("a\r---\rb\r\n---\r\nc"), ["a\r", "---\rb\r\n", "---\r\nc"]);
    }

    #[test]
    fn a_byte_order_mark_before_a_separator_is_seen_through() {
        assert_eq!(
            pieces("\u{FEFF}---\na\n\u{FEFF}---\nb"),
            ["\u{FEFF}---\na\n", "\u{FEFF}---\nb"]
        );
    }

    #[test]
    fn empty_documents_are_documents_and_an_empty_text_has_none() {
        assert_eq!(pieces(""), Vec::<&str>::new());
        assert_eq!(pieces("---\n---\n"), ["---\n", "---\n"]);
        assert_eq!(pieces("# only\n"), ["# only\n"]);
    }
}
