//! `seal keys`: sealing keys listed, backed up to age recipients, restored. A restore makes no key the
//! one that seals (S4): it brings keys back to open with.

use std::path::{Path, PathBuf};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use seal_api::{Secret, annotations};
use seal_core::Plaintext;
use seal_document::{Format, JsonStyle, KeyOrder, Mapping, Value, WipedText, to_json};

use crate::arguments::{ClusterArguments, KeyArguments, KeysCommand, Rendition};
use crate::command_error::CommandError;
use crate::input::{KEY_FILE_LIMIT, Source};
use crate::keys::{self, Recipients, StoredKey};
use crate::terminal::Terminal;
use crate::{cluster, manifests, output};

/// Runs it.
pub(super) fn run(command: &KeysCommand, terminal: Terminal) -> Result<(), CommandError> {
    match command {
        KeysCommand::Ls {
            output: rendition,
            keys,
            cluster,
        } => {
            let keys = gather(keys, cluster, terminal)?;
            output::print(&match rendition {
                Rendition::Human => table(&keys),
                Rendition::Json => json(&keys),
            })
        }
        KeysCommand::Backup {
            recipient,
            recipients_file,
            out_file,
            keys,
            cluster,
        } => {
            let recipients = Recipients::settle(recipient, recipients_file)?;
            let keys = gather(keys, cluster, terminal)?;
            let backup = keys::seal(&manifest(&keys, cluster)?, &recipients)?;
            output::write_public(out_file.as_deref(), &backup)?;
            terminal.tell(&format!("{} keys in the backup", keys.len()));
            Ok(())
        }
        KeysCommand::Restore {
            backup,
            identity,
            apply,
            out_file,
            show_values,
            cluster,
        } => {
            let restored = restore(backup, identity, terminal)?;
            if *apply {
                return create(&restored, cluster, terminal);
            }
            let Some(path) = out_file else {
                terminal.tell("nothing is written: --out-file writes the key Secrets, --apply creates them");
                return Ok(());
            };
            output::guard_values(Some(path), *show_values)?;
            if path.as_os_str() != "-" && path.is_file() {
                return Err(
                    CommandError::file("write", path, &std::io::ErrorKind::AlreadyExists.into())
                        .remedy("keys are never replaced: name another file"),
                );
            }
            output::write_private(Some(path), &manifest(&restored, cluster)?)
        }
    }
}

/// Keys from files if any are named, else from the cluster; the newest first.
fn gather(
    files: &KeyArguments,
    cluster: &ClusterArguments,
    terminal: Terminal,
) -> Result<Vec<StoredKey>, CommandError> {
    let keys = if files.keys.is_empty() {
        of_cluster(cluster, terminal)?
    } else {
        keys::read(files)?
    };
    if keys.is_empty() {
        return Err(CommandError::key("there is no sealing key"));
    }
    Ok(sorted(keys))
}

fn of_cluster(cluster: &ClusterArguments, terminal: Terminal) -> Result<Vec<StoredKey>, CommandError> {
    let mut found = Vec::new();
    for secret in cluster::key_secrets(cluster)? {
        let name = secret.metadata.name.clone().unwrap_or_default();
        let whence = format!("{}/{name}", cluster.controller_namespace);
        // One that cannot be read must not hide the others.
        match keys::of_secret(secret, whence.clone()) {
            Ok(key) => found.extend(key),
            Err(_) => terminal.warn(&format!("{whence}: its private key cannot be read")),
        }
    }
    Ok(found)
}

fn sorted(mut keys: Vec<StoredKey>) -> Vec<StoredKey> {
    keys.sort_by_key(|key| (std::cmp::Reverse(key.since()), key.private.public().fingerprint()));
    keys.dedup_by_key(|key| key.private.public().fingerprint());
    keys
}

fn restore(
    backup: &Path,
    identities: &[PathBuf],
    terminal: Terminal,
) -> Result<Vec<StoredKey>, CommandError> {
    let source = Source::of(backup);
    let bytes = source.read(KEY_FILE_LIMIT)?;
    let found = sorted(keys::of_bytes(&bytes, &source.shown(), identities)?);
    if found.is_empty() {
        return Err(CommandError::key(format!(
            "{}: there is no sealing key in it",
            source.shown()
        )));
    }
    for key in &found {
        let end = key
            .certificate
            .as_ref()
            .map(|certificate| format!(", until {}", certificate.not_after()));
        terminal.tell(&format!(
            "{}{}",
            key.private.public().fingerprint(),
            end.unwrap_or_default()
        ));
    }
    Ok(found)
}

fn create(keys: &[StoredKey], cluster: &ClusterArguments, terminal: Terminal) -> Result<(), CommandError> {
    for (index, key) in keys.iter().enumerate() {
        let secret = secret_of(key, index, cluster);
        let name = secret.metadata.name.clone().unwrap_or_default();
        let namespace = secret.metadata.namespace.clone().unwrap_or_default();
        let created = cluster::create(cluster, &namespace, &secret)?;
        terminal.tell(&format!(
            "{namespace}/{name}: {}",
            if created { "created" } else { "stands already" }
        ));
    }
    terminal.tell(
        "the controller opens with them at once or after its restart; which key seals is not changed by this",
    );
    Ok(())
}

/// The key Secret, as it came or made for a bare key, without what belongs to one cluster only.
fn secret_of(key: &StoredKey, index: usize, cluster: &ClusterArguments) -> Secret {
    let mut secret = key.secret.as_ref().map(Secret::duplicate).unwrap_or_default();
    let old = std::mem::take(&mut secret.metadata);
    secret.metadata = ObjectMeta {
        name: old
            .name
            .or_else(|| Some(format!("sealed-secrets-key-restored-{}", index + 1))),
        namespace: old
            .namespace
            .or_else(|| Some(cluster.controller_namespace.to_string())),
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

fn manifest(keys: &[StoredKey], cluster: &ClusterArguments) -> Result<WipedText, CommandError> {
    let items: Vec<Value> = keys
        .iter()
        .enumerate()
        .map(|(index, key)| secret_of(key, index, cluster).to_value())
        .collect();
    let mut list = Mapping::new();
    list.insert("apiVersion", "v1");
    list.insert("kind", "List");
    list.insert("items", items);
    manifests::render(&Value::Mapping(list), Format::Yaml)
}

fn table(keys: &[StoredKey]) -> String {
    let mut text = format!(
        "{:50}  {:>4}  {:20}  {:20}  {}\n",
        "FINGERPRINT", "BITS", "NOT BEFORE", "NOT AFTER", "FROM"
    );
    for (index, key) in keys.iter().enumerate() {
        let public = key.private.public();
        let time =
            |time: Option<jiff::Timestamp>| time.map_or_else(|| "-".to_owned(), |time| time.to_string());
        let (begin, end) = validity(key);
        let newest = if index == 0 && begin.is_some() {
            "  (newest)"
        } else {
            ""
        };
        text.push_str(&format!(
            "{:50}  {:>4}  {:20}  {:20}  {}{newest}\n",
            public.fingerprint().to_string(),
            public.bits(),
            time(begin),
            time(end),
            key.whence
        ));
    }
    text
}

fn json(keys: &[StoredKey]) -> String {
    let rows = keys.iter().enumerate().map(|(index, key)| {
        let public = key.private.public();
        let time =
            |time: Option<jiff::Timestamp>| time.map_or(Value::Null, |time| Value::from(time.to_string()));
        let (begin, end) = validity(key);
        let mut row = Mapping::new();
        row.insert("fingerprint", public.fingerprint().to_string());
        row.insert("bits", i64::try_from(public.bits()).unwrap_or(i64::MAX));
        row.insert("newest", index == 0 && begin.is_some());
        row.insert("notBefore", time(begin));
        row.insert("notAfter", time(end));
        row.insert("from", key.whence.as_str());
        Value::Mapping(row)
    });
    let style = JsonStyle {
        order: KeyOrder::Kept,
        ..JsonStyle::PRETTY
    };
    let text = to_json(&Value::Sequence(rows.collect()), style).expect("sizes are finite");
    format!("{}\n", *text)
}

fn validity(key: &StoredKey) -> (Option<jiff::Timestamp>, Option<jiff::Timestamp>) {
    let certificate = key.certificate.as_ref();
    (
        certificate.map(|certificate| certificate.not_before()),
        certificate.map(|certificate| certificate.not_after()),
    )
}
