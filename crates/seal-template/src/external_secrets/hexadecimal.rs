//! `hexdec`: a decoder that answers bad input with Go's error text as its *value*, as `b64dec` does.

use zeroize::Zeroizing;

use crate::function::{Arguments, Call, CallFault};
use crate::quote::is_print;
use crate::value::{Text, Value};

pub(super) fn hexdec(arguments: Arguments<'_>, call: &mut Call<'_>) -> Result<Value, CallFault> {
    let text = arguments.text(0)?;
    call.spend(text.len() as u64 / 8)?;
    let digit = |byte: &u8| {
        char::from(*byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let whole = &text[..text.len() / 2 * 2];
    // A last digit without a partner is looked at before it is missed.
    if let Some(wrong) = text.iter().find(|byte| digit(byte).is_none()) {
        let code = u32::from(*wrong);
        let character = char::from(*wrong);
        return Ok(Value::text(match is_print(character) {
            true => format!("encoding/hex: invalid byte: U+{code:04X} '{character}'"),
            false => format!("encoding/hex: invalid byte: U+{code:04X}"),
        }));
    }
    if whole.len() < text.len() {
        return Ok("encoding/hex: odd length hex string".into());
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(whole.len() / 2));
    for pair in whole.chunks(2) {
        bytes.push(
            pair.iter()
                .filter_map(digit)
                .fold(0, |byte, digit| byte << 4 | digit),
        );
    }
    Ok(Text::from(bytes).into())
}
