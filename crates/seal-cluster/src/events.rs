//! Events about objects, as both upstreams write them: core/v1, one object for the same news with a count.
//!
//! Whether there is news is the engine's to say. An event that cannot be written is nobody's fault
//! but the event's: it is not tried again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event as CoreEvent, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client, Resource};
use seal_engine::Event;
use serde_json::json;

use crate::call::{CallError, bounded};

// The API server's limit on an event's message.
const MOST_MESSAGE: usize = 1024;
// As many as client-go remembers.
const MOST_REMEMBERED: usize = 4096;

/// Tells events, and remembers those told so that repetition is a count.
pub struct Events {
    client: Client,
    component: &'static str,
    told: Mutex<HashMap<Told, (String, i32)>>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Told {
    uid: String,
    reason: &'static str,
    message: String,
}

impl Events {
    /// Through `client`, in the name of `component`.
    pub fn new(client: Client, component: &'static str) -> Self {
        Self {
            client,
            component,
            told: Mutex::default(),
        }
    }

    /// Tells `event` about `object`, in its namespace; about what has none, in `default`.
    ///
    /// # Errors
    /// [`CallError`]; the event is lost then.
    pub async fn tell<K: Resource<DynamicType = ()>>(
        &self,
        object: &K,
        event: &Event,
        now: Timestamp,
    ) -> Result<(), CallError> {
        let namespace = object.meta().namespace.as_deref().unwrap_or("default");
        let events: Api<CoreEvent> = Api::namespaced(self.client.clone(), namespace);
        let told = Told {
            uid: object.meta().uid.clone().unwrap_or_default(),
            reason: event.reason,
            message: shortened(&event.message),
        };
        if let Some((name, count)) = self.remembered(&told) {
            let count = count + 1;
            let patch = Patch::Merge(json!({"count": count, "lastTimestamp": Time(now)}));
            match bounded(events.patch(&name, &PatchParams::default(), &patch)).await {
                Ok(_) => {
                    self.remember(told, name, count);
                    return Ok(());
                }
                // Events live for an hour; the next one begins anew.
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        let first = self.core_event(object, namespace, event.warning, &told, now);
        let name = first.metadata.name.clone().unwrap_or_default();
        bounded(events.create(&PostParams::default(), &first)).await?;
        self.remember(told, name, 1);
        Ok(())
    }

    fn core_event<K: Resource<DynamicType = ()>>(
        &self,
        object: &K,
        namespace: &str,
        warning: bool,
        told: &Told,
        now: Timestamp,
    ) -> CoreEvent {
        let metadata = object.meta();
        let name = metadata.name.clone().unwrap_or_default();
        CoreEvent {
            metadata: ObjectMeta {
                name: Some(format!("{name}.{:x}", now.as_nanosecond())),
                namespace: Some(namespace.to_owned()),
                ..ObjectMeta::default()
            },
            involved_object: ObjectReference {
                api_version: Some(K::api_version(&()).into_owned()),
                kind: Some(K::kind(&()).into_owned()),
                name: Some(name),
                namespace: metadata.namespace.clone(),
                uid: metadata.uid.clone(),
                resource_version: metadata.resource_version.clone(),
                field_path: None,
            },
            reason: Some(told.reason.to_owned()),
            message: Some(told.message.clone()),
            type_: Some(if warning { "Warning" } else { "Normal" }.to_owned()),
            source: Some(EventSource {
                component: Some(self.component.to_owned()),
                host: None,
            }),
            reporting_component: Some(self.component.to_owned()),
            first_timestamp: Some(Time(now)),
            last_timestamp: Some(Time(now)),
            count: Some(1),
            ..CoreEvent::default()
        }
    }

    fn remembered(&self, told: &Told) -> Option<(String, i32)> {
        self.told
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(told)
            .cloned()
    }

    fn remember(&self, told: Told, name: String, count: i32) {
        let mut all = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST_REMEMBERED {
            all.clear();
        }
        all.insert(told, (name, count));
    }
}

fn shortened(message: &str) -> String {
    let mut end = message.len().min(MOST_MESSAGE);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    message[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_is_cut_between_letters() {
        let cut = shortened(&"é".repeat(1000));
        assert_eq!(cut.len(), 1024);
        assert_eq!(shortened("short"), "short");
        assert_eq!(shortened(&format!("x{}", "é".repeat(1000))).len(), 1023);
    }
}
