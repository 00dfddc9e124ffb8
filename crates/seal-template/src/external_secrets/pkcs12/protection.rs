//! What protects an archive: password-based encryption of its parts and the MAC over all of it. Reads the schemes
//! that upstream's library reads, writes the one that it writes.

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, Algorithm, DecryptingKey, DecryptionContext, EncryptingKey, EncryptionContext,
    UnboundCipherKey,
};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use rc2::Rc2;
use rc2::cipher::BlockCipherDecrypt;
use zeroize::Zeroizing;

use super::Password;
use super::derivation::{Hash, Purpose, pbkdf2, pkcs12};
use super::read::Trouble;
use crate::external_secrets::der::{self, Der, Reader};
use crate::function::{Call, CallFault};

/// PKCS#12's own schemes, over SHA-1 (RFC 7292, appendix C).
const TRIPLE_DES: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x03";
const RC2_128: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x05";
const RC2_40: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x06";
/// RFC 8018, appendix A.
const PBKDF2: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c";
const PBES2: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d";
const PBMAC1: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0e";
const HMAC_SHA1: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x02\x07";
const HMAC_SHA256: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x02\x09";
const HMAC_SHA512: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x02\x0b";
const AES_128_CBC: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x01\x02";
const AES_192_CBC: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x01\x16";
const AES_256_CBC: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x01\x2a";
const SHA1: &[u8] = b"\x2b\x0e\x03\x02\x1a";
const SHA256: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x02\x01";
const SHA512: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x02\x03";

/// What upstream's library writes with, as OpenSSL 3 and Java 20 do.
const ITERATIONS: u32 = 2048;
const SALT: usize = 16;

const AES_BLOCK: usize = 16;
const LEGACY_BLOCK: usize = 8;

const UNKNOWN_ENCRYPTION: Trouble = Trouble::Refused("pkcs12: the archive's encryption is not supported");
const UNKNOWN_MAC: Trouble = Trouble::Refused("pkcs12: MAC digest algorithm not supported");
const NO_KEY_LENGTH: Trouble =
    Trouble::Refused("pkcs12: PBMAC1 requires explicit KeyLength parameter in PBKDF2 parameters");
const MALFORMED: Trouble = Trouble::Refused("pkcs12: the parameters of the protection are malformed");
const EMPTY: Trouble = Trouble::Refused("pkcs12: empty encrypted data");
const PARTIAL: Trouble = Trouble::Refused("pkcs12: input is not a multiple of the block size");
const BAD_PADDING: Trouble = Trouble::Refused("pkcs12: decryption error, incorrect padding");

/// A cipher in CBC mode with its key and first block.
enum Cipher {
    Aes(&'static Algorithm, Zeroizing<Vec<u8>>, [u8; AES_BLOCK]),
    TripleDes(Zeroizing<Vec<u8>>, [u8; LEGACY_BLOCK]),
    Rc2(Zeroizing<Vec<u8>>, [u8; LEGACY_BLOCK]),
}

/// Decrypts what `algorithm`, an AlgorithmIdentifier's inside, has encrypted.
pub(super) fn decrypt(
    algorithm: Reader<'_>,
    ciphertext: &[u8],
    password: &Password,
    call: &mut Call<'_>,
) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    call.spend(ciphertext.len() as u64 / 8)?;
    let cipher = Cipher::of(algorithm, password, call)?;
    if ciphertext.is_empty() {
        return Err(EMPTY);
    }
    if !ciphertext.len().is_multiple_of(cipher.block()) {
        return Err(PARTIAL);
    }
    let mut plaintext = Zeroizing::new(ciphertext.to_vec());
    cipher.decrypt(&mut plaintext)?;
    let padding = plaintext.last().copied().map_or(0, usize::from);
    let length = plaintext.len().saturating_sub(padding);
    let whole = (1..=cipher.block()).contains(&padding)
        && plaintext[length..]
            .iter()
            .all(|byte| usize::from(*byte) == padding);
    if !whole {
        return Err(BAD_PADDING);
    }
    plaintext.truncate(length);
    Ok(plaintext)
}

impl Cipher {
    fn of(mut algorithm: Reader<'_>, password: &Password, call: &mut Call<'_>) -> Result<Cipher, Trouble> {
        let identifier = algorithm.take(der::OBJECT_IDENTIFIER).ok_or(MALFORMED)?;
        match identifier {
            PBES2 => return Cipher::of_pbes2(algorithm, password, call),
            TRIPLE_DES | RC2_128 | RC2_40 => {}
            _ => return Err(UNKNOWN_ENCRYPTION),
        }
        let mut parameters = algorithm.within(der::SEQUENCE).ok_or(MALFORMED)?;
        let salt = parameters.take(der::OCTET_STRING).ok_or(MALFORMED)?;
        let iterations = parameters.count().ok_or(MALFORMED)?;
        let mut derived =
            |purpose, length| pkcs12(Hash::Sha1, purpose, &password.bmp, salt, iterations, length, call);
        let length = match identifier {
            TRIPLE_DES => 24,
            RC2_128 => 16,
            _ => 5,
        };
        let key = derived(Purpose::Key, length)?;
        let iv = first_block(&derived(Purpose::Iv, LEGACY_BLOCK)?)?;
        Ok(match identifier {
            TRIPLE_DES => Cipher::TripleDes(key, iv),
            _ => Cipher::Rc2(key, iv),
        })
    }

    fn of_pbes2(
        mut algorithm: Reader<'_>,
        password: &Password,
        call: &mut Call<'_>,
    ) -> Result<Cipher, Trouble> {
        let mut parameters = algorithm.within(der::SEQUENCE).ok_or(MALFORMED)?;
        let derivation = parameters.within(der::SEQUENCE).ok_or(MALFORMED)?;
        let mut scheme = parameters.within(der::SEQUENCE).ok_or(MALFORMED)?;
        let derivation = Derivation::of(derivation)?;
        let (algorithm, bytes) = match scheme.take(der::OBJECT_IDENTIFIER).ok_or(MALFORMED)? {
            AES_128_CBC => (&AES_128, 16),
            AES_192_CBC => (&AES_192, 24),
            AES_256_CBC => (&AES_256, 32),
            _ => return Err(UNKNOWN_ENCRYPTION),
        };
        let iv = first_block(scheme.take(der::OCTET_STRING).ok_or(MALFORMED)?)?;
        Ok(Cipher::Aes(algorithm, derivation.key(password, bytes, call)?, iv))
    }

    fn block(&self) -> usize {
        match self {
            Cipher::Aes(..) => AES_BLOCK,
            Cipher::TripleDes(..) | Cipher::Rc2(..) => LEGACY_BLOCK,
        }
    }

    fn decrypt(&self, blocks: &mut [u8]) -> Result<(), Trouble> {
        let (algorithm, key, context) = match self {
            Cipher::Aes(algorithm, key, iv) => {
                (*algorithm, key, DecryptionContext::Iv128(FixedLength::from(iv)))
            }
            Cipher::TripleDes(key, iv) => (triple_des(), key, DecryptionContext::Iv64(FixedLength::from(iv))),
            Cipher::Rc2(key, iv) => {
                decrypt_rc2(key, *iv, blocks);
                return Ok(());
            }
        };
        UnboundCipherKey::new(algorithm, key)
            .and_then(DecryptingKey::cbc)
            .and_then(|key| key.decrypt(blocks, context).map(|_| ()))
            .map_err(|_| UNKNOWN_ENCRYPTION)
    }
}

#[expect(
    deprecated,
    reason = "archives of before 2022 are encrypted with it, and nothing is any more"
)]
fn triple_des() -> &'static Algorithm {
    &aws_lc_rs::cipher::DES_EDE3_FOR_LEGACY_USE_ONLY
}

/// CBC by hand: aws-lc-rs has no RC2.
fn decrypt_rc2(key: &[u8], iv: [u8; LEGACY_BLOCK], blocks: &mut [u8]) {
    let cipher = Rc2::new_with_eff_key_len(key, 8 * key.len());
    let mut previous = iv;
    for block in blocks.chunks_exact_mut(LEGACY_BLOCK) {
        let mut plain = rc2::cipher::Block::<Rc2>::default();
        plain.copy_from_slice(block);
        let ciphertext: [u8; LEGACY_BLOCK] = plain.into();
        cipher.decrypt_block(&mut plain);
        for ((byte, plain), before) in block.iter_mut().zip(&plain).zip(previous) {
            *byte = plain ^ before;
        }
        previous = ciphertext;
    }
}

fn first_block<const SIZE: usize>(bytes: &[u8]) -> Result<[u8; SIZE], Trouble> {
    bytes.try_into().map_err(|_| MALFORMED)
}

/// PBKDF2 with what an archive says about it.
struct Derivation<'d> {
    hash: Hash,
    salt: &'d [u8],
    iterations: u32,
    length: Option<u32>,
}

impl<'d> Derivation<'d> {
    fn of(mut algorithm: Reader<'d>) -> Result<Derivation<'d>, Trouble> {
        if algorithm.take(der::OBJECT_IDENTIFIER) != Some(PBKDF2) {
            return Err(UNKNOWN_ENCRYPTION);
        }
        let mut parameters = algorithm.within(der::SEQUENCE).ok_or(MALFORMED)?;
        let salt = parameters.take(der::OCTET_STRING).ok_or(MALFORMED)?;
        let iterations = parameters.count().ok_or(MALFORMED)?;
        let length = match parameters.next_is(der::INTEGER) {
            true => Some(parameters.count().ok_or(MALFORMED)?),
            false => None,
        };
        let hash = match parameters.within(der::SEQUENCE) {
            None => Hash::Sha1,
            Some(function) => hmac_hash(function).ok_or(UNKNOWN_ENCRYPTION)?,
        };
        Ok(Derivation {
            hash,
            salt,
            iterations,
            length,
        })
    }

    fn key(
        &self,
        password: &Password,
        length: usize,
        call: &mut Call<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, CallFault> {
        pbkdf2(
            self.hash,
            &password.utf8(),
            self.salt,
            self.iterations,
            length,
            call,
        )
    }
}

fn hmac_hash(mut algorithm: Reader<'_>) -> Option<Hash> {
    match algorithm.take(der::OBJECT_IDENTIFIER)? {
        HMAC_SHA1 => Some(Hash::Sha1),
        HMAC_SHA256 => Some(Hash::Sha256),
        HMAC_SHA512 => Some(Hash::Sha512),
        _ => None,
    }
}

/// A MacData as it stands in the archive.
pub(super) struct Mac<'d> {
    algorithm: Reader<'d>,
    value: &'d [u8],
    salt: &'d [u8],
    iterations: u32,
}

impl<'d> Mac<'d> {
    pub(super) fn read(mut data: Reader<'d>) -> Option<Mac<'d>> {
        let mut digest = data.within(der::SEQUENCE)?;
        let algorithm = digest.within(der::SEQUENCE)?;
        let value = digest.take(der::OCTET_STRING)?;
        let salt = data.take(der::OCTET_STRING)?;
        let iterations = if data.is_empty() { 1 } else { data.count()? };
        Some(Mac {
            algorithm,
            value,
            salt,
            iterations,
        })
    }

    /// Whether the MAC is that of `content` under `password`.
    pub(super) fn verify(
        &self,
        content: &[u8],
        password: &Password,
        call: &mut Call<'_>,
    ) -> Result<bool, Trouble> {
        call.spend(content.len() as u64 / 8)?;
        let mut algorithm = self.algorithm;
        let identifier = algorithm.take(der::OBJECT_IDENTIFIER).ok_or(MALFORMED)?;
        let (hash, key) = match identifier {
            SHA1 => (Hash::Sha1, self.key(Hash::Sha1, password, call)?),
            SHA256 => (Hash::Sha256, self.key(Hash::Sha256, password, call)?),
            SHA512 => (Hash::Sha512, self.key(Hash::Sha512, password, call)?),
            // RFC 9579: all is said in the parameters; salt and iterations beside them say nothing.
            PBMAC1 => {
                let mut parameters = algorithm.within(der::SEQUENCE).ok_or(MALFORMED)?;
                let derivation = Derivation::of(parameters.within(der::SEQUENCE).ok_or(MALFORMED)?)?;
                let scheme = parameters.within(der::SEQUENCE).ok_or(MALFORMED)?;
                let hash = hmac_hash(scheme).ok_or(UNKNOWN_MAC)?;
                let length = derivation
                    .length
                    .filter(|length| *length > 0)
                    .ok_or(NO_KEY_LENGTH)?;
                (hash, derivation.key(password, length as usize, call)?)
            }
            _ => return Err(UNKNOWN_MAC),
        };
        let key = hmac::Key::new(hash.mac(), &key);
        Ok(hmac::verify(&key, content, self.value).is_ok())
    }

    fn key(
        &self,
        hash: Hash,
        password: &Password,
        call: &mut Call<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, CallFault> {
        mac_key(hash, password, self.salt, self.iterations, call)
    }
}

fn mac_key(
    hash: Hash,
    password: &Password,
    salt: &[u8],
    iterations: u32,
    call: &mut Call<'_>,
) -> Result<Zeroizing<Vec<u8>>, CallFault> {
    pkcs12(
        hash,
        Purpose::Mac,
        &password.bmp,
        salt,
        iterations,
        hash.length(),
        call,
    )
}

/// An AlgorithmIdentifier and what was encrypted by it: PBES2 of PBKDF2 with HMAC-SHA-256 and AES-256.
pub(super) fn encrypt(
    plaintext: &[u8],
    password: &Password,
    call: &mut Call<'_>,
) -> Result<(Der, Vec<u8>), CallFault> {
    call.spend(plaintext.len() as u64 / 8)?;
    let (mut salt, mut iv) = ([0; SALT], [0; AES_BLOCK]);
    call.random(&mut salt);
    call.random(&mut iv);
    let key = pbkdf2(Hash::Sha256, &password.utf8(), &salt, ITERATIONS, 32, call)?;
    let padding = AES_BLOCK - plaintext.len() % AES_BLOCK;
    let mut blocks = Vec::with_capacity(plaintext.len() + padding);
    blocks.extend_from_slice(plaintext);
    blocks.resize(plaintext.len() + padding, padding as u8);
    UnboundCipherKey::new(&AES_256, &key)
        .and_then(EncryptingKey::cbc)
        .and_then(|key| key.less_safe_encrypt(&mut blocks, EncryptionContext::Iv128(FixedLength::from(iv))))
        .map_err(|_| CallFault::Refused("pkcs12: AES failed"))?;
    let derivation = der::sequence(&[
        &der::identifier(PBKDF2),
        &der::sequence(&[
            &der::octets(&salt),
            &der::natural(&ITERATIONS.to_be_bytes()),
            &der::sequence(&[&der::identifier(HMAC_SHA256)]),
        ]),
    ]);
    let scheme = der::sequence(&[&der::identifier(AES_256_CBC), &der::octets(&iv)]);
    let algorithm = der::sequence(&[&der::identifier(PBES2), &der::sequence(&[&derivation, &scheme])]);
    Ok((algorithm, blocks))
}

/// A MacData over `content`: HMAC-SHA-256.
pub(super) fn mac(content: &[u8], password: &Password, call: &mut Call<'_>) -> Result<Der, CallFault> {
    call.spend(content.len() as u64 / 8)?;
    let mut salt = [0; SALT];
    call.random(&mut salt);
    let key = mac_key(Hash::Sha256, password, &salt, ITERATIONS, call)?;
    let value = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), content);
    Ok(der::sequence(&[
        &der::sequence(&[
            &der::sequence(&[&der::identifier(SHA256)]),
            &der::octets(value.as_ref()),
        ]),
        &der::octets(&salt),
        &der::natural(&ITERATIONS.to_be_bytes()),
    ]))
}
