//! What an ExternalSecret needs before it opens: reads, searches and generated values, each once however many
//! entries want it; and the objects that its templates stand in.
//!
//! Which store may be used from where is not judged here.

use std::collections::BTreeMap;

use seal_api::external_secrets::{
    DataFrom, DataItem, ExternalSecretSpec, Find, GeneratorRef, MetadataPolicy, RemoteRef, StoreKind,
    StoreRef,
};

use super::property::Dialect;

/// A store, as an object names it: one of its own namespace, or one of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoreId {
    /// Whether it is the cluster's.
    pub cluster: bool,
    /// Its name.
    pub name: String,
}

/// One thing to be gathered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Need {
    /// One value.
    Read(Read),
    /// All values that match.
    Search(Search),
    /// The values that a generator makes for one entry of `dataFrom`: never shared, since each has its own.
    Generate(usize, GeneratorRef),
}

/// One value of one store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Read {
    /// The store.
    pub store: StoreId,
    /// Its path or name there.
    pub key: String,
    /// Its version; the latest otherwise.
    pub version: Option<String>,
    /// Whether its metadata is meant.
    pub metadata: bool,
    /// The property, where the store is asked for it (a webhook). Elsewhere one read serves all properties.
    pub property: Option<String>,
}

/// Values of one store that match.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Search {
    /// The store.
    pub store: StoreId,
    /// Where to begin.
    pub path: Option<String>,
    /// What matches.
    pub by: SearchBy,
}

/// What matches.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SearchBy {
    /// A regular expression, somewhere in the name.
    Name(String),
    /// All of these tags; everything where there are none.
    Tags(BTreeMap<String, String>),
}

/// An object with templates.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TemplateSource {
    /// A ConfigMap of the namespace.
    ConfigMap(String),
    /// A Secret of the namespace.
    Secret(String),
}

impl StoreId {
    fn of(reference: &StoreRef) -> Option<Self> {
        let cluster = reference.kind.unwrap_or_default() == StoreKind::ClusterSecretStore;
        let named = !reference.name.is_empty();
        named.then(|| Self {
            cluster,
            name: reference.name.clone(),
        })
    }

    /// Its kind.
    pub fn kind(&self) -> StoreKind {
        if self.cluster {
            StoreKind::ClusterSecretStore
        } else {
            StoreKind::SecretStore
        }
    }
}

/// The stores that `spec` uses, each once.
pub fn stores(spec: &ExternalSecretSpec) -> Vec<StoreId> {
    let data = spec.data.iter().filter_map(|item| store_of_item(spec, item));
    let data_from = spec
        .data_from
        .iter()
        .filter_map(|from| store_of_source(spec, from));
    once(data.chain(data_from))
}

/// What `spec` needs, each once, in the order in which it is first wanted. `dialect` tells how a store is asked;
/// entries without a store are left out, and are told of by [`super::faults`].
pub fn needs(spec: &ExternalSecretSpec, dialect: impl Fn(&StoreId) -> Dialect) -> Vec<Need> {
    let from = spec.data_from.iter().enumerate();
    let from = from.filter_map(|(index, from)| need_of_source(spec, index, from, &dialect));
    let data = spec.data.iter().filter_map(|item| {
        let store = store_of_item(spec, item)?;
        Some(Need::Read(read(store, &item.remote_ref, &dialect)))
    });
    once(from.chain(data))
}

/// The objects that the templates of `spec` stand in, each once.
pub fn template_sources(spec: &ExternalSecretSpec) -> Vec<TemplateSource> {
    let from = spec
        .template()
        .into_iter()
        .flat_map(|template| &template.template_from);
    once(from.flat_map(|from| {
        let config_map = from.config_map.as_ref();
        let secret = from.secret.as_ref();
        config_map
            .map(|reference| TemplateSource::ConfigMap(reference.name.clone()))
            .into_iter()
            .chain(secret.map(|reference| TemplateSource::Secret(reference.name.clone())))
    }))
}

fn need_of_source(
    spec: &ExternalSecretSpec,
    index: usize,
    from: &DataFrom,
    dialect: &impl Fn(&StoreId) -> Dialect,
) -> Option<Need> {
    if let Some(find) = &from.find {
        return Some(Need::Search(search(store_of_source(spec, from)?, find)));
    }
    if let Some(extract) = &from.extract {
        return Some(Need::Read(read(store_of_source(spec, from)?, extract, dialect)));
    }
    let generator = from.source_ref.as_ref()?.generator_ref.as_ref()?;
    Some(Need::Generate(index, generator.clone()))
}

/// The store of an entry of `data`.
pub(super) fn store_of_item(spec: &ExternalSecretSpec, item: &DataItem) -> Option<StoreId> {
    let own = item.source_ref.as_ref().map(|source| source.store_ref.as_ref());
    match own {
        Some(reference) => StoreId::of(reference?),
        None => StoreId::of(spec.secret_store_ref.as_ref()?),
    }
}

/// The store of an entry of `dataFrom` that extracts or finds.
pub(super) fn store_of_source(spec: &ExternalSecretSpec, from: &DataFrom) -> Option<StoreId> {
    from.extract
        .as_ref()
        .map(|_| ())
        .or(from.find.as_ref().map(|_| ()))?;
    let own = from
        .source_ref
        .as_ref()
        .and_then(|source| source.store_ref.as_ref());
    StoreId::of(own.or(spec.secret_store_ref.as_ref())?)
}

/// The read that `reference` means.
pub(super) fn read(store: StoreId, reference: &RemoteRef, dialect: &impl Fn(&StoreId) -> Dialect) -> Read {
    let along = dialect(&store) == Dialect::Webhook;
    let text = |text: &String| (!text.is_empty()).then(|| text.clone());
    Read {
        key: reference.key.clone(),
        version: text(&reference.version),
        metadata: reference.metadata_policy.unwrap_or_default() == MetadataPolicy::Fetch,
        property: text(&reference.property).filter(|_| along),
        store,
    }
}

/// The search that `find` means. A name wins over tags.
pub(super) fn search(store: StoreId, find: &Find) -> Search {
    let by = match &find.name {
        Some(name) => SearchBy::Name(name.regexp.clone()),
        None => SearchBy::Tags(find.tags.clone().unwrap_or_default()),
    };
    Search {
        store,
        path: find.path.clone(),
        by,
    }
}

fn once<T: Clone + Eq + std::hash::Hash>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = std::collections::HashSet::new();
    all.filter(|one| seen.insert(one.clone())).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn spec(spec: Value) -> ExternalSecretSpec {
        serde_json::from_value(spec).unwrap()
    }

    fn store(cluster: bool, name: &str) -> StoreId {
        StoreId {
            cluster,
            name: name.to_owned(),
        }
    }

    fn item(entry: &str, key: &str, more: Value) -> Value {
        let mut reference = json!({"key": key});
        reference
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({"secretKey": entry, "remoteRef": reference})
    }

    #[test]
    fn entries_of_one_path_and_version_are_one_read() {
        let data: Vec<Value> = (0..20)
            .map(|number| {
                item(
                    &format!("e{number}"),
                    "app",
                    json!({"property": format!("p{number}")}),
                )
            })
            .chain([
                item("v1", "app", json!({"version": "1"})),
                item(
                    "v1b",
                    "app",
                    json!({"version": "1", "property": "x", "decodingStrategy": "Base64"}),
                ),
                item("meta", "app", json!({"metadataPolicy": "Fetch"})),
                item("other", "app2", json!({})),
            ])
            .collect();
        let spec = spec(
            json!({"secretStoreRef": {"name": "s"}, "data": data, "dataFrom": [{"extract": {"key": "app"}}]}),
        );
        assert_eq!(needs(&spec, |_| Dialect::Vault).len(), 4);
        // A webhook is asked for each property.
        assert_eq!(needs(&spec, |_| Dialect::Webhook).len(), 4 + 20 + 1);
        assert_eq!(stores(&spec), [store(false, "s")]);
    }

    #[test]
    fn the_same_path_of_another_store_is_another_read() {
        let mut theirs = item("b", "app", json!({}));
        theirs["sourceRef"] = json!({"storeRef": {"name": "s", "kind": "ClusterSecretStore"}});
        let spec =
            spec(json!({"secretStoreRef": {"name": "s"}, "data": [item("a", "app", json!({})), theirs]}));
        let needs = needs(&spec, |_| Dialect::Vault);
        assert_eq!(needs.len(), 2);
        assert_eq!(stores(&spec), [store(false, "s"), store(true, "s")]);
    }

    #[test]
    fn searches_and_generators_are_needs_and_a_name_wins_over_tags() {
        let find = json!({"path": "dev", "name": {"regexp": "a"}, "tags": {"x": "y"}});
        let generator = json!({"sourceRef": {"generatorRef": {"kind": "UUID", "name": "u"}}});
        let spec = spec(json!({
            "secretStoreRef": {"name": "s"},
            "dataFrom": [{"find": find}, {"find": find}, {"find": {}}, generator, generator],
        }));
        let needs = needs(&spec, |_| Dialect::Vault);
        assert_eq!(needs.len(), 4);
        let Need::Search(search) = &needs[0] else {
            panic!("a search");
        };
        assert_eq!(search.by, SearchBy::Name("a".to_owned()));
        assert!(
            matches!(&needs[1], Need::Search(Search { by: SearchBy::Tags(tags), .. }) if tags.is_empty())
        );
        assert!(matches!(
            (&needs[2], &needs[3]),
            (Need::Generate(3, _), Need::Generate(4, _))
        ));
    }

    #[test]
    fn an_entry_without_a_store_needs_nothing() {
        let mut item = item("a", "app", json!({}));
        assert!(needs(&spec(json!({"data": [item]})), |_| Dialect::Vault).is_empty());
        item["sourceRef"] = json!({"generatorRef": {"kind": "UUID", "name": "u"}});
        let spec = spec(json!({"secretStoreRef": {"name": "s"}, "data": [item]}));
        assert!(needs(&spec, |_| Dialect::Vault).is_empty() && stores(&spec).is_empty());
    }

    #[test]
    fn templates_that_stand_elsewhere_are_named_once() {
        let items = json!([{"key": "a"}]);
        let spec = spec(json!({"target": {"template": {"templateFrom": [
            {"configMap": {"name": "c", "items": items}}, {"secret": {"name": "c", "items": items}},
            {"configMap": {"name": "c", "items": items}}, {"literal": "a: b"}]}}}));
        assert_eq!(
            template_sources(&spec),
            [
                TemplateSource::ConfigMap("c".to_owned()),
                TemplateSource::Secret("c".to_owned())
            ]
        );
    }
}
