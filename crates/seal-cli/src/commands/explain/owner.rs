//! Whose the Secret is that bears the object's name, from its metadata alone: what the controller may do
//! with it, by the engine's own table, and how it is handed over.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use seal_api::{SealedSecret, Secret, annotations};
use seal_cluster::look::Seen;
use seal_engine::{Onto, Ownership, catalogue, is_marked, sealed_secret};

use super::conditions;
use super::judge::{Recorded, Surroundings};
use crate::report::Check;

/// What the standing Secret means for the object.
pub(super) fn checks(object: &SealedSecret, surroundings: &Surroundings, recorded: &Recorded) -> Vec<Check> {
    let standing = match &surroundings.secret {
        Seen::Found(standing) => standing,
        Seen::Absent => return vec![missing(object)],
        other => return vec![Check::unseen("ownership", other, "")],
    };
    let record = match recorded {
        Recorded::Proven(record) => Some(record),
        Recorded::Unproven(_) => None,
    };
    let template = object
        .spec
        .template
        .as_ref()
        .and_then(|template| template.metadata.as_ref());
    let marks = template.and_then(|metadata| metadata.annotations.as_ref());
    let skips = annotations::is_set(marks, annotations::SKIP_SET_OWNER_REFERENCES);
    let secret = Secret {
        metadata: standing.clone(),
        ..Secret::default()
    };
    // Whoever was killed before the record was written left the mark.
    let marked = match &surroundings.installation {
        Seen::Found(key) if is_marked(&secret, object, key) => standing.uid.as_deref(),
        _ => None,
    };
    let ownership = Ownership::of_sealed_secret(
        &sealed_secret::owner_reference(object),
        skips,
        marked.or(record.map(|record| record.secret.uid.as_str())),
        Some(&secret),
    );
    let about = "ownership";
    let mut checks = vec![match ownership.onto {
        Onto::Replace => Check::ok(about, "it belongs to this SealedSecret"),
        Onto::Adopt => Check::ok(
            about,
            format!(
                "it was handed over ({}): it is replaced whole",
                annotations::MANAGED
            ),
        ),
        Onto::Merge => Check::ok(
            about,
            format!(
                "the sealed entries are merged into it ({}); others stay",
                annotations::PATCH
            ),
        ),
        // Without an owner reference only the record tells, and it could not be proven.
        Onto::Refuse if skips && record.is_none() && owner(standing).is_none() => Check::unknown(
            about,
            "nobody's by its owner references, as the template asks; whether the controller made it is in its record, or in its mark on the Secret, and neither is proven",
        ),
        Onto::Refuse => refused(standing),
    }];
    if let Some(record) = record.filter(|record| Some(&record.secret.uid) == standing.uid.as_ref())
        && Some(&record.secret.resource_version) != standing.resource_version.as_ref()
    {
        checks.push(
            Check::warning("content", "it changed since the controller last wrote it")
                .code("drift")
                .remedy("the controller heals that at once; if it stays so, see that one runs"),
        );
    }
    checks
}

/// What it is, when the object cannot be seen.
pub(super) fn described(seen: &Seen<ObjectMeta>) -> Check {
    match seen {
        Seen::Found(standing) => Check::note("ownership", format!("it stands; {}", whose(standing))),
        other => Check::unseen("ownership", other, "it does not stand"),
    }
}

fn missing(object: &SealedSecret) -> Check {
    if conditions::is_synced(object) {
        return Check::warning("existence", "it is gone, although it was made")
            .code("secret-missing")
            .remedy("a running controller makes it again at once, unless it runs with --skip-recreate: then change the SealedSecret, or restart the controller");
    }
    Check::note("existence", "it does not stand yet")
}

fn refused(standing: &ObjectMeta) -> Check {
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    let (namespace, name) = (text(&standing.namespace), text(&standing.name));
    let annotate =
        |annotation: &str| format!("kubectl annotate secret {name} -n {namespace} {annotation}=true");
    let remedy = format!(
        "hand it over, to be replaced whole: {}\nor keep its other entries: {}\nor delete or rename it",
        annotate(annotations::MANAGED),
        annotate(annotations::PATCH),
    );
    Check::failed(
        "ownership",
        format!("it stands and is not this SealedSecret's: {}", whose(standing)),
    )
    .code(catalogue::NOT_OURS.code)
    .remedy(remedy)
    .fact("controlledBy", owner(standing).unwrap_or_default())
}

fn owner(standing: &ObjectMeta) -> Option<String> {
    let all = standing.owner_references.iter().flatten();
    let owner = all.into_iter().find(|owner| owner.controller == Some(true))?;
    Some(format!("{} {}", owner.kind, owner.name))
}

fn whose(standing: &ObjectMeta) -> String {
    let marks = standing.annotations.as_ref();
    let set = |annotation| annotations::is_set(marks, annotation);
    let handed = match (set(annotations::MANAGED), set(annotations::PATCH)) {
        (false, false) => "annotated neither managed nor patch",
        (true, false) => "annotated managed",
        (false, true) => "annotated patch",
        (true, true) => "annotated managed and patch",
    };
    let by_whom = match owner(standing) {
        Some(owner) => format!("controlled by {owner}"),
        None => "controlled by nobody".to_owned(),
    };
    let managers = standing.managed_fields.iter().flatten();
    let managers: Vec<&str> = managers.filter_map(|entry| entry.manager.as_deref()).collect();
    match managers.first() {
        Some(first) => format!("{by_whom}, written by {first}, {handed}"),
        None => format!("{by_whom}, {handed}"),
    }
}

#[cfg(test)]
mod tests {
    use seal_core::InstallationKey;
    use seal_engine::mark;
    use serde_json::json;

    use super::*;
    use crate::report::State;

    #[test]
    fn the_controllers_mark_tells_whose_a_secret_without_owner_reference_is_to_who_can_prove_it() {
        let object: SealedSecret = serde_json::from_value(json!({
            "metadata": {"namespace": "prod", "name": "db", "uid": "u1"},
            "spec": {
                "encryptedData": {},
                "template": {"metadata": {"annotations": {annotations::SKIP_SET_OWNER_REFERENCES: "true"}}},
            },
        }))
        .unwrap();
        let [ours, theirs] = [1, 2].map(|byte| InstallationKey::from_bytes(&[byte; 32]).unwrap());
        let mut secret = Secret::default();
        secret.metadata.uid = Some("s1".to_owned());
        mark(&mut secret, &object, &ours);
        let judged = |installation| {
            let surroundings = Surroundings {
                secret: Seen::Found(secret.metadata.clone()),
                events: Seen::Absent,
                installation,
                disused: Vec::new(),
            };
            let unproven = Recorded::Unproven(String::new());
            checks(&object, &surroundings, &unproven).remove(0).state
        };
        assert!(matches!(judged(Seen::Found(ours)), State::Ok));
        assert!(matches!(judged(Seen::Found(theirs)), State::Unknown));
        assert!(matches!(judged(Seen::Absent), State::Unknown));
    }
}
