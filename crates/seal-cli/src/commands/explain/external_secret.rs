//! An ExternalSecret explained: the walk from its store over credentials, paths and template to the Secret, and where
//! it breaks. Here the facts are gathered; the files beside this one say what they mean.
//!
//! No store is asked: what it said stands in the conditions, and who may ask it is the controller.

mod credentials;
mod judge;
mod stores;
mod values;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use seal_api::external_secrets::{ExternalSecret, Referred, ReferredKind, StoreKind, names};
use seal_cluster::look::{Access, Look, Seen, StoreSeen, Who, entry_names};
use seal_core::InstallationKey;
use seal_document::{DuplicateKeys, JsonStyle, Schema, Stream, Value, to_json};
use seal_engine::external_secret::boundary::{From, Place, read_from};
use seal_engine::external_secret::{StoreId, TemplateSource, stores, template_sources};
use seal_engine::{Fault, catalogue};

use crate::arguments::ExplainArguments;
use crate::command_error::CommandError;
use crate::controller::Controller;
use crate::controller::told::External;
use crate::report::{Check, Report, Section};

/// What they are called in a target.
pub(super) const KINDS: [&str; 5] = [
    "es",
    "externalsecret",
    "externalsecrets",
    "externalsecret.external-secrets.io",
    "externalsecrets.external-secrets.io",
];

/// What is known of an object.
struct Facts {
    object: ExternalSecret,
    /// What stands around it; nothing does for one in a file.
    surroundings: Option<Surroundings>,
}

/// What the cluster knows beside the object.
struct Surroundings {
    stores: Vec<StoreFacts>,
    templates: Vec<(TemplateSource, Seen<Option<BTreeSet<String>>>)>,
    /// The metadata of the Secret that it is about.
    target: Seen<ObjectMeta>,
    events: Seen<Vec<Event>>,
    /// What proves the controller's records, for those who may read it.
    installation: Seen<InstallationKey>,
    /// Whether a controller of ours takes care of such objects, where its Deployment was seen.
    external: Option<External>,
}

/// A store that the object names.
struct StoreFacts {
    id: StoreId,
    seen: Seen<StoreSeen>,
    /// Those of the object's namespace, where the store asks for them.
    labels: Seen<BTreeMap<String, String>>,
    credentials: Vec<Credential>,
}

/// Something that a store refers to.
struct Credential {
    reference: Referred,
    /// In which namespace, if that is allowed.
    namespace: Result<String, Fault>,
    /// The names of its entries, if it stands and they are known.
    seen: Seen<Option<BTreeSet<String>>>,
    /// Whether the controller may read or use it, where that was asked.
    may: Option<(Access, Seen<bool>)>,
}

/// The one of that name in the cluster; and why it may not be seen, should that be so.
pub(super) async fn in_cluster(
    look: &Look,
    (namespace, name): (&str, &str),
    arguments: &ExplainArguments,
) -> Result<(Vec<Report>, Option<CommandError>), CommandError> {
    let about = format!("ExternalSecret {namespace}/{name}");
    let now = Timestamp::now();
    let controller = Controller::see(look, &arguments.cluster).await;
    let (mut report, hidden) = match look.external_secret(namespace, name).await {
        Seen::Found(Ok(object)) => {
            let surroundings = surroundings(look, &object, namespace, &controller).await;
            let facts = Facts {
                object,
                surroundings: Some(surroundings),
            };
            (judge::report(about, &facts, now), None)
        }
        Seen::Found(Err(_)) => (super::judge::only(about, unreadable()), None),
        Seen::Absent => {
            return Err(CommandError::input(format!("there is no {about}")).remedy(format!(
                "see what is there: kubectl get externalsecrets -n {namespace}; another namespace is named with --namespace"
            )));
        }
        Seen::Forbidden(wanted) => {
            let check = Check::unseen("object", &Seen::<()>::Forbidden(wanted.clone()), "");
            let error = CommandError::cluster(format!("you are not allowed to {wanted}"));
            let error = error.remedy("ask for that permission");
            (super::judge::only(about, check), Some(error))
        }
        Seen::Unknown(why) => return Err(CommandError::cluster(format!("{about}: {why}"))),
    };
    report.sections.push(Section {
        title: "Controller",
        detail: format!("{}/{}", controller.namespace, controller.name),
        checks: vec![
            crate::controller::health::readiness(&controller),
            crate::controller::health::lease(&controller, now),
        ],
    });
    Ok((vec![report], hidden))
}

async fn surroundings(
    look: &Look,
    object: &ExternalSecret,
    namespace: &str,
    controller: &Controller,
) -> Surroundings {
    let mut found = Vec::new();
    for id in stores(&object.spec) {
        found.push(store(look, id, namespace, controller).await);
    }
    let mut templates = Vec::new();
    for source in template_sources(&object.spec) {
        let seen = match &source {
            TemplateSource::ConfigMap(name) => look.config_map_metadata(namespace, name).await,
            TemplateSource::Secret(name) => look.secret_metadata(namespace, name).await,
        };
        templates.push((source, seen.map(|metadata| entry_names(&metadata))));
    }
    let name = object.metadata.name.as_deref().unwrap_or_default();
    Surroundings {
        stores: found,
        templates,
        target: look.secret_metadata(namespace, object.target_name()).await,
        events: look.events(namespace, names::EXTERNAL_SECRET, name).await,
        installation: look.installation_key(&controller.namespace).await,
        external: controller.told.as_ref().map(|told| told.external_secrets.clone()),
    }
}

async fn store(look: &Look, id: StoreId, namespace: &str, controller: &Controller) -> StoreFacts {
    let seen = look.store(id.kind(), namespace, &id.name).await;
    let spec = seen.found().and_then(|store| store.spec.as_ref());
    let asks_for_labels = spec
        .iter()
        .flat_map(|spec| &spec.conditions)
        .any(|condition| condition.namespace_selector.is_some());
    let labels = match id.cluster && asks_for_labels {
        true => look.namespace_labels(namespace).await,
        false => Seen::Found(BTreeMap::new()),
    };
    let mut credentials = Vec::new();
    for reference in spec.map(|spec| spec.provider.references()).unwrap_or_default() {
        credentials.push(credential(look, reference, id.kind(), namespace, controller).await);
    }
    StoreFacts {
        id,
        seen,
        labels,
        credentials,
    }
}

async fn credential(
    look: &Look,
    reference: Referred,
    kind: StoreKind,
    asker: &str,
    controller: &Controller,
) -> Credential {
    let place = Place {
        kind,
        namespace: asker,
        asker,
    };
    let namespace = read_from(place, reference.namespace.as_deref()).map(|from| match from {
        From::Fixed(namespace) | From::Asker(namespace) => namespace,
        From::Nobody => asker.to_owned(),
    });
    let Ok(there) = &namespace else {
        return Credential {
            reference,
            namespace,
            seen: Seen::Absent,
            may: None,
        };
    };
    let name = &reference.name;
    let (seen, verb, resource) = match reference.kind {
        ReferredKind::Secret => (look.secret_metadata(there, name).await, "get", "secrets"),
        ReferredKind::ConfigMap => (look.config_map_metadata(there, name).await, "get", "configmaps"),
        ReferredKind::ServiceAccount => (
            look.service_account(there, name).await,
            "create",
            "serviceaccounts/token",
        ),
    };
    let may = match controller.account() {
        None => None,
        Some(account) => {
            let who = Who::Account {
                namespace: controller.namespace.clone(),
                name: account,
            };
            let access = Access {
                verb,
                group: "",
                resource,
                namespace: there.clone(),
                name: name.clone(),
            };
            let answer = look.may(&who, &access).await;
            Some((access, answer))
        }
    };
    Credential {
        seen: seen.map(|metadata| entry_names(&metadata)),
        namespace,
        reference,
        may,
    }
}

fn unreadable() -> Check {
    let kind = &catalogue::UNREADABLE;
    Check::failed("object", "it does not have the shape of an ExternalSecret")
        .code(kind.code)
        .remedy("compare it with `kubectl explain externalsecret.spec`")
}

/// Those in a file, without any cluster, each with the number of its document and its name.
pub(super) fn in_stream(
    stream: &Stream<'_>,
    shown: &str,
    namespace: Option<&str>,
) -> Vec<(usize, String, Report)> {
    let mut found = Vec::new();
    for document in stream.documents() {
        let Ok(value) = document.value(Schema::Kubernetes, DuplicateKeys::Error) else {
            continue;
        };
        let items: Vec<&Value> = match value.get("items").and_then(Value::as_sequence) {
            Some(items) if text(&value, "kind").is_some_and(|kind| kind.ends_with("List")) => {
                items.iter().collect()
            }
            _ => vec![&value],
        };
        for item in items {
            let group = text(item, "apiVersion").and_then(|version| version.split('/').next());
            if text(item, "kind") != Some(names::EXTERNAL_SECRET) || group != Some(names::GROUP) {
                continue;
            }
            let name = item.get("metadata").and_then(|metadata| text(metadata, "name"));
            let name = name.unwrap_or_default().to_owned();
            let about = format!("{shown}: ExternalSecret {name}");
            let report = match object(item) {
                None => super::judge::only(about, unreadable()),
                Some(mut object) => {
                    if object.metadata.namespace.is_none() {
                        object.metadata.namespace = namespace.map(str::to_owned);
                    }
                    let facts = Facts {
                        object,
                        surroundings: None,
                    };
                    judge::report(about, &facts, Timestamp::now())
                }
            };
            found.push((document.index() + 1, name, report));
        }
    }
    found
}

fn text<'v>(value: &'v Value, field: &str) -> Option<&'v str> {
    value.get(field)?.as_str()
}

fn object(value: &Value) -> Option<ExternalSecret> {
    let json = to_json(value, JsonStyle::PRETTY).ok()?;
    serde_json::from_str(&json).ok()
}
