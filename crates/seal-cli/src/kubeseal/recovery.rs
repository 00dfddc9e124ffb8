//! `--recovery-unseal`: opens SealedSecrets offline with a backup of the sealing keys, through the same
//! engine as the controller.
//!
//! What it prints is plaintext by request; files with it are made readable by their owner only.

use jiff::Timestamp;
use seal_api::{SealedSecret, annotations};
use seal_core::{KeyRing, PrivateKey, PrivateKeyError, RingKey, decode_base64, encode_base64};
use seal_document::{DuplicateKeys, Format, JsonStyle, KeyOrder, Limits, Mapping, Schema, Value, to_json};
use seal_engine::sealed_secret::Opening;
use seal_engine::{Fault, Material};
use zeroize::Zeroizing;

use super::failure::Failure;
use super::flags::Options;
use super::go_types::{SEALED_SECRET, SECRET};
use super::merge::judge_kind;
use super::output::{Output, OutputFormat};
use super::sealing::text;
use crate::opening;

/// Opens every SealedSecret of `input` and prints the Secrets.
pub(super) fn unseal(
    options: &Options,
    input: impl FnOnce() -> Result<Zeroizing<Vec<u8>>, Failure>,
    mut output: Output,
) -> Result<(), Failure> {
    let ring = read_keys(&options.recovery_keys)?;
    let input = input()?;
    let source = seal_document::decode(&input).map_err(|_| Failure::NoSealedSecrets)?;
    let limits = Limits::default();
    let mut rendered = Vec::new();
    let mut others = Vec::new();
    for document in seal_document::documents(source, Format::detect(None, source), &limits) {
        let broken = |fault: String| Failure::BrokenDocument(fault);
        let document = document.map_err(|error| broken(error.to_string()))?;
        if document.root().is_none() {
            continue;
        }
        let value = document
            .value(Schema::Kubernetes, DuplicateKeys::LastWins)
            .map_err(|error| broken(error.to_string()))?;
        if let Err(fault) = judge_kind(&value) {
            others.push(fault);
            continue;
        }
        let reading = SEALED_SECRET.read(&value);
        if let Some(fault) = reading.fault {
            return Err(Failure::Decoding(fault));
        }
        let object = reading.value;
        let material = open_one(&object, ring.as_ref())?;
        rendered.push(OutputFormat::parse(&options.format)?.render(&secret(&object, material)));
    }
    match others.into_iter().next() {
        Some(fault) if rendered.is_empty() => return Err(Failure::Decoding(fault)),
        Some(fault) => super::warn(&format!("left out: {fault}")),
        None if rendered.is_empty() => return Err(Failure::NoSealedSecrets),
        None => {}
    }
    for text in rendered {
        output.write(text.as_bytes())?;
    }
    output.commit()
}

fn open_one(object: &Value, ring: Option<&KeyRing>) -> Result<Material, Failure> {
    let style = JsonStyle {
        order: KeyOrder::Kept,
        ..JsonStyle::COMPACT
    };
    let json = to_json(object, style).expect("manifests hold no infinite numbers");
    let sealed: SealedSecret = serde_json::from_str(&json).map_err(|error| {
        Failure::Decoding(format!("the SealedSecret cannot be read (line {})", error.line()))
    })?;
    let Some(ring) = ring else {
        return Err(Failure::Unseal(without_keys(&sealed)));
    };
    let how = Opening {
        accept_legacy: false,
        diagnose_scope: false,
        hints: None,
    };
    opening::material(&sealed, ring, &how).map_err(|faults| Failure::Unseal(upstream_text(&faults)))
}

// Upstream's sentence and nothing after it: the engine's go on with what is known beyond it.
fn upstream_text(faults: &[Fault]) -> String {
    const NO_KEY: &str = "no key could decrypt secret";
    let (unopened, others): (Vec<&Fault>, Vec<&Fault>) = faults
        .iter()
        .partition(|fault| fault.kind.sentence.starts_with(NO_KEY));
    let mut entries: Vec<&str> = unopened
        .iter()
        .filter_map(|fault| fault.place.entry.as_deref())
        .collect();
    entries.sort_unstable();
    let mut lines = Vec::new();
    if !unopened.is_empty() {
        lines.push(format!("{NO_KEY} ({})", entries.join(", ")));
    }
    let others: Vec<Fault> = others.into_iter().cloned().collect();
    if !others.is_empty() {
        lines.push(seal_engine::summary(&others));
    }
    lines.join("\n")
}

fn without_keys(sealed: &SealedSecret) -> String {
    if sealed.spec.data.is_some() {
        return "using deprecated 'data' field, use 'encryptedData' or flip the feature flag".to_owned();
    }
    let entries: Vec<&str> = sealed.spec.encrypted_data.keys().map(String::as_str).collect();
    format!("no key could decrypt secret ({})", entries.join(", "))
}

/// The Secret as upstream prints it: all of the template's metadata, and an owner reference.
fn secret(object: &Value, material: Material) -> Value {
    let mapping = |value: Option<&Value>| value.and_then(Value::as_mapping).cloned().unwrap_or_default();
    let own = mapping(object.get("metadata"));
    let template = mapping(
        object
            .get("spec")
            .and_then(|spec| spec.get("template")?.get("metadata")),
    );
    let (name, namespace) = (text(&own, "name"), text(&own, "namespace"));
    let skip_owner = template
        .get("annotations")
        .and_then(|annotations| annotations.get(annotations::SKIP_SET_OWNER_REFERENCES)?.as_str())
        == Some("true");

    let mut fields: Vec<(String, Value)> = Vec::new();
    if !name.is_empty() {
        fields.push(("name".to_owned(), Value::from(name.as_str())));
    }
    if !namespace.is_empty() {
        fields.push(("namespace".to_owned(), Value::from(namespace.as_str())));
    }
    let owner = (!skip_owner).then(|| {
        let reference: Mapping = [
            ("apiVersion", Value::from("bitnami.com/v1alpha1")),
            ("kind", Value::from("SealedSecret")),
            ("name", Value::from(name.as_str())),
            ("uid", Value::from(text(&own, "uid"))),
            ("controller", Value::from(true)),
        ]
        .into_iter()
        .collect();
        Value::Sequence(vec![Value::Mapping(reference)])
    });
    for (field, value) in template {
        let replaced = match field.as_str() {
            "name" | "namespace" => true,
            "ownerReferences" => owner.is_some(),
            _ => false,
        };
        if !replaced {
            fields.push((field.to_string(), value));
        }
    }
    fields.extend(owner.map(|owner| ("ownerReferences".to_owned(), owner)));

    let mut raw = Mapping::new();
    raw.insert("kind", "Secret");
    raw.insert("apiVersion", "v1");
    raw.insert("metadata", Value::Mapping(fields.into_iter().collect()));
    if let Some(immutable) = material.immutable {
        raw.insert("immutable", immutable);
    }
    if let Some(kind) = material.kind {
        raw.insert("type", kind);
    }
    // The struct brings the fields into Go's order; values join afterwards, since it would read an
    // empty one as absent where Go prints null.
    let mut shaped = SECRET.read(&Value::Mapping(raw)).value;
    let data: Mapping = material
        .entries
        .iter()
        .map(|(entry, value)| (entry.clone(), printed(value.expose())))
        .collect();
    if data.is_empty() {
        return shaped;
    }
    let fields = shaped.as_mapping_mut().expect("a Go struct is a mapping");
    let kind = fields.remove("type");
    fields.insert("data", Value::Mapping(data));
    if let Some(kind) = kind {
        fields.insert("type", kind);
    }
    shaped
}

fn printed(value: &[u8]) -> Value {
    if value.is_empty() {
        Value::Null
    } else {
        Value::from(encode_base64(value))
    }
}

/// The keys of all files, none if no file holds a usable one, as upstream has it.
fn read_keys(files: &[String]) -> Result<Option<KeyRing>, Failure> {
    let mut keys = Vec::new();
    for path in files {
        let content = std::fs::read(path).map_err(|error| {
            let operation = if error.kind() == std::io::ErrorKind::IsADirectory {
                "read"
            } else {
                "open"
            };
            Failure::file(operation, path, &error)
        })?;
        let content = Zeroizing::new(content);
        match PrivateKey::from_pem(&content) {
            Ok(key) => keys.push(key),
            Err(error) => {
                if matches!(error, PrivateKeyError::Rejected) {
                    super::warn(&format!("{path}: {error}"));
                }
                keys.extend(read_backup(&content)?);
            }
        }
    }
    // Which key is newest does not matter here; each has its own moment only to keep their order.
    let ring = keys.into_iter().zip(0..).map(|(key, at): (_, i64)| {
        RingKey::new(key, Timestamp::from_second(at).unwrap_or(Timestamp::UNIX_EPOCH))
    });
    Ok(KeyRing::new(ring.collect()))
}

fn read_backup(content: &[u8]) -> Result<Vec<PrivateKey>, Failure> {
    let Ok(source) = seal_document::decode(content) else {
        return Ok(Vec::new());
    };
    let mut keys = Vec::new();
    for document in
        seal_document::documents(source, Format::detect(None, source), &Limits::default()).flatten()
    {
        let Ok(value) = document.value(Schema::Kubernetes, DuplicateKeys::LastWins) else {
            continue;
        };
        let items = match value.get("kind").and_then(Value::as_str) {
            Some("List" | "SecretList") => value
                .get("items")
                .and_then(Value::as_sequence)
                .unwrap_or_default(),
            _ => std::slice::from_ref(&value),
        };
        for item in items {
            keys.extend(read_key_secret(item)?);
        }
    }
    Ok(keys)
}

fn read_key_secret(item: &Value) -> Result<Option<PrivateKey>, Failure> {
    let reading = SECRET.read(item);
    match reading.fault {
        Some(fault) if reading.filled => {
            return Err(Failure::Decoding(format!(
                "error unmarshaling JSON: while decoding JSON: {fault}"
            )));
        }
        None if reading.filled => {}
        _ => return Ok(None),
    }
    let encoded = reading
        .value
        .get("data")
        .and_then(|data| data.get("tls.key")?.as_str())
        .ok_or(Failure::KeyMissing)?;
    let pem = Zeroizing::new(decode_base64(encoded).map_err(|error| Failure::Decoding(error.to_string()))?);
    PrivateKey::from_pem(&pem).map(Some).map_err(|error| match error {
        PrivateKeyError::Rejected => Failure::KeyType,
        _ => Failure::NoKey,
    })
}
