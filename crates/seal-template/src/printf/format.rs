//! Flags, padding, integers and texts as Go's fmt lays them out.
//! Which layout a verb asks for is decided in `printf`.

use crate::function::CallFault;
use crate::quote::{can_backquote, count_characters, decode, is_print, quote};
use crate::value::Buffer;

type Written = Result<(), CallFault>;

/// The flags of one directive. `%+v` and `%#v` have flags of their own: they hold for all elements.
#[derive(Clone, Copy, Default)]
pub(super) struct Flags {
    pub(super) minus: bool,
    pub(super) plus: bool,
    pub(super) sharp: bool,
    pub(super) space: bool,
    pub(super) zero: bool,
    pub(super) plus_v: bool,
    pub(super) sharp_v: bool,
    /// Never negative once parsed, nor is the precision.
    pub(super) width: Option<i64>,
    pub(super) precision: Option<i64>,
}

impl Flags {
    pub(super) fn width(&self) -> usize {
        self.width
            .and_then(|width| usize::try_from(width).ok())
            .unwrap_or(0)
    }

    pub(super) fn precision(&self) -> Option<usize> {
        self.precision
            .and_then(|precision| usize::try_from(precision).ok())
    }
}

pub(super) struct Format<'b> {
    pub(super) into: &'b mut Buffer,
    pub(super) flags: Flags,
}

impl Format<'_> {
    pub(super) fn padding(&mut self, count: usize) -> Written {
        let byte = if self.flags.zero && !self.flags.minus {
            b'0'
        } else {
            b' '
        };
        self.into.fill(byte, count)
    }

    /// Writes `bytes` in the field that the width opens.
    pub(super) fn pad(&mut self, bytes: &[u8]) -> Written {
        self.pad_with(bytes, count_characters)
    }

    fn pad_with(&mut self, bytes: &[u8], measure: impl Fn(&[u8]) -> usize) -> Written {
        if self.flags.width() == 0 {
            return self.into.extend(bytes);
        }
        let padding = self.flags.width().saturating_sub(measure(bytes));
        if !self.flags.minus {
            self.padding(padding)?;
        }
        self.into.extend(bytes)?;
        if self.flags.minus {
            self.padding(padding)?;
        }
        Ok(())
    }

    /// As `pad`, but never with zeros.
    pub(super) fn pad_with_spaces(&mut self, bytes: &[u8]) -> Written {
        let zero = std::mem::replace(&mut self.flags.zero, false);
        let written = self.pad(bytes);
        self.flags.zero = zero;
        written
    }

    fn truncated<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        let Some(precision) = self.flags.precision() else {
            return text;
        };
        let mut end = 0;
        for _ in 0..precision {
            if end >= text.len() {
                break;
            }
            end += decode(&text[end..]).1;
        }
        &text[..end]
    }

    /// `%s`
    pub(super) fn text(&mut self, text: &[u8]) -> Written {
        self.pad(self.truncated(text))
    }

    /// `%q` of a text
    pub(super) fn quoted(&mut self, text: &[u8]) -> Written {
        let text = self.truncated(text);
        let mut quoted = self.into.sibling();
        if self.flags.sharp && can_backquote(text) {
            quoted.push(b'`')?;
            quoted.extend(text)?;
            quoted.push(b'`')?;
        } else {
            quote(text, '"', self.flags.plus, &mut quoted)?;
        }
        self.pad(quoted.as_bytes())
    }

    /// `%x` of a text
    pub(super) fn hexadecimal_text(&mut self, text: &[u8], upper: bool) -> Written {
        let digits: &[u8; 17] = if upper {
            b"0123456789ABCDEFX"
        } else {
            b"0123456789abcdefx"
        };
        let length = self
            .flags
            .precision()
            .map_or(text.len(), |precision| precision.min(text.len()));
        if length == 0 {
            return self.padding(self.flags.width());
        }
        let Flags {
            space, sharp, minus, ..
        } = self.flags;
        let prefixes = if !sharp { 0 } else { if space { length } else { 1 } };
        let width = 2 * length + 2 * prefixes + if space { length - 1 } else { 0 };
        let padding = self.flags.width().saturating_sub(width);
        if !minus {
            self.padding(padding)?;
        }
        for (index, byte) in text[..length].iter().enumerate() {
            if space && index > 0 {
                self.into.push(b' ')?;
            }
            if sharp && (space || index == 0) {
                self.into.extend([b'0', digits[16]])?;
            }
            self.into
                .extend([digits[usize::from(byte >> 4)], digits[usize::from(byte & 0xf)]])?;
        }
        if minus {
            self.padding(padding)?;
        }
        Ok(())
    }

    /// `%d`, `%b`, `%o`, `%O`, `%x`, `%X`
    pub(super) fn integer(&mut self, bits: u64, signed: bool, base: u64, verb: char, upper: bool) -> Written {
        let negative = signed && (bits as i64) < 0;
        let mut magnitude = if negative { bits.wrapping_neg() } else { bits };
        let flags = self.flags;
        if flags.precision() == Some(0) && magnitude == 0 {
            // Precision 0 and value 0 print nothing but padding.
            return self.into.fill(b' ', flags.width());
        }
        let mut least = flags.precision().unwrap_or(0);
        if flags.precision.is_none() && flags.zero && !flags.minus && flags.width.is_some() {
            least = flags
                .width()
                .saturating_sub(usize::from(negative || flags.plus || flags.space));
        }
        let digits: &[u8; 17] = if upper {
            b"0123456789ABCDEFX"
        } else {
            b"0123456789abcdefx"
        };
        // Sixty-four binary digits at most, made from right to left.
        let mut made = [b'0'; 64];
        let mut start = made.len();
        loop {
            start -= 1;
            made[start] = digits[(magnitude % base) as usize];
            magnitude /= base;
            if magnitude == 0 {
                break;
            }
        }
        let zeros = least.saturating_sub(made.len() - start);
        let mut prefix: Vec<u8> = Vec::with_capacity(5);
        if negative {
            prefix.push(b'-');
        } else if flags.plus {
            prefix.push(b'+');
        } else if flags.space {
            prefix.push(b' ');
        }
        if verb == 'O' {
            prefix.extend(b"0o");
        }
        if flags.sharp {
            match base {
                2 => prefix.extend(b"0b"),
                8 if zeros == 0 && made[start] != b'0' => prefix.push(b'0'),
                16 => prefix.extend([b'0', digits[16]]),
                _ => {}
            }
        }
        let length = prefix.len() + zeros + made.len() - start;
        let padding = flags.width().saturating_sub(length);
        if !flags.minus {
            self.into.fill(b' ', padding)?;
        }
        self.into.extend(&prefix)?;
        self.into.fill(b'0', zeros)?;
        self.into.extend(&made[start..])?;
        self.into.fill(b' ', if flags.minus { padding } else { 0 })
    }

    /// `%c`
    pub(super) fn character(&mut self, code: u64) -> Written {
        self.pad(to_character(code).encode_utf8(&mut [0; 4]).as_bytes())
    }

    /// `%q` of an integer
    pub(super) fn quoted_character(&mut self, code: u64) -> Written {
        let mut quoted = self.into.sibling();
        let mut encoded = [0; 4];
        quote(
            to_character(code).encode_utf8(&mut encoded).as_bytes(),
            '\'',
            self.flags.plus,
            &mut quoted,
        )?;
        self.pad(quoted.as_bytes())
    }

    /// `%U`
    pub(super) fn code_point(&mut self, code: u64) -> Written {
        let least = self.flags.precision().unwrap_or(0).max(4);
        let mut text = self.into.sibling();
        text.extend("U+")?;
        let digits = format!("{code:X}");
        text.fill(b'0', least.saturating_sub(digits.len()))?;
        text.extend(digits)?;
        let character = u32::try_from(code)
            .ok()
            .and_then(char::from_u32)
            .filter(|character| is_print(*character));
        if let Some(character) = character.filter(|_| self.flags.sharp) {
            text.extend(" '")?;
            text.push_char(character)?;
            text.push(b'\'')?;
        }
        self.pad_with_spaces(text.as_bytes())
    }
}

fn to_character(code: u64) -> char {
    u32::try_from(code)
        .ok()
        .and_then(char::from_u32)
        .unwrap_or(char::REPLACEMENT_CHARACTER)
}
