//! Logins: where each method is asked and with what, and what comes back. When to log in is the token's business.

use http::HeaderValue;
use seal_core::Plaintext;
use serde::Deserialize;
use std::time::Duration;
use zeroize::Zeroizing;

use super::{paths::segments, settings::Login};
use crate::{
    Call, StoreError,
    network::{Reply, encode, secret_header},
};

/// A login, ready to be sent.
pub(super) struct Attempt {
    /// Below `/v1/`, encoded.
    pub(super) path: String,
    pub(super) call: Call,
    /// Names and values of the body.
    pub(super) fields: Vec<(&'static str, Zeroizing<String>)>,
}

/// What a login yields.
pub(super) struct Granted {
    pub(super) token: Zeroizing<String>,
    /// Zero for ever.
    pub(super) lifetime: Duration,
    pub(super) is_renewable: bool,
    /// Whether the store remembers it and can forget it: batch tokens are not like that.
    pub(super) is_revocable: bool,
}

/// What `login` sends; nothing for those that do not log in.
pub(super) async fn attempt(login: &Login) -> Result<Option<Attempt>, StoreError> {
    let (mount, user, fields) = match login {
        Login::Nobody | Login::Token(_) => return Ok(None),
        Login::AppRole {
            mount,
            role_id,
            secret_id,
        } => {
            let mut fields = vec![("role_id", text("the role id", role_id)?)];
            if !secret_id.is_empty() {
                fields.push(("secret_id", text("the secret id", secret_id)?));
            }
            (mount, None, fields)
        }
        Login::Jwt { mount, role, jwt } => {
            let mut fields = vec![("jwt", jwt().await?)];
            if !role.is_empty() {
                fields.push(("role", Zeroizing::new(role.clone())));
            }
            (mount, None, fields)
        }
        Login::Password {
            mount,
            user,
            password,
        } => (
            mount,
            Some(user),
            vec![("password", text("the password", password)?)],
        ),
        Login::Certificate { mount, role } => {
            let named = (!role.is_empty()).then(|| ("name", Zeroizing::new(role.clone())));
            (mount, None, named.into_iter().collect())
        }
    };
    let refused = |what: &str, fault| StoreError::Settings(format!("the {what} {fault}"));
    let mount = mount.trim_matches('/');
    let mut parts = segments(mount).map_err(|fault| refused("path of the authentication method", fault))?;
    parts.insert(0, "auth".to_owned());
    parts.push("login".to_owned());
    if let Some(user) = user {
        let judged = segments(user).map_err(|fault| refused("user name for the store", fault))?;
        if judged.len() > 1 {
            return Err(refused("user name for the store", "has a slash in it"));
        }
        parts.push(user.clone());
    }
    let mut path = String::new();
    for part in &parts {
        path.push('/');
        encode(part, &mut path);
    }
    let call = Call {
        verb: "log in at",
        // Who it was stands in the settings and need not be in a status.
        path: format!("auth/{mount}/login"),
    };
    Ok(Some(Attempt { path, call, fields }))
}

fn text(what: &str, value: &Plaintext) -> Result<Zeroizing<String>, StoreError> {
    let text = std::str::from_utf8(value.expose())
        .map_err(|_| StoreError::Credentials(format!("{what} for the store is not text")))?;
    Ok(Zeroizing::new(text.to_owned()))
}

impl Attempt {
    /// The body of a login by itself.
    pub(super) fn body(&self) -> Zeroizing<Vec<u8>> {
        // A vector that grows leaves its old self behind; six bytes is what an escaped one takes at most.
        let size = self
            .fields
            .iter()
            .map(|(name, value)| name.len() + value.len() * 6 + 8)
            .sum::<usize>();
        let mut body = Zeroizing::new(Vec::with_capacity(size + 2));
        for (index, (name, value)) in self.fields.iter().enumerate() {
            body.push(if index == 0 { b'{' } else { b',' });
            write_json(&mut body, name);
            body.push(b':');
            write_json(&mut body, value);
        }
        if self.fields.is_empty() {
            body.push(b'{');
        }
        body.push(b'}');
        body
    }

    /// The headers of a login that rides on another request.
    pub(super) fn headers(&self) -> Result<Vec<(http::HeaderName, HeaderValue)>, StoreError> {
        use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
        let unusable = || StoreError::Credentials("a credential cannot be sent in a header".to_owned());
        let path = HeaderValue::from_str(self.path.trim_start_matches('/')).map_err(|_| unusable())?;
        let mut headers = vec![(http::HeaderName::from_static("x-vault-inline-auth-path"), path)];
        for (name, value) in &self.fields {
            let mut pair = Zeroizing::new(Vec::with_capacity(name.len() + value.len() * 6 + 24));
            pair.extend_from_slice(b"{\"key\":");
            write_json(&mut pair, name);
            pair.extend_from_slice(b",\"value\":");
            write_json(&mut pair, value);
            pair.push(b'}');
            let encoded = Zeroizing::new(URL_SAFE_NO_PAD.encode(&*pair));
            let header = format!("x-vault-inline-auth-parameter-{}", name.replace('_', "-"));
            let header = header.parse().map_err(|_| unusable())?;
            headers.push((header, secret_header(encoded.as_bytes()).ok_or_else(unusable)?));
        }
        Ok(headers)
    }

    /// What must not come back in the store's words.
    pub(super) fn known(&self) -> impl Iterator<Item = &[u8]> {
        self.fields.iter().map(|(_, value)| value.as_bytes())
    }
}

fn write_json(target: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(target, text).expect("a string is JSON, and a vector takes it");
}

/// Reads what a login or a renewal yields.
pub(super) fn granted(call: &Call, reply: &Reply) -> Result<Granted, StoreError> {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        auth: Auth<'a>,
    }
    #[derive(Deserialize)]
    struct Auth<'a> {
        // Tokens need no escapes, so they can be borrowed from what is wiped.
        #[serde(borrow, default)]
        client_token: &'a str,
        #[serde(default)]
        lease_duration: u64,
        #[serde(default)]
        renewable: bool,
        #[serde(borrow, default)]
        token_type: &'a str,
        #[serde(default)]
        mfa_requirement: Option<serde::de::IgnoredAny>,
    }
    let nonsense = |what| StoreError::Nonsense {
        call: call.clone(),
        what,
    };
    let body: Body<'_> =
        serde_json::from_slice(&reply.body).map_err(|_| nonsense("the answer holds no token"))?;
    let auth = body.auth;
    if auth.mfa_requirement.is_some() {
        return Err(StoreError::Unsupported(
            "the store asks for a second factor, which a program has not",
        ));
    }
    if auth.client_token.is_empty() {
        return Err(nonsense("the answer holds no token"));
    }
    Ok(Granted {
        token: Zeroizing::new(auth.client_token.to_owned()),
        lifetime: Duration::from_secs(auth.lease_duration),
        is_renewable: auth.renewable,
        is_revocable: auth.token_type != "batch",
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::FutureExt;

    use super::*;

    fn made(login: Login) -> Result<Attempt, StoreError> {
        attempt(&login).now_or_never().unwrap().map(Option::unwrap)
    }

    fn sent(login: Login) -> (String, String) {
        let attempt = made(login).unwrap();
        (
            attempt.path.clone(),
            String::from_utf8(attempt.body().to_vec()).unwrap(),
        )
    }

    #[test]
    fn each_method_has_its_path_and_its_words() {
        let plain = |text: &str| Plaintext::copied(text.as_bytes());
        let approle = Login::AppRole {
            mount: "approle".to_owned(),
            role_id: plain("r"),
            secret_id: plain("s\"\n"),
        };
        let approle = sent(approle);
        assert_eq!(approle.0, "/auth/approle/login");
        assert_eq!(approle.1, r#"{"role_id":"r","secret_id":"s\"\n"}"#);
        let jwt = Login::Jwt {
            mount: "/team/kubernetes/".to_owned(),
            role: "app".to_owned(),
            jwt: Arc::new(|| async { Ok(Zeroizing::new("j.w.t".to_owned())) }.boxed()),
        };
        let jwt = sent(jwt);
        assert_eq!(jwt.0, "/auth/team/kubernetes/login");
        assert_eq!(jwt.1, r#"{"jwt":"j.w.t","role":"app"}"#);
        let password = Login::Password {
            mount: "ldap".to_owned(),
            user: "ann o'neill@x".to_owned(),
            password: plain("p"),
        };
        let password = sent(password);
        assert_eq!(password.0, "/auth/ldap/login/ann%20o%27neill%40x");
        assert_eq!(password.1, r#"{"password":"p"}"#);
        let certificate = Login::Certificate {
            mount: "cert".to_owned(),
            role: String::new(),
        };
        assert_eq!(
            sent(certificate),
            ("/auth/cert/login".to_owned(), "{}".to_owned())
        );
    }

    #[test]
    fn login_cannot_be_led_elsewhere() {
        let password = |mount: &str, user: &str| {
            made(Login::Password {
                mount: mount.to_owned(),
                user: user.to_owned(),
                password: Plaintext::copied(b"p"),
            })
        };
        for (mount, user) in [
            ("userpass", "../../../sys/seal"),
            ("userpass", "a/b"),
            ("userpass", ""),
            ("userpass", "a%2fb"),
            ("../sys", "a"),
            ("", "a"),
        ] {
            assert!(password(mount, user).is_err(), "{mount} {user}");
        }
    }

    #[test]
    fn credential_that_is_no_text_is_named_and_not_shown() {
        let refused = made(Login::Password {
            mount: "userpass".to_owned(),
            user: "ann".to_owned(),
            password: Plaintext::copied(b"canary\xff"),
        });
        let refused = refused.err().unwrap().to_string();
        assert!(
            refused.contains("the password") && !refused.contains("canary"),
            "{refused}"
        );
    }

    fn reply(body: &str) -> Reply {
        Reply {
            status: http::StatusCode::OK,
            headers: http::HeaderMap::new(),
            body: Zeroizing::new(body.as_bytes().to_vec()),
        }
    }

    #[test]
    fn token_and_its_lifetime_are_read() {
        let call = Call {
            verb: "log in at",
            path: "auth/approle/login".to_owned(),
        };
        let body =
            r#"{"auth":{"client_token":"s.x","lease_duration":60,"renewable":true,"token_type":"service"}}"#;
        let token = granted(&call, &reply(body)).unwrap();
        assert_eq!((token.token.as_str(), token.lifetime.as_secs()), ("s.x", 60));
        assert!(token.is_renewable && token.is_revocable);
        let batch = r#"{"auth":{"client_token":"b.x","lease_duration":60,"token_type":"batch"}}"#;
        assert!(!granted(&call, &reply(batch)).unwrap().is_revocable);

        for (body, words) in [
            (r#"{"auth":null}"#, "no token"),
            (r#"{"auth":{"client_token":""}}"#, "no token"),
            (
                r#"{"auth":{"client_token":"","mfa_requirement":{"mfa_request_id":"x"}}}"#,
                "second factor",
            ),
            ("canary", "no token"),
        ] {
            let refused = granted(&call, &reply(body)).err().unwrap().to_string();
            assert!(
                refused.contains(words) && !refused.contains("canary"),
                "{refused}"
            );
        }
    }
}
