//! Upper, lower, title, snake, kebab and camel case: Go's one-to-one case mapping and xstrings' words.
//! Never changes the number of characters as Unicode's full mapping would: `ß` stays `ß`.

use unicode_general_category::{GeneralCategory, get_general_category};

use crate::function::{Arguments, Call, CallFault};
use crate::sprig::Outcome;
use crate::value::Buffer;

pub(super) fn upper(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    map_characters(arguments.text(0)?, call, to_upper)
}

pub(super) fn lower(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    map_characters(arguments.text(0)?, call, to_lower)
}

/// `strings.Title`: a word starts after anything that is no letter, digit or underscore.
pub(super) fn title(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let mut before = ' ';
    map_characters(arguments.text(0)?, call, |character| {
        let starts_word = is_separator(std::mem::replace(&mut before, character));
        if starts_word {
            to_title(character)
        } else {
            character
        }
    })
}

fn is_separator(character: char) -> bool {
    if character.is_ascii() {
        !character.is_ascii_alphanumeric() && character != '_'
    } else {
        !is_letter(character)
            && get_general_category(character) != GeneralCategory::DecimalNumber
            && is_space(character)
    }
}

/// `goutils.Uncapitalize`.
pub(super) fn untitle(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let mut starts_word = true;
    map_characters(arguments.text(0)?, call, |character| {
        if is_space(character) {
            starts_word = true;
            character
        } else if std::mem::take(&mut starts_word) {
            to_lower(character)
        } else {
            character
        }
    })
}

/// `goutils.SwapCase`: a lower-case letter that starts a word gets title case.
pub(super) fn swapcase(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let mut starts_word = true;
    map_characters(arguments.text(0)?, call, |character| {
        let swapped = match get_general_category(character) {
            GeneralCategory::UppercaseLetter | GeneralCategory::TitlecaseLetter => to_lower(character),
            GeneralCategory::LowercaseLetter if starts_word => to_title(character),
            GeneralCategory::LowercaseLetter => to_upper(character),
            _ => {
                starts_word = is_space(character);
                return character;
            }
        };
        starts_word = false;
        swapped
    })
}

fn map_characters(text: &[u8], call: &mut Call<'_>, mut map: impl FnMut(char) -> char) -> Outcome {
    let mut buffer = call.buffer();
    for character in characters(text) {
        buffer.push_char(map(character))?;
    }
    Ok(buffer.into_text().into())
}

/// Go's `range` over a string: each byte that is not UTF-8 becomes U+FFFD.
pub(super) fn characters(text: &[u8]) -> impl Iterator<Item = char> + '_ {
    text.utf8_chunks().flat_map(|chunk| {
        chunk
            .valid()
            .chars()
            .chain(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER))
    })
}

/// `xstrings.ToPascalCase`.
pub(super) fn camelcase(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let mut buffer = call.buffer();
    let mut rest = characters(arguments.text(0)?);
    let mut current = loop {
        match rest.next() {
            Some(character) if is_connector(character) => buffer.push_char(character)?,
            Some(character) => break character,
            None => {
                // Upstream writes the last connector twice when there is nothing else.
                if let Some(last) = characters(arguments.text(0)?).last() {
                    buffer.push_char(last)?;
                }
                return Ok(buffer.into_text().into());
            }
        }
    };
    let mut lowering = is_upper(current);
    current = to_upper(current);
    for next in rest {
        let previous = std::mem::replace(&mut current, next);
        if is_connector(previous) && is_connector(current) {
            buffer.push_char(previous)?;
        } else if is_connector(previous) {
            lowering = is_upper(current);
            current = to_upper(current);
        } else {
            if lowering && is_upper(current) {
                current = to_lower(current);
            } else {
                lowering = false;
            }
            buffer.push_char(previous)?;
        }
    }
    buffer.push_char(current)?;
    Ok(buffer.into_text().into())
}

pub(super) fn snakecase(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    join_words(arguments.text(0)?, '_', call)
}

pub(super) fn kebabcase(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    join_words(arguments.text(0)?, '-', call)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum WordKind {
    End,
    Number,
    Upper,
    Alphabet,
    Connector,
    Punctuation,
    Other,
}

/// Cuts text into runs of one kind, as xstrings does; bytes that are not UTF-8 belong to the run they follow.
struct Words<'a> {
    rest: &'a [u8],
}

impl<'a> Words<'a> {
    fn next(&mut self) -> (WordKind, &'a [u8]) {
        let mut offset = 0;
        let Some(first) = self.character_at(&mut offset) else {
            // Nothing but invalid bytes is left: they are passed on as they are.
            return (WordKind::End, std::mem::take(&mut self.rest));
        };
        let kind = match first {
            first if is_connector(first) => WordKind::Connector,
            first if is_punctuation(first) => WordKind::Punctuation,
            first if is_upper(first) => WordKind::Upper,
            first if is_alphabet(first) => WordKind::Alphabet,
            first if is_number(first) => WordKind::Number,
            _ => WordKind::Other,
        };
        match kind {
            WordKind::Connector => self.skip(&mut offset, is_connector),
            WordKind::Punctuation => self.skip(&mut offset, is_punctuation),
            WordKind::Number => self.skip(&mut offset, is_number),
            WordKind::Alphabet => self.skip(&mut offset, is_small),
            WordKind::Upper => self.skip_capitalised(&mut offset),
            WordKind::Other | WordKind::End => self.skip(&mut offset, |character| {
                !(is_connector(character)
                    || is_alphabet(character)
                    || is_number(character)
                    || is_punctuation(character))
            }),
        }
        let (word, rest) = self.rest.split_at(offset);
        self.rest = rest;
        (kind, word)
    }

    /// `HTTPStatus` ends before the `S`: it starts the next word.
    fn skip_capitalised(&self, offset: &mut usize) {
        let mut end = *offset;
        match self.character_at(&mut end) {
            Some(second) if is_upper(second) => {
                let mut last_start = *offset;
                *offset = end;
                while let Some(character) = self.character_at(&mut end) {
                    if is_upper(character) {
                        last_start = std::mem::replace(offset, end);
                    } else {
                        if is_alphabet(character) {
                            *offset = last_start;
                        }
                        return;
                    }
                }
            }
            Some(second) if is_alphabet(second) => self.skip(offset, is_small),
            _ => {}
        }
    }

    fn skip(&self, offset: &mut usize, belongs: impl Fn(char) -> bool) {
        let mut end = *offset;
        while self.character_at(&mut end).is_some_and(&belongs) {
            *offset = end;
        }
    }

    /// The character at `offset`, which moves behind it; invalid bytes before it are skipped.
    fn character_at(&self, offset: &mut usize) -> Option<char> {
        for chunk in self.rest[*offset..].utf8_chunks() {
            if let Some(character) = chunk.valid().chars().next() {
                *offset += character.len_utf8();
                return Some(character);
            }
            *offset += chunk.invalid().len();
        }
        None
    }
}

fn join_words(text: &[u8], connector: char, call: &mut Call<'_>) -> Outcome {
    call.spend(text.len() as u64)?;
    let mut buffer = call.buffer();
    if text.is_empty() {
        return Ok("".into());
    }
    let mut words = Words { rest: text };
    let (mut kind, mut word) = words.next();
    while !words.rest.is_empty() {
        if kind != WordKind::Connector {
            write_word(&mut buffer, kind, word, connector)?;
        }
        let (before, last) = (kind, word);
        (kind, word) = words.next();
        match before {
            WordKind::Number => {
                while matches!(kind, WordKind::Alphabet | WordKind::Number) {
                    write_word(&mut buffer, kind, word, connector)?;
                    (kind, word) = words.next();
                }
                if !matches!(kind, WordKind::End | WordKind::Punctuation | WordKind::Connector) {
                    buffer.push_char(connector)?;
                }
            }
            WordKind::Connector => write_word(&mut buffer, before, last, connector)?,
            WordKind::Punctuation => {}
            _ if kind != WordKind::Number => {
                if !matches!(kind, WordKind::Connector | WordKind::Punctuation) {
                    buffer.push_char(connector)?;
                }
            }
            _ if words.rest.is_empty() => {}
            _ => {
                // A number belongs to the word before it (`bld4_floor`) unless small letters follow (`http_2xx`).
                let number = word;
                (kind, word) = words.next();
                if kind != WordKind::Alphabet {
                    write_word(&mut buffer, WordKind::Number, number, connector)?;
                    if !matches!(kind, WordKind::Connector | WordKind::Punctuation) {
                        buffer.push_char(connector)?;
                    }
                    continue;
                }
                buffer.push_char(connector)?;
                write_word(&mut buffer, WordKind::Number, number, connector)?;
                while matches!(kind, WordKind::Alphabet | WordKind::Number) {
                    write_word(&mut buffer, kind, word, connector)?;
                    (kind, word) = words.next();
                }
                if !matches!(kind, WordKind::End | WordKind::Connector | WordKind::Punctuation) {
                    buffer.push_char(connector)?;
                }
            }
        }
    }
    write_word(&mut buffer, kind, word, connector)?;
    Ok(buffer.into_text().into())
}

fn write_word(buffer: &mut Buffer, kind: WordKind, word: &[u8], connector: char) -> Result<(), CallFault> {
    if !matches!(kind, WordKind::Upper | WordKind::Connector) {
        return buffer.extend(word);
    }
    for character in characters(word) {
        buffer.push_char(if is_connector(character) {
            connector
        } else {
            lower_if_upper(character)
        })?;
    }
    Ok(())
}

fn lower_if_upper(character: char) -> char {
    if is_upper(character) {
        to_lower(character)
    } else {
        character
    }
}

fn is_connector(character: char) -> bool {
    character == '-' || character == '_' || is_space(character)
}

/// `unicode.IsSpace`.
pub(super) fn is_space(character: char) -> bool {
    character.is_whitespace()
}

fn is_upper(character: char) -> bool {
    get_general_category(character) == GeneralCategory::UppercaseLetter
}

/// Letters of scripts that have words of letters: not Chinese characters.
fn is_alphabet(character: char) -> bool {
    let chinese =
        matches!(character, '\u{3400}'..='\u{4d85}' | '\u{4e00}'..='\u{9fcc}' | '\u{20000}'..='\u{2b81d}');
    is_letter(character) && !chinese
}

fn is_small(character: char) -> bool {
    is_alphabet(character) && !is_upper(character)
}

fn is_letter(character: char) -> bool {
    use GeneralCategory::{LowercaseLetter, ModifierLetter, OtherLetter, TitlecaseLetter, UppercaseLetter};
    matches!(
        get_general_category(character),
        LowercaseLetter | ModifierLetter | OtherLetter | TitlecaseLetter | UppercaseLetter
    )
}

fn is_number(character: char) -> bool {
    use GeneralCategory::{DecimalNumber, LetterNumber, OtherNumber};
    matches!(
        get_general_category(character),
        DecimalNumber | LetterNumber | OtherNumber
    )
}

fn is_punctuation(character: char) -> bool {
    use GeneralCategory::{
        ClosePunctuation, ConnectorPunctuation, DashPunctuation, FinalPunctuation, InitialPunctuation,
        OpenPunctuation, OtherPunctuation,
    };
    matches!(
        get_general_category(character),
        ClosePunctuation
            | ConnectorPunctuation
            | DashPunctuation
            | FinalPunctuation
            | InitialPunctuation
            | OpenPunctuation
            | OtherPunctuation
    )
}

fn to_upper(character: char) -> char {
    match character {
        // Greek with iota: the full mapping is two letters, the simple one the title-case form.
        '\u{1f80}'..='\u{1faf}' => char::from_u32(u32::from(character) | 8).unwrap_or(character),
        '\u{1fb3}' => '\u{1fbc}',
        '\u{1fc3}' => '\u{1fcc}',
        '\u{1ff3}' => '\u{1ffc}',
        _ => only(character.to_uppercase()).unwrap_or(character),
    }
}

fn to_lower(character: char) -> char {
    match character {
        'İ' => 'i',
        _ => only(character.to_lowercase()).unwrap_or(character),
    }
}

fn to_title(character: char) -> char {
    match character {
        'Ǆ'..='ǆ' => 'ǅ',
        'Ǉ'..='ǉ' => 'ǈ',
        'Ǌ'..='ǌ' => 'ǋ',
        'Ǳ'..='ǳ' => 'ǲ',
        // Georgian has capitals but no title case.
        '\u{10d0}'..='\u{10fa}' | '\u{10fd}'..='\u{10ff}' => character,
        _ => to_upper(character),
    }
}

fn only(mut mapped: impl Iterator<Item = char>) -> Option<char> {
    let first = mapped.next();
    if mapped.next().is_some() { None } else { first }
}
