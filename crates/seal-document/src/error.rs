//! Why a text could not be parsed, and where. The text itself never enters an error.

use crate::text::{Position, Span};

/// A document that cannot be parsed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("document {number} at {position}: {fault}", number = .document + 1)]
pub struct ParseError {
    document: usize,
    position: Position,
    fault: ParseFault,
    span: Span,
}

impl ParseError {
    pub(crate) fn new(document: usize, position: Position, fault: ParseFault, span: Span) -> Self {
        Self {
            document,
            position,
            fault,
            span,
        }
    }

    /// Which document of the stream, from zero.
    pub fn document(&self) -> usize {
        self.document
    }

    /// Where in the whole text.
    pub fn position(&self) -> Position {
        self.position
    }

    /// What is wrong.
    pub fn fault(&self) -> ParseFault {
        self.fault
    }

    /// The bytes of the broken document, so that a caller can step over or pass them through.
    pub fn span(&self) -> Span {
        self.span.clone()
    }
}

/// What is wrong with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseFault {
    /// A byte that is not UTF-8.
    #[error("the text is not UTF-8")]
    NotUtf8,
    /// UTF-16, as some Windows tools write it.
    #[error("the text is UTF-16; save it as UTF-8")]
    Utf16,
    /// More bytes than [`crate::Limits::bytes`].
    #[error("the text is longer than {limit} bytes")]
    TooLong {
        /// The bound that was crossed.
        limit: usize,
    },
    /// More levels than [`crate::Limits::depth`].
    #[error("the document nests deeper than {limit} levels")]
    TooDeep {
        /// The bound that was crossed.
        limit: usize,
    },
    /// More nodes than [`crate::Limits::nodes`].
    #[error("the document has more than {limit} nodes")]
    TooManyNodes {
        /// The bound that was crossed.
        limit: usize,
    },
    /// `*name` without an earlier `&name`.
    #[error("an alias names an unknown anchor")]
    UnknownAnchor,
    /// The grammar is broken; the words say how.
    #[error("{0}")]
    Syntax(&'static str),
}
