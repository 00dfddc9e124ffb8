//! A kubeconfig that came out of a Secret: only what stands in it counts. Programs, files, proxies and servers whose
//! certificate is not looked at are refused by name (S1), rather than left out, so that nobody is surprised by whom it
//! then logs in as.

use base64::{Engine, engine::general_purpose::STANDARD};
use seal_core::Plaintext;
use seal_document::{DuplicateKeys, Format, Limits, Schema, Value};
use zeroize::Zeroizing;

use super::KubernetesIdentity;
use crate::{Address, ClientCertificate, StoreError, Trust};

/// What a kubeconfig says, as far as it may.
pub(super) struct Inline {
    pub(super) address: Address,
    pub(super) trust: Trust,
    pub(super) identity: KubernetesIdentity,
}

/// What a cluster may say; `insecure-skip-tls-verify` only if it is false.
const CLUSTER: [&str; 4] = [
    "server",
    "certificate-authority-data",
    "insecure-skip-tls-verify",
    "disable-compression",
];
const USER: [&str; 3] = ["token", "client-certificate-data", "client-key-data"];

pub(super) fn read(text: &[u8]) -> Result<Inline, StoreError> {
    let text = seal_document::decode(text).map_err(|_| refused("is not text"))?;
    let format = Format::detect(None, text);
    let stream =
        seal_document::parse(text, format, &Limits::default()).map_err(|_| refused("is not YAML"))?;
    let document = stream.documents().first().ok_or_else(|| refused("is empty"))?;
    let value = document
        .value(Schema::Kubernetes, DuplicateKeys::Error)
        .map_err(|_| refused("cannot be read"))?;
    let current = text_of(&value, "current-context").ok_or_else(|| refused("has no current context"))?;
    let context = named(&value, "contexts", "context", current)?;
    let part =
        |key| text_of(context, key).ok_or_else(|| refused("has a context without a cluster or a user"));
    let cluster = named(&value, "clusters", "cluster", part("cluster")?)?;
    let user = named(&value, "users", "user", part("user")?)?;
    only(cluster, &CLUSTER)?;
    only(user, &USER)?;
    let is_blind = cluster
        .get("insecure-skip-tls-verify")
        .is_some_and(|blind| !blind.is_null() && blind.as_bool() != Some(false));
    if is_blind {
        return Err(refused("does not want the server's certificate to be looked at"));
    }
    let server = text_of(cluster, "server").ok_or_else(|| refused("names no server"))?;
    let trust = match bytes_of(cluster, "certificate-authority-data")? {
        Some(pem) => Trust::Authorities(pem.to_vec()),
        None => Trust::System,
    };
    Ok(Inline {
        address: server.parse()?,
        trust,
        identity: identity(user)?,
    })
}

fn identity(user: &Value) -> Result<KubernetesIdentity, StoreError> {
    if let Some(token) = text_of(user, "token") {
        return Ok(KubernetesIdentity::Token(Plaintext::copied(token.as_bytes())));
    }
    let chain = bytes_of(user, "client-certificate-data")?;
    let (Some(chain), Some(key)) = (chain, bytes_of(user, "client-key-data")?) else {
        return Err(refused(
            "says nowhere who we are: it holds neither a token nor a certificate with its key",
        ));
    };
    Ok(KubernetesIdentity::Certificate(ClientCertificate {
        chain: chain.to_vec(),
        key,
    }))
}

fn named<'a>(value: &'a Value, list: &str, item: &str, name: &str) -> Result<&'a Value, StoreError> {
    let entries = value.get(list).and_then(Value::as_sequence).unwrap_or_default();
    // Of entries with one name the last counts, as for client-go.
    let entry = entries
        .iter()
        .rev()
        .find(|entry| text_of(entry, "name") == Some(name));
    entry
        .and_then(|entry| entry.get(item))
        .ok_or_else(|| refused("names a context, cluster or user that is not in it"))
}

/// Nothing but `allowed` is said; what is empty is not said.
fn only(value: &Value, allowed: &[&str]) -> Result<(), StoreError> {
    let mapping = value
        .as_mapping()
        .ok_or_else(|| refused("has a cluster or user without content"))?;
    let is_said = |value: &Value| !value.is_null() && value.as_str() != Some("");
    let other = mapping
        .iter()
        .find(|(key, value)| is_said(value) && !allowed.contains(key));
    let Some((key, _)) = other else { return Ok(()) };
    let fault = match key {
        "exec" | "auth-provider" => "wants a program to be run, which is not done",
        "certificate-authority" | "client-certificate" | "client-key" | "tokenFile" => {
            "names a file, which is not opened; its content has to stand in it"
        }
        "username" | "password" => "holds a password, which no API server takes any more",
        "proxy-url" => "names a proxy, which is not used",
        "tls-server-name" => "expects another name in the server's certificate, which is not done",
        "as" | "as-uid" | "as-groups" | "as-user-extra" => "wants to act as somebody else, which is not done",
        _ => "says something that is not known",
    };
    Err(refused(fault))
}

fn text_of<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value
        .get(key)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
}

fn bytes_of(value: &Value, key: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
    let decoded = text_of(value, key).map(|text| STANDARD.decode(text));
    let decoded = decoded
        .transpose()
        .map_err(|_| refused("has data that is not base64"))?;
    Ok(decoded.map(Zeroizing::new))
}

fn refused(fault: &str) -> StoreError {
    StoreError::Settings(format!("the kubeconfig {fault}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kubeconfig(cluster: &str, user: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
             contexts: [{{name: c, context: {{cluster: k, user: u}}}}]\n\
             clusters: [{{name: k, cluster: {{{cluster}}}}}]\nusers: [{{name: u, user: {{{user}}}}}]\n"
        )
    }

    const SERVER: &str = "server: https://api.example:6443, certificate-authority-data: Y2E=";

    #[test]
    fn token_or_certificate_inline_is_who_we_are() {
        let inline = read(kubeconfig(SERVER, "token: t0k").as_bytes()).unwrap();
        assert_eq!(inline.address.to_string(), "https://api.example:6443");
        assert_eq!(inline.trust, Trust::Authorities(b"ca".to_vec()));
        assert!(matches!(inline.identity, KubernetesIdentity::Token(token) if token.expose() == b"t0k"));
        let user = "client-certificate-data: YQ==, client-key-data: Yg==";
        let inline = read(kubeconfig(SERVER, user).as_bytes()).unwrap();
        let KubernetesIdentity::Certificate(certificate) = inline.identity else {
            panic!("not a certificate")
        };
        assert_eq!(
            (certificate.chain.as_slice(), certificate.key.as_slice()),
            (&b"a"[..], &b"b"[..])
        );
    }

    #[test]
    fn programs_files_and_blindness_are_refused_also_beside_what_would_do() {
        for (cluster, user, words) in [
            (SERVER, "token: t, exec: {command: /bin/canary}", "program"),
            (SERVER, "auth-provider: {name: canary}", "program"),
            (SERVER, "tokenFile: /etc/canary", "file"),
            (SERVER, "token: t, client-key: /etc/canary", "file"),
            (
                "server: https://a, certificate-authority: /etc/canary",
                "token: t",
                "file",
            ),
            (
                "server: https://a, insecure-skip-tls-verify: true",
                "token: t",
                "certificate",
            ),
            (
                "server: https://a, insecure-skip-tls-verify: \"true\"",
                "token: t",
                "certificate",
            ),
            ("server: https://a, proxy-url: http://canary", "token: t", "proxy"),
            (SERVER, "username: canary, password: canary", "password"),
            (SERVER, "token: t, as: canary", "somebody else"),
            (SERVER, "", "nowhere who we are"),
            (SERVER, "token: ''", "nowhere who we are"),
            ("certificate-authority-data: Y2E=", "token: t", "no server"),
            (
                "server: https://a, certificate-authority-data: canary!",
                "token: t",
                "base64",
            ),
        ] {
            let refused = read(kubeconfig(cluster, user).as_bytes());
            let refused = refused.err().unwrap().to_string();
            assert!(
                refused.contains(words) && !refused.contains("canary"),
                "{cluster} {user}: {refused}"
            );
        }
    }

    #[test]
    fn what_is_no_kubeconfig_is_not_quoted() {
        for text in [
            "canary: [",
            "canary",
            "current-context: canary",
            "\u{0}canary",
            "",
        ] {
            let refused = read(text.as_bytes()).err().unwrap().to_string();
            assert!(!refused.contains("canary"), "{refused}");
        }
    }
}
