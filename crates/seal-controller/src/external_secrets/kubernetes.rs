//! From a store's block `kubernetes` to a client, with everything that it refers to read. The controller's own
//! identity is no way in (S1), and a kubeconfig starts no program.

use std::sync::Arc;

use seal_api::external_secrets::{KubernetesAuth, KubernetesProvider, KubernetesServer};
use seal_core::Plaintext;
use seal_providers::kubernetes::{KubernetesClient, KubernetesIdentity, KubernetesSettings};
use seal_providers::{ClientCertificate, Limits, Meter, Reach, StoreError, Timeouts};

use super::credentials::{Credentials, Lacking, text, unusable};

// Upstream's defaults.
const SERVER: &str = "kubernetes.default";
const NAMESPACE: &str = "default";

/// A client for `provider`.
pub(super) async fn client(
    provider: &KubernetesProvider,
    credentials: &mut Credentials<'_>,
    reach: Reach,
    meter: Option<Arc<dyn Meter>>,
) -> Result<KubernetesClient, Lacking> {
    let named = provider.remote_namespace.as_deref();
    let namespace = named.filter(|name| !name.is_empty()).unwrap_or(NAMESPACE);
    let refused = |error: StoreError| unusable(&error.to_string());
    let settings = match &provider.auth_ref {
        Some(kubeconfig) => {
            let text = credentials.secret(kubeconfig, "config").await?;
            let settings = KubernetesSettings::from_kubeconfig(text.expose(), namespace);
            KubernetesSettings {
                reach,
                meter,
                ..settings.map_err(refused)?
            }
        }
        None => {
            let none = KubernetesServer::default();
            let server = provider.server.as_ref().unwrap_or(&none);
            KubernetesSettings {
                address: address(server).parse().map_err(refused)?,
                trust: credentials
                    .trust(server.ca_bundle.as_ref(), server.ca_provider.as_ref())
                    .await?,
                identity: identity(provider.auth.as_ref(), credentials).await?,
                namespace: namespace.to_owned(),
                reach,
                timeouts: Timeouts::default(),
                limits: Limits::default(),
                meter,
            }
        }
    };
    KubernetesClient::new(settings).map_err(refused)
}

// A host alone is asked over TLS, as client-go has it.
fn address(server: &KubernetesServer) -> String {
    let named = server.url.as_deref().filter(|url| !url.is_empty());
    let url = named.unwrap_or(SERVER);
    match url.contains("://") {
        true => url.to_owned(),
        false => format!("https://{url}"),
    }
}

async fn identity(
    auth: Option<&KubernetesAuth>,
    credentials: &mut Credentials<'_>,
) -> Result<KubernetesIdentity, Lacking> {
    let auth = auth.ok_or_else(|| unusable("neither auth nor authRef says who we are there"))?;
    if let Some(account) = &auth.service_account {
        return Ok(KubernetesIdentity::Minted(credentials.tokens(account, &[])?));
    }
    if let Some(token) = &auth.token {
        let bearer = token.bearer_token.as_ref();
        let bearer = bearer.ok_or_else(|| unusable("auth.token has no bearerToken"))?;
        let token = text(&credentials.secret(bearer, "token").await?).map_err(unusable)?;
        return Ok(KubernetesIdentity::Token(Plaintext::copied(token.as_bytes())));
    }
    if let Some(certificate) = &auth.cert {
        let both = certificate
            .client_cert
            .as_ref()
            .zip(certificate.client_key.as_ref());
        let (chain, key) = both.ok_or_else(|| unusable("auth.cert needs clientCert and clientKey"))?;
        let chain = credentials.secret(chain, "tls.crt").await?.expose().to_vec();
        let key = credentials.secret(key, "tls.key").await?.expose().to_vec();
        return Ok(KubernetesIdentity::Certificate(ClientCertificate {
            chain,
            key: key.into(),
        }));
    }
    Err(unusable("no valid auth method specified"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_alone_is_asked_over_tls() {
        let of = |url: Option<&str>| {
            address(&KubernetesServer {
                url: url.map(str::to_owned),
                ..KubernetesServer::default()
            })
        };
        assert_eq!(of(None), "https://kubernetes.default");
        assert_eq!(of(Some("")), "https://kubernetes.default");
        assert_eq!(of(Some("api.example:6443")), "https://api.example:6443");
        assert_eq!(of(Some("http://api.example")), "http://api.example");
    }
}
