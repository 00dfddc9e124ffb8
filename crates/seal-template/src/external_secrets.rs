//! What the template engine v2 of external-secrets has besides sprig: its own functions as one table, its way with
//! missing keys, and rendered maps. Every name of its function map stands here or in `sprig`, except [`EXCLUDED`].
//!
//! Where upstream's versions differ, 2.9's way counts. Random bytes are drawn from the handed-in generator alone;
//! aws-lc draws more of its own to blind RSA's private operations, which no output shows.

mod certificates;
mod der;
mod entries;
mod hexadecimal;
mod jwk;
mod pem;
mod pkcs12;
mod private_key;
mod rsa;
mod yaml;

pub use entries::{EntriesFault, Entry, entries};

use crate::delimiters::Delimiters;
use crate::fault::ParseFault;
use crate::function::Type::{Any, Text};
use crate::function::{Function, Functions};
use crate::sprig;
use crate::template::{MissingKeys, Template};

/// Names that some version of upstream's has and that stay undefined here, each with the reason.
pub const EXCLUDED: &[(&str, &str)] = &[
    (
        "getHostByName",
        "asks a name server, so that values leave as host names; gone upstream since",
    ),
    (
        "getSecretKey",
        "reads any Secret of the cluster as the controller; gone upstream since",
    ),
];

/// All functions: the language's own, sprig's, and those of this table.
pub fn functions() -> Functions {
    Functions::builtin().with(sprig::FUNCTIONS).with(FUNCTIONS)
}

/// Parses a template in whose data a missing key is a fault.
///
/// # Errors
/// When the source is malformed or calls an unknown function, in Go's words.
pub fn parse(
    name: &str,
    source: &str,
    functions: &Functions,
    delimiters: &Delimiters,
) -> Result<Template, ParseFault> {
    let template = Template::parse_with(name, source, functions, delimiters)?;
    Ok(template.with_missing_keys(MissingKeys::Fault))
}

/// The functions, sorted by name.
pub static FUNCTIONS: &[Function] = crate::function::table! {
    "certSANs" (Text) certificates::cert_sans,
    "filterCertChain" (Text, Text) certificates::filter_cert_chain,
    "filterPEM" (Text, Text) certificates::filter_pem,
    "fromYaml" (Text) yaml::from_yaml,
    "fullPemToPkcs12" (Text, Text) pkcs12::full_pem_to_pkcs12,
    "fullPemToPkcs12Pass" (Text, Text, Text) pkcs12::full_pem_to_pkcs12_pass,
    "hexdec" (Text) hexadecimal::hexdec,
    "jwkPrivateKeyPem" (Text) jwk::jwk_private_key_pem,
    "jwkPublicKeyPem" (Text) jwk::jwk_public_key_pem,
    "pemToPkcs12" (Text, Text) pkcs12::pem_to_pkcs12,
    "pemToPkcs12Pass" (Text, Text, Text) pkcs12::pem_to_pkcs12_pass,
    "pemTruststoreToPKCS12" (Text) pkcs12::pem_truststore_to_pkcs12,
    "pemTruststoreToPKCS12Pass" (Text, Text) pkcs12::pem_truststore_to_pkcs12_pass,
    "pkcs12cert" (Text) pkcs12::pkcs12_cert,
    "pkcs12certPass" (Text, Text) pkcs12::pkcs12_cert_pass,
    "pkcs12key" (Text) pkcs12::pkcs12_key,
    "pkcs12keyPass" (Text, Text) pkcs12::pkcs12_key_pass,
    "rsaDecrypt" (Text, Text, Text, Text) rsa::rsa_decrypt,
    "toYaml" (Any) yaml::to_yaml,
};
