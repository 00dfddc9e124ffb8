//! Base64, base32 and digests. A decoder answers bad input with Go's error text as its *value*, as upstream does:
//! the text holds an offset, never the input.

use aws_lc_rs::digest;
use zeroize::Zeroizing;

use crate::function::{Arguments, Call, CallFault};
use crate::sprig::Outcome;
use crate::value::{Text, Value};

/// Where the input is not what the encoding allows.
pub(crate) struct CorruptAt(usize);

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

pub(super) fn b64enc(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    Ok(encode_base64(arguments.text(0)?, call)?.into())
}

pub(super) fn b32enc(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    Ok(encode(arguments.text(0)?, BASE32, 5, 8, call)?.into())
}

pub(super) fn b64dec(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    Ok(match decode_base64(arguments.text(0)?) {
        Ok(bytes) => Text::from(bytes).into(),
        Err(CorruptAt(offset)) => Value::text(format!("illegal base64 data at input byte {offset}")),
    })
}

pub(super) fn b32dec(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    Ok(match decode_base32(arguments.text(0)?) {
        Ok(bytes) => Text::from(bytes).into(),
        Err(CorruptAt(offset)) => Value::text(format!("illegal base32 data at input byte {offset}")),
    })
}

/// Standard alphabet, padded.
pub(crate) fn encode_base64(bytes: &[u8], call: &Call<'_>) -> Result<Text, CallFault> {
    encode(bytes, BASE64, 3, 4, call)
}

/// Groups of `group` bytes become `width` characters; `8 * group / width` bits each.
fn encode(
    bytes: &[u8],
    alphabet: &[u8],
    group: usize,
    width: usize,
    call: &Call<'_>,
) -> Result<Text, CallFault> {
    call.admit(bytes.len().div_ceil(group).saturating_mul(width))?;
    let bits = 8 * group / width;
    let mut buffer = call.buffer();
    for chunk in bytes.chunks(group) {
        let word = chunk
            .iter()
            .fold(0_u64, |word, byte| word << 8 | u64::from(*byte))
            << (8 * (group - chunk.len()));
        let used = (8 * chunk.len()).div_ceil(bits);
        for position in 0..width {
            let digit = word >> (bits * (width - 1 - position)) & ((1 << bits) - 1);
            buffer.push(if position < used {
                alphabet[digit as usize]
            } else {
                b'='
            })?;
        }
    }
    Ok(buffer.into_text())
}

/// As Go's decoder: line breaks are skipped, leftover bits ignored, offsets count line breaks.
pub(crate) fn decode_base64(text: &[u8]) -> Result<Zeroizing<Vec<u8>>, CorruptAt> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() / 4 * 3 + 3));
    let mut position = 0;
    loop {
        let mut quantum = [0_u8; 4];
        let mut filled = 0;
        let mut last = false;
        while filled < 4 {
            let Some(byte) = text.get(position) else {
                return match filled {
                    0 => Ok(bytes),
                    _ => Err(CorruptAt(position - filled)),
                };
            };
            position += 1;
            if matches!(byte, b'\r' | b'\n') {
                continue;
            }
            if let Some(digit) = digit_of(*byte, BASE64) {
                quantum[filled] = digit;
                filled += 1;
                continue;
            }
            if *byte != b'=' || filled < 2 {
                return Err(CorruptAt(position - 1));
            }
            let skip = |mut position: usize| {
                while matches!(text.get(position), Some(b'\r' | b'\n')) {
                    position += 1;
                }
                position
            };
            if filled == 2 {
                position = skip(position);
                match text.get(position) {
                    Some(b'=') => position += 1,
                    Some(_) => return Err(CorruptAt(position - 1)),
                    None => return Err(CorruptAt(text.len())),
                }
            }
            position = skip(position);
            if position < text.len() {
                return Err(CorruptAt(position));
            }
            last = true;
            break;
        }
        let word = quantum
            .iter()
            .fold(0_u32, |word, digit| word << 6 | u32::from(*digit));
        bytes.extend_from_slice(&word.to_be_bytes()[1..filled.max(1)]);
        if last {
            return Ok(bytes);
        }
    }
}

/// As Go's decoder, which stops at the end of the padding without looking further.
fn decode_base32(text: &[u8]) -> Result<Zeroizing<Vec<u8>>, CorruptAt> {
    let text: Zeroizing<Vec<u8>> = Zeroizing::new(
        text.iter()
            .copied()
            .filter(|byte| !matches!(byte, b'\r' | b'\n'))
            .collect(),
    );
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() / 8 * 5 + 5));
    for (number, group) in text.chunks(8).enumerate() {
        let offset = 8 * number;
        let mut digits = [0_u8; 8];
        let mut filled = 0;
        while filled < 8 {
            let Some(byte) = group.get(filled) else {
                return Err(CorruptAt(offset));
            };
            if *byte == b'=' && filled >= 2 && text.len() - offset - filled < 9 {
                // Padding runs to the end of the group.
                let rest = text.len() - offset - filled - 1;
                if rest + filled < 7 {
                    return Err(CorruptAt(text.len()));
                }
                if let Some(other) = (0..7 - filled).find(|index| text[offset + filled + 1 + index] != b'=') {
                    return Err(CorruptAt(offset + filled + other));
                }
                if matches!(filled, 1 | 3 | 6) {
                    return Err(CorruptAt(offset + filled));
                }
                break;
            }
            let Some(digit) = digit_of(*byte, BASE32) else {
                return Err(CorruptAt(offset + filled));
            };
            digits[filled] = digit;
            filled += 1;
        }
        let word = digits
            .iter()
            .fold(0_u64, |word, digit| word << 5 | u64::from(*digit));
        bytes.extend_from_slice(&word.to_be_bytes()[3..3 + 5 * filled / 8]);
        if filled < 8 {
            break;
        }
    }
    Ok(bytes)
}

fn digit_of(byte: u8, alphabet: &[u8]) -> Option<u8> {
    alphabet
        .iter()
        .position(|letter| *letter == byte)
        .and_then(|position| u8::try_from(position).ok())
}

pub(super) fn sha1sum(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    hash(&digest::SHA1_FOR_LEGACY_USE_ONLY, arguments, call)
}

pub(super) fn sha256sum(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    hash(&digest::SHA256, arguments, call)
}

pub(super) fn sha512sum(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    hash(&digest::SHA512, arguments, call)
}

fn hash(algorithm: &'static digest::Algorithm, arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let text = arguments.text(0)?;
    call.spend(text.len() as u64 / 8)?;
    let mut buffer = call.buffer();
    for byte in digest::digest(algorithm, text).as_ref() {
        buffer.extend(format!("{byte:02x}"))?;
    }
    Ok(buffer.into_text().into())
}

pub(super) fn adler32sum(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let text = arguments.text(0)?;
    call.spend(text.len() as u64 / 8)?;
    let (low, high) = text.iter().fold((1_u32, 0_u32), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65521;
        (low, (high + low) % 65521)
    });
    Ok(Value::text((high << 16 | low).to_string()))
}
