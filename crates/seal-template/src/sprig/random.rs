//! Random strings, numbers, bytes and identifiers, all from the generator that was handed in.
//! Stronger than upstream in one respect: `shuffle` and `randInt` too take cryptographic randomness.

use zeroize::Zeroizing;

use crate::function::{Arguments, Call, CallFault};
use crate::sprig::Outcome;
use crate::sprig::encodings::encode_base64;
use crate::sprig::letters::characters;
use crate::value::Value;

const DIGITS: &[u8] = b"0123456789";
const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const LETTERS_AND_DIGITS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The most random characters or bytes that one call makes.
const MOST_RANDOM: i64 = 1 << 16;

pub(super) fn rand_alpha_num(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    characters_of(LETTERS_AND_DIGITS, arguments.int(0)?, call)
}

pub(super) fn rand_alpha(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    characters_of(LETTERS, arguments.int(0)?, call)
}

pub(super) fn rand_numeric(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    characters_of(DIGITS, arguments.int(0)?, call)
}

pub(super) fn rand_ascii(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let printable: Vec<u8> = (b' '..=b'~').collect();
    characters_of(&printable, arguments.int(0)?, call)
}

/// A negative count yields nothing, as upstream swallows that error.
fn characters_of(alphabet: &[u8], count: i64, call: &mut Call<'_>) -> Outcome {
    let count = bounded(count.max(0))?;
    call.spend(count as u64)?;
    let mut buffer = call.buffer();
    for _ in 0..count {
        buffer.push(alphabet[below(alphabet.len() as u64, call) as usize])?;
    }
    Ok(buffer.into_text().into())
}

fn bounded(count: i64) -> Result<usize, CallFault> {
    usize::try_from(count)
        .ok()
        .filter(|_| count <= MOST_RANDOM)
        .ok_or(CallFault::Exceeded(crate::limits::Limit::Cost))
}

/// A number below `bound`, each equally likely: draws that would favour the small ones are thrown away.
fn below(bound: u64, call: &mut Call<'_>) -> u64 {
    let zone = u64::MAX - u64::MAX % bound;
    loop {
        let mut bytes = Zeroizing::new([0; 8]);
        call.random(bytes.as_mut());
        let drawn = u64::from_le_bytes(*bytes);
        if drawn < zone {
            return drawn % bound;
        }
    }
}

pub(super) fn rand_int(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let (least, bound) = (arguments.int(0)?, arguments.int(1)?);
    match bound.wrapping_sub(least) {
        span @ 1.. => Ok(Value::Int(
            least.wrapping_add(below(span.unsigned_abs(), call).cast_signed()),
        )),
        _ => Err(CallFault::Refused("invalid argument to Intn")),
    }
}

pub(super) fn rand_bytes(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let count = arguments.int(0)?;
    if count < 0 {
        return Err(CallFault::Refused("runtime error: makeslice: len out of range"));
    }
    let mut bytes = Zeroizing::new(vec![0; bounded(count)?]);
    call.random(&mut bytes);
    Ok(encode_base64(&bytes, call)?.into())
}

pub(super) fn uuidv4(_: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let mut bytes = Zeroizing::new([0; 16]);
    call.random(bytes.as_mut());
    // RFC 9562, sections 5.4 and 4.1: version 4, variant 10.
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut buffer = call.buffer();
    for (position, byte) in bytes.iter().enumerate() {
        if matches!(position, 4 | 6 | 8 | 10) {
            buffer.push(b'-')?;
        }
        for digit in [byte >> 4, byte & 0x0f] {
            buffer.push(b"0123456789abcdef"[usize::from(digit)])?;
        }
    }
    Ok(buffer.into_text().into())
}

/// Fisher and Yates over characters.
pub(super) fn shuffle(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let text = arguments.text(0)?;
    call.spend(4 * text.len() as u64)?;
    let mut shuffled: Zeroizing<Vec<char>> = Zeroizing::new(Vec::with_capacity(text.len()));
    shuffled.extend(characters(text));
    for position in (1..shuffled.len()).rev() {
        let other = below(position as u64 + 1, call) as usize;
        shuffled.swap(position, other);
    }
    let mut buffer = call.buffer();
    for character in shuffled.iter() {
        buffer.push_char(*character)?;
    }
    Ok(buffer.into_text().into())
}
