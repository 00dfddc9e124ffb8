//! From facts about one SealedSecret to a report: what its conditions, entries, templates and Secret come
//! to. Pure: everything that had to be asked was asked before.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use seal_api::{SealedSecret, annotations};
use seal_cluster::keys::KeyState;
use seal_cluster::look::Seen;
use seal_cluster::status::recorded;
use seal_core::{Fingerprint, InstallationKey};
use seal_engine::{Fault, FaultClass, Record, catalogue, sealed_secret};

use super::{conditions, entries, owner};
use crate::opening::Examined;
use crate::report::{Check, Report, Section, ago};

const MOST_EVENTS: usize = 5;

/// What is known of an object.
pub(super) struct Facts {
    pub(super) object: SealedSecret,
    /// What private keys make of it, if there are any.
    pub(super) opening: Option<Examined>,
    /// What stands around it; nothing does for one in a file.
    pub(super) surroundings: Option<Surroundings>,
}

/// What the cluster knows beside the object.
pub(super) struct Surroundings {
    /// The metadata of the Secret that bears its name.
    pub(super) secret: Seen<ObjectMeta>,
    pub(super) events: Seen<Vec<Event>>,
    /// What proves the controller's records, for those who may read it.
    pub(super) installation: Seen<InstallationKey>,
    /// The keys that stand and open nothing any longer, as far as they may be seen.
    pub(super) disused: Vec<(Fingerprint, KeyState)>,
}

/// What the controller recorded of an object, as far as it can be believed (S19).
pub(super) enum Recorded {
    /// Made by this installation for this very object and spec.
    Proven(Record),
    /// Nothing to go by; why.
    Unproven(String),
}

impl Facts {
    /// What was recorded, if that can be proven.
    pub(super) fn recorded(&self) -> Recorded {
        let unproven = |why: &str| Recorded::Unproven(why.to_owned());
        let Some(surroundings) = &self.surroundings else {
            return unproven("it is not known without private keys");
        };
        let Some(record) = recorded(&self.object) else {
            return unproven("the controller recorded none");
        };
        match &surroundings.installation {
            Seen::Found(key) if record.is_about(&self.object, key) => Recorded::Proven(record),
            Seen::Found(_) => {
                unproven("the record is of an earlier state of the object, or of another installation")
            }
            Seen::Forbidden(wanted) => {
                Recorded::Unproven(format!("to prove the controller's record takes: {wanted}"))
            }
            Seen::Absent => unproven("there is no seal-installation-key to prove the record by"),
            Seen::Unknown(why) => Recorded::Unproven(format!("the record cannot be proven: {why}")),
        }
    }
}

/// All that the facts tell.
pub(super) fn report(about: String, facts: &Facts, now: Timestamp) -> Report {
    let object = &facts.object;
    let scope = annotations::scope(object.metadata.annotations.as_ref());
    let recorded = facts.recorded();
    let told = conditions::told(object);
    let faults = all_faults(facts);
    // What concerns no single value: names, both fields filled, what no Secret may be.
    let of_the_whole = faults
        .iter()
        .filter(|fault| fault.place.entry.is_none() && fault.kind.class != FaultClass::Ciphertext);
    let section = |title, detail: String, checks| Section {
        title,
        detail,
        checks,
    };
    let mut whole = match facts.surroundings {
        Some(_) => conditions::checks(object, now),
        None => Vec::new(),
    };
    whole.extend(of_the_whole.map(|fault| Check::fault("object", fault)));
    // Without a name there is no label to open with.
    let nameless = faults
        .iter()
        .any(|fault| fault.kind.code == catalogue::INVALID_NAME.code);
    let entries = match nameless {
        true => Vec::new(),
        false => entries::checks(facts, &faults, scope, &recorded, &told),
    };
    let opens = format!("{scope}, {}", entries::opens_where(object, scope));
    let templates = entries::templates(object, faults.iter(), &told);
    let mut sections = vec![
        section("", String::new(), whole),
        section("Entries", opens, entries),
        section("Templates", String::new(), templates),
    ];
    if let Some(surroundings) = &facts.surroundings {
        let text = |part: &Option<String>| part.clone().unwrap_or_default();
        let name = format!(
            "{}/{}",
            text(&object.metadata.namespace),
            text(&object.metadata.name)
        );
        let owner = owner::checks(object, surroundings, &recorded);
        sections.push(section("Secret", name, owner));
        sections.push(section(
            "Events",
            String::new(),
            events(&surroundings.events, now),
        ));
    }
    Report { about, sections }
}

// What shows from outside, and what only private keys bring to light; none twice.
fn all_faults(facts: &Facts) -> Vec<Fault> {
    let mut faults = sealed_secret::inspect(&facts.object, None);
    for fault in facts.opening.iter().flat_map(|examined| &examined.whole) {
        let same = |known: &Fault| known.kind.code == fault.kind.code && known.place == fault.place;
        if !faults.iter().any(same) {
            faults.push(fault.clone());
        }
    }
    faults
}

/// The one thing there is to say.
pub(super) fn only(about: String, check: Check) -> Report {
    let section = Section {
        title: "",
        detail: String::new(),
        checks: vec![check],
    };
    Report {
        about,
        sections: vec![section],
    }
}

/// For an object that is no SealedSecret.
pub(super) fn unreadable() -> Check {
    let kind = &catalogue::UNREADABLE;
    Check::failed("object", kind.sentence)
        .code(kind.code)
        .remedy(kind.remedy)
}

/// For an object that may not be seen: what its Secret tells.
pub(super) fn without_object(
    about: String,
    check: Check,
    namespace: &str,
    name: &str,
    secret: &Seen<ObjectMeta>,
) -> Report {
    let mut report = only(about, check);
    report.sections.push(Section {
        title: "Secret",
        detail: format!("{namespace}/{name}"),
        checks: vec![owner::described(secret)],
    });
    report
}

/// The newest of the events about it.
pub(super) fn events(seen: &Seen<Vec<Event>>, now: Timestamp) -> Vec<Check> {
    let Seen::Found(events) = seen else {
        return vec![Check::unseen("events", seen, "there are none")];
    };
    let when = |event: &Event| {
        let time = event.last_timestamp.as_ref().or(event.first_timestamp.as_ref());
        time.map_or(Timestamp::UNIX_EPOCH, |time| time.0)
    };
    let mut events: Vec<&Event> = events.iter().collect();
    events.sort_by_key(|event| std::cmp::Reverse(when(event)));
    let told = events.into_iter().take(MOST_EVENTS).map(|event| {
        let text = |part: &Option<String>| part.clone().unwrap_or_default();
        let times = match event.count.unwrap_or(1) {
            ..=1 => String::new(),
            count => format!("{count} times, last "),
        };
        let what = format!("{times}{}: {}", ago(now, when(event)), text(&event.message));
        Check::note(text(&event.reason), what)
    });
    let told: Vec<Check> = told.collect();
    if told.is_empty() {
        return vec![Check::note("events", "none; the cluster keeps them for an hour")];
    }
    told
}

#[cfg(test)]
mod tests;
