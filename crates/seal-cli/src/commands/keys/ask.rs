//! `seal keys renew`, `primary` and `retire`: asked of the controller through its SealingKeyRing, and
//! waited for. What is allowed, the controller decides.

use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use seal_api::sealing_key_ring::{NAME, READY};
use seal_api::{Condition, KeyStatus, Retire, SealingKeyRing, SealingKeyRingStatus};
use seal_core::Fingerprint;
use serde_json::json;

use crate::arguments::ClusterArguments;
use crate::cluster;
use crate::command_error::CommandError;
use crate::interrupt::Interrupt;
use crate::terminal::Terminal;

// A key of 8192 bits takes half a minute, and another minute lies between two of them.
const DEADLINE: Duration = Duration::from_secs(150);
const BETWEEN: Duration = Duration::from_millis(300);
// A controller that runs tells within a second; whoever pressed Ctrl-C does not wait for one that does not.
const LAST_WORD: Duration = Duration::from_secs(10);

/// Makes a new key.
pub(super) fn renew(cluster: &ClusterArguments, terminal: Terminal) -> Result<(), CommandError> {
    renew_once(&Timestamp::now().to_string(), cluster, terminal).map(drop)
}

/// Makes a new key for `word`: the same word makes none again, whoever was killed meanwhile. Returns the keys
/// after that.
pub(in crate::commands) fn renew_once(
    word: &str,
    cluster: &ClusterArguments,
    terminal: Terminal,
) -> Result<Vec<KeyStatus>, CommandError> {
    let asked = cluster::change_key_ring(cluster, json!({"renew": word}))?.ok_or_else(|| {
        not_defined()
            .remedy("apply crds/sealops.dev_sealingkeyrings.yaml, or send the controller's process SIGUSR1")
    })?;
    let mut told = false;
    let status = wait(cluster, &asked, |status| {
        if !told && complaint(status, "spec.renew: ").is_some() {
            terminal.tell("another key was made just now: this one follows within a minute");
            told = true;
        }
        (status.renewed.as_deref() == Some(word)).then_some(Ok(()))
    })?;
    if let Some(made) = renewed(&asked, &status) {
        terminal.tell(&made);
    }
    Ok(status.keys)
}

// Which key was made, and which seals. Two of the same second have no order to tell them apart by.
fn renewed(asked: &SealingKeyRing, status: &SealingKeyRingStatus) -> Option<String> {
    let sealing = status.keys.iter().find(|key| key.primary)?;
    if asked.spec.primary.is_none() {
        return Some(format!("{} was made and seals from now on", sealing.fingerprint));
    }
    let before = asked.status.as_ref();
    let is_new = |key: &&KeyStatus| {
        !key.retired
            && !key.primary
            && before.is_none_or(|before| is_retired(before, &key.fingerprint).is_none())
    };
    let made = status.keys.iter().find(is_new)?;
    Some(format!(
        "{} was made; {} goes on to seal, since spec.primary of the SealingKeyRing names it",
        made.fingerprint, sealing.fingerprint
    ))
}

/// Names the key that seals, or none.
pub(super) fn primary(
    named: Option<Fingerprint>,
    cluster: &ClusterArguments,
    terminal: Terminal,
) -> Result<(), CommandError> {
    let name = named.map(|named| named.to_string());
    if let Some(name) = &name {
        not_to_be_retired(name, cluster)?;
    }
    let Some(asked) = cluster::change_key_ring(cluster, json!({"primary": name}))? else {
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
        match complaint(status, &format!("spec.primary: there is no key {name} ")) {
            Some(refused) => Some(Err(CommandError::key(refused))),
            None => seals.then_some(Ok(())),
        }
    })?;
    terminal.tell(&format!("{name} seals from now on"));
    Ok(())
}

/// Takes a key out of the ring.
pub(in crate::commands) fn retire(
    key: Fingerprint,
    compromised: bool,
    cluster: &ClusterArguments,
    terminal: Terminal,
) -> Result<(), CommandError> {
    let name = key.to_string();
    not_named(&name, cluster)?;
    let mut interrupt = Interrupt::listen()?;
    let asked = cluster::edit_key_ring(cluster, |standing| {
        let mut list = standing.map_or_else(Vec::new, |ring| without(&name, ring));
        list.push(Retire {
            fingerprint: name.clone(),
            compromised,
        });
        Some(json!({"retire": list}))
    })?;
    let asked = asked.ok_or_else(not_defined)?;
    let by_hand = by_hand(cluster, &without(&name, &asked));
    terminal.tell(&format!(
        "asked for; Ctrl-C takes it back; if this is killed, it stands until you take it back: {by_hand}"
    ));
    let waited = watch(cluster, &asked, DEADLINE, Some(&mut interrupt), |status| {
        match (
            is_retired(status, &name),
            complaint(status, &format!("spec.retire: {name} ")),
        ) {
            (None, _) => Some(Err(CommandError::key(format!("there is no key {name}"))
                .remedy("`seal keys ls` shows which there are"))),
            (Some(true), _) => Some(Ok(())),
            (Some(false), Some(refused)) => Some(Err(CommandError::key(refused))),
            (Some(false), None) => None,
        }
    });
    let failed = match waited {
        Ok(Waited::Told(_)) => {
            terminal.tell(&format!("{name} opens nothing any longer; its Secret stays"));
            return Ok(());
        }
        Ok(Waited::Interrupted) => None,
        Ok(Waited::Late) => Some(late()),
        Err(error) => Some(error),
    };
    // What was refused or is wanted no longer must not happen by itself one day.
    Err(match (take_back(&name, cluster), failed) {
        (Ok(_), Some(error)) => error,
        (Ok(left), None) => interrupted(&name, left.as_ref(), cluster, &mut interrupt),
        (Err(why), failed) => failed
            .unwrap_or_else(|| CommandError::interrupted("interrupted"))
            .and(
                why.about("it still stands in the SealingKeyRing, and is done once it may be")
                    .remedy(format!("take it back: {by_hand}")),
            ),
    })
}

// The API server takes no ring that names a key to seal and to be retired, and does not say so in words
// that may be repeated.
fn not_named(name: &str, cluster: &ClusterArguments) -> Result<(), CommandError> {
    let ring = cluster::key_ring(cluster)?;
    match ring.is_some_and(|ring| ring.spec.primary.as_deref() == Some(name)) {
        true => Err(CommandError::key(format!(
            "{name} is the key that is named to seal: spec.primary of the SealingKeyRing"
        ))
        .remedy(
            "name another with `seal keys primary FINGERPRINT`, or `seal keys primary --release` and then \
             `seal keys renew`",
        )),
        false => Ok(()),
    }
}

fn not_to_be_retired(name: &str, cluster: &ClusterArguments) -> Result<(), CommandError> {
    let Some(ring) = cluster::key_ring(cluster)? else {
        return Ok(());
    };
    let left = without(name, &ring);
    match left.len() < ring.spec.retire.len() {
        true => Err(CommandError::key(format!(
            "{name} is to be retired: spec.retire of the SealingKeyRing"
        ))
        .remedy(format!("take that back first: {}", by_hand(cluster, &left)))),
        false => Ok(()),
    }
}

// What is left to ask for.
fn take_back(name: &str, cluster: &ClusterArguments) -> Result<Option<SealingKeyRing>, CommandError> {
    cluster::edit_key_ring(cluster, |standing| {
        let ring = standing?;
        let list = without(name, ring);
        (list.len() < ring.spec.retire.len()).then(|| json!({"retire": list}))
    })
}

// The controller may have been at it. A pass of its that has seen what is left knows of all before it.
fn interrupted(
    name: &str,
    left: Option<&SealingKeyRing>,
    cluster: &ClusterArguments,
    interrupt: &mut Interrupt,
) -> CommandError {
    let seen = left.map(|left| watch(cluster, left, LAST_WORD, Some(interrupt), |_| Some(Ok(()))));
    match seen {
        Some(Ok(Waited::Told(status))) => CommandError::interrupted(match is_retired(&status, name) {
            Some(true) => {
                format!("interrupted too late: {name} is retired already; its Secret stays")
            }
            _ => format!("interrupted: it was taken back, and {name} is not retired"),
        }),
        _ => CommandError::interrupted(format!(
            "interrupted: it was taken back; whether {name} was retired before that, the controller does not tell"
        ))
        .remedy("`seal keys ls` shows it"),
    }
}

// Whether it opens nothing any longer, in whichever Secrets it stands; `None` if it stands in none.
fn is_retired(status: &SealingKeyRingStatus, name: &str) -> Option<bool> {
    let mut found = status
        .keys
        .iter()
        .filter(|key| key.fingerprint == name)
        .peekable();
    found.peek()?;
    Some(found.all(|key| key.retired))
}

// What else is to be retired.
fn without(name: &str, ring: &SealingKeyRing) -> Vec<Retire> {
    let others = ring.spec.retire.iter();
    others
        .filter(|retire| retire.fingerprint != name)
        .cloned()
        .collect()
}

// The command that leaves only `others` to be retired.
fn by_hand(cluster: &ClusterArguments, others: &[Retire]) -> String {
    let patch = json!({"spec": {"retire": others}});
    format!(
        "kubectl patch sealingkeyrings.sealops.dev {NAME} -n {} --type merge -p '{patch}'",
        cluster.controller_namespace
    )
}

// The status once the controller has seen what was asked, and `judge` has made up its mind.
fn wait(
    cluster: &ClusterArguments,
    asked: &SealingKeyRing,
    judge: impl FnMut(&SealingKeyRingStatus) -> Option<Result<(), CommandError>>,
) -> Result<SealingKeyRingStatus, CommandError> {
    match watch(cluster, asked, DEADLINE, None, judge)? {
        Waited::Told(status) => Ok(status),
        Waited::Late | Waited::Interrupted => Err(late().remedy(format!(
            "look at its logs, and whether it watches this namespace: --controller-namespace; what was asked \
             for stands in the SealingKeyRing {NAME} in namespace {} and is done once a controller reads it",
            cluster.controller_namespace
        ))),
    }
}

// How waiting ended that did not fail.
enum Waited {
    Told(SealingKeyRingStatus),
    Late,
    Interrupted,
}

fn watch(
    cluster: &ClusterArguments,
    asked: &SealingKeyRing,
    patience: Duration,
    mut interrupt: Option<&mut Interrupt>,
    mut judge: impl FnMut(&SealingKeyRingStatus) -> Option<Result<(), CommandError>>,
) -> Result<Waited, CommandError> {
    let end = Instant::now() + patience;
    while Instant::now() < end {
        let status = cluster::key_ring(cluster)?
            .and_then(|ring| ring.status)
            .unwrap_or_default();
        if status.observed_generation >= asked.metadata.generation
            && let Some(verdict) = judge(&status)
        {
            return verdict.map(|()| Waited::Told(status));
        }
        let interrupted = match &mut interrupt {
            Some(interrupt) => interrupt.within(BETWEEN),
            None => {
                thread::sleep(BETWEEN);
                false
            }
        };
        if interrupted {
            return Ok(Waited::Interrupted);
        }
    }
    Ok(Waited::Late)
}

fn late() -> CommandError {
    CommandError::cluster("the controller did not do it in time")
        .remedy("look at its logs, and whether it watches this namespace: --controller-namespace")
}

fn ready(status: &SealingKeyRingStatus) -> Option<&Condition> {
    status.conditions.iter().find(|condition| condition.kind == READY)
}

// The complaint that begins so, wherever among the others it stands. Each names the field that it is
// about; the reason of the condition is that of the first.
fn complaint(status: &SealingKeyRingStatus, beginning: &str) -> Option<String> {
    let message = ready(status)
        .filter(|ready| ready.status != "True")?
        .message
        .as_deref()?;
    let own = &message[message.find(beginning)?..];
    let end = own.find("; spec.").unwrap_or(own.len());
    Some(own[..end].to_owned())
}

fn not_defined() -> CommandError {
    CommandError::cluster("the cluster does not know SealingKeyRings")
        .remedy("apply crds/sealops.dev_sealingkeyrings.yaml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_that_was_made_is_told_from_the_others_whatever_their_order() {
        let key = |name: &str, primary: bool| {
            json!({"fingerprint": name, "secret": name, "primary": primary, "retired": false, "backedUp": false,
                "notBefore": "2026-01-01T00:00:00Z", "notAfter": "2036-01-01T00:00:00Z"})
        };
        let status = |keys: &[serde_json::Value]| json!({"keys": keys});
        let ring = |primary: Option<&str>, keys: &[serde_json::Value]| -> SealingKeyRing {
            serde_json::from_value(
                json!({"apiVersion": "sealops.dev/v1alpha1", "kind": "SealingKeyRing", "metadata": {"name": NAME},
                "spec": {"primary": primary}, "status": status(keys)}),
            )
            .unwrap()
        };
        for (asked, keys, told) in [
            (
                ring(None, &[key("old", true)]),
                vec![key("old", false), key("new", true)],
                "new was made and seals from now on",
            ),
            (
                ring(Some("old"), &[key("old", true)]),
                vec![key("new", false), key("old", true)],
                "new was made; old goes on to seal",
            ),
            (
                ring(Some("old"), &[key("older", false), key("old", true)]),
                vec![key("older", false), key("new", false), key("old", true)],
                "new was made; old goes on to seal",
            ),
        ] {
            let now: SealingKeyRingStatus = serde_json::from_value(status(&keys)).unwrap();
            let said = renewed(&asked, &now).unwrap();
            assert!(said.starts_with(told), "{said}");
        }
    }

    #[test]
    fn a_complaint_is_found_among_others_and_ends_where_the_next_begins() {
        let told = |ready: &str| -> SealingKeyRingStatus {
            let message = "spec.primary: there is no key A in use; look; \
                           spec.retire: B seals: make another key primary first; \
                           spec.retire: C may be needed by 1 SealedSecret: a/b; reencrypt first";
            let condition =
                json!({"type": READY, "status": ready, "reason": "PrimaryUnknown", "message": message});
            serde_json::from_value(json!({"keys": [], "conditions": [condition]})).unwrap()
        };
        for (beginning, found) in [
            (
                "spec.primary: there is no key A ",
                Some("spec.primary: there is no key A in use; look"),
            ),
            (
                "spec.retire: B ",
                Some("spec.retire: B seals: make another key primary first"),
            ),
            (
                "spec.retire: C ",
                Some("spec.retire: C may be needed by 1 SealedSecret: a/b; reencrypt first"),
            ),
            ("spec.retire: A ", None),
        ] {
            assert_eq!(
                complaint(&told("False"), beginning).as_deref(),
                found,
                "{beginning}"
            );
            assert_eq!(complaint(&told("True"), beginning), None);
        }
    }

    #[test]
    fn a_key_in_two_secrets_is_retired_once_both_are() {
        let key = |name: &str, retired| {
            json!({"fingerprint": name, "secret": "", "notBefore": "", "notAfter": "", "primary": false,
                "retired": retired, "backedUp": false})
        };
        for (keys, retired) in [
            (vec![key("A", true), key("A", false), key("B", true)], Some(false)),
            (vec![key("A", true), key("A", true), key("B", false)], Some(true)),
            (vec![key("B", true)], None),
        ] {
            let status = serde_json::from_value(json!({"keys": keys, "conditions": []})).unwrap();
            assert_eq!(is_retired(&status, "A"), retired);
        }
    }
}
