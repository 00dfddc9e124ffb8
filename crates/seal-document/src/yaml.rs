//! One YAML document into a syntax tree, by way of granit's events. What plain scalars mean is the
//! schema's word.

use std::borrow::Cow;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle as Style, ScanError, StructureStyle, Tag};

use crate::error::{ParseError, ParseFault};
use crate::limits::Limits;
use crate::node::{CollectionStyle, Node, NodeKind, ScalarStyle, Text};
use crate::split::Piece;
use crate::text::{Position, Span};

/// The root of the document in `piece`, or nothing where it is empty; and whether there are anchors.
pub(crate) fn parse<'t>(
    text: &'t str,
    index: usize,
    piece: &Piece,
    limits: &Limits,
) -> Result<(Option<Node<'t>>, bool), ParseError> {
    let mut builder = Builder {
        source: &text[piece.span.clone()],
        offset: piece.span.start,
        line: piece.line,
        index,
        limits,
        nodes: 0,
        cursor: 0,
        open: Vec::new(),
        root: None,
        has_anchors: false,
    };
    builder.run()?;
    Ok((
        builder.root.filter(|root| !root.is_omitted()),
        builder.has_anchors,
    ))
}

struct Builder<'t, 'l> {
    source: &'t str,
    offset: usize,
    line: usize,
    index: usize,
    limits: &'l Limits,
    nodes: usize,
    /// The end of the last token that was read, within the source.
    cursor: usize,
    open: Vec<Open<'t>>,
    root: Option<Node<'t>>,
    has_anchors: bool,
}

/// A collection whose end has not come yet.
struct Open<'t> {
    node: Node<'t>,
    key: Option<Node<'t>>,
}

impl<'t> Builder<'t, '_> {
    fn run(&mut self) -> Result<(), ParseError> {
        let mut options = granit_parser::options! {
            emit_comments: false,
            // libyaml, which Kubernetes' parser is a port of, adds no break that is not there.
            block_scalar_eof_without_line_feed: true,
        };
        options.flow_nesting_limit = self.limits.depth.min(255);
        options.block_nesting_limit = self.limits.depth.min(255);
        let mut documents = 0;
        for event in Parser::new_from_str_with_options(self.source, options) {
            let (event, span) = event.map_err(|error| self.refuse(&error))?;
            let range = span.byte_range().expect("a parser of a str knows bytes");
            let place = Place {
                range,
                position: Position {
                    line: span.start.line() + self.line,
                    column: span.start.col() + 1,
                },
                tag_end: span
                    .tag_span()
                    .and_then(|tag| tag.byte_range())
                    .map(|tag| tag.end),
            };
            match event {
                Event::DocumentStart(..) => {
                    documents += 1;
                    if documents > 1 {
                        let words = ParseFault::Syntax("content follows the end of the document");
                        return Err(self.fault(place.position, words));
                    }
                    self.cursor = self.cursor.max(place.range.end);
                }
                Event::Scalar(value, style, anchor, tag) => self.scalar(value, style, anchor, tag, place)?,
                Event::Alias(target) => {
                    self.cursor = place.range.end;
                    self.leaf(NodeKind::Alias(target), 0, None, place)?;
                }
                Event::MappingStart(style, anchor, tag) => {
                    let kind = NodeKind::Mapping {
                        entries: Vec::new(),
                        style: collection(style),
                    };
                    self.open(kind, anchor, tag, place)?;
                }
                Event::SequenceStart(style, anchor, tag) => {
                    let kind = NodeKind::Sequence {
                        items: Vec::new(),
                        style: collection(style),
                    };
                    self.open(kind, anchor, tag, place)?;
                }
                Event::MappingEnd | Event::SequenceEnd => self.close(place.range.end),
                _ => {}
            }
        }
        Ok(())
    }

    fn scalar(
        &mut self,
        value: Cow<'t, str>,
        style: Style,
        anchor: usize,
        tag: Option<Cow<'_, Tag>>,
        mut place: Place,
    ) -> Result<(), ParseError> {
        let style = match style {
            Style::Plain => ScalarStyle::Plain,
            Style::SingleQuoted => ScalarStyle::SingleQuoted,
            Style::DoubleQuoted => ScalarStyle::DoubleQuoted,
            Style::Literal => ScalarStyle::Literal,
            Style::Folded => ScalarStyle::Folded,
        };
        let mut text = Text::new(value);
        match style {
            // granit says `~` where nothing is written.
            ScalarStyle::Plain if place.range.is_empty() => text = Text::new(Cow::Borrowed("")),
            // granit's span starts at the first character of the content.
            ScalarStyle::Literal | ScalarStyle::Folded => {
                let header = block_header(self.source, place.tag_end.unwrap_or(0).max(self.cursor));
                let end = place.range.end.max(header.end);
                let above = line_breaks(&self.source[header.start..place.range.start.max(header.start)]);
                place.position.line -= above;
                place.position.column = column(self.source, header.start);
                // The blank lines after it are the scalar's own only where `+` keeps them.
                let keeps = self.source[header.clone()].contains('+');
                let body = &self.source[header.end..end];
                let body = if keeps {
                    without_break(body)
                } else {
                    without_blank_lines(body)
                };
                place.range = header.start..header.end + body.len();
            }
            _ => {}
        }
        self.cursor = self.cursor.max(place.range.end);
        self.leaf(NodeKind::Scalar { text, style }, anchor, tag, place)
    }

    fn open(
        &mut self,
        kind: NodeKind<'t>,
        anchor: usize,
        tag: Option<Cow<'_, Tag>>,
        place: Place,
    ) -> Result<(), ParseError> {
        if self.open.len() >= self.limits.depth {
            return Err(self.fault(
                place.position,
                ParseFault::TooDeep {
                    limit: self.limits.depth,
                },
            ));
        }
        self.cursor = self.cursor.max(place.range.end);
        let node = self.node(kind, anchor, tag, place)?;
        self.open.push(Open { node, key: None });
        Ok(())
    }

    fn close(&mut self, end: usize) {
        let Some(Open { mut node, .. }) = self.open.pop() else {
            return;
        };
        let flow = match &node.kind {
            NodeKind::Mapping { style, .. } | NodeKind::Sequence { style, .. } => {
                *style == CollectionStyle::Flow
            }
            _ => false,
        };
        // A block collection ends where its last node does; granit's end takes in what follows.
        let last = match &node.kind {
            NodeKind::Mapping { entries, .. } => entries
                .last()
                .map(|(key, value)| key.span.end.max(value.span.end)),
            NodeKind::Sequence { items, .. } => items.last().map(|item| item.span.end),
            _ => None,
        };
        node.span.end = if flow {
            end + self.offset
        } else {
            last.unwrap_or(node.span.end).max(node.span.start)
        };
        self.cursor = self.cursor.max(node.span.end - self.offset);
        self.place(node);
    }

    fn leaf(
        &mut self,
        kind: NodeKind<'t>,
        anchor: usize,
        tag: Option<Cow<'_, Tag>>,
        place: Place,
    ) -> Result<(), ParseError> {
        let node = self.node(kind, anchor, tag, place)?;
        self.place(node);
        Ok(())
    }

    fn node(
        &mut self,
        kind: NodeKind<'t>,
        anchor: usize,
        tag: Option<Cow<'_, Tag>>,
        place: Place,
    ) -> Result<Node<'t>, ParseError> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes {
            return Err(self.fault(
                place.position,
                ParseFault::TooManyNodes {
                    limit: self.limits.nodes,
                },
            ));
        }
        self.has_anchors |= anchor != 0;
        let span = place.range.start + self.offset..place.range.end + self.offset;
        let tag = tag.map(|tag| format!("{}{}", tag.handle(), tag.suffix()).into_boxed_str());
        Ok(Node {
            span,
            position: place.position,
            tag,
            anchor,
            kind,
        })
    }

    /// Puts a finished node where it belongs.
    fn place(&mut self, node: Node<'t>) {
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        match &mut parent.node.kind {
            NodeKind::Mapping { entries, .. } => match parent.key.take() {
                None => parent.key = Some(node),
                Some(key) => entries.push((key, node)),
            },
            NodeKind::Sequence { items, .. } => items.push(node),
            NodeKind::Scalar { .. } | NodeKind::Alias(_) => {}
        }
    }

    fn refuse(&self, error: &ScanError) -> ParseError {
        let marker = error.marker();
        let position = Position {
            line: marker.line() + self.line,
            column: marker.col() + 1,
        };
        let fault = match error.kind() {
            ErrorKind::UnknownAnchor => ParseFault::UnknownAnchor,
            ErrorKind::RecursionLimitExceeded => ParseFault::TooDeep {
                limit: self.limits.depth.min(255),
            },
            kind => ParseFault::Syntax(words(kind)),
        };
        self.fault(position, fault)
    }

    fn fault(&self, position: Position, fault: ParseFault) -> ParseError {
        ParseError::new(
            self.index,
            position,
            fault,
            self.offset..self.offset + self.source.len(),
        )
    }
}

struct Place {
    range: Span,
    position: Position,
    tag_end: Option<usize>,
}

fn collection(style: StructureStyle) -> CollectionStyle {
    match style {
        StructureStyle::Block => CollectionStyle::Block,
        StructureStyle::Flow => CollectionStyle::Flow,
    }
}

/// The bytes of `|`, `>` and their indicators, which come next after `from` but for what may stand
/// between: `:`, `-`, `?`, anchor, tag, comments, blanks.
fn block_header(source: &str, from: usize) -> Span {
    let bytes = source.as_bytes();
    let word_end = |from: usize| {
        let word = bytes[from..]
            .iter()
            .position(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
        word.map_or(bytes.len(), |length| from + length)
    };
    let mut at = from;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'|' | b'>' => return at..word_end(at),
            b'#' => {
                let line = bytes[at..].iter().position(|byte| matches!(byte, b'\r' | b'\n'));
                at = line.map_or(bytes.len(), |length| at + length);
            }
            b'&' | b'!' => at = word_end(at),
            _ => at += 1,
        }
    }
    bytes.len()..bytes.len()
}

/// The text but for its last line break.
fn without_break(text: &str) -> &str {
    text.strip_suffix("\r\n")
        .or(text.strip_suffix(['\n', '\r']))
        .unwrap_or(text)
}

/// The text up to the end of its last line that is not blank.
fn without_blank_lines(text: &str) -> &str {
    let content = text.trim_end_matches(['\n', '\r', ' ', '\t']).len();
    let rest = text[content..].find(['\n', '\r']);
    &text[..rest.map_or(text.len(), |rest| content + rest)]
}

fn line_breaks(text: &str) -> usize {
    let bytes = text.as_bytes();
    let lone = |at: usize| bytes[at] == b'\r' && bytes.get(at + 1) != Some(&b'\n');
    (0..bytes.len())
        .filter(|at| bytes[*at] == b'\n' || lone(*at))
        .count()
}

/// The column, from one, of the character at `offset`.
fn column(source: &str, offset: usize) -> usize {
    let before = &source[..offset];
    let line = before.rfind(['\n', '\r']).map_or(0, |at| at + 1);
    before[line..].chars().count() + 1
}

/// granit's kinds in fewer words. Its own texts can name a character of the document.
fn words(kind: &ErrorKind) -> &'static str {
    use ErrorKind as E;
    match kind {
        E::UnexpectedEofFlowSequence
        | E::UnexpectedEofFlowMapping
        | E::UnexpectedEofImplicitFlowMapping
        | E::UnclosedFlowCollection { .. } => "a bracket is not closed",
        E::MisplacedFlowCollectionEnd | E::MismatchedFlowCollectionEnd { .. } => {
            "a closing bracket has no partner"
        }
        E::ExpectedFlowMappingSeparator => "expected a comma or a closing brace",
        E::ExpectedFlowSequenceSeparator => "expected a comma or a closing bracket",
        E::UnexpectedEofBlockSequence | E::UnexpectedEofBlockMapping | E::UnexpectedEof => {
            "the text breaks off"
        }
        E::DuplicateVersionDirective
        | E::UnsupportedYamlMajorVersion
        | E::DuplicateTagDirective
        | E::MissingDocumentEndBeforeDirective
        | E::ExpectedTagDirectiveBang
        | E::InvalidDirectiveTerminator
        | E::DirectiveDisallowed
        | E::MissingYamlVersionSeparator
        | E::MissingDirectiveName
        | E::InvalidDirectiveName
        | E::DirectiveByteLimitExceeded { .. }
        | E::TooManyReservedDirectiveParams { .. }
        | E::YamlVersionTooLong
        | E::MissingYamlVersion
        | E::InvalidTagDirectiveTerminator => "a directive is malformed",
        E::UndeclaredTagHandle
        | E::ExpectedTagBang
        | E::InvalidGlobalTagCharacter
        | E::InvalidTagTerminator
        | E::MissingTagUri
        | E::UnclosedVerbatimTag
        | E::InvalidTagEscape
        | E::InvalidTagUtf8LeadingByte
        | E::InvalidTagUtf8TrailingByte
        | E::InvalidTagUtf8 => "a tag is malformed",
        E::MissingAnchorOrAliasName | E::AnchorCountOverflow => "an anchor or alias has no name",
        E::ExpectedDocumentStart | E::InvalidDocumentEnd => "content follows the end of the document",
        E::ExpectedNodeContent => "expected a value",
        E::ExpectedBlockMappingKey | E::SimpleKeyExpected | E::InvalidSimpleKey => {
            "expected a key and a colon; is the indentation right?"
        }
        E::MappingKeyNotAllowed | E::MappingValueNotAllowed | E::InvalidMappingValueWhitespace => {
            "a colon starts a mapping where none is allowed; should the value be quoted?"
        }
        E::FlowMappingValueAdjacentCollection | E::InvalidColonPlacement => {
            "a colon stands where none is allowed"
        }
        E::ExpectedBlockSequenceEntry
        | E::BlockEntryInFlowCollection
        | E::BlockSequenceEntryNotAllowed
        | E::InvalidBlockEntryWhitespace
        | E::PlainScalarStartsWithDashFlowIndicator => "a dash stands where no list item is allowed",
        E::InvalidIndentation | E::InvalidFlowScalarIndent | E::InvalidQuotedScalarIndent => {
            "the indentation is wrong"
        }
        E::TabNotAllowed
        | E::TabInBlockIndentation
        | E::TabInIndentation
        | E::TabAtBlockScalarStart
        | E::TabInPlainScalar => "a tab is used for indentation",
        E::BomInsideDocument => "a byte-order mark stands inside the document",
        E::CommentInterceptedScalar | E::CommentNotSeparated => "a comment stands where none is allowed",
        E::ExpectedWhitespace => "expected a space",
        E::ZeroBlockScalarIndent | E::InvalidBlockScalarHeader => "the head of a block scalar is malformed",
        E::InvalidBlockScalarIndent => "a line of a block scalar is indented less than the first",
        E::DocumentIndicatorInQuotedScalar | E::UnclosedQuotedScalar => "a quote is not closed",
        E::InvalidTrailingSingleQuotedScalar | E::InvalidTrailingDoubleQuotedScalar => {
            "content follows a closing quote"
        }
        E::UnknownQuotedScalarEscape
        | E::InvalidQuotedScalarHexEscape
        | E::InvalidLowSurrogateHexEscape
        | E::InvalidLowSurrogate
        | E::MissingLowSurrogate
        | E::UnpairedLowSurrogate
        | E::InvalidUnicodeEscape => "a backslash escape is malformed",
        E::UnexpectedCharacter { .. } | E::UnexpectedEndOfPlainScalar => {
            "a character stands where no value can start with it; should the value be quoted?"
        }
        _ => "the text is not YAML",
    }
}
