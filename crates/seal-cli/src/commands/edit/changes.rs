//! What an edited page asks for: it is held against what was shown, object by object. Nothing is sealed here,
//! and no complaint repeats a value.

use std::collections::BTreeMap;

use seal_api::annotations::{CLUSTER_WIDE, NAMESPACE_WIDE};
use seal_api::{ManifestError, Secret};
use seal_core::Plaintext;
use seal_document::{Document, DuplicateKeys, Format, Limits, Node, Path, Schema, Value};

use super::page::{PLACEHOLDER, Shown};
use crate::command_error::CommandError;
use crate::commands::target::judge_entry;

/// What becomes of one object.
#[derive(Default)]
pub(super) struct Changes {
    pub(super) entries: Vec<(String, Wanted)>,
    pub(super) gone: Vec<String>,
    /// Fields of the template, by their path; none is to go.
    pub(super) template: Vec<(Vec<String>, Option<Value>)>,
}

/// What an entry is to hold.
pub(super) enum Wanted {
    /// A ciphertext that is there already.
    Sealed(String),
    Value(Plaintext),
}

/// Why a page cannot be taken.
pub(super) struct Refusal {
    /// Where in the page.
    line: Option<usize>,
    error: CommandError,
}

const ERROR: &str = "# error: ";
const REMEDY: &str = "#   try: ";

impl Refusal {
    fn at(node: &Node<'_>, what: impl Into<String>) -> Self {
        Self {
            line: Some(node.position().line),
            error: CommandError::input(what),
        }
    }

    fn remedy(mut self, remedy: &str) -> Self {
        self.error = self.error.remedy(remedy);
        self
    }

    /// The comment at the top that says so; it moves the lines down that it speaks of.
    pub(super) fn heading(&self) -> String {
        let complaints = self.error.complaints();
        let remedies = complaints.iter().filter(|one| one.remedy.is_some()).count();
        let place = self
            .line
            .map(|line| format!("line {}: ", line + complaints.len() + remedies));
        let place = place.unwrap_or_default();
        let mut heading = String::new();
        for complaint in complaints {
            heading += &format!("{ERROR}{place}{}\n", crate::terminal::one_line(&complaint.what));
            if let Some(remedy) = &complaint.remedy {
                heading += &format!("{REMEDY}{}\n", crate::terminal::one_line(remedy));
            }
        }
        heading
    }

    /// `text` without such a comment.
    pub(super) fn without_heading(text: &str) -> &str {
        let mut rest = text;
        while rest.starts_with(ERROR) || rest.starts_with(REMEDY) {
            rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
        }
        rest
    }

    /// What is left to say when nobody mends it.
    pub(super) fn given_up(self, file: &str) -> CommandError {
        let place = match self.line {
            Some(line) => format!("{file}: nothing was changed; line {line} of what was edited"),
            None => format!("{file}: nothing was changed"),
        };
        self.error.about(&place)
    }
}

impl From<CommandError> for Refusal {
    fn from(error: CommandError) -> Self {
        Self { line: None, error }
    }
}

impl Changes {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.gone.is_empty() && self.template.is_empty()
    }
}

/// What `text` asks for, for each of `shown`.
pub(super) fn read(text: &str, shown: &[Shown]) -> Result<Vec<Changes>, Refusal> {
    let stream = seal_document::parse(text, Format::Yaml, &Limits::default()).map_err(|error| Refusal {
        line: Some(error.position().line),
        error: CommandError::input(error.fault().to_string()),
    })?;
    let documents: Vec<(&Document<'_>, &Node<'_>)> = stream
        .documents()
        .iter()
        .filter_map(|document| Some((document, document.root()?)))
        .collect();
    if documents.len() < shown.len() {
        let missing = shown.len() - documents.len();
        return Err(Refusal::from(CommandError::input(format!("{missing} of {} Secrets are gone", shown.len())))
            .remedy("put them back, or close the editor without a change; a SealedSecret is deleted in the file itself"));
    }
    if let Some((_, root)) = documents.get(shown.len()) {
        return Err(Refusal::at(root, "this Secret was not there before")
            .remedy("take it out; `seal seal` makes new SealedSecrets"));
    }
    let pairs = documents.into_iter().zip(shown);
    pairs
        .map(|((document, root), shown)| Reading { root, shown }.read(document))
        .collect()
}

struct Reading<'a, 't> {
    root: &'a Node<'t>,
    shown: &'a Shown,
}

impl Reading<'_, '_> {
    fn read(&self, document: &Document<'_>) -> Result<Changes, Refusal> {
        let mut value = document
            .value(Schema::Kubernetes, DuplicateKeys::Error)
            .map_err(|error| Refusal {
                line: Some(error.position.line),
                error: CommandError::input(error.fault.to_string()),
            })?;
        self.only(
            &value,
            Path::root(),
            &[
                "apiVersion",
                "data",
                "immutable",
                "kind",
                "metadata",
                "stringData",
                "type",
            ],
        )?;
        let metadata = value.get("metadata").unwrap_or(&Value::Null);
        self.only(
            metadata,
            Path::root().key("metadata"),
            &["annotations", "labels", "name", "namespace"],
        )?;
        for (field, is) in [("apiVersion", "v1"), ("kind", "Secret")] {
            if value.get(field).and_then(Value::as_str) != Some(is) {
                return Err(self.refuse(&[field], format!("{field} must stay {is}")));
            }
        }
        let kept = self.placeholders(&mut value)?;
        let secret = Secret::from_value(&value).map_err(|error| self.malformed(&error))?;
        self.judge_identity(&secret)?;
        let mut changes = Changes::default();
        self.entries(&mut changes, kept, &secret)?;
        self.template(&mut changes, &secret)?;
        Ok(changes)
    }

    fn refuse(&self, keys: &[&str], what: impl Into<String>) -> Refusal {
        let mut node = self.root;
        let mut place = node;
        for key in keys {
            let Some((name, value)) = node.entry(key) else {
                break;
            };
            (place, node) = (name, value);
        }
        Refusal::at(place, what)
    }

    fn malformed(&self, error: &ManifestError) -> Refusal {
        let place = match error {
            ManifestError::Type { place, .. } => format!(".{place}").parse().unwrap_or_default(),
            ManifestError::NotBase64 { entry, .. } => Path::root().key("data").key(entry.as_str()),
            ManifestError::Malformed { .. } => Path::root(),
        };
        let refusal = Refusal::at(self.root.at(&place).unwrap_or(self.root), error.to_string());
        match error {
            ManifestError::NotBase64 { .. } => refusal.remedy("write text under stringData; data is base64"),
            _ => refusal,
        }
    }

    fn only(&self, value: &Value, path: Path, known: &[&str]) -> Result<(), Refusal> {
        let stranger = value
            .as_mapping()
            .and_then(|mapping| mapping.keys().find(|key| !known.contains(key)));
        let Some(stranger) = stranger else { return Ok(()) };
        let within = self.root.at(&path).unwrap_or(self.root);
        let place = within.entry(stranger).map_or(within, |(key, _)| key);
        Err(
            Refusal::at(place, format!("{stranger:?} is no field that can be edited here"))
                .remedy(&format!("take it out; there are {}", known.join(", "))),
        )
    }

    // Takes out the entries that stay sealed, so that the rest is a Secret.
    fn placeholders(&self, value: &mut Value) -> Result<BTreeMap<String, String>, Refusal> {
        let mut kept = BTreeMap::new();
        for field in ["data", "stringData"] {
            let Some(mapping) = value
                .as_mapping_mut()
                .and_then(|all| all.get_mut(field)?.as_mapping_mut())
            else {
                continue;
            };
            let mut found = Vec::new();
            for (entry, value) in mapping.iter() {
                if value.is_null() {
                    return Err(self
                        .refuse(&[field, entry], format!("{field}[{entry:?}] has no value"))
                        .remedy("write '' if an empty one is meant"));
                }
                let Some(text) = value.as_str().filter(|text| text.contains(PLACEHOLDER)) else {
                    continue;
                };
                let Some(sealed) = self.shown.sealed.get(text.trim()) else {
                    return Err(self
                        .refuse(
                            &[field, entry],
                            format!("{field}[{entry:?}] has a placeholder that stands for no value of this Secret"),
                        )
                        .remedy("leave a placeholder as it was, alone and with its object, or write the whole value"));
                };
                found.push((entry.to_owned(), sealed.clone()));
            }
            for (entry, sealed) in found {
                mapping.remove(&entry);
                kept.insert(entry, sealed);
            }
        }
        Ok(kept)
    }

    // The label that values are sealed under is made of these; and other manifests speak of them.
    fn judge_identity(&self, secret: &Secret) -> Result<(), Refusal> {
        let before = self.shown.metadata();
        let names = [
            ("name", &before.name, &secret.metadata.name),
            ("namespace", &before.namespace, &secret.metadata.namespace),
        ];
        for (field, before, after) in names {
            if before != after {
                return Err(self
                    .refuse(&["metadata", field], format!("metadata.{field} cannot be changed here: what stays sealed opens under the old one only"))
                    .remedy("put it back; to move a Secret, unseal it and seal it under its new name"));
            }
        }
        let mark = |marks: &Option<BTreeMap<String, String>>, name: &str| {
            marks.as_ref().and_then(|marks| marks.get(name).cloned())
        };
        for name in [CLUSTER_WIDE, NAMESPACE_WIDE] {
            if mark(&before.annotations, name) != mark(&secret.metadata.annotations, name) {
                return Err(self
                    .refuse(
                        &["metadata", "annotations", name],
                        "the scope cannot be changed here: what stays sealed opens under the old one only",
                    )
                    .remedy("put it back; to change a scope, unseal the Secret and seal it with --scope"));
            }
        }
        Ok(())
    }

    fn entries(
        &self,
        changes: &mut Changes,
        kept: BTreeMap<String, String>,
        secret: &Secret,
    ) -> Result<(), Refusal> {
        let standing = &self.shown.target.object.spec.encrypted_data;
        for entry in standing.keys() {
            if !kept.contains_key(entry) && !secret.data.contains_key(entry) {
                changes.gone.push(entry.clone());
            }
        }
        let judge = |entry: &str| {
            judge_entry(entry).map_err(|error| {
                let field = ["stringData", "data"];
                let field = field.into_iter().find(|field| {
                    self.root
                        .get(field)
                        .is_some_and(|entries| entries.get(entry).is_some())
                });
                let line = self.refuse(&[field.unwrap_or("data"), entry], "").line;
                Refusal { line, error }
            })
        };
        for (entry, sealed) in kept {
            // stringData wins, as in Kubernetes.
            let is_same = standing.get(&entry).and_then(Option::as_ref) == Some(&sealed);
            if !is_same && !secret.data.contains_key(&entry) {
                judge(&entry)?;
                changes.entries.push((entry, Wanted::Sealed(sealed)));
            }
        }
        for (entry, value) in &secret.data {
            let shown = self.shown.values.get(entry);
            if !shown.is_some_and(|shown| shown.matches(value.expose())) {
                judge(entry)?;
                changes
                    .entries
                    .push((entry.clone(), Wanted::Value(value.duplicate())));
            }
        }
        Ok(())
    }

    fn template(&self, changes: &mut Changes, secret: &Secret) -> Result<(), Refusal> {
        let before = self.shown.metadata();
        let pairs = [
            ("labels", before.labels, &secret.metadata.labels),
            ("annotations", before.annotations, &secret.metadata.annotations),
        ];
        for (field, before, after) in pairs {
            let (before, none) = (before.unwrap_or_default(), BTreeMap::new());
            let after = after.as_ref().unwrap_or(&none);
            let path = |key: &String| vec!["metadata".to_owned(), field.to_owned(), key.clone()];
            let gone = before.keys().filter(|key| !after.contains_key(*key));
            changes.template.extend(gone.map(|key| (path(key), None)));
            let new = after.iter().filter(|(key, text)| before.get(*key) != Some(*text));
            changes
                .template
                .extend(new.map(|(key, text)| (path(key), Some(Value::from(text.as_str())))));
        }
        let template = self.shown.target.object.spec.template.clone().unwrap_or_default();
        if template.kind != secret.kind {
            let kind = secret.kind.as_deref().map(Value::from);
            changes.template.push((vec!["type".to_owned()], kind));
        }
        if template.immutable != secret.immutable {
            let immutable = secret.immutable.map(Value::from);
            changes.template.push((vec!["immutable".to_owned()], immutable));
        }
        Ok(())
    }
}
