//! Answers what an ExternalSecret needs: values from stores, all at once, and the texts of templates.
//!
//! Which stores and objects it may use is judged by the engine's boundary before anything is asked.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use futures::future::join_all;
use seal_api::external_secrets::{ExternalSecret, ExternalSecretSpec, Generator, StoreRef, TemplateRef};
use seal_cluster::call::Deed;
use seal_cluster::object_entries::{Holder, entries};
use seal_core::Plaintext;
use seal_engine::external_secret::generate::Generated;
use seal_engine::external_secret::shape::Fetched;
use seal_engine::external_secret::{Dialect, Need, Pattern, Read, Search, SearchBy, StoreId, needs, stores};
use seal_engine::{Fault, catalogue};
use seal_providers::{Answer, Asker, Blame, By, Find, Found, RemotePath, StoreError};

use super::ExternalSecrets;
use super::credentials::Lacking;
use super::dependents::Thing;
use super::stores::{Store, key_of, usable};
use crate::known::Key;

/// What a store said to one need.
pub(super) enum Said {
    /// To a read.
    Value(Answer),
    /// To a search.
    Found(Found),
    /// What makes values.
    Generator(Generator),
    /// What it made.
    Generated(Generated),
}

/// What was found out for one object.
pub(super) struct Gathered {
    /// How each store means its answers.
    pub(super) dialects: HashMap<StoreId, Dialect>,
    /// What the stores said, or why they did not.
    pub(super) said: HashMap<Need, Result<Said, Fault>>,
    /// What was looked at.
    pub(super) things: BTreeSet<Thing>,
}

impl Gathered {
    /// Whether values are to be made.
    pub(super) fn generates(&self) -> bool {
        let mut said = self.said.values();
        said.any(|said| matches!(said, Ok(Said::Generator(_))))
    }
}

impl ExternalSecrets {
    /// Asks the stores.
    pub(super) async fn gather(&self, spec: &ExternalSecretSpec, namespace: &str) -> Gathered {
        let dialects = self.dialects(spec, namespace);
        let asked = needs(spec, |store| dialect_in(&dialects, store))
            .into_iter()
            .map(async |need| {
                let mut things = BTreeSet::new();
                let said = self.ask(&need, namespace, &mut things).await;
                (need, said, things)
            });
        let asked = join_all(asked).await;
        let mut gathered = Gathered {
            dialects,
            said: HashMap::new(),
            things: BTreeSet::new(),
        };
        for (need, said, things) in asked {
            gathered.said.insert(need, said);
            gathered.things.extend(things);
        }
        gathered
    }

    // Settled once for an object: what was asked for in one way must not be looked for in another.
    fn dialects(&self, spec: &ExternalSecretSpec, namespace: &str) -> HashMap<StoreId, Dialect> {
        let known = stores(spec).into_iter().filter_map(|id| {
            let reference = StoreRef {
                name: id.name.clone(),
                kind: Some(id.kind()),
            };
            let store = self.stores.find(&key_of(&reference, namespace))?;
            Some((id, store.dialect()?))
        });
        known.collect()
    }

    async fn ask(&self, need: &Need, namespace: &str, things: &mut BTreeSet<Thing>) -> Result<Said, Fault> {
        let store = match need {
            Need::Read(Read { store, .. }) | Need::Search(Search { store, .. }) => store,
            Need::Generate(_, reference) => {
                return self
                    .generator(reference, namespace, things)
                    .await
                    .map(Said::Generator);
            }
        };
        let store = self.usable_store(store, namespace, things).await?;
        let allowed = store.allowed()?;
        let client = self
            .clients
            .of(&store, namespace, things)
            .await
            .map_err(|lacking| match lacking {
                Lacking::Fault(fault) => fault,
                Lacking::Asker => {
                    Fault::new(&catalogue::DEFECT).fact("what", "an object without a namespace asked")
                }
            })?;
        let asker = Asker {
            namespace: namespace.to_owned(),
            allowed: Arc::clone(&allowed),
        };
        let named = store.name();
        let closed = |path: &str| {
            Fault::new(&catalogue::STORE_PATH_CLOSED)
                .fact("store", &named)
                .fact("namespace", namespace)
                .fact("path", path)
                .fact("allowed", &allowed)
        };
        let fault = |error: StoreError| match &error {
            StoreError::NotAllowed { path, .. } => closed(path),
            _ => fault(&error, &named),
        };
        match need {
            Need::Read(read) => {
                let path = RemotePath {
                    key: read.key.clone(),
                    version: read.version.clone(),
                    property: read.property.clone(),
                };
                let answer = match read.metadata {
                    true => client.metadata(&asker, &path).await,
                    false => client.read(&asker, &path).await,
                };
                answer.map(Said::Value).map_err(fault)
            }
            Need::Search(search) => {
                let find = Find {
                    path: search.path.clone(),
                    by: wanted(&search.by)?,
                };
                let found = client.find(&asker, &find).await.map_err(fault)?;
                // Hits are only what is allowed. Where that is nothing, nobody can say whether the store has nothing
                // or the list lets nothing through, and a list with a mistake in it must not delete anything.
                match &found {
                    Found::Hits(hits) if hits.is_empty() && allowed.is_limited() => {
                        Err(closed("any of what it found"))
                    }
                    _ => Ok(Said::Found(found)),
                }
            }
            Need::Generate(..) => {
                Err(Fault::new(&catalogue::DEFECT).fact("what", "a generator was asked for a value"))
            }
        }
    }

    async fn usable_store(
        &self,
        id: &StoreId,
        namespace: &str,
        things: &mut BTreeSet<Thing>,
    ) -> Result<Arc<Store>, Fault> {
        let reference = StoreRef {
            name: id.name.clone(),
            kind: Some(id.kind()),
        };
        if id.cluster && !self.choices.stores_of_cluster {
            return Err(Fault::new(&catalogue::STORE_OUT_OF_SIGHT).fact("name", &id.name));
        }
        things.insert(Thing::Store(key_of(&reference, namespace)));
        let labels = self.namespace_labels(&reference, namespace).await?;
        usable(
            &self.stores,
            &reference,
            namespace,
            &labels,
            self.choices.anchoring,
        )
    }

    /// The texts that the template of `object` names.
    ///
    /// # Errors
    /// When one of them is not there.
    pub(super) async fn texts(
        &self,
        object: &ExternalSecret,
        things: &mut BTreeSet<Thing>,
    ) -> Result<Vec<Fetched>, Vec<Fault>> {
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
        let mut read: BTreeMap<(Holder, String), BTreeMap<String, Plaintext>> = BTreeMap::new();
        let mut fetched = Vec::new();
        let from = object
            .spec
            .template()
            .into_iter()
            .flat_map(|template| &template.template_from);
        for (item, from) in from.enumerate() {
            let named = [
                (Holder::ConfigMap, &from.config_map),
                (Holder::Secret, &from.secret),
            ];
            for (holder, reference) in named {
                let Some(TemplateRef { name, items }) = reference else {
                    continue;
                };
                let key = Key {
                    namespace: namespace.into(),
                    name: name.as_str().into(),
                };
                things.insert(match holder {
                    Holder::Secret => Thing::Secret(key),
                    Holder::ConfigMap => Thing::ConfigMap(key),
                });
                let of = |fault: Fault| vec![fault.fact("kind", holder.kind()).fact("name", name)];
                let all = match read.entry((holder, name.clone())) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(unknown) => {
                        let deed = Deed {
                            verb: "get",
                            resource: holder.resource(),
                        };
                        let found = entries(&self.client, holder, namespace, name).await;
                        let found = found.map_err(|error| vec![error.fault(deed)])?;
                        let found =
                            found.ok_or_else(|| of(Fault::new(&catalogue::TEMPLATE_SOURCE_ABSENT)))?;
                        unknown.insert(found.entries)
                    }
                };
                for wanted in items {
                    let text = all.get(&wanted.key).ok_or_else(|| {
                        of(Fault::new(&catalogue::TEMPLATE_SOURCE_ENTRY_ABSENT).fact("key", &wanted.key))
                    })?;
                    fetched.push(Fetched {
                        item,
                        key: wanted.key.clone(),
                        how: wanted.template_as.unwrap_or_default(),
                        text: text.duplicate(),
                    });
                }
            }
        }
        Ok(fetched)
    }
}

/// That of a store; of one that is not known, and is therefore not asked, any.
pub(super) fn dialect_in(dialects: &HashMap<StoreId, Dialect>, store: &StoreId) -> Dialect {
    dialects.get(store).copied().unwrap_or(Dialect::Vault)
}

fn wanted(by: &SearchBy) -> Result<By, Fault> {
    Ok(match by {
        SearchBy::Tags(tags) => By::Tags(tags.clone()),
        SearchBy::Name(expression) => {
            let pattern = Pattern::parse(expression)
                .map_err(|error| Fault::new(&catalogue::FIND_UNREADABLE).fact("error", error))?;
            By::Name(Arc::new(move |name| pattern.matches(name)))
        }
    })
}

// What the store's client said, as one of ours. The texts are stable: they stand in a status.
pub(super) fn fault(error: &StoreError, store: &str) -> Fault {
    let fault = match error.blame() {
        Blame::User => Fault::new(&catalogue::STORE_ASKED_WRONGLY),
        Blame::Down => Fault::new(&catalogue::STORE_DOWN),
        Blame::Refused => Fault::new(&catalogue::STORE_REFUSED),
        Blame::Nonsense => Fault::new(&catalogue::STORE_NONSENSE),
    };
    fault.fact("store", store).fact("error", error)
}
