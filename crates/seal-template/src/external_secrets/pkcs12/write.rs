//! Archives put together as upstream's library does: certificates encrypted in one content, the key shrouded in
//! another, a MAC over both. Random bytes come from the handed-in generator, in the order in which upstream draws
//! them, so that equal draws give equal archives.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use super::subject::subject;
use super::{NOT_IN_BMP, Password, bmp, protection};
use crate::external_secrets::certificates::{self, Certificate};
use crate::external_secrets::der::{self, Der};
use crate::external_secrets::private_key::PrivateKey;
use crate::function::{Call, CallFault};

pub(super) const DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
pub(super) const ENCRYPTED_DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x06";
pub(super) const SHROUDED_KEY_BAG: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x02";
pub(super) const CERTIFICATE_BAG: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x03";
pub(super) const X509_CERTIFICATE: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x16\x01";
const FRIENDLY_NAME: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x14";
const LOCAL_KEY_ID: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x15";
/// Java takes a certificate for trusted by this attribute only.
const JAVA_TRUST: &[u8] = b"\x60\x86\x48\x01\x86\xf9\x66\xad\xca\x7b\x01\x01";
const ANY_PURPOSE: &[u8] = b"\x55\x1d\x25\x00";

/// A key, its certificate, which is the first, and what the certificate leads to.
pub(super) fn archive(
    key: &PrivateKey,
    certificates: &[Certificate],
    password: &Password,
    call: &mut Call<'_>,
) -> Result<Vec<u8>, CallFault> {
    let leaf = certificates.first().map_or(&[][..], |leaf| &leaf.der);
    let fingerprint = digest(&SHA1_FOR_LEGACY_USE_ONLY, leaf);
    let pairing = attribute(LOCAL_KEY_ID, &der::octets(fingerprint.as_ref()));
    let (algorithm, ciphertext) = protection::encrypt(&key.to_pkcs8(), password, call)?;
    let shrouded = der::sequence(&[&algorithm, &der::octets(&ciphertext)]);
    let key_bag = bag(SHROUDED_KEY_BAG, &shrouded, &[&pairing]);
    let bags = certificates.iter().enumerate().map(|(index, certificate)| {
        let attributes: &[&[u8]] = if index == 0 { &[&pairing] } else { &[] };
        certificate_bag(certificate, attributes)
    });
    let encrypted = encrypted_content(bags, password, call)?;
    let plain = content(DATA, &der::octets(&der::sequence(&[&key_bag])));
    sealed(&[&encrypted, &plain], password, call)
}

/// Certificates that are trusted, each under its subject's name.
pub(super) fn trust_store(
    certificates: &[Certificate],
    password: &Password,
    call: &mut Call<'_>,
) -> Result<Vec<u8>, CallFault> {
    let trust = attribute(JAVA_TRUST, &der::identifier(ANY_PURPOSE));
    let mut bags = Vec::with_capacity(certificates.len());
    for certificate in certificates {
        let name = subject(&certificates::parse(&certificate.der, call)?);
        call.spend(name.len() as u64)?;
        let name = bmp(name.as_bytes()).ok_or(CallFault::Refused(NOT_IN_BMP))?;
        let name = attribute(FRIENDLY_NAME, &der::element(der::BMP_STRING, &[&name]));
        bags.push(certificate_bag(certificate, &[&trust, &name]));
    }
    let encrypted = encrypted_content(bags.into_iter(), password, call)?;
    sealed(&[&encrypted], password, call)
}

/// A PFX (RFC 7292, section 4).
fn sealed(contents: &[&[u8]], password: &Password, call: &mut Call<'_>) -> Result<Vec<u8>, CallFault> {
    let safe = der::sequence(contents);
    let mac = protection::mac(&safe, password, call)?;
    let mut pfx = der::sequence(&[&der::natural(&[3]), &content(DATA, &der::octets(&safe)), &mac]);
    call.admit(pfx.len())?;
    Ok(std::mem::take(&mut *pfx))
}

fn encrypted_content(
    bags: impl Iterator<Item = Der>,
    password: &Password,
    call: &mut Call<'_>,
) -> Result<Der, CallFault> {
    let bags: Vec<Der> = bags.collect();
    let bags: Vec<&[u8]> = bags.iter().map(|bag| bag.as_slice()).collect();
    call.admit(bags.iter().map(|bag| bag.len()).sum())?;
    let (algorithm, ciphertext) = protection::encrypt(&der::sequence(&bags), password, call)?;
    let inside = der::sequence(&[
        &der::identifier(DATA),
        &algorithm,
        &der::element(der::implicit(0), &[&ciphertext]),
    ]);
    let data = der::sequence(&[&der::natural(&[]), &inside]);
    Ok(content(ENCRYPTED_DATA, &data))
}

fn content(kind: &[u8], inside: &[u8]) -> Der {
    der::sequence(&[&der::identifier(kind), &der::element(der::explicit(0), &[inside])])
}

fn certificate_bag(certificate: &Certificate, attributes: &[&[u8]]) -> Der {
    let value = der::sequence(&[
        &der::identifier(X509_CERTIFICATE),
        &der::element(der::explicit(0), &[&der::octets(&certificate.der)]),
    ]);
    bag(CERTIFICATE_BAG, &value, attributes)
}

fn bag(kind: &[u8], value: &[u8], attributes: &[&[u8]]) -> Der {
    let mut sorted = attributes.to_vec();
    // DER sorts what is in a set.
    sorted.sort_unstable();
    let value = der::element(der::explicit(0), &[value]);
    der::sequence(&[&der::identifier(kind), &value, &der::element(der::SET, &sorted)])
}

fn attribute(kind: &[u8], value: &[u8]) -> Der {
    der::sequence(&[&der::identifier(kind), &der::element(der::SET, &[value])])
}
