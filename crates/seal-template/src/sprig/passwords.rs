//! Passwords: bcrypt, htpasswd, derived site passwords, and sprig's AES-CBC.
//! Costs are upstream's constants; what a template can choose is only how often it pays them.

use aws_lc_rs::cipher::{
    AES_256, DecryptingKey, DecryptionContext, EncryptingKey, EncryptionContext, UnboundCipherKey,
};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use zeroize::Zeroizing;

use crate::function::{Arguments, Call, CallFault};
use crate::sprig::Outcome;
use crate::sprig::encodings::{decode_base64, encode_base64};
use crate::value::{Text, Value};

/// Fuel for one bcrypt hash (about 50 ms) and one scrypt key (about 100 ms).
const BCRYPT_FUEL: u64 = 200_000;
const SCRYPT_FUEL: u64 = 400_000;

const BCRYPT_COST: u32 = 10;
/// As the value, not as an error, like upstream.
const TOO_LONG: &str = "failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes";
const BLOCK: usize = 16;

pub(super) fn bcrypt(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    Ok(Value::text(hash(arguments.text(0)?, call)?))
}

pub(super) fn htpasswd(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let (name, password) = (arguments.text(0)?, arguments.text(1)?);
    let mut buffer = call.buffer();
    if name.contains(&b':') {
        buffer.extend("invalid username: ")?;
        buffer.extend(name)?;
    } else {
        buffer.extend(name)?;
        buffer.push(b':')?;
        buffer.extend(hash(password, call)?)?;
    }
    Ok(buffer.into_text().into())
}

fn hash(password: &[u8], call: &mut Call<'_>) -> Result<String, CallFault> {
    if password.len() > 72 {
        return Ok(TOO_LONG.to_owned());
    }
    call.spend(BCRYPT_FUEL)?;
    let mut salt = [0; 16];
    call.random(&mut salt);
    bcrypt::hash_with_salt(password, BCRYPT_COST, salt)
        .map(|hash| hash.format_for_version(bcrypt::Version::TwoA))
        .map_err(|_| CallFault::Refused("failed to hash with bcrypt"))
}

const SEED: &[u8] = b"com.lyndir.masterpassword";

/// Which templates a kind of password has; each letter stands for a class of characters.
fn templates_of(kind: &[u8]) -> Option<&'static [&'static str]> {
    Some(match kind {
        b"maximum" => &["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"],
        b"long" => &[
            "CvcvnoCvcvCvcv",
            "CvcvCvcvnoCvcv",
            "CvcvCvcvCvcvno",
            "CvccnoCvcvCvcv",
            "CvccCvcvnoCvcv",
            "CvccCvcvCvcvno",
            "CvcvnoCvccCvcv",
            "CvcvCvccnoCvcv",
            "CvcvCvccCvcvno",
            "CvcvnoCvcvCvcc",
            "CvcvCvcvnoCvcc",
            "CvcvCvcvCvccno",
            "CvccnoCvccCvcv",
            "CvccCvccnoCvcv",
            "CvccCvccCvcvno",
            "CvcvnoCvccCvcc",
            "CvcvCvccnoCvcc",
            "CvcvCvccCvccno",
            "CvccnoCvcvCvcc",
            "CvccCvcvnoCvcc",
            "CvccCvcvCvccno",
        ],
        b"medium" => &["CvcnoCvc", "CvcCvcno"],
        b"short" => &["Cvcn"],
        b"basic" => &["aaanaaan", "aannaaan", "aaannaaa"],
        b"pin" => &["nnnn"],
        _ => return None,
    })
}

fn class_of(letter: u8) -> &'static [u8] {
    match letter {
        b'C' => b"BCDFGHJKLMNPQRSTVWXYZ",
        b'v' => b"aeiou",
        b'c' => b"bcdfghjklmnpqrstvwxyz",
        b'a' => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        b'n' => b"0123456789",
        b'o' => b"@&%?,=[]_:-+*$#!'^~;()/.",
        _ => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
    }
}

/// The Master Password algorithm: a key from password and user, a password from key, site and counter.
pub(super) fn derive_password(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let (kind, password) = (arguments.text(1)?, arguments.text(2)?);
    let (user, site) = (arguments.text(3)?, arguments.text(4)?);
    let counter = arguments.int(0)?;
    if counter < 0 {
        return Err(CallFault::Refused("expected unsigned integer"));
    }
    let Some(templates) = templates_of(kind) else {
        let mut buffer = call.buffer();
        buffer.extend("cannot find password template ")?;
        buffer.extend(kind)?;
        return Ok(buffer.into_text().into());
    };
    call.spend(SCRYPT_FUEL)?;
    // Lengths and counter are 32 bits wide, the rest is cut off as Go's conversion does.
    let message = |text: &[u8], suffix: &[u8]| {
        Zeroizing::new([SEED, &(text.len() as u32).to_be_bytes(), text, suffix].concat())
    };
    let mut key = Zeroizing::new([0; 64]);
    let parameters =
        scrypt::Params::new(15, 8, 2).expect("N = 2^15, r = 8, p = 2 are within scrypt's bounds");
    scrypt::scrypt(password, &message(user, b""), &parameters, key.as_mut())
        .expect("64 bytes are within scrypt's bounds");
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_ref());
    let seed = hmac::sign(&key, &message(site, &(counter as u32).to_be_bytes()));
    let seed = seed.as_ref();
    let template = templates[usize::from(seed[0]) % templates.len()];
    let mut buffer = call.buffer();
    for (letter, random) in template.bytes().zip(&seed[1..]) {
        let class = class_of(letter);
        buffer.push(class[usize::from(*random) % class.len()])?;
    }
    Ok(buffer.into_text().into())
}

/// The password itself is the key: its first 32 bytes, filled up with zeros.
fn aes_key(password: &[u8]) -> UnboundCipherKey {
    let mut key = Zeroizing::new([0; 32]);
    let length = password.len().min(key.len());
    key[..length].copy_from_slice(&password[..length]);
    UnboundCipherKey::new(&AES_256, key.as_ref()).expect("32 bytes are an AES-256 key")
}

const BROKEN_CIPHER: CallFault = CallFault::Refused("AES failed");

pub(super) fn encrypt_aes(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let (password, plaintext) = (arguments.text(0)?, arguments.text(1)?);
    if plaintext.is_empty() {
        return Ok("".into());
    }
    call.spend(plaintext.len() as u64 / 8)?;
    let mut iv = [0; BLOCK];
    call.random(&mut iv);
    let padding = BLOCK - plaintext.len() % BLOCK;
    let mut blocks = Zeroizing::new(Vec::with_capacity(plaintext.len() + padding));
    blocks.extend_from_slice(plaintext);
    blocks.resize(plaintext.len() + padding, padding as u8);
    EncryptingKey::cbc(aes_key(password))
        .and_then(|key| key.less_safe_encrypt(&mut blocks, EncryptionContext::Iv128(FixedLength::from(iv))))
        .map_err(|_| BROKEN_CIPHER)?;
    Ok(encode_base64(&[&iv, blocks.as_slice()].concat(), call)?.into())
}

/// Unauthenticated: a wrong password yields rubbish or a fault, depending on what the last byte becomes.
pub(super) fn decrypt_aes(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let (password, ciphertext) = (arguments.text(0)?, arguments.text(1)?);
    if ciphertext.is_empty() {
        return Ok("".into());
    }
    call.spend(ciphertext.len() as u64 / 8)?;
    let ciphertext = decode_base64(ciphertext).map_err(|_| CallFault::Refused("illegal base64 data"))?;
    let (iv, blocks) = ciphertext
        .split_first_chunk::<BLOCK>()
        .filter(|(_, blocks)| !blocks.is_empty() && blocks.len() % BLOCK == 0)
        .ok_or(CallFault::Refused("input not full blocks"))?;
    let mut blocks = Zeroizing::new(blocks.to_vec());
    DecryptingKey::cbc(aes_key(password))
        .and_then(|key| {
            key.decrypt(&mut blocks, DecryptionContext::Iv128(FixedLength::from(iv)))
                .map(|_| ())
        })
        .map_err(|_| BROKEN_CIPHER)?;
    let padding = usize::from(blocks.last().copied().unwrap_or_default());
    let length = blocks
        .len()
        .checked_sub(padding)
        .ok_or(CallFault::Refused("slice bounds out of range"))?;
    blocks.truncate(length);
    Ok(Text::from(blocks).into())
}
