//! Of those who want the same thing at the same time, one gets it and all have it. Nothing is kept once it has arrived:
//! who comes later asks anew.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};

use crate::StoreError;

type Outcome<V> = Result<V, StoreError>;
type Flight<V> = Shared<BoxFuture<'static, Outcome<V>>>;

/// What is under way, by key.
pub(crate) struct SingleFlight<K, V> {
    flying: Arc<Mutex<HashMap<K, Flight<V>>>>,
}

impl<K, V> SingleFlight<K, V>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(crate) fn new() -> Self {
        Self {
            flying: Arc::default(),
        }
    }

    /// The outcome of what is under way for `key`, or else of `begin`, which then runs to its end even when those who
    /// wait for it go away: what a store hands out must not be lost half way.
    pub(crate) async fn join<F>(&self, key: K, begin: impl FnOnce() -> F) -> Outcome<V>
    where
        F: Future<Output = Outcome<V>> + Send + 'static,
    {
        let flight = {
            let mut flying = lock(&self.flying);
            match flying.get(&key) {
                Some(flight) => flight.clone(),
                None => {
                    let flight = self.launch(key.clone(), begin());
                    flying.insert(key, flight.clone());
                    flight
                }
            }
        };
        flight.await
    }

    fn launch(&self, key: K, work: impl Future<Output = Outcome<V>> + Send + 'static) -> Flight<V> {
        let landed = Landed {
            flying: Arc::clone(&self.flying),
            key,
        };
        let task = tokio::spawn(async move {
            let _landed = landed;
            work.await
        });
        let flight = task.map(|ended| ended.unwrap_or(Err(StoreError::Closed)));
        flight.boxed().shared()
    }
}

/// Removes a flight from the table when it has ended, in whatever way.
struct Landed<K: Eq + Hash, V> {
    flying: Arc<Mutex<HashMap<K, Flight<V>>>>,
    key: K,
}

impl<K: Eq + Hash, V> Drop for Landed<K, V> {
    fn drop(&mut self) {
        let flight = lock(&self.flying).remove(&self.key);
        // Outside of the lock: what is dropped may be the last of something large.
        drop(flight);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    use super::*;

    fn counted(begun: &Arc<AtomicUsize>) -> impl Future<Output = Outcome<usize>> + Send + 'static + use<> {
        let number = begun.fetch_add(1, Ordering::SeqCst);
        async move {
            tokio::time::sleep(Duration::from_millis(10)).await;
            Ok(number)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_come_together_share_one_and_who_comes_later_asks_anew() {
        let (flights, begun) = (SingleFlight::new(), Arc::default());
        let together = (0..20).map(|_| flights.join("a", || counted(&begun)));
        let outcomes = futures::future::join_all(together).await;
        assert_eq!(outcomes, vec![Ok(0); 20]);
        assert_eq!(flights.join("a", || counted(&begun)).await, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn other_keys_are_other_flights() {
        let (flights, begun) = (SingleFlight::new(), Arc::default());
        let both = futures::join!(
            flights.join("a", || counted(&begun)),
            flights.join("b", || counted(&begun))
        );
        assert_eq!(both, (Ok(0), Ok(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn work_goes_on_when_all_who_wait_go_away_and_leaves_nothing_behind() {
        let (flights, begun) = (SingleFlight::new(), Arc::default());
        let done = Arc::new(AtomicUsize::new(0));
        let work = {
            let done = Arc::clone(&done);
            let work = counted(&begun);
            async move {
                let outcome = work.await;
                done.fetch_add(1, Ordering::SeqCst);
                outcome
            }
        };
        let hasty = tokio::time::timeout(Duration::from_millis(1), flights.join("a", || work)).await;
        assert!(hasty.is_err());
        assert_eq!(flights.join("a", || counted(&begun)).await, Ok(0));
        assert_eq!(done.load(Ordering::SeqCst), 1);
        assert!(lock(&flights.flying).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_falls_over_is_an_error_for_all_and_the_next_one_is_not_hurt() {
        let flights: SingleFlight<&str, usize> = SingleFlight::new();
        let fallen = flights.join("a", || async { panic!("on purpose") }).await;
        assert_eq!(fallen, Err(StoreError::Closed));
        assert_eq!(flights.join("a", || async { Ok(7) }).await, Ok(7));
    }
}
