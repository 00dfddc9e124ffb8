//! Names that may become part of an encryption label, validated before they do (S7).
//!
//! `prod/db` as a namespace would otherwise make the namespace-wide label equal to the strict label
//! of another object. Only the syntax is judged here, never whether such an object exists.

use std::fmt;
use std::str::FromStr;

/// A namespace's name: a DNS-1123 label (RFC 1123), at most 63 characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Namespace(String);

/// An object's name: a DNS-1123 subdomain, at most 253 characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName(String);

/// A name that Kubernetes would refuse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{what} {found:?} is not a valid name: lower-case letters, digits and '-'{dots}, at most {limit} characters, beginning and ending with a letter or digit"
)]
pub struct InvalidName {
    what: &'static str,
    found: String,
    dots: &'static str,
    limit: usize,
}

const LABEL_LIMIT: usize = 63;
const SUBDOMAIN_LIMIT: usize = 253;

fn is_label(text: &str) -> bool {
    let bytes = text.as_bytes();
    let alphanumeric = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    match (bytes.first(), bytes.last()) {
        (Some(first), Some(last)) => {
            alphanumeric(first)
                && alphanumeric(last)
                && bytes.iter().all(|byte| alphanumeric(byte) || *byte == b'-')
        }
        _ => false,
    }
}

impl FromStr for Namespace {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if text.len() <= LABEL_LIMIT && is_label(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidName {
            what: "namespace",
            found: shown(text),
            dots: "",
            limit: LABEL_LIMIT,
        })
    }
}

impl FromStr for ObjectName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        // Kubernetes limits a subdomain's whole length only, not that of its parts.
        if text.len() <= SUBDOMAIN_LIMIT && text.split('.').all(is_label) {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidName {
            what: "name",
            found: shown(text),
            dots: " or '.'",
            limit: SUBDOMAIN_LIMIT,
        })
    }
}

fn shown(text: &str) -> String {
    text.chars().take(SUBDOMAIN_LIMIT + 10).collect()
}

impl AsRef<str> for Namespace {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for ObjectName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_with_a_slash_never_becomes_a_label() {
        for bad in ["prod/db", "", "-a", "a-", "A", "a.b", "a b", "ä", &"a".repeat(64)] {
            assert!(bad.parse::<Namespace>().is_err(), "{bad:?}");
        }
        assert_eq!(
            "kube-system".parse::<Namespace>().unwrap().as_ref(),
            "kube-system"
        );
    }

    #[test]
    fn a_name_may_have_dots_between_labels_only() {
        for bad in ["a/b", "", ".", "a..b", ".a", "a.", "A", "a_b", &"a".repeat(254)] {
            assert!(bad.parse::<ObjectName>().is_err(), "{bad:?}");
        }
        assert!("a.b-c.d0".parse::<ObjectName>().is_ok());
        assert!("a".repeat(253).parse::<ObjectName>().is_ok());
    }
}
