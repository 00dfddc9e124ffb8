//! An archive taken apart: one private key and at least one certificate, as upstream wants it. DER only, like Go's
//! reader; the first certificate is the leaf.

use zeroize::Zeroizing;

use super::protection::{self, Mac};
use super::write::{CERTIFICATE_BAG, DATA, ENCRYPTED_DATA, SHROUDED_KEY_BAG, X509_CERTIFICATE};
use super::{NOT_IN_BMP, Password};
use crate::external_secrets::certificates::Certificate;
use crate::external_secrets::der::{self, Reader};
use crate::external_secrets::private_key::PrivateKey;
use crate::function::{Call, CallFault};

const KEY_BAG: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x01";
/// Certificates in one, the key in the other; some have both in one.
const MOST_CONTENTS: usize = 2;

const MALFORMED: Trouble = Trouble::Refused("pkcs12: error reading P12 data");
const NOT_VERSION_3: Trouble = Trouble::Refused("pkcs12: can only decode v3 PFX PDU's");
const NOT_BY_PASSWORD: Trouble = Trouble::Refused("pkcs12: only password-protected PFX is implemented");
const NO_MAC: Trouble = Trouble::Refused("pkcs12: no MAC in data");
const WRONG_PASSWORD: Trouble = Trouble::Refused("pkcs12: decryption password incorrect");
const TOO_MANY_CONTENTS: Trouble =
    Trouble::Refused("pkcs12: expected between 1 and 2 items in the authenticated safe");
const UNKNOWN_CONTENT: Trouble =
    Trouble::Refused("pkcs12: only data and encryptedData content types are supported in authenticated safe");
const NO_X509: Trouble = Trouble::Refused("pkcs12: only X509 certificates are supported in cert bags");
const SEVERAL_KEYS: Trouble = Trouble::Refused("pkcs12: expected exactly one key bag");
const NO_CERTIFICATE: Trouble = Trouble::Refused("pkcs12: certificate missing");
const NO_KEY: Trouble = Trouble::Refused("pkcs12: private key missing");

/// Why an archive does not open.
pub(super) enum Trouble {
    /// A reason that is the same whatever the archive holds.
    Refused(&'static str),
    /// A fault of something beneath.
    Fault(CallFault),
}

impl From<CallFault> for Trouble {
    fn from(fault: CallFault) -> Self {
        match fault {
            CallFault::Refused(reason) => Trouble::Refused(reason),
            fault => Trouble::Fault(fault),
        }
    }
}

/// What an archive held.
pub(super) struct Archive {
    pub(super) key: PrivateKey,
    pub(super) certificates: Vec<Certificate>,
}

#[derive(Default)]
struct Found {
    key: Option<PrivateKey>,
    certificates: Vec<Certificate>,
}

impl Archive {
    pub(super) fn open(bytes: &[u8], password: &[u8], call: &mut Call<'_>) -> Result<Archive, Trouble> {
        call.spend(bytes.len() as u64 / 8)?;
        let mut password = Password::new(password).ok_or(Trouble::Refused(NOT_IN_BMP))?;
        let mut fields = der::only(bytes, der::SEQUENCE).ok_or(MALFORMED)?;
        if fields.count().ok_or(MALFORMED)? != 3 {
            return Err(NOT_VERSION_3);
        }
        let mut content = fields.within(der::SEQUENCE).ok_or(MALFORMED)?;
        if content.take(der::OBJECT_IDENTIFIER).ok_or(MALFORMED)? != DATA {
            return Err(NOT_BY_PASSWORD);
        }
        let safe = data(content).ok_or(MALFORMED)?;
        match fields.is_empty() {
            true if password.is_empty() => {}
            true => return Err(NO_MAC),
            false => {
                let mac = fields
                    .within(der::SEQUENCE)
                    .and_then(Mac::read)
                    .ok_or(MALFORMED)?;
                verify(&mac, safe, &mut password, call)?;
            }
        }
        let mut found = Found::default();
        let mut contents = der::only(safe, der::SEQUENCE).ok_or(MALFORMED)?;
        let mut count = 0;
        while !contents.is_empty() {
            count += 1;
            if count > MOST_CONTENTS {
                return Err(TOO_MANY_CONTENTS);
            }
            found.content(contents.within(der::SEQUENCE).ok_or(MALFORMED)?, &password, call)?;
        }
        if found.certificates.is_empty() {
            return Err(if count == 0 {
                TOO_MANY_CONTENTS
            } else {
                NO_CERTIFICATE
            });
        }
        Ok(Archive {
            key: found.key.ok_or(NO_KEY)?,
            certificates: found.certificates,
        })
    }
}

/// Where an empty password fails, none at all is tried: programs differ in what an empty one is.
fn verify(mac: &Mac<'_>, safe: &[u8], password: &mut Password, call: &mut Call<'_>) -> Result<(), Trouble> {
    if mac.verify(safe, password, call)? {
        return Ok(());
    }
    if password.is_empty() {
        *password = Password::nothing();
        if mac.verify(safe, password, call)? {
            return Ok(());
        }
    }
    Err(WRONG_PASSWORD)
}

/// The octets of a ContentInfo of type data, whose type has been read.
fn data(mut content: Reader<'_>) -> Option<&[u8]> {
    let mut explicit = content.within(der::explicit(0))?;
    explicit.take(der::OCTET_STRING).filter(|_| explicit.is_empty())
}

impl Found {
    fn content(
        &mut self,
        mut content: Reader<'_>,
        password: &Password,
        call: &mut Call<'_>,
    ) -> Result<(), Trouble> {
        match content.take(der::OBJECT_IDENTIFIER).ok_or(MALFORMED)? {
            DATA => self.bags(data(content).ok_or(MALFORMED)?, password, call),
            ENCRYPTED_DATA => {
                let (algorithm, ciphertext) = encrypted(content).ok_or(MALFORMED)?;
                let plaintext = protection::decrypt(algorithm, ciphertext, password, call)?;
                self.bags(&plaintext, password, call)
            }
            _ => Err(UNKNOWN_CONTENT),
        }
    }

    fn bags(&mut self, safe: &[u8], password: &Password, call: &mut Call<'_>) -> Result<(), Trouble> {
        let mut bags = der::only(safe, der::SEQUENCE).ok_or(MALFORMED)?;
        while !bags.is_empty() {
            let mut bag = bags.within(der::SEQUENCE).ok_or(MALFORMED)?;
            let kind = bag.take(der::OBJECT_IDENTIFIER).ok_or(MALFORMED)?;
            let value = bag.take(der::explicit(0)).ok_or(MALFORMED)?;
            match kind {
                CERTIFICATE_BAG => {
                    let mut fields = der::only(value, der::SEQUENCE).ok_or(MALFORMED)?;
                    if fields.take(der::OBJECT_IDENTIFIER).ok_or(MALFORMED)? != X509_CERTIFICATE {
                        return Err(NO_X509);
                    }
                    let mut explicit = fields.within(der::explicit(0)).ok_or(MALFORMED)?;
                    let certificate = explicit.take(der::OCTET_STRING).ok_or(MALFORMED)?;
                    self.certificates.push(Certificate::read(certificate, call)?);
                }
                KEY_BAG => self.key(value, call)?,
                SHROUDED_KEY_BAG => {
                    let mut fields = der::only(value, der::SEQUENCE).ok_or(MALFORMED)?;
                    let algorithm = fields.within(der::SEQUENCE).ok_or(MALFORMED)?;
                    let ciphertext = fields.take(der::OCTET_STRING).ok_or(MALFORMED)?;
                    let key: Zeroizing<Vec<u8>> = protection::decrypt(algorithm, ciphertext, password, call)?;
                    self.key(&key, call)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn key(&mut self, pkcs8: &[u8], call: &mut Call<'_>) -> Result<(), Trouble> {
        if self.key.is_some() {
            return Err(SEVERAL_KEYS);
        }
        self.key = Some(PrivateKey::read_pkcs8(pkcs8, call)?);
        Ok(())
    }
}

/// The algorithm and the ciphertext of an EncryptedData (RFC 5652, section 8), version 0.
fn encrypted(mut content: Reader<'_>) -> Option<(Reader<'_>, &[u8])> {
    let mut explicit = content.within(der::explicit(0))?;
    let mut fields = explicit.within(der::SEQUENCE).filter(|_| explicit.is_empty())?;
    fields.count().filter(|version| *version == 0)?;
    let mut inside = fields.within(der::SEQUENCE)?;
    inside.take(der::OBJECT_IDENTIFIER)?;
    let algorithm = inside.within(der::SEQUENCE)?;
    Some((algorithm, inside.take(der::implicit(0)).unwrap_or_default()))
}
