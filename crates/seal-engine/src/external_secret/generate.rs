//! What generators make, given randomness: the same values from the same bytes, but for RSA keys.
//!
//! Where the bytes come from decides when values change, and is [`seed`]'s to say: with each refresh, and never
//! between two of them, however often somebody asks in the meantime.

mod password;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use seal_api::external_secrets::{FakeSpec, Generator, SshKeySpec, SshKeyType};
use seal_core::{
    InstallationKey, KeySize, Mac, Plaintext, RandomSource, RandomnessUnavailable, SshCurve, SshKeyKind,
    SshKeyPair,
};
use zeroize::Zeroizing;

use crate::catalogue;
use crate::due::Record;
use crate::fault::Fault;

/// What a generator makes, by entry.
pub type Generated = BTreeMap<String, Plaintext>;

// Upstream's, in its words where it has any.
const ENTRY_OF_UUID: &str = "uuid";
const PRIVATE_KEY: &str = "privateKey";
const PUBLIC_KEY: &str = "publicKey";
const RSA_BITS: i64 = 2048;

/// From what the values of one entry of `dataFrom` are made: this installation, the object, the refresh that they
/// belong to, and the entry.
pub fn seed(object: &ObjectMeta, refreshed: i64, index: usize, key: &InstallationKey) -> Mac {
    let parts = (&object.namespace, &object.name, &object.uid, refreshed, index);
    let parts = serde_json::to_vec(&parts).expect("a tuple of texts and numbers is JSON");
    key.mac("seal generator 1", [parts.as_slice()])
}

/// The refresh that values belong to, in seconds since 1970: another one where they are `due`, and the one of the
/// authentic record otherwise, so that what is put right is what stood there. Without a record nobody knows which it
/// was, and the values are new ones, as upstream's are.
pub fn refreshed(record: Option<&Record>, due: bool, now: i64) -> i64 {
    match record {
        Some(record) if due => now.max(record.rendered.saturating_add(1)),
        Some(record) => record.rendered,
        None => now,
    }
}

/// Whether equal bytes make equal values.
pub fn is_repeatable(generator: &Generator) -> bool {
    match generator {
        Generator::SshKey(spec) => ssh_key_kind(spec).is_none_or(SshKeyKind::is_repeatable),
        Generator::Password(_) | Generator::Uuid | Generator::Fake(_) => true,
    }
}

/// What `generator` makes of `random`. RSA keys of the larger sizes take seconds.
///
/// # Errors
/// When it asks for what cannot be.
pub fn generate(generator: &Generator, random: &mut impl RandomSource) -> Result<Generated, Fault> {
    let made = match generator {
        Generator::Password(spec) => password::generate(spec, random),
        Generator::Uuid => uuid(random).map_err(|error| error.to_string()),
        Generator::SshKey(spec) => ssh_key(spec, random),
        Generator::Fake(spec) => Ok(fake(spec)),
    };
    made.map_err(|what| Fault::new(&catalogue::GENERATION_FAILED).fact("what", what))
}

// Version 4 (RFC 9562 §5.4).
fn uuid(random: &mut impl RandomSource) -> Result<Generated, RandomnessUnavailable> {
    let mut bytes = Zeroizing::new([0; 16]);
    random.fill(bytes.as_mut_slice())?;
    let number = u128::from_be_bytes(*bytes);
    let number = number & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = Zeroizing::new(format!("{number:032x}"));
    let groups = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    let text = Plaintext::new(groups.join("-").into_bytes());
    Ok([(ENTRY_OF_UUID.to_owned(), text)].into())
}

fn fake(spec: &FakeSpec) -> Generated {
    let values = spec.data.iter();
    values
        .map(|(entry, value)| (entry.clone(), Plaintext::copied(value.as_bytes())))
        .collect()
}

fn ssh_key(spec: &SshKeySpec, random: &mut impl RandomSource) -> Result<Generated, String> {
    let bits = spec.key_size.unwrap_or(RSA_BITS);
    let kind = ssh_key_kind(spec).ok_or_else(|| {
        format!(
            "unable to generate SSH key: no RSA key of {bits} bits is made, but of 2048, 3072, 4096 and 8192"
        )
    })?;
    if spec.comment.contains(['\n', '\r']) {
        return Err("unable to generate SSH key: the comment has more than one line".to_owned());
    }
    let pair = SshKeyPair::generate(kind, &spec.comment, random)
        .map_err(|error| format!("unable to generate SSH key: {error}"))?;
    let public = Plaintext::new(pair.public_key.into_bytes());
    Ok([
        (PRIVATE_KEY.to_owned(), pair.private_key),
        (PUBLIC_KEY.to_owned(), public),
    ]
    .into())
}

// A size that no curve has is P-256's, as upstream has it.
fn ssh_key_kind(spec: &SshKeySpec) -> Option<SshKeyKind> {
    let size = spec.key_size;
    Some(match spec.key_type.unwrap_or_default() {
        SshKeyType::Ed25519 => SshKeyKind::Ed25519,
        SshKeyType::Ecdsa => SshKeyKind::Ecdsa(match size {
            Some(384) => SshCurve::P384,
            Some(521) => SshCurve::P521,
            _ => SshCurve::P256,
        }),
        SshKeyType::Rsa => {
            let bits = u32::try_from(size.unwrap_or(RSA_BITS)).ok()?;
            SshKeyKind::Rsa(KeySize::try_from(bits).ok()?)
        }
    })
}

#[cfg(test)]
mod tests;
