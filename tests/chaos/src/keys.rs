//! The sealing keys of the script and what is sealed with them. Which of them the controller has is the
//! script's.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use seal_api::annotations;
use seal_core::{
    Certificate, EncryptionLabel, KeySize, Namespace, ObjectName, PrivateKey, Scope, SelfSigned,
    SystemRandom, encode_base64, seal,
};
use serde_json::{Value, json};

use crate::act::Sealing;
use crate::place::{ENTRIES, Place};

const LIFETIME: Duration = Duration::from_secs(365 * 86_400);

/// The keys by their number, made when they are first needed.
#[derive(Default)]
pub(crate) struct Keys(HashMap<usize, PrivateKey>);

impl Keys {
    /// The name of a key's Secret.
    pub(crate) fn name(key: usize) -> String {
        format!("key-{key}")
    }

    /// The Secret of a key.
    pub(crate) fn secret(&mut self, key: usize) -> anyhow::Result<Value> {
        let private = self.find(key)?;
        let contents = SelfSigned {
            common_name: "",
            not_before: Timestamp::now() - Duration::from_secs(60),
            lifetime: LIFETIME,
        };
        let certificate = Certificate::self_signed(private, &contents, &mut SystemRandom)?;
        Ok(json!({
            "metadata": {
                "name": Self::name(key),
                "labels": {annotations::KEY_LABEL: annotations::KEY_ACTIVE},
            },
            "type": "kubernetes.io/tls",
            "stringData": {"tls.key": private.to_pkcs1_pem().as_str(), "tls.crt": certificate.pem()},
        }))
    }

    /// All entries of a version; with `broken`, the last one is sealed for another object.
    pub(crate) fn seal(
        &mut self,
        sealing: Sealing,
        broken: bool,
    ) -> anyhow::Result<BTreeMap<String, Option<String>>> {
        let Sealing { place, version, key } = sealing;
        let public = self.find(key)?.public();
        let last = ENTRIES.len() - 1;
        let mut sealed = BTreeMap::new();
        for (at, entry) in ENTRIES.into_iter().enumerate() {
            let label = label(place, if broken && at == last { "another" } else { "" })?;
            let value = seal(place.text(version).as_bytes(), public, &label, &mut SystemRandom)?;
            sealed.insert(entry.to_owned(), Some(encode_base64(&value)));
        }
        Ok(sealed)
    }

    fn find(&mut self, key: usize) -> anyhow::Result<&PrivateKey> {
        match self.0.entry(key) {
            std::collections::hash_map::Entry::Occupied(known) => Ok(known.into_mut()),
            std::collections::hash_map::Entry::Vacant(free) => {
                Ok(free.insert(PrivateKey::generate(KeySize::Bits2048)?))
            }
        }
    }
}

fn label(place: Place, suffix: &str) -> anyhow::Result<EncryptionLabel> {
    let namespace: Namespace = place.namespace().parse()?;
    let name: ObjectName = format!("{}{suffix}", place.name()).parse()?;
    Ok(Scope::Strict.label(&namespace, &name))
}
