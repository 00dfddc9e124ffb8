//! What a client of Vault or OpenBao is given: everything resolved, nothing to look up. It is judged when the client
//! is made.

use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use seal_core::Plaintext;

use super::KvVersion;
use crate::{Address, ClientCertificate, JwtSource, Limits, Meter, Reach, Timeouts, Trust};

/// A Vault or OpenBao, as one identity sees it.
pub struct VaultSettings {
    /// Where it listens.
    pub address: Address,
    /// The version of the key/value engine.
    pub version: KvVersion,
    /// Where that is mounted; without it keys begin with their mount.
    pub mount: Option<String>,
    /// The namespace of everything that is asked.
    pub namespace: Option<String>,
    /// The namespace to log in to; the one above otherwise.
    pub login_namespace: Option<String>,
    /// Who we are.
    pub login: Login,
    /// Whether the login rides on every request instead of a token (OpenBao 2.4 and later): no token is written at
    /// the store, renewed or revoked.
    pub inline: bool,
    /// Headers of every request.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Whether an answer must know of what was written before, on servers that replicate.
    pub read_your_writes: bool,
    /// Whether a standby that does not know yet hands the request on; needs `read_your_writes` too.
    pub forward_inconsistent: bool,
    /// Whose certificate it shows.
    pub trust: Trust,
    /// The certificate that we show.
    pub client_certificate: Option<ClientCertificate>,
    /// Where it may be.
    pub reach: Reach,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// How much is asked of it.
    pub limits: Limits,
    /// Who counts what is asked.
    pub meter: Option<Arc<dyn Meter>>,
}

impl VaultSettings {
    /// The defaults for a store at `address`.
    pub fn new(address: Address, login: Login) -> Self {
        Self {
            address,
            version: KvVersion::default(),
            mount: None,
            namespace: None,
            login_namespace: None,
            login,
            inline: false,
            headers: Vec::new(),
            read_your_writes: false,
            forward_inconsistent: false,
            trust: Trust::default(),
            client_certificate: None,
            reach: Reach::default(),
            timeouts: Timeouts::default(),
            limits: Limits::default(),
            meter: None,
        }
    }
}

/// How to show a store who we are. `mount` is where the method is mounted below `auth/`.
pub enum Login {
    /// Not at all: an agent or proxy between us and the store does it.
    Nobody,
    /// By a token that somebody made; it is neither renewed nor revoked by us.
    Token(Plaintext),
    /// By role and secret id.
    AppRole {
        /// Usually `approle`.
        mount: String,
        /// Which role.
        role_id: Plaintext,
        /// Its secret; empty where the role wants none.
        secret_id: Plaintext,
    },
    /// By a signed token: the methods `jwt` and `kubernetes`.
    Jwt {
        /// Usually `jwt` or `kubernetes`.
        mount: String,
        /// Which role; the method's default where it is empty.
        role: String,
        /// Where the token comes from.
        jwt: JwtSource,
    },
    /// By name and password: the methods `userpass` and `ldap`.
    Password {
        /// Usually `userpass` or `ldap`.
        mount: String,
        /// Who.
        user: String,
        /// The password.
        password: Plaintext,
    },
    /// By the client certificate of the connection.
    Certificate {
        /// Usually `cert`.
        mount: String,
        /// Which role; any that fits where it is empty.
        role: String,
    },
}
