//! From what a store holds to what it means: base64, as Go reads it, and null bytes.

use seal_api::external_secrets::{DecodingStrategy, NullBytePolicy};
use seal_core::{Plaintext, decode_base64};
use zeroize::Zeroizing;

/// What is wrong with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Undecodable {
    /// It is not what the strategy says, from this byte on.
    NotBase64(DecodingStrategy, usize),
    /// It holds a null byte.
    NullByte,
}

/// Decodes a value, and judges what came out.
pub(super) fn decode(
    value: Plaintext,
    strategy: DecodingStrategy,
    null_bytes: NullBytePolicy,
) -> Result<Plaintext, Undecodable> {
    let refused = |offset| Undecodable::NotBase64(strategy, offset);
    let value = match strategy {
        DecodingStrategy::None => value,
        DecodingStrategy::Base64 => standard(&value).map_err(refused)?,
        DecodingStrategy::Base64Url => for_urls(&value).map_err(refused)?,
        DecodingStrategy::Auto => standard(&value).or_else(|_| for_urls(&value)).unwrap_or(value),
    };
    if null_bytes == NullBytePolicy::Fail && value.expose().contains(&0) {
        return Err(Undecodable::NullByte);
    }
    Ok(value)
}

// The byte where it stops being base64, or the value.
fn standard(value: &Plaintext) -> Result<Plaintext, usize> {
    let text = std::str::from_utf8(value.expose()).map_err(|error| error.valid_up_to())?;
    decode_base64(text)
        .map(Plaintext::new)
        .map_err(|error| error.offset)
}

fn for_urls(value: &Plaintext) -> Result<Plaintext, usize> {
    let mut translated = Zeroizing::new(Vec::with_capacity(value.len()));
    translated.extend(value.expose().iter().map(|byte| match byte {
        b'-' => b'+',
        b'_' => b'/',
        // The other alphabet's are nobody's here.
        b'+' | b'/' => b'!',
        other => *other,
    }));
    standard(&Plaintext::from(translated))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    // Made by the real library.
    const VECTORS: &str = include_str!("../../vectors/external-secrets/decodings.jsonl");

    #[derive(Deserialize)]
    struct Row {
        strategy: DecodingStrategy,
        #[serde(rename = "in")]
        value: String,
        out: Option<String>,
        #[serde(default)]
        fails: bool,
    }

    #[test]
    fn values_are_decoded_as_the_real_library_decodes_them() {
        let mut failed = 0;
        for line in VECTORS.lines() {
            let row: Row = serde_json::from_str(line).unwrap();
            let value = Plaintext::new(decode_base64(&row.value).unwrap());
            let decoded = decode(value, row.strategy, NullBytePolicy::Ignore);
            match decoded {
                Ok(value) => {
                    let out = decode_base64(&row.out.unwrap_or_default()).unwrap();
                    assert!(!row.fails && value.matches(&out), "{line}");
                }
                Err(_) => {
                    failed += 1;
                    assert!(row.fails, "{line}");
                }
            }
        }
        assert!(failed > 20);
    }

    #[test]
    fn a_null_byte_is_judged_after_decoding() {
        let value = || Plaintext::copied(b"AGE=");
        let base64 = DecodingStrategy::Base64;
        assert!(decode(value(), DecodingStrategy::None, NullBytePolicy::Fail).is_ok());
        assert!(decode(value(), base64, NullBytePolicy::Ignore).is_ok());
        let refused = decode(value(), base64, NullBytePolicy::Fail).map(|_| ());
        assert_eq!(refused, Err(Undecodable::NullByte));
    }
}
