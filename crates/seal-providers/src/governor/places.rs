//! A number of places, and namespaces that take turns for them: who waits with a thousand requests is served as often
//! as who waits with one (S11).

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

pub(super) struct Places {
    state: Mutex<State>,
}

struct State {
    free: usize,
    /// Those who wait, by namespace; the first lane's turn is next. No lane is empty.
    lanes: VecDeque<(String, VecDeque<oneshot::Sender<()>>)>,
}

/// A place, until it is dropped.
pub(super) struct Place<'a>(&'a Places);

impl Places {
    pub(super) fn new(free: usize) -> Self {
        Self {
            state: Mutex::new(State {
                free,
                lanes: VecDeque::new(),
            }),
        }
    }

    pub(super) async fn take(&self, namespace: &str) -> Place<'_> {
        let turn = {
            let mut state = self.state();
            if state.free > 0 {
                state.free -= 1;
                return Place(self);
            }
            let (granted, turn) = oneshot::channel();
            match state.lanes.iter_mut().find(|(lane, _)| lane == namespace) {
                Some((_, waiting)) => waiting.push_back(granted),
                None => state
                    .lanes
                    .push_back((namespace.to_owned(), VecDeque::from([granted]))),
            }
            Turn { places: self, turn }
        };
        turn.come().await
    }

    fn release(&self) {
        let mut state = self.state();
        while let Some((lane, mut waiting)) = state.lanes.pop_front() {
            let next = waiting.pop_front();
            if !waiting.is_empty() {
                state.lanes.push_back((lane, waiting));
            }
            // Who has gone away meanwhile is passed over.
            if next.is_some_and(|next| next.send(()).is_ok()) {
                return;
            }
        }
        state.free += 1;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who waits. One who goes away in the moment in which the place was granted gives it back.
struct Turn<'a> {
    places: &'a Places,
    turn: oneshot::Receiver<()>,
}

impl<'a> Turn<'a> {
    async fn come(mut self) -> Place<'a> {
        // The sender is dropped only when it was sent through, since lanes are emptied by granting.
        drop((&mut self.turn).await);
        let place = Place(self.places);
        // Taken: nothing is left to give back.
        self.turn.close();
        place
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turn.close();
        if self.turn.try_recv().is_ok() {
            self.places.release();
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.release();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn place_that_is_granted_to_somebody_who_goes_away_is_free_again() {
        let places = Places::new(1);
        let held = places.take("one").now_or_never().unwrap();
        let mut waiting = Box::pin(places.take("two"));
        assert!((&mut waiting).now_or_never().is_none());

        drop(held);
        // Granted, but never told.
        drop(waiting);

        assert!(places.take("three").now_or_never().is_some());
    }

    #[test]
    fn who_went_away_before_is_passed_over() {
        let places = Places::new(1);
        let held = places.take("one").now_or_never().unwrap();
        let mut gone = Box::pin(places.take("two"));
        let mut next = Box::pin(places.take("two"));
        assert!((&mut gone).now_or_never().is_none() && (&mut next).now_or_never().is_none());

        drop(gone);
        drop(held);

        assert!(next.now_or_never().is_some());
    }
}
