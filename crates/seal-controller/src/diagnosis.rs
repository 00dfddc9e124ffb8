//! How often a namespace may have it found out under which other scope a value was sealed (S8): each
//! diagnosis costs private operations, and each tells a stranger a little.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const BURST: f64 = 10.0;
const REFILL: Duration = Duration::from_secs(10);
const MOST_NAMESPACES: usize = 10_000;

/// A bucket for each namespace.
#[derive(Default)]
pub(crate) struct Diagnoses {
    buckets: Mutex<HashMap<Arc<str>, (f64, Instant)>>,
}

impl Diagnoses {
    /// Whether one more is allowed in `namespace` at `now`.
    pub(crate) fn allow(&self, namespace: &Arc<str>, now: Instant) -> bool {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST_NAMESPACES {
            buckets.retain(|_, (left, since)| filled(*left, now.duration_since(*since)) < BURST);
        }
        let (left, since) = buckets.entry(Arc::clone(namespace)).or_insert((BURST, now));
        *left = filled(*left, now.duration_since(*since));
        *since = now;
        if *left < 1.0 {
            return false;
        }
        *left -= 1.0;
        true
    }

    /// The last one in `namespace` was not made.
    pub(crate) fn give_back(&self, namespace: &Arc<str>) {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((left, _)) = buckets.get_mut(namespace) {
            *left = (*left + 1.0).min(BURST);
        }
    }
}

fn filled(left: f64, passed: Duration) -> f64 {
    (left + passed.as_secs_f64() / REFILL.as_secs_f64()).min(BURST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_runs_dry_alone_and_fills_up_again() {
        let (diagnoses, now) = (Diagnoses::default(), Instant::now());
        let (one, other): (Arc<str>, Arc<str>) = ("one".into(), "other".into());
        let allowed = (0..20).filter(|_| diagnoses.allow(&one, now)).count();
        assert_eq!(allowed, 10);
        assert!(diagnoses.allow(&other, now));
        assert!(diagnoses.allow(&one, now + REFILL));
        assert!(!diagnoses.allow(&one, now + REFILL));
        diagnoses.give_back(&one);
        assert!(diagnoses.allow(&one, now + REFILL));
    }
}
