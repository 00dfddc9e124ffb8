//! `seal keys`: sealing keys listed, renewed, retired, backed up to age recipients, restored. Reading
//! them is `crate::keys`'.

pub(super) mod ask;
pub(super) mod list;
mod restore;
mod usage;

use crate::arguments::{ClusterArguments, KeyArguments, KeysCommand, Rendition};
use crate::command_error::CommandError;
use crate::keys::{self, Recipients, StoredKey};
use crate::terminal::Terminal;
use crate::{cluster, output};
use list::Facts;
use restore::Place;

/// Runs it.
pub(super) fn run(command: &KeysCommand, terminal: Terminal) -> Result<(), CommandError> {
    match command {
        KeysCommand::Ls {
            output: rendition,
            keys,
            cluster,
        } => {
            let on_cluster = keys.keys.is_empty();
            let keys = gather(keys, cluster, terminal)?;
            let facts = match on_cluster {
                true => Facts::of_cluster(cluster, terminal),
                false => Facts::default(),
            };
            output::print(&match rendition {
                Rendition::Human => list::table(&keys, &facts),
                Rendition::Json => list::json(&keys, &facts),
            })
        }
        KeysCommand::Usage(arguments) => usage::run(arguments, terminal),
        KeysCommand::Renew { cluster } => ask::renew(cluster, terminal),
        KeysCommand::Primary {
            fingerprint, cluster, ..
        } => ask::primary(*fingerprint, cluster, terminal),
        KeysCommand::Retire {
            fingerprint,
            compromised,
            cluster,
        } => ask::retire(*fingerprint, *compromised, cluster, terminal),
        KeysCommand::Backup {
            recipient,
            recipients_file,
            out_file,
            keys,
            cluster,
        } => {
            let recipients = Recipients::settle(recipient, recipients_file)?;
            let keys = gather(keys, cluster, terminal)?;
            let backup = keys::seal(
                &restore::manifest(&keys, Place { into: None, cluster })?,
                &recipients,
            )?;
            output::write_public(out_file.as_deref(), &backup)?;
            let keys = match keys.len() {
                1 => "1 key".to_owned(),
                count => format!("{count} keys"),
            };
            terminal.tell(&format!("{keys} in the backup"));
            Ok(())
        }
        KeysCommand::Restore {
            backup,
            from_cluster: _,
            identity,
            apply,
            out_file,
            into,
            show_values,
            cluster,
        } => {
            let restored = restore::open(backup.as_deref(), identity, cluster, terminal)?;
            let place = Place {
                into: into.as_ref(),
                cluster,
            };
            if *apply {
                return restore::create(&restored, place, terminal);
            }
            restore::write(&restored, out_file.as_deref(), *show_values, place, terminal)
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
