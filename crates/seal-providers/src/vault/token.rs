//! The one token of a client: got by one login whoever asks first, renewed when two thirds of its life are over,
//! replaced once when the store refuses it, given back at the end. A token that was handed in is only used.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::Method;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::{
    call::{Ask, Line, Scope},
    login::{Granted, attempt, granted},
    settings::Login,
};
use crate::{Blame, Call, StoreError, single_flight::SingleFlight};

/// One in a minute is replaced because the store refused it: a path that is simply forbidden must not become a flood
/// of logins.
const BETWEEN_REPLACEMENTS: Duration = Duration::from_secs(60);
/// A login that was refused is not repeated at once by the next of a thousand objects.
const AFTER_REFUSAL: Duration = Duration::from_secs(2);
/// A token that ends this soon is not begun anything with.
const LONGEST_MARGIN: Duration = Duration::from_secs(5);

/// A token in use.
pub(super) struct Token {
    value: Zeroizing<String>,
    /// Which one it is: a renewed one stays the same, a replaced one does not.
    number: u64,
    /// As it was when it was new.
    lifetime: Duration,
    refresh_at: Option<Instant>,
    ends_at: Option<Instant>,
    is_renewable: bool,
    is_revocable: bool,
}

/// The keeper of a client's token. Clones keep the same one.
#[derive(Clone)]
pub(super) struct Tokens(Arc<Inner>);

struct Inner {
    line: Arc<Line>,
    login: Login,
    logins: SingleFlight<(), Arc<Token>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<Arc<Token>>,
    number: u64,
    refused: Option<(Instant, StoreError)>,
    replaced: Option<Instant>,
    is_refreshing: bool,
    is_closed: bool,
}

impl Token {
    pub(super) fn value(&self) -> &str {
        &self.value
    }

    fn is_good(&self, now: Instant) -> bool {
        self.ends_at.is_none_or(|end| now < end)
    }
}

impl Tokens {
    pub(super) fn new(line: Arc<Line>, login: Login) -> Self {
        Self(Arc::new(Inner {
            line,
            login,
            logins: SingleFlight::new(),
            state: Mutex::default(),
        }))
    }

    /// How we say who we are.
    pub(super) fn login(&self) -> &Login {
        &self.0.login
    }

    /// The token to ask with; none for those that do not log in.
    pub(super) async fn current(&self) -> Result<Option<Arc<Token>>, StoreError> {
        if matches!(self.0.login, Login::Nobody) {
            return self.open().map(|()| None);
        }
        let now = Instant::now();
        let (known, refresh) = {
            let mut state = self.state();
            if state.is_closed {
                return Err(StoreError::Closed);
            }
            let known = state.token.clone().filter(|token| token.is_good(now));
            let is_due = known
                .as_ref()
                .is_some_and(|token| token.refresh_at.is_some_and(|at| at <= now));
            let refresh = is_due && !state.is_refreshing;
            state.is_refreshing |= refresh;
            if let (None, Some((at, fault))) = (&known, &state.refused)
                && now < *at + AFTER_REFUSAL
            {
                return Err(fault.clone());
            }
            (known, refresh)
        };
        let Some(token) = known else {
            return self.log_in().await.map(Some);
        };
        if refresh {
            // What is asked now goes out with the token that still is good.
            let (tokens, token) = (self.clone(), Arc::clone(&token));
            tokio::spawn(async move { tokens.refresh(&token).await });
        }
        Ok(Some(token))
    }

    /// Another token than `refused`, which the store does not take; none if there is none to be had now.
    pub(super) async fn instead_of(&self, refused: &Token) -> Result<Option<Arc<Token>>, StoreError> {
        let now = Instant::now();
        let old = {
            let mut state = self.state();
            if state.is_closed {
                return Err(StoreError::Closed);
            }
            match &state.token {
                Some(token) if token.number != refused.number => return Ok(Some(Arc::clone(token))),
                // Somebody else is at it.
                None => None,
                Some(_) => {
                    let is_early = state.replaced.is_some_and(|at| now < at + BETWEEN_REPLACEMENTS);
                    if matches!(self.0.login, Login::Token(_)) || is_early {
                        return Ok(None);
                    }
                    state.replaced = Some(now);
                    state.token.take()
                }
            }
        };
        let new = self.log_in().await;
        if let Some(old) = old {
            self.forget_behind(old);
        }
        new.map(Some)
    }

    /// Gives the token back. What is asked afterwards is refused here.
    pub(super) async fn close(&self) {
        let token = {
            let mut state = self.state();
            state.is_closed = true;
            state.token.take()
        };
        if let Some(token) = token {
            self.forget(&token).await;
        }
    }

    /// # Errors
    /// [`StoreError::Closed`].
    pub(super) fn open(&self) -> Result<(), StoreError> {
        match self.state().is_closed {
            true => Err(StoreError::Closed),
            false => Ok(()),
        }
    }

    async fn log_in(&self) -> Result<Arc<Token>, StoreError> {
        let tokens = self.clone();
        self.0
            .logins
            .join((), || async move { tokens.log_in_once().await })
            .await
    }

    async fn log_in_once(&self) -> Result<Arc<Token>, StoreError> {
        let granted = self.ask_for_one().await.inspect_err(|fault| {
            if fault.blame() != Blame::Down {
                self.state().refused = Some((Instant::now(), fault.clone()));
            }
        })?;
        let (token, is_kept) = self.keep(granted);
        if is_kept {
            return Ok(token);
        }
        self.forget(&token).await;
        Err(StoreError::Closed)
    }

    /// Keeps a new token, unless we have closed meanwhile.
    fn keep(&self, granted: Granted) -> (Arc<Token>, bool) {
        let mut state = self.state();
        state.number += 1;
        let token = Arc::new(Token::of(granted, state.number));
        if !state.is_closed {
            state.refused = None;
            state.token = Some(Arc::clone(&token));
        }
        (token, !state.is_closed)
    }

    async fn ask_for_one(&self) -> Result<Granted, StoreError> {
        if let Login::Token(token) = &self.0.login {
            let unusable = || StoreError::Credentials("the token for the store is not text".to_owned());
            let token = std::str::from_utf8(token.expose()).map_err(|_| unusable())?;
            return Ok(Granted {
                token: Zeroizing::new(token.trim().to_owned()),
                lifetime: Duration::ZERO,
                is_renewable: false,
                is_revocable: false,
            });
        }
        let attempt = attempt(&self.0.login)
            .await?
            .ok_or(StoreError::Unsupported("this store is asked without logging in"))?;
        let target = format!("/v1{}", attempt.path);
        let ask = Ask {
            method: Method::PUT,
            body: attempt.body(),
            scope: Scope::Login,
            known: attempt.known().collect(),
            ..Ask::get(attempt.call.clone(), &target, "")
        };
        let reply = self.0.line.ask(ask).await?;
        if reply.status == 404 {
            // No such method, or no such user.
            return Err(self.0.line.refused(&attempt.call, &reply, attempt.known()));
        }
        granted(&attempt.call, &reply)
    }

    /// Renews the token, or gets another one where that cannot be.
    async fn refresh(&self, token: &Arc<Token>) {
        let renewed = match token.is_renewable {
            true => self.renew(token).await,
            false => Err(None),
        };
        match renewed {
            Ok(renewed) => {
                let mut state = self.state();
                state.is_refreshing = false;
                if state
                    .token
                    .as_ref()
                    .is_some_and(|known| known.number == token.number)
                {
                    state.token = Some(Arc::new(renewed));
                }
            }
            // The store is down: the token is good for a while yet.
            Err(Some(fault)) if fault.blame() == Blame::Down => self.refresh_later(token),
            Err(_) => match self.log_in().await {
                Ok(_) => {
                    self.state().is_refreshing = false;
                    self.forget(token).await;
                }
                Err(_) => self.refresh_later(token),
            },
        }
    }

    async fn renew(&self, token: &Token) -> Result<Token, Option<StoreError>> {
        let call = Call {
            verb: "renew the token at",
            path: "auth/token/renew-self".to_owned(),
        };
        let ask = Ask {
            method: Method::PUT,
            body: Zeroizing::new(b"{}".to_vec()),
            scope: Scope::Login,
            token: Some(token.value()),
            ..Ask::get(call.clone(), "/v1/auth/token/renew-self", "")
        };
        let reply = self.0.line.ask(ask).await.map_err(Some)?;
        let granted = granted(&call, &reply).map_err(Some)?;
        // The end of the longest life that it may have is near.
        if granted.lifetime < token.lifetime / 2 || !granted.is_renewable {
            return Err(None);
        }
        let renewed = Granted {
            token: token.value.clone(),
            ..granted
        };
        Ok(Token {
            lifetime: token.lifetime,
            ..Token::of(renewed, token.number)
        })
    }

    fn refresh_later(&self, token: &Arc<Token>) {
        let now = Instant::now();
        let mut state = self.state();
        state.is_refreshing = false;
        if let Some(known) = state.token.as_ref().filter(|known| known.number == token.number) {
            let left = known
                .ends_at
                .map_or(LONGEST_MARGIN, |end| end.saturating_duration_since(now));
            state.token = Some(Arc::new(Token {
                value: known.value.clone(),
                refresh_at: Some(now + left / 4),
                ..**known
            }));
        }
    }

    fn forget_behind(&self, token: Arc<Token>) {
        let tokens = self.clone();
        tokio::spawn(async move { tokens.forget(&token).await });
    }

    /// Best effort: a token that cannot be given back ends by itself.
    async fn forget(&self, token: &Token) {
        if !token.is_revocable {
            return;
        }
        let call = Call {
            verb: "revoke the token at",
            path: "auth/token/revoke-self".to_owned(),
        };
        let ask = Ask {
            method: Method::PUT,
            body: Zeroizing::new(b"{}".to_vec()),
            scope: Scope::Login,
            token: Some(token.value()),
            ..Ask::get(call, "/v1/auth/token/revoke-self", "")
        };
        drop(self.0.line.ask(ask).await);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Token {
    fn of(granted: Granted, number: u64) -> Self {
        let now = Instant::now();
        let lifetime = Some(granted.lifetime).filter(|lifetime| !lifetime.is_zero());
        let margin = |lifetime: Duration| (lifetime / 10).min(LONGEST_MARGIN);
        Self {
            value: granted.token,
            number,
            lifetime: granted.lifetime,
            refresh_at: lifetime.map(|lifetime| now + lifetime * 2 / 3),
            ends_at: lifetime.map(|lifetime| now + lifetime - margin(lifetime)),
            is_renewable: granted.is_renewable,
            is_revocable: granted.is_revocable,
        }
    }
}
