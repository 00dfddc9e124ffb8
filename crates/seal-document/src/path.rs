//! The way from a document's root to a node, in words. It never touches a document itself.

use std::fmt;
use std::str::FromStr;

/// Keys and indices from the root of a document, shown as `.spec.encryptedData["a.b"]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(Vec<Step>);

/// One step of a [`Path`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Into a mapping.
    Key(String),
    /// Into a sequence, from zero.
    Index(usize),
}

/// A path that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the path breaks off at byte {offset}: expected .key, [0] or [\"key\"]")]
pub struct PathError {
    /// The byte where reading stopped.
    pub offset: usize,
}

impl Path {
    /// The root.
    pub fn root() -> Self {
        Self::default()
    }

    /// This path and one key more.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.step(Step::Key(key.into()))
    }

    /// This path and one index more.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.step(Step::Index(index))
    }

    /// The steps from the root.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// The path without its last step, and that step.
    pub fn split_last(&self) -> Option<(Self, &Step)> {
        let (last, parents) = self.0.split_last()?;
        Some((Self(parents.to_vec()), last))
    }

    fn step(&self, step: Step) -> Self {
        let mut steps = Vec::with_capacity(self.0.len() + 1);
        steps.extend_from_slice(&self.0);
        steps.push(step);
        Self(steps)
    }

    pub(crate) fn push(&mut self, step: Step) {
        self.0.push(step);
    }

    pub(crate) fn pop(&mut self) -> Option<Step> {
        self.0.pop()
    }
}

impl<K: Into<String>> FromIterator<K> for Path {
    fn from_iter<I: IntoIterator<Item = K>>(keys: I) -> Self {
        Self(keys.into_iter().map(|key| Step::Key(key.into())).collect())
    }
}

fn is_bare(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-')
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return formatter.write_str(".");
        }
        for step in &self.0 {
            match step {
                Step::Index(index) => write!(formatter, "[{index}]")?,
                Step::Key(key) if !key.is_empty() && key.chars().all(is_bare) => write!(formatter, ".{key}")?,
                Step::Key(key) => write!(formatter, "[{key:?}]")?,
            }
        }
        Ok(())
    }
}

impl FromStr for Path {
    type Err = PathError;

    /// Reads what `Display` writes: `.key`, `[0]`, `["any key"]` with `\"` and `\\` escaped.
    fn from_str(text: &str) -> Result<Self, PathError> {
        let mut path = Self::root();
        if text == "." {
            return Ok(path);
        }
        let mut rest = text;
        while !rest.is_empty() {
            let error = PathError {
                offset: text.len() - rest.len(),
            };
            if let Some(after) = rest.strip_prefix('.') {
                let end = after.find(|character| !is_bare(character)).unwrap_or(after.len());
                if end == 0 {
                    return Err(error);
                }
                path.push(Step::Key(after[..end].to_owned()));
                rest = &after[end..];
            } else if let Some(quoted) = rest.strip_prefix("[\"") {
                let (key, after) = unquote(quoted).ok_or(error)?;
                path.push(Step::Key(key));
                rest = after;
            } else {
                let (index, after) = rest
                    .strip_prefix('[')
                    .and_then(|rest| rest.split_once(']'))
                    .ok_or(error.clone())?;
                path.push(Step::Index(index.parse().map_err(|_| error)?));
                rest = after;
            }
        }
        Ok(path)
    }
}

/// The key up to `"]`, and what follows.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut key = String::new();
    let mut characters = text.char_indices();
    while let Some((offset, character)) = characters.next() {
        match character {
            '"' => return text[offset + 1..].strip_prefix(']').map(|rest| (key, rest)),
            '\\' => match characters.next()?.1 {
                'n' => key.push('\n'),
                't' => key.push('\t'),
                'r' => key.push('\r'),
                '0' => key.push('\0'),
                'u' => {
                    let (start, _) = characters.next().filter(|(_, brace)| *brace == '{')?;
                    let (end, _) = characters.by_ref().find(|(_, brace)| *brace == '}')?;
                    key.push(char::from_u32(
                        u32::from_str_radix(&text[start + 1..end], 16).ok()?,
                    )?);
                }
                escaped => key.push(escaped),
            },
            _ => key.push(character),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_as_people_write_it() {
        let path = Path::root()
            .key("spec")
            .key("encryptedData")
            .key("a.b")
            .index(3)
            .key("tls-key");
        assert_eq!(path.to_string(), r#".spec.encryptedData["a.b"][3].tls-key"#);
        assert_eq!(Path::root().to_string(), ".");
    }

    #[test]
    fn a_shown_path_is_read_back() {
        for key in [
            "plain",
            "a.b",
            "",
            "quote\"slash\\",
            "line\nbreak",
            "\u{1}",
            "ünïcode",
            "]",
        ] {
            let path = Path::root().key(key).index(0);
            assert_eq!(path.to_string().parse(), Ok(path), "{key:?}");
        }
    }

    #[test]
    fn a_broken_path_says_where() {
        for (text, offset) in [
            ("spec", 0),
            (".a..b", 2),
            (".a[x]", 2),
            (".a[\"b", 2),
            (".a[0", 2),
        ] {
            assert_eq!(text.parse::<Path>(), Err(PathError { offset }), "{text}");
        }
    }
}
