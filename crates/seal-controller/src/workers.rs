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
        let queue = Arc::clone(&self.queue);
        loop {
            // Whoever waits would not hear of it, and keep the Lease from the others meanwhile.
            let term = tokio::select! {
                term = self.begins() => term,
                () = queue.closed() => return,
            };
            if self.lead(term).await.is_none() {
                return;
            }
        }
    }

    // The lead that has begun. Without the list of Secrets, everything would look as if it had to be made anew; and
    // what the watches told while another one led may be older than what that one wrote (S18).
    async fn begins(&mut self) -> u64 {
        loop {
            self.leadership.begins().await;
            let Some(term) = self.leadership.term() else {
                continue;
            };
            tokio::select! {
                Ok(_) = self.begun.wait_for(|begun| *begun == Some(term)) => return term,
                () = self.leadership.ends(term) => {}
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
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::queue::BURST;

    // For whom an object comes up too often, and then comes back right after it was found to be gone.
    struct ComesBack {
        queue: Arc<Queue<Key>>,
        looks: AtomicU32,
    }

    impl Reconcile for ComesBack {
        async fn reconcile(&self, key: &Key, _: Lane) -> Again {
            let looks = self.looks.fetch_add(1, Ordering::Relaxed);
            if looks <= BURST {
                self.queue.add(key.clone(), Lane::News);
            }
            match looks {
                BURST => Again::Never,
                _ => Again::OnChange,
            }
        }
    }

    fn worker(begun: &watch::Sender<Option<u64>>) -> Worker<ComesBack> {
        let queue = Arc::new(Queue::default());
        let reconciler = ComesBack {
            queue: Arc::clone(&queue),
            looks: AtomicU32::new(0),
        };
        Worker {
            reconciler: Arc::new(reconciler),
            queue,
            begun: begun.subscribe(),
            leadership: Leadership::alone(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_lists_ends_when_the_queue_is_closed() {
        let begin = watch::Sender::new(None);
        let worker = worker(&begin);
        let queue = Arc::clone(&worker.queue);
        let working = tokio::spawn(worker.work());
        tokio::time::sleep(Duration::from_secs(1)).await;
        queue.close();
        let ended = tokio::time::timeout(Duration::from_secs(1), working).await;
        assert!(ended.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn an_object_that_comes_back_as_it_is_forgotten_is_looked_at() {
        let begin = watch::Sender::new(Some(1));
        let worker = worker(&begin);
        let reconciler = Arc::clone(&worker.reconciler);
        let key = Key {
            namespace: "prod".into(),
            name: "db".into(),
        };
        worker.queue.add(key, Lane::News);
        tokio::spawn(worker.work());
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert_eq!(reconciler.looks.load(Ordering::Relaxed), BURST + 2);
    }
}
