//! What an API server is told and tells: Secrets into memory that is wiped, lists of names, reviews. Errors name the
//! call and never quote the text.

use std::{collections::BTreeMap, fmt, sync::Arc};

use seal_core::{Plaintext, decode_base64};
use serde::{
    Deserialize,
    de::{Deserializer, Error, Visitor},
};
use serde_json::json;

use crate::{Answer, Call, Content, SecretValue, StoreError};

pub(super) const WHOLE: &str = "application/json";
pub(super) const NAMES_ONLY: &str = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";

#[derive(Deserialize)]
struct Secret {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    data: Option<BTreeMap<String, Value>>,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    name: String,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

/// A value, decoded before anything else could keep its text.
struct Value(Plaintext);

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Value;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("base64")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
                let bytes = decode_base64(text).map_err(|_| E::custom("not base64"))?;
                Ok(Value(Plaintext::new(bytes)))
            }

            fn visit_unit<E: Error>(self) -> Result<Value, E> {
                Ok(Value(Plaintext::new(Vec::new())))
            }
        }
        deserializer.deserialize_any(Text)
    }
}

pub(super) fn secret(call: &Call, body: &[u8]) -> Result<Answer, StoreError> {
    let entries = parse(call, body)?.data.unwrap_or_default().into_iter();
    Ok(Answer::Value(Arc::new(SecretValue {
        content: Content::Entries(entries.map(|(entry, Value(value))| (entry, value)).collect()),
        version: None,
    })))
}

/// Labels and annotations, as the text of one JSON object.
pub(super) fn metadata(call: &Call, body: &[u8]) -> Result<Answer, StoreError> {
    let Metadata {
        labels, annotations, ..
    } = parse(call, body)?.metadata;
    let text = json!({"annotations": annotations, "labels": labels}).to_string();
    Ok(Answer::Value(Arc::new(SecretValue {
        content: Content::Whole(Plaintext::new(text.into_bytes())),
        version: None,
    })))
}

fn parse(call: &Call, body: &[u8]) -> Result<Secret, StoreError> {
    let secret: Secret = serde_json::from_slice(body).map_err(|_| malformed(call))?;
    match secret.kind.as_str() {
        "Secret" => Ok(secret),
        _ => Err(malformed(call)),
    }
}

/// The names on one page of a list, and the token of the next page.
pub(super) fn names(call: &Call, body: &[u8]) -> Result<(Vec<String>, Option<String>), StoreError> {
    #[derive(Deserialize)]
    struct Page {
        #[serde(default)]
        metadata: PageMetadata,
        items: Vec<Item>,
    }
    #[derive(Default, Deserialize)]
    struct PageMetadata {
        #[serde(default, rename = "continue")]
        more: Option<String>,
    }
    #[derive(Deserialize)]
    struct Item {
        metadata: Metadata,
    }
    let page: Page = serde_json::from_slice(body).map_err(|_| malformed(call))?;
    let names = page.items.into_iter().map(|item| item.metadata.name);
    Ok((
        names.collect(),
        page.metadata.more.filter(|more| !more.is_empty()),
    ))
}

/// Whether a 404 is an API server's word that there is no such Secret, rather than some other server's.
pub(super) fn is_missing_object(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Status {
        kind: String,
        reason: String,
        details: Details,
    }
    #[derive(Deserialize)]
    struct Details {
        kind: String,
    }
    let status: Option<Status> = serde_json::from_slice(body).ok();
    status.is_some_and(|status| {
        status.kind == "Status" && status.reason == "NotFound" && status.details.kind == "secrets"
    })
}

pub(super) fn malformed(call: &Call) -> StoreError {
    StoreError::Nonsense {
        call: call.clone(),
        what: "the answer is not that of a Kubernetes API server",
    }
}

/// For a query: exactly these labels.
pub(super) fn selector(labels: &BTreeMap<String, String>) -> Result<String, StoreError> {
    if labels.is_empty() {
        return Ok(String::new());
    }
    let is_plain = |text: &str, more: &[u8]| {
        let mut bytes = text.bytes();
        bytes.all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) || more.contains(&byte))
    };
    let is_label = |(label, value): (&String, &String)| {
        !label.is_empty() && is_plain(label, b"/") && is_plain(value, b"")
    };
    if !labels.iter().all(is_label) {
        return Err(StoreError::Unsupported("a tag is no label of Kubernetes"));
    }
    let terms: Vec<String> = labels
        .iter()
        .map(|(label, value)| format!("{label}={value}"))
        .collect();
    Ok(format!("&labelSelector={}", encoded(&terms.join(","))))
}

/// All but unreserved characters (RFC 3986, 2.3) as percent and two digits.
pub(super) fn encoded(text: &str) -> String {
    let mut target = String::new();
    crate::network::encode(text, &mut target);
    target
}

/// What the API server takes for the name of a Secret or a namespace (RFC 1123).
pub(super) fn is_name(text: &str) -> bool {
    let is_edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    let is_plain = bytes
        .iter()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(byte));
    is_plain && bytes.len() <= 253 && is_edge(bytes.first()) && is_edge(bytes.last()) && !text.contains("..")
}

/// The questions whether Secrets may be read, by kind.
pub(super) fn reviews(namespace: &str) -> [(&'static str, Vec<u8>); 2] {
    let access = json!({"namespace": namespace, "resource": "secrets", "verb": "get"});
    [
        ("SelfSubjectRulesReview", json!({"namespace": namespace})),
        ("SelfSubjectAccessReview", json!({"resourceAttributes": access})),
    ]
    .map(|(kind, spec)| {
        let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec});
        (kind, review.to_string().into_bytes())
    })
}

/// Whether a review says that Secrets may be read.
pub(super) fn allows(call: &Call, body: &[u8]) -> Result<bool, StoreError> {
    #[derive(Deserialize)]
    struct Review {
        status: Status,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Status {
        #[serde(default)]
        allowed: bool,
        #[serde(default)]
        resource_rules: Vec<Rule>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Rule {
        #[serde(default)]
        verbs: Vec<String>,
        #[serde(default)]
        api_groups: Vec<String>,
        #[serde(default)]
        resources: Vec<String>,
    }
    let has = |list: &[String], word: &str| list.iter().any(|item| item == word || item == "*");
    let Review { status } = serde_json::from_slice(body).map_err(|_| malformed(call))?;
    let ruled = status.resource_rules.iter().any(|rule| {
        let is_core = rule.api_groups.is_empty() || has(&rule.api_groups, "");
        is_core && has(&rule.resources, "secrets") && has(&rule.verbs, "get")
    });
    Ok(status.allowed || ruled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call() -> Call {
        Call {
            verb: "read",
            path: "Secret prod/app".to_owned(),
        }
    }

    #[test]
    fn entries_are_bytes_and_not_text() {
        let body = br#"{"kind":"Secret","data":{"a":"AP8=","b":null}}"#;
        let Answer::Value(value) = secret(&call(), body).unwrap() else {
            panic!("no value")
        };
        let Content::Entries(entries) = &value.content else {
            panic!("not entries")
        };
        assert_eq!(entries["a"].expose(), b"\x00\xff");
        assert!(entries["b"].is_empty());
    }

    #[test]
    fn labels_and_annotations_are_one_object() {
        let body = br#"{"kind":"Secret","metadata":{"labels":{"a":"b"}},"data":{"x":"AA=="}}"#;
        let Answer::Value(value) = metadata(&call(), body).unwrap() else {
            panic!("no value")
        };
        let Content::Whole(text) = &value.content else {
            panic!("entries")
        };
        assert_eq!(text.expose(), br#"{"annotations":null,"labels":{"a":"b"}}"#);
    }

    #[test]
    fn what_is_no_secret_is_neither_missing_nor_quoted() {
        for body in [
            "canary",
            "{}",
            r#"{"kind":"Status"}"#,
            r#"{"kind":"Secret","data":{"a":"canary!"}}"#,
        ] {
            let error = secret(&call(), body.as_bytes()).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("canary"), "{body}");
        }
    }

    #[test]
    fn only_the_api_servers_word_makes_a_secret_missing() {
        let status = |kind: &str, reason: &str, of: &str| {
            format!(r#"{{"kind":"{kind}","reason":"{reason}","details":{{"name":"app","kind":"{of}"}}}}"#)
        };
        assert!(is_missing_object(
            status("Status", "NotFound", "secrets").as_bytes()
        ));
        for body in [
            status("Status", "NotFound", "namespaces"),
            status("Status", "Expired", "secrets"),
            "404 page not found".to_owned(),
            "{}".to_owned(),
        ] {
            assert!(!is_missing_object(body.as_bytes()), "{body}");
        }
    }

    #[test]
    fn names_are_those_that_need_no_encoding() {
        for name in ["app", "a.b-c", "1"] {
            assert!(is_name(name), "{name}");
        }
        for name in [
            "", "..", "a..b", "a/b", "A", "-a", "a-", "a%2fb", "a?x", "a\n", "é",
        ] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn labels_cannot_bring_more_into_a_query() {
        let labels =
            |label: &str, value: &str| selector(&BTreeMap::from([(label.to_owned(), value.to_owned())]));
        assert_eq!(labels("a.b/c", "d").unwrap(), "&labelSelector=a.b%2Fc%3Dd");
        assert!(labels("a", "b,c=d").is_err() && labels("a,b", "c").is_err() && labels("", "c").is_err());
    }

    #[test]
    fn rule_counts_when_it_is_about_reading_core_secrets() {
        let says = |rule: &str| {
            let body = format!(r#"{{"status":{{"resourceRules":[{rule}]}}}}"#);
            allows(&call(), body.as_bytes()).unwrap()
        };
        assert!(says(
            r#"{"verbs":["get"],"apiGroups":[""],"resources":["secrets"]}"#
        ));
        assert!(says(r#"{"verbs":["*"],"apiGroups":["*"],"resources":["*"]}"#));
        assert!(!says(
            r#"{"verbs":["list"],"apiGroups":[""],"resources":["secrets"]}"#
        ));
        assert!(!says(
            r#"{"verbs":["get"],"apiGroups":["apps"],"resources":["secrets"]}"#
        ));
    }
}
