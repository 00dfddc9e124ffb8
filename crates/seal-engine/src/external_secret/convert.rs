//! Names that were found, as names of entries: what becomes of letters that these cannot have.
//!
//! Upstream lets all letters and digits of Unicode pass, and leaves it to the API server to refuse those of no
//! ASCII; so does this.

use std::collections::BTreeMap;
use std::fmt::Write;

use seal_api::external_secrets::ConversionStrategy;
use seal_core::Plaintext;
use unicode_general_category::{GeneralCategory, get_general_category};

/// Kubernetes' longest name of an entry.
const LONGEST: usize = 253;

/// What is wrong with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum BadName {
    /// Two names become this one.
    Collision(String),
    /// It has a character that no name can have.
    Character(String),
    /// It is too long.
    Length(String, usize),
}

/// Changes the names as `strategy` says.
pub(super) fn convert(
    values: BTreeMap<String, Plaintext>,
    strategy: ConversionStrategy,
) -> Result<BTreeMap<String, Plaintext>, BadName> {
    let mut converted = BTreeMap::new();
    for (name, value) in values {
        let name = converted_name(&name, strategy);
        if converted.contains_key(&name) {
            return Err(BadName::Collision(name));
        }
        converted.insert(name, value);
    }
    Ok(converted)
}

fn converted_name(name: &str, strategy: ConversionStrategy) -> String {
    let mut converted = String::with_capacity(name.len());
    for letter in name.chars() {
        match strategy {
            _ if is_allowed(letter) => converted.push(letter),
            ConversionStrategy::Default => converted.push('_'),
            ConversionStrategy::Unicode => {
                write!(converted, "_U{:04x}_", u32::from(letter)).expect("a String takes everything");
            }
        }
    }
    converted
}

/// Judges the names, and drops the one that is empty: that is what a store has no name for.
pub(super) fn judge(mut values: BTreeMap<String, Plaintext>) -> Result<BTreeMap<String, Plaintext>, BadName> {
    values.remove("");
    for name in values.keys() {
        if name.len() > LONGEST {
            return Err(BadName::Length(name.clone(), name.len()));
        }
        if !name.chars().all(is_allowed) {
            return Err(BadName::Character(name.clone()));
        }
    }
    Ok(values)
}

fn is_allowed(letter: char) -> bool {
    use GeneralCategory::{
        DecimalNumber, LetterNumber, LowercaseLetter, ModifierLetter, OtherLetter, OtherNumber,
        TitlecaseLetter, UppercaseLetter,
    };
    if letter.is_ascii() {
        return letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | '_');
    }
    matches!(
        get_general_category(letter),
        UppercaseLetter
            | LowercaseLetter
            | TitlecaseLetter
            | ModifierLetter
            | OtherLetter
            | DecimalNumber
            | LetterNumber
            | OtherNumber
    )
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    // Made by the real library.
    const VECTORS: &str = include_str!("../../vectors/external-secrets/conversions.jsonl");

    #[derive(Deserialize)]
    struct Row {
        strategy: ConversionStrategy,
        #[serde(rename = "in")]
        names: Vec<String>,
        out: Option<BTreeMap<String, String>>,
        valid: bool,
        #[serde(default)]
        dropped: bool,
    }

    #[test]
    fn names_are_converted_and_judged_as_the_real_library_does_it() {
        for line in VECTORS.lines() {
            let row: Row = serde_json::from_str(line).unwrap();
            let values = || -> BTreeMap<String, Plaintext> {
                let named = row.names.iter();
                named
                    .map(|name| (name.clone(), Plaintext::copied(name.as_bytes())))
                    .collect()
            };
            let converted = convert(values(), row.strategy).ok().map(|values| {
                let named = values.iter();
                named
                    .map(|(name, value)| (name.clone(), String::from_utf8(value.expose().to_vec()).unwrap()))
                    .collect::<BTreeMap<_, _>>()
            });
            assert_eq!(converted, row.out, "{line}");
            let judged = judge(values());
            assert_eq!(judged.is_ok(), row.valid, "{line}");
            if let Ok(kept) = judged {
                assert_eq!(kept.len() < row.names.len(), row.dropped, "{line}");
            }
        }
    }
}
