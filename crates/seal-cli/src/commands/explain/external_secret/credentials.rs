//! What a store refers to: whether each thing may be referred to from there, stands, has the entry that is wanted, and
//! may be read by the controller.

use seal_api::external_secrets::ReferredKind;
use seal_cluster::look::Seen;
use seal_engine::{Fault, catalogue};

use super::{Credential, StoreFacts};
use crate::report::Check;

/// A line for each.
pub(super) fn checks(facts: &StoreFacts) -> Vec<Check> {
    facts.credentials.iter().map(check).collect()
}

fn check(credential: &Credential) -> Check {
    let reference = &credential.reference;
    let about = reference.field.clone();
    let kind = match reference.kind {
        ReferredKind::Secret => "Secret",
        ReferredKind::ConfigMap => "ConfigMap",
        ReferredKind::ServiceAccount => "ServiceAccount",
    };
    let namespace = match &credential.namespace {
        Ok(namespace) => namespace,
        Err(fault) => return Check::fault(about, fault),
    };
    let named = format!("{kind} {namespace}/{}", reference.name);
    let fault = |row: &'static seal_engine::FaultKind| {
        let fault = Fault::new(row).fact("kind", kind).fact("namespace", namespace);
        fault.fact("name", &reference.name)
    };
    // What does not stand is worse than that it could not be read.
    if matches!(credential.seen, Seen::Absent) {
        return Check::fault(about, &fault(&catalogue::CREDENTIAL_ABSENT));
    }
    if let Some((access, Seen::Found(false))) = &credential.may {
        let what = format!(
            "{named}: the controller may not {} {} in namespace {namespace}",
            access.verb, access.resource
        );
        return Check::failed(about, what)
            .code(catalogue::FORBIDDEN.code)
            .remedy("give the controller's account the chart's roles");
    }
    let known = match &credential.seen {
        Seen::Found(known) => known,
        other => return Check::unseen(about, other, ""),
    };
    match (&reference.key, known) {
        (Some(key), Some(known)) if !known.contains(key) => Check::fault(
            about,
            &fault(&catalogue::CREDENTIAL_ENTRY_ABSENT).fact("key", key),
        ),
        (Some(key), Some(_)) => Check::ok(about, format!("{named} has the key {key}")),
        (Some(key), None) => Check::ok(
            about,
            format!("{named} stands; whether it has the key {key} cannot be told from its metadata"),
        ),
        (None, _) => Check::ok(about, format!("{named} stands")),
    }
}
