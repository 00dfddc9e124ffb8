//! Workers: they take keys from a queue while this replica leads, one object each at a time.
//!
//! What looking at an object means is for those who [`Reconcile`].

use std::sync::Arc;

use tokio::sync::watch;

use crate::known::Key;
use crate::leadership::Leadership;
use crate::queue::{Again, Lane, Queue};

/// What brings one object at a time into line.
pub(crate) trait Reconcile: Send + Sync + 'static {
    /// Looks at the object of `key`, does what is due, and says when to look again.
    fn reconcile(&self, key: &Key, lane: Lane) -> impl Future<Output = Again> + Send;

    /// Whether there still is an object of that key.
    fn knows(&self, key: &Key) -> bool;
}

/// One of those who look at objects; clones share the work.
pub(crate) struct Worker<R> {
    /// What they do with each.
    pub(crate) reconciler: Arc<R>,
    /// Which is next.
    pub(crate) queue: Arc<Queue<Key>>,
    /// The term that began with the lists that are known.
    pub(crate) begun: watch::Receiver<Option<u64>>,
    /// Whether there is anything to do here.
    pub(crate) leadership: Leadership,
}

impl<R> Clone for Worker<R> {
    fn clone(&self) -> Self {
        Self {
            reconciler: Arc::clone(&self.reconciler),
            queue: Arc::clone(&self.queue),
            begun: self.begun.clone(),
            leadership: self.leadership.clone(),
        }
    }
}

impl<R: Reconcile> Worker<R> {
    /// Works until the queue is closed.
    pub(crate) async fn work(mut self) {
        loop {
            self.leadership.begins().await;
            let Some(term) = self.leadership.term() else {
                continue;
            };
            // Without the list of Secrets, everything would look as if it had to be made anew; and what the
            // watches told while another one led may be older than what that one wrote (S18).
            tokio::select! {
                begun = self.begun.wait_for(|begun| *begun == Some(term)) => if begun.is_err() { return },
                () = self.leadership.ends(term) => continue,
            }
            if self.lead(term).await.is_none() {
                return;
            }
        }
    }

    // Works until this term is over; `None` when there will be no more work.
    async fn lead(&mut self, term: u64) -> Option<()> {
        loop {
            let next = tokio::select! {
                next = self.queue.next() => next,
                () = self.leadership.ends(term) => return Some(()),
            };
            let (key, lane) = next?;
            // A task of its own, so that a panic ends that and not the worker.
            let mut attempt = tokio::spawn({
                let (reconciler, key) = (Arc::clone(&self.reconciler), key.clone());
                async move { reconciler.reconcile(&key, lane).await }
            });
            let again = tokio::select! {
                again = &mut attempt => again.unwrap_or(Again::AfterAPause),
                () = self.leadership.ends(term) => {
                    // What it has read is of this term, and must not be written in the next one.
                    attempt.abort();
                    drop(attempt.await);
                    self.queue.put_back(key, lane);
                    return Some(());
                }
            };
            if self.leadership.term() != Some(term) {
                // Whether it worked or not, the next leader looks at it; and so do we, should it be us.
                self.queue.put_back(key, lane);
                return Some(());
            }
            self.queue.done(&key, again);
            if !self.reconciler.knows(&key) {
                self.queue.forget(&key);
            }
        }
    }
}
