//! How much is asked of one store at a time, and when nothing is asked at all: places, a rate, a pause that the store
//! asked for, and a breaker. It does not repeat anything: who came too early is told when to come back, so that
//! nobody's worker is held.

mod breaker;
mod places;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::watch, time::Instant};

use self::{breaker::Breaker, places::Places};
use crate::{Health, Meter, StoreError, meter::metered};

/// How much is asked of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests under way at a time.
    pub at_once: usize,
    /// Requests begun in a second, in the long run.
    pub per_second: u32,
    /// Requests that may begin at once after a rest.
    pub burst: u32,
    /// How long a request waits for its turn before its caller is told to come back.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            at_once: 32,
            per_second: 500,
            burst: 500,
            patience: Duration::from_secs(10),
        }
    }
}

/// A pause that a store asks for is kept, but not for longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// For a store that asks for fewer requests and not for how long.
const SHORT_PAUSE: Duration = Duration::from_secs(1);

/// The limits of one client.
pub(crate) struct Governor {
    limits: Limits,
    meter: Option<Arc<dyn Meter>>,
    places: Places,
    state: Mutex<State>,
    health: watch::Sender<Health>,
}

struct State {
    breaker: Breaker,
    pause: Option<Instant>,
    /// When the bucket is full again: each request moves it by one interval (the generic cell rate algorithm).
    full_at: Instant,
}

impl Governor {
    pub(crate) fn new(limits: Limits, meter: Option<Arc<dyn Meter>>) -> Self {
        Self {
            limits,
            meter,
            places: Places::new(limits.at_once.max(1)),
            state: Mutex::new(State {
                breaker: Breaker::default(),
                pause: None,
                full_at: Instant::now(),
            }),
            health: watch::Sender::new(Health::Up),
        }
    }

    pub(crate) fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    /// Makes one request, which does `verb` on behalf of `namespace`, when it is its turn, and learns from how it went.
    ///
    /// # Errors
    /// What `request` met; or, without having asked, [`StoreError::Resting`], [`StoreError::Throttled`] and
    /// [`StoreError::Busy`].
    pub(crate) async fn run<T>(
        &self,
        namespace: &str,
        verb: &'static str,
        request: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let probe = self.enter()?;
        let request = metered(self.meter.as_deref(), verb, request);
        let outcome = self.in_turn(namespace, probe, request).await;
        if probe && matches!(outcome, Err(StoreError::Busy { .. })) {
            self.state().breaker.return_probe();
        }
        outcome
    }

    async fn in_turn<T>(
        &self,
        namespace: &str,
        probe: bool,
        request: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let place = tokio::time::timeout(self.limits.patience, self.places.take(namespace));
        let Ok(_place) = place.await else {
            return Err(StoreError::Busy {
                retry_after: self.limits.patience,
            });
        };
        self.wait_for_rate().await?;
        // Much may have happened while it waited.
        if !probe {
            self.still_open()?;
        }
        let outcome = request.await;
        self.learn(namespace, outcome.as_ref().err());
        outcome
    }

    /// Whether this request is the probe of a store that is down.
    fn enter(&self) -> Result<bool, StoreError> {
        let now = Instant::now();
        let mut state = self.state();
        state.paused(now)?;
        state.breaker.enter(now)
    }

    fn still_open(&self) -> Result<(), StoreError> {
        let now = Instant::now();
        let state = self.state();
        state.paused(now)?;
        state.breaker.look(now)
    }

    async fn wait_for_rate(&self) -> Result<(), StoreError> {
        let interval = Duration::from_secs(1) / self.limits.per_second.max(1);
        let wait = {
            let now = Instant::now();
            let mut state = self.state();
            let full_at = state.full_at.max(now) + interval;
            let wait = (full_at - now).saturating_sub(interval * self.limits.burst.max(1));
            if wait > self.limits.patience {
                return Err(StoreError::Busy { retry_after: wait });
            }
            state.full_at = full_at;
            wait
        };
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }

    fn learn(&self, namespace: &str, fault: Option<&StoreError>) {
        let now = Instant::now();
        let health = {
            let mut state = self.state();
            if let Some(StoreError::Answered {
                status: status @ (429 | 503),
                retry_after,
                ..
            }) = fault
            {
                let wait = retry_after.or((*status == 429).then_some(SHORT_PAUSE));
                if let Some(wait) = wait {
                    let end = now + wait.min(LONGEST_PAUSE);
                    state.pause = Some(state.pause.map_or(end, |pause| pause.max(end)));
                }
            }
            state.breaker.learn(now, namespace, fault);
            state.breaker.health()
        };
        self.health.send_if_modified(|known| {
            let changed = *known != health;
            *known = health;
            changed
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn paused(&self, now: Instant) -> Result<(), StoreError> {
        match self.pause {
            Some(end) if end > now => Err(StoreError::Throttled {
                retry_after: end - now,
            }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
