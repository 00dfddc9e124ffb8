//! How many objects wait for one store at a time: a room for each store and for each namespace, and those for whom there
//! is no place wait outside, where they hold no worker. A store that never answers keeps nobody waiting but those who
//! ask it, and namespaces with many such stores nobody but themselves, however many they are (S11).
//!
//! A place that becomes free is promised to whoever waits next, in turns of namespaces, news first; what is promised is
//! given back also by those who turn out not to need it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::known::Key;
use crate::queue::{Lane, Queue};

// Twice as many as a store's client asks at once, so that there is always a next one.
const PLACES: usize = 64;
// So many stores of its own that hang keep a namespace from its other ones, where it is alone.
const STORES: usize = 4;
/// How many may wait in all rooms together: a worker for each.
pub(super) const ALL: usize = STORES * STORES * PLACES;

/// All rooms.
pub(crate) struct Rooms {
    queue: Arc<Queue<Key>>,
    places: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By store; one without anybody is not kept.
    rooms: HashMap<Key, Room>,
    /// Of all namespaces, taken or promised.
    taken: usize,
    /// By object.
    promises: HashMap<Key, Vec<Key>>,
}

#[derive(Default)]
struct Room {
    /// Places that are taken or promised.
    taken: usize,
    waiting: HashSet<Key>,
    news: Line,
    backlog: Line,
}

/// Objects by namespace, whose turn comes from the front.
#[derive(Default)]
struct Line(VecDeque<(Arc<str>, VecDeque<Key>)>);

/// A place in the rooms of some stores; given back when it is dropped.
pub(crate) struct Stay {
    rooms: Arc<Rooms>,
    stores: Vec<Key>,
}

impl Rooms {
    /// Empty ones; who waits is put into `queue` when there is a place.
    pub(crate) fn new(queue: Arc<Queue<Key>>) -> Arc<Self> {
        Self::with_places(queue, PLACES)
    }

    fn with_places(queue: Arc<Queue<Key>>, places: usize) -> Arc<Self> {
        Arc::new(Self {
            queue,
            places,
            state: Mutex::default(),
        })
    }

    /// What was promised to the object of `key`, to be held while it is looked at.
    pub(crate) fn claim(self: &Arc<Self>, key: &Key) -> Option<Stay> {
        let stores = self.lock().promises.remove(key)?;
        Some(Stay {
            rooms: Arc::clone(self),
            stores,
        })
    }

    /// Places with all of `stores` and its namespace for the object of `key`, besides what it has claimed. Where there is none, it waits,
    /// and comes up again.
    pub(crate) fn enter(
        self: &Arc<Self>,
        stores: impl Iterator<Item = Key>,
        claimed: Option<&Stay>,
        key: &Key,
        lane: Lane,
    ) -> Option<Stay> {
        let has = |store: &Key| claimed.is_some_and(|claimed| claimed.stores.contains(store));
        let namespace = Key {
            name: "".into(),
            ..key.clone()
        };
        let stores: Vec<Key> = stores.chain([namespace]).filter(|store| !has(store)).collect();
        let mut state = self.lock();
        let is_full = |store: &&Key| {
            let taken = state.rooms.get(store).map_or(0, |room| room.taken);
            taken >= self.places_of(store, &state)
        };
        if let Some(full) = stores.iter().find(is_full) {
            let full = full.clone();
            let room = state.rooms.entry(full).or_default();
            if room.waiting.insert(key.clone()) {
                match lane {
                    Lane::News => room.news.push(key.clone()),
                    Lane::Backlog => room.backlog.push(key.clone()),
                }
            }
            return None;
        }
        for store in &stores {
            state.rooms.entry(store.clone()).or_default().taken += 1;
            state.taken += usize::from(is_namespace(store));
        }
        drop(state);
        Some(Stay {
            rooms: Arc::clone(self),
            stores,
        })
    }

    /// The object of `key` is no more.
    pub(crate) fn forget(self: &Arc<Self>, key: &Key) {
        drop(self.claim(key));
        for room in self.lock().rooms.values_mut() {
            // Its name stays in the line, and is passed over.
            room.waiting.remove(key);
        }
    }

    // What others have left free is shared with those who come: a third of it is a namespace's, so that there is always
    // something left. One place each has.
    fn places_of(&self, store: &Key, state: &State) -> usize {
        match is_namespace(store) {
            true => ((STORES * STORES * self.places).saturating_sub(state.taken) / (STORES - 1)).max(1),
            false => self.places,
        }
    }

    fn leave(&self, store: &Key) {
        let mut state = self.lock();
        let places = self.places_of(store, &state);
        let Some(room) = state.rooms.get_mut(store) else {
            return;
        };
        // One that has more than its share by now hands nothing on: those who wait are let in by those still inside.
        let next = (room.taken <= places).then(|| room.next()).flatten();
        match next {
            Some((key, lane)) => {
                state.promises.entry(key.clone()).or_default().push(store.clone());
                drop(state);
                self.queue.add(key, lane);
            }
            None => {
                room.taken -= 1;
                if room.taken == 0 {
                    state.rooms.remove(store);
                }
                state.taken -= usize::from(is_namespace(store));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// No store has an empty name.
fn is_namespace(store: &Key) -> bool {
    store.name.is_empty()
}

impl Room {
    fn next(&mut self) -> Option<(Key, Lane)> {
        for (line, lane) in [(&mut self.news, Lane::News), (&mut self.backlog, Lane::Backlog)] {
            while let Some(key) = line.pop() {
                if self.waiting.remove(&key) {
                    return Some((key, lane));
                }
            }
        }
        None
    }
}

impl Line {
    fn push(&mut self, key: Key) {
        let own = self
            .0
            .iter_mut()
            .find(|(namespace, _)| *namespace == key.namespace);
        match own {
            Some((_, keys)) => keys.push_back(key),
            None => self
                .0
                .push_back((Arc::clone(&key.namespace), VecDeque::from([key]))),
        }
    }

    fn pop(&mut self) -> Option<Key> {
        let (namespace, mut keys) = self.0.pop_front()?;
        let key = keys.pop_front();
        if !keys.is_empty() {
            self.0.push_back((namespace, keys));
        }
        key
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        for store in &self.stores {
            self.rooms.leave(store);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(namespace: &str, name: &str) -> Key {
        Key {
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    fn enter(rooms: &Arc<Rooms>, store: &str, object: &Key, lane: Lane) -> Option<Stay> {
        let claimed = rooms.claim(object);
        let stores = [key("", store)].into_iter();
        let stay = rooms.enter(stores, claimed.as_ref(), object, lane)?;
        let stores = claimed
            .into_iter()
            .chain([stay])
            .flat_map(|mut stay| std::mem::take(&mut stay.stores));
        Some(Stay {
            rooms: Arc::clone(rooms),
            stores: stores.collect(),
        })
    }

    async fn next(queue: &Queue<Key>) -> Key {
        let (key, _) = queue.next().await.unwrap();
        queue.done(&key, crate::queue::Again::OnChange);
        key
    }

    #[tokio::test]
    async fn a_full_room_lets_one_in_for_each_who_leaves_and_other_rooms_are_open() {
        let queue = Arc::new(Queue::default());
        let rooms = Rooms::with_places(Arc::clone(&queue), 2);
        let names = ["a", "b", "c", "d"].map(|name| key(name, name));
        let first = enter(&rooms, "s", &names[0], Lane::Backlog).unwrap();
        let second = enter(&rooms, "s", &names[1], Lane::Backlog).unwrap();
        assert!(enter(&rooms, "s", &names[2], Lane::Backlog).is_none());
        assert!(enter(&rooms, "s", &names[3], Lane::Backlog).is_none());
        assert!(enter(&rooms, "other", &names[3], Lane::Backlog).is_some());
        drop(first);
        assert_eq!(next(&queue).await, names[2]);
        // The place is promised: nobody else gets it meanwhile.
        assert!(enter(&rooms, "s", &key("e", "e"), Lane::Backlog).is_none());
        let third = enter(&rooms, "s", &names[2], Lane::Backlog).unwrap();
        drop((second, third));
        assert_eq!(next(&queue).await, names[3]);
        assert_eq!(next(&queue).await, key("e", "e"));
    }

    #[tokio::test]
    async fn a_namespace_fills_no_more_than_its_own_room_however_many_stores_it_has() {
        let rooms = Rooms::with_places(Arc::default(), 1);
        let stays: Vec<Stay> = (0..STORES)
            .map(|number| number.to_string())
            .filter_map(|store| enter(&rooms, &store, &key("prod", &store), Lane::News))
            .collect();
        assert_eq!(stays.len(), STORES);
        assert!(enter(&rooms, "another", &key("prod", "a"), Lane::News).is_none());
        assert!(enter(&rooms, "another", &key("dev", "a"), Lane::News).is_some());
    }

    #[tokio::test]
    async fn however_many_namespaces_hang_there_is_a_place_for_the_next_one() {
        let rooms = Rooms::with_places(Arc::default(), 4);
        let mut stays = Vec::new();
        for namespace in 0..20 {
            let namespace = namespace.to_string();
            let before = stays.len();
            for number in 0..256 {
                let number = number.to_string();
                stays.extend(enter(
                    &rooms,
                    &format!("{namespace}-{number}"),
                    &key(&namespace, &number),
                    Lane::News,
                ));
            }
            assert!(stays.len() > before, "{namespace} found no place");
        }
        assert!(stays.len() <= 16 * 4 + 20, "{}", stays.len());
    }

    #[tokio::test]
    async fn a_namespace_gives_back_what_is_more_than_its_share_by_now_and_nobody_waits_for_ever() {
        let queue = Arc::new(Queue::default());
        let rooms = Rooms::with_places(Arc::clone(&queue), 1);
        let inside: Vec<Stay> = (0..STORES)
            .map(|number| number.to_string())
            .filter_map(|store| enter(&rooms, &store, &key("greedy", &store), Lane::News))
            .collect();
        assert_eq!(inside.len(), STORES);
        let others: Vec<Stay> = (0..STORES + STORES)
            .map(|number| number.to_string())
            .filter_map(|name| enter(&rooms, &format!("of-{name}"), &key(&name, &name), Lane::News))
            .collect();
        assert!(enter(&rooms, "x", &key("greedy", "x"), Lane::News).is_none());
        // (16 - 4 - 4) / 3 places are its share now, and it leaves four.
        for stay in inside {
            drop(stay);
        }
        assert_eq!(next(&queue).await, key("greedy", "x"));
        assert!(enter(&rooms, "x", &key("greedy", "x"), Lane::News).is_some());
        drop(others);
        assert!(rooms.lock().rooms.is_empty() && rooms.lock().taken == 0);
    }

    #[tokio::test]
    async fn a_promise_that_is_not_taken_up_is_passed_on() {
        let queue = Arc::new(Queue::default());
        let rooms = Rooms::with_places(Arc::clone(&queue), 1);
        let names = ["a", "b", "c", "d"].map(|name| key("prod", name));
        let inside = enter(&rooms, "s", &names[0], Lane::Backlog).unwrap();
        for name in &names[1..] {
            assert!(enter(&rooms, "s", name, Lane::Backlog).is_none());
        }
        drop(inside);
        assert_eq!(next(&queue).await, names[1]);
        // It has nothing to do any more, and the next one is gone.
        rooms.forget(&names[2]);
        drop(rooms.claim(&names[1]));
        assert_eq!(next(&queue).await, names[3]);
        drop(rooms.claim(&names[3]));
        assert!(rooms.lock().rooms.is_empty() && rooms.lock().promises.is_empty());
    }

    #[tokio::test]
    async fn news_come_first_and_namespaces_take_turns() {
        let queue = Arc::new(Queue::default());
        let rooms = Rooms::with_places(Arc::clone(&queue), 1);
        let mut inside = enter(&rooms, "s", &key("x", "x"), Lane::Backlog).unwrap();
        let line = [("a", "1"), ("a", "2"), ("a", "3"), ("b", "1")];
        for (namespace, name) in line {
            assert!(enter(&rooms, "s", &key(namespace, name), Lane::Backlog).is_none());
        }
        assert!(enter(&rooms, "s", &key("c", "new"), Lane::News).is_none());
        for (namespace, name) in [("c", "new"), ("a", "1"), ("b", "1"), ("a", "2"), ("a", "3")] {
            drop(inside);
            let expected = key(namespace, name);
            assert_eq!(next(&queue).await, expected);
            inside = enter(&rooms, "s", &expected, Lane::Backlog).unwrap();
        }
    }
}
