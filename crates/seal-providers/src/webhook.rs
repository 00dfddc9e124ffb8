//! Any HTTP service, asked with requests that are rendered elsewhere: this crate knows no templates, so whoever makes
//! a client hands in what renders. Here is where such a request may lead, and what of the answer is the value.
//!
//! Of what the service says, only the status is ever told (S6): its words may be anything.

mod result;

use std::{fmt, pin::Pin, sync::Arc};

use http::{HeaderMap, HeaderName, Method, Uri};
use seal_core::Plaintext;
use tokio::sync::watch;
use zeroize::Zeroizing;

use crate::{
    Address, Answer, Asker, Call, Content, Find, Found, Health, Limits, Meter, Pending, Reach, RemotePath,
    SecretValue, SecretsClient, StoreError, Timeouts, Trust, Validity,
    governor::Governor,
    network::{Exchange, Http, Redirects, Reply, secret_header},
    single_flight::SingleFlight,
};

/// Renders the request for one value on somebody's behalf. Its errors are [`StoreError::Settings`], and quote nothing.
pub type Rendering = Arc<dyn Fn(&Asker, &RemotePath) -> Result<WebhookRequest, StoreError> + Send + Sync>;

/// A rendered request. All of it may hold secrets, the address too.
pub struct WebhookRequest {
    /// The whole address, encoded.
    pub url: Zeroizing<String>,
    /// Headers, by name.
    pub headers: Vec<(String, Zeroizing<Vec<u8>>)>,
    /// The body; empty for none.
    pub body: Zeroizing<Vec<u8>>,
    /// A JSONPath to the value in the answer; the whole answer where it is empty.
    pub json_path: Zeroizing<String>,
}

/// A service, as one identity sees it.
pub struct WebhookSettings {
    /// Scheme, host and port, which no request leaves; a path is not looked at.
    pub origin: Address,
    /// The method.
    pub method: Method,
    /// What renders requests.
    pub rendering: Rendering,
    /// Whose certificate it shows.
    pub trust: Trust,
    /// Where the service may be.
    pub reach: Reach,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// How much is asked of it.
    pub limits: Limits,
    /// Who counts what is asked.
    pub meter: Option<Arc<dyn Meter>>,
}

/// A client of one service. Clones are the same one.
#[derive(Clone)]
pub struct WebhookClient(Arc<Client>);

struct Client {
    http: Http,
    method: Method,
    rendering: Rendering,
    governor: Governor,
    /// By namespace too, since that may be part of a request.
    reads: SingleFlight<(String, RemotePath), Answer>,
    closed: std::sync::atomic::AtomicBool,
}

impl WebhookClient {
    /// A client; nothing is asked yet.
    ///
    /// # Errors
    /// [`StoreError::Settings`].
    pub fn new(settings: WebhookSettings) -> Result<Self, StoreError> {
        let http = Http::new(
            settings.origin.without_path(),
            &settings.trust,
            None,
            settings.reach,
            settings.timeouts,
            settings.limits.at_once,
        )?;
        Ok(Self(Arc::new(Client {
            http,
            method: settings.method,
            rendering: settings.rendering,
            governor: Governor::new(settings.limits, settings.meter),
            reads: SingleFlight::new(),
            closed: false.into(),
        })))
    }
}

impl fmt::Debug for WebhookClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("WebhookClient");
        shown.field("method", &self.0.method).finish_non_exhaustive()
    }
}

impl SecretsClient for WebhookClient {
    fn read<'a>(&'a self, asker: &'a Asker, path: &'a RemotePath) -> Pending<'a, Answer> {
        Box::pin(self.0.read(asker, path))
    }

    fn metadata<'a>(&'a self, _: &'a Asker, _: &'a RemotePath) -> Pending<'a, Answer> {
        Box::pin(async { Err(StoreError::Unsupported("a webhook has no metadata")) })
    }

    fn find<'a>(&'a self, _: &'a Asker, _: &'a Find) -> Pending<'a, Found> {
        Box::pin(async { Err(StoreError::Unsupported("a webhook cannot be searched")) })
    }

    /// Unknown: a request that means nothing to the service could do anything there.
    fn validate(&self) -> Pending<'_, Validity> {
        Box::pin(async { Ok(Validity::Unknown) })
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async { self.0.closed.store(true, std::sync::atomic::Ordering::SeqCst) })
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.0.governor.health()
    }
}

impl Client {
    async fn read(self: &Arc<Self>, asker: &Asker, path: &RemotePath) -> Result<Answer, StoreError> {
        if self.closed.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(StoreError::Closed);
        }
        let segments: Vec<&str> = path.key.split('/').collect();
        if !asker.allowed.permits(&asker.namespace, &segments) {
            return Err(StoreError::NotAllowed {
                path: path.key.clone(),
                namespace: asker.namespace.clone(),
            });
        }
        let (client, asker, path) = (Arc::clone(self), asker.clone(), path.clone());
        let key = (asker.namespace.clone(), path.clone());
        self.reads
            .join(key, || async move { client.asked(&asker, &path).await })
            .await
    }

    async fn asked(&self, asker: &Asker, path: &RemotePath) -> Result<Answer, StoreError> {
        let call = Call {
            verb: "read",
            path: path.key.clone(),
        };
        let request = (self.rendering)(asker, path)?;
        let target = self.target(&request.url)?;
        let exchange = Exchange {
            method: self.method.clone(),
            target: &target,
            headers: headers(&request)?,
            body: request.body.clone(),
            redirects: Redirects::WithinOrigin,
        };
        let reply = async {
            let reply = self.http.send(&call, exchange).await?;
            match reply.status.is_success() || reply.status == 404 {
                true => Ok(reply),
                false => Err(refusal(&call, &reply)),
            }
        };
        let reply = self.governor.run(&asker.namespace, call.verb, reply).await?;
        if reply.status == 404 {
            return Ok(Answer::Missing);
        }
        let value = match request.json_path.as_str() {
            "" => Plaintext::copied(&reply.body),
            json_path => {
                let (call, json_path) = (call.clone(), json_path.to_owned());
                let select = move || result::select(&call, &reply.body, &json_path);
                let selected = tokio::task::spawn_blocking(select).await;
                selected.map_err(|_| StoreError::Closed)??
            }
        };
        Ok(Answer::Value(Arc::new(SecretValue {
            content: Content::Whole(value),
            version: None,
        })))
    }

    /// Path and query of a rendered address, which has to lead where the store is.
    fn target(&self, url: &str) -> Result<Zeroizing<String>, StoreError> {
        let refused =
            |fault: &str| StoreError::Settings(format!("the address that the template makes {fault}"));
        let uri: Uri = url.trim().parse().map_err(|_| refused("is not a URL"))?;
        let has_user = uri
            .authority()
            .is_some_and(|authority| authority.as_str().contains('@'));
        if has_user {
            return Err(refused("holds credentials"));
        }
        if !self.http.address().is_origin_of(&uri) {
            return Err(refused("leads to another host than the store's"));
        }
        // A key of two dots would leave the folder that the store's author had in mind.
        if uri.path().split('/').any(|segment| matches!(segment, "." | "..")) {
            return Err(StoreError::Key {
                fault: "makes an address that leads elsewhere",
            });
        }
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        Ok(Zeroizing::new(target.to_owned()))
    }
}

fn headers(request: &WebhookRequest) -> Result<HeaderMap, StoreError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        let header = HeaderName::try_from(name).ok().zip(secret_header(value));
        let (name, value) =
            header.ok_or_else(|| StoreError::Settings(format!("headers: {name} cannot be sent")))?;
        headers.insert(name, value);
    }
    Ok(headers)
}

fn refusal(call: &Call, reply: &Reply) -> StoreError {
    StoreError::Answered {
        call: call.clone(),
        status: reply.status.as_u16(),
        words: String::new(),
        retry_after: reply.retry_after(),
    }
}

#[cfg(test)]
mod tests;
