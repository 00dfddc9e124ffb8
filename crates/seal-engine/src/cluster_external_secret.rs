//! The kind ClusterExternalSecret: in which namespaces its ExternalSecret is to stand, what it is to look like there,
//! and how its status tells what came of it. What that ExternalSecret then does is its own affair.
//!
//! Upstream holds namespaces back by a finalizer on each; here owner references do all that has to be done.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use seal_api::external_secrets::names::{API_VERSION, CLUSTER_EXTERNAL_SECRET, FORCE_SYNC, GROUP, READY};
use seal_api::external_secrets::{
    ClusterCondition, ClusterExternalSecret, ClusterExternalSecretStatus, ExternalSecret, NamespaceFailure,
};

use crate::catalogue;
use crate::external_secret::boundary::is_selected;
use crate::fault::Fault;

const INTERVAL: Duration = Duration::from_secs(3600);
// Where nobody can tell which namespaces are meant.
const UNKNOWN: &str = "unknown";

/// A namespace as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespace {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Whether it is on its way out: nothing can be made there, and what stands there goes by itself.
    pub terminating: bool,
}

/// What is to be done in one namespace.
pub enum Step {
    /// Make this.
    Create(Box<ExternalSecret>),
    /// Replace what stands by this.
    Replace(Box<ExternalSecret>),
    /// Nothing.
    Leave,
    /// Nothing: it is somebody else's.
    Refuse(Fault),
}

/// The namespaces that `object` selects.
///
/// # Errors
/// When a selector cannot be read.
pub fn selected<'n>(
    object: &ClusterExternalSecret,
    namespaces: impl IntoIterator<Item = (&'n str, &'n Namespace)>,
) -> Result<BTreeSet<String>, Fault> {
    let mut all = BTreeSet::new();
    // Also where there is no namespace at all, a selector that means nothing is told.
    is_selected(&object.spec, "", &BTreeMap::new())?;
    for (name, namespace) in namespaces {
        if is_selected(&object.spec, name, &namespace.labels)? {
            all.insert(name.to_owned());
        }
    }
    Ok(all)
}

/// What is to be done in `namespace`, where the ExternalSecret of that name now looks like `standing`.
pub fn step(object: &ClusterExternalSecret, namespace: &str, standing: Option<&ExternalSecret>) -> Step {
    let Some(standing) = standing else {
        let mut desired = ExternalSecret::new(
            object.external_secret_name(),
            object.spec.external_secret_spec.clone(),
        );
        desired.metadata.namespace = Some(namespace.to_owned());
        shape(object, &mut desired.metadata);
        return Step::Create(Box::new(desired));
    };
    if !is_child(object, &standing.metadata) {
        return Step::Refuse(Fault::new(&catalogue::EXTERNAL_SECRET_EXISTS));
    }
    if standing.metadata.deletion_timestamp.is_some() {
        return Step::Leave;
    }
    let mut desired = standing.clone();
    desired.spec = object.spec.external_secret_spec.clone();
    shape(object, &mut desired.metadata);
    let same = desired.spec == standing.spec && desired.metadata == standing.metadata;
    match same {
        true => Step::Leave,
        false => Step::Replace(Box::new(desired)),
    }
}

/// Whether `standing` is one that `object` made and makes no longer: elsewhere, or under another name.
pub fn is_left_over(
    object: &ClusterExternalSecret,
    standing: &ObjectMeta,
    selected: &BTreeSet<String>,
) -> bool {
    let namespace = standing.namespace.as_deref().unwrap_or_default();
    let wanted =
        standing.name.as_deref() == Some(object.external_secret_name()) && selected.contains(namespace);
    !wanted && is_child(object, standing)
}

/// When `object` is looked at again, whatever happens.
pub fn interval(object: &ClusterExternalSecret) -> Option<Duration> {
    let named = object
        .spec
        .refresh_time
        .as_ref()
        .and_then(|time| time.nanoseconds().ok());
    match named {
        None => Some(INTERVAL),
        Some(time) => u64::try_from(time)
            .ok()
            .filter(|time| *time > 0)
            .map(Duration::from_nanos),
    }
}

/// The status that tells where ExternalSecrets stand, and why not elsewhere.
pub fn status(
    object: &ClusterExternalSecret,
    provisioned: BTreeSet<String>,
    failed: &BTreeMap<String, Fault>,
) -> ClusterExternalSecretStatus {
    let failed = failed.iter().map(|(namespace, fault)| NamespaceFailure {
        namespace: namespace.clone(),
        reason: Some(fault.sentence()),
    });
    told(object, provisioned.into_iter().collect(), failed.collect())
}

/// The status that tells that nobody knows which namespaces are meant. What stands, stands.
pub fn status_of_unreadable(object: &ClusterExternalSecret, fault: &Fault) -> ClusterExternalSecretStatus {
    let kept = object
        .status
        .as_ref()
        .map(|status| status.provisioned_namespaces.clone());
    let failure = NamespaceFailure {
        namespace: UNKNOWN.to_owned(),
        reason: Some(fault.sentence()),
    };
    told(object, kept.unwrap_or_default(), vec![failure])
}

fn told(
    object: &ClusterExternalSecret,
    provisioned: Vec<String>,
    failed: Vec<NamespaceFailure>,
) -> ClusterExternalSecretStatus {
    let ready = failed.is_empty();
    let condition = ClusterCondition {
        kind: READY.to_owned(),
        status: if ready { "True" } else { "False" }.to_owned(),
        message: (!ready).then(|| "one or more namespaces failed".to_owned()),
    };
    let others = object.status.iter().flat_map(|status| &status.conditions);
    let others = others.filter(|other| other.kind != READY).cloned();
    ClusterExternalSecretStatus {
        external_secret_name: Some(object.external_secret_name().to_owned()),
        failed_namespaces: failed,
        provisioned_namespaces: provisioned,
        conditions: others.chain([condition]).collect(),
    }
}

// Labels and annotations are these and no others, as upstream has it; what others own stays.
fn shape(object: &ClusterExternalSecret, metadata: &mut ObjectMeta) {
    let named = object.spec.external_secret_metadata.clone().unwrap_or_default();
    let mut annotations = named.annotations;
    let own = object.metadata.annotations.as_ref();
    match own.and_then(|own| own.get(FORCE_SYNC)) {
        Some(word) => annotations.insert(FORCE_SYNC.to_owned(), word.clone()),
        None => annotations.remove(FORCE_SYNC),
    };
    let some = |map: BTreeMap<String, String>| (!map.is_empty()).then_some(map);
    metadata.annotations = some(annotations);
    metadata.labels = some(named.labels);
    let reference = OwnerReference {
        api_version: API_VERSION.to_owned(),
        kind: CLUSTER_EXTERNAL_SECRET.to_owned(),
        name: object.metadata.name.clone().unwrap_or_default(),
        uid: object.metadata.uid.clone().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    };
    let references = metadata.owner_references.get_or_insert_default();
    match references.iter_mut().find(|owner| is_ours(object, owner)) {
        Some(owner) => *owner = reference,
        None => references.push(reference),
    }
}

fn is_child(object: &ClusterExternalSecret, standing: &ObjectMeta) -> bool {
    let owners = standing.owner_references.iter().flatten();
    owners.into_iter().any(|owner| is_ours(object, owner))
}

// By name, as upstream: one that was made anew, or restored from a backup, finds what it made before.
fn is_ours(object: &ClusterExternalSecret, owner: &OwnerReference) -> bool {
    let group = owner.api_version.split('/').next();
    owner.controller == Some(true)
        && owner.kind == CLUSTER_EXTERNAL_SECRET
        && group == Some(GROUP)
        && Some(&owner.name) == object.metadata.name.as_ref()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn object(spec: Value) -> ClusterExternalSecret {
        let mut whole = json!({"externalSecretSpec": {"dataFrom": [{"extract": {"key": "k"}}]}});
        whole
            .as_object_mut()
            .unwrap()
            .extend(spec.as_object().unwrap().clone());
        let object = json!({"metadata": {"name": "db", "uid": "c1"}, "spec": whole});
        serde_json::from_value(object).unwrap()
    }

    fn made(object: &ClusterExternalSecret) -> ExternalSecret {
        match step(object, "prod", None) {
            Step::Create(made) => *made,
            _ => panic!("one is to be made"),
        }
    }

    #[test]
    fn what_is_made_is_owned_and_looks_as_it_says() {
        let mut ces = object(
            json!({"externalSecretName": "es", "externalSecretMetadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}}}),
        );
        ces.metadata.annotations = Some(
            [
                (FORCE_SYNC.to_owned(), "1".to_owned()),
                ("e".to_owned(), "f".to_owned()),
            ]
            .into(),
        );
        let made = made(&ces);
        assert_eq!(
            (made.metadata.name.as_deref(), made.metadata.namespace.as_deref()),
            (Some("es"), Some("prod"))
        );
        assert_eq!(
            made.metadata.labels,
            Some([("a".to_owned(), "b".to_owned())].into())
        );
        let annotations = [
            ("c".to_owned(), "d".to_owned()),
            (FORCE_SYNC.to_owned(), "1".to_owned()),
        ];
        assert_eq!(made.metadata.annotations, Some(annotations.into()));
        let owner = &made.metadata.owner_references.as_ref().unwrap()[0];
        assert_eq!(
            (&*owner.kind, &*owner.uid, owner.controller),
            ("ClusterExternalSecret", "c1", Some(true))
        );
        assert!(matches!(step(&ces, "prod", Some(&made)), Step::Leave));
    }

    #[test]
    fn what_differs_is_replaced_and_what_is_somebody_elses_is_not_touched() {
        let ces = object(json!({"externalSecretMetadata": {"labels": {"a": "b"}}}));
        let changes: [fn(&mut ExternalSecret); 4] = [
            |made| made.spec.data_from.clear(),
            |made| made.metadata.labels = None,
            |made| made.metadata.annotations = Some([(FORCE_SYNC.to_owned(), "1".to_owned())].into()),
            // It was made by one of that name that is no more.
            |made| made.metadata.owner_references.as_mut().unwrap()[0].uid = "c0".to_owned(),
        ];
        for change in changes {
            let mut changed = made(&ces);
            changed.metadata.finalizers = Some(vec!["theirs".to_owned()]);
            change(&mut changed);
            let Step::Replace(replaced) = step(&ces, "prod", Some(&changed)) else {
                panic!("it is to be replaced");
            };
            assert_eq!(replaced.spec, ces.spec.external_secret_spec);
            assert_eq!(replaced.metadata.finalizers, changed.metadata.finalizers);
            assert_eq!(
                replaced.metadata.owner_references,
                made(&ces).metadata.owner_references
            );
        }
        for owners in [None, Some("another"), Some("a-controller-of-theirs")] {
            let mut theirs = made(&ces);
            match owners {
                None => theirs.metadata.owner_references = None,
                Some(name) => theirs.metadata.owner_references.as_mut().unwrap()[0].name = name.to_owned(),
            }
            let Step::Refuse(fault) = step(&ces, "prod", Some(&theirs)) else {
                panic!("it is not ours");
            };
            assert_eq!(fault.sentence(), "external secret already exists in namespace");
            assert!(!is_left_over(&ces, &theirs.metadata, &BTreeSet::new()));
        }
    }

    #[test]
    fn what_was_made_elsewhere_or_under_another_name_is_left_over() {
        let ces = object(json!({}));
        let made = made(&ces).metadata;
        let prod = BTreeSet::from(["prod".to_owned()]);
        assert!(!is_left_over(&ces, &made, &prod));
        assert!(is_left_over(&ces, &made, &BTreeSet::new()));
        let renamed = object(json!({"externalSecretName": "new"}));
        assert!(is_left_over(&renamed, &made, &prod));
    }

    #[test]
    fn the_status_tells_in_upstreams_words() {
        let ces = object(json!({}));
        let fault = || Fault::new(&catalogue::EXTERNAL_SECRET_EXISTS);
        let whole = status(&ces, ["a".to_owned()].into(), &[("b".to_owned(), fault())].into());
        let expected = json!({"externalSecretName": "db", "provisionedNamespaces": ["a"],
            "failedNamespaces": [{"namespace": "b", "reason": "external secret already exists in namespace"}],
            "conditions": [{"type": "Ready", "status": "False", "message": "one or more namespaces failed"}]});
        assert_eq!(serde_json::to_value(&whole).unwrap(), expected);
        let mut ces = ces;
        ces.status = Some(whole);
        let well = status(&ces, ["a".to_owned()].into(), &BTreeMap::new());
        let well = serde_json::to_value(&well).unwrap();
        assert_eq!(well["conditions"], json!([{"type": "Ready", "status": "True"}]));
        // A merge patch takes away only what it names.
        assert_eq!(well["failedNamespaces"], json!([]));

        let unreadable = Fault::new(&catalogue::NAMESPACE_SELECTOR_UNREADABLE);
        let told = status_of_unreadable(&ces, &unreadable);
        assert_eq!(told.provisioned_namespaces, ["a"]);
        assert_eq!(told.failed_namespaces[0].namespace, "unknown");
    }

    #[test]
    fn a_selector_that_means_nothing_selects_nothing_and_is_told() {
        let ces =
            object(json!({"namespaceSelectors": [{"matchExpressions": [{"key": "a", "operator": "Like"}]}]}));
        assert!(selected(&ces, []).is_err());
        let namespace = Namespace {
            labels: [("team".to_owned(), "a".to_owned())].into(),
            terminating: false,
        };
        let ces =
            object(json!({"namespaceSelectors": [{"matchLabels": {"team": "a"}}], "namespaces": ["gone"]}));
        assert_eq!(
            selected(&ces, [("prod", &namespace)]).unwrap(),
            ["prod".to_owned()].into()
        );
    }

    #[test]
    fn it_is_looked_at_again_after_its_time() {
        let after = |time: &str| interval(&object(json!({"refreshTime": time})));
        assert_eq!(after("1m"), Some(Duration::from_secs(60)));
        assert_eq!((after("0"), after("often")), (None, Some(INTERVAL)));
        assert_eq!(interval(&object(json!({}))), Some(INTERVAL));
    }
}
