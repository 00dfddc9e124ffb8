//! Base64 as Go's `encoding/base64.StdEncoding` reads it, so that what upstream opens, we open.
//!
//! RFC 4648 §4 alphabet, padding required; `\r` and `\n` anywhere are skipped, other white space is
//! an error, and non-zero trailing bits are accepted. Not a general decoder: manifests use it.

use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine, decoded_len_estimate};
use zeroize::Zeroizing;

/// Text that is not base64; says where, never what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("illegal base64 data at input byte {offset}")]
pub struct InvalidBase64 {
    /// The offset in bytes that Go's decoder reports.
    pub offset: usize,
}

const GO_STANDARD: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// Decodes `text`.
///
/// # Errors
/// [`InvalidBase64`] at the first character that does not belong.
pub fn decode_base64(text: &str) -> Result<Vec<u8>, InvalidBase64> {
    let decoded = if text.bytes().any(is_break) {
        let mut joined = Zeroizing::new(Vec::with_capacity(text.len()));
        joined.extend(text.bytes().filter(|byte| !is_break(*byte)));
        decode_line(&joined)
    } else {
        decode_line(text.as_bytes())
    };
    decoded.ok_or_else(|| InvalidBase64 {
        offset: offset_of(text.as_bytes()),
    })
}

// Into a buffer of our own: what was decoded before a fault is wiped, too.
fn decode_line(line: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Zeroizing::new(vec![0; decoded_len_estimate(line.len())]);
    let length = GO_STANDARD.decode_slice(line, &mut bytes).ok()?;
    bytes.truncate(length);
    Some(std::mem::take(&mut *bytes))
}

/// Encodes `bytes` on one line.
pub fn encode_base64(bytes: &[u8]) -> String {
    GO_STANDARD.encode(bytes)
}

// Where Go's decoder gives up, in a text that it does give up on: it counts line breaks, and blames the
// beginning of an unfinished group, or the end of the text where a second `=` is missing.
fn offset_of(text: &[u8]) -> usize {
    let mut letters = 0;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'\r' | b'\n' => {}
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => letters = (letters + 1) % 4,
            b'=' if letters >= 2 => return offset_behind_padding(text, at + 1, letters),
            _ => return at,
        }
    }
    text.len() - letters
}

fn offset_behind_padding(text: &[u8], from: usize, letters: usize) -> usize {
    let mut rest = (from..text.len()).filter(|at| !is_break(text[*at]));
    if letters == 2 {
        match rest.next() {
            Some(second) if text[second] == b'=' => {}
            Some(second) => return second - 1,
            None => return text.len(),
        }
    }
    rest.next().unwrap_or(text.len())
}

fn is_break(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_breaks_are_skipped_and_other_white_space_is_refused() {
        assert_eq!(decode_base64("YmFy").unwrap(), b"bar");
        assert_eq!(decode_base64("Ym\r\nFy\n").unwrap(), b"bar");
        assert_eq!(decode_base64("Ym Fy"), Err(InvalidBase64 { offset: 2 }));
        assert_eq!(decode_base64("Ym\tFy"), Err(InvalidBase64 { offset: 2 }));
        assert_eq!(decode_base64("YmFy\nYm!y"), Err(InvalidBase64 { offset: 7 }));
    }

    #[test]
    fn padding_is_required_and_trailing_bits_are_not_judged() {
        assert_eq!(decode_base64("YmE=").unwrap(), b"ba");
        assert_eq!(decode_base64("YmF=").unwrap(), b"ba");
        assert!(decode_base64("YmE").is_err());
        assert!(decode_base64("YmE==").is_err());
        assert!(decode_base64("YmE=YQ==").is_err());
        assert!(decode_base64("-_-_").is_err());
        assert_eq!(decode_base64("").unwrap(), b"");
    }
}
