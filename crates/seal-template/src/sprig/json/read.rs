//! A JSON text as Go's generic values. It reads by itself, since a parser that keeps copies or quotes its
//! input in errors may not see secrets.

use super::INVALID;
use crate::function::{Call, CallFault};
use crate::limits::Limit;
use crate::sprig::{Outcome, VALUE_DEPTH};
use crate::value::{List, Map, Text, Value};

/// The value, and whether a number did not fit.
pub(crate) fn read(text: &[u8], call: &mut Call<'_>) -> Result<(Value, bool), CallFault> {
    let mut reader = Reader {
        rest: text,
        overflowed: false,
        call,
    };
    let value = reader.value(VALUE_DEPTH)?;
    reader.skip_space();
    if reader.rest.is_empty() {
        Ok((value, reader.overflowed))
    } else {
        Err(INVALID)
    }
}

struct Reader<'a, 'c, 'e> {
    rest: &'a [u8],
    overflowed: bool,
    call: &'c mut Call<'e>,
}

impl Reader<'_, '_, '_> {
    fn skip_space(&mut self) {
        let space = self
            .rest
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
            .count();
        self.rest = &self.rest[space..];
    }

    fn take(&mut self, expected: &[u8]) -> bool {
        match self.rest.strip_prefix(expected) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// The next punctuation, with white space before it.
    fn next_is(&mut self, expected: u8) -> bool {
        self.skip_space();
        self.take(&[expected])
    }

    fn value(&mut self, depth: usize) -> Outcome {
        self.call.spend(1)?;
        let depth = depth.checked_sub(1).ok_or(CallFault::Exceeded(Limit::Nesting))?;
        self.skip_space();
        match self.rest.first() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => Ok(self.string()?.into()),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ if self.take(b"true") => Ok(true.into()),
            _ if self.take(b"false") => Ok(false.into()),
            _ if self.take(b"null") => Ok(Value::Nil),
            _ => Err(INVALID),
        }
    }

    fn object(&mut self, depth: usize) -> Outcome {
        let mut entries = Vec::new();
        self.take(b"{");
        if !self.next_is(b'}') {
            loop {
                self.skip_space();
                let key = self.string()?;
                if !self.next_is(b':') {
                    return Err(INVALID);
                }
                entries.push((key, self.value(depth)?));
                self.call
                    .admit(entries.len().saturating_mul(4 * size_of::<Value>()))?;
                if self.next_is(b'}') {
                    break;
                }
                if !self.next_is(b',') {
                    return Err(INVALID);
                }
            }
        }
        Ok(Map::new(entries).into())
    }

    fn array(&mut self, depth: usize) -> Outcome {
        let mut items = Vec::new();
        self.take(b"[");
        if !self.next_is(b']') {
            loop {
                items.push(self.value(depth)?);
                self.call.admit(items.len().saturating_mul(size_of::<Value>()))?;
                if self.next_is(b']') {
                    break;
                }
                if !self.next_is(b',') {
                    return Err(INVALID);
                }
            }
        }
        Ok(List::new(items).into())
    }

    fn number(&mut self) -> Outcome {
        let text = self.rest;
        let digits = |reader: &mut Self| {
            let count = reader
                .rest
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count();
            reader.rest = &reader.rest[count..];
            count > 0
        };
        self.take(b"-");
        let whole = self.take(b"0") || digits(self);
        let fraction = !self.take(b".") || digits(self);
        let exponent = if self.take(b"e") || self.take(b"E") {
            let _ = self.take(b"+") || self.take(b"-");
            digits(self)
        } else {
            true
        };
        if !(whole && fraction && exponent) {
            return Err(INVALID);
        }
        let text = &text[..text.len() - self.rest.len()];
        let number: f64 = std::str::from_utf8(text)
            .ok()
            .and_then(|text| text.parse().ok())
            .ok_or(INVALID)?;
        self.overflowed |= !number.is_finite();
        Ok(if number.is_finite() {
            Value::Float(number)
        } else {
            Value::Nil
        })
    }

    fn string(&mut self) -> Result<Text, CallFault> {
        if !self.take(b"\"") {
            return Err(INVALID);
        }
        let mut buffer = self.call.buffer();
        loop {
            let plain = self
                .rest
                .iter()
                .take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1f))
                .count();
            let (head, rest) = self.rest.split_at(plain);
            for chunk in head.utf8_chunks() {
                buffer.extend(chunk.valid())?;
                for _ in chunk.invalid() {
                    buffer.push_char(char::REPLACEMENT_CHARACTER)?;
                }
            }
            self.rest = rest;
            if self.take(b"\"") {
                self.call.spend(buffer.len() as u64 / 8)?;
                return Ok(buffer.into_text());
            }
            let character = self.escape()?;
            buffer.push_char(character)?;
        }
    }

    fn escape(&mut self) -> Result<char, CallFault> {
        let [b'\\', letter, rest @ ..] = self.rest else {
            return Err(INVALID);
        };
        self.rest = rest;
        Ok(match letter {
            b'"' | b'\\' | b'/' => char::from(*letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.four_digits().ok_or(INVALID)?;
                self.character_of(first)
            }
            _ => return Err(INVALID),
        })
    }

    /// Joins surrogates; a lone one is U+FFFD and what follows it stays.
    fn character_of(&mut self, first: u32) -> char {
        if (0xd800..0xdc00).contains(&first) {
            let before = self.rest;
            if self.take(b"\\u")
                && let Some(second) = self
                    .four_digits()
                    .filter(|second| (0xdc00..0xe000).contains(second))
            {
                let joined = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return char::from_u32(joined).unwrap_or(char::REPLACEMENT_CHARACTER);
            }
            self.rest = before;
        }
        char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER)
    }

    fn four_digits(&mut self) -> Option<u32> {
        let (digits, rest) = self.rest.split_at_checked(4)?;
        let number = digits
            .iter()
            .try_fold(0, |sum, digit| Some(sum << 4 | char::from(*digit).to_digit(16)?))?;
        self.rest = rest;
        Some(number)
    }
}
