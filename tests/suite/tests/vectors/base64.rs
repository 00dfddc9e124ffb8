//! Base64 as Go reads it, accepted or refused at the same byte.

use seal_core::decode_base64;
use serde::Deserialize;

use super::files::{read, report};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    text: String,
    hex: Option<String>,
    offset: Option<usize>,
}

#[test]
fn base64_is_read_as_go_reads_it() {
    let mut complaints = Vec::new();
    let vectors = read::<Text>("base64");
    for (name, vector) in &vectors {
        let (hex, offset) = match decode_base64(&vector.text) {
            Ok(bytes) => (
                Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
                None,
            ),
            Err(error) => (None, Some(error.offset)),
        };
        if (&hex, offset) != (&vector.hex, vector.offset) {
            let expected = (&vector.hex, vector.offset);
            complaints.push(format!(
                "{name} {:?}: {:?}, Go has {expected:?}",
                vector.text,
                (hex, offset)
            ));
        }
    }
    report(&complaints, vectors.len());
}
