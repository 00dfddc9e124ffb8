//! Matching, finding, replacing and splitting with Go's rules for empty matches and `$1` in replacements.
//! A pattern is compiled on each call: templates are short, and nothing is kept between renderings.

use crate::function::{Arguments, Call, CallFault};
use crate::quote::decode;
use crate::sprig::Outcome;
use crate::sprig::pattern::{Pattern, translate};
use crate::value::{Buffer, Element, List, Text, Value};

const BAD_PATTERN: CallFault = CallFault::Refused("the regular expression is invalid or too large");

/// What compiling the smallest pattern costs.
const COMPILE_COST: u64 = 300;
/// What a Unicode property costs: translating compiles it, which takes milliseconds for the largest.
const PROPERTY_COST: u64 = 10_000;

fn compile(pattern: &[u8], text: &[u8], call: &mut Call<'_>) -> Result<Pattern, CallFault> {
    let is_property = |pair: &&[u8]| matches!(pair, [b'\\', b'p' | b'P']);
    let properties = pattern.windows(2).filter(is_property).count() as u64;
    call.spend(COMPILE_COST + pattern.len() as u64 + PROPERTY_COST * properties)?;
    let translated = translate(pattern).ok_or(BAD_PATTERN)?;
    call.spend(translated.cost.saturating_mul(4))?;
    let pattern = translated.compile().ok_or(BAD_PATTERN)?;
    call.spend(search_cost(&pattern, text))?;
    Ok(pattern)
}

/// One pass over the text: bounded by its length times the pattern's, mostly far below.
fn search_cost(pattern: &Pattern, text: &[u8]) -> u64 {
    (text.len() as u64).saturating_mul(pattern.cost.saturating_add(64)) / 512
}

/// A bad pattern matches nothing.
pub(super) fn regex_match(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    match must_regex_match(arguments, call) {
        Err(BAD_PATTERN) => Ok(false.into()),
        other => other,
    }
}

pub(super) fn must_regex_match(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let text = arguments.text(1)?;
    Ok(compile(arguments.text(0)?, text, call)?
        .regex
        .is_match(text)
        .into())
}

pub(super) fn regex_find(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let text = arguments.text(1)?;
    let found = compile(arguments.text(0)?, text, call)?
        .regex
        .find(text)
        .map(|found| found.range());
    Ok(Value::text(found.map_or(&[][..], |range| &text[range])))
}

pub(super) fn regex_find_all(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let text = arguments.text(1)?;
    let pattern = compile(arguments.text(0)?, text, call)?;
    let found = find_all(&pattern, text, arguments.int(2)?, call)?;
    if found.is_empty() {
        return Ok(List::nil(Element::Text).into());
    }
    Ok(List::texts(found.into_iter().map(|(start, end)| Text::new(&text[start..end]))).into())
}

/// Go's `allMatches`: no empty match right after another match, and one character further after an empty one.
fn find_all(
    pattern: &Pattern,
    text: &[u8],
    most: i64,
    call: &mut Call<'_>,
) -> Result<Vec<(usize, usize)>, CallFault> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut found = Vec::new();
    let mut position = 0;
    let mut previous_end = None;
    while found.len() < most && position <= text.len() {
        call.spend(4)?;
        let Some(next) = pattern.regex.find_at(text, position) else {
            break;
        };
        let (start, end) = (next.start(), next.end());
        let accepted = end != position || previous_end != Some(start);
        position = if end == position {
            position + decode(&text[position..]).1.max(1)
        } else {
            end
        };
        previous_end = Some(end);
        if accepted {
            call.admit((found.len() + 1).saturating_mul(size_of::<Value>()))?;
            found.push((start, end));
        }
    }
    Ok(found)
}

pub(super) fn regex_split(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let (expression, text, most) = (arguments.text(0)?, arguments.text(1)?, arguments.int(2)?);
    let pattern = compile(expression, text, call)?;
    if most == 0 {
        return Ok(List::nil(Element::Text).into());
    }
    if !expression.is_empty() && text.is_empty() {
        return Ok(List::texts([Text::new("")]).into());
    }
    let mut parts = Vec::new();
    let (mut start, mut end) = (0, 0);
    for (match_start, match_end) in find_all(&pattern, text, most, call)? {
        if most > 0 && parts.len() as i64 == most - 1 {
            break;
        }
        end = match_start;
        if match_end != 0 {
            parts.push(Text::new(&text[start..end]));
        }
        start = match_end;
    }
    if end != text.len() {
        parts.push(Text::new(&text[start..]));
    }
    Ok(List::texts(parts).into())
}

pub(super) fn regex_replace_all(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    replace_all(arguments, call, |pattern, captures, template, buffer| {
        expand(pattern, captures, template, buffer)
    })
}

pub(super) fn regex_replace_all_literal(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    replace_all(arguments, call, |_, _, replacement, buffer| {
        buffer.extend(replacement)
    })
}

fn replace_all(
    arguments: Arguments<'_>,
    call: &mut Call<'_>,
    replace: fn(&Pattern, &regex::bytes::Captures<'_>, &[u8], &mut Buffer) -> Result<(), CallFault>,
) -> Outcome {
    let (text, replacement) = (arguments.text(1)?, arguments.text(2)?);
    let pattern = compile(arguments.text(0)?, text, call)?;
    let mut buffer = call.buffer();
    let (mut copied, mut position) = (0, 0);
    while position <= text.len() {
        call.spend(8)?;
        let Some(captures) = pattern.regex.captures_at(text, position) else {
            break;
        };
        let whole = captures.get_match();
        let (start, end) = (whole.start(), whole.end());
        buffer.extend(&text[copied..start])?;
        if end > copied || start == 0 {
            replace(&pattern, &captures, replacement, &mut buffer)?;
        }
        copied = end;
        position = end.max(position + decode(&text[position..]).1.max(1));
    }
    buffer.extend(text.get(copied..).unwrap_or_default())?;
    Ok(buffer.into_text().into())
}

/// Go's `Expand`: `$name` takes the longest run of letters, digits and underscores.
fn expand(
    pattern: &Pattern,
    captures: &regex::bytes::Captures<'_>,
    template: &[u8],
    buffer: &mut Buffer,
) -> Result<(), CallFault> {
    let mut rest = template;
    while let Some(dollar) = memchr::memchr(b'$', rest) {
        buffer.extend(&rest[..dollar])?;
        rest = &rest[dollar + 1..];
        if let Some(after) = rest.strip_prefix(b"$") {
            buffer.push(b'$')?;
            rest = after;
            continue;
        }
        let Some((name, after)) = group_name(rest) else {
            buffer.push(b'$')?;
            continue;
        };
        rest = after;
        let group = match group_number(name) {
            Some(number) => captures.get(number),
            None => (0..pattern.names.len())
                .filter(|number| {
                    pattern.names[*number]
                        .as_deref()
                        .is_some_and(|other| other.as_bytes() == name)
                })
                .find_map(|number| captures.get(number)),
        };
        if let Some(group) = group {
            buffer.extend(group.as_bytes())?;
        }
    }
    buffer.extend(rest)
}

/// The name after a dollar sign and what follows it.
fn group_name(template: &[u8]) -> Option<(&[u8], &[u8])> {
    let braced = template.strip_prefix(b"{");
    let text = braced.unwrap_or(template);
    let mut length = 0;
    while let (Some(character), width) = decode(&text[length..]) {
        if !(character.is_alphanumeric() || character == '_') {
            break;
        }
        length += width;
    }
    let (name, rest) = text.split_at(length);
    if name.is_empty() {
        return None;
    }
    Some((
        name,
        if braced.is_some() {
            rest.strip_prefix(b"}")?
        } else {
            rest
        },
    ))
}

/// A number without leading zeros.
fn group_number(name: &[u8]) -> Option<usize> {
    let plain =
        name.iter().all(u8::is_ascii_digit) && (name.len() == 1 || name[0] != b'0') && name.len() <= 9;
    plain.then(|| {
        name.iter()
            .fold(0, |number, digit| 10 * number + usize::from(digit - b'0'))
    })
}

pub(super) fn regex_quote_meta(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let mut buffer = call.buffer();
    for byte in arguments.text(0)?.iter() {
        if br"\.+*?()|[]{}^$".contains(byte) {
            buffer.push(b'\\')?;
        }
        buffer.push(*byte)?;
    }
    Ok(buffer.into_text().into())
}
