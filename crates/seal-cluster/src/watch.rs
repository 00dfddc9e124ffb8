//! Watches: SealedSecrets whole, Secrets by their metadata only. They never end, and one malformed
//! object does not stop them.
//!
//! What an event means is for those who listen.

use std::time::Duration;

use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret as CoreSecret};
use kube::core::{ApiResource, DeserializeGuard, DynamicObject, PartialObjectMeta};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client};
use seal_api::annotations::KEY_LABEL;
use seal_api::{Reencryption, SealedSecret, SealingKeyRing};
use serde::de::DeserializeOwned;

const FORBIDDEN: u16 = 403;
const NOT_FOUND: u16 = 404;
// How often is asked whether a definition stands by now.
const UNSERVED: Duration = Duration::from_secs(10);

/// An object, or the metadata of something that cannot be read as one.
pub type Watched<K = SealedSecret> = DeserializeGuard<K>;
/// The metadata of a Secret.
pub type SecretMetadata = PartialObjectMeta<CoreSecret>;

/// One watch's news, by the scope it is about.
pub type News<K> = BoxStream<'static, (Scope, Result<Event<K>, WatchInterrupted>)>;

/// The namespaces that one watch covers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// All of them.
    Cluster,
    /// This one.
    Namespace(String),
}

impl Scope {
    /// The one namespace, unless it is all of them.
    pub fn namespace(&self) -> Option<&str> {
        match self {
            Self::Cluster => None,
            Self::Namespace(namespace) => Some(namespace),
        }
    }
}

/// A watch that broke off. It is taken up again by itself, after a growing pause.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the watch broke off: {what}")]
pub struct WatchInterrupted {
    what: String,
    /// The API server forbids it, and will until somebody grants a role.
    pub forbidden: bool,
    /// The cluster has no such kind, and will not until somebody applies its definition.
    pub unknown: bool,
}

/// All objects of one kind in `scopes` that match the label selector.
pub fn objects<K>(client: &Client, scopes: &[Scope], selector: &str) -> News<Watched<K>>
where
    K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>,
    K: DeserializeOwned + Clone + std::fmt::Debug + Send + 'static,
{
    let config = watcher::Config::default().labels(selector);
    merged(&ApiResource::erase::<K>(&()), scopes, |scope| {
        watcher(api(client, scope), config.clone())
            .default_backoff()
            .boxed()
    })
}

/// All objects of a kind that is in no namespace.
pub fn cluster_objects<K>(client: &Client) -> News<Watched<K>>
where
    K: kube::Resource<Scope = kube::core::ClusterResourceScope, DynamicType = ()>,
    K: DeserializeOwned + Clone + std::fmt::Debug + Send + 'static,
{
    merged(&ApiResource::erase::<K>(&()), &[Scope::Cluster], |_| {
        watcher(Api::all(client.clone()), watcher::Config::default())
            .default_backoff()
            .boxed()
    })
}

/// All objects of a kind whose definition need not stand: nothing comes before it does.
pub fn objects_once_served(client: &Client, scopes: &[Scope], resource: &ApiResource) -> News<DynamicObject> {
    merged(resource, scopes, |scope| {
        let objects = match scope {
            Scope::Cluster => Api::all_with(client.clone(), resource),
            Scope::Namespace(namespace) => Api::namespaced_with(client.clone(), namespace, resource),
        };
        stream::once(is_served(client.clone(), resource.clone()))
            .flat_map(move |()| watcher(objects.clone(), watcher::Config::default()).default_backoff())
            .boxed()
    })
}

/// All objects of a kind that is in no namespace, and whose definition need not stand.
pub fn cluster_objects_once_served<K>(client: &Client) -> News<Watched<K>>
where
    K: kube::Resource<Scope = kube::core::ClusterResourceScope, DynamicType = ()>,
    K: DeserializeOwned + Clone + std::fmt::Debug + Send + 'static,
{
    let resource = ApiResource::erase::<K>(&());
    merged(&resource, &[Scope::Cluster], |_| {
        let objects = Api::all(client.clone());
        stream::once(is_served(client.clone(), resource.clone()))
            .flat_map(move |()| watcher(objects.clone(), watcher::Config::default()).default_backoff())
            .boxed()
    })
}

async fn is_served(client: Client, resource: ApiResource) {
    loop {
        if let Ok(served) = client.list_api_group_resources(&resource.api_version).await
            && served
                .resources
                .iter()
                .any(|served| served.name == resource.plural)
        {
            return;
        }
        tokio::time::sleep(UNSERVED).await;
    }
}

/// The metadata of all Namespaces.
pub fn namespaces(client: &Client) -> News<PartialObjectMeta<Namespace>> {
    merged(&ApiResource::erase::<Namespace>(&()), &[Scope::Cluster], |_| {
        watcher(Api::all(client.clone()), watcher::Config::default())
            .default_backoff()
            .boxed()
    })
}

/// The metadata of all Secrets in `scopes`.
pub fn secrets(client: &Client, scopes: &[Scope]) -> News<SecretMetadata> {
    metadata(client, scopes, "")
}

/// The metadata of the Secrets in `namespace` that carry the label of sealing keys, with any value.
pub fn key_secrets(client: &Client, namespace: &str) -> News<SecretMetadata> {
    metadata(client, &[Scope::Namespace(namespace.to_owned())], KEY_LABEL)
}

/// The metadata of all requests to reencrypt in `scopes` that match the label selector.
pub fn reencryptions(
    client: &Client,
    scopes: &[Scope],
    selector: &str,
) -> News<PartialObjectMeta<Reencryption>> {
    let config = watcher::Config::default().labels(selector);
    merged(&ApiResource::erase::<Reencryption>(&()), scopes, |scope| {
        watcher(api(client, scope), config.clone())
            .default_backoff()
            .boxed()
    })
}

/// That the SealingKeyRing in `namespace` changed. A cluster without its definition is asked again now
/// and then.
pub fn sealing_key_rings(client: &Client, namespace: &str) -> BoxStream<'static, ()> {
    changes::<SealingKeyRing>(client, namespace, seal_api::sealing_key_ring::NAME)
}

/// That the ConfigMap `namespace/name` changed.
pub fn config_map(client: &Client, namespace: &str, name: &str) -> BoxStream<'static, ()> {
    changes::<ConfigMap>(client, namespace, name)
}

// Whoever is told looks for himself: what breaks off is taken up again and tells once more.
fn changes<K>(client: &Client, namespace: &str, name: &str) -> BoxStream<'static, ()>
where
    K: kube::Resource<Scope = kube::core::NamespaceResourceScope> + Clone + Send + Sync + 'static,
    K: std::fmt::Debug,
    K::DynamicType: Default + Clone + Eq + std::hash::Hash + std::fmt::Debug + Send + Sync + Unpin,
{
    let all: Api<PartialObjectMeta<K>> = Api::namespaced(client.clone(), namespace);
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    watcher(all, config)
        .default_backoff()
        .filter_map(|event| async move {
            match event {
                Ok(Event::InitDone | Event::Apply(_) | Event::Delete(_)) => Some(()),
                Ok(Event::Init | Event::InitApply(_)) | Err(_) => None,
            }
        })
        .boxed()
}

fn metadata(client: &Client, scopes: &[Scope], selector: &str) -> News<SecretMetadata> {
    let config = watcher::Config::default().labels(selector);
    merged(&ApiResource::erase::<CoreSecret>(&()), scopes, |scope| {
        watcher(api::<SecretMetadata>(client, scope), config.clone())
            .default_backoff()
            .boxed()
    })
}

fn api<K>(client: &Client, scope: &Scope) -> Api<K>
where
    K: kube::Resource<Scope = kube::core::NamespaceResourceScope>,
    K::DynamicType: Default,
{
    match scope {
        Scope::Cluster => Api::all(client.clone()),
        Scope::Namespace(namespace) => Api::namespaced(client.clone(), namespace),
    }
}

fn merged<K: Send + 'static>(
    resource: &ApiResource,
    scopes: &[Scope],
    open: impl Fn(&Scope) -> BoxStream<'static, watcher::Result<Event<K>>>,
) -> News<K> {
    let each = scopes.iter().map(|scope| {
        let (scope, resource) = (scope.clone(), resource.clone());
        open(&scope)
            .map(move |news| {
                let news = news.map_err(|error| WatchInterrupted::of(&error, &resource));
                (scope.clone(), news)
            })
            .boxed()
    });
    stream::select_all(each).boxed()
}

impl WatchInterrupted {
    fn of(error: &watcher::Error, resource: &ApiResource) -> Self {
        let code = match error {
            watcher::Error::InitialListFailed(kube::Error::Api(status))
            | watcher::Error::WatchStartFailed(kube::Error::Api(status))
            | watcher::Error::WatchFailed(kube::Error::Api(status)) => status.code,
            _ => 0,
        };
        Self {
            what: described(error, resource),
            forbidden: code == FORBIDDEN,
            unknown: code == NOT_FOUND,
        }
    }
}

// kube's own texts may quote an object that it could not read.
fn described(error: &watcher::Error, resource: &ApiResource) -> String {
    let (doing, cause) = match error {
        watcher::Error::InitialListFailed(cause) => ("listing", Some(cause)),
        watcher::Error::WatchStartFailed(cause) => ("beginning", Some(cause)),
        watcher::Error::WatchFailed(cause) => ("watching", Some(cause)),
        watcher::Error::WatchError(status) => return format!("watching, {} {}", status.code, status.reason),
        watcher::Error::NoResourceVersion => ("listing", None),
    };
    match cause {
        // Kubernetes' own every cluster knows.
        Some(kube::Error::Api(status)) if status.code == NOT_FOUND => {
            let (kind, group, plural) = (&resource.kind, &resource.group, &resource.plural);
            format!(
                "{doing}, 404: the cluster does not know the kind {kind}; apply crds/{group}_{plural}.yaml"
            )
        }
        Some(kube::Error::Api(status)) => format!("{doing}, {} {}", status.code, status.reason),
        Some(kube::Error::SerdeError(_)) => format!("{doing}, an answer that cannot be read"),
        Some(_) => format!("{doing}, no connection"),
        None => format!("{doing}, an answer without a version"),
    }
}
