//! The syntax tree: what stands where, and how it is written. It does not say what a scalar means.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use zeroize::Zeroize;

use crate::path::{Path, Step};
use crate::text::{Position, Span};

/// One node of a document.
pub struct Node<'t> {
    pub(crate) span: Span,
    pub(crate) position: Position,
    pub(crate) tag: Option<Box<str>>,
    pub(crate) anchor: usize,
    pub(crate) kind: NodeKind<'t>,
}

/// What a node is.
pub enum NodeKind<'t> {
    /// A string, number, boolean or null; which of them is the schema's word.
    Scalar {
        /// The text after escapes and folding.
        text: Text<'t>,
        /// How it is written.
        style: ScalarStyle,
    },
    /// Keys and values in the order of the text.
    Mapping {
        /// The pairs.
        entries: Vec<(Node<'t>, Node<'t>)>,
        /// How it is written.
        style: CollectionStyle,
    },
    /// Items in the order of the text.
    Sequence {
        /// The items.
        items: Vec<Node<'t>>,
        /// How it is written.
        style: CollectionStyle,
    },
    /// `*name`: the number of the anchor that it repeats.
    Alias(usize),
}

/// How a scalar is written. In JSON, strings are double-quoted and all else is plain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScalarStyle {
    /// Without quotes.
    Plain,
    /// `'…'`
    SingleQuoted,
    /// `"…"`
    DoubleQuoted,
    /// `|`
    Literal,
    /// `>`
    Folded,
}

/// How a mapping or sequence is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CollectionStyle {
    /// By indentation.
    Block,
    /// By brackets.
    Flow,
}

impl<'t> Node<'t> {
    /// The bytes of the node, with its quotes, brackets or block header, without anchor and tag.
    /// Empty where YAML lets a value be omitted.
    pub fn span(&self) -> Span {
        self.span.clone()
    }

    /// Where the node starts.
    pub fn position(&self) -> Position {
        self.position
    }

    /// The resolved tag: `tag:yaml.org,2002:str` for `!!str`, `!name` for a local one.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The number of the anchor on this node; aliases repeat it.
    pub fn anchor(&self) -> Option<usize> {
        (self.anchor != 0).then_some(self.anchor)
    }

    /// What the node is.
    pub fn kind(&self) -> &NodeKind<'t> {
        &self.kind
    }

    /// The text of a scalar.
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The value of the last entry whose key is written as `key`.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|(_, value)| value)
    }

    /// The last entry whose key is written as `key`: the one that counts for Kubernetes.
    pub fn entry(&self, key: &str) -> Option<(&Self, &Self)> {
        match &self.kind {
            NodeKind::Mapping { entries, .. } => entries
                .iter()
                .rev()
                .find(|(name, _)| name.as_str() == Some(key))
                .map(|(key, value)| (key, value)),
            _ => None,
        }
    }

    /// The node at `path`; aliases are not followed.
    pub fn at(&self, path: &Path) -> Option<&Self> {
        path.steps()
            .iter()
            .try_fold(self, |node, step| match (step, &node.kind) {
                (Step::Key(key), _) => node.get(key),
                (Step::Index(index), NodeKind::Sequence { items, .. }) => items.get(*index),
                (Step::Index(_), _) => None,
            })
    }

    /// Whether nothing is written here: `key:` without a value.
    pub(crate) fn is_omitted(&self) -> bool {
        self.span.is_empty()
            && self.tag.is_none()
            && self.anchor == 0
            && matches!(&self.kind, NodeKind::Scalar { text, style: ScalarStyle::Plain } if text.is_empty())
    }
}

impl fmt::Debug for Node<'_> {
    /// Shape and place only: a node may hold a secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.kind {
            NodeKind::Scalar { .. } => "scalar",
            NodeKind::Mapping { .. } => "mapping",
            NodeKind::Sequence { .. } => "sequence",
            NodeKind::Alias(_) => "alias",
        };
        write!(formatter, "{kind} at {}", self.position)
    }
}

/// The text of a scalar: borrowed where it stands as it is read, else a copy that is wiped on drop.
pub struct Text<'t>(Cow<'t, str>);

impl<'t> Text<'t> {
    pub(crate) fn new(text: Cow<'t, str>) -> Self {
        Self(text)
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Drop for Text<'_> {
    fn drop(&mut self) {
        if let Cow::Owned(text) = &mut self.0 {
            text.zeroize();
        }
    }
}
