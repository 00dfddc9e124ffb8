//! What the controller says of an object in its conditions, in plain words and with what to do. Both ours
//! and upstream's are understood; upstream's have no reason.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use seal_api::{Condition, SealedSecret};
use seal_engine::{FaultClass, FaultKind, catalogue};

use crate::report::{Check, ago};

const ABOUT_TARGET: &str = "failed update: ";

/// That an object of any kind is on its way out, and who holds it.
pub(super) fn deletion(metadata: &ObjectMeta, now: Timestamp) -> Option<Check> {
    let deleted = metadata.deletion_timestamp.as_ref()?;
    let holders = metadata.finalizers.clone().unwrap_or_default().join(", ");
    let what = format!(
        "it was deleted {}, and waits for its finalizers: {holders}",
        ago(now, deleted.0)
    );
    let check = Check::warning("deletion", what).code("being-deleted");
    Some(check.remedy("whoever set them has to remove them"))
}

/// What the conditions come to.
pub(super) fn checks(object: &SealedSecret, now: Timestamp) -> Vec<Check> {
    let mut checks: Vec<Check> = deletion(&object.metadata, now).into_iter().collect();
    let Some(synced) = condition(object, "Synced") else {
        let check = Check::warning("Synced", "no controller has looked at it yet")
            .code("not-seen")
            .remedy("see that a controller runs, watches this namespace and that its --label-selector takes the object");
        checks.push(check);
        return checks;
    };
    let since = synced
        .last_transition_time
        .as_ref()
        .map_or_else(String::new, |time| {
            format!("; that came about {}", ago(now, time.0))
        });
    let status = object.status.as_ref();
    let observed = status.and_then(|status| status.observed_generation);
    if observed != object.metadata.generation {
        let check = Check::warning(
            "Synced",
            "what it says is about an earlier state: the last change was not looked at yet",
        )
        .code("not-seen")
        .remedy("wait a moment; if it stays so, see that a controller runs");
        checks.push(check);
    }
    if synced.status == "True" {
        checks.push(Check::ok(
            "Synced",
            format!("its Secret is as it should be{since}"),
        ));
        return checks;
    }
    let message = synced.message.clone().unwrap_or_default();
    let what = message.strip_prefix(ABOUT_TARGET).unwrap_or(&message);
    let what = match what {
        "" => format!("it failed{since}, and the controller does not say why"),
        what => what.to_owned(),
    };
    let kind = kind(synced, &what);
    let mut check = Check::failed("Synced", what);
    if let Some(code) = kind.map(|kind| kind.code).or(synced.reason.as_deref()) {
        check = check.code(code);
    }
    let advice = advice(object, &message).or_else(|| {
        let remedy = kind?.remedy;
        (!remedy.contains('{')).then(|| remedy.to_owned())
    });
    if let Some(advice) = advice {
        check = check.remedy(advice);
    }
    checks.push(check);
    checks
}

/// The entries that the failed condition names, each with the line that names it.
pub(super) fn told(object: &SealedSecret) -> BTreeMap<String, String> {
    let mut told = BTreeMap::new();
    let Some(synced) = condition(object, "Synced").filter(|synced| synced.status == "False") else {
        return told;
    };
    let names = |name: &str| {
        let template = object
            .spec
            .template
            .as_ref()
            .and_then(|template| template.data.as_ref());
        object.spec.encrypted_data.contains_key(name)
            || template.is_some_and(|template| template.contains_key(name))
    };
    for line in synced.message.iter().flat_map(|message| message.lines()) {
        let line = line.strip_prefix(ABOUT_TARGET).unwrap_or(line);
        // Entries stand in parentheses, as upstream lists them; so may other things.
        for listed in line.split(" (").skip(1) {
            let listed = listed.split(')').next().unwrap_or_default();
            if listed.split(", ").all(names) {
                told.extend(
                    listed
                        .split(", ")
                        .map(|entry| (entry.to_owned(), line.to_owned())),
                );
            }
        }
    }
    told
}

/// Whether the controller made the Secret of the object as it now is.
pub(super) fn is_synced(object: &SealedSecret) -> bool {
    current(object).is_some_and(|synced| synced.status == "True")
}

/// Whether the controller opened all of the object as it now is, whatever became of it then: templates
/// are run over what was opened, and whose the Secret is comes last.
pub(super) fn is_opened(object: &SealedSecret) -> bool {
    let Some(synced) = current(object) else {
        return false;
    };
    let behind = |kind: &FaultKind| {
        kind.code == catalogue::TEMPLATE_FAILED.code
            || kind.code == catalogue::TEMPLATE_UNREADABLE.code
            || kind.about_target && kind.class == FaultClass::User
    };
    let message = synced.message.as_deref().unwrap_or_default();
    let mut lines = message.strip_prefix(ABOUT_TARGET).unwrap_or(message).lines();
    synced.status == "True" || kind(synced, lines.next().unwrap_or_default()).is_some_and(behind)
}

// The condition, if it is about the object as it now is.
fn current(object: &SealedSecret) -> Option<&Condition> {
    let observed = object.status.as_ref()?.observed_generation;
    condition(object, "Synced").filter(|_| observed == object.metadata.generation)
}

fn condition<'a>(object: &'a SealedSecret, kind: &str) -> Option<&'a Condition> {
    let conditions = &object.status.as_ref()?.conditions;
    conditions.iter().find(|condition| condition.kind == kind)
}

// A reason that several faults share is settled by the words.
fn kind(synced: &Condition, what: &str) -> Option<&'static FaultKind> {
    let by_words = catalogue::recognised(what);
    let Some(reason) = &synced.reason else {
        return by_words;
    };
    let sharing: Vec<_> = catalogue::CATALOGUE
        .iter()
        .copied()
        .filter(|kind| kind.reason == reason)
        .collect();
    match sharing.as_slice() {
        [only] => Some(only),
        several => by_words.filter(|kind| several.iter().any(|sharing| sharing.code == kind.code)),
    }
}

// Ours says what to do in `Ready`, behind what it says in `Synced`.
fn advice(object: &SealedSecret, message: &str) -> Option<String> {
    let ready = condition(object, "Ready")?.message.as_deref()?;
    let advice = ready.strip_prefix(message)?.trim();
    (!advice.is_empty()).then(|| advice.to_owned())
}
