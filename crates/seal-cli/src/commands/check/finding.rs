//! A finding: which rule, where, what is shown of it. It never holds a value, whole or in part, nor a digest
//! of one (S23): scalars are masked whole.

use seal_document::{Node, Position};

use super::rules::Rule;

/// What stands in the place of a value.
pub(crate) const MASK: &str = "***";

/// One thing that was found.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) rule: &'static Rule,
    pub(crate) position: Position,
    /// The object, by kind and name; nothing where the file is no manifest.
    pub(crate) object: String,
    /// The field or entry, which tells two findings of a rule in one object apart.
    pub(crate) field: String,
    /// The line that it is about, masked.
    pub(crate) snippet: String,
    /// The rule's sentence, or one that says it more closely.
    pub(crate) what: String,
    pub(crate) remedy: String,
    /// The engine's own code for it.
    pub(crate) fault: Option<&'static str>,
}

impl Finding {
    pub(crate) fn new(rule: &'static Rule, position: Position) -> Self {
        Self {
            rule,
            position,
            object: String::new(),
            field: String::new(),
            snippet: String::new(),
            what: rule.sentence.to_owned(),
            remedy: rule.remedy.to_owned(),
            fault: None,
        }
    }

    #[must_use]
    pub(crate) fn about(mut self, object: &str) -> Self {
        object.clone_into(&mut self.object);
        self
    }

    #[must_use]
    pub(crate) fn field(mut self, field: impl Into<String>) -> Self {
        self.field = field.into();
        self
    }

    /// Shows `key` with whatever it holds masked.
    #[must_use]
    pub(crate) fn masked(mut self, key: &str) -> Self {
        self.snippet = format!("{}: {MASK}", shortened(key));
        self
    }

    #[must_use]
    pub(crate) fn snippet(mut self, text: impl Into<String>) -> Self {
        self.snippet = text.into();
        self
    }

    #[must_use]
    pub(crate) fn what(mut self, what: impl Into<String>) -> Self {
        self.what = what.into();
        self
    }

    #[must_use]
    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }
}

/// A name as it is shown: a stranger's can be as long as he likes.
pub(crate) fn shortened(name: &str) -> String {
    const MOST: usize = 100;
    match name.char_indices().nth(MOST) {
        None => name.to_owned(),
        Some((end, _)) => format!("{}…", &name[..end]),
    }
}

/// Where the entry at the end of `keys` stands: its key, or as near to it as the text itself goes.
pub(crate) fn position_of(root: &Node<'_>, keys: &[&str]) -> Position {
    let mut node = root;
    let mut position = root.position();
    for key in keys {
        let Some((name, value)) = node.entry(key) else {
            return position;
        };
        position = name.position();
        node = value;
    }
    position
}

/// The line and column of `offset` in a text that need not be UTF-8.
pub(crate) fn position_at(bytes: &[u8], offset: usize) -> Position {
    let before = &bytes[..offset.min(bytes.len())];
    let line = memchr::memchr_iter(b'\n', before).count() + 1;
    let start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
    let column = before[start..]
        .iter()
        .filter(|byte| **byte & 0xC0 != 0x80)
        .count()
        + 1;
    Position { line, column }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_lines_and_characters() {
        let text = "ä\nbä: x\n";
        let position = position_at(text.as_bytes(), text.find('x').unwrap());
        assert_eq!((position.line, position.column), (2, 5));
    }

    #[test]
    fn a_name_of_any_length_is_cut_between_characters() {
        assert_eq!(shortened("ab"), "ab");
        assert_eq!(shortened(&"ä".repeat(101)), format!("{}…", "ä".repeat(100)));
    }
}
