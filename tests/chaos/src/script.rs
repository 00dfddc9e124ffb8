//! The acts in their order, and how everything should stand after them: a function of the seed alone.
//! Which replica leads, and whether a Secret stands when its turn comes, is the cluster's affair.

use std::collections::VecDeque;
use std::time::Duration;

use fastrand::Rng;

use crate::act::{Act, Disturbance, Sealing, Tampering, Trouble};
use crate::place::Place;
use crate::stores::act::StoreAct;
use crate::stores::script::StoreScript;

const MOST_KEYS: usize = 6;
// As many as come within an hour otherwise: what goes wrong with one of many shows in a short run too, and
// a long one does not drown in keys.
const AT_ONCE: usize = 60;
// Of a hundred acts, where there is a store.
const STORE_SHARE: u32 = 50;

/// The acts of one seed, without end.
pub(crate) struct Script {
    dice: Rng,
    replicas: usize,
    objects: Vec<(Place, Object)>,
    keys: Vec<Key>,
    /// How many words have asked for a key.
    words: usize,
    /// Whether keys are also asked for by a signal. A signal may be lost; where there is none, each key
    /// must have its word.
    signals: bool,
    upcoming: VecDeque<Act>,
    stores: Option<StoreScript>,
}

/// An object as the script left it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Object {
    /// The last version; they go on where an object is deleted and created again.
    pub(crate) version: u64,
    /// Whether it stands, and opens.
    pub(crate) state: State,
    key: usize,
}

/// The state of an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    /// It does not stand.
    #[default]
    Absent,
    /// All its entries open.
    Whole,
    /// One of its entries was sealed for another object.
    Broken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    ToCome,
    Present,
    Gone,
}

/// Requests that can be disturbed, and whether they are watches, other reads, or writes.
const REQUESTS: [(&str, &str, Kind); 10] = [
    ("get", "/api/v1/namespaces/*/secrets/*", Kind::Read),
    ("create", "/api/v1/namespaces/*/secrets", Kind::Write),
    UPDATE,
    MAKE_KEY,
    ("patch", "*/sealedsecrets/*/status", Kind::Write),
    ("watch", "*/sealedsecrets", Kind::Watch),
    ("watch", "/api/v1/*secrets", Kind::Watch),
    ("list", "*secrets", Kind::Read),
    ("*", "*/leases*", Kind::Write),
    ("*", "*", Kind::Any),
];

// Only these are held for long: the ones name the version that they replace, the others a key that is made
// under that name in the end. Nothing can keep another creation that comes late from making a Secret where
// there is none.
const UPDATE: (&str, &str, Kind) = ("update", "/api/v1/namespaces/*/secrets/*", Kind::Write);
const MAKE_KEY: (&str, &str, Kind) = ("create", "/api/v1/namespaces/seal/secrets", Kind::Write);

#[derive(Clone, Copy)]
enum Kind {
    Read,
    Write,
    Watch,
    Any,
}

impl Script {
    /// The script of that seed, for that many replicas. Key 0 is there from the beginning. With `stores` a store
    /// suffers too.
    pub(crate) fn new(seed: u64, replicas: usize, stores: bool) -> Self {
        Self {
            dice: Rng::with_seed(seed),
            replicas,
            objects: Place::of_sealed()
                .map(|place| (place, Object::default()))
                .collect(),
            keys: vec![Key::Present],
            words: 0,
            signals: seed.is_multiple_of(2),
            upcoming: VecDeque::new(),
            stores: stores.then(StoreScript::new),
        }
    }

    /// How long to wait before the next act.
    pub(crate) fn pause(&mut self) -> Duration {
        Duration::from_millis(self.dice.u64(10..250))
    }

    /// The next act.
    pub(crate) fn next(&mut self) -> Act {
        if let Some(act) = self.upcoming.pop_front() {
            return act;
        }
        if self.stores.is_some() && self.dice.u32(0..100) < STORE_SHARE {
            return self.on_store();
        }
        self.apart_from_stores()
    }

    fn apart_from_stores(&mut self) -> Act {
        match self.dice.u32(0..100) {
            0..49 => self.on_object(),
            49..65 => self.on_secret(),
            65..83 => {
                let replica = self.dice.usize(0..self.replicas);
                Act::Disturb(replica, self.disturbance())
            }
            83..85 => Act::CutAll(self.dice.usize(0..self.replicas)),
            85..91 => self.on_key(),
            91..93 => self.on_renewal(),
            93..94 => self.kill(),
            94..95 => Act::Pause(Duration::from_secs(self.dice.u64(1..20))),
            95..96 => Act::RestartServer {
                and_leader: self.dice.bool(),
            },
            _ => self.on_object(),
        }
    }

    /// What is left to do so that everything can open: also what was drawn and not done yet, since how everything
    /// should stand is known from what was drawn.
    pub(crate) fn last(&mut self) -> Vec<Act> {
        let mut acts: Vec<Act> = self.upcoming.drain(..).collect();
        let to_come: Vec<usize> = self.keys_that(|key| key == Key::ToCome);
        acts.extend(to_come.into_iter().map(|key| self.come(key)));
        acts
    }

    /// How what has to do with the store should stand.
    pub(crate) fn stores(&self) -> Option<&StoreScript> {
        self.stores.as_ref()
    }

    /// Which of its keys should stand.
    pub(crate) fn keys(&self) -> Vec<usize> {
        self.keys_that(|key| key == Key::Present)
    }

    /// How the objects should stand.
    pub(crate) fn objects(&self) -> &[(Place, Object)] {
        &self.objects
    }

    fn on_store(&mut self) -> Act {
        let Some(stores) = &mut self.stores else {
            return self.apart_from_stores();
        };
        let (act, outage) = stores.next(&mut self.dice);
        // While a store is away the world goes on without it. What follows upon an act follows at once: out of their
        // order, acts would not come to what is remembered of them.
        if let Some(count) = outage {
            let mut acts = VecDeque::new();
            for _ in 0..count {
                acts.push_back(match (self.dice.bool(), &mut self.stores) {
                    (true, Some(stores)) => stores.elsewhere(&mut self.dice),
                    _ => self.apart_from_stores(),
                });
                acts.append(&mut self.upcoming);
            }
            acts.push_back(Act::Store(StoreAct::End));
            self.upcoming = acts;
        }
        act
    }

    fn on_object(&mut self) -> Act {
        let at = self.dice.usize(0..self.objects.len());
        let place = self.objects[at].0;
        let stands = self.objects[at].1.state != State::Absent;
        match (stands, self.dice.u32(0..100)) {
            (true, 0..12) => {
                self.objects[at].1.state = State::Absent;
                Act::Remove(place)
            }
            (true, 12..22) => Act::Break(self.seal(at, State::Broken)),
            (true, _) => Act::Change(self.seal(at, State::Whole)),
            (false, _) => Act::Create(self.seal(at, State::Whole)),
        }
    }

    fn on_secret(&mut self) -> Act {
        let place = self.objects[self.dice.usize(0..self.objects.len())].0;
        match self.dice.u32(0..5) {
            0 | 1 => Act::DeleteSecret(place),
            2 => Act::Tamper(place, Tampering::Replace),
            3 => Act::Tamper(place, Tampering::Drop),
            _ => Act::Tamper(place, Tampering::PutBack),
        }
    }

    fn on_key(&mut self) -> Act {
        if let Some(key) = self.keys_that(|key| key == Key::ToCome).first() {
            return self.come(*key);
        }
        let needed = |wanted: usize| {
            self.objects
                .iter()
                .any(|(_, object)| object.state != State::Absent && object.key == wanted)
        };
        let present: Vec<usize> = self.keys_that(|key| key == Key::Present);
        // The first is the one that the installation chose to seal with: that it goes is another story.
        let spare = present.iter().copied().find(|key| *key > 0 && !needed(*key));
        match spare {
            Some(key) if present.len() >= MOST_KEYS || self.dice.bool() => {
                self.keys[key] = Key::Gone;
                Act::KeyGoes(key)
            }
            _ => {
                self.keys.push(Key::ToCome);
                self.come(self.keys.len() - 1)
            }
        }
    }

    // Left to chance, hardly any renewal would meet what could make two keys of it: that nobody hears of what
    // was written. Whichever replica leads meets it.
    fn on_renewal(&mut self) -> Act {
        let (verb, path, _) = if self.dice.bool() { MAKE_KEY } else { UPDATE };
        let hold = Trouble::Hold(Duration::from_millis(self.dice.u64(1_000..12_000)));
        let latency = Trouble::Latency(Duration::from_millis(self.dice.u64(50..2_000)));
        let troubles = [
            Trouble::LoseAnswer,
            Trouble::LoseAnswer,
            hold,
            latency,
            Trouble::Conflict,
        ];
        let disturbance = Disturbance {
            verb,
            path,
            trouble: troubles[self.dice.usize(0..troubles.len())],
            lasting: Duration::from_millis(self.dice.u64(1_000..4_000)),
        };
        for replica in 0..self.replicas {
            self.upcoming
                .push_back(Act::Disturb(replica, disturbance.clone()));
        }
        if self.signals && self.dice.u32(0..4) == 0 {
            self.upcoming.push_back(Act::RenewBySignal);
        } else {
            self.words += 1;
            self.upcoming.push_back(Act::RenewByWord {
                word: self.words,
                at_once: self.words <= AT_ONCE,
            });
        }
        if self.dice.bool() {
            let kill = self.kill();
            self.upcoming.push_back(kill);
        }
        self.next()
    }

    fn kill(&mut self) -> Act {
        Act::Kill {
            clock_ahead: self.dice.bool().then(|| self.dice.u32(1..1_000)),
        }
    }

    fn come(&mut self, key: usize) -> Act {
        self.keys[key] = Key::Present;
        Act::KeyComes(key)
    }

    /// The next version of an object, now and then with a key that is not there yet.
    fn seal(&mut self, at: usize, state: State) -> Sealing {
        let known: Vec<usize> = self.keys_that(|key| key != Key::Gone);
        let key = if known.len() < MOST_KEYS && self.dice.u32(0..100) < 5 {
            self.keys.push(Key::ToCome);
            self.keys.len() - 1
        } else {
            known[self.dice.usize(0..known.len())]
        };
        let (place, object) = &mut self.objects[at];
        *object = Object {
            version: object.version + 1,
            state,
            key,
        };
        Sealing {
            place: *place,
            version: object.version,
            key,
        }
    }

    fn disturbance(&mut self) -> Disturbance {
        if self.dice.u32(0..8) == 0 {
            let (verb, path, _) = if self.dice.bool() { UPDATE } else { MAKE_KEY };
            return Disturbance {
                verb,
                path,
                trouble: Trouble::Hold(Duration::from_millis(self.dice.u64(1_000..12_000))),
                lasting: Duration::from_millis(self.dice.u64(500..3_000)),
            };
        }
        let (verb, path, kind) = REQUESTS[self.dice.usize(0..REQUESTS.len())];
        let latency = Trouble::Latency(Duration::from_millis(self.dice.u64(50..2_000)));
        let mut troubles = vec![
            latency,
            Trouble::Cut,
            Trouble::LoseAnswer,
            Trouble::TooManyRequests,
            Trouble::ServerError,
            Trouble::Malformed,
        ];
        match kind {
            Kind::Read => {}
            Kind::Write => troubles.push(Trouble::Conflict),
            Kind::Watch => troubles.extend([Trouble::DropWatch(self.dice.usize(0..4)), Trouble::Expired]),
            Kind::Any => troubles.extend([Trouble::Conflict, Trouble::Expired]),
        }
        Disturbance {
            verb,
            path,
            trouble: troubles[self.dice.usize(0..troubles.len())],
            lasting: Duration::from_millis(self.dice.u64(200..2_500)),
        }
    }

    fn keys_that(&self, wanted: impl Fn(Key) -> bool) -> Vec<usize> {
        let keys = self.keys.iter().enumerate();
        keys.filter(|(_, key)| wanted(**key)).map(|(at, _)| at).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    fn acts(seed: u64, count: usize) -> Vec<Act> {
        let mut script = Script::new(seed, 2, false);
        (0..count).map(|_| script.next()).collect()
    }

    #[test]
    fn same_seed_gives_the_same_acts_and_another_seed_others() {
        assert_eq!(acts(7, 500), acts(7, 500));
        assert_ne!(acts(7, 500), acts(8, 500));
    }

    #[test]
    fn every_kind_of_act_and_of_trouble_has_its_turn() {
        // Only every other seed has signals.
        for (seed, count) in [(1, 14), (2, 15)] {
            let kinds: HashSet<_> = acts(seed, 5_000).iter().map(std::mem::discriminant).collect();
            assert_eq!(kinds.len(), count);
        }
        let troubles: HashSet<_> = acts(1, 5_000)
            .iter()
            .filter_map(|act| match act {
                Act::Disturb(_, disturbance) => Some(std::mem::discriminant(&disturbance.trouble)),
                _ => None,
            })
            .collect();
        assert_eq!(troubles.len(), 10);
    }

    #[test]
    fn no_key_goes_that_something_needs_and_in_the_end_none_is_missing() {
        for seed in 0..20 {
            let mut script = Script::new(seed, 2, seed % 2 == 0);
            let mut needs: HashMap<Place, usize> = HashMap::new();
            let (mut present, mut gone) = (HashSet::from([0]), HashSet::new());
            let mut acts: Vec<Act> = (0..2_000).map(|_| script.next()).collect();
            acts.extend(script.last());
            for act in acts {
                match act {
                    Act::Create(sealing) | Act::Change(sealing) | Act::Break(sealing) => {
                        assert!(!gone.contains(&sealing.key), "seed {seed}");
                        needs.insert(sealing.place, sealing.key);
                    }
                    Act::Remove(place) => assert!(needs.remove(&place).is_some()),
                    Act::KeyComes(key) => assert!(present.insert(key)),
                    Act::KeyGoes(key) => {
                        assert!(present.remove(&key) && gone.insert(key));
                        assert!(!needs.values().any(|needed| *needed == key), "seed {seed}");
                    }
                    _ => {}
                }
            }
            assert!(needs.values().all(|key| present.contains(key)), "seed {seed}");
        }
    }

    #[test]
    fn whenever_it_ends_the_store_is_back_and_all_that_was_drawn_is_done() {
        for count in 0..300 {
            let mut script = Script::new(42, 2, true);
            let mut acts: Vec<Act> = (0..count).map(|_| script.next()).collect();
            acts.extend(script.last());
            let (mut away, mut standing) = (false, HashSet::new());
            let mut versions = HashMap::new();
            for act in acts {
                match act {
                    Act::Store(StoreAct::Begin(_)) => away = true,
                    Act::Store(StoreAct::End) => away = false,
                    Act::Store(StoreAct::Publish { source, version }) => {
                        assert!(!away, "what needs the store waits for it");
                        versions.insert(source, version);
                    }
                    Act::Store(StoreAct::Withdraw(_) | StoreAct::Rotate) => assert!(!away),
                    Act::Store(StoreAct::Order(place)) => drop(standing.insert(place)),
                    Act::Store(StoreAct::Cancel(place)) => drop(standing.remove(&place)),
                    _ => {}
                }
            }
            assert!(!away, "after {count} acts");
            for order in script.stores().expect("there is a store").orders() {
                assert_eq!(order.stands, standing.contains(&order.place), "{}", order.place);
                let version = versions.get(&order.place.source()).copied();
                assert_eq!(order.source.version, version.unwrap_or_default());
            }
        }
    }
}
