//! Whole SealedSecrets, judged by upstream's own Unseal: what opens has the same Secret, what does not
//! has the fault that its author named, in upstream's words wherever no value can be in them.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use seal_api::{SealedSecret, Secret};
use seal_core::KeyRing;
use seal_engine::sealed_secret::{Opening, open};
use seal_engine::{Answers, Fault, Policy, desired, shape, summary};
use seal_template::environment::{Random, UtcOnly};
use seal_template::{Env, Functions};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::files::{Rings, read, report};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Vector {
    about: String,
    keys: Vec<String>,
    #[serde(default)]
    accept_legacy: bool,
    object: SealedSecret,
    secret: Option<Expected>,
    #[serde(default)]
    faults: BTreeMap<String, String>,
    #[serde(default)]
    upstream: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    #[serde(rename = "type")]
    kind: Option<String>,
    immutable: Option<bool>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(default)]
    finalizers: Vec<String>,
    data: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Value {
    Whole { base64: String },
    Digest { sha256: String, size: usize },
}

struct NoRandom;

impl Random for NoRandom {
    fn fill(&mut self, _: &mut [u8]) {
        panic!("no vector is random");
    }
}

/// The one middle up to the Secret that should be.
pub(crate) fn unseal(
    object: &SealedSecret,
    ring: &KeyRing,
    opening: &Opening<'_>,
) -> Result<Secret, Vec<Fault>> {
    let answers = Answers {
        sealing_keys: Some(ring),
    };
    let mut unveiled = open(object, &answers, opening)?;
    let one = unveiled.pop().unwrap();
    assert!(unveiled.is_empty(), "a SealedSecret is one Secret");
    let functions = Functions::builtin().with(seal_template::sprig::FUNCTIONS);
    let mut env = Env {
        now: jiff::Timestamp::UNIX_EPOCH,
        zones: &UtcOnly,
        random: &mut NoRandom,
    };
    let material = shape(one, object.spec.template.as_ref(), &functions, &mut env)?;
    let name = |name: &Option<String>| name.clone().unwrap();
    let (namespace, name) = (name(&object.metadata.namespace), name(&object.metadata.name));
    desired(material, &namespace, &name, &Policy::default())
}

fn opening(vector: &Vector) -> Opening<'static> {
    Opening {
        accept_legacy: vector.accept_legacy,
        diagnose_scope: false,
        hints: None,
    }
}

fn run(folder: &str) -> usize {
    let mut rings = Rings::default();
    let vectors = read::<Vector>(folder);
    let mut complaints = Vec::new();
    for (name, vector) in &vectors {
        let outcome = unseal(&vector.object, rings.of(&vector.keys), &opening(vector));
        let complaint = match (&vector.secret, outcome) {
            (Some(expected), Ok(secret)) => differences(expected, &secret),
            (None, Err(faults)) => disagreements(vector, &faults),
            (Some(_), Err(faults)) => vec![format!("does not open: {}", summary(&faults))],
            (None, Ok(_)) => vec![format!("opens; upstream says {:?}", vector.upstream)],
        };
        let about = &vector.about;
        complaints.extend(
            complaint
                .into_iter()
                .map(|text| format!("{name} ({about}): {text}")),
        );
    }
    report(&complaints, vectors.len());
    vectors.len()
}

fn differences(expected: &Expected, secret: &Secret) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut check = |what: &str, same: bool| {
        if !same {
            complaints.push(format!("{what} differs"));
        }
    };
    let metadata = &secret.metadata;
    check("type", expected.kind == secret.kind);
    check("immutable", expected.immutable == secret.immutable);
    check(
        "labels",
        expected.labels == metadata.labels.clone().unwrap_or_default(),
    );
    check(
        "annotations",
        expected.annotations == metadata.annotations.clone().unwrap_or_default(),
    );
    check(
        "finalizers",
        expected.finalizers == metadata.finalizers.clone().unwrap_or_default(),
    );
    check("the list of entries", expected.data.keys().eq(secret.data.keys()));
    for (entry, value) in &expected.data {
        let ours = secret.data.get(entry).map_or(&[][..], |value| value.expose());
        let same = match value {
            Value::Whole { base64 } => STANDARD.decode(base64).unwrap() == ours,
            Value::Digest { sha256, size } => *size == ours.len() && *sha256 == hex(&Sha256::digest(ours)),
        };
        if !same {
            complaints.push(format!(
                "entry {entry:?} is {:?}",
                String::from_utf8_lossy(&ours[..ours.len().min(200)])
            ));
        }
    }
    complaints
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn disagreements(vector: &Vector, faults: &[Fault]) -> Vec<String> {
    let codes: BTreeMap<String, String> = faults
        .iter()
        .map(|fault| {
            (
                fault.place.entry.clone().unwrap_or_default(),
                fault.kind.code.to_owned(),
            )
        })
        .collect();
    if codes != vector.faults {
        return vec![format!(
            "faults {codes:?}, expected {:?}; {}",
            vector.faults,
            summary(faults)
        )];
    }
    let mut theirs: BTreeSet<&str> = vector.upstream.iter().map(String::as_str).collect();
    let mut complaints = Vec::new();
    for fault in faults {
        let ours = summary(std::slice::from_ref(fault));
        match theirs.iter().copied().find(|text| agrees(fault, &ours, text)) {
            Some(text) => drop(theirs.remove(text)),
            None => complaints.push(format!("{ours:?} is nowhere in {theirs:?}")),
        }
    }
    complaints
}

// Which part of upstream's text ours repeats: all of it, the place, the beginning, or nothing, where the
// text is that of another decoder.
fn agrees(fault: &Fault, ours: &str, theirs: &str) -> bool {
    match fault.kind.code {
        "template-failed" => match theirs.rfind(">: ") {
            Some(end) => ours.starts_with(&theirs[..end + 3]) || ours == theirs,
            None => ours == theirs,
        },
        // Upstream names no entry for the blob, and neither do we.
        "another-key-or-name" | "truncated" | "malformed" | "tampered" => ours.starts_with(theirs),
        "legacy-malformed" => true,
        _ => ours == theirs,
    }
}

#[test]
fn what_kubeseal_sealed_opens_to_the_same_secret() {
    assert!(run("envelopes") >= 30);
}

#[test]
fn legacy_blobs_open_or_are_refused_as_upstream_does() {
    assert!(run("legacy") >= 10);
}

#[test]
fn every_way_to_state_a_scope_opens_what_it_opens_upstream() {
    assert!(run("scopes") >= 70);
}

#[test]
fn templates_make_the_secret_that_upstreams_engine_makes() {
    assert!(run("templates") >= 100);
}

#[test]
fn a_diagnosis_names_only_scopes_that_the_author_could_have_stated() {
    let mut rings = Rings::default();
    for (name, vector) in read::<Vector>("scopes") {
        let how = Opening {
            diagnose_scope: true,
            ..opening(&vector)
        };
        let Err(faults) = unseal(&vector.object, rings.of(&vector.keys), &how) else {
            assert!(
                vector.secret.is_some(),
                "{name} opens with a diagnosis and not without"
            );
            continue;
        };
        assert!(
            vector.secret.is_none(),
            "{name} opens without a diagnosis and not with one"
        );
        let home = vector.object.metadata.namespace.as_deref() == Some("prod");
        let own_name = vector.object.metadata.name.as_deref() == Some("app");
        let knowable = match vector.about.split([' ', ',']).nth(1).unwrap() {
            "strict" => home && own_name,
            "namespace-wide" => home,
            "cluster-wide" => true,
            other => panic!("{name} is sealed {other}"),
        };
        let expected = if knowable {
            "another-scope"
        } else {
            "another-key-or-name"
        };
        let codes: Vec<&str> = faults.iter().map(|fault| fault.kind.code).collect();
        assert_eq!(codes, [expected], "{name} ({})", vector.about);
    }
}
