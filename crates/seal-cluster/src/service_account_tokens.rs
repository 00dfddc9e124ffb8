//! Tokens of ServiceAccounts, minted by the TokenRequest API for as long as Kubernetes mints them at least.
//!
//! Whose tokens may be minted for whom is the caller's to judge (S2); no token is ever taken from a legacy Secret.

use http::{Method, Request};
use kube::Client;
use seal_core::Plaintext;
use seal_document::{DuplicateKeys, Format, Limits, Schema, Value, parse};
use serde_json::json;
use zeroize::Zeroizing;

use crate::call::{CallError, Deed, send, wiped};

/// What minting takes.
pub const MINT: Deed = Deed {
    verb: "create",
    resource: "serviceaccounts/token",
};

// In seconds: Kubernetes mints none for less, and S2 none for more.
const LIFETIME: u32 = 600;

/// A token of the ServiceAccount `namespace/name` for `audiences`; for the API server itself where there are none.
///
/// # Errors
/// [`CallError`].
pub async fn mint(
    client: &Client,
    namespace: &str,
    name: &str,
    audiences: &[String],
) -> Result<Plaintext, CallError> {
    let body = json!({
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"audiences": audiences, "expirationSeconds": LIFETIME},
    });
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!(
            "/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        ))
        .header(http::header::ACCEPT, "application/json")
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(wiped(Zeroizing::new(body.to_string().into_bytes())))?;
    let answer = send(client, request).await?;
    token(&answer).ok_or(CallError::Unexpected)
}

fn token(answer: &[u8]) -> Option<Plaintext> {
    let text = std::str::from_utf8(answer).ok()?;
    let stream = parse(text, Format::Json, &Limits::default()).ok()?;
    let whole = stream.documents().first()?;
    let whole = whole.value(Schema::Kubernetes, DuplicateKeys::LastWins).ok()?;
    let token = whole.get("status")?.get("token").and_then(Value::as_str)?;
    (!token.is_empty()).then(|| Plaintext::copied(token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_without_a_token_yields_none() {
        let minted = token(br#"{"kind": "TokenRequest", "status": {"token": "a.b.c"}}"#);
        assert_eq!(minted.unwrap().expose(), b"a.b.c");
        for answer in [
            "",
            "{}",
            r#"{"status": {"token": ""}}"#,
            r#"{"status": {"token": 7}}"#,
        ] {
            assert!(token(answer.as_bytes()).is_none(), "{answer}");
        }
    }
}
