//! SSH key pairs, as OpenSSH writes them: `openssh-key-v1` (PROTOCOL.key) without passphrase, and a line for
//! `authorized_keys` (RFC 4253 §6.6, RFC 5656 §3.1, RFC 8709 §4). They are made and never read here.
//!
//! Keys on curves come from the [`RandomSource`] handed in, so that equal bytes make equal keys; RSA keys are
//! aws-lc's own making.

use aws_lc_rs::agreement::{self, ECDH_P256, ECDH_P384, ECDH_P521};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use x509_parser::asn1_rs::{Any, FromDer, Sequence};
use zeroize::Zeroizing;

use crate::pem_blocks::encode;
use crate::private_key::pkcs1_of;
use crate::{
    KeySize, Plaintext, PrivateKey, PrivateKeyError, RandomSource, RandomnessUnavailable, encode_base64,
};

/// What kind of key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SshKeyKind {
    /// `ssh-ed25519`.
    Ed25519,
    /// `ecdsa-sha2-…`.
    Ecdsa(SshCurve),
    /// `ssh-rsa`.
    Rsa(KeySize),
}

/// The curves of RFC 5656 that every SSH has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SshCurve {
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
    /// NIST P-521.
    P521,
}

/// A key pair.
pub struct SshKeyPair {
    /// The private key, as a PEM block `OPENSSH PRIVATE KEY`.
    pub private_key: Plaintext,
    /// The public key, as a line for `authorized_keys`.
    pub public_key: String,
}

/// No key was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SshKeyError {
    /// There were no random bytes.
    #[error(transparent)]
    Random(#[from] RandomnessUnavailable),
    /// aws-lc made none.
    #[error(transparent)]
    Library(#[from] PrivateKeyError),
}

// Of 2^256 scalars all but 2^224 are fit, and of the other curves' more: a second try is luck enough.
const TRIES: usize = 64;
const BLOCK: usize = 8;
// The longest, of 8192 bits, takes 4.7 KiB: nothing may be copied while it grows.
const ROOM: usize = 8 << 10;

impl SshCurve {
    fn name(self) -> &'static str {
        match self {
            Self::P256 => "nistp256",
            Self::P384 => "nistp384",
            Self::P521 => "nistp521",
        }
    }

    fn agreement(self) -> (&'static agreement::Algorithm, usize, u8) {
        match self {
            Self::P256 => (&ECDH_P256, 32, 0xff),
            Self::P384 => (&ECDH_P384, 48, 0xff),
            Self::P521 => (&ECDH_P521, 66, 0x01),
        }
    }
}

impl SshKeyKind {
    /// Whether equal random bytes make equal keys.
    pub fn is_repeatable(self) -> bool {
        !matches!(self, Self::Rsa(_))
    }
}

impl SshKeyPair {
    /// Makes one. RSA keys of the larger sizes take seconds: not for an asynchronous task.
    ///
    /// # Errors
    /// [`SshKeyError`].
    pub fn generate(
        kind: SshKeyKind,
        comment: &str,
        random: &mut impl RandomSource,
    ) -> Result<Self, SshKeyError> {
        let mut check = [0; 4];
        random.fill(&mut check)?;
        let Halves {
            name,
            public,
            private,
        } = match kind {
            SshKeyKind::Ed25519 => ed25519(random)?,
            SshKeyKind::Ecdsa(curve) => ecdsa(curve, random)?,
            SshKeyKind::Rsa(size) => rsa(size)?,
        };
        let mut inner = Wire::with_room(ROOM + comment.len());
        inner.raw(&check);
        inner.raw(&check);
        inner.raw(&private.0);
        inner.string(comment.as_bytes());
        for filler in 1.. {
            if inner.0.len().is_multiple_of(BLOCK) {
                break;
            }
            inner.raw(&[filler]);
        }
        let mut outer = Wire::with_room(inner.0.len() + public.0.len() + 128);
        outer.raw(b"openssh-key-v1\0");
        outer.string(b"none");
        outer.string(b"none");
        outer.string(b"");
        outer.raw(&1_u32.to_be_bytes());
        outer.string(&public.0);
        outer.string(&inner.0);
        let pem = encode("OPENSSH PRIVATE KEY", &outer.0);
        let blank = if comment.is_empty() { "" } else { " " };
        Ok(Self {
            private_key: Plaintext::new(pem.as_bytes().to_vec()),
            public_key: format!("{name} {}{blank}{comment}\n", encode_base64(&public.0)),
        })
    }
}

// The name of the key's type, its public blob, and its private fields, type and all.
struct Halves {
    name: String,
    public: Wire,
    private: Wire,
}

fn ed25519(random: &mut impl RandomSource) -> Result<Halves, SshKeyError> {
    let mut seed = Zeroizing::new([0; 32]);
    random.fill(seed.as_mut_slice())?;
    let pair =
        Ed25519KeyPair::from_seed_unchecked(seed.as_slice()).map_err(|_| PrivateKeyError::Generation)?;
    let point = pair.public_key().as_ref();
    let name = "ssh-ed25519";
    let mut public = Wire::with_room(128);
    public.string(name.as_bytes());
    public.string(point);
    let mut both = Zeroizing::new([0; 64]);
    both[..32].copy_from_slice(seed.as_slice());
    both[32..].copy_from_slice(point);
    let mut private = Wire::with_room(256);
    private.raw(&public.0);
    private.string(both.as_slice());
    Ok(Halves {
        name: name.to_owned(),
        public,
        private,
    })
}

fn ecdsa(curve: SshCurve, random: &mut impl RandomSource) -> Result<Halves, SshKeyError> {
    let (algorithm, size, first) = curve.agreement();
    let mut scalar = Zeroizing::new(vec![0; size]);
    // Rejection keeps all scalars equally likely (FIPS 186-5 A.2.2).
    for _ in 0..TRIES {
        random.fill(&mut scalar)?;
        scalar[0] &= first;
        let Ok(key) = agreement::PrivateKey::from_private_key(algorithm, &scalar) else {
            continue;
        };
        let point = key
            .compute_public_key()
            .map_err(|_| PrivateKeyError::Generation)?;
        let name = format!("ecdsa-sha2-{}", curve.name());
        let mut public = Wire::with_room(256);
        public.string(name.as_bytes());
        public.string(curve.name().as_bytes());
        public.string(point.as_ref());
        let mut private = Wire::with_room(512);
        private.raw(&public.0);
        private.number(&scalar);
        return Ok(Halves {
            name,
            public,
            private,
        });
    }
    Err(PrivateKeyError::Generation.into())
}

fn rsa(size: KeySize) -> Result<Halves, SshKeyError> {
    let key = PrivateKey::generate(size)?;
    let numbers = pkcs1_of(key.pkcs8_der()).and_then(numbers_of);
    let [_, modulus, public, private, first, second, _, _, inverse] =
        numbers.ok_or(PrivateKeyError::Generation)?;
    let name = "ssh-rsa";
    let mut blob = Wire::with_room(2048);
    blob.string(name.as_bytes());
    blob.string(public);
    blob.string(modulus);
    let mut fields = Wire::with_room(ROOM);
    fields.string(name.as_bytes());
    // A number in DER is written as SSH writes it.
    for number in [modulus, public, private, inverse, first, second] {
        fields.string(number);
    }
    Ok(Halves {
        name: name.to_owned(),
        public: blob,
        private: fields,
    })
}

// RSAPrivateKey (RFC 8017 A.1.2), version and numbers in their order.
fn numbers_of(pkcs1: &[u8]) -> Option<[&[u8]; 9]> {
    let (_, key) = Sequence::from_der(pkcs1).ok()?;
    let std::borrow::Cow::Borrowed(mut rest) = key.content else {
        return None;
    };
    let mut numbers = [&[][..]; 9];
    for number in &mut numbers {
        let (after, found) = Any::from_der(rest).ok()?;
        *number = found.data;
        rest = after;
    }
    Some(numbers)
}

// SSH's own notation (RFC 4251 §5), with room enough for all that comes.
struct Wire(Zeroizing<Vec<u8>>);

impl Wire {
    fn with_room(room: usize) -> Self {
        Self(Zeroizing::new(Vec::with_capacity(room)))
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn string(&mut self, bytes: &[u8]) {
        let length = u32::try_from(bytes.len()).expect("no field of a key has 4 GiB");
        self.raw(&length.to_be_bytes());
        self.raw(bytes);
    }

    // An mpint: no leading zeros, but one before a bit that would mean a sign.
    fn number(&mut self, bytes: &[u8]) {
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let bytes = &bytes[zeros..];
        if bytes.first().is_some_and(|first| first & 0x80 != 0) {
            let mut signed = Zeroizing::new(Vec::with_capacity(bytes.len() + 1));
            signed.push(0);
            signed.extend_from_slice(bytes);
            self.string(&signed);
        } else {
            self.string(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::InstallationKey;

    fn made(kind: SshKeyKind, seed: &str) -> (String, String) {
        let key = InstallationKey::from_bytes(&[7; 32]).unwrap();
        let mut random = key.seeded(&key.mac("test", [seed.as_bytes()]));
        let pair = SshKeyPair::generate(kind, "ada@example.com", &mut random).unwrap();
        let private = String::from_utf8(pair.private_key.expose().to_vec()).unwrap();
        (private, pair.public_key)
    }

    // `ssh-keygen -y` of OpenSSH printed these from the private halves.
    #[test]
    fn openssh_reads_what_is_written() {
        for (kind, public) in [
            (SshKeyKind::Ed25519, ED25519),
            (SshKeyKind::Ecdsa(SshCurve::P256), P256),
            (SshKeyKind::Ecdsa(SshCurve::P384), P384),
            (SshKeyKind::Ecdsa(SshCurve::P521), P521),
        ] {
            assert_eq!(made(kind, "vector").1.trim_end(), public, "{kind:?}");
        }
    }

    #[test]
    fn equal_bytes_make_equal_keys_but_for_rsa() {
        for kind in [SshKeyKind::Ed25519, SshKeyKind::Ecdsa(SshCurve::P521)] {
            assert!(kind.is_repeatable());
            assert_eq!(made(kind, "a"), made(kind, "a"));
            assert_ne!(made(kind, "a"), made(kind, "b"));
        }
        let kind = SshKeyKind::Rsa(KeySize::Bits2048);
        assert!(!kind.is_repeatable());
        assert_ne!(made(kind, "a").1, made(kind, "a").1);
    }

    #[test]
    fn an_rsa_key_is_written_with_all_its_numbers() {
        let (private, public) = made(SshKeyKind::Rsa(KeySize::Bits2048), "a");
        assert!(public.starts_with("ssh-rsa AAAAB3NzaC1yc2E") && public.ends_with(" ada@example.com\n"));
        let blocks = crate::pem_blocks::blocks(private.as_bytes());
        assert_eq!(blocks[0].tag, "OPENSSH PRIVATE KEY");
        assert!(private.lines().all(|line| line.len() <= 64) && private.ends_with('\n'));
        let mut fields = Fields(&blocks[0].der[15..]);
        assert_eq!(
            [fields.next(), fields.next(), fields.next()],
            [&b"none"[..], b"none", b""]
        );
        fields.0 = &fields.0[4..];
        let blob = fields.next();
        let inner = fields.next();
        assert!(fields.0.is_empty() && inner.len() % 8 == 0 && inner[..4] == inner[4..8]);
        let mut inner = Fields(&inner[8..]);
        assert_eq!(inner.next(), b"ssh-rsa");
        let numbers = [(); 6].map(|()| rsa::BigUint::from_bytes_be(inner.next()));
        assert_eq!(inner.next(), b"ada@example.com");
        let [modulus, exponent, private, inverse, first, second] = numbers;
        assert!(blob.ends_with(&modulus.to_bytes_be()));
        assert_eq!(&first * &second, modulus);
        assert_eq!((inverse * &second) % &first, 1_u32.into());
        let message = rsa::BigUint::from(42_u32);
        let there = message.modpow(&exponent, &modulus);
        assert_eq!(there.modpow(&private, &modulus), message);
    }

    struct Fields<'a>(&'a [u8]);

    impl<'a> Fields<'a> {
        fn next(&mut self) -> &'a [u8] {
            let (length, rest) = self.0.split_at(4);
            let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
            let (field, rest) = rest.split_at(length);
            self.0 = rest;
            field
        }
    }

    const ED25519: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJsvnslnUJX30O7G6jPcpFsEk8E3dH8kqW6uzT+WIIps ada@example.com";
    const P256: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBOFr0ttEA4LkxBbe0yspVss7W05Xw3iNyo1zpDr2lKy7qZZ90ZMJ37c04gi6mVu0oiKPfbe8n3wT00bhL3a72EA= ada@example.com";
    const P384: &str = "ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBJ3dctjtzFJjxenCJoC11WNExRREDbzoi1WDg5C07dn83SBJ1mLvP4dTQJxouqTZADBwwCcwkXVxXyThSHiTAt7Uf2PuwUEc1AcnMQuZxjUFmsjBy8rA/YYWK/bbYsh9nA== ada@example.com";
    const P521: &str = "ecdsa-sha2-nistp521 AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBAGQH3klNnwM5v1V44EfXiG4V9VO9ekWCTbNYH5b4PzrFFai1kDXj4Nw52kmeQ7smGYBspJ2rZjUxgiiRQGqBfyrjgE/cCrTeHRLxdSsIajQYc+uxo7kXAxUIn2bNOiuARtTBXPm4wtqMvdEZH4sYTEwePpN4afHIuOqpucsbk22fQ/JWw== ada@example.com";
}
