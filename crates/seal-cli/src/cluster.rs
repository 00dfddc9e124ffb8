//! The one asynchronous edge of the native commands: the controller's certificate and the sealing keys,
//! through the API server. A runtime and TLS exist only once one of these functions is called.

use std::path::PathBuf;
use std::time::Duration;

use http::{Method, Request, StatusCode};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::client::Body;
use seal_api::sealing_key_ring::NAME;
use seal_api::{SealedSecret, SealingKeyRing, Secret, annotations};
use seal_cluster::call::{CallError, send};
use seal_cluster::installation::{INSTALLATION_SECRET, PRIMARY};
use seal_cluster::kubeconfig::{self, Connection, Kubeconfig, KubeconfigError, Overrides};
use seal_cluster::look::Look;
use seal_cluster::secrets::Secrets;
use seal_cluster::service_proxy::{ProxyError, ServiceProxy};
use seal_core::{Namespace, ObjectName};
use serde::de::DeserializeOwned;
use serde_json::json;
use zeroize::Zeroizing;

use crate::arguments::ClusterArguments;
use crate::certificate::download::root_cause;
use crate::command_error::CommandError;

// A SealedSecret with its record has some kilobytes, an answer may have eight megabytes.
const PAGE: usize = 200;
const TIMEOUT: Duration = Duration::from_secs(30);
// The controller writes a status once for each change, others hardly ever.
const EDITS: usize = 5;

/// Runs `work` to its end on this thread.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, CommandError>>) -> Result<T, CommandError> {
    block_on_within(TIMEOUT, work)
}

fn block_on_within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, CommandError>>,
) -> Result<T, CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CommandError::bug(format!("the asynchronous runtime did not start: {error}")))?;
    runtime.block_on(async {
        tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
            let what = format!("no answer within {} seconds", limit.as_secs());
            Err(CommandError::cluster(what).remedy("look at the network and the API server"))
        })
    })
}

/// The cluster that the flags and kubeconfigs name. No packet is sent.
pub(crate) fn connection(cluster: &ClusterArguments) -> Result<Connection, CommandError> {
    kubeconfig(cluster)?
        .connection()
        .map_err(|error| unusable(error, cluster))
}

/// The namespace that kubectl would look in.
pub(crate) fn context_namespace(cluster: &ClusterArguments) -> Result<Namespace, CommandError> {
    let choice = kubeconfig(cluster)?
        .namespace()
        .map_err(|error| unusable(error, cluster))?;
    let named = choice.name.parse();
    named.map_err(|error| CommandError::usage(format!("the kubeconfig's context: {error}")))
}

/// Runs `work`, which looks at what stands there, to its end.
pub(crate) fn looking<T>(
    cluster: &ClusterArguments,
    limit: Duration,
    work: impl AsyncFnOnce(&Look) -> Result<T, CommandError>,
) -> Result<T, CommandError> {
    let Connection { config, server, .. } = connection(cluster)?;
    block_on_within(limit, async {
        let client = kube::Client::try_from(config).map_err(|_| {
            let what = format!("{server}: trust or identity of the kubeconfig cannot be used");
            CommandError::cluster(what)
        })?;
        work(&Look::new(client)).await
    })
}

// client-go does not say which files it looked into, and names a variable that nobody sets.
fn unusable(error: KubeconfigError, cluster: &ClusterArguments) -> CommandError {
    if !matches!(error, KubeconfigError::Empty) {
        return error.into();
    }
    let named = cluster.kubeconfig.as_ref().filter(|path| !path.is_empty());
    let variable = std::env::var_os("KUBECONFIG").is_some_and(|value| !value.is_empty());
    let (paths, origin) = match named {
        Some(path) => (vec![PathBuf::from(path)], ""),
        None if variable => (kubeconfig::default_paths(), " (from KUBECONFIG)"),
        None => (kubeconfig::default_paths(), ""),
    };
    let looked: Vec<String> = paths
        .iter()
        .map(|path| {
            let fault = if path.exists() {
                "names no cluster"
            } else {
                "does not exist"
            };
            format!("{}{origin} {fault}", path.display())
        })
        .collect();
    CommandError::cluster(format!("there is no kubeconfig to go by: {}", looked.join(", ")))
        .remedy("name a kubeconfig with --kubeconfig or KUBECONFIG")
}

fn kubeconfig(cluster: &ClusterArguments) -> Result<Kubeconfig, CommandError> {
    let overrides = Overrides {
        kubeconfig: cluster.kubeconfig.clone().unwrap_or_default(),
        context: cluster.context.clone().unwrap_or_default(),
        ..Overrides::default()
    };
    Ok(Kubeconfig::load(&overrides)?)
}

/// The controller's certificate as it serves it.
pub(crate) fn certificate(
    cluster: &ClusterArguments,
    connection: Connection,
) -> Result<Vec<u8>, CommandError> {
    let (namespace, name) = (
        cluster.controller_namespace.as_ref(),
        cluster.controller_name.as_ref(),
    );
    block_on(async {
        let proxy = ServiceProxy::find(connection, namespace, name)
            .await
            .map_err(|error| unanswered(error, namespace, name))?;
        proxy
            .get("/v1/cert.pem")
            .await
            .map_err(|error| unserved(error, namespace, name))
    })
}

// The Service was there a moment ago, and yet the API server may say that it is not: that it has no endpoints.
fn unserved(error: ProxyError, namespace: &str, name: &str) -> CommandError {
    match error.code() {
        Some(404) => CommandError::cluster(format!(
            "nothing that hands out a certificate runs behind the Service {namespace}/{name}"
        ))
        .remedy("see why: `seal doctor`; or name a certificate with --cert"),
        _ => unanswered(error, namespace, name),
    }
}

fn unanswered(error: ProxyError, namespace: &str, name: &str) -> CommandError {
    let remedy = match &error {
        ProxyError::Status { code: 401 | 403, .. } => format!(
            "ask for the Role {name}-service-proxier in namespace {namespace} (the chart binds it with \
             rbac.serviceProxier), or name a certificate with --cert"
        ),
        ProxyError::Status { code: 404, .. } => {
            "name the controller with --controller-name and --controller-namespace, or a certificate with --cert"
                .to_owned()
        }
        ProxyError::Status { .. } => {
            "see whether the controller runs: `seal doctor`; or name a certificate with --cert".to_owned()
        }
        ProxyError::Transport { .. } => {
            "look at the API server that the kubeconfig names, and at the network; or name a certificate with \
             --cert"
                .to_owned()
        }
        ProxyError::Request(_) | ProxyError::Configuration(_) => {
            "look at the Service, or name a certificate with --cert".to_owned()
        }
    };
    CommandError::from(error).remedy(remedy)
}

/// The sealing-key Secrets in the controller's namespace.
pub(crate) fn key_secrets(cluster: &ClusterArguments) -> Result<Vec<Secret>, CommandError> {
    let namespace = cluster.controller_namespace.as_ref();
    reach(cluster, async |client| {
        Secrets::new(client.clone())
            .labelled(namespace, annotations::KEY_LABEL)
            .await
    })?
    .map_err(|refusal| refused("list Secrets", namespace, refusal))
}

/// The Secret `namespace/name`, if it stands.
pub(crate) fn secret(
    cluster: &ClusterArguments,
    namespace: &str,
    name: &str,
) -> Result<Option<Secret>, CommandError> {
    reach(cluster, async |client| {
        Secrets::new(client.clone()).find(namespace, name).await
    })?
    .map_err(|refusal| refused("read a Secret", namespace, refusal))
}

/// Writes down that the key `fingerprint` seals, where the controller looks for it.
pub(crate) fn note_primary(cluster: &ClusterArguments, fingerprint: &str) -> Result<(), CommandError> {
    let namespace = cluster.controller_namespace.as_ref();
    let path = format!("/api/v1/namespaces/{namespace}/secrets/{INSTALLATION_SECRET}");
    let patch = json!({"stringData": {PRIMARY: fingerprint}});
    call(
        cluster,
        Method::PATCH,
        path,
        Body::from(patch.to_string().into_bytes()),
    )?
    .map(drop)
    .map_err(|refusal| refused("change the installation's Secret", namespace, refusal))
}

/// The ConfigMap of this name in the controller's namespace, if it stands.
pub(crate) fn config_map(cluster: &ClusterArguments, name: &str) -> Result<Option<ConfigMap>, CommandError> {
    let namespace = cluster.controller_namespace.as_ref();
    let path = format!("/api/v1/namespaces/{namespace}/configmaps/{name}");
    find(cluster, path, "read a ConfigMap")
}

/// The SealingKeyRing of the controller, if there is one.
pub(crate) fn key_ring(cluster: &ClusterArguments) -> Result<Option<SealingKeyRing>, CommandError> {
    find(cluster, key_rings(cluster, NAME), "read the SealingKeyRing")
}

/// Changes what is asked of the keys; `None` where the cluster has no such objects.
pub(crate) fn change_key_ring(
    cluster: &ClusterArguments,
    spec: serde_json::Value,
) -> Result<Option<SealingKeyRing>, CommandError> {
    put_key_ring(cluster, spec, None)?.or_else(|refusal| key_ring_refused(cluster, refusal))
}

/// Changes what is asked of the keys to what `edit` makes of it, or leaves what stands where it makes
/// nothing; `None` as above. The controller's own writes may come between, and are no reason to give up.
pub(crate) fn edit_key_ring(
    cluster: &ClusterArguments,
    edit: impl Fn(Option<&SealingKeyRing>) -> Option<serde_json::Value>,
) -> Result<Option<SealingKeyRing>, CommandError> {
    let mut left = EDITS;
    loop {
        let standing = key_ring(cluster)?;
        let Some(spec) = edit(standing.as_ref()) else {
            return Ok(standing);
        };
        let version = standing.and_then(|ring| ring.metadata.resource_version);
        left -= 1;
        match put_key_ring(cluster, spec, version)? {
            Err(StatusCode::CONFLICT) if left > 0 => {}
            put => return put.or_else(|refusal| key_ring_refused(cluster, refusal)),
        }
    }
}

// At this version if one is named, or the API server's refusal.
fn put_key_ring(
    cluster: &ClusterArguments,
    spec: serde_json::Value,
    version: Option<String>,
) -> Result<Result<Option<SealingKeyRing>, StatusCode>, CommandError> {
    let mut ring = json!({"spec": spec});
    if let Some(version) = version {
        ring["metadata"] = json!({"resourceVersion": version});
    }
    let body = |ring: &serde_json::Value| Body::from(ring.to_string().into_bytes());
    let mut answer = call(cluster, Method::PATCH, key_rings(cluster, NAME), body(&ring))?;
    if answer.as_ref().err() == Some(&StatusCode::NOT_FOUND) {
        ring["apiVersion"] = "sealops.dev/v1alpha1".into();
        ring["kind"] = "SealingKeyRing".into();
        ring["metadata"] = json!({"name": NAME});
        answer = call(cluster, Method::POST, key_rings(cluster, ""), body(&ring))?;
    }
    match answer {
        Ok(body) => Ok(Ok(Some(read(&body)?))),
        Err(refusal) => Ok(Err(refusal)),
    }
}

fn key_ring_refused(
    cluster: &ClusterArguments,
    refusal: StatusCode,
) -> Result<Option<SealingKeyRing>, CommandError> {
    // The namespace is missing, or the kind.
    if refusal == StatusCode::NOT_FOUND && !knows_key_rings(cluster)? {
        return Ok(None);
    }
    let namespace = cluster.controller_namespace.as_ref();
    Err(refused("change the SealingKeyRing", namespace, refusal))
}

fn knows_key_rings(cluster: &ClusterArguments) -> Result<bool, CommandError> {
    knows(cluster, "sealingkeyrings")
}

/// Whether the cluster knows that kind of ours, by its plural.
pub(crate) fn knows(cluster: &ClusterArguments, plural: &str) -> Result<bool, CommandError> {
    let path = "/apis/sealops.dev/v1alpha1".to_owned();
    let group: Option<serde_json::Value> = find(cluster, path, "tell which kinds it knows")?;
    let kinds = group.and_then(|group| group["resources"].as_array().cloned());
    let mut kinds = kinds.unwrap_or_default().into_iter();
    Ok(kinds.any(|kind| kind["name"] == plural))
}

/// A client for what is asked of the API server many times. To be called within its runtime.
pub(crate) fn client(cluster: &ClusterArguments) -> Result<kube::Client, CommandError> {
    let Connection { config, server, .. } = connection(cluster)?;
    kube::Client::try_from(config).map_err(|_| {
        let what = format!("{server}: trust or identity of the kubeconfig cannot be used");
        CommandError::cluster(what)
    })
}

/// The SealedSecret `namespace/name`, if it stands.
pub(crate) fn sealed_secret(
    cluster: &ClusterArguments,
    namespace: &Namespace,
    name: &ObjectName,
) -> Result<Option<SealedSecret>, CommandError> {
    let path = format!("/apis/bitnami.com/v1alpha1/namespaces/{namespace}/sealedsecrets/{name}");
    match call(cluster, Method::GET, path, Body::empty())? {
        Ok(body) => read(&body).map(Some),
        Err(StatusCode::NOT_FOUND) => Ok(None),
        Err(refusal) => Err(refused("read a SealedSecret", namespace.as_ref(), refusal)),
    }
}

/// All SealedSecrets that can be read as such.
pub(crate) fn sealed_secrets(cluster: &ClusterArguments) -> Result<Vec<SealedSecret>, CommandError> {
    let mut all = Vec::new();
    let mut next = String::new();
    loop {
        let path = format!("/apis/bitnami.com/v1alpha1/sealedsecrets?limit={PAGE}{next}");
        let page: Option<serde_json::Value> = find(cluster, path, "list SealedSecrets")?;
        let mut page = page.unwrap_or_default();
        if let Some(items) = page["items"].as_array_mut() {
            all.extend(
                items
                    .drain(..)
                    .filter_map(|item| serde_json::from_value(item).ok()),
            );
        }
        match page["metadata"]["continue"].as_str() {
            Some(token) if !token.is_empty() => next = format!("&continue={token}"),
            _ => return Ok(all),
        }
    }
}

fn key_rings(cluster: &ClusterArguments, name: &str) -> String {
    let namespace = cluster.controller_namespace.as_ref();
    let slash = if name.is_empty() { "" } else { "/" };
    format!("/apis/sealops.dev/v1alpha1/namespaces/{namespace}/sealingkeyrings{slash}{name}")
}

// An object without secrets.
fn find<T: DeserializeOwned>(
    cluster: &ClusterArguments,
    path: String,
    deed: &str,
) -> Result<Option<T>, CommandError> {
    match call(cluster, Method::GET, path, Body::empty())? {
        Ok(body) => read(&body).map(Some),
        Err(StatusCode::NOT_FOUND) => Ok(None),
        Err(refusal) => Err(refused(deed, cluster.controller_namespace.as_ref(), refusal)),
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, CommandError> {
    serde_json::from_slice(body)
        .map_err(|_| CommandError::cluster("the API server's answer is not what was asked for"))
}

/// Creates `secret` in its namespace; false if one of its name stands there already.
pub(crate) fn create(cluster: &ClusterArguments, secret: &Secret) -> Result<bool, CommandError> {
    let namespace = secret.metadata.namespace.as_deref().unwrap_or_default();
    match reach(cluster, async |client| {
        Secrets::new(client.clone()).create(secret).await
    })? {
        Ok(_) => Ok(true),
        Err(StatusCode::CONFLICT) => Ok(false),
        Err(refusal) => Err(refused("create a Secret", namespace, refusal)),
    }
}

// The API server's own words may repeat values (S5): its code tells enough.
fn refused(deed: &str, namespace: &str, status: StatusCode) -> CommandError {
    let error = CommandError::cluster(format!(
        "the API server refuses to {deed} in namespace {namespace}: {status}"
    ));
    match status {
        StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => {
            error.remedy("use an account with that permission")
        }
        StatusCode::NOT_FOUND => error.remedy(
            "name a namespace that stands (the controller's with --controller-namespace), or create it first",
        ),
        StatusCode::UNPROCESSABLE_ENTITY => error
            .remedy("look at what stands there, and whether its definition is this version's: apply crds/"),
        _ => error,
    }
}

// What the API server answers, in a buffer that is wiped, or the status with which it refuses.
fn call(
    cluster: &ClusterArguments,
    method: Method,
    path: String,
    body: Body,
) -> Result<Result<Zeroizing<Vec<u8>>, StatusCode>, CommandError> {
    let content = match method {
        Method::PATCH => "application/merge-patch+json",
        _ => "application/json",
    };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(http::header::ACCEPT, "application/json")
        .header(http::header::CONTENT_TYPE, content)
        .body(body)
        .map_err(|_| CommandError::bug("a request could not be made"))?;
    reach(cluster, async |client| send(client, request).await)
}

// What `work` yields on that cluster, or the status with which the API server refuses.
fn reach<T>(
    cluster: &ClusterArguments,
    work: impl AsyncFnOnce(&kube::Client) -> Result<T, CallError>,
) -> Result<Result<T, StatusCode>, CommandError> {
    let Connection { config, server, .. } = connection(cluster)?;
    let failed = |what: &str| CommandError::cluster(format!("{server}: {what}"));
    block_on(async {
        let client = kube::Client::try_from(config)
            .map_err(|_| failed("trust or identity of the kubeconfig cannot be used"))?;
        match work(&client).await {
            Ok(done) => Ok(Ok(done)),
            Err(CallError::Refused { code, .. }) => Ok(Err(
                StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            )),
            Err(error) => Err(failed(&root_cause(&error))),
        }
    })
}
