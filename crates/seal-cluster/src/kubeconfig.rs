//! Which API server to talk to, and as whom: kubeconfig files, flags and the pod's own identity,
//! resolved and worded as client-go does it.
//!
//! It opens no connection: a namespace is found without building a client. Kubeconfigs that come from
//! objects in the cluster must not pass here (S1): this one may run `exec` plugins.

use std::path::{Path, PathBuf};
use std::time::Duration;

mod environment;
mod file;
mod merged;
mod proxy;
mod timeout;

pub use environment::default_paths;
use environment::{in_cluster_namespace, in_cluster_possible};
use merged::{Cluster, Merged, User};

/// What flags lay over the kubeconfig. Empty texts mean "not given", as in client-go.
#[derive(Clone, Default)]
pub struct Overrides {
    /// The one file to read instead of `KUBECONFIG` and `~/.kube/config`.
    pub kubeconfig: String,
    /// The context to use.
    pub context: String,
    /// The cluster to use.
    pub cluster: String,
    /// The user to use.
    pub user: String,
    /// The namespace.
    pub namespace: String,
    /// Address of the API server.
    pub server: String,
    /// File with the certificate authority.
    pub certificate_authority: String,
    /// Do not check the server's certificate.
    pub insecure_skip_tls_verify: bool,
    /// Name to expect in the server's certificate.
    pub tls_server_name: String,
    /// Proxy before the server.
    pub proxy_url: String,
    /// No compressed replies.
    pub disable_compression: bool,
    /// File with the client certificate.
    pub client_certificate: String,
    /// File with its key.
    pub client_key: String,
    /// Bearer token.
    pub token: String,
    /// User name for basic authentication.
    pub username: String,
    /// Password for basic authentication.
    pub password: String,
    /// User to impersonate.
    pub impersonate: String,
    /// UID to impersonate.
    pub impersonate_uid: String,
    /// Groups to impersonate.
    pub impersonate_groups: Vec<String>,
    /// Limit for one request: seconds, or a number with a unit; `0` is none.
    pub request_timeout: String,
}

/// Why there is no configuration. The sentences are client-go's.
#[derive(Debug, thiserror::Error)]
pub enum KubeconfigError {
    /// The file given by flag does not exist.
    #[error("stat {0}: no such file or directory")]
    Missing(String),
    /// Files that cannot be read or understood.
    #[error("{}", aggregate(.0))]
    Unreadable(Vec<String>),
    /// A name given by flag that stands nowhere.
    #[error("{kind} \"{name}\" does not exist")]
    Unknown {
        /// `context`, `cluster` or `auth info`.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// There is no configuration at all.
    #[error(
        "invalid configuration: no configuration has been provided, try setting KUBERNETES_MASTER environment variable"
    )]
    Empty,
    /// Parts that contradict each other or lack something.
    #[error("invalid configuration: {}", aggregate(.0))]
    Invalid(Vec<String>),
    /// `--request-timeout` is no duration.
    #[error(
        "Invalid timeout value. Timeout must be a single integer in seconds, or an integer followed by a corresponding time unit (e.g. 1s | 2m | 3h)"
    )]
    Timeout,
    /// The server's address is none.
    #[error("host must be a URL or a host:port pair: \"{0}\"")]
    Server(String),
    /// A certificate or key that cannot be used; says which.
    #[error("{what}: {fault}")]
    Material {
        /// Which.
        what: &'static str,
        /// Why.
        fault: String,
    },
    /// No credentials, and nobody to ask for them.
    #[error("read /dev/stdout: bad file descriptor")]
    NoCredentials,
}

/// Everything that is needed to connect.
pub struct Connection {
    /// kube's configuration.
    pub config: kube::Config,
    /// The server's address with its path, without a trailing slash.
    pub server: String,
    /// Limit for one request.
    pub request_timeout: Option<Duration>,
}

/// A namespace and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceChoice {
    /// Its name, unvalidated.
    pub name: String,
    /// Given by flag or variable, not by a context or default.
    pub explicit: bool,
}

/// The configuration after files and flags, not yet judged.
pub struct Kubeconfig {
    merged: Merged,
    overrides: Overrides,
}

impl Kubeconfig {
    /// Reads the files that `overrides` and the environment name. Missing files of a list are skipped.
    ///
    /// # Errors
    /// [`KubeconfigError::Missing`] and [`KubeconfigError::Unreadable`].
    pub fn load(overrides: &Overrides) -> Result<Self, KubeconfigError> {
        let paths = if overrides.kubeconfig.is_empty() {
            default_paths()
        } else if Path::new(&overrides.kubeconfig).exists() {
            vec![PathBuf::from(&overrides.kubeconfig)]
        } else {
            return Err(KubeconfigError::Missing(overrides.kubeconfig.clone()));
        };
        let mut merged = Merged::default();
        let mut faults = Vec::new();
        for path in paths {
            match file::read(&path) {
                Ok(Some(file)) => merged.extend(file),
                Ok(None) => {}
                Err(fault) => {
                    faults.push(format!(
                        "error loading config file \"{}\": {fault}",
                        path.display()
                    ));
                }
            }
        }
        if !faults.is_empty() {
            return Err(KubeconfigError::Unreadable(faults));
        }
        Ok(Self {
            merged,
            overrides: overrides.clone(),
        })
    }

    /// The namespace to work in.
    ///
    /// # Errors
    /// When no namespace is given and the configuration is not usable.
    pub fn namespace(&self) -> Result<NamespaceChoice, KubeconfigError> {
        if !self.overrides.namespace.is_empty() {
            return Ok(NamespaceChoice {
                name: self.overrides.namespace.clone(),
                explicit: true,
            });
        }
        let found = self.confirm_usable().and_then(|()| self.context());
        match found {
            Err(KubeconfigError::Empty) if in_cluster_possible() => {}
            Err(error) => return Err(error),
            Ok(context) if !context.namespace.is_empty() => {
                return Ok(NamespaceChoice {
                    name: context.namespace,
                    explicit: false,
                });
            }
            Ok(_) if !in_cluster_possible() => {
                return Ok(NamespaceChoice {
                    name: "default".into(),
                    explicit: false,
                });
            }
            Ok(_) => {}
        }
        Ok(NamespaceChoice {
            name: in_cluster_namespace(),
            explicit: false,
        })
    }

    /// Server, trust, identity and limits, ready to connect. No packet is sent.
    ///
    /// # Errors
    /// Whatever client-go finds wrong, in its words.
    pub fn connection(&self) -> Result<Connection, KubeconfigError> {
        match self.resolve() {
            Err(KubeconfigError::Empty) if in_cluster_possible() => self.in_cluster(),
            other => other,
        }
    }

    fn resolve(&self) -> Result<Connection, KubeconfigError> {
        let user = self.user()?;
        self.context()?;
        let cluster = self.cluster()?;
        self.confirm_usable()?;
        let request_timeout = self.request_timeout()?;
        let server = normalized_server(&cluster.server)?;
        // Credentials travel over TLS only.
        let secure = server.starts_with("https://");
        if secure && !user.can_identify() {
            return Err(KubeconfigError::NoCredentials);
        }
        let mut config = kube::Config::new(
            server
                .parse()
                .map_err(|_| KubeconfigError::Server(cluster.server.clone()))?,
        );
        config.default_retry = false;
        config.disable_compression = cluster.disable_compression;
        config.proxy_url = proxy::for_server(&cluster.proxy_url, &server);
        config.auth_info = user.auth_info(secure, &cluster)?;
        if secure {
            config.root_cert = cluster.roots()?;
            config.accept_invalid_certs = cluster.insecure_skip_tls_verify;
            config.tls_server_name = Some(cluster.tls_server_name).filter(|name| !name.is_empty());
        }
        Ok(Connection {
            config,
            server,
            request_timeout,
        })
    }

    fn in_cluster(&self) -> Result<Connection, KubeconfigError> {
        let fault = |error: kube::config::InClusterError| KubeconfigError::Material {
            what: "in-cluster configuration",
            fault: error.to_string(),
        };
        let mut config = kube::Config::incluster_env().map_err(fault)?;
        config.default_retry = false;
        let overrides = &self.overrides;
        if !overrides.server.is_empty() {
            let server = normalized_server(&overrides.server)?;
            config.cluster_url = server.parse().map_err(|_| KubeconfigError::Server(server))?;
        }
        if !overrides.token.is_empty() {
            config.auth_info.token = Some(overrides.token.clone().into());
            config.auth_info.token_file = None;
        }
        if !overrides.certificate_authority.is_empty() {
            let cluster = Cluster {
                certificate_authority: overrides.certificate_authority.clone(),
                ..Cluster::default()
            };
            config.root_cert = cluster.roots()?;
        }
        let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        Ok(Connection {
            config,
            server,
            request_timeout: None,
        })
    }

    fn request_timeout(&self) -> Result<Option<Duration>, KubeconfigError> {
        timeout::parse(&self.overrides.request_timeout).ok_or(KubeconfigError::Timeout)
    }

    fn context_name(&self) -> &str {
        match self.overrides.context.as_str() {
            "" => &self.merged.current_context,
            name => name,
        }
    }

    fn context(&self) -> Result<merged::Context, KubeconfigError> {
        let name = self.context_name();
        let mut context = match self.merged.contexts.get(name) {
            Some(context) => context.clone(),
            None if !self.overrides.context.is_empty() => {
                return Err(KubeconfigError::Unknown {
                    kind: "context",
                    name: name.to_owned(),
                });
            }
            None => merged::Context::default(),
        };
        overlay(&mut context.cluster, &self.overrides.cluster);
        overlay(&mut context.user, &self.overrides.user);
        overlay(&mut context.namespace, &self.overrides.namespace);
        Ok(context)
    }

    fn user(&self) -> Result<User, KubeconfigError> {
        let name = self.user_name();
        let mut user = match self.merged.users.get(&name) {
            Some(user) => user.clone(),
            None if !self.overrides.user.is_empty() => {
                return Err(KubeconfigError::Unknown {
                    kind: "auth info",
                    name,
                });
            }
            None => User::default(),
        };
        user.lay_over(&self.overrides);
        Ok(user)
    }

    fn cluster(&self) -> Result<Cluster, KubeconfigError> {
        let name = self.cluster_name();
        let mut cluster = match self.merged.clusters.get(&name) {
            Some(cluster) => cluster.clone(),
            None if !self.overrides.cluster.is_empty() => {
                return Err(KubeconfigError::Unknown {
                    kind: "cluster",
                    name,
                });
            }
            None => Cluster::default(),
        };
        cluster.lay_over(&self.overrides);
        Ok(cluster)
    }

    fn user_name(&self) -> String {
        if !self.overrides.user.is_empty() {
            return self.overrides.user.clone();
        }
        self.context().map(|context| context.user).unwrap_or_default()
    }

    fn cluster_name(&self) -> String {
        if !self.overrides.cluster.is_empty() {
            return self.overrides.cluster.clone();
        }
        self.context().map(|context| context.cluster).unwrap_or_default()
    }

    fn confirm_usable(&self) -> Result<(), KubeconfigError> {
        let mut faults = Vec::new();
        let context = self.context_name();
        if !context.is_empty() && !self.merged.contexts.contains_key(context) {
            faults.push(format!("context was not found for specified context: {context}"));
        }
        self.user()
            .unwrap_or_default()
            .judge(&self.user_name(), &mut faults);
        let before = faults.len();
        match self.cluster() {
            Ok(cluster) => cluster.judge(&self.cluster_name(), &mut faults),
            Err(_) => faults.push(format!("no server found for cluster \"{}\"", self.cluster_name())),
        }
        match faults.as_slice() {
            [] => Ok(()),
            [only] if before == 0 && only == merged::NO_SERVER => Err(KubeconfigError::Empty),
            _ => Err(KubeconfigError::Invalid(faults)),
        }
    }
}

fn overlay(target: &mut String, value: &str) {
    if !value.is_empty() {
        value.clone_into(target);
    }
}

// utilerrors.Aggregate: one error stands alone, several in brackets, none twice.
fn aggregate(faults: &[String]) -> String {
    let mut unique: Vec<&str> = Vec::new();
    for fault in faults {
        if !unique.contains(&fault.as_str()) {
            unique.push(fault);
        }
    }
    match unique.as_slice() {
        [only] => (*only).to_owned(),
        several => format!("[{}]", several.join(", ")),
    }
}

// An address without a scheme is plain HTTP, as client-go has it.
fn normalized_server(server: &str) -> Result<String, KubeconfigError> {
    let refused = || KubeconfigError::Server(server.to_owned());
    let full = match server.split_once("://") {
        Some(_) => server.to_owned(),
        None => format!("http://{server}"),
    };
    let uri: http::Uri = full.parse().map_err(|_| refused())?;
    let scheme = uri
        .scheme_str()
        .filter(|scheme| matches!(*scheme, "http" | "https"))
        .ok_or_else(refused)?;
    let authority = uri.authority().ok_or_else(refused)?;
    Ok(format!(
        "{scheme}://{authority}{}",
        uri.path().trim_end_matches('/')
    ))
}

#[cfg(test)]
mod tests;
