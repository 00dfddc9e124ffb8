//! Go's quoting of strings and characters (strconv) and its view of broken UTF-8.
//! Which characters print is asked of Rust's own tables, which may know a newer Unicode than Go's.

use crate::function::CallFault;
use crate::limits::Limit;
use crate::value::Buffer;

/// Decodes the first character as Go does: a broken sequence is one byte wide and `None`.
pub(crate) fn decode(bytes: &[u8]) -> (Option<char>, usize) {
    let width = match bytes.first() {
        None => return (None, 0),
        Some(0..=0x7f) => return (Some(char::from(bytes[0])), 1),
        Some(0xc2..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf4) => 4,
        Some(_) => return (None, 1),
    };
    let text = bytes
        .get(..width)
        .and_then(|sequence| std::str::from_utf8(sequence).ok());
    match text.and_then(|text| text.chars().next()) {
        Some(character) => (Some(character), width),
        None => (None, 1),
    }
}

/// How many characters there are, each broken byte counting as one.
pub(crate) fn count_characters(mut bytes: &[u8]) -> usize {
    let mut count = 0;
    while !bytes.is_empty() {
        bytes = &bytes[decode(bytes).1..];
        count += 1;
    }
    count
}

/// Go's `unicode.IsPrint`: letters, marks, numbers, punctuation, symbols and the ASCII space.
pub(crate) fn is_print(character: char) -> bool {
    if character.is_ascii() {
        return matches!(character, ' '..='~');
    }
    // Past the first character, `str::escape_debug` escapes just what does not print.
    let mut text = [b'a', 0, 0, 0, 0];
    let length = 1 + character.encode_utf8(&mut text[1..]).len();
    std::str::from_utf8(&text[..length]).is_ok_and(|text| text.escape_debug().nth(1) != Some('\\'))
}

/// Writes `bytes` between quotes, escaped as `strconv.Quote` does.
pub(crate) fn quote(bytes: &[u8], mark: char, ascii_only: bool, into: &mut Buffer) -> Result<(), CallFault> {
    into.push_char(mark)?;
    let mut rest = bytes;
    while !rest.is_empty() {
        let (character, width) = decode(rest);
        match character {
            Some(character) => escape(character, mark, ascii_only, into)?,
            None => {
                into.extend(br"\x")?;
                hexadecimal(u32::from(rest[0]), 2, into)?;
            }
        }
        rest = &rest[width..];
    }
    into.push_char(mark)
}

fn escape(character: char, mark: char, ascii_only: bool, into: &mut Buffer) -> Result<(), CallFault> {
    if character == mark || character == '\\' {
        into.push(b'\\')?;
        return into.push_char(character);
    }
    if is_print(character) && (!ascii_only || character.is_ascii()) {
        return into.push_char(character);
    }
    let short = match character {
        '\x07' => b'a',
        '\x08' => b'b',
        '\x0c' => b'f',
        '\n' => b'n',
        '\r' => b'r',
        '\t' => b't',
        '\x0b' => b'v',
        _ => 0,
    };
    let code = u32::from(character);
    let (prefix, digits): (u8, usize) = match code {
        _ if short != 0 => return into.extend([b'\\', short]),
        0..=0x1f | 0x7f => (b'x', 2),
        0..=0xffff => (b'u', 4),
        _ => (b'U', 8),
    };
    into.extend([b'\\', prefix])?;
    hexadecimal(code, digits, into)
}

fn hexadecimal(code: u32, digits: usize, into: &mut Buffer) -> Result<(), CallFault> {
    for digit in (0..digits).rev() {
        into.push(b"0123456789abcdef"[(code >> (4 * digit)) as usize & 0xf])?;
    }
    Ok(())
}

/// A quoted piece of template source, for messages.
pub(crate) fn quoted(source: &str) -> String {
    let mut buffer = Buffer::new(usize::MAX, Limit::Output);
    match quote(source.as_bytes(), '"', false, &mut buffer) {
        Ok(()) => String::from_utf8_lossy(buffer.as_bytes()).into_owned(),
        Err(_) => String::new(),
    }
}

/// Whether the text could stand in backquotes on one line.
pub(crate) fn can_backquote(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| {
        text.chars().all(|character| match character {
            '\t' => true,
            '\u{feff}' | '`' | '\x7f' => false,
            other => other >= ' ',
        })
    })
}

/// The content of a quoted or raw string literal; `None` when it is malformed.
pub(crate) fn unquote(literal: &str) -> Option<Vec<u8>> {
    if let Some(raw) = literal.strip_prefix('`') {
        let raw = raw.strip_suffix('`')?;
        return Some(raw.bytes().filter(|byte| *byte != b'\r').collect());
    }
    let mut rest = literal.strip_prefix('"')?.strip_suffix('"')?;
    let mut bytes = Vec::with_capacity(rest.len());
    while !rest.is_empty() {
        let (unit, after) = unquote_character(rest, '"')?;
        match unit {
            Unit::Character(character) => {
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes())
            }
            Unit::Byte(byte) => bytes.push(byte),
        }
        rest = after;
    }
    Some(bytes)
}

/// One character of a literal: `\xff` and `\377` stand for bytes, all else for characters.
pub(crate) enum Unit {
    Character(char),
    Byte(u8),
}

/// The first character of a literal's inside, and what follows it.
pub(crate) fn unquote_character(text: &str, mark: char) -> Option<(Unit, &str)> {
    let mut characters = text.chars();
    let first = characters.next()?;
    if first == mark || first == '\n' {
        return None;
    }
    if first != '\\' {
        return Some((Unit::Character(first), characters.as_str()));
    }
    let escape = characters.next()?;
    let rest = characters.as_str();
    let plain = |character| Some((Unit::Character(character), rest));
    let number = |digits: usize, radix: u32, text: &str| {
        let code = text
            .get(..digits)
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        u32::from_str_radix(code, radix).ok()
    };
    match escape {
        'a' => plain('\x07'),
        'b' => plain('\x08'),
        'f' => plain('\x0c'),
        'n' => plain('\n'),
        'r' => plain('\r'),
        't' => plain('\t'),
        'v' => plain('\x0b'),
        '\\' => plain('\\'),
        '"' | '\'' if escape == mark => plain(escape),
        'x' => Some((Unit::Byte(u8::try_from(number(2, 16, rest)?).ok()?), &rest[2..])),
        'u' => Some((Unit::Character(char::from_u32(number(4, 16, rest)?)?), &rest[4..])),
        'U' => Some((Unit::Character(char::from_u32(number(8, 16, rest)?)?), &rest[8..])),
        '0'..='7' => {
            let from_escape = &text[1..];
            Some((
                Unit::Byte(u8::try_from(number(3, 8, from_escape)?).ok()?),
                &from_escape[3..],
            ))
        }
        _ => None,
    }
}
