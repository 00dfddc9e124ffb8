//! One request to Vault or OpenBao: its headers, its turn, and what a status that is not success means. Which token
//! it carries is decided elsewhere.

use std::sync::{Mutex, PoisonError};

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use zeroize::Zeroizing;

use super::{
    answers::{complaints, is_refusal},
    settings::{Login, VaultSettings},
};
use crate::{
    Call, StoreError,
    governor::Governor,
    network::{Exchange, Http, Redirects, Reply, secret_header},
    words::harmless,
};

const REQUEST: HeaderName = HeaderName::from_static("x-vault-request");
const TOKEN: HeaderName = HeaderName::from_static("x-vault-token");
const NAMESPACE: HeaderName = HeaderName::from_static("x-vault-namespace");
const INCONSISTENT: HeaderName = HeaderName::from_static("x-vault-inconsistent");
const INLINE_FAILED: HeaderName = HeaderName::from_static("x-vault-inline-auth-failed");
const INDEX: HeaderName = HeaderName::from_static("x-vault-index");

/// The way to one store, with what every request has in common.
pub(super) struct Line {
    http: Http,
    pub(super) governor: Governor,
    common: HeaderMap,
    namespace: Option<HeaderValue>,
    login_namespace: Option<HeaderValue>,
    /// What the store last said it has written, where answers must know of that.
    index: Option<Mutex<Option<HeaderValue>>>,
    /// Credentials that must not come back in the store's words.
    known: Vec<Zeroizing<Vec<u8>>>,
}

/// What is asked.
pub(super) struct Ask<'a> {
    pub(super) call: Call,
    pub(super) method: Method,
    /// Path and query, encoded, with a slash before it.
    pub(super) target: &'a str,
    pub(super) body: Zeroizing<Vec<u8>>,
    pub(super) scope: Scope,
    pub(super) token: Option<&'a str>,
    /// Those of a login that rides along, and what that is.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) login: Option<Call>,
    /// More of what must not come back.
    pub(super) known: Vec<&'a [u8]>,
    /// On whose behalf; empty for ourselves.
    pub(super) asker: &'a str,
}

/// In which namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Where secrets are.
    Secrets,
    /// Where we log in, and where our token is at home.
    Login,
    /// In none: of the server itself.
    Server,
}

impl<'a> Ask<'a> {
    pub(super) fn get(call: Call, target: &'a str, asker: &'a str) -> Self {
        Self {
            call,
            method: Method::GET,
            target,
            body: Zeroizing::default(),
            scope: Scope::Secrets,
            token: None,
            headers: Vec::new(),
            login: None,
            known: Vec::new(),
            asker,
        }
    }

    /// The same once more, for another token.
    pub(super) fn again(&self) -> Self {
        Self {
            call: self.call.clone(),
            method: self.method.clone(),
            target: self.target,
            body: self.body.clone(),
            scope: self.scope,
            token: None,
            headers: self.headers.clone(),
            login: self.login.clone(),
            known: self.known.clone(),
            asker: self.asker,
        }
    }
}

impl Line {
    pub(super) fn new(settings: &VaultSettings) -> Result<Self, StoreError> {
        let http = Http::new(
            settings.address.clone(),
            &settings.trust,
            settings.client_certificate.as_ref(),
            settings.reach,
            settings.timeouts,
            settings.limits.at_once,
        )?;
        let namespace = namespace(settings.namespace.as_deref())?;
        let login_namespace = namespace_or(settings.login_namespace.as_deref(), &namespace)?;
        let mut common = HeaderMap::new();
        for (name, value) in &settings.headers {
            common.append(name, value.clone());
        }
        // Agents and proxies insist on it, against requests that a browser was made to send.
        common.insert(REQUEST, HeaderValue::from_static("true"));
        common.insert(header::USER_AGENT, HeaderValue::from_static("seal"));
        common.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if settings.read_your_writes && settings.forward_inconsistent {
            common.insert(INCONSISTENT, HeaderValue::from_static("forward-active-node"));
        }
        let tracks = settings.read_your_writes || settings.forward_inconsistent;
        Ok(Self {
            http,
            governor: Governor::new(settings.limits, settings.meter.clone()),
            common,
            namespace,
            login_namespace,
            index: tracks.then(Mutex::default),
            known: known(settings),
        })
    }

    pub(super) fn address(&self) -> String {
        self.http.address().to_string()
    }

    /// Sends it when it is its turn. A success and a 404 are answers; everything else is an error.
    pub(super) async fn ask(&self, ask: Ask<'_>) -> Result<Reply, StoreError> {
        let headers = self.headers(&ask)?;
        let Ask {
            call,
            method,
            target,
            body,
            token,
            login,
            known,
            asker,
            ..
        } = ask;
        let verb = call.verb;
        let request = async {
            let exchange = Exchange {
                method,
                target,
                headers,
                body,
                redirects: Redirects::Refuse,
            };
            let reply = self.http.send(&call, exchange).await?;
            self.note_index(&reply);
            if reply.status.is_success() || (reply.status == 404 && !is_refusal(&reply)) {
                return Ok(reply);
            }
            let known = known.into_iter().chain(token.map(str::as_bytes));
            // It was the login that was refused, not what it was for.
            let call = login
                .filter(|_| reply.headers.contains_key(INLINE_FAILED))
                .unwrap_or(call.clone());
            Err(self.refused(&call, &reply, known))
        };
        self.governor.run(asker, verb, request).await
    }

    /// The error that an answer is, without `known` and what else must not come back.
    pub(super) fn refused<'a>(
        &'a self,
        call: &Call,
        reply: &Reply,
        known: impl Iterator<Item = &'a [u8]>,
    ) -> StoreError {
        let always = self.known.iter().map(|value| value.as_slice());
        let words = harmless(&complaints(&reply.body), known.chain(always));
        StoreError::Answered {
            call: call.clone(),
            status: reply.status.as_u16(),
            words,
            retry_after: reply.retry_after(),
        }
    }

    fn headers(&self, ask: &Ask<'_>) -> Result<HeaderMap, StoreError> {
        let mut headers = self.common.clone();
        let namespace = match ask.scope {
            Scope::Secrets => &self.namespace,
            Scope::Login => &self.login_namespace,
            Scope::Server => &None,
        };
        if let Some(namespace) = namespace {
            headers.insert(NAMESPACE, namespace.clone());
        }
        if let Some(token) = ask.token {
            let token = secret_header(token.as_bytes());
            let unusable =
                || StoreError::Credentials("the token for the store has a line's end in it".to_owned());
            headers.insert(TOKEN, token.ok_or_else(unusable)?);
        }
        if !ask.body.is_empty() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some(index) = &self.index {
            let index = index.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(index) = &*index {
                headers.insert(INDEX, index.clone());
            }
        }
        headers.extend(ask.headers.iter().cloned());
        Ok(headers)
    }

    /// The namespace of the login, for those that ride along.
    pub(super) fn login_namespace(&self) -> Option<&HeaderValue> {
        self.login_namespace.as_ref()
    }

    fn note_index(&self, reply: &Reply) {
        if let (Some(known), Some(index)) = (&self.index, reply.headers.get(INDEX)) {
            *known.lock().unwrap_or_else(PoisonError::into_inner) = Some(index.clone());
        }
    }
}

fn namespace(text: Option<&str>) -> Result<Option<HeaderValue>, StoreError> {
    let text = text
        .map(|text| text.trim_matches('/'))
        .filter(|text| !text.is_empty());
    text.map(HeaderValue::from_str)
        .transpose()
        .map_err(|_| StoreError::Settings("the store's namespace cannot stand in a header".to_owned()))
}

fn namespace_or(
    text: Option<&str>,
    otherwise: &Option<HeaderValue>,
) -> Result<Option<HeaderValue>, StoreError> {
    match text {
        None => Ok(otherwise.clone()),
        // Named and empty, or "/": the root namespace.
        named => namespace(named),
    }
}

fn known(settings: &VaultSettings) -> Vec<Zeroizing<Vec<u8>>> {
    let credentials = match &settings.login {
        Login::Nobody | Login::Jwt { .. } | Login::Certificate { .. } => Vec::new(),
        Login::Token(token) => vec![token.expose()],
        Login::AppRole {
            role_id, secret_id, ..
        } => vec![role_id.expose(), secret_id.expose()],
        Login::Password { password, .. } => vec![password.expose()],
    };
    // A header such as `x-tenant: a` is no secret, and masking it would only spoil words.
    let headers = settings.headers.iter().map(|(_, value)| value.as_bytes());
    let headers = headers.filter(|value| value.len() >= 8);
    let all = credentials.into_iter().chain(headers);
    all.map(|value| Zeroizing::new(value.to_vec())).collect()
}
