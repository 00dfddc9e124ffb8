//! Requests to an API server as somebody: the token that goes along, its renewal, and what a refusal is reduced to.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::{HeaderMap, HeaderValue, Method, header};
use serde::Deserialize;
use tokio::{sync::watch, time::Instant};
use zeroize::Zeroizing;

use super::{KubernetesIdentity, KubernetesSettings, objects};
use crate::{
    Call, Health, JwtSource, StoreError,
    governor::Governor,
    network::{Exchange, Http, Redirects, Reply, secret_header},
    single_flight::SingleFlight,
};

/// Minted tokens live for ten minutes at most (S2); a new one is used well before.
const USED_FOR: Duration = Duration::from_secs(300);

pub(super) struct Session {
    http: Http,
    governor: Governor,
    token: Token,
    minting: SingleFlight<(), HeaderValue>,
    state: Mutex<State>,
}

enum Token {
    None,
    Fixed(HeaderValue),
    Minted(JwtSource),
}

#[derive(Default)]
struct State {
    minted: Option<(Instant, HeaderValue)>,
    is_closed: bool,
}

/// What is asked.
struct Ask<'a> {
    call: &'a Call,
    method: Method,
    path: &'a str,
    accept: &'static str,
    body: &'a [u8],
    asker: &'a str,
}

impl Session {
    pub(super) fn new(settings: KubernetesSettings) -> Result<Self, StoreError> {
        if !settings.address.is_encrypted() {
            return Err(StoreError::Settings(
                "the API server is asked over https:// only".to_owned(),
            ));
        }
        let (token, certificate) = match settings.identity {
            KubernetesIdentity::Token(token) => (Token::Fixed(bearer(token.expose())?), None),
            KubernetesIdentity::Minted(source) => (Token::Minted(source), None),
            KubernetesIdentity::Certificate(certificate) => (Token::None, Some(certificate)),
        };
        let http = Http::new(
            settings.address,
            &settings.trust,
            certificate.as_ref(),
            settings.reach,
            settings.timeouts,
            settings.limits.at_once,
        )?;
        Ok(Self {
            http,
            governor: Governor::new(settings.limits, settings.meter),
            token,
            minting: SingleFlight::new(),
            state: Mutex::default(),
        })
    }

    pub(super) fn health(&self) -> watch::Receiver<Health> {
        self.governor.health()
    }

    pub(super) fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        state.minted = None;
    }

    /// The body at `path`; nothing where no such Secret is.
    pub(super) async fn get(
        &self,
        call: &Call,
        path: &str,
        accept: &'static str,
        asker: &str,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let ask = Ask {
            call,
            method: Method::GET,
            path,
            accept,
            body: &[],
            asker,
        };
        let reply = self.ask(&ask).await?;
        match reply.status.as_u16() {
            404 if objects::is_missing_object(&reply.body) => Ok(None),
            404 => Err(objects::malformed(call)),
            _ => Ok(Some(reply.body)),
        }
    }

    pub(super) async fn post(
        &self,
        call: &Call,
        path: &str,
        body: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let ask = Ask {
            call,
            method: Method::POST,
            path,
            accept: objects::WHOLE,
            body,
            asker: "",
        };
        let reply = self.ask(&ask).await?;
        match reply.status.as_u16() {
            404 => Err(objects::malformed(call)),
            _ => Ok(reply.body),
        }
    }

    /// With the token of the day; once more with another one where a minted one has ended early, as with an account
    /// that was made anew.
    async fn ask(&self, ask: &Ask<'_>) -> Result<Reply, StoreError> {
        let token = self.current().await?;
        let refused = match self.ask_as(ask, token.as_ref()).await {
            Err(error) if error.status() == Some(401) && matches!(self.token, Token::Minted(_)) => error,
            outcome => return outcome,
        };
        if !self.drop_minted(token.as_ref()) {
            return Err(refused);
        }
        let token = self.current().await?;
        self.ask_as(ask, token.as_ref()).await
    }

    async fn ask_as(&self, ask: &Ask<'_>, token: Option<&HeaderValue>) -> Result<Reply, StoreError> {
        let mut headers = HeaderMap::from_iter([
            (header::ACCEPT, HeaderValue::from_static(ask.accept)),
            (header::USER_AGENT, HeaderValue::from_static("seal")),
        ]);
        if let Some(token) = token {
            headers.insert(header::AUTHORIZATION, token.clone());
        }
        if !ask.body.is_empty() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let exchange = Exchange {
            method: ask.method.clone(),
            target: ask.path,
            headers,
            body: Zeroizing::new(ask.body.to_vec()),
            redirects: Redirects::Refuse,
        };
        let request = async {
            let reply = self.http.send(ask.call, exchange).await?;
            match reply.status.is_success() || reply.status == 404 {
                true => Ok(reply),
                false => Err(refusal(ask.call, &reply)),
            }
        };
        self.governor.run(ask.asker, ask.call.verb, request).await
    }

    async fn current(&self) -> Result<Option<HeaderValue>, StoreError> {
        let source = {
            let state = self.state();
            if state.is_closed {
                return Err(StoreError::Closed);
            }
            match (&self.token, &state.minted) {
                (Token::None, _) => return Ok(None),
                (Token::Fixed(token), _) => return Ok(Some(token.clone())),
                (Token::Minted(_), Some((at, token))) if at.elapsed() < USED_FOR => {
                    return Ok(Some(token.clone()));
                }
                (Token::Minted(source), _) => source.clone(),
            }
        };
        let minting = self
            .minting
            .join((), || async move { bearer(source().await?.as_bytes()) });
        let token = minting.await?;
        let mut state = self.state();
        if state.is_closed {
            return Err(StoreError::Closed);
        }
        state.minted = Some((Instant::now(), token.clone()));
        Ok(Some(token))
    }

    /// Forgets a token that was refused; false where it was made a few seconds ago, since its successor would be
    /// refused as well.
    fn drop_minted(&self, token: Option<&HeaderValue>) -> bool {
        const YOUNG: Duration = Duration::from_secs(10);
        let mut state = self.state();
        match &state.minted {
            Some((at, known)) if Some(known) == token => {
                let is_young = at.elapsed() < YOUNG;
                state.minted = state.minted.take().filter(|_| is_young);
                !is_young
            }
            // Somebody else has another one by now.
            _ => true,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bearer(token: &[u8]) -> Result<HeaderValue, StoreError> {
    let unusable = || StoreError::Credentials("the token for the API server cannot be sent".to_owned());
    let token = token.trim_ascii();
    if token.is_empty() {
        return Err(unusable());
    }
    let header = Zeroizing::new([b"Bearer ", token].concat());
    secret_header(&header).ok_or_else(unusable)
}

// The message of a refusal may quote the object; the reason is one word of a few (S5).
fn refusal(call: &Call, reply: &Reply) -> StoreError {
    #[derive(Default, Deserialize)]
    struct Status {
        #[serde(default)]
        reason: String,
    }
    const REASONS: [&str; 12] = [
        "Unauthorized",
        "Forbidden",
        "NotFound",
        "Conflict",
        "Invalid",
        "BadRequest",
        "NotAcceptable",
        "Expired",
        "Timeout",
        "ServerTimeout",
        "TooManyRequests",
        "InternalError",
    ];
    let status: Status = serde_json::from_slice(&reply.body).unwrap_or_default();
    // One that is not among them could be anything.
    let reason = REASONS.into_iter().find(|reason| *reason == status.reason);
    StoreError::Answered {
        call: call.clone(),
        status: reply.status.as_u16(),
        words: reason.unwrap_or_default().to_owned(),
        retry_after: reply.retry_after(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::FutureExt;

    use super::*;
    use crate::{Limits, Reach, Timeouts, Trust};

    fn session() -> Session {
        let source: JwtSource = Arc::new(|| async { Ok(Zeroizing::new("a.b.c".to_owned())) }.boxed());
        let settings = KubernetesSettings {
            address: "https://api.example".parse().unwrap(),
            trust: Trust::System,
            identity: KubernetesIdentity::Minted(source),
            namespace: "prod".to_owned(),
            reach: Reach::default(),
            timeouts: Timeouts::default(),
            limits: Limits::default(),
            meter: None,
        };
        Session::new(settings).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn refused_token_is_replaced_when_it_is_no_longer_young() {
        let session = session();
        let token = session.current().await.unwrap();
        assert!(!session.drop_minted(token.as_ref()));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(session.drop_minted(token.as_ref()));
        assert!(session.state().minted.is_none());
        // Whoever was refused with the old one takes the new one.
        session.current().await.unwrap();
        assert!(session.drop_minted(Some(&HeaderValue::from_static("Bearer of.the.past"))));
        assert!(session.state().minted.is_some());
    }
}
