//! A text and its documents. How the two formats are read is in `yaml` and `json`.

use std::fmt;

use crate::error::{ParseError, ParseFault};
use crate::format::Format;
use crate::json;
use crate::limits::Limits;
use crate::node::Node;
use crate::schema::{self, DuplicateKeys, Schema, ValueError};
use crate::split::{self, Piece};
use crate::text::{Position, Span};
use crate::value::Value;
use crate::yaml;

/// A text all of whose documents could be parsed.
pub struct Stream<'t> {
    text: &'t str,
    format: Format,
    limits: Limits,
    documents: Vec<Document<'t>>,
}

impl<'t> Stream<'t> {
    /// The documents in the order of the text.
    pub fn documents(&self) -> &[Document<'t>] {
        &self.documents
    }

    /// The whole text.
    pub fn text(&self) -> &'t str {
        self.text
    }

    /// How the text is written.
    pub fn format(&self) -> Format {
        self.format
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }
}

impl fmt::Debug for Stream<'_> {
    /// How many documents there are, no more.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Stream({} documents)", self.documents.len())
    }
}

/// One document of a text.
pub struct Document<'t> {
    pub(crate) text: &'t str,
    pub(crate) index: usize,
    pub(crate) format: Format,
    pub(crate) span: Span,
    pub(crate) root: Option<Node<'t>>,
    pub(crate) has_anchors: bool,
    pub(crate) aliased_nodes: usize,
}

impl<'t> Document<'t> {
    /// Which document of the text, from zero.
    pub fn index(&self) -> usize {
        self.index
    }

    /// How the document is written.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The bytes of the document with its `---` and comments. The spans of a text's documents
    /// follow each other without gaps and are the whole text.
    pub fn span(&self) -> Span {
        self.span.clone()
    }

    /// The text of the document with its `---` and comments.
    pub fn source(&self) -> &'t str {
        &self.text[self.span.clone()]
    }

    /// The root, or nothing where the document is empty or holds comments only.
    pub fn root(&self) -> Option<&Node<'t>> {
        self.root.as_ref()
    }

    /// What the document means; an empty one means null.
    ///
    /// JSON documents are read by JSON's rules, whatever the schema.
    ///
    /// # Errors
    /// Where the document parses but means nothing: a key that is no string, a tag that does not
    /// fit, a duplicate key, too many aliases.
    pub fn value(&self, schema: Schema, duplicates: DuplicateKeys) -> Result<Value, ValueError> {
        schema::value(self, schema, duplicates)
    }
}

impl fmt::Debug for Document<'_> {
    /// Number and place, no more.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Document({} at {:?})", self.index, self.span)
    }
}

/// Parses a text of which every document must be sound.
///
/// # Errors
/// The first document that is not. [`documents`] steps over it instead.
pub fn parse<'t>(text: &'t str, format: Format, limits: &Limits) -> Result<Stream<'t>, ParseError> {
    let documents = documents(text, format, limits).collect::<Result<_, _>>()?;
    Ok(Stream {
        text,
        format,
        limits: *limits,
        documents,
    })
}

/// Parses a text document by document: in YAML a broken one does not spoil the others.
/// In JSON nothing after a fault can be told apart, so the rest of the text is the broken document.
pub fn documents<'t>(text: &'t str, format: Format, limits: &Limits) -> Documents<'t> {
    let reader = if text.len() > limits.bytes {
        let fault = ParseFault::TooLong { limit: limits.bytes };
        Reader::Refused(Some(ParseError::new(0, Position::START, fault, 0..text.len())))
    } else {
        match format {
            Format::Yaml => Reader::Yaml(split::split(text).into_iter().enumerate()),
            Format::Json => Reader::Json(json::documents(text, limits)),
        }
    };
    Documents {
        text,
        limits: *limits,
        reader,
    }
}

/// The documents of a text, sound or broken, from [`documents`].
pub struct Documents<'t> {
    text: &'t str,
    limits: Limits,
    reader: Reader<'t>,
}

enum Reader<'t> {
    Refused(Option<ParseError>),
    Yaml(std::iter::Enumerate<std::vec::IntoIter<Piece>>),
    Json(json::Documents<'t>),
}

impl<'t> Iterator for Documents<'t> {
    type Item = Result<Document<'t>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.reader {
            Reader::Refused(error) => error.take().map(Err),
            Reader::Json(documents) => documents.next(),
            Reader::Yaml(pieces) => {
                let (index, piece) = pieces.next()?;
                let root = yaml::parse(self.text, index, &piece, &self.limits);
                Some(root.map(|(root, has_anchors)| Document {
                    text: self.text,
                    index,
                    format: Format::Yaml,
                    span: piece.span,
                    root,
                    has_anchors,
                    aliased_nodes: self.limits.aliased_nodes,
                }))
            }
        }
    }
}
