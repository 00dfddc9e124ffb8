//! What is ready, in two lanes: news before the backlog, and within a lane one group after the other.
//!
//! When something becomes ready is not known here.

use std::collections::{HashMap, VecDeque};
use std::fmt::Debug;
use std::hash::Hash;

use tokio::time::Instant;

// Of so many turns one is the backlog's, however much is new.
const BACKLOG_TURN: u32 = 8;

/// Something that is fair to others only together with its like: an object and its namespace.
pub(crate) trait Grouped: Clone + Eq + Hash + Ord {
    /// The group's name.
    type Group: Clone + Eq + Hash + Debug;

    /// The group.
    fn group(&self) -> Self::Group;
}

/// How urgent something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    /// It was listed, or failed before.
    Backlog,
    /// It is new or was changed: somebody waits for it.
    News,
}

/// Everything that is ready, each once.
pub(super) struct Lanes<K: Grouped> {
    all: HashMap<K, (Lane, Instant)>,
    news: Turns<K>,
    backlog: Turns<K>,
    turn: u32,
}

// The groups that have something, in the order of their turns. What moved to another lane stays
// behind and is passed over.
struct Turns<K: Grouped> {
    order: VecDeque<K::Group>,
    members: HashMap<K::Group, VecDeque<K>>,
}

impl<K: Grouped> Default for Lanes<K> {
    fn default() -> Self {
        Self {
            all: HashMap::new(),
            news: Turns::default(),
            backlog: Turns::default(),
            turn: 0,
        }
    }
}

impl<K: Grouped> Default for Turns<K> {
    fn default() -> Self {
        Self {
            order: VecDeque::new(),
            members: HashMap::new(),
        }
    }
}

impl<K: Grouped> Lanes<K> {
    /// `key` is ready since `now`; who is ready already may move to the faster lane, and keeps its age.
    pub(super) fn push(&mut self, key: K, lane: Lane, now: Instant) {
        let since = match self.all.get(&key) {
            Some((kept, _)) if *kept >= lane => return,
            Some((_, since)) => *since,
            None => now,
        };
        self.all.insert(key.clone(), (lane, since));
        match lane {
            Lane::News => self.news.push(key),
            Lane::Backlog => self.backlog.push(key),
        }
    }

    /// The next one.
    pub(super) fn pop(&mut self) -> Option<(K, Lane)> {
        self.turn = self.turn.wrapping_add(1);
        let order = if self.turn.is_multiple_of(BACKLOG_TURN) {
            [Lane::Backlog, Lane::News]
        } else {
            [Lane::News, Lane::Backlog]
        };
        order.into_iter().find_map(|lane| self.pop_from(lane))
    }

    fn pop_from(&mut self, lane: Lane) -> Option<(K, Lane)> {
        let turns = match lane {
            Lane::News => &mut self.news,
            Lane::Backlog => &mut self.backlog,
        };
        while let Some(key) = turns.pop() {
            if self.all.get(&key).is_some_and(|(kept, _)| *kept == lane) {
                self.all.remove(&key);
                return Some((key, lane));
            }
        }
        None
    }

    /// Whether `key` is ready.
    pub(super) fn contains(&self, key: &K) -> bool {
        self.all.contains_key(key)
    }

    /// Whether nothing is.
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// How many are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Since when the oldest one is.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.all.values().map(|(_, since)| *since).min()
    }
}

impl<K: Grouped> Turns<K> {
    fn push(&mut self, key: K) {
        let group = key.group();
        let members = self.members.entry(group.clone()).or_default();
        if members.is_empty() {
            self.order.push_back(group);
        }
        members.push_back(key);
    }

    fn pop(&mut self) -> Option<K> {
        let group = self.order.pop_front()?;
        let members = self.members.get_mut(&group)?;
        let key = members.pop_front();
        if members.is_empty() {
            self.members.remove(&group);
        } else {
            self.order.push_back(group);
        }
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Numbers; their group is the hundred.
    fn all(lanes: &mut Lanes<u8>) -> Vec<u8> {
        std::iter::from_fn(|| lanes.pop().map(|(key, _)| key)).collect()
    }

    fn pushed(keys: &[(u8, Lane)]) -> Lanes<u8> {
        let mut lanes = Lanes::default();
        for (key, lane) in keys {
            lanes.push(*key, *lane, Instant::now());
        }
        lanes
    }

    #[test]
    fn what_is_new_comes_before_what_was_there() {
        let mut lanes = pushed(&[(1, Lane::Backlog), (2, Lane::Backlog), (3, Lane::News)]);
        assert_eq!(all(&mut lanes), [3, 1, 2]);
    }

    #[test]
    fn a_namespace_with_much_to_do_does_not_delay_another_one() {
        let mut lanes = pushed(&[1, 2, 3, 4, 101, 201, 202].map(|key| (key, Lane::Backlog)));
        assert_eq!(all(&mut lanes), [1, 101, 201, 2, 202, 3, 4]);
    }

    #[test]
    fn who_changes_while_it_waits_moves_up_once() {
        let mut lanes = pushed(&[
            (1, Lane::Backlog),
            (2, Lane::Backlog),
            (2, Lane::News),
            (2, Lane::Backlog),
        ]);
        assert_eq!((lanes.len(), lanes.contains(&2)), (2, true));
        assert_eq!(all(&mut lanes), [2, 1]);
        assert!(lanes.is_empty() && lanes.oldest().is_none());
    }

    #[test]
    fn endless_news_do_not_stop_the_backlog() {
        let mut lanes = pushed(&[(1, Lane::Backlog)]);
        let mut turns = 0;
        while lanes.contains(&1) {
            lanes.push(100, Lane::News, Instant::now());
            lanes.pop();
            turns += 1;
        }
        assert_eq!(turns, BACKLOG_TURN);
    }
}
