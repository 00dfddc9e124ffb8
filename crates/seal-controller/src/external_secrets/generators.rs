//! Generators: which there are, as their watches tell, and what they make. Their definitions need not stand, and nobody
//! waits for their lists: what is not known here is asked for.
//!
//! A change of a generator makes no new values, as upstream has it: it brings up those who wait for one.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use jiff::Timestamp;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::watcher::Event;
use seal_api::Secret;
use seal_api::external_secrets::names::{CLUSTER_GENERATOR, GENERATORS_GROUP};
use seal_api::external_secrets::{ExternalSecret, Generator, GeneratorFault, GeneratorRef};
use seal_cluster::call::{Deed, find_dynamic};
use seal_cluster::watch::{Scope, objects_once_served};
use seal_core::InstallationKey;
use seal_engine::external_secret::Need;
use seal_engine::external_secret::boundary::{GeneratorPlace, generator};
use seal_engine::external_secret::generate::{generate, is_repeatable, refreshed, seed};
use seal_engine::external_secret::holds_what_was_left;
use seal_engine::{Fault, Record, catalogue};
use serde_json::Value;
use tracing::debug;

use super::ExternalSecrets;
use super::dependents::Thing;
use super::gather::Said;
use crate::known::{Key, Known, Versioned};
use crate::watches::{Changes, changes, mapped};

// Kind and plural of those that we have.
const KINDS: [(&str, &str); 5] = [
    ("Password", "passwords"),
    ("UUID", "uuids"),
    ("SSHKey", "sshkeys"),
    ("Fake", "fakes"),
    (CLUSTER_GENERATOR, "clustergenerators"),
];

/// All generators, by kind in the order of [`KINDS`].
#[derive(Default)]
pub(super) struct Generators([Known<Arc<Seen>>; KINDS.len()]);

/// A generator as it was last seen.
pub(super) struct Seen {
    resource_version: String,
    read: Result<Generator, GeneratorFault>,
}

impl Versioned for Arc<Seen> {
    fn resource_version(&self) -> &str {
        &self.resource_version
    }
}

impl Seen {
    fn of(kind: &str, object: &DynamicObject) -> (Key, Arc<Self>) {
        let spec = object.data.get("spec").unwrap_or(&Value::Null);
        let seen = Self {
            resource_version: object.metadata.resource_version.clone().unwrap_or_default(),
            read: Generator::read(kind, spec),
        };
        (Key::of(&object.metadata), Arc::new(seen))
    }
}

impl Generators {
    pub(super) fn list_anew(&self) {
        self.0.iter().for_each(Known::list_anew);
    }
}

/// To what refresh the values of an attempt belong, and whether what stands is to stay.
pub(super) struct Refreshed {
    /// Since when they are what they are.
    pub(super) since: Timestamp,
    /// Whether it is a refresh of before.
    again: bool,
}

impl Refreshed {
    pub(super) fn of(record: Option<&Record>, due: bool, now: Timestamp) -> Self {
        let since = refreshed(record, due, now.as_second());
        Self {
            since: Timestamp::from_second(since).unwrap_or(now),
            again: !due && record.is_some(),
        }
    }
}

/// Makes the values of all generators that were found. Takes a core.
pub(super) fn make(
    said: &mut HashMap<Need, Result<Said, Fault>>,
    object: &ExternalSecret,
    since: Timestamp,
    installation: &InstallationKey,
) {
    for (need, said) in said {
        let (Need::Generate(index, _), Ok(Said::Generator(generator))) = (need, &*said) else {
            continue;
        };
        let seed = seed(&object.metadata, since.as_second(), *index, installation);
        *said = generate(generator, &mut installation.seeded(&seed)).map(Said::Generated);
    }
}

/// Whether values were made that nobody can make again, and were not to be new ones.
pub(super) fn lost(said: &HashMap<Need, Result<Said, Fault>>, refreshed: &Refreshed) -> bool {
    let unrepeatable = |said: &Result<Said, Fault>| matches!(said, Ok(Said::Generator(generator)) if !is_repeatable(generator));
    refreshed.again && said.values().any(unrepeatable)
}

/// Leaves the values of `standing` where they are in what is `desired`, if nobody touched them.
pub(super) fn keep(desired: &mut Secret, standing: Option<&Secret>) {
    if let Some(standing) = standing.filter(|standing| holds_what_was_left(standing)) {
        desired.data = standing.duplicate().data;
    }
}

impl ExternalSecrets {
    /// The watches of generators. They hold up nobody: where they break off they are taken up again.
    pub(super) fn generator_changes(this: &Arc<Self>, scopes: &[Scope]) -> Changes {
        let whole = scopes.contains(&Scope::Cluster);
        let kinds = KINDS.iter().enumerate();
        let kinds = kinds.filter(|(_, (kind, _))| whole || *kind != CLUSTER_GENERATOR);
        let each = kinds.map(|(index, (kind, _))| -> BoxStream<'static, _> {
            let this = Arc::clone(this);
            let news = objects_once_served(&this.client, scopes, &resource(index));
            let take_in = move |scope: &Scope, event: Event<DynamicObject>| {
                let event = mapped(event, |object| Seen::of(kind, &object));
                let changed = this.generators.0[index].take_in(scope, event, |_| true);
                let things = changed.into_iter().map(|key| Thing::Generator(kind, key));
                things.flat_map(|thing| this.dependents.of(&thing)).collect()
            };
            let news = changes(news, take_in).filter(move |(_, news)| {
                if let Err(error) = news {
                    debug!(kind, %error, "a watch of generators is taken up again");
                }
                std::future::ready(news.is_ok())
            });
            news.boxed()
        });
        stream::select_all(each).boxed()
    }

    /// The generator that an object in `namespace` refers to.
    ///
    /// # Errors
    /// When there is none, or none that can be used.
    pub(super) async fn generator(
        &self,
        reference: &GeneratorRef,
        namespace: &str,
        things: &mut BTreeSet<Thing>,
    ) -> Result<Generator, Fault> {
        let GeneratorPlace {
            kind,
            namespace,
            name,
        } = generator(reference, namespace)?;
        let unusable = |fault: GeneratorFault| Fault::new(&catalogue::GENERATOR_UNUSABLE).fact("what", fault);
        let index = KINDS.iter().position(|(known, _)| *known == kind);
        let index = index.ok_or_else(|| unusable(GeneratorFault::Unsupported(kind.clone())))?;
        let key = Key {
            namespace: namespace.as_str().into(),
            name: name.as_str().into(),
        };
        things.insert(Thing::Generator(KINDS[index].0, key.clone()));
        let seen = match self.generators.0[index].find(&key) {
            Some(seen) => seen,
            None => {
                let found = find_dynamic(&self.client, &resource(index), &namespace, &name).await;
                let found = found.map_err(|error| {
                    error.fault(Deed {
                        verb: "get",
                        resource: KINDS[index].1,
                    })
                })?;
                let absent = || {
                    let fault = Fault::new(&catalogue::GENERATOR_ABSENT);
                    fault.fact("kind", &kind).fact("name", &name)
                };
                Seen::of(&kind, &found.ok_or_else(absent)?).1
            }
        };
        seen.read.clone().map_err(unusable)
    }

    // One generator of another class is enough, as with stores. What is not there is nobody's yet.
    pub(super) async fn generators_are_ours(&self, key: &Key, object: &ExternalSecret) -> bool {
        let references = object.spec.data_from.iter().filter_map(|from| {
            let reference = from.source_ref.as_ref()?.generator_ref.as_ref()?;
            (["Fake", CLUSTER_GENERATOR].contains(&reference.kind.as_str())).then_some(reference)
        });
        for reference in references {
            let mut things = BTreeSet::new();
            let found = self.generator(reference, &key.namespace, &mut things).await;
            for thing in things {
                self.dependents.also_looks_at(key, thing);
            }
            if found.is_ok_and(|generator| !generator.is_of_class(&self.choices.class)) {
                return false;
            }
        }
        true
    }
}

fn resource(index: usize) -> ApiResource {
    let (kind, plural) = KINDS[index];
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(GENERATORS_GROUP, "v1alpha1", kind), plural)
}
