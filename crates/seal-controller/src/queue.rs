//! Which object is looked at next: each at most once at a time, soon after it changed, later when it
//! failed, and not endlessly often however much it changes.
//!
//! What looking at an object means is not known here.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
// An object may come up this often within the window; after that it waits. Two controllers that undo
// each other's work would otherwise keep a core busy for ever.
const BURST: u32 = 30;
const WINDOW: Duration = Duration::from_secs(60);
const SPACING: Duration = Duration::from_secs(5);

/// A queue of keys.
pub(crate) struct Queue<K> {
    state: Mutex<State<K>>,
    changed: Notify,
}

struct State<K> {
    ready: VecDeque<K>,
    waiting: HashSet<K>,
    running: HashSet<K>,
    again: HashSet<K>,
    timers: BTreeSet<(Instant, K)>,
    due: HashMap<K, Instant>,
    history: HashMap<K, History>,
    closed: bool,
}

struct History {
    window: Instant,
    runs: u32,
    failures: u32,
}

impl<K: Clone + Eq + Hash + Ord> Default for Queue<K> {
    fn default() -> Self {
        let state = State {
            ready: VecDeque::new(),
            waiting: HashSet::new(),
            running: HashSet::new(),
            again: HashSet::new(),
            timers: BTreeSet::new(),
            due: HashMap::new(),
            history: HashMap::new(),
            closed: false,
        };
        Self {
            state: Mutex::new(state),
            changed: Notify::new(),
        }
    }
}

impl<K: Clone + Eq + Hash + Ord> Queue<K> {
    /// `key` changed: it comes up soon, and once more if it is being looked at right now.
    pub(crate) fn add(&self, key: K) {
        let mut state = self.lock();
        if state.running.contains(&key) {
            state.again.insert(key);
            return;
        }
        state.admit(key, Instant::now());
        drop(state);
        self.changed.notify_one();
    }

    /// The next key, when there is one; `None` after [`Queue::close`]. [`Queue::done`] must follow.
    pub(crate) async fn next(&self) -> Option<K> {
        loop {
            let notified = self.changed.notified();
            let next_timer = {
                let mut state = self.lock();
                if state.closed {
                    return None;
                }
                state.ring(Instant::now());
                if let Some(key) = state.ready.pop_front() {
                    state.waiting.remove(&key);
                    state.running.insert(key.clone());
                    // Another worker may be asleep while more is ready.
                    if !state.ready.is_empty() {
                        self.changed.notify_one();
                    }
                    return Some(key);
                }
                state.timers.first().map(|(at, _)| *at)
            };
            match next_timer {
                Some(at) => tokio::select! {
                    () = notified => {}
                    () = tokio::time::sleep_until(at) => {}
                },
                None => notified.await,
            }
        }
    }

    /// `key` has been looked at. With `retry` it comes up again after a pause that grows each time.
    pub(crate) fn done(&self, key: &K, retry: bool) {
        let mut state = self.lock();
        let now = Instant::now();
        state.running.remove(key);
        let failures = {
            let history = state.history(key, now);
            history.failures = if retry {
                history.failures.saturating_add(1)
            } else {
                0
            };
            history.failures
        };
        if state.again.remove(key) {
            state.admit(key.clone(), now);
        } else if retry {
            let pause = FIRST_PAUSE
                .saturating_mul(1 << failures.saturating_sub(1).min(20))
                .min(LONGEST_PAUSE);
            state.set_timer(key.clone(), now + pause);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// `key` is no more.
    pub(crate) fn forget(&self, key: &K) {
        let mut state = self.lock();
        state.history.remove(key);
        state.stop_timer(key);
    }

    /// No key comes up any longer.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_waiters();
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State<K>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Clone + Eq + Hash + Ord> State<K> {
    fn admit(&mut self, key: K, now: Instant) {
        if self.waiting.contains(&key) {
            return;
        }
        let history = self.history(&key, now);
        history.runs += 1;
        if history.runs > BURST {
            if !self.due.contains_key(&key) {
                self.set_timer(key, now + SPACING);
            }
            return;
        }
        self.make_ready(key);
    }

    fn make_ready(&mut self, key: K) {
        self.stop_timer(&key);
        if self.waiting.insert(key.clone()) {
            self.ready.push_back(key);
        }
    }

    fn ring(&mut self, now: Instant) {
        while let Some((at, key)) = self.timers.first().cloned() {
            if at > now {
                return;
            }
            self.make_ready(key);
        }
    }

    fn set_timer(&mut self, key: K, at: Instant) {
        self.stop_timer(&key);
        self.due.insert(key.clone(), at);
        self.timers.insert((at, key));
    }

    fn stop_timer(&mut self, key: &K) {
        if let Some(at) = self.due.remove(key) {
            self.timers.remove(&(at, key.clone()));
        }
    }

    fn history(&mut self, key: &K, now: Instant) -> &mut History {
        let history = self.history.entry(key.clone()).or_insert(History {
            window: now,
            runs: 0,
            failures: 0,
        });
        if now.duration_since(history.window) > WINDOW {
            (history.window, history.runs) = (now, 0);
        }
        history
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    async fn taken(queue: &Queue<u8>) -> Option<u8> {
        tokio::time::timeout(Duration::from_millis(10), queue.next())
            .await
            .ok()
            .flatten()
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_comes_up_once_however_often_it_was_added() {
        let queue = Queue::default();
        for key in [1, 1, 2, 1] {
            queue.add(key);
        }
        assert_eq!(
            (taken(&queue).await, taken(&queue).await, taken(&queue).await),
            (Some(1), Some(2), None)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_changes_while_it_is_looked_at_comes_up_again_afterwards() {
        let queue = Queue::default();
        queue.add(1);
        assert_eq!(taken(&queue).await, Some(1));
        queue.add(1);
        assert_eq!(taken(&queue).await, None, "never twice at a time");
        queue.done(&1, false);
        assert_eq!(taken(&queue).await, Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn failures_come_up_again_after_growing_pauses_and_a_change_comes_up_at_once() {
        let queue = Queue::default();
        queue.add(1);
        let mut pauses = Vec::new();
        for _ in 0..4 {
            let begin = Instant::now();
            assert_eq!(queue.next().await, Some(1));
            pauses.push(begin.elapsed());
            queue.done(&1, true);
        }
        assert!(pauses.windows(2).all(|pair| pair[0] < pair[1]), "{pauses:?}");
        queue.add(1);
        assert_eq!(taken(&queue).await, Some(1));
        queue.done(&1, false);
        assert_eq!(taken(&queue).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_never_rests_is_slowed_down_and_not_lost() {
        let queue = Queue::default();
        for _ in 0..BURST {
            queue.add(1);
            assert_eq!(taken(&queue).await, Some(1));
            queue.done(&1, false);
        }
        queue.add(1);
        assert_eq!(taken(&queue).await, None);
        let begin = Instant::now();
        assert_eq!(queue.next().await, Some(1));
        assert!(begin.elapsed() >= SPACING - Duration::from_millis(20));
    }

    #[tokio::test(start_paused = true)]
    async fn closing_wakes_all_who_wait() {
        let queue = Arc::new(Queue::<u8>::default());
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                tokio::spawn({
                    let queue = Arc::clone(&queue);
                    async move { queue.next().await }
                })
            })
            .collect();
        tokio::task::yield_now().await;
        queue.close();
        for one in waiting {
            assert_eq!(
                tokio::time::timeout(Duration::from_secs(1), one)
                    .await
                    .unwrap()
                    .unwrap(),
                None
            );
        }
    }
}
