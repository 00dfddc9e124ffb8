//! JSON as text: where a value ends, what stands in a string, how Go prints a number. Of a text that is not sound
//! these find something or nothing, and never leave it.

use std::borrow::Cow;

use seal_document::{JsonStyle, Value, WipedText, to_json};

/// What a value is, by its first letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Nothing,
    Null,
    False,
    True,
    Number,
    String,
    /// A list or a mapping.
    Json,
}

/// What `raw` is, which begins with a value.
pub(super) fn kind(raw: &str) -> Kind {
    match raw.as_bytes() {
        [] => Kind::Nothing,
        [b'{' | b'[', ..] => Kind::Json,
        [b'"', ..] => Kind::String,
        [b't', ..] => Kind::True,
        [b'f', ..] => Kind::False,
        [b'n'] | [b'n', b'u', ..] => Kind::Null,
        _ => Kind::Number,
    }
}

/// The first value of `text`, without what stands before it. A list or mapping takes all that follows.
pub(super) fn start(text: &str) -> &str {
    let text = text.trim_start_matches(is_blank);
    match text.as_bytes().first() {
        Some(b'{' | b'[') => text,
        Some(b'"' | b't' | b'f' | b'n' | b'+' | b'-' | b'0'..=b'9' | b'i' | b'I' | b'N') => {
            &text[..value_end(text)]
        }
        _ => "",
    }
}

/// The members of a mapping: keys in their quotes, and values.
pub(super) fn members(object: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = object.get(1..).unwrap_or_default();
    std::iter::from_fn(move || {
        let key = value(&mut rest)?;
        (kind(key) == Kind::String).then_some(())?;
        Some((key, value(&mut rest)?))
    })
}

/// The items of a list, or the values that follow each other in a text.
pub(super) fn items(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || value(&mut rest))
}

/// The items of a list.
pub(super) fn elements(list: &str) -> impl Iterator<Item = &str> {
    items(list.get(1..).unwrap_or_default())
}

// The next value, unless a bracket closes.
fn value<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let text = rest.trim_start_matches(|letter| is_blank(letter) || matches!(letter, ',' | ':'));
    if text.is_empty() || text.starts_with([']', '}']) {
        *rest = "";
        return None;
    }
    let (value, after) = text.split_at(value_end(text));
    *rest = after;
    Some(value)
}

fn value_end(text: &str) -> usize {
    match text.as_bytes()[0] {
        b'"' => string_end(text),
        b'{' | b'[' => balanced_end(text, 0),
        _ => text
            .find(|letter| is_blank(letter) || matches!(letter, ',' | ']' | '}' | ':'))
            .unwrap_or(text.len())
            .max(text.chars().next().map_or(0, char::len_utf8)),
    }
}

fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Where the bracket that `text` begins with closes, or what is open at `depth` already.
pub(super) fn balanced_end(text: &str, depth: usize) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, depth);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at += string_end(&text[at..]) - 1,
            b'{' | b'[' | b'(' => depth += 1,
            b'}' | b']' | b')' if depth <= 1 => return at + 1,
            b'}' | b']' | b')' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

/// The text of a string, without quotes and escapes.
pub(super) fn unquoted(raw: &str) -> WipedText {
    let inner = raw.strip_prefix('"').unwrap_or(raw);
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    // An escape is never shorter than what it stands for.
    let mut text = WipedText::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((plain, escape)) = rest.split_once('\\') {
        text.append(plain);
        rest = escaped(escape, &mut text);
    }
    text.append(rest);
    text
}

fn escaped<'a>(escape: &'a str, text: &mut WipedText) -> &'a str {
    let Some(letter) = escape.chars().next() else {
        return "";
    };
    let after = &escape[letter.len_utf8()..];
    let plain = match letter {
        'b' => '\u{8}',
        'f' => '\u{C}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => return code(after, text),
        other => other,
    };
    text.append(plain.encode_utf8(&mut [0; 4]));
    after
}

// Half a pair of surrogates becomes U+FFFD, and takes an escape behind it along.
fn code<'a>(digits: &'a str, text: &mut WipedText) -> &'a str {
    let unit = |digits: &str| u32::from_str_radix(digits.get(..4)?, 16).ok();
    let Some(first) = unit(digits) else {
        return "";
    };
    let mut rest = &digits[4..];
    let mut found = char::from_u32(first);
    if let (None, Some(low)) = (found, rest.strip_prefix("\\u"))
        && let Some(second) = unit(low)
    {
        rest = &low[4..];
        if let (0xD800..0xDC00, 0xDC00..0xE000) = (first, second) {
            found = char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00));
        }
    }
    let found = found.unwrap_or(char::REPLACEMENT_CHARACTER);
    text.append(found.encode_utf8(&mut [0; 4]));
    rest
}

/// A text as a string, with its quotes, as Go escapes it.
pub(super) fn quoted(text: &str) -> WipedText {
    let mut copy = WipedText::with_capacity(text.len());
    copy.append(text);
    to_json(&Value::String(copy), JsonStyle::COMPACT).expect("a string can be written")
}

/// A number as Go prints it: whole ones as they stand, all others anew, without exponent.
pub(super) fn number(raw: &str) -> Cow<'_, str> {
    let digits = raw.strip_prefix('-').unwrap_or(raw);
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Cow::Borrowed(raw);
    }
    Cow::Owned(without_exponent(float(raw)))
}

/// `FormatFloat(number, 'f', -1, 64)`.
pub(in crate::external_secret) fn without_exponent(number: f64) -> String {
    match number {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        number => format!("{number}"),
    }
}

/// `ParseFloat`, with its fault forgotten.
pub(super) fn float(raw: &str) -> f64 {
    raw.parse().unwrap_or_default()
}

fn is_blank(letter: char) -> bool {
    letter <= ' '
}
