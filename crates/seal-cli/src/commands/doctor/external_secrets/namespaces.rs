//! What upstream put on Namespaces. Nobody but upstream takes it off, so that where its controller is gone, a namespace
//! that is deleted stays for ever.

use kube::core::ObjectMeta;
use seal_api::external_secrets::names::NAMESPACE_FINALIZER;
use seal_cluster::look::{Look, Seen};

use crate::report::Check;

/// All of them.
pub(super) struct Namespaces {
    seen: Seen<Vec<ObjectMeta>>,
}

impl Namespaces {
    /// Asks.
    pub(super) async fn gather(look: &Look) -> Self {
        Self {
            seen: look.namespaces().await,
        }
    }

    /// A line for each finalizer.
    pub(super) fn judge(&self) -> Vec<Check> {
        let all = match &self.seen {
            Seen::Found(all) => all,
            other => return vec![Check::unseen("namespaces", other, "")],
        };
        let held: Vec<Check> = all.iter().flat_map(of).collect();
        match held.is_empty() {
            true => vec![Check::ok(
                "namespaces",
                "none is held by a finalizer of external-secrets",
            )],
            false => held,
        }
    }
}

fn of(metadata: &ObjectMeta) -> impl Iterator<Item = Check> {
    let name = metadata.name.as_deref().unwrap_or_default();
    let finalizers = metadata.finalizers.iter().flatten().enumerate();
    let theirs = finalizers.filter(|(_, finalizer)| finalizer.starts_with(NAMESPACE_FINALIZER));
    theirs.map(move |(place, finalizer)| {
        // Takes off that one, or nothing.
        let path = format!("/metadata/finalizers/{place}");
        let patch = serde_json::json!([
            {"op": "test", "path": path, "value": finalizer},
            {"op": "remove", "path": path},
        ]);
        Check::warning(
            name,
            format!("{finalizer}: without upstream's controller the namespace cannot be deleted"),
        )
        .code("namespace-finalizer")
        .remedy(format!(
            "once that controller is gone: kubectl patch namespace {name} --type=json -p '{patch}'"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, finalizers: &[&str]) -> ObjectMeta {
        ObjectMeta {
            name: Some(name.to_owned()),
            finalizers: Some(finalizers.iter().map(|one| (*one).to_owned()).collect()),
            ..ObjectMeta::default()
        }
    }

    #[test]
    fn a_namespace_that_upstream_holds_is_named_with_the_patch_that_frees_it() {
        let theirs = "externalsecrets.external-secrets.io/ces-all";
        let seen = Seen::Found(vec![named("free", &["other"]), named("held", &["other", theirs])]);
        let checks = Namespaces { seen }.judge();
        let [check] = checks.as_slice() else {
            panic!("{checks:?}")
        };
        assert_eq!(check.about, "held");
        let remedy = check.remedy.as_deref().unwrap();
        assert!(
            remedy.contains("finalizers/1") && remedy.contains(theirs) && remedy.contains("namespace held"),
            "{remedy}"
        );
        let none = Namespaces {
            seen: Seen::Found(vec![named("free", &["other"])]),
        };
        assert_eq!(none.judge()[0].state, crate::report::State::Ok);
    }
}
