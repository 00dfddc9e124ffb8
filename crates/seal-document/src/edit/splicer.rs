//! Walks a document beside its plan and gathers splices. Which bytes those are, is decided in `block`
//! and `flow`.

use crate::buffer::Buffer;
use crate::edit::layout::Style;
use crate::edit::plan::{self, Branch, Plan};
use crate::edit::{EditFault, Splice};
use crate::node::{CollectionStyle, Node, NodeKind, ScalarStyle};
use crate::path::{Path, Step};
use crate::schema;
use crate::stream::Document;
use crate::text::Span;
use crate::value::{Mapping, Value};
use crate::wiped::WipedText;

/// Walks a tree and its plan side by side and gathers splices; `path` is where it stands.
pub(super) struct Splicer<'t> {
    pub(super) text: &'t str,
    pub(super) json: bool,
    pub(super) style: Style<'t>,
    pub(super) path: Path,
    pub(super) splices: Vec<Splice>,
}

/// Where a node hangs.
#[derive(Clone, Copy)]
pub(super) struct Place<'n, 't> {
    /// The key of which the node is the value.
    pub(super) key: Option<&'n Node<'t>>,
    /// The columns by which the collection around the node is indented; none at the root.
    pub(super) indent: Option<usize>,
    /// Whether a bracket is open around the node.
    pub(super) flow: bool,
}

impl<'t> Splicer<'t> {
    pub(super) fn document(&mut self, document: &Document<'t>, plan: &Branch) -> Result<(), EditFault> {
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

    pub(super) fn branch(
        &mut self,
        node: &Node<'t>,
        place: Place<'_, 't>,
        plan: &Branch,
    ) -> Result<(), EditFault> {
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

    pub(super) fn node(
        &mut self,
        node: &Node<'t>,
        place: Place<'_, 't>,
        plan: &Plan,
    ) -> Result<(), EditFault> {
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
    pub(super) fn make(
        &mut self,
        node: &Node<'t>,
        place: Place<'_, 't>,
        made: &Mapping,
    ) -> Result<(), EditFault> {
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
    pub(super) fn replace(
        &mut self,
        node: &Node<'t>,
        place: Place<'_, 't>,
        value: &Value,
    ) -> Result<(), EditFault> {
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
            WipedText::new(text[first..].to_owned()),
        );
        Ok(())
    }

    /// The comment behind `|` or `>`, with the blanks before it.
    pub(super) fn header_comment(&self, node: &Node<'t>) -> &'t str {
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
    pub(super) fn after_colon(&self, node: &Node<'t>, place: Place<'_, 't>) -> Result<usize, EditFault> {
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

    pub(super) fn splice(&mut self, span: Span, text: WipedText) {
        self.splices.push(Splice { span, text });
    }

    pub(super) fn insert(&mut self, at: usize, text: WipedText) {
        self.splice(at..at, text);
    }

    pub(super) fn cut(&mut self, span: Span) {
        self.splice(span, WipedText::default());
    }

    /// The start of the line on which `at` lies.
    pub(super) fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind(['\n', '\r']).map_or(0, |at| at + 1)
    }

    /// The end of the line on which `at` lies, before its break.
    pub(super) fn line_end(&self, at: usize) -> usize {
        self.text[at..]
            .find(['\n', '\r'])
            .map_or(self.text.len(), |length| at + length)
    }

    /// What stands on the line before `at`, without a byte-order mark.
    pub(super) fn before(&self, at: usize) -> &'t str {
        let line = &self.text[self.line_start(at)..at];
        line.strip_prefix('\u{FEFF}').unwrap_or(line)
    }

    pub(super) fn after_break(&self, end: usize) -> usize {
        let rest = &self.text[end..];
        end + if rest.starts_with("\r\n") {
            2
        } else {
            usize::from(!rest.is_empty())
        }
    }
}

/// The text behind a space.
pub(super) fn spaced(text: &str) -> WipedText {
    let mut spaced = Buffer::with_capacity(text.len() + 1);
    spaced.push(' ');
    spaced.push_str(text);
    spaced.finish()
}

/// Where an entry ends.
pub(super) fn end_of(entry: &(Node<'_>, Node<'_>)) -> usize {
    entry.0.span.end.max(entry.1.span.end)
}
