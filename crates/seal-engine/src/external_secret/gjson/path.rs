//! Paths as text: where a component ends, what a query asks, what is selected. It looks at no JSON.

use super::modifiers;
use super::text::quoted;
use seal_document::WipedText;

/// One component of a path through mappings, and what follows it.
pub(super) struct Key<'p> {
    /// The key, escapes taken away.
    pub(super) part: String,
    /// Whether it is a pattern.
    pub(super) wild: bool,
    pub(super) next: Next<'p>,
}

/// What follows a component.
#[derive(Clone, Copy)]
pub(super) enum Next<'p> {
    /// Nothing.
    End,
    /// More, looked up within what the component finds.
    Within(&'p str),
    /// A path of its own, looked up in what is found in all.
    Pipe(&'p str),
}

/// One component of a path through lists.
pub(super) enum Index<'p> {
    /// One item; `None` where the component is no number.
    One(Option<u64>, Next<'p>),
    /// `#`: how many there are.
    Count(Next<'p>),
    /// `#.path`: that of each.
    Each(&'p str),
    /// `#(query)`, perhaps with another `#`.
    Query(Query<'p>, Next<'p>),
    /// A component with a `#` that means nothing.
    Nothing(Next<'p>),
}

/// A question about each item.
pub(super) struct Query<'p> {
    /// Where in the item to look.
    pub(super) path: &'p str,
    /// How to compare.
    pub(super) operator: &'p str,
    /// With what.
    pub(super) value: String,
    /// Whether all items that fit are wanted, or the first.
    pub(super) all: bool,
}

impl<'p> Next<'p> {
    fn after(path: &'p str, at: usize, lists: bool) -> Self {
        let rest = &path[at + 1..];
        if path.as_bytes()[at] == b'|' || (!lists && !rest.is_empty() && begins_anew(rest)) {
            Self::Pipe(rest)
        } else {
            Self::Within(rest)
        }
    }
}

// `.@keys`, `.[a,b]` and `.{a,b}` are pipes without saying so.
fn begins_anew(rest: &str) -> bool {
    match rest.as_bytes()[0] {
        b'@' => {
            let end = rest.find(['.', '|', ':']).unwrap_or(rest.len());
            modifiers::is_known(&rest[1..end])
        }
        first => matches!(first, b'[' | b'{'),
    }
}

impl<'p> Key<'p> {
    pub(super) fn parse(path: &'p str) -> Self {
        let mut key = Self {
            part: String::new(),
            wild: false,
            next: Next::End,
        };
        let mut letters = path.char_indices();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '|' | '.' => {
                    key.next = Next::after(path, at, false);
                    return key;
                }
                '\\' => key.part.extend(letters.next().map(|(_, letter)| letter)),
                _ => {
                    key.wild |= matches!(letter, '*' | '?');
                    key.part.push(letter);
                }
            }
        }
        key
    }
}

impl<'p> Index<'p> {
    pub(super) fn parse(path: &'p str) -> Self {
        let bytes = path.as_bytes();
        if let Some(key) = path.strip_prefix("#.") {
            return Self::Each(key);
        }
        let mut from = 0;
        let mut query = None;
        if matches!(bytes, [b'#', b'[' | b'(', ..]) {
            match Query::parse(path) {
                Some((found, length)) => (query, from) = (Some(found), length),
                // One that does not close asks whether there is anything.
                None => return Self::Query(Query::of_anything(), Next::End),
            }
        }
        let end = path[from..].find(['|', '.']).map(|at| from + at);
        let part = &path[..end.unwrap_or(path.len())];
        let hash = part.contains('#');
        let next = end.map_or(Next::End, |at| Next::after(path, at, hash));
        match query {
            Some(mut query) => {
                query.all = bytes.get(from) == Some(&b'#');
                Self::Query(query, next)
            }
            None if part == "#" => Self::Count(next),
            None if hash => Self::Nothing(next),
            None => Self::One(number(part), next),
        }
    }
}

// Too large a number begins at zero again.
fn number(part: &str) -> Option<u64> {
    if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = part.bytes().map(|byte| u64::from(byte - b'0'));
    Some(digits.fold(0, |number: u64, digit| {
        number.wrapping_mul(10).wrapping_add(digit)
    }))
}

impl<'p> Query<'p> {
    fn of_anything() -> Self {
        Self {
            path: "",
            operator: "",
            value: String::new(),
            all: false,
        }
    }

    // The query that `text` begins with, and its length. `None` where it does not close.
    fn parse(text: &'p str) -> Option<(Self, usize)> {
        let bytes = text.as_bytes();
        let (mut at, mut depth) = (2, 1);
        let (mut compared, mut escapes) = (None, false);
        loop {
            let byte = *bytes.get(at)?;
            match byte {
                b'!' | b'=' | b'<' | b'>' | b'%' if depth == 1 && compared.is_none() => compared = Some(at),
                b'\\' => at += 1,
                b'[' | b'(' => depth += 1,
                b']' | b')' => {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                }
                b'"' => {
                    at += 1;
                    while let Some(byte) = bytes.get(at).filter(|byte| **byte != b'"') {
                        if *byte == b'\\' {
                            escapes = true;
                            at += 1;
                        }
                        at += 1;
                    }
                }
                _ => {}
            }
            at += 1;
        }
        let mut query = Self::of_anything();
        query.path = trim(text.get(2..compared.unwrap_or(at))?);
        if let Some(compared) = compared {
            let comparison = trim(text.get(compared..at)?);
            let (operator, value) = split_operator(comparison);
            query.operator = operator;
            query.value = match value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) {
                Some(_) if escapes => super::text::unquoted(value).to_string(),
                Some(inner) => inner.to_owned(),
                None => value.to_owned(),
            };
        }
        Some((query, at + 1))
    }
}

fn split_operator(comparison: &str) -> (&str, &str) {
    // `==` is `=`.
    let comparison = comparison
        .strip_prefix("==")
        .map_or(comparison, |_| &comparison[1..]);
    let length = match comparison.as_bytes() {
        [_] => 1,
        [b'!', b'=' | b'%', ..] | [b'<' | b'>', b'=', ..] => 2,
        [b'<' | b'>' | b'=' | b'%', ..] => 1,
        _ => 0,
    };
    let (operator, value) = comparison.split_at(length);
    (operator, trim(value))
}

fn trim(text: &str) -> &str {
    text.trim_matches(|letter| letter <= ' ')
}

/// Splits a path at the first pipe that stands in none of its queries.
pub(super) fn split_pipe(path: &str) -> Option<(&str, &str)> {
    let bytes = path.as_bytes();
    if bytes.first() == Some(&b'{') {
        let end = super::text::balanced_end(path, 0);
        return path[end..].strip_prefix('|').map(|rest| (&path[..end], rest));
    }
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'|' => return Some((&path[..at], &path[at + 1..])),
            b'.' if bytes.get(at + 1) == Some(&b'#') => {
                at += 2;
                if matches!(bytes.get(at), Some(b'[' | b'(')) {
                    at = closing(path, at)?;
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

// Where the bracket at `at` closes: only brackets of its own kind count.
fn closing(path: &str, at: usize) -> Option<usize> {
    let bytes = path.as_bytes();
    let open = bytes[at];
    let close = if open == b'[' { b']' } else { b')' };
    let (mut at, mut depth) = (at + 1, 1);
    loop {
        let byte = *bytes.get(at)?;
        match byte {
            b'\\' => at += 1,
            b'"' => {
                at += 1;
                while let Some(byte) = bytes.get(at).filter(|byte| **byte != b'"') {
                    at += if *byte == b'\\' { 2 } else { 1 };
                }
            }
            _ if byte == open => depth += 1,
            _ if byte == close => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
        at += 1;
    }
}

/// One of the paths between brackets.
pub(super) struct Selector<'p> {
    name: Option<&'p str>,
    pub(super) path: &'p str,
}

impl Selector<'_> {
    /// The key under which its value is put, in quotes.
    pub(super) fn key(&self) -> WipedText {
        match self.name.filter(|name| !name.is_empty()) {
            Some(name) if name.starts_with('"') && modifiers::is_sound(name) => {
                let mut key = WipedText::with_capacity(name.len());
                key.append(name);
                key
            }
            Some(name) => quoted(name),
            None => {
                let last = last(self.path);
                let simple = last
                    .bytes()
                    .all(|byte| byte >= b' ' && !b"[]{}()#|!".contains(&byte));
                quoted(if simple { last } else { "_" })
            }
        }
    }
}

// The last component of a path.
fn last(path: &str) -> &str {
    let bytes = path.as_bytes();
    let separates = |at: &usize| {
        matches!(bytes[*at], b'|' | b'.') && at.checked_sub(1).is_none_or(|before| bytes[before] != b'\\')
    };
    (0..bytes.len())
        .rev()
        .find(separates)
        .map_or(path, |at| &path[at + 1..])
}

/// The paths between the brackets that `path` begins with, and what follows them. `None` where they do not close.
pub(super) fn selectors(path: &str) -> Option<(Vec<Selector<'_>>, &str)> {
    let bytes = path.as_bytes();
    let mut selectors = Vec::new();
    let (mut at, mut depth) = (1, 1);
    let (mut start, mut colon, mut modifier) = (1, None, false);
    while at < bytes.len() {
        let mut close = false;
        match bytes[at] {
            b'\\' => at += 1,
            b'@' if matches!(bytes[at - 1], b'.' | b'|') => modifier = true,
            b':' if !modifier && colon.is_none() && depth == 1 => colon = Some(at),
            b',' if depth == 1 => close = true,
            b'"' => {
                at += 1;
                while let Some(byte) = bytes.get(at).filter(|byte| **byte != b'"') {
                    at += if *byte == b'\\' { 2 } else { 1 };
                }
            }
            b'[' | b'(' | b'{' => depth += 1,
            b']' | b')' | b'}' => {
                depth -= 1;
                close = depth == 0;
            }
            _ => {}
        }
        if close {
            selectors.push(Selector {
                name: colon.and_then(|colon| path.get(start..colon)),
                path: path.get(colon.map_or(start, |colon| colon + 1)..at)?,
            });
            (start, colon, modifier) = (at + 1, None, false);
            if depth == 0 {
                return Some((selectors, path.get(at + 1..)?));
            }
        }
        at += 1;
    }
    None
}
