//! Lossless changes: splices into a text that leave every other byte as it was. It writes no file.

mod block;
mod flow;
mod layout;
mod plan;
mod splicer;
mod verify;

use crate::buffer::Buffer;
use crate::error::ParseError;
use crate::format::Format;
use crate::path::Path;
use crate::stream::{Stream, parse};
use crate::text::Span;
use crate::value::Value;
use crate::wiped::WipedText;
use crate::write::WriteError;
use layout::Style;
use plan::Branch;
use splicer::Splicer;

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
    /// Two changes of which one lies inside the other.
    #[error("two changes meet at this place")]
    Conflict,
    /// A list or mapping stands where a single value is to be set, or the other way round.
    #[error("a list or mapping cannot be exchanged with a single value")]
    NotScalar,
    /// `*name`: the change would show elsewhere too.
    #[error("an alias stands at this place, so the change would show elsewhere")]
    Alias,
    /// The value carries a tag that says what it is.
    #[error("the value at this place has a tag")]
    Tagged,
    /// A shape that the splicer does not know, such as a list that would grow or `? key`.
    #[error("this place is written in a way that cannot be changed without touching its surroundings")]
    Unsupported,
    /// A number that is infinite or none.
    #[error(transparent)]
    NotWritable(#[from] WriteError),
    /// The changed text would say something else in other places too; it is not handed out.
    #[error("the change would alter something else as well")]
    Damage,
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
    ///
    /// Of several values for one path the last counts.
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
    pub fn apply(self) -> Result<WipedText, EditError> {
        let stream = self.stream;
        let mut plans: Vec<Branch> = Vec::new();
        plans.resize_with(stream.documents().len(), Branch::default);
        for Change {
            document,
            path,
            value,
        } in self.changes
        {
            let fault = match plans.get_mut(document) {
                None => Some(EditFault::Missing),
                Some(plan) => plan.add(path.steps(), value).err(),
            };
            if let Some(fault) = fault {
                return Err(EditError {
                    document,
                    path,
                    fault,
                });
            }
        }
        let mut splices = Vec::new();
        for (document, plan) in stream
            .documents()
            .iter()
            .zip(&plans)
            .filter(|(_, plan)| !plan.is_empty())
        {
            let mut splicer = Splicer {
                text: stream.text(),
                json: document.format() == Format::Json,
                style: Style::of(document),
                path: Path::root(),
                splices: Vec::new(),
            };
            let done = splicer.document(document, plan);
            done.map_err(|fault| EditError {
                document: document.index(),
                path: splicer.path,
                fault,
            })?;
            splices.append(&mut splicer.splices);
        }
        let text = apply(stream.text(), splices).ok_or_else(|| damage(0))?;
        let changed = parse(&text, stream.format(), stream.limits())
            .map_err(|error: ParseError| damage(error.document()))?;
        verify::verify(stream, &changed, &plans).map_err(damage)?;
        drop(changed);
        Ok(text)
    }
}

fn damage(document: usize) -> EditError {
    EditError {
        document,
        path: Path::root(),
        fault: EditFault::Damage,
    }
}

/// Bytes to be replaced by a text.
struct Splice {
    span: Span,
    text: WipedText,
}

/// The text with all splices in it, or none where they overlap.
fn apply(text: &str, mut splices: Vec<Splice>) -> Option<WipedText> {
    // Stable: what is inserted before a removed range comes first.
    splices.sort_by_key(|splice| (splice.span.start, splice.span.end));
    let grown: usize = splices.iter().map(|splice| splice.text.len()).sum();
    let mut out = Buffer::with_capacity(text.len() + grown);
    let mut done = 0;
    for Splice { span, text: new } in splices {
        out.push_str(text.get(done..span.start)?);
        out.push_str(&new);
        done = span.end;
    }
    out.push_str(text.get(done..)?);
    Some(out.finish())
}
