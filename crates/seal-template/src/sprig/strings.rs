//! Cutting, joining, padding, testing and quoting strings, which are bytes: an index may split a character.
//! Case is `letters`' business, random strings are `random`'s.

use std::collections::BTreeMap;

use crate::function::{Arguments, Call, CallFault};
use crate::limits::Limit;
use crate::quote::decode;
use crate::sprig::Outcome;
use crate::sprig::cast::{print, quote as write_quoted, to_text, to_texts};
use crate::sprig::letters::{characters, is_space};
use crate::value::{Buffer, List, Map, Text, Value};

const OUT_OF_RANGE: CallFault = CallFault::Refused("runtime error: slice bounds out of range");
const NEGATIVE_REPEAT: CallFault = CallFault::Refused("strings: negative Repeat count");

pub(super) fn hello(_: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    Ok("Hello!".into())
}

pub(super) fn trim(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    Ok(trim_matching(arguments.text(0)?, is_space))
}

pub(super) fn trim_all(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let cutset: Vec<char> = characters(arguments.text(0)?).collect();
    call.spend((cutset.len() as u64).saturating_mul(arguments.text(1)?.len() as u64) / 64)?;
    Ok(trim_matching(arguments.text(1)?, |character| {
        cutset.contains(&character)
    }))
}

fn trim_matching(text: &Text, cut: impl Fn(char) -> bool) -> Value {
    let (mut start, mut end) = (0, text.len());
    while let Some((_, length)) = first_character(&text[start..end]).filter(|(character, _)| cut(*character))
    {
        start += length;
    }
    while let Some((_, length)) = last_character(&text[start..end]).filter(|(character, _)| cut(*character)) {
        end -= length;
    }
    Value::text(&text[start..end])
}

/// The first character and its length; a byte that starts no UTF-8 counts as U+FFFD.
fn first_character(text: &[u8]) -> Option<(char, usize)> {
    let (character, length) = decode(text);
    (length > 0).then_some((character.unwrap_or(char::REPLACEMENT_CHARACTER), length))
}

fn last_character(text: &[u8]) -> Option<(char, usize)> {
    (1..=text.len().min(4))
        .find_map(|length| {
            let tail = std::str::from_utf8(&text[text.len() - length..]).ok()?;
            Some((tail.chars().next()?, length))
        })
        .or((!text.is_empty()).then_some((char::REPLACEMENT_CHARACTER, 1)))
}

pub(super) fn trim_suffix(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    let text = arguments.text(1)?;
    Ok(text
        .strip_suffix(arguments.text(0)?.as_bytes())
        .map_or_else(|| text.clone().into(), Value::text))
}

pub(super) fn trim_prefix(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    let text = arguments.text(1)?;
    Ok(text
        .strip_prefix(arguments.text(0)?.as_bytes())
        .map_or_else(|| text.clone().into(), Value::text))
}

/// `goutils.DeleteWhiteSpace` reads each byte as Latin-1, so any text with white space loses its other letters.
pub(super) fn nospace(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let text = arguments.text(0)?;
    if !text.iter().any(|byte| is_space(char::from(*byte))) {
        return Ok(text.clone().into());
    }
    let mut buffer = call.buffer();
    for character in text
        .iter()
        .map(|byte| char::from(*byte))
        .filter(|character| !is_space(*character))
    {
        buffer.push_char(character)?;
    }
    Ok(buffer.into_text().into())
}

/// `goutils.Initials`, as careless about UTF-8 as `nospace`.
pub(super) fn initials(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let mut buffer = call.buffer();
    let mut starts_word = true;
    for character in arguments.text(0)?.iter().map(|byte| char::from(*byte)) {
        if is_space(character) {
            starts_word = true;
        } else if std::mem::take(&mut starts_word) {
            buffer.push_char(character)?;
        }
    }
    Ok(buffer.into_text().into())
}

pub(super) fn abbrev(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let (width, text) = (arguments.int(0)?, arguments.text(1)?);
    if width < 4 {
        Ok(text.clone().into())
    } else {
        abbreviate(text, 0, width, call)
    }
}

pub(super) fn abbrevboth(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let (left, right, text) = (arguments.int(0)?, arguments.int(1)?, arguments.text(2)?);
    if right < 4 || left > 0 && right < 7 {
        Ok(text.clone().into())
    } else {
        abbreviate(text, left, right, call)
    }
}

/// `goutils.AbbreviateFull`. A width too small for an ellipsis on both sides yields nothing.
fn abbreviate(text: &[u8], offset: i64, width: i64, call: &mut Call<'_>) -> Outcome {
    let length = text.len() as i64;
    if length <= width {
        return Ok(Value::text(text));
    }
    let kept = width - 3;
    let mut offset = offset.min(length);
    if length - offset < kept {
        offset = length - kept;
    }
    let mut buffer = call.buffer();
    if offset <= 4 {
        buffer.extend(&text[..kept as usize])?;
        buffer.extend("...")?;
    } else if width < 7 {
        return Ok("".into());
    } else {
        buffer.extend("...")?;
        if offset + kept < length {
            let inner = &text[offset as usize..];
            if inner.len() as i64 <= kept {
                buffer.extend(inner)?;
            } else {
                buffer.extend(&inner[..(kept - 3) as usize])?;
                buffer.extend("...")?;
            }
        } else {
            buffer.extend(&text[(length - kept) as usize..])?;
        }
    }
    Ok(buffer.into_text().into())
}

pub(super) fn trunc(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    let (count, text) = (arguments.int(0)?, arguments.text(1)?);
    let kept = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    Ok(match () {
        () if kept >= text.len() => text.clone().into(),
        () if count < 0 => Value::text(&text[text.len() - kept..]),
        () => Value::text(&text[..kept]),
    })
}

pub(super) fn substr(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    let (start, end, text) = (arguments.int(0)?, arguments.int(1)?, arguments.text(2)?);
    let end_or_length = usize::try_from(end).ok().filter(|end| *end <= text.len());
    let range = match usize::try_from(start) {
        Err(_) => text.get(..usize::try_from(end).map_err(|_| OUT_OF_RANGE)?),
        Ok(start) => text.get(start..end_or_length.unwrap_or(text.len())),
    };
    range.map(Value::text).ok_or(OUT_OF_RANGE)
}

pub(super) fn repeat(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let (count, text) = (arguments.int(0)?, arguments.text(1)?);
    let count = usize::try_from(count).map_err(|_| NEGATIVE_REPEAT)?;
    let length = text
        .len()
        .checked_mul(count)
        .ok_or(CallFault::Exceeded(Limit::Intermediate))?;
    call.admit(length)?;
    let mut buffer = call.buffer();
    for _ in 0..if text.is_empty() { 0 } else { count } {
        buffer.extend(text)?;
    }
    Ok(buffer.into_text().into())
}

pub(super) fn replace(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let (old, new, text) = (arguments.text(0)?, arguments.text(1)?, arguments.text(2)?);
    call.spend(text.len() as u64 / 8)?;
    let mut buffer = call.buffer();
    let mut start = 0;
    if old.is_empty() {
        // Before each character and at the end.
        while let Some((_, length)) = first_character(&text[start..]) {
            buffer.extend(new)?;
            buffer.extend(&text[start..start + length])?;
            start += length;
        }
        buffer.extend(new)?;
    } else {
        for position in occurrences(text, old) {
            buffer.extend(&text[start..position])?;
            buffer.extend(new)?;
            start = position + old.len();
        }
        buffer.extend(&text[start..])?;
    }
    Ok(buffer.into_text().into())
}

/// Where `part` stands in `text`, not overlapping.
fn occurrences<'a>(text: &'a [u8], part: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    memchr::memmem::find_iter(text, part)
}

pub(super) fn indent(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let mut buffer = call.buffer();
    write_indented(arguments, &mut buffer)?;
    Ok(buffer.into_text().into())
}

pub(super) fn nindent(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let mut buffer = call.buffer();
    buffer.push(b'\n')?;
    write_indented(arguments, &mut buffer)?;
    Ok(buffer.into_text().into())
}

fn write_indented(arguments: Arguments<'_>, buffer: &mut Buffer) -> Result<(), CallFault> {
    let spaces = usize::try_from(arguments.int(0)?).map_err(|_| NEGATIVE_REPEAT)?;
    for (position, line) in arguments.text(1)?.split(|byte| *byte == b'\n').enumerate() {
        if position > 0 {
            buffer.push(b'\n')?;
        }
        buffer.fill(b' ', spaces)?;
        buffer.extend(line)?;
    }
    Ok(())
}

pub(super) fn wrap(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    wrap_lines(arguments.text(1)?, arguments.int(0)?, b"", false, call)
}

pub(super) fn wrap_with(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    wrap_lines(
        arguments.text(2)?,
        arguments.int(0)?,
        arguments.text(1)?,
        true,
        call,
    )
}

/// `goutils.WrapCustom`: a column is a byte.
fn wrap_lines(text: &[u8], width: i64, newline: &[u8], break_words: bool, call: &mut Call<'_>) -> Outcome {
    let newline = if newline.is_empty() { b"\n" } else { newline };
    let width = usize::try_from(width).unwrap_or(0).max(1);
    let mut buffer = call.buffer();
    let mut rest = text;
    while rest.len() > width {
        if rest[0] == b' ' {
            rest = &rest[1..];
            continue;
        }
        let space = rest[..=width].iter().rposition(|byte| *byte == b' ');
        let line = match space {
            Some(space) => space,
            None if break_words => width,
            None => match rest[width..].iter().position(|byte| *byte == b' ') {
                Some(space) => width + space,
                None => break,
            },
        };
        buffer.extend(&rest[..line])?;
        buffer.extend(newline)?;
        rest = &rest[line + usize::from(space.is_some() || !break_words)..];
    }
    buffer.extend(rest)?;
    Ok(buffer.into_text().into())
}

pub(super) fn contains(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    call.spend(arguments.text(1)?.len() as u64 / 8)?;
    Ok(memchr::memmem::find(arguments.text(1)?, arguments.text(0)?)
        .is_some()
        .into())
}

pub(super) fn has_prefix(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    Ok(arguments.text(1)?.starts_with(arguments.text(0)?).into())
}

pub(super) fn has_suffix(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    Ok(arguments.text(1)?.ends_with(arguments.text(0)?).into())
}

fn present<'a>(arguments: Arguments<'a>) -> impl Iterator<Item = &'a Value> {
    arguments
        .all()
        .iter()
        .filter(|value| !matches!(value, Value::Nil))
}

pub(super) fn quote(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let mut buffer = call.buffer();
    for (position, value) in present(arguments).enumerate() {
        if position > 0 {
            buffer.push(b' ')?;
        }
        write_quoted(&to_text(value, call)?, &mut buffer)?;
    }
    Ok(buffer.into_text().into())
}

pub(super) fn squote(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let mut buffer = call.buffer();
    for (position, value) in present(arguments).enumerate() {
        buffer.extend(if position > 0 { " '" } else { "'" })?;
        buffer.extend(print(value, call)?)?;
        buffer.push(b'\'')?;
    }
    Ok(buffer.into_text().into())
}

pub(super) fn cat(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let mut buffer = call.buffer();
    for (position, value) in present(arguments).enumerate() {
        if position > 0 {
            buffer.push(b' ')?;
        }
        buffer.extend(print(value, call)?)?;
    }
    Ok(buffer.into_text().into())
}

pub(super) fn plural(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    Ok(arguments
        .text(if arguments.int(2)? == 1 { 0 } else { 1 })?
        .clone()
        .into())
}

pub(super) fn to_string(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    Ok(to_text(arguments.any(0), call)?.into())
}

pub(super) fn to_strings(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    Ok(List::texts(to_texts(arguments.any(0), call)?).into())
}

pub(super) fn join(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let separator = arguments.text(0)?;
    let mut buffer = call.buffer();
    for (position, text) in to_texts(arguments.any(1), call)?.iter().enumerate() {
        if position > 0 {
            buffer.extend(separator)?;
        }
        buffer.extend(text)?;
    }
    Ok(buffer.into_text().into())
}

pub(super) fn sort_alpha(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let mut texts = match arguments.any(0) {
        list @ (Value::List(_) | Value::Bytes(_)) => to_texts(list, call)?,
        other => vec![to_text(other, call)?],
    };
    texts.sort_unstable();
    Ok(List::texts(texts).into())
}

pub(super) fn split(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    Ok(numbered(separate(
        arguments.text(1)?,
        arguments.text(0)?,
        usize::MAX,
        call,
    )?))
}

pub(super) fn splitn(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let most = usize::try_from(arguments.int(1)?).unwrap_or(usize::MAX);
    Ok(numbered(separate(
        arguments.text(2)?,
        arguments.text(0)?,
        most,
        call,
    )?))
}

pub(super) fn split_list(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    Ok(List::texts(separate(
        arguments.text(1)?,
        arguments.text(0)?,
        usize::MAX,
        call,
    )?)
    .into())
}

fn numbered(parts: Vec<Text>) -> Value {
    let entries: BTreeMap<Text, Text> = parts
        .into_iter()
        .enumerate()
        .map(|(number, part)| (Text::new(format!("_{number}")), part))
        .collect();
    Map::texts(entries).into()
}

/// `strings.SplitN`: an empty separator cuts after each character.
fn separate(text: &[u8], separator: &[u8], most: usize, call: &mut Call<'_>) -> Result<Vec<Text>, CallFault> {
    let mut parts = Vec::new();
    let mut start = 0;
    if most == 0 || separator.is_empty() && text.is_empty() {
        return Ok(parts);
    }
    let take = |range: &[u8], call: &mut Call<'_>, parts: &mut Vec<Text>| {
        call.spend(8)?;
        call.admit((parts.len() + 1).saturating_mul(size_of::<Value>()))?;
        parts.push(Text::new(range));
        Ok::<(), CallFault>(())
    };
    if separator.is_empty() {
        while parts.len() + 1 < most
            && let Some((_, length)) =
                first_character(&text[start..]).filter(|(_, length)| start + length < text.len())
        {
            take(&text[start..start + length], call, &mut parts)?;
            start += length;
        }
    } else {
        for position in occurrences(text, separator).take(most - 1) {
            take(&text[start..position], call, &mut parts)?;
            start = position + separator.len();
        }
    }
    take(&text[start..], call, &mut parts)?;
    Ok(parts)
}
