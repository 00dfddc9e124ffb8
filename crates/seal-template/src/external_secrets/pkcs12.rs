//! PKCS#12 (RFC 7292): the functions that take archives apart and put them together. The format is in `read` and
//! `write`, what protects it in `protection`, keys from passwords in `derivation`.

mod derivation;
mod protection;
mod read;
mod subject;
mod write;

use zeroize::Zeroizing;

use super::certificates::{self, Certificate, NO_BLOCK};
use super::pem;
use super::private_key::PrivateKey;
use crate::function::{Arguments, Call, CallFault};
use crate::sprig::encodings::encode_base64;
use crate::value::{Text, Value};
use read::{Archive, Trouble};

type Outcome = Result<Value, CallFault>;

const NO_PASSWORD: &[u8] = b"";
const NOT_IN_BMP: &str = "pkcs12: string contains characters that cannot be encoded in UCS-2";

/// A password as PKCS#12 wants it: UTF-16 with a final zero (RFC 7292, appendix B.1). What is not in the Basic
/// Multilingual Plane has no such form.
struct Password {
    bmp: Zeroizing<Vec<u8>>,
}

impl Password {
    fn new(text: &[u8]) -> Option<Password> {
        let mut bmp = bmp(text)?;
        bmp.extend_from_slice(&[0, 0]);
        Some(Password { bmp })
    }

    /// No byte at all, which some take for the empty password.
    fn nothing() -> Password {
        Password {
            bmp: Zeroizing::new(Vec::new()),
        }
    }

    fn is_empty(&self) -> bool {
        *self.bmp == [0, 0]
    }

    /// What the later schemes derive keys from (RFC 8018, section 3).
    fn utf8(&self) -> Zeroizing<Vec<u8>> {
        let mut utf8 = Zeroizing::new(Vec::with_capacity(self.bmp.len() / 2 * 3));
        let units = self.bmp.strip_suffix(&[0, 0]).unwrap_or(&self.bmp);
        for unit in units.chunks_exact(2) {
            let code = u32::from(unit[0]) << 8 | u32::from(unit[1]);
            let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
            utf8.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        utf8
    }
}

/// Two bytes for each character; each byte that is no UTF-8 is U+FFFD.
fn bmp(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    // Two more for a final zero: a vector that grows leaves copies behind.
    let mut bmp = Zeroizing::new(Vec::with_capacity(2 * text.len() + 2));
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            let unit = u16::try_from(u32::from(character)).ok()?;
            bmp.extend_from_slice(&unit.to_be_bytes());
        }
        for _ in chunk.invalid() {
            bmp.extend_from_slice(&[0xff, 0xfd]);
        }
    }
    Some(bmp)
}

pub(super) fn pkcs12_key(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    key_of(NO_PASSWORD, arguments.text(0)?, call)
}

pub(super) fn pkcs12_key_pass(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    key_of(arguments.text(0)?, arguments.text(1)?, call)
}

fn key_of(password: &[u8], archive: &[u8], call: &mut Call<'_>) -> Outcome {
    let archive = Archive::open(archive, password, call)
        .map_err(|trouble| trouble.about("unable to decode pkcs12 with password:"))?;
    Ok(pem::encoded("PRIVATE KEY", &archive.key.to_pkcs8(), call)?.into())
}

pub(super) fn pkcs12_cert(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    certificates_of(NO_PASSWORD, arguments.text(0)?, call)
}

pub(super) fn pkcs12_cert_pass(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    certificates_of(arguments.text(0)?, arguments.text(1)?, call)
}

/// In the order of the chain; in that of the archive where they are no single chain.
fn certificates_of(password: &[u8], archive: &[u8], call: &mut Call<'_>) -> Outcome {
    let archive = Archive::open(archive, password, call)
        .map_err(|trouble| trouble.about("unable to decode pkcs12 certificate with password:"))?;
    let unordered = certificates::write_all(&archive.certificates, call)?;
    match certificates::order(archive.certificates) {
        Ok(ordered) => Ok(certificates::write_all(&ordered, call)?.into()),
        Err(_) => Ok(unordered.into()),
    }
}

pub(super) fn pem_to_pkcs12(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    archive_of(arguments, Chain::First, NO_PASSWORD, call)
}

pub(super) fn pem_to_pkcs12_pass(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    archive_of(arguments, Chain::First, arguments.text(2)?, call)
}

pub(super) fn full_pem_to_pkcs12(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    archive_of(arguments, Chain::Whole, NO_PASSWORD, call)
}

pub(super) fn full_pem_to_pkcs12_pass(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    archive_of(arguments, Chain::Whole, arguments.text(2)?, call)
}

/// Which of the certificates go into the archive.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chain {
    First,
    Whole,
}

/// Certificate and key are not compared; upstream does not either.
fn archive_of(arguments: Arguments<'_>, chain: Chain, password: &[u8], call: &mut Call<'_>) -> Outcome {
    let (certificates, key) = (arguments.text(0)?, arguments.text(1)?);
    call.spend((certificates.len() + key.len()) as u64 / 8)?;
    let (block, rest) = pem::decode(certificates).ok_or(NO_BLOCK)?;
    let mut chosen = vec![Certificate::read(&block.content, call)?];
    if chain == Chain::Whole {
        chosen.extend(further(rest, call)?);
    }
    let (block, _) = pem::decode(key).ok_or(NO_BLOCK)?;
    let key = PrivateKey::read(&block.content, call)?;
    let password = Password::new(password).ok_or(CallFault::Refused(NOT_IN_BMP))?;
    let archive = write::archive(&key, &chosen, &password, call)?;
    Ok(encode_base64(&archive, call)?.into())
}

pub(super) fn pem_truststore_to_pkcs12(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    trust_store_of(arguments.text(0)?, NO_PASSWORD, call)
}

pub(super) fn pem_truststore_to_pkcs12_pass(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    trust_store_of(arguments.text(0)?, arguments.text(1)?, call)
}

fn trust_store_of(certificates: &Text, password: &[u8], call: &mut Call<'_>) -> Outcome {
    let certificates = further(certificates, call)?;
    let password = Password::new(password).ok_or(CallFault::Refused(NOT_IN_BMP))?;
    let store = write::trust_store(&certificates, &password, call)?;
    Ok(encode_base64(&store, call)?.into())
}

/// All certificates of `text`. White space behind the last one is nothing; upstream dies of it.
fn further(text: &[u8], call: &mut Call<'_>) -> Result<Vec<Certificate>, CallFault> {
    call.spend(text.len() as u64 / 8)?;
    let mut certificates = Vec::new();
    let mut rest = text;
    while !rest.trim_ascii().is_empty() {
        let (block, after) = pem::decode(rest).ok_or(NO_BLOCK)?;
        certificates.push(Certificate::read(&block.content, call)?);
        rest = after;
    }
    Ok(certificates)
}

impl Trouble {
    /// As the fault of a function that says first what it was about to do.
    fn about(self, attempt: &'static str) -> CallFault {
        match self {
            Trouble::Refused(reason) => CallFault::RefusedType(attempt, reason),
            Trouble::Fault(fault) => fault,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_have_two_bytes_a_character_and_their_utf_8_back() {
        let password = Password::new("pä\u{20ac}".as_bytes()).unwrap();
        assert_eq!(*password.bmp, [0, b'p', 0, 0xe4, 0x20, 0xac, 0, 0]);
        assert_eq!(*password.utf8(), *"pä\u{20ac}".as_bytes());
        assert_eq!(*Password::new(b"\xff").unwrap().utf8(), *"\u{fffd}".as_bytes());
        assert!(Password::new("\u{1f511}".as_bytes()).is_none());
        assert!(Password::new(b"").unwrap().is_empty() && !Password::nothing().is_empty());
    }
}
