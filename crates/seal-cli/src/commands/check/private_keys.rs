//! Private keys in bytes that need not be a manifest: PEM, PEM in base64 as kubeconfigs have it, age. Tokens
//! of services are left to the scanners that know thousands of them.

use memchr::memmem;
use seal_core::decode_base64;
use zeroize::Zeroizing;

/// `-----BEGIN` in base64.
pub(super) const BASE64_PEM: &[u8] = b"LS0tLS1CRUdJTi";

/// Where private keys stand in `bytes`, and how to show each.
pub(super) fn find(bytes: &[u8]) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    for at in memmem::find_iter(bytes, b"PRIVATE KEY") {
        if let Some(start) = pem(bytes, at) {
            found.push((start, "-----BEGIN PRIVATE KEY-----***"));
        }
    }
    for at in memmem::find_iter(bytes, BASE64_PEM) {
        if is_base64_key(&bytes[at..]) {
            found.push((at, "***"));
        }
    }
    for at in memmem::find_iter(bytes, b"AGE-SECRET-KEY-") {
        let rest = &bytes[at + 15..];
        let length = rest
            .iter()
            .take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || **byte == b'-')
            .count();
        // The shortest is 59 long; documentation writes `AGE-SECRET-KEY-1...`.
        if length >= 58 && is_varied(&rest[..length]) {
            found.push((at, "AGE-SECRET-KEY-***"));
        }
    }
    found.sort_unstable();
    found
}

// Where the block begins whose tag is at `at`, if there is a key in it that no pass phrase protects.
fn pem(bytes: &[u8], at: usize) -> Option<usize> {
    const LONGEST_TAG: usize = 40;
    let head = &bytes[at.saturating_sub(LONGEST_TAG)..at];
    let start = memmem::rfind(head, b"-----BEGIN ")?;
    let tag = &head[start + 11..];
    let word = |byte: &u8| byte.is_ascii_uppercase() || *byte == b' ';
    if !tag.iter().all(word) || memmem::find(tag, b"ENCRYPTED").is_some() {
        return None;
    }
    let rest = &bytes[at + b"PRIVATE KEY".len()..];
    let rest = rest
        .strip_prefix(b" BLOCK")
        .unwrap_or(rest)
        .strip_prefix(b"-----")?;
    has_body(rest).then_some(at - head.len() + start)
}

// Documentation and tests write `MIIE…` or nothing; the shortest real key has more than a line.
fn has_body(rest: &[u8]) -> bool {
    const ENOUGH: usize = 60;
    let mut body = Zeroizing::new(Vec::with_capacity(ENOUGH));
    let mut bytes = rest.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' | b'=' => body.push(byte),
            b' ' | b'\t' | b'\r' | b'\n' | b'#' | b'"' => {}
            // A line break in JSON or in double quotes.
            b'\\' if matches!(bytes.next(), Some(b'n' | b'r')) => {}
            _ => return false,
        }
        if body.len() == ENOUGH {
            return is_varied(&body);
        }
    }
    false
}

fn is_base64_key(rest: &[u8]) -> bool {
    const SHORTEST: usize = 160;
    let is_letter = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    let length = rest.iter().take_while(is_letter).count();
    if length < SHORTEST {
        return false;
    }
    let head = std::str::from_utf8(&rest[..SHORTEST]).expect("these are letters of ASCII");
    let Ok(head) = decode_base64(head).map(Zeroizing::new) else {
        return false;
    };
    memmem::find(&head, b"PRIVATE KEY").is_some_and(|at| pem(&head, at).is_some())
}

// What stands for a key in an example repeats itself.
fn is_varied(body: &[u8]) -> bool {
    let mut seen = [false; 256];
    body.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    seen.iter().filter(|seen| **seen).count() >= 16
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\nMzEfYyjiWA4R4/M2bS1GB4t7NXp98C3SC6dVMvDuictGeurT8jNbvJZHtCSuYEvu\n";

    fn key(tag: &str) -> String {
        format!("-----BEGIN {tag}-----\n{BODY}-----END {tag}-----\n")
    }

    #[test]
    fn keys_are_found_however_they_are_wrapped() {
        let pem = key("PRIVATE KEY");
        for text in [
            pem.clone(),
            key("RSA PRIVATE KEY"),
            key("OPENSSH PRIVATE KEY"),
            key("EC PRIVATE KEY").replace('\n', "\n    # "),
            serde_json::to_string(&pem).unwrap(),
            seal_core::encode_base64(pem.as_bytes()),
            "AGE-SECRET-KEY-1QL3Z7HJY54PW3HYWW5AYYFG7ZQGVC7W3J2ELW8ZMRJ2KG5SFN9AQMCAC8PX2".to_owned(),
        ] {
            assert_eq!(find(format!("x: {text}").as_bytes()).len(), 1, "{text}");
        }
    }

    #[test]
    fn what_is_public_protected_or_an_example_is_no_finding() {
        for text in [
            key("CERTIFICATE"),
            key("PUBLIC KEY"),
            key("ENCRYPTED PRIVATE KEY"),
            seal_core::encode_base64(key("CERTIFICATE").as_bytes()),
            format!("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n{BODY}"),
            "-----BEGIN PRIVATE KEY-----\nMIIE...\n-----END PRIVATE KEY-----\n".to_owned(),
            "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n".to_owned(),
            format!("-----BEGIN PRIVATE KEY-----\n{}\n", "x".repeat(200)),
            "AGE-SECRET-KEY-1...".to_owned(),
        ] {
            assert_eq!(find(text.as_bytes()), [], "{text}");
        }
    }
}
