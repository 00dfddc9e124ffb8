//! Single sealed values, most of them hostile: upstream's library said which open, and each refusal has
//! its fault.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use seal_api::{SealedSecret, SealedSecretSpec};
use seal_engine::sealed_secret::Opening;
use serde::Deserialize;

use super::files::{Rings, read, report};
use super::objects::unseal;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Blobs {
    about: String,
    keys: Vec<String>,
    cases: Vec<Blob>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Blob {
    about: String,
    blob: String,
    opens: Option<String>,
    fault: Option<String>,
}

const HOW: Opening<'static> = Opening {
    accept_legacy: true,
    diagnose_scope: true,
    hints: None,
};

#[test]
fn hostile_values_open_or_fail_as_upstream_has_it_each_for_its_own_reason() {
    let mut rings = Rings::default();
    let (mut complaints, mut count) = (Vec::new(), 0);
    for (name, blobs) in read::<Blobs>("adversarial") {
        let ring = rings.of(&blobs.keys);
        for case in &blobs.cases {
            count += 1;
            let spec = SealedSecretSpec {
                encrypted_data: BTreeMap::from([("x".to_owned(), Some(case.blob.clone()))]),
                ..SealedSecretSpec::default()
            };
            let mut object = SealedSecret::new("app", spec);
            object.metadata.namespace = Some("prod".to_owned());
            let (value, code) = match unseal(&object, ring, &HOW) {
                Ok(secret) => (Some(STANDARD.encode(secret.data["x"].expose())), None),
                Err(faults) => (None, Some(faults[0].kind.code.to_owned())),
            };
            // Two cases are sealed under labels that the author could have stated.
            let known_scope = case.about == "no label" || case.about == "the namespace as label";
            let fault = match known_scope {
                true => Some("another-scope".to_owned()),
                false => case.fault.clone(),
            };
            if (&value, &code) != (&case.opens, &fault) {
                let expected = (&case.opens, &fault);
                let about = (&blobs.about, &case.about);
                complaints.push(format!(
                    "{name} {about:?}: {:?}, expected {expected:?}",
                    (value, code)
                ));
            }
        }
    }
    report(&complaints, count);
    assert!(count >= 400, "only {count} hostile values");
}
