//! The Secrets and SealedSecrets in a text of manifests, and the text with others in their places.
//!
//! Every byte that belongs to another document or list item stays as it is. How one text is put in
//! another's place is in `rewrite` and `list`, which comments go along in `comments`.

mod comments;
mod list;
mod rewrite;

use seal_document::{DuplicateKeys, Edits, Format, Limits, Path, Position, Schema, Stream, Value};
use zeroize::Zeroizing;

use crate::command_error::CommandError;
use crate::file_system::{self, Access, Exclusive};
use crate::input::{MANIFEST_LIMIT, Source};

pub(crate) use rewrite::{Replacement, joined, render, rewrite};

/// A text of manifests and where it came from.
pub(crate) struct ManifestFile {
    pub(crate) source: Source,
    pub(crate) bytes: Zeroizing<Vec<u8>>,
}

/// The kinds that concern us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `v1/Secret`.
    Secret,
    /// `bitnami.com/v1alpha1/SealedSecret`.
    SealedSecret,
}

/// Where an object stands in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Which document.
    pub(crate) document: usize,
    /// Which item of its list; none if the document is the object itself.
    pub(crate) item: Option<usize>,
}

impl Place {
    /// The path to the object in its document.
    pub(crate) fn path(self) -> Path {
        match self.item {
            None => Path::root(),
            Some(item) => Path::root().key("items").index(item),
        }
    }
}

/// One Secret or SealedSecret.
pub(crate) struct Found {
    pub(crate) kind: Kind,
    pub(crate) place: Place,
    pub(crate) position: Position,
    pub(crate) value: Value,
}

impl ManifestFile {
    /// Reads `source`.
    pub(crate) fn read(source: Source) -> Result<Self, CommandError> {
        let bytes = source.read(MANIFEST_LIMIT)?;
        Ok(Self { source, bytes })
    }

    /// Its documents, every one of which must be sound: a Secret in a broken one would be overlooked.
    /// Standard input must hold one: a pipe whose other end failed is empty, and no success.
    pub(crate) fn parse(&self) -> Result<Stream<'_>, CommandError> {
        let place = |error: CommandError| error.about(&self.source.shown());
        let text = seal_document::decode(&self.bytes).map_err(|error| place(error.into()))?;
        let name = self.source.path().map(|path| path.to_string_lossy());
        let format = Format::detect(name.as_deref(), text);
        let stream =
            seal_document::parse(text, format, &Limits::default()).map_err(|error| place(error.into()))?;
        let is_empty = stream
            .documents()
            .iter()
            .all(|document| document.root().is_none());
        if self.source == Source::Stdin && is_empty {
            return Err(place(CommandError::input("there is no document"))
                .remedy("see that the command before the pipe succeeds, or name files or folders"));
        }
        Ok(stream)
    }

    /// Puts its text with `edits` in the file's place, unless somebody changed it meanwhile.
    pub(crate) fn replace(&self, exclusive: &Exclusive, edits: Edits<'_, '_>) -> Result<(), CommandError> {
        let text = edits
            .apply()
            .map_err(|error| CommandError::from(error).about(&self.source.shown()))?;
        self.replace_by(exclusive, &text)
    }

    /// Puts `text` in the file's place, unless somebody changed it meanwhile.
    pub(crate) fn replace_by(&self, exclusive: &Exclusive, text: &str) -> Result<(), CommandError> {
        let path = self.source.path().expect("standard input is refused on reading");
        stays_beneath(&self.source)?;
        let replacement = file_system::Replacement::prepare(path, text.as_bytes(), Access::Public)?;
        if !exclusive.confirm(&self.bytes) {
            let error = CommandError::input("the file changed meanwhile").remedy("run it again");
            return Err(error.about(&self.source.shown()));
        }
        replacement.commit()
    }

    /// How to name an object in it.
    pub(crate) fn name_of(&self, found: &Found) -> String {
        let metadata = |field| {
            found
                .value
                .get("metadata")
                .and_then(|metadata| metadata.get(field)?.as_str())
        };
        let kind = match found.kind {
            Kind::Secret => "Secret",
            Kind::SealedSecret => "SealedSecret",
        };
        let name = match (metadata("namespace"), metadata("name")) {
            (Some(namespace), Some(name)) => format!("{kind} {namespace}/{name}"),
            (None, Some(name)) => format!("{kind} {name}"),
            (_, None) => kind.to_owned(),
        };
        format!("{}:{}: {name}", self.source.shown(), found.position)
    }
}

/// All Secrets and SealedSecrets in `stream`, in the order of the text.
pub(crate) fn find(stream: &Stream<'_>) -> Result<Vec<Found>, CommandError> {
    let mut found = Vec::new();
    for document in stream.documents() {
        let Some(root) = document.root() else { continue };
        let place = Place {
            document: document.index(),
            item: None,
        };
        let value = match document.value(Schema::Kubernetes, DuplicateKeys::Error) {
            Ok(value) => value,
            // What means nothing to Kubernetes is no Secret, unless it says that it is one.
            Err(error) => match root.get("kind").and_then(|kind| kind.as_str()) {
                Some(kind) if KINDS.iter().any(|known| known.eq_ignore_ascii_case(kind)) => {
                    return Err(error.into());
                }
                _ => continue,
            },
        };
        let list = match text(&value, "kind") {
            Some("List") => Some(None),
            Some("SecretList") => Some(Some(Kind::Secret)),
            Some("SealedSecretList") => Some(Some(Kind::SealedSecret)),
            _ => None,
        };
        let Some(implied) = list else {
            if let Some(kind) = kind_of(&value, None, root.position())? {
                found.push(Found {
                    kind,
                    place,
                    position: root.position(),
                    value,
                });
            }
            continue;
        };
        let nodes = list::list_items(root);
        for (index, item) in value
            .get("items")
            .and_then(Value::as_sequence)
            .into_iter()
            .flatten()
            .enumerate()
        {
            let position = nodes
                .and_then(|nodes| nodes.get(index))
                .map_or(root.position(), |node| node.position());
            if let Some(kind) = kind_of(item, implied, position)? {
                let place = Place {
                    item: Some(index),
                    ..place
                };
                found.push(Found {
                    kind,
                    place,
                    position,
                    value: item.clone(),
                });
            }
        }
    }
    Ok(found)
}

/// The text of a field.
pub(crate) fn text<'v>(value: &'v Value, field: &str) -> Option<&'v str> {
    value.get(field)?.as_str()
}

/// The kinds that hold Secrets, sealed or plain.
const KINDS: [&str; 5] = ["Secret", "SealedSecret", "List", "SecretList", "SealedSecretList"];

fn kind_of(value: &Value, implied: Option<Kind>, position: Position) -> Result<Option<Kind>, CommandError> {
    let place = |error: CommandError| error.about(&format!("line {}", position.line));
    match (text(value, "kind"), text(value, "apiVersion")) {
        (None, None) => Ok(implied),
        (Some("Secret"), Some("v1")) => Ok(Some(Kind::Secret)),
        // To pass it by would leave its values in the open.
        (Some("Secret"), None) => {
            Err(place(CommandError::input("a Secret without apiVersion")).remedy("add apiVersion: v1"))
        }
        (Some("SealedSecret"), Some(version)) if version.starts_with("bitnami.com/") => {
            Ok(Some(Kind::SealedSecret))
        }
        (Some(kind), version) => match misspelt(kind, version) {
            // To Kubernetes it is no Secret, to whoever wrote it it is: its values are in there.
            Some(meant) => Err(
                place(CommandError::input(format!("kind {kind}: did you mean {meant}?")))
                    .remedy(format!("write kind: {meant}")),
            ),
            None => Ok(None),
        },
        _ => Ok(None),
    }
}

fn misspelt(kind: &str, version: Option<&str>) -> Option<&'static str> {
    let ours = version.is_none_or(|version| version == "v1" || version.starts_with("bitnami.com/"));
    let meant = |known: &&str| ours && *known != kind && known.eq_ignore_ascii_case(kind);
    KINDS.into_iter().find(meant)
}

// A folder that became a link after it was walked would lead out of the checkout (S22).
fn stays_beneath(source: &Source) -> Result<(), CommandError> {
    let Source::File { path, relative } = source else {
        return Ok(());
    };
    let depth = relative.components().count();
    let Some(root) = path.ancestors().nth(depth) else {
        return Ok(());
    };
    let root = if root.as_os_str().is_empty() {
        std::path::Path::new(".")
    } else {
        root
    };
    let real = |path: &std::path::Path| {
        std::fs::canonicalize(path).map_err(|error| CommandError::file("find", path, &error))
    };
    let is_named = depth == 1;
    if is_named || real(path)? == real(root)?.join(relative) {
        return Ok(());
    }
    Err(CommandError::input(format!(
        "{}: a link leads out of the folder that was named",
        path.display()
    ))
    .remedy("name the file itself if it is to be changed"))
}
