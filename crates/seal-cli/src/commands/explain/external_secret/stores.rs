//! A store as an ExternalSecret meets it: whether it stands, is for it, can be used from its namespace, and what the
//! controller says of it.

use jiff::Timestamp;
use seal_api::external_secrets::{Provider, StatusCondition, names};
use seal_cluster::look::{Seen, StoreSeen};
use seal_engine::external_secret::boundary::{Anchoring, lets_in};
use seal_engine::{Fault, catalogue};

use super::StoreFacts;
use super::judge::recognised;
use crate::controller::told::External;
use crate::report::{Check, ago};

/// What is to be said of it, for an object in `namespace`.
pub(super) fn checks(
    facts: &StoreFacts,
    namespace: &str,
    external: Option<&External>,
    now: Timestamp,
) -> Vec<Check> {
    let about = "store";
    let kind = facts.id.kind();
    let store = match &facts.seen {
        Seen::Found(store) => store,
        Seen::Absent => {
            return vec![
                Check::failed(about, format!("there is no {kind} {}", facts.id.name))
                    .code(catalogue::STORE_ABSENT.code)
                    .remedy(catalogue::STORE_ABSENT.remedy),
            ];
        }
        other => return vec![Check::unseen(about, other, "")],
    };
    let Some(spec) = &store.spec else {
        let name = format!("{kind} {:?}", facts.id.name);
        let fault = Fault::new(&catalogue::STORE_UNREADABLE).fact("store", name);
        return vec![Check::fault(about, &fault)];
    };
    let mut checks = Vec::new();
    let class = spec.controller.as_deref().filter(|class| !class.is_empty());
    match (class, external) {
        (Some(class), Some(External::On { class: ours, .. })) if class != ours => checks.push(
            Check::note(
                "class",
                format!("it is for controllers of the class {class}; this one is of {ours}"),
            )
            .remedy("whoever is of that class takes care of the ExternalSecret, and of nothing here"),
        ),
        (Some(class), _) => checks.push(Check::note("class", class)),
        (None, _) => {}
    }
    checks.push(match spec.provider.read() {
        Ok(Provider::Vault(vault)) => Check::ok("provider", format!("vault at {}", vault.server)),
        Ok(_) => Check::ok("provider", spec.provider.name().unwrap_or_default()),
        Err(fault) => Check::fault(
            "provider",
            &Fault::new(&catalogue::STORE_SETTINGS).fact("what", fault),
        ),
    });
    if facts.id.cluster {
        checks.push(admission(facts, spec, namespace, external));
    }
    checks.push(condition(store, now));
    checks
}

fn admission(
    facts: &StoreFacts,
    spec: &seal_api::external_secrets::SecretStoreSpec,
    namespace: &str,
    external: Option<&External>,
) -> Check {
    let about = "namespace";
    let labels = match &facts.labels {
        Seen::Found(labels) => labels,
        other => return Check::unseen(about, other, "there is no such namespace"),
    };
    let anchoring = match external {
        Some(External::On { unanchored: true, .. }) => Anchoring::Part,
        _ => Anchoring::Whole,
    };
    match lets_in(&spec.conditions, namespace, labels, anchoring) {
        Ok(true) => Check::ok(about, format!("it lets {namespace} in")),
        Ok(false) => Check::failed(
            about,
            format!("none of its spec.conditions lets namespace {namespace} in"),
        )
        .code(catalogue::STORE_CLOSED.code)
        .remedy(catalogue::STORE_CLOSED.remedy),
        Err(fault) => Check::fault(about, &fault),
    }
}

fn condition(store: &StoreSeen, now: Timestamp) -> Check {
    let about = names::READY;
    let conditions = store.status.iter().flat_map(|status| &status.conditions);
    let ready: Option<&StatusCondition> = conditions.into_iter().find(|condition| condition.kind == about);
    let Some(ready) = ready else {
        return Check::warning(about, "no controller has looked at it yet")
            .code("not-seen")
            .remedy(
                "see that a controller runs with --external-secrets and is of the class that the store names",
            );
    };
    let since = ready
        .last_transition_time
        .as_ref()
        .map_or_else(String::new, |time| {
            format!("; that came about {}", ago(now, time.0))
        });
    let message = ready.message.as_deref().unwrap_or_default();
    if ready.status == "True" {
        return Check::ok(about, format!("{message}{since}"));
    }
    let (advice, causes): (Vec<&str>, Vec<&str>) =
        message.lines().partition(|line| catalogue::is_remedy(line));
    let cause = causes.join("\n");
    let what = match cause.is_empty() {
        true => format!("{}{since}", ready.reason.as_deref().unwrap_or_default()),
        false => cause,
    };
    let words = what.split_once(": ").map_or("", |(_, words)| words).to_owned();
    let check = recognised(Check::failed(about, what), &words);
    match advice.is_empty() {
        true => check,
        false => check.remedy(advice.join("\n")),
    }
}
