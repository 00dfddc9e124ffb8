//! Clusters, users and contexts after all files have been merged: the first file that names one wins.
//!
//! Judging them and laying flags over them is here, in client-go's words; choosing one is not.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kube::config::AuthInfo;

use super::{KubeconfigError, Overrides, overlay, proxy};

/// What client-go says of a cluster of which nothing is known.
pub(super) const NO_SERVER: &str = "cluster has no server defined";

/// The content of all files.
#[derive(Default)]
pub(super) struct Merged {
    pub(super) clusters: BTreeMap<String, Cluster>,
    pub(super) users: BTreeMap<String, User>,
    pub(super) contexts: BTreeMap<String, Context>,
    pub(super) current_context: String,
}

#[derive(Clone, Default)]
pub(super) struct Context {
    pub(super) cluster: String,
    pub(super) user: String,
    pub(super) namespace: String,
}

#[derive(Clone, Default, PartialEq)]
pub(super) struct Cluster {
    pub(super) server: String,
    pub(super) certificate_authority: String,
    pub(super) certificate_authority_data: String,
    pub(super) insecure_skip_tls_verify: bool,
    pub(super) tls_server_name: String,
    pub(super) proxy_url: String,
    pub(super) disable_compression: bool,
    pub(super) extensions: Option<serde_json::Value>,
}

#[derive(Clone, Default)]
pub(super) struct User {
    pub(super) token: String,
    pub(super) token_file: String,
    pub(super) username: String,
    pub(super) password: String,
    pub(super) client_certificate: String,
    pub(super) client_certificate_data: String,
    pub(super) client_key: String,
    pub(super) client_key_data: String,
    pub(super) impersonate: String,
    pub(super) impersonate_uid: String,
    pub(super) impersonate_groups: Vec<String>,
    pub(super) impersonate_extra: Option<serde_json::Value>,
    pub(super) auth_provider: Option<serde_json::Value>,
    pub(super) exec: Option<serde_json::Value>,
}

impl Merged {
    /// Adds a file that comes later in the list.
    pub(super) fn extend(&mut self, later: Self) {
        for (name, cluster) in later.clusters {
            self.clusters.entry(name).or_insert(cluster);
        }
        for (name, user) in later.users {
            self.users.entry(name).or_insert(user);
        }
        for (name, context) in later.contexts {
            self.contexts.entry(name).or_insert(context);
        }
        if self.current_context.is_empty() {
            self.current_context = later.current_context;
        }
    }
}

impl Cluster {
    pub(super) fn lay_over(&mut self, overrides: &Overrides) {
        overlay(&mut self.server, &overrides.server);
        overlay(&mut self.proxy_url, &overrides.proxy_url);
        self.disable_compression |= overrides.disable_compression;
        // One of these flags speaks for all of the cluster's trust.
        if overrides.insecure_skip_tls_verify || !overrides.certificate_authority.is_empty() {
            self.insecure_skip_tls_verify = overrides.insecure_skip_tls_verify;
            overrides
                .certificate_authority
                .clone_into(&mut self.certificate_authority);
            self.certificate_authority_data.clear();
        }
        if !overrides.tls_server_name.is_empty() || !overrides.server.is_empty() {
            overrides.tls_server_name.clone_into(&mut self.tls_server_name);
        }
    }

    pub(super) fn judge(&self, name: &str, faults: &mut Vec<String>) {
        if *self == Self::default() {
            faults.push(NO_SERVER.to_owned());
            return;
        }
        if self.server.is_empty() {
            faults.push(match name {
                "" => "default cluster has no server defined".to_owned(),
                name => format!("no server found for cluster \"{name}\""),
            });
        }
        if let Err(fault) = proxy::judge(&self.proxy_url) {
            faults.push(format!(
                "invalid 'proxy-url' \"{}\" for cluster \"{name}\": {fault}",
                self.proxy_url
            ));
        }
        let (file, data) = (&self.certificate_authority, &self.certificate_authority_data);
        if !file.is_empty() && !data.is_empty() {
            faults.push(format!(
                "certificate-authority-data and certificate-authority are both specified for {name}. \
                 certificate-authority-data will override."
            ));
        }
        judge_file(
            file,
            || format!("unable to read certificate-authority {file} for {name}"),
            faults,
        );
    }

    /// The trusted certificates, DER; nothing means the system's.
    pub(super) fn roots(&self) -> Result<Option<Vec<Vec<u8>>>, KubeconfigError> {
        let fault = |fault: String| KubeconfigError::Material {
            what: "certificate-authority",
            fault,
        };
        let text = if !self.certificate_authority_data.is_empty() {
            STANDARD
                .decode(&self.certificate_authority_data)
                .map_err(|_| fault("not base64".into()))?
        } else if !self.certificate_authority.is_empty() {
            std::fs::read(&self.certificate_authority).map_err(|error| fault(error.to_string()))?
        } else {
            return Ok(None);
        };
        let blocks = pem::parse_many(text).map_err(|_| fault("not PEM".into()))?;
        let certificates = blocks.into_iter().filter(|block| block.tag() == "CERTIFICATE");
        Ok(Some(certificates.map(pem::Pem::into_contents).collect()))
    }

    fn for_exec(&self) -> kube::config::Cluster {
        let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        kube::config::Cluster {
            server: given(&self.server),
            insecure_skip_tls_verify: Some(self.insecure_skip_tls_verify),
            certificate_authority: given(&self.certificate_authority),
            certificate_authority_data: given(&self.certificate_authority_data),
            proxy_url: given(&self.proxy_url),
            tls_server_name: given(&self.tls_server_name),
            extensions: self
                .extensions
                .clone()
                .and_then(|extensions| serde_json::from_value(extensions).ok()),
            ..kube::config::Cluster::default()
        }
    }
}

impl User {
    pub(super) fn lay_over(&mut self, overrides: &Overrides) {
        overlay(&mut self.token, &overrides.token);
        overlay(&mut self.username, &overrides.username);
        overlay(&mut self.password, &overrides.password);
        overlay(&mut self.impersonate, &overrides.impersonate);
        overlay(&mut self.impersonate_uid, &overrides.impersonate_uid);
        if !overrides.impersonate_groups.is_empty() {
            self.impersonate_groups.clone_from(&overrides.impersonate_groups);
        }
        if !overrides.client_certificate.is_empty() {
            self.client_certificate.clone_from(&overrides.client_certificate);
            self.client_certificate_data.clear();
        }
        if !overrides.client_key.is_empty() {
            self.client_key.clone_from(&overrides.client_key);
            self.client_key_data.clear();
        }
    }

    pub(super) fn can_identify(&self) -> bool {
        let texts = [
            &self.username,
            &self.client_certificate,
            &self.client_certificate_data,
            &self.token,
            &self.token_file,
        ];
        texts.into_iter().any(|text| !text.is_empty()) || self.auth_provider.is_some() || self.exec.is_some()
    }

    pub(super) fn judge(&self, name: &str, faults: &mut Vec<String>) {
        let mut methods = Vec::new();
        if !self.token.is_empty() {
            methods.push("token");
        }
        if !self.username.is_empty() || !self.password.is_empty() {
            methods.push("basicAuth");
        }
        let (certificate, certificate_data) = (&self.client_certificate, &self.client_certificate_data);
        let (key, key_data) = (&self.client_key, &self.client_key_data);
        if !certificate.is_empty() || !certificate_data.is_empty() {
            if !certificate.is_empty() && !certificate_data.is_empty() {
                faults.push(format!(
                    "client-cert-data and client-cert are both specified for {name}. client-cert-data will override."
                ));
            }
            if !key.is_empty() && !key_data.is_empty() {
                faults.push(format!(
                    "client-key-data and client-key are both specified for {name}; client-key-data will override"
                ));
            }
            if key.is_empty() && key_data.is_empty() {
                faults.push(format!(
                    "client-key-data or client-key must be specified for {name} to use the clientCert \
                     authentication method."
                ));
            }
            judge_file(
                certificate,
                || format!("unable to read client-cert {certificate} for {name}"),
                faults,
            );
            judge_file(
                key,
                || format!("unable to read client-key {key} for {name}"),
                faults,
            );
        }
        if let Some(exec) = &self.exec {
            self.judge_exec(exec, name, faults);
        }
        if methods.len() > 1 {
            faults.push(format!(
                "more than one authentication method found for {name}; found [{}], only one is allowed",
                methods.join(" ")
            ));
        }
        let impersonates = !self.impersonate_uid.is_empty()
            || !self.impersonate_groups.is_empty()
            || self.impersonate_extra.is_some();
        if impersonates && self.impersonate.is_empty() {
            faults.push(format!(
                "requesting uid, groups or user-extra for {name} without impersonating a user"
            ));
        }
    }

    fn judge_exec(&self, exec: &serde_json::Value, name: &str, faults: &mut Vec<String>) {
        let given = |key: &str| {
            exec.get(key)
                .and_then(serde_json::Value::as_str)
                .is_some_and(|text| !text.is_empty())
        };
        if self.auth_provider.is_some() {
            faults.push(format!(
                "authProvider cannot be provided in combination with an exec plugin for {name}"
            ));
        }
        if !given("command") {
            faults.push(format!(
                "command must be specified for {name} to use exec authentication plugin"
            ));
        }
        if !given("apiVersion") {
            faults.push(format!(
                "apiVersion must be specified for {name} to use exec authentication plugin"
            ));
        }
        // v1 alone has no default for it.
        let version = exec.get("apiVersion").and_then(serde_json::Value::as_str);
        if version == Some("client.authentication.k8s.io/v1") && !given("interactiveMode") {
            faults.push(format!(
                "interactiveMode must be specified for {name} to use exec authentication plugin"
            ));
        }
    }

    /// The same for kube's client; without TLS only whom to impersonate.
    pub(super) fn auth_info(&self, secure: bool, cluster: &Cluster) -> Result<AuthInfo, KubeconfigError> {
        let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let mut info = AuthInfo::default();
        if !self.impersonate.is_empty() {
            info.impersonate = given(&self.impersonate);
            info.impersonate_uid = given(&self.impersonate_uid);
            info.impersonate_groups =
                Some(self.impersonate_groups.clone()).filter(|groups| !groups.is_empty());
            info.impersonate_user_extra = read("as-user-extra", self.impersonate_extra.as_ref())?;
        }
        if !secure {
            return Ok(info);
        }
        info.token = given(&self.token).map(Into::into);
        info.token_file = given(&self.token_file).filter(|_| info.token.is_none());
        info.username = given(&self.username);
        info.password = given(&self.password).map(Into::into);
        info.client_certificate = given(&self.client_certificate);
        info.client_certificate_data = given(&self.client_certificate_data);
        info.client_key = given(&self.client_key);
        info.client_key_data = given(&self.client_key_data).map(Into::into);
        info.auth_provider = read("auth-provider", self.auth_provider.as_ref())?;
        let mut exec: Option<kube::config::ExecConfig> = read("exec", self.exec.as_ref())?;
        if let Some(exec) = exec.as_mut().filter(|exec| exec.provide_cluster_info) {
            let cluster = kube::config::ExecAuthCluster::try_from(&cluster.for_exec());
            exec.cluster = Some(cluster.map_err(|error| KubeconfigError::Material {
                what: "exec",
                fault: error.to_string(),
            })?);
        }
        info.exec = exec;
        Ok(info)
    }
}

fn read<T: serde::de::DeserializeOwned>(
    what: &'static str,
    value: Option<&serde_json::Value>,
) -> Result<Option<T>, KubeconfigError> {
    // serde's words may quote a value; a kubeconfig's values are credentials.
    let fault = || KubeconfigError::Material {
        what,
        fault: "not of the expected shape".to_owned(),
    };
    value
        .map(|value| T::deserialize(value).map_err(|_| fault()))
        .transpose()
}

fn judge_file(path: &str, what: impl Fn() -> String, faults: &mut Vec<String>) {
    if path.is_empty() {
        return;
    }
    if let Err(error) = File::open(Path::new(path)) {
        let text = error.to_string();
        let cause = text.split(" (os error").next().unwrap_or_default().to_lowercase();
        faults.push(format!("{} due to open {path}: {cause}", what()));
    }
}
