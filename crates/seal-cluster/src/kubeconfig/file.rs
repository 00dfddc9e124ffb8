//! One kubeconfig file, read. Relative paths in it are made absolute; nothing is judged.

use std::io;
use std::path::{Path, PathBuf};

use seal_document::{DuplicateKeys, Format, Limits, Schema, Value};
use zeroize::Zeroizing;

use super::merged::{Cluster, Context, Merged, User};

/// The file's content; nothing if it does not exist.
pub(super) fn read(path: &Path) -> Result<Option<Merged>, String> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => Zeroizing::new(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("{} {}: {}", verb(&error), path.display(), cause(&error))),
    };
    let text = seal_document::decode(&bytes).map_err(|error| error.to_string())?;
    let format = Format::detect(None, text);
    let stream = seal_document::parse(text, format, &Limits::default()).map_err(|error| error.to_string())?;
    let Some(document) = stream.documents().first() else {
        return Ok(Some(Merged::default()));
    };
    let value = document
        .value(Schema::Kubernetes, DuplicateKeys::LastWins)
        .map_err(|error| error.to_string())?;
    if !value.is_null() && value.as_mapping().is_none() {
        return Err(format!("expected a mapping, found a {}", value.kind()));
    }
    Ok(Some(merged(&value, &folder_of(path))))
}

fn folder_of(path: &Path) -> PathBuf {
    let folder = path.parent().unwrap_or(Path::new(""));
    std::path::absolute(folder).unwrap_or_else(|_| std::env::current_dir().unwrap_or_default().join(folder))
}

fn verb(error: &io::Error) -> &'static str {
    if error.kind() == io::ErrorKind::IsADirectory {
        "read"
    } else {
        "open"
    }
}

fn cause(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

fn merged(value: &Value, folder: &Path) -> Merged {
    let named = |list: &str, item: &'static str| {
        value
            .get(list)
            .and_then(Value::as_sequence)
            .unwrap_or_default()
            .iter()
            .map(move |entry| (text(entry, "name"), entry.get(item).unwrap_or(&Value::Null)))
    };
    let mut merged = Merged {
        current_context: text(value, "current-context"),
        ..Merged::default()
    };
    // Of entries with one name the last counts, as when client-go converts the list to a map.
    for (name, entry) in named("clusters", "cluster") {
        merged.clusters.insert(name, cluster(entry, folder));
    }
    for (name, entry) in named("users", "user") {
        merged.users.insert(name, user(entry, folder));
    }
    for (name, entry) in named("contexts", "context") {
        let context = Context {
            cluster: text(entry, "cluster"),
            user: text(entry, "user"),
            namespace: text(entry, "namespace"),
        };
        merged.contexts.insert(name, context);
    }
    merged
}

fn cluster(entry: &Value, folder: &Path) -> Cluster {
    Cluster {
        server: text(entry, "server"),
        certificate_authority: path(entry, "certificate-authority", folder),
        certificate_authority_data: text(entry, "certificate-authority-data"),
        insecure_skip_tls_verify: switch(entry, "insecure-skip-tls-verify"),
        tls_server_name: text(entry, "tls-server-name"),
        proxy_url: text(entry, "proxy-url"),
        disable_compression: switch(entry, "disable-compression"),
        extensions: entry.get("extensions").map(json),
    }
}

fn user(entry: &Value, folder: &Path) -> User {
    let present = |key| entry.get(key).filter(|value| !value.is_null()).map(json);
    let mut exec = present("exec");
    if let Some(command) = exec.as_mut().and_then(|exec| exec.get_mut("command"))
        && let Some(relative) = command
            .as_str()
            .filter(|command| command.contains(std::path::MAIN_SEPARATOR))
    {
        *command = folder.join(relative).to_string_lossy().into_owned().into();
    }
    User {
        token: text(entry, "token"),
        token_file: path(entry, "tokenFile", folder),
        username: text(entry, "username"),
        password: text(entry, "password"),
        client_certificate: path(entry, "client-certificate", folder),
        client_certificate_data: text(entry, "client-certificate-data"),
        client_key: path(entry, "client-key", folder),
        client_key_data: text(entry, "client-key-data"),
        impersonate: text(entry, "as"),
        impersonate_uid: text(entry, "as-uid"),
        impersonate_groups: entry
            .get("as-groups")
            .and_then(Value::as_sequence)
            .unwrap_or_default()
            .iter()
            .filter_map(|group| group.stringify().map(|group| group.to_string()))
            .collect(),
        impersonate_extra: present("as-user-extra"),
        auth_provider: present("auth-provider"),
        exec,
    }
}

fn text(value: &Value, key: &str) -> String {
    value
        .get(key)
        .and_then(Value::stringify)
        .map(|text| text.to_string())
        .unwrap_or_default()
}

fn switch(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool).unwrap_or_default()
}

fn path(value: &Value, key: &str, folder: &Path) -> String {
    match text(value, key) {
        path if path.is_empty() => path,
        path => folder.join(path).to_string_lossy().into_owned(),
    }
}

fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(truth) => (*truth).into(),
        Value::Integer(number) => (*number).into(),
        Value::Unsigned(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::String(text) => text.as_str().into(),
        Value::Sequence(items) => items.iter().map(json).collect(),
        Value::Mapping(mapping) => mapping
            .iter()
            .map(|(key, value)| (key.to_owned(), json(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}
