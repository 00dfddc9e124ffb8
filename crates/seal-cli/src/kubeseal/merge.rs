//! `--merge-into`: new items spliced into a file that stands in Git, everything else left as it is.
//!
//! Scope, name and namespace are the target's; a merge never widens a scope (S20).

use std::path::Path as FilePath;

use seal_api::annotations;
use seal_core::{PublicKey, Scope};
use seal_document::{DuplicateKeys, Edits, Format, Limits, Mapping, Path, Schema, Stream, Value};

use super::documents::Documents;
use super::failure::Failure;
use super::flags::Options;
use super::go_types::{SEALED_SECRET, SECRET};
use super::namespace::NamespaceSource;
use super::output::{OutputFormat, replace};
use super::sealing::{Demands, prepare, scope_of, seal_all, text};
use crate::file_system::Exclusive;

/// A SealedSecret in the target file.
struct Target {
    /// Which document of the file.
    document: usize,
    name: String,
    namespace: String,
    scope: Scope,
    /// The template's metadata as it stands.
    has: Mapping,
}

/// Seals what is in `input` into the file that `options` name.
pub(super) fn merge_into(
    options: &Options,
    input: impl FnOnce() -> Result<zeroize::Zeroizing<Vec<u8>>, Failure>,
    key: &PublicKey,
) -> Result<(), Failure> {
    let path = &options.merge_into;
    // Through a symbolic link the file behind it is replaced, not the link.
    let file = FilePath::new(path)
        .canonicalize()
        .map_err(|error| Failure::file("open", path, &error))?;
    let read = || std::fs::read(&file).map_err(|error| Failure::file("read", path, &error));
    // The target's faults come before the input's, and the input before the lock: it may be a pipe.
    judge(&read()?, path)?;
    let secrets = Documents::read(&input()?, &SECRET)?.complete(Failure::NoSecrets)?;
    OutputFormat::parse(&options.format)?;
    let exclusive = Exclusive::on(&file);
    let bytes = read()?;
    let (stream, targets) = judge(&bytes, path)?;

    let mut chosen = Vec::with_capacity(secrets.len());
    let mut prepared = Vec::with_capacity(secrets.len());
    let namespace_source = NamespaceSource::new(&options.connection);
    for mut secret in secrets {
        let target = choose(&targets, &secret, path)?;
        if options.scope_given && options.scope != target.scope {
            return Err(Failure::MergeScope {
                path: path.clone(),
                asked: options.scope,
                found: target.scope,
            });
        }
        adopt_scope(&mut secret, target.scope);
        let demands = Demands {
            scope: target.scope,
            allow_empty_data: options.allow_empty_data,
            name: &target.name,
            namespace: &target.namespace,
            namespace_source: &namespace_source,
        };
        prepared.push(prepare(secret, &demands)?);
        chosen.push(target);
    }
    let mut edits = Edits::new(&stream);
    for (target, object) in chosen.into_iter().zip(seal_all(prepared, key)?) {
        for (path, value) in changes(&object, target) {
            edits.set(target.document, &path, value);
        }
    }
    let merged = edits.apply().map_err(|error| splice(path, error))?;
    if !exclusive.confirm(&bytes) {
        return Err(splice(path, "the file changed meanwhile; run it again"));
    }
    replace(&file, merged.as_bytes(), Some(&file))
}

fn splice(path: &str, fault: impl ToString) -> Failure {
    Failure::Splice {
        path: path.to_owned(),
        fault: fault.to_string(),
    }
}

fn judge<'b>(bytes: &'b [u8], path: &str) -> Result<(Stream<'b>, Vec<Target>), Failure> {
    let text = seal_document::decode(bytes).map_err(|error| splice(path, error))?;
    let stream = seal_document::parse(text, Format::detect(Some(path), text), &Limits::default())
        .map_err(|error| splice(path, error))?;
    let targets = targets(&stream).map_err(|fault| match fault {
        TargetFault::Upstreams(text) => Failure::Decoding(text),
        TargetFault::Ours(text) => splice(path, text),
    })?;
    Ok((stream, targets))
}

enum TargetFault {
    Upstreams(String),
    Ours(String),
}

fn targets(stream: &Stream<'_>) -> Result<Vec<Target>, TargetFault> {
    let mut found = Vec::new();
    let mut first_fault = None;
    for document in stream
        .documents()
        .iter()
        .filter(|document| document.root().is_some())
    {
        let value = document
            .value(Schema::Kubernetes, DuplicateKeys::Error)
            .map_err(|error| TargetFault::Ours(error.to_string()))?;
        if let Err(fault) = judge_kind(&value) {
            first_fault.get_or_insert(fault);
            continue;
        }
        let reading = SEALED_SECRET.read(&value).value;
        let metadata = reading
            .get("metadata")
            .and_then(Value::as_mapping)
            .cloned()
            .unwrap_or_default();
        let template = reading
            .get("spec")
            .and_then(|spec| spec.get("template")?.get("metadata")?.as_mapping());
        found.push(Target {
            document: document.index(),
            name: text(&metadata, "name"),
            namespace: text(&metadata, "namespace"),
            scope: scope_of(&metadata),
            has: template.cloned().unwrap_or_default(),
        });
    }
    match first_fault {
        Some(fault) if found.is_empty() => Err(TargetFault::Upstreams(fault)),
        _ if found.is_empty() => Err(TargetFault::Ours("there is no SealedSecret in it".to_owned())),
        _ => Ok(found),
    }
}

/// Upstream's complaint about a document that is no SealedSecret. It does not quote the document.
pub(super) fn judge_kind(value: &Value) -> Result<(), String> {
    let word = |key| value.get(key).and_then(Value::as_str).unwrap_or_default();
    match (word("apiVersion"), word("kind")) {
        ("bitnami.com/v1alpha1", "SealedSecret") => Ok(()),
        (_, "") => Err("Object 'Kind' is missing in the document".to_owned()),
        ("", _) => Err("Object 'apiVersion' is missing in the document".to_owned()),
        (version, kind) if is_built_in(version) => {
            let version = version.rsplit('/').next().unwrap_or_default();
            Err(format!(
                "converting ({version}.{kind}) to (v1alpha1.SealedSecret): unknown conversion"
            ))
        }
        (version, kind) => Err(format!(
            "no kind \"{kind}\" is registered for version \"{version}\" in scheme \"pkg/runtime/scheme.go:111\""
        )),
    }
}

// The groups of client-go's scheme: short names, or Kubernetes' own domain.
fn is_built_in(version: &str) -> bool {
    match version.split_once('/') {
        None => version == "v1",
        Some((group, _)) => !group.contains('.') || group.ends_with(".k8s.io"),
    }
}

fn choose<'t>(targets: &'t [Target], secret: &Value, path: &str) -> Result<&'t Target, Failure> {
    if let [only] = targets {
        return Ok(only);
    }
    let metadata = secret
        .get("metadata")
        .and_then(Value::as_mapping)
        .cloned()
        .unwrap_or_default();
    let (name, namespace) = (text(&metadata, "name"), text(&metadata, "namespace"));
    let same_name = || targets.iter().filter(|target| target.name == name);
    let exact = same_name().find(|target| target.namespace == namespace);
    exact
        .or_else(|| same_name().next())
        .ok_or_else(|| Failure::MergeTarget {
            path: path.to_owned(),
            count: targets.len(),
            name: if name.is_empty() {
                "like the input".to_owned()
            } else {
                name
            },
        })
}

fn adopt_scope(secret: &mut Value, scope: Scope) {
    let metadata = secret
        .as_mapping_mut()
        .and_then(|secret| secret.get_mut("metadata")?.as_mapping_mut());
    let Some(annotations) = metadata.and_then(|metadata| metadata.get_mut("annotations")?.as_mapping_mut())
    else {
        return;
    };
    for other in [annotations::CLUSTER_WIDE, annotations::NAMESPACE_WIDE] {
        if annotations::scope_annotation(scope) != Some(other) {
            annotations.remove(other);
        }
    }
}

fn changes(object: &Value, target: &Target) -> Vec<(Path, Value)> {
    let spec = object.get("spec").expect("a SealedSecret of ours has a spec");
    let entries = |value: Option<&Value>| -> Vec<(String, Value)> {
        let entries = value
            .and_then(Value::as_mapping)
            .into_iter()
            .flat_map(Mapping::iter);
        entries
            .map(|(key, value)| (key.to_owned(), value.clone()))
            .collect()
    };
    let mut changes: Vec<(Path, Value)> = Vec::new();
    let items: Path = ["spec", "encryptedData"].into_iter().collect();
    changes.extend(
        entries(spec.get("encryptedData"))
            .into_iter()
            .map(|(key, value)| (items.key(key), value)),
    );
    let template = spec.get("template").and_then(|template| template.get("metadata"));
    for field in ["annotations", "labels"] {
        let place: Path = ["spec", "template", "metadata", field].into_iter().collect();
        for (key, value) in entries(template.and_then(|metadata| metadata.get(field))) {
            let standing = target
                .has
                .get(field)
                .and_then(|standing| standing.get(&key)?.as_str());
            // The target's scope is spelt in its own metadata; a template that lacks it stays as it is.
            let is_scope = matches!(
                key.as_str(),
                annotations::CLUSTER_WIDE | annotations::NAMESPACE_WIDE
            );
            if !is_scope && standing != value.as_str() {
                changes.push((place.key(key), value));
            }
        }
    }
    changes
}
