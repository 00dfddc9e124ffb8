//! What Vault and OpenBao answer, told apart: a value, no value, and nothing that could hold one. The three arrive with
//! two status codes only, so the body decides; a body of neither's is nonsense and never "missing".

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use seal_core::Plaintext;
use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::KvVersion;
use crate::{Answer, Call, Content, MountFault, SecretValue, StoreError, network::Reply};

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    errors: Option<Vec<Cow<'a, str>>>,
    #[serde(borrow, default)]
    warnings: Option<Vec<Cow<'a, str>>>,
}

#[derive(Deserialize)]
struct Versioned<'a> {
    // An option would take an answer without this field for one in which it is null, which means "deleted".
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(default)]
    metadata: VersionMetadata,
}

#[derive(Default, Deserialize)]
struct VersionMetadata {
    #[serde(default)]
    version: Option<u64>,
}

/// Whether a 404 is a refusal in words of its own, rather than one of those that [`read`] and the others know.
pub(super) fn is_refusal(reply: &Reply) -> bool {
    let body: Option<Body<'_>> = serde_json::from_slice(&reply.body).ok();
    let errors = body.and_then(|body| body.errors).unwrap_or_default();
    !errors.is_empty() && mount_fault(&errors).is_none()
}

/// Whether a 404 says nothing but that, so that another engine could say the same.
pub(super) fn is_bare_404(reply: &Reply) -> bool {
    let body: Option<Body<'_>> = serde_json::from_slice(&reply.body).ok();
    reply.status == 404 && body.is_some_and(|body| body.data.is_none())
}

/// A read of a key/value engine.
pub(super) fn read(version: KvVersion, call: &Call, reply: &Reply) -> Result<Answer, StoreError> {
    let body = parse(call, reply)?;
    let is_absent = reply.status == 404;
    match (version, body.data) {
        // A deleted version is a 404 with its metadata.
        (KvVersion::V2, Some(data)) => versioned(call, data),
        (KvVersion::V1, Some(data)) if !is_absent => value(call, data, None),
        _ if is_absent => absent(call, &body),
        // A success without a value is nobody's way to say "missing".
        _ => Err(malformed(call)),
    }
}

/// What is known about a secret besides its value: three facts and what people wrote, which wins; all as strings.
pub(super) fn metadata(call: &Call, reply: &Reply) -> Result<Answer, StoreError> {
    #[derive(Deserialize)]
    struct Metadata<'a> {
        #[serde(borrow, default)]
        created_time: Option<&'a RawValue>,
        #[serde(borrow, default)]
        current_version: Option<&'a RawValue>,
        #[serde(borrow, default)]
        delete_version_after: Option<&'a RawValue>,
        #[serde(borrow, default)]
        custom_metadata: Option<BTreeMap<Cow<'a, str>, &'a RawValue>>,
    }
    let body = parse(call, reply)?;
    let data = match body.data {
        Some(data) if reply.status != 404 => data,
        _ if reply.status == 404 => return absent(call, &body),
        _ => return Err(malformed(call)),
    };
    let metadata: Metadata<'_> = serde_json::from_str(data.get()).map_err(|_| malformed(call))?;
    if metadata.current_version.is_none() {
        return Err(malformed(call));
    }
    let facts = [
        ("created_time", metadata.created_time),
        ("current_version", metadata.current_version),
        ("delete_version_after", metadata.delete_version_after),
    ];
    let mut all: BTreeMap<Cow<'_, str>, &RawValue> = facts
        .into_iter()
        .filter_map(|(name, value)| Some((Cow::Borrowed(name), value?)))
        .collect();
    all.extend(metadata.custom_metadata.unwrap_or_default());
    let mut text = Zeroizing::new(Vec::with_capacity(data.get().len() * 2 + 64));
    for (index, (name, value)) in all.iter().enumerate() {
        text.extend_from_slice(if index == 0 { b"{" } else { b"," });
        text.extend_from_slice(&json(name));
        text.push(b':');
        match value.get() {
            string if string.starts_with('"') => text.extend_from_slice(string.as_bytes()),
            other => text.extend_from_slice(&json(other)),
        }
    }
    text.extend_from_slice(if all.is_empty() { b"{}" } else { b"}" });
    Ok(Answer::Value(Arc::new(SecretValue {
        content: Content::Whole(Plaintext::from(text)),
        version: None,
    })))
}

/// The tags that people wrote beside a secret, none where there is no secret; or why there can be none.
pub(super) fn tags(
    call: &Call,
    reply: &Reply,
) -> Result<Result<BTreeMap<String, String>, MountFault>, StoreError> {
    let body = parse(call, reply)?;
    match body.data {
        Some(data) if reply.status != 404 => {
            let tagged: Tagged = serde_json::from_str(data.get()).map_err(|_| malformed(call))?;
            Ok(Ok(tagged.custom_metadata.unwrap_or_default()))
        }
        _ if reply.status == 404 => match absent(call, &body)? {
            Answer::MountMissing(fault) => Ok(Err(fault)),
            _ => Ok(Ok(BTreeMap::new())),
        },
        _ => Err(malformed(call)),
    }
}

/// The tags of every secret in an answer that holds them all, by name.
pub(super) fn details(
    call: &Call,
    reply: &Reply,
) -> Result<BTreeMap<String, BTreeMap<String, String>>, StoreError> {
    #[derive(Deserialize)]
    struct Detailed {
        #[serde(default)]
        key_info: BTreeMap<String, Tagged>,
    }
    let body = parse(call, reply)?;
    let Some(data) = body.data.filter(|_| reply.status != 404) else {
        // Why there is none is found out by listing.
        return Ok(BTreeMap::new());
    };
    let detailed: Detailed = serde_json::from_str(data.get()).map_err(|_| malformed(call))?;
    let tagged = detailed.key_info.into_iter();
    Ok(tagged
        .map(|(name, tagged)| (name, tagged.custom_metadata.unwrap_or_default()))
        .collect())
}

#[derive(Deserialize)]
struct Tagged {
    #[serde(default)]
    custom_metadata: Option<BTreeMap<String, String>>,
}

/// The names in a folder, those of folders with a slash behind; or why there can be none.
pub(super) fn names(call: &Call, reply: &Reply) -> Result<Result<Vec<String>, MountFault>, StoreError> {
    #[derive(Deserialize)]
    struct Listed {
        #[serde(default)]
        keys: Vec<String>,
    }
    let body = parse(call, reply)?;
    match body.data.filter(|_| reply.status != 404) {
        Some(data) => {
            let listed: Listed = serde_json::from_str(data.get()).map_err(|_| malformed(call))?;
            Ok(Ok(listed.keys))
        }
        None if reply.status == 404 => match absent(call, &body)? {
            Answer::MountMissing(fault) => Ok(Err(fault)),
            _ => Ok(Ok(Vec::new())),
        },
        None => Err(malformed(call)),
    }
}

/// What an answer complains of, as the store puts it.
pub(super) fn complaints(body: &[u8]) -> String {
    let parsed: Option<Body<'_>> = serde_json::from_slice(body).ok();
    parsed.and_then(|body| body.errors).unwrap_or_default().join("; ")
}

fn parse<'a>(call: &Call, reply: &'a Reply) -> Result<Body<'a>, StoreError> {
    serde_json::from_slice(&reply.body).map_err(|_| malformed(call))
}

fn versioned(call: &Call, data: &RawValue) -> Result<Answer, StoreError> {
    // Without a field of that name it is another engine's answer.
    let versioned: Versioned<'_> = serde_json::from_str(data.get()).map_err(|_| StoreError::Nonsense {
        call: call.clone(),
        what: "the answer is not that of a key/value engine of version 2",
    })?;
    match versioned.data.get() {
        "null" => Ok(Answer::Missing),
        _ => value(call, versioned.data, versioned.metadata.version),
    }
}

fn value(call: &Call, data: &RawValue, version: Option<u64>) -> Result<Answer, StoreError> {
    let text = data.get();
    if !text.starts_with('{') {
        return Err(malformed(call));
    }
    Ok(Answer::Value(Arc::new(SecretValue {
        content: Content::Whole(Plaintext::copied(text.as_bytes())),
        version,
    })))
}

/// What a 404 means. An engine that has nothing at a path says so with an empty list of errors; words mean that no
/// engine was reached.
fn absent(call: &Call, body: &Body<'_>) -> Result<Answer, StoreError> {
    let warned = body.warnings.iter().flatten();
    if warned
        .into_iter()
        .any(|words| words.starts_with("Invalid path for a versioned K/V"))
    {
        return Ok(Answer::MountMissing(MountFault::OtherEngine));
    }
    let Some(errors) = &body.errors else {
        return Err(malformed(call));
    };
    if errors.is_empty() {
        return Ok(Answer::Missing);
    }
    mount_fault(errors)
        .map(Answer::MountMissing)
        .ok_or_else(|| malformed(call))
}

/// What a store says when a request has not reached an engine of the kind that was meant.
fn mount_fault(errors: &[Cow<'_, str>]) -> Option<MountFault> {
    let says = |words: &str| errors.iter().any(|error| error.contains(words));
    if says("no handler for route") || says("route entry not found") {
        Some(MountFault::NoEngine)
    } else if says("namespace not found") {
        Some(MountFault::NoNamespace)
    } else if says("unsupported path") {
        Some(MountFault::OtherEngine)
    } else {
        None
    }
}

fn malformed(call: &Call) -> StoreError {
    StoreError::Nonsense {
        call: call.clone(),
        what: "the answer is not that of a Vault or an OpenBao",
    }
}

fn json(text: &str) -> Vec<u8> {
    serde_json::to_vec(text).expect("a string is JSON")
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        Reply {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Zeroizing::new(body.as_bytes().to_vec()),
        }
    }

    fn call() -> Call {
        Call {
            verb: "read",
            path: "secret/data/app".to_owned(),
        }
    }

    fn shown(answer: Result<Answer, StoreError>) -> String {
        match answer {
            Ok(Answer::Value(value)) => {
                let Content::Whole(text) = &value.content else {
                    panic!("entries");
                };
                let text = String::from_utf8(text.expose().to_vec()).unwrap();
                format!("{text} v{}", value.version.unwrap_or(0))
            }
            Ok(other) => format!("{other:?}"),
            Err(error) => format!("{:?}", error.blame()),
        }
    }

    // Bodies as OpenBao 2.7 sends them, shortened.
    const DELETED: &str =
        r#"{"data":{"data":null,"metadata":{"deletion_time":"x","version":1}},"warnings":null}"#;
    const V2_ON_V1: &str =
        r#"{"data":null,"warnings":["Invalid path for a versioned K/V secrets engine. See the API docs"]}"#;
    const UNMOUNTED: &str = r#"{"errors":["no handler for route \"no/data/a\". route entry not found."]}"#;

    #[test]
    fn value_missing_and_no_engine_are_told_apart() {
        use KvVersion::{V1, V2};
        for (version, status, body, means) in [
            (
                V2,
                200,
                r#"{"data":{"data":{"b":1.50,"a":"\u003c"},"metadata":{"version":3}}}"#,
                r#"{"b":1.50,"a":"\u003c"} v3"#,
            ),
            (V2, 404, DELETED, "Missing"),
            (V2, 404, r#"{"errors":[]}"#, "Missing"),
            (V2, 404, UNMOUNTED, "MountMissing(NoEngine)"),
            (
                V2,
                404,
                r#"{"errors":["namespace not found"]}"#,
                "MountMissing(NoNamespace)",
            ),
            (V2, 200, r#"{"data":{"username":"x"}}"#, "Nonsense"),
            (V2, 200, r#"{"data":{"data":["list"],"metadata":{}}}"#, "Nonsense"),
            (V1, 200, r#"{"data":{"a":{"b":1}}}"#, r#"{"a":{"b":1}} v0"#),
            (V1, 200, r#"{"data":null}"#, "Nonsense"),
            (V1, 200, r#"{"status":"ok"}"#, "Nonsense"),
            (V2, 200, r#"{"status":"ok"}"#, "Nonsense"),
            (V2, 200, r#"{"data":{"data":null,"metadata":{}}}"#, "Missing"),
            (V1, 404, r#"{"errors":[]}"#, "Missing"),
            (V1, 404, V2_ON_V1, "MountMissing(OtherEngine)"),
            (V1, 404, UNMOUNTED, "MountMissing(NoEngine)"),
        ] {
            assert_eq!(
                shown(read(version, &call(), &reply(status, body))),
                means,
                "{version:?} {status} {body}"
            );
        }
    }

    #[test]
    fn foreign_404_is_never_a_missing_secret() {
        for body in [
            "<html>404 Not Found</html>",
            "",
            "{}",
            r#"{"message":"no Route matched with those values"}"#,
            r#"{"errors":["something that nobody has seen yet"]}"#,
            r#"{"errors":"not found"}"#,
            "[]",
            "null",
        ] {
            for version in [KvVersion::V1, KvVersion::V2] {
                let outcome = read(version, &call(), &reply(404, body));
                assert!(outcome.is_err(), "{version:?} {body}: {outcome:?}");
            }
            assert!(metadata(&call(), &reply(404, body)).is_err(), "{body}");
            assert!(names(&call(), &reply(404, body)).is_err(), "{body}");
        }
    }

    #[test]
    fn metadata_is_three_facts_and_what_people_wrote_which_wins() {
        let body = r#"{"data":{"created_time":"2026-01-01T00:00:00Z","current_version":3,"max_versions":0,
            "custom_metadata":{"owner":"\"us\"","current_version":"mine"},"delete_version_after":"0s"}}"#;
        assert_eq!(
            shown(metadata(&call(), &reply(200, body))),
            r#"{"created_time":"2026-01-01T00:00:00Z","current_version":"mine","delete_version_after":"0s","owner":"\"us\""} v0"#
        );
        let body = r#"{"data":{"current_version":3,"custom_metadata":null}}"#;
        assert_eq!(
            shown(metadata(&call(), &reply(200, body))),
            r#"{"current_version":"3"} v0"#
        );
        assert_eq!(
            shown(metadata(&call(), &reply(404, r#"{"errors":[]}"#))),
            "Missing"
        );
    }

    #[test]
    fn empty_folder_and_no_engine_are_told_apart() {
        let names = |status, body: &str| names(&call(), &reply(status, body)).unwrap();
        assert_eq!(
            names(200, r#"{"data":{"keys":["a","d/"]}}"#),
            Ok(vec!["a".to_owned(), "d/".to_owned()])
        );
        assert_eq!(names(200, r#"{"data":{}}"#), Ok(vec![]));
        assert_eq!(names(404, r#"{"errors":[]}"#), Ok(vec![]));
        assert_eq!(names(404, UNMOUNTED), Err(MountFault::NoEngine));
    }

    #[test]
    fn secret_without_tags_and_no_engine_are_told_apart() {
        let tags = |status, body: &str| tags(&call(), &reply(status, body));
        let tagged = tags(200, r#"{"data":{"custom_metadata":{"a":"b"}}}"#)
            .unwrap()
            .unwrap();
        assert_eq!(tagged["a"], "b");
        assert_eq!(
            tags(200, r#"{"data":{"custom_metadata":null}}"#),
            Ok(Ok(BTreeMap::new()))
        );
        assert_eq!(tags(404, r#"{"errors":[]}"#), Ok(Ok(BTreeMap::new())));
        // Else what was found before would vanish with an engine that is taken away while it is looked through.
        assert_eq!(tags(404, UNMOUNTED), Ok(Err(MountFault::NoEngine)));
        assert!(tags(404, "<html>").is_err() && tags(200, "{}").is_err());
    }

    #[test]
    fn broken_answer_is_not_quoted() {
        let body = r#"{"data":{"data":{"a":"canary"#;
        let error = read(KvVersion::V2, &call(), &reply(200, body)).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"));
    }

    #[test]
    fn complaints_are_the_stores_and_nothing_else() {
        assert_eq!(complaints(br#"{"errors":["a","b"],"data":"c"}"#), "a; b");
        assert_eq!(complaints(b"<html>canary</html>"), "");
    }
}
