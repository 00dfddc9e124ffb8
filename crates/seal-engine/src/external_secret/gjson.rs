//! Paths in JSON as gjson reads them: `friends.#(last=="Murphy")#.first`, `@keys`, `{a,b.c}`. What external-secrets
//! means by a property that is no literal key.
//!
//! A reading of its own, since values stay in wiped memory, a path is a stranger's and must end, and the numbers
//! have to come out as Go writes them. Only sound JSON is read; of anything else nothing is found.

mod literal;
mod modifiers;
mod path;
mod pretty;
mod search;
mod text;
mod wildcard;

use seal_document::{Format, Limits, WipedText, documents};

use self::search::Search;
pub(super) use self::text::without_exponent;
use self::text::{Kind, kind, number, start, unquoted};

/// A path that asks for more than one value is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMuch;

/// What one look may still cost. Paths within paths are looked up one inside the other, and texts that a path
/// makes may be copied over and over.
pub(super) struct Work {
    steps: u64,
    bytes: usize,
    depth: usize,
}

impl Default for Work {
    fn default() -> Self {
        Self {
            steps: 4_000_000,
            bytes: 16 << 20,
            depth: 100,
        }
    }
}

impl Work {
    fn step(&mut self) -> Result<(), TooMuch> {
        self.steps = self.steps.checked_sub(1).ok_or(TooMuch)?;
        Ok(())
    }

    fn make(&mut self, text: &str) -> Result<(), TooMuch> {
        self.bytes = self.bytes.checked_sub(text.len()).ok_or(TooMuch)?;
        Ok(())
    }
}

/// JSON that was found, or made of what was found. Empty where there is nothing.
pub(super) enum Found<'a> {
    /// A part of the text that was searched.
    Part(&'a str),
    /// A text of its own.
    Made(WipedText),
}

impl<'a> Found<'a> {
    const NOTHING: Self = Found::Part("");

    fn raw(&self) -> &str {
        match self {
            Self::Part(part) => part,
            Self::Made(made) => made,
        }
    }

    fn exists(&self) -> bool {
        !self.raw().is_empty()
    }

    fn owned(self) -> Found<'static> {
        match self {
            Self::Part(part) => {
                let mut made = WipedText::with_capacity(part.len());
                made.append(part);
                Found::Made(made)
            }
            Self::Made(made) => Found::Made(made),
        }
    }

    // What `path` finds in this.
    fn follow(self, path: &str, work: &mut Work) -> Result<Found<'a>, TooMuch> {
        match self {
            Self::Part(part) => look(part, path, work),
            Self::Made(made) => Ok(look(&made, path, work)?.owned()),
        }
    }
}

/// The value at `path` in `json`, as text: strings without their quotes, numbers as Go prints them, all else as it
/// stands. `None` where there is nothing.
///
/// # Errors
/// [`TooMuch`], after a bounded time.
pub(super) fn get(json: &str, path: &str) -> Result<Option<WipedText>, TooMuch> {
    if documents(json, Format::Json, &Limits::default()).any(|document| document.is_err()) {
        return Ok(None);
    }
    let found = look(json, path, &mut Work::default())?;
    Ok(found.exists().then(|| printed(found.raw())))
}

// What Go's `Result.String` returns.
fn printed(raw: &str) -> WipedText {
    let mut text = WipedText::with_capacity(raw.len());
    match kind(raw) {
        Kind::Nothing | Kind::Null => {}
        Kind::False => text.append("false"),
        Kind::True => text.append("true"),
        Kind::Number => text.append(&number(raw)),
        Kind::String => return unquoted(raw),
        Kind::Json => text.append(raw),
    }
    text
}

fn look<'a>(json: &'a str, path: &str, work: &mut Work) -> Result<Found<'a>, TooMuch> {
    work.step()?;
    work.depth = work.depth.checked_sub(1).ok_or(TooMuch)?;
    let found = look_within(json, path, work);
    work.depth += 1;
    found
}

fn look_within<'a>(json: &'a str, path: &str, work: &mut Work) -> Result<Found<'a>, TooMuch> {
    if path.len() > 1 {
        let special = match path.as_bytes()[0] {
            b'@' => modifiers::apply(json, path, work)?,
            b'!' => literal::apply(path),
            b'[' | b'{' => return selected(json, path, work),
            _ => None,
        };
        if let Some((made, rest)) = special {
            return match rest.strip_prefix(['|', '.']) {
                Some(rest) => made.follow(rest, work),
                None => Ok(whole(made)),
            };
        }
    }
    searched(json, path, work)
}

fn searched<'a>(json: &'a str, path: &str, work: &mut Work) -> Result<Found<'a>, TooMuch> {
    let mut search = Search::new(work);
    match path.strip_prefix("..") {
        Some(path) => search.lines(json, path)?,
        None => search.root(json, path)?,
    }
    let (value, pipe) = search.finish();
    match pipe {
        Some(pipe) => value.follow(&pipe, work),
        None => Ok(value),
    }
}

// The one value that a text is.
fn whole(text: Found<'_>) -> Found<'_> {
    match text {
        Found::Part(part) => Found::Part(start(part)),
        Found::Made(made) if start(&made).len() == made.len() => Found::Made(made),
        Found::Made(made) => Found::Part(start(&made)).owned(),
    }
}

// `[a,b]` and `{a,"name":b}`.
fn selected<'a>(json: &'a str, path: &str, work: &mut Work) -> Result<Found<'a>, TooMuch> {
    let selectors = path::selectors(path).filter(|(_, rest)| rest.is_empty() || rest.starts_with(['|', '.']));
    let Some((selectors, rest)) = selectors else {
        return searched(json, path, work);
    };
    let object = path.starts_with('{');
    let mut made = WipedText::default();
    made.append(&path[..1]);
    for selector in selectors {
        let found = look(json, selector.path, work)?;
        if !found.exists() {
            continue;
        }
        if made.len() > 1 {
            made.append(",");
        }
        if object {
            made.append(&selector.key());
            made.append(":");
        }
        made.append(found.raw());
        work.make(found.raw())?;
    }
    made.append(if object { "}" } else { "]" });
    match rest.get(1..) {
        Some(rest) => Found::Made(made).follow(rest, work),
        None => Ok(Found::Made(made)),
    }
}

#[cfg(test)]
mod tests;
