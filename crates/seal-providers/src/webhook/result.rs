//! What of an answer is the value: the JSONPath of the store, and upstream's way to make text of what lies there.

use jsonpath_rust::JsonPath;
use seal_core::Plaintext;
use serde_json::Value;
use zeroize::Zeroize;

use crate::{Call, StoreError};

/// A document whose texts are wiped. Numbers and names of members are not (S26): they hold no value that JSON could
/// not have shown as text.
struct Wiped(Value);

impl Drop for Wiped {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(members) => members.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

// A tenant writes them, and the crate bounds neither the parsing of nested calls, each level of which is parsed
// three times, nor what a search everywhere finds.
const LONGEST_PATH: usize = 1024;
const MOST_CALLS: usize = 3;
const MOST_SEARCHED: usize = 256 << 10;

fn is_bounded(json_path: &str, body: &[u8]) -> bool {
    let count = |wanted: &str| json_path.matches(wanted).count();
    let searches = count("..");
    json_path.len() <= LONGEST_PATH
        && count("(") <= MOST_CALLS
        && count("?") <= 2
        && searches <= 1
        && (searches == 0 || body.len() <= MOST_SEARCHED)
}

/// What lies at `json_path` in the JSON `body`. Of several the first, as upstream has it.
pub(super) fn select(call: &Call, body: &[u8], json_path: &str) -> Result<Plaintext, StoreError> {
    let nonsense = |what| StoreError::Nonsense {
        call: call.clone(),
        what,
    };
    if !is_bounded(json_path, body) {
        return Err(StoreError::Settings(
            "result.jsonPath is longer, deeper or searches more than is done for a store".to_owned(),
        ));
    }
    let document = serde_json::from_slice(body).map_err(|_| nonsense("the answer is not JSON"))?;
    let document = Wiped(document);
    let found = document.0.query(json_path);
    // The error would quote the path, into which people render credentials.
    let found = found.map_err(|_| StoreError::Settings("result.jsonPath is no JSONPath".to_owned()))?;
    let mut value = found.into_iter().next();
    while let Some(Value::Array(items)) = value {
        value = items.first();
    }
    match value {
        None => Err(nonsense("the answer has nothing at result.jsonPath")),
        Some(Value::Null) => Ok(Plaintext::copied(b"")),
        Some(Value::String(text)) => Ok(Plaintext::copied(text.as_bytes())),
        Some(other) => {
            let text = serde_json::to_vec(other);
            let text =
                text.map_err(|_| nonsense("the value at result.jsonPath cannot be written as JSON"))?;
            Ok(Plaintext::new(text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call() -> Call {
        Call {
            verb: "read",
            path: "app".to_owned(),
        }
    }

    fn selected(body: &str, path: &str) -> String {
        match select(&call(), body.as_bytes(), path) {
            Ok(value) => String::from_utf8(value.expose().to_vec()).unwrap(),
            Err(error) => format!("! {error}"),
        }
    }

    #[test]
    fn a_path_that_would_not_end_is_not_begun() {
        let nested = format!("$[?{}#{}]", "length(".repeat(40), ")".repeat(40));
        let long = format!("$.{}", "a".repeat(2000));
        for path in [
            nested.as_str(),
            "$..*..*..a",
            long.as_str(),
            "$[?@.a[?@.b[?@.c]]]",
        ] {
            assert!(
                selected("{}", path).contains("than is done for a store"),
                "{path}"
            );
        }
        let large = format!("[{}1]", "[],".repeat(200_000));
        assert!(selected(&large, "$..a").contains("than is done for a store"));
        assert_eq!(selected(&large, "$[200000]"), "1");
        assert_eq!(selected(r#"{"a":{"b":1}}"#, "$..b"), "1");
    }

    #[test]
    fn path_selects_as_upstreams_does() {
        let body = r#"{"a":{"b":"text","n":1.5,"t":true,"o":{"x":1},"z":null,"l":[["first"],"second"],"e":[]},
            "items":[{"name":"p","value":"one"},{"name":"q","value":"two"}]}"#;
        for (path, value) in [
            ("$.a.b", "text"),
            ("$.a.n", "1.5"),
            ("$.a.t", "true"),
            ("$.a.o", r#"{"x":1}"#),
            ("$.a.z", ""),
            ("$.a.l", "first"),
            ("$['a']['b']", "text"),
            ("$.items[1].value", "two"),
            ("$.items[?(@.name=='q')].value", "two"),
            ("$..value", "one"),
            (
                "$.a.e",
                "! cannot read app: the answer has nothing at result.jsonPath",
            ),
            (
                "$.never",
                "! cannot read app: the answer has nothing at result.jsonPath",
            ),
        ] {
            assert_eq!(selected(body, path), value, "{path}");
        }
    }

    #[test]
    fn neither_answer_nor_path_is_quoted() {
        for (body, path) in [("canary", "$.a"), (r#"{"a":"canary"}"#, "$.["), ("{}", "canary[")] {
            let said = selected(body, path);
            assert!(said.starts_with('!') && !said.contains("canary"), "{said}");
        }
    }
}
