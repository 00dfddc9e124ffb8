//! Private keys as Go's `crypto/x509` reads and writes them: PKCS#1, PKCS#8 and SEC 1 in, PKCS#8 out. Keys are not
//! made here. Every copy is wiped, aws-lc's among them.

use aws_lc_rs::encoding::{AsBigEndian, EcPrivateKeyBin};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1,
    ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, ParsedPublicKey, RsaKeyPair, VerificationAlgorithm,
};
use zeroize::Zeroizing;

use super::der::{self, Der, Reader};
use crate::function::{Call, CallFault};
use crate::limits::Limit;

/// Reading a key of any kind.
const KEY_FUEL: u64 = 20_000;
/// Longer RSA moduli, in bytes, take too long to work with; aws-lc stops here, too.
const MOST_RSA_BYTES: usize = 1024;
/// aws-lc-rs does not work with shorter ones than 2048 bits.
const LEAST_RSA_BYTES: usize = 256;
/// Seeds of Ed25519 and scalars of X25519.
const OCTETS_25519: usize = 32;

pub(super) const RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
pub(super) const ELLIPTIC: &[u8] = b"\x2a\x86\x48\xce\x3d\x02\x01";
pub(super) const ED25519: &[u8] = b"\x2b\x65\x70";
const X25519: &[u8] = b"\x2b\x65\x6e";

/// Upstream's words for whatever it cannot read.
pub(super) const UNREADABLE: CallFault = CallFault::Refused("unable to parse private key type");

/// A private key in the parts that PKCS#8 has.
pub(super) enum PrivateKey {
    Rsa(RsaNumbers),
    Elliptic(&'static Curve, EllipticNumbers),
    Ed25519(Der),
    X25519(Der),
}

/// The numbers of PKCS#1 in its order: modulus, both exponents, primes, and what follows from them.
pub(super) struct RsaNumbers(pub(super) [Der; 8]);

/// The scalar, as long as the curve's order, and its point, uncompressed.
pub(super) struct EllipticNumbers {
    scalar: Der,
    point: Vec<u8>,
}

/// An elliptic curve of NIST's. P-224, which Go has, is not among those of aws-lc-rs.
pub(super) struct Curve {
    pub(super) name: &'static str,
    pub(super) identifier: &'static [u8],
    /// Bytes of a scalar and of a coordinate.
    pub(super) size: usize,
    signing: &'static EcdsaSigningAlgorithm,
    verification: &'static dyn VerificationAlgorithm,
}

pub(super) static CURVES: [Curve; 3] = [
    Curve {
        name: "P-256",
        identifier: b"\x2a\x86\x48\xce\x3d\x03\x01\x07",
        size: 32,
        signing: &ECDSA_P256_SHA256_ASN1_SIGNING,
        verification: &ECDSA_P256_SHA256_ASN1,
    },
    Curve {
        name: "P-384",
        identifier: b"\x2b\x81\x04\x00\x22",
        size: 48,
        signing: &ECDSA_P384_SHA384_ASN1_SIGNING,
        verification: &ECDSA_P384_SHA384_ASN1,
    },
    Curve {
        name: "P-521",
        identifier: b"\x2b\x81\x04\x00\x23",
        size: 66,
        signing: &ECDSA_P521_SHA512_ASN1_SIGNING,
        verification: &ECDSA_P521_SHA512_ASN1,
    },
];

impl PrivateKey {
    /// Whatever of the three forms `der` has; the label of a PEM block around it says nothing.
    pub(super) fn read(der: &[u8], call: &mut Call<'_>) -> Result<PrivateKey, CallFault> {
        call.spend(KEY_FUEL + der.len() as u64 / 8)?;
        let rsa = only_rsa(der).map(RsaNumbers::checked).transpose()?.flatten();
        match rsa {
            Some(numbers) => Ok(PrivateKey::Rsa(numbers)),
            None => match pkcs8(der)? {
                Some(key) => Ok(key),
                None => elliptic(None, der).ok_or(UNREADABLE),
            },
        }
    }

    /// A key that is in the form of PKCS#8.
    pub(super) fn read_pkcs8(der: &[u8], call: &mut Call<'_>) -> Result<PrivateKey, CallFault> {
        call.spend(KEY_FUEL + der.len() as u64 / 8)?;
        pkcs8(der)?.ok_or(UNREADABLE)
    }

    /// PKCS#8 version 1, without attributes (RFC 5208, section 5).
    pub(super) fn to_pkcs8(&self) -> Der {
        let (algorithm, key) = match self {
            PrivateKey::Rsa(numbers) => (rsa_algorithm(), numbers.to_pkcs1()),
            PrivateKey::Elliptic(curve, numbers) => (curve.algorithm(), numbers.to_sec1(None)),
            PrivateKey::Ed25519(seed) => (der::sequence(&[&der::identifier(ED25519)]), der::octets(seed)),
            PrivateKey::X25519(scalar) => (der::sequence(&[&der::identifier(X25519)]), der::octets(scalar)),
        };
        der::sequence(&[&der::natural(&[]), &algorithm, &der::octets(&key)])
    }
}

/// `rsaEncryption` with the NULL that RFC 3279, section 2.3.1 asks for.
pub(super) fn rsa_algorithm() -> Der {
    der::sequence(&[&der::identifier(RSA), &der::element(der::NULL, &[])])
}

impl Curve {
    /// The algorithm of keys on this curve.
    pub(super) fn algorithm(&self) -> Der {
        der::sequence(&[&der::identifier(ELLIPTIC), &der::identifier(self.identifier)])
    }

    /// Whether an uncompressed point lies on the curve.
    pub(super) fn has(&self, point: &[u8]) -> bool {
        ParsedPublicKey::new(self.verification, point).is_ok()
    }
}

impl EllipticNumbers {
    /// A scalar together with its point, if they belong together.
    pub(super) fn pair(curve: &'static Curve, scalar: Der, point: Vec<u8>) -> Option<EllipticNumbers> {
        EcdsaKeyPair::from_private_key_and_public_key(curve.signing, &scalar, &point).ok()?;
        Some(EllipticNumbers { scalar, point })
    }

    /// RFC 5915, with the curve or, inside PKCS#8, without.
    fn to_sec1(&self, curve: Option<&Curve>) -> Der {
        let curve = curve.map_or_else(Der::default, |curve| {
            der::element(der::explicit(0), &[&der::identifier(curve.identifier)])
        });
        let point = match self.point.is_empty() {
            true => Der::default(),
            false => der::element(der::explicit(1), &[&der::bits(&self.point)]),
        };
        der::sequence(&[&der::natural(&[1]), &der::octets(&self.scalar), &curve, &point])
    }
}

impl RsaNumbers {
    /// RFC 8017, appendix A.1.2.
    pub(super) fn to_pkcs1(&self) -> Der {
        let numbers = self.0.each_ref().map(|number| der::natural(number));
        let mut parts: Vec<&[u8]> = vec![&[der::INTEGER, 1, 0]];
        parts.extend(numbers.iter().map(|number| number.as_slice()));
        der::sequence(&parts)
    }

    /// The numbers, if they belong together. Of short moduli, which aws-lc does not check, it is known only
    /// that they are the primes' product.
    pub(super) fn checked(self) -> Result<Option<RsaNumbers>, CallFault> {
        let modulus = self.0[0].as_slice();
        if modulus.len() > MOST_RSA_BYTES {
            return Err(CallFault::Exceeded(Limit::Cost));
        }
        let is_short = match modulus.len() {
            LEAST_RSA_BYTES => modulus[0] < 0x80,
            length => length < LEAST_RSA_BYTES,
        };
        let belong_together = match is_short {
            true => self.is_product(),
            false => RsaKeyPair::from_der(&self.to_pkcs1()).is_ok(),
        };
        Ok(belong_together.then_some(self))
    }
}

impl RsaNumbers {
    fn is_product(&self) -> bool {
        let [modulus, _, _, p, q, ..] = &self.0;
        // Least significant byte first.
        let mut product = Zeroizing::new(vec![0_u8; p.len() + q.len()]);
        for (low, left) in p.iter().rev().enumerate() {
            let mut carry = 0_u16;
            for (high, right) in q.iter().rev().chain([&0]).enumerate() {
                let Some(byte) = product.get_mut(low + high) else {
                    break;
                };
                carry += u16::from(*byte) + u16::from(*left) * u16::from(*right);
                *byte = carry.to_le_bytes()[0];
                carry >>= 8;
            }
        }
        let zeros = product.iter().rev().take_while(|byte| **byte == 0).count();
        product[..product.len() - zeros].iter().rev().eq(modulus.iter())
    }
}

/// PKCS#1 of two primes, and nothing behind it.
fn only_rsa(der: &[u8]) -> Option<RsaNumbers> {
    let mut inside = der::only(der, der::SEQUENCE)?;
    if inside.count()? != 0 {
        return None;
    }
    let mut numbers: [Der; 8] = Default::default();
    for number in &mut numbers {
        let read = inside.natural().filter(|read| !read.is_empty())?;
        *number = Zeroizing::new(read.to_vec());
    }
    Some(RsaNumbers(numbers))
}

/// What stands behind the fields that are known is passed over, as Go does.
fn pkcs8(der: &[u8]) -> Result<Option<PrivateKey>, CallFault> {
    let Some((algorithm, parameters, key)) = pkcs8_fields(der) else {
        return Ok(None);
    };
    Ok(match algorithm {
        RSA => match only_rsa(key) {
            Some(numbers) => numbers.checked()?.map(PrivateKey::Rsa),
            None => None,
        },
        ELLIPTIC => elliptic(Some(parameters), key),
        ED25519 => octets_25519(parameters, key).map(PrivateKey::Ed25519),
        X25519 => octets_25519(parameters, key).map(PrivateKey::X25519),
        _ => None,
    })
}

fn pkcs8_fields(der: &[u8]) -> Option<(&[u8], Reader<'_>, &[u8])> {
    let mut fields = Reader::new(der).within(der::SEQUENCE)?;
    fields.count()?;
    let mut parameters = fields.within(der::SEQUENCE)?;
    let algorithm = parameters.take(der::OBJECT_IDENTIFIER)?;
    Some((algorithm, parameters, fields.take(der::OCTET_STRING)?))
}

fn octets_25519(parameters: Reader<'_>, key: &[u8]) -> Option<Der> {
    let octets = Reader::new(key).take(der::OCTET_STRING)?;
    let fits = parameters.is_empty() && octets.len() == OCTETS_25519;
    fits.then(|| Zeroizing::new(octets.to_vec()))
}

/// RFC 5915. The curve may be said around it; the point inside is not needed.
fn elliptic(parameters: Option<Reader<'_>>, der: &[u8]) -> Option<PrivateKey> {
    let mut fields = Reader::new(der).within(der::SEQUENCE)?;
    if fields.count()? != 1 {
        return None;
    }
    let key = fields.take(der::OCTET_STRING)?;
    let own = fields
        .within(der::explicit(0))
        .and_then(|mut inside| inside.take(der::OBJECT_IDENTIFIER));
    let around = parameters.and_then(|mut parameters| parameters.take(der::OBJECT_IDENTIFIER));
    let identifier = around.or(own)?;
    let curve = CURVES.iter().find(|curve| curve.identifier == identifier)?;
    let scalar = padded(key, curve.size)?;
    // aws-lc works out the point.
    let alone = EllipticNumbers {
        scalar,
        point: Vec::new(),
    };
    let pair = EcdsaKeyPair::from_private_key_der(curve.signing, &alone.to_sec1(Some(curve))).ok()?;
    let scalar: EcPrivateKeyBin<'_> = pair.private_key().as_be_bytes().ok()?;
    let numbers = EllipticNumbers {
        scalar: Zeroizing::new(scalar.as_ref().to_vec()),
        point: pair.public_key().as_ref().to_vec(),
    };
    Some(PrivateKey::Elliptic(curve, numbers))
}

/// `number` with as many leading zeros as make it `size` bytes long.
pub(super) fn padded(number: &[u8], size: usize) -> Option<Der> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let significant = &number[zeros..];
    let mut padded = Zeroizing::new(vec![0; size]);
    let start = size.checked_sub(significant.len())?;
    padded[start..].copy_from_slice(significant);
    Some(padded)
}

/// An Ed25519 seed, if `point` is its public key.
pub(super) fn ed25519(seed: &[u8], point: &[u8]) -> Option<PrivateKey> {
    Ed25519KeyPair::from_seed_and_public_key(seed, point).ok()?;
    Some(PrivateKey::Ed25519(Zeroizing::new(seed.to_vec())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(modulus: &[u8], p: &[u8], q: &[u8]) -> RsaNumbers {
        let rest: [&[u8]; 5] = [&[3], &[5], &[7], &[9], &[11]];
        let [e, d, dp, dq, qi] = rest;
        RsaNumbers([modulus, e, d, p, q, dp, dq, qi].map(|number| Zeroizing::new(number.to_vec())))
    }

    #[test]
    fn a_short_modulus_is_the_product_of_its_primes() {
        for (modulus, p, q) in [
            (&[0x23][..], &[5][..], &[7][..]),
            (&[0xfe, 0x01], &[0xff], &[0xff]),
            (&[0xff, 0xfe, 0x00, 0x01], &[0xff, 0xff], &[0xff, 0xff]),
            (&[0x0a, 0x00, 0x05], &[0x02, 0x00, 0x01], &[5]),
        ] {
            assert!(numbers(modulus, p, q).is_product(), "{modulus:?}");
            assert!(
                !numbers(&[modulus, &[1]].concat(), p, q).is_product(),
                "{modulus:?}"
            );
        }
        assert!(!numbers(&[0x24], &[5], &[7]).is_product());
    }

    #[test]
    fn a_modulus_of_256_bytes_that_begins_with_a_zero_bit_is_a_short_one() {
        // 2047 bits: 2^1023 times itself would be one more.
        let mut modulus = vec![0; 256];
        let mut p = vec![0; 128];
        (modulus[0], p[0]) = (0x40, 0x80);
        let read = numbers(&modulus, &p, &p).checked();
        assert!(read.is_ok_and(|read| read.is_some()));
    }
}
