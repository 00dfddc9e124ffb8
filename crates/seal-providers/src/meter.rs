//! Who counts the requests to a store, as they really go out: neither what is shared nor what is not asked because
//! the store rests. Of a request it hears no path and no value.

use std::time::{Duration, Instant};

use crate::{Blame, StoreError};

/// Hears of every request when it is over.
pub trait Meter: Send + Sync {
    /// One that did `verb`, as [`crate::Call`] names it; whose fault it is if it failed; how long it took.
    fn asked(&self, verb: &'static str, fault: Option<Blame>, took: Duration);
}

/// What `request` yields, once `meter` has heard of it.
pub(crate) async fn metered<T>(
    meter: Option<&dyn Meter>,
    verb: &'static str,
    request: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let begin = Instant::now();
    let outcome = request.await;
    if let Some(meter) = meter {
        let fault = outcome.as_ref().err().map(StoreError::blame);
        meter.asked(verb, fault, begin.elapsed());
    }
    outcome
}
