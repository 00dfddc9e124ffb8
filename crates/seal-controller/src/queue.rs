//! Which object is looked at next: what changed before what merely has not been looked at yet, the
//! namespaces in turn; each object at most once at a time, later when it failed, and not endlessly
//! often however much it changes.
//!
//! What looking at an object means is not known here.

mod lanes;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use lanes::Lanes;
pub(crate) use lanes::{Grouped, Lane};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
// An object may come up this often within the window; after that it waits. Two controllers that undo
// each other's work would otherwise keep a core busy for ever.
pub(crate) const BURST: u32 = 30;
const WINDOW: Duration = Duration::from_secs(60);
const SPACING: Duration = Duration::from_secs(5);

/// A queue of keys.
pub(crate) struct Queue<K: Grouped> {
    state: Mutex<State<K>>,
    changed: Notify,
    closed: watch::Sender<bool>,
}

struct State<K: Grouped> {
    ready: Lanes<K>,
    running: HashMap<K, Instant>,
    again: HashSet<K>,
    timers: BTreeSet<(Instant, K)>,
    due: HashMap<K, Instant>,
    history: HashMap<K, History>,
    resumed: Option<(u64, Instant)>,
    progress: Instant,
}

struct History {
    window: Instant,
    runs: u32,
    failures: u32,
}

/// Whether an object that was looked at comes up again although nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// No.
    OnChange,
    /// After a pause that grows each time.
    AfterAPause,
    /// No: it is no more, and what is known of it is forgotten.
    Never,
    /// Then.
    At(Instant),
}

/// How the work stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Backlog {
    /// How many keys are due and not being looked at.
    pub(crate) depth: usize,
    /// For how long something has been due or under way; zero where nothing is.
    pub(crate) oldest: Duration,
    /// For how long nothing was finished although something was due.
    pub(crate) stalled: Duration,
}

impl Backlog {
    /// Both at once.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            depth: self.depth + other.depth,
            oldest: self.oldest.max(other.oldest),
            stalled: self.stalled.max(other.stalled),
        }
    }
}

impl<K: Grouped> Default for Queue<K> {
    fn default() -> Self {
        let state = State {
            ready: Lanes::default(),
            running: HashMap::new(),
            again: HashSet::new(),
            timers: BTreeSet::new(),
            due: HashMap::new(),
            history: HashMap::new(),
            resumed: None,
            progress: Instant::now(),
        };
        Self {
            state: Mutex::new(state),
            changed: Notify::new(),
            closed: watch::Sender::new(false),
        }
    }
}

impl<K: Grouped> Queue<K> {
    /// `key` is to be looked at: it comes up in its lane, and once more if it is being looked at now.
    pub(crate) fn add(&self, key: K, lane: Lane) {
        let mut state = self.lock();
        if state.running.contains_key(&key) {
            state.again.insert(key);
            return;
        }
        state.admit(key, lane, Instant::now());
        drop(state);
        self.changed.notify_one();
    }

    /// The next key, when there is one, and the lane it came in; `None` after [`Queue::close`].
    /// [`Queue::done`] must follow. Nothing is lost when the wait is given up.
    pub(crate) async fn next(&self) -> Option<(K, Lane)> {
        loop {
            let notified = self.changed.notified();
            let next_timer = {
                if *self.closed.borrow() {
                    return None;
                }
                let mut state = self.lock();
                let now = Instant::now();
                state.ring(now);
                if let Some((key, lane)) = state.ready.pop() {
                    state.running.insert(key.clone(), now);
                    // Another worker may be asleep while more is ready.
                    if !state.ready.is_empty() {
                        self.changed.notify_one();
                    }
                    return Some((key, lane));
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

    /// `key` has been looked at.
    pub(crate) fn done(&self, key: &K, again: Again) {
        let retry = again == Again::AfterAPause;
        let appointment = match again {
            Again::At(time) => Some(time),
            Again::OnChange | Again::AfterAPause | Again::Never => None,
        };
        let mut state = self.lock();
        let now = Instant::now();
        state.progress = now;
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
            state.admit(key.clone(), Lane::News, now);
        } else if again == Again::Never {
            state.forget(key);
        } else if retry {
            let pause = FIRST_PAUSE
                .saturating_mul(1 << failures.saturating_sub(1).min(20))
                .min(LONGEST_PAUSE);
            state.set_timer(key.clone(), now + pause);
        } else if let Some(time) = appointment {
            state.set_timer(key.clone(), time);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// `key` was not looked at after all: it comes up again as if it never had.
    pub(crate) fn put_back(&self, key: K, lane: Lane) {
        let mut state = self.lock();
        state.running.remove(&key);
        state.again.remove(&key);
        state.make_ready(key, lane, Instant::now());
        drop(state);
        self.changed.notify_one();
    }

    /// `key` is no more.
    pub(crate) fn forget(&self, key: &K) {
        self.lock().forget(key);
    }

    /// From now on somebody takes what comes up, in this lead: what waited until now was not late.
    pub(crate) fn resume(&self, term: u64) {
        self.lock().resumed = Some((term, Instant::now()));
    }

    /// How the work of that lead stands. There is none before it was taken up.
    pub(crate) fn backlog(&self, term: u64) -> Backlog {
        let state = self.lock();
        let Some((_, resumed)) = state.resumed.filter(|(resumed, _)| *resumed == term) else {
            return Backlog::default();
        };
        let now = Instant::now();
        let begun = state.running.values().copied().min();
        let oldest = state.ready.oldest().into_iter().chain(begun).min();
        let oldest = oldest.map(|since| since.max(resumed));
        Backlog {
            depth: state.ready.len(),
            oldest: oldest.map_or(Duration::ZERO, |since| now - since),
            stalled: oldest.map_or(Duration::ZERO, |since| now - since.max(state.progress)),
        }
    }

    /// No key comes up any longer.
    pub(crate) fn close(&self) {
        self.closed.send_replace(true);
        self.changed.notify_waiters();
        self.changed.notify_one();
    }

    /// Returns when no key comes up any longer.
    pub(crate) async fn closed(&self) {
        // It cannot fail: the sender is here.
        drop(self.closed.subscribe().wait_for(|closed| *closed).await);
    }

    fn lock(&self) -> MutexGuard<'_, State<K>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Grouped> State<K> {
    fn admit(&mut self, key: K, lane: Lane, now: Instant) {
        if self.ready.contains(&key) {
            self.ready.push(key, lane, now);
            return;
        }
        let history = self.history(&key, now);
        history.runs += 1;
        if history.runs > BURST {
            // An appointment of next week is no reason to wait until then.
            if self.due.get(&key).is_none_or(|at| *at > now + SPACING) {
                self.stop_timer(&key);
                self.set_timer(key, now + SPACING);
            }
            return;
        }
        self.make_ready(key, lane, now);
    }

    fn make_ready(&mut self, key: K, lane: Lane, now: Instant) {
        self.stop_timer(&key);
        self.ready.push(key, lane, now);
    }

    fn ring(&mut self, now: Instant) {
        while let Some((at, key)) = self.timers.first().cloned() {
            if at > now {
                return;
            }
            // It waited because it failed, or comes too often: what is new goes first.
            self.make_ready(key, Lane::Backlog, now);
        }
    }

    fn set_timer(&mut self, key: K, at: Instant) {
        self.stop_timer(&key);
        self.due.insert(key.clone(), at);
        self.timers.insert((at, key));
    }

    fn forget(&mut self, key: &K) {
        self.history.remove(key);
        self.stop_timer(key);
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

    impl Grouped for u8 {
        type Group = u8;

        fn group(&self) -> u8 {
            self / 100
        }
    }

    async fn taken(queue: &Queue<u8>) -> Option<u8> {
        let next = tokio::time::timeout(Duration::from_millis(10), queue.next()).await;
        next.ok().flatten().map(|(key, _)| key)
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_comes_up_once_however_often_it_was_added() {
        let queue = Queue::default();
        for key in [1, 1, 2, 1] {
            queue.add(key, Lane::News);
        }
        assert_eq!(
            (taken(&queue).await, taken(&queue).await, taken(&queue).await),
            (Some(1), Some(2), None)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_appointment_is_kept_unless_something_changes_before() {
        let queue = Queue::default();
        queue.add(1, Lane::News);
        assert_eq!(taken(&queue).await, Some(1));
        let hour = Duration::from_secs(3600);
        queue.done(&1, Again::At(Instant::now() + hour));
        assert_eq!(taken(&queue).await, None);
        tokio::time::advance(hour).await;
        assert_eq!(taken(&queue).await, Some(1));
        queue.done(&1, Again::At(Instant::now() + hour));
        queue.add(1, Lane::News);
        assert_eq!(taken(&queue).await, Some(1));
        queue.done(&1, Again::OnChange);
        tokio::time::advance(2 * hour).await;
        assert_eq!(taken(&queue).await, None, "the appointment was overtaken");
    }

    #[tokio::test(start_paused = true)]
    async fn news_beyond_the_burst_wait_for_the_spacing_and_not_for_an_appointment() {
        let queue = Queue::default();
        let hour = Duration::from_secs(3600);
        for _ in 0..=BURST {
            queue.add(1, Lane::News);
            while taken(&queue).await.is_some() {
                queue.done(&1, Again::At(Instant::now() + hour));
            }
        }
        queue.add(1, Lane::News);
        assert_eq!(taken(&queue).await, None);
        tokio::time::advance(SPACING).await;
        assert_eq!(taken(&queue).await, Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn what_changes_while_it_is_looked_at_comes_up_again_afterwards() {
        let queue = Queue::default();
        queue.add(1, Lane::News);
        assert_eq!(taken(&queue).await, Some(1));
        queue.add(1, Lane::News);
        assert_eq!(taken(&queue).await, None, "never twice at a time");
        queue.done(&1, Again::OnChange);
        assert_eq!(taken(&queue).await, Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn failures_come_up_again_after_growing_pauses_and_a_change_comes_up_at_once() {
        let queue = Queue::default();
        queue.add(1, Lane::News);
        let mut pauses = Vec::new();
        for _ in 0..4 {
            let begin = Instant::now();
            assert_eq!(queue.next().await.map(|(key, _)| key), Some(1));
            pauses.push(begin.elapsed());
            queue.done(&1, Again::AfterAPause);
        }
        assert!(pauses.windows(2).all(|pair| pair[0] < pair[1]), "{pauses:?}");
        queue.add(1, Lane::News);
        assert_eq!(taken(&queue).await, Some(1));
        queue.done(&1, Again::OnChange);
        assert_eq!(taken(&queue).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_never_rests_is_slowed_down_and_not_lost() {
        let queue = Queue::default();
        for _ in 0..BURST {
            queue.add(1, Lane::News);
            assert_eq!(taken(&queue).await, Some(1));
            queue.done(&1, Again::OnChange);
        }
        queue.add(1, Lane::News);
        assert_eq!(taken(&queue).await, None);
        let begin = Instant::now();
        assert_eq!(queue.next().await, Some((1, Lane::Backlog)));
        assert!(begin.elapsed() >= SPACING - Duration::from_millis(20));
    }

    #[tokio::test(start_paused = true)]
    async fn of_what_is_no_more_nothing_is_kept() {
        let queue = Queue::default();
        queue.add(1, Lane::News);
        assert_eq!(taken(&queue).await, Some(1));
        queue.done(&1, Again::Never);
        assert!(queue.lock().history.is_empty());
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

    #[tokio::test(start_paused = true)]
    async fn the_backlog_tells_how_long_something_is_due_and_for_how_long_nothing_moved() {
        let queue = Queue::default();
        let seconds = Duration::from_secs;
        queue.resume(1);
        tokio::time::advance(seconds(60)).await;
        let stands = |depth, oldest, stalled| Backlog {
            depth,
            oldest: seconds(oldest),
            stalled: seconds(stalled),
        };
        assert_eq!(queue.backlog(1), stands(0, 0, 0), "nothing is due");
        queue.add(1, Lane::News);
        queue.add(2, Lane::News);
        tokio::time::advance(seconds(5)).await;
        assert_eq!(queue.backlog(1), stands(2, 5, 5));
        assert_eq!(taken(&queue).await, Some(1));
        queue.done(&1, Again::AfterAPause);
        assert_eq!(
            queue.backlog(1),
            stands(1, 5, 0),
            "something moved, and who waits for a retry is not due"
        );
        assert_eq!(taken(&queue).await, Some(2));
        tokio::time::advance(seconds(7)).await;
        assert_eq!(
            queue.backlog(1).stalled,
            seconds(7),
            "the one under way does not end"
        );
        assert_eq!(queue.backlog(2), stands(0, 0, 0), "not taken up yet");
        queue.resume(2);
        assert_eq!(
            queue.backlog(2),
            stands(0, 0, 0),
            "a new leader is not late with what others left"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_put_back_comes_up_in_its_lane_and_counts_as_no_attempt() {
        let queue = Queue::default();
        queue.add(1, Lane::Backlog);
        assert_eq!(queue.next().await, Some((1, Lane::Backlog)));
        queue.put_back(1, Lane::Backlog);
        assert_eq!(queue.next().await, Some((1, Lane::Backlog)));
        queue.done(&1, Again::OnChange);
        assert_eq!(taken(&queue).await, None);
    }
}
