//! Which files stood in which commits: the first and the last one of each content, out of differences. What is in
//! the contents is not its business.
//!
//! The newer commits come first. A content stands where it comes, and in the parent of the commit where it goes;
//! between these two, nothing is told and nothing need be. What is kept grows with the contents, not the commits.

use std::collections::HashMap;
use std::hash::Hash;
use std::mem;
use std::path::{Path, PathBuf};

use crate::repository::{Commit, Event};

/// Things by numbers, in the order in which they came.
pub(super) struct Numbers<T>(HashMap<T, u32>);

impl<T> Default for Numbers<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: Eq + Hash> Numbers<T> {
    /// The number of `thing`, and whether it is new.
    pub(super) fn of(&mut self, thing: T) -> (u32, bool) {
        let next = u32::try_from(self.0.len()).expect("memory ends before numbers do");
        let number = *self.0.entry(thing).or_insert(next);
        (number, number == next)
    }

    /// Everything, each in the place of its number.
    pub(super) fn into_all(self) -> Vec<T> {
        let mut all: Vec<(T, u32)> = self.0.into_iter().collect();
        all.sort_unstable_by_key(|(_, number)| *number);
        all.into_iter().map(|(thing, _)| thing).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

// A file with one content.
type Pair = (u32, u32);

/// The history as it is told.
#[derive(Default)]
pub(super) struct Presence {
    paths: Numbers<PathBuf>,
    blobs: Numbers<String>,
    spans: HashMap<Pair, Span>,
    // Found in a commit that has not been told of yet.
    waiting: HashMap<String, Vec<Pair>>,
    now: Option<Commit>,
    // Its place in `commits`, once something stands there.
    place: Option<u32>,
    commits: Vec<Commit>,
}

#[derive(Clone, Copy)]
struct Span {
    first: u32,
    last: u32,
}

/// A file that had a content, by their numbers, and from which to which commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Held {
    pub(super) path: u32,
    pub(super) blob: u32,
    pub(super) first: u32,
    pub(super) last: u32,
}

/// The history as it was.
pub(super) struct Walk {
    pub(super) paths: Vec<PathBuf>,
    pub(super) blobs: Vec<String>,
    pub(super) held: Vec<Held>,
    /// The newer ones first.
    pub(super) commits: Vec<Commit>,
}

impl Presence {
    /// `commit`, which will be told of, holds this.
    pub(super) fn holds(&mut self, commit: &str, path: &Path, blob: &str) {
        let pair = self.pair(path, blob);
        // Few commits wait for long, and a name is long.
        match self.waiting.get_mut(commit) {
            Some(waiting) => waiting.push(pair),
            None => drop(self.waiting.insert(commit.to_owned(), vec![pair])),
        }
    }

    /// The next thing of the history.
    pub(super) fn hear(&mut self, event: &Event<'_>) {
        match event {
            Event::Commit(commit) => {
                self.now = Some((*commit).clone());
                self.place = None;
                for pair in self.waiting.remove(&commit.id).unwrap_or_default() {
                    self.stands(pair);
                }
            }
            Event::Here { path, blob } => {
                let pair = self.pair(path, blob);
                self.stands(pair);
            }
            Event::Before { parent, path, blob } => self.holds(parent, path, blob),
        }
    }

    /// The end of it.
    pub(super) fn end(self) -> Walk {
        let span = |((path, blob), Span { first, last })| Held {
            path,
            blob,
            first,
            last,
        };
        let mut held: Vec<Held> = self.spans.into_iter().map(span).collect();
        held.sort_unstable();
        Walk {
            paths: self.paths.into_all(),
            blobs: self.blobs.into_all(),
            held,
            commits: self.commits,
        }
    }

    fn pair(&mut self, path: &Path, blob: &str) -> Pair {
        let (path, _) = self.paths.of(path.to_owned());
        let (blob, _) = self.blobs.of(blob.to_owned());
        (path, blob)
    }

    fn stands(&mut self, pair: Pair) {
        let place = *self.place.get_or_insert_with(|| {
            self.commits.extend(mem::take(&mut self.now));
            u32::try_from(self.commits.len() - 1).expect("memory ends before numbers do")
        });
        let span = self.spans.entry(pair).or_insert(Span {
            first: place,
            last: place,
        });
        span.first = place;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // `c x` is a commit, `+ FILE BLOB` stands in it and not in its parent, `- PARENT FILE BLOB` the other way round.
    fn told(lines: &[&str], head: &[(&str, &str)]) -> Vec<String> {
        let mut presence = Presence::default();
        for (path, blob) in head {
            presence.holds("head", Path::new(path), blob);
        }
        for line in lines {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["c", id] => presence.hear(&Event::Commit(&Commit {
                    id: id.to_owned(),
                    at: 0,
                })),
                ["+", path, blob] => {
                    let path = Path::new(path);
                    presence.hear(&Event::Here { path, blob });
                }
                ["-", parent, path, blob] => {
                    let path = Path::new(path);
                    presence.hear(&Event::Before { parent, path, blob });
                }
                _ => panic!("{line}"),
            }
        }
        let walk = presence.end();
        let mut spans: Vec<String> = walk
            .held
            .iter()
            .map(|held| {
                format!(
                    "{} {} {}..{}",
                    walk.paths[held.path as usize].display(),
                    walk.blobs[held.blob as usize],
                    walk.commits[held.first as usize].id,
                    walk.commits[held.last as usize].id,
                )
            })
            .collect();
        spans.sort();
        spans
    }

    #[test]
    fn what_is_replaced_stood_last_in_the_parent_of_what_replaced_it() {
        let lines = ["c head", "c 3", "+ a new", "- 2 a old", "c 2", "c 1", "+ a old"];
        let head = [("a", "new")];
        assert_eq!(told(&lines, &head), ["a new 3..head", "a old 1..2"]);
    }

    #[test]
    fn what_comes_back_stands_from_the_first_time_to_the_last() {
        let lines = [
            "c head",
            "+ a old",
            "- 3 a new",
            "c 3",
            "+ a new",
            "- 2 a old",
            "c 2",
            "c 1",
            "+ a old",
        ];
        assert_eq!(told(&lines, &[("a", "old")]), ["a new 3..3", "a old 1..head"]);
    }

    #[test]
    fn a_merge_that_drops_a_branchs_content_leaves_it_in_the_branch() {
        let lines = [
            "c head",
            "- b a other",
            "c b",
            "+ a other",
            "- 1 a old",
            "c 1",
            "+ a old",
        ];
        assert_eq!(told(&lines, &[("a", "old")]), ["a old 1..head", "a other b..b"]);
    }

    #[test]
    fn what_stood_in_a_commit_that_is_not_walked_is_none_of_ours() {
        assert_eq!(
            told(&["c head", "- outside a old", "+ a new"], &[("a", "new")]),
            ["a new head..head"]
        );
    }

    #[test]
    fn commits_that_change_nothing_are_not_kept() {
        let mut presence = Presence::default();
        for id in 0..1000 {
            presence.hear(&Event::Commit(&Commit {
                id: id.to_string(),
                at: 0,
            }));
        }
        assert!(presence.end().commits.is_empty());
    }
}
