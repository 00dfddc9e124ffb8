//! PEM as Go's `encoding/pem` takes and writes it. sprig's own reading, which is simpler, is in `sprig::keys`.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use crate::function::{Call, CallFault};
use crate::sprig::encodings::{decode_base64, encode_base64};
use crate::value::{Buffer, Text};

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"\n-----END ";
const DASHES: &[u8] = b"-----";
const LINE: usize = 64;

/// One PEM block.
pub(super) struct Block<'t> {
    pub(super) label: &'t [u8],
    headers: BTreeMap<&'t [u8], &'t [u8]>,
    pub(super) content: Zeroizing<Vec<u8>>,
}

/// The first block of `text` and what follows it. Text before it and blocks that are none are passed over.
pub(super) fn decode(text: &[u8]) -> Option<(Block<'_>, &[u8])> {
    // Where the search goes on: behind the mark of the last end that was tried.
    let mut from = 0;
    loop {
        let end = from + memchr::memmem::find(&text[from..], END)?;
        let after_end = end + END.len();
        // The last beginning before it: those without an end are passed over.
        let begin = memchr::memmem::rfind(&text[from..end], BEGIN).map(|at| from + at);
        let starts_line = |at: usize| at == from || text[at - 1] == b'\n';
        if let Some(begin) = begin.filter(|begin| starts_line(*begin)) {
            match decode_between(text, begin, end) {
                Found::Block(block, rest) => return Some((block, &text[rest..])),
                Found::Nothing => {}
                // Headers ran past the end that was found, and with it all sense of where to go on.
                Found::PastEnd => return None,
            }
        }
        from = after_end;
    }
}

enum Found<'t> {
    Block(Block<'t>, usize),
    Nothing,
    PastEnd,
}

/// `end` is where the line break before the end mark stands.
fn decode_between(text: &[u8], begin: usize, end: usize) -> Found<'_> {
    let after_end = end + END.len();
    let (line, mut at) = line_at(text, begin + BEGIN.len());
    let Some(label) = line.strip_suffix(DASHES) else {
        return Found::Nothing;
    };
    let mut headers = BTreeMap::new();
    loop {
        if at == text.len() {
            return Found::PastEnd;
        }
        let (line, next) = line_at(text, at);
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            break;
        };
        headers.insert(line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
        at = next;
    }
    if at > after_end {
        return Found::PastEnd;
    }
    if !headers.is_empty() && at > end {
        return Found::Nothing;
    }
    let trailer = &text[after_end..];
    let is_end = trailer
        .strip_prefix(label)
        .and_then(|trailer| trailer.strip_prefix(DASHES))
        .is_some_and(|rest| line_at(rest, 0).0.is_empty());
    if !is_end {
        return Found::Nothing;
    }
    let body = if end > at { &text[at..end] } else { &[] };
    // A vector that grows leaves copies behind.
    let mut encoded = Zeroizing::new(Vec::with_capacity(body.len()));
    encoded.extend(body.iter().filter(|byte| !matches!(byte, b' ' | b'\t')));
    let Ok(content) = decode_base64(&encoded) else {
        return Found::Nothing;
    };
    let block = Block {
        label,
        headers,
        content,
    };
    Found::Block(block, line_at(text, end + 1).1)
}

/// The line that begins at `from`, without white space at its end, and where the next one begins.
fn line_at(text: &[u8], from: usize) -> (&[u8], usize) {
    let (line, next) = match memchr::memchr(b'\n', &text[from..]) {
        Some(length) => {
            let line = &text[from..from + length];
            (line.strip_suffix(b"\r").unwrap_or(line), from + length + 1)
        }
        None => (&text[from..], text.len()),
    };
    let blanks = line
        .iter()
        .rev()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count();
    (&line[..line.len() - blanks], next)
}

impl Block<'_> {
    /// Whether the labels are equal but for the case of letters, as `strings.EqualFold` has it.
    pub(super) fn is(&self, label: &[u8]) -> bool {
        if self.label.is_ascii() && label.is_ascii() {
            return self.label.eq_ignore_ascii_case(label);
        }
        match (std::str::from_utf8(self.label), std::str::from_utf8(label)) {
            (Ok(left), Ok(right)) => left.chars().map(fold).eq(right.chars().map(fold)),
            _ => self.label == label,
        }
    }

    /// Writes the block with its headers.
    pub(super) fn encode(&self, into: &mut Buffer, call: &Call<'_>) -> Result<(), CallFault> {
        const FIRST: &[u8] = b"Proc-Type";
        into.extend(BEGIN)?;
        into.extend(self.label)?;
        into.extend("-----\n")?;
        if !self.headers.is_empty() {
            // RFC 1421, section 4.6.1.1
            let first = self.headers.get_key_value(FIRST);
            let others = self.headers.iter().filter(|(name, _)| **name != FIRST);
            for (name, value) in first.into_iter().chain(others) {
                for part in [name, &b": "[..], value, b"\n"] {
                    into.extend(part)?;
                }
            }
            into.push(b'\n')?;
        }
        body(&self.content, self.label, into, call)
    }
}

/// Writes `content` as a block without headers.
pub(super) fn encode(
    label: &str,
    content: &[u8],
    into: &mut Buffer,
    call: &Call<'_>,
) -> Result<(), CallFault> {
    into.extend(BEGIN)?;
    into.extend(label)?;
    into.extend("-----\n")?;
    body(content, label.as_bytes(), into, call)
}

/// One block as a text.
pub(super) fn encoded(label: &str, content: &[u8], call: &Call<'_>) -> Result<Text, CallFault> {
    let mut buffer = call.buffer();
    encode(label, content, &mut buffer, call)?;
    Ok(buffer.into_text())
}

fn body(content: &[u8], label: &[u8], into: &mut Buffer, call: &Call<'_>) -> Result<(), CallFault> {
    for line in encode_base64(content, call)?.chunks(LINE) {
        into.extend(line)?;
        into.push(b'\n')?;
    }
    into.extend("-----END ")?;
    into.extend(label)?;
    into.extend("-----\n")
}

fn fold(character: char) -> char {
    let upper = character.to_uppercase().next().unwrap_or(character);
    upper.to_lowercase().next().unwrap_or(upper)
}

/// `text` from its first block on. Go's reader takes a first block that does not begin a line for none; since
/// 2.9 upstream passes over what stands before it.
pub(super) fn without_preface(text: &[u8]) -> &[u8] {
    memchr::memmem::find(text, b"-----BEGIN").map_or(text, |begin| &text[begin..])
}
