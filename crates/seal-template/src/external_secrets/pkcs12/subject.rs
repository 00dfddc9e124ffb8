//! A certificate's subject as Go prints it (RFC 2253 with Go's own order), which names the entries of a trust store.

use std::fmt::Write;

use x509_parser::prelude::X509Certificate;

use crate::external_secrets::der;

/// Go's order, and its names; each name once, all values of it together.
const NAMED: [(&str, &str); 9] = [
    ("2.5.4.6", "C"),
    ("2.5.4.8", "ST"),
    ("2.5.4.7", "L"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.17", "POSTALCODE"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    (COMMON_NAME, "CN"),
    (SERIAL_NUMBER, "SERIALNUMBER"),
];
const COMMON_NAME: &str = "2.5.4.3";
const SERIAL_NUMBER: &str = "2.5.4.5";

/// Last things first: Go prints relative names backwards.
pub(super) fn subject(certificate: &X509Certificate<'_>) -> String {
    let attributes: Vec<(String, String)> = certificate
        .subject()
        .iter_attributes()
        .map(|attribute| {
            let value = attribute.attr_value();
            let text = text_of(value.tag().0, value.data);
            (attribute.attr_type().to_id_string(), text)
        })
        .collect();
    let is_named = |identifier: &str| NAMED.iter().any(|(named, _)| *named == identifier);
    let mut parts: Vec<String> = attributes
        .iter()
        .filter(|(identifier, _)| !is_named(identifier))
        .map(|(identifier, text)| unnamed(identifier, text))
        .collect();
    for (identifier, name) in NAMED {
        let mut values: Vec<&str> = attributes
            .iter()
            .filter(|(own, _)| own == identifier)
            .map(|(_, text)| text.as_str())
            .collect();
        if matches!(identifier, COMMON_NAME | SERIAL_NUMBER) {
            // Go keeps the last of these.
            values = values
                .pop()
                .into_iter()
                .filter(|value| !value.is_empty())
                .collect();
        }
        if !values.is_empty() {
            let named: Vec<String> = values
                .iter()
                .map(|value| format!("{name}={}", escaped(value)))
                .collect();
            parts.push(named.join("+"));
        }
    }
    parts.reverse();
    parts.join(",")
}

/// The string types that names have; whatever else reads as nothing.
fn text_of(tag: u32, bytes: &[u8]) -> String {
    match u8::try_from(tag) {
        Ok(der::BMP_STRING) => {
            let units = bytes
                .chunks_exact(2)
                .map(|unit| u16::from(unit[0]) << 8 | u16::from(unit[1]));
            char::decode_utf16(units)
                .map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect()
        }
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// `1.2.3=#` and the value as Go would encode it.
fn unnamed(identifier: &str, text: &str) -> String {
    let printable = |byte: u8| byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&byte);
    let tag = match text.bytes().all(printable) {
        true => der::PRINTABLE_STRING,
        false => der::UTF8_STRING,
    };
    let mut part = format!("{identifier}=#");
    for byte in der::element(tag, &[text.as_bytes()]).iter() {
        let _ = write!(part, "{byte:02x}");
    }
    part
}

/// RFC 2253, section 2.4.
fn escaped(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for (at, character) in value.char_indices() {
        let needs_escape = match character {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => true,
            ' ' => at == 0 || at + 1 == value.len(),
            '#' => at == 0,
            _ => false,
        };
        if needs_escape {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
