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

    /// All objects that there are.
    fn keys(&self) -> Vec<Key>;
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
    /// have told.
    pub(crate) async fn listen(self) {
        let mut leadership = self.leadership.clone();
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
                Ok((keys, lane)) => keys.into_iter().for_each(|key| self.queue.add(key, lane)),
                Err(error) => {
                    let namespace = scope.namespace();
                    warn!(namespace, %error, "a watch is taken up again");
                    // One namespace that nobody granted yet must not hold up the others, unless it is ours.
                    if error.forbidden && self.scopes.first() != Some(&scope) {
                        expected.retain(|known| *known != scope);
                    }
                }
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

    fn begin(&self, term: Option<u64>) {
        let begins = self
            .begin
            .send_if_modified(|begun| std::mem::replace(begun, term) != term);
        if begins {
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
