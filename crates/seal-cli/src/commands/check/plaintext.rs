//! Secrets that are not sealed: which of their values are values, and which stand for one that comes from
//! elsewhere.

use seal_api::annotations::{KEY_LABEL, LAST_APPLIED};
use seal_core::decode_base64;
use seal_document::{Node, Value};
use zeroize::Zeroizing;

use super::finding::{Finding, position_of, shortened};
use super::rules;

/// Judges a Secret.
pub(super) fn judge(value: &Value, node: &Node<'_>, object: &str, findings: &mut Vec<Finding>) {
    let mut first = None;
    let mut entries = Vec::new();
    for field in ["data", "stringData"] {
        let Some(values) = value.get(field).and_then(Value::as_mapping) else {
            continue;
        };
        for (entry, value) in values.iter() {
            if is_value(value, field == "data") {
                first.get_or_insert((field, entry));
                entries.push(shortened(entry));
            }
        }
    }
    if let Some((field, entry)) = first {
        let is_key = value
            .get("metadata")
            .and_then(|metadata| metadata.get("labels")?.get(KEY_LABEL))
            .is_some();
        let rule = match is_key {
            true => &rules::SEALING_KEY,
            false => &rules::PLAINTEXT_SECRET,
        };
        findings.push(
            Finding::new(rule, position_of(node, &[field, entry]))
                .about(object)
                .field(format!("{field}.{}", shortened(entry)))
                .masked(entry)
                .what(format!("{}: {}", rule.sentence, listed(&entries))),
        );
    }
    last_applied(value, node, &["metadata"], object, findings);
}

/// Judges the annotations of `value` below `path` by what `kubectl apply` leaves in them.
pub(super) fn last_applied(
    value: &Value,
    node: &Node<'_>,
    path: &[&str],
    object: &str,
    findings: &mut Vec<Finding>,
) {
    let metadata = path.iter().try_fold(value, |value, key| value.get(key));
    let Some(annotations) = metadata.and_then(|metadata| metadata.get("annotations")) else {
        return;
    };
    for annotation in LAST_APPLIED {
        if annotations
            .get(annotation)
            .and_then(Value::as_str)
            .is_some_and(|text| !text.is_empty())
        {
            let keys: Vec<&str> = path.iter().copied().chain(["annotations", annotation]).collect();
            findings.push(
                Finding::new(&rules::LAST_APPLIED, position_of(node, &keys))
                    .about(object)
                    .field(keys.join("."))
                    .masked(annotation),
            );
        }
    }
}

/// Whether `value` is a value, rather than nothing, something public, or what another tool will replace.
pub(super) fn is_value(value: &Value, base64: bool) -> bool {
    let Some(text) = value.as_str() else {
        return matches!(
            value,
            Value::Bool(_) | Value::Integer(_) | Value::Unsigned(_) | Value::Float(_)
        );
    };
    if stands_for_another(text) {
        return false;
    }
    match decode_base64(text.trim()).map(Zeroizing::new) {
        Ok(bytes) if base64 => {
            std::str::from_utf8(&bytes).map_or(!bytes.is_empty(), |text| !stands_for_another(text))
        }
        _ => true,
    }
}

/// Whether `text` is nothing, a public PEM block, or a reference that a tool resolves: templates (Helm,
/// envsubst, Flux, Kustomize), SOPS, the Argo CD and Bank-Vaults plugins, vals.
pub(super) fn stands_for_another(text: &str) -> bool {
    let text = text.trim();
    let wraps = |open: &str, close: &str| {
        text.find(open)
            .is_some_and(|at| text[at + open.len()..].contains(close))
    };
    let is_tag = text.starts_with('<') && text.ends_with('>') && !text.contains([' ', '\n']);
    text.is_empty()
        || wraps("{{", "}}")
        || wraps("${", "}")
        || wraps("$(", ")")
        || is_tag
        || ["ENC[AES256_GCM,", "vault:", "ref+", "op://"]
            .iter()
            .any(|start| text.starts_with(start))
        || is_public(text)
}

// Certificates and public keys alone.
fn is_public(text: &str) -> bool {
    text.starts_with("-----BEGIN ")
        && text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("-----BEGIN "))
            .all(|tag| tag.starts_with("CERTIFICATE") || tag.contains("PUBLIC KEY"))
}

fn listed(entries: &[String]) -> String {
    const MOST: usize = 5;
    match entries.len().checked_sub(MOST) {
        None | Some(0) => entries.join(", "),
        Some(more) => format!("{} and {more} more", entries[..MOST].join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_a_value_is_none() {
        for text in [
            "",
            " \n",
            "{{ .Values.password }}",
            "postgres://u:{{ .p }}@h",
            "${PASSWORD}",
            "$(cat x)",
            "<path:secret/data/db#password>",
            "<password>",
            "ENC[AES256_GCM,data:x,type:str]",
            "vault:secret/data/db#password",
            "ref+vault://secret/db",
            "op://vault/item/field",
            "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        ] {
            assert!(!is_value(&Value::from(text), false), "{text}");
            assert!(
                !is_value(&Value::from(seal_core::encode_base64(text.as_bytes())), true),
                "{text}"
            );
        }
        for text in [
            "changeme",
            "5",
            "a<b>",
            "$ecret",
            "-----BEGIN CERTIFICATE-----\nx\n-----BEGIN PRIVATE KEY-----\n",
        ] {
            assert!(is_value(&Value::from(text), false), "{text}");
            assert!(
                is_value(&Value::from(seal_core::encode_base64(text.as_bytes())), true),
                "{text}"
            );
        }
        assert!(is_value(&Value::from(5), false) && is_value(&Value::from("no base64"), true));
        assert!(!is_value(&Value::Null, false));
    }

    #[test]
    fn a_long_list_of_entries_is_cut() {
        let entries: Vec<String> = (0..7).map(|n| n.to_string()).collect();
        assert_eq!(listed(&entries), "0, 1, 2, 3, 4 and 2 more");
        assert_eq!(listed(&entries[..5]), "0, 1, 2, 3, 4");
    }
}
