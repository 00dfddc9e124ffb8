//! What can be said of a SealedSecret without any private key: names, encoding, layout, size of key.
//!
//! Whether it opens is `open`'s to say.

use seal_api::SealedSecret;
use seal_core::{Envelope, decode_base64};

use super::open::{Names, is_key_size, layout_fault};
use crate::catalogue;
use crate::fault::Fault;

/// All faults that show from outside. With `key_bits`, values sealed with a key of another size too.
pub fn inspect(object: &SealedSecret, key_bits: Option<usize>) -> Vec<Fault> {
    let mut faults: Vec<Fault> = Names::of(object).err().into_iter().collect();
    let spec = &object.spec;
    if let Some(blob) = &spec.data {
        if !spec.encrypted_data.is_empty() {
            faults.push(Fault::new(&catalogue::LEGACY_AND_ITEMS));
        }
        faults.extend(inspect_item(Some(blob), key_bits));
    }
    for (entry, text) in &spec.encrypted_data {
        faults.extend(inspect_item(text.as_deref(), key_bits).map(|fault| fault.entry(entry)));
    }
    faults
}

fn inspect_item(text: Option<&str>, key_bits: Option<usize>) -> Option<Fault> {
    let Some(text) = text else {
        return Some(Fault::new(&catalogue::NOT_TEXT));
    };
    let bytes = match decode_base64(text) {
        Ok(bytes) => bytes,
        Err(error) => return Some(Fault::new(&catalogue::NOT_BASE64).fact("offset", error.offset)),
    };
    let bits = match Envelope::parse(&bytes) {
        Ok(envelope) => envelope.key_bits(),
        Err(error) => return Some(layout_fault(error)),
    };
    if !is_key_size(bits) {
        return Some(Fault::new(&catalogue::MALFORMED));
    }
    let fits = key_bits.is_none_or(|wanted| wanted == bits);
    (!fits).then(|| Fault::new(&catalogue::NO_KEY_OF_THIS_SIZE).fact("bits", bits))
}
