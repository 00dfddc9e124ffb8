//! The SealedSecrets themselves: how many, and how many fail, by reason. Why one fails, `seal explain` says.

use std::collections::BTreeMap;

use seal_api::SealedSecret;
use seal_cluster::look::{Look, SealedSecretSeen, Seen};

use crate::report::Check;

const MOST_NAMED: usize = 3;

/// All that could be listed.
pub(super) struct Objects {
    place: String,
    objects: Seen<Vec<SealedSecretSeen>>,
}

impl Objects {
    /// Lists those of all namespaces; where that is not allowed, those of one.
    pub(super) async fn gather(look: &Look, namespace: &str) -> Self {
        match look.sealed_secrets("").await {
            Seen::Forbidden(_) => Self {
                place: format!("in namespace {namespace}"),
                objects: look.sealed_secrets(namespace).await,
            },
            objects => Self {
                place: "in all namespaces".to_owned(),
                objects,
            },
        }
    }

    /// A line for each reason, or one for all is well.
    pub(super) fn judge(&self) -> Vec<Check> {
        let about = "objects";
        let objects = match &self.objects {
            Seen::Found(objects) => objects,
            other => return vec![Check::unseen(about, other, "they are not served")],
        };
        let mut failing: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for object in objects {
            if let Some(reason) = reason(object) {
                failing.entry(reason).or_default().push(name(object));
            }
        }
        let count = objects.len();
        if failing.is_empty() {
            return vec![Check::ok(about, format!("{count} {}, all synced", self.place))];
        }
        let bad: usize = failing.values().map(Vec::len).sum();
        let mut checks = vec![Check::note(
            about,
            format!("{count} {}, {bad} of them not synced", self.place),
        )];
        checks.extend(failing.into_iter().map(|(reason, names)| {
            let more = match names.len().saturating_sub(MOST_NAMED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let shown = names
                .iter()
                .take(MOST_NAMED)
                .cloned()
                .collect::<Vec<_>>()
                .join(", ");
            let (namespace, first) = names[0].split_once('/').unwrap_or(("", &names[0]));
            Check::failed(reason.clone(), format!("{}: {shown}{more}", names.len()))
                .remedy(format!("seal explain ss/{first} -n {namespace}"))
                .fact("count", names.len().to_string())
        }));
        checks
    }
}

// None is good.
fn reason(object: &SealedSecretSeen) -> Option<String> {
    let object: &SealedSecret = match object {
        Ok(object) => object,
        Err(_) => return Some("Unreadable".to_owned()),
    };
    let conditions = object.status.iter().flat_map(|status| &status.conditions);
    let mut synced = conditions.filter(|condition| condition.kind == "Synced");
    match synced.next() {
        None => Some("NotLookedAt".to_owned()),
        Some(synced) if synced.status == "True" => None,
        Some(synced) => Some(
            synced
                .reason
                .clone()
                .unwrap_or_else(|| "NoReasonGiven".to_owned()),
        ),
    }
}

fn name(object: &SealedSecretSeen) -> String {
    let metadata = match object {
        Ok(object) => &object.metadata,
        Err(metadata) => metadata.as_ref(),
    };
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    format!("{}/{}", text(&metadata.namespace), text(&metadata.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::State;

    fn object(name: &str, synced: Option<(&str, Option<&str>)>) -> SealedSecretSeen {
        let conditions: Vec<_> = synced
            .iter()
            .map(|(status, reason)| serde_json::json!({"type": "Synced", "status": status, "reason": reason}))
            .collect();
        Ok(serde_json::from_value(serde_json::json!({
            "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "metadata": {"name": name, "namespace": "prod"},
            "spec": {"encryptedData": {}}, "status": {"conditions": conditions},
        }))
        .unwrap())
    }

    fn judged(objects: Vec<SealedSecretSeen>) -> Vec<(State, String, String)> {
        let objects = Objects {
            place: "in all namespaces".to_owned(),
            objects: Seen::Found(objects),
        };
        objects
            .judge()
            .into_iter()
            .map(|check| (check.state, check.about, check.what))
            .collect()
    }

    #[test]
    fn failing_objects_are_counted_by_reason_and_a_few_are_named() {
        assert_eq!(judged(vec![object("a", Some(("True", None)))])[0].0, State::Ok);
        let not_ours = Some(("False", Some("TargetNotOurs")));
        let checks = judged(vec![
            object("a", not_ours),
            object("b", not_ours),
            object("c", not_ours),
            object("d", not_ours),
            object("e", Some(("False", None))),
            object("f", None),
            Err(Box::default()),
            object("g", Some(("True", None))),
        ]);
        let row = |about: &str| checks.iter().find(|check| check.1 == about).unwrap().clone();
        assert_eq!(row("objects").2, "8 in all namespaces, 7 of them not synced");
        assert_eq!(row("TargetNotOurs").2, "4: prod/a, prod/b, prod/c and 1 more");
        assert_eq!(row("TargetNotOurs").0, State::Failed);
        for reason in ["NoReasonGiven", "NotLookedAt", "Unreadable"] {
            assert!(row(reason).2.starts_with("1: "), "{reason}");
        }
    }
}
