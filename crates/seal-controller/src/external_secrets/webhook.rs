//! From a store's block `webhook` to a client, with everything that it refers to read, and what renders its requests:
//! `seal-providers` knows no templates, and the engine's templates know no network.
//!
//! The author of an ExternalSecret chooses key, version and property, never the host (S6): that is rendered once,
//! from the store's own values alone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use jiff::Timestamp;
use seal_api::external_secrets::WebhookProvider;
use seal_core::{Plaintext, RandomSource, SystemRandom};
use seal_providers::webhook::{WebhookClient, WebhookRequest, WebhookSettings};
use seal_providers::{Asker, Limits, Meter, Reach, RemotePath, StoreError, Timeouts};
use seal_template::environment::Random;
use seal_template::external_secrets::parse;
use seal_template::value::{Map, Text};
use seal_template::{Budget, Delimiters, Env, Functions, Limits as TemplateLimits, Template, Value};
use zeroize::Zeroizing;

use super::credentials::{Credentials, Lacking, unusable};
use crate::rendering::BundledZones;

// Whose Secret may go into requests to a service is that Secret's owner to say: upstream's label.
const LABEL: (&str, &str) = ("external-secrets.io/type", "webhook");
const LONGEST: Duration = Duration::from_secs(60);

/// A client for `provider`, whose templates may use these functions.
pub(super) async fn client(
    provider: &WebhookProvider,
    credentials: &mut Credentials<'_>,
    reach: Reach,
    meter: Option<Arc<dyn Meter>>,
    functions: &Functions,
) -> Result<WebhookClient, Lacking> {
    if provider.auth.is_some() {
        return Err(unusable("auth method ntlm is not supported"));
    }
    let mut secrets = BTreeMap::new();
    for secret in &provider.secrets {
        let entries = credentials.labelled_secret(&secret.secret_ref, LABEL).await?;
        secrets.insert(secret.name.clone(), entries);
    }
    let named = provider.method.as_deref().filter(|method| !method.is_empty());
    let method = Method::try_from(named.unwrap_or("GET")).map_err(|_| unusable("method is none"))?;
    let mut timeouts = Timeouts::default();
    if let Some(timeout) = &provider.timeout {
        let nanoseconds = timeout
            .nanoseconds()
            .ok()
            .and_then(|time| u64::try_from(time).ok());
        let time = nanoseconds.ok_or_else(|| unusable("timeout is no duration"))?;
        if time > 0 {
            timeouts.request = Duration::from_nanos(time).min(LONGEST);
        }
    }
    let trust = credentials
        .trust(provider.ca_bundle.as_ref(), provider.ca_provider.as_ref())
        .await?;
    let refused = |error: StoreError| unusable(&error.to_string());
    let templates = Templates::of(provider, secrets, functions).map_err(refused)?;
    let origin = templates.origin(&provider.url, functions).map_err(refused)?;
    let settings = WebhookSettings {
        origin: origin.parse().map_err(refused)?,
        method,
        rendering: Arc::new(move |asker, path| templates.request(asker, path)),
        trust,
        reach,
        timeouts,
        limits: Limits::default(),
        meter,
    };
    WebhookClient::new(settings).map_err(refused)
}

type Secrets = BTreeMap<String, BTreeMap<String, Plaintext>>;

/// The templates of one store, read, and the values of its own that they may use.
struct Templates {
    url: Template,
    headers: Vec<(String, Template)>,
    body: Template,
    json_path: Template,
    secrets: Secrets,
}

/// Whether values are made fit for the query of an address.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    Address,
    Text,
}

impl Templates {
    fn of(provider: &WebhookProvider, secrets: Secrets, functions: &Functions) -> Result<Self, StoreError> {
        let headers = provider.headers.iter().map(|(name, value)| {
            let template = read(&format!("headers.{name}"), value, functions)?;
            Ok((name.clone(), template))
        });
        let json_path = provider
            .result
            .as_ref()
            .and_then(|result| result.json_path.as_deref());
        Ok(Self {
            url: read("url", &provider.url, functions)?,
            headers: headers.collect::<Result<_, StoreError>>()?,
            body: read("body", provider.body.as_deref().unwrap_or_default(), functions)?,
            json_path: read("result.jsonPath", json_path.unwrap_or_default(), functions)?,
            secrets,
        })
    }

    /// Scheme, host and port, from what is the store's own: a host that a key is part of cannot be rendered.
    fn origin(&self, url: &str, functions: &Functions) -> Result<Zeroizing<String>, StoreError> {
        let template = read("url", authority(url), functions)?;
        let dot = self.dot(None, For::Address);
        utf8("url", render("url", &template, &dot, &mut Budget::default())?)
    }

    fn request(&self, asker: &Asker, path: &RemotePath) -> Result<WebhookRequest, StoreError> {
        let mut budget = Budget::default();
        let address = self.dot(Some((asker, path)), For::Address);
        let url = utf8("url", render("url", &self.url, &address, &mut budget)?)?;
        let dot = self.dot(Some((asker, path)), For::Text);
        let headers = self.headers.iter().map(|(name, template)| {
            let value = render(&format!("headers.{name}"), template, &dot, &mut budget)?;
            Ok((name.clone(), value))
        });
        let headers = headers.collect::<Result<_, StoreError>>()?;
        let json_path = render("result.jsonPath", &self.json_path, &dot, &mut budget)?;
        Ok(WebhookRequest {
            url,
            headers,
            body: render("body", &self.body, &dot, &mut budget)?,
            json_path: utf8("result.jsonPath", json_path)?,
        })
    }

    fn dot(&self, asked: Option<(&Asker, &RemotePath)>, purpose: For) -> Value {
        let text = |value: &[u8]| match purpose {
            For::Text => Text::new(value),
            For::Address => Text::from(query_escaped(value)),
        };
        let pair = |name: &str, value: &[u8]| (Text::new(name), text(value));
        let mut members: Vec<(Text, Value)> = Vec::new();
        for (name, entries) in &self.secrets {
            let entries = entries.iter().map(|(entry, value)| pair(entry, value.expose()));
            members.push((Text::new(name), Map::texts(entries).into()));
        }
        if let Some((asker, path)) = asked {
            let optional = |value: &Option<String>| value.clone().unwrap_or_default();
            let reference = [
                pair("key", path.key.as_bytes()),
                pair("version", optional(&path.version).as_bytes()),
                pair("property", optional(&path.property).as_bytes()),
                pair("namespace", asker.namespace.as_bytes()),
            ];
            // Last, so that no Secret takes its place.
            members.push((Text::new("remoteRef"), Map::texts(reference).into()));
        }
        Value::Map(Map::new(members))
    }
}

/// The part of an address up to its path, as it is written: the first slash that is neither the scheme's nor within
/// an action ends it.
fn authority(url: &str) -> &str {
    let mut inside = false;
    let bytes = url.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        if rest.starts_with(b"{{") || rest.starts_with(b"}}") {
            inside = rest.starts_with(b"{{");
            at += 2;
        } else if !inside && rest.starts_with(b"://") {
            at += 3;
        } else if !inside && matches!(bytes[at], b'/' | b'?' | b'#') {
            return &url[..at];
        } else {
            at += 1;
        }
    }
    url
}

fn read(name: &str, source: &str, functions: &Functions) -> Result<Template, StoreError> {
    let parsed = parse(name, source, functions, &Delimiters::default());
    parsed.map_err(|error| StoreError::Settings(error.to_string()))
}

fn render(
    name: &str,
    template: &Template,
    dot: &Value,
    budget: &mut Budget,
) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let mut env = Env {
        now: Timestamp::now(),
        zones: &BundledZones,
        random: &mut Fresh,
    };
    let rendered = template.render_within(dot, &mut env, &TemplateLimits::default(), budget);
    rendered.map_err(|error| StoreError::Settings(format!("the template of {name} fails: {error}")))
}

/// For requests, which nobody compares with earlier ones: a nonce has to be new each time.
struct Fresh;

impl Random for Fresh {
    fn fill(&mut self, bytes: &mut [u8]) {
        let filled = SystemRandom.fill(bytes);
        filled.expect("the system's generator does not run dry once it has begun");
    }
}

fn utf8(name: &str, text: Zeroizing<Vec<u8>>) -> Result<Zeroizing<String>, StoreError> {
    let text = std::str::from_utf8(&text).map(|text| Zeroizing::new(text.to_owned()));
    text.map_err(|_| StoreError::Settings(format!("the template of {name} makes no text")))
}

// As Go's url.QueryEscape, which upstream uses for the whole address.
fn query_escaped(value: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut escaped = Zeroizing::new(Vec::with_capacity(value.len() * 3));
    for byte in value {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => escaped.push(*byte),
            b' ' => escaped.push(b'+'),
            _ => {
                let digit = |half: u8| b"0123456789ABCDEF"[usize::from(half)];
                escaped.extend([b'%', digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use seal_providers::Allowed;

    use super::*;

    fn templates(provider: &WebhookProvider) -> Templates {
        let canary = BTreeMap::from([("token".to_owned(), Plaintext::copied(b"s3 cret"))]);
        let host = BTreeMap::from([("name".to_owned(), Plaintext::copied(b"host.example"))]);
        let secrets = BTreeMap::from([("auth".to_owned(), canary), ("server".to_owned(), host)]);
        Templates::of(provider, secrets, &functions()).unwrap()
    }

    fn functions() -> Functions {
        seal_template::external_secrets::functions()
    }

    fn webhook(url: &str) -> WebhookProvider {
        WebhookProvider {
            url: url.to_owned(),
            ..WebhookProvider::default()
        }
    }

    fn asker() -> Asker {
        Asker {
            namespace: "team-a".to_owned(),
            allowed: Arc::new(Allowed::everything()),
        }
    }

    #[test]
    fn address_is_escaped_and_headers_and_body_are_not() {
        let provider = WebhookProvider {
            headers: BTreeMap::from([("x-token".to_owned(), "{{ .auth.token }}".to_owned())]),
            body: Some("{{ .remoteRef.key }} {{ .remoteRef.namespace }} {{ .remoteRef.version }}".to_owned()),
            ..webhook("https://a/{{ .remoteRef.key }}?p={{ .remoteRef.property }}&t={{ .auth.token }}")
        };
        let path = RemotePath {
            property: Some("x&y".to_owned()),
            ..RemotePath::of("a/../b")
        };
        let request = templates(&provider).request(&asker(), &path).unwrap();
        assert_eq!(*request.url, "https://a/a%2F..%2Fb?p=x%26y&t=s3+cret");
        assert_eq!(request.headers[0].1.as_slice(), b"s3 cret");
        assert_eq!(request.body.as_slice(), b"a/../b team-a ");
        assert_eq!(*request.json_path, "");
    }

    #[test]
    fn host_is_of_the_stores_values_and_never_of_a_key() {
        let origin = |url: &str| {
            let provider = webhook(url);
            let origin = templates(&provider).origin(&provider.url, &functions());
            origin.map(|origin| origin.to_string())
        };
        for (url, host) in [
            (
                "https://a.example:8443/{{ .remoteRef.key }}",
                "https://a.example:8443",
            ),
            ("https://a.example?{{ .remoteRef.key }}", "https://a.example"),
            ("http://{{ .server.name }}/x", "http://host.example"),
            (r#"http://{{ list "a/b" "c" | last }}/x"#, "http://c"),
        ] {
            assert_eq!(origin(url).unwrap(), host, "{url}");
        }
        for url in [
            "https://{{ .remoteRef.key }}/x",
            "{{ .remoteRef.key }}",
            "https://a{{ .remoteRef.key }}/",
        ] {
            let refused = origin(url).unwrap_err().to_string();
            assert!(refused.contains("remoteRef"), "{url}: {refused}");
        }
    }

    #[test]
    fn template_that_fails_does_not_tell_what_it_was_given() {
        for body in [
            "{{ fail .auth.token }}",
            "{{ .auth.token.x }}",
            "{{ index .auth.token .auth.token }}",
        ] {
            let provider = WebhookProvider {
                body: Some(body.to_owned()),
                ..webhook("https://a/")
            };
            let request = templates(&provider).request(&asker(), &RemotePath::of("k"));
            let refused = request.err().unwrap().to_string();
            assert!(!refused.contains("s3 cret"), "{refused}");
        }
    }
}
