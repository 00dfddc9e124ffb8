//! From what a store answered to the value that a reference means: a literal key first, then a gjson path; all
//! members of an object. Each provider of upstream has its own way, and its users' Secrets hold what came of it.

use std::collections::BTreeMap;

use seal_api::external_secrets::Provider;
use seal_core::{Plaintext, encode_base64};
use seal_document::{Node, WipedText};
use zeroize::Zeroizing;

use super::gjson::{self, TooMuch};
use super::go_json::{self, Numbers, Style, plaintext};

/// Whose way it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// The value is an object; numbers stay as they are written.
    Vault,
    /// The value is a Secret's data.
    Kubernetes,
    /// The value is what the service answered; the property went along with the question.
    Webhook,
    /// The value is text, perhaps an object.
    Fake,
}

impl Dialect {
    /// That of `provider`.
    pub fn of(provider: &Provider) -> Self {
        match provider {
            Provider::Vault(_) => Self::Vault,
            Provider::Kubernetes(_) => Self::Kubernetes,
            Provider::Webhook(_) => Self::Webhook,
            Provider::Fake(_) => Self::Fake,
        }
    }
}

/// A value as a store answered it.
#[derive(Clone, Copy)]
pub enum Content<'a> {
    /// Bytes; from a key/value engine the text of an object.
    Whole(&'a Plaintext),
    /// Named values, as in a Secret.
    Entries(&'a BTreeMap<String, Plaintext>),
}

/// Why there is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unselected {
    /// The property is not there.
    NoProperty,
    /// The property is not there, which this provider takes for a value that does not exist.
    Missing,
    /// An object is wanted, and it is none.
    NoObject,
    /// The property asks for more than any value is worth.
    TooMuch,
}

impl From<TooMuch> for Unselected {
    fn from(_: TooMuch) -> Self {
        Self::TooMuch
    }
}

type Members = BTreeMap<String, Plaintext>;

/// The one value that `property` means, or the whole where it is empty.
pub(super) fn one(dialect: Dialect, content: Content<'_>, property: &str) -> Result<Plaintext, Unselected> {
    match (dialect, content) {
        (Dialect::Kubernetes, Content::Entries(entries)) if property.is_empty() => {
            Ok(plaintext(as_object(entries)))
        }
        (Dialect::Kubernetes, Content::Entries(entries)) => entry(entries, property),
        (Dialect::Kubernetes, Content::Whole(metadata)) => metadata_of_secret(text(metadata)?, property),
        (_, Content::Entries(entries)) => vault(&as_object(entries), property),
        (Dialect::Vault, Content::Whole(value)) => vault(text(value)?, property),
        (Dialect::Webhook, Content::Whole(value)) => Ok(value.duplicate()),
        (Dialect::Fake, Content::Whole(value)) if property.is_empty() => Ok(value.duplicate()),
        (Dialect::Fake, Content::Whole(value)) => {
            let found = gjson::get(text(value)?, property)?;
            found.map(plaintext).ok_or(Unselected::Missing)
        }
    }
}

/// All members of the object that `property` means, or of the whole where it is empty.
pub(super) fn members(dialect: Dialect, content: Content<'_>, property: &str) -> Result<Members, Unselected> {
    match (dialect, content) {
        (Dialect::Kubernetes, Content::Entries(entries)) if property.is_empty() => Ok(duplicated(entries)),
        (Dialect::Kubernetes, Content::Entries(entries)) => members_of_entry(entries, property),
        (Dialect::Kubernetes, Content::Whole(metadata)) => {
            let text = text(metadata)?;
            object(text, |node| plaintext(go_json::text(node, UNESCAPED)))
        }
        (Dialect::Fake, _) => {
            let value = one(dialect, content, property)?;
            let json = text(&value)?;
            object(json, |node| raw_member(json, node))
        }
        _ => {
            let value = one(dialect, content, property)?;
            let json = text(&value)?;
            let inner = go_json::read(json, |root| {
                root.as_str().map(|text| WipedText::new(text.to_owned()))
            });
            match inner
                .flatten()
                .filter(|_| dialect == Dialect::Webhook && json.trim_start().starts_with('"'))
            {
                Some(inner) => floats(&inner),
                None => floats(json),
            }
        }
    }
}

// Upstream writes some things without escapes for HTML.
const UNESCAPED: Style = Style {
    numbers: Numbers::Floats,
    escape_html: false,
};

fn text(value: &Plaintext) -> Result<&str, Unselected> {
    std::str::from_utf8(value.expose()).map_err(|_| Unselected::NoObject)
}

fn vault(json: &str, property: &str) -> Result<Plaintext, Unselected> {
    let read = go_json::read(json, |root| {
        let members = go_json::members(root)?;
        let literal = members.iter().find(|(key, _)| *key == property);
        Some(match literal.filter(|_| !property.is_empty()) {
            Some((_, value)) => Ok(go_json::bytes(value, Style::VERBATIM)),
            None => Err(go_json::text(root, Style::VERBATIM)),
        })
    });
    match read.flatten().ok_or(Unselected::NoObject)? {
        Ok(value) => Ok(value),
        Err(whole) if property.is_empty() => Ok(plaintext(whole)),
        Err(whole) => gjson::get(&whole, property)?
            .map(plaintext)
            .ok_or(Unselected::NoProperty),
    }
}

fn floats(json: &str) -> Result<Members, Unselected> {
    object(json, |node| go_json::bytes(node, Style::FLOATS))
}

fn object(json: &str, member: impl Fn(&Node<'_>) -> Plaintext) -> Result<Members, Unselected> {
    let read = go_json::read(json, |root| {
        let members = go_json::members(root).filter(|_| go_json::is_finite(root))?;
        let named = members
            .into_iter()
            .map(|(key, value)| (key.to_owned(), member(value)));
        Some(named.collect())
    });
    read.flatten().ok_or(Unselected::NoObject)
}

// Text as text, null as nothing, all else as it stands.
fn raw_member(json: &str, node: &Node<'_>) -> Plaintext {
    let raw = &json[node.span()];
    match node.as_str() {
        Some(text) if raw.starts_with('"') => Plaintext::copied(text.as_bytes()),
        Some("null") => Plaintext::new(Vec::new()),
        _ => Plaintext::copied(raw.as_bytes()),
    }
}

fn duplicated(entries: &Members) -> Members {
    let copies = entries
        .iter()
        .map(|(name, value)| (name.clone(), value.duplicate()));
    copies.collect()
}

fn as_object(entries: &Members) -> WipedText {
    let mut json = WipedText::default();
    json.append("{");
    for (index, (name, value)) in entries.iter().enumerate() {
        json.append(if index > 0 { "," } else { "" });
        go_json::quote(&mut json, name.as_bytes(), false);
        json.append(":");
        go_json::quote(&mut json, value.expose(), false);
    }
    json.append("}");
    json
}

// An entry of that name, else what the rest finds in the entry that the name before the first dot names.
fn entry(entries: &Members, property: &str) -> Result<Plaintext, Unselected> {
    if let Some(value) = entries.get(property) {
        return Ok(value.duplicate());
    }
    let (name, path) = property.split_once('.').ok_or(Unselected::NoProperty)?;
    let value = entries
        .get(name)
        .filter(|_| !name.is_empty() && !path.is_empty())
        .ok_or(Unselected::NoProperty)?;
    let found = gjson::get(text(value).map_err(|_| Unselected::NoProperty)?, path)?;
    found.map(plaintext).ok_or(Unselected::NoProperty)
}

// Members stay JSON, text in its quotes: upstream has it so.
fn members_of_entry(entries: &Members, property: &str) -> Result<Members, Unselected> {
    let value = match entries.get(property) {
        Some(value) => value.duplicate(),
        None => {
            let mut json = WipedText::default();
            json.append("{");
            for (index, (name, value)) in entries.iter().enumerate() {
                json.append(if index > 0 { "," } else { "" });
                go_json::quote(&mut json, name.as_bytes(), false);
                json.append(":\"");
                json.append(&Zeroizing::new(encode_base64(value.expose())));
                json.append("\"");
            }
            json.append("}");
            let found = gjson::get(&json, property)?.ok_or(Unselected::NoProperty)?;
            let bytes = seal_core::decode_base64(&found).map_err(|_| Unselected::NoObject)?;
            Plaintext::new(bytes)
        }
    };
    object(text(&value)?, |node| plaintext(go_json::text(node, UNESCAPED)))
}

// `labels`, `labels.name`, `annotations.name.path`.
fn metadata_of_secret(json: &str, property: &str) -> Result<Plaintext, Unselected> {
    if property.is_empty() {
        return Ok(Plaintext::copied(json.as_bytes()));
    }
    let mut parts = property.split('.');
    let kind = parts
        .next()
        .filter(|kind| matches!(*kind, "labels" | "annotations"));
    let kind = kind.ok_or(Unselected::NoProperty)?;
    let name = parts.next();
    let path: String = parts.collect();
    let read = go_json::read(json, |root| {
        let all = root.get(kind)?;
        Some(match name {
            None => plaintext(go_json::text(all, UNESCAPED)),
            Some(name) => Plaintext::copied(all.get(name)?.as_str()?.as_bytes()),
        })
    });
    let value = read.flatten().ok_or(Unselected::NoProperty)?;
    if path.is_empty() {
        return Ok(value);
    }
    let found = gjson::get(text(&value)?, &path)?;
    found.map(plaintext).ok_or(Unselected::NoProperty)
}

#[cfg(test)]
mod tests;
