//! Listening: the watches of one kind of object and of what it depends on, opened in stages, and begun
//! anew with each lead.
//!
//! What is watched, and what an event is about, is for those who are [`Told`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::StreamExt;
use futures::stream::{BoxStream, SelectAll};
use kube::runtime::watcher::Event;
use seal_cluster::watch::{News, Scope, WatchInterrupted};
use tokio::sync::watch;
use tracing::{info, warn};

use crate::known::Key;
use crate::leadership::Leadership;
use crate::queue::{Lane, Queue};

/// The objects that news are about, by the scope of the watch that brought them.
pub(crate) type Changes = BoxStream<'static, (Scope, Result<(Vec<Key>, Lane), WatchInterrupted>)>;

/// Those who keep what watches tell.
pub(crate) trait Told: Send + Sync + 'static {
    /// From now on nothing counts as listed until it is listed again.
    fn list_anew(&self);

    /// Opens the watches of a stage, from 0; each stage begins once the one before has been listed. `None` when
    /// there is no such stage.
    fn open(&self, stage: usize, scopes: &[Scope]) -> Option<Changes>;

    /// Whether all of that stage has been listed in `scopes`.
    fn has_listed(&self, stage: usize, scopes: &[Scope]) -> bool;

    /// Everything has been listed, and a lead begins. Whoever has more queues than that of the objects takes them up.
    fn resume(&self, _term: u64) {}

    /// All objects that there are.
    fn keys(&self) -> Vec<Key>;

    /// Whether a cluster may do without such objects, or a role without the right to them: then nothing waits for a
    /// scope whose list is refused, and nobody is told.
    fn is_optional(&self) -> bool {
        false
    }

    /// Forgets what is kept of the object of that key, if there is none any longer. Whether that is so.
    fn forget_gone(&self, key: &Key) -> bool;
}

/// Those who listen to the watches of one kind of object.
pub(crate) struct Watches<T> {
    /// Where to watch; the first is this controller's own.
    pub(crate) scopes: Vec<Scope>,
    /// Who is told.
    pub(crate) told: T,
    /// Where the objects go that something changed about.
    pub(crate) queue: Arc<Queue<Key>>,
    /// The term that began with the lists that are known.
    pub(crate) begin: watch::Sender<Option<u64>>,
    /// Whether everything has been listed once.
    pub(crate) ready: Arc<AtomicBool>,
    /// Which term it is.
    pub(crate) leadership: Leadership,
}

impl<T: Told> Watches<T> {
    /// Listens for ever. A lead begins with new lists: whoever led before may have seen more than our watches
    /// have told (S18). Only lists that were begun after the Lease was taken show all that those have written: at the
    /// beginning the first try to take it, two calls, is waited for, and whoever succeeds lists once.
    pub(crate) async fn listen(self) {
        let mut leadership = self.leadership.clone();
        leadership.is_decided().await;
        loop {
            let term = leadership.term();
            self.told.list_anew();
            tokio::select! {
                () = self.follow(term) => return,
                () = leadership.begins_anew(term) => {}
            }
        }
    }

    async fn follow(&self, term: Option<u64>) {
        let mut expected = self.scopes.clone();
        let mut open: SelectAll<Changes> = SelectAll::new();
        let mut stage = 0;
        open.extend(self.told.open(stage, &self.scopes));
        while let Some((scope, news)) = open.next().await {
            match news {
                Ok((keys, lane)) => {
                    // What was refused once may be granted by now.
                    if !expected.contains(&scope) {
                        expected.push(scope);
                    }
                    self.hear(keys, lane);
                }
                Err(error) if self.told.is_optional() && (error.forbidden || error.unknown) => {
                    expected.retain(|known| *known != scope);
                }
                Err(error) => {
                    let namespace = scope.namespace();
                    warn!(namespace, %error, "a watch is taken up again");
                    // One namespace that nobody granted yet must not hold up the others, unless it is ours.
                    if error.forbidden && self.scopes.first() != Some(&scope) {
                        expected.retain(|known| *known != scope);
                    }
                }
            }
            // Where every list is refused there is nothing to begin with.
            if expected.is_empty() {
                continue;
            }
            while self.told.has_listed(stage, &expected) {
                let Some(next) = self.told.open(stage + 1, &self.scopes) else {
                    self.begin(term);
                    break;
                };
                open.push(next);
                stage += 1;
            }
        }
    }

    // Whoever waits queues nothing: a lead begins with all objects that there are by then.
    fn hear(&self, keys: Vec<Key>, lane: Lane) {
        let leads = self.leadership.leads();
        for key in keys {
            if leads {
                self.queue.add(key, lane);
            } else if self.told.forget_gone(&key) {
                self.queue.forget(&key);
            }
        }
    }

    fn begin(&self, term: Option<u64>) {
        let begins = self
            .begin
            .send_if_modified(|begun| std::mem::replace(begun, term) != term);
        if let Some(term) = term.filter(|_| begins) {
            self.queue.resume(term);
            self.told.resume(term);
            // Each object once, also what has not changed since: whoever leads tells of all of them.
            for key in self.told.keys() {
                self.queue.add(key, Lane::Backlog);
            }
        }
        if !self.ready.swap(true, Ordering::Relaxed) {
            info!("ready");
        }
    }
}

/// What `news` of one kind are about: `take_in` keeps them and names the objects.
pub(crate) fn changes<K: Send + 'static>(
    news: News<K>,
    take_in: impl Fn(&Scope, Event<K>) -> Vec<Key> + Send + 'static,
) -> Changes {
    news.map(move |(scope, event)| {
        let change = event.map(|event| {
            let lane = lane(&event);
            (take_in(&scope, event), lane)
        });
        (scope, change)
    })
    .boxed()
}

/// The same event about what `map` makes of its object.
pub(crate) fn mapped<K, T>(event: Event<K>, map: impl Fn(K) -> T) -> Event<T> {
    match event {
        Event::Init => Event::Init,
        Event::InitApply(object) => Event::InitApply(map(object)),
        Event::InitDone => Event::InitDone,
        Event::Apply(object) => Event::Apply(map(object)),
        Event::Delete(object) => Event::Delete(map(object)),
    }
}

// A change that is seen as it happens has somebody waiting for it.
fn lane<K>(event: &Event<K>) -> Lane {
    match event {
        Event::Init | Event::InitApply(_) | Event::InitDone => Lane::Backlog,
        Event::Apply(_) | Event::Delete(_) => Lane::News,
    }
}

#[cfg(test)]
mod tests {
    use seal_cluster::lease::Standing;

    use super::*;

    // Of whose objects one was made, changed and deleted; with a second queue.
    struct OneIsGone(Arc<Queue<Key>>);

    fn key(name: &str) -> Key {
        Key {
            namespace: "prod".into(),
            name: name.into(),
        }
    }

    impl Told for OneIsGone {
        fn list_anew(&self) {}

        fn resume(&self, term: u64) {
            self.0.resume(term);
        }

        fn open(&self, stage: usize, _: &[Scope]) -> Option<Changes> {
            let news =
                ["stays", "goes", "goes"].map(|name| (Scope::Cluster, Ok((vec![key(name)], Lane::News))));
            (stage == 0).then(|| futures::stream::iter(news).boxed())
        }

        fn has_listed(&self, _: usize, _: &[Scope]) -> bool {
            true
        }

        fn keys(&self) -> Vec<Key> {
            vec![key("stays")]
        }

        fn forget_gone(&self, gone: &Key) -> bool {
            *gone == key("goes")
        }
    }

    async fn heard(standing: Standing) -> [Arc<Queue<Key>>; 2] {
        let standing = watch::Sender::new(standing);
        let (queue, other) = (Arc::new(Queue::default()), Arc::new(Queue::default()));
        other.add(key("other"), Lane::News);
        let watches = Watches {
            scopes: vec![Scope::Cluster],
            told: OneIsGone(Arc::clone(&other)),
            queue: Arc::clone(&queue),
            begin: watch::Sender::new(None),
            ready: Arc::default(),
            leadership: Leadership::of(standing.subscribe()),
        };
        queue.resume(1);
        watches.listen().await;
        [queue, other]
    }

    #[tokio::test]
    async fn who_waits_keeps_nothing_of_objects_that_are_gone_and_who_leads_looks_at_all() {
        let [waiting, _] = heard(Standing::Waits { holder: None }).await;
        assert_eq!(waiting.backlog(1).depth, 0);
        let [leading, other] = heard(Standing::Leads { term: 1 }).await;
        assert_eq!(leading.backlog(1).depth, 2);
        assert_eq!(
            other.backlog(1).depth,
            1,
            "what waits in the other queue counts too"
        );
    }
}
