//! What the API server itself needs for the calls that nobody can leave out, with no work beside: so much is left to a
//! controller that does the rest in no time.

use std::time::{Duration, Instant};

use futures::StreamExt;
use k8s_openapi::api::core::v1::{Event, ObjectReference, Secret};
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use kube::core::{NamespaceResourceScope, PartialObjectMeta};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use serde_json::json;

// As many as the server has any use for.
const AT_ONCE: usize = 8;

/// The calls of one kind of object.
pub(crate) struct Calls<'a> {
    pub(crate) client: Client,
    pub(crate) namespace: &'a str,
    /// The condition that its status is to have.
    pub(crate) condition: &'a str,
    /// Whether its controller must look for a Secret before it creates one.
    pub(crate) looks: bool,
}

impl Calls<'_> {
    /// For each of `secrets`, one after the other: the look, the Secret, the status of the object of its name, an event.
    pub(crate) async fn take<K>(&self, secrets: Vec<Secret>) -> anyhow::Result<Duration>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
        K: Clone + DeserializeOwned + std::fmt::Debug,
    {
        let (client, namespace) = (&self.client, self.namespace);
        let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
        let objects: Api<K> = Api::namespaced(client.clone(), namespace);
        let events: Api<Event> = Api::namespaced(client.clone(), namespace);
        let begin = Instant::now();
        at_once(secrets, async |secret| {
            let name = secret.metadata.name.clone().unwrap_or_default();
            if self.looks {
                let _: Option<PartialObjectMeta<Secret>> = api.get_metadata_opt(&name).await?;
            }
            api.create(&PostParams::default(), &secret).await?;
            let condition = json!({"type": self.condition, "status": "True"});
            let status = Patch::Merge(json!({"status": {"conditions": [condition]}}));
            objects
                .patch_status(&name, &PatchParams::default(), &status)
                .await?;
            let event = Event {
                metadata: ObjectMeta {
                    generate_name: Some(name),
                    ..ObjectMeta::default()
                },
                involved_object: ObjectReference {
                    namespace: Some(namespace.to_owned()),
                    ..ObjectReference::default()
                },
                ..Event::default()
            };
            events.create(&PostParams::default(), &event).await?;
            Ok(())
        })
        .await?;
        let took = begin.elapsed();
        eprintln!("    the floor of API calls: {:.2} s", took.as_secs_f64());
        Ok(took)
    }
}

/// Does that for each, several at a time.
pub(crate) async fn at_once<T>(
    all: Vec<T>,
    work: impl AsyncFn(T) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let done = futures::stream::iter(all)
        .map(|one| work(one))
        .buffer_unordered(AT_ONCE);
    let done: Vec<anyhow::Result<()>> = done.collect().await;
    done.into_iter().collect()
}
