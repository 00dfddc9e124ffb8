//! Reencrypting by a controller's HTTP API, upstream's included: `/v1/rotate` makes new texts, `/v1/verify`
//! proves that they open where they will stand. Nobody here sees a value.
//!
//! Only ciphertexts are sent and taken over: upstream's answer loses templates, labels and annotations. It
//! seals by the scope that the *template* states, so that one is sent which states the object's own.

use std::collections::BTreeMap;

use seal_api::{SealedSecret, SealedSecretSpec, SecretTemplate, TemplateMetadata, annotations};
use seal_cluster::service_proxy::{ProxyError, ServiceProxy};
use seal_document::{DuplicateKeys, Format, JsonStyle, Limits, Schema, decode, parse, to_json};
use tokio::runtime::Runtime;

use super::opener::{Faults, Item, Texts};
use crate::arguments::ClusterArguments;
use crate::cluster;
use crate::command_error::CommandError;
use crate::repository::Sealed;

/// The controller behind its Service.
pub(in crate::commands) struct Controller {
    runtime: Runtime,
    proxy: ServiceProxy,
}

impl Controller {
    /// The one that the flags name.
    pub(super) fn find(runtime: Runtime, arguments: &ClusterArguments) -> Result<Self, CommandError> {
        let connection = cluster::connection(arguments)?;
        let (namespace, name) = (
            arguments.controller_namespace.as_ref(),
            arguments.controller_name.as_ref(),
        );
        let proxy = runtime
            .block_on(ServiceProxy::find(connection, namespace, name))
            .map_err(|error| {
                CommandError::from(error).remedy(
                    "name the controller with --controller-name and --controller-namespace, or private keys with --keys",
                )
            })?;
        Ok(Self { runtime, proxy })
    }

    /// New texts for all of `sealed`: nobody can tell which are under the newest key already.
    pub(super) fn reencrypt(&self, sealed: &Sealed) -> Result<Texts, CommandError> {
        let object = &sealed.object;
        if object.spec.data.is_some() {
            return Err(CommandError::input(format!(
                "{}: its values are one sealed blob (spec.data)",
                sealed.shown
            ))
            .remedy("reencrypt it with private keys: --keys"));
        }
        let old = &object.spec.encrypted_data;
        if old.is_empty() {
            return Ok(Texts::default());
        }
        let shown = &sealed.shown;
        let answer = self.ask("/v1/rotate", &plain(object, old.clone()), shown)?;
        let new = read(&answer)
            .filter(|new| {
                new.keys().eq(old.keys())
                    && new
                        .iter()
                        .all(|(entry, text)| text.is_some() && *text != old[entry])
            })
            .ok_or_else(|| {
                CommandError::cluster(format!(
                    "{}: the controller's answer is not this object under its newest key",
                    sealed.shown
                ))
            })?;
        self.ask("/v1/verify", &plain(object, new.clone()), shown)?;
        let item = |(entry, text)| Item {
            entry,
            before: None,
            text,
        };
        Ok(Texts {
            key: None,
            items: new.into_iter().map(item).collect(),
        })
    }

    /// Whether `object` opens; which entry does not, nobody says.
    pub(super) fn faults(&self, object: &SealedSecret, shown: &str) -> Result<Faults, CommandError> {
        let mut standing = plain(object, object.spec.encrypted_data.clone());
        standing.spec.data.clone_from(&object.spec.data);
        match self.post("/v1/verify", &standing) {
            Ok(_) => Ok(Faults::new()),
            Err(error) if opens_not(&error) => Ok([(String::new(), OPENS_NOT.to_owned())].into()),
            Err(error) => Err(unanswered(error).about(shown)),
        }
    }

    fn ask(&self, endpoint: &str, object: &SealedSecret, shown: &str) -> Result<Vec<u8>, CommandError> {
        self.post(endpoint, object).map_err(|error| {
            let error = match opens_not(&error) {
                true => CommandError::key(OPENS_NOT).remedy(
                    "`seal explain` tells why; its keys may be gone, or its name, namespace or scope changed",
                ),
                false => unanswered(error),
            };
            error.about(shown)
        })
    }

    fn post(&self, endpoint: &str, object: &SealedSecret) -> Result<Vec<u8>, ProxyError> {
        let body = to_json(&object.to_value(), JsonStyle::COMPACT).expect("it holds no numbers");
        self.runtime
            .block_on(self.proxy.post(endpoint, body.as_bytes().to_vec()))
    }
}

const OPENS_NOT: &str = "the controller cannot open it";

fn opens_not(error: &ProxyError) -> bool {
    matches!(error.code(), Some(409 | 500))
}

fn unanswered(error: ProxyError) -> CommandError {
    CommandError::from(error).remedy("see whether the controller runs: `seal doctor`")
}

// The object's names and scope, and texts: nothing else is anybody's business.
fn plain(object: &SealedSecret, texts: BTreeMap<String, Option<String>>) -> SealedSecret {
    let scope = annotations::scope(object.metadata.annotations.as_ref());
    let marks = annotations::scope_annotation(scope)
        .map(|annotation| BTreeMap::from([(annotation.to_owned(), "true".to_owned())]));
    let name = object.metadata.name.clone();
    let mut plain = SealedSecret::new(name.as_deref().unwrap_or_default(), SealedSecretSpec::default());
    plain.metadata.namespace.clone_from(&object.metadata.namespace);
    plain.metadata.annotations.clone_from(&marks);
    plain.spec.encrypted_data = texts;
    plain.spec.template = Some(SecretTemplate {
        metadata: Some(TemplateMetadata {
            name,
            namespace: object.metadata.namespace.clone(),
            annotations: marks,
            ..TemplateMetadata::default()
        }),
        ..SecretTemplate::default()
    });
    plain
}

fn read(answer: &[u8]) -> Option<BTreeMap<String, Option<String>>> {
    let stream = parse(decode(answer).ok()?, Format::Json, &Limits::default()).ok()?;
    let document = stream.documents().first()?;
    let value = document.value(Schema::Kubernetes, DuplicateKeys::Error).ok()?;
    Some(SealedSecret::from_value(&value).ok()?.spec.encrypted_data)
}
