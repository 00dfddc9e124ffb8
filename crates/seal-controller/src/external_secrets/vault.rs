//! From a store's block `vault` to the settings of a client, with everything that it refers to read.

use http::{HeaderName, HeaderValue};
use seal_api::external_secrets::{
    KvVersion as Version, PasswordAuth, VaultAuth, VaultAuthMethod, VaultProvider,
};
use seal_core::Plaintext;
use seal_engine::{Fault, catalogue};
use seal_providers::vault::{KvVersion, Login, VaultSettings};
use seal_providers::{ClientCertificate, Reach};

use super::credentials::{Credentials, Lacking, text, unusable};

/// The settings of a client for `provider`.
pub(super) async fn settings(
    provider: &VaultProvider,
    credentials: &mut Credentials<'_>,
    reach: Reach,
) -> Result<VaultSettings, Lacking> {
    let address = provider.server.parse();
    let address = address.map_err(|error| unusable(&format!("server: {error}")))?;
    let auth = provider.auth.as_ref();
    let login = match auth.and_then(VaultAuth::method) {
        // An agent or proxy between us and the store knows who it is.
        None if auth.is_none() => Login::Nobody,
        None => return Err(unusable("no valid auth method specified")),
        Some(method) => login(method, credentials).await?,
    };
    let mut settings = VaultSettings::new(address, login);
    settings.version = match provider.version.unwrap_or_default() {
        Version::V1 => KvVersion::V1,
        Version::V2 => KvVersion::V2,
    };
    settings.mount = provider.path.clone().filter(|path| !path.is_empty());
    settings.namespace = provider.namespace.clone().filter(|name| !name.is_empty());
    settings.login_namespace = auth.and_then(|auth| auth.namespace.clone());
    for (name, value) in &provider.headers {
        let header = HeaderName::try_from(name)
            .ok()
            .zip(HeaderValue::try_from(value).ok());
        let header = header.ok_or_else(|| unusable(&format!("headers: {name} cannot be sent")))?;
        settings.headers.push(header);
    }
    settings.read_your_writes = provider.read_your_writes;
    settings.forward_inconsistent = provider.forward_inconsistent;
    settings.trust = credentials
        .trust(provider.ca_bundle.as_ref(), provider.ca_provider.as_ref())
        .await?;
    settings.client_certificate = certificate(provider, credentials).await?;
    settings.reach = reach;
    Ok(settings)
}

async fn login(method: VaultAuthMethod<'_>, credentials: &mut Credentials<'_>) -> Result<Login, Lacking> {
    Ok(match method {
        VaultAuthMethod::Token(secret) => Login::Token(trimmed(&credentials.secret(secret, "token").await?)?),
        VaultAuthMethod::AppRole(role) => Login::AppRole {
            mount: mounted(&role.path, "approle"),
            role_id: match (&role.role_id, &role.role_ref) {
                (Some(id), _) if !id.is_empty() => Plaintext::copied(id.trim().as_bytes()),
                (_, Some(secret)) => trimmed(&credentials.secret(secret, "").await?)?,
                _ => return Err(unusable("appRole has neither roleId nor roleRef")),
            },
            secret_id: trimmed(&credentials.secret(&role.secret_ref, "").await?)?,
        },
        VaultAuthMethod::Kubernetes(kubernetes) => Login::Jwt {
            mount: mounted(&kubernetes.mount_path, "kubernetes"),
            role: kubernetes.role.clone(),
            jwt: match (&kubernetes.service_account_ref, &kubernetes.secret_ref) {
                (Some(account), _) => credentials.tokens(account, &[])?,
                (None, Some(secret)) => fixed(&credentials.secret(secret, "token").await?)?,
                (None, None) => return Err(Fault::new(&catalogue::STORE_OWN_IDENTITY).into()),
            },
        },
        VaultAuthMethod::Jwt(jwt) => Login::Jwt {
            mount: mounted(&jwt.path, "jwt"),
            role: jwt.role.clone().unwrap_or_default(),
            jwt: match (&jwt.kubernetes_service_account_token, &jwt.secret_ref) {
                (Some(token), _) => {
                    let default = [String::from("vault")];
                    let audiences = token.audiences.as_deref().unwrap_or(&default);
                    credentials.tokens(&token.service_account_ref, audiences)?
                }
                (None, Some(secret)) => fixed(&credentials.secret(secret, "jwt").await?)?,
                (None, None) => {
                    return Err(unusable(
                        "jwt has neither secretRef nor kubernetesServiceAccountToken",
                    ));
                }
            },
        },
        VaultAuthMethod::Ldap(ldap) => password(ldap, "ldap", credentials).await?,
        VaultAuthMethod::UserPass(user) => password(user, "userpass", credentials).await?,
        VaultAuthMethod::Certificate(certificate) => Login::Certificate {
            mount: mounted(certificate.path.as_deref().unwrap_or_default(), "cert"),
            role: certificate.vault_role.clone().unwrap_or_default(),
        },
        VaultAuthMethod::Unsupported(name) => {
            return Err(unusable(&format!("auth method {name} is not supported")));
        }
    })
}

async fn password(
    user: &PasswordAuth,
    default: &str,
    credentials: &mut Credentials<'_>,
) -> Result<Login, Lacking> {
    let Some(secret) = &user.secret_ref else {
        return Err(unusable(&format!("{default} has no secretRef")));
    };
    Ok(Login::Password {
        mount: mounted(&user.path, default),
        user: user.username.clone(),
        password: trimmed(&credentials.secret(secret, "password").await?)?,
    })
}

// The certificate of the login is the connection's, where both are given.
async fn certificate(
    provider: &VaultProvider,
    credentials: &mut Credentials<'_>,
) -> Result<Option<ClientCertificate>, Lacking> {
    let tls = provider.tls.as_ref();
    let of_login = provider.auth.as_ref().and_then(|auth| match auth.method() {
        Some(VaultAuthMethod::Certificate(certificate)) => Some(certificate),
        _ => None,
    });
    let chain = tls.and_then(|tls| tls.cert_secret_ref.as_ref());
    let key = tls.and_then(|tls| tls.key_secret_ref.as_ref());
    let (chain, key) = match of_login {
        Some(login) => (
            login.client_cert.as_ref().or(chain),
            login.secret_ref.as_ref().or(key),
        ),
        None => (chain, key),
    };
    let (chain, key) = match (chain, key) {
        (None, None) => return Ok(None),
        (Some(chain), Some(key)) => (chain, key),
        _ => {
            return Err(unusable(
                "a client certificate needs certSecretRef and keySecretRef",
            ));
        }
    };
    let chain = credentials.secret(chain, "tls.crt").await?.expose().to_vec();
    let key = credentials.secret(key, "tls.key").await?;
    Ok(Some(ClientCertificate {
        chain,
        key: key.expose().to_vec().into(),
    }))
}

fn mounted(path: &str, default: &str) -> String {
    if path.is_empty() { default } else { path }.to_owned()
}

fn trimmed(value: &Plaintext) -> Result<Plaintext, Lacking> {
    let text = text(value).map_err(unusable)?;
    Ok(Plaintext::copied(text.as_bytes()))
}

// A token that somebody put into a Secret; a change of that makes a new client.
fn fixed(value: &Plaintext) -> Result<seal_providers::JwtSource, Lacking> {
    let token = std::sync::Arc::new(text(value).map_err(unusable)?);
    Ok(std::sync::Arc::new(move || {
        let token = (*token).clone();
        Box::pin(async move { Ok(token) })
    }))
}
