//! The one asynchronous edge of the native commands: the controller's certificate and the sealing keys,
//! through the API server. A runtime and TLS exist only once one of these functions is called.

use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use kube::client::Body;
use seal_api::{Secret, annotations};
use seal_cluster::kubeconfig::{Connection, Kubeconfig, Overrides};
use seal_cluster::service_proxy::ServiceProxy;
use seal_document::{DuplicateKeys, Format, Limits, Schema, Value, parse};
use zeroize::Zeroizing;

use crate::arguments::ClusterArguments;
use crate::command_error::CommandError;

/// The most bytes of a list of key Secrets.
const MOST_BYTES: usize = 64 << 20;
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);

/// Runs `work` to its end on this thread.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, CommandError>>) -> Result<T, CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CommandError::bug(format!("the asynchronous runtime did not start: {error}")))?;
    runtime.block_on(async {
        tokio::time::timeout(TIMEOUT, work).await.unwrap_or_else(|_| {
            Err(CommandError::cluster("no answer within 30 seconds")
                .remedy("look at the network and the API server"))
        })
    })
}

/// The cluster that the flags and kubeconfigs name. No packet is sent.
pub(crate) fn connection(cluster: &ClusterArguments) -> Result<Connection, CommandError> {
    let overrides = Overrides {
        kubeconfig: cluster.kubeconfig.clone().unwrap_or_default(),
        context: cluster.context.clone().unwrap_or_default(),
        ..Overrides::default()
    };
    Ok(Kubeconfig::load(&overrides)?.connection()?)
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
            .map_err(|error| {
                CommandError::from(error)
                    .remedy("name the controller with --controller-name and --controller-namespace")
            })?;
        Ok(proxy.get("/v1/cert.pem").await?)
    })
}

/// The sealing-key Secrets in the controller's namespace.
pub(crate) fn key_secrets(cluster: &ClusterArguments) -> Result<Vec<Secret>, CommandError> {
    let path = format!(
        "/api/v1/namespaces/{}/secrets?labelSelector={}",
        cluster.controller_namespace,
        annotations::KEY_LABEL.replace('/', "%2F")
    );
    let connection = connection(cluster)?;
    let (status, body) = block_on(call(connection, Method::GET, path, Vec::new()))?;
    if status != StatusCode::OK {
        return Err(refused(
            "list Secrets",
            cluster.controller_namespace.as_ref(),
            status,
        ));
    }
    let malformed = || CommandError::cluster("the API server's answer is no list of Secrets");
    let text = std::str::from_utf8(&body).map_err(|_| malformed())?;
    let stream = parse(text, Format::Json, &Limits::default()).map_err(|_| malformed())?;
    let document = stream.documents().first().ok_or_else(malformed)?;
    let list = document
        .value(Schema::Kubernetes, DuplicateKeys::LastWins)
        .map_err(|_| malformed())?;
    let items = list
        .get("items")
        .and_then(Value::as_sequence)
        .ok_or_else(malformed)?;
    items
        .iter()
        .map(|item| Secret::from_value(item).map_err(|_| malformed()))
        .collect()
}

/// Creates `secret`; false if one of its name stands there already.
pub(crate) fn create(
    cluster: &ClusterArguments,
    namespace: &str,
    secret: &Secret,
) -> Result<bool, CommandError> {
    let path = format!("/api/v1/namespaces/{namespace}/secrets");
    let connection = connection(cluster)?;
    let (status, _) = block_on(call(connection, Method::POST, path, secret.to_json().to_vec()))?;
    match status {
        StatusCode::CREATED | StatusCode::OK => Ok(true),
        StatusCode::CONFLICT => Ok(false),
        other => Err(refused("create a Secret", namespace, other)),
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
        StatusCode::NOT_FOUND => error.remedy("create the namespace first"),
        _ => error,
    }
}

async fn call(
    connection: Connection,
    method: Method,
    path: String,
    body: Vec<u8>,
) -> Result<(StatusCode, Zeroizing<Vec<u8>>), CommandError> {
    let server = connection.server.clone();
    let failed = |what: &str| CommandError::cluster(format!("{server}: {what}"));
    let client = kube::Client::try_from(connection.config)
        .map_err(|_| failed("trust or identity of the kubeconfig cannot be used"))?;
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(http::header::ACCEPT, "application/json")
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(Body::from(body))
        .map_err(|_| CommandError::bug("a request could not be made"))?;
    let response = client.send(request).await.map_err(|error| {
        let mut cause: &dyn std::error::Error = &error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        failed(&cause.to_string())
    })?;
    let (parts, body) = response.into_parts();
    let collected = Limited::new(body, MOST_BYTES)
        .collect()
        .await
        .map_err(|_| failed("the answer broke off"))?;
    Ok((parts.status, Zeroizing::new(collected.to_bytes().to_vec())))
}
