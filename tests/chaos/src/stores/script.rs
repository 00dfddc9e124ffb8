//! What becomes of the store and of those who use it, drawn from the script's dice, and how it all should stand then.

use std::time::Duration;

use fastrand::Rng;

use super::act::{Outage, StoreAct, StoreDisturbance, StoreTrouble};
use crate::act::{Act, Tampering};
use crate::place::Place;

const PATHS: [&str; 4] = ["/v1/secret/data/*", "/v1/auth/token/*", "/v1/sys/*", "*"];

/// What was drawn so far.
pub(crate) struct StoreScript {
    sources: Vec<(Place, Source)>,
    orders: Vec<(Place, bool)>,
}

/// A value as the script left it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Source {
    /// The last version; they go on where a value is deleted and written again.
    pub(crate) version: u64,
    /// Whether there is a value.
    pub(crate) there: bool,
}

/// An ExternalSecret as it should stand.
pub(crate) struct Order {
    pub(crate) place: Place,
    /// Whether it stands.
    pub(crate) stands: bool,
    pub(crate) source: Source,
}

impl StoreScript {
    /// Nothing there yet.
    pub(crate) fn new() -> Self {
        let places = || Place::of_stores();
        Self {
            sources: places()
                .filter(|place| place.source() == *place)
                .map(|place| (place, Source::default()))
                .collect(),
            orders: places().map(|place| (place, false)).collect(),
        }
    }

    /// The next act; the end of an outage is to follow after as many acts as the number says, of which none may need the
    /// store.
    pub(crate) fn next(&mut self, dice: &mut Rng) -> (Act, Option<usize>) {
        let act = match dice.u32(0..100) {
            0..34 => self.publish(dice),
            34..50 => self.order(dice),
            50..57 => self.withdraw(dice),
            57..69 => return (self.elsewhere(dice), None),
            69..91 => StoreAct::Disturb(disturbance(dice)),
            91..93 => StoreAct::CutAll,
            93..95 => StoreAct::Rotate,
            _ => {
                let all = [Outage::Sealed, Outage::Still, Outage::Unmounted];
                let outage = StoreAct::Begin(all[dice.usize(0..all.len())]);
                return (Act::Store(outage), Some(dice.usize(5..50)));
            }
        };
        (Act::Store(act), None)
    }

    /// What does not need the store.
    pub(crate) fn elsewhere(&mut self, dice: &mut Rng) -> Act {
        let place = self.orders[dice.usize(0..self.orders.len())].0;
        match dice.u32(0..6) {
            0 => Act::DeleteSecret(place),
            1 => Act::Tamper(place, Tampering::Replace),
            2 => Act::Tamper(place, Tampering::Drop),
            3 => Act::Tamper(place, Tampering::PutBack),
            _ => Act::Store(self.order(dice)),
        }
    }

    /// How the ExternalSecrets should stand.
    pub(crate) fn orders(&self) -> impl Iterator<Item = Order> {
        self.orders.iter().filter_map(|(place, stands)| {
            let mut sources = self.sources.iter();
            let (_, source) = sources.find(|(source, _)| *source == place.source())?;
            Some(Order {
                place: *place,
                stands: *stands,
                source: *source,
            })
        })
    }

    fn publish(&mut self, dice: &mut Rng) -> StoreAct {
        let at = dice.usize(0..self.sources.len());
        let (place, source) = &mut self.sources[at];
        source.version += 1;
        source.there = true;
        StoreAct::Publish {
            source: *place,
            version: source.version,
        }
    }

    fn withdraw(&mut self, dice: &mut Rng) -> StoreAct {
        let at = dice.usize(0..self.sources.len());
        let (place, source) = &mut self.sources[at];
        source.there = false;
        StoreAct::Withdraw(*place)
    }

    fn order(&mut self, dice: &mut Rng) -> StoreAct {
        let at = dice.usize(0..self.orders.len());
        let (place, stands) = &mut self.orders[at];
        // Most of the time there are most of them.
        *stands = !*stands || dice.u32(0..3) > 0;
        let place = *place;
        match *stands {
            true => StoreAct::Order(place),
            false => StoreAct::Cancel(place),
        }
    }
}

fn disturbance(dice: &mut Rng) -> StoreDisturbance {
    let latency = StoreTrouble::Latency(Duration::from_millis(dice.u64(50..4_000)));
    let troubles = [
        latency,
        latency,
        StoreTrouble::Cut,
        StoreTrouble::LoseAnswer,
        StoreTrouble::TooManyRequests,
        StoreTrouble::Forbidden,
        StoreTrouble::ServerError,
        StoreTrouble::Unavailable,
        StoreTrouble::Malformed,
        StoreTrouble::Empty,
        StoreTrouble::OtherShape,
        StoreTrouble::Page,
    ];
    StoreDisturbance {
        path: PATHS[dice.usize(0..PATHS.len())],
        trouble: troubles[dice.usize(0..troubles.len())],
        lasting: Duration::from_millis(dice.u64(200..5_000)),
    }
}
