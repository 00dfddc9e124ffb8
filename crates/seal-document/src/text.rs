//! Where something stands in a text, and whether bytes are a text at all. It does not parse.

use core::fmt;
use core::ops::Range;

use crate::error::{ParseError, ParseFault};

/// A range of bytes in the whole text.
pub type Span = Range<usize>;

/// A place in a text as an editor shows it: line and column, both counted from one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line, from one.
    pub line: usize,
    /// The column in characters, from one.
    pub column: usize,
}

impl Position {
    /// The first character of a text.
    pub const START: Self = Self { line: 1, column: 1 };
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.line, self.column)
    }
}

/// Takes bytes for UTF-8 text, with or without a byte-order mark.
///
/// # Errors
/// [`ParseFault::Utf16`] where the bytes look like UTF-16 (what PowerShell's `>` writes),
/// [`ParseFault::NotUtf8`] at the first byte that is no UTF-8.
pub fn decode(bytes: &[u8]) -> Result<&str, ParseError> {
    let utf16 = matches!(bytes, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..])
        || matches!(bytes, [0, second, ..] if *second != 0)
        || matches!(bytes, [first, 0, ..] if *first != 0);
    if utf16 {
        return Err(ParseError::new(
            0,
            Position::START,
            ParseFault::Utf16,
            0..bytes.len(),
        ));
    }
    core::str::from_utf8(bytes).map_err(|error| {
        let valid = core::str::from_utf8(&bytes[..error.valid_up_to()]).expect("valid_up_to says so");
        let mut place = Walk::new(valid);
        let position = place.position(valid.len());
        ParseError::new(0, position, ParseFault::NotUtf8, 0..bytes.len())
    })
}

/// Turns growing byte offsets into positions; each byte of the text is looked at once.
pub(crate) struct Walk<'t> {
    text: &'t str,
    offset: usize,
    position: Position,
}

impl<'t> Walk<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self {
            text,
            offset: 0,
            position: Position::START,
        }
    }

    /// The position of `offset`, which never lies before the offset asked for last.
    pub(crate) fn position(&mut self, offset: usize) -> Position {
        let bytes = self.text.as_bytes();
        while self.offset < offset.min(bytes.len()) {
            let byte = bytes[self.offset];
            self.offset += 1;
            let breaks = byte == b'\n' || byte == b'\r' && bytes.get(self.offset) != Some(&b'\n');
            if breaks {
                self.position = Position {
                    line: self.position.line + 1,
                    column: 1,
                };
            } else if byte & 0xC0 != 0x80 && byte != b'\r' {
                self.position.column += 1;
            }
        }
        self.position
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf_16_is_named_as_such() {
        for bytes in [&b"\xFF\xFEa\0"[..], b"\xFE\xFF\0a", b"a\0:\0", b"\0a\0:"] {
            assert_eq!(decode(bytes).unwrap_err().fault(), ParseFault::Utf16);
        }
    }

    #[test]
    fn a_byte_that_is_no_utf_8_is_placed() {
        let error = decode("a: ä\nb: \u{E4}".as_bytes().split_last().unwrap().1).unwrap_err();
        assert_eq!(
            (error.fault(), error.position().to_string()),
            (ParseFault::NotUtf8, "2:4".to_owned())
        );
    }

    #[test]
    fn positions_count_characters_and_every_kind_of_line_break() {
        let text = "ä\r\nb\rc\nd";
        let mut walk = Walk::new(text);
        assert_eq!(walk.position(2).to_string(), "1:2");
        assert_eq!(walk.position(4).to_string(), "2:1");
        assert_eq!(walk.position(6).to_string(), "3:1");
        assert_eq!(walk.position(9).to_string(), "4:2");
    }
}
