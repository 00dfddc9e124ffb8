//! What marks the actions of a template. Nothing else of the language can be set.

/// The marks before and after an action; `{{` and `}}` unless said otherwise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delimiters {
    left: String,
    right: String,
}

impl Delimiters {
    /// These two; an empty one is the default, as in Go.
    pub fn new(left: &str, right: &str) -> Self {
        let or = |mark: &str, default: &str| if mark.is_empty() { default } else { mark }.to_owned();
        Delimiters {
            left: or(left, "{{"),
            right: or(right, "}}"),
        }
    }

    pub(crate) fn left(&self) -> &str {
        &self.left
    }

    pub(crate) fn right(&self) -> &str {
        &self.right
    }
}

impl Default for Delimiters {
    fn default() -> Self {
        Delimiters::new("", "")
    }
}
