//! Lossless changes: splices into a text that leave every other byte as it was. It writes no file.

mod block;
mod flow;
mod layout;
mod plan;
mod verify;

use zeroize::Zeroizing;

use crate::buffer::Buffer;
use crate::error::ParseError;
use crate::format::Format;
use crate::node::{CollectionStyle, Node, NodeKind, ScalarStyle};
use crate::path::{Path, Step};
use crate::schema;
use crate::stream::{Document, Stream, parse};
use crate::text::Span;
use crate::value::{Mapping, Value};
use crate::write::WriteError;
use layout::Style;
use plan::{Branch, Plan};

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
    pub fn apply(self) -> Result<Zeroizing<String>, EditError> {
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
    text: Zeroizing<String>,
}

/// The text with all splices in it, or none where they overlap.
fn apply(text: &str, mut splices: Vec<Splice>) -> Option<Zeroizing<String>> {
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

/// Walks a tree and its plan side by side and gathers splices; `path` is where it stands.
struct Splicer<'t> {
    text: &'t str,
    json: bool,
    style: Style<'t>,
    path: Path,
    splices: Vec<Splice>,
}

/// Where a node hangs.
#[derive(Clone, Copy)]
struct Place<'n, 't> {
    /// The key of which the node is the value.
    key: Option<&'n Node<'t>>,
    /// The columns by which the collection around the node is indented; none at the root.
    indent: Option<usize>,
    /// Whether a bracket is open around the node.
    flow: bool,
}

impl<'t> Splicer<'t> {
    fn document(&mut self, document: &Document<'t>, plan: &Branch) -> Result<(), EditFault> {
        let root = document.root().ok_or(EditFault::Missing)?;
        self.branch(
            root,
            Place {
                key: None,
                indent: None,
                flow: self.json,
            },
            plan,
        )
    }

    fn branch(&mut self, node: &Node<'t>, place: Place<'_, 't>, plan: &Branch) -> Result<(), EditFault> {
        match &node.kind {
            NodeKind::Alias(_) => Err(EditFault::Alias),
            NodeKind::Sequence { items, style } => {
                for (step, plan) in plan.steps() {
                    self.path.push(step.clone());
                    let Step::Index(index) = step else {
                        return Err(EditFault::NotScalar);
                    };
                    let item = items.get(*index).ok_or(EditFault::Missing)?;
                    let flow = place.flow || *style == CollectionStyle::Flow;
                    self.node(
                        item,
                        Place {
                            key: None,
                            indent: Some(node.position.column - 1),
                            flow,
                        },
                        plan,
                    )?;
                    self.path.pop();
                }
                Ok(())
            }
            NodeKind::Mapping { entries, style } => {
                let flow = place.flow || *style == CollectionStyle::Flow;
                let index = plan::index(entries, self.json);
                let mut removed = vec![false; entries.len()];
                let mut added = Vec::new();
                for (step, plan) in plan.steps() {
                    self.path.push(step.clone());
                    let Step::Key(name) = step else {
                        return Err(EditFault::NotScalar);
                    };
                    match (index.get(name.as_str()), plan) {
                        (None, _) => added.push((name.clone(), plan.value()?)),
                        // An earlier entry with the same key must not come to light.
                        (Some(places), Plan::Remove) => places.iter().for_each(|at| removed[*at] = true),
                        (Some(places), _) => {
                            let (key, value) = &entries[places[places.len() - 1]];
                            let indent = Some(key.position.column - 1);
                            self.node(
                                value,
                                Place {
                                    key: Some(key),
                                    indent,
                                    flow,
                                },
                                plan,
                            )?;
                        }
                    }
                    self.path.pop();
                }
                let added = Mapping::from_iter(added);
                if flow {
                    self.flow_entries(node, place, &removed, &added)
                } else {
                    self.block_entries(node, place, &removed, &added)
                }
            }
            NodeKind::Scalar { .. } if schema::is_null(node, self.json) => {
                let made = plan.value()?;
                self.make(node, place, &made)
            }
            NodeKind::Scalar { .. } => Err(EditFault::NotScalar),
        }
    }

    fn node(&mut self, node: &Node<'t>, place: Place<'_, 't>, plan: &Plan) -> Result<(), EditFault> {
        match plan {
            Plan::Into(branch) => self.branch(node, place, branch),
            Plan::Remove => Err(EditFault::Unsupported),
            Plan::Set(value) => match (&node.kind, value) {
                (NodeKind::Alias(_), _) => Err(EditFault::Alias),
                (NodeKind::Scalar { .. }, Value::Mapping(made))
                    if schema::is_null(node, self.json) && !made.is_empty() =>
                {
                    self.make(node, place, made)
                }
                (NodeKind::Mapping { entries, .. }, Value::Mapping(made))
                    if entries.is_empty() && !made.is_empty() =>
                {
                    self.make(node, place, made)
                }
                (NodeKind::Scalar { .. }, Value::Sequence(_) | Value::Mapping(_)) => {
                    Err(EditFault::NotScalar)
                }
                (NodeKind::Scalar { .. }, _) => self.replace(node, place, value),
                (NodeKind::Sequence { .. } | NodeKind::Mapping { .. }, _) => Err(EditFault::NotScalar),
            },
        }
    }

    /// Puts a mapping where null, nothing or `{}` stands.
    fn make(&mut self, node: &Node<'t>, place: Place<'_, 't>, made: &Mapping) -> Result<(), EditFault> {
        if matches!(node.kind, NodeKind::Scalar { .. }) && node.tag.is_some() {
            return Err(EditFault::Tagged);
        }
        if place.flow {
            self.flow_make(node, place, made)
        } else {
            self.block_make(node, place, made)
        }
    }

    /// Puts a scalar where another stands. A comment behind `|` stays behind what comes instead.
    fn replace(&mut self, node: &Node<'t>, place: Place<'_, 't>, value: &Value) -> Result<(), EditFault> {
        if node
            .tag()
            .is_some_and(|tag| tag != "tag:yaml.org,2002:str" || value.as_str().is_none())
        {
            return Err(EditFault::Tagged);
        }
        let text = if place.flow {
            self.flow_value(value)?
        } else {
            self.block_scalar(node, place, value)?
        };
        if node.span.is_empty() {
            let at = self.after_colon(node, place)?;
            self.insert(at, spaced(&text));
            return Ok(());
        }
        let Some(first) = text.find(['\n', '\r']).filter(|_| !place.flow) else {
            let comment = self.header_comment(node);
            let mut joined = Buffer::with_capacity(text.len() + comment.len());
            joined.push_str(&text);
            joined.push_str(comment);
            self.splice(node.span(), joined.finish());
            return Ok(());
        };
        // What stands behind the old value stays on the line of the new one's `|`.
        let mut head = Buffer::default();
        head.push_str(&text[..first]);
        head.push_str(self.header_comment(node));
        self.splice(node.span(), head.finish());
        self.insert(
            self.line_end(node.span.end),
            Zeroizing::new(text[first..].to_owned()),
        );
        Ok(())
    }

    /// The comment behind `|` or `>`, with the blanks before it.
    fn header_comment(&self, node: &Node<'t>) -> &'t str {
        let NodeKind::Scalar {
            style: ScalarStyle::Literal | ScalarStyle::Folded,
            ..
        } = node.kind
        else {
            return "";
        };
        let old = &self.text[node.span()];
        let header = &old[..old.find(['\n', '\r']).unwrap_or(old.len())];
        header
            .find([' ', '\t'])
            .map_or("", |comment| header[comment..].trim_end_matches([' ', '\t']))
    }

    /// The place behind `key:` and, where there are some, anchor and tag.
    fn after_colon(&self, node: &Node<'t>, place: Place<'_, 't>) -> Result<usize, EditFault> {
        if node.tag.is_some() || node.anchor != 0 {
            return Ok(node.span.start);
        }
        let key = place.key.ok_or(EditFault::Unsupported)?;
        let rest = &self.text[key.span.end..];
        let colon = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        rest[colon..]
            .starts_with(':')
            .then_some(key.span.end + colon + 1)
            .ok_or(EditFault::Unsupported)
    }

    fn splice(&mut self, span: Span, text: Zeroizing<String>) {
        self.splices.push(Splice { span, text });
    }

    fn insert(&mut self, at: usize, text: Zeroizing<String>) {
        self.splice(at..at, text);
    }

    fn cut(&mut self, span: Span) {
        self.splice(span, Zeroizing::default());
    }

    /// The start of the line on which `at` lies.
    fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind(['\n', '\r']).map_or(0, |at| at + 1)
    }

    /// The end of the line on which `at` lies, before its break.
    fn line_end(&self, at: usize) -> usize {
        self.text[at..]
            .find(['\n', '\r'])
            .map_or(self.text.len(), |length| at + length)
    }

    /// What stands on the line before `at`, without a byte-order mark.
    fn before(&self, at: usize) -> &'t str {
        let line = &self.text[self.line_start(at)..at];
        line.strip_prefix('\u{FEFF}').unwrap_or(line)
    }

    fn after_break(&self, end: usize) -> usize {
        let rest = &self.text[end..];
        end + if rest.starts_with("\r\n") {
            2
        } else {
            usize::from(!rest.is_empty())
        }
    }
}

/// The text behind a space.
fn spaced(text: &str) -> Zeroizing<String> {
    let mut spaced = Buffer::with_capacity(text.len() + 1);
    spaced.push(' ');
    spaced.push_str(text);
    spaced.finish()
}

/// Where an entry ends.
fn end_of(entry: &(Node<'_>, Node<'_>)) -> usize {
    entry.0.span.end.max(entry.1.span.end)
}
