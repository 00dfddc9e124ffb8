//! `seal rotate`: a new key, the repository under it, and, once the cluster has it, the old keys retired.
//!
//! Each step finds out for itself what is done already, so that whoever was killed runs it again. A rotation
//! is known by the word for which its key was made: the same word makes no second key.

mod deployed;

use std::time::Duration;

use jiff::Timestamp;
use seal_api::{KeyStatus, SealingKeyRing};
use seal_cluster::config_maps::{CERTIFICATE, CERTIFICATES};
use seal_core::{Certificate, Fingerprint};

use super::keys::{ask, list};
use super::reencrypt::{OnCluster, Opener, Work};
use crate::arguments::{BulkRendition, ClusterArguments, RotateArguments};
use crate::cluster;
use crate::command_error::CommandError;
use crate::input::{self, Source};
use crate::terminal::Terminal;
use deployed::Deployed;
pub(super) use deployed::is_opened;

const WORD: &str = "rotation-";
const PUBLISHED_WITHIN: u32 = 60;

/// Runs it.
pub(super) fn run(arguments: &RotateArguments, terminal: Terminal) -> Result<(), CommandError> {
    let sources = input::repository(&arguments.checkout.paths)?;
    let cluster = &arguments.cluster;
    let ring = cluster::key_ring(cluster)?;
    pinned_by_nobody(ring.as_ref())?;
    let goes_on = |_: &&str| !arguments.new && (arguments.retire || !ring.as_ref().is_some_and(is_over));
    let under_way = ring.as_ref().and_then(word_of).filter(goes_on);
    let opener = Opener::from(OnCluster::settle(cluster, None, true)?);
    if arguments.plan {
        return plan(under_way, &opener, &sources, terminal);
    }
    let word = match under_way {
        Some(word) => word.to_owned(),
        None if arguments.retire => {
            return Err(
                CommandError::usage("no rotation has begun, so that no key was replaced")
                    .remedy("run it without --retire first"),
            );
        }
        None => format!("{WORD}{}", Timestamp::now().strftime("%Y%m%dT%H%M%SZ")),
    };
    let resumes = under_way.is_some() && is_made(ring.as_ref(), &word);
    let keys = match resumes {
        true => ring.and_then(|ring| ring.status).unwrap_or_default().keys,
        false => ask::renew_once(&word, cluster, terminal)?,
    };
    let target = primary(&keys)?;
    if resumes {
        terminal.tell("no new key is made: this goes on with the last rotation (--new begins another one)");
    }
    terminal.tell(&format!("1. the key {target} seals (rotation {word})"));
    published(target, cluster)?;
    terminal.tell("2. it is published");
    let work = Work {
        opener: &opener,
        writes: true,
        annotate: arguments.annotate,
        only: Some(target),
    };
    let changed = work.on_all(&sources, BulkRendition::Human, terminal.is_verbose(), terminal)?;
    if changed > 0 {
        let proof = Work {
            writes: false,
            annotate: false,
            ..work
        };
        if proof.on_all(&sources, BulkRendition::Human, true, terminal)? > 0 {
            return Err(CommandError::input("somebody changed files meanwhile").remedy("run it again"));
        }
    }
    terminal.tell("3. all files are under it, and every entry opens");
    finish(arguments, &sources, &keys, target, terminal)
}

fn finish(
    arguments: &RotateArguments,
    sources: &[Source],
    keys: &[KeyStatus],
    target: Fingerprint,
    terminal: Terminal,
) -> Result<(), CommandError> {
    let cluster = &arguments.cluster;
    let objects = cluster::sealed_secrets(cluster)?;
    let deployed = Deployed::of(sources, &objects)?;
    if !deployed.is_whole() {
        terminal.tell(&format!("4. {}", deployed.told()));
        for line in deployed.lines() {
            terminal.detail(&line);
        }
        terminal.tell("   commit and push what changed; when the cluster has it, run the same with --retire");
        return match arguments.retire {
            true => Err(CommandError::findings()),
            false => Ok(()),
        };
    }
    terminal.tell(&format!("4. {}", deployed.told()));
    let needed = list::counted(&objects);
    let old = keys
        .iter()
        .filter(|key| !key.retired && key.fingerprint != target.to_string());
    let (kept, free): (Vec<_>, Vec<_>) = old.partition(|key| needed.contains_key(&key.fingerprint));
    for key in &kept {
        let count = needed.get(&key.fingerprint).copied().unwrap_or_default();
        terminal.tell(&format!(
            "   {} is needed by {count} {} on the cluster that no file here is about",
            key.fingerprint,
            if count == 1 { "object" } else { "objects" }
        ));
    }
    for key in &free {
        match arguments.retire {
            // The controller proves it: nothing rests on the work tree's word.
            true => ask::retire(parsed(&key.fingerprint)?, false, cluster, terminal)?,
            false => terminal.tell(&format!(
                "   nothing needs {} any longer: --retire retires it",
                key.fingerprint
            )),
        }
    }
    Ok(())
}

fn plan(
    under_way: Option<&str>,
    opener: &Opener,
    sources: &[Source],
    terminal: Terminal,
) -> Result<(), CommandError> {
    terminal.tell(&match under_way {
        Some(word) => format!("1. go on with rotation {word}: no new key is made (--new makes one)"),
        None => "1. make a new key, which then seals".to_owned(),
    });
    terminal.tell("2. wait until it is published");
    let work = Work {
        opener,
        writes: false,
        annotate: false,
        only: None,
    };
    terminal.tell(match under_way {
        Some(_) => "3. bring these under it:",
        None => "3. bring all entries under it; under the key that seals now these are not:",
    });
    work.on_all(sources, BulkRendition::Human, true, terminal)?;
    terminal
        .tell("4. you commit and push; with --retire, once the cluster has it: retire what nothing needs");
    Ok(())
}

fn pinned_by_nobody(ring: Option<&SealingKeyRing>) -> Result<(), CommandError> {
    match ring.and_then(|ring| ring.spec.primary.as_deref()) {
        None => Ok(()),
        Some(named) => Err(CommandError::key(format!(
            "the SealingKeyRing names the key that seals ({named}), so that no other will"
        ))
        .remedy("`seal keys primary --release` first")),
    }
}

fn word_of(ring: &SealingKeyRing) -> Option<&str> {
    ring.spec.renew.as_deref().filter(|word| word.starts_with(WORD))
}

fn is_made(ring: Option<&SealingKeyRing>, word: &str) -> bool {
    let status = ring.and_then(|ring| ring.status.as_ref());
    status.is_some_and(|status| status.renewed.as_deref() == Some(word))
}

// The key that was made for it seals, and all others are retired.
fn is_over(ring: &SealingKeyRing) -> bool {
    let keys = ring.status.as_ref().map_or(&[][..], |status| &status.keys);
    let done = word_of(ring).is_some_and(|word| is_made(Some(ring), word));
    done && keys.iter().all(|key| key.primary || key.retired)
}

fn primary(keys: &[KeyStatus]) -> Result<Fingerprint, CommandError> {
    let key = keys.iter().find(|key| key.primary);
    let key = key.ok_or_else(|| CommandError::cluster("the controller does not say which key seals"))?;
    parsed(&key.fingerprint)
}

fn parsed(fingerprint: &str) -> Result<Fingerprint, CommandError> {
    fingerprint
        .parse()
        .map_err(|_| CommandError::cluster("the controller names a key in a way that cannot be read"))
}

// Whoever seals meanwhile does it with the new key.
fn published(target: Fingerprint, cluster: &ClusterArguments) -> Result<(), CommandError> {
    for _ in 0..PUBLISHED_WITHIN {
        let map = cluster::config_map(cluster, CERTIFICATES)?;
        let pem = map.and_then(|map| map.data?.remove(CERTIFICATE));
        let certificate = pem.and_then(|pem| Certificate::from_pem(pem.as_bytes()).ok());
        if certificate.is_some_and(|certificate| certificate.fingerprint() == target) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    Err(CommandError::cluster(format!(
        "the ConfigMap {CERTIFICATES} does not show {target} after {PUBLISHED_WITHIN} seconds"
    ))
    .remedy("look at the controller: `seal doctor`; then run it again"))
}
