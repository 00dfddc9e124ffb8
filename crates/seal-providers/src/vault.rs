//! Vault and OpenBao: key/value engines of both versions, their metadata, and any path that answers like them.
//! It knows no `SecretStore`: settings come resolved, and what to do about a missing secret is the caller's.
//!
//! # Why not `vaultrs`
//! It was wished for where it fits. Version 0.8 was read for the one part that might, logins, and does not fit:
//! - Secrets in what gets logged: its settings derive `Debug` with the token in it; its error for an answer that it
//!   cannot read holds the whole body and derives `Debug`; its HTTP layer puts errors into `tracing` events.
//!   Store words come whole, not cut and masked (S5, S6, S26). Tokens and answers lie in `String`s that nobody wipes.
//! - It goes where it is sent: it brings its own `reqwest`, with redirects to other hosts that keep `X-Vault-Token`,
//!   and no place to refuse link-local addresses (S6). User names go into paths unencoded (S12).
//! - Its defaults come from the environment (`VAULT_TOKEN`, `VAULT_CACERT`, `VAULT_SKIP_VERIFY`), CAs by file only,
//!   and its builder panics on an address that is not one.
//! - No LDAP, no headers, no `Retry-After`, no reading of any path; a token changes by `&mut` only.
//! - 36 crates more in the controller, among them a second HTTP client with its own URL and Unicode tables.
//!
//! What is used of the API are eight paths, all below.

mod answers;
mod call;
mod find;
mod login;
mod mounts;
mod paths;
mod settings;
mod token;

use std::{fmt, pin::Pin, sync::Arc};

use tokio::sync::watch;

use self::{
    call::{Ask, Line, Scope},
    find::Skills,
    mounts::Mounts,
    paths::{Gate, Place},
    token::Tokens,
};
pub use self::{
    paths::KvVersion,
    settings::{Login, VaultSettings},
};
pub use crate::JwtSource;
use crate::{
    Answer, Asker, Blame, Call, Find, Found, Health, MountFault, Pending, RemotePath, SecretsClient,
    StoreError, Validity, network::Reply, single_flight::SingleFlight,
};

/// A client of Vault or OpenBao. Clones are the same one: one token, one set of limits.
#[derive(Clone)]
pub struct VaultClient(Arc<Client>);

struct Client {
    line: Arc<Line>,
    gate: Gate,
    tokens: Tokens,
    inline: bool,
    reads: SingleFlight<String, Answer>,
    skills: Skills,
    mounts: Mounts,
    looks: SingleFlight<String, bool>,
}

impl VaultClient {
    /// A client; nothing is asked yet.
    ///
    /// # Errors
    /// [`StoreError::Settings`].
    pub fn new(settings: VaultSettings) -> Result<Self, StoreError> {
        let gate = Gate::new(settings.version, settings.mount.as_deref())?;
        let line = Arc::new(Line::new(&settings)?);
        Ok(Self(Arc::new(Client {
            gate,
            tokens: Tokens::new(Arc::clone(&line), settings.login),
            line,
            inline: settings.inline,
            reads: SingleFlight::new(),
            skills: Skills::default(),
            mounts: Mounts::default(),
            looks: SingleFlight::new(),
        })))
    }
}

impl fmt::Debug for VaultClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("VaultClient");
        shown
            .field("address", &self.0.line.address())
            .finish_non_exhaustive()
    }
}

impl SecretsClient for VaultClient {
    fn read<'a>(&'a self, asker: &'a Asker, path: &'a RemotePath) -> Pending<'a, Answer> {
        Box::pin(async move {
            let place = self.0.gate.data(asker, &path.key)?;
            self.0.value_at(asker, &place, path.version.as_deref()).await
        })
    }

    fn metadata<'a>(&'a self, asker: &'a Asker, path: &'a RemotePath) -> Pending<'a, Answer> {
        Box::pin(async move {
            let place = self.0.gate.metadata(asker, &path.key)?;
            self.0
                .shared(asker, &place, place.target(), answers_metadata)
                .await
        })
    }

    fn find<'a>(&'a self, asker: &'a Asker, find: &'a Find) -> Pending<'a, Found> {
        Box::pin(find::find(&self.0, asker, find))
    }

    fn validate(&self) -> Pending<'_, Validity> {
        Box::pin(self.0.validate())
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.0.tokens.close())
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.0.line.governor.health()
    }
}

type Reading = fn(KvVersion, &Call, &Reply) -> Result<Answer, StoreError>;

fn answers_metadata(_: KvVersion, call: &Call, reply: &Reply) -> Result<Answer, StoreError> {
    answers::metadata(call, reply)
}

impl Client {
    /// The value at a place that has passed the gate.
    async fn value_at(
        self: &Arc<Self>,
        asker: &Asker,
        place: &Place,
        version: Option<&str>,
    ) -> Result<Answer, StoreError> {
        let mut target = place.target();
        // Version 1 has none, and upstream asks all the same.
        if let Some(version) =
            version.filter(|version| !version.is_empty() && self.gate.version() == KvVersion::V2)
        {
            if !version.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(StoreError::Unsupported("a version of a secret is a number"));
            }
            target.push_str("?version=");
            target.push_str(version);
        }
        self.shared(asker, place, target, answers::read).await
    }

    /// Asks for what many may be waiting for at once. Whoever gets here has passed the gate for himself.
    async fn shared(
        self: &Arc<Self>,
        asker: &Asker,
        place: &Place,
        target: String,
        read: Reading,
    ) -> Result<Answer, StoreError> {
        let (client, place, asker) = (Arc::clone(self), place.clone(), asker.namespace.clone());
        let key = target.clone();
        let flight = async move {
            let call = Call {
                verb: "read",
                path: place.shown(),
            };
            let reply = client.ask(Ask::get(call.clone(), &target, &asker)).await?;
            let answer = read(client.gate.version(), &call, &reply)?;
            let is_doubtful = matches!(answer, Answer::Missing) && answers::is_bare_404(&reply);
            if is_doubtful && client.is_other_engine(&place, &asker).await {
                return Ok(Answer::MountMissing(MountFault::OtherEngine));
            }
            Ok(answer)
        };
        self.reads.join(key, || flight).await
    }

    /// Asks with the token of the day, and once more with another one if it is refused.
    async fn ask(&self, ask: Ask<'_>) -> Result<Reply, StoreError> {
        if self.inline {
            return self.ask_with_login(ask).await;
        }
        let Some(token) = self.tokens.current().await? else {
            return self.line.ask(ask).await;
        };
        let again = ask.again();
        let asked = Ask {
            token: Some(token.value()),
            ..ask
        };
        let refused = match self.line.ask(asked).await {
            Err(error) if error.status() == Some(403) => error,
            outcome => return outcome,
        };
        let Some(token) = self.tokens.instead_of(&token).await? else {
            return Err(refused);
        };
        let asked = Ask {
            token: Some(token.value()),
            ..again
        };
        self.line.ask(asked).await
    }

    async fn ask_with_login(&self, mut ask: Ask<'_>) -> Result<Reply, StoreError> {
        self.tokens.open()?;
        let attempt = login::attempt(self.tokens.login()).await?;
        let attempt = attempt.ok_or(StoreError::Unsupported(
            "a token cannot ride along with a request; it is sent as it is",
        ))?;
        ask.headers = attempt.headers()?;
        if let Some(namespace) = self.line.login_namespace() {
            let name = http::HeaderName::from_static("x-vault-inline-auth-namespace");
            ask.headers.push((name, namespace.clone()));
        }
        ask.known = attempt.known().collect();
        ask.login = Some(attempt.call.clone());
        self.line.ask(ask).await
    }

    /// Whether there is another engine than the settings say where something was missing. Where that cannot be told,
    /// "missing" stands.
    async fn is_other_engine(self: &Arc<Self>, place: &Place, asker: &str) -> bool {
        let mount = place.mount();
        if mount.is_empty() || self.gate.version() == KvVersion::V1 {
            return false;
        }
        if let Some(is_other) = self.mounts.known(&mount) {
            return is_other;
        }
        let (client, asker) = (Arc::clone(self), asker.to_owned());
        let looked = self.looks.join(mount.clone(), || async move {
            let target = format!("/v1/sys/internal/ui/mounts{mount}");
            let call = Call {
                verb: "read",
                path: target.trim_start_matches("/v1/").to_owned(),
            };
            let is_other = match client.ask(Ask::get(call, &target, &asker)).await {
                Ok(reply) => mounts::is_other(&reply),
                Err(error) if error.blame() == Blame::Refused => false,
                Err(error) => return Err(error),
            };
            client.mounts.remember(&mount, is_other);
            Ok(is_other)
        });
        looked.await.unwrap_or(false)
    }

    async fn validate(&self) -> Result<Validity, StoreError> {
        let (verb, path, scope) = match self.tokens.login() {
            Login::Nobody => ("ask", "sys/health", Scope::Server),
            // A login that rides along leaves no token that could be looked up.
            _ if self.inline => ("ask", INLINE_PROBE, Scope::Secrets),
            _ => ("check the token at", "auth/token/lookup-self", Scope::Login),
        };
        let target = format!("/v1/{path}");
        let call = Call {
            verb,
            path: path.to_owned(),
        };
        let ask = Ask {
            scope,
            ..Ask::get(call.clone(), &target, "")
        };
        match self.ask(ask).await {
            Ok(reply) if reply.status == 404 => Err(self.line.refused(&call, &reply, std::iter::empty())),
            Ok(_) => Ok(Validity::Valid),
            // Who we are was taken; that this is not ours to ask is as it should be.
            Err(StoreError::Answered {
                call: asked,
                status: 403,
                ..
            }) if self.inline && asked == call => Ok(Validity::Valid),
            Err(fault) => Err(fault),
        }
    }
}

/// Something that changes nothing.
const INLINE_PROBE: &str = "sys/internal/ui/resultant-acl";
