//! Private keys: made by aws-lc, read from and written to PEM in the forms Go uses.
//! Makes no DSA keys: no kept library does, so that fails by name.

use aws_lc_rs::encoding::{AsDer, EcPrivateKeyRfc5915Der, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING,
    EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use rcgen::{PublicKeyData, SignatureAlgorithm, SigningKey};
use zeroize::Zeroizing;

use crate::function::{Arguments, Call, CallFault};
use crate::limits::Limit;
use crate::sprig::Outcome;
use crate::sprig::encodings::{decode_base64, encode_base64};
use crate::value::{Text, Value};

/// Fuel for making an RSA key: about two seconds for 4096 bits, a fifth of one for 2048.
/// With the default limits a rendering makes one of the former or eight of the latter.
const RSA_4096_FUEL: u64 = 2_500_000;
const RSA_2048_FUEL: u64 = 450_000;
/// Reading or using a key of any kind.
const KEY_FUEL: u64 = 20_000;
/// RSA keys from elsewhere that are larger take too long to use.
const MOST_RSA_BYTES: usize = 512;

const GENERATION_FAILED: CallFault = CallFault::Refused("failed to generate private key");
const BAD_KEY: CallFault = CallFault::Refused("parsing private key: the key cannot be read");

pub(super) fn gen_private_key(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let kind = arguments.text(0)?;
    let key = match kind.as_bytes() {
        b"" | b"rsa" => Key::generate_rsa(KeySize::Rsa4096, RSA_4096_FUEL, call)?,
        b"ecdsa" => {
            call.spend(KEY_FUEL)?;
            let pair =
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(|_| GENERATION_FAILED)?;
            Key::Ecdsa(pair, &rcgen::PKCS_ECDSA_P256_SHA256)
        }
        b"ed25519" => {
            call.spend(KEY_FUEL)?;
            Key::Ed25519(Ed25519KeyPair::generate().map_err(|_| GENERATION_FAILED)?)
        }
        b"dsa" => return Err(CallFault::Refused("genPrivateKey cannot make DSA keys")),
        _ => {
            let mut buffer = call.buffer();
            buffer.extend("Unknown type ")?;
            buffer.extend(kind)?;
            return Ok(buffer.into_text().into());
        }
    };
    Ok(Value::Text(key.to_pem(call)?))
}

/// A private key that can sign certificates.
pub(super) enum Key {
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair, &'static SignatureAlgorithm),
    Ed25519(Ed25519KeyPair),
}

impl Key {
    /// What certificates get when no key is given.
    pub(super) fn generate_rsa_2048(call: &mut Call<'_>) -> Result<Key, CallFault> {
        Key::generate_rsa(KeySize::Rsa2048, RSA_2048_FUEL, call)
    }

    fn generate_rsa(size: KeySize, fuel: u64, call: &mut Call<'_>) -> Result<Key, CallFault> {
        call.spend(fuel)?;
        RsaKeyPair::generate(size)
            .map(Key::Rsa)
            .map_err(|_| GENERATION_FAILED)
    }

    /// Reads the first PEM block: PKCS#8, PKCS#1 or SEC 1.
    pub(super) fn from_pem(text: &[u8], call: &mut Call<'_>) -> Result<Key, CallFault> {
        call.spend(KEY_FUEL + text.len() as u64)?;
        let block = Block::read(text).ok_or(CallFault::Refused("no PEM data in input"))?;
        let key = match block.label.as_str() {
            "PRIVATE KEY" => Key::from_pkcs8(&block.content),
            "RSA PRIVATE KEY" => RsaKeyPair::from_der(&block.content).ok().map(Key::Rsa),
            "EC PRIVATE KEY" => Key::from_elliptic_curve(&block.content),
            "DSA PRIVATE KEY" => return Err(CallFault::Refused("DSA keys cannot sign certificates")),
            _ => return Err(CallFault::Refused("no private key data in PEM block")),
        };
        match key.ok_or(BAD_KEY)? {
            Key::Rsa(pair) if pair.public_modulus_len() > MOST_RSA_BYTES => {
                Err(CallFault::Exceeded(Limit::Cost))
            }
            key => Ok(key),
        }
    }

    fn from_pkcs8(der: &[u8]) -> Option<Key> {
        RsaKeyPair::from_pkcs8(der)
            .map(Key::Rsa)
            .or_else(|_| Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map(Key::Ed25519))
            .ok()
            .or_else(|| Key::from_elliptic_curve(der))
    }

    fn from_elliptic_curve(der: &[u8]) -> Option<Key> {
        let curves: [(&'static EcdsaSigningAlgorithm, &'static SignatureAlgorithm); 3] = [
            (&ECDSA_P256_SHA256_ASN1_SIGNING, &rcgen::PKCS_ECDSA_P256_SHA256),
            (&ECDSA_P384_SHA384_ASN1_SIGNING, &rcgen::PKCS_ECDSA_P384_SHA384),
            (&ECDSA_P521_SHA512_ASN1_SIGNING, &rcgen::PKCS_ECDSA_P521_SHA512),
        ];
        curves.into_iter().find_map(|(curve, algorithm)| {
            let pair = EcdsaKeyPair::from_private_key_der(curve, der).ok()?;
            Some(Key::Ecdsa(pair, algorithm))
        })
    }

    /// RSA as PKCS#1, elliptic curves as SEC 1, Ed25519 as PKCS#8, as Go's sprig writes them.
    pub(super) fn to_pem(&self, call: &Call<'_>) -> Result<Text, CallFault> {
        const UNWRITABLE: CallFault = CallFault::Refused("the private key cannot be written");
        match self {
            Key::Rsa(pair) => {
                let pkcs8: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| UNWRITABLE)?;
                write_pem(
                    "RSA PRIVATE KEY",
                    inside_pkcs8(pkcs8.as_ref()).ok_or(UNWRITABLE)?,
                    call,
                )
            }
            Key::Ecdsa(pair, _) => {
                let sec1: EcPrivateKeyRfc5915Der<'_> = pair.private_key().as_der().map_err(|_| UNWRITABLE)?;
                write_pem("EC PRIVATE KEY", sec1.as_ref(), call)
            }
            Key::Ed25519(pair) => {
                let pkcs8: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| UNWRITABLE)?;
                write_pem("PRIVATE KEY", pkcs8.as_ref(), call)
            }
        }
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        match self {
            Key::Rsa(pair) => pair.public_key().as_ref(),
            Key::Ecdsa(pair, _) => pair.public_key().as_ref(),
            Key::Ed25519(pair) => pair.public_key().as_ref(),
        }
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        match self {
            Key::Rsa(_) => &rcgen::PKCS_RSA_SHA256,
            Key::Ecdsa(_, algorithm) => algorithm,
            Key::Ed25519(_) => &rcgen::PKCS_ED25519,
        }
    }
}

impl SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let random = SystemRandom::new();
        match self {
            Key::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .map(|()| signature)
                    .map_err(|_| rcgen::Error::RemoteKeyError)
            }
            Key::Ecdsa(pair, _) => pair
                .sign(&random, message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| rcgen::Error::RemoteKeyError),
            Key::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}

/// Whether Go would read this as a private key: one that we can use, or a DSA key or RSA key of another size.
pub(super) fn is_private_key(text: &[u8], call: &mut Call<'_>) -> Result<bool, CallFault> {
    match Key::from_pem(text, call) {
        Ok(_) | Err(CallFault::Exceeded(Limit::Cost)) => Ok(true),
        Err(fault @ CallFault::Exceeded(_)) => Err(fault),
        Err(_) => Ok(Block::read(text).is_some_and(|block| {
            let integers = element(&block.content).filter(|(tag, _, rest)| *tag == 0x30 && rest.is_empty());
            let count = integers.map_or(0, |(_, mut inside, _)| {
                let mut count = 0;
                while let Some((0x02, _, rest)) = element(inside) {
                    (inside, count) = (rest, count + 1);
                }
                count
            });
            matches!(
                (block.label.as_str(), count),
                ("RSA PRIVATE KEY", 9) | ("DSA PRIVATE KEY", 6)
            )
        })),
    }
}

/// The key inside PKCS#8: the octet string after version and algorithm (RFC 5208, section 5).
fn inside_pkcs8(der: &[u8]) -> Option<&[u8]> {
    let (_, inside, _) = element(der)?;
    let (_, _, after_version) = element(inside)?;
    let (_, _, after_algorithm) = element(after_version)?;
    element(after_algorithm)
        .filter(|(tag, ..)| *tag == 0x04)
        .map(|(_, key, _)| key)
}

/// The first DER element: its tag, what is inside, what follows.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [tag, first, rest @ ..] = der else {
        return None;
    };
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x0f))?;
            (
                bytes
                    .iter()
                    .fold(0, |length, byte| length << 8 | usize::from(*byte)),
                rest,
            )
        }
        _ => return None,
    };
    let (inside, rest) = rest.split_at_checked(length)?;
    Some((*tag, inside, rest))
}

/// One PEM block.
pub(super) struct Block {
    pub(super) label: String,
    pub(super) content: Zeroizing<Vec<u8>>,
}

impl Block {
    /// The first block that is whole; text around it is ignored.
    pub(super) fn read(text: &[u8]) -> Option<Block> {
        let text = std::str::from_utf8(text).ok()?;
        let mut rest = text;
        loop {
            let begin = rest.find("-----BEGIN ")?;
            let at_line_start = begin == 0 || rest.as_bytes()[begin - 1] == b'\n';
            rest = &rest[begin + "-----BEGIN ".len()..];
            if at_line_start && let Some(block) = Block::after_begin(rest) {
                return Some(block);
            }
        }
    }

    fn after_begin(text: &str) -> Option<Block> {
        let (label, after) = text.split_once("-----")?;
        let (first_line_rest, body) = after.split_once('\n')?;
        let (body, _) = body.split_once(&format!("-----END {label}-----"))?;
        if label.contains('\n') || !first_line_rest.trim().is_empty() {
            return None;
        }
        // Headers such as `Proc-Type: 4,ENCRYPTED` end with an empty line.
        let is_header = |line: &str| line.contains(": ");
        let lines = body.lines().skip_while(|line| is_header(line));
        let encoded: Zeroizing<String> = Zeroizing::new(lines.flat_map(str::split_whitespace).collect());
        let content = decode_base64(encoded.as_bytes()).ok()?;
        Some(Block {
            label: label.to_owned(),
            content,
        })
    }
}

/// Sixty-four characters a line.
pub(super) fn write_pem(label: &str, der: &[u8], call: &Call<'_>) -> Result<Text, CallFault> {
    let mut buffer = call.buffer();
    buffer.extend(format!("-----BEGIN {label}-----\n"))?;
    for line in encode_base64(der, call)?.chunks(64) {
        buffer.extend(line)?;
        buffer.push(b'\n')?;
    }
    buffer.extend(format!("-----END {label}-----\n"))?;
    Ok(buffer.into_text())
}
