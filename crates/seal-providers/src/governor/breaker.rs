//! When a store counts as down, and who tries it then. Only faults of the store or the way to it count (S11): what one
//! tenant can cause at will must not close the store to the others.

use std::{collections::HashSet, sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{Health, StoreError};

/// So many in a row, and the store counts as down.
const FAULTS: usize = 3;
/// Between two who try a store that is down.
const PROBE: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct Breaker {
    /// Faults since the last answer, without those in `accused`.
    faults: usize,
    /// Namespaces whose requests met a plain 500 since the last answer: one of them alone may have asked for something
    /// that breaks the store every time, so each counts once.
    accused: HashSet<String>,
    open: Option<Open>,
}

struct Open {
    last: Arc<StoreError>,
    next_probe: Instant,
}

impl Breaker {
    /// Lets a request pass; says whether it is the probe.
    pub(super) fn enter(&mut self, now: Instant) -> Result<bool, StoreError> {
        let Some(open) = &mut self.open else {
            return Ok(false);
        };
        if now < open.next_probe {
            return Err(open.resting(now));
        }
        open.next_probe = now + PROBE;
        Ok(true)
    }

    /// Whether a request that has been let in may still pass.
    pub(super) fn look(&self, now: Instant) -> Result<(), StoreError> {
        match &self.open {
            None => Ok(()),
            Some(open) => Err(open.resting(now)),
        }
    }

    /// The probe was never sent: the next one may come at once.
    pub(super) fn return_probe(&mut self) {
        if let Some(open) = &mut self.open {
            open.next_probe = Instant::now();
        }
    }

    pub(super) fn learn(&mut self, now: Instant, namespace: &str, fault: Option<&StoreError>) {
        let fault = match fault {
            Some(fault) if is_outage(fault) => fault,
            // Busy and the like: the store was not asked.
            Some(StoreError::Resting { .. } | StoreError::Throttled { .. } | StoreError::Busy { .. }) => {
                return;
            }
            // It answered, if only to say no.
            _ => {
                *self = Self::default();
                return;
            }
        };
        match fault.status() {
            Some(500) => drop(self.accused.insert(namespace.to_owned())),
            _ => self.faults += 1,
        }
        if let Some(open) = &mut self.open {
            open.last = Arc::new(fault.clone());
        } else if self.faults + self.accused.len() >= FAULTS {
            self.open = Some(Open {
                last: Arc::new(fault.clone()),
                next_probe: now + PROBE,
            });
        }
    }

    pub(super) fn health(&self) -> Health {
        match self.open {
            None => Health::Up,
            Some(_) => Health::Down,
        }
    }
}

impl Open {
    fn resting(&self, now: Instant) -> StoreError {
        StoreError::Resting {
            last: Arc::clone(&self.last),
            retry_after: self.next_probe.saturating_duration_since(now),
        }
    }
}

/// 503 is how a sealed store answers; 502 and 504 come from what stands in front of one that is gone.
fn is_outage(fault: &StoreError) -> bool {
    match fault {
        StoreError::Unreachable { .. } | StoreError::Late { .. } => true,
        StoreError::Answered { status, .. } => matches!(status, 500 | 502 | 503 | 504),
        _ => false,
    }
}
