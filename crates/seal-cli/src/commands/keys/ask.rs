//! `seal keys renew`, `primary` and `retire`: asked of the controller through its SealingKeyRing, and
//! waited for. What is allowed, the controller decides.

use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use seal_api::sealing_key_ring::READY;
use seal_api::{Condition, Retire, SealingKeyRing, SealingKeyRingStatus};
use seal_core::Fingerprint;
use serde_json::json;

use crate::arguments::ClusterArguments;
use crate::cluster;
use crate::command_error::CommandError;
use crate::terminal::Terminal;

// A key of 8192 bits takes half a minute, and another minute lies between two of them.
const DEADLINE: Duration = Duration::from_secs(150);
const BETWEEN: Duration = Duration::from_millis(300);

/// Makes a new key.
pub(super) fn renew(cluster: &ClusterArguments, terminal: Terminal) -> Result<(), CommandError> {
    let word = Timestamp::now().to_string();
    let asked = cluster::change_key_ring(cluster, json!({"renew": word}), None)?.ok_or_else(|| {
        not_defined()
            .remedy("apply crds/sealops.dev_sealingkeyrings.yaml, or send the controller's process SIGUSR1")
    })?;
    let mut told = false;
    let status = wait(cluster, &asked, |status| {
        let ready = ready(status);
        if !told && ready.is_some_and(|ready| ready.reason.as_deref() == Some("RenewalWaits")) {
            terminal.tell("another key was made just now: this one follows within a minute");
            told = true;
        }
        (status.renewed.as_deref() == Some(word.as_str())).then_some(Ok(()))
    })?;
    let newest = status.keys.iter().find(|key| !key.retired);
    let sealing = status.keys.iter().find(|key| key.primary);
    match (newest, sealing) {
        (Some(newest), Some(sealing)) if newest != sealing => terminal.tell(&format!(
            "{} was made; {} goes on to seal, since spec.primary of the SealingKeyRing names it",
            newest.fingerprint, sealing.fingerprint
        )),
        (_, Some(sealing)) => {
            terminal.tell(&format!("{} was made and seals from now on", sealing.fingerprint))
        }
        _ => {}
    }
    Ok(())
}

/// Names the key that seals, or none.
pub(super) fn primary(
    named: Option<Fingerprint>,
    cluster: &ClusterArguments,
    terminal: Terminal,
) -> Result<(), CommandError> {
    let name = named.map(|named| named.to_string());
    let Some(asked) = cluster::change_key_ring(cluster, json!({"primary": name}), None)? else {
        let Some(name) = name else {
            return Err(not_defined());
        };
        cluster::note_primary(cluster, &name)?;
        terminal.tell("the controller takes it up at once if it has that key; `seal keys ls` shows it");
        return Ok(());
    };
    let Some(name) = name else {
        wait(cluster, &asked, |_| Some(Ok(())))?;
        terminal.tell("no key is named: the one that seals goes on to, until it is renewed");
        return Ok(());
    };
    wait(cluster, &asked, |status| {
        let seals = status
            .keys
            .iter()
            .any(|key| key.primary && key.fingerprint == name);
        let refused = ready(status).filter(|ready| ready.reason.as_deref() == Some("PrimaryUnknown"));
        match refused {
            Some(refused) => Some(Err(refusal(refused))),
            None => seals.then_some(Ok(())),
        }
    })?;
    terminal.tell(&format!("{name} seals from now on"));
    Ok(())
}

/// Takes a key out of the ring.
pub(super) fn retire(
    key: Fingerprint,
    compromised: bool,
    cluster: &ClusterArguments,
    terminal: Terminal,
) -> Result<(), CommandError> {
    let name = key.to_string();
    let standing = cluster::key_ring(cluster)?;
    let mut list = standing
        .as_ref()
        .map(|ring| ring.spec.retire.clone())
        .unwrap_or_default();
    list.retain(|retire| retire.fingerprint != name);
    list.push(Retire {
        fingerprint: name.clone(),
        compromised,
    });
    let version = standing.and_then(|ring| ring.metadata.resource_version);
    let asked = cluster::change_key_ring(cluster, json!({"retire": list}), version)?;
    let asked = asked.ok_or_else(not_defined)?;
    let outcome = wait(cluster, &asked, |status| {
        let found = status.keys.iter().find(|key| key.fingerprint == name);
        let Some(found) = found else {
            return Some(Err(CommandError::key(format!("there is no key {name}"))
                .remedy("`seal keys ls` shows which there are")));
        };
        let refused = ready(status).filter(|ready| {
            let message = ready.message.as_deref().unwrap_or_default();
            ready.reason.as_deref() == Some("RetireRefused") && message.contains(&name)
        });
        match (found.retired, refused) {
            (true, _) => Some(Ok(())),
            (false, Some(refused)) => Some(Err(refusal(refused))),
            (false, None) => None,
        }
    });
    if let Err(error) = outcome {
        // What was refused must not happen by itself one day.
        let ring = cluster::key_ring(cluster)?.unwrap_or_default();
        let mut list = ring.spec.retire;
        list.retain(|retire| retire.fingerprint != name);
        cluster::change_key_ring(cluster, json!({"retire": list}), ring.metadata.resource_version)?;
        return Err(error);
    }
    terminal.tell(&format!("{name} opens nothing any longer; its Secret stays"));
    Ok(())
}

// The status once the controller has seen what was asked, and `judge` has made up its mind.
fn wait(
    cluster: &ClusterArguments,
    asked: &SealingKeyRing,
    mut judge: impl FnMut(&SealingKeyRingStatus) -> Option<Result<(), CommandError>>,
) -> Result<SealingKeyRingStatus, CommandError> {
    let end = Instant::now() + DEADLINE;
    while Instant::now() < end {
        let status = cluster::key_ring(cluster)?
            .and_then(|ring| ring.status)
            .unwrap_or_default();
        if status.observed_generation >= asked.metadata.generation
            && let Some(verdict) = judge(&status)
        {
            return verdict.map(|()| status);
        }
        thread::sleep(BETWEEN);
    }
    Err(CommandError::cluster("the controller did not do it in time")
        .remedy("look at its logs, and whether it watches this namespace: --controller-namespace"))
}

fn ready(status: &SealingKeyRingStatus) -> Option<&Condition> {
    status.conditions.iter().find(|condition| condition.kind == READY)
}

fn refusal(condition: &Condition) -> CommandError {
    CommandError::key(condition.message.clone().unwrap_or_default())
}

fn not_defined() -> CommandError {
    CommandError::cluster("the cluster does not know SealingKeyRings")
        .remedy("apply crds/sealops.dev_sealingkeyrings.yaml")
}
