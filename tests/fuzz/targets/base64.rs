//! Base64 of strangers: what is accepted is what an encoder could have written, line breaks and unused
//! bits apart; what is refused is refused within the text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use seal_core::{decode_base64, encode_base64};

fuzz_target!(|text: &str| match decode_base64(text) {
    Ok(bytes) => {
        let bare: String = text
            .chars()
            .filter(|letter| !matches!(letter, '\r' | '\n'))
            .collect();
        let written = encode_base64(&bytes);
        assert_eq!(bare.len(), written.len());
        let differ = bare
            .bytes()
            .zip(written.bytes())
            .filter(|(one, other)| one != other)
            .count();
        assert!(differ <= 1, "more than the last letter differs");
    }
    Err(error) => assert!(error.offset <= text.len()),
});
