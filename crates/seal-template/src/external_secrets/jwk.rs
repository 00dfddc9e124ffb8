//! `jwkPublicKeyPem` and `jwkPrivateKeyPem`: JSON Web Keys (RFC 7517, 7518 and 8037) as PEM. Both read the key that
//! the text holds; neither makes a public key of a private one, as upstream.
//!
//! A private RSA key must come with all that RFC 7518 has it come with: upstream works out what is missing, for
//! which there is no arithmetic here that is wiped.

use zeroize::Zeroizing;

use super::der::{self, Der};
use super::pem;
use super::private_key::{
    self, CURVES, Curve, ED25519, EllipticNumbers, PrivateKey, RsaNumbers, padded, rsa_algorithm,
};
use crate::function::{Arguments, Call, CallFault};
use crate::sprig::encodings::decode_base64;
use crate::sprig::json;
use crate::value::{Map, Text, Value};

type Outcome = Result<Value, CallFault>;

/// Parsing and checking a key.
const KEY_FUEL: u64 = 20_000;
const OCTETS_25519: usize = 32;

const NO_KEY: CallFault = CallFault::Refused("failed to unmarshal JSON into key hint");
const UNKNOWN_KIND: CallFault = CallFault::Refused("invalid key type from JSON");
const BAD_FIELD: CallFault = CallFault::Refused("failed to unmarshal JSON into key");
const BAD_KEY: CallFault = CallFault::Refused("failed to build key: its numbers do not belong together");
const BAD_CURVE: CallFault = CallFault::Refused("failed to build public key: invalid curve algorithm");
const INCOMPLETE: CallFault =
    CallFault::Refused("the key lacks p, q, dp, dq or qi, which RFC 7518 asks for together");

/// Fields that must be strings where they stand, whatever the key.
const TEXTS: [&str; 6] = ["alg", "kid", "use", "x5t", "x5t#S256", "x5u"];

pub(super) fn jwk_public_key_pem(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let fields = Fields::read(arguments.text(0)?, call)?;
    let (algorithm, key) = match fields.kind()? {
        Kind::Rsa if !fields.is_private() => {
            let (modulus, exponent) = (fields.needed("n")?, fields.needed("e")?);
            let key = der::sequence(&[&der::natural(&modulus), &der::natural(&exponent)]);
            (rsa_algorithm(), key)
        }
        Kind::Elliptic(curve) if !fields.is_private() => {
            let point = fields.point(curve)?;
            if !curve.has(&point) {
                return Err(BAD_KEY);
            }
            (curve.algorithm(), Zeroizing::new(point))
        }
        Kind::Ed25519 if !fields.is_private() => {
            let point = fields.needed("x")?;
            if point.len() != OCTETS_25519 {
                return Err(BAD_KEY);
            }
            (der::sequence(&[&der::identifier(ED25519)]), point)
        }
        _ => {
            let go_type = fields.go_type()?;
            return Err(CallFault::RefusedType(
                "x509: unsupported public key type:",
                go_type,
            ));
        }
    };
    // RFC 5280, section 4.1.2.7
    let key = der::sequence(&[&algorithm, &der::bits(&key)]);
    Ok(pem::encoded("PUBLIC KEY", &key, call)?.into())
}

pub(super) fn jwk_private_key_pem(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let fields = Fields::read(arguments.text(0)?, call)?;
    let key = match fields.kind()? {
        Kind::Rsa if fields.is_private() => fields.rsa()?,
        Kind::Elliptic(curve) if fields.is_private() => {
            let scalar = padded(&fields.needed("d")?, curve.size).ok_or(BAD_KEY)?;
            let numbers = EllipticNumbers::pair(curve, scalar, fields.point(curve)?).ok_or(BAD_KEY)?;
            PrivateKey::Elliptic(curve, numbers)
        }
        Kind::Ed25519 if fields.is_private() => {
            private_key::ed25519(&fields.needed("d")?, &fields.needed("x")?).ok_or(BAD_KEY)?
        }
        _ => {
            let go_type = fields.go_type()?;
            return Err(CallFault::RefusedType(
                "x509: unknown key type while marshaling PKCS#8:",
                go_type,
            ));
        }
    };
    Ok(pem::encoded("PRIVATE KEY", &key.to_pkcs8(), call)?.into())
}

/// What kind of key it is, public or private.
enum Kind {
    Rsa,
    Elliptic(&'static Curve),
    Ed25519,
    /// Upstream makes no PEM of these two.
    X25519,
    Symmetric,
}

struct Fields(Map);

impl Fields {
    fn read(text: &Text, call: &mut Call<'_>) -> Result<Fields, CallFault> {
        call.spend(KEY_FUEL)?;
        let fields = match json::read(text, call) {
            Ok((Value::Map(fields), _)) => Fields(fields),
            Ok((Value::Nil, _)) => return Err(UNKNOWN_KIND),
            Err(fault @ CallFault::Exceeded(_)) => return Err(fault),
            Ok(_) | Err(_) => return Err(NO_KEY),
        };
        let texts = TEXTS.iter().try_for_each(|name| fields.text(name).map(|_| ()));
        texts.map(|()| fields)
    }

    fn kind(&self) -> Result<Kind, CallFault> {
        let curve = self.text("crv")?;
        let curve = curve.as_deref();
        match self.text("kty")?.as_deref() {
            Some(b"RSA") => Ok(Kind::Rsa),
            Some(b"EC") => {
                let named = CURVES.iter().find(|known| Some(known.name.as_bytes()) == curve);
                named.map(Kind::Elliptic).ok_or(BAD_CURVE)
            }
            Some(b"OKP") => match curve {
                Some(b"Ed25519") => Ok(Kind::Ed25519),
                Some(b"X25519") => Ok(Kind::X25519),
                _ => Err(BAD_CURVE),
            },
            Some(b"oct") => Ok(Kind::Symmetric),
            _ => Err(UNKNOWN_KIND),
        }
    }

    /// As upstream's faults name what they cannot write. What is no key at all is a fault of its own.
    fn go_type(&self) -> Result<&'static str, CallFault> {
        let kind = self.kind()?;
        let needed: &[&str] = match kind {
            Kind::Rsa => &["n", "e"],
            Kind::Elliptic(_) => &["x", "y"],
            Kind::Ed25519 | Kind::X25519 => &["x"],
            Kind::Symmetric => &["k"],
        };
        needed.iter().try_for_each(|name| self.needed(name).map(|_| ()))?;
        Ok(match (kind, self.is_private()) {
            (Kind::Rsa, false) => "*rsa.PublicKey",
            (Kind::Rsa, true) => "*rsa.PrivateKey",
            (Kind::Elliptic(_), false) => "*ecdsa.PublicKey",
            (Kind::Elliptic(_), true) => "*ecdsa.PrivateKey",
            (Kind::Ed25519, false) => "ed25519.PublicKey",
            (Kind::Ed25519, true) => "ed25519.PrivateKey",
            (Kind::X25519, false) => "x25519.PublicKey",
            (Kind::X25519, true) => "x25519.PrivateKey",
            (Kind::Symmetric, _) => "[]uint8",
        })
    }

    fn text(&self, name: &str) -> Result<Option<Text>, CallFault> {
        match self.0.lookup(name.as_bytes()) {
            Some(Value::Text(text)) => Ok(Some(text)),
            None | Some(Value::Nil) => Ok(None),
            Some(_) => Err(BAD_FIELD),
        }
    }

    /// Whether this is a private key: a `d` of whatever kind makes it one.
    fn is_private(&self) -> bool {
        self.0.lookup(b"d").is_some()
    }

    /// Base64 of either alphabet, padded or not.
    fn bytes(&self, name: &str) -> Result<Option<Der>, CallFault> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let mut standard = Zeroizing::new(text.as_bytes().to_vec());
        // As upstream, which takes one alphabet or the other.
        if !standard.iter().any(|byte| matches!(byte, b'+' | b'/')) {
            for byte in standard.iter_mut() {
                match byte {
                    b'-' => *byte = b'+',
                    b'_' => *byte = b'/',
                    _ => {}
                }
            }
        }
        if !standard.ends_with(b"=") {
            let missing = (4 - standard.len() % 4) % 4;
            let padding = &b"==="[..missing];
            standard = Zeroizing::new([&standard, padding].concat());
        }
        decode_base64(&standard).map(Some).map_err(|_| BAD_FIELD)
    }

    fn needed(&self, name: &str) -> Result<Der, CallFault> {
        self.bytes(name)?.ok_or(BAD_FIELD)
    }

    /// RFC 7518, section 6.3.2.
    fn rsa(&self) -> Result<PrivateKey, CallFault> {
        let (modulus, exponent) = (self.needed("n")?, self.needed("e")?);
        let number = |name: &str| {
            let bytes = self.bytes(name)?.filter(|bytes| !bytes.is_empty());
            bytes.ok_or(INCOMPLETE)
        };
        let numbers = [
            modulus,
            exponent,
            number("d")?,
            number("p")?,
            number("q")?,
            number("dp")?,
            number("dq")?,
            number("qi")?,
        ];
        let numbers = RsaNumbers(numbers.map(without_zeros)).checked()?;
        numbers.map(PrivateKey::Rsa).ok_or(BAD_KEY)
    }

    /// RFC 7518, section 6.2.1: both coordinates, here as SEC 1 writes them uncompressed.
    fn point(&self, curve: &Curve) -> Result<Vec<u8>, CallFault> {
        let coordinate = |name: &str| padded(&self.needed(name)?, curve.size).ok_or(BAD_KEY);
        Ok([&[4][..], &coordinate("x")?, &coordinate("y")?].concat())
    }
}

fn without_zeros(number: Der) -> Der {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    match zeros {
        0 => number,
        _ => Zeroizing::new(number[zeros..].to_vec()),
    }
}
