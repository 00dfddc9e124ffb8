//! Secrets of another namespace or cluster, over the one HTTP client of this crate: kube's typed decoding logs a body
//! that it cannot read, and its configuration may start programs (S1, S26). It watches nothing.

mod kubeconfig;
mod objects;
mod session;

use std::{collections::BTreeMap, fmt, pin::Pin, sync::Arc};

use futures::{StreamExt, TryStreamExt, stream};
use seal_core::Plaintext;
use tokio::sync::watch;

use self::session::Session;
use crate::{
    Address, Answer, Asker, By, Call, ClientCertificate, Find, Found, Health, Hit, JwtSource, Limits, Meter,
    Pending, Reach, RemotePath, SecretsClient, StoreError, Timeouts, Trust, Validity,
    single_flight::SingleFlight,
};

/// Names that are told on one page.
const PAGE: usize = 500;
const MOST_FOUND: usize = 20_000;
const AT_ONCE: usize = 8;

/// A namespace of a cluster, as one identity sees it.
pub struct KubernetesSettings {
    /// Where the API server listens.
    pub address: Address,
    /// Whose certificate it shows.
    pub trust: Trust,
    /// Who we are.
    pub identity: KubernetesIdentity,
    /// Where the Secrets are.
    pub namespace: String,
    /// Where the API server may be.
    pub reach: Reach,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// How much is asked of it.
    pub limits: Limits,
    /// Who counts what is asked.
    pub meter: Option<Arc<dyn Meter>>,
}

/// Who we are to another API server. Never the controller itself (S1).
pub enum KubernetesIdentity {
    /// Whoever has this token.
    Token(Plaintext),
    /// Whoever has a token that is made anew when it is needed.
    Minted(JwtSource),
    /// Whoever has this certificate.
    Certificate(ClientCertificate),
}

/// A client of one namespace's Secrets. Clones are the same one.
#[derive(Clone)]
pub struct KubernetesClient(Arc<Client>);

struct Client {
    session: Session,
    namespace: String,
    /// By name, and whether it is the metadata that is wanted.
    reads: SingleFlight<(String, bool), Answer>,
}

impl KubernetesSettings {
    /// From a kubeconfig that stands in a Secret: its current context, with everything inline. The namespace is the
    /// store's, not the context's.
    ///
    /// # Errors
    /// [`StoreError::Settings`] where it is none, or names a program, a file, or a server whose certificate is not to
    /// be looked at.
    pub fn from_kubeconfig(text: &[u8], namespace: &str) -> Result<Self, StoreError> {
        let kubeconfig::Inline {
            address,
            trust,
            identity,
        } = kubeconfig::read(text)?;
        Ok(Self {
            address,
            trust,
            identity,
            namespace: namespace.to_owned(),
            reach: Reach::default(),
            timeouts: Timeouts::default(),
            limits: Limits::default(),
            meter: None,
        })
    }
}

impl KubernetesClient {
    /// A client; nothing is asked yet.
    ///
    /// # Errors
    /// [`StoreError::Settings`].
    pub fn new(settings: KubernetesSettings) -> Result<Self, StoreError> {
        if !objects::is_name(&settings.namespace) {
            return Err(StoreError::Settings(
                "the namespace to read from is none".to_owned(),
            ));
        }
        let namespace = settings.namespace.clone();
        Ok(Self(Arc::new(Client {
            session: Session::new(settings)?,
            namespace,
            reads: SingleFlight::new(),
        })))
    }
}

impl fmt::Debug for KubernetesClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("KubernetesClient");
        shown
            .field("namespace", &self.0.namespace)
            .finish_non_exhaustive()
    }
}

impl SecretsClient for KubernetesClient {
    fn read<'a>(&'a self, asker: &'a Asker, path: &'a RemotePath) -> Pending<'a, Answer> {
        Box::pin(self.0.get(asker, &path.key, false))
    }

    fn metadata<'a>(&'a self, asker: &'a Asker, path: &'a RemotePath) -> Pending<'a, Answer> {
        Box::pin(self.0.get(asker, &path.key, true))
    }

    fn find<'a>(&'a self, asker: &'a Asker, find: &'a Find) -> Pending<'a, Found> {
        Box::pin(self.0.find(asker, find))
    }

    fn validate(&self) -> Pending<'_, Validity> {
        Box::pin(self.0.validate())
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async { self.0.session.close() })
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.0.session.health()
    }
}

impl Client {
    /// The Secret `name`, or its labels and annotations.
    async fn get(self: &Arc<Self>, asker: &Asker, name: &str, metadata: bool) -> Result<Answer, StoreError> {
        self.judge(asker, name)?;
        let (client, name) = (Arc::clone(self), name.to_owned());
        let (key, asker) = ((name.clone(), metadata), asker.namespace.clone());
        let flight = async move {
            let call = client.call("read", &name);
            let path = client.path(&format!("/{name}"));
            let body = client.session.get(&call, &path, objects::WHOLE, &asker).await?;
            let Some(body) = body else {
                return Ok(Answer::Missing);
            };
            match metadata {
                false => objects::secret(&call, &body),
                true => objects::metadata(&call, &body),
            }
        };
        self.reads.join(key, || flight).await
    }

    async fn find(self: &Arc<Self>, asker: &Asker, find: &Find) -> Result<Found, StoreError> {
        let labels = match &find.by {
            By::Name(_) => BTreeMap::new(),
            By::Tags(tags) => tags.clone(),
        };
        let names = self.names(asker, &labels).await?;
        let wanted = names.into_iter().filter(|name| {
            let is_named = match &find.by {
                By::Name(is_wanted) => is_wanted(name),
                By::Tags(_) => true,
            };
            is_named && self.judge(asker, name).is_ok()
        });
        let hits = stream::iter(wanted)
            .map(|name| async move {
                match self.get(asker, &name, false).await? {
                    Answer::Value(value) => Ok(Some(Hit { key: name, value })),
                    // Deleted while we were looking.
                    _ => Ok::<_, StoreError>(None),
                }
            })
            .buffer_unordered(AT_ONCE);
        let hits: Vec<Option<Hit>> = hits.try_collect().await?;
        let mut hits: Vec<Hit> = hits.into_iter().flatten().collect();
        hits.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(Found::Hits(hits))
    }

    /// The names of the Secrets with these labels. Their values do not travel: most are not meant.
    async fn names(
        &self,
        asker: &Asker,
        labels: &BTreeMap<String, String>,
    ) -> Result<Vec<String>, StoreError> {
        let call = self.call("list", "");
        let selector = objects::selector(labels)?;
        let (mut names, mut next, mut pages) = (Vec::new(), String::new(), 0_usize);
        loop {
            let path = self.path(&format!("?limit={PAGE}{selector}{next}"));
            let body = self
                .session
                .get(&call, &path, objects::NAMES_ONLY, &asker.namespace)
                .await?;
            let Some(body) = body else {
                return Err(objects::malformed(&call));
            };
            let (page, more) = objects::names(&call, &body)?;
            names.extend(page);
            pages += 1;
            if names.len() > MOST_FOUND || pages > MOST_FOUND {
                return Err(StoreError::Unsupported(
                    "there are more Secrets in that namespace than can be looked through",
                ));
            }
            match more {
                Some(token) => next = format!("&continue={}", objects::encoded(&token)),
                None => return Ok(names),
            }
        }
    }

    /// Asks, as upstream does, what we may do there: first for the rules, then for the one that matters.
    async fn validate(&self) -> Result<Validity, StoreError> {
        for (kind, body) in objects::reviews(&self.namespace) {
            let call = Call {
                verb: "create a",
                path: kind.to_owned(),
            };
            let path = format!("/apis/authorization.k8s.io/v1/{}s", kind.to_ascii_lowercase());
            let review = self.session.post(&call, &path, &body).await?;
            if objects::allows(&call, &review)? {
                return Ok(Validity::Valid);
            }
        }
        Err(StoreError::Answered {
            call: self.call("read", ""),
            status: 403,
            words: "we may not get Secrets there".to_owned(),
            retry_after: None,
        })
    }

    fn judge(&self, asker: &Asker, name: &str) -> Result<(), StoreError> {
        if !objects::is_name(name) {
            return Err(StoreError::Key {
                fault: "is no name of a Secret",
            });
        }
        if asker.allowed.permits(&asker.namespace, &[&self.namespace, name]) {
            return Ok(());
        }
        Err(StoreError::NotAllowed {
            path: format!("{}/{name}", self.namespace),
            namespace: asker.namespace.clone(),
        })
    }

    fn call(&self, verb: &'static str, name: &str) -> Call {
        let path = match name {
            "" => format!("Secrets in {}", self.namespace),
            name => format!("Secret {}/{name}", self.namespace),
        };
        Call { verb, path }
    }

    fn path(&self, rest: &str) -> String {
        format!("/api/v1/namespaces/{}/secrets{rest}", self.namespace)
    }
}
