//! The modes that ask the controller: its certificate, `--validate` and `--re-encrypt`.
//!
//! The only part of kubeseal mode that starts an asynchronous runtime and builds a cluster client.

use std::path::Path as FilePath;

use seal_cluster::kubeconfig::{Connection, Kubeconfig};
use seal_cluster::service_proxy::{ProxyError, ServiceProxy};
use seal_document::{
    DuplicateKeys, Edits, Format, JsonStyle, KeyOrder, Limits, Mapping, Path, Schema, Value, to_json,
};

use super::documents::Documents;
use super::failure::Failure;
use super::flags::Options;
use super::go_types::SEALED_SECRET;
use super::output::{Output, OutputFormat, replace};
use super::sealing::text;

/// Runs `work` to its end on this thread.
pub(super) fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::Runtime)?;
    Ok(runtime.block_on(work))
}

/// The controller's certificate, byte for byte.
pub(super) fn certificate(options: &Options) -> Result<Vec<u8>, Failure> {
    let connection = connection(options)?;
    block_on(async {
        let proxy = find(options, connection).await?;
        proxy.get("/v1/cert.pem").await.map_err(Failure::FetchFromCluster)
    })?
}

/// Asks the controller whether it can open every document of `input`; stops at the first it cannot.
pub(super) fn validate(
    options: &Options,
    input: impl FnOnce() -> Result<zeroize::Zeroizing<Vec<u8>>, Failure>,
) -> Result<(), Failure> {
    let connection = connection(options)?;
    block_on(async {
        let proxy = find(options, connection).await?;
        let documents = Documents::read(&input()?, &SEALED_SECRET)
            .map_err(|_| Failure::Decoding("unable to decrypt sealed secret".into()))?;
        for object in &documents.good {
            proxy
                .post("/v1/verify", body(object))
                .await
                .map_err(|error| match error.code() {
                    Some(CONFLICT) => Failure::Undecryptable(name_of(object)),
                    _ => Failure::Validate(error),
                })?;
        }
        if let Some(fault) = documents.broken {
            super::warn(&format!("not validated: {fault}"));
        }
        Ok(())
    })?
}

/// Has every document of `input` sealed with the controller's newest key. Of the answers only the
/// ciphertexts are taken over: the controller drops template data, labels and annotations.
pub(super) fn reencrypt(
    options: &Options,
    input: impl FnOnce() -> Result<zeroize::Zeroizing<Vec<u8>>, Failure>,
    mut output: Output,
) -> Result<(), Failure> {
    let connection = connection(options)?;
    block_on(async {
        let proxy = find(options, connection).await?;
        let documents = Documents::read(&input()?, &SEALED_SECRET)?;
        if let Some(fault) = documents.broken {
            return Err(Failure::BrokenDocument(fault));
        }
        for mut object in documents.good {
            let answer = rotate(&proxy, &object).await?;
            take_over(&mut object, &answer);
            output.write(OutputFormat::parse(&options.format)?.render(&object).as_bytes())?;
        }
        output.commit()
    })?
}

/// The same within a file: only ciphertexts change, byte for byte.
pub(super) fn reencrypt_in_place(options: &Options) -> Result<(), Failure> {
    let path = &options.input_file;
    let splice = |fault: String| Failure::Splice {
        path: path.clone(),
        fault,
    };
    let bytes = std::fs::read(path).map_err(|_| Failure::SecretFile)?;
    let source = seal_document::decode(&bytes).map_err(|error| splice(error.to_string()))?;
    let stream = seal_document::parse(source, Format::detect(Some(path), source), &Limits::default())
        .map_err(|error| Failure::BrokenDocument(error.to_string()))?;
    let connection = connection(options)?;
    let changed = block_on(async {
        let proxy = find(options, connection).await?;
        let mut edits = Edits::new(&stream);
        for document in stream.documents() {
            let value = document
                .value(Schema::Kubernetes, DuplicateKeys::Error)
                .map_err(|error| Failure::BrokenDocument(error.to_string()))?;
            let object = SEALED_SECRET.read(&value);
            if !object.filled || super::merge::judge_kind(&value).is_err() {
                continue;
            }
            let answer = rotate(&proxy, &object.value).await?;
            for (place, value) in spec_changes(&object.value, &answer) {
                let index = document.index();
                match value {
                    Some(value) => edits.set(index, &place, value),
                    None => edits.remove(index, &place),
                }
            }
        }
        edits.apply().map_err(|error| splice(error.to_string()))
    })??;
    replace(FilePath::new(path), changed.as_bytes(), None)
}

const CONFLICT: u16 = 409;

fn connection(options: &Options) -> Result<Connection, Failure> {
    Ok(Kubeconfig::load(&options.connection)?.connection()?)
}

async fn find(options: &Options, connection: Connection) -> Result<ServiceProxy, Failure> {
    ServiceProxy::find(
        connection,
        &options.controller_namespace,
        &options.controller_name,
    )
    .await
    .map_err(Failure::Service)
}

fn body(object: &Value) -> Vec<u8> {
    let style = JsonStyle {
        order: KeyOrder::Kept,
        ..JsonStyle::COMPACT
    };
    to_json(object, style)
        .expect("manifests hold no infinite numbers")
        .as_bytes()
        .to_vec()
}

fn name_of(object: &Value) -> String {
    object
        .get("metadata")
        .and_then(Value::as_mapping)
        .map(|metadata| text(metadata, "name"))
        .unwrap_or_default()
}

async fn rotate(proxy: &ServiceProxy, object: &Value) -> Result<Value, Failure> {
    let answer = proxy
        .post("/v1/rotate", body(object))
        .await
        .map_err(|error: ProxyError| match error.code() {
            Some(CONFLICT) => Failure::Rotate,
            _ => Failure::Reencrypt(error),
        })?;
    let documents = Documents::read(&answer, &SEALED_SECRET).map_err(|_| Failure::ReencryptAnswer)?;
    let answer = documents
        .good
        .into_iter()
        .next()
        .ok_or(Failure::ReencryptAnswer)?;
    let keys = |object: &Value| -> Option<Vec<String>> {
        let items = object.get("spec")?.get("encryptedData")?.as_mapping()?;
        Some(items.keys().map(str::to_owned).collect())
    };
    // Every item must come back, or one would be lost in silence. A legacy blob comes back as items.
    let is_legacy = object.get("spec").is_some_and(|spec| spec.get("data").is_some());
    if !is_legacy
        && keys(object).is_some_and(|before| {
            let after = keys(&answer).unwrap_or_default();
            before.iter().any(|key| !after.contains(key))
        })
    {
        return Err(Failure::ReencryptAnswer);
    }
    Ok(answer)
}

/// What of `answer` belongs into the spec of `object`: a value, or nothing for what goes.
fn spec_changes(object: &Value, answer: &Value) -> Vec<(Path, Option<Value>)> {
    let spec = |object: &Value| {
        object
            .get("spec")
            .and_then(Value::as_mapping)
            .cloned()
            .unwrap_or_default()
    };
    let (before, mut after) = (spec(object), spec(answer));
    let place: Path = ["spec"].into_iter().collect();
    let mut changes = Vec::new();
    if before.contains_key("data") {
        changes.push((place.key("data"), None));
        changes.push((place.key("template"), after.remove("template")));
    }
    let standing = before.get("encryptedData").and_then(Value::as_mapping);
    if let Some(Value::Mapping(items)) = after.remove("encryptedData") {
        let items = items.into_iter().filter(|(key, _)| {
            before.contains_key("data") || standing.is_some_and(|standing| standing.contains_key(key))
        });
        let place = place.key("encryptedData");
        changes.extend(items.map(|(key, value)| (place.key(key.as_str()), Some(value))));
    }
    changes
}

fn take_over(object: &mut Value, answer: &Value) {
    let changes = spec_changes(object, answer);
    for (place, value) in changes {
        let mut current = &mut *object;
        let steps: Vec<&str> = place
            .steps()
            .iter()
            .filter_map(|step| match step {
                seal_document::Step::Key(key) => Some(key.as_str()),
                seal_document::Step::Index(_) => None,
            })
            .collect();
        let Some((last, parents)) = steps.split_last() else {
            continue;
        };
        for parent in parents {
            let mapping = current
                .as_mapping_mut()
                .expect("Go structs and their maps are mappings");
            if !mapping.contains_key(parent) {
                mapping.insert(*parent, Value::Mapping(Mapping::new()));
            }
            current = mapping.get_mut(parent).expect("it was just made sure of");
        }
        let mapping = current
            .as_mapping_mut()
            .expect("Go structs and their maps are mappings");
        match value {
            Some(value) => drop(mapping.insert(*last, value)),
            None => drop(mapping.remove(last)),
        }
    }
}
