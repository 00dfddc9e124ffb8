//! What stands today where a key could read something, and whether it still is what it read. No value is known
//! here, only which ones are equal.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::texts::{Known, Text};

/// What became of an entry, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    /// The entry is not there any longer.
    Gone,
    /// It has another value.
    Changed,
    /// It is sealed to another key, and nobody here knows what is in it.
    Unknown,
    /// It is sealed to another key, and has the same value.
    SameValue,
    /// The key that leaked reads it.
    Exposed,
}

impl State {
    /// For programs.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Changed => "changed",
            Self::Unknown => "unknown",
            Self::SameValue => "same-value",
            Self::Exposed => "exposed",
        }
    }

    /// For people.
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::Gone => "no longer there",
            Self::Changed => "another value",
            Self::Unknown => "sealed anew, value unknown",
            Self::SameValue => "sealed anew, same value",
            Self::Exposed => "still exposed",
        }
    }

    /// Whether somebody has something to do.
    pub(super) fn is_open(self) -> bool {
        self >= Self::Unknown
    }
}

/// What became of an entry, and where it stands if its file has it no longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Today {
    pub(super) state: State,
    pub(super) elsewhere: Option<PathBuf>,
}

/// What the key read in one entry of a file's object.
#[derive(Default)]
pub(super) struct Read {
    pub(super) sealed: HashSet<u32>,
    /// What stands for the values.
    pub(super) values: HashSet<String>,
    /// Whether there is one of which the value is not known.
    pub(super) is_partial: bool,
}

/// An entry of an object in a file.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) path: &'a Path,
    pub(super) object: u32,
    pub(super) entry: u32,
}

/// All entries that stand somewhere today.
#[derive(Default)]
pub(super) struct Standing {
    places: HashMap<(u32, u32), Vec<(PathBuf, u32)>>,
    // Files of which nobody knows what is in them.
    overlooked: HashSet<PathBuf>,
}

impl Standing {
    /// `path` holds `texts`, if that is known.
    pub(super) fn add(&mut self, path: &Path, texts: Option<&[Text]>) {
        let Some(texts) = texts else {
            self.overlooked.insert(path.to_owned());
            return;
        };
        for text in texts {
            let places = self.places.entry((text.object, text.entry)).or_default();
            places.push((path.to_owned(), text.sealed));
        }
    }

    /// Whether it is known what `path` holds.
    pub(super) fn knows(&self, path: &Path) -> bool {
        !self.overlooked.contains(path)
    }

    /// Where `entry` stands now: in its file, or, if it is not there any longer, wherever an object of that name
    /// has it.
    pub(super) fn places(&self, entry: Entry<'_>) -> impl Iterator<Item = &(PathBuf, u32)> {
        let all = self.places.get(&(entry.object, entry.entry));
        let all = all.map_or(&[][..], Vec::as_slice);
        let stays = all.iter().any(|(place, _)| place == entry.path);
        all.iter().filter(move |(place, _)| !stays || place == entry.path)
    }

    /// What became of it. `follows` is whether a file came when this one was gone: what stood beside it is
    /// another cluster's, unless it is the same.
    pub(super) fn judge(
        &self,
        entry: Entry<'_>,
        read: &Read,
        known: &HashMap<u32, Known>,
        follows: impl Fn(&Path) -> bool,
    ) -> Today {
        let judged = self.places(entry).filter_map(|(place, sealed)| {
            let is_here = place == entry.path;
            let state = match known.get(sealed) {
                // In the work tree it may be a new one, that the next commit exposes.
                Some(Known::Leaked(_)) if is_here || read.sealed.contains(sealed) => State::Exposed,
                Some(Known::Leaked(Some(value))) => read.compare(value, State::Exposed),
                Some(Known::Others(Some(value))) => read.compare(value, State::SameValue),
                _ => State::Unknown,
            };
            let elsewhere = (!is_here).then(|| place.clone());
            (is_here || state >= State::SameValue || follows(place)).then_some(Today { state, elsewhere })
        });
        // The first of the worst, in the order of the files.
        let worst = judged.reduce(|worst, other| match other.state > worst.state {
            true => other,
            false => worst,
        });
        worst.unwrap_or(Today {
            state: match self.knows(entry.path) {
                true => State::Gone,
                false => State::Unknown,
            },
            elsewhere: None,
        })
    }
}

impl Read {
    fn compare(&self, value: &str, equal: State) -> State {
        match self.values.contains(value) {
            true => equal,
            false if self.is_partial => State::Unknown,
            false => State::Changed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "here.yaml";

    fn entry(object: u32, entry: u32) -> Entry<'static> {
        Entry {
            path: Path::new(HERE),
            object,
            entry,
        }
    }

    // The key read the texts 1 and 2, with the values a and b.
    fn judged(places: &[(&str, u32)], known: &[(u32, Known)]) -> (State, Option<String>) {
        judged_beside(places, known, true)
    }

    fn judged_beside(
        places: &[(&str, u32)],
        known: &[(u32, Known)],
        follows: bool,
    ) -> (State, Option<String>) {
        let mut standing = Standing::default();
        for (path, sealed) in places {
            let text = Text {
                object: 7,
                entry: 8,
                sealed: *sealed,
            };
            let other = Text { entry: 9, ..text };
            standing.add(Path::new(path), Some(&[other, text]));
        }
        let read = Read {
            sealed: [1, 2].into(),
            values: ["a".to_owned(), "b".to_owned()].into(),
            is_partial: false,
        };
        let mut known: HashMap<u32, Known> = known.iter().cloned().collect();
        known.insert(1, leaked("a"));
        known.insert(2, leaked("b"));
        let today = standing.judge(entry(7, 8), &read, &known, |_| follows);
        let elsewhere = today.elsewhere.map(|path| path.display().to_string());
        (today.state, elsewhere)
    }

    fn leaked(value: &str) -> Known {
        Known::Leaked(Some(value.to_owned()))
    }

    fn others(value: Option<&str>) -> Known {
        Known::Others(value.map(str::to_owned))
    }

    #[test]
    fn what_stands_in_the_file_is_judged_by_what_is_known_of_it() {
        for (known, state) in [
            (leaked("a"), State::Exposed),
            (leaked("new"), State::Exposed),
            (Known::Leaked(None), State::Exposed),
            (others(Some("b")), State::SameValue),
            (others(Some("new")), State::Changed),
            (others(None), State::Unknown),
        ] {
            assert_eq!(judged(&[(HERE, 3)], &[(3, known)]), (state, None));
        }
        assert_eq!(judged(&[], &[]), (State::Gone, None));
    }

    #[test]
    fn what_left_the_file_is_looked_for_under_its_objects_name() {
        let there = |state| (state, Some("there.yaml".to_owned()));
        assert_eq!(judged(&[("there.yaml", 1)], &[]), there(State::Exposed));
        for (known, state) in [
            (leaked("b"), State::Exposed),
            (leaked("another cluster's"), State::Changed),
            (Known::Leaked(None), State::Unknown),
            (others(None), State::Unknown),
        ] {
            assert_eq!(judged(&[("there.yaml", 3)], &[(3, known)]), there(state));
        }
    }

    #[test]
    fn while_the_file_has_it_no_other_file_counts_and_afterwards_the_worst_does() {
        let known = [(3, others(Some("new"))), (4, leaked("a"))];
        assert_eq!(
            judged(&[(HERE, 3), ("x.yaml", 4)], &known),
            (State::Changed, None)
        );
        assert_eq!(
            judged(&[("x.yaml", 3), ("y.yaml", 4)], &known),
            (State::Exposed, Some("y.yaml".to_owned()))
        );
    }

    #[test]
    fn where_one_value_is_not_known_nothing_is_called_another_value() {
        let mut standing = Standing::default();
        let text = Text {
            object: 0,
            entry: 0,
            sealed: 3,
        };
        standing.add(Path::new(HERE), Some(&[text]));
        let read = Read {
            is_partial: true,
            ..Read::default()
        };
        let known = [(3, others(Some("new")))].into();
        let today = standing.judge(entry(0, 0), &read, &known, |_| true);
        assert_eq!(today.state, State::Unknown);
    }

    #[test]
    fn what_stood_beside_it_is_another_objects_unless_it_is_the_same() {
        for (known, state) in [
            (others(None), State::Gone),
            (others(Some("new")), State::Gone),
            (leaked("new"), State::Gone),
            (leaked("a"), State::Exposed),
            (others(Some("a")), State::SameValue),
        ] {
            assert_eq!(judged_beside(&[("x.yaml", 3)], &[(3, known)], false).0, state);
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_has_lost_nothing() {
        let mut standing = Standing::default();
        standing.add(Path::new(HERE), None);
        let today = standing.judge(entry(0, 0), &Read::default(), &HashMap::new(), |_| true);
        assert_eq!(today.state, State::Unknown);
    }
}
