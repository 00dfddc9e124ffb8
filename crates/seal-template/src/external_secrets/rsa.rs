//! `rsaDecrypt`: RSA-OAEP (RFC 8017, section 7.1) without a label. PKCS#1 v1.5, which tells attackers too much, is
//! not among upstream's schemes.

use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OAEP_SHA512_MGF1SHA512, OaepPrivateDecryptingKey,
    PrivateDecryptingKey,
};
use zeroize::Zeroizing;

use super::certificates::NO_BLOCK;
use super::pem;
use super::private_key::{PrivateKey, UNREADABLE};
use crate::function::{Arguments, Call, CallFault};
use crate::value::{Text, Value};

/// One decryption with a key of 8192 bits, the largest; each halving of the size is worth an eighth.
const LARGEST_FUEL: u64 = 60_000;

const UNKNOWN_SCHEME: CallFault = CallFault::Refused("decryption scheme is not supported");
const UNREADABLE_KEY: CallFault =
    CallFault::Refused("could not parse private key: unable to parse private key type");
const NO_RSA_KEY: CallFault = CallFault::Refused("could not parse RSA private key");
const UNUSABLE_KEY: CallFault = CallFault::Refused("RSA keys of fewer than 2048 bits do not decrypt");
const UNDECRYPTABLE: CallFault =
    CallFault::Refused("error decrypting data with RSA: crypto/rsa: decryption error");

pub(super) fn rsa_decrypt(arguments: Arguments<'_>, call: &mut Call<'_>) -> Result<Value, CallFault> {
    let (scheme, hash) = (arguments.text(0)?, arguments.text(1)?);
    let (ciphertext, key) = (arguments.text(2)?, arguments.text(3)?);
    match scheme.as_bytes() {
        b"None" => return Ok(ciphertext.clone().into()),
        b"RSA-OAEP" => {}
        _ => return Err(UNKNOWN_SCHEME),
    }
    call.spend(key.len() as u64 / 8 + LARGEST_FUEL)?;
    let (block, _) = pem::decode(key).ok_or(NO_BLOCK)?;
    let key = match PrivateKey::read(&block.content, call) {
        Ok(key @ PrivateKey::Rsa(_)) => key,
        Ok(_) => return Err(NO_RSA_KEY),
        Err(UNREADABLE) => return Err(UNREADABLE_KEY),
        Err(other) => return Err(other),
    };
    let key = PrivateDecryptingKey::from_pkcs8(&key.to_pkcs8()).map_err(|_| UNUSABLE_KEY)?;
    let key = OaepPrivateDecryptingKey::new(key).map_err(|_| UNUSABLE_KEY)?;
    let algorithm = match hash.as_bytes() {
        b"SHA1" => &OAEP_SHA1_MGF1SHA1,
        b"SHA512" => &OAEP_SHA512_MGF1SHA512,
        // Whatever else it is called, as upstream.
        _ => &OAEP_SHA256_MGF1SHA256,
    };
    let mut plaintext = Zeroizing::new(vec![0; key.min_output_size()]);
    let length = key
        .decrypt(algorithm, ciphertext, &mut plaintext, None)
        .map_err(|_| UNDECRYPTABLE)?
        .len();
    Ok(Text::new(&plaintext[..length]).into())
}
