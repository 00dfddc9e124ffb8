//! A namespace of a test's own: what is put there, and what is waited for.

use std::sync::atomic::{AtomicUsize, Ordering};

use k8s_openapi::api::core::v1::{Event, Secret as CoreSecret};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::core::DynamicObject;
use kube::{Api, Client};
use seal_api::{SealedSecret, SealedSecretSpec, SecretTemplate, annotations};
use seal_core::{Certificate, Namespace, ObjectName, Scope, SystemRandom, encode_base64, seal};
use seal_testbed::wait_for;
use serde_json::Value;

use super::{APART, Controller, SOON, admin, plane};

static NUMBER: AtomicUsize = AtomicUsize::new(1);

/// A namespace of a test's own, and the certificate to seal for.
pub(crate) struct Place {
    pub(crate) namespace: String,
    pub(crate) client: Client,
    certificate: Certificate,
    apart: bool,
}

/// The namespace of a controller that serves no other, and its certificate.
pub(crate) async fn place_of(controller: &Controller) -> Place {
    let certificate = controller.certificate().await;
    Place {
        namespace: controller.namespace.clone(),
        client: admin().await,
        certificate,
        apart: true,
    }
}

/// A namespace that the shared controller serves.
pub(crate) async fn place(name: &str) -> Place {
    let certificate = Controller::shared().await.certificate().await;
    place_for(name, certificate).await
}

/// A namespace to seal in for that certificate.
pub(crate) async fn place_for(name: &str, certificate: Certificate) -> Place {
    let namespace = format!("{name}-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    plane().await.namespace(&namespace).await.expect("a namespace");
    Place {
        namespace,
        client: admin().await,
        certificate,
        apart: false,
    }
}

impl Place {
    /// The value sealed for this object.
    pub(crate) fn sealed(&self, name: &str, scope: Scope, value: &[u8]) -> String {
        self.sealed_for(&self.namespace, name, scope, value)
    }

    /// The value sealed for an object elsewhere.
    pub(crate) fn sealed_for(&self, namespace: &str, name: &str, scope: Scope, value: &[u8]) -> String {
        let (namespace, name): (Namespace, ObjectName) = (namespace.parse().unwrap(), name.parse().unwrap());
        let label = scope.label(&namespace, &name);
        encode_base64(&seal(value, self.certificate.key(), &label, &mut SystemRandom).unwrap())
    }

    /// A strict SealedSecret with these values.
    pub(crate) fn object(&self, name: &str, values: &[(&str, &str)]) -> SealedSecret {
        let mut object = SealedSecret::new(name, SealedSecretSpec::default());
        object.metadata.namespace = Some(self.namespace.clone());
        object.metadata.labels = self.apart.then(|| [(APART.to_owned(), String::new())].into());
        for (entry, value) in values {
            let sealed = self.sealed(name, Scope::Strict, value.as_bytes());
            object
                .spec
                .encrypted_data
                .insert((*entry).to_owned(), Some(sealed));
        }
        object
    }

    pub(crate) fn objects(&self) -> Api<SealedSecret> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub(crate) fn secrets(&self) -> Api<CoreSecret> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub(crate) async fn create(&self, object: &SealedSecret) -> SealedSecret {
        self.objects()
            .create(&PostParams::default(), object)
            .await
            .expect("created")
    }

    /// Creates from JSON what the type cannot say.
    pub(crate) async fn create_json(&self, object: &Value) -> Result<DynamicObject, kube::Error> {
        let kind = kube::core::ApiResource::erase::<SealedSecret>(&());
        let objects: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), &self.namespace, &kind);
        objects
            .create(
                &PostParams::default(),
                &serde_json::from_value(object.clone()).unwrap(),
            )
            .await
    }

    pub(crate) async fn patch_object(&self, name: &str, patch: Value) -> SealedSecret {
        self.objects()
            .patch(name, &PatchParams::default(), &Patch::Merge(patch))
            .await
            .expect("patched")
    }

    pub(crate) async fn patch_secret(&self, name: &str, patch: Value) -> CoreSecret {
        self.secrets()
            .patch(name, &PatchParams::default(), &Patch::Merge(patch))
            .await
            .expect("patched")
    }

    pub(crate) async fn create_secret(&self, secret: Value) -> CoreSecret {
        let secret = serde_json::from_value(secret).expect("a Secret");
        self.secrets()
            .create(&PostParams::default(), &secret)
            .await
            .expect("created")
    }

    pub(crate) async fn delete_secret(&self, name: &str) {
        self.secrets()
            .delete(name, &DeleteParams::default())
            .await
            .expect("deleted");
    }

    /// The Secret once it is as asked.
    pub(crate) async fn secret_that(&self, name: &str, holds: impl Fn(&CoreSecret) -> bool) -> CoreSecret {
        let what = format!("the Secret {name}");
        let found = wait_for(&what, SOON, async || {
            Ok(self.secrets().get_opt(name).await?.filter(|secret| holds(secret)))
        });
        found.await.expect("the Secret")
    }

    /// The Secret once it stands.
    pub(crate) async fn secret(&self, name: &str) -> CoreSecret {
        self.secret_that(name, |_| true).await
    }

    /// The object once its status is as asked.
    pub(crate) async fn object_that(
        &self,
        name: &str,
        holds: impl Fn(&SealedSecret) -> bool,
    ) -> SealedSecret {
        let what = format!("the SealedSecret {name}");
        let found = wait_for(&what, SOON, async || {
            let object = self.objects().get_opt(name).await?;
            let settled = object.as_ref().is_some_and(|object| {
                let observed = object
                    .status
                    .as_ref()
                    .and_then(|status| status.observed_generation);
                observed.is_some() && observed == object.metadata.generation
            });
            Ok(object.filter(|object| settled && holds(object)))
        });
        found.await.expect("the SealedSecret")
    }

    /// The object once it is synced.
    pub(crate) async fn synced(&self, name: &str) -> SealedSecret {
        self.object_that(name, |object| condition(object, "Synced").0 == "True")
            .await
    }

    /// Status message and reason of the object once it has failed.
    pub(crate) async fn failed(&self, name: &str) -> (String, String) {
        let object = self
            .object_that(name, |object| condition(object, "Synced").0 == "False")
            .await;
        let (_, reason, message) = condition(&object, "Synced");
        (reason, message)
    }

    /// The events about the object, the oldest first.
    pub(crate) async fn events(&self, name: &str) -> Vec<Event> {
        let events: Api<Event> = Api::namespaced(self.client.clone(), &self.namespace);
        let about = ListParams::default().fields(&format!("involvedObject.name={name}"));
        let mut all = events.list(&about).await.expect("events").items;
        all.sort_by_key(|event| event.first_timestamp.clone().map(|time| time.0));
        all
    }

    /// The event with that reason, once it is told.
    pub(crate) async fn event(&self, name: &str, reason: &str) -> Event {
        let what = format!("the event {reason}");
        let found = wait_for(&what, SOON, async || {
            Ok(self
                .events(name)
                .await
                .into_iter()
                .find(|event| event.reason.as_deref() == Some(reason)))
        });
        found.await.expect("the event")
    }
}

/// Status, reason and message of a condition.
pub(crate) fn condition(object: &SealedSecret, kind: &str) -> (String, String, String) {
    let conditions = object.status.iter().flat_map(|status| &status.conditions);
    let found = conditions.into_iter().find(|condition| condition.kind == kind);
    found.map_or_else(Default::default, |found| {
        let text = |part: &Option<String>| part.clone().unwrap_or_default();
        (found.status.clone(), text(&found.reason), text(&found.message))
    })
}

/// An entry of a Secret as text.
pub(crate) fn value(secret: &CoreSecret, entry: &str) -> Option<String> {
    let bytes = secret.data.as_ref()?.get(entry)?;
    Some(String::from_utf8_lossy(&bytes.0).into_owned())
}

/// A template with these entries.
pub(crate) fn template(entries: &[(&str, &str)]) -> SecretTemplate {
    let data = entries
        .iter()
        .map(|(entry, text)| ((*entry).to_owned(), Some((*text).to_owned())))
        .collect();
    SecretTemplate {
        data: Some(data),
        ..SecretTemplate::default()
    }
}

/// Annotates the object with its scope.
pub(crate) fn with_scope(mut object: SealedSecret, scope: Scope) -> SealedSecret {
    let annotation = annotations::scope_annotation(scope).expect("a scope with an annotation");
    object
        .metadata
        .annotations
        .get_or_insert_default()
        .insert(annotation.to_owned(), "true".to_owned());
    object
}
