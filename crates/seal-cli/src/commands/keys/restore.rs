//! `seal keys restore`: backups opened, their key Secrets written or created. Where it is
//! noted which key seals, none becomes that one by this (S4): it brings keys back to open with.

use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use seal_api::{Secret, annotations};
use seal_cluster::backup::is_proven;
use seal_cluster::config_maps::{BACKUP, BACKUP_FILE};
use seal_cluster::installation::{INSTALLATION_SECRET, Installation};
use seal_core::{Namespace, Plaintext};
use seal_document::{DuplicateKeys, Format, Limits, Mapping, Schema, Value, WipedText};
use zeroize::Zeroizing;

use super::sorted;
use crate::arguments::ClusterArguments;
use crate::command_error::CommandError;
use crate::input::{KEY_FILE_LIMIT, Source};
use crate::keys::{self, StoredKey, is_encrypted};
use crate::terminal::Terminal;
use crate::{cluster, manifests, output};

/// The keys in a backup: in a file, or in the ConfigMap of the cluster.
pub(super) fn open(
    backup: Option<&Path>,
    identities: &[PathBuf],
    cluster: &ClusterArguments,
    terminal: Terminal,
) -> Result<Vec<StoredKey>, CommandError> {
    let (bytes, whence) = match backup {
        Some(path) => {
            let source = Source::of(path);
            let bytes = source.read(KEY_FILE_LIMIT)?;
            let inside = str::from_utf8(&bytes).ok().and_then(in_config_map);
            let bytes = inside.map_or(bytes, |text| Zeroizing::new(text.into_bytes()));
            (bytes, source.shown())
        }
        None => {
            let whence = format!("{}/{BACKUP}", cluster.controller_namespace);
            let map = cluster::config_map(cluster, BACKUP)?;
            if let Some(map) = &map {
                vouch(map, &whence, cluster, terminal);
            }
            let text = map.and_then(|map| map.data?.remove(BACKUP_FILE));
            let text = text.ok_or_else(|| {
                CommandError::key(format!("{whence}: there is no backup"))
                    .remedy("the controller keeps one once it has --backup-recipients")
            })?;
            (Zeroizing::new(text.into_bytes()), whence)
        }
    };
    let found = sorted(keys::of_bytes(&bytes, &whence, identities)?);
    if found.is_empty() {
        return Err(CommandError::key(format!(
            "{whence}: there is no sealing key in it"
        )));
    }
    for key in &found {
        let end = key
            .certificate
            .as_ref()
            .map(|certificate| format!(", until {}", certificate.not_after()));
        let secret = key.secret.as_ref();
        let home = secret.and_then(|secret| secret.metadata.namespace.as_deref());
        let home = home.map(|namespace| format!(", of namespace {namespace}"));
        terminal.tell(&format!(
            "{}{}{}",
            key.private.public().fingerprint(),
            end.unwrap_or_default(),
            home.unwrap_or_default()
        ));
    }
    Ok(found)
}

// Whoever may write the ConfigMap can put keys of his own there, encrypted to the same recipients.
fn vouch(map: &ConfigMap, whence: &str, cluster: &ClusterArguments, terminal: Terminal) {
    let namespace = cluster.controller_namespace.as_ref();
    let installation = cluster::secret(cluster, namespace, INSTALLATION_SECRET);
    match installation.ok().flatten().and_then(Installation::read) {
        Some(installation) if is_proven(map, &installation.key) => {}
        Some(_) => terminal.warn(&format!(
            "{whence} is not as the installation wrote it, or another installation did, or its Secret \
             {INSTALLATION_SECRET} was lost and made anew since: compare the fingerprints with what you know \
             before these keys open anything"
        )),
        None => terminal.tell(&format!(
            "{whence}: whether the installation wrote it as it stands cannot be told without the Secret \
             {INSTALLATION_SECRET}: compare the fingerprints with what you know"
        )),
    }
}

// The backup in the manifest of a ConfigMap, if that is what `text` is.
fn in_config_map(text: &str) -> Option<String> {
    if is_encrypted(text.as_bytes()) || !text.contains(BACKUP_FILE) {
        return None;
    }
    let stream = seal_document::parse(text, Format::detect(None, text), &Limits::default()).ok()?;
    stream.documents().iter().find_map(|document| {
        let value = document.value(Schema::Kubernetes, DuplicateKeys::LastWins).ok()?;
        let kind = value.get("kind").and_then(Value::as_str)?;
        let file = value.get("data")?.get(BACKUP_FILE)?.as_str()?;
        (kind == "ConfigMap").then(|| file.to_owned())
    })
}

/// Where keys go: into this namespace, else into their own, else into the controller's.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) into: Option<&'a Namespace>,
    pub(super) cluster: &'a ClusterArguments,
}

/// Writes the key Secrets, if somebody said where to.
pub(super) fn write(
    keys: &[StoredKey],
    out_file: Option<&Path>,
    show_values: bool,
    place: Place<'_>,
    terminal: Terminal,
) -> Result<(), CommandError> {
    let Some(path) = out_file else {
        terminal.tell("nothing is written: --out-file writes the key Secrets, --apply creates them; --into NAMESPACE says where");
        return Ok(());
    };
    output::guard_values(Some(path), show_values)?;
    if path.as_os_str() != "-" && path.is_file() {
        return Err(
            CommandError::file("write", path, &std::io::ErrorKind::AlreadyExists.into())
                .remedy("keys are never replaced: name another file"),
        );
    }
    output::write_private(Some(path), &manifest(keys, place)?)
}

/// Creates the key Secrets; what stands already stays. Done again after a kill, it goes on.
pub(super) fn create(keys: &[StoredKey], place: Place<'_>, terminal: Terminal) -> Result<(), CommandError> {
    let mut taken = Vec::new();
    for (index, key) in keys.iter().enumerate() {
        let secret = secret_of(key, index, place);
        let name = secret.metadata.name.clone().unwrap_or_default();
        let namespace = secret.metadata.namespace.clone().unwrap_or_default();
        let whence = format!("{namespace}/{name}");
        if cluster::create(place.cluster, &secret)? {
            terminal.tell(&format!("{whence}: created"));
            continue;
        }
        let standing = cluster::secret(place.cluster, &namespace, &name)?;
        let standing = standing.and_then(|standing| keys::of_secret(standing, whence.clone()).ok()?);
        let own = key.private.public().fingerprint();
        if standing.is_some_and(|standing| standing.private.public().fingerprint() == own) {
            terminal.tell(&format!("{whence}: stands already"));
        } else {
            taken.push(format!(
                "{whence} stands for something else: {own} is not restored"
            ));
        }
    }
    terminal.tell(&format!(
        "the controller opens with them at once or after its restart; {}",
        which_seals(place.cluster)
    ));
    if taken.is_empty() {
        return Ok(());
    }
    Err(CommandError::key(taken.join("; "))
        .remedy("write the keys with --out-file and give them other names, or use --into"))
}

// A controller that finds no note of its choice makes the first one anew.
fn which_seals(cluster: &ClusterArguments) -> String {
    let namespace = cluster.controller_namespace.as_ref();
    let Ok(installation) = cluster::secret(cluster, namespace, INSTALLATION_SECRET) else {
        return format!(
            "where {namespace}/{INSTALLATION_SECRET} stands, the one that it names goes on to seal, else the newest"
        );
    };
    if let Some(primary) = installation
        .and_then(Installation::read)
        .and_then(|found| found.primary)
    {
        return format!("{primary} goes on to be the one that seals");
    }
    let ring = cluster::key_ring(cluster).ok().flatten();
    let told = ring.and_then(|ring| ring.status).map(|status| status.keys);
    let before = told.and_then(|keys| keys.into_iter().find(|key| key.primary));
    let named = before.map_or_else(|| "FINGERPRINT".to_owned(), |key| key.fingerprint);
    format!(
        "no {namespace}/{INSTALLATION_SECRET} says which key seals: the newest that is in use seals, until \
         another is named with `seal keys primary {named}`"
    )
}

/// The key Secret, as it came or made for a bare key, without what belongs to one cluster only.
fn secret_of(key: &StoredKey, index: usize, place: Place<'_>) -> Secret {
    let mut secret = key.secret.as_ref().map(Secret::duplicate).unwrap_or_default();
    let old = std::mem::take(&mut secret.metadata);
    secret.metadata = ObjectMeta {
        name: old
            .name
            .or_else(|| Some(format!("sealed-secrets-key-restored-{}", index + 1))),
        namespace: place
            .into
            .map(ToString::to_string)
            .or(old.namespace)
            .or_else(|| Some(place.cluster.controller_namespace.to_string())),
        labels: old.labels.or_else(|| {
            Some(
                [(
                    annotations::KEY_LABEL.to_owned(),
                    annotations::KEY_ACTIVE.to_owned(),
                )]
                .into(),
            )
        }),
        annotations: old.annotations,
        ..ObjectMeta::default()
    };
    secret.kind.get_or_insert_with(|| "kubernetes.io/tls".to_owned());
    if secret.data.is_empty() {
        let pem = key.private.to_pkcs1_pem();
        secret
            .data
            .insert("tls.key".to_owned(), Plaintext::copied(pem.as_bytes()));
        let certificate = key
            .certificate
            .as_ref()
            .map(|certificate| certificate.pem())
            .unwrap_or_default();
        secret
            .data
            .insert("tls.crt".to_owned(), Plaintext::copied(certificate.as_bytes()));
    }
    secret
}

/// All key Secrets as one manifest.
pub(super) fn manifest(keys: &[StoredKey], place: Place<'_>) -> Result<WipedText, CommandError> {
    let items: Vec<Value> = keys
        .iter()
        .enumerate()
        .map(|(index, key)| secret_of(key, index, place).to_value())
        .collect();
    let mut list = Mapping::new();
    list.insert("apiVersion", "v1");
    list.insert("kind", "List");
    list.insert("items", items);
    manifests::render(&Value::Mapping(list), Format::Yaml)
}
