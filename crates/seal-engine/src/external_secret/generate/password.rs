//! Passwords: so many letters, digits and symbols, each equally likely, in an order in which each is equally likely.
//! Upstream inserts at random, one by one; shuffling comes to the same.
//!
//! Upstream tries for ever where symbols are fewer than they look (`!!`, or digits among them); here that is an error.

use seal_api::external_secrets::{PasswordEncoding, PasswordSpec};
use seal_core::{Plaintext, RandomSource, RandomnessUnavailable, encode_base64};
use zeroize::Zeroizing;

use super::Generated;

const DEFAULT_ENTRY: &str = "password";
const DEFAULT_LENGTH: i64 = 24;
// No Secret holds more than a mebibyte, in whatever encoding.
const LONGEST: i64 = 1 << 16;
const MOST_ENTRIES: usize = 1 << 10;
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS: &str = "0123456789";
const SYMBOLS: &str = "~!@#$%^&*()_+`-={}|[]\\:\"<>?,./";
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

pub(super) fn generate(spec: &PasswordSpec, random: &mut impl RandomSource) -> Result<Generated, String> {
    let default = [DEFAULT_ENTRY.to_owned()];
    let entries = match spec.secret_keys.as_slice() {
        [] => &default,
        named => named,
    };
    let mut made = Generated::new();
    for entry in entries {
        if entry.is_empty() || made.contains_key(entry) {
            return Err("secretKeys must be non-empty and unique".to_owned());
        }
        if made.len() == MOST_ENTRIES {
            return Err(format!("no more than {MOST_ENTRIES} secretKeys are filled"));
        }
        let password = password(spec, random)?;
        let encoded = encoded(&password, spec.encoding.unwrap_or_default());
        made.insert(entry.clone(), encoded);
    }
    Ok(made)
}

fn password(spec: &PasswordSpec, random: &mut impl RandomSource) -> Result<Zeroizing<String>, String> {
    let length = spec.length.filter(|length| *length > 0).unwrap_or(DEFAULT_LENGTH);
    let digits = spec.digits.unwrap_or(length / 4).max(0);
    let symbols = spec.symbols.unwrap_or(length / 4).max(0);
    if length > LONGEST {
        return Err(format!("a password has no more than {LONGEST} characters"));
    }
    let letters = length.saturating_sub(digits).saturating_sub(symbols);
    if letters < 0 {
        return Err("number of digits and symbols must be less than total length".to_owned());
    }
    let upper = if spec.no_upper { "" } else { UPPER };
    // Upstream takes none for all.
    let own = spec.symbol_characters.as_deref().filter(|own| !own.is_empty());
    let groups = [
        ("letters", letters, [LOWER, upper].concat()),
        ("digits", digits, DIGITS.to_owned()),
        ("symbols", symbols, own.unwrap_or(SYMBOLS).to_owned()),
    ];
    let mut characters = Zeroizing::new(Vec::with_capacity(usize::try_from(length).unwrap_or_default()));
    for (what, count, pool) in groups {
        let count = usize::try_from(count).unwrap_or_default();
        let drawn = match spec.allow_repeat {
            true => with_repeats(count, &pool, &mut characters, random),
            false => without_repeats(count, &pool, &mut characters, random),
        };
        let drawn = drawn.map_err(|error| error.to_string())?;
        if !drawn {
            return Err(format!(
                "number of {what} exceeds available {what} and repeats are not allowed"
            ));
        }
    }
    shuffle(&mut characters, random).map_err(|error| error.to_string())?;
    let mut text = Zeroizing::new(String::with_capacity(4 * characters.len()));
    text.extend(characters.iter());
    Ok(text)
}

fn with_repeats(
    count: usize,
    pool: &str,
    characters: &mut Vec<char>,
    random: &mut impl RandomSource,
) -> Result<bool, RandomnessUnavailable> {
    let pool: Vec<char> = pool.chars().collect();
    for _ in 0..count {
        characters.push(pool[below(pool.len(), random)?]);
    }
    Ok(true)
}

// Whether there were enough.
fn without_repeats(
    count: usize,
    pool: &str,
    characters: &mut Vec<char>,
    random: &mut impl RandomSource,
) -> Result<bool, RandomnessUnavailable> {
    let mut left = Zeroizing::new(Vec::with_capacity(pool.len()));
    for character in pool.chars() {
        if !left.contains(&character) && !characters.contains(&character) {
            left.push(character);
        }
    }
    if left.len() < count {
        return Ok(false);
    }
    for _ in 0..count {
        let at = below(left.len(), random)?;
        characters.push(left.swap_remove(at));
    }
    Ok(true)
}

// Fisher and Yates's.
fn shuffle(characters: &mut [char], random: &mut impl RandomSource) -> Result<(), RandomnessUnavailable> {
    for last in (1..characters.len()).rev() {
        characters.swap(last, below(last + 1, random)?);
    }
    Ok(())
}

// A number below `bound`, each equally likely: what does not divide evenly is drawn again.
fn below(bound: usize, random: &mut impl RandomSource) -> Result<usize, RandomnessUnavailable> {
    let bound = u32::try_from(bound.max(1)).unwrap_or(u32::MAX);
    let fair = u32::MAX - u32::MAX % bound;
    loop {
        let mut bytes = [0; 4];
        random.fill(&mut bytes)?;
        let number = u32::from_le_bytes(bytes);
        if number < fair {
            return Ok((number % bound) as usize);
        }
    }
}

fn encoded(password: &str, encoding: PasswordEncoding) -> Plaintext {
    let bytes = password.as_bytes();
    let text = match encoding {
        PasswordEncoding::Raw => return Plaintext::copied(bytes),
        PasswordEncoding::Base64 => encode_base64(bytes).into_bytes(),
        PasswordEncoding::Base64Url => {
            let mut text = encode_base64(bytes).into_bytes();
            for letter in &mut text {
                *letter = match *letter {
                    b'+' => b'-',
                    b'/' => b'_',
                    other => other,
                };
            }
            text
        }
        PasswordEncoding::Base32 => base32(bytes),
        PasswordEncoding::Hex => hex(bytes),
    };
    Plaintext::new(text)
}

pub(super) fn base32(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len().div_ceil(5) * 8);
    for group in bytes.chunks(5) {
        let mut word = [0; 8];
        word[3..3 + group.len()].copy_from_slice(group);
        let word = u64::from_be_bytes(word);
        let letters = (group.len() * 8).div_ceil(5);
        for letter in 0..8 {
            let five = (word >> (35 - 5 * letter)) & 31;
            text.push(if letter < letters {
                BASE32[five as usize]
            } else {
                b'='
            });
        }
    }
    text
}

fn hex(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.extend([byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]));
    }
    text
}
