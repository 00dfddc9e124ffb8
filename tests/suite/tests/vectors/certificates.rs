//! PEM texts with certificates and private keys: read by what upstream reads them with, and by us.

use seal_core::{Certificate, PrivateKey};
use serde::Deserialize;

use super::files::{read, report};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Pem {
    about: String,
    pem: String,
    fingerprint: Option<String>,
    not_before: Option<i64>,
    not_after: Option<i64>,
    /// Why upstream refuses it.
    upstream: Option<String>,
    /// What we say where upstream reads it, on purpose.
    seal: Option<String>,
    /// Whether we read it where upstream does not, on purpose.
    #[serde(default)]
    seal_takes: bool,
}

type Seen = (String, Option<i64>, Option<i64>);

fn run(folder: &str, look: fn(&[u8]) -> Result<Seen, String>) {
    let vectors = read::<Pem>(folder);
    let mut complaints = Vec::new();
    for (name, vector) in &vectors {
        let complaint = match (look(vector.pem.as_bytes()), &vector.fingerprint) {
            (Err(ours), _) if vector.seal.is_some() => {
                (Some(&ours) != vector.seal.as_ref()).then(|| format!("says {ours:?}"))
            }
            (Ok(_), _) if vector.seal.is_some() => Some("is read".to_owned()),
            (Ok(_), None) if vector.seal_takes => None,
            (Ok(seen), Some(fingerprint)) => {
                let expected = (fingerprint.clone(), vector.not_before, vector.not_after);
                (seen != expected).then(|| format!("{seen:?}, upstream sees {expected:?}"))
            }
            (Err(ours), Some(_)) => Some(format!("is refused: {ours}")),
            (Ok(seen), None) => Some(format!("{seen:?}, upstream says {:?}", vector.upstream)),
            (Err(ours), None) if ours.is_empty() => Some("is refused without a word".to_owned()),
            (Err(_), None) => None,
        };
        complaints.extend(complaint.map(|text| format!("{name} ({}): {text}", vector.about)));
    }
    report(&complaints, vectors.len());
}

#[test]
fn certificates_are_read_as_upstream_reads_them() {
    run("certificates", |pem| {
        let read = Certificate::from_pem(pem).map_err(|error| error.to_string())?;
        let second = |time: jiff::Timestamp| Some(time.as_second());
        Ok((
            read.fingerprint().to_string(),
            second(read.not_before()),
            second(read.not_after()),
        ))
    });
}

#[test]
fn private_keys_are_read_as_upstream_reads_them() {
    run("private-keys", |pem| {
        let read = PrivateKey::from_pem(pem).map_err(|error| error.to_string())?;
        Ok((read.public().fingerprint().to_string(), None, None))
    });
}
