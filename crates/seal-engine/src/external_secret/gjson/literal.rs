//! Values that a path brings along: `!"text"`, `!true`, `!{"a":1}`.

use super::Found;
use super::text::balanced_end;

/// The value, and what of the path follows it.
pub(super) fn apply(path: &str) -> Option<(Found<'static>, &str)> {
    let text = path.strip_prefix('!')?;
    let length = match text.as_bytes().first()? {
        b'{' | b'[' => balanced_end(text, 0),
        // Up to a bracket that closes more than was opened: a quote or number has no end of its own.
        b'"' | b'+' | b'-' | b'0'..=b'9' => 1 + balanced_end(&text[1..], 1),
        _ => text.find(['|', '.']).unwrap_or(text.len()),
    };
    let (value, rest) = text.split_at(length);
    let known = match value.as_bytes().first() {
        Some(b'{' | b'[' | b'"' | b'+' | b'-' | b'0'..=b'9') => true,
        _ => ["true", "false", "null", "nan", "inf"]
            .iter()
            .any(|word| value.eq_ignore_ascii_case(word)),
    };
    known.then(|| (Found::Part(value).owned(), rest))
}
