//! Keys from passwords: RFC 7292, appendix B.2, and PBKDF2 (RFC 8018, section 5.2). How often they hash is the
//! archive's word, so each is paid for and bounded before it begins.

use std::num::NonZeroU32;

use aws_lc_rs::{digest, hmac, pbkdf2};
use zeroize::Zeroizing;

use crate::function::{Call, CallFault};
use crate::limits::Limit;

/// Ten times what the most careful programs ask for today (Go: no bound).
const MOST_ITERATIONS: u32 = 1_000_000;
/// No key here is longer; PBMAC1 lets the archive choose (RFC 9579).
const MOST_BYTES: usize = 128;

/// The hash under MACs and derivations.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha1,
    Sha256,
    Sha512,
}

/// What a derived key is for: the identifier of appendix B.3.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Key = 1,
    Iv = 2,
    Mac = 3,
}

impl Hash {
    fn digest(self) -> &'static digest::Algorithm {
        match self {
            Hash::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Hash::Sha256 => &digest::SHA256,
            Hash::Sha512 => &digest::SHA512,
        }
    }

    pub(super) fn mac(self) -> hmac::Algorithm {
        match self {
            Hash::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Hash::Sha256 => hmac::HMAC_SHA256,
            Hash::Sha512 => hmac::HMAC_SHA512,
        }
    }

    fn pbkdf2(self) -> pbkdf2::Algorithm {
        match self {
            Hash::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Hash::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Hash::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        }
    }

    pub(super) fn length(self) -> usize {
        self.digest().output_len()
    }

    fn pay(self, iterations: u32, length: usize, call: &mut Call<'_>) -> Result<(), CallFault> {
        if iterations > MOST_ITERATIONS || length > MOST_BYTES {
            return Err(CallFault::Exceeded(Limit::Cost));
        }
        let price = if self == Hash::Sha512 { 2 } else { 1 };
        let blocks = length.div_ceil(self.length()) as u64;
        call.spend(price * blocks * u64::from(iterations))
    }
}

/// PBKDF2 of a password in UTF-8.
pub(super) fn pbkdf2(
    hash: Hash,
    password: &[u8],
    salt: &[u8],
    iterations: u32,
    length: usize,
    call: &mut Call<'_>,
) -> Result<Zeroizing<Vec<u8>>, CallFault> {
    hash.pay(iterations, length, call)?;
    let mut key = Zeroizing::new(vec![0; length]);
    let iterations = NonZeroU32::new(iterations).unwrap_or(NonZeroU32::MIN);
    pbkdf2::derive(hash.pbkdf2(), iterations, salt, password, &mut key);
    Ok(key)
}

/// The derivation of PKCS#12 itself, of a password in UTF-16. Letters are those of appendix B.2.
pub(super) fn pkcs12(
    hash: Hash,
    purpose: Purpose,
    password: &[u8],
    salt: &[u8],
    iterations: u32,
    length: usize,
    call: &mut Call<'_>,
) -> Result<Zeroizing<Vec<u8>>, CallFault> {
    hash.pay(iterations, length, call)?;
    let (u, v) = (hash.length(), hash.digest().block_len());
    let diversifier = vec![purpose as u8; v];
    let filled = |bytes: &[u8]| bytes.len().div_ceil(v) * v;
    let mut input = Zeroizing::new(Vec::with_capacity(filled(salt) + filled(password)));
    input.extend(salt.iter().cycle().take(filled(salt)));
    input.extend(password.iter().cycle().take(filled(password)));
    call.spend(length.div_ceil(u) as u64 * input.len() as u64 / 8)?;
    let mut key = Zeroizing::new(Vec::with_capacity(length.next_multiple_of(u)));
    let mut block = Zeroizing::new(vec![0; u]);
    loop {
        let mut first = digest::Context::new(hash.digest());
        first.update(&diversifier);
        first.update(&input);
        block.copy_from_slice(first.finish().as_ref());
        for _ in 1..iterations {
            let next = digest::digest(hash.digest(), &block);
            block.copy_from_slice(next.as_ref());
        }
        key.extend_from_slice(&block);
        if key.len() >= length {
            key.truncate(length);
            return Ok(key);
        }
        for part in input.chunks_mut(v) {
            // I_j = I_j + B + 1 mod 2^v, B being the block over and over.
            let mut carry = 1;
            for (at, byte) in part.iter_mut().enumerate().rev() {
                carry += u16::from(*byte) + u16::from(block[at % u]);
                *byte = carry.to_le_bytes()[0];
                carry >>= 8;
            }
        }
    }
}
