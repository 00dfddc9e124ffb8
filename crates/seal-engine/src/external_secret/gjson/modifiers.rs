//! What a path can do to what it found: `@keys`, `@reverse`, `@join` and their like.

use seal_document::{Format, Limits, WipedText, parse};

use super::pretty;
use super::text::{Kind, balanced_end, elements, kind, members, quoted, start, unquoted};
use super::{Found, TooMuch, Work, look, printed};

type Modifier = fn(&str, &str, &mut Work) -> Result<WipedText, TooMuch>;

const MODIFIERS: [(&str, Modifier); 13] = [
    ("dig", dig),
    ("flatten", flatten),
    ("fromstr", from_string),
    ("group", group),
    ("join", join),
    ("keys", keys),
    ("pretty", pretty::pretty),
    ("reverse", reverse),
    ("this", |json, _, _| Ok(copied(json))),
    ("tostr", |json, _, _| Ok(quoted(json))),
    ("ugly", |json, _, _| Ok(pretty::ugly(json))),
    ("valid", |json, _, _| {
        Ok(copied(if is_sound(json) { json } else { "" }))
    }),
    ("values", values),
];

/// Whether there is a modifier of this name.
pub(super) fn is_known(name: &str) -> bool {
    MODIFIERS.iter().any(|(known, _)| *known == name)
}

/// Applies the modifier that `path` begins with, and returns what follows it. `None` where there is none of that
/// name.
///
/// # Errors
/// When what it makes is too much.
pub(super) fn apply<'p>(
    json: &str,
    path: &'p str,
    work: &mut Work,
) -> Result<Option<(Found<'static>, &'p str)>, TooMuch> {
    let end = path.find([':', '|', '.']).unwrap_or(path.len());
    let known = MODIFIERS.iter().find(|(name, _)| *name == &path[1..end]);
    let Some((_, modify)) = known else {
        return Ok(None);
    };
    let rest = &path[end..];
    let (argument, rest) = match rest.strip_prefix(':') {
        Some(rest) => split_argument(rest),
        None => ("", rest),
    };
    let made = modify(json, argument, work)?;
    work.make(&made)?;
    Ok(Some((Found::Made(made), rest)))
}

// JSON as far as it goes, else up to a pipe.
fn split_argument(text: &str) -> (&str, &str) {
    let bytes = text.as_bytes();
    let mut at = 0;
    if matches!(bytes.first(), Some(b'{' | b'[' | b'"')) {
        at = bracketed(text, 0);
    } else {
        while at < bytes.len() && bytes[at] != b'|' {
            at = match bytes[at] {
                b'{' | b'[' | b'"' | b'(' => bracketed(text, at),
                _ => at + 1,
            };
        }
    }
    text.split_at(text.floor_char_boundary(at))
}

// Behind what begins at `at`.
fn bracketed(text: &str, at: usize) -> usize {
    match text.as_bytes()[at] {
        b'"' => at + start(&text[at..]).len(),
        _ => at + balanced_end(&text[at..], 0),
    }
}

fn copied(text: &str) -> WipedText {
    let mut copy = WipedText::with_capacity(text.len());
    copy.append(text);
    copy
}

pub(super) fn is_sound(json: &str) -> bool {
    parse(json, Format::Json, &Limits::default()).is_ok_and(|stream| stream.documents().len() == 1)
}

// Whether a member of the argument says so.
fn asks(argument: &str, name: &str) -> bool {
    let argument = start(argument);
    let member = |(key, _): &(&str, &str)| unquoted(key).as_str() == name;
    kind(argument) == Kind::Json
        && members(argument)
            .filter(member)
            .last()
            .is_some_and(|(_, value)| match kind(value) {
                Kind::True => true,
                Kind::Number => super::text::float(value) != 0.0,
                _ => matches!(printed(value).as_str(), "1" | "t" | "true"),
            })
}

enum Container<'a> {
    List(&'a str),
    Mapping(&'a str),
    Neither(&'a str),
}

impl<'a> Container<'a> {
    fn of(json: &'a str) -> Self {
        let value = start(json);
        match value.as_bytes().first() {
            Some(b'[') => Self::List(value),
            Some(b'{') => Self::Mapping(value),
            _ => Self::Neither(value),
        }
    }
}

// Pieces between brackets, with commas.
struct Pieces(WipedText, char);

impl Pieces {
    fn list() -> Self {
        let mut text = WipedText::default();
        text.append("[");
        Self(text, ']')
    }

    fn mapping() -> Self {
        let mut text = WipedText::default();
        text.append("{");
        Self(text, '}')
    }

    fn begin(&mut self) {
        if self.0.len() > 1 {
            self.0.append(",");
        }
    }

    fn item(&mut self, raw: &str) {
        self.begin();
        self.0.append(raw);
    }

    fn member(&mut self, key: &str, value: &str) {
        self.begin();
        self.0.append(key);
        self.0.append(":");
        self.0.append(value);
    }

    fn end(mut self) -> WipedText {
        self.0.append(self.1.encode_utf8(&mut [0; 4]));
        self.0
    }
}

fn reverse(json: &str, _: &str, _: &mut Work) -> Result<WipedText, TooMuch> {
    Ok(match Container::of(json) {
        Container::List(list) => {
            let items: Vec<&str> = elements(list).collect();
            let mut reversed = Pieces::list();
            items.into_iter().rev().for_each(|item| reversed.item(item));
            reversed.end()
        }
        Container::Mapping(object) => {
            let all: Vec<(&str, &str)> = members(object).collect();
            let mut reversed = Pieces::mapping();
            for (key, value) in all.into_iter().rev() {
                reversed.member(key, value);
            }
            reversed.end()
        }
        Container::Neither(_) => copied(json),
    })
}

fn keys(json: &str, _: &str, _: &mut Work) -> Result<WipedText, TooMuch> {
    let mut found = Pieces::list();
    match Container::of(json) {
        Container::Mapping(object) => members(object).for_each(|(key, _)| found.item(key)),
        Container::List(list) => elements(list).for_each(|_| found.item("null")),
        Container::Neither("") => {}
        Container::Neither(_) => found.item("null"),
    }
    Ok(found.end())
}

fn values(json: &str, _: &str, _: &mut Work) -> Result<WipedText, TooMuch> {
    let mut found = Pieces::list();
    match Container::of(json) {
        Container::List(_) => return Ok(copied(json)),
        Container::Mapping(object) => members(object).for_each(|(_, value)| found.item(value)),
        Container::Neither("") => {}
        Container::Neither(value) => found.item(value),
    }
    Ok(found.end())
}

fn flatten(json: &str, argument: &str, work: &mut Work) -> Result<WipedText, TooMuch> {
    let Container::List(list) = Container::of(json) else {
        return Ok(copied(json));
    };
    let deep = asks(argument, "deep");
    let mut flat = Pieces::list();
    flatten_into(&mut flat, list, deep, work)?;
    Ok(flat.end())
}

fn flatten_into(flat: &mut Pieces, list: &str, deep: bool, work: &mut Work) -> Result<(), TooMuch> {
    for item in elements(list) {
        work.step()?;
        match (item.starts_with('['), deep) {
            (true, true) => flatten_into(flat, item, deep, work)?,
            // Its content goes over as it stands, blanks and all.
            (true, false) => {
                let inner = item[1..item.len().saturating_sub(1).max(1)].trim();
                if !inner.is_empty() {
                    flat.item(inner);
                }
            }
            (false, _) => flat.item(item),
        }
    }
    Ok(())
}

fn join(json: &str, argument: &str, _: &mut Work) -> Result<WipedText, TooMuch> {
    let Container::List(list) = Container::of(json) else {
        return Ok(copied(json));
    };
    let objects = elements(list).filter(|item| item.starts_with('{'));
    let mut joined = Pieces::mapping();
    if asks(argument, "preserve") {
        let mut first = true;
        for object in objects {
            if !first {
                joined.0.append(",");
            }
            joined.0.append(&object[1..object.len().saturating_sub(1).max(1)]);
            first = false;
        }
        return Ok(joined.end());
    }
    // The place of the first, the value of the last.
    let all: Vec<(WipedText, &str, &str)> = objects
        .flat_map(members)
        .map(|(key, value)| (unquoted(key), key, value))
        .collect();
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by(|left, right| all[*left].0.as_str().cmp(&all[*right].0));
    let same = |left: &usize, right: &usize| all[*left].0.as_str() == all[*right].0.as_str();
    let mut kept: Vec<(usize, usize)> = order
        .chunk_by(same)
        .map(|run| (run[0], run[run.len() - 1]))
        .collect();
    kept.sort_unstable();
    for (first, last) in kept {
        joined.member(all[first].1, all[last].2);
    }
    Ok(joined.end())
}

fn from_string(json: &str, _: &str, _: &mut Work) -> Result<WipedText, TooMuch> {
    Ok(if is_sound(json) {
        printed(start(json))
    } else {
        WipedText::default()
    })
}

// `{"a":[1,2],"b":[3]}` becomes `[{"a":1,"b":3},{"a":2}]`.
fn group(json: &str, _: &str, work: &mut Work) -> Result<WipedText, TooMuch> {
    let Container::Mapping(object) = Container::of(json) else {
        return Ok(WipedText::default());
    };
    let mut groups: Vec<Pieces> = Vec::new();
    for (key, list) in members(object).filter(|(_, value)| value.starts_with('[')) {
        for (index, item) in elements(list).enumerate() {
            work.step()?;
            work.make(key)?;
            if index == groups.len() {
                groups.push(Pieces::mapping());
            }
            groups[index].member(key, item);
        }
    }
    let mut all = Pieces::list();
    groups.into_iter().for_each(|group| all.item(&group.end()));
    Ok(all.end())
}

// What a path finds in the value and in everything within it.
fn dig(json: &str, path: &str, work: &mut Work) -> Result<WipedText, TooMuch> {
    let mut found = Pieces::list();
    dig_into(&mut found, start(json), path, work)?;
    Ok(found.end())
}

fn dig_into(found: &mut Pieces, value: &str, path: &str, work: &mut Work) -> Result<(), TooMuch> {
    let here = look(value, path, work)?;
    if here.exists() {
        work.make(here.raw())?;
        found.item(here.raw());
    }
    match Container::of(value) {
        Container::List(list) => elements(list).try_for_each(|item| dig_into(found, item, path, work)),
        Container::Mapping(object) => {
            members(object).try_for_each(|(_, value)| dig_into(found, value, path, work))
        }
        Container::Neither(_) => Ok(()),
    }
}
