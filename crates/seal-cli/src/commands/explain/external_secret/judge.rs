//! From facts about one ExternalSecret to a report, section by section in the order in which the controller goes, and
//! at which of them it breaks. Pure: everything that had to be asked was asked before.

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use seal_api::Secret;
use seal_api::external_secrets::{CreationPolicy, ExternalSecret, StatusCondition, TemplateFrom, names};
use seal_cluster::look::Seen;
use seal_core::InstallationKey;
use seal_engine::external_secret::{
    Refresh, RefreshRules, Target, TemplateSource, faults, refresh, target as target_of,
};
use seal_engine::{Fault, Onto, Record, catalogue};

use super::super::conditions::deletion;
use super::{Facts, Surroundings, credentials, stores, values};
use crate::controller::told::External;
use crate::report::{Check, Report, Section, State, ago};

/// All that the facts tell.
pub(super) fn report(about: String, facts: &Facts, now: Timestamp) -> Report {
    let object = &facts.object;
    let events = facts
        .surroundings
        .as_ref()
        .and_then(|around| around.events.found());
    let told = Told::of(object, events.map(Vec::as_slice).unwrap_or_default());
    let (of_entries, of_the_whole): (Vec<Fault>, Vec<Fault>) = faults(&object.spec)
        .into_iter()
        .partition(|fault| fault.place.field.as_deref().is_some_and(values::is_entry));
    let mut whole = Vec::new();
    if let Some(surroundings) = &facts.surroundings {
        whole.extend(ready(object, surroundings, &told, now));
        whole.extend(freshness(object, now));
    }
    whole.extend(of_the_whole.iter().map(|fault| Check::fault("object", fault)));
    let section = |title, detail: String, checks| Section {
        title,
        detail,
        checks,
    };
    let namespace = object.metadata.namespace.clone().unwrap_or_default();
    let mut walk = Vec::new();
    for store in facts.surroundings.iter().flat_map(|around| &around.stores) {
        let external = facts
            .surroundings
            .as_ref()
            .and_then(|around| around.external.as_ref());
        let name = format!("{} {}", store.id.kind(), store.id.name);
        walk.push(section(
            "Store",
            name.clone(),
            stores::checks(store, &namespace, external, now),
        ));
        walk.push(section("Credentials", name, credentials::checks(store)));
    }
    walk.push(section(
        "Values",
        String::new(),
        values::checks(object, &of_entries, &told),
    ));
    walk.push(section("Template", String::new(), templates(facts, &told)));
    if let Some(surroundings) = &facts.surroundings {
        walk.push(section(
            "Secret",
            format!("{namespace}/{}", object.target_name()),
            secret(object, surroundings),
        ));
    }
    if let Some(place) = breaks(&walk, &told) {
        whole.insert(0, Check::note("breaks at", place));
    }
    let mut sections = vec![section("", String::new(), whole)];
    sections.extend(walk);
    if let Some(surroundings) = &facts.surroundings {
        let events = super::super::judge::events(&surroundings.events, now);
        sections.push(section("Events", String::new(), events));
    }
    Report { about, sections }
}

/// What `Ready` says of the object as it now is: causes by line, and what to do.
pub(super) struct Told {
    /// Whether it holds; nothing where nobody has said anything.
    pub(super) holds: Option<bool>,
    /// Whether that is about the object as it now is, and not about an earlier state.
    pub(super) is_current: bool,
    /// The fixed words for where it ended.
    stage: String,
    /// One line for each cause.
    pub(super) causes: Vec<String>,
    pub(super) advice: Vec<String>,
}

impl Told {
    fn of(object: &ExternalSecret, events: &[Event]) -> Self {
        let ready = condition(object);
        let message = ready
            .and_then(|ready| ready.message.as_deref())
            .unwrap_or_default();
        let (stage, rest) = message.split_once(": ").unwrap_or((message, ""));
        // Upstream tells no cause but in its events.
        let rest = match ready.is_some_and(|ready| ready.status == "False") && rest.is_empty() {
            true => last_failure(events).unwrap_or_default(),
            false => rest,
        };
        let (advice, causes) = rest
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(str::to_owned)
            .partition(|line| catalogue::is_remedy(line));
        let synced = object
            .status
            .as_ref()
            .and_then(|status| status.synced_resource_version.as_deref());
        // Of what failed nobody wrote down which state it was.
        let generation = object.metadata.generation.unwrap_or_default();
        let same = synced.is_some_and(|synced| synced.split('-').next() == Some(&generation.to_string()));
        Self {
            holds: ready.map(|ready| ready.status == "True"),
            is_current: same,
            stage: stage.to_owned(),
            causes,
            advice,
        }
    }

    /// Whether all values were fetched for the object as it now is.
    pub(super) fn is_fetched(&self) -> bool {
        match self.holds {
            Some(true) => self.is_current,
            Some(false) => self.stage.starts_with("could not update secret"),
            None => false,
        }
    }
}

fn last_failure(events: &[Event]) -> Option<&str> {
    let failures = events
        .iter()
        .filter(|event| event.reason.as_deref() == Some("UpdateFailed"));
    let last = failures.max_by_key(|event| event.last_timestamp.as_ref().map(|time| time.0))?;
    last.message.as_deref()
}

fn condition(object: &ExternalSecret) -> Option<&StatusCondition> {
    let conditions = &object.status.as_ref()?.conditions;
    conditions.iter().find(|condition| condition.kind == names::READY)
}

/// A check with the code and advice of the fault that `line` tells of.
pub(super) fn recognised(check: Check, line: &str) -> Check {
    match catalogue::recognised(line) {
        Some(kind) if kind.remedy.contains('{') => check.code(kind.code),
        Some(kind) => check.code(kind.code).remedy(kind.remedy),
        None => check,
    }
}

fn ready(object: &ExternalSecret, surroundings: &Surroundings, told: &Told, now: Timestamp) -> Vec<Check> {
    let mut checks: Vec<Check> = deletion(&object.metadata, now).into_iter().collect();
    let Some(ready) = condition(object) else {
        let check = match &surroundings.external {
            Some(External::Off) => Check::failed(
                names::READY,
                "no controller has looked at it, and this one does not take care of ExternalSecrets",
            )
            .code("external-secrets-off")
            .remedy("switch that on: --external-secrets, externalSecrets.enabled of the chart"),
            _ => Check::warning(names::READY, "no controller has looked at it yet")
                .code("not-seen")
                .remedy("see that a controller runs with --external-secrets, watches this namespace, and is of the class that the store names"),
        };
        checks.push(check);
        return checks;
    };
    let since = ready
        .last_transition_time
        .as_ref()
        .map_or_else(String::new, |time| {
            format!("; that came about {}", ago(now, time.0))
        });
    let reason = ready.reason.clone().unwrap_or_default();
    if ready.status == "True" {
        let message = ready.message.clone().unwrap_or_default();
        checks.push(Check::ok(names::READY, format!("{reason}: {message}{since}")));
        return checks;
    }
    let what = match told.causes.is_empty() {
        true => format!("{}{since}", told.stage),
        false => format!("{}{since}\n{}", told.stage, told.causes.join("\n")),
    };
    let mut check = Check::failed(names::READY, what);
    if let Some(first) = told.causes.first() {
        check = recognised(check, first);
    }
    if !told.advice.is_empty() {
        check = check.remedy(told.advice.join("\n"));
    }
    checks.push(check);
    checks
}

fn freshness(object: &ExternalSecret, now: Timestamp) -> Option<Check> {
    let refreshed = object.status.as_ref()?.refresh_time.as_ref()?.0;
    let fetched = format!("fetched {}", ago(now, refreshed));
    let about = "refresh";
    Some(match refresh(object, now, RefreshRules::default()) {
        Refresh::At(due) => {
            let wait = due.duration_since(now).as_secs();
            Check::note(about, format!("{fetched}; again in {wait} s"))
        }
        Refresh::Now(_) if condition(object).is_some_and(|ready| ready.status == "True") => {
            Check::warning(about, format!("{fetched}, and due again"))
                .code("overdue")
                .remedy("wait a moment; if it stays so, the controller's log says what it waits for")
        }
        Refresh::Now(_) => Check::note(about, format!("last {fetched}; the Secret is as it was then")),
        Refresh::OnChange => Check::note(about, format!("{fetched}; again when the object changes")),
        Refresh::Never => Check::note(about, format!("{fetched}; never again")),
    })
}

fn templates(facts: &Facts, told: &Told) -> Vec<Check> {
    let object = &facts.object;
    let Some(template) = object.spec.template() else {
        return Vec::new();
    };
    let mut checks = Vec::new();
    for (source, seen) in facts.surroundings.iter().flat_map(|around| &around.templates) {
        checks.push(template_source(source, seen, &template.template_from));
    }
    let codes = [
        catalogue::TEMPLATE_FAILED.code,
        catalogue::TEMPLATE_UNREADABLE.code,
        catalogue::TEMPLATE_UNDECODABLE.code,
        catalogue::TEMPLATE_NOT_TEXT.code,
    ];
    let is_about = |line: &&String| {
        let known = catalogue::recognised(line).is_some_and(|kind| codes.contains(&kind.code));
        known || line.starts_with("could not apply template")
    };
    let failed: Vec<&String> = told.causes.iter().filter(is_about).collect();
    checks.extend(
        failed
            .iter()
            .map(|line| recognised(Check::failed("template", (*line).clone()), line)),
    );
    if failed.is_empty() && told.holds == Some(true) && told.is_current {
        checks.push(Check::ok("template", "it ran"));
    }
    checks
}

fn template_source(
    source: &TemplateSource,
    seen: &Seen<Option<BTreeSet<String>>>,
    from: &[TemplateFrom],
) -> Check {
    let (kind, name) = match source {
        TemplateSource::ConfigMap(name) => ("ConfigMap", name),
        TemplateSource::Secret(name) => ("Secret", name),
    };
    let about = format!("{kind} {name}");
    let fault =
        |kind_of: &'static seal_engine::FaultKind| Fault::new(kind_of).fact("kind", kind).fact("name", name);
    let known = match seen {
        Seen::Found(known) => known,
        Seen::Absent => return Check::fault(about, &fault(&catalogue::TEMPLATE_SOURCE_ABSENT)),
        other => return Check::unseen(about, other, ""),
    };
    let references = from.iter().flat_map(|from| match kind {
        "ConfigMap" => from.config_map.as_ref(),
        _ => from.secret.as_ref(),
    });
    let mut wanted = references
        .filter(|reference| reference.name == *name)
        .flat_map(|reference| &reference.items);
    let Some(known) = known else {
        return Check::ok(
            about,
            "it stands; which keys it has cannot be told from its metadata",
        );
    };
    match wanted.find(|item| !known.contains(&item.key)) {
        Some(item) => Check::fault(
            about,
            &fault(&catalogue::TEMPLATE_SOURCE_ENTRY_ABSENT).fact("key", &item.key),
        ),
        None => Check::ok(about, "it has all keys that are wanted"),
    }
}

fn secret(object: &ExternalSecret, surroundings: &Surroundings) -> Vec<Check> {
    let standing = match &surroundings.target {
        Seen::Found(metadata) => Some(Secret {
            metadata: metadata.clone(),
            ..Secret::default()
        }),
        Seen::Absent => None,
        other => return vec![Check::unseen("ownership", other, "")],
    };
    let about = "ownership";
    let mut checks = vec![match target_of(object, standing.as_ref()) {
        Target::Nothing => Check::note(about, "creationPolicy is None: no Secret is made"),
        Target::Wait => Check::warning(
            about,
            "it does not stand, and creationPolicy is Merge: there is nothing to merge into",
        )
        .code("merge-target-missing")
        .remedy("create the Secret, or set spec.target.creationPolicy to Owner or CreateOrMerge"),
        Target::Refuse(fault) => Check::fault(about, &fault),
        Target::Write(_) if standing.is_none() => missing(object),
        Target::Write(ownership) => Check::ok(
            about,
            match (ownership.onto, ownership.owner_reference) {
                (Onto::Merge, _) => "values are merged into it; other entries stay",
                (_, true) => "it belongs to this ExternalSecret",
                (_, false) => "it is replaced, and stays when the ExternalSecret goes",
            },
        ),
    }];
    checks
        .extend(standing.and_then(|standing| drift(object, &standing.metadata, &surroundings.installation)));
    checks
}

fn missing(object: &ExternalSecret) -> Check {
    let ready = condition(object);
    let reason = ready.and_then(|ready| ready.reason.as_deref());
    match (ready.map(|ready| ready.status.as_str()), reason) {
        (Some("True"), Some(names::SECRET_SYNCED)) if object.spec.creation_policy() != CreationPolicy::None => {
            Check::warning("existence", "it is gone, although it was made")
                .code("secret-missing")
                .remedy("a running controller makes it again at once; with creationPolicy Orphan at the next interval")
        }
        (_, Some(names::SECRET_DELETED)) => {
            Check::note("existence", "it was deleted, since the store has its values no longer")
        }
        _ => Check::note("existence", "it does not stand yet"),
    }
}

// Only a proven record is believed (S19).
fn drift(object: &ExternalSecret, standing: &ObjectMeta, key: &Seen<InstallationKey>) -> Option<Check> {
    let record = object.status.as_ref()?.record.as_deref()?;
    let record: Record = serde_json::from_str(record).ok()?;
    if !record.is_about(object, key.found()?) || Some(&record.secret.uid) != standing.uid.as_ref() {
        return None;
    }
    let moved = Some(&record.secret.resource_version) != standing.resource_version.as_ref();
    Some(match moved {
        false => Check::ok("content", "nobody changed it since the controller wrote it"),
        true => Check::warning("content", "it changed since the controller last wrote it")
            .code("drift")
            .remedy("the controller heals that at once; if it stays so, see that one runs"),
    })
}

// The first station of the walk that fails; else the one that the fixed words name. A store whose credentials are
// missing says that it is not ready: what is missing comes first.
fn breaks(walk: &[Section], told: &Told) -> Option<String> {
    let turn = |section: &Section, check: &Check| match (section.title, check.about.as_str()) {
        ("Store", names::READY) => 2,
        ("Store", _) => 0,
        ("Credentials", _) => 1,
        _ => 3,
    };
    let failed = walk.iter().flat_map(|section| {
        let failed = section.checks.iter().filter(|check| check.state == State::Failed);
        failed.map(move |check| (turn(section, check), section, check))
    });
    if let Some((_, section, check)) = failed.min_by_key(|(turn, ..)| *turn) {
        let place = match section.detail.as_str() {
            "" => section.title.to_owned(),
            detail => format!("{} ({detail})", section.title),
        };
        return Some(format!("{place}: {}", check.about));
    }
    match told.holds {
        Some(false) if told.stage.starts_with("could not get secret data") => Some("Values".to_owned()),
        Some(false) => Some("Secret".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
