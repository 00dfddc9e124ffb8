//! The text in the editor: each SealedSecret as the Secret that it becomes, with a placeholder for what is sealed.
//! How a text is read again is `changes`'.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use seal_api::annotations::{self, LAST_APPLIED};
use seal_core::{CiphertextDigest, Plaintext, decode_base64, encode_base64};
use seal_document::{KeyOrder, Mapping, Value, WipedText, to_yaml};

use super::Target;
use crate::command_error::CommandError;
use crate::manifests::joined;
use crate::terminal::one_line;

/// An object, and what of it stands in the editor.
pub(super) struct Shown {
    pub(super) target: Target,
    /// By placeholder: the sealed text that it stands for.
    pub(super) sealed: BTreeMap<String, String>,
    /// The values that are shown, by entry.
    pub(super) values: BTreeMap<String, Plaintext>,
    /// Why others are not, though values were asked for.
    pub(super) hidden: Vec<String>,
}

/// How every placeholder begins.
pub(super) const PLACEHOLDER: &str = "<sealed:";

const HEAD: &str = "\
# An entry that stays <sealed:…> keeps its ciphertext. Put a value in its place to seal that; take a line out
# to take the entry out; add one to add one: text under stringData, base64 under data.
# Close the editor without a change, and nothing happens.
";

impl Shown {
    /// Nothing but placeholders.
    pub(super) fn of(target: Target) -> Result<Self, CommandError> {
        let mut sealed = BTreeMap::new();
        for (entry, text) in &target.object.spec.encrypted_data {
            let Some(text) = text else {
                return Err(
                    CommandError::input(format!("{}: the entry {entry} is no text", target.shown()))
                        .remedy(format!("take it out with `seal unset FILE {entry}`")),
                );
            };
            sealed.insert(placeholder(text), text.clone());
        }
        Ok(Self {
            target,
            sealed,
            values: BTreeMap::new(),
            hidden: Vec::new(),
        })
    }

    /// The metadata that the Secret gets from the template. Annotations that hold whole manifests are nobody's
    /// to edit.
    pub(super) fn metadata(&self) -> ObjectMeta {
        let object = &self.target.object;
        let template = object.spec.template.as_ref();
        let template = template
            .and_then(|template| template.metadata.clone())
            .unwrap_or_default();
        let mut marks = template.annotations;
        if let Some(marks) = &mut marks {
            marks.retain(|mark, _| !LAST_APPLIED.contains(&mark.as_str()));
        }
        ObjectMeta {
            name: object.metadata.name.clone(),
            namespace: object.metadata.namespace.clone(),
            labels: template.labels,
            annotations: marks,
            ..ObjectMeta::default()
        }
    }

    fn comment(&self) -> String {
        let object = &self.target.object;
        let scope = annotations::scope(object.metadata.annotations.as_ref());
        let mut comment = format!("# {}, scope {scope}\n", one_line(self.target.shown()));
        for why in &self.hidden {
            writeln!(comment, "# not shown: {}", one_line(why)).expect("a String takes everything");
        }
        let template = object.spec.template.as_ref();
        let made: Vec<&str> = template
            .and_then(|template| template.data.as_ref())
            .into_iter()
            .flat_map(|data| data.keys().map(String::as_str))
            .collect();
        if !made.is_empty() {
            let made = one_line(&made.join(", "));
            writeln!(
                comment,
                "# spec.template.data says what becomes of {made}: that is plain text, to be edited in the file"
            )
            .expect("a String takes everything");
        }
        comment
    }

    fn secret(&self) -> Value {
        let found = self.metadata();
        let mut metadata = Mapping::new();
        for (field, name) in [("name", found.name), ("namespace", found.namespace)] {
            if let Some(name) = name {
                metadata.insert(field, name);
            }
        }
        for (field, texts) in [("labels", found.labels), ("annotations", found.annotations)] {
            if let Some(texts) = texts.filter(|texts| !texts.is_empty()) {
                metadata.insert(field, texts.into_iter().collect::<Mapping>());
            }
        }
        let mut secret: Mapping = [("apiVersion", "v1"), ("kind", "Secret")].into_iter().collect();
        secret.insert("metadata", metadata);
        let template = self.target.object.spec.template.as_ref();
        if let Some(kind) = template.and_then(|template| template.kind.clone()) {
            secret.insert("type", kind);
        }
        if let Some(immutable) = template.and_then(|template| template.immutable) {
            secret.insert("immutable", immutable);
        }
        let (mut binary, mut texts) = (Mapping::new(), Mapping::new());
        for (entry, sealed) in &self.target.object.spec.encrypted_data {
            match self.values.get(entry).map(Plaintext::expose) {
                None => {
                    drop(texts.insert(entry.as_str(), placeholder(sealed.as_deref().unwrap_or_default())))
                }
                Some(value) => match readable(value) {
                    Some(text) => drop(texts.insert(entry.as_str(), text)),
                    None => drop(binary.insert(entry.as_str(), encode_base64(value))),
                },
            }
        }
        if !binary.is_empty() {
            secret.insert("data", binary);
        }
        secret.insert("stringData", texts);
        Value::Mapping(secret)
    }
}

/// The page for `shown`, which stands in the file called `name`.
pub(super) fn write(shown: &[Shown], name: &str) -> Result<WipedText, CommandError> {
    let head = format!("# {}, as the Secret that it becomes.\n{HEAD}", one_line(name));
    let mut parts = vec![WipedText::new(head)];
    for one in shown {
        let secret =
            to_yaml(&one.secret(), KeyOrder::Kept).map_err(|error| CommandError::input(error.to_string()))?;
        parts.push(WipedText::new(format!("---\n{}", one.comment())));
        parts.push(secret);
    }
    Ok(joined(&parts.iter().map(|part| &***part).collect::<Vec<_>>()))
}

/// What stands for a sealed text: its digest, so that it can be given another name, and taken for no other.
fn placeholder(text: &str) -> String {
    let bytes = decode_base64(text);
    let digest = CiphertextDigest::of(bytes.as_deref().unwrap_or(text.as_bytes()));
    format!("{PLACEHOLDER}{digest}>")
}

// What would not look the same after it went through an editor is shown in base64.
fn readable(value: &[u8]) -> Option<&str> {
    let is_shown = |one: char| !one.is_control() || matches!(one, '\n' | '\t');
    let text = std::str::from_utf8(value).ok()?;
    (text.chars().all(is_shown) && !text.contains(PLACEHOLDER)).then_some(text)
}
