//! Escaping for HTML, JavaScript and URL queries, byte for byte as Go does it.
//! Nothing here makes output safe by itself: a template must ask for it.

use crate::function::CallFault;
use crate::quote::{decode, is_print};
use crate::value::Buffer;

type Written = Result<(), CallFault>;

pub(super) fn html(text: &[u8], into: &mut Buffer) -> Written {
    for byte in text {
        match byte {
            b'\0' => into.extend("\u{fffd}")?,
            b'"' => into.extend("&#34;")?,
            b'\'' => into.extend("&#39;")?,
            b'&' => into.extend("&amp;")?,
            b'<' => into.extend("&lt;")?,
            b'>' => into.extend("&gt;")?,
            byte => into.push(*byte)?,
        }
    }
    Ok(())
}

pub(super) fn javascript(text: &[u8], into: &mut Buffer) -> Written {
    let mut rest = text;
    while !rest.is_empty() {
        let (character, width) = decode(rest);
        let bytes = &rest[..width];
        rest = &rest[width..];
        match character {
            Some('\\') => into.extend(r"\\")?,
            Some('\'') => into.extend(r"\'")?,
            Some('"') => into.extend("\\\"")?,
            Some(special @ ('<' | '>' | '&' | '=' | '\0'..='\x1f')) => unicode_escape(special, into)?,
            Some(unprintable) if !unprintable.is_ascii() && !is_print(unprintable) => {
                unicode_escape(unprintable, into)?
            }
            _ => into.extend(bytes)?,
        }
    }
    Ok(())
}

fn unicode_escape(character: char, into: &mut Buffer) -> Written {
    let code = u32::from(character);
    into.extend(r"\u")?;
    let digits = if code > 0xffff {
        8 - code.leading_zeros() / 4
    } else {
        4
    };
    for digit in (0..digits).rev() {
        into.push(b"0123456789ABCDEF"[(code >> (4 * digit)) as usize & 0xf])?;
    }
    Ok(())
}

pub(super) fn url_query(text: &[u8], into: &mut Buffer) -> Written {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => into.push(*byte)?,
            b' ' => into.push(b'+')?,
            byte => into.extend([
                b'%',
                DIGITS[usize::from(byte >> 4)],
                DIGITS[usize::from(byte & 0xf)],
            ])?,
        }
    }
    Ok(())
}
