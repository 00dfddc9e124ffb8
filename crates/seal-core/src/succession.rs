//! Statements that one sealing key follows another, signed by the one that went before, and the chain
//! of them from a key that somebody trusts to the key that is served (S3).
//!
//! A statement says nothing about who serves the key or until when: it proves only that whoever held
//! the old key named the new one. Where statements are kept is not decided here.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::rand::SystemRandom as SigningRandom;
use aws_lc_rs::signature::{RSA_PSS_2048_8192_SHA256, RSA_PSS_SHA256, RsaKeyPair, RsaPublicKeyComponents};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::{Fingerprint, PrivateKey};

// The first word of every statement, and the domain of what is signed.
const VERSION: &str = "v1";
const DOMAIN: &[u8] = b"seal key succession v1";
// More links than monthly renewals make in forty years: a bound for what a stranger's list may cost.
const MOST_LINKS: usize = 500;

/// "The key `new` follows the key `old`", signed by `old`.
#[derive(Clone, PartialEq, Eq)]
pub struct Statement {
    old: Fingerprint,
    new: Fingerprint,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
    signature: Vec<u8>,
}

/// Text that is no statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a statement that one sealing key follows another")]
pub struct InvalidStatement;

/// A statement could not be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the old key could not sign that the new one follows it")]
pub struct SigningFailed;

impl Statement {
    /// Signs that `new` follows `old` (RSASSA-PSS, RFC 8017 §8.1, SHA-256). Takes a private operation:
    /// not for an asynchronous task.
    ///
    /// # Errors
    /// [`SigningFailed`] when aws-lc refuses.
    pub fn sign(new: Fingerprint, old: &PrivateKey) -> Result<Self, SigningFailed> {
        let pair = RsaKeyPair::from_pkcs8(old.pkcs8_der()).map_err(|_| SigningFailed)?;
        let public = old.public();
        let mut signature = vec![0; pair.public_modulus_len()];
        let message = message(public.fingerprint(), new);
        pair.sign(&RSA_PSS_SHA256, &SigningRandom::new(), &message, &mut signature)
            .map_err(|_| SigningFailed)?;
        Ok(Self {
            old: public.fingerprint(),
            new,
            modulus: public.modulus().to_vec(),
            exponent: public.exponent().to_vec(),
            signature,
        })
    }

    /// The key that signed.
    pub fn old(&self) -> Fingerprint {
        self.old
    }

    /// The key that it named.
    pub fn new_key(&self) -> Fingerprint {
        self.new
    }

    /// Whether the key that is named as the old one signed this.
    pub fn holds(&self) -> bool {
        // The key travels with the statement; its fingerprint is what somebody trusts.
        let own = Fingerprint::of_rsa(&self.modulus, &self.exponent) == self.old;
        let public = RsaPublicKeyComponents {
            n: self.modulus.as_slice(),
            e: self.exponent.as_slice(),
        };
        own && public
            .verify(
                &RSA_PSS_2048_8192_SHA256,
                &message(self.old, self.new),
                &self.signature,
            )
            .is_ok()
    }
}

/// Whether `statements`, in any order, lead from one of the `trusted` keys to `served`.
pub fn proves(statements: &[Statement], trusted: &[Fingerprint], served: Fingerprint) -> bool {
    let mut reached = trusted.to_vec();
    let mut left: Vec<&Statement> = statements.iter().take(MOST_LINKS).collect();
    while !reached.contains(&served) {
        // Only what begins at a trusted key is worth verifying.
        let next = left.iter().position(|statement| reached.contains(&statement.old));
        let Some(next) = next else { return false };
        let statement = left.swap_remove(next);
        if statement.holds() {
            reached.push(statement.new);
        }
    }
    true
}

// Each part with its length in front, so that no two pairs of keys give the same bytes.
fn message(old: Fingerprint, new: Fingerprint) -> Vec<u8> {
    let (old, new) = (old.to_string(), new.to_string());
    let mut message = Vec::with_capacity(160);
    for part in [DOMAIN, old.as_bytes(), new.as_bytes()] {
        message.extend_from_slice(&(part.len() as u64).to_be_bytes());
        message.extend_from_slice(part);
    }
    message
}

impl fmt::Display for Statement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encode = |bytes: &[u8]| STANDARD_NO_PAD.encode(bytes);
        write!(
            formatter,
            "{VERSION} {} {} {} {} {}",
            self.old,
            self.new,
            encode(&self.modulus),
            encode(&self.exponent),
            encode(&self.signature)
        )
    }
}

impl fmt::Debug for Statement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} follows {}", self.new, self.old)
    }
}

impl FromStr for Statement {
    type Err = InvalidStatement;

    fn from_str(text: &str) -> Result<Self, InvalidStatement> {
        let words: Vec<&str> = text.split(' ').collect();
        let [VERSION, old, new, modulus, exponent, signature] = words[..] else {
            return Err(InvalidStatement);
        };
        let name = |text: &str| text.parse().map_err(|_| InvalidStatement);
        let bytes = |text: &str| STANDARD_NO_PAD.decode(text).map_err(|_| InvalidStatement);
        Ok(Self {
            old: name(old)?,
            new: name(new)?,
            modulus: bytes(modulus)?,
            exponent: bytes(exponent)?,
            signature: bytes(signature)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KeySize;

    fn keys<const N: usize>() -> [PrivateKey; N] {
        std::array::from_fn(|_| PrivateKey::generate(KeySize::Bits2048).unwrap())
    }

    fn name(key: &PrivateKey) -> Fingerprint {
        key.public().fingerprint()
    }

    #[test]
    fn a_chain_leads_from_a_trusted_key_forward_and_never_back() {
        let [one, two, three] = keys();
        let first = Statement::sign(name(&two), &one).unwrap();
        let second = Statement::sign(name(&three), &two).unwrap();
        let chain = [second.clone(), first.clone()];
        for (statements, trusted, served, proven) in [
            (&chain[..], &one, &three, true),
            (&chain[..], &two, &three, true),
            (&chain[..], &three, &three, true),
            (&chain[..], &three, &one, false),
            (&chain[..1], &one, &three, false),
            (&chain[1..], &one, &three, false),
            (&[][..], &one, &two, false),
        ] {
            assert_eq!(proves(statements, &[name(trusted)], name(served)), proven);
        }
        assert!(!proves(&chain, &[], name(&three)));
    }

    #[test]
    fn a_statement_of_another_key_or_about_another_key_does_not_hold() {
        let [old, new, thief] = keys();
        let good = Statement::sign(name(&new), &old).unwrap();
        assert!(good.holds());
        assert_eq!(good.to_string().parse::<Statement>().unwrap(), good);
        let about_another = Statement {
            new: name(&thief),
            ..good.clone()
        };
        let stolen = Statement {
            old: name(&old),
            ..Statement::sign(name(&thief), &thief).unwrap()
        };
        let mut flipped = good.clone();
        flipped.signature[9] ^= 1;
        for forged in [about_another, stolen, flipped] {
            assert!(!forged.holds());
            let chain = [forged, good.clone()];
            assert!(!proves(&chain, &[name(&old)], name(&thief)));
        }
        let text = good.to_string();
        for damaged in [
            text.replacen("v1", "v2", 1),
            text.replacen(' ', "", 1),
            format!("{text} x"),
            String::new(),
        ] {
            assert_eq!(damaged.parse::<Statement>(), Err(InvalidStatement));
        }
    }
}
