//! Who may work at once. Objects wait for stores in great number, and each then wants a core for a moment and the API
//! server for some calls: as many at a time as make both busy, since each more is one more connection with its buffers.
//!
//! Turns are taken for a part of the work and never one inside another.

use seal_engine::{Fault, catalogue};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::queue::Lane;

// As many for each core as SealedSecrets have workers.
const CALLERS_PER_CORE: usize = 8;

/// Turns at the cores and at the API server.
pub(super) struct Turns {
    cores: Semaphore,
    callers: Semaphore,
    backlog: Semaphore,
}

/// One turn, until it is dropped.
pub(super) struct Turn<'a> {
    _backlog: Option<SemaphorePermit<'a>>,
    _caller: SemaphorePermit<'a>,
}

impl Turns {
    /// For as many cores as there are.
    pub(super) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let callers = cores * CALLERS_PER_CORE;
        Self {
            cores: Semaphore::new(cores),
            callers: Semaphore::new(callers),
            // What is new waits behind those under way, never behind those who wait.
            backlog: Semaphore::new(callers - cores),
        }
    }

    /// A turn at the API server.
    pub(super) async fn call(&self, lane: Lane) -> Turn<'_> {
        let backlog = match lane {
            Lane::Backlog => Some(acquired(&self.backlog).await),
            Lane::News => None,
        };
        Turn {
            _backlog: backlog,
            _caller: acquired(&self.callers).await,
        }
    }

    /// Does that on a core, on one of a few threads that do nothing else: each more that allocates is a heap more.
    ///
    /// # Errors
    /// When it panics.
    pub(super) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let _core = acquired(&self.cores).await;
        let ended = |_| Fault::new(&catalogue::DEFECT).fact("what", "preparing a Secret ended early");
        tokio::task::spawn_blocking(work).await.map_err(ended)
    }
}

async fn acquired(semaphore: &Semaphore) -> SemaphorePermit<'_> {
    semaphore.acquire().await.expect("nobody closes it")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_new_never_waits_behind_a_backlog_that_waits() {
        let turns = Turns::new();
        let most = turns.backlog.available_permits();
        let mut busy = Vec::new();
        for _ in 0..most {
            busy.push(turns.call(Lane::Backlog).await);
        }
        let soon = Duration::from_secs(1);
        assert!(
            tokio::time::timeout(soon, turns.call(Lane::Backlog))
                .await
                .is_err(),
            "the backlog leaves room"
        );
        assert!(tokio::time::timeout(soon, turns.call(Lane::News)).await.is_ok());
        busy.pop();
        assert!(
            tokio::time::timeout(soon, turns.call(Lane::Backlog))
                .await
                .is_ok()
        );
    }
}
