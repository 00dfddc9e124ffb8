//! Walking through JSON along a path. What is found stays a part of the text wherever it can.

use seal_document::WipedText;

use super::path::{Index, Key, Next, Query, split_pipe};
use super::text::{Kind, elements, float, items, kind, members, start, unquoted};
use super::wildcard::matches;
use super::{Found, TooMuch, Work, look};

/// One look along one path.
pub(super) struct Search<'j, 'w> {
    work: &'w mut Work,
    value: Found<'j>,
    /// The path to follow in what is found.
    pipe: Option<String>,
}

impl<'j, 'w> Search<'j, 'w> {
    pub(super) fn new(work: &'w mut Work) -> Self {
        Self {
            work,
            value: Found::NOTHING,
            pipe: None,
        }
    }

    pub(super) fn finish(self) -> (Found<'j>, Option<String>) {
        (self.value, self.pipe)
    }

    /// Searches the one value of a text.
    pub(super) fn root(&mut self, json: &'j str, path: &str) -> Result<(), TooMuch> {
        let value = start(json);
        match value.as_bytes().first() {
            Some(b'{') => self.mapping(value, path)?,
            Some(b'[') => self.list(elements(value), path)?,
            _ => false,
        };
        Ok(())
    }

    /// Searches the values that follow each other in a text as if they were a list.
    pub(super) fn lines(&mut self, json: &'j str, path: &str) -> Result<(), TooMuch> {
        self.list(items(json), path)?;
        Ok(())
    }

    // Whether it is found. A pipe is remembered even if not: it then works on nothing.
    fn mapping(&mut self, object: &'j str, path: &str) -> Result<bool, TooMuch> {
        let key = Key::parse(path);
        self.remember(key.next);
        for (name, value) in members(object) {
            self.work.step()?;
            let name = unquoted(name);
            let same = if key.wild {
                matches(&name, &key.part)
            } else {
                name.as_str() == key.part
            };
            if same && self.arrive(value, key.next)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn remember(&mut self, next: Next<'_>) {
        if let Next::Pipe(pipe) = next {
            self.pipe = Some(pipe.to_owned());
        }
    }

    fn arrive(&mut self, value: &'j str, next: Next<'_>) -> Result<bool, TooMuch> {
        match (next, value.as_bytes().first()) {
            (Next::End | Next::Pipe(_), _) => {
                self.value = Found::Part(value);
                Ok(true)
            }
            (Next::Within(path), Some(b'{')) => self.deeper(|search| search.mapping(value, path)),
            (Next::Within(path), Some(b'[')) => self.deeper(|search| search.list(elements(value), path)),
            (Next::Within(_), _) => Ok(false),
        }
    }

    fn deeper(&mut self, go: impl FnOnce(&mut Self) -> Result<bool, TooMuch>) -> Result<bool, TooMuch> {
        self.work.depth = self.work.depth.checked_sub(1).ok_or(TooMuch)?;
        let found = go(self);
        self.work.depth += 1;
        found
    }

    fn list(&mut self, list: impl Iterator<Item = &'j str>, path: &str) -> Result<bool, TooMuch> {
        match Index::parse(path) {
            Index::One(index, next) => {
                self.remember(next);
                for (number, item) in list.enumerate() {
                    self.work.step()?;
                    if Some(number as u64) == index {
                        return self.arrive(item, next);
                    }
                }
                Ok(false)
            }
            Index::Count(next) => {
                self.remember(next);
                let mut count = WipedText::default();
                count.append(&list.count().to_string());
                self.value = Found::Made(count);
                Ok(true)
            }
            Index::Each(path) => self.each(list, path),
            Index::Query(query, next) => self.query(list, &query, next),
            Index::Nothing(next) => {
                self.remember(next);
                Ok(false)
            }
        }
    }

    fn each(&mut self, list: impl Iterator<Item = &'j str>, path: &str) -> Result<bool, TooMuch> {
        let path = match split_pipe(path) {
            Some((path, pipe)) => {
                self.pipe = Some(pipe.to_owned());
                path
            }
            None => path,
        };
        let mut made = WipedText::default();
        made.append("[");
        for item in list {
            let found = look(item, path, self.work)?;
            if found.exists() {
                self.add(&mut made, found.raw())?;
            }
        }
        made.append("]");
        self.value = Found::Made(made);
        Ok(true)
    }

    fn add(&mut self, made: &mut WipedText, raw: &str) -> Result<(), TooMuch> {
        if made.len() > 1 {
            made.append(",");
        }
        made.append(raw);
        self.work.make(raw)
    }

    fn query(
        &mut self,
        list: impl Iterator<Item = &'j str>,
        query: &Query<'_>,
        next: Next<'_>,
    ) -> Result<bool, TooMuch> {
        self.remember(next);
        let mut made = WipedText::default();
        made.append("[");
        for item in list {
            self.work.step()?;
            if !self.asked(item, query)? {
                continue;
            }
            let found = match next {
                Next::Within(path) => {
                    // Split only now: where nothing fits, there is nothing to pipe.
                    let path = match split_pipe(path) {
                        Some((path, pipe)) => {
                            self.pipe = Some(pipe.to_owned());
                            path
                        }
                        None => path,
                    };
                    look(item, path, self.work)?
                }
                Next::End | Next::Pipe(_) => Found::Part(item),
            };
            if !query.all {
                self.value = found;
                return Ok(true);
            }
            if found.exists() {
                self.add(&mut made, found.raw())?;
            }
        }
        made.append("]");
        if query.all && !self.value.exists() {
            self.value = Found::Made(made);
        }
        Ok(false)
    }

    fn asked(&mut self, item: &str, query: &Query<'_>) -> Result<bool, TooMuch> {
        if kind(item) == Kind::Json {
            let found = look(item, query.path, self.work)?;
            return Ok(fits(found.raw(), query));
        }
        Ok(query.path.is_empty() && fits(item, query))
    }
}

fn fits(value: &str, query: &Query<'_>) -> bool {
    if let Some(wanted) = query.value.strip_prefix('~') {
        let truth = match wanted {
            "*" => kind(value) != Kind::Nothing,
            "null" => matches!(kind(value), Kind::Null | Kind::Nothing),
            "true" => truth_of(value) == Some(true),
            "false" => truth_of(value) == Some(false),
            _ => return false,
        };
        return query.operator.is_empty() || compare_truth(truth, query.operator, "true");
    }
    let wanted = query.value.as_str();
    match (kind(value), query.operator) {
        (Kind::Nothing, _) => false,
        (_, "") => true,
        (Kind::String, operator) => compare_text(&unquoted(value), operator, wanted),
        (Kind::Number, operator) => compare_number(float(value), operator, float(wanted)),
        (Kind::True, operator) => compare_truth(true, operator, wanted),
        (Kind::False, operator) => compare_truth(false, operator, wanted),
        (Kind::Null | Kind::Json, _) => false,
    }
}

// What counts as true or as false; nothing else does.
fn truth_of(value: &str) -> Option<bool> {
    match kind(value) {
        Kind::Nothing | Kind::Null | Kind::False => Some(false),
        Kind::True => Some(true),
        Kind::Number => Some(float(value) != 0.0),
        Kind::String => {
            let text = unquoted(value);
            let one_of = |words: [&str; 3]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
            match (one_of(["1", "t", "true"]), one_of(["0", "f", "false"])) {
                (true, _) => Some(true),
                (_, true) => Some(false),
                _ => None,
            }
        }
        Kind::Json => None,
    }
}

fn compare_text(value: &str, operator: &str, wanted: &str) -> bool {
    match operator {
        "=" => value == wanted,
        "!=" => value != wanted,
        "<" => value < wanted,
        "<=" => value <= wanted,
        ">" => value > wanted,
        ">=" => value >= wanted,
        "%" => matches(value, wanted),
        "!%" => !matches(value, wanted),
        _ => false,
    }
}

fn compare_number(value: f64, operator: &str, wanted: f64) -> bool {
    match operator {
        "=" => value == wanted,
        "!=" => value != wanted,
        "<" => value < wanted,
        "<=" => value <= wanted,
        ">" => value > wanted,
        ">=" => value >= wanted,
        _ => false,
    }
}

fn compare_truth(value: bool, operator: &str, wanted: &str) -> bool {
    let same = wanted == if value { "true" } else { "false" };
    let opposite = wanted == if value { "false" } else { "true" };
    match operator {
        "=" => same,
        "!=" => !same,
        ">" => value && opposite,
        ">=" => value,
        "<" => !value && opposite,
        "<=" => !value,
        _ => false,
    }
}
